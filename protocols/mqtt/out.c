/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outgoing half. What always holds:
 *
 * - Nothing is published while the connection is down: libmosquitto would keep it without bound and send it
 * late. Each kind has its own way to come again. Alerts: the gateway is told by connected() and sends every
 * open one. Receipts and replies: whoever waits sends again and elicits them. Lamps nobody would ask for: so
 * the newest word of each device is kept here until the broker has it, and while the incident is open, in
 * case the broker forgets.
 * - An alert that was retained and whose matter ended while we were down is a ghost. So each new connection
 * reads our own retained alerts back (they come with the retain flag, our live ones without), and the
 * gateway clears those that nobody owns. The subscription ends after two quiet seconds.
 * - A call for help is on the socket when out_alert() returns, if the socket takes it. The rest waits until
 * the loop comes by, and so leaves in one write.
 * - Broker acknowledgements come in the order of publishing, so tickets are a ring and the first match is
 * near.
 */
#include "out.h"

#include "announce.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define READ_BACK_QUIET_US (2 * USEC_PER_SEC)

static void out_filter(const Out *o, char ret[TOPIC_SIZE])
{
        Str s = {.p = ret, .cap = TOPIC_SIZE};

        str_addf(&s, "%sworker/+/alert/+", o->prefix);
        ASSERT(!s.full);
}

/* Alerts */

static void ticket_add(Out *o, int mid, const PortAlert *a)
{
        if (o->n_tickets ==
                OUT_TICKETS_MAX) { /* the oldest will be asked for again on the next connection */
                o->host->count(o->host, "mqtt.ticket_lost");
                o->first = (o->first + 1) % OUT_TICKETS_MAX;
                o->n_tickets--;
        }
        o->tickets[(o->first + o->n_tickets++) % OUT_TICKETS_MAX] = (OutTicket){.mid = mid,
                .worker = a->worker,
                .incident = a->incident,
                .seq = a->seq,
                .channel = a->channel};
}

static bool ticket_acked(Out *o, int mid)
{
        for (uint32_t i = 0; i < o->n_tickets; i++) {
                OutTicket *t = &o->tickets[(o->first + i) % OUT_TICKETS_MAX];

                if (t->mid != mid)
                        continue;
                t->mid = 0;
                o->host->sent(o->host, t->incident, t->worker, t->channel, t->seq, true);
                while (o->n_tickets > 0 && o->tickets[o->first].mid == 0) {
                        o->first = (o->first + 1) % OUT_TICKETS_MAX;
                        o->n_tickets--;
                }
                return true;
        }
        return false;
}

int out_alert(Out *o, const PortAlert *a)
{
        char topic[TOPIC_SIZE], leaf[64], count[16];
        Str s = STR_BUFFER(leaf), c = STR_BUFFER(count);
        int r, mid;

        ASSERT(a);
        str_addf(&s, "/alert/%llu", (unsigned long long)a->incident);
        if (!topic_write(topic, o->prefix, "worker/", a->worker_code, leaf))
                return PORT_E_ADDRESS;
        r = link_publish(o->link, topic, a->json, a->json ? a->json_size : 0, true, &mid);
        if (r == LINK_E_DOWN)
                return PORT_E_DOWN;
        if (r < 0)
                return error_trace(r);
        ticket_add(o, mid, a);
        if (a->raise)
                link_flush(o->link); /* before the rest: its bytes are the first on the wire */
        /* What plain clients read. Retained, so that a phone which comes later has the newest; gone with the
         * last. */
        if (a->count == 0 || a->text) {
                const char *text = a->count == 0 ? "" : a->text;

                (void)topic_write(topic, o->prefix, "worker/", a->worker_code, "/text");
                (void)link_publish(
                        o->link, topic, text, strlen(text), true, NULL); /* rides with the alert */
        }
        str_addf(&c, "%u", a->count);
        (void)topic_write(topic, o->prefix, "worker/", a->worker_code, "/count");
        (void)link_publish(o->link, topic, count, c.n, true, NULL); /* rides with the alert */
        if (a->raise)
                link_flush(o->link);
        else
                link_wake(o->link);
        return 0;
}

/* Answers */

static void out_answer(
        Out *o, const char *group, const char *code, const char *leaf, const char *json, size_t n)
{
        char topic[TOPIC_SIZE];

        if (!topic_write(topic, o->prefix, group, code, leaf)) {
                o->host->count(o->host, "mqtt.no_address");
                return;
        }
        if (link_publish(o->link, topic, json, n, false, NULL) != 0)
                o->host->count(o->host, "mqtt.answer_lost"); /* whoever waits sends again */
        link_wake(o->link);
}

void out_receipt(Out *o, const PortReceipt *r)
{
        out_answer(o, "down/", r->device, "/receipt", r->json, r->json_size);
}

void out_reply(Out *o, const PortReply *r)
{
        out_answer(o, "worker/", r->worker_code, "/reply", r->json, r->json_size);
}

/* For everybody. Lost while the connection is down: connected() has it asked for again. */
static void say(Out *o, const char *leaf, const char *text, bool retain)
{
        char topic[TOPIC_SIZE];
        Str s = STR_BUFFER(topic);

        str_addf(&s, "%s%s", o->prefix, leaf);
        ASSERT(!s.full);
        (void)link_publish(o->link, topic, text, strlen(text), retain, NULL);
        link_wake(o->link);
}

void out_tell(Out *o, const char *leaf, const char *text)
{
        say(o, leaf, text, true);
}

void out_say(Out *o, const char *leaf, const char *text)
{
        say(o, leaf, text, false);
}

/* Lamps */

static void lamp_publish(Out *o, OutLamp *l)
{
        char topic[TOPIC_SIZE];
        const char *word = lamp_word(l->lamp);

        l->mid = 0;
        if (topic_write(topic, o->prefix, "down/", l->device, "/lamp"))
                (void)link_publish(o->link, topic, word, strlen(word), true,
                        &l->mid); /* down: at the next connection */
}

static void lamp_acked(Out *o, int mid)
{
        for (uint32_t i = 0; i < o->n_lamps; i++)
                if (o->lamps[i].mid == mid) {
                        o->lamps[i].mid = 0;
                        if (!o->lamps[i].open)
                                o->lamps[i] = o->lamps[--o->n_lamps];
                        return;
                }
}

void out_lamp(Out *o, const char *device, Lamp lamp, bool open)
{
        OutLamp *l = NULL;

        if (!device || !str_code(device))
                return; /* no device of ours: it has no topic */
        for (uint32_t i = 0; i < o->n_lamps && !l; i++)
                if (str_equal(o->lamps[i].device, device))
                        l = &o->lamps[i];
        if (!l) {
                if (o->n_lamps == OUT_LAMPS_MAX) { /* an order that may be lost is better than none */
                        o->host->count(o->host, "mqtt.lamp_lost");
                        memmove(o->lamps, o->lamps + 1, (OUT_LAMPS_MAX - 1) * sizeof(OutLamp));
                        o->n_lamps--;
                }
                l = &o->lamps[o->n_lamps++];
                *l = (OutLamp){0};
                (void)str_copy(l->device, sizeof(l->device), device); /* str_code(): it fits */
        }
        l->lamp = lamp;
        l->open = open;
        lamp_publish(o, l);
        link_wake(o->link);
}

/* The connection */

static void out_ready(void *userdata)
{
        Out *o = userdata;
        char filter[TOPIC_SIZE];

        o->first = o->n_tickets =
                0; /* the broker may or may not have them: they are asked for again below */
        out_filter(o, filter);
        o->reading_back = link_subscribe(o->link, filter) == 0;
        o->read_back_us = clock_now().boot_us;
        for (uint32_t i = 0; i < o->n_lamps; i++)
                o->lamps[i].mid = 0;
        o->host->connected(o->host, true);
        if (o->announce[0])
                announce(o->link, o->announce, o->site);
        for (uint32_t i = 0; i < o->n_lamps; i++)
                if (o->lamps[i].mid == 0) /* not said just now */
                        lamp_publish(o, &o->lamps[i]);
}

static void out_acked(void *userdata, int mid)
{
        Out *o = userdata;

        if (!ticket_acked(o, mid))
                lamp_acked(o, mid);
}

static void out_message(void *userdata, const LinkMessage *message)
{
        Out *o = userdata;
        Topic t;

        if (!message->retained || message->size == 0)
                return; /* our own voice */
        topic_read(o->prefix, message->topic, &t);
        if (t.kind != TOPIC_ALERT || !t.valid) {
                o->host->count(o->host, "mqtt.topic");
                return;
        }
        o->read_back_us = clock_now().boot_us;
        o->host->retained_alert(o->host, t.source, t.incident);
}

void out_tick(Out *o)
{
        char filter[TOPIC_SIZE];

        link_tick(o->link);
        if (o->reading_back && clock_now().boot_us - o->read_back_us > READ_BACK_QUIET_US) {
                o->reading_back = false;
                out_filter(o, filter);
                if (link_unsubscribe(o->link, filter) == 0)
                        link_wake(o->link);
        }
}

int out_init(Out *o, PortHost *host, const LinkSettings *settings, const char *prefix, const char *announce,
        const char *site)
{
        int r;

        ASSERT(o && host && settings && prefix);
        *o = (Out){.host = host, .prefix = prefix, .announce = announce, .site = site};
        o->tickets = calloc(OUT_TICKETS_MAX, sizeof(OutTicket));
        o->lamps = calloc(OUT_LAMPS_MAX, sizeof(OutLamp));
        if (!o->tickets || !o->lamps) {
                out_deinit(o);
                return error_origin(-ENOMEM);
        }
        r = link_new(&o->link, host, settings,
                &(LinkHandler){
                        .message = out_message, .acked = out_acked, .ready = out_ready, .userdata = o});
        if (r < 0) {
                out_deinit(o);
                return error_trace(r);
        }
        return 0;
}

void out_deinit(Out *o)
{
        o->link = link_free(o->link);
        free(o->tickets);
        free(o->lamps);
        *o = (Out){0};
}
