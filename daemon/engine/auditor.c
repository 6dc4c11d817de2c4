/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The auditor: does every open incident have what its state asks for, and does the ladder really call?
 *
 * It proves from the outside what the rest of the engine promises, and mends what it can: a timer that is missing is
 * armed due now, a priority 1 ladder that has been silent for longer than its rate calls. Each find is journaled
 * (audit), because each is a fault of ours. What the environment causes is one SYSTEM incident a cause, and never
 * raised on account of a SYSTEM incident. What contradicts itself cannot be mended here: the caller ends the
 * process, which starts again from the rows.
 *
 * Called after everything due has been done, only while something is open. A call looks at so many incidents and no
 * more, and goes on where the last one ended.
 */
#include "engine/internal.h"

#define SILENT_US ((int64_t)(5 * USEC_PER_SEC))
#define AUDIT_STEP 512u /* slots in one call */
#define OUTBOX_US (15 * USEC_PER_SEC) /* a message that no broker has taken for so long */

static bool is_off(const Incident *in, Timer t)
{
        return in->due[t] == NEVER;
}

/* The first timer that the state asks for and that is not armed; TIMER_MAX: none. */
static Timer missing(const Incident *in)
{
        bool ladder = ladder_runs(in), open = state_open(in->state);

        if (ladder && is_off(in, TIMER_TIER) && is_off(in, TIMER_LOOP))
                return in->exhausted ? TIMER_LOOP : TIMER_TIER;
        if (ladder && in->plan.renotify_us && in->plan.renotify_us < in->plan.loop_us &&
                is_off(in, TIMER_RENOTIFY))
                return TIMER_RENOTIFY;
        if (in->state == STATE_ACCEPTED && !is_request(in) && is_off(in, TIMER_ARRIVE_BY))
                return TIMER_ARRIVE_BY;
        if (in->state == STATE_ON_SCENE && !is_request(in) && is_off(in, TIMER_HANDLE_BY))
                return TIMER_HANDLE_BY;
        if (in->state == STATE_RESOLVED && is_off(in, TIMER_REOPEN_UNTIL))
                return TIMER_REOPEN_UNTIL;
        if (open && in->group == GROUP_FIRE && in->fire119 < 3 && is_off(in, TIMER_FIRE119))
                return TIMER_FIRE119;
        if (open && in->handed_to[0] && is_off(in, TIMER_CONFIRM_BY) && is_off(in, TIMER_FOLLOWUP))
                return TIMER_CONFIRM_BY;
        if (open && is_request(in) && is_off(in, TIMER_LEVEL))
                return TIMER_LEVEL;
        if (in->pending && is_off(in, TIMER_NOTIFY))
                return TIMER_NOTIFY;
        return TIMER_MAX;
}

static void found(Engine *e, Incident *in, Reason reason)
{
        ASSERT(in->id);
        emit_journal(e, in, JOURNAL_AUDIT)->reason = (uint8_t)reason;
}

/* A heap that has lost an incident, or holds it at another time, would never fire. */
static bool heap_agrees(const Engine *e, const Incident *in)
{
        const HeapKey *key = &e->heap.keys[in->slot];
        Timer first;
        int64_t due = timers_first(in, &first);

        ASSERT(due != NEVER); /* what its state asks for is armed */
        return e->heap.pos[in->slot] != 0 && key->due == (uint64_t)due + (UINT64_C(1) << 63);
}

static bool anybody_called(const Incident *in)
{
        for (unsigned i = 0; i < in->n_recipients; i++) {
                const Recipient *r = recipient_at(in, i);

                if (r->worker && r->seq >= in->round_seq)
                        return true;
        }
        return false;
}

static void ladder_look(Engine *e, Incident *in)
{
        int64_t rate = (int64_t)in->plan.renotify_us;

        if (!ladder_runs(in) || in->priority != 1 || !rate || in->pending)
                return;
        if (in->notified_us == NEVER || e->at - in->notified_us > rate + SILENT_US) {
                found(e, in, REASON_RENOTIFY);
                notice_mark(e, in, ladder_reached(in), REASON_RENOTIFY, e->at);
        }
        if (in->group != GROUP_SYSTEM && !anybody_called(in))
                system_raise(e, SYSTEM_ROSTER);
}

/* False: it contradicts itself. */
static bool incident_look(Engine *e, Incident *in)
{
        Timer t;

        if (in->state == STATE_CLOSED)
                return true;
        while ((t = missing(in)) != TIMER_MAX) {
                found(e, in, REASON_CATCH_UP);
                timer_set(e, in, t, e->at);
        }
        if (!heap_agrees(e, in)) {
                found(e, in, REASON_CATCH_UP);
                timers_rekey(e, in);
        }
        ladder_look(e, in);
        return !state_contradicts(in);
}

static void outbox_look(Engine *e, uint64_t outbox_us)
{
        Incident *in = table_find(e, GROUP_SYSTEM, KEY_CAUSE, (uint64_t)SYSTEM_BROKER + 1);

        if (outbox_us >= OUTBOX_US && !in) {
                system_raise(e, SYSTEM_BROKER);
                e->outbox_raised = true;
        } else if (e->outbox_raised && outbox_us < OUTBOX_US) {
                e->outbox_raised = false;
                if (in && source_at(in, 0)->active)
                        incident_condition(e, in, "", 1, NULL);
        }
}

bool incidents_audit(Engine *e, uint64_t outbox_us)
{
        bool sound = true;

        ASSERT(e->list);
        if (e->audit_slot == 0)
                outbox_look(e, outbox_us);
        for (uint32_t n = 0; n < AUDIT_STEP && e->audit_slot < e->n_slots && emit_room(e) >= LIST_ROOM; n++) {
                Incident *in = &e->slots[e->audit_slot];

                if (in->id)
                        sound = incident_look(e, in) && sound;
                e->audit_slot++;
                if (e->audit_slot >= e->high && e->audit_slot < e->limits.incidents_max)
                        e->audit_slot = e->limits.incidents_max; /* the overflow ones; those between were never used */
        }
        if (e->audit_slot >= e->n_slots)
                e->audit_slot = 0;
        return sound; /* what had no room has it next time */
}
