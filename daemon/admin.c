/* SPDX-License-Identifier: Apache-2.0 */
#include "admin.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/str.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define TEXT_MAX 512 /* bytes of a reason, a role, a query */

bool admin_wait(Admin *a, uint64_t hold, uint64_t seq, const char *json)
{
        AdminWait *w;

        if (a->n == ADMIN_WAITING_MAX)
                return false;
        w = &a->waiting[a->n++];
        *w = (AdminWait){.hold = hold, .seq = seq};
        ASSERT(str_copy(w->json, sizeof(w->json), json));
        return true;
}

void admin_committed(Admin *a, uint64_t seq)
{
        for (uint32_t i = 0; i < a->n;) {
                if (a->waiting[i].seq == 0 || a->waiting[i].seq > seq) {
                        i++;
                        continue;
                }
                control_answer(a->control, a->waiting[i].hold, a->waiting[i].json);
                a->waiting[i] = a->waiting[--a->n];
        }
}

static void member(Str *s, const char *name, const char *value)
{
        if (!value[0])
                return;
        str_addf(s, ",\"%s\":", name);
        str_json(s, value);
}

int admin_access(Admin *a, uint32_t uid, const char *role, const char *reason, const char *what,
        const char *resident, uint64_t hold, char **ret_json)
{
        char body[8 * TEXT_MAX];
        Str s = STR_BUFFER(body);

        if (!reason[0] || !role[0])
                return control_refused("a role and a reason are needed", ret_json);
        if (strlen(reason) > TEXT_MAX || strlen(role) > TEXT_MAX || strlen(what) > TEXT_MAX ||
                (resident[0] && !str_code(resident)))
                return control_refused("too long", ret_json);
        if (a->n == ADMIN_WAITING_MAX)
                return control_refused("the gateway is busy", ret_json);
        str_addf(&s, "{\"admin\":\"access\",\"uid\":%" PRIu32, uid);
        member(&s, "role", role);
        member(&s, "reason", reason);
        member(&s, "what", what);
        member(&s, "resident", resident);
        str_add(&s, "}");
        if (s.full)
                return control_refused("too long", ret_json);
        ASSERT(admin_wait(a, hold, turn_note(a->turn, JOURNAL_ADMIN, body), "{\"result\":\"ok\"}"));
        return 0;
}

/* True: this person is in an incident that is not closed. */
static bool resident_busy(const Admin *a, uint32_t resident)
{
        Now now = clock_now();

        for (uint64_t id = engine_next_held(a->engine, 0); id; id = engine_next_held(a->engine, id)) {
                IncidentView v;

                if (engine_view(a->engine, id, now, &v) && v.resident == resident)
                        return true;
        }
        return false;
}

int admin_erase(
        Admin *a, uint32_t uid, const char *resident, const char *reason, uint64_t hold, char **ret_json)
{
        char body[8 * TEXT_MAX];
        uint32_t id = registry_resident_id(a->registry, resident);
        Str s = STR_BUFFER(body);

        if (!str_code(resident) || !reason[0] || strlen(reason) > TEXT_MAX)
                return control_refused("a resident's code and a reason are needed", ret_json);
        if (id > 0 && resident_busy(a, id))
                return control_refused("this person is in an incident that is not closed", ret_json);
        if (a->n == ADMIN_WAITING_MAX)
                return control_refused("the gateway is busy", ret_json);
        str_addf(&s, "{\"admin\":\"erase\",\"uid\":%" PRIu32, uid);
        member(&s, "resident", resident);
        member(&s, "reason", reason);
        str_add(&s, "}");
        if (s.full)
                return control_refused("too long", ret_json);
        turn_note_erase(a->turn, resident);
        ASSERT(admin_wait(a, hold, turn_note(a->turn, JOURNAL_ADMIN, body),
                id > 0 ? "{\"result\":\"ok\",\"registry\":true}" : "{\"result\":\"ok\"}"));
        return 0;
}

int admin_backup(Admin *a, uint32_t uid, const char *file, uint64_t hold, char **ret_json)
{
        char body[8 * TEXT_MAX];
        Str s = STR_BUFFER(body);

        if (file[0] != '/' || strlen(file) > 400)
                return control_refused("an absolute file name is needed", ret_json);
        for (uint32_t i = 0; i < a->n; i++)
                if (a->waiting[i].seq == 0)
                        return control_refused("a backup is under way", ret_json);
        if (a->n == ADMIN_WAITING_MAX || !store_backup(a->store, file))
                return control_refused("the gateway is busy", ret_json);
        ASSERT(admin_wait(a, hold, 0, ""));
        str_addf(&s, "{\"admin\":\"backup\",\"uid\":%" PRIu32, uid);
        member(&s, "file", file);
        str_add(&s, "}");
        (void)turn_note(a->turn, JOURNAL_ADMIN, s.full ? "{\"admin\":\"backup\"}" : body);
        return 0;
}

static void backup_answer(Admin *a)
{
        char why[128], json[256];
        Str s = STR_BUFFER(json);

        store_backup_why(a->store, why, sizeof(why));
        str_addf(&s, "{\"result\":\"%s\"", why[0] ? "failed" : "ok");
        member(&s, "text", why);
        str_add(&s, "}");
        ASSERT(!s.full);
        for (uint32_t i = 0; i < a->n; i++)
                if (a->waiting[i].seq == 0) {
                        control_answer(a->control, a->waiting[i].hold, json);
                        a->waiting[i] = a->waiting[--a->n];
                        return;
                }
}

bool admin_store(Admin *a)
{
        StoreStatus s;
        bool fresh;

        store_peek(a->store, &s);
        if (s.backups != a->backups) {
                a->backups = s.backups;
                backup_answer(a);
        }
        fresh = s.checkpoints != a->checkpoints;
        a->checkpoints = s.checkpoints;
        return fresh;
}
