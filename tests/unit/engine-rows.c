/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of the store that are not what this engine would write: older ones, damaged ones, those of other clocks.
 *
 * Whatever a row says, it is refused, or it is an incident for which every invariant holds and which goes on calling
 * people. Where bytes lie in a blob is said by state.c; layout_of() finds the few places that these tests need.
 */
#include "engine-kit.h"

#include "base/str.h"
#include "engine/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum {
        BLOB_FLAGS = 1 + 8,
        BLOB_TIMES = 1 + 8 + 2 + 14 + 8 + 2 + 4 * 4 + 3 * 8 + (1 + 5 * (1 + 8 + 4 + 8) + 7 * 8 + 4),
        BLOB_ARRIVE_BY = BLOB_TIMES - 4 -
                         4 * 8, /* of the plan, and after it handle_by, arrive_max, reopen, outcomes */
        BLOB_FIGURES = 8 + FIGURE_RECEIPT * 4 + 4 + 4 + 1,
        BLOB_SIGNS = 42, /* sign, its time; located, when, where, how well */
        BLOB_REQUEST = 10,
        BLOB_RECEIPT = 4,
};

static uint32_t armed_of(const StateRow *row)
{
        const uint8_t *p = row->blob + BLOB_TIMES;

        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void cut(StateRow *row, uint32_t from, uint32_t n)
{
        assert_true(from + n <= row->blob_size);
        memmove(row->blob + from, row->blob + from + n, row->blob_size - from - n);
        row->blob_size -= n;
}

/* Where the value and the limit are: after the times. */
static uint32_t readings_at(const StateRow *row)
{
        return BLOB_TIMES + 4 + 8 * (uint32_t)__builtin_popcount(armed_of(row)) + 5 * 8 + 3 * 8;
}

/* Arms a timer that is off (due at 1), or ends one that is armed. */
static void toggle(StateRow *row, Timer t)
{
        uint32_t armed = armed_of(row), before = armed & (BIT(t) - 1);
        uint32_t at_byte = BLOB_TIMES + 4 + 8 * (uint32_t)__builtin_popcount(before);

        if (armed & BIT(t)) {
                cut(row, at_byte, 8);
        } else {
                memmove(row->blob + at_byte + 8, row->blob + at_byte, row->blob_size - at_byte);
                memcpy(row->blob + at_byte, "\0\0\0\0\0\0\0\1", 8);
                row->blob_size += 8;
        }
        armed ^= BIT(t);
        for (unsigned i = 0; i < 4; i++)
                row->blob[BLOB_TIMES + i] = (uint8_t)(armed >> (24 - 8 * i));
}

static void as_version_5(StateRow *row)
{
        row->blob[0] = 5;
        row->blob_size -= BLOB_RECEIPT;
}

static void as_version_4(StateRow *row)
{
        as_version_5(row);
        row->blob[0] = 4;
        if (row->class == CLASS_REQUEST)
                row->blob_size -= BLOB_REQUEST;
}

static void as_version_3(StateRow *row)
{
        as_version_4(row);
        row->blob[0] = 3;
        row->blob_size -= BLOB_SIGNS;
}

static void as_version_2(StateRow *row)
{
        as_version_3(row);
        row->blob[0] = 2;
        row->blob_size -= BLOB_FIGURES;
}

static void as_version_1(StateRow *row)
{
        uint32_t p = readings_at(row) + 16;

        as_version_2(row);
        row->blob[0] = 1;
        cut(row, p, 1 + 1 + 1 + 8 + 8); /* why, score, away, span, trend */
        p += 16;
        for (unsigned i = 0; i < 3; i++)
                p += 1u + row->blob[p];
        for (uint32_t n = row->blob[p++]; n > 0; n--) { /* levels of one byte */
                cut(row, p + 4, 1);
                p += 4 + 1;
                p += 1u + row->blob[p];
        }
}

enum { ROWS_OF_DAY = 10 };

/* A day on which everything happens: incidents 1 to 10 in ten conditions. */
static void a_day(Kit *k)
{
        Event ev;

        kit_begin(k);
        k->policy.exec_channels = k->policy.exec_priority = 1;
        kit_policy(k);
        alarm(k, ALARM_GAS, "gas-101", "1");    /* 1: on scene, 119 decided, handed off, still gas */
        alarm(k, ALARM_FALL, "pend-102a", "1"); /* 2: accepted, a backup is called */
        press(k, "sos-101", "1");               /* 3: nobody answers: exhausted */
        press(k, "sos-201", "1");               /* 4 … and its roster gap: resolved */
        at(k, 700);
        act(k, ACTION_ACCEPT, "w01", 1);
        act(k, ACTION_ARRIVED, "w01", 1);
        ev = action_of(ACTION_HANDOFF, "w01", 1, NULL);
        (void)str_copy(ev.action.agency, WORD_SIZE, "119");
        step(k, &ev);
        act(k, ACTION_ACCEPT, "w02", 2);
        act(k, ACTION_BACKUP, "w02", 2);
        act(k, ACTION_ACCEPT, "w03", 4);
        act(k, ACTION_ARRIVED, "w03", 4);
        resolve(k, "w03", 4, "helped");
        press(k, "pend-102b", "1"); /* 6, after the gap's 5: cancelled by the resident */
        alarm(k, ALARM_CANCEL, "pend-102b", "2");
        alarm(k, ALARM_FAULT, "sos-102", "1");   /* 7: P4 */
        alarm(k, ALARM_SMOKE, "smoke-201", "1"); /* 8: fire in which nobody has decided */
        vitals(k, "band-101", VITAL_HR, 190);    /* 9 */
        ev = action_of(ACTION_TEST, "w01", 0, NULL);
        (void)str_copy(ev.action.target, CODE_SIZE, "smoke2-101");
        step(k, &ev);
        alarm(k, ALARM_REQUEST, "sos-101", "9"); /* 10 */
        at(k, 900);
        for (uint64_t id = 1; id <= ROWS_OF_DAY; id++)
                assert_true(k->rows[id].id == id && k->rows[id].blob_size > 0);
}

static void test_rows_of_older_versions_are_read(void **state_)
{
        StateRow rows_[ROWS_OF_DAY + 1], again;
        Kit k, old;

        a_day(&k);
        memcpy(rows_, k.rows, sizeof(rows_));
        for (int version = 1; version <= 5; version++) {
                kit_begin(&old);
                old.now = k.now;
                old.unchecked_rows = true;
                for (uint64_t id = 1; id <= ROWS_OF_DAY; id++) {
                        StateRow row = rows_[id];

                        if (version == 1)
                                as_version_1(&row);
                        else if (version == 2)
                                as_version_2(&row);
                        else if (version == 3)
                                as_version_3(&row);
                        else if (version == 4)
                                as_version_4(&row);
                        else
                                as_version_5(&row);
                        assert_int_equal(engine_restore(old.engine, &row, old.now), 0);
                        assert_true(engine_state_row(old.engine, id, old.now, &again));
                        assert_int_equal(again.state, rows_[id].state);
                        assert_int_equal(again.due_boot_us, rows_[id].due_boot_us);
                        assert_int_equal(view(&old, id).presses, view(&k, id).presses);
                        assert_int_equal(view(&old, id).condition, view(&k, id).condition);
                        assert_string_equal(view(&old, id).event_id, view(&k, id).event_id);
                        if (version == 2)
                                assert_int_equal(view(&old, id).why, view(&k, id).why);
                }
                engine_check(old.engine);
                for (int i = 0; i < 50; i++) {
                        old.now.boot_us += 60 * USEC_PER_SEC;
                        old.now.wall_us += 60 * (int64_t)USEC_PER_SEC;
                        while (engine_expire(old.engine, old.now, &old.list) == ENGINE_E_MORE)
                                ;
                        engine_check(old.engine);
                }
                kit_end(&old);
        }
        kit_end(&k);
}

/* Before every class had a limit, an acceptance could stand for ever: such a row is due at once. */
static void test_an_acceptance_without_a_limit_is_asked_about(void **state_)
{
        StateRow row;
        Kit k;

        for (int on_scene = 0; on_scene < 2; on_scene++) {
                kit_begin(&k);
                press(&k, "sos-101", "1");
                act(&k, ACTION_ACCEPT, "w01", 1);
                if (on_scene)
                        act(&k, ACTION_ARRIVED, "w01", 1);
                row = k.rows[1];
                memset(row.blob + BLOB_ARRIVE_BY, 0, 16);
                toggle(&row, on_scene ? TIMER_HANDLE_BY : TIMER_ARRIVE_BY);
                kit_end(&k);
                kit_begin(&k);
                k.unchecked_rows = true;
                assert_int_equal(engine_restore(k.engine, &row, k.now), 0);
                engine_check(k.engine);
                k.next_seq = engine_next_seq(k.engine);
                at(&k, 1);
                assert_true(on_scene ? rows(&k, JOURNAL_HANDLE_LATE) == 1 : state(&k, 1) == STATE_ALERTING);
                kit_end(&k);
        }
}

static int restored(Kit *k, StateRow *row, uint64_t *id)
{
        int r;

        row->id = row->id ? (*id)++ : 0;
        r = engine_restore(k->engine, row, k->now);
        /* Full: it says that it is the overflow of its group, of which there is one. */
        assert_true(r == 0 || r == ENGINE_E_BROKEN || r == ENGINE_E_VERSION || r == ENGINE_E_FULL);
        return r;
}

/* A timer too many or too few, in each condition: what the state does not allow is refused. */
static void test_a_timer_too_many_or_too_few(void **state_)
{
        uint32_t refused = 0;
        uint64_t id = 100;
        Kit day, k;

        a_day(&day);
        kit_begin_with(&k, 1024, 16);
        k.now = day.now;
        for (uint64_t from = 1; from <= ROWS_OF_DAY; from++)
                for (Timer t = 0; t < TIMER_MAX; t++) {
                        StateRow row = day.rows[from];

                        toggle(&row, t);
                        refused += restored(&k, &row, &id) == ENGINE_E_BROKEN;
                        engine_check(k.engine);
                }
        assert_true(refused > 60);
        kit_end(&k);
        kit_end(&day);
}

typedef void Spoil(StateRow *);
static void no_number(StateRow *r)
{
        r->id = 0;
}
static void no_group(StateRow *r)
{
        r->group = GROUP_MAX;
}
static void too_long(StateRow *r)
{
        r->blob_size = STATE_BLOB_MAX + 1;
}
static void no_state(StateRow *r)
{
        r->state = STATE_NONE;
}
static void closed(StateRow *r)
{
        r->state = STATE_CLOSED;
}
static void no_class(StateRow *r)
{
        r->class = CLASS_MAX;
}
static void priority_0(StateRow *r)
{
        r->priority = 0;
}
static void priority_6(StateRow *r)
{
        r->priority = 6;
}
static void tier_0(StateRow *r)
{
        r->tier = 0;
}
static void tier_6(StateRow *r)
{
        r->tier = TIERS_MAX + 1;
}
static void no_round(StateRow *r)
{
        r->round = 0;
}
static void owned(StateRow *r)
{
        r->owner = r->owner ? 0 : 1;
}
static void no_rows(StateRow *r)
{
        r->last_seq = 0;
}
static void no_outcome(StateRow *r)
{
        r->outcome[0] = 0;
}
static void no_end(StateRow *r)
{
        r->resolved_us = 0;
}
static void far_ahead(StateRow *r)
{
        r->blob[1] = 0x20;
}
static void far_behind(StateRow *r)
{
        r->blob[1] = 0x80;
}

static void no_loop(StateRow *r)
{
        memset(r->blob + BLOB_ARRIVE_BY - 8, 0, 8);
}
static void never(StateRow *r, unsigned which) /* of the times: 1 the round's, 3 the newest event's */
{
        uint8_t *p = r->blob + readings_at(r) - 8 * 8 + 8 * which;

        memset(p, 0xff, 8);
        p[0] = 0x7f;
}
static void no_beginning(StateRow *r)
{
        never(r, 1);
}
static void no_entry(StateRow *r)
{
        never(r, 0);
}
static void no_event(StateRow *r)
{
        never(r, 3);
}

static void test_columns_that_contradict_the_blob(void **state_)
{
        static Spoil *const spoils[] = {no_number, no_group, too_long, no_state, closed, no_class,
                priority_0, priority_6, tier_0, tier_6, no_round, owned, no_rows, far_ahead, far_behind,
                no_loop, no_beginning, no_entry, no_event};
        static Spoil *const resolved[] = {no_outcome, no_end};
        uint64_t id = 100;
        Kit day, k;

        a_day(&day);
        kit_begin_with(&k, 1024, 16);
        k.now = day.now;
        for (uint64_t from = 1; from <= ROWS_OF_DAY; from++)
                for (unsigned i = 0; i < sizeof(spoils) / sizeof(spoils[0]); i++) {
                        StateRow row = day.rows[from];

                        spoils[i](&row);
                        if (restored(&k, &row, &id) != ENGINE_E_BROKEN)
                                fail_msg("row %u, way %u", (unsigned)from, i);
                }
        for (unsigned i = 0; i < 2; i++) {
                StateRow row = day.rows[4];

                assert_int_equal(row.state, STATE_RESOLVED);
                resolved[i](&row);
                assert_int_equal(restored(&k, &row, &id), ENGINE_E_BROKEN);
        }
        assert_int_equal(engine_open_count(k.engine), 0);
        kit_end(&k);
        kit_end(&day);
}

static void drain(Kit *k)
{
        while (engine_expire(k->engine, k->now, &k->list) == ENGINE_E_MORE)
                ;
        k->next_seq = engine_next_seq(k->engine);
}

/* What people do next to such an incident. */
static void act_on_all(Kit *k)
{
        static const ActionKind kinds[] = {ACTION_ACCEPT, ACTION_BACKUP, ACTION_ARRIVED, ACTION_HANDOFF,
                ACTION_RELEASE, ACTION_DECLINE, ACTION_RESOLVE, ACTION_REOPEN};
        uint32_t n = 0;

        for (uint64_t id = engine_next_held(k->engine, 0); id; id = engine_next_held(k->engine, id)) {
                Event ev = action_of(kinds[n % 8], n % 3 ? "d01" : "w01", id, NULL);

                n += 1 + (n % 7 == 0);
                ev.action.proof = ev.action.has_note = true;
                (void)str_copy(ev.action.outcome, WORD_SIZE, "helped");
                (void)str_copy(ev.action.agency, WORD_SIZE, n % 2 ? "up" : "120");
                if (engine_step(k->engine, &ev, k->now, &k->list))
                        drain(k);
        }
        engine_check(k->engine);
}

/* Every byte in many ways: refused, or an incident that holds, and that goes on. */
static void test_any_byte_may_be_any_other(void **state_)
{
        static const uint8_t values[] = {0x00, 0x01, 0x02, 0x03, 0x0f, 0x20, 0x7f, 0x80, 0xff};
        uint32_t taken = 0;
        Kit day, k;

        a_day(&day);
        for (uint64_t from = 1; from <= ROWS_OF_DAY; from++) {
                const StateRow *good = &day.rows[from];
                uint64_t id = 100;

                for (uint32_t i = 0; i < good->blob_size; i++) {
                        if (i % 256 == 0) {
                                kit_begin_with(&k, 4096, 16);
                                k.now = day.now;
                        }
                        for (unsigned v = 0; v < sizeof(values); v++) {
                                StateRow row = *good;

                                row.blob[i] = values[v];
                                taken += restored(&k, &row, &id) == 0;
                        }
                        if (i % 256 == 255 || i + 1 == good->blob_size) {
                                engine_check(k.engine);
                                for (int n = 0; n < 4; n++) {
                                        k.now.boot_us += 900 * USEC_PER_SEC;
                                        k.now.wall_us += 900 * (int64_t)USEC_PER_SEC;
                                        drain(&k);
                                        act_on_all(&k);
                                }
                                kit_end(&k);
                        }
                }
        }
        assert_true(taken > 1000);
        kit_end(&day);
}

/* Whatever the clocks say after a reboot, no deadline is later than its whole time from now. */
static void test_after_a_reboot_no_deadline_is_later_than_its_whole_time(void **state_)
{
        static const double downs[] = {60, -3600, -315360000.0, 315360000.0};

        for (int clock = 0; clock < 3; clock++) /* believed both times, now only, then only */
                for (unsigned i = 0; i < 4; i++) {
                        Kit k;

                        a_day(&k);
                        k.unchecked_rows = true;
                        k.now.trusted = clock != 1;
                        roster_changed(&k);
                        for (uint64_t id = 1; clock == 1 && id <= ROWS_OF_DAY; id++)
                                if (k.rows[id].state != STATE_CLOSED)
                                        assert_true(engine_state_row(k.engine, id, k.now, &k.rows[id]));
                        kit_reboot(&k, downs[i], clock != 2);
                        for (uint64_t id = 1; id <= ROWS_OF_DAY; id++) {
                                const Incident *in = table_get(k.engine, id);

                                for (Timer t = 0; in && t < TIMER_MAX; t++)
                                        assert_true(
                                                in->due[t] == NEVER ||
                                                in->due[t] <=
                                                        (int64_t)k.now.boot_us +
                                                                15 * (int64_t)USEC_PER_DAY); /* a request's last tier: two weeks */
                                if (in && in->state == STATE_ALERTING && in->priority == 1 &&
                                        !in->cancel_req)
                                        assert_true(min_due(in->due[TIMER_TIER], in->due[TIMER_LOOP]) <=
                                                    (int64_t)(k.now.boot_us + 300 * USEC_PER_SEC));
                        }
                        k.now.boot_us += 10 * USEC_PER_SEC;
                        k.now.wall_us += 10 * (int64_t)USEC_PER_SEC;
                        drain(&k);
                        press(&k, "sos-102", "new"); /* dated from the first */
                        k.now.trusted = true;        /* the clock is right at last */
                        drain(&k);
                        for (int hours = 0; hours < 60; hours++) {
                                k.now.boot_us += USEC_PER_HOUR;
                                k.now.wall_us += (int64_t)USEC_PER_HOUR;
                                drain(&k);
                        }
                        kit_end(&k);
                }
}

/* At the last tier of a slowed ladder, and reminded on scene: in another boot, by a clock that is wrong by years. */
static void test_the_whole_time_of_what_is_nearly_over(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        alarm(&k, ALARM_CANCEL, "sos-101", "2");
        press(&k, "sos-201", "1");
        act(&k, ACTION_ACCEPT, "w03", 2);
        act(&k, ACTION_ARRIVED, "w03", 2);
        at(&k, 905);
        assert_int_equal(tier(&k, 1), 5);
        assert_false(view(&k, 1).exhausted);
        kit_reboot(&k, -315360000.0, true);
        assert_true(table_get(k.engine, 1)->due[TIMER_TIER] <= (int64_t)(120 * USEC_PER_SEC));
        kit_end(&k);

        kit_begin(&k);
        press(&k, "sos-201", "1");
        act(&k, ACTION_ACCEPT, "w03", 1);
        act(&k, ACTION_ARRIVED, "w03", 1);
        at(&k, 1900);
        assert_int_equal(rows(&k, JOURNAL_HANDLE_LATE), 1);
        kit_reboot(&k, -315360000.0, true);
        assert_true(table_get(k.engine, 1)->due[TIMER_HANDLE_BY] <=
                    (int64_t)(k.now.boot_us + 600 * USEC_PER_SEC));
        kit_end(&k);
}

/* Figures of an incident whose clock went back, and of one that nobody took for months. */
static void test_figures_of_another_clock(void **state_)
{
        Event ev;
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 100);
        kit_reboot(&k, -1000, true);
        act(&k, ACTION_ACCEPT, "d01", 1);
        assert_int_equal(
                table_get(k.engine, 1)->figures.ms[FIGURE_ACCEPT], 105000); /* the row, then this boot */
        kit_end(&k);

        kit_begin(&k);
        ev = device_event(ALARM_SOS, "sos-101", "1");
        ev.device_us = k.now.wall_us - 2 * (int64_t)USEC_PER_DAY; /* not believed */
        step(&k, &ev);
        assert_int_equal(table_get(k.engine, 1)->figures.ms[FIGURE_DEVICE], NO_FIGURE);
        sleep_until(&k, 60 * 86400.0);
        act(&k, ACTION_ACCEPT, "d01", 1);
        assert_int_equal(table_get(k.engine, 1)->figures.ms[FIGURE_ACCEPT], NO_FIGURE - 1);
        assert_int_equal(table_get(k.engine, 1)->figures.late_ms, NO_FIGURE - 1);
        kit_end(&k);
}

/* A repeat from another time: where nobody knows how old it is, a cancel is one, and an alarm while it is looked after. */
static void test_repeats_across_clocks(void **state_)
{
        static const int64_t ages[] = {-1000, 11 * 366 * (int64_t)USEC_PER_DAY};

        for (unsigned i = 0; i < 2; i++) {
                Kit k;

                kit_begin(&k);
                press(&k, "sos-101", "1");
                alarm(&k, ALARM_CANCEL, "sos-201", "2"); /* which opens nothing */
                k.unchecked_rows = true;
                for (uint32_t n = 0; n < k.n_keys; n++)
                        k.keys[n].wall_us = k.now.wall_us - ages[i];
                kit_restart(&k);
                forget(&k);
                press(&k, "sos-101", "1");
                alarm(&k, ALARM_CANCEL, "sos-201", "2");
                assert_int_equal(count(&k, EFFECT_JOURNAL), 0);
                for (uint32_t n = 0; n < k.n_keys; n++)
                        k.keys[n].incident = 77; /* long gone */
                kit_restart(&k);
                press(&k, "sos-101", "1");
                assert_true(count(&k, EFFECT_JOURNAL) > 0);
                kit_end(&k);
        }
}

/* Pressed twice, or of two devices, is in earnest: a row that says of such a matter that it is a test is refused. */
static void test_a_test_is_of_one_press_and_one_device(void **state_)
{
        const uint32_t presses_at = 1 + 8 + 2 + 14 + 8 + 2 + 3;
        StateRow row, good;
        uint32_t p, n;
        Event ev;
        Kit k;

        kit_begin(&k);
        ev = action_of(ACTION_TEST, "w01", 0, NULL);
        (void)str_copy(ev.action.target, CODE_SIZE, "sos-101");
        step(&k, &ev);
        press(&k, "sos-101", "1");
        assert_true(view(&k, 1).test);
        good = row = k.rows[1];
        row.blob[presses_at] = 2;
        row.id = 10;
        assert_int_equal(engine_restore(k.engine, &row, k.now), ENGINE_E_BROKEN);
        row = good;
        row.id = 11;
        p = readings_at(&row) + 16 + 1 + 1 + 1 + 8 + 8 + 16;
        for (unsigned i = 0; i < 3; i++)
                p += 1u + row.blob[p];
        n = 4 + 2 + 1u + row.blob[p + 1 + 4 + 2]; /* the source again */
        memmove(row.blob + p + 1 + n, row.blob + p + 1, row.blob_size - p - 1);
        row.blob[p] = 2;
        row.blob_size += n;
        assert_int_equal(engine_restore(k.engine, &row, k.now), ENGINE_E_BROKEN);
        row = good;
        row.id = 12;
        assert_int_equal(engine_restore(k.engine, &row, k.now), 0);
        kit_end(&k);
}

static int restored_alone(StateRow row, Now now)
{
        Kit k;
        int r;

        kit_begin(&k);
        k.now = now;
        r = engine_restore(k.engine, &row, now);
        engine_check(k.engine);
        kit_end(&k);
        return r;
}

/* Requests of before they had levels: a finished one has no limit, and one of no tier is none of ours. */
static void test_requests_of_older_versions(void **state_)
{
        StateRow row;
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_REQUEST, "sos-101", "1");
        row = k.rows[1];
        as_version_4(&row);
        assert_int_equal(restored_alone(row, k.now), 0);
        row.tier = 0;
        assert_int_equal(restored_alone(row, k.now), ENGINE_E_BROKEN);
        row.tier = TIERS_MAX + 1;
        assert_int_equal(restored_alone(row, k.now), ENGINE_E_BROKEN);
        act(&k, ACTION_DONE, "w01", 1);
        row = k.rows[1];
        as_version_4(&row);
        assert_int_equal(restored_alone(row, k.now), 0);
        kit_end(&k);
}

/* Done at night, the desk is told in the morning: a row that forgets when is refused. */
static void test_a_call_back_that_waits_for_the_morning(void **state_)
{
        StateRow row;
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_REQUEST, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        at(&k, 12.5 * 3600);
        act(&k, ACTION_DONE, "w01", 1);
        assert_int_equal(state(&k, 1), STATE_RESOLVED);
        row = k.rows[1];
        assert_true(armed_of(&row) & BIT(TIMER_NOTIFY));
        assert_int_equal(restored_alone(row, k.now), 0);
        toggle(&row, TIMER_NOTIFY);
        assert_int_equal(restored_alone(row, k.now), ENGINE_E_BROKEN);
        kit_end(&k);
}

/* A row that says that the first tier is in the loop: a missing receipt does not take it out of it. */
static void test_a_loop_before_the_last_tier(void **state_)
{
        StateRow row;
        Kit k;

        kit_begin(&k);
        k.phones_off = true;
        press(&k, "sos-101", "1");
        row = k.rows[1];
        kit_end(&k);
        toggle(&row, TIMER_TIER);
        toggle(&row, TIMER_LOOP);
        row.blob[BLOB_TIMES + 4 + 8 * __builtin_popcount(armed_of(&row) & (BIT(TIMER_LOOP) - 1)) + 3] =
                1; /* 2^32 us */
        kit_begin(&k);
        k.phones_off = k.unchecked_rows = true;
        assert_int_equal(engine_restore(k.engine, &row, k.now), 0);
        k.next_seq = engine_next_seq(k.engine);
        at(&k, 60);
        assert_int_equal(tier(&k, 1), 1);
        assert_true(notified(&k, "w01") > 0);
        kit_end(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows_of_older_versions_are_read),
                cmocka_unit_test(test_an_acceptance_without_a_limit_is_asked_about),
                cmocka_unit_test(test_a_timer_too_many_or_too_few),
                cmocka_unit_test(test_columns_that_contradict_the_blob),
                cmocka_unit_test(test_any_byte_may_be_any_other),
                cmocka_unit_test(test_after_a_reboot_no_deadline_is_later_than_its_whole_time),
                cmocka_unit_test(test_the_whole_time_of_what_is_nearly_over),
                cmocka_unit_test(test_figures_of_another_clock),
                cmocka_unit_test(test_repeats_across_clocks),
                cmocka_unit_test(test_a_test_is_of_one_press_and_one_device),
                cmocka_unit_test(test_requests_of_older_versions),
                cmocka_unit_test(test_a_call_back_that_waits_for_the_morning),
                cmocka_unit_test(test_a_loop_before_the_last_tier),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
