/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two queues: what only says "recorded" waits for the disk, what has changed for release, which in degraded mode is all.
 * Numbers come in order, so the first of a queue is the one to wait for. An older number (a repeat) that stands behind
 * newer ones waits for theirs as well, which is a group of commits later at worst.
 */
#include "fresh.h"

#include "base/assert.h"
#include "base/error.h"

#include <stdlib.h>

#define NONE  UINT32_MAX
#define FIRST 256u

int fresh_init(FreshTable *t)
{
        int r;

        *t = (FreshTable){.free = NONE, .changed = {NONE, NONE}, .recorded = {NONE, NONE}};
        r = growmap_init(&t->by_incident, FIRST);
        return r < 0 ? error_trace(r) : 0;
}

void fresh_deinit(FreshTable *t)
{
        free(t->all);
        growmap_deinit(&t->by_incident);
        *t = (FreshTable){0};
}

static FreshQueue *queue_of(FreshTable *t, const Fresh *f)
{
        return f->changed ? &t->changed : &t->recorded;
}

static void unlink_from(FreshTable *t, const Fresh *f)
{
        FreshQueue *q = queue_of(t, f);

        if (f->before == NONE)
                q->first = f->after;
        else
                t->all[f->before].after = f->after;
        if (f->after == NONE)
                q->last = f->before;
        else
                t->all[f->after].before = f->before;
}

/* At the end; whose number is durable already, at the beginning. */
static void link_into(FreshTable *t, uint32_t at, bool first)
{
        Fresh *f = &t->all[at];
        FreshQueue *q = queue_of(t, f);

        f->before = first ? NONE : q->last;
        f->after = first ? q->first : NONE;
        if (f->before == NONE)
                q->first = at;
        else
                t->all[f->before].after = at;
        if (f->after == NONE)
                q->last = at;
        else
                t->all[f->after].before = at;
}

static uint32_t fresh_new(FreshTable *t)
{
        uint32_t at;

        if (t->free == NONE) {
                uint32_t n = t->n ? t->n * 2 : FIRST;

                t->all = realloc(t->all, n * sizeof(Fresh));
                NEED_MEMORY(t->all);
                for (uint32_t i = n; i-- > t->n;) {
                        t->all[i].after = t->free;
                        t->free = i;
                }
                t->n = n;
        }
        at = t->free;
        t->free = t->all[at].after;
        return at;
}

void fresh_set(FreshTable *t, uint64_t incident, uint64_t need, bool changed, uint64_t committed)
{
        uint32_t at;

        ASSERT(t && incident > 0);
        if (growmap_get(&t->by_incident, incident, &at)) {
                Fresh *f = &t->all[at];

                if (need <= f->need && (f->changed || !changed))
                        return;
                unlink_from(t, f);
                f->need = need > f->need ? need : f->need;
                f->changed = f->changed || changed;
        } else {
                at = fresh_new(t);
                t->all[at] = (Fresh){.incident = incident, .need = need, .changed = changed};
                growmap_set(&t->by_incident, incident, at);
        }
        link_into(t, at, t->all[at].need <= committed);
}

bool fresh_next(FreshTable *t, uint64_t committed, uint64_t released, Fresh *ret)
{
        uint32_t at = t->changed.first;

        if (at == NONE || t->all[at].need > released) {
                at = t->recorded.first;
                if (at == NONE || t->all[at].need > committed)
                        return false;
        }
        *ret = t->all[at];
        unlink_from(t, ret);
        growmap_unset(&t->by_incident, ret->incident);
        t->all[at].after = t->free;
        t->free = at;
        return true;
}

uint64_t fresh_need(const FreshTable *t, uint64_t incident)
{
        uint32_t at;

        return growmap_get(&t->by_incident, incident, &at) ? t->all[at].need : 0;
}
