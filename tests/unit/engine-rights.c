/* SPDX-License-Identifier: Apache-2.0 */
/* Who may say what, and what an action means in each state: the guards of SEMANTICS.md section 3, one by one. */
#include "engine-kit.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void reply_is(Kit *k, Event ev, ReplyResult result, Reason reason)
{
        step(k, &ev);
        expect_reply(k, result, reason);
}

static void act_is(
        Kit *k, ActionKind kind, const char *worker, uint64_t incident, ReplyResult result, Reason reason)
{
        reply_is(k, action_of(kind, worker, incident, NULL), result, reason);
}

static Event with_agency(const char *worker, uint64_t incident, const char *agency)
{
        Event ev = action_of(ACTION_HANDOFF, worker, incident, NULL);

        (void)str_copy(ev.action.agency, WORD_SIZE, agency);
        return ev;
}

static Event handover_to(const char *worker, uint64_t incident, const char *to)
{
        Event ev = action_of(ACTION_HANDOVER, worker, incident, NULL);

        (void)str_copy(ev.action.to, CODE_SIZE, to);
        return ev;
}

static Event resolving(const char *worker, uint64_t incident, const char *outcome, bool note)
{
        Event ev = action_of(ACTION_RESOLVE, worker, incident, NULL);

        (void)str_copy(ev.action.outcome, WORD_SIZE, outcome);
        ev.action.has_note = note;
        return ev;
}

static Event extending(const char *worker, uint64_t incident, double eta)
{
        Event ev = action_of(ACTION_EXTEND, worker, incident, NULL);

        ev.action.eta_us = (uint64_t)(eta * 1e6);
        return ev;
}

/* Every action that is obeyed has a row of its own that says who. */
static void obeyed(Kit *k, Event ev)
{
        forget(k);
        reply_is(k, ev, REPLY_OK, REASON_NONE);
        for (uint32_t i = 0; i < k->n; i++)
                if (k->effects[i].type == EFFECT_JOURNAL) {
                        assert_non_null(k->effects[i].journal.event);
                        assert_int_equal(k->effects[i].journal.worker, kit_worker(k, ev.source));
                        return;
                }
        fail_msg("an action was obeyed, and no row says so");
}

static void on_scene(Kit *k, const char *worker, const char *device)
{
        press(k, device, "1");
        act(k, ACTION_ACCEPT, worker, 1);
        act(k, ACTION_ARRIVED, worker, 1);
        assert_int_equal(state(k, 1), STATE_ON_SCENE);
}

/* A desk of one grid supervises nothing in another. */
static void test_a_supervisor_elsewhere_has_no_say(void **state_)
{
        Event note;
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_SMOKE, "smoke-201", "1");
        act(&k, ACTION_ACCEPT, "w03", 1);
        note = resolving("d01", 1, "helped", true);
        reply_is(&k, note, REPLY_REFUSED, REASON_NOT_YOURS);
        reply_is(&k, with_agency("d01", 1, "119"), REPLY_REFUSED, REASON_NOT_YOURS);
        reply_is(&k, handover_to("d01", 1, "w04"), REPLY_REFUSED, REASON_NOT_YOURS);
        act_is(&k, ACTION_CONFIRM, "d01", 1, REPLY_REFUSED, REASON_NOT_YOURS);
        act_is(&k, ACTION_BACKUP, "d01", 1, REPLY_REFUSED, REASON_NOT_YOURS);
        act_is(&k, ACTION_FIRE119, "d01", 1, REPLY_REFUSED, REASON_NOT_YOURS);
        act_is(&k, ACTION_ARRIVED, "d01", 1, REPLY_REFUSED, REASON_NOT_YOURS);
        act_is(&k, ACTION_COMING, "d01", 1, REPLY_REFUSED, REASON_NOT_YOURS);
        assert_int_equal(state(&k, 1), STATE_ACCEPTED);
        kit_end(&k);
}

/* What a helper may: ask for a backup, decide about 119, go again. */
static void test_a_helper_has_his_say(void **state_)
{
        Event ev;
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        act_is(&k, ACTION_ACCEPT, "w02", 1, REPLY_OK, REASON_HELPER);
        obeyed(&k, action_of(ACTION_BACKUP, "w02", 1, NULL));
        ev = action_of(ACTION_FIRE119, "w02", 1, NULL);
        ev.action.yes = true;
        obeyed(&k, ev);
        assert_string_equal(view(&k, 1).handed_to, "119");
        act_is(&k, ACTION_CONFIRM, "w02", 1, REPLY_REFUSED, REASON_NOT_YOURS);
        obeyed(&k, action_of(ACTION_CONFIRM, "w01", 1, NULL));
        obeyed(&k, action_of(ACTION_RELEASE, "w02", 1, NULL));
        assert_int_equal(view(&k, 1).helpers, 0);
        assert_int_equal(state(&k, 1), STATE_ACCEPTED);
        act_is(&k, ACTION_RELEASE, "w02", 1, REPLY_REFUSED, REASON_NOT_YOURS); /* he helps no more */
        kit_end(&k);
}

static void test_the_owner_may_say_it_twice(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        obeyed(&k, action_of(ACTION_ACCEPT, "w01", 1, NULL));
        assert_int_equal(rows(&k, JOURNAL_COMING), 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        obeyed(&k, action_of(ACTION_ARRIVED, "w01", 1, NULL));
        assert_int_equal(state(&k, 1), STATE_ON_SCENE);
        /* A second backup where everybody has been called already is a row as well, and calls them again. */
        for (int i = 0; i < 6; i++)
                obeyed(&k, action_of(ACTION_BACKUP, "w01", 1, NULL));
        assert_true(notified(&k, "c01") > 0);
        kit_end(&k);
}

/* A helper with the right to be sent arrives in the owner's stead; family on the spot is only shown. */
static void test_who_arrives_first(void **state_)
{
        Event ev;
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 31);
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ACCEPT, "f101", 1);
        act_is(&k, ACTION_ARRIVED, "f101", 1, REPLY_OK, REASON_HELPER);
        assert_int_equal(state(&k, 1), STATE_ACCEPTED);
        act_is(&k, ACTION_ARRIVED, "w02", 1, REPLY_OK, REASON_HELPER); /* did not say that he helps */
        assert_int_equal(state(&k, 1), STATE_ACCEPTED);
        act_is(&k, ACTION_ARRIVED, "w02", 1, REPLY_OK, REASON_NONE); /* is a helper now */
        assert_int_equal(state(&k, 1), STATE_ON_SCENE);
        assert_int_equal(view(&k, 1).owner, kit_worker(&k, "w01"));
        act_is(&k, ACTION_ARRIVED, "d01", 1, REPLY_OK, REASON_HELPER);
        kit_end(&k);

        kit_begin(&k);
        press(&k, "sos-101", "1");
        ev = action_of(ACTION_ARRIVED, "f101", 1, NULL); /* nobody's owner, and not sent */
        ev.action.proof = true;
        reply_is(&k, ev, REPLY_REFUSED, REASON_NOT_YOURS);
        ev = action_of(ACTION_ARRIVED, "w03", 1, NULL); /* sent, but for another grid */
        ev.action.proof = true;
        reply_is(&k, ev, REPLY_REFUSED, REASON_NOT_YOURS);
        kit_end(&k);
}

/* On scene it is for who is there, or for a desk with a reason. */
static void test_who_resolves_on_scene(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 31);
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        reply_is(&k, resolving("w02", 1, "helped", false), REPLY_REFUSED, REASON_NOT_YOURS);
        act(&k, ACTION_ACCEPT, "w02", 1); /* a helper, not there yet */
        reply_is(&k, resolving("w02", 1, "helped", false), REPLY_REFUSED, REASON_NOT_YOURS);
        reply_is(&k, resolving("f101", 1, "helped", false), REPLY_REFUSED, REASON_NOT_YOURS);
        act(&k, ACTION_ARRIVED, "w02", 1);
        obeyed(&k, resolving("w02", 1, "helped", false));
        assert_int_equal(state(&k, 1), STATE_RESOLVED);
        kit_end(&k);

        kit_begin(&k);
        on_scene(&k, "w01", "sos-101");
        obeyed(&k, resolving("d01", 1, "helped", false)); /* spoke with both */
        kit_end(&k);
}

static void test_a_fire_that_burns_is_resolved_by_a_desk_with_a_reason_only(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        reply_is(&k, resolving("w01", 1, "false_alarm", true), REPLY_REFUSED, REASON_STILL_BURNING);
        reply_is(&k, resolving("d01", 1, "false_alarm", false), REPLY_REFUSED, REASON_STILL_BURNING);
        obeyed(&k, resolving("d01", 1, "false_alarm", true));
        kit_end(&k);
}

static void test_a_class_without_a_list_takes_every_outcome(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.policy.classes[CLASS_SOS].outcomes = 0;
        kit_policy(&k);
        on_scene(&k, "w01", "sos-101");
        reply_is(&k, resolving("w01", 1, "no_contact", false), REPLY_REFUSED, REASON_BAD_OUTCOME);
        reply_is(&k, resolving("w01", 1, "other", false), REPLY_REFUSED, REASON_BAD_OUTCOME);
        obeyed(&k, resolving("w01", 1, "hospital", false));
        kit_end(&k);
}

static void test_extending(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act_is(&k, ACTION_EXTEND, "w01", 1, REPLY_REFUSED, REASON_NOT_YOURS);
        act(&k, ACTION_ACCEPT, "w01", 1);
        obeyed(&k, extending("w01", 1, 60)); /* earlier than promised: stays */
        assert_int_equal((view(&k, 1).arrive_by_us - k.start_wall_us) / 1000000, 900);
        kit_end(&k);

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        obeyed(&k, extending("w01", 1, 1000));
        assert_int_equal((view(&k, 1).arrive_by_us - k.start_wall_us) / 1000000, 1000);
        act(&k, ACTION_ARRIVED, "w01", 1);
        act_is(&k, ACTION_EXTEND, "w01", 1, REPLY_REFUSED, REASON_WRONG_STATE);
        kit_end(&k);

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        obeyed(&k, extending("w01", 1, 90000)); /* more than a day is no time of arrival: by half */
        assert_int_equal((view(&k, 1).arrive_by_us - k.start_wall_us) / 1000000, 1350);
        kit_end(&k);
}

static void test_to_whom_it_can_be_handed_over(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        reply_is(&k, handover_to("w01", 1, "nobody"), REPLY_REFUSED, REASON_UNKNOWN_WORKER);
        reply_is(&k, handover_to("w01", 1, "w01"), REPLY_REFUSED, REASON_BAD_REQUEST);
        reply_is(&k, handover_to("w01", 1, "f101"), REPLY_REFUSED, REASON_BAD_REQUEST);
        reply_is(&k, handover_to("w01", 1, "w03"), REPLY_REFUSED, REASON_BAD_REQUEST);
        kit_end(&k);
}

/* The desk sends somebody: then it does not count that he failed before, nor what else he has. */
static void test_whom_the_desk_names_may_accept_whatever_was(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_RELEASE, "w01", 1);
        act_is(&k, ACTION_ACCEPT, "w01", 1, REPLY_OK, REASON_HELPER);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        obeyed(&k, handover_to("d01", 1, "w01"));
        act_is(&k, ACTION_ACCEPT, "w01", 1, REPLY_OK, REASON_NONE);
        assert_int_equal(view(&k, 1).owner, kit_worker(&k, "w01"));
        kit_end(&k);
}

static void test_a_helper_without_the_right_to_accept_ends_no_backup_ladder(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 31);
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_BACKUP, "w01", 1);
        at(&k, 65);
        forget(&k);
        act_is(&k, ACTION_ACCEPT, "f101", 1, REPLY_OK, REASON_HELPER);
        at(&k, 130);
        assert_true(notified(&k, "d01") > 0); /* it goes on */
        act_is(&k, ACTION_ACCEPT, "w02", 1, REPLY_OK, REASON_HELPER);
        forget(&k);
        at(&k, 400);
        for (uint32_t i = 0; i < k.n; i++) /* it has ended */
                assert_false(k.effects[i].type == EFFECT_NOTIFY && k.effects[i].incident == 1);
        kit_end(&k);
}

static void test_released_on_scene_with_family_alone_it_goes_on(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 31);
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        act(&k, ACTION_ARRIVED, "f101", 1);
        obeyed(&k, action_of(ACTION_RELEASE, "w01", 1, NULL));
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        kit_end(&k);
}

/* "Level up" after acceptance calls the next tier as a backup; above the last there is none. */
static void test_level_up_after_acceptance(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        obeyed(&k, with_agency("w01", 1, "up"));
        assert_true(notified(&k, "w02") > 0);
        assert_int_equal(notified(&k, "d01"), 0);
        kit_end(&k);

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 301);
        act(&k, ACTION_ACCEPT, "w01", 1);
        obeyed(&k, with_agency("w01", 1, "up"));
        assert_true(notified(&k, "c01") > 0);
        for (int i = 0; i < 3; i++)
                obeyed(&k, with_agency("w01", 1, "up"));
        kit_end(&k);
}

static void test_only_119_answers_the_question_of_119(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        obeyed(&k, with_agency("w01", 1, "120"));
        forget(&k);
        at(&k, 61);
        assert_true(rows(&k, JOURNAL_FIRE119) > 0);
        kit_end(&k);
}

static void test_one_acceptance_covers_at_most_eight_others(void **state_)
{
        const char *devices[] = {"sos-102", "smoke-102", "pend-102a", "pend-102b", "smoke-101", "smoke2-101", "gas-101"};
        uint32_t accepted = 0, moved[7];
        Event ev;
        Kit k;

        kit_begin(&k);
        for (unsigned i = 4; i < 7; i++) { /* to where the others are, for this test */
                Device *d = &k.registry.devices[registry_device_id(&k.registry, devices[i])];

                moved[i] = d->dwelling;
                d->dwelling = 2;
        }
        for (unsigned i = 0; i < 7; i++)
                alarm(&k, ALARM_FAULT, devices[i], "f");
        ev = device_event(ALARM_SOS, "sos-102", "old");
        ev.retained = true; /* a check call */
        step(&k, &ev);
        alarm(&k, ALARM_FALL, "pend-102b", "l");
        assert_int_equal(engine_open_count(k.engine), 9);
        press(&k, "pend-102a", "1");
        act(&k, ACTION_ACCEPT, "w01", 10);
        for (uint64_t id = 1; id <= 9; id++)
                accepted += state(&k, id) == STATE_ACCEPTED;
        assert_int_equal(accepted, 8);
        for (unsigned i = 4; i < 7; i++)
                k.registry.devices[registry_device_id(&k.registry, devices[i])].dwelling = moved[i];
        kit_end(&k);
}

/* The gateway's own desk waits for the answer to "delivered", too; and what cannot be read is said to be so. */
static void test_what_is_answered(void **state_)
{
        Event ev;
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        ev = action_of(ACTION_DELIVERED, "w01", 1, NULL);
        ev.hold = 7;
        reply_is(&k, ev, REPLY_OK, REASON_NONE);
        assert_int_equal(newest(&k, EFFECT_REPLY)->reply.hold, 7);
        ev = action_of(ACTION_SEEN, "w03", 1, NULL);
        ev.hold = 8;
        reply_is(&k, ev, REPLY_REFUSED, REASON_NO_INCIDENT);
        ev = action_of(ACTION_UNKNOWN, "w01", 1, NULL);
        (void)str_copy(ev.why, sizeof(ev.why), "not an object");
        reply_is(&k, ev, REPLY_REFUSED, REASON_BAD_REQUEST);
        kit_end(&k);
}

/* A nonce is remembered for a day; and an answer to a device is never one to a person. */
static void test_how_long_a_nonce_holds(void **state_)
{
        Event ev, device;
        Kit k;

        kit_begin(&k);
        k.unchecked_rows = true;
        press(&k, "sos-101", "1");
        act_is(&k, ACTION_COMING, "w01", 1, REPLY_REFUSED, REASON_WRONG_STATE);
        reply_is(&k, action_of(ACTION_COMING, "w01", 1, "n1"), REPLY_REFUSED, REASON_WRONG_STATE);
        act(&k, ACTION_ACCEPT, "w01", 1);
        reply_is(&k, action_of(ACTION_COMING, "w01", 1, "n1"), REPLY_REFUSED, REASON_WRONG_STATE);
        act(&k, ACTION_ARRIVED, "w01", 1);
        sleep_until(&k, 86401);
        act(&k, ACTION_ACCEPT, "w01", 1);
        ev = action_of(ACTION_BACKUP, "w01", 1, "n1");
        reply_is(&k, ev, REPLY_OK, REASON_NONE);
        kit_end(&k);

        kit_begin(&k);
        device = device_event(ALARM_SOS, "sos-101", NULL);
        memset(device.key, 5, sizeof(device.key));
        step(&k, &device);
        ev = action_of(ACTION_ACCEPT, "w01", 1, NULL);
        memset(ev.key, 5, sizeof(ev.key));
        reply_is(&k, ev, REPLY_OK, REASON_NONE);
        assert_int_equal(state(&k, 1), STATE_ACCEPTED);
        kit_end(&k);
}

static Event attempted(uint64_t incident, uint32_t worker, uint8_t channel, bool delivered)
{
        return (Event){.type = EVENT_ATTEMPT,
                .attempt = {.incident = incident,
                        .seq = UINT32_MAX,
                        .worker = worker,
                        .channel = channel,
                        .delivered = delivered}};
}

/* A program's word on what became of its message. A broker's is worth nothing: it says nothing about a reader. */
static void test_what_a_channel_may_say(void **state_)
{
        Event ev;
        Kit k;

        kit_begin(&k);
        k.policy.exec_channels = 1;
        k.policy.exec_priority = 1;
        kit_policy(&k);
        k.phones_off = true;
        press(&k, "sos-101", "1");
        forget(&k);
        ev = attempted(1, kit_worker(&k, "w01"), CHANNEL_APP, true);
        step(&k, &ev);
        assert_int_equal(rows(&k, JOURNAL_DELIVERED), 0);
        ev = attempted(1, 0, CHANNEL_EXEC, true);
        step(&k, &ev);
        step(&k, &ev); /* said twice: one row */
        assert_int_equal(rows(&k, JOURNAL_DELIVERED), 1);
        ev = attempted(1, 0, CHANNEL_EXEC, false);
        step(&k, &ev);
        assert_int_equal(rows(&k, JOURNAL_ATTEMPT), 1);
        ev = attempted(1, kit_worker(&k, "w03"), CHANNEL_APP, false); /* was never called */
        step(&k, &ev);
        assert_int_equal(rows(&k, JOURNAL_ATTEMPT), 1);
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        resolve(&k, "w01", 1, "helped");
        forget(&k);
        ev = attempted(1, kit_worker(&k, "w01"), CHANNEL_APP, false);
        step(&k, &ev); /* too late to matter: a row */
        assert_int_equal(rows(&k, JOURNAL_ATTEMPT), 1);
        expect_nobody(&k);
        kit_end(&k);
}

static void test_who_may_reopen_and_confirm_a_test(void **state_)
{
        Event ev;
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 31);
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        resolve(&k, "w01", 1, "helped");
        act_is(&k, ACTION_REOPEN, "f101", 1, REPLY_REFUSED, REASON_NOT_YOURS);
        act_is(&k, ACTION_REOPEN, "w03", 1, REPLY_REFUSED, REASON_NOT_YOURS);
        at(&k, 940);
        assert_int_equal(state(&k, 1), STATE_CLOSED);
        act_is(&k, ACTION_ACCEPT, "w01", 1, REPLY_STALE, REASON_WRONG_STATE);
        at(&k, 1100); /* buried */
        act_is(&k, ACTION_ACCEPT, "w01", 1, REPLY_STALE, REASON_WRONG_STATE);
        act_is(&k, ACTION_ACCEPT, "w01", 77, REPLY_REFUSED, REASON_NO_INCIDENT);
        ev = action_of(ACTION_TEST, "w03", 0, NULL);
        (void)str_copy(ev.action.target, CODE_SIZE, "sos-201");
        step(&k, &ev);
        press(&k, "sos-201", "1");
        act_is(&k, ACTION_TEST_CONFIRM, "d01", 2, REPLY_REFUSED, REASON_NOT_YOURS); /* of another grid */
        kit_end(&k);
}

/* A bare word of the owner, the retained copy of "on", and a failure that is nobody's concern any more. */
static void test_small_words(void **state_)
{
        Event ev;
        Kit k;

        kit_begin(&k);
        k.policy.channels[0] = (PersonChannel){
                .name = "sms", .personal = true, .roles = 1u << ROLE_WORKER, .priority = 2, .receipt_us = 1};
        kit_policy(&k);
        ev = action_of(ACTION_ON, "w01", 0, NULL);
        ev.retained = true;
        reply_is(&k, ev, REPLY_REFUSED, REASON_RETAINED);
        press(&k, "sos-101", "1");
        at(&k, 31);
        act(&k, ACTION_ACCEPT, "w02", 1);
        ev = action_of(ACTION_ARRIVED, "w02", 0, NULL);
        ev.action.bare = true;
        reply_is(&k, ev, REPLY_OK, REASON_NONE);
        forget(&k);
        ev = attempted(1, kit_worker(&k, "w01"), CHANNEL_APP, false);
        step(&k, &ev);
        expect_nobody(&k);
        kit_end(&k);
}

/* A backup is being called, and the resident presses three times, or the owner does not answer: one tier more. */
static void test_a_second_reason_for_a_backup_calls_the_next_tier(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_BACKUP, "w01", 1);
        forget(&k);
        for (int i = 1; i <= 3; i++) {
                at(&k, 3 * i);
                press(&k, "sos-101", NULL);
        }
        assert_true(notified(&k, "d01") > 0); /* the owner was all of tier 1, so that 2 has been called */
        kit_end(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_supervisor_elsewhere_has_no_say),
                cmocka_unit_test(test_a_helper_has_his_say),
                cmocka_unit_test(test_the_owner_may_say_it_twice),
                cmocka_unit_test(test_who_arrives_first),
                cmocka_unit_test(test_who_resolves_on_scene),
                cmocka_unit_test(test_a_fire_that_burns_is_resolved_by_a_desk_with_a_reason_only),
                cmocka_unit_test(test_a_class_without_a_list_takes_every_outcome),
                cmocka_unit_test(test_extending),
                cmocka_unit_test(test_to_whom_it_can_be_handed_over),
                cmocka_unit_test(test_whom_the_desk_names_may_accept_whatever_was),
                cmocka_unit_test(test_a_helper_without_the_right_to_accept_ends_no_backup_ladder),
                cmocka_unit_test(test_released_on_scene_with_family_alone_it_goes_on),
                cmocka_unit_test(test_level_up_after_acceptance),
                cmocka_unit_test(test_only_119_answers_the_question_of_119),
                cmocka_unit_test(test_one_acceptance_covers_at_most_eight_others),
                cmocka_unit_test(test_what_is_answered),
                cmocka_unit_test(test_how_long_a_nonce_holds),
                cmocka_unit_test(test_what_a_channel_may_say),
                cmocka_unit_test(test_who_may_reopen_and_confirm_a_test),
                cmocka_unit_test(test_small_words),
                cmocka_unit_test(test_a_second_reason_for_a_backup_calls_the_next_tier),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
