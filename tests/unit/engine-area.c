/* SPDX-License-Identifier: Apache-2.0 */
/* Many devices of one place lost at once are one matter. */
#include "engine-kit.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Grid g1 has nine devices of buildings 101 and 102, grid g2 two. Beat 60 s: lost after 180 s. */
static const char *const g1[] = {"sos-101", "smoke-101", "gas-101", "sos-102", "smoke-102", "smoke2-101",
        "band-101", "pend-102a", "pend-102b"};
#define N_G1 9

static void begin(Kit *k)
{
        kit_begin(k);
        for (unsigned c = 0; c < DEVICE_CLASS_MAX; c++)
                k->policy.beat_us[c] = 60 * USEC_PER_SEC;
        kit_policy(k);
        forget(k);
}

/* Those of g1 from `first` on live, and all of g2. */
static void beats(Kit *k, double from, double to, unsigned first)
{
        for (double t = from; t <= to; t += 60) {
                at(k, t);
                for (unsigned i = first; i < N_G1; i++)
                        status(k, g1[i]);
                status(k, "sos-201");
                status(k, "smoke-201");
        }
}

static uint64_t area(const Kit *k)
{
        for (uint64_t id = engine_next_open(k->engine, 0); id; id = engine_next_open(k->engine, id))
                if (view(k, id).area)
                        return id;
        return 0;
}

static uint32_t faults(const Kit *k)
{
        uint32_t n = 0;

        for (uint64_t id = engine_next_open(k->engine, 0); id; id = engine_next_open(k->engine, id))
                n += view(k, id).group == GROUP_FAULT && !view(k, id).area;
        return n;
}

static void test_five_of_nine_are_one_matter(void **state_)
{
        Kit k;
        uint64_t id;

        begin(&k);
        beats(&k, 60, 240, 5);
        id = area(&k);
        assert_true(id > 0);
        assert_int_equal(view(&k, id).priority, 3);
        assert_int_equal(view(&k, id).why, REASON_AREA);
        assert_int_equal(faults(&k), 0); /* the first four were folded into it */
        assert_int_equal(engine_open_count(k.engine), 1);
        assert_string_equal(row(&k, JOURNAL_CLOSED)->outcome, "area");
        assert_true(notified(&k, "w01") > 0);
        kit_end(&k);
}

static void test_four_are_four_faults(void **state_)
{
        Kit k;

        begin(&k);
        beats(&k, 60, 400, 4);
        assert_int_equal(area(&k), 0);
        assert_int_equal(faults(&k), 4);
        kit_end(&k);
}

static void test_further_losses_call_nobody(void **state_)
{
        Kit k;

        begin(&k);
        beats(&k, 60, 240, 5);
        forget(&k);
        beats(&k, 300, 480, 7);
        assert_int_equal(faults(&k), 0);
        assert_int_equal(rows(&k, JOURNAL_DEVICE), 2);
        kit_end(&k);
}

static void test_ninety_percent_back_ends_it_and_a_human_closes_it(void **state_)
{
        Kit k;
        uint64_t id;

        begin(&k);
        beats(&k, 60, 240, 5);
        id = area(&k);
        beats(&k, 300, 300, 0);
        assert_int_equal(view(&k, id).condition, CONDITION_CLEARED);
        assert_int_equal(state(&k, id), STATE_ALERTING);
        assert_int_equal(faults(&k), 0);
        resolve(&k, "w01", id, "device_fault");
        expect_reply(&k, REPLY_OK, REASON_NONE);
        kit_end(&k);
}

static void test_after_two_hours_the_silent_are_faults_with_their_original_time(void **state_)
{
        Kit k;
        uint64_t id;

        begin(&k);
        beats(&k, 60, 240, 5);
        id = area(&k);
        beats(&k, 300, 240 + 7200, 3); /* two are back */
        assert_int_equal(faults(&k), 3);
        assert_int_equal(view(&k, id).condition, CONDITION_CLEARED);
        for (uint64_t n = engine_next_open(k.engine, id); n; n = engine_next_open(k.engine, n)) {
                assert_int_equal(view(&k, n).why, REASON_LOST);
                assert_int_equal(view(&k, n).opened_us, k.start_wall_us + 180 * 1000000ll);
        }
        kit_end(&k);
}

static void test_resolved_early_the_silent_are_faults_at_once(void **state_)
{
        Kit k;

        begin(&k);
        beats(&k, 60, 240, 5);
        resolve(&k, "w01", area(&k), "device_fault");
        beats(&k, 300, 360, 5);
        assert_int_equal(faults(&k), 5);
        kit_end(&k);
}

static void test_who_is_on_the_way_keeps_his_own(void **state_)
{
        Kit k;

        begin(&k);
        beats(&k, 60, 180, 1); /* sos-101 never said a word */
        assert_int_equal(faults(&k), 1);
        act(&k, ACTION_ACCEPT, "w01", 1);
        beats(&k, 240, 420, 6);
        assert_true(area(&k) > 0);
        assert_int_equal(state(&k, 1), STATE_ACCEPTED);
        assert_int_equal(faults(&k), 1);
        kit_end(&k);
}

static void test_a_press_from_a_dark_area_is_as_urgent_as_ever(void **state_)
{
        Kit k;
        IncidentView v;

        begin(&k);
        beats(&k, 60, 240, 5);
        forget(&k);
        press(&k, "sos-102", "1");
        assert_true(notified(&k, "w01") > 0);
        v = view(&k, engine_next_incident(k.engine) - 1);
        assert_int_equal(v.priority, 1);
        kit_end(&k);
}

static void test_after_a_restart_the_silent_are_not_forgotten(void **state_)
{
        Kit k;

        begin(&k);
        beats(&k, 60, 240, 5);
        kit_restart(&k);
        beats(&k, 300, 480, 5);
        assert_true(area(&k) > 0);
        beats(&k, 540, 540 + 7500, 5);
        assert_int_equal(faults(&k), 5);
        kit_end(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_five_of_nine_are_one_matter),
                cmocka_unit_test(test_four_are_four_faults),
                cmocka_unit_test(test_further_losses_call_nobody),
                cmocka_unit_test(test_ninety_percent_back_ends_it_and_a_human_closes_it),
                cmocka_unit_test(test_after_two_hours_the_silent_are_faults_with_their_original_time),
                cmocka_unit_test(test_resolved_early_the_silent_are_faults_at_once),
                cmocka_unit_test(test_who_is_on_the_way_keeps_his_own),
                cmocka_unit_test(test_a_press_from_a_dark_area_is_as_urgent_as_ever),
                cmocka_unit_test(test_after_a_restart_the_silent_are_not_forgotten),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
