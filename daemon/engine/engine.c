/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's entrance: memory, time, dispatch, and the order in which what is due is done.
 *
 * One step or expiry goes: clear the list, take over the time, apply the event, then everything that is due by
 * now in the order (due, priority, id), until nothing is due or the list has no room for one more step. What is
 * left stays due, so the next engine_expire() goes on. Nothing is done in another order anywhere, which is why
 * a replay of the journal climbs the same ladder.
 */
#include "base/str.h"
#include "engine/internal.h"

#include <string.h>

static size_t padded(size_t n)
{
        return (n + 63) & ~(size_t)63;
}

static void policy_take(Engine *e, const Policy *policy)
{
        e->policy = *policy;
        for (Class c = 0; c < CLASS_MAX; c++)
                plan_complete(&e->policy.classes[c]);
}

size_t engine_size(const Limits *limits)
{
        ASSERT(limits && limits->incidents_max > 0);
        ASSERT(limits->keys_max > 0);
        return padded(sizeof(Engine)) + table_size(limits) + keys_size(limits) + people_size() +
               gaps_size() + supervision_size(limits);
}

Engine *engine_init(void *memory, size_t size, const Limits *limits, const Policy *policy)
{
        Engine *e = memory;
        char *p = (char *)memory + padded(sizeof(Engine));

        ASSERT(memory && ((uintptr_t)memory & 63) == 0);
        ASSERT(size >= engine_size(limits));
        *e = (Engine){.limits = *limits,
                .next_incident = 1,
                .next_seq = 1,
                .roster_raised_us = NEVER,
                .roster_due = NEVER,
                .visit_due = NEVER,
                .grace_until = NEVER,
                .grace_due = NEVER};
        policy_take(e, policy);
        for (unsigned i = 0; i < FLOOD_KEYS; i++)
                e->flood_us[i] = NEVER;
        table_init(e, &p);
        keys_init(e, &p);
        people_init(e, &p);
        gaps_init(e, &p);
        supervision_init(e, &p);
        ASSERT(p <= (char *)memory + size);
        return e;
}

void engine_policy_set(Engine *e, const Policy *policy)
{
        ASSERT(e && policy);
        policy_take(e, policy);
        people_roster_anew(e);
}

void engine_registry_set(Engine *e, const Registry *registry)
{
        ASSERT(e);
        e->registry = registry;
        people_roster_anew(e);
        if (!e->visits_anew) /* else with the first list */
                visits_arm(e);
}

void engine_numbers_set(Engine *e, uint64_t next_incident, uint64_t next_seq)
{
        ASSERT(next_incident >= 1);
        ASSERT(next_seq >= 1);
        if (next_incident > e->next_incident)
                e->next_incident = next_incident;
        if (next_seq > e->next_seq)
                e->next_seq = next_seq;
}

uint64_t engine_next_incident(const Engine *e)
{
        return e->next_incident;
}

uint64_t engine_next_seq(const Engine *e)
{
        return e->next_seq;
}

static void now_set(Engine *e, Now now)
{
        bool becomes_trusted = e->started && now.trusted && !e->now.trusted;

        ASSERT(now.boot_us > 0 && now.boot_us < (UINT64_C(1) << 62));
        e->now = now;
        if ((int64_t)now.boot_us > e->at)
                e->at = (int64_t)now.boot_us;
        if (!e->started)
                people_grace_begin(e);
        e->started = true;
        if (becomes_trusted)
                state_redate(e);
}

static void list_begin(Engine *e, Now now, EffectList *list)
{
        ASSERT(list);
        list->n = 0;
        e->list = list;
        e->list_number++;
        now_set(e, now);
        if (e->sup.armed != e->registry)
                supervision_arm(e);
        if (e->visits_anew)
                visits_arm(e);
}

static uint64_t biased(int64_t due)
{
        return (uint64_t)due + (UINT64_C(1) << 63);
}

/* The earliest thing that is due, an incident's timer or the loss of somebody's presence: one is. */
static void expire_one(Engine *e)
{
        uint32_t slot, worker;
        HeapKey timer = {.due = UINT64_MAX}, presence = {.due = UINT64_MAX};
        bool any = heap_first(&e->heap, &slot, &timer);
        uint64_t now = (uint64_t)e->at + (UINT64_C(1) << 63);
        int64_t supervised = supervision_due(e), due;
        Incident *in;
        Timer t;

        if (heap_first(&e->presence, &worker, &presence) && presence.due <= now &&
                presence.due < timer.due && presence.due < biased(e->roster_due)) {
                people_expire(e);
                return;
        }
        if (e->grace_due <= e->at) {
                people_grace_due(e);
                return;
        }
        if (e->roster_due <= e->at && biased(e->roster_due) < timer.due) {
                people_roster_due(e);
                return;
        }
        if (supervised <= e->at && (!any || biased(supervised) < timer.due)) {
                supervision_expire(e);
                return;
        }
        if (e->visit_due <= e->at && (!any || biased(e->visit_due) < timer.due)) {
                visit_expire(e);
                return;
        }
        ASSERT(any && timer.due <= now && slot < e->n_slots);
        in = &e->slots[slot];
        due = timers_first(in, &t);
        ASSERT(in->id && due <= e->at);
        incident_timer(e, in, t, due);
}

static bool is_due(const Engine *e)
{
        return engine_deadline(e) <= (uint64_t)e->at;
}

/* Until nothing is due, or the list is nearly full. */
static int settle(Engine *e)
{
        int r = 0;

        while (is_due(e)) {
                if (emit_room(e) < LIST_ROOM) {
                        r = ENGINE_E_MORE;
                        break;
                }
                expire_one(e);
        }
        e->list = NULL;
        return r;
}

/* Deadlines that wait for the day go by the wall clock. */
static void clock_look(Engine *e)
{
        int64_t ahead = e->now.wall_us - (int64_t)e->now.boot_us, by = ahead - e->ahead_us;

        e->clock_moved = e->ahead_known && (by > (int64_t)USEC_PER_SEC || by < -(int64_t)USEC_PER_SEC);
        e->ahead_known = true;
        e->ahead_us = ahead;
}

static void dispatch(Engine *e, const Event *ev)
{
        switch (ev->type) {
        case EVENT_ALARM: device_alarm(e, ev); return;
        case EVENT_VITALS: vitals_event(e, ev); return;
        case EVENT_STATUS: device_status(e, ev); return;
        case EVENT_ACTION: action_event(e, ev); return;
        case EVENT_PRESENCE: people_presence(e, ev); return;
        case EVENT_ATTEMPT: action_attempt(e, ev); return;
        case EVENT_SYSTEM: system_event(e, ev); return;
        case EVENT_ROSTER:
                clock_look(e);
                supervision_arm(e);
                people_look_at_all(e);
                people_roster_anew(e);
                return;
        }
        ASSERT(!"an event of no type");
}

/*
 * With very much overdue (a start with a hundred thousand open matters) the order of deadlines would put whoever presses
 * now behind all of it, and nobody knows of him yet.
 */
static void call_first(Engine *e)
{
        Incident *in = e->marked ? &e->slots[e->marked - 1] : NULL;
        uint32_t slot;
        HeapKey key;
        int64_t due;
        Timer t;

        if (!in || !in->id || !heap_first(&e->heap, &slot, &key) || key.due >= biased(e->at))
                return;
        due = timers_first(in, &t);
        if (t == TIMER_NOTIFY && due <= e->at && emit_room(e) >= LIST_ROOM)
                incident_timer(e, in, t, due);
}

int engine_step(Engine *e, const Event *ev, Now now, EffectList *ret)
{
        ASSERT(e && ev);
        list_begin(e, now, ret);
        e->stepping = true;
        e->marked = 0;
        dispatch(e, ev);
        supervision_heard(e, ev);
        e->stepping = false;
        call_first(e);
        return settle(e);
}

int engine_expire(Engine *e, Now now, EffectList *ret)
{
        ASSERT(e);
        list_begin(e, now, ret);
        return settle(e);
}

bool engine_audit(Engine *e, Now now, uint64_t outbox_us, EffectList *ret)
{
        bool sound;

        ASSERT(e);
        list_begin(e, now, ret);
        sound = incidents_audit(e, outbox_us);
        e->list = NULL;
        return sound;
}

bool engine_audit_more(const Engine *e)
{
        return e->audit_slot != 0;
}

static uint64_t unbiased(uint64_t due)
{
        return due < (UINT64_C(1) << 63) ? 0 : due - (UINT64_C(1) << 63);
}

uint64_t engine_deadline(const Engine *e)
{
        uint64_t due = UINT64_MAX;
        uint32_t slot;
        int64_t supervised;
        HeapKey key;

        if (heap_first(&e->heap, &slot, &key))
                due = unbiased(key.due);
        if (heap_first(&e->presence, &slot, &key) && unbiased(key.due) < due)
                due = unbiased(key.due);
        if (e->grace_due != NEVER && e->n_used && unbiased(biased(e->grace_due)) < due)
                due = unbiased(biased(e->grace_due));
        if (e->roster_due != NEVER && unbiased(biased(e->roster_due)) < due)
                due = unbiased(biased(e->roster_due));
        supervised = supervision_due(e);
        if (supervised != NEVER && (uint64_t)(supervised > 0 ? supervised : 0) < due)
                due = (uint64_t)(supervised > 0 ? supervised : 0);
        if (e->visits_anew) /* restored ones have no deadlines before the first list */
                return 0;
        if (e->visit_due != NEVER && unbiased(biased(e->visit_due)) < due)
                due = unbiased(biased(e->visit_due));
        return due;
}

int engine_restore(Engine *e, const StateRow *row, Now now)
{
        Incident *in;
        int r;

        ASSERT(e && row);
        ASSERT(!e->list);
        now_set(e, now);
        r = state_decode(e, row, &in);
        if (r)
                return r;
        table_place(e, in);
        people_own(e, in, in->owner);
        timers_rekey(e, in);
        if (state_open(in->state))
                e->open++;
        engine_numbers_set(e, in->id + 1, in->last_seq + 1);
        return 0;
}

void engine_restore_key(Engine *e, const KeyRow *row)
{
        ASSERT(e && row);
        keys_add(e, row, NEVER);
}

void engine_restore_duty(Engine *e, uint32_t worker, bool on, int64_t wall_us)
{
        WorkerState *w = people_state(e, worker);

        if (!w)
                return;
        w->duty = on ? 1 : -1;
        w->duty_wall_us = wall_us;
}
