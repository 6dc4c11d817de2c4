/* SPDX-License-Identifier: Apache-2.0 */
/* What the loop asks of the store besides its transactions. Nothing here waits for the disk, but for store_today(),
 * which is asked before the thread runs. */
#include <errno.h>

#include "base/assert.h"
#include "store/chores.h"
#include "store/own.h"
#include "store/restore.h"
#include "store/visits.h"

Cares *store_cares(Store *s)
{
        ASSERT(s);
        return s->chores.cares;
}

int store_today(Store *s, int64_t from_us, int (*fn)(void *userdata, const StateRow *), void *userdata)
{
        ASSERT(fn);
        if (s->late)
                return 0; /* the thread has the database, if anybody has */
        ASSERT(!s->running);
        if (!s->db.db)
                return 0;
        return restore_today(&s->db, from_us, fn, userdata) == SQLITE_OK ? 0 : -EIO;
}
