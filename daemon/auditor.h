/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Calls the engine's auditor every 5 s while something is open, and ends the process when state contradicts itself. */
#include "loop.h"
#include "turn.h"

typedef struct Auditor Auditor;

int auditor_new(Auditor **ret, PortHost *, Loop *, Turn *, const Engine *, const char *directory);
Auditor *auditor_free(Auditor *); /* takes NULL; NULL */
/* After every turn: something may be open now, or nothing any more. */
void auditor_look(Auditor *);
