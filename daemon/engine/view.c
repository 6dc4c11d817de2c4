/* SPDX-License-Identifier: Apache-2.0 */
/* What the world may see of the incidents in memory. Nothing here changes anything. */
#include "base/str.h"
#include "engine/internal.h"

static int64_t shown(const Incident *in, Timer t, Now now)
{
        return in->due[t] == NEVER ? 0 : in->due[t] - (int64_t)now.boot_us + now.wall_us;
}

static uint8_t others_of(const Engine *e, const Incident *in)
{
        uint32_t n = 0;

        for (const Incident *other = place_first(e, in->dwelling); other; other = place_next(e, other))
                n += other != in && state_open(other->state);
        return n < UINT8_MAX ? (uint8_t)n : UINT8_MAX;
}

static void view_times(const Incident *in, Now now, IncidentView *v)
{
        v->opened_us = in->opened_wall;
        v->accepted_us = in->accepted_wall;
        v->arrived_us = in->arrived_wall;
        v->resolved_us = in->resolved_wall;
        v->next_tier_us = shown(in, in->due[TIMER_TIER] != NEVER ? TIMER_TIER : TIMER_LOOP, now);
        v->arrive_by_us = shown(in, TIMER_ARRIVE_BY, now);
        v->handle_by_us = shown(in, TIMER_HANDLE_BY, now);
        v->reopen_until_us = shown(in, TIMER_REOPEN_UNTIL, now);
        v->due_us = in->state == STATE_RESOLVED ? v->reopen_until_us : shown(in, TIMER_LEVEL, now);
        v->waiting_us = shown(in, TIMER_WAIT, now);
}

static void view_texts(const Incident *in, IncidentView *v)
{
        (void)str_copy(v->source, sizeof(v->source), in->source);
        (void)str_copy(v->event_id, sizeof(v->event_id), in->event_id);
        (void)str_copy(v->word, sizeof(v->word), in->word);
        (void)str_copy(v->outcome, sizeof(v->outcome), in->outcome);
        (void)str_copy(v->handed_to, sizeof(v->handed_to), in->handed_to);
}

/* Nobody on scene for too long, or nobody has decided about 119: an acceptance stands down nobody any more. */
static bool calls_everybody(const Incident *in)
{
        return in->state == STATE_ACCEPTED &&
               ((in->plan.arrive_max_us && in->due[TIMER_ARRIVE_MAX] == NEVER) || in->fire119 == 2);
}

static void view_numbers(const Incident *in, Now now, IncidentView *ret)
{
        uint8_t tiers = 0;

        for (unsigned i = 0; i < TIERS_MAX; i++)
                tiers += in->plan.tiers[i].present;
        *ret = (IncidentView){.id = in->id,
                .last_seq = in->last_seq,
                .group = (Group)in->group,
                .class = (Class)in->class,
                .kind = (AlarmKind)in->kind,
                .priority = in->priority,
                .state = (State)in->state,
                .condition = (Condition)in->cond,
                .tier = in->tier,
                .tiers = tiers,
                .round = in->round,
                .presses = in->presses,
                .helpers = recipients_helping(in),
                .late = in->late,
                .test = in->test,
                .cancel_req = in->cancel_req,
                .exhausted = in->exhausted,
                .unknown_source = in->unknown_source,
                .device = in->device,
                .resident = in->resident,
                .dwelling = in->dwelling,
                .grid = in->grid,
                .owner = in->owner,
                .successor = in->successor,
                .backup_seq = in->backup_tier ? in->round_seq : 0,
                .everybody = calls_everybody(in),
                .reason = (Reason)in->reason,
                .cause = (SystemCause)in->cause,
                .vital = in->vital,
                .value = in->value,
                .limit = in->limit,
                .why = (Reason)in->why,
                .span_us = in->span_us,
                .trend = in->trend,
                .score = in->score & 0x7f,
                .partial = in->score & 0x80,
                .area = in->key_type == KEY_AREA,
                .away = (Away)in->away,
                .sign = in->sign,
                .sign_us = in->sign_wall,
                .located = in->located,
                .lat = in->lat,
                .lon = in->lon,
                .accuracy_m = (double)in->accuracy_m,
                .request = request_state(in),
                .overdue = in->overdue,
                .open_words = in->open_words,
                .by_desk = in->desk,
                .rating = in->rating};
        view_times(in, now, ret);
}

bool engine_view(const Engine *e, uint64_t incident, Now now, IncidentView *ret)
{
        const Incident *in = table_get(e, incident);

        ASSERT(ret);
        if (!in)
                return false;
        view_numbers(in, now, ret);
        view_texts(in, ret);
        ret->others = others_of(e, in);
        return true;
}

bool engine_view_numbers(const Engine *e, uint64_t incident, Now now, IncidentView *ret)
{
        const Incident *in = table_get(e, incident);

        ASSERT(ret);
        if (!in)
                return false;
        view_numbers(in, now, ret);
        return true;
}

static void view_recipient(const Incident *in, const Recipient *r, RecipientView *ret)
{
        *ret = (RecipientView){.worker = r->worker,
                .channel = r->channel,
                .tier = r->tier,
                .delivered = r->flags & TOLD_DELIVERED,
                .seen = r->flags & TOLD_SEEN,
                .declined = r->flags & TOLD_DECLINED,
                .failed = r->flags & TOLD_FAILED,
                .helper = r->flags & TOLD_HELPER,
                .owner = r->worker && r->worker == in->owner,
                .seq = r->seq,
                .sent_us = r->sent_us};
}

bool engine_recipient(const Engine *e, uint64_t incident, uint32_t n, Now now, RecipientView *ret)
{
        const Incident *in = table_get(e, incident);

        ASSERT(ret);
        (void)now;
        if (!in || n >= in->n_recipients)
                return false;
        view_recipient(in, recipient_at(in, n), ret);
        return true;
}

uint32_t engine_recipients(const Engine *e, uint64_t incident, RecipientView ret[RECIPIENTS_MAX])
{
        const Incident *in = table_get(e, incident);
        uint32_t n = in ? in->n_recipients : 0;

        ASSERT(ret && n <= RECIPIENTS_MAX);
        for (uint32_t i = 0; i < n; i++)
                view_recipient(in, recipient_at(in, i), &ret[i]);
        return n;
}

const char *engine_device(const Engine *e, uint64_t incident, uint32_t n)
{
        const Incident *in = table_get(e, incident);

        if (!in || in->group == GROUP_SYSTEM || n >= in->n_sources)
                return NULL;
        return source_at(in, n)->code;
}

/* The first in id order above `after` for which `also_resolved` or being open holds. */
static uint64_t next_after(const Engine *e, uint64_t after, bool also_resolved)
{
        const Incident *in = table_get(e, after);

        in = in ? table_next(e, in) : table_first(e);
        for (; in; in = table_next(e, in))
                if (in->id > after &&
                        (state_open(in->state) || (also_resolved && in->state == STATE_RESOLVED)))
                        return in->id;
        return 0;
}

uint64_t engine_next_open(const Engine *e, uint64_t after)
{
        return next_after(e, after, false);
}

uint64_t engine_next_held(const Engine *e, uint64_t after)
{
        return next_after(e, after, true);
}

uint32_t engine_open_count(const Engine *e)
{
        return e->open;
}

bool engine_worker_on(const Engine *e, uint32_t worker, Now now)
{
        int64_t at = (int64_t)now.boot_us > e->at ? (int64_t)now.boot_us : e->at;

        return people_on_duty_at(e, worker, now, at) && people_reachable_at(e, worker, at);
}

bool engine_state_row(const Engine *e, uint64_t incident, Now now, StateRow *ret)
{
        const Incident *in = table_get(e, incident);

        ASSERT(ret);
        if (!in)
                return false;
        state_encode(e, in, now, ret);
        return true;
}
