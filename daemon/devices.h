/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Devices as they are sold, as far as the gateway has to do with them: the profiles, their memory, and claiming. */
#include "base/str.h"
#include "config/config.h"
#include "protocols/codec/profile.h"
#include "protocols/mqtt/mqtt.h"
#include "store/registry.h"

typedef struct Devices Devices;

enum { DEVICES_E_REFUSED = 1 }; /* a profile is wrong; the log says where and why */

/* Reads the profiles, and maps STATE/levels, where what is known of levels outlives a restart. */
int devices_new(Devices **ret, const Config *);
Devices *devices_free(Devices *);
Profiles *devices_profiles(Devices *);

/* Calls fn with each device whose row names this profile. */
void devices_profiled(Registry *, const char *profile, void (*fn)(void *, const char *device), void *arg);

/* What huyingctl asks; mqtt may be NULL. bind: 0 with a registry, or DEVICES_E_REFUSED; `json` is the answer. */
int devices_unclaimed(const Mqtt *, char **ret_json);
int devices_bind(const Mqtt *, Registry **ret, Registry *, const char *device, const char *home,
        const char *class, const char *profile, Str *json);
