/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time, chance, the agenda, and the run of one seed.
 *
 * True time begins at 0 and only grows; what the box believes (boot clock, wall clock) is computed from it. A run has
 * world_days days of faults, then two days in which everybody helps, long enough for the slowest class.
 */
#include "tests/sim/sim.h"

#include "base/assert.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

World world;
double world_days = 7;

#define INSTANT_MAX 20000 /* steps in one microsecond */

typedef struct Entry {
        uint64_t due, order, arg;
        void (*fn)(uint64_t arg);
} Entry;

static Entry *agenda;
static size_t n_agenda, agenda_max;
static uint64_t agenda_order;

uint64_t rnd(unsigned stream)
{
        uint64_t z = (world.streams[stream] += 0x9E3779B97F4A7C15ull);

        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
        return z ^ (z >> 31);
}

double rnd_unit(unsigned stream)
{
        return (double)(rnd(stream) >> 11) / 9007199254740992.0;
}

bool chance(unsigned stream, double p)
{
        return rnd_unit(stream) < p;
}

uint64_t rnd_between(unsigned stream, uint64_t low, uint64_t high)
{
        ASSERT(low <= high);
        return low + rnd(stream) % (high - low + 1);
}

/* Clock: the functions of base/clock.h that the parts under test call. */

Now __wrap_clock_now(void);
Now __wrap_clock_now(void)
{
        int64_t drift = (int64_t)(world.now_us / 1000000) * world.drift_ppm;

        return (Now){.wall_us = (int64_t)world.now_us + world.wall_off_us + drift,
                .boot_us = world.now_us - world.boot_at_us + USEC_PER_SEC,
                .boot = world.boot,
                .trusted = world.trusted,
                .utc_s = 8 * 3600};
}

/* Agenda */

static bool entry_before(const Entry *a, const Entry *b)
{
        return a->due != b->due ? a->due < b->due : a->order < b->order;
}

void later(uint64_t after_us, void (*fn)(uint64_t arg), uint64_t arg)
{
        Entry e = {.due = world.now_us + after_us, .order = agenda_order++, .arg = arg, .fn = fn};
        size_t i;

        if (n_agenda == agenda_max) {
                agenda_max = agenda_max ? agenda_max * 2 : 1024;
                agenda = realloc(agenda, agenda_max * sizeof(Entry));
                ASSERT(agenda);
        }
        for (i = n_agenda++; i > 0 && entry_before(&e, &agenda[(i - 1) / 2]); i = (i - 1) / 2)
                agenda[i] = agenda[(i - 1) / 2];
        agenda[i] = e;
}

static Entry agenda_pop(void)
{
        Entry first = agenda[0], last = agenda[--n_agenda];
        size_t i = 0, c;

        while ((c = 2 * i + 1) < n_agenda) {
                if (c + 1 < n_agenda && entry_before(&agenda[c + 1], &agenda[c]))
                        c++;
                if (!entry_before(&agenda[c], &last))
                        break;
                agenda[i] = agenda[c];
                i = c;
        }
        agenda[i] = last;
        return first;
}

uint64_t number_in(const char *json, const char *member)
{
        const char *p = strstr(json, member);
        uint64_t n = 0;

        for (p = p ? p + strlen(member) : ""; *p >= '0' && *p <= '9'; p++)
                n = 10 * n + (uint64_t)(*p - '0');
        return n;
}

void trace(const char *fmt, ...)
{
        uint64_t s = world.now_us / USEC_PER_SEC;
        va_list ap;

        if (!world.trace)
                return;
        printf("%3llud %02llu:%02llu:%02llu.%03llu  ", (unsigned long long)(s / 86400),
                (unsigned long long)(s / 3600 % 24), (unsigned long long)(s / 60 % 60),
                (unsigned long long)(s % 60), (unsigned long long)(world.now_us / 1000 % 1000));
        va_start(ap, fmt);
        vprintf(fmt, ap);
        va_end(ap);
        putchar('\n');
}

void broken(const char *invariant, const char *fmt, ...)
{
        va_list ap;

        fflush(stdout);
        fprintf(stderr, "broken: %s\n  ", invariant);
        va_start(ap, fmt);
        vfprintf(stderr, fmt, ap);
        va_end(ap);
        fprintf(stderr, "\n");
        abort();
}

bool world_in_full(void)
{
        return world.by_hand || world.seed % 16 == 0;
}

void world_run_until(uint64_t end_us)
{
        static uint64_t instant_us, in_instant;

        /* A death anywhere below comes back to here; what the daemon held in memory is gone. */
        if (setjmp(world.death) != 0)
                daemon_die();
        while (n_agenda > 0 && agenda[0].due <= end_us) {
                Entry e = agenda_pop();

                ASSERT(e.due >= world.now_us);
                in_instant = e.due == instant_us ? in_instant + 1 : 0;
                instant_us = world.now_us = e.due;
                if (in_instant > INSTANT_MAX)
                        broken("I11: no step happens in zero time again and again", "at %llu us",
                                (unsigned long long)e.due);
                world.steps++;
                e.fn(e.arg);
        }
        world.now_us = end_us;
}

void world_begin(uint64_t seed)
{
        bool told = world.trace;

        world = (World){.seed = seed,
                .wall_off_us = WALL_START_US,
                .boot = 1,
                .incidents_max = 192,
                .trusted = true,
                .broker_up = true,
                .trace = told};
        for (unsigned i = 0; i < STREAM_MAX; i++) {
                world.streams[i] = seed * 0x2545F4914F6CDD1Dull + i * 0xD6E8FEB86659FD93ull + 1;
                (void)rnd(i);
        }
        n_agenda = 0;
        agenda_order = 0;
        places_build();
        disk_reset();
        invariants_begin();
}

void world_end(void)
{
        if (world.alive)
                daemon_die();
        disk_reset();
        n_agenda = 0;
}

static void faults_end(uint64_t arg)
{
        world.calm = true;
        world.calm_us = world.now_us;
        if (!world.broker_up) {
                world.broker_up = true;
                daemon_connected();
        }
        later(0, daemon_wake, 0);
        trace("the faults end: from here everybody helps");
}

void world_run(uint64_t seed)
{
        uint64_t faults_us = (uint64_t)(world_days * (double)USEC_PER_DAY);

        world_begin(seed);
        faults_draw();
        people_begin();
        later(0, daemon_wake, 0);
        later(faults_us, faults_end, 0);
        world_run_until(faults_us + 2 * USEC_PER_DAY);
        people_final_check();
        chain_verify();
        world_end();
}
