/* SPDX-License-Identifier: Apache-2.0 */
/* base/clock.c: the calendar against libc's, local time in zones with odd offsets, what makes a clock
 * credible. */
#include "base/clock.h"

#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

static Now at(int64_t wall_s, int32_t utc_s)
{
        return (Now){.wall_us = wall_s * (int64_t)USEC_PER_SEC, .boot_us = 1, .utc_s = utc_s};
}

static void zone(const char *tz)
{
        assert_int_equal(setenv("TZ", tz, 1), 0);
        tzset();
}

static void assert_local(Now now, uint32_t weekday, uint32_t minute, uint32_t date)
{
        uint32_t got_weekday, got_minute, got_date;

        clock_local(now, &got_weekday, &got_minute, &got_date);
        assert_int_equal(got_weekday, weekday);
        assert_int_equal(got_minute, minute);
        assert_int_equal(got_date, date);
}

static void test_local_days(void **state)
{
        assert_local(at(0, 0), 4, 0, 19700101);
        assert_local(at(-1, 0), 3, 1439, 19691231);
        assert_local(at(951782400, 0), 2, 0, 20000229);
        assert_local(at(951868800, 0), 3, 0, 20000301);
        assert_local(at(1709164799, 0), 3, 1439, 20240228);
        assert_local(at(1709164800, 0), 4, 0, 20240229);
        assert_local(at(4107542399, 0), 0, 1439, 21000228);
        assert_local(at(4107542400, 0), 1, 0, 21000301); /* 2100 is no leap year */
        assert_local(at(253402300799, 0), 5, 1439, 99991231);
}

static void test_local_offsets(void **state)
{
        /* 2026-11-27 16:00 UTC is midnight of the 28th in Beijing, a Saturday */
        assert_local(at(1795795200, 8 * 3600), 6, 0, 20261128);
        assert_local(at(1795795199, 8 * 3600), 5, 1439, 20261127);
        assert_local(at(1795795200, 20700), 5, 1305, 20261127); /* +05:45 */
        assert_local(at(0, -3600), 3, 1380, 19691231);
}

/* Every 9 hours and a bit through 400 years, which is the calendar's whole period. */
static void test_local_against_libc(void **state)
{
        zone("UTC");
        for (int64_t s = -5000000000; s < 8000000000; s += 32443 * 7) {
                time_t t = s;
                struct tm tm;
                assert_non_null(gmtime_r(&t, &tm));
                assert_local(at(s, 0), (uint32_t)tm.tm_wday, (uint32_t)(tm.tm_hour * 60 + tm.tm_min),
                        (uint32_t)((tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday));
        }
}

static void test_local_beyond_the_calendar(void **state)
{
        uint32_t weekday, minute, date;

        /* no clock says this, but a payload's time might: some date, and no overflow */
        clock_local((Now){.wall_us = INT64_MAX, .utc_s = 50400}, &weekday, &minute, &date);
        assert_true(weekday < 7 && minute < 1440 && date / 10000 == 9999);
        clock_local((Now){.wall_us = INT64_MIN, .utc_s = -43200}, &weekday, &minute, &date);
        assert_true(weekday < 7 && minute < 1440 && date / 10000 == 0);
}

static void test_format_local(void **state)
{
        char text[20];

        zone("UTC");
        clock_format_local(0, text);
        assert_string_equal(text, "1970-01-01 00:00:00");
        clock_format_local(-1, text);
        assert_string_equal(text, "1969-12-31 23:59:59");
        clock_format_local(1795835999999999, text);
        assert_string_equal(text, "2026-11-28 03:19:59");
        zone("CST-8");
        clock_format_local(1795795200000000, text);
        assert_string_equal(text, "2026-11-28 00:00:00");
        clock_format_local(INT64_MAX, text);
        assert_int_equal(strlen(text), 19);
        clock_format_local(INT64_MIN, text);
        assert_int_equal(strlen(text), 19);
}

static void test_now(void **state)
{
        clock_boot_set(41);
        Now a = clock_now(), b = clock_now();

        assert_true(a.boot_us > 0);
        assert_true(b.boot_us >= a.boot_us);
        assert_true(a.wall_us > 1577836800ll * 1000000); /* 2020 */
        assert_int_equal(a.boot, 41);
        clock_boot_set(42);
        assert_int_equal(clock_now().boot, 42);
}

static void utc_of_zone(void *want)
{
        if (clock_now().utc_s != *(int32_t *)want)
                abort();
}

static void test_utc_offset(void **state)
{
        static const struct {
                const char *tz;
                int32_t utc_s;
        } cases[] = {{"UTC", 0}, {"CST-8", 28800}, {"NPT-5:45", 20700}, {"XXX3", -10800}};

        /* Each in a process of its own that has not read the clock: the offset is kept for a quarter of an
         * hour. */
        for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
                int32_t want = cases[i].utc_s;
                zone(cases[i].tz);
                assert_int_equal(signal_of(utc_of_zone, &want), 0);
                want++;
                assert_int_equal(signal_of(utc_of_zone, &want), SIGABRT);
        }
        zone("UTC");
}

static void test_trust(void **state)
{
        struct timex tx = {0};
        bool synchronised = adjtimex(&tx) != TIME_ERROR && !(tx.status & STA_UNSYNC);
        int64_t now_us = clock_now().wall_us;

        /* this machine has built the program, so its clock is not before the build */
        assert_true(clock_trust(0));
        assert_true(clock_now().trusted);
        assert_true(clock_trust(now_us - (int64_t)USEC_PER_DAY));
        /* a journal of tomorrow: only a synchronised clock may say so */
        assert_int_equal(clock_trust(now_us + (int64_t)USEC_PER_DAY), synchronised);
        assert_int_equal(clock_now().trusted, synchronised);
        assert_true(clock_trust(0));
}

static void test_boot_id(void **state)
{
        char id[33] = "", again[33] = "";

        assert_int_equal(clock_boot_id(id), 0);
        assert_int_equal(clock_boot_id(again), 0);
        assert_int_equal(strlen(id), 32);
        assert_int_equal(strspn(id, "0123456789abcdef"), 32);
        assert_string_equal(id, again);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_utc_offset), /* first: see there */
                cmocka_unit_test(test_local_days),
                cmocka_unit_test(test_local_offsets),
                cmocka_unit_test(test_local_against_libc),
                cmocka_unit_test(test_local_beyond_the_calendar),
                cmocka_unit_test(test_format_local),
                cmocka_unit_test(test_now),
                cmocka_unit_test(test_trust),
                cmocka_unit_test(test_boot_id),
        };

        return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
