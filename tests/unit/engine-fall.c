/* SPDX-License-Identifier: Apache-2.0 */
/* Falls that wait for their wearer, and the circle around a home. The kit's clock begins at 10:00 on a Friday. */
#include "engine-home.h"

/* A fall that waits for its wearer, where the registry says so. */
static void test_a_fall_that_waits(void **state_)
{
        Kit k;

        begin(&k);
        rule(&k, 1, RULE_FALL_CONFIRM, 30e6, 0, 0);
        alarm(&k, ALARM_FALL, "pend-102a", "f1"); /* somebody else's does not */
        assert_int_equal(open_now(&k), 1);
        forget(&k);
        alarm(&k, ALARM_FALL, "band-101", "f1");
        assert_int_equal(open_now(&k), 1);
        assert_int_equal(row(&k, JOURNAL_EVENT)->reason, REASON_HELD);
        assert_int_equal(newest(&k, EFFECT_RECEIPT)->receipt.result, RECEIPT_RECORDED);
        at(&k, 29);
        assert_int_equal(open_now(&k), 1);
        at(&k, 31);
        assert_int_equal(view(&k, 2).class, CLASS_FALL);
        assert_string_equal(view(&k, 2).source, "band-101");
        assert_true(view(&k, 2).opened_us == k.start_wall_us);
        assert_true(notified(&k, "w01") > 0);
        alarm(&k, ALARM_FALL, "band-101", "f2"); /* it is open: nothing waits */
        assert_int_equal(view(&k, 2).presses, 2);
        kit_end(&k);
}

static void test_a_fall_that_is_cancelled_is_confirmed_by_people(void **state_)
{
        Kit k;

        begin(&k);
        rule(&k, 1, RULE_FALL_CONFIRM, 30e6, 0, 0);
        alarm(&k, ALARM_FALL, "band-101", "f1");
        at(&k, 10);
        forget(&k);
        alarm(&k, ALARM_CANCEL, "sos-101", "c1");
        assert_int_equal(open_now(&k), 1);
        assert_true(view(&k, 1).cancel_req);
        assert_true(notified(&k, "w01") > 0);
        at(&k, 60);
        assert_int_equal(view(&k, 1).presses, 1);
        kit_end(&k);
}

static void test_a_second_fall_or_a_call_waits_for_nothing(void **state_)
{
        Event ev = device_event(ALARM_FALL, "band-101", "f9");
        Kit k;

        begin(&k);
        rule(&k, 1, RULE_FALL_CONFIRM, 30e6, 0, 0);
        alarm(&k, ALARM_FALL, "band-101", "f1");
        at(&k, 10);
        alarm(&k, ALARM_FALL, "band-101", "f2");
        assert_int_equal(view(&k, 1).class, CLASS_FALL);
        at(&k, 60);
        assert_int_equal(open_now(&k), 1);
        kit_end(&k);
        begin(&k);
        rule(&k, 1, RULE_FALL_CONFIRM, 30e6, 0, 0);
        alarm(&k, ALARM_FALL, "band-101", "f1");
        at(&k, 10);
        press(&k, "sos-101", "p1");
        assert_int_equal(view(&k, 1).class, CLASS_SOS);
        at(&k, 60);
        assert_int_equal(open_now(&k), 1);
        kit_end(&k);
        begin(&k);
        rule(&k, 1, RULE_FALL_CONFIRM, 30e6, 0, 0);
        ev.retained = true; /* an old one is a check call */
        step(&k, &ev);
        assert_int_equal(open_now(&k), 1);
        kit_end(&k);
}

static void test_a_fall_that_waits_outlives_a_restart(void **state_)
{
        Kit k;

        begin(&k);
        rule(&k, 1, RULE_FALL_CONFIRM, 60e6, 0, 0);
        alarm(&k, ALARM_FALL, "band-101", "f1");
        at(&k, 10);
        kit_restart(&k);
        roster_changed(&k);
        at(&k, 59);
        assert_int_equal(open_now(&k), 0);
        at(&k, 61);
        assert_int_equal(view(&k, 1).class, CLASS_FALL);
        kit_restart(&k);
        roster_changed(&k);
        assert_int_equal(open_now(&k), 1); /* once */
        kit_end(&k);
        begin(&k);
        rule(&k, 1, RULE_FALL_CONFIRM, 60e6, 0, 0);
        alarm(&k, ALARM_FALL, "band-101", "f1");
        at(&k, 10);
        kit_reboot(&k, 5, false); /* nobody knows how long */
        roster_changed(&k);
        assert_int_equal(open_now(&k), 1);
        kit_end(&k);
        begin(&k);
        rule(&k, 1, RULE_FALL_CONFIRM, 60e6, 0, 0);
        alarm(&k, ALARM_FALL, "band-101", "f1");
        devices[kit_device(&k, "band-101")].code = NULL; /* taken out in this minute */
        kit_index(&k);
        roster_changed(&k);
        at(&k, 61);
        assert_int_equal(view(&k, 1).resident, 1);
        kit_end(&k);
        begin(&k);
        rule(&k, 1, RULE_FALL_CONFIRM, 60e6, 0, 0);
        alarm(&k, ALARM_FALL, "band-101", "f1");
        devices[kit_device(&k, "band-101")].code = NULL;
        k.registry.n_residents = 1; /* and nobody lives there */
        kit_index(&k);
        roster_changed(&k);
        at(&k, 61);
        assert_int_equal(view(&k, 1).class, CLASS_FALL);
        kit_end(&k);
}

/* The circle */

static void test_leaving_the_circle(void **state_)
{
        IncidentView v;
        Kit k;

        circle(&k);
        located(&k, 100, 10);
        at(&k, 60);
        located(&k, 510, 20); /* may be inside */
        at(&k, 120);
        located(&k, 600, 20);
        at(&k, 180);
        located(&k, 470, 10); /* neither in nor out */
        at(&k, 200);
        located(&k, 620, 20); /* not yet two minutes */
        assert_int_equal(open_now(&k), 0);
        forget(&k);
        at(&k, 300);
        located(&k, 640.4, 20);
        v = view(&k, 1);
        assert_int_equal(v.class, CLASS_WANDERING);
        assert_int_equal(v.priority, 2);
        assert_int_equal(v.why, REASON_LEFT);
        assert_true(v.value == 640 && v.limit == 500);
        assert_true(v.located && v.lat > 34.205 && v.lon == 108.9 && v.accuracy_m == 20);
        assert_true(notified_why(&k, "w01", REASON_LEFT) > 0);
        forget(&k);
        at(&k, 310);
        located(&k, 660, 20); /* known; within the minute nobody's screen changes */
        assert_int_equal(count(&k, EFFECT_ALERT), 0);
        assert_true(view(&k, 1).lat > 34.2059);
        at(&k, 400);
        forget(&k);
        located(&k, 700, 20);
        assert_int_equal(count(&k, EFFECT_ALERT), 1);
        assert_int_equal(rows(&k, JOURNAL_PRESSED), 0);
        at(&k, 500);
        located(&k, 460, 10); /* not far enough inside */
        assert_int_equal(view(&k, 1).condition, CONDITION_ACTIVE);
        located(&k, 300, 800); /* nobody knows where */
        assert_int_equal(view(&k, 1).condition, CONDITION_ACTIVE);
        located(&k, 300, 10);
        assert_int_equal(view(&k, 1).condition, CONDITION_CLEARED);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        kit_end(&k);
}

static void test_one_position_jumps(void **state_)
{
        Kit k;

        circle(&k);
        located(&k, 100, 0);
        at(&k, 60);
        located(&k, 5000, 0);
        at(&k, 120);
        located(&k, 100, 0);
        at(&k, 1200);
        assert_int_equal(open_now(&k), 0);
        located(&k, 5000, 0); /* and now nothing contradicts it */
        at(&k, 1790);
        assert_int_equal(open_now(&k), 0);
        at(&k, 1801);
        assert_int_equal(view(&k, 1).why, REASON_LEFT);
        kit_end(&k);
        circle(&k);
        rule(&k, 1, RULE_GEOFENCE_DELAY, 0, 0, 0);
        located(&k, 5000, 0);
        assert_int_equal(view(&k, 1).why, REASON_LEFT);
        kit_end(&k);
        circle(&k);
        rule(&k, 1, RULE_GEOFENCE_DELAY, 1800e6, 0, 0);
        located(&k, 5000, 0);
        at(&k, 1700);
        assert_int_equal(open_now(&k), 0);
        at(&k, 1801);
        assert_int_equal(open_now(&k), 1);
        kit_end(&k);
}

static void test_outside_again_when_somebody_has_dealt_with_it(void **state_)
{
        Kit k;

        circle(&k);
        located(&k, 900, 10);
        at(&k, 130);
        located(&k, 900, 10);
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        resolve(&k, "w01", 1, "helped");
        at(&k, 3 * H);
        located(&k, 900, 10);
        at(&k, 3.9 * H);
        assert_int_equal(open_now(&k), 0);
        at(&k, 4.1 * H);
        located(&k, 900, 10);
        assert_int_equal(open_now(&k), 1);
        kit_end(&k);
}

static void test_who_is_away_or_not_wearing_it_is_not_judged(void **state_)
{
        StatusEvent off = nothing_said();
        Kit k;

        circle(&k);
        away(&k, "away", 10 * H);
        located(&k, 5000, 10);
        at(&k, 200);
        located(&k, 5000, 10);
        assert_int_equal(open_now(&k), 0);
        away(&k, "home", 0);
        located(&k, 5000, 10);
        away(&k, "away", 10 * H); /* within the ten minutes */
        at(&k, 900);
        assert_int_equal(open_now(&k), 0);
        kit_end(&k);
        circle(&k);
        off.worn = 0;
        status_says(&k, "band-101", off);
        located(&k, 5000, 10);
        at(&k, 200);
        located(&k, 5000, 10);
        assert_int_equal(open_now(&k), 0);
        at(&k, 890); /* off for a quarter of an hour: nobody knows where he is */
        assert_int_equal(open_now(&k), 0);
        at(&k, 910);
        assert_int_equal(view(&k, 1).why, REASON_NOT_WORN);
        kit_end(&k);
        circle(&k);
        rule(&k, 1, RULE_NOT_WORN, 0, 0, 0); /* off */
        status_says(&k, "band-101", off);
        at(&k, 4000);
        assert_int_equal(open_now(&k), 0);
        kit_end(&k);
}

static void test_a_position_without_a_circle_shows_where_he_is(void **state_)
{
        Event ev = device_event(ALARM_SOS, "band-101", "s1");
        Kit k;

        begin(&k);
        rule(&k, 1, RULE_GEOFENCE, 0, 0, 0); /* off */
        located(&k, 50000, 10);
        ev.signs = (SignEvent){.located = true, .lat = 34.3, .lon = 108.8, .accuracy_m = 5};
        step(&k, &ev);
        assert_true(view(&k, 1).located && view(&k, 1).lat == 34.3);
        kit_restart(&k);
        assert_true(view(&k, 1).located && view(&k, 1).lat == 34.3 && view(&k, 1).accuracy_m == 5);
        (void)str_copy(ev.source, CODE_SIZE, "sos-102"); /* of two: nobody's place */
        (void)str_copy(ev.id, EVENT_ID_SIZE, "s2");
        ev.key[0] = 9;
        step(&k, &ev);
        assert_false(view(&k, 2).located);
        kit_end(&k);
}

static void test_falls_that_do_not_wait(void **state_)
{
        Event box = action_of(ACTION_TEST, "w01", 0, "");
        Kit k;

        begin(&k);
        rule(&k, 0, RULE_FALL_CONFIRM, 30e6, 0, 0);
        alarm(&k, ALARM_FALL, "sos-102", "f1"); /* nobody's alone */
        assert_int_equal(open_now(&k), 1);
        alarm(&k, ALARM_FALL, "nobody", "f1"); /* nor that of a stranger */
        assert_int_equal(open_now(&k), 2);
        (void)str_copy(box.action.target, CODE_SIZE, "band-101");
        step(&k, &box);
        alarm(&k, ALARM_FALL, "band-101", "f2"); /* of a test */
        assert_true(view(&k, 3).test);
        kit_end(&k);
}

/* What the mark of a fall may say: nothing, or a time that is over or that no clock of ours has written. */
static void test_what_waited_while_nobody_listened(void **state_)
{
        const MarkRow none = {
                .kind = MARK_FALL, .id = 1, .worker = 60, .value = 0, .wall_us = 1764295200000000};
        const double down[] = {120, -7200};
        Kit k;

        for (unsigned i = 0; i < 2; i++) {
                begin(&k);
                rule(&k, 1, RULE_FALL_CONFIRM, 60e6, 0, 0);
                alarm(&k, ALARM_FALL, "band-101", "f1");
                at(&k, 10);
                kit_reboot(&k, down[i], true);
                roster_changed(&k);
                assert_int_equal(view(&k, 1).class, CLASS_FALL); /* at once */
                kit_end(&k);
        }
        begin(&k);
        rule(&k, 1, RULE_FALL_CONFIRM, 60e6, 0, 0);
        kit_restart(&k);
        engine_restore_mark(k.engine, &none); /* it did wait, and does so no more */
        roster_changed(&k);
        at(&k, 600);
        assert_int_equal(open_now(&k), 0);
        kit_end(&k);
}

/* Three deadlines of one person: each has its own time. */
static void test_a_fall_a_silence_and_a_walk_do_not_disturb_each_other(void **state_)
{
        Kit k;

        circle(&k);
        rule(&k, 1, RULE_FALL_CONFIRM, 600e6, 0, 0);
        rule(&k, 1, RULE_GEOFENCE_DELAY, 1800e6, 0, 0);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        at(&k, 12 * H - 120);
        alarm(&k, ALARM_FALL, "band-101", "f1");
        located(&k, 5000, 10);
        assert_int_equal(open_now(&k), 0);
        at(&k, 12 * H); /* silence; the fall and the walk wait */
        assert_int_equal(open_now(&k), 1);
        assert_int_equal(view(&k, 1).why, REASON_INACTIVE);
        at(&k, 12 * H - 120 + 601); /* the fall */
        assert_int_equal(open_now(&k), 2);
        assert_int_equal(view(&k, 2).class, CLASS_FALL);
        assert_int_equal(view(&k, 1).why, REASON_INACTIVE);
        at(&k, 12 * H - 120 + 1801);
        assert_int_equal(view(&k, 1).why, REASON_LEFT);
        kit_end(&k);
}

static uint32_t falls(const Kit *k)
{
        uint32_t n = 0;

        for (uint64_t id = 0; (id = engine_next_open(k->engine, id));)
                n += view(k, id).class == CLASS_FALL;
        return n;
}

/* The sensors are lost, so that silence is looked at every hour; a fall in that hour is not. */
static void test_a_fall_does_not_wait_for_the_next_look_at_a_silence(void **state_)
{
        Kit k;

        begin(&k);
        k.policy.beat_us[DEVICE_SENSOR] = USEC_PER_HOUR;
        kit_policy(&k);
        rule(&k, 1, RULE_FALL_CONFIRM, 30e6, 0, 0);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        at(&k, 12 * H + 60);
        assert_true(open_now(&k) > 0); /* they are faults */
        alarm(&k, ALARM_FALL, "band-101", "f1");
        at(&k, 12 * H + 89);
        assert_int_equal(falls(&k), 0);
        at(&k, 12 * H + 95);
        assert_int_equal(falls(&k), 1);
        kit_end(&k);
}

static void test_taken_off_after_one_position_outside(void **state_)
{
        StatusEvent off = nothing_said();
        Kit k;

        circle(&k);
        off.worn = 0;
        located(&k, 5000, 10);
        status_says(&k, "band-101", off);
        at(&k, 601); /* nothing contradicts it, but it is not on his arm */
        assert_int_equal(open_now(&k), 0);
        at(&k, 901);
        assert_int_equal(view(&k, 1).why, REASON_NOT_WORN);
        kit_end(&k);
}

static void test_who_has_no_circle_is_seen_and_not_judged(void **state_)
{
        Kit k;

        begin(&k);
        press(&k, "sos-101", "1");
        located(&k, 50000, 10);
        assert_true(view(&k, 1).located);
        at(&k, 700);
        located(&k, 50000, 10);
        assert_int_equal(open_now(&k), 1);
        kit_end(&k);
}

/* He is taken out of the registry while his fall waits; the bed that he has got into is no reason to forget it. */
static void test_who_is_gone_has_fallen_all_the_same(void **state_)
{
        static Resident people[8];
        Registry another;
        Kit k;

        begin(&k);
        rule(&k, 1, RULE_FALL_CONFIRM, 60e6, 0, 0);
        says(&k, "bed-101", SIGN_BED, SAID_YES);
        alarm(&k, ALARM_FALL, "band-101", "f1");
        memcpy(people, k.registry.residents, k.registry.n_residents * sizeof(Resident));
        people[1].code = NULL;
        k.registry.residents = people;
        kit_index(&k);
        another = k.registry;
        engine_registry_set(k.engine, &another);
        roster_changed(&k);
        at(&k, 59);
        assert_int_equal(open_now(&k), 0);
        at(&k, 60);
        assert_int_equal(view(&k, 1).class, CLASS_FALL);
        kit_end(&k);
}

/* Off the arm of somebody who gets lost: a quarter of an hour at most, however patient the site is. */
static void test_how_long_a_wanderer_s_band_may_be_off(void **state_)
{
        static const struct {
                uint64_t policy_s;
                double radius;
                double limit_s;
        } rows[] = {{60, 500, 60}, {7200, 500, 900}, {7200, 0, 7200}, {60, 0, 60}};

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                StatusEvent off = nothing_said();
                Kit k;

                begin(&k);
                rule(&k, 1, RULE_GEOFENCE, 34.2, 108.9, rows[i].radius);
                k.policy.not_worn_us = rows[i].policy_s * USEC_PER_SEC;
                kit_policy(&k);
                off.worn = 0;
                status_says(&k, "band-101", off);
                at(&k, rows[i].limit_s - 1);
                assert_int_equal(open_now(&k), 0);
                at(&k, rows[i].limit_s + 1);
                assert_int_equal(view(&k, 1).why, REASON_NOT_WORN);
                kit_end(&k);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_fall_that_waits),
                cmocka_unit_test(test_a_fall_that_is_cancelled_is_confirmed_by_people),
                cmocka_unit_test(test_a_second_fall_or_a_call_waits_for_nothing),
                cmocka_unit_test(test_a_fall_that_waits_outlives_a_restart),
                cmocka_unit_test(test_leaving_the_circle),
                cmocka_unit_test(test_one_position_jumps),
                cmocka_unit_test(test_outside_again_when_somebody_has_dealt_with_it),
                cmocka_unit_test(test_who_is_away_or_not_wearing_it_is_not_judged),
                cmocka_unit_test(test_a_position_without_a_circle_shows_where_he_is),
                cmocka_unit_test(test_falls_that_do_not_wait),
                cmocka_unit_test(test_what_waited_while_nobody_listened),
                cmocka_unit_test(test_a_fall_a_silence_and_a_walk_do_not_disturb_each_other),
                cmocka_unit_test(test_a_fall_does_not_wait_for_the_next_look_at_a_silence),
                cmocka_unit_test(test_taken_off_after_one_position_outside),
                cmocka_unit_test(test_who_has_no_circle_is_seen_and_not_judged),
                cmocka_unit_test(test_who_is_gone_has_fallen_all_the_same),
                cmocka_unit_test(test_how_long_a_wanderer_s_band_may_be_off),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
