/* SPDX-License-Identifier: Apache-2.0 */
/* One incident's life at its edges: what the newest event, the class and the people left make of it. */
#include "engine-kit.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void accept_arrive(Kit *k, const char *worker, uint64_t incident)
{
        act(k, ACTION_ACCEPT, worker, incident);
        act(k, ACTION_ARRIVED, worker, incident);
        assert_int_equal(state(k, incident), STATE_ON_SCENE);
}

static bool called_for(const Kit *k, const char *worker, uint64_t incident)
{
        for (uint32_t i = 0; i < k->n; i++)
                if (k->effects[i].type == EFFECT_NOTIFY && k->effects[i].incident == incident &&
                        k->effects[i].notify.worker == kit_worker(k, worker))
                        return true;
        return false;
}

/* A backup asked for on the way is still called after the owner has arrived; resolved, nobody is. */
static void test_a_backup_asked_for_on_the_way_is_called_until_it_is_over(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_BACKUP, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        forget(&k);
        at(&k, 61);
        assert_true(called_for(&k, "w02", 1));
        assert_true(called_for(&k, "d01", 1));
        resolve(&k, "w01", 1, "helped");
        forget(&k);
        at(&k, 400);
        assert_false(called_for(&k, "s01", 1));
        kit_end(&k);

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_BACKUP, "w01", 1);
        resolve(&k, "w01", 1, "helped"); /* refused: nobody has arrived */
        assert_int_equal(state(&k, 1), STATE_ACCEPTED);
        act(&k, ACTION_RELEASE, "w01", 1);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        assert_int_equal(tier(&k, 1), 2);
        kit_end(&k);
}

/* A ladder for the gateway that is slower than a gap in the roster needs stays as slow as it is configured. */
static void test_a_gap_makes_no_ladder_faster(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.policy.classes[CLASS_SYSTEM].priority = 4;
        k.policy.classes[CLASS_SYSTEM].renotify_us = 600 * USEC_PER_SEC;
        k.policy.classes[CLASS_SYSTEM].loop_us = USEC_PER_HOUR;
        kit_policy(&k);
        act(&k, ACTION_OFF, "w01", 0);
        press(&k, "sos-101", "1");
        assert_int_equal(view(&k, 2).cause, SYSTEM_ROSTER);
        assert_int_equal(view(&k, 2).priority, 4);
        at(&k, 301);
        forget(&k);
        at(&k, 899);
        assert_false(called_for(&k, "c01", 2));
        at(&k, 900);
        assert_true(called_for(&k, "c01", 2));
        kit_end(&k);
}

/* Smoke spreads within a building that has a name; what is tried in a test box spreads nothing. */
static void test_where_a_fire_spreads(void **state_)
{
        static Device unbound, bound;
        Device *smoke;
        Kit k;

        for (int what = 0; what < 6; what++) {
                Dwelling *home = NULL;
                Dwelling before;
                bool spreads = what == 0;

                kit_begin(&k);
                home = (Dwelling *)&k.registry.dwellings[2];
                before = *home;
                smoke = (Device *)&k.registry.devices[kit_device(&k, "smoke-102")];
                bound = unbound = *smoke;
                unbound.dwelling = 0;
                if (what == 1)
                        home->building = NULL;
                if (what == 2)
                        home->building = "";
                if (what == 3)
                        home->building = "9";
                if (what == 4)
                        home->grid = 3;
                if (what == 5)
                        *smoke = unbound;
                alarm(&k, ALARM_SMOKE, "smoke-101", "1");
                forget(&k);
                alarm(&k, ALARM_SMOKE, "smoke-102", "1");
                assert_int_equal(rows(&k, JOURNAL_LINKED) > 0, spreads);
                alarm(&k, ALARM_SMOKE, "smoke-201", "1");
                *home = before;
                *smoke = bound;
                kit_end(&k);
        }
        kit_begin(&k);
        {
                Event ev = action_of(ACTION_TEST, "w01", 0, NULL);

                (void)str_copy(ev.action.target, CODE_SIZE, "smoke-101");
                step(&k, &ev);
        }
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        assert_true(view(&k, 1).test);
        alarm(&k, ALARM_SMOKE, "smoke-102", "1");
        assert_int_equal(rows(&k, JOURNAL_LINKED), 0);
        kit_end(&k);
}

/* Three open tests keep nobody busy. */
static void test_tests_keep_nobody_busy(void **state_)
{
        const char *devices[] = {"sos-102", "pend-102a", "pend-102b"};
        Kit k;

        kit_begin(&k);
        for (unsigned i = 0; i < 3; i++) {
                Event ev = action_of(ACTION_TEST, "w01", 0, NULL);

                (void)str_copy(ev.action.target, CODE_SIZE, devices[i]);
                step(&k, &ev);
                press(&k, devices[i], "1");
                assert_true(view(&k, i + 1).test);
        }
        press(&k, "sos-101", "1");
        assert_int_equal(tier(&k, 4), 1);
        kit_end(&k);
}

/* Three presses after acceptance by the last tier: there is none above, so the last one is called once more. */
static void test_three_presses_after_the_last_tier_has_accepted(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 301);
        act(&k, ACTION_ACCEPT, "w01", 1);
        forget(&k);
        press(&k, "sos-101", "2");
        press(&k, "sos-101", "3");
        press(&k, "sos-101", "4");
        assert_true(called_for(&k, "c01", 1));
        kit_end(&k);
}

/* A fall that is less urgent than a check call is heard as a press, and changes no plan. */
static void test_what_is_no_higher_class(void **state_)
{
        Event ev;
        Kit k;

        kit_begin(&k);
        k.policy.classes[CLASS_FALL].priority = 4;
        kit_policy(&k);
        ev = device_event(ALARM_SOS, "sos-101", "old");
        ev.retained = true;
        step(&k, &ev);
        assert_int_equal(view(&k, 1).class, CLASS_CHECK);
        alarm(&k, ALARM_FALL, "band-101", "2");
        assert_int_equal(view(&k, 1).class, CLASS_CHECK);
        assert_int_equal(view(&k, 1).presses, 2);
        kit_end(&k);
}

/* The faster plan takes nothing away: a limit that only one of the two has stays. */
static void test_the_faster_plan_takes_no_limit_away(void **state_)
{
        Event ev;
        Kit k;

        kit_begin(&k);
        k.policy.classes[CLASS_FALL].renotify_us = k.policy.classes[CLASS_FALL].receipt_us = 0;
        k.policy.classes[CLASS_SOS].arrive_max_us = 0;
        k.policy.classes[CLASS_SOS].outcomes = 0;
        k.policy.classes[CLASS_SOS].priority = 1;
        kit_policy(&k);
        alarm(&k, ALARM_FALL, "band-101", "1");
        at(&k, 5);
        press(&k, "sos-101", "1");
        assert_int_equal(view(&k, 1).class, CLASS_SOS);
        forget(&k);
        at(&k, 26);
        assert_true(notified_why(&k, "w01", REASON_RENOTIFY) > 0); /* the new plan's rate */
        at(&k, 2 * 1800 + 1);
        assert_true(rows(&k, JOURNAL_ARRIVE_MAX) > 0); /* the old plan's limit */
        ev = action_of(ACTION_RESOLVE, "d01", 1, NULL);
        ev.action.has_note = true;
        (void)str_copy(ev.action.outcome, WORD_SIZE, "hospital");
        step(&k, &ev);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        kit_end(&k);
}

/* "It was nothing" after it was resolved is a row; and where the plan for falls lacks a tier, three times the own. */
static void test_cancelling_at_the_edges(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.policy.classes[CLASS_FALL].tiers[1].present = false;
        k.policy.classes[CLASS_FALL].tiers[2].delay_us =
                1; /* faster than the SOS itself: nothing is brought forward */
        kit_policy(&k);
        press(&k, "sos-101", "1");
        alarm(&k, ALARM_CANCEL, "sos-101", "2");
        at(&k, 89);
        assert_int_equal(tier(&k, 1), 1);
        at(&k, 90);
        assert_int_equal(tier(&k, 1), 3); /* whose own time has come before */
        accept_arrive(&k, "w01", 1);
        resolve(&k, "w01", 1, "helped");
        forget(&k);
        alarm(&k, ALARM_CANCEL, "sos-101", "3");
        assert_int_equal(rows(&k, JOURNAL_EVENT), 1);
        assert_int_equal(rows(&k, JOURNAL_CANCEL), 0);
        assert_int_equal(state(&k, 1), STATE_RESOLVED);
        kit_end(&k);
}

/* Where a class allows less than a minute, a minute is no minimum. */
static void test_an_eta_in_a_class_of_seconds(void **state_)
{
        Event ev;
        Kit k;

        kit_begin(&k);
        k.policy.classes[CLASS_SOS].arrive_by_us = 30 * USEC_PER_SEC;
        kit_policy(&k);
        press(&k, "sos-101", "1");
        ev = action_of(ACTION_ACCEPT, "w01", 1, NULL);
        ev.action.eta_us = 10 * USEC_PER_SEC;
        step(&k, &ev);
        assert_int_equal(view(&k, 1).arrive_by_us - k.start_wall_us, 10000000);
        kit_end(&k);

        kit_begin(&k);
        k.policy.classes[CLASS_SOS].arrive_by_us = 3 * USEC_PER_DAY;
        kit_policy(&k);
        press(&k, "sos-101", "1");
        ev = action_of(ACTION_ACCEPT, "w01", 1, NULL);
        ev.action.eta_us = 2 * USEC_PER_DAY; /* nobody is on the way for two days: what the class allows */
        step(&k, &ev);
        assert_int_equal(view(&k, 1).arrive_by_us - k.start_wall_us, 3 * (int64_t)USEC_PER_DAY);
        kit_end(&k);
}

/* Reopened: the previous owner is called as well; if he is off duty, three tiers are. After an hour it is not "again". */
static void test_reopened_with_the_owner_gone_or_long_after(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.policy.classes[CLASS_SOS].reopen_us = 2 * USEC_PER_HOUR;
        kit_policy(&k);
        press(&k, "sos-101", "1");
        accept_arrive(&k, "w01", 1);
        resolve(&k, "w01", 1, "helped");
        act(&k, ACTION_OFF, "w01", 0);
        press(&k, "sos-101", "2");
        assert_int_equal(tier(&k, 1), 3);
        act(&k, ACTION_ON, "w01", 0);
        accept_arrive(&k, "w01", 1);
        resolve(&k, "w01", 1, "helped");
        at(&k, 3700);
        press(&k, "sos-101", "3");
        assert_int_equal(tier(&k, 1), 1);
        kit_end(&k);
}

/* Handed off, and the gateway was down: the follow-ups that were missed are one. */
static void test_follow_ups_that_were_missed_are_one(void **state_)
{
        Event ev;
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        ev = action_of(ACTION_HANDOFF, "w01", 1, NULL);
        (void)str_copy(ev.action.agency, WORD_SIZE, "120");
        step(&k, &ev);
        act(&k, ACTION_ARRIVED, "w01", 1);
        forget(&k);
        sleep_until(&k, 1900);
        assert_true(notified(&k, "d01") > 0);
        assert_int_equal(rows(&k, JOURNAL_REMINDED), 1);
        forget(&k);
        at(&k, 1900 + 601);
        assert_int_equal(rows(&k, JOURNAL_REMINDED), 1);
        kit_end(&k);
}

/* Who takes care of the gateway is late: the desks are told, and so are the operators. */
static void test_a_late_handling_of_a_system_matter_is_told_the_operators(void **state_)
{
        Event ev = {.type = EVENT_SYSTEM};
        Kit k;

        kit_begin(&k);
        k.policy.classes[CLASS_SYSTEM].handle_by_us = 600 * USEC_PER_SEC;
        kit_policy(&k);
        ev.system.cause = SYSTEM_CHANNEL;
        ev.system.raise = true;
        step(&k, &ev);
        at(&k, 61);
        accept_arrive(&k, "d01", 1);
        forget(&k);
        at(&k, 662);
        assert_true(called_for(&k, "o01", 1));
        assert_true(called_for(&k, "d01", 1));
        kit_end(&k);
}

/* An owner whom the registry no longer knows is asked as one who is lost: the ladder goes on. */
static void test_an_owner_who_has_left_the_registry(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        kit_remove_worker(&k, "w01");
        forget(&k);
        {
                Event ev = {.type = EVENT_ROSTER};

                (void)engine_step(k.engine, &ev, k.now, &k.list);
                k.next_seq = engine_next_seq(k.engine);
        }
        k.unchecked_rows = true;
        at(&k, 61);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        assert_int_equal(tier(&k, 1), 2);
        kit_end(&k);
}

/* What a person owns is found, whichever of several he gives away. */
static void test_the_older_of_two_matters_of_one_owner_is_given_away(void **state_)
{
        Event ev;
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_FALL, "band-101", "1");
        alarm(&k, ALARM_FALL, "pend-102a", "1");
        alarm(&k, ALARM_FALL, "pend-102b", "1");
        for (uint64_t id = 1; id <= 3; id++)
                act(&k, ACTION_ACCEPT, "w01", id);
        act(&k, ACTION_RELEASE, "w01", 2);
        act(&k, ACTION_RELEASE, "w01", 1);
        ev = action_of(ACTION_OFF, "w01", 0, NULL);
        step(&k, &ev);
        expect_reply(&k, REPLY_REFUSED, REASON_OPEN_MATTERS);
        act(&k, ACTION_RELEASE, "w01", 3);
        ev = action_of(ACTION_OFF, "w01", 0, NULL);
        step(&k, &ev);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        kit_end(&k);
}

/* Whoever has a P2 elsewhere, or a P1 in the same dwelling, is not too busy for a P1. */
static void test_what_makes_a_person_busy(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_FALL, "pend-102b", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        press(&k, "pend-102a", "1");
        act(&k, ACTION_ACCEPT, "w01", 2);
        assert_int_equal(state(&k, 2), STATE_ACCEPTED);
        press(&k, "sos-102", "1"); /* of the dwelling: another key, the same door */
        act(&k, ACTION_ACCEPT, "w01", 3);
        assert_int_equal(state(&k, 3), STATE_ACCEPTED);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 4);
        expect_reply(&k, REPLY_OK, REASON_BUSY);
        kit_end(&k);
}

/* A fall as urgent as a check call is higher than it; and what calls somebody already calls him no later. */
static void test_higher_at_the_edges(void **state_)
{
        Event ev;
        Kit k;

        kit_begin(&k);
        k.policy.classes[CLASS_FALL].priority = 3;
        k.policy.classes[CLASS_FALL].arrive_max_us = k.policy.classes[CLASS_CHECK].arrive_max_us = 0;
        kit_policy(&k);
        ev = device_event(ALARM_SOS, "sos-101", "old");
        ev.retained = true;
        step(&k, &ev);
        alarm(&k, ALARM_FALL, "band-101", "2");
        assert_int_equal(view(&k, 1).class, CLASS_FALL);
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_BACKUP, "w01", 1);
        forget(&k);
        press(&k, "sos-101", "3"); /* more urgent, while a backup is called */
        assert_int_equal(view(&k, 1).class, CLASS_SOS);
        at(&k, 61);
        assert_true(called_for(&k, "d01", 1));
        kit_end(&k);
}

/* Smoke where the first house has no name of a building, and the second has. */
static void test_a_fire_beside_a_nameless_house(void **state_)
{
        Kit k;

        kit_begin(&k);
        ((Dwelling *)&k.registry.dwellings[1])->building = NULL;
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        alarm(&k, ALARM_SMOKE, "smoke-102", "1");
        assert_int_equal(rows(&k, JOURNAL_LINKED), 0);
        ((Dwelling *)&k.registry.dwellings[1])->building = "1";
        kit_end(&k);
}

/* Smoke in a second flat after the first is resolved is no house on fire. */
static void test_a_fire_that_is_over_spreads_nothing(void **state_)
{
        Event ev;
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        ev = action_of(ACTION_RESOLVE, "d01", 1, NULL);
        ev.action.has_note = true;
        (void)str_copy(ev.action.outcome, WORD_SIZE, "false_alarm");
        step(&k, &ev);
        assert_int_equal(state(&k, 1), STATE_RESOLVED);
        alarm(&k, ALARM_SMOKE, "smoke-102", "1");
        assert_int_equal(rows(&k, JOURNAL_LINKED), 0);
        kit_end(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_backup_asked_for_on_the_way_is_called_until_it_is_over),
                cmocka_unit_test(test_a_gap_makes_no_ladder_faster),
                cmocka_unit_test(test_where_a_fire_spreads),
                cmocka_unit_test(test_tests_keep_nobody_busy),
                cmocka_unit_test(test_three_presses_after_the_last_tier_has_accepted),
                cmocka_unit_test(test_what_is_no_higher_class),
                cmocka_unit_test(test_the_faster_plan_takes_no_limit_away),
                cmocka_unit_test(test_cancelling_at_the_edges),
                cmocka_unit_test(test_an_eta_in_a_class_of_seconds),
                cmocka_unit_test(test_reopened_with_the_owner_gone_or_long_after),
                cmocka_unit_test(test_follow_ups_that_were_missed_are_one),
                cmocka_unit_test(test_a_late_handling_of_a_system_matter_is_told_the_operators),
                cmocka_unit_test(test_an_owner_who_has_left_the_registry),
                cmocka_unit_test(test_the_older_of_two_matters_of_one_owner_is_given_away),
                cmocka_unit_test(test_what_makes_a_person_busy),
                cmocka_unit_test(test_higher_at_the_edges),
                cmocka_unit_test(test_a_fire_beside_a_nameless_house),
                cmocka_unit_test(test_a_fire_that_is_over_spreads_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
