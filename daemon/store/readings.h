/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The readings store, as the store's thread has it: open chunks in memory, a file for each day, hourly figures for
 * longer, and what is kept of them. Everything but readings_add() happens in steps of a few milliseconds.
 */
#include "store/readings-look.h"
#include "store/store.h"

typedef struct Readings Readings;

/* Never fails: without a folder it keeps in memory what fits, and tries again. */
Readings *readings_new(const char *state_directory, const ReadingsConfig *);
Readings *readings_free(Readings *); /* NULL; what is in memory is lost: readings_end() before */

void readings_add(Readings *, uint32_t resident, uint32_t device, const ReadingRow *);
/* What is in memory goes into the files from the next step on. */
void readings_flush(Readings *);
/* That has been done, and is on the disk. */
bool readings_settled(const Readings *);

/* CLOCK_BOOTTIME when readings_run() has something to do. */
uint64_t readings_due(const Readings *);
void readings_run(Readings *, Now now);
/* Writes everything, unless it takes until `until_us`. */
void readings_end(Readings *, uint64_t until_us);

/* Why it cannot write, one English line; NULL: it can. */
const char *readings_why(const Readings *);
uint64_t readings_dropped(const Readings *); /* since the start */

/* What is known of this person goes: at once from memory, step by step from the files. Asked again, it begins again. */
void readings_erase(Readings *, uint32_t resident);
/* One whose erasure is complete and flushed. */
bool readings_erased(Readings *, uint32_t *ret_resident);
/* A file that was taken away, for the journal. */
bool readings_removed(Readings *, StoreRemoved *ret);

/* Takes up a look (readings-look.h), with what is in memory. */
void readings_look(Readings *, ReadingsLook *, uint32_t resident, Series *);
BlockCoder *readings_coder(Readings *);
