/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The outbox's memory: one entry for each (incident, person, channel) of an incident that is not over, and the queues in
 * which they wait. Nothing here looks at more than what it is asked for: the table grows a little with each change.
 */
#include "base/growmap.h"

#include <stdbool.h>
#include <stdint.h>

#define TOLD_NONE UINT32_MAX

/* What an entry waits for, the most urgent first. */
typedef enum Due {
        DUE_CALL, /* … of priority 1 to somebody who knows nothing of it yet, and behind it to who has been called before … */
        DUE_CHANGE = DUE_CALL + 2 * 5, /* … so for priority 2 to 5 */
        DUE_RECORDED,
        DUE_MAX,
        DUE_NONE = DUE_MAX,
} Due;

typedef struct Told {
        uint64_t incident, seq;             /* seq of the newest attempt; incident 0: free */
        uint32_t at;                        /* its own number */
        uint32_t worker, next;              /* next of the incident, or of the free list */
        uint32_t before, after;             /* in its queue */
        uint32_t waits_before, waits_after; /* among those that wait, the longest first */
        uint8_t channel, due;               /* Due */
        uint8_t reason;                     /* of the call that waits */
        bool text;                          /* plain clients get a line of it */
        bool over;     /* of an incident that is over: the alert is to be cleared, then it is forgotten */
        bool waiting;  /* no port has taken the newest message for good */
        bool deferred; /* a call that calms: leaves with the refresh that follows the commit */
        uint64_t since_us; /* … since this time since boot; 0: not known */
} Told;

typedef struct ToldQueue {
        uint32_t first, last;
} ToldQueue;

typedef struct ToldTable {
        Told **chunks;
        uint32_t n, free; /* entries that there are, in use or not; the first free one */
        uint32_t n_waiting;
        GrowMap by_key, head; /* (incident, worker, channel) → entry; incident → its first entry */
        ToldQueue queues[DUE_MAX], waits;
} ToldTable;

int told_init(ToldTable *);
void told_deinit(ToldTable *);

/* NULL: TOLD_NONE. */
Told *told_at(const ToldTable *, uint32_t at);
/* The first entry of an incident; the others by their `next`. NULL: nobody has been told. */
Told *told_first(const ToldTable *, uint64_t incident);
Told *told_find(const ToldTable *, uint64_t incident, uint32_t worker, uint8_t channel);
/* There must be none. Never NULL: memory that is short ends the process. */
Told *told_new(ToldTable *, uint64_t incident, uint32_t worker, uint8_t channel);
void told_free(ToldTable *, Told *); /* it does not wait */

/* Whoever stands in a queue for something more urgent keeps his place. */
void told_due_set(ToldTable *, Told *, Due);
void told_due_clear(ToldTable *, Told *);
/* Nobody stands there, nor before it. */
bool told_due_none(const ToldTable *, Due);
/* NULL: nobody. */
Told *told_due_first(const ToldTable *, Due);
void told_waiting_set(ToldTable *, Told *, bool waiting);
