/* SPDX-License-Identifier: Apache-2.0 */
/* The lamp of an incident, observed in bytes and by the stock client; and DTLS by the stock client. */
#include "coap-world.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define WAIT_STEPS 600 /* of 50 ms: a bound and no measure, for the slowest machine */

static int setup(void **state)
{
        *state = world_new();
        return 0;
}

static int teardown(void **state)
{
        world_free(*state);
        return 0;
}

static Message look(uint16_t mid, const char *where, int observe)
{
        Message m = message(CON, GET, mid, "obs");

        if (observe >= 0)
                option(&m, 6, observe ? "\1" : "", observe ? 1 : 0);
        path(&m, where);
        return m;
}

static void acknowledge(World *w, int fd, const Reply *r)
{
        Message m = message(ACK, 0, (uint16_t)r->mid, "");

        device_send(fd, &m);
        world_settle(w);
}

static void next_word(World *w, int fd, const char *word, int *observe)
{
        Reply r;

        world_settle(w);
        assert_true(device_receive(fd, &r));
        device_silence(fd);
        assert_int_equal(r.type, CON);
        assert_int_equal(r.code, CODE(2, 5));
        assert_string_equal(r.token, "obs");
        assert_string_equal(r.body, word);
        assert_int_equal(r.format, 0);
        assert_int_equal(r.max_age, 90);
        assert_true(r.observe > *observe);
        *observe = r.observe;
        acknowledge(w, fd, &r);
}

static void follows_the_incident(void **state)
{
        World *w = *state;
        int fd = device_new(w), observe;
        Message get = look(1, "a/1042", 0), plain = look(2, "a/1042", -1), put = message(CON, PUT, 3, "");
        Reply r;

        assert_int_equal(device_ask(w, fd, &get).code, CODE(4, 4));
        world_lamp(w, 1042, LAMP_RECEIVED, true);
        r = device_ask(w, fd, &plain);
        assert_int_equal(r.code, CODE(2, 5));
        assert_string_equal(r.body, "received");
        assert_int_equal(r.observe, -1);
        path(&put, "a/1042");
        assert_int_equal(device_ask(w, fd, &put).code, CODE(4, 5));

        r = device_ask(w, fd, &get);
        assert_int_equal(r.type, ACK);
        assert_string_equal(r.body, "received");
        assert_true(r.observe >= 0);
        observe = r.observe;
        world_lamp(w, 1042, LAMP_RECEIVED, true); /* another device of the incident: nothing new */
        world_settle(w);
        device_silence(fd);
        world_lamp(w, 1042, LAMP_ACCEPTED, true);
        next_word(w, fd, "accepted", &observe);
        world_lamp(w, 1042, LAMP_ARRIVED, true);
        next_word(w, fd, "arrived", &observe);
        world_lamp(w, 1042, LAMP_RESOLVED, false);
        next_word(w, fd, "resolved", &observe);
        world_lamp(w, 1042, LAMP_RECEIVED, true); /* reopened */
        next_word(w, fd, "received", &observe);
        world_lamp(w, 1042, LAMP_IDLE, false);
        next_word(w, fd, "idle", &observe);
        w->timer.fn(w->timer.userdata); /* long before its time */
        assert_string_equal(device_ask(w, fd, &plain).body, "idle");
        close(fd);
}

static void over_before_it_began(void **state)
{
        World *w = *state;
        int fd = device_new(w);
        Message get = look(1, "a/9", -1);

        world_lamp(w, 9, LAMP_RESOLVED, false); /* from before a restart: nobody has it */
        assert_int_equal(device_ask(w, fd, &get).code, CODE(4, 4));
        world_lamp(w, 0, LAMP_RECEIVED, true); /* a device's lamp, no incident */
        close(fd);
}

/* Rows are taken from incidents that are over; those that are open keep theirs. */
static void many(void **state)
{
        World *w = *state;
        int fd = device_new(w);
        Message last = look(1, "a/1025", -1), first = look(2, "a/1", -1), second = look(3, "a/2", -1);

        for (uint64_t i = 1; i <= 1024; i++)
                world_lamp(w, i, LAMP_RECEIVED, true);
        world_lamp(w, 1025, LAMP_RECEIVED, true);
        assert_int_equal(device_ask(w, fd, &last).code, CODE(4, 4));
        world_lamp(w, 2, LAMP_RESOLVED, false);
        world_lamp(w, 1025, LAMP_ACCEPTED, true);
        last.bytes[3] = 11;
        assert_string_equal(device_ask(w, fd, &last).body, "accepted");
        assert_string_equal(device_ask(w, fd, &first).body, "received");
        assert_int_equal(device_ask(w, fd, &second).code, CODE(4, 4));
        close(fd);
}

/* The process ends, the incident does not: 4.04 would tell the bed that it is over. */
static void stop_says_nothing(void **state)
{
        World *w = *state;
        int fd = device_new(w);
        Message get = look(1, "a/1", 0);
        Reply r;

        world_lamp(w, 1, LAMP_RECEIVED, true);
        assert_int_equal(device_ask(w, fd, &get).observe >= 0, true);
        w->port.ops->stop(w->port.port);
        assert_false(device_receive(fd, &r));
        close(fd);
}

/* ---- stock clients ---- */

typedef struct Program {
        pid_t pid;
        int out;
        char text[4096];
        size_t n;
} Program;

static Program program_start(const char *program, const char *const *args)
{
        int fds[2];
        Program c = {0};
        const char *argv[24] = {program};

        for (unsigned i = 0; args[i]; i++)
                argv[i + 1] = args[i];
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        c.pid = fork();
        assert_true(c.pid >= 0);
        if (c.pid == 0) {
                dup2(fds[1], STDOUT_FILENO);
                execv(program, (char *const *)(uintptr_t)argv);
                _exit(127);
        }
        close(fds[1]);
        c.out = fds[0];
        assert_int_equal(fcntl(c.out, F_SETFL, O_NONBLOCK), 0);
        return c;
}

static void program_read(Program *c)
{
        ssize_t n = read(c->out, c->text + c->n, sizeof(c->text) - 1 - c->n);

        if (n > 0)
                c->n += (size_t)n;
        c->text[c->n] = 0;
}

static void program_wait_text(World *w, Program *c, const char *text)
{
        for (unsigned i = 0; i < WAIT_STEPS; i++) {
                program_read(c);
                if (strstr(c->text, text))
                        return;
                (void)world_step(w, 50);
        }
        fail_msg("waited for \"%s\", the client said \"%s\"", text, c->text);
}

static int program_end(World *w, Program *c)
{
        int status = 0;
        pid_t ended = 0;

        for (unsigned i = 0; i < WAIT_STEPS && ended == 0; i++) {
                ended = waitpid(c->pid, &status, WNOHANG);
                if (ended == 0)
                        (void)world_step(w, 50);
        }
        if (ended == 0) {
                kill(c->pid, SIGKILL);
                waitpid(c->pid, &status, 0);
        }
        program_read(c);
        close(c->out);
        assert_true(ended > 0);
        return status;
}

static void program_kill(Program *c)
{
        kill(c->pid, SIGTERM);
        waitpid(c->pid, NULL, 0);
        close(c->out);
}

static void event_wait(World *w, uint32_t n)
{
        for (unsigned i = 0; i < WAIT_STEPS && w->n_events < n; i++)
                (void)world_step(w, 50);
        assert_int_equal(w->n_events, n);
}

#define CLIENT      "/usr/bin/coap-client-notls"
#define CLIENT_DTLS "/usr/bin/coap-client-gnutls"

static bool installed(const char *program)
{
        if (access(program, X_OK) == 0)
                return true;
        print_message("%s is not installed\n", program);
        return false;
}

static void stock_client(void **state)
{
        World *w = *state;
        char uri[128];
        int observe = 0;

        if (!installed(CLIENT))
                skip();
        (void)snprintf(uri, sizeof(uri), "coap://127.0.0.1:%u/v1/alarm/sos?d=sos-101&id=e-17",
                cport_number(w->coap, false));
        Program press_client =
                program_start(CLIENT, (const char *const[]){"-m", "post", "-B", "30", uri, NULL});
        event_wait(w, 1);
        assert_string_equal(w->events[0].source, "sos-101");
        assert_string_equal(w->events[0].id, "e-17");
        world_receipt(w, &w->events[0], 1042, "{\"id\":\"e-17\",\"result\":\"recorded\"}");
        world_lamp(w, 1042, LAMP_RECEIVED, true);
        assert_int_equal(program_end(w, &press_client), 0);
        assert_non_null(strstr(press_client.text, "\"result\":\"recorded\""));

        (void)snprintf(uri, sizeof(uri), "coap://127.0.0.1:%u/a/1042", cport_number(w->coap, false));
        Program lamp =
                program_start(CLIENT, (const char *const[]){"-s", "120", "-B", "120", "-w", uri, NULL});
        static const struct {
                Lamp lamp;
                bool open;
        } steps[] = {{LAMP_ACCEPTED, true}, {LAMP_ARRIVED, true}, {LAMP_RESOLVED, false}};
        program_wait_text(w, &lamp, "received");
        for (unsigned i = 0; i < N_ELEMENTS(steps); i++) {
                world_lamp(w, 1042, steps[i].lamp, steps[i].open);
                program_wait_text(w, &lamp, lamp_word(steps[i].lamp));
                observe++;
        }
        assert_int_equal(observe, 3);
        program_kill(&lamp);
}

/* ---- DTLS ---- */

static World *dtls_world(char key_path[64])
{
        static const char keys[] = "sos-101:"
                                   "30313233343536373839616263646566\n"; /* "0123456789abcdef" */
        int fd;

        (void)snprintf(key_path, 64, "/tmp/huying-psk-XXXXXX");
        fd = mkstemp(key_path);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, keys, sizeof(keys) - 1), (ssize_t)sizeof(keys) - 1);
        close(fd);
        World *w = world_open("127.0.0.1:0", "127.0.0.1:0", key_path);
        assert_int_equal(cport_new(&w->coap, &w->host, &w->config, w->codec, &w->port), 0);
        assert_true(cport_number(w->coap, true) != 0);
        assert_true(cport_number(w->coap, true) != cport_number(w->coap, false));
        return w;
}

static Program dtls_press(World *w, const char *identity, const char *key, const char *query)
{
        char uri[160];

        (void)snprintf(uri, sizeof(uri), "coaps://127.0.0.1:%u/v1/alarm/sos?%s", cport_number(w->coap, true),
                query);
        return program_start(CLIENT_DTLS,
                (const char *const[]){"-m", "post", "-u", identity, "-k", key, "-B", "30", uri, NULL});
}

static void dtls(void **state)
{
        static const struct {
                const char *query;
                bool complains;
        } cases[] = {{"d=sos-101&id=a", false}, {"id=b", false}, {"d=sos-999&id=c", true}};
        char key_path[64];

        if (!installed(CLIENT_DTLS))
                skip();
        World *w = dtls_world(key_path);
        for (unsigned i = 0; i < N_ELEMENTS(cases); i++) {
                Program c = dtls_press(w, "sos-101", "0123456789abcdef", cases[i].query);

                event_wait(w, i + 1);
                assert_int_equal(w->events[i].via, VIA_DTLS);
                assert_int_equal(w->events[i].alarm.kind, ALARM_SOS);
                assert_string_equal(w->events[i].source, "sos-101"); /* who holds the key, whatever d says */
                assert_int_equal(w->events[i].why[0] != 0, cases[i].complains);
                world_receipt(w, &w->events[i], 1, "{\"result\":\"recorded\"}");
                assert_int_equal(program_end(w, &c), 0);
                assert_non_null(strstr(c.text, "recorded"));
        }
        world_free(w);
        unlink(key_path);
}

static void dtls_strangers(void **state)
{
        static const struct {
                const char *identity, *key;
        } cases[] = {{"sos-101", "wrong-wrong-wrong"}, {"sos-102", "0123456789abcdef"}};
        char key_path[64];

        if (!installed(CLIENT_DTLS))
                skip();
        World *w = dtls_world(key_path);
        for (unsigned i = 0; i < N_ELEMENTS(cases); i++) {
                Program c = dtls_press(w, cases[i].identity, cases[i].key, "d=sos-101&id=a");

                for (unsigned step = 0; step < 40; step++)
                        (void)world_step(w, 10);
                assert_int_equal(w->n_events, 0);
                program_kill(&c);
        }
        /* And the others still come in. */
        Program c = dtls_press(w, "sos-101", "0123456789abcdef", "id=z");
        event_wait(w, 1);
        program_kill(&c);
        world_free(w);
        unlink(key_path);
}

/* A device loses power while its alarm waits, and comes back on its old port: it must be heard again. */
static void dtls_restart(void **state)
{
        static const char *const args[] = {
                "-m", "post", "-u", "sos-101", "-k", "0123456789abcdef", "-B", "60", "-p"};
        char key_path[64], uri[128], port[8];
        struct sockaddr_in free_port = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(free_port);
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        if (!installed(CLIENT_DTLS))
                skip();
        assert_int_equal(bind(fd, (struct sockaddr *)&free_port, sizeof(free_port)), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&free_port, &size), 0);
        close(fd);
        World *w = dtls_world(key_path);
        (void)snprintf(port, sizeof(port), "%u", ntohs(free_port.sin_port));
        (void)snprintf(
                uri, sizeof(uri), "coaps://127.0.0.1:%u/v1/alarm/sos?id=e", cport_number(w->coap, true));
        const char *argv[N_ELEMENTS(args) + 3] = {NULL};
        memcpy(argv, args, sizeof(args));
        argv[N_ELEMENTS(args)] = port;
        argv[N_ELEMENTS(args) + 1] = uri;

        Program c = program_start(CLIENT_DTLS, argv);
        event_wait(w, 1);
        kill(c.pid, SIGKILL); /* no farewell */
        waitpid(c.pid, NULL, 0);
        close(c.out);
        c = program_start(CLIENT_DTLS, argv);
        event_wait(w, 2);
        world_receipt(w, &w->events[0], 1, "{}"); /* the old hold: nobody waits */
        world_receipt(w, &w->events[1], 1, "{\"result\":\"recorded\"}");
        assert_int_equal(program_end(w, &c), 0);
        assert_non_null(strstr(c.text, "recorded"));
        world_free(w);
        unlink(key_path);
}

/* Observers' sessions are never closed for idleness: when there are too many, nobody may begin to observe. */
static void too_many_observers(void **state)
{
        World *w = *state;
        unsigned refused = 0, n = 0;
        Reply r;

        world_lamp(w, 1, LAMP_RECEIVED, true);
        for (; n < 4000 && refused < 5; n++) { /* a port may come twice */
                int fd = device_new(w);
                Message m = look((uint16_t)n, "a/1", 0);

                r = device_ask(w, fd, &m);
                if (r.code == CODE(5, 3))
                        refused++;
                else
                        assert_int_equal(r.code, CODE(2, 5));
                close(fd);
        }
        assert_int_equal(refused, 5);
        assert_true(n > 2000);
        int fd = device_new(w);
        Message plain = look(60001, "a/1", -1), alarm = press(CON, 60002, "t", "e-1");
        assert_string_equal(device_ask(w, fd, &plain).body, "received");
        world_receipt(w, device_alarm(w, fd, &alarm), 1, "{}");
        assert_true(device_receive(fd, &r));
        assert_int_equal(r.code, CODE(2, 1));
        world_lamp(w, 1, LAMP_ACCEPTED, true); /* told to 2,000 sockets that are gone */
        world_settle(w);
        plain.bytes[3]++;
        device_send(fd, &plain);
        world_settle(w);
        do /* the port may have been an observer's: then its notification comes here */
                assert_true(device_receive(fd, &r));
        while (r.type != ACK);
        assert_string_equal(r.body, "accepted");
        close(fd);
}

static void dtls_without_keys(void **state)
{
        World *w = world_open("127.0.0.1:0", "127.0.0.1:0", "/nonexistent/keys");

        assert_true(cport_new(&w->coap, &w->host, &w->config, w->codec, &w->port) < 0);
        world_free(w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(follows_the_incident, setup, teardown),
                cmocka_unit_test_setup_teardown(over_before_it_began, setup, teardown),
                cmocka_unit_test_setup_teardown(many, setup, teardown),
                cmocka_unit_test_setup_teardown(stop_says_nothing, setup, teardown),
                cmocka_unit_test_setup_teardown(stock_client, setup, teardown),
                cmocka_unit_test(dtls),
                cmocka_unit_test(dtls_strangers),
                cmocka_unit_test(dtls_restart),
                cmocka_unit_test_setup_teardown(too_many_observers, setup, teardown),
                cmocka_unit_test(dtls_without_keys),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
