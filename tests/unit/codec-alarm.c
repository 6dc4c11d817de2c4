/* SPDX-License-Identifier: Apache-2.0 */
/* Alarms from bytes: nothing is refused, and what was wrong is said. */
#include "codec-test.h"

#include "base/clock.h"

typedef struct Case {
        const char *body;
        const char *hint;
        AlarmKind kind;
        const char *word, *id, *why;
        bool json;
} Case;

#define LONG31 "abcdefghijklmnopqrstuvwxyz01234"
#define LONG63 "0123456789012345678901234567890123456789012345678901234567890ab"

static const Case cases[] = {
        {"{\"id\":\"e-17\",\"kind\":\"sos\"}", NULL, ALARM_SOS, "sos", "e-17", "", true},
        {" \r\n\t{\"id\":\"e-17\",\"kind\":\"fall\"} \n", NULL, ALARM_FALL, "fall", "e-17", "", true},
        {"{\"kind\":\"smoke\",\"battery\":80,\"x\":{\"y\":[1]}}", NULL, ALARM_SMOKE, "smoke", "", "", true},
        {"{\"kind\":\"SOS\",\"id\":5}", NULL, ALARM_SOS, "SOS", "5", "", true},
        {"{\"kind\":\"co\",\"id\":-5}", NULL, ALARM_CO, "co", "-5", "", true},
        {"{\"kind\":\"sos\",\"id\":9223372036854775807}", NULL, ALARM_SOS, "sos", "9223372036854775807", "",
                true},
        {"{\"kind\":\"sos\",\"id\":12345678901234567890123}", NULL, ALARM_SOS, "sos",
                "12345678901234567890123", "", true},
        {"{\"kind\":\"sos\",\"id\":\"" LONG63 "\"}", NULL, ALARM_SOS, "sos", LONG63, "", true},
        {"{\"kind\":\"sos\",\"id\":\"" LONG63 "c\"}", NULL, ALARM_SOS, "sos", "", "id too long", true},
        {"{\"kind\":\"sos\",\"id\":1" LONG63 "}", NULL, ALARM_UNPARSED, "", "", "not JSON", false},
        {"{\"kind\":\"sos\",\"id\":1111111111111111111111111111111111111111111111111111111111111111}", NULL,
                ALARM_SOS, "sos", "", "id too long", true},
        {"{\"kind\":\"sos\",\"id\":\"\"}", NULL, ALARM_SOS, "sos", "", "id is empty", true},
        {"{\"kind\":\"sos\",\"id\":1.5}", NULL, ALARM_SOS, "sos", "", "id is neither text nor integer",
                true},
        {"{\"kind\":\"sos\",\"id\":1e999}", NULL, ALARM_SOS, "sos", "", "id is neither text nor integer",
                true},
        {"{\"kind\":\"sos\",\"id\":true}", NULL, ALARM_SOS, "sos", "", "id is neither text nor integer",
                true},
        {"{\"kind\":\"sos\",\"id\":null}", NULL, ALARM_SOS, "sos", "", "id is neither text nor integer",
                true},
        {"{\"kind\":\"sos\",\"id\":[1]}", NULL, ALARM_SOS, "sos", "", "id is neither text nor integer",
                true},
        {"{\"kind\":\"sos\",\"id\":{}}", NULL, ALARM_SOS, "sos", "", "id is neither text nor integer", true},
        {"{\"kind\":\"sos\",\"id\":\"\\ud800\"}", NULL, ALARM_SOS, "sos", "", "id is no UTF-8 text", true},
        {"{\"kind\":\"sos\",\"id\":\"a\\u0000b\"}", NULL, ALARM_SOS, "sos", "", "id is no UTF-8 text", true},
        {"{\"kind\":\"sos\",\"id\":\"\\u5f20\\n\"}", NULL, ALARM_SOS, "sos", "张\n", "", true},
        {"{\"id\":\"a\",\"kind\":\"sos\",\"id\":\"b\",\"kind\":\"test\"}", NULL, ALARM_SOS, "sos", "a", "",
                true},
        {"{\"id\":\"a\"}", NULL, ALARM_UNKNOWN, "", "a", "no kind", true},
        {"{}", NULL, ALARM_UNKNOWN, "", "", "no kind", true},
        {"{\"kind\":\"\"}", NULL, ALARM_UNKNOWN, "", "", "kind is no text", true},
        {"{\"kind\":7}", NULL, ALARM_UNKNOWN, "", "", "kind is no text", true},
        {"{\"kind\":[\"sos\"]}", NULL, ALARM_UNKNOWN, "", "", "kind is no text", true},
        {"{\"kind\":\"\\udfff\"}", NULL, ALARM_UNKNOWN, "", "", "kind is no text", true},
        {"{\"kind\":\"flood\",\"id\":\"a\"}", NULL, ALARM_UNKNOWN, "flood", "a", "", true},
        {"{\"kind\":\"unknown\"}", NULL, ALARM_UNKNOWN, "unknown", "", "", true},
        {"{\"kind\":\"unparsed\"}", NULL, ALARM_UNKNOWN, "unparsed", "", "", true},
        {"{\"kind\":\"" LONG31 "\"}", NULL, ALARM_UNKNOWN, LONG31, "", "", true},
        {"{\"kind\":\"" LONG31 "56789\"}", NULL, ALARM_UNKNOWN, LONG31, "", "", true},
        {"{\"kind\":\"漏水漏水漏水漏水漏水漏水\"}", NULL, ALARM_UNKNOWN, "漏水漏水漏水漏水漏水", "", "",
                true},
        /* a word in the path */
        {"", "sos", ALARM_SOS, "sos", "", "", false},
        {"", "flood", ALARM_UNKNOWN, "flood", "", "", false},
        {"  ", "gas", ALARM_GAS, "gas", "", "", false},
        {"{\"id\":\"c\"}", "heat", ALARM_HEAT, "heat", "c", "", true},
        {"{\"id\":\"c\",\"kind\":3}", "heat", ALARM_HEAT, "heat", "c", "", true},
        {"{\"id\":\"c\",\"kind\":\"fall\"}", "sos", ALARM_FALL, "fall", "c", "", true},
        {"garbage", "sos", ALARM_UNPARSED, "", "", "not JSON", false},
        {"", "\xff", ALARM_UNPARSED, "", "", "empty", false},
        {"", "", ALARM_UNPARSED, "", "", "empty", false},
        {"", NULL, ALARM_UNPARSED, "", "", "empty", false},
        {"\n", NULL, ALARM_UNPARSED, "", "", "empty", false},
        /* a word alone */
        {"sos", NULL, ALARM_SOS, "sos", "", "", false},
        {"SOS\r\n", NULL, ALARM_SOS, "SOS", "", "", false},
        {"\"smoke\"", NULL, ALARM_SMOKE, "smoke", "", "", true},
        {"sos!", NULL, ALARM_UNPARSED, "", "", "not JSON", false},
        {"unknown", NULL, ALARM_UNPARSED, "", "", "not JSON", false},
        {"\"", NULL, ALARM_UNPARSED, "", "", "not JSON", false},
        {"\"\"", NULL, ALARM_UNPARSED, "", "", "JSON, but not an object", true},
        /* a byte order mark: read, but no JSON to put into a record */
        {"\xef\xbb\xbf{\"id\":\"a\",\"kind\":\"sos\"}", NULL, ALARM_SOS, "sos", "a", "", false},
        {"\xef\xbb\xbf", NULL, ALARM_UNPARSED, "", "", "empty", false},
        {"\xef\xbb\xbfsos", NULL, ALARM_SOS, "sos", "", "", false},
};

static void test_cases(void **state)
{
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                const Case *c = &cases[i];
                Event e = event_of(c->body, strlen(c->body));

                print_message("%s\n", c->body);
                codec_read_alarm(codec, &e, c->hint);
                assert_int_equal(e.type, EVENT_ALARM);
                assert_int_equal(e.alarm.kind, c->kind);
                assert_string_equal(e.alarm.word, c->word);
                assert_string_equal(e.id, c->id);
                assert_string_equal(e.why, c->why);
                assert_int_equal(e.body_json, c->json);
                assert_int_equal(e.device_us, 0);
                assert_memory_equal(e.body, c->body, strlen(c->body));
                assert_string_equal(e.source, "dev-1");
                assert_int_equal(e.via, VIA_MQTT);
                event_done(&e);
        }
}

static void test_every_kind(void **state)
{
        for (AlarmKind kind = 0; kind < ALARM_UNKNOWN; kind++) {
                char body[64];
                Event e;

                (void)snprintf(body, sizeof(body), "{\"kind\":\"%s\"}", alarm_kind_word(kind));
                e = event_of(body, strlen(body));
                codec_read_alarm(codec, &e, NULL);
                assert_int_equal(e.alarm.kind, kind);
                event_done(&e);
        }
}

static void test_garbage(void **state)
{
        for (size_t i = 0; i < N_GARBAGE; i++) {
                Event e = event_of(garbage[i].bytes, garbage[i].n);

                codec_read_alarm(codec, &e, "sos");
                assert_int_equal(e.alarm.kind, ALARM_UNPARSED);
                assert_string_equal(e.why, garbage[i].why);
                assert_string_equal(e.id, "");
                assert_string_equal(e.alarm.word, "");
                event_done(&e);
        }
}

static void test_no_body(void **state)
{
        Event e = {.source = "dev-1", .body_size = 9}; /* a size without a body must not be believed */

        codec_read_alarm(codec, &e, "sos");
        assert_int_equal(e.alarm.kind, ALARM_SOS);
        codec_read_alarm(codec, &e, NULL);
        assert_int_equal(e.alarm.kind, ALARM_UNPARSED);
}

static void test_deep(void **state)
{
        size_t n;

        /* read as deep as SQLite goes, but beyond 500 brackets not put inside of a record */
        for (size_t depth = 499; depth <= 500; depth++) {
                static char body[LIMIT_BODY];
                _cleanup_(freep) char *deep = nested(depth, "[", "]", &n);
                Event e;

                n = (size_t)snprintf(body, sizeof(body), "{\"kind\":\"fall\",\"a\":%s}", deep);
                e = event_of(body, n);
                codec_read_alarm(codec, &e, NULL);
                assert_int_equal(e.alarm.kind, ALARM_FALL);
                assert_int_equal(e.body_json, depth == 499);
                event_done(&e);
        }
        for (size_t depth = 500; depth <= 8000; depth *= 2) {
                _cleanup_(freep) char *deep = nested(depth, "[", "]", &n);
                Event e = event_of(deep, n);

                codec_read_alarm(codec, &e, NULL);
                assert_int_equal(e.alarm.kind, ALARM_UNPARSED);
                /* SQLite's bound is 1,000 or 2,000, by its version */
                if (depth <= 1000)
                        assert_string_equal(e.why, "JSON, but not an object");
                else if (depth > 2000)
                        assert_string_equal(e.why, "not JSON");
                assert_int_equal(e.body_json, depth <= 500);
                event_done(&e);
        }
        {
                _cleanup_(freep) char *deep = nested(10000, "[", "]", &n);
                Event e = event_of(deep, n);

                codec_read_alarm(codec, &e, "sos");
                assert_int_equal(e.alarm.kind, ALARM_UNPARSED);
                assert_string_equal(e.why, "larger than 16384 bytes");
                event_done(&e);
        }
}

static void test_size(void **state)
{
        static char body[LIMIT_BODY + 1];
        static const char head[] = "{\"id\":\"e\",\"kind\":\"sos\",\"x\":\"";
        Event e;

        memset(body, 'a', sizeof(body));
        memcpy(body, head, sizeof(head) - 1);
        memcpy(body + LIMIT_BODY - 2, "\"}", 2);
        e = event_of(body, LIMIT_BODY);
        codec_read_alarm(codec, &e, NULL);
        assert_int_equal(e.alarm.kind, ALARM_SOS);
        assert_string_equal(e.id, "e");
        event_done(&e);

        memcpy(body + LIMIT_BODY - 2, "a\"}", 3);
        e = event_of(body, LIMIT_BODY + 1);
        codec_read_alarm(codec, &e, NULL);
        assert_int_equal(e.alarm.kind, ALARM_UNPARSED);
        assert_string_equal(e.why, "larger than 16384 bytes");
        assert_false(e.body_json);
        event_done(&e);

        memset(body, '{', sizeof(body));
        e = event_of(body, LIMIT_BODY);
        codec_read_alarm(codec, &e, NULL);
        assert_int_equal(e.alarm.kind, ALARM_UNPARSED);
        event_done(&e);
}

/* The same member 2,000 times: the first counts, and it takes no time to speak of. */
static void test_duplicates(void **state)
{
        static char body[LIMIT_BODY];
        Str s = STR_BUFFER(body);
        Event e;

        str_add(&s, "{\"id\":\"first\"");
        for (int i = 0; i < 1900; i++)
                str_add(&s, ",\"id\":1");
        str_add(&s, ",\"kind\":\"sos\"}");
        assert_false(s.full);
        e = event_of(s.p, s.n);
        codec_read_alarm(codec, &e, NULL);
        assert_string_equal(e.id, "first");
        assert_int_equal(e.alarm.kind, ALARM_SOS);
        event_done(&e);
}

static void test_time(void **state)
{
        const double now = (double)clock_now().wall_us / 1e6;
        const struct {
                const char *ts;
                int64_t us;
        } times[] = {
                {"1790000000", 1790000000000000},
                {"1790000000.25", 1790000000250000},
                {"1790000000123", 1790000000123000},
                {"1577836800", 1577836800000000},
                {"1577836799", 0},
                {"0", 0},
                {"-1790000000", 0},
                {"99999999999", 0},
                {"1e300", 0},
                {"1e999", 0},
                {"\"1790000000\"", 0},
                {"null", 0},
                {"[1790000000]", 0},
                {"12345678901234567890", 0},
        };
        char body[128];
        Event e;

        for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
                (void)snprintf(body, sizeof(body), "{\"kind\":\"sos\",\"ts\":%s}", times[i].ts);
                e = event_of(body, strlen(body));
                codec_read_alarm(codec, &e, NULL);
                assert_int_equal(e.alarm.kind, ALARM_SOS);
                assert_int_equal(e.device_us, times[i].us);
                event_done(&e);
        }
        (void)snprintf(body, sizeof(body), "{\"kind\":\"sos\",\"ts\":%.0f}", now + 11 * 366 * 86400.0);
        e = event_of(body, strlen(body));
        codec_read_alarm(codec, &e, NULL);
        assert_int_equal(e.device_us, 0);
        event_done(&e);
}

/* One message leaves nothing behind for the next. */
static void test_no_memory(void **state)
{
        static const char first[] = "{\"id\":\"one\",\"kind\":\"sos\",\"ts\":1790000000}",
                          second[] = "{\"kind\":\"gas\"}";
        Event e = event_of(first, sizeof(first) - 1);

        codec_read_alarm(codec, &e, NULL);
        assert_string_equal(e.id, "one");
        event_done(&e);
        e = event_of("{", 1);
        codec_read_alarm(codec, &e, NULL);
        event_done(&e);
        e = event_of(second, sizeof(second) - 1);
        codec_read_alarm(codec, &e, NULL);
        assert_int_equal(e.alarm.kind, ALARM_GAS);
        assert_string_equal(e.id, "");
        assert_int_equal(e.device_us, 0);
        event_done(&e);
}

/* What stops a statement that does not end must not stop one that has only been used often. */
static void test_often(void **state)
{
        static const char body[] = "{\"id\":\"e-1\",\"kind\":\"sos\",\"ts\":1790000000}";
        static const char readings[] = "{\"hr\":72,\"spo2\":97}", heartbeat[] = "{\"battery\":80}";

        for (unsigned i = 0; i < 5000; i++) {
                Event e = event_of(body, sizeof(body) - 1);

                codec_read_alarm(codec, &e, NULL);
                assert_int_equal(e.alarm.kind, ALARM_SOS);
                event_done(&e);
                e = event_of(readings, sizeof(readings) - 1);
                codec_read_vitals(codec, &e);
                assert_int_equal(e.type, EVENT_VITALS);
                event_done(&e);
                e = event_of(heartbeat, sizeof(heartbeat) - 1);
                codec_read_status(codec, &e);
                assert_false(e.status.fault);
                event_done(&e);
        }
}

/* SQLite 3.40 takes these for JSON, and would end the process over them. */
static void test_names_that_are_no_strings(void **state)
{
        static const char *const bodies[] = {"{{\"a\":\"b\"}:1}", "{[\"a\"]:1}",
                "{\"kind\":\"sos\",{\"a\":\"b\"}:1}", "{\"a\":{\"b\":\"c\",[\"d\"]:1}}",
                "{ [\"kind\"] :\"sos\"}", "[{{\"a\":\"b\"}:1}]"};
        static const char good[] = "{\"x\":{\"}\":[{},{\"[\":\"\\\"{\"}]},\"kind\":\"sos\"}";
        Event e;

        for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
                e = event_of(bodies[i], strlen(bodies[i]));
                codec_read_alarm(codec, &e, NULL);
                assert_int_equal(e.alarm.kind, ALARM_UNPARSED);
                assert_false(e.body_json);
                event_done(&e);
                e = event_of(bodies[i], strlen(bodies[i]));
                codec_read_status(codec, &e);
                assert_true(e.status.fault);
                event_done(&e);
        }
        e = event_of(good, sizeof(good) - 1);
        codec_read_alarm(codec, &e, NULL);
        assert_int_equal(e.alarm.kind, ALARM_SOS);
        assert_true(e.body_json);
        event_done(&e);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names_that_are_no_strings),
                cmocka_unit_test(test_often),
                cmocka_unit_test(test_cases),
                cmocka_unit_test(test_every_kind),
                cmocka_unit_test(test_garbage),
                cmocka_unit_test(test_no_body),
                cmocka_unit_test(test_deep),
                cmocka_unit_test(test_size),
                cmocka_unit_test(test_duplicates),
                cmocka_unit_test(test_time),
                cmocka_unit_test(test_no_memory),
        };

        return cmocka_run_group_tests(tests, codec_setup, codec_teardown);
}
