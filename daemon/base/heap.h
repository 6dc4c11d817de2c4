/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A binary heap of slots with memory from the caller: timers ordered by (due, rank, id).
 *
 * Slots are numbered 0 … n-1 by the caller (an incident's slot, say). Each may be in the heap once; setting it
 * again moves it. O(log n) to set, O(1) to look at the first.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct HeapKey {
        uint64_t due;  /* earliest first */
        uint32_t rank; /* then the lowest rank */
        uint64_t id;   /* then the lowest id */
} HeapKey;

typedef struct Heap {
        HeapKey *keys;  /* by slot */
        uint32_t *slot; /* heap order */
        uint32_t *pos;  /* by slot: position + 1, 0 = absent */
        uint32_t n, n_max;
} Heap;

/* Bytes that heap_init() needs for n slots; the memory must be aligned to 16 and zeroed. */
size_t heap_size(uint32_t n_max);
void heap_init(Heap *, void *memory, uint32_t n_max);
void heap_set(Heap *, uint32_t slot, HeapKey key);
void heap_unset(Heap *, uint32_t slot); /* absent: no effect */
/* False when empty. */
bool heap_first(const Heap *, uint32_t *ret_slot, HeapKey *ret_key);
