/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of the simulation: store.h over a disk in memory.
 *
 * A transaction is on the disk when its commit has come, late, after a hang, or after failures; never in
 * part and never out of order. Death takes what was only submitted; and between a commit and the daemon's
 * learning of it there is time to die, too.
 */
#include "tests/sim/sim.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "store/registry.h"

#include <string.h>
#include <sys/eventfd.h>

#define INCIDENTS_MAX 65536
#define OUTBOX_MAX    4096
#define KEYS_MAX      8192

typedef enum OpKind { OP_JOURNAL, OP_STATE, OP_KEY, OP_DUTY, OP_PUT, OP_DROP } OpKind;

typedef struct OutboxRow {
        uint64_t incident, seq;
        uint32_t worker;
        uint8_t channel;
} OutboxRow;

typedef struct Op {
        OpKind kind;
        union {
                struct {
                        uint64_t seq, incident;
                        JournalKind kind;
                        char id[EVENT_ID_SIZE];
                } journal;
                StateRow *state;
                KeyRow key;
                struct {
                        uint32_t worker;
                        bool on;
                        int64_t wall_us;
                } duty;
                OutboxRow row;
        };
} Op;

struct StoreTxn {
        StoreTxn *next;
        Op *ops;
        size_t n, max, bytes;
        uint64_t submitted_us;
};

struct Store {
        StoreTxn *first, *last;
        bool failing, committing;
        uint64_t committed_txns, submitted_txns;
};

static struct {
        uint64_t last_seq, top; /* top: incident numbers are below it */
        StateRow *states[INCIDENTS_MAX];
        KeyRow keys[KEYS_MAX];
        uint32_t n_keys;
        OutboxRow outbox[OUTBOX_MAX];
        uint32_t n_outbox;
        struct {
                bool set, on;
                int64_t wall_us;
        } duty[PEOPLE_MAX];
        char (*events)[EVENT_ID_SIZE];
        uint32_t n_events, events_max;
        uint64_t life;
} disk;

static Store *live;

void disk_reset(void)
{
        for (uint64_t i = 0; i < disk.top; i++)
                free(disk.states[i]);
        free(disk.events);
        memset(&disk, 0, sizeof(disk));
}

void disk_power_cut(void)
{
        disk.life++;
}

uint64_t disk_last_seq(void)
{
        return disk.last_seq;
}

uint32_t disk_event_count(const char *id)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < disk.n_events; i++)
                n += str_equal(disk.events[i], id);
        return n;
}

bool disk_has_event(const char *id)
{
        return disk_event_count(id) > 0;
}

bool disk_state(uint64_t incident, StateRow *ret)
{
        if (incident >= INCIDENTS_MAX || !disk.states[incident])
                return false;
        *ret = *disk.states[incident];
        return true;
}

void disk_each_state(void (*fn)(const StateRow *, void *), void *userdata)
{
        for (uint64_t i = 0; i < disk.top; i++)
                if (disk.states[i])
                        fn(disk.states[i], userdata);
}

/* Transactions */

StoreTxn *store_txn_new(void)
{
        StoreTxn *t = calloc(1, sizeof(StoreTxn));

        ASSERT(t);
        return t;
}

StoreTxn *store_txn_free(StoreTxn *t)
{
        if (!t)
                return NULL;
        for (size_t i = 0; i < t->n; i++)
                if (t->ops[i].kind == OP_STATE)
                        free(t->ops[i].state);
        free(t->ops);
        free(t);
        return NULL;
}

bool store_txn_empty(const StoreTxn *t)
{
        return t->n == 0;
}

size_t store_txn_bytes(const StoreTxn *t)
{
        return t->bytes;
}

static Op *op_add(StoreTxn *t, OpKind kind)
{
        if (t->n == t->max) {
                t->max = t->max ? t->max * 2 : 16;
                t->ops = realloc(t->ops, t->max * sizeof(Op));
                ASSERT(t->ops);
        }
        t->ops[t->n] = (Op){.kind = kind};
        t->bytes += 128;
        return &t->ops[t->n++];
}

void store_txn_journal(StoreTxn *t, const JournalRecord *r)
{
        Op *op = op_add(t, OP_JOURNAL);
        const char *id = r->kind == JOURNAL_EVENT ? strstr(r->body, "\"id\":\"") : NULL;

        op->journal.seq = r->seq;
        op->journal.incident = r->incident;
        op->journal.kind = r->kind;
        if (id)
                (void)str_copyn(op->journal.id, EVENT_ID_SIZE, id + 6, strcspn(id + 6, "\""));
}

void store_txn_state(StoreTxn *t, const StateRow *row)
{
        Op *op = op_add(t, OP_STATE);

        op->state = malloc(sizeof(StateRow));
        ASSERT(op->state);
        *op->state = *row;
}

void store_txn_key(StoreTxn *t, const KeyRow *key)
{
        op_add(t, OP_KEY)->key = *key;
}

void store_txn_duty(StoreTxn *t, uint32_t worker, bool on, int64_t wall_us)
{
        Op *op = op_add(t, OP_DUTY);

        op->duty.worker = worker;
        op->duty.on = on;
        op->duty.wall_us = wall_us;
}

void store_txn_reading(
        StoreTxn *t, uint32_t device, uint32_t resident, int64_t wall_us, const VitalsEvent *v)
{
}

void store_txn_outbox_put(StoreTxn *t, uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq)
{
        op_add(t, OP_PUT)->row =
                (OutboxRow){.incident = incident, .worker = worker, .channel = channel, .seq = seq};
}

void store_txn_outbox_drop(StoreTxn *t, uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq)
{
        op_add(t, OP_DROP)->row =
                (OutboxRow){.incident = incident, .worker = worker, .channel = channel, .seq = seq};
}

void store_txn_registry(StoreTxn *t, Registry *r)
{
}

/* The disk's side of a commit */

static OutboxRow *outbox_find(const OutboxRow *row)
{
        for (uint32_t i = 0; i < disk.n_outbox; i++)
                if (disk.outbox[i].incident == row->incident && disk.outbox[i].worker == row->worker &&
                        disk.outbox[i].channel == row->channel)
                        return &disk.outbox[i];
        return NULL;
}

static void apply_journal(const Op *op)
{
        if (op->journal.seq != disk.last_seq + 1)
                broken("I5: the journal is contiguous", "row %llu after %llu",
                        (unsigned long long)op->journal.seq, (unsigned long long)disk.last_seq);
        disk.last_seq = op->journal.seq;
        if (!op->journal.id[0])
                return;
        if (disk.n_events == disk.events_max) {
                disk.events_max = disk.events_max ? disk.events_max * 2 : 256;
                disk.events = realloc(disk.events, disk.events_max * sizeof(*disk.events));
                ASSERT(disk.events);
        }
        (void)str_copy(disk.events[disk.n_events++], EVENT_ID_SIZE, op->journal.id);
}

static void apply_outbox(const Op *op)
{
        OutboxRow *row = outbox_find(&op->row);

        if (op->kind == OP_DROP) {
                if (row && row->seq <= op->row.seq)
                        *row = disk.outbox[--disk.n_outbox];
        } else if (row)
                *row = op->row;
        else {
                ASSERT(disk.n_outbox < OUTBOX_MAX);
                disk.outbox[disk.n_outbox++] = op->row;
        }
}

static void apply_state(StateRow *row)
{
        ASSERT(row->id < INCIDENTS_MAX);
        if (row->id >= disk.top)
                disk.top = row->id + 1;
        free(disk.states[row->id]);
        disk.states[row->id] = row;
}

static void apply(Op *op)
{
        switch (op->kind) {
        case OP_JOURNAL: apply_journal(op); break;
        case OP_STATE: apply_state(TAKE_PTR(op->state)); break;
        case OP_KEY:
                if (disk.n_keys == KEYS_MAX) {
                        memmove(disk.keys, disk.keys + 1, sizeof(disk.keys) - sizeof(disk.keys[0]));
                        disk.n_keys--;
                }
                disk.keys[disk.n_keys++] = op->key;
                break;
        case OP_DUTY:
                disk.duty[op->duty.worker].set = true;
                disk.duty[op->duty.worker].on = op->duty.on;
                disk.duty[op->duty.worker].wall_us = op->duty.wall_us;
                break;
        case OP_PUT:
        case OP_DROP: apply_outbox(op); break;
        }
}

static void commit_due(uint64_t life);

static void commit_later(void)
{
        uint64_t after = rnd_between(500, 20000);

        if (chance(world.faults.disk_slow))
                after = rnd_between(20, 900) * USEC_PER_MSEC;
        if (chance(world.faults.disk_hang))
                after = rnd_between(2, 120) * USEC_PER_SEC;
        live->committing = true;
        later(after, commit_due, disk.life);
}

static void learn(uint64_t life)
{
        if (life == disk.life && world.alive)
                daemon_store();
}

static void commit_due(uint64_t life)
{
        StoreTxn *t;

        if (life != disk.life || !live || !live->first)
                return;
        live->committing = false;
        if (chance(world.faults.disk_fail)) {
                live->failing = true;
                trace("the disk fails");
                later(0, learn, life);
                commit_later();
                return;
        }
        live->failing = false;
        while ((t = live->first)) {
                for (size_t i = 0; i < t->n; i++)
                        apply(&t->ops[i]);
                live->first = t->next;
                live->committed_txns++;
                store_txn_free(t);
        }
        live->last = NULL;
        world.commits++;
        maybe_die(world.faults.crash); /* committed, and nobody has heard of it */
        later(rnd_between(1, 200), learn, life);
}

void store_submit(Store *s, StoreTxn *t)
{
        t->submitted_us = clock_now().boot_us;
        if (s->last)
                s->last->next = t;
        else
                s->first = t;
        s->last = t;
        s->submitted_txns++;
        if (!s->committing)
                commit_later();
        maybe_die(world.faults.crash);
}

void store_peek(Store *s, StoreStatus *ret)
{
        *ret = (StoreStatus){.committed_seq = disk.last_seq,
                .committed_txns = s->committed_txns,
                .submitted_txns = s->submitted_txns,
                .oldest_us = s->first ? s->first->submitted_us : 0,
                .failing = s->failing};
        if (s->failing)
                (void)str_copy(ret->why, sizeof(ret->why), "simulated");
}

void store_status(Store *s, StoreStatus *ret)
{
        store_peek(s, ret);
}

int store_fd(const Store *s)
{
        return -1;
}

int store_open(Store **ret, const StoreConfig *config, StoreStart *start)
{
        ASSERT(!live);
        live = calloc(1, sizeof(Store));
        ASSERT(live);
        start->boot = world.boot;
        start->next_incident = disk.top > 1 ? disk.top : 1;
        start->next_seq = disk.last_seq + 1;
        *ret = live;
        return 0;
}

int store_run(Store *s)
{
        return 0;
}

int store_restore(Store *s, Engine *engine, Now now,
        void (*outbox)(void *, uint64_t, uint32_t, uint8_t, uint64_t), void *userdata)
{
        for (uint64_t i = 0; i < disk.top; i++)
                if (disk.states[i] && disk.states[i]->state != STATE_CLOSED)
                        ASSERT(engine_restore(engine, disk.states[i], now) == 0);
        for (uint32_t i = 0; i < disk.n_keys; i++)
                engine_restore_key(engine, &disk.keys[i]);
        for (uint32_t i = 0; i < PEOPLE_MAX; i++)
                if (disk.duty[i].set)
                        engine_restore_duty(engine, i, disk.duty[i].on, disk.duty[i].wall_us);
        for (uint32_t i = 0; i < disk.n_outbox; i++)
                outbox(userdata, disk.outbox[i].incident, disk.outbox[i].worker, disk.outbox[i].channel,
                        disk.outbox[i].seq);
        return 0;
}

int store_merge(Store *s, Engine *engine, Now now)
{
        return 0;
}

const char *store_why(const Store *s)
{
        return "";
}

Store *store_free(Store *s)
{
        if (!s)
                return NULL;
        while (s->first) {
                StoreTxn *t = s->first;

                s->first = t->next;
                store_txn_free(t);
        }
        free(s);
        live = NULL;
        return NULL;
}
