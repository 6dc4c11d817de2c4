/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gaps: hours in which nobody of a tier is rostered for a grid, told 24 h and 2 h ahead and when they begin.
 *
 * Looked at only when the duty table changes somebody's duty (people.c arms that moment, and the same moment
 * less 2 h and less 24 h), and for the whole day ahead when the registry or the gateway is new. A look counts
 * who is rostered once a point in time, by grid, and walks up from each grid where somebody lives.
 *
 * A gap is one matter for each (grid, role): P5 the day before, P4 two hours before, P3 when it begins; the desk
 * is called first. It is about the table alone: who has checked in is another question, which the ladder asks.
 * Roles that serve a building or a resident are not looked at: they add to the others.
 *
 * pure functions of the registry at the end: what an import, a start and a reload check.
 */
#include "engine/internal.h"

#include <string.h>

enum { MAP_NEED, MAP_EXIST, MAP_NOW, MAP_BEFORE, GAP_MAPS };

#define POINT_US     ((int64_t)(30 * USEC_PER_MIN)) /* of the look at the whole day ahead */
#define POINTS       49
#define AHEAD_2H_US  ((int64_t)(2 * USEC_PER_HOUR))
#define AHEAD_24H_US ((int64_t)(24 * USEC_PER_HOUR))

size_t gaps_size(void)
{
        return GAP_MAPS * GAP_GRIDS_MAX * sizeof(uint32_t);
}

void gaps_init(Engine *e, char **memory)
{
        e->gap_maps = (uint32_t *)(void *)*memory;
        *memory += gaps_size();
}

static uint32_t *map_of(const Engine *e, unsigned map)
{
        ASSERT(map < GAP_MAPS);
        return e->gap_maps + map * GAP_GRIDS_MAX;
}

/* Bit Role by grid: who accepts, and serves a grid or the site. `at`: only who is rostered then. */
static void cover(const Registry *r, uint32_t *map, const Now *at)
{
        memset(map, 0, GAP_GRIDS_MAX * sizeof(uint32_t));
        for (uint32_t id = 1; id < r->n_workers; id++) {
                const Worker *w = registry_worker(r, id);
                uint32_t grid = w && w->scope == SCOPE_GRID ? w->scope_id : 0;

                if (!w || (w->scope != SCOPE_SITE && w->scope != SCOPE_GRID) || grid >= GAP_GRIDS_MAX ||
                        !(role_rights(w->role) & RIGHT_ACCEPT) || (at && !roster_rostered(r, id, *at)))
                        continue;
                map[grid] |= BIT(w->role);
        }
}

/* What the map says of a grid: its own, those above it, the site's. */
static uint32_t covered(const Registry *r, const uint32_t *map, uint32_t grid)
{
        uint32_t bits = map[0];

        for (uint32_t hops = 0; grid && grid < GAP_GRIDS_MAX && hops <= r->n_grids; hops++) {
                const Grid *g = registry_grid(r, grid);

                bits |= map[grid];
                grid = g ? g->parent : 0;
        }
        return bits;
}

/* Grids where somebody lives. */
static void needs(const Registry *r, uint32_t *map)
{
        memset(map, 0, GAP_GRIDS_MAX * sizeof(uint32_t));
        for (uint32_t id = 1; id < r->n_dwellings; id++) {
                const Dwelling *d = registry_dwelling(r, id);

                if (d && d->grid < GAP_GRIDS_MAX)
                        map[d->grid] = 1;
        }
        map[0] = 0;
}

static uint64_t gap_key(uint32_t grid, Role role)
{
        return ((uint64_t)SYSTEM_ROSTER + 1) | (uint64_t)(role + 1) << 8 | (uint64_t)grid << 16;
}

static Incident *gap_held(const Engine *e, uint32_t grid, Role role)
{
        return table_find(e, GROUP_SYSTEM, KEY_CAUSE, gap_key(grid, role));
}

/* Opens the matter, or makes it more urgent than it was. */
static void gap_tell(Engine *e, uint32_t grid, Role role, uint8_t priority)
{
        Incident *in = gap_held(e, grid, role);
        Matter m = {.group = GROUP_SYSTEM,
                .class = CLASS_SYSTEM,
                .kind = ALARM_FAULT,
                .level = 1,
                .reason = REASON_EMPTY,
                .cause = SYSTEM_ROSTER,
                .priority = priority,
                .community_first = true,
                .word = role_word(role)};
        uint64_t seq;

        ASSERT(priority >= 3 && priority <= 5);
        if (in && in->priority <= priority)
                return;
        m.place = (Place){.grid = grid, .known = true, .key_type = KEY_CAUSE, .key_id = gap_key(grid, role)};
        if (!in || in->state == STATE_RESOLVED)
                in = incident_alarm(e, &m, &seq);
        if (in->priority <= priority)
                return;
        in->priority = in->plan.priority = priority;
        timers_rekey(e, in);
        emit_journal(e, in, JOURNAL_SYSTEM)->cause = SYSTEM_ROSTER;
        if (ladder_runs(in))
                notice_mark(e, in, ladder_reached(in), REASON_EMPTY, e->at);
        emit_alert(e, in);
}

/* One grid at one point. False: no room for another matter. */
static bool grid_look(Engine *e, uint32_t grid, int64_t ahead_us)
{
        const Registry *r = e->registry;
        const ClassPolicy *plan = &e->policy.classes[CLASS_SOS];
        uint32_t exist = covered(r, map_of(e, MAP_EXIST), grid), now = covered(r, map_of(e, MAP_NOW), grid);
        uint32_t before = covered(r, map_of(e, MAP_BEFORE), grid);
        uint8_t priority = ahead_us == 0 ? 3 : ahead_us <= AHEAD_2H_US ? 4 : 5;

        for (unsigned k = 0; k < TIERS_MAX; k++) {
                uint32_t roles = plan->tiers[k].present ? plan->tiers[k].roles & exist : 0;
                Role role = 0;
                Incident *in;

                if (!roles)
                        continue;
                while (!(roles & BIT(role)))
                        role++;
                if (emit_room(e) < LIST_ROOM)
                        return false;
                in = gap_held(e, grid, role);
                if (!(now & roles) && (e->roster_anew || (before & roles)))
                        gap_tell(e, grid, role, priority);
                else if (in && ahead_us == 0 && (now & roles) && source_at(in, 0)->active &&
                         (e->roster_anew ? in->priority == 3 : !(before & roles)))
                        incident_condition(e, in, "", 1, NULL);
        }
        return true;
}

static bool point_look(Engine *e, int64_t wall_us, int64_t ahead_us)
{
        const Registry *r = e->registry;
        Now at = e->now;

        at.wall_us = wall_us + ahead_us;
        cover(r, map_of(e, MAP_NOW), &at);
        at.wall_us -= (int64_t)USEC_PER_MIN;
        if (e->roster_anew)
                memset(map_of(e, MAP_BEFORE), 0, GAP_GRIDS_MAX * sizeof(uint32_t));
        else
                cover(r, map_of(e, MAP_BEFORE), &at);
        for (; e->gap_grid < r->n_grids && e->gap_grid < GAP_GRIDS_MAX; e->gap_grid++)
                if (map_of(e, MAP_NEED)[e->gap_grid] && !grid_look(e, e->gap_grid, ahead_us))
                        return false;
        e->gap_grid = 0;
        return true;
}

bool gaps_look(Engine *e, int64_t wall_us)
{
        static const int64_t ahead[] = {0, AHEAD_2H_US, AHEAD_24H_US};
        uint32_t points = e->roster_anew ? POINTS : 3;

        ASSERT(e->registry);
        needs(e->registry, map_of(e, MAP_NEED));
        cover(e->registry, map_of(e, MAP_EXIST), NULL);
        for (; e->gap_point < points; e->gap_point++)
                if (!point_look(e, wall_us, e->roster_anew ? e->gap_point * POINT_US : ahead[e->gap_point]))
                        return false;
        e->gap_point = 0;
        return true;
}

/* What an import, a start and a reload check */

#define CHECK_HOURS (14 * 24)

_Static_assert(CLASS_MAX <= (int)ROLE_MAX, "a set of roles for each class");

/* Somebody of these roles, who may accept and serves this place. */
static bool is_target(const Registry *r, const Worker *w, uint32_t roles, uint32_t grid)
{
        return w && (roles & BIT(w->role)) && (role_rights(w->role) & RIGHT_ACCEPT) &&
               (w->scope == SCOPE_SITE || w->scope == SCOPE_GRID) && roster_covers(r, w, grid, 0, 0);
}

/* … who is there at that hour. */
static bool target_at(const Registry *r, uint32_t roles, uint32_t grid, Now at)
{
        for (uint32_t id = 1; id < r->n_workers; id++) {
                const Worker *w = registry_worker(r, id);

                if (is_target(r, w, roles, grid) && roster_rostered(r, id, at))
                        return true;
        }
        return false;
}

/* The first hour of the next 14 days without a target. True: there is one. */
static bool hour_without(const Registry *r, uint32_t roles, uint32_t grid, Now now, int64_t *ret_wall)
{
        bool always = false;

        for (uint32_t id = 1; id < r->n_workers && !always; id++) {
                const Worker *w = registry_worker(r, id);

                always = is_target(r, w, roles, grid) && !roster_has_duty(r, id) && !r->n_overrides;
        }
        for (unsigned hour = 0; !always && hour < CHECK_HOURS; hour++) {
                Now at = now;

                at.wall_us += (int64_t)(hour * USEC_PER_HOUR);
                if (target_at(r, roles, grid, at))
                        continue;
                *ret_wall = at.wall_us;
                return true;
        }
        return false;
}

bool roster_check(const Registry *r, const Policy *policy, Now now, RosterProblem *ret)
{
        uint32_t checked[ROLE_MAX] = {0}, n_checked = 0;

        ASSERT(r && policy);
        ASSERT(ret);
        for (unsigned c = 0; c < CLASS_MAX; c++) {
                const ClassPolicy *plan = &policy->classes[c];
                uint32_t roles;
                bool before = false;

                if (plan->priority != 1)
                        continue;
                roles = plan->tiers[plan_last(plan) - 1].roles;
                for (unsigned i = 0; i < n_checked; i++)
                        before |= checked[i] == roles;
                if (before)
                        continue; /* ladders end with the same people, as a rule */
                ASSERT(n_checked < ROLE_MAX);
                checked[n_checked++] = roles;
                for (uint32_t grid = 1; grid < r->n_grids; grid++) {
                        bool lived_in = false;

                        for (uint32_t d = 1; d < r->n_dwellings && !lived_in; d++)
                                lived_in = registry_dwelling(r, d) && r->dwellings[d].grid == grid;
                        if (!lived_in || !hour_without(r, roles, grid, now, &ret->wall_us))
                                continue;
                        ret->class = (Class)c;
                        ret->tier = plan_last(plan);
                        ret->grid = grid;
                        ret->roles = roles;
                        return false;
                }
        }
        return true;
}

uint32_t roster_missing_roles(const Registry *r, const Policy *policy)
{
        uint32_t wanted = 0;

        ASSERT(r && policy);
        for (unsigned c = 0; c < CLASS_MAX; c++)
                for (unsigned k = 0; k < TIERS_MAX; k++)
                        if (policy->classes[c].tiers[k].present)
                                wanted |= policy->classes[c].tiers[k].roles;
        for (Role role = 0; role < ROLE_MAX; role++)
                if (!(role_rights(role) & RIGHT_ACCEPT))
                        wanted &= ~BIT(role);
        for (uint32_t id = 1; id < r->n_workers; id++)
                if (registry_worker(r, id))
                        wanted &= ~BIT(r->workers[id].role);
        return wanted;
}
