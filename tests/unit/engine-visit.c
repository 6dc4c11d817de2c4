/* SPDX-License-Identifier: Apache-2.0 */
/* Visits at the bed: one at a time, long enough, checked out of, and corrected only by a desk with a reason. */
#include "engine-kit.h"

#include "base/str.h"
#include "engine/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOUR 3600.0

static void begin(Kit *k)
{
        kit_begin(k);
        k->policy.visit_min_us = USEC_PER_HOUR;
        k->policy.visit_remind_us = 3 * USEC_PER_HOUR;
        k->policy.visit_max_us = 8 * USEC_PER_HOUR;
        kit_policy(k);
        forget(k);
}

static void in(Kit *k, const char *worker, const char *to, const char *bed)
{
        Event ev = action_of(ACTION_VISIT_IN, worker, 0, NULL);

        (void)str_copy(ev.action.target, CODE_SIZE, bed);
        (void)str_copy(ev.action.to, CODE_SIZE, to);
        ev.action.service = SERVICE_BATH;
        step(k, &ev);
}

static void out(Kit *k, const char *worker, const char *to, uint8_t rating)
{
        Event ev = action_of(ACTION_VISIT_OUT, worker, 0, NULL);

        (void)str_copy(ev.action.to, CODE_SIZE, to);
        ev.action.rating = rating;
        step(k, &ev);
}

static void fix(Kit *k, const char *desk, uint64_t visit, double seconds, bool note)
{
        Event ev = action_of(ACTION_VISIT_FIX, desk, 0, NULL);

        (void)str_copy(ev.action.target, CODE_SIZE, "r101");
        (void)str_copy(ev.action.to, CODE_SIZE, "w01");
        ev.action.visit = visit;
        ev.action.span_us = (uint64_t)(seconds * 1e6);
        ev.action.has_note = note;
        step(k, &ev);
}

static bool visiting(const Kit *k, const char *worker, VisitView *ret)
{
        return engine_visit(k->engine, kit_worker(k, worker), ret);
}

static void test_an_hour_counts_and_less_does_not(void **state_)
{
        VisitView v;
        Kit k;

        begin(&k);
        in(&k, "w01", "", "r101");
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_true(visiting(&k, "w01", &v));
        assert_int_equal(v.resident, 1);
        assert_int_equal(v.service, SERVICE_BATH);
        assert_int_equal(v.since_us, k.now.wall_us);
        at(&k, HOUR);
        out(&k, "w01", "", 5);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_true(row(&k, JOURNAL_VISIT_OUT)->counts);
        assert_int_equal(row(&k, JOURNAL_VISIT_OUT)->span_s, HOUR);
        assert_int_equal(row(&k, JOURNAL_VISIT_OUT)->rating, 5);
        assert_int_equal(row(&k, JOURNAL_VISIT_OUT)->visit, v.number);
        assert_false(visiting(&k, "w01", &v));
        in(&k, "w01", "", "r101");
        at(&k, 2 * HOUR - 1);
        out(&k, "w01", "", 0);
        expect_reply(&k, REPLY_OK, REASON_VISIT_SHORT);
        assert_false(row(&k, JOURNAL_VISIT_OUT)->counts);
        out(&k, "w01", "", 0);
        expect_reply(&k, REPLY_REFUSED, REASON_NO_VISIT);
        kit_end(&k);
}

/* A registry that was begun anew may be smaller: who is not in it ends nothing, and nothing waits for him. */
static void test_a_visitor_whom_a_smaller_registry_has_no_more(void **state_)
{
        VisitView v;
        Kit k;

        begin(&k);
        in(&k, "w01", "", "r101");
        assert_true(visiting(&k, "w01", &v));
        k.registry.n_workers = kit_worker(&k, "w01");
        engine_registry_set(k.engine, &k.registry);
        at(&k, 9 * HOUR);
        assert_int_equal(rows(&k, JOURNAL_VISIT_FORGOTTEN), 0);
        kit_end(&k);
}

static void test_one_worker_is_at_one_bed_of_his(void **state_)
{
        Kit k;

        begin(&k);
        in(&k, "w01", "", "sos-101"); /* the dwelling's one resident */
        expect_reply(&k, REPLY_OK, REASON_NONE);
        in(&k, "w01", "", "r101");
        expect_reply(&k, REPLY_REFUSED, REASON_TWICE);
        in(&k, "w01", "", "r102a");
        expect_reply(&k, REPLY_REFUSED, REASON_VISIT_OPEN);
        in(&k, "w02", "", "r101"); /* two at one bed are two visits */
        expect_reply(&k, REPLY_OK, REASON_NONE);
        in(&k, "w03", "", "r101");
        expect_reply(&k, REPLY_REFUSED, REASON_NOT_YOURS);
        in(&k, "w03", "", "sos-102");
        expect_reply(&k, REPLY_REFUSED, REASON_BAD_REQUEST); /* whose, of two? */
        in(&k, "f101", "", "r101");
        expect_reply(&k, REPLY_REFUSED, REASON_NOT_YOURS);
        in(&k, "w01", "w03", "r201");
        expect_reply(&k, REPLY_REFUSED, REASON_NOT_YOURS);
        in(&k, "d01", "w03", "r201"); /* not this desk's grid */
        expect_reply(&k, REPLY_REFUSED, REASON_NOT_YOURS);
        in(&k, "c01", "w03", "r201");
        expect_reply(&k, REPLY_OK, REASON_NONE);
        out(&k, "d01", "w03", 0);
        expect_reply(&k, REPLY_REFUSED, REASON_NOT_YOURS);
        out(&k, "c01", "w03", 0);
        expect_reply(&k, REPLY_OK, REASON_VISIT_SHORT);
        kit_end(&k);
}

static void test_forgotten_is_reminded_and_ends_without_counting(void **state_)
{
        VisitView v;
        Kit k;

        begin(&k);
        in(&k, "w01", "", "r101");
        assert_true(visiting(&k, "w01", &v));
        at(&k, 3 * HOUR - 1);
        assert_int_equal(rows(&k, JOURNAL_VISIT_FORGOTTEN), 0);
        kit_restart(&k);
        at(&k, 3 * HOUR);
        assert_int_equal(rows(&k, JOURNAL_VISIT_FORGOTTEN), 1);
        assert_true(row(&k, JOURNAL_VISIT_FORGOTTEN)->on);
        assert_int_equal(newest(&k, EFFECT_REPLY)->reply.reason, REASON_VISIT_FORGOTTEN);
        kit_restart(&k);
        assert_true(visiting(&k, "w01", &v));
        assert_true(v.reminded);
        at(&k, 8 * HOUR + 1);
        assert_int_equal(rows(&k, JOURNAL_VISIT_FORGOTTEN), 2);
        assert_false(row(&k, JOURNAL_VISIT_FORGOTTEN)->on);
        assert_false(row(&k, JOURNAL_VISIT_FORGOTTEN)->counts);
        assert_false(visiting(&k, "w01", &(VisitView){0}));
        fix(&k, "w01", v.number, HOUR, true);
        expect_reply(&k, REPLY_REFUSED, REASON_NOT_YOURS);
        fix(&k, "d01", v.number, HOUR, false);
        expect_reply(&k, REPLY_REFUSED, REASON_NO_NOTE);
        fix(&k, "d01", k.next_seq + 1, HOUR, true);
        expect_reply(&k, REPLY_REFUSED, REASON_BAD_REQUEST);
        fix(&k, "d01", v.number, HOUR, true);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_true(row(&k, JOURNAL_VISIT_FIXED)->counts);
        fix(&k, "d01", v.number, 0, true);
        expect_reply(&k, REPLY_OK, REASON_VISIT_SHORT);
        assert_false(row(&k, JOURNAL_VISIT_FIXED)->counts);
        kit_end(&k);
}

static void test_what_is_open_is_not_corrected(void **state_)
{
        VisitView v;
        Kit k;

        begin(&k);
        in(&k, "w01", "", "r101");
        assert_true(visiting(&k, "w01", &v));
        fix(&k, "d01", v.number, HOUR, true);
        expect_reply(&k, REPLY_REFUSED, REASON_VISIT_OPEN);
        kit_end(&k);
}

static void test_a_clock_that_nobody_believes_counts_nothing(void **state_)
{
        Kit k;

        begin(&k);
        in(&k, "w01", "", "r101");
        k.now.wall_us += 10 * 365 * (int64_t)USEC_PER_DAY; /* stepped: CLOCK_BOOTTIME decides */
        at(&k, 1800);
        out(&k, "w01", "", 0);
        expect_reply(&k, REPLY_OK, REASON_VISIT_SHORT);
        in(&k, "w01", "", "r101");
        kit_reboot(&k, 2 * HOUR, false);
        out(&k, "w01", "", 0);
        expect_reply(&k, REPLY_OK, REASON_CLOCK);
        assert_false(row(&k, JOURNAL_VISIT_OUT)->counts);
        assert_int_equal(row(&k, JOURNAL_VISIT_OUT)->span_s, 0);
        kit_end(&k);
}

static void test_a_reboot_whose_clock_is_good_measures_by_it(void **state_)
{
        Kit k;

        begin(&k);
        in(&k, "w01", "", "r101");
        kit_reboot(&k, 2 * HOUR, true);
        out(&k, "w01", "", 0);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_true(row(&k, JOURNAL_VISIT_OUT)->span_s >= 2 * HOUR);
        kit_end(&k);
}

/* A registry of the test's own, with room for `n` workers more. */
static Worker *workers_copy(Kit *k, uint32_t n)
{
        Worker *workers = calloc(k->registry.n_workers + n, sizeof(Worker));

        assert_non_null(workers);
        memcpy(workers, k->registry.workers, k->registry.n_workers * sizeof(Worker));
        k->registry.workers = workers;
        return workers;
}

static void registry_is_another(Kit *k)
{
        kit_index(k);
        engine_registry_set(k->engine, &k->registry);
        roster_changed(k);
}

static void test_carers_are_at_home_and_make_no_visits(void **state_)
{
        Worker *workers;
        Kit k;

        begin(&k);
        workers = workers_copy(&k, 0);
        workers[kit_worker(&k, "w02")].role = ROLE_CARER;
        registry_is_another(&k);
        in(&k, "w02", "", "r101");
        expect_reply(&k, REPLY_REFUSED, REASON_NOT_YOURS);
        in(&k, "w01", "", "r101");
        expect_reply(&k, REPLY_OK, REASON_NONE);
        kit_end(&k);
        free(workers);
}

static void test_what_a_desk_may_not_correct(void **state_)
{
        VisitView v;
        Event ev;
        Kit k;

        begin(&k);
        in(&k, "w01", "", "r101");
        assert_true(visiting(&k, "w01", &v));
        at(&k, HOUR);
        out(&k, "w01", "", 0);
        fix(&k, "d01", 0, HOUR, true); /* which? */
        expect_reply(&k, REPLY_REFUSED, REASON_BAD_REQUEST);
        fix(&k, "d01", v.number, 25 * HOUR, true); /* a day has 24 */
        expect_reply(&k, REPLY_REFUSED, REASON_BAD_REQUEST);
        ev = action_of(ACTION_VISIT_FIX, "d01", 0, NULL);
        ev.action.visit = v.number;
        ev.action.span_us = USEC_PER_HOUR;
        ev.action.has_note = true;
        step(&k, &ev); /* at no bed */
        expect_reply(&k, REPLY_REFUSED, REASON_BAD_REQUEST);
        (void)str_copy(ev.action.target, CODE_SIZE, "r201");
        step(&k, &ev); /* of another grid */
        expect_reply(&k, REPLY_REFUSED, REASON_NOT_YOURS);
        (void)str_copy(ev.action.target, CODE_SIZE, "r101");
        ev.retained = true;
        step(&k, &ev);
        expect_reply(&k, REPLY_REFUSED, REASON_RETAINED);
        (void)str_copy(ev.action.to, CODE_SIZE, "w99");
        ev.retained = false;
        step(&k, &ev);
        expect_reply(&k, REPLY_REFUSED, REASON_UNKNOWN_WORKER);
        assert_int_equal(rows(&k, JOURNAL_VISIT_FIXED), 0);
        fix(&k, "d01", v.number, HOUR - 1, true);
        expect_reply(&k, REPLY_OK, REASON_VISIT_SHORT);
        assert_false(row(&k, JOURNAL_VISIT_FIXED)->counts);
        assert_int_equal(row(&k, JOURNAL_VISIT_FIXED)->span_s, HOUR - 1);
        kit_end(&k);
}

static void test_of_two_visits_each_has_its_time(void **state_)
{
        Kit k;

        begin(&k);
        in(&k, "w02", "", "r101");
        at(&k, HOUR);
        in(&k, "w01", "", "r102a");
        at(&k, 3 * HOUR);
        assert_int_equal(rows(&k, JOURNAL_VISIT_FORGOTTEN), 1);
        assert_int_equal(row(&k, JOURNAL_VISIT_FORGOTTEN)->worker, kit_worker(&k, "w02"));
        at(&k, 4 * HOUR);
        assert_int_equal(rows(&k, JOURNAL_VISIT_FORGOTTEN), 2);
        assert_int_equal(row(&k, JOURNAL_VISIT_FORGOTTEN)->worker, kit_worker(&k, "w01"));
        at(&k, 8 * HOUR);
        assert_int_equal(rows(&k, JOURNAL_VISIT_FORGOTTEN), 3);
        assert_false(visiting(&k, "w02", &(VisitView){0}));
        assert_true(visiting(&k, "w01", &(VisitView){0}));
        kit_end(&k);
}

static void test_nobody_is_reminded_where_that_is_off(void **state_)
{
        Kit k;

        begin(&k);
        k.policy.visit_remind_us = 0;
        kit_policy(&k);
        in(&k, "w01", "", "r101");
        at(&k, 8 * HOUR - 1);
        assert_int_equal(rows(&k, JOURNAL_VISIT_FORGOTTEN), 0);
        at(&k, 8 * HOUR);
        assert_int_equal(rows(&k, JOURNAL_VISIT_FORGOTTEN), 1);
        assert_false(row(&k, JOURNAL_VISIT_FORGOTTEN)->on);
        assert_false(visiting(&k, "w01", &(VisitView){0}));
        k.policy.visit_max_us = 0; /* nor is a visit ever ended by the clock */
        kit_policy(&k);
        in(&k, "w01", "", "r101");
        at(&k, 100 * HOUR);
        assert_int_equal(rows(&k, JOURNAL_VISIT_FORGOTTEN), 1);
        assert_true(visiting(&k, "w01", &(VisitView){0}));
        out(&k, "w01", "", 0);
        assert_int_equal(row(&k, JOURNAL_VISIT_OUT)->span_s, 92 * HOUR);
        kit_end(&k);
}

/* Begun or ended with a clock that nobody believes, or ended before it began: no length over a reboot. */
static void test_both_ends_must_be_believed(void **state_)
{
        Kit k;

        begin(&k);
        k.now.trusted = false;
        in(&k, "w01", "", "r101");
        kit_reboot(&k, 2 * HOUR, true);
        out(&k, "w01", "", 0);
        expect_reply(&k, REPLY_OK, REASON_CLOCK);
        assert_false(row(&k, JOURNAL_VISIT_OUT)->counts);
        in(&k, "w01", "", "r101");
        kit_reboot(&k, -2 * HOUR, true);
        out(&k, "w01", "", 0);
        expect_reply(&k, REPLY_OK, REASON_CLOCK);
        assert_int_equal(row(&k, JOURNAL_VISIT_OUT)->span_s, 0);
        kit_end(&k);
}

/* A mark that comes to a running engine changes nothing of the visits that it knows; a damaged one is none. */
static void test_marks_of_visits(void **state_)
{
        MarkRow mark = {.kind = MARK_VISIT, .worker = 1, .value = 5 << 8 | SERVICE_MEALS};
        VisitView v;
        Kit k;

        begin(&k);
        in(&k, "w01", "", "r101");
        at(&k, HOUR);
        for (uint32_t i = 0; i < 10; i++) /* numbers for the journal */
                in(&k, "w01", "", "r101");
        mark.id = kit_worker(&k, "w02");
        mark.wall_us = k.now.wall_us;
        engine_restore_mark(k.engine, &mark);
        assert_true(visiting(&k, "w02", &v));
        assert_int_equal(v.number, 5);
        assert_int_equal(v.service, SERVICE_MEALS);
        k.now.wall_us += 10 * HOUR * 1e6; /* the running one goes by CLOCK_BOOTTIME */
        roster_changed(&k);
        out(&k, "w01", "", 0);
        assert_int_equal(row(&k, JOURNAL_VISIT_OUT)->span_s, HOUR);
        for (unsigned i = 0; i < 4; i++) {
                MarkRow bad = mark;

                bad.id = i == 0 ? 0 : mark.id;
                bad.value = i == 1 ? -1 : i == 2 ? 6 << 8 | SERVICE_MAX : 6 << 8;
                bad.id = i == 3 ? WORKERS_MAX : bad.id;
                engine_restore_mark(k.engine, &bad);
                assert_true(visiting(&k, "w02", &v));
                assert_int_equal(v.number, 5);
        }
        mark.value = SERVICE_MEALS; /* of a visit without a number: of none */
        engine_restore_mark(k.engine, &mark);
        assert_false(visiting(&k, "w02", &v));
        roster_changed(&k);
        kit_end(&k);
}

/* Worker, bed and dwelling may be taken out of the registry while the visit lasts. */
static void test_what_is_gone_while_a_visit_lasts(void **state_)
{
        Resident residents[5];
        Kit k;

        begin(&k);
        memcpy(residents, k.registry.residents, sizeof(residents));
        residents[1].dwelling = 0;
        k.registry.residents = residents;
        registry_is_another(&k);
        in(&k, "w01", "", "r101"); /* who lives nowhere is in nobody's grid */
        expect_reply(&k, REPLY_REFUSED, REASON_NOT_YOURS);
        residents[1].dwelling = 1;
        registry_is_another(&k);
        in(&k, "w01", "", "r101");
        in(&k, "w02", "", "r101");
        residents[1].dwelling = 0;
        registry_is_another(&k);
        at(&k, HOUR);
        out(&k, "w01", "", 0);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_int_equal(row(&k, JOURNAL_VISIT_OUT)->resident, 1);
        assert_int_equal(row(&k, JOURNAL_VISIT_OUT)->grid, 0);
        residents[1].code = NULL;
        kit_remove_worker(&k, "w02");
        registry_is_another(&k);
        forget(&k);
        at(&k, 3 * HOUR); /* nobody to remind */
        assert_int_equal(rows(&k, JOURNAL_VISIT_FORGOTTEN), 1);
        assert_int_equal(row(&k, JOURNAL_VISIT_FORGOTTEN)->dwelling, 0);
        assert_int_equal(count(&k, EFFECT_REPLY), 0);
        kit_end(&k);
}

static void test_a_visitor_beyond_the_table(void **state_)
{
        const uint32_t far = WORKERS_MAX + 7;
        Worker *workers;
        Event ev;
        Kit k;

        begin(&k);
        k.unchecked_rows = true;
        workers = workers_copy(&k, far);
        workers[far] = (Worker){"far", "", "", ROLE_WORKER, CLIENT_APP, SCOPE_GRID, 2, NULL};
        k.registry.n_workers = far + 1;
        registry_is_another(&k);
        assert_false(engine_visit(k.engine, far, &(VisitView){0}));
        in(&k, "far", "", "r101"); /* not counted, and told so */
        expect_reply(&k, REPLY_REFUSED, REASON_BAD_REQUEST);
        out(&k, "far", "", 0);
        expect_reply(&k, REPLY_REFUSED, REASON_NO_VISIT);
        out(&k, "d01", "far", 0);
        expect_reply(&k, REPLY_REFUSED, REASON_NO_VISIT);
        ev = action_of(ACTION_VISIT_FIX, "d01", 0, NULL);
        (void)str_copy(ev.action.target, CODE_SIZE, "r101");
        (void)str_copy(ev.action.to, CODE_SIZE, "far");
        ev.action.visit = 1;
        ev.action.span_us = USEC_PER_HOUR;
        ev.action.has_note = true;
        step(&k, &ev); /* of the days when he was in it */
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_int_equal(row(&k, JOURNAL_VISIT_FIXED)->worker, far);
        kit_end(&k);
        free(workers);
}

/* The registry that is set before the first list finds restored visits as they are. */
static void test_a_registry_set_twice_after_a_restart(void **state_)
{
        Kit k;

        begin(&k);
        in(&k, "w01", "", "r101");
        at(&k, HOUR);
        kit_restart(&k);
        engine_registry_set(k.engine, &k.registry);
        at(&k, 3 * HOUR - 1);
        assert_int_equal(rows(&k, JOURNAL_VISIT_FORGOTTEN), 0);
        at(&k, 3 * HOUR);
        assert_int_equal(rows(&k, JOURNAL_VISIT_FORGOTTEN), 1);
        kit_end(&k);
}

/* What was slept through is done in the order in which it was due. */
static void test_a_reminder_among_the_steps_of_a_ladder(void **state_)
{
        uint32_t before = 0, after = 0;
        bool reminded = false;
        Kit k;

        begin(&k);
        in(&k, "w01", "", "r102a");
        at(&k, 3 * HOUR - 40);
        alarm(&k, ALARM_SOS, "sos-101", "1");
        forget(&k);
        sleep_until(&k, 3 * HOUR + 200); /* tiers at -10, +20, +110 */
        for (uint32_t i = 0; i < k.n; i++) {
                const JournalRow *row = &k.effects[i].journal;

                if (k.effects[i].type != EFFECT_JOURNAL)
                        continue;
                reminded = reminded || row->kind == JOURNAL_VISIT_FORGOTTEN;
                before += row->kind == JOURNAL_TIER && !reminded;
                after += row->kind == JOURNAL_TIER && reminded;
        }
        assert_true(reminded);
        assert_int_equal(before, 1);
        assert_true(after >= 1);
        kit_end(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_an_hour_counts_and_less_does_not),
                cmocka_unit_test(test_a_visitor_whom_a_smaller_registry_has_no_more),
                cmocka_unit_test(test_one_worker_is_at_one_bed_of_his),
                cmocka_unit_test(test_forgotten_is_reminded_and_ends_without_counting),
                cmocka_unit_test(test_what_is_open_is_not_corrected),
                cmocka_unit_test(test_a_clock_that_nobody_believes_counts_nothing),
                cmocka_unit_test(test_a_reboot_whose_clock_is_good_measures_by_it),
                cmocka_unit_test(test_carers_are_at_home_and_make_no_visits),
                cmocka_unit_test(test_what_a_desk_may_not_correct),
                cmocka_unit_test(test_of_two_visits_each_has_its_time),
                cmocka_unit_test(test_nobody_is_reminded_where_that_is_off),
                cmocka_unit_test(test_both_ends_must_be_believed), cmocka_unit_test(test_marks_of_visits),
                cmocka_unit_test(test_what_is_gone_while_a_visit_lasts),
                cmocka_unit_test(test_a_visitor_beyond_the_table),
                cmocka_unit_test(test_a_registry_set_twice_after_a_restart),
                cmocka_unit_test(test_a_reminder_among_the_steps_of_a_ladder)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
