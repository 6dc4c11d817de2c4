/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/str.h"
#include "store/hash.h"

static uint8_t *put_be(uint8_t *p, uint64_t value, unsigned size)
{
        for (unsigned i = 0; i < size; i++)
                p[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
        return p + size;
}

static uint8_t *put_bytes(uint8_t *p, const uint8_t *bytes, size_t n)
{
        memcpy(p, bytes, n);
        return p + n;
}

void journal_body_hash(const uint8_t salt[SALT_SIZE], const void *body, size_t n, uint8_t ret[HASH_SIZE])
{
        ASSERT(salt && (body || n == 0));
        hash_sha256(salt, SALT_SIZE, body, n, NULL, 0, ret);
}

void journal_encode(const JournalRecord *j, const uint8_t prev[HASH_SIZE],
        const uint8_t body_hash[HASH_SIZE], uint8_t ret[JOURNAL_RECORD_SIZE])
{
        uint8_t *p = ret;

        ASSERT(j->seq > 0);
        p = put_be(p, 1, 1); /* version of the record */
        p = put_be(p, j->seq, 8);
        p = put_bytes(p, prev, HASH_SIZE);
        p = put_be(p, (uint64_t)j->t_us, 8);
        p = put_be(p, j->tb_us, 8);
        p = put_be(p, j->boot, 4);
        p = put_be(p, j->time_quality, 1);
        p = put_be(p, (uint64_t)j->kind, 2);
        p = put_be(p, j->incident, 8);
        p = put_bytes(p, body_hash, HASH_SIZE);
        ASSERT(p == ret + JOURNAL_RECORD_SIZE);
}

void journal_hash(const uint8_t record[JOURNAL_RECORD_SIZE], uint8_t ret[HASH_SIZE])
{
        static const uint8_t leaf = 0x00; /* RFC 6962 section 2.1: a leaf is never taken for a node */

        hash_sha256(&leaf, 1, record, JOURNAL_RECORD_SIZE, NULL, 0, ret);
}

int journal_head(sqlite3 *db, JournalHead *ret)
{
        sqlite3_stmt *s = NULL;
        JournalHead head = {.empty = true};
        int rc =
                sqlite3_prepare_v2(db, "SELECT seq, h FROM journal ORDER BY seq DESC LIMIT 1", -1, &s, NULL);

        if (rc == SQLITE_OK)
                rc = sqlite3_step(s);
        if (rc == SQLITE_ROW && sqlite3_column_bytes(s, 1) == HASH_SIZE) {
                head.empty = false;
                head.seq = (uint64_t)sqlite3_column_int64(s, 0);
                memcpy(head.hash, sqlite3_column_blob(s, 1), HASH_SIZE);
                rc = SQLITE_OK;
        } else if (rc == SQLITE_ROW)
                rc = SQLITE_CORRUPT;
        else if (rc == SQLITE_DONE)
                rc = SQLITE_OK;
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        if (rc == SQLITE_OK)
                *ret = head;
        return rc;
}

/* The hash before row `first`: of the row before, or zero. */
static int previous_get(sqlite3 *db, uint64_t first, JournalHead *ret)
{
        sqlite3_stmt *s = NULL;
        int rc;

        *ret = (JournalHead){.empty = true};
        rc = sqlite3_prepare_v2(
                db, "SELECT seq, h FROM journal WHERE seq < ?1 ORDER BY seq DESC LIMIT 1", -1, &s, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(s, 1, (sqlite3_int64)first);
        if (rc == SQLITE_OK)
                rc = sqlite3_step(s);
        if (rc == SQLITE_ROW) {
                ret->empty = false;
                ret->seq = (uint64_t)sqlite3_column_int64(s, 0);
                if (sqlite3_column_bytes(s, 1) == HASH_SIZE)
                        memcpy(ret->hash, sqlite3_column_blob(s, 1), HASH_SIZE);
        }
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static void bad(JournalVerdict *v, uint64_t seq, const char *why)
{
        v->good = false;
        v->bad = seq;
        (void)str_copy(v->why, sizeof(v->why), why); /* fits */
}

/* One row against the chain so far. Columns as in journal_verify(). */
static void row_verify(sqlite3_stmt *s, JournalVerdict *v)
{
        uint8_t record[JOURNAL_RECORD_SIZE], body_hash[HASH_SIZE], hash[HASH_SIZE];
        JournalRecord j = {.seq = (uint64_t)sqlite3_column_int64(s, 0),
                .t_us = sqlite3_column_int64(s, 1),
                .tb_us = (uint64_t)sqlite3_column_int64(s, 2),
                .boot = (uint32_t)sqlite3_column_int64(s, 3),
                .time_quality = (uint8_t)sqlite3_column_int64(s, 4),
                .kind = (JournalKind)sqlite3_column_int64(s, 5),
                .incident = (uint64_t)sqlite3_column_int64(s, 6)};
        bool erased = sqlite3_column_type(s, 7) == SQLITE_NULL && sqlite3_column_type(s, 8) == SQLITE_NULL;

        v->n++;
        v->last = j.seq;
        if (!v->head.empty && j.seq != v->head.seq + 1) {
                bad(v, v->head.seq + 1, "the row is missing");
                return;
        }
        if (sqlite3_column_bytes(s, 9) != HASH_SIZE || sqlite3_column_bytes(s, 10) != HASH_SIZE) {
                bad(v, j.seq, "a hash has a wrong size");
                return;
        }
        memcpy(body_hash, sqlite3_column_blob(s, 9), HASH_SIZE);
        if (!erased) {
                uint8_t computed[HASH_SIZE];
                const void *body = sqlite3_column_text(s, 8);

                if (sqlite3_column_bytes(s, 7) != SALT_SIZE) {
                        bad(v, j.seq, "the salt has a wrong size");
                        return;
                }
                journal_body_hash(
                        sqlite3_column_blob(s, 7), body, (size_t)sqlite3_column_bytes(s, 8), computed);
                if (memcmp(computed, body_hash, HASH_SIZE) != 0) {
                        bad(v, j.seq, "the body does not fit its hash");
                        return;
                }
        }
        journal_encode(&j, v->head.hash, body_hash, record);
        journal_hash(record, hash);
        if (memcmp(hash, sqlite3_column_blob(s, 10), HASH_SIZE) != 0) {
                bad(v, j.seq, "the row does not fit the chain");
                return;
        }
        v->erased += erased;
        v->head = (JournalHead){.seq = j.seq};
        memcpy(v->head.hash, hash, HASH_SIZE);
}

int journal_verify(sqlite3 *db, uint64_t first, uint64_t last, JournalVerdict *ret)
{
        return journal_verify_each(db, first, last, NULL, NULL, ret);
}

int journal_verify_each(sqlite3 *db, uint64_t first, uint64_t last,
        void (*leaf)(void *, uint64_t, const uint8_t *), void *userdata, JournalVerdict *ret)
{
        JournalVerdict v = {.good = true, .first = first};
        sqlite3_stmt *s = NULL;
        int rc;

        ASSERT(db && first > 0);
        if (last > INT64_MAX)
                last = INT64_MAX;
        rc = previous_get(db, first, &v.head);
        if (rc != SQLITE_OK)
                return rc;
        rc = sqlite3_prepare_v2(db,
                "SELECT seq, t, tb, boot, tq, kind, incident, salt, body, bh, h FROM journal"
                " WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq",
                -1, &s, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(s, 1, (sqlite3_int64)first);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(s, 2, (sqlite3_int64)last);
        while (rc == SQLITE_OK && v.good) {
                rc = sqlite3_step(s);
                if (rc != SQLITE_ROW)
                        break;
                if (v.n == 0)
                        v.first = (uint64_t)sqlite3_column_int64(s, 0);
                row_verify(s, &v);
                if (leaf && v.good)
                        leaf(userdata, v.head.seq, v.head.hash);
                rc = SQLITE_OK;
        }
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        if (rc != SQLITE_OK && rc != SQLITE_DONE)
                return rc;
        *ret = v;
        return SQLITE_OK;
}
