/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What one person's readings were, in steps: from the files, and from chunks in memory. For the store's thread, which
 * looks in small portions between commits, and for tools, which only read.
 */
#include "store/readings-file.h"

#define LOOK_STEPS_MAX 2000u
#define LOOK_DAYS_MAX  40u

typedef struct SeriesCell {
        int64_t sum; /* tenths */
        uint32_t n;
        int16_t min, max; /* tenths; nothing while n is 0 */
} SeriesCell;

typedef struct Series {
        int64_t from_s, to_s; /* to_s is not included */
        uint32_t step_s, n_steps;
        bool hours; /* part of it is from hourly figures: the readings themselves are gone */
        SeriesCell cells[][VITAL_MAX]; /* n_steps */
} Series;

/* Memory of the caller's to free(). The span is cut to LOOK_DAYS_MAX days and LOOK_STEPS_MAX steps. */
Series *series_new(int64_t from_s, int64_t to_s, uint32_t step_s);
void series_add(Series *, const ReadingRow *);
/* In the unit of the vital. False: no readings in this step. */
bool series_step(const Series *, uint32_t step, Vital, double *ret_min, double *ret_mean, double *ret_max);

typedef struct LookFile {
        DayFile file;
        bool hours;
} LookFile;

typedef struct ReadingsLook {
        uint32_t resident;
        Series *series;
        LookFile files[LOOK_DAYS_MAX + 1];
        uint32_t n_files, at;
        uint64_t offset;
        uint32_t counts[24][VITAL_MAX]; /* of the hours that are read */
} ReadingsLook;

/* Opens what there is. The folder may be -1: then there is nothing. Takes nothing over: the series is the caller's. */
void look_begin(ReadingsLook *, int directory, uint32_t resident, Series *);
/* Rows that are not in a file yet. */
void look_chunk(ReadingsLook *, const Chunk *);
/* Reads some blocks of one segment; false: that was all. */
bool look_step(ReadingsLook *, BlockCoder *);
void look_end(ReadingsLook *);

/* In an hours file a resident's chunks have these in place of a device, in this order. */
enum { HOURS_N, HOURS_MIN, HOURS_MEAN, HOURS_MAX, HOURS_PARTS };

/* The whole of it, for a tool. 0 or a negative errno; DAY_E_NONE: there is no readings folder. */
int look_all(const char *state_directory, uint32_t resident, Series *);
