/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The private connection that JSON is read with; only for json.c and query.c. */
#include <sqlite3.h>

/*
 * A :memory: database that can do nothing but SELECT with four JSON functions and json_each(): an authorizer, no
 * attached databases, no schema, bounded lengths, and a progress handler that stops a statement which does not end.
 */
int connection_open(sqlite3 **ret);
/* sqlite3_step() with the progress handler's patience anew. SQLite counts the operations of a statement over its whole
 * life: without this, every few hundredth message would be stopped although nothing is wrong with it. */
int connection_step(sqlite3_stmt *);
