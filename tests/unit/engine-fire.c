/* SPDX-License-Identifier: Apache-2.0 */
/* FIRE: conditions, 119, resolving while it burns. */
#include "engine-kit.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_a_cleared_sensor_stops_nothing(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        assert_int_equal(view(&k, 1).condition, CONDITION_ACTIVE);
        forget(&k);
        alarm(&k, ALARM_SMOKE_CLEAR, "smoke-101", "2");
        assert_int_equal(view(&k, 1).condition, CONDITION_CLEARED);
        assert_int_equal(rows(&k, JOURNAL_CONDITION), 1);
        assert_int_equal(count(&k, EFFECT_ALERT), 1); /* those told see it */
        assert_int_equal(count(&k, EFFECT_NOTIFY), 0);
        at(&k, 30);
        assert_int_equal(tier(&k, 1), 3);
        kit_end(&k);
}

static void test_the_same_level_again_is_no_event_and_active_again_is_one(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        at(&k, 12);
        forget(&k);
        alarm(&k, ALARM_SMOKE, "smoke-101", "2");
        assert_int_equal(view(&k, 1).presses, 1);
        assert_int_equal(rows(&k, JOURNAL_EVENT), 1);
        expect_nobody(&k);
        alarm(&k, ALARM_SMOKE_CLEAR, "smoke-101", "3");
        alarm(&k, ALARM_SMOKE, "smoke-101", "4");
        assert_int_equal(view(&k, 1).presses, 2);
        assert_int_equal(view(&k, 1).condition, CONDITION_ACTIVE);
        expect_notified(&k, "w01", "w02", "f101", NULL);
        kit_end(&k);
}

/* Within the two seconds in which the same bytes are one press, and without an id to tell them apart. */
static void test_smoke_clear_smoke_in_a_moment_is_smoke(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_SMOKE, "smoke-101", "");
        alarm(&k, ALARM_SMOKE, "smoke-101", "");
        assert_int_equal(view(&k, 1).presses, 1);
        alarm(&k, ALARM_SMOKE_CLEAR, "smoke-101", "");
        assert_int_equal(view(&k, 1).condition, CONDITION_CLEARED);
        alarm(&k, ALARM_SMOKE, "smoke-101", "");
        assert_int_equal(view(&k, 1).condition, CONDITION_ACTIVE);
        kit_end(&k);
}

static void test_active_while_any_source_is(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        alarm(&k, ALARM_SMOKE, "smoke2-101", "1");
        alarm(&k, ALARM_SMOKE_CLEAR, "smoke-101", "2");
        assert_int_equal(view(&k, 1).condition, CONDITION_ACTIVE);
        alarm(&k, ALARM_SMOKE_CLEAR, "smoke2-101", "2");
        assert_int_equal(view(&k, 1).condition, CONDITION_CLEARED);
        kit_end(&k);
}

static void test_gas_in_smoke_is_higher(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        alarm(&k, ALARM_GAS, "gas-101", "1");
        assert_int_equal(view(&k, 1).class, CLASS_GAS);
        assert_int_equal(rows(&k, JOURNAL_UPGRADED), 1);
        assert_int_equal(engine_open_count(k.engine), 1);
        kit_end(&k);
}

static void to_scene(Kit *k)
{
        act(k, ACTION_ACCEPT, "w01", 1);
        act(k, ACTION_ARRIVED, "w01", 1);
}

static void test_it_is_not_resolved_while_it_burns(void **state_)
{
        Kit k;
        Event ev;

        kit_begin(&k);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        to_scene(&k);
        resolve(&k, "w01", 1, "false_alarm");
        expect_reply(&k, REPLY_REFUSED, REASON_STILL_BURNING);
        ev = action_of(ACTION_RESOLVE, "d01", 1, NULL);
        (void)str_copy(ev.action.outcome, WORD_SIZE, "false_alarm");
        ev.action.has_note = true;
        step(&k, &ev);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        at(&k, 899);
        assert_int_equal(state(&k, 1), STATE_RESOLVED);
        at(&k, 900); /* the sensor still says so: it does not close */
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        assert_int_equal(row(&k, JOURNAL_REOPENED)->reason, REASON_STILL_ACTIVE);
        kit_end(&k);
}

static void test_cleared_and_resolved_it_closes(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        to_scene(&k);
        alarm(&k, ALARM_SMOKE_CLEAR, "smoke-101", "2");
        resolve(&k, "w01", 1, "false_alarm");
        expect_reply(&k, REPLY_OK, REASON_NONE);
        at(&k, 901);
        assert_int_equal(state(&k, 1), STATE_CLOSED);
        kit_end(&k);
}

static void test_smoke_after_resolution_reopens(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        to_scene(&k);
        alarm(&k, ALARM_SMOKE_CLEAR, "smoke-101", "2");
        resolve(&k, "w01", 1, "false_alarm");
        at(&k, 100);
        alarm(&k, ALARM_SMOKE, "smoke-101", "3");
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        assert_int_equal(view(&k, 1).condition, CONDITION_ACTIVE);
        kit_end(&k);
}

static void test_the_119_question_is_asked_at_60_and_everybody_called_at_90(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        forget(&k);
        at(&k, 60);
        assert_int_equal(notified_why(&k, "w01", REASON_FIRE119), 1);
        expect_notified(&k, "w01", "d01", NULL);
        at(&k, 90);
        assert_int_equal(state(&k, 1), STATE_ACCEPTED); /* an accept does not cancel it */
        expect_notified(&k, "w01", "w02", "f101", "d01", "s01", "c01", NULL);
        at(&k, 210);
        expect_notified(&k, "w01", "d01", NULL); /* until somebody decides */
        kit_end(&k);
}

static void test_a_decision_about_119_ends_the_question(void **state_)
{
        Kit k;
        Event ev;

        kit_begin(&k);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        act(&k, ACTION_FIRE119, "w01", 1);
        expect_reply(&k, REPLY_REFUSED, REASON_NOT_YOURS);
        act(&k, ACTION_ACCEPT, "w01", 1);
        ev = action_of(ACTION_FIRE119, "w01", 1, NULL);
        ev.action.yes = true;
        step(&k, &ev);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_string_equal(view(&k, 1).handed_to, "119");
        forget(&k);
        at(&k, 200);
        expect_nobody(&k);
        kit_end(&k);
}

static void test_smoke_in_two_dwellings_of_a_building_calls_everybody_at_once(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        at(&k, 20);
        forget(&k);
        alarm(&k, ALARM_SMOKE, "smoke-102", "1");
        assert_int_equal(tier(&k, 1), 5);
        assert_int_equal(tier(&k, 2), 5);
        assert_int_equal(rows(&k, JOURNAL_FIRE119), 2); /* asked at once */
        assert_int_equal(notified_why(&k, "c01", REASON_FIRE119), 2);
        expect_notified(&k, "w01", "w02", "f101", "d01", "s01", "c01", NULL);
        kit_end(&k);
        kit_begin(&k);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        alarm(&k, ALARM_SMOKE, "smoke-201", "1"); /* another building */
        assert_int_equal(tier(&k, 1), 2);
        at(&k, 20);
        alarm(&k, ALARM_SMOKE, "smoke-101", "2");
        at(&k, 400);
        act(&k, ACTION_ACCEPT, "w01", 1);
        forget(&k);
        alarm(&k, ALARM_SMOKE, "smoke-102", "1"); /* long after */
        assert_int_equal(tier(&k, 4), 2);         /* 3 is the gap in the roster of the other grid */
        kit_end(&k);
}

static void test_two_dwellings_are_two_matters(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        alarm(&k, ALARM_SMOKE, "smoke-201", "1");
        assert_int_equal(engine_open_count(k.engine), 2);
        kit_end(&k);
}

/* A supervisor, with a reason, while the sensors say that it burns. */
static void desk_ends(Kit *k)
{
        Event ev = action_of(ACTION_RESOLVE, "d01", 1, NULL);

        (void)str_copy(ev.action.outcome, WORD_SIZE, "false_alarm");
        ev.action.has_note = true;
        step(k, &ev);
        expect_reply(k, REPLY_OK, REASON_NONE);
}

static void test_more_sources_than_are_remembered_never_clear_by_themselves(void **state_)
{
        Kit k;
        static const char *sources[] = {"smoke-101", "smoke2-101", "gas-101", "band-101", "sos-101"};

        kit_begin(&k);
        for (unsigned i = 0; i < 5; i++)
                alarm(&k, ALARM_SMOKE, sources[i], "1");
        for (unsigned i = 0; i < 5; i++)
                alarm(&k, ALARM_SMOKE_CLEAR, sources[i], "2");
        assert_int_equal(view(&k, 1).condition, CONDITION_ACTIVE);
        assert_null(engine_device(k.engine, 1, 4));
        /* A human ends it; it is called once more, and then nobody can say that it burns. */
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        desk_ends(&k);
        at(&k, 900);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        assert_int_equal(view(&k, 1).condition, CONDITION_UNKNOWN);
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        resolve(&k, "w01", 1, "helped");
        expect_reply(&k, REPLY_REFUSED, REASON_STILL_BURNING);
        desk_ends(&k);
        at(&k, 1800);
        assert_int_equal(state(&k, 1), STATE_CLOSED);
        kit_end(&k);
}

static void test_what_is_remembered_and_burns_is_never_closed(void **state_)
{
        Kit k;
        static const char *sources[] = {"smoke-101", "smoke2-101", "gas-101", "band-101", "sos-101"};

        kit_begin(&k);
        for (unsigned i = 0; i < 5; i++)
                alarm(&k, ALARM_SMOKE, sources[i], "1");
        for (unsigned n = 1; n <= 2; n++) {
                act(&k, ACTION_ACCEPT, "w01", 1);
                act(&k, ACTION_ARRIVED, "w01", 1);
                desk_ends(&k);
                at(&k, n * 900);
                assert_int_equal(state(&k, 1), STATE_ALERTING);
                assert_int_equal(view(&k, 1).condition, CONDITION_ACTIVE);
        }
        kit_end(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_cleared_sensor_stops_nothing),
                cmocka_unit_test(test_the_same_level_again_is_no_event_and_active_again_is_one),
                cmocka_unit_test(test_smoke_clear_smoke_in_a_moment_is_smoke),
                cmocka_unit_test(test_active_while_any_source_is),
                cmocka_unit_test(test_gas_in_smoke_is_higher),
                cmocka_unit_test(test_it_is_not_resolved_while_it_burns),
                cmocka_unit_test(test_cleared_and_resolved_it_closes),
                cmocka_unit_test(test_smoke_after_resolution_reopens),
                cmocka_unit_test(test_the_119_question_is_asked_at_60_and_everybody_called_at_90),
                cmocka_unit_test(test_a_decision_about_119_ends_the_question),
                cmocka_unit_test(test_smoke_in_two_dwellings_of_a_building_calls_everybody_at_once),
                cmocka_unit_test(test_two_dwellings_are_two_matters),
                cmocka_unit_test(test_more_sources_than_are_remembered_never_clear_by_themselves),
                cmocka_unit_test(test_what_is_remembered_and_burns_is_never_closed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
