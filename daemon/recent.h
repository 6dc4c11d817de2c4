/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The last ten minutes of each person's readings, in the loop's memory: what a row of the journal about a reading beyond
 * a limit tells with it. After a start it is empty. */
#include "base/str.h"
#include "engine/event.h"

typedef struct Recent Recent;

Recent *recent_new(void);
Recent *recent_free(Recent *); /* NULL */
/* wall_us: when it was measured. What comes long after that is not taken. */
void recent_add(Recent *, uint32_t resident, int64_t wall_us, int64_t now_us, const VitalsEvent *);
void recent_forget(Recent *, uint32_t resident); /* an erasure */
/* {"t":[-90,-60,-30,0],"hr":[71,72,null,190],…}: seconds before now_us, oldest first. False: there is nothing. */
bool recent_json(const Recent *, uint32_t resident, int64_t now_us, Str *);
