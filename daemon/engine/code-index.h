/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * From a registry code to its id: one hash table for each kind of entity; and from a dwelling to the people who
 * belong to it, so that a call costs the same with ten families in the registry and with ten thousand. In memory of
 * the caller.
 *
 * Built once when a Registry is complete (store/registry does it) and hung into Registry.code_index; read by
 * registry_*_id(). The index (base/places.h) holds ids: every hit is compared with the code in the Registry's own
 * array, so two codes with one hash are told apart.
 */
#include "engine/roster.h"

typedef enum CodeKind {
        CODE_GRID,
        CODE_DWELLING,
        CODE_RESIDENT,
        CODE_DEVICE,
        CODE_WORKER,
        CODE_KIND_MAX,
} CodeKind;

/* Bytes for this registry's counts; the memory must be aligned to 16 and zeroed. */
size_t code_index_size(const Registry *);
/*
 * Fills `memory` (code_index_size() bytes) from the arrays of the registry, and returns it as the value for
 * Registry.code_index. Entries without a code are left out. Of two entries with one code (which a checked
 * registry does not have) the lower id is found.
 */
void *code_index_build(void *memory, size_t size, const Registry *);
/* The id of this code; 0: unknown. The registry has its index, for this and the following. */
uint32_t code_index_find(const Registry *, CodeKind, const char *code);

/*
 * The next worker above `after` (0: the first) who may cover this place; 0: none. Everybody whom roster_covers() would
 * find is among them, in the order of their ids: all but the kin of other residents.
 */
uint32_t code_index_near(const Registry *, uint32_t after, uint32_t dwelling, uint32_t resident);
/* The one resident of a dwelling; 0: none, or more than one. */
uint32_t code_index_sole(const Registry *, uint32_t dwelling);
