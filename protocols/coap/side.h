/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One libcoap context with its sockets, for UDP or for DTLS: see side.c. */
#include "protocols/coap/gate.h"
#include "protocols/coap/lib.h"
#include "protocols/coap/psk.h"
#include "protocols/coap/restart.h"
#include "protocols/coap/sessions.h"
#include "protocols/port.h"

#define SIDE_SOCKETS_MAX 4

typedef struct Side {
        coap_context_t *context; /* NULL: not in use */
        PortWatch *watch;
        bool dtls;
        uint16_t number;               /* the first UDP port */
        int sockets[SIDE_SOCKETS_MAX]; /* libcoap's */
        unsigned n_sockets;
        const Psk *psk; /* the port's */
        Sessions sessions;
        Restarts restarts;
        Gate gate;
        void (*ended)(void *port, coap_session_t *); /* a session is dead: let its holds go */
        void *port;                                  /* the CoapPort */
        PortHost *host;
        unsigned asked; /* requests since the library was last called */
} Side;

/* Addresses with spaces between. 0, or a negative errno with a line in the log. */
int side_open(Side *, bool dtls, const char *addresses, const Psk *, unsigned sessions_max);
void side_close(Side *); /* the watch must have ended */
/* Takes about `budget` datagrams at most; handlers are called. */
void side_drain(Side *, unsigned budget);
/* From the handler: this datagram was a request. */
void side_asked(Side *);
int side_descriptor(const Side *);
/* The keys are others now: ends the sessions whose key is no longer their device's. Returns how many. */
unsigned side_rekey(Side *);
