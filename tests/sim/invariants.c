/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The invariants of SEMANTICS.md section 10, judged by somebody who was not there: a watch for each incident that
 * knows only the rows that were journaled, the messages that left, the disk, and true time. What the engine says
 * about itself (engine_check()) is asked besides, after every turn.
 *
 * Deadlines are kept in true time, so a clock that jumps moves none of them (I10), and a restart neither (I7). What
 * was not on the disk when the daemon died is taken anew from what was restored.
 */
#include "tests/sim/sim.h"

#include "base/assert.h"
#include "base/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING_MAX     1024
#define OWED_MAX     64
#define BURST_MAX    80 /* rows of one incident in one instant, calls apart */
#define SLACK_US     USEC_PER_SEC
#define NONE_DUE     UINT64_MAX
#define PRESS_GAP_US (10 * USEC_PER_SEC) /* between two calls because of presses */

typedef struct Watch {
        uint64_t id, last_seq, mark_seq, deadline_us, called_us, since_us, mark_us, tier_us, callable_us,
                burst_us, entered_us, pressed_us; /* a press is to be heard by then; 0: none */
        uint64_t arrive_us, max_us;               /* owner on site, anybody on site, at the latest */
        uint64_t level_us;                        /* a request: the end of this level's limit */
        uint64_t delay[TIERS_MAX], loop_us;
        uint32_t roles[TIERS_MAX], round, burst;
        bool present[TIERS_MAX], slow, jumped, human, resync, dirty, owned, may_hand;
        uint8_t state, tier, class, priority;
} Watch;

typedef struct Message {
        uint64_t incident, seq;
        uint32_t worker;
        uint8_t channel;
} Message;

static Watch *watches;
static uint64_t top, started_us, last_boot;

static Message called[RING_MAX], reported[RING_MAX], rows[RING_MAX];
static uint64_t n_called, n_reported, n_rows;
static Message owed[OWED_MAX]; /* told to somebody who is on it: to be sent when it is on the disk */
static uint32_t n_owed;
static StateRow row;
static RecipientView told[RECIPIENTS_MAX]; /* of the incident that is judged */

void invariants_begin(void)
{
        if (!watches)
                watches = calloc(INCIDENTS_MAX, sizeof(Watch));
        ASSERT(watches);
        memset(watches, 0, (top + 1) * sizeof(Watch));
        requests_begin();
        top = n_called = n_reported = n_rows = n_owed = started_us = last_boot = 0;
}

static bool is_open(uint8_t state)
{
        return state == STATE_ALERTING || state == STATE_ACCEPTED || state == STATE_ON_SCENE;
}

static void remember(Message *ring, uint64_t *n, Message m)
{
        ring[(*n)++ % RING_MAX] = m;
}

/* Newest first; `exact`: this message, else it or a later one to the same person. */
static bool remembers(const Message *ring, uint64_t n, const Message *m, bool exact)
{
        for (uint64_t i = n; i-- > 0 && n - i <= RING_MAX;) {
                const Message *r = &ring[i % RING_MAX];

                if (r->incident == m->incident && r->worker == m->worker && r->channel == m->channel &&
                        (exact ? r->seq == m->seq : r->seq >= m->seq))
                        return true;
        }
        return false;
}

/* The plan as the watch knows it */

static void plan_take(Watch *w, Class class, bool merge)
{
        const ClassPolicy *p = &sim_policy.classes[class];

        for (unsigned k = 0; k < TIERS_MAX; k++) {
                const Tier *t = &p->tiers[k];

                if (!merge)
                        w->present[k] = false, w->roles[k] = 0;
                if (!t->present)
                        continue;
                if (!w->present[k] || t->delay_us < w->delay[k])
                        w->delay[k] = t->delay_us;
                w->roles[k] |= t->roles;
                w->present[k] = true;
        }
        if (!merge || !w->loop_us || (p->loop_us && p->loop_us < w->loop_us))
                w->loop_us = p->loop_us;
        if (class == CLASS_SYSTEM && w->loop_us < 30 * USEC_PER_MIN)
                w->loop_us =
                        30 *
                        USEC_PER_MIN; /* a gap in the roster is no P2, and nothing here says which it is */
        w->class = (uint8_t) class;
}

static unsigned tier_after(const Watch *w, unsigned tier)
{
        for (unsigned k = tier + 1; k <= TIERS_MAX; k++)
                if (w->present[k - 1])
                        return k;
        return 0;
}

/* Cancelled by the resident: three times as long, at most what a priority 2 takes. */
static uint64_t slow_delay(const Watch *w, unsigned tier)
{
        const Tier *p2 = &sim_policy.classes[CLASS_FALL].tiers[tier - 1];
        uint64_t own = w->delay[tier - 1], slow = 3 * own;

        if (p2->present && p2->delay_us < slow)
                slow = p2->delay_us;
        return slow > own ? slow : own;
}

/* From entering a tier to the step that must follow. */
static uint64_t distance(const Watch *w, unsigned tier)
{
        unsigned next = tier_after(w, tier);
        uint64_t from, to;

        if (!next || tier < 1)
                return w->loop_us;
        from = w->slow ? slow_delay(w, tier) : w->delay[tier - 1];
        to = w->slow ? slow_delay(w, next) : w->delay[next - 1];
        return to > from ? to - from : 0;
}

/* Acceptance and opening: until when somebody must be there. */
static void expect_arrival(Watch *w)
{
        uint64_t most = sim_policy.classes[w->class].arrive_by_us;

        w->arrive_us = most ? world.now_us + most : NONE_DUE;
}

static void expect_anybody(Watch *w)
{
        uint64_t most = sim_policy.classes[w->class].arrive_max_us;

        w->max_us = most ? world.now_us + most : NONE_DUE;
}

static void expect_step(Watch *w, uint64_t from_us)
{
        w->entered_us = from_us;
        w->deadline_us = from_us + distance(w, w->tier);
        if (w->priority >= 4 && !tier_after(w, w->tier))
                w->deadline_us = NONE_DUE; /* the loop of P4 and P5 waits for the morning */
}

/* Rows, one kind at a time */

static void opened(Watch *w, const JournalRow *j, bool again)
{
        w->state = STATE_ALERTING;
        w->priority = j->priority;
        w->round = j->round;
        w->tier = j->tier ? j->tier : 1;
        w->since_us = world.now_us;
        w->slow = w->human = w->owned = false;
        w->pressed_us = 0;
        w->jumped = true;
        if (!again) {
                plan_take(w, (Class)j->class, false);
                w->tier = (uint8_t)tier_after(w, 0);
                w->called_us = world.now_us;
        }
        expect_step(w, world.now_us);
        expect_anybody(w);
}

static bool all_tiers(uint8_t reason)
{
        return reason == REASON_FIRE119 || reason == REASON_ARRIVE_MAX;
}

static void tier_reached(Watch *w, const JournalRow *j)
{
        uint64_t from = world.now_us;

        if (w->state != STATE_ALERTING || w->resync)
                return; /* a backup's ladder is no tier of the incident */
        CHECKED("I3, I7: a tier never falls within a round, and none is skipped");
        if (j->round == w->round && j->tier < w->tier)
                broken("I3: a tier never falls within a round", "incident %" PRIu64 ": %u after %u", w->id,
                        j->tier, w->tier);
        for (unsigned k = w->tier + 1u; k < j->tier; k++)
                if (w->present[k - 1] && !w->jumped && !all_tiers(j->reason))
                        broken("I7: no tier is skipped", "incident %" PRIu64 ": tier %u after %u", w->id,
                                j->tier, w->tier);
        if (j->reason == REASON_TIER && w->deadline_us < from)
                from = w->deadline_us; /* counted from when it was due */
        w->tier = j->tier;
        expect_step(w, from);
}

static void accepted(Watch *w, const JournalRow *j)
{
        const Worker *who = registry_worker(sim_registry, j->worker);

        CHECKED("only a human who answers for it stops the ladder, and nobody takes what somebody owns");
        if (!j->worker)
                broken("only a human stops the ladder", "incident %" PRIu64, w->id);
        if (!who || !(role_rights(who->role) & RIGHT_ACCEPT))
                broken("only who answers for it takes it", "incident %" PRIu64 " by %u", w->id, j->worker);
        if (w->owned && !w->resync && !w->may_hand && j->reason != REASON_ASSIGNED)
                broken("nobody takes a matter that somebody else owns", "incident %" PRIu64 " by %u", w->id,
                        j->worker);
        w->owned = true;
        if (w->state == STATE_ALERTING || j->reason == REASON_ASSIGNED)
                w->state = STATE_ACCEPTED;
        w->deadline_us = NONE_DUE;
        expect_arrival(w);
}

static void resumed(Watch *w, const JournalRow *j)
{
        w->state = STATE_ALERTING;
        w->owned = false;
        w->since_us = w->called_us = world.now_us;
        w->tier = j->tier;
        w->jumped = true;
        expect_step(w, world.now_us);
}

/* A request is at no level for longer than its limit and what it was allowed to wait, whoever has it. */
static void level_limited(Watch *w)
{
        w->level_us = tier_after(w, w->tier) ? world.now_us + distance(w, w->tier) : NONE_DUE;
}

static void judge_level(const Watch *w, const IncidentView *v)
{
        if (v->request == REQUEST_STATE_NONE || v->state == STATE_RESOLVED || world.clocks_wrong)
                return;
        CHECKED("a request is at no level for longer than its limit");
        if (!v->due_us)
                broken("I2: every open incident has the timers of its state", "request %" PRIu64, w->id);
        if (w->level_us != NONE_DUE && world.now_us > w->level_us + SLACK_US)
                broken("a request is at no level for longer than its limit",
                        "incident %" PRIu64 " at level %u", w->id, v->tier);
}

static void closed(Watch *w, const JournalRow *j)
{
        bool named = (j->reason == REASON_AREA && (w->class == CLASS_FAULT || w->class == CLASS_BATTERY)) ||
                     ((j->reason == REASON_TEST || j->reason == REASON_NOT_ACCEPTED) && j->worker);
        IncidentView v;

        CHECKED("I4: closed only by a human or a named rule, and not while it burns");
        if (engine_view_numbers(daemon_engine(), w->id, clock_now(), &v) && v.group == GROUP_FIRE &&
                v.condition == CONDITION_ACTIVE)
                broken("what still burns is not closed", "incident %" PRIu64, w->id);
        if (!w->resync && !named && (w->state != STATE_RESOLVED || !w->human))
                broken("I4: closed only by a human or a named rule", "incident %" PRIu64, w->id);
        w->state = STATE_CLOSED;
        w->deadline_us = NONE_DUE;
}

static void upgraded(Watch *w, const JournalRow *j)
{
        unsigned next = tier_after(w, w->tier);
        uint64_t due = w->deadline_us;

        plan_take(w, (Class)j->class, true);
        w->priority = j->priority;
        w->slow = false;
        if (w->state == STATE_ALERTING || w->state == STATE_ACCEPTED)
                expect_anybody(w);
        next = tier_after(w, w->tier);
        if (w->state != STATE_ALERTING)
                return;
        if (next && w->delay[next - 1] && world.now_us + w->delay[next - 1] < due)
                due = world.now_us + w->delay[next - 1];
        else if (!next && world.now_us + w->loop_us < due)
                due = world.now_us + w->loop_us;
        else if (due == NONE_DUE)
                due = world.now_us + (next ? w->delay[next - 1] : w->loop_us);
        w->deadline_us = due;
}

static void resolved(Watch *w, const JournalRow *j)
{
        const Worker *who = registry_worker(sim_registry, j->worker);

        if (!who || !(role_rights(who->role) & RIGHT_RESOLVE))
                broken("only who may says that it is over", "incident %" PRIu64 " by %u", w->id, j->worker);
        w->state = STATE_RESOLVED;
        w->human = true;
        w->owned = w->may_hand = false;
        w->deadline_us = w->max_us = NONE_DUE;
        w->pressed_us = 0;
}

/* By the resident: less of a hurry, never none. */
static void cancelled(Watch *w)
{
        uint64_t due;

        if (w->state != STATE_ALERTING || w->deadline_us == NONE_DUE)
                return;
        w->slow = true;
        due = w->entered_us + distance(w, w->tier);
        if (due > w->deadline_us)
                w->deadline_us = due;
}

static void hurries(Watch *w)
{
        if (!w->slow)
                return;
        w->slow = false;
        if (w->deadline_us != NONE_DUE && w->entered_us + distance(w, w->tier) < w->deadline_us)
                w->deadline_us = w->entered_us + distance(w, w->tier);
}

/* From a button that numbers its presses. */
static bool is_press(const JournalRow *j)
{
        return j->kind == JOURNAL_EVENT && j->event && j->event->type == EVENT_ALARM &&
               j->event->alarm.kind == ALARM_SOS && j->event->id[0] && !j->event->retained;
}

static void step(Watch *w, const JournalRow *j)
{
        switch ((int)j->kind) {
        case JOURNAL_OPENED:
                opened(w, j, false);
                level_limited(w);
                return;
        case JOURNAL_REOPENED:
                opened(w, j, true);
                level_limited(w);
                return;
        case JOURNAL_TIER:
                tier_reached(w, j);
                level_limited(w);
                return;
        case JOURNAL_WAITING:
                if (j->on && w->level_us != NONE_DUE)
                        w->level_us += j->event->action.span_us;
                return;
        case JOURNAL_LOOP:
                if (w->state != STATE_ALERTING)
                        return;
                w->round = j->round;
                w->tier = j->tier;
                w->entered_us = world.now_us; /* what was slow is over: nothing is left to hurry */
                w->deadline_us = w->priority >= 4 ? NONE_DUE : world.now_us + w->loop_us;
                return;
        case JOURNAL_ACCEPTED: accepted(w, j); return;
        case JOURNAL_ARRIVED:
                if (j->state != STATE_ON_SCENE)
                        return; /* a helper, who was there first */
                w->deadline_us = w->max_us = NONE_DUE;
                w->owned = true;
                w->state = STATE_ON_SCENE;
                return;
        case JOURNAL_RESUMED: resumed(w, j); return;
        case JOURNAL_RESOLVED: resolved(w, j); return;
        case JOURNAL_CLOSED: closed(w, j); return;
        case JOURNAL_CANCEL: cancelled(w); return;
        case JOURNAL_PRESSED: hurries(w); return;
        case JOURNAL_HANDOVER:
        case JOURNAL_RELEASED: w->may_hand = true; return;
        case JOURNAL_EXTENDED: w->arrive_us += sim_policy.classes[w->class].arrive_by_us / 2; return;
        case JOURNAL_ARRIVE_MAX: w->max_us = NONE_DUE; return;
        case JOURNAL_UPGRADED: upgraded(w, j); return;
        case JOURNAL_NOTIFIED:
                w->called_us = world.now_us;
                w->pressed_us = 0;
                return;
        }
}

static void owe(const Effect *e)
{
        const Message m = {.incident = e->incident,
                .seq = e->seq,
                .worker = e->journal.worker,
                .channel = e->journal.channel};

        if (m.worker && n_owed < OWED_MAX && !remembers(called, n_called, &m, true))
                owed[n_owed++] = m;
}

/* What any row must be */
static void judge(const Effect *e)
{
        const JournalRow *j = &e->journal;

        CHECKED("I1: every stored event is in an incident or has a named rule; what is late says so");
        if (j->kind == JOURNAL_EVENT && !e->incident && j->reason == REASON_NONE)
                broken("I1: every stored event is in an incident or has a named rule", "row %" PRIu64,
                        e->seq);
        if (j->due_wall_us && clock_now().wall_us - j->due_wall_us > 6 * (int64_t)USEC_PER_SEC && !j->late)
                broken("what is applied after its time says so", "row %" PRIu64 " of incident %" PRIu64,
                        e->seq, e->incident);
}

static Watch *watch_of(uint64_t incident)
{
        if (incident >= INCIDENTS_MAX)
                return NULL;
        if (incident > top)
                top = incident;
        watches[incident].id = incident;
        return &watches[incident];
}

void watch_row(const Effect *e)
{
        Watch *w = e->incident ? watch_of(e->incident) : NULL;

        judge(e);
        if (!w)
                return;
        CHECKED("I11: no step happens in zero time again and again");
        if (e->journal.kind == JOURNAL_NOTIFIED && e->journal.state != STATE_ALERTING)
                owe(e);
        if (e->journal.kind == JOURNAL_NOTIFIED)
                remember(rows, &n_rows,
                        (Message){.incident = e->incident,
                                .seq = e->journal.state == STATE_ALERTING ? e->seq : 0,
                                .worker = e->journal.worker,
                                .channel = e->journal.channel});
        else if (w->burst_us != world.now_us)
                w->burst_us = world.now_us, w->burst = 0;
        else if (++w->burst > BURST_MAX)
                broken("I11: no step happens in zero time again and again", "incident %" PRIu64, w->id);
        requests_row(e);
        w->last_seq = e->seq;
        w->dirty = true;
        if (is_press(&e->journal) && w->state == STATE_ALERTING && !w->pressed_us) {
                w->pressed_us = w->called_us + PRESS_GAP_US;
                if (w->pressed_us < world.now_us)
                        w->pressed_us = world.now_us;
        }
        if (e->journal.kind == JOURNAL_OPENED || e->journal.kind == JOURNAL_REOPENED ||
                e->journal.kind == JOURNAL_RESUMED || e->journal.kind == JOURNAL_LOOP)
                w->mark_seq = e->seq, w->mark_us = w->tier_us = world.now_us;
        if (e->journal.kind == JOURNAL_TIER)
                w->tier_us = world.now_us;
        step(w, &e->journal);
}

/* Messages */

static void judge_calming(const PortAlert *a)
{
        bool there = disk_state(a->incident, &row), taken, done, over = !a->json;

        if (daemon_degraded() || world.unsure || a->channel == CHANNEL_EXEC)
                return;
        CHECKED("others are stood down, and alerts cleared, only when the disk says so");
        if (over && there && is_open(row.state))
                broken("an alert is cleared only when the disk says that it is over", "incident %" PRIu64,
                        a->incident);
        if (over)
                return;
        taken = strstr(a->json, "\"needs\":\"\"") != NULL &&
                strstr(a->json, "\"state\":\"alerting\"") == NULL;
        done = there && row.group == GROUP_REQUEST && row.state == STATE_RESOLVED;
        if (taken && !done && (!there || !row.owner))
                broken("others are stood down only when the acceptance is on the disk", "incident %" PRIu64,
                        a->incident);
}

/* Whoever is called while somebody else has it is asked to come, too. */
static void judge_asked(const PortAlert *a)
{
        IncidentView v;
        uint32_t people;

        if (!a->raise || !a->json || a->channel >= CHANNEL_EXEC || !strstr(a->json, "\"needs\":\"\"") ||
                !engine_view_numbers(daemon_engine(), a->incident, clock_now(), &v) || !v.backup_seq ||
                a->seq < v.backup_seq)
                return;
        CHECKED("whoever is called as backup is asked to come");
        people = engine_recipients(daemon_engine(), a->incident, told);
        for (uint32_t n = 0; n < people; n++)
                if (told[n].worker == a->worker && told[n].declined)
                        return;
        broken("whoever is called as backup is asked to come", "incident %" PRIu64 ": %s", a->incident,
                a->worker_code);
}

void watch_call(const PortAlert *a, bool taken)
{
        const Message m = {
                .incident = a->incident, .seq = a->seq, .worker = a->worker, .channel = (uint8_t)a->channel};

        if (a->raise)
                remember(called, &n_called, m);
        for (uint32_t i = 0; i < n_owed; i++)
                if (a->raise && owed[i].incident == a->incident && owed[i].worker == a->worker &&
                        owed[i].channel == m.channel && owed[i].seq <= a->seq)
                        owed[i--] = owed[--n_owed];
        judge_calming(a);
        judge_asked(a);
}

/* After the store has told what is durable. */
void watch_store(void)
{
        IncidentView v;

        if (!world.broker_up || world.unsure)
                n_owed = 0; /* it comes with the connection */
        for (uint32_t i = 0; i < n_owed; i++) {
                const Message *m = &owed[i];

                if (m->seq > disk_last_seq() || watches[m->incident].last_seq > disk_last_seq() ||
                        daemon_degraded())
                        continue;
                CHECKED("whoever is told something is called when it is recorded");
                if (engine_view_numbers(daemon_engine(), m->incident, clock_now(), &v) &&
                        (v.state == STATE_ACCEPTED || v.state == STATE_ON_SCENE))
                        broken("whoever is told something is called when it is recorded",
                                "incident %" PRIu64 " row %" PRIu64, m->incident, m->seq);
                owed[i--] = owed[--n_owed];
        }
}

/* Still, at the end of the step: what was taken or closed in the same step calls nobody. */
static bool asks_for_help(uint64_t incident)
{
        IncidentView v;

        return engine_view_numbers(daemon_engine(), incident, clock_now(), &v) && v.state == STATE_ALERTING;
}

void watch_submit(void)
{
        for (uint64_t i = 0; i < n_rows && i < RING_MAX; i++)
                if (rows[i].seq && !remembers(called, n_called, &rows[i], true) &&
                        asks_for_help(rows[i].incident))
                        broken("what raises help leaves before the disk is touched",
                                "row %" PRIu64 " of incident %" PRIu64, rows[i].seq, rows[i].incident);
        CHECKED("what raises help leaves before the disk is touched");
        n_rows = 0;
}

void watch_receipt(const PortReceipt *r)
{
        CHECKED("I8: a receipt implies a row that survives");
        if (r->seq > disk_last_seq())
                broken("I8: a receipt implies a row that survives", "receipt %" PRIu64 ", disk %" PRIu64,
                        r->seq, disk_last_seq());
        if (r->event_id[0] && !disk_has_event(r->event_id))
                broken("I8: a receipt implies a row that survives", "%s of %s is not on the disk",
                        r->event_id, r->device);
}

void watch_reply(const char *json)
{
        CHECKED("I9: no action is confirmed without its row");
        if (strstr(json, "\"recorded\":false")) {
                if (!daemon_degraded())
                        broken("I9: no action is confirmed without its row", "%s, and the disk is well",
                                json);
                return;
        }
        if (number_in(json, "\"seq\":") > disk_last_seq())
                broken("I9: no action is confirmed without its row", "%s, disk %" PRIu64, json,
                        disk_last_seq());
}

void watch_lamp(const char *device, uint64_t incident, Lamp lamp)
{
        if (world.unsure)
                return;
        CHECKED("the lamp is lit only when it is true");
        if (!disk_state(incident, &row))
                broken("the lamp is lit only when it is true", "%s %s", device, lamp_word(lamp));
        if (is_open(row.state) && ((lamp == LAMP_ACCEPTED || lamp == LAMP_ARRIVED) && !row.accepted_us) &&
                row.state == STATE_ALERTING && watches[incident].last_seq <= disk_last_seq())
                broken("the lamp is lit only when it is true", "%s %s", device, lamp_word(lamp));
}

void watch_sent(uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq)
{
        remember(reported, &n_reported,
                (Message){.incident = incident, .seq = seq, .worker = worker, .channel = channel});
}

void watch_drop(uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq)
{
        const Message m = {.incident = incident, .seq = seq, .worker = worker, .channel = channel};
        IncidentView v;

        CHECKED("a message that waits is kept until a channel has taken it");
        if (!world.alive || remembers(reported, n_reported, &m, false) ||
                remembers(called, n_called, &m, false))
                return;
        if (engine_view_numbers(daemon_engine(), incident, clock_now(), &v) && is_open((uint8_t)v.state))
                broken("a message that waits is kept until a channel has taken it",
                        "incident %" PRIu64 " row %" PRIu64, incident, seq);
}

void watch_committed(uint64_t seq, uint64_t before)
{
        ASSERT(seq >= before);
        CHECKED("I5: the journal is contiguous");
}

/* After each turn */

/* Asked of the engine once after each turn, for everybody it is asked about. */
static uint32_t on_known, on_duty;

static bool is_on(uint32_t worker, Now now)
{
        uint32_t bit = 1u << worker;

        ASSERT(worker < 32);
        if (!(on_known & bit)) {
                on_known |= bit;
                on_duty = engine_worker_on(daemon_engine(), worker, now) ? on_duty | bit : on_duty & ~bit;
        }
        return on_duty & bit;
}

static bool newest_can_be_called(const Watch *w, const IncidentView *v, Now now)
{
        uint32_t people = engine_recipients(daemon_engine(), w->id, told);

        for (uint32_t n = 0; n < people; n++) {
                const RecipientView *r = &told[n];

                if (r->worker && r->tier == v->tier && !r->declined && !r->owner && is_on(r->worker, now))
                        return true;
        }
        return false;
}

/* SEMANTICS.md section 4, Auditor: from the moment at which somebody can be called. */
static void judge_rate(Watch *w, const IncidentView *v, bool callable)
{
        const ClassPolicy *p = &sim_policy.classes[w->class];
        uint64_t from = w->called_us > started_us ? w->called_us : started_us;

        if (v->priority != 1 || !p->renotify_us)
                return;
        CHECKED("each P1 that nobody has is called at its rate");
        if (!callable)
                w->callable_us = 0;
        else if (!w->callable_us)
                w->callable_us = world.now_us;
        if (w->callable_us > from)
                from = w->callable_us;
        if (w->callable_us && world.now_us > from + p->renotify_us + 5 * USEC_PER_SEC)
                broken("each P1 that nobody has is called at its rate",
                        "incident %" PRIu64 ", last call %" PRIu64 " s ago", w->id,
                        (uint64_t)((world.now_us - from) / USEC_PER_SEC));
}

static void judge_tiers(const Watch *w, const IncidentView *v, Now now)
{
        /* Called again at the step itself; whoever comes on duty later and has had his call waits for the next. */
        uint64_t since = w->mark_us == world.now_us ? w->mark_seq : 0;
        uint32_t people = engine_recipients(daemon_engine(), w->id, told);
        bool called_up[PEOPLE_MAX + 1] = {false};

        for (uint32_t n = 0; n < people; n++) {
                const RecipientView *r = &told[n];

                if (r->worker <= PEOPLE_MAX && (r->seq > since || r->declined || r->owner))
                        called_up[r->worker] = true;
        }
        CHECKED("I7: by D[k] everybody of the tiers up to k has been called");
        for (uint32_t id = 1; id < sim_registry->n_workers; id++) {
                const Worker *who = registry_worker(sim_registry, id);
                bool wanted = false;

                for (unsigned k = 1; who && k <= v->tier; k++)
                        wanted = wanted || (w->present[k - 1] && (w->roles[k - 1] & 1u << who->role) &&
                                                   !(v->unknown_source && k == tier_after(w, 0)));
                if (wanted && !called_up[id] && id != v->owner && is_on(id, now) &&
                        roster_covers(sim_registry, who, v->grid, v->dwelling, v->resident))
                        broken("I7: by D[k] everybody of the tiers up to k has been called",
                                "incident %" PRIu64 " tier %u: %s", w->id, v->tier, who->code);
        }
}

static uint64_t human_limit(const IncidentView *v)
{
        return v->priority <= 2   ? 40 * USEC_PER_MIN
               : v->priority == 3 ? 3 * USEC_PER_HOUR
                                  : 30 * USEC_PER_HOUR;
}

static void judge_human(const Watch *w, const IncidentView *v)
{
        uint64_t from = w->since_us > world.calm_us ? w->since_us : world.calm_us;

        if (started_us > from)
                from = started_us;
        if (!world.calm)
                return;
        CHECKED("I12: when faults end, every open incident reaches a human within its class's limits");
        if (world.now_us > from + human_limit(v))
                broken("I12: when faults end, every open incident reaches a human within its class's limits",
                        "incident %" PRIu64 " of class %s since %" PRIu64 " s", w->id, class_word(v->class),
                        (uint64_t)((world.now_us - from) / USEC_PER_SEC));
}

static void judge_press(const Watch *w, bool callable)
{
        CHECKED("who presses again is heard again");
        if (w->pressed_us && world.now_us > w->pressed_us + SLACK_US && started_us < w->pressed_us &&
                callable)
                broken("who presses again is heard again", "incident %" PRIu64, w->id);
}

static void judge_promises(const Watch *w, const IncidentView *v)
{
        CHECKED("an owner who does not come is not waited for; nobody there in the longest time: everybody");
        if (v->state == STATE_ACCEPTED && w->arrive_us != NONE_DUE && world.now_us > w->arrive_us + SLACK_US)
                broken("an owner who does not come is not waited for", "incident %" PRIu64, w->id);
        if (v->state != STATE_ON_SCENE && v->state != STATE_RESOLVED && w->max_us != NONE_DUE &&
                world.now_us > w->max_us + SLACK_US)
                broken("nobody there in the longest time: everybody is called", "incident %" PRIu64, w->id);
}

static void judge_alerting(Watch *w, const IncidentView *v, Now now)
{
        bool callable;

        if (v->round == w->round && v->tier < w->tier && !w->jumped)
                broken("I3: a tier never falls within a round", "incident %" PRIu64 ": %u after %u", w->id,
                        v->tier, w->tier);
        if (v->tier > w->tier) {
                w->tier = v->tier;
                if (w->jumped) /* begun with several tiers at once */
                        expect_step(w, world.now_us);
        }
        w->jumped = false;
        CHECKED("I7, I10: by D[k] all tiers up to k have been attempted, whatever the clock does");
        if (w->deadline_us != NONE_DUE && world.now_us > w->deadline_us + SLACK_US)
                broken(world.clocks_wrong ? "I10: a clock that jumps delays no step"
                                          : "I7: by D[k] all tiers up to k have been attempted",
                        "incident %" PRIu64 " (%s) at tier %u, round %u: %" PRIu64 " s late", w->id,
                        class_word((Class)w->class), v->tier, v->round,
                        (uint64_t)((world.now_us - w->deadline_us) / USEC_PER_SEC));
        callable = (v->priority == 1 || w->pressed_us) && newest_can_be_called(w, v, now);
        judge_rate(w, v, callable);
        judge_press(w, callable);
        judge_human(w, v);
        if (w->dirty && v->priority <= 3 && w->tier_us == world.now_us) /* P4 and P5 wait for the day */
                judge_tiers(w, v, now);
        w->dirty = false;
}

/* What was not on the disk when the daemon died did not happen; the devices and people say it again. */
static void resync(Watch *w, const IncidentView *v)
{
        requests_forget(w->id);
        w->resync = false;
        w->state = (uint8_t)v->state;
        w->tier = v->tier;
        w->round = v->round;
        w->priority = v->priority;
        w->owned = v->owner != 0;
        w->human = v->state == STATE_RESOLVED;
        w->since_us = world.now_us;
        w->called_us = world.now_us; /* a database that was away gives it back only now */
        w->slow = v->cancel_req;
        w->mark_seq = 0;
        w->pressed_us = 0;
        w->may_hand = true; /* it may have been said in a row that is lost */
        plan_take(w, v->class, true);
        expect_arrival(w);
        w->max_us = NONE_DUE; /* it may have been and gone */
        w->arrive_us += (w->arrive_us - world.now_us) / 2;
        w->deadline_us = w->level_us = NONE_DUE;
        if (v->state == STATE_ALERTING) {
                uint64_t most = w->loop_us;

                for (unsigned k = 1; k <= TIERS_MAX; k++) {
                        uint64_t delay = w->slow ? slow_delay(w, k) : w->delay[k - 1];

                        if (w->present[k - 1] && delay > most)
                                most = delay;
                }
                w->entered_us = world.now_us;
                w->deadline_us = w->priority >= 4 ? NONE_DUE : world.now_us + most;
        }
}

void watch_turn(void)
{
        Now now = clock_now();
        IncidentView v;

        on_known = 0;
        for (uint64_t id = engine_next_held(daemon_engine(), 0); id;
                id = engine_next_held(daemon_engine(), id)) {
                Watch *w = watch_of(id);

                ASSERT(engine_view_numbers(daemon_engine(), id, now, &v));
                if (!w)
                        continue;
                if (w->resync || !w->state)
                        resync(w, &v);
                CHECKED("I1, I2: every step has its row, every open incident the timers of its state");
                if (v.state == STATE_ALERTING && !v.next_tier_us)
                        broken("I2: every open incident has the timers of its state", "incident %" PRIu64,
                                id);
                if (w->state != v.state)
                        broken("I1: every step has its row", "incident %" PRIu64 " is %s, its rows say %s",
                                id, state_word(v.state), state_word((State)w->state));
                judge_promises(w, &v);
                judge_level(w, &v);
                requests_turn(id, &v);
                if (v.state == STATE_ALERTING)
                        judge_alerting(w, &v, now);
        }
}

/* Restored, before its first turn. */
void watch_start(void)
{
        bool other_boot = world.boot != last_boot;
        IncidentView v;

        started_us = world.now_us;
        last_boot = world.boot;
        for (uint64_t id = 1; id <= top; id++) {
                Watch *w = &watches[id];
                bool there;

                if (!w->state || (w->state == STATE_CLOSED && w->last_seq <= disk_last_seq()))
                        continue;
                there = engine_view_numbers(daemon_engine(), id, clock_now(), &v);
                if (w->last_seq > disk_last_seq() || world.unsure || (other_boot && world.clocks_wrong))
                        w->resync = true;
                else if (!there)
                        broken("I6: a restart loses no incident", "incident %" PRIu64 " was %s", id,
                                state_word((State)w->state));
                if (there && w->resync)
                        resync(w, &v);
                else if (!there && !world.unsure)
                        requests_forget(id),
                                memset(w, 0, sizeof(*w)); /* it never was: its number may be given again */
        }
        CHECKED("I6: a restart loses no incident");
}

/* What the database has lost is gone, and nobody waits for it any more; what lives is on the disk again. */
void watch_whole(void)
{
        IncidentView v;

        for (uint64_t id = 1; id <= top; id++)
                if (watches[id].state && !engine_view_numbers(daemon_engine(), id, clock_now(), &v)) {
                        requests_forget(id);
                        memset(&watches[id], 0, sizeof(Watch));
                }
}

void watch_death(void)
{
        n_rows = n_owed = 0;
}
