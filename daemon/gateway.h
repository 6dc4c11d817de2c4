/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The gateway: puts the parts together, starts them in the right order, and ends them in the reverse. */
#include "config/config.h"
#include "loop.h"
#include "protocols/coap/psk.h"
#include "protocols/mqtt/secrets.h"

typedef struct Gateway Gateway;

enum { GATEWAY_E_REFUSED = 1 }; /* cannot start; the log says why and what would be right */

/* The configuration is copied. Returns when everything is ready to take calls. */
int gateway_new(Gateway **ret, const Config *, Loop *);
Gateway *gateway_free(Gateway *);
/* Tells the service manager that all is well while it is (watchdog.c), well within that time. */
int gateway_watchdog(Gateway *, uint64_t within_us);

/* A new configuration: ladders count for incidents opened from now on; what the next connections to the broker
 * use (taken over; NULL: as before), and the devices' keys (none: all are void; *keys is empty then); the rest needs
 * a restart (logged). */
void gateway_reload(Gateway *, const Config *, Secrets *, Psk *keys);
/* The old configuration stays; the reason is journaled. */
void gateway_reload_failed(Gateway *, const ConfigError *);
/* A last turn, a last commit, a word to the broker: within 5 s. */
void gateway_stop(Gateway *);
