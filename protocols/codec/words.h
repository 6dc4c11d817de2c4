/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Words that people write and read; shared by the files of this folder only. */
#include "engine/effect.h"

#include <stddef.h>

/* ASCII capitals to small letters, in place. */
void words_lower(char *text);

/* The outcome that a Chinese text begins with: its wire word and the bytes it takes; NULL: none of ours. */
const char *words_outcome_parse(const char *text, size_t *ret_size);
/* An outcome for a Chinese reader; one that the site has configured itself is its own word. */
const char *words_outcome(const char *outcome);

/* The whole text is a word for a service: 助洁, clean. */
bool words_service_parse(const char *text, Service *ret);

/* "烟雾报警" or "smoke alarm"; for the kinds that a device sends. */
const char *words_alarm(AlarmKind, bool english);
/* "消息服务器连不上" or "the broker cannot be reached". */
const char *words_cause(SystemCause, bool english);
/* Name and unit of a reading. */
const char *words_vital(Vital, bool english, const char **ret_unit);
/* "走动", "motion": SignKind. */
const char *words_sign(uint8_t sign, bool english);
/* "办理中", "in progress". */
const char *words_request(RequestState, bool english);
/* "待接单", "alerting". */
const char *words_state(State, bool english);
