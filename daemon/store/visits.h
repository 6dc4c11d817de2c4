/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Visits at beds as the database holds them: one row each in the table visit, derived from its rows in the journal, in
 * their transaction; and what each bed has had since a time, in memory, for the loop.
 */
#include "store/store.h"

#include <sqlite3.h>

#define VISITS_TOUCHED_MAX 32u

/* Beds whose visits a group has changed. */
typedef struct VisitsTouched {
        uint32_t residents[VISITS_TOUCHED_MAX];
        uint32_t n;   /* above VISITS_TOUCHED_MAX: all are to be counted again */
        bool counted; /* Cares have been filled from this connection */
} VisitsTouched;

/* For each row that was just written, in its transaction; a row of another kind changes nothing. Results are SQLite's
 * codes. */
int visit_note(sqlite3 *, const JournalRecord *, int64_t seq_offset, VisitsTouched *);

/* What a bed has had: visits that count. */
typedef struct Care {
        uint32_t resident, visits;
        uint64_t seconds;
        int64_t last_us; /* when the newest began; 0: none */
} Care;

/* What is committed, since the beginning that was asked for. For any thread. */
typedef struct Cares Cares;
Cares *cares_new(void);
Cares *cares_free(Cares *);
/* From the next commit on they count from here: the year's beginning. Grown over the steps that follow it. */
void cares_from(Cares *, int64_t from_us);
/* False: none that counts. */
bool cares_of(Cares *, uint32_t resident, Care *ret);
/* Grows with each change. */
uint64_t cares_version(Cares *);
/* After a commit, on the writer's thread: the beds that it has changed. */
void cares_committed(Cares *, sqlite3 *, VisitsTouched *);
/* Counting all is due after the first commit, and takes half a second for the visits of a large year: no receipt may wait
 * so long. So the writer's thread does it in steps of a few milliseconds while nobody waits. */
bool cares_due(const Cares *);
void cares_step(Cares *, sqlite3 *);
