/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One message of one device that knows nothing of us, on its way to events: see profile.c for the rules. */
#include "protocols/codec/profile.h"

typedef struct Speech {
        Levels *levels;
        const ProfileHost *host;
        Event base;       /* source, device_us, retained, body_json */
        uint64_t payload; /* a hash of the message */
        uint32_t doubts, now_s;
        bool said; /* an event has been made */
} Speech;

void speech_emit(Speech *, Event *);
/* stamp NULL: nothing tells this press from another. */
void speech_edge(Speech *, AlarmKind, const char *stamp);
void speech_level(Speech *, AlarmKind, bool on);
/* Messages of the device may have been lost: all that it has said is doubtful until it says it again. */
void speech_doubt(Speech *);
/* So it is when the device cannot be reached, or is back. known: the registry knows it. */
void speech_gone(Speech *, bool known);
void speech_back(Speech *, bool known);
