/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket with a real loop, real sd-bus clients, and an inbox and a codec of the test's own. */
#include "control.h"
#include "limits.h"
#include "loop.h"

#include "base/cleanup.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>

#define CLIENTS_MAX 24
#define PUSHED_MAX  64
#define PATIENCE    2000 /* steps of 5 ms; a bound, not an expectation */

typedef struct World {
        PortHost host; /* first: the callbacks get the world by it */
        Loop *loop;
        Control *control;
        ControlHost gateway;
        Port port;
        char folder[64];
        Event pushed[PUSHED_MAX];
        char bodies[PUSHED_MAX][256];
        unsigned n_pushed, n_runs, n_in_use, n_counted;
        bool inbox_full, import_now;
        uint64_t import_hold;
        Event event;
} World;

typedef struct Caller {
        sd_bus *bus;
        unsigned n_answers, n_errors;
        char answer[256], error[128];
} Caller;

/* The codec's place is taken: what is under test is who is asked, with what. */
void codec_read_action(Codec *codec, Event *event)
{
        assert_int_equal(event->type, EVENT_ACTION);
        event->action.kind = ACTION_ACCEPT;
}

void codec_read_alarm(Codec *codec, Event *event, const char *kind_hint)
{
        assert_int_equal(event->type, EVENT_ALARM);
        assert_null(kind_hint);
        event->alarm.kind = ALARM_SOS;
}

static int host_watch(PortHost *h, PortWatch **ret, int fd, uint32_t events, PortPriority priority,
        void (*fn)(void *, uint32_t), void *userdata)
{
        return loop_watch(((World *)h)->loop, ret, fd, events, priority, fn, userdata);
}

static int host_timer(
        PortHost *h, PortTimer **ret, PortPriority priority, void (*fn)(void *), void *userdata)
{
        return loop_timer(((World *)h)->loop, ret, priority, fn, userdata);
}

static Event *host_event_new(PortHost *h)
{
        World *w = (World *)h;

        if (w->inbox_full)
                return NULL;
        assert_int_equal(w->n_in_use, 0);
        w->n_in_use = 1;
        w->event = (Event){0};
        return &w->event;
}

static int host_event_body(Event *event, const void *bytes, size_t n)
{
        event->body = strndup(bytes, n);
        event->body_size = (uint32_t)n;
        return event->body ? 0 : -ENOMEM;
}

static void host_push(PortHost *h, Event *event)
{
        World *w = (World *)h;

        assert_true(w->n_pushed < PUSHED_MAX);
        w->pushed[w->n_pushed] = *event;
        (void)str_copy(w->bodies[w->n_pushed], sizeof(w->bodies[0]), event->body);
        w->n_pushed++;
        free(event->body);
        w->n_in_use = 0;
}

static void host_discard(PortHost *h, Event *event)
{
        free(event->body);
        ((World *)h)->n_in_use = 0;
}

static uint64_t host_run(PortHost *h)
{
        ((World *)h)->n_runs++;
        return 0;
}

static void host_count(PortHost *h, const char *what)
{
        ((World *)h)->n_counted++;
}

static int gateway_status(void *userdata, char **ret_json)
{
        *ret_json = strdup("{\"ok\":true}");
        return *ret_json ? 0 : -ENOMEM;
}

static int gateway_list(void *userdata, bool all, char **ret_json)
{
        *ret_json = strdup(all ? "[\"all\"]" : "[\"open\"]");
        return *ret_json ? 0 : -ENOMEM;
}

static int gateway_show(void *userdata, uint64_t incident, char **ret_json)
{
        if (incident == 5)
                return -EIO;
        return asprintf(ret_json, "{\"incident\":%llu}", (unsigned long long)incident) < 0 ? -ENOMEM : 0;
}

static int gateway_import(void *userdata, const char *folder, uint64_t hold, char **ret_json)
{
        World *w = userdata;

        w->import_hold = hold;
        if (!w->import_now)
                return 0;
        *ret_json = strdup("{\"result\":\"refused\"}");
        return *ret_json ? 0 : -ENOMEM;
}

static void control_up(World *w)
{
        /* Nothing of the codec is touched: any address will do. */
        assert_int_equal(
                control_new(&w->control, &w->host, (Codec *)w, &w->gateway, w->folder, &w->port), 0);
}

static int setup(void **state)
{
        World *w = calloc(1, sizeof(World));

        assert_non_null(w);
        w->host = (PortHost){
                .watch = host_watch,
                .watch_set = loop_watch_set,
                .watch_free = loop_watch_free,
                .timer = host_timer,
                .timer_set = loop_timer_set,
                .timer_free = loop_timer_free,
                .event_new = host_event_new,
                .event_body = host_event_body,
                .push = host_push,
                .discard = host_discard,
                .run = host_run,
                .count = host_count,
        };
        w->gateway = (ControlHost){
                .userdata = w,
                .status = gateway_status,
                .list = gateway_list,
                .show = gateway_show,
                .workers = gateway_status,
                .unprotected = gateway_status,
                .import = gateway_import,
        };
        (void)str_copy(w->folder, sizeof(w->folder), "/tmp/huying-control-XXXXXX");
        assert_non_null(mkdtemp(w->folder));
        assert_int_equal(loop_new(&w->loop), 0);
        control_up(w);
        *state = w;
        return 0;
}

static void path_of(const World *w, char ret[128])
{
        Str s = {.p = ret, .cap = 128};

        str_addf(&s, "%s/control", w->folder);
}

static int teardown(void **state)
{
        World *w = *state;
        char path[128];

        path_of(w, path);
        control_free(w->control);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(rmdir(w->folder), 0);
        loop_free(w->loop);
        free(w);
        return 0;
}

static int dial(const World *w)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char path[128];
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        path_of(w, path);
        (void)str_copy(address.sun_path, sizeof(address.sun_path), path);
        assert_true(fd >= 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
        return fd;
}

static void client_up(World *w, Caller *c)
{
        int fd = dial(w);

        *c = (Caller){0};
        assert_true(sd_bus_new(&c->bus) >= 0);
        assert_true(sd_bus_set_fd(c->bus, fd, fd) >= 0);
        assert_true(sd_bus_start(c->bus) >= 0);
}

static void client_down(Caller *c)
{
        c->bus = sd_bus_close_unref(c->bus);
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Caller *c = userdata;
        const char *text = "";

        if (sd_bus_message_is_method_error(m, NULL)) {
                c->n_errors++;
                (void)str_copy(c->error, sizeof(c->error), sd_bus_message_get_error(m)->name);
                return 0;
        }
        assert_true(sd_bus_message_read(m, "s", &text) > 0);
        (void)str_copy(c->answer, sizeof(c->answer), text);
        c->n_answers++;
        return 0;
}

#define client_call(c, member, ...)                                                                         \
        assert_true(sd_bus_call_method_async((c)->bus, NULL, NULL, "/org/huying/Gateway1",                  \
                            "org.huying.Gateway1", (member), on_answer, (c), __VA_ARGS__) >= 0)

static void step(World *w, Caller *clients, unsigned n)
{
        assert_true(loop_step(w->loop, 5000) >= 0);
        for (unsigned i = 0; i < n; i++)
                while (clients[i].bus && sd_bus_process(clients[i].bus, NULL) > 0)
                        ;
}

#define UNTIL(w, clients, n, condition)                                                                     \
        do {                                                                                                \
                unsigned _left = PATIENCE;                                                                  \
                while (!(condition) && _left-- > 0)                                                         \
                        step((w), (clients), (n));                                                          \
                assert_true(condition);                                                                     \
        } while (false)

static void reply(World *w, uint64_t hold, const char *json)
{
        const PortReply r = {.hold = hold, .worker_code = "d01", .json = json, .json_size = strlen(json)};

        w->port.ops->reply(w->port.port, &r);
}

static void test_facts(void **state)
{
        World *w = *state;
        Caller c;

        client_up(w, &c);
        client_call(&c, "Status", "");
        UNTIL(w, &c, 1, c.n_answers == 1);
        assert_string_equal(c.answer, "{\"ok\":true}");
        client_call(&c, "List", "b", 1);
        UNTIL(w, &c, 1, c.n_answers == 2);
        assert_string_equal(c.answer, "[\"all\"]");
        client_call(&c, "Show", "t", (uint64_t)1042);
        UNTIL(w, &c, 1, c.n_answers == 3);
        assert_string_equal(c.answer, "{\"incident\":1042}");
        client_call(&c, "Workers", "");
        UNTIL(w, &c, 1, c.n_answers == 4);
        client_call(&c, "Show", "t", (uint64_t)5);
        UNTIL(w, &c, 1, c.n_errors == 1);
        assert_string_equal(c.error, "org.huying.Error.Failed");
        client_down(&c);
}

static void test_act_waits_for_its_reply(void **state)
{
        World *w = *state;
        Caller c;

        client_up(w, &c);
        client_call(&c, "Act", "ss", "d01", "{\"action\":\"accept\",\"incident\":7}");
        UNTIL(w, &c, 1, w->n_pushed == 1);
        assert_int_equal(w->pushed[0].type, EVENT_ACTION);
        assert_int_equal(w->pushed[0].via, VIA_CONTROL);
        assert_string_equal(w->pushed[0].source, "d01");
        assert_string_equal(w->bodies[0], "{\"action\":\"accept\",\"incident\":7}");
        assert_true(w->pushed[0].hold != 0);
        assert_true(w->n_runs > 0);
        for (unsigned i = 0; i < 20; i++)
                step(w, &c, 1);
        assert_int_equal(c.n_answers + c.n_errors, 0);

        reply(w, w->pushed[0].hold, "{\"result\":\"ok\"}");
        UNTIL(w, &c, 1, c.n_answers == 1);
        assert_string_equal(c.answer, "{\"result\":\"ok\"}");
        reply(w, w->pushed[0].hold, "{\"result\":\"twice\"}");
        for (unsigned i = 0; i < 20; i++)
                step(w, &c, 1);
        assert_int_equal(c.n_answers, 1);
        client_down(&c);
}

static void test_alarm_waits_for_its_receipt(void **state)
{
        World *w = *state;
        PortReceipt receipt = {.device = "sos-101", .event_id = "e-1", .json = "{\"result\":\"recorded\"}"};
        Caller c;

        client_up(w, &c);
        client_call(&c, "Alarm", "ss", "sos-101", "{\"id\":\"e-1\",\"kind\":\"sos\"}");
        UNTIL(w, &c, 1, w->n_pushed == 1);
        assert_int_equal(w->pushed[0].type, EVENT_ALARM);
        assert_string_equal(w->pushed[0].source, "sos-101");
        receipt.hold = w->pushed[0].hold;
        receipt.json_size = strlen(receipt.json);
        w->port.ops->receipt(w->port.port, &receipt);
        UNTIL(w, &c, 1, c.n_answers == 1);
        assert_string_equal(c.answer, "{\"result\":\"recorded\"}");
        client_down(&c);
}

/* The answer to a peer that has left must reach nobody, least of all the next one in its place. */
static void test_peer_left_before_the_answer(void **state)
{
        World *w = *state;
        uint64_t old;
        Caller c;

        client_up(w, &c);
        client_call(&c, "Act", "ss", "d01", "{}");
        UNTIL(w, &c, 1, w->n_pushed == 1);
        old = w->pushed[0].hold;
        client_down(&c);
        reply(w, old, "{\"result\":\"lost\"}"); /* the gateway has not noticed yet */
        for (unsigned i = 0; i < 20; i++)
                step(w, NULL, 0);
        reply(w, old, "{\"result\":\"lost\"}"); /* now it has */

        client_up(w, &c);
        client_call(&c, "Act", "ss", "d01", "{}");
        UNTIL(w, &c, 1, w->n_pushed == 2);
        assert_true(w->pushed[1].hold != old);
        reply(w, old, "{\"result\":\"wrong\"}");
        reply(w, w->pushed[1].hold, "{\"result\":\"right\"}");
        UNTIL(w, &c, 1, c.n_answers == 1);
        assert_string_equal(c.answer, "{\"result\":\"right\"}");
        client_down(&c);
}

static void test_import(void **state)
{
        World *w = *state;
        Caller c;

        client_up(w, &c);
        client_call(&c, "Import", "s", "/somewhere");
        UNTIL(w, &c, 1, w->import_hold != 0);
        assert_int_equal(c.n_answers, 0);
        assert_true(control_waits(w->control, w->import_hold));
        assert_false(control_waits(w->control, w->import_hold + 1));
        assert_false(control_waits(w->control, UINT64_MAX));
        control_answer(w->control, w->import_hold, "{\"result\":\"ok\"}");
        assert_false(control_waits(w->control, w->import_hold));
        UNTIL(w, &c, 1, c.n_answers == 1);
        assert_string_equal(c.answer, "{\"result\":\"ok\"}");

        w->import_now = true;
        client_call(&c, "Import", "s", "/somewhere");
        UNTIL(w, &c, 1, c.n_answers == 2);
        assert_string_equal(c.answer, "{\"result\":\"refused\"}");
        control_answer(w->control, w->import_hold, "{\"result\":\"late\"}");
        for (unsigned i = 0; i < 20; i++)
                step(w, &c, 1);
        assert_int_equal(c.n_answers, 2);
        client_down(&c);
}

static void test_bad_arguments(void **state)
{
        World *w = *state;
        _cleanup_(freep) char *big = malloc(LIMIT_BODY + 2);
        Caller c;

        assert_non_null(big);
        memset(big, 'x', LIMIT_BODY + 1);
        big[LIMIT_BODY + 1] = 0;
        client_up(w, &c);
        client_call(&c, "Act", "ss", "d01/+", "{}");
        UNTIL(w, &c, 1, c.n_errors == 1);
        client_call(&c, "Alarm", "ss", "", "{}");
        UNTIL(w, &c, 1, c.n_errors == 2);
        client_call(&c, "Alarm", "ss", "sos-101", big);
        UNTIL(w, &c, 1, c.n_errors == 3);
        assert_string_equal(c.error, SD_BUS_ERROR_INVALID_ARGS);
        client_call(&c, "Alarm", "s", "sos-101");
        UNTIL(w, &c, 1, c.n_errors == 4);
        client_call(&c, "Explode", "");
        UNTIL(w, &c, 1, c.n_errors == 5);
        assert_int_equal(w->n_pushed, 0);
        assert_int_equal(w->n_in_use, 0);
        client_down(&c);
}

static void test_busy(void **state)
{
        World *w = *state;
        Caller c;

        client_up(w, &c);
        w->inbox_full = true;
        client_call(&c, "Act", "ss", "d01", "{}");
        UNTIL(w, &c, 1, c.n_errors == 1);
        assert_string_equal(c.error, "org.huying.Error.Busy");
        w->inbox_full = false;
        for (unsigned i = 0; i < 20; i++)
                client_call(&c, "Act", "ss", "d01", "{}");
        UNTIL(w, &c, 1, w->n_pushed + c.n_errors == 21);
        assert_int_equal(w->n_pushed, 16);
        for (unsigned i = 0; i < 16; i++)
                reply(w, w->pushed[i].hold, "{}");
        UNTIL(w, &c, 1, c.n_answers == 16);
        client_call(&c, "Act", "ss", "d01", "{}");
        UNTIL(w, &c, 1, w->n_pushed == 17);
        client_down(&c);
}

static void test_many_peers(void **state)
{
        World *w = *state;
        Caller clients[CLIENTS_MAX];

        for (unsigned i = 0; i < 17; i++) {
                client_up(w, &clients[i]);
                client_call(&clients[i], "Act", "ss", "d01", "{}");
                if (i < 16)
                        UNTIL(w, clients, i + 1, w->n_pushed == i + 1);
        }
        UNTIL(w, clients, 17, w->n_counted == 1); /* the 17th was closed at the door */
        for (unsigned i = 16; i-- > 0;)
                reply(w, w->pushed[i].hold, "{}");
        for (unsigned i = 0; i < 16; i++)
                UNTIL(w, clients, 16, clients[i].n_answers == 1);
        assert_int_equal(clients[16].n_answers, 0);
        client_down(&clients[16]);
        client_down(&clients[3]);
        for (unsigned i = 0; i < 20; i++)
                step(w, clients, 16);
        client_up(w, &clients[3]);
        client_call(&clients[3], "Status", "");
        UNTIL(w, clients, 16, clients[3].n_answers == 1);
        for (unsigned i = 0; i < 16; i++)
                client_down(&clients[i]);
}

static void test_garbage(void **state)
{
        World *w = *state;
        char byte;
        int fd = dial(w);
        unsigned left = PATIENCE;
        Caller c;

        assert_true(send(fd, "GET / HTTP/1.1\r\n\r\n\377\0\0\0", 22, MSG_NOSIGNAL) == 22);
        while (recv(fd, &byte, 1, 0) != 0 && errno != ECONNRESET && left-- > 0)
                assert_true(loop_step(w->loop, 5000) >= 0);
        assert_true(left > 0);
        close(fd);
        client_up(w, &c);
        client_call(&c, "Status", "");
        UNTIL(w, &c, 1, c.n_answers == 1);
        client_down(&c);
}

static void test_place(void **state)
{
        World *w = *state;
        char path[128];
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        struct stat st;
        Control *other = NULL;
        Port port;
        Caller c;
        int fd;

        path_of(w, path);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0660);

        /* What a killed daemon leaves behind is replaced. */
        w->control = control_free(w->control);
        (void)str_copy(address.sun_path, sizeof(address.sun_path), path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        close(fd);
        control_up(w);
        client_up(w, &c);
        client_call(&c, "Status", "");
        UNTIL(w, &c, 1, c.n_answers == 1);
        client_down(&c);

        /* What is no socket is not. */
        w->control = control_free(w->control);
        fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        close(fd);
        assert_true(control_new(&other, &w->host, (Codec *)w, &w->gateway, w->folder, &port) < 0);
        assert_null(other);
        assert_int_equal(unlink(path), 0);
        control_up(w);
}

static void test_stop_with_calls_open(void **state)
{
        World *w = *state;
        Caller c;

        client_up(w, &c);
        client_call(&c, "Act", "ss", "d01", "{}");
        UNTIL(w, &c, 1, w->n_pushed == 1);
        w->port.ops->stop(w->port.port);
        reply(w, w->pushed[0].hold, "{}");
        UNTIL(w, &c, 1, c.n_errors == 1); /* the client's own: the connection has ended */
        client_down(&c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_facts, setup, teardown),
                cmocka_unit_test_setup_teardown(test_act_waits_for_its_reply, setup, teardown),
                cmocka_unit_test_setup_teardown(test_alarm_waits_for_its_receipt, setup, teardown),
                cmocka_unit_test_setup_teardown(test_peer_left_before_the_answer, setup, teardown),
                cmocka_unit_test_setup_teardown(test_import, setup, teardown),
                cmocka_unit_test_setup_teardown(test_bad_arguments, setup, teardown),
                cmocka_unit_test_setup_teardown(test_busy, setup, teardown),
                cmocka_unit_test_setup_teardown(test_many_peers, setup, teardown),
                cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
                cmocka_unit_test_setup_teardown(test_place, setup, teardown),
                cmocka_unit_test_setup_teardown(test_stop_with_calls_open, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
