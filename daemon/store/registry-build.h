/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* How this folder's readers put a Registry together: size, texts, entries, index. Not for others. */
#include "store/registry.h"

typedef struct RegistryCounts {
        uint32_t grids, dwellings, residents, devices, workers; /* highest id + 1, at least 1 */
        uint32_t duties, overrides, holidays, rules;
} RegistryCounts;

#define REGISTRY_IDS_MAX 4000000u /* what a corrupt file may not talk us into allocating */

/* Entries zeroed; residents have no limits. */
Registry *registry_make(const RegistryCounts *);
/* A copy of the text that lives as long as the registry. NULL gives "". */
const char *registry_text(Registry *, const char *text);
const char *registry_textn(Registry *, const char *text, size_t n);
/* The same, and one copy for all who ask for these words: names of buildings, how to get in, what is to be known. */
const char *registry_common(Registry *, const char *text);
/* One copy for all who have the same. */
const VitalLimits *registry_limits(Registry *, const VitalLimits *);
/* Sorts the duties and builds the code index; once, when all entries stand. May be called again while building. */
void registry_finish(Registry *);

void limits_clear(VitalLimits *);
/* False: some minimum is not below its maximum. */
bool limits_sane(const VitalLimits *);
