/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The turn: everything that the gateway does happens here, in this order, and the order is the promise.
 *
 *   1. Read the clock once. Look at everything again, if somebody asked for it (turn_look()).
 *   2. For each event in arrival order: first what is due by now, then the event itself, through the engine.
 *   3. What RAISES help leaves at once, before the disk is touched.
 *   4. What happened goes to the store as one transaction. Nobody waits for it here.
 *   5. What CALMS is queued behind the journal row that it depends on, and leaves in turn_store(), when the
 * store has said that this row is durable.
 *   6. The timer is armed at the next deadline.
 *
 * A crash after 3 and before the commit means that somebody was called for an event that nobody remembers:
 * the device has had no receipt, sends again, and the call is doubled. The other order would lose a call.
 *
 * Rows have contiguous numbers, so one number says all: `committed` is how far the disk is. A repeat of an
 * event whose row is still on its way depends on the same number as the first, and is answered at the same
 * time.
 *
 * A turn is bounded, whatever is due: after a start with a hundred thousand open matters every one of them may be
 * overdue. Of that, so many lists are carried out in one turn (EXPIRE_LISTS), and the timer brings the next turn at once,
 * behind the presses that have come meanwhile; the engine calls for a press before it goes on with what is overdue.
 *
 * Lazy rows (delivered, seen), readings and dropped outbox rows wait for the next urgent row, or a second.
 *
 * Degraded mode: a commit that fails or takes longer than LIMIT_DEGRADED_US. The ladder has not waited, so
 * nothing changes for it. PUBACKs, workers' replies ("recorded": false) and changed alerts are released,
 * since the engine holds the event and a worker must know that his acceptance counts; receipts, CoAP answers
 * and lamps are not, because devices must go on until it is true.
 */
#include "turn.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "limits.h"
#include "protocols/codec/codec.h"
#include "recent.h"

#include <errno.h>
#include <string.h>

#define CALM_FIRST    1024u
#define CALM_RECEIPTS 16384u        /* with as many waiting, the older half of the receipts is let go */
#define TXN_BYTES_MAX (256u * 1024) /* lazy rows and readings are handed over at this size at the latest */
#define LAMPS_AHEAD   32u           /* effects among which a later lamp of the same device is looked for */
#define EXPIRE_LISTS  2u            /* full lists of what is due, in one turn */

/*
 * Effects that wait, in the order in which they came; and that is the order of the rows they wait for, but for repeats,
 * which then wait for their neighbours' rows as well.
 */
typedef struct Ring {
        Effect *effects;
        uint32_t first, n, max;
} Ring;

struct Turn {
        Engine *engine;
        Store *store;
        Inbox *inbox;
        Outbox *outbox;
        TurnHost host;
        const Registry *registry;
        const Port *ports;
        size_t n_ports;
        EffectList list;
        StoreTxn *txn;
        bool urgent;        /* txn holds a row that somebody waits for */
        uint64_t lazy_us;   /* when txn must be handed over at the latest; UINT64_MAX: nothing in it */
        Ring calm;          /* wait until their row is committed */
        Ring replies;       /* … or released */
        Ring repeats;       /* their row was committed when they came */
        unsigned lists;     /* that this turn may still fill with what is due */
        uint64_t committed; /* journal rows up to here are durable */
        uint64_t anew;      /* how often the database was begun anew while we ran */
        bool degraded, running, releasing;
        bool look; /* the roster, the clock, or what is held has become another: the next turn looks at everything */
        char *body; /* of a journal row */
        size_t body_cap;
        StateRow row;
        Inflight *inflight;
        Recent *recent;
        uint64_t n_turns, n_events, n_pumps;
};

int turn_new(Turn **ret, Engine *engine, Store *store, Inbox *inbox, Outbox *outbox, const TurnHost *host)
{
        Turn *t = calloc(1, sizeof(Turn));

        ASSERT(ret && engine && store);
        ASSERT(inbox && outbox && host);
        if (!t)
                return error_origin(-ENOMEM);
        *t = (Turn){.engine = engine,
                .store = store,
                .inbox = inbox,
                .outbox = outbox,
                .host = *host,
                .lazy_us = UINT64_MAX,
                .committed = engine_next_seq(engine) - 1};
        t->txn = store_txn_new();
        t->recent = recent_new();
        *ret = t;
        return 0;
}

Turn *turn_free(Turn *t)
{
        if (!t)
                return NULL;
        store_txn_free(t->txn);
        recent_free(t->recent);
        free(t->calm.effects);
        free(t->replies.effects);
        free(t->repeats.effects);
        free(t->body);
        free(t);
        return NULL;
}

void turn_ports_set(Turn *t, const Port *ports, size_t n_ports)
{
        t->ports = ports;
        t->n_ports = n_ports;
}

void turn_registry_set(Turn *t, const Registry *registry)
{
        t->registry = registry;
}

void turn_inflight_set(Turn *t, Inflight *inflight)
{
        t->inflight = inflight;
}

TurnProgress turn_progress(const Turn *t)
{
        return (TurnProgress){.turns = t->n_turns,
                .events = t->n_events,
                .pumps = t->n_pumps,
                .waiting = inbox_first(t->inbox) != NULL};
}

uint64_t turn_committed(const Turn *t)
{
        return t->committed;
}

uint64_t turn_released(const Turn *t)
{
        return t->degraded ? engine_next_seq(t->engine) - 1 : t->committed;
}

bool turn_is_degraded(const Turn *t)
{
        return t->degraded;
}

bool turn_is_clean(const Turn *t)
{
        StoreStatus s;

        store_peek(t->store, &s);
        return !t->look && store_txn_empty(t->txn) && !inbox_first(t->inbox) &&
               s.committed_txns == s.submitted_txns;
}

/* What is recorded */

static void txn_touch(Turn *t, bool urgent, uint64_t boot_us)
{
        if (t->lazy_us == UINT64_MAX)
                t->lazy_us = boot_us + LIMIT_LAZY_US;
        t->urgent |= urgent;
}

static void record_journal(Turn *t, const Effect *e, Now now)
{
        const JournalRow *j = &e->journal;
        const Device *device = registry_device(t->registry, j->device);
        const Dwelling *dwelling = registry_dwelling(t->registry, j->dwelling);
        const Resident *resident = registry_resident(t->registry, j->resident);
        const Grid *grid = registry_grid(t->registry, j->grid);
        const Worker *worker = registry_worker(t->registry, j->worker),
                     *to = registry_worker(t->registry, j->to_worker);
        char around[2048];
        Str s = STR_BUFFER(around);
        bool has = j->kind == JOURNAL_READING && recent_json(t->recent, j->resident, now.wall_us, &s) &&
                   !s.full;
        size_t n;
        int r = record_json(j,
                &(RecordContext){.device = device ? device->code : NULL,
                        .dwelling = dwelling ? dwelling->code : NULL,
                        .resident = resident ? resident->code : NULL,
                        .grid = grid ? grid->code : NULL,
                        .worker = worker ? worker->code : NULL,
                        .to_worker = to ? to->code : NULL,
                        .around = has ? around : NULL},
                &t->body, &t->body_cap, &n);

        NEED_MEMORY(r == 0); /* nothing else can fail */
        store_txn_journal(t->txn, &(JournalRecord){.seq = e->seq,
                                          .incident = e->incident,
                                          .kind = j->kind,
                                          .t_us = now.wall_us,
                                          .tb_us = now.boot_us,
                                          .boot = now.boot,
                                          .time_quality = now.trusted,
                                          .device = j->device,
                                          .dwelling = j->dwelling,
                                          .worker = j->worker,
                                          .grid = j->grid,
                                          .body = t->body,
                                          .body_size = (uint32_t)n});
        txn_touch(t, !j->lazy, now.boot_us);
        t->host.journaled(t->host.userdata, e);
}

static Effect *ring_at(const Ring *r, uint32_t i)
{
        return &r->effects[(r->first + i) % r->max];
}

static void ring_push(Ring *r, const Effect *e)
{
        if (r->n == r->max) {
                uint32_t max = r->max ? r->max * 2 : CALM_FIRST;
                Effect *effects = calloc(max, sizeof(Effect));

                NEED_MEMORY(effects);
                for (uint32_t i = 0; i < r->n; i++)
                        effects[i] = *ring_at(r, i);
                free(r->effects);
                *r = (Ring){.effects = effects, .n = r->n, .max = max};
        }
        *ring_at(r, r->n++) = *e;
}

/* NULL: none waits for a row up to this one. Valid until ring_drop(). */
static const Effect *ring_first(const Ring *r, uint64_t seq)
{
        return r->n > 0 && ring_at(r, 0)->seq <= seq ? ring_at(r, 0) : NULL;
}

static void ring_drop(Ring *r)
{
        ASSERT(r->n > 0);
        r->first = (r->first + 1) % r->max;
        r->n--;
}

/*
 * Behind a disk that is dead, every repeat of every device adds a receipt. The older half goes: whoever waits for one
 * sends again until he has it, and a lamp, which nobody would ask for again, stays.
 */
static void calm_thin(Ring *r)
{
        uint32_t n = r->n, kept = 0, drop = 0;

        for (uint32_t i = 0; i < n; i++)
                drop += ring_at(r, i)->type == EFFECT_RECEIPT;
        drop /= 2;
        for (uint32_t i = 0; i < n; i++) {
                const Effect *e = ring_at(r, i);

                if (e->type == EFFECT_RECEIPT && drop > 0)
                        drop--;
                else
                        *ring_at(r, kept++) = *e;
        }
        ASSERT(kept <= n);
        r->n = kept;
}

/* A lamp waits in its place even so: the words of one device keep their order. */
static void calm_push(Turn *t, const Effect *e)
{
        ASSERT(!t->releasing);
        if (e->seq <= t->committed && (e->type == EFFECT_RECEIPT || e->type == EFFECT_REPLY)) {
                ring_push(&t->repeats, e);
                return;
        }
        if (e->type == EFFECT_REPLY) {
                ring_push(&t->replies, e);
                return;
        }
        if (t->calm.n == t->calm.max && t->calm.max >= CALM_RECEIPTS)
                calm_thin(&t->calm);
        ring_push(&t->calm, e);
}

/* 3 to 5 for one list. Returns the number that answers to this step depend on. */
static uint64_t effects_take(Turn *t, Now now)
{
        uint64_t need = 0;
        bool raised = false;

        for (uint32_t i = 0; i < t->list.n; i++)
                if (t->list.effects[i].type == EFFECT_JOURNAL)
                        outbox_words(t->outbox, &t->list.effects[i]);
        for (uint32_t i = 0; i < t->list.n; i++)
                if (t->list.effects[i].urgency == URGENCY_RAISE) {
                        outbox_notify(t->outbox, &t->list.effects[i], now, t->txn);
                        raised = true;
                }
        if (raised)
                outbox_raised(t->outbox);
        for (uint32_t i = 0; i < t->list.n; i++) {
                const Effect *e = &t->list.effects[i];

                switch (e->type) {
                case EFFECT_JOURNAL:
                        record_journal(t, e, now);
                        if (!e->journal.lazy && e->seq > need)
                                need = e->seq;
                        break;
                case EFFECT_STATE:
                        if (engine_state_row(t->engine, e->incident, now, &t->row))
                                store_txn_state(t->txn, &t->row);
                        txn_touch(t, false, now.boot_us);
                        break;
                case EFFECT_KEY:
                        store_txn_key(t->txn, &e->key);
                        txn_touch(t, false, now.boot_us);
                        break;
                case EFFECT_DUTY:
                        store_txn_duty(t->txn, e->duty.worker, e->duty.on, e->duty.wall_us);
                        txn_touch(t, false, now.boot_us);
                        break;
                case EFFECT_READING:
                        store_txn_reading(t->txn, e->reading.device, e->reading.resident, e->reading.wall_us,
                                &e->reading.vitals);
                        recent_add(t->recent, e->reading.resident, e->reading.wall_us, now.wall_us,
                                &e->reading.vitals);
                        txn_touch(t, false, now.boot_us);
                        break;
                case EFFECT_MARK:
                        store_txn_mark(t->txn, &e->mark);
                        txn_touch(t, false, now.boot_us);
                        break;
                case EFFECT_NOTIFY: break; /* has gone, above */
                case EFFECT_ALERT: outbox_refresh(t->outbox, e->incident, e->seq, true); break;
                case EFFECT_RECEIPT:
                case EFFECT_LAMP:
                case EFFECT_REPLY:
                case EFFECT_VIEW:
                        calm_push(t, e);
                        if (e->seq > need)
                                need = e->seq;
                        break;
                }
        }
        return need;
}

/* What calms */

static const Port *port_of(const Turn *t, EventVia via)
{
        if (via == VIA_DTLS)
                via = VIA_COAP; /* one adapter */
        for (size_t i = 0; i < t->n_ports; i++)
                if (t->ports[i].via == via)
                        return &t->ports[i];
        return NULL;
}

static void receipt_send(Turn *t, const Effect *e, Now now)
{
        const Port *p = port_of(t, e->receipt.via);
        char json[512];
        size_t n;

        if (!p || !p->ops->receipt)
                return;
        if (!receipt_json(e->receipt.id, e->receipt.result, e->incident, e->seq, json, sizeof(json), &n))
                ASSERT(!"a receipt of bounded parts did not fit");
        p->ops->receipt(p->port, &(PortReceipt){.hold = e->receipt.hold,
                                         .device = e->receipt.source,
                                         .event_id = e->receipt.id,
                                         .result = e->receipt.result,
                                         .incident = e->incident,
                                         .seq = e->seq,
                                         .json = json,
                                         .json_size = n});
        if (!engine_receipted(t->engine, e->incident, e->seq, now))
                return;
        if (engine_state_row(t->engine, e->incident, now, &t->row))
                store_txn_state(t->txn, &t->row);
        txn_touch(t, false, now.boot_us); /* a figure is in no hurry */
}

static void reply_send(Turn *t, const Effect *e)
{
        const Port *p = port_of(t, e->reply.via);
        const Worker *owner = registry_worker(t->registry, e->reply.owner);
        char json[768];
        size_t n;

        if (!p || !p->ops->reply)
                return;
        if (!reply_json(e->reply.id, e->reply.result, e->reply.state, e->reply.reason,
                    owner ? owner->code : NULL, e->incident, e->seq, e->seq <= t->committed,
                    (RequestState)e->reply.request, json, sizeof(json), &n))
                ASSERT(!"a reply of bounded parts did not fit");
        p->ops->reply(p->port, &(PortReply){.hold = e->reply.hold,
                                       .worker_code = e->reply.source,
                                       .json = json,
                                       .json_size = n});
}

/* A later lamp of the same device goes at the same time, close behind: this one would only flicker. */
static bool lamp_is_old(const Turn *t, const Effect *e)
{
        for (uint32_t k = 1; k < LAMPS_AHEAD && k < t->calm.n; k++) {
                const Effect *later = ring_at(&t->calm, k);

                if (later->seq > t->committed)
                        return false;
                if (later->type == EFFECT_LAMP && str_equal(later->lamp.source, e->lamp.source))
                        return true;
        }
        return false;
}

static void lamp_send(Turn *t, const Effect *e)
{
        bool open = e->lamp.lamp == LAMP_RECEIVED || e->lamp.lamp == LAMP_ACCEPTED ||
                    e->lamp.lamp == LAMP_ARRIVED || e->lamp.lamp == LAMP_FAILED;

        for (size_t i = 0; i < t->n_ports; i++)
                if (t->ports[i].ops->lamp)
                        t->ports[i].ops->lamp(
                                t->ports[i].port, e->lamp.source, e->incident, e->lamp.lamp, open);
}

/* Sends what may go. */
static void calm_release(Turn *t, Now now)
{
        uint64_t released = turn_released(t);
        const Effect *e;

        for (; (e = ring_first(&t->calm, t->committed)); ring_drop(&t->calm))
                if (e->type == EFFECT_RECEIPT)
                        receipt_send(t, e, now);
                else if (e->type == EFFECT_VIEW)
                        t->host.view(t->host.userdata, e);
                else if (!lamp_is_old(t, e))
                        lamp_send(t, e);
        for (; (e = ring_first(&t->replies, released)); ring_drop(&t->replies))
                reply_send(t, e);
        for (; (e = ring_first(&t->repeats, t->committed)); ring_drop(&t->repeats))
                if (e->type == EFFECT_RECEIPT)
                        receipt_send(t, e, now);
                else
                        reply_send(t, e);
}

/* The disk */

static void hand_over(Turn *t, bool all)
{
        if (store_txn_empty(t->txn)) { /* what was asked for came to nothing: then nothing is due either */
                t->urgent = false;
                t->lazy_us = UINT64_MAX;
                return;
        }
        if (!t->urgent && !all && store_txn_bytes(t->txn) < TXN_BYTES_MAX)
                return;
        store_submit(t->store, TAKE_PTR(t->txn));
        t->txn = store_txn_new();
        t->urgent = false;
        t->lazy_us = UINT64_MAX;
}

static void arm(Turn *t)
{
        uint64_t due = engine_deadline(t->engine);

        if (t->lazy_us < due)
                due = t->lazy_us;
        if (t->urgent || t->look || inbox_first(t->inbox) || outbox_busy(t->outbox))
                due = 0;
        if (!t->degraded) {
                StoreStatus s;

                store_peek(t->store, &s);
                if (s.oldest_us && s.oldest_us + LIMIT_DEGRADED_US < due)
                        due = s.oldest_us + LIMIT_DEGRADED_US;
        }
        t->host.arm(t->host.userdata, due);
}

/* Before any of these numbers is called out. */
static void number_note(Turn *t)
{
        if (t->inflight)
                inflight_number_set(t->inflight, engine_next_incident(t->engine));
}

/* True: inflight_end() must follow. */
static bool guard(Turn *t, Event *e)
{
        if (!t->inflight || e->via == VIA_DAEMON)
                return false;
        if (inflight_begin(
                    t->inflight, INFLIGHT_STEP, e->via, e->source, e->body ? e->body : "", e->body_size))
                return true;
        inflight_blunt(e);
        return false;
}

/* What is due, as far as this turn's share of it goes. */
static void expire(Turn *t, Now now)
{
        int r = ENGINE_E_MORE;

        for (; r == ENGINE_E_MORE && t->lists > 0; t->lists -= r == ENGINE_E_MORE) {
                r = engine_expire(t->engine, now, &t->list);
                number_note(t);
                (void)effects_take(t, now);
        }
}

/* No event of the inbox, which may be full: this one must not be lost. */
static void look_again(Turn *t, Now now)
{
        static const Event everything = {.type = EVENT_ROSTER, .via = VIA_DAEMON};

        if (!t->look)
                return;
        t->look = false;
        expire(t, now);
        (void)engine_step(
                t->engine, &everything, now, &t->list); /* what has no room is due, and comes next */
        number_note(t);
        (void)effects_take(t, now);
}

uint64_t turn_run(Turn *t)
{
        Now now = clock_now();
        uint64_t need = 0;
        Event *event;

        ASSERT(!t->running);
        t->running = true;
        t->lists = EXPIRE_LISTS;
        look_again(t, now);
        while ((event = inbox_first(t->inbox))) {
                bool guarded;
                uint64_t n;
                int r;

                if (engine_deadline(t->engine) <= now.boot_us)
                        expire(t, now);
                guarded = guard(t, event);
                r = engine_step(t->engine, event, now, &t->list);
                number_note(t);
                n = effects_take(t, now);
                if (n > need)
                        need = n;
                if (guarded)
                        inflight_end(t->inflight);
                inbox_done(t->inbox, event);
                t->n_events++;
                if (r == ENGINE_E_MORE)
                        expire(t, now);
        }
        expire(t, now);
        hand_over(t, now.boot_us >= t->lazy_us);
        t->n_turns++;
        t->running = false;
        turn_store(t);
        return need > turn_released(t) ? need : 0;
}

/* Degraded mode begins and ends here, and nowhere else. */
static void degraded_set(Turn *t, bool degraded, const char *why)
{
        if (t->degraded == degraded)
                return;
        t->degraded = degraded;
        t->host.degraded(t->host.userdata, degraded, why);
}

/* Every incident that is held, as it is now. */
static void rows_resubmit(Turn *t, Now now)
{
        for (uint64_t id = engine_next_held(t->engine, 0); id; id = engine_next_held(t->engine, id))
                if (engine_state_row(t->engine, id, now, &t->row))
                        store_txn_state(t->txn, &t->row);
        txn_touch(t, true, now.boot_us);
}

static void database_changes(Turn *t, const StoreStatus *s, Now now)
{
        if (s->reopened) {
                int r = store_merge(t->store, t->engine, now);

                if (r < 0)
                        log_err("what the database knows could not be taken over: %s", store_why(t->store));
                else
                        turn_adopt(t);
        }
        if (s->anew != t->anew) {
                t->anew = s->anew;
                rows_resubmit(t, now);
                t->host.anew(t->host.userdata, s->anew_why);
        }
}

void turn_store(Turn *t)
{
        Now now = clock_now();
        StoreStatus s;

        ASSERT(!t->running && !t->releasing);
        t->releasing = true;
        store_status(t->store, &s);
        database_changes(t, &s, now);
        if (s.committed_seq > t->committed)
                t->committed = s.committed_seq;
        if (s.failing)
                degraded_set(t, true, s.why);
        else
                degraded_set(t, s.oldest_us && now.boot_us >= s.oldest_us + LIMIT_DEGRADED_US,
                        "the disk does not answer");
        calm_release(t, now);
        for (size_t i = 0; i < t->n_ports; i++)
                if (t->ports[i].ops->committed)
                        t->ports[i].ops->committed(t->ports[i].port, turn_released(t));
        if (outbox_pump(t->outbox, t->committed, turn_released(t), now, t->txn))
                txn_touch(t, false, now.boot_us);
        t->n_pumps++;
        t->releasing = false;
        arm(t);
}

void turn_look(Turn *t)
{
        t->look = true;
        if (!t->running && !t->releasing)
                arm(t);
}

/*
 * Of every matter the look writes the row down, with deadlines of this boot: a second restart in it must find them as
 * they are now, not as they were placed by the wall clock the first time.
 */
void turn_adopt(Turn *t)
{
        outbox_adopt(t->outbox, clock_now());
        turn_look(t);
}

uint64_t turn_note(Turn *t, JournalKind kind, const char *json)
{
        Now now = clock_now();
        uint64_t seq = engine_next_seq(t->engine);

        ASSERT(!t->running);
        engine_numbers_set(t->engine, engine_next_incident(t->engine), seq + 1);
        store_txn_journal(t->txn, &(JournalRecord){.seq = seq,
                                          .kind = kind,
                                          .t_us = now.wall_us,
                                          .tb_us = now.boot_us,
                                          .boot = now.boot,
                                          .time_quality = now.trusted,
                                          .body = json,
                                          .body_size = (uint32_t)strlen(json)});
        txn_touch(t, true, now.boot_us);
        arm(t);
        return seq;
}

void turn_note_erase(Turn *t, const char *resident)
{
        store_txn_erase(t->txn, resident);
        recent_forget(t->recent, registry_resident_id(t->registry, resident));
}

void turn_note_registry(Turn *t, Registry *registry)
{
        store_txn_registry(t->txn, registry);
}

void turn_sent(Turn *t, uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq, bool ok)
{
        Event *e;

        if (!outbox_sent(t->outbox, incident, worker, channel, seq, t->txn))
                return;
        txn_touch(t, false, clock_now().boot_us);
        if (ok && channel < CHANNEL_EXEC)
                return; /* the broker has it; only the person's receipt says more */
        e = inbox_event(t->inbox);
        if (!e)
                return; /* full: the attempt counts as not delivered, and the ladder goes on */
        e->type = EVENT_ATTEMPT;
        e->via = VIA_DAEMON;
        e->attempt = (AttemptEvent){
                .incident = incident, .seq = seq, .worker = worker, .channel = channel, .delivered = ok};
        inbox_push(t->inbox, e);
}

bool turn_audit(Turn *t)
{
        Now now = clock_now();
        bool sound;

        ASSERT(!t->running);
        t->lists = EXPIRE_LISTS;
        expire(t, now);
        if (t->lists == 0)
                return true; /* what is overdue is no fault of the ladder's: later */
        sound = engine_audit(t->engine, now, outbox_oldest(t->outbox, now), &t->list);
        (void)effects_take(t, now); /* nobody waits for these rows */
        return sound;
}

void turn_flush(Turn *t)
{
        hand_over(t, true);
        turn_store(t);
}
