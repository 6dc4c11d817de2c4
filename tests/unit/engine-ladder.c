/* SPDX-License-Identifier: Apache-2.0 */
/* Tiers, rounds, receipts, programs, the loop: SEMANTICS.md sections 3 (timers) and 5. */
#include "engine-kit.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_the_whole_ladder_at_its_times_and_then_without_end(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        expect_notified(&k, "w01", NULL);
        at(&k, 19.9);
        expect_nobody(&k);
        at(&k, 20);
        assert_int_equal(notified_why(&k, "w01", REASON_RENOTIFY), 1);
        expect_notified(&k, "w01", NULL);
        at(&k, 30);
        assert_int_equal(tier(&k, 1), 2);
        assert_int_equal(notified_why(&k, "w02", REASON_TIER), 1);
        expect_notified(&k, "w02", "f101", NULL);
        at(&k, 59.9);
        expect_notified(&k, "w02", "f101", NULL); /* the newest tier at its rate, the older not yet */
        at(&k, 60);
        expect_notified(&k, "d01", NULL);
        at(&k, 149.9);
        forget(&k);
        at(&k, 150);
        assert_int_equal(
                notified_why(&k, "s01", REASON_TIER), 1); /* and the older ones, at the loop's rate */
        at(&k, 299.9);
        forget(&k);
        at(&k, 300);
        assert_int_equal(tier(&k, 1), 5);
        assert_int_equal(notified_why(&k, "c01", REASON_TIER), 1);
        assert_false(view(&k, 1).exhausted);
        at(&k, 419.9);
        forget(&k);
        at(&k, 420);
        assert_true(view(&k, 1).exhausted);
        assert_int_equal(view(&k, 1).round, 2);
        assert_int_equal(rows(&k, JOURNAL_LOOP), 1);
        expect_notified(&k, "w01", "w02", "f101", "d01", "s01", "c01", NULL);
        at(&k, 420 + 10 * 120);
        assert_int_equal(rows(&k, JOURNAL_LOOP), 10);
        assert_int_equal(view(&k, 1).round, 12);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        kit_end(&k);
}

static void test_older_tiers_are_called_again_at_the_rate_of_the_loop(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 31);
        forget(&k);
        at(&k, 149);
        assert_int_equal(notified(&k, "w01"), 0);
        at(&k, 150); /* 30 + 120 */
        assert_int_equal(notified_why(&k, "w01", REASON_RENOTIFY), 0);
        assert_int_equal(notified(&k, "w01"), 1);
        kit_end(&k);
}

static void test_tiers_with_the_same_delay_are_called_together(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        assert_int_equal(tier(&k, 1), 2);
        expect_notified(&k, "w01", "w02", "f101", NULL);
        at(&k, 15);
        expect_notified(&k, "w01", "w02", "f101", NULL);
        at(&k, 30);
        assert_int_equal(tier(&k, 1), 3);
        kit_end(&k);
}

static void test_an_empty_tier_is_skipped_at_once_and_said(void **state_)
{
        Kit k;

        kit_begin(&k);
        kit_remove_worker(&k, "w01");
        press(&k, "sos-101", "1");
        assert_int_equal(tier(&k, 1), 2);
        assert_int_equal(rows(&k, JOURNAL_SKIPPED), 1);
        assert_int_equal(row(&k, JOURNAL_SKIPPED)->tier, 1);
        assert_int_equal(row(&k, JOURNAL_SKIPPED)->reason, REASON_EMPTY);
        assert_int_equal(view(&k, 2).group, GROUP_SYSTEM);
        assert_int_equal(view(&k, 2).cause, SYSTEM_ROSTER);
        assert_int_equal(view(&k, 2).priority, 3);
        expect_notified(&k, "w02", "f101", "o01", NULL);
        at(&k, 30); /* T3 at 60 - 30 after the entry of T2, which was at 0 */
        assert_int_equal(tier(&k, 1), 3);
        press(&k, "sos-201", "2");
        assert_int_equal(engine_open_count(k.engine), 3); /* one for the cause, not one for each alarm */
        kit_end(&k);
}

static void test_a_tier_of_helpers_is_called_and_counts_as_empty(void **state_)
{
        Kit k;

        kit_begin(&k);
        kit_remove_worker(&k, "w02");
        press(&k, "sos-101", "1");
        at(&k, 29);
        forget(&k);
        at(&k, 30);
        assert_int_equal(tier(&k, 1), 3);
        assert_int_equal(notified(&k, "f101"), 1);
        assert_int_equal(notified(&k, "d01"), 1);
        kit_end(&k);
}

static void remove_all(Kit *k)
{
        const char *all[] = {"w01", "w02", "f101", "d01", "s01", "c01", "o01", "w03", "w04"};

        for (unsigned i = 0; i < 9; i++)
                kit_remove_worker(k, all[i]);
}

static void test_with_nobody_at_all_it_loops_for_ever_and_calls_the_programs(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.policy.exec_channels = 1;
        k.policy.exec_priority = 1;
        engine_policy_set(k.engine, &k.policy);
        remove_all(&k);
        press(&k, "sos-101", "1");
        assert_int_equal(tier(&k, 1), 5);
        assert_int_equal(
                rows(&k, JOURNAL_SKIPPED), 5 + 3); /* and the SYSTEM incident's own, which raises none */
        assert_int_equal(engine_open_count(k.engine), 2);
        assert_int_equal(count(&k, EFFECT_RECEIPT), 1);
        expect_notified(&k, "exec", NULL);
        at(&k, 120);
        assert_int_equal(view(&k, 1).round, 2);
        expect_notified(&k, "exec", NULL);
        at(&k, 3600);
        assert_in_range(notified(&k, "exec"), 28, 30);
        assert_int_equal(engine_open_count(k.engine), 2);
        kit_end(&k);
}

static void test_programs_are_called_at_the_opening_and_with_each_tier(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.policy.exec_channels = 2;
        k.policy.exec_priority = 1;
        engine_policy_set(k.engine, &k.policy);
        press(&k, "sos-101", "1");
        assert_int_equal(notified(&k, "exec"), 1);
        assert_int_equal(newest(&k, EFFECT_NOTIFY)->urgency, URGENCY_RAISE);
        at(&k, 25);
        assert_int_equal(notified(&k, "exec"), 1); /* not with each repetition */
        at(&k, 30);
        assert_int_equal(notified(&k, "exec"), 2);
        forget(&k);
        alarm(&k, ALARM_FALL, "pend-102a", "1");
        assert_int_equal(notified(&k, "exec"), 0); /* P2 is not as urgent as exec_priority … */
        at(&k, 30 + 1200 + 121);
        assert_true(notified(&k, "exec") > 0);
        kit_end(&k);
}

static void test_without_programs_there_are_no_program_calls(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 700);
        assert_int_equal(notified(&k, "exec"), 0);
        kit_end(&k);
}

static void test_no_receipt_in_ten_seconds_advances_once_a_tier_and_round(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.phones_off = true;
        press(&k, "sos-101", "1");
        at(&k, 9.9);
        assert_int_equal(tier(&k, 1), 1);
        at(&k, 10);
        assert_int_equal(tier(&k, 1), 2);
        assert_int_equal(row(&k, JOURNAL_TIER)->reason, REASON_NO_RECEIPT);
        act(&k, ACTION_DELIVERED, "w02", 1);
        at(&k, 39.9);
        assert_int_equal(tier(&k, 1), 2);
        at(&k, 40); /* 10 + (60 - 30) */
        assert_int_equal(tier(&k, 1), 3);
        kit_end(&k);
}

static void test_a_delivery_receipt_keeps_the_time_of_the_tier(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.phones_off = true;
        press(&k, "sos-101", "1");
        at(&k, 5);
        act(&k, ACTION_DELIVERED, "w01", 1);
        assert_int_equal(rows(&k, JOURNAL_DELIVERED), 1);
        assert_true(row(&k, JOURNAL_DELIVERED)->lazy);
        act(&k, ACTION_DELIVERED, "w01", 1);
        assert_int_equal(rows(&k, JOURNAL_DELIVERED), 1);
        at(&k, 29.9);
        assert_int_equal(tier(&k, 1), 1);
        kit_end(&k);
}

static void test_a_plain_client_brings_in_the_second_tier_and_no_more(void **state_)
{
        Kit k;

        kit_begin(&k);
        kit_set_client(&k, "w01", CLIENT_PLAIN);
        kit_set_client(&k, "w02", CLIENT_PLAIN);
        press(&k, "sos-101", "1");
        assert_int_equal(newest(&k, EFFECT_NOTIFY)->notify.channel, CHANNEL_PLAIN);
        at(&k, 10);
        assert_int_equal(tier(&k, 1), 2);
        at(&k, 39.9);
        assert_int_equal(tier(&k, 1), 2); /* of the second, none is expected: T3 comes by its time */
        at(&k, 40);
        assert_int_equal(tier(&k, 1), 3);
        kit_end(&k);
}

static void test_any_action_counts_as_a_receipt(void **state_)
{
        Kit k;

        kit_begin(&k);
        kit_set_client(&k, "w01", CLIENT_PLAIN);
        press(&k, "sos-101", "1");
        at(&k, 5);
        act(&k, ACTION_COMING, "w01", 1);
        expect_reply(&k, REPLY_REFUSED, REASON_WRONG_STATE); /* refused, but he is there */
        at(&k, 12);
        assert_int_equal(tier(&k, 1), 1);
        kit_end(&k);
}

static void test_all_declined_advances_at_once(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 4);
        act(&k, ACTION_DECLINE, "w01", 1);
        assert_int_equal(tier(&k, 1), 2);
        assert_int_equal(row(&k, JOURNAL_SKIPPED)->reason, REASON_ALL_DECLINED);
        forget(&k);
        at(&k, 33);
        assert_int_equal(notified(&k, "w01"), 0); /* he has said no, for this round */
        at(&k, 500);
        assert_true(notified(&k, "w01") > 0);
        kit_end(&k);
}

static void test_a_failed_channel_advances(void **state_)
{
        Kit k;
        Event ev = {.type = EVENT_ATTEMPT};

        kit_begin(&k);
        press(&k, "sos-101", "1");
        ev.attempt = (AttemptEvent){.incident = 1,
                .seq = newest(&k, EFFECT_NOTIFY)->seq,
                .worker = kit_worker(&k, "w01"),
                .channel = CHANNEL_APP};
        step(&k, &ev);
        assert_int_equal(rows(&k, JOURNAL_ATTEMPT), 1);
        assert_int_equal(tier(&k, 1), 2);
        kit_end(&k);
}

static void test_a_running_ladder_keeps_its_plan(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        k.policy.classes[CLASS_SOS].tiers[1].delay_us = 600000000;
        engine_policy_set(k.engine, &k.policy);
        at(&k, 30);
        assert_int_equal(tier(&k, 1), 2);
        kit_end(&k);
}

static void test_p4_is_repeated_by_day(void **state_)
{
        Kit k;

        kit_begin(&k); /* 10:00 */
        alarm(&k, ALARM_TAMPER, "sos-101", "1");
        assert_int_equal(view(&k, 1).priority, 4);
        forget(&k);
        at(&k, 7200);
        assert_int_equal(notified(&k, "w01"), 1);
        at(&k, 10 * 3600 - 1); /* 20:00 */
        forget(&k);
        at(&k, 22 * 3600 - 1); /* 8:00 */
        assert_int_equal(count(&k, EFFECT_NOTIFY), 0);
        at(&k, 22 * 3600);
        assert_true(count(&k, EFFECT_NOTIFY) > 0);
        kit_end(&k);
}

static void test_a_class_without_any_tier_still_loops(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.policy.classes[CLASS_SOS] = (ClassPolicy){.priority = 1};
        k.policy.exec_channels = 1;
        k.policy.exec_priority = 2;
        engine_policy_set(k.engine, &k.policy);
        press(&k, "sos-101", "1");
        at(&k, 1000);
        assert_true(view(&k, 1).exhausted);
        assert_true(notified(&k, "exec") > 5);
        kit_end(&k);
}

/* Before 1970 the day has hours as well: a gateway without a clock repeats a P4 matter by day. */
static void test_by_day_also_before_1970(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.now.wall_us = k.start_wall_us =
                -(int64_t)(30 * USEC_PER_HOUR); /* 30 December 1969, 18:00; in China 2:00 */
        k.now.trusted = false;
        alarm(&k, ALARM_FAULT, "sos-101", "1");
        assert_int_equal(count(&k, EFFECT_NOTIFY), 0);
        at(&k, 6 * 3600 - 1);
        assert_int_equal(count(&k, EFFECT_NOTIFY), 0);
        at(&k, 6 * 3600);
        assert_true(notified(&k, "w01") > 0);
        kit_end(&k);
}

/* Opened again within the hour it starts with three tiers, or with as many as the plan has. */
static void test_reopened_twice_a_short_ladder_starts_with_all_it_has(void **state_)
{
        Kit k;

        kit_begin(&k);
        for (unsigned i = 2; i < TIERS_MAX; i++)
                k.policy.classes[CLASS_SOS].tiers[i].present = false;
        kit_policy(&k);
        press(&k, "sos-101", "1");
        for (int i = 0; i < 2; i++) {
                act(&k, ACTION_ACCEPT, "w01", 1);
                act(&k, ACTION_ARRIVED, "w01", 1);
                resolve(&k, "w01", 1, "helped");
                press(&k, "sos-101", i ? "3" : "2");
        }
        assert_int_equal(tier(&k, 1), 2);
        assert_int_equal(view(&k, 1).round, 3);
        kit_end(&k);
}

/* Long exhausted, it becomes more urgent, and its plan longer: the new tiers are called by the loop, not by a jump. */
static void test_a_tier_that_comes_above_an_exhausted_ladder_is_in_the_next_round(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.policy.classes[CLASS_FALL].tiers[3].present = k.policy.classes[CLASS_FALL].tiers[4].present =
                false;
        kit_policy(&k);
        k.phones_off = true;
        alarm(&k, ALARM_FALL, "band-101", "1");
        at(&k, 2000);
        assert_true(view(&k, 1).exhausted);
        at(&k, 2031); /* a receipt of the last round is awaited; now an SOS */
        forget(&k);
        press(&k, "sos-101", "1");
        press(&k, "sos-101", "2");
        press(&k, "sos-101", "3"); /* three within a minute advance a tier, where one is left to its time */
        assert_int_equal(notified(&k, "c01"), 0);
        assert_int_equal(tier(&k, 1), 3);
        act(&k, ACTION_DECLINE, "d01",
                1); /* the last of its tier: it is empty, and the loop calls the others */
        act(&k, ACTION_DECLINE, "w01", 1);
        act(&k, ACTION_DECLINE, "w02", 1);
        assert_int_equal(tier(&k, 1), 3);
        at(&k, 2031 + 121);
        assert_int_equal(tier(&k, 1), 5);
        assert_true(notified(&k, "c01") > 0);
        assert_true(notified(&k, "s01") > 0);
        kit_end(&k);
}

/* A priority that is none of ours is the most urgent one. */
static void test_a_priority_out_of_range_is_the_most_urgent(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.policy.classes[CLASS_SOS].priority = 0;
        k.policy.classes[CLASS_FALL].priority = 6;
        kit_policy(&k);
        press(&k, "sos-101", "1");
        alarm(&k, ALARM_FALL, "pend-102a", "1");
        assert_int_equal(view(&k, 1).priority, 1);
        assert_int_equal(view(&k, 2).priority, 1);
        kit_end(&k);
}

/* The first tier was told that the resident has cancelled; who presses then is heard at once all the same. */
static void test_a_press_after_a_cancel_does_not_wait_for_it(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 41);
        alarm(&k, ALARM_CANCEL, "sos-101", "2");
        at(&k, 42);
        forget(&k);
        press(&k, "sos-101", "3");
        assert_int_equal(notified_why(&k, "w02", REASON_PRESSED), 1); /* last called at 30 */
        kit_end(&k);
}

/* After a start with very much overdue: whoever presses now is not behind all of it. */
static void test_who_presses_now_is_called_before_what_is_overdue(void **state_)
{
        Event ev = device_event(ALARM_SOS, "sos-102", NULL);
        unsigned n = 0;
        bool overdue = false;
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        k.now.boot_us += 31 * USEC_PER_SEC; /* and nobody has asked what is due */
        k.now.wall_us += 31 * (int64_t)USEC_PER_SEC;
        (void)engine_step(k.engine, &ev, k.now, &k.list);
        for (uint32_t i = 0; i < k.list.n; i++) {
                const Effect *e = &k.list.effects[i];

                if (e->type != EFFECT_NOTIFY)
                        continue;
                assert_true(n++ > 0 || e->incident == 2);
                overdue = overdue || e->incident == 1;
                assert_false(overdue && e->incident == 2);
        }
        assert_true(overdue);
        kit_end(&k);
}

/* … and for a matter whose own tier is overdue, that tier is called, as without a press. */
static void test_what_is_overdue_of_a_matter_goes_before_its_press(void **state_)
{
        Event ev = device_event(ALARM_SOS, "sos-101", NULL);
        bool backup = false;
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        k.now.boot_us += 31 * USEC_PER_SEC;
        k.now.wall_us += 31 * (int64_t)USEC_PER_SEC;
        (void)engine_step(k.engine, &ev, k.now, &k.list);
        for (uint32_t i = 0; i < k.list.n; i++)
                backup = backup ||
                         (k.list.effects[i].type == EFFECT_NOTIFY &&
                                 k.list.effects[i].notify.worker == registry_worker_id(&k.registry, "w02"));
        assert_true(backup);
        kit_end(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_press_after_a_cancel_does_not_wait_for_it),
                cmocka_unit_test(test_what_is_overdue_of_a_matter_goes_before_its_press),
                cmocka_unit_test(test_the_whole_ladder_at_its_times_and_then_without_end),
                cmocka_unit_test(test_older_tiers_are_called_again_at_the_rate_of_the_loop),
                cmocka_unit_test(test_tiers_with_the_same_delay_are_called_together),
                cmocka_unit_test(test_an_empty_tier_is_skipped_at_once_and_said),
                cmocka_unit_test(test_a_tier_of_helpers_is_called_and_counts_as_empty),
                cmocka_unit_test(test_with_nobody_at_all_it_loops_for_ever_and_calls_the_programs),
                cmocka_unit_test(test_programs_are_called_at_the_opening_and_with_each_tier),
                cmocka_unit_test(test_without_programs_there_are_no_program_calls),
                cmocka_unit_test(test_no_receipt_in_ten_seconds_advances_once_a_tier_and_round),
                cmocka_unit_test(test_a_delivery_receipt_keeps_the_time_of_the_tier),
                cmocka_unit_test(test_a_plain_client_brings_in_the_second_tier_and_no_more),
                cmocka_unit_test(test_any_action_counts_as_a_receipt),
                cmocka_unit_test(test_all_declined_advances_at_once),
                cmocka_unit_test(test_a_failed_channel_advances),
                cmocka_unit_test(test_a_running_ladder_keeps_its_plan),
                cmocka_unit_test(test_p4_is_repeated_by_day),
                cmocka_unit_test(test_a_class_without_any_tier_still_loops),
                cmocka_unit_test(test_by_day_also_before_1970),
                cmocka_unit_test(test_reopened_twice_a_short_ladder_starts_with_all_it_has),
                cmocka_unit_test(test_a_tier_that_comes_above_an_exhausted_ladder_is_in_the_next_round),
                cmocka_unit_test(test_a_priority_out_of_range_is_the_most_urgent),
                cmocka_unit_test(test_who_presses_now_is_called_before_what_is_overdue),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
