/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The message in hand, in a file that outlives a crash of ours: what crashes us twice is not read a third time. */
#include "inbox.h"

typedef struct Inflight Inflight;

/*
 * Maps directory/inflight, made when it is not there. What the last process had in hand when it ended counts against
 * that message. Where there can be no such file (a read-only disk) memory stands in: no protection, but a start.
 */
int inflight_open(Inflight **ret, const char *directory);
Inflight *inflight_free(Inflight *);

typedef enum InflightStage { INFLIGHT_DECODE, INFLIGHT_STEP } InflightStage;

/* Before a message is decoded, and again before its event is stepped. `who`: device, worker or topic. False: this
 * message has ended two processes. It is not to be read; see inflight_blunt(). */
bool inflight_begin(Inflight *, InflightStage, EventVia, const char *who, const void *bytes, size_t n);
/* It did no harm. */
void inflight_end(Inflight *);
/* Makes of an event what it would be if nobody could read it: people are called, the bytes are recorded. */
void inflight_blunt(Event *);

/* What was found at the start and has now ended two processes goes into the inbox, as if nobody could read it. False:
 * there is nothing. Once, before anything else is taken in. */
bool inflight_report(Inflight *, Inbox *);

/* The highest number that was about to be called out; survives what the database's ceiling (store/database.c) cannot
 * know: a burst of incidents in one turn that a kill cuts short. */
void inflight_number_set(Inflight *, uint64_t next_incident);
uint64_t inflight_number(const Inflight *);
