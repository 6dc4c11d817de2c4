/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree in the database.
 *
 * Stored is one hash for each complete block of 256 rows: 0.125 bytes a row, written once, in the transaction of the
 * block's last row. So a proof reads at most 255 rows beside them. Level 0 is the column h itself; levels above 8 are
 * recomputed from the blocks.
 *
 * A start does not do that: of ten million rows there are 39,000 blocks, and their hashes were half of all its work. In
 * meta stands the trunk, the roots of the complete subtrees of 65,536 rows and more, one line of text, written again when
 * there is another. From there a start reads at most 255 blocks and 255 rows, however long the journal is. Without that
 * line, or with one that does not fit, it reads all blocks, and writes it.
 */
#include "store/checkpoint.h"

#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/str.h"

static int number_read(sqlite3 *db, const char *sql, uint64_t arg, uint64_t *ret)
{
        sqlite3_stmt *s = NULL;
        int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);

        if (rc == SQLITE_OK && sqlite3_bind_parameter_count(s) > 0)
                rc = sqlite3_bind_int64(s, 1, (sqlite3_int64)arg);
        if (rc == SQLITE_OK)
                rc = sqlite3_step(s);
        if (rc == SQLITE_ROW && sqlite3_column_type(s, 0) != SQLITE_NULL)
                *ret = (uint64_t)sqlite3_column_int64(s, 0);
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int hashes_append(sqlite3_stmt *s, uint32_t level, uint64_t *next, Tree *t)
{
        int rc = SQLITE_OK;

        while (rc == SQLITE_OK) {
                rc = sqlite3_step(s);
                if (rc != SQLITE_ROW)
                        break;
                if ((uint64_t)sqlite3_column_int64(s, 0) != (*next)++ ||
                        sqlite3_column_bytes(s, 1) != HASH_SIZE)
                        rc = SQLITE_CORRUPT;
                else {
                        tree_append_node(t, level, sqlite3_column_blob(s, 1));
                        rc = SQLITE_OK;
                }
        }
        return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int hashes_from(sqlite3 *db, const char *sql, uint64_t arg, uint32_t level, uint64_t next, Tree *t)
{
        sqlite3_stmt *s = NULL;
        int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);

        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(s, 1, (sqlite3_int64)arg);
        if (rc == SQLITE_OK)
                rc = hashes_append(s, level, &next, t);
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        return rc;
}

/* What is kept of the trunk; an empty tree: nothing that fits the blocks. */
static int trunk_read(sqlite3 *db, Tree *ret)
{
        uint64_t n = 0;
        sqlite3_stmt *s = NULL;
        int rc = sqlite3_prepare_v2(db, "SELECT value FROM meta WHERE name = 'trunk'", -1, &s, NULL);
        const char *text;

        *ret = (Tree){0};
        if (rc == SQLITE_OK)
                rc = sqlite3_step(s);
        text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
        if (text)
                (void)tree_trunk_read(text, ret); /* else it stays empty */
        (void)sqlite3_finalize(s);                /* repeats the error of the step */
        if (rc != SQLITE_ROW && rc != SQLITE_DONE)
                return rc;
        rc = number_read(db, "SELECT max(n) + 1 FROM tree", 0, &n);
        if (rc == SQLITE_OK && ret->size > n << TREE_BLOCK_BITS)
                *ret = (Tree){0};
        return rc;
}

static int trunk_write(sqlite3 *db, const Tree *t)
{
        static const char sql[] = "INSERT INTO meta(name, value) VALUES('trunk', ?1)"
                                  " ON CONFLICT(name) DO UPDATE SET value = excluded.value";
        char text[TREE_TRUNK_SIZE];
        sqlite3_stmt *s = NULL;
        int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);

        tree_trunk(t, text);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_text(s, 1, text, -1, SQLITE_STATIC);
        if (rc == SQLITE_OK)
                rc = sqlite3_step(s);
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int tree_load(sqlite3 *db, Tree *ret, uint64_t *ret_first)
{
        static const char blocks[] = "SELECT n, h FROM tree WHERE n >= ?1 ORDER BY n";
        static const char rows[] = "SELECT seq, h FROM journal WHERE seq >= ?1 ORDER BY seq";
        uint64_t first = 0;
        Tree t = {0};
        int rc = number_read(db, "SELECT min(seq) FROM journal", 0, &first);

        if (rc == SQLITE_OK && first > 0)
                rc = trunk_read(db, &t);
        if (rc == SQLITE_OK && first > 0)
                rc = hashes_from(db, blocks, t.size >> TREE_BLOCK_BITS, TREE_BLOCK_BITS,
                        t.size >> TREE_BLOCK_BITS, &t);
        if (rc == SQLITE_OK && first > 0)
                rc = hashes_from(db, rows, first + t.size, 0, first + t.size, &t);
        if (rc != SQLITE_OK)
                return rc;
        *ret = t;
        *ret_first = first;
        return SQLITE_OK;
}

static int block_write(sqlite3 *db, uint64_t n, const uint8_t hash[HASH_SIZE])
{
        sqlite3_stmt *s = NULL;
        int rc = sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO tree(n, h) VALUES(?1, ?2)", -1, &s, NULL);

        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(s, 1, (sqlite3_int64)n);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_blob(s, 2, hash, HASH_SIZE, SQLITE_STATIC);
        if (rc == SQLITE_OK)
                rc = sqlite3_step(s);
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int tree_note(sqlite3 *db, Tree *t, const uint8_t leaf[HASH_SIZE])
{
        uint64_t n = t->size >> TREE_BLOCK_BITS;
        uint8_t block[HASH_SIZE];
        int rc;

        if (!tree_append_leaf(t, leaf, block))
                return SQLITE_OK;
        rc = block_write(db, n, block);
        return rc == SQLITE_OK && tree_trunk_leaves(t) == t->size ? trunk_write(db, t) : rc;
}

/* From the first row behind the `blocks` that are there. */
static int blocks_fill(sqlite3 *db, uint64_t first, uint64_t blocks)
{
        sqlite3_stmt *s = NULL;
        Tree t = {0};
        int rc = sqlite3_prepare_v2(db, "SELECT h FROM journal WHERE seq >= ?1 ORDER BY seq", -1, &s, NULL);

        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(s, 1, (sqlite3_int64)(first + (blocks << TREE_BLOCK_BITS)));
        while (rc == SQLITE_OK) {
                uint8_t block[HASH_SIZE];

                rc = sqlite3_step(s);
                if (rc != SQLITE_ROW)
                        break;
                if (sqlite3_column_bytes(s, 0) != HASH_SIZE)
                        rc = SQLITE_CORRUPT;
                else if (tree_append_leaf(&t, sqlite3_column_blob(s, 0), block))
                        rc = block_write(db, blocks + (t.size >> TREE_BLOCK_BITS) - 1, block);
                else
                        rc = SQLITE_OK;
        }
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int tree_fill(sqlite3 *db, const Tree *t, uint64_t first)
{
        uint64_t blocks = 0;
        bool fill, trunk;
        Tree kept;
        int rc = number_read(db, "SELECT max(n) + 1 FROM tree", 0, &blocks);

        if (rc == SQLITE_OK)
                rc = trunk_read(db, &kept);
        if (rc != SQLITE_OK)
                return rc;
        fill = blocks < t->size >> TREE_BLOCK_BITS;
        trunk = kept.size != tree_trunk_leaves(t);
        if (!fill && !trunk)
                return SQLITE_OK;
        rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        if (rc == SQLITE_OK && fill)
                rc = blocks_fill(db, first, blocks);
        if (rc == SQLITE_OK && trunk)
                rc = trunk_write(db, t);
        if (rc == SQLITE_OK)
                rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
        if (rc != SQLITE_OK && !sqlite3_get_autocommit(db))
                (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL); /* rc says what went wrong */
        return rc;
}

int checkpoint_write(sqlite3 *db, const Signer *signer, const Tree *t, uint64_t first, int64_t wall_us,
        char ret_note[NOTE_SIZE])
{
        Checkpoint c = {.size = t->size, .first = first, .time_s = wall_us / (int64_t)USEC_PER_SEC};
        sqlite3_stmt *s = NULL;
        char note[NOTE_SIZE];
        int rc;

        ASSERT(signer && t->size > 0 && first > 0);
        tree_root(t, c.root);
        ASSERT(signer_sign(signer, &c, note, sizeof(note)));
        rc = sqlite3_prepare_v2(
                db, "INSERT OR REPLACE INTO checkpoint(size, t, note) VALUES(?1, ?2, ?3)", -1, &s, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(s, 1, (sqlite3_int64)c.size);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(s, 2, wall_us);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_text(s, 3, note, -1, SQLITE_STATIC);
        if (rc == SQLITE_OK)
                rc = sqlite3_step(s);
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        if (rc != SQLITE_DONE)
                return rc;
        memcpy(ret_note, note, sizeof(note));
        return SQLITE_OK;
}

int checkpoint_newest(sqlite3 *db, char ret_note[NOTE_SIZE])
{
        sqlite3_stmt *s = NULL;
        int rc = sqlite3_prepare_v2(
                db, "SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1", -1, &s, NULL);

        if (rc == SQLITE_OK)
                rc = sqlite3_step(s);
        ret_note[0] = 0;
        if (rc == SQLITE_ROW && !str_copy(ret_note, NOTE_SIZE, (const char *)sqlite3_column_text(s, 0)))
                ret_note[0] = 0;   /* none of ours is that long */
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}
