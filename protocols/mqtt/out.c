/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outgoing half. What always holds:
 *
 * - Nothing is published while the connection is down: libmosquitto would keep it without bound and send it
 * late. Each kind has its own way to come again. Alerts: the gateway is told by connected() and sends every
 * open one. Receipts and replies: the newest thousand wait for the connection (which after a start comes a moment later
 * than the one that takes what they answer), and whoever waits sends again and elicits them. Lamps nobody would ask for: so
 * the newest word of each device is kept here until the broker has it, and while the incident is open, in
 * case the broker forgets.
 * - An alert that was retained and whose matter ended while we were down is a ghost, and so is the day of somebody
 * who has left meanwhile. So each new connection reads back what the broker keeps of ours for people (it comes with the
 * retain flag, our live words without), and the gateway clears what is nobody's. The subscriptions end after two quiet
 * seconds.
 * - A call for help is on the socket when out_alert() returns, if nothing else is under way and the socket takes
 * it; with others under way, when out_flush() returns. The rest waits until the loop comes by, and so leaves in
 * one write.
 * - What is under way is bounded (out_room()): the library looks at all of it for each acknowledgement, a call waits
 * behind all of it, and what has not left yet can still be replaced by what is newer. Calls have the larger window, so
 * that they never wait for refreshes; what a group of commits releases at once, receipts, replies and lamps, has
 * windows in between. Text and count wait in lines.c, the newest of each person.
 * - Broker acknowledgements come in the order of publishing, so tickets are a ring and the first match is
 * near; one that belongs to no ticket is known by its number.
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
#define TICKETS_FIRST      512u
#define LAMPS_FIRST        256u
#define LAMP_NONE          UINT32_MAX

/* What is read back: names, addresses and telephone numbers stand in each of these. */
static const char *const read_back_leaves[] = {"alert/+", "day", "text"};

#define READ_BACKS (sizeof(read_back_leaves) / sizeof(read_back_leaves[0]))

static bool read_back(const Out *o, int (*fn)(Link *, const char *filter))
{
        bool done = true;

        for (size_t i = 0; i < READ_BACKS && done; i++) {
                char filter[TOPIC_SIZE];
                Str s = STR_BUFFER(filter);

                str_addf(&s, "%sworker/+/%s", o->prefix, read_back_leaves[i]);
                ASSERT(!s.full);
                done = fn(o->link, filter) == 0;
        }
        return done;
}

/* Tickets */

/* True: mid `a` was given out after `b`; they wrap. */
static bool mid_after(int a, int b)
{
        uint16_t ahead = (uint16_t)((unsigned)a - (unsigned)b);

        return ahead != 0 && ahead < 0x8000;
}

static OutTicket *ticket_at(Out *o, uint32_t i)
{
        return &o->tickets[(o->first + i) % o->tickets_max];
}

static void ticket_add(Out *o, const OutTicket *ticket)
{
        if (o->n_tickets == o->tickets_max) {
                OutTicket *tickets = calloc(o->tickets_max * 2, sizeof(OutTicket));

                if (!tickets) { /* the oldest will be asked for again on the next connection */
                        o->host->count(o->host, "mqtt.ticket_lost");
                        o->n_flying -= ticket_at(o, 0)->mid != 0;
                        o->first = (o->first + 1) % o->tickets_max;
                        o->n_tickets--;
                } else {
                        for (uint32_t i = 0; i < o->n_tickets; i++)
                                tickets[i] = *ticket_at(o, i);
                        free(o->tickets);
                        o->tickets = tickets;
                        o->tickets_max *= 2;
                        o->first = 0;
                }
        }
        *ticket_at(o, o->n_tickets++) = *ticket;
        o->n_flying++;
}

static void lamp_acked(Out *o, uint32_t lamp, int mid);

static void ticket_acked(Out *o, int mid)
{
        for (uint32_t i = 0; i < o->n_tickets; i++) {
                OutTicket *t = ticket_at(o, i), got = *t;

                if (t->mid != 0 && mid_after(t->mid, mid))
                        return; /* what is said to everybody: nobody waits for it */
                if (t->mid != mid)
                        continue;
                t->mid = 0;
                o->n_flying--;
                while (o->n_tickets > 0 && ticket_at(o, 0)->mid == 0) {
                        o->first = (o->first + 1) % o->tickets_max;
                        o->n_tickets--;
                }
                switch (got.kind) {
                case TICKET_ALERT:
                        o->host->sent(o->host, got.incident, got.worker, got.channel, got.seq, true);
                        break;
                case TICKET_LAMP: lamp_acked(o, got.lamp, mid); break;
                case TICKET_ANSWER:
                case TICKET_LINE: break;
                }
                return;
        }
}

/* Text and count */

static void line_publish(Out *o, const char *code, const char *leaf, const char *text)
{
        char topic[TOPIC_SIZE];
        int mid;

        if (topic_write(topic, o->prefix, "worker/", code, leaf) &&
                link_publish(o->link, topic, text, strlen(text), true, &mid) == 0)
                ticket_add(o, &(OutTicket){.kind = TICKET_LINE, .mid = mid});
}

static void line_say(Out *o, const char *code, const char *text, int64_t n)
{
        char count[24];
        Str c = STR_BUFFER(count);

        if (text)
                line_publish(o, code, "/text", text);
        if (n < 0)
                return;
        str_addf(&c, "%lld", (long long)n);
        line_publish(o, code, "/count", count);
}

/* Those that wait, while the window has room. */
static void lines_say(Out *o, uint32_t most)
{
        const char *code, *text;
        int64_t count;

        while (o->n_flying < most && lines_next(o->lines, &code, &text, &count))
                line_say(o, code, text, count);
}

/* Alerts */

bool out_room(const Out *o, bool raise)
{
        return link_ready(o->link) && o->n_flying < (raise ? OUT_CALLS_MAX : OUT_REFRESHES_MAX);
}

int out_alert(Out *o, const PortAlert *a)
{
        char topic[TOPIC_SIZE], leaf[64];
        Str s = STR_BUFFER(leaf);
        bool quiet = o->n_flying == 0;
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
        ticket_add(o, &(OutTicket){.kind = TICKET_ALERT,
                              .mid = mid,
                              .worker = a->worker,
                              .incident = a->incident,
                              .seq = a->seq,
                              .channel = a->channel});
        if (a->raise && quiet)
                link_flush(o->link); /* before the rest is written: its bytes are the first on the wire */
        /* What plain clients read. Retained, so that a phone which comes later has the newest; gone with the
         * last. To a person whose app knows nothing else, it is the call; and one without an id is nobody of ours. */
        if (a->worker == 0 || (a->raise && a->channel == CHANNEL_PLAIN && a->text)) {
                line_say(o, a->worker_code, a->count == 0 ? "" : a->text, (int64_t)a->count);
                lines_forget(o->lines, a->worker);
        } else
                lines_note(o->lines, a);
        return 0;
}

void out_flush(Out *o)
{
        lines_say(o, OUT_LINES_MAX);
        link_flush(o->link);
}

/* Answers */

static void answer_publish(Out *o, const char *topic, const char *json, size_t n)
{
        int mid;

        if (link_publish(o->link, topic, json, n, false, &mid) == 0)
                ticket_add(o, &(OutTicket){.kind = TICKET_ANSWER, .mid = mid});
        else
                o->host->count(o->host, "mqtt.answer_lost"); /* whoever waits sends again */
}

static void answer_drop(Out *o)
{
        OutAnswer *a = o->answer_first;

        o->answer_first = a->next;
        if (!a->next)
                o->answer_last = NULL;
        o->n_answers--;
        free(a);
}

/* Those that wait, while the window has room. */
static void answers_say(Out *o)
{
        for (OutAnswer *a; (a = o->answer_first) && o->n_flying < OUT_ANSWERS_MAX; answer_drop(o))
                answer_publish(o, a->bytes, a->bytes + a->topic_size, a->json_size);
}

static void answer_queue(Out *o, const char *topic, const char *json, size_t n)
{
        uint32_t most = link_ready(o->link) ? OUT_QUEUE_MAX : OUT_DOWN_MAX;
        size_t topic_size = strlen(topic) + 1;
        OutAnswer *a = malloc(sizeof(OutAnswer) + topic_size + n);

        if (o->n_answers >= most || !a)
                o->host->count(o->host, "mqtt.answer_lost"); /* whoever waits sends again */
        if (o->n_answers >= most)
                answer_drop(o);
        if (!a)
                return;
        a->next = NULL;
        a->topic_size = topic_size;
        a->json_size = n;
        memcpy(a->bytes, topic, topic_size);
        memcpy(a->bytes + topic_size, json, n);
        if (o->answer_last)
                o->answer_last->next = a;
        else
                o->answer_first = a;
        o->answer_last = a;
        o->n_answers++;
}

static void out_answer(
        Out *o, const char *group, const char *code, const char *leaf, const char *json, size_t n)
{
        char topic[TOPIC_SIZE];

        if (!topic_write(topic, o->prefix, group, code, leaf)) {
                o->host->count(o->host, "mqtt.no_address");
                return;
        }
        if (!link_ready(o->link) || o->answer_first || o->n_flying >= OUT_ANSWERS_MAX) {
                answer_queue(o, topic, json, n);
                return;
        }
        answer_publish(o, topic, json, n);
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

void out_show(Out *o, const char *worker_code, const char *leaf, const char *json, size_t n)
{
        char under[32];
        Str s = STR_BUFFER(under);

        str_addf(&s, "/%s", leaf);
        ASSERT(!s.full);
        out_answer(o, "worker/", worker_code, under, json, n);
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

static OutLamp *lamp_find(const Out *o, const char *device)
{
        uint32_t i;

        if (idmap_get(&o->by_device, idmap_hash(device, strlen(device)), &i) &&
                str_equal(o->lamps[i].device, device))
                return &o->lamps[i];
        /* Two names of one hash: whoever came second is found by looking. */
        for (i = 0; o->n_unmapped > 0 && i < o->lamps_max; i++)
                if (o->lamps[i].unmapped && str_equal(o->lamps[i].device, device))
                        return &o->lamps[i];
        return NULL;
}

static void lamp_map(Out *o, uint32_t i)
{
        uint64_t key = idmap_hash(o->lamps[i].device, strlen(o->lamps[i].device));
        uint32_t other;

        o->lamps[i].unmapped = idmap_get(&o->by_device, key, &other);
        if (o->lamps[i].unmapped)
                o->n_unmapped++;
        else
                ASSERT(idmap_set(&o->by_device, key, i));
}

static bool lamps_grow(Out *o)
{
        uint32_t n = o->lamps_max ? o->lamps_max * 2 : LAMPS_FIRST;
        OutLamp *lamps = n <= OUT_LAMPS_MAX ? realloc(o->lamps, n * sizeof(OutLamp)) : NULL;
        void *memory;

        if (!lamps)
                return false;
        o->lamps = lamps;
        memory = calloc(1, idmap_size(n));
        if (!memory)
                return false;
        free(o->by_device_memory);
        o->by_device_memory = memory;
        idmap_init(&o->by_device, memory, n);
        memset(lamps + o->lamps_max, 0, (n - o->lamps_max) * sizeof(OutLamp));
        o->n_unmapped = 0;
        for (uint32_t i = 0; i < o->lamps_max; i++)
                lamp_map(o, i); /* full, so each of them is somebody's */
        for (uint32_t i = n; i-- > o->lamps_max;) {
                lamps[i].next = o->lamp_free;
                o->lamp_free = i;
        }
        o->lamps_max = n;
        return true;
}

static OutLamp *lamp_new(Out *o, const char *device)
{
        uint32_t i;

        if (o->lamp_free == LAMP_NONE && !lamps_grow(o))
                return NULL;
        i = o->lamp_free;
        o->lamp_free = o->lamps[i].next;
        o->lamps[i] = (OutLamp){0};
        (void)str_copy(o->lamps[i].device, sizeof(o->lamps[i].device), device); /* str_code(): it fits */
        lamp_map(o, i);
        return &o->lamps[i];
}

static void lamp_drop(Out *o, OutLamp *l)
{
        ASSERT(!l->queued);
        if (l->unmapped)
                o->n_unmapped--;
        else
                idmap_unset(&o->by_device, idmap_hash(l->device, strlen(l->device)));
        *l = (OutLamp){.next = o->lamp_free};
        o->lamp_free = (uint32_t)(l - o->lamps);
}

static int lamp_say(Out *o, const char *device, Lamp lamp)
{
        char topic[TOPIC_SIZE];
        const char *word = lamp_word(lamp);
        int mid = 0;

        if (topic_write(topic, o->prefix, "down/", device, "/lamp"))
                (void)link_publish(
                        o->link, topic, word, strlen(word), true, &mid); /* down: at the next connection */
        return mid;
}

static void lamp_publish(Out *o, OutLamp *l)
{
        l->mid = lamp_say(o, l->device, l->lamp);
        if (l->mid)
                ticket_add(o,
                        &(OutTicket){.kind = TICKET_LAMP, .mid = l->mid, .lamp = (uint32_t)(l - o->lamps)});
}

static void lamp_acked(Out *o, uint32_t lamp, int mid)
{
        OutLamp *l = &o->lamps[lamp];

        ASSERT(lamp < o->lamps_max);
        if (l->mid != mid)
                return; /* a later word is under way */
        l->mid = 0;
        if (!l->open && !l->queued)
                lamp_drop(o, l);
}

/* Its newest word, when there is room. */
static void lamp_queue(Out *o, OutLamp *l)
{
        uint32_t i = (uint32_t)(l - o->lamps);

        if (l->queued)
                return;
        l->queued = true;
        l->next = LAMP_NONE;
        if (o->lamp_last == LAMP_NONE)
                o->lamp_first = i;
        else
                o->lamps[o->lamp_last].next = i;
        o->lamp_last = i;
}

static void lamps_say(Out *o)
{
        while (o->lamp_first != LAMP_NONE && o->n_flying < OUT_LAMPS_WAY_MAX && link_ready(o->link)) {
                OutLamp *l = &o->lamps[o->lamp_first];

                o->lamp_first = l->next;
                if (o->lamp_first == LAMP_NONE)
                        o->lamp_last = LAMP_NONE;
                l->queued = false;
                lamp_publish(o, l);
        }
}

void out_lamp(Out *o, const char *device, Lamp lamp, bool open)
{
        OutLamp *l;

        if (!device || !str_code(device))
                return; /* no device of ours: it has no topic */
        l = lamp_find(o, device);
        if (!l)
                l = lamp_new(o, device);
        if (l) {
                l->lamp = lamp;
                l->open = open;
                lamp_queue(o, l);
                lamps_say(o);
        } else { /* an order that may be lost is better than none */
                o->host->count(o->host, "mqtt.lamp_lost");
                (void)lamp_say(o, device, lamp);
        }
        link_wake(o->link);
}

/* The echo */

static void echo_subscribe(Out *o)
{
        char filter[TOPIC_SIZE];

        if (o->echo && topic_write(filter, o->prefix, "worker/", o->echo, "/alert/+") &&
                link_subscribe(o->link, filter) == 0)
                link_wake(o->link); /* down: with the connection */
}

void out_echo_set(
        Out *o, const char *code, void (*heard)(void *userdata, const void *bytes, size_t n), void *userdata)
{
        ASSERT(code && heard);
        o->echo = code;
        o->echo_heard = heard;
        o->echo_userdata = userdata;
        echo_subscribe(o);
}

/* The connection */

static void out_ready(void *userdata)
{
        Out *o = userdata;

        o->first = o->n_tickets = o->n_flying =
                0; /* the broker may or may not have them: they are asked for again below */
        lines_reset(o->lines);
        o->reading_back = read_back(o, link_subscribe);
        o->read_back_us = clock_now().boot_us;
        echo_subscribe(o);
        for (uint32_t i = 0; i < o->lamps_max; i++)
                o->lamps[i].mid = 0;
        o->host->connected(o->host, true);
        answers_say(o);
        if (o->announce[0])
                announce(o->link, o->announce, o->site);
        for (uint32_t i = 0; i < o->lamps_max; i++)
                if (o->lamps[i].device[0] && o->lamps[i].mid == 0) /* not said just now */
                        lamp_queue(o, &o->lamps[i]);
        lamps_say(o);
}

static void out_acked(void *userdata, int mid)
{
        Out *o = userdata;

        ticket_acked(o, mid);
        answers_say(o);
        lamps_say(o);
        lines_say(o, OUT_REFRESHES_MAX);
}

static void out_message(void *userdata, const LinkMessage *message)
{
        Out *o = userdata;
        Topic t;

        if (message->size == 0 || (!message->retained && !o->echo))
                return; /* our own voice */
        topic_read(o->prefix, message->topic, &t);
        if (!message->retained) {
                if (t.kind == TOPIC_ALERT && str_equal(t.source, o->echo))
                        o->echo_heard(o->echo_userdata, message->payload, message->size);
                return;
        }
        if (!t.valid || (t.kind != TOPIC_ALERT && t.kind != TOPIC_DAY && t.kind != TOPIC_TEXT)) {
                o->host->count(o->host, "mqtt.topic");
                return;
        }
        o->read_back_us = clock_now().boot_us;
        if (t.kind == TOPIC_ALERT)
                o->host->retained_alert(o->host, t.source, t.incident);
        else
                o->host->retained_word(o->host, t.source, t.kind == TOPIC_DAY ? "day" : "text");
}

void out_tick(Out *o)
{
        link_tick(o->link);
        if (o->reading_back && clock_now().boot_us - o->read_back_us > READ_BACK_QUIET_US) {
                o->reading_back = false;
                if (read_back(o, link_unsubscribe))
                        link_wake(o->link);
        }
}

int out_init(Out *o, PortHost *host, const LinkSettings *settings, const char *prefix, const char *announce,
        const char *site)
{
        int r;

        ASSERT(o && host && settings && prefix);
        *o = (Out){.host = host, .prefix = prefix, .announce = announce, .site = site};
        o->lamp_free = o->lamp_first = o->lamp_last = LAMP_NONE;
        o->tickets_max = TICKETS_FIRST;
        o->tickets = calloc(o->tickets_max, sizeof(OutTicket));
        if (!o->tickets || !lamps_grow(o)) {
                out_deinit(o);
                return error_origin(-ENOMEM);
        }
        r = lines_new(&o->lines);
        if (r < 0) {
                out_deinit(o);
                return error_trace(r);
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
        o->lines = lines_free(o->lines);
        while (o->answer_first)
                answer_drop(o);
        free(o->tickets);
        free(o->lamps);
        free(o->by_device_memory);
        *o = (Out){0};
}
