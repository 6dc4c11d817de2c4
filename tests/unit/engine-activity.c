/* SPDX-License-Identifier: Apache-2.0 */
/* Silence at home. The kit's clock begins at 10:00 on a Friday. */
#include "engine-home.h"

#include "engine/internal.h"

static void broker(Kit *k, bool away)
{
        Event ev = {.type = EVENT_SYSTEM};

        ev.system = (SystemEvent){.cause = SYSTEM_BROKER, .raise = away};
        step(k, &ev);
}

static void test_twelve_hours_without_a_sign(void **state_)
{
        IncidentView v;
        Kit k;

        begin(&k);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES); /* 10:00 */
        says(&k, "water-101", SIGN_WATER, SAID_NO);    /* the first word: there is one */
        at(&k, 60);
        says(&k, "water-101", SIGN_WATER, SAID_YES); /* 10:01 */
        for (int i = 1; i < 11; i++) {
                at(&k, i * H);
                says(&k, "motion-101", SIGN_MOTION, SAID_NO); /* no sign */
        }
        at(&k, 12 * H + 59);
        assert_int_equal(open_now(&k), 0);
        forget(&k);
        at(&k, 12 * H + 61); /* 22:01: three quarters had passed when the night began */
        v = view(&k, 1);
        assert_int_equal(v.group, GROUP_INACTIVITY);
        assert_int_equal(v.class, CLASS_INACTIVITY);
        assert_int_equal(v.priority, 3);
        assert_int_equal(v.why, REASON_INACTIVE);
        assert_int_equal(v.sign, SIGN_WATER);
        assert_true(v.span_us == (int64_t)(12 * H * 1e6) && v.sign_us == k.start_wall_us + 60000000);
        assert_string_equal(v.source, "water-101");
        assert_int_equal(v.resident, 1);
        assert_true(notified_why(&k, "w01", REASON_INACTIVE) > 0);
        assert_int_equal(row(&k, JOURNAL_DEVICE)->reason, REASON_INACTIVE);
        /* A sign is a condition: it stops nothing. */
        at(&k, 13 * H);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        v = view(&k, 1);
        assert_int_equal(v.condition, CONDITION_CLEARED);
        assert_int_equal(v.state, STATE_ALERTING);
        assert_int_equal(v.sign, SIGN_MOTION);
        assert_true(v.sign_us > v.opened_us);
        kit_end(&k);
}

static void test_a_sleeper_is_let_alone(void **state_)
{
        Kit k;

        begin(&k);
        at(&k, 9 * H); /* 19:00 */
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        at(&k, 22.9 * H); /* 08:54 */
        assert_int_equal(open_now(&k), 0);
        at(&k, 23.1 * H); /* the night is over, and nothing has moved */
        assert_int_equal(open_now(&k), 1);
        assert_true(view(&k, 1).span_us == (int64_t)(14 * H * 1e6));
        kit_end(&k);
}

static void test_night_of_a_person_and_none(void **state_)
{
        Kit k;

        begin(&k);
        rule(&k, 1, RULE_NIGHT, 13 * 60, 16 * 60, 0); /* a siesta */
        rule(&k, 1, RULE_SILENCE, 3 * H * 1e6, 0, 0);
        at(&k, 2 * H); /* 12:00 */
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        at(&k, 5.99 * H); /* due at 15:00, in the night; until 16:00 */
        assert_int_equal(open_now(&k), 0);
        at(&k, 6.01 * H);
        assert_int_equal(open_now(&k), 1);
        kit_end(&k);
        begin(&k);
        rule(&k, 1, RULE_NIGHT, 0, 0, 0);
        at(&k, 9 * H);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        at(&k, 21.01 * H);
        assert_int_equal(open_now(&k), 1);
        kit_end(&k);
}

static void test_buttons_count_where_there_are_sensors(void **state_)
{
        Kit k;

        begin(&k);
        alarm(&k, ALARM_TEST, "sos-101", "t1"); /* no sensor yet: nothing is watched */
        assert_int_equal(k.n_marks, 1);         /* the proof test */
        at(&k, 40 * H);
        assert_int_equal(open_now(&k), 0);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES); /* 02:00 */
        at(&k, 50 * H);
        alarm(&k, ALARM_TEST, "sos-101", "t2"); /* 12:00 */
        at(&k, 61.9 * H);
        assert_int_equal(open_now(&k), 0);
        at(&k, 62.1 * H);
        assert_int_equal(view(&k, 1).sign, SIGN_BUTTON);
        kit_end(&k);
}

static void test_told_once_and_again_after_the_same_time(void **state_)
{
        Kit k;

        begin(&k);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        at(&k, 12.5 * H);
        assert_int_equal(open_now(&k), 1);
        act(&k, ACTION_ACCEPT, "w01", 1);
        resolve(&k, "w01", 1, "no_help_needed");
        at(&k, 13 * H);
        assert_int_equal(open_now(&k), 0);
        at(&k, 22.9 * H);
        assert_int_equal(open_now(&k), 0);
        at(&k, 24.1 * H); /* 10:06, twelve hours after the call */
        assert_int_equal(open_now(&k), 1);
        kit_end(&k);
}

static void test_sensors_of_one_kind(void **state_)
{
        Kit k;

        begin(&k);
        rule(&k, 1, RULE_MOTION, 4 * H * 1e6, 0, 0);
        rule(&k, 1, RULE_DOOR, 6 * H * 1e6, 0, 0);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        says(&k, "door-101", SIGN_DOOR, SAID_NO);
        says(&k, "water-101", SIGN_WATER, SAID_YES);
        at(&k, 4.1 * H);
        assert_int_equal(view(&k, 1).why, REASON_NO_MOTION);
        assert_string_equal(view(&k, 1).source, "motion-101");
        at(&k, 5 * H);
        says(&k, "water-101", SIGN_WATER, SAID_YES); /* another kind: his motion is still missing */
        assert_int_equal(view(&k, 1).condition, CONDITION_ACTIVE);
        at(&k, 6.1 * H);
        assert_int_equal(view(&k, 1).why, REASON_NO_DOOR);
        at(&k, 7 * H);
        says(&k, "door-101", SIGN_DOOR, SAID_NO); /* as it was: no sign */
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        assert_int_equal(view(&k, 1).condition, CONDITION_ACTIVE);
        says(&k, "door-101", SIGN_DOOR, SAID_YES);
        assert_int_equal(view(&k, 1).condition, CONDITION_CLEARED);
        assert_int_equal(view(&k, 1).sign, SIGN_DOOR);
        kit_end(&k);
        begin(&k);
        says(&k, "water-101", SIGN_WATER, SAID_YES);
        for (int i = 0; i < 24; i++) {
                at(&k, i * H);
                says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        }
        at(&k, 24.1 * H); /* by default a day without water */
        assert_int_equal(view(&k, 1).why, REASON_NO_WATER);
        kit_end(&k);
}

static void test_in_bed_past_the_hour(void **state_)
{
        Kit k;

        begin(&k);
        says(&k, "bed-101", SIGN_BED, SAID_NO);
        at(&k, 11.9 * H); /* 21:54 */
        says(&k, "bed-101", SIGN_BED, SAID_YES);
        at(&k, 23.5 * H); /* 09:30: he turns over */
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        at(&k, 23.9 * H);
        assert_int_equal(open_now(&k), 0);
        at(&k, 24.01 * H);
        assert_int_equal(view(&k, 1).why, REASON_IN_BED);
        assert_true(view(&k, 1).span_us == (int64_t)(12.1 * H * 1e6));
        says(&k, "bed-101", SIGN_BED, SAID_NO);
        assert_int_equal(view(&k, 1).condition, CONDITION_CLEARED);
        act(&k, ACTION_ACCEPT, "w01", 1);
        resolve(&k, "w01", 1, "no_help_needed");
        at(&k, 25 * H); /* a nap at eleven is none */
        says(&k, "bed-101", SIGN_BED, SAID_YES);
        at(&k, 30 * H);
        says(&k, "bed-101", SIGN_BED, SAID_NO);
        at(&k, 36 * H);
        says(&k, "bed-101", SIGN_BED, SAID_YES);
        at(&k, 46 * H); /* 08:00: up */
        says(&k, "bed-101", SIGN_BED, SAID_NO);
        at(&k, 49 * H);
        assert_int_equal(open_now(&k), 0);
        kit_end(&k);
        begin(&k);
        rule(&k, 1, RULE_BED_EXIT, 0, 0, 0);
        rule(&k, 1, RULE_SILENCE, 0, 0, 0);
        says(&k, "bed-101", SIGN_BED, SAID_YES);
        at(&k, 70 * H);
        assert_int_equal(open_now(&k), 0);
        kit_end(&k);
        begin(&k); /* still there, and nobody was called again at once */
        rule(&k, 1, RULE_SILENCE, 0, 0, 0);
        says(&k, "bed-101", SIGN_BED, SAID_YES);
        at(&k, 24.1 * H);
        assert_int_equal(open_now(&k), 1);
        act(&k, ACTION_ACCEPT, "w01", 1);
        resolve(&k, "w01", 1, "no_help_needed");
        at(&k, 47.9 * H);
        assert_int_equal(open_now(&k), 0);
        at(&k, 48.1 * H);
        assert_int_equal(open_now(&k), 1);
        kit_end(&k);
}

static void test_what_is_not_heard_is_no_silence(void **state_)
{
        Kit k;

        begin(&k);
        rule(&k, 1, RULE_BED_EXIT, 15 * 60, 0, 0);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        says(&k, "bed-101", SIGN_BED, SAID_YES);
        at(&k, 1 * H);
        broker(&k, true);
        at(&k, 13 * H); /* due while the broker is away */
        assert_int_equal(view(&k, engine_next_open(k.engine, 0)).group, GROUP_SYSTEM);
        assert_int_equal(open_now(&k), 1);
        broker(&k, false);
        at(&k, 24 * H); /* twelve hours, eleven of them heard, and the night */
        assert_int_equal(open_now(&k), 1);
        at(&k, 24.2 * H);
        assert_int_equal(open_now(&k), 2);
        kit_end(&k);
        begin(&k); /* a short one keeps what is known of the bed */
        rule(&k, 1, RULE_SILENCE, 0, 0, 0);
        says(&k, "bed-101", SIGN_BED, SAID_YES);
        at(&k, 10 * H);
        broker(&k, true);
        broker(&k, false);
        at(&k, 24.1 * H);
        assert_int_equal(view(&k, 2).why, REASON_IN_BED);
        kit_end(&k);
}

static void test_a_restart_forgets_no_silence(void **state_)
{
        Kit k;

        begin(&k);
        rule(&k, 1, RULE_NIGHT, 0, 0, 0);
        rule(&k, 0, RULE_NIGHT, 0, 0, 0);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        says(&k, "motion-102", SIGN_MOTION, SAID_YES);
        at(&k, 6 * H);
        kit_restart(&k);
        roster_changed(&k);
        at(&k, 11.9 * H);
        assert_int_equal(open_now(&k), 0);
        at(&k, 12.6 * H); /* a restored sign may be a quarter of an hour younger, and so may the gap */
        assert_int_equal(open_now(&k), 2);
        assert_true(view(&k, 1).sign_us == k.start_wall_us);
        kit_end(&k);

        begin(&k);
        rule(&k, 0, RULE_NIGHT, 0, 0, 0);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        at(&k, 6 * H);
        sleep_until(&k, 14 * H); /* we were down for eight hours */
        kit_restart(&k);
        roster_changed(&k);
        at(&k, 19.9 * H);
        assert_int_equal(open_now(&k), 0);
        at(&k, 20.6 * H);
        assert_int_equal(open_now(&k), 1);
        kit_end(&k);

        begin(&k); /* the broker was away before the restart */
        rule(&k, 0, RULE_NIGHT, 0, 0, 0);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        at(&k, 1 * H);
        broker(&k, true);
        at(&k, 5 * H);
        broker(&k, false);
        kit_restart(&k);
        roster_changed(&k);
        at(&k, 15.9 * H);
        assert_int_equal(open_now(&k), 1);
        at(&k, 16.6 * H);
        assert_int_equal(open_now(&k), 2);
        kit_end(&k);

        begin(&k); /* died and was started */
        rule(&k, 0, RULE_NIGHT, 0, 0, 0);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        at(&k, 6 * H);
        kit_reboot(&k, 4 * H, true);
        roster_changed(&k);
        at(&k, 15.9 * H);
        assert_int_equal(open_now(&k), 0);
        at(&k, 16.6 * H);
        assert_int_equal(open_now(&k), 1);
        kit_end(&k);

        begin(&k);
        rule(&k, 0, RULE_NIGHT, 0, 0, 0);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        at(&k, 6 * H);
        kit_reboot(&k, 60, false); /* no clock: it begins anew */
        roster_changed(&k);
        at(&k, 17.9 * H);
        assert_int_equal(open_now(&k), 0);
        at(&k, 18.1 * H);
        assert_int_equal(open_now(&k), 1);
        kit_end(&k);
}

static void test_away_is_not_watched(void **state_)
{
        Kit k;

        begin(&k);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        away(&k, "hospital", 30 * H);
        at(&k, 29 * H);
        assert_int_equal(open_now(&k), 0);
        at(&k, 41.9 * H); /* he was to be back twelve hours ago; 03:54 */
        assert_int_equal(open_now(&k), 0);
        at(&k, 47.1 * H);
        assert_int_equal(open_now(&k), 1);
        kit_end(&k);
        begin(&k);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        away(&k, "away", 48 * H);
        at(&k, 11 * H);
        away(&k, "home", 0);
        at(&k, 22.9 * H);
        assert_int_equal(open_now(&k), 0);
        at(&k, 23.1 * H);
        assert_int_equal(open_now(&k), 1);
        kit_end(&k);
}

static void test_lost_sensors_are_no_silence(void **state_)
{
        Kit k;

        begin(&k);
        k.policy.beat_us[DEVICE_SENSOR] = 3600 * USEC_PER_SEC;
        kit_policy(&k);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        at(&k, 13 * H); /* lost after two hours: a fault of its own */
        for (uint64_t id = engine_next_open(k.engine, 0); id; id = engine_next_open(k.engine, id))
                assert_int_equal(view(&k, id).group, GROUP_FAULT);
        assert_true(open_now(&k) > 0);
        says(&k, "motion-101", SIGN_MOTION, SAID_NO); /* heard again, and still no sign */
        says(&k, "motion2-101", SIGN_MOTION, SAID_NO);
        forget(&k);
        at(&k, 14.1 * H);
        assert_int_equal(notified_why(&k, "w01", REASON_INACTIVE), 1);
        kit_end(&k);
}

static void test_two_in_a_dwelling(void **state_)
{
        Event ev = action_of(ACTION_AWAY, "w01", 0, "");
        Kit k;

        begin(&k);
        says(&k, "motion-102", SIGN_MOTION, SAID_YES);
        says(&k, "bed-102a", SIGN_BED, SAID_NO);
        at(&k, 6 * H);
        says(&k, "motion-102", SIGN_MOTION, SAID_YES); /* speaks for him as well */
        at(&k, 11 * H);
        says(&k, "bed-102a", SIGN_BED, SAID_YES); /* and his bed for the home */
        at(&k, 22.9 * H);
        assert_int_equal(open_now(&k), 0);
        at(&k, 23.1 * H); /* 09:06 */
        assert_int_equal(open_now(&k), 2);
        assert_int_equal(view(&k, 1).resident, 2);
        assert_int_equal(view(&k, 2).resident, 0);
        assert_int_equal(view(&k, 2).dwelling, 2);
        kit_end(&k);

        begin(&k); /* nobody is at home */
        says(&k, "motion-102", SIGN_MOTION, SAID_YES);
        ev.action.span_us = (uint64_t)(100 * H * 1e6);
        (void)str_copy(ev.action.mode, WORD_SIZE, "away");
        (void)str_copy(ev.action.target, CODE_SIZE, "r102a");
        step(&k, &ev);
        at(&k, 5 * H);
        (void)str_copy(ev.action.target, CODE_SIZE, "r102b");
        step(&k, &ev);
        at(&k, 50 * H);
        assert_int_equal(open_now(&k), 0);
        kit_end(&k);
}

/* What moves in the home may be him. */
static void test_the_shared_sensor_speaks_for_each(void **state_)
{
        Kit k;

        begin(&k);
        says(&k, "motion-102", SIGN_MOTION, SAID_YES);
        says(&k, "bed-102a", SIGN_BED, SAID_NO);
        at(&k, 6 * H);
        says(&k, "motion-102", SIGN_MOTION, SAID_YES);
        at(&k, 22.9 * H);
        assert_int_equal(open_now(&k), 0);
        at(&k, 23.1 * H);
        assert_int_equal(open_now(&k), 2);
        kit_end(&k);
}

static void test_what_is_gone_from_the_registry_is_not_watched(void **state_)
{
        Kit k;

        begin(&k);
        says(&k, "motion-102", SIGN_MOTION, SAID_YES);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        devices[kit_device(&k, "motion-101")].code = NULL;
        k.registry.n_dwellings = 2; /* 102 is no more */
        kit_index(&k);
        roster_changed(&k);
        at(&k, 30 * H);
        assert_int_equal(open_now(&k), 0);
        says(&k, "nobody", SIGN_MOTION, SAID_YES);
        kit_end(&k);
}

static void test_whether_he_moves_after_a_fall(void **state_)
{
        Kit k;
        Event ev = device_event(ALARM_FALL, "band-101", "f2");

        begin(&k);
        alarm(&k, ALARM_FALL, "pend-102a", "f0"); /* nothing is known there */
        assert_int_equal(view(&k, 1).sign_us, 0);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        at(&k, 600);
        alarm(&k, ALARM_FALL, "band-101", "f1");
        assert_true(view(&k, 2).sign_us && view(&k, 2).sign_us < view(&k, 2).opened_us);
        at(&k, 700);
        forget(&k);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        assert_true(view(&k, 2).sign_us > view(&k, 2).opened_us);
        assert_int_equal(count(&k, EFFECT_ALERT), 1);
        at(&k, 730);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES); /* not each time */
        assert_int_equal(count(&k, EFFECT_ALERT), 1);
        step(&k, &ev);
        press(&k, "sos-101", "p1");
        assert_int_equal(state(&k, 2), STATE_ALERTING);
        kit_end(&k);
}

/* What does not fit in the table is not watched, and falls of its people wait for nobody. */
static void test_beyond_the_table(void **state_)
{
        Event ev = {.type = EVENT_STATUS, .via = VIA_MQTT};
        Kit k;

        begin(&k);
        k.limits.devices_max = 2;
        kit_restart(&k);
        rule(&k, 2, RULE_FALL_CONFIRM, 30e6, 0, 0);
        says(&k, "bed-102a", SIGN_BED, SAID_YES);
        says(&k, "motion-102", SIGN_MOTION, SAID_YES);
        alarm(&k, ALARM_FALL, "pend-102a", "f1");
        assert_int_equal(open_now(&k), 1);
        alarm(&k, ALARM_CANCEL, "pend-102a", "f2");
        (void)str_copy(ev.source, CODE_SIZE, "pend-102a");
        ev.status = nothing_said();
        ev.signs = (SignEvent){.located = true, .lat = 1, .lon = 2};
        step(&k, &ev);
        assert_false(view(&k, 1).located);
        away(&k, "home", 0);
        at(&k, 100 * H);
        assert_int_equal(open_now(&k), 1);
        kit_end(&k);
}

/* Degraded mode is over, and rows come that memory is newer than. */
static void test_marks_of_a_running_engine_are_old(void **state_)
{
        const MarkRow rows_[] = {{.kind = MARK_MOTION, .id = 1, .value = 12, .wall_us = 1},
                {.kind = MARK_ALIVE, .id = 1, .value = 1, .wall_us = 1},
                {.kind = MARK_FALL, .id = 1, .value = 4, .wall_us = 1},
                {.kind = MARK_MOTION, .id = 5000, .value = 12, .wall_us = 1},
                {.kind = MARK_FALL, .id = 5000, .value = 4, .wall_us = 1},
                {.kind = MARK_DOOR, .id = 5000 | 1u << 31, .value = 12, .wall_us = 1}};
        Kit k;

        begin(&k);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        for (unsigned i = 0; i < sizeof(rows_) / sizeof(rows_[0]); i++)
                engine_restore_mark(k.engine, &rows_[i]);
        at(&k, 11.9 * H);
        assert_int_equal(open_now(&k), 0);
        kit_restart(&k);
        k.now.wall_us -= (int64_t)(20 * H * 1e6); /* a clock that went back: it begins anew */
        k.start_wall_us -= (int64_t)(20 * H * 1e6);
        k.unchecked_rows = true;
        roster_changed(&k);
        at(&k, 20 * H);
        assert_int_equal(open_now(&k), 0);
        kit_end(&k);
}

static void test_a_sensor_that_is_gone_is_no_source(void **state_)
{
        Kit k;

        begin(&k);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        says(&k, "motion2-101", SIGN_MOTION, SAID_NO);
        devices[kit_device(&k, "motion-101")].code = NULL;
        kit_index(&k);
        roster_changed(&k);
        at(&k, 12.1 * H);
        assert_string_equal(view(&k, 1).source, "");
        assert_int_equal(view(&k, 1).why, REASON_INACTIVE);
        kit_end(&k);
}

static void test_short_and_long_deafness(void **state_)
{
        Kit k;

        begin(&k);
        rule(&k, 1, RULE_SILENCE, 0, 0, 0);
        says(&k, "bed-101", SIGN_BED, SAID_YES);
        at(&k, 10 * H);
        broker(&k, true);
        at(&k, 10 * H + 60);
        broker(&k, false);
        at(&k, 24.1 * H); /* a minute: he was in bed all the same */
        assert_int_equal(view(&k, 2).why, REASON_IN_BED);
        kit_end(&k);
        begin(&k);
        rule(&k, 1, RULE_SILENCE, 0, 0, 0);
        says(&k, "bed-101", SIGN_BED, SAID_YES);
        at(&k, 10 * H);
        broker(&k, true);
        sleep_until(&k, 12 * H); /* asleep besides */
        broker(&k, false);
        at(&k, 25 * H); /* he may have been up */
        assert_int_equal(open_now(&k), 1);
        kit_end(&k);
        begin(&k); /* nobody is watched: nothing is counted */
        broker(&k, true);
        at(&k, 60);
        forget(&k);
        broker(&k, false);
        assert_int_equal(count(&k, EFFECT_MARK), 0);
        kit_end(&k);
}

static void test_signs_and_places_of_what_is_over(void **state_)
{
        Kit k;

        circle(&k);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        at(&k, 13 * H); /* silence is open: being inside ends nothing of it */
        located(&k, 100, 10);
        assert_int_equal(view(&k, 1).condition, CONDITION_ACTIVE);
        assert_true(view(&k, 1).located);
        press(&k, "sos-101", "p1");
        act(&k, ACTION_ACCEPT, "w01", 2);
        act(&k, ACTION_ARRIVED, "w01", 2);
        resolve(&k, "w01", 2, "helped");
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        located(&k, 101, 10);
        assert_int_equal(view(&k, 2).sign_us, 0);
        assert_false(view(&k, 2).located);
        at(&k, 13.1 * H);
        located(&k, 5000, 10); /* waits; and then the band is taken out of the registry */
        devices[kit_device(&k, "band-101")].code = NULL;
        kit_index(&k);
        roster_changed(&k);
        at(&k, 13.5 * H);
        assert_int_equal(view(&k, 1).why, REASON_LEFT);
        assert_string_equal(view(&k, 1).source, "");
        kit_end(&k);
}

static Resident people[8];
static Worker workers[16];

/* The kit's residents, to be changed. */
static void people_copy(Kit *k)
{
        memcpy(people, k->registry.residents, k->registry.n_residents * sizeof(Resident));
        k->registry.residents = people;
        kit_index(k);
        roster_changed(k);
}

static void test_a_resident_without_a_dwelling(void **state_)
{
        Kit k;

        begin(&k);
        people_copy(&k);
        people[1].dwelling = 0;
        roster_changed(&k);
        says(&k, "bed-101", SIGN_BED, SAID_NO);
        at(&k, 12.1 * H);
        assert_int_equal(view(&k, 1).resident, 1);
        assert_int_equal(view(&k, 1).dwelling, 0);
        assert_int_equal(view(&k, 1).grid, registry_grid_id(&k.registry, "g1"));
        assert_true(notified(&k, "w01") > 0);
        kit_end(&k);
        begin(&k);
        people_copy(&k);
        people[1].dwelling = 0;
        memcpy(workers, k.registry.workers, k.registry.n_workers * sizeof(Worker));
        workers[kit_worker(&k, "w01")].scope = SCOPE_SITE;
        k.registry.workers = workers;
        kit_index(&k);
        roster_changed(&k);
        says(&k, "bed-101", SIGN_BED, SAID_NO);
        at(&k, H);
        away(&k, "away", 20 * H);
        at(&k, 13 * H);
        assert_int_equal(open_now(&k), 0);
        kit_end(&k);
}

static void test_a_dwelling_beyond_the_table(void **state_)
{
        Kit k;

        begin(&k);
        k.limits.devices_max = 3;
        kit_restart(&k);
        people_copy(&k);
        people[1].dwelling = 3;
        devices[1] = (Device){"sos-101", NULL, DEVICE_SENSOR, 0, 1, 0};
        roster_changed(&k);
        says(&k, "sos-101", SIGN_BED, SAID_NO);
        at(&k, 12.1 * H);
        assert_int_equal(view(&k, 1).why, REASON_INACTIVE);
        assert_int_equal(view(&k, 1).dwelling, 3);
        kit_end(&k);
}

static void test_a_sensor_that_is_bound_to_nobody(void **state_)
{
        Kit k;

        begin(&k);
        devices[kit_device(&k, "motion-101")].dwelling = 0;
        roster_changed(&k);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        at(&k, 30 * H);
        assert_int_equal(open_now(&k), 0);
        alarm(&k, ALARM_FALL, "motion-101", "f1"); /* but whoever falls is helped */
        assert_int_equal(open_now(&k), 1);
        assert_int_equal(view(&k, 1).sign_us, 0);
        kit_end(&k);
}

/* Of two who lived there, one has left the registry, and the other is away. */
static void test_an_empty_home_is_silent(void **state_)
{
        Event ev = action_of(ACTION_AWAY, "w01", 0, "");
        Kit k;

        begin(&k);
        people_copy(&k);
        says(&k, "motion-102", SIGN_MOTION, SAID_YES);
        people[3].code = NULL;
        kit_index(&k);
        roster_changed(&k);
        devices[kit_device(&k, "motion-102")].code = NULL; /* the home's own silence goes on */
        says(&k, "motion2-101", SIGN_MOTION, SAID_NO);
        ev.action.span_us = (uint64_t)(100 * H * 1e6);
        (void)str_copy(ev.action.mode, WORD_SIZE, "away");
        (void)str_copy(ev.action.target, CODE_SIZE, "r102a");
        step(&k, &ev);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        at(&k, 11.9 * H);
        says(&k, "motion2-101", SIGN_MOTION, SAID_YES);
        at(&k, 20 * H);
        assert_int_equal(open_now(&k), 0);
        kit_end(&k);
}

static void test_a_resident_who_is_gone_is_not_watched(void **state_)
{
        Registry another;
        Kit k;

        begin(&k);
        people_copy(&k);
        says(&k, "bed-101", SIGN_BED, SAID_NO);
        at(&k, H);
        people[1].code = NULL;
        kit_index(&k);
        another = k.registry;
        engine_registry_set(k.engine, &another);
        roster_changed(&k);
        at(&k, 30 * H);
        assert_int_equal(open_now(&k), 0);
        kit_end(&k);
}

/* To bed at seven: at ten he has been there for three hours. A second later, and it is tomorrow's ten o'clock. */
static void test_three_hours_before_the_hour(void **state_)
{
        for (unsigned late = 0; late < 2; late++) {
                Kit k;

                begin(&k);
                rule(&k, 1, RULE_SILENCE, 0, 0, 0);
                at(&k, 21 * H + late);
                says(&k, "bed-101", SIGN_BED, SAID_YES);
                at(&k, 24 * H - 1);
                says(&k, "bed-101", SIGN_BED, SAID_YES); /* still: no other bed, and no other time */
                assert_int_equal(open_now(&k), 0);
                at(&k, 24 * H);
                assert_int_equal(open_now(&k), late ? 0 : 1);
                at(&k, 48 * H - 1);
                assert_int_equal(open_now(&k), late ? 0 : 1);
                at(&k, 48 * H);
                assert_int_equal(open_now(&k), 1);
                assert_int_equal(view(&k, 1).why, REASON_IN_BED);
                kit_end(&k);
        }
}

/* Nobody knows when it is night: silence calls when its time is over, and nobody is late in bed. */
static void test_without_a_clock_there_is_no_night(void **state_)
{
        Kit k;

        begin(&k);
        k.now.trusted = false;
        rule(&k, 1, RULE_SILENCE, 6 * H * 1e6, 0, 0);
        at(&k, 8 * H);
        says(&k, "bed-101", SIGN_BED, SAID_YES);
        at(&k, 14 * H - 1); /* midnight, by the clock that nobody believes */
        assert_int_equal(open_now(&k), 0);
        at(&k, 14 * H);
        assert_int_equal(view(&k, 1).why, REASON_INACTIVE);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        at(&k, 19 * H);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        at(&k, 24.5 * H);
        assert_int_equal(view(&k, 1).why, REASON_INACTIVE);
        kit_end(&k);
}

/* Who works at night sleeps by day, from 9 to 17. */
static void test_a_night_by_day(void **state_)
{
        Kit k;

        begin(&k);
        rule(&k, 1, RULE_NIGHT, 9 * 60, 17 * 60, 0);
        rule(&k, 1, RULE_SILENCE, 4 * H * 1e6, 0, 0);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES); /* 10:00 */
        at(&k, 4.1 * H);
        assert_int_equal(open_now(&k), 0);
        at(&k, 7 * H - 1);
        assert_int_equal(open_now(&k), 0);
        at(&k, 7 * H);
        assert_int_equal(view(&k, 1).why, REASON_INACTIVE);
        kit_end(&k);
        begin(&k);
        rule(&k, 1, RULE_NIGHT, 9 * 60, 17 * 60, 0);
        rule(&k, 1, RULE_SILENCE, 4 * H * 1e6, 0, 0);
        at(&k, 18 * H);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES); /* 04:00: due at eight, before his night */
        at(&k, 22 * H);
        assert_int_equal(open_now(&k), 1);
        kit_end(&k);
}

/* A sign may be a quarter of an hour younger than its mark: what is younger than that begins anew. */
static void test_signs_right_before_a_restart(void **state_)
{
        const MarkRow marks[] = {{.kind = MARK_MOTION, .id = 1, .worker = 200000, .value = 12, .wall_us = 0},
                {.kind = MARK_ALIVE, .id = 1, .worker = 5, .value = 1, .wall_us = 0}};
        Kit k;

        begin(&k);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        at(&k, 600);
        kit_restart(&k);
        roster_changed(&k);
        at(&k, 600 + 12 * H - 1);
        assert_int_equal(open_now(&k), 0);
        at(&k, 600 + 12 * H + 120);
        assert_int_equal(open_now(&k), 1);
        kit_end(&k);
        begin(&k); /* more was unheard at the sign than ever: no row of ours */
        kit_restart(&k);
        for (unsigned i = 0; i < 2; i++) {
                MarkRow row = marks[i];

                row.wall_us = k.now.wall_us - (int64_t)(11 * H * 1e6) + i;
                engine_restore_mark(k.engine, &row);
        }
        roster_changed(&k);
        at(&k, 2 * H);
        assert_int_equal(open_now(&k), 0);
        at(&k, 12.1 * H);
        assert_int_equal(open_now(&k), 1);
        kit_end(&k);
}

/* The sensor of a restored sign is in the registry, and beyond the table: nobody supervises it, nobody trusts it. */
static void test_a_restored_sign_of_a_sensor_beyond_the_table(void **state_)
{
        MarkRow mark = {.kind = MARK_MOTION, .id = 1, .value = 12};
        Kit k;

        begin(&k);
        k.limits.devices_max = 3;
        mark.wall_us = k.now.wall_us;
        kit_restart(&k);
        engine_restore_mark(k.engine, &mark);
        roster_changed(&k);
        at(&k, 30 * H);
        assert_int_equal(open_now(&k), 0);
        kit_end(&k);
}

static void test_what_the_call_itself_says_is_no_news(void **state_)
{
        Event ev = device_event(ALARM_SOS, "sos-101", "s1");
        Kit k;

        begin(&k);
        ev.signs.said[SIGN_MOTION] = SAID_YES;
        step(&k, &ev);
        assert_int_equal(view(&k, 1).sign_us, 0);
        at(&k, 100);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        assert_true(view(&k, 1).sign_us == k.now.wall_us);
        at(&k, 130);
        forget(&k);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        assert_int_equal(count(&k, EFFECT_ALERT), 0);
        at(&k, 161);
        forget(&k);
        says(&k, "motion-101", SIGN_MOTION, SAID_YES);
        assert_int_equal(count(&k, EFFECT_ALERT), 1);
        assert_true(view(&k, 1).sign_us == k.now.wall_us);
        kit_end(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_twelve_hours_without_a_sign),
                cmocka_unit_test(test_a_sleeper_is_let_alone),
                cmocka_unit_test(test_night_of_a_person_and_none),
                cmocka_unit_test(test_buttons_count_where_there_are_sensors),
                cmocka_unit_test(test_told_once_and_again_after_the_same_time),
                cmocka_unit_test(test_sensors_of_one_kind),
                cmocka_unit_test(test_in_bed_past_the_hour),
                cmocka_unit_test(test_what_is_not_heard_is_no_silence),
                cmocka_unit_test(test_a_restart_forgets_no_silence),
                cmocka_unit_test(test_away_is_not_watched),
                cmocka_unit_test(test_lost_sensors_are_no_silence),
                cmocka_unit_test(test_two_in_a_dwelling),
                cmocka_unit_test(test_the_shared_sensor_speaks_for_each),
                cmocka_unit_test(test_what_is_gone_from_the_registry_is_not_watched),
                cmocka_unit_test(test_whether_he_moves_after_a_fall),
                cmocka_unit_test(test_beyond_the_table),
                cmocka_unit_test(test_marks_of_a_running_engine_are_old),
                cmocka_unit_test(test_a_sensor_that_is_gone_is_no_source),
                cmocka_unit_test(test_short_and_long_deafness),
                cmocka_unit_test(test_signs_and_places_of_what_is_over),
                cmocka_unit_test(test_a_resident_without_a_dwelling),
                cmocka_unit_test(test_a_dwelling_beyond_the_table),
                cmocka_unit_test(test_a_sensor_that_is_bound_to_nobody),
                cmocka_unit_test(test_an_empty_home_is_silent),
                cmocka_unit_test(test_a_resident_who_is_gone_is_not_watched),
                cmocka_unit_test(test_three_hours_before_the_hour),
                cmocka_unit_test(test_without_a_clock_there_is_no_night),
                cmocka_unit_test(test_a_night_by_day),
                cmocka_unit_test(test_signs_right_before_a_restart),
                cmocka_unit_test(test_a_restored_sign_of_a_sensor_beyond_the_table),
                cmocka_unit_test(test_what_the_call_itself_says_is_no_news),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
