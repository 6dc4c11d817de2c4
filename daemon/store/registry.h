/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Reads, checks and writes the registry: CSV folder ⇄ Registry ⇄ database, and registry.export.
 *
 * CSV: one file a table, UTF-8 (a BOM is accepted), the first line names the columns in any order; unknown or
 * missing columns, unknown codes, doubled codes and bad values are errors with file, line and column. Codes keep
 * their ids from `previous`; new codes get ids never used before.
 */
#include "base/cleanup.h"
#include "engine/roster.h"

typedef struct RegistryError {
        char file[256];
        unsigned line, column; /* from 1; 0: the whole file */
        char text[256];        /* what is wrong and what would be right, one English line */
} RegistryError;

enum { REGISTRY_E_INVALID = 1 }; /* *ret_error says what */

int registry_new(Registry **ret); /* empty */
Registry *registry_ref(Registry *);
Registry *registry_unref(Registry *); /* thread-safe count; NULL */
DEFINE_CLEANUP(Registry *, registry_unref)
int registry_read_csv(Registry **ret, const Registry *previous, const char *folder, RegistryError *ret_error);

/*
 * registry.export: the whole registry with ids, the site, and the number ceilings, in one text file (CSV sections),
 * written with fsync and rename. What a start without a usable database lives on.
 */
int registry_export_write(const Registry *, const char *path, const char *site, uint64_t incident_ceiling, uint64_t seq_ceiling);
int registry_export_read(Registry **ret, const char *path, uint64_t *ret_incident_ceiling, uint64_t *ret_seq_ceiling,
        RegistryError *ret_error);
