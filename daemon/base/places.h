/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * From a hash to numbers (from 1) of what the caller keeps elsewhere: four bytes a place, memory from the caller, no
 * growth. Whether a candidate is the one that is looked for says the caller:
 *
 *      for (PlacesLook l = places_look(p, hash); places_next(p, &l);)
 *              if (same(things[l.number - 1], wanted))
 *                      return l.number;
 *
 * The bits of a place that no number needs hold more of the hash, so hardly anything is compared that is not the one.
 * Where what is looked for has a hash of 64 bits itself, and there are few, base/idmap.h is simpler.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Places {
        uint32_t *at; /* 0: free */
        uint32_t mask;
} Places;

typedef struct PlacesLook {
        uint32_t at, tag, number; /* number 0: it has not begun, or has come to a free place */
} PlacesLook;

/* Bytes for numbers from 1 to n_max, each once. The memory must be aligned to 4 and zeroed. */
size_t places_size(uint32_t n_max);
void places_init(Places *, void *memory, uint32_t n_max);
static inline PlacesLook places_look(const Places *p, uint64_t hash)
{
        return (PlacesLook){.at = (uint32_t)hash & p->mask, .tag = (uint32_t)(hash >> 32) & ~p->mask};
}
/* The next candidate, l->number; false: there is none. */
static inline bool places_next(const Places *p, PlacesLook *l)
{
        if (l->number)
                l->at = (l->at + 1) & p->mask;
        for (;; l->at = (l->at + 1) & p->mask) {
                uint32_t place = p->at[l->at];

                l->number = place & p->mask;
                if (!place)
                        return false;
                if ((place & ~p->mask) == l->tag)
                        return true;
        }
}
/* Where the look stands: instead of its candidate, or in the free place at its end. */
void places_put(Places *, const PlacesLook *, uint32_t number);
/*
 * The candidate of the look leaves. Those behind it move up, and for that their hashes are asked for: what has a number
 * here must not change what it is found by.
 */
typedef uint64_t (*PlacesHash)(const void *context, uint32_t number);
void places_take(Places *, const PlacesLook *, PlacesHash, const void *context);
