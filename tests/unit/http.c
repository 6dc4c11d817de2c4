/* SPDX-License-Identifier: Apache-2.0 */
/* The web server over real sockets: what is served, what is refused, and that nobody can hold it up. */
#include "protocols/http/http.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "tests/lib/port-host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct World {
        TestHost *h;
        Http *http;
        Config config;
        HttpFacts facts;
        unsigned asked;
        char folder[64];
        uint16_t port;
        int fd;
        char answer[64 << 10];
        size_t n;
        bool closed;
} World;

static void host_facts(void *userdata, HttpFacts *ret)
{
        World *w = userdata;

        w->asked++;
        *ret = w->facts;
}

static bool host_counter(void *userdata, uint32_t n, const char **ret_name, uint64_t *ret_count)
{
        *ret_name = "mqtt.unparsed";
        *ret_count = 7;
        return n == 0;
}

static void file_write(World *w, const char *name, const char *text)
{
        char path[160];
        _cleanup_(fclosep) FILE *f = NULL;

        (void)snprintf(path, sizeof(path), "%s/%s", w->folder, name);
        f = fopen(path, "we");
        ASSERT(f);
        fputs(text, f);
}

/* A bound socket on a free port. */
static int take_port(World *w)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        socklen_t n = sizeof(a);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        ASSERT(fd >= 0 && bind(fd, (struct sockaddr *)&a, n) == 0);
        ASSERT(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
        w->port = ntohs(a.sin_port);
        (void)snprintf(w->config.http_listen, sizeof(w->config.http_listen), "127.0.0.1:%u", w->port);
        return fd;
}

static int set_up(void **state)
{
        World *w = calloc(1, sizeof(World));

        ASSERT(w);
        w->fd = -1;
        w->h = test_host_new();
        (void)str_copy(w->folder, sizeof(w->folder), "/tmp/huying-http-XXXXXX");
        ASSERT(mkdtemp(w->folder));
        (void)str_copy(w->config.http_app, sizeof(w->config.http_app), w->folder);
        (void)str_copy(w->config.site, sizeof(w->config.site), "demo");
        w->facts = (HttpFacts){
                .broker = true, .open = {0, 2, 0, 1, 0, 0}, .waiting = 3, .committed_seq = 88123};
        file_write(w, "index.html", "<!doctype html><title>app</title>");
        file_write(w, "app.js", "'use strict';");
        file_write(w, "app.js.gz", "compressed");
        file_write(w, "sw.js", "//");
        file_write(w, "manifest.webmanifest", "{}");
        file_write(w, ".secret.html", "secret");
        file_write(w, "notes.orig", "secret");
        close(take_port(w));
        *state = w;
        return 0;
}

static int tear_down(void **state)
{
        World *w = *state;
        char path[160];
        static const char *const files[] = {"index.html", "app.js", "app.js.gz", "sw.js",
                "manifest.webmanifest", ".secret.html", "notes.orig", "link.html"};

        if (w->fd >= 0)
                close(w->fd);
        http_free(w->http);
        test_host_free(w->h);
        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                (void)snprintf(path, sizeof(path), "%s/%s", w->folder, files[i]);
                (void)unlink(path);
        }
        (void)rmdir(w->folder);
        free(w);
        return 0;
}

static void start(World *w)
{
        const HttpHost host = {.userdata = w, .facts = host_facts, .counter = host_counter};

        assert_int_equal(http_new(&w->http, &w->h->host, &w->config, &host, &w->h->port), 0);
}

static int dial(const World *w)
{
        struct sockaddr_in a = {
                .sin_family = AF_INET, .sin_port = htons(w->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        ASSERT(fd >= 0);
        if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
                close(fd);
                return -1;
        }
        ASSERT(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
        return fd;
}

static bool is_closed(void *userdata)
{
        World *w = userdata;
        ssize_t k;

        while (w->n < sizeof(w->answer) - 1 &&
                (k = recv(w->fd, w->answer + w->n, sizeof(w->answer) - 1 - w->n, 0)) >= 0) {
                if (k == 0)
                        return true;
                w->n += (size_t)k;
                w->answer[w->n] = '\0';
        }
        return errno != EAGAIN;
}

/* Sends bytes, returns the whole answer up to the end of the connection. */
static const char *ask(World *w, const char *request)
{
        if (w->fd >= 0)
                close(w->fd);
        w->fd = dial(w);
        w->n = 0;
        w->answer[0] = '\0';
        assert_true(w->fd >= 0);
        assert_int_equal(send(w->fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
        assert_true(test_until(w->h, is_closed, w));
        return w->answer;
}

static const char *get(World *w, const char *path, const char *more)
{
        char request[1024];

        (void)snprintf(request, sizeof(request),
                "GET %s HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n%s\r\n", path, more);
        return ask(w, request);
}

static const char *body(const char *answer)
{
        const char *at = strstr(answer, "\r\n\r\n");

        return at ? at + 4 : "";
}

static bool is(const char *answer, unsigned status)
{
        char line[32];

        (void)snprintf(line, sizeof(line), "HTTP/1.1 %u ", status);
        return str_starts(answer, line);
}

static void test_files_have_their_types_and_every_answer_is_strict(void **state)
{
        static const struct {
                const char *path, *type;
        } rows[] = {{"/", "text/html; charset=utf-8"}, {"/index.html", "text/html; charset=utf-8"},
                {"/app.js", "text/javascript; charset=utf-8"}, {"/sw.js", "text/javascript; charset=utf-8"},
                {"/manifest.webmanifest", "application/manifest+json"}, {"/app.js?v=1", "text/javascript"}};
        World *w = *state;

        start(w);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const char *a = get(w, rows[i].path, "");

                assert_true(is(a, 200));
                assert_non_null(strstr(a, rows[i].type));
                assert_non_null(
                        strstr(a, "Content-Security-Policy: default-src 'none'; script-src 'self';"));
                assert_non_null(strstr(a, "X-Content-Type-Options: nosniff"));
                assert_non_null(strstr(a, "ETag: \""));
                assert_null(strstr(a, "unsafe"));
        }
        assert_string_equal(body(get(w, "/app.js", "")), "'use strict';");
}

static void test_a_copy_that_is_still_good_is_not_sent_again(void **state)
{
        World *w = *state;
        char tag[80] = "If-None-Match: ";
        const char *a, *at;

        start(w);
        a = get(w, "/app.js", "Accept-Encoding: br, gzip\r\n");
        assert_string_equal(body(a), "compressed");
        assert_non_null(strstr(a, "Content-Encoding: gzip"));
        at = strstr(a, "ETag: ");
        assert_non_null(at);
        strncat(tag, at + 6, strcspn(at + 6, "\r"));
        strncat(tag, "\r\nAccept-Encoding: gzip\r\n", 30);
        a = get(w, "/app.js", tag);
        assert_true(is(a, 304));
        assert_string_equal(body(a), "");
        a = get(w, "/app.js", "Accept-Encoding: gzip;q=0\r\n");
        assert_string_equal(body(a), "'use strict';");
        assert_null(strstr(a, "Content-Encoding"));
        assert_null(strstr(get(w, "/index.html", "Accept-Encoding: gzip\r\n"), "Content-Encoding"));
}

static void test_nothing_but_the_app_can_be_reached(void **state)
{
        static const char *const paths[] = {"/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd",
                "/.secret.html", "/notes.orig", "/app.js.gz", "/./index.html", "/app.js/", "/link.html",
                "/a/b"};
        World *w = *state;
        char path[160];

        (void)snprintf(path, sizeof(path), "%s/link.html", w->folder);
        assert_int_equal(symlink("/etc/passwd", path), 0);
        start(w);
        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
                const char *a = get(w, paths[i], "");

                assert_true(is(a, 404) || is(a, 400));
                assert_null(strstr(a, "secret"));
                assert_null(strstr(a, "root:"));
        }
}

static void test_other_methods_and_garbage_are_refused(void **state)
{
        World *w = *state;
        const char *a;

        start(w);
        a = ask(w, "POST /config.json HTTP/1.1\r\nHost: gw\r\nConnection: close\r\nContent-Length: "
                   "2\r\n\r\n{}");
        assert_true(is(a, 405));
        assert_non_null(strstr(a, "Allow: GET, HEAD"));
        assert_true(is(ask(w, "DELETE / HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n\r\n"), 405));
        a = ask(w, "HEAD / HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n\r\n");
        assert_true(is(a, 200));
        assert_string_equal(body(a), "");
        (void)ask(w, "\x16\x03\x01 garbage\r\n\r\n"); /* answered or closed; the next one is served */
        assert_true(is(get(w, "/", ""), 200));
}

static void test_health_and_metrics_tell_the_truth(void **state)
{
        World *w = *state;
        const char *a;

        start(w);
        a = get(w, "/metrics", "");
        assert_true(is(a, 200));
        assert_non_null(strstr(a, "\nhuying_incidents_open{priority=\"1\"} 2\n"));
        assert_non_null(strstr(a, "\nhuying_messages_waiting 3\n"));
        assert_non_null(strstr(a, "\nhuying_journal_committed_seq 88123\n"));
        assert_non_null(strstr(a, "\nhuying_degraded 0\n"));
        assert_non_null(strstr(a, "\nhuying_odd_total{what=\"mqtt.unparsed\"} 7\n"));
        assert_true(is(get(w, "/healthz", ""), 200));
        assert_string_equal(body(w->answer), "ok\n");
        (void)get(w, "/metrics", "");
        assert_true(w->asked <= 2); /* at most once a second, however often somebody asks */
}

static void test_a_sick_gateway_is_503_with_one_line(void **state)
{
        World *w = *state;

        w->facts.degraded = true;
        (void)str_copy(w->facts.why, sizeof(w->facts.why), "disk full");
        start(w);
        assert_true(is(get(w, "/healthz", ""), 503));
        assert_string_equal(body(w->answer), "not recorded: disk full\n");
}

static void test_a_broker_that_is_away_is_503(void **state)
{
        World *w = *state;

        w->facts.broker = false;
        start(w);
        assert_true(is(get(w, "/healthz", ""), 503));
        assert_string_equal(body(w->answer), "the broker cannot be reached\n");
}

static void test_the_app_is_told_where_its_broker_is(void **state)
{
        World *w = *state;
        const char *a;

        (void)str_copy(w->config.http_broker, sizeof(w->config.http_broker), "wss://gw.example/mqtt");
        start(w);
        a = get(w, "/config.json", "");
        assert_non_null(strstr(a, "Content-Type: application/json"));
        assert_non_null(strstr(a, "Cache-Control: no-store"));
        assert_true(str_starts(body(a), "{\"site\":\"demo\",\"broker\":\"wss://gw.example/mqtt\",\"now\":"));
}

static void test_a_port_that_is_taken_does_not_stop_the_start(void **state)
{
        World *w = *state;
        int fd = take_port(w);

        assert_int_equal(listen(fd, 1), 0);
        start(w);
        test_steps(w->h, 3);
        close(fd);
}

static void test_a_folder_without_an_app_serves_the_rest(void **state)
{
        World *w = *state;

        (void)str_copy(w->config.http_app, sizeof(w->config.http_app), "/nonexistent");
        start(w);
        assert_true(is(get(w, "/", ""), 404));
        assert_true(is(get(w, "/healthz", ""), 200));
}

/* Whoever opens connections and says nothing takes places, and no more than there are; with their end all is well. */
static void test_silent_connections_are_bounded(void **state)
{
        World *w = *state;
        int fds[300];

        start(w);
        for (size_t i = 0; i < 300; i++) {
                fds[i] = dial(w);
                test_steps(w->h, 1);
        }
        for (size_t i = 0; i < 300; i++)
                if (fds[i] >= 0)
                        close(fds[i]);
        assert_true(is(get(w, "/healthz", ""), 200));
}

static void quiet(
        void *userdata, LogLevel level, const char *id, const char *text, const LogField *fields, size_t n)
{
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        test_files_have_their_types_and_every_answer_is_strict, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        test_a_copy_that_is_still_good_is_not_sent_again, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_nothing_but_the_app_can_be_reached, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        test_other_methods_and_garbage_are_refused, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_health_and_metrics_tell_the_truth, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_sick_gateway_is_503_with_one_line, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_broker_that_is_away_is_503, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_the_app_is_told_where_its_broker_is, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        test_a_port_that_is_taken_does_not_stop_the_start, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        test_a_folder_without_an_app_serves_the_rest, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_silent_connections_are_bounded, set_up, tear_down),
        };

        log_sink_set(quiet, NULL);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
