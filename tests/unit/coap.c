/* SPDX-License-Identifier: Apache-2.0 */
/* The CoAP adapter on the wire: what arrives, when it is answered, and that nothing ends it. */
#include "coap-world.h"

#include "protocols/coap/lib.h"

#include <fcntl.h>

static const char RECEIPT[] = "{\"id\":\"e-17\",\"result\":\"recorded\",\"incident\":1042,\"seq\":88123}";

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

/* Not a byte before the receipt, then exactly one ACK; silence while it waits, the same bytes afterwards. */
static void answers_after_receipt(void **state)
{
        World *w = *state;
        int fd = device_new(w);
        Message m = press(CON, 0x1234, "tok1", "e-17");
        Event *e = device_alarm(w, fd, &m);
        Reply r, again;

        assert_int_equal(e->type, EVENT_ALARM);
        assert_int_equal(e->via, VIA_COAP);
        assert_int_equal(e->alarm.kind, ALARM_SOS);
        assert_string_equal(e->source, "sos-101");
        assert_string_equal(e->id, "e-17");
        assert_int_equal(e->body_size, 0);
        assert_true(e->hold != 0);
        assert_int_equal(w->runs, 1);

        for (int i = 0; i < 3; i++) {
                device_send(fd, &m);
                world_settle(w);
                device_silence(fd);
        }
        assert_int_equal(w->n_events, 1);

        world_receipt(w, e, 1042, RECEIPT);
        assert_true(device_receive(fd, &r));
        device_silence(fd);
        assert_int_equal(r.type, ACK);
        assert_int_equal(r.code, CODE(2, 1));
        assert_int_equal(r.mid, 0x1234);
        assert_string_equal(r.token, "tok1");
        assert_string_equal(r.location, "a/1042");
        assert_int_equal(r.format, 50);
        assert_string_equal(r.body, RECEIPT);

        for (int i = 0; i < 3; i++) {
                again = device_ask(w, fd, &m);
                assert_int_equal(again.n, r.n);
                assert_memory_equal(again.bytes, r.bytes, r.n);
        }
        assert_int_equal(w->n_events, 1);
        world_receipt(w, e, 1042, RECEIPT); /* once more: nobody waits */
        device_silence(fd);
        close(fd);
}

/* A device that counts its message ids from the beginning again must be heard. */
static void same_message_id_other_content(void **state)
{
        World *w = *state;
        int fd = device_new(w), other = device_new(w);
        Message first = press(CON, 7, "t", "e-1"), second = press(CON, 7, "t", "e-2"),
                third = press(CON, 7, "u", "e-2");

        world_receipt(w, device_alarm(w, fd, &first), 1, RECEIPT);
        Reply r;
        assert_true(device_receive(fd, &r));
        assert_string_equal(device_alarm(w, fd, &second)->id, "e-2");
        (void)device_alarm(w, fd, &third);
        /* The same bytes from another port are another device's. */
        (void)device_alarm(w, other, &first);
        assert_int_equal(w->n_events, 4);
        close(fd);
        close(other);
}

static void answers_out_of_order(void **state)
{
        World *w = *state;
        int a = device_new(w), b = device_new(w);
        Message ma = press(CON, 1, "a", "e-a"), mb = press(CON, 2, "b", "e-b");
        Event *ea = device_alarm(w, a, &ma), *eb = device_alarm(w, b, &mb);
        Reply r;

        world_receipt(w, eb, 2, "{}");
        device_silence(a);
        assert_true(device_receive(b, &r));
        assert_int_equal(r.mid, 2);
        assert_string_equal(r.location, "a/2");
        world_receipt(w, ea, 0, "{}"); /* recorded without an incident: no location */
        assert_true(device_receive(a, &r));
        assert_int_equal(r.code, CODE(2, 1));
        assert_string_equal(r.location, "");
        close(a);
        close(b);
}

static void non_confirmable(void **state)
{
        World *w = *state;
        int fd = device_new(w);
        Message m = press(NON, 9, "nontok", "e-9");
        Event *e = device_alarm(w, fd, &m);
        Reply r;

        world_receipt(w, e, 5, "{}");
        assert_true(device_receive(fd, &r));
        assert_int_equal(r.type, NON);
        assert_int_equal(r.code, CODE(2, 1));
        assert_string_equal(r.token, "nontok");
        assert_string_equal(r.location, "a/5");
        close(fd);
}

/* RFC 7967: the device does not want to hear 2.xx. Its CON is acknowledged all the same, after the
 * commit. */
static void no_response(void **state)
{
        World *w = *state;
        int fd = device_new(w);
        Message m = press(CON, 20, "tok", "e-20"), n = press(NON, 21, "tok", "e-21");
        Reply r;

        option_byte(&m, 258, 2);
        option_byte(&n, 258, 2);
        world_receipt(w, device_alarm(w, fd, &m), 1, RECEIPT);
        assert_true(device_receive(fd, &r));
        assert_int_equal(r.n, 4); /* no token, no code: the bare ACK */
        assert_int_equal(r.type, ACK);
        assert_int_equal(r.code, 0);
        assert_int_equal(r.mid, 20);
        r = device_ask(w, fd, &m);
        assert_int_equal(r.n, 4);
        world_receipt(w, device_alarm(w, fd, &n), 1, RECEIPT);
        device_silence(fd);
        assert_int_equal(w->n_events, 2);
        close(fd);
}

static void kinds(void **state)
{
        static const struct {
                const char *path;
                AlarmKind kind;
                const char *word;
        } cases[] = {
                {"v1/alarm/smoke", ALARM_SMOKE, "smoke"},
                {"v1/alarm/smoke_clear", ALARM_SMOKE_CLEAR, "smoke_clear"},
                {"v1/alarm/flood", ALARM_UNKNOWN, "flood"},
                {"v1/alarm/sos/now", ALARM_UNKNOWN, "sos/now"},
                {"v1/alarm/\xe7\x81\xab", ALARM_UNKNOWN, "\xe7\x81\xab"},
                {"v1/alarm/a-kind-that-is-far-too-long-to-be-kept-whole", ALARM_UNKNOWN,
                        "a-kind-that-is-far-too-long-to-"},
                {"v1/alarm/\xff\x01", ALARM_UNKNOWN, "__"},
        };
        World *w = *state;
        int fd = device_new(w);

        for (unsigned i = 0; i < N_ELEMENTS(cases); i++) {
                Message m = message(i % 2 ? CON : NON, i % 2 ? PUT : POST, (uint16_t)(100 + i), "k");

                path(&m, cases[i].path);
                option_text(&m, 15, "d=sos-101");
                Event *e = device_alarm(w, fd, &m);
                assert_int_equal(e->alarm.kind, cases[i].kind);
                assert_string_equal(e->alarm.word, cases[i].word);
                assert_string_equal(e->source, "sos-101");
        }
        Message bare = message(CON, POST, 99, "");
        path(&bare, "v1/alarm");
        payload(&bare, "{\"kind\":\"fall\",\"id\":\"j-1\"}", 26);
        Event *e = device_alarm(w, fd, &bare);
        assert_int_equal(e->alarm.kind, ALARM_FALL);
        assert_string_equal(e->id, "j-1");
        close(fd);
}

static void sources(void **state)
{
        static const struct {
                const char *d, *id, *source, *kept;
                bool parsed, complains;
        } cases[] = {
                {NULL, "id=e", "127.0.0.1", "e", true, false},
                {"d=", "id=", "127.0.0.1", "", true, false},
                {"d=\xe4\xb8\x80\xe5\x8f\xb7", "id=\xe4\xb8\x80", "\xe4\xb8\x80\xe5\x8f\xb7", "\xe4\xb8\x80",
                        true, false},
                {"d=a/b +", "id=e", "a_b__", "e", false, true},
                {"d=\xff\xfe", "id=e", "__", "e", false, true},
                {"d=0123456789012345678901234567890123456789012345678901234567890123456789", "id=e",
                        "012345678901234567890123456789012345678901234567890123456789012", "e", false, true},
                {"d=x", "id=0123456789012345678901234567890123456789012345678901234567890123456789", "x", "",
                        true, true},
                {"d=x", "id=\xff", "x", "", true, true},
                {"d=x", "id=a\nb", "x", "", true, true},
        };
        World *w = *state;
        int fd = device_new(w);

        for (unsigned i = 0; i < N_ELEMENTS(cases); i++) {
                Message m = message(CON, POST, (uint16_t)(200 + i), "s");

                path(&m, "v1/alarm/sos");
                option_text(&m, 15, "unknown=1");
                if (cases[i].d)
                        option_text(&m, 15, cases[i].d);
                option_text(&m, 15, cases[i].id);
                Event *e = device_alarm(w, fd, &m);
                assert_string_equal(e->source, cases[i].source);
                assert_string_equal(e->id, cases[i].kept);
                assert_int_equal(e->alarm.kind, cases[i].parsed ? ALARM_SOS : ALARM_UNPARSED);
                assert_string_equal(e->alarm.word, "sos");
                assert_int_equal(e->why[0] != 0, cases[i].complains);
        }
        close(fd);
}

static void twice(void **state)
{
        World *w = *state;
        int fd = device_new(w);
        Message m = message(CON, POST, 1, "");

        path(&m, "v1/alarm/sos");
        option_text(&m, 15, "d=one");
        option_text(&m, 15, "d=two");
        option_text(&m, 15, "id=one");
        option_text(&m, 15, "id=two");
        Event *e = device_alarm(w, fd, &m);
        assert_string_equal(e->source, "one");
        assert_string_equal(e->id, ""); /* which of them is meant is not known */
        assert_int_equal(e->alarm.kind, ALARM_SOS);
        assert_true(e->why[0] != 0);
        close(fd);
}

static void bodies(void **state)
{
        World *w = *state;
        int fd = device_new(w);
        Message json = press_format(CON, 1, "", "q-1", 50), garbage = press(CON, 2, "", "q-2"),
                cbor = press_format(CON, 3, "", "q-3", 60);
        Reply r;

        payload(&json, "{\"id\":\"j-1\",\"battery\":80}", 25);
        Event *e = device_alarm(w, fd, &json);
        assert_int_equal(e->alarm.kind, ALARM_SOS);
        assert_string_equal(e->id, "q-1"); /* the resource names the event */
        assert_true(e->body_json);
        assert_string_equal(e->body, "{\"id\":\"j-1\",\"battery\":80}");

        payload(&garbage, "\x00\xff{{{", 5);
        e = device_alarm(w, fd, &garbage);
        assert_int_equal(e->alarm.kind, ALARM_UNPARSED);
        assert_string_equal(e->id, "q-2");
        assert_string_equal(e->alarm.word, "sos");
        assert_int_equal(e->body_size, 5);
        world_receipt(w, e, 3, "{\"result\":\"unparsed\"}");
        assert_true(device_receive(fd, &r));
        assert_int_equal(r.code, CODE(2, 1)); /* recorded as it is, and somebody is called */

        option_byte(&cbor, 17, 60);
        payload(&cbor, "\xa0", 1);
        (void)device_alarm(w, fd, &cbor);
        close(fd);
}

/* 4.13 comes when the event is recorded, and not before. */
static void too_large(void **state)
{
        World *w = *state;
        int fd = device_new(w);
        static char body[1600];
        static const size_t sizes[] = {0, 1025, 1400, 1600}; /* 0: a block */
        Reply r;

        memset(body, 'x', sizeof(body));
        for (unsigned i = 0; i < N_ELEMENTS(sizes); i++) {
                Message m = press(CON, (uint16_t)(1 + i), "b", "e-3");

                if (sizes[i] == 0)
                        option_byte(&m, 27, 0x08);
                payload(&m, body, sizes[i] ? sizes[i] : 16);
                Event *e = device_alarm(w, fd, &m);
                assert_int_equal(e->alarm.kind, ALARM_UNPARSED);
                assert_string_equal(e->source, "sos-101");
                assert_true(e->why[0] != 0);
                assert_true(e->hold != 0);
                world_receipt(w, e, 7, "{}");
                assert_true(device_receive(fd, &r));
                assert_int_equal(r.type, ACK);
                assert_int_equal(r.code, CODE(4, 13));
                assert_int_equal(r.mid, 1 + i);
                assert_int_equal(r.size1, 1024);
                assert_string_equal(r.location, "");
        }
        Message fits = press(CON, 50, "", "e-50");
        payload(&fits, body, 1024);
        world_receipt(w, device_alarm(w, fd, &fits), 1, "{}");
        assert_true(device_receive(fd, &r));
        assert_int_equal(r.code, CODE(2, 1));
        close(fd);
}

/* Two datagrams of 12 bytes that end a libcoap server with COAP_BLOCK_SINGLE_BODY: Block1 0/more, then
 * 1/last. */
static void block_crash(void **state)
{
        static const char *const paths[] = {
                "sos", "v1/alarm/sos", "v1/vitals", "v1/status", "a/1", ".well-known/core"};
        World *w = *state;
        int fd = device_new(w);
        uint16_t mid = 1;
        Reply r;

        world_lamp(w, 1, LAMP_RECEIVED, true);
        for (unsigned i = 0; i < N_ELEMENTS(paths); i++)
                for (unsigned code = GET; code <= 7; code++)
                        for (unsigned block = 0; block < 2; block++) {
                                Message m = message(CON, code, mid++, "x");

                                path(&m, paths[i]);
                                option_byte(&m, 27, block ? 0x10 : 0x08);
                                device_send(fd, &m);
                                world_settle(w);
                                (void)device_receive(fd, &r);
                        }
        assert_int_equal(w->n_events, 4); /* the two blocks of POST and PUT to the alarm */
        for (uint32_t i = 0; i < w->n_events; i++)
                assert_int_equal(w->events[i].alarm.kind, ALARM_UNPARSED);
        close(fd);
}

static Message reading(uint16_t mid, const char *where, const char *d, int format, const char *body)
{
        Message m = message(CON, POST, mid, "rd");

        path(&m, where);
        if (format >= 0)
                option_byte(&m, 12, (uint8_t)format);
        if (d)
                option_text(&m, 15, d);
        payload(&m, body, strlen(body));
        return m;
}

static void readings(void **state)
{
        World *w = *state;
        int fd = device_new(w);
        Message v = reading(1, "v1/vitals", "d=band-101", -1, "{\"hr\":72,\"spo2\":97}");
        Message s = reading(2, "v1/status", "d=band-101", 50, "{\"battery\":80}");
        Reply r = device_ask(w, fd, &v);

        assert_int_equal(r.type, ACK);
        assert_int_equal(r.code, CODE(2, 4));
        assert_int_equal(r.mid, 1);
        assert_string_equal(r.token, "rd");
        assert_int_equal(w->n_events, 1);
        assert_int_equal(w->runs, 1);
        assert_int_equal(w->events[0].type, EVENT_VITALS);
        assert_int_equal(w->events[0].hold, 0);
        assert_string_equal(w->events[0].source, "band-101");
        assert_true(w->events[0].vitals.value[VITAL_HR] == 72);

        assert_int_equal(device_ask(w, fd, &v).code, CODE(2, 4)); /* again: answered, not counted */
        assert_int_equal(w->n_events, 1);

        assert_int_equal(device_ask(w, fd, &s).code, CODE(2, 4));
        assert_int_equal(w->n_events, 2);
        assert_int_equal(w->events[1].type, EVENT_STATUS);
        assert_int_equal(w->events[1].status.battery, 80);
        close(fd);
}

static unsigned said_by_library;

static void on_library_log(coap_log_t level, const char *text)
{
        said_by_library++;
}

/* A queue of readings, with some that are no requests between them, is one turn; each is answered, and once. */
static void backlog(void **state)
{
        World *w = *state;
        int fd = device_new(w);
        Message odd = message(ACK, 0, 9, ""); /* to nothing that was asked */
        Reply r;

        coap_set_log_handler(on_library_log);
        said_by_library = 0;
        for (uint16_t i = 0; i < 203; i++) {
                Message m = reading(i, "v1/vitals", "d=band-101", -1, "{\"hr\":72}");

                if (i % 50 == 49)
                        device_send(fd, &odd);
                device_send(fd, &m);
        }
        assert_true(world_step(w, 0));
        assert_false(world_step(w, 0));
        assert_int_equal(w->n_events, 203);
        assert_int_equal(w->runs, 1);
        for (uint16_t i = 0; i < 203; i++) {
                assert_true(device_receive(fd, &r));
                assert_int_equal(r.mid, i);
                assert_int_equal(r.code, CODE(2, 4));
        }
        device_silence(fd);
        assert_int_equal(said_by_library, 0); /* also not of a socket that had nothing more */
        close(fd);
}

/* SenML: readings are answered after the turn; with an alarm among them, after its receipt and not before. */
static void packs(void **state)
{
        static const char cbor[] = "\x81\xa2\x61\x78\x01\x02\x18\x47",
                          alarm[] = "[{\"n\":\"hr\",\"v\":72},{\"n\":\"sos\",\"vb\":true}]";
        World *w = *state;
        int fd = device_new(w);
        Message m = reading(1, "v1/vitals", "d=band-101", 110,
                "[{\"n\":\"hr\",\"v\":72,\"t\":-60},{\"n\":\"hr\",\"v\":73}]");
        Reply r;

        assert_int_equal(device_ask(w, fd, &m).code, CODE(2, 4));
        assert_int_equal(w->n_events, 2);
        assert_int_equal(w->events[0].type, EVENT_VITALS);
        assert_int_equal(w->events[0].hold, 0);
        assert_string_equal(w->events[1].source, "band-101");
        m = reading(
                2, "v1/vitals", "d=band-101", 112, cbor); /* nothing that we know: a fault of the device */
        assert_int_equal(device_ask(w, fd, &m).code, CODE(2, 4));
        assert_int_equal(w->n_events, 3);
        assert_true(w->events[2].status.fault);

        m = reading(3, "v1/vitals", "d=band-101", 110, alarm);
        device_send(fd, &m);
        world_settle(w);
        device_silence(fd);
        device_send(fd, &m); /* a retransmission while it waits */
        world_settle(w);
        device_silence(fd);
        assert_int_equal(w->n_events, 5);
        assert_int_equal(w->events[3].type, EVENT_ALARM);
        assert_true(w->events[3].hold != 0);
        assert_int_equal(w->events[4].type, EVENT_VITALS);
        assert_int_equal(w->events[4].hold, 0);
        world_receipt(w, &w->events[3], 1042, RECEIPT);
        assert_true(device_receive(fd, &r));
        assert_int_equal(r.code, CODE(2, 1));
        assert_string_equal(r.location, "a/1042");
        assert_int_equal(device_ask(w, fd, &m).code, CODE(2, 1)); /* again: the same answer */
        assert_int_equal(w->n_events, 5);

        m = reading(4, "v1/vitals", NULL, 110, alarm); /* nobody knows whose: an alarm all the same */
        device_send(fd, &m);
        world_settle(w);
        device_silence(fd);
        assert_int_equal(w->n_events, 7);
        assert_int_equal(w->events[5].alarm.kind, ALARM_SOS);
        assert_string_equal(w->events[5].source, "127.0.0.1");
        close(fd);
}

static void readings_refused(void **state)
{
        World *w = *state;
        int fd = device_new(w);
        static char large[1100];
        Message m;

        m = reading(1, "v1/vitals", "d=band-101", 60, "[]");
        assert_int_equal(device_ask(w, fd, &m).code, CODE(4, 15));
        m = reading(2, "v1/status", "d=band-101", 0, "{}");
        assert_int_equal(device_ask(w, fd, &m).code, CODE(4, 15));
        m = reading(3, "v1/status", NULL, 50, "{}");
        assert_int_equal(device_ask(w, fd, &m).code, CODE(4, 0));
        m = reading(4, "v1/status", "d=a/b", 50, "{}");
        assert_int_equal(device_ask(w, fd, &m).code, CODE(4, 0));
        memset(large, ' ', sizeof(large) - 1);
        m = reading(5, "v1/status", "d=x", 50, large);
        assert_int_equal(device_ask(w, fd, &m).code, CODE(4, 13));
        assert_int_equal(w->n_events, 0);
        close(fd);
}

static void other_paths(void **state)
{
        static const struct {
                const char *path;
                unsigned method, code;
        } cases[] = {
                {"", POST, CODE(4, 4)},
                {"v1", POST, CODE(4, 4)},
                {"v2/alarm/sos", POST, CODE(4, 4)},
                {"v1/alarms/sos", POST, CODE(4, 4)},
                {"v1/vitals/x", POST, CODE(4, 4)},
                {"a/1042", GET, CODE(4, 4)},
                {"v1/nothing", DELETE, CODE(4, 4)},
                {"v1/alarm/sos", GET, CODE(4, 5)},
                {"v1/alarm/sos", DELETE, CODE(4, 5)},
                {"v1/vitals", GET, CODE(4, 5)},
                {".well-known/core", POST, CODE(4, 5)},
                {".well-known/core", GET, CODE(2, 5)},
        };
        World *w = *state;
        int fd = device_new(w);

        for (unsigned i = 0; i < N_ELEMENTS(cases); i++) {
                Message m = message(CON, cases[i].method, (uint16_t)i, "p");

                path(&m, cases[i].path);
                Reply r = device_ask(w, fd, &m);
                assert_int_equal(r.code, cases[i].code);
                if (r.code == CODE(2, 5)) {
                        assert_int_equal(r.format, 40);
                        assert_non_null(strstr(r.body, "</v1/alarm>"));
                }
        }
        assert_int_equal(w->n_events, 0);
        close(fd);
}

/* When others have filled the inbox the adapter runs the turn; if that does not help, the device comes
 * again. */
static void inbox_full(void **state)
{
        World *w = *state;
        int fd = device_new(w);
        Message m = press(CON, 1, "t", "e-1");

        w->inbox_full = true;
        device_send(fd, &m);
        world_settle(w);
        device_silence(fd);
        assert_int_equal(w->n_events, 0);
        assert_int_equal(w->runs, 1);
        w->inbox_full = false;
        (void)device_alarm(w, fd, &m);
        close(fd);
}

/* More alarms wait than there is room: the oldest is let go, and its retransmission is heard again. */
static void too_many_wait(void **state)
{
        World *w = *state;
        int fd = device_new(w);
        Message first = press(CON, 0, "t", "e-first");
        Reply r;

        Event *e = device_alarm(w, fd, &first);
        for (unsigned i = 1; i <= 4096; i++) {
                Message m = press(CON, (uint16_t)i, "t", "e");

                device_send(fd, &m);
                if (i % 64 == 0)
                        world_settle(w);
        }
        assert_int_equal(w->n_events, 4097);
        world_receipt(w, e, 1, RECEIPT);
        device_silence(fd);
        Event *again = device_alarm(w, fd, &first);
        assert_string_equal(again->id, "e-first");
        world_receipt(w, again, 1, RECEIPT);
        assert_true(device_receive(fd, &r));
        assert_int_equal(r.mid, 0);
        close(fd);
}

/* Descriptors must not be inherited by the programs that are called. */
static void descriptors_close_on_exec(void **state)
{
        unsigned found = 0;

        for (int fd = 3; fd < 64; fd++) {
                int flags = fcntl(fd, F_GETFD), type;
                socklen_t size = sizeof(type);

                if (flags < 0 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_DGRAM)
                        continue;
                assert_true(flags & FD_CLOEXEC);
                found++;
        }
        assert_true(found >= 1);
}

/* At the end devices that wait are not answered, and what comes later finds nobody. */
static void stop(void **state)
{
        World *w = *state;
        int fd = device_new(w);
        Message m = press(CON, 1, "t", "e-1");
        Event *e = device_alarm(w, fd, &m);
        Reply r;

        w->port.ops->stop(w->port.port);
        assert_false(world_step(w, 0));
        world_receipt(w, e, 1, RECEIPT);
        world_lamp(w, 1, LAMP_ACCEPTED, true);
        assert_false(device_receive(fd, &r));
        close(fd);
}

static void bad_addresses(void **state)
{
        static const char *const wrong[] = {"5683", "localhost:5683", "127.0.0.1",
                "127.0.0.1:", "127.0.0.1:99999", "[::1:5683", "[127.0.0.1]:5683", "::1:5683",
                "203.0.113.1:0"};

        for (unsigned i = 0; i < N_ELEMENTS(wrong); i++) {
                World *w = world_open(wrong[i], "", "");

                assert_true(cport_new(&w->coap, &w->host, &w->config, w->codec, &w->port) < 0);
                assert_null(w->coap);
                world_free(w);
        }
        World *w = world_open("[::1]:0 127.0.0.1:0", "", "");
        assert_int_equal(cport_new(&w->coap, &w->host, &w->config, w->codec, &w->port), 0);
        world_free(w);
        w = world_open("", "", "");
        assert_int_equal(cport_new(&w->coap, &w->host, &w->config, w->codec, &w->port), 0);
        assert_int_equal(cport_number(w->coap, false), 0);
        world_free(w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(answers_after_receipt, setup, teardown),
                cmocka_unit_test_setup_teardown(same_message_id_other_content, setup, teardown),
                cmocka_unit_test_setup_teardown(answers_out_of_order, setup, teardown),
                cmocka_unit_test_setup_teardown(non_confirmable, setup, teardown),
                cmocka_unit_test_setup_teardown(no_response, setup, teardown),
                cmocka_unit_test_setup_teardown(kinds, setup, teardown),
                cmocka_unit_test_setup_teardown(sources, setup, teardown),
                cmocka_unit_test_setup_teardown(twice, setup, teardown),
                cmocka_unit_test_setup_teardown(bodies, setup, teardown),
                cmocka_unit_test_setup_teardown(too_large, setup, teardown),
                cmocka_unit_test_setup_teardown(block_crash, setup, teardown),
                cmocka_unit_test_setup_teardown(readings, setup, teardown),
                cmocka_unit_test_setup_teardown(backlog, setup, teardown),
                cmocka_unit_test_setup_teardown(packs, setup, teardown),
                cmocka_unit_test_setup_teardown(readings_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(other_paths, setup, teardown),
                cmocka_unit_test_setup_teardown(inbox_full, setup, teardown),
                cmocka_unit_test_setup_teardown(too_many_wait, setup, teardown),
                cmocka_unit_test_setup_teardown(descriptors_close_on_exec, setup, teardown),
                cmocka_unit_test_setup_teardown(stop, setup, teardown),
                cmocka_unit_test(bad_addresses),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
