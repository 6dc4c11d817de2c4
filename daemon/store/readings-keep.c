/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept of readings. A look at the folder, each hour and after each quarter of an hour that was written:
 *
 *   1. a day whose time is over goes, by unlink: readings first, hourly figures much later;
 *   2. while there is more than the quota, the oldest day of readings goes, then the oldest of figures; today's never,
 *      rather nothing more is written;
 *   3. a day that is over gets its hourly figures, and gets them again when it has grown or was erased from since.
 *
 * While the wall clock is not trusted nobody knows which day is old: then only the quota counts. Files that are dated
 * beyond tomorrow come from such a time, and are the first to go.
 *
 * Hourly figures are made for some residents at a time, in as many passes over the directories of the day's file, so
 * that they cost little memory; blocks are read once. The new file takes the place of the old one when it is whole.
 */
#include "store/readings-self.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/parse.h"

#define ROLL_RESIDENTS 256u
#define ROLL_BLOCKS    10u  /* read in one step */
#define ROLL_AFTER_S   7200 /* a day is over when it has been for so long: readings come late */

typedef struct Entry {
        int32_t day;
        DayKind kind;
        uint64_t bytes;
        int64_t changed_ns;
} Entry;

typedef struct Listing {
        Entry *entries; /* oldest first */
        uint32_t n, cap;
        uint64_t bytes;
} Listing;

static int entry_order(const void *a, const void *b)
{
        const Entry *x = a, *y = b;

        return x->day != y->day ? (x->day < y->day ? -1 : 1) : (int)x->kind - (int)y->kind;
}

static void listing_free(Listing *l)
{
        free(l->entries);
}

/* 0 or a negative errno. */
static int listing_read(Listing *ret, int directory)
{
        int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *folder = fd < 0 ? NULL : fdopendir(fd);

        if (!folder) {
                int r = -errno;

                closep(&fd);
                return error_origin(r);
        }
        for (struct dirent *d; (d = readdir(folder));) {
                struct stat st;
                Entry e;

                if (!day_file_parse(d->d_name, &e.day, &e.kind) || fstatat(directory, d->d_name, &st, 0) < 0)
                        continue;
                e.bytes = (uint64_t)st.st_blocks * 512;
                e.changed_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
                if (ret->n == ret->cap) {
                        ret->cap = ret->cap * 2 + 64;
                        ret->entries = realloc(ret->entries, ret->cap * sizeof(Entry));
                        ASSERT(ret->entries);
                }
                ret->entries[ret->n++] = e;
                ret->bytes += e.bytes;
        }
        (void)closedir(folder); /* only read */
        if (ret->n > 0)
                qsort(ret->entries, ret->n, sizeof(Entry), entry_order);
        return 0;
}

bool readings_removed(Readings *r, StoreRemoved *ret)
{
        if (r->n_removed == 0)
                return false;
        *ret = r->removed[0];
        memmove(r->removed, r->removed + 1, --r->n_removed * sizeof(r->removed[0]));
        return true;
}

/* True: it is gone. */
static bool entry_remove(Readings *r, const Entry *e, bool quota)
{
        StoreRemoved gone = {.hours = e->kind == DAY_HOURS, .quota = quota, .bytes = e->bytes};
        char name[DAY_NAME_SIZE];

        day_file_name(e->day, e->kind, name);
        if (r->n_removed == READINGS_REMOVED_MAX || unlinkat(r->directory, name, 0) < 0)
                return false;
        name[8] = 0;
        if (e->kind != DAY_NEW && parse_u32(name, UINT32_MAX, &gone.date))
                r->removed[r->n_removed++] = gone;
        return true;
}

static bool is_old(const Readings *r, const Entry *e, Now now)
{
        int64_t over_us = ((int64_t)e->day + 1) * (int64_t)USEC_PER_DAY;
        uint64_t keep = e->kind == DAY_HOURS ? r->config.keep_hours_us : r->config.keep_us;

        return now.trusted && keep > 0 && e->kind != DAY_NEW && over_us + (int64_t)keep < now.wall_us;
}

/* The one that goes first when there is no room; NULL: only today's is left. */
static const Entry *first_to_go(const Listing *l, int32_t today, bool trusted)
{
        if (trusted && l->n > 0 && l->entries[l->n - 1].day > today + 1)
                return &l->entries[l->n - 1];
        for (unsigned kind = DAY_READINGS; kind <= DAY_HOURS; kind++)
                for (uint32_t i = 0; i < l->n; i++)
                        if (l->entries[i].kind == (DayKind)kind && l->entries[i].day < today)
                                return &l->entries[i];
        return NULL;
}

/* A day that is over and has no figures, or older ones than its readings. */
static const Entry *without_hours(const Listing *l, Now now)
{
        for (uint32_t i = 0; now.trusted && i < l->n; i++) {
                const Entry *e = &l->entries[i], *next = i + 1 < l->n ? e + 1 : NULL;
                int64_t over_s = ((int64_t)e->day + 1) * SECONDS_PER_DAY + ROLL_AFTER_S;

                if (e->kind != DAY_READINGS || over_s * (int64_t)USEC_PER_SEC > now.wall_us)
                        continue;
                if (!next || next->day != e->day || next->kind != DAY_HOURS ||
                        next->changed_ns < e->changed_ns)
                        return e;
        }
        return NULL;
}

static bool roll_begin(Readings *r, int32_t day)
{
        Roll *roll = &r->roll;
        char name[DAY_NAME_SIZE];
        int error;

        day_file_name(day, DAY_NEW, name);
        (void)unlinkat(r->directory, name, 0); /* of a pass that was ended */
        error = day_open_read(&roll->from, r->directory, day, DAY_READINGS);
        if (error == 0) {
                error = day_open(&roll->to, r->directory, day, DAY_NEW);
                if (error != 0)
                        day_close(&roll->from);
        }
        if (error != 0) {
                roll->from.fd = roll->to.fd = -1;
                return false;
        }
        roll->active = true;
        roll->first = roll->last = 0;
        roll->offset = 0;
        roll->cells = calloc(ROLL_RESIDENTS, sizeof(*roll->cells));
        ASSERT(roll->cells);
        return true;
}

void keep_end(Readings *r)
{
        day_close(&r->roll.from);
        day_close(&r->roll.to);
        free(r->roll.cells);
        r->roll = (Roll){.from.fd = -1, .to.fd = -1};
}

bool keep_step(Readings *r, Now now)
{
        int32_t today = day_of(now.wall_us / (int64_t)USEC_PER_SEC);
        _cleanup_(listing_free) Listing l = {0};
        const Entry *e;

        ASSERT(!r->roll.active);
        if (listing_read(&l, r->directory) < 0)
                return false;
        for (uint32_t i = 0; i < l.n; i++)
                if (is_old(r, &l.entries[i], now))
                        return entry_remove(r, &l.entries[i], false);
        r->full = false;
        if (r->config.quota > 0 && l.bytes > r->config.quota) {
                e = first_to_go(&l, today, now.trusted);
                if (e)
                        return entry_remove(r, e, true);
                r->full = true;
                readings_fail(r, "the quota is too small for one day", -EDQUOT);
                return false;
        }
        e = without_hours(&l, now);
        return e && roll_begin(r, e->day);
}

/* Hourly figures */

typedef struct RollRow {
        Roll *roll;
        int64_t day_s;
} RollRow;

static bool roll_row(void *userdata, uint32_t resident, uint32_t device, const ReadingRow *row)
{
        const RollRow *to = userdata;
        Roll *roll = to->roll;
        int64_t hour = (row->t_s - to->day_s) / 3600;
        RollCell *cells;

        if (resident < roll->first || resident - roll->first >= ROLL_RESIDENTS || row->t_s < to->day_s ||
                hour >= 24)
                return true;
        cells = roll->cells[resident - roll->first][hour];
        for (unsigned i = 0; i < VITAL_MAX; i++)
                if (row->has & 1u << i) {
                        RollCell *c = &cells[i];

                        c->min = c->n == 0 || row->tenths[i] < c->min ? row->tenths[i] : c->min;
                        c->max = c->n == 0 || row->tenths[i] > c->max ? row->tenths[i] : c->max;
                        c->sum += row->tenths[i];
                        c->n++;
                }
        return true;
}

static int16_t part_of(const RollCell *c, unsigned part)
{
        switch (part) {
        case HOURS_N: return (int16_t)(c->n < TENTHS_MAX ? c->n : TENTHS_MAX);
        case HOURS_MIN: return c->min;
        case HOURS_MEAN:
                return (int16_t)((c->sum + (c->sum < 0 ? -1 : 1) * (int64_t)(c->n / 2)) / (int64_t)c->n);
        default: return c->max;
        }
}

static Chunk *hours_chunk(const Roll *roll, uint32_t i, unsigned part)
{
        Chunk *chunk = NULL;

        for (unsigned hour = 0; hour < 24; hour++) {
                ReadingRow row = {.t_s = (int64_t)roll->from.day * SECONDS_PER_DAY + hour * 3600};

                for (unsigned v = 0; v < VITAL_MAX; v++)
                        if (roll->cells[i][hour][v].n > 0) {
                                row.has |= 1u << v;
                                row.tenths[v] = part_of(&roll->cells[i][hour][v], part);
                        }
                if (row.has == 0)
                        continue;
                if (!chunk)
                        chunk = chunk_new(roll->first + i, part);
                if (!chunk_add(chunk, &row))
                        ASSERT(!"24 rows did not fit into a chunk");
        }
        return chunk;
}

/* The figures of one pass as a segment. 0 or a negative errno. */
static int pass_write(Readings *r)
{
        Roll *roll = &r->roll;
        Chunk *chunks[ROLL_RESIDENTS * HOURS_PARTS];
        uint32_t n = 0, n_blocks = 0;
        SegmentWriter w;
        int error = 0;

        for (uint32_t i = 0; i < ROLL_RESIDENTS; i++)
                for (unsigned part = 0; part < HOURS_PARTS; part++) {
                        Chunk *c = hours_chunk(roll, i, part);

                        if (c)
                                chunks[n++] = c;
                }
        if (n == 0)
                return 0;
        for (uint32_t at = 0; at < n; n_blocks++)
                at += block_fill(chunks + at, n - at);
        segment_begin(&w, &roll->to, n_blocks);
        for (uint32_t at = 0, fill; at < n && error == 0; at += fill) {
                const uint8_t *bytes;
                uint32_t raw_size;
                size_t size;

                fill = block_fill(chunks + at, n - at);
                size = block_encode(r->coder, chunks + at, fill, &bytes, &raw_size);
                error = segment_add(
                        &w, bytes, size, raw_size, chunks[at]->resident, chunks[at + fill - 1]->resident);
        }
        if (error == 0)
                error = segment_end(&w);
        if (error == 0)
                segment_done(&w);
        else
                segment_drop(&w);
        for (uint32_t i = 0; i < n; i++)
                chunk_free(chunks[i]);
        return error < 0 ? error_trace(error) : 0;
}

/* All residents are through. */
static int roll_finish(Readings *r)
{
        char from[DAY_NAME_SIZE], to[DAY_NAME_SIZE];
        int error = day_sync(&r->roll.to);

        if (error < 0)
                return error_trace(error);
        day_file_name(r->roll.from.day, DAY_NEW, from);
        day_file_name(r->roll.from.day, DAY_HOURS, to);
        if (renameat(r->directory, from, r->directory, to) < 0 || fsync(r->directory) < 0)
                return error_origin(-errno);
        return 0;
}

/* Reads up to ROLL_BLOCKS blocks of this pass. False: the file is through. */
static bool pass_step(Readings *r)
{
        Roll *roll = &r->roll;
        RollRow to = {.roll = roll, .day_s = (int64_t)roll->from.day * SECONDS_PER_DAY};
        _cleanup_(freep) DayBlock *blocks = NULL;
        _cleanup_(freep) uint8_t *bytes = NULL;
        uint64_t before = roll->offset;
        uint32_t until = roll->first + ROLL_RESIDENTS - 1, n = 0;
        Segment s;

        if (!day_next(&roll->from, &roll->offset, &s))
                return false;
        roll->last = s.last > roll->last ? s.last : roll->last;
        if (s.last < roll->first || s.first > until)
                return true;
        blocks = calloc(s.n_blocks, sizeof(DayBlock));
        bytes = malloc(BLOCK_BYTES_MAX);
        NEED_MEMORY(blocks && bytes);
        if (!day_blocks(&roll->from, &s, blocks))
                return true;
        for (uint32_t i = roll->block; i < s.n_blocks; i++) {
                const DayBlock *b = &blocks[i];

                if (b->last < roll->first || b->first > until)
                        continue;
                if (n++ == ROLL_BLOCKS) { /* here it goes on */
                        roll->offset = before;
                        roll->block = i;
                        return true;
                }
                if (day_block(&roll->from, b, bytes, BLOCK_BYTES_MAX))
                        (void)block_decode(r->coder, bytes, b->size, b->raw_size, UINT32_MAX, roll_row, &to);
        }
        roll->block = 0;
        return true;
}

bool roll_step(Readings *r)
{
        Roll *roll = &r->roll;
        int error;

        ASSERT(roll->active);
        if (pass_step(r))
                return true;
        error = pass_write(r);
        if (error == 0 && roll->last - roll->first >= ROLL_RESIDENTS && roll->first < roll->last) {
                roll->first += ROLL_RESIDENTS;
                roll->offset = 0;
                memset(roll->cells, 0, ROLL_RESIDENTS * sizeof(*roll->cells));
                return true;
        }
        if (error == 0)
                error = roll_finish(r);
        if (error < 0)
                readings_fail(r, "hourly figures", error);
        keep_end(r);
        return false;
}
