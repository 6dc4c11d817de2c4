/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A text builder over a buffer of the caller, and the few string helpers that libc lacks. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Str {
        char *p;       /* always NUL-terminated once used */
        size_t n, cap; /* n bytes of text; cap counts the NUL */
        bool full;     /* something did not fit; the text is cut at a UTF-8 boundary */
} Str;

#define STR_BUFFER(buf) ((Str){.p = (buf), .cap = sizeof(buf)})

void str_add(Str *, const char *text);
void str_addn(Str *, const char *text, size_t n);
void str_addf(Str *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void str_addv(Str *, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Decimal: for what is written for every message. */
void str_u64(Str *, uint64_t value);
void str_i64(Str *, int64_t value);
/* A JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. NULL gives null. */
void str_json(Str *, const char *text);
void str_jsonn(Str *, const char *text, size_t n);
/* A JSON number: up to 6 decimals, no trailing zeros, null when not finite. */
void str_number(Str *, double value);

/* Copies with cut at a UTF-8 boundary; false when it was cut. */
bool str_copy(char *to, size_t cap, const char *from);
bool str_copyn(char *to, size_t cap, const char *from, size_t n);
bool str_equal(const char *a, const char *b);
bool str_starts(const char *s, const char *prefix);
/* Valid UTF-8 without NUL, surrogates or overlong forms (RFC 3629). */
bool str_utf8(const char *s, size_t n);
/*
 * A registry code: 1 to 63 bytes of letters, digits, '-', '_', '.', ':', or UTF-8 beyond ASCII; never
 * '/', '+', '#' (MQTT), '"', '\\' or white space.
 */
bool str_code(const char *s);
/* Standard base64 with padding into ret (cap bytes with NUL); false when it does not fit. */
bool str_base64(const void *bytes, size_t n, char *ret, size_t cap);
