/* SPDX-License-Identifier: Apache-2.0 */
/* Visits at the bed: one at a time, long enough, checked out of, and corrected only by a desk with a reason. */
#include "engine-kit.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>

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

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_an_hour_counts_and_less_does_not),
                cmocka_unit_test(test_a_visitor_whom_a_smaller_registry_has_no_more),
                cmocka_unit_test(test_one_worker_is_at_one_bed_of_his),
                cmocka_unit_test(test_forgotten_is_reminded_and_ends_without_counting),
                cmocka_unit_test(test_what_is_open_is_not_corrected),
                cmocka_unit_test(test_a_clock_that_nobody_believes_counts_nothing),
                cmocka_unit_test(test_a_reboot_whose_clock_is_good_measures_by_it)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
