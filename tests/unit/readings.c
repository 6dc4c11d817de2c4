/* SPDX-License-Identifier: Apache-2.0 */
/* Readings: the codec there and back, a torn tail, damage, midnight and clocks that step back, retention, quota, hourly
 * figures, erasure. Without threads: the steps of the store's thread are taken by hand. */
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/readings.h"
#include "tests/lib/unit.h"

#define NOON 1795867200 /* 2026-11-28, UTC */

static char folder[64];
static uint32_t random_state;

static uint32_t rnd(uint32_t below)
{
        random_state = random_state * 1664525u + 1013904223u;
        return (random_state >> 8) % below;
}

static int setup(void **state)
{
        (void)snprintf(folder, sizeof(folder), "/tmp/hy-readings-XXXXXX");
        random_state = 7;
        return mkdtemp(folder) ? 0 : -1;
}

static const char *path_of(const char *name)
{
        static char path[400];

        (void)snprintf(path, sizeof(path), "%s/readings/%s", folder, name);
        return path;
}

static int teardown(void **state)
{
        char path[128];
        DIR *dir;

        (void)snprintf(path, sizeof(path), "%s/readings", folder);
        dir = opendir(path);
        for (struct dirent *e; dir && (e = readdir(dir));)
                if (e->d_name[0] != '.')
                        (void)unlink(path_of(e->d_name));
        if (dir)
                closedir(dir);
        (void)rmdir(path);
        return rmdir(folder);
}

static bool exists(const char *name)
{
        return access(path_of(name), F_OK) == 0;
}

static off_t size_of(const char *name)
{
        struct stat st;

        return stat(path_of(name), &st) == 0 ? st.st_size : -1;
}

static int64_t day_start(void)
{
        return (int64_t)NOON / SECONDS_PER_DAY * SECONDS_PER_DAY;
}

static ReadingRow row_of(int64_t t_s, double hr, double temp)
{
        VitalsEvent v = {.has = 1u << VITAL_HR | 1u << VITAL_TEMP};
        ReadingRow row;

        v.value[VITAL_HR] = hr;
        v.value[VITAL_TEMP] = temp;
        reading_row(&row, t_s * (int64_t)USEC_PER_SEC, &v);
        return row;
}

/* Codec */

typedef struct Got {
        ReadingRow rows[BLOCK_CHUNKS_MAX * 64];
        uint32_t residents[BLOCK_CHUNKS_MAX * 64], devices[BLOCK_CHUNKS_MAX * 64];
        uint32_t n, stop;
} Got;

static bool got_row(void *userdata, uint32_t resident, uint32_t device, const ReadingRow *row)
{
        Got *g = userdata;

        assert_true(g->n < sizeof(g->rows) / sizeof(g->rows[0]));
        g->residents[g->n] = resident;
        g->devices[g->n] = device;
        g->rows[g->n++] = *row;
        return g->n != g->stop;
}

/* Anything that a device may say, and times that go anywhere. */
static ReadingRow any_row(int64_t *t)
{
        ReadingRow row = {.has = rnd(1u << VITAL_MAX)};

        *t += rnd(4) ? 30 : (int64_t)rnd(4000) - 2000;
        row.t_s = *t;
        for (unsigned v = 0; v < VITAL_MAX; v++)
                if (row.has & 1u << v)
                        row.tenths[v] = (int16_t)(v % 2 ? (int)rnd(65535) - TENTHS_MAX : (int)rnd(300) * 10);
        return row;
}

static void same_row(const ReadingRow *a, const ReadingRow *b)
{
        assert_int_equal(a->t_s, b->t_s);
        assert_int_equal(a->has, b->has);
        for (unsigned v = 0; v < VITAL_MAX; v++)
                if (a->has & 1u << v)
                        assert_int_equal(a->tenths[v], b->tenths[v]);
}

static void test_round_trip(void **state)
{
        BlockCoder *k = block_coder_new();

        for (unsigned round = 0; round < 200; round++) {
                Chunk *chunks[BLOCK_CHUNKS_MAX];
                static Got want, got;
                uint32_t n = 1 + rnd(BLOCK_CHUNKS_MAX), raw_size, fill;
                uint32_t resident = rnd(5);
                const uint8_t *bytes;
                size_t size;

                want.n = got.n = got.stop = 0;
                for (uint32_t i = 0; i < n; i++) {
                        int64_t t = NOON + (int64_t)rnd(100000) - 50000;

                        chunks[i] = chunk_new(resident += rnd(3), rnd(100000));
                        for (uint32_t r = 1 + rnd(40); r > 0; r--) {
                                ReadingRow row = any_row(&t);

                                assert_true(chunk_add(chunks[i], &row));
                                (void)got_row(&want, chunks[i]->resident, chunks[i]->device, &row);
                        }
                }
                fill = block_fill(chunks, n);
                assert_int_equal(fill, n);
                size = block_encode(k, chunks, n, &bytes, &raw_size);
                assert_true(block_decode(k, bytes, size, raw_size, UINT32_MAX, got_row, &got));
                assert_int_equal(got.n, want.n);
                for (uint32_t i = 0; i < want.n; i++) {
                        assert_int_equal(got.residents[i], want.residents[i]);
                        assert_int_equal(got.devices[i], want.devices[i]);
                        same_row(&got.rows[i], &want.rows[i]);
                }
                /* One of them alone; stepping over the others must not disturb it. */
                resident = chunks[rnd(n)]->resident;
                got.n = 0;
                assert_true(block_decode(k, bytes, size, raw_size, resident, got_row, &got));
                for (uint32_t i = 0, at = 0; i < want.n; i++)
                        if (want.residents[i] == resident) {
                                assert_true(at < got.n);
                                same_row(&got.rows[at++], &want.rows[i]);
                        }
                got.n = 0;
                got.stop = 1;
                assert_true(block_decode(k, bytes, size, raw_size, UINT32_MAX, got_row, &got));
                assert_int_equal(got.n, 1);
                assert_false(block_decode(k, bytes, size - 1, raw_size, UINT32_MAX, got_row, &got));
                assert_false(block_decode(k, bytes, size, raw_size + 1, UINT32_MAX, got_row, &got));
                for (uint32_t i = 0; i < n; i++)
                        chunk_free(chunks[i]);
        }
        block_coder_free(k);
}

static void test_values(void **state)
{
        VitalsEvent v = {.has = (1u << VITAL_MAX) - 1, .value = {72.04, 97.5, 1e300, -4000, NAN, 0}};
        ReadingRow row;
        Chunk *c = chunk_new(1, 1);
        uint32_t n = 0;

        reading_row(&row, -1, &v);
        assert_int_equal(row.t_s, -1);
        assert_int_equal(row.has, 1u << VITAL_HR | 1u << VITAL_SPO2 | 1u << VITAL_RESP);
        assert_int_equal(row.tenths[VITAL_HR], 720);
        assert_int_equal(row.tenths[VITAL_SPO2], 975);
        while (chunk_add(c, &row))
                n++;
        assert_int_equal(n, c->n_rows);
        assert_true(n >= 500 && n <= CHUNK_ROWS_MAX && c->n_bytes <= CHUNK_BYTES_MAX);
        chunk_free(c);
        /* RFC 3720, B.4 */
        assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u);
        assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283u);
}

/* The steps of the thread, until nothing is due at once; without its pauses. */
static void steps(Readings *r, Now now)
{
        for (unsigned i = 0; i < 200; i++) {
                now.boot_us += USEC_PER_SEC;
                readings_run(r, now);
                if (readings_due(r) > now.boot_us)
                        return;
        }
        fail_msg("there is no end to it");
}

static void write_now(Readings *r)
{
        Now now = clock_now();

        readings_flush(r);
        do {
                now.boot_us += USEC_PER_SEC;
                readings_run(r, now);
        } while (!readings_settled(r) && !readings_why(r));
        assert_null(readings_why(r));
}

static Series *look(Readings *r, uint32_t resident, int64_t from_s, int64_t to_s, uint32_t step_s)
{
        Series *s = series_new(from_s, to_s, step_s);
        ReadingsLook l;

        readings_look(r, &l, resident, s);
        while (look_step(&l, readings_coder(r)))
                ;
        look_end(&l);
        return s;
}

static uint32_t count(Readings *r, uint32_t resident)
{
        Series *s = look(
                r, resident, day_start() - 5 * SECONDS_PER_DAY, day_start() + 5 * SECONDS_PER_DAY, 3600);
        uint32_t n = 0;

        for (uint32_t i = 0; i < s->n_steps; i++)
                n += s->cells[i][VITAL_HR].n;
        free(s);
        return n;
}

static Readings *open_readings(uint64_t keep_us, uint64_t quota)
{
        return readings_new(
                folder, &(ReadingsConfig){15 * USEC_PER_MIN, keep_us, 400 * USEC_PER_DAY, quota});
}

static void fill(Readings *r, uint32_t persons, int64_t from_s, uint32_t rows)
{
        for (uint32_t i = 0; i < rows; i++)
                for (uint32_t p = 1; p <= persons; p++) {
                        ReadingRow row = row_of(from_s + i * 30, 60 + p % 40 + rnd(5), 36 + rnd(10) / 10.0);

                        readings_add(r, p, p, &row);
                }
}

/* Memory and file are one, before, while and after it is written. */
static void test_look(void **state)
{
        Readings *r = open_readings(0, 0);
        Series *s;

        fill(r, 100, NOON, 30);
        assert_int_equal(count(r, 7), 30);
        readings_flush(r);
        for (unsigned i = 0; i < 100 && !readings_settled(r); i++) {
                (void)usleep(1000);
                readings_run(r, clock_now());
                assert_int_equal(count(r, 7), 30);
                assert_int_equal(count(r, 101), 0);
        }
        assert_true(readings_settled(r));
        fill(r, 100, NOON + 900, 30);
        assert_int_equal(count(r, 100), 60);
        s = look(r, 7, NOON, NOON + 1800, 900);
        assert_int_equal(s->n_steps, 2);
        assert_int_equal(s->cells[0][VITAL_HR].n, 30);
        assert_in_range(s->cells[1][VITAL_HR].min, 670, 671);
        assert_true(s->cells[0][VITAL_HR].min <= s->cells[0][VITAL_HR].sum / 30);
        assert_int_equal(s->cells[0][VITAL_SPO2].n, 0);
        free(s);
        readings_end(r, UINT64_MAX);
        assert_int_equal(count(r, 7), 60);
        readings_free(r);
        r = open_readings(0, 0);
        assert_int_equal(count(r, 7), 60);
        readings_free(r);
}

/* A chunk ends at midnight (UTC), also when time goes back over it; two people of one device never share one. */
static void test_midnight(void **state)
{
        Readings *r = open_readings(0, 0);
        static const int64_t at[] = {-60, -30, 0, 30, -45, 60, -90000, 90};

        for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
                ReadingRow row = row_of(day_start() + at[i], 70, 36.6);

                readings_add(r, 1, 9, &row);
                readings_add(r, 2, 9, &row);
        }
        assert_int_equal(count(r, 1), 8);
        write_now(r);
        assert_int_equal(count(r, 1), 8);
        assert_int_equal(count(r, 2), 8);
        assert_true(exists("20261126.day") && exists("20261127.day") && exists("20261128.day"));
        readings_free(r);
}

/* What a crash leaves at the end is cut at the next opening; what was flushed stays, and is gone on from. */
static void test_torn_tail(void **state)
{
        Readings *r = open_readings(0, 0);
        off_t one, two;

        fill(r, 40, NOON, 30);
        write_now(r);
        one = size_of("20261128.day");
        fill(r, 40, NOON + 900, 30);
        write_now(r);
        two = size_of("20261128.day");
        readings_free(r);
        for (off_t cut = one; cut < two; cut += 97) { /* cut anywhere in the second segment, then one more */
                char bytes[8192] = {0};
                int fd = open(path_of("20261128.day"), O_RDWR);
                ssize_t n = pread(fd, bytes, sizeof(bytes), one);

                assert_int_equal(n, two - one);
                assert_int_equal(ftruncate(fd, cut), 0);
                r = open_readings(0, 0);
                assert_int_equal(count(r, 7), 30);
                fill(r, 40, NOON + 1800, 1);
                write_now(r);
                assert_int_equal(count(r, 7), 31);
                assert_true(size_of("20261128.day") > one);
                readings_free(r);
                assert_int_equal(ftruncate(fd, one), 0);
                assert_int_equal(pwrite(fd, bytes, (size_t)n, one), n);
                close(fd);
        }
        /* A head whose blocks the disk never wrote. */
        {
                int fd = open(path_of("20261128.day"), O_RDWR);

                assert_int_equal(pwrite(fd, "xxxx", 4, two - 4), 4);
                r = open_readings(0, 0);
                fill(r, 40, NOON + 1800, 1);
                write_now(r);
                assert_int_equal(count(r, 7), 31);
                readings_free(r);
                close(fd);
        }
}

/* Damage in the middle costs what it hit. */
static void test_damage(void **state)
{
        Readings *r = open_readings(0, 0);
        off_t one;
        int fd;

        fill(r, 40, NOON, 30);
        write_now(r);
        one = size_of("20261128.day");
        for (unsigned i = 1; i < 4; i++) {
                fill(r, 40, NOON + i * 900, 30);
                write_now(r);
        }
        readings_free(r);
        fd = open(path_of("20261128.day"), O_RDWR);
        assert_int_equal(pwrite(fd, "????", 4, one + 2), 4);
        close(fd);
        r = open_readings(0, 0);
        assert_int_equal(count(r, 7), 90);
        fill(r, 40, NOON + 9000, 30);
        write_now(r);
        assert_int_equal(count(r, 7), 120);
        readings_free(r);
}

static Now at_day(int64_t days, int64_t seconds)
{
        Now now = clock_now();

        now.trusted = true;
        now.wall_us = (day_start() + days * SECONDS_PER_DAY + seconds) * (int64_t)USEC_PER_SEC;
        return now;
}

/* Lets the look at the files come, an hour later each time, and all that it begins end. */
static void keep(Readings *r, Now now)
{
        static uint64_t later;

        later += 2 * USEC_PER_HOUR;
        now.boot_us = clock_now().boot_us + later;
        for (unsigned i = 0; i < 1000; i++) {
                readings_run(r, now);
                if (readings_due(r) > now.boot_us)
                        return;
        }
        fail_msg("there is no end to it");
}

static void test_hours_and_retention(void **state)
{
        Readings *r = open_readings(2 * USEC_PER_DAY, 0);
        StoreRemoved gone;
        Series *before, *after;

        for (unsigned i = 0; i < 600; i += 100) { /* persons in three passes, in no order */
                ReadingRow row = row_of(day_start() + 3600 * (i / 100) + 5, 60 + i / 10.0, 36.5);

                readings_add(r, i + 1, 600 - i, &row);
        }
        fill(r, 1, day_start() + 3600, 120);
        write_now(r);
        keep(r, at_day(1, 3600)); /* not yet: readings come late */
        assert_false(exists("20261128.hours"));
        readings_free(r);
        r = open_readings(2 * USEC_PER_DAY, 0);
        before = look(r, 1, day_start(), day_start() + SECONDS_PER_DAY, 3600);
        keep(r, at_day(1, 8000));
        assert_true(exists("20261128.hours") && exists("20261128.day") && !exists("20261128.new"));
        assert_false(readings_removed(r, &gone));
        keep(r, at_day(3, 1));
        assert_false(exists("20261128.day"));
        assert_true(exists("20261128.hours"));
        assert_true(readings_removed(r, &gone));
        assert_int_equal(gone.date, 20261128);
        assert_true(!gone.hours && !gone.quota && gone.bytes > 0);
        after = look(r, 1, day_start(), day_start() + SECONDS_PER_DAY, 3600);
        assert_true(after->hours && !before->hours);
        for (unsigned i = 0; i < 24; i++) {
                const SeriesCell *a = &before->cells[i][VITAL_HR], *b = &after->cells[i][VITAL_HR];

                assert_int_equal(a->n, b->n);
                if (a->n == 0)
                        continue;
                assert_int_equal(a->min, b->min);
                assert_int_equal(a->max, b->max);
                assert_true(llabs(a->sum - b->sum) <= a->n);
        }
        free(before);
        free(after);
        before = look(r, 501, day_start(), day_start() + SECONDS_PER_DAY, 86400);
        assert_int_equal(before->cells[0][VITAL_HR].n, 1);
        assert_int_equal(before->cells[0][VITAL_HR].max, 1100);
        free(before);
        keep(r, at_day(402, 1));
        assert_false(exists("20261128.hours"));
        readings_free(r);
}

/* While the clock is not trusted nothing is too old; the quota counts all the same, oldest first, and today's stays. */
static void test_quota(void **state)
{
        Readings *r = open_readings(USEC_PER_DAY, 14000);
        StoreRemoved gone;
        Now now;

        for (int day = -3; day <= 0; day++)
                fill(r, 40, day_start() + day * SECONDS_PER_DAY + 600, 30);
        write_now(r);
        assert_true(exists("20261125.day"));
        now = at_day(0, 3600);
        now.trusted = false;
        keep(r, now);
        assert_false(exists("20261125.day"));
        assert_true(exists("20261128.day"));
        assert_true(readings_removed(r, &gone) && gone.quota && gone.date == 20261125);
        readings_free(r);
        r = open_readings(USEC_PER_DAY, 3000); /* less than one day */
        keep(r, at_day(0, 3600));
        assert_true(exists("20261128.day") && !exists("20261127.day"));
        assert_non_null(readings_why(r));
        fill(r, 40, NOON + 9000, 30);
        readings_end(r, UINT64_MAX);
        assert_int_equal(readings_dropped(r), 40 * 30);
        readings_free(r);
}

static bool holds(const char *name, uint32_t resident)
{
        DayFile f;
        DayKind kind;
        int32_t day;
        uint64_t offset = 0;
        Segment s;
        bool found = false;
        BlockCoder *k = block_coder_new();
        int dir;
        char path[128];

        (void)snprintf(path, sizeof(path), "%s/readings", folder);
        dir = open(path, O_RDONLY | O_DIRECTORY);
        assert_true(day_file_parse(name, &day, &kind));
        assert_int_equal(day_open_read(&f, dir, day, kind), 0);
        while (day_next(&f, &offset, &s)) {
                DayBlock *blocks = calloc(s.n_blocks, sizeof(DayBlock));
                uint8_t *bytes = malloc(BLOCK_BYTES_MAX);

                assert_true(day_blocks(&f, &s, blocks));
                for (uint32_t i = 0; i < s.n_blocks; i++) {
                        static Got got;

                        got.n = got.stop = 0;
                        if (day_block(&f, &blocks[i], bytes, BLOCK_BYTES_MAX))
                                assert_true(block_decode(k, bytes, blocks[i].size, blocks[i].raw_size,
                                        resident, got_row, &got));
                        found |= got.n > 0;
                }
                free(blocks);
                free(bytes);
        }
        day_close(&f);
        close(dir);
        block_coder_free(k);
        return found;
}

/* Nothing of him is left, anywhere; the others are as they were. */
static void test_erase(void **state)
{
        Readings *r = open_readings(30 * USEC_PER_DAY, 0);
        uint32_t resident = 0;

        for (int day = -1; day <= 0; day++) {
                fill(r, 100, day_start() + day * SECONDS_PER_DAY + 600, 30);
                write_now(r);
                fill(r, 100, day_start() + day * SECONDS_PER_DAY + 1800, 30);
                write_now(r);
        }
        keep(r, at_day(1, 8000));
        assert_true(exists("20261127.hours") && exists("20261128.hours"));
        fill(r, 100, NOON + 9000, 10); /* in memory */
        assert_int_equal(count(r, 50), 130);
        readings_erase(r, 50);
        steps(r, clock_now());
        assert_true(readings_erased(r, &resident));
        assert_int_equal(resident, 50);
        assert_false(readings_erased(r, &resident));
        assert_int_equal(count(r, 50), 0);
        for (uint32_t p = 1; p <= 100; p++)
                if (p != 50)
                        assert_int_equal(count(r, p), 130);
        assert_false(holds("20261127.day", 50) || holds("20261128.day", 50));
        assert_false(holds("20261127.hours", 50) || holds("20261128.hours", 50));
        assert_true(holds("20261127.hours", 51));
        readings_end(r, UINT64_MAX);
        readings_free(r);
        r = open_readings(30 * USEC_PER_DAY, 0); /* and a file that was erased from opens as a whole one */
        assert_int_equal(count(r, 51), 130);
        assert_int_equal(count(r, 50), 0);
        fill(r, 100, NOON + 20000, 1);
        write_now(r);
        assert_int_equal(count(r, 51), 131);
        readings_free(r);
}

/* Ended at any step, an erasure is begun again, and leaves nothing of him and everything of the others. */
static void test_erase_interrupted(void **state)
{
        for (unsigned ended = 0; ended < 14; ended++) {
                Readings *r = open_readings(0, 0);
                uint32_t resident;
                Now now = clock_now();

                fill(r, 100, day_start() + ended * 1800, 30);
                write_now(r);
                readings_erase(r, 50);
                for (unsigned i = 0; i < ended; i++) {
                        now.boot_us += USEC_PER_SEC;
                        readings_run(r, now);
                }
                readings_free(r); /* as a crash would: nothing more is written */
                r = open_readings(0, 0);
                readings_erase(r, 50);
                steps(r, clock_now());
                assert_true(readings_erased(r, &resident));
                assert_int_equal(count(r, 50), 0);
                assert_false(holds("20261128.day", 50));
                for (uint32_t p = 1; p <= 100; p += 7) /* some may stand there twice */
                        assert_true(p == 50 || count(r, p) >= 30 * (ended + 1));
                readings_free(r);
        }
}

/* A folder that cannot be written: kept in memory, said so, and written when it can be. */
static void test_no_folder(void **state)
{
        char path[128];
        Readings *r = open_readings(0, 0);

        (void)snprintf(path, sizeof(path), "%s/readings", folder);
        close(open(path, O_CREAT | O_WRONLY, 0600)); /* a file is in the way */
        fill(r, 10, NOON, 30);
        readings_flush(r);
        readings_run(r, clock_now());
        assert_non_null(readings_why(r));
        assert_int_equal(count(r, 7), 30);
        assert_int_equal(unlink(path), 0);
        readings_end(r, UINT64_MAX);
        assert_null(readings_why(r));
        assert_int_equal(count(r, 7), 30);
        readings_free(r);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
        const struct CMUnitTest tests[] = {TEST(test_round_trip), TEST(test_values), TEST(test_look),
                TEST(test_midnight), TEST(test_torn_tail), TEST(test_damage), TEST(test_hours_and_retention),
                TEST(test_quota), TEST(test_erase), TEST(test_erase_interrupted), TEST(test_no_folder)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
