/* SPDX-License-Identifier: Apache-2.0 */
/* Full tables, full lists, many at once: nothing is refused, everything still calls somebody. */
#include "engine-kit.h"

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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_full_table_still_calls_people),
                cmocka_unit_test(test_a_closed_incident_makes_room_at_once),
                cmocka_unit_test(test_the_overflow_is_resolved_and_used_again),
                cmocka_unit_test(test_the_window_of_ids_forgets_the_oldest_first),
                cmocka_unit_test(test_a_list_that_is_full_goes_on_and_calls_each_once),
                cmocka_unit_test(test_many_incidents_at_once_are_all_called),
                cmocka_unit_test(test_the_order_of_firing_is_due_priority_number),
                cmocka_unit_test(test_the_same_calls_give_the_same_effects),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
