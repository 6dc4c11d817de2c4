/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of the simulation: store.h over a disk in memory.
 *
 * A transaction is on the disk when its commit has come, late, after a hang, or after failures; never in
 * part and never out of order. Death takes what was only submitted; and between a commit and the daemon's
 * learning of it there is time to die, too. A database that is begun anew keeps the journal's numbers and nothing
 * else (the old file is set aside: its rows still count as recorded); one that is down at the start is found
 * again later, and merged.
 */
#include "tests/sim/sim.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/idmap.h"
#include "base/str.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define OUTBOX_MAX      4096
#define KEYS_MAX        4096
#define EVENTS_MAX      32768
#define INCIDENTS_AHEAD 1000
#define SEQS_AHEAD      100000

typedef enum OpKind { OP_JOURNAL, OP_STATE, OP_KEY, OP_DUTY, OP_VISIT, OP_READING, OP_PUT, OP_DROP } OpKind;

typedef struct OutboxRow {
        uint64_t incident, seq;
        uint32_t worker;
        uint8_t channel;
} OutboxRow;

typedef struct Op {
        OpKind kind;
        union {
                struct {
                        uint64_t seq, event; /* event: hash of its id, 0: none */
                        JournalRecord *row;  /* for the chain; NULL: this seed keeps none */
                } journal;
                StateRow *state; /* cut behind its blob */
                KeyRow *key;
                struct {
                        uint32_t worker;
                        bool on;
                        int64_t wall_us;
                } duty;
                OutboxRow row;
                MarkRow visit;
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
        bool failing, committing, down, reopened, jump;
        uint64_t committed_txns, submitted_txns, anew;
};

static struct {
        uint64_t last_seq, top; /* top: incident numbers are below it */
        StateRow *states[INCIDENTS_MAX];
        KeyRow keys[KEYS_MAX]; /* a ring */
        uint32_t first_key, n_keys;
        OutboxRow outbox[OUTBOX_MAX];
        uint32_t n_outbox;
        struct {
                bool set, on;
                int64_t wall_us;
        } duty[PEOPLE_MAX + 1];
        MarkRow visits[PEOPLE_MAX + 1]; /* the open ones; value 0: none */
        struct {
                uint64_t hash;
                uint32_t n;
        } events[EVENTS_MAX];
        uint64_t life, first_open;
} disk;

static Store *live;
static DiskOrder order;

static void states_forget(void)
{
        for (uint64_t i = 0; i < disk.top; i++) {
                free(disk.states[i]);
                disk.states[i] = NULL;
        }
        disk.first_open = 0;
        disk.n_keys = disk.first_key = disk.n_outbox = 0;
        memset(disk.duty, 0, sizeof(disk.duty));
        memset(disk.visits, 0, sizeof(disk.visits));
}

void disk_reset(void)
{
        states_forget();
        memset(disk.events, 0, sizeof(disk.events));
        disk.last_seq = disk.top = disk.life = 0;
        order = DISK_WELL;
        chain_forget();
}

void disk_power_cut(void)
{
        disk.life++;
        chain_lost();
}

void disk_order(DiskOrder o)
{
        order = o;
}

uint64_t disk_last_seq(void)
{
        return disk.last_seq;
}

/* What has been recorded */

static uint64_t event_hash(const char *id, size_t n)
{
        uint64_t h = idmap_hash(id, n);

        return h ? h : 1;
}

static uint32_t event_slot(uint64_t hash)
{
        uint32_t i = (uint32_t)hash % EVENTS_MAX;

        for (uint32_t tries = 0; disk.events[i].hash && disk.events[i].hash != hash; tries++) {
                ASSERT(tries < EVENTS_MAX);
                i = (i + 1) % EVENTS_MAX;
        }
        return i;
}

uint32_t disk_event_count(const char *id)
{
        return disk.events[event_slot(event_hash(id, strlen(id)))].n;
}

bool disk_has_event(const char *id)
{
        return disk_event_count(id) > 0;
}

static size_t row_size(const StateRow *row)
{
        return offsetof(StateRow, blob) + row->blob_size;
}

bool disk_state(uint64_t incident, StateRow *ret)
{
        if (incident >= INCIDENTS_MAX || !disk.states[incident])
                return false;
        memcpy(ret, disk.states[incident], row_size(disk.states[incident]));
        return true;
}

void disk_each_state(void (*fn)(const StateRow *, void *), void *userdata)
{
        for (uint64_t i = disk.first_open; i < disk.top; i++)
                if (disk.states[i])
                        fn(disk.states[i], userdata);
}

uint32_t disk_outbox_count(void)
{
        return disk.n_outbox;
}

void disk_each_outbox(void (*fn)(uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq))
{
        for (uint32_t i = 0; i < disk.n_outbox; i++)
                fn(disk.outbox[i].incident, disk.outbox[i].worker, disk.outbox[i].channel,
                        disk.outbox[i].seq);
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
        for (size_t i = 0; i < t->n; i++) {
                if (t->ops[i].kind == OP_JOURNAL)
                        free(t->ops[i].journal.row);
                if (t->ops[i].kind == OP_STATE)
                        free(t->ops[i].state);
                if (t->ops[i].kind == OP_KEY)
                        free(t->ops[i].key);
        }
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
                t->max = t->max ? t->max * 2 : 8;
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
        bool has = r->kind == JOURNAL_EVENT || r->kind == JOURNAL_TEST;
        const char *id = has ? strstr(r->body, "\"id\":\"") : NULL;

        op->journal.seq = r->seq;
        op->journal.event = id ? event_hash(id + 6, strcspn(id + 6, "\"")) : 0;
        op->journal.row = chain_is_kept() ? chain_copy(r) : NULL;
}

void store_txn_state(StoreTxn *t, const StateRow *row)
{
        Op *op = op_add(t, OP_STATE);

        op->state = malloc(row_size(row));
        ASSERT(op->state);
        memcpy(op->state, row, row_size(row));
}

void store_txn_key(StoreTxn *t, const KeyRow *key)
{
        Op *op = op_add(t, OP_KEY);

        op->key = malloc(sizeof(KeyRow));
        ASSERT(op->key);
        *op->key = *key;
}

void store_txn_duty(StoreTxn *t, uint32_t worker, bool on, int64_t wall_us)
{
        Op *op = op_add(t, OP_DUTY);

        op->duty.worker = worker;
        op->duty.on = on;
        op->duty.wall_us = wall_us;
}

void store_txn_mark(StoreTxn *t, const MarkRow *mark) /* of a device: it has its interval anew, no more */
{
        if (mark->kind == MARK_VISIT && mark->id <= PEOPLE_MAX)
                op_add(t, OP_VISIT)->visit = *mark;
}

void store_txn_reading(
        StoreTxn *t, uint32_t device, uint32_t resident, int64_t wall_us, const VitalsEvent *v)
{
        (void)op_add(t, OP_READING);
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
        watch_drop(incident, worker, channel, seq);
}

void store_txn_registry(StoreTxn *t, Registry *r)
{
}

void store_txn_erase(StoreTxn *t, const char *resident) /* bodies of rows are not kept here */
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
        if (op->journal.seq != disk.last_seq + 1 && !(live->jump && op->journal.seq > disk.last_seq))
                broken("I5: the journal is contiguous", "row %llu after %llu",
                        (unsigned long long)op->journal.seq, (unsigned long long)disk.last_seq);
        disk.last_seq = op->journal.seq;
        live->jump = false;
        if (op->journal.row)
                chain_write(op->journal.row);
        if (op->journal.event) {
                uint32_t i = event_slot(op->journal.event);

                disk.events[i].hash = op->journal.event;
                disk.events[i].n++;
        }
}

/* As the store does: rows of an incident go with it. */
static void outbox_forget(uint64_t incident)
{
        for (uint32_t i = 0; i < disk.n_outbox;)
                if (disk.outbox[i].incident == incident)
                        disk.outbox[i] = disk.outbox[--disk.n_outbox];
                else
                        i++;
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
        if (row->id < disk.first_open)
                disk.first_open = row->id;
        if (row->state == STATE_CLOSED)
                outbox_forget(row->id);
        while (disk.first_open < disk.top &&
                (!disk.states[disk.first_open] || disk.states[disk.first_open]->state == STATE_CLOSED))
                disk.first_open++;
}

static void apply(Op *op)
{
        switch (op->kind) {
        case OP_JOURNAL: apply_journal(op); break;
        case OP_STATE: apply_state(TAKE_PTR(op->state)); break;
        case OP_KEY:
                if (disk.n_keys == KEYS_MAX) {
                        disk.first_key = (disk.first_key + 1) % KEYS_MAX;
                        disk.n_keys--;
                }
                disk.keys[(disk.first_key + disk.n_keys++) % KEYS_MAX] = *op->key;
                break;
        case OP_DUTY:
                disk.duty[op->duty.worker].set = true;
                disk.duty[op->duty.worker].on = op->duty.on;
                disk.duty[op->duty.worker].wall_us = op->duty.wall_us;
                break;
        case OP_VISIT: disk.visits[op->visit.id] = op->visit; break;
        case OP_READING: break; /* nobody asks for it again */
        case OP_PUT:
        case OP_DROP: apply_outbox(op); break;
        }
}

static void commit_due(uint64_t life);

static void commit_later(void)
{
        uint64_t after = rnd_between(STREAM_DISK, 500, 20000), slow = rnd_between(STREAM_DISK, 20, 900),
                 hang = rnd_between(STREAM_DISK, 2, 120);

        if (fault(FAULT_DISK_SLOW, 0.3))
                after = slow * USEC_PER_MSEC;
        if (fault(FAULT_DISK_HANG, 0.005))
                after = hang * USEC_PER_SEC;
        if (world.by_hand)
                after = 5 * USEC_PER_MSEC;
        live->committing = true;
        later(after, commit_due, disk.life);
}

static void learn(uint64_t life)
{
        if (life == disk.life && world.alive)
                daemon_store();
}

/* Rows of the first transaction that are written, and no more: the commit has not come. */
static void write_some(void)
{
        const StoreTxn *t = live->first;

        for (size_t i = 0; t && i <= disk.last_seq % t->n; i++)
                if (t->ops[i].kind == OP_JOURNAL && t->ops[i].journal.row)
                        chain_write(t->ops[i].journal.row);
}

/* True: there is an event among what was committed. */
static bool commit_all(void)
{
        StoreTxn *t;
        bool news = false;
        uint64_t before = disk.last_seq;

        while ((t = live->first)) {
                for (size_t i = 0; i < t->n; i++) {
                        news |= t->ops[i].kind == OP_JOURNAL && t->ops[i].journal.event;
                        apply(&t->ops[i]);
                }
                live->first = t->next;
                live->committed_txns++;
                store_txn_free(t);
        }
        live->last = NULL;
        chain_sync();
        world.commits++;
        watch_committed(disk.last_seq, before);
        return news;
}

static void commit_due(uint64_t life)
{
        bool news;

        if (life != disk.life || !live || !live->first)
                return;
        live->committing = false;
        if (live->down || live->reopened || order == DISK_HANGS) {
                commit_later();
                return;
        }
        if (order == DISK_FAILS || fault(FAULT_DISK_FAIL, 0.01)) {
                live->failing = true;
                trace("the disk fails");
                write_some();
                chain_undo();
                later(0, learn, life);
                commit_later();
                return;
        }
        if (fault(FAULT_DISK_ANEW, 0.002)) {
                trace("the database is begun anew");
                states_forget();
                chain_anew();
                live->anew++;
                world.history_lost = world.unsure = true;
        }
        live->failing = false;
        news = commit_all();
        maybe_die(news ? 0.2 : CRASH_RARE); /* committed, and nobody has heard of it */
        later(rnd_between(STREAM_DISK, 1, 200), learn, life);
}

void store_submit(Store *s, StoreTxn *t)
{
        watch_submit();
        t->submitted_us = clock_now().boot_us;
        if (s->last)
                s->last->next = t;
        else
                s->first = t;
        s->last = t;
        s->submitted_txns++;
        if (!s->committing)
                commit_later();
        maybe_die(CRASH_RARE);
}

void store_peek(Store *s, StoreStatus *ret)
{
        *ret = (StoreStatus){.committed_seq = disk.last_seq,
                .committed_txns = s->committed_txns,
                .submitted_txns = s->submitted_txns,
                .oldest_us = s->first ? s->first->submitted_us : 0,
                .failing = s->failing || s->down,
                .reopened = s->reopened,
                .anew = s->anew};
        if (ret->failing)
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

static void found_again(uint64_t life)
{
        if (life != disk.life || !live || !live->down)
                return;
        trace("the database is found again");
        live->down = false;
        live->reopened = true;
        daemon_merged();
        learn(life);
}

int store_open(Store **ret, const StoreConfig *config, StoreStart *start)
{
        uint64_t away = rnd_between(STREAM_DISK, USEC_PER_SEC, 10 * USEC_PER_MIN);

        ASSERT(!live);
        live = calloc(1, sizeof(Store));
        ASSERT(live);
        chain_open();
        start->boot = world.boot;
        start->next_incident = disk.top > 1 ? disk.top : 1;
        start->next_seq = disk.last_seq + 1;
        *ret = live;
        if (!fault(FAULT_DISK_DOWN, 0.1) || disk.top + 2 * INCIDENTS_AHEAD > INCIDENTS_MAX)
                return 0;
        trace("there is no database at the start");
        live->down = live->jump = world.history_lost = world.unsure = true;
        start->next_incident += INCIDENTS_AHEAD;
        start->next_seq += SEQS_AHEAD;
        later(away, found_again, disk.life);
        return STORE_E_DOWN;
}

int store_run(Store *s)
{
        return 0;
}

/* In a merge the engine's own, that are not written yet, are newer. */
static bool visit_waits(uint32_t worker)
{
        for (const StoreTxn *t = live ? live->first : NULL; t; t = t->next)
                for (size_t i = 0; i < t->n; i++)
                        if (t->ops[i].kind == OP_VISIT && t->ops[i].visit.id == worker)
                                return true;
        return false;
}

static void restore_all(Engine *engine, Now now)
{
        for (uint64_t i = disk.first_open; i < disk.top; i++)
                if (disk.states[i] && disk.states[i]->state != STATE_CLOSED) {
                        int r = engine_restore(engine, disk.states[i], now);

                        ASSERT(r == 0 || (r == ENGINE_E_FULL && live->reopened));
                }
        for (uint32_t i = 0; i < disk.n_keys; i++)
                engine_restore_key(engine, &disk.keys[(disk.first_key + i) % KEYS_MAX]);
        for (uint32_t i = 0; i <= PEOPLE_MAX; i++)
                if (disk.duty[i].set)
                        engine_restore_duty(engine, i, disk.duty[i].on, disk.duty[i].wall_us);
        for (uint32_t i = 1; i <= PEOPLE_MAX; i++)
                if (disk.visits[i].value && !visit_waits(i))
                        engine_restore_mark(engine, &disk.visits[i]);
}

int store_restore(Store *s, Engine *engine, Now now,
        void (*outbox)(void *, uint64_t, uint32_t, uint8_t, uint64_t), void *userdata)
{
        if (s->down)
                return 0;
        restore_all(engine, now);
        for (uint32_t i = 0; i < disk.n_outbox; i++)
                outbox(userdata, disk.outbox[i].incident, disk.outbox[i].worker, disk.outbox[i].channel,
                        disk.outbox[i].seq);
        return 0;
}

int store_merge(Store *s, Engine *engine, Now now)
{
        ASSERT(s->reopened);
        restore_all(engine, now);
        s->reopened = false;
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
        if (s->committing && !s->down && !s->reopened)
                write_some();
        while (s->first) {
                StoreTxn *t = s->first;

                s->first = t->next;
                store_txn_free(t);
        }
        free(s);
        live = NULL;
        return NULL;
}
