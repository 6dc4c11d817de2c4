/* SPDX-License-Identifier: Apache-2.0 */
/* Restarts, other boots, clocks: SEMANTICS.md section 4. That each state row restores the same engine is proved by
 * the kit after every step of every engine test. */
#include "engine-kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_a_restart_in_the_middle_of_a_tier_moves_nothing(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 45);
        kit_restart(&k);
        forget(&k);
        at(&k, 59.9);
        assert_int_equal(tier(&k, 1), 2);
        at(&k, 60);
        assert_int_equal(tier(&k, 1), 3);
        assert_false(row(&k, JOURNAL_TIER)->late);
        assert_int_equal(row(&k, JOURNAL_TIER)->due_wall_us, k.start_wall_us + 60000000);
        kit_end(&k);
}

static void test_down_for_longer_than_the_ladder_is_one_round_marked_late(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 5);
        kit_restart(&k);
        forget(&k);
        sleep_until(&k, 1000);
        assert_int_equal(rows(&k, JOURNAL_TIER), 4);
        assert_int_equal(rows(&k, JOURNAL_LOOP), 1); /* of five missed ones */
        assert_true(view(&k, 1).late && view(&k, 1).exhausted);
        for (uint32_t i = 0; i < k.n; i++) {
                if (k.effects[i].type != EFFECT_JOURNAL || k.effects[i].journal.kind != JOURNAL_TIER)
                        continue;
                assert_true(k.effects[i].journal.late);
                assert_true(k.effects[i].journal.due_wall_us >= k.start_wall_us + 30000000);
                assert_true(k.effects[i].journal.due_wall_us <= k.start_wall_us + 300000000);
        }
        assert_int_equal(notified(&k, "w01"), 1);
        assert_int_equal(notified(&k, "c01"), 1);
        assert_int_equal(notified_why(&k, "w02", REASON_CATCH_UP), 1);
        assert_true(newest(&k, EFFECT_NOTIFY)->notify.late);
        expect_notified(&k, "w01", "w02", "f101", "d01", "s01", "c01", NULL);
        kit_end(&k);
}

static void test_downtime_of_a_part_catches_up_to_where_it_would_be(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 5);
        kit_restart(&k);
        forget(&k);
        sleep_until(&k, 70);
        assert_int_equal(tier(&k, 1), 3);
        expect_notified(&k, "w01", "w02", "f101", "d01", NULL); /* also who was called before */
        at(&k, 149.9);
        assert_int_equal(tier(&k, 1), 3);
        at(&k, 150); /* its original time */
        assert_int_equal(tier(&k, 1), 4);
        kit_end(&k);
}

static void test_another_boot_goes_by_the_wall_clock(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 10);
        kit_reboot(&k, 40, true);
        at(&k, 50);
        assert_int_equal(tier(&k, 1), 2);
        at(&k, 59.9);
        assert_int_equal(tier(&k, 1), 2);
        at(&k, 60);
        assert_int_equal(tier(&k, 1), 3);
        kit_end(&k);
}

static void test_another_boot_long_after_is_late(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 10);
        kit_reboot(&k, 86400, true);
        forget(&k);
        at(&k, 86410);
        assert_int_equal(tier(&k, 1), 5);
        assert_true(view(&k, 1).late);
        assert_int_equal(notified(&k, "w01"), 1);
        kit_end(&k);
}

static void test_an_untrusted_clock_means_the_next_tier_now(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        press(&k, "sos-102", "1");
        act(&k, ACTION_ACCEPT, "d01", 2);
        at(&k, 10);
        kit_reboot(&k, -1000000000.0, false);
        double t = 10 - 1000000000.0;
        at(&k, t);
        assert_int_equal(tier(&k, 1), 2);
        assert_int_equal(state(&k, 2), STATE_ACCEPTED);
        at(&k, t + 59);
        assert_int_equal(state(&k, 2), STATE_ACCEPTED);
        at(&k, t + 60); /* the owner was asked, and has not answered */
        assert_int_equal(state(&k, 2), STATE_ALERTING);
        kit_end(&k);
}

/* The box came up, the daemon died before it had written anything, and starts again eight minutes later. */
static void test_dying_while_it_starts_without_a_clock_gives_no_deadline_its_time_again(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        press(&k, "sos-102", "1");
        act(&k, ACTION_ACCEPT, "d01", 2);
        at(&k, 10);
        kit_reboot(&k, -1000000000.0, false);
        k.now.boot_us += 500 * USEC_PER_SEC;
        k.now.wall_us += 500 * (int64_t)USEC_PER_SEC;
        kit_restart(&k);
        forget(&k);
        at(&k, 10 - 1000000000.0 + 500);
        assert_int_equal(tier(&k, 1), 5); /* the box has been up for longer than the ladder has to go */
        assert_true(view(&k, 1).exhausted && view(&k, 1).late);
        assert_int_equal(notified(&k, "w01"), 1);
        assert_int_equal(state(&k, 2), STATE_ACCEPTED); /* the owner is asked first, all the same */
        at(&k, 10 - 1000000000.0 + 561);
        assert_int_equal(state(&k, 2), STATE_ALERTING);
        kit_end(&k);
}

/* The clock was set back while the box was down: the row says that it is of later than this boot. */
static void test_a_row_of_the_future_is_of_before_this_boot(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 10);
        kit_reboot(&k, -3600, true);
        at(&k, 10 - 3600 + 25.1); /* pressed at the latest when the box came up, 5 s before */
        assert_int_equal(tier(&k, 1), 2);
        kit_end(&k);
}

/* By a wrong clock it is night: what can wait for the morning waits, until the clock is set. */
static void test_what_waits_for_the_day_goes_by_the_clock_as_it_is_set(void **state_)
{
        const int64_t half_a_day = 12 * (int64_t)USEC_PER_HOUR;
        uint64_t due;
        Kit k;

        kit_begin(&k);
        k.unchecked_rows = true; /* they say how far ahead the clock was */
        k.now.wall_us += half_a_day;
        k.start_wall_us += half_a_day;
        roster_changed(&k);
        alarm(&k, ALARM_FAULT, "sos-102", "1");
        at(&k, 3600);
        assert_int_equal(notified(&k, "w01"), 0); /* 23 o'clock, it says */
        k.now.wall_us -= half_a_day;
        k.start_wall_us -= half_a_day;
        roster_changed(&k);
        assert_int_equal(notified(&k, "w01"), 1);
        at(&k, 3660);
        due = k.now.boot_us + 2 * USEC_PER_HOUR;
        forget(&k);
        at(&k, 3600 + 2 * 3600 + 60); /* and again after two hours of the day, not in the morning */
        assert_true(notified(&k, "w01") >= 1 && k.now.boot_us <= due);
        kit_end(&k);
}

static void test_a_clock_that_becomes_trusted_brings_deadlines_forward(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        resolve(&k, "w01", 1, "helped");
        at(&k, 100);
        kit_reboot(&k, 0, false);
        at(&k, 700);
        assert_int_equal(state(&k, 1), STATE_RESOLVED);
        k.now.trusted = true;
        roster_changed(&k); /* the gateway says that the clock has changed */
        at(&k, 899);        /* 900 as the row said; 1000 without a clock to trust */
        assert_int_equal(state(&k, 1), STATE_RESOLVED);
        at(&k, 901);
        assert_int_equal(state(&k, 1), STATE_CLOSED);
        kit_end(&k);
}

static void test_a_repeat_is_known_although_the_clock_was_wrong_before(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        k.unchecked_rows = true;
        for (uint32_t i = 0; i < k.n_keys; i++)
                k.keys[i].wall_us = 1000000; /* 1970 */
        kit_restart(&k);
        forget(&k);
        press(&k, "sos-101", "1");
        assert_int_equal(count(&k, EFFECT_JOURNAL), 0);
        at(&k, 100);
        act(&k, ACTION_ARRIVED, "d01", 1);
        resolve(&k, "d01", 1, "helped");
        at(&k, 1100);
        forget(&k);
        press(&k, "sos-101", "1"); /* nobody knows how old it is, and nobody is looking after it */
        assert_int_equal(state(&k, 2), STATE_ALERTING);
        kit_end(&k);
}

static void test_a_clock_step_within_a_boot_moves_no_step(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.unchecked_rows = true;
        press(&k, "sos-101", "1");
        at(&k, 10);
        k.now.wall_us += INT64_C(315360000) * 1000000;
        at(&k, 29.9);
        assert_int_equal(tier(&k, 1), 1);
        at(&k, 30);
        assert_int_equal(tier(&k, 1), 2);
        k.now.wall_us -= INT64_C(2) * 315360000 * 1000000;
        at(&k, 60);
        assert_int_equal(tier(&k, 1), 3);
        kit_end(&k);
}

static void test_a_wrong_clock_that_was_believed_delays_no_step_of_another_boot(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 10);
        kit_reboot(&k, -315360000.0, true); /* ten years back, and trusted */
        double t = 10 - 315360000.0;
        at(&k, t + 30);
        assert_int_equal(tier(&k, 1), 2);
        kit_end(&k);
}

static void test_rows_that_are_no_incident_are_refused(void **state_)
{
        Kit k;
        StateRow good, bad;
        Engine *e;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        good = k.rows[1];
        kit_end(&k);
        kit_begin_with(&k, 2048, 16);
        e = k.engine;
        for (uint32_t n = 0; n < good.blob_size; n++) { /* cut anywhere */
                bad = good;
                bad.blob_size = n;
                assert_int_equal(engine_restore(e, &bad, k.now), ENGINE_E_BROKEN);
        }
        for (uint32_t i = 0; i < good.blob_size; i++) { /* any byte wrong: refused, or a state that holds */
                bad = good;
                bad.id = i + 100;
                bad.blob[i] ^= 0xff;
                (void)engine_restore(e, &bad, k.now);
                engine_check(e);
        }
        for (int i = 0; i < 200; i++) { /* and whatever they say, they go on calling people */
                k.now.boot_us += 20 * USEC_PER_SEC;
                while (engine_expire(e, k.now, &k.list) == ENGINE_E_MORE)
                        ;
                engine_check(e);
        }
        bad = good;
        bad.blob[0]++;
        assert_int_equal(engine_restore(e, &bad, k.now), ENGINE_E_VERSION);
        bad = good;
        bad.state = STATE_ACCEPTED; /* of nobody */
        assert_int_equal(engine_restore(e, &bad, k.now), ENGINE_E_BROKEN);
        good.id = 1000;
        assert_int_equal(engine_restore(e, &good, k.now), 0);
        assert_int_equal(engine_restore(e, &good, k.now), ENGINE_E_BROKEN); /* twice */
        kit_end(&k);
}

static void test_numbering_goes_on_above_what_was_restored(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        kit_restart(&k);
        press(&k, "sos-102", "1");
        assert_int_equal(view(&k, 2).id, 2);
        engine_numbers_set(k.engine, 500, 9000);
        k.next_seq = 9000;
        press(&k, "sos-201", "1");
        assert_int_equal(view(&k, 500).dwelling, 3);
        engine_numbers_set(k.engine, 1, 1);
        assert_int_equal(engine_next_incident(k.engine), 501); /* only ever upwards */
        kit_end(&k);
}

static void test_a_merge_into_a_running_engine_keeps_the_order(void **state_)
{
        Kit k;
        StateRow old;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        old = k.rows[1];
        kit_end(&k);
        kit_begin(&k);
        engine_numbers_set(k.engine, 1000, 5000);
        k.next_seq = 5000;
        press(&k, "sos-102", "1");
        assert_int_equal(engine_restore(k.engine, &old, k.now), 0);
        engine_check(k.engine);
        assert_int_equal(engine_next_open(k.engine, 0), 1);
        assert_int_equal(engine_next_open(k.engine, 1), 1000);
        assert_int_equal(engine_next_open(k.engine, 1000), 0);
        kit_end(&k);
}

/* The clock is set: what waits for nothing of the day stays as it is, whatever its state. */
static void test_what_a_clock_that_is_set_does_not_move(void **state_)
{
        uint64_t due;
        Kit k;

        kit_begin(&k);
        k.unchecked_rows = true;
        roster_changed(&k);
        alarm(&k, ALARM_REQUEST, "sos-101", "1"); /* its limits are those of its level */
        alarm(&k, ALARM_FAULT, "sos-102", "1");   /* accepted: nobody is called */
        act(&k, ACTION_ACCEPT, "w01", 2);
        alarm(&k, ALARM_FAULT, "sos-201", "1"); /* called by day */
        at(&k, 60);
        due = k.rows[1].due_boot_us;
        forget(&k);
        k.now.wall_us -= 3600 * (int64_t)USEC_PER_SEC;
        k.start_wall_us -= 3600 * (int64_t)USEC_PER_SEC;
        roster_changed(&k);
        assert_int_equal(k.rows[1].due_boot_us, due);
        assert_int_equal(state(&k, 2), STATE_ACCEPTED);
        assert_int_equal(count(&k, EFFECT_NOTIFY), 0);
        kit_end(&k);
}

/* A tier that is due, slept through together with somebody's loss of presence: it calls at once, as by any clock. */
static void test_a_call_that_is_due_is_not_put_off_by_a_clock_that_was_set(void **state_)
{
        const double tier = 4 * 3600;
        Kit k;

        kit_begin(&k);
        k.unchecked_rows = true;
        roster_changed(&k);
        alarm(&k, ALARM_FAULT, "sos-102", "1");
        k.now.wall_us -= 3600 * (int64_t)USEC_PER_SEC;
        k.start_wall_us -= 3600 * (int64_t)USEC_PER_SEC;
        roster_changed(&k);
        at(&k, tier - 200);
        presence(&k, "d01", true);
        forget(&k);
        sleep_until(&k, tier + 100);
        assert_int_equal(view(&k, 1).tier, 2);
        assert_true(notified(&k, "w02") > 0);
        kit_end(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_restart_in_the_middle_of_a_tier_moves_nothing),
                cmocka_unit_test(test_down_for_longer_than_the_ladder_is_one_round_marked_late),
                cmocka_unit_test(test_downtime_of_a_part_catches_up_to_where_it_would_be),
                cmocka_unit_test(test_another_boot_goes_by_the_wall_clock),
                cmocka_unit_test(test_another_boot_long_after_is_late),
                cmocka_unit_test(test_an_untrusted_clock_means_the_next_tier_now),
                cmocka_unit_test(
                        test_dying_while_it_starts_without_a_clock_gives_no_deadline_its_time_again),
                cmocka_unit_test(test_a_row_of_the_future_is_of_before_this_boot),
                cmocka_unit_test(test_what_waits_for_the_day_goes_by_the_clock_as_it_is_set),
                cmocka_unit_test(test_a_clock_that_becomes_trusted_brings_deadlines_forward),
                cmocka_unit_test(test_a_repeat_is_known_although_the_clock_was_wrong_before),
                cmocka_unit_test(test_a_clock_step_within_a_boot_moves_no_step),
                cmocka_unit_test(test_a_wrong_clock_that_was_believed_delays_no_step_of_another_boot),
                cmocka_unit_test(test_rows_that_are_no_incident_are_refused),
                cmocka_unit_test(test_numbering_goes_on_above_what_was_restored),
                cmocka_unit_test(test_a_merge_into_a_running_engine_keeps_the_order),
                cmocka_unit_test(test_what_a_clock_that_is_set_does_not_move),
                cmocka_unit_test(test_a_call_that_is_due_is_not_put_off_by_a_clock_that_was_set),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
