/* SPDX-License-Identifier: Apache-2.0 */
/* The MQTT adapter with a real mosquitto, and with the configuration that we ship for it. */
#include "base/assert.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "protocols/mqtt/mqtt.h"
#include "tests/lib/mqtt-wire.h"
#include "tests/lib/port-host.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define P "huying/demo/"

extern char **environ;

typedef struct World {
        WireBroker broker;
        TestHost *h, *h2;
        Mqtt *mqtt, *mqtt2;
        Config config;
        uint32_t number;
        WirePacket packet;
} World;

static int set_up(void **state)
{
        World *w = calloc(1, sizeof(World));

        ASSERT(w);
        if (!wire_broker_init(&w->broker, "allow_anonymous true\nlog_dest stderr\nlog_type all\n"))
                ASSERT(!"no mosquitto");
        w->h = test_host_new();
        w->config = (Config){.site = "demo",
                .mqtt_host = "127.0.0.1",
                .mqtt_port = w->broker.port,
                .mqtt_keepalive_s = 15};
        *state = w;
        return 0;
}

static int tear_down(void **state)
{
        World *w = *state;

        mqtt_free(w->mqtt);
        mqtt_free(w->mqtt2);
        test_host_free(w->h);
        test_host_free(w->h2);
        wire_broker_deinit(&w->broker);
        free(w);
        return 0;
}

static bool until_up(void *userdata)
{
        return mqtt_connected(((World *)userdata)->mqtt);
}

static bool until_down(void *userdata)
{
        MqttStatus s = mqtt_status(((World *)userdata)->mqtt);

        return !s.alarm && !s.vitals && !s.out;
}

static bool until_events(void *userdata)
{
        World *w = userdata;

        return w->h->n_run >= w->number;
}

static void adapter_start(World *w)
{
        ASSERT(mqtt_new(&w->mqtt, &w->h->host, &w->config, w->h->codec, &w->h->port) == 0);
        assert_true(test_until(w->h, until_up, w));
}

static void await_events(World *w, uint32_t n)
{
        w->number = n;
        assert_true(test_until(w->h, until_events, w));
}

static void press(uint16_t port, const char *id)
{
        char body[128];
        WirePeer *p = calloc(1, sizeof(WirePeer));

        ASSERT(p);
        (void)snprintf(body, sizeof(body), "{\"id\":\"%s\",\"kind\":\"sos\"}", id);
        wire_client(p, port, "sos-101", NULL, NULL);
        wire_client_publish(p, P "up/sos-101/alarm", body, 1, false);
        wire_close(p);
        free(p);
}

/* Killed and started again, without its memory: everything is as before, by itself. */
static void test_restart(void **state)
{
        World *w = *state;

        wire_broker_start(&w->broker);
        adapter_start(w);
        press(w->broker.port, "e1");
        await_events(w, 1);
        for (uint32_t i = 0; i < 2; i++) {
                wire_broker_stop(&w->broker, SIGKILL);
                assert_true(test_until(w->h, until_down, w));
                wire_broker_start(&w->broker);
                assert_true(test_until(w->h, until_up, w));
                press(w->broker.port, "e2");
                await_events(w, 2 + i);
        }
        assert_int_equal(w->h->n_connected, 3);
        assert_false(test_system_is(w->h, SYSTEM_TAKEOVER, true));
}

/* What was pressed while we were away waits in the session; two levels of QoS, and a QoS 2 sender. */
static void test_session(void **state)
{
        World *w = *state;
        WirePeer *p = calloc(1, sizeof(WirePeer));

        wire_broker_start(&w->broker);
        adapter_start(w);
        w->h->port.ops->stop(w->mqtt);
        w->mqtt = mqtt_free(w->mqtt);
        press(w->broker.port, "e1");
        press(w->broker.port, "e2");
        adapter_start(w);
        await_events(w, 2);
        assert_string_equal(w->h->events[1]->id, "e2");
        wire_client(p, w->broker.port, "sos-101", NULL, NULL);
        wire_client_publish(p, P "up/sos-101/alarm", "{\"id\":\"e3\",\"kind\":\"sos\"}", 0, false);
        await_events(w, 3);
        wire_client_publish(p, P "up/sos-101/alarm", "{\"id\":\"e4\",\"kind\":\"sos\"}", 2, false);
        while (!(wire_get(p, &w->packet) && w->packet.type == 5)) /* PUBREC */
                test_steps(w->h, 1);
        (void)!write(p->fd, (uint8_t[]){6 << 4 | 2, 2, 0, 11}, 4); /* PUBREL */
        await_events(w, 4);
        assert_string_equal(w->h->events[3]->id, "e4");
        wire_close(p);
        free(p);
}

static bool log_has(World *w, const char *text)
{
        static char log[1 << 20];
        char path[128];
        _cleanup_(closep) int fd = -1;
        ssize_t n;

        (void)snprintf(path, sizeof(path), "%s/log", w->broker.folder);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        ASSERT(fd >= 0);
        n = read(fd, log, sizeof(log) - 1);
        ASSERT(n >= 0);
        log[n] = 0;
        return strstr(log, text) != NULL;
}

static bool until_puback(void *userdata)
{
        return log_has(userdata, "Received PUBACK from huying-demo-alarm");
}

/* The broker's own log: PUBLISH sent, no PUBACK received until the disk has answered. */
static void test_held(void **state)
{
        World *w = *state;

        wire_broker_start(&w->broker);
        adapter_start(w);
        w->h->durable = false;
        press(w->broker.port, "e1");
        await_events(w, 1);
        test_steps(w->h, 100);
        assert_true(log_has(w, "Sending PUBLISH to huying-demo-alarm"));
        assert_false(log_has(w, "Received PUBACK from huying-demo-alarm"));
        test_commit(w->h, w->h->seq);
        assert_true(test_until(w->h, until_puback, w));
}

static bool until_retained(void *userdata)
{
        World *w = userdata;

        return w->h->n_retained >= w->number;
}

static void connected_sends(TestHost *h)
{
        assert_int_equal(h->port.ops->alert(h->port.port, &(PortAlert){.incident = 5,
                                                                  .worker_code = "w01",
                                                                  .channel = CHANNEL_APP,
                                                                  .json = "{}",
                                                                  .json_size = 2,
                                                                  .count = 1}),
                0);
}

/* Our own retained alerts come back once a connection, those that we send now do not. */
static void test_read_back(void **state)
{
        World *w = *state;
        WirePeer *p = calloc(1, sizeof(WirePeer));

        wire_broker_start(&w->broker);
        wire_client(p, w->broker.port, "x", NULL, NULL);
        wire_client_publish(p, P "worker/w01/alert/77", "{}", 1, true);
        w->h->connected = connected_sends;
        adapter_start(w);
        w->number = 1;
        assert_true(test_until(w->h, until_retained, w));
        test_steps(w->h, 30);
        assert_int_equal(w->h->n_retained, 1);
        assert_int_equal(w->h->retained[0].incident, 77);
        assert_string_equal(w->h->retained[0].worker, "w01");
        /* Gone for good when cleared; 5 is still there for a phone that comes now. */
        assert_int_equal(w->h->port.ops->alert(w->mqtt,
                                 &(PortAlert){.incident = 77, .worker_code = "w01", .channel = CHANNEL_APP}),
                0);
        while (w->h->n_sent < 2)
                test_steps(w->h, 1);
        wire_close(p);
        wire_client(p, w->broker.port, "w01", NULL, NULL);
        wire_client_subscribe(p, P "worker/w01/alert/+");
        assert_true(wire_client_get(p, &w->packet, 10000));
        assert_string_equal(w->packet.topic, P "worker/w01/alert/5");
        assert_true(w->packet.retain);
        assert_false(wire_client_get(p, &w->packet, 300));
        wire_close(p);
        free(p);
}

static bool until_takeover(void *userdata)
{
        World *w = userdata;

        (void)loop_step(w->h2->loop, 0);
        return test_system_is(w->h, SYSTEM_TAKEOVER, true) || test_system_is(w->h2, SYSTEM_TAKEOVER, true);
}

/* Two gateways with one name: they throw each other out, and one of them notices and backs off. */
static void test_takeover(void **state)
{
        World *w = *state;

        wire_broker_start(&w->broker);
        adapter_start(w);
        w->h2 = test_host_new();
        ASSERT(mqtt_new(&w->mqtt2, &w->h2->host, &w->config, w->h2->codec, &w->h2->port) == 0);
        assert_true(test_until(w->h, until_takeover, w));
}

/* The shipped configuration */

static void run(char *const args[])
{
        pid_t pid;
        int status;
        posix_spawn_file_actions_t actions;

        ASSERT(posix_spawn_file_actions_init(&actions) == 0);
        ASSERT(posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0) == 0);
        ASSERT(posix_spawn_file_actions_adddup2(&actions, 1, 2) == 0);
        ASSERT(posix_spawnp(&pid, args[0], &actions, NULL, args, environ) == 0);
        posix_spawn_file_actions_destroy(&actions);
        ASSERT(waitpid(pid, &status, 0) == pid);
        ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#define RUN(...) run((char *[]){__VA_ARGS__, NULL})
#define A(text)  ((char[]){text})

static void user_add(World *w, const char *user, const char *password)
{
        char path[128], u[64], p[64];

        (void)snprintf(path, sizeof(path), "%s/passwd", w->broker.folder);
        (void)str_copy(u, sizeof(u), user);
        (void)str_copy(p, sizeof(p), password);
        close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        RUN(A("mosquitto_passwd"), A("-b"), path, u, p);
}

typedef struct Swap {
        const char *from, *to;
} Swap;

/* Copies a line with paths and ports of the test in place of those of the installation. */
static void line_swap(FILE *to, const char *line, const Swap *swaps, size_t n)
{
        while (*line) {
                size_t i = 0;

                while (i < n && !str_starts(line, swaps[i].from))
                        i++;
                if (i < n) {
                        fputs(swaps[i].to, to);
                        line += strlen(swaps[i].from);
                } else
                        fputc(*line++, to);
        }
}

/* The files of config/mosquitto, with everything on that they have (but the revocation list). Returns the TLS port. */
static uint16_t shipped(World *w)
{
        static const char *const names[] = {"mosquitto.conf", "acl"};
        char folder[80], line[512], path[128], mqtt[16], ws[24], tls[24], cert[24];
        uint16_t tls_port = wire_free_port();
        const Swap swaps[] = {{"/etc/mosquitto/certs/", folder}, {"/etc/mosquitto/", folder},
                {"/var/lib/mosquitto/", folder}, {"/run/mosquitto/", folder}, {"1883", mqtt}, {"9001", ws},
                {"8883", cert}, {"8884", tls}};

        (void)snprintf(folder, sizeof(folder), "%s/", w->broker.folder);
        (void)snprintf(mqtt, sizeof(mqtt), "%u", w->broker.port);
        (void)snprintf(ws, sizeof(ws), "%u", wire_free_port());
        (void)snprintf(cert, sizeof(cert), "%u 127.0.0.1", wire_free_port());
        (void)snprintf(tls, sizeof(tls), "%u 127.0.0.1", tls_port);
        for (size_t i = 0; i < 2; i++) {
                _cleanup_(fclosep) FILE *from = NULL, *to = NULL;

                (void)snprintf(path, sizeof(path), "%s/%s", SHIPPED, names[i]);
                from = fopen(path, "re");
                (void)snprintf(path, sizeof(path), "%s/%s", w->broker.folder, names[i]);
                to = fopen(path, "we");
                ASSERT(from && to);
                while (fgets(line, sizeof(line), from)) {
                        if (str_starts(line, "#crlfile"))
                                continue;
                        line_swap(to, line[0] == '#' && line[1] >= 'a' && line[1] <= 'z' ? line + 1 : line,
                                swaps, sizeof(swaps) / sizeof(swaps[0]));
                }
                if (i == 0 && geteuid() == 0)
                        fputs("\nuser root\n", to);
        }
        return tls_port;
}

static void certificates(World *w)
{
        char ca[128], ca_key[128], crt[128], key[128];

        (void)snprintf(ca, sizeof(ca), "%s/ca.crt", w->broker.folder);
        (void)snprintf(ca_key, sizeof(ca_key), "%s/ca.key", w->broker.folder);
        (void)snprintf(crt, sizeof(crt), "%s/server.crt", w->broker.folder);
        (void)snprintf(key, sizeof(key), "%s/server.key", w->broker.folder);
        RUN(A("openssl"), A("req"), A("-x509"), A("-newkey"), A("ec"), A("-pkeyopt"),
                A("ec_paramgen_curve:P-256"), A("-nodes"), A("-days"), A("3650"), A("-subj"),
                A("/CN=test ca"), A("-keyout"), ca_key, A("-out"), ca);
        RUN(A("openssl"), A("req"), A("-x509"), A("-newkey"), A("ec"), A("-pkeyopt"),
                A("ec_paramgen_curve:P-256"), A("-nodes"), A("-days"), A("3650"), A("-subj"),
                A("/CN=localhost"), A("-addext"), A("subjectAltName=DNS:localhost"), A("-CA"), ca,
                A("-CAkey"), ca_key, A("-keyout"), key, A("-out"), crt);
}

static void secret_set(World *w)
{
        FILE *f;

        (void)snprintf(w->config.mqtt_password_file, sizeof(w->config.mqtt_password_file), "%s/secret",
                w->broker.folder);
        f = fopen(w->config.mqtt_password_file, "we");
        ASSERT(f);
        fputs("gateway secret\n", f);
        ASSERT(fclose(f) == 0);
        user_add(w, "huying-demo-alarm", "gateway secret");
        user_add(w, "huying-demo-vitals", "gateway secret");
        user_add(w, "huying-demo-out", "gateway secret");
        user_add(w, "sos-101", "device secret");
        user_add(w, "w01", "worker secret");
        user_add(w, "w02", "worker secret");
}

static void test_shipped(void **state)
{
        World *w = *state;
        WirePeer *p = calloc(1, sizeof(WirePeer));

        (void)shipped(w);
        certificates(w);
        secret_set(w);
        wire_broker_start(&w->broker);
        adapter_start(w);

        /* A device may speak for itself only, and cannot take the gateway's session by its client id. */
        wire_client(p, w->broker.port, "huying-demo-alarm", "sos-101", "device secret");
        wire_client_publish(p, P "up/sos-102/alarm", "{\"id\":\"x\",\"kind\":\"sos\"}", 1, false);
        wire_client_publish(p, P "worker/w01/act", "{\"action\":\"accept\",\"incident\":1}", 1, false);
        wire_client_publish(p, P "up/sos-101/alarm", "{\"id\":\"e1\",\"kind\":\"sos\"}", 1, false);
        wire_client_publish(p, P "up/sos-101/vitals", "{\"hr\":72}", 1, false);
        wire_client_publish(p, P "up/sos-101/status", "{}", 1, false);
        await_events(w, 3);
        test_steps(w->h, 20);
        assert_int_equal(w->h->n_run, 3);
        assert_true(mqtt_connected(w->mqtt));
        assert_string_equal(w->h->events[0]->source, "sos-101");
        wire_close(p);

        /* A worker acts as himself, and sees his own alerts and nobody else's. */
        connected_sends(w->h);
        w->number = 1;
        while (w->h->n_sent < 1)
                test_steps(w->h, 1);
        wire_client(p, w->broker.port, "w02", "w02", "worker secret");
        wire_client_subscribe(p, P "worker/+/alert/+");
        assert_false(wire_client_get(p, &w->packet, 500));
        wire_close(p);
        wire_client(p, w->broker.port, "w01", "w01", "worker secret");
        wire_client_publish(p, P "worker/w01/act", "{\"action\":\"accept\",\"incident\":5}", 1, false);
        wire_client_publish(p, P "worker/w01/do", "在岗", 1, false);
        wire_client_publish(p, P "worker/w01/presence", "online", 1, true);
        await_events(w, 6);
        wire_client_subscribe(p, P "worker/+/alert/+");
        assert_true(wire_client_get(p, &w->packet, 10000));
        assert_string_equal(w->packet.topic, P "worker/w01/alert/5");
        wire_close(p);
        wire_client(p, w->broker.port, "w01", "w01", "worker secret");
        wire_client_subscribe(p, P "status");
        assert_true(wire_client_get(p, &w->packet, 10000));
        assert_memory_equal(w->packet.payload, "online", 6);
        w->h->port.ops->stop(w->mqtt);
        assert_true(wire_client_get(p, &w->packet, 10000));
        assert_memory_equal(w->packet.payload, "offline", 7);
        wire_close(p);
        free(p);
}

/* By name and over TLS: the name is resolved without waiting, the certificate is checked against it. */
static void test_tls(void **state)
{
        World *w = *state;

        w->config.mqtt_port = shipped(w);
        certificates(w);
        secret_set(w);
        wire_broker_start(&w->broker);
        (void)str_copy(w->config.mqtt_host, sizeof(w->config.mqtt_host), "localhost");
        (void)snprintf(
                w->config.mqtt_ca_file, sizeof(w->config.mqtt_ca_file), "%s/ca.crt", w->broker.folder);
        adapter_start(w);
        WirePeer *p = calloc(1, sizeof(WirePeer));

        wire_client(p, w->broker.port, "sos-101", "sos-101", "device secret");
        for (unsigned i = 0; i < 200; i++) {
                char body[64];

                (void)snprintf(body, sizeof(body), "{\"id\":\"e%u\",\"kind\":\"sos\"}", i);
                wire_client_publish(p, P "up/sos-101/alarm", body, 1, false);
        }
        await_events(w, 200);
        assert_string_equal(w->h->events[199]->id, "e199");
        w->h->durable = false;
        wire_client_publish(p, P "up/sos-101/alarm", "{\"id\":\"f1\",\"kind\":\"sos\"}", 1, false);
        await_events(w, 201);
        test_steps(w->h, 10);
        assert_true(mqtt_status(w->mqtt).held);
        test_commit(w->h, w->h->seq);
        assert_false(mqtt_status(w->mqtt).held);
        wire_close(p);
        free(p);
        connected_sends(w->h);
        while (w->h->n_sent < 1)
                test_steps(w->h, 1);

        /* An address that the certificate does not name is refused. */
        w->mqtt = mqtt_free(w->mqtt);
        (void)str_copy(w->config.mqtt_host, sizeof(w->config.mqtt_host), "127.0.0.1");
        ASSERT(mqtt_new(&w->mqtt, &w->h->host, &w->config, w->h->codec, &w->h->port) == 0);
        test_steps(w->h, 100);
        assert_true(until_down(w));
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {T(test_restart), T(test_session), T(test_held), T(test_read_back),
                T(test_takeover), T(test_shipped), T(test_tls)};

        if (access("/usr/sbin/mosquitto", X_OK) < 0)
                return 77;
        log_level_set(LOG_LEVEL_ERR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
