/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canary.
 *
 *   RESTING ──every──▶ published on up/huying-canary/alarm ──▶ FLYING ──journaled and committed──▶ RESTING (ok)
 *                                                                └── 10 s ──▶ RESTING (lost; soon again)
 *
 * It goes out by the connection that calls people, through the broker, in by the connection that takes alarms,
 * through the decoder, the inbox and the engine, and has arrived when its row is on the disk: what a button's press
 * needs before it has its receipt. Its kind is test: the engine records it (from a device that no registry has, so
 * that it is nobody's proof test), opens nothing and calls nobody. The rows are what "canary success" is counted
 * from, against the ones that were due; the counters canary.ok and canary.lost say the same since the start.
 *
 * Lost twice in a row is a SYSTEM incident, which ends when one arrives. While the connection is down, or a row cannot
 * be written, it rests: those are causes of their own, and are told already.
 */
#include "canary.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"

#include <errno.h>
#include <inttypes.h>

#define FLIGHT_US (10 * USEC_PER_SEC)
#define SOON_US   USEC_PER_SEC /* the second of two that must be lost */
#define LOST_MAX  2

struct Canary {
        PortHost *host;
        Turn *turn;
        Mqtt *mqtt;
        PortTimer *timer;
        uint64_t every_us, number;
        uint64_t need; /* journal number of the one that flies; 0: not seen yet */
        char id[EVENT_ID_SIZE];
        uint32_t lost; /* in a row */
        bool flying, raised;
};

static void rest(Canary *c, uint64_t after_us)
{
        c->flying = false;
        c->need = 0;
        (void)c->host->timer_set(
                c->timer, after_us); /* fails: it is missed, and that is no alarm's matter */
}

static void raised_set(Canary *c, bool raised)
{
        if (c->raised == raised)
                return;
        c->raised = raised;
        c->host->system(c->host, SYSTEM_CANARY, raised);
}

static void fly(Canary *c)
{
        Now now = clock_now();
        char text[EVENT_ID_SIZE + 64];
        Str s = STR_BUFFER(text), id = STR_BUFFER(c->id);

        if (!mqtt_connected(c->mqtt) || turn_is_degraded(c->turn)) {
                rest(c, c->every_us);
                return;
        }
        str_addf(&id, "c-%" PRIu32 "-%" PRIu64 "-%" PRIu64, now.boot, now.boot_us / 1000, ++c->number);
        str_addf(&s, "{\"id\":\"%s\",\"kind\":\"test\",\"canary\":true}", c->id);
        ASSERT(!s.full && !id.full);
        c->flying = true;
        c->need = 0;
        mqtt_say(c->mqtt, "up/" CANARY_DEVICE "/alarm", text);
        (void)c->host->timer_set(c->timer, FLIGHT_US);
}

static void on_timer(void *userdata)
{
        Canary *c = userdata;

        if (!c->flying) {
                fly(c);
                return;
        }
        c->host->count(c->host, "canary.lost");
        c->lost++;
        if (c->lost >= LOST_MAX)
                raised_set(c, true);
        rest(c, c->lost < LOST_MAX ? SOON_US : c->every_us);
}

void canary_journaled(Canary *c, const Effect *e)
{
        const Event *event = e->journal.event;

        ASSERT(e->type == EFFECT_JOURNAL);
        if (!c || !c->flying || e->journal.kind != JOURNAL_TEST || !event || event->via != VIA_MQTT ||
                !str_equal(event->source, CANARY_DEVICE) || !str_equal(event->id, c->id))
                return;
        c->need = e->seq;
}

void canary_look(Canary *c)
{
        if (!c || !c->flying || !c->need || turn_committed(c->turn) < c->need)
                return;
        c->host->count(c->host, "canary.ok");
        c->lost = 0;
        raised_set(c, false);
        rest(c, c->every_us);
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
        *c = (Canary){.host = host, .turn = turn, .mqtt = mqtt, .every_us = every_us};
        r = host->timer(host, &c->timer, PORT_PRIORITY_OUT, on_timer, c);
        if (r >= 0)
                r = host->timer_set(c->timer, every_us);
        if (r < 0)
                return error_trace(r);
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
