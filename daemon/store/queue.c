/* SPDX-License-Identifier: Apache-2.0 */
#include "store/queue.h"

#include "base/assert.h"

static void readings_drop(Queue *q, StoreTxn *t)
{
        size_t before = store_txn_bytes(t);

        q->readings_dropped += txn_readings_drop(t);
        q->bytes -= before - store_txn_bytes(t);
}

void queue_add(Queue *q, StoreTxn *t, size_t bytes_max)
{
        uint32_t i = 0;

        ASSERT(t && !t->next);
        ASSERT((q->first == NULL) == (q->n == 0));
        if (q->last)
                q->last->next = t;
        else
                q->first = t;
        q->last = t;
        q->n++;
        q->n_urgent += t->n_urgent > 0;
        q->bytes += store_txn_bytes(t);
        for (StoreTxn *old = q->first; old && q->bytes > bytes_max; old = old->next, i++)
                if (i >= q->in_flight && old->n_readings > 0)
                        readings_drop(q, old);
}

uint32_t queue_group(const Queue *q, uint32_t txns_max, size_t bytes_max, const StoreTxn **ret_first)
{
        size_t bytes = 0;
        uint32_t n = 0;

        for (const StoreTxn *t = q->first; t && n < txns_max; t = t->next, n++) {
                bytes += store_txn_bytes(t);
                if (n > 0 && bytes > bytes_max)
                        break;
        }
        *ret_first = q->first;
        return n;
}

StoreTxn *queue_take(Queue *q, uint32_t n)
{
        StoreTxn *list = q->first, *last = NULL;

        ASSERT(n > 0 && n <= q->n);
        for (uint32_t i = 0; i < n; i++) {
                last = q->first;
                q->bytes -= store_txn_bytes(last);
                q->n_urgent -= last->n_urgent > 0;
                q->first = last->next;
        }
        last->next = NULL;
        q->n -= n;
        q->in_flight = 0;
        if (!q->first)
                q->last = NULL;
        ASSERT((q->first == NULL) == (q->n == 0));
        return list;
}

uint64_t queue_first_seq(const Queue *q, uint64_t otherwise)
{
        for (const StoreTxn *t = q->first; t; t = t->next)
                if (t->first_seq > 0)
                        return t->first_seq;
        return otherwise;
}

void queue_clear(Queue *q)
{
        for (StoreTxn *t = q->first, *next; t; t = next) {
                next = t->next;
                store_txn_free(t);
        }
        *q = (Queue){0};
}
