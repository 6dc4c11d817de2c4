/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store with its thread: what is committed, in which order, and what happens when the disk fails in each way that
 * tests/fault/vfs-fault.h knows. The engine is a double that notes what it is given.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "limits.h"
#include "store/audit.h"
#include "store/registry.h"
#include "store/registry-build.h"
#include "store/store.h"
#include "tests/fault/vfs-fault.h"
#include "tests/lib/unit.h"

/* The double */

static struct {
        StateRow rows[16];
        KeyRow keys[16];
        uint32_t n_rows, n_keys, n_duty, n_outbox;
        uint64_t held; /* an incident that the engine says it has */
        int result;
        struct {
                uint32_t worker;
                bool on;
        } duty[16];
        struct {
                uint64_t incident, seq;
                uint32_t worker;
        } outbox[16];
} got;

int engine_restore(Engine *engine, const StateRow *row, Now now)
{
        assert_true(got.n_rows < N_ELEMENTS(got.rows));
        got.rows[got.n_rows++] = *row;
        return got.result;
}

void engine_restore_key(Engine *engine, const KeyRow *key)
{
        assert_true(got.n_keys < N_ELEMENTS(got.keys));
        got.keys[got.n_keys++] = *key;
}

void engine_restore_duty(Engine *engine, uint32_t worker, bool on, int64_t wall_us)
{
        assert_true(got.n_duty < N_ELEMENTS(got.duty));
        got.duty[got.n_duty].worker = worker;
        got.duty[got.n_duty++].on = on;
}

bool engine_view(const Engine *engine, uint64_t incident, Now now, IncidentView *ret)
{
        return incident == got.held;
}

static void outbox_take(void *userdata, uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq)
{
        assert_true(got.n_outbox < N_ELEMENTS(got.outbox));
        got.outbox[got.n_outbox].incident = incident;
        got.outbox[got.n_outbox].worker = worker;
        got.outbox[got.n_outbox++].seq = seq;
}

static Engine *const engine = (Engine *)&got; /* never looked into */

/* The world */

static char folder[64];

static const char *path_of(const char *name)
{
        static char path[4][512];
        static unsigned next;
        char *p = path[next++ % 4];

        (void)snprintf(p, sizeof(path[0]), "%s/%s", folder, name);
        return p;
}

static int setup(void **state)
{
        vfs_fault_register();
        vfs_fault_set(VFS_FAULT_NONE, 0);
        memset(&got, 0, sizeof(got));
        (void)snprintf(folder, sizeof(folder), "/tmp/huying-store-XXXXXX");
        assert_non_null(mkdtemp(folder));
        return 0;
}

static int teardown(void **state)
{
        DIR *dir = opendir(folder);
        struct dirent *entry;

        vfs_fault_set(VFS_FAULT_NONE, 0);
        assert_non_null(dir);
        while ((entry = readdir(dir)))
                if (entry->d_name[0] != '.')
                        assert_int_equal(unlink(path_of(entry->d_name)), 0);
        closedir(dir);
        return rmdir(folder);
}

static bool exists(const char *prefix)
{
        DIR *dir = opendir(folder);
        struct dirent *entry;
        bool found = false;

        assert_non_null(dir);
        while ((entry = readdir(dir)))
                found |= strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
        closedir(dir);
        return found;
}

static int open_store(Store **ret, StoreStart *start)
{
        *start = (StoreStart){0};
        return store_open(ret, &(StoreConfig){folder, "demo"}, start);
}

/* Opens what must open; the registry is let go. */
static Store *open_good(StoreStart *ret_start)
{
        Store *s = NULL;
        StoreStart start;

        assert_int_equal(open_store(&s, &start), 0);
        registry_unref(start.registry);
        start.registry = NULL;
        if (ret_start)
                *ret_start = start;
        return s;
}

static void record(StoreTxn *t, uint64_t seq, uint64_t incident)
{
        char body[64];
        int n = snprintf(body, sizeof(body), "{\"n\":%llu}", (unsigned long long)seq);

        store_txn_journal(t, &(JournalRecord){.seq = seq,
                                     .incident = incident,
                                     .kind = JOURNAL_EVENT,
                                     .t_us = 1790000000000000 + (int64_t)seq,
                                     .tb_us = seq,
                                     .boot = 1,
                                     .time_quality = 1,
                                     .device = 3,
                                     .dwelling = 1,
                                     .body = body,
                                     .body_size = (uint32_t)n});
}

static void submit(Store *s, uint64_t seq, uint64_t incident)
{
        StoreTxn *t = store_txn_new();

        record(t, seq, incident);
        store_submit(s, t);
}

/* Waits for a change; fails after 60 s of none. */
#define WAIT_UNTIL(store, status, condition)                                                                \
        do {                                                                                                \
                store_status((store), &(status));                                                           \
                for (int _n = 0; !(condition); _n++) {                                                      \
                        struct pollfd _p = {.fd = store_fd(store), .events = POLLIN};                       \
                        if (_n > 6000)                                                                      \
                                fail_msg("never: %s (why: %s)", #condition, (status).why);                  \
                        (void)poll(&_p, 1, 10);                                                             \
                        store_status((store), &(status));                                                   \
                }                                                                                           \
        } while (0)

static StateRow state_row(uint64_t id, uint8_t state)
{
        StateRow row = {.id = id,
                .last_seq = id * 10,
                .group = GROUP_FIRE,
                .class = CLASS_SMOKE,
                .state = state,
                .priority = 1,
                .tier = 2,
                .round = 3,
                .device = 4,
                .resident = 5,
                .dwelling = 6,
                .grid = 7,
                .owner = 8,
                .opened_us = 100,
                .accepted_us = 200,
                .due_wall_us = 300,
                .due_boot_us = 400,
                .boot = 1};

        memcpy(row.source, "smoke-101", 10);
        if (state == STATE_CLOSED) {
                row.closed_us = 500;
                memcpy(row.outcome, "helped", 7);
        } else {
                row.blob_size = (uint32_t)(id % STATE_BLOB_MAX) + 1;
                memset(row.blob, (int)id, row.blob_size);
        }
        return row;
}

static KeyRow key_row(uint8_t n)
{
        KeyRow key = {.wall_us = clock_now().wall_us,
                .incident = n,
                .seq = n,
                .owner = n,
                .result = 1,
                .state = 2,
                .reason = 3,
                .action = n % 2};

        memset(key.key, n, sizeof(key.key));
        memset(key.digest, 255 - n, sizeof(key.digest));
        return key;
}

static Registry *small_registry(const char *device)
{
        Registry *r = registry_make(&(RegistryCounts){2, 2, 1, 2, 1, 0});

        r->grids[1] = (Grid){"g1", "一号网格", 0};
        r->dwellings[1] = (Dwelling){
                .code = "101", .building = "1号楼", .floor = "1", .address = "", .access = "", .grid = 1};
        r->devices[1] = (Device){
                .code = registry_text(r, device), .profile = "", .class = DEVICE_BUTTON, .dwelling = 1};
        registry_finish(r);
        return r;
}

/* Rows first … last are there, in order, and the chain holds. */
static void check_journal(uint64_t first, uint64_t last)
{
        char why[128];
        Audit *a = NULL;
        AuditVerdict v;

        if (audit_open(&a, folder, why) != 0)
                fail_msg("audit: %s", why);
        assert_int_equal(audit_verify(a, 1, UINT64_MAX, &v), 0);
        if (!v.good)
                fail_msg("row %llu: %s", (unsigned long long)v.bad, v.why);
        assert_int_equal(v.first, first);
        assert_int_equal(v.last, last);
        audit_free(a);
}

static int64_t number(const char *sql)
{
        sqlite3 *db = NULL;
        sqlite3_stmt *stmt = NULL;
        int64_t n;

        assert_int_equal(sqlite3_open_v2(path_of("journal.db"), &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
        if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
                fail_msg("%s: %s", sql, sqlite3_errmsg(db));
        assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
        n = sqlite3_column_int64(stmt, 0);
        sqlite3_finalize(stmt);
        sqlite3_close(db);
        return n;
}

/* Tests */

static void test_first(void **state)
{
        Store *s = NULL, *other = NULL;
        StoreStart start, second;

        assert_int_equal(open_store(&s, &start), 0);
        assert_int_equal(start.boot, 1);
        assert_int_equal(start.next_incident, 1);
        assert_int_equal(start.next_seq, 1);
        assert_int_equal(start.trusted_wall_us, 0);
        assert_non_null(start.registry);
        assert_int_equal(start.registry->n_devices, 1);
        assert_string_equal(start.anew, "");
        registry_unref(start.registry);
        /* Nobody else while we are here; afterwards gladly. */
        assert_int_equal(open_store(&other, &second), STORE_E_LOCKED);
        assert_null(other);
        assert_int_equal(store_run(s), 0);
        assert_int_equal(open_store(&other, &second), STORE_E_LOCKED);
        s = store_free(s);
        assert_null(s);
        s = open_good(&start);
        assert_int_equal(start.boot, 1); /* the same boot */
        assert_string_equal(start.anew, "");
        store_free(s);
        assert_int_equal(number("PRAGMA page_size"), 4096);
        assert_true(exists("journal.db-wal") && exists("registry.export"));
}

static void test_all(void **state)
{
        StoreStart start;
        StoreStatus status;
        Store *s = open_good(&start);
        StoreTxn *t = store_txn_new();
        Registry *registry = small_registry("sos-101");
        StateRow row;
        KeyRow key;

        assert_true(store_txn_empty(t));
        record(t, 1, 7);
        record(t, 2, 0);
        row = state_row(7, STATE_ALERTING);
        store_txn_state(t, &row);
        row = state_row(9, STATE_ALERTING);
        store_txn_state(t, &row);
        for (uint8_t n = 1; n <= 3; n++) {
                key = key_row(n);
                store_txn_key(t, &key);
        }
        store_txn_duty(t, 1, true, 10);
        store_txn_duty(t, 2, true, 11);
        store_txn_reading(t, 3, 1, 1790000000000000,
                &(VitalsEvent){.has = 1u << VITAL_HR | 1u << VITAL_TEMP, .value = {72, 0, 0, 0, 36.6}});
        store_txn_outbox_put(t, 7, 1, CHANNEL_APP, 1);
        store_txn_outbox_put(t, 7, 2, CHANNEL_APP, 2);
        store_txn_registry(t, registry);
        registry_unref(registry);
        assert_false(store_txn_empty(t));
        assert_int_equal(store_run(s), 0);
        store_submit(s, t);
        t = store_txn_new();
        record(t, 3, 9);
        row = state_row(9, STATE_CLOSED);
        store_txn_state(t, &row);
        store_txn_duty(t, 1, false, 12);
        store_txn_outbox_drop(t, 7, 1, CHANNEL_APP, 1);
        store_submit(s, t);
        WAIT_UNTIL(s, status, status.committed_txns == 2);
        assert_int_equal(status.committed_seq, 3);
        assert_int_equal(status.submitted_txns, 2);
        assert_int_equal(status.oldest_us, 0);
        assert_false(status.failing);
        assert_int_equal(status.recovered, 0);
        store_free(s);

        check_journal(1, 3);
        assert_int_equal(
                number("SELECT count(*) FROM reading WHERE hr = 72 AND temp = 36.6 AND spo2 IS NULL"), 1);
        assert_int_equal(number("SELECT first_seq FROM day WHERE day = 20717"), 1);
        assert_int_equal(number("SELECT count(*) FROM incident WHERE closed = 500 AND blob IS NULL AND "
                                "outcome = 'helped'"),
                1);
        assert_int_equal(number("SELECT count(*) FROM journal WHERE incident IS NULL"), 1);

        assert_int_equal(open_store(&s, &start), 0);
        assert_int_equal(start.next_seq, 4);
        assert_int_equal(start.next_incident, 10);
        assert_true(start.trusted_wall_us == 1790000000000003);
        assert_int_equal(registry_device_id(start.registry, "sos-101"), 1);
        registry_unref(start.registry);
        assert_int_equal(store_restore(s, engine, clock_now(), outbox_take, NULL), 0);
        row = state_row(7, STATE_ALERTING);
        assert_int_equal(got.n_rows, 1);
        assert_memory_equal(&got.rows[0], &row, sizeof(row));
        assert_int_equal(got.n_keys, 3);
        for (uint8_t n = 1; n <= 3; n++) {
                key = key_row(n);
                key.wall_us = got.keys[n - 1].wall_us;
                assert_memory_equal(&got.keys[n - 1], &key, sizeof(key));
        }
        assert_int_equal(got.n_duty, 2);
        assert_true(got.duty[0].worker == 1 && !got.duty[0].on && got.duty[1].on);
        assert_int_equal(got.n_outbox, 1);
        assert_true(got.outbox[0].incident == 7 && got.outbox[0].worker == 2 && got.outbox[0].seq == 2);
        got.n_rows = 0;
        got.result = ENGINE_E_FULL;
        got.n_keys = got.n_duty = got.n_outbox = 0;
        assert_int_equal(store_restore(s, engine, clock_now(), outbox_take, NULL), STORE_E_PARTIAL);
        assert_non_null(strstr(store_why(s), "first 7"));
        store_free(s);
}

/* Many at once: groups, one flush for many transactions, order kept. */
static void test_groups(void **state)
{
        Store *s = open_good(NULL);
        StoreStatus status;
        unsigned syncs;

        assert_int_equal(store_run(s), 0);
        syncs = vfs_fault_syncs();
        for (uint64_t seq = 1; seq <= 5000; seq++)
                submit(s, seq, 1);
        WAIT_UNTIL(s, status, status.committed_seq == 5000);
        assert_int_equal(status.committed_txns, 5000);
        assert_true(vfs_fault_syncs() - syncs < 2500);
        store_free(s);
        check_journal(1, 5000);
        assert_int_equal(number("SELECT count(*) FROM journal WHERE body = json_object('n', seq)"), 5000);
}

/* A fault while running: nothing is committed, nothing is lost, nothing is overtaken, and it says so. */
static void fail_and_recover(VfsFault fault, bool long_enough_to_reopen)
{
        Store *s = open_good(NULL);
        StoreStatus status;
        StoreTxn *t;

        assert_int_equal(store_run(s), 0);
        submit(s, 1, 1);
        WAIT_UNTIL(s, status, status.committed_seq == 1);
        vfs_fault_set(fault, 0);
        for (uint64_t seq = 2; seq <= 20; seq++)
                submit(s, seq, 1);
        WAIT_UNTIL(s, status, status.failing);
        assert_int_equal(status.committed_seq, 1);
        assert_int_equal(status.committed_txns, 1);
        assert_true(status.oldest_us > 0);
        assert_true(status.why[0]);
        assert_int_equal(status.recovered, 0);
        if (long_enough_to_reopen)
                WAIT_UNTIL(s, status, !strstr(status.why, "commit"));
        for (uint64_t seq = 21; seq <= 30; seq++)
                submit(s, seq, 1);
        t = store_txn_new();
        store_txn_duty(t, 5, true, 1);
        store_submit(s, t);
        store_status(s, &status);
        assert_true(status.failing);
        assert_int_equal(status.committed_seq, 1);
        vfs_fault_set(VFS_FAULT_NONE, 0);
        WAIT_UNTIL(s, status, status.committed_txns == 31);
        assert_int_equal(status.committed_seq, 30);
        assert_false(status.failing);
        assert_int_equal(status.recovered, 1);
        assert_true(status.failed_why[0]);
        assert_true(status.failed_from_us > 0 && status.failed_to_us >= status.failed_from_us);
        assert_int_equal(status.anew, 0);
        assert_int_equal(status.seq_offset, 0);
        store_free(s);
        check_journal(1, 30);
        assert_int_equal(number("SELECT count(*) FROM journal WHERE body = json_object('n', seq)"), 30);
        assert_int_equal(number("SELECT count(*) FROM duty"), 1);
}

static void test_sync_eio(void **state)
{
        fail_and_recover(VFS_FAULT_SYNC_EIO, false);
}

/* After the reopening the rows of the failed group are found in the log: compared, not doubled. */
static void test_sync_eio_reopen(void **state)
{
        fail_and_recover(VFS_FAULT_SYNC_EIO, true);
}

static void test_write_eio(void **state)
{
        fail_and_recover(VFS_FAULT_WRITE_EIO, false);
}

static void test_write_eio_reopen(void **state)
{
        fail_and_recover(VFS_FAULT_WRITE_EIO, true);
}

static void test_full(void **state)
{
        fail_and_recover(VFS_FAULT_WRITE_FULL, false);
}

static void test_full_reopen(void **state)
{
        fail_and_recover(VFS_FAULT_WRITE_FULL, true);
}

/* The flush does not come back: the caller never waits, the oldest wait is visible, then all goes on. */
static void test_hang(void **state)
{
        Store *s = open_good(NULL);
        StoreStatus status;
        uint64_t before = clock_now().boot_us;

        assert_int_equal(store_run(s), 0);
        vfs_fault_set(VFS_FAULT_SYNC_HANG, 0);
        submit(s, 1, 1);
        for (int n = 0; vfs_fault_hanging() == 0; n++) {
                assert_true(n < 6000);
                (void)poll(NULL, 0, 10);
        }
        for (uint64_t seq = 2; seq <= 100; seq++)
                submit(s, seq, 1);
        store_status(s, &status);
        assert_int_equal(status.committed_seq, 0);
        assert_true(status.oldest_us >= before && status.oldest_us <= clock_now().boot_us);
        assert_false(status.failing); /* it has not failed, it has not answered: the loop counts the time */
        vfs_fault_set(VFS_FAULT_NONE, 0);
        WAIT_UNTIL(s, status, status.committed_seq == 100);
        assert_int_equal(status.recovered, 0);
        store_free(s);
        check_journal(1, 100);
}

/* Stopping while the disk hangs ends all the same. */
static void test_hang_stop(void **state)
{
        static Store *volatile left; /* belongs to its thread for good */
        Store *s = open_good(NULL);
        StoreStatus status;

        assert_int_equal(store_run(s), 0);
        submit(s, 1, 1);
        WAIT_UNTIL(s, status, status.committed_seq == 1);
        vfs_fault_set(VFS_FAULT_SYNC_HANG, 0);
        submit(s, 2, 1);
        left = s;
        assert_null(store_free(s));
        assert_ptr_equal(left, s);
        vfs_fault_set(VFS_FAULT_NONE, 0);
        for (int n = 0; vfs_fault_hanging() > 0 || number("SELECT max(seq) FROM journal") < 2; n++) {
                assert_true(n < 6000);
                (void)poll(NULL, 0, 10);
        }
        check_journal(1, 2);
}

/* Stopping while the disk fails: tries for a while, then ends; the rest is lost and was never acknowledged. */
static void test_fail_stop(void **state)
{
        Store *s = open_good(NULL);
        StoreStatus status;

        assert_int_equal(store_run(s), 0);
        submit(s, 1, 1);
        WAIT_UNTIL(s, status, status.committed_seq == 1);
        vfs_fault_set(VFS_FAULT_WRITE_FULL, 0);
        submit(s, 2, 1);
        WAIT_UNTIL(s, status, status.failing);
        store_free(s);
        vfs_fault_set(VFS_FAULT_NONE, 0);
        check_journal(1, 1);
}

/* Stopping commits what waits. */
static void test_stop(void **state)
{
        StoreStart start;
        Store *s = open_good(NULL);

        assert_int_equal(store_run(s), 0);
        for (uint64_t seq = 1; seq <= 3000; seq++)
                submit(s, seq, 1);
        store_free(s);
        check_journal(1, 3000);
        s = open_good(&start);
        assert_int_equal(start.next_seq, 3001);
        store_free(s);
}

static void child(int fd)
{
        Store *s = NULL;
        StoreStart start;
        StoreStatus status;
        uint64_t seq, told = 0;

        if (store_open(&s, &(StoreConfig){folder, "demo"}, &start) != 0 || store_run(s) != 0)
                _exit(3);
        seq = start.next_seq;
        for (;;) {
                struct pollfd p = {.fd = store_fd(s), .events = POLLIN};
                StoreTxn *t = store_txn_new();
                StateRow row = state_row(seq, STATE_ALERTING);

                record(t, seq, seq);
                store_txn_state(t, &row);
                row.blob_size = 0;
                row.state = STATE_CLOSED;
                if (seq > 3) {
                        row.id = seq - 3;
                        store_txn_state(t, &row);
                }
                store_submit(s, t);
                seq++;
                if (seq % 3 == 0)
                        (void)poll(&p, 1, 1000);
                store_status(s, &status);
                if (status.committed_seq != told) {
                        told = status.committed_seq;
                        if (write(fd, &told, sizeof(told)) != (ssize_t)sizeof(told))
                                _exit(4);
                }
        }
}

/* kill -9 at any moment: what was reported committed is there, whole and in order. */
static void test_kill(void **state)
{
        uint64_t random = 7, acked = 0;

        for (int round = 0; round < 10; round++) {
                StoreStart start;
                Store *s;
                int fds[2], status, limit = (int)random_below(&random, 200) + 1;
                pid_t pid;

                assert_int_equal(pipe(fds), 0);
                pid = fork();
                assert_true(pid >= 0);
                if (pid == 0) {
                        close(fds[0]);
                        child(fds[1]);
                }
                close(fds[1]);
                for (int n = 0; n < limit; n++)
                        assert_int_equal(read(fds[0], &acked, sizeof(acked)), sizeof(acked));
                assert_int_equal(kill(pid, SIGKILL), 0);
                while (read(fds[0], &acked, sizeof(acked)) == (ssize_t)sizeof(acked))
                        ;
                close(fds[0]);
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_true(WIFSIGNALED(status));
                s = open_good(&start);
                assert_true(start.next_seq > acked);
                assert_int_equal(start.next_incident, start.next_seq);
                assert_string_equal(start.anew, "");
                store_free(s);
                check_journal(1, start.next_seq - 1);
                assert_int_equal(number("SELECT count(*) FROM incident WHERE closed IS NULL"), 3);
        }
}

/* A journal with two rows, one open incident and a registry. */
static void make_history(void)
{
        Store *s = open_good(NULL);
        StoreStatus status;
        StoreTxn *t = store_txn_new();
        StateRow row = state_row(2, STATE_ALERTING);
        KeyRow key = key_row(1);
        Registry *registry = small_registry("sos-101");

        record(t, 1, 1);
        record(t, 2, 2);
        store_txn_state(t, &row);
        store_txn_key(t, &key);
        store_txn_duty(t, 1, true, 10);
        store_txn_duty(t, 2, true, 10);
        store_txn_registry(t, registry);
        registry_unref(registry);
        assert_int_equal(store_run(s), 0);
        store_submit(s, t);
        WAIT_UNTIL(s, status, status.committed_seq == 2);
        store_free(s);
}

/* What a start finds after history was lost: numbers nobody has seen, the people, and a word about it. */
static void expect_anew(const char *says)
{
        StoreStart start;
        StoreStatus status;
        Store *s = NULL;
        uint64_t seq;

        assert_int_equal(open_store(&s, &start), 0);
        if (!strstr(start.anew, says))
                fail_msg("\"%s\" is not in \"%s\"", says, start.anew);
        assert_true(start.next_incident >= 502 && start.next_incident <= 2000);
        assert_true(start.next_seq >= 5002 && start.next_seq <= 20000);
        assert_int_equal(registry_device_id(start.registry, "sos-101"), 1);
        registry_unref(start.registry);
        assert_int_equal(store_restore(s, engine, clock_now(), outbox_take, NULL), 0);
        assert_int_equal(got.n_rows, 0);
        /* The same again, as nothing was used. */
        store_free(s);
        seq = start.next_seq;
        s = open_good(&start);
        assert_string_equal(start.anew, "");
        assert_int_equal(start.next_seq, seq);
        assert_int_equal(store_run(s), 0);
        submit(s, seq, start.next_incident);
        WAIT_UNTIL(s, status, status.committed_seq == seq);
        store_free(s);
        check_journal(seq, seq);
        assert_int_equal(number("SELECT count(*) FROM device"), 1);
}

static void test_gone(void **state)
{
        make_history();
        assert_int_equal(unlink(path_of("journal.db")), 0);
        assert_int_equal(unlink(path_of("journal.db-wal")), 0);
        assert_int_equal(unlink(path_of("journal.db-shm")), 0);
        expect_anew("gone");
}

static void overwrite(const char *name, off_t at, size_t n)
{
        int fd = open(path_of(name), O_WRONLY | O_CLOEXEC);
        char garbage[4096];

        memset(garbage, 0xa5, sizeof(garbage));
        assert_true(fd >= 0 && n <= sizeof(garbage));
        assert_int_equal(pwrite(fd, garbage, n, at), (ssize_t)n);
        close(fd);
}

static void test_not_a_database(void **state)
{
        make_history();
        overwrite("journal.db", 0, 100);
        expect_anew("journal.bad-");
        assert_true(exists("journal.bad-"));
}

static void test_corrupt_pages(void **state)
{
        make_history();
        for (off_t page = 1; page < 40; page++)
                overwrite("journal.db", page * 4096, 4096);
        expect_anew("journal.bad-");
}

static void edit(const char *sql)
{
        sqlite3 *db = NULL;

        assert_int_equal(sqlite3_open(path_of("journal.db"), &db), SQLITE_OK);
        if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
                fail_msg("%s: %s", sql, sqlite3_errmsg(db));
        sqlite3_close(db);
}

static void test_tampered(void **state)
{
        make_history();
        edit("DROP TRIGGER journal_update; UPDATE journal SET body = '{}' WHERE seq = 1");
        expect_anew("row 1: the body does not fit its hash");
}

static void test_later_version(void **state)
{
        Store *s = NULL;
        StoreStart start;

        make_history();
        edit("PRAGMA user_version = 99");
        assert_int_equal(open_store(&s, &start), STORE_E_DOWN);
        assert_non_null(strstr(store_why(s), "later version"));
        assert_int_equal(registry_device_id(start.registry, "sos-101"), 1);
        registry_unref(start.registry);
        store_free(s);
        assert_false(exists("journal.bad-"));
        edit("PRAGMA user_version = 1");
        s = open_good(&start);
        assert_int_equal(start.next_seq, 3);
        store_free(s);
}

/* No database at the start, found again later: the engine's numbers go on, the journal stays contiguous. */
static void down_and_found(VfsFault fault)
{
        Store *s = NULL;
        StoreStart start;
        StoreStatus status;
        StoreTxn *t;
        StateRow row;
        KeyRow key = key_row(2);
        uint64_t first, incident;

        make_history();
        vfs_fault_set(fault, 0);
        assert_int_equal(open_store(&s, &start), STORE_E_DOWN);
        assert_true(store_why(s)[0]);
        assert_int_equal(registry_device_id(start.registry, "sos-101"), 1);
        registry_unref(start.registry);
        first = start.next_seq;
        incident = start.next_incident;
        assert_true(first > 5000 && incident > 500);
        assert_int_equal(store_restore(s, engine, clock_now(), outbox_take, NULL), 0);
        assert_int_equal(got.n_rows, 0);
        store_status(s, &status);
        assert_true(status.failing && status.why[0]);
        assert_int_equal(status.committed_seq, first - 1);
        assert_int_equal(store_run(s), 0);
        t = store_txn_new();
        record(t, first, incident);
        row = state_row(incident, STATE_ALERTING);
        row.boot = start.boot;
        store_txn_state(t, &row);
        store_txn_key(t, &key);
        store_txn_duty(t, 2, false, 20);
        store_submit(s, t);
        submit(s, first + 1, incident);
        vfs_fault_set(VFS_FAULT_NONE, 0);
        WAIT_UNTIL(s, status, status.reopened);
        assert_int_equal(status.committed_seq, first - 1); /* waits for the merge */
        assert_int_equal(status.seq_offset, (int64_t)first - 3);
        assert_int_equal(store_merge(s, engine, clock_now()), 0);
        assert_int_equal(got.n_rows, 1);
        assert_int_equal(got.rows[0].id, 2);
        assert_int_equal(got.rows[0].boot, start.boot); /* this boot, by the engine's name */
        assert_int_equal(got.n_keys, 1);
        assert_int_equal(got.keys[0].incident, 1);
        assert_int_equal(got.n_duty, 1); /* the other one is newer in the queue */
        assert_int_equal(got.duty[0].worker, 1);
        WAIT_UNTIL(s, status, status.committed_seq == first + 1);
        assert_false(status.failing || status.reopened);
        assert_int_equal(status.recovered, 1);
        submit(s, first + 2, incident);
        WAIT_UNTIL(s, status, status.committed_seq == first + 2);
        store_free(s);
        check_journal(1, 5);
        assert_int_equal(number("SELECT seq_offset FROM renumber WHERE first_seq = 3"), (int64_t)first - 3);
        assert_int_equal(number("SELECT count(*) FROM renumber"), 1);
        assert_int_equal(number("SELECT count(*) FROM incident WHERE boot = 1"), 2);
        s = open_good(&start);
        assert_int_equal(start.next_seq, first + 3);
        assert_int_equal(start.next_incident, incident + 1);
        assert_int_equal(start.boot, 1);
        assert_int_equal(store_run(s), 0);
        submit(s, first + 3, 0);
        WAIT_UNTIL(s, status, status.committed_seq == first + 3);
        assert_int_equal(status.seq_offset, (int64_t)first - 3);
        store_free(s);
        check_journal(1, 6);
}

static void test_readonly(void **state)
{
        down_and_found(VFS_FAULT_READONLY);
}

static void test_cannot_open(void **state)
{
        down_and_found(VFS_FAULT_OPEN_EIO);
}

static void test_cannot_read(void **state)
{
        down_and_found(VFS_FAULT_READ_EIO);
}

static void test_cannot_write(void **state)
{
        down_and_found(VFS_FAULT_WRITE_FULL);
}

/* Found again, and away once more before the engine could read it: found a second time. */
static void test_merge_fails(void **state)
{
        Store *s = NULL;
        StoreStart start;
        StoreStatus status;

        make_history();
        vfs_fault_set(VFS_FAULT_READONLY, 0);
        assert_int_equal(open_store(&s, &start), STORE_E_DOWN);
        registry_unref(start.registry);
        assert_int_equal(store_run(s), 0);
        vfs_fault_set(VFS_FAULT_NONE, 0);
        WAIT_UNTIL(s, status, status.reopened);
        vfs_fault_set(VFS_FAULT_LOCK_EIO, 0);
        assert_int_equal(store_merge(s, engine, clock_now()), STORE_E_DOWN);
        store_status(s, &status);
        assert_true(status.failing && !status.reopened);
        vfs_fault_set(VFS_FAULT_NONE, 0);
        WAIT_UNTIL(s, status, status.reopened);
        got.held = 2; /* as if a first attempt had merged it */
        assert_int_equal(store_merge(s, engine, clock_now()), 0);
        assert_int_equal(got.n_rows, 0);
        WAIT_UNTIL(s, status, !status.failing);
        assert_int_equal(status.recovered, 1); /* also with nothing to commit */
        submit(s, start.next_seq, 0);
        WAIT_UNTIL(s, status, status.committed_seq == start.next_seq);
        store_free(s);
        check_journal(1, 3);
}

/* Stopping in between: what waits is committed without the engine. */
static void test_stop_before_merge(void **state)
{
        Store *s = NULL;
        StoreStart start;
        StoreStatus status;

        make_history();
        vfs_fault_set(VFS_FAULT_READONLY, 0);
        assert_int_equal(open_store(&s, &start), STORE_E_DOWN);
        registry_unref(start.registry);
        assert_int_equal(store_run(s), 0);
        submit(s, start.next_seq, 0);
        vfs_fault_set(VFS_FAULT_NONE, 0);
        WAIT_UNTIL(s, status, status.reopened);
        store_free(s);
        check_journal(1, 3);
}

/* An export from long ago: its numbers are in use, so the two are not mixed. */
static void test_old_export(void **state)
{
        Store *s = NULL;
        StoreStart start;
        StoreStatus status;
        Registry *r = small_registry("sos-101");

        make_history();
        assert_int_equal(registry_export_write(r, path_of("registry.export"), "demo", 2, 2), 0);
        registry_unref(r);
        vfs_fault_set(VFS_FAULT_READONLY, 0);
        assert_int_equal(open_store(&s, &start), STORE_E_DOWN);
        registry_unref(start.registry);
        assert_int_equal(start.next_incident, 2);
        assert_int_equal(store_run(s), 0);
        submit(s, 2, 2);
        vfs_fault_set(VFS_FAULT_NONE, 0);
        WAIT_UNTIL(s, status, status.reopened);
        assert_int_equal(status.anew, 1);
        assert_non_null(strstr(status.anew_why, "too old"));
        assert_int_equal(store_merge(s, engine, clock_now()), 0);
        assert_int_equal(got.n_rows, 0);
        WAIT_UNTIL(s, status, status.committed_seq == 2);
        store_free(s);
        check_journal(2, 2);
        assert_true(exists("journal.bad-"));
}

/* The file vanishes while running: noticed at the reopening, begun anew behind what was committed. */
static void test_vanishes(void **state)
{
        Store *s;
        StoreStatus status;

        make_history();
        s = open_good(NULL);
        assert_int_equal(store_run(s), 0);
        submit(s, 3, 2);
        WAIT_UNTIL(s, status, status.committed_seq == 3);
        vfs_fault_set(VFS_FAULT_WRITE_EIO, 0);
        submit(s, 4, 2);
        WAIT_UNTIL(s, status, status.failing && !strstr(status.why, "commit"));
        assert_int_equal(unlink(path_of("journal.db")), 0);
        assert_int_equal(unlink(path_of("journal.db-wal")), 0);
        assert_int_equal(unlink(path_of("journal.db-shm")), 0);
        vfs_fault_set(VFS_FAULT_NONE, 0);
        WAIT_UNTIL(s, status, status.committed_seq == 4);
        assert_int_equal(status.anew, 1);
        assert_non_null(strstr(status.anew_why, "gone"));
        assert_int_equal(status.recovered, 1);
        store_free(s);
        check_journal(4, 4);
        assert_int_equal(number("SELECT count(*) FROM device WHERE code = 'sos-101'"), 1);
}

/* An older copy comes back in its place: rows that were acknowledged are missing, so it is not ours. */
static void test_rolled_back(void **state)
{
        Store *s;
        StoreStatus status;
        char command[512];

        make_history();
        assert_int_equal(rename(path_of("journal.db"), path_of("old")), 0);
        (void)snprintf(command, sizeof(command), "%s", path_of("old"));
        {
                FILE *from = fopen(command, "re"), *to = fopen(path_of("journal.db"), "we");
                char block[4096];
                size_t n;

                assert_non_null(from);
                assert_non_null(to);
                while ((n = fread(block, 1, sizeof(block), from)) > 0)
                        assert_int_equal(fwrite(block, 1, n, to), n);
                fclose(from);
                assert_int_equal(fclose(to), 0);
        }
        s = open_good(NULL);
        assert_int_equal(store_run(s), 0);
        submit(s, 3, 2);
        WAIT_UNTIL(s, status, status.committed_seq == 3);
        vfs_fault_set(VFS_FAULT_WRITE_EIO, 0);
        submit(s, 4, 2);
        WAIT_UNTIL(s, status, status.failing && !strstr(status.why, "commit"));
        assert_int_equal(unlink(path_of("journal.db-wal")), 0);
        assert_int_equal(rename(path_of("old"), path_of("journal.db")), 0);
        vfs_fault_set(VFS_FAULT_NONE, 0);
        WAIT_UNTIL(s, status, status.committed_seq == 4);
        assert_int_equal(status.anew, 1);
        assert_non_null(strstr(status.anew_why, "rows that were committed are gone"));
        store_free(s);
        check_journal(4, 4);
        assert_true(exists("journal.bad-"));
}

static void edit(const char *sql);

/* The disk returns garbage while running: set aside, begun anew, and not without end. */
static void test_garbage(void **state)
{
        Store *s;
        StoreStatus status;

        make_history();
        s = open_good(NULL);
        assert_int_equal(store_run(s), 0);
        submit(s, 3, 2);
        WAIT_UNTIL(s, status, status.committed_seq == 3);
        edit("INSERT INTO meta(name, value) VALUES('somebody', 'else')"); /* what is cached is void */
        vfs_fault_set(VFS_FAULT_CORRUPT, 0);
        submit(s, 4, 2);
        WAIT_UNTIL(s, status, status.failing);
        for (int n = 0; !exists("journal.bad-"); n++) {
                assert_true(n < 6000);
                (void)poll(NULL, 0, 10);
        }
        vfs_fault_set(VFS_FAULT_NONE, 0);
        WAIT_UNTIL(s, status, status.committed_seq == 4);
        assert_int_equal(status.anew, 1);
        assert_non_null(strstr(status.anew_why, "journal.bad-"));
        store_free(s);
        check_journal(4, 4);
}

/* registry.export cannot be written: commits go on, but it is said. */
static void test_ailing(void **state)
{
        Store *s = open_good(NULL);
        StoreStatus status;
        Registry *r = small_registry("sos-101");
        StoreTxn *t = store_txn_new();

        assert_int_equal(mkdir(path_of("registry.export.new"), 0700), 0);
        assert_int_equal(store_run(s), 0);
        store_txn_registry(t, r);
        store_submit(s, t);
        WAIT_UNTIL(s, status, status.ailing);
        assert_false(status.failing);
        assert_non_null(strstr(status.why, "registry.export"));
        submit(s, 1, 1);
        WAIT_UNTIL(s, status, status.committed_seq == 1);
        assert_int_equal(rmdir(path_of("registry.export.new")), 0);
        t = store_txn_new();
        store_txn_registry(t, r);
        store_submit(s, t);
        WAIT_UNTIL(s, status, !status.ailing);
        registry_unref(r);
        store_free(s);
}

/* Keys after 24 h and readings after 30 days go by themselves. */
static void test_prune(void **state)
{
        Store *s;
        char sql[512];
        int64_t now;

        (void)clock_trust(0); /* the machine's clock is believed where it can be; else nothing is let go */
        now = clock_now().wall_us;
        make_history();
        (void)snprintf(sql, sizeof(sql),
                "INSERT INTO key SELECT 2, key, digest, %lld, tb, 77, incident, seq, owner, result, state, "
                "reason, action FROM key;"
                "INSERT INTO reading(t, device, resident) VALUES(%lld, 1, 1), (%lld, 1, 1)",
                (long long)(now - 25 * (int64_t)USEC_PER_HOUR),
                (long long)(now - 31 * (int64_t)USEC_PER_DAY),
                (long long)(now - 29 * (int64_t)USEC_PER_DAY));
        edit(sql);
        s = open_good(NULL);
        assert_int_equal(store_restore(s, engine, clock_now(), outbox_take, NULL), 0);
        assert_int_equal(got.n_keys, clock_now().trusted ? 1 : 2);
        assert_int_equal(store_run(s), 0);
        for (int n = 0; clock_now().trusted &&
                        number("SELECT (SELECT count(*) FROM key) + (SELECT count(*) FROM reading)") != 2;
                n++) {
                assert_true(n < 6000);
                (void)poll(NULL, 0, 10);
        }
        store_free(s);
        assert_int_equal(number("SELECT count(*) FROM key WHERE boot <> 77"), 1);
        check_journal(1, 2);
}

/* The queue's bound: readings go, alarms stay. */
static void test_bound(void **state)
{
        Store *s = open_good(NULL);
        StoreStatus status;
        const VitalsEvent vitals = {.has = 1, .value = {72}};
        const int64_t now = clock_now().wall_us;
        uint64_t seq = 1, submitted = 0;

        assert_int_equal(store_run(s), 0);
        vfs_fault_set(VFS_FAULT_WRITE_FULL, 0);
        do {
                StoreTxn *t = store_txn_new();

                for (int n = 0; n < 20000; n++)
                        store_txn_reading(t, 1, 1, now + (int64_t)submitted++, &vitals);
                record(t, seq++, 1);
                store_submit(s, t);
                store_status(s, &status);
                assert_true(submitted < 10000000);
        } while (status.readings_dropped < 100000);
        assert_int_equal(status.readings_dropped % 20000, 0);
        vfs_fault_set(VFS_FAULT_NONE, 0);
        WAIT_UNTIL(s, status, status.committed_seq == seq - 1);
        store_free(s);
        check_journal(1, seq - 1);
        assert_int_equal(number("SELECT count(*) FROM reading"), submitted - status.readings_dropped);
}

/* Readings alone are committed too, if not at once. */
static void test_readings(void **state)
{
        Store *s = open_good(NULL);
        StoreStatus status;

        assert_int_equal(store_run(s), 0);
        for (int n = 0; n < 100; n++) {
                StoreTxn *t = store_txn_new();

                store_txn_reading(t, 1, 1, clock_now().wall_us + n, &(VitalsEvent){.has = 1, .value = {72}});
                store_submit(s, t);
        }
        WAIT_UNTIL(s, status, status.committed_txns == 100);
        assert_int_equal(status.committed_seq, 0);
        store_free(s);
        assert_int_equal(number("SELECT count(*) FROM reading"), 100);
}

static void submit_gap(void *userdata)
{
        submit(userdata, 5, 1);
}

static void test_contiguous(void **state)
{
        Store *s = open_good(NULL);

        assert_int_equal(signal_of(submit_gap, s), SIGABRT);
        store_free(s);
}

/* Ceilings: always ahead of what was used, without a write for each. */
static void test_ceilings(void **state)
{
        Store *s = open_good(NULL);
        StoreStatus status;
        RegistryError error;
        Registry *r = NULL;
        uint64_t incident, seq;

        assert_int_equal(store_run(s), 0);
        for (uint64_t n = 1; n <= 12000; n++)
                submit(s, n, n);
        WAIT_UNTIL(s, status, status.committed_seq == 12000);
        store_free(s);
        assert_int_equal(registry_export_read(&r, path_of("registry.export"), &incident, &seq, &error), 0);
        assert_true(incident > 12000 + 400 && seq > 12000 + 4000);
        assert_true(incident <= 13001 && seq <= 22001);
        registry_unref(r);
}

static void test_auditor(void **state)
{
        char why[128];
        Audit *a = NULL;
        Store *s;

        assert_int_equal(audit_open(&a, folder, why), AUDIT_E_NONE);
        assert_true(why[0]);
        make_history();
        s = open_good(NULL);
        check_journal(1, 2); /* next to the running gateway */
        edit("DROP TRIGGER journal_delete; DELETE FROM journal WHERE seq = 1");
        assert_int_equal(audit_open(&a, folder, why), 0);
        {
                AuditVerdict v;
                StateRow row;
                Registry *r = NULL;

                assert_int_equal(audit_verify(a, 1, UINT64_MAX, &v), 0);
                assert_false(v.good);
                assert_int_equal(v.bad, 2);
                assert_true(audit_incident(a, 2, &row));
                assert_int_equal(row.state, STATE_ALERTING);
                assert_false(audit_incident(a, 1, &row));
                assert_int_equal(audit_registry(a, &r), 0);
                assert_int_equal(registry_device_id(r, "sos-101"), 1);
                registry_unref(r);
        }
        audit_free(a);
        store_free(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {TEST(test_first), TEST(test_all), TEST(test_groups),
                TEST(test_sync_eio), TEST(test_sync_eio_reopen), TEST(test_write_eio),
                TEST(test_write_eio_reopen), TEST(test_full), TEST(test_full_reopen), TEST(test_hang),
                TEST(test_hang_stop), TEST(test_fail_stop), TEST(test_stop), TEST(test_kill),
                TEST(test_gone), TEST(test_not_a_database), TEST(test_corrupt_pages), TEST(test_tampered),
                TEST(test_later_version), TEST(test_readonly), TEST(test_cannot_open),
                TEST(test_cannot_read), TEST(test_cannot_write), TEST(test_merge_fails),
                TEST(test_stop_before_merge), TEST(test_old_export), TEST(test_garbage), TEST(test_ailing),
                TEST(test_prune), TEST(test_vanishes), TEST(test_rolled_back), TEST(test_bound),
                TEST(test_readings), TEST(test_contiguous), TEST(test_ceilings), TEST(test_auditor)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
