/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A host name to an address without waiting: glibc's getaddrinfo_a(), looked at by a timer of the caller.
 *
 * libmosquitto resolves in its connect call, which would stop the loop, and with it the ladder, for as long
 * as a dead name server likes.
 */
#include <stdbool.h>
#include <stddef.h>

#define RESOLVE_TEXT_SIZE 64 /* an IPv6 address with a scope, and NUL */

typedef struct Resolve Resolve;

enum {
        RESOLVE_E_PENDING = 1, /* ask again later */
        RESOLVE_E_FAILED = 2,  /* no such name, or no answer: free it and begin again */
};

/* True: an address as it stands, nothing to resolve. */
bool resolve_literal(const char *host);
int resolve_new(Resolve **ret, const char *host);
Resolve *resolve_free(Resolve *);
/* The n-th address modulo how many there are, so that successive attempts try them all. 0 or RESOLVE_E_X. */
int resolve_get(Resolve *, unsigned n, char ret[RESOLVE_TEXT_SIZE]);
