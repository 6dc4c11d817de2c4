/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trying a device, putting its faults aside, a resident who is away.
 *
 * A test box (one device, 15 minutes, renewed once; a mark, so it survives a restart) makes the next alarm of its
 * device a test: an incident at once, receipt and lamp as in earnest, and of all people only the tester is told.
 * He confirms within 60 s: CLOSED with the outcome test, and the proof test has its date. Anything else makes it
 * real: a second press, another device, any other answer of anybody, 60 s without a word. Its ladder then starts
 * with all the tiers whose time has passed since the press, and the next one comes at its time from the press: a
 * resident who has an accident during a test waits for no step longer than that minute.
 *
 *      boxed ──alarm──▶ ALERTING, test ──test_confirm──▶ CLOSED (test)
 *                            │
 *                            └─ 60 s, second press, another device, another answer ──▶ ALERTING, real
 *
 * Shelving puts the faults of one device aside until a time, at most a day: they are journaled, call nobody, and
 * return when the time is over. It never touches an alarm. Away (home, away, hospital, with an end) never mutes
 * one either: it says who is asked first, because he is not where the alert would send people.
 */
#include "base/str.h"
#include "engine/internal.h"

#include <string.h>

#define BOX_US       ((int64_t)(15 * USEC_PER_MIN))
#define CONFIRM_US   ((int64_t)(60 * USEC_PER_SEC))
#define SHELF_MAX_US USEC_PER_DAY
#define AWAY_MAX_US  (366 * USEC_PER_DAY)

/* Boxes */

static TestBox *box_of(const Engine *e, uint32_t device)
{
        for (unsigned i = 0; device && i < BOXES_MAX; i++)
                if (e->sup.boxes[i].device == device)
                        return (TestBox *)&e->sup.boxes[i];
        return NULL;
}

static bool box_open(const Engine *e, const TestBox *box)
{
        return box && e->now.wall_us < box->until_wall && box->until_wall - e->now.wall_us <= 2 * BOX_US;
}

static TestBox *box_free(Engine *e)
{
        for (unsigned i = 0; i < BOXES_MAX; i++)
                if (!box_open(e, &e->sup.boxes[i]))
                        return &e->sup.boxes[i];
        return NULL;
}

void testbox_restore(Engine *e, const MarkRow *row)
{
        TestBox *box = box_of(e, row->id);

        for (unsigned i = 0; i < BOXES_MAX && !box; i++)
                if (!e->sup.boxes[i].device)
                        box = &e->sup.boxes[i];
        if (!box)
                return;
        *box = (TestBox){0};
        if (row->value)
                *box = (TestBox){.device = row->id,
                        .worker = row->worker,
                        .until_wall = row->wall_us,
                        .renewed = row->value == 2};
}

uint32_t testbox_tester(const Engine *e, uint32_t device)
{
        const TestBox *box = box_of(e, device);

        return box_open(e, box) && registry_worker(e->registry, box->worker) ? box->worker : 0;
}

int64_t testbox_until(const Engine *e, uint32_t device)
{
        const TestBox *box = box_of(e, device);

        return box_open(e, box) ? box->until_wall : 0;
}

static JournalRow *row_of(
        Engine *e, const Event *ev, JournalKind kind, uint32_t worker, const Place *p, Reason reason)
{
        device_row(e, ev, kind, p, reason);
        e->list->effects[e->list->n - 1].journal.worker = worker;
        return &e->list->effects[e->list->n - 1].journal;
}

static Reason box_begin(Engine *e, const Event *ev, uint32_t worker, const Place *p)
{
        TestBox *box = box_of(e, p->device);
        bool renew = box_open(e, box);

        if (renew && box->renewed)
                return REASON_TWICE;
        if (!renew)
                box = box_free(e);
        if (!box)
                return REASON_SEVERAL;
        if (box->device && box->device != p->device)
                mark_put(e, MARK_BOX, box->device, 0, 0, e->now.wall_us);
        *box = (TestBox){.device = p->device,
                .worker = worker,
                .until_wall = e->now.wall_us + BOX_US,
                .renewed = renew};
        mark_put(e, MARK_BOX, p->device, worker, renew ? 2 : 1, box->until_wall);
        row_of(e, ev, JOURNAL_TEST, worker, p, REASON_TEST)->on = true;
        return REASON_NONE;
}

/* The incident that was just opened by this device is a test, if the device is in a box. */
void testbox_begin(Engine *e, Incident *in, uint32_t tester)
{
        ASSERT(in->state == STATE_ALERTING && tester);
        ASSERT(plan_first(&in->plan) >= 1);
        in->test = true;
        in->successor = tester;
        in->tier = in->newest = plan_first(&in->plan);
        in->entered_us = e->at;
        timer_set(e, in, TIMER_TIER, e->at + CONFIRM_US);
        if (in->plan.renotify_us && in->plan.renotify_us < in->plan.loop_us)
                timer_set(e, in, TIMER_RENOTIFY, e->at + CONFIRM_US);
        notice_mark(e, in, PENDING_SUCCESSOR, REASON_TRIED, e->at);
        emit_alert(e, in);
}

/* It is in earnest, since the press. */
void testbox_real(Engine *e, Incident *in, Reason reason)
{
        int64_t since = in->round_us;
        uint8_t upto = plan_first(&in->plan), next;
        JournalRow *row;

        ASSERT(in->test && in->state == STATE_ALERTING);
        in->test = false;
        in->successor = 0;
        row = emit_journal(e, in, JOURNAL_TEST);
        row->reason = (uint8_t)reason;
        for (next = plan_next(&in->plan, upto);
                next && since + (int64_t)in->plan.tiers[next - 1].delay_us <= e->at;
                next = plan_next(&in->plan, next))
                upto = next;
        ladder_start(e, in, upto, e->at, reason);
        next = plan_next(&in->plan, in->tier);
        if (next)
                timer_set(e, in, TIMER_TIER,
                        min_due(in->due[TIMER_TIER], since + (int64_t)in->plan.tiers[next - 1].delay_us));
        emit_alert(e, in);
}

void testbox_proof(Engine *e, uint32_t device)
{
        DeviceState *d = supervision_of(e, device);

        if (!d)
                return;
        d->proof_wall = e->now.wall_us;
        d->tried = true;
        d->levels &= (uint16_t)~LEVEL_PROOF;
        mark_put(e, MARK_PROOF, device, 0, 2, e->now.wall_us);
        supervision_touch(e, device);
}

Reason testbox_confirm(Engine *e, Incident *in, uint32_t worker, bool supervisor)
{
        if (!in->test)
                return REASON_WRONG_STATE;
        if (in->successor != worker && !supervisor)
                return REASON_NOT_YOURS;
        ASSERT(in->presses == 1 && in->n_sources == 1); /* else it is in earnest, and so it is after its time */
        testbox_proof(e, in->device);
        incident_fold(e, in, REASON_TEST, worker);
        return REASON_NONE;
}

/* The shelf */

static Reason shelve(Engine *e, const Event *ev, uint32_t worker, const Place *p)
{
        DeviceState *d = supervision_of(e, p->device);
        uint64_t span = ev->action.span_us;

        if (!d || span > SHELF_MAX_US)
                return REASON_BAD_REQUEST;
        row_of(e, ev, JOURNAL_DEVICE, worker, p, REASON_SHELVED)->on = span > 0;
        d->shelved_wall =
                span ? e->now.wall_us + (int64_t)span : e->now.wall_us; /* 0: from the shelf, now */
        mark_put(e, MARK_SHELVED, p->device, worker, span > 0, d->shelved_wall);
        supervision_touch(e, p->device);
        return REASON_NONE;
}

/* Away */

static const char *const away_words[AWAY_MAX] = {"home", "away", "hospital"};

Away away_of(const Engine *e, uint32_t resident)
{
        const ResidentState *r = supervision_resident(e, resident);

        return r && e->now.wall_us < r->until_wall ? (Away)r->away : AWAY_HOME;
}

void away_restore(Engine *e, const MarkRow *row)
{
        ResidentState *r = supervision_resident(e, row->id);

        ASSERT(r);
        if (row->value < 0 || row->value >= AWAY_MAX)
                return;
        r->until_wall = row->wall_us;
        r->away = (uint8_t)row->value;
}

static Reason away_set(Engine *e, const Event *ev, uint32_t worker)
{
        uint32_t id = registry_resident_id(e->registry, ev->action.target);
        const Resident *who = registry_resident(e->registry, id);
        const Worker *w = registry_worker(e->registry, worker);
        ResidentState *r = supervision_resident(e, id);
        const Dwelling *at = who ? registry_dwelling(e->registry, who->dwelling) : NULL;
        Place p = {.resident = id, .dwelling = who ? who->dwelling : 0, .grid = at ? at->grid : 0};
        unsigned mode = 0;

        while (mode < AWAY_MAX && !str_equal(away_words[mode], ev->action.mode))
                mode++;
        if (!who || !r || mode == AWAY_MAX ||
                (mode != AWAY_HOME && (!ev->action.span_us || ev->action.span_us > AWAY_MAX_US)))
                return REASON_BAD_REQUEST; /* it must have an end */
        if (!roster_covers(e->registry, w, p.grid, p.dwelling, id) || !(role_rights(w->role) & RIGHT_ACCEPT))
                return REASON_NOT_YOURS;
        r->away = (uint8_t)mode;
        r->until_wall = mode == AWAY_HOME ? 0 : e->now.wall_us + (int64_t)ev->action.span_us;
        mark_put(e, MARK_AWAY, id, worker, (int64_t)mode, r->until_wall);
        activity_from_now(e, id);
        row_of(e, ev, JOURNAL_DEVICE, worker, &p, REASON_AWAY)->on = mode != AWAY_HOME;
        return REASON_NONE;
}

/*
 * Whoever is first asked, when the resident is away: for SOS the desk and the family, who may know where he is; for
 * smoke also the guard and who keeps the key, because nobody is there to open. The tiers above stay as they are.
 */
void away_plan(const Engine *e, Incident *in)
{
        Tier *first = &in->plan.tiers[plan_first(&in->plan) - 1];

        in->away = (uint8_t)away_of(e, in->resident);
        if (in->away == AWAY_HOME)
                return;
        if (in->group == GROUP_HELP)
                first->roles = BIT(ROLE_COMMUNITY) | BIT(ROLE_NIGHT_DESK) | BIT(ROLE_FAMILY);
        else if (in->group == GROUP_FIRE)
                first->roles |= BIT(ROLE_PROPERTY_GUARD) | BIT(ROLE_NEIGHBOUR) | BIT(ROLE_BUILDING_HEAD) |
                                BIT(ROLE_FAMILY);
}

/* What people do with devices and residents, and not with an incident. */
Reason device_action(Engine *e, const Event *ev, uint32_t worker)
{
        const Worker *w = registry_worker(e->registry, worker);
        Place p;

        ASSERT(w && ev->type == EVENT_ACTION);
        if (ev->retained)
                return REASON_RETAINED;
        if (ev->action.kind == ACTION_AWAY)
                return away_set(e, ev, worker);
        device_place(e, ev->action.target, &p);
        if (!p.known)
                return REASON_BAD_REQUEST;
        if (!(role_rights(w->role) & RIGHT_ON_SITE) ||
                !roster_covers(e->registry, w, p.grid, p.dwelling, p.resident))
                return REASON_NOT_YOURS;
        return ev->action.kind == ACTION_TEST ? box_begin(e, ev, worker, &p) : shelve(e, ev, worker, &p);
}
