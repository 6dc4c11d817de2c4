/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small community: two flats and a shared one, sixteen people in every role that a ladder names, the default
 * ladders of the configuration, and one program channel.
 */
#include "tests/sim/sim.h"

#include "base/assert.h"
#include "base/str.h"
#include "config/config.h"
#include "engine/code-index.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static Registry registry;
const Registry *sim_registry = &registry;
Policy sim_policy;

enum { CITY = 1, STREET, COMMUNITY, GRID };

static Grid grids[] = {{0}, {.code = "c1"}, {.code = "s1", .parent = CITY}, {.code = "d1", .parent = STREET},
        {.code = "g1", .parent = COMMUNITY}};

/* 103 has two residents: a fixed device there belongs to the dwelling. */
static Dwelling dwellings[] = {{0},
        {.code = "101", .building = "1", .floor = "1", .address = "虚构路1号101", .grid = GRID},
        {.code = "102", .building = "1", .floor = "1", .address = "虚构路1号102", .grid = GRID},
        {.code = "103", .building = "2", .floor = "1", .address = "虚构路2号103", .grid = GRID}};

static Resident residents[] = {{0}, {.code = "r101", .name = "张虚构", .dwelling = 1},
        {.code = "r102", .name = "李示例", .dwelling = 2},
        {.code = "r103a", .name = "王虚构", .dwelling = 3},
        {.code = "r103b", .name = "赵示例", .dwelling = 3}};

static Device devices[] = {{0}, {.code = "sos-101", .class = DEVICE_BUTTON, .dwelling = 1},
        {.code = "sos-102", .class = DEVICE_BUTTON, .dwelling = 2},
        {.code = "sos-103", .class = DEVICE_BUTTON, .dwelling = 3},
        {.code = "smoke-101", .class = DEVICE_SMOKE, .dwelling = 1},
        {.code = "smoke-103", .class = DEVICE_SMOKE, .dwelling = 3},
        {.code = "gas-102", .class = DEVICE_GAS, .dwelling = 2},
        {.code = "band-101",
                .class = DEVICE_WRISTBAND,
                .beat_us = USEC_PER_HOUR,
                .dwelling = 1,
                .resident = 1},
        {.code = "band-102",
                .class = DEVICE_WRISTBAND,
                .beat_us = USEC_PER_HOUR,
                .dwelling = 2,
                .resident = 2},
        {.code = "band-103",
                .class = DEVICE_WRISTBAND,
                .beat_us = USEC_PER_HOUR,
                .dwelling = 3,
                .resident = 3},
        {.code = "motion-102",
                .class = DEVICE_SENSOR,
                .beat_us = USEC_PER_HOUR,
                .dwelling = 2,
                .resident = 2}};

#define HOURS(n) ((double)(n) * (double)USEC_PER_HOUR)

/* Sorted. The last of the devices, and these, are only where they are asked for. */
static PersonRule rules[] = {{.resident = 1, .name = RULE_GEOFENCE, .value = {34.2711, 108.9402, 500}},
        {.resident = 2, .name = RULE_SILENCE, .value = {HOURS(6)}},
        {.resident = 2, .name = RULE_NOT_WORN, .value = {HOURS(1)}},
        {.resident = 3, .name = RULE_GEOFENCE, .value = {34.2711, 108.9402, 500}}};

static Worker workers[] = {{0}, {.code = "w01", .role = ROLE_WORKER, .scope = SCOPE_GRID, .scope_id = GRID},
        {.code = "w02", .role = ROLE_BACKUP, .scope = SCOPE_GRID, .scope_id = GRID},
        {.code = "b01", .role = ROLE_BUILDING_HEAD, .scope = SCOPE_BUILDING, .scope_building = "1"},
        {.code = "f101",
                .role = ROLE_FAMILY,
                .client = CLIENT_PLAIN,
                .scope = SCOPE_RESIDENT,
                .scope_id = 1},
        {.code = "n101",
                .role = ROLE_NEIGHBOUR,
                .client = CLIENT_PLAIN,
                .scope = SCOPE_BUILDING,
                .scope_building = "1"},
        {.code = "d01", .role = ROLE_COMMUNITY, .scope = SCOPE_GRID, .scope_id = COMMUNITY},
        {.code = "s01", .role = ROLE_STREET, .scope = SCOPE_GRID, .scope_id = STREET},
        {.code = "c01", .role = ROLE_DISTRICT, .scope = SCOPE_SITE},
        {.code = "o01", .role = ROLE_OPERATOR, .scope = SCOPE_SITE},
        {.code = "v01", .role = ROLE_SUPERVISOR, .scope = SCOPE_SITE}};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const char *person_code(uint32_t i)
{
        return i + 1 < COUNT(workers) ? workers[i + 1].code : NULL;
}

const char *device_code(uint32_t i)
{
        return i + 1 < registry.n_devices ? devices[i + 1].code : NULL;
}

bool person_is_plain(const char *code)
{
        for (uint32_t i = 1; i < COUNT(workers); i++)
                if (str_equal(workers[i].code, code))
                        return workers[i].client == CLIENT_PLAIN;
        return false;
}

static void index_build(void)
{
        static void *index;

        free(index);
        index = calloc(1, code_index_size(&registry));
        ASSERT(index);
        registry.code_index = code_index_build(index, code_index_size(&registry), &registry);
}

void places_watch(void)
{
        if (registry.rules)
                return;
        registry.rules = rules;
        registry.n_rules = COUNT(rules);
        registry.n_devices = COUNT(devices);
        index_build();
}

void places_build(void)
{
        static VitalLimits limits;
        static Config config;

        if (registry.code_index)
                return;
        for (int v = 0; v < VITAL_MAX; v++)
                limits.min[v] = limits.max[v] = (double)NAN;
        limits.max[VITAL_HR] = 120;
        limits.min[VITAL_HR] = 50;
        limits.min[VITAL_SPO2] = 93;
        for (uint32_t r = 1; r < COUNT(residents); r++)
                residents[r].limits = &limits;
        registry = (Registry){.n_ref = 1,
                .grids = grids,
                .dwellings = dwellings,
                .residents = residents,
                .devices = devices,
                .workers = workers,
                .n_grids = COUNT(grids),
                .n_dwellings = COUNT(dwellings),
                .n_residents = COUNT(residents),
                .n_devices = COUNT(devices) - 1,
                .n_workers = COUNT(workers)};
        index_build();
        config_defaults(&config);
        sim_policy = config.policy;
        (void)str_copy(sim_policy.default_grid, CODE_SIZE, "g1");
        sim_policy.exec_channels = 1;
        sim_policy.exec_priority = 2;
}
