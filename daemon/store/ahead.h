/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a start reads while it writes: state and registry, on a thread and a read-only connection of their own, beside
 * the writer's first transaction and the flushes that it waits for. It is most of a start's work.
 *
 * To be begun when the write-ahead log has been moved into the database, all of it: such a reader does not hold the log,
 * which must begin anew with the first transaction (database.c).
 */
#include "engine/roster.h"
#include "store/aside.h"

/* NULL: it cannot be done. */
Aside *ahead_begin(const char *path);
/* Waits for its end. True: everything was sound, and *ret is the caller's. False, also of NULL: nobody has looked. */
bool ahead_end(Aside *, Registry **ret);
