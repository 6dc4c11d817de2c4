/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everyday requests (SEMANTICS.md section 9), judged by their rows and true time: one level up at a time, when the time
 * for it is over and not before; what is waited for has an end; only a person closes.
 *
 * The limit for taking one passes in working time, which is counted here minute by minute. What a clock that jumps, or
 * rows that were lost, make of a limit is not known: then nothing is said of it until the next one begins.
 */
#include "tests/sim/sim.h"

#include "base/assert.h"

#include <inttypes.h>
#include <string.h>

#define SLACK_US    USEC_PER_SEC
#define EARLY_US    (10 * USEC_PER_SEC)
#define MINUTES_MAX (30u * 1440)

typedef struct Life {
        uint64_t taken_us;          /* somebody must have it by then; 0: not known, or somebody has it */
        uint64_t begun_us, wait_us; /* of this level; what is waited for is over; 0: not known */
        uint8_t level;              /* 0: not known */
} Life;

static Life lives[INCIDENTS_MAX];
static uint64_t top;

void requests_begin(void)
{
        memset(lives, 0, (top + 1) * sizeof(Life));
        top = 0;
}

void requests_forget(uint64_t incident)
{
        if (incident < INCIDENTS_MAX)
                lives[incident] = (Life){0};
}

static uint8_t level_after(unsigned level)
{
        const ClassPolicy *p = &sim_policy.classes[CLASS_REQUEST];

        for (unsigned k = level + 1; k <= TIERS_MAX; k++)
                if (p->tiers[k - 1].present)
                        return (uint8_t)k;
        return 0;
}

static bool is_request(unsigned class)
{
        return class == CLASS_REQUEST || class == CLASS_REQUEST_KEY || class == CLASS_REQUEST_HARD;
}

/* Of whatever class it is, or will be. */
static uint64_t shortest_limit(unsigned level)
{
        uint64_t least = UINT64_MAX;

        for (unsigned c = 0; c < CLASS_MAX; c++) {
                const Tier *tiers = sim_policy.classes[c].tiers;
                unsigned next = level_after(level);

                if (!is_request(c) || !next || !tiers[level - 1].present || !tiers[next - 1].present)
                        continue;
                if (tiers[next - 1].delay_us - tiers[level - 1].delay_us < least)
                        least = tiers[next - 1].delay_us - tiers[level - 1].delay_us;
        }
        return least == UINT64_MAX ? 0 : least;
}

static bool is_worked(Now now)
{
        const WorkHours *h = &sim_policy.requests.hours;
        uint32_t weekday, minute, date;

        clock_local(now, &weekday, &minute, &date);
        if (!(h->days & 1u << weekday))
                return false;
        for (unsigned i = 0; i < h->n; i++)
                if (minute >= h->spans[i].from && minute < h->spans[i].to)
                        return true;
        return h->n == 0;
}

/* The minute in which so much working time is over, to its end. */
static uint64_t taken_by(void)
{
        uint64_t minutes = sim_policy.requests.assign_us / USEC_PER_MIN;
        Now then = clock_now();

        ASSERT(minutes > 0);
        for (unsigned n = 1; n < MINUTES_MAX; n++, then.wall_us += (int64_t)USEC_PER_MIN)
                if (is_worked(then) && minutes-- == 0)
                        return world.now_us + n * USEC_PER_MIN;
        return 0;
}

static void level_begins(Life *l, uint8_t level)
{
        l->level = level;
        l->begun_us = world.now_us;
        l->taken_us = level_after(level) ? taken_by() : 0;
        l->wait_us = 0;
}

static void judge_hop(const Life *l, uint64_t id, const JournalRow *j)
{
        uint64_t limit;

        if (!l->level)
                return;
        limit = j->reason == REASON_LEVEL_LATE ? shortest_limit(l->level) : sim_policy.requests.assign_us;
        CHECKED("a request goes up one level at a time, and not before its time");
        if (j->tier != level_after(l->level))
                broken("a request goes up one level at a time", "incident %" PRIu64 ": level %u after %u",
                        id, j->tier, l->level);
        if ((j->reason == REASON_LEVEL_LATE || j->reason == REASON_ASSIGN_LATE) && !world.clocks_wrong &&
                !j->late && world.now_us + EARLY_US < l->begun_us + limit)
                broken("a request does not go up before its time",
                        "incident %" PRIu64 " from level %u after %" PRIu64 " s", id, l->level,
                        (uint64_t)((world.now_us - l->begun_us) / USEC_PER_SEC));
}

static void judge_reopened(const Life *l, uint64_t id, const JournalRow *j)
{
        uint8_t next = level_after(l->level);

        if (!l->level)
                return;
        CHECKED("who is dissatisfied is heard one level up");
        if (j->tier != (j->reason == REASON_DISSATISFIED && next ? next : l->level))
                broken("who is dissatisfied is heard one level up",
                        "incident %" PRIu64 ": level %u after %u", id, j->tier, l->level);
}

static void judge_closed(uint64_t id, const JournalRow *j)
{
        const Worker *who = registry_worker(sim_registry, j->worker);

        CHECKED("only a person who may closes a request");
        if (!who || !(role_rights(who->role) & RIGHT_SUPERVISE))
                broken("only a person who may closes a request", "incident %" PRIu64 " by %u", id,
                        j->worker);
}

void requests_row(const Effect *e)
{
        const JournalRow *j = &e->journal;
        Life *l;

        if (!e->incident || e->incident >= INCIDENTS_MAX || !is_request(j->class))
                return;
        l = &lives[e->incident];
        if (e->incident > top)
                top = e->incident;
        switch ((int)j->kind) {
        case JOURNAL_OPENED: level_begins(l, level_after(0)); break;
        case JOURNAL_REOPENED:
                judge_reopened(l, e->incident, j);
                level_begins(l, j->tier);
                break;
        case JOURNAL_TIER:
                judge_hop(l, e->incident, j);
                level_begins(l, j->tier);
                if (j->due_wall_us && !world.clocks_wrong) /* it counts from when it was due */
                        l->begun_us -= (uint64_t)(clock_now().wall_us - j->due_wall_us);
                break;
        case JOURNAL_RESUMED:
                l->wait_us = 0;
                l->taken_us = level_after(l->level) ? taken_by() : 0;
                break;
        case JOURNAL_ACCEPTED:
                l->taken_us = 0;
                if (j->reason != REASON_HANDOVER) /* the next one goes on where the other was */
                        l->wait_us = 0;
                break;
        case JOURNAL_WAITING: l->wait_us = j->on ? world.now_us + j->event->action.span_us : 0; break;
        case JOURNAL_RECLASSED: l->taken_us = 0; break; /* by the new class, from its beginning */
        case JOURNAL_RESOLVED: l->taken_us = l->wait_us = 0; break;
        case JOURNAL_CLOSED: judge_closed(e->incident, j); break;
        }
}

void requests_turn(uint64_t incident, const IncidentView *v)
{
        const Life *l = incident < INCIDENTS_MAX ? &lives[incident] : NULL;

        if (!l || v->request == REQUEST_STATE_NONE || world.clocks_wrong)
                return;
        CHECKED("a request that nobody takes goes up, and what is waited for has an end");
        if (v->request == REQUEST_STATE_WAITING && l->wait_us && world.now_us > l->wait_us + SLACK_US)
                broken("what a request waits for has an end", "incident %" PRIu64 ": %" PRIu64 " s late",
                        incident, (uint64_t)((world.now_us - l->wait_us) / USEC_PER_SEC));
        if (v->request == REQUEST_STATE_OPEN && l->taken_us && world.now_us > l->taken_us + SLACK_US)
                broken("a request that nobody takes goes up",
                        "incident %" PRIu64 " at level %u: %" PRIu64 " s late", incident, v->tier,
                        (uint64_t)((world.now_us - l->taken_us) / USEC_PER_SEC));
}
