/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time, chance, the agenda, and the run of one seed.
 *
 *   sim SEED [DAYS]            one run, quiet unless an invariant breaks
 *   sim --trace SEED [DAYS]    the same run, told
 *   sim --seeds FIRST N [DAYS] N runs; one line of sums
 */
#include "tests/sim/sim.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "base/str.h"

#include <stdarg.h>
#include <string.h>

World world;

typedef struct Entry {
        uint64_t due, order, arg;
        void (*fn)(uint64_t arg);
} Entry;

static Entry *agenda;
static size_t n_agenda, agenda_max;
static uint64_t agenda_order;
static double days = 2;

uint64_t rnd(void)
{
        uint64_t z = (world.rng += 0x9E3779B97F4A7C15ull);

        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
        return z ^ (z >> 31);
}

double rnd_unit(void)
{
        return (double)(rnd() >> 11) / 9007199254740992.0;
}

bool chance(double p)
{
        return p > 0 && rnd_unit() < p;
}

uint64_t rnd_between(uint64_t low, uint64_t high)
{
        ASSERT(low <= high);
        return low + rnd() % (high - low + 1);
}

/* Clock: the functions of base/clock.h that the parts under test call. */

Now __wrap_clock_now(void);
Now __wrap_clock_now(void)
{
        return (Now){.wall_us = (int64_t)world.now_us + world.wall_off_us,
                .boot_us = world.now_us - world.boot_at_us + USEC_PER_SEC,
                .boot = world.boot,
                .trusted = world.trusted};
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
        fprintf(stderr, "\n  repeat with: sim --trace %llu %g\n", (unsigned long long)world.seed, days);
        abort();
}

/* Each seed has its own mix of faults; some have none of a kind, some have much of it. */
static double dose(double most)
{
        uint64_t r = rnd() % 4;

        return r == 0 ? 0 : r == 1 ? most / 10 : r == 2 ? most / 3 : most;
}

static void draw_faults(void)
{
        world.faults = (Faults){.crash = dose(0.01),
                .crash_per_day = dose(60),
                .disk_slow = dose(0.3),
                .disk_hang = dose(0.01),
                .disk_fail = dose(0.01),
                .loss = dose(0.4),
                .reboot = dose(0.5),
                .broker_per_day = dose(10)};
}

static void death_by_time(uint64_t arg)
{
        if (world.calm)
                return;
        if (world.alive)
                daemon_die();
        later(rnd_between(1, (uint64_t)(2 * (double)USEC_PER_DAY / world.faults.crash_per_day)),
                death_by_time, 0);
}

static void broker_turns(uint64_t arg)
{
        if (world.calm)
                return;
        world.broker_up = !world.broker_up;
        trace("the broker is %s", world.broker_up ? "up" : "down");
        if (world.broker_up)
                daemon_connected();
        later(world.broker_up
                        ? rnd_between(1, (uint64_t)(2 * (double)USEC_PER_DAY / world.faults.broker_per_day))
                        : rnd_between(USEC_PER_SEC, 10 * USEC_PER_MIN),
                broker_turns, 0);
}

static void faults_end(uint64_t arg)
{
        world.calm = true;
        world.faults = (Faults){0};
        if (!world.broker_up) {
                world.broker_up = true;
                daemon_connected();
        }
        trace("the faults end: from here everybody is helped");
}

static void run_until(uint64_t end_us)
{
        /* A death anywhere below comes back to here; what the daemon held in memory is gone. */
        if (setjmp(world.death) != 0)
                daemon_die();
        while (n_agenda > 0 && agenda[0].due <= end_us) {
                Entry e = agenda_pop();

                ASSERT(e.due >= world.now_us);
                world.now_us = e.due;
                world.steps++;
                e.fn(e.arg);
        }
        world.now_us = end_us;
}

static void run(uint64_t seed)
{
        uint64_t faults_us = (uint64_t)(days * (double)USEC_PER_DAY);
        bool told = world.trace;

        world = (World){.seed = seed,
                .rng = seed * 0x2545F4914F6CDD1Dull + 1,
                .wall_off_us = 1790000000ll * 1000000,
                .boot = 1,
                .trusted = true,
                .broker_up = true,
                .trace = told};
        n_agenda = 0;
        agenda_order = 0;
        draw_faults();
        disk_reset();
        people_reset();
        later(0, daemon_wake, 0);
        if (world.faults.crash_per_day > 0)
                later(rnd_between(1, USEC_PER_DAY), death_by_time, 0);
        if (world.faults.broker_per_day > 0)
                later(rnd_between(1, USEC_PER_DAY), broker_turns, 0);
        later(faults_us, faults_end, 0);
        run_until(faults_us + 2 * USEC_PER_DAY); /* long enough for the slowest class to be answered */
        people_final_check();
        if (world.alive)
                daemon_die();
        disk_reset();
}

int main(int argc, char **argv)
{
        World sum = {0};
        uint64_t first = 1, n = 1;
        bool many = false;
        int i = 1;

        if (i < argc && str_equal(argv[i], "--trace")) {
                world.trace = true;
                i++;
        } else if (i < argc && str_equal(argv[i], "--seeds")) {
                many = true;
                i++;
        }
        if (i >= argc || !parse_u64(argv[i++], &first) ||
                (many && (i >= argc || !parse_u64(argv[i++], &n))) ||
                (i < argc && !parse_double(argv[i], &days))) {
                fputs("usage: sim [--trace] SEED [DAYS] | sim --seeds FIRST N [DAYS]\n", stderr);
                return 2;
        }
        for (uint64_t s = first; s < first + n; s++) {
                run(s);
                sum.steps += world.steps;
                sum.deaths += world.deaths;
                sum.presses += world.presses;
                sum.commits += world.commits;
                sum.alerts += world.alerts;
                sum.receipts += world.receipts;
                sum.accepts += world.accepts;
                sum.turns += world.turns;
                sum.compared += world.compared;
        }
        printf("%llu seeds, %.1f simulated days: %llu presses, %llu alerts, %llu receipts, %llu "
               "acceptances, "
               "%llu turns, %llu commits, %llu deaths, %llu times the restored state equalled the living "
               "one\n",
                (unsigned long long)n, (double)n * (days + 2), (unsigned long long)sum.presses,
                (unsigned long long)sum.alerts, (unsigned long long)sum.receipts,
                (unsigned long long)sum.accepts, (unsigned long long)sum.turns,
                (unsigned long long)sum.commits, (unsigned long long)sum.deaths,
                (unsigned long long)sum.compared);
        free(agenda);
        return 0;
}
