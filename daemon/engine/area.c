/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many devices of one place lost at once: a power cut, a hub, a carrier. One matter instead of hundreds
 * (SEMANTICS.md section 8).
 *
 * A place is a building of a grid, or a whole grid. When at least 5 and at least 30 % of its supervised devices
 * were lost within 10 minutes, one AREA incident opens there (P3, the ladder of [Ladder check]: somebody goes round,
 * by the list of huyingctl unprotected, those at the highest risk first), and:
 *
 *   FOLD    faults of its members that nobody has taken yet become its children: closed by this rule, one a step,
 *           so that no list grows with the outage; whoever is on the way already keeps his
 *   HOLD    further losses are children at once, without a call. Ends when 90 % are back, after 2 h, or when
 *           somebody resolves the AREA incident
 *   RETURN  members that are still silent are faults again, one a step, with their original time
 *
 * The AREA incident itself is closed by a human being like any other. Areas live in memory: after a restart each
 * device has its interval, then whoever is still silent is a fault with its original time (the mark).
 */
#include "base/str.h"
#include "engine/internal.h"

#include <string.h>

#define AREA_WINDOW_US ((int64_t)(10 * USEC_PER_MIN))
#define AREA_HOLD_US   ((int64_t)(2 * USEC_PER_HOUR))
#define AREA_LOOK_US   ((int64_t)USEC_PER_MIN)
#define AREA_DEVICES   5u
#define AREA_PERCENT   30u
#define BACK_PERCENT   90u

static const Dwelling *dwelling_of(const Engine *e, uint32_t device)
{
        const Device *d = registry_device(e->registry, device);
        const Resident *r = d ? registry_resident(e->registry, d->resident) : NULL;
        const Dwelling *at = d ? registry_dwelling(e->registry, d->dwelling) : NULL;

        return at || !r ? at : registry_dwelling(e->registry, r->dwelling);
}

static bool is_member(const Engine *e, const Area *a, uint32_t device)
{
        const Dwelling *at = dwelling_of(e, device), *of = registry_dwelling(e->registry, a->dwelling);

        if (!at || at->grid != a->grid)
                return false;
        return !a->dwelling || (of && registry_same_building(at, of));
}

static uint64_t area_key(const Engine *e, const Area *a)
{
        const Dwelling *of = registry_dwelling(e->registry, a->dwelling);

        ASSERT(!of || of->building); /* area_takes() has seen its name */
        return of ? idmap_hash(of->building, strlen(of->building)) ^ a->grid : a->grid;
}

static bool recent(const Engine *e, const DeviceState *d)
{
        return (d->levels & LEVEL_LOST) && e->at - d->lost_us <= AREA_WINDOW_US;
}

/* Counts the supervised members, and those lost just now. True: it is an outage. */
static bool is_dark(const Engine *e, const Area *a)
{
        uint32_t n = e->registry->n_devices, lost = 0, total = 0;

        for (uint32_t id = 1; id < n; id++) {
                const Device *device = registry_device(e->registry, id);
                const DeviceState *d = supervision_of(e, id);

                if (!device || !d || !supervision_limit(e, device) || !is_member(e, a, id))
                        continue;
                total++;
                lost += recent(e, d);
        }
        return lost >= AREA_DEVICES && lost * 100 >= total * AREA_PERCENT;
}

static Area *area_of(Engine *e, uint32_t device)
{
        for (unsigned i = 0; i < AREAS_MAX; i++) {
                Area *a = &e->sup.areas[i];

                if ((a->phase == AREA_FOLD || a->phase == AREA_HOLD) && is_member(e, a, device))
                        return a;
        }
        return NULL;
}

static void area_open(Engine *e, const Area *found)
{
        Matter m = {.group = GROUP_FAULT,
                .class = CLASS_CHECK,
                .kind = ALARM_FAULT,
                .level = 1,
                .reason = REASON_AREA,
                .source = "",
                .word = ""};
        Area *a = NULL;
        Incident *in;
        uint64_t seq;

        for (unsigned i = 0; i < AREAS_MAX && !a; i++)
                if (e->sup.areas[i].phase == AREA_FREE)
                        a = &e->sup.areas[i];
        if (!a)
                return; /* each is a fault of its own then */
        m.place = (Place){.dwelling = found->dwelling,
                .grid = found->grid,
                .known = true,
                .key_type = KEY_AREA,
                .key_id = area_key(e, found)};
        in = incident_alarm(e, &m, &seq);
        *a = *found;
        a->incident = in->id;
        e->sup.n_areas++;
        a->phase = AREA_FOLD;
        a->cursor = 1;
        a->due_us = e->at;
        a->end_us = e->at + AREA_HOLD_US;
}

static bool storm(Engine *e)
{
        Supervision *s = &e->sup;

        s->losses_us[s->losses_at] = e->at;
        s->losses_at = (s->losses_at + 1) % AREA_DEVICES;
        /* the oldest of the last five */
        return s->losses_us[s->losses_at] != NEVER && e->at - s->losses_us[s->losses_at] <= AREA_WINDOW_US;
}

static bool is_back(const Area *a)
{
        ASSERT(a->lost <= a->most);
        return a->lost * 100 <= a->most * (100 - BACK_PERCENT);
}

static void take(Area *a, DeviceState *d)
{
        ASSERT((d->levels & LEVEL_LOST) && !d->area);
        a->lost++;
        if (a->lost > a->most)
                a->most = a->lost;
        d->area = true;
}

bool area_takes(Engine *e, uint32_t device)
{
        const Dwelling *at = dwelling_of(e, device);
        DeviceState *d = supervision_of(e, device);
        bool many = storm(e);
        Area found = {0}, *a;

        ASSERT(d && e->registry);
        if (!at || !at->grid)
                return false;
        if (!area_of(e, device)) {
                if (!many)
                        return false;
                found.grid = at->grid;
                if (!is_dark(e, &found)) {
                        if (!at->building || !at->building[0])
                                return false;
                        found.dwelling = (uint32_t)(at - e->registry->dwellings);
                        if (!is_dark(e, &found))
                                return false;
                }
                area_open(e, &found);
        }
        a = area_of(e, device);
        if (a)
                take(a, d);
        return a != NULL;
}

void area_back(Engine *e, uint32_t device)
{
        DeviceState *d = supervision_of(e, device);
        Area *a;
        Place p;

        ASSERT(d);
        if (!d->area)
                return;
        a = area_of(e, device);
        d->area = false;
        device_place(e, registry_device(e->registry, device)->code, &p);
        device_row(e, NULL, JOURNAL_DEVICE, &p, REASON_CONDITION);
        if (!a)
                return;
        ASSERT(a->lost > 0);
        a->lost--;
        if (is_back(a))
                a->due_us = e->at;
}

int64_t area_due(const Engine *e)
{
        int64_t due = NEVER;

        for (unsigned i = 0, n = 0; n < e->sup.n_areas; i++)
                if (e->sup.areas[i].phase != AREA_FREE) {
                        due = min_due(due, e->sup.areas[i].due_us);
                        n++;
                }
        return due;
}

/* The next member's own fault, if nobody has taken it: a child from now on. False: that was the last. */
static bool fold_one(Engine *e, Area *a)
{
        while (a->cursor < e->registry->n_devices) {
                uint32_t id = a->cursor++;
                DeviceState *d = supervision_of(e, id);
                Incident *in;

                if (!d || d->area || !recent(e, d) || !is_member(e, a, id))
                        continue;
                in = table_find(e, GROUP_FAULT, KEY_DEVICE, id);
                if (!in || in->state != STATE_ALERTING || in->why != REASON_LOST)
                        continue;
                take(a, d);
                supervision_touch(e, id);
                incident_fold(e, in, REASON_AREA, 0);
                return true;
        }
        return false;
}

static bool return_one(Engine *e, Area *a)
{
        while (a->cursor < e->registry->n_devices) {
                uint32_t id = a->cursor++;
                DeviceState *d = supervision_of(e, id);

                if (!d || !d->area || !is_member(e, a, id))
                        continue;
                d->area = false;
                supervision_returns(e, id);
                return true;
        }
        return false;
}

static bool is_over(const Engine *e, const Area *a)
{
        const Incident *in = table_get(e, a->incident);

        return !in || !state_open(in->state) || e->at >= a->end_us || is_back(a);
}

static void over(Engine *e, Area *a)
{
        Incident *in = table_get(e, a->incident);

        a->phase = AREA_RETURN;
        a->cursor = 1;
        a->due_us = e->at;
        if (in && state_open(in->state))
                incident_condition(e, in, "", 1, NULL);
}

/* One step of the area that is due first. */
void area_expire(Engine *e)
{
        Area *a = NULL;

        for (unsigned i = 0; i < AREAS_MAX; i++)
                if (e->sup.areas[i].phase != AREA_FREE && (!a || e->sup.areas[i].due_us < a->due_us))
                        a = &e->sup.areas[i];
        ASSERT(a && a->due_us <= e->at);
        ASSERT(e->registry);
        if (a->phase == AREA_FOLD) {
                if (!fold_one(e, a))
                        a->phase = AREA_HOLD;
        } else if (a->phase == AREA_HOLD) {
                if (is_over(e, a))
                        over(e, a);
                else
                        a->due_us = min_due(e->at + AREA_LOOK_US, a->end_us);
        } else if (!return_one(e, a)) {
                *a = (Area){0};
                e->sup.n_areas--;
        }
}
