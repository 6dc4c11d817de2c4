/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of journal.db.
 *
 * journal    append-only, chained by hash (journal.h). Triggers refuse every change but the lawful erasure of a
 *            body with its salt: a guard rail against mistakes; against intent there is the chain.
 * renumber   from this row on, seq + offset is the number the rest of the world knows (store.c).
 * incident   the engine's state, one row each: columns for queries, the rest in blob, which is NULL once closed.
 *            incident_open is on a column that never changes, so that a transition does not touch it.
 * outbox     messages not yet handed to their channel. key: what was answered, in order of arrival.
 * mark       the newest fact of each kind about a device or a resident that is no incident (MarkKind in effect.h).
 * duty       who checked in or out last. day: first journal row of each UTC day, instead of an index on time.
 * grid … roster   the registry (registry.h); rows are retired, never deleted, so that ids in the journal keep
 *            their meaning. Codes are unique among those in use.
 *
 * tree       one hash for each 256 rows of the journal (checkpoint.c). checkpoint: signed roots (note.h).
 * kpi        one row of figures for each closed incident, derived from its rows in the journal (figures.c).
 * visit      one row for each visit at a bed, derived likewise (visits.c).
 *
 * A table of steps, one for each version: a step is never edited once released; a new version is a new step.
 */
#include "store/schema.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/assert.h"

static const char version_1[] =
        "CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"
        "CREATE TABLE boot(id INTEGER PRIMARY KEY, boot_id TEXT NOT NULL UNIQUE, started INTEGER NOT NULL) "
        "STRICT;"
        "CREATE TABLE journal(seq INTEGER PRIMARY KEY, t INTEGER NOT NULL, tb INTEGER NOT NULL,"
        " boot INTEGER NOT NULL, tq INTEGER NOT NULL, kind INTEGER NOT NULL, incident INTEGER, device "
        "INTEGER,"
        " dwelling INTEGER, worker INTEGER, grid INTEGER, salt BLOB, body TEXT,"
        " bh BLOB NOT NULL CHECK(length(bh) = 32), h BLOB NOT NULL CHECK(length(h) = 32)) STRICT;"
        "CREATE INDEX journal_incident ON journal(incident) WHERE incident IS NOT NULL;"
        "CREATE INDEX journal_dwelling ON journal(dwelling, t) WHERE dwelling IS NOT NULL;"
        "CREATE TRIGGER journal_update BEFORE UPDATE ON journal WHEN NOT (NEW.salt IS NULL AND NEW.body IS "
        "NULL"
        " AND NEW.seq IS OLD.seq AND NEW.t IS OLD.t AND NEW.tb IS OLD.tb AND NEW.boot IS OLD.boot"
        " AND NEW.tq IS OLD.tq AND NEW.kind IS OLD.kind AND NEW.incident IS OLD.incident"
        " AND NEW.device IS OLD.device AND NEW.dwelling IS OLD.dwelling AND NEW.worker IS OLD.worker"
        " AND NEW.grid IS OLD.grid AND NEW.bh IS OLD.bh AND NEW.h IS OLD.h)"
        " BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;"
        "CREATE TRIGGER journal_delete BEFORE DELETE ON journal"
        " BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;"
        "CREATE TABLE renumber(first_seq INTEGER PRIMARY KEY, seq_offset INTEGER NOT NULL, t INTEGER NOT "
        "NULL) STRICT;"
        "CREATE TABLE day(day INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL) STRICT;"
        "CREATE TABLE incident(id INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL, \"group\" INTEGER NOT "
        "NULL,"
        " class INTEGER NOT NULL, state INTEGER NOT NULL, priority INTEGER NOT NULL, tier INTEGER NOT NULL,"
        " round INTEGER NOT NULL, device INTEGER NOT NULL, resident INTEGER NOT NULL, dwelling INTEGER NOT "
        "NULL,"
        " grid INTEGER NOT NULL, owner INTEGER NOT NULL, opened INTEGER NOT NULL, accepted INTEGER, arrived "
        "INTEGER,"
        " resolved INTEGER, closed INTEGER, due INTEGER, due_tb INTEGER, boot INTEGER NOT NULL,"
        " source TEXT NOT NULL, outcome TEXT NOT NULL, blob BLOB) STRICT;"
        "CREATE INDEX incident_open ON incident(opened) WHERE closed IS NULL;"
        "CREATE INDEX incident_sla ON incident(grid, opened, accepted) WHERE closed IS NOT NULL;"
        "CREATE TABLE outbox(incident INTEGER NOT NULL, worker INTEGER NOT NULL, channel INTEGER NOT NULL,"
        " seq INTEGER NOT NULL, PRIMARY KEY(incident, worker, channel, seq)) STRICT, WITHOUT ROWID;"
        "CREATE TABLE key(n INTEGER PRIMARY KEY, key BLOB NOT NULL, digest BLOB NOT NULL, t INTEGER NOT "
        "NULL,"
        " tb INTEGER NOT NULL, boot INTEGER NOT NULL, incident INTEGER NOT NULL, seq INTEGER NOT NULL,"
        " owner INTEGER NOT NULL, result INTEGER NOT NULL, state INTEGER NOT NULL, reason INTEGER NOT NULL,"
        " action INTEGER NOT NULL) STRICT;"
        "CREATE TABLE duty(worker INTEGER PRIMARY KEY, on_duty INTEGER NOT NULL, t INTEGER NOT NULL) STRICT;"
        "CREATE TABLE reading(t INTEGER NOT NULL, device INTEGER NOT NULL, resident INTEGER NOT NULL, hr "
        "REAL,"
        " spo2 REAL, sys REAL, dia REAL, temp REAL, resp REAL, PRIMARY KEY(t, device)) STRICT, WITHOUT "
        "ROWID;"
        "CREATE TABLE grid(id INTEGER PRIMARY KEY, code TEXT NOT NULL, retired INTEGER NOT NULL DEFAULT 0,"
        " name TEXT NOT NULL, parent INTEGER NOT NULL) STRICT;"
        "CREATE TABLE dwelling(id INTEGER PRIMARY KEY, code TEXT NOT NULL, retired INTEGER NOT NULL DEFAULT "
        "0,"
        " grid INTEGER NOT NULL, building TEXT NOT NULL, floor TEXT NOT NULL, address TEXT NOT NULL,"
        " access TEXT NOT NULL) STRICT;"
        "CREATE TABLE resident(id INTEGER PRIMARY KEY, code TEXT NOT NULL, retired INTEGER NOT NULL DEFAULT "
        "0,"
        " dwelling INTEGER NOT NULL, name TEXT NOT NULL, birth TEXT NOT NULL, phone TEXT NOT NULL,"
        " notes TEXT NOT NULL, hr_min REAL, hr_max REAL, spo2_min REAL, spo2_max REAL, sys_min REAL, "
        "sys_max REAL,"
        " dia_min REAL, dia_max REAL, temp_min REAL, temp_max REAL, resp_min REAL, resp_max REAL) STRICT;"
        "CREATE TABLE device(id INTEGER PRIMARY KEY, code TEXT NOT NULL, retired INTEGER NOT NULL DEFAULT 0,"
        " class TEXT NOT NULL, profile TEXT NOT NULL, dwelling INTEGER NOT NULL, resident INTEGER NOT NULL,"
        " beat INTEGER NOT NULL) STRICT;"
        "CREATE TABLE worker(id INTEGER PRIMARY KEY, code TEXT NOT NULL, retired INTEGER NOT NULL DEFAULT 0,"
        " name TEXT NOT NULL, phone TEXT NOT NULL, role TEXT NOT NULL, client INTEGER NOT NULL,"
        " scope INTEGER NOT NULL, scope_id INTEGER NOT NULL, building TEXT NOT NULL) STRICT;"
        "CREATE TABLE roster(n INTEGER PRIMARY KEY, worker INTEGER NOT NULL, days INTEGER NOT NULL,"
        " from_minute INTEGER NOT NULL, to_minute INTEGER NOT NULL, valid_from INTEGER NOT NULL,"
        " valid_to INTEGER NOT NULL) STRICT;"
        "CREATE UNIQUE INDEX grid_code ON grid(code) WHERE retired = 0;"
        "CREATE UNIQUE INDEX dwelling_code ON dwelling(code) WHERE retired = 0;"
        "CREATE UNIQUE INDEX resident_code ON resident(code) WHERE retired = 0;"
        "CREATE UNIQUE INDEX device_code ON device(code) WHERE retired = 0;"
        "CREATE UNIQUE INDEX worker_code ON worker(code) WHERE retired = 0;";

/* journal_admin is partial: administration is rare, and asked for by auditors first. The two indexes on incident are on
 * columns that a transition does not touch. */
static const char version_2[] =
        "CREATE TABLE tree(n INTEGER PRIMARY KEY, h BLOB NOT NULL CHECK(length(h) = 32)) STRICT;"
        "CREATE TABLE checkpoint(size INTEGER PRIMARY KEY, t INTEGER NOT NULL, note TEXT NOT NULL) STRICT;"
        "CREATE TABLE kpi(incident INTEGER PRIMARY KEY, opened INTEGER NOT NULL, grid INTEGER NOT NULL,"
        " class INTEGER NOT NULL, priority INTEGER NOT NULL, owner INTEGER NOT NULL, resident INTEGER NOT "
        "NULL,"
        " dwelling INTEGER NOT NULL, device_ms INTEGER, call_ms INTEGER, delivered_ms INTEGER, accept_ms "
        "INTEGER,"
        " arrive_ms INTEGER, resolve_ms INTEGER, reopened INTEGER NOT NULL, tiers INTEGER NOT NULL,"
        " rounds INTEGER NOT NULL, attempts INTEGER NOT NULL, late_ms INTEGER NOT NULL, test INTEGER NOT "
        "NULL,"
        " outcome TEXT NOT NULL) STRICT;"
        "CREATE INDEX journal_admin ON journal(seq) WHERE kind = 7;"
        "CREATE INDEX incident_dwelling ON incident(dwelling, opened);"
        "CREATE INDEX incident_resident ON incident(resident, opened) WHERE resident <> 0;";

/* What goes before the duty table for a time; days off and worked instead; a person's further channels. */
static const char version_3[] =
        "CREATE TABLE roster_override(n INTEGER PRIMARY KEY, worker INTEGER NOT NULL, on_duty INTEGER NOT "
        "NULL,"
        " from_stamp INTEGER NOT NULL, to_stamp INTEGER NOT NULL) STRICT;"
        "CREATE TABLE holiday(date INTEGER PRIMARY KEY, work INTEGER NOT NULL) STRICT;"
        "ALTER TABLE worker ADD COLUMN channels TEXT NOT NULL DEFAULT '';";

static const char version_4[] =
        "CREATE TABLE mark(kind INTEGER NOT NULL, id INTEGER NOT NULL, worker INTEGER NOT NULL,"
        " value INTEGER NOT NULL, t INTEGER NOT NULL, PRIMARY KEY(kind, id)) STRICT, WITHOUT ROWID;";

/* A period of an auditor's: both columns never change, so that only the row's birth touches the index. */
static const char version_5[] = "CREATE INDEX incident_opened ON incident(opened);"
                                "CREATE INDEX kpi_opened ON kpi(opened);";

/* What is set for one person: resident 0 is everybody (engine/rules.h). */
static const char version_6[] =
        "CREATE TABLE person_rule(n INTEGER PRIMARY KEY, resident INTEGER NOT NULL, rule TEXT NOT NULL,"
        " a REAL NOT NULL, b REAL NOT NULL, c REAL NOT NULL) STRICT;";

/* What a bed is promised a year, and the visits (visits.c): one row each, derived from its rows in the journal. */
static const char version_7[] =
        "ALTER TABLE resident ADD COLUMN visits INTEGER NOT NULL DEFAULT 0;"
        "CREATE TABLE visit(n INTEGER PRIMARY KEY, resident INTEGER NOT NULL, worker INTEGER NOT NULL,"
        " service TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER, seconds INTEGER NOT NULL,"
        " counts INTEGER NOT NULL, forgotten INTEGER NOT NULL, rating INTEGER, proof INTEGER NOT NULL,"
        " in_seq INTEGER NOT NULL, out_seq INTEGER, fix_seq INTEGER) STRICT;"
        "CREATE INDEX visit_resident ON visit(resident, since);"
        "CREATE INDEX visit_since ON visit(since);";

/* Proof tests of a device, and the canary (a device that nobody has registered); faults, by time. */
static const char version_8[] = "CREATE INDEX journal_test ON journal(device, t) WHERE kind = 60;"
                                "CREATE INDEX kpi_fault ON kpi(opened) WHERE class = 8;";

/* Whose readings are still to be erased from the files (store-readings.c, which also empties and drops `reading`); who
 * looked, which is rare and asked for by auditors. */
static const char version_9[] = "CREATE TABLE erasing(resident INTEGER PRIMARY KEY) STRICT;"
                                "CREATE INDEX journal_viewed ON journal(seq) WHERE kind = 61;";

/* Did the gateway's own alarm come home? Two rows in ten minutes, among all the others. */
static const char version_10[] = "CREATE INDEX journal_canary ON journal(t) WHERE kind = 62;";

/* From receiving to the device's receipt. */
static const char version_11[] = "ALTER TABLE kpi ADD COLUMN receipt_ms INTEGER;";

/* Rows that name no dwelling and no incident, and may name a person all the same: few, and looked for by an erasure. */
static const char version_12[] = "CREATE INDEX journal_bare ON journal(seq) WHERE dwelling IS NULL AND "
                                 "incident IS NULL AND kind <> 7;";

const SchemaStep schema_steps[] = {{1, version_1}, {2, version_2}, {3, version_3}, {4, version_4},
        {5, version_5}, {6, version_6}, {7, version_7}, {8, version_8}, {9, version_9}, {10, version_10},
        {11, version_11}, {12, version_12}};
const size_t schema_n_steps = sizeof(schema_steps) / sizeof(schema_steps[0]);

static int number_get(sqlite3 *db, const char *sql, int *ret)
{
        sqlite3_stmt *s = NULL;
        int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);

        if (rc == SQLITE_OK)
                rc = sqlite3_step(s);
        if (rc == SQLITE_ROW) {
                *ret = sqlite3_column_int(s, 0);
                rc = SQLITE_OK;
        }
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        return rc;
}

static int step_apply(sqlite3 *db, const SchemaStep *step)
{
        char mark[96];
        int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

        if (rc != SQLITE_OK)
                return rc;
        (void)snprintf(mark, sizeof(mark), "PRAGMA user_version = %d; PRAGMA application_id = %d",
                step->version, SCHEMA_APPLICATION_ID); /* two numbers fit */
        rc = sqlite3_exec(db, step->sql, NULL, NULL, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_exec(db, mark, NULL, NULL, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
        if (rc != SQLITE_OK && !sqlite3_get_autocommit(db))
                (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL); /* rc says what went wrong */
        return rc;
}

int schema_migrate(sqlite3 *db, const SchemaStep *steps, size_t n_steps)
{
        int version = 0, id = 0, n_tables = 0, rc;

        ASSERT(db && n_steps > 0);
        rc = number_get(db, "PRAGMA user_version", &version);
        if (rc == SQLITE_OK)
                rc = number_get(db, "PRAGMA application_id", &id);
        if (rc == SQLITE_OK)
                rc = number_get(db, "SELECT count(*) FROM sqlite_schema", &n_tables);
        if (rc != SQLITE_OK)
                return rc;
        if (n_tables > 0 && id != SCHEMA_APPLICATION_ID)
                return SCHEMA_E_FOREIGN;
        if (version > steps[n_steps - 1].version)
                return SCHEMA_E_LATER;
        for (size_t i = 0; i < n_steps; i++) {
                ASSERT(i == 0 || steps[i].version > steps[i - 1].version);
                if (steps[i].version <= version)
                        continue;
                rc = step_apply(db, &steps[i]);
                if (rc != SQLITE_OK)
                        return rc;
        }
        return SQLITE_OK;
}
