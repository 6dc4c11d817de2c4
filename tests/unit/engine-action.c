/* SPDX-License-Identifier: Apache-2.0 */
/* What people do, and what follows when they do not: SEMANTICS.md section 3, human actions and their timers. */
#include "engine-kit.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void act_eta(Kit *k, ActionKind kind, const char *worker, uint64_t incident, double eta)
{
        Event ev = action_of(kind, worker, incident, NULL);

        ev.action.eta_us = (uint64_t)(eta * 1e6);
        step(k, &ev);
}

static void arrive_with_proof(Kit *k, const char *worker, uint64_t incident)
{
        Event ev = action_of(ACTION_ARRIVED, worker, incident, NULL);

        ev.action.proof = true;
        step(k, &ev);
}

static void resolve_with_note(Kit *k, const char *worker, uint64_t incident, const char *outcome)
{
        Event ev = action_of(ACTION_RESOLVE, worker, incident, NULL);

        (void)str_copy(ev.action.outcome, WORD_SIZE, outcome);
        ev.action.has_note = true;
        step(k, &ev);
}

static double seconds_of(const Kit *k, int64_t wall_us)
{
        return wall_us ? (double)(wall_us - k->start_wall_us) / 1e6 : -1;
}

static void test_accept_arrive_resolve(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 12);
        forget(&k);
        act(&k, ACTION_ACCEPT, "w01", 1);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_int_equal(newest(&k, EFFECT_REPLY)->reply.state, STATE_ACCEPTED);
        assert_int_equal(newest(&k, EFFECT_REPLY)->reply.owner, kit_worker(&k, "w01"));
        assert_int_equal(newest(&k, EFFECT_ALERT)->seq, newest(&k, EFFECT_REPLY)->seq);
        assert_int_equal(lamp(&k, "sos-101"), LAMP_ACCEPTED);
        assert_true(seconds_of(&k, view(&k, 1).arrive_by_us) == 12 + 900);
        at(&k, 100);
        assert_int_equal(count(&k, EFFECT_NOTIFY), 0);
        act(&k, ACTION_ARRIVED, "w01", 1);
        assert_int_equal(lamp(&k, "sos-101"), LAMP_ARRIVED);
        assert_int_equal(state(&k, 1), STATE_ON_SCENE);
        resolve(&k, "w01", 1, "helped");
        assert_int_equal(state(&k, 1), STATE_RESOLVED);
        assert_int_equal(lamp(&k, "sos-101"), LAMP_RESOLVED);
        assert_string_equal(row(&k, JOURNAL_RESOLVED)->outcome, "helped");
        expect_nobody(&k);
        kit_end(&k);
}

static void test_who_may_accept(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w02", 1);
        expect_reply(&k, REPLY_REFUSED, REASON_NOT_YOURS); /* tier 2 has not been reached */
        assert_int_equal(rows(&k, JOURNAL_REFUSED), 1);
        act(&k, ACTION_ACCEPT, "w03", 1);
        expect_reply(&k, REPLY_REFUSED, REASON_NOT_YOURS); /* another grid */
        act(&k, ACTION_ACCEPT, "nobody", 1);
        expect_reply(&k, REPLY_REFUSED, REASON_UNKNOWN_WORKER);
        act(&k, ACTION_ACCEPT, "w01", 99);
        expect_reply(&k, REPLY_REFUSED, REASON_NO_INCIDENT);
        at(&k, 30);
        act(&k, ACTION_ACCEPT, "f101", 1);
        expect_reply(&k, REPLY_OK, REASON_HELPER); /* family helps; the ladder goes on */
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        assert_int_equal(view(&k, 1).helpers, 1);
        act(&k, ACTION_ACCEPT, "d01", 1); /* the desk supervises: any tier */
        expect_reply(&k, REPLY_OK, REASON_NONE);
        act(&k, ACTION_ACCEPT, "w01", 1);
        expect_reply(&k, REPLY_OK, REASON_HELPER);
        assert_int_equal(view(&k, 1).owner, kit_worker(&k, "d01"));
        kit_end(&k);
}

static void test_the_same_nonce_gets_the_same_reply(void **state_)
{
        Kit k;
        Event ev;
        Effect first;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        ev = action_of(ACTION_ACCEPT, "w01", 1, "n1");
        step(&k, &ev);
        first = *newest(&k, EFFECT_REPLY);
        act(&k, ACTION_ARRIVED, "w01", 1);
        kit_restart(&k);
        forget(&k);
        ev = action_of(ACTION_ACCEPT, "w01", 1, "n1");
        step(&k, &ev);
        assert_int_equal(k.n, 1);
        assert_int_equal(k.effects[0].seq, first.seq);
        assert_int_equal(k.effects[0].reply.state, STATE_ACCEPTED);
        assert_int_equal(k.effects[0].reply.owner, first.reply.owner);
        kit_end(&k);
}

static void test_a_retained_action_is_journaled_and_never_obeyed(void **state_)
{
        Kit k;
        Event ev;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        ev = action_of(ACTION_ACCEPT, "w01", 1, NULL);
        ev.retained = true;
        step(&k, &ev);
        expect_reply(&k, REPLY_REFUSED, REASON_RETAINED);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        assert_int_equal(rows(&k, JOURNAL_REFUSED), 1);
        kit_end(&k);
}

static void test_an_unknown_action_is_answered(void **state_)
{
        Kit k;

        kit_begin(&k);
        act(&k, ACTION_UNKNOWN, "w01", 1);
        expect_reply(&k, REPLY_REFUSED, REASON_UNKNOWN_ACTION);
        kit_end(&k);
}

static void test_bare_words_act_only_on_the_one_alert_and_not_too_early(void **state_)
{
        Kit k;
        Event ev;

        kit_begin(&k);
        ev = action_of(ACTION_ACCEPT, "w01", 0, NULL);
        ev.action.bare = true;
        step(&k, &ev);
        expect_reply(&k, REPLY_REFUSED, REASON_NO_INCIDENT);
        press(&k, "sos-101", "1");
        at(&k, 4.9);
        step(&k, &ev);
        expect_reply(&k, REPLY_REFUSED, REASON_TOO_EARLY);
        press(&k, "pend-102a", "1");
        at(&k, 15);
        step(&k, &ev);
        expect_reply(&k, REPLY_REFUSED, REASON_SEVERAL);
        act(&k, ACTION_ACCEPT, "d01", 2);
        arrive_with_proof(&k, "d01", 2);
        resolve(&k, "d01", 2, "helped");
        step(&k, &ev);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_int_equal(view(&k, 1).owner, kit_worker(&k, "w01"));
        kit_end(&k);
}

static void test_not_there_in_time_resumes_above_and_he_helps_until_he_arrives(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act_eta(&k, ACTION_ACCEPT, "w01", 1, 300);
        forget(&k);
        at(&k, 150);
        assert_int_equal(notified_why(&k, "w01", REASON_REMIND), 1);
        assert_int_equal(rows(&k, JOURNAL_REMINDED), 1);
        at(&k, 299.9);
        assert_int_equal(state(&k, 1), STATE_ACCEPTED);
        forget(&k);
        at(&k, 300);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        assert_int_equal(tier(&k, 1), 2);
        assert_int_equal(row(&k, JOURNAL_RESUMED)->reason, REASON_ARRIVE_LATE);
        assert_int_equal(lamp(&k, "sos-101"), LAMP_RECEIVED);
        expect_notified(&k, "w01", "w02", "f101", NULL);
        at(&k, 310);
        act(&k, ACTION_ACCEPT, "w01", 1);
        expect_reply(&k, REPLY_OK, REASON_HELPER);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        at(&k, 330);
        assert_int_equal(tier(&k, 1), 3);
        arrive_with_proof(&k, "w01", 1);
        assert_int_equal(state(&k, 1), STATE_ON_SCENE);
        assert_int_equal(view(&k, 1).owner, kit_worker(&k, "w01"));
        kit_end(&k);
}

static void test_nobody_accepts_and_forgets_where_the_class_has_no_limit(void **state_)
{
        Kit k;

        kit_begin(&k);
        step(&k, &(Event){.type = EVENT_SYSTEM, .system = {SYSTEM_DRILL, true}});
        act(&k, ACTION_ACCEPT, "o01", 1);
        forget(&k);
        at(&k, 43200);
        assert_int_equal(notified_why(&k, "o01", REASON_REMIND), 1);
        at(&k, 86400);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        kit_end(&k);
}

static void test_an_eta_is_between_a_minute_and_the_maximum_of_the_class(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        press(&k, "sos-102", "1");
        act_eta(&k, ACTION_ACCEPT, "w01", 1, 5);
        assert_true(seconds_of(&k, view(&k, 1).arrive_by_us) == 60);
        act_eta(&k, ACTION_ACCEPT, "d01", 2, 100000);
        assert_true(seconds_of(&k, view(&k, 2).arrive_by_us) == 900);
        kit_end(&k);
}

static void test_extend_once_by_half(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        act_eta(&k, ACTION_EXTEND, "w01", 1, 5000);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_true(seconds_of(&k, view(&k, 1).arrive_by_us) == 1350);
        act(&k, ACTION_EXTEND, "w01", 1);
        expect_reply(&k, REPLY_REFUSED, REASON_TWICE);
        act(&k, ACTION_EXTEND, "w02", 1);
        expect_reply(&k, REPLY_REFUSED, REASON_NOT_YOURS);
        kit_end(&k);
}

static void test_release_and_decline_by_the_owner_resume(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        at(&k, 40);
        act(&k, ACTION_RELEASE, "w01", 1);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        assert_int_equal(tier(&k, 1), 2);
        assert_int_equal(rows(&k, JOURNAL_RELEASED), 1);
        act(&k, ACTION_ACCEPT, "w02", 1);
        act(&k, ACTION_DECLINE, "w02", 1);
        assert_int_equal(tier(&k, 1), 3);
        act(&k, ACTION_RELEASE, "s01", 1);
        expect_reply(&k, REPLY_REFUSED, REASON_NOT_YOURS);
        kit_end(&k);
}

static void test_release_on_scene_leaves_it_to_the_helper_who_is_there(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 35);
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ACCEPT, "w02", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        act(&k, ACTION_ARRIVED, "w02", 1);
        act(&k, ACTION_RELEASE, "w01", 1);
        assert_int_equal(state(&k, 1), STATE_ON_SCENE);
        assert_int_equal(view(&k, 1).owner, kit_worker(&k, "w02"));
        act(&k, ACTION_RELEASE, "w02", 1);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        assert_int_equal(tier(&k, 1), 3);
        kit_end(&k);
}

static void test_pressed_again_after_acceptance_asks_the_owner(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        at(&k, 100);
        forget(&k);
        press(&k, "sos-101", "2");
        expect_notified(&k, "w01", NULL);
        at(&k, 130);
        press(&k, "sos-101", "3"); /* not armed anew */
        act(&k, ACTION_COMING, "w01", 1);
        at(&k, 200);
        assert_int_equal(state(&k, 1), STATE_ACCEPTED);
        press(&k, "sos-101", "4");
        at(&k, 259);
        assert_int_equal(state(&k, 1), STATE_ACCEPTED);
        at(&k, 260);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        assert_int_equal(row(&k, JOURNAL_RESUMED)->reason, REASON_RECONFIRM);
        kit_end(&k);
}

static void test_three_presses_after_acceptance_call_a_backup_too(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        at(&k, 100);
        press(&k, "sos-101", "2");
        at(&k, 105);
        press(&k, "sos-101", "3");
        forget(&k);
        at(&k, 110);
        press(&k, "sos-101", "4");
        assert_int_equal(state(&k, 1), STATE_ACCEPTED);
        assert_int_equal(notified(&k, "w02"), 1);
        assert_int_equal(rows(&k, JOURNAL_BACKUP), 1);
        act(&k, ACTION_COMING, "w01", 1);
        act(&k, ACTION_ACCEPT, "w02", 1);
        expect_reply(&k, REPLY_OK, REASON_HELPER);
        forget(&k);
        at(&k, 400);
        assert_int_equal(notified(&k, "d01"), 0); /* a backup has accepted: its ladder ends */
        kit_end(&k);
}

static void test_a_backup_has_a_ladder_of_its_own(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        at(&k, 100);
        forget(&k);
        act(&k, ACTION_BACKUP, "w01", 1);
        assert_int_equal(state(&k, 1), STATE_ON_SCENE);
        expect_notified(&k, "w02", "f101", "o01", NULL); /* T1 is the owner alone: empty, and said */
        at(&k, 130);
        assert_int_equal(notified(&k, "d01"), 1);
        at(&k, 1000);
        assert_true(rows(&k, JOURNAL_LOOP) > 2);
        assert_int_equal(tier(&k, 1), 1); /* the main ladder has not moved */
        act(&k, ACTION_ACCEPT, "d01", 1);
        expect_reply(&k, REPLY_OK, REASON_HELPER);
        forget(&k);
        at(&k, 1500);
        for (uint32_t i = 0; i < k.n; i++) /* but that of the gap in the roster goes on */
                assert_false(k.effects[i].type == EFFECT_NOTIFY && k.effects[i].incident == 1);
        kit_end(&k);
}

static void test_handle_by_reminds_then_resumes(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        at(&k, 1799);
        forget(&k);
        at(&k, 1800);
        expect_notified(&k, "w01", "d01", NULL);
        at(&k, 2399);
        assert_int_equal(state(&k, 1), STATE_ON_SCENE);
        at(&k, 2400);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        assert_int_equal(tier(&k, 1), 2);
        assert_int_equal(view(&k, 1).helpers, 1);
        kit_end(&k);
}

static void test_an_action_of_the_owner_answers_the_reminder(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        at(&k, 1900);
        act(&k, ACTION_COMING, "w01", 1);
        at(&k, 2500);
        assert_int_equal(state(&k, 1), STATE_ON_SCENE);
        kit_end(&k);
}

static bool everybody_is_asked(Kit *k, uint64_t incident)
{
        IncidentView v;

        assert_true(engine_view(k->engine, incident, k->now, &v));
        return v.everybody;
}

static void test_arrive_max_calls_everybody_whatever_was_promised(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 1000);
        act(&k, ACTION_ACCEPT, "w01", 1);
        at(&k, 1799);
        assert_false(everybody_is_asked(&k, 1));
        forget(&k);
        at(&k, 1800);
        assert_int_equal(state(&k, 1), STATE_ACCEPTED);
        assert_int_equal(rows(&k, JOURNAL_ARRIVE_MAX), 1);
        expect_notified(&k, "w01", "w02", "f101", "d01", "s01", "c01", NULL);
        assert_true(everybody_is_asked(&k, 1));
        act(&k, ACTION_ARRIVED, "w01", 1);
        assert_false(everybody_is_asked(&k, 1));
        kit_end(&k);
}

static void test_arrived_without_acceptance_needs_proof_or_the_desk(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ARRIVED, "w01", 1);
        expect_reply(&k, REPLY_REFUSED, REASON_NO_PROOF);
        arrive_with_proof(&k, "w01", 1);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_int_equal(state(&k, 1), STATE_ON_SCENE);
        press(&k, "sos-102", "1");
        act(&k, ACTION_ARRIVED, "d01", 2);
        assert_int_equal(state(&k, 2), STATE_ON_SCENE);
        kit_end(&k);
}

static void test_outcomes(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        resolve(&k, "w01", 1, "helped");
        expect_reply(&k, REPLY_REFUSED, REASON_NOT_ARRIVED);
        act(&k, ACTION_ACCEPT, "w01", 1);
        resolve(&k, "w01", 1, "helped");
        expect_reply(&k, REPLY_REFUSED, REASON_NOT_ARRIVED);
        act(&k, ACTION_ARRIVED, "w01", 1);
        resolve(&k, "w01", 1, "no_contact");
        expect_reply(&k, REPLY_REFUSED, REASON_BAD_OUTCOME);
        resolve(&k, "w01", 1, "");
        expect_reply(&k, REPLY_REFUSED, REASON_BAD_OUTCOME);
        resolve(&k, "w01", 1, "other");
        expect_reply(&k, REPLY_REFUSED, REASON_BAD_OUTCOME); /* without a note */
        resolve(&k, "w02", 1, "helped");
        expect_reply(&k, REPLY_REFUSED, REASON_NOT_YOURS);
        resolve_with_note(&k, "w01", 1, "other");
        expect_reply(&k, REPLY_OK, REASON_NONE);
        resolve(&k, "w01", 1, "helped");
        expect_reply(&k, REPLY_STALE, REASON_WRONG_STATE);
        kit_end(&k);
}

static void test_a_supervisor_resolves_from_afar_with_a_reason(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        resolve(&k, "d01", 1, "false_alarm");
        expect_reply(&k, REPLY_REFUSED, REASON_NOT_ARRIVED);
        resolve_with_note(&k, "d01", 1, "false_alarm");
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_int_equal(row(&k, JOURNAL_RESOLVED)->reason, REASON_NOT_ARRIVED);
        alarm(&k, ALARM_FAULT, "sos-102", "1"); /* P4 needs no visit */
        resolve(&k, "w01", 2, "device_fault");
        expect_reply(&k, REPLY_OK, REASON_NONE);
        kit_end(&k);
}

static void test_handover_is_done_when_the_other_accepts(void **state_)
{
        Kit k;
        Event ev;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        forget(&k);
        ev = action_of(ACTION_HANDOVER, "w01", 1, NULL);
        (void)str_copy(ev.action.to, CODE_SIZE, "w02");
        step(&k, &ev);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_int_equal(row(&k, JOURNAL_HANDOVER)->to_worker, kit_worker(&k, "w02"));
        assert_int_equal(view(&k, 1).owner, kit_worker(&k, "w01"));
        expect_notified(&k, "w02", NULL);
        act(&k, ACTION_ACCEPT, "w02", 1);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_int_equal(view(&k, 1).owner, kit_worker(&k, "w02"));
        (void)str_copy(ev.source, CODE_SIZE, "w02");
        (void)str_copy(ev.action.to, CODE_SIZE, "f101");
        step(&k, &ev);
        expect_reply(&k, REPLY_REFUSED, REASON_BAD_REQUEST);
        (void)str_copy(ev.action.to, CODE_SIZE, "x");
        step(&k, &ev);
        expect_reply(&k, REPLY_REFUSED, REASON_UNKNOWN_WORKER);
        kit_end(&k);
}

static void hand_off(Kit *k, const char *worker, uint64_t incident, const char *agency)
{
        Event ev = action_of(ACTION_HANDOFF, worker, incident, NULL);

        (void)str_copy(ev.action.agency, WORD_SIZE, agency);
        step(k, &ev);
}

static void test_handing_off_is_an_overlay(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_CONFIRM, "d01", 1);
        expect_reply(&k, REPLY_REFUSED, REASON_WRONG_STATE);
        hand_off(&k, "w02", 1, "120");
        expect_reply(&k, REPLY_REFUSED, REASON_NOT_YOURS);
        hand_off(&k, "d01", 1, "120");
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_string_equal(view(&k, 1).handed_to, "120");
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        at(&k, 599);
        forget(&k);
        at(&k, 600);
        assert_int_equal(notified_why(&k, "d01", REASON_HANDED_OFF), 1);
        act(&k, ACTION_CONFIRM, "d01", 1);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        forget(&k);
        at(&k, 600 + 1799);
        assert_int_equal(notified_why(&k, "d01", REASON_HANDED_OFF), 0);
        at(&k, 600 + 1800);
        assert_int_equal(rows(&k, JOURNAL_REMINDED), 1);
        kit_end(&k);
}

static void test_level_up_advances_now(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        hand_off(&k, "d01", 1, "up");
        assert_int_equal(tier(&k, 1), 2);
        kit_end(&k);
}

static void test_a_person_with_another_open_p1_becomes_a_helper(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        press(&k, "sos-102", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ACCEPT, "w01", 2);
        expect_reply(&k, REPLY_OK, REASON_BUSY);
        assert_int_equal(state(&k, 2), STATE_ALERTING);
        at(&k, 30);
        assert_int_equal(tier(&k, 2), 2);
        act(&k, ACTION_RELEASE, "w01", 1);
        act(&k, ACTION_ACCEPT, "w01", 2);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        kit_end(&k);
}

static void test_accepting_the_more_urgent_covers_the_less_urgent_but_not_fire(void **state_)
{
        Kit k;

        kit_begin(&k);
        vitals(&k, "band-101", VITAL_HR, 125);
        vitals(&k, "band-101", VITAL_HR, 125);    /* 1: P3 */
        alarm(&k, ALARM_SMOKE, "smoke-101", "1"); /* 2: P1 */
        press(&k, "sos-101", "1");                /* 3: P1 */
        act(&k, ACTION_ACCEPT, "w01", 3);
        assert_int_equal(state(&k, 1), STATE_ACCEPTED);
        assert_int_equal(rows(&k, JOURNAL_LINKED), 1);
        assert_int_equal(state(&k, 2), STATE_ALERTING);
        kit_end(&k);
}

static void test_accepting_the_less_urgent_covers_nothing(void **state_)
{
        Kit k;

        kit_begin(&k);
        vitals(&k, "band-101", VITAL_HR, 125);
        vitals(&k, "band-101", VITAL_HR, 125);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        assert_int_equal(state(&k, 2), STATE_ALERTING);
        kit_end(&k);
}

static void test_reopen_by_a_person(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_REOPEN, "w01", 1);
        expect_reply(&k, REPLY_REFUSED, REASON_WRONG_STATE);
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        resolve(&k, "w01", 1, "helped");
        act(&k, ACTION_ACCEPT, "w01", 1);
        expect_reply(&k, REPLY_STALE, REASON_WRONG_STATE);
        act(&k, ACTION_REOPEN, "w01", 1);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        assert_int_equal(view(&k, 1).round, 2);
        kit_end(&k);
}

static void test_an_answer_from_before_the_reopening_is_stale(void **state_)
{
        Kit k;
        Event ev;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        ev = action_of(ACTION_ACCEPT, "w01", 1, NULL);
        ev.action.seq = newest(&k, EFFECT_NOTIFY)->seq;
        act(&k, ACTION_ACCEPT, "d01", 1);
        act(&k, ACTION_ARRIVED, "d01", 1);
        resolve(&k, "d01", 1, "helped");
        press(&k, "sos-101", "2");
        step(&k, &ev);
        expect_reply(&k, REPLY_STALE, REASON_OLD_ROUND);
        ev.action.seq = newest(&k, EFFECT_NOTIFY)->seq;
        step(&k, &ev);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        kit_end(&k);
}

static void test_the_loop_makes_no_answer_stale(void **state_)
{
        Kit k;
        Event ev;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        ev = action_of(ACTION_ACCEPT, "w01", 1, NULL);
        ev.action.seq = newest(&k, EFFECT_NOTIFY)->seq;
        at(&k, 1000);
        assert_true(view(&k, 1).round > 2);
        step(&k, &ev);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        kit_end(&k);
}

static void test_desk_words_through_the_control_socket_are_answered_there(void **state_)
{
        Kit k;
        Event ev;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        ev = action_of(ACTION_ACCEPT, "d01", 1, "c1");
        ev.via = VIA_CONTROL;
        ev.hold = 77;
        step(&k, &ev);
        assert_int_equal(newest(&k, EFFECT_REPLY)->reply.via, VIA_CONTROL);
        assert_int_equal(newest(&k, EFFECT_REPLY)->reply.hold, 77);
        kit_end(&k);
}

/* Whoever was called may look, nobody else; it stops nothing, counts as nothing, and is a row before it is shown. */
static void test_who_was_called_may_look(void **state_)
{
        Kit k;
        Event ev;
        uint64_t last;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        last = view(&k, 1).last_seq;
        forget(&k);
        act(&k, ACTION_VITALS, "w01", 1);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_int_equal(rows(&k, JOURNAL_VIEWED), 1);
        assert_int_equal(row(&k, JOURNAL_VIEWED)->worker, kit_worker(&k, "w01"));
        assert_int_equal(newest(&k, EFFECT_VIEW)->view.what, ACTION_VITALS);
        assert_int_equal(newest(&k, EFFECT_VIEW)->view.resident, 1);
        assert_string_equal(newest(&k, EFFECT_VIEW)->view.worker, "w01");
        assert_int_equal(newest(&k, EFFECT_VIEW)->incident, 1);
        assert_int_equal(newest(&k, EFFECT_VIEW)->seq, engine_next_seq(k.engine) - 1);
        assert_int_equal(view(&k, 1).last_seq, last);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        assert_int_equal(count(&k, EFFECT_ALERT), 0);
        forget(&k);
        act(&k, ACTION_TIMELINE, "w02", 1); /* his tier has not been reached */
        expect_reply(&k, REPLY_REFUSED, REASON_NOT_YOURS);
        act(&k, ACTION_TIMELINE, "w01", 99);
        expect_reply(&k, REPLY_REFUSED, REASON_NO_INCIDENT);
        ev = action_of(ACTION_TIMELINE, "w01", 1, NULL);
        ev.retained = true;
        step(&k, &ev);
        expect_reply(&k, REPLY_REFUSED, REASON_RETAINED);
        assert_int_equal(count(&k, EFFECT_VIEW), 0);
        assert_int_equal(rows(&k, JOURNAL_REFUSED), 3);
        at(&k, 31);
        forget(&k);
        act(&k, ACTION_TIMELINE, "w02", 1);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_int_equal(newest(&k, EFFECT_VIEW)->view.what, ACTION_TIMELINE);
        kit_end(&k);
}

/* … for a day after it was closed: whoever writes his report. */
static void test_who_was_called_may_look_for_a_day(void **state_)
{
        const double closed = 20 + 15 * 60;
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        at(&k, 20);
        resolve(&k, "w01", 1, "helped");
        at(&k, closed + 120);
        assert_false(engine_view(k.engine, 1, k.now, &(IncidentView){0}));
        forget(&k);
        act(&k, ACTION_TIMELINE, "w01", 1);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_int_equal(newest(&k, EFFECT_VIEW)->incident, 1);
        assert_int_equal(newest(&k, EFFECT_VIEW)->view.resident, 1);
        assert_int_equal(row(&k, JOURNAL_VIEWED)->resident, 1);
        assert_int_equal(newest(&k, EFFECT_JOURNAL)->incident, 1);
        act(&k, ACTION_TIMELINE, "s01", 1); /* was not called */
        expect_reply(&k, REPLY_REFUSED, REASON_NO_INCIDENT);
        at(&k, closed + 24 * 3600 - 1);
        act(&k, ACTION_VITALS, "w01", 1);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        at(&k, closed + 24 * 3600 + 1);
        act(&k, ACTION_VITALS, "w01", 1);
        expect_reply(&k, REPLY_REFUSED, REASON_NO_INCIDENT);
        kit_end(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_who_was_called_may_look),
                cmocka_unit_test(test_who_was_called_may_look_for_a_day),
                cmocka_unit_test(test_accept_arrive_resolve),
                cmocka_unit_test(test_who_may_accept),
                cmocka_unit_test(test_the_same_nonce_gets_the_same_reply),
                cmocka_unit_test(test_a_retained_action_is_journaled_and_never_obeyed),
                cmocka_unit_test(test_an_unknown_action_is_answered),
                cmocka_unit_test(test_bare_words_act_only_on_the_one_alert_and_not_too_early),
                cmocka_unit_test(test_not_there_in_time_resumes_above_and_he_helps_until_he_arrives),
                cmocka_unit_test(test_nobody_accepts_and_forgets_where_the_class_has_no_limit),
                cmocka_unit_test(test_an_eta_is_between_a_minute_and_the_maximum_of_the_class),
                cmocka_unit_test(test_extend_once_by_half),
                cmocka_unit_test(test_release_and_decline_by_the_owner_resume),
                cmocka_unit_test(test_release_on_scene_leaves_it_to_the_helper_who_is_there),
                cmocka_unit_test(test_pressed_again_after_acceptance_asks_the_owner),
                cmocka_unit_test(test_three_presses_after_acceptance_call_a_backup_too),
                cmocka_unit_test(test_a_backup_has_a_ladder_of_its_own),
                cmocka_unit_test(test_handle_by_reminds_then_resumes),
                cmocka_unit_test(test_an_action_of_the_owner_answers_the_reminder),
                cmocka_unit_test(test_arrive_max_calls_everybody_whatever_was_promised),
                cmocka_unit_test(test_arrived_without_acceptance_needs_proof_or_the_desk),
                cmocka_unit_test(test_outcomes),
                cmocka_unit_test(test_a_supervisor_resolves_from_afar_with_a_reason),
                cmocka_unit_test(test_handover_is_done_when_the_other_accepts),
                cmocka_unit_test(test_handing_off_is_an_overlay),
                cmocka_unit_test(test_level_up_advances_now),
                cmocka_unit_test(test_a_person_with_another_open_p1_becomes_a_helper),
                cmocka_unit_test(test_accepting_the_more_urgent_covers_the_less_urgent_but_not_fire),
                cmocka_unit_test(test_accepting_the_less_urgent_covers_nothing),
                cmocka_unit_test(test_reopen_by_a_person),
                cmocka_unit_test(test_an_answer_from_before_the_reopening_is_stale),
                cmocka_unit_test(test_the_loop_makes_no_answer_stale),
                cmocka_unit_test(test_desk_words_through_the_control_socket_are_answered_there),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
