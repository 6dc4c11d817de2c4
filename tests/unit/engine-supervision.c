/* SPDX-License-Identifier: Apache-2.0 */
/* Devices between their alarms: beat, battery, mains, wear, signal, clock, proof tests. */
#include "engine-kit.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DAY 86400.0

static void begin(Kit *k)
{
        kit_begin(k);
        k->policy.beat_us[DEVICE_BUTTON] = 60 * USEC_PER_SEC;
        kit_policy(k);
        forget(k);
}

static DeviceView device(const Kit *k, const char *code)
{
        DeviceView v;

        assert_true(engine_device_view(k->engine, kit_device(k, code), k->now, &v));
        return v;
}

/* All three buttons but one go on. */
static void beats(Kit *k, double from, double to, const char *silent)
{
        static const char *const buttons[] = {"sos-101", "sos-102", "sos-201"};

        for (double t = from; t <= to; t += 60) {
                at(k, t);
                for (unsigned i = 0; i < 3; i++)
                        if (!str_equal(buttons[i], silent))
                                status(k, buttons[i]);
        }
}

static void test_three_beats_missed_is_a_fault_of_the_device(void **state_)
{
        Kit k;

        begin(&k);
        beats(&k, 60, 60, "");
        forget(&k);
        beats(&k, 120, 180, "sos-101");
        assert_int_equal(k.n, 0);
        beats(&k, 240, 240, "sos-101");
        assert_int_equal(view(&k, 1).group, GROUP_FAULT);
        assert_int_equal(view(&k, 1).priority, 4);
        assert_int_equal(view(&k, 1).why, REASON_LOST);
        assert_int_equal(view(&k, 1).device, kit_device(&k, "sos-101"));
        assert_string_equal(view(&k, 1).source, "sos-101");
        assert_int_equal(view(&k, 1).resident, 1);
        assert_int_equal(view(&k, 1).opened_us, k.start_wall_us + 240 * 1000000ll);
        assert_true(device(&k, "sos-101").lost);
        expect_notified(&k, "w01", NULL);
        beats(&k, 300, 600, "sos-101");
        assert_int_equal(engine_open_count(k.engine), 1);
        kit_end(&k);
}

static void test_back_is_a_condition_that_closes_nothing(void **state_)
{
        Kit k;

        begin(&k);
        beats(&k, 60, 300, "sos-101");
        assert_int_equal(view(&k, 1).condition, CONDITION_ACTIVE);
        beats(&k, 360, 360, "");
        assert_int_equal(view(&k, 1).condition, CONDITION_CLEARED);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        assert_false(device(&k, "sos-101").lost);
        forget(&k);
        beats(&k, 420, 600, "sos-101"); /* lost again: the same matter, called again */
        assert_int_equal(engine_open_count(k.engine), 1);
        assert_int_equal(view(&k, 1).condition, CONDITION_ACTIVE);
        assert_true(notified(&k, "w01") > 0);
        kit_end(&k);
}

static void test_a_press_is_a_sign_of_life(void **state_)
{
        Kit k;

        begin(&k);
        beats(&k, 60, 120, "sos-101");
        press(&k, "sos-101", "1");
        beats(&k, 180, 240, "sos-101");
        assert_int_equal(engine_open_count(k.engine), 1); /* the press */
        beats(&k, 300, 360, "sos-101");
        assert_int_equal(engine_open_count(k.engine), 2);
        kit_end(&k);
}

static void test_the_registry_s_beat_goes_before_the_class_s(void **state_)
{
        Kit k;

        begin(&k);
        k.registry.devices[kit_device(&k, "sos-101")].beat_us = 600 * USEC_PER_SEC;
        roster_changed(&k);
        beats(&k, 60, 1740, "sos-101");
        assert_int_equal(engine_open_count(k.engine), 0);
        beats(&k, 1800, 1800, "sos-101");
        assert_int_equal(engine_open_count(k.engine), 1);
        k.registry.devices[kit_device(&k, "sos-101")].beat_us = 0;
        kit_end(&k);
}

static void test_a_daily_beat_is_lost_after_25_hours(void **state_)
{
        Kit k;

        kit_begin(&k);
        k.policy.beat_us[DEVICE_SMOKE] = USEC_PER_DAY;
        kit_policy(&k);
        at(&k, 25 * 3600 - 1);
        assert_int_equal(engine_open_count(k.engine), 0);
        at(&k, 25 * 3600);
        assert_true(engine_open_count(k.engine) > 0);
        kit_end(&k);
}

/* Its bridge says that it cannot be reached. */
static void test_gone_is_lost_in_five_minutes(void **state_)
{
        StatusEvent gone = nothing_said();
        Kit k;

        begin(&k);
        k.policy.beat_us[DEVICE_SMOKE] = USEC_PER_DAY;
        k.policy.beat_us[DEVICE_BUTTON] = 0;
        kit_policy(&k);
        gone.gone = true;
        at(&k, 60);
        status_says(&k, "smoke-101", gone);
        status_says(&k, "sos-101", gone); /* not supervised */
        status_says(&k, "nobody", gone);
        at(&k, 200);
        status_says(&k, "smoke-101", gone); /* said again: the time runs on */
        at(&k, 359);
        assert_int_equal(engine_open_count(k.engine), 0);
        at(&k, 361);
        assert_int_equal(view(&k, 1).why, REASON_LOST);
        assert_string_equal(view(&k, 1).source, "smoke-101");
        status_says(&k, "smoke-101", gone);
        assert_int_equal(view(&k, 1).condition, CONDITION_ACTIVE);
        status(&k, "smoke-101");
        assert_int_equal(view(&k, 1).condition, CONDITION_CLEARED);
        status_says(&k, "smoke-101", gone);
        at(&k, 400);
        status(&k, "smoke-101"); /* heard in time */
        at(&k, 1000);
        assert_int_equal(view(&k, 1).condition, CONDITION_CLEARED);
        kit_end(&k);
}

/* Its bridge is there again: what was lost by that is found, what was silent before is not. */
static void test_a_bridge_that_is_back(void **state_)
{
        StatusEvent gone = nothing_said(), back = nothing_said();
        Kit k;

        begin(&k);
        k.policy.beat_us[DEVICE_SMOKE] = USEC_PER_DAY;
        k.policy.beat_us[DEVICE_BUTTON] = USEC_PER_MIN;
        kit_policy(&k);
        gone.gone = back.back = true;
        status(&k, "smoke-101");
        beats(&k, 60, 60, "");
        status_says(&k, "smoke-101", back); /* it never went */
        status_says(&k, "nobody", back);
        status_says(&k, "smoke-101", gone);
        beats(&k, 120, 300, "");
        status_says(&k, "smoke-101", back); /* in time */
        beats(&k, 360, 900, "");
        assert_int_equal(engine_open_count(k.engine), 0);
        status_says(&k, "smoke-101", gone);
        beats(&k, 960, 1260, "sos-101");
        assert_string_equal(view(&k, 1).source, "sos-101"); /* by its own silence */
        assert_string_equal(view(&k, 2).source, "smoke-101");
        status_says(&k, "sos-101", gone);
        status_says(&k, "smoke-101", back);
        status_says(&k, "sos-101", back);
        assert_int_equal(view(&k, 1).condition, CONDITION_ACTIVE);
        assert_int_equal(view(&k, 2).condition, CONDITION_CLEARED);
        at(&k, 1260 + 24 * 3600);
        assert_int_equal(view(&k, 2).condition, CONDITION_CLEARED);
        at(&k, 1260 + 25 * 3600); /* it was not heard since */
        assert_int_equal(view(&k, 2).condition, CONDITION_ACTIVE);
        kit_end(&k);
}

/* It was lost before the gateway was started: a bridge that comes and goes does not bring it back. */
static void test_a_bridge_does_not_bring_back_who_was_lost_before(void **state_)
{
        const MarkRow was_lost = {.kind = MARK_LOST, .value = 1, .wall_us = 1790000000000000};
        StatusEvent gone = nothing_said(), back = nothing_said();
        MarkRow row = was_lost;
        Kit k;

        begin(&k);
        k.policy.beat_us[DEVICE_SMOKE] = USEC_PER_DAY;
        kit_policy(&k);
        gone.gone = back.back = true;
        row.id = kit_device(&k, "smoke-101");
        engine_restore_mark(k.engine, &row);
        status_says(&k, "smoke-101", gone);
        status_says(&k, "smoke-101", back);
        beats(&k, 60, 360, "");
        assert_string_equal(view(&k, 1).source, "smoke-101");
        assert_int_equal(view(&k, 1).condition, CONDITION_ACTIVE);
        kit_end(&k);
}

static void test_no_beat_no_supervision(void **state_)
{
        Kit k;

        kit_begin(&k);
        roster_changed(&k);
        at(&k, 40 * DAY);
        assert_int_equal(engine_open_count(k.engine), 0);
        assert_false(device(&k, "sos-101").supervised);
        kit_end(&k);
}

static void test_after_a_restart_one_full_interval(void **state_)
{
        Kit k;

        begin(&k);
        beats(&k, 60, 120, "sos-101"); /* lost in a minute */
        kit_restart(&k);
        beats(&k, 180, 240, "sos-101");
        assert_int_equal(engine_open_count(k.engine), 0);
        beats(&k, 360, 360, "sos-101");
        assert_int_equal(engine_open_count(k.engine), 1);
        kit_end(&k);
}

static void test_the_original_time_survives_a_restart(void **state_)
{
        Kit k;

        begin(&k);
        beats(&k, 60, 240, "sos-101");
        resolve(&k, "w01", 1, "device_fault");
        kit_restart(&k);
        beats(&k, 300, 600, "sos-101");
        /* reopened as what it is, or opened anew, since when it was lost */
        assert_true(device(&k, "sos-101").lost);
        assert_int_equal(device(&k, "sos-101").lost_us, k.start_wall_us + 180 * 1000000ll);
        assert_int_equal(engine_open_count(k.engine), 1);
        kit_end(&k);
}

static void test_closed_and_still_silent_comes_back_the_next_day(void **state_)
{
        Kit k;

        begin(&k);
        beats(&k, 60, 240, "sos-101");
        resolve(&k, "w01", 1, "device_fault");
        beats(&k, 300, 3000, "sos-101");
        assert_int_equal(engine_open_count(k.engine), 0);
        for (double t = 3060; t <= DAY + 300; t += 120) {
                at(&k, t);
                status(&k, "sos-102");
                status(&k, "sos-201");
        }
        assert_int_equal(engine_open_count(k.engine), 1);
        assert_int_equal(view(&k, 2).opened_us, k.start_wall_us + 180 * 1000000ll);
        kit_end(&k);
}

static void broker(Kit *k, bool away)
{
        Event ev = {.type = EVENT_SYSTEM};

        ev.system = (SystemEvent){.cause = SYSTEM_BROKER, .raise = away};
        step(k, &ev);
}

static void test_while_the_broker_is_away_silence_says_nothing(void **state_)
{
        Kit k;

        begin(&k);
        beats(&k, 60, 60, "");
        broker(&k, true);
        at(&k, 3600);
        assert_int_equal(engine_open_count(k.engine), 1); /* the broker */
        broker(&k, false);
        at(&k, 3600 + 179);
        assert_int_equal(engine_open_count(k.engine), 1);
        at(&k, 3600 + 180);
        assert_int_equal(engine_open_count(k.engine), 4);
        kit_end(&k);
}

static void test_at_night_a_fault_waits_for_the_day(void **state_)
{
        Kit k;

        begin(&k);
        k.policy.beat_us[DEVICE_BUTTON] = 0;
        k.registry.devices[kit_device(&k, "sos-101")].beat_us = 12 * USEC_PER_HOUR;
        kit_policy(&k);
        at(&k, 13 * 3600 - 1);
        forget(&k);
        at(&k, 13 * 3600 + 1800); /* 23:30 in China */
        assert_int_equal(engine_open_count(k.engine), 1);
        expect_nobody(&k);
        at(&k, 21 * 3600 + 3599); /* 07:59 */
        expect_nobody(&k);
        at(&k, 22 * 3600 + 1);
        assert_true(notified(&k, "w01") > 0);
        k.registry.devices[kit_device(&k, "sos-101")].beat_us = 0;
        kit_end(&k);
}

static void with(Kit *k)
{
        kit_begin(k);
        k->policy.battery_low = 15;
        k->policy.battery_empty = 5;
        k->policy.not_worn_us = 4 * USEC_PER_HOUR;
        k->policy.mains_us = USEC_PER_HOUR;
        k->policy.signal_weak = 110;
        k->policy.no_data_us = 15 * USEC_PER_MIN;
        k->policy.proof_us = 35 * USEC_PER_DAY;
        kit_policy(k);
        forget(k);
}

static void battery(Kit *k, const char *code, int16_t percent)
{
        StatusEvent s = nothing_said();

        s.battery = percent;
        status_says(k, code, s);
}

static void test_a_low_battery_is_planned_an_empty_one_is_a_fault(void **state_)
{
        Kit k;

        with(&k);
        battery(&k, "sos-101", 60);
        assert_int_equal(engine_open_count(k.engine), 0);
        battery(&k, "sos-101", 14);
        assert_int_equal(view(&k, 1).class, CLASS_BATTERY);
        assert_int_equal(view(&k, 1).priority, 5);
        assert_int_equal(view(&k, 1).why, REASON_BATTERY_LOW);
        expect_nobody(&k); /* 10:00: told with tomorrow's list */
        at(&k, 22 * 3600 + 3599);
        expect_nobody(&k);
        at(&k, 23 * 3600 + 1);
        assert_true(notified(&k, "w01") > 0);
        battery(&k, "sos-101", 5);
        assert_int_equal(view(&k, 1).class, CLASS_FAULT);
        assert_int_equal(view(&k, 1).priority, 4);
        battery(&k, "sos-101", 100);
        assert_int_equal(view(&k, 1).condition, CONDITION_CLEARED);
        assert_int_equal(engine_open_count(k.engine), 1);
        kit_end(&k);
}

static void test_a_month_left_at_its_rate_is_low(void **state_)
{
        Kit k;

        with(&k);
        battery(&k, "sos-101", 100);
        for (int day = 1; day <= 20; day++) { /* 2 % a day */
                at(&k, day * DAY);
                battery(&k, "sos-101", (int16_t)(100 - 2 * day));
        }
        assert_int_equal(device(&k, "sos-101").battery_days, 30);
        assert_int_equal(view(&k, 1).why, REASON_BATTERY_LOW);
        kit_end(&k);
}

static void test_mains_and_wear_have_a_delay(void **state_)
{
        Kit k;
        StatusEvent s = nothing_said();

        with(&k);
        s.mains = 0;
        status_says(&k, "sos-101", s);
        at(&k, 1800);
        s.mains = 1;
        status_says(&k, "sos-101", s);
        at(&k, 2 * 3600);
        assert_int_equal(engine_open_count(k.engine), 0);
        s.mains = 0;
        status_says(&k, "sos-101", s);
        at(&k, 3 * 3600);
        assert_int_equal(view(&k, 1).why, REASON_MAINS);
        s = nothing_said();
        s.worn = 0;
        status_says(&k, "band-101", s);
        at(&k, 5 * 3600);
        status_says(&k, "band-101", s);
        assert_int_equal(engine_open_count(k.engine), 1);
        at(&k, 7 * 3600);
        assert_int_equal(view(&k, 2).why, REASON_NOT_WORN);
        s.worn = 1;
        status_says(&k, "band-101", s);
        assert_int_equal(view(&k, 2).condition, CONDITION_CLEARED);
        kit_end(&k);
}

static void test_three_weak_or_skewed_reports(void **state_)
{
        Kit k;
        StatusEvent s = nothing_said();
        Event ev = {.type = EVENT_STATUS, .via = VIA_MQTT};

        with(&k);
        s.rssi = -112;
        status_says(&k, "sos-101", s);
        status_says(&k, "sos-101", s);
        assert_int_equal(engine_open_count(k.engine), 0);
        status_says(&k, "sos-101", s);
        assert_int_equal(view(&k, 1).why, REASON_SIGNAL);
        assert_int_equal(view(&k, 1).priority, 5);
        s.rssi = -70;
        status_says(&k, "sos-101", s);
        assert_int_equal(view(&k, 1).condition, CONDITION_CLEARED);
        (void)str_copy(ev.source, CODE_SIZE, "smoke-101");
        ev.status = nothing_said();
        for (int i = 0; i < 3; i++) {
                ev.device_us = k.now.wall_us - 3600 * 1000000ll;
                step(&k, &ev);
        }
        assert_int_equal(view(&k, 2).why, REASON_SKEW);
        kit_end(&k);
}

static void test_alive_without_readings_is_a_fault_and_no_vital(void **state_)
{
        Kit k;

        with(&k);
        for (int i = 0; i < 5; i++) {
                at(&k, 30 * i);
                vitals(&k, "band-101", VITAL_HR, 70);
        }
        at(&k, 120 + 900);
        assert_int_equal(view(&k, 1).group, GROUP_FAULT);
        assert_int_equal(view(&k, 1).why, REASON_NO_DATA);
        vitals(&k, "band-101", VITAL_HR, 70);
        assert_int_equal(view(&k, 1).condition, CONDITION_CLEARED);
        kit_end(&k);
}

static void test_an_overdue_proof_test_is_one_ticket_for_the_grid(void **state_)
{
        Kit k;

        with(&k);
        status(&k, "sos-101"); /* first heard: put up today */
        status(&k, "smoke-101");
        status(&k, "band-101");
        assert_int_equal(k.n_marks, 3);
        at(&k, 20 * DAY);
        kit_restart(&k);
        roster_changed(&k);
        at(&k, 35 * DAY - 10);
        assert_int_equal(engine_open_count(k.engine), 0);
        at(&k, 35 * DAY + 10);
        assert_int_equal(engine_open_count(k.engine), 1);
        assert_int_equal(view(&k, 1).why, REASON_PROOF);
        assert_int_equal(view(&k, 1).priority, 5);
        assert_true(device(&k, "sos-101").proof_overdue);
        assert_true(device(&k, "smoke-101").proof_overdue);
        assert_false(device(&k, "band-101").proof_overdue);
        kit_end(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_three_beats_missed_is_a_fault_of_the_device),
                cmocka_unit_test(test_back_is_a_condition_that_closes_nothing),
                cmocka_unit_test(test_a_press_is_a_sign_of_life),
                cmocka_unit_test(test_the_registry_s_beat_goes_before_the_class_s),
                cmocka_unit_test(test_a_daily_beat_is_lost_after_25_hours),
                cmocka_unit_test(test_gone_is_lost_in_five_minutes),
                cmocka_unit_test(test_a_bridge_that_is_back),
                cmocka_unit_test(test_a_bridge_does_not_bring_back_who_was_lost_before),
                cmocka_unit_test(test_no_beat_no_supervision),
                cmocka_unit_test(test_after_a_restart_one_full_interval),
                cmocka_unit_test(test_the_original_time_survives_a_restart),
                cmocka_unit_test(test_closed_and_still_silent_comes_back_the_next_day),
                cmocka_unit_test(test_while_the_broker_is_away_silence_says_nothing),
                cmocka_unit_test(test_at_night_a_fault_waits_for_the_day),
                cmocka_unit_test(test_a_low_battery_is_planned_an_empty_one_is_a_fault),
                cmocka_unit_test(test_a_month_left_at_its_rate_is_low),
                cmocka_unit_test(test_mains_and_wear_have_a_delay),
                cmocka_unit_test(test_three_weak_or_skewed_reports),
                cmocka_unit_test(test_alive_without_readings_is_a_fault_and_no_vital),
                cmocka_unit_test(test_an_overdue_proof_test_is_one_ticket_for_the_grid),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
