/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What (source, event id) and (worker, nonce) were answered: a window of the newest keys_max, in the order in
 * which they came. An entry that was said again with other content stands twice; the places, found by the hash of the
 * key, know the newer.
 */
#include "engine/internal.h"

#include <string.h>

static size_t padded(size_t n)
{
        return (n + 63) & ~(size_t)63;
}

/* At most half of them are taken. A power of two. */
static uint32_t places(const Limits *limits)
{
        uint32_t n = 2;

        ASSERT(limits->keys_max <= UINT32_MAX / 4);
        while (n < 2 * limits->keys_max)
                n *= 2;
        return n;
}

size_t keys_size(const Limits *limits)
{
        ASSERT(limits->keys_max > 0);
        return padded(limits->keys_max * sizeof(KeyEntry)) + padded(places(limits) * sizeof(uint32_t));
}

void keys_init(Engine *e, char **memory)
{
        char *p = *memory;

        e->keys = (KeyEntry *)(void *)p;
        p += padded(e->limits.keys_max * sizeof(KeyEntry));
        e->key_places = (uint32_t *)(void *)p;
        *memory = p + padded(places(&e->limits) * sizeof(uint32_t));
        e->key_mask = places(&e->limits) - 1;
        e->keys_first = e->keys_n = 0;
}

/* Within a boot CLOCK_BOOTTIME knows. Across boots the wall clock does, unless it was wrong one of the times. */
static KeyAge age_of(const Engine *e, const KeyEntry *k)
{
        int64_t age = k->boot_us == NEVER ? e->now.wall_us - k->row.wall_us : e->at - k->boot_us;

        ASSERT(e->started);
        if (k->boot_us == NEVER && (age < 0 || age > YEARS_10_US))
                return KEY_UNSURE;
        return age < KEY_US ? KEY_FRESH : KEY_OLD;
}

/*
 * A place has the number of an entry, from 1, and in the bits that no number needs more of the hash: hardly an entry is
 * looked at that is not the one.
 */
static uint32_t number_of(const Engine *e, uint32_t place)
{
        return place & e->key_mask;
}

static KeyEntry *entry_of(const Engine *e, uint32_t place)
{
        ASSERT(number_of(e, place) >= 1 && number_of(e, place) <= e->limits.keys_max);
        return &e->keys[number_of(e, place) - 1];
}

/* Where the key stands, or the free place where it would. */
static uint32_t *place_of(const Engine *e, const uint8_t key[16], uint32_t *ret_tag)
{
        uint64_t hash = idmap_hash(key, 16);
        uint32_t at = (uint32_t)hash & e->key_mask, tag = (uint32_t)(hash >> 32) & ~e->key_mask;

        for (;; at = (at + 1) & e->key_mask) {
                uint32_t *place = &e->key_places[at];

                if (!*place || ((*place & ~e->key_mask) == tag &&
                                       memcmp(entry_of(e, *place)->row.key, key, 16) == 0)) {
                        *ret_tag = tag;
                        return place;
                }
        }
}

/* What stands behind it moves up, unless it would come to stand before its home (as in base/idmap.c). */
static void place_free(Engine *e, uint32_t gap)
{
        uint32_t mask = e->key_mask;

        for (uint32_t at = (gap + 1) & mask; e->key_places[at]; at = (at + 1) & mask) {
                uint32_t home = (uint32_t)idmap_hash(entry_of(e, e->key_places[at])->row.key, 16) & mask;

                if (((at - home) & mask) < ((at - gap) & mask))
                        continue;
                e->key_places[gap] = e->key_places[at];
                gap = at;
        }
        e->key_places[gap] = 0;
}

KeyRow *keys_find(Engine *e, const uint8_t key[16], KeyAge *ret_age)
{
        uint32_t place, tag;

        ASSERT(key && ret_age);
        place = *place_of(e, key, &tag);
        if (!place)
                return NULL;
        *ret_age = age_of(e, entry_of(e, place));
        return &entry_of(e, place)->row;
}

void keys_add(Engine *e, const KeyRow *row, int64_t boot_us)
{
        uint32_t max = e->limits.keys_max, i, tag, *place;

        ASSERT(row);
        if (e->keys_n == max) {
                place = place_of(e, e->keys[e->keys_first].row.key, &tag);
                ASSERT(*place);
                if (number_of(e, *place) == e->keys_first + 1)
                        place_free(e, (uint32_t)(place - e->key_places));
                e->keys_first = (e->keys_first + 1) % max;
                e->keys_n--;
        }
        i = (e->keys_first + e->keys_n++) % max;
        e->keys[i] = (KeyEntry){.row = *row, .boot_us = boot_us};
        place = place_of(e, row->key, &tag);
        *place = tag | (i + 1);
}
