/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Visits at the bed: who came, when, what for, how long.
 *
 *      no visit ──visit_in──▶ open ──visit_out──▶ over: counts, if it was long enough
 *                              │ reminder: the worker is told that he is still checked in
 *                              └ Policy.visit_max_us: over without a check-out: does not count
 *
 *      any that is over ──visit_fix, by a desk, with a reason──▶ as long as the desk says
 *
 * Money hangs on these rows, so nothing counts that a person has not said, and nothing that is known to be wrong counts:
 * a worker is at one bed at a time; a visit that nobody ended has no length; nor has one over a restart of the
 * gateway whose clock could not be believed at both ends. Within one run CLOCK_BOOTTIME measures, so that a stepped
 * clock changes no length. A visit's number is that of the row that began it.
 *
 * An open visit is a mark of its worker (so it survives a restart); the value is number · 256 + reminded · 128 +
 * believed · 64 + service. What is over stands in the journal alone, and the store adds it up.
 */
#include "base/str.h"
#include "engine/internal.h"

#define VISIT_REMINDED 128
#define VISIT_TRUSTED  64
#define VISIT_SERVICE  63

/* Carers live there: being at home is no visit. */
static bool visits(const Worker *w)
{
        return (role_rights(w->role) & RIGHT_ON_SITE) && w->role != ROLE_CARER;
}

static void mark(Engine *e, uint32_t worker, const OpenVisit *v)
{
        int64_t value = v->number ? (int64_t)(v->number << 8) | (v->reminded ? VISIT_REMINDED : 0) |
                                            (v->trusted ? VISIT_TRUSTED : 0) | v->service
                                  : 0;

        mark_put(e, MARK_VISIT, worker, v->resident, value, v->number ? v->wall_us : e->now.wall_us);
}

void visit_restore(Engine *e, const MarkRow *row)
{
        WorkerState *w = people_state(e, row->id);
        uint64_t number = (uint64_t)row->value >> 8;

        if (!w || row->value < 0 || (row->value & VISIT_SERVICE) >= SERVICE_MAX)
                return;
        w->visit = (OpenVisit){0};
        if (number)
                w->visit = (OpenVisit){.number = number,
                        .wall_us = row->wall_us,
                        .begin_us = NEVER,
                        .due_us = NEVER,
                        .resident = row->worker,
                        .service = (uint8_t)(row->value & VISIT_SERVICE),
                        .trusted = row->value & VISIT_TRUSTED,
                        .reminded = row->value & VISIT_REMINDED};
        e->visits_anew = true;
}

/* -1: nobody can say. */
static int64_t length_us(const Engine *e, const OpenVisit *v)
{
        int64_t us = e->now.wall_us - v->wall_us;

        if (v->begin_us != NEVER)
                return e->at - v->begin_us;
        return v->trusted && e->now.trusted && us >= 0 ? us : -1;
}

static void due_set(Engine *e, OpenVisit *v)
{
        int64_t length = length_us(e, v), begin = e->at - (length < 0 ? 0 : length);
        uint64_t remind = e->policy.visit_remind_us, end = e->policy.visit_max_us;

        ASSERT(v->number);
        v->due_us = !v->reminded && remind ? begin + (int64_t)remind : end ? begin + (int64_t)end : NEVER;
}

/* Few are open, and rarely does one begin or end: all workers are looked through. */
void visits_arm(Engine *e)
{
        e->visit_due = NEVER;
        for (uint32_t id = 1, end = people_end(e); id < end; id++) {
                OpenVisit *v = &e->workers[id].visit;

                if (!v->number)
                        continue;
                if (e->visits_anew && v->begin_us == NEVER)
                        due_set(e, v);
                if (v->due_us < e->visit_due)
                        e->visit_due = v->due_us;
        }
        e->visits_anew = false;
}

static JournalRow *row_fill(Engine *e, JournalRow *row, uint32_t worker, uint32_t resident)
{
        const Resident *who = registry_resident(e->registry, resident);
        const Dwelling *at = who ? registry_dwelling(e->registry, who->dwelling) : NULL;

        row->worker = worker;
        row->resident = resident;
        row->dwelling = who ? who->dwelling : 0;
        row->grid = at ? at->grid : 0;
        return row;
}

static void row_visit(JournalRow *row, const OpenVisit *v)
{
        row->visit = v->number;
        row->service = v->service;
        row->since_wall_us = v->wall_us;
}

/* The bed that is meant: a resident, or whom a device belongs to. 0: none of ours. */
static uint32_t bed_of(const Engine *e, const char *code)
{
        uint32_t resident = registry_resident_id(e->registry, code);
        Place p;

        if (resident || !code[0])
                return resident;
        device_place(e, code, &p);
        return p.resident ? p.resident : roster_sole_resident(e->registry, p.dwelling);
}

static bool covers(const Engine *e, const Worker *w, uint32_t resident)
{
        const Resident *who = registry_resident(e->registry, resident);
        const Dwelling *at = who ? registry_dwelling(e->registry, who->dwelling) : NULL;

        return who && roster_covers(e->registry, w, at ? at->grid : 0, who->dwelling, resident);
}

static Reason begin(Engine *e, const Event *ev, uint32_t worker)
{
        const Worker *w = registry_worker(e->registry, worker);
        WorkerState *state = people_state(e, worker);
        uint32_t resident = bed_of(e, ev->action.target);
        JournalRow *row;

        if (!resident || !state)
                return REASON_BAD_REQUEST;
        if (!visits(w) || !covers(e, w, resident))
                return REASON_NOT_YOURS;
        if (state->visit.number)
                return state->visit.resident == resident ? REASON_TWICE : REASON_VISIT_OPEN;
        row = row_fill(e, emit_journal(e, NULL, JOURNAL_VISIT_IN), worker, resident);
        row->event = ev;
        state->visit = (OpenVisit){.number = e->next_seq - 1,
                .wall_us = e->now.wall_us,
                .begin_us = e->at,
                .resident = resident,
                .service = ev->action.service,
                .trusted = e->now.trusted};
        row_visit(row, &state->visit);
        row->visit = 0;
        due_set(e, &state->visit);
        mark(e, worker, &state->visit);
        visits_arm(e);
        return REASON_NONE;
}

static void over(Engine *e, uint32_t worker)
{
        OpenVisit *v = &people_state(e, worker)->visit;

        v->number = 0;
        mark(e, worker, v);
        visits_arm(e);
}

static Reason end(Engine *e, const Event *ev, uint32_t worker, Reason *ret_remark)
{
        const WorkerState *state = people_state(e, worker);
        const OpenVisit *v = state ? &state->visit : NULL;
        int64_t length;
        JournalRow *row;

        if (!v || !v->number)
                return REASON_NO_VISIT;
        length = length_us(e, v);
        *ret_remark = length < 0                                  ? REASON_CLOCK
                      : (uint64_t)length < e->policy.visit_min_us ? REASON_VISIT_SHORT
                                                                  : REASON_NONE;
        row = row_fill(e, emit_journal(e, NULL, JOURNAL_VISIT_OUT), worker, v->resident);
        row->event = ev;
        row_visit(row, v);
        row->span_s = length < 0 ? 0 : (uint32_t)(length / (int64_t)USEC_PER_SEC);
        row->counts = *ret_remark == REASON_NONE;
        row->reason = (uint8_t)*ret_remark;
        row->rating = ev->action.rating;
        over(e, worker);
        return REASON_NONE;
}

/* By a desk that covers the bed; what was, and who says so and why, stays in the journal. */
static Reason fix(Engine *e, const Event *ev, const Worker *desk, uint32_t worker, Reason *ret_remark)
{
        const WorkerState *state = people_state(e, worker);
        uint32_t resident = bed_of(e, ev->action.target);
        uint64_t span = ev->action.span_us;
        JournalRow *row;

        if (!resident || !ev->action.visit || ev->action.visit >= e->next_seq || span > USEC_PER_DAY)
                return REASON_BAD_REQUEST;
        if (!(role_rights(desk->role) & RIGHT_SUPERVISE) || !covers(e, desk, resident))
                return REASON_NOT_YOURS;
        if (!ev->action.has_note)
                return REASON_NO_NOTE;
        if (state && state->visit.number == ev->action.visit)
                return REASON_VISIT_OPEN;
        row = row_fill(e, emit_journal(e, NULL, JOURNAL_VISIT_FIXED), worker, resident);
        row->event = ev;
        row->visit = ev->action.visit;
        row->span_s = (uint32_t)(span / USEC_PER_SEC);
        row->counts = span && span >= e->policy.visit_min_us;
        *ret_remark = row->counts ? REASON_NONE : REASON_VISIT_SHORT;
        row->reason = (uint8_t)*ret_remark;
        return REASON_NONE;
}

Reason visit_action(Engine *e, const Event *ev, uint32_t worker, Reason *ret_remark)
{
        const Worker *actor = registry_worker(e->registry, worker);
        uint32_t whose = worker;

        ASSERT(actor && ret_remark);
        if (ev->retained)
                return REASON_RETAINED;
        if (ev->action.to[0]) {
                whose = registry_worker_id(e->registry, ev->action.to);
                if (!whose)
                        return REASON_UNKNOWN_WORKER;
                if (whose != worker && !(role_rights(actor->role) & RIGHT_SUPERVISE))
                        return REASON_NOT_YOURS;
        }
        if (ev->action.kind == ACTION_VISIT_IN) {
                if (whose != worker && !covers(e, actor, bed_of(e, ev->action.target)))
                        return REASON_NOT_YOURS;
                return begin(e, ev, whose);
        }
        if (ev->action.kind == ACTION_VISIT_OUT) {
                if (whose != worker && people_state(e, whose) &&
                        !covers(e, actor, people_state(e, whose)->visit.resident))
                        return REASON_NOT_YOURS;
                return end(e, ev, whose, ret_remark);
        }
        ASSERT(ev->action.kind == ACTION_VISIT_FIX);
        return fix(e, ev, actor, whose, ret_remark);
}

/* To the worker who is still checked in; it depends on the row that says that he was reminded. */
static void remind(Engine *e, uint32_t worker)
{
        const Worker *w = registry_worker(e->registry, worker);
        Effect *effect;

        if (!w)
                return;
        effect = emit_effect(e, EFFECT_REPLY, URGENCY_CALM);
        effect->seq = e->next_seq - 1;
        effect->reply.via = VIA_MQTT;
        effect->reply.result = REPLY_OK;
        effect->reply.reason = REASON_VISIT_FORGOTTEN;
        (void)str_copy(effect->reply.source, CODE_SIZE, w->code);
}

void visit_expire(Engine *e)
{
        uint32_t worker = 0;
        OpenVisit *v;
        JournalRow *row;

        ASSERT(e->visit_due <= e->at);
        do {
                worker++;
                ASSERT(worker < people_end(e));
        } while (!e->workers[worker].visit.number || e->workers[worker].visit.due_us != e->visit_due);
        v = &e->workers[worker].visit;
        row = row_fill(e, emit_timed(e, NULL, JOURNAL_VISIT_FORGOTTEN, v->due_us), worker, v->resident);
        row_visit(row, v);
        row->reason = REASON_VISIT_FORGOTTEN;
        row->on = !v->reminded && e->policy.visit_remind_us;
        remind(e, worker);
        if (!row->on) {
                over(e, worker);
                return;
        }
        v->reminded = true;
        due_set(e, v);
        mark(e, worker, v);
        visits_arm(e);
}

bool engine_visit(const Engine *e, uint32_t worker, VisitView *ret)
{
        const WorkerState *state = people_state(e, worker);

        ASSERT(e && ret);
        if (!state || !state->visit.number)
                return false;
        *ret = (VisitView){.number = state->visit.number,
                .resident = state->visit.resident,
                .service = (Service)state->visit.service,
                .since_us = state->visit.wall_us,
                .reminded = state->visit.reminded};
        return true;
}
