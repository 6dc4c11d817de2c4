/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The story for the system's journal, from the rows: ids only. */
#include "engine/effect.h"

void story_tell(const Registry *, const Effect *journal);
