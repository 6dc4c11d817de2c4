/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MQTT adapter against a broker that the test plays itself, so that every byte that leaves is seen, and
 * when.
 */
#include "mqtt-world.h"

/* How the three connections introduce themselves. */
static void test_connections(void **state)
{
        World *w = *state;

        await_up(w);
        assert_int_equal(w->n_connects, 3);
        assert_non_null(peer(w, "huying-demo-alarm"));
        assert_non_null(peer(w, "huying-demo-vitals"));
        assert_non_null(peer(w, "huying-demo-out"));
        assert_int_equal(peer(w, "-alarm")->flags & 0x3e, 0x2c); /* session kept; will, QoS 1, retained */
        assert_int_equal(peer(w, "-vitals")->flags & 0x3e, 0);
        assert_int_equal(peer(w, "-out")->flags & 0x3e, 0x02);
        assert_int_equal(peer(w, "-alarm")->keepalive, 5);
        await_said(w, P "status");
        assert_string_equal(said(w, P "status")->payload, "online");
        assert_true(said(w, P "status")->retain);
        assert_int_equal(w->h->n_connected, 1);
}

/* User= names all three. */
static void test_named(void **state)
{
        World *w = *state;

        await_up(w);
        for (unsigned i = 0; i < w->n_peers; i++)
                assert_int_equal(w->peers[i]->flags & 0xc0, 0x80); /* a user name, no password */
        assert_string_equal(peer(w, "-alarm")->id, "gw-alarm");
        assert_string_equal(peer(w, "-vitals")->id, "gw-vitals");
        assert_string_equal(peer(w, "-out")->id, "gw-out");
}

/* The heart: while the disk has not answered, not one byte leaves the alarm connection. What comes is taken. */
static void test_held(void **state)
{
        World *w = *state;
        WirePeer *p;
        WirePacket *k = &w->packet;

        await_up(w);
        await_said(w, P "status");
        steps(w, 5);
        w->h->durable = false;
        w->deaf = "-alarm";
        p = peer(w, "-alarm");
        assert_int_equal(wire_unread(p), 0);
        for (uint16_t i = 1; i <= 3; i++)
                alarm_in(w, "sos-101", (char[]){'e', (char)('0' + i), 0}, i);
        await_events(w, 1);
        steps(w, 5);
        for (uint16_t i = 4; i <= 5; i++)
                alarm_in(w, "sos-101", (char[]){'e', (char)('0' + i), 0}, i);
        /* Longer than the keep-alive of 5 s allows silence: not even a PINGREQ. */
        for (uint64_t end = clock_now().boot_us + 6 * USEC_PER_SEC; clock_now().boot_us < end;)
                steps(w, 10);
        assert_int_equal(wire_unread(p), 0);
        assert_false(wire_closed(p));
        assert_true(mqtt_status(w->mqtt).held);
        assert_int_equal(w->h->n_run, 5);

        test_commit(w->h, w->h->seq - 1); /* not yet far enough */
        steps(w, 10);
        assert_int_equal(wire_unread(p), 0);

        test_commit(w->h, w->h->seq);
        assert_int_equal(wire_unread(p), 5 * 4); /* at once, without the loop */
        for (uint16_t i = 1; i <= 5; i++) {
                assert_true(wire_get(p, k));
                assert_int_equal(k->type, WIRE_PUBACK);
                assert_int_equal(k->mid, i);
        }
        w->h->durable = true;
        assert_string_equal(w->h->events[4]->id, "e5");
        assert_int_equal(w->h->events[4]->via, VIA_MQTT);
        assert_true(w->h->events[4]->hold != 0);
        w->deaf = NULL;
        steps(w, 5);
        assert_true(mqtt_connected(w->mqtt));
}

/* What is taken while the disk does not answer is bounded. */
static void test_held_bound(void **state)
{
        World *w = *state;

        await_up(w);
        await_said(w, P "status");
        steps(w, 5);
        w->h->durable = false;
        w->deaf = "-alarm";
        alarm_in(w, "sos-101", "e0", 1);
        await_events(w, 1);
        for (uint16_t i = 1; i <= 1030; i++) {
                char id[16];

                (void)snprintf(id, sizeof(id), "e%u", i);
                alarm_in(w, "sos-101", id, (uint16_t)(i + 1));
        }
        await_events(w, 1000);
        steps(w, 20);
        assert_int_equal(w->h->n_run, 1000);
        assert_int_equal(wire_unread(peer(w, "-alarm")), 0);
        w->h->durable = true;
        test_commit(w->h, w->h->seq);
        await_events(w, 1031);
        w->number = 1031 * 4;
        assert_true(test_until(w->h, until_unread, w));
        w->deaf = NULL;
}

/* Readings do not wait for the disk. */
static void test_vitals_not_held(void **state)
{
        World *w = *state;
        WirePacket *k = &w->packet;

        await_up(w);
        steps(w, 5);
        w->h->durable = false;
        w->deaf = "-vitals";
        wire_publish(peer(w, "-vitals"), P "up/band-101/vitals", "{\"hr\":72}", 9, 1, false, 9);
        wire_publish(peer(w, "-vitals"), P "up/band-101/status", "{\"battery\":80}", 14, 0, false, 0);
        await_events(w, 2);
        assert_int_equal(w->h->events[0]->type, EVENT_VITALS);
        assert_string_equal(w->h->events[0]->source, "band-101");
        assert_int_equal(w->h->events[1]->type, EVENT_STATUS);
        assert_int_equal(w->h->events[1]->status.battery, 80);
        steps(w, 5);
        assert_int_equal(wire_unread(peer(w, "-vitals")), 4);
        assert_true(wire_get(peer(w, "-vitals"), k));
        assert_int_equal(k->type, WIRE_PUBACK);
        assert_int_equal(k->mid, 9);
}

static bool until_closed_alarm(void *userdata)
{
        World *w = userdata;

        pump(w);
        return !mqtt_status(w->mqtt).alarm;
}

/* Lost while held: no stale acknowledgement on the new connection, and no dialling before the disk has
 * answered. */
static void test_lost_while_held(void **state)
{
        World *w = *state;
        WirePacket *k = &w->packet;
        unsigned connects;

        await_up(w);
        await_said(w, P "status");
        steps(w, 5);
        w->h->durable = false;
        alarm_in(w, "sos-101", "e1", 1);
        await_events(w, 1);
        w->deaf = "-alarm";
        /* A reset: what epoll tells even those who asked for nothing. */
        assert_int_equal(setsockopt(peer(w, "-alarm")->fd, SOL_SOCKET, SO_LINGER,
                                 &(struct linger){.l_onoff = 1}, sizeof(struct linger)),
                0);
        wire_close(peer(w, "-alarm"));
        assert_true(test_until(w->h, until_closed_alarm, w));
        connects = w->n_connects;
        steps(w, 60);
        assert_int_equal(w->n_connects, connects);
        assert_null(peer(w, "-alarm"));

        w->session = true;
        test_commit(w->h, w->h->seq);
        w->deaf = NULL;
        w->h->durable = true;
        await_up(w);
        w->deaf = "-alarm";
        steps(w, 5);
        assert_int_equal(w->n_pubacks, 0);
        while (wire_get(peer(w, "-alarm"), k))
                assert_int_not_equal(k->type, WIRE_PUBACK);
        alarm_in(w, "sos-101", "e1", 1); /* the broker sends it again */
        w->number = 4;
        assert_true(test_until(w->h, until_unread, w));
        assert_true(wire_get(peer(w, "-alarm"), k));
        assert_int_equal(k->type, WIRE_PUBACK);
        assert_int_equal(w->h->n_run, 2);
}

/* A kept session is not subscribed to again, a lost one is. */
static void test_sessions(void **state)
{
        World *w = *state;

        w->session = true; /* of an older version, for all we know */
        await_up(w);
        assert_int_equal(w->n_alarm_subscribes, 1);
        wire_close(peer(w, "-alarm"));
        assert_true(test_until(w->h, until_down, w));
        await_up(w);
        assert_int_equal(w->n_alarm_subscribes, 1);
        w->session = false;
        wire_close(peer(w, "-alarm"));
        assert_true(test_until(w->h, until_down, w));
        await_up(w);
        assert_int_equal(w->n_alarm_subscribes, 2);
        assert_int_equal(w->h->n_connected, 1); /* the out connection never broke */
}

/* A full inbox is answered by a turn, never by a loss. */
static void test_full_inbox(void **state)
{
        World *w = *state;

        await_up(w);
        w->h->room = 3;
        for (uint16_t i = 0; i < 50; i++) {
                char id[8];

                (void)snprintf(id, sizeof(id), "e%u", i);
                alarm_in(w, "sos-101", id, (uint16_t)(i + 1));
        }
        await_events(w, 50);
        for (uint16_t i = 0; i < 50; i++) {
                char id[8];

                (void)snprintf(id, sizeof(id), "e%u", i);
                assert_string_equal(w->h->events[i]->id, id);
        }
        /* Not even a turn makes room: nothing is acknowledged, the connection is dropped. */
        w->h->room = 0;
        w->deaf = "-alarm";
        while (wire_get(peer(w, "-alarm"), &w->packet))
                ; /* acknowledgements of the fifty */
        alarm_in(w, "sos-101", "e99", 99);
        assert_true(test_until(w->h, until_closed_alarm, w));
        assert_true(test_counted(w->h, "mqtt.no_room"));
        assert_int_equal(w->h->n_run, 50);
}

/* Whatever comes on an alarm topic reaches a human; elsewhere rubbish is counted. */
static void test_rubbish(void **state)
{
        World *w = *state;
        static char big[LIMIT_BODY + 100], topic[4096];
        WirePeer *p;
        TestHost *h = w->h;

        await_up(w);
        p = peer(w, "-alarm");
        memset(big, ' ', sizeof(big));
        memcpy(big, "{\"id\":\"e1\",\"kind\":\"sos\"}", 24);
        wire_publish(p, P "up/sos-101/alarm", big, sizeof(big), 1, false, 1);
        wire_publish(p, P "up//alarm", "{\"kind\":\"sos\"}", 14, 1, false, 2);
        wire_publish(p, P "up/a b/alarm", "{\"id\":\"e1\",\"kind\":\"sos\"}", 24, 1, false, 3);
        (void)snprintf(topic, sizeof(topic), P "up/%03000d/alarm", 0);
        wire_publish(p, topic, "{\"kind\":\"sos\"}", 14, 1, false, 4);
        wire_publish(p, P "up/sos-101/alarm", "\xff\x00\xfe", 3, 1, false, 5);
        wire_publish(p, P "up/sos-101/alarm", "", 0, 1, false, 6);
        wire_publish(p, P "up/sos-101/alarm", "{\"kind\":\"sos\"}", 14, 0, true, 0);
        await_events(w, 7);
        for (unsigned i = 0; i < 6; i++) {
                assert_int_equal(h->events[i]->type, EVENT_ALARM);
                assert_int_equal(h->events[i]->alarm.kind, ALARM_UNPARSED);
                assert_true(h->events[i]->why[0]);
                assert_true(strlen(h->events[i]->source) > 0);
                assert_false(h->events[i]->retained);
        }
        assert_int_equal(h->events[0]->body_size, LIMIT_BODY);
        assert_string_equal(h->events[0]->source, "sos-101");
        assert_string_equal(h->events[1]->source, "?");
        assert_string_equal(h->events[2]->source, "?a_b");
        assert_int_equal(h->events[4]->body_size, 3);
        assert_int_equal(h->events[6]->alarm.kind, ALARM_SOS);
        assert_true(h->events[6]->retained);

        wire_publish(p, P "worker/a b/act", "{}", 2, 1, false, 7);
        wire_publish(p, P "worker/w01/presence", "perhaps", 7, 1, false, 8);
        wire_publish(p, P "something/else", "x", 1, 1, false, 9);
        wire_publish(p, P "worker/w01/act", "garbage", 7, 1, false, 10);
        await_events(w, 8);
        assert_int_equal(h->events[7]->type, EVENT_ACTION);
        assert_int_equal(h->events[7]->action.kind, ACTION_UNKNOWN);
        assert_true(test_counted(h, "mqtt.topic"));
        assert_true(test_counted(h, "mqtt.presence"));
        p = peer(w, "-vitals");
        wire_publish(p, P "up/a b/vitals", "{}", 2, 1, false, 1);
        wire_publish(p, P "up/band-101/vitals", "garbage", 7, 1, false, 2);
        await_events(w, 9);
        assert_int_equal(h->events[8]->type, EVENT_STATUS);
        assert_true(h->events[8]->status.fault);
        steps(w, 5);
        assert_true(mqtt_connected(w->mqtt));
}

static void test_workers(void **state)
{
        World *w = *state;
        WirePeer *p;
        TestHost *h = w->h;

        await_up(w);
        p = peer(w, "-alarm");
        wire_publish(p, P "worker/w01/act", "{\"incident\":1042,\"action\":\"accept\",\"nonce\":\"x1\"}", 48,
                1, true, 1);
        wire_publish(p, P "worker/w02/do", "接单 1042", strlen("接单 1042"), 1, false, 2);
        wire_publish(p, P "worker/w03/presence", "offline", 7, 1, true, 3);
        await_events(w, 3);
        assert_int_equal(h->events[0]->type, EVENT_ACTION);
        assert_int_equal(h->events[0]->action.kind, ACTION_ACCEPT);
        assert_string_equal(h->events[0]->source, "w01");
        assert_string_equal(h->events[0]->id, "x1");
        assert_true(h->events[0]->retained);
        assert_int_equal(h->events[1]->action.incident, 1042);
        assert_string_equal(h->events[1]->source, "w02");
        assert_int_equal(h->events[2]->type, EVENT_PRESENCE);
        assert_false(h->events[2]->presence.online);
        assert_true(h->events[2]->retained);
}

/* A call for help is on the socket when the call returns; what goes with it when the step has been handed over. */
static void test_alerts(void **state)
{
        World *w = *state;
        const PortOps *ops = w->h->port.ops;
        PortAlert a = alert(1042, "{\"incident\":1042}", true);
        unsigned before;

        assert_int_equal(ops->alert(w->mqtt, &a), PORT_E_DOWN);
        await_up(w);
        steps(w, 5);
        before = w->n_said;
        assert_int_equal(ops->alert(w->mqtt, &a), 0);
        pump(w); /* the loop has not run */
        assert_int_equal(w->n_said, before + 1);
        ops->flush(w->mqtt);
        pump(w);
        assert_int_equal(w->n_said, before + 3);
        assert_string_equal(w->said[before].topic, P "worker/w01/alert/1042");
        assert_string_equal(w->said[before].payload, "{\"incident\":1042}");
        assert_true(w->said[before].retain);
        assert_int_equal(w->said[before].qos, 1);
        assert_string_equal(w->said[before + 1].topic, P "worker/w01/text");
        assert_string_equal(w->said[before + 1].payload, "SOS 一号楼");
        assert_true(w->said[before + 1].retain);
        assert_string_equal(w->said[before + 2].topic, P "worker/w01/count");
        assert_string_equal(w->said[before + 2].payload, "1");
        assert_int_equal(w->h->n_sent, 0);
        w->number = 1;
        assert_true(test_until(w->h, until_sent, w));
        assert_int_equal(w->h->sent[0].incident, 1042);
        assert_int_equal(w->h->sent[0].worker, 7);
        assert_int_equal(w->h->sent[0].seq, 1142);
        assert_int_equal(w->h->sent[0].channel, CHANNEL_APP);
        assert_true(w->h->sent[0].ok);

        a = alert(1042, NULL, false);
        before = w->n_said;
        assert_int_equal(ops->alert(w->mqtt, &a), 0);
        pump(w);
        assert_int_equal(w->n_said, before);
        ops->flush(w->mqtt);
        w->number = 2;
        assert_true(test_until(w->h, until_sent, w));
        assert_string_equal(w->said[before].topic, P "worker/w01/alert/1042");
        assert_string_equal(w->said[before].payload, "");
        assert_true(w->said[before].retain);
        assert_string_equal(said(w, P "worker/w01/text")->payload, "");
        assert_string_equal(said(w, P "worker/w01/count")->payload, "0");

        a.worker_code = "w/1";
        assert_int_equal(ops->alert(w->mqtt, &a), PORT_E_ADDRESS);
        a.channel = CHANNEL_EXEC;
        assert_int_equal(ops->alert(w->mqtt, &a), PORT_E_ADDRESS);
}

/* What was not acknowledged when the connection broke is not sent again behind the gateway's back. */
static void test_no_ghosts(void **state)
{
        World *w = *state;
        PortAlert a = alert(1, "{\"incident\":1}", true);
        unsigned before;

        await_up(w);
        w->unacked = true;
        assert_int_equal(w->h->port.ops->alert(w->mqtt, &a), 0);
        await_said(w, P "worker/w01/alert/1");
        wire_close(peer(w, "-out"));
        assert_true(test_until(w->h, until_down, w));
        w->unacked = false;
        before = w->n_said;
        await_up(w);
        steps(w, 10);
        for (unsigned i = before; i < w->n_said; i++)
                assert_string_not_equal(w->said[i].topic, P "worker/w01/alert/1");
        assert_int_equal(w->h->n_connected, 2);
        assert_int_equal(w->h->n_sent, 0);
        /* Many more than the library's default window of 20, without one acknowledgement. */
        w->unacked = true;
        before = w->n_said;
        for (uint64_t i = 0; i < 60; i++) {
                a = alert(i + 10, "{}", true);
                assert_int_equal(w->h->port.ops->alert(w->mqtt, &a), 0);
        }
        w->h->port.ops->flush(w->mqtt);
        pump(w);
        assert_int_equal(w->n_said, before + 60);
}

static unsigned n_said_of(World *w, unsigned from, const char *topic, const char **ret_payload)
{
        unsigned n = 0;

        for (unsigned i = from; i < w->n_said; i++)
                if (strcmp(w->said[i].topic, topic) == 0) {
                        *ret_payload = w->said[i].payload;
                        n++;
                }
        return n;
}

/*
 * A broker that takes nothing: refreshes stop first, calls later, and what is known of a worker waits as one text and
 * one count, the newest. When it takes again, there is room again.
 */
static void test_window(void **state)
{
        World *w = *state;
        const PortOps *ops = w->h->port.ops;
        const char *payload = NULL;
        unsigned before, refreshes = 0, calls = 0;
        PortAlert a;

        assert_false(ops->room(w->mqtt, true)); /* no connection */
        await_up(w);
        steps(w, 5);
        w->unacked = true;
        before = w->n_said;
        for (; ops->room(w->mqtt, false) && refreshes < 1000; refreshes++) {
                a = alert(refreshes + 10, "{}", false);
                a.count = refreshes + 1;
                assert_int_equal(ops->alert(w->mqtt, &a), 0);
        }
        assert_in_range(refreshes, 20, 200);
        for (; ops->room(w->mqtt, true) && calls < 1000; calls++) {
                a = alert(calls + 5000, "{}", true);
                a.count = refreshes + calls + 1;
                assert_int_equal(ops->alert(w->mqtt, &a), 0);
        }
        assert_in_range(calls, 50, 800);
        ops->flush(w->mqtt);
        pump(w);
        assert_int_equal(n_said_of(w, before, P "worker/w01/count", &payload), 0);
        a = alert(9000, "{}", true); /* to a person whose app knows nothing else it is the call */
        a.channel = CHANNEL_PLAIN;
        a.worker = 8;
        a.worker_code = "w02";
        assert_int_equal(ops->alert(w->mqtt, &a), 0);
        ops->flush(w->mqtt);
        pump(w);
        assert_int_equal(n_said_of(w, before, P "worker/w02/text", &payload), 1);

        w->unacked = false;
        wire_close(peer(w, "-out"));
        assert_true(test_until(w->h, until_down, w));
        await_up(w);
        steps(w, 5);
        assert_true(ops->room(w->mqtt, false));
        before = w->n_said;
        a = alert(7, "{}", false);
        a.count = 3;
        assert_int_equal(ops->alert(w->mqtt, &a), 0);
        a.count = 4;
        assert_int_equal(ops->alert(w->mqtt, &a), 0);
        ops->flush(w->mqtt);
        steps(w, 5);
        assert_int_equal(n_said_of(w, before, P "worker/w01/count", &payload), 1);
        assert_string_equal(payload, "4");
}

/*
 * What a group of commits releases at once, before a broker that takes nothing: so many receipts and lamps are under way
 * and no more, and a call goes past them. The others wait, also for another connection.
 */
static void test_answers_wait(void **state)
{
        World *w = *state;
        const PortOps *ops = w->h->port.ops;
        PortReceipt receipt = {.hold = 1, .json = "{}", .json_size = 2};
        char device[64];
        unsigned n = 0;
        PortAlert a = alert(9000, "{}", true);

        await_up(w);
        steps(w, 5);
        w->unacked = true;
        for (unsigned i = 0; i < 300; i++) {
                (void)snprintf(device, sizeof(device), "sos-%u", i);
                receipt.device = device;
                ops->receipt(w->mqtt, &receipt);
                ops->lamp(w->mqtt, device, i + 1, LAMP_RECEIVED, true);
        }
        await_said(w, P "down/sos-20/receipt");
        steps(w, 20);
        assert_null(said(w, P "down/sos-250/receipt"));
        assert_null(said(w, P "down/sos-250/lamp"));
        assert_false(ops->room(w->mqtt, false));
        assert_true(ops->room(w->mqtt, true));
        assert_int_equal(ops->alert(w->mqtt, &a), 0);
        ops->flush(w->mqtt);
        await_said(w, P "worker/w01/alert/9000");
        w->unacked = false;
        wire_close(peer(w, "-out"));
        assert_true(test_until(w->h, until_down, w));
        await_up(w);
        for (unsigned i = 0; i < 300; i++) {
                (void)snprintf(device, sizeof(device), P "down/sos-%u/lamp", i);
                await_said(w, device);
        }
        await_said(w, P "down/sos-299/receipt");
        for (unsigned i = 0; i < 300; i++) {
                (void)snprintf(device, sizeof(device), P "down/sos-%u/receipt", i);
                n += said(w, device) != NULL;
        }
        assert_int_equal(n, 300);
}

/* More lamps than any table had at the start, each said again on a new connection, each forgotten when it is over. */
static void test_many_lamps(void **state)
{
        World *w = *state;
        const PortOps *ops = w->h->port.ops;
        char device[32];

        await_up(w);
        for (unsigned i = 0; i < 300; i++) {
                (void)snprintf(device, sizeof(device), "sos-%u", i);
                ops->lamp(w->mqtt, device, i + 1, LAMP_RECEIVED, true);
        }
        await_said(w, P "down/sos-299/lamp");
        for (unsigned i = 0; i < 299; i++) {
                (void)snprintf(device, sizeof(device), "sos-%u", i);
                ops->lamp(w->mqtt, device, i + 1, LAMP_IDLE, false);
        }
        steps(w, 20);
        wire_close(peer(w, "-out"));
        assert_true(test_until(w->h, until_down, w));
        w->n_said = 0;
        await_up(w);
        await_said(w, P "down/sos-299/lamp");
        steps(w, 5);
        assert_null(said(w, P "down/sos-0/lamp"));
        assert_null(said(w, P "down/sos-298/lamp"));
}

static void test_answers_and_lamps(void **state)
{
        World *w = *state;
        const PortOps *ops = w->h->port.ops;
        PortReceipt receipt = {.hold = 1, .device = "sos-101", .json = "{\"id\":\"e1\"}", .json_size = 11};
        PortReply reply = {.worker_code = "w01", .json = "{\"nonce\":\"x\"}", .json_size = 13};
        unsigned before;

        ops->lamp(w->mqtt, "sos-101", 1, LAMP_RECEIVED, true); /* down: the newest word goes at connection */
        ops->lamp(w->mqtt, "sos-101", 1, LAMP_ACCEPTED, true);
        await_up(w);
        await_said(w, P "down/sos-101/lamp");
        assert_string_equal(said(w, P "down/sos-101/lamp")->payload, "accepted");
        assert_true(said(w, P "down/sos-101/lamp")->retain);
        ops->receipt(w->mqtt, &receipt);
        ops->reply(w->mqtt, &reply);
        await_said(w, P "worker/w01/reply");
        assert_string_equal(said(w, P "down/sos-101/receipt")->payload, "{\"id\":\"e1\"}");
        assert_false(said(w, P "down/sos-101/receipt")->retain);
        assert_int_equal(said(w, P "down/sos-101/receipt")->qos, 1);
        assert_false(said(w, P "worker/w01/reply")->retain);

        /* The broker may have forgotten it: a lamp that is lit is said again. */
        wire_close(peer(w, "-out"));
        assert_true(test_until(w->h, until_down, w));
        w->n_said = 0;
        await_up(w);
        await_said(w, P "down/sos-101/lamp");
        ops->lamp(w->mqtt, "sos-101", 1, LAMP_IDLE, false);
        w->n_said = 0;
        await_said(w, P "down/sos-101/lamp");
        assert_string_equal(said(w, P "down/sos-101/lamp")->payload, "idle");
        steps(w, 10); /* acknowledged and over */
        wire_close(peer(w, "-out"));
        assert_true(test_until(w->h, until_down, w));
        w->n_said = 0;
        await_up(w);
        steps(w, 10);
        assert_null(said(w, P "down/sos-101/lamp"));

        /* What cannot be a topic level is never published to. */
        before = w->n_said;
        receipt.device = "?a_b";
        ops->receipt(w->mqtt, &receipt);
        receipt.device = "#";
        ops->receipt(w->mqtt, &receipt);
        ops->lamp(w->mqtt, "a/b", 1, LAMP_FAILED, true);
        ops->lamp(w->mqtt, "", 1, LAMP_FAILED, true);
        steps(w, 10);
        assert_int_equal(w->n_said, before);
        assert_true(test_counted(w->h, "mqtt.no_address"));
}

static void test_read_back(void **state)
{
        World *w = *state;

        await_up(w);
        wire_publish(peer(w, "-out"), P "worker/w01/alert/17", "{}", 2, 1, true, 1);
        wire_publish(peer(w, "-out"), P "worker/w01/alert/18", "{}", 2, 1, false, 2); /* our own voice */
        wire_publish(peer(w, "-out"), P "worker/w01/alert/nan", "{}", 2, 1, true, 3);
        wire_publish(peer(w, "-out"), P "worker/w02/alert/19", "{}", 2, 1, true, 4);
        for (unsigned i = 0; i < 3000 && w->h->n_retained < 2; i++)
                steps(w, 1);
        assert_int_equal(w->h->n_retained, 2);
        assert_string_equal(w->h->retained[0].worker, "w01");
        assert_int_equal(w->h->retained[0].incident, 17);
        assert_int_equal(w->h->retained[1].incident, 19);
        assert_true(test_counted(w->h, "mqtt.topic"));
        wire_publish(peer(w, "-out"), P "worker/w03/day", "{}", 2, 1, false, 5); /* our own voice */
        wire_publish(peer(w, "-out"), P "worker/w04/text", "x", 1, 1, true, 6);
        wire_publish(peer(w, "-out"), P "worker/w05/day", "{}", 2, 1, true, 7);
        for (unsigned i = 0; i < 3000 && w->h->n_words < 2; i++)
                steps(w, 1);
        assert_int_equal(w->h->n_words, 2);
        assert_string_equal(w->h->word, "w05/day");
}

static bool until_takeover(void *userdata)
{
        World *w = userdata;

        pump(w);
        return test_system_is(w->h, SYSTEM_TAKEOVER, true);
}

static void test_takeover(void **state)
{
        World *w = *state;

        w->slam = true;
        assert_true(test_until(w->h, until_takeover, w));
        assert_int_equal(w->n_slams, 3);
        assert_true(mqtt_status(w->mqtt).taken_over);
        steps(w, 150); /* backs off: no fourth time */
        assert_int_equal(w->n_slams, 3);
}

static bool until_broker_lost(void *userdata)
{
        World *w = userdata;

        pump(w);
        return test_system_is(w->h, SYSTEM_BROKER, true);
}

static bool until_broker_back(void *userdata)
{
        World *w = userdata;

        pump(w);
        return test_system_is(w->h, SYSTEM_BROKER, false);
}

static void test_broker_lost(void **state)
{
        World *w = *state;

        await_up(w);
        assert_int_equal(w->h->n_system, 0);
        w->granted = 0x80; /* a broker that refuses the subscription is as good as none */
        wire_close(peer(w, "-alarm"));
        assert_true(test_until(w->h, until_broker_lost, w));
        assert_false(mqtt_status(w->mqtt).alarm);
        assert_true(mqtt_status(w->mqtt).out);
        w->granted = 1;
        assert_true(test_until(w->h, until_broker_back, w));
        assert_int_equal(w->h->n_system, 2);
        assert_true(mqtt_connected(w->mqtt));
}

static void test_stop(void **state)
{
        World *w = *state;
        PortAlert a = alert(5, "{}", false);

        await_up(w);
        await_said(w, P "status");
        steps(w, 5);
        assert_int_equal(w->h->port.ops->alert(w->mqtt, &a), 0); /* queued only */
        w->n_said = 0;
        w->h->port.ops->stop(w->mqtt);
        pump(w);
        assert_non_null(said(w, P "worker/w01/alert/5"));
        assert_string_equal(said(w, P "status")->payload, "offline");
        assert_null(peer(w, "-alarm"));
        steps(w, 50);
        assert_null(peer(w, "-alarm")); /* for good */
        assert_int_equal(w->h->port.ops->alert(w->mqtt, &a), PORT_E_DOWN);
}

/* Held at the end: no acknowledgement, no farewell that would ride behind it; the will speaks. */
static void test_stop_while_held(void **state)
{
        World *w = *state;

        await_up(w);
        await_said(w, P "status");
        steps(w, 5);
        w->h->durable = false;
        w->deaf = "-alarm";
        alarm_in(w, "sos-101", "e1", 1);
        await_events(w, 1);
        w->h->port.ops->stop(w->mqtt);
        assert_int_equal(wire_unread(peer(w, "-alarm")), 0);
        assert_true(wire_closed(peer(w, "-alarm")));
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {T(test_connections),
                cmocka_unit_test_setup_teardown(test_named, set_up_named, tear_down), T(test_held),
                T(test_held_bound), T(test_vitals_not_held), T(test_lost_while_held), T(test_sessions),
                T(test_full_inbox), T(test_rubbish), T(test_workers), T(test_alerts), T(test_no_ghosts),
                T(test_window), T(test_many_lamps), T(test_answers_wait), T(test_answers_and_lamps),
                T(test_read_back), T(test_takeover), T(test_broker_lost), T(test_stop),
                T(test_stop_while_held)};

        log_level_set(LOG_LEVEL_ERR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
