/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom to call, and the calls.
 *
 * Steps mark (notice_mark), the flush sends: when TIMER_NOTIFY is the next due timer of the incident, nothing
 * else of it is overdue, so the marks are the union of all that happened, and each person gets one message.
 * People are resolved from the registry at that moment, never from a copy: whoever has become eligible for a
 * tier that was called is called too, and told why (REASON_JOINED).
 *
 * A flush that fills the list leaves TIMER_NOTIFY due and goes on at the next engine_expire(). Whoever has a
 * call numbered from flush_seq on has had his.
 */
#include "engine/internal.h"

#define CALL_ROOM 4 /* effects of one call: row, message, state row */

static bool is_weak(Reason reason)
{
        return reason == REASON_NONE || reason == REASON_RENOTIFY || reason == REASON_JOINED;
}

/*
 * P4 and P5 are told by day, and what only wants to be planned (battery, proof test) once a day, all together: a
 * worker who is called for everything answers nothing.
 */
static int64_t when(const Engine *e, const Incident *in, uint32_t pending, int64_t due)
{
        if (!is_request(in) && !(pending & ~(PENDING_OWNER | PENDING_HELPERS | PENDING_SUCCESSOR)))
                return due; /* who has it already; an everyday request wakes nobody */
        due = ladder_by_day(e, in, due);
        return in->class == CLASS_BATTERY ? ladder_digest(e, due) : due;
}

static void mark(Engine *e, Incident *in, uint32_t pending, Reason reason, int64_t at, int64_t due)
{
        due = when(e, in, pending, due);
        if (in->test && !(pending &= PENDING_SUCCESSOR))
                return; /* of a test only the tester knows */
        ASSERT(pending && pending <= UINT16_MAX);
        ASSERT(reason < REASON_MAX);
        if (in->flush_seq) /* marked again between two lists of one flush: everybody once more */
                in->flush_seq = e->next_seq;
        in->pending |= (uint16_t)pending;
        if (!is_weak(reason) || is_weak(in->pending_reason))
                in->pending_reason = (uint8_t)reason;
        if (!is_weak(reason))
                in->reason = (uint8_t)reason;
        in->pending_late = in->pending_late || is_late(e, at);
        if (in->due[TIMER_NOTIFY] > due)
                timer_set(e, in, TIMER_NOTIFY, due);
        if (e->stepping && due <= e->at)
                e->marked = in->slot + 1;
        emit_state(e, in);
}

void notice_redate(Engine *e, Incident *in)
{
        if (in->priority >= 4 && !is_request(in) && in->pending && in->due[TIMER_NOTIFY] > e->at)
                timer_set(e, in, TIMER_NOTIFY, when(e, in, in->pending, e->at));
}

void notice_mark(Engine *e, Incident *in, uint32_t pending, Reason reason, int64_t at)
{
        mark(e, in, pending, reason, at, e->at);
}

void notice_mark_after(Engine *e, Incident *in, uint32_t pending, Reason reason, int64_t due)
{
        mark(e, in, pending, reason, e->at, due > e->at ? due : e->at);
}

bool notice_call(Engine *e, Incident *in, Recipient *r, Reason reason)
{
        JournalRow *row;
        bool late = in->pending_late;

        if (emit_room(e) < CALL_ROOM)
                return false;
        if (late && !is_weak(reason))
                reason = REASON_CATCH_UP;
        row = emit_journal(e, in, JOURNAL_NOTIFIED);
        row->worker = r->worker;
        row->tier = r->tier;
        row->channel = r->channel;
        row->reason = (uint8_t)reason;
        row->late = late;
        r->seq = e->next_seq - 1;
        r->sent_us = e->now.wall_us / 1000 * 1000;
        r->flags &= (uint8_t)~TOLD_FAILED;
        emit_notify(e, in, r->worker, (Channel)r->channel, r->tier, reason, late, r->seq);
        return true;
}

/* False: the list is full. Whoever cannot be reached there is called on his next channel as well. */
static bool call(Engine *e, Incident *in, uint32_t worker, uint8_t tier, Reason reason)
{
        Recipient *r;

        if (emit_room(e) < 2 * CALL_ROOM)
                return false;
        r = recipient_add(e, in, worker, tier);
        if (!r)
                return true; /* as many as can be told of one incident have been told */
        if (!r->tier || !worker)
                r->tier = tier; /* the desk may have been called before its tier was reached */
        ASSERT(notice_call(e, in, r, reason));
        if (worker && !people_reachable(e, worker) && !recipient_delivered(in, worker))
                return channel_call(e, in, r, reason);
        return true;
}

static bool had_call(Incident *in, const Recipient *r)
{
        ASSERT(in->flush_seq);
        return r && r->seq >= in->flush_seq;
}

/*
 * Everybody of the tier who is on duty here, those who may accept first, then the helpers. `joined`: only who
 * has not been called in this round.
 */
static bool call_tier(Engine *e, Incident *in, uint8_t tier, Reason reason, bool joined)
{
        const Registry *r = e->registry;
        uint32_t n = 0;

        for (int helpers = 0; helpers < 2; helpers++)
                for (uint32_t id = 0;
                        n < TIER_PEOPLE_MAX && (id = roster_near(r, id, in->dwelling, in->resident));) {
                        const Worker *w = registry_worker(r, id);
                        const Recipient *told;
                        bool accepts;

                        ASSERT(w);
                        accepts = role_rights(w->role) & RIGHT_ACCEPT;
                        if (accepts == (helpers == 1) || !(in->plan.tiers[tier - 1].roles & BIT(w->role)) ||
                                !people_in_tier(e, in, w, tier) || !people_on_duty(e, id))
                                continue;
                        n++;
                        told = recipient_of(in, id);
                        if (had_call(in, told) || id == in->owner ||
                                (told && (told->flags & TOLD_DECLINED)) ||
                                (joined && told && told->seq >= in->round_seq))
                                continue;
                        if (!call(e, in, id, tier, reason))
                                return false;
                }
        return true;
}

/* Desks that supervise; those further up only where there is none nearby. */
static bool call_desk(Engine *e, Incident *in, Reason reason)
{
        const uint32_t near = BIT(ROLE_COMMUNITY) | BIT(ROLE_NIGHT_DESK) | BIT(ROLE_SUPERVISOR) |
                              (in->group == GROUP_SYSTEM ? BIT(ROLE_OPERATOR) : 0);
        const uint32_t levels[] = {near, BIT(ROLE_STREET), BIT(ROLE_DISTRICT)};
        const Registry *r = e->registry;
        bool found = false;

        for (unsigned level = 0; level < 3 && !found; level++)
                for (uint32_t id = 0; (id = roster_near(r, id, in->dwelling, in->resident));) {
                        const Worker *w = registry_worker(r, id);

                        ASSERT(w);
                        if (!(levels[level] & BIT(w->role)) || !people_on_duty(e, id) ||
                                !roster_covers(r, w, in->grid, in->dwelling, in->resident))
                                continue;
                        found = true;
                        if (id == in->owner || had_call(in, recipient_of(in, id)))
                                continue;
                        if (!call(e, in, id, 0, reason))
                                return false;
                }
        return true;
}

/* Room for one call is there when a flush begins. */
static void call_first(Engine *e, Incident *in, uint32_t worker, Reason reason)
{
        if (worker && !had_call(in, recipient_of(in, worker)))
                ASSERT(call(e, in, worker, 0, reason));
}

static bool call_one(Engine *e, Incident *in, uint32_t worker, Reason reason)
{
        ASSERT(worker);
        return had_call(in, recipient_of(in, worker)) || call(e, in, worker, 0, reason);
}

static bool call_helpers(Engine *e, Incident *in, Reason reason)
{
        for (unsigned i = 0; i < in->n_recipients; i++) {
                const Recipient *r = recipient_at(in, i);

                if ((r->flags & TOLD_HELPER) && !call_one(e, in, r->worker, reason))
                        return false;
        }
        return true;
}

static bool call_channels(Engine *e, Incident *in, Reason reason)
{
        for (unsigned i = 0; i < in->n_recipients; i++) {
                Recipient *r = recipient_at(in, i);

                if ((r->flags & TOLD_NEXT) && !channel_call(e, in, r, reason))
                        return false;
        }
        return true;
}

/* In the order of urgency: who is on the way, programs, the tiers, then those who have become eligible. */
static bool call_all(Engine *e, Incident *in, uint32_t pending, Reason reason)
{
        uint32_t reached = ladder_runs(in) && !in->test ? ladder_reached(in) : 0;

        if (pending & PENDING_OWNER)
                call_first(e, in, in->owner, reason);
        if (pending & PENDING_SUCCESSOR)
                call_first(e, in, in->successor, reason);
        if ((pending & PENDING_CHANNEL) && !call_channels(e, in, reason))
                return false;
        if ((pending & PENDING_HELPERS) && !call_helpers(e, in, reason))
                return false;
        if ((pending & PENDING_EXEC) && !had_call(in, recipient_get(in, 0, CHANNEL_EXEC)) &&
                !call(e, in, 0, in->tier, reason))
                return false;
        for (uint8_t k = 1; k <= TIERS_MAX; k++)
                if ((pending & PENDING_TIER(k)) && !call_tier(e, in, k, reason, false))
                        return false;
        if ((pending & PENDING_FORMER) && people_on_duty(e, in->former) &&
                !call_one(e, in, in->former, reason))
                return false;
        if ((pending & PENDING_DESK) && !call_desk(e, in, reason))
                return false;
        for (uint8_t k = 1; k <= TIERS_MAX; k++)
                if ((reached & ~pending & PENDING_TIER(k)) && !call_tier(e, in, k, REASON_JOINED, true))
                        return false;
        return true;
}

void notice_flush(Engine *e, Incident *in)
{
        ASSERT(in->id);
        ASSERT(in->due[TIMER_NOTIFY] <= e->at);
        if (!in->flush_seq)
                in->flush_seq = e->next_seq;
        /* After downtime one round to the union of the tiers: also to those called before we went down. */
        ASSERT(!in->test || !(in->pending & PENDING_TIERS));
        if (in->pending_late && (in->pending & PENDING_TIERS))
                in->pending |= (uint16_t)(ladder_reached(in) & PENDING_TIERS);
        if (!call_all(e, in, in->pending, in->pending_reason))
                return; /* TIMER_NOTIFY stays due */
        /* Told to the first tier alone (cancelled), or to earlier ones again: a press need not wait for that. */
        if (in->pending & PENDING_TIER(in->backup_tier ? in->backup_tier : in->tier))
                in->notified_us = e->at;
        in->pending = 0;
        in->flush_seq = 0;
        in->pending_reason = REASON_NONE;
        in->pending_late = false;
        timer_off(e, in, TIMER_NOTIFY);
        emit_state(e, in);
}
