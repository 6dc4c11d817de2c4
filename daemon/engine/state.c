/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An incident as a row of the store: columns for queries, and the rest as a blob (version 2, big-endian).
 *
 * What is restored is what was stored: engine_state_row() of both gives the same bytes. Times within a boot are
 * CLOCK_BOOTTIME; the row says of which boot, and how far the wall clock was ahead of it when it was written,
 * so that another boot can place them by the wall clock, if both clocks can be trusted. If not, the deadlines
 * are those of SEMANTICS.md section 4, until the clock becomes trusted (state_redate()). In another boot no
 * deadline is later than its full time from now, whatever the clocks say.
 */
#include "base/str.h"
#include "engine/internal.h"

#include <string.h>

#define BLOB_VERSION                                                                                        \
        6 /* 1: levels of one byte, and not why, score, span and trend. 2: no figures. 3: no signs. 4: requests as others. 5: no receipt */

enum {
        FLAG_LATE = 1 << 0,
        FLAG_TEST = 1 << 1,
        FLAG_CANCEL_REQ = 1 << 2,
        FLAG_CANCELLED_ONCE = 1 << 3,
        FLAG_EXHAUSTED = 1 << 4,
        FLAG_UNKNOWN_SOURCE = 1 << 5,
        FLAG_PENDING_LATE = 1 << 6,
        FLAG_EXTENDED = 1 << 7,
        FLAG_HANDLE_REMINDED = 1 << 8,
        FLAG_PRESENCE_TOLD = 1 << 9,
        FLAG_MORE_ACTIVE = 1 << 10,
        FLAG_OVERFLOW = 1 << 11,
        FLAG_CRITICAL = 1 << 12,
        FLAG_BUILDING_FIRE = 1 << 14,
        FLAG_TRUSTED = 1 << 13, /* the wall clock, when this was written */
};

enum { REQUEST_DESK = 1 << 0, REQUEST_OPEN_WORDS = 1 << 1, REQUEST_OVERDUE = 1 << 2 };

/* Bytes out */

typedef struct Out {
        uint8_t *p;
        uint32_t n;
} Out;

static void put(Out *o, uint64_t value, unsigned bytes)
{
        uint8_t *p = o->p + o->n;

        ASSERT(o->n + bytes <= STATE_BLOB_MAX);
        for (unsigned i = bytes; i-- > 0;)
                *p++ = (uint8_t)(value >> (8 * i));
        o->n += bytes;
}

static void put_bytes(Out *o, const void *bytes, uint32_t n)
{
        ASSERT(o->n + n <= STATE_BLOB_MAX);
        memcpy(o->p + o->n, bytes, n);
        o->n += n;
}

static void put_text(Out *o, const char *text)
{
        size_t n = strlen(text);

        ASSERT(n <= UINT8_MAX);
        put(o, n, 1);
        put_bytes(o, text, (uint32_t)n);
}

static void put_double(Out *o, double value)
{
        uint64_t bits;

        memcpy(&bits, &value, sizeof(bits));
        put(o, bits, 8);
}

static uint16_t flags_of(const Incident *in, Now now)
{
        return (uint16_t)((in->late ? FLAG_LATE : 0) | (in->test ? FLAG_TEST : 0) |
                          (in->cancel_req ? FLAG_CANCEL_REQ : 0) |
                          (in->cancelled_once ? FLAG_CANCELLED_ONCE : 0) |
                          (in->exhausted ? FLAG_EXHAUSTED : 0) |
                          (in->unknown_source ? FLAG_UNKNOWN_SOURCE : 0) |
                          (in->pending_late ? FLAG_PENDING_LATE : 0) | (in->extended ? FLAG_EXTENDED : 0) |
                          (in->handle_reminded ? FLAG_HANDLE_REMINDED : 0) |
                          (in->presence_told ? FLAG_PRESENCE_TOLD : 0) |
                          (in->more_active ? FLAG_MORE_ACTIVE : 0) | (in->overflow ? FLAG_OVERFLOW : 0) |
                          (in->critical ? FLAG_CRITICAL : 0) | (in->building_fire ? FLAG_BUILDING_FIRE : 0) |
                          (now.trusted ? FLAG_TRUSTED : 0));
}

static void put_plan(Out *o, const Incident *in)
{
        const ClassPolicy *p = &in->plan;

        put(o, p->priority, 1);
        for (unsigned i = 0; i < TIERS_MAX; i++) {
                put(o, p->tiers[i].present, 1);
                put(o, p->tiers[i].delay_us, 8);
                put(o, p->tiers[i].roles, 4);
                put(o, in->slow_us[i], 8);
        }
        put(o, p->renotify_us, 8);
        put(o, p->receipt_us, 8);
        put(o, p->loop_us, 8);
        put(o, p->arrive_by_us, 8);
        put(o, p->handle_by_us, 8);
        put(o, p->arrive_max_us, 8);
        put(o, p->reopen_us, 8);
        put(o, p->outcomes, 4);
}

static void put_times(Out *o, const Incident *in)
{
        uint32_t armed = 0;

        for (unsigned t = 0; t < TIMER_MAX; t++)
                armed |= in->due[t] != NEVER && t != TIMER_LOOK ? BIT(t) : 0;
        put(o, armed, 4);
        for (unsigned t = 0; t < TIMER_MAX; t++)
                if (armed & BIT(t))
                        put(o, (uint64_t)in->due[t], 8);
        put(o, (uint64_t)in->entered_us, 8);
        put(o, (uint64_t)in->round_us, 8);
        put(o, (uint64_t)in->notified_us, 8);
        put(o, (uint64_t)in->event_us, 8);
        put(o, (uint64_t)in->reopened_us, 8);
        for (unsigned i = 0; i < 3; i++)
                put(o, (uint64_t)in->press_us[i], 8);
}

static void put_people(Out *o, const Incident *in)
{
        put(o, in->n_sources, 1);
        for (unsigned i = 0; i < in->n_sources; i++) {
                put(o, source_at(in, i)->device, 4);
                put(o, source_at(in, i)->active, 2);
                put_text(o, source_at(in, i)->code);
        }
        put(o, in->n_recipients, 2);
        for (unsigned i = 0; i < in->n_recipients; i++) {
                const Recipient *r = recipient_at(in, i);

                put(o, r->worker, 4);
                put(o, r->seq, 6);
                put(o, r->sent_us > 0 ? (uint64_t)r->sent_us / 1000 : 0, 6);
                put(o, (uint64_t)r->channel << 4 | r->tier, 1);
                put(o, r->flags, 1);
        }
}

static void put_figures(Out *o, const Incident *in)
{
        put(o, (uint64_t)in->opened_us, 8);
        for (unsigned i = 0; i < FIGURE_RECEIPT; i++)
                put(o, in->figures.ms[i], 4);
        put(o, in->figures.late_ms, 4);
        put(o, in->figures.attempts, 4);
        put(o, in->figures.tiers, 1);
}

static void put_signs(Out *o, const Incident *in)
{
        put(o, in->sign, 1);
        put(o, (uint64_t)in->sign_wall, 8);
        put(o, in->located, 1);
        put(o, (uint64_t)in->located_wall, 8);
        put_double(o, in->lat);
        put_double(o, in->lon);
        put_double(o, (double)in->accuracy_m);
}

static void put_request(Out *o, const Incident *in)
{
        put(o,
                (in->desk ? REQUEST_DESK : 0) | (in->open_words ? REQUEST_OPEN_WORDS : 0) |
                        (in->overdue ? REQUEST_OVERDUE : 0),
                1);
        put(o, in->rating, 1);
        put(o, in->waited_us, 8);
}

static uint32_t blob_write(const Incident *in, Now now, uint8_t *blob)
{
        Out o = {.p = blob};
        const uint8_t small[] = {in->key_type, in->kind, in->cond, in->newest, in->backup_tier,
                in->backup_newest, in->accept_tier, in->cause, in->vital, in->reason, in->pending_reason,
                in->receipt_done, in->skip_done, in->fire119};

        put(&o, BLOB_VERSION, 1);
        put(&o, (uint64_t)(now.wall_us - (int64_t)now.boot_us), 8);
        put(&o, flags_of(in, now), 2);
        put_bytes(&o, small, sizeof(small));
        put(&o, in->key_id, 8);
        put(&o, in->pending, 2);
        put(&o, in->presses, 4);
        put(&o, in->reopenings, 4);
        put(&o, in->former, 4);
        put(&o, in->successor, 4);
        put(&o, in->round_seq, 8);
        put(&o, in->opening_seq, 8);
        put(&o, in->flush_seq, 8);
        put_plan(&o, in);
        put_times(&o, in);
        put_double(&o, in->value);
        put_double(&o, in->limit);
        put(&o, in->why, 1);
        put(&o, in->score, 1);
        put(&o, in->away, 1);
        put(&o, (uint64_t)in->span_us, 8);
        put_double(&o, in->trend);
        put_bytes(&o, in->digest, sizeof(in->digest));
        put_text(&o, in->event_id);
        put_text(&o, in->word);
        put_text(&o, in->handed_to);
        put_people(&o, in);
        put_figures(&o, in);
        put_signs(&o, in);
        if (is_request(in))
                put_request(&o, in);
        put(&o, in->figures.ms[FIGURE_RECEIPT], 4);
        return o.n;
}

void state_encode(const Engine *e, const Incident *in, Now now, StateRow *ret)
{
        Timer first;
        int64_t due = timers_first(in, &first);

        ASSERT(e && in->id);
        memset(ret, 0, offsetof(StateRow, blob));
        ret->id = in->id;
        ret->last_seq = in->last_seq;
        ret->group = in->group;
        ret->class = in->class;
        ret->state = in->state;
        ret->priority = in->priority;
        ret->tier = in->tier;
        ret->round = in->round;
        ret->device = in->device;
        ret->resident = in->resident;
        ret->dwelling = in->dwelling;
        ret->grid = in->grid;
        ret->owner = in->owner;
        ret->opened_us = in->opened_wall;
        ret->accepted_us = in->accepted_wall;
        ret->arrived_us = in->arrived_wall;
        ret->resolved_us = in->resolved_wall;
        ret->closed_us = in->closed_wall;
        ret->boot = now.boot;
        (void)str_copy(ret->source, sizeof(ret->source), in->source);
        (void)str_copy(ret->outcome, sizeof(ret->outcome), in->outcome);
        if (in->state == STATE_CLOSED)
                return;
        ASSERT(due != NEVER); /* every state that is not the last has its timers */
        ret->due_wall_us = due - (int64_t)now.boot_us + now.wall_us;
        ret->due_boot_us = due > 0 ? (uint64_t)due : 0;
        ret->blob_size = blob_write(in, now, ret->blob);
}

/* Bytes in */

typedef struct In {
        const uint8_t *p;
        uint32_t n, at;
        uint8_t version;
        bool broken;
} In;

static uint64_t get(In *i, unsigned bytes)
{
        uint64_t value = 0;

        if (i->broken || i->n - i->at < bytes) {
                i->broken = true;
                return 0;
        }
        while (bytes-- > 0)
                value = value << 8 | i->p[i->at++];
        return value;
}

static void get_bytes(In *i, void *to, uint32_t n)
{
        if (i->broken || i->n - i->at < n) {
                i->broken = true;
                memset(to, 0, n);
                return;
        }
        memcpy(to, i->p + i->at, n);
        i->at += n;
}

static void get_text(In *i, char *to, size_t cap)
{
        uint32_t n = (uint32_t)get(i, 1);

        if (n >= cap) {
                i->broken = true;
                return;
        }
        get_bytes(i, to, n);
        to[n] = '\0';
}

static double get_double(In *i)
{
        uint64_t bits = get(i, 8);
        double value;

        memcpy(&value, &bits, sizeof(value));
        return value;
}

static void flags_set(Incident *in, uint16_t flags)
{
        in->late = flags & FLAG_LATE;
        in->test = flags & FLAG_TEST;
        in->cancel_req = flags & FLAG_CANCEL_REQ;
        in->cancelled_once = flags & FLAG_CANCELLED_ONCE;
        in->exhausted = flags & FLAG_EXHAUSTED;
        in->unknown_source = flags & FLAG_UNKNOWN_SOURCE;
        in->pending_late = flags & FLAG_PENDING_LATE;
        in->extended = flags & FLAG_EXTENDED;
        in->handle_reminded = flags & FLAG_HANDLE_REMINDED;
        in->presence_told = flags & FLAG_PRESENCE_TOLD;
        in->more_active = flags & FLAG_MORE_ACTIVE;
        in->critical = flags & FLAG_CRITICAL;
        in->building_fire = flags & FLAG_BUILDING_FIRE;
}

static void get_plan(In *i, Incident *in)
{
        ClassPolicy *p = &in->plan;

        p->priority = (uint8_t)get(i, 1);
        for (unsigned k = 0; k < TIERS_MAX; k++) {
                p->tiers[k].present = get(i, 1) != 0;
                p->tiers[k].delay_us = get(i, 8);
                p->tiers[k].roles = (uint32_t)get(i, 4);
                in->slow_us[k] = get(i, 8);
        }
        p->renotify_us = get(i, 8);
        p->receipt_us = get(i, 8);
        p->loop_us = get(i, 8);
        p->arrive_by_us = get(i, 8);
        p->handle_by_us = get(i, 8);
        p->arrive_max_us = get(i, 8);
        p->reopen_us = get(i, 8);
        p->outcomes = (uint32_t)get(i, 4);
}

static void get_times(In *i, Incident *in)
{
        uint32_t armed = (uint32_t)get(i, 4);

        for (unsigned t = 0; t < TIMER_MAX; t++)
                in->due[t] = armed & BIT(t) ? (int64_t)get(i, 8) : NEVER;
        in->entered_us = (int64_t)get(i, 8);
        in->round_us = (int64_t)get(i, 8);
        in->notified_us = (int64_t)get(i, 8);
        in->event_us = (int64_t)get(i, 8);
        in->reopened_us = (int64_t)get(i, 8);
        for (unsigned k = 0; k < 3; k++)
                in->press_us[k] = (int64_t)get(i, 8);
}

static void get_people(Engine *e, In *i, Incident *in)
{
        uint32_t n;

        in->n_sources = (uint8_t)get(i, 1);
        if (in->n_sources > SOURCES_MAX) {
                i->broken = true;
                return;
        }
        for (unsigned k = 0; k < in->n_sources; k++) {
                source_at(in, k)->device = (uint32_t)get(i, 4);
                source_at(in, k)->active = (uint16_t)get(i, i->version >= 2 ? 2 : 1);
                get_text(i, source_at(in, k)->code, CODE_SIZE);
        }
        n = (uint32_t)get(i, 2);
        if (n > RECIPIENTS_MAX) {
                i->broken = true;
                return;
        }
        for (uint32_t k = 0; k < n; k++) {
                Recipient *r = recipient_push(e, in);
                uint8_t both;

                ASSERT(r);
                r->worker = (uint32_t)get(i, 4);
                r->seq = get(i, 6);
                r->sent_us = (int64_t)get(i, 6) * 1000;
                both = (uint8_t)get(i, 1);
                r->channel = both >> 4;
                r->tier = both & 15;
                r->flags = (uint8_t)get(i, 1);
                i->broken = i->broken || r->channel >= CHANNEL_MAX || r->tier > TIERS_MAX;
        }
}

static void columns_take(Incident *in, const StateRow *row)
{
        in->last_seq = row->last_seq;
        in->class = row->class;
        in->state = row->state;
        in->priority = row->priority;
        in->tier = row->tier;
        in->round = row->round;
        in->device = row->device;
        in->resident = row->resident;
        in->dwelling = row->dwelling;
        in->grid = row->grid;
        in->owner = row->owner; /* people_own() follows, when the row is found sound */
        in->opened_wall = row->opened_us;
        in->accepted_wall = row->accepted_us;
        in->arrived_wall = row->arrived_us;
        in->resolved_wall = row->resolved_us;
        in->closed_wall = row->closed_us;
        (void)str_copy(in->source, sizeof(in->source), row->source);
        (void)str_copy(in->outcome, sizeof(in->outcome), row->outcome);
}

static void get_figures(In *i, Incident *in)
{
        in->opened_us = (int64_t)get(i, 8);
        for (unsigned k = 0; k < FIGURE_RECEIPT; k++)
                in->figures.ms[k] = (uint32_t)get(i, 4);
        in->figures.late_ms = (uint32_t)get(i, 4);
        in->figures.attempts = (uint32_t)get(i, 4);
        in->figures.tiers = (uint8_t)get(i, 1);
        i->broken = i->broken || in->figures.tiers > TIERS_MAX;
}

/* A row of before every class had these limits: it is due at once, better a call too many. */
static void limits_complete(Incident *in)
{
        bool arrive = in->plan.arrive_by_us, handle = in->plan.handle_by_us;

        if (!arrive)
                in->plan.arrive_by_us = FORGOTTEN_US;
        if (!arrive && in->state == STATE_ACCEPTED)
                in->due[TIMER_ARRIVE_BY] = 0;
        if (!handle)
                in->plan.handle_by_us = FORGOTTEN_US;
        if (!handle && in->state == STATE_ON_SCENE)
                in->due[TIMER_HANDLE_BY] = 0;
}

static void get_signs(In *i, Incident *in)
{
        in->sign = (uint8_t)get(i, 1);
        in->sign_wall = (int64_t)get(i, 8);
        in->located = get(i, 1) != 0;
        in->located_wall = (int64_t)get(i, 8);
        in->lat = get_double(i);
        in->lon = get_double(i);
        in->accuracy_m = (float)get_double(i);
        i->broken = i->broken || in->sign >= SIGN_MAX || !(in->lat >= -90 && in->lat <= 90) ||
                    !(in->lon >= -180 && in->lon <= 180) || !(in->accuracy_m >= 0);
}

static void get_request(In *i, Incident *in)
{
        uint8_t flags = (uint8_t)get(i, 1);

        in->desk = flags & REQUEST_DESK;
        in->open_words = flags & REQUEST_OPEN_WORDS;
        in->overdue = flags & REQUEST_OVERDUE;
        in->rating = (uint8_t)get(i, 1);
        in->waited_us = get(i, 8);
}

/* A request of the time when they were called like the others: the limits of its levels begin with its tier. */
static void request_adopt(Incident *in)
{
        static const Timer others[] = {TIMER_RECEIPT, TIMER_OLDER, TIMER_ARRIVE_BY, TIMER_RECONFIRM,
                TIMER_HANDLE_BY, TIMER_ARRIVE_MAX};

        for (unsigned k = 0; k < sizeof(others) / sizeof(others[0]); k++)
                in->due[others[k]] = NEVER;
        in->plan.receipt_us = in->plan.arrive_by_us = in->plan.handle_by_us = in->plan.arrive_max_us = 0;
        if (state_open(in->state) && in->tier >= 1 && in->tier <= TIERS_MAX)
                in->due[TIMER_LEVEL] = in->entered_us + ladder_distance(in, in->tier);
}

/* The rest of the blob after its head (version, offset, flags). */
static void blob_read(Engine *e, In *i, Incident *in)
{
        uint8_t *small[] = {&in->key_type, &in->kind, &in->cond, &in->newest, &in->backup_tier,
                &in->backup_newest, &in->accept_tier, &in->cause, &in->vital, &in->reason,
                &in->pending_reason, &in->receipt_done, &in->skip_done, &in->fire119};

        for (unsigned k = 0; k < sizeof(small) / sizeof(small[0]); k++)
                *small[k] = (uint8_t)get(i, 1);
        in->key_id = get(i, 8);
        in->pending = (uint16_t)get(i, 2);
        in->presses = (uint32_t)get(i, 4);
        in->reopenings = (uint32_t)get(i, 4);
        in->former = (uint32_t)get(i, 4);
        in->successor = (uint32_t)get(i, 4);
        in->round_seq = get(i, 8);
        in->opening_seq = get(i, 8);
        in->flush_seq = get(i, 8);
        get_plan(i, in);
        get_times(i, in);
        if (!is_request(in))
                limits_complete(in);
        in->value = get_double(i);
        in->limit = get_double(i);
        if (i->version >= 2) {
                in->why = (uint8_t)get(i, 1);
                in->score = (uint8_t)get(i, 1);
                in->away = (uint8_t)get(i, 1);
                in->span_us = (int64_t)get(i, 8);
                in->trend = get_double(i);
        }
        get_bytes(i, in->digest, sizeof(in->digest));
        get_text(i, in->event_id, sizeof(in->event_id));
        get_text(i, in->word, sizeof(in->word));
        get_text(i, in->handed_to, sizeof(in->handed_to));
        get_people(e, i, in);
        if (i->version >= 3)
                get_figures(i, in);
        else
                in->opened_us = in->round_us;
        if (i->version >= 4)
                get_signs(i, in);
        if (is_request(in) && i->version >= 5)
                get_request(i, in);
        else if (is_request(in))
                request_adopt(in);
        if (i->version >= 6)
                in->figures.ms[FIGURE_RECEIPT] = (uint32_t)get(i, 4);
}

/* What no incident of ours can be. A row from the disk is input: it is refused, never asserted. */

static bool armed(const Incident *in, Timer t)
{
        return in->due[t] != NEVER;
}

static bool timers_contradict(const Incident *in)
{
        bool ladder = in->state == STATE_ALERTING || in->backup_tier, open = state_open(in->state);

        if (ladder ? armed(in, TIMER_TIER) == armed(in, TIMER_LOOP)
                   : armed(in, TIMER_TIER) || armed(in, TIMER_LOOP) || armed(in, TIMER_RECEIPT) ||
                                armed(in, TIMER_RENOTIFY) || armed(in, TIMER_OLDER))
                return true;
        if (ladder && in->plan.renotify_us && in->plan.renotify_us < in->plan.loop_us &&
                !armed(in, TIMER_RENOTIFY))
                return true;
        if (armed(in, TIMER_ARRIVE_BY) != (in->state == STATE_ACCEPTED && !is_request(in)) ||
                (armed(in, TIMER_REMIND) && in->state != STATE_ACCEPTED))
                return true;
        if (armed(in, TIMER_HANDLE_BY) != (in->state == STATE_ON_SCENE && !is_request(in)))
                return true;
        if (armed(in, TIMER_REOPEN_UNTIL) != (in->state == STATE_RESOLVED) || armed(in, TIMER_BURY))
                return true;
        if (request_contradicts(in))
                return true;
        if (!open && is_request(in))
                return in->pending && !armed(in, TIMER_NOTIFY);
        if (!open)
                return armed(in, TIMER_ARRIVE_MAX) || armed(in, TIMER_FIRE119) ||
                       armed(in, TIMER_CONFIRM_BY) || armed(in, TIMER_FOLLOWUP) || armed(in, TIMER_NOTIFY) ||
                       in->pending;
        return (in->group == GROUP_FIRE && !armed(in, TIMER_FIRE119) && in->fire119 < 3) ||
               (in->handed_to[0] && !armed(in, TIMER_CONFIRM_BY) && !armed(in, TIMER_FOLLOWUP)) ||
               (in->pending && !armed(in, TIMER_NOTIFY));
}

/* Longer than a hundred years is no duration of ours, and would overflow in sums. */
static bool times_contradict(const Incident *in)
{
        const uint64_t most = 100 * 366 * USEC_PER_DAY;
        const ClassPolicy *p = &in->plan;
        const int64_t times[] = {in->entered_us, in->round_us, in->notified_us, in->event_us, in->opened_us,
                in->reopened_us, in->press_us[0], in->press_us[1], in->press_us[2]};
        bool bad = p->renotify_us > most || p->receipt_us > most || p->loop_us > most ||
                   p->arrive_by_us > most || p->handle_by_us > most || p->arrive_max_us > most ||
                   p->reopen_us > most || !p->loop_us || in->waited_us > most || in->entered_us == NEVER ||
                   in->round_us == NEVER;

        for (unsigned i = 0; i < TIERS_MAX; i++)
                bad = bad || p->tiers[i].delay_us > most || in->slow_us[i] > most;
        for (unsigned i = 0; i < sizeof(times) / sizeof(times[0]); i++)
                bad = bad || (times[i] != NEVER && (times[i] > (int64_t)most || times[i] < -(int64_t)most));
        for (unsigned t = 0; t < TIMER_MAX; t++)
                bad = bad ||
                      (armed(in, (Timer)t) && (in->due[t] > (int64_t)most || in->due[t] < -(int64_t)most));
        return bad;
}

bool state_contradicts(const Incident *in)
{
        bool tier_present = in->tier >= 1 && in->tier <= TIERS_MAX && in->plan.tiers[in->tier - 1].present;
        bool owned = in->state == STATE_ACCEPTED || in->state == STATE_ON_SCENE;

        for (unsigned i = 0; i < in->n_recipients; i++) {
                const Recipient *r = recipient_at(in, i);

                if (!r->worker && r->channel != CHANNEL_EXEC)
                        return true;
                for (unsigned j = 0; j < i; j++)
                        if (recipient_at(in, j)->worker == r->worker &&
                                recipient_at(in, j)->channel == r->channel)
                                return true;
        }
        return in->state <= STATE_NONE || in->state >= STATE_CLOSED || in->class >= CLASS_MAX ||
               !in->key_type || in->key_type > KEY_LAST || in->priority < 1 || in->priority > 5 ||
               !tier_present || in->newest > in->tier || !in->newest || owned != (in->owner != 0) ||
               in->round < 1 || (owned && in->accept_tier < in->tier) ||
               (in->test && (in->state != STATE_ALERTING || in->presses != 1 || in->n_sources != 1)) || in->event_us == NEVER ||
               in->backup_tier > plan_last(&in->plan) || in->backup_newest > in->backup_tier ||
               (in->backup_tier && !owned) || in->reason >= REASON_MAX || in->why >= REASON_MAX ||
               in->away >= AWAY_MAX || in->pending_reason >= REASON_MAX ||
               in->accept_tier > plan_last(&in->plan) || in->kind >= ALARM_KIND_MAX ||
               in->cause >= SYSTEM_CAUSE_MAX || in->vital >= VITAL_MAX || in->cond > CONDITION_UNKNOWN ||
               in->round_seq > in->last_seq || in->opening_seq > in->round_seq ||
               (in->state == STATE_RESOLVED && (!in->outcome[0] || !in->resolved_wall)) ||
               times_contradict(in) || timers_contradict(in);
}

/* Numbers of calls from beyond the end of the journal would count as calls of the next flush. */
static void seqs_limit(const Engine *e, Incident *in)
{
        uint64_t most = e->next_seq - 1 > in->last_seq ? e->next_seq - 1 : in->last_seq;

        for (unsigned i = 0; i < in->n_recipients; i++)
                if (recipient_at(in, i)->seq > most)
                        recipient_at(in, i)->seq = most;
        if (in->flush_seq > most + 1)
                in->flush_seq = 0;
}

/* Deadlines of another time */

/* The whole time of a timer, as if it were armed now. */
static int64_t full_time(const Engine *e, const Incident *in, Timer t)
{
        const int64_t slack =
                in->priority >= 4 ? (int64_t)USEC_PER_DAY : 0; /* repeats wait for the morning */

        if (is_request(in) && t != TIMER_LOOP && t != TIMER_RENOTIFY)
                return request_full_time(e, in, t);
        switch (t) {
        case TIMER_TIER: {
                uint8_t next = plan_next(&in->plan, in->backup_tier ? in->backup_tier : in->tier);
                uint64_t delay = next ? in->plan.tiers[next - 1].delay_us : in->plan.loop_us;

                return (int64_t)(in->cancel_req && next ? in->slow_us[next - 1] : delay);
        }
        case TIMER_LOOP:
        case TIMER_OLDER: return (int64_t)in->plan.loop_us + slack;
        case TIMER_RECEIPT: return (int64_t)in->plan.receipt_us;
        case TIMER_RENOTIFY: return (int64_t)in->plan.renotify_us + slack;
        case TIMER_REMIND:
        case TIMER_ARRIVE_BY: {
                int64_t arrive = (int64_t)in->plan.arrive_by_us;

                return t == TIMER_REMIND ? arrive / 2 : arrive;
        }
        case TIMER_RECONFIRM: return RECONFIRM_US;
        case TIMER_HANDLE_BY: return in->handle_reminded ? HANDLE_GRACE_US : (int64_t)in->plan.handle_by_us;
        case TIMER_REOPEN_UNTIL: return (int64_t)in->plan.reopen_us;
        case TIMER_ARRIVE_MAX: return (int64_t)in->plan.arrive_max_us;
        case TIMER_FIRE119: return in->fire119 == 2 ? (int64_t)in->plan.loop_us : FIRE119_ASK_US;
        case TIMER_CONFIRM_BY: return CONFIRM_BY_US;
        case TIMER_FOLLOWUP: return FOLLOWUP_US;
        case TIMER_BURY:
        case TIMER_LOOK:
        case TIMER_NOTIFY:
        case TIMER_LEVEL:
        case TIMER_WAIT:
        case TIMER_MAX: break;
        }
        return 0;
}

static int64_t moved(int64_t at, int64_t by)
{
        return at == NEVER ? NEVER : at + by;
}

static void times_move(Incident *in, int64_t by)
{
        for (unsigned t = 0; t < TIMER_MAX; t++)
                in->due[t] = moved(in->due[t], by);
        in->entered_us = moved(in->entered_us, by);
        in->round_us = moved(in->round_us, by);
        in->notified_us = moved(in->notified_us, by);
        in->event_us = moved(in->event_us, by);
        in->opened_us = moved(in->opened_us, by);
        in->reopened_us = moved(in->reopened_us, by);
        for (unsigned i = 0; i < 3; i++)
                in->press_us[i] = moved(in->press_us[i], by);
}

/* The newest moment that the row knows of: it was written then or later, and before this boot began. */
static int64_t newest_stamp(const Incident *in)
{
        const int64_t stamps[] = {in->entered_us, in->round_us, in->notified_us, in->event_us, in->opened_us,
                in->reopened_us, in->press_us[0]};
        int64_t newest = stamps[1];

        ASSERT(newest != NEVER);
        for (unsigned i = 0; i < sizeof(stamps) / sizeof(stamps[0]); i++)
                if (stamps[i] != NEVER && stamps[i] > newest)
                        newest = stamps[i];
        return newest;
}

/* What gives people time, and what has its whole time again where nobody knows how much of it is over. */
static bool is_anew(Timer t)
{
        return t == TIMER_RECEIPT || t == TIMER_HANDLE_BY || t == TIMER_REOPEN_UNTIL ||
               t == TIMER_CONFIRM_BY;
}

/*
 * Nobody knows how long it took, only that this boot came after the row: a gateway that dies again while it starts
 * has been up for a while when it starts next, and none of that is given to a deadline once more. The next tier is
 * due now, or has been; the rest begins anew; the owner is asked whether he is still coming. The level of an everyday
 * request is not due now: each start of a box without a clock chip would send all of them one level up. due_wall keeps
 * what the row said.
 */
static void times_unknown(const Engine *e, Incident *in, int64_t offset)
{
        int64_t newest = newest_stamp(in), latest[TIMER_MAX];

        for (unsigned t = 0; t < TIMER_MAX; t++) {
                in->rare->due_wall[t] = moved(in->due[t], offset);
                latest[t] = is_anew((Timer)t) ? NEVER : moved(in->due[t], -newest);
        }
        times_move(in, e->at - in->round_us);
        in->entered_us = in->round_us = e->at;
        for (unsigned t = 0; t < TIMER_MAX; t++) {
                bool now = !is_request(in) && (t == TIMER_TIER || t == TIMER_LOOP || t == TIMER_FIRE119);

                if (in->due[t] != NEVER)
                        in->due[t] = min_due(e->at + (now ? 0 : full_time(e, in, (Timer)t)), latest[t]);
        }
        if (in->state == STATE_ACCEPTED && !is_request(in))
                in->due[TIMER_RECONFIRM] = min_due(in->due[TIMER_RECONFIRM], e->at + RECONFIRM_US);
        in->undated = true;
}

/* What somebody promised may have been extended; what the ladder does next never takes more than its full time. */
static bool is_promise(Timer t)
{
        return t == TIMER_REMIND || t == TIMER_ARRIVE_BY || t == TIMER_HANDLE_BY || t == TIMER_ARRIVE_MAX ||
               t == TIMER_REOPEN_UNTIL;
}

static void times_place(const Engine *e, Incident *in, uint32_t boot, int64_t offset, bool was_trusted)
{
        const int64_t now_offset = e->now.wall_us - (int64_t)e->now.boot_us;

        if (boot != e->now.boot) {
                if (!was_trusted || !e->now.trusted) {
                        times_unknown(e, in, offset);
                        return;
                }
                times_move(in, offset - now_offset);
                if (newest_stamp(in) > 0) /* a row of the past that says it is of later than this boot */
                        times_move(in, -newest_stamp(in));
                for (unsigned t = 0; t < TIMER_MAX;
                        t++) { /* a clock that was believed, and wrong by years */
                        int64_t full = full_time(e, in, (Timer)t),
                                most = is_promise((Timer)t) ? 2 * full : full;

                        if (in->due[t] != NEVER && in->due[t] > e->at + most)
                                in->due[t] = e->at + full;
                }
        }
        /* Whoever was called while we were down had nobody to send the receipt to. */
        if (in->due[TIMER_RECEIPT] <= e->at)
                in->due[TIMER_RECEIPT] = e->at + (int64_t)in->plan.receipt_us;
}

void state_redate(Engine *e)
{
        ASSERT(e->now.trusted);
        for (Incident *in = table_first(e); in; in = table_next(e, in)) {
                if (!in->undated)
                        continue;
                in->undated = false;
                for (unsigned t = 0; t < TIMER_MAX; t++) {
                        int64_t due = moved(in->rare->due_wall[t], (int64_t)e->now.boot_us - e->now.wall_us);

                        if (in->due[t] != NEVER && t != TIMER_RECEIPT && due < in->due[t])
                                in->due[t] = due;
                }
                timers_rekey(e, in);
        }
}

int state_decode(Engine *e, const StateRow *row, Incident **ret)
{
        In i = {.p = row->blob, .n = row->blob_size};
        uint16_t flags;
        int64_t offset;
        Incident *in;

        ASSERT(e->started && ret);
        if (row->blob_size > STATE_BLOB_MAX || row->id == 0 || row->group >= GROUP_MAX)
                return ENGINE_E_BROKEN;
        i.version = (uint8_t)get(&i, 1);
        if (i.version > BLOB_VERSION)
                return ENGINE_E_VERSION;
        offset = (int64_t)get(&i, 8);
        flags = (uint16_t)get(&i, 2);
        if (i.broken || table_get(e, row->id))
                return ENGINE_E_BROKEN;
        in = table_restore(e, row->id, flags & FLAG_OVERFLOW, (Group)row->group);
        if (!in)
                return ENGINE_E_FULL;
        columns_take(in, row);
        flags_set(in, flags);
        blob_read(e, &i, in);
        if (i.broken || i.at != i.n || state_contradicts(in) || offset > (INT64_C(1) << 60) ||
                offset < -(INT64_C(1) << 60)) {
                in->state = STATE_CLOSED; /* was never open: nothing is to be undone but the slot */
                table_free(e, in);
                return ENGINE_E_BROKEN;
        }
        seqs_limit(e, in);
        times_place(e, in, row->boot, offset, flags & FLAG_TRUSTED);
        if (row->boot == e->now.boot)
                channel_restore(e, in, offset);
        else if ((flags & FLAG_TRUSTED) && e->now.trusted)
                channel_restore(e, in, e->now.wall_us - (int64_t)e->now.boot_us);
        *ret = in;
        return 0;
}
