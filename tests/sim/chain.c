/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal as it lies on the simulated disk, with the hash chain of store/journal.h (I5).
 *
 * Rows are written first and durable later, as in a database: the head of the chain that the daemon carries in memory
 * goes on with each row that is written, goes back when the transaction fails, and is read from the disk anew at a
 * start, where what was written and not synced is gone.
 *
 * Written by the functions of the store, judged by the layout that store/journal.h promises, so that a field left out of a
 * record is seen, too. At each start what has come since the last one, at the end every row. Four digests a row are a
 * seventh of a run's time: only one seed in sixteen and scenarios keep a chain.
 */
#include "tests/sim/sim.h"

#include "base/assert.h"
#include "base/idmap.h"
#include "store/hash.h"
#include "store/journal.h"

#include <stdlib.h>
#include <string.h>

#define AT_SEQ      1
#define AT_PREV     9
#define AT_T_US     41
#define AT_KIND     62
#define AT_INCIDENT 64
#define AT_BODY     72

typedef struct Row {
        uint8_t record[JOURNAL_RECORD_SIZE], hash[HASH_SIZE], salt[SALT_SIZE];
        JournalRecord *said; /* what the turn handed over, with its body */
} Row;

static struct {
        Row *rows;
        size_t n, max, synced, verified;
        JournalHead head; /* the daemon's, in memory */
        uint64_t offset;  /* of the numbers that were given while the database was away */
} chain;

bool chain_is_kept(void)
{
        return world.by_hand || world.seed % 16 == 5;
}

JournalRecord *chain_copy(const JournalRecord *j)
{
        JournalRecord *copy = malloc(sizeof(JournalRecord) + j->body_size);

        ASSERT(copy);
        *copy = *j;
        copy->body = (char *)(copy + 1);
        if (j->body_size)
                memcpy(copy + 1, j->body, j->body_size);
        return copy;
}

static void rows_cut(size_t n)
{
        ASSERT(n <= chain.n);
        while (chain.n > n)
                free(chain.rows[--chain.n].said);
}

static void head_read(void)
{
        chain.head = (JournalHead){.empty = chain.n == 0};
        if (chain.n == 0)
                return;
        chain.head.seq = chain.rows[chain.n - 1].said->seq;
        memcpy(chain.head.hash, chain.rows[chain.n - 1].hash, HASH_SIZE);
}

void chain_write(const JournalRecord *j)
{
        uint8_t body_hash[HASH_SIZE];
        uint64_t salt[SALT_SIZE / 8];
        Row *row;

        if (chain.n == chain.max) {
                chain.max = chain.max ? 2 * chain.max : 1024;
                chain.rows = realloc(chain.rows, chain.max * sizeof(Row));
                ASSERT(chain.rows);
        }
        row = &chain.rows[chain.n++];
        row->said = chain_copy(j);
        if (!chain.head.empty && j->seq - chain.offset != chain.head.seq + 1)
                chain.offset =
                        j->seq - (chain.head.seq + 1); /* as the store, which counts on without a gap */
        row->said->seq = j->seq - chain.offset;
        salt[0] = idmap_mix(world.seed, j->seq);
        salt[1] = idmap_mix(salt[0], chain.n);
        memcpy(row->salt, salt, SALT_SIZE);
        journal_body_hash(row->salt, j->body, j->body_size, body_hash);
        journal_encode(row->said, chain.head.hash, body_hash, row->record);
        journal_hash(row->record, row->hash);
        chain.head = (JournalHead){.seq = row->said->seq};
        memcpy(chain.head.hash, row->hash, HASH_SIZE);
}

void chain_sync(void)
{
        chain.synced = chain.n;
}

void chain_undo(void)
{
        rows_cut(chain.synced);
        head_read();
}

static uint64_t number(const uint8_t *p, unsigned size)
{
        uint64_t value = 0;

        while (size-- > 0)
                value = value << 8 | *p++;
        return value;
}

/* Why it does not fit; NULL: it does. */
static const char *misfit(size_t at)
{
        static const uint8_t none[HASH_SIZE], leaf = 0x00;
        const Row *row = &chain.rows[at], *before = at ? row - 1 : NULL;
        const uint8_t *r = row->record;
        uint8_t found[HASH_SIZE];

        if (before && number(r + AT_SEQ, 8) != number(before->record + AT_SEQ, 8) + 1)
                return "is not the next";
        if (memcmp(r + AT_PREV, before ? before->hash : none, HASH_SIZE) != 0)
                return "does not follow the row before";
        if (number(r + AT_SEQ, 8) != row->said->seq || number(r + AT_T_US, 8) != (uint64_t)row->said->t_us ||
                number(r + AT_KIND, 2) != (uint64_t)row->said->kind ||
                number(r + AT_INCIDENT, 8) != row->said->incident)
                return "is not what was handed over";
        hash_sha256(row->salt, SALT_SIZE, row->said->body, row->said->body_size, NULL, 0, found);
        if (memcmp(found, r + AT_BODY, HASH_SIZE) != 0)
                return "has another body";
        hash_sha256(&leaf, 1, r, JOURNAL_RECORD_SIZE, NULL, 0, found);
        return memcmp(found, row->hash, HASH_SIZE) != 0 ? "has another hash" : NULL;
}

static void verify_from(size_t first)
{
        for (size_t i = first; i < chain.n; i++) {
                const char *why = misfit(i);

                CHECKED("I5: the journal's chain verifies");
                if (why)
                        broken("I5: the journal's chain verifies", "row %llu %s",
                                (unsigned long long)chain.rows[i].said->seq, why);
        }
        chain.verified = chain.n;
}

void chain_lost(void)
{
        rows_cut(chain.synced); /* the head in memory goes with the daemon */
}

void chain_open(void)
{
        head_read();
        verify_from(chain.verified);
}

void chain_verify(void)
{
        rows_cut(chain.synced); /* what waits for its sync is no part of it yet */
        verify_from(0);
}

/* A database that is set aside is judged whole; the next begins with zeros. */
void chain_anew(void)
{
        chain_verify();
        chain_forget();
}

void chain_forget(void)
{
        rows_cut(0);
        chain.synced = chain.verified = 0;
        chain.offset = 0;
        head_read();
}
