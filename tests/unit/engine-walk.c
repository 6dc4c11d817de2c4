/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random walks: anything in any order, and after each step what must always hold. A failing seed is printed;
 * `unit-engine-walk SEED` walks that one alone, `unit-engine-walk FIRST LAST` a range.
 */
#include "engine-kit.h"

#include "base/parse.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define STEPS 200

static uint64_t first_seed = 1, last_seed = 24;
static uint64_t random_state;

/* splitmix64 */
static uint64_t draw(uint64_t below)
{
        uint64_t x = random_state += 0x9e3779b97f4a7c15ull;

        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
        return (x ^ (x >> 31)) % below;
}

static const char *const device_names[] = {"sos-101", "smoke-101", "gas-101", "band-101", "sos-102",
        "pend-102a", "pend-102b", "smoke-201", "sos-201", "smoke-102", "smoke2-101", "strange-1",
        "strange-2", "strange-3", "", "x/y"};
static const char *const worker_names[] = {
        "w01", "w02", "f101", "d01", "s01", "c01", "o01", "w03", "w04", "nobody"};

typedef struct Seen { /* of each incident, for what holds between two steps */
        uint8_t state, tier;
        uint32_t round;
        uint8_t priority;
} Seen;

static Seen seen[4096];

static void random_alarm(Kit *k)
{
        char id[16];
        Event ev;

        (void)snprintf(id, sizeof(id), "%u", (unsigned)draw(30));
        ev = device_event((AlarmKind)draw(ALARM_KIND_MAX), device_names[draw(16)], draw(3) ? id : NULL);
        ev.retained = draw(12) == 0;
        ev.hold = draw(2) ? draw(1000) : 0;
        step(k, &ev);
}

static uint64_t random_incident(Kit *k)
{
        return draw(10) ? 1 + draw(engine_next_incident(k->engine)) : draw(3) * 1000;
}

static void random_action(Kit *k)
{
        static const char *const outcomes[] = {"helped", "other", "no_contact", "", "hospital"};
        static const char *const agencies[] = {"119", "120", "up", ""};
        char nonce[16];
        Event ev;

        (void)snprintf(nonce, sizeof(nonce), "n%u", (unsigned)draw(200));
        ev = action_of((ActionKind)draw(ACTION_KIND_MAX), worker_names[draw(10)], random_incident(k),
                draw(2) ? nonce : NULL);
        ev.action.bare = draw(4) == 0;
        if (ev.action.bare)
                ev.action.incident = 0;
        ev.action.seq = draw(2) ? draw(k->next_seq + 5) : 0;
        ev.action.eta_us = draw(3) ? draw(4000) * 1000000 : draw(2) ? UINT64_MAX : 0;
        ev.action.proof = draw(2);
        ev.action.has_note = draw(2);
        ev.action.yes = draw(2);
        ev.retained = draw(30) == 0;
        (void)str_copy(ev.action.outcome, WORD_SIZE, outcomes[draw(5)]);
        (void)str_copy(ev.action.agency, WORD_SIZE, agencies[draw(4)]);
        (void)str_copy(ev.action.to, CODE_SIZE, worker_names[draw(10)]);
        step(k, &ev);
}

static void random_attempt(Kit *k)
{
        Event ev = {.type = EVENT_ATTEMPT};

        ev.attempt = (AttemptEvent){.incident = random_incident(k),
                .seq = draw(k->next_seq + 5),
                .worker = (uint32_t)draw(12),
                .channel = (uint8_t)draw(CHANNEL_MAX),
                .delivered = draw(2)};
        step(k, &ev);
}

static void random_status(Kit *k)
{
        Event ev = {.type = EVENT_STATUS};

        (void)str_copy(ev.source, CODE_SIZE, device_names[draw(16)]);
        ev.status.fault = draw(2);
        ev.status.tamper = (int8_t)((int)draw(3) - 1);
        step(k, &ev);
}

static void random_system(Kit *k)
{
        Event ev = {.type = EVENT_SYSTEM};

        ev.system = (SystemEvent){.cause = (SystemCause)draw(SYSTEM_CAUSE_MAX), .raise = draw(2)};
        step(k, &ev);
}

static double elapsed(const Kit *k)
{
        return (double)(int64_t)(k->now.boot_us - k->start_boot_us) / 1e6;
}

static void random_time(Kit *k)
{
        static const double spans[] = {0.5, 3, 15, 15, 40, 40, 120, 700, 2000, 20000};
        double now = elapsed(k) + (double)draw(1000) / 1000 * spans[draw(10)];

        if (draw(6) == 0)
                sleep_until(k, now);
        else
                at(k, now);
}

static void random_step(Kit *k)
{
        switch (draw(16)) {
        case 0:
        case 1:
        case 2:
        case 3: random_alarm(k); return;
        case 4:
        case 5:
        case 6:
        case 7: random_action(k); return;
        case 8: random_attempt(k); return;
        case 9: random_status(k); return;
        case 10: vitals(k, device_names[draw(16)], (Vital)draw(VITAL_MAX), (double)draw(250)); return;
        case 11: random_system(k); return;
        case 12: presence(k, worker_names[draw(10)], draw(2)); return;
        case 13: roster_changed(k); return;
        case 14:
                if (draw(3) == 0)
                        kit_restart(k);
                return;
        default: random_time(k); return;
        }
}

/* I3 a tier never falls within a round; I4 CLOSED only from RESOLVED; a priority never falls. */
static void compare(Kit *k)
{
        for (uint64_t id = 1; id < engine_next_incident(k->engine); id++) {
                IncidentView v;
                Seen *s = &seen[id];

                if (!engine_view(k->engine, id, k->now, &v)) {
                        assert_true(s->state == STATE_CLOSED || s->state == STATE_RESOLVED);
                        continue;
                }
                if (s->round == v.round)
                        assert_true(v.tier >= s->tier);
                assert_true(v.round >= s->round);
                if (s->priority)
                        assert_true(v.priority <= s->priority);
                *s = (Seen){
                        .state = (uint8_t)v.state, .tier = v.tier, .round = v.round, .priority = v.priority};
        }
}

/* I12: when all that is over, every open incident reaches a human within two loops of its class. */
static void expect_calls(Kit *k)
{
        double end = elapsed(k);

        for (uint64_t id = engine_next_open(k->engine, 0); id; id = engine_next_open(k->engine, id)) {
                IncidentView v = view(k, id);

                if (v.state == STATE_ALERTING)
                        assert_true(v.next_tier_us != 0);
        }
        forget(k);
        at(k, end + 6 * 3600);
        for (uint64_t id = engine_next_open(k->engine, 0); id; id = engine_next_open(k->engine, id))
                if (view(k, id).state == STATE_ALERTING && view(k, id).priority <= 4) {
                        at(k, elapsed(k) + 1);
                        assert_true(view(k, id).exhausted || view(k, id).tier > 0);
                }
        assert_true(engine_open_count(k->engine) == 0 || count(k, EFFECT_NOTIFY) > 0);
}

static void walk(uint64_t seed)
{
        Kit k;

        random_state = seed;
        memset(seen, 0, sizeof(seen));
        kit_begin_with(&k, draw(3) ? 64 : 3, draw(2) ? 256 : 8);
        k.phones_off = draw(2);
        if (draw(2)) {
                k.policy.exec_channels = 1;
                k.policy.exec_priority = (uint8_t)(1 + draw(5));
                engine_policy_set(k.engine, &k.policy);
        }
        if (k.limits.keys_max < 100)
                k.unchecked_rows = true; /* the restored window is not the whole of it */
        for (unsigned i = draw(4) ? 0 : 4; i; i--)
                if (draw(2))
                        kit_remove_worker(&k, worker_names[i]);
        for (unsigned i = 0; i < STEPS; i++) {
                random_step(&k);
                compare(&k);
        }
        if (seed % 10 == 0)
                expect_calls(&k);
        kit_end(&k);
}

static void test_random_walks(void **state_)
{
        for (uint64_t seed = first_seed; seed <= last_seed; seed++) {
                (void)fprintf(stderr, "\rseed %llu ", (unsigned long long)seed);
                walk(seed);
        }
        (void)fprintf(stderr, "\n");
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_walks)};

        if (argc > 1 && !parse_u64(argv[1], &first_seed))
                return 2;
        last_seed = argc > 1 ? first_seed : last_seed;
        if (argc > 2 && !parse_u64(argv[2], &last_seed))
                return 2;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
