/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The world of the CoAP adapter's tests: a host that records events and runs no turn, so that the test
 * decides when something is durable, and a client that speaks CoAP in bytes, independent of libcoap.
 *
 * On the loopback interface a datagram is in the peer's queue when sendto() returns. So after a step of
 * the world "nothing has come" is a fact and not a matter of waiting.
 */
#include "tests/lib/unit.h"

#include "protocols/coap/coap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define WORLD_EVENTS 8192

struct PortWatch {
        int fd;
        void (*fn)(void *, uint32_t);
        void *userdata;
        bool used;
};

struct PortTimer {
        void (*fn)(void *);
        void *userdata;
        uint64_t after_us;
};

typedef struct World {
        PortHost host;
        Config config;
        Codec *codec;
        CoapPort *coap;
        Port port;
        PortWatch watches[2];
        PortTimer timer;
        Event events[WORLD_EVENTS]; /* pushed, in order; bodies owned */
        uint32_t n_events;
        uint32_t runs;
        bool inbox_full;
        bool keep; /* false: bodies are let go at once and events overwritten (long runs) */
} World;

static inline int world_watch(PortHost *h, PortWatch **ret, int fd, uint32_t events, PortPriority priority,
        void (*fn)(void *, uint32_t), void *userdata)
{
        World *w = (World *)h;

        assert_int_equal(priority, PORT_PRIORITY_ALARM);
        for (unsigned i = 0; i < N_ELEMENTS(w->watches); i++)
                if (!w->watches[i].used) {
                        w->watches[i] = (PortWatch){.fd = fd, .fn = fn, .userdata = userdata, .used = true};
                        *ret = &w->watches[i];
                        return 0;
                }
        fail();
        return -EBUSY;
}

static inline PortWatch *world_watch_free(PortWatch *watch)
{
        if (watch)
                watch->used = false;
        return NULL;
}

static inline int world_timer(
        PortHost *h, PortTimer **ret, PortPriority priority, void (*fn)(void *), void *userdata)
{
        World *w = (World *)h;

        w->timer = (PortTimer){.fn = fn, .userdata = userdata, .after_us = UINT64_MAX};
        *ret = &w->timer;
        return 0;
}

static inline int world_timer_set(PortTimer *timer, uint64_t after_us)
{
        timer->after_us = after_us;
        return 0;
}

static inline PortTimer *world_timer_free(PortTimer *timer)
{
        return NULL;
}

static inline Event *world_event(PortHost *h)
{
        World *w = (World *)h;

        if (w->inbox_full)
                return NULL;
        if (!w->keep && w->n_events == WORLD_EVENTS)
                w->n_events = 0;
        assert_true(w->n_events < WORLD_EVENTS);
        free(w->events[w->n_events].body);
        w->events[w->n_events] = (Event){0};
        return &w->events[w->n_events];
}

static inline int world_body(Event *e, const void *bytes, size_t n)
{
        e->body = malloc(n + 1);
        assert_non_null(e->body);
        if (n > 0)
                memcpy(e->body, bytes, n);
        e->body[n] = 0;
        e->body_size = (uint32_t)n;
        return 0;
}

static inline void world_push(PortHost *h, Event *e)
{
        World *w = (World *)h;

        assert_ptr_equal(e, &w->events[w->n_events]);
        w->n_events++;
}

static inline void world_discard(PortHost *h, Event *e)
{
        free(e->body);
        e->body = NULL;
}

static inline uint64_t world_run(PortHost *h)
{
        ((World *)h)->runs++;
        return 1;
}

static inline void world_count(PortHost *h, const char *what)
{
        assert_non_null(what);
}

static inline World *world_open(const char *listen, const char *listen_dtls, const char *psk_file)
{
        World *w = calloc(1, sizeof(World));

        assert_non_null(w);
        w->keep = true;
        w->host = (PortHost){.watch = world_watch,
                .watch_free = world_watch_free,
                .timer = world_timer,
                .timer_set = world_timer_set,
                .timer_free = world_timer_free,
                .event_new = world_event,
                .event_body = world_body,
                .push = world_push,
                .discard = world_discard,
                .run = world_run,
                .count = world_count};
        assert_int_equal(codec_new(&w->codec), 0);
        (void)snprintf(w->config.coap_listen, sizeof(w->config.coap_listen), "%s", listen);
        (void)snprintf(w->config.coap_listen_dtls, sizeof(w->config.coap_listen_dtls), "%s", listen_dtls);
        (void)snprintf(w->config.coap_psk_file, sizeof(w->config.coap_psk_file), "%s", psk_file);
        w->config.coap_sessions_max = 100;
        return w;
}

static inline World *world_new(void)
{
        World *w = world_open("127.0.0.1:0", "", "");

        assert_int_equal(cport_new(&w->coap, &w->host, &w->config, w->codec, &w->port), 0);
        assert_true(cport_number(w->coap, false) != 0);
        return w;
}

static inline void world_free(World *w)
{
        cport_free(w->coap);
        codec_free(w->codec);
        for (unsigned i = 0; i < WORLD_EVENTS; i++)
                free(w->events[i].body);
        free(w);
}

/* Serves what is there, or comes within wait_ms; true: there was something. */
static inline bool world_step(World *w, int wait_ms)
{
        struct pollfd fds[N_ELEMENTS(w->watches)];
        bool any = false;

        for (unsigned i = 0; i < N_ELEMENTS(w->watches); i++)
                fds[i] = (struct pollfd){.fd = w->watches[i].used ? w->watches[i].fd : -1, .events = POLLIN};
        if (poll(fds, N_ELEMENTS(fds), wait_ms) <= 0)
                return false;
        for (unsigned i = 0; i < N_ELEMENTS(w->watches); i++)
                if (w->watches[i].used && fds[i].revents) {
                        w->watches[i].fn(w->watches[i].userdata, (uint32_t)fds[i].revents);
                        any = true;
                }
        return any;
}

static inline void world_settle(World *w)
{
        for (int i = 0; i < 100 && world_step(w, 0); i++)
                ;
}

static inline void world_receipt(World *w, const Event *e, uint64_t incident, const char *json)
{
        PortReceipt receipt = {.hold = e->hold,
                .device = e->source,
                .event_id = e->id,
                .incident = incident,
                .seq = 88123,
                .json = json,
                .json_size = strlen(json)};

        w->port.ops->receipt(w->port.port, &receipt);
}

static inline void world_lamp(World *w, uint64_t incident, Lamp lamp, bool open)
{
        w->port.ops->lamp(w->port.port, "sos-101", incident, lamp, open);
}

/* ---- a client in bytes: RFC 7252 section 3 ---- */

enum { CON, NON, ACK, RST };
enum { GET = 1, POST, PUT, DELETE };
#define CODE(class, detail) ((class) << 5 | (detail))

typedef struct Message {
        uint8_t bytes[2048];
        size_t n;
        unsigned number; /* of the last option */
} Message;

static inline Message message(unsigned type, unsigned code, uint16_t mid, const char *token)
{
        Message m = {.bytes = {(uint8_t)(0x40 | type << 4 | strlen(token)), (uint8_t)code,
                             (uint8_t)(mid >> 8), (uint8_t)mid},
                .n = 4};

        memcpy(m.bytes + 4, token, strlen(token));
        m.n += strlen(token);
        return m;
}

static inline unsigned nibble(size_t value, uint8_t extra[2], size_t *ret_n)
{
        *ret_n = value < 13 ? 0 : value < 269 ? 1 : 2;
        if (*ret_n == 1)
                extra[0] = (uint8_t)(value - 13);
        if (*ret_n == 2) {
                extra[0] = (uint8_t)((value - 269) >> 8);
                extra[1] = (uint8_t)(value - 269);
        }
        return *ret_n == 0 ? (unsigned)value : *ret_n == 1 ? 13 : 14;
}

static inline void option(Message *m, unsigned number, const void *value, size_t n)
{
        uint8_t delta[2], length[2];
        size_t n_delta, n_length;
        unsigned d = nibble(number - m->number, delta, &n_delta), l = nibble(n, length, &n_length);

        assert_true(number >= m->number && m->n + 5 + n <= sizeof(m->bytes));
        m->bytes[m->n++] = (uint8_t)(d << 4 | l);
        memcpy(m->bytes + m->n, delta, n_delta);
        memcpy(m->bytes + m->n + n_delta, length, n_length);
        m->n += n_delta + n_length;
        if (n > 0)
                memcpy(m->bytes + m->n, value, n);
        m->n += n;
        m->number = number;
}

static inline void option_text(Message *m, unsigned number, const char *text)
{
        option(m, number, text, strlen(text));
}

static inline void option_byte(Message *m, unsigned number, uint8_t value)
{
        option(m, number, &value, 1);
}

static inline void path(Message *m, const char *text)
{
        while (*text) {
                size_t n = strcspn(text, "/");

                option(m, 11, text, n);
                text += n + (text[n] == '/');
        }
}

static inline void payload(Message *m, const void *bytes, size_t n)
{
        assert_true(m->n + 1 + n <= sizeof(m->bytes));
        m->bytes[m->n++] = 0xff;
        memcpy(m->bytes + m->n, bytes, n);
        m->n += n;
}

/* POST /v1/alarm/sos?d=sos-101&id=<id>; format < 0: none. */
static inline Message press_format(
        unsigned type, uint16_t mid, const char *token, const char *id, int format)
{
        Message m = message(type, POST, mid, token);
        char query[80];

        path(&m, "v1/alarm/sos");
        if (format >= 0)
                option_byte(&m, 12, (uint8_t)format);
        option_text(&m, 15, "d=sos-101");
        (void)snprintf(query, sizeof(query), "id=%s", id);
        option_text(&m, 15, query);
        return m;
}

static inline Message press(unsigned type, uint16_t mid, const char *token, const char *id)
{
        return press_format(type, mid, token, id, -1);
}

typedef struct Reply {
        uint8_t bytes[2048];
        size_t n;
        unsigned type, code, mid;
        char token[9];
        char location[128]; /* "a/1042" */
        char body[1500];
        int format, observe, max_age, size1; /* -1: absent */
} Reply;

static inline int uint_of(const uint8_t *p, size_t n)
{
        int value = 0;

        for (size_t i = 0; i < n; i++)
                value = value << 8 | p[i];
        return value;
}

static inline void reply_option(Reply *r, unsigned number, const uint8_t *value, size_t n)
{
        if (number == 6)
                r->observe = uint_of(value, n);
        if (number == 8)
                (void)snprintf(r->location + strlen(r->location), sizeof(r->location) - strlen(r->location),
                        "%s%.*s", r->location[0] ? "/" : "", (int)n, (const char *)value);
        if (number == 12)
                r->format = uint_of(value, n);
        if (number == 14)
                r->max_age = uint_of(value, n);
        if (number == 60)
                r->size1 = uint_of(value, n);
}

static inline size_t extended(const uint8_t **p, unsigned nib)
{
        size_t value = nib;

        if (nib == 13)
                value = 13u + *(*p)++;
        if (nib == 14) {
                value = 269u + ((size_t)(*p)[0] << 8 | (*p)[1]);
                *p += 2;
        }
        return value;
}

static inline void reply_parse(Reply *r)
{
        const uint8_t *p = r->bytes + 4, *end = r->bytes + r->n;
        unsigned number = 0, token_size = r->bytes[0] & 15;

        assert_true(r->n >= 4 && r->bytes[0] >> 6 == 1 && token_size <= 8);
        r->type = r->bytes[0] >> 4 & 3;
        r->code = r->bytes[1];
        r->mid = (unsigned)r->bytes[2] << 8 | r->bytes[3];
        memcpy(r->token, p, token_size);
        p += token_size;
        while (p < end && *p != 0xff) {
                unsigned delta = *p >> 4, length = *p & 15;

                p++;
                number += (unsigned)extended(&p, delta);
                size_t n = extended(&p, length);
                assert_true(p + n <= end);
                reply_option(r, number, p, n);
                p += n;
        }
        if (p < end) {
                p++;
                assert_true((size_t)(end - p) < sizeof(r->body));
                memcpy(r->body, p, (size_t)(end - p));
        }
}

/* A device: a socket of its own. */
static inline int device_new(const World *w)
{
        struct sockaddr_in to = {.sin_family = AF_INET,
                .sin_port = htons(cport_number(w->coap, false)),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        assert_true(fd >= 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
        return fd;
}

static inline void device_send(int fd, const Message *m)
{
        assert_int_equal(send(fd, m->bytes, m->n, 0), (ssize_t)m->n);
}

static inline bool device_receive(int fd, Reply *ret)
{
        ssize_t n;

        *ret = (Reply){.format = -1, .observe = -1, .max_age = -1, .size1 = -1};
        n = recv(fd, ret->bytes, sizeof(ret->bytes), 0);
        if (n < 0)
                return false;
        ret->n = (size_t)n;
        reply_parse(ret);
        return true;
}

static inline void device_silence(int fd)
{
        Reply r;

        assert_false(device_receive(fd, &r));
        assert_int_equal(errno, EAGAIN);
}

/* Sends, lets the world serve it, and returns the one answer. */
static inline Reply device_ask(World *w, int fd, const Message *m)
{
        Reply r;

        device_send(fd, m);
        world_settle(w);
        assert_true(device_receive(fd, &r));
        device_silence(fd);
        return r;
}

/* Sends an alarm and returns its event; nothing has come back. */
static inline Event *device_alarm(World *w, int fd, const Message *m)
{
        uint32_t n = w->n_events;

        device_send(fd, m);
        world_settle(w);
        assert_int_equal(w->n_events, n + 1);
        device_silence(fd);
        return &w->events[n];
}
