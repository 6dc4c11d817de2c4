/* SPDX-License-Identifier: Apache-2.0 */
/* Requests whose words are those of an emergency: an SOS besides, as often as they are said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/str.h"
#include "engine/internal.h"
#include "tests/unit/engine-kit.h"

static void test_words_of_an_emergency(void **state_)
{
        Event ev = device_event(ALARM_REQUEST, "band-101", "1");
        Kit k;

        kit_begin(&k);
        (void)str_copy(ev.alarm.text, TEXT_SIZE, "please: sOs");
        step(&k, &ev);
        assert_int_equal(view(&k, 1).group, GROUP_REQUEST);
        assert_int_equal(view(&k, 2).class, CLASS_SOS);
        assert_int_equal(newest(&k, EFFECT_RECEIPT)->incident, 2);
        assert_int_equal(rows(&k, JOURNAL_LINKED), 1);
        replied(&k, request_of("d01", "r101", "着火"), REPLY_OK, REASON_EMERGENCY);
        assert_int_equal(view(&k, 2).presses, 2);
        assert_int_equal(rows(&k, JOURNAL_LINKED), 2);
        act(&k, ACTION_ACCEPT, "w01", 2);
        assert_int_equal(view(&k, 1).request, REQUEST_STATE_OPEN); /* an ambulance does not see to it */
        k.policy.requests.urgent[0] = '\0';
        kit_policy(&k);
        replied(&k, request_of("d01", "r101", "着火"), REPLY_OK, REASON_NONE);
        (void)str_copy(k.policy.requests.urgent, URGENT_SIZE, "  zz");
        kit_policy(&k);
        replied(&k, request_of("d01", "r101", "Z"), REPLY_OK, REASON_NONE);
        kit_end(&k);
}

/* The broker's memory of one: as old as that of a press, and as much of a reason to look. */
static void test_words_of_an_emergency_that_the_broker_kept(void **state_)
{
        Event ev = device_event(ALARM_REQUEST, "band-101", "1");
        Kit k;

        kit_begin(&k);
        ev.retained = true;
        (void)str_copy(ev.alarm.text, TEXT_SIZE, "救命");
        step(&k, &ev);
        assert_int_equal(view(&k, 1).group, GROUP_REQUEST);
        assert_int_equal(view(&k, 2).group, GROUP_HELP);
        assert_int_equal(view(&k, 2).class, CLASS_CHECK);
        assert_int_equal(view(&k, 2).priority, 3);
        assert_int_equal(newest(&k, EFFECT_RECEIPT)->incident, 2);
        kit_end(&k);
}

/* However a frightened person, or an input method, writes it. */
static void test_words_of_an_emergency_in_any_width(void **state_)
{
        static const struct {
                const char *text;
                bool urgent;
        } rows[] = {{"快来！救命", true}, {"救 命", true}, {"救\u3000命啊", true},
                {"救\u200b \u00a0命", true}, {"ＳＯＳ", true}, {"ｓｏＳ!", true}, {"家里着\n火了", true},
                {"so so", false}, {"s o s", false}, {"救了一命", false}, {"救", false}, {"命 救", false},
                {"so", false}, {"\U0001f198", false}, {"\xe6\x95", false}, {"\xe6救命", true},
                {"\xf0", false}, {"", false}};
        Kit k;

        kit_begin(&k);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                assert_int_equal(request_urgent(k.engine, rows[i].text), rows[i].urgent);
        (void)str_copy(k.policy.requests.urgent, URGENT_SIZE, "ＦＩＲＥ \xe6");
        kit_policy(&k);
        assert_true(request_urgent(k.engine, "a fire"));
        assert_false(request_urgent(k.engine, "救命"));
        kit_end(&k);
}

/* Words that are longer than what is kept beside the record: by a device, and by a desk. */
static void test_an_emergency_at_the_end_of_many_words(void **state_)
{
        Event ev = device_event(ALARM_REQUEST, "band-101", "1");
        char many[3 * TEXT_SIZE];
        Str s = STR_BUFFER(many);
        Kit k;

        while (s.n < 2 * (size_t)TEXT_SIZE)
                str_add(&s, "灯坏了 ");
        kit_begin(&k);
        (void)str_copy(ev.alarm.text, TEXT_SIZE, many);
        ev.whole = many;
        step(&k, &ev);
        assert_int_equal(engine_open_count(k.engine), 1);
        str_add(&s, "救命");
        ev = device_event(ALARM_REQUEST, "band-101", "2");
        (void)str_copy(ev.alarm.text, TEXT_SIZE, many); /* cut */
        ev.whole = many;
        step(&k, &ev);
        assert_int_equal(view(&k, newest(&k, EFFECT_RECEIPT)->incident).group, GROUP_HELP);
        ev = request_of("d01", "r101", many);
        ev.whole = many;
        replied(&k, ev, REPLY_OK, REASON_EMERGENCY);
        kit_end(&k);
}

/* A text without such a word calls nobody besides, by a device or a desk; one with it does each time. */
static void test_an_ordinary_text(void **state_)
{
        Event ev = device_event(ALARM_REQUEST, "band-101", "1");
        Kit k;

        kit_begin(&k);
        (void)str_copy(ev.alarm.text, TEXT_SIZE, "灯坏了, 请人来换");
        step(&k, &ev);
        replied(&k, request_of("d01", "r101", "命好苦, 救济金没到"), REPLY_OK, REASON_NONE);
        assert_int_equal(engine_open_count(k.engine), 2);
        assert_int_equal(rows(&k, JOURNAL_LINKED), 0);
        for (uint64_t id = 1; id <= 2; id++)
                assert_int_equal(view(&k, id).group, GROUP_REQUEST);
        ev = device_event(ALARM_REQUEST, "band-101", "2");
        (void)str_copy(ev.alarm.text, TEXT_SIZE, "床边的sos按钮");
        step(&k, &ev);
        assert_int_equal(view(&k, 3).class, CLASS_SOS);
        assert_int_equal(view(&k, 3).priority, 1);
        assert_int_equal(newest(&k, EFFECT_RECEIPT)->incident, 3);
        assert_int_equal(view(&k, 1).presses, 2);
        assert_int_equal(rows(&k, JOURNAL_LINKED), 2);
        assert_true(notified(&k, "w01") > 0);
        kit_end(&k);
}

static void test_an_sos_is_linked_to_his_own_requests_alone(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_REQUEST, "pend-102a", "1");
        alarm(&k, ALARM_REQUEST, "pend-102b", "1");
        act(&k, ACTION_DONE, "w01", 2);
        alarm(&k, ALARM_REQUEST, "pend-102b", "2");
        press(&k, "pend-102a", "2");
        assert_int_equal(rows(&k, JOURNAL_LINKED), 1);
        assert_int_equal(row(&k, JOURNAL_LINKED)->reason, REASON_EMERGENCY);
        kit_end(&k);
}

static void test_of_a_device_that_nobody_knows(void **state_)
{
        Event ev = device_event(ALARM_REQUEST, "stranger", "1");
        Kit k;

        kit_begin(&k);
        (void)str_copy(ev.alarm.text, TEXT_SIZE, "晕倒");
        step(&k, &ev);
        assert_int_equal(view(&k, 1).group, GROUP_UNKNOWN);
        assert_int_equal(view(&k, 1).priority, 1);
        ev = device_event(ALARM_REQUEST, "band-101", "2");
        ev.retained = true; /* what was once, not what is: a call to check */
        (void)str_copy(ev.alarm.text, TEXT_SIZE, "晕倒");
        step(&k, &ev);
        assert_int_equal(engine_open_count(k.engine), 3);
        assert_int_equal(view(&k, 3).class, CLASS_CHECK);
        kit_end(&k);
}

/* Words of two scripts, and a mark that input methods leave between characters. */
static void test_words_of_two_scripts(void **state_)
{
        Kit k;

        kit_begin(&k);
        assert_true(request_urgent(k.engine, "救\ufeff命"));
        (void)str_copy(k.policy.requests.urgent, URGENT_SIZE, "叫120");
        kit_policy(&k);
        assert_true(request_urgent(k.engine, "快叫120"));
        assert_false(request_urgent(k.engine, "快叫 120"));
        assert_false(request_urgent(k.engine, "快叫119"));
        kit_end(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_words_of_an_emergency),
                cmocka_unit_test(test_words_of_an_emergency_that_the_broker_kept),
                cmocka_unit_test(test_words_of_an_emergency_in_any_width),
                cmocka_unit_test(test_an_emergency_at_the_end_of_many_words),
                cmocka_unit_test(test_an_ordinary_text),
                cmocka_unit_test(test_an_sos_is_linked_to_his_own_requests_alone),
                cmocka_unit_test(test_of_a_device_that_nobody_knows),
                cmocka_unit_test(test_words_of_two_scripts),
        };

        return cmocka_run_group_tests_name("engine-emergency", tests, NULL, NULL);
}
