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
        return padded(limits->keys_max * sizeof(KeyEntry)) + padded(idmap_size(limits->keys_max));
}

void keys_init(Engine *e, char **memory)
{
        char *p = *memory;

        e->keys = (KeyEntry *)(void *)p;
        p += padded(e->limits.keys_max * sizeof(KeyEntry));
        idmap_init(&e->by_nonce, p, e->limits.keys_max);
        *memory = p + padded(idmap_size(e->limits.keys_max));
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

KeyRow *keys_find(Engine *e, const uint8_t key[16], KeyAge *ret_age)
{
        uint32_t i;

        ASSERT(key && ret_age);
        if (!idmap_get(&e->by_nonce, idmap_hash(key, 16), &i))
                return NULL;
        ASSERT(i < e->limits.keys_max);
        if (memcmp(e->keys[i].row.key, key, 16) != 0)
                return NULL;
        *ret_age = age_of(e, &e->keys[i]);
        return &e->keys[i].row;
}

void keys_add(Engine *e, const KeyRow *row, int64_t boot_us)
{
        uint32_t max = e->limits.keys_max, i;

        ASSERT(row);
        if (e->keys_n == max) {
                const KeyEntry *oldest = &e->keys[e->keys_first];
                uint64_t hash = idmap_hash(oldest->row.key, 16);

                ASSERT(idmap_get(&e->by_nonce, hash, &i));
                if (i == e->keys_first)
                        idmap_unset(&e->by_nonce, hash);
                e->keys_first = (e->keys_first + 1) % max;
                e->keys_n--;
        }
        i = (e->keys_first + e->keys_n++) % max;
        e->keys[i] = (KeyEntry){.row = *row, .boot_us = boot_us};
        ASSERT(idmap_set(&e->by_nonce, idmap_hash(row->key, 16), i));
}
