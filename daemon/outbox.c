/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outbox.
 *
 * `told` holds one entry for each (incident, person, channel) of an incident that is not over. Entries of
 * one incident are linked, so that an incident's alerts can be refreshed or cleared even after the engine
 * has let it go. `fresh` is the queue of refreshes that wait for the disk: one entry an incident, in the
 * order of need.
 *
 * What is to be sent to people stands in `queues`: each entry at most once, so that a message which has not left yet is
 * replaced by a newer one and never queued behind itself, and each is encoded when it leaves. How much may be under
 * way is the port's to say (room()). Calls go first, by priority; then what has changed, standing down included; last
 * the copies that only say "recorded". Programs do not stand in these queues: their port bounds what runs.
 *
 * A notice before its commit says "recorded": false. The refresh that follows the commit says true, so the
 * copy that the broker retains is the true one. A notice that asks nothing of its reader (somebody else has
 * it) is calming, and so never leaves before the commit.
 */
#include "outbox.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/idmap.h"
#include "base/str.h"
#include "context.h"
#include "store/note.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define NONE       UINT32_MAX
#define NOTICE_MAX 32768
#define TOLD_FIRST 1024u

/* What an entry waits for, the most urgent first. */
typedef enum Due {
        DUE_CALL, /* … of priority 1, and those of 2 to 5 behind it */
        DUE_CHANGE = DUE_CALL + 5,
        DUE_RECORDED,
        DUE_MAX,
        DUE_NONE = DUE_MAX,
} Due;

typedef struct Queue {
        uint32_t first, last;
} Queue;

typedef struct Told {
        uint64_t incident, seq; /* seq of the newest attempt; incident 0: free */
        uint32_t worker, next;  /* next of the incident, or of the free list */
        uint32_t before, after; /* in its queue */
        uint8_t channel, due;   /* Due */
        uint8_t reason;         /* of the call that waits */
        bool text;              /* plain clients get a line of it */
        bool over;     /* of an incident that is over: the alert is to be cleared, then it is forgotten */
        bool waiting;  /* no port has taken the newest message for good */
        bool deferred; /* a call that calms: leaves with the refresh that follows the commit */
        uint64_t since_us; /* … since this time since boot; 0: not known */
} Told;

typedef struct Fresh {
        uint64_t incident, need;
        bool changed; /* more than "recorded" has changed: plain clients get a line */
} Fresh;

struct Outbox {
        const Engine *engine;
        const Registry *registry;
        const Port *ports;
        size_t n_ports;
        Texts *texts;
        Told *told;
        uint32_t n_told, told_free, n_waiting;
        void *told_memory, *head_memory, *fresh_memory;
        IdMap by_key, head,
                by_fresh; /* (incident, worker, channel) → told; incident → first told; → fresh + 1 */
        Fresh *fresh;
        uint32_t n_fresh, fresh_max;
        uint32_t *open; /* by worker id: alerts that this person sees */
        uint32_t n_open;
        uint64_t committed, released;
        Queue queues[DUE_MAX];
        uint64_t people_of; /* whose people these are: incident_look() */
        uint32_t n_people;
        RecipientView people[RECIPIENTS_MAX];
        Context context;
        char checkpoint[160]; /* as JSON; "": none yet */
        char json[NOTICE_JSON_MAX], text[NOTICE_TEXT_MAX];
};

static uint64_t told_key(uint64_t incident, uint32_t worker, uint8_t channel)
{
        return idmap_mix(incident, ((uint64_t)worker << 8) | channel);
}

/* All three maps are as large as the table of entries: each entry needs at most one place in each. */
static int tables_grow(Outbox *o, uint32_t n)
{
        Told *told = realloc(o->told, n * sizeof(Told));
        _cleanup_(freep) void *by_key = NULL, *head = NULL;

        if (!told)
                return error_origin(-ENOMEM);
        o->told = told;
        by_key = calloc(1, idmap_size(n));
        head = calloc(1, idmap_size(n));
        if (!by_key || !head)
                return error_origin(-ENOMEM);
        free(o->told_memory);
        free(o->head_memory);
        idmap_init(&o->by_key, by_key, n);
        idmap_init(&o->head, head, n);
        o->told_memory = TAKE_PTR(by_key);
        o->head_memory = TAKE_PTR(head);
        for (uint32_t i = n; i-- > o->n_told;) {
                o->told[i] = (Told){.next = o->told_free, .due = DUE_NONE};
                o->told_free = i;
        }
        for (uint32_t i = 0; i < o->n_told; i++) {
                Told *t = &o->told[i];
                uint32_t first = NONE;

                if (!t->incident)
                        continue;
                (void)idmap_get(&o->head, t->incident, &first);
                t->next = first;
                ASSERT(idmap_set(&o->head, t->incident, i));
                ASSERT(idmap_set(&o->by_key, told_key(t->incident, t->worker, t->channel), i));
        }
        o->n_told = n;
        return 0;
}

static int fresh_grow(Outbox *o, uint32_t n)
{
        Fresh *fresh = realloc(o->fresh, n * sizeof(Fresh));
        void *memory;

        if (!fresh)
                return error_origin(-ENOMEM);
        o->fresh = fresh;
        memory = calloc(1, idmap_size(n));
        if (!memory)
                return error_origin(-ENOMEM);
        free(o->fresh_memory);
        o->fresh_memory = memory;
        o->fresh_max = n;
        idmap_init(&o->by_fresh, memory, n);
        for (uint32_t i = 0; i < o->n_fresh; i++)
                ASSERT(idmap_set(&o->by_fresh, o->fresh[i].incident, i));
        return 0;
}

int outbox_new(Outbox **ret, const Engine *engine, const char *site)
{
        Outbox *o = calloc(1, sizeof(Outbox));
        int r;

        ASSERT(ret);
        ASSERT(engine && site);
        if (!o)
                return error_origin(-ENOMEM);
        o->engine = engine;
        o->context = (Context){.site = site};
        o->told_free = NONE;
        for (unsigned q = 0; q < DUE_MAX; q++)
                o->queues[q] = (Queue){.first = NONE, .last = NONE};
        r = tables_grow(o, TOLD_FIRST);
        if (r == 0)
                r = fresh_grow(o, TOLD_FIRST);
        if (r < 0) {
                outbox_free(o);
                return error_trace(r);
        }
        *ret = o;
        return 0;
}

Outbox *outbox_free(Outbox *o)
{
        if (!o)
                return NULL;
        free(o->told);
        free(o->told_memory);
        free(o->head_memory);
        free(o->fresh);
        free(o->fresh_memory);
        free(o->open);
        free(o);
        return NULL;
}

void outbox_ports_set(Outbox *o, const Port *ports, size_t n_ports)
{
        o->ports = ports;
        o->n_ports = n_ports;
}

void outbox_checkpoint_set(Outbox *o, const char *note)
{
        Str s = STR_BUFFER(o->checkpoint);
        char root[64];
        Checkpoint c;

        if (!note_read(note, &c))
                return;
        note_hash(c.root, root);
        str_addf(&s, "{\"size\":%" PRIu64 ",\"root\":\"%s\",\"first\":%" PRIu64 ",\"time\":%" PRId64 "}",
                c.size, root, c.first, c.time_s);
        ASSERT(!s.full); /* three numbers and 44 letters */
}

void outbox_texts_set(Outbox *o, Texts *texts)
{
        o->texts = texts;
}

void outbox_words(Outbox *o, const Effect *e)
{
        if (o->texts)
                texts_take(o->texts, e);
}

/* The queues */

static void due_clear(Outbox *o, Told *t)
{
        Queue *q;

        if (t->due == DUE_NONE)
                return;
        ASSERT(t->due < DUE_MAX);
        q = &o->queues[t->due];
        if (t->before == NONE)
                q->first = t->after;
        else
                o->told[t->before].after = t->after;
        if (t->after == NONE)
                q->last = t->before;
        else
                o->told[t->after].before = t->before;
        t->due = DUE_NONE;
}

/* Whoever waits for something more urgent keeps his place. */
static void due_set(Outbox *o, Told *t, Due due)
{
        Queue *q = &o->queues[due];
        uint32_t i = (uint32_t)(t - o->told);

        ASSERT(due < DUE_MAX && t->incident);
        if (t->due <= due)
                return;
        due_clear(o, t);
        t->due = (uint8_t)due;
        t->before = q->last;
        t->after = NONE;
        if (q->last == NONE)
                q->first = i;
        else
                o->told[q->last].after = i;
        q->last = i;
}

static Due due_call(uint8_t priority)
{
        return DUE_CALL + (Due)(priority < 1 ? 0 : priority > 5 ? 4 : priority - 1);
}

/* Nobody whose call is as urgent waits. */
static bool due_none(const Outbox *o, Due due)
{
        for (unsigned q = 0; q <= due; q++)
                if (o->queues[q].first != NONE)
                        return false;
        return true;
}

/* Entries */

static Told *told_find(const Outbox *o, uint64_t incident, uint32_t worker, uint8_t channel)
{
        uint32_t i;

        return idmap_get(&o->by_key, told_key(incident, worker, channel), &i) ? &o->told[i] : NULL;
}

static void waiting_set(Outbox *o, Told *t, bool waiting)
{
        o->n_waiting += (uint32_t)waiting - (uint32_t)t->waiting;
        t->waiting = waiting;
}

static Told *told_add(Outbox *o, uint64_t incident, uint32_t worker, uint8_t channel)
{
        Told *t = told_find(o, incident, worker, channel);
        uint32_t first = NONE, i;

        ASSERT(incident > 0);
        if (t && t->over) { /* told again before the alert of the last time was cleared */
                t->over = false;
                if (worker < o->n_open)
                        o->open[worker]++;
        }
        if (t)
                return t;
        if (o->told_free == NONE)
                ASSERT(tables_grow(o, o->n_told * 2) == 0);
        i = o->told_free;
        t = &o->told[i];
        o->told_free = t->next;
        (void)idmap_get(&o->head, incident, &first);
        *t = (Told){
                .incident = incident, .worker = worker, .channel = channel, .next = first, .due = DUE_NONE};
        ASSERT(idmap_set(&o->head, incident, i));
        ASSERT(idmap_set(&o->by_key, told_key(incident, worker, channel), i));
        if (channel < CHANNEL_EXEC && worker < o->n_open)
                o->open[worker]++;
        return t;
}

static void told_free(Outbox *o, Told *t)
{
        uint32_t i = (uint32_t)(t - o->told), at = NONE;

        ASSERT(t->incident && !t->waiting);
        due_clear(o, t);
        idmap_unset(&o->by_key, told_key(t->incident, t->worker, t->channel));
        (void)idmap_get(&o->head, t->incident, &at);
        if (at == i && t->next == NONE)
                idmap_unset(&o->head, t->incident);
        else if (at == i)
                ASSERT(idmap_set(&o->head, t->incident, t->next));
        else {
                while (o->told[at].next != i)
                        at = o->told[at].next;
                o->told[at].next = t->next;
        }
        *t = (Told){.next = o->told_free, .due = DUE_NONE};
        o->told_free = i;
}

/* Sending */

typedef struct Part {
        bool helper, asked; /* asked: to come as backup or take it over, and has not said no */
        bool desk;          /* supervises */
} Part;

/* Whoever is to take it, do it, or ask the resident how it was. */
static const char *request_needs(const IncidentView *v, uint32_t worker, Part part)
{
        switch (v->request) {
        case REQUEST_STATE_OPEN: return "accept"; /* also who had it before */
        case REQUEST_STATE_ASSIGNED: return v->owner == worker ? "start" : part.asked ? "accept" : "";
        case REQUEST_STATE_WAITING:
        case REQUEST_STATE_IN_PROGRESS: return v->owner == worker ? "done" : part.asked ? "accept" : "";
        case REQUEST_STATE_DONE: return part.desk ? "rate" : "";
        case REQUEST_STATE_NONE:
        case REQUEST_STATE_RATED:
        case REQUEST_STATE_NOT_ACCEPTED:
        case REQUEST_STATE_MAX: break;
        }
        return "";
}

static const char *needs_of(const IncidentView *v, uint32_t worker, Part part)
{
        bool there = v->owner == worker || part.helper;

        if (v->request != REQUEST_STATE_NONE)
                return request_needs(v, worker, part);
        switch (v->state) {
        case STATE_ALERTING:
                return part.helper ? "arrive" : "accept"; /* a helper is on the way: nobody owns it yet */
        case STATE_ACCEPTED: return there ? "arrive" : part.asked ? "accept" : "";
        case STATE_ON_SCENE: return there ? "resolve" : part.asked ? "accept" : "";
        case STATE_NONE:
        case STATE_RESOLVED:
        case STATE_CLOSED:
        case STATE_MAX: break;
        }
        return "";
}

/* The incident as it is now, and who has been told of it, which what follows is about. False: it is not there any more. */
static bool incident_look(Outbox *o, uint64_t incident, Now now, IncidentView *ret)
{
        if (!engine_view(o->engine, incident, now, ret))
                return false;
        o->n_people = engine_recipients(o->engine, incident, o->people);
        o->people_of = incident;
        return true;
}

static Part part_of(const Outbox *o, const IncidentView *v, uint32_t worker)
{
        const Worker *w = registry_worker(o->registry, worker);
        bool called = false, declined = false;
        Part part = {.desk = w && (role_rights(w->role) & RIGHT_SUPERVISE)};

        ASSERT(o->people_of == v->id);
        for (uint32_t i = 0; i < o->n_people; i++) {
                const RecipientView *rv = &o->people[i];

                if (rv->worker != worker)
                        continue;
                part.helper |= rv->helper;
                declined |= rv->declined;
                called |= v->everybody || (v->backup_seq && rv->seq >= v->backup_seq);
        }
        part.asked = worker && (v->successor == worker || (called && !declined));
        return part;
}

static bool ports_room(const Outbox *o, uint8_t channel, bool raise)
{
        bool room = true;

        for (size_t i = 0; i < o->n_ports; i++)
                if (o->ports[i].ops->alert && (o->ports[i].channels & (1u << channel))) {
                        room = !o->ports[i].ops->room || o->ports[i].ops->room(o->ports[i].port, raise);
                        if (room)
                                break;
                }
        return room;
}

static void ports_flush(const Outbox *o)
{
        for (size_t i = 0; i < o->n_ports; i++)
                if (o->ports[i].ops->flush)
                        o->ports[i].ops->flush(o->ports[i].port);
}

/* True: a port has it in hand and will report by sent(). */
static bool ports_alert(const Outbox *o, const PortAlert *a)
{
        bool taken = false;

        for (size_t i = 0; i < o->n_ports; i++)
                if (o->ports[i].ops->alert && (o->ports[i].channels & (1u << a->channel)))
                        taken |= o->ports[i].ops->alert(o->ports[i].port, a) == 0;
        return taken;
}

typedef struct Send {
        const IncidentView *view;
        Told *told;
        Reason reason;
        bool raise, text;
        bool refresh; /* see PortAlert */
} Send;

static void alert_send(Outbox *o, const Send *s, Now now)
{
        const IncidentView *v = s->view;
        const Worker *w = registry_worker(o->registry, s->told->worker);
        bool text = s->text;
        NoticeContext c;
        PortAlert a;
        Part part;
        size_t n;

        s->told->deferred = s->told->text = false;
        if (s->told->worker != 0 && !w)
                return; /* left the registry: the ladder calls others */
        context_fill(&o->context, v, w, o->people, o->n_people, &c);
        if (v->request != REQUEST_STATE_NONE)
                c.words = texts_words(o->texts, v->id);
        part = part_of(o, v, s->told->worker);
        c.needs = s->told->worker == 0 ? "" : needs_of(v, s->told->worker, part);
        c.accessible = s->told->worker != 0 && (part.helper || v->owner == s->told->worker) &&
                       v->state != STATE_ALERTING; /* the way in is for those who have said that they come */
        c.checkpoint = o->checkpoint[0] ? o->checkpoint : NULL;
        c.recorded = o->committed >= v->last_seq;
        c.now_us = now.wall_us;
        c.notice_seq = (int64_t)(s->raise || s->told->seq > v->last_seq ? s->told->seq : v->last_seq);
        c.reason = s->reason;
        c.to_phone = w && s->told->channel >= CHANNEL_PERSON ? w->phone : NULL;
        ASSERT(notice_json(v, &c, o->json, sizeof(o->json), &n)); /* fits: NOTICE_JSON_MAX */
        if (text)
                (void)notice_text(v, &c, o->text, sizeof(o->text)); /* cut at its end, still a line */
        a = (PortAlert){
                .incident = v->id,
                .seq = s->refresh ? s->told->seq
                                  : (uint64_t)c.notice_seq, /* of the attempt that it stands for */
                .worker = s->told->worker,
                .worker_code = w ? w->code : "",
                .channel = s->told->channel,
                .json = o->json,
                .json_size = n,
                .text = text ? o->text : NULL,
                .count = s->told->worker < o->n_open ? o->open[s->told->worker] : 1,
                .priority = v->priority,
                .raise = s->raise,
                .refresh = s->refresh,
        };
        (void)ports_alert(
                o, &a); /* not taken: the row waits, and outbox_resend() comes with the connection */
}

/* Somebody else has it: this reader may stop. Such a notice waits for the disk. */
static bool is_calming(const Outbox *o, const IncidentView *v, uint32_t worker)
{
        return worker != 0 && str_equal(needs_of(v, worker, part_of(o, v, worker)), "");
}

/* A request that is done stays with the desks until the resident has been asked. */
static bool is_shown(const IncidentView *v)
{
        return v->state == STATE_ALERTING || v->state == STATE_ACCEPTED || v->state == STATE_ON_SCENE ||
               v->request == REQUEST_STATE_DONE;
}

/* Sends a call; one that calms waits for the refresh that follows the commit. */
static void call(Outbox *o, Told *t, const IncidentView *v, Now now)
{
        t->deferred = is_calming(o, v, t->worker) && o->released < v->last_seq;
        if (t->deferred) {
                outbox_refresh(o, v->id, v->last_seq, false);
                return;
        }
        alert_send(o,
                &(Send){.view = v, .told = t, .reason = (Reason)t->reason, .raise = true, .text = true},
                now);
}

void outbox_notify(Outbox *o, const Effect *e, Now now, StoreTxn *txn)
{
        Told *t = told_add(o, e->incident, e->notify.worker, e->notify.channel);
        IncidentView v;
        Due due;

        ASSERT(e->type == EFFECT_NOTIFY);
        ASSERT(e->seq > 0);
        t->seq = e->seq;
        t->reason = (uint8_t)e->notify.reason;
        if (!t->waiting)
                t->since_us = now.boot_us;
        waiting_set(o, t, true);
        store_txn_outbox_put(txn, e->incident, t->worker, t->channel, e->seq);
        if (!incident_look(o, e->incident, now, &v))
                return;
        outbox_refresh(o, e->incident, v.last_seq, false);
        due = due_call(v.priority);
        if (t->channel >= CHANNEL_EXEC || (due_none(o, due) && ports_room(o, t->channel, true))) {
                due_clear(o, t);
                call(o, t, &v, now);
        } else {
                due_set(o, t, due);
        }
}

void outbox_refresh(Outbox *o, uint64_t incident, uint64_t seq, bool changed)
{
        uint32_t i;

        ASSERT(incident > 0);
        if (idmap_get(&o->by_fresh, incident, &i)) {
                if (seq > o->fresh[i].need)
                        o->fresh[i].need = seq;
                o->fresh[i].changed |= changed;
                return;
        }
        if (o->n_fresh == o->fresh_max)
                ASSERT(fresh_grow(o, o->fresh_max * 2) == 0);
        i = o->n_fresh++;
        o->fresh[i] = (Fresh){.incident = incident, .need = seq, .changed = changed};
        ASSERT(idmap_set(&o->by_fresh, incident, i));
}

static void fresh_remove(Outbox *o, uint32_t i)
{
        idmap_unset(&o->by_fresh, o->fresh[i].incident);
        o->fresh[i] = o->fresh[--o->n_fresh];
        if (i < o->n_fresh)
                ASSERT(idmap_set(&o->by_fresh, o->fresh[i].incident, i));
}

/* True: a port has cleared it; a program's that has had its turn is not. */
static bool alert_clear(Outbox *o, const Told *t)
{
        const Worker *w = registry_worker(o->registry, t->worker);
        uint32_t open = t->worker < o->n_open ? o->open[t->worker] : 0;

        if (t->worker != 0 && !w)
                return false;
        return ports_alert(
                o, &(PortAlert){.incident = t->incident,
                           .worker = t->worker,
                           .worker_code = w ? w->code : "", /* programs: what still waits is not run */
                           .channel = t->channel,
                           .text = open == 0 ? "" : NULL,
                           .count = open});
}

/*
 * Who has left the registry keeps no alert: names and telephone numbers stand in it, and the broker would keep it until
 * the matter is over. Without a connection it is read back, and cleared, with the next.
 */
static void leavers_clear(Outbox *o, const Registry *registry)
{
        for (uint32_t i = 0; i < o->n_told; i++) {
                Told *t = &o->told[i];

                if (!t->incident || t->worker == 0 || registry_worker(registry, t->worker))
                        continue;
                due_clear(o, t);
                if (t->channel < CHANNEL_EXEC && t->worker < o->n_open)
                        o->open[t->worker] = 0;
                (void)alert_clear(o, t); /* not taken: see above */
        }
        ports_flush(o);
}

void outbox_registry_set(Outbox *o, const Registry *registry)
{
        uint32_t n = registry->n_workers + 1;

        if (o->registry)
                leavers_clear(o, registry);
        o->registry = registry;
        context_registry_set(&o->context, registry);
        if (n > o->n_open) {
                uint32_t *open = realloc(o->open, n * sizeof(uint32_t));

                NEED_MEMORY(open); /* a few KiB, at an import */
                memset(open + o->n_open, 0, (n - o->n_open) * sizeof(uint32_t));
                o->open = open;
                o->n_open = n;
        }
}

/* Others than desks have nothing to do with what is done. */
static bool is_over(const Outbox *o, const IncidentView *v, uint32_t worker)
{
        const Worker *w = registry_worker(o->registry, worker);

        return v->request == REQUEST_STATE_DONE && !(w && (role_rights(w->role) & RIGHT_SUPERVISE));
}

/* It is over: what no port has taken need not be sent any more. True: a row was dropped in txn. */
static bool told_over(Outbox *o, Told *t, StoreTxn *txn)
{
        bool dropped = t->waiting;

        if (t->over)
                return false;
        if (t->waiting)
                store_txn_outbox_drop(txn, t->incident, t->worker, t->channel, t->seq);
        waiting_set(o, t, false);
        t->deferred = t->text = false;
        if (t->channel < CHANNEL_EXEC) {
                if (t->worker < o->n_open && o->open[t->worker] > 0)
                        o->open[t->worker]--;
                t->over = true;
                due_clear(o, t); /* a call that has not left is no call any more */
                due_set(o, t, DUE_CHANGE);
        } else {
                (void)alert_clear(o, t); /* one that runs is let run */
                told_free(o, t);
        }
        return dropped;
}

/*
 * A program's message that has not had its turn says what is true now; one that would ask nothing of its reader any
 * more is withdrawn. True: a row was dropped.
 */
static bool program_refresh(Outbox *o, Told *t, const IncidentView *v, Now now, StoreTxn *txn)
{
        if (!is_calming(o, v, t->worker)) {
                alert_send(
                        o, &(Send){.view = v, .told = t, .reason = (Reason)t->reason, .refresh = true}, now);
                return false;
        }
        if (!alert_clear(o, t))
                return false; /* it runs: its sent() will come */
        waiting_set(o, t, false);
        store_txn_outbox_drop(txn, t->incident, t->worker, t->channel, t->seq);
        return true;
}

/* The incident as it is now is due to everybody told; over: it is to be cleared. */
static bool incident_refresh(Outbox *o, uint64_t incident, bool changed, Now now, StoreTxn *txn)
{
        IncidentView v;
        bool open = incident_look(o, incident, now, &v) && is_shown(&v), dropped = false;
        uint32_t i = NONE;

        (void)idmap_get(&o->head, incident, &i);
        for (uint32_t next; i != NONE; i = next) {
                Told *t = &o->told[i];

                next = t->next;
                if (!open || is_over(o, &v, t->worker)) {
                        dropped |= told_over(o, t, txn);
                } else if (t->over) {
                        continue; /* was told of it before it came again, and has not been since */
                } else if (t->channel < CHANNEL_EXEC) {
                        t->text |= changed || t->deferred;
                        if (t->deferred)
                                t->reason = (uint8_t)v.reason;
                        due_set(o, t,
                                t->deferred ? due_call(v.priority)
                                : changed   ? DUE_CHANGE
                                            : DUE_RECORDED);
                } else if (t->deferred) {
                        t->reason = (uint8_t)v.reason;
                        call(o, t, &v, now);
                } else if (changed && t->waiting) {
                        dropped |= program_refresh(o, t, &v, now, txn);
                }
        }
        return dropped;
}

/* Something about it waits for the disk: then it is shown when the disk has it, and not before. */
static bool is_ahead(const Outbox *o, uint64_t incident)
{
        uint32_t i;

        return idmap_get(&o->by_fresh, incident, &i) && o->fresh[i].need > o->released;
}

/* One whose turn it is. *v: the matter of the one before, or of this one. */
static void told_send(Outbox *o, Told *t, IncidentView *v, Now now)
{
        bool raise = t->due < DUE_CHANGE;

        due_clear(o, t);
        if (t->over) {
                (void)alert_clear(o, t); /* one that runs is let run */
                told_free(o, t);
        } else if (v->id != t->incident && !incident_look(o, t->incident, now, v)) {
                return; /* is forgotten as soon as its end is on the disk */
        } else if (raise) {
                call(o, t, v, now);
        } else if (!is_ahead(o, t->incident)) {
                alert_send(o, &(Send){.view = v, .told = t, .reason = v->reason, .text = t->text}, now);
        }
}

/* What may leave now, the most urgent first. */
static void drain(Outbox *o, Now now)
{
        IncidentView v = {.id = 0};
        bool sent = false;

        for (unsigned q = 0; q < DUE_MAX; q++)
                while (o->queues[q].first != NONE) {
                        Told *t = &o->told[o->queues[q].first];

                        if (!ports_room(o, t->channel, q < DUE_CHANGE)) {
                                q = DUE_MAX - 1; /* nothing overtakes it */
                                break;
                        }
                        told_send(o, t, &v, now);
                        sent = true;
                }
        if (sent)
                ports_flush(o);
}

bool outbox_pump(Outbox *o, uint64_t committed, uint64_t released, Now now, StoreTxn *txn)
{
        bool dropped = false;

        ASSERT(committed <= released);
        o->committed = committed;
        o->released = released;
        for (uint32_t i = 0; i < o->n_fresh;) {
                Fresh f = o->fresh[i];

                /* In degraded mode a change is shown at once ("recorded": false); that alone is no change.
                 */
                if (f.need > (f.changed ? released : committed)) {
                        i++;
                        continue;
                }
                fresh_remove(o, i);
                dropped |= incident_refresh(o, f.incident, f.changed, now, txn);
                if (f.need > committed) /* once more when it is true */
                        outbox_refresh(o, f.incident, f.need, false);
        }
        drain(o, now);
        return dropped;
}

bool outbox_sent(Outbox *o, uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq, StoreTxn *txn)
{
        Told *t = told_find(o, incident, worker, channel);

        if (!t || !t->waiting || t->seq > seq)
                return false; /* a later message is under way, or the incident is over */
        waiting_set(o, t, false);
        store_txn_outbox_drop(txn, incident, worker, channel, seq);
        return true;
}

void outbox_restore(Outbox *o, uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq)
{
        Told *t;

        if (channel >= CHANNEL_MAX)
                return;
        t = told_add(o, incident, worker, channel);
        t->seq = seq;
        waiting_set(o, t, true);
}

void outbox_adopt(Outbox *o, Now now)
{
        for (uint64_t id = engine_next_held(o->engine, 0); id; id = engine_next_held(o->engine, id)) {
                RecipientView rv;
                IncidentView v;

                if (!engine_view(o->engine, id, now, &v) || !is_shown(&v))
                        continue;
                for (uint32_t i = 0; engine_recipient(o->engine, id, i, now, &rv); i++) {
                        Told *t;

                        if (is_over(o, &v, rv.worker))
                                continue;
                        t = told_add(o, id, rv.worker, rv.channel);
                        if (rv.seq > t->seq)
                                t->seq = rv.seq;
                }
        }
        /* Rows of incidents that are over: cleared like any other. */
        for (uint32_t i = 0; i < o->n_told; i++)
                if (o->told[i].incident)
                        outbox_refresh(o, o->told[i].incident, 0, true);
}

void outbox_resend(Outbox *o, Now now)
{
        for (uint64_t id = engine_next_held(o->engine, 0); id; id = engine_next_held(o->engine, id)) {
                IncidentView v;
                uint32_t i = NONE;

                if (!incident_look(o, id, now, &v) || !is_shown(&v))
                        continue;
                (void)idmap_get(&o->head, id, &i);
                for (; i != NONE; i = o->told[i].next) {
                        Told *t = &o->told[i];
                        bool wait = is_calming(o, &v, t->worker) && o->released < v.last_seq;

                        if (wait || t->over)
                                continue;
                        t->reason = (uint8_t)v.reason;
                        t->text = true;
                        if (t->channel < CHANNEL_EXEC)
                                due_set(o, t, t->waiting ? due_call(v.priority) : DUE_CHANGE);
                        else if (t->waiting)
                                call(o, t, &v, now);
                }
        }
        drain(o, now);
}

void outbox_read_back(Outbox *o, const char *worker_code, uint64_t incident)
{
        uint32_t worker = registry_worker_id(o->registry, worker_code);
        IncidentView v;

        if (worker &&
                (told_find(o, incident, worker, CHANNEL_APP) ||
                        told_find(o, incident, worker, CHANNEL_PLAIN)) &&
                engine_view(o->engine, incident, clock_now(), &v) && is_shown(&v))
                return;
        (void)ports_alert(o, &(PortAlert){.incident = incident,
                                     .worker = worker,
                                     .worker_code = worker_code,
                                     .channel = CHANNEL_APP,
                                     .count = worker < o->n_open ? o->open[worker] : 0});
        ports_flush(o);
}

void outbox_read_back_text(Outbox *o, const char *worker_code)
{
        uint32_t worker = registry_worker_id(o->registry, worker_code);
        char text[96], count[96];
        Str t = STR_BUFFER(text), c = STR_BUFFER(count);

        if (worker && worker < o->n_open && o->open[worker] > 0)
                return;
        str_addf(&t, "worker/%s/text", worker_code);
        str_addf(&c, "worker/%s/count", worker_code);
        ASSERT(!t.full && !c.full); /* a code fits */
        for (size_t i = 0; i < o->n_ports; i++)
                if (o->ports[i].ops->tell) {
                        o->ports[i].ops->tell(o->ports[i].port, text, "");
                        o->ports[i].ops->tell(o->ports[i].port, count, worker ? "0" : "");
                }
}

void outbox_raised(Outbox *o)
{
        ports_flush(o);
}

uint64_t outbox_oldest(const Outbox *o, Now now)
{
        uint64_t oldest = 0;
        IncidentView v;

        for (uint32_t i = 0; i < o->n_told && o->n_waiting > 0; i++) {
                const Told *t = &o->told[i];

                if (!t->incident || !t->waiting || t->channel >= CHANNEL_EXEC || !t->since_us ||
                        now.boot_us - t->since_us <= oldest ||
                        !engine_view(o->engine, t->incident, now, &v) || v.group == GROUP_SYSTEM)
                        continue;
                oldest = now.boot_us - t->since_us;
        }
        return oldest;
}

uint32_t outbox_waiting(const Outbox *o)
{
        return o->n_waiting;
}
