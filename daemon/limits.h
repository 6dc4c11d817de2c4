/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Sizes that are fixed at start. What is counted here is allocated once, in main. */
#ifdef __clang__ /* a file beside it includes it by its bare name: then clang searches from the start, which is fine */
#pragma clang diagnostic ignored "-Winclude-next-absolute-path"
#endif
#include_next <limits.h> /* daemon/ is on the include path: libc's file of this name must still be found */

#define LIMIT_INCIDENTS         16384u      /* open incidents; configurable up to LIMIT_INCIDENTS_MAX */
#define LIMIT_INCIDENTS_MAX     100000u
#define LIMIT_INBOX             4096u       /* events that wait for a turn */
#define LIMIT_KEYS              65536u      /* (device, event id) and (worker, nonce) seen in the last 24 h */
#define LIMIT_DEVICES           131072u     /* devices, and residents, that are supervised: pages that cost nothing until used */
#define LIMIT_BODY              16384u      /* bytes of a message */
#define LIMIT_DRAIN             1000u       /* messages an adapter takes from its socket before a turn */
#define LIMIT_STORE_BYTES       (64u << 20) /* transactions in memory while the store fails: then readings are let go */
#define LIMIT_DEGRADED_US       2000000ull  /* a commit that takes longer is a failure */
#define LIMIT_OPEN_MS           5000        /* a start waits that long for the database, then goes on without */
#define LIMIT_LAZY_US           1000000ull  /* delivered and seen wait that long for an urgent transaction */
