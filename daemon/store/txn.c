/* SPDX-License-Identifier: Apache-2.0 */
#include "store/txn.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/str.h"
#include "store/registry.h"

StoreTxn *store_txn_new(void)
{
        StoreTxn *t = calloc(1, sizeof(*t));

        NEED_MEMORY(t);
        return t;
}

StoreTxn *store_txn_free(StoreTxn *t)
{
        if (!t)
                return NULL;
        registry_unref(t->registry);
        free(t->bytes);
        free(t);
        return NULL;
}

bool store_txn_empty(const StoreTxn *t)
{
        ASSERT(t);
        return t->n == 0;
}

size_t store_txn_bytes(const StoreTxn *t)
{
        ASSERT(t);
        return sizeof(*t) + t->n;
}

const Op *txn_next(const StoreTxn *t, const Op *op)
{
        size_t at = op ? (size_t)((const char *)op - t->bytes) + op->size : 0;

        ASSERT(at <= t->n && at % 8 == 0);
        return at == t->n ? NULL : (const Op *)(const void *)(t->bytes + at);
}

/* Room for one operation with `size` bytes of content; its content, zeroed. */
static void *op_add(StoreTxn *t, OpType type, size_t size)
{
        size_t whole = (sizeof(Op) + size + 7) & ~(size_t)7;
        Op *op;

        ASSERT(t && whole <= UINT32_MAX);
        if (t->cap - t->n < whole) {
                t->cap = t->cap * 2 > t->n + whole ? t->cap * 2 : t->n + whole + 512;
                t->bytes = realloc(t->bytes, t->cap);
                NEED_MEMORY(t->bytes);
        }
        op = (Op *)(void *)(t->bytes + t->n);
        memset(op, 0, whole);
        *op = (Op){type, (uint32_t)whole};
        t->n += whole;
        if (type == OP_READING) {
                t->n_readings++;
                t->readings_bytes += whole;
        } else
                t->n_urgent++;
        return op + 1;
}

static void incident_note(StoreTxn *t, uint64_t incident)
{
        if (incident > t->incident_max)
                t->incident_max = incident;
}

void store_txn_journal(StoreTxn *t, const JournalRecord *j)
{
        OpJournal *op;

        ASSERT(j->seq > 0 && (j->body || j->body_size == 0));
        ASSERT(t->last_seq == 0 || j->seq == t->last_seq + 1);
        op = op_add(t, OP_JOURNAL, sizeof(*op) + j->body_size);
        op->record = *j;
        op->record.body = NULL;
        if (j->body_size > 0)
                memcpy(op + 1, j->body, j->body_size);
        if (t->first_seq == 0)
                t->first_seq = j->seq;
        t->last_seq = j->seq;
        incident_note(t, j->incident);
}

void store_txn_state(StoreTxn *t, const StateRow *row)
{
        size_t size = offsetof(StateRow, blob) + row->blob_size;

        ASSERT(row->id > 0 && row->blob_size <= STATE_BLOB_MAX);
        memcpy(op_add(t, OP_STATE, size), row, size);
        incident_note(t, row->id);
}

void store_txn_key(StoreTxn *t, const KeyRow *key)
{
        memcpy(op_add(t, OP_KEY, sizeof(*key)), key, sizeof(*key));
        incident_note(t, key->incident);
}

void store_txn_duty(StoreTxn *t, uint32_t worker, bool on, int64_t wall_us)
{
        OpDuty *op = op_add(t, OP_DUTY, sizeof(*op));

        ASSERT(worker > 0);
        *op = (OpDuty){.wall_us = wall_us, .worker = worker, .on = on};
}

void store_txn_mark(StoreTxn *t, const MarkRow *mark)
{
        ASSERT(mark->id > 0 && mark->kind > 0);
        memcpy(op_add(t, OP_MARK, sizeof(*mark)), mark, sizeof(*mark));
}

void store_txn_reading(
        StoreTxn *t, uint32_t device, uint32_t resident, int64_t wall_us, const VitalsEvent *vitals)
{
        OpReading *op = op_add(t, OP_READING, sizeof(*op));

        ASSERT(vitals);
        *op = (OpReading){device, resident, wall_us, *vitals};
}

void store_txn_outbox_put(StoreTxn *t, uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq)
{
        OpOutbox *op = op_add(t, OP_OUTBOX_PUT, sizeof(*op));

        ASSERT(incident > 0);
        *op = (OpOutbox){incident, seq, worker, channel};
        incident_note(t, incident);
}

void store_txn_outbox_drop(StoreTxn *t, uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq)
{
        OpOutbox *op = op_add(t, OP_OUTBOX_DROP, sizeof(*op));

        ASSERT(incident > 0);
        *op = (OpOutbox){incident, seq, worker, channel};
}

void store_txn_erase(StoreTxn *t, const char *resident)
{
        OpErase *op = op_add(t, OP_ERASE, sizeof(*op));

        ASSERT(resident && resident[0]);
        ASSERT(str_copy(op->code, sizeof(op->code), resident)); /* a code fits */
        t->erases = true;
}

void store_txn_registry(StoreTxn *t, Registry *registry)
{
        ASSERT(registry);
        if (!t->registry)
                (void)op_add(t, OP_REGISTRY, 0); /* has no content */
        registry_unref(t->registry);
        t->registry = registry_ref(registry);
}

uint32_t txn_readings_drop(StoreTxn *t)
{
        uint32_t dropped = t->n_readings;
        size_t to = 0;

        for (size_t from = 0; from < t->n;) {
                const Op *op = (const Op *)(const void *)(t->bytes + from);
                uint32_t size = op->size;

                ASSERT(size >= sizeof(Op) && from + size <= t->n);
                if (op->type != OP_READING) {
                        memmove(t->bytes + to, t->bytes + from, size);
                        to += size;
                }
                from += size;
        }
        ASSERT(t->n - to == t->readings_bytes);
        t->n = to;
        t->n_readings = 0;
        t->readings_bytes = 0;
        if (to == 0) {
                free(t->bytes);
                t->bytes = NULL;
                t->cap = 0;
        } else if (dropped > 0 && t->cap - to > 4096) {
                char *less = realloc(t->bytes, to);

                if (less) {
                        t->bytes = less;
                        t->cap = to;
                }
        }
        return dropped;
}
