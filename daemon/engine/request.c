/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everyday requests (民呼必应, SEMANTICS.md section 9): the same incident, timers and people, another life.
 *
 *   OPEN ──assign, accept──▶ ASSIGNED ──start──▶ IN_PROGRESS ──done──▶ DONE ──rate 3 … 5──▶ RATED
 *    ▲ │                        │ release,           │                  │
 *    │ └─ not accepted (why)    │ limit, escalate    │                  │ rate 1, 2: one level up
 *    │    ▶ NOT_ACCEPTED        ▼                    ▼                  │ reopen: the same level
 *    └──────────────────────────────────────────────────────────────────┘
 *
 * In the engine's words OPEN is ALERTING, ASSIGNED is ACCEPTED, IN_PROGRESS is ON_SCENE, DONE is RESOLVED. The tiers are
 * the levels that answer for it: community, street, district; the distance between two is the limit of the lower.
 *
 * What always holds: an open request has LEVEL armed, and when it is due, the next level is called and somebody there
 * must take it, whoever had it; at the last one it is reminded for ever. OPEN has besides the time (working hours) in
 * which somebody must have it. Waiting moves the level's limit by what was asked for, needs evidence, has a limit in total,
 * and ends by a timer of its own. DONE is not the end: the resident is asked, and only a person closes. Nothing of this
 * calls anybody at night (notice.c), and nobody being on duty now is no reason to go up: a desk comes back in the morning.
 *
 * Whatever people write (text, evidence, reasons) stands in the journal and nowhere else; here it only has to be there.
 */
#include "base/str.h"
#include "engine/calendar.h"
#include "engine/internal.h"

#include <string.h>

#define SATISFIED        3                              /* of 5; below, it is opened again */
#define REQUEST_PRESS_US ((int64_t)(10 * USEC_PER_MIN)) /* between two calls because of presses */

RequestState request_state(const Incident *in)
{
        if (!is_request(in))
                return REQUEST_STATE_NONE;
        switch ((State)in->state) {
        case STATE_ALERTING: return REQUEST_STATE_OPEN;
        case STATE_ACCEPTED: return is_waiting(in) ? REQUEST_STATE_WAITING : REQUEST_STATE_ASSIGNED;
        case STATE_ON_SCENE: return is_waiting(in) ? REQUEST_STATE_WAITING : REQUEST_STATE_IN_PROGRESS;
        case STATE_RESOLVED: return REQUEST_STATE_DONE;
        case STATE_CLOSED:
        case STATE_NONE:
        case STATE_MAX: break;
        }
        return str_equal(in->outcome, reason_word(REASON_NOT_ACCEPTED)) ? REQUEST_STATE_NOT_ACCEPTED
                                                                        : REQUEST_STATE_RATED;
}

/* Limits */

/* A limit that begins at `at`, as CLOCK_BOOTTIME. */
static int64_t limit_end(const Engine *e, int64_t at, uint64_t span_us, bool working, bool whole_days)
{
        Now then = e->now;

        ASSERT(at != NEVER);
        then.wall_us = now_wall_of(e, at);
        if (!working ||
                span_us > CALENDAR_DAYS_MAX * USEC_PER_DAY) /* a plan of a row that says more is damaged */
                return at + (int64_t)span_us;
        return at + calendar_after(e->registry, &e->policy.requests.hours, then, span_us, whole_days) -
               then.wall_us;
}

static int64_t level_end(const Engine *e, const Incident *in, int64_t at)
{
        return limit_end(
                e, at, (uint64_t)ladder_distance(in, in->tier), e->policy.requests.working_days, true);
}

static int64_t assign_end(const Engine *e, const Incident *in, int64_t at)
{
        const RequestPolicy *p = &e->policy.requests;

        return p->assign_us ? limit_end(e, at, p->assign_us, true, false) : in->due[TIMER_LEVEL];
}

/* As the plan of any other, but for what a request has of its own: nobody hurries to a scene. */
void request_snapshot(const Engine *e, Incident *in)
{
        uint64_t call_back = e->policy.requests.call_back_us;

        ASSERT(is_request(in));
        in->plan.receipt_us = in->plan.arrive_by_us = in->plan.handle_by_us = in->plan.arrive_max_us = 0;
        in->plan.reopen_us = call_back ? call_back : USEC_PER_DAY;
}

/* Levels */

static void row_timed(Engine *e, Incident *in, JournalKind kind, int64_t at, Reason reason)
{
        JournalRow *row = emit_timed(e, in, kind, at);

        row->tier = in->tier;
        row->reason = (uint8_t)reason;
}

/* Somebody of the tier is in the registry, on duty or not. */
static bool anybody(const Engine *e, const Incident *in)
{
        for (uint32_t id = 0; (id = roster_near(e->registry, id, in->dwelling, in->resident));) {
                const Worker *w = registry_worker(e->registry, id);

                ASSERT(w);
                if ((role_rights(w->role) & RIGHT_ACCEPT) && people_in_tier(e, in, w, in->tier))
                        return true;
        }
        return false;
}

/* OPEN: somebody must have it by then. */
static void open_arm(Engine *e, Incident *in, int64_t at)
{
        ASSERT(in->state == STATE_ALERTING);
        timer_off(e, in, TIMER_LOOP);
        timer_set(e, in, TIMER_TIER, assign_end(e, in, at));
        timer_set(e, in, TIMER_RENOTIFY,
                in->plan.renotify_us ? ladder_by_day(e, in, e->at + (int64_t)in->plan.renotify_us) : NEVER);
}

/* `silent`: the row of this level stands already. A level without anybody is passed, and that is journaled. */
static void level_enter(Engine *e, Incident *in, uint8_t tier, int64_t at, Reason reason, bool silent)
{
        for (;;) {
                in->tier = in->newest = tier;
                if (!silent)
                        row_timed(e, in, JOURNAL_TIER, at, reason);
                silent = false;
                notice_mark(e, in, PENDING_TIER(tier), reason, at);
                if (anybody(e, in))
                        break;
                row_timed(e, in, JOURNAL_SKIPPED, at, REASON_EMPTY);
                system_raise(e, SYSTEM_ROSTER);
                if (!plan_next(&in->plan, tier))
                        break;
                tier = plan_next(&in->plan, tier);
                reason = REASON_EMPTY;
        }
        in->entered_us = at;
        in->exhausted = false;
        timer_set(e, in, TIMER_LEVEL, level_end(e, in, at));
        open_arm(e, in, at);
        emit_alert(e, in);
}

void request_begin(Engine *e, Incident *in, Reason reason)
{
        ASSERT(is_request(in) && in->state == STATE_ALERTING);
        ASSERT(in->due[TIMER_LEVEL] == NEVER);
        level_enter(e, in, plan_first(&in->plan), e->at, reason, true);
}

/* What is waited for has come, or need not: the level's limit is as if it had been asked for no longer than this. */
static void wait_end(Engine *e, Incident *in)
{
        int64_t rest = is_waiting(in) ? in->due[TIMER_WAIT] - e->at : 0;

        if (rest > 0) {
                in->waited_us -= (uint64_t)rest < in->waited_us ? (uint64_t)rest : in->waited_us;
                timer_set(e, in, TIMER_LEVEL, in->due[TIMER_LEVEL] - rest);
        }
        timer_off(e, in, TIMER_WAIT);
}

/* On each of his channels; nobody is told of one incident who does not fit into it. */
static void part_set(Incident *in, uint32_t worker, uint8_t set, uint8_t clear)
{
        for (unsigned i = 0; i < in->n_recipients; i++) {
                Recipient *r = recipient_at(in, i);

                if (r->worker == worker)
                        r->flags = (uint8_t)((r->flags & ~clear) | set);
        }
}

/* Nobody has it any more; whoever had it stays informed, and may still say that it is done. */
static void give_back(Engine *e, Incident *in, int64_t at, Reason reason)
{
        uint32_t former = in->owner;
        JournalRow *row;

        ASSERT(in->state == STATE_ACCEPTED || in->state == STATE_ON_SCENE);
        wait_end(e, in);
        incident_state(e, in, STATE_ALERTING);
        incident_owner(e, in, 0);
        in->former = former;
        in->successor = 0;
        in->accepted_wall = in->arrived_wall = 0;
        part_set(in, former, TOLD_HELPER, 0);
        row = emit_timed(e, in, JOURNAL_RESUMED, at);
        row->worker = former;
        row->reason = (uint8_t)reason;
}

static void level_up(Engine *e, Incident *in, int64_t at, Reason reason)
{
        uint8_t next = plan_next(&in->plan, in->tier);
        bool late = reason == REASON_LEVEL_LATE || reason == REASON_ASSIGN_LATE, owned = in->owner != 0;

        ASSERT(next && state_open(in->state));
        if (owned)
                give_back(e, in, at, reason);
        in->overdue = in->overdue || late;
        level_enter(e, in, next, at, reason, false);
        if (late)
                notice_mark(e, in, PENDING_DESK, reason, at);
        if (owned)
                notice_mark(e, in, PENDING_FORMER, reason, at);
        emit_lamp(e, in);
}

/* Timers */

/* There is nobody further up: reminded as often as the ladder calls, until it is done. */
static void level_due(Engine *e, Incident *in, int64_t due)
{
        int64_t again = ladder_by_day(e, in, due + (int64_t)in->plan.loop_us);

        if (plan_next(&in->plan, in->tier)) {
                level_up(e, in, due, REASON_LEVEL_LATE);
                return;
        }
        in->overdue = true;
        timer_set(e, in, TIMER_LEVEL,
                again > e->at ? again : ladder_by_day(e, in, e->at + (int64_t)in->plan.loop_us));
        if (in->state == STATE_ALERTING)
                return; /* everybody is called again by the ladder's own loop */
        row_timed(e, in, JOURNAL_REMINDED, due, REASON_LEVEL_LATE);
        notice_mark(e, in, PENDING_OWNER | PENDING_DESK | PENDING_TIER(in->tier), REASON_LEVEL_LATE, due);
}

/* Who asks the resident: the desk, and that of the level at which it was done. */
static uint32_t askers(const Incident *in)
{
        return in->tier > plan_first(&in->plan) ? PENDING_DESK | PENDING_TIER(in->tier) : PENDING_DESK;
}

bool request_timer(Engine *e, Incident *in, Timer t, int64_t due)
{
        int64_t again;

        ASSERT(is_request(in));
        switch ((int)t) {
        case TIMER_TIER:
                if (!plan_next(&in->plan, in->tier))
                        return false; /* the ladder's loop */
                level_up(e, in, due, due == in->due[TIMER_LEVEL] ? REASON_LEVEL_LATE : REASON_ASSIGN_LATE);
                return true;
        case TIMER_LEVEL: level_due(e, in, due); return true;
        case TIMER_WAIT:
                timer_off(e, in, TIMER_WAIT);
                row_timed(e, in, JOURNAL_WAITING, due, REASON_WAIT_OVER);
                notice_mark(e, in, PENDING_OWNER | PENDING_DESK, REASON_WAIT_OVER, due);
                emit_alert(e, in);
                return true;
        case TIMER_REOPEN_UNTIL: /* asked, but not closed: that is for people */
                again = ladder_by_day(e, in, due + (int64_t)in->plan.reopen_us);
                timer_set(e, in, TIMER_REOPEN_UNTIL,
                        again > e->at ? again : ladder_by_day(e, in, e->at + (int64_t)in->plan.reopen_us));
                row_timed(e, in, JOURNAL_REMINDED, due, REASON_CALL_BACK);
                notice_mark(e, in, askers(in), REASON_CALL_BACK, due);
                return true;
        }
        return false;
}

int64_t request_full_time(const Engine *e, const Incident *in, Timer t)
{
        int64_t level = level_end(e, in, e->at) - e->at, day = (int64_t)USEC_PER_DAY;

        ASSERT(is_request(in));
        switch ((int)t) {
        case TIMER_TIER: return e->policy.requests.assign_us ? assign_end(e, in, e->at) - e->at : level;
        case TIMER_LEVEL: return level + (int64_t)in->waited_us + day;
        case TIMER_WAIT: return (int64_t)in->waited_us;
        case TIMER_REOPEN_UNTIL: return (int64_t)in->plan.reopen_us + day;
        }
        return day; /* reminders of the owner */
}

bool request_contradicts(const Incident *in)
{
        bool open = state_open(in->state), level = in->due[TIMER_LEVEL] != NEVER;

        if (!is_request(in))
                return level || is_waiting(in);
        return level != open ||
               (is_waiting(in) && in->state != STATE_ACCEPTED && in->state != STATE_ON_SCENE) ||
               in->rating > 5;
}

/* Presses, and what cannot wait */

void request_press(Engine *e, Incident *in)
{
        uint32_t whom = in->owner ? PENDING_OWNER : ladder_reached(in);
        int64_t due = in->notified_us == NEVER ? e->at : in->notified_us + REQUEST_PRESS_US;

        ASSERT(state_open(in->state));
        in->presses++;
        emit_journal(e, in, JOURNAL_PRESSED)->reason = REASON_PRESSED;
        notice_mark_after(e, in, whom, REASON_PRESSED, due);
        emit_alert(e, in);
}

#define HAN 0x2e80 /* from here on: scripts that are written without spaces */

/* The next character as it is compared: full-width forms are ASCII, letters are small. 0: the end. */
static uint32_t letter(const char **p)
{
        const unsigned char *u = (const unsigned char *)*p;
        unsigned more = u[0] >= 0xf0 ? 3 : u[0] >= 0xe0 ? 2 : u[0] >= 0xc0 ? 1 : 0;
        uint32_t c = more ? u[0] & (0x3fu >> more) : u[0];

        for (unsigned i = 1; i <= more; i++) {
                if ((u[i] & 0xc0) != 0x80) /* no UTF-8: each byte for itself */
                        return (*p)++, u[0];
                c = c << 6 | (u[i] & 0x3fu);
        }
        *p += c ? more + 1 : 0;
        if (c >= 0xff01 && c <= 0xff5e)
                c -= 0xff01 - '!';
        return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static bool is_blank(uint32_t c)
{
        return (c > 0 && c <= ' ') || c == 0xa0 || (c >= 0x2000 && c <= 0x200f) || c == 0x3000 ||
               c == 0xfeff;
}

/* Blanks between two Chinese characters do not matter (救 命); between letters they make other words. */
static bool begins(const char *text, const char *word, const char *end)
{
        uint32_t last = 0;

        while (word < end) {
                uint32_t want = letter(&word), got = letter(&text);

                while (last >= HAN && want >= HAN && is_blank(got))
                        got = letter(&text);
                if (got != want)
                        return false;
                last = want;
        }
        return true;
}

static bool contains(const char *text, const char *word, size_t n)
{
        for (const char *p = text; *p; (void)letter(&p)) /* goes to the next one */
                if (begins(p, word, word + n))
                        return true;
        return false;
}

bool request_urgent(const Engine *e, const char *text)
{
        const char *word = e->policy.requests.urgent;

        ASSERT(text);
        while (*word) {
                size_t n = strcspn(word, " ");

                if (n > 0 && contains(text, word, n))
                        return true;
                word += n + (word[n] == ' ');
        }
        return false;
}

bool request_urgent_event(const Engine *e, const Event *ev)
{
        ASSERT(ev->type == EVENT_ALARM || ev->type == EVENT_ACTION);
        if (ev->whole)
                return request_urgent(e, ev->whole);
        return request_urgent(e, ev->type == EVENT_ALARM ? ev->alarm.text : ev->action.text);
}

void request_link(Engine *e, Incident *sos)
{
        unsigned n = 0;

        ASSERT(sos->group == GROUP_HELP);
        for (Incident *in = place_first(e, sos->dwelling); in && n < COVERS_MAX; in = place_next(e, in))
                if (is_request(in) && state_open(in->state) && in->resident == sos->resident &&
                        in->reason != REASON_EMERGENCY) {
                        in->reason = REASON_EMERGENCY;
                        emit_journal(e, in, JOURNAL_LINKED)->reason = REASON_EMERGENCY;
                        emit_alert(e, in);
                        n++;
                }
}

Incident *request_emergency(Engine *e, const Matter *m)
{
        Matter sos = {.place = m->place,
                .group = GROUP_HELP,
                .class = CLASS_SOS,
                .kind = ALARM_SOS,
                .reason = REASON_EMERGENCY,
                .source = m->source ? m->source : m->event->source,
                .word = alarm_kind_word(ALARM_SOS)};
        Incident *in;
        uint64_t seq;

        ASSERT(m->group == GROUP_REQUEST);
        if (m->quiet) { /* the broker's memory: a call to check, as a press that was kept would be */
                sos.class = CLASS_CHECK;
                sos.reason = REASON_STALE;
                sos.quiet = true;
        }
        if (sos.place.key_type == KEY_REQUEST) {
                sos.place.key_type = KEY_RESIDENT;
                sos.place.key_id = sos.place.resident;
        }
        in = incident_alarm(e, &sos, &seq);
        if (in->presses > 1) /* it was there before */
                request_link(e, in);
        return in;
}

/* People */

static bool supervises(const Act *a)
{
        return can(a, RIGHT_SUPERVISE) && a->entitled;
}

static bool is_mine(const Act *a)
{
        return a->owner || supervises(a);
}

static const Answer done = {REPLY_OK, REASON_NONE};

static void give(Engine *e, const Act *a, uint32_t to, Reason reason)
{
        Incident *in = a->in;
        int64_t left = in->due[TIMER_LEVEL] - e->at;
        JournalRow *row;

        ASSERT(to && state_open(in->state) && left > 0);
        wait_end(e, in);
        in->accept_tier = in->tier;
        incident_state(e, in, STATE_ACCEPTED);
        in->former = in->owner ? in->owner : in->former;
        incident_owner(e, in, to);
        in->successor = 0;
        in->accepted_wall = e->now.wall_us;
        in->arrived_wall = 0;
        timer_set(e, in, TIMER_REMIND, ladder_by_day(e, in, e->at + left / 2));
        row = emit_journal(e, in, JOURNAL_ACCEPTED);
        row->worker = to;
        row->reason = (uint8_t)reason;
        in->reason = (uint8_t)reason;
        if (to != a->worker)
                notice_mark(e, in, PENDING_OWNER, reason, e->at);
        emit_alert(e, in);
        emit_lamp(e, in);
}

static Answer act_accept(Engine *e, const Act *a)
{
        Incident *in = a->in;

        if (!a->entitled && in->successor != a->worker)
                return refused(REASON_NOT_YOURS);
        if (a->action->seq && a->action->seq < in->opening_seq)
                return (Answer){REPLY_STALE, REASON_OLD_ROUND};
        if (a->owner) {
                action_row(e, a, JOURNAL_COMING);
                return done;
        }
        if (!can(a, RIGHT_ACCEPT) || (in->owner && in->successor != a->worker))
                return action_helper(e, a, REASON_HELPER);
        if (in->owner)
                incident_handover(e, in, a->worker, 0); /* and goes on where the other was */
        else
                give(e, a, a->worker, REASON_NONE);
        return done;
}

static Answer act_assign(Engine *e, const Act *a)
{
        uint32_t to = registry_worker_id(e->registry, a->action->to);
        const Worker *w = registry_worker(e->registry, to);

        if (!supervises(a))
                return refused(REASON_NOT_YOURS);
        if (!w)
                return refused(REASON_UNKNOWN_WORKER);
        if (!(role_rights(w->role) & RIGHT_ACCEPT) ||
                !roster_covers(e->registry, w, a->in->grid, a->in->dwelling, a->in->resident))
                return refused(REASON_BAD_REQUEST);
        if (to == a->in->owner)
                return refused(REASON_TWICE);
        a->in->open_words |= a->action->open;
        give(e, a, to, REASON_ASSIGNED);
        return done;
}

/* Also the end of waiting: work goes on. */
static Answer act_start(Engine *e, const Act *a)
{
        Incident *in = a->in;
        bool waiting = is_waiting(in);

        if (in->owner ? !is_mine(a) : !can(a, RIGHT_ACCEPT) || !a->entitled)
                return refused(REASON_NOT_YOURS);
        if (in->state == STATE_ON_SCENE && !waiting)
                return refused(REASON_TWICE);
        if (!in->owner)
                give(e, a, a->worker, REASON_NONE);
        if (waiting) {
                wait_end(e, in);
                action_row(e, a, JOURNAL_WAITING)->reason = REASON_STARTED;
        }
        if (in->state == STATE_ACCEPTED) {
                uint32_t owner = in->owner;

                incident_state(e, in, STATE_ON_SCENE);
                in->arrived_wall = e->now.wall_us;
                in->reason = REASON_STARTED;
                emit_journal(e, in, JOURNAL_ARRIVED)->worker = owner;
        }
        emit_alert(e, in);
        emit_lamp(e, in);
        return done;
}

static Answer act_waiting(Engine *e, const Act *a)
{
        Incident *in = a->in;
        uint64_t span = a->action->span_us, most = e->policy.requests.waiting_us, used = in->waited_us;
        JournalRow *row;

        if (!is_mine(a))
                return refused(REASON_NOT_YOURS);
        if (!in->owner)
                return refused(REASON_WRONG_STATE);
        if (!a->action->text[0])
                return refused(REASON_NO_TEXT);
        if (!span)
                return refused(REASON_BAD_REQUEST);
        if (is_waiting(in))
                used -= (uint64_t)(in->due[TIMER_WAIT] - e->at);
        if (span > most || used > most - span)
                return refused(REASON_TOO_LONG);
        wait_end(e, in);
        in->waited_us += span;
        timer_off(e, in, TIMER_REMIND);
        timer_set(e, in, TIMER_WAIT, e->at + (int64_t)span);
        timer_set(e, in, TIMER_LEVEL, in->due[TIMER_LEVEL] + (int64_t)span);
        in->reason = REASON_WAITING;
        row = action_row(e, a, JOURNAL_WAITING);
        row->reason = REASON_WAITING;
        row->on = true;
        emit_alert(e, in);
        return done;
}

/* From now on a press of the resident's key is another matter, and this one has a key of its own. */
static void key_release(Engine *e, Incident *in)
{
        if (in->overflow || in->key_type == KEY_REQUEST)
                return;
        table_unkey(e, in);
        in->key_type = KEY_REQUEST;
        in->key_id = in->id;
        table_place(e, in);
}

static Answer act_done(Engine *e, const Act *a)
{
        Incident *in = a->in;

        if (!can(a, RIGHT_RESOLVE) ||
                !(a->owner || a->helper || supervises(a) || (!in->owner && a->entitled)))
                return refused(REASON_NOT_YOURS);
        in->open_words |= a->action->open;
        wait_end(e, in);
        incident_resolve(e, in, a->worker, "done", false);
        key_release(e, in);
        notice_mark(e, in, askers(in), REASON_CALL_BACK, e->at);
        return done;
}

static Answer act_not_accepted(Engine *e, const Act *a)
{
        Incident *in = a->in;

        if (!supervises(a))
                return refused(REASON_NOT_YOURS);
        if (!a->action->text[0])
                return refused(REASON_NO_TEXT);
        action_row(e, a, JOURNAL_NOT_ACCEPTED)->reason = REASON_NOT_ACCEPTED;
        in->former = in->owner;
        incident_owner(e, in, 0);
        in->successor = 0;
        in->reason = REASON_NOT_ACCEPTED;
        (void)str_copy(in->outcome, sizeof(in->outcome), reason_word(REASON_NOT_ACCEPTED)); /* fits */
        incident_close(e, in, NEVER, REASON_NOT_ACCEPTED, a->worker);
        return done;
}

static Answer act_escalate(Engine *e, const Act *a)
{
        if (!is_mine(a))
                return refused(REASON_NOT_YOURS);
        if (!plan_next(&a->in->plan, a->in->tier))
                return refused(REASON_TOP_LEVEL);
        if (!a->action->text[0])
                return refused(REASON_NO_TEXT);
        action_row(e, a, JOURNAL_ESCALATED)->reason = REASON_ESCALATED;
        level_up(e, a->in, e->at, REASON_ESCALATED);
        return done;
}

/* What the resident says when he is asked: never the one who did the work, where there is somebody else. */
static Answer act_rate(Engine *e, const Act *a)
{
        Incident *in = a->in;
        JournalRow *row;

        if (!supervises(a))
                return refused(REASON_NOT_YOURS);
        if (in->state != STATE_RESOLVED)
                return refused(REASON_WRONG_STATE);
        if (!a->action->score)
                return refused(REASON_BAD_REQUEST);
        in->rating = a->action->score;
        in->open_words |= a->action->open;
        row = action_row(e, a, JOURNAL_RATED);
        row->reason = in->rating < SATISFIED ? REASON_DISSATISFIED : REASON_RATED;
        row->value = in->rating;
        if (in->rating < SATISFIED) {
                request_reopen(e, in, e->at, REASON_DISSATISFIED);
        } else {
                Str s = STR_BUFFER(in->outcome);

                str_addf(&s, "rated_%u", in->rating);
                in->reason = REASON_RATED;
                incident_close(e, in, NEVER, REASON_RATED, a->worker);
        }
        return done;
}

static Answer act_reopen(Engine *e, const Act *a)
{
        if (!can(a, RIGHT_ACCEPT) || !a->entitled)
                return refused(REASON_NOT_YOURS);
        if (a->in->state != STATE_RESOLVED)
                return refused(REASON_WRONG_STATE);
        request_reopen(e, a->in, e->at, REASON_REOPENED);
        return done;
}

void request_reopen(Engine *e, Incident *in, int64_t at, Reason reason)
{
        const uint8_t part = TOLD_HELPER | TOLD_ON_SITE | TOLD_FORMER;
        uint8_t next = plan_next(&in->plan, in->tier);

        ASSERT(is_request(in) && in->state == STATE_RESOLVED);
        incident_state(e, in, STATE_ALERTING);
        in->round++;
        in->reopenings++;
        in->reopened_us = at;
        in->outcome[0] = '\0';
        in->resolved_wall = in->accepted_wall = in->arrived_wall = 0;
        for (unsigned i = 0; i < in->n_recipients; i++)
                recipient_at(in, i)->flags &= (uint8_t)~part;
        if (reason == REASON_DISSATISFIED && next)
                in->tier = in->newest = next;
        row_timed(e, in, JOURNAL_REOPENED, at, reason);
        in->opening_seq = e->next_seq - 1;
        ladder_round(e, in, at, in->opening_seq);
        level_enter(e, in, in->tier, at, reason, true);
        notice_mark(e, in, PENDING_FORMER, reason, at);
        emit_lamp(e, in);
}

/* The new class's limits from the beginning of this level, and what was waited for stays granted. */
static Answer act_reclass(Engine *e, const Act *a)
{
        Incident *in = a->in;
        int64_t granted = in->due[TIMER_LEVEL] - level_end(e, in, in->entered_us), due;
        Class class;

        if (!is_mine(a))
                return refused(REASON_NOT_YOURS);
        if (!request_class_parse(a->action->class, &class) ||
                !e->policy.classes[class].tiers[in->tier - 1].present)
                return refused(REASON_BAD_REQUEST);
        ladder_snapshot(e, in, class);
        request_snapshot(e, in);
        in->open_words |= a->action->open;
        due = level_end(e, in, in->entered_us) + (granted > 0 ? granted : 0);
        timer_set(e, in, TIMER_LEVEL, due > e->at ? due : e->at);
        if (in->state == STATE_ALERTING && in->due[TIMER_LOOP] == NEVER)
                open_arm(e, in, in->entered_us);
        timers_rekey(e, in);
        action_row(e, a, JOURNAL_RECLASSED);
        emit_alert(e, in);
        return done;
}

static Answer act_release(Engine *e, const Act *a)
{
        Incident *in = a->in;

        if (!a->owner && !a->helper)
                return refused(REASON_NOT_YOURS);
        action_row(e, a, JOURNAL_RELEASED);
        if (!a->owner) {
                a->told->flags &= (uint8_t) ~(TOLD_HELPER | TOLD_ON_SITE);
        } else {
                give_back(e, in, e->at, REASON_RELEASED);
                open_arm(e, in, e->at);
                notice_mark(e, in, PENDING_TIER(in->tier), REASON_RELEASED, e->at);
                emit_lamp(e, in);
        }
        emit_alert(e, in);
        return done;
}

static Answer act_decline(Engine *e, const Act *a)
{
        if (a->owner)
                return act_release(e, a);
        if (!a->entitled)
                return refused(REASON_NOT_YOURS);
        (void)recipient_add(
                e, a->in, a->worker, 0); /* NULL: as many as can be told of one incident have been told */
        part_set(a->in, a->worker, TOLD_DECLINED, TOLD_HELPER);
        action_row(e, a, JOURNAL_DECLINED);
        return done;
}

static Answer act_coming(Engine *e, const Act *a)
{
        if (!a->owner)
                return refused(REASON_NOT_YOURS);
        action_row(e, a, JOURNAL_COMING);
        return done;
}

Answer request_act(Engine *e, const Act *a)
{
        ASSERT(is_request(a->in));
        switch ((int)a->action->kind) {
        case ACTION_RATE: return act_rate(e, a);
        case ACTION_REOPEN: return act_reopen(e, a);
        case ACTION_ACCEPT: return act_accept(e, a);
        case ACTION_ASSIGN: return act_assign(e, a);
        case ACTION_ARRIVED:
        case ACTION_START: return act_start(e, a);
        case ACTION_WAITING: return act_waiting(e, a);
        case ACTION_RESOLVE:
        case ACTION_DONE: return act_done(e, a);
        case ACTION_NOT_ACCEPTED: return act_not_accepted(e, a);
        case ACTION_ESCALATE: return act_escalate(e, a);
        case ACTION_RECLASS: return act_reclass(e, a);
        case ACTION_RELEASE: return act_release(e, a);
        case ACTION_DECLINE: return act_decline(e, a);
        case ACTION_COMING: return act_coming(e, a);
        }
        return refused(REASON_WRONG_STATE); /* nobody is in danger: no fire service, no backup */
}

/* A desk, or whoever looks after the place, writes down what a resident wants. */
Answer request_write(Engine *e, const Event *ev, uint32_t worker, Incident **ret)
{
        uint32_t id = registry_resident_id(e->registry, ev->action.target);
        const Resident *who = registry_resident(e->registry, id);
        const Worker *w = registry_worker(e->registry, worker);
        const Dwelling *at = who ? registry_dwelling(e->registry, who->dwelling) : NULL;
        Class class = CLASS_REQUEST;
        uint64_t seq;
        Matter m = {.event = ev,
                .group = GROUP_REQUEST,
                .kind = ALARM_REQUEST,
                .reason = REASON_OPENED,
                .source = "",
                .word = ""};

        ASSERT(w && ev->type == EVENT_ACTION);
        if (!who || (ev->action.class[0] && !request_class_parse(ev->action.class, &class)))
                return refused(REASON_BAD_REQUEST);
        m.class = (uint8_t) class;
        m.place = (Place){.resident = id,
                .dwelling = who->dwelling,
                .grid = at ? at->grid : 0,
                .key_type = KEY_REQUEST,
                .key_id = e->next_incident,
                .known = true};
        if (!(role_rights(w->role) & RIGHT_ACCEPT) ||
                !roster_covers(e->registry, w, m.place.grid, m.place.dwelling, id))
                return refused(REASON_NOT_YOURS);
        if (!ev->action.text[0])
                return refused(REASON_NO_TEXT);
        *ret = incident_alarm(e, &m, &seq);
        (*ret)->desk = true;
        (*ret)->open_words |= ev->action.open;
        (*ret)->event_id[0] = '\0'; /* the nonce of an action is no device's */
        if (!request_urgent_event(e, ev))
                return done;
        (void)request_emergency(e, &m);
        return (Answer){REPLY_OK, REASON_EMERGENCY};
}
