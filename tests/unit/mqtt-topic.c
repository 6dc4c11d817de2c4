/* SPDX-License-Identifier: Apache-2.0 */
/* Topics taken apart and put together. */
#include "base/cleanup.h"
#include "base/str.h"
#include "protocols/mqtt/topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define P "huying/demo/"

static void test_kinds(void **state)
{
        static const struct {
                const char *topic;
                TopicKind kind;
                const char *source;
        } cases[] = {
                {P "up/sos-101/alarm", TOPIC_ALARM, "sos-101"},
                {P "up/band-101/vitals", TOPIC_VITALS, "band-101"},
                {P "up/按钮/status", TOPIC_STATUS, "按钮"},
                {P "worker/w01/act", TOPIC_ACT, "w01"},
                {P "worker/w01/do", TOPIC_DO, "w01"},
                {P "worker/w01/presence", TOPIC_PRESENCE, "w01"},
        };
        static const char *const others[] = {"", "huying", "huying/demo", P, P "up", P "up/x", P "up/x/",
                P "up/x/alarms", P "up/x/alarm/y", P "worker/x/alarm", P "up/x/act",
                "huying/other/up/x/alarm", P "worker/w/alert/", P "worker/w/alert/x", P "worker/w/alert/-1",
                P "worker/w/alert/18446744073709551616", P "up/w/alert/1"};
        Topic t;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                topic_read(P, cases[i].topic, &t);
                assert_int_equal(t.kind, cases[i].kind);
                assert_true(t.valid);
                assert_string_equal(t.source, cases[i].source);
        }
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
                topic_read(P, others[i], &t);
                assert_int_equal(t.kind, TOPIC_OTHER);
        }
        topic_read(P, P "worker/w01/alert/1042", &t);
        assert_int_equal(t.kind, TOPIC_ALERT);
        assert_int_equal(t.incident, 1042);
        assert_string_equal(t.source, "w01");
}

/* A level that is no code still names its alarm, and never names a device. */
static void test_sources(void **state)
{
        char level[70000], topic[70100], again[CODE_SIZE];
        Topic t;

        topic_read(P, P "up//alarm", &t);
        assert_int_equal(t.kind, TOPIC_ALARM);
        assert_false(t.valid);
        assert_string_equal(t.source, "?");

        topic_read(P, P "up/a b\"c/alarm", &t);
        assert_false(t.valid);
        assert_string_equal(t.source, "?a_b_c");
        assert_false(str_code(t.source));

        topic_read(P, P "up/\xff\xfe/alarm", &t);
        assert_int_equal(t.kind, TOPIC_ALARM);
        assert_false(t.valid);
        assert_string_equal(t.source, "?__");

        /* 63 bytes are a code, 64 are none; those that differ only behind the cut stay two. */
        memset(level, 'x', 63);
        level[63] = 0;
        (void)snprintf(topic, sizeof(topic), P "up/%s/alarm", level);
        topic_read(P, topic, &t);
        assert_true(t.valid);
        memset(level, 'x', 64);
        level[64] = 0;
        (void)snprintf(topic, sizeof(topic), P "up/%s/alarm", level);
        topic_read(P, topic, &t);
        assert_false(t.valid);
        assert_int_equal(t.kind, TOPIC_ALARM);
        memcpy(again, t.source, sizeof(again));
        topic[strlen(topic) - 7] = 'y';
        topic_read(P, topic, &t);
        assert_string_not_equal(again, t.source);

        memset(level, 'x', 65000);
        level[65000] = 0;
        (void)snprintf(topic, sizeof(topic), P "up/%s/alarm", level);
        topic_read(P, topic, &t);
        assert_int_equal(t.kind, TOPIC_ALARM);
        assert_true(strlen(t.source) < CODE_SIZE);

        /* Cut between characters at every offset. */
        for (size_t pad = 0; pad < 4; pad++) {
                Str s = STR_BUFFER(level);

                for (size_t i = 0; i < pad; i++)
                        str_add(&s, "a");
                for (size_t i = 0; i < 40; i++)
                        str_add(&s, "床");
                topic_source(level, s.n, again);
                assert_true(str_utf8(again, strlen(again)));
                assert_true(strlen(again) < CODE_SIZE);
        }
}

static void test_write(void **state)
{
        char topic[TOPIC_SIZE], code[CODE_SIZE];

        assert_true(topic_write(topic, P, "worker/", "w01", "/reply"));
        assert_string_equal(topic, P "worker/w01/reply");
        assert_false(topic_write(topic, P, "down/", "a/b", "/lamp"));
        assert_false(topic_write(topic, P, "down/", "+", "/lamp"));
        assert_false(topic_write(topic, P, "down/", "#", "/lamp"));
        assert_false(topic_write(topic, P, "down/", "", "/lamp"));
        assert_false(topic_write(topic, P, "down/", "?x", "/lamp"));
        assert_false(topic_write(topic, P, "down/", NULL, "/lamp"));
        memset(code, 'c', sizeof(code) - 1);
        code[sizeof(code) - 1] = 0;
        assert_true(topic_write(topic, P, "worker/", code, "/alert/18446744073709551615"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_kinds),
                cmocka_unit_test(test_sources),
                cmocka_unit_test(test_write),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
