/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Registry ⇄ the tables grid, dwelling, resident, device, worker, roster. Results are SQLite's codes. */
#include <sqlite3.h>

#include "store/registry.h"

/* Within a transaction of the caller. Entries that are gone are retired, never deleted. */
int registry_db_write(sqlite3 *, const Registry *);
/* *ret is untouched unless SQLITE_OK. Rows that make no sense (an unknown role) give
 * SQLITE_MISMATCH: the file itself is sound. */
int registry_db_read(sqlite3 *, Registry **ret);
