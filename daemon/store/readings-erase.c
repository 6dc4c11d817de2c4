/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of one person goes from the files, one file after the other, in three steps each:
 *
 *   find the blocks that hold something of him ─▶ write what else is in them as a further segment, flush
 *                                               ─▶ overwrite them with zeros, flush
 *
 * A crash in between leaves the person in the blocks that are not overwritten yet, and he is still in the table `erasing`:
 * it begins again. Files that appear meanwhile are met on the way, or hold nothing of him, because he is gone from
 * memory.
 */
#include "store/readings-self.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"

#define BLOCKS_STEP 16u /* read, or written, in one step */
#define RETRY_US    USEC_PER_MIN
#define RESIDENTS   (sizeof(((Erase *)NULL)->residents) / sizeof(((Erase *)NULL)->residents[0]))

/* From memory; nothing of it is being written. */
static void memory_erase(Readings *r, uint32_t resident)
{
        uint32_t kept = 0;

        ASSERT(!r->writing);
        for (uint32_t i = 0; i < r->n_open; i++)
                if (r->open[i] && r->open[i]->resident == resident) {
                        r->bytes -= chunk_weight(r->open[i]);
                        r->open[i] = chunk_free(r->open[i]);
                }
        for (uint32_t i = r->at; i < r->n_closed; i++) {
                Chunk *c = r->closed[i];

                if (i == r->sorted)
                        r->sorted = kept;
                if (c->resident != resident)
                        r->closed[kept++] = c;
                else {
                        r->bytes -= chunk_weight(c);
                        chunk_free(c);
                }
        }
        if (r->sorted > kept || !r->flushing)
                r->sorted = kept;
        r->n_closed = kept;
        r->at = r->begun = 0;
}

void readings_erase(Readings *r, uint32_t resident)
{
        Erase *e = &r->erase;

        for (uint32_t i = 0; i < e->n; i++)
                if (e->residents[i] == resident) {
                        if (i == 0)
                                e->failed = true; /* then it begins again when it is through */
                        return;
                }
        if (e->n < RESIDENTS) /* else he stands in the table, and is read again when some are done */
                e->residents[e->n++] = resident;
}

bool readings_erased(Readings *r, uint32_t *ret_resident)
{
        Erase *e = &r->erase;

        if (e->n_done == 0)
                return false;
        *ret_resident = e->done[--e->n_done];
        return true;
}

static void file_close(Erase *e)
{
        if (e->writing)
                segment_drop(&e->writer);
        e->writing = false;
        day_close(&e->file);
        e->n_blocks = e->at = 0;
        e->offset = 0;
}

void erase_end(Readings *r)
{
        file_close(&r->erase);
        free(r->erase.blocks);
        r->erase.blocks = NULL;
        r->erase.cap = 0;
        r->erase.active = false;
}

/* The next file behind the one at work, in order of day and kind. False: there is none. */
static bool file_next(Readings *r)
{
        Erase *e = &r->erase;
        int fd = openat(r->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *folder = fd < 0 ? NULL : fdopendir(fd);
        int64_t best = INT64_MAX;

        if (!folder) {
                closep(&fd);
                return false;
        }
        for (struct dirent *d; (d = readdir(folder));) {
                DayKind kind;
                int32_t day;

                if (day_file_parse(d->d_name, &day, &kind) && kind != DAY_NEW) {
                        int64_t place = (int64_t)day * DAY_KINDS + (int64_t)kind;

                        if (place > (int64_t)e->after * DAY_KINDS + (int64_t)e->kind && place < best)
                                best = place;
                }
        }
        (void)closedir(folder); /* only read */
        if (best == INT64_MAX)
                return false;
        e->kind = (DayKind)(((best % DAY_KINDS) + DAY_KINDS) % DAY_KINDS);
        e->after = (int32_t)((best - (int64_t)e->kind) / DAY_KINDS);
        return true;
}

typedef struct Who {
        uint32_t resident;
        bool him, others;
} Who;

static bool who_row(void *userdata, uint32_t resident, uint32_t device, const ReadingRow *row)
{
        Who *w = userdata;

        w->him |= resident == w->resident;
        w->others |= resident != w->resident;
        return true;
}

static void block_look(Readings *r, const DayBlock *b, uint8_t *bytes)
{
        Erase *e = &r->erase;
        Who who = {.resident = e->residents[0]};

        if (!day_block(&e->file, b, bytes, BLOCK_BYTES_MAX))
                return;
        (void)block_decode(
                r->coder, bytes, b->size, b->raw_size, UINT32_MAX, who_row, &who); /* what it can */
        if (!who.him)
                return;
        if (e->n_blocks == e->cap) {
                e->cap = e->cap * 2 + 64;
                e->blocks = realloc(e->blocks, e->cap * sizeof(e->blocks[0]));
                ASSERT(e->blocks);
        }
        e->blocks[e->n_blocks++] = (EraseBlock){*b, who.others};
}

/* One segment. False: the file is searched. */
static bool search_step(Readings *r)
{
        Erase *e = &r->erase;
        _cleanup_(freep) DayBlock *blocks = NULL;
        _cleanup_(freep) uint8_t *bytes = NULL;
        Segment s;

        if (e->n_blocks == DAY_BLOCKS_MAX || !day_next(&e->file, &e->offset, &s))
                return false;
        if (e->residents[0] < s.first || e->residents[0] > s.last)
                return true;
        blocks = calloc(s.n_blocks, sizeof(DayBlock));
        bytes = malloc(BLOCK_BYTES_MAX);
        NEED_MEMORY(blocks && bytes);
        if (day_blocks(&e->file, &s, blocks))
                for (uint32_t i = 0; i < s.n_blocks && e->n_blocks < DAY_BLOCKS_MAX; i++)
                        if (e->residents[0] >= blocks[i].first && e->residents[0] <= blocks[i].last)
                                block_look(r, &blocks[i], bytes);
        return true;
}

typedef struct Rest {
        uint32_t resident;
        Chunk *chunks[2 * BLOCK_CHUNKS_MAX];
        uint32_t n;
} Rest;

static bool rest_row(void *userdata, uint32_t resident, uint32_t device, const ReadingRow *row)
{
        Rest *rest = userdata;
        Chunk *c = rest->n > 0 ? rest->chunks[rest->n - 1] : NULL;

        if (resident == rest->resident)
                return true;
        if (!c || c->resident != resident || c->device != device || !chunk_add(c, row)) {
                if (rest->n == BLOCK_CHUNKS_MAX)
                        return false; /* cannot be: it comes from so many */
                c = rest->chunks[rest->n++] = chunk_new(resident, device);
                (void)chunk_add(c, row); /* the first fits */
        }
        return true;
}

/* What else is in the block. 0 or a negative errno. */
static int block_copy(Readings *r, const DayBlock *b, uint8_t *bytes)
{
        Rest rest = {.resident = r->erase.residents[0]};
        const uint8_t *out;
        uint32_t raw_size;
        size_t size;
        int error = -EBADMSG;

        if (day_block(&r->erase.file, b, bytes, BLOCK_BYTES_MAX)) {
                (void)block_decode(
                        r->coder, bytes, b->size, b->raw_size, UINT32_MAX, rest_row, &rest); /* as before */
                size = block_encode(r->coder, rest.chunks, rest.n, &out, &raw_size);
                error = segment_add(&r->erase.writer, out, size, raw_size, rest.chunks[0]->resident,
                        rest.chunks[rest.n - 1]->resident);
        }
        for (uint32_t i = 0; i < rest.n; i++)
                chunk_free(rest.chunks[i]);
        return error < 0 ? error_trace(error) : 0;
}

/* 1: there were so many that the file is to be searched again. */
static int blocks_zero(Readings *r)
{
        Erase *e = &r->erase;
        bool again = e->n_blocks == DAY_BLOCKS_MAX;
        int error = 0;

        for (uint32_t i = 0; i < e->n_blocks && error == 0; i++)
                error = day_erase(&e->file, &e->blocks[i].block);
        if (error == 0)
                error = day_sync(&e->file);
        e->n_blocks = e->at = 0;
        e->offset = 0;
        return error < 0 ? error_trace(error) : again;
}

/* 1: there is more to do in this file; 0: done; or a negative errno. */
static int file_step(Readings *r)
{
        Erase *e = &r->erase;
        _cleanup_(freep) uint8_t *bytes = NULL;
        uint32_t rest = 0;
        int error = 0;

        if (!e->writing) {
                if (search_step(r))
                        return 1;
                for (uint32_t i = 0; i < e->n_blocks; i++)
                        rest += e->blocks[i].others;
                if (rest == 0)
                        return e->n_blocks > 0 ? blocks_zero(r) : 0;
                segment_begin(&e->writer, &e->file, rest);
                e->writing = true;
                return 1;
        }
        bytes = malloc(BLOCK_BYTES_MAX);
        NEED_MEMORY(bytes);
        for (uint32_t n = 0; n < BLOCKS_STEP && e->writer.n < e->writer.n_blocks && error == 0; e->at++)
                if (e->blocks[e->at].others) {
                        error = block_copy(r, &e->blocks[e->at].block, bytes);
                        n++;
                }
        if (error < 0 || e->writer.n < e->writer.n_blocks)
                return error < 0 ? error_trace(error) : 1;
        error = segment_end(&e->writer);
        if (error == 0)
                error = day_sync(&e->file);
        if (error < 0)
                return error_trace(error);
        segment_done(&e->writer);
        e->writing = false;
        return blocks_zero(r);
}

/* All files were looked at. What failed is tried again, from the first one. */
static void person_done(Erase *e, uint64_t now_us)
{
        if (e->failed)
                e->not_before_us = now_us + RETRY_US;
        else {
                e->done[e->n_done++] = e->residents[0];
                memmove(e->residents, e->residents + 1, --e->n * sizeof(e->residents[0]));
        }
        e->active = e->failed = false;
}

bool erase_step(Readings *r)
{
        Erase *e = &r->erase;
        int error;

        if (e->n == 0 || e->not_before_us > r->now_us)
                return false;
        if (e->n_done == RESIDENTS || !readings_folder(r)) {
                e->not_before_us = r->now_us + RETRY_US;
                return false;
        }
        if (!e->active) {
                file_close(e);
                memory_erase(r, e->residents[0]);
                e->active = true;
                e->after = INT32_MIN;
                e->kind = DAY_READINGS;
        }
        if (e->file.fd < 0) {
                if (!file_next(r)) {
                        person_done(e, r->now_us);
                        return true;
                }
                error = day_open(&e->file, r->directory, e->after, e->kind);
                if (error != 0)
                        e->file.fd = -1;
        } else {
                error = file_step(r);
                if (error <= 0)
                        file_close(e);
        }
        if (error < 0) {
                readings_fail(r, "an erasure", error);
                e->failed = true;
        }
        return true;
}
