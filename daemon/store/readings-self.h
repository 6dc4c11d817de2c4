/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What readings.c, readings-keep.c and readings-erase.c share. */
#include "store/readings.h"

#define READINGS_REMOVED_MAX 16u

typedef struct RollCell { /* one vital in one hour */
        int64_t sum;
        uint32_t n;
        int16_t min, max;
} RollCell;

typedef struct Roll { /* hourly figures of a day that is over, made for some residents at a time */
        bool active;
        DayFile from, to;
        uint32_t first, last; /* residents: of this pass, and the highest there is */
        uint64_t offset;
        uint32_t block; /* of the segment there */
        RollCell (*cells)[24][VITAL_MAX];
} Roll;

typedef struct EraseBlock {
        DayBlock block;
        bool others; /* somebody else is in it */
} EraseBlock;

typedef struct Erase {
        uint32_t residents[64], n; /* [0] is the one at work */
        uint32_t done[64], n_done;
        bool active, failed;
        uint64_t not_before_us;
        int32_t after; /* file at work, in order of (day, kind) */
        DayKind kind;
        DayFile file;
        uint64_t offset;
        EraseBlock *blocks;
        uint32_t n_blocks, cap, at;
        bool writing;
        SegmentWriter writer;
} Erase;

struct Readings {
        char path[600];
        int directory;
        ReadingsConfig config;
        BlockCoder *coder;

        Chunk **open; /* by device */
        uint32_t n_open;
        Chunk **closed; /* [at, sorted): being written, in order; the rest waits for the next time */
        uint32_t n_closed, cap_closed, at, sorted;
        size_t bytes; /* of all chunks */
        uint64_t dropped;

        /* CLOCK_BOOTTIME: of the step at work, of the next flush, step of anything, look at the files */
        uint64_t now_us, flush_us, step_us, keep_us;
        bool flushing, writing;
        uint32_t begun; /* of `closed`: where the segment that is being written begins */
        DayFile file;
        SegmentWriter writer;
        char why[128];

        StoreRemoved removed[READINGS_REMOVED_MAX];
        uint32_t n_removed;
        bool full; /* the quota leaves no room for today */
        Roll roll;
        Erase erase;
};

static inline size_t chunk_weight(const Chunk *c)
{
        return sizeof(Chunk) + 32 + c->cap; /* with what malloc() takes for the two of them */
}

/* The folder is open; opens it, or makes it. */
bool readings_folder(Readings *);
/* Says why, until something has been written again. */
void readings_fail(Readings *, const char *what, int r);

/* One look at the files: takes one away, or begins the hours of a day. False: there is nothing to do for now. */
bool keep_step(Readings *, Now now);
void keep_end(Readings *);
bool roll_step(Readings *); /* false: done, or given up */

bool erase_step(Readings *); /* false: nobody is to be erased */
void erase_end(Readings *);
