/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The canary: a synthetic alarm that travels the real path every few minutes, and is missed when it does not come home. */
#include "protocols/mqtt/mqtt.h"
#include "turn.h"

typedef struct Canary Canary;

#define CANARY_DEVICE "huying-canary" /* its topic level: up/huying-canary/alarm, worker/huying-canary/… */

/* every_us: 0 is refused, then there is none. mqtt by mqtt_say(), mqtt_connected() and mqtt_echo_set(). */
int canary_new(Canary **ret, PortHost *, Turn *, Mqtt *, uint64_t every_us);
Canary *canary_free(Canary *); /* takes NULL; after the Mqtt, whose last messages it still hears; NULL */
/* A row that was journaled, before its commit. Takes NULL. */
void canary_journaled(Canary *, const Effect *journal);
/* After a turn and after the store's word: has it arrived? Takes NULL. */
void canary_look(Canary *);
