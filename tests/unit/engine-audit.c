/* SPDX-License-Identifier: Apache-2.0 */
/* The auditor: SEMANTICS.md section 4. State is spoilt by hand, behind the engine's back. */
#include "engine-kit.h"

#include "engine/internal.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static bool audit(Kit *k, uint64_t outbox_s)
{
        bool sound = engine_audit(k->engine, k->now, outbox_s * USEC_PER_SEC, &k->list);

        assert_true(k->n + k->list.n < KIT_EFFECTS);
        for (uint32_t i = 0; i < k->list.n; i++) {
                k->effects[k->n++] = k->list.effects[i];
                if (k->list.effects[i].type == EFFECT_JOURNAL)
                        assert_int_equal(k->list.effects[i].seq, k->next_seq++);
                if (k->list.effects[i].type == EFFECT_STATE)
                        assert_true(engine_state_row(k->engine, k->list.effects[i].incident, k->now,
                                &k->rows[k->list.effects[i].incident]));
        }
        return sound;
}

/* As a bug would lose it. */
static void lose(Kit *k, Timer t)
{
        Incident *in = table_get(k->engine, 1);

        in->due[t] = NEVER;
        timers_rekey(k->engine, in);
}

static void test_a_sound_state_is_left_alone(void **state_)
{
        Kit k;

        kit_begin(&k);
        assert_true(audit(&k, 0));
        press(&k, "sos-101", "1");
        for (int t = 1; t < 400; t += 5) {
                at(&k, t);
                forget(&k);
                assert_true(audit(&k, 1));
                assert_int_equal(k.n, 0);
        }
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        forget(&k);
        assert_true(audit(&k, 0));
        resolve(&k, "w01", 1, "helped");
        forget(&k);
        assert_true(audit(&k, 0));
        assert_int_equal(k.n, 0);
        kit_end(&k);
}

static void test_a_missing_step_of_the_ladder_is_due_now(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 5);
        lose(&k, TIMER_TIER);
        assert_true(audit(&k, 0));
        assert_int_equal(rows(&k, JOURNAL_AUDIT), 1);
        at(&k, 6);
        assert_int_equal(tier(&k, 1), 2);
        lose(&k, TIMER_RENOTIFY);
        assert_true(audit(&k, 0));
        assert_int_equal(rows(&k, JOURNAL_AUDIT), 2);
        kit_end(&k);
}

static void test_every_timer_of_a_state_is_missed(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        lose(&k, TIMER_FIRE119);
        assert_true(audit(&k, 0));
        act(&k, ACTION_ACCEPT, "w01", 1);
        lose(&k, TIMER_ARRIVE_BY);
        assert_true(audit(&k, 0));
        assert_int_equal(rows(&k, JOURNAL_AUDIT), 2);
        at(&k, 1);
        assert_int_equal(state(&k, 1), STATE_ALERTING); /* due now */
        act(&k, ACTION_ACCEPT, "d01", 1);
        act(&k, ACTION_ARRIVED, "d01", 1);
        lose(&k, TIMER_HANDLE_BY);
        assert_true(audit(&k, 0));
        at(&k, 2);
        assert_int_equal(rows(&k, JOURNAL_HANDLE_LATE), 1);
        kit_end(&k);
}

static void test_an_incident_that_the_heap_has_lost_is_found(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        heap_unset(&k.engine->heap, table_get(k.engine, 1)->slot);
        assert_true(engine_deadline(k.engine) > k.now.boot_us + 3600 * USEC_PER_SEC);
        assert_true(audit(&k, 0));
        at(&k, 30);
        assert_int_equal(tier(&k, 1), 2);
        kit_end(&k);
}

static void test_a_silent_ladder_calls(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        at(&k, 1);
        table_get(k.engine, 1)->notified_us -= 25 * (int64_t)USEC_PER_SEC;
        forget(&k);
        assert_true(audit(&k, 0));
        assert_int_equal(rows(&k, JOURNAL_AUDIT), 1);
        k.unchecked_rows = true;
        at(&k, 2);
        assert_int_equal(notified_why(&k, "w01", REASON_RENOTIFY), 1);
        kit_end(&k);
}

static void test_nobody_called_is_told_the_operator_once_a_cause(void **state_)
{
        static const char *const all[] = {"w01", "w02", "f101", "d01", "s01", "c01"};
        Kit k;

        kit_begin(&k);
        for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
                kit_remove_worker(&k, all[i]);
        press(&k, "sos-101", "1");
        assert_true(audit(&k, 0));
        assert_true(audit(&k, 0));
        assert_int_equal(engine_open_count(k.engine), 2);
        assert_int_equal(view(&k, 2).cause, SYSTEM_ROSTER);
        kit_end(&k);
}

static void test_a_message_that_nobody_takes_is_the_brokers_matter_until_it_is_taken(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        assert_true(audit(&k, 14));
        assert_int_equal(engine_open_count(k.engine), 1);
        assert_true(audit(&k, 15));
        assert_true(audit(&k, 20));
        assert_int_equal(engine_open_count(k.engine), 2);
        assert_int_equal(view(&k, 2).cause, SYSTEM_BROKER);
        assert_int_equal(view(&k, 2).condition, CONDITION_ACTIVE);
        assert_true(audit(&k, 0));
        assert_int_equal(view(&k, 2).condition, CONDITION_CLEARED);
        kit_end(&k);
}

static void test_what_contradicts_itself_is_said(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        table_get(k.engine, 1)->owner = 0;
        assert_false(audit(&k, 0));
        kit_end(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_sound_state_is_left_alone),
                cmocka_unit_test(test_a_missing_step_of_the_ladder_is_due_now),
                cmocka_unit_test(test_every_timer_of_a_state_is_missed),
                cmocka_unit_test(test_an_incident_that_the_heap_has_lost_is_found),
                cmocka_unit_test(test_a_silent_ladder_calls),
                cmocka_unit_test(test_nobody_called_is_told_the_operator_once_a_cause),
                cmocka_unit_test(test_a_message_that_nobody_takes_is_the_brokers_matter_until_it_is_taken),
                cmocka_unit_test(test_what_contradicts_itself_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
