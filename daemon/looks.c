/* SPDX-License-Identifier: Apache-2.0 */
#include "looks.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "log-ids.h"
#include "protocols/codec/view.h"
#include "store/readings-look.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TIME_MAX_S     253402300800 /* the year 10000 */
#define STEP_S         900
#define SPAN_S         86400
#define TEXT_MAX_BYTES 512 /* of a role, a reason */

/* Answers */

static bool cell_of(void *userdata, uint32_t step, Vital vital, VitalsCell *ret)
{
        return series_step(userdata, step, vital, &ret->min, &ret->mean, &ret->max);
}

static bool vitals_text(const Looks *l, const StoreLook *look, char *json, size_t cap, size_t *ret_size)
{
        const Resident *r = registry_resident(l->registry, look->resident);
        const Series *s = look->series;

        return vitals_json(&(VitalsView){.incident = look->incident,
                                   .resident = look->incident ? NULL : look->code,
                                   .from_s = s->from_s,
                                   .to_s = s->to_s,
                                   .step_s = s->step_s,
                                   .n_steps = s->n_steps,
                                   .hours = s->hours,
                                   .limits = r ? r->limits : NULL,
                                   .cell = cell_of,
                                   .userdata = look->series},
                json, cap, ret_size);
}

typedef struct Rows {
        const Looks *looks;
        const StoreLook *look;
} Rows;

static bool row_of(void *userdata, uint32_t n, TimelineRow *ret)
{
        const Rows *rows = userdata;
        const StoreStep *s = &rows->look->steps[n];
        const Worker *w;

        if (n >= rows->look->n_steps)
                return false;
        w = registry_worker(rows->looks->registry, registry_worker_id(rows->looks->registry, s->worker));
        *ret = (TimelineRow){.seq = s->seq,
                .at_us = s->t_us,
                .kind = s->kind,
                .erased = s->erased,
                .tier = s->tier,
                .value = s->value,
                .limit = s->limit,
                .worker = s->worker,
                .worker_name = w ? w->name : NULL,
                .source = s->source,
                .to = s->to,
                .reason = s->reason,
                .vital = s->vital,
                .alarm = s->alarm,
                .channel = s->channel,
                .outcome = s->outcome,
                .agency = s->agency,
                .note = s->note};
        return true;
}

static void show(const Looks *l, const char *worker, LookKind kind, const char *json, size_t n)
{
        for (size_t i = 0; i < l->n_ports; i++)
                if (l->ports[i].ops->show)
                        l->ports[i].ops->show(l->ports[i].port, worker,
                                kind == LOOK_VITALS ? "vitals" : "timeline", json, n);
}

/* It could not be read, or there is too much to do: whoever asked may ask again. */
static void show_none(const Looks *l, const char *worker, LookKind kind, uint64_t incident)
{
        char json[96];
        Str s = STR_BUFFER(json);

        str_addf(&s, "{\"incident\":%" PRIu64 ",\"error\":\"busy\"}", incident);
        show(l, worker, kind, json, s.n);
}

static void answer(Looks *l, const StoreLook *look)
{
        _cleanup_(freep) char *json = malloc(VIEW_JSON_MAX);
        size_t cap = look->hold ? VIEW_JSON_MAX : VIEW_SHOW_MAX, n = 0;
        bool good = !look->failed;

        NEED_MEMORY(json);
        if (good && look->kind == LOOK_VITALS)
                good = vitals_text(l, look, json, cap, &n);
        else if (good)
                good = timeline_json(look->incident, look->more, row_of, &(Rows){l, look}, json, cap, &n);
        if (look->hold)
                control_answer(l->control, look->hold,
                        good            ? json
                        : look->unknown ? "{\"result\":\"refused\",\"text\":\"no such resident\"}"
                                        : "{\"result\":\"failed\"}");
        else if (good)
                show(l, look->who, look->kind, json, n);
        else
                show_none(l, look->who, look->kind, look->incident);
}

/* Questions */

void looks_view(Looks *l, const Effect *e)
{
        StoreLook *look = store_look_new(e->view.what == ACTION_VITALS ? LOOK_VITALS : LOOK_TIMELINE);
        LookKind kind = look->kind;

        ASSERT(e->type == EFFECT_VIEW);
        look->incident = e->incident;
        look->resident = e->view.resident;
        look->to_s = (clock_now().wall_us / (int64_t)USEC_PER_SEC / STEP_S + 1) * STEP_S;
        look->from_s = look->to_s - SPAN_S;
        look->step_s = STEP_S;
        (void)str_copy(look->who, sizeof(look->who), e->view.worker); /* a code: it fits */
        if (!store_look(l->store, look))
                show_none(l, e->view.worker, kind, e->incident);
}

int looks_person(Looks *l, uint32_t uid, const ControlVitals *what, uint64_t hold, char **ret_json)
{
        uint32_t resident = registry_resident_id(l->registry, what->resident);
        char body[4096];
        Str s = STR_BUFFER(body);
        StoreLook *look;

        if (resident == 0 && !(what->role[0] && what->reason[0]))
                return control_refused("no such resident now; of one who has left: --role and --reason say "
                                       "who looks, and why",
                        ret_json);
        if (what->from_s < 0 || what->to_s <= what->from_s || what->to_s > TIME_MAX_S ||
                strlen(what->role) > TEXT_MAX_BYTES || strlen(what->reason) > TEXT_MAX_BYTES)
                return control_refused("no such time, or too long a text", ret_json);
        if (l->n == LOOKS_WAITING_MAX)
                return control_refused("the gateway is busy", ret_json);
        str_addf(&s, "{\"admin\":\"access\",\"uid\":%" PRIu32 ",\"role\":", uid);
        str_json(&s, what->role);
        str_add(&s, ",\"reason\":");
        str_json(&s, what->reason);
        str_add(&s, ",\"what\":\"vitals\",\"resident\":");
        str_json(&s, what->resident);
        str_add(&s, "}");
        if (s.full)
                return control_refused("too long a text", ret_json);
        look = store_look_new(LOOK_VITALS);
        look->resident = resident;
        (void)str_copy(look->code, sizeof(look->code), what->resident); /* a longer one is nobody's */
        look->from_s = what->from_s;
        look->to_s = what->to_s;
        look->step_s = what->step_s;
        look->hold = hold;
        l->waiting[l->n].look = look;
        l->waiting[l->n++].seq = turn_note(l->turn, JOURNAL_ADMIN, body);
        *ret_json = NULL;
        return 0;
}

void looks_committed(Looks *l, uint64_t seq)
{
        /* In degraded mode more is released than is on the disk: then nobody is shown anything. */
        if (seq > turn_committed(l->turn))
                seq = turn_committed(l->turn);
        for (uint32_t i = 0; i < l->n;) {
                uint64_t hold = l->waiting[i].look->hold;

                if (l->waiting[i].seq > seq) {
                        i++;
                        continue;
                }
                if (!store_look(l->store, l->waiting[i].look))
                        control_answer(l->control, hold,
                                "{\"result\":\"refused\",\"text\":\"the gateway is busy\"}");
                l->waiting[i] = l->waiting[--l->n];
        }
}

/* What the store has to say */

static void removed_note(Looks *l)
{
        StoreRemoved gone;

        while (store_removed(l->store, &gone)) {
                char json[160];
                Str s = STR_BUFFER(json);

                str_addf(&s,
                        "{\"readings\":\"%s\",\"day\":%" PRIu32 ",\"why\":\"%s\",\"bytes\":%" PRIu64 "}",
                        gone.hours ? "hours" : "day", gone.date, gone.quota ? "quota" : "time", gone.bytes);
                (void)turn_note(l->turn, JOURNAL_STORAGE, json);
                if (gone.quota)
                        log_warning("readings: %s of %" PRIu32 " removed: there is more than the quota",
                                gone.hours ? "hourly figures" : "those", gone.date);
                else
                        log_info("readings: %s of %" PRIu32 " removed: their time is over",
                                gone.hours ? "hourly figures" : "those", gone.date);
        }
}

void looks_store(Looks *l)
{
        StoreStatus s;

        store_peek(l->store, &s);
        if (s.looked != l->looked) {
                l->looked = s.looked;
                for (StoreLook *look; (look = store_look_done(l->store)); store_look_free(look))
                        answer(l, look);
        }
        if (s.removed != l->removed) {
                l->removed = s.removed;
                removed_note(l);
        }
        if (s.readings_dropped != l->dropped) {
                log_warning("readings: %" PRIu64 " let go since the start: there is no room for them",
                        s.readings_dropped);
                l->dropped = s.readings_dropped;
        }
        if (s.erased != l->erased) {
                l->erased = s.erased;
                (void)turn_note(l->turn, JOURNAL_ADMIN, "{\"admin\":\"readings_erased\"}");
        }
}

void looks_end(Looks *l)
{
        for (uint32_t i = 0; i < l->n; i++)
                store_look_free(l->waiting[i].look);
        l->n = 0;
}
