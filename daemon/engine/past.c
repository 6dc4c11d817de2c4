/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was closed within the last day: whoever had been told of it may look at it while he writes his report. A ring in
 * memory alone, so a restart ends it sooner; it never gives anybody more than he had while the matter was open.
 */
#include "engine/internal.h"

#define PAST_US ((int64_t)USEC_PER_DAY)

void past_add(Engine *e, const Incident *in)
{
        Past *p = &e->pasts[e->past_next++ % PASTS_MAX];

        ASSERT(in->state == STATE_CLOSED && in->id);
        *p = (Past){.incident = in->id,
                .until = e->at + PAST_US,
                .device = in->device,
                .dwelling = in->dwelling,
                .resident = in->resident,
                .grid = in->grid};
        for (unsigned i = 0; i < in->n_recipients && p->n < PAST_TOLD_MAX; i++)
                if (recipient_at(in, i)->worker)
                        p->told[p->n++] = recipient_at(in, i)->worker;
}

const Past *past_find(const Engine *e, uint64_t incident, uint32_t worker)
{
        ASSERT(worker > 0);
        for (unsigned i = 0; incident && i < PASTS_MAX; i++) {
                const Past *p = &e->pasts[i];

                if (p->incident != incident || p->until <= e->at)
                        continue;
                for (unsigned k = 0; k < p->n; k++)
                        if (p->told[k] == worker)
                                return p;
        }
        return NULL;
}

JournalRow *past_journal(Engine *e, const Past *p, JournalKind kind)
{
        JournalRow *row = emit_journal(e, NULL, kind);

        ASSERT(p->incident);
        e->list->effects[e->list->n - 1].incident = p->incident;
        row->device = p->device;
        row->dwelling = p->dwelling;
        row->resident = p->resident;
        row->grid = p->grid;
        row->state = STATE_CLOSED;
        return row;
}
