/* SPDX-License-Identifier: Apache-2.0 */
/* Sources and payloads that we cannot place: SEMANTICS.md section 5, last paragraph; retained messages. */
#include "engine-kit.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void test_an_unknown_device_with_a_known_kind_goes_to_the_desk_first(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "zzz", "1");
        assert_int_equal(view(&k, 1).group, GROUP_UNKNOWN);
        assert_int_equal(view(&k, 1).class, CLASS_SOS);
        assert_true(view(&k, 1).unknown_source);
        assert_int_equal(view(&k, 1).grid, 2); /* the default grid */
        assert_string_equal(view(&k, 1).source, "zzz");
        assert_int_equal(lamp(&k, "zzz"), LAMP_RECEIVED);
        expect_notified(&k, "d01", NULL);
        at(&k, 30);
        expect_notified(&k, "d01", "w02", NULL);
        kit_end(&k);
}

static void test_garbage_of_a_known_device_takes_its_dwelling_and_the_sos_plan(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_UNPARSED, "sos-101", NULL);
        assert_int_equal(view(&k, 1).group, GROUP_UNKNOWN);
        assert_int_equal(view(&k, 1).class, CLASS_SOS);
        assert_int_equal(view(&k, 1).dwelling, 1);
        assert_int_equal(view(&k, 1).reason, REASON_UNPARSED);
        assert_int_equal(newest(&k, EFFECT_RECEIPT)->receipt.result, RECEIPT_UNPARSED);
        expect_notified(&k, "w01", NULL);
        press(&k, "sos-101", "1"); /* a real press is a matter of its own, and of its own priority */
        assert_int_equal(view(&k, 2).group, GROUP_HELP);
        assert_int_equal(view(&k, 1).others, 1);
        kit_end(&k);
}

static void test_an_unknown_kind_is_an_alarm(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_UNKNOWN, "sos-101", "1");
        assert_int_equal(view(&k, 1).class, CLASS_SOS);
        assert_int_equal(newest(&k, EFFECT_RECEIPT)->receipt.result, RECEIPT_RECORDED);
        kit_end(&k);
}

static void test_garbage_of_an_unknown_device_takes_the_fall_plan(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_UNPARSED, "zzz", NULL);
        assert_int_equal(view(&k, 1).class, CLASS_FALL);
        expect_notified(&k, "w01", NULL);
        kit_end(&k);
}

static void test_the_source_is_the_key(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "yyy", "1");
        press(&k, "zzz", "1");
        press(&k, "zzz", "2");
        assert_int_equal(engine_open_count(k.engine), 2);
        assert_int_equal(view(&k, 2).presses, 2);
        kit_end(&k);
}

static void test_more_than_five_new_sources_in_ten_minutes_are_one_flood(void **state_)
{
        Kit k;

        kit_begin(&k);
        for (int i = 0; i < 20; i++) {
                char name[16];

                (void)snprintf(name, sizeof(name), "x%d", i);
                at(&k, i * 11);
                press(&k, name, "1");
        }
        assert_int_equal(count(&k, EFFECT_RECEIPT), 20);
        assert_int_equal(engine_open_count(k.engine), 6);
        assert_int_equal(view(&k, 6).presses, 15);
        assert_string_equal(view(&k, 6).source, "x19");
        forget(&k);
        press(&k, "sos-101", "1"); /* known ones are not drowned */
        assert_int_equal(view(&k, 7).group, GROUP_HELP);
        at(&k, 1000);
        press(&k, "late", "1");
        assert_int_equal(engine_open_count(k.engine), 8); /* the flood is over */
        kit_end(&k);
}

static void test_what_a_source_of_the_flood_says_later_belongs_to_it(void **state_)
{
        Kit k;
        char name[16];

        kit_begin(&k);
        for (int i = 0; i < 8; i++) {
                (void)snprintf(name, sizeof(name), "x%d", i);
                alarm(&k, ALARM_SMOKE, name, "1");
        }
        forget(&k);
        alarm(&k, ALARM_SMOKE_CLEAR, "x5", "2");
        assert_int_equal(newest(&k, EFFECT_RECEIPT)->incident, 6);
        assert_int_equal(view(&k, 6).condition, CONDITION_ACTIVE);
        alarm(&k, ALARM_SMOKE_CLEAR, "never-heard", "2"); /* nor could it be of those that are remembered */
        assert_int_equal(newest(&k, EFFECT_RECEIPT)->incident, 0);
        alarm(&k, ALARM_SMOKE_CLEAR, "x6", "2");
        alarm(&k, ALARM_SMOKE_CLEAR, "x7", "2");
        assert_int_equal(view(&k, 6).condition, CONDITION_CLEARED);
        forget(&k);
        alarm(&k, ALARM_CANCEL, "x6", "3"); /* of one of them: recorded, and no comfort for the others */
        assert_int_equal(newest(&k, EFFECT_RECEIPT)->incident, 6);
        assert_null(row(&k, JOURNAL_CANCEL));
        for (int i = 8; i < 11; i++) {
                (void)snprintf(name, sizeof(name), "x%d", i);
                alarm(&k, ALARM_SMOKE, name, "1");
        }
        alarm(&k, ALARM_SMOKE_CLEAR, "x10", "2"); /* one of those that it could not remember */
        assert_int_equal(newest(&k, EFFECT_RECEIPT)->incident, 6);
        assert_int_equal(view(&k, 6).condition, CONDITION_ACTIVE);
        kit_end(&k);
}

static void test_readings_of_an_unknown_device_are_a_fault(void **state_)
{
        Kit k;

        kit_begin(&k);
        vitals(&k, "zzz", VITAL_HR, 70);
        assert_int_equal(view(&k, 1).group, GROUP_FAULT);
        assert_int_equal(view(&k, 1).priority, 4);
        forget(&k);
        vitals(&k, "zzz", VITAL_HR, 70);
        assert_int_equal(k.n, 0);
        kit_end(&k);
}

static void test_a_retained_alarm_without_a_known_id_is_a_check_call(void **state_)
{
        Kit k;
        Event ev;

        kit_begin(&k);
        ev = device_event(ALARM_SOS, "sos-101", "old");
        ev.retained = true;
        step(&k, &ev);
        assert_int_equal(view(&k, 1).class, CLASS_CHECK);
        assert_int_equal(view(&k, 1).priority, 3);
        assert_int_equal(view(&k, 1).reason, REASON_STALE);
        forget(&k);
        step(&k, &ev); /* the broker gives it at each connection */
        assert_int_equal(count(&k, EFFECT_JOURNAL), 0);
        press(&k, "sos-101", "new");
        assert_int_equal(view(&k, 1).class, CLASS_SOS);
        assert_int_equal(view(&k, 1).priority, 1);
        kit_end(&k);
}

static void test_a_retained_alarm_without_an_id_is_one_check_call_a_day(void **state_)
{
        Kit k;
        Event ev;

        kit_begin(&k);
        ev = device_event(ALARM_SOS, "sos-101", NULL);
        ev.retained = true;
        step(&k, &ev);
        kit_restart(&k);
        forget(&k);
        step(&k, &ev);
        assert_int_equal(count(&k, EFFECT_JOURNAL), 0);
        ev = device_event(ALARM_SOS, "pend-102a", NULL);
        ev.retained = true;
        step(&k, &ev);
        assert_int_equal(engine_open_count(k.engine), 2);
        kit_end(&k);
}

static void test_a_retained_alarm_with_a_known_id_is_a_repeat(void **state_)
{
        Kit k;
        Event ev;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        forget(&k);
        ev = device_event(ALARM_SOS, "sos-101", "1");
        ev.retained = true;
        step(&k, &ev);
        assert_int_equal(k.n, 1);
        assert_int_equal(k.effects[0].type, EFFECT_RECEIPT);
        kit_end(&k);
}

static void test_a_retained_clear_changes_no_condition(void **state_)
{
        Kit k;
        Event ev;

        kit_begin(&k);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        ev = device_event(ALARM_SMOKE_CLEAR, "smoke-101", "0");
        ev.retained = true;
        step(&k, &ev);
        assert_int_equal(view(&k, 1).condition, CONDITION_ACTIVE);
        kit_end(&k);
}

static void test_without_a_registry_a_press_still_calls_the_programs(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.policy.exec_channels = 1;
        k.policy.exec_priority = 1;
        engine_policy_set(k.engine, &k.policy);
        engine_registry_set(k.engine, NULL);
        k.unchecked_rows = true;
        press(&k, "sos-101", "1");
        assert_int_equal(view(&k, 1).group, GROUP_UNKNOWN);
        assert_int_equal(notified(&k, "exec"), 1);
        at(&k, 1000);
        assert_true(notified(&k, "exec") > 3);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        kit_end(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_an_unknown_device_with_a_known_kind_goes_to_the_desk_first),
                cmocka_unit_test(test_garbage_of_a_known_device_takes_its_dwelling_and_the_sos_plan),
                cmocka_unit_test(test_an_unknown_kind_is_an_alarm),
                cmocka_unit_test(test_garbage_of_an_unknown_device_takes_the_fall_plan),
                cmocka_unit_test(test_the_source_is_the_key),
                cmocka_unit_test(test_more_than_five_new_sources_in_ten_minutes_are_one_flood),
                cmocka_unit_test(test_what_a_source_of_the_flood_says_later_belongs_to_it),
                cmocka_unit_test(test_readings_of_an_unknown_device_are_a_fault),
                cmocka_unit_test(test_a_retained_alarm_without_a_known_id_is_a_check_call),
                cmocka_unit_test(test_a_retained_alarm_without_an_id_is_one_check_call_a_day),
                cmocka_unit_test(test_a_retained_alarm_with_a_known_id_is_a_repeat),
                cmocka_unit_test(test_a_retained_clear_changes_no_condition),
                cmocka_unit_test(test_without_a_registry_a_press_still_calls_the_programs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
