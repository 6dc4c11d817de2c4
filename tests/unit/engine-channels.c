/* SPDX-License-Identifier: Apache-2.0 */
/* A person's further channels, and presence that is not heard of: SEMANTICS.md sections 3 (RECEIPT) and 6. */
#include "engine-kit.h"

#include "engine/internal.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SMS   CHANNEL_PERSON
#define VOICE (CHANNEL_PERSON + 1)

static void begin(Kit *k, bool voice)
{
        kit_begin(k);
        k->phones_off = true;
        k->policy.channels[0] = (PersonChannel){.name = "sms",
                .personal = true,
                .roles = 1u << ROLE_WORKER,
                .priority = 2,
                .receipt_us = 30 * USEC_PER_SEC,
                .gap_us = 120 * USEC_PER_SEC};
        k->policy.channels[1] = (PersonChannel){.name = "voice",
                .personal = true,
                .priority = 2,
                .receipt_us = 25 * USEC_PER_SEC,
                .gap_us = 60 * USEC_PER_SEC};
        engine_policy_set(k->engine, &k->policy);
        k->registry.workers[kit_worker(k, "w01")].channels =
                voice ? "app exec:sms exec:voice exec:none" : NULL;
}

static uint32_t called_on(const Kit *k, const char *worker, int channel)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < k->n; i++)
                n += k->effects[i].type == EFFECT_NOTIFY &&
                     k->effects[i].notify.worker == kit_worker(k, worker) &&
                     k->effects[i].notify.channel == channel;
        return n;
}

/* What became of the newest message on this channel. */
static void attempt(Kit *k, const char *worker, int channel, bool delivered)
{
        Event ev = {.type = EVENT_ATTEMPT, .via = VIA_DAEMON};

        ev.attempt = (AttemptEvent){.incident = 1,
                .seq = engine_next_seq(k->engine),
                .worker = kit_worker(k, worker),
                .channel = (uint8_t)channel,
                .delivered = delivered};
        step(k, &ev);
}

static void test_a_missing_receipt_opens_the_next_channel_before_the_next_tier(void **state_)
{
        Kit k;

        begin(&k, false);
        alarm(&k, ALARM_FALL, "band-101", "1"); /* T2 after a minute */
        at(&k, 9);
        assert_int_equal(called_on(&k, "w01", SMS), 0);
        at(&k, 10);
        assert_int_equal(called_on(&k, "w01", SMS), 1);
        assert_int_equal(newest(&k, EFFECT_NOTIFY)->notify.reason, REASON_NO_RECEIPT);
        at(&k, 39);
        assert_int_equal(tier(&k, 1), 1);
        at(&k, 40); /* nothing left: the next tier, sooner than its time */
        assert_int_equal(tier(&k, 1), 2);
        kit_end(&k);
}

static void test_a_receipt_on_the_second_channel_is_one(void **state_)
{
        Kit k;

        begin(&k, false);
        alarm(&k, ALARM_FALL, "band-101", "1");
        at(&k, 11);
        attempt(&k, "w01", SMS, true);
        assert_int_equal(rows(&k, JOURNAL_DELIVERED), 1);
        at(&k, 59);
        assert_int_equal(tier(&k, 1), 1);
        at(&k, 60);
        assert_int_equal(tier(&k, 1), 2);
        kit_end(&k);
}

static void test_a_failed_attempt_opens_the_next_at_once_and_the_last_one_the_next_tier(void **state_)
{
        Kit k;

        begin(&k, true);
        alarm(&k, ALARM_FALL, "band-101", "1");
        at(&k, 10);
        at(&k, 12);
        attempt(&k, "w01", SMS, false);
        assert_int_equal(called_on(&k, "w01", VOICE), 1);
        assert_int_equal(tier(&k, 1), 1);
        attempt(&k, "w01", CHANNEL_APP, false);
        assert_int_equal(tier(&k, 1), 1); /* the phone rings */
        attempt(&k, "w01", VOICE, false);
        assert_int_equal(tier(&k, 1), 2);
        kit_end(&k);
}

static void test_nobody_is_called_there_again_within_the_gap(void **state_)
{
        Kit k;

        begin(&k, false);
        alarm(&k, ALARM_FALL, "band-101", "1");
        at(&k, 10);
        alarm(&k, ALARM_FALL, "pend-102a", "1");
        at(&k, 25);
        assert_int_equal(called_on(&k, "w01", SMS), 1);
        at(&k, 120);
        alarm(&k, ALARM_FALL, "pend-102b", "1");
        at(&k, 129);
        assert_int_equal(called_on(&k, "w01", SMS), 1);
        at(&k, 130);
        assert_int_equal(called_on(&k, "w01", SMS), 2);
        kit_end(&k);
}

static void test_nor_after_a_restart(void **state_)
{
        Kit k;

        begin(&k, false);
        alarm(&k, ALARM_FALL, "band-101", "1");
        at(&k, 25);
        assert_int_equal(called_on(&k, "w01", SMS), 1);
        kit_restart(&k);
        alarm(&k, ALARM_FALL, "pend-102b", "1");
        at(&k, 40); /* its receipt is missing since 35, and the SMS was sent at 10 */
        assert_int_equal(called_on(&k, "w01", SMS), 1);
        kit_reboot(&k, 20, true); /* nor after a boot */
        alarm(&k, ALARM_FALL, "pend-102a", "1");
        at(&k, 80);
        assert_int_equal(called_on(&k, "w01", SMS), 1);
        at(&k, 200);
        alarm(&k, ALARM_FALL, "sos-102", "1");
        at(&k, 211);
        assert_true(called_on(&k, "w01", SMS) > 1);
        kit_end(&k);
}

static void test_what_the_person_confirms_needs_no_second_channel(void **state_)
{
        Kit k;

        begin(&k, false);
        k.phones_off = false;
        alarm(&k, ALARM_FALL, "band-101", "1");
        at(&k, 59);
        assert_int_equal(called_on(&k, "w01", SMS), 0);
        assert_int_equal(tier(&k, 1), 1);
        kit_end(&k);
}

static void test_acceptance_ends_the_second_channel(void **state_)
{
        Kit k;

        begin(&k, true);
        press(&k, "sos-101", "1");
        at(&k, 9);
        act(&k, ACTION_ACCEPT, "w01", 1);
        at(&k, 120);
        assert_int_equal(called_on(&k, "w01", SMS), 0);
        kit_end(&k);
}

static void test_who_cannot_be_reached_is_called_on_both_at_once(void **state_)
{
        Kit k;

        begin(&k, false);
        presence(&k, "w01", true);
        at(&k, 181); /* lost */
        alarm(&k, ALARM_FALL, "band-101", "1");
        assert_int_equal(called_on(&k, "w01", CHANNEL_APP), 1);
        assert_int_equal(called_on(&k, "w01", SMS), 1);
        assert_int_equal(tier(&k, 1), 1); /* a tier with a second channel is not empty */
        kit_end(&k);
}

static void test_a_restart_knows_both_channels(void **state_)
{
        Kit k;
        RecipientView v;

        begin(&k, false);
        alarm(&k, ALARM_FALL, "band-101", "1");
        at(&k, 11);
        kit_restart(&k);
        assert_true(engine_recipient(k.engine, 1, 0, k.now, &v) && v.channel == CHANNEL_APP);
        assert_true(engine_recipient(k.engine, 1, 1, k.now, &v) && v.channel == SMS);
        assert_false(engine_recipient(k.engine, 1, 2, k.now, &v));
        kit_end(&k);
}

static void test_the_owner_lost_is_called_on_his_second_channel_once(void **state_)
{
        Kit k;

        begin(&k, false);
        presence(&k, "w01", true);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        at(&k, 180);
        assert_int_equal(rows(&k, JOURNAL_RECONFIRM), 1);
        assert_int_equal(called_on(&k, "w01", SMS), 1);
        at(&k, 200);
        act(&k, ACTION_COMING, "w01", 1);
        presence(&k, "w01", true);
        at(&k, 390); /* lost again */
        assert_int_equal(rows(&k, JOURNAL_RECONFIRM), 1);
        assert_int_equal(called_on(&k, "w01", SMS), 1);
        assert_int_equal(state(&k, 1), STATE_ACCEPTED);
        kit_end(&k);
}

static void test_after_the_grace_who_was_never_heard_is_lost(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.phones_off = true;
        k.policy.presence_grace_us = 60 * USEC_PER_SEC;
        engine_policy_set(k.engine, &k.policy);
        alarm(&k, ALARM_FALL, "band-101", "1");
        presence(&k, "w02", true);
        assert_int_equal(tier(&k, 1), 1);
        at(&k, 9);
        act(&k, ACTION_SEEN, "w01", 1);
        at(&k, 59);
        assert_true(engine_worker_on(k.engine, kit_worker(&k, "d01"), k.now));
        assert_int_equal(tier(&k, 1), 1);
        at(&k, 60);
        assert_false(engine_worker_on(k.engine, kit_worker(&k, "d01"), k.now));
        assert_true(engine_worker_on(k.engine, kit_worker(&k, "w04"), k.now)); /* plain */
        assert_true(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now)); /* has done something */
        at(&k, 188);
        assert_true(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        at(&k, 189);
        assert_false(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        act(&k, ACTION_SEEN, "d01", 1);
        assert_true(engine_worker_on(k.engine, kit_worker(&k, "d01"), k.now));
        kit_end(&k);
}

static void test_a_tier_that_was_never_heard_is_empty_when_the_grace_ends(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.phones_off = true;
        k.policy.presence_grace_us = 5 * USEC_PER_SEC;
        engine_policy_set(k.engine, &k.policy);
        presence(&k, "w02", true);
        alarm(&k, ALARM_FALL, "band-101", "1");
        at(&k, 4);
        assert_int_equal(tier(&k, 1), 1);
        at(&k, 5);
        assert_int_equal(tier(&k, 1), 2);
        presence(&k, "w01", true); /* back: was called in this round */
        assert_int_equal(notified(&k, "w01"), 1);
        kit_end(&k);
}

/* Names are compared whole; a name that is given twice, or that nobody knows, opens nothing. */
static void test_which_channels_a_person_has(void **state_)
{
        Kit k;

        begin(&k, false);
        k.policy.channels[2] = (PersonChannel){.name = "gsm", .personal = true, .priority = 2};
        engine_policy_set(k.engine, &k.policy);
        k.registry.workers[kit_worker(&k, "w01")].channels = "app telephone exec:gsm exec:gsm exec:abc";
        alarm(&k, ALARM_FALL, "band-101", "1");
        at(&k, 10);
        assert_int_equal(called_on(&k, "w01", CHANNEL_PERSON + 2), 1);
        assert_int_equal(called_on(&k, "w01", SMS), 0);
        at(&k, 45); /* then that of his role */
        assert_int_equal(called_on(&k, "w01", CHANNEL_PERSON + 2), 1);
        assert_int_equal(called_on(&k, "w01", SMS), 1);
        kit_end(&k);
}

/* A channel for urgent matters stays silent for others. */
static void test_a_channel_is_for_matters_of_its_priority(void **state_)
{
        Kit k;

        begin(&k, false);
        k.policy.channels[0].priority = 1;
        engine_policy_set(k.engine, &k.policy);
        alarm(&k, ALARM_FALL, "band-101", "1");
        at(&k, 30);
        assert_int_equal(called_on(&k, "w01", SMS), 0);
        press(&k, "sos-102", "1");
        at(&k, 45);
        assert_int_equal(called_on(&k, "w01", SMS), 1);
        kit_end(&k);
}

/* His app is silent, but his phone rings: the tier is not empty yet. When the phone fails, it is. */
static void test_while_the_phone_rings_the_tier_is_not_empty(void **state_)
{
        Kit k;

        begin(&k, false);
        presence(&k, "w01", true);
        at(&k, 200); /* lost */
        alarm(&k, ALARM_FALL, "band-101", "1");
        assert_int_equal(called_on(&k, "w01", SMS), 1);
        assert_int_equal(tier(&k, 1), 1);
        roster_changed(&k);
        assert_int_equal(tier(&k, 1), 1);
        attempt(&k, "w01", SMS, false);
        assert_int_equal(tier(&k, 1), 2);
        kit_end(&k);
}

/* A failure of the round before says nothing of this one. */
static void test_a_new_round_tries_the_second_channel_again(void **state_)
{
        Kit k;

        begin(&k, false);
        alarm(&k, ALARM_FALL, "band-101", "1");
        at(&k, 12);
        attempt(&k, "w01", SMS, false);
        at(&k, 1700); /* the loop */
        assert_true(view(&k, 1).round > 1);
        attempt(&k, "w01", CHANNEL_APP, false);
        assert_true(called_on(&k, "w01", SMS) > 1);
        kit_end(&k);
}

/* Whoever has left the registry is not called on a further channel. */
static void test_who_has_left_has_no_further_channel(void **state_)
{
        Kit k;

        begin(&k, false);
        alarm(&k, ALARM_FALL, "band-101", "1");
        at(&k, 61);
        act(&k, ACTION_ACCEPT, "w02", 1);
        {
                uint32_t gone = kit_worker(&k, "w02");
                Event ev = {.type = EVENT_ATTEMPT, .via = VIA_DAEMON};

                kit_remove_worker(&k, "w02");
                forget(&k);
                roster_changed(&k);
                ev.attempt = (AttemptEvent){.incident = 1,
                        .seq = engine_next_seq(k.engine),
                        .worker = gone,
                        .channel = CHANNEL_APP};
                step(&k, &ev);
                assert_int_equal(rows(&k, JOURNAL_ATTEMPT), 1);
                for (uint32_t i = 0; i < k.n; i++)
                        assert_false(k.effects[i].type == EFFECT_NOTIFY &&
                                     k.effects[i].notify.worker == gone &&
                                     k.effects[i].notify.channel >= CHANNEL_PERSON);
        }
        kit_end(&k);
}

/* Reached on one way, he needs no other when the first fails. */
static void test_who_was_reached_needs_no_further_channel(void **state_)
{
        Kit k;

        begin(&k, true);
        alarm(&k, ALARM_FALL, "band-101", "1");
        at(&k, 11);
        attempt(&k, "w01", SMS, true);
        attempt(&k, "w01", CHANNEL_APP, false);
        assert_int_equal(called_on(&k, "w01", VOICE), 0);
        assert_int_equal(tier(&k, 1), 1);
        kit_end(&k);
}

/* In a new round what became of the old calls counts no more, neither a failure nor a ringing phone. */
static void test_what_rang_in_the_round_before_rings_no_more(void **state_)
{
        Kit k;

        begin(&k, false);
        k.policy.channels[0].gap_us = USEC_PER_HOUR;
        engine_policy_set(k.engine, &k.policy);
        presence(&k, "w01", true);
        presence(&k, "c01", false);
        at(&k, 200); /* lost */
        alarm(&k, ALARM_FALL, "band-101", "1");
        assert_int_equal(called_on(&k, "w01", SMS), 1);
        at(&k, 200 + 1321);
        assert_true(view(&k, 1).round > 1);
        forget(&k);
        attempt(&k, "w01", CHANNEL_APP, false);
        act(&k, ACTION_ACCEPT, "w02", 1);
        act(&k, ACTION_RELEASE, "w02", 1);
        assert_int_equal(called_on(&k, "w01", SMS), 0);
        kit_end(&k);
}

/* An exhausted ladder gets a tier more while a receipt of its last round is awaited: the loop calls it, not the receipt. */
static void test_a_late_receipt_does_not_leave_the_loop(void **state_)
{
        Kit k;

        begin(&k, false);
        k.policy.classes[CLASS_FALL].tiers[3].present = k.policy.classes[CLASS_FALL].tiers[4].present =
                false;
        engine_policy_set(k.engine, &k.policy);
        alarm(&k, ALARM_FALL, "band-101", "1");
        at(&k, 182 + 120 + 1);
        assert_true(view(&k, 1).exhausted);
        press(&k, "sos-101", "1");
        forget(&k);
        at(&k, 182 + 120 + 60);
        assert_int_equal(notified(&k, "c01"), 0);
        at(&k, 182 + 240 + 1);
        assert_true(notified(&k, "c01") > 0);
        kit_end(&k);
}

/* Who is off duty in this round is not waited for, although he was called in the one before. */
static void test_of_who_was_not_called_no_receipt_is_awaited(void **state_)
{
        Kit k;

        begin(&k, true);
        alarm(&k, ALARM_FALL, "band-101", "1");
        at(&k, 1300);
        act(&k, ACTION_OFF, "w01", 0);
        forget(&k);
        at(&k, 1400);
        assert_true(view(&k, 1).round > 1);
        assert_int_equal(called_on(&k, "w01", SMS), 0);
        assert_int_equal(called_on(&k, "w01", VOICE), 0);
        kit_end(&k);
}

/* Reopened: the phone that rang for the matter before rings no more, and the tier is empty. */
static void test_reopened_the_old_call_does_not_count(void **state_)
{
        Event ev;
        Kit k;

        begin(&k, false);
        k.policy.channels[0].gap_us = USEC_PER_HOUR;
        engine_policy_set(k.engine, &k.policy);
        presence(&k, "w01", true);
        at(&k, 200); /* lost */
        press(&k, "sos-101", "1");
        assert_int_equal(called_on(&k, "w01", SMS), 1);
        assert_int_equal(tier(&k, 1), 1);
        ev = action_of(ACTION_RESOLVE, "d01", 1, NULL);
        ev.action.has_note = true;
        (void)str_copy(ev.action.outcome, WORD_SIZE, "helped");
        step(&k, &ev);
        press(&k, "sos-101", "2");
        assert_int_equal(tier(&k, 1), 2);
        kit_end(&k);
}

/* When a person's phone was last rung there, from what the rows of all incidents say. */
static void test_the_newest_of_what_rows_say(void **state_)
{
        RecipientBlock block = {0};
        Incident in = {.id = 1, .n_recipients = 1, .told = {&block}};
        Recipient *r = recipient_at(&in, 0);
        int64_t *last, now;
        Kit k;

        begin(&k, false);
        roster_changed(&k);
        now = k.engine->at;
        *r = (Recipient){.worker = kit_worker(&k, "w01"), .channel = CHANNEL_PERSON};
        last = &people_state(k.engine, r->worker)->channel_us[0];
        channel_restore(k.engine, &in, 0); /* was never called there */
        assert_int_equal(*last, 0);
        r->sent_us = now + 1;
        channel_restore(k.engine, &in, 0); /* in the future: nobody was */
        assert_int_equal(*last, 0);
        r->sent_us = 500;
        channel_restore(k.engine, &in, 500); /* when this boot began, which is not never */
        assert_int_equal(*last, -1);
        r->sent_us = now - 5;
        channel_restore(k.engine, &in, 0);
        assert_int_equal(*last, now - 5);
        r->sent_us = now - 7;
        channel_restore(k.engine, &in, 0); /* an older one of another incident */
        assert_int_equal(*last, now - 5);
        kit_end(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_missing_receipt_opens_the_next_channel_before_the_next_tier),
                cmocka_unit_test(test_a_receipt_on_the_second_channel_is_one),
                cmocka_unit_test(
                        test_a_failed_attempt_opens_the_next_at_once_and_the_last_one_the_next_tier),
                cmocka_unit_test(test_nobody_is_called_there_again_within_the_gap),
                cmocka_unit_test(test_nor_after_a_restart),
                cmocka_unit_test(test_what_the_person_confirms_needs_no_second_channel),
                cmocka_unit_test(test_acceptance_ends_the_second_channel),
                cmocka_unit_test(test_who_cannot_be_reached_is_called_on_both_at_once),
                cmocka_unit_test(test_a_restart_knows_both_channels),
                cmocka_unit_test(test_the_owner_lost_is_called_on_his_second_channel_once),
                cmocka_unit_test(test_after_the_grace_who_was_never_heard_is_lost),
                cmocka_unit_test(test_a_tier_that_was_never_heard_is_empty_when_the_grace_ends),
                cmocka_unit_test(test_which_channels_a_person_has),
                cmocka_unit_test(test_a_channel_is_for_matters_of_its_priority),
                cmocka_unit_test(test_while_the_phone_rings_the_tier_is_not_empty),
                cmocka_unit_test(test_a_new_round_tries_the_second_channel_again),
                cmocka_unit_test(test_who_has_left_has_no_further_channel),
                cmocka_unit_test(test_who_was_reached_needs_no_further_channel),
                cmocka_unit_test(test_what_rang_in_the_round_before_rings_no_more),
                cmocka_unit_test(test_a_late_receipt_does_not_leave_the_loop),
                cmocka_unit_test(test_of_who_was_not_called_no_receipt_is_awaited),
                cmocka_unit_test(test_reopened_the_old_call_does_not_count),
                cmocka_unit_test(test_the_newest_of_what_rows_say),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
