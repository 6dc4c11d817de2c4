/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What plain clients read of each worker: the newest alert as one line of text, and how many are open. Each is a state
 * and no message, so that of several that wait only the newest is said.
 */
#include "protocols/port.h"

typedef struct Lines Lines;

int lines_new(Lines **ret);
Lines *lines_free(Lines *);

/* The text and count that come with an alert, to be said when their turn comes. */
void lines_note(Lines *, const PortAlert *);
/* Something newer has been said to this person by another way. */
void lines_forget(Lines *, uint32_t worker);
/* The first that waits; false: none does. ret_text: NULL: as it was; ret_count: below zero: as it was. Valid until the
 * next call; said by that. */
bool lines_next(Lines *, const char **ret_code, const char **ret_text, int64_t *ret_count);
/* A new connection: nobody remembers what was said, and whoever has something to say will say it again. */
void lines_reset(Lines *);
