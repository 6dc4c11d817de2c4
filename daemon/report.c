/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON for huyingctl. Codes only, no names or phones: who may see those, and that they did, is the business
 * of the tools that read the registry.
 */
#include "report.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"

#include <errno.h>
#include <string.h>

#ifndef HUYING_VERSION
#define HUYING_VERSION "unknown"
#endif

void counters_add(Counters *c, const char *name)
{
        for (uint32_t i = 0; i < c->n; i++)
                if (str_equal(c->items[i].name, name)) {
                        c->items[i].n++;
                        return;
                }
        if (c->n == REPORT_COUNTERS_MAX)
                return; /* the names are ours and few */
        (void)str_copy(c->items[c->n].name, sizeof(c->items[0].name), name);
        c->items[c->n++].n = 1;
}

/* A JSON text that grows. */
typedef struct Json {
        char *text;
        size_t size;
        FILE *f;
        bool first;
} Json;

static int json_begin(Json *j, const char *open)
{
        *j = (Json){.first = true};
        j->f = open_memstream(&j->text, &j->size);
        if (!j->f)
                return error_origin(-ENOMEM);
        fputs(open, j->f);
        return 0;
}

static int json_end(Json *j, const char *close, char **ret)
{
        fputs(close, j->f);
        if (fclose(j->f) != 0) {
                free(j->text);
                return error_origin(-ENOMEM);
        }
        *ret = j->text;
        return 0;
}

static void json_name(Json *j, const char *name)
{
        fprintf(j->f, "%s\"%s\":", j->first ? "" : ",", name);
        j->first = false;
}

static void json_text(Json *j, const char *name, const char *value)
{
        char buffer[2048];
        Str s = STR_BUFFER(buffer);

        str_json(&s, value);
        json_name(j, name);
        fputs(buffer, j->f);
}

static void json_u64(Json *j, const char *name, uint64_t value)
{
        json_name(j, name);
        fprintf(j->f, "%llu", (unsigned long long)value);
}

static void json_bool(Json *j, const char *name, bool value)
{
        json_name(j, name);
        fputs(value ? "true" : "false", j->f);
}

static void json_time(Json *j, const char *name, int64_t wall_us)
{
        if (!wall_us)
                return;
        json_name(j, name);
        fprintf(j->f, "%lld.%03lld", (long long)(wall_us / 1000000), (long long)(wall_us / 1000 % 1000));
}

static void json_object(Json *j, const char *open)
{
        if (!j->first)
                fputc(',', j->f);
        fputs(open, j->f);
        j->first = true;
}

static void json_close(Json *j, const char *close)
{
        fputs(close, j->f);
        j->first = false;
}

void report_numbers(const Report *rp, Now now, ReportNumbers *ret)
{
        *ret = (ReportNumbers){.uptime_s = (now.boot_us - rp->started_us) / USEC_PER_SEC};
        for (uint64_t id = engine_next_open(rp->engine, 0); id; id = engine_next_open(rp->engine, id)) {
                IncidentView v;

                if (!engine_view(rp->engine, id, now, &v))
                        continue;
                ASSERT(v.priority >= 1 && v.priority <= 5);
                ret->open[v.priority]++;
                ret->unanswered += v.priority <= 2 && v.state == STATE_ALERTING;
                ret->overdue += v.exhausted || (v.arrive_by_us && v.arrive_by_us < now.wall_us) ||
                                (v.handle_by_us && v.handle_by_us < now.wall_us);
        }
        for (uint32_t i = 1; i < rp->registry->n_devices; i++)
                ret->devices += registry_device(rp->registry, i) != NULL;
        for (uint32_t i = 1; i < rp->registry->n_workers; i++) {
                ret->workers += registry_worker(rp->registry, i) != NULL;
                ret->on_duty += engine_worker_on(rp->engine, i, now);
        }
}

void report_facts(const Report *rp, Now now, HttpFacts *ret)
{
        ReportNumbers n;

        report_numbers(rp, now, &n);
        *ret = (HttpFacts){.unanswered = n.unanswered,
                .overdue = n.overdue,
                .waiting = outbox_waiting(rp->outbox),
                .devices = n.devices,
                .workers = n.workers,
                .on_duty = n.on_duty,
                .committed_seq = turn_committed(rp->turn),
                .uptime_s = n.uptime_s,
                .degraded = turn_is_degraded(rp->turn),
                .broker = rp->mqtt_up};
        memcpy(ret->open, n.open, sizeof(ret->open));
        (void)str_copy(ret->why, sizeof(ret->why), rp->why);
}

int report_status(const Report *rp, Now now, char **ret_json)
{
        bool degraded = turn_is_degraded(rp->turn);
        ReportNumbers t;
        Json j;
        int r;

        ASSERT(ret_json);
        report_numbers(rp, now, &t);
        r = json_begin(&j, "{");
        if (r < 0)
                return error_trace(r);
        json_text(&j, "site", rp->config->site);
        json_text(&j, "version", HUYING_VERSION);
        json_text(&j, "state",
                degraded                                                       ? "degraded"
                : t.unanswered || t.overdue || !rp->mqtt_up || t.on_duty == 0 ? "attention"
                                                                               : "ok");
        json_u64(&j, "open", engine_open_count(rp->engine));
        json_u64(&j, "unanswered", t.unanswered);
        json_u64(&j, "overdue", t.overdue);
        json_u64(&j, "waiting", outbox_waiting(rp->outbox));
        json_bool(&j, "mqtt", rp->mqtt_up);
        json_bool(&j, "clock_trusted", now.trusted);
        json_u64(&j, "recorded_seq", turn_committed(rp->turn));
        json_u64(&j, "uptime", t.uptime_s);
        json_u64(&j, "devices", t.devices);
        json_u64(&j, "workers", t.workers);
        json_u64(&j, "on_duty", t.on_duty);
        json_text(&j, "why", rp->why);
        json_name(&j, "counters");
        j.first = true;
        fputc('{', j.f);
        for (uint32_t i = 0; i < rp->counters->n; i++)
                json_u64(&j, rp->counters->items[i].name, rp->counters->items[i].n);
        fputc('}', j.f);
        return json_end(&j, "}", ret_json);
}

static void incident_members(const Report *rp, Json *j, const IncidentView *v)
{
        const Dwelling *d = registry_dwelling(rp->registry, v->dwelling);
        const Grid *g = registry_grid(rp->registry, v->grid);
        const Worker *w = registry_worker(rp->registry, v->owner);

        json_u64(j, "incident", v->id);
        json_text(j, "kind",
                v->group == GROUP_SYSTEM ? system_cause_word(v->cause) : alarm_kind_word(v->kind));
        json_text(j, "group", group_word(v->group));
        json_text(j, "class", class_word(v->class));
        json_u64(j, "priority", v->priority);
        json_text(j, "state", state_word(v->state));
        json_u64(j, "tier", v->tier);
        json_u64(j, "tiers", v->tiers);
        json_u64(j, "round", v->round);
        json_u64(j, "presses", v->presses);
        json_text(j, "dwelling", d ? d->code : NULL);
        json_text(j, "grid", g ? g->code : NULL);
        json_text(j, "device", v->source[0] ? v->source : NULL);
        json_text(j, "owner", w ? w->code : NULL);
        json_text(j, "reason", reason_word(v->reason));
        json_bool(j, "late", v->late);
        json_bool(j, "test", v->test);
        json_bool(j, "recorded", v->last_seq <= turn_committed(rp->turn));
        json_time(j, "opened", v->opened_us);
        json_time(j, "accepted", v->accepted_us);
        json_time(j, "arrived", v->arrived_us);
        json_time(j, "resolved", v->resolved_us);
        json_time(j, "next_tier", v->next_tier_us);
        json_time(j, "arrive_by", v->arrive_by_us);
        json_time(j, "handle_by", v->handle_by_us);
        if (v->request == REQUEST_STATE_NONE)
                return;
        json_name(j, "request");
        fputc('{', j->f);
        j->first = true;
        json_text(j, "class", request_class_word(v->class));
        json_text(j, "state", request_state_word(v->request));
        json_text(j, "level", request_level_word(v->tier));
        json_text(j, "by", v->by_desk ? "desk" : "device");
        json_time(j, "due", v->due_us);
        json_time(j, "waiting_until", v->waiting_us);
        json_bool(j, "overdue", v->overdue);
        json_bool(j, "public", v->open_words);
        if (v->rating)
                json_u64(j, "rating", v->rating);
        json_close(j, "}");
}

int report_list(const Report *rp, Now now, bool all, char **ret_json)
{
        Json j;
        int r = json_begin(&j, "[");

        if (r < 0)
                return error_trace(r);
        for (uint64_t id = 0;;) {
                IncidentView v;

                id = all ? engine_next_held(rp->engine, id) : engine_next_open(rp->engine, id);
                if (!id)
                        break;
                if (!engine_view(rp->engine, id, now, &v))
                        continue;
                json_object(&j, "{");
                incident_members(rp, &j, &v);
                json_close(&j, "}");
        }
        return json_end(&j, "]", ret_json);
}

static const char *recipient_state(const RecipientView *rv)
{
        if (rv->owner)
                return "owner";
        if (rv->helper)
                return "helper";
        if (rv->declined)
                return "declined";
        if (rv->failed)
                return "failed";
        return rv->seen ? "seen" : rv->delivered ? "delivered" : "sent";
}

int report_show(const Report *rp, Now now, uint64_t incident, char **ret_json)
{
        IncidentView v;
        RecipientView rv;
        Json j;
        int r = json_begin(&j, "{");

        if (r < 0)
                return error_trace(r);
        if (!engine_view(rp->engine, incident, now, &v)) {
                json_text(&j, "result", "unknown");
                return json_end(&j, "}", ret_json);
        }
        incident_members(rp, &j, &v);
        json_name(&j, "recipients");
        fputc('[', j.f);
        j.first = true;
        for (uint32_t i = 0; engine_recipient(rp->engine, incident, i, now, &rv); i++) {
                const Worker *w = registry_worker(rp->registry, rv.worker);

                json_object(&j, "{");
                json_text(&j, "worker", w ? w->code : NULL);
                json_text(&j, "role", w ? role_word(w->role) : NULL);
                json_text(&j, "channel", channel_word((Channel)rv.channel));
                json_u64(&j, "tier", rv.tier);
                json_time(&j, "sent", rv.sent_us);
                json_text(&j, "state", recipient_state(&rv));
                json_close(&j, "}");
        }
        return json_end(&j, "]}", ret_json);
}

static const char *scope_text(const Report *rp, const Worker *w)
{
        const Grid *g = registry_grid(rp->registry, w->scope_id);
        const Resident *r = registry_resident(rp->registry, w->scope_id);

        switch (w->scope) {
        case SCOPE_SITE: return "site";
        case SCOPE_GRID: return g ? g->code : NULL;
        case SCOPE_BUILDING: return w->scope_building;
        case SCOPE_RESIDENT: return r ? r->code : NULL;
        }
        return NULL;
}

int report_workers(const Report *rp, Now now, char **ret_json)
{
        Json j;
        int r = json_begin(&j, "[");

        if (r < 0)
                return error_trace(r);
        for (uint32_t i = 1; i < rp->registry->n_workers; i++) {
                const Worker *w = registry_worker(rp->registry, i);

                if (!w)
                        continue;
                json_object(&j, "{");
                json_text(&j, "worker", w->code);
                json_text(&j, "role", role_word(w->role));
                json_text(&j, "scope", scope_text(rp, w));
                json_text(&j, "client", w->client == CLIENT_APP ? "app" : "plain");
                json_bool(&j, "on", engine_worker_on(rp->engine, i, now));
                json_close(&j, "}");
        }
        return json_end(&j, "]", ret_json);
}
