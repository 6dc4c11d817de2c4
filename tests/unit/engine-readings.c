/* SPDX-License-Identifier: Apache-2.0 */
/* Readings at their edges: several at once, again after they were dealt with, back by a margin, of people who moved. */
#include "engine-kit.h"

#include "base/str.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static Resident people[16];
static VitalLimits limits_101; /* of people[1] */
static Device devices[16];

static void begin(Kit *k, bool rate, bool score)
{
        kit_begin(k);
        k->policy.vital_rate = rate;
        k->policy.vital_score = score;
        kit_policy(k);
        memcpy(people, k->registry.residents, k->registry.n_residents * sizeof(Resident));
        memcpy(devices, k->registry.devices, k->registry.n_devices * sizeof(Device));
        limits_101 = *people[1].limits;
        people[1].limits = &limits_101;
        k->registry.residents = people;
        k->registry.devices = devices;
        roster_changed(k);
        forget(k);
}

static void limits(Vital vital, double min, double max)
{
        limits_101.min[vital] = min;
        limits_101.max[vital] = max;
}

/* Of the wristband in 101; NAN: does not say. */
static Event reading(double hr, double spo2, double sys, double temp, double resp)
{
        const double value[VITAL_MAX] = {[VITAL_HR] = hr,
                [VITAL_SPO2] = spo2,
                [VITAL_SYS] = sys,
                [VITAL_DIA] = NAN,
                [VITAL_TEMP] = temp,
                [VITAL_RESP] = resp};
        Event ev = {.type = EVENT_VITALS, .via = VIA_MQTT};

        (void)str_copy(ev.source, CODE_SIZE, "band-101");
        for (unsigned i = 0; i < VITAL_MAX; i++)
                if (!isnan(value[i])) {
                        ev.vitals.has |= 1u << i;
                        ev.vitals.value[i] = value[i];
                }
        return ev;
}

static void says(Kit *k, double hr, double spo2, double sys, double temp, double resp)
{
        Event ev = reading(hr, spo2, sys, temp, resp);

        step(k, &ev);
}

/* Somebody has been there, and the matter is closed. */
static void dealt_with(Kit *k, double *t, uint64_t incident)
{
        act(k, ACTION_ACCEPT, "w01", incident);
        act(k, ACTION_ARRIVED, "w01", incident);
        resolve(k, "w01", incident, "helped");
        *t += 400;
        at(k, *t);
        assert_int_equal(engine_open_count(k->engine), 0);
        forget(k);
}

static Condition condition(const Kit *k)
{
        return view(k, 1).condition;
}

/* So is back what is inside by the margin for a minute; both are asked for. */
static void back_at(Kit *k, Vital vital, double beyond, double not_yet, double back)
{
        vitals(k, "band-101", vital, beyond);
        vitals(k, "band-101", vital, beyond);
        assert_int_equal(condition(k), CONDITION_ACTIVE);
        vitals(k, "band-101", vital, not_yet);
        at(k, 100);
        vitals(k, "band-101", vital, not_yet);
        assert_int_equal(condition(k), CONDITION_ACTIVE);
        vitals(k, "band-101", vital, back);
        at(k, 161);
        assert_int_equal(condition(k), CONDITION_CLEARED);
        kit_end(k);
}

static void test_back_by_the_margin(void **state_)
{
        Kit k;

        begin(&k, false, false);
        back_at(&k, VITAL_SYS, 190, 175, 171); /* 5 % of the limit */
        begin(&k, false, false);
        back_at(&k, VITAL_SYS, 80, 94, 94.5);
        begin(&k, false, false);
        back_at(&k, VITAL_DIA, 45, 52, 52.5);
        begin(&k, false, false);
        limits(VITAL_RESP, NAN, 25); /* no lower limit, or no upper one */
        back_at(&k, VITAL_RESP, 26, 24, 5);
        begin(&k, false, false);
        limits(VITAL_HR, 60, 66); /* so close that no margin fits: their middle */
        back_at(&k, VITAL_HR, 70, 64, 63);
        begin(&k, false, false);
        limits(VITAL_SPO2, 99.5, NAN); /* nobody has more than all of it */
        back_at(&k, VITAL_SPO2, 98, 99.9, 100);
}

/* Of several the worst is told of: a critical one, else the first. */
static void test_two_at_once(void **state_)
{
        Kit k;

        begin(&k, false, false);
        says(&k, 125, NAN, NAN, NAN, NAN);
        says(&k, 125, 85, NAN, NAN, NAN);
        assert_int_equal(view(&k, 1).vital, VITAL_SPO2);
        assert_int_equal(view(&k, 1).class, CLASS_VITAL_CRITICAL);
        kit_end(&k);
        begin(&k, false, false);
        says(&k, 180, 85, NAN, NAN, NAN); /* both */
        assert_int_equal(view(&k, 1).vital, VITAL_HR);
        assert_int_equal(view(&k, 1).class, CLASS_VITAL_CRITICAL);
        kit_end(&k);
        begin(&k, false, false);
        says(&k, 180, NAN, 185, NAN, NAN);
        says(&k, 180, NAN, 185, NAN, NAN); /* the second is news, and does not make it less */
        assert_int_equal(view(&k, 1).vital, VITAL_SYS);
        assert_int_equal(view(&k, 1).class, CLASS_VITAL_CRITICAL);
        kit_end(&k);
        begin(&k, false, false);
        says(&k, 125, NAN, 185, NAN, NAN);
        says(&k, 125, NAN, 185, NAN, NAN);
        assert_int_equal(view(&k, 1).vital, VITAL_HR);
        assert_true(view(&k, 1).value == 125);
        assert_int_equal(view(&k, 1).class, CLASS_VITAL_URGENT);
        kit_end(&k);
}

/* It was told, is over and closed; a quarter of an hour later one gross reading by itself is believed again. */
static void test_gross_again_after_a_pause(void **state_)
{
        double t = 100;
        Kit k;

        begin(&k, false, false);
        vitals(&k, "band-101", VITAL_SPO2, 85);
        at(&k, 30);
        vitals(&k, "band-101", VITAL_SPO2, 97);
        at(&k, t);
        vitals(&k, "band-101", VITAL_SPO2, 97);
        assert_int_equal(condition(&k), CONDITION_CLEARED);
        dealt_with(&k, &t, 1);
        vitals(&k, "band-101", VITAL_SPO2, 85);
        assert_int_equal(view(&k, 2).class, CLASS_VITAL_CRITICAL);
        assert_true(notified(&k, "w01") > 0);
        kit_end(&k);
}

static void test_two_changes_at_once_and_one_again(void **state_)
{
        double t = 0;
        Kit k;

        begin(&k, true, false);
        for (; t < 300; t += 30) {
                at(&k, t);
                says(&k, 60, 99, NAN, NAN, NAN);
        }
        for (; t < 390; t += 30) {
                at(&k, t);
                says(&k, 112, 93, NAN, NAN, NAN);
        }
        assert_int_equal(view(&k, 1).why, REASON_RATE);
        assert_int_equal(view(&k, 1).vital, VITAL_HR);
        assert_true(view(&k, 1).value == 112 && view(&k, 1).limit == 60);
        dealt_with(&k, &t, 1);
        for (double end = t + 700; t < end; t += 30) {
                at(&k, t);
                says(&k, 60, 99, NAN, NAN, NAN);
        }
        for (double end = t + 90; t < end; t += 30) {
                at(&k, t);
                says(&k, 112, 93, NAN, NAN, NAN);
        }
        assert_int_equal(engine_open_count(k.engine), 0); /* once in an hour */
        kit_end(&k);
}

/* What the doctor has allowed counts two points at most; what was said an hour ago counts nothing. */
static void test_parts_of_a_score(void **state_)
{
        Kit k;

        begin(&k, false, true);
        limits(VITAL_SPO2, 85, NAN);
        says(&k, NAN, 88, NAN, NAN, NAN);
        says(&k, NAN, 88, NAN, NAN, NAN);
        says(&k, NAN, 88, NAN, NAN, NAN);
        assert_int_equal(engine_open_count(k.engine), 0);
        says(&k, 112, 88, NAN, NAN, 21);
        says(&k, 112, 88, NAN, NAN, 21);
        assert_int_equal(view(&k, 1).score, 6);
        kit_end(&k);
        begin(&k, false, true);
        says(&k, 112, 93, NAN, NAN, NAN); /* 2 + 2 */
        at(&k, 3700);
        says(&k, NAN, NAN, NAN, NAN, 21);
        says(&k, NAN, NAN, NAN, NAN, 21);
        assert_int_equal(engine_open_count(k.engine), 0);
        kit_end(&k);
        begin(&k, false, true);
        limits(VITAL_RESP, NAN, NAN);
        limits(VITAL_TEMP, NAN, NAN);
        says(&k, NAN, NAN, NAN, 34, 8); /* 3 + 3, each enough by itself */
        says(&k, NAN, NAN, NAN, 34, 8);
        assert_int_equal(view(&k, 1).score, 6);
        assert_int_equal(view(&k, 1).class, CLASS_VITAL_URGENT);
        kit_end(&k);
        begin(&k, false, true);
        limits(VITAL_TEMP, NAN, 37); /* an upper limit alone is one, too */
        says(&k, NAN, NAN, NAN, 34, NAN);
        says(&k, NAN, NAN, NAN, 34, NAN);
        assert_int_equal(engine_open_count(k.engine), 0);
        kit_end(&k);
}

static void test_a_score_beside_what_has_called(void **state_)
{
        Kit k;

        begin(&k, false, true);
        says(&k, NAN, 85, NAN, NAN, NAN); /* critical by itself */
        forget(&k);
        says(&k, 114, 85, NAN, 38.3, 23);
        says(&k, 114, 85, NAN, 38.3, 23);
        assert_int_equal(view(&k, 1).why, REASON_LIMIT);
        assert_int_equal(rows(&k, JOURNAL_UPGRADED), 0);
        kit_end(&k);
        begin(&k, false, true);
        says(&k, 114, 93, NAN, 38.3, 23);
        says(&k, 114, 85, NAN, 38.3, 23); /* both in one step */
        assert_int_equal(view(&k, 1).class, CLASS_VITAL_CRITICAL);
        assert_int_equal(view(&k, 1).why, REASON_LIMIT);
        assert_int_equal(view(&k, 1).vital, VITAL_SPO2);
        kit_end(&k);
}

static void test_a_score_that_was_dealt_with(void **state_)
{
        double t = 0;
        Kit k;

        begin(&k, false, true);
        says(&k, 112, 93, NAN, NAN, 22);
        says(&k, 112, 93, NAN, NAN, 22);
        assert_int_equal(view(&k, 1).why, REASON_SCORE);
        dealt_with(&k, &t, 1);
        says(&k, 112, 93, NAN, NAN, 22);
        says(&k, 112, 93, NAN, NAN, 22);
        assert_int_equal(engine_open_count(k.engine), 0); /* no news */
        says(&k, 114, 93, NAN, 38.3, 23);                 /* worse */
        assert_int_equal(view(&k, 2).class, CLASS_VITAL_CRITICAL);
        dealt_with(&k, &t, 2);
        says(&k, NAN, 85, NAN, NAN, NAN);
        assert_int_equal(view(&k, 3).class, CLASS_VITAL_CRITICAL);
        dealt_with(&k, &t, 3);
        says(&k, 114, 97, 100, 38.3, 23); /* as bad as what somebody has seen */
        says(&k, 114, 97, 100, 38.3, 23);
        assert_int_equal(engine_open_count(k.engine), 0);
        kit_end(&k);
}

/* The device's own time is that of the reading, if it can be. */
static void test_when_a_reading_was_taken(void **state_)
{
        const struct {
                int64_t ago_s;
                bool believed;
        } times[] = {{3600, true}, {-200, true}, {-400, false}, {86300, true}, {86500, false}};
        Kit k;

        begin(&k, false, false);
        for (unsigned i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
                Event ev = reading(72, NAN, NAN, NAN, NAN);
                int64_t said = k.now.wall_us - times[i].ago_s * (int64_t)USEC_PER_SEC;

                ev.device_us = said;
                step(&k, &ev);
                assert_true(newest(&k, EFFECT_READING)->reading.wall_us ==
                            (times[i].believed ? said : k.now.wall_us));
        }
        kit_end(&k);
}

static void test_on_the_shelf_only_what_is_critical_calls(void **state_)
{
        Event ev;
        Kit k;

        begin(&k, false, false);
        ev = action_of(ACTION_SHELVE, "d01", 0, NULL);
        (void)str_copy(ev.action.target, CODE_SIZE, "band-101");
        ev.action.span_us = USEC_PER_HOUR;
        ev.action.has_note = true;
        step(&k, &ev);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        vitals(&k, "band-101", VITAL_HR, 125);
        vitals(&k, "band-101", VITAL_HR, 125);
        assert_int_equal(engine_open_count(k.engine), 0);
        assert_int_equal(count(&k, EFFECT_READING), 2);
        vitals(&k, "band-101", VITAL_SPO2, 85);
        assert_int_equal(view(&k, 1).class, CLASS_VITAL_CRITICAL);
        kit_end(&k);
}

/* A reading that waits belongs to whoever wore the band; nobody is judged by what another one's said. */
static void test_the_band_is_given_to_another_while_a_reading_waits(void **state_)
{
        for (unsigned to = 0; to < 2; to++) {
                Kit k;

                begin(&k, false, false);
                k.limits.devices_max = 5;
                kit_restart(&k);
                people[6] =
                        (Resident){.code = "r999", .name = "钱虚构", .dwelling = 1, .limits = &limits_101};
                k.registry.n_residents = 7;
                kit_index(&k);
                roster_changed(&k);
                vitals(&k, "band-101", VITAL_HR, 125);
                devices[kit_device(&k, "band-101")].resident = to ? 6 : 0; /* beyond the table, or nobody */
                at(&k, 60);
                assert_int_equal(engine_open_count(k.engine), 0);
                kit_end(&k);
        }
}

/* By CoAP a device asks whether it was recorded, and is told so whatever the reading says. */
static void test_receipts_of_readings(void **state_)
{
        Event ev = reading(72, NAN, NAN, NAN, NAN);
        Kit k;

        begin(&k, false, false);
        step(&k, &ev);
        assert_int_equal(count(&k, EFFECT_RECEIPT), 0);
        ev.hold = true;
        step(&k, &ev);
        assert_int_equal(count(&k, EFFECT_RECEIPT), 1);
        assert_int_equal(newest(&k, EFFECT_RECEIPT)->receipt.result, RECEIPT_RECORDED);
        assert_int_equal(newest(&k, EFFECT_RECEIPT)->incident, 0);
        ev = reading(180, NAN, NAN, NAN, NAN);
        ev.hold = true;
        step(&k, &ev);
        assert_int_equal(count(&k, EFFECT_RECEIPT), 2);
        assert_int_equal(newest(&k, EFFECT_RECEIPT)->incident, 1);
        (void)str_copy(ev.source, CODE_SIZE, "nobody");
        step(&k, &ev);
        assert_int_equal(count(&k, EFFECT_RECEIPT), 3);
        assert_int_equal(newest(&k, EFFECT_RECEIPT)->receipt.result, RECEIPT_RECORDED);
        kit_end(&k);
}

static void test_a_retained_reading_is_old(void **state_)
{
        Event ev = reading(NAN, 80, NAN, NAN, NAN);
        Kit k;

        begin(&k, false, false);
        ev.retained = true;
        step(&k, &ev);
        assert_int_equal(count(&k, EFFECT_READING), 1);
        assert_int_equal(engine_open_count(k.engine), 0);
        ev.retained = false;
        step(&k, &ev);
        assert_int_equal(engine_open_count(k.engine), 1);
        kit_end(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_back_by_the_margin),
                cmocka_unit_test(test_two_at_once),
                cmocka_unit_test(test_gross_again_after_a_pause),
                cmocka_unit_test(test_two_changes_at_once_and_one_again),
                cmocka_unit_test(test_parts_of_a_score),
                cmocka_unit_test(test_a_score_beside_what_has_called),
                cmocka_unit_test(test_a_score_that_was_dealt_with),
                cmocka_unit_test(test_when_a_reading_was_taken),
                cmocka_unit_test(test_on_the_shelf_only_what_is_critical_calls),
                cmocka_unit_test(test_the_band_is_given_to_another_while_a_reading_waits),
                cmocka_unit_test(test_receipts_of_readings),
                cmocka_unit_test(test_a_retained_reading_is_old),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
