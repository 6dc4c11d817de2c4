/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The tables of journal.db and how an older file becomes a newer one. Results are SQLite's codes. */
#include <sqlite3.h>
#include <stddef.h>

#define SCHEMA_APPLICATION_ID 0x48555949 /* "HUYI" */

typedef struct SchemaStep {
        int version; /* what user_version is afterwards; steps stand in rising order */
        const char *sql;
} SchemaStep;

extern const SchemaStep schema_steps[];
extern const size_t schema_n_steps;

enum { SCHEMA_E_LATER = -1, SCHEMA_E_FOREIGN = -2 }; /* written by a later version; not a file of ours */

/* Applies the steps above user_version, each in a transaction of its own. SQLITE_OK, SQLite's code, or SCHEMA_E_X. */
int schema_migrate(sqlite3 *, const SchemaStep *steps, size_t n_steps);
