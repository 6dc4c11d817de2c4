/* SPDX-License-Identifier: Apache-2.0 */
/* CoAP devices in numbers: sockets, requests under way, and their retransmission (RFC 7252, section 4.2). */
#include "tools/huying-sim/sim.h"

#include "base/assert.h"
#include "base/error.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#define REQUEST_MAX    512
#define WINDOW_MAX     64
#define ACK_TIMEOUT_US (2 * USEC_PER_SEC)
#define TRIES_MAX      5 /* RFC 7252: MAX_RETRANSMIT 4 */
#define LOOK_US        (100 * USEC_PER_MSEC)

enum { OPTION_URI_PATH = 11, OPTION_CONTENT_FORMAT = 12, OPTION_URI_QUERY = 15, FORMAT_JSON = 50 };

typedef struct Request {
        bool used;
        uint16_t mid;
        uint8_t tries;
        uint32_t tag;
        uint64_t due_us;
        size_t n;
        uint8_t bytes[REQUEST_MAX];
} Request;

typedef struct Peer {
        CoapLoad *load;
        SimSource source;
        uint16_t mid;
        Request *requests; /* `window` of them */
} Peer;

struct CoapLoad {
        Sim *sim;
        Peer *peers;
        unsigned n_peers, window, next;
        SimSource look;
        CoapLoadCounts counts;
        void (*answered)(void *userdata, uint32_t tag);
        void *userdata;
};

/* An option of at most 268 bytes, in the encoding of RFC 7252, section 3.1. */
static void put_option(Str *s, unsigned *number, unsigned option, const char *value, size_t n)
{
        unsigned delta = option - *number;
        char head[2] = {(char)(delta << 4 | (n < 13 ? n : 13)), (char)(n < 13 ? 0 : n - 13)};

        ASSERT(delta < 13 && n < 269);
        str_addn(s, head, n < 13 ? 1 : 2);
        str_addn(s, value, n);
        *number = option;
}

static void put_words(Str *s, unsigned *number, const char *kind)
{
        put_option(s, number, OPTION_URI_PATH, "v1", 2);
        while (*kind) {
                size_t n = strcspn(kind, "/");

                put_option(s, number, OPTION_URI_PATH, kind, n);
                kind += n + (kind[n] == '/');
        }
}

static void request_send(Peer *p, Request *q)
{
        q->tries++;
        q->due_us = sim_now_us() + (ACK_TIMEOUT_US << (q->tries - 1));
        (void)send(p->source.fd, q->bytes, q->n,
                MSG_DONTWAIT); /* lost: sent again, as if the radio had lost it */
}

static Request *request_free(Peer *p)
{
        for (unsigned i = 0; i < p->load->window; i++)
                if (!p->requests[i].used)
                        return &p->requests[i];
        return NULL;
}

static void peer_answer(Peer *p, const uint8_t *bytes, ssize_t n)
{
        CoapLoad *l = p->load;

        if (n < 4 || (bytes[0] & 0x30) != 0x20) /* no ACK */
                return;
        for (unsigned i = 0; i < l->window; i++) {
                Request *q = &p->requests[i];

                if (!q->used || q->mid != (uint16_t)(bytes[2] << 8 | bytes[3]))
                        continue;
                q->used = false;
                if (bytes[1] >> 5 == 2) {
                        l->counts.answered++;
                        l->answered(l->userdata, q->tag);
                } else {
                        l->counts.refused++;
                }
                return;
        }
}

static void peer_on_io(void *userdata, short revents)
{
        uint8_t bytes[2048];
        Peer *p = userdata;
        ssize_t n;

        while ((n = recv(p->source.fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
                peer_answer(p, bytes, n);
}

static void load_look(void *userdata, short revents)
{
        CoapLoad *l = userdata;
        uint64_t now = sim_now_us();

        l->look.due_us = now + LOOK_US;
        for (unsigned i = 0; i < l->n_peers; i++)
                for (unsigned k = 0; k < l->window; k++) {
                        Request *q = &l->peers[i].requests[k];

                        if (!q->used || q->due_us > now)
                                continue;
                        if (q->tries == TRIES_MAX) {
                                q->used = false;
                                l->counts.given_up++;
                                continue;
                        }
                        l->counts.retransmitted++;
                        request_send(&l->peers[i], q);
                }
}

bool coap_load_post(
        CoapLoad *l, const char *kind, const char *device, const char *id, const char *json, uint32_t tag)
{
        Request *q = NULL;
        Peer *p = NULL;
        char query[CODE_QUERY_MAX];
        unsigned number = 0;
        Str s, t;

        for (unsigned i = 0; i < l->n_peers && !q; i++) {
                p = &l->peers[l->next++ % l->n_peers];
                q = request_free(p);
        }
        if (!q)
                return false;
        q->mid = p->mid++;
        /* version 1, CON, a token of two bytes; 0.02 POST */
        s = (Str){.p = (char *)q->bytes, .cap = sizeof(q->bytes)};
        str_addn(&s,
                (char[]){0x42, 0x02, (char)(q->mid >> 8), (char)q->mid, (char)(q->mid >> 8), (char)q->mid},
                6);
        put_words(&s, &number, kind);
        if (json)
                put_option(&s, &number, OPTION_CONTENT_FORMAT, (char[]){FORMAT_JSON}, 1);
        t = (Str)STR_BUFFER(query);
        str_addf(&t, "d=%s", device);
        put_option(&s, &number, OPTION_URI_QUERY, query, t.n);
        if (id[0]) {
                t = (Str)STR_BUFFER(query);
                str_addf(&t, "id=%s", id);
                put_option(&s, &number, OPTION_URI_QUERY, query, t.n);
        }
        if (json) {
                str_addn(&s, (char[]){(char)0xff}, 1);
                str_add(&s, json);
        }
        ASSERT(!s.full && !t.full);
        q->n = s.n;
        q->used = true;
        q->tries = 0;
        q->tag = tag;
        l->counts.sent++;
        request_send(p, q);
        return true;
}

CoapLoadCounts coap_load_counts(const CoapLoad *l)
{
        return l->counts;
}

static int peer_init(Peer *p, CoapLoad *l, const struct addrinfo *to)
{
        int fd = socket(to->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0)
                return error_origin(-errno);
        *p = (Peer){.load = l,
                .source = {.fd = fd, .events = POLLIN, .due_us = SIM_NEVER, .fn = peer_on_io, .userdata = p},
                .requests = calloc(l->window, sizeof(Request))};
        sim_add(l->sim, &p->source);
        l->n_peers++;
        if (!p->requests)
                return error_origin(-ENOMEM);
        return connect(fd, to->ai_addr, to->ai_addrlen) < 0 ? error_origin(-errno) : 0;
}

int coap_load_new(CoapLoad **ret, Sim *sim, const char *host, uint32_t port, unsigned peers, unsigned window,
        void (*answered)(void *userdata, uint32_t tag), void *userdata)
{
        _cleanup_(coap_load_freep) CoapLoad *l = calloc(1, sizeof(CoapLoad));
        const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
        struct addrinfo *found = NULL;
        char service[8];
        Str s = STR_BUFFER(service);
        int r = 0;

        ASSERT(peers > 0 && window > 0 && window <= WINDOW_MAX);
        if (!l)
                return error_origin(-ENOMEM);
        *l = (CoapLoad){.sim = sim, .window = window, .answered = answered, .userdata = userdata};
        l->look = (SimSource){.fd = -1, .due_us = sim_now_us() + LOOK_US, .fn = load_look, .userdata = l};
        sim_add(sim, &l->look);
        l->peers = calloc(peers, sizeof(Peer));
        if (!l->peers)
                return error_origin(-ENOMEM);
        str_addf(&s, "%u", port);
        if (getaddrinfo(host, service, &hints, &found) != 0)
                return error_origin(-EHOSTUNREACH);
        for (unsigned i = 0; i < peers && r == 0; i++)
                r = peer_init(&l->peers[i], l, found);
        freeaddrinfo(found);
        if (r < 0)
                return error_trace(r);
        *ret = TAKE_PTR(l);
        return 0;
}

CoapLoad *coap_load_free(CoapLoad *l)
{
        if (!l)
                return NULL;
        sim_remove(l->sim, &l->look);
        for (unsigned i = 0; i < l->n_peers; i++) {
                sim_remove(l->sim, &l->peers[i].source);
                close(l->peers[i].source.fd);
                free(l->peers[i].requests);
        }
        free(l->peers);
        free(l);
        return NULL;
}
