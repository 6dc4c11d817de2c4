/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linear probing with deletion that shifts back.
 *
 * What always holds: between an entry's home (its key's hash) and the place where it stands, no place is
 * free. So a lookup may stop at the first free place, and a deletion must move into the gap the next entry
 * whose home is not after the gap, until the run ends. At most half of the places are taken, so every run
 * ends.
 */
#include "base/idmap.h"

#include "base/assert.h"

#include <string.h>

/* The finaliser of splitmix64 (Vigna, public domain): each bit of the input moves half of the output's. */
static uint64_t scramble(uint64_t x)
{
        x ^= x >> 30;
        x *= 0xbf58476d1ce4e5b9ull;
        x ^= x >> 27;
        x *= 0x94d049bb133111ebull;
        x ^= x >> 31;
        return x;
}

static uint32_t places(uint32_t n_max)
{
        uint32_t n = 2;

        ASSERT(n_max <= UINT32_C(1) << 30);
        while (n < 2 * n_max)
                n *= 2;
        return n;
}

static uint32_t home(const IdMap *map, uint64_t key)
{
        return (uint32_t)scramble(key) & map->mask;
}

/* Where the key stands, or the free place where it would. */
static uint32_t find(const IdMap *map, uint64_t key)
{
        uint32_t at = home(map, key);

        while (map->entries[at].key != 0 && map->entries[at].key != key)
                at = (at + 1) & map->mask;
        return at;
}

size_t idmap_size(uint32_t n_max)
{
        return (size_t)places(n_max) * sizeof(IdMapEntry);
}

void idmap_init(IdMap *map, void *memory, uint32_t n_max)
{
        ASSERT(((uintptr_t)memory & 7) == 0);
        *map = (IdMap){.entries = memory, .mask = places(n_max) - 1, .n_max = n_max};
}

bool idmap_get(const IdMap *map, uint64_t key, uint32_t *ret_value)
{
        ASSERT(key != 0);

        uint32_t at = find(map, key);
        if (map->entries[at].key == 0)
                return false;
        *ret_value = map->entries[at].value;
        return true;
}

bool idmap_set(IdMap *map, uint64_t key, uint32_t value)
{
        ASSERT(key != 0);
        ASSERT(map->n <= map->n_max);

        uint32_t at = find(map, key);
        if (map->entries[at].key == 0) {
                if (map->n == map->n_max)
                        return false;
                map->n++;
        }
        map->entries[at] = (IdMapEntry){.key = key, .value = value};
        return true;
}

void idmap_unset(IdMap *map, uint64_t key)
{
        ASSERT(key != 0);

        uint32_t gap = find(map, key);
        if (map->entries[gap].key == 0)
                return;
        ASSERT(map->n > 0);
        for (uint32_t at = (gap + 1) & map->mask; map->entries[at].key != 0; at = (at + 1) & map->mask) {
                /* It may move into the gap unless its home lies cyclically within (gap, at]. */
                uint32_t from_home = (at - home(map, map->entries[at].key)) & map->mask;
                uint32_t from_gap = (at - gap) & map->mask;
                if (from_home < from_gap)
                        continue;
                map->entries[gap] = map->entries[at];
                gap = at;
        }
        map->entries[gap] = (IdMapEntry){0};
        map->n--;
}

uint64_t idmap_mix(uint64_t a, uint64_t b)
{
        uint64_t mixed = scramble(scramble(a + 0x9e3779b97f4a7c15ull) + b);

        return mixed != 0 ? mixed : 1;
}

uint64_t idmap_digest(uint64_t secret, const void *bytes, size_t n)
{
        const unsigned char *p = bytes;
        uint64_t hash = secret + n, word = 0;

        for (; n >= 8; n -= 8, p += 8) {
                memcpy(&word, p, 8);
                hash = scramble(hash ^ word);
        }
        word = 0;
        for (size_t i = 0; i < n; i++)
                word |= (uint64_t)p[i] << 8 * i;
        return scramble(hash ^ word);
}

uint64_t idmap_hash(const void *bytes, size_t n)
{
        const unsigned char *p = bytes;
        uint64_t hash = 0xcbf29ce484222325ull; /* FNV-1a, 64 bits: the same on every machine */

        for (size_t i = 0; i < n; i++)
                hash = (hash ^ p[i]) * 0x100000001b3ull;
        return idmap_mix(hash, n);
}
