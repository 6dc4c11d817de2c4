/* SPDX-License-Identifier: Apache-2.0 */
/* Full tables, full lists, many at once: nothing is refused, everything still calls somebody. */
#include "engine-kit.h"

#include "engine/internal.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_a_full_table_still_calls_people(void **state_)
{
        Kit k;

        kit_begin_with(&k, 2, 64);
        press(&k, "sos-101", "1");
        press(&k, "pend-102a", "1");
        forget(&k);
        press(&k, "sos-201", "1"); /* no room: the group's overflow, wherever the newest event is */
        assert_int_equal(view(&k, 3).dwelling, 3);
        assert_int_equal(newest(&k, EFFECT_RECEIPT)->incident, 3);
        assert_int_equal(notified(&k, "w03"), 1);
        assert_int_equal(view(&k, 4).cause, SYSTEM_TABLE); /* in the overflow of SYSTEM */
        assert_int_equal(notified(&k, "o01"), 1);
        at(&k, 11);
        forget(&k);
        press(&k, "pend-102b", "1"); /* attaches, and calls the people of its place */
        assert_int_equal(view(&k, 3).presses, 2);
        assert_int_equal(view(&k, 3).resident, 3);
        assert_int_equal(notified(&k, "w01"), 1);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1"); /* another group, another overflow */
        assert_int_equal(view(&k, 5).group, GROUP_FIRE);
        assert_int_equal(engine_open_count(k.engine), 5);
        at(&k, 2000);
        assert_int_equal(engine_open_count(k.engine), 5);
        kit_end(&k);
}

static void test_a_closed_incident_makes_room_at_once(void **state_)
{
        Kit k;

        kit_begin_with(&k, 2, 64);
        press(&k, "sos-101", "1");
        press(&k, "pend-102a", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        resolve(&k, "w01", 1, "helped");
        at(&k, 901);
        press(&k, "sos-201", "1");
        assert_int_equal(view(&k, 3).dwelling, 3);
        assert_int_equal(engine_open_count(k.engine), 2);
        kit_end(&k);
}

static void test_the_overflow_is_resolved_and_used_again(void **state_)
{
        Kit k;
        Event ev;

        kit_begin_with(&k, 1, 64);
        press(&k, "sos-101", "1");
        press(&k, "sos-201", "1");
        at(&k, 15);
        ev = action_of(ACTION_ARRIVED, "w03", 2, NULL);
        ev.action.proof = true;
        step(&k, &ev);
        resolve(&k, "w03", 2, "helped");
        assert_int_equal(state(&k, 2), STATE_RESOLVED);
        press(&k, "pend-102a", "9");
        assert_int_equal(state(&k, 2), STATE_ALERTING); /* reopened: attached to what is there */
        kit_end(&k);
}

static void test_what_a_device_of_the_overflow_says_later_belongs_to_it(void **state_)
{
        Kit k;

        kit_begin_with(&k, 1, 64);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        alarm(&k, ALARM_SMOKE, "smoke-201", "1"); /* no room */
        alarm(&k, ALARM_SMOKE_CLEAR, "smoke-201", "2");
        assert_int_equal(newest(&k, EFFECT_RECEIPT)->incident, 2);
        assert_int_equal(view(&k, 2).condition, CONDITION_CLEARED);
        press(&k, "sos-201", "1"); /* another group without room: alone in it, it may be cancelled */
        forget(&k);
        alarm(&k, ALARM_CANCEL, "sos-201", "2");
        assert_non_null(row(&k, JOURNAL_CANCEL));
        press(&k, "sos-101", "1");
        forget(&k);
        alarm(&k, ALARM_CANCEL, "sos-101", "2"); /* not for the other */
        assert_null(row(&k, JOURNAL_CANCEL));
        assert_int_equal(newest(&k, EFFECT_RECEIPT)->incident, view(&k, 4).id);
        kit_end(&k);
}

static void test_the_window_of_ids_forgets_the_oldest_first(void **state_)
{
        Kit k;
        char id[16];

        kit_begin_with(&k, 16, 8);
        k.unchecked_rows = true;
        for (int i = 0; i < 9; i++) {
                (void)snprintf(id, sizeof(id), "%d", i);
                press(&k, "sos-101", id);
        }
        forget(&k);
        press(&k, "sos-101", "8");
        assert_int_equal(count(&k, EFFECT_JOURNAL), 0);
        press(&k, "sos-101", "1");
        assert_int_equal(count(&k, EFFECT_JOURNAL), 0);
        press(&k, "sos-101", "0"); /* forgotten: rather a call too many */
        assert_true(count(&k, EFFECT_JOURNAL) > 0);
        kit_end(&k);
}

/* A community with many workers: more calls than one list holds. */
enum { CROWD = 400 };

static void crowd(Kit *k, Worker *workers, char (*codes)[16])
{
        kit_begin(k);
        k->unchecked_rows = true;
        workers[0] = (Worker){0};
        for (int i = 1; i < CROWD; i++) {
                static const Role roles[] = {
                        ROLE_WORKER, ROLE_BACKUP, ROLE_COMMUNITY, ROLE_STREET, ROLE_DISTRICT};

                (void)snprintf(codes[i], 16, "x%d", i);
                workers[i] = (Worker){
                        .code = codes[i], .role = roles[i % 5], .client = CLIENT_PLAIN, .scope = SCOPE_SITE};
        }
        k->registry.workers = workers;
        k->registry.n_workers = CROWD;
        kit_index(k);
        engine_registry_set(k->engine, &k->registry);
}

static void test_a_list_that_is_full_goes_on_and_calls_each_once(void **state_)
{
        static Worker workers[CROWD];
        static char codes[CROWD][16];
        static uint32_t calls[CROWD];
        Kit k;
        uint32_t lists = 0, called = 0;
        int r;

        crowd(&k, workers, codes);
        press(&k, "sos-101", "1");
        at(&k, 301); /* all five tiers of 32 */
        forget(&k);
        memset(calls, 0, sizeof(calls));
        k.now.boot_us = k.start_boot_us + 420000000;
        do {
                r = engine_expire(k.engine, k.now, &k.list);
                engine_check(k.engine);
                lists++;
                assert_true(k.list.n <= EFFECTS_MAX);
                for (uint32_t i = 0; i < k.list.n; i++)
                        if (k.list.effects[i].type == EFFECT_NOTIFY) {
                                calls[k.list.effects[i].notify.worker]++;
                                called++;
                        }
        } while (r == ENGINE_E_MORE);
        assert_true(lists > 1);
        assert_int_equal(called, 160);
        for (uint32_t i = 1; i < CROWD; i++)
                assert_true(calls[i] <= 1);
        kit_end(&k);
}

/* Beside a list of all that was added: the newest of each key among the last eight, and no other. */
static void test_the_window_of_keys(void **state_)
{
        enum { MAX = 8, KEYS = 24, N = 20000 };
        static uint8_t added[N];
        uint32_t random = 1;
        Kit k;

        kit_begin_with(&k, 4, MAX);
        assert_int_equal(engine_expire(k.engine, k.now, &k.list), 0);
        for (uint32_t n = 0; n < N; n++) {
                KeyRow row = {.incident = n + 1};

                random = random * 1664525u + 1013904223u;
                row.key[0] = added[n] = (uint8_t)(1 + (random >> 16) % (n % 100 < 50 ? KEYS : 4));
                keys_add(k.engine, &row, k.engine->at);
                for (uint8_t key = 1; key <= KEYS; key++) {
                        uint32_t newest = n + 1, oldest = n + 1 > MAX ? n + 1 - MAX : 0;
                        const KeyRow *found;
                        KeyAge age;

                        while (newest > oldest && added[newest - 1] != key)
                                newest--;
                        found = keys_find(k.engine, (uint8_t[16]){key}, &age);
                        assert_int_equal(found ? found->incident : 0, newest > oldest ? newest : 0);
                }
        }
        kit_end(&k);
}

/* 160 people take twenty blocks of the pool; the next matter has those of the one that has left the memory. */
static void test_who_was_told_of_a_buried_matter_makes_room(void **state_)
{
        static Worker workers[CROWD];
        static char codes[CROWD][16];
        uint32_t most = 0;
        Kit k;

        crowd(&k, workers, codes);
        for (unsigned round = 0; round < 4; round++) {
                uint64_t id = engine_next_incident(k.engine);

                press(&k, "sos-101", NULL);
                at(&k, round * 3000.0 + 301); /* all five tiers of 32 */
                act(&k, ACTION_ACCEPT, codes[5], id);
                act(&k, ACTION_ARRIVED, codes[5], id);
                resolve(&k, codes[5], id, "helped");
                if (round == 0)
                        most = k.engine->blocks_high;
                assert_true(k.engine->blocks_high >= 20);
                at(&k, round * 3000.0 + 3000);
                assert_null(table_get(k.engine, id));
        }
        assert_int_equal(k.engine->blocks_high, most);
        kit_end(&k);
}

static void test_many_incidents_at_once_are_all_called(void **state_)
{
        Kit k;
        char name[16];
        uint32_t n = 0;

        kit_begin_with(&k, 512, 1024);
        k.unchecked_rows = true;
        for (int i = 0; i < 300; i++) {
                (void)snprintf(name, sizeof(name), "f%d", i);
                k.policy.classes[CLASS_FALL].priority = 2;
                alarm(&k, ALARM_UNPARSED, name, NULL);
        }
        assert_int_equal(engine_open_count(k.engine), 6); /* five, and the flood */
        press(&k, "sos-101", "1");
        press(&k, "sos-201", "1");
        press(&k, "pend-102a", "1");
        press(&k, "pend-102b", "1");
        sleep_until(&k, 5000);
        for (uint64_t id = engine_next_open(k.engine, 0); id; id = engine_next_open(k.engine, id))
                n++;
        assert_int_equal(n, 11); /* and the gap in the roster of the other grid */
        kit_end(&k);
}

static void test_the_order_of_firing_is_due_priority_number(void **state_)
{
        Kit k;
        uint64_t order[8];
        uint32_t n = 0;

        kit_begin(&k);
        k.phones_off = false;
        alarm(&k, ALARM_FALL, "pend-102a", "1"); /* 1: P2, T2 at 60 */
        at(&k, 30);
        press(&k, "sos-101", "1"); /* 2: P1, T2 at 60 */
        press(&k, "sos-201", "1"); /* 3: P1, T2 at 60 */
        at(&k, 59.9);
        forget(&k);
        at(&k, 60);
        for (uint32_t i = 0; i < k.n; i++)
                if (k.effects[i].type == EFFECT_JOURNAL && k.effects[i].journal.kind == JOURNAL_TIER &&
                        k.effects[i].journal.tier == 2)
                        order[n++] = k.effects[i].incident;
        assert_int_equal(n, 3);
        assert_true(order[0] == 2 && order[1] == 3 && order[2] == 1);
        kit_end(&k);
}

static void test_the_same_calls_give_the_same_effects(void **state_)
{
        Kit a, b;

        kit_begin(&a);
        kit_begin(&b);
        for (int i = 0; i < 2; i++) {
                Kit *k = i ? &b : &a;

                press(k, "sos-101", "1");
                alarm(k, ALARM_SMOKE, "smoke-102", "1");
                at(k, 47);
                act(k, ACTION_ACCEPT, "w02", 1);
                at(k, 1300);
        }
        assert_int_equal(a.n, b.n);
        for (uint32_t i = 0; i < a.n; i++) {
                a.effects[i].journal.event = b.effects[i].journal.event = NULL;
                assert_memory_equal(&a.effects[i], &b.effects[i], sizeof(Effect));
        }
        kit_end(&a);
        kit_end(&b);
}

/* What was closed in this very moment is still to be written: its slot is not taken, and yet a matter opens. */
static void test_a_matter_closed_just_now_makes_no_room_yet(void **state_)
{
        Kit k;

        kit_begin_with(&k, 2, 64);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        resolve(&k, "w01", 1, "helped");
        at(&k, 899);
        press(&k, "sos-201", "1");
        sleep_until(
                &k, 1000); /* 1 closes, then nobody is in tier 2 of 2, which is a matter of the gateway */
        assert_int_equal(view(&k, 3).cause, SYSTEM_ROSTER);
        assert_int_equal(state(&k, 1), STATE_CLOSED);
        kit_end(&k);
}

/* A group's overflow has two slots: while one is written as closed, the next matter is in the other. */
static void test_an_overflow_that_has_just_closed_is_followed_by_another(void **state_)
{
        Kit k;

        kit_begin_with(&k, 1, 64);
        press(&k, "sos-101", "1");
        for (uint64_t round = 0; round < 3; round++) {
                const uint64_t id = k.rows[2].id ? engine_next_incident(k.engine) : 2;
                Event ev;

                press(&k, "sos-201", NULL);
                assert_int_equal(view(&k, id).dwelling, 3);
                ev = action_of(ACTION_ARRIVED, "w03", id, NULL);
                ev.action.proof = true;
                step(&k, &ev);
                resolve(&k, "w03", id, "helped");
                at(&k, (double)(round + 1) * 920 -
                                (round == 1 ? 0 : 10)); /* closed; buried a minute later */
                assert_int_equal(k.rows[id].state, STATE_CLOSED);
        }
        at(&k, 4000);
        assert_false(engine_view(k.engine, 2, k.now, &(IncidentView){0}));
        kit_end(&k);
}

/* The overflow of SYSTEM closes, and in the same list another cause needs it. */
static void test_an_overflow_closed_and_needed_in_one_list(void **state_)
{
        Event ev = {.type = EVENT_SYSTEM};
        Kit k;

        kit_begin_with(&k, 1, 64);
        press(&k, "sos-201", "1");
        at(&k, 1);
        ev.system.cause = SYSTEM_CHANNEL;
        ev.system.raise = true;
        step(&k, &ev);
        for (uint64_t id = 2; id < engine_next_incident(k.engine); id++)
                if (view(&k, id).group == GROUP_SYSTEM) {
                        act(&k, ACTION_ACCEPT, "o01", id);
                        act(&k, ACTION_ARRIVED, "o01", id);
                        resolve(&k, "o01", id, "helped");
                }
        assert_int_equal(view(&k, 2).state, STATE_RESOLVED);
        {
                const int64_t shift = 9 * (int64_t)USEC_PER_HOUR;

                act(&k, ACTION_ACCEPT, "w03", 1);
                sleep_until(&k, (double)(shift / 1000000)); /* closes, and the roster has a gap once more */
        }
        assert_true(engine_open_count(k.engine) >= 2);
        kit_end(&k);
}

/* Two rows of one key came together: when the newer is closed, the older is found again. */
static void test_two_matters_of_one_key_are_both_looked_after(void **state_)
{
        StateRow old, other;
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        old = k.rows[1];
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        other = k.rows[2];
        kit_end(&k);
        kit_begin(&k);
        k.unchecked_rows = true;
        engine_numbers_set(k.engine, 1000, 5000);
        k.next_seq = 5000;
        press(&k, "sos-101", "2");
        assert_int_equal(engine_restore(k.engine, &other, k.now), 0);
        assert_int_equal(engine_restore(k.engine, &old, k.now), 0); /* the newest of a key is found */
        for (uint64_t id = 1;; id = 1000) {
                act(&k, ACTION_ACCEPT, "w01", id);
                act(&k, ACTION_ARRIVED, "d01", id);
                act(&k, ACTION_ARRIVED, "w01", id);
                resolve(&k, "w01", id, "helped");
                assert_int_equal(state(&k, id), STATE_RESOLVED);
                if (id == 1000)
                        break;
                at(&k, 901); /* 1 is closed: its key is that of 1000 again */
                press(&k, "sos-101", "3");
                assert_int_equal(view(&k, 1000).presses, 2);
        }
        at(&k, 2000);
        press(&k, "sos-101", "4");
        assert_int_equal(view(&k, engine_next_incident(k.engine) - 1).presses, 1);
        kit_end(&k);
}

/* Restored into a table without room, it is said; the overflow of a group is one. */
static void test_no_room_to_restore(void **state_)
{
        StateRow row;
        Kit k;

        kit_begin_with(&k, 1, 64);
        press(&k, "sos-101", "1");
        press(&k, "sos-201", "1"); /* overflow */
        row = k.rows[1];
        row.id = 10;
        assert_int_equal(engine_restore(k.engine, &row, k.now), ENGINE_E_FULL);
        row = k.rows[2];
        row.id = 11;
        assert_int_equal(engine_restore(k.engine, &row, k.now), ENGINE_E_FULL);
        kit_end(&k);
}

/* What may be asked of incidents that are not there. */
static void test_of_what_is_not_there_nothing_is_shown(void **state_)
{
        static Device many[300];
        static char codes[300][16];
        IncidentView v;
        RecipientView r;
        StateRow row;
        Kit k;

        kit_begin_with(&k, 400, 64);
        k.unchecked_rows = true;
        alarm(&k, ALARM_FAULT, "sos-101", "1");
        assert_false(engine_view(k.engine, 9, k.now, &v));
        assert_false(engine_recipient(k.engine, 9, 0, k.now, &r));
        assert_int_equal(engine_recipients(k.engine, 9, (RecipientView[RECIPIENTS_MAX]){0}), 0);
        assert_false(engine_state_row(k.engine, 9, k.now, &row));
        assert_null(engine_device(k.engine, 9, 0));
        assert_null(engine_device(k.engine, 1, 1));
        assert_string_equal(engine_device(k.engine, 1, 0), "sos-101");
        {
                Event ev = {.type = EVENT_SYSTEM, .system = {.cause = SYSTEM_CHANNEL, .raise = true}};

                step(&k, &ev);
                assert_null(engine_device(k.engine, 2, 0)); /* no device's matter */
        }
        alarm(&k, ALARM_FAULT, "sos-102", "1");
        assert_int_equal(engine_next_open(k.engine, 9), 0);
        for (int i = 1; i < 300; i++) { /* more in one dwelling than a byte counts */
                (void)snprintf(codes[i], 16, "m%d", i);
                many[i] = (Device){.code = codes[i], .class = DEVICE_SENSOR, .dwelling = 1};
        }
        k.registry.devices = many;
        k.registry.n_devices = 300;
        kit_index(&k);
        roster_changed(&k);
        for (int i = 1; i < 300; i++)
                alarm(&k, ALARM_FAULT, codes[i], "1");
        assert_int_equal(view(&k, 20).others, 255);
        kit_end(&k);
}

/* What the database knew comes into a running engine whose table is full of what has just closed: there is room. */
static void test_a_closed_matter_makes_room_for_what_is_restored(void **state_)
{
        StateRow rows_[3];
        Event ev;
        Kit k;

        kit_begin_with(&k, 1, 64);
        k.unchecked_rows = true;
        press(&k, "sos-101", "1");
        press(&k, "sos-201", "1"); /* the overflow */
        for (uint64_t id = 1; id <= 2; id++) {
                rows_[id] = k.rows[id];
                ev = action_of(ACTION_ARRIVED, id == 1 ? "w01" : "w03", id, NULL);
                ev.action.proof = true;
                step(&k, &ev);
                resolve(&k, id == 1 ? "w01" : "w03", id, "helped");
        }
        at(&k, 930);
        assert_int_equal(state(&k, 1), STATE_CLOSED);
        assert_int_equal(state(&k, 2), STATE_CLOSED);
        for (uint64_t id = 1; id <= 2; id++) {
                rows_[id].id += 100;
                assert_int_equal(engine_restore(k.engine, &rows_[id], k.now), 0);
                assert_false(engine_view(k.engine, id, k.now, &(IncidentView){0}));
        }
        engine_check(k.engine);
        kit_end(&k);
}

/* The numbers of an incident are those of its whole view; of what is not there, there are none. */
static void test_numbers_without_texts(void **state_)
{
        IncidentView v = {0};
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        assert_false(engine_view_numbers(k.engine, 2, k.now, &v));
        assert_int_equal(v.id, 0);
        assert_true(engine_view_numbers(k.engine, 1, k.now, &v));
        assert_int_equal(v.id, 1);
        assert_int_equal(v.class, CLASS_SOS);
        assert_string_equal(v.source, "");
        assert_string_equal(view(&k, 1).source, "sos-101");
        assert_string_equal(request_class_word(CLASS_REQUEST_KEY), "key");
        assert_string_equal(request_class_word(CLASS_SOS), ""); /* of no request */
        kit_end(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_full_table_still_calls_people),
                cmocka_unit_test(test_a_closed_incident_makes_room_at_once),
                cmocka_unit_test(test_the_overflow_is_resolved_and_used_again),
                cmocka_unit_test(test_what_a_device_of_the_overflow_says_later_belongs_to_it),
                cmocka_unit_test(test_the_window_of_ids_forgets_the_oldest_first),
                cmocka_unit_test(test_a_list_that_is_full_goes_on_and_calls_each_once),
                cmocka_unit_test(test_the_window_of_keys),
                cmocka_unit_test(test_who_was_told_of_a_buried_matter_makes_room),
                cmocka_unit_test(test_many_incidents_at_once_are_all_called),
                cmocka_unit_test(test_the_order_of_firing_is_due_priority_number),
                cmocka_unit_test(test_the_same_calls_give_the_same_effects),
                cmocka_unit_test(test_a_matter_closed_just_now_makes_no_room_yet),
                cmocka_unit_test(test_an_overflow_that_has_just_closed_is_followed_by_another),
                cmocka_unit_test(test_an_overflow_closed_and_needed_in_one_list),
                cmocka_unit_test(test_two_matters_of_one_key_are_both_looked_after),
                cmocka_unit_test(test_no_room_to_restore),
                cmocka_unit_test(test_of_what_is_not_there_nothing_is_shown),
                cmocka_unit_test(test_a_closed_matter_makes_room_for_what_is_restored),
                cmocka_unit_test(test_numbers_without_texts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
