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
 * Devices that the registry does not know are remembered by name, newest first out when there are too many, so that
 * the operator can claim them.
 */
#include "intake.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "limits.h"

#include <errno.h>
#include <string.h>

typedef struct Heard {
        char device[CODE_SIZE], profile[CODE_SIZE];
        char kind[WORD_SIZE]; /* of its newest alarm; "": none */
        int64_t last_us;
        uint64_t messages;
} Heard;

struct Intake {
        PortHost *host;
        Profiles *profiles;
        Link *alarm, *vitals;
        char filters[2][INTAKE_FILTERS_MAX][PROFILE_TOPIC_SIZE];
        char *wanted[2][INTAKE_FILTERS_MAX];
        Heard heard[INTAKE_HEARD_MAX];
        unsigned n_heard;

        /* of the message in hand */
        Link *link;
        const LinkMessage *message;
        AlarmKind kind; /* of its newest alarm; ALARM_KIND_MAX: none */
        bool full;
};

int intake_new(Intake **ret, PortHost *host, Profiles *profiles, Link *alarm, Link *vitals)
{
        Intake *in = calloc(1, sizeof(*in));

        if (!in)
                return error_origin(-ENOMEM);
        in->host = host;
        in->profiles = profiles;
        in->alarm = alarm;
        in->vitals = vitals;
        for (unsigned i = 0; i < 2; i++) {
                size_t n = profiles_filters(profiles, i == 0, in->filters[i], INTAKE_FILTERS_MAX);

                for (size_t j = 0; j < n; j++)
                        in->wanted[i][j] = in->filters[i][j];
                link_want(i == 0 ? alarm : vitals, in->wanted[i], (unsigned)n);
        }
        *ret = in;
        return 0;
}

Intake *intake_free(Intake *in)
{
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
        if (in->host->event_body(e, m->payload, m->size > LIMIT_BODY ? LIMIT_BODY : m->size) < 0) {
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

static void on_stranger(void *userdata, const char *device, const char *profile)
{
        Intake *in = userdata;
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
        if (in->kind < ALARM_KIND_MAX)
                (void)str_copy(h->kind, sizeof(h->kind), alarm_kind_word(in->kind)); /* our words fit */
        in->kind = ALARM_KIND_MAX;
        h->last_us = clock_now().wall_us;
        h->messages++;
}

bool intake_message(Intake *in, Link *link, bool alarms, const LinkMessage *m)
{
        const ProfileHost host = {
                .userdata = in, .profile_of = on_profile, .emit = on_event, .stranger = on_stranger};
        unsigned fitted;

        in->link = link;
        in->message = m;
        in->full = false;
        in->kind = ALARM_KIND_MAX;
        fitted = profiles_read(in->profiles, alarms, m->topic, m->payload, m->size, m->retained, &host);
        if (in->full) {
                in->host->count(in->host, "mqtt.no_room");
                levels_forget(profiles_levels(in->profiles));
                if (alarms)
                        link_condemn(link); /* the broker keeps it and sends it again */
        }
        in->message = NULL;
        return fitted > 0;
}

void intake_connected(Intake *in)
{
        profiles_doubt(in->profiles);
}

void intake_tick(Intake *in)
{
        if (!link_held(in->alarm))
                levels_keep(profiles_levels(in->profiles));
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
