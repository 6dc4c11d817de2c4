/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The world of the MQTT adapter's tests: a host that records, the adapter, and a broker that the test plays itself. */
#include "base/assert.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "daemon/limits.h"
#include "protocols/mqtt/mqtt.h"
#include "tests/lib/mqtt-wire.h"
#include "tests/lib/port-host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define P        "huying/demo/"
#define PEERS    16
#define SAID_MAX 1024

typedef struct Said {
        char topic[128], payload[64];
        bool retain;
        uint8_t qos;
        uint16_t mid;
} Said;

/* The world: a host, the adapter, and a broker. */
typedef struct World {
        TestHost *h;
        Mqtt *mqtt;
        int listener;
        WirePeer *peers[PEERS];
        unsigned n_peers, n_connects;
        bool session;     /* CONNACK says that the session was kept */
        bool silent;      /* nothing is accepted */
        bool slam;        /* closes the alarm connection right after its CONNACK */
        const char *deaf; /* does not touch what this connection sends */
        bool unacked;     /* keeps its PUBACKs to itself */
        uint8_t granted;
        unsigned n_alarm_subscribes, n_slams, n_pubacks;
        Said said[SAID_MAX];
        unsigned n_said;
        WirePacket packet;
        const char *want; /* for until_said() */
        uint32_t number;
} World;

static bool ends(const char *s, const char *with)
{
        size_t a = strlen(s), b = strlen(with);

        return a >= b && str_equal(s + a - b, with);
}

/* The newest connection with this client id's ending. */
static WirePeer *peer(World *w, const char *name)
{
        for (unsigned i = w->n_peers; i > 0; i--)
                if (w->peers[i - 1]->fd >= 0 && ends(w->peers[i - 1]->id, name))
                        return w->peers[i - 1];
        return NULL;
}

static void say(World *w, const WirePacket *k)
{
        Said *s = &w->said[w->n_said++];

        ASSERT(w->n_said <= SAID_MAX);
        *s = (Said){.retain = k->retain, .qos = k->qos, .mid = k->mid};
        (void)str_copy(s->topic, sizeof(s->topic), k->topic);
        (void)str_copyn(s->payload, sizeof(s->payload), (const char *)k->payload, k->payload_size);
}

static void serve(World *w, WirePeer *p)
{
        WirePacket *k = &w->packet;

        while (!(w->deaf && ends(p->id, w->deaf)) && wire_get(p, k))
                switch (k->type) {
                case WIRE_CONNECT:
                        w->n_connects++;
                        wire_connack(p, w->session, 0);
                        if (w->slam && ends(p->id, "-alarm")) {
                                w->n_slams++;
                                wire_close(p);
                                return;
                        }
                        break;
                case WIRE_SUBSCRIBE:
                        if (ends(p->id, "-alarm"))
                                w->n_alarm_subscribes++;
                        wire_suback(p, k, w->granted);
                        break;
                case WIRE_PUBACK: w->n_pubacks++; break;
                case WIRE_UNSUBSCRIBE: wire_ack(p, WIRE_UNSUBACK, k->mid); break;
                case WIRE_PUBLISH:
                        say(w, k);
                        if (k->qos == 1 && !w->unacked)
                                wire_ack(p, WIRE_PUBACK, k->mid);
                        break;
                case WIRE_PINGREQ: (void)!write(p->fd, (uint8_t[]){13 << 4, 0}, 2); break;
                default: break;
                }
        if (p->fd >= 0 && wire_closed(p))
                wire_close(p);
}

static void pump(World *w)
{
        int fd;

        while (!w->silent && w->listener >= 0 &&
                (fd = accept4(w->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                unsigned i = 0;

                while (i < w->n_peers && w->peers[i]->fd >= 0)
                        i++;
                if (i == w->n_peers) {
                        ASSERT(w->n_peers < PEERS);
                        w->peers[w->n_peers++] = calloc(1, sizeof(WirePeer));
                }
                *w->peers[i] = (WirePeer){.fd = fd};
        }
        for (unsigned i = 0; i < w->n_peers; i++)
                if (w->peers[i]->fd >= 0)
                        serve(w, w->peers[i]);
}

static void steps(World *w, unsigned n)
{
        for (unsigned i = 0; i < n; i++) {
                pump(w);
                test_steps(w->h, 1);
        }
        pump(w);
}

static bool until_up(void *userdata)
{
        World *w = userdata;

        pump(w);
        return mqtt_connected(w->mqtt);
}

static bool until_down(void *userdata)
{
        World *w = userdata;

        pump(w);
        return !mqtt_connected(w->mqtt);
}

static bool until_events(void *userdata)
{
        World *w = userdata;

        pump(w);
        return w->h->n_run >= w->number;
}

static bool until_sent(void *userdata)
{
        World *w = userdata;

        pump(w);
        return w->h->n_sent >= w->number;
}

static const Said *said(const World *w, const char *topic)
{
        for (unsigned i = w->n_said; i > 0; i--)
                if (str_equal(w->said[i - 1].topic, topic))
                        return &w->said[i - 1];
        return NULL;
}

static bool until_said(void *userdata)
{
        World *w = userdata;

        pump(w);
        return said(w, w->want) != NULL;
}

static bool until_unread(void *userdata)
{
        World *w = userdata;

        pump(w);
        return wire_unread(peer(w, "-alarm")) >= w->number;
}

static void await_up(World *w)
{
        assert_true(test_until(w->h, until_up, w));
}

static void await_events(World *w, uint32_t n)
{
        w->number = n;
        assert_true(test_until(w->h, until_events, w));
}

static void await_said(World *w, const char *topic)
{
        w->want = topic;
        assert_true(test_until(w->h, until_said, w));
}

static int set_up_as(void **state, const char *user)
{
        World *w = calloc(1, sizeof(World));
        static Config config;
        uint16_t port;

        ASSERT(w);
        w->listener = wire_listen(&port);
        w->h = test_host_new();
        w->granted = 1;
        config =
                (Config){.site = "demo", .mqtt_host = "127.0.0.1", .mqtt_port = port, .mqtt_keepalive_s = 5};
        ASSERT(str_copy(config.mqtt_user, sizeof(config.mqtt_user), user));
        ASSERT(mqtt_new(&w->mqtt, &w->h->host, &config, w->h->codec, &w->h->port) == 0);
        *state = w;
        return 0;
}

static int set_up(void **state)
{
        return set_up_as(state, "");
}

static int set_up_named(void **state)
{
        return set_up_as(state, "gw");
}

static int tear_down(void **state)
{
        World *w = *state;

        mqtt_free(w->mqtt);
        for (unsigned i = 0; i < w->n_peers; i++) {
                wire_close(w->peers[i]);
                free(w->peers[i]);
        }
        if (w->listener >= 0)
                close(w->listener);
        test_host_free(w->h);
        free(w);
        return 0;
}

static void alarm_in(World *w, const char *device, const char *id, uint16_t mid)
{
        char topic[128], body[128];

        (void)snprintf(topic, sizeof(topic), P "up/%s/alarm", device);
        (void)snprintf(body, sizeof(body), "{\"id\":\"%s\",\"kind\":\"sos\"}", id);
        wire_publish(peer(w, "-alarm"), topic, body, strlen(body), 1, false, mid);
}

static PortAlert alert(uint64_t incident, const char *json, bool raise)
{
        return (PortAlert){.incident = incident,
                .seq = incident + 100,
                .worker = 7,
                .worker_code = "w01",
                .channel = CHANNEL_APP,
                .json = json,
                .json_size = json ? strlen(json) : 0,
                .text = json ? "SOS 一号楼" : NULL,
                .count = json ? 1 : 0,
                .priority = 1,
                .raise = raise};
}
