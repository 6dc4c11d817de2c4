/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What (source, event id) and (worker, nonce) were answered: a window of the newest keys_max, in the order in
 * which they came. An entry that was said again with other content stands twice; the map knows the newer.
 */
#include "engine/internal.h"

#include <string.h>

static size_t padded(size_t n)
{
        return (n + 63) & ~(size_t)63;
}

size_t keys_size(const Limits *limits)
{
        ASSERT(limits->keys_max > 0);
        return padded(limits->keys_max * sizeof(KeyEntry)) + padded(places_size(limits->keys_max));
}

void keys_init(Engine *e, char **memory)
{
        char *p = *memory;

        e->keys = (KeyEntry *)(void *)p;
        p += padded(e->limits.keys_max * sizeof(KeyEntry));
        places_init(&e->by_nonce, p, e->limits.keys_max);
        *memory = p + padded(places_size(e->limits.keys_max));
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

static KeyEntry *entry_of(const Engine *e, uint32_t number)
{
        ASSERT(number >= 1 && number <= e->limits.keys_max);
        return &e->keys[number - 1];
}

static uint64_t hash_of(const void *engine, uint32_t number)
{
        return idmap_hash(entry_of(engine, number)->row.key, 16);
}

/* Ends at the entry of this key that is in the map, or at the free place where it would be: number 0. */
static PlacesLook look_for(const Engine *e, const uint8_t key[16])
{
        PlacesLook l = places_look(&e->by_nonce, idmap_hash(key, 16));

        while (places_next(&e->by_nonce, &l))
                if (memcmp(entry_of(e, l.number)->row.key, key, 16) == 0)
                        break;
        return l;
}

KeyRow *keys_find(Engine *e, const uint8_t key[16], KeyAge *ret_age)
{
        PlacesLook l;

        ASSERT(key && ret_age);
        l = look_for(e, key);
        if (!l.number)
                return NULL;
        *ret_age = age_of(e, entry_of(e, l.number));
        return &entry_of(e, l.number)->row;
}

void keys_add(Engine *e, const KeyRow *row, int64_t boot_us)
{
        uint32_t max = e->limits.keys_max, i;
        PlacesLook l;

        ASSERT(row);
        if (e->keys_n == max) {
                l = look_for(e, e->keys[e->keys_first].row.key);
                ASSERT(l.number);
                if (l.number == e->keys_first + 1)
                        places_take(&e->by_nonce, &l, hash_of, e);
                e->keys_first = (e->keys_first + 1) % max;
                e->keys_n--;
        }
        i = (e->keys_first + e->keys_n++) % max;
        l = look_for(e, row->key);
        e->keys[i] = (KeyEntry){.row = *row, .boot_us = boot_us};
        places_put(&e->by_nonce, &l, i + 1);
}
