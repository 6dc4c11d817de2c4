/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The canary: a synthetic alarm that travels the real path every few minutes, and is missed when it does not arrive. */
#include "protocols/mqtt/mqtt.h"
#include "turn.h"

typedef struct Canary Canary;

#define CANARY_DEVICE "huying-canary" /* its topic level: up/huying-canary/alarm */

/* every_us: 0 is refused, then there is none. mqtt by mqtt_say() and mqtt_connected(). */
int canary_new(Canary **ret, PortHost *, Turn *, Mqtt *, uint64_t every_us);
Canary *canary_free(Canary *); /* takes NULL; NULL */
/* A row that was journaled, before its commit. Takes NULL. */
void canary_journaled(Canary *, const Effect *journal);
/* After a turn and after the store's word: has it arrived? Takes NULL. */
void canary_look(Canary *);
