/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that press and repeat until their receipt, and people who mostly help.
 *
 * When the faults have ended everybody answers, so every open matter must reach a human and an end; that is
 * the liveness half of the run (I12). The other half is in people_final_check(): every press with an id is
 * on the disk exactly once.
 */
#include "tests/sim/sim.h"

#include "base/assert.h"
#include "base/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ALERTS_MAX 64

typedef struct Press {
        char id[32], json[128];
        uint32_t device;
        uint32_t tries;
        bool receipted, given_up;
} Press;

typedef struct Alert {
        uint64_t incident, seq;
        char needs[12];
        bool delivered;
} Alert;

typedef struct Person {
        Alert alerts[ALERTS_MAX];
        uint32_t n_alerts;
        double sleepy, forgetful, declining; /* drawn by each seed */
        uint64_t nonce;
        char last[256]; /* said once more now and then, as an app does that had no reply */
} Person;

static Press presses[PRESSES_MAX];
static uint32_t n_presses;
static Person people[PEOPLE_MAX];
static uint32_t n_people;
static Lamp lamps[DEVICES_MAX];

/* Devices */

static void press_send(uint64_t i)
{
        Press *p = &presses[i];
        uint64_t wait = 1ull << (p->tries < 5 ? p->tries : 5);

        if (p->receipted)
                return;
        if (world.calm && p->tries > 200)
                broken("a device that repeats gets its receipt", "%s of %s after %u tries", p->id,
                        device_code(p->device), p->tries);
        p->tries++;
        later(wait * USEC_PER_SEC + rnd_between(0, USEC_PER_SEC), press_send, i);
        if (!chance(world.faults.loss))
                (void)daemon_alarm(device_code(p->device), p->id, p->json, false);
}

static void press_new(uint32_t device, const char *kind)
{
        Press *p;
        Str json;

        if (n_presses == PRESSES_MAX)
                return;
        p = &presses[n_presses];
        *p = (Press){.device = device};
        snprintf(p->id, sizeof(p->id), "e-%" PRIu64 "-%u", world.seed, n_presses);
        json = STR_BUFFER(p->json);
        str_addf(&json, "{\"id\":\"e-%" PRIu64 "-%u\",\"kind\":\"%s\"}", world.seed, n_presses, kind);
        world.presses++;
        trace("%s: %s %s", device_code(device), kind, p->id);
        later(0, press_send, n_presses++);
}

static void smoke_clears(uint64_t device)
{
        press_new((uint32_t)device,
                str_equal(device_code((uint32_t)device), "gas-102") ? "gas_clear" : "smoke_clear");
}

static void presses_again(uint64_t device)
{
        press_new((uint32_t)device, "sos");
}

static void device_lives(uint64_t device)
{
        const char *code = device_code((uint32_t)device);
        uint32_t i = (uint32_t)device;

        if (world.calm)
                return;
        if (str_starts(code, "smoke") || str_starts(code, "gas")) {
                press_new(i, str_starts(code, "smoke") ? "smoke" : "gas");
                later(rnd_between(30 * USEC_PER_SEC, USEC_PER_HOUR), smoke_clears, device);
        } else if (chance(0.1))
                press_new(i, "cancel");
        else if (chance(0.1))
                (void)daemon_alarm(code, "", "no JSON at all", false);
        else if (chance(0.1))
                (void)daemon_alarm(code, "", "{\"kind\":\"sos\"}", false);
        else if (chance(0.1))
                press_new(i, "dance");
        else {
                press_new(i, str_starts(code, "band") && chance(0.5) ? "fall" : "sos");
                for (uint64_t n = chance(0.3) ? rnd_between(1, 4) : 0; n > 0; n--)
                        later(rnd_between(USEC_PER_SEC, 90 * USEC_PER_SEC), presses_again, device);
        }
        later(rnd_between(10 * USEC_PER_MIN, 12 * USEC_PER_HOUR), device_lives, device);
}

static void stranger(uint64_t n)
{
        char name[32];

        if (world.calm)
                return;
        snprintf(name, sizeof(name), "stranger-%" PRIu64, n % 9);
        (void)daemon_alarm(name, "", chance(0.5) ? "{\"kind\":\"sos\"}" : "?", chance(0.2));
        later(rnd_between(USEC_PER_MIN, 12 * USEC_PER_HOUR), stranger, n + 1);
}

void devices_receipt(const char *device, const char *id, uint64_t incident, uint64_t seq)
{
        world.receipts++;
        for (uint32_t i = n_presses; i-- > 0;)
                if (str_equal(presses[i].id, id)) {
                        presses[i].receipted = true;
                        return;
                }
}

void devices_lamp(const char *device, Lamp lamp)
{
        for (uint32_t i = 0; i < DEVICES_MAX && device_code(i); i++)
                if (str_equal(device_code(i), device)) {
                        lamps[i] = lamp;
                        trace("%s: lamp %s", device, lamp_word(lamp));
                }
}

/* People */

static uint32_t person_of(const char *code)
{
        for (uint32_t i = 0; i < n_people; i++)
                if (str_equal(person_code(i), code))
                        return i;
        return PEOPLE_MAX;
}

static Alert *alert_of(Person *p, uint64_t incident)
{
        for (uint32_t i = 0; i < p->n_alerts; i++)
                if (p->alerts[i].incident == incident)
                        return &p->alerts[i];
        return NULL;
}

static void alert_gone(Person *p, uint64_t incident)
{
        Alert *a = alert_of(p, incident);

        if (a)
                *a = p->alerts[--p->n_alerts];
}

void people_alert(const PortAlert *pa)
{
        uint32_t i = person_of(pa->worker_code);
        const char *needs;
        Alert *a;

        if (i == PEOPLE_MAX)
                return;
        if (!pa->json) {
                alert_gone(&people[i], pa->incident);
                return;
        }
        a = alert_of(&people[i], pa->incident);
        if (!a) {
                if (people[i].n_alerts == ALERTS_MAX)
                        return;
                a = &people[i].alerts[people[i].n_alerts++];
                *a = (Alert){.incident = pa->incident};
        }
        a->seq = pa->seq;
        needs = strstr(pa->json, "\"needs\":\"");
        ASSERT(needs);
        (void)str_copyn(a->needs, sizeof(a->needs), needs + 9, strcspn(needs + 9, "\""));
        if (strstr(pa->json, "\"state\":\"accepted\"") && !a->needs[0] &&
                strstr(pa->json, "\"recorded\":true")) {
                StateRow row;

                if (!disk_state(pa->incident, &row) || !row.accepted_us)
                        broken("others are stood down only when the acceptance is on the disk",
                                "incident %" PRIu64, pa->incident);
        }
}

void people_reply(const char *worker, const char *json)
{
        uint32_t i = person_of(worker);
        unsigned long long incident = 0;
        const char *s = strstr(json, "\"incident\":");

        if (i == PEOPLE_MAX)
                return;
        ASSERT(worker);
        trace("%s is answered %s", worker, json);
        if (strstr(json, "\"result\":\"ok\"") && strstr(json, "\"state\":\"accepted\""))
                world.accepts++;
        if (s && sscanf(s + 11, "%llu", &incident) == 1 && strstr(json, "\"result\":\"stale\""))
                alert_gone(&people[i], incident);
}

static void act(uint32_t i, uint64_t incident, uint64_t seq, const char *action, const char *more)
{
        const char *code = person_code(i);
        Person *p = &people[i];

        ASSERT(code);

        snprintf(p->last, sizeof(p->last),
                "{\"incident\":%" PRIu64 ",\"action\":\"%s\",\"nonce\":\"%s-%" PRIu64 "\",\"seq\":%" PRIu64
                "%s}",
                incident, action, person_code(i), p->nonce++, seq, more);
        trace("%s: %s %" PRIu64, code, action, incident);
        if (!chance(world.faults.loss))
                (void)daemon_action(code, p->last);
}

static bool wants(double p)
{
        return world.calm || !chance(p);
}

static void person_acts(uint32_t i, Alert a)
{
        Person *p = &people[i];

        if (str_equal(a.needs, "accept")) {
                if (!world.calm && chance(p->declining))
                        act(i, a.incident, a.seq, "decline", "");
                else
                        act(i, a.incident, a.seq, "accept", chance(0.5) ? ",\"eta\":300" : "");
        } else if (str_equal(a.needs, "arrive")) {
                if (wants(p->forgetful))
                        act(i, a.incident, a.seq, !world.calm && chance(0.1) ? "release" : "arrived",
                                ",\"proof\":\"bed\"");
        } else if (str_equal(a.needs, "resolve") && wants(p->forgetful))
                act(i, a.incident, a.seq, "resolve", ",\"outcome\":\"helped\"");
}

static void person_lives(uint64_t i)
{
        Person *p = &people[i];

        later(rnd_between(USEC_PER_SEC, 5 * USEC_PER_MIN), person_lives, i);
        if (!wants(p->sleepy) || p->n_alerts == 0)
                return;
        if (p->last[0] && chance(0.2)) {
                (void)daemon_action(person_code((uint32_t)i), p->last);
                return;
        }
        for (uint32_t n = 0; n < p->n_alerts; n++)
                if (!p->alerts[n].delivered) {
                        p->alerts[n].delivered = true;
                        act((uint32_t)i, p->alerts[n].incident, p->alerts[n].seq, "delivered", "");
                        return;
                }
        person_acts((uint32_t)i, p->alerts[rnd() % p->n_alerts]);
}

void people_reset(void)
{
        memset(people, 0, sizeof(people));
        memset(lamps, 0, sizeof(lamps));
        n_presses = 0;
        for (n_people = 0; person_code(n_people); n_people++) {
                people[n_people].sleepy = rnd_unit();
                people[n_people].forgetful = rnd_unit() / 2;
                people[n_people].declining = rnd_unit() / 3;
                later(rnd_between(0, USEC_PER_MIN), person_lives, n_people);
        }
        for (uint32_t i = 0; device_code(i); i++)
                later(rnd_between(USEC_PER_SEC, 6 * USEC_PER_HOUR), device_lives, i);
        later(rnd_between(USEC_PER_SEC, 6 * USEC_PER_HOUR), stranger, 0);
}

void people_final_check(void)
{
        uint64_t open;

        for (uint32_t i = 0; i < n_presses; i++) {
                uint32_t n = disk_event_count(presses[i].id);

                if (n != 1)
                        broken("I1, I6: every press is recorded, and once", "%s of %s: %u rows",
                                presses[i].id, device_code(presses[i].device), n);
                if (!presses[i].receipted)
                        broken("a device that repeats gets its receipt", "%s", presses[i].id);
        }
        open = world.alive ? engine_next_open(daemon_engine(), 0) : 0;
        if (open) {
                IncidentView v;

                ASSERT(engine_view(daemon_engine(), open, clock_now(), &v));
                broken("I12: when faults end, every open incident reaches a human and an end",
                        "incident %" PRIu64 " of class %s is %s at tier %u, round %u", open,
                        class_word(v.class), state_word(v.state), v.tier, v.round);
        }
}
