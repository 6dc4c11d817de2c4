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

/* A town of many devices: number i belongs to the i-th resident's dwelling as `place` says. */
enum { TOWN = 400 };
static Device town_devices[TOWN];
static Dwelling town_homes[TOWN];
static Grid town_grids[TOWN];
static char town_codes[TOWN][16];

static void town_name(uint32_t i)
{
        town_codes[i][0] = 'n';
        town_codes[i][1] = (char)('a' + i / 26);
        town_codes[i][2] = (char)('a' + i % 26);
}

/* `n` devices; device i in home i; home i in grid and building as given. Beat: a minute for those below `quick`. */
static void town(Kit *k, uint32_t n, uint32_t quick, uint32_t per_grid, uint32_t per_building)
{
        begin(k);
        for (uint32_t i = 1; i < TOWN; i++)
                town_name(i);
        for (uint32_t i = 1; i <= n; i++) {
                town_grids[i] = (Grid){town_codes[i], "", 0};
                town_homes[i] = (Dwelling){.code = town_codes[i],
                        .building = per_building ? town_codes[1 + (i - 1) / per_building] : "",
                        .grid = 1 + (i - 1) / per_grid};
                town_devices[i] = (Device){.code = town_codes[i],
                        .class = DEVICE_BUTTON,
                        .dwelling = i,
                        .beat_us = i <= quick ? 60 * USEC_PER_SEC : 300 * USEC_PER_DAY};
        }
        k->registry.grids = town_grids;
        k->registry.dwellings = town_homes;
        k->registry.devices = town_devices;
        k->registry.n_grids = k->registry.n_dwellings = k->registry.n_devices = n + 1;
        k->unchecked_rows = true;
        kit_index(k);
        engine_registry_set(k->engine, &k->registry);
        roster_changed(k);
        forget(k);
}

static uint32_t areas(const Kit *k)
{
        uint32_t n = 0;

        for (uint64_t id = engine_next_open(k->engine, 0); id; id = engine_next_open(k->engine, id))
                n += view(k, id).area;
        return n;
}

/* Six of forty are no outage of the grid; all six of one building are one of the building. */
static void test_a_dark_building_in_a_lit_grid(void **state_)
{
        Kit k;

        town(&k, 40, 6, 40, 6);
        at(&k, 200);
        assert_int_equal(areas(&k), 1);
        assert_int_equal(faults(&k), 0);
        assert_true(view(&k, area(&k)).dwelling > 0);
        for (uint32_t i = 1; i <= 6; i++)
                status(&k, town_codes[i]);
        at(&k, 320);
        assert_int_equal(view(&k, area(&k)).condition, CONDITION_CLEARED);
        kit_end(&k);

        town(&k, 40, 6, 40, 0); /* the same, where no building has a name: six faults */
        at(&k, 200);
        assert_int_equal(areas(&k), 0);
        assert_int_equal(faults(&k), 6);
        kit_end(&k);

        town(&k, 40, 6, 40, 40); /* one building of forty: six are too few for it, too */
        at(&k, 200);
        assert_int_equal(areas(&k), 0);
        kit_end(&k);
}

/* Outages of more grids than are remembered: those beyond are faults, one by one. */
static void test_more_dark_grids_than_are_remembered(void **state_)
{
        Kit k;

        town(&k, 66 * 5, 66 * 5, 5, 0);
        k.limits.incidents_max = 512;
        kit_end(&k);
        {
                Kit big;

                kit_begin_with(&big, 1024, 64);
                big.registry = k.registry;
                big.registry.workers = NULL;
                big.registry.n_workers = 0;
                big.unchecked_rows = true;
                kit_index(&big);
                engine_registry_set(big.engine, &big.registry);
                roster_changed(&big);
                at(&big, 200);
                assert_int_equal(areas(&big), 64);
                assert_int_equal(faults(&big), 2 * 5);
                kit_end(&big);
        }
}

/* Devices that are bound to nobody, and homes that are in no grid, have no neighbours. */
static void test_who_lives_nowhere_is_no_neighbour(void **state_)
{
        Kit k;

        town(&k, 12, 12, 12, 0);
        for (uint32_t i = 1; i <= 6; i++)
                town_devices[i].dwelling = 0;
        town_devices[7].resident = 99;
        town_devices[7].dwelling = 0;
        town_homes[8].grid = 0;
        at(&k, 200);
        assert_int_equal(areas(&k), 0);
        assert_int_equal(faults(&k), 12);
        kit_end(&k);
}

/* Six lost over the day are six faults: an outage is sudden. And who was lost long before is none of it. */
static void test_slowly_lost_is_no_outage(void **state_)
{
        Kit k;

        town(&k, 12, 12, 12, 0);
        for (uint32_t i = 1; i <= 12; i++)
                town_devices[i].beat_us = (i <= 6 ? 5 * i : 60) * USEC_PER_MIN;
        roster_changed(&k);
        at(&k, 24 * 3600);
        assert_true(faults(&k) >= 6);
        kit_end(&k);
}

/* A device, its home or its matter may be gone when its turn comes. */
static void test_what_is_gone_when_an_outage_ends(void **state_)
{
        const char *code;
        Kit k;

        town(&k, 12, 8, 12, 0);
        at(&k, 100);
        status(&k, town_codes[8]); /* lost later than the others */
        {
                Event ev = action_of(ACTION_SHELVE, "d01", 0, NULL);

                (void)str_copy(ev.action.target, CODE_SIZE, town_codes[1]); /* its loss is nobody's matter */
                k.registry.workers[kit_worker(&k, "d01")].scope = SCOPE_SITE;
                ev.action.span_us = USEC_PER_HOUR;
                step(&k, &ev);
        }
        {
                StatusEvent s = nothing_said();

                s.tamper = 1;
                status_says(&k, town_codes[2], s); /* and this one is broken in another way as well */
        }
        at(&k, 300);
        assert_int_equal(areas(&k), 1);
        code = town_homes[3].code;
        town_homes[3].code = NULL;
        kit_index(&k);
        status(&k, town_codes[3]); /* back, from a home that is in no grid any more */
        town_devices[4].code = NULL;
        kit_index(&k);
        at(&k, 3 * 3600);
        assert_int_equal(areas(&k), 1);
        assert_int_equal(view(&k, area(&k)).condition, CONDITION_CLEARED);
        assert_true(faults(&k) > 0);
        town_homes[3].code = code;
        kit_end(&k);
}

/* Two outages that grow side by side: each takes its own. */
static void test_two_outages_side_by_side(void **state_)
{
        Kit k;

        town(&k, 20, 20, 20, 0);
        for (uint32_t i = 1; i <= 20; i++) {
                town_homes[i].grid = 1 + i % 2;
                town_devices[i].beat_us = (i <= 10 ? 60 : 6000) * USEC_PER_SEC; /* 5 of 10 in each */
        }
        roster_changed(&k);
        at(&k, 200);
        assert_int_equal(areas(&k), 2);
        assert_int_equal(faults(&k), 0);
        status(&k, town_codes[2]); /* one comes back, and is lost again: never more than there were */
        at(&k, 500);
        assert_int_equal(areas(&k), 2);
        kit_end(&k);
}

/* A member that is broken in another way is a fault of its own; one that nobody's registry or table has is none. */
static void test_what_is_no_child_of_an_outage(void **state_)
{
        StatusEvent s = nothing_said();
        const char *code;
        Kit k;

        town(&k, 14, 8, 14, 0);
        k.policy.mains_us = 200 * USEC_PER_SEC;
        kit_policy(&k);
        s.mains = 0;
        status_says(&k, town_codes[1], s);
        code = town_devices[12].code;
        town_devices[12].code = NULL;
        kit_index(&k);
        for (uint32_t i = 2; i <= 8; i++)
                if (i != 3) {
                        at(&k, 50);
                        status(&k, town_codes[i]);
                }
        at(&k, 205); /* 1 and 3 are lost, and 1 is without mains besides */
        assert_int_equal(faults(&k), 2);
        at(&k, 300);
        assert_int_equal(areas(&k), 1);
        assert_true(faults(&k) <= 1);
        town_devices[12].code = code;
        kit_end(&k);

        town(&k, 14, 8, 14, 0);
        k.limits.devices_max = 8; /* 1 to 7 are supervised */
        kit_restart(&k);
        roster_changed(&k);
        at(&k, 400);
        assert_int_equal(areas(&k), 1);
        for (uint32_t i = 1; i <= 7; i++)
                status(&k, town_codes[i]);
        at(&k, 500);
        assert_int_equal(view(&k, area(&k)).condition, CONDITION_CLEARED);
        kit_end(&k);
}

/* The house that is dark is taken from the registry, or loses its name. */
static void test_a_dark_house_that_is_no_more(void **state_)
{
        Kit k;

        for (int way = 0; way < 2; way++) {
                const char *code;

                town(&k, 40, 6, 40, 6);
                at(&k, 200);
                assert_int_equal(areas(&k), 1);
                code = town_homes[5].code;
                for (uint32_t i = 1; i <= 6; i++) {
                        if (way)
                                town_homes[i].building = NULL;
                        else if (i == view(&k, area(&k)).dwelling)
                                town_homes[i].code = NULL;
                }
                kit_index(&k);
                roster_changed(&k);
                status(&k, town_codes[6]);
                at(&k, 3 * 3600);
                assert_true(areas(&k) <= 1);
                town_homes[5].code = code;
                kit_end(&k);
        }
        town(&k, 40, 6, 40, 0);
        for (uint32_t i = 1; i <= 40; i++)
                town_homes[i].building = NULL;
        at(&k, 200);
        assert_int_equal(areas(&k), 0);
        kit_end(&k);
}

/* Resolved, closed, and its slot taken by somebody in need before the outage looks again: it ends all the same. */
static void test_an_outage_whose_matter_has_left_the_memory(void **state_)
{
        uint64_t id;
        Kit k;

        town(&k, 12, 8, 12, 0);
        k.limits.incidents_max = 12;
        k.policy.classes[CLASS_CHECK].reopen_us = 1;
        kit_restart(&k);
        kit_policy(&k);
        at(&k, 200);
        id = area(&k);
        assert_true(id > 0);
        at(&k, 245);
        act(&k, ACTION_ACCEPT, "c01", id);
        act(&k, ACTION_ARRIVED, "c01", id);
        resolve(&k, "c01", id, "helped");
        at(&k, 246);
        for (uint32_t i = 1; i <= 12; i++) {
                press(&k, town_codes[i], "p");
                alarm(&k, ALARM_SMOKE, town_codes[i], "s");
        }
        assert_false(engine_view(k.engine, id, k.now, &(IncidentView){0}));
        at(&k, 400);
        assert_int_equal(areas(&k), 0);
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
                cmocka_unit_test(test_a_dark_building_in_a_lit_grid),
                cmocka_unit_test(test_more_dark_grids_than_are_remembered),
                cmocka_unit_test(test_who_lives_nowhere_is_no_neighbour),
                cmocka_unit_test(test_slowly_lost_is_no_outage),
                cmocka_unit_test(test_what_is_gone_when_an_outage_ends),
                cmocka_unit_test(test_two_outages_side_by_side),
                cmocka_unit_test(test_what_is_no_child_of_an_outage),
                cmocka_unit_test(test_a_dark_house_that_is_no_more),
                cmocka_unit_test(test_an_outage_whose_matter_has_left_the_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
