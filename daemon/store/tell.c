/* SPDX-License-Identifier: Apache-2.0 */
/* What the loop asks of the store besides its transactions. Nothing here waits for the disk, but for store_today(),
 * which is asked before the thread runs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "store/chores.h"
#include "store/own.h"
#include "store/restore.h"
#include "store/visits.h"
#include "store/wake.h"

Cares *store_cares(Store *s)
{
        ASSERT(s);
        return s->chores.cares;
}

int store_today(Store *s, int64_t from_us, uint32_t most, int (*fn)(void *userdata, const StateRow *),
        void *userdata)
{
        ASSERT(fn);
        if (s->late)
                return 0; /* the thread has the database, if anybody has */
        ASSERT(!s->running);
        if (!s->db.db)
                return 0;
        return restore_today(&s->db, from_us, most, fn, userdata) == SQLITE_OK ? 0 : -EIO;
}

/* Looks */

StoreLook *store_look_new(LookKind kind)
{
        StoreLook *look = calloc(1, sizeof(*look));

        NEED_MEMORY(look);
        look->kind = kind;
        return look;
}

StoreLook *store_look_free(StoreLook *look)
{
        if (!look)
                return NULL;
        free(look->series);
        free(look->steps);
        free(look);
        return NULL;
}

bool store_look(Store *s, StoreLook *look)
{
        StoreLook **end = &s->looks;
        bool taken;

        ASSERT(look && !look->next);
        store_lock(s);
        taken = s->n_looks < STORE_LOOKS_MAX && !s->stopping;
        if (taken) {
                while (*end)
                        end = &(*end)->next;
                *end = look;
                s->n_looks++;
        }
        store_unlock(s);
        if (taken)
                signal_fd(s->wake_fd);
        else
                store_look_free(look);
        return taken;
}

StoreLook *store_look_done(Store *s)
{
        StoreLook *look;

        store_lock(s);
        look = s->looked;
        if (look) {
                s->looked = look->next;
                look->next = NULL;
                s->n_looks--;
        }
        store_unlock(s);
        return look;
}

bool store_removed(Store *s, StoreRemoved *ret)
{
        bool there;

        store_lock(s);
        there = s->n_removed > 0;
        if (there) {
                *ret = s->removed[0];
                s->n_removed--;
                memmove(s->removed, s->removed + 1, s->n_removed * sizeof(s->removed[0]));
        }
        store_unlock(s);
        return there;
}
