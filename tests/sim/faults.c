/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults by swarm: each seed draws how much it has of each kind, some none, some much.
 *
 * Each kind has a stream of its own, and each question "does it happen here?" has a number in it. So a run can be
 * repeated with fewer faults ("only crash:3 and broker:1"), and what is left happens as before: that is what the
 * shrinker does.
 */
#include "tests/sim/sim.h"

#include "base/assert.h"
#include "base/str.h"

#include <string.h>

FaultChoice fault_choice;
void (*fault_listener)(FaultKind, uint32_t occurrence);

static double doses[FAULT_MAX];
static uint32_t asked[FAULT_MAX];

static const char *const words[] = {"crash", "kill", "outage", "reboot", "no-clock", "clock-step",
        "disk-slow", "disk-hang", "disk-fail", "disk-anew", "disk-down", "loss", "twice", "broker", "signal",
        "sleep", "decline", "forget", "release", "odd", "off", "press", "more", "garbage", "reuse",
        "stranger", "flood", "vitals", "silent", "wander", "taken-off", "still"};

const char *fault_word(FaultKind k)
{
        _Static_assert(sizeof(words) / sizeof(words[0]) == FAULT_MAX, "a word for each kind");
        return k < FAULT_MAX ? words[k] : "";
}

bool fault_parse(const char *word, FaultKind *ret)
{
        for (unsigned k = 0; k < FAULT_MAX; k++)
                if (str_equal(words[k], word)) {
                        *ret = (FaultKind)k;
                        return true;
                }
        return false;
}

double fault_dose(FaultKind k)
{
        return doses[k];
}

static bool allowed(FaultKind k, uint32_t occurrence)
{
        if (!fault_choice.named || fault_choice.all[k])
                return true;
        for (size_t i = 0; i < fault_choice.n_only; i++)
                if (fault_choice.only[i] == ((uint32_t)k << 24 | occurrence))
                        return true;
        return false;
}

bool fault(FaultKind k, double p)
{
        uint32_t n;

        if (world.calm || doses[k] <= 0)
                return false;
        n = asked[k]++ & 0xffffff;
        if (rnd_unit(k) >= p * doses[k] || !allowed(k, n))
                return false;
        world.faults++;
        if (fault_listener)
                fault_listener(k, n);
        return true;
}

/* How often a day something is asked that happens at a time of its own. */
#define ASKED_PER_DAY 48

static void kill_maybe(uint64_t arg)
{
        if (fault(FAULT_KILL, 0.5) && world.alive) {
                trace("the daemon is killed");
                daemon_die();
        }
        if (!world.calm)
                later(rnd_between(FAULT_KILL, 1, 2 * USEC_PER_DAY / ASKED_PER_DAY), kill_maybe, 0);
}

static void broker_back(uint64_t arg)
{
        if (world.broker_up)
                return;
        world.broker_up = true;
        trace("the broker is back");
        daemon_connected();
}

static void broker_maybe(uint64_t arg)
{
        uint64_t away = rnd_between(FAULT_BROKER, USEC_PER_SEC, 10 * USEC_PER_MIN);

        if (fault(FAULT_BROKER, 0.25) && world.broker_up) {
                world.broker_up = false;
                trace("the broker is away");
                daemon_broker_gone();
                later(away, broker_back, 0);
        }
        if (!world.calm)
                later(rnd_between(FAULT_BROKER, 1, 2 * USEC_PER_DAY / ASKED_PER_DAY), broker_maybe, 0);
}

static void clock_right(uint64_t arg)
{
        world.wall_off_us = WALL_START_US;
        world.drift_ppm = 0;
        world.trusted = true;
        trace("the wall clock is put right");
        daemon_clock_stepped();
}

static void clock_maybe(uint64_t arg)
{
        static const int64_t sizes[] = {5, 61, 3600, 86400, 30 * 86400, 3650ll * 86400};
        int64_t by = sizes[rnd(FAULT_CLOCK_STEP) % 6] * (chance(FAULT_CLOCK_STEP, 0.5) ? 1 : -1) * 1000000;
        uint64_t wrong = rnd_between(FAULT_CLOCK_STEP, USEC_PER_SEC, 6 * USEC_PER_HOUR);
        int64_t ppm = (int64_t)rnd_between(FAULT_CLOCK_STEP, 0, 400) - 200;

        if (!world.calm)
                later(rnd_between(FAULT_CLOCK_STEP, 1, 2 * USEC_PER_DAY / ASKED_PER_DAY), clock_maybe, 0);
        if (fault(FAULT_CLOCK_STEP, 0.1)) {
                world.clocks_wrong = true;
                world.wall_off_us += by;
                world.drift_ppm = ppm;
                trace("the wall clock jumps by %lld s", (long long)(by / 1000000));
                later(wrong, clock_right, 0);
                daemon_clock_stepped(); /* last: it may die of it */
        }
}

void daemon_restart(uint64_t after_us, bool reboot, bool no_clock)
{
        if (reboot) {
                world.boot++;
                world.boot_at_us = world.now_us;
                world.drift_ppm = 0;
                world.trusted = !no_clock;
                world.wall_off_us = no_clock ? -(int64_t)world.now_us : WALL_START_US;
                if (no_clock) {
                        world.clocks_wrong = true;
                        later(rnd_between(FAULT_NO_CLOCK, USEC_PER_SEC, 8 * USEC_PER_HOUR), clock_right, 0);
                }
                trace("the box starts anew%s", no_clock ? ", without its clock" : "");
        }
        later(after_us, daemon_wake, 0);
}

void faults_draw(void)
{
        static const double steps[] = {0, 0, 0.1, 0.35, 1};

        memset(asked, 0, sizeof(asked));
        for (unsigned k = 0; k < FAULT_MAX; k++)
                doses[k] = steps[rnd(STREAM_WORLD) % 5];
        doses[FAULT_PRESS] = 1;
        doses[FAULT_MORE] = 1;
        if (doses[FAULT_FLOOD] < 1)
                doses[FAULT_FLOOD] = 0;
        world.incidents_max = rnd(STREAM_WORLD) % 8 == 0 ? 4 : 192;
        if (world.incidents_max < 64)
                doses[FAULT_DISK_DOWN] = 0; /* two tables do not fit into one: no gateway is that small */
        if (doses[FAULT_KILL] > 0)
                later(rnd_between(FAULT_KILL, 1, USEC_PER_HOUR), kill_maybe, 0);
        if (doses[FAULT_BROKER] > 0)
                later(rnd_between(FAULT_BROKER, 1, USEC_PER_HOUR), broker_maybe, 0);
        if (doses[FAULT_CLOCK_STEP] > 0)
                later(rnd_between(FAULT_CLOCK_STEP, 1, USEC_PER_HOUR), clock_maybe, 0);
}
