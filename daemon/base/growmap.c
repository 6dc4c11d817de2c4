/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What always holds: a key stands in one of the two tables. The old one is emptied from its first place to its last; what
 * idmap_unset() moves into a gap stands behind it, so the places before `moved` stay empty.
 *
 * A table of n entries has at most 4 n places. With one step for each entry and each place, STEP of them a change, it is
 * empty after n / 3 changes, and the new one has room for n before it is full.
 */
#include "base/growmap.h"

#include "base/assert.h"
#include "base/error.h"

#include <errno.h>
#include <stdlib.h>

#define STEP 16u

int growmap_init(GrowMap *m, uint32_t n)
{
        void *memory = calloc(1, idmap_size(n));

        ASSERT(m && n > 0);
        if (!memory)
                return error_origin(-ENOMEM);
        *m = (GrowMap){0};
        idmap_init(&m->now, memory, n);
        return 0;
}

void growmap_deinit(GrowMap *m)
{
        free(m->now.entries);
        free(m->old.entries);
        *m = (GrowMap){0};
}

bool growmap_get(const GrowMap *m, uint64_t key, uint32_t *ret_value)
{
        return idmap_get(&m->now, key, ret_value) || (m->old.entries && idmap_get(&m->old, key, ret_value));
}

/* Some of the old table. */
static void move(GrowMap *m)
{
        for (unsigned n = 0; m->old.entries && n < STEP; n++) {
                IdMapEntry e;

                if (m->old.n == 0) {
                        free(m->old.entries);
                        m->old = (IdMap){0};
                        return;
                }
                e = m->old.entries[m->moved];
                if (e.key == 0) {
                        m->moved = (m->moved + 1) & m->old.mask;
                        continue;
                }
                idmap_unset(&m->old, e.key); /* another may stand there now: looked at next */
                ASSERT(idmap_set(&m->now, e.key, e.value));
        }
}

static void grow(GrowMap *m)
{
        uint32_t n = m->now.n_max * 2;
        void *memory = calloc(1, idmap_size(n));

        NEED_MEMORY(memory);
        ASSERT(!m->old.entries); /* empty long ago */
        m->old = m->now;
        m->moved = 0;
        idmap_init(&m->now, memory, n);
}

void growmap_set(GrowMap *m, uint64_t key, uint32_t value)
{
        if (!m->old.entries && m->now.n == m->now.n_max)
                grow(m);
        if (m->old.entries) {
                idmap_unset(&m->old, key);
                move(m);
        }
        ASSERT(idmap_set(&m->now, key, value));
}

void growmap_unset(GrowMap *m, uint64_t key)
{
        idmap_unset(&m->now, key);
        if (!m->old.entries)
                return;
        idmap_unset(&m->old, key);
        move(m);
}
