/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* libcoap's sessions, which it lets nobody walk: see sessions.c. */
#include "protocols/coap/lib.h"

#include <stdbool.h>

typedef struct Keyed Keyed;

/* The sessions of one DTLS context that came with an identity. */
typedef struct Sessions {
        Keyed *first;
} Sessions;

/* Counts the sessions of a context, and forgets those that end. */
void sessions_watch(coap_context_t *);
/* Of all contexts. */
unsigned sessions_standing(void);
/* Remembers a session whose key the library asks for; a second time changes nothing. False: no memory. */
bool sessions_add(Sessions *, coap_session_t *);
/* Calls fn for each, which may end it but not free it. */
void sessions_each(Sessions *, void (*fn)(void *userdata, coap_session_t *), void *userdata);
/* The context is gone or will be without telling. */
void sessions_deinit(Sessions *);
/* The contexts will go without telling: nothing is counted any more. */
void sessions_forget(void);
