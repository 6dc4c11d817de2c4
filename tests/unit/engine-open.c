/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, repeats, presses, upgrades, cancel, conditions, reopening: SEMANTICS.md sections 1, 3 (device events). */
#include "engine-kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_a_press_opens_calls_and_is_answered(void **state_)
{
        Kit k;
        const Effect *receipt;

        kit_begin(&k);
        press(&k, "sos-101", "e-1");
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        assert_int_equal(tier(&k, 1), 1);
        receipt = newest(&k, EFFECT_RECEIPT);
        assert_non_null(receipt);
        assert_int_equal(receipt->incident, 1);
        assert_int_equal(receipt->seq, 1);
        assert_int_equal(receipt->receipt.result, RECEIPT_RECORDED);
        assert_string_equal(receipt->receipt.id, "e-1");
        assert_int_equal(lamp(&k, "sos-101"), LAMP_RECEIVED);
        assert_int_equal(rows(&k, JOURNAL_EVENT), 1);
        assert_int_equal(rows(&k, JOURNAL_OPENED), 1);
        assert_int_equal(rows(&k, JOURNAL_NOTIFIED), 1);
        assert_int_equal(count(&k, EFFECT_KEY), 1);
        assert_int_equal(count(&k, EFFECT_ALERT), 1);
        assert_int_equal(newest(&k, EFFECT_NOTIFY)->notify.reason, REASON_OPENED);
        expect_notified(&k, "w01", NULL);
        kit_end(&k);
}

static void test_a_repeat_changes_nothing_and_gets_the_same_receipt(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "e-1");
        forget(&k);
        at(&k, 5);
        press(&k, "sos-101", "e-1");
        assert_int_equal(k.n, 1);
        assert_int_equal(k.effects[0].type, EFFECT_RECEIPT);
        assert_int_equal(k.effects[0].seq, 1);
        assert_int_equal(k.effects[0].incident, 1);
        kit_restart(&k);
        forget(&k);
        press(&k, "sos-101", "e-1");
        assert_int_equal(k.n, 1);
        assert_int_equal(k.effects[0].seq, 1);
        assert_int_equal(view(&k, 1).presses, 1);
        kit_end(&k);
}

static void test_the_same_id_with_other_content_is_an_event_and_a_fault(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "band-101", "1");
        forget(&k);
        alarm(&k, ALARM_FALL, "band-101", "1");
        assert_int_equal(view(&k, 1).presses, 2);
        assert_int_equal(rows(&k, JOURNAL_DEVICE), 1);
        assert_int_equal(row(&k, JOURNAL_DEVICE)->priority, 5);
        kit_end(&k);
}

static void test_the_same_id_after_a_day_is_an_event(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "d01", 1);
        at(&k, 86401);
        forget(&k);
        press(&k, "sos-101", "1");
        assert_int_equal(rows(&k, JOURNAL_EVENT), 1);
        assert_int_equal(rows(&k, JOURNAL_DEVICE), 1);
        assert_int_equal(view(&k, 1).presses, 2);
        kit_end(&k);
}

static void test_without_an_id_every_message_is_a_press_but_an_echo(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", NULL);
        at(&k, 1);
        press(&k, "sos-101", NULL);
        assert_int_equal(view(&k, 1).presses, 1);
        assert_int_equal(rows(&k, JOURNAL_EVENT), 2); /* but it is recorded */
        assert_int_equal(count(&k, EFFECT_RECEIPT), 2);
        at(&k, 4);
        press(&k, "sos-101", NULL);
        assert_int_equal(view(&k, 1).presses, 2);
        kit_end(&k);
}

static void test_pressing_again_calls_again_but_not_within_ten_seconds(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        forget(&k);
        at(&k, 3);
        press(&k, "sos-101", "2");
        assert_int_equal(count(&k, EFFECT_NOTIFY), 0);
        assert_int_equal(count(&k, EFFECT_RECEIPT), 1);
        at(&k, 9.9);
        expect_nobody(&k);
        at(&k, 10);
        assert_int_equal(notified_why(&k, "w01", REASON_PRESSED), 1);
        kit_end(&k);
}

static void test_three_presses_in_a_minute_advance_a_tier(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 5);
        press(&k, "sos-101", "2");
        assert_int_equal(tier(&k, 1), 1);
        at(&k, 8);
        press(&k, "sos-101", "3");
        assert_int_equal(tier(&k, 1), 2);
        assert_int_equal(row(&k, JOURNAL_TIER)->reason, REASON_THREE_PRESSES);
        assert_int_equal(notified(&k, "w02"), 1);
        at(&k, 9);
        press(&k, "sos-101", "4");
        assert_int_equal(tier(&k, 1), 2); /* it takes three new ones */
        kit_end(&k);
}

static void test_worn_devices_of_two_people_never_merge_and_are_linked(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "pend-102a", "1");
        press(&k, "pend-102b", "1");
        press(&k, "sos-102", "1"); /* nobody's: the dwelling's */
        assert_int_equal(engine_open_count(k.engine), 3);
        assert_int_equal(view(&k, 1).others, 2);
        assert_int_equal(view(&k, 1).resident, 2);
        assert_int_equal(view(&k, 3).resident, 0);
        kit_end(&k);
}

static void test_the_button_by_the_bed_belongs_to_the_sole_resident(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        alarm(&k, ALARM_SOS, "band-101", "1");
        assert_int_equal(engine_open_count(k.engine), 1);
        assert_int_equal(view(&k, 1).presses, 2);
        assert_string_equal(view(&k, 1).source, "band-101");
        assert_string_equal(engine_device(k.engine, 1, 1), "band-101");
        assert_int_equal(lamp(&k, "band-101"), LAMP_RECEIVED);
        kit_end(&k);
}

static void test_an_sos_in_a_fall_upgrades_and_adopts_the_faster_plan(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_FALL, "band-101", "1");
        assert_int_equal(view(&k, 1).priority, 2);
        at(&k, 10);
        forget(&k);
        press(&k, "sos-101", "1");
        assert_int_equal(view(&k, 1).priority, 1);
        assert_int_equal(view(&k, 1).class, CLASS_SOS);
        assert_int_equal(
                notified_why(&k, "w01", REASON_PRESSED) + notified_why(&k, "w01", REASON_UPGRADED), 1);
        at(&k, 39.9);
        assert_int_equal(tier(&k, 1), 1);
        at(&k, 40); /* 10 + 30, before the 60 of a fall */
        assert_int_equal(tier(&k, 1), 2);
        at(&k, 70);
        assert_int_equal(tier(&k, 1), 3);
        forget(&k);
        alarm(&k, ALARM_FALL, "band-101", "2");
        assert_int_equal(view(&k, 1).priority, 1); /* never downgraded */
        kit_end(&k);
}

static void test_the_faster_plan_never_delays_what_runs(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_FALL, "band-101", "1");
        at(&k, 50);
        press(&k, "sos-101", "1");
        at(&k, 60); /* min(60, 50 + 30) */
        assert_int_equal(tier(&k, 1), 2);
        kit_end(&k);
}

static void test_cancel_slows_down_once_and_a_new_alarm_restores(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 5);
        forget(&k);
        alarm(&k, ALARM_CANCEL, "sos-101", "2");
        assert_true(view(&k, 1).cancel_req);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        assert_int_equal(notified_why(&k, "w01", REASON_CANCELLED), 1);
        at(&k, 59);
        assert_int_equal(tier(&k, 1), 1);
        at(&k, 60); /* min(3 × 30, 60) */
        assert_int_equal(tier(&k, 1), 2);
        at(&k, 65);
        press(&k, "sos-101", "3");
        assert_false(view(&k, 1).cancel_req);
        at(&k, 90); /* 60 + (60 - 30), the original distance */
        assert_int_equal(tier(&k, 1), 3);
        alarm(&k, ALARM_CANCEL, "sos-101", "4");
        assert_false(view(&k, 1).cancel_req); /* once, and not after a second press */
        kit_end(&k);
}

static void test_cancel_without_a_call_is_recorded_and_suppresses_nothing(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_CANCEL, "sos-101", "1");
        assert_int_equal(rows(&k, JOURNAL_EVENT), 1);
        assert_int_equal(newest(&k, EFFECT_RECEIPT)->incident, 0);
        expect_nobody(&k);
        press(&k, "sos-101", "2");
        expect_notified(&k, "w01", NULL);
        kit_end(&k);
}

static void test_a_test_press_pages_nobody(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_TEST, "sos-101", "1");
        assert_int_equal(rows(&k, JOURNAL_TEST), 1);
        assert_int_equal(count(&k, EFFECT_RECEIPT), 1);
        expect_nobody(&k);
        assert_int_equal(engine_open_count(k.engine), 0);
        kit_end(&k);
}

static void accept_and_resolve(Kit *k, uint64_t incident)
{
        act(k, ACTION_ACCEPT, "w01", incident);
        act(k, ACTION_ARRIVED, "w01", incident);
        resolve(k, "w01", incident, "helped");
        assert_int_equal(state(k, incident), STATE_RESOLVED);
}

static void test_an_alarm_after_resolution_reopens_with_the_previous_owner(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        accept_and_resolve(&k, 1);
        assert_int_equal(lamp(&k, "sos-101"), LAMP_RESOLVED);
        at(&k, 60);
        forget(&k);
        press(&k, "sos-101", "2");
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        assert_int_equal(view(&k, 1).round, 2);
        assert_int_equal(tier(&k, 1), 1);
        assert_int_equal(lamp(&k, "sos-101"), LAMP_RECEIVED);
        expect_notified(&k, "w01", NULL);
        accept_and_resolve(&k, 1);
        forget(&k);
        press(&k, "sos-101", "3"); /* the second time within an hour: T1 to T3 */
        assert_int_equal(tier(&k, 1), 3);
        expect_notified(&k, "w01", "w02", "f101", "d01", NULL);
        kit_end(&k);
}

static void test_nothing_happens_for_fifteen_minutes_and_it_closes(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        accept_and_resolve(&k, 1);
        at(&k, 899);
        assert_int_equal(state(&k, 1), STATE_RESOLVED);
        at(&k, 900);
        assert_int_equal(state(&k, 1), STATE_CLOSED);
        assert_int_equal(lamp(&k, "sos-101"), LAMP_IDLE);
        assert_int_equal(engine_next_held(k.engine, 0), 0);
        press(&k, "sos-101", "2");
        assert_int_equal(state(&k, 2), STATE_ALERTING);
        at(&k, 1000);
        IncidentView v;
        assert_false(engine_view(k.engine, 1, k.now, &v)); /* has left the memory */
        kit_end(&k);
}

static void test_everything_goes_when_resolved(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        at(&k, 3);
        resolve(&k, "w01", 1, "helped");
        forget(&k);
        at(&k, 890);
        expect_nobody(&k);
        kit_end(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_press_opens_calls_and_is_answered),
                cmocka_unit_test(test_a_repeat_changes_nothing_and_gets_the_same_receipt),
                cmocka_unit_test(test_the_same_id_with_other_content_is_an_event_and_a_fault),
                cmocka_unit_test(test_the_same_id_after_a_day_is_an_event),
                cmocka_unit_test(test_without_an_id_every_message_is_a_press_but_an_echo),
                cmocka_unit_test(test_pressing_again_calls_again_but_not_within_ten_seconds),
                cmocka_unit_test(test_three_presses_in_a_minute_advance_a_tier),
                cmocka_unit_test(test_worn_devices_of_two_people_never_merge_and_are_linked),
                cmocka_unit_test(test_the_button_by_the_bed_belongs_to_the_sole_resident),
                cmocka_unit_test(test_an_sos_in_a_fall_upgrades_and_adopts_the_faster_plan),
                cmocka_unit_test(test_the_faster_plan_never_delays_what_runs),
                cmocka_unit_test(test_cancel_slows_down_once_and_a_new_alarm_restores),
                cmocka_unit_test(test_cancel_without_a_call_is_recorded_and_suppresses_nothing),
                cmocka_unit_test(test_a_test_press_pages_nobody),
                cmocka_unit_test(test_an_alarm_after_resolution_reopens_with_the_previous_owner),
                cmocka_unit_test(test_nothing_happens_for_fifteen_minutes_and_it_closes),
                cmocka_unit_test(test_everything_goes_when_resolved),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
