/* SPDX-License-Identifier: Apache-2.0 */
#include "told.h"

#include "base/assert.h"
#include "base/error.h"

#include <stdlib.h>

#define CHUNK 1024u
#define FIRST 1024u

static uint64_t key_of(uint64_t incident, uint32_t worker, uint8_t channel)
{
        return idmap_mix(incident, ((uint64_t)worker << 8) | channel);
}

int told_init(ToldTable *t)
{
        int r;

        *t = (ToldTable){.free = TOLD_NONE, .waits = {TOLD_NONE, TOLD_NONE}};
        for (unsigned q = 0; q < DUE_MAX; q++)
                t->queues[q] = (ToldQueue){TOLD_NONE, TOLD_NONE};
        r = growmap_init(&t->by_key, FIRST);
        if (r == 0)
                r = growmap_init(&t->head, FIRST);
        return r < 0 ? error_trace(r) : 0;
}

void told_deinit(ToldTable *t)
{
        for (uint32_t i = 0; i * CHUNK < t->n; i++)
                free(t->chunks[i]);
        free(t->chunks);
        growmap_deinit(&t->by_key);
        growmap_deinit(&t->head);
        *t = (ToldTable){0};
}

Told *told_at(const ToldTable *t, uint32_t at)
{
        if (at == TOLD_NONE)
                return NULL;
        ASSERT(at < t->n);
        return &t->chunks[at / CHUNK][at % CHUNK];
}

Told *told_first(const ToldTable *t, uint64_t incident)
{
        uint32_t at = TOLD_NONE;

        (void)growmap_get(&t->head, incident, &at);
        return told_at(t, at);
}

Told *told_find(const ToldTable *t, uint64_t incident, uint32_t worker, uint8_t channel)
{
        uint32_t at = TOLD_NONE;

        (void)growmap_get(&t->by_key, key_of(incident, worker, channel), &at);
        return told_at(t, at);
}

static void chunk_add(ToldTable *t)
{
        uint32_t n = t->n / CHUNK;
        Told **chunks = realloc(t->chunks, (n + 1) * sizeof(Told *));

        NEED_MEMORY(chunks);
        t->chunks = chunks;
        chunks[n] = calloc(CHUNK, sizeof(Told));
        NEED_MEMORY(chunks[n]);
        for (uint32_t i = CHUNK; i-- > 0;) {
                chunks[n][i] = (Told){.at = t->n + i, .next = t->free, .due = DUE_NONE};
                t->free = t->n + i;
        }
        t->n += CHUNK;
}

Told *told_new(ToldTable *t, uint64_t incident, uint32_t worker, uint8_t channel)
{
        uint32_t first = TOLD_NONE;
        Told *e;

        ASSERT(incident > 0);
        ASSERT(!told_find(t, incident, worker, channel));
        if (t->free == TOLD_NONE)
                chunk_add(t);
        e = told_at(t, t->free);
        t->free = e->next;
        (void)growmap_get(&t->head, incident, &first);
        *e = (Told){.incident = incident,
                .at = e->at,
                .worker = worker,
                .channel = channel,
                .next = first,
                .due = DUE_NONE};
        growmap_set(&t->head, incident, e->at);
        growmap_set(&t->by_key, key_of(incident, worker, channel), e->at);
        return e;
}

void told_free(ToldTable *t, Told *e)
{
        Told *before = told_first(t, e->incident);

        ASSERT(e->incident && !e->waiting);
        told_due_clear(t, e);
        growmap_unset(&t->by_key, key_of(e->incident, e->worker, e->channel));
        if (before == e && e->next == TOLD_NONE)
                growmap_unset(&t->head, e->incident);
        else if (before == e)
                growmap_set(&t->head, e->incident, e->next);
        else {
                while (before->next != e->at)
                        before = told_at(t, before->next);
                before->next = e->next;
        }
        *e = (Told){.at = e->at, .next = t->free, .due = DUE_NONE};
        t->free = e->at;
}

/* The queues */

void told_due_clear(ToldTable *t, Told *e)
{
        ToldQueue *q;

        if (e->due == DUE_NONE)
                return;
        ASSERT(e->due < DUE_MAX);
        q = &t->queues[e->due];
        if (e->before == TOLD_NONE)
                q->first = e->after;
        else
                told_at(t, e->before)->after = e->after;
        if (e->after == TOLD_NONE)
                q->last = e->before;
        else
                told_at(t, e->after)->before = e->before;
        e->due = DUE_NONE;
}

void told_due_set(ToldTable *t, Told *e, Due due)
{
        ToldQueue *q = &t->queues[due];

        ASSERT(due < DUE_MAX && e->incident);
        if (e->due <= due)
                return;
        told_due_clear(t, e);
        e->due = (uint8_t)due;
        e->before = q->last;
        e->after = TOLD_NONE;
        if (q->last == TOLD_NONE)
                q->first = e->at;
        else
                told_at(t, q->last)->after = e->at;
        q->last = e->at;
}

bool told_due_none(const ToldTable *t, Due due)
{
        for (unsigned q = 0; q <= due; q++)
                if (t->queues[q].first != TOLD_NONE)
                        return false;
        return true;
}

Told *told_due_first(const ToldTable *t, Due due)
{
        ASSERT(due < DUE_MAX);
        return told_at(t, t->queues[due].first);
}

void told_waiting_set(ToldTable *t, Told *e, bool waiting)
{
        if (waiting == e->waiting)
                return;
        e->waiting = waiting;
        if (waiting) {
                t->n_waiting++;
                e->waits_before = t->waits.last;
                e->waits_after = TOLD_NONE;
                if (t->waits.last == TOLD_NONE)
                        t->waits.first = e->at;
                else
                        told_at(t, t->waits.last)->waits_after = e->at;
                t->waits.last = e->at;
                return;
        }
        ASSERT(t->n_waiting > 0);
        t->n_waiting--;
        if (e->waits_before == TOLD_NONE)
                t->waits.first = e->waits_after;
        else
                told_at(t, e->waits_before)->waits_after = e->waits_after;
        if (e->waits_after == TOLD_NONE)
                t->waits.last = e->waits_before;
        else
                told_at(t, e->waits_after)->waits_before = e->waits_before;
}
