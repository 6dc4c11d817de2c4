/* SPDX-License-Identifier: Apache-2.0 */
/* The roster as time goes on: boundaries, overrides, holidays, gaps, who stays until the successor is there. */
#include "engine-kit.h"

#include "engine/internal.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static Duty duty_row(const Kit *k, const char *worker, unsigned from_minute, unsigned to_minute)
{
        return (Duty){.worker = kit_worker(k, worker),
                .days = 0x7f,
                .from_minute = (uint16_t)from_minute,
                .to_minute = (uint16_t)to_minute};
}

static void duties(Kit *k, Duty *rows_, uint32_t n)
{
        k->registry.duties = rows_;
        k->registry.n_duties = n;
        roster_changed(k);
}

static void overrides(Kit *k, Override *rows_, uint32_t n)
{
        k->registry.overrides = rows_;
        k->registry.n_overrides = n;
        roster_changed(k);
}

/* The kit begins on Friday 2025-11-28 at 10:00. */
static bool on_at(Kit *k, const char *worker, int64_t minutes)
{
        Now now = k->now;

        now.wall_us = k->start_wall_us + minutes * (int64_t)USEC_PER_MIN;
        return roster_rostered(&k->registry, kit_worker(k, worker), now);
}

static const Duty *a_day_shift(Kit *k)
{
        static Duty day;

        day = duty_row(k, "w01", 8 * 60, 18 * 60);
        duties(k, &day, 1);
        return &day;
}

static void test_who_comes_on_duty_by_the_table_is_called_at_that_moment(void **state_)
{
        Kit k;
        Duty late;

        kit_begin(&k);
        late = duty_row(&k, "w01", 10 * 60 + 5, 12 * 60);
        duties(&k, &late, 1);
        press(&k, "sos-101", "1");
        assert_int_equal(tier(&k, 1 + 1), 2); /* incident 1 tells of the gap that is there already */
        at(&k, 299);
        assert_int_equal(notified(&k, "w01"), 0);
        at(&k, 300);
        assert_int_equal(notified_why(&k, "w01", REASON_JOINED), 1);
        kit_end(&k);
}

static void test_an_override_goes_before_the_table_and_somebody_is_on_where_two_disagree(void **state_)
{
        Kit k;
        Override o[3];
        const LocalStamp day = (LocalStamp)20251128 * 1440;

        kit_begin(&k);
        o[0] = (Override){kit_worker(&k, "w01"), false, day + 12 * 60, day + 13 * 60};
        o[1] = (Override){kit_worker(&k, "w01"), true, day + 12 * 60 + 30, day + 12 * 60 + 40};
        o[2] = (Override){kit_worker(&k, "w02"), true, day + 20 * 60, day + 21 * 60};
        a_day_shift(&k);
        overrides(&k, o, 3);
        assert_true(on_at(&k, "w01", 119));
        assert_false(on_at(&k, "w01", 120));
        assert_true(on_at(&k, "w01", 150));
        assert_false(on_at(&k, "w01", 160));
        assert_true(on_at(&k, "w01", 180));
        assert_true(on_at(&k, "w02", 600)); /* no row of the table: always */
        assert_int_equal(roster_next(&k.registry, k.now, 0) - k.start_wall_us, 120 * (int64_t)USEC_PER_MIN);
        assert_int_equal(roster_next(&k.registry, k.now, -(int64_t)USEC_PER_HOUR) - k.start_wall_us,
                60 * (int64_t)USEC_PER_MIN);
        k.now.wall_us += (int64_t)(150 * USEC_PER_MIN);
        assert_int_equal(roster_next(&k.registry, k.now, 0) - k.start_wall_us, 160 * (int64_t)USEC_PER_MIN);
        k.registry.n_overrides = k.registry.n_duties = 0;
        assert_int_equal(roster_next(&k.registry, k.now, 0), INT64_MAX);
        kit_end(&k);
}

static void test_workdays_and_holidays_go_by_the_calendar(void **state_)
{
        Kit k;
        Duty d[2];
        /* Friday is a day off, for which people work on Saturday. */
        Holiday h[] = {{20251128, false}, {20251129, true}};
        const int64_t day = 1440;

        kit_begin(&k);
        d[0] = duty_row(&k, "w01", 8 * 60, 18 * 60);
        d[0].days = DUTY_WORKDAYS;
        d[1] = duty_row(&k, "w02", 20 * 60, 8 * 60);
        d[1].days = DUTY_HOLIDAYS;
        duties(&k, d, 2);
        assert_true(on_at(&k, "w01", 0));
        assert_false(on_at(&k, "w01", day));
        k.registry.holidays = h;
        k.registry.n_holidays = 2;
        assert_false(on_at(&k, "w01", 0));
        assert_true(on_at(&k, "w01", day));
        assert_false(on_at(&k, "w01", 2 * day)); /* Sunday */
        assert_true(on_at(&k, "w01", 3 * day));
        assert_true(on_at(&k, "w02", 11 * 60));        /* Friday 21:00 */
        assert_true(on_at(&k, "w02", 21 * 60));        /* Saturday 7:00: begun on the day off */
        assert_false(on_at(&k, "w02", day + 11 * 60)); /* Saturday 21:00 */
        kit_end(&k);
}

static IncidentView gap_of(Kit *k)
{
        IncidentView v = view(k, 1);

        assert_int_equal(v.group, GROUP_SYSTEM);
        assert_int_equal(v.cause, SYSTEM_ROSTER);
        assert_string_equal(v.word, "worker");
        assert_int_equal(v.grid, 2);
        return v;
}

static void test_a_gap_is_told_a_day_and_two_hours_before_and_when_it_begins(void **state_)
{
        Kit k;

        kit_begin(&k);
        a_day_shift(&k);
        assert_int_equal(gap_of(&k).priority, 5);
        assert_int_equal(notified(&k, "d01"), 1); /* the desk */
        assert_int_equal(notified(&k, "o01"), 0);
        act(&k, ACTION_ACCEPT, "d01", 1);
        at(&k, 6 * 3600 - 1);
        assert_int_equal(gap_of(&k).priority, 5);
        at(&k, 6 * 3600);
        assert_int_equal(gap_of(&k).priority, 4);
        at(&k, 8 * 3600);
        assert_int_equal(gap_of(&k).priority, 3);
        assert_int_equal(gap_of(&k).condition, CONDITION_ACTIVE);
        at(&k, 22 * 3600);
        assert_int_equal(gap_of(&k).condition, CONDITION_CLEARED);
        assert_int_equal(engine_open_count(k.engine), 1);
        kit_end(&k);
}

static void test_no_gap_where_another_of_the_tier_is_there(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.registry.workers[kit_worker(&k, "w03")].scope_id = 2;
        a_day_shift(&k);
        at(&k, 30 * 3600);
        assert_int_equal(engine_open_count(k.engine), 0);
        assert_true(engine_deadline(k.engine) > k.now.boot_us); /* and nothing runs hot */
        kit_end(&k);
}

static void test_without_a_table_nobody_looks_at_it(void **state_)
{
        Kit k;

        kit_begin(&k);
        roster_changed(&k);
        assert_true(engine_deadline(k.engine) == UINT64_MAX);
        kit_end(&k);
}

/* w01 until 11:00, then w03 in the same grid. */
static void shifts(Kit *k, Duty d[2])
{
        k->registry.workers[kit_worker(k, "w03")].scope_id = 2;
        d[0] = duty_row(k, "w01", 7 * 60, 11 * 60);
        d[1] = duty_row(k, "w03", 11 * 60, 7 * 60);
        duties(k, d, 2);
}

static void test_a_shift_ends_when_the_successor_is_there(void **state_)
{
        Kit k;
        Duty d[2];

        kit_begin(&k);
        shifts(&k, d);
        at(&k, 3600);
        assert_false(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        assert_true(engine_worker_on(k.engine, kit_worker(&k, "w03"), k.now));
        assert_int_equal(engine_open_count(k.engine), 0);
        kit_end(&k);
}

static void test_the_outgoing_person_stays_until_the_successor_is_there_at_most_an_hour(void **state_)
{
        Kit k;
        Duty d[2];

        kit_begin(&k);
        shifts(&k, d);
        at(&k, 3500);
        act(&k, ACTION_OFF, "w03", 0);
        at(&k, 3600);
        assert_true(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        press(&k, "sos-101", "1");
        assert_int_equal(notified(&k, "w01"), 1);
        at(&k, 4000);
        act(&k, ACTION_ON, "w03", 0);
        assert_false(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        act(&k, ACTION_OFF, "w03", 0);
        at(&k, 7199);
        assert_true(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        at(&k, 7200);
        assert_false(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        kit_end(&k);
}

static void test_a_shifts_end_changes_no_owner(void **state_)
{
        Kit k;
        Duty d[2];

        kit_begin(&k);
        shifts(&k, d);
        at(&k, 3590);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        at(&k, 3700);
        assert_int_equal(view(&k, 1).owner, kit_worker(&k, "w01"));
        act(&k, ACTION_OFF, "w01", 0);
        expect_reply(&k, REPLY_REFUSED, REASON_OPEN_MATTERS);
        act(&k, ACTION_RELEASE, "w01", 1);
        act(&k, ACTION_OFF, "w01", 0);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        kit_end(&k);
}

static void test_a_ladder_must_end_with_somebody_at_every_hour(void **state_)
{
        Kit k;
        Duty d;
        Override away;
        RosterProblem p;

        kit_begin(&k);
        assert_true(roster_check(&k.registry, &k.policy, k.now, &p));
        d = duty_row(&k, "c01", 8 * 60, 18 * 60);
        k.registry.duties = &d;
        k.registry.n_duties = 1;
        assert_false(roster_check(&k.registry, &k.policy, k.now, &p));
        assert_int_equal(p.tier, 5);
        assert_int_equal(p.class, CLASS_SOS);
        assert_int_equal(p.roles, 1u << ROLE_DISTRICT);
        assert_int_equal(p.wall_us - k.start_wall_us, 8 * (int64_t)USEC_PER_HOUR);
        d.from_minute = 0;
        d.to_minute = 1440;
        assert_true(roster_check(&k.registry, &k.policy, k.now, &p));
        away = (Override){d.worker, false, (LocalStamp)20251210 * 1440, (LocalStamp)20251211 * 1440};
        k.registry.overrides = &away;
        k.registry.n_overrides = 1;
        assert_false(roster_check(&k.registry, &k.policy, k.now, &p));
        away.from += 10 * 1440; /* beyond the 14 days */
        away.to += 10 * 1440;
        assert_true(roster_check(&k.registry, &k.policy, k.now, &p));
        assert_int_equal(roster_missing_roles(&k.registry, &k.policy),
                1u << ROLE_BUILDING_HEAD | 1u << ROLE_NIGHT_DESK);
        kit_end(&k);
}

static void test_a_closed_incident_says_its_figures(void **state_)
{
        Kit k;
        const Figures *f;
        uint64_t seq;
        Event ev;

        kit_begin(&k);
        ev = device_event(ALARM_SOS, "sos-101", "1");
        ev.device_us = k.now.wall_us - 1500000;
        step(&k, &ev);
        seq = newest(&k, EFFECT_RECEIPT)->seq;
        k.now.boot_us += 250000;
        assert_false(engine_receipted(k.engine, 1, seq + 1, k.now)); /* of another event */
        assert_true(engine_receipted(k.engine, 1, seq, k.now));
        k.now.boot_us += 250000;
        assert_false(engine_receipted(k.engine, 1, seq, k.now)); /* for a repeat */
        assert_false(engine_receipted(k.engine, 7, seq, k.now)); /* an incident that is over */
        k.now.boot_us -= 500000;
        assert_true(engine_state_row(k.engine, 1, k.now, &k.rows[1])); /* as the turn does */
        at(&k, 40);
        kit_restart(&k);
        act(&k, ACTION_ACCEPT, "w02", 1);
        at(&k, 100);
        act(&k, ACTION_ARRIVED, "w02", 1);
        at(&k, 200);
        resolve(&k, "w02", 1, "helped");
        at(&k, 260);
        press(&k, "sos-101", "2");
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        at(&k, 300.5);
        resolve(&k, "w01", 1, "helped");
        at(&k, 1300);
        assert_non_null(row(&k, JOURNAL_CLOSED));
        f = &row(&k, JOURNAL_CLOSED)->figures;
        assert_int_equal(f->ms[FIGURE_DEVICE], 1500);
        assert_int_equal(f->ms[FIGURE_RECEIPT], 250);
        assert_int_equal(f->ms[FIGURE_CALL], 0);
        assert_int_equal(f->ms[FIGURE_DELIVERED], 0);
        assert_int_equal(f->ms[FIGURE_ACCEPT], 40000);
        assert_int_equal(f->ms[FIGURE_ARRIVE], 100000);
        assert_int_equal(f->ms[FIGURE_RESOLVE], 300500);
        assert_int_equal(f->reopened, 1);
        assert_int_equal(f->tiers, 2);
        assert_int_equal(f->rounds, 2);
        assert_int_equal(f->late_ms, 0);
        assert_int_equal(f->attempts, rows(&k, JOURNAL_NOTIFIED));
        assert_false(f->test);
        kit_end(&k);
}

static void test_figures_of_what_never_happened_and_of_downtime(void **state_)
{
        Kit k;
        const Figures *f;
        Event ev;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        sleep_until(&k, 50); /* T2 was due at 30 */
        ev = action_of(ACTION_RESOLVE, "d01", 1, "r");
        (void)str_copy(ev.action.outcome, WORD_SIZE, "helped");
        ev.action.has_note = true;
        at(&k, 70);
        step(&k, &ev);
        at(&k, 1100);
        f = &row(&k, JOURNAL_CLOSED)->figures;
        assert_int_equal(f->ms[FIGURE_DEVICE], NO_FIGURE);
        assert_int_equal(f->ms[FIGURE_ACCEPT], NO_FIGURE);
        assert_int_equal(f->ms[FIGURE_RECEIPT], NO_FIGURE);
        assert_int_equal(f->ms[FIGURE_ARRIVE], NO_FIGURE);
        assert_int_equal(f->ms[FIGURE_RESOLVE], 70000);
        assert_int_equal(f->late_ms, 20000);
        kit_end(&k);
}

/* w01 until 11:00, w03 from 11:00: does w01 stay on until somebody like him is there? Minutes after 10:00. */
static bool stays(Kit *k, double minutes)
{
        at(k, minutes * 60);
        return engine_worker_on(k->engine, kit_worker(k, "w01"), k->now);
}

static void test_who_is_a_successor(void **state_)
{
        static const struct {
                const char *before, *after; /* buildings */
                bool same;
        } cases[] = {{"1", "1", true}, {"1", "2", false}, {NULL, "2", false}, {"1", NULL, false},
                {NULL, NULL, true}};
        Duty d[2];
        Kit k;

        for (unsigned i = 0; i < 5; i++) {
                Worker *before, *after;

                kit_begin(&k);
                shifts(&k, d);
                before = &k.registry.workers[kit_worker(&k, "w01")];
                after = &k.registry.workers[kit_worker(&k, "w03")];
                before->role = after->role = ROLE_BUILDING_HEAD;
                before->scope = after->scope = SCOPE_BUILDING;
                before->scope_id = after->scope_id = 0;
                before->scope_building = cases[i].before;
                after->scope_building = cases[i].after;
                kit_index(&k);
                roster_changed(&k);
                assert_int_equal(stays(&k, 61), !cases[i].same);
                kit_end(&k);
        }
        for (int way = 0; way < 4; way++) {
                kit_begin(&k);
                shifts(&k, d);
                if (way == 0)
                        d[1].from_minute = 12 * 60; /* not yet on duty */
                if (way == 1) {
                        presence(&k, "w03", true); /* and then never again */
                        k.registry.workers[kit_worker(&k, "w01")].client = CLIENT_PLAIN;
                }
                if (way == 2)
                        k.registry.workers[kit_worker(&k, "w03")].scope =
                                SCOPE_SITE; /* somebody else's place */
                if (way == 3)
                        kit_remove_worker(&k, "w03");
                roster_changed(&k);
                assert_true(stays(&k, 65));
                kit_end(&k);
        }
}

/* Whoever was told otherwise by an override does not stay on, and what was an override does not go on. */
static void test_an_override_is_not_outstayed(void **state_)
{
        const LocalStamp day = (LocalStamp)20251128 * 1440;
        Duty d[2];
        Override o;
        Kit k;

        for (int way = 0; way < 2; way++) {
                kit_begin(&k);
                shifts(&k, d);
                d[1].from_minute = 13 * 60;
                o = way == 0 ? (Override){kit_worker(&k, "w01"), false, day + 11 * 60, day + 12 * 60}
                             : (Override){kit_worker(&k, "w01"), true, day + 10 * 60, day + 11 * 60};
                overrides(&k, &o, 1);
                assert_false(stays(&k, 65));
                k.registry.n_duties = 0;
                roster_changed(&k);
                kit_end(&k);
        }
}

/* A word from the future (a clock that was wrong) holds no longer than the table says. */
static void test_a_word_of_tomorrow(void **state_)
{
        Kit k;

        kit_begin(&k);
        a_day_shift(&k);
        engine_restore_duty(
                k.engine, kit_worker(&k, "w01"), false, k.start_wall_us + (int64_t)USEC_PER_HOUR);
        assert_true(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        act(&k, ACTION_ON, "w02", 0);  /* for whom there is no table: for good */
        act(&k, ACTION_OFF, "w01", 0); /* two words, of which one ends first */
        act(&k, ACTION_ON, "d01", 0);
        at(&k, 17 * 3600);
        act(&k, ACTION_ON, "w01", 0);
        {
                Event ev = {.type = EVENT_ROSTER};

                (void)engine_step(k.engine, &ev, k.now, &k.list);
                k.next_seq = engine_next_seq(k.engine);
                k.unchecked_rows = true;
                act(&k, ACTION_OFF, "w01", 0); /* the table is looked at anew in the same moment */
        }
        kit_end(&k);
}

/* Before anybody was heard: who acts is there, a will from him who was never heard says nothing new. */
static void test_signs_of_life_around_the_grace(void **state_)
{
        Event ev = {.type = EVENT_SYSTEM, .system = {.cause = SYSTEM_BROKER, .raise = false}};
        Kit k;

        kit_begin(&k);
        k.policy.presence_grace_us = 60 * USEC_PER_SEC;
        kit_policy(&k);
        step(&k, &ev); /* back: the grace begins */
        act(&k, ACTION_ON, "w01", 0);
        presence(&k, "w01", true); /* and beats, too */
        at(&k, 61);
        forget(&k);
        presence(&k, "w02", false); /* gone, which we knew */
        assert_int_equal(rows(&k, JOURNAL_PRESENCE), 0);
        assert_false(engine_worker_on(k.engine, kit_worker(&k, "w02"), k.now));
        engine_registry_set(k.engine, NULL);
        k.unchecked_rows = true;
        step(&k, &ev);
        at(&k, 200);
        ev.system.raise = true;
        step(&k, &ev);
        kit_end(&k);
}

/* Lost, and the table changes, in one sleep: each in its time. */
static void test_the_table_before_the_loss(void **state_)
{
        Duty d[2];
        Kit k;

        kit_begin(&k);
        shifts(&k, d);
        at(&k, 3500);
        presence(&k, "w02", true);
        sleep_until(&k, 4000);
        assert_false(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        assert_false(engine_worker_on(k.engine, kit_worker(&k, "w02"), k.now));
        kit_end(&k);
}

/* Who counts as the end of a ladder: of the role, with the right, for the grid or the site. */
static void test_who_ends_a_ladder(void **state_)
{
        RosterProblem p;
        Worker *c;
        Kit k;

        kit_begin(&k);
        c = &k.registry.workers[kit_worker(&k, "c01")];
        c->scope = SCOPE_BUILDING;
        assert_false(roster_check(&k.registry, &k.policy, k.now, &p));
        c->scope = SCOPE_GRID;
        c->scope_id = 3;
        assert_false(roster_check(&k.registry, &k.policy, k.now, &p));
        assert_int_equal(p.grid, 2);
        c->scope_id = 1;
        assert_true(roster_check(&k.registry, &k.policy, k.now, &p));
        k.policy.classes[CLASS_SOS].tiers[4].roles = 1u << ROLE_FAMILY;
        k.policy.classes[CLASS_GAS].tiers[4].roles = 1u << ROLE_STREET;
        assert_false(roster_check(&k.registry, &k.policy, k.now, &p));
        assert_int_equal(p.roles, 1u << ROLE_FAMILY); /* helpers end no ladder */
        k.policy.classes[CLASS_SOS].tiers[4].roles = 1u << ROLE_DISTRICT;
        k.policy.classes[CLASS_FALL].priority = 1;
        k.policy.classes[CLASS_FALL].tiers[4].roles = 1u << ROLE_STREET;
        assert_true(roster_check(&k.registry, &k.policy, k.now, &p));
        {
                const LocalStamp day = (LocalStamp)20251128 * 1440;
                Override o = {kit_worker(&k, "w01"), false, day, day + 60}; /* of somebody else */

                overrides(&k, &o, 1);
                assert_true(roster_check(&k.registry, &k.policy, k.now, &p));
                k.registry.n_overrides = 0;
        }
        kit_end(&k);
}

/* The receipt of what is over, of after 49 days, and of a clock that a damaged row has set back. */
static void test_receipts_at_the_edges_of_time(void **state_)
{
        static const struct {
                int64_t later_us;
                uint32_t ms;
        } rows[] = {{50 * (int64_t)USEC_PER_DAY, NO_FIGURE - 1}, {-1000000, 0}, {1500, 1}};
        uint64_t seq;
        Now now;
        Kit k;

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                kit_begin(&k);
                press(&k, "sos-101", "1");
                seq = newest(&k, EFFECT_RECEIPT)->seq;
                now = k.now;
                now.boot_us = (uint64_t)((int64_t)now.boot_us + rows[i].later_us);
                assert_true(engine_receipted(k.engine, 1, seq, now));
                assert_int_equal(table_get(k.engine, 1)->figures.ms[FIGURE_RECEIPT], rows[i].ms);
                kit_end(&k);
        }
        kit_begin(&k);
        press(&k, "sos-101", "1");
        seq = newest(&k, EFFECT_RECEIPT)->seq;
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        resolve(&k, "w01", 1, "helped");
        at(&k, 901);
        assert_int_equal(state(&k, 1), STATE_CLOSED); /* said, and still to be seen */
        assert_false(engine_receipted(k.engine, 1, seq, k.now));
        kit_end(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_who_comes_on_duty_by_the_table_is_called_at_that_moment),
                cmocka_unit_test(
                        test_an_override_goes_before_the_table_and_somebody_is_on_where_two_disagree),
                cmocka_unit_test(test_workdays_and_holidays_go_by_the_calendar),
                cmocka_unit_test(test_a_gap_is_told_a_day_and_two_hours_before_and_when_it_begins),
                cmocka_unit_test(test_no_gap_where_another_of_the_tier_is_there),
                cmocka_unit_test(test_without_a_table_nobody_looks_at_it),
                cmocka_unit_test(test_a_shift_ends_when_the_successor_is_there),
                cmocka_unit_test(
                        test_the_outgoing_person_stays_until_the_successor_is_there_at_most_an_hour),
                cmocka_unit_test(test_a_shifts_end_changes_no_owner),
                cmocka_unit_test(test_a_ladder_must_end_with_somebody_at_every_hour),
                cmocka_unit_test(test_a_closed_incident_says_its_figures),
                cmocka_unit_test(test_figures_of_what_never_happened_and_of_downtime),
                cmocka_unit_test(test_who_is_a_successor),
                cmocka_unit_test(test_an_override_is_not_outstayed),
                cmocka_unit_test(test_a_word_of_tomorrow),
                cmocka_unit_test(test_signs_of_life_around_the_grace),
                cmocka_unit_test(test_the_table_before_the_loss),
                cmocka_unit_test(test_who_ends_a_ladder),
                cmocka_unit_test(test_receipts_at_the_edges_of_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
