/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See query.h. The statement is json.c's: SELECT the type and the value of each path WHERE json_valid(), so that no
 * other function ever sees malformed text. UTF-8 is checked before (SQLite does not) and of what comes out ("\ud800"
 * is valid JSON but becomes bytes that are none).
 */
#include "protocols/codec/query.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"
#include "protocols/codec/common.h"
#include "protocols/codec/connection.h"

#include <errno.h>
#include <math.h>
#include <string.h>

struct QueryBase {
        sqlite3 *db;
        sqlite3_stmt *probe;
};

struct Query {
        sqlite3_stmt *row, *each;
        size_t n;
        const char *text;
        size_t size;
        bool whole; /* the one row of a text without `each` is still to come */
};

int query_base_new(QueryBase **ret)
{
        QueryBase *b = calloc(1, sizeof(*b));
        int r;

        if (!b)
                return error_origin(-ENOMEM);
        r = connection_open(&b->db);
        if (r == 0 && sqlite3_prepare_v3(b->db, "SELECT json_type('{}',?1)", -1, SQLITE_PREPARE_PERSISTENT,
                              &b->probe, NULL) != SQLITE_OK)
                r = error_origin(-EIO);
        if (r < 0) {
                query_base_free(b);
                return error_trace(r);
        }
        *ret = b;
        return 0;
}

QueryBase *query_base_free(QueryBase *b)
{
        if (!b)
                return NULL;
        (void)sqlite3_finalize(b->probe); /* repeats an old error */
        (void)sqlite3_close(b->db);       /* nothing is left that could keep it open */
        free(b);
        return NULL;
}

/* One step at s: .name, ."any name", [7], [#-1]; its length, 0 when it is none. */
static size_t step_length(const char *s)
{
        size_t n = 1;

        if (s[0] == '.' && s[1] == '"') {
                const char *end = strchr(s + 2, '"');

                return end && end > s + 2 ? (size_t)(end - s) + 1 : 0;
        }
        if (s[0] == '.') {
                n += strcspn(s + 1, ".[\"");
                return n > 1 ? n : 0;
        }
        if (s[0] != '[')
                return 0;
        if (str_starts(s + 1, "#-"))
                n += 2;
        if (strspn(s + n, "0123456789") == 0 || strspn(s + n, "0123456789") > 6)
                return 0;
        n += strspn(s + n, "0123456789");
        return s[n] == ']' ? n + 1 : 0;
}

/* SQLite finds an error in a path only as far as it walks it. */
static bool path_shape(const char *path)
{
        if (*path != '$')
                return false;
        for (path++; *path;) {
                size_t n = step_length(path);

                if (n == 0)
                        return false;
                path += n;
        }
        return true;
}

bool query_path_ok(QueryBase *b, const char *path)
{
        int r = SQLITE_ERROR;

        if (!path_shape(path))
                return false;
        if (sqlite3_bind_text(b->probe, 1, path, -1, SQLITE_STATIC) == SQLITE_OK)
                r = connection_step(b->probe);
        (void)sqlite3_reset(b->probe); /* repeats the error of the step */
        (void)sqlite3_bind_null(b->probe, 1);
        return r == SQLITE_ROW;
}

bool query_path_set(Query *q, size_t i, const char *path)
{
        ASSERT(i < q->n && !q->text);
        return sqlite3_bind_text(q->row, (int)i + 2, path, -1, SQLITE_TRANSIENT) == SQLITE_OK;
}

int query_new(Query **ret, QueryBase *b, const char *const *paths, size_t n, const char *each)
{
        static const char each_sql[] = "SELECT value FROM json_each(?1,?2) WHERE type IN ('object','array')";
        char sql[4096];
        Str s = STR_BUFFER(sql);
        Query *q = calloc(1, sizeof(*q));
        bool ok;

        ASSERT(n <= QUERY_PATHS_MAX);
        if (!q)
                return error_origin(-ENOMEM);
        q->n = n;
        str_add(&s, "SELECT json_type(?1,'$')");
        for (size_t i = 0; i < n; i++)
                str_addf(&s, ",json_type(?1,?%zu),json_extract(?1,?%zu)", i + 2, i + 2);
        str_add(&s, " WHERE json_valid(?1)");
        ASSERT(!s.full);
        ok = sqlite3_prepare_v3(b->db, s.p, (int)s.n, SQLITE_PREPARE_PERSISTENT, &q->row, NULL) == SQLITE_OK;
        for (size_t i = 0; ok && i < n; i++)
                ok = query_path_set(q, i, paths[i]);
        if (ok && each)
                ok = sqlite3_prepare_v3(b->db, each_sql, -1, SQLITE_PREPARE_PERSISTENT, &q->each, NULL) ==
                             SQLITE_OK &&
                     sqlite3_bind_text(q->each, 2, each, -1, SQLITE_TRANSIENT) == SQLITE_OK;
        if (!ok) {
                query_free(q);
                return error_origin(-EIO);
        }
        *ret = q;
        return 0;
}

Query *query_free(Query *q)
{
        if (!q)
                return NULL;
        (void)sqlite3_finalize(q->row); /* repeat old errors */
        (void)sqlite3_finalize(q->each);
        free(q);
        return NULL;
}

static bool row_step(Query *q, const char *text, size_t n)
{
        (void)sqlite3_reset(q->row); /* repeats an old error */
        return sqlite3_bind_text(q->row, 1, text, (int)n, SQLITE_STATIC) == SQLITE_OK &&
               connection_step(q->row) == SQLITE_ROW;
}

bool query_open(Query *q, const char *text, size_t n)
{
        ASSERT(!q->text);
        q->text = text;
        q->size = n;
        q->whole = false;
        if (!str_utf8(text, n) || !json_names(text, n) || !row_step(q, text, n))
                return false;
        if (!q->each) {
                q->whole = true;
                return true;
        }
        return sqlite3_bind_text(q->each, 1, text, (int)n, SQLITE_STATIC) == SQLITE_OK;
}

bool query_next(Query *q)
{
        const char *element;

        if (!q->each) {
                bool first = q->whole;

                q->whole = false;
                return first;
        }
        while (connection_step(q->each) == SQLITE_ROW) {
                element = (const char *)sqlite3_column_text(q->each, 0);
                if (element && row_step(q, element, (size_t)sqlite3_column_bytes(q->each, 0)))
                        return true;
        }
        return false;
}

void query_close(Query *q)
{
        (void)sqlite3_reset(q->row); /* repeat old errors */
        (void)sqlite3_bind_null(q->row, 1);
        if (q->each) {
                (void)sqlite3_reset(q->each);
                (void)sqlite3_bind_null(q->each, 1);
        }
        q->text = NULL;
}

ValueType value_type(const char *word)
{
        if (!word)
                return VALUE_ABSENT;
        switch (word[0]) {
        case 'n': return VALUE_NULL;
        case 'f': return VALUE_FALSE;
        case 'i': return VALUE_INTEGER;
        case 'r': return VALUE_REAL;
        case 'a': return VALUE_ARRAY;
        case 'o': return VALUE_OBJECT;
        case 't': return word[1] == 'r' ? VALUE_TRUE : VALUE_TEXT;
        default: return VALUE_ABSENT;
        }
}

ValueType query_whole(const Query *q)
{
        return value_type((const char *)sqlite3_column_text(q->row, 0));
}

ValueType query_type(const Query *q, size_t i)
{
        ASSERT(i < q->n);
        return value_type((const char *)sqlite3_column_text(q->row, 1 + 2 * (int)i));
}

const char *query_text(const Query *q, size_t i, size_t *ret_size)
{
        const char *text;
        size_t n;

        if (query_type(q, i) != VALUE_TEXT)
                return NULL;
        text = (const char *)sqlite3_column_text(q->row, 2 + 2 * (int)i);
        n = (size_t)sqlite3_column_bytes(q->row, 2 + 2 * (int)i);
        if (!text || !str_utf8(text, n))
                return NULL;
        *ret_size = n;
        return text;
}

bool query_number(const Query *q, size_t i, double *ret)
{
        ValueType type = query_type(q, i);
        double value;

        if (type != VALUE_INTEGER && type != VALUE_REAL)
                return false;
        value = sqlite3_column_double(q->row, 2 + 2 * (int)i);
        if (!isfinite(value))
                return false;
        *ret = value;
        return true;
}

bool query_scalar(const Query *q, size_t i, char ret[QUERY_SCALAR_SIZE])
{
        const char *text = NULL;
        size_t n = 0;

        switch (query_type(q, i)) {
        case VALUE_TRUE: text = "true"; break;
        case VALUE_FALSE: text = "false"; break;
        case VALUE_INTEGER:
        case VALUE_REAL: text = (const char *)sqlite3_column_text(q->row, 2 + 2 * (int)i); break;
        case VALUE_TEXT:
                text = query_text(q, i, &n);
                return text && str_copyn(ret, QUERY_SCALAR_SIZE, text, n);
        case VALUE_ABSENT:
        case VALUE_NULL:
        case VALUE_ARRAY:
        case VALUE_OBJECT: break;
        }
        return text && str_copy(ret, QUERY_SCALAR_SIZE, text);
}

bool query_number_loose(const Query *q, size_t i, double *ret)
{
        char text[QUERY_SCALAR_SIZE];

        if (query_number(q, i, ret))
                return true;
        return query_type(q, i) == VALUE_TEXT && query_scalar(q, i, text) && parse_double(text, ret);
}
