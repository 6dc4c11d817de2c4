/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Incidents whose alerts are due again when the disk has come so far: one entry an incident, in the order in which they
 * began to wait, so that only those whose time has come are ever looked at.
 */
#include "base/growmap.h"

typedef struct Fresh {
        uint64_t incident, need; /* journal number */
        uint32_t before, after;
        bool changed; /* more than "recorded" has changed: plain clients get a line, and degraded mode shows it at once */
} Fresh;

typedef struct FreshQueue {
        uint32_t first, last;
} FreshQueue;

typedef struct FreshTable {
        Fresh *all;
        uint32_t n, free;
        GrowMap by_incident;
        FreshQueue changed, recorded;
} FreshTable;

int fresh_init(FreshTable *);
void fresh_deinit(FreshTable *);
/* committed: what is durable already waits for nothing. */
void fresh_set(FreshTable *, uint64_t incident, uint64_t need, bool changed, uint64_t committed);
/* Takes one whose time has come out of the table. False: there is none. */
bool fresh_next(FreshTable *, uint64_t committed, uint64_t released, Fresh *ret);
/* What is waited for on behalf of this incident; 0: nothing. */
uint64_t fresh_need(const FreshTable *, uint64_t incident);
