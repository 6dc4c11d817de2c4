/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A map from a non-zero 64-bit key to a 32-bit value, open addressing, memory from the caller, no growth.
 *
 * The table is sized for twice n_max, so that n_max entries always fit. Deletion shifts back, there are no
 * tombstones: a lookup never degrades with age.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct IdMapEntry {
        uint64_t key; /* 0 = free */
        uint32_t value;
} IdMapEntry;

typedef struct IdMap {
        IdMapEntry *entries;
        uint32_t mask, n, n_max;
} IdMap;

/* Bytes for n_max entries. The memory must be aligned to 8 and zeroed: pages that are not used then cost nothing. */
size_t idmap_size(uint32_t n_max);
void idmap_init(IdMap *, void *memory, uint32_t n_max);
/* False: absent. */
bool idmap_get(const IdMap *, uint64_t key, uint32_t *ret_value);
/* Sets or replaces. False: n_max reached and the key is new. */
bool idmap_set(IdMap *, uint64_t key, uint32_t value);
void idmap_unset(IdMap *, uint64_t key); /* absent: no effect */
/* A mix of two numbers (or a string) to a non-zero key. Not for untrusted equality: compare the thing itself. */
uint64_t idmap_mix(uint64_t a, uint64_t b);
uint64_t idmap_hash(const void *bytes, size_t n);
/* The same eight bytes at a time, for what is compared on this machine only, with a number that others do not know. */
uint64_t idmap_digest(uint64_t secret, const void *bytes, size_t n);
