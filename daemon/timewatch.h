/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Steps of the wall clock, and whether it can be believed: as events, not as something found out later. */
#include "turn.h"

typedef struct Timewatch Timewatch;

/* floor_us: the last trusted journal time, 0: none. */
int timewatch_new(Timewatch **ret, PortHost *, Turn *, int64_t floor_us);
Timewatch *timewatch_free(Timewatch *); /* takes NULL; NULL */
/* Before every turn: a step that the kernel did not tell of. Cheap. */
void timewatch_look(Timewatch *);
