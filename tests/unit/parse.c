/* SPDX-License-Identifier: Apache-2.0 */
/* base/parse.c: what is a number, a duration, a time of duty, and above all what is not. */
#include "base/parse.h"

#include "tests/lib/unit.h"

#include <float.h>
#include <locale.h>
#include <string.h>

#include "base/clock.h"

static void test_u64(void **state)
{
        static const char *const bad[] = {"", " ", " 1", "1 ", "+1", "-1", "-0", "0x10", "1.0", "1e3", "١",
                "1\n", "18446744073709551616", "99999999999999999999"};
        uint64_t v = 77;

        for (size_t i = 0; i < N_ELEMENTS(bad); i++)
                if (parse_u64(bad[i], &v))
                        fail_msg("'%s'", bad[i]);
        assert_int_equal(v, 77);
        assert_true(parse_u64("0", &v) && v == 0);
        assert_true(parse_u64("007", &v) && v == 7);
        assert_true(parse_u64("18446744073709551615", &v) && v == UINT64_MAX);
}

static void test_i64(void **state)
{
        static const char *const bad[] = {
                "", "-", "--1", "+1", "- 1", "9223372036854775808", "-9223372036854775809", "1-"};
        int64_t v = 77;

        for (size_t i = 0; i < N_ELEMENTS(bad); i++)
                if (parse_i64(bad[i], &v))
                        fail_msg("'%s'", bad[i]);
        assert_int_equal(v, 77);
        assert_true(parse_i64("-1", &v) && v == -1);
        assert_true(parse_i64("-0", &v) && v == 0);
        assert_true(parse_i64("9223372036854775807", &v) && v == INT64_MAX);
        assert_true(parse_i64("-9223372036854775808", &v) && v == INT64_MIN);
}

static void test_u32(void **state)
{
        uint32_t v = 77;

        assert_false(parse_u32("11", 10, &v));
        assert_false(parse_u32("4294967296", UINT32_MAX, &v));
        assert_false(parse_u32("", 10, &v));
        assert_int_equal(v, 77);
        assert_true(parse_u32("10", 10, &v) && v == 10);
        assert_true(parse_u32("4294967295", UINT32_MAX, &v) && v == UINT32_MAX);
        assert_true(parse_u32("0", 0, &v) && v == 0);
}

static void test_double(void **state)
{
        static const char *const bad[] = {"", "-", ".", "1.", ".5", "+1", " 1", "1 ", "1,5", "nan", "inf",
                "-inf", "infinity", "0x1p3", "1e", "1e+", "1e999", "-1e999", "1.5.2", "--1", "1f"};
        double v = 77;

        for (size_t i = 0; i < N_ELEMENTS(bad); i++)
                if (parse_double(bad[i], &v))
                        fail_msg("'%s'", bad[i]);
        assert_true(v == 77);
        assert_true(parse_double("36.6", &v) && v == 36.6);
        assert_true(parse_double("-0.5", &v) && v == -0.5);
        assert_true(parse_double("1e3", &v) && v == 1000);
        assert_true(parse_double("2.5E-1", &v) && v == 0.25);
        assert_true(parse_double("1.7976931348623157e308", &v) && v == DBL_MAX);
        assert_true(parse_double("1e-999", &v) && v == 0); /* nothing wrong with very little */
}

static void test_double_ignores_the_locale(void **state)
{
        double v = 0;

        (void)setlocale(LC_ALL, "de_DE.UTF-8"); /* as in the test of str_number() */
        assert_true(parse_double("36.6", &v) && v == 36.6);
        assert_false(parse_double("36,6", &v));
        (void)setlocale(LC_ALL, "C");
}

static void test_duration(void **state)
{
        static const struct {
                const char *text;
                uint64_t us;
        } good[] = {
                {"0", 0},
                {"0s", 0},
                {"30s", 30 * USEC_PER_SEC},
                {"15min", 15 * USEC_PER_MIN},
                {"4h", 4 * USEC_PER_HOUR},
                {"2d", 2 * USEC_PER_DAY},
                {"1w", 7 * USEC_PER_DAY},
                {"250ms", 250 * USEC_PER_MSEC},
                {"7us", 7},
                {"1h 30min", 90 * USEC_PER_MIN},
                {"1h30min", 90 * USEC_PER_MIN},
                {"1min 30s 5ms", 90 * USEC_PER_SEC + 5000},
                {"5 min", 5 * USEC_PER_MIN},
                {"1h  1s", USEC_PER_HOUR + USEC_PER_SEC},
                {"18446744073709551615us", UINT64_MAX},
        };
        static const char *const bad[] = {"", " ", "5", "00", "1h 30", "s", "min", "-5s", "+5s", "5S",
                "5 Min", "5m", "5x", "5secs", "1.5h", "5s ", " 5s", "5s,", "0 0", "1h\t5s",
                "18446744073709551616us", "18446744073709552s", "18446744073709551615us 1us",
                "30501d 99999999999d", "5秒"};
        uint64_t v = 77;

        for (size_t i = 0; i < N_ELEMENTS(bad); i++)
                if (parse_duration(bad[i], &v))
                        fail_msg("'%s'", bad[i]);
        assert_int_equal(v, 77);
        for (size_t i = 0; i < N_ELEMENTS(good); i++)
                if (!parse_duration(good[i].text, &v) || v != good[i].us)
                        fail_msg("'%s'", good[i].text);
}

static void test_minute(void **state)
{
        static const char *const bad[] = {"", "8:00", "08:0", "0800", "24:01", "25:00", "12:60", "-1:00",
                " 8:00", "08:00 ", "08-00", "08:0a", "1:000", "99:99"};
        uint32_t v = 77;

        for (size_t i = 0; i < N_ELEMENTS(bad); i++)
                if (parse_minute(bad[i], &v))
                        fail_msg("'%s'", bad[i]);
        assert_int_equal(v, 77);
        assert_true(parse_minute("00:00", &v) && v == 0);
        assert_true(parse_minute("08:30", &v) && v == 510);
        assert_true(parse_minute("23:59", &v) && v == 1439);
        assert_true(parse_minute("24:00", &v) && v == 1440);
}

static void test_date(void **state)
{
        static const char *const bad[] = {"", "2026-1-01", "2026/01/01", "20260101", "2026-13-01",
                "2026-00-01", "2026-01-00", "2026-01-32", "2026-04-31", "2026-02-29", "1900-02-29",
                "2100-02-29", "0000-01-01", "2026-01-01 ", "-026-01-01", "2026-01-0x", "２026-1-1"};
        uint32_t v = 77;

        for (size_t i = 0; i < N_ELEMENTS(bad); i++)
                if (parse_date(bad[i], &v))
                        fail_msg("'%s'", bad[i]);
        assert_int_equal(v, 77);
        assert_true(parse_date("2026-11-28", &v) && v == 20261128);
        assert_true(parse_date("2024-02-29", &v) && v == 20240229);
        assert_true(parse_date("2000-02-29", &v) && v == 20000229);
        assert_true(parse_date("0001-01-01", &v) && v == 10101);
        assert_true(parse_date("9999-12-31", &v) && v == 99991231);
}

static void test_word(void **state)
{
        char text[] = "  worker\tbackup  家属 ", none[] = " \t ", empty[] = "";
        char *p = text;

        assert_string_equal(parse_word(&p), "worker");
        assert_string_equal(parse_word(&p), "backup");
        assert_string_equal(parse_word(&p), "家属");
        assert_null(parse_word(&p));
        assert_null(parse_word(&p)); /* the end stays the end */
        p = none;
        assert_null(parse_word(&p));
        p = empty;
        assert_null(parse_word(&p));
        assert_null(parse_word(&p));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_u64),
                cmocka_unit_test(test_i64),
                cmocka_unit_test(test_u32),
                cmocka_unit_test(test_double),
                cmocka_unit_test(test_double_ignores_the_locale),
                cmocka_unit_test(test_duration),
                cmocka_unit_test(test_minute),
                cmocka_unit_test(test_date),
                cmocka_unit_test(test_word),
        };

        return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
