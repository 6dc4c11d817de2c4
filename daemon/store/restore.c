/* SPDX-License-Identifier: Apache-2.0 */
#include "store/restore.h"

#include <string.h>

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "store/registry-db.h"

#define KEY_AGE_US USEC_PER_DAY

static const char states_sql[] =
        "SELECT " RESTORE_STATE_COLUMNS ", blob FROM incident INDEXED BY incident_open"
        " WHERE closed IS NULL ORDER BY id";
static const char keys_sql[] =
        "SELECT key, digest, t, incident, seq, owner, result, state, reason, action FROM key"
        " WHERE CASE WHEN boot = ?1 THEN tb >= ?2 ELSE t >= ?3 END ORDER BY n";
static const char marks_sql[] = "SELECT kind, id, worker, value, t FROM mark ORDER BY kind, id";
static const char duty_sql[] = "SELECT worker, on_duty, t FROM duty ORDER BY worker";
static const char outbox_sql[] =
        "SELECT incident, worker, channel, seq FROM outbox ORDER BY seq, incident, worker, channel";

static void text_copy(sqlite3_stmt *s, int column, char *to, size_t cap)
{
        const char *text = (const char *)sqlite3_column_text(s, column);

        (void)str_copy(to, cap, text ? text : ""); /* came from a field of this size */
}

void restore_state_row(sqlite3_stmt *s, StateRow *r)
{
        *r = (StateRow){0};
        r->id = (uint64_t)sqlite3_column_int64(s, 0);
        r->last_seq = (uint64_t)sqlite3_column_int64(s, 1);
        r->group = (uint8_t)sqlite3_column_int(s, 2);
        r->class = (uint8_t)sqlite3_column_int(s, 3);
        r->state = (uint8_t)sqlite3_column_int(s, 4);
        r->priority = (uint8_t)sqlite3_column_int(s, 5);
        r->tier = (uint8_t)sqlite3_column_int(s, 6);
        r->round = (uint32_t)sqlite3_column_int64(s, 7);
        r->device = (uint32_t)sqlite3_column_int64(s, 8);
        r->resident = (uint32_t)sqlite3_column_int64(s, 9);
        r->dwelling = (uint32_t)sqlite3_column_int64(s, 10);
        r->grid = (uint32_t)sqlite3_column_int64(s, 11);
        r->owner = (uint32_t)sqlite3_column_int64(s, 12);
        r->opened_us = sqlite3_column_int64(s, 13);
        r->accepted_us = sqlite3_column_int64(s, 14);
        r->arrived_us = sqlite3_column_int64(s, 15);
        r->resolved_us = sqlite3_column_int64(s, 16);
        r->closed_us = sqlite3_column_int64(s, 17);
        r->due_wall_us = sqlite3_column_int64(s, 18);
        r->due_boot_us = (uint64_t)sqlite3_column_int64(s, 19);
        r->boot = (uint32_t)sqlite3_column_int64(s, 20);
        text_copy(s, 21, r->source, sizeof(r->source));
        text_copy(s, 22, r->outcome, sizeof(r->outcome));
}

/* One statement from its first row to its end, or to the first row that `row` does not like. */
static int each(sqlite3_stmt *s, int (*row)(sqlite3_stmt *, void *), void *userdata)
{
        int rc = SQLITE_OK;

        while (rc == SQLITE_OK) {
                rc = sqlite3_step(s);
                if (rc == SQLITE_ROW)
                        rc = row(s, userdata);
                else if (rc == SQLITE_DONE)
                        return SQLITE_OK;
        }
        return rc;
}

static int query(sqlite3 *db, const char *sql, int (*row)(sqlite3_stmt *, void *), void *userdata)
{
        sqlite3_stmt *s = NULL;
        int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);

        if (rc == SQLITE_OK)
                rc = each(s, row, userdata);
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        return rc;
}

typedef struct StateContext {
        const Database *d;
        StateRow row;
        int (*fn)(void *, const StateRow *);
        void *userdata;
} StateContext;

static int state_take(sqlite3_stmt *s, void *userdata)
{
        StateContext *c = userdata;
        int n;

        restore_state_row(s, &c->row);
        n = sqlite3_column_bytes(s, 23);
        if (n < 0 || n > STATE_BLOB_MAX)
                return SQLITE_MISMATCH;
        c->row.blob_size = (uint32_t)n;
        if (n > 0)
                memcpy(c->row.blob, sqlite3_column_blob(s, 23), (size_t)n);
        if (c->row.boot == c->d->boot)
                c->row.boot = c->d->engine_boot;
        return c->fn(c->userdata, &c->row);
}

int restore_states(const Database *d, int (*fn)(void *, const StateRow *), void *userdata)
{
        StateContext c = {.d = d, .fn = fn, .userdata = userdata};

        ASSERT(d->db && fn);
        return query(d->db, states_sql, state_take, &c);
}

typedef struct KeyContext {
        int (*fn)(void *, const KeyRow *);
        void *userdata;
} KeyContext;

static int key_take(sqlite3_stmt *s, void *userdata)
{
        KeyContext *c = userdata;
        KeyRow key = {.wall_us = sqlite3_column_int64(s, 2),
                .incident = (uint64_t)sqlite3_column_int64(s, 3),
                .seq = (uint64_t)sqlite3_column_int64(s, 4),
                .owner = (uint32_t)sqlite3_column_int64(s, 5),
                .result = (uint8_t)sqlite3_column_int(s, 6),
                .state = (uint8_t)sqlite3_column_int(s, 7),
                .reason = (uint8_t)sqlite3_column_int(s, 8),
                .action = sqlite3_column_int(s, 9) != 0};

        if (sqlite3_column_bytes(s, 0) != sizeof(key.key) ||
                sqlite3_column_bytes(s, 1) != sizeof(key.digest))
                return SQLITE_MISMATCH;
        memcpy(key.key, sqlite3_column_blob(s, 0), sizeof(key.key));
        memcpy(key.digest, sqlite3_column_blob(s, 1), sizeof(key.digest));
        return c->fn(c->userdata, &key);
}

int restore_keys(const Database *d, Now now, int (*fn)(void *, const KeyRow *), void *userdata)
{
        KeyContext c = {fn, userdata};
        sqlite3_stmt *s = NULL;
        int rc;

        ASSERT(d->db && fn);
        rc = sqlite3_prepare_v2(d->db, keys_sql, -1, &s, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(s, 1, d->boot);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(s, 2, (int64_t)now.boot_us - (int64_t)KEY_AGE_US);
        if (rc == SQLITE_OK) /* by a clock that may be wrong nothing is too old */
                rc = sqlite3_bind_int64(s, 3, now.trusted ? now.wall_us - (int64_t)KEY_AGE_US : INT64_MIN);
        if (rc == SQLITE_OK)
                rc = each(s, key_take, &c);
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        return rc;
}

typedef struct DutyContext {
        int (*fn)(void *, uint32_t, bool, int64_t);
        void *userdata;
} DutyContext;

static int duty_take(sqlite3_stmt *s, void *userdata)
{
        DutyContext *c = userdata;

        return c->fn(c->userdata, (uint32_t)sqlite3_column_int64(s, 0), sqlite3_column_int(s, 1) != 0,
                sqlite3_column_int64(s, 2));
}

int restore_duty(const Database *d, int (*fn)(void *, uint32_t, bool, int64_t), void *userdata)
{
        DutyContext c = {fn, userdata};

        ASSERT(d->db && fn);
        return query(d->db, duty_sql, duty_take, &c);
}

typedef struct TodayContext {
        int (*fn)(void *, const StateRow *);
        void *userdata;
} TodayContext;

static int today_take(sqlite3_stmt *s, void *userdata)
{
        TodayContext *c = userdata;
        StateRow row;

        restore_state_row(s, &row);
        if (!row.owner) /* resolved: nobody has it any more */
                row.owner = (uint32_t)sqlite3_column_int64(s, 23);
        return row.owner ? c->fn(c->userdata, &row) : SQLITE_OK;
}

int restore_today(const Database *d, int64_t from_us, uint32_t most, int (*fn)(void *, const StateRow *),
        void *userdata)
{
        static const char sql[] =
                "SELECT " RESTORE_STATE_COLUMNS
                ", (SELECT j.worker FROM journal j WHERE j.incident = incident.id"
                " AND j.kind IN (27, 33) AND j.worker IS NOT NULL ORDER BY j.seq DESC LIMIT 1)"
                " FROM (SELECT " RESTORE_STATE_COLUMNS
                " FROM incident INDEXED BY incident_opened WHERE opened >= ?1 ORDER BY opened DESC LIMIT "
                "?2) AS incident"
                " ORDER BY opened, id";
        TodayContext c = {fn, userdata};
        sqlite3_stmt *s = NULL;
        int rc = sqlite3_prepare_v2(d->db, sql, -1, &s, NULL);

        ASSERT(JOURNAL_ACCEPTED == 27 && JOURNAL_RESOLVED == 33); /* the numbers in the text */
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(s, 1, from_us);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(s, 2, most);
        if (rc == SQLITE_OK)
                rc = each(s, today_take, &c);
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        return rc;
}

typedef struct MarkContext {
        int (*fn)(void *, const MarkRow *);
        void *userdata;
} MarkContext;

static int mark_take(sqlite3_stmt *s, void *userdata)
{
        MarkContext *c = userdata;
        MarkRow row = {.kind = (MarkKind)sqlite3_column_int(s, 0),
                .id = (uint32_t)sqlite3_column_int64(s, 1),
                .worker = (uint32_t)sqlite3_column_int64(s, 2),
                .value = sqlite3_column_int64(s, 3),
                .wall_us = sqlite3_column_int64(s, 4)};

        return c->fn(c->userdata, &row);
}

int restore_marks(const Database *d, int (*fn)(void *, const MarkRow *), void *userdata)
{
        MarkContext c = {fn, userdata};

        ASSERT(d->db && fn);
        return query(d->db, marks_sql, mark_take, &c);
}

typedef struct OutboxContext {
        int (*fn)(void *, uint64_t, uint32_t, uint8_t, uint64_t);
        void *userdata;
} OutboxContext;

static int outbox_take(sqlite3_stmt *s, void *userdata)
{
        OutboxContext *c = userdata;

        return c->fn(c->userdata, (uint64_t)sqlite3_column_int64(s, 0), (uint32_t)sqlite3_column_int64(s, 1),
                (uint8_t)sqlite3_column_int(s, 2), (uint64_t)sqlite3_column_int64(s, 3));
}

int restore_outbox(
        const Database *d, int (*fn)(void *, uint64_t, uint32_t, uint8_t, uint64_t), void *userdata)
{
        OutboxContext c = {fn, userdata};

        ASSERT(d->db && fn);
        return query(d->db, outbox_sql, outbox_take, &c);
}

/* What may lie in an overflow page must be touched: a damaged one shows only then. Numbers lie in the row itself. */
static int probe_row(sqlite3_stmt *s, void *userdata)
{
        for (int i = 0, n = sqlite3_column_count(s); i < n; i++) {
                int type = sqlite3_column_type(s, i);

                if ((type == SQLITE_BLOB || type == SQLITE_TEXT) && !sqlite3_column_blob(s, i) &&
                        sqlite3_column_bytes(s, i) > 0)
                        return SQLITE_CORRUPT;
        }
        return SQLITE_OK;
}

int restore_probe(sqlite3 *db, Registry **ret)
{
        const char *const all[] = {states_sql, keys_sql, duty_sql, marks_sql, outbox_sql};
        int rc = SQLITE_OK;

        ASSERT(db);
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && rc == SQLITE_OK; i++)
                rc = query(db, all[i], probe_row,
                        NULL); /* unbound parameters are NULL: that alters no reading */
        if (rc == SQLITE_OK)
                rc = registry_db_read(db, ret);
        return rc;
}
