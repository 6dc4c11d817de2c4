/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A person's further channels: programs that send an SMS or make a call.
 *
 * They are opened when the first way is not confirmed (no delivery receipt in time, a failed attempt, presence
 * lost), one after the other, each once a round. Which ones: those that workers.csv names, in its order, then
 * those of the person's role. A person is called on one channel at most once in its gap, whatever for: a phone
 * that rings without end is switched off.
 */
#include "base/str.h"
#include "engine/internal.h"

#include <string.h>

/* The program's place in the policy; PERSON_CHANNELS_MAX: none of this name. */
static unsigned channel_named(const Engine *e, const char *name, size_t n)
{
        for (unsigned i = 0; i < PERSON_CHANNELS_MAX; i++) {
                const PersonChannel *c = &e->policy.channels[i];

                if (c->personal && strlen(c->name) == n && memcmp(c->name, name, n) == 0)
                        return i;
        }
        return PERSON_CHANNELS_MAX;
}

/* Places in the policy in the order in which they are tried. Returns how many. */
static unsigned channels_of(const Engine *e, const Worker *w, unsigned ret[PERSON_CHANNELS_MAX])
{
        const char *s = w->channels ? w->channels : "";
        unsigned n = 0;
        uint32_t seen = 0;

        while (*s) {
                size_t skip = strspn(s, " "), length = strcspn(s + skip, " ");
                unsigned i = PERSON_CHANNELS_MAX;

                s += skip;
                if (length > 5 && memcmp(s, "exec:", 5) == 0)
                        i = channel_named(e, s + 5, length - 5);
                if (i < PERSON_CHANNELS_MAX && !(seen & BIT(i)))
                        ret[n++] = i;
                seen |= i < PERSON_CHANNELS_MAX ? BIT(i) : 0;
                s += length;
        }
        for (unsigned i = 0; i < PERSON_CHANNELS_MAX; i++)
                if (e->policy.channels[i].personal && !(seen & BIT(i)) &&
                        (e->policy.channels[i].roles & BIT(w->role)))
                        ret[n++] = i;
        ASSERT(n <= PERSON_CHANNELS_MAX);
        return n;
}

/* PERSON_CHANNELS_MAX: all have been used in this round, or were used too short a time ago. */
static unsigned channel_next(const Engine *e, Incident *in, uint32_t worker)
{
        const Worker *w = registry_worker(e->registry, worker);
        const WorkerState *state = people_state(e, worker);
        unsigned order[PERSON_CHANNELS_MAX], n = w ? channels_of(e, w, order) : 0;

        for (unsigned k = 0; k < n; k++) {
                const PersonChannel *c = &e->policy.channels[order[k]];
                const Recipient *r = recipient_get(in, worker, (uint8_t)(CHANNEL_PERSON + order[k]));
                int64_t last = state ? state->channel_us[order[k]] : 0;

                if (in->priority > c->priority || (r && r->seq >= in->round_seq) ||
                        (last && e->at - last < (int64_t)c->gap_us))
                        continue;
                return order[k];
        }
        return PERSON_CHANNELS_MAX;
}

bool channel_left(const Engine *e, Incident *in, uint32_t worker)
{
        ASSERT(in->id && worker);
        return channel_next(e, in, worker) < PERSON_CHANNELS_MAX;
}

void channel_mark(Engine *e, Incident *in, Recipient *r, Reason reason)
{
        ASSERT(r->worker);
        r->flags |= TOLD_NEXT;
        notice_mark(e, in, PENDING_CHANNEL, reason, e->at);
}

bool channel_call(Engine *e, Incident *in, Recipient *first, Reason reason)
{
        uint32_t worker = first->worker;
        unsigned i = channel_next(e, in, worker);
        uint8_t channel = (uint8_t)(CHANNEL_PERSON + i), tier = first->tier;
        WorkerState *state = people_state(e, worker);
        Recipient *r;

        ASSERT(worker);
        if (i == PERSON_CHANNELS_MAX) {
                first->flags &= (uint8_t)~TOLD_NEXT;
                return true;
        }
        r = recipient_get(in, worker, channel);
        if (!r && (r = recipient_push(e, in)))
                *r = (Recipient){.worker = worker, .channel = channel, .tier = tier};
        if (r && !notice_call(e, in, r, reason))
                return false;
        if (r)
                r->flags &= (uint8_t)~TOLD_DELIVERED;
        if (r && state)
                state->channel_us[i] = e->at;
        first->flags &= (uint8_t)~TOLD_NEXT;
        return true;
}

bool recipient_delivered(const Incident *in, uint32_t worker)
{
        ASSERT(worker);
        for (unsigned i = 0; i < in->n_recipients; i++) {
                const Recipient *r = recipient_at(in, i);

                if (r->worker == worker && (r->flags & TOLD_DELIVERED))
                        return true;
        }
        return false;
}

bool recipient_failed(const Incident *in, uint32_t worker)
{
        bool any = false;

        ASSERT(worker);
        for (unsigned i = 0; i < in->n_recipients; i++) {
                const Recipient *r = recipient_at(in, i);

                if (r->worker != worker || (r->channel >= CHANNEL_PERSON && r->seq < in->round_seq))
                        continue;
                if (!(r->flags & TOLD_FAILED))
                        return false;
                any = true;
        }
        return any;
}

int64_t channel_receipt(const Engine *e)
{
        uint64_t most = 0;

        for (unsigned i = 0; i < PERSON_CHANNELS_MAX; i++)
                if (e->policy.channels[i].personal && e->policy.channels[i].receipt_us > most)
                        most = e->policy.channels[i].receipt_us;
        return (int64_t)most;
}

/* A phone that was rung right before the restart is not rung again within its gap. */
void channel_restore(Engine *e, const Incident *in, int64_t ahead_us)
{
        ASSERT(in->id);
        for (unsigned i = 0; i < in->n_recipients; i++) {
                const Recipient *r = recipient_at(in, i);
                WorkerState *w = r->channel >= CHANNEL_PERSON ? people_state(e, r->worker) : NULL;
                int64_t at = r->sent_us - ahead_us, *last;

                if (!w || !r->sent_us || at > e->at)
                        continue;
                last = &w->channel_us[r->channel - CHANNEL_PERSON];
                if (!*last || at > *last)
                        *last = at ? at : -1; /* before this boot: negative; 0 is never */
        }
}

void channel_stop(Incident *in)
{
        ASSERT(in->n_recipients <= RECIPIENTS_MAX);
        for (unsigned i = 0; i < in->n_recipients; i++)
                recipient_at(in, i)->flags &= (uint8_t)~TOLD_NEXT;
        in->pending &= (uint16_t)~PENDING_CHANNEL;
}
