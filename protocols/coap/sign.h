/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Requests that are signed instead of encrypted: for devices behind a NAT that forgets them (protocols/README.md). */
#include "protocols/coap/psk.h"
#include "protocols/coap/request.h"

typedef struct SignCounter {
        uint64_t last;   /* the highest counter that was seen; 0: none */
        uint64_t window; /* bit n: last - n was seen */
} SignCounter;

typedef struct Signs {
        Psk psk;
        SignCounter *counters; /* as many as there are keys */
} Signs;

typedef enum SignResult {
        SIGN_NO_KEY, /* this device has no key: nothing is asked of it */
        SIGN_GOOD,
        SIGN_NONE, /* it has a key, and the request is not signed */
        SIGN_BAD,
        SIGN_OLD, /* signed by it, and too old to be told from a recording */
} SignResult;

/* path "": no keys. 0, or a negative errno after a log line. */
int signs_open(Signs *, const char *path);
void signs_close(Signs *);
SignResult signs_check(Signs *, const Request *);
