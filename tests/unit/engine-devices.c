/* SPDX-License-Identifier: Apache-2.0 */
/* Devices at their edges: beyond the table, on the shelf, gone from the registry, known by marks alone. */
#include "engine-kit.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DAY  86400.0
#define HOUR 3600.0

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

static DeviceView device(const Kit *k, const char *code)
{
        DeviceView v;

        assert_true(engine_device_view(k->engine, kit_device(k, code), k->now, &v));
        return v;
}

static void about(Kit *k, ActionKind kind, const char *worker, const char *target, double hours)
{
        Event ev = action_of(kind, worker, 0, NULL);

        (void)str_copy(ev.action.target, CODE_SIZE, target);
        ev.action.span_us = (uint64_t)(hours * HOUR * 1e6);
        step(k, &ev);
}

static uint64_t newest_incident(const Kit *k)
{
        return engine_next_incident(k->engine) - 1;
}

/* Beyond the table a device is not supervised, and its alarms and faults are heard as everybody's. */
static void test_a_device_beyond_the_table(void **state_)
{
        StatusEvent s = nothing_said();
        MarkRow row = {.kind = MARK_SHELVED, .value = 1};
        Event ev;
        Kit k;

        with(&k);
        k.limits.devices_max = 2; /* number 1 alone */
        k.policy.beat_us[DEVICE_BUTTON] = 60 * USEC_PER_SEC;
        kit_restart(&k);
        kit_policy(&k);
        assert_true(device(&k, "sos-101").supervised);
        assert_false(device(&k, "sos-102").supervised);
        assert_int_equal(device(&k, "sos-102").battery, -1);
        s.battery = 3;
        status_says(&k, "sos-102", s);
        at(&k, 600);
        assert_int_equal(engine_open_count(k.engine), 1); /* sos-101 is silent; of the other nobody knows */
        s.tamper = 1;
        status_says(&k, "sos-102", s);
        assert_int_equal(view(&k, 2).kind, ALARM_TAMPER);
        about(&k, ACTION_SHELVE, "w01", "sos-102", 1);
        expect_reply(&k, REPLY_REFUSED, REASON_BAD_REQUEST);
        alarm(&k, ALARM_TEST, "sos-102", "t");
        assert_int_equal(rows(&k, JOURNAL_TEST), 1);
        vitals(&k, "pend-102b", VITAL_HR, 190); /* of a resident beyond it: kept, not judged */
        vitals(&k, "band-101", VITAL_HR, 190);  /* of one within, by a device beyond */
        vitals(&k, "band-101", VITAL_HR, 190);
        assert_int_equal(view(&k, newest_incident(&k)).group, GROUP_VITAL);
        press(&k, "sos-102", "1");
        assert_int_equal(view(&k, newest_incident(&k)).group, GROUP_HELP);
        row.id = kit_device(&k, "sos-102");
        engine_restore_mark(k.engine, &row);
        row = (MarkRow){.kind = MARK_AWAY, .id = 3, .value = AWAY_OUT};
        engine_restore_mark(k.engine, &row);
        about(&k, ACTION_AWAY, "w01", "r102b", 1);
        expect_reply(&k, REPLY_REFUSED, REASON_BAD_REQUEST);
        ev = (Event){.type = EVENT_SYSTEM, .system = {.cause = SYSTEM_BROKER, .raise = true}};
        step(&k, &ev);
        ev.system.raise = false;
        step(&k, &ev);
        assert_false(engine_device_view(k.engine, 99, k.now, &(DeviceView){0}));
        kit_end(&k);
}

/* A beat of more than a year is none. */
static void test_a_beat_of_years_is_none(void **state_)
{
        Kit k;

        with(&k);
        k.policy.beat_us[DEVICE_BUTTON] = 400 * USEC_PER_DAY;
        kit_policy(&k);
        assert_false(device(&k, "sos-101").supervised);
        kit_end(&k);
}

/* On the shelf a new fault is a row, once; when the time is over it is a matter, with its own words. */
static void test_faults_on_the_shelf(void **state_)
{
        StatusEvent s = nothing_said();
        Kit k;

        with(&k);
        k.policy.proof_us = 2 * USEC_PER_HOUR;
        kit_policy(&k);
        status(&k, "sos-101");
        about(&k, ACTION_SHELVE, "w01", "sos-101", 3);
        forget(&k);
        s.tamper = 1;
        status_says(&k, "sos-101", s);
        status_says(&k, "sos-101", s);
        assert_int_equal(rows(&k, JOURNAL_DEVICE), 1);
        assert_int_equal(engine_open_count(k.engine), 0);
        at(&k, 2.5 * HOUR); /* a proof test is overdue: a ticket of the grid, which no shelf holds */
        assert_int_equal(engine_open_count(k.engine), 1);
        at(&k, 3 * HOUR + 1);
        assert_int_equal(engine_open_count(k.engine), 2);
        assert_int_equal(view(&k, 2).kind, ALARM_TAMPER);
        about(&k, ACTION_SHELVE, "w01", "sos-101", 0); /* from the shelf, where it is not */
        expect_reply(&k, REPLY_OK, REASON_NONE);
        kit_end(&k);
}

/* Lost, and closed by somebody, it comes back every day: on the shelf it does not, and from it it does. */
static void test_lost_on_the_shelf(void **state_)
{
        uint32_t before;
        Kit k;

        with(&k);
        k.policy.beat_us[DEVICE_BUTTON] = 60 * USEC_PER_SEC;
        k.policy.classes[CLASS_FAULT].reopen_us = 60 * USEC_PER_SEC;
        kit_policy(&k);
        at(&k, 180);
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        resolve(&k, "w01", 1, "device_fault");
        at(&k, 4 * HOUR);
        about(&k, ACTION_SHELVE, "w01", "sos-101", 23.9);
        before = engine_open_count(k.engine);
        at(&k, DAY + 600);
        assert_true(engine_open_count(k.engine) >= before);
        for (uint64_t id = engine_next_open(k.engine, 0); id; id = engine_next_open(k.engine, id))
                assert_false(view(&k, id).device == kit_device(&k, "sos-101"));
        at(&k, 28 * HOUR);
        for (uint64_t id = engine_next_open(k.engine, 0); id; id = engine_next_open(k.engine, id))
                before += view(&k, id).device == kit_device(&k, "sos-101") ? 100 : 0;
        assert_true(before >= 100);
        kit_end(&k);
}

/* A level that stands is no news; resolved it is none either, but a lost device. */
static void test_garbage_after_it_was_resolved_is_no_news(void **state_)
{
        StatusEvent s = nothing_said();
        Kit k;

        with(&k);
        s.fault = true;
        status_says(&k, "sos-101", s);
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        resolve(&k, "w01", 1, "device_fault");
        status_says(&k, "sos-101", s);
        assert_int_equal(state(&k, 1), STATE_RESOLVED);
        {
                Event ev = {.type = EVENT_STATUS, .via = VIA_COAP, .hold = 9, .status = s};

                (void)str_copy(ev.source, CODE_SIZE, "sos-101");
                step(&k, &ev);
                assert_int_equal(newest(&k, EFFECT_RECEIPT)->receipt.result, RECEIPT_UNPARSED);
                ev.status = nothing_said();
                step(&k, &ev);
                assert_int_equal(newest(&k, EFFECT_RECEIPT)->receipt.result, RECEIPT_RECORDED);
                ev.via = VIA_DTLS;
                ev.status.worn = 0;
                ev.retained = true; /* what was, not what is */
                step(&k, &ev);
                assert_false(device(&k, "sos-101").not_worn);
        }
        kit_end(&k);
}

static void test_batteries(void **state_)
{
        StatusEvent s = nothing_said();
        Kit k;

        with(&k);
        s.battery = 120; /* percent of what? */
        status_says(&k, "sos-101", s);
        assert_int_equal(device(&k, "sos-101").battery, -1);
        s.battery = 100;
        status_says(&k, "sos-101", s);
        at(&k, 720 * DAY);
        s.battery = 94;
        status_says(&k, "sos-101", s);
        assert_int_equal(device(&k, "sos-101").battery_days, 10000); /* for ever, as far as a number goes */
        at(&k, 722 * DAY);
        s.battery = 20;
        status_says(&k, "sos-101", s);
        kit_end(&k);

        with(&k);
        s.battery = 100;
        status_says(&k, "sos-101", s);
        at(&k, 4 * DAY);
        s.battery = 60; /* ten a day: six days left, which is empty, whatever the percentage */
        status_says(&k, "sos-101", s);
        assert_int_equal(view(&k, newest_incident(&k)).why, REASON_BATTERY_EMPTY);
        kit_end(&k);
}

static void skewed(Kit *k, const char *code, double ahead)
{
        Event ev = {.type = EVENT_STATUS, .via = VIA_MQTT, .status = nothing_said()};

        (void)str_copy(ev.source, CODE_SIZE, code);
        ev.device_us = k->now.wall_us + (int64_t)(ahead * 1e6);
        step(k, &ev);
}

/* A clock that is wrong in either direction, three times in a row; and a signal that says nothing. */
static void test_clocks_and_signals(void **state_)
{
        StatusEvent s = nothing_said();
        Kit k;

        for (int way = -1; way <= 1; way += 2) {
                with(&k);
                for (int i = 0; i < 4; i++)
                        skewed(&k, "sos-101", way * 400);
                assert_int_equal(engine_open_count(k.engine), 1);
                assert_int_equal(view(&k, 1).why, REASON_SKEW);
                skewed(&k, "sos-101", way * 200);
                assert_int_equal(view(&k, 1).condition, CONDITION_CLEARED);
                kit_end(&k);
        }
        with(&k);
        k.unchecked_rows = true;
        k.now.trusted = false; /* whose clock is wrong, nobody knows */
        for (int i = 0; i < 4; i++)
                skewed(&k, "sos-101", 400);
        assert_int_equal(engine_open_count(k.engine), 0);
        s.rssi = 0;
        for (int i = 0; i < 4; i++)
                status_says(&k, "sos-101", s);
        s.rssi = -107; /* neither weak nor good: what was counted stands */
        status_says(&k, "sos-101", s);
        s.rssi = -112;
        for (int i = 0; i < 4; i++)
                status_says(&k, "sos-101", s);
        assert_int_equal(view(&k, 1).why, REASON_SIGNAL);
        kit_end(&k);
}

/* Heard by CoAP, a device is lost although the broker is away; heard by it, not. Readings alike. */
static void test_who_is_heard_while_the_broker_is_away(void **state_)
{
        Event ev = {.type = EVENT_SYSTEM, .system = {.cause = SYSTEM_BROKER, .raise = true}};
        Event beat = {.type = EVENT_STATUS, .via = VIA_COAP, .status = nothing_said()};
        Event data = {.type = EVENT_VITALS, .via = VIA_MQTT};
        Kit k;

        with(&k);
        k.policy.beat_us[DEVICE_BUTTON] = 60 * USEC_PER_SEC;
        k.policy.beat_us[DEVICE_SMOKE] = 600 * USEC_PER_SEC;
        kit_policy(&k);
        (void)str_copy(beat.source, CODE_SIZE, "sos-101");
        step(&k, &beat);
        beat.via = VIA_DTLS;
        (void)str_copy(beat.source, CODE_SIZE, "smoke-101");
        step(&k, &beat);
        (void)str_copy(data.source, CODE_SIZE, "band-101");
        data.vitals.has = 1u << VITAL_HR;
        data.vitals.value[VITAL_HR] = 70;
        step(&k, &data);
        data.vitals.has = 0; /* nothing was measured: a sign of life, no reading */
        step(&k, &data);
        at(&k, 30);
        (void)str_copy(data.source, CODE_SIZE, "pend-102a");
        data.via = VIA_COAP;
        data.vitals.has = 1u << VITAL_HR;
        step(&k, &data);
        step(&k, &ev); /* away */
        at(&k, 200);
        assert_true(device(&k, "sos-101").lost);
        assert_false(device(&k, "sos-102").lost);
        at(&k, 1000);
        assert_false(device(&k, "band-101").no_data); /* it may send, and nobody hears */
        assert_true(device(&k, "pend-102a").no_data);
        at(&k, 2500);
        assert_true(device(&k, "smoke-101").lost);
        ev.system.raise = false;
        step(&k, &ev); /* back */
        assert_true(device(&k, "sos-101").lost);
        at(&k, 2500 + 181);
        assert_true(device(&k, "sos-102").lost);
        kit_end(&k);
}

/* Taken from the registry, a device is nobody's any more: with notice, and before anybody has told the engine. */
static void test_a_device_that_is_taken_from_the_registry(void **state_)
{
        const char *code;
        Device *d;
        Kit k;

        with(&k);
        k.policy.beat_us[DEVICE_BUTTON] = 60 * USEC_PER_SEC;
        kit_policy(&k);
        d = &k.registry.devices[kit_device(&k, "sos-101")];
        code = d->code;
        d->code = NULL;
        kit_index(&k);
        at(&k, 400); /* it was due, and is gone */
        for (uint64_t id = engine_next_open(k.engine, 0); id; id = engine_next_open(k.engine, id))
                assert_string_not_equal(view(&k, id).source, "sos-101");
        roster_changed(&k);
        roster_changed(&k);
        d->code = code;
        kit_index(&k);
        roster_changed(&k);
        at(&k, 500); /* a new device, with an interval of its own */
        assert_false(device(&k, "sos-101").lost);
        at(&k, 600);
        assert_true(device(&k, "sos-101").lost);
        kit_end(&k);
}

/* Proof tests: of pendants too, not of wristbands, not by a clock that nobody trusts; one ticket, and another when it was closed. */
static void test_proof_tests_of_whom_and_when(void **state_)
{
        Kit k;

        with(&k);
        k.policy.proof_us = USEC_PER_HOUR;
        k.policy.classes[CLASS_BATTERY].reopen_us = USEC_PER_HOUR;
        kit_policy(&k);
        status(&k, "pend-102a");
        status(&k, "band-101");
        at(&k, 600);
        status(&k, "smoke-102");
        at(&k, HOUR + 1);
        assert_int_equal(view(&k, 1).why, REASON_PROOF);
        assert_true(device(&k, "pend-102a").proof_overdue);
        assert_false(device(&k, "band-101").proof_overdue);
        act(&k, ACTION_ACCEPT, "d01", 1);
        act(&k, ACTION_ARRIVED, "d01", 1);
        resolve(&k, "d01", 1, "helped");
        at(&k, HOUR + 601); /* another of the grid: the ticket that was just resolved is open again */
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        k.unchecked_rows = true;
        status(&k, "sos-102");
        k.now.trusted = false;
        status(&k, "gas-101");
        at(&k, 3 * HOUR);
        assert_false(device(&k, "gas-101").proof_overdue);
        kit_end(&k);
}

/* Marks as no engine writes them: a value of nothing ends it, and what cannot be is nothing. */
static void test_marks_that_say_nothing(void **state_)
{
        uint32_t id;
        Kit k;

        with(&k);
        id = kit_device(&k, "sos-101");
        for (int value = -1; value <= 101; value += 51) {
                MarkRow row = {.kind = MARK_BATTERY, .id = id, .value = value, .wall_us = k.now.wall_us};

                engine_restore_mark(k.engine, &row);
        }
        {
                const MarkRow rows_[] = {{.kind = MARK_LOST, .id = id, .value = 0, .wall_us = k.now.wall_us},
                        {.kind = MARK_SHELVED, .id = id, .value = 0, .wall_us = k.now.wall_us + 1000000000},
                        {.kind = MARK_BOX, .id = id, .value = 0, .wall_us = k.now.wall_us + 1000000},
                        {.kind = MARK_AWAY, .id = 1, .value = -1, .wall_us = k.now.wall_us + 1000000},
                        {.kind = MARK_AWAY, .id = 1, .value = AWAY_MAX, .wall_us = k.now.wall_us + 1000000},
                        {.kind = MARK_KIND_MAX, .id = id, .value = 1, .wall_us = k.now.wall_us},
                        {.kind = MARK_LOST, .id = 0, .value = 1}};

                for (unsigned i = 0; i < sizeof(rows_) / sizeof(rows_[0]); i++)
                        engine_restore_mark(k.engine, &rows_[i]);
        }
        press(&k, "sos-101", "1");
        assert_false(view(&k, 1).test);
        assert_int_equal(view(&k, 1).away, AWAY_HOME);
        assert_int_equal(device(&k, "sos-101").shelved_us, 0);
        assert_int_equal(rows(&k, JOURNAL_DEVICE), 0);
        kit_end(&k);
}

/* More boxes than there is room for: the next person is told, and an old one that is over makes room. */
static void test_boxes_are_sixteen_at_a_time(void **state_)
{
        static Device many[24];
        static char codes[24][16];
        Kit k;

        with(&k);
        for (int i = 1; i < 24; i++) {
                codes[i][0] = 'b';
                codes[i][1] = (char)('a' + i);
                many[i] = (Device){.code = codes[i], .class = DEVICE_BUTTON, .dwelling = 1};
        }
        k.registry.devices = many;
        k.registry.n_devices = 24;
        kit_index(&k);
        roster_changed(&k);
        for (int i = 1; i <= 16; i++) {
                about(&k, ACTION_TEST, "w01", codes[i], 0);
                expect_reply(&k, REPLY_OK, REASON_NONE);
        }
        about(&k, ACTION_TEST, "w01", codes[17], 0);
        expect_reply(&k, REPLY_REFUSED, REASON_SEVERAL);
        {
                MarkRow row = {.kind = MARK_BOX,
                        .id = 18,
                        .value = 1,
                        .worker = 1,
                        .wall_us = k.now.wall_us + 1000000};

                engine_restore_mark(
                        k.engine, &row); /* a seventeenth from the store: its press is in earnest */
                press(&k, codes[18], "1");
                assert_false(view(&k, 1).test);
        }
        at(&k, 901);
        about(&k, ACTION_TEST, "w01", codes[17], 0);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        press(&k, codes[17], "2");
        assert_int_equal(view(&k, 1).presses, 2); /* the matter that is open is in earnest */
        kit_remove_worker(&k, "w01");             /* the tester has left: nobody would confirm */
        about(&k, ACTION_TEST, "d01", codes[1], 0);
        kit_end(&k);
}

/* Who may say that a resident is away, and for how long. */
static void test_away_is_said_by_who_may_and_has_an_end(void **state_)
{
        static const struct {
                const char *worker, *target, *mode;
                double hours;
                Reason reason;
        } cases[] = {
                {"w01", "nobody", "away", 1, REASON_BAD_REQUEST},
                {"w01", "r101", "abroad", 1, REASON_BAD_REQUEST},
                {"w01", "r101", "away", 0, REASON_BAD_REQUEST},
                {"w01", "r101", "away", 24 * 400, REASON_BAD_REQUEST},
                {"w03", "r101", "away", 1, REASON_NOT_YOURS},
                {"f101", "r101", "away", 1, REASON_NOT_YOURS},
                {"w01", "r101", "hospital", 1, REASON_NONE},
                {"w01", "r101", "home", 0, REASON_NONE},
                {"w01", "r101", "away", 1, REASON_NONE},
        };
        Kit k;

        with(&k);
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                Event ev = action_of(ACTION_AWAY, cases[i].worker, 0, NULL);

                (void)str_copy(ev.action.target, CODE_SIZE, cases[i].target);
                (void)str_copy(ev.action.mode, WORD_SIZE, cases[i].mode);
                ev.action.span_us = (uint64_t)(cases[i].hours * HOUR * 1e6);
                step(&k, &ev);
                expect_reply(&k, cases[i].reason == REASON_NONE ? REPLY_OK : REPLY_REFUSED, cases[i].reason);
        }
        vitals(&k, "band-101", VITAL_HR, 190); /* neither help nor fire: nobody else is asked */
        vitals(&k, "band-101", VITAL_HR, 190);
        assert_int_equal(view(&k, 1).away, AWAY_OUT);
        about(&k, ACTION_SHELVE, "w01", "sos-101", 30);
        expect_reply(&k, REPLY_REFUSED, REASON_BAD_REQUEST);
        kit_end(&k);
}

/* A device with everything wrong that still beats: each thing is told once, and the old times of its heap pass by. */
static void test_a_device_with_everything_wrong_that_beats(void **state_)
{
        StatusEvent s = nothing_said();
        uint32_t open;
        Kit k;

        with(&k);
        k.policy.beat_us[DEVICE_PENDANT] = 600 * USEC_PER_SEC;
        k.policy.beat_us[DEVICE_BUTTON] = 600 * USEC_PER_SEC;
        k.policy.proof_us = 2 * USEC_PER_HOUR;
        kit_policy(&k);
        s.worn = s.mains = 0;
        vitals(&k, "pend-102a", VITAL_HR, 70);
        for (int i = 0; i < 40; i++) {
                status_says(&k, "pend-102a", s);
                status(&k, "sos-101");
                status(&k, "sos-102");
                status(&k, "sos-201");
                status(&k, "pend-102b");
                at(&k, 600 * (i + 1));
        }
        assert_true(device(&k, "pend-102a").not_worn);
        assert_true(device(&k, "pend-102a").proof_overdue);
        open = engine_open_count(k.engine);
        for (int i = 40; i < 60; i++) {
                alarm(&k, ALARM_CANCEL, "pend-102a",
                        NULL); /* a sign of life that says nothing of its state */
                status(&k, "sos-101");
                status(&k, "sos-102");
                status(&k, "sos-201");
                status(&k, "pend-102b");
                at(&k, 600 * (i + 1));
        }
        assert_int_equal(engine_open_count(k.engine), open);
        kit_end(&k);
}

/* Off its mains, where nobody asked for that to be told; and a shelf from a time that is over. */
static void test_what_the_policy_does_not_ask_for(void **state_)
{
        StatusEvent s = nothing_said();
        MarkRow row = {.kind = MARK_SHELVED, .value = 1};
        Kit k;

        with(&k);
        k.policy.mains_us = k.policy.not_worn_us = 0;
        k.policy.beat_us[DEVICE_BUTTON] = 60 * USEC_PER_SEC;
        kit_policy(&k);
        row.id = kit_device(&k, "sos-101");
        row.wall_us = k.now.wall_us - 1;
        engine_restore_mark(k.engine, &row);
        s.mains = s.worn = 0;
        s.tamper = 1;
        status_says(&k, "sos-101", s);
        assert_int_equal(
                view(&k, 1).kind, ALARM_TAMPER); /* the shelf is over, and nobody has cleared it yet */
        at(&k, 170);
        status_says(&k, "sos-101", s);
        at(&k, 240);
        for (uint64_t id = engine_next_open(k.engine, 0); id; id = engine_next_open(k.engine, id))
                assert_true(view(&k, id).why != REASON_MAINS && view(&k, id).why != REASON_NOT_WORN);
        kit_end(&k);
}

/* The shelf ends while its place is dark: the outage has it. */
static void test_a_shelf_that_ends_in_an_outage(void **state_)
{
        uint32_t areas = 0;
        Kit k;

        with(&k);
        for (unsigned c = 0; c < DEVICE_CLASS_MAX; c++)
                k.policy.beat_us[c] = 60 * USEC_PER_SEC;
        kit_policy(&k);
        status(&k, "sos-101");
        at(&k, 300); /* all are lost: an outage */
        about(&k, ACTION_SHELVE, "w01", "smoke-101", 0.1);
        at(&k, 900);
        for (uint64_t id = engine_next_open(k.engine, 0); id; id = engine_next_open(k.engine, id)) {
                areas += view(&k, id).area;
                assert_true(view(&k, id).device != kit_device(&k, "smoke-101"));
        }
        assert_true(areas > 0);
        kit_end(&k);
}

/* A number of the registry that is no device, and one that is silent, when the broker comes back. */
static void test_the_broker_comes_back_to_a_registry_with_a_hole(void **state_)
{
        Event ev = {.type = EVENT_SYSTEM, .system = {.cause = SYSTEM_BROKER, .raise = true}};
        const char *code;
        Device *d;
        Kit k;

        with(&k);
        k.policy.beat_us[DEVICE_BUTTON] = 60 * USEC_PER_SEC;
        kit_policy(&k);
        d = &k.registry.devices[kit_device(&k, "gas-101")];
        code = d->code;
        d->code = NULL;
        kit_index(&k);
        roster_changed(&k);
        at(&k, 200);
        step(&k, &ev);
        ev.system.raise = false;
        step(&k, &ev);
        assert_true(device(&k, "sos-101").lost);
        d->code = code;
        kit_end(&k);
}

/* A system matter that was resolved, and whose cause is told once more, is open again; a gap of the roster once a shift. */
static void test_causes_that_come_again(void **state_)
{
        Event ev = {.type = EVENT_SYSTEM, .system = {.cause = SYSTEM_CHANNEL, .raise = true}};
        Kit k;

        with(&k);
        step(&k, &ev);
        act(&k, ACTION_ACCEPT, "o01", 1);
        act(&k, ACTION_ARRIVED, "o01", 1);
        resolve(&k, "o01", 1, "helped");
        step(&k, &ev);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        press(&k, "sos-201", "1"); /* nobody is in tier 2 there */
        at(&k, 31);
        assert_int_equal(view(&k, 3).cause, SYSTEM_ROSTER);
        act(&k, ACTION_ACCEPT, "w03", 2);
        act(&k, ACTION_ARRIVED, "w03", 2);
        resolve(&k, "w03", 2, "helped");
        act(&k, ACTION_ACCEPT, "o01", 3);
        act(&k, ACTION_ARRIVED, "o01", 3);
        resolve(&k, "o01", 3, "helped");
        at(&k, 4 * HOUR);
        press(&k, "sos-201", "2");
        at(&k, 4 * HOUR + 31);
        assert_int_equal(newest_incident(&k), 4); /* told in this shift */
        act(&k, ACTION_ACCEPT, "w03", 4);
        act(&k, ACTION_ARRIVED, "w03", 4);
        resolve(&k, "w03", 4, "helped");
        at(&k, 9 * HOUR);
        press(&k, "sos-201", "3");
        at(&k, 9 * HOUR + 31);
        assert_int_equal(view(&k, newest_incident(&k)).cause, SYSTEM_ROSTER);
        kit_end(&k);
}

/* One thing is due while another waits for its own time. */
static void test_one_thing_is_due_before_another(void **state_)
{
        StatusEvent s = nothing_said();
        Kit k;

        with(&k);
        k.policy.mains_us = 5 * USEC_PER_SEC;
        kit_policy(&k);
        s.mains = 0;
        status_says(&k, "band-101", s);
        vitals(&k, "band-101", VITAL_HR, 122); /* slightly beyond: believed in half a minute */
        at(&k, 6);
        assert_int_equal(view(&k, 1).why, REASON_MAINS);
        kit_end(&k);

        with(&k);
        for (unsigned c = 0; c < DEVICE_CLASS_MAX; c++)
                k.policy.beat_us[c] = 60 * USEC_PER_SEC;
        k.policy.mains_us = 400 * USEC_PER_SEC;
        kit_policy(&k);
        status_says(&k, "smoke-101", s);
        at(&k, 401); /* part of an outage, and without mains */
        assert_true(device(&k, "smoke-101").in_area);
        kit_end(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_device_beyond_the_table),
                cmocka_unit_test(test_a_beat_of_years_is_none),
                cmocka_unit_test(test_faults_on_the_shelf),
                cmocka_unit_test(test_lost_on_the_shelf),
                cmocka_unit_test(test_garbage_after_it_was_resolved_is_no_news),
                cmocka_unit_test(test_batteries),
                cmocka_unit_test(test_clocks_and_signals),
                cmocka_unit_test(test_who_is_heard_while_the_broker_is_away),
                cmocka_unit_test(test_a_device_that_is_taken_from_the_registry),
                cmocka_unit_test(test_proof_tests_of_whom_and_when),
                cmocka_unit_test(test_marks_that_say_nothing),
                cmocka_unit_test(test_boxes_are_sixteen_at_a_time),
                cmocka_unit_test(test_away_is_said_by_who_may_and_has_an_end),
                cmocka_unit_test(test_a_device_with_everything_wrong_that_beats),
                cmocka_unit_test(test_what_the_policy_does_not_ask_for),
                cmocka_unit_test(test_a_shelf_that_ends_in_an_outage),
                cmocka_unit_test(test_the_broker_comes_back_to_a_registry_with_a_hole),
                cmocka_unit_test(test_causes_that_come_again),
                cmocka_unit_test(test_one_thing_is_due_before_another),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
