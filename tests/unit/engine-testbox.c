/* SPDX-License-Identifier: Apache-2.0 */
/* Test presses, faults put aside, residents away, and a worker with too much to do. */
#include "engine-kit.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void says(
        Kit *k, ActionKind kind, const char *worker, const char *target, const char *mode, double span)
{
        Event ev = action_of(kind, worker, 0, NULL);

        (void)str_copy(ev.action.target, CODE_SIZE, target);
        (void)str_copy(ev.action.mode, WORD_SIZE, mode);
        ev.action.span_us = (uint64_t)(span * 1e6);
        step(k, &ev);
}

static void box(Kit *k, const char *device)
{
        says(k, ACTION_TEST, "w01", device, "", 0);
}

static DeviceView device(const Kit *k, const char *code)
{
        DeviceView v;

        assert_true(engine_device_view(k->engine, kit_device(k, code), k->now, &v));
        return v;
}

static void test_a_press_in_a_box_tells_the_tester_alone(void **state_)
{
        Kit k;

        kit_begin(&k);
        box(&k, "sos-101");
        expect_reply(&k, REPLY_OK, REASON_NONE);
        at(&k, 10);
        forget(&k);
        press(&k, "sos-101", "1");
        assert_true(view(&k, 1).test);
        assert_int_equal(lamp(&k, "sos-101"), LAMP_RECEIVED);
        assert_int_equal(count(&k, EFFECT_RECEIPT), 1);
        expect_notified(&k, "w01", NULL);
        at(&k, 40);
        act(&k, ACTION_TEST_CONFIRM, "w01", 1);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_int_equal(state(&k, 1), STATE_CLOSED);
        assert_string_equal(view(&k, 1).outcome, "test");
        assert_int_equal(lamp(&k, "sos-101"), LAMP_IDLE);
        assert_int_equal(device(&k, "sos-101").proof_us, k.now.wall_us);
        forget(&k);
        at(&k, 400);
        expect_nobody(&k);
        kit_end(&k);
}

static void test_unconfirmed_it_is_real_and_counts_from_the_press(void **state_)
{
        Kit k;

        kit_begin(&k);
        box(&k, "sos-101");
        forget(&k);
        press(&k, "sos-101", "1");
        at(&k, 59);
        expect_notified(&k, "w01", NULL);
        at(&k, 60);
        assert_false(view(&k, 1).test);
        assert_int_equal(tier(&k, 1), 3); /* T1 to T3 start at 0, 30 and 60 s */
        expect_notified(&k, "w01", "w02", "f101", "d01", NULL);
        at(&k, 149);
        assert_int_equal(tier(&k, 1), 3);
        at(&k, 150);
        assert_int_equal(tier(&k, 1), 4);
        assert_false(view(&k, 1).late);
        kit_end(&k);
}

static void test_a_second_press_is_real(void **state_)
{
        Kit k;

        kit_begin(&k);
        box(&k, "sos-101");
        press(&k, "sos-101", "1");
        at(&k, 10);
        forget(&k);
        press(&k, "sos-101", "2");
        assert_false(view(&k, 1).test);
        assert_true(notified(&k, "w01") > 0);
        act(&k, ACTION_TEST_CONFIRM, "w01", 1);
        expect_reply(&k, REPLY_REFUSED, REASON_WRONG_STATE);
        at(&k, 30);
        assert_int_equal(tier(&k, 1), 2);
        kit_end(&k);
}

static void test_another_device_is_real(void **state_)
{
        Kit k;

        kit_begin(&k);
        box(&k, "sos-101");
        press(&k, "sos-101", "1");
        alarm(&k, ALARM_FALL, "band-101", "1");
        assert_false(view(&k, 1).test);
        kit_end(&k);
}

static void test_another_answer_is_real(void **state_)
{
        Kit k;

        kit_begin(&k);
        box(&k, "sos-101");
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_int_equal(state(&k, 1), STATE_ACCEPTED);
        assert_false(view(&k, 1).test);
        kit_end(&k);
}

static void test_only_the_tester_confirms(void **state_)
{
        Kit k;

        kit_begin(&k);
        box(&k, "sos-101");
        press(&k, "sos-101", "1");
        act(&k, ACTION_TEST_CONFIRM, "w02", 1);
        expect_reply(&k, REPLY_REFUSED, REASON_NOT_YOURS);
        assert_true(view(&k, 1).test);
        kit_end(&k);
}

static void test_smoke_in_a_box_does_not_make_a_building_fire(void **state_)
{
        Kit k;

        kit_begin(&k);
        box(&k, "smoke-101");
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        expect_notified(&k, "w01", NULL);
        act(&k, ACTION_TEST_CONFIRM, "w01", 1);
        assert_int_equal(state(&k, 1), STATE_CLOSED);
        kit_end(&k);
}

static void test_a_box_ends_is_renewed_once_and_survives_a_restart(void **state_)
{
        Kit k;

        kit_begin(&k);
        box(&k, "sos-101");
        at(&k, 600);
        box(&k, "sos-101");
        expect_reply(&k, REPLY_OK, REASON_NONE);
        at(&k, 700);
        box(&k, "sos-101");
        expect_reply(&k, REPLY_REFUSED, REASON_TWICE);
        kit_restart(&k);
        at(&k, 600 + 899);
        press(&k, "sos-101", "1");
        assert_true(view(&k, 1).test);
        kit_restart(&k); /* and so does the test */
        assert_true(view(&k, 1).test);
        act(&k, ACTION_TEST_CONFIRM, "w01", 1);
        assert_int_equal(state(&k, 1), STATE_CLOSED);
        at(&k, 600 + 901);
        press(&k, "sos-101", "2");
        assert_false(view(&k, 2).test);
        kit_end(&k);
}

static void test_a_box_is_opened_by_who_may_be_there(void **state_)
{
        Kit k;

        kit_begin(&k);
        says(&k, ACTION_TEST, "f101", "sos-101", "", 0);
        expect_reply(&k, REPLY_REFUSED, REASON_NOT_YOURS);
        says(&k, ACTION_TEST, "w03", "sos-101", "", 0); /* of the other grid */
        expect_reply(&k, REPLY_REFUSED, REASON_NOT_YOURS);
        says(&k, ACTION_TEST, "w01", "nothing", "", 0);
        expect_reply(&k, REPLY_REFUSED, REASON_BAD_REQUEST);
        kit_end(&k);
}

static void test_a_test_alarm_outside_a_box_is_a_proof_and_no_call(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_TEST, "sos-101", "1");
        expect_nobody(&k);
        assert_int_equal(device(&k, "sos-101").proof_us, k.now.wall_us);
        assert_int_equal(engine_open_count(k.engine), 0);
        kit_end(&k);
}

static void test_shelved_faults_rest_and_return_and_a_press_never_does(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.policy.beat_us[DEVICE_BUTTON] = 60 * USEC_PER_SEC;
        kit_policy(&k);
        says(&k, ACTION_SHELVE, "w01", "sos-101", "", 7200);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        at(&k, 100);
        status(&k, "sos-102");
        status(&k, "sos-201");
        kit_restart(&k);
        at(&k, 130);
        forget(&k);
        for (double t = 150; t < 7200; t += 100) {
                at(&k, t);
                status(&k, "sos-102");
                status(&k, "sos-201");
        }
        assert_true(device(&k, "sos-101").lost);
        assert_int_equal(engine_open_count(k.engine), 0);
        assert_int_equal(rows(&k, JOURNAL_DEVICE), 1);
        at(&k, 7201);
        assert_int_equal(engine_open_count(k.engine), 1);
        assert_int_equal(view(&k, 1).why, REASON_LOST);
        assert_true(view(&k, 1).opened_us < k.start_wall_us + 400 * 1000000ll);
        says(&k, ACTION_SHELVE, "w01", "sos-101", "", 3600);
        forget(&k);
        press(&k, "sos-101", "1");
        assert_true(notified(&k, "w01") > 0);
        says(&k, ACTION_SHELVE, "w01", "sos-101", "", 2 * 86400.0);
        expect_reply(&k, REPLY_REFUSED, REASON_BAD_REQUEST);
        kit_end(&k);
}

static void test_away_asks_the_desk_and_the_family_first_and_mutes_nothing(void **state_)
{
        Kit k;

        kit_begin(&k);
        says(&k, ACTION_AWAY, "d01", "r101", "hospital", 3 * 86400.0);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        kit_restart(&k);
        forget(&k);
        press(&k, "sos-101", "1");
        assert_int_equal(view(&k, 1).away, AWAY_HOSPITAL);
        expect_notified(&k, "d01", "f101", NULL);
        at(&k, 30);
        assert_int_equal(tier(&k, 1), 2);
        resolve(&k, "d01", 1, "hospital");
        forget(&k);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        assert_true(notified(&k, "w01") > 0 && notified(&k, "f101") > 0);
        kit_end(&k);
}

static void test_away_has_an_end(void **state_)
{
        Kit k;

        kit_begin(&k);
        says(&k, ACTION_AWAY, "d01", "r101", "away", 0);
        expect_reply(&k, REPLY_REFUSED, REASON_BAD_REQUEST);
        says(&k, ACTION_AWAY, "d01", "r101", "moon", 60);
        expect_reply(&k, REPLY_REFUSED, REASON_BAD_REQUEST);
        says(&k, ACTION_AWAY, "f101", "r101", "away", 60);
        expect_reply(&k, REPLY_REFUSED, REASON_NOT_YOURS);
        says(&k, ACTION_AWAY, "d01", "r101", "away", 3600);
        at(&k, 3601);
        forget(&k);
        press(&k, "sos-101", "1");
        expect_notified(&k, "w01", NULL);
        kit_end(&k);
}

static void test_more_than_two_p1_and_the_next_starts_with_three_tiers(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        press(&k, "pend-102a", "1");
        press(&k, "pend-102b", "1");
        assert_int_equal(tier(&k, 3), 1);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        assert_int_equal(tier(&k, 4), 3);
        assert_true(notified(&k, "d01") > 0);
        forget(&k);
        press(&k, "sos-201", "1"); /* other people, who are free */
        assert_int_equal(tier(&k, 5), 1);
        kit_end(&k);
}

/* While a test waits for its confirmation, a change of the roster, of presence or a long sleep calls nobody. */
static void test_of_a_test_nobody_else_learns(void **state_)
{
        Kit k;

        kit_begin(&k);
        box(&k, "sos-101");
        press(&k, "sos-101", "1");
        forget(&k);
        roster_changed(&k);
        presence(&k, "w02", true);
        act(&k, ACTION_ON, "w02", 0);
        assert_int_equal(count(&k, EFFECT_NOTIFY), 0);
        kit_end(&k);
}

/* A box from a clock that was wrong is none; nor is one whose tester has left. */
static void test_boxes_that_are_none(void **state_)
{
        MarkRow row = {.kind = MARK_BOX, .value = 1};
        Kit k;

        kit_begin(&k);
        row.id = kit_device(&k, "sos-101");
        row.worker = kit_worker(&k, "w01");
        row.wall_us = k.now.wall_us + (int64_t)USEC_PER_DAY;
        engine_restore_mark(k.engine, &row);
        press(&k, "sos-101", "1");
        assert_false(view(&k, 1).test);
        box(&k, "sos-102");
        kit_remove_worker(&k, "w01");
        press(&k, "sos-102", "1");
        assert_false(view(&k, 2).test);
        kit_end(&k);
}

/* Without a renewed call in its plan, or with one as slow as the loop, a test has its minute all the same. */
static void test_a_test_of_a_plan_that_does_not_repeat(void **state_)
{
        for (int way = 0; way < 2; way++) {
                Kit k;

                kit_begin(&k);
                k.policy.classes[CLASS_SOS].renotify_us = way ? k.policy.classes[CLASS_SOS].loop_us : 0;
                kit_policy(&k);
                box(&k, "sos-101");
                press(&k, "sos-101", "1");
                assert_true(view(&k, 1).test);
                at(&k, 61);
                assert_false(view(&k, 1).test);
                assert_true(notified(&k, "d01") > 0);
                kit_end(&k);
        }
}

/* The desk may confirm in the tester's place. */
static void test_the_desk_confirms_for_the_tester(void **state_)
{
        Kit k;

        kit_begin(&k);
        box(&k, "sos-101");
        press(&k, "sos-101", "1");
        act(&k, ACTION_TEST_CONFIRM, "d01", 1);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_int_equal(state(&k, 1), STATE_CLOSED);
        kit_end(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_press_in_a_box_tells_the_tester_alone),
                cmocka_unit_test(test_unconfirmed_it_is_real_and_counts_from_the_press),
                cmocka_unit_test(test_a_second_press_is_real),
                cmocka_unit_test(test_another_device_is_real),
                cmocka_unit_test(test_another_answer_is_real),
                cmocka_unit_test(test_only_the_tester_confirms),
                cmocka_unit_test(test_smoke_in_a_box_does_not_make_a_building_fire),
                cmocka_unit_test(test_a_box_ends_is_renewed_once_and_survives_a_restart),
                cmocka_unit_test(test_a_box_is_opened_by_who_may_be_there),
                cmocka_unit_test(test_a_test_alarm_outside_a_box_is_a_proof_and_no_call),
                cmocka_unit_test(test_shelved_faults_rest_and_return_and_a_press_never_does),
                cmocka_unit_test(test_away_asks_the_desk_and_the_family_first_and_mutes_nothing),
                cmocka_unit_test(test_away_has_an_end),
                cmocka_unit_test(test_more_than_two_p1_and_the_next_starts_with_three_tiers),
                cmocka_unit_test(test_of_a_test_nobody_else_learns),
                cmocka_unit_test(test_boxes_that_are_none),
                cmocka_unit_test(test_a_test_of_a_plan_that_does_not_repeat),
                cmocka_unit_test(test_the_desk_confirms_for_the_tester),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
