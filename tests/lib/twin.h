/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Two ways to one event. The codec reads a plain message itself and all others by SQLite; one more member with an escape in
 * its name, which nobody asks for, sends the same message to SQLite. Both must say the same.
 */
#include "protocols/codec/codec.h"

#include <stddef.h>

/*
 * The message with the member before all others, in the first object of an array; from malloc(). NULL: it begins with no
 * object, or would be too long.
 */
char *twin_of(const char *body, size_t n, size_t *ret_n);
/* All that a reader of JSON fills in, but for the body. */
bool twin_equal(const Event *, const Event *);
