/* SPDX-License-Identifier: Apache-2.0 */
/*
 * People: who is on duty, who can be reached, and who was told of an incident.
 *
 * On duty: the duty table with its overrides, corrected by what the person said ("on", "off"). Where there is a
 * table, a word holds 16 hours, so that an "off" in the evening does not silence the next morning; where there
 * is none, it holds until the next word. Whose shift has ended stays on for up to an hour, until a successor is
 * there: somebody of the same role and scope, rostered, checked in (or nothing of the kind is expected of him).
 *
 * The duty table is a timer of the engine (roster_due), at the next moment at which somebody's duty may change
 * or a gap of the table is to be told: nobody looks at the table in between.
 *
 * Presence is expected of the app only. After our start, or since the broker was away, nothing is known, which
 * counts as present for Policy.presence_grace_us; who has then given no sign of life is lost, until he does. A
 * person whose presence is lost is still called (the message costs nothing, and waits at the broker), and on his
 * next channel at once, but a tier of such people without one counts as empty.
 */
#include "base/str.h"
#include "engine/internal.h"

#include <string.h>

static size_t padded(size_t n)
{
        return (n + 63) & ~(size_t)63;
}

size_t people_size(void)
{
        return padded(WORKERS_MAX * sizeof(WorkerState)) + padded(heap_size(WORKERS_MAX));
}

void people_init(Engine *e, char **memory)
{
        char *p = *memory;

        e->workers = (WorkerState *)(void *)p;
        p += padded(WORKERS_MAX * sizeof(WorkerState));
        heap_init(&e->presence, p, WORKERS_MAX);
        *memory = p + padded(heap_size(WORKERS_MAX));
}

WorkerState *people_state(const Engine *e, uint32_t worker)
{
        return worker > 0 && worker < WORKERS_MAX ? &e->workers[worker] : NULL;
}

uint32_t people_end(const Engine *e)
{
        uint32_t n = e->registry ? e->registry->n_workers : 0;

        return n < WORKERS_MAX ? n : WORKERS_MAX;
}

/* Somebody else who does the same for the same place, and is there. */
static bool successor_there(const Engine *e, uint32_t worker, Now now, int64_t at)
{
        const Registry *r = e->registry;
        const Worker *before = registry_worker(r, worker);

        for (uint32_t id = 1; id < r->n_workers; id++) {
                const Worker *w = registry_worker(r, id);

                if (!w || id == worker || w->role != before->role || w->scope != before->scope ||
                        w->scope_id != before->scope_id ||
                        (w->scope == SCOPE_BUILDING &&
                                !str_equal(w->scope_building ? w->scope_building : "",
                                        before->scope_building ? before->scope_building : "")) ||
                        !roster_rostered(r, id, now) || !people_reachable_at(e, id, at))
                        continue;
                if (id >= WORKERS_MAX || e->workers[id].duty >= 0)
                        return true;
        }
        return false;
}

/* By the table, and for an hour beyond it until the successor is there. */
static bool rostered(const Engine *e, uint32_t worker, Now now, int64_t at)
{
        Now before = now;

        if (roster_rostered(e->registry, worker, now))
                return true;
        before.wall_us -= HOLD_OVER_US;
        return roster_override(e->registry, worker, now) == 0 &&
               roster_override(e->registry, worker, before) == 0 &&
               roster_rostered(e->registry, worker, before) && !successor_there(e, worker, now, at);
}

bool people_on_duty_at(const Engine *e, uint32_t worker, Now now, int64_t at)
{
        const WorkerState *w = people_state(e, worker);
        int64_t age;

        if (!registry_worker(e->registry, worker))
                return false;
        if (!w || w->duty == 0)
                return rostered(e, worker, now, at);
        age = now.wall_us - w->duty_wall_us;
        if (roster_has_duty(e->registry, worker) && (age < 0 || age > DUTY_HOLDS_US))
                return rostered(e, worker, now, at);
        return w->duty > 0;
}

bool people_on_duty(const Engine *e, uint32_t worker)
{
        return people_on_duty_at(e, worker, e->now, e->at);
}

bool people_reachable_at(const Engine *e, uint32_t worker, int64_t at)
{
        const Worker *who = registry_worker(e->registry, worker);
        const WorkerState *w = people_state(e, worker);

        if (!who)
                return false;
        if (who->client != CLIENT_APP || !w)
                return true;
        return w->seen ? !w->lost : at < e->grace_until;
}

bool people_reachable(const Engine *e, uint32_t worker)
{
        return people_reachable_at(e, worker, e->at);
}

static Incident *slot_of(const Engine *e, uint32_t slot_plus_1)
{
        ASSERT(slot_plus_1 <= e->n_slots);
        return slot_plus_1 ? &e->slots[slot_plus_1 - 1] : NULL;
}

void people_own(Engine *e, Incident *in, uint32_t worker)
{
        WorkerState *before = people_state(e, in->owner), *after = people_state(e, worker);
        Incident *next = slot_of(e, in->owner_next), *prev = slot_of(e, in->owner_prev);

        if (next)
                next->owner_prev = in->owner_prev;
        if (prev)
                prev->owner_next = in->owner_next;
        else if (before && before->owned == in->slot + 1)
                before->owned = in->owner_next;
        in->owner = worker;
        in->owner_next = in->owner_prev = 0;
        if (!after)
                return;
        next = slot_of(e, after->owned);
        if (next)
                next->owner_prev = in->slot + 1;
        in->owner_next = after->owned;
        after->owned = in->slot + 1;
}

bool people_owns(const Engine *e, uint32_t worker, bool p1_only, uint32_t but_dwelling)
{
        const WorkerState *w = people_state(e, worker);

        ASSERT(worker > 0);
        /* Beyond the table of workers nobody has a list: then all are looked at. */
        for (const Incident *in = w ? slot_of(e, w->owned) : table_first(e); in;
                in = w ? slot_of(e, in->owner_next) : table_next(e, in))
                if (in->owner == worker && (!p1_only || in->priority == 1) &&
                        (!but_dwelling || in->dwelling != but_dwelling))
                        return true;
        return false;
}

/* Everybody whom it may concern is looked at in the same expiry, one incident at a time. */
void people_look_at_all(Engine *e)
{
        for (Incident *in = table_first(e); in; in = table_next(e, in))
                if (in->state != STATE_CLOSED && in->due[TIMER_LOOK] > e->at)
                        timer_set(e, in, TIMER_LOOK, e->at);
}

static void seen_from(Engine *e, uint32_t worker, int64_t beat_us)
{
        WorkerState *w = people_state(e, worker);

        ASSERT(w);
        w->beat_us = beat_us;
        w->seen = true;
        w->lost = false;
        heap_set(&e->presence, worker,
                (HeapKey){.due = (uint64_t)(beat_us + (int64_t)e->policy.presence_lost_us) +
                                 (UINT64_C(1) << 63),
                        .id = worker});
}

/* Who does something is there; from then on his beats are expected. */
void people_acts(Engine *e, uint32_t worker)
{
        const Worker *who = registry_worker(e->registry, worker);
        WorkerState *w = people_state(e, worker);
        JournalRow *row;

        ASSERT(who);
        if (!w || who->client != CLIENT_APP || w->seen)
                return;
        w->acted_us = e->at;
        if (e->at < e->grace_until)
                return;
        seen_from(e, worker, e->at);
        row = emit_journal(e, NULL, JOURNAL_PRESENCE);
        row->worker = worker;
        row->on = true;
        people_look_at_all(e);
}

void people_grace_begin(Engine *e)
{
        e->grace_until = e->grace_due = e->at + (int64_t)e->policy.presence_grace_us;
}

void people_grace_due(Engine *e)
{
        ASSERT(e->grace_due <= e->at);
        e->grace_due = NEVER;
        for (uint32_t id = 1, end = people_end(e); id < end; id++)
                if (e->workers[id].acted_us && !e->workers[id].seen)
                        seen_from(e, id, e->workers[id].acted_us);
        people_look_at_all(e);
}

void people_presence(Engine *e, const Event *ev)
{
        uint32_t id = registry_worker_id(e->registry, ev->source);
        WorkerState *w = people_state(e, id);
        bool was_lost;

        ASSERT(ev->type == EVENT_PRESENCE);
        if (!w || ev->retained)
                return; /* a retained copy says what was, not what is */
        if (!ev->presence.online) {
                /* The will: the connection is gone. It may be back at once, so the time runs from the last beat. */
                if (w->seen)
                        return;
                w->beat_us = e->at; /* nothing heard yet: from now */
        } else {
                w->beat_us = e->at;
        }
        was_lost = w->seen ? w->lost : e->at >= e->grace_until;
        if (!ev->presence.online && was_lost)
                return; /* gone, which we knew */
        seen_from(e, id, w->beat_us);
        if (was_lost) {
                JournalRow *row = emit_journal(e, NULL, JOURNAL_PRESENCE);

                row->worker = id;
                row->on = true;
                people_look_at_all(e);
        }
}

/* The broker has been away, and with it everybody's presence: nothing is known, which counts as present. */
void people_forget(Engine *e)
{
        ASSERT(e->workers);
        for (uint32_t id = 1; e->registry && id < e->registry->n_workers && id < WORKERS_MAX; id++) {
                e->workers[id].seen = e->workers[id].lost = false;
                e->workers[id].acted_us = 0;
                heap_unset(&e->presence, id);
        }
        people_grace_begin(e);
        people_look_at_all(e);
}

void people_expire(Engine *e)
{
        uint32_t id;
        HeapKey key;
        JournalRow *row;

        ASSERT(heap_first(&e->presence, &id, &key));
        ASSERT((int64_t)(key.due - (UINT64_C(1) << 63)) <= e->at);
        heap_unset(&e->presence, id);
        e->workers[id].lost = true;
        row = emit_journal(e, NULL, JOURNAL_PRESENCE);
        row->worker = id;
        people_look_at_all(e);
}

static void roster_arm(Engine *e);

void people_duty(Engine *e, uint32_t worker, bool on)
{
        WorkerState *w = people_state(e, worker);
        Effect *effect = emit_effect(e, EFFECT_DUTY, URGENCY_RECORD);

        ASSERT(worker > 0);
        effect->duty.worker = worker;
        effect->duty.on = on;
        effect->duty.wall_us = e->now.wall_us;
        if (!w)
                return;
        w->duty = on ? 1 : -1;
        w->duty_wall_us = e->now.wall_us;
        people_look_at_all(e);
        if (e->roster_due != NEVER && !e->roster_anew)
                roster_arm(e);
}

/* The table */

/* When a word no longer holds, the table decides again. */
static int64_t next_word(const Engine *e)
{
        int64_t next = INT64_MAX;

        for (uint32_t id = 1; id < e->registry->n_workers && id < WORKERS_MAX; id++) {
                const WorkerState *w = &e->workers[id];
                int64_t ends = w->duty_wall_us + DUTY_HOLDS_US + 1;

                if (w->duty && ends > e->now.wall_us && ends < next && roster_has_duty(e->registry, id))
                        next = ends;
        }
        return next;
}

static void roster_arm(Engine *e)
{
        const int64_t offsets[] = {
                0, HOLD_OVER_US, -(int64_t)(2 * USEC_PER_HOUR), -(int64_t)(24 * USEC_PER_HOUR)};
        int64_t next = next_word(e), most = e->now.wall_us + (int64_t)(7 * USEC_PER_DAY);

        ASSERT(e->registry);
        for (unsigned i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
                int64_t moment = roster_next(e->registry, e->now, offsets[i]);

                next = moment < next ? moment : next;
        }
        e->roster_due = e->at + ((next < most ? next : most) - e->now.wall_us);
}

void people_roster_anew(Engine *e)
{
        bool table = e->registry && (e->registry->n_duties > 0 || e->registry->n_overrides > 0);

        e->roster_due = table ? e->at : NEVER;
        e->roster_anew = true;
        e->gap_point = e->gap_grid = 0;
}

void people_roster_due(Engine *e)
{
        ASSERT(e->roster_due <= e->at);
        if (!gaps_look(e, e->roster_anew ? e->now.wall_us : now_wall_of(e, e->roster_due)))
                return;
        e->roster_anew = false;
        people_look_at_all(e);
        roster_arm(e);
}

bool people_in_tier(const Engine *e, const Incident *in, const Worker *w, uint8_t tier)
{
        ASSERT(tier >= 1 && tier <= TIERS_MAX);
        return in->plan.tiers[tier - 1].present && (in->plan.tiers[tier - 1].roles & BIT(w->role)) &&
               roster_covers(e->registry, w, in->grid, in->dwelling, in->resident);
}

Recipient *recipient_get(Incident *in, uint32_t worker, uint8_t channel)
{
        ASSERT(in->n_recipients <= RECIPIENTS_MAX);
        for (unsigned i = 0; i < in->n_recipients; i++) {
                Recipient *r = recipient_at(in, i);

                if (r->worker == worker && r->channel == channel)
                        return r;
        }
        return NULL;
}

Recipient *recipient_of(Incident *in, uint32_t worker)
{
        ASSERT(in->n_recipients <= RECIPIENTS_MAX);
        for (unsigned i = 0; worker && i < in->n_recipients; i++) {
                Recipient *r = recipient_at(in, i);

                if (r->worker == worker)
                        return r;
        }
        return NULL;
}

Recipient *recipient_add(Engine *e, Incident *in, uint32_t worker, uint8_t tier)
{
        const Worker *who = registry_worker(e->registry, worker);
        uint8_t channel = !worker                              ? CHANNEL_EXEC
                          : who && who->client == CLIENT_PLAIN ? CHANNEL_PLAIN
                                                               : CHANNEL_APP;
        Recipient *r = worker ? recipient_of(in, worker) : recipient_get(in, 0, CHANNEL_EXEC);

        if (r)
                return r;
        r = recipient_push(e, in);
        if (r)
                *r = (Recipient){.worker = worker, .channel = channel, .tier = tier};
        return r;
}

uint32_t recipients_helping(const Incident *in)
{
        uint32_t n = 0;

        ASSERT(in->n_recipients <= RECIPIENTS_MAX);
        for (unsigned i = 0; i < in->n_recipients; i++)
                n += (recipient_at(in, i)->flags & TOLD_HELPER) != 0;
        return n;
}
