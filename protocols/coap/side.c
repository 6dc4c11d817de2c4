/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A libcoap context: sockets, keys, and how it is driven.
 *
 * UDP and DTLS each have a context of their own, because libcoap goes through all sessions of a context for
 * every datagram: the sessions of DTLS must last and may be thousands, those of UDP are worth nothing and
 * are kept few.
 *
 * The context's epoll descriptor holds the sockets and libcoap's own timer, so that one watch is all it
 * needs. It is drained with epoll_wait() and coap_io_do_epoll() rather than coap_io_process(), which goes
 * through all sessions twice for each datagram.
 *
 * Block-wise transfer stays off (block mode 0): with COAP_BLOCK_SINGLE_BODY two datagrams of 12 bytes end
 * the process by a null pointer (seen in 4.3.1 and 4.3.4).
 */
#include "protocols/coap/side.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#define EVENTS_MAX            8  /* the sockets, and libcoap's timer */
#define AGAIN_MAX             16 /* a power of two */
#define UDP_IDLE_SESSIONS_MAX 256
#define DTLS_TIMEOUT_S        300
#define DTLS_HANDSHAKES_MAX   500 /* all devices at once, after a power cut */
#define DATAGRAM_MAX                                                                                        \
        1472 /* libcoap's buffer; with its default of 1,152 a longer one would be refused by RST */
#define RECEIVE_BUFFER                                                                                      \
        (4 << 20) /* 10,000 presses while the disk is busy; the default drops half of them   \
                                  */

/* libcoap's log, global as the library has it. "got RST" comes at its highest level for a packet that
 * anybody can send, so levels mean nothing here: everything is odd but handled, and there is little of it.
 */
static void on_log(coap_log_t level, const char *text)
{
        static LogLimit limit = {.burst = 5, .interval_s = 60};

        if (log_limit(&limit))
                log_warning("libcoap: %.*s", (int)strcspn(text, "\r\n"), text);
}

/* "127.0.0.1:5683", "[::1]:5683" */
static bool read_address(const char *text, coap_address_t *ret)
{
        char host[64];
        const char *colon = strrchr(text, ':');
        size_t n = colon ? (size_t)(colon - text) : 0;
        bool v6 = n > 2 && text[0] == '[' && colon[-1] == ']';
        uint32_t port;

        if (v6) {
                text++;
                n -= 2;
        }
        if (n == 0 || !str_copyn(host, sizeof(host), text, n) || !parse_u32(colon + 1, 65535, &port))
                return false;
        coap_address_init(ret);
        if (v6 ? inet_pton(AF_INET6, host, &ret->addr.sin6.sin6_addr) != 1
               : inet_pton(AF_INET, host, &ret->addr.sin.sin_addr) != 1)
                return false;
        ret->addr.sa.sa_family = v6 ? AF_INET6 : AF_INET;
        ret->size = v6 ? sizeof(ret->addr.sin6) : sizeof(ret->addr.sin);
        coap_address_set_port(ret, (uint16_t)port);
        return true;
}

static int open_endpoints(Side *s, const char *addresses)
{
        char list[256];
        char *rest = list, *word;

        if (!str_copy(list, sizeof(list), addresses)) {
                log_err("coap: too many addresses to listen on");
                return -EINVAL;
        }
        for (unsigned n = 0; (word = parse_word(&rest)); n++) {
                coap_address_t address;
                coap_endpoint_t *endpoint;

                if (n == SIDE_SOCKETS_MAX) {
                        log_err("coap: too many addresses to listen on");
                        return -EINVAL;
                }
                if (!read_address(word, &address)) {
                        log_err("coap: \"%s\" is no address to listen on: expected 127.0.0.1:5683 or "
                                "[::]:5683",
                                word);
                        return -EINVAL;
                }
                errno = 0;
                endpoint =
                        coap_new_endpoint(s->context, &address, s->dtls ? COAP_PROTO_DTLS : COAP_PROTO_UDP);
                if (!endpoint) {
                        int r = errno > 0 ? -errno : -EADDRNOTAVAIL;

                        log_err("coap: cannot listen on %s: %s", word, strerror(-r));
                        return error_origin(r);
                }
                coap_endpoint_set_default_mtu(endpoint, DATAGRAM_MAX);
        }
        return 0;
}

static void adopt(Side *s, int fd)
{
        struct sockaddr_storage address;
        socklen_t size = sizeof(address), type_size = sizeof(int);
        int type = 0, bytes = RECEIVE_BUFFER;
        uint16_t number = 0;

        (void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* fails for a descriptor that has just gone */
        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) < 0 || type != SOCK_DGRAM ||
                getsockname(fd, (struct sockaddr *)&address, &size) < 0)
                return;
        if (address.ss_family == AF_INET)
                number = ntohs(((struct sockaddr_in *)(void *)&address)->sin_port);
        else if (address.ss_family == AF_INET6)
                number = ntohs(((struct sockaddr_in6 *)(void *)&address)->sin6_port);
        if (number == 0)
                return;
        if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
                (void)setsockopt(
                        fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)); /* as far as the system allows */
        if (s->number == 0)
                s->number = number;
        if (s->n_sockets < SIDE_SOCKETS_MAX)
                s->sockets[s->n_sockets++] = fd;
}

/*
 * libcoap opens its descriptors without CLOEXEC and has no call for the receive buffer. Everything of ours
 * has the flag from the beginning, so what lacks it now is libcoap's; an inherited descriptor comes to no
 * harm.
 */
static int adopt_descriptors(Side *s)
{
        DIR *dir = opendir("/proc/self/fd");
        struct dirent *entry;

        if (!dir)
                return error_origin(-errno);
        while ((entry = readdir(dir))) {
                uint32_t fd;

                if (!parse_u32(entry->d_name, INT32_MAX, &fd) || fd <= STDERR_FILENO)
                        continue;
                int flags = fcntl((int)fd, F_GETFD);
                if (flags >= 0 && (flags & FD_CLOEXEC) == 0)
                        adopt(s, (int)fd);
        }
        closedir(dir);
        return 0;
}

/* The key for an identity; libcoap copies it. NULL: the handshake fails. */
static const coap_bin_const_t *on_identity(
        coap_bin_const_t *identity, coap_session_t *session, void *userdata)
{
        static coap_bin_const_t key; /* as long as the library reads it */
        Side *s = userdata;
        char device[CODE_SIZE];
        const PskRow *row = NULL;

        if (str_copyn(device, sizeof(device), (const char *)identity->s, identity->length))
                row = psk_find(s->psk, device);
        if (!row) {
                s->host->count(s->host, "coap.dtls_unknown");
                return NULL;
        }
        if (!sessions_add(&s->sessions, session))
                return NULL; /* it tries again */
        key = (coap_bin_const_t){.length = row->key_size, .s = row->key};
        return &key;
}

static int open_keys(Side *s)
{
        static const char hint[] = "huyingd";
        uint8_t nobody[PSK_KEY_MIN]; /* the library wants a key of its own; this one nobody knows */
        int r;

        if (getrandom(nobody, sizeof(nobody), 0) != (ssize_t)sizeof(nobody))
                return error_origin(-EIO);

        coap_dtls_spsk_t setup = {
                .version = COAP_DTLS_SPSK_SETUP_VERSION,
                .validate_id_call_back = on_identity,
                .id_call_back_arg = s,
                .psk_info = {.hint = {.s = (const uint8_t *)hint, .length = sizeof(hint) - 1},
                        .key = {.s = nobody, .length = sizeof(nobody)}},
        };
        r = coap_context_set_psk2(s->context, &setup) ? 0 : -EIO;
        explicit_bzero(nobody, sizeof(nobody));
        return r < 0 ? error_origin(r) : 0;
}

int side_open(Side *s, bool dtls, const char *addresses, const Psk *psk, unsigned sessions_max)
{
        coap_tick_t now;
        int r;

        ASSERT(!s->context);
        coap_startup();
        coap_set_log_handler(on_log);
        coap_set_log_level(CPORT_LOG(LOG_ERR));
        coap_dtls_set_log_level(CPORT_LOG(LOG_ERR));
        s->dtls = dtls;
        s->psk = psk;
        s->context = coap_new_context(NULL);
        if (!s->context)
                return error_origin(-ENOMEM);
        sessions_watch(s->context);
        coap_context_set_block_mode(s->context, 0);
        coap_context_set_max_idle_sessions(s->context, dtls ? sessions_max : UDP_IDLE_SESSIONS_MAX);
        if (dtls) {
                coap_context_set_session_timeout(s->context, DTLS_TIMEOUT_S);
                coap_context_set_max_handshake_sessions(s->context, DTLS_HANDSHAKES_MAX);
                r = open_keys(s);
                if (r < 0)
                        return error_trace(r);
        }
        r = open_endpoints(s, addresses);
        if (r < 0)
                return error_trace(r);
        r = adopt_descriptors(s);
        if (r < 0)
                return error_trace(r);
        coap_ticks(&now);
        coap_io_prepare_epoll(s->context, now); /* arms libcoap's timer for the first time */
        return 0;
}

void side_close(Side *s)
{
        ASSERT(!s->watch);
        coap_free_context(s->context); /* takes NULL */
        s->context = NULL;
        sessions_deinit(&s->sessions);
}

int side_descriptor(const Side *s)
{
        return coap_context_get_coap_fd(s->context);
}

/* ClientHellos that are too many. */
static unsigned turn_away(Side *s, unsigned budget)
{
        unsigned n = 0;
        char byte;

        for (unsigned i = 0; i < s->n_sockets; i++)
                while (n < budget && !gate_admit(&s->gate, s->sockets[i], clock_now().boot_us)) {
                        if (recv(s->sockets[i], &byte, 1, MSG_DONTWAIT) < 0)
                                break; /* somebody else had it: then it is gone */
                        n++;
                        s->host->count(s->host, "coap.hello_refused");
                }
        return n;
}

static void end_session(Side *s, coap_session_t *session)
{
        s->ended(s->port, session);
        coap_session_disconnected(session, COAP_NACK_TLS_FAILED);
}

/* Frees what was ended, now that nobody refers to it. */
static void reap_sessions(Side *s)
{
        coap_tick_t now;

        coap_ticks(&now);
        coap_io_prepare_epoll(s->context, now);
}

static void end_dead_sessions(Side *s)
{
        for (unsigned i = 0; i < s->n_sockets; i++) {
                coap_session_t *session =
                        restart_peek(&s->restarts, s->context, s->sockets[i], clock_now().boot_us);

                if (!session)
                        continue;
                s->host->count(s->host, "coap.dtls_restarted");
                end_session(s, session);
                reap_sessions(s);
        }
}

typedef struct Rekey {
        Side *side;
        unsigned ended;
} Rekey;

/* By the key that it was begun with, so that a handshake half-way is no way around. */
static void rekey_session(void *userdata, coap_session_t *session)
{
        Rekey *k = userdata;
        const coap_bin_const_t *identity = coap_session_get_psk_identity(session),
                               *key = coap_session_get_psk_key(session);
        char device[CODE_SIZE];

        if (identity && key &&
                str_copyn(device, sizeof(device), (const char *)identity->s, identity->length) &&
                psk_is(k->side->psk, device, key->s, key->length))
                return;
        k->side->host->count(k->side->host, "coap.dtls_rekeyed");
        end_session(k->side, session);
        k->ended++;
}

unsigned side_rekey(Side *s)
{
        Rekey k = {.side = s};

        ASSERT(s->context && s->dtls);
        sessions_each(&s->sessions, rekey_session, &k);
        reap_sessions(s);
        return k.ended;
}

void side_asked(Side *s)
{
        s->asked++;
}

/*
 * The library takes one datagram of a socket for each event, and then looks at all sessions and sets its timer. While every
 * event has brought a request the next ones stand in the list more often, so that a backlog pays for that once in
 * AGAIN_MAX datagrams; one that comes too often finds nothing, which is no harm. DTLS looks at each datagram before (above).
 */
static unsigned again_next(const Side *s, unsigned again, unsigned taken)
{
        if (s->dtls || s->asked < taken)
                return 1;
        return again < AGAIN_MAX ? 2 * again : AGAIN_MAX;
}

void side_drain(Side *s, unsigned budget)
{
        struct epoll_event events[EVENTS_MAX * AGAIN_MAX];
        unsigned again = 1;

        for (unsigned taken = 0; taken < budget;) {
                int n;

                if (s->dtls) {
                        taken += turn_away(s, budget - taken);
                        end_dead_sessions(s);
                }
                n = epoll_wait(side_descriptor(s), events, EVENTS_MAX, 0);
                if (n <= 0)
                        return; /* EINTR as well: what is ready wakes us again */
                for (unsigned i = 1; i < again; i++)
                        memcpy(&events[i * (unsigned)n], events, (size_t)n * sizeof(events[0]));
                s->asked = 0;
                coap_io_do_epoll(s->context, events, (size_t)n * again);
                taken += (unsigned)n * again;
                again = again_next(s, again, (unsigned)n * again);
        }
}
