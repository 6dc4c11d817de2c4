/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MQTT adapter: topics to events, and the health of the three connections. link.c knows how a connection
 * lives, out.c what the gateway says.
 *
 * Nothing that comes on an alarm topic is lost, whatever it is: a level that is no registry code gets a
 * source that no device can have (topic_source()), a body that is too long is cut, and both become
 * ALARM_UNPARSED, which still calls a human. On the other topics such messages are counted.
 *
 * The identity of a device or a worker is the topic level, which the broker's ACL has checked, never the
 * JSON.
 */
#include "mqtt.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "intake.h"
#include "limits.h"
#include "out.h"
#include "protocols/codec/senml.h"

#include <errno.h>
#include <mosquitto.h>
#include <signal.h>
#include <string.h>

#define TICK_US        USEC_PER_SEC
#define BROKER_LOST_US (5 * USEC_PER_SEC)
#define VITALS_DRAIN   32 /* readings in one visit: a press waits for no more than these */
#define ALARM_DRAIN    64 /* presses in one visit: then acknowledgements are read, which make room for calls */
#define HOLD_ANY       1  /* MQTT answers by topic: the hold only says that somebody waits */

struct Mqtt {
        PortHost *host;
        Codec *codec;
        Link *alarm, *vitals;
        Out out;
        Intake *intake; /* NULL: no profiles */
        Senml *senml;
        PortTimer *tick;
        bool library, lost, taken_over;
        char prefix[TOPIC_PREFIX_SIZE], status[TOPIC_SIZE];
        char filters[6][TOPIC_SIZE];
        char ids[3][160];
        char discovery[128], announce[128], site[CODE_SIZE];
        char broker[256];
        Secrets *secrets; /* NULL: could not be read */
        const char *echo; /* the worker who is nobody; NULL: there is none */
        void (*echo_heard)(void *userdata, MqttEcho, const void *bytes, size_t n);
        void *echo_userdata;
};

/* In */

/* An event with its body, or NULL: there is no room even after a turn. */
static Event *mqtt_event(Mqtt *q, Link *link, const LinkMessage *m, const Topic *t)
{
        Event *e = q->host->event_new(q->host);

        if (!e) {
                link_need(link, q->host->run(q->host));
                e = q->host->event_new(q->host);
                if (!e) {
                        q->host->count(q->host, "mqtt.no_room");
                        return NULL;
                }
        }
        e->via = VIA_MQTT;
        e->retained = m->retained;
        (void)str_copy(e->source, sizeof(e->source), t->source); /* both are CODE_SIZE */
        if (q->host->event_body(e, m->payload, m->size > LIMIT_BODY ? LIMIT_BODY : m->size) < 0)
                q->host->count(
                        q->host, "mqtt.no_memory"); /* without a body it is unparsed, which calls a human */
        return e;
}

/* The events of the pack that was read last. */
static void pack_push(Mqtt *q, Link *link, const LinkMessage *m, const Topic *t, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                Event *e = mqtt_event(q, link, m, t);

                if (!e) {
                        if (link == q->alarm)
                                link_condemn(
                                        link); /* all of it comes again; what was taken is folded by its id */
                        return;
                }
                senml_event(q->senml, i, e);
                if (e->type == EVENT_ALARM)
                        e->hold = HOLD_ANY;
                q->host->push(q->host, e);
        }
}

/* A SenML pack on the alarm topic. False: none, or one without an alarm, which is read as any other message. */
static bool alarm_pack(Mqtt *q, const LinkMessage *m, const Topic *t)
{
        SenmlForm form = t->valid ? senml_sniff(m->payload, m->size) : SENML_NONE;
        const char *why;
        bool alarm;
        size_t n;

        if (form == SENML_NONE)
                return false;
        n = senml_read(q->senml, form, m->payload, m->size, t->source, &alarm, &why);
        if (alarm)
                pack_push(q, q->alarm, m, t, n);
        return alarm;
}

/* A SenML pack among the readings. False: none. */
static bool reading_pack(Mqtt *q, const LinkMessage *m, const Topic *t)
{
        SenmlForm form = senml_sniff(m->payload, m->size);
        const char *why;
        bool alarm;
        Event *e;
        size_t n;

        if (form == SENML_NONE)
                return false;
        n = senml_read(q->senml, form, m->payload, m->size, t->source, &alarm, &why);
        if (n > 0) {
                pack_push(q, q->vitals, m, t, n);
                return true;
        }
        e = mqtt_event(q, q->vitals, m, t);
        if (!e)
                return true; /* counted */
        e->type = EVENT_STATUS;
        e->status = (StatusEvent){STATUS_UNSAID, .fault = true};
        (void)str_copy(e->why, sizeof(e->why), why); /* cut is fine */
        q->host->push(q->host, e);
        return true;
}

/* What makes an alarm message no message of ours, or NULL. */
static const char *alarm_flaw(const LinkMessage *m, const Topic *t)
{
        if (!t->valid)
                return "the topic's device level is no code";
        if (m->size > LIMIT_BODY)
                return "the message is too long";
        return NULL;
}

static void alarm_message(Mqtt *q, Link *link, const LinkMessage *m, const Topic *t)
{
        const char *flaw = alarm_flaw(m, t);
        Event *e;

        if (alarm_pack(q, m, t))
                return;
        e = mqtt_event(q, link, m, t);
        if (!e) {
                link_condemn(link); /* the broker keeps it and sends it again */
                return;
        }
        e->hold = HOLD_ANY;
        codec_read_alarm(q->codec, e, NULL);
        if (flaw) {
                q->host->count(q->host, "mqtt.unparsed");
                e->alarm.kind = ALARM_UNPARSED;
                e->alarm.word[0] = '\0';
                (void)str_copy(e->why, sizeof(e->why), flaw);
        }
        q->host->push(q->host, e);
}

/* What the worker who is nobody says. */
static void echo_message(Mqtt *q, Link *link, const LinkMessage *m, const Topic *t)
{
        Event *e = t->kind == TOPIC_ACT && !m->retained ? mqtt_event(q, link, m, t) : NULL;

        if (!e)
                return; /* it is missed, and goes out again */
        codec_read_action(q->codec, e);
        if (e->type == EVENT_ACTION && e->action.kind == ACTION_DELIVERED)
                q->echo_heard(q->echo_userdata, MQTT_ECHO_DELIVERED, e->id, strlen(e->id));
        q->host->discard(q->host, e);
}

static void worker_message(Mqtt *q, Link *link, const LinkMessage *m, const Topic *t)
{
        Event *e;

        if (!t->valid) {
                q->host->count(q->host, "mqtt.topic");
                return;
        }
        if (q->echo && str_equal(t->source, q->echo)) {
                echo_message(q, link, m, t);
                return;
        }
        e = mqtt_event(q, link, m, t);
        if (!e) {
                link_condemn(link);
                return;
        }
        if (t->kind == TOPIC_PRESENCE) {
                if (!codec_read_presence(e)) {
                        q->host->count(q->host, "mqtt.presence");
                        q->host->discard(q->host, e);
                        return;
                }
        } else {
                e->hold = HOLD_ANY;
                if (t->kind == TOPIC_ACT)
                        codec_read_action(q->codec, e);
                else
                        codec_read_words(q->codec, e);
        }
        q->host->push(q->host, e);
}

static const char *sender(const LinkMessage *m, const Topic *t)
{
        return t->valid ? t->source : m->topic;
}

/* A message that has crashed the gateway: nobody reads it any more, and people are called for it. */
static void crashing_message(Mqtt *q, Link *link, const LinkMessage *m, Topic *t)
{
        Event *e;

        q->host->count(q->host, "mqtt.crashed_on");
        if (!t->source[0])
                topic_source(m->topic, strlen(m->topic), t->source);
        e = mqtt_event(q, link, m, t);
        if (!e) {
                if (link == q->alarm)
                        link_condemn(link);
                return;
        }
        e->type = EVENT_ALARM;
        e->alarm.kind = ALARM_UNPARSED;
        if (link == q->alarm)
                e->hold = HOLD_ANY;
        (void)str_copy(e->why, sizeof(e->why), "the gateway crashed on this message"); /* fits */
        q->host->push(q->host, e);
}

static void alarm_dispatch(Mqtt *q, const LinkMessage *m, const Topic *t)
{
        switch (t->kind) {
        case TOPIC_ALARM: alarm_message(q, q->alarm, m, t); break;
        case TOPIC_ACT:
        case TOPIC_DO:
        case TOPIC_PRESENCE: worker_message(q, q->alarm, m, t); break;
        case TOPIC_VITALS:
        case TOPIC_STATUS:
        case TOPIC_ALERT:
        case TOPIC_DAY:
        case TOPIC_TEXT: q->host->count(q->host, "mqtt.topic"); break;
        case TOPIC_OTHER:
                if (!q->intake || !intake_message(q->intake, q->alarm, true, m))
                        q->host->count(q->host, "mqtt.topic");
                break;
        }
}

static void on_alarm(void *userdata, const LinkMessage *m)
{
        Mqtt *q = userdata;
        Topic t;

        topic_read(q->prefix, m->topic, &t);
        if (!q->host->decode)
                alarm_dispatch(q, m, &t);
        else if (q->host->decode(q->host, VIA_MQTT, sender(m, &t), m->payload, m->size)) {
                alarm_dispatch(q, m, &t);
                q->host->decoded(q->host);
        } else
                crashing_message(q, q->alarm, m, &t);
}

static void vitals_dispatch(Mqtt *q, const LinkMessage *m, const Topic *topic)
{
        Topic t = *topic;
        Event *e;

        if (t.kind == TOPIC_OTHER && q->intake && intake_message(q->intake, q->vitals, false, m))
                return;
        if (!t.valid || (t.kind != TOPIC_VITALS && t.kind != TOPIC_STATUS)) {
                q->host->count(q->host, "mqtt.topic");
                return;
        }
        if (reading_pack(q, m, &t))
                return;
        e = mqtt_event(q, q->vitals, m, &t);
        if (!e)
                return; /* counted */
        if (t.kind == TOPIC_VITALS)
                codec_read_vitals(q->codec, e);
        else
                codec_read_status(q->codec, e);
        q->host->push(q->host, e);
}

static void on_vitals(void *userdata, const LinkMessage *m)
{
        Mqtt *q = userdata;
        Topic t;

        topic_read(q->prefix, m->topic, &t);
        if (!q->host->decode)
                vitals_dispatch(q, m, &t);
        else if (q->host->decode(q->host, VIA_MQTT, sender(m, &t), m->payload, m->size)) {
                vitals_dispatch(q, m, &t);
                q->host->decoded(q->host);
        } else
                crashing_message(q, q->vitals, m, &t);
}

static void on_alarm_ready(void *userdata)
{
        Mqtt *q = userdata;

        if (q->intake)
                intake_connected(q->intake, true);
        if (link_publish(q->alarm, q->status, "online", 6, true, NULL) == 0)
                link_wake(q->alarm);
}

static void on_vitals_ready(void *userdata)
{
        Mqtt *q = userdata;

        if (q->intake)
                intake_connected(q->intake, false);
}

/* Health */

MqttStatus mqtt_status(const Mqtt *q)
{
        return (MqttStatus){
                .alarm = link_ready(q->alarm),
                .vitals = link_ready(q->vitals),
                .out = link_ready(q->out.link),
                .held = link_held(q->alarm),
                .taken_over = link_taken_over(q->alarm) || link_taken_over(q->vitals) ||
                              link_taken_over(q->out.link),
        };
}

bool mqtt_connected(const Mqtt *q)
{
        return link_ready(q->alarm) && link_ready(q->vitals) && link_ready(q->out.link);
}

static bool link_lost_long(const Link *l, uint64_t now)
{
        uint64_t since = link_down_since(l);

        return since && now - since > BROKER_LOST_US;
}

static void mqtt_health(Mqtt *q)
{
        uint64_t now = clock_now().boot_us;
        bool taken_over = mqtt_status(q).taken_over;

        if (!q->lost && (link_lost_long(q->alarm, now) || link_lost_long(q->vitals, now) ||
                                link_lost_long(q->out.link, now))) {
                q->lost = true;
                q->host->system(q->host, SYSTEM_BROKER, true);
        } else if (q->lost && mqtt_connected(q)) {
                q->lost = false;
                q->host->system(q->host, SYSTEM_BROKER, false);
        }
        if (taken_over != q->taken_over) {
                q->taken_over = taken_over;
                q->host->system(q->host, SYSTEM_TAKEOVER, taken_over);
        }
}

static void on_tick(void *userdata)
{
        Mqtt *q = userdata;

        (void)q->host->timer_set(q->tick, TICK_US); /* fails only when the loop has ended */
        link_tick(q->alarm);
        link_tick(q->vitals);
        out_tick(&q->out);
        if (q->intake)
                intake_tick(q->intake);
        mqtt_health(q);
        (void)q->host->run(q->host); /* the numbers of these events hold no connection */
}

/* What the gateway asks for */

static int mqtt_alert(void *port, const PortAlert *a)
{
        Mqtt *q = port;

        if (a->channel != CHANNEL_APP && a->channel != CHANNEL_PLAIN)
                return PORT_E_ADDRESS;
        return out_alert(&q->out, a);
}

static bool mqtt_room(void *port, bool raise)
{
        const Mqtt *q = port;

        return out_room(&q->out, raise);
}

static void mqtt_flush(void *port)
{
        Mqtt *q = port;

        out_flush(&q->out);
}

static void mqtt_receipt(void *port, const PortReceipt *r)
{
        Mqtt *q = port;

        if (r->hold) /* else a device that would not understand it */
                out_receipt(&q->out, r);
}

static void mqtt_reply(void *port, const PortReply *r)
{
        Mqtt *q = port;

        out_reply(&q->out, r);
}

static void mqtt_show(void *port, const char *worker_code, const char *leaf, const char *json, size_t n)
{
        Mqtt *q = port;

        out_show(&q->out, worker_code, leaf, json, n);
}

static void mqtt_tell(void *port, const char *topic, const char *text)
{
        Mqtt *q = port;

        out_tell(&q->out, topic, text);
}

void mqtt_say(Mqtt *q, const char *leaf, const char *text)
{
        ASSERT(leaf && text);
        out_say(&q->out, leaf, text);
}

static void on_out_echo(void *userdata, const void *bytes, size_t n)
{
        Mqtt *q = userdata;

        q->echo_heard(q->echo_userdata, MQTT_ECHO_ALERT, bytes, n);
}

void mqtt_echo_set(Mqtt *q, const char *code,
        void (*heard)(void *userdata, MqttEcho, const void *bytes, size_t n), void *userdata)
{
        ASSERT(!q->echo && heard);
        q->echo = code;
        q->echo_heard = heard;
        q->echo_userdata = userdata;
        out_echo_set(&q->out, code, on_out_echo, q);
}

static void mqtt_lamp(void *port, const char *device, uint64_t incident, Lamp lamp, bool open)
{
        Mqtt *q = port;

        out_lamp(&q->out, device, lamp, open);
}

static void mqtt_committed(void *port, uint64_t seq)
{
        Mqtt *q = port;

        link_committed(q->alarm);
}

static void mqtt_stop(void *port)
{
        Mqtt *q = port;

        (void)q->host->timer_set(q->tick, UINT64_MAX);
        /* Held, or down: then the broker publishes the will, which says the same. */
        (void)link_publish(q->alarm, q->status, "offline", 7, true, NULL);
        link_stop(q->out.link);
        link_stop(q->alarm);
        link_stop(q->vitals);
}

static const PortOps mqtt_ops = {
        .name = "mqtt",
        .alert = mqtt_alert,
        .room = mqtt_room,
        .flush = mqtt_flush,
        .receipt = mqtt_receipt,
        .reply = mqtt_reply,
        .show = mqtt_show,
        .lamp = mqtt_lamp,
        .tell = mqtt_tell,
        .committed = mqtt_committed,
        .stop = mqtt_stop,
};

/* Set up */

static void mqtt_names(Mqtt *q, const Config *config)
{
        static const char *const ids[] = {"alarm", "vitals", "out"};
        static const char *const filters[] = {"up/+/alarm", "worker/+/act", "worker/+/do",
                "worker/+/presence", "up/+/vitals", "up/+/status"};
        Str prefix = STR_BUFFER(q->prefix), status = STR_BUFFER(q->status);

        str_addf(&prefix, "huying/%s/", config->site);
        str_addf(&status, "%sstatus", q->prefix);
        ASSERT(!prefix.full && !status.full);
        for (size_t i = 0; i < 6; i++) {
                Str s = STR_BUFFER(q->filters[i]);

                str_addf(&s, "%s%s", q->prefix, filters[i]);
                ASSERT(!s.full);
        }
        for (size_t i = 0; i < 3; i++) {
                Str s = STR_BUFFER(q->ids[i]);

                if (config->mqtt_user[0])
                        str_addf(&s, "%s-%s", config->mqtt_user, ids[i]);
                else
                        str_addf(&s, "huying-%s-%s", config->site, ids[i]);
                ASSERT(!s.full);
        }
        (void)str_copy(q->discovery, sizeof(q->discovery), config->mqtt_discovery);
        (void)str_copy(q->announce, sizeof(q->announce), config->mqtt_announce);
        (void)str_copy(q->site, sizeof(q->site), config->site);
        (void)str_copy(q->broker, sizeof(q->broker), config->mqtt_host); /* same sizes */
}

static LinkSettings mqtt_settings(const Mqtt *q, const Config *config, size_t i)
{
        static const char *const names[] = {"alarm", "vitals", "out"};
        /* In a storm of presses calls wait for the broker's acknowledgements: these are read in turn with presses. */
        static const PortPriority priorities[] = {
                PORT_PRIORITY_ALARM, PORT_PRIORITY_VITALS, PORT_PRIORITY_ALARM};

        return (LinkSettings){
                .name = names[i],
                .client_id = q->ids[i],
                .user = config->mqtt_user[0] || config->mqtt_password_file[0] ? q->ids[i] : NULL,
                .host = q->broker,
                .secrets = &q->secrets,
                .port = config->mqtt_port,
                .keepalive_s = config->mqtt_keepalive_s,
                .priority = priorities[i],
        };
}

static int mqtt_links(Mqtt *q, const Config *config)
{
        LinkSettings alarm = mqtt_settings(q, config, 0), vitals = mqtt_settings(q, config, 1),
                     out = mqtt_settings(q, config, 2);
        int r;

        for (size_t i = 0; i < 4; i++)
                alarm.filters[i] = q->filters[i];
        alarm.hold = true;
        alarm.drain = ALARM_DRAIN;
        vitals.drain = VITALS_DRAIN;
        alarm.will_topic = q->status;
        vitals.filters[0] = q->filters[4];
        vitals.filters[1] = q->filters[5];
        out.clean = true;
        r = link_new(&q->alarm, q->host, &alarm,
                &(LinkHandler){.message = on_alarm, .ready = on_alarm_ready, .userdata = q});
        if (r < 0)
                return error_trace(r);
        r = link_new(&q->vitals, q->host, &vitals,
                &(LinkHandler){.message = on_vitals, .ready = on_vitals_ready, .userdata = q});
        if (r < 0)
                return error_trace(r);
        r = out_init(&q->out, q->host, &out, q->prefix, q->announce, q->site);
        return r < 0 ? error_trace(r) : 0;
}

/* Without them it starts all the same, and calls by other ways; what is missing comes with a reload. */
static int mqtt_secrets_first(Mqtt *q, const Config *config)
{
        char why[256];
        int r = secrets_read(&q->secrets, config, why);

        if (r == SECRETS_E_INVALID) {
                log_err("MQTT: %s", why);
                return 0;
        }
        return r < 0 ? error_trace(r) : 0;
}

void mqtt_secrets_set(Mqtt *q, Secrets *secrets)
{
        ASSERT(secrets);
        secrets_free(q->secrets);
        q->secrets = secrets;
}

DEFINE_CLEANUP(Mqtt *, mqtt_free)

int mqtt_new(Mqtt **ret, PortHost *host, const Config *config, Codec *codec, Port *ret_port)
{
        _cleanup_(mqtt_freep) Mqtt *q = calloc(1, sizeof(Mqtt));
        int r;

        ASSERT(ret && host && config && codec && ret_port);
        ASSERT(config->mqtt_host[0]);
        if (!q)
                return error_origin(-ENOMEM);
        q->host = host;
        q->codec = codec;
        (void)signal(SIGPIPE, SIG_IGN); /* this library version does it too, later ones do not */
        if (mosquitto_lib_init() != MOSQ_ERR_SUCCESS)
                return error_origin(-EIO);
        q->library = true;
        r = senml_new(&q->senml);
        if (r < 0)
                return error_trace(r);
        mqtt_names(q, config);
        r = mqtt_secrets_first(q, config);
        if (r < 0)
                return error_trace(r);
        r = mqtt_links(q, config);
        if (r < 0)
                return error_trace(r);
        r = host->timer(host, &q->tick, PORT_PRIORITY_TIMER, on_tick, q);
        if (r < 0)
                return error_trace(r);
        r = host->timer_set(q->tick, TICK_US);
        if (r < 0)
                return error_trace(r);
        *ret_port = (Port){.ops = &mqtt_ops,
                .port = q,
                .via = VIA_MQTT,
                .channels = 1u << CHANNEL_APP | 1u << CHANNEL_PLAIN};
        *ret = TAKE_PTR(q);
        return 0;
}

int mqtt_profiles(Mqtt *q, Profiles *profiles)
{
        int r;

        ASSERT(!q->intake);
        r = intake_new(&q->intake, q->host, profiles, q->discovery, q->alarm, q->vitals);
        return r < 0 ? error_trace(r) : 0;
}

void mqtt_unclaimed(const Mqtt *q, Str *s)
{
        if (q->intake)
                intake_unclaimed(q->intake, s);
        else
                str_add(s, "[]");
}

bool mqtt_heard(const Mqtt *q, const char *device, char profile[CODE_SIZE], char kind[WORD_SIZE])
{
        return q->intake && intake_known_as(q->intake, device, profile, kind);
}

Mqtt *mqtt_free(Mqtt *q)
{
        if (!q)
                return NULL;
        q->host->timer_free(q->tick);
        link_free(q->alarm);
        link_free(q->vitals);
        out_deinit(&q->out);
        intake_free(q->intake);
        senml_free(q->senml);
        secrets_free(q->secrets);
        if (q->library)
                (void)mosquitto_lib_cleanup();
        free(q);
        return NULL;
}
