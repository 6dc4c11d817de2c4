/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table visit says nothing that the journal does not say: it is there so that a bed's year is a lookup. A row's
 * number is the engine's number of the journal row that began the visit, which later rows of the visit name.
 *
 * A correction counts only when it names the visit's worker and bed too: a slip of a digit must not change another's.
 */
#include "store/visits.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/cleanup.h"
#include "limits.h"

#define BEDS_STEP 32u /* counted in one step: a few milliseconds, with a year's visits */

static const char begin_sql[] =
        "INSERT OR IGNORE INTO visit(n, resident, worker, service, since, seconds, counts, forgotten, "
        "proof, in_seq)"
        " SELECT ?2, coalesce((SELECT id FROM resident WHERE code = json_extract(b, '$.resident') ORDER BY "
        "retired"
        " LIMIT 1), 0), coalesce(worker, 0), coalesce(json_extract(b, '$.service'), ''), t, 0, 0, 0,"
        " coalesce(json_extract(b, '$.proof'), 0), seq"
        " FROM (SELECT *, CASE WHEN json_valid(body) THEN body END AS b FROM journal WHERE seq = ?1)";
static const char end_sql[] =
        "UPDATE visit SET until = j.t, out_seq = j.seq, forgotten = j.kind = 72,"
        " seconds = coalesce(json_extract(j.body, '$.seconds'), 0),"
        " counts = coalesce(json_extract(j.body, '$.counts'), 0), rating = json_extract(j.body, '$.rating')"
        " FROM journal j WHERE j.seq = ?1 AND visit.n = json_extract(j.body, '$.visit') AND visit.out_seq "
        "IS NULL"
        " AND (j.kind = 71 OR json_extract(j.body, '$.on') = 0)";
static const char fix_sql[] =
        "UPDATE visit SET fix_seq = j.seq, seconds = json_extract(j.body, '$.seconds'),"
        " counts = json_extract(j.body, '$.counts')"
        " FROM journal j WHERE j.seq = ?1 AND visit.n = json_extract(j.body, '$.visit') AND visit.out_seq "
        "IS NOT NULL"
        " AND visit.worker = j.worker AND visit.resident = (SELECT id FROM resident"
        " WHERE code = json_extract(j.body, '$.resident') ORDER BY retired LIMIT 1)";
static const char bed_sql[] =
        "SELECT v.resident FROM visit v WHERE v.in_seq = ?1 OR v.n = (SELECT json_extract(body, '$.visit')"
        " FROM journal WHERE seq = ?1)";

struct Cares {
        pthread_mutex_t mutex;
        Care *cares; /* by resident; 0 visits: none */
        size_t n;
        int64_t from_us;
        bool anew; /* all are to be counted again */
        uint64_t version;
        uint32_t next,
                last; /* the writer's thread: counting all goes on with this bed, up to that; 0: it is done */
};

/* ?1 is the row, ?2 its number. *ret_bed: the first column of the first row. */
static int run(sqlite3 *db, const char *sql, uint64_t seq, uint64_t number, uint32_t *ret_bed)
{
        sqlite3_stmt *s = NULL;
        int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);

        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(s, 1, (sqlite3_int64)seq);
        if (rc == SQLITE_OK && sqlite3_bind_parameter_count(s) > 1)
                rc = sqlite3_bind_int64(s, 2, (sqlite3_int64)number);
        if (rc == SQLITE_OK)
                rc = sqlite3_step(s);
        if (rc == SQLITE_ROW && ret_bed)
                *ret_bed = (uint32_t)sqlite3_column_int64(s, 0);
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

int visit_note(sqlite3 *db, const JournalRecord *j, int64_t seq_offset, VisitsTouched *touched)
{
        uint32_t bed = 0;
        int rc;

        ASSERT(JOURNAL_VISIT_OUT == 71 && JOURNAL_VISIT_FORGOTTEN == 72); /* the numbers in the texts */
        if (j->kind < JOURNAL_VISIT_IN || j->kind > JOURNAL_VISIT_FIXED)
                return SQLITE_OK;
        rc = run(db,
                j->kind == JOURNAL_VISIT_IN      ? begin_sql
                : j->kind == JOURNAL_VISIT_FIXED ? fix_sql
                                                 : end_sql,
                j->seq, (uint64_t)((int64_t)j->seq + seq_offset), NULL);
        if (rc == SQLITE_OK)
                rc = run(db, bed_sql, j->seq, 0, &bed);
        if (rc == SQLITE_OK && bed) {
                if (touched->n < VISITS_TOUCHED_MAX)
                        touched->residents[touched->n] = bed;
                touched->n++;
        }
        return rc;
}

Cares *cares_new(void)
{
        Cares *c = calloc(1, sizeof(*c));

        NEED_MEMORY(c);
        ASSERT(pthread_mutex_init(&c->mutex, NULL) == 0);
        c->from_us = INT64_MAX; /* nobody has asked */
        return c;
}

Cares *cares_free(Cares *c)
{
        if (!c)
                return NULL;
        (void)pthread_mutex_destroy(&c->mutex); /* nobody holds it */
        free(c->cares);
        free(c);
        return NULL;
}

static void lock(Cares *c)
{
        ASSERT(pthread_mutex_lock(&c->mutex) == 0);
}

static void unlock(Cares *c)
{
        ASSERT(pthread_mutex_unlock(&c->mutex) == 0);
}

void cares_from(Cares *c, int64_t from_us)
{
        lock(c);
        c->anew |= c->from_us != from_us;
        c->from_us = from_us;
        unlock(c);
}

bool cares_of(Cares *c, uint32_t resident, Care *ret)
{
        bool there;

        lock(c);
        there = resident < c->n && c->cares[resident].visits > 0;
        if (there)
                *ret = c->cares[resident];
        unlock(c);
        return there;
}

uint64_t cares_version(Cares *c)
{
        uint64_t version;

        lock(c);
        version = c->version;
        unlock(c);
        return version;
}

/* Beds from … to, from the database, without the lock: it is the loop's too, and a disk may hang in any step. */
static void rows_read(sqlite3 *db, int64_t from_us, uint32_t from, uint32_t to, Care **ret, size_t *ret_n)
{
        static const char sql[] =
                "SELECT resident, count(*), sum(seconds), max(since) FROM visit"
                " WHERE since >= ?1 AND counts = 1 AND resident BETWEEN ?2 AND ?3 GROUP BY resident";
        sqlite3_stmt *s = NULL;
        int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
        size_t cap = 0;

        *ret = NULL;
        *ret_n = 0;
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(s, 1, from_us);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(s, 2, from);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(s, 3, to);
        while (rc == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW) {
                if (*ret_n == cap) {
                        cap = cap * 2 + BEDS_STEP;
                        *ret = realloc(*ret, cap * sizeof(Care));
                        ASSERT(*ret);
                }
                (*ret)[(*ret_n)++] =
                        (Care){(uint32_t)sqlite3_column_int64(s, 0), (uint32_t)sqlite3_column_int64(s, 1),
                                (uint64_t)sqlite3_column_int64(s, 2), sqlite3_column_int64(s, 3)};
        }
        (void)sqlite3_finalize(s); /* a failure shows at the next commit, which counts again */
}

/* What was counted before of these beds is gone. */
static void count(Cares *c, sqlite3 *db, int64_t from_us, uint32_t from, uint32_t to)
{
        _cleanup_(freep) Care *rows = NULL;
        size_t n;

        ASSERT(from > 0 && to < LIMIT_DEVICES);
        rows_read(db, from_us, from, to, &rows, &n);
        lock(c);
        for (size_t i = from; i <= to && i < c->n; i++)
                c->cares[i] = (Care){0};
        for (size_t k = 0; k < n; k++) {
                uint32_t id = rows[k].resident;

                if (id >= c->n) {
                        c->cares = realloc(c->cares, (id + 64) * sizeof(Care));
                        ASSERT(c->cares);
                        memset(c->cares + c->n, 0, (id + 64 - c->n) * sizeof(Care));
                        c->n = id + 64;
                }
                c->cares[id] = rows[k];
        }
        unlock(c);
}

static void told(Cares *c)
{
        lock(c);
        c->version++;
        unlock(c);
}

/* The last bed that may have anything; ids are small: a larger one is that of a damaged row. */
static uint32_t last_bed(const Cares *c, sqlite3 *db)
{
        sqlite3_stmt *s = NULL;
        sqlite3_int64 last = 0;

        if (sqlite3_prepare_v2(db, "SELECT max(resident) FROM visit WHERE resident < ?1", -1, &s, NULL) ==
                        SQLITE_OK &&
                sqlite3_bind_int64(s, 1, LIMIT_DEVICES) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
                last = sqlite3_column_int64(s, 0);
        (void)sqlite3_finalize(s);          /* as above */
        if (last < (sqlite3_int64)c->n - 1) /* what is counted there may be gone */
                last = (sqlite3_int64)c->n - 1;
        return last >= LIMIT_DEVICES ? LIMIT_DEVICES - 1 : last < 0 ? 0 : (uint32_t)last;
}

void cares_committed(Cares *c, sqlite3 *db, VisitsTouched *touched)
{
        bool all;
        int64_t from_us;

        ASSERT(c && db);
        lock(c);
        all = c->anew || !touched->counted || touched->n > VISITS_TOUCHED_MAX;
        from_us = c->from_us;
        c->anew = false;
        unlock(c);
        if (from_us == INT64_MAX)
                return;
        for (uint32_t i = 0; touched->n <= VISITS_TOUCHED_MAX && i < touched->n; i++)
                if (touched->residents[i] > 0 && touched->residents[i] < LIMIT_DEVICES)
                        count(c, db, from_us, touched->residents[i], touched->residents[i]);
        if (touched->n > 0 && touched->n <= VISITS_TOUCHED_MAX)
                told(c);
        if (all) {
                c->next = 1;
                c->last = 0;
        }
        *touched = (VisitsTouched){.counted = true};
}

bool cares_due(const Cares *c)
{
        return c->next > 0;
}

void cares_step(Cares *c, sqlite3 *db)
{
        int64_t from_us;
        uint32_t to;

        ASSERT(c->next > 0 && db);
        lock(c);
        from_us = c->from_us;
        unlock(c);
        if (c->last == 0)
                c->last = last_bed(c, db);
        to = c->next + BEDS_STEP - 1 < c->last ? c->next + BEDS_STEP - 1 : c->last;
        if (c->next <= to)
                count(c, db, from_us, c->next, to);
        c->next = to < c->last ? to + 1 : 0;
        if (c->next == 0)
                told(c);
}
