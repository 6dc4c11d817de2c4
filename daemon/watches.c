/* SPDX-License-Identifier: Apache-2.0 */
#include "watches.h"

#include "auditor.h"
#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "timewatch.h"

#include <errno.h>

struct Watches {
        Timewatch *time;
        Auditor *auditor;
};

DEFINE_CLEANUP(Watches *, watches_free)

int watches_new(Watches **ret, const WatchesHost *to)
{
        _cleanup_(watches_freep) Watches *w = calloc(1, sizeof(Watches));
        int r;

        ASSERT(ret && to);
        if (!w)
                return error_origin(-ENOMEM);
        r = timewatch_new(&w->time, to->host, to->turn, to->trusted_floor_us);
        if (r == 0)
                r = auditor_new(
                        &w->auditor, to->host, to->loop, to->turn, to->engine, to->config->runtime_directory);
        if (r < 0)
                return error_trace(r);
        *ret = TAKE_PTR(w);
        return 0;
}

Watches *watches_free(Watches *w)
{
        if (!w)
                return NULL;
        timewatch_free(w->time);
        auditor_free(w->auditor);
        free(w);
        return NULL;
}

void watches_before(Watches *w)
{
        if (w)
                timewatch_look(w->time);
}

void watches_after(Watches *w)
{
        if (w)
                auditor_look(w->auditor);
}
