/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readings: what is measured twice a minute at ten thousand wrists, and must cost almost nothing.
 *
 *   readings_add() ─▶ open chunk of the device ─▶ closed ──every 15 min──▶ blocks ─▶ segment of the day's file ─▶ flush
 *                                                                                        │ a day is over: hourly figures
 *                                                                                        └ too old, or too much: unlink
 *
 * What always holds:
 * - A chunk leaves memory when the flush of its segment has returned, not before: whatever fails in between leaves it
 *   to be written again, and the file as it was. So at most a quarter of an hour is lost to a crash: readings_add() was
 *   never asked to promise more, and whoever is beyond a limit is a row of the journal at once.
 * - One thing at a time writes: a flush is not interrupted by an erasure, nor the other way round. Each step is a few
 *   milliseconds and there is a pause after it, in which the journal commits; the flush at the end has little left to
 *   do because each step had the kernel begin to write.
 * - A chunk has rows of one device, one person, one UTC day. It goes into the file of that day, whatever the clock says
 *   by then; rows within it may go backwards.
 * - Memory is bounded: chunks close when they are large, and the oldest go (counted) when the disk has failed for long.
 */
#include "store/readings-self.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "limits.h"

#define STEP_BLOCKS 12u
#define STEP_US     (20 * USEC_PER_MSEC)
#define RETRY_US    (30 * USEC_PER_SEC)
#define MARGIN_US   (30 * USEC_PER_SEC) /* a flush begins so much before its time, to be done by then */
#define KEEP_US     USEC_PER_HOUR
#define SPACE_MIN   (64u << 20)
#define MEMORY_MAX  (48u << 20)

static uint64_t interval(const Readings *r)
{
        uint64_t margin = r->config.chunk_us / 10;

        return r->config.chunk_us - (margin < MARGIN_US ? margin : MARGIN_US);
}

/* The name of the folder is durable before anything in it is believed. */
static int parent_sync(const Readings *r)
{
        char path[sizeof(r->path) + 4];
        _cleanup_(closep) int fd = -1;

        (void)snprintf(path, sizeof(path), "%s/..", r->path); /* fits */
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fsync(fd);
}

bool readings_folder(Readings *r)
{
        if (r->directory >= 0)
                return true;
        if (mkdir(r->path, 0750) == 0)
                (void)parent_sync(r); /* else a power cut soon may take the readings until then */
        else if (errno != EEXIST)
                return false;
        r->directory = open(r->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        return r->directory >= 0;
}

/* The last of the disk is the journal's. */
static bool has_space(const Readings *r)
{
        struct statvfs v;

        return fstatvfs(r->directory, &v) < 0 || (uint64_t)v.f_bavail * v.f_frsize >= SPACE_MIN;
}

Readings *readings_new(const char *state_directory, const ReadingsConfig *config)
{
        Readings *r = calloc(1, sizeof(*r));
        uint64_t now = clock_now().boot_us;

        NEED_MEMORY(r);
        (void)snprintf(r->path, sizeof(r->path), "%s/readings", state_directory); /* cut: cannot be opened */
        r->config = *config;
        if (r->config.chunk_us == 0)
                r->config = (ReadingsConfig)READINGS_STANDARD;
        r->directory = r->file.fd = r->roll.from.fd = r->roll.to.fd = r->erase.file.fd = -1;
        r->coder = block_coder_new();
        r->flush_us = now + interval(r);
        r->keep_us = now + USEC_PER_MIN; /* not at the same time as everything else */
        return r; /* the folder is opened by the thread: a disk may hang in any call */
}

Readings *readings_free(Readings *r)
{
        if (!r)
                return NULL;
        keep_end(r);
        erase_end(r);
        if (r->writing)
                segment_drop(&r->writer);
        day_close(&r->file);
        for (uint32_t i = 0; i < r->n_open; i++)
                chunk_free(r->open[i]);
        for (uint32_t i = r->at; i < r->n_closed; i++)
                chunk_free(r->closed[i]);
        free(r->open);
        free(r->closed);
        block_coder_free(r->coder);
        closep(&r->directory);
        free(r);
        return NULL;
}

BlockCoder *readings_coder(Readings *r)
{
        return r->coder;
}

const char *readings_why(const Readings *r)
{
        return r->why[0] ? r->why : NULL;
}

uint64_t readings_dropped(const Readings *r)
{
        return r->dropped;
}

void readings_fail(Readings *r, const char *what, int error)
{
        Str s = {.p = r->why, .cap = sizeof(r->why)};

        str_addf(&s, "readings: %s: %s", what, strerrordesc_np(-error));
}

/* Into memory */

static void closed_push(Readings *r, Chunk *c)
{
        if (r->n_closed == r->cap_closed) {
                r->cap_closed = r->cap_closed * 2 + 64;
                r->closed = realloc(r->closed, r->cap_closed * sizeof(r->closed[0]));
                ASSERT(r->closed);
        }
        r->closed[r->n_closed++] = c;
}

static void chunk_forget(Readings *r, Chunk *c)
{
        r->bytes -= chunk_weight(c);
        chunk_free(c);
}

/* The disk has failed for long: the oldest go. Those that are being written stay. */
static void memory_bound(Readings *r)
{
        uint32_t drop = 0;

        if (r->bytes <= MEMORY_MAX || r->writing)
                return;
        while (r->at + drop < r->n_closed && r->bytes > MEMORY_MAX / 2) {
                r->dropped += r->closed[r->at + drop]->n_rows;
                chunk_forget(r, r->closed[r->at + drop++]);
        }
        memmove(r->closed, r->closed + r->at + drop, (r->n_closed - r->at - drop) * sizeof(r->closed[0]));
        r->n_closed -= r->at + drop;
        r->sorted = r->sorted > r->at + drop ? r->sorted - r->at - drop : 0;
        r->at = 0;
}

static Chunk **slot_of(Readings *r, uint32_t device)
{
        if (device >= r->n_open) {
                uint32_t n = (device / 1024 + 1) * 1024;

                r->open = realloc(r->open, n * sizeof(r->open[0]));
                ASSERT(r->open);
                memset(r->open + r->n_open, 0, (n - r->n_open) * sizeof(r->open[0]));
                r->n_open = n;
        }
        return &r->open[device];
}

void readings_add(Readings *r, uint32_t resident, uint32_t device, const ReadingRow *row)
{
        Chunk **slot;
        Chunk *c;

        if (row->has == 0)
                return;
        if (device >= LIMIT_DEVICES) { /* ids are small; a table for one that is not would be all holes */
                r->dropped++;
                return;
        }
        slot = slot_of(r, device);
        c = *slot;
        if (c && (c->resident != resident || day_of(c->first_s) != day_of(row->t_s))) {
                closed_push(r, TAKE_PTR(*slot));
                c = NULL;
        }
        for (unsigned tries = 0; tries < 2; tries++) {
                if (!c) {
                        c = *slot = chunk_new(resident, device);
                        r->bytes += chunk_weight(c);
                }
                r->bytes -= chunk_weight(c);
                if (chunk_add(c, row)) {
                        r->bytes += chunk_weight(c);
                        break;
                }
                r->bytes += chunk_weight(c);
                closed_push(r, TAKE_PTR(*slot)); /* full */
                c = NULL;
        }
        memory_bound(r);
}

/* Out of memory */

static int chunk_order(const void *a, const void *b)
{
        const Chunk *x = *(Chunk *const *)a, *y = *(Chunk *const *)b;
        int32_t day = day_of(x->first_s), other = day_of(y->first_s);

        if (day != other)
                return day < other ? -1 : 1;
        if (x->resident != y->resident)
                return x->resident < y->resident ? -1 : 1;
        if (x->device != y->device)
                return x->device < y->device ? -1 : 1;
        return x->first_s < y->first_s ? -1 : x->first_s > y->first_s;
}

/* What was written leaves the front. */
static void closed_shift(Readings *r)
{
        if (r->at > 0)
                memmove(r->closed, r->closed + r->at, (r->n_closed - r->at) * sizeof(r->closed[0]));
        r->n_closed -= r->at;
        r->at = 0;
}

static void flush_begin(Readings *r)
{
        ASSERT(!r->writing);
        for (uint32_t i = 0; i < r->n_open; i++)
                if (r->open[i])
                        closed_push(r, TAKE_PTR(r->open[i]));
        closed_shift(r);
        r->sorted = r->n_closed;
        if (r->n_closed > 0)
                qsort(r->closed, r->n_closed, sizeof(r->closed[0]), chunk_order);
        r->flushing = true;
}

static void flush_end(Readings *r)
{
        closed_shift(r);
        r->sorted = 0;
        r->flushing = false;
        r->flush_us = r->now_us + interval(r);
        if (r->keep_us > r->flush_us - interval(r) + USEC_PER_SEC && r->config.quota > 0)
                r->keep_us =
                        r->flush_us - interval(r) + USEC_PER_SEC; /* there is more than before: the quota */
        day_close(&r->file);
        r->why[0] = 0;
}

/* It stays in memory, and is tried again. */
static void flush_fail(Readings *r, const char *what, int error)
{
        readings_fail(r, what, error);
        if (r->writing)
                segment_drop(&r->writer);
        r->writing = false;
        r->at = r->begun;
        day_close(&r->file);
        r->flushing = false;
        r->flush_us = r->now_us + RETRY_US;
        memory_bound(r);
}

/* How many blocks the chunks of one day make, from `at` on. */
static uint32_t blocks_count(const Readings *r)
{
        int32_t day = day_of(r->closed[r->at]->first_s);
        uint32_t at = r->at, end = r->at, n = 0;

        while (end < r->sorted && day_of(r->closed[end]->first_s) == day)
                end++;
        for (; at < end && n < DAY_BLOCKS_MAX; n++)
                at += block_fill(r->closed + at, end - at);
        return n;
}

/* False: failed. */
static bool segment_open(Readings *r)
{
        int32_t day = day_of(r->closed[r->at]->first_s);
        int error = 0;

        if (!readings_folder(r)) {
                flush_fail(r, "the folder", -errno);
                return false;
        }
        r->begun = r->at;
        if (!has_space(r)) {
                flush_fail(r, "less than 64 MB are free", -ENOSPC);
                return false;
        }
        if (r->file.fd >= 0 && r->file.day != day)
                day_close(&r->file);
        if (r->file.fd < 0) {
                error = day_open(&r->file, r->directory, day, DAY_READINGS);
                if (error != 0)
                        r->file.fd = -1;
        }
        if (error != 0) {
                flush_fail(r, "a day's file", error < 0 ? error : -EBADMSG);
                return false;
        }
        segment_begin(&r->writer, &r->file, blocks_count(r));
        r->writing = true;
        return true;
}

static bool block_write(Readings *r)
{
        int32_t day = r->file.day;
        uint32_t end = r->at, n, raw_size;
        const uint8_t *bytes;
        size_t size;
        int error;

        while (end < r->sorted && end - r->at < BLOCK_CHUNKS_MAX && day_of(r->closed[end]->first_s) == day)
                end++;
        n = block_fill(r->closed + r->at, end - r->at);
        size = block_encode(r->coder, r->closed + r->at, n, &bytes, &raw_size);
        error = segment_add(&r->writer, bytes, size, raw_size, r->closed[r->at]->resident,
                r->closed[r->at + n - 1]->resident);
        if (error < 0) {
                flush_fail(r, "write", error);
                return false;
        }
        r->at += n;
        return true;
}

static bool segment_close(Readings *r)
{
        int error = segment_end(&r->writer);

        if (error == 0)
                error = day_sync(&r->file);
        if (error < 0) {
                flush_fail(r, "flush", error);
                return false;
        }
        segment_done(&r->writer);
        r->writing = false;
        for (uint32_t i = r->begun; i < r->at; i++)
                chunk_forget(r, r->closed[i]);
        r->begun = r->at;
        return true;
}

static void flush_step(Readings *r)
{
        if (!r->flushing)
                flush_begin(r);
        if (r->full && !r->writing) { /* the quota is what was asked for */
                for (; r->at < r->sorted; r->at++) {
                        r->dropped += r->closed[r->at]->n_rows;
                        chunk_forget(r, r->closed[r->at]);
                }
        }
        if (r->at == r->sorted) {
                flush_end(r);
                return;
        }
        if (!r->writing && !segment_open(r))
                return;
        for (uint32_t n = 0; n < STEP_BLOCKS && r->writer.n < r->writer.n_blocks; n++)
                if (!block_write(r))
                        return;
        segment_push(&r->writer);
        if (r->writer.n == r->writer.n_blocks && segment_close(r) && r->at == r->sorted)
                flush_end(r);
}

void readings_flush(Readings *r)
{
        r->flush_us = 0;
}

bool readings_settled(const Readings *r)
{
        return !r->flushing && r->flush_us > 0 && r->at == r->n_closed;
}

uint64_t readings_due(const Readings *r)
{
        uint64_t due = r->flushing ? 0 : r->flush_us;

        if (r->roll.active)
                due = 0;
        if (r->erase.n > 0 && r->erase.not_before_us < due)
                due = r->erase.not_before_us;
        if (r->keep_us < due)
                due = r->keep_us;
        return due > r->step_us ? due : r->step_us;
}

void readings_run(Readings *r, Now now)
{
        bool erasing = r->erase.writing;

        if (now.boot_us < r->step_us)
                return;
        r->now_us = now.boot_us;
        if ((r->flushing || r->flush_us <= now.boot_us) && !erasing)
                flush_step(r);
        else if (!r->writing && erase_step(r))
                ;
        else if (r->roll.active)
                (void)roll_step(r); /* done or given up: either way there is the next look */
        else if (r->keep_us <= now.boot_us)
                r->keep_us = readings_folder(r) && keep_step(r, now) ? now.boot_us : now.boot_us + KEEP_US;
        r->step_us = clock_now().boot_us + STEP_US;
}

void readings_end(Readings *r, uint64_t until_us)
{
        erase_end(r); /* it is begun again at the next start */
        r->now_us = clock_now().boot_us;
        r->flush_us = 0;
        r->why[0] = 0;
        do {
                flush_step(r);
        } while (r->flushing && r->why[0] == 0 && clock_now().boot_us < until_us);
}

void readings_look(Readings *r, ReadingsLook *look, uint32_t resident, Series *series)
{
        (void)readings_folder(r); /* else there are no files */
        look_begin(look, r->directory, resident, series);
        /* A segment that is being written shows up in the file only when its chunks are gone from memory. */
        for (uint32_t i = 0; r->writing && i < look->n_files; i++)
                if (!look->files[i].hours && look->files[i].file.day == r->file.day &&
                        look->files[i].file.size > r->writer.offset)
                        look->files[i].file.size = r->writer.offset;
        for (uint32_t i = 0; i < r->n_open; i++)
                if (r->open[i])
                        look_chunk(look, r->open[i]);
        for (uint32_t i = r->writing ? r->begun : r->at; i < r->n_closed; i++)
                look_chunk(look, r->closed[i]);
}
