/* SPDX-License-Identifier: Apache-2.0 */
/* Everyday requests and working time. It is Friday, 10:00; people work from 8:30 to 12:00 and from 14:00 to 17:30. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/str.h"
#include "engine/calendar.h"
#include "engine/internal.h"
#include "tests/unit/engine-kit.h"

#define H 3600
#define D 86400

/* ---- working time ---- */

static const WorkHours week = {.days = 0x3e, .n = 2, .spans = {{510, 720}, {840, 1050}}};

static Now when(int64_t unix_s)
{
        return (Now){.wall_us = unix_s * 1000000, .boot_us = 1, .utc_s = 8 * H};
}

/* Hours from `now` to the end of so many working hours. */
static double after(const Registry *r, const WorkHours *w, Now now, double hours, bool days)
{
        return (double)(calendar_after(r, w, now, (uint64_t)(hours * H * 1e6), days) - now.wall_us) / 1e6 /
               H;
}

static void test_working_time(void **state_)
{
        const int64_t friday = 1764259200; /* midnight of 2025-11-28 in China */
        Registry r = {0};

        assert_true(after(&r, &week, when(friday + 10 * H), 0, false) == 0);
        assert_true(after(&r, &week, when(friday + 10 * H), 2, false) == 2);    /* to 12:00 exactly */
        assert_true(after(&r, &week, when(friday + 10 * H), 4, false) == 6);    /* over noon: 16:00 */
        assert_true(after(&r, &week, when(friday + 13 * H), 1, false) == 2);    /* begins in the pause */
        assert_true(after(&r, &week, when(friday + 17 * H), 4, false) == 67);   /* Monday 12:00 */
        assert_true(after(&r, &week, when(friday + 6 * H), 3.5, false) == 6);   /* before work: 12:00 */
        assert_true(after(&r, &week, when(friday + 20 * H), 1, false) == 61.5); /* Monday 9:30 */
        assert_true(after(&r, &week, when(friday), 24, true) == 24);            /* one working day */
        assert_true(after(&r, &week, when(friday + 10 * H), 24, true) == 72);   /* the rest on Monday */
        assert_true(after(&r, &(WorkHours){.days = 0x7f}, when(friday), 30, false) == 30);
        assert_true(
                after(&r, &(WorkHours){.days = 0}, when(friday), 30, false) == 30); /* nobody ever works */
        assert_true(after(NULL, &week, when(friday + 10 * H), 1, false) == 1);
        /* Before 1970 and a clock that was wrong by years: the same rules. */
        assert_true(after(&r, &week, when(-4 * D + 2 * H), 1, false) == 23.5); /* a Sunday in 1969 */
}

static void test_holidays_and_days_worked_instead(void **state_)
{
        static Holiday holidays[] = {{20251128, false}, {20251129, true}};
        Registry r = {.holidays = holidays, .n_holidays = 2};
        const int64_t friday = 1764259200;

        assert_false(calendar_works(&r, &week, 5, 20251128));
        assert_true(calendar_works(&r, &week, 6, 20251129));
        assert_false(calendar_works(&r, &week, 0, 20251130));
        assert_true(calendar_works(&r, &week, 1, 20251201));
        assert_true(after(&r, &week, when(friday + 10 * H), 1, false) == 23.5); /* Saturday 9:30 */
        assert_true(after(&r, &week, when(friday + 10 * H), 24, true) == 38);   /* Saturday is over */
}

/* ---- requests ---- */

static void ask(Kit *k)
{
        alarm(k, ALARM_REQUEST, "band-101", "1");
        assert_int_equal(view(k, 1).request, REQUEST_STATE_OPEN);
        forget(k);
}

static void ok(Kit *k, ActionKind kind, const char *worker)
{
        replied(k, action_of(kind, worker, 1, ""), REPLY_OK, REASON_NONE);
}

static void no(Kit *k, ActionKind kind, const char *worker, Reason reason)
{
        replied(k, action_of(kind, worker, 1, ""), REPLY_REFUSED, reason);
}

static Event with(ActionKind kind, const char *worker, const char *text)
{
        Event ev = action_of(kind, worker, 1, "");

        (void)str_copy(ev.action.text, TEXT_SIZE, text);
        return ev;
}

static Event waiting(const char *worker, double days, const char *evidence)
{
        Event ev = with(ACTION_WAITING, worker, evidence);

        ev.action.span_us = (uint64_t)(days * D * 1e6);
        return ev;
}

static Event rated(const char *worker, uint8_t score)
{
        Event ev = action_of(ACTION_RATE, worker, 1, "");

        ev.action.score = score;
        ev.action.open = true;
        return ev;
}

static Event to(ActionKind kind, const char *worker, const char *whom)
{
        Event ev = action_of(kind, worker, 1, "");

        (void)str_copy(ev.action.to, CODE_SIZE, whom);
        return ev;
}

static Event reclass(const char *worker, const char *class)
{
        Event ev = action_of(ACTION_RECLASS, worker, 1, "");

        (void)str_copy(ev.action.class, WORD_SIZE, class);
        return ev;
}

static double hours_left(const Kit *k, int64_t wall_us)
{
        return (double)(wall_us - k->now.wall_us) / 1e6 / H;
}

static void test_a_life(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_REQUEST, "band-101", "1");
        expect_notified(&k, "w01", "d01", NULL);
        assert_int_equal(view(&k, 1).tier, 1);
        assert_true(hours_left(&k, view(&k, 1).due_us) == 48);
        assert_true(hours_left(&k, view(&k, 1).next_tier_us) == 6); /* four working hours, over noon */
        replied(&k, to(ACTION_ASSIGN, "d01", "w02"), REPLY_OK, REASON_NONE);
        assert_int_equal(view(&k, 1).request, REQUEST_STATE_ASSIGNED);
        expect_notified(&k, "w02", NULL);
        ok(&k, ACTION_START, "w02");
        assert_int_equal(lamp(&k, "band-101"), LAMP_ARRIVED);
        forget(&k);
        at(&k, D); /* no reminder to begin any more */
        assert_int_equal(notified_why(&k, "w02", REASON_REMIND), 0);
        ok(&k, ACTION_DONE, "w02");
        assert_int_equal(view(&k, 1).request, REQUEST_STATE_DONE);
        kit_restart(&k);
        replied(&k, rated("d01", 5), REPLY_OK, REASON_NONE);
        assert_int_equal(state(&k, 1), STATE_CLOSED);
        assert_int_equal(view(&k, 1).request, REQUEST_STATE_RATED);
        assert_string_equal(row(&k, JOURNAL_CLOSED)->outcome, "rated_5");
        assert_true(row(&k, JOURNAL_RATED)->value == 5);
        assert_true(view(&k, 1).open_words);
        kit_end(&k);
}

static void test_nobody_takes_it(void **state_)
{
        Kit k;

        kit_begin(&k);
        ask(&k);
        at(&k, 6 * H + 1);
        assert_int_equal(row(&k, JOURNAL_TIER)->reason, REASON_ASSIGN_LATE);
        expect_notified(&k, "s01", "d01", NULL); /* the next level, and who supervises */
        assert_true(view(&k, 1).overdue);
        at(&k, 3 * D + 5 * H); /* Monday 15:00, and it was Friday 16:00: four working hours more */
        assert_int_equal(tier(&k, 1), 3);
        forget(&k);
        at(&k, 8 * D);
        assert_true(rows(&k, JOURNAL_LOOP) >= 4); /* at the last level by day, for ever */
        assert_int_equal(rows(&k, JOURNAL_TIER), 0);
        kit_restart(&k);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        kit_end(&k);
}

static void test_no_limit_to_take_it(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.policy.requests.assign_us = 0;
        k.policy.classes[CLASS_REQUEST].renotify_us = 3 * H * USEC_PER_SEC;
        kit_policy(&k);
        ask(&k);
        at(&k, 3 * H + 1);
        assert_int_equal(notified_why(&k, "w01", REASON_RENOTIFY), 1);
        at(&k, 2 * D + 1);
        assert_int_equal(row(&k, JOURNAL_TIER)->reason, REASON_LEVEL_LATE);
        kit_reboot(&k, 60, true);
        kit_reboot(&k, 60, false);
        assert_int_equal(tier(&k, 1), 2);
        kit_end(&k);
}

static void test_taken_and_not_done(void **state_)
{
        Kit k;

        kit_begin(&k);
        ask(&k);
        ok(&k, ACTION_ACCEPT, "w01");
        ok(&k, ACTION_ACCEPT, "w01"); /* says so again */
        forget(&k);
        at(&k, D + 1);
        assert_int_equal(notified_why(&k, "w01", REASON_REMIND), 1);
        at(&k, 2 * D + 1);
        assert_int_equal(view(&k, 1).request, REQUEST_STATE_OPEN);
        assert_int_equal(row(&k, JOURNAL_RESUMED)->reason, REASON_LEVEL_LATE);
        assert_int_equal(tier(&k, 1), 2);
        ok(&k, ACTION_ACCEPT, "s01");
        at(&k, 5 * D + 2);
        assert_int_equal(tier(&k, 1), 3);
        ok(&k, ACTION_ACCEPT, "c01");
        ok(&k, ACTION_START, "c01");
        forget(&k);
        at(&k, 8 * D);
        assert_int_equal(notified_why(&k, "c01", REASON_LEVEL_LATE), 3);
        assert_int_equal(view(&k, 1).request, REQUEST_STATE_IN_PROGRESS);
        ok(&k, ACTION_RESOLVE, "w01"); /* had it first, and has done it after all */
        assert_int_equal(view(&k, 1).request, REQUEST_STATE_DONE);
        kit_end(&k);
}

/* Days of an outage are caught up with, one journaled step for each limit, and one call. */
static void test_after_downtime(void **state_)
{
        Kit k;

        kit_begin(&k);
        ask(&k);
        ok(&k, ACTION_ACCEPT, "w01");
        ok(&k, ACTION_START, "w01");
        sleep_until(&k, 12 * D);
        forget(&k);
        kit_restart(&k);
        at(&k, 12 * D + 1);
        assert_int_equal(tier(&k, 1), 3);
        kit_end(&k);
}

static void test_waiting(void **state_)
{
        Kit k;

        kit_begin(&k);
        ask(&k);
        replied(&k, waiting("d01", 1, "a part"), REPLY_REFUSED, REASON_WRONG_STATE); /* nobody has it */
        ok(&k, ACTION_ACCEPT, "w01");
        replied(&k, waiting("w02", 1, "a part"), REPLY_REFUSED, REASON_NOT_YOURS);
        replied(&k, waiting("w01", 1, ""), REPLY_REFUSED, REASON_NO_TEXT);
        replied(&k, waiting("w01", 0, "a part"), REPLY_REFUSED, REASON_BAD_REQUEST);
        replied(&k, waiting("w01", 6, "a part"), REPLY_REFUSED, REASON_TOO_LONG);
        replied(&k, waiting("w01", 2, "a part"), REPLY_OK, REASON_NONE);
        assert_int_equal(view(&k, 1).request, REQUEST_STATE_WAITING);
        assert_true(
                hours_left(&k, view(&k, 1).due_us) == 96 && hours_left(&k, view(&k, 1).waiting_us) == 48);
        replied(&k, waiting("w01", 4, "another"), REPLY_OK, REASON_NONE); /* instead of the rest, not besides */
        replied(&k, waiting("w01", 5.5, "another"), REPLY_REFUSED, REASON_TOO_LONG);
        at(&k, D);
        kit_restart(&k);
        ok(&k, ACTION_START, "w01");
        assert_int_equal(view(&k, 1).request, REQUEST_STATE_IN_PROGRESS);
        replied(&k, waiting("w01", 4.5, "too much in all"), REPLY_REFUSED, REASON_TOO_LONG);
        replied(&k, waiting("w01", 3, "in all"), REPLY_OK, REASON_NONE);
        forget(&k);
        at(&k, 5 * D);
        assert_int_equal(row(&k, JOURNAL_WAITING)->reason, REASON_WAIT_OVER);
        assert_int_equal(notified_why(&k, "w01", REASON_WAIT_OVER), 1);
        no(&k, ACTION_START, "d01", REASON_TWICE); /* it goes on by itself */
        kit_end(&k);
}

static void test_given_and_given_back(void **state_)
{
        Kit k;

        kit_begin(&k);
        ask(&k);
        no(&k, ACTION_START, "w03", REASON_NOT_YOURS);
        no(&k, ACTION_RELEASE, "w02", REASON_NOT_YOURS);
        no(&k, ACTION_COMING, "w01", REASON_NOT_YOURS);
        no(&k, ACTION_ACCEPT, "w03", REASON_NOT_YOURS);
        no(&k, ACTION_DECLINE, "w03", REASON_NOT_YOURS);
        no(&k, ACTION_DONE, "w03", REASON_NOT_YOURS);
        ok(&k, ACTION_DECLINE, "w01");
        replied(&k, to(ACTION_ASSIGN, "w01", "w02"), REPLY_REFUSED, REASON_NOT_YOURS);
        replied(&k, to(ACTION_ASSIGN, "d01", "x"), REPLY_REFUSED, REASON_UNKNOWN_WORKER);
        replied(&k, to(ACTION_ASSIGN, "d01", "f101"), REPLY_REFUSED, REASON_BAD_REQUEST);
        replied(&k, to(ACTION_ASSIGN, "d01", "w03"), REPLY_REFUSED, REASON_BAD_REQUEST);
        replied(&k, to(ACTION_ASSIGN, "d01", "w01"), REPLY_OK, REASON_NONE);
        replied(&k, to(ACTION_ASSIGN, "d01", "w01"), REPLY_REFUSED, REASON_TWICE);
        ok(&k, ACTION_COMING, "w01");
        replied(&k, action_of(ACTION_ACCEPT, "d01", 1, ""), REPLY_OK, REASON_HELPER);
        ok(&k, ACTION_RELEASE, "d01");
        replied(&k, to(ACTION_HANDOVER, "w01", "w02"), REPLY_OK, REASON_NONE);
        ok(&k, ACTION_ACCEPT, "w02");
        assert_int_equal(view(&k, 1).owner, kit_worker(&k, "w02"));
        replied(&k, waiting("w02", 1, "a part"), REPLY_OK, REASON_NONE);
        ok(&k, ACTION_DECLINE, "w02"); /* who has it gives it back */
        assert_int_equal(view(&k, 1).request, REQUEST_STATE_OPEN);
        assert_true(view(&k, 1).due_us - k.start_wall_us ==
                    INT64_C(48) * H * 1000000); /* what was not waited is not granted */
        ok(&k, ACTION_START, "d01");            /* takes it by beginning */
        no(&k, ACTION_START, "d01", REASON_TWICE);
        no(&k, ACTION_BACKUP, "d01", REASON_WRONG_STATE);
        no(&k, ACTION_START, "w01", REASON_NOT_YOURS);
        kit_end(&k);
}

static void test_an_answer_of_before_it_was_opened_again_is_stale(void **state_)
{
        Event ev;
        Kit k;

        kit_begin(&k);
        ask(&k);
        ok(&k, ACTION_DONE, "w01");
        ok(&k, ACTION_REOPEN, "d01");
        ev = action_of(ACTION_ACCEPT, "w01", 1, "");
        ev.action.seq = 1;
        replied(&k, ev, REPLY_STALE, REASON_OLD_ROUND);
        no(&k, ACTION_REOPEN, "d01", REASON_WRONG_STATE);
        no(&k, ACTION_REOPEN, "w03", REASON_NOT_YOURS);
        kit_end(&k);
}

static void test_not_accepted(void **state_)
{
        Kit k;

        kit_begin(&k);
        ask(&k);
        ok(&k, ACTION_ACCEPT, "w01");
        replied(&k, with(ACTION_NOT_ACCEPTED, "w01", "why"), REPLY_REFUSED, REASON_NOT_YOURS);
        no(&k, ACTION_NOT_ACCEPTED, "d01", REASON_NO_TEXT);
        replied(&k, with(ACTION_NOT_ACCEPTED, "d01", "why"), REPLY_OK, REASON_NONE);
        assert_int_equal(view(&k, 1).request, REQUEST_STATE_NOT_ACCEPTED);
        assert_string_equal(row(&k, JOURNAL_CLOSED)->outcome, "not_accepted");
        replied(&k, action_of(ACTION_START, "d01", 1, ""), REPLY_STALE, REASON_WRONG_STATE);
        kit_end(&k);
}

static void test_handed_up(void **state_)
{
        Kit k;

        kit_begin(&k);
        ask(&k);
        replied(&k, with(ACTION_ESCALATE, "w01", "why"), REPLY_REFUSED, REASON_NOT_YOURS);
        no(&k, ACTION_ESCALATE, "d01", REASON_NO_TEXT);
        replied(&k, with(ACTION_ESCALATE, "d01", "why"), REPLY_OK, REASON_NONE);
        assert_int_equal(tier(&k, 1), 2);
        assert_false(view(&k, 1).overdue);
        replied(&k, with(ACTION_ESCALATE, "s01", "why"), REPLY_OK, REASON_NONE);
        replied(&k, with(ACTION_ESCALATE, "c01", "why"), REPLY_REFUSED, REASON_TOP_LEVEL);
        kit_end(&k);
}

static void test_rated(void **state_)
{
        Kit k;

        kit_begin(&k);
        ask(&k);
        replied(&k, rated("d01", 5), REPLY_REFUSED, REASON_WRONG_STATE);
        ok(&k, ACTION_DONE, "w01");
        replied(&k, rated("w01", 5), REPLY_REFUSED, REASON_NOT_YOURS);
        replied(&k, rated("d01", 0), REPLY_REFUSED, REASON_BAD_REQUEST);
        replied(&k, action_of(ACTION_DONE, "d01", 1, ""), REPLY_STALE, REASON_WRONG_STATE);
        forget(&k);
        at(&k, 2 * D + 1);
        assert_int_equal(
                notified_why(&k, "d01", REASON_CALL_BACK), 2); /* asked to ask, and nothing closes */
        replied(&k, rated("d01", 2), REPLY_OK, REASON_NONE);
        assert_int_equal(tier(&k, 1), 2);
        assert_int_equal(view(&k, 1).rating, 2);
        for (int i = 0; i < 2; i++) { /* up to the top, and there again */
                ok(&k, ACTION_DONE, i ? "c01" : "s01");
                replied(&k, rated("c01", 1), REPLY_OK, REASON_NONE);
                assert_int_equal(tier(&k, 1), 3);
        }
        assert_int_equal(view(&k, 1).request, REQUEST_STATE_OPEN);
        kit_end(&k);
}

static void test_another_class_has_other_limits(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.policy.classes[CLASS_REQUEST_KEY].tiers[1].delay_us = 24 * H * USEC_PER_SEC;
        k.policy.classes[CLASS_REQUEST_HARD].tiers[0].present = false;
        kit_policy(&k);
        ask(&k);
        replied(&k, reclass("w02", "key"), REPLY_REFUSED, REASON_NOT_YOURS);
        replied(&k, reclass("d01", "odd"), REPLY_REFUSED, REASON_BAD_REQUEST);
        replied(&k, reclass("d01", "hard"), REPLY_REFUSED, REASON_BAD_REQUEST);
        replied(&k, reclass("d01", "key"), REPLY_OK, REASON_NONE);
        assert_int_equal(view(&k, 1).class, CLASS_REQUEST_KEY);
        assert_true(hours_left(&k, view(&k, 1).due_us) == 24);
        ok(&k, ACTION_ACCEPT, "w01");
        replied(&k, waiting("w01", 1, "a part"), REPLY_OK, REASON_NONE);
        replied(&k, reclass("w01", "easy"), REPLY_OK, REASON_NONE);
        assert_true(hours_left(&k, view(&k, 1).due_us) == 72); /* and what was granted */
        ok(&k, ACTION_START, "w01");
        at(&k, 30 * H);
        replied(&k, reclass("w01", "key"), REPLY_OK, REASON_NONE); /* its time has passed already */
        at(&k, 30 * H + 1);
        assert_int_equal(tier(&k, 1), 2);
        kit_end(&k);
}

static void test_limits_on_working_days(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.policy.requests.working_days = true;
        kit_policy(&k);
        ask(&k);
        assert_true(
                hours_left(&k, view(&k, 1).due_us) == 4 * 24); /* Friday, Monday, and Tuesday till 10:00 */
        kit_end(&k);
}

static void test_at_night(void **state_)
{
        Kit k;

        kit_begin(&k);
        at(&k, 12 * H); /* 22:00 */
        forget(&k);
        alarm(&k, ALARM_REQUEST, "band-101", "1");
        expect_nobody(&k);
        replied(&k, to(ACTION_ASSIGN, "d01", "w01"), REPLY_OK, REASON_NONE);
        assert_int_equal(notified(&k, "w01"), 0);
        at(&k, 22 * H + 1);
        assert_int_equal(notified_why(&k, "w01", REASON_ASSIGNED), 1);
        kit_end(&k);
}

static void test_pressed_again(void **state_)
{
        Kit k;

        kit_begin(&k);
        ask(&k);
        alarm(&k, ALARM_REQUEST, "band-101", "2");
        assert_int_equal(view(&k, 1).presses, 2);
        expect_nobody(&k);
        at(&k, 601);
        expect_notified(&k, "w01", "d01", NULL);
        ok(&k, ACTION_ACCEPT, "w01");
        forget(&k);
        alarm(&k, ALARM_REQUEST, "band-101", "3");
        at(&k, 1300);
        expect_notified(&k, "w01", NULL);
        ok(&k, ACTION_DONE, "w01");
        alarm(&k, ALARM_REQUEST, "band-101", "4");
        assert_int_equal(view(&k, 2).request, REQUEST_STATE_OPEN); /* another matter */
        assert_int_equal(view(&k, 1).request, REQUEST_STATE_DONE);
        replied(&k, rated("d01", 1), REPLY_OK, REASON_NONE);
        ok(&k, ACTION_DONE, "w01");
        alarm(&k, ALARM_REQUEST, "band-101", "5");
        assert_int_equal(view(&k, 2).presses, 2); /* the key's own, not that which was opened again */
        kit_end(&k);
}

static void test_written_down_by_a_desk(void **state_)
{
        Event ev;
        Kit k;

        kit_begin(&k);
        replied(&k, request_of("d01", "x", "tap"), REPLY_REFUSED, REASON_BAD_REQUEST);
        replied(&k, request_of("d01", "r101", ""), REPLY_REFUSED, REASON_NO_TEXT);
        replied(&k, request_of("f101", "r101", "tap"), REPLY_REFUSED, REASON_NOT_YOURS);
        replied(&k, request_of("w03", "r101", "tap"), REPLY_REFUSED, REASON_NOT_YOURS);
        ev = request_of("d01", "r101", "tap");
        (void)str_copy(ev.action.class, WORD_SIZE, "odd");
        replied(&k, ev, REPLY_REFUSED, REASON_BAD_REQUEST);
        (void)str_copy(ev.action.class, WORD_SIZE, "hard");
        ev.action.open = true;
        replied(&k, ev, REPLY_OK, REASON_NONE);
        assert_int_equal(view(&k, 1).class, CLASS_REQUEST_HARD);
        assert_true(view(&k, 1).by_desk && view(&k, 1).open_words);
        ev.retained = true;
        replied(&k, ev, REPLY_REFUSED, REASON_RETAINED);
        replied(&k, request_of("w01", "r101", "lamp"), REPLY_OK, REASON_NONE);
        assert_int_equal(engine_open_count(k.engine), 2);
        ok(&k, ACTION_DONE, "d01");
        ok(&k, ACTION_REOPEN, "d01");
        ok(&k, ACTION_DONE, "d01");
        kit_end(&k);
}

/* No configuration says so, but a damaged row's plan can: it is a long time, and not the end of the gateway. */
static void test_a_level_of_years(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.policy.requests.working_days = true;
        k.policy.classes[CLASS_REQUEST].tiers[1].delay_us = 500ull * D * 1000000;
        k.policy.classes[CLASS_REQUEST].tiers[2].delay_us = 2000ull * D * 1000000;
        kit_policy(&k);
        ask(&k);
        assert_true(view(&k, 1).due_us == k.now.wall_us + 500ll * D * 1000000);
        kit_end(&k);
}

static void test_a_level_without_anybody_is_passed(void **state_)
{
        Kit k;

        kit_begin(&k);
        kit_remove_worker(&k, "w01");
        kit_remove_worker(&k, "d01");
        roster_changed(&k);
        alarm(&k, ALARM_REQUEST, "band-101", "1");
        assert_int_equal(tier(&k, 1), 2);
        assert_int_equal(row(&k, JOURNAL_SKIPPED)->reason, REASON_EMPTY);
        kit_remove_worker(&k, "s01");
        kit_remove_worker(&k, "c01");
        roster_changed(&k);
        alarm(&k, ALARM_REQUEST, "pend-102a", "1");
        assert_int_equal(tier(&k, 3), 3); /* 2 is the gateway's own: nobody can be called */
        kit_end(&k);
}

static void test_a_full_table(void **state_)
{
        Kit k;

        kit_begin_with(&k, 1, 64);
        press(&k, "sos-101", "1");
        alarm(&k, ALARM_REQUEST, "band-101", "1"); /* in the place that is kept for its group */
        replied(&k, request_of("d01", "r101", "tap"), REPLY_OK, REASON_NONE);
        assert_int_equal(view(&k, 2).presses, 2);
        act(&k, ACTION_DONE, "w01", 2);
        alarm(&k, ALARM_REQUEST, "pend-102a", "2");
        assert_int_equal(view(&k, 2).request, REQUEST_STATE_OPEN);
        kit_end(&k);
}

static void test_other_matters_know_nothing_of_it(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        for (ActionKind a = ACTION_ASSIGN; a <= ACTION_RECLASS; a++)
                no(&k, a, "d01", REASON_WRONG_STATE);
        assert_int_equal(view(&k, 1).request, REQUEST_STATE_NONE);
        kit_end(&k);
}

static void test_of_another_grid(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_REQUEST, "sos-201", "1");
        replied(&k, to(ACTION_ASSIGN, "d01", "w03"), REPLY_REFUSED, REASON_NOT_YOURS);
        no(&k, ACTION_DONE, "d01", REASON_NOT_YOURS);
        ok(&k, ACTION_ACCEPT, "w03");
        ok(&k, ACTION_DONE, "s01"); /* for him */
        kit_end(&k);
}

/* Who is told and may not take it: family, where a site wants that. */
static void test_who_only_helps(void **state_)
{
        Event ev;
        Kit k;

        kit_begin(&k);
        k.policy.classes[CLASS_REQUEST].tiers[0].roles |= 1u << ROLE_FAMILY;
        kit_policy(&k);
        alarm(&k, ALARM_REQUEST, "band-101", "1");
        assert_int_equal(notified(&k, "f101"), 1);
        replied(&k, action_of(ACTION_ACCEPT, "f101", 1, ""), REPLY_OK, REASON_HELPER);
        no(&k, ACTION_START, "f101", REASON_NOT_YOURS);
        no(&k, ACTION_DONE, "f101", REASON_NOT_YOURS);
        ev = action_of(ACTION_ACCEPT, "w01", 1, "");
        ev.action.seq = view(&k, 1).last_seq;
        replied(&k, ev, REPLY_OK, REASON_NONE);
        no(&k, ACTION_DONE, "w02", REASON_NOT_YOURS);
        replied(&k, to(ACTION_ASSIGN, "d01", "w02"), REPLY_OK, REASON_NONE); /* from him to another */
        ok(&k, ACTION_DONE, "d01");
        no(&k, ACTION_REOPEN, "f101", REASON_NOT_YOURS);
        kit_end(&k);
}

static void test_a_successor_at_night(void **state_)
{
        Kit k;

        kit_begin(&k);
        ask(&k);
        ok(&k, ACTION_ACCEPT, "w01");
        at(&k, 12 * H);
        replied(&k, to(ACTION_HANDOVER, "w01", "w02"), REPLY_OK, REASON_NONE);
        ok(&k, ACTION_ACCEPT, "w02"); /* nobody has called him yet */
        kit_end(&k);
}

static void test_call_back_after_days_of_downtime(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.policy.requests.call_back_us = 0; /* no configuration says so; then a day */
        kit_policy(&k);
        ask(&k);
        ok(&k, ACTION_DONE, "w01");
        assert_true(hours_left(&k, view(&k, 1).due_us) == 24);
        sleep_until(&k, 9 * D);
        at(&k, 9 * D + 1);
        assert_int_equal(view(&k, 1).request, REQUEST_STATE_DONE);
        kit_end(&k);
}

static void test_a_boot_without_a_clock_sends_nothing_up(void **state_)
{
        Kit k;

        kit_begin(&k);
        ask(&k);
        kit_reboot(&k, 60, false);
        assert_int_equal(tier(&k, 1), 1);
        kit_end(&k);
}

static void test_another_class_while_everybody_is_called(void **state_)
{
        Kit k;

        kit_begin(&k);
        ask(&k);
        replied(&k, with(ACTION_ESCALATE, "d01", "why"), REPLY_OK, REASON_NONE);
        replied(&k, with(ACTION_ESCALATE, "d01", "why"), REPLY_OK, REASON_NONE);
        at(&k, 4 * D);
        assert_true(rows(&k, JOURNAL_LOOP) > 0);
        replied(&k, reclass("c01", "hard"), REPLY_OK, REASON_NONE);
        kit_end(&k);
}

static void test_many_of_one_resident(void **state_)
{
        uint32_t home;
        Resident *r;
        Kit k;

        kit_begin(&k);
        for (int i = 0; i < 9; i++)
                replied(&k, request_of("d01", "r101", "tap"), REPLY_OK, REASON_NONE);
        press(&k, "band-101", "1");
        assert_int_equal(rows(&k, JOURNAL_LINKED), 8);
        r = &k.registry.residents[registry_resident_id(&k.registry, "r101")];
        home = r->dwelling;
        r->dwelling = 0; /* lives nowhere that we know: for who covers the site */
        replied(&k, request_of("c01", "r101", "tap"), REPLY_OK, REASON_NONE);
        r->dwelling = home;
        kit_end(&k);
}

static uint64_t be32(const uint8_t *p)
{
        return (uint64_t)p[0] << 24 | (uint64_t)p[1] << 16 | (uint64_t)p[2] << 8 | p[3];
}

/* A call for help that has a timer of requests. */
static void timer_add(StateRow *r, unsigned timer)
{
        const uint32_t armed = 241; /* where the set of timers stands: state.c */
        uint32_t at = armed + 4 + 8 * (uint32_t)__builtin_popcountll(be32(r->blob + armed));

        r->blob[armed + 1] |= (uint8_t)(1u << (timer - 16));
        memmove(r->blob + at + 8, r->blob + at, r->blob_size - at);
        memset(r->blob + at, 0, 8);
        r->blob_size += 8;
}

static void test_timers_of_others(void **state_)
{
        StateRow sos, bad;
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        assert_true(engine_state_row(k.engine, 1, k.now, &sos));
        sos.id = 1000;
        for (unsigned timer = 17; timer <= 18; timer++) {
                bad = sos;
                timer_add(&bad, timer);
                assert_int_equal(engine_restore(k.engine, &bad, k.now), ENGINE_E_BROKEN);
        }
        assert_int_equal(engine_restore(k.engine, &sos, k.now), 0);
        kit_end(&k);
}

/* A row that says what no request can be is refused. */
static void test_rows_that_contradict_themselves(void **state_)
{
        Kit k;
        StateRow good;

        kit_begin(&k);
        ask(&k);
        ok(&k, ACTION_ACCEPT, "w01");
        replied(&k, waiting("w01", 1, "a part"), REPLY_OK, REASON_NONE);
        assert_true(engine_state_row(k.engine, 1, k.now, &good));
        for (uint32_t i = 0; i < good.blob_size; i++) {
                StateRow bad = good;

                bad.id = 1000 + i;
                bad.blob[i] ^= 0xff;
                (void)engine_restore(
                        k.engine, &bad, k.now); /* taken or refused, and never a contradiction in memory */
        }
        kit_end(&k);
}

/* His app is silent: nobody is in danger, and a desk comes back in the morning. */
static void test_whose_owner_is_not_heard(void **state_)
{
        Kit k;

        kit_begin(&k);
        presence(&k, "w01", true);
        ask(&k);
        ok(&k, ACTION_ACCEPT, "w01");
        presence(&k, "w01", false);
        forget(&k);
        at(&k, 600);
        assert_false(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        assert_int_equal(count(&k, EFFECT_NOTIFY), 0);
        assert_int_equal(view(&k, 1).request, REQUEST_STATE_ASSIGNED);
        kit_end(&k);
}

static void test_an_accepted_one_over_a_boot_without_a_clock(void **state_)
{
        Kit k;

        kit_begin(&k);
        ask(&k);
        ok(&k, ACTION_ACCEPT, "w01");
        kit_reboot(&k, 60, false);
        at(&k, 300);
        assert_int_equal(view(&k, 1).request, REQUEST_STATE_ASSIGNED); /* nobody asks whether he is coming */
        kit_end(&k);
}

/* Pressed again as an easy one after the desk has made it a hard one. */
static void test_pressed_again_in_another_class(void **state_)
{
        Kit k;

        kit_begin(&k);
        ask(&k);
        replied(&k, reclass("d01", "hard"), REPLY_OK, REASON_NONE);
        alarm(&k, ALARM_REQUEST, "band-101", "2");
        assert_int_equal(view(&k, 1).presses, 2);
        assert_int_equal(view(&k, 1).class, CLASS_REQUEST_HARD);
        assert_int_equal(rows(&k, JOURNAL_UPGRADED), 0);
        kit_end(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_working_time),
                cmocka_unit_test(test_holidays_and_days_worked_instead),
                cmocka_unit_test(test_a_life),
                cmocka_unit_test(test_nobody_takes_it),
                cmocka_unit_test(test_no_limit_to_take_it),
                cmocka_unit_test(test_taken_and_not_done),
                cmocka_unit_test(test_after_downtime),
                cmocka_unit_test(test_waiting),
                cmocka_unit_test(test_given_and_given_back),
                cmocka_unit_test(test_an_answer_of_before_it_was_opened_again_is_stale),
                cmocka_unit_test(test_not_accepted),
                cmocka_unit_test(test_handed_up),
                cmocka_unit_test(test_rated),
                cmocka_unit_test(test_another_class_has_other_limits),
                cmocka_unit_test(test_limits_on_working_days),
                cmocka_unit_test(test_at_night),
                cmocka_unit_test(test_pressed_again),
                cmocka_unit_test(test_written_down_by_a_desk),
                cmocka_unit_test(test_a_level_of_years),
                cmocka_unit_test(test_a_level_without_anybody_is_passed),
                cmocka_unit_test(test_a_full_table),
                cmocka_unit_test(test_other_matters_know_nothing_of_it),
                cmocka_unit_test(test_of_another_grid),
                cmocka_unit_test(test_who_only_helps),
                cmocka_unit_test(test_a_successor_at_night),
                cmocka_unit_test(test_call_back_after_days_of_downtime),
                cmocka_unit_test(test_a_boot_without_a_clock_sends_nothing_up),
                cmocka_unit_test(test_another_class_while_everybody_is_called),
                cmocka_unit_test(test_many_of_one_resident),
                cmocka_unit_test(test_timers_of_others),
                cmocka_unit_test(test_rows_that_contradict_themselves),
                cmocka_unit_test(test_whose_owner_is_not_heard),
                cmocka_unit_test(test_an_accepted_one_over_a_boot_without_a_clock),
                cmocka_unit_test(test_pressed_again_in_another_class),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
