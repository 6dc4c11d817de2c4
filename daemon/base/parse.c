/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict parsers: the whole text in one spelling, or nothing.
 *
 * libc's own skip leading space, take signs, hexadecimal and the locale's point, wrap at overflow and stop
 * where they please. A setting or a registry cell that is not exactly a number must be refused with its
 * line, since a limit read wrongly is an alarm that does not come.
 */
#include "base/parse.h"

#include <locale.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

static bool digit(char c)
{
        return c >= '0' && c <= '9';
}

/* Digits at *s, at least one; moves *s behind them. */
static bool take_u64(const char **s, uint64_t *ret)
{
        uint64_t value = 0;

        if (!digit(**s))
                return false;
        for (; digit(**s); (*s)++)
                if (__builtin_mul_overflow(value, 10, &value) ||
                        __builtin_add_overflow(value, (uint64_t)(**s - '0'), &value))
                        return false;
        *ret = value;
        return true;
}

/* Exactly n digits at s. */
static bool take_digits(const char *s, unsigned n, uint32_t *ret)
{
        uint32_t value = 0;

        for (unsigned i = 0; i < n; i++) {
                if (!digit(s[i]))
                        return false;
                value = value * 10 + (uint32_t)(s[i] - '0');
        }
        *ret = value;
        return true;
}

bool parse_u64(const char *s, uint64_t *ret)
{
        uint64_t value;

        if (!take_u64(&s, &value) || *s)
                return false;
        *ret = value;
        return true;
}

bool parse_i64(const char *s, int64_t *ret)
{
        bool negative = *s == '-';
        uint64_t value;

        if (!parse_u64(s + negative, &value) || value > (uint64_t)INT64_MAX + negative)
                return false;
        *ret = negative ? (int64_t)(0 - value) : (int64_t)value;
        return true;
}

bool parse_u32(const char *s, uint32_t max, uint32_t *ret)
{
        uint64_t value;

        if (!parse_u64(s, &value) || value > max)
                return false;
        *ret = (uint32_t)value;
        return true;
}

/* -?digits(.digits)?([eE][+-]?digits)? */
static bool decimal(const char *s)
{
        s += *s == '-';
        if (!digit(*s))
                return false;
        while (digit(*s))
                s++;
        if (*s == '.') {
                if (!digit(*++s))
                        return false;
                while (digit(*s))
                        s++;
        }
        if (*s == 'e' || *s == 'E') {
                s++;
                s += *s == '-' || *s == '+';
                if (!digit(*s))
                        return false;
                while (digit(*s))
                        s++;
        }
        return *s == '\0';
}

bool parse_double(const char *s, double *ret)
{
        if (!decimal(s))
                return false;

        /* Correct rounding is libc's work; the C locale is built in and needs no memory, and no freeing. */
        locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
        if (!c)
                return false;
        double value = strtod_l(s, NULL, c);
        if (!isfinite(value))
                return false;
        *ret = value;
        return true;
}

/* The unit at *s, in microseconds; moves *s behind it. 0: none. */
static uint64_t take_unit(const char **s)
{
        static const struct {
                const char *name;
                uint64_t us;
        } units[] = {
                {"us", 1},
                {"ms", USEC_PER_MSEC},
                {"s", USEC_PER_SEC},
                {"min", USEC_PER_MIN},
                {"h", USEC_PER_HOUR},
                {"d", USEC_PER_DAY},
                {"w", 7 * USEC_PER_DAY},
        };
        size_t n = strspn(*s, "abcdefghijklmnopqrstuvwxyz");

        for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
                if (strlen(units[i].name) == n && memcmp(*s, units[i].name, n) == 0) {
                        *s += n;
                        return units[i].us;
                }
        return 0;
}

bool parse_duration(const char *s, uint64_t *ret_us)
{
        uint64_t sum = 0;

        if (strcmp(s, "0") == 0) {
                *ret_us = 0;
                return true;
        }
        do {
                uint64_t value, unit;
                if (!take_u64(&s, &value))
                        return false;
                s += strspn(s, " ");
                unit = take_unit(&s);
                if (unit == 0 || __builtin_mul_overflow(value, unit, &value) ||
                        __builtin_add_overflow(sum, value, &sum))
                        return false;
                if (*s == ' ') {
                        s += strspn(s, " ");
                        if (*s == '\0')
                                return false;
                }
        } while (*s);
        *ret_us = sum;
        return true;
}

bool parse_minute(const char *s, uint32_t *ret_minute)
{
        uint32_t hour, minute;

        if (strlen(s) != 5 || s[2] != ':' || !take_digits(s, 2, &hour) || !take_digits(s + 3, 2, &minute))
                return false;
        if (minute > 59 || hour > 24 || (hour == 24 && minute > 0))
                return false;
        *ret_minute = hour * 60 + minute;
        return true;
}

bool parse_date(const char *s, uint32_t *ret_yyyymmdd)
{
        static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        uint32_t year, month, day;

        if (strlen(s) != 10 || s[4] != '-' || s[7] != '-' || !take_digits(s, 4, &year) ||
                !take_digits(s + 5, 2, &month) || !take_digits(s + 8, 2, &day))
                return false;
        if (year == 0 || month < 1 || month > 12 || day < 1)
                return false;
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        if (day > days[month - 1] + (uint32_t)(month == 2 && leap))
                return false;
        *ret_yyyymmdd = year * 10000 + month * 100 + day;
        return true;
}

char *parse_word(char **text)
{
        char *word = *text + strspn(*text, " \t");
        char *end = word + strcspn(word, " \t");

        *text = *end ? end + 1 : end;
        *end = '\0';
        return *word ? word : NULL;
}
