/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What human beings say: every action is either obeyed, or refused with a reason. Both are journaled, and both
 * are answered after the row is durable. The same (worker, nonce) gets the same answer for 24 h.
 *
 * Who may do what: rights by role (roster.c), and "entitled": was called, or belongs to a tier that has been
 * reached, or supervises this place.
 */
#include "base/str.h"
#include "engine/internal.h"

#include <string.h>

static const Answer ok = {REPLY_OK, REASON_NONE};

static Answer stale(Reason reason)
{
        return (Answer){REPLY_STALE, reason};
}

static bool has_nonce(const Event *ev)
{
        static const uint8_t none[16];

        return memcmp(ev->key, none, sizeof(none)) != 0;
}

static void answer(Engine *e, const Event *ev, Answer a, const Incident *in)
{
        uint64_t seq = e->next_seq - 1;
        uint8_t state = state_packed(in);
        uint32_t owner = in ? in->owner : 0;
        KeyRow *row;
        Effect *effect;

        emit_reply(e, ev, a.result, a.reason, in ? in->id : ev->action.incident, state, owner, seq);
        if (!has_nonce(ev))
                return;
        effect = emit_effect(e, EFFECT_KEY, URGENCY_RECORD);
        effect->incident = in ? in->id : 0;
        effect->seq = seq;
        row = &effect->key;
        memcpy(row->key, ev->key, sizeof(row->key));
        memcpy(row->digest, ev->digest, sizeof(row->digest));
        row->wall_us = e->now.wall_us;
        row->incident = in ? in->id : ev->action.incident;
        row->seq = seq;
        row->owner = owner;
        row->result = (uint8_t)a.result;
        row->state = state;
        row->reason = (uint8_t)a.reason;
        row->action = true;
        keys_add(e, row, e->at);
}

static void refuse(Engine *e, const Event *ev, uint32_t worker, Incident *in, Answer a)
{
        JournalRow *row = emit_journal(e, in, JOURNAL_REFUSED);

        ASSERT(a.result != REPLY_OK);
        row->event = ev;
        row->worker = worker;
        row->result = (uint8_t)a.result;
        row->reason = (uint8_t)a.reason;
        answer(e, ev, a, in);
}

/* The rows that an action has caused, at least one: the first since `from` says who, and what was sent. */
static void attribute(Engine *e, const Act *a, uint32_t from)
{
        Effect *effect = &e->list->effects[from];

        for (; effect->type != EFFECT_JOURNAL; effect++)
                ASSERT(effect < &e->list->effects[e->list->n]);
        ASSERT(effect < &e->list->effects[e->list->n] && effect->incident == a->in->id);
        effect->journal.event = a->event;
        if (!effect->journal.worker)
                effect->journal.worker = a->worker;
}

JournalRow *action_row(Engine *e, const Act *a, JournalKind kind)
{
        JournalRow *row = emit_journal(e, a->in, kind);

        row->worker = a->worker;
        return row;
}

static void row_of(Engine *e, const Act *a, JournalKind kind)
{
        (void)action_row(e, a, kind);
}

/* Accepting */

Answer action_helper(Engine *e, const Act *a, Reason reason)
{
        Recipient *r = recipient_add(e, a->in, a->worker, 0);

        ASSERT(state_open(a->in->state));
        if (r)
                r->flags |= TOLD_HELPER;
        row_of(e, a, JOURNAL_HELPER);
        if (a->in->backup_tier && can(a, RIGHT_ACCEPT))
                ladder_backup_end(e, a->in);
        emit_alert(e, a->in);
        return (Answer){REPLY_OK, reason};
}

/*
 * The less urgent matters of the same dwelling that are open now: who is there for the more urgent one sees to
 * them. Never across FIRE, never one that opens later, and never an everyday request, which an ambulance does not see to.
 */
static void cover_linked(Engine *e, const Act *a)
{
        Incident *next;
        unsigned n = 0;

        if (a->in->group == GROUP_FIRE)
                return;
        for (Incident *other = place_first(e, a->in->dwelling); other && n < COVERS_MAX; other = next) {
                next = place_next(e, other);
                if (other == a->in || other->state != STATE_ALERTING || other->group == GROUP_FIRE ||
                        is_request(other) || other->priority <= a->in->priority)
                        continue;
                emit_journal(e, other, JOURNAL_LINKED)->worker = a->worker;
                incident_accept(e, other, a->worker, 0, REASON_NONE);
                n++;
        }
}

static Answer act_accept(Engine *e, const Act *a)
{
        Incident *in = a->in;

        if (!a->entitled && in->successor != a->worker)
                return refused(REASON_NOT_YOURS);
        if (a->action->seq && a->action->seq < in->opening_seq)
                return stale(REASON_OLD_ROUND);
        if (a->owner) {
                row_of(e, a, JOURNAL_COMING);
                return ok;
        }
        if (!can(a, RIGHT_ACCEPT))
                return action_helper(e, a, REASON_HELPER);
        if (in->state != STATE_ALERTING) {
                if (in->successor != a->worker)
                        return action_helper(e, a, REASON_HELPER);
                incident_handover(e, in, a->worker, a->action->eta_us);
                return ok;
        }
        if (in->successor != a->worker) { /* a supervisor who hands it to somebody overrides both */
                if (a->told && (a->told->flags & TOLD_FORMER))
                        return action_helper(e, a, REASON_HELPER);
                if (people_owns(e, a->worker, true, in->dwelling))
                        return action_helper(e, a, REASON_BUSY);
        }
        incident_accept(e, in, a->worker, a->action->eta_us, REASON_NONE);
        cover_linked(e, a);
        return ok;
}

static Answer act_release(Engine *e, const Act *a)
{
        Incident *in = a->in;

        if (!a->owner) {
                if (!a->helper)
                        return refused(REASON_NOT_YOURS);
                a->told->flags &= (uint8_t) ~(TOLD_HELPER | TOLD_ON_SITE);
                row_of(e, a, JOURNAL_RELEASED);
                emit_alert(e, in);
                return ok;
        }
        if (in->state == STATE_ON_SCENE)
                for (unsigned i = 0; i < in->n_recipients; i++) {
                        const Recipient *r = recipient_at(in, i);
                        const Worker *w = registry_worker(e->registry, r->worker);

                        if (!w || r->worker == a->worker || !(r->flags & TOLD_ON_SITE) ||
                                !(role_rights(w->role) & RIGHT_ACCEPT))
                                continue;
                        row_of(e, a, JOURNAL_RELEASED);
                        incident_handover(e, in, r->worker, 0);
                        recipient_of(in, a->worker)->flags &= (uint8_t) ~(TOLD_HELPER | TOLD_ON_SITE);
                        return ok;
                }
        incident_resume(e, in, e->at, JOURNAL_RELEASED, REASON_RELEASED);
        return ok;
}

static Answer act_decline(Engine *e, const Act *a)
{
        Recipient *r;

        if (a->owner)
                return act_release(e, a);
        if (!a->entitled)
                return refused(REASON_NOT_YOURS);
        r = recipient_add(e, a->in, a->worker, 0);
        if (r) {
                r->flags &= (uint8_t)~TOLD_HELPER;
                r->flags |= TOLD_DECLINED;
        }
        row_of(e, a, JOURNAL_DECLINED);
        ladder_check_empty(e, a->in, e->at, REASON_ALL_DECLINED);
        return ok;
}

/* On site */

static Answer act_arrived(Engine *e, const Act *a)
{
        Incident *in = a->in;
        Recipient *r;

        if (in->state == STATE_ALERTING) {
                bool covers = roster_covers(e->registry, a->who, in->grid, in->dwelling, in->resident);

                if (!can(a, RIGHT_ON_SITE) || (!a->entitled && !covers))
                        return refused(REASON_NOT_YOURS);
                if (!a->action->proof && !can(a, RIGHT_SUPERVISE))
                        return refused(REASON_NO_PROOF);
                incident_arrive(e, in, a->worker);
                return ok;
        }
        if (!a->owner && !a->entitled)
                return refused(REASON_NOT_YOURS);
        if (in->state == STATE_ACCEPTED && (a->owner || (a->helper && can(a, RIGHT_ON_SITE)))) {
                incident_arrive(e, in, a->worker);
                return ok;
        }
        r = recipient_add(e, in, a->worker, 0);
        if (r)
                r->flags |= a->owner ? TOLD_ON_SITE : TOLD_ON_SITE | TOLD_HELPER;
        row_of(e, a, JOURNAL_ARRIVED);
        emit_alert(e, in);
        return a->owner ? ok : (Answer){REPLY_OK, REASON_HELPER};
}

/* "No contact" is not in any list: nobody has been seen, so nobody knows. */
static bool outcome_known(const Engine *e, const Incident *in, const ActionEvent *action)
{
        uint32_t allowed = e->policy.classes[in->class].outcomes;

        if (!action->outcome[0] || (str_equal(action->outcome, "other") && !action->has_note))
                return false;
        for (unsigned i = 0; i < OUTCOMES_MAX; i++)
                if ((!allowed || (allowed & BIT(i))) && str_equal(e->policy.outcomes[i], action->outcome))
                        return true;
        return false;
}

static Answer act_resolve(Engine *e, const Act *a)
{
        Incident *in = a->in;
        bool supervisor = can(a, RIGHT_SUPERVISE) && a->entitled;
        bool on_scene = in->state == STATE_ON_SCENE;
        bool there = a->owner || (a->helper && (a->told->flags & TOLD_ON_SITE));

        if (!can(a, RIGHT_RESOLVE) || !(a->owner || a->entitled))
                return refused(REASON_NOT_YOURS);
        if (on_scene && !there && !supervisor)
                return refused(REASON_NOT_YOURS);
        if (!on_scene && in->priority <= 2 && !(supervisor && a->action->has_note))
                return refused(REASON_NOT_ARRIVED);
        if (!outcome_known(e, in, a->action))
                return refused(REASON_BAD_OUTCOME);
        if (in->group == GROUP_FIRE && (in->cond == CONDITION_ACTIVE || in->cond == CONDITION_UNKNOWN) &&
                !(supervisor && a->action->has_note))
                return refused(REASON_STILL_BURNING);
        incident_resolve(e, in, a->worker, a->action->outcome, !on_scene);
        return ok;
}

/* While it lasts */

static Answer act_extend(Engine *e, const Act *a)
{
        Incident *in = a->in;
        int64_t due = in->due[TIMER_ARRIVE_BY], most, wanted;

        if (!a->owner)
                return refused(REASON_NOT_YOURS);
        if (in->state != STATE_ACCEPTED)
                return refused(REASON_WRONG_STATE);
        if (in->extended)
                return refused(REASON_TWICE);
        ASSERT(due != NEVER);
        most = due + (int64_t)in->plan.arrive_by_us / 2;
        wanted = a->action->eta_us && a->action->eta_us < USEC_PER_DAY ? e->at + (int64_t)a->action->eta_us
                                                                       : most;
        in->extended = true;
        timer_set(e, in, TIMER_ARRIVE_BY, wanted < due ? due : min_due(wanted, most));
        row_of(e, a, JOURNAL_EXTENDED);
        emit_alert(e, in);
        return ok;
}

static Answer act_coming(Engine *e, const Act *a)
{
        if (!a->owner)
                return refused(a->in->state == STATE_ALERTING ? REASON_WRONG_STATE : REASON_NOT_YOURS);
        row_of(e, a, JOURNAL_COMING);
        emit_alert(e, a->in);
        return ok;
}

static Answer act_handover(Engine *e, const Act *a)
{
        uint32_t to = registry_worker_id(e->registry, a->action->to);
        const Worker *w = registry_worker(e->registry, to);
        Incident *in = a->in;
        bool supervisor = can(a, RIGHT_SUPERVISE) && a->entitled;
        JournalRow *row;

        if (!a->owner && !supervisor)
                return refused(REASON_NOT_YOURS);
        if (!w)
                return refused(REASON_UNKNOWN_WORKER);
        if (to == in->owner || !(role_rights(w->role) & RIGHT_ACCEPT) ||
                !roster_covers(e->registry, w, in->grid, in->dwelling, in->resident))
                return refused(REASON_BAD_REQUEST);
        in->successor = to;
        row = emit_journal(e, in, JOURNAL_HANDOVER);
        row->worker = a->worker;
        row->to_worker = to;
        notice_mark(e, in, PENDING_SUCCESSOR, REASON_HANDOVER, e->at);
        return ok;
}

static void hand_off(Engine *e, Incident *in, const char *agency)
{
        (void)str_copy(in->handed_to, sizeof(in->handed_to), agency);
        timer_off(e, in, TIMER_FOLLOWUP);
        timer_set(e, in, TIMER_CONFIRM_BY, e->at + CONFIRM_BY_US);
        in->reason = REASON_HANDED_OFF;
        emit_alert(e, in);
}

static Answer act_handoff(Engine *e, const Act *a)
{
        Incident *in = a->in;

        if (!a->owner && !(can(a, RIGHT_SUPERVISE) && a->entitled))
                return refused(REASON_NOT_YOURS);
        if (!a->action->agency[0])
                return refused(REASON_BAD_REQUEST);
        row_of(e, a, JOURNAL_HANDOFF);
        if (str_equal(a->action->agency, "up")) {
                if (ladder_runs(in)) {
                        ladder_advance(e, in, e->at, REASON_LEVEL_UP);
                } else {
                        uint8_t next = plan_next(&in->plan, in->tier);

                        ladder_backup(e, in, next ? next : in->tier, e->at, REASON_LEVEL_UP);
                }
                return ok;
        }
        if (in->group == GROUP_FIRE && str_equal(a->action->agency, "119")) {
                in->fire119 = 3;
                timer_off(e, in, TIMER_FIRE119);
        }
        hand_off(e, in, a->action->agency);
        return ok;
}

static Answer act_confirm(Engine *e, const Act *a)
{
        if (!a->owner && !(can(a, RIGHT_SUPERVISE) && a->entitled))
                return refused(REASON_NOT_YOURS);
        if (!a->in->handed_to[0])
                return refused(REASON_WRONG_STATE);
        timer_off(e, a->in, TIMER_CONFIRM_BY);
        timer_set(e, a->in, TIMER_FOLLOWUP, e->at + FOLLOWUP_US);
        row_of(e, a, JOURNAL_CONFIRMED);
        emit_alert(e, a->in);
        return ok;
}

static Answer act_backup(Engine *e, const Act *a)
{
        Incident *in = a->in;

        if (!a->owner && !a->helper && !(can(a, RIGHT_SUPERVISE) && a->entitled))
                return refused(REASON_NOT_YOURS);
        if (ladder_runs(in)) { /* the last tier has no next one, and yet somebody has asked */
                row_of(e, a, JOURNAL_BACKUP);
                ladder_advance(e, in, e->at, REASON_BACKUP);
        } else {
                ladder_backup(e, in, plan_first(&in->plan), e->at, REASON_BACKUP);
        }
        return ok;
}

static Answer act_fire119(Engine *e, const Act *a)
{
        Incident *in = a->in;

        if (!a->owner && !a->helper && !(can(a, RIGHT_SUPERVISE) && a->entitled))
                return refused(REASON_NOT_YOURS);
        if (in->group != GROUP_FIRE)
                return refused(REASON_WRONG_STATE);
        in->fire119 = a->action->yes ? 3 : 4;
        timer_off(e, in, TIMER_FIRE119);
        row_of(e, a, JOURNAL_FIRE119);
        if (a->action->yes)
                hand_off(e, in, "119");
        emit_alert(e, in);
        return ok;
}

static Answer act_reopen(Engine *e, const Act *a)
{
        if (!can(a, RIGHT_ACCEPT) || !a->entitled)
                return refused(REASON_NOT_YOURS);
        if (a->in->state != STATE_RESOLVED)
                return refused(REASON_WRONG_STATE);
        incident_reopen(e, a->in, e->at, REASON_REOPENED);
        return ok;
}

static Answer act_test_confirm(Engine *e, const Act *a)
{
        Reason r = testbox_confirm(e, a->in, a->worker, can(a, RIGHT_SUPERVISE) && a->entitled);

        return r == REASON_NONE ? ok : refused(r);
}

static Answer act(Engine *e, const Act *a)
{
        if (is_request(a->in) && a->action->kind != ACTION_HANDOVER)
                return request_act(e, a);
        /* Whoever does anything else with a test takes it in earnest. */
        if (a->in->test && a->action->kind != ACTION_TEST_CONFIRM)
                testbox_real(e, a->in, REASON_PRESSED);
        switch (a->action->kind) {
        case ACTION_ACCEPT: return act_accept(e, a);
        case ACTION_COMING: return act_coming(e, a);
        case ACTION_DECLINE: return act_decline(e, a);
        case ACTION_ARRIVED: return act_arrived(e, a);
        case ACTION_RESOLVE: return act_resolve(e, a);
        case ACTION_RELEASE: return act_release(e, a);
        case ACTION_EXTEND: return act_extend(e, a);
        case ACTION_BACKUP: return act_backup(e, a);
        case ACTION_HANDOVER: return act_handover(e, a);
        case ACTION_HANDOFF: return act_handoff(e, a);
        case ACTION_CONFIRM: return act_confirm(e, a);
        case ACTION_FIRE119: return act_fire119(e, a);
        case ACTION_REOPEN: return act_reopen(e, a);
        case ACTION_TEST_CONFIRM: return act_test_confirm(e, a);
        case ACTION_ASSIGN:
        case ACTION_START:
        case ACTION_WAITING:
        case ACTION_DONE:
        case ACTION_NOT_ACCEPTED:
        case ACTION_ESCALATE:
        case ACTION_RATE:
        case ACTION_RECLASS: return refused(REASON_WRONG_STATE); /* it is no request */
        case ACTION_DELIVERED:
        case ACTION_SEEN:
        case ACTION_ON:
        case ACTION_OFF:
        case ACTION_TEST:
        case ACTION_SHELVE:
        case ACTION_AWAY:
        case ACTION_VISIT_IN:
        case ACTION_VISIT_OUT:
        case ACTION_VISIT_FIX:
        case ACTION_VITALS:
        case ACTION_TIMELINE:
        case ACTION_REQUEST:
        case ACTION_UNKNOWN:
        case ACTION_KIND_MAX: break;
        }
        ASSERT(!"handled before");
        return refused(REASON_UNKNOWN_ACTION);
}

/* Which incident, and as whom */

static bool concerns(Incident *in, uint32_t worker)
{
        const Recipient *r = recipient_of(in, worker);

        return state_open(in->state) && (in->owner == worker || r);
}

/* A bare word: the one alert of this person that is open, and not one that has only just come up. */
static Answer bare_incident(Engine *e, uint32_t worker, Incident **ret)
{
        Incident *found = NULL;

        for (Incident *in = table_first(e); in; in = table_next(e, in)) {
                if (!concerns(in, worker))
                        continue;
                if (found)
                        return refused(REASON_SEVERAL);
                found = in;
        }
        if (!found)
                return refused(REASON_NO_INCIDENT);
        if (e->at - found->round_us < EARLY_US)
                return refused(REASON_TOO_EARLY);
        *ret = found;
        return ok;
}

static Answer find_incident(Engine *e, const Event *ev, uint32_t worker, Incident **ret)
{
        const ActionEvent *action = &ev->action;

        if (!action->incident)
                return action->bare ? bare_incident(e, worker, ret) : refused(REASON_NO_INCIDENT);
        *ret = table_get(e, action->incident);
        if (!*ret)
                return action->incident < e->next_incident ? stale(REASON_WRONG_STATE)
                                                           : refused(REASON_NO_INCIDENT);
        if ((*ret)->state == STATE_CLOSED ||
                ((*ret)->state == STATE_RESOLVED && action->kind != ACTION_REOPEN &&
                        !(is_request(*ret) && action->kind == ACTION_RATE)))
                return stale(REASON_WRONG_STATE);
        return ok;
}

static bool is_entitled(const Engine *e, const Incident *in, const Worker *w, const Recipient *told)
{
        uint8_t reached = in->backup_tier > in->tier ? in->backup_tier : in->tier;

        if (told && told->seq)
                return true;
        for (uint8_t k = 1; k <= reached; k++)
                if (people_in_tier(e, in, w, k))
                        return true;
        return (role_rights(w->role) & RIGHT_SUPERVISE) &&
               roster_covers(e->registry, w, in->grid, in->dwelling, in->resident);
}

static void act_on_incident(Engine *e, const Event *ev, uint32_t worker)
{
        Act a = {.event = ev, .action = &ev->action, .worker = worker};
        uint32_t from = e->list->n;
        Answer result = find_incident(e, ev, worker, &a.in);

        if (result.result != REPLY_OK) {
                refuse(e, ev, worker, a.in, result);
                return;
        }
        a.who = registry_worker(e->registry, worker);
        ASSERT(a.who && a.in);
        a.rights = role_rights(a.who->role);
        a.told = recipient_of(a.in, worker);
        a.owner = a.in->owner == worker;
        a.helper = a.told && (a.told->flags & TOLD_HELPER);
        a.entitled = is_entitled(e, a.in, a.who, a.told);
        if (a.told)
                a.told->flags |= TOLD_DELIVERED;
        if (a.owner)
                incident_owner_acts(e, a.in);
        result = act(e, &a);
        if (result.result != REPLY_OK) {
                refuse(e, ev, worker, a.in, result);
                return;
        }
        attribute(e, &a, from);
        answer(e, ev, result, a.in);
}

/* Was called to it, or would have been if an incident remembered everybody. */
static bool was_told(const Engine *e, Incident *in, const Worker *w, uint32_t worker)
{
        uint8_t reached = in->backup_tier > in->tier ? in->backup_tier : in->tier;

        if (in->owner == worker || recipient_of(in, worker))
                return true;
        for (uint8_t k = 1; k <= reached; k++)
                if (people_in_tier(e, in, w, k))
                        return true;
        return false;
}

/*
 * Asks to see: readings, what has happened. It changes nothing, and is no sign that somebody comes; that he looked at
 * somebody's data is a row of its own, and what he asked for is shown when that row is durable.
 */
static void act_view(Engine *e, const Event *ev, uint32_t worker)
{
        const Worker *who = registry_worker(e->registry, worker);
        Incident *in = table_get(e, ev->action.incident);
        const Past *past = in ? NULL : past_find(e, ev->action.incident, worker);
        uint32_t resident = in ? in->resident : past ? past->resident : 0;
        Reason no = REASON_NONE;
        JournalRow *row;
        Effect *effect;

        ASSERT(who);
        if (ev->retained)
                no = REASON_RETAINED;
        else if (!in && !past)
                no = REASON_NO_INCIDENT;
        else if (in && !was_told(e, in, who, worker))
                no = REASON_NOT_YOURS;
        else if (ev->action.kind == ACTION_VITALS && !resident)
                no = REASON_NO_DATA; /* nobody knows whose they would be */
        if (no != REASON_NONE) {
                refuse(e, ev, worker, in, refused(no));
                return;
        }
        row = in ? emit_journal(e, in, JOURNAL_VIEWED) : past_journal(e, past, JOURNAL_VIEWED);
        row->event = ev;
        row->worker = worker;
        answer(e, ev, ok, in);
        effect = emit_effect(e, EFFECT_VIEW, URGENCY_CALM);
        effect->incident = ev->action.incident;
        effect->seq = e->next_seq - 1;
        effect->view.what = ev->action.kind;
        effect->view.resident = resident;
        (void)str_copy(effect->view.worker, sizeof(effect->view.worker), who->code); /* a code: it fits */
}

static void act_on_device(Engine *e, const Event *ev, uint32_t worker)
{
        Reason r = device_action(e, ev, worker);

        if (r == REASON_NONE)
                answer(e, ev, ok, NULL);
        else
                refuse(e, ev, worker, NULL, refused(r));
}

static void act_visit(Engine *e, const Event *ev, uint32_t worker)
{
        Reason remark = REASON_NONE, r = visit_action(e, ev, worker, &remark);

        if (r == REASON_NONE)
                answer(e, ev, (Answer){REPLY_OK, remark}, NULL);
        else
                refuse(e, ev, worker, NULL, refused(r));
}

static void act_write(Engine *e, const Event *ev, uint32_t worker)
{
        Incident *in = NULL;
        Answer result = ev->retained ? refused(REASON_RETAINED) : request_write(e, ev, worker, &in);

        if (result.result == REPLY_OK)
                answer(e, ev, result, in);
        else
                refuse(e, ev, worker, NULL, result);
}

static void act_duty(Engine *e, const Event *ev, uint32_t worker)
{
        bool on = ev->action.kind == ACTION_ON;
        JournalRow *row;

        if (!on && people_owns(e, worker, false, 0)) {
                refuse(e, ev, worker, NULL, refused(REASON_OPEN_MATTERS));
                return;
        }
        row = emit_journal(e, NULL, JOURNAL_DUTY);
        row->event = ev;
        row->worker = worker;
        row->on = on;
        people_duty(e, worker, on);
        answer(e, ev, ok, NULL);
}

/* Lazy: losing it in a crash means that a person is called once more. */
static void act_receipt(Engine *e, const Event *ev, uint32_t worker)
{
        const ActionEvent *action = &ev->action;
        bool seen = action->kind == ACTION_SEEN;
        uint8_t flags = seen ? TOLD_SEEN | TOLD_DELIVERED : TOLD_DELIVERED;
        Incident *in = table_get(e, action->incident);
        Recipient *r = in ? recipient_of(in, worker) : NULL;

        if (!ev->retained && r && (r->flags & flags) != flags &&
                (!action->seq || action->seq >= in->round_seq)) {
                JournalRow *row = emit_journal(e, in, seen ? JOURNAL_SEEN : JOURNAL_DELIVERED);

                row->worker = worker;
                row->channel = r->channel;
                row->tier = r->tier;
                row->lazy = true;
                r->flags |= flags;
        }
        if (ev->hold || ev->id[0])
                emit_reply(e, ev, r ? REPLY_OK : REPLY_REFUSED, r ? REASON_NONE : REASON_NO_INCIDENT,
                        action->incident, state_packed(in), in ? in->owner : 0, 0);
}

void action_event(Engine *e, const Event *ev)
{
        uint32_t worker = registry_worker_id(e->registry, ev->source);
        KeyAge age = KEY_OLD;
        const KeyRow *known = has_nonce(ev) ? keys_find(e, ev->key, &age) : NULL;

        ASSERT(ev->type == EVENT_ACTION);
        ASSERT(ev->action.kind < ACTION_KIND_MAX);
        if (known && known->action && age != KEY_OLD) {
                emit_reply(e, ev, (ReplyResult)known->result, (Reason)known->reason, known->incident,
                        known->state, known->owner, known->seq);
                return;
        }
        if (!worker) {
                refuse(e, ev, 0, NULL, refused(REASON_UNKNOWN_WORKER));
                return;
        }
        if (ev->via == VIA_MQTT && !ev->retained)
                people_acts(e, worker);
        switch (ev->action.kind) {
        case ACTION_DELIVERED:
        case ACTION_SEEN: act_receipt(e, ev, worker); return;
        case ACTION_ON:
        case ACTION_OFF:
                if (ev->retained)
                        break;
                act_duty(e, ev, worker);
                return;
        case ACTION_TEST:
        case ACTION_SHELVE:
        case ACTION_AWAY: act_on_device(e, ev, worker); return;
        case ACTION_VISIT_IN:
        case ACTION_VISIT_OUT:
        case ACTION_VISIT_FIX: act_visit(e, ev, worker); return;
        case ACTION_VITALS:
        case ACTION_TIMELINE: act_view(e, ev, worker); return;
        case ACTION_REQUEST: act_write(e, ev, worker); return;
        case ACTION_UNKNOWN:
        case ACTION_KIND_MAX:
                refuse(e, ev, worker, NULL,
                        refused(ev->why[0] ? REASON_BAD_REQUEST : REASON_UNKNOWN_ACTION));
                return;
        case ACTION_ACCEPT:
        case ACTION_COMING:
        case ACTION_DECLINE:
        case ACTION_ARRIVED:
        case ACTION_RESOLVE:
        case ACTION_RELEASE:
        case ACTION_EXTEND:
        case ACTION_BACKUP:
        case ACTION_HANDOVER:
        case ACTION_HANDOFF:
        case ACTION_CONFIRM:
        case ACTION_FIRE119:
        case ACTION_REOPEN:
        case ACTION_TEST_CONFIRM:
        case ACTION_ASSIGN:
        case ACTION_START:
        case ACTION_WAITING:
        case ACTION_DONE:
        case ACTION_NOT_ACCEPTED:
        case ACTION_ESCALATE:
        case ACTION_RATE:
        case ACTION_RECLASS: break; /* about an incident */
        }
        if (ev->retained)
                refuse(e, ev, worker, NULL, refused(REASON_RETAINED));
        else
                act_on_incident(e, ev, worker);
}

/* A channel has given up, or a program has ended. That a broker has a message says nothing about its reader. */
void action_attempt(Engine *e, const Event *ev)
{
        const AttemptEvent *attempt = &ev->attempt;
        Incident *in = table_get(e, attempt->incident);
        Recipient *r = in ? recipient_get(in, attempt->worker, attempt->channel) : NULL;
        JournalRow *row;

        ASSERT(ev->type == EVENT_ATTEMPT);
        if (!r || r->seq > attempt->seq)
                return; /* over, or there is a newer attempt */
        if (attempt->delivered) {
                if (attempt->channel < CHANNEL_EXEC || (r->flags & TOLD_DELIVERED))
                        return;
                r->flags |= TOLD_DELIVERED;
                row = emit_journal(e, in, JOURNAL_DELIVERED);
                row->lazy = true;
        } else {
                r->flags |= TOLD_FAILED;
                row = emit_journal(e, in, JOURNAL_ATTEMPT);
        }
        row->worker = attempt->worker;
        row->channel = attempt->channel;
        row->tier = r->tier;
        if (attempt->delivered || !state_open(in->state))
                return;
        r = recipient_of(in, attempt->worker);
        if (r && (ladder_runs(in) || in->owner == attempt->worker) &&
                !recipient_delivered(in, attempt->worker) && channel_left(e, in, attempt->worker))
                channel_mark(e, in, r, REASON_NO_RECEIPT);
        ladder_check_empty(e, in, e->at, REASON_EMPTY);
}
