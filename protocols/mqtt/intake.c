/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The intake of devices as they are sold. What a message means is the profiles' business; here it becomes an event in
 * the inbox, on the right connection:
 *
 *   topics that can carry an alarm   the alarm connection: the broker's copy goes only when the disk has the event
 *   others                           the vitals connection, so that a flood of readings can never push out an alarm
 *
 * What is remembered of levels is written to the gateway's file only when everything that the alarm connection has
 * brought is on the disk (levels.h). When an event finds no room, everything remembered is forgotten and the
 * connection is dropped: the broker sends the message again, and it is then a raise.
 *
 * Announcements come on the vitals connection, and with them the topics to subscribe to: alarms' on the alarm
 * connection, once a connection, by the tick. A topic that a profile reads, or one below it, is the profile's: the
 * announcement then only gives the device a name. Brokers keep announcements, so nothing needs to be stored.
 *
 * Devices that the registry does not know are remembered by name, newest first out when there are too many, so that
 * the operator can claim them.
 */
#include "intake.h"

#include "announce.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "limits.h"

#include <errno.h>
#include <string.h>

#define EXPIRE_TICKS   10
#define SUBSCRIBE_TICK 64 /* topics a second */

typedef struct Heard {
        char device[CODE_SIZE], profile[CODE_SIZE];
        char kind[WORD_SIZE]; /* of its newest alarm, or what it has announced; "": none */
        char model[HA_TEXT_SIZE];
        int64_t last_us;
        uint64_t messages;
} Heard;

struct Intake {
        PortHost *host;
        Profiles *profiles;
        unsigned ticks;
        Link *alarm, *vitals;
        Ha *ha; /* NULL: no discovery */
        const char *discovery;
        LogLimit log;
        char filters[2][INTAKE_FILTERS_MAX + 2][PROFILE_TOPIC_SIZE];
        char *wanted[2][INTAKE_FILTERS_MAX + 2];
        Heard heard[INTAKE_HEARD_MAX];
        unsigned n_heard;

        /* of the message in hand */
        Link *link;
        const LinkMessage *message;
        AlarmKind kind; /* of its newest alarm; ALARM_KIND_MAX: none */
        bool full;
};

int intake_new(
        Intake **ret, PortHost *host, Profiles *profiles, const char *discovery, Link *alarm, Link *vitals)
{
        Intake *in = calloc(1, sizeof(*in));
        int r = in && discovery[0] ? ha_new(&in->ha, profiles_levels(profiles)) : 0;

        if (!in || r < 0) {
                free(in);
                return in ? error_trace(r) : error_origin(-ENOMEM);
        }
        in->discovery = discovery;
        in->log = (LogLimit){.burst = 5, .interval_s = 60};
        in->host = host;
        in->profiles = profiles;
        in->alarm = alarm;
        in->vitals = vitals;
        for (unsigned i = 0; i < 2; i++) {
                size_t n = profiles_filters(profiles, i == 0, in->filters[i], INTAKE_FILTERS_MAX);

                if (in->ha && i == 1) {
                        Str node = {.p = in->filters[i][n], .cap = PROFILE_TOPIC_SIZE},
                            object = {.p = in->filters[i][n + 1], .cap = PROFILE_TOPIC_SIZE};

                        str_addf(&node, "%s/+/+/config", discovery);
                        str_addf(&object, "%s/+/+/+/config", discovery);
                        n += 2;
                }
                for (size_t j = 0; j < n; j++)
                        in->wanted[i][j] = in->filters[i][j];
                link_want(i == 0 ? alarm : vitals, in->wanted[i], (unsigned)n);
        }
        *ret = in;
        return 0;
}

Intake *intake_free(Intake *in)
{
        if (in)
                ha_free(in->ha);
        free(in);
        return NULL;
}

static Event *event_new(Intake *in)
{
        Event *e = in->host->event_new(in->host);

        if (!e) {
                link_need(in->link, in->host->run(in->host));
                e = in->host->event_new(in->host);
        }
        return e;
}

static void on_event(void *userdata, const Event *meant)
{
        Intake *in = userdata;
        const LinkMessage *m = in->message;
        Event *e = in->full ? NULL : event_new(in);

        if (meant->type == EVENT_ALARM)
                in->kind = meant->alarm.kind;

        if (!e) {
                in->full = true;
                return;
        }
        ASSERT(!meant->body);
        *e = *meant;
        e->via = VIA_MQTT;
        if (m && in->host->event_body(e, m->payload, m->size > LIMIT_BODY ? LIMIT_BODY : m->size) < 0) {
                in->host->count(
                        in->host, "mqtt.no_memory"); /* the event stands, only the record lacks its bytes */
                e->body_json = false;
        }
        in->host->push(in->host, e);
}

static const char *on_profile(void *userdata, const char *device)
{
        Intake *in = userdata;

        return in->host->profile ? in->host->profile(in->host, device) : NULL;
}

static void on_each(void *userdata, const char *profile, void (*fn)(void *, const char *device), void *arg)
{
        Intake *in = userdata;

        if (in->host->profiled)
                in->host->profiled(in->host, profile, fn, arg);
}

static Heard *heard_of(Intake *in, const char *device, const char *profile)
{
        Heard *h = NULL;

        for (unsigned i = 0; i < in->n_heard && !h; i++)
                if (str_equal(in->heard[i].device, device))
                        h = &in->heard[i];
        if (!h) {
                unsigned oldest = 0;

                for (unsigned i = 1; i < in->n_heard; i++)
                        if (in->heard[i].last_us < in->heard[oldest].last_us)
                                oldest = i;
                h = in->n_heard < INTAKE_HEARD_MAX ? &in->heard[in->n_heard++] : &in->heard[oldest];
                *h = (Heard){0};
                (void)str_copy(h->device, sizeof(h->device), device); /* a code */
        }
        (void)str_copy(h->profile, sizeof(h->profile), profile); /* a code */
        h->last_us = clock_now().wall_us;
        return h;
}

static void on_stranger(void *userdata, const char *device, const char *profile)
{
        Intake *in = userdata;
        Heard *h = heard_of(in, device, profile);

        if (in->kind < ALARM_KIND_MAX)
                (void)str_copy(h->kind, sizeof(h->kind), alarm_kind_word(in->kind)); /* our words fit */
        in->kind = ALARM_KIND_MAX;
        h->messages++;
}

/* Announcements */

/* A profile reads this topic, or the one above it ("zigbee2mqtt/bed-7/action"). */
static bool is_profiled(const Intake *in, const char *topic)
{
        const char *slash = strrchr(topic, '/');
        char above[PROFILE_TOPIC_SIZE];

        if (profiles_know(in->profiles, topic))
                return true;
        return slash && str_copyn(above, sizeof(above), topic, (size_t)(slash - topic)) &&
               profiles_know(in->profiles, above);
}

static void announced(Intake *in, const HaEntity *e)
{
        char device[CODE_SIZE], profile[CODE_SIZE];
        Heard *h;

        if (!profiles_topic_device(in->profiles, e->topic, device, profile)) {
                if (is_profiled(in, e->topic))
                        return; /* another entity of it stands on the topic itself */
                (void)str_copy(device, sizeof(device), e->device); /* same size */
                (void)str_copy(profile, sizeof(profile), HA_PROFILE);
        }
        if (in->host->profile && in->host->profile(in->host, device))
                return; /* claimed */
        h = heard_of(in, device, profile);
        (void)str_copy(h->model, sizeof(h->model), e->model[0] ? e->model : e->name); /* same size */
        if (e->alarm || !h->kind[0])
                (void)str_copy(h->kind, sizeof(h->kind), ha_word(e)); /* our words fit */
}

static bool is_announcement(const Intake *in, const char *topic)
{
        size_t n = strlen(topic), prefix = in->ha ? strlen(in->discovery) : 0;

        return in->ha && n > prefix + 8 && str_starts(topic, in->discovery) && topic[prefix] == '/' &&
               str_equal(topic + n - 7, "/config") && !announce_is_ours(in->discovery, topic);
}

static void announcement(Intake *in, const LinkMessage *m)
{
        HaEntity *e;

        switch (ha_config(in->ha, in->discovery, m->topic, m->payload, m->size, &e)) {
        case HA_TAKEN: announced(in, e); break;
        case HA_REFUSED:
                in->host->count(in->host, "mqtt.discovery_refused");
                if (log_limit(&in->log))
                        log_info(
                                "MQTT: an announcement is not understood: %s: %s", m->topic, ha_why(in->ha));
                break;
        case HA_FULL: in->host->count(in->host, "mqtt.discovery_full"); break;
        case HA_IGNORED:
        case HA_GONE: break;
        }
}

static void subscribe_some(Intake *in)
{
        unsigned n = 0;
        HaEntity *e;

        for (size_t i = 0; n < SUBSCRIBE_TICK && (e = ha_entity(in->ha, i)); i++) {
                Link *link = e->alarm ? in->alarm : in->vitals;

                if (!e->config || e->subscribed || is_profiled(in, e->topic))
                        continue;
                if (link_subscribe(link, e->topic) != 0)
                        continue; /* down: again when it is up */
                e->subscribed = true;
                n++;
                link_wake(link);
        }
}

bool intake_message(Intake *in, Link *link, bool alarms, const LinkMessage *m)
{
        const ProfileHost host = {.userdata = in,
                .profile_of = on_profile,
                .emit = on_event,
                .stranger = on_stranger,
                .each = on_each};
        unsigned fitted;

        if (!alarms && is_announcement(in, m->topic)) {
                announcement(in, m);
                return true;
        }
        in->link = link;
        in->message = m;
        in->full = false;
        in->kind = ALARM_KIND_MAX;
        fitted = profiles_read(in->profiles, alarms, m->topic, m->payload, m->size, m->retained, &host);
        if (in->ha && !is_profiled(in, m->topic))
                fitted += ha_read(in->ha, alarms, m->topic, m->payload, m->size, m->retained, &host);
        if (in->full) {
                in->host->count(in->host, "mqtt.no_room");
                levels_forget(profiles_levels(in->profiles));
                if (alarms)
                        link_condemn(link); /* the broker keeps it and sends it again */
        }
        in->message = NULL;
        return fitted > 0;
}

void intake_connected(Intake *in, bool alarms)
{
        HaEntity *e;

        if (alarms)
                profiles_doubt(in->profiles);
        if (!in->ha)
                return;
        if (alarms)
                ha_doubt(in->ha);
        for (size_t i = 0; (e = ha_entity(in->ha, i)); i++)
                e->subscribed = e->subscribed && e->alarm != alarms; /* the broker may have forgotten us */
}

void intake_tick(Intake *in)
{
        const ProfileHost host = {.userdata = in, .profile_of = on_profile, .emit = on_event};

        if (!link_held(in->alarm))
                levels_keep(profiles_levels(in->profiles));
        if (!in->ha)
                return;
        subscribe_some(in);
        if (++in->ticks % EXPIRE_TICKS == 0) {
                in->link = in->vitals;
                in->full = false;
                ha_expire(in->ha, &host); /* what finds no room is found again by supervision */
        }
}

void intake_unclaimed(const Intake *in, Str *s)
{
        bool first = true;

        str_add(s, "[");
        for (unsigned i = 0; i < in->n_heard; i++) {
                const Heard *h = &in->heard[i];

                if (in->host->profile && in->host->profile(in->host, h->device))
                        continue; /* claimed since */
                str_addf(s, "%s{\"device\":", first ? "" : ",");
                str_json(s, h->device);
                str_add(s, ",\"profile\":");
                str_json(s, h->profile);
                str_add(s, ",\"kind\":");
                str_json(s, h->kind);
                str_add(s, ",\"model\":");
                str_json(s, h->model);
                str_addf(s, ",\"heard\":%.3f,\"messages\":%llu}", (double)h->last_us / 1e6,
                        (unsigned long long)h->messages);
                first = false;
        }
        str_add(s, "]");
}

bool intake_known_as(const Intake *in, const char *device, char profile[CODE_SIZE], char kind[WORD_SIZE])
{
        for (unsigned i = 0; i < in->n_heard; i++)
                if (str_equal(in->heard[i].device, device)) {
                        (void)str_copy(profile, CODE_SIZE, in->heard[i].profile); /* same sizes */
                        (void)str_copy(kind, WORD_SIZE, in->heard[i].kind);
                        return true;
                }
        return false;
}
