/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Working time: what passes of a limit while people work. Pure; local time is wall time + Now.utc_s. */
#include "engine/engine.h"

/* True: people work on this local day. The file of holidays decides, else the usual week. */
bool calendar_works(const Registry *, const WorkHours *, uint32_t weekday, uint32_t yyyymmdd);
/*
 * Wall time at which `span_us` of working time has passed since now; `whole_days`: of working days from midnight to
 * midnight. A span of 0 ends now. Where nobody works within CALENDAR_DAYS_MAX days, time passes as it does elsewhere,
 * so that a calendar without a working day never holds a limit for ever.
 */
int64_t calendar_after(const Registry *, const WorkHours *, Now now, uint64_t span_us, bool whole_days);
#define CALENDAR_DAYS_MAX 400
