/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   sim SEED [DAYS] [FAULT…]            one run, quiet unless an invariant breaks
 *   sim --trace SEED [DAYS] [FAULT…]    the same run, told
 *   sim --shrink SEED [DAYS] [FAULT…]   a run that breaks, with as few faults as still break it
 *   sim --seeds FIRST N [DAYS]          N runs; one line of sums
 *   sim --soak SECONDS [FIRST]          runs until the time is over; figures at the end
 *
 * FAULT: KIND (all of this kind may happen) or KIND:N,N,… (only these); with any, only what is named happens.
 */
#include "tests/sim/sim.h"

#include "base/assert.h"
#include "base/parse.h"
#include "base/str.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FIRED_MAX 65536
#define SHRINK_S  60

static uint64_t seed_running;

/* A run in a process of its own, which may end it */

typedef struct Report {
        char why[200];
        uint64_t at_us;
        uint32_t n_fired;
        uint32_t fired[FIRED_MAX];
} Report;

static Report *report;

static double seconds(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void note_fault(FaultKind k, uint32_t n)
{
        if (report->n_fired < FIRED_MAX)
                report->fired[report->n_fired++] = (uint32_t)k << 24 | n;
        report->at_us = world.now_us;
}

/* True: it broke, for the reason given. */
static bool try_run(uint64_t seed)
{
        FILE *err = tmpfile();
        int status;
        pid_t pid;

        ASSERT(err);
        memset(report, 0, sizeof(*report));
        fflush(stdout);
        pid = fork();
        ASSERT(pid >= 0);
        if (pid == 0) {
                (void)dup2(fileno(err), 2);
                fault_listener = note_fault;
                world.trace = false;
                world_run(seed);
                _exit(0);
        }
        ASSERT(waitpid(pid, &status, 0) == pid);
        rewind(err);
        if (!fgets(report->why, sizeof(report->why), err))
                report->why[0] = '\0';
        (void)fclose(err);
        return !WIFEXITED(status);
}

static void choice_write(FILE *f)
{
        for (unsigned k = 0; k < FAULT_MAX; k++) {
                bool any = false;

                if (fault_choice.all[k])
                        fprintf(f, " %s", fault_word((FaultKind)k));
                for (size_t i = 0; i < fault_choice.n_only; i++)
                        if (fault_choice.only[i] >> 24 == k) {
                                if (any)
                                        fprintf(f, ",%u", fault_choice.only[i] & 0xffffff);
                                else
                                        fprintf(f, " %s:%u", fault_word((FaultKind)k),
                                                fault_choice.only[i] & 0xffffff);
                                any = true;
                        }
        }
        fputc('\n', f);
}

static void on_broken(void)
{
        fprintf(stderr, "  repeat with: sim --trace %" PRIu64 " %g", seed_running, world_days);
        if (fault_choice.named)
                choice_write(stderr);
        else
                fprintf(stderr, "\n  make it small: sim --shrink %" PRIu64 " %g\n", seed_running,
                        world_days);
}

/* An assertion of the program itself: its line has been written. */
static void on_abort(int signo)
{
        (void)signal(SIGABRT, SIG_DFL); /* cannot fail */
        on_broken();
        abort();
}

/* Shrinking */

static uint32_t kept[FIRED_MAX];
static size_t n_kept;
static char wanted[200];

static bool still_breaks(uint64_t seed)
{
        return try_run(seed) && strncmp(report->why, wanted, strcspn(wanted, "0123456789")) == 0;
}

static void only_set(const uint32_t *list, size_t n)
{
        fault_choice.named = true;
        memset(fault_choice.all, 0, sizeof(fault_choice.all));
        memcpy(fault_choice.only, list, n * sizeof(*list));
        fault_choice.n_only = n;
}

static void keep_fired(void)
{
        n_kept = report->n_fired;
        memcpy(kept, report->fired, n_kept * sizeof(*kept));
}

/* Leaves out [from, from + n): true when it still breaks, and that is kept. */
static bool without(uint64_t seed, size_t from, size_t n)
{
        static uint32_t list[FIRED_MAX];

        memcpy(list, kept, from * sizeof(*list));
        memcpy(list + from, kept + from + n, (n_kept - from - n) * sizeof(*list));
        only_set(list, n_kept - n);
        if (!still_breaks(seed))
                return false;
        keep_fired();
        return true;
}

static bool without_kind(uint64_t seed, FaultKind k)
{
        static uint32_t list[FIRED_MAX];
        size_t n = 0;

        for (size_t i = 0; i < n_kept; i++)
                if (kept[i] >> 24 != (uint32_t)k)
                        list[n++] = kept[i];
        if (n == n_kept)
                return false;
        only_set(list, n);
        if (!still_breaks(seed))
                return false;
        keep_fired();
        return true;
}

static int shrink(uint64_t seed)
{
        double end = seconds() + SHRINK_S;

        if (!try_run(seed)) {
                printf("seed %" PRIu64 " does not break\n", seed);
                return 1;
        }
        (void)str_copy(wanted, sizeof(wanted), report->why);
        keep_fired();
        printf("%s  %zu faults at first\n", wanted, n_kept);
        fault_choice.only = calloc(FIRED_MAX, sizeof(uint32_t));
        ASSERT(fault_choice.only);
        for (double d = 0.1; d < world_days; d *= 2) {
                double days = world_days;

                world_days = d;
                if (still_breaks(seed)) {
                        keep_fired();
                        break;
                }
                world_days = days;
        }
        for (unsigned k = 0; k < FAULT_MAX; k++)
                (void)without_kind(seed, (FaultKind)k);
        for (size_t size = (n_kept + 1) / 2; size > 0 && seconds() < end; size /= 2)
                for (size_t from = 0; from < n_kept && seconds() < end;) {
                        size_t n = size < n_kept - from ? size : n_kept - from;

                        if (!without(seed, from, n))
                                from += n;
                }
        only_set(kept, n_kept);
        printf("%zu faults are enough: sim --trace %" PRIu64 " %g", n_kept, seed, world_days);
        only_set(kept, n_kept);
        choice_write(stdout);
        return 0;
}

/* Many */

static World sum;

static void add(void)
{
        sum.steps += world.steps;
        sum.deaths += world.deaths;
        sum.presses += world.presses;
        sum.commits += world.commits;
        sum.alerts += world.alerts;
        sum.receipts += world.receipts;
        sum.accepts += world.accepts;
        sum.turns += world.turns;
        sum.compared += world.compared;
        sum.rows += world.rows;
        sum.faults += world.faults;
}

static void print_sums(uint64_t n)
{
        printf("%" PRIu64 " seeds, %.0f simulated days: %" PRIu64 " faults, %" PRIu64 " presses, %" PRIu64
               " alerts, %" PRIu64 " receipts, %" PRIu64 " acceptances, %" PRIu64 " turns, %" PRIu64
               " rows, %" PRIu64 " commits, %" PRIu64 " deaths; %" PRIu64
               " judgements of invariants, %" PRIu64 " times the restored state equalled the living one\n",
                n, (double)n * (world_days + 2), sum.faults, sum.presses, sum.alerts, sum.receipts,
                sum.accepts, sum.turns, sum.rows, sum.commits, sum.deaths, watch_checks(), sum.compared);
}

static void run_one(uint64_t seed)
{
        seed_running = seed;
        world_run(seed);
        add();
}

static void soak(uint64_t for_s, uint64_t first)
{
        double begin = seconds(), took;
        uint64_t n = 0;

        while (seconds() - begin < (double)for_s)
                run_one(first + n++);
        took = seconds() - begin;
        print_sums(n);
        watch_print();
        printf("%14" PRIu64 "  I6: what a restart would restore is what lives\n", sum.compared);
        printf("%14" PRIu64 "  the engine's own check, and nothing due left behind, after each turn\n",
                sum.turns);
        printf("%.1f simulated years an hour on one core\n",
                (double)n * (world_days + 2) / 365.25 / took * 3600);
}

static bool fault_argument(const char *arg)
{
        char word[32];
        size_t n = strcspn(arg, ":");
        FaultKind k;

        if (n >= sizeof(word))
                return false;
        (void)str_copyn(word, sizeof(word), arg, n); /* fits */
        if (!fault_parse(word, &k))
                return false;
        fault_choice.named = true;
        if (!arg[n]) {
                fault_choice.all[k] = true;
                return true;
        }
        for (const char *p = arg + n + 1; *p;) {
                char number[16];
                size_t digits = strcspn(p, ",");
                uint64_t value;

                if (digits == 0 || digits >= sizeof(number))
                        return false;
                (void)str_copyn(number, sizeof(number), p, digits); /* fits */
                if (!parse_u64(number, &value) || value > 0xffffff)
                        return false;
                fault_choice.only[fault_choice.n_only++] = (uint32_t)k << 24 | (uint32_t)value;
                p += digits + (p[digits] == ',');
        }
        return true;
}

static int usage(void)
{
        fputs("usage: sim [--trace|--shrink] SEED [DAYS] [FAULT…] | sim --seeds FIRST N [DAYS] | sim --soak "
              "SECONDS [FIRST]\n",
                stderr);
        return 2;
}

static bool is_option(int argc, char **argv, const char *option)
{
        return argc > 1 && str_equal(argv[1], option);
}

int main(int argc, char **argv)
{
        bool many = is_option(argc, argv, "--seeds"), small = is_option(argc, argv, "--shrink"),
             long_run = is_option(argc, argv, "--soak"), told = is_option(argc, argv, "--trace");
        int i = many || small || long_run || told ? 2 : 1;
        uint64_t first, n = 1;

        report = mmap(NULL, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        fault_choice.only = calloc(FIRED_MAX, sizeof(uint32_t));
        ASSERT(report != MAP_FAILED && fault_choice.only);
        if (i >= argc || !parse_u64(argv[i++], &first) || (many && (i >= argc || !parse_u64(argv[i++], &n))))
                return usage();
        if (long_run) {
                n = 1;
                if (i < argc && !parse_u64(argv[i], &n))
                        return usage();
                (void)signal(SIGABRT, on_abort); /* cannot fail */
                soak(first, n);
                return 0;
        }
        if (i < argc && parse_double(argv[i], &world_days))
                i++;
        for (; i < argc; i++)
                if (!fault_argument(argv[i]))
                        return usage();
        if (small)
                return shrink(first);
        (void)signal(SIGABRT, on_abort); /* cannot fail */
        world.trace = told;
        for (uint64_t s = first; s < first + n; s++)
                run_one(s);
        print_sums(n);
        free(fault_choice.only);
        return 0;
}
