/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite refuses a table when a page on the way to its rows is damaged; the rows themselves stand in leaf pages that know
 * nothing of one another. So every page of the file, and of the write-ahead log behind it, is looked at: what reads as
 * the leaf of a table, and holds cells that read as rows of the journal (fifteen columns of their types, two hashes of
 * 32 bytes), is taken. Nothing is believed by its looks: a row counts as proved when its hash, over all its columns and
 * the hash of the row before, is the one that stands in it. Old copies of pages give the same rows twice; of two that
 * differ the one that is proved is kept.
 *
 * Format: https://www.sqlite.org/fileformat2.html, sections 1.3 to 2.1 and 4.1.
 */
#include "store/salvage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/cleanup.h"
#include "limits.h"

#define PAGE        4096u
#define LEAF_TABLE  0x0d
#define COLUMNS     15u
#define PAYLOAD_MAX (8u * LIMIT_BODY)
#define FRAME_HEAD  24u
#define WAL_HEAD    32u

typedef struct Pages {
        uint8_t *file, *wal;
        size_t n_file, n_wal; /* pages; frames */
} Pages;

/* 1 to 9 bytes; 0: it runs beyond the end. */
static size_t varint(const uint8_t *p, const uint8_t *end, uint64_t *ret)
{
        uint64_t value = 0;

        for (size_t i = 0; i < 9 && p + i < end; i++) {
                if (i == 8) {
                        *ret = value << 8 | p[i];
                        return 9;
                }
                value = value << 7 | (p[i] & 0x7f);
                if (!(p[i] & 0x80)) {
                        *ret = value;
                        return i + 1;
                }
        }
        return 0;
}

static uint32_t be(const uint8_t *p, unsigned n)
{
        uint32_t value = 0;

        for (unsigned i = 0; i < n; i++)
                value = value << 8 | p[i];
        return value;
}

/* The newest copy: of the log, else of the file. */
static const uint8_t *page_of(const Pages *s, uint32_t number)
{
        for (size_t i = s->n_wal; i-- > 0;) {
                const uint8_t *frame = s->wal + WAL_HEAD + i * (FRAME_HEAD + PAGE);

                if (be(frame, 4) == number)
                        return frame + FRAME_HEAD;
        }
        return number > 0 && number <= s->n_file ? s->file + (size_t)(number - 1) * PAGE : NULL;
}

/* The whole payload of a cell, with what overflows. False: it is none. */
static bool payload_read(const Pages *s, const uint8_t *at, const uint8_t *end, size_t size, uint8_t *ret)
{
        const size_t most = PAGE - 35, least = (PAGE - 12) * 32 / 255 - 23;
        size_t local = size, got;
        uint32_t next;

        if (size > most) {
                local = least + (size - least) % (PAGE - 4);
                if (local > most)
                        local = least;
        }
        if (at + local + (local < size ? 4 : 0) > end)
                return false;
        memcpy(ret, at, local);
        next = local < size ? be(at + local, 4) : 0;
        for (got = local; got < size;) {
                const uint8_t *page = page_of(s, next);
                size_t part = size - got < PAGE - 4 ? size - got : PAGE - 4;

                if (!page)
                        return false;
                memcpy(ret + got, page + 4, part);
                got += part;
                next = be(page, 4);
        }
        return true;
}

typedef struct Value {
        uint64_t type;
        const uint8_t *p;
        size_t n;
        int64_t number;
} Value;

static bool value_read(uint64_t type, const uint8_t **p, const uint8_t *end, Value *ret)
{
        static const uint8_t sizes[] = {0, 1, 2, 3, 4, 6, 8};
        uint64_t number = 0;

        *ret = (Value){.type = type, .p = *p};
        if (type == 8 || type == 9) {
                ret->number = (int64_t)(type - 8);
                return true;
        }
        if (type == 7 || type == 10 || type == 11)
                return false;
        ret->n = type < 7 ? sizes[type] : (type - 12) / 2;
        if (ret->n > (size_t)(end - *p))
                return false;
        if (type < 7 && ret->n > 0) {
                number = (*p)[0] & 0x80 ? UINT64_MAX : 0;
                for (size_t i = 0; i < ret->n; i++)
                        number = number << 8 | (*p)[i];
                ret->number = (int64_t)number;
        }
        *p += ret->n;
        return true;
}

static bool is_number(const Value *v, bool null)
{
        return v->type == 0 ? null : v->type <= 9;
}

static bool is_blob(const Value *v, size_t n)
{
        return v->type == 12 + 2 * n;
}

static SalvagedRow *row_add(Salvage *s)
{
        if (s->n == s->cap) {
                s->cap = s->cap ? 2 * s->cap : 4096;
                s->rows = realloc(s->rows, s->cap * sizeof(SalvagedRow));
                ASSERT(s->rows);
        }
        s->rows[s->n] = (SalvagedRow){0};
        return &s->rows[s->n++];
}

/* Columns as in schema.c: seq t tb boot tq kind incident device dwelling worker grid salt body bh h. */
static void record_take(Salvage *s, uint64_t seq, const uint8_t *payload, size_t size)
{
        const uint8_t *end = payload + size, *header = payload, *p;
        uint64_t head = 0, types[COLUMNS];
        Value v[COLUMNS];
        SalvagedRow *row;
        size_t n = varint(header, end, &head);

        if (!n || head > size || !seq || seq > INT64_MAX)
                return;
        header += n;
        p = payload + head;
        for (unsigned i = 0; i < COLUMNS; i++, header += n) {
                n = varint(header, payload + head, &types[i]);
                if (!n)
                        return;
        }
        if (header != payload + head)
                return;
        for (unsigned i = 0; i < COLUMNS; i++)
                if (!value_read(types[i], &p, end, &v[i]))
                        return;
        for (unsigned i = 1; i < 11; i++)
                if (!is_number(&v[i], i >= 6))
                        return;
        if (v[0].type != 0 || !is_blob(&v[13], HASH_SIZE) || !is_blob(&v[14], HASH_SIZE) ||
                (v[11].type != 0 && !is_blob(&v[11], SALT_SIZE)) ||
                (v[12].type != 0 && (v[12].type < 13 || v[12].type % 2 == 0)))
                return;
        row = row_add(s);
        row->record = (JournalRecord){.seq = seq,
                .t_us = v[1].number,
                .tb_us = (uint64_t)v[2].number,
                .boot = (uint32_t)v[3].number,
                .time_quality = (uint8_t)v[4].number,
                .kind = (JournalKind)v[5].number,
                .incident = (uint64_t)v[6].number};
        row->salted = v[11].type != 0;
        if (row->salted)
                memcpy(row->salt, v[11].p, SALT_SIZE);
        if (v[12].type != 0) {
                char *body = malloc(v[12].n + 1);

                NEED_MEMORY(body);
                memcpy(body, v[12].p, v[12].n);
                body[v[12].n] = '\0';
                row->record.body = body;
                row->record.body_size = (uint32_t)v[12].n;
        }
        memcpy(row->bh, v[13].p, HASH_SIZE);
        memcpy(row->h, v[14].p, HASH_SIZE);
}

static void cell_take(const Pages *pages, Salvage *s, const uint8_t *page, size_t offset, uint8_t *buffer)
{
        const uint8_t *end = page + PAGE, *at = page + offset;
        uint64_t size = 0, rowid = 0;
        size_t n = varint(at, end, &size);

        if (!n || size > PAYLOAD_MAX || size < 4)
                return;
        at += n;
        n = varint(at, end, &rowid);
        if (n && payload_read(pages, at + n, end, size, buffer))
                record_take(s, rowid, buffer, size);
}

static void page_take(const Pages *pages, Salvage *s, const uint8_t *page, bool first, uint8_t *buffer)
{
        size_t at = first ? 100 : 0; /* the file's header */
        uint32_t cells = be(page + at + 3, 2);

        s->pages++;
        if (page[at] != LEAF_TABLE)
                return;
        if (at + 8 + 2 * cells > PAGE) {
                s->bad_pages++;
                return;
        }
        for (uint32_t i = 0; i < cells; i++) {
                uint32_t offset = be(page + at + 8 + 2 * i, 2);

                if (offset >= at + 8 && offset < PAGE)
                        cell_take(pages, s, page, offset, buffer);
        }
}

static int file_read(const char *path, uint8_t **ret, size_t *ret_size)
{
        _cleanup_(fclosep) FILE *f = fopen(path, "re");
        struct stat st;

        if (!f || fstat(fileno(f), &st) < 0)
                return -errno;
        *ret = malloc((size_t)st.st_size + PAGE);
        NEED_MEMORY(*ret);
        *ret_size = fread(*ret, 1, (size_t)st.st_size, f); /* less: the disk has no more */
        return 0;
}

static int by_seq(const void *a, const void *b)
{
        const SalvagedRow *x = a, *y = b;

        if (x->record.seq != y->record.seq)
                return x->record.seq < y->record.seq ? -1 : 1;
        return memcmp(x->h, y->h, HASH_SIZE);
}

static bool continues(const SalvagedRow *row, const uint8_t prev[HASH_SIZE])
{
        uint8_t found[HASH_SIZE], record[JOURNAL_RECORD_SIZE];

        if (row->record.body) {
                if (!row->salted)
                        return false;
                journal_body_hash(row->salt, row->record.body, row->record.body_size, found);
                if (memcmp(found, row->bh, HASH_SIZE) != 0)
                        return false;
        }
        journal_encode(&row->record, prev, row->bh, record);
        journal_hash(record, found);
        return memcmp(found, row->h, HASH_SIZE) == 0;
}

/* Rows are sorted; of those with one number the proved one stays, else the first. */
static void prove(Salvage *s)
{
        static const uint8_t zero[HASH_SIZE];
        size_t kept = 0;

        for (size_t i = 0, next; i < s->n; i = next) {
                SalvagedRow best = s->rows[i];

                for (next = i; next < s->n && s->rows[next].record.seq == best.record.seq; next++) {
                        SalvagedRow *row = &s->rows[next];
                        bool after = kept > 0 && s->rows[kept - 1].record.seq + 1 == row->record.seq;

                        row->proved = after ? continues(row, s->rows[kept - 1].h)
                                            : row->record.seq == 1 && continues(row, zero);
                        if (next == i) {
                                best = *row;
                        } else if (row->proved && !best.proved) {
                                free((char *)best.record.body);
                                best = *row;
                        } else {
                                free((char *)row->record.body);
                        }
                }
                s->rows[kept++] = best;
        }
        s->n = kept;
}

int salvage_read(Salvage *ret, const char *path)
{
        char wal[4200];
        Salvage s = {0};
        Pages pages = {0};
        uint8_t *buffer = malloc(PAYLOAD_MAX);
        size_t size = 0;
        int r;

        ASSERT(ret && buffer);
        r = file_read(path, &pages.file, &size);
        pages.n_file = size / PAGE;
        (void)snprintf(wal, sizeof(wal), "%s-wal", path); /* cut: then there is none */
        if (r == 0 && file_read(wal, &pages.wal, &size) == 0 && size > WAL_HEAD)
                pages.n_wal = (size - WAL_HEAD) / (FRAME_HEAD + PAGE);
        for (size_t i = 0; r == 0 && i < pages.n_file; i++)
                page_take(&pages, &s, pages.file + i * PAGE, i == 0, buffer);
        for (size_t i = 0; r == 0 && i < pages.n_wal; i++) {
                const uint8_t *frame = pages.wal + WAL_HEAD + i * (FRAME_HEAD + PAGE);

                page_take(&pages, &s, frame + FRAME_HEAD, be(frame, 4) == 1, buffer);
        }
        free(buffer);
        free(pages.file);
        free(pages.wal);
        if (r < 0)
                return r;
        if (s.n > 0)
                qsort(s.rows, s.n, sizeof(SalvagedRow), by_seq);
        prove(&s);
        *ret = s;
        return 0;
}

void salvage_free(Salvage *s)
{
        for (size_t i = 0; i < s->n; i++)
                free((char *)s->rows[i].record.body);
        free(s->rows);
        *s = (Salvage){0};
}
