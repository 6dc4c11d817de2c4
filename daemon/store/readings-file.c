/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of one day's readings. Numbers are little-endian.
 *
 *      file     = "HUYRDNG1" · day i32 · 0 u32 · segments
 *      segment  = head (28 bytes) · directory (20 bytes a block) · blocks
 *      head     = "HRS1" · size of the segment · first, last resident · blocks · crc of the directory · crc of the head
 *      entry    = first, last resident · size · size before compression · crc of the block
 *
 * A segment is what one quarter of an hour adds: written block by block behind the place of its head, the head last, and
 * flushed once. A crash leaves a segment without a head (nobody sees it), or, because the disk may write in any order, a
 * head whose blocks are not there: so the blocks of the last segment are checked at the next opening for writing, and
 * what does not hold is cut off. Damage in the middle costs the segment that it is in: the search goes on at the next
 * head that holds.
 *
 * An erasure writes what remains of the blocks concerned as a further segment, flushes it, and only then overwrites the
 * old blocks with zeros: a block of zeros is one that was erased, its bytes hold nothing, and its neighbours are as
 * they were. After a crash in between some rows are there twice, and weigh twice in a mean; the erasure, which is
 * begun again, does not write a third.
 */
#include "store/readings-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"

#define FILE_HEAD  16u
#define HEAD       28u
#define ENTRY      20u
#define SCAN_BYTES 65536u

static const char file_magic[8] = "HUYRDNG1";
static const char segment_magic[4] = "HRS1";
static const char *const endings[DAY_KINDS] = {"day", "hours", "new"};

/* Small things */

static void put32(uint8_t *to, uint32_t v)
{
        for (unsigned i = 0; i < 4; i++)
                to[i] = (uint8_t)(v >> (8 * i));
}

static uint32_t get32(const uint8_t *from)
{
        return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
               (uint32_t)from[3] << 24;
}

/* All of it, or a negative errno; a file that ends before is -ENODATA. */
static int read_at(int fd, void *to, size_t n, uint64_t offset)
{
        for (size_t got = 0; got < n;) {
                ssize_t r = pread(fd, (char *)to + got, n - got, (off_t)(offset + got));

                if (r == 0)
                        return -ENODATA;
                if (r < 0 && errno != EINTR)
                        return error_origin(-errno);
                got += r > 0 ? (size_t)r : 0;
        }
        return 0;
}

static int write_at(int fd, const void *from, size_t n, uint64_t offset)
{
        for (size_t put = 0; put < n;) {
                ssize_t r = pwrite(fd, (const char *)from + put, n - put, (off_t)(offset + put));

                if (r < 0 && errno != EINTR)
                        return error_origin(-errno);
                put += r > 0 ? (size_t)r : 0;
        }
        return 0;
}

int32_t day_of(int64_t t_s)
{
        return (int32_t)(t_s / SECONDS_PER_DAY - (t_s % SECONDS_PER_DAY < 0));
}

/* Names: the calendar by Howard Hinnant's days_from_civil and its inverse. */

void day_file_name(int32_t day, DayKind kind, char ret[DAY_NAME_SIZE])
{
        int64_t z = (int64_t)day + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
        int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
        int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
        int64_t month = mp < 10 ? mp + 3 : mp - 9, year = yoe + era * 400 + (month <= 2);

        (void)snprintf(ret, DAY_NAME_SIZE, "%04lld%02lld%02lld.%s", (long long)year, (long long)month,
                (long long)(doy - (153 * mp + 2) / 5 + 1), endings[kind]); /* fits */
}

bool day_file_parse(const char *name, int32_t *ret_day, DayKind *ret_kind)
{
        const char *dot = strchr(name, '.');
        unsigned kind = 0;
        char digits[9], again[DAY_NAME_SIZE];
        uint32_t date;
        int64_t y, m, doy;

        if (!dot || dot - name != 8 || !str_copyn(digits, sizeof(digits), name, 8) ||
                !parse_u32(digits, 99991231, &date))
                return false;
        while (kind < DAY_KINDS && !str_equal(dot + 1, endings[kind]))
                kind++;
        if (kind == DAY_KINDS)
                return false;
        y = date / 10000;
        m = date / 100 % 100;
        y -= m <= 2;
        doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + date % 100 - 1;
        *ret_day = (int32_t)(y / 400 * 146097 + y % 400 * 365 + y % 400 / 4 - y % 400 / 100 + doy - 719468);
        *ret_kind = (DayKind)kind;
        day_file_name(*ret_day, *ret_kind, again);
        return str_equal(name, again); /* 20260231 is no day */
}

/* Reading */

/* A head at this place that holds. The segment may still end beyond the file. */
static bool head_parse(const uint8_t head[HEAD], uint64_t offset, Segment *ret)
{
        if (memcmp(head, segment_magic, 4) != 0 || crc32c(0, head, HEAD - 4) != get32(head + HEAD - 4))
                return false;
        *ret = (Segment){.offset = offset,
                .size = get32(head + 4),
                .first = get32(head + 8),
                .last = get32(head + 12),
                .n_blocks = get32(head + 16),
                .crc = get32(head + 20)};
        return ret->n_blocks > 0 && ret->n_blocks <= DAY_BLOCKS_MAX &&
               ret->size >= HEAD + (uint64_t)ENTRY * ret->n_blocks;
}

/* The next head that holds, from *offset on; it is long after a damage, and nothing otherwise. */
static bool head_search(const DayFile *f, uint64_t *offset, Segment *ret)
{
        _cleanup_(freep) uint8_t *bytes = malloc(SCAN_BYTES);

        NEED_MEMORY(bytes);
        for (uint64_t at = *offset; at + HEAD <= f->size; at += SCAN_BYTES - HEAD + 1) {
                size_t n = f->size - at < SCAN_BYTES ? (size_t)(f->size - at) : SCAN_BYTES;

                if (read_at(f->fd, bytes, n, at) < 0)
                        return false;
                for (size_t i = 0; i + HEAD <= n; i++)
                        if (bytes[i] == 'H' && head_parse(bytes + i, at + i, ret) &&
                                ret->offset + ret->size <= f->size) {
                                *offset = ret->offset;
                                return true;
                        }
        }
        return false;
}

bool day_next(const DayFile *f, uint64_t *offset, Segment *ret)
{
        uint8_t head[HEAD];

        if (*offset < FILE_HEAD)
                *offset = FILE_HEAD;
        if (*offset + HEAD > f->size || read_at(f->fd, head, sizeof(head), *offset) < 0)
                return false;
        if ((!head_parse(head, *offset, ret) || *offset + ret->size > f->size) &&
                !head_search(f, offset, ret))
                return false;
        *offset = ret->offset + ret->size;
        return true;
}

bool day_blocks(const DayFile *f, const Segment *s, DayBlock *ret)
{
        _cleanup_(freep) uint8_t *bytes = malloc((size_t)ENTRY * s->n_blocks);
        uint64_t at = s->offset + HEAD + (uint64_t)ENTRY * s->n_blocks;

        NEED_MEMORY(bytes);
        if (read_at(f->fd, bytes, (size_t)ENTRY * s->n_blocks, s->offset + HEAD) < 0 ||
                crc32c(0, bytes, (size_t)ENTRY * s->n_blocks) != s->crc)
                return false;
        for (uint32_t i = 0; i < s->n_blocks; i++) {
                const uint8_t *p = bytes + (size_t)ENTRY * i;

                ret[i] = (DayBlock){.first = get32(p),
                        .last = get32(p + 4),
                        .size = get32(p + 8),
                        .raw_size = get32(p + 12),
                        .crc = get32(p + 16),
                        .offset = at};
                at += ret[i].size;
        }
        return at == s->offset + s->size;
}

bool day_block(const DayFile *f, const DayBlock *b, uint8_t *ret, size_t cap)
{
        return b->size > 0 && b->size <= cap && read_at(f->fd, ret, b->size, b->offset) == 0 &&
               crc32c(0, ret, b->size) == b->crc;
}

/* Opening */

static int file_open(DayFile *ret, int directory, int32_t day, DayKind kind, int flags)
{
        uint8_t head[FILE_HEAD];
        char name[DAY_NAME_SIZE];
        struct stat st;
        int r;

        day_file_name(day, kind, name);
        *ret = (DayFile){.day = day, .fd = openat(directory, name, flags | O_CLOEXEC | O_NOFOLLOW, 0640)};
        if (ret->fd < 0)
                return errno == ENOENT ? DAY_E_NONE : error_origin(-errno);
        r = fstat(ret->fd, &st) < 0 ? error_origin(-errno) : 0;
        if (r == 0)
                ret->size = (uint64_t)st.st_size;
        if (r == 0 && ret->size >= FILE_HEAD) {
                r = read_at(ret->fd, head, sizeof(head), 0);
                if (r == 0 && (memcmp(head, file_magic, 8) != 0 || get32(head + 8) != (uint32_t)day))
                        r = DAY_E_FOREIGN;
        }
        if (r != 0)
                day_close(ret);
        return r;
}

int day_open_read(DayFile *ret, int directory, int32_t day, DayKind kind)
{
        return file_open(ret, directory, day, kind, O_RDONLY);
}

/* Every block of the segment holds what was written, or was erased. */
static bool segment_holds(const DayFile *f, const Segment *s)
{
        _cleanup_(freep) DayBlock *blocks = calloc(s->n_blocks, sizeof(DayBlock));
        _cleanup_(freep) uint8_t *bytes = malloc(BLOCK_BYTES_MAX);

        NEED_MEMORY(blocks && bytes);
        if (!day_blocks(f, s, blocks))
                return false;
        for (uint32_t i = 0; i < s->n_blocks; i++) {
                if (day_block(f, &blocks[i], bytes, BLOCK_BYTES_MAX))
                        continue;
                if (blocks[i].size > BLOCK_BYTES_MAX ||
                        read_at(f->fd, bytes, blocks[i].size, blocks[i].offset) < 0)
                        return false;
                for (uint32_t k = 0; k < blocks[i].size; k++)
                        if (bytes[k] != 0)
                                return false;
        }
        return true;
}

static int tail_cut(DayFile *f)
{
        uint64_t offset = 0, good = FILE_HEAD, before = FILE_HEAD;
        Segment s, last = {0};

        while (day_next(f, &offset, &s)) {
                before = good;
                good = offset;
                last = s;
        }
        if (last.n_blocks > 0 && !segment_holds(f, &last))
                good = before;
        if (f->size <= good)
                return 0;
        if (ftruncate(f->fd, (off_t)good) < 0)
                return error_origin(-errno);
        f->cut = f->size - good;
        f->size = good;
        return 0;
}

static int file_begin(DayFile *f, int directory)
{
        uint8_t head[FILE_HEAD] = {0};
        int r;

        memcpy(head, file_magic, 8);
        put32(head + 8, (uint32_t)f->day);
        r = write_at(f->fd, head, sizeof(head), 0);
        if (r < 0)
                return error_trace(r);
        if (fdatasync(f->fd) < 0 || fsync(directory) < 0) /* its name is durable before what it holds */
                return error_origin(-errno);
        f->size = FILE_HEAD;
        return 0;
}

int day_open(DayFile *ret, int directory, int32_t day, DayKind kind)
{
        int r = file_open(ret, directory, day, kind, O_RDWR | O_CREAT);

        if (r != 0)
                return r < 0 ? error_trace(r) : r;
        r = ret->size < FILE_HEAD ? file_begin(ret, directory) : tail_cut(ret);
        if (r < 0)
                day_close(ret);
        return r < 0 ? error_trace(r) : 0;
}

void day_close(DayFile *f)
{
        closep(&f->fd);
        f->fd = -1;
}

/* Writing */

void segment_begin(SegmentWriter *ret, DayFile *f, uint32_t n_blocks)
{
        uint64_t offset = f->size;

        ASSERT(n_blocks > 0 && n_blocks <= DAY_BLOCKS_MAX);
        *ret = (SegmentWriter){.file = f,
                .offset = offset,
                .at = offset + HEAD + (uint64_t)ENTRY * n_blocks,
                .pushed = offset + HEAD + (uint64_t)ENTRY * n_blocks + 4095,
                .n_blocks = n_blocks,
                .blocks = calloc(n_blocks, sizeof(DayBlock))};
        NEED_MEMORY(ret->blocks);
}

int segment_add(
        SegmentWriter *w, const uint8_t *bytes, size_t n, uint32_t raw_size, uint32_t first, uint32_t last)
{
        int r;

        ASSERT(w->n < w->n_blocks && n > 0 && n <= BLOCK_BYTES_MAX);
        r = write_at(w->file->fd, bytes, n, w->at);
        if (r < 0)
                return error_trace(r);
        w->blocks[w->n++] = (DayBlock){.first = first,
                .last = last,
                .size = (uint32_t)n,
                .raw_size = raw_size,
                .crc = crc32c(0, bytes, n),
                .offset = w->at};
        w->at += n;
        return 0;
}

void segment_push(SegmentWriter *w)
{
        uint64_t from = w->pushed & ~4095ull, to = w->at & ~4095ull;

        if (to > from) /* best effort: the flush at the end says what is there */
                (void)sync_file_range(w->file->fd, (off_t)from, (off_t)(to - from), SYNC_FILE_RANGE_WRITE);
        w->pushed = to;
}

int segment_end(SegmentWriter *w)
{
        size_t n = HEAD + (size_t)ENTRY * w->n_blocks;
        _cleanup_(freep) uint8_t *bytes = calloc(1, n);
        uint32_t first = UINT32_MAX, last = 0;
        int r;

        ASSERT(bytes && w->n == w->n_blocks && w->at - w->offset <= UINT32_MAX);
        for (uint32_t i = 0; i < w->n; i++) {
                uint8_t *p = bytes + HEAD + (size_t)ENTRY * i;
                const DayBlock *b = &w->blocks[i];

                put32(p, b->first);
                put32(p + 4, b->last);
                put32(p + 8, b->size);
                put32(p + 12, b->raw_size);
                put32(p + 16, b->crc);
                first = b->first < first ? b->first : first;
                last = b->last > last ? b->last : last;
        }
        memcpy(bytes, segment_magic, 4);
        put32(bytes + 4, (uint32_t)(w->at - w->offset));
        put32(bytes + 8, first);
        put32(bytes + 12, last);
        put32(bytes + 16, w->n_blocks);
        put32(bytes + 20, crc32c(0, bytes + HEAD, n - HEAD));
        put32(bytes + 24, crc32c(0, bytes, HEAD - 4));
        r = write_at(w->file->fd, bytes, n, w->offset);
        if (r < 0)
                return error_trace(r);
        w->file->size = w->at;
        return 0;
}

void segment_done(SegmentWriter *w)
{
        free(w->blocks);
        w->blocks = NULL;
}

void segment_drop(SegmentWriter *w)
{
        w->file->size = w->offset;
        if (ftruncate(w->file->fd, (off_t)w->offset) < 0)
                w->file->size = w->offset; /* it is overwritten, or cut at the next opening */
        segment_done(w);
}

int day_sync(const DayFile *f)
{
        return fdatasync(f->fd) < 0 ? error_origin(-errno) : 0;
}

int day_erase(const DayFile *f, const DayBlock *b)
{
        _cleanup_(freep) uint8_t *zeros = calloc(1, b->size);
        int r;

        NEED_MEMORY(zeros);
        r = write_at(f->fd, zeros, b->size, b->offset);
        return r < 0 ? error_trace(r) : 0;
}
