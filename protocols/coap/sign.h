/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Requests that are signed instead of encrypted: for devices behind a NAT that forgets them (protocols/README.md). */
#include "protocols/coap/psk.h"
#include "protocols/coap/request.h"

typedef enum SignResult {
        SIGN_NO_KEY, /* this device has no key: nothing is asked of it */
        SIGN_GOOD,
        SIGN_NONE, /* it has a key, and the request is not signed */
        SIGN_BAD,
        SIGN_OLD, /* signed by it, and too old to be told from a recording */
} SignResult;

/* Counts in the row of the key. */
SignResult signs_check(const Psk *, const Request *);
