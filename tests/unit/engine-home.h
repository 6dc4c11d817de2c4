/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Homes with sensors, and rules of their people: for the tests of silence, of falls that wait, and of the circle. */
#include "engine-kit.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define H 3600.0

static Device devices[24];
static PersonRule rules[8];

/* The kit's homes with sensors: 101 (one resident), 102 (two, one with a bed of his own). */
static inline void begin(Kit *k)
{
        static const Device more[] = {{"motion-101", NULL, DEVICE_SENSOR, 1, 0, 0},
                {"bed-101", NULL, DEVICE_SENSOR, 0, 1, 0}, {"water-101", NULL, DEVICE_SENSOR, 1, 0, 0},
                {"door-101", NULL, DEVICE_SENSOR, 1, 0, 0}, {"motion-102", NULL, DEVICE_SENSOR, 2, 0, 0},
                {"bed-102a", NULL, DEVICE_SENSOR, 2, 2, 0}, {"motion2-101", NULL, DEVICE_SENSOR, 1, 0, 0}};
        uint32_t n;

        kit_begin(k);
        n = k->registry.n_devices;
        memcpy(devices, k->registry.devices, n * sizeof(Device));
        memcpy(devices + n, more, sizeof(more));
        k->registry.devices = devices;
        k->registry.n_devices = n + (uint32_t)(sizeof(more) / sizeof(more[0]));
        k->registry.rules = rules;
        k->registry.n_rules = 0;
        kit_index(k);
        roster_changed(k);
        forget(k);
}

static inline void rule(Kit *k, uint32_t resident, RuleName name, double a, double b, double c)
{
        PersonRule r = {resident, (uint8_t)name, {a, b, c}};
        uint32_t i = k->registry.n_rules++;

        for (; i > 0 && (rules[i - 1].resident > r.resident ||
                                (rules[i - 1].resident == r.resident && rules[i - 1].name > r.name));
                i--)
                rules[i] = rules[i - 1]; /* sorted, as in a registry */
        rules[i] = r;
}

static inline void says(Kit *k, const char *device, SignKind kind, SignSaid said)
{
        Event ev = {.type = EVENT_STATUS, .via = VIA_MQTT};

        (void)str_copy(ev.source, CODE_SIZE, device);
        ev.status = nothing_said();
        ev.signs.said[kind] = (uint8_t)said;
        step(k, &ev);
}

static inline void away(Kit *k, const char *mode, double seconds)
{
        Event ev = action_of(ACTION_AWAY, "w01", 0, "");

        (void)str_copy(ev.action.target, CODE_SIZE, "r101");
        (void)str_copy(ev.action.mode, WORD_SIZE, mode);
        ev.action.span_us = (uint64_t)(seconds * 1e6);
        step(k, &ev);
        expect_reply(k, REPLY_OK, REASON_NONE);
}

static inline uint32_t open_now(const Kit *k)
{
        return engine_open_count(k->engine);
}

static inline void located(Kit *k, double metres_north, float accuracy)
{
        Event ev = {.type = EVENT_STATUS, .via = VIA_MQTT};

        (void)str_copy(ev.source, CODE_SIZE, "band-101");
        ev.status = nothing_said();
        ev.signs = (SignEvent){
                .located = true, .lat = 34.2 + metres_north / 111195, .lon = 108.9, .accuracy_m = accuracy};
        step(k, &ev);
}

static inline void circle(Kit *k)
{
        begin(k);
        rule(k, 1, RULE_GEOFENCE, 34.2, 108.9, 500);
}
