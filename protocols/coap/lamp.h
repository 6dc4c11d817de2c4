/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The lamps at a/<incident>: see lamp.c. */
#include "engine/effect.h"
#include "protocols/coap/lib.h"

#define LAMPS_MAX         1024u
#define LAMP_SIDES        2           /* UDP, DTLS */
#define LAMP_MAX_AGE_S    90          /* a device that hears nothing for that long asks again */
#define LAMP_LINGER_US    60000000ull /* a confirmable notification needs up to 45 s to arrive */
#define LAMP_SESSIONS_MAX 2000u       /* with more than these sessions nobody may begin to observe */

typedef struct LampRow {
        uint64_t incident; /* 0: free */
        Lamp lamp;
        bool open;
        uint64_t gone_us; /* deleted then; 0: not yet */
        coap_resource_t *resources[LAMP_SIDES];
} LampRow;

typedef struct Lamps {
        LampRow rows[LAMPS_MAX];
        uint32_t n; /* rows from here on were never used */
        coap_context_t *contexts[LAMP_SIDES]; /* NULL: none */
} Lamps;

/* Sets the word and tells those who observe. False: all rows are taken by open incidents. */
/* `inside`: from within a handler of the library. */
bool lamps_set(Lamps *, uint64_t incident, Lamp, bool open, bool inside, uint64_t now_us);
/* Deletes what has been gone for long; never inside a handler. False: none waits for that. */
bool lamps_reap(Lamps *, uint64_t now_us);
/* The process ends, the incidents do not: forgets all without telling anybody that they are gone. */
void lamps_silence(Lamps *);
