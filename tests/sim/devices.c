/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that press, and repeat until their receipt; some that number nothing, some that nobody knows, some whose
 * counter began anew, and sensors whose condition comes and goes.
 */
#include "tests/sim/sim.h"

#include "base/assert.h"
#include "base/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct Press {
        char id[32], json[96];
        uint32_t device, tries, calm_tries;
        uint64_t made_us, receipted_us;
        bool receipted, heard;
} Press;

static Press presses[PRESSES_MAX];
static uint32_t n_presses;
static Lamp lamps[DEVICES_MAX];

static void press_send(uint64_t i)
{
        Press *p = &presses[i];
        uint64_t wait = 1ull << (p->tries < 5 ? p->tries : 5);

        if (p->receipted)
                return;
        p->calm_tries += world.calm;
        if (p->calm_tries > 1000)
                broken("a device that repeats gets its receipt", "%s of %s after %u tries", p->id,
                        device_code(p->device), p->calm_tries);
        p->tries++;
        later(wait * USEC_PER_SEC + rnd_between(STREAM_DEVICE + p->device, 0, USEC_PER_SEC), press_send, i);
        if (fault(FAULT_LOSS, 0.3))
                return;
        p->heard |= daemon_alarm(device_code(p->device), p->id, p->json, false);
        if (fault(FAULT_TWICE, 0.1))
                (void)daemon_alarm(device_code(p->device), p->id, p->json, false);
}

static Press *press_make(uint32_t device, const char *id, const char *kind)
{
        Press *p;
        Str json;

        if (n_presses == PRESSES_MAX)
                return NULL;
        p = &presses[n_presses];
        *p = (Press){.device = device, .made_us = world.now_us};
        (void)str_copy(p->id, sizeof(p->id), id);
        json = STR_BUFFER(p->json);
        str_addf(&json, "{\"id\":\"%s\",\"kind\":\"%s\"}", id, kind);
        world.presses++;
        trace("%s: %s %s", device_code(device), kind, p->id);
        later(0, press_send, n_presses++);
        return p;
}

static void press_new(uint32_t device, const char *kind)
{
        char id[32];

        snprintf(id, sizeof(id), "e-%" PRIu64 "-%u", world.seed, n_presses);
        (void)press_make(device, id, kind);
}

static bool starts(uint32_t device, const char *word)
{
        return str_starts(device_code(device), word);
}

static void sensor_clears(uint64_t device)
{
        press_new((uint32_t)device, starts((uint32_t)device, "gas") ? "gas_clear" : "smoke_clear");
}

static void presses_again(uint64_t device)
{
        if (fault(FAULT_MORE, 1))
                press_new((uint32_t)device, "sos");
}

static void regrets(uint64_t device)
{
        press_new((uint32_t)device, "cancel");
}

/* Since the newest press with this id had its receipt; 0: one still waits, or it has been used twice. */
static uint64_t id_age(const char *id)
{
        uint64_t newest = 0;
        unsigned used = 0;

        for (uint32_t i = 0; i < n_presses; i++)
                if (str_equal(presses[i].id, id)) {
                        if (!presses[i].receipted || ++used > 1)
                                return 0;
                        if (presses[i].receipted_us > newest)
                                newest = presses[i].receipted_us;
                }
        return world.now_us - newest;
}

/* Devices count alike: what one has numbered 17 another has, too, and means something else. */
static bool id_of_another(uint32_t device)
{
        for (uint32_t i = n_presses; i-- > 0;) {
                const Press *p = &presses[i];
                char id[32];

                if (p->device == device || !strstr(p->json, "sos") || id_age(p->id) == 0)
                        continue;
                (void)str_copy(id, sizeof(id), p->id);
                (void)press_make(device, id, "sos");
                return true;
        }
        return false;
}

/* False: it has none that is old enough, or new enough. */
static bool id_taken(uint32_t device, bool old)
{
        for (uint32_t i = 0; i < n_presses; i++) {
                const Press *p = &presses[i];
                uint64_t age = id_age(p->id);
                char id[32];

                if (p->device != device || age < (old ? 25 * USEC_PER_HOUR : 20 * USEC_PER_MIN) ||
                        (!old && age > 2 * USEC_PER_HOUR) || !strstr(p->json, "sos"))
                        continue;
                (void)str_copy(id, sizeof(id), p->id);
                (void)press_make(device, id, old ? "sos" : "fall");
                return true;
        }
        return false;
}

/* The battery was changed: the counter begins anew, with ids that were used days ago; or it stands still. */
static bool id_again(uint32_t device)
{
        bool old = chance(STREAM_DEVICE + device, 0.5);

        if (world.clocks_wrong)
                return false; /* by a clock that was wrong nobody can tell a day */
        return id_taken(device, old) || id_taken(device, !old);
}

static void garbage(uint32_t device)
{
        static const char *const bodies[] = {
                "no JSON at all", "{\"kind\":\"sos\"}", "{\"kind\":\"dance\"}", "", "sos"};
        uint64_t which = rnd(STREAM_DEVICE + device) % 7;

        trace("%s says something odd", device_code(device));
        if (which < 5)
                (void)daemon_alarm(
                        device_code(device), "", bodies[which], chance(STREAM_DEVICE + device, 0.2));
        else
                (void)daemon_status(
                        device_code(device), which == 5 ? "what?" : "{\"tamper\":true,\"battery\":3}");
}

static void speaks(uint32_t i)
{
        unsigned s = STREAM_DEVICE + i;

        if (starts(i, "smoke") || starts(i, "gas")) {
                press_new(i, starts(i, "smoke") ? chance(s, 0.2) ? "heat" : "smoke" : "gas");
                later(rnd_between(s, 30 * USEC_PER_SEC, USEC_PER_HOUR), sensor_clears, i);
                return;
        }
        switch (rnd(s) % 12) {
        case 0: press_new(i, "cancel"); return;
        case 1: press_new(i, "dance"); return;
        case 2: press_new(i, "fault"); return;
        case 3: press_new(i, "request"); return;
        case 4: press_new(i, starts(i, "band") ? "fall" : "tamper"); return;
        case 5: press_new(i, "test"); return;
        }
        press_new(i, "sos");
        if (chance(s, 0.2)) {
                later(rnd_between(s, USEC_PER_SEC, 60 * USEC_PER_SEC), regrets, i);
                return;
        }
        for (uint64_t n = chance(s, 0.4) ? rnd_between(s, 1, 4) : 0; n > 0; n--)
                later(rnd_between(s, USEC_PER_SEC, 90 * USEC_PER_SEC), presses_again, i);
}

/* The daemon may die of what is said, and then nothing below it comes: each life asks for its next moment first. */
static void device_lives(uint64_t device)
{
        uint32_t i = (uint32_t)device;

        if (world.calm) { /* what burnt is out, and its sensor says so as long as it is asked */
                if (starts(i, "smoke") || starts(i, "gas")) {
                        press_new(i, "smoke_clear");
                        press_new(i, "heat_clear");
                        press_new(i, "gas_clear");
                        later(3 * USEC_PER_HOUR, device_lives, device);
                }
                return;
        }
        later(rnd_between(STREAM_DEVICE + i, 10 * USEC_PER_MIN, 12 * USEC_PER_HOUR), device_lives, device);
        if (fault(FAULT_REUSE, 0.3) && (chance(STREAM_DEVICE + i, 0.5) ? id_again(i) : id_of_another(i)))
                trace("%s numbers a press as one was numbered before", device_code(i));
        else if (fault(FAULT_GARBAGE, 0.3))
                garbage(i);
        else if (fault(FAULT_PRESS, 0.5))
                speaks(i);
}

static void measures(uint64_t device)
{
        uint32_t i = (uint32_t)device;
        unsigned s = STREAM_DEVICE + i;
        static const char *const bad[] = {
                "{\"hr\":135}", "{\"hr\":190}", "{\"spo2\":88,\"hr\":44}", "{\"hr\":125,\"spo2\":95}"};

        if (world.calm)
                return;
        later(rnd_between(s, 5 * USEC_PER_MIN, 2 * USEC_PER_HOUR), measures, device);
        (void)daemon_vitals(
                device_code(i), fault(FAULT_VITALS, 0.2) ? bad[rnd(s) % 4] : "{\"hr\":80,\"spo2\":97}");
}

static void beats(uint64_t device)
{
        uint32_t i = (uint32_t)device;

        bool speaks_often = starts(i, "band") || starts(i, "motion");

        later(speaks_often ? 50 * USEC_PER_MIN : 12 * USEC_PER_HOUR, beats, device);
        if (fault(FAULT_SILENT, 0.2))
                return;
        if (speaks_often && chance(STREAM_DEVICE + i, 0.9))
                wearer_beats(i);
        else
                (void)daemon_status(
                        device_code(i), chance(STREAM_DEVICE + i, 0.9) ? "{\"battery\":80}" : "{}");
}

static void stranger_speaks(uint64_t n)
{
        char name[32];

        snprintf(name, sizeof(name), "stranger-%" PRIu64, n);
        (void)daemon_alarm(
                name, "", rnd(STREAM_WORLD) % 2 ? "{\"kind\":\"sos\"}" : "?", rnd(STREAM_WORLD) % 5 == 0);
}

static void strangers(uint64_t n)
{
        if (world.calm)
                return;
        later(rnd_between(STREAM_WORLD, USEC_PER_MIN, 12 * USEC_PER_HOUR), strangers, n + 1);
        if (fault(FAULT_FLOOD, 0.05))
                for (uint64_t i = 0; i < 14; i++)
                        later(rnd_between(STREAM_WORLD, 1, 2 * USEC_PER_MIN), stranger_speaks,
                                100 + (n % 3) * 20 + i);
        if (fault(FAULT_STRANGER, 0.5))
                stranger_speaks(n % 9);
}

void devices_receipt(const PortReceipt *r)
{
        world.receipts++;
        for (uint32_t i = n_presses; i-- > 0;)
                if (!presses[i].receipted && str_equal(presses[i].id, r->event_id) && presses[i].heard &&
                        str_equal(device_code(presses[i].device), r->device)) {
                        presses[i].receipted = true;
                        presses[i].receipted_us = world.now_us;
                        return;
                }
}

void devices_lamp(const char *device, uint64_t incident, Lamp lamp)
{
        for (uint32_t i = 0; i < DEVICES_MAX && device_code(i); i++)
                if (str_equal(device_code(i), device)) {
                        lamps[i] = lamp;
                        trace("%s: lamp %s", device, lamp_word(lamp));
                }
}

void devices_begin(void)
{
        memset(lamps, 0, sizeof(lamps));
        n_presses = 0;
        wearers_begin();
        for (uint32_t i = 0; device_code(i); i++) {
                if (!starts(i, "motion")) /* has no key and no alarm */
                        later(rnd_between(STREAM_DEVICE + i, USEC_PER_SEC, 6 * USEC_PER_HOUR), device_lives,
                                i);
                later(rnd_between(STREAM_DEVICE + i, USEC_PER_SEC, 30 * USEC_PER_MIN), beats, i);
                if (starts(i, "band"))
                        later(rnd_between(STREAM_DEVICE + i, USEC_PER_SEC, USEC_PER_HOUR), measures, i);
        }
        later(rnd_between(STREAM_WORLD, USEC_PER_SEC, 6 * USEC_PER_HOUR), strangers, 0);
}

void devices_final_check(void)
{
        bool exact = !world.clocks_wrong && !world.history_lost;

        for (uint32_t i = 0; i < n_presses; i++) {
                uint32_t n = disk_event_count(presses[i].id), wanted = 0;

                for (uint32_t j = 0; j < n_presses; j++)
                        wanted += str_equal(presses[j].id, presses[i].id);
                if (n < wanted || (n > wanted && exact))
                        broken("I1, I6: every press is recorded, and once", "%s of %s: %u rows of %u",
                                presses[i].id, device_code(presses[i].device), n, wanted);
                if (!presses[i].receipted)
                        broken("a device that repeats gets its receipt", "%s", presses[i].id);
        }
}
