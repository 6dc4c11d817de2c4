/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Events that wait for a turn, in arrival order. Sized once; a full inbox is answered by running the turn, which
 * empties it, so nothing is ever refused for want of room.
 */
#include "engine/event.h"

typedef struct Inbox Inbox;

int inbox_new(Inbox **ret, uint32_t events_max);
Inbox *inbox_free(Inbox *);

/* A zeroed event to fill, or NULL: full. It belongs to the inbox; hand it back by push or discard. */
Event *inbox_event(Inbox *);
/* A copy of the bytes becomes the event's body, NUL-terminated behind its size. */
int inbox_body(Event *, const void *bytes, size_t n);
/* Computes key and digest and appends. */
void inbox_push(Inbox *, Event *);
void inbox_discard(Inbox *, Event *);

/* The oldest event, or NULL: empty. It stays the first until inbox_done(). */
Event *inbox_first(Inbox *);
void inbox_done(Inbox *, Event *first);
