/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's thread, its queue, and what happens when the disk fails.
 *
 *   loop: store_submit() ──▶ queue ──▶ thread: one group = all that wait ──▶ COMMIT ──▶ eventfd ──▶ store_status()
 *
 * What always holds:
 * - A transaction leaves the queue only when its group is committed; groups are taken from the front, whole and in
 *   order. committed_seq therefore only grows, and everything up to it is on disk.
 * - The thread works on the first `in_flight` transactions without the mutex; the loop only appends behind them, and
 *   lets readings go only behind them.
 * - The Database belongs to the caller until store_run(), then to the thread; while `merge_wait` is set the thread
 *   does not touch it, and store_merge() reads it under the mutex.
 *
 * When a commit fails the group is rolled back and tried again on the same connection (which is what is sound after a
 * failed flush, see database.c), twice; then the connection is closed and reopened each time, with pauses from
 * 100 ms to 5 s. An error that says the file is corrupt reopens at once; if the file does not open as what was
 * committed, or says so again, it is set aside (at most three times: a disk that makes garbage would fill up with them)
 * and a new one is begun, which status reports as `anew`.
 *
 * Two numberings. After a start without a database the engine numbers journal rows from the ceiling in
 * registry.export, beyond all that was used. The journal in the database is contiguous, so those rows are stored
 * behind its last row: journal.seq = the engine's number - seq_offset. The offset stays for good (the table
 * renumber says from which row), so that the engine's numbers never fall back, whatever they were told to. Only
 * journal.seq is in the database's numbering; last_seq, key.seq and outbox.seq are the engine's. The ordinal of the
 * boot is treated alike: the engine gets UINT32_MAX until the database can give one.
 *
 * registry.export is written by the thread when the registry has changed. At a start it has enough numbers left, and is
 * written again two seconds later: it is work for as long as all the rest of the start, which a call for help must not
 * wait for. When fewer than half of the numbers below its ceilings are left (500 of 1,000 incidents, 5,000 of 10,000
 * rows), new ones are written to a small file beside it (numbers.h), whether or not the database works: in a storm they
 * are used up within a second, and registry.export is as large as the registry, so that commits would wait for seconds.
 * When they lasted for less than a minute, the next ceilings are twice as far ahead, up to 64 times; and half as far
 * again in quieter times.
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "limits.h"
#include "store/chores.h"
#include "store/database.h"
#include "store/feed.h"
#include "store/own.h"
#include "store/registry-db.h"
#include "store/wake.h"

#define GROUP_TXNS_MAX     1000u
#define GROUP_BYTES_MAX    (4u << 20)
#define LINGER_US          (500 * USEC_PER_MSEC) /* readings alone wait that long for company */
#define PAUSE_MAX_MS       5000
#define SAME_HANDLE_TRIES  2u
#define FRAMES_IDLE        1000
#define FRAMES_MAX         4000
#define CHECKPOINT_SOON_US (200 * USEC_PER_MSEC)
#define CHECKPOINT_LATE_US (30 * USEC_PER_SEC)
#define RETRY_US           (5 * USEC_PER_SEC)
#define PRUNE_US           USEC_PER_HOUR
#define PRUNE_ROWS         1000u
#define INCIDENTS_AHEAD    1000u
#define SEQS_AHEAD         10000u
#define AHEAD_MAX          64u
#define AHEAD_QUICK_US     (60 * USEC_PER_SEC)
#define SET_ASIDE_MAX   3u
#define AILS_EXPORT     1u
#define AILS_CHECKPOINT 2u
#define AILS_SIGN       4u
#define AILS_READINGS   8u

/* Failing and recovering; each tells the loop. */

void store_failed(Store *s, const char *why)
{
        Now now = clock_now();

        store_lock(s);
        if (!s->status.failing) {
                s->status.failing = true;
                s->status.failed_from_us = now.wall_us;
                (void)str_copy(s->status.failed_why, sizeof(s->status.failed_why), why); /* as long */
        }
        (void)str_copy(s->status.why, sizeof(s->status.why), why); /* as long */
        store_unlock(s);
        signal_fd(s->event_fd);
}

/* A group was committed, or nothing waits and the database is open. True: this ends a failure. */
static bool recovered(Store *s)
{
        Now now = clock_now();
        bool ends;

        s->failures = s->corrupt_failures = 0;
        s->pause_ms = PAUSE_MIN_MS;
        store_lock(s);
        ends = s->status.failing;
        if (ends) {
                s->status.failing = false;
                s->status.failed_to_us = now.wall_us;
                s->status.recovered++;
                s->status.why[0] = 0;
        }
        store_unlock(s);
        return ends;
}

/* why NULL: this part is well again. */
static void ailing(Store *s, uint32_t part, const char *why)
{
        uint32_t before = s->ails;

        s->ails = why ? s->ails | part : s->ails & ~part;
        if (s->ails == before)
                return;
        store_lock(s);
        s->status.ailing = s->ails != 0;
        if (!s->status.failing && (why || !s->ails))
                (void)str_copy(s->status.why, sizeof(s->status.why), why ? why : ""); /* cut is fine */
        store_unlock(s);
        signal_fd(s->event_fd);
}

/* registry.export */

/* text NULL: only the numbers. */
static int export_to(const char *path, const char *text, size_t n, uint64_t incident, uint64_t seq)
{
        int r = text ? file_replace(path, text, n) : numbers_write(path, incident, seq);

        if (r == 0 && text)
                numbers_drop(path); /* its own are newer now */
        return r < 0 ? error_trace(r) : 0;
}

/* all: also the registry. */
static void export_write(Store *s, bool all)
{
        uint64_t seq, incident, now = clock_now().boot_us;
        _cleanup_(freep) char *text = NULL;
        size_t n = 0;
        int r;

        store_lock(s);
        if (!all && s->exported_us && now < s->exported_us + AHEAD_QUICK_US)
                s->ahead = 2 * s->ahead < AHEAD_MAX ? 2 * s->ahead : AHEAD_MAX;
        else if (s->ahead > 1)
                s->ahead /= 2;
        seq = s->next_seq + SEQS_AHEAD * s->ahead;
        incident = s->next_incident + INCIDENTS_AHEAD * s->ahead;
        store_unlock(s);
        if (all)
                registry_export_text(s->registry, s->site, incident, seq, &text, &n);
        /* First the copy: a late start must never find one with lower numbers than the other. */
        if (s->export_copy && export_to(s->export_copy, text, n, incident, seq) < 0)
                (void)unlink(s->export_copy); /* then there is none, and a late start looks further */
        r = export_to(s->export_path, text, n, incident, seq);
        if (r < 0) {
                s->export_us = clock_now().boot_us + RETRY_US;
                ailing(s, AILS_EXPORT, "registry.export cannot be written");
                return;
        }
        ailing(s, AILS_EXPORT, NULL);
        s->export_us = 0;
        s->exported_us = now;
        if (all)
                s->export_due_us = UINT64_MAX;
        s->seq_ceiling = seq;
        s->incident_ceiling = incident;
}

/* When it is to be written; UINT64_MAX: it is as it should be. *ret_all: the registry too; else only numbers. */
static uint64_t export_at(Store *s, bool *ret_all)
{
        uint64_t at = UINT64_MAX;

        if (!s->registry)
                return at;
        store_lock(s);
        if (s->next_seq + SEQS_AHEAD * s->ahead / 2 > s->seq_ceiling ||
                s->next_incident + INCIDENTS_AHEAD * s->ahead / 2 > s->incident_ceiling)
                at = 0;
        store_unlock(s);
        *ret_all = s->seq_ceiling == 0 || s->export_due_us <= clock_now().boot_us;
        if (s->export_due_us < at)
                at = s->export_due_us;
        return at != UINT64_MAX && at < s->export_us ? s->export_us : at;
}

void store_export_maybe(Store *s)
{
        bool all;

        if (export_at(s, &all) > clock_now().boot_us)
                return;
        export_write(s, all);
        if (all) /* the last of what a registry that was read or written asks for */
                database_slim(&s->db);
}

/* The database: opening, setting aside */

/* A new file: the registry goes in first. */
static int seed(Store *s, char why[DATABASE_WHY_SIZE])
{
        int rc;

        if (!s->db.created)
                return 0;
        if (!s->registry) { /* a late start without an export: perhaps it can be read now */
                int r = store_export_take(s, true, s->export_why);

                if (r < 0)
                        return error_trace(r);
        }
        rc = database_begin(&s->db);
        if (rc == SQLITE_OK)
                rc = database_registry(&s->db, s->registry);
        if (rc == SQLITE_OK)
                rc = database_commit(&s->db);
        if (rc == SQLITE_OK)
                return 0;
        database_why(&s->db, rc, "registry", why);
        database_rollback(&s->db);
        database_close(&s->db);
        return DATABASE_E_DOWN;
}

/* The file that is there is given up, and a new one begun. 0 or DATABASE_E_DOWN. */
static int begin_anew(Store *s, char why[DATABASE_WHY_SIZE], char *ret_anew, size_t cap)
{
        Str text = {.p = ret_anew, .cap = cap};
        char name[64], bad[DATABASE_WHY_SIZE];

        if (s->set_aside >= SET_ASIDE_MAX)
                return DATABASE_E_DOWN; /* then it is the disk that makes garbage: only a person can help */
        (void)str_copy(bad, sizeof(bad), why); /* as long */
        if (database_set_aside(s->directory, clock_now().wall_us, name, sizeof(name)) < 0)
                return DATABASE_E_DOWN;
        s->set_aside++;
        s->corrupt_failures = 0;
        s->origin.known = (JournalHead){.empty = true};
        str_addf(&text, "journal.db was set aside as %s (%s); a new one was begun", name, bad);
        return database_open(&s->db, &s->origin, why) == 0 ? 0 : DATABASE_E_DOWN;
}

/* What the export says, or an empty registry and numbers that nobody has seen. */
int store_export_take(Store *s, bool database_exists, char why[DATABASE_WHY_SIZE])
{
        RegistryError error;
        uint64_t incident = 0, seq = 0;
        int r = registry_export_read(&s->registry, s->export_path, &incident, &seq, &error);

        why[0] = 0;
        if (r < 0)
                return error_trace(r);
        if (r == REGISTRY_E_INVALID)
                (void)snprintf(
                        why, DATABASE_WHY_SIZE, "registry.export: %.90s", error.text); /* cut is fine */
        if (r > 0) {
                bool blind = database_exists || r == REGISTRY_E_INVALID;
                uint64_t further_incident, further_seq;

                r = registry_new(&s->registry);
                if (r < 0)
                        return error_trace(r);
                incident = blind ? INCIDENT_BLIND : 1;
                seq = blind ? SEQ_BLIND : 1;
                if (numbers_read(s->export_path, &further_incident, &further_seq) == 0) {
                        incident = further_incident > incident ? further_incident : incident;
                        seq = further_seq > seq ? further_seq : seq;
                }
        }
        s->origin.first_incident = incident > 0 ? incident : 1;
        s->origin.first_seq = seq > 0 ? seq : 1;
        return 0;
}

/*
 * Opens what is there; what cannot be used for ever is set aside, and a new file begun. *ret_anew gets a text when
 * history was left behind.
 */
int store_open_or_begin(Store *s, char why[DATABASE_WHY_SIZE], char *ret_anew, size_t cap)
{
        bool history = !s->origin.known.empty || s->origin.first_seq > 1;
        int r = database_open(&s->db, &s->origin, why);

        if (r != 0 && !s->registry) { /* only now: to read it takes longer than all the rest of a start */
                int taken = store_export_take(s, true, s->export_why);

                if (taken < 0)
                        return error_trace(taken);
        }
        if (r == 0 && s->was_down && !s->db.created && s->db.next_incident > s->down_incident) {
                database_close(&s->db);
                (void)str_copy(why, DATABASE_WHY_SIZE,
                        "registry.export was too old: incident numbers would clash"); /* fits */
                r = DATABASE_E_BAD;
        }
        if (r == 0 && s->corrupt_failures > 1) {
                /* It opens as sound, and still says so at each commit: what waits is here, in the queue. */
                database_close(&s->db);
                (void)str_copy(why, DATABASE_WHY_SIZE, s->status.failed_why); /* only the thread writes it */
                r = DATABASE_E_BAD;
        }
        if (r == DATABASE_E_BAD)
                r = begin_anew(s, why, ret_anew, cap);
        else if (r == 0 && s->db.created && history)
                (void)str_copy(ret_anew, cap, "journal.db was gone; a new one was begun"); /* fits */
        return r == 0 ? seed(s, why) : r;
}

/* By the thread, after a failure or a start without a database. True: usable, and the queue may go on. */
static bool reopen(Store *s)
{
        char why[DATABASE_WHY_SIZE];
        int r;

        store_lock(s);
        s->origin.first_seq = queue_first_seq(&s->queue, s->next_seq);
        s->origin.first_incident = s->next_incident;
        store_unlock(s);
        s->origin.wall_us = clock_now().wall_us;
        r = store_open_or_begin(s, why, s->anew, sizeof(s->anew));
        if (r != 0) {
                store_failed(s, why);
                return false;
        }
        if (!s->registry) /* a late start without an export */
                s->registry = TAKE_PTR(s->db.registry);
        s->db.registry = registry_unref(s->db.registry); /* ours is the newest */
        store_lock(s);
        if (s->db.created)
                s->status.seq_offset = 0;
        else if (s->was_down) {
                /* The first number that was given without a database follows the last row. */
                if (!s->db.head.empty)
                        database_offset_set(&s->db, (int64_t)s->down_seq - (int64_t)s->db.head.seq - 1);
                s->status.seq_offset = s->db.seq_offset;
        } else
                database_offset_set(&s->db, s->status.seq_offset);
        if (s->anew[0]) {
                s->status.anew++;
                (void)str_copy(s->status.anew_why, sizeof(s->status.anew_why), s->anew); /* as long */
                s->anew[0] = 0;
        }
        if (s->was_down) {
                s->was_down = false;
                s->merge_wait = true;
                s->merge_failed = false;
                s->status.reopened = true;
        }
        store_unlock(s);
        signal_fd(s->event_fd);
        return true;
}

/* What auditors need, between commits. */

static void chores_tell(Store *s, unsigned done)
{
        ailing(s, AILS_SIGN, s->chores.failing ? "no checkpoint can be signed" : NULL);
        if (done == 0)
                return;
        store_lock(s);
        if (done & CHORES_SIGNED) {
                memcpy(s->note, s->chores.note, sizeof(s->note));
                s->status.checkpoints++;
        }
        if (done & CHORES_BACKED_UP) {
                s->backup_path[0] = 0;
                (void)str_copy(s->backup_why, sizeof(s->backup_why), s->chores.why); /* as long */
                s->status.backups++;
        }
        store_unlock(s);
        signal_fd(s->event_fd);
}

/* Groups */

/* After a failure: what to do with the connection. */
static void step_back(Store *s, int rc)
{
        char why[DATABASE_WHY_SIZE];

        database_why(&s->db, rc, "commit", why);
        database_rollback(&s->db);
        s->failures++;
        if (database_corrupt(rc))
                s->corrupt_failures++;
        if (database_corrupt(rc) || s->failures > SAME_HANDLE_TRIES) {
                chores_tell(s, chores_closed(&s->chores));
                database_close(&s->db);
        }
        store_failed(s, why);
}

static int group_apply(Store *s, const StoreTxn *first, uint32_t n)
{
        const StoreTxn *t = first;
        int rc = database_begin(&s->db);

        for (uint32_t i = 0; i < n && rc == SQLITE_OK; i++) {
                if (i > 0)
                        t = t->next; /* never that of the last one, which the loop appends to */
                rc = database_apply(&s->db, t);
        }
        return rc == SQLITE_OK ? database_commit(&s->db) : rc;
}

/* The group's transactions leave the queue. */
static void group_done(Store *s, uint32_t n)
{
        StoreTxn *done;

        s->origin.known = s->db.committed;
        store_lock(s);
        done = queue_take(&s->queue, n);
        for (const StoreTxn *t = done; t; t = t->next)
                if (t->last_seq > 0)
                        s->status.committed_seq = t->last_seq;
        s->status.committed_txns += n;
        store_unlock(s);
        (void)recovered(s); /* the loop is told below in any case */
        for (StoreTxn *t = done, *next; t; t = next) {
                next = t->next;
                store_readings_take(s, t);
                if (t->registry) {
                        registry_unref(s->registry);
                        s->registry = registry_ref(t->registry);
                        s->export_due_us = s->export_us = 0;
                }
                store_txn_free(t);
        }
        signal_fd(s->event_fd);
}

static void checkpoint(Store *s)
{
        uint64_t now = clock_now().boot_us;
        int rc = database_checkpoint(&s->db);

        s->checkpoint_us = UINT64_MAX;
        s->checkpoint_not_before_us = 0;
        if (rc != SQLITE_OK) {
                char why[DATABASE_WHY_SIZE];

                database_why(&s->db, rc, "checkpoint", why);
                ailing(s, AILS_CHECKPOINT, why);
        } else
                ailing(s, AILS_CHECKPOINT, NULL);
        if (rc != SQLITE_OK || s->db.frames > 0) /* failed, or a reader kept some frames */
                s->checkpoint_us = s->checkpoint_not_before_us = now + RETRY_US;
}

/* After a commit. */
static void checkpoint_plan(Store *s)
{
        uint64_t now = clock_now().boot_us, at;

        if (s->db.frames >= FRAMES_MAX && now >= s->checkpoint_not_before_us) {
                checkpoint(s);
                return;
        }
        if (s->db.frames >= FRAMES_IDLE)
                at = now + CHECKPOINT_SOON_US; /* after a moment of quiet */
        else
                at = s->checkpoint_us < now + CHECKPOINT_LATE_US ? s->checkpoint_us
                                                                 : now + CHECKPOINT_LATE_US;
        s->checkpoint_us = at > s->checkpoint_not_before_us ? at : s->checkpoint_not_before_us;
}

static void chores(Store *s)
{
        store_lock(s);
        if (s->backup_path[0] && !s->chores.path[0])
                chores_backup(&s->chores, s->backup_path);
        store_unlock(s);
        if (chores_due(&s->chores) <= clock_now().boot_us)
                chores_tell(s, chores_run(&s->chores, &s->db));
}

/* Readings and looks: one step, if there is one. */
static void readings(Store *s)
{
        if (store_readings_due(s) > clock_now().boot_us)
                return;
        store_readings_step(s);
        ailing(s, AILS_READINGS, readings_why(s->readings));
}

static void commit_group(Store *s, const StoreTxn *first, uint32_t n)
{
        uint64_t rows = s->db.tree.size;
        int rc = group_apply(s, first, n);

        if (rc != SQLITE_OK) {
                step_back(s, rc);
                store_lock(s);
                s->queue.in_flight = 0;
                store_unlock(s);
                return;
        }
        cares_committed(s->chores.cares, s->db.db, &s->db.visits); /* its beds, before anybody hears of it */
        group_done(s, n);
        store_export_maybe(s);
        checkpoint_plan(s);
        chores_committed(&s->chores, &s->db, rows);
        chores(s);
        readings(s);
}

/* The thread */

static void rest(Store *s, bool resting)
{
        store_lock(s);
        s->status.resting = resting;
        s->status.beats++;
        store_unlock(s);
}

/* Until `fd` (and, if it is not that, urgent_fd) is readable. timeout_ms as for poll(). */
static void wait_for(Store *s, int fd, int timeout_ms)
{
        struct pollfd fds[2] = {{.fd = s->urgent_fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};

        rest(s, true);
        (void)poll(fds, fd == s->urgent_fd ? 1 : 2, timeout_ms); /* an interruption is an early look */
        rest(s, false);
        if (fd == s->wake_fd)
                drain_fd(s->wake_fd);
        drain_fd(s->urgent_fd);
}

/* Waits before the next attempt; false: give up, the process wants to end. */
bool store_pause(Store *s)
{
        bool stop, over;

        store_lock(s);
        stop = s->stopping;
        over = stop && clock_now().boot_us >= s->stop_us;
        store_unlock(s);
        if (over)
                return false;
        if (stop)
                s->pause_ms = PAUSE_MIN_MS;
        wait_for(s, s->urgent_fd, s->pause_ms);
        store_export_maybe(s);
        s->pause_ms = 2 * s->pause_ms > PAUSE_MAX_MS ? PAUSE_MAX_MS : 2 * s->pause_ms;
        return true;
}

static void prune(Store *s)
{
        Now now = clock_now();
        bool more = false;
        int rc = database_begin(&s->db);

        if (rc == SQLITE_OK)
                rc = database_prune(&s->db, now, PRUNE_ROWS, &more);
        if (rc == SQLITE_OK)
                rc = database_commit(&s->db);
        if (rc != SQLITE_OK)
                database_rollback(&s->db); /* the next commit finds out what it was */
        s->prune_us = now.boot_us + (rc == SQLITE_OK && more ? CHECKPOINT_SOON_US : PRUNE_US);
        checkpoint_plan(s);
}

static void idle(Store *s)
{
        uint64_t now, due, export;
        bool all;

        chores(s);
        if (cares_due(s->chores.cares)) {
                cares_step(s->chores.cares, s->db.db);
                if (!cares_due(s->chores.cares))
                        signal_fd(s->event_fd);
                return; /* commits go between the steps */
        }
        now = clock_now().boot_us;
        due = s->prune_us < s->checkpoint_us ? s->prune_us : s->checkpoint_us;
        export = export_at(s, &all);
        if (export < due)
                due = export;
        if (chores_due(&s->chores) < due)
                due = chores_due(&s->chores);
        if (store_readings_due(s) < due)
                due = store_readings_due(s);
        if (due > now) {
                uint64_t ms = (due - now) / USEC_PER_MSEC + 1;

                wait_for(s, s->wake_fd, due == UINT64_MAX ? -1 : ms > 3600000 ? 3600000 : (int)ms);
                return;
        }
        store_export_maybe(s);
        if (s->checkpoint_us <= now)
                checkpoint(s);
        if (s->prune_us <= now)
                prune(s);
        readings(s);
}

/* Parked until the engine has what the database holds. False: closed again, it could not be read. */
static bool merged(Store *s)
{
        for (;;) {
                bool wait, bad;

                store_lock(s);
                wait = s->merge_wait && !s->stopping;
                bad = s->merge_failed;
                s->merge_failed = false;
                if (bad)
                        s->was_down = true;
                store_unlock(s);
                if (bad) {
                        database_close(&s->db);
                        return false;
                }
                if (!wait)
                        return true;
                wait_for(s, s->urgent_fd, -1);
        }
}

/* The next group, marked as in flight; 0: none yet. *ret_linger: there are readings that may wait for company. */
static uint32_t group_next(Store *s, const StoreTxn **ret_first, bool *ret_linger, bool *ret_stop)
{
        uint64_t now = clock_now().boot_us;
        uint32_t n;

        store_lock(s);
        n = queue_group(&s->queue, GROUP_TXNS_MAX, GROUP_BYTES_MAX, ret_first);
        *ret_stop = s->stopping;
        *ret_linger = n > 0 && s->queue.n_urgent == 0 && !s->stopping && s->queue.bytes < GROUP_BYTES_MAX &&
                      s->queue.first->submitted_us + LINGER_US > now;
        if (*ret_linger)
                n = 0;
        s->queue.in_flight = n;
        store_unlock(s);
        return n;
}

/* Until the next step of readings, most_us at most. */
static int pause_ms(Store *s, uint64_t most_us)
{
        uint64_t now = clock_now().boot_us, due = store_readings_due(s);

        if (due < now + most_us)
                most_us = due > now ? due - now : 0;
        return (int)(most_us / USEC_PER_MSEC) + (most_us > 0);
}

/* One round; false: the end. */
static bool work(Store *s)
{
        const StoreTxn *first;
        bool linger, stop;
        uint32_t n;

        if (!s->db.db && !reopen(s))
                return store_pause(s);
        if (!merged(s))
                return store_pause(s);
        n = group_next(s, &first, &linger, &stop);
        if (n > 0) {
                commit_group(s, first, n);
                return s->failures == 0 || store_pause(s);
        }
        if (linger) {
                readings(s);
                wait_for(s, s->wake_fd, pause_ms(s, LINGER_US / 5));
                return true;
        }
        if (recovered(s))
                signal_fd(s->event_fd);
        if (stop)
                return false;
        idle(s);
        return true;
}

void store_thread(Store *s)
{
        while (work(s))
                ;
        store_readings_end(s);
        if (s->db.db) {
                if (s->failures == 0 && clock_now().boot_us < s->stop_us) { /* else nobody waits any more */
                        /* The end of what is known here, for whoever looks while we are away. */
                        chores_tell(s, chores_end(&s->chores, &s->db));
                        (void)database_rest(&s->db, s->next_incident); /* else: a gap in the numbers */
                }
                (void)database_checkpoint(&s->db); /* closing tries again; the log is kept in any case */
                database_close(&s->db);
        }
}

/* The loop's side */

void store_submit(Store *s, StoreTxn *t)
{
        uint64_t now = clock_now().boot_us;

        ASSERT(s && t);
        t->submitted_us = now;
        store_lock(s);
        if (t->first_seq > 0) {
                ASSERT(t->first_seq == s->next_seq); /* contiguous over all transactions */
                s->next_seq = t->last_seq + 1;
        }
        if (t->incident_max >= s->next_incident)
                s->next_incident = t->incident_max + 1;
        s->status.submitted_txns++;
        queue_add(&s->queue, t, LIMIT_STORE_BYTES);
        store_unlock(s);
        signal_fd(s->wake_fd);
}

void store_poke(Store *s)
{
        signal_fd(s->wake_fd);
}

int store_fd(const Store *s)
{
        return s->event_fd;
}

void store_peek(Store *s, StoreStatus *ret)
{
        store_lock(s);
        *ret = s->status;
        ret->oldest_us = s->queue.first ? s->queue.first->submitted_us : 0;
        ret->readings_dropped += s->queue.readings_dropped;
        store_unlock(s);
}

void store_status(Store *s, StoreStatus *ret)
{
        drain_fd(s->event_fd); /* before looking: what comes after it makes it readable again */
        store_peek(s, ret);
}

bool store_locked(Store *s)
{
        bool locked;

        store_lock(s);
        locked = s->status.locked;
        store_unlock(s);
        return locked;
}

bool store_checkpoint(Store *s, char *ret_note, size_t cap)
{
        bool there;

        store_lock(s);
        there = s->note[0] && str_copy(ret_note, cap, s->note);
        store_unlock(s);
        return there;
}

bool store_backup(Store *s, const char *path)
{
        bool taken;

        store_lock(s);
        taken = !s->backup_path[0] && path[0] == '/' &&
                str_copy(s->backup_path, sizeof(s->backup_path), path);
        store_unlock(s);
        signal_fd(s->wake_fd);
        return taken;
}

void store_backup_why(Store *s, char *ret_why, size_t cap)
{
        store_lock(s);
        (void)str_copy(ret_why, cap, s->backup_why); /* cut is fine */
        store_unlock(s);
}

/* Into the engine */

int store_restore(Store *s, Engine *engine, Now now,
        void (*outbox)(void *userdata, uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq),
        void *userdata)
{
        int r;

        ASSERT(engine);
        if (s->late)
                return 0; /* the thread has the database, if anybody has */
        ASSERT(!s->running);
        if (!s->db.db)
                return 0;
        r = feed_engine(&s->db, NULL, engine, now, outbox, userdata, s->start_why);
        return r == STORE_E_DOWN ? error_origin(-EIO) : r;
}

int store_merge(Store *s, Engine *engine, Now now)
{
        int r = 0;

        ASSERT(s && engine);
        store_lock(s);
        if (s->merge_wait) {
                /* The thread is parked and does not touch the database. */
                r = feed_engine(&s->db, &s->queue, engine, now, NULL, NULL, s->start_why);
                s->merge_wait = false;
                s->merge_failed = r == STORE_E_DOWN;
                s->status.reopened = false;
        }
        store_unlock(s);
        signal_fd(s->urgent_fd);
        return r;
}
