/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cost: what one event costs the engine while 100, 1,000, 10,000 or 100,000 incidents are open.
 *
 * Each incident is that of an own resident, opened by an own button. What is measured is processor time in
 * engine_step() for a press in an open matter and for a worker's answer, and in engine_expire() for each call of the
 * ladder that comes due, so that a search through all incidents would show as a line that climbs.
 */
#include "tests/sim/sim.h"

#include "base/assert.h"
#include "base/idmap.h"
#include "base/str.h"
#include "config/config.h"
#include "engine/code-index.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define SAMPLES 20000u

static Registry registry;
static char (*names)[16];

static double cpu_s(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* cannot fail */
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void registry_of(uint32_t n)
{
        static Grid grids[2] = {{0}, {.code = "g1"}};
        static Worker workers[6] = {{0}, {.code = "w01", .role = ROLE_WORKER},
                {.code = "w02", .role = ROLE_BACKUP}, {.code = "d01", .role = ROLE_COMMUNITY},
                {.code = "s01", .role = ROLE_STREET}, {.code = "c01", .role = ROLE_DISTRICT}};
        void *index;

        registry = (Registry){.n_ref = 1,
                .grids = grids,
                .n_grids = 2,
                .workers = workers,
                .n_workers = 6,
                .devices = calloc(n + 1, sizeof(Device)),
                .n_devices = n + 1,
                .dwellings = calloc(n + 1, sizeof(Dwelling)),
                .n_dwellings = n + 1};
        names = calloc(n + 1, sizeof(*names));
        ASSERT(registry.devices && registry.dwellings && names);
        for (uint32_t i = 1; i <= n; i++) {
                snprintf(names[i], sizeof(names[i]), "sos-%u", i);
                registry.dwellings[i] = (Dwelling){.code = names[i], .grid = 1};
                registry.devices[i] = (Device){.code = names[i], .class = DEVICE_BUTTON, .dwelling = i};
        }
        index = calloc(1, code_index_size(&registry));
        ASSERT(index);
        registry.code_index = code_index_build(index, code_index_size(&registry), &registry);
}

static uint64_t serial;

static void press(Engine *e, uint32_t device, Now now, EffectList *list)
{
        Event ev = {.type = EVENT_ALARM, .via = VIA_MQTT, .alarm = {.kind = ALARM_SOS, .word = "sos"}};

        (void)str_copy(ev.source, sizeof(ev.source), names[device]); /* fits */
        serial++;
        memcpy(ev.key, &serial, sizeof(serial));
        snprintf(ev.id, sizeof(ev.id), "e-%" PRIu64, serial);
        for (int r = engine_step(e, &ev, now, list); r == ENGINE_E_MORE;)
                r = engine_expire(e, now, list);
}

static void delivered(Engine *e, uint64_t incident, Now now, EffectList *list)
{
        Event ev = {.type = EVENT_ACTION,
                .via = VIA_MQTT,
                .action = {.kind = ACTION_DELIVERED, .incident = incident}};

        (void)str_copy(ev.source, sizeof(ev.source), "w01"); /* fits */
        (void)engine_step(e, &ev, now, list);
}

static void measure(uint32_t n)
{
        static EffectList list;
        Limits limits = {.incidents_max = n + 16, .keys_max = 65536, .devices_max = n + 16};
        Now now = {.wall_us = WALL_START_US, .boot_us = USEC_PER_HOUR, .boot = 1, .trusted = true};
        size_t size = (engine_size(&limits) + 63) / 64 * 64;
        void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        double from, opened, pressed, answered, expired;
        uint64_t calls = 0;
        Engine *e;

        ASSERT(memory != MAP_FAILED);
        registry_of(n);
        e = engine_init(memory, size, &limits, &sim_policy);
        engine_registry_set(e, &registry);
        from = cpu_s();
        for (uint32_t i = 1; i <= n; i++) { /* spread over twenty seconds, as calls are in life */
                now.boot_us += 20 * USEC_PER_SEC / n;
                now.wall_us += (int64_t)(20 * USEC_PER_SEC / n);
                press(e, i, now, &list);
        }
        opened = (cpu_s() - from) / n;
        ASSERT(engine_open_count(e) >= n);
        from = cpu_s();
        for (uint32_t i = 0; i < SAMPLES; i++)
                press(e, 1 + (uint32_t)((uint64_t)i * 7919 % n), now, &list);
        pressed = (cpu_s() - from) / SAMPLES;
        from = cpu_s();
        for (uint32_t i = 0; i < SAMPLES; i++)
                delivered(e, 1 + (uint64_t)i * 7919 % n, now, &list);
        answered = (cpu_s() - from) / SAMPLES;
        from = cpu_s();
        while (calls < SAMPLES) {
                uint64_t due = engine_deadline(e);

                if (due > now.boot_us) {
                        now.wall_us += (int64_t)(due - now.boot_us);
                        now.boot_us = due;
                }
                (void)engine_expire(e, now, &list);
                for (uint32_t k = 0; k < list.n; k++)
                        calls += list.effects[k].type == EFFECT_NOTIFY;
        }
        expired = (cpu_s() - from) / (double)calls;
        printf("%8u open: %6.2f us to open, %6.2f us a press, %6.2f us a receipt, %6.2f us a call of the "
               "ladder\n",
                n, opened * 1e6, pressed * 1e6, answered * 1e6, expired * 1e6);
        (void)munmap(memory, size); /* ours, whole */
        free(registry.devices);
        free(registry.dwellings);
        free(registry.code_index);
        free(names);
}

int main(void)
{
        Config config;

        config_defaults(&config);
        sim_policy = config.policy;
        sim_policy.exec_channels = 0;
        for (uint32_t n = 100; n <= 100000; n *= 10)
                measure(n);
        return 0;
}
