/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to the broker.
 *
 *              again()            CONNACK              SUBACK (or the session was kept)
 *   WAITING ────────────▶ DIALLING ────────▶ CONNECTED ────────▶ READY
 *      ▲  └─▶ RESOLVING ─▶┘   │                  │                 │
 *      └────────── lose(): back-off 200 ms … 5 s ┴─────────────────┘        STOPPED for ever by link_stop()
 *
 * What always holds:
 *
 * - Acknowledgement after the disk. libmosquitto queues the PUBACK before it shows us the message. Marked as
 *   threaded, it only queues, and mosquitto_loop_write() alone reaches the socket. So on a connection with
 * `hold`, nothing at all is written between the first byte read and the moment when the host has committed
 * what the turn asked for: the acknowledgements cannot be told apart from the rest. Reading goes on, so that
 * a press never waits for the flush of somebody else's, up to HELD_MAX messages, so that what waits is
 * bounded; but no mosquitto_loop_misc(), whose keep-alive check would take our own silence for the
 * broker's. If the disk takes longer than the broker's patience, the broker drops us and sends everything
 * again: that is safe.
 * - A new library handle for each dial. An old one would carry stale acknowledgements and, worse, old
 * retained alerts over into the new connection, after the matter has long been closed.
 * - No work on the library's handle inside its own callbacks beyond queueing (`inside`). A loss that shows
 * up there is noted in `lost` and acted upon after the call.
 * - errno is 0 at the end of each callback: the library's read loop and ours take EAGAIN for "drained", and
 *   queueing leaves EAGAIN behind once its internal socket pair has filled up.
 * - The watch goes before the descriptor's number can be used again.
 *
 * mosquitto_loop(), _loop_forever() and _loop_start() would write right after reading: never call them.
 */
#include "link.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "limits.h"
#include "resolve.h"

#include <errno.h>
#include <mosquitto.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

#define BACKOFF_MIN_US      (200 * USEC_PER_MSEC)
#define BACKOFF_MAX_US      (5 * USEC_PER_SEC)
#define BACKOFF_TAKEOVER_US (60 * USEC_PER_SEC)
#define BACKOFF_FIRST_US    (5 * USEC_PER_SEC)
#define TAKEOVER_US         (2 * USEC_PER_SEC) /* lost this soon after the CONNACK … */
#define TAKEOVERS           3 /* … so often in a row, with a broker that is there: see link_lose() */
#define STEADY_US           (10 * USEC_PER_SEC)
#define DIAL_MAX_US         (10 * USEC_PER_SEC) /* from dialling to ready */
#define RESOLVE_POLL_US     (20 * USEC_PER_MSEC)
#define STOP_MAX_MS         200
#define HELD_MAX            1000 /* messages taken while the disk is awaited: as many as our broker sends unacknowledged */
#define STARVED_MAX         3                   /* losses in a row for want of memory … */
#define STARVED_US          (10 * USEC_PER_SEC) /* … after which a process this old makes room for a new one */
#define READS_DIALLING      4 /* a TLS handshake reads in steps that look like nothing to read */

typedef enum LinkState {
        LINK_WAITING,
        LINK_RESOLVING,
        LINK_DIALLING,
        LINK_CONNECTED,
        LINK_READY,
        LINK_STOPPED,
} LinkState;

struct Link {
        PortHost *host;
        LinkSettings settings;
        LinkHandler handler;
        LinkState state;
        struct mosquitto *m; /* DIALLING, CONNECTED, READY */
        Resolve *resolve;    /* RESOLVING */
        PortWatch *watch;
        PortTimer *again;
        uint64_t need;         /* journal number that must be durable before anything leaves; 0: none */
        unsigned held;         /* messages taken since something has left */
        uint64_t since_us;     /* in this state, or not ready */
        uint64_t dial_us;      /* when this attempt began */
        uint64_t connected_us; /* CONNACK of this connection; 0: not yet */
        uint64_t backoff_us;
        uint64_t made_us; /* this connection's object */
        unsigned dials, quick_losses, starved;
        int subscribe_mid, want_mid;
        char *const *wanted;
        unsigned n_wanted;
        bool literal;    /* the host is an address */
        bool subscribed; /* once in this process: afterwards a kept session has our subscriptions */
        bool inside, lost, announce, more;
        LogLimit log;
};

bool link_ready(const Link *l)
{
        return l->state == LINK_READY;
}

bool link_held(const Link *l)
{
        return l->need != 0 && l->host->committed(l->host) < l->need;
}

uint64_t link_down_since(const Link *l)
{
        return l->state == LINK_READY ? 0 : l->since_us;
}

bool link_taken_over(const Link *l)
{
        return l->quick_losses >= TAKEOVERS;
}

/* Something may be read now. */
static bool link_takes(const Link *l)
{
        return !link_held(l) || l->held < HELD_MAX;
}

void link_need(Link *l, uint64_t seq)
{
        if (l->settings.hold && seq > l->need)
                l->need = seq;
}

void link_condemn(Link *l)
{
        ASSERT(l->inside);
        l->lost = true;
        l->connected_us = 0; /* our doing, nobody has taken us over */
}

static void link_close(Link *l)
{
        ASSERT(!l->inside);
        l->watch = l->host->watch_free(l->watch);
        mosquitto_destroy(l->m); /* takes NULL, writes nothing */
        l->m = NULL;
        l->resolve = resolve_free(l->resolve);
        l->lost = l->more = l->announce = false;
        l->held = 0;
}

/* Up to a quarter more or less, so that a thousand gateways do not return to a broker as one. */
static uint64_t jitter(uint64_t us)
{
        uint16_t r = 0;

        (void)!getrandom(&r, sizeof(r), GRND_NONBLOCK); /* without it they return together, at worst */
        return us - us / 4 + us / 2 * r / UINT16_MAX;
}

/* 5, 10, 20, 40, then 60 s. */
static uint64_t takeover_backoff(unsigned n)
{
        uint64_t us = n < 4 ? BACKOFF_FIRST_US << n : BACKOFF_TAKEOVER_US;

        return jitter(us);
}

static void link_lose(Link *l)
{
        uint64_t now = clock_now().boot_us, delay;

        if (l->state == LINK_STOPPED)
                return;
        /*
         * Somebody else who uses our client id leaves a broker that takes us back each time. A broker that has died
         * lets a dial fail in between, and that is the difference; one that is back too soon for that is taken for a
         * stranger, and costs a pause that begins small.
         */
        if (l->connected_us && now - l->connected_us < TAKEOVER_US)
                l->quick_losses++;
        else if (l->connected_us || l->state == LINK_DIALLING)
                l->quick_losses = 0;
        link_close(l);
        /* The broker sends the same message again for ever: a process that has no room for it goes, once it is old. */
        NEED_MEMORY(l->starved < STARVED_MAX || now - l->made_us < STARVED_US);
        if (l->state == LINK_READY)
                l->since_us = now;
        l->state = LINK_WAITING;
        l->connected_us = 0;
        if (link_taken_over(l)) {
                delay = takeover_backoff(l->quick_losses - TAKEOVERS);
                log_err("MQTT %s: lost %u times right after it was connected: is somebody else using the "
                        "client id %s?",
                        l->settings.name, l->quick_losses, l->settings.client_id);
        } else {
                delay = jitter(l->backoff_us);
                l->backoff_us = l->backoff_us * 2 > BACKOFF_MAX_US ? BACKOFF_MAX_US : l->backoff_us * 2;
        }
        (void)l->host->timer_set(l->again, delay); /* fails only when the loop has ended */
}

/* The library's callbacks */

static void on_connect(struct mosquitto *m, void *userdata, int rc, int flags)
{
        Link *l = userdata;
        char *filters[LINK_FILTERS_MAX];
        int n = 0;

        if (rc != 0) {
                if (log_limit(&l->log))
                        log_err("MQTT %s: the broker refuses us: %s", l->settings.name,
                                mosquitto_connack_string(rc));
                goto out;
        }
        l->state = LINK_CONNECTED;
        l->connected_us = clock_now().boot_us;
        while (n < LINK_FILTERS_MAX && l->settings.filters[n]) {
                filters[n] = (char *)l->settings.filters[n]; /* the library takes char *, and only reads */
                n++;
        }
        /*
         * A kept session has our subscriptions, and to subscribe again would bring every retained message
         * again. But the first time in a process: the session may be that of an older version with fewer
         * filters.
         */
        if (n == 0 || ((flags & 1) && l->subscribed))
                l->announce = true;
        else if (mosquitto_subscribe_multiple(m, &l->subscribe_mid, n, filters, 1, 0, NULL) !=
                 MOSQ_ERR_SUCCESS)
                l->lost = true;
        else if (l->n_wanted > 0 && mosquitto_subscribe_multiple(m, &l->want_mid, (int)l->n_wanted,
                                            l->wanted, 1, 0, NULL) != MOSQ_ERR_SUCCESS)
                l->lost = true;
out:
        errno = 0;
}

static void on_subscribe(struct mosquitto *m, void *userdata, int mid, int n, const int *granted)
{
        Link *l = userdata;

        if (l->n_wanted > 0 && mid == l->want_mid)
                for (int i = 0; i < n && (unsigned)i < l->n_wanted; i++)
                        if (granted[i] > 2)
                                log_warning("MQTT %s: the broker refuses the subscription to %s",
                                        l->settings.name, l->wanted[i]);
        if (mid != l->subscribe_mid || l->state != LINK_CONNECTED)
                goto out;
        for (int i = 0; i < n; i++)
                if (granted[i] > 2) {
                        log_err("MQTT %s: the broker refuses the subscription to %s", l->settings.name,
                                i < LINK_FILTERS_MAX && l->settings.filters[i] ? l->settings.filters[i]
                                                                               : "?");
                        l->connected_us = 0;
                        l->lost = true;
                        goto out;
                }
        l->subscribed = true;
        l->announce = true;
out:
        errno = 0;
}

static void on_disconnect(struct mosquitto *m, void *userdata, int rc)
{
        Link *l = userdata;

        l->watch =
                l->host->watch_free(l->watch); /* the descriptor is closed, its number not yet used again */
        l->lost = true;
        if (rc == MOSQ_ERR_NOMEM) {
                l->starved++;
                l->connected_us = 0; /* our doing, nobody has taken us over */
        }
        if (l->state != LINK_STOPPED && log_limit(&l->log))
                log_warning("MQTT %s: connection lost: %s", l->settings.name, mosquitto_strerror(rc));
        errno = 0;
}

static void on_message(struct mosquitto *m, void *userdata, const struct mosquitto_message *message)
{
        Link *l = userdata;

        l->held++;
        if (!l->lost) /* condemned: what follows comes again as well */
                l->handler.message(l->handler.userdata,
                        &(LinkMessage){.topic = message->topic,
                                .payload = message->payload,
                                .size = message->payloadlen > 0 ? (size_t)message->payloadlen : 0,
                                .retained = message->retain});
        errno = 0;
}

static void on_publish(struct mosquitto *m, void *userdata, int mid)
{
        Link *l = userdata;

        if (l->handler.acked)
                l->handler.acked(l->handler.userdata, mid);
        errno = 0;
}

/* The socket */

static void link_io(void *userdata, uint32_t revents);

/* True: there is a connection, and it has not just gone. */
static bool link_alive(Link *l)
{
        if (l->m && (l->lost || mosquitto_socket(l->m) < 0))
                link_lose(l);
        return l->m != NULL;
}

/* What the loop has to look for now. */
static void link_arm(Link *l)
{
        uint32_t events = 0;
        int r;

        if (!link_alive(l))
                return;
        if (!link_held(l) && mosquitto_want_write(l->m))
                events |= EPOLLOUT;
        if (link_takes(l))
                events |= EPOLLIN;
        if (l->watch)
                r = l->host->watch_set(l->watch, events);
        else
                r = l->host->watch(l->host, &l->watch, mosquitto_socket(l->m), events, l->settings.priority,
                        link_io, l);
        if (r >= 0 && l->more && link_takes(l))
                r = l->host->timer_set(l->again, 0);
        if (r < 0)
                link_lose(l);
}

/* The only place that lets bytes leave. */
static void link_write(Link *l)
{
        if (l->inside || !l->m || link_held(l) || mosquitto_socket(l->m) < 0 || !mosquitto_want_write(l->m))
                return;
        l->inside = true;
        errno = 0;
        (void)mosquitto_loop_write(l->m, 1); /* a loss has shown itself in on_disconnect() */
        l->inside = false;
        l->held = 0;
}

void link_flush(Link *l)
{
        if (l->inside || !link_alive(l))
                return; /* inside: whoever is there writes on its way out */
        link_write(l);
        link_arm(l);
}

void link_wake(Link *l)
{
        if (!l->inside)
                link_arm(l);
}

static void link_drain(Link *l)
{
        unsigned most = !l->connected_us    ? READS_DIALLING
                        : l->settings.drain ? l->settings.drain
                                            : LIMIT_DRAIN;
        uint64_t need;

        l->more = false;
        l->inside = true;
        for (unsigned i = 0; !l->lost && mosquitto_socket(l->m) >= 0; i++) {
                if (i >= most || (l->held >= HELD_MAX && link_held(l))) {
                        /* What TLS has read and we have not, epoll cannot see; what is in the socket, it can. */
                        l->more = l->connected_us && *l->settings.secrets && (*l->settings.secrets)->tls;
                        break;
                }
                errno = 0;
                if (mosquitto_loop_read(l->m, 1) != MOSQ_ERR_SUCCESS || errno == EAGAIN)
                        break;
        }
        /* Still inside: the turn may release what was awaited before, and these messages have no number yet. */
        need = l->host->run(l->host);
        l->inside = false;
        link_need(l, need);
}

/* One visit of the loop. Never from within a turn: it runs one. */
static void link_visit(Link *l, bool read)
{
        if (read && link_alive(l))
                link_drain(l);
        link_flush(l);
        if (!l->announce || !link_alive(l))
                return;
        l->announce = false;
        l->state = LINK_READY;
        l->backoff_us = BACKOFF_MIN_US;
        log_info("MQTT %s: connected as %s", l->settings.name, l->settings.client_id);
        if (l->handler.ready)
                l->handler.ready(l->handler.userdata);
        link_need(l, l->host->run(l->host));
        link_flush(l);
}

static void link_io(void *userdata, uint32_t revents)
{
        Link *l = userdata;

        if (!link_takes(l)) {
                /* We asked for no event; these two cannot be declined, and would come for ever. */
                if (revents & (EPOLLHUP | EPOLLERR))
                        link_lose(l);
                return;
        }
        link_visit(l, revents & (EPOLLIN | EPOLLHUP | EPOLLERR));
        /* The library takes an error in the TLS handshake for "not yet" and would try again as fast as it is asked. */
        if ((revents & (EPOLLHUP | EPOLLERR)) && l->m && l->state == LINK_DIALLING) {
                if (log_limit(&l->log))
                        log_warning("MQTT %s: the connection failed before it was there", l->settings.name);
                link_lose(l);
        }
}

/* Dialling */

static int link_credentials(Link *l)
{
        const Secrets *secrets = *l->settings.secrets;

        if (l->settings.user && l->settings.user[0] &&
                mosquitto_username_pw_set(l->m, l->settings.user,
                        secrets->password[0] ? secrets->password : NULL) != MOSQ_ERR_SUCCESS)
                return error_origin(-EINVAL);
        if (secrets->tls &&
                (mosquitto_int_option(l->m, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0) != MOSQ_ERR_SUCCESS ||
                        mosquitto_void_option(l->m, MOSQ_OPT_SSL_CTX, secrets->tls) != MOSQ_ERR_SUCCESS))
                return error_origin(-EINVAL);
        return 0;
}

static int link_handle(Link *l)
{
        int r;

        ASSERT(!l->m);
        l->m = mosquitto_new(l->settings.client_id, l->settings.clean, l);
        if (!l->m)
                return error_origin(-ENOMEM);
        mosquitto_threaded_set(l->m, true); /* queue only: see above */
        if (mosquitto_int_option(l->m, MOSQ_OPT_TCP_NODELAY, 1) != MOSQ_ERR_SUCCESS ||
                /* The default of 20 would let an alert wait for the acknowledgement of others. */
                mosquitto_int_option(l->m, MOSQ_OPT_SEND_MAXIMUM, UINT16_MAX) != MOSQ_ERR_SUCCESS)
                return error_origin(-EINVAL);
        if (l->settings.will_topic &&
                mosquitto_will_set(l->m, l->settings.will_topic, 7, "offline", 1, true) != MOSQ_ERR_SUCCESS)
                return error_origin(-EINVAL);
        r = link_credentials(l);
        if (r < 0)
                return error_trace(r);
        mosquitto_connect_with_flags_callback_set(l->m, on_connect);
        mosquitto_subscribe_callback_set(l->m, on_subscribe);
        mosquitto_disconnect_callback_set(l->m, on_disconnect);
        mosquitto_message_callback_set(l->m, on_message);
        mosquitto_publish_callback_set(l->m, on_publish);
        return 0;
}

static void link_dial(Link *l, const char *address)
{
        int r = *l->settings.secrets ? link_handle(l) : -ENOKEY, rc;

        if (r < 0) {
                if (log_limit(&l->log))
                        log_err("MQTT %s: cannot dial: %s", l->settings.name,
                                r == -ENOKEY ? "password file or certificates" : strerror(-r));
                link_lose(l);
                return;
        }
        l->state = LINK_DIALLING;
        l->dial_us = clock_now().boot_us;
        l->dials++;
        l->inside = true;
        rc = mosquitto_connect_async(l->m, address, (int)l->settings.port, (int)l->settings.keepalive_s);
        l->inside = false;
        if (rc > 0) { /* below zero: pending */
                if (log_limit(&l->log))
                        log_warning("MQTT %s: cannot dial: %s", l->settings.name,
                                rc == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(rc));
                link_lose(l);
                return;
        }
        link_arm(l);
}

static void link_resolved(Link *l)
{
        char address[RESOLVE_TEXT_SIZE];
        int r = resolve_get(l->resolve, l->dials, address);

        if (r == RESOLVE_E_PENDING) {
                (void)l->host->timer_set(l->again, RESOLVE_POLL_US);
                return;
        }
        if (r != 0) {
                if (log_limit(&l->log))
                        log_warning("MQTT %s: the name of the broker is not known", l->settings.name);
                link_lose(l);
                return;
        }
        l->resolve = resolve_free(l->resolve);
        link_dial(l, address);
}

/* The timer: the next step of dialling, or reading on after a full drain (TLS may hold bytes that epoll
 * cannot see). */
static void link_again(void *userdata)
{
        Link *l = userdata;

        switch (l->state) {
        case LINK_WAITING:
                if (link_held(l)) { /* what comes again would be held again */
                        (void)l->host->timer_set(l->again, BACKOFF_MIN_US);
                        break;
                }
                l->need = 0;
                if (l->literal) {
                        link_dial(l, l->settings.host);
                        break;
                }
                if (resolve_new(&l->resolve, l->settings.host) < 0) {
                        link_lose(l);
                        break;
                }
                l->state = LINK_RESOLVING;
                link_resolved(l);
                break;
        case LINK_RESOLVING: link_resolved(l); break;
        case LINK_DIALLING:
        case LINK_CONNECTED:
        case LINK_READY:
                if (link_takes(l))
                        link_visit(l, true);
                break;
        case LINK_STOPPED: break;
        }
}

int link_new(Link **ret, PortHost *host, const LinkSettings *settings, const LinkHandler *handler)
{
        Link *l = calloc(1, sizeof(Link));
        int r;

        ASSERT(ret && host && settings && handler);
        ASSERT(handler->message);
        if (!l)
                return error_origin(-ENOMEM);
        l->host = host;
        l->settings = *settings;
        l->handler = *handler;
        l->backoff_us = BACKOFF_MIN_US;
        l->since_us = l->made_us = clock_now().boot_us;
        l->literal = resolve_literal(settings->host);
        l->log = (LogLimit){.burst = 5, .interval_s = 60};
        r = host->timer(host, &l->again, PORT_PRIORITY_TIMER, link_again, l);
        if (r >= 0)
                r = host->timer_set(l->again, 0);
        if (r < 0) {
                link_free(l);
                return error_trace(r);
        }
        *ret = l;
        return 0;
}

Link *link_free(Link *l)
{
        if (!l)
                return NULL;
        l->state = LINK_STOPPED;
        link_close(l);
        l->host->timer_free(l->again);
        free(l);
        return NULL;
}

int link_publish(Link *l, const char *topic, const void *payload, size_t n, bool retain, int *ret_mid)
{
        int mid, rc;

        ASSERT(topic);
        if (l->state != LINK_READY || l->lost)
                return LINK_E_DOWN;
        rc = mosquitto_publish(l->m, &mid, topic, (int)n, payload, 1, retain);
        if (rc == MOSQ_ERR_NOMEM)
                return error_origin(-ENOMEM);
        if (rc != MOSQ_ERR_SUCCESS)
                return LINK_E_DOWN; /* the topic is ours and valid, so only the connection is left to blame
                                     */
        if (ret_mid)
                *ret_mid = mid;
        return 0;
}

int link_subscribe(Link *l, const char *filter)
{
        if (l->state != LINK_READY || l->lost ||
                mosquitto_subscribe(l->m, NULL, filter, 1) != MOSQ_ERR_SUCCESS)
                return LINK_E_DOWN;
        return 0;
}

int link_unsubscribe(Link *l, const char *filter)
{
        if (l->state != LINK_READY || l->lost ||
                mosquitto_unsubscribe(l->m, NULL, filter) != MOSQ_ERR_SUCCESS)
                return LINK_E_DOWN;
        return 0;
}

void link_want(Link *l, char *const *filters, unsigned n)
{
        ASSERT(!l->m);
        l->wanted = filters;
        l->n_wanted = n;
}

void link_committed(Link *l)
{
        if (l->need == 0 || link_held(l))
                return;
        l->need = 0;
        link_flush(l);
}

void link_tick(Link *l)
{
        uint64_t now = clock_now().boot_us;

        link_committed(l); /* in case nobody has told us */
        if (l->state == LINK_READY && now - l->connected_us > STEADY_US) {
                l->quick_losses = link_taken_over(l) ? 0 : l->quick_losses;
                l->starved = 0;
        }
        if (!link_alive(l) || link_held(l))
                return;
        if (l->state != LINK_READY && now - l->dial_us > DIAL_MAX_US) {
                if (log_limit(&l->log))
                        log_warning("MQTT %s: the broker does not answer", l->settings.name);
                link_lose(l);
                return;
        }
        if (l->connected_us && !l->more) { /* more: the broker's answer may lie unread */
                l->inside = true;
                (void)mosquitto_loop_misc(l->m); /* a loss has shown itself in on_disconnect() */
                l->inside = false;
        }
        link_flush(l);
}

void link_stop(Link *l)
{
        (void)l->host->timer_set(l->again, UINT64_MAX);
        l->state = LINK_STOPPED;
        if (l->m && !l->lost && !link_held(l) && l->connected_us && mosquitto_socket(l->m) >= 0) {
                uint64_t end = clock_now().boot_us + STOP_MAX_MS * USEC_PER_MSEC;

                (void)mosquitto_disconnect(l->m); /* behind all that is queued */
                while (link_write(l), mosquitto_socket(l->m) >= 0 && mosquitto_want_write(l->m)) {
                        struct pollfd p = {.fd = mosquitto_socket(l->m), .events = POLLOUT};

                        if (clock_now().boot_us >= end)
                                break;
                        (void)poll(&p, 1, 20);
                }
        }
        link_close(l);
}
