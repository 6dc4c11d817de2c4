/* SPDX-License-Identifier: Apache-2.0 */
/* The auditor: SEMANTICS.md section 4. State is spoilt by hand, behind the engine's back. */
#include "engine-kit.h"

#include "base/str.h"
#include "engine/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static bool audit(Kit *k, uint64_t outbox_s)
{
        bool sound = engine_audit(k->engine, k->now, outbox_s * USEC_PER_SEC, &k->list);

        assert_true(k->n + k->list.n < KIT_EFFECTS);
        for (uint32_t i = 0; i < k->list.n; i++) {
                k->effects[k->n++] = k->list.effects[i];
                if (k->list.effects[i].type == EFFECT_JOURNAL)
                        assert_int_equal(k->list.effects[i].seq, k->next_seq++);
                if (k->list.effects[i].type == EFFECT_STATE)
                        assert_true(engine_state_row(k->engine, k->list.effects[i].incident, k->now,
                                &k->rows[k->list.effects[i].incident]));
        }
        return sound;
}

/* As a bug would lose it. */
static void lose(Kit *k, Timer t)
{
        Incident *in = table_get(k->engine, 1);

        in->due[t] = NEVER;
        timers_rekey(k->engine, in);
}

static void test_a_sound_state_is_left_alone(void **state_)
{
        Kit k;

        kit_begin(&k);
        assert_true(audit(&k, 0));
        press(&k, "sos-101", "1");
        for (int t = 1; t < 400; t += 5) {
                at(&k, t);
                forget(&k);
                assert_true(audit(&k, 1));
                assert_int_equal(k.n, 0);
        }
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        forget(&k);
        assert_true(audit(&k, 0));
        resolve(&k, "w01", 1, "helped");
        forget(&k);
        assert_true(audit(&k, 0));
        assert_int_equal(k.n, 0);
        kit_end(&k);
}

static void test_a_missing_step_of_the_ladder_is_due_now(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 5);
        lose(&k, TIMER_TIER);
        assert_true(audit(&k, 0));
        assert_int_equal(rows(&k, JOURNAL_AUDIT), 1);
        at(&k, 6);
        assert_int_equal(tier(&k, 1), 2);
        lose(&k, TIMER_RENOTIFY);
        assert_true(audit(&k, 0));
        assert_int_equal(rows(&k, JOURNAL_AUDIT), 2);
        kit_end(&k);
}

static void test_every_timer_of_a_state_is_missed(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        lose(&k, TIMER_FIRE119);
        assert_true(audit(&k, 0));
        act(&k, ACTION_ACCEPT, "w01", 1);
        lose(&k, TIMER_ARRIVE_BY);
        assert_true(audit(&k, 0));
        assert_int_equal(rows(&k, JOURNAL_AUDIT), 2);
        at(&k, 1);
        assert_int_equal(state(&k, 1), STATE_ALERTING); /* due now */
        act(&k, ACTION_ACCEPT, "d01", 1);
        act(&k, ACTION_ARRIVED, "d01", 1);
        lose(&k, TIMER_HANDLE_BY);
        assert_true(audit(&k, 0));
        at(&k, 2);
        assert_int_equal(rows(&k, JOURNAL_HANDLE_LATE), 1);
        kit_end(&k);
}

static void test_an_incident_that_the_heap_has_lost_is_found(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        heap_unset(&k.engine->heap, table_get(k.engine, 1)->slot);
        assert_true(engine_deadline(k.engine) > k.now.boot_us + 3600 * USEC_PER_SEC);
        assert_true(audit(&k, 0));
        at(&k, 30);
        assert_int_equal(tier(&k, 1), 2);
        kit_end(&k);
}

static void test_a_silent_ladder_calls(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 1);
        table_get(k.engine, 1)->notified_us -= 25 * (int64_t)USEC_PER_SEC;
        forget(&k);
        assert_true(audit(&k, 0));
        assert_int_equal(rows(&k, JOURNAL_AUDIT), 1);
        k.unchecked_rows = true;
        at(&k, 2);
        assert_int_equal(notified_why(&k, "w01", REASON_RENOTIFY), 1);
        kit_end(&k);
}

static void test_nobody_called_is_told_the_operator_once_a_cause(void **state_)
{
        static const char *const all[] = {"w01", "w02", "f101", "d01", "s01", "c01"};
        Kit k;

        kit_begin(&k);
        for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
                kit_remove_worker(&k, all[i]);
        press(&k, "sos-101", "1");
        assert_true(audit(&k, 0));
        assert_true(audit(&k, 0));
        assert_int_equal(engine_open_count(k.engine), 2);
        assert_int_equal(view(&k, 2).cause, SYSTEM_ROSTER);
        kit_end(&k);
}

static void test_a_message_that_nobody_takes_is_the_brokers_matter_until_it_is_taken(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        assert_true(audit(&k, 14));
        assert_int_equal(engine_open_count(k.engine), 1);
        assert_true(audit(&k, 15));
        assert_true(audit(&k, 20));
        assert_int_equal(engine_open_count(k.engine), 2);
        assert_int_equal(view(&k, 2).cause, SYSTEM_BROKER);
        assert_int_equal(view(&k, 2).condition, CONDITION_ACTIVE);
        assert_true(audit(&k, 0));
        assert_int_equal(view(&k, 2).condition, CONDITION_CLEARED);
        kit_end(&k);
}

static void test_what_contradicts_itself_is_said(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        table_get(k.engine, 1)->owner = 0;
        assert_false(audit(&k, 0));
        kit_end(&k);
}

static void test_what_each_state_asks_for_and_what_it_does_not(void **state_)
{
        Event ev;
        Kit k;

        kit_begin(&k);
        k.policy.classes[CLASS_GAS].renotify_us = 0;
        k.policy.classes[CLASS_FALL].renotify_us = k.policy.classes[CLASS_FALL].loop_us;
        k.policy.classes[CLASS_FALL].priority = 1;
        kit_policy(&k);
        alarm(&k, ALARM_GAS, "gas-101", "1");    /* calls without repeating */
        alarm(&k, ALARM_FALL, "pend-102a", "1"); /* repeats at the rate of the loop */
        press(&k, "sos-101", "1");
        at(&k, 1500); /* exhausted: the loop has taken the place of the tiers */
        ev = action_of(ACTION_FIRE119, "d01", 1, NULL);
        step(&k, &ev);
        lose(&k, TIMER_ARRIVE_MAX); /* of an incident, not of its state */
        k.unchecked_rows = true;
        forget(&k);
        assert_true(audit(&k, 0));
        assert_int_equal(rows(&k, JOURNAL_AUDIT), 0);
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        ev = action_of(ACTION_HANDOFF, "w01", 1, NULL);
        (void)str_copy(ev.action.agency, WORD_SIZE, "120");
        step(&k, &ev);
        forget(&k);
        assert_true(audit(&k, 0));
        assert_int_equal(rows(&k, JOURNAL_AUDIT), 0);
        lose(&k, TIMER_CONFIRM_BY);
        assert_true(audit(&k, 0));
        assert_int_equal(rows(&k, JOURNAL_AUDIT), 1);
        act(&k, ACTION_CONFIRM, "w01", 1); /* the follow-up in its place */
        assert_true(audit(&k, 0));
        assert_int_equal(rows(&k, JOURNAL_AUDIT), 1);
        alarm(&k, ALARM_GAS_CLEAR, "gas-101", "2");
        ev = action_of(ACTION_RESOLVE, "d01", 1, NULL);
        ev.action.has_note = true;
        (void)str_copy(ev.action.outcome, WORD_SIZE, "helped");
        step(&k, &ev);
        lose(&k, TIMER_REOPEN_UNTIL);
        assert_true(audit(&k, 0));
        assert_int_equal(rows(&k, JOURNAL_AUDIT), 2);
        at(&k, 1501);
        assert_int_equal(state(&k, 1), STATE_CLOSED);
        assert_true(audit(&k, 0)); /* closed, and still to be seen */
        assert_int_equal(rows(&k, JOURNAL_AUDIT), 2);
        kit_end(&k);
}

static void test_calls_that_wait_are_sent(void **state_)
{
        Incident *in;
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        in = table_get(k.engine, 1);
        in->pending = PENDING_TIER(1);
        lose(&k, TIMER_NOTIFY);
        assert_true(audit(&k, 0));
        assert_int_equal(rows(&k, JOURNAL_AUDIT), 1);
        in->notified_us = NEVER; /* nobody was ever called, and something waits: that is enough */
        forget(&k);
        at(&k, 1);
        assert_int_equal(notified(&k, "w01"), 1);
        in->notified_us = NEVER;
        assert_true(audit(&k, 0));
        assert_int_equal(rows(&k, JOURNAL_AUDIT), 1);
        kit_end(&k);
}

static void test_the_heap_at_another_time_is_found(void **state_)
{
        Incident *in;
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        in = table_get(k.engine, 1);
        in->due[TIMER_RECEIPT] -= 1000; /* and the heap was not told */
        k.unchecked_rows = true;
        assert_true(audit(&k, 0));
        assert_int_equal(rows(&k, JOURNAL_AUDIT), 1);
        kit_end(&k);
}

static void test_the_broker_s_matter_is_not_the_auditor_s_to_end(void **state_)
{
        Event ev = {.type = EVENT_SYSTEM, .system = {.cause = SYSTEM_BROKER, .raise = false}};
        Event on = {.type = EVENT_SYSTEM, .system = {.cause = SYSTEM_BROKER, .raise = true}};
        Kit k;

        kit_begin(&k);
        assert_true(audit(&k, 15));
        assert_int_equal(view(&k, 1).cause, SYSTEM_BROKER);
        step(&k, &ev); /* it is back */
        forget(&k);
        assert_true(audit(&k, 0));
        assert_int_equal(rows(&k, JOURNAL_SYSTEM), 0);
        act(&k, ACTION_ACCEPT, "o01", 1);
        act(&k, ACTION_ARRIVED, "o01", 1);
        resolve(&k, "o01", 1, "helped");
        at(&k, 400);
        assert_true(audit(&k, 15)); /* another, whose matter somebody closes before the messages are taken */
        act(&k, ACTION_ACCEPT, "o01", 2);
        act(&k, ACTION_ARRIVED, "o01", 2);
        resolve(&k, "o01", 2, "helped");
        at(&k, 800);
        forget(&k);
        assert_true(audit(&k, 0));
        assert_int_equal(k.n, 0);
        step(&k, &on); /* the adapter has said so first: then it says when it ends */
        assert_true(audit(&k, 15));
        assert_int_equal(engine_open_count(k.engine), 1);
        kit_end(&k);
}

/* Only programs were called, or only in the round before: that is nobody. */
static void test_programs_are_nobody(void **state_)
{
        static const char *const all[] = {"w01", "w02", "f101", "d01", "s01", "c01"};
        Incident *in;
        Kit k;

        kit_begin(&k);
        k.policy.exec_channels = k.policy.exec_priority = 1;
        kit_policy(&k);
        press(&k, "sos-101", "1");
        at(&k, 1);
        in = table_get(k.engine, 1);
        assert_true(audit(&k, 0));
        assert_int_equal(engine_open_count(k.engine), 1);
        k.unchecked_rows = true;
        for (unsigned i = 0; i < in->n_recipients; i++)
                recipient_at(in, i)->seq = in->round_seq - 1;
        for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
                kit_remove_worker(&k, all[i]);
        assert_true(audit(&k, 0));
        assert_int_equal(engine_open_count(k.engine), 2);
        assert_int_equal(view(&k, 2).cause, SYSTEM_ROSTER);
        k.policy.classes[CLASS_SYSTEM].priority = 1;
        kit_policy(&k);
        kit_remove_worker(&k, "o01");
        {
                Event ev = {.type = EVENT_SYSTEM, .system = {.cause = SYSTEM_CHANNEL, .raise = true}};

                step(&k, &ev); /* of which nobody is told either, and which raises no further matter */
        }
        assert_int_equal(view(&k, 3).priority, 1);
        assert_true(audit(&k, 0));
        assert_int_equal(engine_open_count(k.engine), 3);
        kit_end(&k);
}

/* What is unsound is said however much is sound, and what has no room in the list is mended five seconds later. */
static void test_many_finds_take_several_looks(void **state_)
{
        char name[16];
        uint32_t found = 0;
        Kit k;

        kit_begin_with(&k, 512, 1024);
        k.unchecked_rows = true;
        k.policy.classes[CLASS_FALL].priority = 2;
        kit_policy(&k);
        for (int i = 0; i < 200; i++) {
                (void)snprintf(name, sizeof(name), "f%d", i);
                at(&k, i * 700);
                alarm(&k, ALARM_UNPARSED, name, NULL);
        }
        for (Incident *in = table_first(k.engine); in; in = table_next(k.engine, in)) {
                in->due[TIMER_TIER] = in->due[TIMER_LOOP] = NEVER;
                timers_rekey(k.engine, in);
        }
        for (int looks = 0; looks < 10; looks++) {
                forget(&k);
                (void)audit(&k, 0);
                found += rows(&k, JOURNAL_AUDIT);
                if (looks == 0)
                        assert_true(found < 150);
        }
        assert_true(found >= 200);
        table_get(k.engine, 1)->owner = 3;
        assert_false(audit(&k, 0));
        kit_end(&k);
}

/* A table of which much is in use is looked at in steps, and each step goes on where the last one ended. */
static void test_a_large_table_is_looked_at_in_steps(void **state_)
{
        unsigned steps = 0;
        Kit k;

        kit_begin_with(&k, 2000, 64);
        press(&k, "sos-101", "1");
        assert_true(audit(&k, 0));
        assert_false(engine_audit_more(k.engine));
        k.engine->high = 1800; /* as if so many had been open at one time */
        table_get(k.engine, 1)->owner = 3;
        assert_false(audit(&k, 0));
        while (engine_audit_more(k.engine)) {
                assert_true(audit(&k, 0)); /* not there, and not yet again */
                assert_true(++steps < 100);
        }
        assert_true(steps >= 2);
        assert_false(audit(&k, 0));
        kit_end(&k);
}

static void test_what_a_request_asks_for(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_REQUEST, "sos-101", "1");
        for (unsigned step = 0; step < 3;
                step++) { /* open, assigned, in progress: its level has a limit, nobody a time */
                forget(&k);
                assert_true(audit(&k, 0));
                assert_int_equal(rows(&k, JOURNAL_AUDIT), 0);
                lose(&k, TIMER_LEVEL);
                assert_true(audit(&k, 0));
                assert_int_equal(rows(&k, JOURNAL_AUDIT), 1);
                kit_end(&k);
                kit_begin(&k);
                alarm(&k, ALARM_REQUEST, "sos-101", "1");
                act(&k, ACTION_ACCEPT, "w01", 1);
                if (step == 1)
                        act(&k, ACTION_START, "w01", 1);
        }
        kit_end(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_sound_state_is_left_alone),
                cmocka_unit_test(test_a_missing_step_of_the_ladder_is_due_now),
                cmocka_unit_test(test_every_timer_of_a_state_is_missed),
                cmocka_unit_test(test_an_incident_that_the_heap_has_lost_is_found),
                cmocka_unit_test(test_a_silent_ladder_calls),
                cmocka_unit_test(test_nobody_called_is_told_the_operator_once_a_cause),
                cmocka_unit_test(test_a_message_that_nobody_takes_is_the_brokers_matter_until_it_is_taken),
                cmocka_unit_test(test_what_contradicts_itself_is_said),
                cmocka_unit_test(test_what_each_state_asks_for_and_what_it_does_not),
                cmocka_unit_test(test_calls_that_wait_are_sent),
                cmocka_unit_test(test_the_heap_at_another_time_is_found),
                cmocka_unit_test(test_the_broker_s_matter_is_not_the_auditor_s_to_end),
                cmocka_unit_test(test_programs_are_nobody),
                cmocka_unit_test(test_many_finds_take_several_looks),
                cmocka_unit_test(test_a_large_table_is_looked_at_in_steps),
                cmocka_unit_test(test_what_a_request_asks_for),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
