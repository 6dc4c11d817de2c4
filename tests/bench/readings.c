/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What readings cost: a day of wristbands that report five vitals, through the readings store as the store's thread has
 * it, flushed each quarter of an hour of that day.
 *
 *   bench-readings FOLDER [WRISTBANDS [HOURS [INTERVAL_S]]]
 *
 * Prints JSON: bytes of the file and CPU for each reading, memory of the open chunks (and of the last ten minutes that the
 * loop keeps), how long one person's day takes to read, how long the longest step is. The vitals are synthetic and not
 * kind: each person has a level, a day and a slow drift of his own, and each value its noise; beats jitter by a second.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "recent.h"
#include "store/readings.h"

#define SLOT_S 900
#define LOOKS  200u

static uint64_t seed = 88172645463325252ull;

static double uniform(void)
{
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return (double)(seed >> 11) / 9007199254740992.0;
}

static double normal(void)
{
        double sum = 0;

        for (unsigned i = 0; i < 6; i++) /* near enough: its tails are short */
                sum += uniform();
        return (sum - 3) * 1.414;
}

typedef struct Person {
        float level[VITAL_MAX], drift[VITAL_MAX];
        uint8_t phase;
} Person;

static const double levels[VITAL_MAX] = {72, 96, 132, 0, 36.5, 16},
                    spread[VITAL_MAX] = {9, 1, 12, 0, 0.25, 2};
static const double drifts[VITAL_MAX] = {3, 0.5, 5, 0, 0.1, 1}, noise[VITAL_MAX] = {2, 0.6, 3, 0, 0.06, 0.8};
static const double unit[VITAL_MAX] = {1, 1, 1, 1, 0.1, 1};

static void person_make(Person *p)
{
        for (unsigned v = 0; v < VITAL_MAX; v++)
                p->level[v] = (float)(levels[v] + spread[v] * normal());
        p->phase = (uint8_t)(uniform() * 30);
}

static void measure(Person *p, double hour, VitalsEvent *ret)
{
        *ret = (VitalsEvent){0};
        for (unsigned v = 0; v < VITAL_MAX; v++) {
                double day = v == VITAL_HR ? 8 * sin((hour - 10) / 12 * 3.14159265) : 0;

                if (v == VITAL_DIA)
                        continue;
                p->drift[v] = (float)(0.97 * p->drift[v] + 0.243 * drifts[v] * normal());
                ret->has |= 1u << v;
                ret->value[v] =
                        round((p->level[v] + day + p->drift[v] + noise[v] * normal()) / unit[v]) * unit[v];
        }
        ret->value[VITAL_SPO2] = fmin(ret->value[VITAL_SPO2], 100);
}

static long resident_kb(void)
{
        _cleanup_(fclosep) FILE *f = fopen("/proc/self/statm", "r");
        long all = 0, resident = 0;

        if (!f || fscanf(f, "%ld %ld", &all, &resident) != 2)
                return 0;
        return resident * 4;
}

static double cpu_s(void)
{
        struct rusage u;

        (void)getrusage(RUSAGE_SELF, &u); /* cannot fail */
        return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
               (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

typedef struct Result {
        uint64_t readings, steps;
        double flush_cpu, longest_ms, longest_cpu_ms;
        long open_kb, peak_kb;
} Result;

/* A quarter of an hour into memory, then into the file. */
static void slot(Readings *r, Recent *recent, Person *persons, uint32_t n, int64_t at, uint32_t interval,
        long base_kb, Now *now, Result *ret)
{
        for (uint32_t t = 0; t < SLOT_S; t += interval)
                for (uint32_t i = 0; i < n; i++) {
                        int64_t second = at + t + persons[i].phase % interval + (uniform() < 0.1);
                        VitalsEvent v;
                        ReadingRow row;

                        measure(&persons[i], (double)(second % 86400) / 3600, &v);
                        reading_row(&row, second * (int64_t)USEC_PER_SEC, &v);
                        readings_add(r, i + 1, i + 1, &row);
                        recent_add(recent, i + 1, second * (int64_t)USEC_PER_SEC,
                                second * (int64_t)USEC_PER_SEC, &v);
                        ret->readings += 5;
                }
        ret->open_kb = resident_kb() - base_kb > ret->open_kb ? resident_kb() - base_kb : ret->open_kb;
        ret->flush_cpu -= cpu_s();
        readings_flush(r);
        do {
                uint64_t begin = clock_now().boot_us;
                double ms, cpu = cpu_s();

                now->boot_us += USEC_PER_SEC;
                readings_run(r, *now);
                ms = (double)(clock_now().boot_us - begin) / 1000;
                ret->longest_ms = ms > ret->longest_ms ? ms : ret->longest_ms;
                cpu = (cpu_s() - cpu) * 1000;
                ret->longest_cpu_ms = cpu > ret->longest_cpu_ms ? cpu : ret->longest_cpu_ms;
                ret->steps++;
                ret->peak_kb =
                        resident_kb() - base_kb > ret->peak_kb ? resident_kb() - base_kb : ret->peak_kb;
        } while (!readings_settled(r));
        ret->flush_cpu += cpu_s();
        ASSERT(!readings_why(r));
}

static int by_value(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return x < y ? -1 : x > y;
}

/* One person's day, as the store's thread and a tool read it; median of many persons, warm. */
static double look_ms(const char *folder, uint32_t n, int64_t from_s, int64_t to_s, double *ret_worst,
        double *ret_cpu, uint64_t *ret_rows)
{
        double ms[LOOKS];

        *ret_cpu = -cpu_s();

        *ret_rows = 0;
        for (uint32_t i = 0; i < LOOKS; i++) {
                _cleanup_(freep) Series *s = series_new(from_s, to_s, 900);
                uint64_t begin = clock_now().boot_us;

                ASSERT(look_all(folder, 1 + (uint32_t)(uniform() * n), s) == 0);
                ms[i] = (double)(clock_now().boot_us - begin) / 1000;
                for (uint32_t k = 0; k < s->n_steps; k++)
                        *ret_rows += s->cells[k][VITAL_HR].n;
        }
        qsort(ms, LOOKS, sizeof(ms[0]), by_value);
        *ret_worst = ms[LOOKS * 99 / 100];
        *ret_cpu = (*ret_cpu + cpu_s()) * 1000 / LOOKS;
        *ret_rows /= LOOKS;
        return ms[LOOKS / 2];
}

int main(int argc, char **argv)
{
        uint32_t n = 10000, hours = 24, interval = 30;
        const int64_t day = 20785ll * 86400; /* 2026-11-28 */
        Result result = {0};
        Now now = clock_now();
        char path[600];
        struct stat st = {0};
        double median, worst, cpu;
        uint64_t rows;
        long base;

        if (argc < 2 || (argc > 2 && !parse_u32(argv[2], 100000, &n)) ||
                (argc > 3 && !parse_u32(argv[3], 24, &hours)) ||
                (argc > 4 && !parse_u32(argv[4], SLOT_S, &interval)))
                return 2;
        Person *persons = calloc(n, sizeof(Person));
        Recent *recent = recent_new();
        Readings *r = readings_new(argv[1], &(ReadingsConfig){15 * USEC_PER_MIN, 0, 0, 0});

        ASSERT(persons);
        for (uint32_t i = 0; i < n; i++)
                person_make(&persons[i]);
        base = resident_kb();
        for (uint32_t s = 0; s < hours * 4; s++)
                slot(r, recent, persons, n, day + (int64_t)s * SLOT_S, interval, base, &now, &result);
        readings_end(r, UINT64_MAX);
        readings_free(r);
        (void)snprintf(path, sizeof(path), "%s/readings/20261128.day", argv[1]); /* cut: is not found */
        ASSERT(stat(path, &st) == 0);
        median = look_ms(argv[1], n, day, day + 86400, &worst, &cpu, &rows);
        printf("{\"wristbands\":%u,\"hours\":%u,\"interval_s\":%u,\"readings\":%" PRIu64
               ",\"file_bytes\":%lld,"
               "\"file_bytes_per_reading\":%.3f,\"flush_cpu_ns_per_reading\":%.1f,\"steps\":%" PRIu64
               ",\"longest_step_ms\":%.1f,\"longest_step_cpu_ms\":%.1f,\"open_kb\":%ld,\"peak_kb\":%ld,"
               "\"day_of_one_ms\":%.2f,"
               "\"day_of_one_p99_ms\":%.2f,\"day_of_one_cpu_ms\":%.2f,\"rows_of_one\":%" PRIu64 "}\n",
                n, hours, interval, result.readings, (long long)st.st_size,
                (double)st.st_size / (double)result.readings,
                result.flush_cpu * 1e9 / (double)result.readings, result.steps, result.longest_ms,
                result.longest_cpu_ms, result.open_kb, result.peak_kb, median, worst, cpu, rows);
        recent_free(recent);
        free(persons);
        return 0;
}
