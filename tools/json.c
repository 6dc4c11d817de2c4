/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/json.h"

#include "base/assert.h"
#include "base/str.h"

#include <sqlite3.h>
#include <string.h>

static sqlite3 *db;
static sqlite3_stmt *member;

bool json_up(void)
{
        if (db)
                return true;
        (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* nobody asks, and each allocation takes a lock for it */
        if (sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) ==
                        SQLITE_OK &&
                sqlite3_prepare_v2(db, "SELECT json_extract(?1,?2) WHERE json_valid(?1)", -1, &member,
                        NULL) == SQLITE_OK)
                return true;
        json_down();
        return false;
}

void json_down(void)
{
        (void)sqlite3_finalize(member); /* repeats the last step's error */
        (void)sqlite3_close(db);        /* no statement is left */
        member = NULL;
        db = NULL;
}

static bool member_step(const char *json, size_t size, const char *path)
{
        ASSERT(db);
        (void)sqlite3_reset(member); /* repeats the last step's error */
        return str_utf8(json, size) &&
               sqlite3_bind_text64(member, 1, json, size, SQLITE_TRANSIENT, SQLITE_UTF8) == SQLITE_OK &&
               sqlite3_bind_text(member, 2, path, -1, SQLITE_TRANSIENT) == SQLITE_OK &&
               sqlite3_step(member) == SQLITE_ROW && sqlite3_column_type(member, 0) != SQLITE_NULL;
}

bool json_text(const char *json, size_t size, const char *path, char *ret, size_t cap)
{
        return member_step(json, size, path) &&
               str_copy(ret, cap, (const char *)sqlite3_column_text(member, 0));
}

bool json_i64(const char *json, size_t size, const char *path, int64_t *ret)
{
        if (!member_step(json, size, path) || sqlite3_column_type(member, 0) == SQLITE_TEXT)
                return false;
        *ret = sqlite3_column_int64(member, 0);
        return true;
}

bool json_u64(const char *json, size_t size, const char *path, uint64_t *ret)
{
        int64_t value;

        if (!json_i64(json, size, path, &value) || value < 0)
                return false;
        *ret = (uint64_t)value;
        return true;
}

bool json_double(const char *json, size_t size, const char *path, double *ret)
{
        if (!member_step(json, size, path) || sqlite3_column_type(member, 0) == SQLITE_TEXT)
                return false;
        *ret = sqlite3_column_double(member, 0);
        return true;
}

bool json_bool(const char *json, size_t size, const char *path)
{
        int64_t value;

        return json_i64(json, size, path, &value) && value != 0;
}

int json_each(const char *json, size_t size, const char *path, const char *const *columns,
        unsigned n_columns, void (*fn)(void *userdata, const char *key, const char *const *texts),
        void *userdata)
{
        const char *texts[JSON_COLUMNS_MAX];
        sqlite3_stmt *rows = NULL;
        char sql[1024];
        Str s = STR_BUFFER(sql);
        int n = 0, r;

        ASSERT(db);
        ASSERT(n_columns <= JSON_COLUMNS_MAX);
        if (!str_utf8(json, size))
                return -1;
        str_add(&s, "SELECT key");
        for (unsigned i = 0; i < n_columns; i++)
                if (str_equal(columns[i], "$"))
                        str_add(&s, ",value");
                else
                        str_addf(&s, ",CASE WHEN type IN ('object','array') THEN json_extract(value,'%s') END",
                                columns[i]);
        str_add(&s, " FROM json_each(?1,?2)");
        ASSERT(!s.full);
        r = sqlite3_prepare_v2(db, sql, -1, &rows, NULL);
        ASSERT(r == SQLITE_OK);
        if (sqlite3_bind_text64(rows, 1, json, size, SQLITE_TRANSIENT, SQLITE_UTF8) == SQLITE_OK &&
                sqlite3_bind_text(rows, 2, path, -1, SQLITE_TRANSIENT) == SQLITE_OK)
                while ((r = sqlite3_step(rows)) == SQLITE_ROW) {
                        for (unsigned i = 0; i < n_columns; i++)
                                texts[i] = (const char *)sqlite3_column_text(rows, (int)i + 1);
                        fn(userdata, (const char *)sqlite3_column_text(rows, 0), texts);
                        n++;
                }
        (void)sqlite3_finalize(rows); /* repeats the last step's error */
        return r == SQLITE_DONE ? n : -1;
}
