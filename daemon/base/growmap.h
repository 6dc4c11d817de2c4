/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * An IdMap that grows, a little with each change: nobody waits until all of it has moved.
 *
 * When the table is full, one of twice the size is begun. Each change then moves some places of the old one, so that it
 * is empty long before the new one is full. A lookup asks both, the new one first.
 */
#include "base/idmap.h"

typedef struct GrowMap {
        IdMap now, old; /* old.entries NULL: nothing is left to move */
        uint32_t moved; /* places of `old` that have been emptied */
} GrowMap;

/* 0 or -ENOMEM. n: entries for which there is room at first. */
int growmap_init(GrowMap *, uint32_t n);
void growmap_deinit(GrowMap *);
/* False: absent. */
bool growmap_get(const GrowMap *, uint64_t key, uint32_t *ret_value);
/* Sets or replaces. Memory that is short ends the process. */
void growmap_set(GrowMap *, uint64_t key, uint32_t value);
void growmap_unset(GrowMap *, uint64_t key); /* absent: no effect */
