/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CoAP adapter: requests become events, receipts become answers.
 *
 *      datagrams ─▶ side_drain ─▶ on_request ─▶ inbox          (up to LIMIT_DRAIN of them)
 *                                     └─▶ hold (nothing is sent)
 *                   then host->run(): the turn
 *                   then the readings' holds are answered 2.04
 *      later, after the commit: ops->receipt() ─▶ the alarm's hold is answered 2.01
 *
 * What holds always:
 *  - An alarm is never refused: whatever stands in the options or the body, it becomes an event, and 4.13
 *    (too large) comes only after that event is recorded. What libcoap refuses before we are called is what
 *    the RFCs say it must: malformed messages (RST), critical options that nobody knows (4.02; RST for a
 *    NON), proxying (5.05), a Hop-Limit that is used up (5.08).
 *  - An alarm has no answer before its receipt, also no empty ACK: see hold.c.
 *  - Readings are answered after the turn and not after the commit: at most 15 minutes of them may be lost
 *    by design, and what they raise is raised.
 *  - Nothing is deleted inside one of libcoap's handlers; `inside` says whether we are in one.
 *
 * All paths are served by libcoap's unknown resource, so that a kind of alarm that we do not know arrives
 * too. The exceptions are .well-known/core (short, and ours: the library's own list would name every lamp)
 * and the lamps.
 */
#include "protocols/coap/coap.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "limits.h"
#include "protocols/coap/hold.h"
#include "protocols/coap/lamp.h"
#include "protocols/coap/request.h"
#include "protocols/coap/side.h"
#include "protocols/coap/sign.h"
#include "protocols/codec/senml.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

#define TICK_US (10 * USEC_PER_SEC) /* how often what is old is let go, while there is any */

enum { SIDE_UDP, SIDE_DTLS, SIDES };

struct CoapPort {
        PortHost *host;
        Codec *codec;
        Senml *senml;
        Side sides[SIDES];
        Holds alarms, readings;
        Window alarms_seen, readings_seen;
        Lamps lamps;
        PortTimer *timer;
        bool ticking, inside, stopped;
        unsigned pushed;            /* events since the last turn */
        uint64_t readings_answered; /* holds of readings up to this one have their answer */
        uint64_t seed;
        uint64_t now_us; /* when the drain began */
        Psk psk;
};

static void tick_start(CoapPort *p)
{
        if (p->ticking)
                return;
        p->ticking = p->host->timer_set(p->timer, TICK_US) == 0; /* else the next call tries again */
}

static void on_tick(void *userdata)
{
        CoapPort *p = userdata;
        uint64_t now = clock_now().boot_us;
        bool more = false;

        ASSERT(!p->inside);
        more |= holds_expire(&p->alarms, now);
        more |= holds_expire(&p->readings, now);
        more |= window_expire(&p->alarms_seen, now);
        more |= window_expire(&p->readings_seen, now);
        more |= lamps_reap(&p->lamps, now);
        p->ticking = false;
        if (more)
                tick_start(p);
}

/* libcoap's way to say nothing: a response without a code that is no ACK is dropped. */
static void stay_silent(coap_pdu_t *response)
{
        coap_pdu_set_type(response, COAP_MESSAGE_NON);
}

/* A retransmission: silence while its answer waits, else the same answer again. False: it is a new request.
 */
static bool answered_before(CoapPort *p, Window *w, const SeenKey *key, coap_pdu_t *response)
{
        Seen *seen = window_find(w, key, p->now_us);

        if (!seen)
                return false;
        if (seen->answered) {
                p->host->count(p->host, "coap.repeated");
                (void)answer_fill(response, &seen->answer); /* fitted the first time */
        } else {
                p->host->count(p->host, "coap.repeated_waiting");
                stay_silent(response);
        }
        return true;
}

static Event *event_for(CoapPort *p, EventType type, bool dtls, const Request *r)
{
        Event *event = p->host->event_new(p->host);

        if (!event) {
                /* The inbox is emptied by each turn and holds more than one drain: others have filled it. */
                (void)p->host->run(p->host); /* our answers wait for their receipts, not for a number */
                event = p->host->event_new(p->host);
        }
        if (!event) {
                p->host->count(p->host, "coap.inbox_full");
                return NULL;
        }
        event->type = type;
        event->via = dtls ? VIA_DTLS : VIA_COAP;
        if (p->host->event_body(event, r->body, r->body_size) < 0) {
                p->host->discard(p->host, event);
                p->host->count(p->host, "coap.no_memory");
                return NULL;
        }
        return event;
}

/*
 * Who speaks: over DTLS the identity that the key has proved; else what d says; else the address, which is a
 * source that we cannot place. Returns what is wrong with it, or NULL.
 */
static const char *read_source(Event *event, const coap_session_t *session, bool dtls, const Request *r)
{
        const coap_bin_const_t *identity = dtls ? coap_session_get_psk_identity(session) : NULL;

        /* The identity is a code: psk.c admits no other. */
        if (identity && identity->length > 0 &&
                str_copyn(event->source, sizeof(event->source), (const char *)identity->s, identity->length))
                return r->source[0] && strcmp(r->source, event->source) != 0
                               ? "d is not the device of the key"
                               : r->why;
        if (r->source[0])
                (void)str_copy(event->source, sizeof(event->source), r->source); /* of equal size */
        else
                request_peer(session, event->source);
        return r->why;
}

static void read_alarm(CoapPort *p, Event *event, const Request *r, bool too_large, const char *why)
{
        if (r->crashed) {
                event->alarm.kind = ALARM_UNPARSED;
                why = "the gateway crashed on this message";
        } else if (too_large) {
                event->alarm.kind = ALARM_UNPARSED;
                why = r->block ? "block-wise transfer is not served" : "the body is too large";
        } else {
                codec_read_alarm(p->codec, event, r->kind[0] ? r->kind : NULL);
        }
        if (r->source_bad && event->via != VIA_DTLS)
                event->alarm.kind = ALARM_UNPARSED;
        if (event->alarm.kind == ALARM_UNPARSED && r->kind[0])
                (void)str_copy(event->alarm.word, sizeof(event->alarm.word),
                        r->kind); /* what a person can still use */
        if (r->id[0])
                (void)str_copy(event->id, sizeof(event->id), r->id); /* of equal size */
        if (why)
                (void)str_copy(event->why, sizeof(event->why), why);
}

static void on_alarm(CoapPort *p, coap_session_t *session, bool dtls, const coap_pdu_t *request,
        const Request *r, coap_pdu_t *response)
{
        bool too_large = r->block || r->body_size > CPORT_BODY_MAX;
        SeenKey key;
        Event *event;

        seen_key(&key, session, (uint16_t)coap_pdu_get_mid(request), r->digest);
        if (answered_before(p, &p->alarms_seen, &key, response))
                return;
        stay_silent(response);
        event = event_for(p, EVENT_ALARM, dtls, r);
        if (!event)
                return; /* not even seen: the retransmission is a new request */
        event->hold = holds_add(
                &p->alarms, session, request, &p->alarms_seen, window_add(&p->alarms_seen, &key, p->now_us),
                p->now_us);
        Hold *hold = holds_get(&p->alarms, event->hold);
        ASSERT(hold);
        hold->no_response = r->no_response;
        hold->too_large = too_large;
        read_alarm(p, event, r, too_large, read_source(event, session, dtls, r));
        p->host->push(p->host, event);
        p->pushed++;
        tick_start(p);
}

static void on_reading(CoapPort *p, coap_session_t *session, bool dtls, const coap_pdu_t *request,
        const Request *r, coap_pdu_t *response)
{
        uint8_t code = 0;
        SeenKey key;
        Event *event;

        if (r->block || r->body_size > CPORT_BODY_MAX)
                code = COAP_RESPONSE_CODE_REQUEST_TOO_LARGE;
        else if (r->format != CPORT_FORMAT_NONE && r->format != CPORT_FORMAT_JSON &&
                 r->format != CPORT_FORMAT_SENML_JSON && r->format != CPORT_FORMAT_SENML_CBOR)
                code = COAP_RESPONSE_CODE_UNSUPPORTED_CONTENT_FORMAT;
        else if (!dtls && (!r->source[0] || r->source_bad))
                code = COAP_RESPONSE_CODE_BAD_REQUEST;
        if (code != 0) {
                p->host->count(p->host, "coap.refused");
                coap_pdu_set_code(response, (coap_pdu_code_t)code);
                return;
        }
        seen_key(&key, session, (uint16_t)coap_pdu_get_mid(request), r->digest);
        if (answered_before(p, &p->readings_seen, &key, response))
                return;
        stay_silent(response);
        event = event_for(p, r->target == REQUEST_VITALS ? EVENT_VITALS : EVENT_STATUS, dtls, r);
        if (!event)
                return;
        const char *why = read_source(event, session, dtls, r);
        if (r->target == REQUEST_VITALS)
                codec_read_vitals(p->codec, event);
        else
                codec_read_status(p->codec, event);
        if (why && !event->why[0])
                (void)str_copy(event->why, sizeof(event->why), why);
        uint64_t number = holds_add(&p->readings, session, request, &p->readings_seen,
                window_add(&p->readings_seen, &key, p->now_us), p->now_us);
        holds_get(&p->readings, number)->no_response = r->no_response;
        p->host->push(p->host, event);
        p->pushed++;
        tick_start(p);
}

static void pack_hold(CoapPort *p, coap_session_t *session, const coap_pdu_t *request, const Request *r,
        const SeenKey *key, bool alarm, Event *event)
{
        Holds *holds = alarm ? &p->alarms : &p->readings;
        Window *seen = alarm ? &p->alarms_seen : &p->readings_seen;
        uint64_t number = holds_add(
                holds, session, request, seen, window_add(seen, key, p->now_us), p->now_us);

        holds_get(holds, number)->no_response = r->no_response;
        if (!alarm)
                return; /* answered after the turn */
        event->hold = number;
        if (r->id[0])
                (void)str_copy(event->id, sizeof(event->id), r->id); /* of equal size */
}

static void pack_push(
        CoapPort *p, Event *first, size_t n, bool dtls, const coap_session_t *session, const Request *r)
{
        for (size_t i = 0; i < n; i++) {
                Event *e = i == 0 ? first : event_for(p, EVENT_VITALS, dtls, r);

                if (!e)
                        return; /* counted; the alarm was the first */
                if (i > 0) {
                        (void)read_source(e, session, dtls, r); /* said with the first */
                        senml_event(p->senml, i, e);
                }
                p->host->push(p->host, e);
                p->pushed++;
        }
}

/*
 * A SenML pack. With an alarm in it, it is an alarm on whatever path it came: held until it is on the disk. False: an
 * alarm's path and no alarm in the pack, which is read as any other alarm that makes no sense.
 */
static bool on_pack(CoapPort *p, coap_session_t *session, bool dtls, const coap_pdu_t *request,
        const Request *r, coap_pdu_t *response)
{
        bool alarm, alarm_path = r->target == REQUEST_ALARM;
        const char *why, *pack_why;
        SeenKey key;
        Event *event;
        size_t n;

        seen_key(&key, session, (uint16_t)coap_pdu_get_mid(request), r->digest);
        if (answered_before(p, &p->alarms_seen, &key, response) ||
                answered_before(p, &p->readings_seen, &key, response))
                return true;
        event = event_for(p, EVENT_STATUS, dtls, r);
        if (!event) {
                stay_silent(response);
                return true;
        }
        why = read_source(event, session, dtls, r);
        n = senml_read(p->senml, senml_sniff(r->body, r->body_size), r->body, r->body_size, event->source,
                &alarm, &pack_why);
        if (!alarm && (alarm_path || (!dtls && (!r->source[0] || r->source_bad)))) {
                p->host->discard(p->host, event);
                if (alarm_path)
                        return false;
                p->host->count(p->host, "coap.refused");
                coap_pdu_set_code(response, COAP_RESPONSE_CODE_BAD_REQUEST);
                return true;
        }
        stay_silent(response);
        if (n > 0)
                senml_event(p->senml, 0, event);
        else {
                event->status = (StatusEvent){STATUS_UNSAID, .fault = true};
                (void)str_copy(event->why, sizeof(event->why), pack_why); /* cut is fine */
        }
        if (why && !event->why[0])
                (void)str_copy(event->why, sizeof(event->why), why);
        pack_hold(p, session, request, r, &key, alarm, event);
        pack_push(p, event, n > 0 ? n : 1, dtls, session, r);
        tick_start(p);
        return true;
}

/* By its format, or where that says nothing or JSON, by its first byte. */
static bool is_pack(const Request *r)
{
        if (r->block || r->body_size > CPORT_BODY_MAX || senml_sniff(r->body, r->body_size) == SENML_NONE)
                return false;
        return r->format == CPORT_FORMAT_NONE || r->format == CPORT_FORMAT_JSON ||
               r->format == CPORT_FORMAT_SENML_JSON || r->format == CPORT_FORMAT_SENML_CBOR;
}

/*
 * A device with a key speaks over DTLS or signs. What comes in its name without either is not its own: readings and
 * signs of life are refused, and an alarm calls people as one of an unknown sender, whatever it is. True: go on.
 */
static bool check_signature(CoapPort *p, Request *r, coap_pdu_t *response)
{
        char claimed[CODE_SIZE];
        Str s = {.p = claimed, .cap = CODE_SIZE};

        switch (signs_check(&p->psk, r)) {
        case SIGN_NO_KEY:
        case SIGN_GOOD: return true;
        case SIGN_NONE: r->why = "not signed, and its device has a key"; break;
        case SIGN_BAD: r->why = "the signature is wrong"; break;
        case SIGN_OLD: r->why = "the signature is an old one"; break;
        }
        p->host->count(p->host, "coap.unsigned");
        if (r->target != REQUEST_ALARM) {
                coap_pdu_set_code(response, COAP_RESPONSE_CODE_UNAUTHORIZED);
                return false;
        }
        str_addf(&s, "?%.*s", CODE_SIZE - 2, r->source);
        (void)str_copy(r->source, sizeof(r->source), claimed); /* of equal size */
        r->source_bad = true;
        return true;
}

static void take(CoapPort *p, coap_session_t *session, bool dtls, const coap_pdu_t *request,
        const Request *r, coap_pdu_t *response)
{
        if (!r->crashed && is_pack(r) && on_pack(p, session, dtls, request, r, response))
                return;
        if (r->target == REQUEST_ALARM || r->crashed)
                on_alarm(p, session, dtls, request, r, response);
        else
                on_reading(p, session, dtls, request, r, response);
}

static void on_request(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
        const coap_string_t *query, coap_pdu_t *response)
{
        CoapPort *p = coap_resource_get_userdata(resource);
        bool dtls = coap_session_get_proto(session) == COAP_PROTO_DTLS;
        int method = (int)coap_pdu_get_code(request);
        Request r;

        side_asked(&p->sides[dtls ? SIDE_DTLS : SIDE_UDP]);
        if (dtls)
                gate_know(&p->sides[SIDE_DTLS].gate, session);
        request_read(request, p->seed, &r);
        if (r.target == REQUEST_NONE)
                coap_pdu_set_code(response, COAP_RESPONSE_CODE_NOT_FOUND);
        else if (method != COAP_REQUEST_CODE_POST && method != COAP_REQUEST_CODE_PUT)
                coap_pdu_set_code(response, COAP_RESPONSE_CODE_NOT_ALLOWED);
        else if (!dtls && !check_signature(p, &r, response))
                return;
        else if (!p->host->decode)
                take(p, session, dtls, request, &r, response);
        else {
                r.crashed =
                        !p->host->decode(p->host, dtls ? VIA_DTLS : VIA_COAP, r.source, r.body, r.body_size);
                if (r.crashed)
                        p->host->count(p->host, "coap.crashed_on");
                take(p, session, dtls, request, &r, response);
                if (!r.crashed)
                        p->host->decoded(p->host);
        }
}

static void on_discovery(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
        const coap_string_t *query, coap_pdu_t *response)
{
        static const char links[] =
                "</v1/alarm>;rt=\"huying.alarm\";ct=50,</v1/vitals>;rt=\"huying.vitals\";ct=\"50 110 112\","
                "</v1/status>;rt=\"huying.status\";ct=50";
        uint8_t format = CPORT_FORMAT_LINKS;

        coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
        (void)coap_add_option(
                response, COAP_OPTION_CONTENT_FORMAT, 1, &format); /* an empty message has room */
        (void)coap_add_data(response, sizeof(links) - 1, (const uint8_t *)links);
}

static int add_resources(CoapPort *p, coap_context_t *context)
{
        coap_resource_t *unknown = coap_resource_unknown_init(on_request);
        coap_resource_t *core = coap_resource_init(coap_make_str_const(".well-known/core"), 0);

        /* Until it is added to a context, a resource cannot be freed: adding cannot fail. */
        if (core) {
                coap_register_handler(core, COAP_REQUEST_GET, on_discovery);
                coap_add_resource(context, core);
        }
        if (unknown) {
                for (int method = COAP_REQUEST_GET; method <= COAP_REQUEST_IPATCH; method++)
                        coap_register_handler(unknown, (coap_request_t)method, on_request);
                coap_resource_set_userdata(unknown, p);
                coap_add_resource(context, unknown);
        }
        return core && unknown ? 0 : error_origin(-ENOMEM);
}

static void answer_readings(CoapPort *p)
{
        while (p->readings_answered < p->readings.last) {
                Hold *hold = holds_get(&p->readings, ++p->readings_answered);
                Answer answer = {.code = COAP_RESPONSE_CODE_CHANGED};

                if (hold && !holds_answer(hold, &answer))
                        p->host->count(p->host, "coap.not_sent");
        }
}

static void on_readable(void *userdata, uint32_t revents)
{
        Side *side = userdata;
        CoapPort *p = side->port;

        ASSERT(!p->inside);
        p->inside = true;
        p->now_us = clock_now().boot_us;
        side_drain(side, LIMIT_DRAIN);
        p->inside = false;
        if (p->pushed > 0) {
                p->pushed = 0;
                (void)p->host->run(p->host); /* our answers wait for their receipts, not for a number */
        }
        if (!p->stopped)
                answer_readings(p);
}

static void port_receipt(void *userdata, const PortReceipt *receipt)
{
        CoapPort *p = userdata;
        Hold *hold = p->stopped ? NULL : holds_get(&p->alarms, receipt->hold);
        Answer answer = {.incident = receipt->incident};

        if (!hold) {
                p->host->count(p->host, "coap.nobody_waits");
                return;
        }
        answer.too_large = hold->too_large;
        answer.code = hold->too_large ? COAP_RESPONSE_CODE_REQUEST_TOO_LARGE : COAP_RESPONSE_CODE_CREATED;
        answer.json = receipt->json_size > 0 ? malloc(receipt->json_size) : NULL;
        if (answer.json) {
                memcpy(answer.json, receipt->json, receipt->json_size);
                answer.json_size = receipt->json_size;
        }
        if (!holds_answer(hold, &answer))
                p->host->count(p->host, "coap.not_sent");
}

static void port_lamp(void *userdata, const char *device, uint64_t incident, Lamp lamp, bool open)
{
        CoapPort *p = userdata;

        if (p->stopped || incident == 0)
                return;
        if (!lamps_set(&p->lamps, incident, lamp, open, p->inside, clock_now().boot_us))
                p->host->count(p->host, "coap.lamps_full");
        if (!open)
                tick_start(p);
}

static void port_stop(void *userdata)
{
        CoapPort *p = userdata;

        ASSERT(!p->inside);
        p->stopped = true;
        for (unsigned i = 0; i < SIDES; i++)
                p->sides[i].watch = p->host->watch_free(p->sides[i].watch);
        p->timer = p->host->timer_free(p->timer);
        holds_deinit(&p->alarms); /* unanswered: these devices retransmit to whoever listens next */
        holds_deinit(&p->readings);
        lamps_silence(&p->lamps);
        for (unsigned i = 0; i < SIDES; i++)
                side_close(&p->sides[i]);
}

static const PortOps port_ops = {
        .name = "coap",
        .receipt = port_receipt,
        .lamp = port_lamp,
        .stop = port_stop,
};

static void on_ended(void *userdata, coap_session_t *session)
{
        CoapPort *p = userdata;

        holds_drop(&p->alarms, session);
        holds_drop(&p->readings, session);
}

static int open_keys(CoapPort *p, const char *path)
{
        const char *reason;
        unsigned line;
        int r = path[0] ? psk_read(&p->psk, path, &line, &reason) : 0;

        if (r < 0)
                return error_trace(r);
        if (r == 0)
                return 0;
        if (line > 0)
                log_err("%s:%u: %s", path, line, reason);
        else
                log_err("%s: %s", path, reason);
        return error_origin(-EINVAL);
}

static int open_side(CoapPort *p, unsigned i, const char *addresses, const Config *config)
{
        Side *side = &p->sides[i];
        int r;

        *side = (Side){.port = p, .host = p->host, .ended = on_ended};
        if (!addresses[0])
                return 0;
        r = side_open(side, i == SIDE_DTLS, addresses, &p->psk, config->coap_sessions_max);
        if (r < 0)
                return error_trace(r);
        r = add_resources(p, side->context);
        if (r < 0)
                return error_trace(r);
        p->lamps.contexts[i] = side->context;
        r = p->host->watch(p->host, &side->watch, side_descriptor(side), EPOLLIN, PORT_PRIORITY_ALARM,
                on_readable, side);
        if (r < 0)
                return error_trace(r);
        log_info("coap: listening on %s%s", addresses, i == SIDE_DTLS ? " (DTLS)" : "");
        return 0;
}

static int open_all(CoapPort *p, const Config *config)
{
        int r;

        if (getrandom(&p->seed, sizeof(p->seed), 0) != (ssize_t)sizeof(p->seed))
                return error_origin(-EIO);
        if ((r = holds_init(&p->alarms, HOLDS_ALARMS)) < 0 ||
                (r = holds_init(&p->readings, HOLDS_READINGS)) < 0 ||
                (r = window_init(&p->alarms_seen, SEEN_ALARMS, p->seed)) < 0 ||
                (r = window_init(&p->readings_seen, SEEN_READINGS, p->seed)) < 0)
                return error_trace(r);
        r = p->host->timer(p->host, &p->timer, PORT_PRIORITY_VITALS, on_tick, p);
        if (r < 0)
                return error_trace(r);
        r = open_keys(p, config->coap_psk_file);
        if (r < 0)
                return error_trace(r);
        r = open_side(p, SIDE_UDP, config->coap_listen, config);
        if (r < 0)
                return error_trace(r);
        r = open_side(p, SIDE_DTLS, config->coap_listen_dtls, config);
        return r < 0 ? error_trace(r) : 0;
}

DEFINE_CLEANUP(CoapPort *, cport_free)

int cport_new(CoapPort **ret, PortHost *host, const Config *config, Codec *codec, Port *ret_port)
{
        _cleanup_(cport_freep) CoapPort *p = calloc(1, sizeof(CoapPort));
        int r;

        ASSERT(host && config && codec);
        if (!p)
                return error_origin(-ENOMEM);
        p->host = host;
        p->codec = codec;
        r = senml_new(&p->senml);
        if (r == 0)
                r = open_all(p, config);
        if (r < 0)
                return error_trace(r);
        *ret_port = (Port){.ops = &port_ops, .port = p, .via = VIA_COAP};
        *ret = TAKE_PTR(p);
        return 0;
}

CoapPort *cport_free(CoapPort *p)
{
        if (!p)
                return NULL;
        if (!p->stopped)
                port_stop(p);
        window_deinit(&p->alarms_seen);
        window_deinit(&p->readings_seen);
        coap_cleanup();
        senml_free(p->senml);
        psk_deinit(&p->psk);
        free(p);
        return NULL;
}

uint16_t cport_number(const CoapPort *p, bool dtls)
{
        return p->sides[dtls ? SIDE_DTLS : SIDE_UDP].number;
}

void cport_keys_set(CoapPort *p, Psk *keys)
{
        Psk old = p->psk;
        const bool had = old.n > 0;
        unsigned ended = 0;

        ASSERT(keys && !p->inside);
        psk_carry(keys, &old);
        p->psk = *keys;
        *keys = (Psk){0};
        if (p->sides[SIDE_DTLS].context)
                ended = side_rekey(&p->sides[SIDE_DTLS]);
        psk_deinit(&old);
        if (p->psk.n > 0 || had)
                log_info("coap: %zu keys, %u sessions ended: their keys are void", p->psk.n, ended);
}
