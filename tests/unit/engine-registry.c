/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registries as years make them: numbers that are no longer in use, people beyond the table of workers, hundreds of
 * grids, and rings of parents, which no import lets in, and which must end all the same.
 */
#include "engine-kit.h"

#include "base/str.h"
#include "engine/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define R(x) (1u << ROLE_##x)

static void test_what_is_not_in_the_registry_is_nothing(void **state_)
{
        const uint32_t beyond = 1000;
        const char *codes[5];
        Registry *r;
        Kit k;

        kit_begin(&k);
        r = &k.registry;
        for (uint32_t id = 0; id <= 1; id++) {
                assert_null(registry_grid(NULL, id));
                assert_null(registry_dwelling(NULL, id));
                assert_null(registry_resident(NULL, id));
                assert_null(registry_device(NULL, id));
                assert_null(registry_worker(NULL, id));
        }
        for (int i = 0; i < 2; i++) {
                uint32_t id = i ? beyond : 0;

                assert_null(registry_grid(r, id));
                assert_null(registry_dwelling(r, id));
                assert_null(registry_resident(r, id));
                assert_null(registry_device(r, id));
                assert_null(registry_worker(r, id));
        }
        assert_int_equal(registry_grid_id(NULL, "g1") + registry_dwelling_id(NULL, "101") +
                                 registry_resident_id(NULL, "r101") + registry_device_id(NULL, "sos-101") +
                                 registry_worker_id(NULL, "w01"),
                0);
        assert_int_equal(registry_dwelling_id(r, "101"), 1);
        assert_int_equal(registry_dwelling_id(r, "999"), 0);
        codes[0] = r->grids[2].code;
        codes[1] = r->dwellings[1].code;
        codes[2] = r->residents[1].code;
        codes[3] = r->devices[1].code;
        codes[4] = r->workers[1].code;
        ((Grid *)&r->grids[2])->code = ((Dwelling *)&r->dwellings[1])->code =
                ((Resident *)&r->residents[1])->code = ((Device *)&r->devices[1])->code =
                        ((Worker *)&r->workers[1])->code = NULL;
        kit_index(&k);
        assert_null(registry_grid(r, 2));
        assert_null(registry_dwelling(r, 1));
        assert_null(registry_resident(r, 1));
        assert_null(registry_device(r, 1));
        assert_null(registry_worker(r, 1));
        assert_int_equal(registry_worker_id(r, "w01"), 0);
        {
                RosterProblem p;

                (void)roster_check(r, &k.policy, k.now, &p); /* lives through all of it */
                assert_true(roster_missing_roles(r, &k.policy) != 0);
        }
        roster_changed(&k);
        press(&k, "sos-102", "1");
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        ((Grid *)&r->grids[2])->code = codes[0];
        ((Dwelling *)&r->dwellings[1])->code = codes[1];
        ((Resident *)&r->residents[1])->code = codes[2];
        ((Device *)&r->devices[1])->code = codes[3];
        kit_end(&k);
}

static Worker in_building(const char *building)
{
        return (Worker){.code = "b",
                .role = ROLE_BUILDING_HEAD,
                .scope = SCOPE_BUILDING,
                .scope_building = building};
}

static void test_who_serves_a_building(void **state_)
{
        Worker head = in_building("1"), nobody = in_building(NULL);
        const Registry *r;
        Dwelling before;
        Kit k;

        kit_begin(&k);
        r = &k.registry;
        assert_true(roster_covers(r, &head, 2, 1, 1));
        assert_false(roster_covers(r, &head, 3, 3, 4)); /* another building */
        assert_false(roster_covers(r, &head, 2, 0, 0)); /* no dwelling */
        assert_false(roster_covers(r, &nobody, 2, 1, 1));
        before = r->dwellings[1];
        ((Dwelling *)&r->dwellings[1])->building = NULL;
        assert_false(roster_covers(r, &head, 2, 1, 1));
        ((Dwelling *)&r->dwellings[1])->building = before.building;
        head = (Worker){.code = "f", .role = ROLE_FAMILY, .scope = SCOPE_RESIDENT, .scope_id = 99};
        assert_false(roster_covers(r, &head, 2, 1, 1)); /* the family of somebody who has left */
        kit_end(&k);
}

/* A ring, and a parent that is gone: what belongs to whom ends somewhere. */
static void test_a_ring_of_grids_ends(void **state_)
{
        Duty d;
        Kit k;

        kit_begin(&k);
        ((Grid *)&k.registry.grids[2])->parent = 3;
        ((Grid *)&k.registry.grids[3])->parent = 2;
        assert_false(
                roster_covers(&k.registry, registry_worker(&k.registry, kit_worker(&k, "s01")), 3, 3, 4));
        d = (Duty){.worker = kit_worker(&k, "d01"), .days = 0x7f, .from_minute = 0, .to_minute = 60};
        k.registry.duties = &d;
        k.registry.n_duties = 1;
        roster_changed(&k);
        at(&k, 10);
        assert_int_equal(view(&k, 1).cause, SYSTEM_ROSTER);
        ((Grid *)&k.registry.grids[2])->parent = 99;
        assert_false(
                roster_covers(&k.registry, registry_worker(&k.registry, kit_worker(&k, "s01")), 2, 1, 1));
        roster_changed(&k);
        at(&k, 20);
        ((Grid *)&k.registry.grids[2])->parent = ((Grid *)&k.registry.grids[3])->parent = 1;
        kit_end(&k);
}

/* The index of places holds what is bound to nothing, and finds the people of a dwelling that is gone. */
static void test_who_is_near_a_place_that_is_gone(void **state_)
{
        Resident before;
        uint32_t n = 0;
        Kit k;

        kit_begin(&k);
        before = k.registry.residents[1];
        ((Resident *)&k.registry.residents[1])->dwelling = 99;
        k.registry.workers[kit_worker(&k, "w04")].scope = SCOPE_RESIDENT;
        k.registry.workers[kit_worker(&k, "w04")].scope_id = 99;
        kit_index(&k);
        assert_int_equal(roster_sole_resident(&k.registry, 1), 0);
        assert_int_equal(roster_sole_resident(&k.registry, 99), 0);
        assert_int_equal(roster_sole_resident(NULL, 1), 0);
        for (uint32_t id = 0; (id = roster_near(&k.registry, id, 99, 0));)
                n++;
        assert_int_equal(n, 7 + 2); /* all but the kin of residents, and those whose resident is gone */
        assert_int_equal(roster_near(NULL, 0, 1, 1), 0);
        *(Resident *)&k.registry.residents[1] = before;
        kit_end(&k);
}

static void test_from_when_to_when_a_duty_holds(void **state_)
{
        Duty d[2];
        Now now;
        Kit k;

        kit_begin(&k);
        d[0] = (Duty){.worker = kit_worker(&k, "w01"),
                .days = 0x7f,
                .from_minute = 0,
                .to_minute = 1440,
                .valid_from = 20251129,
                .valid_to = 20251130};
        k.registry.duties = d;
        k.registry.n_duties = 1;
        now = k.now;
        for (int day = 0; day < 4; day++) { /* 28 November to 1 December */
                assert_int_equal(
                        roster_rostered(&k.registry, kit_worker(&k, "w01"), now), day == 1 || day == 2);
                now.wall_us += (int64_t)USEC_PER_DAY;
        }
        assert_true(roster_has_duty(&k.registry, kit_worker(&k, "w01")));
        d[0].worker = kit_worker(&k, "w02");
        assert_false(roster_has_duty(&k.registry, kit_worker(&k, "w01")));
        d[0].valid_from = d[0].valid_to = 0;
        now.wall_us = -(int64_t)(30 * USEC_PER_HOUR) + 1; /* before 1970, and in the middle of a minute */
        assert_true(roster_next(&k.registry, now, 0) > now.wall_us);
        kit_end(&k);
}

/* Four hundred grids in which nobody is on duty: each is told, over as many lists as it takes. */
enum { GRIDS = GAP_GRIDS_MAX + 4 };

static void test_gaps_of_many_grids(void **state_)
{
        static Grid grids[GRIDS];
        static Dwelling dwellings[GRIDS];
        static char codes[GRIDS][16];
        static Worker workers[5];
        const uint32_t lived_in = 300;
        uint32_t told = 0;
        Duty d[2];
        Kit k;

        kit_begin_with(&k, 1024, 64);
        k.unchecked_rows = true;
        for (uint32_t i = 1; i < GRIDS; i++) {
                (void)snprintf(codes[i], 16, "n%u", i);
                grids[i] = (Grid){codes[i], "", i == 1 ? 0 : 1};
                dwellings[i] =
                        (Dwelling){.code = codes[i], .grid = i <= lived_in ? i : GRIDS - 1, .building = ""};
        }
        workers[1] =
                (Worker){.code = "y1", .role = ROLE_WORKER, .scope = SCOPE_SITE, .client = CLIENT_PLAIN};
        workers[2] = (Worker){.code = "y2", .role = ROLE_WORKER, .scope = SCOPE_GRID, .scope_id = GRIDS - 1};
        workers[3] = (Worker){.code = "y3", .role = ROLE_FAMILY, .scope = SCOPE_SITE};
        workers[4] =
                (Worker){.code = "y4", .role = ROLE_WORKER, .scope = SCOPE_BUILDING, .scope_building = "1"};
        d[0] = (Duty){.worker = 1, .days = 0x7f, .from_minute = 20 * 60, .to_minute = 21 * 60};
        d[1] = (Duty){.worker = 2, .days = 0x7f, .from_minute = 20 * 60, .to_minute = 21 * 60};
        k.registry.grids = grids;
        k.registry.dwellings = dwellings;
        k.registry.workers = workers;
        k.registry.n_grids = k.registry.n_dwellings = GRIDS;
        k.registry.n_workers = 5;
        k.registry.duties = d;
        k.registry.n_duties = 2;
        for (uint32_t i = 0; i < k.registry.n_residents; i++)
                ((Resident *)&k.registry.residents[i])->dwelling += 0;
        grids[5].parent = GRIDS - 1; /* whose people are looked at by nobody: it is beyond the table */
        dwellings[7].code = NULL;    /* nobody lives there any more */
        kit_index(&k);
        engine_registry_set(k.engine, &k.registry);
        {
                Event ev = {.type = EVENT_ROSTER}, off = action_of(ACTION_OFF, "y4", 0, NULL);

                assert_int_equal(engine_step(k.engine, &ev, k.now, &k.list), ENGINE_E_MORE);
                (void)engine_step(k.engine, &off, k.now, &k.list); /* while the look at the table goes on */
                k.next_seq = engine_next_seq(k.engine);
        }
        at(&k, 60);
        for (uint64_t id = engine_next_open(k.engine, 0); id; id = engine_next_open(k.engine, id))
                told += view(&k, id).cause == SYSTEM_ROSTER;
        assert_int_equal(told, lived_in - 1);
        at(&k, 10 * 3600 + 60); /* 20:00: somebody is there */
        for (uint64_t id = engine_next_open(k.engine, 0); id; id = engine_next_open(k.engine, id))
                assert_int_equal(view(&k, id).condition, CONDITION_CLEARED);
        kit_end(&k);
}

/* Closed by a desk, and at the time of the gap nobody is there: it is opened once more. */
static void test_a_gap_that_was_closed_and_comes(void **state_)
{
        Duty d;
        Kit k;

        kit_begin(&k);
        k.policy.classes[CLASS_SYSTEM].reopen_us = USEC_PER_DAY;
        k.policy.classes[CLASS_SOS].tiers[1].present = false;
        kit_policy(&k);
        d = (Duty){
                .worker = kit_worker(&k, "w01"), .days = 0x7f, .from_minute = 8 * 60, .to_minute = 18 * 60};
        k.registry.duties = &d;
        k.registry.n_duties = 1;
        roster_changed(&k);
        assert_int_equal(view(&k, 1).priority, 5);
        act(&k, ACTION_ACCEPT, "d01", 1);
        act(&k, ACTION_ARRIVED, "d01", 1);
        resolve(&k, "d01", 1, "helped");
        at(&k, 6 * 3600);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        assert_int_equal(view(&k, 1).priority, 4);
        act(&k, ACTION_ACCEPT, "d01", 1);
        forget(&k);
        at(&k, 8 * 3600); /* accepted: more urgent, and nobody new is called */
        assert_int_equal(view(&k, 1).priority, 3);
        assert_int_equal(notified(&k, "d01"), 0);
        roster_changed(&k); /* looked at anew: still a gap, no news */
        at(&k, 22 * 3600);
        assert_int_equal(view(&k, 1).condition, CONDITION_CLEARED);
        roster_changed(&k);
        at(&k, 22 * 3600 + 60);
        kit_end(&k);
}

/* Somebody else beyond the table has the next shift: who went before stays no longer. */
static void another_follows(Kit *k, Worker *workers, Duty *d, uint32_t far)
{
        d[0].to_minute = 11 * 60;
        d[1] = (Duty){.worker = far + 1, .days = 0x7f, .from_minute = 11 * 60, .to_minute = 0};
        workers[far + 1] = workers[far];
        workers[far + 1].code = "far2";
        workers[far].client = workers[far + 1].client = CLIENT_PLAIN;
        k->registry.n_workers = far + 2;
        k->registry.n_duties = 2;
        kit_index(k);
        roster_changed(k);
        at(k, 3700); /* 11:01: the one who follows is beyond the table, too, and there */
        assert_false(engine_worker_on(k->engine, far, k->now));
}

/* Whoever has a number beyond the table of workers can do everything but be absent. */
static void test_a_worker_beyond_the_table(void **state_)
{
        const uint32_t far = WORKERS_MAX + 7;
        Worker *workers = calloc(far + 2, sizeof(Worker));
        Duty *d = calloc(2, sizeof(Duty));
        Event ev;
        Kit k;

        kit_begin(&k);
        k.unchecked_rows = true;
        k.phones_off = true;
        k.policy.channels[0] = (PersonChannel){.name = "sms",
                .personal = true,
                .roles = R(WORKER),
                .priority = 2,
                .receipt_us = 30 * USEC_PER_SEC,
                .gap_us = 120 * USEC_PER_SEC};
        kit_policy(&k);
        memcpy(workers, k.registry.workers, k.registry.n_workers * sizeof(Worker));
        workers[kit_worker(&k, "w01")].code = NULL;
        workers[far] = (Worker){"far", "", "", ROLE_WORKER, CLIENT_APP, SCOPE_GRID, 2, NULL};
        k.registry.workers = workers;
        k.registry.n_workers = far + 1;
        kit_index(&k);
        engine_registry_set(k.engine, &k.registry);
        roster_changed(&k);
        press(&k, "sos-101", "1");
        assert_int_equal(notified(&k, "far"), 1);
        at(&k, 11);
        assert_int_equal(notified(&k, "far"), 2); /* by SMS, which nobody remembers for the next time */
        presence(&k, "far", true);
        presence(&k, "far", false);
        at(&k, 300);
        assert_true(engine_worker_on(k.engine, far, k.now));
        act(&k, ACTION_ACCEPT, "far", 1);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        press(&k, "sos-201", "1"); /* of another grid: not his */
        ev = action_of(ACTION_OFF, "far", 0, NULL);
        step(&k, &ev);
        expect_reply(&k, REPLY_REFUSED, REASON_OPEN_MATTERS);
        act(&k, ACTION_RELEASE, "far", 1);
        ev = action_of(ACTION_OFF, "far", 0, NULL);
        step(&k, &ev); /* recorded; whether he is there is for the roster alone to say */
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_true(engine_worker_on(k.engine, far, k.now));
        engine_restore_duty(k.engine, far, false, k.now.wall_us);
        assert_true(engine_worker_on(k.engine, far, k.now));
        ev = (Event){.type = EVENT_SYSTEM, .system = {.cause = SYSTEM_BROKER, .raise = false}};
        step(&k, &ev); /* everybody's presence is forgotten, as far as the table goes */
        k.policy.presence_grace_us = 60 * USEC_PER_SEC;
        kit_policy(&k);
        step(&k, &ev);
        *d = (Duty){.worker = far, .days = 0x7f, .from_minute = 0, .to_minute = 12 * 60};
        k.registry.duties = d;
        k.registry.n_duties = 1;
        roster_changed(&k);
        at(&k, 500);
        assert_true(engine_worker_on(k.engine, far, k.now));
        another_follows(&k, workers, d, far);
        kit_end(&k);
        free(workers);
        free(d);
}

/* The chart of the Royal College of Physicians, at its edges. */
static void test_news2_points(void **state_)
{
        static const struct {
                Vital vital;
                double value;
                unsigned points;
        } cases[] = {{VITAL_RESP, 8, 3}, {VITAL_RESP, 9, 1}, {VITAL_RESP, 11, 1}, {VITAL_RESP, 12, 0},
                {VITAL_RESP, 20, 0}, {VITAL_RESP, 21, 2}, {VITAL_RESP, 24, 2}, {VITAL_RESP, 25, 3},
                {VITAL_SPO2, 91, 3}, {VITAL_SPO2, 92, 2}, {VITAL_SPO2, 94, 1}, {VITAL_SPO2, 96, 0},
                {VITAL_SYS, 90, 3}, {VITAL_SYS, 91, 2}, {VITAL_SYS, 101, 1}, {VITAL_SYS, 111, 0},
                {VITAL_SYS, 219, 0}, {VITAL_SYS, 220, 3}, {VITAL_HR, 40, 3}, {VITAL_HR, 41, 1},
                {VITAL_HR, 51, 0}, {VITAL_HR, 90, 0}, {VITAL_HR, 91, 1}, {VITAL_HR, 111, 2},
                {VITAL_HR, 131, 3}, {VITAL_TEMP, 35, 3}, {VITAL_TEMP, 36, 1}, {VITAL_TEMP, 37, 0},
                {VITAL_TEMP, 38.1, 1}, {VITAL_TEMP, 39.1, 2}, {VITAL_DIA, 200, 0}};

        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                assert_int_equal(news2_points(cases[i].vital, cases[i].value), cases[i].points);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_is_not_in_the_registry_is_nothing),
                cmocka_unit_test(test_who_serves_a_building),
                cmocka_unit_test(test_a_ring_of_grids_ends),
                cmocka_unit_test(test_who_is_near_a_place_that_is_gone),
                cmocka_unit_test(test_from_when_to_when_a_duty_holds),
                cmocka_unit_test(test_gaps_of_many_grids),
                cmocka_unit_test(test_a_gap_that_was_closed_and_comes),
                cmocka_unit_test(test_a_worker_beyond_the_table),
                cmocka_unit_test(test_news2_points),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
