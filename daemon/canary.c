/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canary.
 *
 *   RESTING ──every──▶ DEVICE: published on up/huying-canary/alarm
 *                        │ its row is on the disk
 *                      WORKER: published on worker/huying-canary/alert/<n>
 *                        │ the broker has brought it back to us, as to a worker's phone
 *                      RECEIPT: published on worker/huying-canary/act, "delivered"
 *                        │ it has come by the connection that takes what workers say, and was read
 *                      RESTING (ok)                      each with 10 s ──▶ RESTING (lost; soon again)
 *
 * The device's leg goes out by the connection that calls people, through the broker, in by the connection that takes
 * alarms, through the decoder, the inbox and the engine, and is over when its row is on the disk: what a button's
 * press needs before it has its receipt. Its kind is test: the engine records it (from a device that no registry has,
 * so that it is nobody's proof test), opens nothing and calls nobody. The worker's leg is the way of every call, and
 * the receipt's leg the way of every answer; they end here, before the engine, which knows no such worker.
 *
 * Each flight leaves one row (canary): ok with the milliseconds of each leg, or lost with the leg that did not come
 * back. "Canary success" is counted from these rows; the counters canary.ok and canary.lost say the same since the
 * start. Lost twice in a row is a SYSTEM incident, which ends when one comes home. While the connection is down, or a
 * row cannot be written, it rests: those are causes of their own, and are told already.
 */
#include "canary.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define LEG_US   (10 * USEC_PER_SEC)
#define SOON_US  USEC_PER_SEC /* the second of two that must be lost */
#define LOST_MAX 2

typedef enum Leg { LEG_DEVICE, LEG_WORKER, LEG_RECEIPT, LEG_MAX, RESTING = LEG_MAX } Leg;

static const char *const leg_words[LEG_MAX] = {"device", "worker", "receipt"};

struct Canary {
        PortHost *host;
        Turn *turn;
        Mqtt *mqtt;
        PortTimer *timer;
        uint64_t every_us, number;
        uint64_t need; /* journal number of the one that flies; 0: not seen yet */
        char id[EVENT_ID_SIZE], alert[EVENT_ID_SIZE + 64];
        Leg leg;
        uint64_t since_us; /* this leg began, since boot */
        uint64_t took_ms[LEG_MAX];
        uint32_t lost; /* in a row */
        bool raised;
};

static void leg_set(Canary *c, Leg leg, uint64_t timer_us)
{
        uint64_t now = clock_now().boot_us;

        if (c->leg < LEG_MAX)
                c->took_ms[c->leg] = (now - c->since_us) / USEC_PER_MSEC;
        c->leg = leg;
        c->since_us = now;
        (void)c->host->timer_set(
                c->timer, timer_us); /* fails: it is missed, and that is no alarm's matter */
}

static void raised_set(Canary *c, bool raised)
{
        if (c->raised == raised)
                return;
        c->raised = raised;
        c->host->system(c->host, SYSTEM_CANARY, raised);
}

/* No row can be written, or the broker is away: that is somebody else's matter, and told already. */
static bool cannot_fly(const Canary *c)
{
        return !mqtt_connected(c->mqtt) || turn_is_degraded(c->turn);
}

static void fly(Canary *c)
{
        Now now = clock_now();
        char text[EVENT_ID_SIZE + 64];
        Str s = STR_BUFFER(text), id = STR_BUFFER(c->id);

        if (cannot_fly(c)) {
                leg_set(c, RESTING, c->every_us);
                return;
        }
        str_addf(&id, "c-%" PRIu32 "-%" PRIu64 "-%" PRIu64, now.boot, now.boot_us / 1000, ++c->number);
        str_addf(&s, "{\"id\":\"%s\",\"kind\":\"test\",\"canary\":true}", c->id);
        ASSERT(!s.full && !id.full);
        c->need = 0;
        leg_set(c, LEG_DEVICE, LEG_US);
        mqtt_say(c->mqtt, "up/" CANARY_DEVICE "/alarm", text);
}

static void lost(Canary *c)
{
        char counter[32], json[EVENT_ID_SIZE + 96];
        Str s = STR_BUFFER(counter), j = STR_BUFFER(json);

        ASSERT(c->leg < LEG_MAX);
        str_addf(&s, "canary.lost_%s", leg_words[c->leg]);
        str_addf(&j, "{\"id\":\"%s\",\"result\":\"lost\",\"leg\":\"%s\"}", c->id, leg_words[c->leg]);
        ASSERT(!s.full && !j.full);
        c->host->count(c->host, "canary.lost");
        c->host->count(c->host, counter);
        log_warning("the canary was lost on its %s's leg", leg_words[c->leg]);
        (void)turn_note(c->turn, JOURNAL_CANARY, json);
        c->lost++;
        if (c->lost >= LOST_MAX)
                raised_set(c, true);
        leg_set(c, RESTING, c->lost < LOST_MAX ? SOON_US : c->every_us);
}

static void home(Canary *c)
{
        char json[EVENT_ID_SIZE + 160];
        Str j = STR_BUFFER(json);
        uint64_t total = 0;

        leg_set(c, RESTING, c->every_us);
        for (unsigned i = 0; i < LEG_MAX; i++)
                total += c->took_ms[i];
        str_addf(&j, "{\"id\":\"%s\",\"result\":\"ok\",\"total_ms\":%" PRIu64, c->id, total);
        for (unsigned i = 0; i < LEG_MAX; i++)
                str_addf(&j, ",\"%s_ms\":%" PRIu64, leg_words[i], c->took_ms[i]);
        str_add(&j, "}");
        ASSERT(!j.full);
        (void)turn_note(c->turn, JOURNAL_CANARY, json);
        c->host->count(c->host, "canary.ok");
        c->lost = 0;
        raised_set(c, false);
}

static void on_timer(void *userdata)
{
        Canary *c = userdata;

        if (c->leg == RESTING)
                fly(c);
        else if (cannot_fly(c))
                leg_set(c, RESTING, c->every_us);
        else
                lost(c);
}

void canary_journaled(Canary *c, const Effect *e)
{
        const Event *event = e->journal.event;

        ASSERT(e->type == EFFECT_JOURNAL);
        if (!c || c->leg != LEG_DEVICE || e->journal.kind != JOURNAL_TEST || !event ||
                event->via != VIA_MQTT || !str_equal(event->source, CANARY_DEVICE) ||
                !str_equal(event->id, c->id))
                return;
        c->need = e->seq;
}

void canary_look(Canary *c)
{
        char leaf[64];
        Str s = STR_BUFFER(leaf), a;

        if (!c || c->leg != LEG_DEVICE || !c->need || turn_committed(c->turn) < c->need)
                return;
        a = STR_BUFFER(c->alert);
        str_addf(&s, "worker/" CANARY_DEVICE "/alert/%" PRIu64, c->number);
        str_addf(&a, "{\"id\":\"%s\",\"canary\":true,\"test\":true}", c->id);
        ASSERT(!s.full && !a.full);
        leg_set(c, LEG_WORKER, LEG_US);
        mqtt_say(c->mqtt, leaf, c->alert);
}

/* What the broker has brought back of what was said to and by the canary as a worker. */
static void on_echo(void *userdata, MqttEcho what, const void *bytes, size_t n)
{
        Canary *c = userdata;
        char text[EVENT_ID_SIZE + 96];
        Str s = STR_BUFFER(text);

        if (what == MQTT_ECHO_ALERT && c->leg == LEG_WORKER && n == strlen(c->alert) &&
                memcmp(bytes, c->alert, n) == 0) {
                str_addf(&s, "{\"incident\":%" PRIu64 ",\"action\":\"delivered\",\"nonce\":\"%s\"}",
                        c->number, c->id);
                ASSERT(!s.full);
                leg_set(c, LEG_RECEIPT, LEG_US);
                mqtt_say(c->mqtt, "worker/" CANARY_DEVICE "/act", text);
        } else if (what == MQTT_ECHO_DELIVERED && c->leg == LEG_RECEIPT && n == strlen(c->id) &&
                   memcmp(bytes, c->id, n) == 0) {
                home(c);
        }
}

DEFINE_CLEANUP(Canary *, canary_free)

int canary_new(Canary **ret, PortHost *host, Turn *turn, Mqtt *mqtt, uint64_t every_us)
{
        _cleanup_(canary_freep) Canary *c = calloc(1, sizeof(Canary));
        int r;

        ASSERT(ret && host && turn);
        ASSERT(mqtt && every_us > 0);
        if (!c)
                return error_origin(-ENOMEM);
        *c = (Canary){.host = host, .turn = turn, .mqtt = mqtt, .every_us = every_us, .leg = RESTING};
        r = host->timer(host, &c->timer, PORT_PRIORITY_OUT, on_timer, c);
        if (r >= 0)
                r = host->timer_set(c->timer, every_us);
        if (r < 0)
                return error_trace(r);
        mqtt_echo_set(mqtt, CANARY_DEVICE, on_echo, c);
        *ret = TAKE_PTR(c);
        return 0;
}

Canary *canary_free(Canary *c)
{
        if (!c)
                return NULL;
        if (c->timer)
                c->host->timer_free(c->timer);
        free(c);
        return NULL;
}
