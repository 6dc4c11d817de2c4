/* SPDX-License-Identifier: Apache-2.0 */
/* The chain against vectors that were made once with Python's struct and hashlib, and what verification finds. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "store/journal.h"
#include "store/schema.h"
#include "tests/lib/unit.h"

typedef struct Vector {
        JournalRecord record;
        uint8_t salt[SALT_SIZE];
        const char *body_hash, *hash;
} Vector;

#define BODY(text) .body = (text), .body_size = sizeof(text) - 1

static const Vector vectors[] = {
        {{.seq = 1,
                 .t_us = 1790000000000000,
                 .tb_us = 5000000,
                 .boot = 1,
                 .time_quality = 1,
                 .kind = JOURNAL_START,
                 BODY("{\"kind\":\"start\"}")},
                {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
                "84cfa8e8de3bc0934434141612c7b1a270fc02dd10fcb2ba219693b02a5a1877",
                "40239fde70db145f31f953173a398edc8c0d02e33d03ec1162a5fd0557226a3d"},
        {{.seq = 2,
                 .t_us = -1,
                 .tb_us = UINT64_C(1) << 63,
                 .boot = UINT32_MAX,
                 .time_quality = 0,
                 .kind = JOURNAL_EVENT,
                 .incident = UINT64_MAX,
                 BODY("{\"name\":\"张虚构\"}")},
                {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255},
                "97ee0cd9f58dc4fec5c6878fb8b1d0d92fb6e9dd2c36cc62e8b7b64ce91c2fe9",
                "c3b9e86ef8d9e25f766ef069e9bf9ec596ecf03b895900e20e7ca112e8713883"},
        {{.seq = 3,
                 .t_us = 1790000000123456,
                 .tb_us = 6000001,
                 .boot = 7,
                 .time_quality = 1,
                 .kind = (JournalKind)65535,
                 .incident = 1042,
                 BODY("")},
                {0}, "374708fff7719dd5979ec875d56cd2286f6d3cf7ec317a3b25632aab28ec37bb",
                "fd55367a27b2686a1fcb24ec82c38c4d55325f6e5fc470361e7fee048d0badb6"},
};

static void hash_equal(const uint8_t hash[HASH_SIZE], const char *hex)
{
        char text[2 * HASH_SIZE + 1];

        for (int i = 0; i < HASH_SIZE; i++)
                (void)snprintf(text + 2 * i, 3, "%02x", hash[i]);
        assert_string_equal(text, hex);
}

static void run(sqlite3 *db, const char *sql)
{
        char *error = NULL;

        if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
                fail_msg("%s: %s", sql, error);
}

/* The three vectors as rows, without the store's own writer. */
static sqlite3 *database(void)
{
        sqlite3 *db = NULL;
        uint8_t prev[HASH_SIZE] = {0};

        assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
        assert_int_equal(schema_migrate(db, schema_steps, schema_n_steps), SQLITE_OK);
        for (size_t i = 0; i < N_ELEMENTS(vectors); i++) {
                const JournalRecord *j = &vectors[i].record;
                uint8_t body_hash[HASH_SIZE], record[JOURNAL_RECORD_SIZE];
                sqlite3_stmt *s = NULL;

                journal_body_hash(vectors[i].salt, j->body, j->body_size, body_hash);
                journal_encode(j, prev, body_hash, record);
                journal_hash(record, prev);
                assert_int_equal(sqlite3_prepare_v2(db,
                                         "INSERT INTO journal(seq, t, tb, boot, tq, kind, incident, salt, "
                                         "body, bh, h)"
                                         " VALUES(?, ?, ?, ?, ?, ?, nullif(?, 0), ?, ?, ?, ?)",
                                         -1, &s, NULL),
                        SQLITE_OK);
                sqlite3_bind_int64(s, 1, (int64_t)j->seq);
                sqlite3_bind_int64(s, 2, j->t_us);
                sqlite3_bind_int64(s, 3, (int64_t)j->tb_us);
                sqlite3_bind_int64(s, 4, j->boot);
                sqlite3_bind_int64(s, 5, j->time_quality);
                sqlite3_bind_int64(s, 6, (int64_t)j->kind);
                sqlite3_bind_int64(s, 7, (int64_t)j->incident);
                sqlite3_bind_blob(s, 8, vectors[i].salt, SALT_SIZE, SQLITE_STATIC);
                sqlite3_bind_text(s, 9, j->body, (int)j->body_size, SQLITE_STATIC);
                sqlite3_bind_blob(s, 10, body_hash, HASH_SIZE, SQLITE_STATIC);
                sqlite3_bind_blob(s, 11, prev, HASH_SIZE, SQLITE_STATIC);
                assert_int_equal(sqlite3_step(s), SQLITE_DONE);
                sqlite3_finalize(s);
        }
        return db;
}

static JournalVerdict verify(sqlite3 *db, uint64_t first, uint64_t last)
{
        JournalVerdict v;

        assert_int_equal(journal_verify(db, first, last, &v), SQLITE_OK);
        return v;
}

static void test_vectors(void **state)
{
        uint8_t prev[HASH_SIZE] = {0};

        for (size_t i = 0; i < N_ELEMENTS(vectors); i++) {
                uint8_t body_hash[HASH_SIZE], record[JOURNAL_RECORD_SIZE];
                const JournalRecord *j = &vectors[i].record;

                journal_body_hash(vectors[i].salt, j->body, j->body_size, body_hash);
                hash_equal(body_hash, vectors[i].body_hash);
                journal_encode(j, prev, body_hash, record);
                journal_hash(record, prev);
                hash_equal(prev, vectors[i].hash);
        }
}

static void test_good(void **state)
{
        sqlite3 *db = database();
        JournalHead head;
        JournalVerdict v = verify(db, 1, UINT64_MAX);

        assert_true(v.good);
        assert_int_equal(v.n, 3);
        assert_int_equal(v.first, 1);
        assert_int_equal(v.last, 3);
        hash_equal(v.head.hash, vectors[2].hash);
        assert_int_equal(journal_head(db, &head), SQLITE_OK);
        assert_false(head.empty);
        assert_int_equal(head.seq, 3);
        hash_equal(head.hash, vectors[2].hash);
        v = verify(db, 2, 2);
        assert_true(v.good);
        assert_int_equal(v.n, 1);
        sqlite3_close(db);
}

static void test_empty(void **state)
{
        sqlite3 *db = NULL;
        JournalHead head;

        assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
        assert_int_equal(schema_migrate(db, schema_steps, schema_n_steps), SQLITE_OK);
        assert_int_equal(journal_head(db, &head), SQLITE_OK);
        assert_true(head.empty);
        assert_true(verify(db, 1, UINT64_MAX).good);
        assert_int_equal(verify(db, 1, UINT64_MAX).n, 0);
        sqlite3_close(db);
}

/* Without the guard rail every column that enters the record is covered. */
static void test_edits(void **state)
{
        static const struct {
                const char *sql;
                uint64_t bad;
        } edits[] = {
                {"UPDATE journal SET t = t + 1 WHERE seq = 2", 2},
                {"UPDATE journal SET tb = 1 WHERE seq = 2", 2},
                {"UPDATE journal SET boot = 3 WHERE seq = 2", 2},
                {"UPDATE journal SET tq = 1 WHERE seq = 2", 2},
                {"UPDATE journal SET kind = 11 WHERE seq = 2", 2},
                {"UPDATE journal SET incident = 1 WHERE seq = 2", 2},
                {"UPDATE journal SET body = '{}' WHERE seq = 2", 2},
                {"UPDATE journal SET body = NULL WHERE seq = 2", 2},
                {"UPDATE journal SET salt = zeroblob(16) WHERE seq = 2", 2},
                {"UPDATE journal SET salt = NULL WHERE seq = 2", 2},
                {"UPDATE journal SET bh = zeroblob(32) WHERE seq = 2", 2},
                {"UPDATE journal SET h = zeroblob(32) WHERE seq = 2", 2},
                {"DELETE FROM journal WHERE seq = 2", 2},
                {"DELETE FROM journal WHERE seq = 1", 2},
                {"DELETE FROM journal WHERE seq = 3; UPDATE journal SET seq = 3 WHERE seq = 2;"
                 "UPDATE journal SET seq = 2 WHERE seq = 1",
                        2},
        };

        for (size_t i = 0; i < N_ELEMENTS(edits); i++) {
                sqlite3 *db = database();
                JournalVerdict v;

                run(db, "DROP TRIGGER journal_update; DROP TRIGGER journal_delete");
                run(db, edits[i].sql);
                v = verify(db, 1, UINT64_MAX);
                if (v.good || v.bad != edits[i].bad)
                        fail_msg("%s: good %d, bad row %llu", edits[i].sql, v.good,
                                (unsigned long long)v.bad);
                assert_true(v.why[0]);
                sqlite3_close(db);
        }
}

static void test_guard(void **state)
{
        static const char *const refused[] = {"DELETE FROM journal",
                "UPDATE journal SET t = 0 WHERE seq = 1", "UPDATE journal SET body = '{}' WHERE seq = 1",
                "UPDATE journal SET salt = NULL, body = NULL, t = 0",
                "UPDATE journal SET body = NULL WHERE seq = 1",
                "UPDATE journal SET device = 3, salt = NULL, body = NULL"};
        sqlite3 *db = database();
        JournalVerdict v;

        for (size_t i = 0; i < N_ELEMENTS(refused); i++)
                assert_int_equal(sqlite3_exec(db, refused[i], NULL, NULL, NULL), SQLITE_CONSTRAINT);
        /* The lawful erasure passes, and leaves the chain whole. */
        run(db, "UPDATE journal SET salt = NULL, body = NULL WHERE seq = 2");
        v = verify(db, 1, UINT64_MAX);
        assert_true(v.good);
        assert_int_equal(v.erased, 1);
        sqlite3_close(db);
}

/* A schema of the day after tomorrow, to walk through. */
static void test_migrations(void **state)
{
        static const SchemaStep steps[] = {{1, "CREATE TABLE a(x)"}, {2, "ALTER TABLE a ADD COLUMN y"},
                {4, "CREATE TABLE b(z); INSERT INTO b VALUES(7)"}};
        static const SchemaStep broken[] = {
                {1, "CREATE TABLE a(x)"}, {5, "CREATE TABLE c(z); SELECT no_such_function()"}};
        sqlite3 *db = NULL;

        assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
        assert_int_equal(schema_migrate(db, steps, 1), SQLITE_OK);
        run(db, "INSERT INTO a(x) VALUES(1)");
        assert_int_equal(schema_migrate(db, steps, 3), SQLITE_OK);
        run(db, "INSERT INTO a(x, y) SELECT z, z FROM b");
        assert_int_equal(schema_migrate(db, steps, 3), SQLITE_OK); /* nothing to do */
        assert_int_equal(schema_migrate(db, steps, 2), SCHEMA_E_LATER);
        /* A step that fails leaves nothing behind. */
        assert_int_equal(schema_migrate(db, broken, 2), SQLITE_ERROR);
        assert_true(sqlite3_get_autocommit(db));
        assert_int_equal(sqlite3_exec(db, "SELECT * FROM c", NULL, NULL, NULL), SQLITE_ERROR);
        assert_int_equal(schema_migrate(db, steps, 3), SQLITE_OK);
        sqlite3_close(db);

        assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
        run(db, "CREATE TABLE somebody_elses(x)");
        assert_int_equal(schema_migrate(db, steps, 3), SCHEMA_E_FOREIGN);
        sqlite3_close(db);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_vectors),
                cmocka_unit_test(test_good),
                cmocka_unit_test(test_empty),
                cmocka_unit_test(test_edits),
                cmocka_unit_test(test_guard),
                cmocka_unit_test(test_migrations),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
