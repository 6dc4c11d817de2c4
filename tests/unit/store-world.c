/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store-world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/audit.h"
#include "store/readings-look.h"
#include "store/registry-build.h"
#include "tests/fault/vfs-fault.h"

/* The double */

struct StoreWorld got;
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

void outbox_take(void *userdata, uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq)
{
        assert_true(got.n_outbox < N_ELEMENTS(got.outbox));
        got.outbox[got.n_outbox].incident = incident;
        got.outbox[got.n_outbox].worker = worker;
        got.outbox[got.n_outbox++].seq = seq;
}

/* The world */

static char folder[64];

const char *folder_of(void)
{
        return folder;
}

const char *path_of(const char *name)
{
        static char path[4][512];
        static unsigned next;
        char *p = path[next++ % 4];

        (void)snprintf(p, sizeof(path[0]), "%s/%s", folder, name);
        return p;
}

int setup(void **state)
{
        vfs_fault_register();
        vfs_fault_set(VFS_FAULT_NONE, 0);
        memset(&got, 0, sizeof(got));
        (void)snprintf(folder, sizeof(folder), "/tmp/huying-store-XXXXXX");
        assert_non_null(mkdtemp(folder));
        return 0;
}

static void folder_empty(const char *path)
{
        DIR *dir = opendir(path);
        struct dirent *entry;

        assert_non_null(dir);
        while ((entry = readdir(dir)))
                if (entry->d_name[0] != '.' && unlinkat(dirfd(dir), entry->d_name, 0) != 0 && errno != ENOENT)
                        (void)unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR); /* else: the folder stays */
        closedir(dir);
}

/* A store that was left behind in a disk that hung (test_hang_stop) is still closing its files. */
int teardown(void **state)
{
        vfs_fault_set(VFS_FAULT_NONE, 0);
        for (int n = 0; n < 6000; n++) {
                if (exists("readings"))
                        folder_empty(path_of("readings"));
                folder_empty(folder);
                if (rmdir(folder) == 0)
                        return 0;
                (void)poll(NULL, 0, 10);
        }
        return -1;
}

bool exists(const char *prefix)
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

int open_store(Store **ret, StoreStart *start)
{
        *start = (StoreStart){0};
        return store_open(ret, &(StoreConfig){folder, "demo"}, start);
}

/* Opens what must open; the registry is let go. */
Store *open_good(StoreStart *ret_start)
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

void record(StoreTxn *t, uint64_t seq, uint64_t incident)
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

void submit(Store *s, uint64_t seq, uint64_t incident)
{
        StoreTxn *t = store_txn_new();

        record(t, seq, incident);
        store_submit(s, t);
}

StateRow state_row(uint64_t id, uint8_t state)
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

KeyRow key_row(uint8_t n)
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

Registry *small_registry(const char *device)
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
void check_journal(uint64_t first, uint64_t last)
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

int64_t number(const char *sql)
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

/* A journal with two rows, one open incident and a registry. */
void make_history(void)
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

void edit(const char *sql)
{
        sqlite3 *db = NULL;

        assert_int_equal(sqlite3_open(path_of("journal.db"), &db), SQLITE_OK);
        if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
                fail_msg("%s: %s", sql, sqlite3_errmsg(db));
        sqlite3_close(db);
}

uint64_t readings_stored(uint32_t resident, Vital vital)
{
        int64_t now = clock_now().wall_us / (int64_t)USEC_PER_SEC;
        Series *s = series_new(now - 38 * SECONDS_PER_DAY, now + SECONDS_PER_DAY, SECONDS_PER_DAY);
        uint64_t n = 0;

        assert_true(look_all(folder, resident, s) >= 0);
        for (uint32_t i = 0; i < s->n_steps; i++)
                n += s->cells[i][vital].n;
        free(s);
        return n;
}
