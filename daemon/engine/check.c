/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every invariant that one state of the engine can show, as assertions: what the simulator calls after each
 * step, and what states that I2 (SEMANTICS.md section 10) is more than a sentence.
 */
#include "base/str.h"
#include "engine/internal.h"

static bool armed(const Incident *in, Timer t)
{
        return in->due[t] != NEVER;
}

/* I2: an open incident has the timers of its state, and no others. */
static void check_timers(const Incident *in)
{
        bool ladder = ladder_runs(in);

        if (ladder)
                ASSERT(armed(in, TIMER_TIER) != armed(in, TIMER_LOOP));
        else
                ASSERT(!armed(in, TIMER_TIER) && !armed(in, TIMER_LOOP) && !armed(in, TIMER_RECEIPT) &&
                        !armed(in, TIMER_RENOTIFY) && !armed(in, TIMER_OLDER));
        if (ladder && in->plan.renotify_us && in->plan.renotify_us < in->plan.loop_us)
                ASSERT(armed(in, TIMER_RENOTIFY));
        if (in->state == STATE_ACCEPTED && !is_request(in))
                ASSERT(armed(in, TIMER_ARRIVE_BY));
        if (in->state != STATE_ACCEPTED)
                ASSERT(!armed(in, TIMER_ARRIVE_BY) && !armed(in, TIMER_REMIND));
        if (in->state == STATE_ON_SCENE && !is_request(in))
                ASSERT(armed(in, TIMER_HANDLE_BY));
        if (in->state != STATE_ON_SCENE)
                ASSERT(!armed(in, TIMER_HANDLE_BY));
        ASSERT((in->state == STATE_RESOLVED) == armed(in, TIMER_REOPEN_UNTIL));
        ASSERT((in->state == STATE_CLOSED) == armed(in, TIMER_BURY));
        if (!state_open(in->state))
                ASSERT(!armed(in, TIMER_ARRIVE_MAX) && !armed(in, TIMER_FIRE119) &&
                        !armed(in, TIMER_CONFIRM_BY) && !armed(in, TIMER_FOLLOWUP) &&
                        (!armed(in, TIMER_NOTIFY) || (is_request(in) && in->state == STATE_RESOLVED)));
        ASSERT(in->state == STATE_CLOSED || !request_contradicts(in));
        if (in->group == GROUP_FIRE && state_open(in->state))
                ASSERT(armed(in, TIMER_FIRE119) || in->fire119 >= 3);
        if (in->handed_to[0] && state_open(in->state))
                ASSERT(armed(in, TIMER_CONFIRM_BY) || armed(in, TIMER_FOLLOWUP));
        if (in->pending)
                ASSERT(armed(in, TIMER_NOTIFY));
}

static void check_facts(const Engine *e, const Incident *in)
{
        bool owned = in->state == STATE_ACCEPTED || in->state == STATE_ON_SCENE;
        uint64_t bits = 0;

        ASSERT(in->state > STATE_NONE && in->state < STATE_MAX);
        ASSERT(owned == (in->owner != 0));
        ASSERT(in->priority >= 1 && in->priority <= 5);
        ASSERT(in->tier >= plan_first(&in->plan) && in->tier <= plan_last(&in->plan));
        ASSERT(in->plan.tiers[in->tier - 1].present);
        ASSERT(in->newest >= 1 && in->newest <= in->tier);
        ASSERT(in->backup_newest <= in->backup_tier && in->backup_tier <= plan_last(&in->plan));
        ASSERT(in->round >= 1 && in->plan.loop_us > 0);
        ASSERT(in->n_sources <= SOURCES_MAX && in->n_recipients <= RECIPIENTS_MAX);
        ASSERT(in->last_seq < e->next_seq && in->round_seq <= in->last_seq &&
                in->opening_seq <= in->round_seq);
        ASSERT(in->id < e->next_incident);
        if (in->state == STATE_RESOLVED)
                ASSERT(in->outcome[0] && in->resolved_wall);
        for (unsigned i = 0; i < in->n_recipients; i++) {
                const Recipient *r = recipient_at(in, i);
                uint64_t bit = UINT64_C(1) << ((r->worker * CHANNEL_MAX + r->channel) % 64);

                ASSERT(r->seq < e->next_seq);
                ASSERT(r->worker || r->channel == CHANNEL_EXEC);
                ASSERT(r->channel < CHANNEL_MAX);
                /* Nobody twice: two that are the same have the same bit, so only they need a closer look. */
                for (unsigned j = 0; (bits & bit) && j < i; j++)
                        ASSERT(recipient_at(in, j)->worker != r->worker ||
                                recipient_at(in, j)->channel != r->channel);
                bits |= bit;
        }
}

static void check_maps(const Engine *e, const Incident *in)
{
        Timer first;
        int64_t due = timers_first(in, &first);
        bool in_place = false;

        ASSERT(table_get(e, in->id) == in);
        ASSERT(&e->slots[in->slot] == in);
        ASSERT((e->heap.pos[in->slot] != 0) == (due != NEVER));
        if (due != NEVER) {
                const HeapKey *key = &e->heap.keys[in->slot];

                ASSERT(key->due == (uint64_t)due + (UINT64_C(1) << 63));
                ASSERT(key->rank == in->priority && key->id == in->id);
        }
        if (in->state == STATE_CLOSED)
                return;
        /* The next press of its key comes to it, or to the twin that a merge has brought. */
        ASSERT(in->overflow || table_find(e, (Group)in->group, (KeyType)in->key_type, in->key_id));
        for (const Incident *other = place_first(e, in->dwelling); other; other = place_next(e, other)) {
                ASSERT(other->dwelling == in->dwelling && other->state != STATE_CLOSED);
                in_place = in_place || other == in;
        }
        ASSERT(in_place == (in->dwelling != 0));
        ASSERT(in->overflow == (in->slot >= e->limits.incidents_max));
}

/* The next visit that is due is the next of all. */
static void check_visits(const Engine *e)
{
        int64_t due = NEVER;

        for (uint32_t id = 1, end = people_end(e); id < end; id++) {
                const OpenVisit *v = &e->workers[id].visit;

                ASSERT(!v->number || (v->number < e->next_seq && v->service < SERVICE_MAX));
                if (v->number && v->due_us < due)
                        due = v->due_us;
        }
        ASSERT(e->visits_anew || due == e->visit_due);
}

void engine_check(const Engine *e)
{
        uint32_t n = 0, open = 0, free = 0, in_heap = 0, blocks = 0;
        uint64_t before = 0;

        ASSERT(e && e->next_seq >= 1);
        for (const Incident *in = table_first(e); in; in = table_next(e, in)) {
                ASSERT(in->id > before);
                before = in->id;
                check_timers(in);
                check_facts(e, in);
                check_maps(e, in);
                n++;
                open += state_open(in->state);
                in_heap += e->heap.pos[in->slot] != 0;
                blocks += (in->n_recipients + BLOCK_RECIPIENTS - 1u) / BLOCK_RECIPIENTS;
        }
        for (uint32_t slot = e->free; slot != NO_SLOT; slot = e->slots[slot].next, free++)
                ASSERT(e->slots[slot].id == 0 && slot < e->high);
        for (uint32_t slot = e->limits.incidents_max; slot < e->n_slots; slot++)
                free += e->slots[slot].id == 0;
        ASSERT(n == e->n_used && open == e->open && in_heap == e->heap.n);
        ASSERT(n + free == e->high + OVERFLOWS);
        for (const RecipientBlock *b = e->block_free; b; b = b->next)
                blocks++;
        ASSERT(blocks == e->blocks_high);
        ASSERT(e->keys_n <= e->limits.keys_max);
        check_visits(e);
}
