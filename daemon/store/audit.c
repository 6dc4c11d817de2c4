/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The auditor's reader. See audit.h: another process, mode=ro, slices.
 *
 * Each slice is a transaction of its own: between slices the gateway may move its write-ahead log. Rows of the journal
 * never change, so the slices fit together whatever happens in between.
 */
#include "store/audit-db.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/str.h"
#include "store/journal.h"
#include "store/registry-db.h"
#include "store/restore.h"
#include "store/schema.h"

#include <errno.h>

#define PATH_SIZE 4096 /* <limits.h> would be ours, not libc's */

static int refuse(Audit *a, int rc, const char *what, char ret_why[128])
{
        Str s = {.p = ret_why, .cap = 128};

        str_addf(&s, "%s: %s (%d)", what, sqlite3_errstr(rc), rc);
        audit_free(a);
        return AUDIT_E_NONE;
}

int audit_open(Audit **ret, const char *state_directory, char ret_why[128])
{
        char path[PATH_SIZE];

        ASSERT(state_directory);
        if (snprintf(path, sizeof(path), "%s/journal.db", state_directory) < (int)sizeof(path))
                return audit_open_file(ret, path, ret_why);
        return refuse(NULL, SQLITE_CANTOPEN, "journal.db", ret_why);
}

int audit_open_file(Audit **ret, const char *path, char ret_why[128])
{
        Audit *a = calloc(1, sizeof(*a));
        sqlite3_stmt *s = NULL;
        int rc, version = 0;

        ASSERT(a && path);
        rc = sqlite3_open_v2(path, &a->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOMUTEX, NULL); /* one thread: locks are a sixth of a scan */
        if (rc == SQLITE_OK)
                rc = sqlite3_busy_timeout(a->db, 2000);
        if (rc == SQLITE_OK)
                rc = sqlite3_exec(a->db,
                        "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON",
                        NULL, NULL, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_prepare_v2(a->db, "PRAGMA user_version", -1, &s, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_step(s);
        if (rc == SQLITE_ROW) {
                version = sqlite3_column_int(s, 0);
                rc = SQLITE_OK;
        }
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        if (rc != SQLITE_OK)
                return refuse(a, rc, "journal.db", ret_why);
        if (version != schema_steps[schema_n_steps - 1].version)
                return refuse(a, SQLITE_SCHEMA, "journal.db is of another version", ret_why);
        *ret = a;
        return 0;
}

Audit *audit_free(Audit *a)
{
        if (!a)
                return NULL;
        (void)sqlite3_close_v2(a->db); /* read only: nothing to lose */
        free(a);
        return NULL;
}

int audit_failed(int rc)
{
        return rc == SQLITE_OK || rc == SQLITE_DONE
                       ? 0
                       : error_origin((rc & 0xff) == SQLITE_NOMEM ? -ENOMEM : -EIO);
}

static void row_read(sqlite3_stmt *s, AuditRow *row)
{
        *row = (AuditRow){.seq = (uint64_t)sqlite3_column_int64(s, 0),
                .incident = (uint64_t)sqlite3_column_int64(s, 1),
                .kind = (JournalKind)sqlite3_column_int(s, 2),
                .t_us = sqlite3_column_int64(s, 3),
                .tb_us = (uint64_t)sqlite3_column_int64(s, 4),
                .boot = (uint32_t)sqlite3_column_int64(s, 5),
                .time_quality = (uint8_t)sqlite3_column_int(s, 6),
                .body = (const char *)sqlite3_column_text(s, 7),
                .body_size = (size_t)sqlite3_column_bytes(s, 7)};
}

/* Up to AUDIT_SLICE_ROWS rows; *ret_next is where the next slice begins, 0 when there is none. */
static int slice(sqlite3_stmt *s, uint64_t incident, uint64_t first, uint64_t last,
        bool (*fn)(void *, const AuditRow *), void *userdata, uint64_t *ret_next)
{
        uint32_t n = 0;
        int rc = sqlite3_bind_int64(s, 1, (sqlite3_int64)first);

        *ret_next = 0;
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(s, 2, (sqlite3_int64)last);
        if (rc == SQLITE_OK && incident != 0)
                rc = sqlite3_bind_int64(s, 3, (sqlite3_int64)incident);
        while (rc == SQLITE_OK) {
                AuditRow row;

                rc = sqlite3_step(s);
                if (rc != SQLITE_ROW)
                        break;
                row_read(s, &row);
                rc = SQLITE_OK;
                if (!fn(userdata, &row))
                        break;
                if (++n == AUDIT_SLICE_ROWS) {
                        *ret_next = row.seq < last ? row.seq + 1 : 0;
                        break;
                }
        }
        (void)sqlite3_reset(s); /* repeats the error of the step */
        return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int audit_rows(Audit *a, uint64_t incident, uint64_t first, uint64_t last,
        bool (*fn)(void *, const AuditRow *), void *userdata)
{
#define ROW_COLUMNS "seq, coalesce(incident, 0), kind, t, tb, boot, tq, body"
        static const char all[] =
                "SELECT " ROW_COLUMNS " FROM journal WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq";
        static const char one[] = "SELECT " ROW_COLUMNS
                                  " FROM journal WHERE incident = ?3 AND seq BETWEEN ?1 AND ?2 ORDER BY seq";
        sqlite3_stmt *s = NULL;
        uint64_t next = first;
        int rc;

        ASSERT(a && fn);
        if (last > INT64_MAX)
                last = INT64_MAX;
        rc = sqlite3_prepare_v2(a->db, incident ? one : all, -1, &s, NULL);
        for (bool more = true; rc == SQLITE_OK && more; more = next != 0)
                rc = slice(s, incident, next, last, fn, userdata, &next);
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        return audit_failed(rc);
}

static int incidents(
        Audit *a, const char *sql, uint64_t id, bool (*fn)(void *, const StateRow *), void *userdata)
{
        sqlite3_stmt *s = NULL;
        StateRow row;
        int rc = sqlite3_prepare_v2(a->db, sql, -1, &s, NULL);

        if (rc == SQLITE_OK && id != 0)
                rc = sqlite3_bind_int64(s, 1, (sqlite3_int64)id);
        while (rc == SQLITE_OK) {
                rc = sqlite3_step(s);
                if (rc != SQLITE_ROW)
                        break;
                restore_state_row(s, &row);
                rc = fn(userdata, &row) ? SQLITE_OK : SQLITE_DONE;
        }
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        return audit_failed(rc);
}

int audit_incidents(Audit *a, bool all, bool (*fn)(void *, const StateRow *), void *userdata)
{
        static const char every[] = "SELECT " RESTORE_STATE_COLUMNS " FROM incident ORDER BY id DESC";
        static const char open[] =
                "SELECT " RESTORE_STATE_COLUMNS
                " FROM incident INDEXED BY incident_open WHERE closed IS NULL ORDER BY id DESC";

        ASSERT(a && fn);
        return incidents(a, all ? every : open, 0, fn, userdata);
}

typedef struct One {
        StateRow *ret;
        bool found;
} One;

static bool one_take(void *userdata, const StateRow *row)
{
        One *one = userdata;

        *one->ret = *row;
        one->found = true;
        return false;
}

bool audit_incident(Audit *a, uint64_t incident, StateRow *ret)
{
        One one = {.ret = ret};

        ASSERT(a && ret);
        return incident != 0 &&
               incidents(a, "SELECT " RESTORE_STATE_COLUMNS " FROM incident WHERE id = ?1", incident,
                       one_take, &one) == 0 &&
               one.found;
}

int audit_registry(Audit *a, Registry **ret)
{
        ASSERT(a && ret);
        return audit_failed(registry_db_read(a->db, ret));
}

int audit_verify(Audit *a, uint64_t first, uint64_t last, AuditVerdict *ret)
{
        AuditVerdict verdict = {.good = true};
        JournalHead head;
        int rc;

        ASSERT(a && ret && first > 0);
        rc = journal_head(a->db, &head);
        if (rc != SQLITE_OK)
                return audit_failed(rc);
        if (head.empty) {
                *ret = verdict;
                return 0;
        }
        if (last > head.seq)
                last = head.seq; /* what comes while we look is another matter */
        for (uint64_t from = first; from <= last && verdict.good;) {
                JournalVerdict v;
                uint64_t to = last - from < AUDIT_SLICE_ROWS ? last : from + AUDIT_SLICE_ROWS - 1;

                rc = journal_verify(a->db, from, to, &v);
                if (rc != SQLITE_OK)
                        return audit_failed(rc);
                if (v.n > 0 && verdict.first == 0)
                        verdict.first = v.first;
                if (v.n > 0)
                        verdict.last = v.last;
                verdict.erased += v.erased;
                if (!v.good) {
                        verdict.good = false;
                        verdict.bad = v.bad;
                        (void)str_copy(verdict.why, sizeof(verdict.why), v.why); /* fits */
                } else if (v.n == 0 && verdict.first > 0) {
                        verdict.good = false;
                        verdict.bad = from;
                        (void)str_copy(verdict.why, sizeof(verdict.why), "rows are missing"); /* fits */
                }
                head = v.n > 0 && v.good ? v.head : head;
                from = to + 1;
        }
        for (int i = 0; i < HASH_SIZE; i++)
                (void)snprintf(verdict.head + 2 * i, 3, "%02x", head.hash[i]); /* always two digits */
        *ret = verdict;
        return 0;
}
