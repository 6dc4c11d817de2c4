/* SPDX-License-Identifier: Apache-2.0 */
#include "roster-check.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/str.h"

static void roles_add(Str *s, uint32_t roles)
{
        bool any = false;

        for (unsigned role = 0; role < ROLE_MAX; role++)
                if (roles & (1u << role)) {
                        str_addf(s, "%s%s", any ? ", " : "", role_word((Role)role));
                        any = true;
                }
}

bool roster_can_serve(const Registry *r, const Policy *policy, Now now, char *ret_text, size_t cap)
{
        uint32_t missing = roster_missing_roles(r, policy);
        RosterProblem problem;
        char text[256], when[20];
        Str s = STR_BUFFER(text);
        Str to = {.p = ret_text, .cap = cap};

        ASSERT(ret_text && cap > 0);
        if (missing) {
                roles_add(&s, missing);
                log_warning("the ladders call roles that nobody in the registry has: %s", text);
        }
        ret_text[0] = 0;
        if (roster_check(r, policy, now, &problem))
                return true;
        clock_format_local(problem.wall_us, when);
        str_addf(&to,
                "[Ladder %s] ends with nobody on %.16s in grid %s: tier %u needs somebody at every hour (",
                class_word(problem.class), when, r->grids[problem.grid].code, problem.tier);
        roles_add(&to, problem.roles);
        str_add(&to, ")");
        return false;
}

void registry_counts(const Registry *r, Str *s)
{
        uint32_t devices = 0, residents = 0, workers = 0;

        for (uint32_t i = 1; i < r->n_devices; i++)
                devices += registry_device(r, i) != NULL;
        for (uint32_t i = 1; i < r->n_residents; i++)
                residents += registry_resident(r, i) != NULL;
        for (uint32_t i = 1; i < r->n_workers; i++)
                workers += registry_worker(r, i) != NULL;
        str_addf(s, "{\"result\":\"ok\",\"devices\":%u,\"residents\":%u,\"workers\":%u}", devices, residents,
                workers);
}
