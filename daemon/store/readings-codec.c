/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How readings become few bytes.
 *
 * An open chunk is rows of zigzag varints: seconds since the row before, which values there are, and each as the
 * difference from the last one of its kind: about 7 bytes for five values, in a buffer that grows by the row.
 *
 * A block turns up to 32 chunks into columns: the heads of the chunks; times as differences of differences, which are
 * zero for a device that keeps its beat; which values there are, as a change from the row before; and one column for each
 * vital. The compressor is flushed after each column, so that each has a code of its own: mixed, small differences of a
 * temperature would pay for the noise of a pulse. Values that are whole in the entire chunk lose their tenth.
 *
 *      block   = heads' n, sizes of the columns (varints), columns
 *      head    = resident − the one before, device − …, first second − …, rows, vitals that are whole, vitals that
 *                there are, and the first value of each − the one before
 *
 * Why 32: bytes for a reading, and CPU for four hours of one person, with noisy vitals (tools/bench/readings). Alone a
 * chunk pays 1.71 bytes; 8 together 0.73, 0.34 ms; 32 0.56, 0.35 ms; 64 0.51, 0.51 ms; 128 0.49, 0.75 ms.
 *
 * To find one person the other 31 are not decoded but stepped over: a varint ends at a byte below 0x80.
 */
#include "store/readings-codec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "base/assert.h"

#define LEVEL    3
#define ROW_MAX  32u             /* bytes of a row in a chunk, at most */
#define COLUMNS  (3 + VITAL_MAX) /* heads, times, has, then the vitals */
#define ALL_BITS ((1u << VITAL_MAX) - 1)
_Static_assert(VITAL_MAX <= 6, "a row has one byte for which values there are");
#define WHOLE     0x40u /* with `has`: all differences but that of the temperature are in units, not in tenths */
#define CAP_FIRST 40u /* a few rows; in a quarter of an hour a wristband says what takes a hundred bytes */
#define CAP_STEP  64u

/* Varints */

static uint64_t zigzag(int64_t v)
{
        return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static int64_t unzigzag(uint64_t v)
{
        return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static size_t put(uint8_t *to, uint64_t v)
{
        size_t n = 0;

        for (; v >= 0x80; v >>= 7)
                to[n++] = (uint8_t)(v | 0x80);
        to[n++] = (uint8_t)v;
        return n;
}

typedef struct Bytes { /* a column that is read */
        const uint8_t *p, *end;
        bool bad;
} Bytes;

static uint64_t get(Bytes *b)
{
        uint64_t v = 0;

        for (unsigned shift = 0; b->p < b->end && shift < 64; shift += 7) {
                uint8_t c = *b->p++;

                v |= (uint64_t)(c & 0x7f) << shift;
                if (c < 0x80)
                        return v;
        }
        b->bad = true;
        return 0;
}

static void skip(Bytes *b, uint32_t n)
{
        while (n > 0 && b->p < b->end)
                n -= *b->p++ < 0x80;
        b->bad |= n > 0;
}

/* Rows */

void reading_row(ReadingRow *ret, int64_t wall_us, const VitalsEvent *v)
{
        *ret = (ReadingRow){.t_s = wall_us / (int64_t)USEC_PER_SEC - (wall_us % (int64_t)USEC_PER_SEC < 0),
                .has = v->has & ALL_BITS};
        for (unsigned i = 0; i < VITAL_MAX; i++) {
                double tenths = v->has & 1u << i ? round(v->value[i] * 10) : 0;

                if (!(tenths >= -TENTHS_MAX && tenths <= TENTHS_MAX)) /* a NAN is neither */
                        ret->has &= ~(1u << i);
                else
                        ret->tenths[i] = (int16_t)tenths;
        }
}

/* Chunks */

Chunk *chunk_new(uint32_t resident, uint32_t device)
{
        Chunk *c = calloc(1, sizeof(*c));

        NEED_MEMORY(c);
        c->resident = resident;
        c->device = device;
        return c;
}

Chunk *chunk_free(Chunk *c)
{
        if (!c)
                return NULL;
        free(c->bytes);
        free(c);
        return NULL;
}

static int32_t row_scale(uint32_t whole, unsigned vital)
{
        return whole && vital != VITAL_TEMP ? 10 : 1;
}

bool chunk_add(Chunk *c, const ReadingRow *row)
{
        uint8_t bytes[ROW_MAX];
        uint32_t whole = WHOLE;
        size_t n;

        ASSERT((row->has & ~ALL_BITS) == 0);
        for (unsigned i = 0; i < VITAL_MAX; i++)
                if ((row->has & 1u << i) && i != VITAL_TEMP && (row->tenths[i] - c->last[i]) % 10 != 0)
                        whole = 0;
        n = put(bytes, zigzag(c->n_rows > 0 ? row->t_s - c->last_s : 0));
        bytes[n++] = (uint8_t)(row->has | whole);
        for (unsigned i = 0; i < VITAL_MAX; i++)
                if (row->has & 1u << i)
                        n += put(bytes + n, zigzag((row->tenths[i] - c->last[i]) / row_scale(whole, i)));
        ASSERT(n <= ROW_MAX);
        if (c->n_bytes + n > CHUNK_BYTES_MAX || c->n_rows == CHUNK_ROWS_MAX)
                return false;
        if (c->n_bytes + n > c->cap) {
                c->cap = (uint16_t)(c->cap == 0 ? CAP_FIRST : c->cap + CAP_STEP);
                c->bytes = realloc(c->bytes, c->cap);
                NEED_MEMORY(c->bytes);
        }
        memcpy(c->bytes + c->n_bytes, bytes, n);
        c->n_bytes = (uint16_t)(c->n_bytes + n);
        if (c->n_rows++ == 0)
                c->first_s = row->t_s;
        c->last_s = row->t_s;
        for (unsigned i = 0; i < VITAL_MAX; i++)
                if (row->has & 1u << i)
                        c->last[i] = row->tenths[i];
        return true;
}

bool chunk_next(const Chunk *c, ChunkCursor *cursor)
{
        ReadingRow *row = &cursor->row;
        uint32_t whole;
        Bytes b;

        if (cursor->at == c->n_bytes)
                return false;
        b = (Bytes){.p = c->bytes + cursor->at, .end = c->bytes + c->n_bytes};
        row->t_s = (cursor->at == 0 ? c->first_s : row->t_s) + unzigzag(get(&b));
        whole = *b.p & WHOLE;
        row->has = *b.p++ & ALL_BITS;
        for (unsigned i = 0; i < VITAL_MAX; i++)
                if (row->has & 1u << i)
                        row->tenths[i] = (int16_t)(row->tenths[i] + unzigzag(get(&b)) * row_scale(whole, i));
        ASSERT(!b.bad); /* chunk_add() wrote it */
        cursor->at = (size_t)(b.p - c->bytes);
        return true;
}

/* Blocks */

struct BlockCoder {
        ZSTD_CCtx *to;
        ZSTD_DCtx *from;
        uint8_t *columns[COLUMNS];
        size_t n[COLUMNS], cap[COLUMNS];
        uint8_t *out, *raw;
};

BlockCoder *block_coder_new(void)
{
        BlockCoder *k = calloc(1, sizeof(*k));

        NEED_MEMORY(k);
        k->from = ZSTD_createDCtx();
        ASSERT(k->from);
        return k;
}

BlockCoder *block_coder_free(BlockCoder *k)
{
        if (!k)
                return NULL;
        (void)ZSTD_freeCCtx(k->to);   /* cannot fail */
        (void)ZSTD_freeDCtx(k->from); /* cannot fail */
        for (unsigned i = 0; i < COLUMNS; i++)
                free(k->columns[i]);
        free(k->out);
        free(k->raw);
        free(k);
        return NULL;
}

/* The compressor's memory is made for the small things it gets, and only where something is written. */
static void coder_write(BlockCoder *k)
{
        if (k->to)
                return;
        k->to = ZSTD_createCCtx();
        k->out = malloc(BLOCK_BYTES_MAX);
        NEED_MEMORY(k->to && k->out);
        ASSERT(!ZSTD_isError(ZSTD_CCtx_setParameter(k->to, ZSTD_c_compressionLevel, LEVEL)));
        ASSERT(!ZSTD_isError(ZSTD_CCtx_setParameter(k->to, ZSTD_c_windowLog, 15)));
        ASSERT(!ZSTD_isError(ZSTD_CCtx_setParameter(k->to, ZSTD_c_hashLog, 12)));
        ASSERT(!ZSTD_isError(ZSTD_CCtx_setParameter(k->to, ZSTD_c_chainLog, 12)));
}

static void column_add(BlockCoder *k, unsigned column, uint64_t v)
{
        if (k->cap[column] - k->n[column] < 10) {
                k->cap[column] = 2 * k->cap[column] + 1024;
                k->columns[column] = realloc(k->columns[column], k->cap[column]);
                ASSERT(k->columns[column]);
        }
        k->n[column] += put(k->columns[column] + k->n[column], v);
}

/* What holds for all its rows: which vitals there are, which are whole, and the first value of each. */
static void chunk_look(const Chunk *c, uint32_t *ret_has, uint32_t *ret_whole, int16_t ret_first[VITAL_MAX])
{
        ChunkCursor cursor = {0};

        *ret_has = 0;
        *ret_whole = ALL_BITS;
        while (chunk_next(c, &cursor)) {
                for (unsigned i = 0; i < VITAL_MAX; i++) {
                        if (!(cursor.row.has & 1u << i))
                                continue;
                        if (!(*ret_has & 1u << i))
                                ret_first[i] = cursor.row.tenths[i];
                        if (cursor.row.tenths[i] % 10 != 0)
                                *ret_whole &= ~(1u << i);
                }
                *ret_has |= cursor.row.has;
        }
}

static int32_t scale_of(uint32_t whole, unsigned vital)
{
        return whole & 1u << vital ? 10 : 1;
}

/* `first`: of each vital in the last chunk that had it. */
static void chunk_split(BlockCoder *k, const Chunk *c, const Chunk *before, int16_t first[VITAL_MAX])
{
        ChunkCursor cursor = {0};
        uint32_t whole, all, has = 0;
        int16_t last[VITAL_MAX] = {0};
        int64_t t = c->first_s, step = 0;

        chunk_look(c, &all, &whole, last);
        column_add(k, 0, c->resident - (before ? before->resident : 0));
        column_add(k, 0, zigzag((int64_t)c->device - (before ? before->device : 0)));
        column_add(k, 0, zigzag(c->first_s - (before ? before->first_s : 0)));
        column_add(k, 0, c->n_rows);
        column_add(k, 0, whole);
        column_add(k, 0, all);
        for (unsigned i = 0; i < VITAL_MAX; i++)
                if (all & 1u << i) {
                        column_add(
                                k, 0, zigzag(last[i] / scale_of(whole, i) - first[i] / scale_of(whole, i)));
                        first[i] = last[i];
                }
        while (chunk_next(c, &cursor)) {
                const ReadingRow *row = &cursor.row;

                column_add(k, 1, zigzag(row->t_s - t - step));
                column_add(k, 2, row->has ^ has);
                step = row->t_s - t;
                t = row->t_s;
                has = row->has;
                for (unsigned i = 0; i < VITAL_MAX; i++)
                        if (has & 1u << i) {
                                column_add(
                                        k, 3 + i, zigzag((row->tenths[i] - last[i]) / scale_of(whole, i)));
                                last[i] = row->tenths[i];
                        }
        }
}

static size_t compress(BlockCoder *k, uint32_t n_chunks, uint32_t *ret_raw_size)
{
        ZSTD_outBuffer out = {.dst = k->out, .size = BLOCK_BYTES_MAX};
        uint8_t sizes[10 * (COLUMNS + 1)];
        size_t n = put(sizes, n_chunks), raw;

        for (unsigned i = 0; i < COLUMNS; i++)
                n += put(sizes + n, k->n[i]);
        raw = n;
        ASSERT(!ZSTD_isError(ZSTD_CCtx_reset(k->to, ZSTD_reset_session_only)));
        for (unsigned i = 0; i <= COLUMNS; i++) {
                ZSTD_inBuffer in = {
                        .src = i == 0 ? sizes : k->columns[i - 1], .size = i == 0 ? n : k->n[i - 1]};
                ZSTD_EndDirective what = i == COLUMNS ? ZSTD_e_end : i == 0 ? ZSTD_e_continue : ZSTD_e_flush;
                size_t left;

                raw += i == 0 ? 0 : in.size;
                do {
                        left = ZSTD_compressStream2(k->to, &out, &in, what);
                        ASSERT(!ZSTD_isError(left) && out.pos < out.size);
                } while (in.pos < in.size || (what != ZSTD_e_continue && left > 0));
        }
        ASSERT(raw <= BLOCK_RAW_MAX);
        *ret_raw_size = (uint32_t)raw;
        return out.pos;
}

uint32_t block_fill(Chunk *const *chunks, uint32_t n)
{
        size_t bytes = 0;
        uint32_t i;

        ASSERT(n > 0);
        for (i = 0; i < n && i < BLOCK_CHUNKS_MAX; i++) {
                bytes += chunks[i]->n_bytes;
                if (i > 0 && bytes > BLOCK_INPUT_MAX)
                        break;
        }
        return i;
}

size_t block_encode(
        BlockCoder *k, Chunk *const *chunks, uint32_t n, const uint8_t **ret_bytes, uint32_t *ret_raw_size)
{
        int16_t first[VITAL_MAX] = {0};
        size_t size;

        ASSERT(n > 0 && n <= BLOCK_CHUNKS_MAX);
        coder_write(k);
        for (unsigned i = 0; i < COLUMNS; i++)
                k->n[i] = 0;
        for (uint32_t i = 0; i < n; i++) {
                ASSERT(i == 0 || chunks[i]->resident >= chunks[i - 1]->resident);
                chunk_split(k, chunks[i], i > 0 ? chunks[i - 1] : NULL, first);
        }
        size = compress(k, n, ret_raw_size);
        *ret_bytes = k->out;
        return size;
}

/* One chunk after the other, given out or stepped over. */
typedef struct Reader {
        Bytes columns[COLUMNS];
        uint32_t resident, device, n_rows, whole, all;
        int64_t first_s;
        int32_t first[VITAL_MAX]; /* tenths */
        BlockRow fn;
        void *userdata;
        bool stopped;
} Reader;

static bool reader_bad(const Reader *r)
{
        bool bad = false;

        for (unsigned i = 0; i < COLUMNS; i++)
                bad |= r->columns[i].bad;
        return bad;
}

/* A value in units of the scale, from the one before in tenths. False: beyond what can be. */
static bool value_move(int32_t *tenths, int32_t scale, Bytes *b)
{
        int64_t change = unzigzag(get(b)), v;

        if (change < -2 * TENTHS_MAX || change > 2 * TENTHS_MAX)
                return false;
        v = (*tenths / scale + change) * scale;
        if (v < -TENTHS_MAX || v > TENTHS_MAX)
                return false;
        *tenths = (int32_t)v;
        return true;
}

static bool head_read(Reader *r)
{
        Bytes *heads = &r->columns[0];
        int64_t move;
        uint64_t rows, whole, all;

        r->resident += (uint32_t)get(heads);
        r->device += (uint32_t)unzigzag(get(heads));
        move = unzigzag(get(heads));
        rows = get(heads);
        whole = get(heads);
        all = get(heads);
        if (heads->bad || rows > CHUNK_ROWS_MAX || whole > ALL_BITS || all > ALL_BITS ||
                move > INT64_MAX / 4 || move < -INT64_MAX / 4)
                return false;
        r->first_s += move;
        r->n_rows = (uint32_t)rows;
        r->whole = (uint32_t)whole;
        r->all = (uint32_t)all;
        if (r->first_s > INT64_MAX / 4 || r->first_s < -INT64_MAX / 4)
                return false;
        for (unsigned i = 0; i < VITAL_MAX; i++)
                if ((all & 1u << i) && !value_move(&r->first[i], scale_of(r->whole, i), heads))
                        return false;
        return !heads->bad;
}

static bool chunk_read(Reader *r)
{
        ReadingRow row = {.t_s = r->first_s};
        int32_t last[VITAL_MAX];
        int64_t step = 0;

        memcpy(last, r->first, sizeof(last));
        for (uint32_t n = 0; n < r->n_rows && !r->stopped; n++) {
                int64_t change = unzigzag(get(&r->columns[1]));

                row.has ^= (uint32_t)get(&r->columns[2]);
                if (change > INT32_MAX || change < -INT32_MAX || (row.has & ~r->all))
                        return false;
                step += change;
                row.t_s += step;
                for (unsigned i = 0; i < VITAL_MAX; i++)
                        if (row.has & 1u << i) {
                                if (!value_move(&last[i], scale_of(r->whole, i), &r->columns[3 + i]))
                                        return false;
                                row.tenths[i] = (int16_t)last[i];
                        }
                if (reader_bad(r))
                        return false;
                r->stopped = !r->fn(r->userdata, r->resident, r->device, &row);
        }
        return true;
}

static bool chunk_skip(Reader *r)
{
        uint32_t has = 0, counts[VITAL_MAX] = {0};

        skip(&r->columns[1], r->n_rows);
        for (uint32_t n = 0; n < r->n_rows; n++) {
                has ^= (uint32_t)get(&r->columns[2]);
                for (unsigned i = 0; i < VITAL_MAX; i++)
                        counts[i] += has >> i & 1;
        }
        for (unsigned i = 0; i < VITAL_MAX; i++)
                skip(&r->columns[3 + i], counts[i]);
        return !reader_bad(r);
}

/* Finds the columns. The number of chunks, or 0. */
static uint32_t columns_find(Reader *r, const uint8_t *raw, size_t n)
{
        Bytes b = {.p = raw, .end = raw + n};
        uint64_t chunks = get(&b), sizes[COLUMNS];

        for (unsigned i = 0; i < COLUMNS; i++)
                sizes[i] = get(&b);
        if (b.bad || chunks > BLOCK_CHUNKS_MAX)
                return 0;
        for (unsigned i = 0; i < COLUMNS; i++) {
                if (sizes[i] > (size_t)(b.end - b.p))
                        return 0;
                r->columns[i] = (Bytes){.p = b.p, .end = b.p + sizes[i]};
                b.p += sizes[i];
        }
        return b.p == b.end ? (uint32_t)chunks : 0;
}

bool block_decode(BlockCoder *k, const uint8_t *bytes, size_t n, uint32_t raw_size, uint32_t resident,
        BlockRow fn, void *userdata)
{
        Reader r = {.fn = fn, .userdata = userdata};
        uint32_t chunks;
        size_t got;

        if (raw_size == 0 || raw_size > BLOCK_RAW_MAX)
                return false;
        if (!k->raw)
                k->raw = malloc(BLOCK_RAW_MAX);
        ASSERT(k->raw);
        got = ZSTD_decompressDCtx(k->from, k->raw, BLOCK_RAW_MAX, bytes, n);
        if (ZSTD_isError(got) || got != raw_size)
                return false;
        chunks = columns_find(&r, k->raw, got);
        for (uint32_t i = 0; i < chunks && !r.stopped; i++) {
                bool good = head_read(&r);

                if (good && resident != UINT32_MAX && r.resident > resident)
                        return true; /* they are in order */
                if (!good || !(resident == UINT32_MAX || r.resident == resident ? chunk_read(&r)
                                                                                : chunk_skip(&r)))
                        return false;
        }
        return chunks > 0;
}

/* Eight bytes at a time (slicing by 8): a day of one person is half a megabyte of it. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t n)
{
        static uint32_t table[8][256];
        const uint8_t *p = bytes;

        if (table[7][255] == 0) {
                for (uint32_t i = 0; i < 256; i++) {
                        uint32_t v = i;

                        for (unsigned bit = 0; bit < 8; bit++)
                                v = v & 1 ? v >> 1 ^ 0x82f63b78u : v >> 1;
                        table[0][i] = v;
                }
                for (unsigned k = 1; k < 8; k++)
                        for (uint32_t i = 0; i < 256; i++)
                                table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 0xff];
        }
        crc = ~crc;
        for (; n >= 8; n -= 8, p += 8) {
                crc ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
                crc = table[7][crc & 0xff] ^ table[6][crc >> 8 & 0xff] ^ table[5][crc >> 16 & 0xff] ^
                      table[4][crc >> 24] ^ table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^
                      table[0][p[7]];
        }
        for (; n > 0; n--)
                crc = crc >> 8 ^ table[0][(crc ^ *p++) & 0xff];
        return ~crc;
}
