/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One incident's life.
 *
 *   alarm ──▶ ALERTING ──accept──▶ ACCEPTED ──arrived──▶ ON_SCENE ──resolve──▶ RESOLVED ──REOPEN_UNTIL──▶ CLOSED
 *               ▲ ▲ ▲                │  ARRIVE_BY, RECONFIRM, │ release,           │
 *               │ │ └────────────────┘  release               │ HANDLE_BY twice    │ alarm, still active, reopen
 *               │ └────────────────────────────────────────────┘                   │
 *               └──────────────────────────────────────────────────────────────────┘
 *
 * What always holds: only a human being takes it from ALERTING to ACCEPTED, ON_SCENE or RESOLVED; every open
 * state has a timer that leads back to calling people; leaving a state ends its timers and no others. Device
 * events are never refused: each is journaled, and attached to an incident that is open.
 */
#include "base/str.h"
#include "engine/internal.h"

#include <string.h>

int64_t min_due(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

/* States and their timers */

void incident_state(Engine *e, Incident *in, State state)
{
        static const Timer accepted[] = {TIMER_REMIND, TIMER_ARRIVE_BY, TIMER_RECONFIRM};
        static const Timer own[] = {
                TIMER_ARRIVE_MAX, TIMER_FIRE119, TIMER_CONFIRM_BY, TIMER_FOLLOWUP, TIMER_LEVEL, TIMER_WAIT};

        /* A backup that was asked for on the way is still needed on scene. */
        bool keep_backup = in->backup_tier && in->state == STATE_ACCEPTED && state == STATE_ON_SCENE;

        ASSERT(state > STATE_NONE && state < STATE_MAX);
        if (state_open(in->state))
                e->open--;
        if (!keep_backup)
                ladder_stop(e, in);
        for (unsigned i = 0; i < 3; i++)
                timer_off(e, in, accepted[i]);
        timer_off(e, in, TIMER_HANDLE_BY);
        timer_off(e, in, TIMER_REOPEN_UNTIL);
        if (!state_open(state)) {
                for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
                        timer_off(e, in, own[i]);
                in->pending = 0;
                in->flush_seq = 0;
                timer_off(e, in, TIMER_NOTIFY);
                timer_off(e, in, TIMER_LOOK);
        }
        in->state = (uint8_t)state;
        if (state_open(state))
                e->open++;
        emit_state(e, in);
}

void incident_owner(Engine *e, Incident *in, uint32_t worker)
{
        Recipient *r = worker ? recipient_add(e, in, worker, 0) : NULL;

        people_own(e, in, worker);
        in->extended = in->handle_reminded = in->presence_told = false;
        if (worker && in->successor == worker)
                in->successor = 0;
        if (r)
                r->flags &= (uint8_t) ~(TOLD_HELPER | TOLD_FORMER | TOLD_DECLINED);
}

/* Rows and facts of an alarm event */

static JournalRow *matter_row(Engine *e, Incident *in, const Matter *m)
{
        bool written = m->group == GROUP_REQUEST && m->event->type == EVENT_ACTION;
        JournalKind kind = m->group == GROUP_SYSTEM              ? JOURNAL_SYSTEM
                           : m->group == GROUP_VITAL             ? JOURNAL_READING
                           : m->group != GROUP_HELP && !m->event ? JOURNAL_DEVICE
                           : written                             ? JOURNAL_REQUESTED
                                                                 : JOURNAL_EVENT;
        JournalRow *row = emit_journal(e, in, kind);

        row->event = m->event;
        row->reason = m->reason;
        row->cause = m->cause;
        row->on = m->group == GROUP_SYSTEM;
        row->vital = m->vital;
        row->value = m->value;
        row->limit = m->limit;
        if (m->place.device)
                row->device = m->place.device;
        if (written)
                row->worker = registry_worker_id(e->registry, m->event->source);
        return row;
}

static const char *source_of(const Matter *m)
{
        if (m->source)
                return m->source;
        return m->event && m->group != GROUP_SYSTEM ? m->event->source : "";
}

/* What the notices say from now on: the newest event's facts. */
static void facts_take(Engine *e, Incident *in, const Matter *m)
{
        in->kind = m->kind;
        in->event_us = e->at;
        (void)str_copy(in->source, sizeof(in->source), source_of(m));
        if (m->event) {
                memcpy(in->digest, m->event->digest, sizeof(in->digest));
                (void)str_copy(in->event_id, sizeof(in->event_id), m->event->id);
        }
        ASSERT(m->word);
        (void)str_copy(in->word, sizeof(in->word), m->word);
        if (m->place.device)
                in->device = m->place.device;
        in->why = m->reason;
        if (m->group == GROUP_VITAL) {
                in->vital = m->vital;
                in->value = m->value;
                in->limit = m->limit;
                in->trend = m->trend;
                in->span_us = m->span_us;
                in->score = m->score;
        }
        emit_state(e, in);
}

/* An overflow incident is wherever its newest event is, so that the people there are called. */
static void overflow_move(Engine *e, Incident *in, const Matter *m)
{
        if (!in->overflow)
                return;
        table_unkey(e, in);
        in->dwelling = m->place.dwelling;
        in->resident = m->place.resident;
        in->grid = m->place.grid;
        in->device = m->place.device;
        table_place(e, in);
}

static void press_note(Engine *e, Incident *in)
{
        in->press_us[2] = in->press_us[1];
        in->press_us[1] = in->press_us[0];
        in->press_us[0] = e->at;
}

/* The third within a minute; then it takes three new ones. */
static bool three_presses(Engine *e, Incident *in)
{
        if (in->press_us[2] == NEVER || in->press_us[0] - in->press_us[2] > THREE_PRESSES_US)
                return false;
        for (unsigned i = 0; i < 3; i++)
                in->press_us[i] = NEVER;
        ASSERT(in->presses >= 3);
        return true;
}

/* Opening */

static void limits_arm(Engine *e, Incident *in, int64_t at)
{
        if (in->plan.arrive_max_us)
                timer_set(e, in, TIMER_ARRIVE_MAX, at + (int64_t)in->plan.arrive_max_us);
        if (in->group == GROUP_FIRE) {
                in->fire119 = 0;
                timer_set(e, in, TIMER_FIRE119, at + FIRE119_ASK_US);
        }
}

/* A gap in the roster is P3: the ladder that found it goes on by itself. */
static void roster_gap(Incident *in)
{
        ASSERT(in->priority >= 1);
        if (in->priority < 3)
                in->priority = in->plan.priority = 3;
        if (in->plan.renotify_us < GAP_RENOTIFY_US)
                in->plan.renotify_us = GAP_RENOTIFY_US;
        if (in->plan.loop_us < GAP_LOOP_US)
                in->plan.loop_us = GAP_LOOP_US;
}

static void open_facts(Engine *e, Incident *in, const Matter *m)
{
        in->key_type = in->overflow ? KEY_OVERFLOW : m->place.key_type;
        in->key_id = in->overflow ? in->group : m->place.key_id;
        in->device = m->place.device;
        in->dwelling = m->place.dwelling;
        in->resident = m->place.resident;
        in->grid = m->place.grid;
        in->cause = m->cause;
        in->unknown_source = !m->place.known;
        in->opened_wall = m->since_wall ? m->since_wall : e->now.wall_us;
        in->round = 1;
        in->presses = 1;
        ladder_snapshot(e, in, (Class)m->class);
        if (m->community_first)
                in->plan.tiers[plan_first(&in->plan) - 1].roles = BIT(ROLE_COMMUNITY) | BIT(ROLE_NIGHT_DESK);
        if (in->group == GROUP_SYSTEM && in->cause == SYSTEM_ROSTER)
                roster_gap(in);
        if (m->priority)
                in->priority = in->plan.priority = m->priority;
        if (in->group == GROUP_REQUEST)
                request_snapshot(e, in);
        away_plan(e, in);
        facts_take(e, in, m);
        if (m->button)
                press_note(e, in);
}

static bool same_building(const Engine *e, const Incident *a, const Incident *b)
{
        const Dwelling *x = registry_dwelling(e->registry, a->dwelling);
        const Dwelling *y = registry_dwelling(e->registry, b->dwelling);

        return x && y && x != y && registry_same_building(x, y);
}

static void fire_everybody(Engine *e, Incident *in)
{
        ASSERT(in->group == GROUP_FIRE && state_open(in->state));
        emit_journal(e, in, JOURNAL_LINKED)->reason = REASON_FIRE119;
        ladder_all(e, in, e->at, REASON_FIRE119);
        if (in->fire119 == 0)
                timer_set(e, in, TIMER_FIRE119, e->at);
        in->building_fire = true;
        emit_state(e, in);
}

/* Smoke in two dwellings of a building within five minutes: everybody, and the question of 119, at once. */
static void fire_spreads(Engine *e, Incident *in)
{
        bool spreads = false;

        if (in->group != GROUP_FIRE || in->test)
                return;
        for (Incident *other = table_first(e); other; other = table_next(e, other)) {
                if (other == in || other->group != GROUP_FIRE || other->test || !state_open(other->state) ||
                        e->at - other->event_us > BUILDING_FIRE_US || !same_building(e, in, other))
                        continue;
                spreads = true;
                if (other->building_fire)
                        continue;
                fire_everybody(e, other);
                break; /* of those before it, all but one have been told already */
        }
        if (spreads)
                fire_everybody(e, in);
}

#define BUSY_P1 2 /* more open ones than that, and the next starts with T1 to T3 */

static bool is_busy(const Engine *e, uint32_t worker, const Incident *but)
{
        uint32_t n = 0;

        for (Incident *in = table_first(e); in && n <= BUSY_P1; in = table_next(e, in))
                n += in != but && in->priority == 1 && state_open(in->state) && !in->test &&
                     (in->owner == worker || (in->state == STATE_ALERTING && recipient_of(in, worker)));
        return n > BUSY_P1;
}

/* All of the first tier have more than two P1 already: whoever comes next waits for none of them. */
static bool first_is_busy(Engine *e, Incident *in)
{
        bool any = false;

        if (in->priority != 1)
                return false;
        for (uint32_t id = 0; (id = roster_near(e->registry, id, in->dwelling, in->resident));) {
                const Worker *w = registry_worker(e->registry, id);

                ASSERT(w);
                if (!(role_rights(w->role) & RIGHT_ACCEPT) ||
                        !people_in_tier(e, in, w, plan_first(&in->plan)) || !people_on_duty(e, id))
                        continue;
                if (!is_busy(e, id, in))
                        return false;
                any = true;
        }
        return any;
}

static Incident *incident_open(Engine *e, const Matter *m, uint64_t *ret_seq)
{
        Incident *in = table_new(e, e->next_incident, (Group)m->group);
        JournalRow *row;
        Source *s;
        uint32_t tester;

        if (!in)
                return NULL;
        e->next_incident++;
        in->state = STATE_ALERTING;
        e->open++;
        open_facts(e, in, m);
        kpi_begin(e, in, m->event);
        table_place(e, in);
        row = matter_row(e, in, m);
        *ret_seq = e->next_seq - 1;
        s = is_request(in) && !source_of(m)[0] ? NULL : source_add(e, in, source_of(m), m->place.device);
        source_level(e, in, s, m->level);
        row = emit_journal(e, in, JOURNAL_OPENED);
        row->reason = m->reason;
        row->cause = m->cause;
        row->vital = m->vital;
        row->value = m->value;
        row->limit = m->limit;
        in->opening_seq = e->next_seq - 1;
        in->reason = m->reason;
        ladder_round(e, in, e->at, in->opening_seq);
        limits_arm(e, in, e->at);
        tester = m->event && !m->quiet && m->group != GROUP_FAULT && !is_request(in) && m->place.known
                         ? testbox_tester(e, m->place.device)
                         : 0;
        if (tester)
                testbox_begin(e, in, tester);
        else if (is_request(in))
                request_begin(e, in, (Reason)m->reason);
        else
                ladder_start(e, in, first_is_busy(e, in) ? 3 : 0, e->at, (Reason)m->reason);
        if (in->group == GROUP_HELP)
                request_link(e, in);
        emit_lamp(e, in);
        fire_spreads(e, in);
        if (in->overflow && in->group != GROUP_SYSTEM)
                system_raise(e, SYSTEM_TABLE);
        return in;
}

/* Presses, upgrades */

static void cancel_end(Engine *e, Incident *in)
{
        if (!in->cancel_req)
                return;
        in->cancel_req = false;
        if (in->due[TIMER_TIER] != NEVER)
                timer_set(e, in, TIMER_TIER,
                        min_due(in->due[TIMER_TIER], in->entered_us + ladder_distance(in, in->tier)));
}

static void reconfirm(Engine *e, Incident *in, Reason reason)
{
        if (in->due[TIMER_RECONFIRM] != NEVER)
                return;
        emit_journal(e, in, JOURNAL_RECONFIRM)->reason = (uint8_t)reason;
        timer_set(e, in, TIMER_RECONFIRM, e->at + RECONFIRM_US);
}

static void press(Engine *e, Incident *in, const Matter *m)
{
        bool three;

        in->presses++;
        if (m->button)
                press_note(e, in);
        emit_journal(e, in, JOURNAL_PRESSED)->reason = REASON_PRESSED;
        three = m->button && three_presses(e, in);
        ASSERT(state_open(in->state));
        if (in->state == STATE_ALERTING) {
                cancel_end(e, in);
                if (three)
                        ladder_advance(e, in, e->at, REASON_THREE_PRESSES);
                else if (in->notified_us == NEVER || e->at - in->notified_us >= PRESS_GAP_US)
                        notice_mark(e, in, ladder_reached(in), REASON_PRESSED, e->at);
                else
                        notice_mark_after(
                                e, in, ladder_reached(in), REASON_PRESSED, in->notified_us + PRESS_GAP_US);
        } else if (in->state == STATE_ACCEPTED) {
                notice_mark(e, in, PENDING_OWNER, REASON_PRESSED, e->at);
                reconfirm(e, in, REASON_PRESSED);
                if (three) {
                        uint8_t next = plan_next(&in->plan, in->accept_tier);

                        ladder_backup(e, in, next ? next : in->accept_tier, e->at, REASON_THREE_PRESSES);
                }
        } else {
                notice_mark(e, in, PENDING_OWNER | PENDING_HELPERS, REASON_PRESSED, e->at);
                reconfirm(e, in, REASON_PRESSED);
        }
        emit_alert(e, in);
}

/* sos in a fall, gas in smoke, anything fresh in a check call. */
static bool is_higher(const Engine *e, const Incident *in, const Matter *m)
{
        const ClassPolicy *p = &e->policy.classes[m->class];

        if (m->class == in->class || m->class == CLASS_CHECK || is_request(in))
                return false;
        if (p->priority < in->priority)
                return true;
        return (m->class == CLASS_GAS && in->class == CLASS_SMOKE) ||
               (in->class == CLASS_CHECK && p->priority <= in->priority);
}

static uint64_t min_limit(uint64_t a, uint64_t b)
{
        return !a ? b : !b ? a : a < b ? a : b;
}

static void plan_merge(ClassPolicy *plan, const ClassPolicy *faster)
{
        for (unsigned i = 0; i < TIERS_MAX; i++) {
                const Tier *f = &faster->tiers[i];
                Tier *t = &plan->tiers[i];

                if (!f->present)
                        continue;
                t->delay_us = !t->present || f->delay_us < t->delay_us ? f->delay_us : t->delay_us;
                t->roles |= f->roles;
                t->present = true;
        }
        if (faster->priority < plan->priority)
                plan->priority = faster->priority;
        plan->renotify_us = min_limit(plan->renotify_us, faster->renotify_us);
        plan->receipt_us = min_limit(plan->receipt_us, faster->receipt_us);
        plan->loop_us = min_limit(plan->loop_us, faster->loop_us);
        plan->arrive_by_us = min_limit(plan->arrive_by_us, faster->arrive_by_us);
        plan->handle_by_us = min_limit(plan->handle_by_us, faster->handle_by_us);
        plan->arrive_max_us = min_limit(plan->arrive_max_us, faster->arrive_max_us);
        plan->reopen_us = plan->reopen_us > faster->reopen_us ? plan->reopen_us : faster->reopen_us;
        plan->outcomes = faster->outcomes ? faster->outcomes : plan->outcomes;
}

/*
 * A limit that runs becomes the earlier of its time and the new one from now; one that the old plan did not have
 * begins now, where the state asks for it.
 */
static void sooner(Engine *e, Incident *in, Timer t, uint64_t limit_us, bool wanted)
{
        if (limit_us && (wanted || in->due[t] != NEVER))
                timer_set(e, in, t, min_due(in->due[t], e->at + (int64_t)limit_us));
}

static void upgrade(Engine *e, Incident *in, const Matter *m)
{
        const ClassPolicy *faster = &e->policy.classes[m->class];
        uint8_t next, reached = in->backup_tier ? in->backup_tier : in->tier;
        JournalRow *row;

        cancel_end(e, in);
        plan_merge(&in->plan, faster);
        in->class = m->class;
        in->priority = in->plan.priority < in->priority ? in->plan.priority : in->priority;
        row = emit_journal(e, in, JOURNAL_UPGRADED);
        row->reason = REASON_UPGRADED;
        row->vital = m->vital;
        row->value = m->value;
        row->limit = m->limit;
        next = plan_next(&in->plan, reached);
        if (next)
                sooner(e, in, TIMER_TIER,
                        in->plan.tiers[next - 1].delay_us ? in->plan.tiers[next - 1].delay_us : 1, false);
        sooner(e, in, TIMER_LOOP, in->plan.loop_us, false);
        sooner(e, in, TIMER_OLDER, in->plan.loop_us, false);
        sooner(e, in, TIMER_RENOTIFY, in->plan.renotify_us, ladder_runs(in));
        sooner(e, in, TIMER_ARRIVE_BY, in->plan.arrive_by_us, in->state == STATE_ACCEPTED);
        sooner(e, in, TIMER_REMIND, in->plan.arrive_by_us / 2, false);
        sooner(e, in, TIMER_HANDLE_BY, in->plan.handle_by_us, in->state == STATE_ON_SCENE);
        sooner(e, in, TIMER_ARRIVE_MAX, in->plan.arrive_max_us, true);
        timers_rekey(e, in); /* the priority has changed */
        if (in->state == STATE_ALERTING)
                notice_mark(e, in, ladder_reached(in), REASON_UPGRADED, e->at);
        else
                notice_mark(e, in, PENDING_OWNER | PENDING_HELPERS, REASON_UPGRADED, e->at);
        emit_alert(e, in);
}

/* Attaching */

void incident_append(Engine *e, Incident *in, const Event *ev, uint64_t *ret_seq)
{
        JournalRow *row = emit_journal(e, in, JOURNAL_EVENT);

        ASSERT(ev && ret_seq);
        row->event = ev;
        row->device = registry_device_id(e->registry, ev->source);
        *ret_seq = e->next_seq - 1;
}

/* The same bytes within two seconds from a device that numbers nothing: one press, sent twice. */
static bool is_echo(const Engine *e, const Incident *in, const Matter *m)
{
        const Event *ev = m->event;

        return ev && !ev->id[0] && ev->type == EVENT_ALARM && e->at - in->event_us <= ECHO_US &&
               memcmp(in->digest, ev->digest, sizeof(in->digest)) == 0 && str_equal(in->source, ev->source);
}

static void attach(Engine *e, Incident *in, const Matter *m, uint64_t *ret_seq)
{
        Source *s = source_find(in, source_of(m));
        bool higher = is_higher(e, in, m), same_level, echo, new_source = !s;
        bool resolved = in->state == STATE_RESOLVED;

        same_level = m->level && s && (s->active & m->level) == m->level && !higher;
        echo = is_echo(e, in, m) && (!m->level || same_level); /* active again after a clear is news */
        overflow_move(e, in, m);
        (void)matter_row(e, in, m);
        *ret_seq = e->next_seq - 1;
        if (echo || m->quiet || (same_level && !resolved))
                return;
        if (m->repeat) {
                ASSERT(!resolved);
                facts_take(e, in, m);
                source_level(e, in, source_add(e, in, source_of(m), m->place.device), m->level);
                emit_alert(e, in);
                return;
        }
        if (in->test)
                testbox_real(e, in, REASON_PRESSED);
        facts_take(e, in, m);
        s = source_add(e, in, source_of(m), m->place.device);
        source_level(e, in, s, m->level);
        if (resolved) {
                in->presses++;
                incident_reopen(e, in, e->at, REASON_REOPENED);
        }
        if (higher)
                upgrade(e, in, m);
        if (!resolved && is_request(in))
                request_press(e, in);
        else if (!resolved)
                press(e, in, m);
        if (new_source && s && !resolved)
                emit_lamp_source(e, in, s);
}

Incident *incident_alarm(Engine *e, const Matter *m, uint64_t *ret_seq)
{
        Incident *in = table_find(e, (Group)m->group, (KeyType)m->place.key_type, m->place.key_id);

        ASSERT(m->group < GROUP_MAX && m->class < CLASS_MAX);
        ASSERT(ret_seq);
        if (!in) {
                in = incident_open(e, m, ret_seq);
                if (in)
                        return in;
                in = table_overflow(e, (Group)m->group);
                ASSERT(in);
        }
        attach(e, in, m, ret_seq);
        return in;
}

/*
 * The resident says that it was nothing. That is not for a machine to believe: somebody confirms, in less of a
 * hurry. Once per incident, and not after a second press.
 */
void incident_cancel(Engine *e, Incident *in, const Event *ev)
{
        const ClassPolicy *p2 = &e->policy.classes[CLASS_FALL];
        bool slow = in->state == STATE_ALERTING && in->group == GROUP_HELP && !in->cancelled_once &&
                    in->presses == 1;

        ASSERT(ev->type == EVENT_ALARM);
        if (in->state == STATE_RESOLVED)
                return;
        emit_journal(e, in, JOURNAL_CANCEL)->reason = REASON_CANCELLED;
        in->reason = REASON_CANCELLED;
        emit_alert(e, in);
        if (!slow)
                return;
        in->cancelled_once = true;
        for (unsigned i = 0; i < TIERS_MAX; i++) {
                uint64_t own = in->plan.tiers[i].delay_us, slower = 3 * own;

                if (p2->tiers[i].present && p2->tiers[i].delay_us < slower)
                        slower = p2->tiers[i].delay_us;
                in->slow_us[i] = slower > own ? slower : own;
        }
        in->cancel_req = true;
        if (in->due[TIMER_TIER] != NEVER) {
                int64_t due = in->entered_us + ladder_distance(in, in->tier);

                if (due > in->due[TIMER_TIER])
                        timer_set(e, in, TIMER_TIER, due);
        }
        notice_mark(e, in, PENDING_TIER(plan_first(&in->plan)), REASON_CANCELLED, e->at);
}

/* Acceptance, arrival, and back */

/* Within how long the owner says he will be there: at least a minute, at most what the class allows. */
static int64_t eta_of(const Incident *in, uint64_t eta_us)
{
        uint64_t limit = in->plan.arrive_by_us;

        if (!eta_us || eta_us > limit || eta_us > USEC_PER_DAY)
                return (int64_t)limit;
        return eta_us < (uint64_t)ETA_MIN_US && limit >= (uint64_t)ETA_MIN_US ? ETA_MIN_US : (int64_t)eta_us;
}

static void arrive_by_arm(Engine *e, Incident *in, uint64_t eta_us)
{
        int64_t eta = eta_of(in, eta_us);

        ASSERT(in->state == STATE_ACCEPTED);
        ASSERT(eta > 0);
        timer_set(e, in, TIMER_ARRIVE_BY, e->at + eta);
        timer_set(e, in, TIMER_REMIND, e->at + eta / 2);
}

void incident_accept(Engine *e, Incident *in, uint32_t worker, uint64_t eta_us, Reason reason)
{
        JournalRow *row;

        ASSERT(in->state == STATE_ALERTING);
        ASSERT(worker);
        in->accept_tier = in->tier;
        incident_state(e, in, STATE_ACCEPTED);
        incident_owner(e, in, worker);
        in->accepted_wall = e->now.wall_us;
        arrive_by_arm(e, in, eta_us);
        row = emit_journal(e, in, JOURNAL_ACCEPTED);
        row->worker = worker;
        row->reason = (uint8_t)reason;
        in->reason = REASON_NONE;
        emit_alert(e, in);
        emit_lamp(e, in);
}

void incident_arrive(Engine *e, Incident *in, uint32_t worker)
{
        Recipient *r = recipient_add(e, in, worker, 0);
        bool from_alerting = in->state == STATE_ALERTING;

        ASSERT(from_alerting || in->state == STATE_ACCEPTED);
        if (from_alerting)
                in->accept_tier = in->tier;
        incident_state(e, in, STATE_ON_SCENE);
        if (from_alerting) {
                incident_owner(e, in, worker);
                in->accepted_wall = e->now.wall_us;
        }
        if (r)
                r->flags |= TOLD_ON_SITE;
        in->arrived_wall = e->now.wall_us;
        timer_set(e, in, TIMER_HANDLE_BY, e->at + (int64_t)in->plan.handle_by_us);
        emit_journal(e, in, JOURNAL_ARRIVED)->worker = worker;
        in->reason = REASON_NONE;
        emit_alert(e, in);
        emit_lamp(e, in);
}

/* Back to calling people, above the tier that had accepted. */
void incident_resume(Engine *e, Incident *in, int64_t at, JournalKind kind, Reason reason)
{
        uint8_t tier = plan_next(&in->plan, in->accept_tier);
        uint32_t former = in->owner;
        bool arrived = in->state == STATE_ON_SCENE;
        Recipient *r = recipient_of(in, former);
        JournalRow *row;

        ASSERT(in->state == STATE_ACCEPTED || in->state == STATE_ON_SCENE);
        if (!tier)
                tier = plan_last(&in->plan);
        if (in->backup_tier > tier)
                tier = in->backup_tier;
        if (kind != JOURNAL_RESUMED)
                emit_timed(e, in, kind, at)->worker = former;
        incident_state(e, in, STATE_ALERTING);
        incident_owner(e, in, 0);
        in->former = former;
        in->successor = 0;
        in->accepted_wall = in->arrived_wall = 0;
        if (r && !arrived)
                r->flags |= TOLD_FORMER;
        else if (r)
                r->flags |= TOLD_HELPER;
        row = emit_timed(e, in, JOURNAL_RESUMED, at);
        row->worker = former;
        row->tier = tier;
        row->reason = (uint8_t)reason;
        ladder_resume(e, in, tier, at, reason);
        emit_alert(e, in);
        emit_lamp(e, in);
}

void incident_resolve(Engine *e, Incident *in, uint32_t worker, const char *outcome, bool remote)
{
        JournalRow *row;

        ASSERT(state_open(in->state));
        ASSERT(outcome && outcome[0]);
        in->former = in->owner ? in->owner : worker;
        incident_state(e, in, STATE_RESOLVED);
        incident_owner(e, in, 0);
        in->successor = 0;
        in->resolved_wall = e->now.wall_us;
        in->cancel_req = false;
        (void)str_copy(in->outcome, sizeof(in->outcome), outcome);
        timer_set(e, in, TIMER_REOPEN_UNTIL, e->at + (int64_t)in->plan.reopen_us);
        row = emit_journal(e, in, JOURNAL_RESOLVED);
        row->worker = worker;
        row->reason = remote ? REASON_NOT_ARRIVED : REASON_NONE;
        (void)str_copy(row->outcome, sizeof(row->outcome), outcome);
        in->reason = REASON_NONE;
        emit_alert(e, in);
        emit_lamp(e, in);
}

static void reopen(Engine *e, Incident *in, int64_t at, Reason reason)
{
        bool again = in->reopened_us != NEVER && at - in->reopened_us <= REOPEN_AGAIN_US;
        bool off = !people_on_duty(e, in->former);
        JournalRow *row;

        ASSERT(in->state == STATE_RESOLVED);
        incident_state(e, in, STATE_ALERTING);
        in->round++;
        in->reopenings++;
        in->reopened_us = at;
        in->exhausted = in->cancel_req = false;
        in->accept_tier = 0;
        in->outcome[0] = in->handed_to[0] = '\0';
        in->resolved_wall = in->accepted_wall = in->arrived_wall = 0;
        for (unsigned i = 0; i < 3; i++)
                in->press_us[i] = NEVER;
        for (unsigned i = 0; i < in->n_recipients; i++)
                recipient_at(in, i)->flags &= (uint8_t) ~(TOLD_HELPER | TOLD_ON_SITE | TOLD_FORMER);
        in->tier = plan_first(&in->plan);
        row = emit_timed(e, in, JOURNAL_REOPENED, at);
        row->reason = (uint8_t)reason;
        in->opening_seq = e->next_seq - 1;
        ladder_round(e, in, at, in->opening_seq);
        limits_arm(e, in, at);
        ladder_start(e, in, off || again ? 3 : 0, at, reason);
        notice_mark(e, in, PENDING_FORMER, reason, at);
        emit_alert(e, in);
        emit_lamp(e, in);
}

void incident_reopen(Engine *e, Incident *in, int64_t at, Reason reason)
{
        if (is_request(in))
                request_reopen(e, in, at, reason);
        else
                reopen(e, in, at, reason);
}

/* The successor has accepted; until now the owner had it. */
void incident_handover(Engine *e, Incident *in, uint32_t worker, uint64_t eta_us)
{
        uint32_t before = in->owner;
        Recipient *r = recipient_of(in, before);
        JournalRow *row;

        ASSERT(in->state == STATE_ACCEPTED || in->state == STATE_ON_SCENE);
        ASSERT(worker && worker != before);
        incident_owner(e, in, worker);
        in->former = before;
        if (r)
                r->flags |= TOLD_HELPER;
        if (in->state == STATE_ACCEPTED && !is_request(in))
                arrive_by_arm(e, in, eta_us);
        timer_off(e, in, TIMER_RECONFIRM);
        row = emit_journal(e, in, JOURNAL_ACCEPTED);
        row->worker = worker;
        row->reason = REASON_HANDOVER;
        emit_alert(e, in);
}

/* Any action of the owner answers what the machine has asked him. */
void incident_owner_acts(Engine *e, Incident *in)
{
        ASSERT(in->owner);
        ASSERT(state_open(in->state));
        timer_off(e, in, TIMER_RECONFIRM);
        if (!in->handle_reminded)
                return;
        in->handle_reminded = false;
        timer_set(e, in, TIMER_HANDLE_BY, e->at + (int64_t)in->plan.handle_by_us);
}

void incident_close(Engine *e, Incident *in, int64_t at, Reason reason, uint32_t worker)
{
        JournalRow *row;

        ASSERT(!in->owner && in->outcome[0]);
        incident_state(e, in, STATE_CLOSED);
        in->closed_wall = e->now.wall_us;
        row = at == NEVER ? emit_journal(e, in, JOURNAL_CLOSED) : emit_timed(e, in, JOURNAL_CLOSED, at);
        row->worker = worker;
        row->reason = (uint8_t)reason;
        (void)str_copy(row->outcome, sizeof(row->outcome), in->outcome);
        if (reason != REASON_NONE) /* else its alerts went when it was resolved */
                emit_alert(e, in);
        emit_lamp(e, in); /* looks at the others of the dwelling: before it leaves them */
        table_unkey(e, in);
        if (reason != REASON_AREA)
                past_add(e, in);
        timer_set(e, in, TIMER_BURY, e->at + BURY_US);
}

/* The two ends that are no resolution, I4: an outage has taken it over (area.c), a test is confirmed (testbox.c). */
void incident_fold(Engine *e, Incident *in, Reason reason, uint32_t worker)
{
        ASSERT(in->state == STATE_ALERTING);
        ASSERT(reason == REASON_AREA ? in->group == GROUP_FAULT
                                     : reason == REASON_TEST && in->test && worker);
        in->reason = (uint8_t)reason;
        (void)str_copy(in->outcome, sizeof(in->outcome), reason_word(reason));
        incident_close(e, in, NEVER, reason, worker);
}

/* Timers of the states. Those of the ladder are in ladder.c. */

static void handle_by(Engine *e, Incident *in, int64_t due)
{
        if (in->handle_reminded) {
                incident_resume(e, in, due, JOURNAL_RESUMED, REASON_HANDLE_LATE);
                return;
        }
        in->handle_reminded = true;
        emit_timed(e, in, JOURNAL_HANDLE_LATE, due)->worker = in->owner;
        timer_set(e, in, TIMER_HANDLE_BY,
                due + HANDLE_GRACE_US > e->at ? due + HANDLE_GRACE_US : e->at + HANDLE_GRACE_US);
        notice_mark(e, in, PENDING_OWNER | PENDING_DESK, REASON_HANDLE_LATE, due);
}

/* 60 s: ask. 90 s: everybody. Then the desk is asked at the loop's rate, until somebody decides. */
static void fire119(Engine *e, Incident *in, int64_t due)
{
        JournalRow *row = emit_timed(e, in, JOURNAL_FIRE119, due);

        row->reason = REASON_FIRE119;
        if (in->fire119 == 0) {
                in->fire119 = 1;
                timer_set(e, in, TIMER_FIRE119, due + (FIRE119_ALL_US - FIRE119_ASK_US));
                notice_mark(e, in, PENDING_OWNER | PENDING_HELPERS | PENDING_DESK, REASON_FIRE119, due);
                return;
        }
        if (in->fire119 == 1)
                ladder_all(e, in, due, REASON_FIRE119);
        in->fire119 = 2;
        timer_set(e, in, TIMER_FIRE119, e->at + (int64_t)in->plan.loop_us);
        notice_mark(e, in, PENDING_OWNER | PENDING_DESK, REASON_FIRE119, due);
}

static void reconfirm_due(Engine *e, Incident *in, int64_t due)
{
        timer_off(e, in, TIMER_RECONFIRM);
        ASSERT(in->state == STATE_ACCEPTED || in->state == STATE_ON_SCENE);
        if (in->state == STATE_ACCEPTED)
                incident_resume(e, in, due, JOURNAL_RESUMED, REASON_RECONFIRM);
        else
                ladder_backup(e, in, in->accept_tier, due, REASON_RECONFIRM);
}

/* Nobody has arrived since it opened, whatever was promised. */
static void arrive_max(Engine *e, Incident *in, int64_t due)
{
        timer_off(e, in, TIMER_ARRIVE_MAX);
        if (in->state == STATE_ON_SCENE)
                return;
        emit_timed(e, in, JOURNAL_ARRIVE_MAX, due)->reason = REASON_ARRIVE_MAX;
        ladder_all(e, in, due, REASON_ARRIVE_MAX);
        notice_mark(e, in, PENDING_OWNER | PENDING_DESK, REASON_ARRIVE_MAX, due);
}

/* The owner's app is silent: he may have no network, or no battery. Once per acceptance. */
void incident_owner_lost(Engine *e, Incident *in)
{
        if (!in->owner || in->presence_told || people_reachable(e, in->owner) || is_request(in))
                return;
        ASSERT(in->state == STATE_ACCEPTED || in->state == STATE_ON_SCENE);
        in->presence_told = true;
        if (in->state == STATE_ACCEPTED) {
                notice_mark(e, in, PENDING_OWNER, REASON_RECONFIRM, e->at);
                if (recipient_of(in, in->owner))
                        channel_mark(e, in, recipient_of(in, in->owner), REASON_RECONFIRM);
                reconfirm(e, in, REASON_RECONFIRM);
        } else {
                timer_set(
                        e, in, TIMER_HANDLE_BY, min_due(in->due[TIMER_HANDLE_BY], e->at + HANDLE_GRACE_US));
        }
        emit_state(e, in);
}

/* The roster, the registry, presence or the clock has changed. */
static void look(Engine *e, Incident *in)
{
        timer_off(e, in, TIMER_LOOK);
        emit_state(e, in); /* the wall times of its deadlines may be new */
        if (e->clock_moved) {
                ladder_redate(e, in);
                notice_redate(e, in);
        }
        incident_owner_lost(e, in);
        if (!ladder_runs(in))
                return;
        ladder_check_empty(e, in, e->at, REASON_EMPTY);
        notice_mark(e, in, PENDING_JOINED, REASON_JOINED, e->at);
}

void incident_timer(Engine *e, Incident *in, Timer t, int64_t due)
{
        ASSERT(due <= e->at);
        ASSERT(in->due[t] == due);
        if (is_request(in) && request_timer(e, in, t, due))
                return;
        switch (t) {
        case TIMER_TIER:
        case TIMER_LOOP:
        case TIMER_RECEIPT:
        case TIMER_RENOTIFY:
        case TIMER_OLDER: ladder_timer(e, in, t, due); return;
        case TIMER_REMIND:
                timer_off(e, in, TIMER_REMIND);
                emit_timed(e, in, JOURNAL_REMINDED, due)->worker = in->owner;
                notice_mark(e, in, PENDING_OWNER, REASON_REMIND, due);
                return;
        case TIMER_ARRIVE_BY: incident_resume(e, in, due, JOURNAL_RESUMED, REASON_ARRIVE_LATE); return;
        case TIMER_RECONFIRM: reconfirm_due(e, in, due); return;
        case TIMER_HANDLE_BY: handle_by(e, in, due); return;
        case TIMER_REOPEN_UNTIL:
                if (in->group == GROUP_FIRE && in->cond == CONDITION_ACTIVE) {
                        incident_reopen(e, in, due, REASON_STILL_ACTIVE);
                        source_forget(e, in);
                } else
                        incident_close(e, in, due, REASON_NONE, 0);
                return;
        case TIMER_ARRIVE_MAX: arrive_max(e, in, due); return;
        case TIMER_FIRE119: fire119(e, in, due); return;
        case TIMER_CONFIRM_BY:
        case TIMER_FOLLOWUP: {
                int64_t again = t == TIMER_CONFIRM_BY ? CONFIRM_BY_US : FOLLOWUP_US;

                timer_set(e, in, t, due + again > e->at ? due + again : e->at + again);
                emit_timed(e, in, JOURNAL_REMINDED, due)->reason = REASON_HANDED_OFF;
                notice_mark(e, in, PENDING_DESK, REASON_HANDED_OFF, due);
                return;
        }
        case TIMER_BURY: table_free(e, in); return;
        case TIMER_LOOK: look(e, in); return;
        case TIMER_NOTIFY: notice_flush(e, in); return;
        case TIMER_LEVEL:
        case TIMER_WAIT: /* of requests */
        case TIMER_MAX: break;
        }
        ASSERT(!"no such timer");
}
