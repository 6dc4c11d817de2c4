/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ladder: tiers, rounds, and the timers that climb it.
 *
 *      round r:  T1 ──TIER──▶ T2 ──TIER──▶ … Tlast ──TIER──▶ LOOP: all tiers, round r+1 ─┐
 *                 └ nobody there, nobody received it, three presses: at once             └──▶ LOOP …
 *
 * What always holds while a ladder runs (ALERTING, or a backup ladder for somebody on scene): exactly one of
 * TIER and LOOP is armed, so the next step always comes; a tier never falls within a round; earlier tiers stay
 * in. TIER is counted from the moment at which the step was due, not from when it was applied, so that a
 * restart moves nothing; what people need time for (a receipt, being called again) counts from the call.
 *
 * A ladder is a (reached tier, first tier of the newest group) in the incident: the main one, or the backup's.
 */
#include "engine/internal.h"

static uint8_t *tier_of(Incident *in)
{
        return in->backup_tier ? &in->backup_tier : &in->tier;
}

static uint8_t *newest_of(Incident *in)
{
        return in->backup_tier ? &in->backup_newest : &in->newest;
}

bool ladder_runs(const Incident *in)
{
        ASSERT(!in->backup_tier || in->state == STATE_ACCEPTED || in->state == STATE_ON_SCENE);
        return in->state == STATE_ALERTING || in->backup_tier;
}

uint8_t plan_next(const ClassPolicy *plan, uint8_t tier)
{
        ASSERT(tier <= TIERS_MAX);
        for (uint8_t k = tier + 1; k <= TIERS_MAX; k++)
                if (plan->tiers[k - 1].present)
                        return k;
        return 0;
}

uint8_t plan_first(const ClassPolicy *plan)
{
        uint8_t k = plan_next(plan, 0);

        ASSERT(k);
        return k;
}

uint8_t plan_last(const ClassPolicy *plan)
{
        uint8_t k = TIERS_MAX;

        for (; !plan->tiers[k - 1].present; k--)
                ASSERT(k > 1);
        return k;
}

/*
 * What every plan has, whatever is configured: without a ladder the loop without end still calls whoever joins, and
 * the programs; and where the class has no limit of its own, nobody may accept and forget for more than a day.
 */
void plan_complete(ClassPolicy *plan)
{
        bool any = false;

        for (unsigned i = 0; i < TIERS_MAX; i++)
                any = any || plan->tiers[i].present;
        if (!any)
                plan->tiers[0] = (Tier){.present = true};
        if (!plan->loop_us)
                plan->loop_us = LOOP_DEFAULT_US;
        if (!plan->arrive_by_us)
                plan->arrive_by_us = FORGOTTEN_US;
        if (!plan->handle_by_us)
                plan->handle_by_us = FORGOTTEN_US;
        if (plan->priority < 1 || plan->priority > 5)
                plan->priority = 1;
}

static uint64_t delay_of(const Incident *in, uint8_t tier)
{
        ASSERT(tier >= 1 && tier <= TIERS_MAX);
        return in->cancel_req ? in->slow_us[tier - 1] : in->plan.tiers[tier - 1].delay_us;
}

/* From entering this tier to the next; from the last one to the loop. */
int64_t ladder_distance(const Incident *in, uint8_t tier)
{
        uint8_t next = plan_next(&in->plan, tier);
        uint64_t from = delay_of(in, tier), to;

        if (!next)
                return (int64_t)in->plan.loop_us;
        to = delay_of(in, next);
        return to > from ? (int64_t)(to - from) : 0;
}

static int64_t second_of_day(const Engine *e, int64_t due)
{
        const int64_t day = 86400;
        int64_t local = (now_wall_of(e, due) / (int64_t)USEC_PER_SEC + e->now.utc_s) % day;

        return local < 0 ? local + day : local;
}

int64_t ladder_digest(const Engine *e, int64_t due)
{
        const int64_t at = 9 * 3600, day = 86400;

        ASSERT(due != NEVER);
        return due + (at + day - second_of_day(e, due)) % day * (int64_t)USEC_PER_SEC;
}

/* P4 and P5 are repeated between 8 and 20 o'clock; they can wait for the morning, people cannot sleep twice. */
int64_t ladder_by_day(const Engine *e, const Incident *in, int64_t due)
{
        const int64_t second = (int64_t)USEC_PER_SEC, day = 86400;
        int64_t local;

        ASSERT(due != NEVER);
        if (in->priority < 4)
                return due;
        local = second_of_day(e, due);
        if (local < 8 * 3600)
                return due + (8 * 3600 - local) * second;
        if (local >= 20 * 3600)
                return due + (day + 8 * 3600 - local) * second;
        return due;
}

/*
 * When the morning is was computed by a clock that was wrong. From the last call or round the time is counted anew,
 * and then the day of the clock as it is now.
 */
void ladder_redate(Engine *e, Incident *in)
{
        int64_t from = in->notified_us == NEVER ? e->at : in->notified_us;
        const int64_t raw[][2] = {{TIMER_RENOTIFY, from + (int64_t)in->plan.renotify_us},
                {TIMER_OLDER, from + (int64_t)in->plan.loop_us},
                {TIMER_LOOP, in->round_us + (int64_t)in->plan.loop_us}};

        if (in->priority < 4 || is_request(in) || !ladder_runs(in))
                return;
        for (unsigned i = 0; i < sizeof(raw) / sizeof(raw[0]); i++)
                if (in->due[raw[i][0]] != NEVER)
                        timer_set(e, in, (Timer)raw[i][0],
                                ladder_by_day(e, in, raw[i][1] > e->at ? raw[i][1] : e->at));
}

uint32_t ladder_reached(const Incident *in)
{
        uint32_t bits = 0, upto = in->backup_tier ? in->backup_tier : in->tier;

        ASSERT(upto <= TIERS_MAX);
        for (uint8_t k = 1; k <= upto; k++)
                if (in->plan.tiers[k - 1].present)
                        bits |= PENDING_TIER(k);
        return bits;
}

void ladder_snapshot(const Engine *e, Incident *in, Class class)
{
        ASSERT(class < CLASS_MAX);
        in->plan = e->policy.classes[class];
        in->class = (uint8_t) class;
        in->priority = in->plan.priority;
}

/* A further channel was tried in this round, and has not failed. */
static bool channel_runs(const Incident *in, uint32_t worker)
{
        for (unsigned i = 0; i < in->n_recipients; i++) {
                const Recipient *r = recipient_at(in, i);

                if (r->worker == worker && r->channel >= CHANNEL_PERSON && r->seq >= in->round_seq &&
                        !(r->flags & TOLD_FAILED))
                        return true;
        }
        return false;
}

/* Who of the newest group can be expected to accept? */
static bool can_accept(
        const Engine *e, Incident *in, uint32_t id, const Worker *w, uint8_t from, uint8_t upto)
{
        const uint8_t out = TOLD_DECLINED | TOLD_FORMER | TOLD_HELPER;
        bool member = false;
        const Recipient *r;

        if (!(role_rights(w->role) & RIGHT_ACCEPT) || id == in->owner)
                return false;
        for (uint8_t k = from; k <= upto && !member; k++)
                member = people_in_tier(e, in, w, k);
        if (!member || !people_on_duty(e, id))
                return false;
        r = recipient_of(in, id);
        if (r && (r->flags & out))
                return false;
        if (people_reachable(e, id) && !recipient_failed(in, id))
                return true;
        return channel_left(e, in, id) || channel_runs(in, id);
}

static bool group_empty(const Engine *e, Incident *in)
{
        const Registry *r = e->registry;

        for (uint32_t id = 0; (id = roster_near(r, id, in->dwelling, in->resident));) {
                const Worker *w = registry_worker(r, id);

                ASSERT(w);
                if (can_accept(e, in, id, w, *newest_of(in), *tier_of(in)))
                        return false;
        }
        return true;
}

static Reason why_empty(const Engine *e, Incident *in)
{
        for (unsigned i = 0; i < in->n_recipients; i++) {
                const Recipient *r = recipient_at(in, i);
                const Worker *w = registry_worker(e->registry, r->worker);

                if (!w || !(r->flags & TOLD_DECLINED))
                        continue;
                for (uint8_t k = *newest_of(in); k <= *tier_of(in); k++)
                        if (people_in_tier(e, in, w, k))
                                return REASON_ALL_DECLINED;
        }
        return REASON_EMPTY;
}

static void exec_mark(Engine *e, Incident *in, bool loop, int64_t at, Reason reason)
{
        uint8_t least = e->policy.exec_priority;

        if (loop && least < 2)
                least = 2;
        if (e->policy.exec_channels > 0 && in->priority <= least)
                notice_mark(e, in, PENDING_EXEC, reason, at);
}

/* Above the last tier it leads on; in the last it still opens second channels. */
static void receipt_arm(Engine *e, Incident *in, uint8_t tier, bool next)
{
        bool wanted = next ? !(in->receipt_done & BIT(tier - 1)) : channel_receipt(e) > 0;

        timer_set(e, in, TIMER_RECEIPT,
                wanted && in->plan.receipt_us ? ladder_by_day(e, in, e->at) + (int64_t)in->plan.receipt_us
                                              : NEVER);
}

/* The timers of a tier that was entered at `at`. */
static void arm(Engine *e, Incident *in, int64_t at)
{
        uint8_t tier = *tier_of(in);
        uint8_t next = plan_next(&in->plan, tier);
        int64_t older = ladder_by_day(e, in, e->at + (int64_t)in->plan.loop_us);

        ASSERT(tier >= 1);
        if (!in->backup_tier)
                in->entered_us = at;
        timer_set(e, in, TIMER_TIER, at + ladder_distance(in, tier));
        timer_off(e, in, TIMER_LOOP);
        timer_set(e, in, TIMER_RENOTIFY,
                in->plan.renotify_us ? ladder_by_day(e, in, e->at + (int64_t)in->plan.renotify_us) : NEVER);
        receipt_arm(e, in, tier, next != 0);
        if (*newest_of(in) > plan_first(&in->plan) && in->due[TIMER_OLDER] == NEVER)
                timer_set(e, in, TIMER_OLDER, older);
}

static void tier_row(Engine *e, Incident *in, JournalKind kind, uint8_t tier, int64_t at, Reason reason)
{
        JournalRow *row = emit_timed(e, in, kind, at);

        row->tier = tier;
        row->reason = (uint8_t)reason;
}

/*
 * Enters tier k, with it the tiers that are called at the same time, and goes on at once where nobody can be
 * reached: the helpers of such a tier are called all the same. `silent`: the row of the first one stands
 * already (OPENED, REOPENED).
 */
static void enter(Engine *e, Incident *in, uint8_t k, int64_t at, Reason reason, bool silent)
{
        for (;;) {
                uint8_t next;

                *newest_of(in) = k;
                for (;;) {
                        ASSERT(k > *tier_of(in) || silent);
                        *tier_of(in) = k;
                        if (!silent)
                                tier_row(e, in, JOURNAL_TIER, k, at, reason);
                        silent = false;
                        notice_mark(e, in, PENDING_TIER(k), reason, at);
                        next = plan_next(&in->plan, k);
                        if (!next || ladder_distance(in, k) > 0)
                                break;
                        k = next;
                }
                if (!group_empty(e, in))
                        break;
                in->skip_done |= (uint8_t)BIT(k - 1);
                tier_row(e, in, JOURNAL_SKIPPED, k, at, why_empty(e, in));
                if (in->group != GROUP_SYSTEM)
                        system_raise(e, SYSTEM_ROSTER);
                if (!next)
                        break;
                k = next;
                reason = REASON_EMPTY;
        }
        exec_mark(e, in, false, at, reason);
        arm(e, in, at);
        emit_alert(e, in);
}

void ladder_round(Engine *e, Incident *in, int64_t at, uint64_t seq)
{
        const uint8_t round = TOLD_DELIVERED | TOLD_SEEN | TOLD_DECLINED | TOLD_FAILED;

        ASSERT(seq > 0);
        ASSERT(at != NEVER);
        in->round_us = at;
        in->round_seq = seq;
        in->receipt_done = in->skip_done = 0;
        for (unsigned i = 0; i < in->n_recipients; i++)
                recipient_at(in, i)->flags &= (uint8_t)~round;
        emit_state(e, in);
}

void ladder_start(Engine *e, Incident *in, uint8_t upto, int64_t at, Reason reason)
{
        uint8_t first = plan_first(&in->plan);

        ASSERT(in->state == STATE_ALERTING && !in->backup_tier);
        in->tier = 0;
        in->exhausted = false;
        timer_off(e, in, TIMER_OLDER);
        if (upto > first) { /* several tiers at once: those below the last of them without waiting */
                uint8_t last = first, next;

                for (next = plan_next(&in->plan, first); next && next <= upto;
                        next = plan_next(&in->plan, next))
                        last = next;
                in->tier = last;
                notice_mark(e, in, ladder_reached(in), reason, at);
                in->tier = 0;
                first = last;
        }
        enter(e, in, first, at, reason, true);
}

static void loop(Engine *e, Incident *in, int64_t at)
{
        if (at + (int64_t)in->plan.loop_us <= e->at)
                at = e->at; /* many were missed: one round is enough */
        if (!in->backup_tier)
                in->round++;
        in->exhausted = true;
        *tier_of(in) = plan_last(&in->plan); /* an upgrade may have added tiers above */
        tier_row(e, in, JOURNAL_LOOP, *tier_of(in), at, REASON_LOOP);
        ladder_round(e, in, at, e->next_seq - 1);
        notice_mark(e, in, ladder_reached(in), REASON_LOOP, at);
        exec_mark(e, in, true, at, REASON_LOOP);
        timer_off(e, in, TIMER_TIER);
        receipt_arm(e, in, *tier_of(in), false);
        timer_off(e, in, TIMER_OLDER);
        timer_set(e, in, TIMER_LOOP, ladder_by_day(e, in, at + (int64_t)in->plan.loop_us));
        timer_set(e, in, TIMER_RENOTIFY,
                in->plan.renotify_us && in->plan.renotify_us < in->plan.loop_us
                        ? ladder_by_day(e, in, e->at + (int64_t)in->plan.renotify_us)
                        : NEVER);
        emit_alert(e, in);
}

void ladder_advance(Engine *e, Incident *in, int64_t at, Reason reason)
{
        uint8_t next = plan_next(&in->plan, *tier_of(in));

        ASSERT(ladder_runs(in));
        if (next && in->due[TIMER_LOOP] == NEVER)
                enter(e, in, next, at, reason, false);
        else
                notice_mark(e, in, ladder_reached(in), reason, at);
}

void ladder_all(Engine *e, Incident *in, int64_t at, Reason reason)
{
        uint8_t last = plan_last(&in->plan);
        uint32_t all = 0;

        for (uint8_t k = plan_first(&in->plan); k; k = plan_next(&in->plan, k))
                all |= PENDING_TIER(k);
        if (in->state == STATE_ALERTING && in->tier < last) {
                in->tier = in->newest = last;
                tier_row(e, in, JOURNAL_TIER, last, at, reason);
                arm(e, in, at);
        }
        notice_mark(e, in, all, reason, at);
        exec_mark(e, in, true, at, reason);
        emit_alert(e, in);
}

/* Back to alerting: everybody up to `tier` was stood down and is called again. */
void ladder_resume(Engine *e, Incident *in, uint8_t tier, int64_t at, Reason reason)
{
        uint8_t last = plan_last(&in->plan);

        ASSERT(in->state == STATE_ALERTING && !in->backup_tier);
        ASSERT(tier >= in->tier && tier <= last);
        in->tier = in->newest = tier;
        in->skip_done &= (uint8_t)~BIT(tier - 1);
        notice_mark(e, in, ladder_reached(in), reason, at);
        exec_mark(e, in, false, at, reason);
        arm(e, in, at);
        in->exhausted = tier == last;
        if (in->exhausted) {
                timer_off(e, in, TIMER_TIER);
                receipt_arm(e, in, tier, false);
                timer_set(e, in, TIMER_LOOP, ladder_by_day(e, in, at + (int64_t)in->plan.loop_us));
        }
        ladder_check_empty(e, in, at, REASON_EMPTY);
}

/* The ladder rests: nobody of the tiers is called any more. */
void ladder_stop(Engine *e, Incident *in)
{
        const Timer own[] = {TIMER_TIER, TIMER_LOOP, TIMER_RECEIPT, TIMER_RENOTIFY, TIMER_OLDER};

        for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
                timer_off(e, in, own[i]);
        in->pending &= (uint16_t) ~(PENDING_TIERS | PENDING_JOINED | PENDING_EXEC | PENDING_FORMER);
        in->backup_tier = in->backup_newest = 0;
        channel_stop(in);
        if (!in->pending)
                timer_off(e, in, TIMER_NOTIFY);
        emit_state(e, in);
}

void ladder_backup(Engine *e, Incident *in, uint8_t from, int64_t at, Reason reason)
{
        ASSERT(in->state == STATE_ACCEPTED || in->state == STATE_ON_SCENE);
        ASSERT(from >= 1 && from <= TIERS_MAX);
        if (in->backup_tier) {
                ladder_advance(e, in, at, reason);
                return;
        }
        tier_row(e, in, JOURNAL_BACKUP, from, at, reason);
        in->backup_tier = from;
        ladder_round(e, in, at, e->next_seq - 1);
        enter(e, in, from, at, reason, true);
}

void ladder_backup_end(Engine *e, Incident *in)
{
        ASSERT(in->backup_tier);
        ASSERT(in->state == STATE_ACCEPTED || in->state == STATE_ON_SCENE);
        ladder_stop(e, in);
}

/* All of the newest tier have declined, are off duty, failed or lost: the next one at once, once per tier. */
void ladder_check_empty(Engine *e, Incident *in, int64_t at, Reason reason)
{
        uint8_t tier, next;

        if (!ladder_runs(in) || in->test || is_request(in))
                return; /* a request waits for people to come on duty, and its limits lead on */
        tier = *tier_of(in);
        ASSERT(tier >= 1);
        if ((in->skip_done & BIT(tier - 1)) || !group_empty(e, in))
                return;
        in->skip_done |= (uint8_t)BIT(tier - 1);
        tier_row(e, in, JOURNAL_SKIPPED, tier, at, why_empty(e, in));
        if (in->group != GROUP_SYSTEM)
                system_raise(e, SYSTEM_ROSTER);
        next = plan_next(&in->plan, tier);
        if (next && in->due[TIMER_LOOP] == NEVER)
                enter(e, in, next, at,
                        why_empty(e, in) == REASON_ALL_DECLINED ? REASON_ALL_DECLINED : reason, false);
}

/*
 * RECEIPT: whoever of the newest group has not confirmed that it arrived is called on his next channel. When
 * nobody has confirmed and nobody has one left, the next tier is called now, once per tier and round. Persons
 * whose client sends no receipts cannot confirm: of them only the first tier leads on, later ones by their time.
 */
static void receipt_due(Engine *e, Incident *in, int64_t due)
{
        uint8_t tier = *tier_of(in), next = plan_next(&in->plan, tier);
        bool app = false, plain = false, delivered = false, opened = false;

        timer_off(e, in, TIMER_RECEIPT);
        for (unsigned i = 0; i < in->n_recipients; i++) {
                Recipient *r = recipient_at(in, i);
                const Worker *w = registry_worker(e->registry, r->worker);

                if (!w || r->channel >= CHANNEL_EXEC || r->tier < *newest_of(in) || r->tier > tier ||
                        r->seq < in->round_seq || !(role_rights(w->role) & RIGHT_ACCEPT))
                        continue;
                if (recipient_delivered(in, r->worker)) {
                        delivered = true;
                        continue;
                }
                app = app || r->channel == CHANNEL_APP;
                plain = plain || r->channel == CHANNEL_PLAIN;
                if ((r->flags & TOLD_DECLINED) || !channel_left(e, in, r->worker))
                        continue;
                channel_mark(e, in, r, REASON_NO_RECEIPT);
                opened = true;
        }
        if (opened) {
                timer_set(e, in, TIMER_RECEIPT, e->at + channel_receipt(e));
                return;
        }
        if (delivered || !next || in->due[TIMER_LOOP] != NEVER ||
                (!app && !(plain && *newest_of(in) == plan_first(&in->plan))))
                return;
        ASSERT(!(in->receipt_done & BIT(tier - 1)));
        in->receipt_done |= (uint8_t)BIT(tier - 1);
        enter(e, in, next, due, REASON_NO_RECEIPT, false);
}

static void renotify_due(Engine *e, Incident *in, bool newest, int64_t due)
{
        uint32_t bits = 0, reached = ladder_reached(in);
        int64_t rate = (int64_t)(newest ? in->plan.renotify_us : in->plan.loop_us);

        ASSERT(rate > 0);
        for (uint8_t k = 1; k <= TIERS_MAX; k++)
                if ((k >= *newest_of(in)) == newest)
                        bits |= PENDING_TIER(k);
        if (bits & reached) /* a damaged row may have older tiers to call, and none that is older */
                notice_mark(e, in, bits & reached, REASON_RENOTIFY, due);
        if (due + rate <= e->at)
                due = e->at;
        timer_set(e, in, newest ? TIMER_RENOTIFY : TIMER_OLDER, ladder_by_day(e, in, due + rate));
}

void ladder_timer(Engine *e, Incident *in, Timer t, int64_t due)
{
        ASSERT(ladder_runs(in));
        ASSERT(due <= e->at);
        if (in->test) {
                testbox_real(e, in, REASON_TIER);
                return;
        }
        switch ((int)t) {
        case TIMER_TIER:
                if (plan_next(&in->plan, *tier_of(in)))
                        enter(e, in, plan_next(&in->plan, *tier_of(in)), due, REASON_TIER, false);
                else
                        loop(e, in, due);
                return;
        case TIMER_LOOP: loop(e, in, due); return;
        case TIMER_RECEIPT: receipt_due(e, in, due); return;
        case TIMER_RENOTIFY: renotify_due(e, in, true, due); return;
        case TIMER_OLDER: renotify_due(e, in, false, due); return;
        }
        ASSERT(!"not a timer of the ladder");
}
