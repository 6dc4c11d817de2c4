/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Devices that have restarted under a DTLS session that we still hold: see restart.c. */
#include "protocols/coap/lib.h"

#include <stdint.h>

#define RESTART_PEERS 256

typedef struct Restarts {
        struct {
                uint64_t peer;  /* hash of the address; 0: free */
                uint64_t at_us; /* of its first ClientHello */
        } hellos[RESTART_PEERS];
} Restarts;

/*
 * Looks at the next datagram of a DTLS socket without taking it. Returns the session that it shows to be dead (the
 * caller ends it before libcoap reads the datagram), or NULL.
 */
coap_session_t *restart_peek(Restarts *, coap_context_t *, int fd, uint64_t now_us);
