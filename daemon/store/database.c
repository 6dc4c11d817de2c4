/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection to journal.db.
 *
 * Exactly one read-write connection exists for the file, used by one thread at a time: in SQLite before 3.51.3 a
 * second connection that commits while this one checkpoints can corrupt the file. Everybody else opens mode=ro. From one
 * thread to the next it goes by the end of the one or under the store's mutex, so SQLite's own locks, which cost a third
 * of reading the registry, are off.
 *
 * What opening ensures, in this order: the pragmas stand; the file is writable and of our version; a new file's name
 * is durable (its directory is flushed before the first row is believed); what the write-ahead log holds is moved
 * into the database and flushed; the end of the chain verifies and continues what was committed before; a row has
 * really been written (a full or read-only disk shows here, not at the first alarm).
 *
 * Why the log is emptied at opening: after a failed flush the kernel takes the pages for clean. On the same
 * connection that is harmless, because the failed group is written again over the same place. But after closing
 * or a crash, recovery reads the group back from the page cache, whole and valid, though the disk may not have it;
 * frames appended behind such a hole would be lost with it at a power cut. Moving everything into the database and
 * flushing that ends the doubt. Such revived rows were never reported committed: they are still in the queue, so the
 * group is applied again. Journal rows up to `revived_seq` are then compared instead of written, and everything else
 * in a group is made to be applied twice without harm.
 *
 * The log is made large once and kept (PERSIST_WAL, no truncation, no size limit): a commit is then one flush and
 * needs no new blocks, so that a full disk does not stop the journal. The table that made it large leaves free
 * pages in the database for the same purpose.
 */
#include "store/database.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "store/ahead.h"
#include "store/registry-db.h"
#include "store/restore.h"
#include "store/schema.h"

#define PATH_SIZE           4096 /* <limits.h> would be ours, not libc's */
#define TAIL_ROWS           1000u
#define TRUSTED_ROWS        100000u
#define WAL_BYTES           (6u << 20)
#define CHUNK_BYTES         (8 << 20)
#define SPACE_MIN           (64u << 20) /* free space below which nothing is made larger in advance */
#define KEY_AGE_US          USEC_PER_DAY
#define INCIDENTS_AHEAD     20u
#define INCIDENTS_AHEAD_MAX 400u /* below what registry.export keeps ahead (store.c) */

static const char *const statement_texts[STATEMENT_MAX] = {
        [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
        [STATEMENT_COMMIT] = "COMMIT",
        [STATEMENT_JOURNAL] =
                "INSERT INTO journal(seq, t, tb, boot, tq, kind, incident, device, dwelling, worker, grid,"
                " salt, body, bh, h) VALUES(?1, ?2, ?3, ?4, ?5, ?6, nullif(?7, 0), nullif(?8, 0),"
                " nullif(?9, 0), nullif(?10, 0), nullif(?11, 0), ?12, ?13, ?14, ?15)",
        [STATEMENT_JOURNAL_ROW] =
                "SELECT t, kind, coalesce(incident, 0), salt, bh FROM journal WHERE seq = ?1",
        [STATEMENT_DAY] = "INSERT OR IGNORE INTO day(day, first_seq) VALUES(?1, ?2)",
        [STATEMENT_STATE] =
                "INSERT INTO incident(id, last_seq, \"group\", class, state, priority, tier, round, device, "
                "resident,"
                " dwelling, grid, owner, opened, accepted, arrived, resolved, closed, due, due_tb, boot, "
                "source, outcome,"
                " blob) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, nullif(?15, 0), "
                "nullif(?16, 0),"
                " nullif(?17, 0), nullif(?18, 0), nullif(?19, 0), nullif(?20, 0), ?21, ?22, ?23, ?24)"
                " ON CONFLICT(id) DO UPDATE SET last_seq = excluded.last_seq, \"group\" = "
                "excluded.\"group\","
                " class = excluded.class, state = excluded.state, priority = excluded.priority, tier = "
                "excluded.tier,"
                " round = excluded.round, device = excluded.device, resident = excluded.resident,"
                " dwelling = excluded.dwelling, grid = excluded.grid, owner = excluded.owner, opened = "
                "excluded.opened,"
                " accepted = excluded.accepted, arrived = excluded.arrived, resolved = excluded.resolved,"
                " closed = excluded.closed, due = excluded.due, due_tb = excluded.due_tb, boot = "
                "excluded.boot,"
                " source = excluded.source, outcome = excluded.outcome, blob = excluded.blob",
        [STATEMENT_KEY] = "INSERT INTO key(key, digest, t, tb, boot, incident, seq, owner, result, state, "
                          "reason, action)"
                          " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        [STATEMENT_DUTY] = "INSERT INTO duty(worker, on_duty, t) VALUES(?1, ?2, ?3)"
                           " ON CONFLICT(worker) DO UPDATE SET on_duty = excluded.on_duty, t = excluded.t",
        [STATEMENT_MARK] =
                "INSERT INTO mark(kind, id, worker, value, t) VALUES(?1, ?2, ?3, ?4, ?5)"
                " ON CONFLICT(kind, id) DO UPDATE SET worker = excluded.worker, value = excluded.value,"
                " t = excluded.t",
        [STATEMENT_UNMARK] = "DELETE FROM mark WHERE kind = ?1 AND id = ?2",
        [STATEMENT_OUTBOX_PUT] =
                "INSERT OR IGNORE INTO outbox(incident, worker, channel, seq) VALUES(?1, ?2, ?3, ?4)",
        [STATEMENT_OUTBOX_DROP] =
                "DELETE FROM outbox WHERE incident = ?1 AND worker = ?2 AND channel = ?3 AND seq <= ?4",
        [STATEMENT_META] = "INSERT INTO meta(name, value) VALUES(?1, ?2)"
                           " ON CONFLICT(name) DO UPDATE SET value = excluded.value",
        [STATEMENT_RENUMBER] =
                "INSERT OR REPLACE INTO renumber(first_seq, seq_offset, t) VALUES(?1, ?2, ?3)",
        /* Of this boot by CLOCK_BOOTTIME, of others by the wall clock, which ?3 leaves out while it is not trusted. */
        [STATEMENT_PRUNE_KEYS] = "DELETE FROM key WHERE n IN (SELECT n FROM key ORDER BY n LIMIT ?4)"
                                 " AND CASE WHEN boot = ?1 THEN tb < ?2 ELSE t < ?3 END",
};

bool database_corrupt(int rc)
{
        return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

void database_why(const Database *d, int rc, const char *what, char ret_why[DATABASE_WHY_SIZE])
{
        Str s = {.p = ret_why, .cap = DATABASE_WHY_SIZE};
        int os = d->db ? sqlite3_system_errno(d->db) : 0;

        str_addf(&s, "%s: %s (%d)", what, sqlite3_errstr(rc), rc);
        if (((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN) && os != 0)
                str_addf(&s, ": %s", strerrordesc_np(os));
}

int statement_get(Database *d, Statement which, sqlite3_stmt **ret)
{
        int rc = SQLITE_OK;

        ASSERT(d->db && which < STATEMENT_MAX);
        if (!d->statements[which])
                rc = sqlite3_prepare_v3(d->db, statement_texts[which], -1, SQLITE_PREPARE_PERSISTENT,
                        &d->statements[which], NULL);
        if (rc != SQLITE_OK)
                return rc;
        *ret = d->statements[which];
        return SQLITE_OK;
}

int statement_run(sqlite3_stmt *s)
{
        int rc = sqlite3_step(s), reset = sqlite3_reset(s);

        return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : reset != SQLITE_OK ? reset : rc;
}

/* Binding fails only for want of memory or by a wrong index. */
static void bind(sqlite3_stmt *s, int column, int64_t value)
{
        ASSERT(sqlite3_bind_int64(s, column, value) == SQLITE_OK);
}

static void bind_blob(sqlite3_stmt *s, int column, const void *bytes, size_t n)
{
        ASSERT(sqlite3_bind_blob64(s, column, bytes, n, SQLITE_STATIC) == SQLITE_OK);
}

static void bind_text(sqlite3_stmt *s, int column, const char *text, size_t n)
{
        ASSERT(sqlite3_bind_text64(s, column, text ? text : "", n, SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK);
}

/* Applying */

static uint32_t boot_to_database(const Database *d, uint32_t boot)
{
        return boot == d->engine_boot ? d->boot : boot;
}

/* The row is there already: it must be this one, or the database is not ours. */
static int journal_compare(Database *d, const JournalRecord *j, const char *body)
{
        uint8_t hash[HASH_SIZE];
        sqlite3_stmt *s;
        bool same = false;
        int rc = statement_get(d, STATEMENT_JOURNAL_ROW, &s);

        if (rc != SQLITE_OK)
                return rc;
        bind(s, 1, (int64_t)j->seq);
        rc = sqlite3_step(s);
        if (rc == SQLITE_ROW && sqlite3_column_bytes(s, 3) == SALT_SIZE &&
                sqlite3_column_bytes(s, 4) == HASH_SIZE) {
                journal_body_hash(sqlite3_column_blob(s, 3), body, j->body_size, hash);
                same = sqlite3_column_int64(s, 0) == j->t_us &&
                       sqlite3_column_int64(s, 1) == (int64_t)j->kind &&
                       sqlite3_column_int64(s, 2) == (int64_t)j->incident &&
                       memcmp(hash, sqlite3_column_blob(s, 4), HASH_SIZE) == 0;
        }
        (void)sqlite3_reset(s); /* repeats the error of the step */
        if (rc != SQLITE_ROW && rc != SQLITE_DONE)
                return rc;
        return same ? SQLITE_OK : SQLITE_CORRUPT;
}

static int day_note(Database *d, const JournalRecord *j)
{
        int64_t day = j->t_us / (int64_t)USEC_PER_DAY - (j->t_us % (int64_t)USEC_PER_DAY < 0);
        sqlite3_stmt *s;
        int rc;

        if (day == d->day)
                return SQLITE_OK;
        rc = statement_get(d, STATEMENT_DAY, &s);
        if (rc != SQLITE_OK)
                return rc;
        bind(s, 1, day);
        bind(s, 2, (int64_t)j->seq);
        rc = statement_run(s);
        if (rc == SQLITE_OK)
                d->day = day;
        return rc;
}

static int renumber_note(Database *d, const JournalRecord *j)
{
        sqlite3_stmt *s;
        int rc;

        if (!d->renumber)
                return SQLITE_OK;
        rc = statement_get(d, STATEMENT_RENUMBER, &s);
        if (rc != SQLITE_OK)
                return rc;
        bind(s, 1, (int64_t)j->seq);
        bind(s, 2, d->seq_offset);
        bind(s, 3, j->t_us);
        rc = statement_run(s);
        d->renumber = rc != SQLITE_OK;
        return rc;
}

static int apply_journal(Database *d, const OpJournal *op)
{
        const char *body = (const char *)(op + 1);
        uint8_t salt[SALT_SIZE], body_hash[HASH_SIZE], hash[HASH_SIZE], encoded[JOURNAL_RECORD_SIZE];
        JournalRecord j = op->record;
        sqlite3_stmt *s;
        int rc;

        j.seq = (uint64_t)((int64_t)j.seq - d->seq_offset);
        j.boot = boot_to_database(d, j.boot);
        if (!d->head.empty && j.seq <= d->head.seq) {
                ASSERT(j.seq <= d->revived_seq);
                return journal_compare(d, &j, body);
        }
        ASSERT(d->head.empty || j.seq == d->head.seq + 1);
        ASSERT(getrandom(salt, sizeof(salt), 0) == (ssize_t)sizeof(salt)); /* never short below 256 bytes */
        journal_body_hash(salt, body, j.body_size, body_hash);
        journal_encode(&j, d->head.hash, body_hash, encoded);
        journal_hash(encoded, hash);
        rc = statement_get(d, STATEMENT_JOURNAL, &s);
        if (rc != SQLITE_OK)
                return rc;
        bind(s, 1, (int64_t)j.seq);
        bind(s, 2, j.t_us);
        bind(s, 3, (int64_t)j.tb_us);
        bind(s, 4, j.boot);
        bind(s, 5, j.time_quality);
        bind(s, 6, (int64_t)j.kind);
        bind(s, 7, (int64_t)j.incident);
        bind(s, 8, j.device);
        bind(s, 9, j.dwelling);
        bind(s, 10, j.worker);
        bind(s, 11, j.grid);
        bind_blob(s, 12, salt, SALT_SIZE);
        bind_text(s, 13, body, j.body_size);
        bind_blob(s, 14, body_hash, HASH_SIZE);
        bind_blob(s, 15, hash, HASH_SIZE);
        rc = statement_run(s);
        if (rc == SQLITE_OK)
                rc = day_note(d, &j);
        if (rc == SQLITE_OK)
                rc = renumber_note(d, &j);
        if (rc == SQLITE_OK)
                rc = tree_note(d->db, &d->tree, hash);
        if (rc == SQLITE_OK)
                rc = visit_note(d->db, &j, d->seq_offset, &d->visits);
        if (rc == SQLITE_OK && j.kind == JOURNAL_CLOSED)
                rc = kpi_receipt(d->db, j.seq);
        if (rc != SQLITE_OK)
                return rc;
        if (d->head.empty)
                d->first_row = j.seq;
        d->matter |= j.incident != 0;
        d->head = (JournalHead){.seq = j.seq};
        memcpy(d->head.hash, hash, HASH_SIZE);
        return SQLITE_OK;
}

static int apply_state(Database *d, const StateRow *row)
{
        int64_t closed = row->closed_us ? row->closed_us : row->state == STATE_CLOSED;
        const int64_t values[] = {(int64_t)row->id, (int64_t)row->last_seq, row->group, row->class,
                row->state, row->priority, row->tier, row->round, row->device, row->resident, row->dwelling,
                row->grid, row->owner, row->opened_us, row->accepted_us, row->arrived_us, row->resolved_us,
                closed, row->due_wall_us, (int64_t)row->due_boot_us, boot_to_database(d, row->boot)};
        const int n = (int)(sizeof(values) / sizeof(values[0]));
        sqlite3_stmt *s;
        int rc = statement_get(d, STATEMENT_STATE, &s);

        ASSERT(n == 21);
        if (rc != SQLITE_OK)
                return rc;
        for (int i = 0; i < n; i++)
                bind(s, i + 1, values[i]);
        bind_text(s, n + 1, row->source, strnlen(row->source, sizeof(row->source)));
        bind_text(s, n + 2, row->outcome, strnlen(row->outcome, sizeof(row->outcome)));
        if (row->blob_size > 0)
                bind_blob(s, n + 3, row->blob, row->blob_size);
        else
                ASSERT(sqlite3_bind_null(s, n + 3) == SQLITE_OK);
        rc = statement_run(s);
        return rc == SQLITE_OK && row->state == STATE_CLOSED ? kpi_note(d->db, row->id) : rc;
}

static int apply_key(Database *d, const KeyRow *key, uint64_t submitted_us)
{
        sqlite3_stmt *s;
        int rc = statement_get(d, STATEMENT_KEY, &s);

        if (rc != SQLITE_OK)
                return rc;
        bind_blob(s, 1, key->key, sizeof(key->key));
        bind_blob(s, 2, key->digest, sizeof(key->digest));
        bind(s, 3, key->wall_us);
        bind(s, 4, (int64_t)submitted_us);
        bind(s, 5, d->boot);
        bind(s, 6, (int64_t)key->incident);
        bind(s, 7, (int64_t)key->seq);
        bind(s, 8, key->owner);
        bind(s, 9, key->result);
        bind(s, 10, key->state);
        bind(s, 11, key->reason);
        bind(s, 12, key->action);
        return statement_run(s);
}

static int apply_duty(Database *d, const OpDuty *duty)
{
        sqlite3_stmt *s;
        int rc = statement_get(d, STATEMENT_DUTY, &s);

        if (rc != SQLITE_OK)
                return rc;
        bind(s, 1, duty->worker);
        bind(s, 2, duty->on);
        bind(s, 3, duty->wall_us);
        return statement_run(s);
}

static int apply_mark(Database *d, const MarkRow *mark)
{
        sqlite3_stmt *s;
        int rc = statement_get(d, mark->value ? STATEMENT_MARK : STATEMENT_UNMARK, &s);

        if (rc != SQLITE_OK)
                return rc;
        bind(s, 1, mark->kind);
        bind(s, 2, mark->id);
        if (mark->value) {
                bind(s, 3, mark->worker);
                bind(s, 4, mark->value);
                bind(s, 5, mark->wall_us);
        }
        return statement_run(s);
}

static int apply_outbox(Database *d, Statement which, const OpOutbox *o)
{
        sqlite3_stmt *s;
        int rc = statement_get(d, which, &s);

        if (rc != SQLITE_OK)
                return rc;
        bind(s, 1, (int64_t)o->incident);
        bind(s, 2, o->worker);
        bind(s, 3, o->channel);
        bind(s, 4, (int64_t)o->seq);
        return statement_run(s);
}

static int apply_erase(Database *d, const OpErase *e)
{
        return erase_resident(d->db, e->code);
}

static int meta_put(Database *d, const char *name, const char *value)
{
        sqlite3_stmt *s;
        int rc = statement_get(d, STATEMENT_META, &s);

        if (rc != SQLITE_OK)
                return rc;
        bind_text(s, 1, name, strlen(name));
        bind_text(s, 2, value, strlen(value));
        return statement_run(s);
}

static int meta_put_number(Database *d, const char *name, uint64_t value)
{
        char text[24];

        (void)snprintf(text, sizeof(text), "%" PRIu64, value); /* 20 digits at most */
        return meta_put(d, name, text);
}

/*
 * An incident's number is called out before its row is on the disk. After an unclean end the number must not come
 * again for another matter: an old "accept 7" would hit the wrong one. So a number that lies INCIDENTS_AHEAD above what
 * is stored is kept in meta, and numbering goes on from it. More ahead after a group with many: they come in bursts.
 */
static int apply_ceiling(Database *d, uint64_t incident_max)
{
        uint64_t ahead = INCIDENTS_AHEAD, ceiling = d->ceiling;
        int rc;

        if (incident_max + INCIDENTS_AHEAD / 2 < ceiling)
                return SQLITE_OK;
        if (incident_max > ceiling)
                ahead += incident_max - ceiling;
        if (ahead > INCIDENTS_AHEAD_MAX)
                ahead = INCIDENTS_AHEAD_MAX;
        ceiling = incident_max + 1 + ahead;
        ASSERT(ceiling > d->ceiling);
        rc = meta_put_number(d, "incident_ceiling", ceiling);
        if (rc == SQLITE_OK)
                d->ceiling = ceiling;
        return rc;
}

int database_apply(Database *d, const StoreTxn *t)
{
        int rc = SQLITE_OK;

        ASSERT(d->db && !sqlite3_get_autocommit(d->db));
        for (const Op *op = txn_next(t, NULL); op && rc == SQLITE_OK; op = txn_next(t, op))
                switch ((OpType)op->type) {
                case OP_JOURNAL: rc = apply_journal(d, op_content(op)); break;
                case OP_STATE: rc = apply_state(d, op_content(op)); break;
                case OP_KEY: rc = apply_key(d, op_content(op), t->submitted_us); break;
                case OP_DUTY: rc = apply_duty(d, op_content(op)); break;
                case OP_MARK: rc = apply_mark(d, op_content(op)); break;
                case OP_READING: break; /* goes to the readings store when the group is committed */
                case OP_OUTBOX_PUT: rc = apply_outbox(d, STATEMENT_OUTBOX_PUT, op_content(op)); break;
                case OP_OUTBOX_DROP: rc = apply_outbox(d, STATEMENT_OUTBOX_DROP, op_content(op)); break;
                case OP_ERASE: rc = apply_erase(d, op_content(op)); break;
                case OP_REGISTRY: rc = registry_db_write(d->db, t->registry); break;
                }
        return rc == SQLITE_OK ? apply_ceiling(d, t->incident_max) : rc;
}

int database_registry(Database *d, const Registry *registry)
{
        ASSERT(d->db && !sqlite3_get_autocommit(d->db));
        return registry_db_write(d->db, registry);
}

int database_begin(Database *d)
{
        sqlite3_stmt *s;
        int rc = statement_get(d, STATEMENT_BEGIN, &s);

        return rc == SQLITE_OK ? statement_run(s) : rc;
}

int database_commit(Database *d)
{
        sqlite3_stmt *s;
        int rc = statement_get(d, STATEMENT_COMMIT, &s);

        if (rc == SQLITE_OK)
                rc = statement_run(s);
        if (rc != SQLITE_OK)
                return rc;
        d->committed = d->head;
        d->committed_tree = d->tree;
        d->committed_day = d->day;
        d->committed_renumber = d->renumber;
        d->committed_ceiling = d->ceiling;
        return SQLITE_OK;
}

void database_rollback(Database *d)
{
        if (!sqlite3_get_autocommit(d->db))
                (void)sqlite3_exec(
                        d->db, "ROLLBACK", NULL, NULL, NULL); /* fails only when SQLite did it already */
        d->head = d->committed;
        d->tree = d->committed_tree;
        d->day = d->committed_day;
        d->renumber = d->committed_renumber;
        d->ceiling = d->committed_ceiling;
        d->visits.n = 0;
}

int database_rest(Database *d, uint64_t next_incident)
{
        int rc;

        ASSERT(d->db && next_incident > 0);
        rc = database_begin(d);
        if (rc == SQLITE_OK)
                rc = meta_put_number(d, "incident_ceiling", next_incident);
        if (rc == SQLITE_OK)
                rc = database_commit(d);
        if (rc != SQLITE_OK)
                database_rollback(d);
        return rc;
}

void database_offset_set(Database *d, int64_t offset)
{
        ASSERT(d->db && sqlite3_get_autocommit(d->db));
        if (offset == d->seq_offset)
                return;
        d->seq_offset = offset;
        d->renumber = d->committed_renumber = true;
}

/* Keeping */

int database_checkpoint(Database *d)
{
        int frames = 0, moved = 0;
        int rc = sqlite3_wal_checkpoint_v2(d->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames, &moved);

        if (rc == SQLITE_OK)
                d->frames = frames > moved ? frames - moved : 0;
        return rc;
}

int database_prune(Database *d, Now now, uint32_t rows, bool *ret_more)
{
        sqlite3_stmt *s;
        int changes = 0, rc;

        rc = statement_get(d, STATEMENT_PRUNE_KEYS, &s);
        if (rc != SQLITE_OK)
                return rc;
        bind(s, 1, d->boot);
        bind(s, 2, (int64_t)now.boot_us - (int64_t)KEY_AGE_US);
        bind(s, 3, now.trusted ? now.wall_us - (int64_t)KEY_AGE_US : INT64_MIN);
        bind(s, 4, rows);
        rc = statement_run(s);
        changes = sqlite3_changes(d->db);
        *ret_more = rc == SQLITE_OK && changes >= (int)rows;
        return rc;
}

/* Opening */

typedef struct Opening {
        Database *d;
        const DatabaseOrigin *origin;
        char path[PATH_SIZE];
        char *why;
} Opening;

/* Classifies a failure of SQLite and says why. */
static int refuse(const Opening *o, int rc, const char *what)
{
        database_why(o->d, rc, what, o->why);
        o->d->error = rc;
        return database_corrupt(rc) ? DATABASE_E_BAD : DATABASE_E_DOWN;
}

static int refuse_text(const Opening *o, int result, const char *text)
{
        (void)str_copy(o->why, DATABASE_WHY_SIZE, text); /* fits, or is cut for a person */
        return result;
}

static int directory_sync(const char *directory)
{
        _cleanup_(closep) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0 || fsync(fd) < 0)
                return error_origin(-errno);
        return 0;
}

static int on_commit(void *userdata, sqlite3 *db, const char *name, int frames)
{
        Database *d = userdata;

        d->frames = frames;
        return SQLITE_OK;
}

static int journal_mode_set(Opening *o)
{
        sqlite3_stmt *s = NULL;
        bool wal = false;
        int rc = sqlite3_prepare_v2(o->d->db, "PRAGMA journal_mode = WAL", -1, &s, NULL);

        if (rc == SQLITE_OK)
                rc = sqlite3_step(s);
        if (rc == SQLITE_ROW) {
                wal = str_equal((const char *)sqlite3_column_text(s, 0), "wal");
                rc = SQLITE_OK;
        }
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        if (rc != SQLITE_OK)
                return refuse(o, rc, "journal_mode");
        return wal ? 0 : refuse_text(o, DATABASE_E_DOWN, "the database cannot use a write-ahead log here");
}

/* Opens the file and sets everything that holds for the connection. */
static int connect_file(Opening *o)
{
        static const char pragmas[] =
                "PRAGMA page_size = 4096; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
                " PRAGMA cache_size = -2000; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;"
                " PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
                " PRAGMA foreign_keys = OFF";
        const int flags =
                SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
        Database *d = o->d;
        int persist = 1, chunk = CHUNK_BYTES, r;
        int rc = sqlite3_open_v2(o->path, &d->db, flags, NULL);

        if (rc == SQLITE_OK)
                rc = sqlite3_busy_timeout(d->db, 2000);
        if (rc == SQLITE_OK)
                rc = sqlite3_db_config(d->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_exec(d->db, pragmas, NULL, NULL, NULL);
        if (rc != SQLITE_OK)
                return refuse(o, rc, "open");
        if (sqlite3_db_readonly(d->db, "main") != 0)
                return refuse_text(o, DATABASE_E_DOWN, "open: journal.db is read-only");
        r = journal_mode_set(o);
        if (r != 0)
                return r;
        /* The connection may still turn out read-only: only the first look at the file tells. */
        if (sqlite3_db_readonly(d->db, "main") != 0)
                return refuse_text(o, DATABASE_E_DOWN, "open: journal.db is read-only");
        rc = sqlite3_file_control(d->db, "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
        if (rc == SQLITE_OK)
                rc = sqlite3_file_control(d->db, "main", SQLITE_FCNTL_CHUNK_SIZE, &chunk);
        if (rc != SQLITE_OK)
                return refuse(o, rc, "file control");
        (void)sqlite3_wal_hook(
                d->db, on_commit, d); /* returns the userdata of the hook before: there is none */
        return 0;
}

static int migrate(Opening *o)
{
        int rc = schema_migrate(o->d->db, schema_steps, schema_n_steps);

        if (rc == SCHEMA_E_LATER)
                return refuse_text(
                        o, DATABASE_E_DOWN, "journal.db was written by a later version of huyingd");
        if (rc == SCHEMA_E_FOREIGN)
                return refuse_text(o, DATABASE_E_DOWN, "journal.db is not a file of huyingd");
        if (rc == SQLITE_OK && o->d->created) /* the steps are for ever; what they make for older versions is not */
                rc = sqlite3_exec(o->d->db, "DROP TABLE IF EXISTS reading", NULL, NULL, NULL);
        return rc == SQLITE_OK ? 0 : refuse(o, rc, "schema");
}

/* Best effort: without it commits cost a second flush, and a full disk stops them sooner. The table must be committed
 * before it is dropped: pages freed in the transaction that took them never reach the log. */
static void grow(Opening *o)
{
        struct statvfs vfs;
        struct stat st;
        char wal[PATH_SIZE + 8];
        char sql[128];

        (void)snprintf(wal, sizeof(wal), "%s-wal", o->path); /* fits */
        if (stat(wal, &st) == 0 && st.st_size >= (off_t)WAL_BYTES)
                return;
        if (statvfs(o->origin->directory, &vfs) < 0 || vfs.f_bavail < SPACE_MIN / vfs.f_frsize)
                return;
        (void)snprintf(sql, sizeof(sql),
                "BEGIN; CREATE TABLE grow(x BLOB); INSERT INTO grow VALUES(zeroblob(%u)); COMMIT",
                WAL_BYTES); /* fits */
        (void)sqlite3_exec(o->d->db,
                "PRAGMA secure_delete = FAST; PRAGMA cache_size = -200; DROP TABLE IF EXISTS grow", NULL,
                NULL, NULL);
        if (sqlite3_exec(o->d->db, sql, NULL, NULL, NULL) != SQLITE_OK)
                database_rollback(o->d);
        (void)sqlite3_exec(o->d->db,
                "DROP TABLE IF EXISTS grow; PRAGMA secure_delete = ON; PRAGMA cache_size = -2000", NULL,
                NULL, NULL);
        (void)database_checkpoint(o->d); /* the next one moves it */
}

/* Rows that a new database begins with. */
static int begin_file(Database *d, const DatabaseOrigin *o)
{
        int rc = meta_put(d, "site", o->site);

        if (rc == SQLITE_OK)
                rc = meta_put_number(d, "created", (uint64_t)o->wall_us);
        if (rc == SQLITE_OK)
                rc = meta_put_number(d, "first_seq", o->first_seq);
        if (rc == SQLITE_OK)
                rc = meta_put_number(d, "first_incident", o->first_incident);
        return rc;
}

/* The end of the chain, and that it goes on from what was committed before. */
static int tail_check(Opening *o)
{
        const JournalHead *known = &o->origin->known;
        Database *d = o->d;
        JournalVerdict v;
        uint64_t first;
        int rc = journal_head(d->db, &d->head);

        if (rc != SQLITE_OK)
                return refuse(o, rc, "end of the journal");
        if (d->created)
                return 0; /* nothing is known of a new file */
        if (!known->empty && (d->head.empty || d->head.seq < known->seq))
                return refuse_text(o, DATABASE_E_BAD, "rows that were committed are gone");
        first = d->head.empty || d->head.seq <= TAIL_ROWS ? 1 : d->head.seq - TAIL_ROWS;
        if (!known->empty && known->seq < first)
                first = known->seq;
        rc = journal_verify(d->db, first, UINT64_MAX, &v);
        if (rc != SQLITE_OK)
                return refuse(o, rc, "end of the journal");
        if (!v.good) {
                Str s = {.p = o->why, .cap = DATABASE_WHY_SIZE};

                str_addf(&s, "journal row %" PRIu64 ": %s", v.bad, v.why);
                return DATABASE_E_BAD;
        }
        if (!known->empty) {
                rc = journal_verify(d->db, known->seq, known->seq, &v);
                if (rc != SQLITE_OK)
                        return refuse(o, rc, "end of the journal");
                if (memcmp(v.head.hash, known->hash, HASH_SIZE) != 0)
                        return refuse_text(o, DATABASE_E_BAD, "a row that was committed is another one now");
        }
        d->committed = d->head;
        d->revived_seq = d->head.empty ? 0 : d->head.seq;
        return 0;
}

static int tree_open(Opening *o)
{
        Database *d = o->d;
        int rc = tree_load(d->db, &d->tree, &d->first_row);

        if (rc == SQLITE_OK && d->first_row > 0)
                rc = tree_fill(d->db, &d->tree, d->first_row);
        if (rc != SQLITE_OK)
                return refuse(o, rc, "tree of the journal");
        if (!d->head.empty && d->first_row + d->tree.size != d->head.seq + 1)
                return refuse_text(o, DATABASE_E_BAD, "the tree does not fit the journal");
        d->committed_tree = d->tree;
        return 0;
}

static int number_read(Database *d, const char *sql, int64_t arg, int64_t *ret)
{
        sqlite3_stmt *s = NULL;
        int rc = sqlite3_prepare_v2(d->db, sql, -1, &s, NULL);

        if (rc == SQLITE_OK && sqlite3_bind_parameter_count(s) > 0)
                bind(s, 1, arg);
        if (rc == SQLITE_OK)
                rc = sqlite3_step(s);
        if (rc == SQLITE_ROW)
                *ret = sqlite3_column_int64(s, 0);
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* What numbering goes on from. */
static int numbers_read(Database *d)
{
        int64_t incident = 0, ceiling = 0, first_incident = 1, first_seq = 1, last = (int64_t)d->head.seq;
        int rc = number_read(d, "SELECT max(id) FROM incident", 0, &incident);

        if (rc == SQLITE_OK)
                rc = number_read(d, "SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'first_incident'",
                        0, &first_incident);
        if (rc == SQLITE_OK)
                rc = number_read(d, "SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'first_seq'", 0,
                        &first_seq);
        if (rc == SQLITE_OK)
                rc = number_read(d,
                        "SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'incident_ceiling'", 0,
                        &ceiling);
        if (rc == SQLITE_OK)
                rc = number_read(d, "SELECT seq_offset FROM renumber ORDER BY first_seq DESC LIMIT 1", 0,
                        &d->seq_offset);
        if (rc == SQLITE_OK)
                rc = number_read(d,
                        "SELECT t FROM journal WHERE seq > ?1 AND tq = 1 ORDER BY seq DESC LIMIT 1",
                        last > (int64_t)TRUSTED_ROWS ? last - (int64_t)TRUSTED_ROWS : 0, &d->trusted_us);
        if (rc != SQLITE_OK)
                return rc;
        d->next_incident = (uint64_t)(incident + 1 > first_incident ? incident + 1 : first_incident);
        if (ceiling > 0 && (uint64_t)ceiling > d->next_incident)
                d->next_incident = (uint64_t)ceiling;
        d->ceiling = d->committed_ceiling = d->next_incident;
        d->next_seq = d->head.empty ? (uint64_t)first_seq : (uint64_t)(last + 1 + d->seq_offset);
        d->day = d->committed_day = INT64_MIN;
        return SQLITE_OK;
}

/* This boot's row. */
static int boot_note(Database *d, const DatabaseOrigin *origin)
{
        sqlite3_stmt *s = NULL;
        int rc = sqlite3_prepare_v2(d->db,
                "INSERT INTO boot(id, boot_id, started) VALUES(CASE WHEN ?1 > 0 AND NOT EXISTS "
                "(SELECT 1 FROM boot"
                " WHERE id = ?1) THEN ?1 END, ?2, ?3) ON CONFLICT(boot_id) DO UPDATE SET boot_id = "
                "excluded.boot_id"
                " RETURNING id",
                -1, &s, NULL);

        if (rc == SQLITE_OK) {
                bind(s, 1, origin->engine_boot == UINT32_MAX ? 0 : origin->engine_boot);
                bind_text(s, 2, origin->boot_id, strlen(origin->boot_id));
                bind(s, 3, origin->wall_us);
                rc = sqlite3_step(s);
                if (rc == SQLITE_ROW) {
                        d->boot = (uint32_t)sqlite3_column_int64(s, 0);
                        rc = SQLITE_OK;
                }
        }
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        return rc;
}

/* One transaction, since each costs a start the time of a flush: the boot and the next incident numbers; also the proof
 * that the file can be written. */
static int first_write(Opening *o)
{
        const DatabaseOrigin *origin = o->origin;
        Database *d = o->d;
        int rc = database_begin(d);

        if (rc == SQLITE_OK && d->created)
                rc = begin_file(d, origin);
        if (rc == SQLITE_OK)
                rc = meta_put_number(d, "started", (uint64_t)origin->wall_us);
        if (rc == SQLITE_OK)
                rc = boot_note(d, origin);
        if (rc == SQLITE_OK)
                rc = numbers_read(d);
        if (rc == SQLITE_OK)
                rc = apply_ceiling(d, d->next_incident - 1);
        if (rc == SQLITE_OK)
                rc = database_commit(d);
        if (rc != SQLITE_OK) {
                int result = refuse(o, rc, "first write");

                database_rollback(d);
                return result;
        }
        d->engine_boot = origin->engine_boot ? origin->engine_boot : d->boot;
        return 0;
}

static int open_steps(Opening *o)
{
        Database *d = o->d;
        Registry *registry = NULL;
        Aside *ahead = NULL;
        struct stat st;
        int r, rc;

        d->created = stat(o->path, &st) < 0;
        if (d->created && errno != ENOENT)
                return refuse_text(o, DATABASE_E_DOWN, strerrordesc_np(errno));
        if (!d->created && st.st_size == 0)
                d->created = true; /* ended between making the file and its first page */
        r = connect_file(o);
        if (r == 0)
                r = migrate(o);
        if (r == 0 && d->created) {
                /* The name must be durable before any row in it is believed; and a fresh look at what is there. */
                (void)sqlite3_close(d->db); /* nothing was prepared */
                d->db = NULL;
                if (directory_sync(o->origin->directory) < 0)
                        return refuse_text(o, DATABASE_E_DOWN, "the folder cannot be flushed");
                r = connect_file(o);
        }
        if (r != 0)
                return r;
        rc = database_checkpoint(d);
        if (rc != SQLITE_OK)
                return refuse(o, rc, "checkpoint");
        if (d->frames == 0 && !d->created && o->origin->known.empty) /* the first time in a process */
                ahead = ahead_begin(o->path);
        r = tail_check(o);
        if (r == 0)
                r = tree_open(o);
        if (r == 0)
                r = first_write(o);
        if (ahead_end(ahead, &registry)) /* in any case: the file may be renamed now */
                d->registry = registry;  /* closing lets it go */
        if (r != 0)
                return r;
        rc = d->registry ? SQLITE_OK : restore_probe(d->db, &d->registry);
        if (rc != SQLITE_OK)
                return refuse(o, rc, "state");
        grow(o);
        return 0;
}

void database_slim(Database *d)
{
        if (d->db)
                (void)sqlite3_db_release_memory(d->db); /* what it cannot give back it goes on using */
        (void)malloc_trim(0);                           /* else most of them stay ours, as holes in the heap */
}

int database_open(Database *ret, const DatabaseOrigin *origin, char ret_why[DATABASE_WHY_SIZE])
{
        Opening o = {.d = ret, .origin = origin, .why = ret_why};
        int r;

        ASSERT(origin->first_seq > 0 && origin->first_incident > 0);
        *ret = (Database){.head = {.empty = true}, .committed = {.empty = true}};
        ret_why[0] = 0;
        if (snprintf(o.path, sizeof(o.path), "%s/journal.db", origin->directory) >= (int)sizeof(o.path))
                return refuse_text(&o, DATABASE_E_DOWN, "the name of the folder is too long");
        r = open_steps(&o);
        if (r != 0)
                database_close(ret);
        return r;
}

void database_close(Database *d)
{
        for (int i = 0; i < STATEMENT_MAX; i++) {
                (void)sqlite3_finalize(d->statements[i]); /* repeats an old error */
                d->statements[i] = NULL;
        }
        if (d->db)
                (void)sqlite3_close_v2(
                        d->db); /* a last checkpoint may fail: the log is kept and says it all */
        d->db = NULL;
        d->registry = registry_unref(d->registry);
}

int database_set_aside(const char *directory, int64_t wall_us, char *ret_name, size_t cap)
{
        /* The database first: without its log it would look like an older, sound one. */
        static const char *const tails[] = {"", "-wal", "-shm"};
        char name[64], from[PATH_SIZE], to[PATH_SIZE];
        int r = 0;

        (void)snprintf(
                name, sizeof(name), "journal.bad-%" PRId64, wall_us / (int64_t)USEC_PER_SEC); /* fits */
        for (unsigned i = 0; i < 1000; i++) {
                struct stat st;

                if (i > 0)
                        (void)snprintf(name, sizeof(name), "journal.bad-%" PRId64 ".%u",
                                wall_us / (int64_t)USEC_PER_SEC, i);
                if (snprintf(to, sizeof(to), "%s/%s", directory, name) >= (int)sizeof(to))
                        return error_origin(-ENAMETOOLONG);
                if (lstat(to, &st) < 0)
                        break;
        }
        for (unsigned i = 0; i < 3 && r == 0; i++) {
                if (snprintf(from, sizeof(from), "%s/journal.db%s", directory, tails[i]) >=
                                (int)sizeof(from) ||
                        snprintf(to, sizeof(to), "%s/%s%s", directory, name, tails[i]) >= (int)sizeof(to))
                        return error_origin(-ENAMETOOLONG);
                if (rename(from, to) < 0 && errno != ENOENT)
                        r = error_origin(-errno);
        }
        if (r == 0)
                r = directory_sync(directory);
        if (r == 0)
                (void)str_copy(ret_name, cap, name); /* 64 bytes are enough */
        return r;
}
