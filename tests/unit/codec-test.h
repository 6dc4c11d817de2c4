/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the codec's tests share: events from bytes, and a real JSON parser to look at what was written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "limits.h"
#include "protocols/codec/codec.h"

static Codec *codec;
static sqlite3 *judge;
static char got[65536];

static inline int codec_setup(void **state)
{
        assert_int_equal(codec_new(&codec), 0);
        assert_int_equal(sqlite3_open(":memory:", &judge), SQLITE_OK);
        return 0;
}

static inline int codec_teardown(void **state)
{
        codec = codec_free(codec);
        assert_null(codec);
        assert_int_equal(sqlite3_close(judge), SQLITE_OK);
        return 0;
}

/* The bytes stand in a block of exactly their size, so that a sanitizer sees any step beyond. */
static inline Event event_of(const void *bytes, size_t n)
{
        Event e = {.via = VIA_MQTT, .source = "dev-1"};

        memset(e.id, 'x', sizeof(e.id) - 1); /* readers must set what they own */
        memset(e.why, 'x', sizeof(e.why) - 1);
        e.device_us = 77;
        e.body = malloc(n ? n : 1);
        assert_non_null(e.body);
        memcpy(e.body, bytes, n);
        e.body_size = (uint32_t)n;
        return e;
}

static inline void event_done(Event *e)
{
        free(e->body);
        e->body = NULL;
}

static inline bool is_json(const char *text, size_t n)
{
        sqlite3_stmt *q = NULL;
        bool yes;

        assert_true(str_utf8(text, n));
        assert_int_equal(sqlite3_prepare_v2(judge, "SELECT json_valid(?1)", -1, &q, NULL), SQLITE_OK);
        sqlite3_bind_text(q, 1, text, (int)n, SQLITE_STATIC);
        assert_int_equal(sqlite3_step(q), SQLITE_ROW);
        yes = sqlite3_column_int(q, 0) == 1;
        sqlite3_finalize(q);
        return yes;
}

/* The JSON text of the value at a path of valid JSON, in `got`; "" when there is none. */
static inline const char *json_at(const char *text, const char *path)
{
        sqlite3_stmt *q = NULL;
        const char *value;

        assert_true(is_json(text, strlen(text)));
        assert_int_equal(sqlite3_prepare_v2(judge, "SELECT ?1 -> ?2", -1, &q, NULL), SQLITE_OK);
        sqlite3_bind_text(q, 1, text, -1, SQLITE_STATIC);
        sqlite3_bind_text(q, 2, path, -1, SQLITE_STATIC);
        assert_int_equal(sqlite3_step(q), SQLITE_ROW);
        value = (const char *)sqlite3_column_text(q, 0);
        (void)snprintf(got, sizeof(got), "%s", value ? value : "");
        sqlite3_finalize(q);
        return got;
}

#define assert_json(text, path, value) assert_string_equal(json_at(text, path), value)

/* n times `open`, then n times `close`. */
static inline char *nested(size_t n, const char *open, const char *close, size_t *ret_size)
{
        size_t a = strlen(open), b = strlen(close);
        char *p = malloc(n * (a + b) + 1);

        assert_non_null(p);
        for (size_t i = 0; i < n; i++)
                memcpy(p + i * a, open, a);
        for (size_t i = 0; i < n; i++)
                memcpy(p + n * a + i * b, close, b);
        p[n * (a + b)] = '\0';
        *ret_size = n * (a + b);
        return p;
}

/* Bodies that are no JSON object, for every reader. */
typedef struct Garbage {
        const char *bytes;
        size_t n;
        const char *why;
} Garbage;

#define BYTES(s) s, sizeof(s) - 1

static const Garbage garbage[] __attribute__((unused)) = {
        {BYTES("hello"), "not JSON"},
        {BYTES("{"), "not JSON"},
        {BYTES("}"), "not JSON"},
        {BYTES("{\"id\":1"), "not JSON"},
        {BYTES("{'id':1}"), "not JSON"},
        {BYTES("{\"id\":1,}"), "not JSON"},
        {BYTES("{id:1}"), "not JSON"},
        {BYTES("{\"id\":01}"), "not JSON"},
        {BYTES("{\"id\":NaN}"), "not JSON"},
        {BYTES("{\"a\":1} trailing"), "not JSON"},
        {BYTES("{\"a\":\"\x01\"}"), "not JSON"},
        {BYTES("{\"a\":\"\\q\"}"), "not JSON"},
        {BYTES("[1,2]"), "JSON, but not an object"},
        {BYTES("[]"), "JSON, but not an object"},
        {BYTES("17"), "JSON, but not an object"},
        {BYTES("1e999"), "JSON, but not an object"},
        {BYTES("null"), "JSON, but not an object"},
        {BYTES("\"text\""), "JSON, but not an object"},
        {BYTES("{\"a\":1}\0"), "not UTF-8"},
        {BYTES("\0"), "not UTF-8"},
        {BYTES("{\"a\":\"\xff\"}"), "not UTF-8"},
        {BYTES("{\"a\":\"\xc0\xaf\"}"), "not UTF-8"},
        {BYTES("{\"a\":\"\xed\xa0\x80\"}"), "not UTF-8"},
        {BYTES("{\"a\":\"\xe5\xbc\"}"), "not UTF-8"},
        {BYTES("\xff\xfe{\0}\0"), "not UTF-8"},
};
#define N_GARBAGE (sizeof(garbage) / sizeof(*garbage))
