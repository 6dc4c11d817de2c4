/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many alarms each set of rules raises on synthetic days of one person with a reading every 30 s: the table is
 * printed, and what a nurse would want of it is asserted. Run: tests/unit/unit-vitals-days in the build folder.
 *
 * An alarm is a call: a matter that is opened or opened again, called for once more, or raised to P2. "recorded" are
 * those of the last column that nobody was called for. "plain" is what a bare threshold would do: one alarm each time
 * a reading crosses a limit outwards. "nobody": nobody takes the matter; "nurse": she resolves each after 20 minutes.
 */
#include "engine-kit.h"

#include "base/str.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define READINGS 2880

typedef enum Day {
        DAY_NORMAL,
        DAY_FEVER,
        DAY_NOISE,
        DAY_STRAP,
        DAY_WORSE,
        DAY_SUDDEN,
        DAY_RAPID,
        DAY_MAX
} Day;

static const char *const names[DAY_MAX] = {"normal", "fever", "fibrillation-like", "loose strap",
        "deterioration", "sudden desaturation", "rapid, irregular"};

/* A generator of our own: the same days on every machine. -1 to 1. */
static double wobble(uint32_t *seed)
{
        *seed = *seed * 1664525u + 1013904223u;
        return (double)(*seed >> 8) / 8388608.0 - 1;
}

static VitalsEvent reading(Day day, unsigned i, uint32_t *seed)
{
        double hour = i / 120.0, hr = 74 + 8 * sin(hour / 24 * 6.283) + 4 * wobble(seed);
        double spo2 = 96.5 + wobble(seed), temp = 36.6 + 0.2 * wobble(seed), resp = 15 + 2 * wobble(seed);
        double ramp = hour < 10 ? 0 : hour > 16 ? 1 : (hour - 10) / 6;

        switch (day) {
        case DAY_NORMAL: break;
        case DAY_FEVER:
                temp += 2.3 * ramp;
                hr += 20 * ramp;
                break;
        case DAY_NOISE:
                if (hour > 8 && hour < 20)
                        hr += 22 + 26 * wobble(seed);
                break;
        case DAY_STRAP:
                if (i % 60 == 7) { /* one bad reading each half hour */
                        hr += 90;
                        spo2 -= 18;
                }
                break;
        case DAY_WORSE:
                hr += 42 * ramp;
                spo2 -= 6 * ramp;
                resp += 10 * ramp;
                temp += 1.4 * ramp;
                break;
        case DAY_SUDDEN:
                if (hour >= 14) {
                        spo2 -= 12;
                        hr += 20;
                }
                break;
        case DAY_RAPID:
                if (hour > 8 && hour < 20)
                        hr += 48 + 32 * wobble(seed);
                break;
        case DAY_MAX: break;
        }
        return (VitalsEvent){.has = 1u << VITAL_HR | 1u << VITAL_SPO2 | 1u << VITAL_TEMP | 1u << VITAL_RESP,
                .value = {[VITAL_HR] = round(hr),
                        [VITAL_SPO2] = fmin(100, round(spo2)),
                        [VITAL_TEMP] = round(temp * 10) / 10,
                        [VITAL_RESP] = round(resp)}};
}

typedef struct Tally {
        unsigned plain, calls, recorded;
        bool critical;
        double first_hour, critical_hour; /* of the first call; -1: none */
} Tally;

typedef struct Nurse {
        bool works;
        uint64_t incident;
        double due;
} Nurse;

static void nurse_works(Kit *k, Nurse *n, double t)
{
        uint64_t open = engine_next_open(k->engine, 0);

        if (!n->works || !open)
                return;
        if (open != n->incident) {
                n->incident = open;
                n->due = t + 20 * 60;
        } else if (t >= n->due) {
                resolve(k, "d01", open, "helped");
                n->incident = 0;
        }
}

static Tally live(Day day, bool rules, bool nurse)
{
        static const double min[] = {50, 92, 90, 50, 35.5}, max[] = {120, 200, 180, 110, 38.5};
        Tally t = {.first_hour = -1, .critical_hour = -1};
        Nurse n = {.works = nurse};
        bool was[5] = {false};
        uint32_t seed = 7;
        Kit k;

        kit_begin(&k);
        k.unchecked_rows = true; /* what is restored is proved elsewhere */
        k.policy.vital_score = k.policy.vital_rate = rules;
        kit_policy(&k);
        for (unsigned i = 0; i < READINGS; i++) {
                Event ev = {.type = EVENT_VITALS, .via = VIA_MQTT};
                unsigned calls;

                at(&k, 30.0 * (i + 1));
                nurse_works(&k, &n, 30.0 * (i + 1));
                forget(&k);
                (void)str_copy(ev.source, CODE_SIZE, "band-101");
                ev.vitals = reading(day, i, &seed);
                for (unsigned v = 0; v < 5; v++) {
                        double x = ev.vitals.value[v];
                        bool beyond = (ev.vitals.has & 1u << v) && (x < min[v] || x > max[v]);

                        t.plain += beyond && !was[v];
                        was[v] = beyond;
                }
                step(&k, &ev);
                calls = rows(&k, JOURNAL_OPENED) || rows(&k, JOURNAL_PRESSED) ||
                        rows(&k, JOURNAL_REOPENED) || rows(&k, JOURNAL_UPGRADED);
                t.calls += calls;
                t.recorded += rows(&k, JOURNAL_READING) && !calls;
                if (calls && t.first_hour < 0)
                        t.first_hour = i / 120.0;
                if (engine_open_count(k.engine) && view(&k, engine_next_open(k.engine, 0)).priority == 2 &&
                        !t.critical) {
                        t.critical = true;
                        t.critical_hour = i / 120.0;
                }
        }
        kit_end(&k);
        return t;
}

static void test_days(void **state_)
{
        Tally own[DAY_MAX], all[DAY_MAX], cared[DAY_MAX];

        printf("%-20s %6s | %10s | %10s %10s | %8s | %8s %8s\n", "", "plain", "own limits",
                "with NEWS2 and rate", "", "recorded", "first", "critical");
        printf("%-20s %6s | %10s | %10s %10s | %8s | %8s %8s\n", "day", "", "nobody", "nobody", "nurse",
                "nurse", "hour", "hour");
        for (Day d = 0; d < DAY_MAX; d++) {
                own[d] = live(d, false, false);
                all[d] = live(d, true, false);
                cared[d] = live(d, true, true);
                printf("%-20s %6u | %10u | %10u %10u | %8u | %8.2f %8.2f\n", names[d], all[d].plain,
                        own[d].calls, all[d].calls, cared[d].calls, cared[d].recorded, all[d].first_hour,
                        all[d].critical_hour);
        }
        assert_int_equal(all[DAY_NORMAL].calls + cared[DAY_NORMAL].calls, 0);
        assert_int_equal(all[DAY_STRAP].calls + cared[DAY_STRAP].calls, 0);
        assert_true(all[DAY_STRAP].plain >= 40);
        assert_in_range(own[DAY_FEVER].calls, 1, 3);
        assert_in_range(cared[DAY_FEVER].calls, 1, 4);
        assert_true(all[DAY_FEVER].first_hour < 15);
        assert_in_range(all[DAY_NOISE].calls, 1, 3);
        assert_in_range(cared[DAY_NOISE].calls, 1, 3);
        assert_true(cared[DAY_NOISE].recorded > 0);
        assert_true(all[DAY_WORSE].calls >= 1 && all[DAY_WORSE].critical);
        assert_true(all[DAY_WORSE].first_hour > 10 && all[DAY_WORSE].first_hour < 16);
        assert_in_range(all[DAY_RAPID].calls, 1, 6);
        assert_in_range(cared[DAY_RAPID].calls, 2, 6);
        assert_true(all[DAY_RAPID].critical && all[DAY_RAPID].critical_hour < 8.1);
        assert_true(cared[DAY_WORSE].critical && cared[DAY_WORSE].calls >= 2);
        assert_true(own[DAY_WORSE].first_hour < 0 || all[DAY_WORSE].first_hour <= own[DAY_WORSE].first_hour);
        assert_true(
                own[DAY_SUDDEN].critical && own[DAY_SUDDEN].critical_hour < 14.02); /* the second reading */
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_days)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
