/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The files of the readings store: one for each UTC day, appended to and never rewritten but by an erasure. The store's
 * thread writes; anybody may read meanwhile. See readings-file.c for the format.
 */
#include "store/readings-codec.h"

/* YYYYMMDD.day, YYYYMMDD.hours, and YYYYMMDD.new for hours that are being made. */
typedef enum DayKind { DAY_READINGS, DAY_HOURS, DAY_NEW, DAY_KINDS } DayKind;

#define DAY_NAME_SIZE   80
#define DAY_BLOCKS_MAX  4096u /* in a segment */
#define SECONDS_PER_DAY 86400

typedef struct DayFile {
        int fd;
        uint64_t size;
        int32_t day;  /* since 1970 */
        uint64_t cut; /* bytes of a torn tail that were cut at opening */
} DayFile;

/* One block in a segment's directory. */
typedef struct DayBlock {
        uint32_t first, last; /* residents */
        uint32_t size, raw_size, crc;
        uint64_t offset; /* in the file; reckoned */
} DayBlock;

typedef struct Segment {
        uint64_t offset, size;
        uint32_t first, last; /* residents */
        uint32_t n_blocks, crc;
} Segment;

int32_t day_of(int64_t t_s);
void day_file_name(int32_t day, DayKind, char ret[DAY_NAME_SIZE]);
/* False: no file of ours. */
bool day_file_parse(const char *name, int32_t *ret_day, DayKind *ret_kind);

enum { DAY_E_NONE = 1, DAY_E_FOREIGN = 2 }; /* there is no such file; it is not one of ours */

/* For the writer: creates it, and cuts what a crash has left half written. 0, DAY_E_FOREIGN or a negative errno. */
int day_open(DayFile *ret, int directory, int32_t day, DayKind);
/* For readers. */
int day_open_read(DayFile *ret, int directory, int32_t day, DayKind);
void day_close(DayFile *);

/*
 * The first segment at or after *offset (0: the first there is), and moves *offset behind it. False: there is no more.
 * What is damaged is passed over.
 */
bool day_next(const DayFile *, uint64_t *offset, Segment *ret);
/* The directory of a segment: up to n_blocks entries. False: damaged. */
bool day_blocks(const DayFile *, const Segment *, DayBlock *ret);
/* A block's bytes. False: damaged, or erased. */
bool day_block(const DayFile *, const DayBlock *, uint8_t *ret, size_t cap);

/*
 * A segment that is being written: begin with the number of its blocks, add each of them, end (nobody sees it before),
 * day_sync(), and then done. drop instead, at any time before done: the file is as it was.
 */
typedef struct SegmentWriter {
        DayFile *file;
        uint64_t offset, at, pushed;
        uint32_t n_blocks, n;
        DayBlock *blocks;
} SegmentWriter;

void segment_begin(SegmentWriter *ret, DayFile *, uint32_t n_blocks);
int segment_add(
        SegmentWriter *, const uint8_t *bytes, size_t n, uint32_t raw_size, uint32_t first, uint32_t last);
/* Has the kernel begin to write what has come so far, so that the flush at the end has little to wait for. */
void segment_push(SegmentWriter *);
int segment_end(SegmentWriter *);
void segment_done(SegmentWriter *);
void segment_drop(SegmentWriter *);
int day_sync(const DayFile *);
/* Overwrites a block with zeros: what it held is gone. */
int day_erase(const DayFile *, const DayBlock *);
