/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A piece of work that may hang in a disk, on a thread of its own: reading files that the loop must not wait for.
 *
 * The work sees only `data`. Whoever asked either collects it (aside_take) or lets it go (aside_drop): then the thread
 * itself frees the data when it comes back, if it ever does.
 */
#include <stdbool.h>
#include <stdint.h>

typedef struct Aside Aside;

/* Owns `data` from here on, also on failure. fn() and free_data() run on the thread; signals do not reach it. */
int aside_new(Aside **ret, void (*fn)(void *data), void (*free_data)(void *data), void *data);
/* Readable once the work is done. */
int aside_fd(const Aside *);
/* Waits for the end, so long at most. */
bool aside_wait(const Aside *, uint64_t us);
/* Done: the data goes to the caller, and the Aside is gone. */
void *aside_take(Aside *);
/* Done or not; NULL. */
Aside *aside_drop(Aside *);
