/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verification.
 *
 * The whole journal: one pass recomputes every row's hash from its content (chain), puts them into a tree, compares
 * the kept blocks and trunk, and at each signed checkpoint compares the root and checks the signature. A range or one
 * incident: the same for whole blocks of 256 rows around the rows that are asked for; the other blocks are taken as
 * kept, and the root that they make together must be the one that the newest checkpoint has signed, so a kept block
 * that lies is found too. Each slice is a transaction of its own; what is appended meanwhile is another matter.
 */
#include "store/proof.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/str.h"
#include "store/audit-db.h"
#include "store/checkpoint.h"

#define TIME_SLACK_S 60 /* clocks are set a little now and then */

typedef struct Pass {
        Audit *audit;
        const ProofRequest *request;
        ProofVerdict *verdict;
        uint64_t first, size;
        Tree tree;  /* whole: of the rows so far. Else: of one block */
        Tree trunk; /* as it is kept; empty: it is not */
        uint8_t block[HASH_SIZE];
        bool has_block; /* the block that the last row has completed */
        sqlite3_stmt *note, *kept;
        uint64_t next_note; /* size of the next checkpoint; 0: none */
        int rc;
} Pass;

static void hex(const uint8_t hash[HASH_SIZE], char ret[65])
{
        for (int i = 0; i < HASH_SIZE; i++)
                (void)snprintf(ret + 2 * i, 3, "%02x", hash[i]); /* always two digits */
}

static void bad(ProofVerdict *v, uint64_t seq, const char *fmt, uint64_t n)
{
        Str s = STR_BUFFER(v->why);

        if (!v->good)
                return; /* the first finding counts */
        v->good = false;
        v->bad = seq;
        str_addf(&s, "%s", fmt);
        if (n > 0)
                str_addf(&s, " (%" PRIu64 ")", n);
}

static bool extent_row(void *userdata, const AuditCell *cells)
{
        uint64_t *extent = userdata;

        if (!cells[0].null) {
                extent[0] = (uint64_t)cells[0].number;
                extent[1] = (uint64_t)(cells[1].number - cells[0].number) + 1;
        }
        return false;
}

int proof_extent(Audit *a, uint64_t *ret_first, uint64_t *ret_size)
{
        uint64_t extent[2] = {0, 0};
        int r = audit_query(a,
                "SELECT (SELECT seq FROM journal ORDER BY seq LIMIT 1),"
                " (SELECT seq FROM journal ORDER BY seq DESC LIMIT 1)",
                NULL, 0, extent_row, extent);

        *ret_first = extent[0];
        *ret_size = extent[1];
        return r;
}

/* The tree from its kept blocks */

static int hashes_between(sqlite3 *db, const char *sql, uint64_t from, uint64_t n, uint32_t level, Tree *t)
{
        sqlite3_stmt *s = NULL;
        uint64_t next = from;
        int rc;

        if (n == 0)
                return SQLITE_OK;
        rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(s, 1, (sqlite3_int64)from);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(s, 2, (sqlite3_int64)(from + n - 1));
        if (rc == SQLITE_OK)
                rc = hashes_append(s, level, &next, t);
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        return rc == SQLITE_OK && next != from + n ? SQLITE_CORRUPT : rc;
}

typedef struct Source {
        sqlite3 *db;
        uint64_t first;
        int rc;
} Source;

static bool range_root(void *userdata, uint64_t from, uint64_t to, uint8_t ret[HASH_SIZE])
{
        Source *s = userdata;
        uint64_t blocks = to - from < TREE_BLOCK ? 0 : (to - from) >> TREE_BLOCK_BITS;
        uint64_t rest = from + (blocks << TREE_BLOCK_BITS);
        Tree t = {0};

        ASSERT(blocks == 0 || (from & (TREE_BLOCK - 1)) == 0);
        s->rc = hashes_between(s->db, "SELECT n, h FROM tree WHERE n BETWEEN ?1 AND ?2 ORDER BY n",
                from >> TREE_BLOCK_BITS, blocks, TREE_BLOCK_BITS, &t);
        if (s->rc == SQLITE_OK)
                s->rc = hashes_between(s->db,
                        "SELECT seq, h FROM journal WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq",
                        s->first + rest, to - rest, 0, &t);
        if (s->rc != SQLITE_OK)
                return false;
        tree_root(&t, ret);
        return true;
}

static int source_open(Audit *a, Source *ret)
{
        uint64_t size;

        *ret = (Source){.db = a->db};
        return proof_extent(a, &ret->first, &size);
}

int proof_tree(Audit *a, uint64_t size, Tree *ret)
{
        Tree t = {0};
        Source s;
        int r = source_open(a, &s);

        if (r < 0)
                return error_trace(r);
        for (uint32_t level = TREE_LEVELS; level-- > 0;) {
                uint8_t root[HASH_SIZE];

                if (!(size & 1ull << level))
                        continue;
                if (!range_root(&s, t.size, t.size + (1ull << level), root))
                        return audit_failed(s.rc);
                tree_append_node(&t, level, root);
        }
        *ret = t;
        return 0;
}

int proof_root(Audit *a, uint64_t size, uint8_t ret[HASH_SIZE])
{
        Source s;
        int r = source_open(a, &s);

        if (r < 0)
                return error_trace(r);
        return range_root(&s, 0, size, ret) ? 0 : audit_failed(s.rc);
}

int proof_inclusion(Audit *a, uint64_t leaf, uint64_t size, TreeProof *ret)
{
        Source s;
        int r = source_open(a, &s);

        if (r < 0)
                return error_trace(r);
        return tree_prove_inclusion(leaf, size, range_root, &s, ret) ? 0 : audit_failed(s.rc);
}

int proof_consistency(Audit *a, uint64_t before, uint64_t size, TreeProof *ret)
{
        Source s;
        int r = source_open(a, &s);

        if (r < 0)
                return error_trace(r);
        return tree_prove_consistency(before, size, range_root, &s, ret) ? 0 : audit_failed(s.rc);
}

/* Checkpoints */

typedef struct NoteOut {
        char *ret;
        bool found;
} NoteOut;

static bool note_take(void *userdata, const AuditCell *cells)
{
        NoteOut *n = userdata;

        n->found = !cells[0].null && str_copy(n->ret, NOTE_SIZE, cells[0].text);
        return false;
}

bool proof_checkpoint(Audit *a, uint64_t size, char ret_note[NOTE_SIZE])
{
        const AuditCell arg = {.number = (int64_t)size};
        NoteOut n = {.ret = ret_note};

        return audit_query(a,
                       size > 0 ? "SELECT note FROM checkpoint WHERE size >= ?1 ORDER BY size LIMIT 1"
                                : "SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1",
                       &arg, size > 0, note_take, &n) == 0 &&
               n.found;
}

/* The newest that speaks of no more rows than these: a gateway that lives has written others since. */
static bool checkpoint_within(Audit *a, uint64_t size, char ret_note[NOTE_SIZE])
{
        const AuditCell arg = {.number = (int64_t)size};
        NoteOut n = {.ret = ret_note};

        return audit_query(a, "SELECT note FROM checkpoint WHERE size <= ?1 ORDER BY size DESC LIMIT 1", &arg, 1,
                       note_take, &n) == 0 &&
               n.found;
}

typedef struct NotesOut {
        bool (*fn)(void *, uint64_t, const char *);
        void *userdata;
} NotesOut;

static bool notes_row(void *userdata, const AuditCell *cells)
{
        NotesOut *n = userdata;

        return n->fn(n->userdata, (uint64_t)cells[0].number, cells[1].text);
}

int proof_notes(
        Audit *a, uint64_t from, uint64_t to, bool (*fn)(void *, uint64_t, const char *), void *userdata)
{
        const AuditCell args[] = {
                {.number = (int64_t)from}, {.number = to > INT64_MAX ? INT64_MAX : (int64_t)to}};
        NotesOut n = {fn, userdata};

        return audit_query(a,
                "SELECT size, note FROM checkpoint WHERE size > ?1 AND size <= ?2 ORDER BY size", args, 2,
                notes_row, &n);
}

/* One of ours against the root that the rows have at its size. */
static void note_check(Pass *p, uint64_t size, const char *note, const uint8_t root[HASH_SIZE])
{
        ProofVerdict *v = p->verdict;
        Checkpoint c;
        int r = note_open(note, p->request->key, &c);

        if (r != 0)
                bad(v, 0,
                        r == NOTE_E_SIGNATURE ? "a checkpoint's signature does not fit its text"
                        : r == NOTE_E_KEY     ? "a checkpoint is not signed by this key"
                                              : "a checkpoint is no note",
                        size);
        else if (c.size != size || c.first != p->first)
                bad(v, 0, "a checkpoint speaks of other rows", size);
        else if (memcmp(c.root, root, HASH_SIZE) != 0)
                bad(v, 0, "the rows are not those that a checkpoint has signed", size);
        else {
                v->checkpoints++;
                v->covered = size;
                v->covered_s = c.time_s;
        }
}

static void given_check(Pass *p, const uint8_t root[HASH_SIZE])
{
        p->verdict->given_fits = memcmp(p->request->given->root, root, HASH_SIZE) == 0;
        if (!p->verdict->given_fits)
                bad(p->verdict, 0, "the rows are not those that the given checkpoint has signed",
                        p->request->given->size);
}

static bool number_row(void *userdata, const AuditCell *cells)
{
        *(uint64_t *)userdata = (uint64_t)cells[0].number;
        return false;
}

/* A row that a witness's checkpoint does not have cannot be older than it, by a clock that was trusted. */
static int given_time(Pass *p)
{
        const Checkpoint *c = p->request->given;
        const AuditCell arg = {.number = (c->time_s - TIME_SLACK_S) * (int64_t)USEC_PER_SEC};
        uint64_t seq = 0;
        int r;

        if (!p->verdict->given_fits || !p->verdict->good || c->size == p->size)
                return 0;
        r = audit_query_slices(p->audit,
                "SELECT seq FROM journal WHERE seq BETWEEN ?1 AND ?2 AND tq = 1 AND t < ?3 ORDER BY seq "
                "LIMIT 1",
                p->first + c->size, p->first + p->size - 1, &arg, 1, number_row, &seq);
        if (r == 0 && seq > 0)
                bad(p->verdict, seq, "it says that it is older than a checkpoint that does not have it", 0);
        return r;
}

/* The whole */

static void note_next(Pass *p)
{
        int rc = sqlite3_step(p->note);

        p->next_note = rc == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(p->note, 0) : 0;
        if (rc != SQLITE_ROW && rc != SQLITE_DONE)
                p->rc = rc;
}

static void block_check(Pass *p, uint64_t n)
{
        int rc;

        (void)sqlite3_reset(p->kept); /* repeats the error of the step */
        rc = sqlite3_bind_int64(p->kept, 1, (sqlite3_int64)n);
        if (rc == SQLITE_OK)
                rc = sqlite3_step(p->kept);
        if (rc == SQLITE_ROW && (sqlite3_column_bytes(p->kept, 0) != HASH_SIZE ||
                                        memcmp(sqlite3_column_blob(p->kept, 0), p->block, HASH_SIZE) != 0))
                bad(p->verdict, p->first + (n << TREE_BLOCK_BITS),
                        "a kept block of the tree does not fit its rows", 0);
        else if (rc == SQLITE_DONE)
                bad(p->verdict, p->first + (n << TREE_BLOCK_BITS), "a block of the tree is missing", 0);
        else if (rc != SQLITE_ROW)
                p->rc = rc;
        (void)sqlite3_reset(p->kept); /* repeats the error of the step */
}

static bool trunk_row(void *userdata, const AuditCell *cells)
{
        if (cells[0].text)
                (void)tree_trunk_read(
                        cells[0].text, userdata); /* else a start reads all blocks, and writes it anew */
        return false;
}

/* A start goes on from it. */
static void trunk_check(Pass *p)
{
        char rows[TREE_TRUNK_SIZE], kept[TREE_TRUNK_SIZE];

        tree_trunk(&p->tree, rows);
        tree_trunk(&p->trunk, kept);
        if (!str_equal(rows, kept))
                bad(p->verdict, p->first + p->tree.size - 1,
                        "the kept trunk of the tree does not fit its rows", 0);
}

static void whole_leaf(void *userdata, uint64_t seq, const uint8_t hash[HASH_SIZE])
{
        Pass *p = userdata;
        uint8_t root[HASH_SIZE];

        if (tree_append_leaf(&p->tree, hash, p->block))
                block_check(p, (p->tree.size >> TREE_BLOCK_BITS) - 1);
        if (p->trunk.size > 0 && p->tree.size == p->trunk.size)
                trunk_check(p);
        if (p->request->given && p->tree.size == p->request->given->size) {
                tree_root(&p->tree, root);
                given_check(p, root);
        }
        while (p->next_note == p->tree.size) {
                tree_root(&p->tree, root);
                note_check(p, p->next_note, (const char *)sqlite3_column_text(p->note, 1), root);
                note_next(p);
        }
}

/* Checkpoints of this slice only: a cursor must not outlive its transaction. */
static int notes_open(Pass *p, uint64_t from, uint64_t to)
{
        int rc = sqlite3_prepare_v2(p->audit->db,
                "SELECT size, note FROM checkpoint WHERE size > ?1 AND size <= ?2 ORDER BY size", -1,
                &p->note, NULL);

        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(p->note, 1, (sqlite3_int64)from);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(p->note, 2, (sqlite3_int64)to);
        if (rc == SQLITE_OK)
                rc = sqlite3_prepare_v2(p->audit->db, "SELECT h FROM tree WHERE n = ?1", -1, &p->kept, NULL);
        p->rc = rc;
        if (rc == SQLITE_OK && p->request->key)
                note_next(p);
        return p->rc;
}

static void notes_close(Pass *p)
{
        (void)sqlite3_finalize(p->note); /* repeats the error of the step */
        (void)sqlite3_finalize(p->kept); /* repeats the error of the step */
        p->note = p->kept = NULL;
        p->next_note = 0;
}

/* Recomputes rows from … to. */
static int rows_check(Pass *p, uint64_t from, uint64_t to, void (*leaf)(void *, uint64_t, const uint8_t *))
{
        ProofVerdict *v = p->verdict;
        JournalVerdict found;
        int rc = notes_open(p, from - p->first, to - p->first + 1);

        if (rc == SQLITE_OK)
                rc = journal_verify_each(p->audit->db, from, to, leaf, p, &found);
        if (rc == SQLITE_OK)
                rc = p->rc;
        notes_close(p);
        if (rc != SQLITE_OK)
                return audit_failed(rc);
        v->rows += found.n;
        v->erased += found.erased;
        if (v->first == 0)
                v->first = from;
        v->last = to;
        if (!found.good)
                bad(v, found.bad, found.why, 0);
        else if (found.n != to - from + 1)
                bad(v, found.n == 0 ? from : found.last + 1, "rows are missing", 0);
        else
                hex(found.head.hash, v->head);
        return 0;
}

static int whole(Pass *p)
{
        uint64_t last = p->first + p->size - 1;
        uint8_t root[HASH_SIZE];
        int r = audit_query(
                p->audit, "SELECT value FROM meta WHERE name = 'trunk'", NULL, 0, trunk_row, &p->trunk);

        for (uint64_t from = p->first; r == 0 && from <= last && p->verdict->good;
                from += AUDIT_SLICE_ROWS) {
                uint64_t to = last - from < AUDIT_SLICE_ROWS ? last : from + AUDIT_SLICE_ROWS - 1;

                r = rows_check(p, from, to, whole_leaf);
        }
        tree_root(&p->tree, root);
        note_hash(root, p->verdict->root);
        return r;
}

/* Parts */

static void part_leaf(void *userdata, uint64_t seq, const uint8_t hash[HASH_SIZE])
{
        Pass *p = userdata;
        uint64_t index = seq - p->first;

        if ((index & (TREE_BLOCK - 1)) == 0)
                p->tree = (Tree){0};
        if (tree_append_leaf(&p->tree, hash, p->block))
                block_check(p, index >> TREE_BLOCK_BITS);
}

/* Whole blocks around rows from … to. */
static int part(Pass *p, uint64_t from, uint64_t to)
{
        uint64_t last = p->first + p->size - 1;
        int r = 0;

        from = p->first + ((from - p->first) & ~(uint64_t)(TREE_BLOCK - 1));
        to = p->first + ((to - p->first) | (TREE_BLOCK - 1));
        if (to > last)
                to = last;
        for (; r == 0 && from <= to && p->verdict->good;
                from += AUDIT_SLICE_ROWS / TREE_BLOCK * TREE_BLOCK) {
                uint64_t step = AUDIT_SLICE_ROWS / TREE_BLOCK * TREE_BLOCK;

                r = rows_check(p, from, to - from < step ? to : from + step - 1, part_leaf);
        }
        return r;
}

typedef struct Seqs {
        Pass *pass;
        uint64_t done; /* rows up to here are checked */
        int r;
} Seqs;

static bool seq_row(void *userdata, const AuditCell *cells)
{
        Seqs *s = userdata;
        uint64_t seq = (uint64_t)cells[0].number;

        if (seq > s->done) {
                s->r = part(s->pass, seq, seq);
                s->done = s->pass->verdict->last;
        }
        return s->r == 0 && s->pass->verdict->good;
}

/* What is kept of the blocks must together be what was signed. */
static int anchor(Pass *p)
{
        uint8_t root[HASH_SIZE];
        char note[NOTE_SIZE];
        Checkpoint c;
        int r;

        if (p->request->given && p->verdict->good) {
                r = proof_root(p->audit, p->request->given->size, root);
                if (r < 0)
                        return error_trace(r);
                given_check(p, root);
        }
        if (!p->request->key || !p->verdict->good || !checkpoint_within(p->audit, p->size, note))
                return 0;
        if (note_open(note, p->request->key, &c) != 0 || c.size > p->size)
                c.size = p->size; /* note_check() says what is wrong */
        r = proof_root(p->audit, c.size, root);
        if (r < 0)
                return error_trace(r);
        note_check(p, c.size, note, root);
        note_hash(root, p->verdict->root);
        return 0;
}

static int parts(Pass *p)
{
        const ProofRequest *q = p->request;
        uint64_t last = p->first + p->size - 1;
        int r;

        if (q->incident) {
                const AuditCell arg = {.number = (int64_t)q->incident};
                Seqs s = {.pass = p};

                r = audit_query(p->audit, "SELECT seq FROM journal WHERE incident = ?1 ORDER BY seq", &arg,
                        1, seq_row, &s);
                r = r < 0 ? r : s.r;
                if (r == 0 && p->verdict->rows == 0)
                        bad(p->verdict, 0, "no such incident", q->incident);
        } else if (q->from > last)
                return 0;
        else
                r = part(p, q->from < p->first ? p->first : q->from, q->to > last ? last : q->to);
        return r < 0 ? error_trace(r) : anchor(p);
}

/* A checkpoint that knows more rows than there are. It is read before the rows are counted again, for it comes after
 * the rows of which it speaks. */
static int truncation(Pass *p)
{
        const ProofRequest *q = p->request;
        ProofVerdict *v = p->verdict;
        uint64_t first, size, checkpoint = 0;
        int r = 0;

        if (q->given && q->given->first != p->first && p->size > 0)
                bad(v, 0, "the given checkpoint is of another journal", 0);
        if (q->given && q->given->size > p->size) {
                v->truncated = true;
                bad(v, 0, "the end was cut off: the given checkpoint has signed more rows", q->given->size);
        }
        if (q->key)
                r = audit_query(p->audit, "SELECT size FROM checkpoint ORDER BY size DESC LIMIT 1", NULL, 0, number_row,
                        &checkpoint);
        if (r == 0)
                r = proof_extent(p->audit, &first, &size);
        if (r == 0 && checkpoint > size) {
                v->truncated = true;
                bad(v, 0, "the end was cut off: a checkpoint has signed more rows", checkpoint);
        }
        return r;
}

int proof_verify(Audit *a, const ProofRequest *request, ProofVerdict *ret)
{
        ProofVerdict v = {.good = true};
        Pass p = {.audit = a, .request = request, .verdict = &v};
        int r;

        ASSERT(a && request && ret);
        r = proof_extent(a, &p.first, &p.size);
        v.size = p.size;
        if (r == 0)
                r = truncation(&p);
        if (r == 0 && p.size > 0 && !v.truncated)
                r = request->incident || request->from > 0 || request->to < UINT64_MAX ? parts(&p)
                                                                                       : whole(&p);
        if (r == 0 && request->given)
                r = given_time(&p);
        if (r < 0)
                return error_trace(r);
        *ret = v;
        return 0;
}

/* Rows for others */

static void prev_read(sqlite3 *db, uint64_t seq, ProofRow *row)
{
        sqlite3_stmt *s = NULL;

        if (sqlite3_prepare_v2(db, "SELECT h FROM journal WHERE seq = ?1 - 1", -1, &s, NULL) == SQLITE_OK &&
                sqlite3_bind_int64(s, 1, (sqlite3_int64)seq) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW &&
                sqlite3_column_bytes(s, 0) == HASH_SIZE) {
                memcpy(row->prev, sqlite3_column_blob(s, 0), HASH_SIZE);
                row->has_prev = true;
        }
        (void)sqlite3_finalize(s); /* without it there is no row before */
}

static void row_read(sqlite3_stmt *s, ProofRow *row)
{
        row->record = (JournalRecord){.seq = (uint64_t)sqlite3_column_int64(s, 0),
                .t_us = sqlite3_column_int64(s, 1),
                .tb_us = (uint64_t)sqlite3_column_int64(s, 2),
                .boot = (uint32_t)sqlite3_column_int64(s, 3),
                .time_quality = (uint8_t)sqlite3_column_int(s, 4),
                .kind = (JournalKind)sqlite3_column_int(s, 5),
                .incident = (uint64_t)sqlite3_column_int64(s, 6),
                .body = (const char *)sqlite3_column_text(s, 8),
                .body_size = (uint32_t)sqlite3_column_bytes(s, 8)};
        row->salt = sqlite3_column_bytes(s, 7) == SALT_SIZE ? sqlite3_column_blob(s, 7) : NULL;
        row->bh = sqlite3_column_blob(s, 9);
        row->h = sqlite3_column_blob(s, 10);
}

int proof_rows(Audit *a, uint64_t from, uint64_t to, bool (*fn)(void *, const ProofRow *), void *userdata)
{
        sqlite3_stmt *s = NULL;
        ProofRow row = {0};
        uint64_t n = 0;
        int rc = sqlite3_prepare_v2(a->db,
                "SELECT seq, t, tb, boot, tq, kind, coalesce(incident, 0), salt, body, bh, h FROM journal"
                " WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq LIMIT ?3",
                -1, &s, NULL);
        bool more = rc == SQLITE_OK;

        if (to > INT64_MAX)
                to = INT64_MAX;
        prev_read(a->db, from, &row);
        while (more && rc == SQLITE_OK && from <= to) {
                rc = sqlite3_bind_int64(s, 1, (sqlite3_int64)from);
                if (rc == SQLITE_OK)
                        rc = sqlite3_bind_int64(s, 2, (sqlite3_int64)to);
                if (rc == SQLITE_OK)
                        rc = sqlite3_bind_int64(s, 3, AUDIT_SLICE_ROWS);
                for (n = 0; rc == SQLITE_OK && more && (rc = sqlite3_step(s)) == SQLITE_ROW; n++) {
                        row_read(s, &row);
                        more = fn(userdata, &row);
                        memcpy(row.prev, row.h, HASH_SIZE);
                        row.has_prev = true;
                        from = row.record.seq + 1;
                        rc = SQLITE_OK;
                }
                if (rc == SQLITE_DONE)
                        rc = SQLITE_OK;
                more = more && n == AUDIT_SLICE_ROWS;
                (void)sqlite3_reset(s); /* repeats the error of the step */
        }
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        return audit_failed(rc);
}
