/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where people are, whether they wear their wristbands, and whether anything moves at home.
 *
 * Wristbands say their place with each heartbeat, and more often outside of the circle around home; now and then one is
 * taken off, or a home gives no sign of life for hours. Who has been seen inside and then twice outside by one and the
 * same daemon is looked for by then: nothing that happens to the gateway in between is an excuse.
 */
#include "tests/sim/sim.h"

#include "base/assert.h"
#include "base/str.h"

#include <string.h>

#define OUTSIDE_US (150 * USEC_PER_SEC) /* longer than the rule's delay */
#define ALONE_US   (9 * USEC_PER_MIN)   /* shorter than it takes until one position is enough */
#define TABLE_MIN  64                   /* a smaller table may be full */

typedef struct Wearer {
        uint64_t out_until_us, off_until_us, still_until_us;
        uint64_t inside_life, outside_life; /* deaths + 1, when it was heard; 0: it was not */
        uint64_t outside_us;
} Wearer;

static Wearer wearers[DEVICES_MAX];

void wearers_begin(void)
{
        memset(wearers, 0, sizeof(wearers));
}

static bool is_looked_for(uint32_t resident)
{
        IncidentView v;

        for (uint64_t id = engine_next_held(daemon_engine(), 0); id;
                id = engine_next_held(daemon_engine(), id))
                if (engine_view_numbers(daemon_engine(), id, clock_now(), &v) && v.resident == resident &&
                        v.group == GROUP_INACTIVITY)
                        return true;
        return false;
}

/* The message has been heard. */
static void judge_walk(Wearer *w, uint32_t i, bool outside)
{
        uint64_t life = world.deaths + 1, since = world.now_us - w->outside_us;
        uint32_t resident = sim_registry->devices[i + 1].resident;

        if (!outside) {
                w->inside_life = life;
                w->outside_life = 0;
                return;
        }
        if (w->inside_life != life || !rule_own(sim_registry, resident, RULE_GEOFENCE) ||
                world.incidents_max < TABLE_MIN)
                return;
        if (w->outside_life != life) {
                w->outside_life = life;
                w->outside_us = world.now_us;
                return;
        }
        if (since < OUTSIDE_US || since > ALONE_US)
                return;
        CHECKED("who is seen outside of his circle twice is looked for");
        if (!is_looked_for(resident))
                broken("who is seen outside of his circle twice is looked for", "%s", device_code(i));
}

static void says(uint32_t i)
{
        Wearer *w = &wearers[i];
        bool outside = world.now_us < w->out_until_us, off = world.now_us < w->off_until_us;
        const char *place = outside ? "34.291" : "34.2711";
        char json[128];
        Str s = STR_BUFFER(json);

        str_addf(&s, "{\"battery\":80,\"worn\":%s,\"lat\":%s,\"lon\":108.9402}", off ? "false" : "true",
                place);
        if (off)
                w->inside_life = 0; /* whoever does not wear it is not judged by it */
        if (daemon_status(device_code(i), json) && !off)
                judge_walk(w, i, outside);
}

static void walks(uint64_t device)
{
        uint32_t i = (uint32_t)device;

        if (world.calm)
                wearers[i].out_until_us = 0;
        if (world.now_us < wearers[i].out_until_us)
                later(rnd_between(STREAM_DEVICE + i, 3 * USEC_PER_MIN, ALONE_US), walks, device);
        says(i); /* last: the daemon may die of it */
}

static void moves(uint32_t i)
{
        Wearer *w = &wearers[i];
        uint64_t still = rnd_between(STREAM_DEVICE + i, 5, 30) * USEC_PER_HOUR;

        if (fault(FAULT_STILL, 0.1))
                w->still_until_us = world.now_us + still;
        (void)daemon_status(device_code(i),
                world.calm || world.now_us >= w->still_until_us ? "{\"motion\":true}" : "{\"battery\":80}");
}

void wearer_beats(uint32_t i)
{
        Wearer *w = &wearers[i];
        uint64_t out = rnd_between(STREAM_DEVICE + i, 10, 600) * USEC_PER_MIN,
                 off = rnd_between(STREAM_DEVICE + i, 10, 900) * USEC_PER_MIN;

        if (str_starts(device_code(i), "motion")) {
                moves(i);
                return;
        }
        if (world.calm)
                w->off_until_us = w->out_until_us = 0;
        if (world.now_us < w->out_until_us)
                return; /* says it by himself */
        if (world.now_us >= w->off_until_us && fault(FAULT_WANDER, 0.015)) {
                trace("who wears %s goes out", device_code(i));
                w->out_until_us = world.now_us + out;
                walks(i);
                return;
        }
        if (fault(FAULT_TAKEN_OFF, 0.015)) {
                trace("%s is taken off", device_code(i));
                w->off_until_us = world.now_us + off;
        }
        says(i); /* last: the daemon may die of it */
}
