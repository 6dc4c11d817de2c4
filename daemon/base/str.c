/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text in fixed buffers.
 *
 * A Str fills up and never grows; what does not fit sets `full` and everything after it is left out too, so
 * the result is always a beginning of the wanted text, cut between characters. Builders need not check each
 * step: they look at `full` once, at the end.
 */
#include "base/str.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

/* Bytes of the valid UTF-8 character at s, at most n; 0: none. RFC 3629 section 4, the table of byte ranges.
 */
static size_t utf8_char(const char *s, size_t n)
{
        const unsigned char *p = (const unsigned char *)s;
        unsigned char low = 0x80, high = 0xbf;
        size_t size;

        if (n == 0)
                return 0;
        if (p[0] < 0x80)
                return 1;
        if (p[0] >= 0xc2 && p[0] <= 0xdf)
                size = 2;
        else if (p[0] >= 0xe0 && p[0] <= 0xef)
                size = 3;
        else if (p[0] >= 0xf0 && p[0] <= 0xf4)
                size = 4;
        else
                return 0;
        if (p[0] == 0xe0)
                low = 0xa0; /* overlong */
        else if (p[0] == 0xed)
                high = 0x9f; /* surrogates */
        else if (p[0] == 0xf0)
                low = 0x90; /* overlong */
        else if (p[0] == 0xf4)
                high = 0x8f; /* beyond U+10FFFF */
        if (n < size || p[1] < low || p[1] > high)
                return 0;
        for (size_t i = 2; i < size; i++)
                if (p[i] < 0x80 || p[i] > 0xbf)
                        return 0;
        return size;
}

/* The first eight bytes are ASCII, and none of them is a NUL. */
static bool ascii8(const char *s)
{
        uint64_t word;

        memcpy(&word, s, 8);
        return ((word | (word - 0x0101010101010101ull)) & 0x8080808080808080ull) == 0;
}

/* The longest beginning of s, at most `room` of its n bytes, that does not end within a character. */
static size_t utf8_cut(const char *s, size_t n, size_t room)
{
        size_t cut = room;

        if (n <= room)
                return n;
        for (unsigned back = 0; back < 3 && cut > 0 && ((unsigned char)s[cut] & 0xc0) == 0x80; back++)
                cut--;
        /* Four continuation bytes in a row are no UTF-8: then any place is as good. */
        return ((unsigned char)s[cut] & 0xc0) == 0x80 ? room : cut;
}

void str_addn(Str *s, const char *text, size_t n)
{
        if (s->cap == 0) {
                s->full = true;
                return;
        }
        ASSERT(s->n < s->cap);
        if (!s->full) {
                size_t fits = utf8_cut(text, n, s->cap - 1 - s->n);
                if (fits > 0)
                        memcpy(s->p + s->n, text, fits);
                s->n += fits;
                s->full = fits < n;
        }
        s->p[s->n] = '\0';
}

void str_add(Str *s, const char *text)
{
        str_addn(s, text ? text : "", text ? strlen(text) : 0);
}

void str_addv(Str *s, const char *fmt, va_list ap)
{
        if (s->cap == 0 || s->full) {
                s->full = true;
                return;
        }
        ASSERT(s->n < s->cap);

        size_t room = s->cap - s->n;
        int n = vsnprintf(s->p + s->n, room, fmt, ap);
        if (n < 0) {
                s->p[s->n] = '\0';
                s->full = true;
        } else if ((size_t)n < room) {
                s->n += (size_t)n;
        } else {
                /* What follows the cut is gone, so a character that may lack its end is taken off again. */
                size_t start = room - 1;
                char *text = s->p + s->n;
                while (start > 0 && room - 1 - start < 3 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
                        start--;
                if (start > 0 && (unsigned char)text[start - 1] >= 0xc0)
                        start--;
                size_t tail = room - 1 - start;
                size_t keep = tail > 0 && utf8_char(text + start, tail) == tail ? room - 1 : start;
                s->n += keep;
                s->p[s->n] = '\0';
                s->full = true;
        }
}

void str_addf(Str *s, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        str_addv(s, fmt, ap);
        va_end(ap);
}

void str_u64(Str *s, uint64_t value)
{
        char digits[20];
        size_t i = sizeof(digits);

        do {
                digits[--i] = (char)('0' + value % 10);
                value /= 10;
        } while (value > 0);
        str_addn(s, digits + i, sizeof(digits) - i);
}

void str_i64(Str *s, int64_t value)
{
        if (value < 0)
                str_addn(s, "-", 1);
        str_u64(s, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* Stands for itself in JSON. */
static bool json_plain(char c)
{
        return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Nearly all that is written is plain and fits: one pass. False: nothing was added. */
static bool json_plain_add(Str *s, const char *text, size_t n)
{
        char *p = s->p + s->n;

        if (s->full || s->cap < 3 || s->cap - s->n <= n + 2)
                return false;
        for (size_t i = 0; i < n; i++) {
                if (!json_plain(text[i]))
                        return false; /* its end is still where s->n says */
                p[1 + i] = text[i];
        }
        p[0] = '"';
        p[1 + n] = '"';
        p[2 + n] = '\0';
        s->n += n + 2;
        return true;
}

void str_jsonn(Str *s, const char *text, size_t n)
{
        size_t plain = 0; /* bytes that stand for themselves, not yet added */

        if (json_plain_add(s, text, n))
                return;
        str_addn(s, "\"", 1);
        while (plain < n && !s->full) {
                unsigned char c = (unsigned char)text[plain];
                size_t size = c < 0x80 ? 1 : utf8_char(text + plain, n - plain);

                if (size > 1 || (size == 1 && json_plain((char)c))) {
                        plain += size;
                        continue;
                }
                str_addn(s, text, plain);
                if (size == 0)
                        str_add(s, "\xef\xbf\xbd");
                else if (c == '"' || c == '\\')
                        str_addf(s, "\\%c", c);
                else if (c == '\n')
                        str_addn(s, "\\n", 2);
                else
                        str_addf(s, "\\u%04x", c);
                size = plain + (size ? size : 1);
                text += size;
                n -= size;
                plain = 0;
        }
        str_addn(s, text, plain);
        str_addn(s, "\"", 1);
}

void str_json(Str *s, const char *text)
{
        if (text)
                str_jsonn(s, text, strlen(text));
        else
                str_add(s, "null");
}

void str_number(Str *s, double value)
{
        if (!isfinite(value)) {
                str_add(s, "null");
                return;
        }

        /* By parts and not by "%f": the point must not follow the locale of a tool that has set one. */
        double whole, part = modf(fabs(value), &whole);
        unsigned micro = (unsigned)(part * 1e6 + 0.5), digits = 6;
        if (micro == 1000000) {
                micro = 0;
                whole += 1;
        }
        if (value < 0 && (whole > 0 || micro > 0))
                str_addn(s, "-", 1);
        if (whole < 1e15)
                str_u64(s, (uint64_t)whole);
        else
                str_addf(s, "%.0f", whole);
        if (micro == 0)
                return;
        for (; micro % 10 == 0; micro /= 10)
                digits--;
        str_addf(s, ".%0*u", (int)digits, micro);
}

bool str_copyn(char *to, size_t cap, const char *from, size_t n)
{
        ASSERT(cap > 0);

        size_t length = n > 0 ? strnlen(from, n) : 0;
        size_t fits = utf8_cut(from, length, cap - 1);
        if (fits > 0)
                memcpy(to, from, fits);
        to[fits] = '\0';
        return fits == n;
}

bool str_copy(char *to, size_t cap, const char *from)
{
        return str_copyn(to, cap, from, strlen(from));
}

bool str_equal(const char *a, const char *b)
{
        return a && b ? strcmp(a, b) == 0 : a == b;
}

bool str_starts(const char *s, const char *prefix)
{
        return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_utf8(const char *s, size_t n)
{
        while (n > 0) {
                size_t size = n >= 8 && ascii8(s) ? 8 : utf8_char(s, n);
                if (size == 0 || *s == '\0')
                        return false;
                s += size;
                n -= size;
        }
        return true;
}

bool str_code(const char *s)
{
        size_t n = s ? strnlen(s, 64) : 0;

        if (n == 0 || n > 63 || !str_utf8(s, n))
                return false;
        for (const char *p = s; *p; p++) {
                bool letter =
                        (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
                if (!letter && (unsigned char)*p < 0x80 && !strchr("-_.:", *p))
                        return false;
        }
        return true;
}

bool str_base64(const void *bytes, size_t n, char *ret, size_t cap)
{
        static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const unsigned char *p = bytes;

        if (n > SIZE_MAX / 4 || cap < (n + 2) / 3 * 4 + 1)
                return false;
        for (; n >= 3; n -= 3, p += 3) {
                *ret++ = digit[p[0] >> 2];
                *ret++ = digit[(p[0] & 3) << 4 | p[1] >> 4];
                *ret++ = digit[(p[1] & 15) << 2 | p[2] >> 6];
                *ret++ = digit[p[2] & 63];
        }
        if (n > 0) {
                unsigned second = n == 2 ? p[1] : 0;
                *ret++ = digit[p[0] >> 2];
                *ret++ = digit[(p[0] & 3) << 4 | second >> 4];
                *ret++ = n == 2 ? digit[(second & 15) << 2] : '=';
                *ret++ = '=';
        }
        *ret = '\0';
        return true;
}
