/* SPDX-License-Identifier: Apache-2.0 */
#include "base/assert.h"
#include "base/sorted.h"
#include "base/str.h"
#include "engine/code-index.h"
#include "engine/roster.h"

/*
 * Rights by role (SEMANTICS.md section 6).
 *
 * Whoever is sent may accept, go there and resolve. Desks may also supervise: they speak with the resident by
 * phone, confirm for somebody on site, hand off to 119 and 120, and override. Family, neighbours and the
 * property guard help: what they do is recorded and shown, and the ladder goes on until somebody who answers
 * for it has accepted.
 */
uint32_t role_rights(Role role)
{
        const uint32_t sent = RIGHT_ACCEPT | RIGHT_ON_SITE | RIGHT_RESOLVE;

        switch (role) {
        case ROLE_WORKER:
        case ROLE_BACKUP:
        case ROLE_BUILDING_HEAD:
        case ROLE_FIRE_STATION:
        case ROLE_NURSE:
        case ROLE_CARER: return sent;
        case ROLE_PROPERTY_GUARD:
        case ROLE_FAMILY:
        case ROLE_NEIGHBOUR: return 0;
        case ROLE_COMMUNITY:
        case ROLE_NIGHT_DESK:
        case ROLE_STREET:
        case ROLE_DISTRICT:
        case ROLE_OPERATOR:
        case ROLE_SUPERVISOR: return sent | RIGHT_SUPERVISE;
        case ROLE_MAX: break;
        }
        ASSERT(!"a role outside its range");
        return 0;
}

const Grid *registry_grid(const Registry *r, uint32_t id)
{
        return r && id > 0 && id < r->n_grids && r->grids[id].code ? &r->grids[id] : NULL;
}

const Dwelling *registry_dwelling(const Registry *r, uint32_t id)
{
        return r && id > 0 && id < r->n_dwellings && r->dwellings[id].code ? &r->dwellings[id] : NULL;
}

const Resident *registry_resident(const Registry *r, uint32_t id)
{
        return r && id > 0 && id < r->n_residents && r->residents[id].code ? &r->residents[id] : NULL;
}

const Device *registry_device(const Registry *r, uint32_t id)
{
        return r && id > 0 && id < r->n_devices && r->devices[id].code ? &r->devices[id] : NULL;
}

const Worker *registry_worker(const Registry *r, uint32_t id)
{
        return r && id > 0 && id < r->n_workers && r->workers[id].code ? &r->workers[id] : NULL;
}

bool registry_same_building(const Dwelling *a, const Dwelling *b)
{
        ASSERT(a && b);
        return a->grid == b->grid && a->building && a->building[0] && b->building &&
               str_equal(a->building, b->building);
}

uint32_t registry_device_id(const Registry *r, const char *code)
{
        return r ? code_index_find(r, CODE_DEVICE, code) : 0;
}

uint32_t registry_worker_id(const Registry *r, const char *code)
{
        return r ? code_index_find(r, CODE_WORKER, code) : 0;
}

uint32_t registry_grid_id(const Registry *r, const char *code)
{
        return r ? code_index_find(r, CODE_GRID, code) : 0;
}

uint32_t registry_dwelling_id(const Registry *r, const char *code)
{
        return r ? code_index_find(r, CODE_DWELLING, code) : 0;
}

uint32_t registry_resident_id(const Registry *r, const char *code)
{
        return r ? code_index_find(r, CODE_RESIDENT, code) : 0;
}

/* The scope is the grid itself or one above it. A ring of parents, which no checked registry has, ends. */
static bool grid_within(const Registry *r, uint32_t grid, uint32_t scope)
{
        for (uint32_t hops = 0; grid && hops <= r->n_grids; hops++) {
                const Grid *g = registry_grid(r, grid);

                if (grid == scope)
                        return true;
                grid = g ? g->parent : 0;
        }
        return false;
}

bool roster_covers(const Registry *r, const Worker *w, uint32_t grid, uint32_t dwelling, uint32_t resident)
{
        const Dwelling *d = registry_dwelling(r, dwelling);

        ASSERT(w);
        ASSERT(r);
        switch (w->scope) {
        case SCOPE_SITE: return true;
        case SCOPE_GRID: return grid_within(r, grid ? grid : d ? d->grid : 0, w->scope_id);
        case SCOPE_BUILDING:
                return d && d->building && w->scope_building && str_equal(d->building, w->scope_building);
        case SCOPE_RESIDENT: {
                const Resident *theirs = registry_resident(r, w->scope_id);

                /* A fixed device in a flat of several: the family of each of them. */
                return theirs &&
                       (resident ? resident == w->scope_id : dwelling && theirs->dwelling == dwelling);
        }
        }
        return false;
}

static uint32_t first_duty(const Registry *r, uint32_t worker)
{
        return sorted_first(r->duties, r->n_duties, sizeof(Duty), worker);
}

int roster_holiday(const Registry *r, uint32_t yyyymmdd)
{
        uint32_t i = sorted_first(r->holidays, r->n_holidays, sizeof(Holiday), yyyymmdd);

        ASSERT(yyyymmdd > 0);
        if (i < r->n_holidays && r->holidays[i].date == yyyymmdd)
                return r->holidays[i].work ? 1 : -1;
        return 0;
}

bool roster_is_workday(const Registry *r, uint32_t weekday, uint32_t yyyymmdd)
{
        int says = roster_holiday(r, yyyymmdd);

        ASSERT(weekday < 7);
        return says ? says > 0 : weekday >= 1 && weekday <= 5;
}

/* A day of local time, and what the calendar says of it. */
typedef struct Day {
        uint32_t weekday, date;
        bool work;
} Day;

static Day day_at(const Registry *r, Now now, int64_t offset_us, uint32_t *ret_minute)
{
        Day d;

        now.wall_us += offset_us;
        clock_local(now, &d.weekday, ret_minute, &d.date);
        ASSERT(d.weekday < 7 && *ret_minute < 1440);
        d.work = roster_is_workday(r, d.weekday, d.date);
        return d;
}

static bool duty_begins(const Duty *d, Day day)
{
        if ((d->valid_from && day.date < d->valid_from) || (d->valid_to && day.date > d->valid_to))
                return false;
        return (d->days & (1u << day.weekday)) || (d->days & (day.work ? DUTY_WORKDAYS : DUTY_HOLIDAYS));
}

/* The duty that begins on this day covers the minute; after midnight the day of its beginning counts. */
static bool duty_covers(const Duty *d, Day day, uint32_t minute, bool next_day)
{
        bool over_midnight = d->to_minute <= d->from_minute;

        if (!duty_begins(d, day))
                return false;
        if (next_day)
                return over_midnight && minute < d->to_minute;
        return minute >= d->from_minute && (over_midnight || minute < d->to_minute);
}

bool roster_has_duty(const Registry *r, uint32_t worker)
{
        uint32_t i;

        ASSERT(r);
        i = first_duty(r, worker);
        return i < r->n_duties && r->duties[i].worker == worker;
}

int roster_override(const Registry *r, uint32_t worker, Now now)
{
        uint32_t weekday, minute, date;
        LocalStamp stamp;
        int says = 0;

        ASSERT(r);
        if (!r->n_overrides)
                return 0;
        clock_local(now, &weekday, &minute, &date);
        stamp = (LocalStamp)date * 1440 + minute;
        for (uint32_t i = sorted_first(r->overrides, r->n_overrides, sizeof(Override), worker);
                i < r->n_overrides && r->overrides[i].worker == worker; i++) {
                const Override *o = &r->overrides[i];

                if (stamp < o->from || stamp >= o->to)
                        continue;
                if (o->on)
                        return 1;
                says = -1;
        }
        return says;
}

bool roster_rostered(const Registry *r, uint32_t worker, Now now)
{
        uint32_t minute, i;
        Day day, before;
        int says = roster_override(r, worker, now);

        ASSERT(r);
        if (says)
                return says > 0;
        i = first_duty(r, worker);
        if (i >= r->n_duties || r->duties[i].worker != worker)
                return true; /* nobody has made a roster for this person: always */
        before = day_at(r, now, -(int64_t)USEC_PER_DAY, &minute);
        day = day_at(r, now, 0, &minute);
        for (; i < r->n_duties && r->duties[i].worker == worker; i++)
                if (duty_covers(&r->duties[i], day, minute, false) ||
                        duty_covers(&r->duties[i], before, minute, true))
                        return true;
        return false;
}

/* Sooner of `best` and the moment, if that lies after now. All in minutes from the midnight before now. */
static int64_t sooner_of(int64_t best, int64_t moment_us, int64_t after_us)
{
        return moment_us > after_us && moment_us < best ? moment_us : best;
}

#define NEXT_DAYS 9 /* a week, the shift that began yesterday, and the offset of a day */

int64_t roster_next(const Registry *r, Now now, int64_t offset_us)
{
        const int64_t minute_us = (int64_t)USEC_PER_MIN, day_us = (int64_t)USEC_PER_DAY;
        int64_t best = INT64_MAX, midnight, after;
        uint32_t minute;

        ASSERT(r);
        ASSERT(offset_us <= day_us && offset_us >= -day_us);
        (void)day_at(r, now, 0, &minute);
        after = (now.wall_us + (int64_t)now.utc_s * (int64_t)USEC_PER_SEC) % minute_us;
        after = (int64_t)minute * minute_us + (after < 0 ? after + minute_us : after);
        midnight = now.wall_us - after; /* of the local day of now; the times below count from it */
        for (int64_t d = -2; d <= NEXT_DAYS; d++) {
                uint32_t same;
                Day day = day_at(r, now, d * day_us, &same);
                int64_t zero = d * day_us + offset_us;

                for (uint32_t i = 0; i < r->n_duties; i++) {
                        const Duty *duty = &r->duties[i];
                        int64_t to = duty->to_minute + (duty->to_minute <= duty->from_minute ? 1440 : 0);

                        if (!duty_begins(duty, day))
                                continue;
                        best = sooner_of(best, zero + duty->from_minute * minute_us, after);
                        best = sooner_of(best, zero + to * minute_us, after);
                }
                for (uint32_t i = 0; i < r->n_overrides; i++) {
                        LocalStamp start = (LocalStamp)day.date * 1440;

                        for (unsigned end = 0; end < 2; end++) {
                                LocalStamp at = end ? r->overrides[i].to : r->overrides[i].from;

                                if (at >= start && at <= start + 1440)
                                        best = sooner_of(
                                                best, zero + (int64_t)(at - start) * minute_us, after);
                        }
                }
        }
        return best == INT64_MAX ? INT64_MAX : midnight + best;
}

uint32_t roster_sole_resident(const Registry *r, uint32_t dwelling)
{
        return r && dwelling ? code_index_sole(r, dwelling) : 0;
}

uint32_t roster_near(const Registry *r, uint32_t after, uint32_t dwelling, uint32_t resident)
{
        return r ? code_index_near(r, after, dwelling, resident) : 0;
}
