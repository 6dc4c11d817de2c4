/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linear probing with deletion that shifts back, as in idmap.c, which says what always holds.
 */
#include "base/places.h"

#include "base/assert.h"

static uint32_t count(uint32_t n_max)
{
        uint32_t n = 4;

        ASSERT(n_max <= UINT32_C(1) << 30);
        while (n < 2 * n_max)
                n *= 2;
        return n;
}

size_t places_size(uint32_t n_max)
{
        return (size_t)count(n_max) * sizeof(uint32_t);
}

void places_init(Places *p, void *memory, uint32_t n_max)
{
        ASSERT(memory && ((uintptr_t)memory & 3) == 0);
        *p = (Places){.at = memory, .mask = count(n_max) - 1};
}

void places_put(Places *p, const PlacesLook *l, uint32_t number)
{
        ASSERT(number >= 1 && number <= p->mask / 2 + 1);
        ASSERT((p->at[l->at] & p->mask) == l->number);
        p->at[l->at] = l->tag | number;
}

void places_take(Places *p, const PlacesLook *l, PlacesHash hash_of, const void *context)
{
        uint32_t gap = l->at;

        ASSERT(l->number && p->at[gap] == (l->tag | l->number));
        for (uint32_t at = (gap + 1) & p->mask; p->at[at]; at = (at + 1) & p->mask) {
                uint32_t home = (uint32_t)hash_of(context, p->at[at] & p->mask) & p->mask;

                /* It may move into the gap unless its home lies cyclically within (gap, at]. */
                if (((at - home) & p->mask) < ((at - gap) & p->mask))
                        continue;
                p->at[gap] = p->at[at];
                gap = at;
        }
        p->at[gap] = 0;
}
