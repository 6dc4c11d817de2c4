/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outbox.
 *
 * `told` holds one entry for each (incident, person, channel) of an incident that is not over. Entries of
 * one incident are linked, so that an incident's alerts can be refreshed or cleared even after the engine
 * has let it go. `fresh` holds the refreshes that wait for the disk.
 *
 * What is to be sent to people stands in queues (told.h): each entry at most once, so that a message which has not left yet is
 * replaced by a newer one and never queued behind itself, and each is encoded when it leaves. How much may be under
 * way is the port's to say (room()). Calls go first, by priority, and of one priority those of which their reader knows
 * nothing yet; then what has changed, standing down included; last the copies that only say "recorded". Programs do not
 * stand in these queues: their port bounds what runs.
 *
 * With a new connection everything is due again (outbox_resend()): as there may be very many, a step of them with each
 * pump, first the calls that no port has taken, then the copies, as the queues become empty.
 *
 * A notice before its commit says "recorded": false. The refresh that follows the commit says true, so the
 * copy that the broker retains is the true one. A notice that asks nothing of its reader (somebody else has
 * it) is calming, and so never leaves before the commit.
 */
#include "outbox.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "context.h"
#include "fresh.h"
#include "store/note.h"
#include "told.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define CALLS_STEP  1024u /* entries looked at in one pump for calls that are due again */
#define COPIES_STEP 128u  /* … and for copies */

typedef enum Resend { RESEND_NOTHING, RESEND_CALLS, RESEND_COPIES } Resend;

struct Outbox {
        const Engine *engine;
        const Registry *registry;
        const Port *ports;
        size_t n_ports;
        Texts *texts;
        ToldTable told;
        FreshTable fresh;
        Resend resend;
        uint32_t resend_at; /* the next entry of it */
        uint32_t *open;     /* by worker id: alerts that this person sees */
        uint32_t n_open;
        uint64_t committed, released;
        uint64_t people_of; /* whose people these are: incident_look() */
        uint32_t n_people;
        RecipientView people[RECIPIENTS_MAX];
        Context context;
        char checkpoint[160]; /* as JSON; "": none yet */
        char json[NOTICE_JSON_MAX], text[NOTICE_TEXT_MAX];
};

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
        r = told_init(&o->told);
        if (r == 0)
                r = fresh_init(&o->fresh);
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
        told_deinit(&o->told);
        fresh_deinit(&o->fresh);
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

/* Who already has an alert of it, or waits since before we were away, waits behind those who know nothing. */
static Due due_call(const Told *t, uint8_t priority, bool again)
{
        unsigned level = priority < 1 ? 0 : priority > 5 ? 4 : priority - 1u;

        ASSERT(t->incident);
        return DUE_CALL + (Due)(2 * level + again);
}

static Told *told_add(Outbox *o, uint64_t incident, uint32_t worker, uint8_t channel)
{
        Told *t = told_find(&o->told, incident, worker, channel);
        bool anew = !t || t->over; /* told again before the alert of the last time was cleared */

        ASSERT(incident > 0);
        if (!t)
                t = told_new(&o->told, incident, worker, channel);
        t->over = false;
        if (anew && channel < CHANNEL_EXEC && worker < o->n_open)
                o->open[worker]++;
        return t;
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
        bool again = t->seq > 0 || e->notify.late;
        IncidentView v;
        Due due;

        ASSERT(e->type == EFFECT_NOTIFY);
        ASSERT(e->seq > 0);
        t->seq = e->seq;
        t->reason = (uint8_t)e->notify.reason;
        if (!t->waiting)
                t->since_us = now.boot_us;
        told_waiting_set(&o->told, t, true);
        store_txn_outbox_put(txn, e->incident, t->worker, t->channel, e->seq);
        if (!incident_look(o, e->incident, now, &v))
                return;
        outbox_refresh(o, e->incident, v.last_seq, false);
        due = due_call(t, v.priority, again);
        if (t->channel >= CHANNEL_EXEC ||
                (told_due_none(&o->told, due) && ports_room(o, t->channel, true))) {
                told_due_clear(&o->told, t);
                call(o, t, &v, now);
        } else {
                told_due_set(&o->told, t, due);
        }
}

void outbox_refresh(Outbox *o, uint64_t incident, uint64_t seq, bool changed)
{
        ASSERT(o);
        fresh_set(&o->fresh, incident, seq, changed, o->committed);
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
        for (uint32_t i = 0; i < o->told.n; i++) {
                Told *t = told_at(&o->told, i);

                if (!t->incident || t->worker == 0 || registry_worker(registry, t->worker))
                        continue;
                told_due_clear(&o->told, t);
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
        told_waiting_set(&o->told, t, false);
        t->deferred = t->text = false;
        if (t->channel < CHANNEL_EXEC) {
                if (t->worker < o->n_open && o->open[t->worker] > 0)
                        o->open[t->worker]--;
                t->over = true;
                told_due_clear(&o->told, t); /* a call that has not left is no call any more */
                told_due_set(&o->told, t, DUE_CHANGE);
        } else {
                (void)alert_clear(o, t); /* one that runs is let run */
                told_free(&o->told, t);
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
        told_waiting_set(&o->told, t, false);
        store_txn_outbox_drop(txn, t->incident, t->worker, t->channel, t->seq);
        return true;
}

/* The incident as it is now is due to everybody told; over: it is to be cleared. */
static bool incident_refresh(Outbox *o, uint64_t incident, bool changed, Now now, StoreTxn *txn)
{
        IncidentView v;
        bool open = incident_look(o, incident, now, &v) && is_shown(&v), dropped = false;

        for (Told *t = told_first(&o->told, incident), *next; t; t = next) {
                next = told_at(&o->told, t->next);
                if (!open || is_over(o, &v, t->worker)) {
                        dropped |= told_over(o, t, txn);
                } else if (t->over) {
                        continue; /* was told of it before it came again, and has not been since */
                } else if (t->channel < CHANNEL_EXEC) {
                        t->text |= changed || t->deferred;
                        if (t->deferred)
                                t->reason = (uint8_t)v.reason;
                        told_due_set(&o->told, t,
                                t->deferred ? due_call(t, v.priority, true)
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
        return fresh_need(&o->fresh, incident) > o->released;
}

/* One whose turn it is. *v: the matter of the one before, or of this one. */
static void told_send(Outbox *o, Told *t, IncidentView *v, Now now)
{
        bool raise = t->due < DUE_CHANGE;

        told_due_clear(&o->told, t);
        if (t->over) {
                (void)alert_clear(o, t); /* one that runs is let run */
                told_free(&o->told, t);
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
                for (Told *t; (t = told_due_first(&o->told, (Due)q));) {
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

/* Entries whose alert goes out once more, since the way is open again. */
static void resend_one(Outbox *o, Told *t, Now now)
{
        IncidentView v;

        if (!incident_look(o, t->incident, now, &v) || !is_shown(&v) ||
                (is_calming(o, &v, t->worker) && o->released < v.last_seq))
                return;
        t->reason = (uint8_t)v.reason;
        t->text = true;
        if (t->channel < CHANNEL_EXEC)
                told_due_set(&o->told, t, t->waiting ? due_call(t, v.priority, true) : DUE_CHANGE);
        else if (t->waiting)
                call(o, t, &v, now);
}

/* A step of what outbox_resend() has asked for. */
static void resend_step(Outbox *o, Now now)
{
        bool calls = o->resend == RESEND_CALLS;

        if (o->resend == RESEND_NOTHING || (!calls && !told_due_none(&o->told, DUE_MAX - 1)))
                return;
        for (uint32_t n = 0; n < (calls ? CALLS_STEP : COPIES_STEP) && o->resend_at < o->told.n;
                o->resend_at++, n++) {
                Told *t = told_at(&o->told, o->resend_at);

                if (t->incident && !t->over && t->waiting == calls)
                        resend_one(o, t, now);
        }
        if (o->resend_at < o->told.n)
                return;
        o->resend = calls ? RESEND_COPIES : RESEND_NOTHING;
        o->resend_at = 0;
}

bool outbox_pump(Outbox *o, uint64_t committed, uint64_t released, Now now, StoreTxn *txn)
{
        bool dropped = false;
        Fresh f;

        ASSERT(committed <= released);
        o->committed = committed;
        o->released = released;
        /* In degraded mode a change is shown at once ("recorded": false); that alone is no change. */
        while (fresh_next(&o->fresh, committed, released, &f)) {
                dropped |= incident_refresh(o, f.incident, f.changed, now, txn);
                if (f.need > committed) /* once more when it is true */
                        outbox_refresh(o, f.incident, f.need, false);
        }
        resend_step(o, now);
        drain(o, now);
        return dropped;
}

bool outbox_sent(Outbox *o, uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq, StoreTxn *txn)
{
        Told *t = told_find(&o->told, incident, worker, channel);

        if (!t || !t->waiting || t->seq > seq)
                return false; /* a later message is under way, or the incident is over */
        told_waiting_set(&o->told, t, false);
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
        told_waiting_set(&o->told, t, true);
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
        for (uint32_t i = 0; i < o->told.n; i++)
                if (told_at(&o->told, i)->incident)
                        outbox_refresh(o, told_at(&o->told, i)->incident, 0, true);
}

void outbox_resend(Outbox *o, Now now)
{
        o->resend = RESEND_CALLS;
        o->resend_at = 0;
        resend_step(o, now);
        drain(o, now);
}

bool outbox_busy(const Outbox *o)
{
        return o->resend == RESEND_CALLS ||
               (o->resend == RESEND_COPIES && told_due_none(&o->told, DUE_MAX - 1));
}

void outbox_read_back(Outbox *o, const char *worker_code, uint64_t incident)
{
        uint32_t worker = registry_worker_id(o->registry, worker_code);
        IncidentView v;

        if (worker &&
                (told_find(&o->told, incident, worker, CHANNEL_APP) ||
                        told_find(&o->told, incident, worker, CHANNEL_PLAIN)) &&
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
        IncidentView v;

        /* The first that counts has waited longest; of SYSTEM matters there are few. */
        for (const Told *t = told_at(&o->told, o->told.waits.first); t;
                t = told_at(&o->told, t->waits_after))
                if (t->channel < CHANNEL_EXEC && t->since_us &&
                        engine_view_numbers(o->engine, t->incident, now, &v) && v.group != GROUP_SYSTEM)
                        return now.boot_us - t->since_us;
        return 0;
}

uint32_t outbox_waiting(const Outbox *o)
{
        return o->told.n_waiting;
}
