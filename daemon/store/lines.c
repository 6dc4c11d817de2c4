/* SPDX-License-Identifier: Apache-2.0 */
#include "store/lines.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/str.h"
#include "store/journal.h"

enum {
        L_HEAD,
        L_NOTE,
        L_KEY,
        L_FIRST,
        L_FROM,
        L_PREV,
        L_SEQ,
        L_T,
        L_TB,
        L_BOOT,
        L_TQ,
        L_KIND,
        L_INCIDENT,
        L_SALT,
        L_BODY,
        L_BH,
        L_H
};

static const char line_sql[] = "SELECT ?1->>'$.huying', ?1->>'$.checkpoint', ?1->>'$.key', ?1->>'$.first', "
                               "?1->>'$.from', ?1->>'$.prev',"
                               " ?1->>'$.seq', ?1->>'$.t', ?1->>'$.tb', ?1->>'$.boot', ?1->>'$.tq', "
                               "?1->>'$.kind', ?1->>'$.incident',"
                               " ?1->>'$.salt', ?1->>'$.body', ?1->>'$.bh', ?1->>'$.h' WHERE json_valid(?1)";
static const char nodes_sql[] = "SELECT value->>0, value->>1 FROM json_each(?1, '$.nodes')";

typedef struct Lines {
        sqlite3 *db;
        sqlite3_stmt *line, *nodes;
        const char *text;
        size_t n;
        char key[NOTE_KEY_SIZE];
        const Checkpoint *given;
        Tree tree;
        uint64_t first;
        uint8_t prev[HASH_SIZE];
        bool headed;
        LinesVerdict *v;
} Lines;

static bool bad(Lines *l, const char *why)
{
        l->v->good = false;
        (void)str_copy(l->v->why, sizeof(l->v->why), why); /* fits */
        return false;
}

static int digit(char c)
{
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex_read(const char *text, uint8_t *ret, size_t n)
{
        if (!text || strlen(text) != 2 * n)
                return false;
        for (size_t i = 0; i < n; i++) {
                int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

                if (high < 0 || low < 0)
                        return false;
                ret[i] = (uint8_t)(high << 4 | low);
        }
        return true;
}

static const char *text_of(const Lines *l, int column)
{
        return (const char *)sqlite3_column_text(l->line, column);
}

static uint64_t number_of(const Lines *l, int column)
{
        return (uint64_t)sqlite3_column_int64(l->line, column);
}

/* The tree over the rows before: complete subtrees, largest first. */
static bool nodes_take(Lines *l)
{
        bool good = sqlite3_bind_text64(l->nodes, 1, l->text, l->n, SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK;

        while (good && sqlite3_step(l->nodes) == SQLITE_ROW) {
                int64_t level = sqlite3_column_int64(l->nodes, 0);
                const char *text = (const char *)sqlite3_column_text(l->nodes, 1);
                uint8_t node[HASH_SIZE];

                good = level >= 0 && level < TREE_LEVELS && text && note_hash_read(text, node) &&
                       (l->tree.size & ((1ull << level) - 1)) == 0 && !(l->tree.size >> level & 1);
                if (good)
                        tree_append_node(&l->tree, (uint32_t)level, node);
        }
        (void)sqlite3_reset(l->nodes); /* repeats the error of the step */
        return good;
}

static bool head_take(Lines *l)
{
        const char *prev = text_of(l, L_PREV), *key = text_of(l, L_KEY);

        if (l->headed)
                return bad(l, "a second head");
        if (!l->key[0] && key)
                (void)str_copy(l->key, sizeof(l->key), key); /* a key that is cut is no key */
        l->first = number_of(l, L_FIRST);
        l->v->from = number_of(l, L_FROM);
        l->v->last = l->v->from - 1;
        if (l->first == 0 || l->v->from < l->first || !nodes_take(l) ||
                l->tree.size != l->v->from - l->first)
                return bad(l, "the tree before the file has another size");
        if (prev && !hex_read(prev, l->prev, HASH_SIZE))
                return bad(l, "the hash before the file is none");
        l->headed = true;
        return !l->given || (l->given->first == l->first && l->given->size > l->tree.size)
                       ? true
                       : bad(l, "the given checkpoint is of another journal, or lies before the file");
}

static bool note_take(Lines *l)
{
        uint8_t root[HASH_SIZE];
        Checkpoint c;

        if (note_open(text_of(l, L_NOTE), l->key, &c) != 0)
                return bad(l, "a checkpoint is not signed by this key");
        tree_root(&l->tree, root);
        if (c.size != l->tree.size || c.first != l->first || memcmp(c.root, root, HASH_SIZE) != 0)
                return bad(l, "the rows are not those that a checkpoint has signed");
        l->v->checkpoints++;
        l->v->covered = c.size;
        return true;
}

static bool row_take(Lines *l)
{
        JournalRecord j = {.seq = number_of(l, L_SEQ),
                .t_us = sqlite3_column_int64(l->line, L_T),
                .tb_us = number_of(l, L_TB),
                .boot = (uint32_t)number_of(l, L_BOOT),
                .time_quality = (uint8_t)number_of(l, L_TQ),
                .kind = (JournalKind)number_of(l, L_KIND),
                .incident = number_of(l, L_INCIDENT)};
        uint8_t salt[SALT_SIZE], bh[HASH_SIZE], h[HASH_SIZE], found[HASH_SIZE], record[JOURNAL_RECORD_SIZE];
        const char *body = text_of(l, L_BODY);

        if (j.seq != l->v->last + 1)
                return bad(l, "a row is missing");
        if (!hex_read(text_of(l, L_BH), bh, HASH_SIZE) || !hex_read(text_of(l, L_H), h, HASH_SIZE))
                return bad(l, "a hash has a wrong form");
        if (body) {
                if (!hex_read(text_of(l, L_SALT), salt, SALT_SIZE))
                        return bad(l, "the salt has a wrong form");
                journal_body_hash(salt, body, (size_t)sqlite3_column_bytes(l->line, L_BODY), found);
                if (memcmp(found, bh, HASH_SIZE) != 0)
                        return bad(l, "the body does not fit its hash");
        }
        journal_encode(&j, l->prev, bh, record);
        journal_hash(record, found);
        if (memcmp(found, h, HASH_SIZE) != 0)
                return bad(l, "the row does not fit the chain");
        memcpy(l->prev, h, HASH_SIZE);
        tree_append(&l->tree, h);
        l->v->rows++;
        l->v->erased += !body;
        l->v->last = j.seq;
        if (l->given && l->tree.size == l->given->size) {
                tree_root(&l->tree, found);
                l->v->given_fits = memcmp(found, l->given->root, HASH_SIZE) == 0;
                if (!l->v->given_fits)
                        return bad(l, "the rows are not those that the given checkpoint has signed");
        }
        return true;
}

static bool line_take(Lines *l)
{
        bool good = sqlite3_bind_text64(l->line, 1, l->text, l->n, SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK;

        if (!good || sqlite3_step(l->line) != SQLITE_ROW)
                good = bad(l, "a line is no JSON");
        else if (text_of(l, L_HEAD))
                good = head_take(l);
        else if (!l->headed)
                good = bad(l, "there is no head");
        else
                good = text_of(l, L_NOTE) ? note_take(l) : row_take(l);
        (void)sqlite3_reset(l->line); /* repeats the error of the step */
        return good;
}

static int connect_memory(Lines *l)
{
        if (sqlite3_open_v2(":memory:", &l->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
                        SQLITE_OK ||
                sqlite3_prepare_v2(l->db, line_sql, -1, &l->line, NULL) != SQLITE_OK ||
                sqlite3_prepare_v2(l->db, nodes_sql, -1, &l->nodes, NULL) != SQLITE_OK)
                return -ENOMEM;
        return 0;
}

static void read_all(Lines *l, FILE *f)
{
        char *line = NULL;
        size_t cap = 0;
        ssize_t n;

        while (l->v->good && (n = getline(&line, &cap, f)) >= 0) {
                l->v->line++;
                l->text = line;
                l->n = (size_t)n;
                if (l->n > 0 && line[l->n - 1] == '\n')
                        l->n--;
                (void)line_take(l); /* the verdict knows */
        }
        free(line);
        if (l->v->good && ferror(f))
                (void)bad(l, "the file cannot be read to its end");
        if (l->v->good && !l->v->rows)
                (void)bad(l, "there are no rows");
        if (l->v->good && l->given && !l->v->given_fits)
                (void)bad(l, "the end was cut off: the given checkpoint has signed more rows");
}

int lines_verify(const char *path, const char *key, const Checkpoint *given, LinesVerdict *ret)
{
        Lines l = {.given = given, .v = ret};
        FILE *f = fopen(path, "re");
        int r;

        ASSERT(ret);
        *ret = (LinesVerdict){.good = true};
        if (!f)
                return -errno;
        if (key)
                (void)str_copy(l.key, sizeof(l.key), key); /* a key that is cut is no key */
        r = connect_memory(&l);
        if (r == 0)
                read_all(&l, f);
        ret->size = l.tree.size;
        for (size_t i = 0; i < HASH_SIZE; i++)
                (void)snprintf(ret->head + 2 * i, 3, "%02x", l.prev[i]); /* two digits */
        (void)sqlite3_finalize(l.line);                                  /* repeats the error of the step */
        (void)sqlite3_finalize(l.nodes);                                 /* repeats the error of the step */
        (void)sqlite3_close(l.db);                                       /* no statement is left */
        (void)fclose(f);                                                 /* was read */
        return r;
}
