/* SPDX-License-Identifier: Apache-2.0 */
/* The store on a disk that fails in each way that tests/fault/vfs-fault.h knows, and on files that are not what they were. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "store/schema.h"
#include "tests/fault/vfs-fault.h"
#include "tests/unit/store-world.h"

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
        assert_int_equal(store_restore(s, ENGINE, clock_now(), outbox_take, NULL), 0);
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
        char back[48];

        make_history();
        edit("PRAGMA user_version = 99");
        assert_int_equal(open_store(&s, &start), STORE_E_DOWN);
        assert_non_null(strstr(store_why(s), "later version"));
        assert_int_equal(registry_device_id(start.registry, "sos-101"), 1);
        registry_unref(start.registry);
        store_free(s);
        assert_false(exists("journal.bad-"));
        (void)snprintf(back, sizeof(back), "PRAGMA user_version = %d",
                schema_steps[schema_n_steps - 1].version); /* a number fits */
        edit(back);
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
        assert_int_equal(store_restore(s, ENGINE, clock_now(), outbox_take, NULL), 0);
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
        assert_int_equal(store_merge(s, ENGINE, clock_now()), 0);
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
/* A flush of the start does not come back: it goes on without, and the disk's return is like any other. */
static void test_hangs_at_start(void **state)
{
        down_and_found(VFS_FAULT_SYNC_HANG);
}

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
        assert_int_equal(store_merge(s, ENGINE, clock_now()), STORE_E_DOWN);
        store_status(s, &status);
        assert_true(status.failing && !status.reopened);
        vfs_fault_set(VFS_FAULT_NONE, 0);
        WAIT_UNTIL(s, status, status.reopened);
        got.held = 2; /* as if a first attempt had merged it */
        assert_int_equal(store_merge(s, ENGINE, clock_now()), 0);
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
        assert_int_equal(store_merge(s, ENGINE, clock_now()), 0);
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

int main(void)
{
        const struct CMUnitTest tests[] = {TEST(test_sync_eio), TEST(test_sync_eio_reopen),
                TEST(test_write_eio), TEST(test_write_eio_reopen), TEST(test_full), TEST(test_full_reopen),
                TEST(test_hang), TEST(test_hang_stop), TEST(test_hangs_at_start), TEST(test_fail_stop), TEST(test_gone),
                TEST(test_not_a_database), TEST(test_corrupt_pages), TEST(test_tampered),
                TEST(test_later_version), TEST(test_readonly), TEST(test_cannot_open),
                TEST(test_cannot_read), TEST(test_cannot_write), TEST(test_merge_fails),
                TEST(test_stop_before_merge), TEST(test_old_export), TEST(test_vanishes),
                TEST(test_rolled_back), TEST(test_garbage), TEST(test_ailing)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
