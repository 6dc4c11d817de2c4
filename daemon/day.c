/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker's day. It calms ("done", "counts"), so it keeps the promise of the disk, as the board does: a picture is taken,
 * held until every journal row that it may tell is committed, and only then said. One picture at a time; who waits
 * for his is a bit in `dirty`.
 *
 *   journaled, registry, midnight ──▶ dirty ──timer──▶ taken, held ──committed──▶ said ──▶ the next one
 *
 * The order of the beds is the same for all, and is made when what somebody has had is another; of it each worker sees his.
 *
 * What beds have had is counted by the store from what is committed (visits.h); which visit is open is the engine's; the
 * register is kept here, and read from the database at a start.
 */
#include "day.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "protocols/codec/codec.h"
#include "protocols/codec/day.h"
#include "store/visits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS_MAX  16384u
#define ENTRIES_MAX  1024u
#define TODAY_MAX    (2 * ENTRIES_MAX) /* looked at when it starts: not all of them were anybody's */
#define SHOWN_MAX    64u
#define BEDS_TOUCHED 16u
#define SOON_US      (200 * USEC_PER_MSEC)
#define PACE_US      (50 * USEC_PER_MSEC) /* between two: a long list must not keep alarms waiting */
#define BEDS_MAX     (DAY_JSON_MAX / 64)  /* more never have room in one picture */
#define REST_US      USEC_PER_SEC /* between two of one worker: a picture may be 48 KiB, and he looks at one at a time */
#define LOOK_US      (10 * USEC_PER_MIN)

struct DayFeed {
        PortHost *host;
        const Engine *engine;
        const Turn *turn;
        const Policy *policy;
        Cares *cares;
        const Registry *registry;
        const Port *ports;
        size_t n_ports;
        PortTimer *timer;
        bool timed;     /* the timer comes soon, … */
        bool resting;   /* … or when somebody's rest is over: only such people are dirty */
        uint32_t today; /* yyyymmdd */
        uint8_t dirty[WORKERS_MAX / 8], said[WORKERS_MAX / 8];
        uint32_t n_dirty;
        uint32_t next; /* where the look for a dirty one goes on */
        uint64_t rest_us[WORKERS_MAX]; /* no other picture before this time since boot */
        uint64_t cares_seen;
        uint32_t touched[BEDS_TOUCHED], n_touched;
        DayEntry *entries; /* oldest first */
        uint32_t n_entries;
        uint64_t need; /* of the picture that is held; 0: none is */
        uint32_t held; /* whose */
        uint32_t *order, n_order; /* residents, who has had the least first: the same for every worker; NULL: not yet */
        uint64_t order_version;   /* of what beds have had, when that was so … */
        uint32_t order_year;      /* … and of the policy */
        char json[DAY_JSON_MAX];
};

static bool bit(const uint8_t *bits, uint32_t i)
{
        return bits[i / 8] >> (i % 8) & 1;
}

static void bit_set(uint8_t *bits, uint32_t i, bool on)
{
        bits[i / 8] = (uint8_t)((bits[i / 8] & ~(1u << (i % 8))) | (unsigned)on << (i % 8));
}

/* Who visits beds and answers calls, and the desks that look after them. */
static bool has_day(const Worker *w)
{
        return w && (w->role == ROLE_WORKER || w->role == ROLE_BACKUP || w->role == ROLE_NURSE ||
                            w->role == ROLE_BUILDING_HEAD || w->role == ROLE_COMMUNITY ||
                            w->role == ROLE_NIGHT_DESK);
}

static uint32_t workers(const DayFeed *f)
{
        uint32_t n = f->registry ? f->registry->n_workers : 0;

        return n < WORKERS_MAX ? n : WORKERS_MAX;
}

static void soon(DayFeed *f)
{
        if (f->timed || !f->ports || f->need)
                return;
        f->timed = true;
        (void)f->host->timer_set(f->timer, SOON_US); /* fails only when the loop has ended */
}

static void dirty(DayFeed *f, uint32_t worker)
{
        if (worker == 0 || worker >= workers(f) || !has_day(registry_worker(f->registry, worker)))
                return;
        f->n_dirty += !bit(f->dirty, worker);
        bit_set(f->dirty, worker, true);
        if (f->resting && f->rest_us[worker] <= clock_now().boot_us)
                f->resting = f->timed = false;
        soon(f);
}

static bool covers(const Registry *r, const Worker *w, uint32_t resident)
{
        const Resident *who = registry_resident(r, resident);
        const Dwelling *at = who ? registry_dwelling(r, who->dwelling) : NULL;

        return who && roster_covers(r, w, at ? at->grid : 0, who->dwelling, resident);
}

/* Everybody (resident 0), or those who look after this bed. */
static void dirty_all(DayFeed *f, uint32_t resident)
{
        for (uint32_t i = 1; i < workers(f); i++)
                if (!resident || (registry_worker(f->registry, i) &&
                                         covers(f->registry, registry_worker(f->registry, i), resident)))
                        dirty(f, i);
}

/* The register */

static int64_t midnight(Now now, uint32_t *ret_date)
{
        uint32_t weekday, minute;
        int64_t into = now.wall_us % (int64_t)USEC_PER_MIN;

        clock_local(now, &weekday, &minute, ret_date);
        return now.wall_us - (int64_t)minute * (int64_t)USEC_PER_MIN - into;
}

/* January the first, as far as the offset from UTC of today goes. */
static int64_t new_year(Now now)
{
        static const uint16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
        uint32_t date, year, month;
        int64_t day = midnight(now, &date), days;
        bool leap;

        year = date / 10000;
        month = date / 100 % 100;
        leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        days = before[(month + 11) % 12] + (date % 100) - 1 + (leap && month > 2);
        return day - days * (int64_t)USEC_PER_DAY;
}

static void entry_drop(DayFeed *f, uint32_t i)
{
        f->n_entries--;
        memmove(&f->entries[i], &f->entries[i + 1], (f->n_entries - i) * sizeof(DayEntry));
}

static DayEntry *entry_of(DayFeed *f, uint64_t incident)
{
        for (uint32_t i = f->n_entries; i-- > 0;)
                if (f->entries[i].incident == incident)
                        return &f->entries[i];
        return NULL;
}

static DayEntry *entry_new(DayFeed *f)
{
        uint32_t oldest = 0;

        if (f->n_entries == ENTRIES_MAX) {
                for (uint32_t i = 0; i < f->n_entries; i++)
                        if (f->entries[i].state >= STATE_RESOLVED) {
                                oldest = i;
                                break;
                        }
                entry_drop(f, oldest);
        }
        f->entries[f->n_entries] = (DayEntry){0};
        return &f->entries[f->n_entries++];
}

static const char *class_kind(Class class)
{
        if (class == CLASS_VITAL_CRITICAL || class == CLASS_VITAL_URGENT)
                return "vital";
        return class == CLASS_CHECK ? "unknown" : class_word(class);
}

static int entry_restore(void *userdata, const StateRow *row)
{
        DayFeed *f = userdata;
        DayEntry *e = entry_new(f);

        *e = (DayEntry){.incident = row->id,
                .owner = row->owner,
                .resident = row->resident,
                .dwelling = row->dwelling,
                .state = (State)row->state,
                .opened_us = row->opened_us,
                .accepted_us = row->accepted_us,
                .resolved_us = row->resolved_us};
        (void)str_copy(e->kind, sizeof(e->kind), class_kind((Class)row->class)); /* fits */
        (void)str_copy(e->outcome, sizeof(e->outcome), row->outcome);            /* same sizes */
        return 0;
}

static void entry_note(DayFeed *f, const IncidentView *v)
{
        DayEntry *e = entry_of(f, v->id);

        if (!e && (!v->owner || v->test))
                return;
        if (!e)
                e = entry_new(f);
        if (e->owner != v->owner)
                dirty(f, e->owner);
        *e = (DayEntry){.incident = v->id,
                .owner = v->owner ? v->owner : e->owner,
                .resident = v->resident,
                .dwelling = v->dwelling,
                .state = v->state,
                .opened_us = v->opened_us,
                .accepted_us = v->accepted_us,
                .resolved_us = v->resolved_us};
        (void)str_copy(e->kind, sizeof(e->kind), notice_kind(v));   /* cut: a word of a device's own */
        (void)str_copy(e->outcome, sizeof(e->outcome), v->outcome); /* same sizes */
        dirty(f, e->owner);
}

/* A new day, or a start. */
static void day_begin(DayFeed *f, Now now)
{
        uint32_t date;
        int64_t from = midnight(now, &date);

        if (date == f->today)
                return;
        f->today = date;
        cares_from(f->cares, new_year(now));
        for (uint32_t i = 0; i < f->n_entries;)
                if (f->entries[i].opened_us < from && f->entries[i].resolved_us < from &&
                        f->entries[i].state >= STATE_RESOLVED)
                        entry_drop(f, i);
                else
                        i++;
        dirty_all(f, 0);
}

/* The picture */

static void bed_fill(const DayFeed *f, uint32_t resident, DayBed *ret)
{
        const Resident *r = registry_resident(f->registry, resident);
        const Dwelling *d = r ? registry_dwelling(f->registry, r->dwelling) : NULL;
        Care care = {0};

        *ret = (DayBed){.resident = r ? r->code : NULL,
                .name = r ? r->name : NULL,
                .address = d ? d->address : NULL,
                .plan = !r || r->visits == VISITS_NONE ? 0
                        : r->visits                    ? r->visits
                                                       : f->policy->visits_year};
        if (cares_of(f->cares, resident, &care)) {
                ret->done = care.visits;
                ret->seconds = care.seconds;
                ret->last_us = care.last_us;
        }
}

/* Whoever has had the least of what was promised stands first. */
static int bed_order(const void *x, const void *y)
{
        const DayBed *a = x, *b = y;
        uint64_t left = (uint64_t)a->done * (b->plan ? b->plan : 1),
                 right = (uint64_t)b->done * (a->plan ? a->plan : 1);

        if (!a->plan != !b->plan)
                return a->plan ? -1 : 1;
        if (left != right)
                return left < right ? -1 : 1;
        if (a->last_us != b->last_us)
                return a->last_us < b->last_us ? -1 : 1;
        return strcmp(a->resident, b->resident);
}

typedef struct Ranked {
        DayBed bed; /* first: bed_order() looks at it */
        uint32_t resident;
} Ranked;

static void order_drop(DayFeed *f)
{
        free(f->order);
        f->order = NULL;
        f->n_order = 0;
}

/* Looked up for all pictures until somebody has had a visit. */
static void order_make(DayFeed *f)
{
        const Registry *r = f->registry;
        uint64_t version = cares_version(f->cares);
        _cleanup_(freep) Ranked *ranked = NULL;
        uint32_t n = 0;

        if (f->order && f->order_version == version && f->order_year == f->policy->visits_year)
                return;
        order_drop(f);
        ranked = calloc(r->n_residents + 1, sizeof(Ranked));
        f->order = calloc(r->n_residents + 1, sizeof(uint32_t));
        NEED_MEMORY(ranked && f->order);
        for (uint32_t i = 1; i < r->n_residents; i++)
                if (registry_resident(r, i)) {
                        bed_fill(f, i, &ranked[n].bed);
                        ranked[n++].resident = i;
                }
        qsort(ranked, n, sizeof(Ranked), bed_order);
        for (uint32_t i = 0; i < n; i++)
                f->order[i] = ranked[i].resident;
        f->n_order = n;
        f->order_version = version;
        f->order_year = f->policy->visits_year;
}

/* The first BEDS_MAX; returns how many, and in *ret_more how many are left out. */
static uint32_t beds_gather(DayFeed *f, const Worker *w, DayBed *beds, uint32_t *ret_more)
{
        uint32_t n = 0;

        *ret_more = 0;
        order_make(f);
        for (uint32_t i = 0; i < f->n_order; i++) {
                if (!covers(f->registry, w, f->order[i]))
                        continue;
                if (n < BEDS_MAX)
                        bed_fill(f, f->order[i], &beds[n++]);
                else
                        ++*ret_more;
        }
        return n;
}

static void take(DayFeed *f, uint32_t worker)
{
        const Worker *w = registry_worker(f->registry, worker);
        _cleanup_(freep) DayBed *beds = calloc(BEDS_MAX, sizeof(DayBed));
        DayEntry entries[SHOWN_MAX];
        const char *names[SHOWN_MAX], *addresses[SHOWN_MAX];
        Day day = {.at_us = clock_now().wall_us,
                .recorded = !turn_is_degraded(f->turn),
                .beds = beds,
                .entries = entries,
                .names = names,
                .addresses = addresses};
        size_t n;

        NEED_MEMORY(beds && w);
        day.visiting = engine_visit(f->engine, worker, &day.visit);
        if (day.visiting) {
                bed_fill(f, day.visit.resident, &day.visited);
                day.counts_us = day.visit.since_us + (int64_t)f->policy->visit_min_us;
        }
        day.n_beds = beds_gather(f, w, beds, &day.n_more);
        for (uint32_t i = f->n_entries; i-- > 0 && day.n_entries < SHOWN_MAX;)
                if (f->entries[i].owner == worker)
                        entries[day.n_entries++] = f->entries[i];
        for (uint32_t i = 0; i < day.n_entries; i++) {
                const Resident *r = registry_resident(f->registry, entries[i].resident);
                const Dwelling *d = registry_dwelling(f->registry, entries[i].dwelling);

                names[i] = r ? r->name : NULL;
                addresses[i] = d ? d->address : NULL;
        }
        ASSERT(day_json(&day, f->json, sizeof(f->json), &n)); /* fits: DAY_JSON_MAX */
        f->held = worker;
        f->need = engine_next_seq(f->engine) - 1;
}

static void tell(const DayFeed *f, const char *worker_code, const char *json)
{
        char topic[128];
        Str s = STR_BUFFER(topic);

        str_addf(&s, "worker/%s/day", worker_code);
        ASSERT(!s.full); /* a code fits */
        for (size_t i = 0; i < f->n_ports; i++)
                if (f->ports[i].ops->tell)
                        f->ports[i].ops->tell(f->ports[i].port, topic, json);
}

static void say(DayFeed *f)
{
        const Worker *w = registry_worker(f->registry, f->held);

        f->need = 0;
        if (!w)
                return;
        tell(f, w->code, f->json);
        bit_set(f->said, f->held, true);
}

/* Who is dirty and does not rest; 0: nobody, and *ret_us is when the first of those who rest has rested. */
static uint32_t dirty_next(DayFeed *f, uint64_t now_us, uint64_t *ret_us)
{
        uint32_t n = workers(f);

        *ret_us = UINT64_MAX;
        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = (f->next + k) % n;

                if (!bit(f->dirty, i))
                        continue;
                if (f->rest_us[i] > now_us) {
                        *ret_us = f->rest_us[i] < *ret_us ? f->rest_us[i] : *ret_us;
                        continue;
                }
                bit_set(f->dirty, i, false);
                f->n_dirty--;
                f->next = i + 1;
                return i;
        }
        if (*ret_us == UINT64_MAX) {
                memset(f->dirty, 0, sizeof(f->dirty)); /* of people whom a smaller registry has no more */
                f->n_dirty = 0;
        }
        return 0;
}

/* Takes the next one, and says it when it may be said. */
static void go_on(DayFeed *f)
{
        uint64_t now = clock_now().boot_us, rested;
        uint32_t worker;

        if (f->need || !f->ports)
                return;
        worker = dirty_next(f, now, &rested);
        if (!worker && rested != UINT64_MAX) {
                f->timed = f->resting = true;
                (void)f->host->timer_set(f->timer, rested - now); /* fails only when the loop has ended */
        }
        if (!worker || !has_day(registry_worker(f->registry, worker)))
                return;
        take(f, worker);
        f->rest_us[worker] = now + REST_US;
        if (turn_released(f->turn) >= f->need)
                say(f);
        f->timed = true;
        (void)f->host->timer_set(f->timer, PACE_US); /* fails only when the loop has ended */
}

static void on_timer(void *userdata)
{
        DayFeed *f = userdata;

        f->timed = f->resting = false;
        day_begin(f, clock_now());
        go_on(f);
        if (!f->timed)
                (void)f->host->timer_set(f->timer, LOOK_US); /* fails only when the loop has ended */
}

static void committed(void *port, uint64_t seq)
{
        DayFeed *f = port;

        if (f->need && seq >= f->need)
                say(f);
        day_touch(f);
}

void day_touch(DayFeed *f)
{
        uint64_t version = cares_version(f->cares);

        if (version != f->cares_seen) {
                f->cares_seen = version;
                if (f->n_touched == 0 || f->n_touched > BEDS_TOUCHED)
                        dirty_all(f, 0);
                for (uint32_t i = 0; f->n_touched <= BEDS_TOUCHED && i < f->n_touched; i++)
                        dirty_all(f, f->touched[i]);
                f->n_touched = 0;
        }
        if (f->n_dirty > 0)
                soon(f);
}

void day_journaled(DayFeed *f, const Effect *e, Now now)
{
        const JournalRow *row = &e->journal;
        IncidentView v;

        ASSERT(e->type == EFFECT_JOURNAL);
        if (row->kind >= JOURNAL_VISIT_IN && row->kind <= JOURNAL_VISIT_FIXED) {
                dirty(f, row->worker);
                if (f->n_touched < BEDS_TOUCHED && row->resident)
                        f->touched[f->n_touched] = row->resident;
                f->n_touched += row->resident != 0;
                return;
        }
        if (row->kind >= JOURNAL_ACCEPTED && e->incident && engine_view(f->engine, e->incident, now, &v))
                entry_note(f, &v);
}

void day_registry_set(DayFeed *f, const Registry *registry)
{
        const Registry *old = f->registry;

        ASSERT(registry);
        for (uint32_t i = 1; old && i < workers(f); i++)
                if (bit(f->said, i) && registry_worker(old, i) && !has_day(registry_worker(registry, i))) {
                        tell(f, registry_worker(old, i)->code, "");
                        bit_set(f->said, i, false);
                }
        f->registry = registry;
        order_drop(f);
        f->need = 0; /* the one that is held may name who is gone */
        dirty_all(f, 0);
}

void day_read_back(DayFeed *f, const char *worker_code)
{
        if (f->ports && f->registry && !has_day(registry_worker(f->registry, registry_worker_id(f->registry, worker_code))))
                tell(f, worker_code, "");
}

void day_resend(DayFeed *f)
{
        dirty_all(f, 0);
}

void day_start(DayFeed *f, const Turn *turn, const Port *ports, size_t n_ports)
{
        ASSERT(f->registry);
        f->turn = turn;
        f->ports = ports;
        f->n_ports = n_ports;
        dirty_all(f, 0);
}

static void stop(void *port)
{
        DayFeed *f = port;

        f->ports = NULL;
        (void)f->host->timer_set(f->timer, UINT64_MAX);
}

Port day_port(DayFeed *f)
{
        static const PortOps ops = {.name = "day", .committed = committed, .stop = stop};

        return (Port){.ops = &ops, .port = f, .via = VIA_DAEMON};
}

int day_new(DayFeed **ret, PortHost *host, const Engine *engine, Store *store, const Policy *policy)
{
        DayFeed *f = calloc(1, sizeof(DayFeed));
        uint32_t date;
        int r;

        ASSERT(ret && host && engine && store && policy);
        if (!f)
                return error_origin(-ENOMEM);
        f->host = host;
        f->engine = engine;
        f->policy = policy;
        f->cares = store_cares(store);
        f->entries = calloc(ENTRIES_MAX, sizeof(DayEntry));
        r = f->entries ? host->timer(host, &f->timer, PORT_PRIORITY_VITALS, on_timer, f)
                       : error_origin(-ENOMEM);
        if (r < 0) {
                free(f->entries);
                free(f);
                return error_trace(r);
        }
        (void)store_today(store, midnight(clock_now(), &date), TODAY_MAX, entry_restore,
                f); /* else: it begins with now */
        day_begin(f, clock_now());
        *ret = f;
        return 0;
}

DayFeed *day_free(DayFeed *f)
{
        if (!f)
                return NULL;
        f->host->timer_free(f->timer);
        order_drop(f);
        free(f->entries);
        free(f);
        return NULL;
}
