/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an event costs the engine, by how many incidents are open, without disk or network.
 *
 *   bench-engine REGISTRY OPEN EVENTS   opens that many incidents, then steps EVENTS of each kind, and prints one JSON
 *                                       line: CPU time of each kind in nanoseconds an event
 *
 * The registry is a folder as tools/bench/run makes it: buttons ls<n>, bands lb<n>.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/engine.h"
#include "store/registry.h"

typedef struct Bench {
        Engine *engine;
        EffectList list;
        Now now;
        uint32_t n_devices, n_open;
        uint64_t number, effects, last_incident;
} Bench;

static uint64_t cpu_ns(void)
{
        return (uint64_t)clock() * (1000000000u / CLOCKS_PER_SEC);
}

static void pass(Bench *b, uint64_t us)
{
        b->now.boot_us += us;
        b->now.wall_us += (int64_t)us;
}

static void settle(Bench *b, int r)
{
        b->effects += b->list.n;
        while (r == ENGINE_E_MORE) {
                r = engine_expire(b->engine, b->now, &b->list);
                b->effects += b->list.n;
        }
}

/* All that the turn asks of the engine for one event, the state rows included. */
static void step(Bench *b, const Event *event)
{
        StateRow row;

        settle(b, engine_expire(b->engine, b->now, &b->list));
        settle(b, engine_step(b->engine, event, b->now, &b->list));
        for (uint32_t i = 0; i < b->list.n; i++) {
                if (b->list.effects[i].type == EFFECT_STATE)
                        (void)engine_state_row(b->engine, b->list.effects[i].incident, b->now, &row);
                if (b->list.effects[i].incident)
                        b->last_incident = b->list.effects[i].incident;
        }
        pass(b, 100);
}

static void press(Bench *b, uint32_t device)
{
        Event e = {.type = EVENT_ALARM, .via = VIA_MQTT};
        Str source = STR_BUFFER(e.source), id = STR_BUFFER(e.id);

        str_addf(&source, "ls%u", device);
        str_addf(&id, "b%llu", (unsigned long long)++b->number);
        memcpy(e.key, &b->number, sizeof(b->number));
        memcpy(e.digest, &b->number, sizeof(b->number));
        e.alarm = (AlarmEvent){.kind = ALARM_SOS, .word = "sos"};
        step(b, &e);
}

static void vitals(Bench *b, uint32_t device)
{
        Event e = {.type = EVENT_VITALS, .via = VIA_MQTT};
        Str source = STR_BUFFER(e.source);

        str_addf(&source, "lb%u", device);
        e.vitals.has = 1u << VITAL_HR;
        e.vitals.value[VITAL_HR] = 72;
        step(b, &e);
}

static void act(Bench *b, ActionKind kind, uint64_t incident)
{
        Event e = {.type = EVENT_ACTION, .via = VIA_MQTT};
        Str id = STR_BUFFER(e.id);

        str_addf(&id, "n%llu", (unsigned long long)++b->number);
        memcpy(e.key, &b->number, sizeof(b->number));
        e.key[15] = 1;
        (void)str_copy(e.source, sizeof(e.source), "w01"); /* fits */
        e.action.kind = kind;
        e.action.incident = incident;
        if (kind == ACTION_RESOLVE)
                (void)str_copy(e.action.outcome, sizeof(e.action.outcome), "helped"); /* fits */
        step(b, &e);
}

static Policy policy_make(void)
{
        Policy p = {.presence_lost_us = 180 * USEC_PER_SEC, .presence_grace_us = 60 * USEC_PER_SEC};

        for (int c = 0; c < CLASS_MAX; c++)
                p.classes[c] = (ClassPolicy){.priority = 1,
                        .tiers = {{true, 0, 1u << ROLE_WORKER},
                                {true, 3600 * USEC_PER_SEC, 1u << ROLE_BACKUP}},
                        .loop_us = 24 * USEC_PER_HOUR,
                        .arrive_by_us = 24 * USEC_PER_HOUR,
                        .handle_by_us = 24 * USEC_PER_HOUR,
                        .reopen_us = USEC_PER_SEC / 100,
                        .outcomes = 1};
        (void)str_copy(p.outcomes[0], sizeof(p.outcomes[0]), "helped"); /* fits */
        (void)str_copy(p.default_grid, sizeof(p.default_grid), "g1");   /* fits */
        return p;
}

static void measure(Bench *b, uint32_t events)
{
        uint64_t from = cpu_ns(), at[5];

        for (uint32_t i = 0; i < events; i++)
                vitals(b, i % b->n_devices);
        at[0] = cpu_ns();
        for (uint32_t i = 0; i < events; i++) { /* a call, from the press to its end */
                press(b, b->n_open + i);
                act(b, ACTION_ACCEPT, b->last_incident);
                act(b, ACTION_ARRIVED, b->last_incident);
                act(b, ACTION_RESOLVE, b->last_incident);
        }
        at[1] = cpu_ns();
        for (uint32_t i = 0; i < events; i++) /* pressed again and again */
                press(b, i % b->n_open);
        at[2] = cpu_ns();
        pass(b, 3600 * USEC_PER_SEC); /* the second tier of everything that is open */
        b->effects = 0;
        settle(b, engine_expire(b->engine, b->now, &b->list));
        at[3] = cpu_ns();
        (void)printf(
                "{\"open\":%u,\"vitals_ns\":%llu,\"call_ns\":%llu,\"again_ns\":%llu,\"tier_ns\":%llu}\n",
                b->n_open, (unsigned long long)(at[0] - from) / events,
                (unsigned long long)(at[1] - at[0]) / events, (unsigned long long)(at[2] - at[1]) / events,
                (unsigned long long)(at[3] - at[2]) / b->n_open);
}

int main(int argc, char **argv)
{
        Bench *b = calloc(1, sizeof(Bench));
        RegistryError error = {0};
        Registry *registry = NULL;
        Limits limits = {.keys_max = 65536};
        Policy policy = policy_make();
        uint32_t events;
        size_t size;
        void *memory = NULL;

        if (!b || argc != 4 || !parse_u32(argv[2], 200000, &b->n_open) ||
                !parse_u32(argv[3], 1000000, &events) || b->n_open == 0 || events == 0)
                return 2;
        if (registry_read_csv(&registry, NULL, argv[1], &error) != 0) {
                (void)fprintf(stderr, "%s:%u: %s\n", error.file, error.line, error.text);
                return 1;
        }
        limits.incidents_max = b->n_open + events + 16;
        size = engine_size(&limits);
        if (posix_memalign(&memory, 64, size) != 0)
                return 1;
        memset(memory, 0, size);
        b->engine = engine_init(memory, size, &limits, &policy);
        engine_registry_set(b->engine, registry);
        b->now = (Now){
                .wall_us = 1700000000000000, .boot_us = 3600 * USEC_PER_SEC, .boot = 1, .trusted = true};
        b->n_devices = registry->n_devices / 2 - 1;
        if (b->n_devices < b->n_open + events) {
                (void)fprintf(stderr, "the registry has too few devices\n");
                return 1;
        }
        for (uint32_t i = 0; i < b->n_open; i++)
                press(b, i);
        measure(b, events);
        free(memory);
        registry_unref(registry);
        free(b);
        return 0;
}
