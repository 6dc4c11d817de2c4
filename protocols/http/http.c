/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The web server, on libmicrohttpd.
 *
 * It must never be in the way of an alarm. So it runs in the loop after everything else (the library's epoll
 * descriptor is watched, its next timeout is a timer of ours; it makes no thread), serves from memory, holds a bounded
 * number of connections, and makes the numbers of /metrics at most once a second, however often they are asked for.
 *
 * What is served is public: the app has no secrets, they are in the worker's enrolment link, behind '#', which no
 * browser sends. Numbers are numbers of matters, never of people. TLS is ended by a proxy before us.
 */
#include "http.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"
#include "files.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#ifndef HUYING_APP
#define HUYING_APP "/usr/share/huyingd/worker-app"
#endif

#define CONNECTIONS_MAX 256u
#define CONNECTION_S    15u
#define CONNECTION_MEM  (16u << 10)
#define AGAIN_US        (10 * USEC_PER_SEC) /* a port that is taken */
#define FACTS_US        USEC_PER_SEC
#define PAGE_SIZE       (32u << 10)

struct Http {
        PortHost *host;
        HttpHost gateway;
        struct MHD_Daemon *server; /* NULL: not listening (yet) */
        PortWatch *watch;
        PortTimer *timer;
        Files files;
        HttpFacts facts;
        uint64_t facts_us; /* when they were asked for; 0: never */
        bool told, stopped;
        char listen[128], site[CODE_SIZE], broker[256];
        char page[PAGE_SIZE];
};

/*
 * For every answer. Nothing but our own files runs in the app; it may speak to us and, by WebSocket, to the broker that
 * the enrolment names.
 */
static const struct {
        const char *name, *value;
} headers_always[] = {
        {"Content-Security-Policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
                "connect-src 'self' ws: wss:; manifest-src 'self'; worker-src 'self'; "
                "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()"},
};

/* Of bytes that stay where they are; the library does not write to them, whatever its prototype says. */
static struct MHD_Response *response_of(const char *bytes, size_t n)
{
        return MHD_create_response_from_buffer(n, (void *)(uintptr_t)bytes, MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, struct MHD_Response *response,
        const char *type, const char *cache)
{
        enum MHD_Result r;

        if (!response)
                return MHD_NO;
        for (size_t i = 0; i < sizeof(headers_always) / sizeof(headers_always[0]); i++)
                (void)MHD_add_response_header(response, headers_always[i].name, headers_always[i].value);
        if (type)
                (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, cache);
        r = MHD_queue_response(c, status, response);
        MHD_destroy_response(response); /* the queue holds it now */
        return r;
}

/* A page that lives in h->page until the next one: the library copies it. */
static enum MHD_Result answer_text(struct MHD_Connection *c, unsigned status, const char *type, const Str *s)
{
        return answer(c, status, MHD_create_response_from_buffer(s->n, s->p, MHD_RESPMEM_MUST_COPY), type,
                "no-store");
}

static enum MHD_Result answer_error(struct MHD_Connection *c, unsigned status, const char *text)
{
        struct MHD_Response *response = response_of(text, strlen(text));

        if (response && status == MHD_HTTP_METHOD_NOT_ALLOWED)
                (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
        return answer(c, status, response, "text/plain; charset=utf-8", "no-store");
}

/* ---- files ---- */

static bool takes_gzip(struct MHD_Connection *c)
{
        const char *value = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT_ENCODING);
        const char *at = value ? strstr(value, "gzip") : NULL;

        if (!at)
                return false;
        at += strlen("gzip");
        return !str_starts(at, ";q=0") || at[4] == '.'; /* "gzip;q=0" refuses it, "gzip;q=0.5" does not */
}

static enum MHD_Result answer_file(struct MHD_Connection *c, const File *f)
{
        const char *known = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_NONE_MATCH);
        bool gzip = f->gzip_size > 0 && takes_gzip(c);
        const char *tag = gzip ? f->gzip_tag : f->tag;
        bool same = known && strstr(known, tag);
        struct MHD_Response *response =
                same ? response_of("", 0)
                     : response_of(gzip ? f->gzip : f->bytes, gzip ? f->gzip_size : f->size);

        if (!response)
                return MHD_NO;
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, tag);
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT_ENCODING);
        if (gzip && !same)
                (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
        /* Asked for again each time: an app that is older than its gateway helps nobody, and a 304 costs little. */
        return answer(c, same ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK, response, f->type, "no-cache");
}

/* ---- pages ---- */

static const HttpFacts *facts_get(Http *h)
{
        uint64_t now = clock_now().boot_us;

        if (h->facts_us == 0 || now - h->facts_us >= FACTS_US) {
                h->facts = (HttpFacts){0};
                h->gateway.facts(h->gateway.userdata, &h->facts);
                h->facts_us = now;
        }
        return &h->facts;
}

static enum MHD_Result page_health(Http *h, struct MHD_Connection *c)
{
        const HttpFacts *f = facts_get(h);
        Str s = STR_BUFFER(h->page);

        if (f->degraded)
                str_addf(&s, "not recorded: %s\n", f->why);
        else if (!f->broker)
                str_add(&s, "the broker cannot be reached\n");
        else
                str_add(&s, "ok\n");
        return answer_text(c, f->degraded || !f->broker ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK,
                "text/plain; charset=utf-8", &s);
}

static void metric(Str *s, const char *name, const char *type, const char *help, uint64_t value)
{
        str_addf(s, "# HELP huying_%s %s\n# TYPE huying_%s %s\nhuying_%s %llu\n", name, help, name, type,
                name, (unsigned long long)value);
}

/* The text format of Prometheus, version 0.0.4. */
static enum MHD_Result page_metrics(Http *h, struct MHD_Connection *c)
{
        const HttpFacts *f = facts_get(h);
        Str s = STR_BUFFER(h->page);
        const char *name;
        uint64_t n;

        str_add(&s, "# HELP huying_incidents_open Open incidents.\n# TYPE huying_incidents_open gauge\n");
        for (unsigned p = 1; p <= 5; p++)
                str_addf(&s, "huying_incidents_open{priority=\"%u\"} %u\n", p, f->open[p]);
        metric(&s, "incidents_unanswered", "gauge", "Open incidents that nobody has accepted.",
                f->unanswered);
        metric(&s, "incidents_overdue", "gauge", "Accepted incidents whose time is over.", f->overdue);
        metric(&s, "messages_waiting", "gauge", "Messages that no channel has taken yet.", f->waiting);
        metric(&s, "journal_committed_seq", "counter", "Newest journal number on the disk.",
                f->committed_seq);
        metric(&s, "degraded", "gauge", "1: alarms go on, and are not recorded for now.", f->degraded);
        metric(&s, "broker_connected", "gauge", "1: all connections to the broker are up.", f->broker);
        metric(&s, "devices", "gauge", "Devices in the registry.", f->devices);
        metric(&s, "workers", "gauge", "Workers in the registry.", f->workers);
        metric(&s, "workers_on_duty", "gauge", "Workers on duty who can be reached.", f->on_duty);
        metric(&s, "uptime_seconds", "gauge", "Seconds since the start.", f->uptime_s);
        str_add(&s,
                "# HELP huying_odd_total Odd things that were handled.\n# TYPE huying_odd_total counter\n");
        for (uint32_t i = 0; h->gateway.counter(h->gateway.userdata, i, &name, &n); i++)
                str_addf(&s, "huying_odd_total{what=\"%s\"} %llu\n", name, (unsigned long long)n);
        return answer_text(c, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", &s);
}

/* broker "": the app takes port 9001 of the host that it came from. now: what it sets its countdowns by. */
static enum MHD_Result page_config(Http *h, struct MHD_Connection *c)
{
        Str s = STR_BUFFER(h->page);

        str_add(&s, "{\"site\":");
        str_json(&s, h->site);
        str_add(&s, ",\"broker\":");
        str_json(&s, h->broker);
        str_add(&s, ",\"now\":");
        str_number(&s, (double)(clock_now().wall_us / 1000) / 1000);
        str_add(&s, "}\n");
        return answer_text(c, MHD_HTTP_OK, "application/json", &s);
}

static enum MHD_Result on_request(void *userdata, struct MHD_Connection *c, const char *url,
        const char *method, const char *version, const char *upload, size_t *upload_size, void **request)
{
        static int begun;
        Http *h = userdata;
        const File *f;

        if (!str_equal(method, MHD_HTTP_METHOD_GET) && !str_equal(method, MHD_HTTP_METHOD_HEAD))
                return answer_error(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD only\n");
        if (!*request) { /* the headers are there; the library wants the answer with the next call */
                *request = &begun;
                return MHD_YES;
        }
        if (*upload_size > 0) { /* a body of a GET: nobody reads it */
                *upload_size = 0;
                return MHD_YES;
        }
        if (url[0] != '/')
                return answer_error(c, MHD_HTTP_BAD_REQUEST, "no path\n");
        if (str_equal(url, "/healthz"))
                return page_health(h, c);
        if (str_equal(url, "/metrics"))
                return page_metrics(h, c);
        if (str_equal(url, "/config.json"))
                return page_config(h, c);
        f = files_find(&h->files, str_equal(url, "/") ? "index.html" : url + 1);
        return f ? answer_file(c, f) : answer_error(c, MHD_HTTP_NOT_FOUND, "there is no such page\n");
}

/* ---- the loop ---- */

static void http_run(Http *h)
{
        MHD_UNSIGNED_LONG_LONG ms = 0;
        uint64_t after = UINT64_MAX;

        /* Twice: a server that was full and has lost connections listens again only at the beginning of a run. */
        (void)MHD_run(h->server); /* fails only for a server with threads */
        (void)MHD_run(h->server);
        if (MHD_get_timeout(h->server, &ms) == MHD_YES)
                after = (uint64_t)ms * 1000;
        (void)h->host->timer_set(h->timer, after); /* fails only when the loop has ended */
}

static void on_ready(void *userdata, uint32_t revents)
{
        http_run(userdata);
}

/* "127.0.0.1:8080", "[::]:8080": as config/settings.c has let it through. */
static int address_read(const char *text, struct sockaddr_storage *ret, socklen_t *ret_size)
{
        char host[sizeof(((Http *)NULL)->listen)];
        const char *colon = strrchr(text, ':');
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)ret;
        struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)ret;
        bool six = text[0] == '[';
        uint32_t port;

        if (!colon || colon - text < 2 || !parse_u32(colon + 1, UINT16_MAX, &port))
                return error_origin(-EINVAL);
        (void)str_copyn(host, sizeof(host), text + six, (size_t)(colon - text) - 2u * six);
        *ret = (struct sockaddr_storage){.ss_family = six ? AF_INET6 : AF_INET};
        *ret_size = six ? sizeof(*v6) : sizeof(*v4);
        if (six)
                v6->sin6_port = htons((uint16_t)port);
        else
                v4->sin_port = htons((uint16_t)port);
        if (inet_pton(ret->ss_family, host, six ? (void *)&v6->sin6_addr : (void *)&v4->sin_addr) != 1)
                return error_origin(-EINVAL);
        return 0;
}

static int socket_listen(const char *text)
{
        struct sockaddr_storage address;
        socklen_t size = 0;
        int fd, one = 1, none = 0, r = address_read(text, &address, &size);

        if (r < 0)
                return error_trace(r);
        fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return error_origin(-errno);
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (address.ss_family == AF_INET6) /* [::] is IPv4 too; where it cannot be, IPv6 alone will do */
                (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &none, sizeof(none));
        if (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 64) < 0) {
                r = error_origin(-errno);
                close(fd);
                return r;
        }
        return fd;
}

static int http_listen(Http *h)
{
        const union MHD_DaemonInfo *info;
        int fd = socket_listen(h->listen), r;

        if (fd < 0)
                return error_trace(fd);
        h->server = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, h, MHD_OPTION_LISTEN_SOCKET,
                fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
                CONNECTION_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEM, MHD_OPTION_END);
        if (!h->server) {
                close(fd);
                return error_origin(-EIO);
        }
        info = MHD_get_daemon_info(h->server, MHD_DAEMON_INFO_EPOLL_FD);
        r = info ? h->host->watch(
                           h->host, &h->watch, info->epoll_fd, EPOLLIN, PORT_PRIORITY_VITALS, on_ready, h)
                 : error_origin(-EIO);
        if (r < 0) {
                MHD_stop_daemon(h->server);
                h->server = NULL;
                return error_trace(r);
        }
        http_run(h);
        return 0;
}

static void on_timer(void *userdata)
{
        Http *h = userdata;
        int r;

        if (h->stopped)
                return;
        if (h->server) {
                http_run(h);
                return;
        }
        r = http_listen(h);
        if (r == 0) {
                log_notice("web server: listening on %s", h->listen);
                return;
        }
        if (!h->told)
                log_err("web server: cannot listen on %s: %s; alarms go on, this is tried again", h->listen,
                        strerror(-r));
        h->told = true;
        (void)h->host->timer_set(h->timer, AGAIN_US); /* fails only when the loop has ended */
}

static void http_close(Http *h)
{
        h->watch = h->host->watch_free(h->watch);
        if (h->server)
                MHD_stop_daemon(h->server); /* closes the listening socket too */
        h->server = NULL;
}

static void http_stop(void *port)
{
        Http *h = port;

        h->stopped = true;
        http_close(h);
}

static const PortOps http_ops = {.name = "http", .stop = http_stop};

DEFINE_CLEANUP(Http *, http_free)

int http_new(Http **ret, PortHost *host, const Config *config, const HttpHost *gateway, Port *ret_port)
{
        _cleanup_(http_freep) Http *h = calloc(1, sizeof(Http));
        const char *folder = config->http_app[0] ? config->http_app : HUYING_APP;
        int r;

        ASSERT(ret && host && gateway && ret_port);
        ASSERT(config->http_listen[0]);
        if (!h)
                return error_origin(-ENOMEM);
        h->host = host;
        h->gateway = *gateway;
        (void)str_copy(h->listen, sizeof(h->listen), config->http_listen); /* same sizes, so for all three */
        (void)str_copy(h->site, sizeof(h->site), config->site);
        (void)str_copy(h->broker, sizeof(h->broker), config->http_broker);
        r = files_read(&h->files, folder);
        if (r == -ENOMEM)
                return error_trace(r);
        if (r < 0 || !files_find(&h->files, "index.html"))
                log_warning("%s: no app for workers there; /healthz and /metrics are served", folder);
        r = host->timer(host, &h->timer, PORT_PRIORITY_VITALS, on_timer, h);
        if (r < 0)
                return error_trace(r);
        *ret_port = (Port){.ops = &http_ops, .port = h, .via = VIA_DAEMON};
        on_timer(h); /* listens, or says why not */
        *ret = TAKE_PTR(h);
        return 0;
}

Http *http_free(Http *h)
{
        if (!h)
                return NULL;
        http_close(h);
        h->host->timer_free(h->timer);
        files_clear(&h->files);
        free(h);
        return NULL;
}
