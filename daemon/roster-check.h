/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the roster of a registry must be able to do before it is taken (SEMANTICS.md section 6). */
#include "base/str.h"
#include "engine/engine.h"

/*
 * False: some priority 1 ladder ends with nobody at some hour of the next 14 days; the line says where and when.
 * Roles that a ladder calls and nobody has are logged.
 */
bool roster_can_serve(const Registry *, const Policy *, Now, char *ret_text, size_t cap);
/* {"result":"ok",…}: how many of each are in use. */
void registry_counts(const Registry *, Str *);
