/* SPDX-License-Identifier: Apache-2.0 */
/* Readings against limits, device health, requests, the gateway about itself. */
#include "engine-kit.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_a_reading_within_limits_is_stored_and_no_more(void **state_)
{
        Kit k;

        kit_begin(&k);
        vitals(&k, "band-101", VITAL_HR, 72);
        assert_int_equal(k.n, 1);
        assert_int_equal(k.effects[0].type, EFFECT_READING);
        assert_int_equal(k.effects[0].reading.resident, 1);
        kit_end(&k);
}

static void test_beyond_a_limit_calls_with_the_reason(void **state_)
{
        Kit k;

        kit_begin(&k);
        vitals(&k, "band-101", VITAL_HR, 125);
        assert_int_equal(engine_open_count(k.engine), 0);
        at(&k, 5);
        vitals(&k, "band-101", VITAL_HR, 125);
        assert_int_equal(view(&k, 1).group, GROUP_VITAL);
        assert_int_equal(view(&k, 1).class, CLASS_VITAL_URGENT);
        assert_int_equal(view(&k, 1).vital, VITAL_HR);
        assert_true(view(&k, 1).value == 125 && view(&k, 1).limit == 120);
        assert_int_equal(view(&k, 1).reason, REASON_SUSTAINED);
        assert_int_equal(view(&k, 1).span_us, 5000000);
        assert_int_equal(rows(&k, JOURNAL_READING), 1);
        assert_int_equal(notified_why(&k, "w01", REASON_SUSTAINED), 1);
        expect_notified(&k, "w01", NULL);
        at(&k, 15);
        vitals(&k, "band-101", VITAL_HR, 128); /* still beyond: no news */
        assert_int_equal(rows(&k, JOURNAL_READING), 0);
        expect_nobody(&k);
        kit_end(&k);
}

static void test_grossly_beyond_is_critical(void **state_)
{
        Kit k;

        kit_begin(&k);
        vitals(&k, "band-101", VITAL_HR, 125);
        vitals(&k, "band-101", VITAL_HR, 125);
        at(&k, 20);
        forget(&k);
        vitals(&k, "band-101", VITAL_HR, 150); /* NEWS2: 3 points for one parameter */
        assert_int_equal(view(&k, 1).class, CLASS_VITAL_CRITICAL);
        assert_int_equal(view(&k, 1).priority, 2);
        assert_int_equal(rows(&k, JOURNAL_UPGRADED), 1);
        assert_true(notified(&k, "w01") > 0);
        kit_end(&k);
}

static void test_critical_at_once(void **state_)
{
        Kit k;

        kit_begin(&k);
        vitals(&k, "band-101", VITAL_SPO2, 85);
        assert_int_equal(view(&k, 1).class, CLASS_VITAL_CRITICAL);
        kit_end(&k);
}

static void test_back_within_limits_is_a_condition_that_stops_nothing(void **state_)
{
        Kit k;

        kit_begin(&k);
        vitals(&k, "band-101", VITAL_HR, 135);
        at(&k, 20);
        vitals(&k, "band-101", VITAL_HR, 80);
        assert_int_equal(view(&k, 1).condition, CONDITION_ACTIVE);
        at(&k, 79);
        assert_int_equal(view(&k, 1).condition, CONDITION_ACTIVE);
        at(&k, 81);
        assert_int_equal(view(&k, 1).condition, CONDITION_CLEARED);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        forget(&k);
        vitals(&k, "band-101", VITAL_HR, 40);
        assert_int_equal(view(&k, 1).condition, CONDITION_ACTIVE);
        assert_true(notified(&k, "w01") > 0);
        kit_end(&k);
}

/* Readings every 30 s. */
static void stream(Kit *k, double *t, unsigned n, double value)
{
        for (unsigned i = 0; i < n; i++) {
                *t += 30;
                at(k, *t);
                vitals(k, "band-101", VITAL_HR, value);
        }
}

static void test_one_slight_excursion_that_is_contradicted_is_noise(void **state_)
{
        Kit k;
        double t = 0;

        kit_begin(&k);
        stream(&k, &t, 10, 100);
        stream(&k, &t, 1, 124);
        stream(&k, &t, 10, 100);
        assert_int_equal(engine_open_count(k.engine), 0);
        kit_end(&k);
}

static void test_a_lone_slight_excursion_is_believed_in_the_end(void **state_)
{
        Kit k;

        kit_begin(&k);
        vitals(&k, "band-101", VITAL_SYS, 185);
        at(&k, 29);
        assert_int_equal(engine_open_count(k.engine), 0);
        at(&k, 31);
        assert_int_equal(view(&k, 1).class, CLASS_VITAL_URGENT);
        assert_int_equal(view(&k, 1).vital, VITAL_SYS);
        assert_true(view(&k, 1).value == 185 && view(&k, 1).limit == 180);
        kit_end(&k);
}

static void test_a_loose_strap_s_jump_must_be_said_twice(void **state_)
{
        Kit k;
        double t = 0;

        kit_begin(&k);
        stream(&k, &t, 10, 80);
        stream(&k, &t, 1, 210);
        stream(&k, &t, 10, 82);
        assert_int_equal(engine_open_count(k.engine), 0);
        stream(&k, &t, 2, 210);
        assert_int_equal(view(&k, 1).class, CLASS_VITAL_CRITICAL);
        kit_end(&k);
}

static void test_the_first_reading_far_beyond_calls_at_once(void **state_)
{
        Kit k;

        kit_begin(&k);
        vitals(&k, "band-101", VITAL_HR, 72);
        vitals(&k, "band-101", VITAL_HR, 190); /* of a newcomer who tries it */
        assert_int_equal(view(&k, 1).class, CLASS_VITAL_CRITICAL);
        assert_int_equal(view(&k, 1).why, REASON_LIMIT);
        kit_end(&k);
}

static void test_near_the_limit_it_does_not_flap(void **state_)
{
        Kit k;
        double t = 0;

        kit_begin(&k);
        stream(&k, &t, 3, 122);
        assert_int_equal(engine_open_count(k.engine), 1);
        forget(&k);
        for (int i = 0; i < 20; i++) {
                stream(&k, &t, 1, 118); /* inside, and not by 5 */
                stream(&k, &t, 1, 122);
        }
        assert_int_equal(rows(&k, JOURNAL_CONDITION), 0);
        assert_int_equal(rows(&k, JOURNAL_READING), 0);
        kit_end(&k);
}

static void test_resolved_and_never_back_does_not_ring_again(void **state_)
{
        Kit k;
        double t = 0;

        kit_begin(&k);
        stream(&k, &t, 3, 122);
        resolve(&k, "w01", 1, "no_help_needed");
        stream(&k, &t, 120, 123); /* an hour */
        assert_int_equal(engine_open_count(k.engine), 0);
        stream(&k, &t, 1, 150); /* worse */
        assert_int_equal(engine_open_count(k.engine), 1);
        assert_int_equal(view(&k, 2).class, CLASS_VITAL_CRITICAL);
        resolve(&k, "d01", 2, "hospital");
        kit_end(&k);
}

static void test_not_worn_is_not_judged(void **state_)
{
        Kit k;
        StatusEvent s = nothing_said();

        kit_begin(&k);
        s.worn = 0;
        status_says(&k, "band-101", s);
        forget(&k);
        vitals(&k, "band-101", VITAL_HR, 30);
        assert_int_equal(count(&k, EFFECT_READING), 1);
        assert_int_equal(engine_open_count(k.engine), 0);
        kit_end(&k);
}

static void all(Kit *k, double hr, double spo2, double resp, double temp)
{
        Event ev = {.type = EVENT_VITALS, .via = VIA_MQTT};

        (void)str_copy(ev.source, CODE_SIZE, "band-101");
        ev.vitals.has = 1u << VITAL_HR | 1u << VITAL_SPO2 | 1u << VITAL_RESP | 1u << VITAL_TEMP;
        ev.vitals.value[VITAL_HR] = hr;
        ev.vitals.value[VITAL_SPO2] = spo2;
        ev.vitals.value[VITAL_RESP] = resp;
        ev.vitals.value[VITAL_TEMP] = temp;
        step(k, &ev);
}

static void test_many_small_things_are_a_score(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.policy.vital_score = 1;
        kit_policy(&k);
        all(&k, 112, 93, 20, 37.0); /* 2 + 2 */
        all(&k, 112, 93, 20, 37.0);
        assert_int_equal(engine_open_count(k.engine), 0);
        all(&k, 112, 93, 22, 37.0); /* 2 + 2 + 2 */
        assert_int_equal(engine_open_count(k.engine), 0);
        at(&k, 30);
        all(&k, 112, 93, 22, 37.0);
        assert_int_equal(view(&k, 1).class, CLASS_VITAL_URGENT);
        assert_int_equal(view(&k, 1).why, REASON_SCORE);
        assert_int_equal(view(&k, 1).score, 6);
        assert_true(view(&k, 1).partial);
        at(&k, 60);
        all(&k, 114, 93, 23, 38.3); /* 2 + 2 + 2 + 1 */
        assert_int_equal(view(&k, 1).class, CLASS_VITAL_CRITICAL);
        assert_int_equal(view(&k, 1).score, 7);
        kit_end(&k);
}

static void test_three_points_without_an_own_limit_are_urgent(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.policy.vital_score = 1;
        kit_policy(&k);
        vitals(&k, "pend-102a", VITAL_HR, 35);
        vitals(&k, "pend-102a", VITAL_HR, 35);
        assert_int_equal(view(&k, 1).class, CLASS_VITAL_URGENT);
        kit_end(&k);
}

static void test_a_fall_of_saturation_within_ten_minutes_calls(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.policy.vital_rate = 1;
        kit_policy(&k);
        for (int i = 0; i < 10; i++) {
                at(&k, 30 * i);
                vitals(&k, "band-101", VITAL_SPO2, 99);
        }
        for (int i = 10; i < 14; i++) {
                at(&k, 30 * i);
                vitals(&k, "band-101", VITAL_SPO2, 93); /* above its limit, 92 */
        }
        assert_int_equal(view(&k, 1).why, REASON_RATE);
        assert_int_equal(view(&k, 1).class, CLASS_VITAL_URGENT);
        assert_true(view(&k, 1).limit == 99 && view(&k, 1).value == 93 && view(&k, 1).trend < 0);
        kit_end(&k);
}

/* An irregular heart: a reading far beyond every few minutes, and never two of them. */
static void test_a_scattered_course_is_one_matter(void **state_)
{
        Kit k;
        double t = 0;

        kit_begin(&k);
        stream(&k, &t, 10, 100);
        stream(&k, &t, 1, 135); /* gross, once: not yet */
        assert_int_equal(engine_open_count(k.engine), 0);
        stream(&k, &t, 3, 100);
        stream(&k, &t, 2, 124);
        assert_int_equal(view(&k, 1).priority, 3);
        stream(&k, &t, 4, 100);
        assert_int_equal(view(&k, 1).condition, CONDITION_CLEARED);
        forget(&k);
        stream(&k, &t, 2, 125); /* the same again: said, and nobody is called for it */
        assert_int_equal(rows(&k, JOURNAL_READING), 1);
        assert_int_equal(rows(&k, JOURNAL_PRESSED), 0);
        assert_int_equal(view(&k, 1).condition, CONDITION_ACTIVE);
        assert_true(view(&k, 1).value == 125);
        stream(&k, &t, 4, 100);
        resolve(&k, "w01", 1, "no_help_needed");
        forget(&k);
        stream(&k, &t, 2, 126); /* somebody has looked: a row, and no matter */
        assert_int_equal(rows(&k, JOURNAL_READING), 1);
        assert_true(row(&k, JOURNAL_READING)->value == 126 && row(&k, JOURNAL_READING)->limit == 120);
        stream(&k, &t, 6, 126); /* one row for an excursion */
        assert_int_equal(rows(&k, JOURNAL_READING), 1);
        assert_int_equal(engine_open_count(k.engine), 0);
        stream(&k, &t, 62, 100); /* over for half an hour */
        stream(&k, &t, 2, 124);
        assert_int_equal(engine_open_count(k.engine), 1);
        kit_end(&k);
}

static void test_gross_in_a_course_is_believed_at_the_second(void **state_)
{
        Kit k;
        double t = 0;

        kit_begin(&k);
        stream(&k, &t, 6, 100);
        stream(&k, &t, 2, 135);
        assert_int_equal(view(&k, 1).class, CLASS_VITAL_CRITICAL);
        stream(&k, &t, 5, 100);
        assert_int_equal(view(&k, 1).condition, CONDITION_CLEARED);
        forget(&k);
        stream(&k, &t, 2, 140); /* people are on their way */
        assert_int_equal(rows(&k, JOURNAL_READING), 1);
        assert_int_equal(rows(&k, JOURNAL_PRESSED), 0);
        stream(&k, &t, 5, 140);
        assert_int_equal(rows(&k, JOURNAL_PRESSED), 0);
        stream(&k, &t, 1, 140); /* and it stays */
        assert_int_equal(rows(&k, JOURNAL_PRESSED), 1);
        stream(&k, &t, 9, 140);
        assert_int_equal(rows(&k, JOURNAL_PRESSED), 1);
        stream(&k, &t, 6, 100);
        forget(&k);
        stream(&k, &t, 2, 38); /* the other side is another matter */
        assert_int_equal(rows(&k, JOURNAL_PRESSED), 1);
        kit_end(&k);
}

static void test_gross_in_a_course_that_nothing_contradicts_is_believed(void **state_)
{
        Kit k;
        double t = 0;

        kit_begin(&k);
        stream(&k, &t, 6, 100);
        t += 5;
        at(&k, t);
        vitals(&k, "band-101", VITAL_HR, 140); /* and then nothing comes */
        assert_int_equal(engine_open_count(k.engine), 0);
        at(&k, t + 60);
        assert_int_equal(view(&k, 1).class, CLASS_VITAL_CRITICAL);
        kit_end(&k);
}

static void test_irregular_beats_are_no_trend(void **state_)
{
        Kit k;
        double t = 0;

        kit_begin(&k);
        k.policy.vital_rate = 1;
        kit_policy(&k);
        for (int i = 0; i < 100; i++)
                stream(&k, &t, 1, i % 3 == 0 ? 118 : i % 3 == 1 ? 70 : 75);
        assert_int_equal(engine_open_count(k.engine), 0);
        kit_end(&k);
}

static void rules(Kit *k, PersonRule *list, uint32_t n)
{
        k->registry.rules = list;
        k->registry.n_rules = n;
}

static void test_delay_and_samples_of_a_person(void **state_)
{
        PersonRule list[] = {{1, RULE_DELAY, {300e6}}, {1, RULE_SAMPLES, {3, 4}}};
        Kit k;
        double t = 0;

        kit_begin(&k);
        rules(&k, list, 2);
        stream(&k, &t, 2, 122);
        assert_int_equal(engine_open_count(k.engine), 0);
        stream(&k, &t, 1, 110);
        stream(&k, &t, 1, 122); /* three of four */
        assert_int_equal(engine_open_count(k.engine), 1);
        kit_end(&k);
        kit_begin(&k);
        rules(&k, list, 2);
        vitals(&k, "band-101", VITAL_SYS, 185);
        at(&k, 299);
        assert_int_equal(engine_open_count(k.engine), 0);
        at(&k, 301);
        assert_int_equal(engine_open_count(k.engine), 1);
        kit_end(&k);
}

static void test_margin_and_repeat_of_a_person(void **state_)
{
        PersonRule list[] = {{1, RULE_BACK + VITAL_HR, {15}}, {1, RULE_REPEAT, {1200e6}}};
        Kit k;
        double t = 0;

        kit_begin(&k);
        rules(&k, list, 2);
        stream(&k, &t, 3, 122);
        stream(&k, &t, 6, 110); /* inside, and not by 15 */
        assert_int_equal(view(&k, 1).condition, CONDITION_ACTIVE);
        stream(&k, &t, 6, 104);
        assert_int_equal(view(&k, 1).condition, CONDITION_CLEARED);
        forget(&k);
        stream(&k, &t, 2, 122); /* within 20 min */
        assert_int_equal(rows(&k, JOURNAL_PRESSED), 0);
        stream(&k, &t, 25, 104);
        stream(&k, &t, 2, 122);
        assert_int_equal(rows(&k, JOURNAL_PRESSED), 1);
        kit_end(&k);
}

static void test_rate_of_a_person(void **state_)
{
        PersonRule list[] = {{1, RULE_RISE + VITAL_HR, {20}}, {1, RULE_DROP + VITAL_HR, {0}}};
        Kit k;
        double t = 0;

        kit_begin(&k);
        rules(&k, list, 2); /* though the configuration has the rule off for the others */
        stream(&k, &t, 6, 90);
        stream(&k, &t, 3, 60); /* off */
        assert_int_equal(engine_open_count(k.engine), 0);
        stream(&k, &t, 30, 60);
        stream(&k, &t, 3, 85);
        assert_int_equal(view(&k, 1).why, REASON_RATE);
        forget(&k);
        stream(&k, &t, 3, 86);
        assert_int_equal(rows(&k, JOURNAL_READING), 0);
        kit_end(&k);
}

static void test_score_of_a_person(void **state_)
{
        PersonRule list[] = {{1, RULE_SCORE, {4}}, {1, RULE_SCORE_CRITICAL, {0}}, {2, RULE_SCORE, {0}}};
        Kit k;

        kit_begin(&k);
        k.policy.vital_score = 1;
        kit_policy(&k);
        rules(&k, list, 3);
        all(&k, 112, 93, 20, 37.0); /* 2 + 2 */
        all(&k, 112, 93, 20, 37.0);
        assert_int_equal(view(&k, 1).class, CLASS_VITAL_URGENT);
        all(&k, 114, 93, 23, 38.3); /* 7, and off */
        all(&k, 114, 93, 23, 38.3);
        assert_int_equal(view(&k, 1).class, CLASS_VITAL_URGENT);
        vitals(&k, "pend-102a", VITAL_HR, 35);
        vitals(&k, "pend-102a", VITAL_HR, 35);
        assert_int_equal(engine_open_count(k.engine), 1);
        kit_end(&k);
}

static void test_no_limits_no_alarm(void **state_)
{
        Kit k;

        kit_begin(&k);
        vitals(&k, "pend-102a", VITAL_HR, 20);
        assert_int_equal(engine_open_count(k.engine), 0);
        kit_end(&k);
}

static void test_tamper_and_garbage_are_faults_of_the_device_once(void **state_)
{
        Kit k;
        Event ev = {.type = EVENT_STATUS, .via = VIA_MQTT};

        kit_begin(&k);
        (void)str_copy(ev.source, CODE_SIZE, "sos-101");
        ev.status.fault = true;
        step(&k, &ev);
        assert_int_equal(view(&k, 1).group, GROUP_FAULT);
        assert_int_equal(view(&k, 1).priority, 4);
        forget(&k);
        for (int i = 0; i < 10; i++)
                step(&k, &ev);
        assert_int_equal(k.n, 0);
        ev.status = (StatusEvent){.tamper = 1};
        step(&k, &ev); /* readable again, but opened */
        assert_int_equal(view(&k, 1).condition, CONDITION_ACTIVE);
        ev.status.tamper = 0;
        step(&k, &ev);
        assert_int_equal(view(&k, 1).condition, CONDITION_CLEARED);
        assert_int_equal(engine_open_count(k.engine), 1);
        kit_end(&k);
}

static void test_a_heartbeat_is_not_journaled(void **state_)
{
        Kit k;
        Event ev = {.type = EVENT_STATUS, .via = VIA_MQTT};

        kit_begin(&k);
        (void)str_copy(ev.source, CODE_SIZE, "sos-101");
        ev.status = nothing_said();
        step(&k, &ev);
        assert_int_equal(k.n, 0);
        ev.hold = 5;
        step(&k, &ev);
        assert_int_equal(newest(&k, EFFECT_RECEIPT)->receipt.hold, 5);
        kit_end(&k);
}

static void test_a_request_has_its_own_ladder(void **state_)
{
        Kit k;

        kit_begin(&k);
        alarm(&k, ALARM_REQUEST, "sos-101", "1");
        assert_int_equal(view(&k, 1).group, GROUP_REQUEST);
        assert_int_equal(view(&k, 1).priority, 5);
        press(&k, "sos-101", "2");
        assert_int_equal(view(&k, 2).group, GROUP_HELP);
        kit_end(&k);
}

static void system_says(Kit *k, SystemCause cause, bool raise)
{
        Event ev = {.type = EVENT_SYSTEM};

        ev.system = (SystemEvent){.cause = cause, .raise = raise};
        step(k, &ev);
}

static void test_one_system_incident_for_each_cause(void **state_)
{
        Kit k;

        kit_begin(&k);
        system_says(&k, SYSTEM_STORE, true);
        expect_notified(&k, "o01", NULL);
        system_says(&k, SYSTEM_STORE, true);
        assert_int_equal(k.n, 0);
        system_says(&k, SYSTEM_BROKER, true);
        assert_int_equal(engine_open_count(k.engine), 2);
        system_says(&k, SYSTEM_STORE, false);
        assert_int_equal(view(&k, 1).condition, CONDITION_CLEARED);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        at(&k, 60);
        assert_int_equal(tier(&k, 1), 3);
        assert_int_equal(notified(&k, "d01"), 2);
        act(&k, ACTION_ACCEPT, "o01", 1);
        act(&k, ACTION_ARRIVED, "o01", 1);
        resolve(&k, "o01", 1, "helped");
        expect_reply(&k, REPLY_OK, REASON_NONE);
        system_says(&k, SYSTEM_STORE, true);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        kit_end(&k);
}

static void test_a_wristband_of_two_matters_shows_the_open_one(void **state_)
{
        Kit k;

        kit_begin(&k);
        vitals(&k, "band-101", VITAL_HR, 125);
        vitals(&k, "band-101", VITAL_HR, 125);
        alarm(&k, ALARM_FALL, "band-101", "1");
        resolve(&k, "w01", 1, "helped"); /* P3: by phone */
        assert_int_equal(state(&k, 1), STATE_RESOLVED);
        assert_int_equal(lamp(&k, "band-101"), LAMP_RECEIVED);
        kit_end(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_reading_within_limits_is_stored_and_no_more),
                cmocka_unit_test(test_beyond_a_limit_calls_with_the_reason),
                cmocka_unit_test(test_grossly_beyond_is_critical),
                cmocka_unit_test(test_critical_at_once),
                cmocka_unit_test(test_back_within_limits_is_a_condition_that_stops_nothing),
                cmocka_unit_test(test_one_slight_excursion_that_is_contradicted_is_noise),
                cmocka_unit_test(test_a_lone_slight_excursion_is_believed_in_the_end),
                cmocka_unit_test(test_a_loose_strap_s_jump_must_be_said_twice),
                cmocka_unit_test(test_the_first_reading_far_beyond_calls_at_once),
                cmocka_unit_test(test_near_the_limit_it_does_not_flap),
                cmocka_unit_test(test_resolved_and_never_back_does_not_ring_again),
                cmocka_unit_test(test_not_worn_is_not_judged),
                cmocka_unit_test(test_many_small_things_are_a_score),
                cmocka_unit_test(test_three_points_without_an_own_limit_are_urgent),
                cmocka_unit_test(test_a_fall_of_saturation_within_ten_minutes_calls),
                cmocka_unit_test(test_a_scattered_course_is_one_matter),
                cmocka_unit_test(test_gross_in_a_course_is_believed_at_the_second),
                cmocka_unit_test(test_gross_in_a_course_that_nothing_contradicts_is_believed),
                cmocka_unit_test(test_irregular_beats_are_no_trend),
                cmocka_unit_test(test_delay_and_samples_of_a_person),
                cmocka_unit_test(test_margin_and_repeat_of_a_person),
                cmocka_unit_test(test_rate_of_a_person),
                cmocka_unit_test(test_score_of_a_person),
                cmocka_unit_test(test_no_limits_no_alarm),
                cmocka_unit_test(test_tamper_and_garbage_are_faults_of_the_device_once),
                cmocka_unit_test(test_a_heartbeat_is_not_journaled),
                cmocka_unit_test(test_a_request_has_its_own_ladder),
                cmocka_unit_test(test_one_system_incident_for_each_cause),
                cmocka_unit_test(test_a_wristband_of_two_matters_shows_the_open_one),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
