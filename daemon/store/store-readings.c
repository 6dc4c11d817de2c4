/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store's thread does about readings and looks, a few milliseconds at a time, between commits.
 *
 * Whose readings are to be erased stands in the table `erasing`, written in the transaction of the erasure itself: the
 * files follow, however often we are ended meanwhile, and the row goes when they hold nothing of the person.
 *
 * Older versions kept readings in a table. Its rows move into the files by the hour: into memory, into a file, and only
 * when that is flushed, out of the table; in between a crash leaves some of them twice, which only weighs in a mean.
 */
#include "store/own.h"

#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "store/wake.h"

#define LOOK_READS      4u /* segments in one step */
#define STEPS_MAX       300u
#define LEGACY_SPAN_US  (int64_t) USEC_PER_HOUR
#define LEGACY_ROWS     1000
#define READINGS_END_US (3 * USEC_PER_SEC)

/* In and out */

void store_readings_take(Store *s, const StoreTxn *t)
{
        if (t->n_readings == 0 && !t->erases)
                return;
        for (const Op *op = txn_next(t, NULL); op; op = txn_next(t, op)) {
                const OpReading *reading = op_content(op);
                ReadingRow row;

                if (op->type == OP_ERASE)
                        s->erasing_due = true;
                if (op->type != OP_READING)
                        continue;
                reading_row(&row, reading->wall_us, &reading->vitals);
                readings_add(s->readings, reading->resident, reading->device, &row);
        }
}

/* What the loop is to know. */
static void tell(Store *s)
{
        StoreRemoved removed;
        bool news = false;

        store_lock(s);
        while (s->n_removed < STORE_REMOVED_MAX && readings_removed(s->readings, &removed)) {
                s->removed[s->n_removed++] = removed;
                s->status.removed++;
                news = true;
        }
        s->status.readings_dropped = readings_dropped(s->readings);
        store_unlock(s);
        if (news)
                signal_fd(s->event_fd);
}

/* Erasing */

/* One transaction of one statement. A failure is found again by the next commit. */
static bool run(Store *s, const char *sql, int64_t a, int64_t b)
{
        sqlite3_stmt *q = NULL;
        int rc = database_begin(&s->db);

        if (rc == SQLITE_OK)
                rc = sqlite3_prepare_v2(s->db.db, sql, -1, &q, NULL);
        if (rc == SQLITE_OK && sqlite3_bind_parameter_count(q) > 0)
                rc = sqlite3_bind_int64(q, 1, a);
        if (rc == SQLITE_OK && sqlite3_bind_parameter_count(q) > 1)
                rc = sqlite3_bind_int64(q, 2, b);
        if (rc == SQLITE_OK)
                rc = sqlite3_step(q) == SQLITE_DONE ? SQLITE_OK : sqlite3_extended_errcode(s->db.db);
        (void)sqlite3_finalize(q); /* repeats the error of the step */
        if (rc == SQLITE_OK)
                rc = database_commit(&s->db);
        if (rc != SQLITE_OK)
                database_rollback(&s->db);
        return rc == SQLITE_OK;
}

static int erasing_read(Store *s)
{
        sqlite3_stmt *q = NULL;
        int rc = sqlite3_prepare_v2(s->db.db, "SELECT resident FROM erasing", -1, &q, NULL);

        while (rc == SQLITE_OK && (rc = sqlite3_step(q)) == SQLITE_ROW) {
                readings_erase(s->readings, (uint32_t)sqlite3_column_int64(q, 0));
                rc = SQLITE_OK;
        }
        (void)sqlite3_finalize(q);          /* repeats the error of the step */
        if (rc == SQLITE_DONE && s->legacy) /* fails where there is no such table any more */
                (void)run(s, "DELETE FROM reading WHERE resident IN (SELECT resident FROM erasing)", 0, 0);
        return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* One whose files are clean. A new wish that has come meanwhile has begun the erasure again, and it is not done. */
static void erased_note(Store *s)
{
        uint32_t resident;

        if (!readings_erased(s->readings, &resident))
                return;
        if (!run(s, "DELETE FROM erasing WHERE resident = ?1", resident, 0)) {
                s->erasing_due = true;
                return;
        }
        store_lock(s);
        s->status.erased++;
        store_unlock(s);
        signal_fd(s->event_fd);
}

/* The table of an older version */

static int legacy_first(Store *s, int64_t *ret)
{
        sqlite3_stmt *q = NULL;
        int rc = sqlite3_prepare_v2(s->db.db, "SELECT min(t) FROM reading", -1, &q, NULL);

        if (rc == SQLITE_ERROR) /* no such table */
                return SQLITE_NOTFOUND;
        if (rc == SQLITE_OK)
                rc = sqlite3_step(q);
        *ret = INT64_MAX;
        if (rc == SQLITE_ROW && sqlite3_column_type(q, 0) != SQLITE_NULL)
                *ret = sqlite3_column_int64(q, 0);
        (void)sqlite3_finalize(q); /* repeats the error of the step */
        return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static void legacy_row(Store *s, sqlite3_stmt *q)
{
        VitalsEvent v = {0};
        ReadingRow row;

        for (int i = 0; i < VITAL_MAX; i++)
                if (sqlite3_column_type(q, 3 + i) != SQLITE_NULL) {
                        v.has |= 1u << i;
                        v.value[i] = sqlite3_column_double(q, 3 + i);
                }
        reading_row(&row, sqlite3_column_int64(q, 0), &v);
        readings_add(s->readings, (uint32_t)sqlite3_column_int64(q, 2), (uint32_t)sqlite3_column_int64(q, 1),
                &row);
}

/* Up to LEGACY_ROWS of an hour into memory; at its end they go into a file. */
static int legacy_take(Store *s)
{
        static const char sql[] = "SELECT t, device, resident, hr, spo2, sys, dia, temp, resp FROM reading"
                                  " WHERE (t, device) > (?1, ?2) AND t <= ?3 ORDER BY t, device LIMIT ?4";
        sqlite3_stmt *q = NULL;
        int rc = sqlite3_prepare_v2(s->db.db, sql, -1, &q, NULL), n = 0;

        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(q, 1, s->legacy_t);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(q, 2, s->legacy_device);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(q, 3, s->legacy_last);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(q, 4, LEGACY_ROWS);
        while (rc == SQLITE_OK && (rc = sqlite3_step(q)) == SQLITE_ROW) {
                legacy_row(s, q);
                s->legacy_t = sqlite3_column_int64(q, 0);
                s->legacy_device = sqlite3_column_int64(q, 1);
                n++;
                rc = SQLITE_OK;
        }
        (void)sqlite3_finalize(q); /* repeats the error of the step */
        if (rc == SQLITE_DONE && n < LEGACY_ROWS) {
                s->legacy_until = s->legacy_last + 1;
                s->legacy_last = 0;
                readings_flush(s->readings);
        }
        return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* False: there is no such table any more, or nothing can be done now. */
static bool legacy_step(Store *s)
{
        int64_t first = INT64_MAX;
        int rc;

        if (s->legacy_last > 0)
                return legacy_take(s) == SQLITE_OK;
        if (s->legacy_until > 0 && !readings_settled(s->readings))
                return false; /* its hour is not in a file yet */
        rc = legacy_first(s, &first);
        if (rc == SQLITE_NOTFOUND) {
                s->legacy = false;
                return false;
        }
        if (rc != SQLITE_OK)
                return false;
        if (first == INT64_MAX)
                return run(s, "DROP TABLE reading", 0, 0);
        if (first < s->legacy_until)
                return run(s,
                        "DELETE FROM reading WHERE (t, device) IN (SELECT t, device FROM reading WHERE t < "
                        "?1"
                        " ORDER BY t LIMIT ?2)",
                        s->legacy_until, LEGACY_ROWS);
        s->legacy_last = first - first % LEGACY_SPAN_US + LEGACY_SPAN_US - 1;
        if (s->legacy_last < 1)
                s->legacy_last = 1; /* a clock before 1970: all of that at once */
        s->legacy_t = first - 1;
        s->legacy_device = 0;
        return legacy_take(s) == SQLITE_OK;
}

/* Looks */

static void text(sqlite3_stmt *q, int column, char *ret, size_t cap)
{
        const char *p = (const char *)sqlite3_column_text(q, column);

        (void)str_copy(ret, cap, p ? p : ""); /* cut is fine: it is read by a person */
}

static void step_read(const Store *s, sqlite3_stmt *q, StoreStep *step)
{
        *step = (StoreStep){.seq = (uint64_t)(sqlite3_column_int64(q, 0) + s->db.seq_offset),
                .t_us = sqlite3_column_int64(q, 1),
                .kind = (JournalKind)sqlite3_column_int(q, 2),
                .erased = sqlite3_column_int(q, 3) != 0,
                .tier = (uint32_t)sqlite3_column_int(q, 4),
                .value = sqlite3_column_type(q, 5) == SQLITE_NULL ? NAN : sqlite3_column_double(q, 5),
                .limit = sqlite3_column_type(q, 6) == SQLITE_NULL ? NAN : sqlite3_column_double(q, 6)};
        text(q, 7, step->worker, sizeof(step->worker));
        text(q, 8, step->source, sizeof(step->source));
        text(q, 9, step->to, sizeof(step->to));
        text(q, 10, step->reason, sizeof(step->reason));
        text(q, 11, step->vital, sizeof(step->vital));
        text(q, 12, step->alarm, sizeof(step->alarm));
        text(q, 13, step->channel, sizeof(step->channel));
        text(q, 14, step->outcome, sizeof(step->outcome));
        text(q, 15, step->agency, sizeof(step->agency));
        text(q, 16, step->note, sizeof(step->note));
}

static void timeline_read(Store *s, StoreLook *look)
{
        static const char sql[] =
                "SELECT seq, t, kind, b IS NULL, b ->> '$.tier', b ->> '$.value', b ->> '$.limit',"
                " b ->> '$.worker', CASE WHEN b ->> '$.via' IS NOT NULL THEN b ->> '$.source' END, b ->> "
                "'$.to',"
                " b ->> '$.reason', b ->> '$.vital', b ->> '$.kind', b ->> '$.channel', b ->> '$.outcome',"
                " b ->> '$.agency', b ->> '$.payload.note'"
                " FROM (SELECT seq, t, kind, CASE WHEN json_valid(body) THEN body END AS b FROM journal"
                " WHERE incident = ?1 ORDER BY seq DESC LIMIT ?2)";
        sqlite3_stmt *q = NULL;
        int rc = s->db.db ? sqlite3_prepare_v2(s->db.db, sql, -1, &q, NULL) : SQLITE_CANTOPEN;

        look->steps = calloc(STEPS_MAX, sizeof(StoreStep));
        ASSERT(look->steps);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(q, 1, (sqlite3_int64)look->incident);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(q, 2, STEPS_MAX + 1);
        while (rc == SQLITE_OK && (rc = sqlite3_step(q)) == SQLITE_ROW) {
                look->more = look->n_steps == STEPS_MAX;
                if (!look->more)
                        step_read(s, q, &look->steps[look->n_steps++]);
                rc = SQLITE_OK;
        }
        (void)sqlite3_finalize(q); /* repeats the error of the step */
        look->failed = rc != SQLITE_DONE;
        for (uint32_t i = 0; i < look->n_steps / 2; i++) { /* oldest first */
                StoreStep step = look->steps[i];

                look->steps[i] = look->steps[look->n_steps - 1 - i];
                look->steps[look->n_steps - 1 - i] = step;
        }
}

/* Who is called so now, or was the last to be. 0: nobody, or it could not be read. */
static uint32_t resident_of(Store *s, StoreLook *look)
{
        sqlite3_stmt *q = NULL;
        uint32_t id = 0;
        int rc = s->db.db ? sqlite3_prepare_v2(s->db.db,
                                    "SELECT id FROM resident WHERE code = ?1 ORDER BY retired, id DESC "
                                    "LIMIT 1",
                                    -1, &q, NULL)
                          : SQLITE_ERROR;

        if (rc == SQLITE_OK)
                rc = sqlite3_bind_text(q, 1, look->code, -1, SQLITE_STATIC);
        if (rc == SQLITE_OK)
                rc = sqlite3_step(q);
        if (rc == SQLITE_ROW)
                id = (uint32_t)sqlite3_column_int64(q, 0);
        (void)sqlite3_finalize(q); /* repeats the error of the step */
        look->failed = id == 0;
        look->unknown = rc == SQLITE_DONE;
        return id;
}

static bool look_take(Store *s)
{
        StoreLook *look;

        store_lock(s);
        look = s->looks;
        if (look)
                s->looks = look->next;
        store_unlock(s);
        if (!look)
                return false;
        look->next = NULL;
        s->looking = look;
        if (look->kind == LOOK_VITALS && look->resident == 0)
                look->resident = resident_of(s, look);
        if (look->kind == LOOK_VITALS && !look->failed) {
                look->series = series_new(look->from_s, look->to_s, look->step_s);
                readings_look(s->readings, &s->look, look->resident, look->series);
        }
        return true;
}

/* True: there was one to work on. */
static bool look_work(Store *s)
{
        StoreLook **end;

        if (!s->looking && !look_take(s))
                return false;
        if (s->looking->kind == LOOK_TIMELINE)
                timeline_read(s, s->looking);
        else if (!s->looking->failed) {
                for (unsigned n = 0; n < LOOK_READS; n++)
                        if (!look_step(&s->look, readings_coder(s->readings)))
                                break;
                if (s->look.at < s->look.n_files)
                        return true;
                look_end(&s->look);
        }
        store_lock(s);
        for (end = &s->looked; *end; end = &(*end)->next)
                ;
        *end = TAKE_PTR(s->looking);
        s->status.looked++;
        store_unlock(s);
        signal_fd(s->event_fd);
        return true;
}

/* The thread's */

uint64_t store_readings_due(Store *s)
{
        uint64_t due = readings_due(s->readings);
        bool asked;

        store_lock(s);
        asked = s->looks != NULL;
        store_unlock(s);
        if (asked || s->looking || (s->db.db && s->erasing_due))
                return 0;
        return s->db.db && s->legacy && s->legacy_us < due ? s->legacy_us : due;
}

void store_readings_step(Store *s)
{
        Now now = clock_now();

        if (look_work(s))
                return;
        if (s->db.db && s->erasing_due)
                s->erasing_due = erasing_read(s) != SQLITE_OK;
        if (s->db.db && s->legacy && s->legacy_us <= now.boot_us)
                s->legacy_us = now.boot_us + (legacy_step(s) ? 20 * USEC_PER_MSEC : USEC_PER_SEC);
        if (readings_due(s->readings) <= now.boot_us)
                readings_run(s->readings, now);
        if (s->db.db)
                erased_note(s);
        tell(s);
}

void store_readings_end(Store *s)
{
        uint64_t now = clock_now().boot_us, until = now + READINGS_END_US;

        readings_end(s->readings, until < s->stop_us ? until : s->stop_us);
}

void store_readings_release(Store *s)
{
        StoreLook *next;

        if (s->looking) {
                look_end(&s->look);
                store_look_free(s->looking);
        }
        for (unsigned i = 0; i < 2; i++)
                for (StoreLook *look = i ? s->looks : s->looked; look; look = next) {
                        next = look->next;
                        store_look_free(look);
                }
        readings_free(s->readings);
}
