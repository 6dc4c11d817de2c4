/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Whose ClientHello is let in, while many forge theirs: see gate.c. */
#include "protocols/coap/lib.h"

#include <stdbool.h>
#include <stdint.h>

#define GATE_KNOWN 8192 /* powers of two */
#define GATE_PAID  1024

typedef struct Gate {
        struct {
                uint32_t address; /* hash of an address that has shown a key; 0: free */
                uint32_t left;    /* thousandths of a ClientHello that may still come from it … */
                uint64_t at_us;   /* … as of then */
        } known[GATE_KNOWN];
        struct {
                uint64_t peer; /* hash of address and port whose handshake goes on; 0: free */
                uint32_t n;    /* ClientHellos of it that were paid for */
                bool regular;
        } paid[GATE_PAID];
        uint64_t at_us;
        uint32_t strangers, regulars; /* thousandths of a ClientHello that may still come in */
} Gate;

/* Looks at the next datagram of a DTLS socket without taking it. False: it is to be taken and thrown away. */
bool gate_admit(Gate *, int fd, uint64_t now_us);
/* This peer has asked something in its session: it has a key, and its handshake is over. */
void gate_know(Gate *, const coap_session_t *);
