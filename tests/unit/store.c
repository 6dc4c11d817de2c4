/* SPDX-License-Identifier: Apache-2.0 */
/* The store with its thread on a sound disk: what is committed, in which order, and what a start finds. */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "store/audit.h"
#include "store/database.h"
#include "store/proof.h"
#include "store/registry-build.h"
#include "store/visits.h"
#include "tests/fault/vfs-fault.h"
#include "tests/unit/store-world.h"

static void test_first(void **state)
{
        StoreStatus status;
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
        WAIT_UNTIL(s, status, exists("registry.export"));
        s = store_free(s);
        assert_null(s);
        s = open_good(&start);
        assert_int_equal(start.boot, 1); /* the same boot */
        assert_string_equal(start.anew, "");
        store_free(s);
        assert_int_equal(number("PRAGMA page_size"), 4096);
        assert_true(exists("journal.db-wal") && exists("registry.export"));
}

/* One of everything, in two transactions. */
static void submit_all(void)
{
        StoreStatus status;
        Store *s = open_good(NULL);
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
        store_txn_reading(t, 3, 1, clock_now().wall_us,
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
}

static void test_all(void **state)
{
        StoreStart start;
        Store *s = NULL;
        StateRow row;
        KeyRow key;

        submit_all();
        check_journal(1, 3);
        assert_int_equal(readings_stored(1, VITAL_HR), 1);
        assert_int_equal(readings_stored(1, VITAL_TEMP), 1);
        assert_int_equal(readings_stored(1, VITAL_SPO2), 0);
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
        assert_int_equal(store_restore(s, ENGINE, clock_now(), outbox_take, NULL), 0);
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
        assert_int_equal(store_restore(s, ENGINE, clock_now(), outbox_take, NULL), STORE_E_PARTIAL);
        assert_non_null(strstr(store_why(s), "first 7"));
        store_free(s);
}

/* What comes during one flush is the next group: few flushes for many transactions, and order kept. */
static void test_groups(void **state)
{
        Store *s = open_good(NULL);
        StoreStatus status;
        unsigned syncs;

        assert_int_equal(store_run(s), 0);
        vfs_fault_set(VFS_FAULT_SYNC_HANG, 0);
        submit(s, 1, 1);
        for (int n = 0; vfs_fault_hanging() == 0; n++) {
                assert_true(n < 6000);
                (void)poll(NULL, 0, 10);
        }
        for (uint64_t seq = 2; seq <= 5000; seq++)
                submit(s, seq, 1);
        syncs = vfs_fault_syncs();
        vfs_fault_set(VFS_FAULT_NONE, 0);
        WAIT_UNTIL(s, status, status.committed_seq == 5000);
        assert_int_equal(status.committed_txns, 5000);
        assert_true(vfs_fault_syncs() - syncs < 50);
        store_free(s);
        check_journal(1, 5000);
        assert_int_equal(number("SELECT count(*) FROM journal WHERE body = json_object('n', seq)"), 5000);
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

        if (store_open(&s, &(StoreConfig){folder_of(), "demo"}, &start) != 0 || store_run(s) != 0)
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
                assert_true(start.next_incident > acked && start.next_incident <= start.next_seq + 440);
                assert_string_equal(start.anew, "");
                store_free(s);
                check_journal(1, start.next_seq - 1);
                assert_int_equal(number("SELECT count(*) FROM incident WHERE closed IS NULL"), 3);
        }
}

/* Keys go after 24 h by themselves; the table of readings of older versions moves into files. */
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
                "CREATE TABLE IF NOT EXISTS reading(t INTEGER NOT NULL, device INTEGER NOT NULL, resident INTEGER "
                "NOT NULL, hr REAL, spo2 REAL, sys REAL, dia REAL, temp REAL, resp REAL, PRIMARY KEY(t, device)) "
                "STRICT, WITHOUT ROWID;"
                "INSERT INTO reading(t, device, resident, hr, temp) VALUES(%lld, 1, 1, 71, NULL), (%lld, 1, 1, 72, "
                "36.6), (%lld, 2, 2, 60, NULL)",
                (long long)(now - 25 * (int64_t)USEC_PER_HOUR), (long long)(now - 20 * (int64_t)USEC_PER_DAY),
                (long long)(now - 2 * (int64_t)USEC_PER_HOUR), (long long)now);
        edit(sql);
        s = open_good(NULL);
        assert_int_equal(store_restore(s, ENGINE, clock_now(), outbox_take, NULL), 0);
        assert_int_equal(got.n_keys, clock_now().trusted ? 1 : 2);
        assert_int_equal(store_run(s), 0);
        for (int n = 0; clock_now().trusted &&
                        number("SELECT (SELECT count(*) FROM key) + (SELECT count(*) FROM sqlite_schema WHERE "
                               "name = 'reading')") != 1;
                n++) {
                assert_true(n < 6000);
                (void)poll(NULL, 0, 10);
        }
        store_free(s);
        assert_int_equal(number("SELECT count(*) FROM key WHERE boot <> 77"), 1);
        if (clock_now().trusted) {
                assert_int_equal(readings_stored(1, VITAL_HR), 2);
                assert_int_equal(readings_stored(1, VITAL_TEMP), 1);
                assert_int_equal(readings_stored(2, VITAL_HR), 1);
        }
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
        assert_int_equal(readings_stored(1, VITAL_HR), submitted - status.readings_dropped);
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
        assert_int_equal(readings_stored(1, VITAL_HR), 100);
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

/* Ceilings: always ahead of what was used, without a write for each, and further in a storm. */
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
        assert_true(incident <= 12001 + 64 * 1000 && seq <= 12001 + 64 * 10000);
        registry_unref(r);
}

/* What a start finds of registry.export and cannot use, it replaces, and is not kept by it from anything. */
static void test_export_damaged(void **state)
{
        StoreStatus status;
        RegistryError error;
        Registry *r = NULL;
        uint64_t incident, seq;
        Store *s = open_good(NULL);
        FILE *f;

        assert_int_equal(store_run(s), 0);
        WAIT_UNTIL(s, status, exists("registry.export"));
        store_free(s);
        f = fopen(path_of("registry.export"), "we");
        assert_non_null(f);
        assert_true(fputs("\"huying-registry\",\"1\",\"demo\",\"x\"\n", f) > 0);
        assert_int_equal(fclose(f), 0);
        s = open_good(NULL);
        assert_int_equal(store_run(s), 0);
        submit(s, 1, 1);
        WAIT_UNTIL(s, status, status.committed_seq == 1);
        WAIT_UNTIL(s, status,
                registry_export_read(&r, path_of("registry.export"), &incident, &seq, &error) == 0);
        assert_true(incident > 1 && seq > 1);
        registry_unref(r);
        store_free(s);
}

/* As a kill: the thread and the connection end where they are. Incidents 1 to 3 are committed. */
static void end_uncleanly(void)
{
        pid_t pid = fork();
        int status;

        assert_true(pid >= 0);
        if (pid == 0) {
                StoreStatus told;
                StoreStart start;
                Store *s = open_good(&start);

                if (store_run(s) != 0)
                        _exit(3);
                for (uint64_t n = 0; n < 3; n++)
                        submit(s, start.next_seq + n, start.next_incident + n);
                WAIT_UNTIL(s, told, told.committed_seq == start.next_seq + 2);
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

/* A number that may have been called out does not come again; after an orderly end there is no gap. */
static void test_numbers(void **state)
{
        StoreStart start;
        StoreStatus status;
        Store *s;
        uint64_t next;

        end_uncleanly();
        s = open_good(&start);
        next = start.next_incident;
        assert_true(next > 3 + 10 && next <= 3 + 40);
        store_free(s); /* never ran: nothing was given out, and what was before stays out of reach */
        s = open_good(&start);
        assert_int_equal(start.next_incident, next);
        assert_int_equal(store_run(s), 0);
        submit(s, start.next_seq, next);
        WAIT_UNTIL(s, status, status.committed_seq == start.next_seq);
        store_free(s);
        s = open_good(&start);
        assert_int_equal(start.next_incident, next + 1);
        store_free(s);
        end_uncleanly();
        end_uncleanly();
        s = open_good(&start);
        assert_true(start.next_incident > next + 3 + 3 + 20 && start.next_incident <= next + 100);
        store_free(s);
}

static void test_auditor(void **state)
{
        char why[128];
        Audit *a = NULL;
        Store *s;

        assert_int_equal(audit_open(&a, folder_of(), why), AUDIT_E_NONE);
        assert_true(why[0]);
        make_history();
        s = open_good(NULL);
        check_journal(1, 2); /* next to the running gateway */
        edit("DROP TRIGGER journal_delete; DELETE FROM journal WHERE seq = 1");
        assert_int_equal(audit_open(&a, folder_of(), why), 0);
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

/* The tree's trunk (checkpoint.c): written by itself, gone on from, and compared by who verifies. */
static void test_trunk(void **state)
{
        const ProofRequest request = {.to = UINT64_MAX};
        const DatabaseOrigin origin = {.directory = folder_of(),
                .site = "demo",
                .boot_id = "00000000000000000000000000000001",
                .first_seq = 1,
                .first_incident = 1,
                .known = {.empty = true}};
        StoreTxn *t = store_txn_new();
        ProofVerdict v = {0};
        char why[128];
        Audit *a = NULL;
        Database d;

        for (uint64_t seq = 1; seq <= 66000; seq++)
                record(t, seq, 0);
        assert_int_equal(database_open(&d, &origin, why), 0);
        assert_int_equal(database_begin(&d), SQLITE_OK);
        assert_int_equal(database_apply(&d, t), SQLITE_OK);
        assert_int_equal(database_commit(&d), SQLITE_OK);
        database_close(&d);
        store_txn_free(t);
        assert_int_equal(
                number("SELECT count(*) FROM meta WHERE name = 'trunk' AND value LIKE '65536 %'"), 1);
        assert_int_equal(database_open(&d, &origin, why), 0);
        assert_int_equal(d.next_seq, 66001);
        assert_int_equal(d.tree.size, 66000);
        database_close(&d);
        assert_int_equal(audit_open(&a, folder_of(), why), 0);
        assert_int_equal(proof_verify(a, &request, &v), 0);
        assert_true(v.good && v.rows == 66000);
        edit("UPDATE meta SET value = '65536 ' || replace(substr(value, 7), '0', '1') WHERE name = 'trunk'");
        assert_int_equal(proof_verify(a, &request, &v), 0);
        assert_false(v.good);
        assert_int_equal(v.bad, 65536);
        assert_non_null(strstr(v.why, "trunk"));
        audit_free(a);
}

static void visit(StoreTxn *t, uint64_t seq, JournalKind kind, uint32_t worker, const char *body)
{
        store_txn_journal(t, &(JournalRecord){.seq = seq,
                                     .kind = kind,
                                     .t_us = 1790000000000000 + (int64_t)seq * (int64_t)USEC_PER_HOUR,
                                     .tb_us = seq,
                                     .boot = 1,
                                     .worker = worker,
                                     .body = body,
                                     .body_size = (uint32_t)strlen(body)});
}

/* What the rows say of visits, and only that; a correction of another's visit changes nothing. */
static void test_visits(void **state)
{
        Registry *registry = registry_make(&(RegistryCounts){1, 1, 2, 1, 1, 0});
        StoreTxn *t = store_txn_new();
        StoreStatus status;
        StoreStart start;
        Store *s = open_good(&start);
        Care care;

        registry->residents[1] = (Resident){
                .code = "r101", .name = "", .birth = "", .phone = "", .notes = "", .limits = registry->residents[0].limits};
        registry_finish(registry);
        cares_from(store_cares(s), 1790000000000000);
        store_txn_registry(t, registry);
        registry_unref(registry);
        visit(t, 1, JOURNAL_VISIT_IN, 1, "{\"resident\":\"r101\",\"service\":\"bath\",\"proof\":true}");
        visit(t, 2, JOURNAL_VISIT_IN, 2, "{\"resident\":\"r101\",\"service\":\"meals\"}");
        visit(t, 3, JOURNAL_VISIT_OUT, 1, "{\"resident\":\"r101\",\"visit\":1,\"seconds\":7200,\"counts\":true,\"rating\":4}");
        visit(t, 4, JOURNAL_VISIT_FORGOTTEN, 2, "{\"resident\":\"r101\",\"visit\":2,\"on\":true}");
        assert_int_equal(store_run(s), 0);
        store_submit(s, t);
        WAIT_UNTIL(s, status, status.committed_seq == 4);
        assert_true(cares_of(store_cares(s), 1, &care));
        assert_true(care.visits == 1 && care.seconds == 7200 && care.last_us == 1790000000000000 + (int64_t)USEC_PER_HOUR);
        assert_int_equal(number("SELECT count(*) FROM visit WHERE n = 1 AND counts = 1 AND proof = 1 AND rating = 4"
                                " AND in_seq = 1 AND out_seq = 3 AND service = 'bath'"),
                1);
        assert_int_equal(number("SELECT until IS NULL FROM visit WHERE n = 2"), 1); /* reminded, still there */
        t = store_txn_new();
        visit(t, 5, JOURNAL_VISIT_FORGOTTEN, 2, "{\"resident\":\"r101\",\"visit\":2,\"on\":false}");
        visit(t, 6, JOURNAL_VISIT_FIXED, 1, "{\"resident\":\"r101\",\"visit\":2,\"seconds\":3600,\"counts\":true}");
        visit(t, 7, JOURNAL_VISIT_FIXED, 1, "{\"resident\":\"r101\",\"visit\":1,\"seconds\":0,\"counts\":false}");
        store_submit(s, t);
        WAIT_UNTIL(s, status, status.committed_seq == 7);
        assert_int_equal(number("SELECT forgotten = 1 AND counts = 0 AND fix_seq IS NULL FROM visit WHERE n = 2"), 1);
        assert_int_equal(number("SELECT counts = 0 AND fix_seq = 7 FROM visit WHERE n = 1"), 1);
        assert_false(cares_of(store_cares(s), 1, &care));
        store_free(s);
        check_journal(1, 7);
}

/* What names a person and is in no incident goes too: visits where he lived before or without an address, refused words. */
static void test_erasure_reaches_what_is_in_no_incident(void **state)
{
        static const struct {
                JournalKind kind;
                uint32_t dwelling;
                const char *body;
        } rows[] = {
                {JOURNAL_VISIT_IN, 0, "{\"resident\":\"r101\",\"service\":\"bath\"}"},
                {JOURNAL_VISIT_OUT, 0, "{\"resident\":\"r101\",\"visit\":1,\"seconds\":60,\"counts\":true}"},
                {JOURNAL_REFUSED, 0, "{\"payload\":{\"action\":\"request\",\"resident\":\"r101\",\"text\":\"家里的事\"}}"},
                {JOURNAL_VISIT_IN, 2, "{\"resident\":\"r101\",\"service\":\"meals\"}"},
                {JOURNAL_VISIT_FORGOTTEN, 2, "{\"resident\":\"r101\",\"visit\":4,\"on\":true}"},
                {JOURNAL_ADMIN, 0, "{\"admin\":\"access\",\"resident\":\"r101\"}"},
                {JOURNAL_VISIT_IN, 2, "{\"resident\":\"r102\",\"service\":\"meals\"}"},
                {JOURNAL_REFUSED, 0, "{\"payload\":{\"resident\":\"r102\"}}"},
        };
        Registry *registry = registry_make(&(RegistryCounts){1, 2, 3, 1, 1, 0});
        StoreTxn *t = store_txn_new();
        StoreStatus status;
        StoreStart start;
        Store *s = open_good(&start);

        registry->residents[1] = (Resident){
                .code = "r101", .name = "", .birth = "", .phone = "", .notes = "", .limits = registry->residents[0].limits};
        registry->residents[2] = (Resident){
                .code = "r102", .name = "", .birth = "", .phone = "", .notes = "", .limits = registry->residents[0].limits};
        registry_finish(registry);
        store_txn_registry(t, registry);
        registry_unref(registry);
        for (uint64_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                store_txn_journal(t, &(JournalRecord){.seq = i + 1,
                                             .kind = rows[i].kind,
                                             .t_us = 1790000000000000 + (int64_t)i,
                                             .tb_us = i + 1,
                                             .boot = 1,
                                             .worker = 1,
                                             .dwelling = rows[i].dwelling,
                                             .body = rows[i].body,
                                             .body_size = (uint32_t)strlen(rows[i].body)});
        store_txn_erase(t, "r101");
        assert_int_equal(store_run(s), 0);
        store_submit(s, t);
        WAIT_UNTIL(s, status, status.committed_seq == 8);
        assert_int_equal(number("SELECT sum(1 << seq) FROM journal WHERE body IS NULL"), 2 + 4 + 8 + 16 + 32);
        assert_int_equal(number("SELECT count(*) FROM visit"), 1);
        store_free(s);
        check_journal(1, 8);
}

static void *cares_ask(void *cares)
{
        Care care;

        (void)cares_of(cares, 1, &care);
        return NULL;
}

/* In the middle of a statement, as a disk that hangs would be: whoever asks has an answer. */
static int on_step(void *cares)
{
        struct timespec until;
        pthread_t thread;

        assert_int_equal(clock_gettime(CLOCK_REALTIME, &until), 0);
        until.tv_sec += 20;
        assert_int_equal(pthread_create(&thread, NULL, cares_ask, cares), 0);
        assert_int_equal(pthread_timedjoin_np(thread, NULL, &until), 0);
        return 0;
}

/* The loop asks what beds have had: it never waits for the disk, and a damaged row is nobody's. */
static void test_cares_are_counted_without_the_loop(void **state)
{
        VisitsTouched touched = {0};
        Cares *c = cares_new();
        sqlite3 *db = NULL;
        uint64_t version;
        Care care;

        assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
        assert_int_equal(
                sqlite3_exec(db,
                        "CREATE TABLE visit(resident INTEGER, counts INTEGER, seconds INTEGER, since "
                        "INTEGER);"
                        "INSERT INTO visit VALUES(1, 1, 60, 5), (1, 1, 40, 7), (4294967290, 1, 1, 9),"
                        " (-1, 1, 1, 9), (9000000000000000000, 1, 1, 9), (100, 1, 20, 3), (90, 0, 20, 8)",
                        NULL, NULL, NULL),
                SQLITE_OK);
        cares_committed(c, db, &touched);
        assert_false(cares_due(c)); /* nobody has asked */
        cares_from(c, 1);
        sqlite3_progress_handler(db, 20, on_step, c);
        /* What the commit has changed is counted at once, the rest in steps. */
        touched = (VisitsTouched){.residents = {100}, .n = 1};
        cares_committed(c, db, &touched);
        assert_true(cares_of(c, 100, &care) && care.visits == 1);
        assert_false(cares_of(c, 1, &care));
        version = cares_version(c);
        assert_true(cares_due(c));
        cares_step(c, db);
        assert_true(cares_of(c, 1, &care));
        assert_true(care.visits == 2 && care.seconds == 100 && care.last_us == 7);
        assert_true(cares_due(c) && cares_version(c) == version);
        for (unsigned n = 0; cares_due(c); n++) {
                assert_true(n < 10);
                cares_step(c, db);
        }
        assert_true(cares_version(c) > version);
        assert_true(cares_of(c, 100, &care));
        assert_false(cares_of(c, 90, &care));
        assert_false(cares_of(c, UINT32_MAX - 5, &care));
        /* Another year: what was counted before is gone. */
        cares_from(c, 6);
        cares_committed(c, db, &touched);
        while (cares_due(c))
                cares_step(c, db);
        assert_true(cares_of(c, 1, &care) && care.visits == 1);
        assert_false(cares_of(c, 100, &care));
        cares_free(c);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int main(void)
{
        const struct CMUnitTest tests[] = {TEST(test_cares_are_counted_without_the_loop),
                TEST(test_erasure_reaches_what_is_in_no_incident), TEST(test_first), TEST(test_all),
                TEST(test_visits), TEST(test_groups), TEST(test_stop), TEST(test_kill), TEST(test_prune),
                TEST(test_bound), TEST(test_readings), TEST(test_contiguous), TEST(test_numbers),
                TEST(test_ceilings), TEST(test_export_damaged), TEST(test_auditor), TEST(test_trunk)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
