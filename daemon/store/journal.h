/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The hash chain of the journal (README.md, "Checking the record"; RFC 6962 section 2.1 for the leaf's prefix).
 *
 *   bh = SHA256(salt16 ‖ body)          h = SHA256(0x00 ‖ record)          record, big-endian, 104 bytes:
 *   u8 1 ‖ u64 seq ‖ prev[32] ‖ i64 t_us ‖ u64 tb_us ‖ u32 boot ‖ u8 time_quality ‖ u16 kind ‖ u64 incident ‖ bh[32]
 *
 * prev is h of the row before, zero for the first row of a database. One hash is both the link of the chain and the
 * leaf of a Merkle tree. The body enters by its salted hash, so that it can be erased lawfully (salt and body set
 * to NULL) and the chain still holds, while nobody can guess an erased body from its hash.
 */
#include <sqlite3.h>

#include "store/store.h"
#include "store/tree.h"

#define SALT_SIZE           16
#define JOURNAL_RECORD_SIZE 104

typedef struct JournalHead { /* the last row */
        bool empty;
        uint64_t seq;
        uint8_t hash[HASH_SIZE];
} JournalHead;

void journal_body_hash(const uint8_t salt[SALT_SIZE], const void *body, size_t n, uint8_t ret[HASH_SIZE]);
/* seq, t_us, tb_us, boot, time_quality, kind and incident of the record enter. */
void journal_encode(const JournalRecord *, const uint8_t prev[HASH_SIZE], const uint8_t body_hash[HASH_SIZE],
        uint8_t ret[JOURNAL_RECORD_SIZE]);
void journal_hash(const uint8_t record[JOURNAL_RECORD_SIZE], uint8_t ret[HASH_SIZE]);

/* Reads the last row. Results are SQLite's codes. */
int journal_head(sqlite3 *, JournalHead *ret);

typedef struct JournalVerdict {
        bool good;
        uint64_t n, first, last; /* rows looked at */
        uint64_t erased;
        uint64_t bad; /* !good: the first row that does not fit */
        char why[96];
        JournalHead head; /* the last good row */
} JournalVerdict;

/*
 * Recomputes rows first … last on any handle (mode=ro is enough), linking the first one to the row before it. The
 * verdict covers what is there: SQLITE_OK with good = false when a row does not fit or one is missing in between.
 */
int journal_verify(sqlite3 *, uint64_t first, uint64_t last, JournalVerdict *ret);
/* The same, and tells the hash of each row that fits. */
int journal_verify_each(sqlite3 *, uint64_t first, uint64_t last,
        void (*leaf)(void *userdata, uint64_t seq, const uint8_t hash[HASH_SIZE]), void *userdata,
        JournalVerdict *ret);
