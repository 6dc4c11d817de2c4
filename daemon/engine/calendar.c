/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calendar.h"

#include "base/assert.h"

bool calendar_works(const Registry *r, const WorkHours *hours, uint32_t weekday, uint32_t yyyymmdd)
{
        int says = r ? roster_holiday(r, yyyymmdd) : 0;

        ASSERT(weekday < 7);
        return says ? says > 0 : (hours->days & (1u << weekday)) != 0;
}

/* Takes what of *left passes between from and to, both from midnight and not before `now`. True: all has passed. */
static bool span_pass(int64_t from, int64_t to, int64_t now, int64_t *left, int64_t *ret_end)
{
        ASSERT(*left > 0);
        if (from < now)
                from = now;
        if (from >= to)
                return false;
        if (to - from < *left) {
                *left -= to - from;
                return false;
        }
        *ret_end = from + *left;
        return true;
}

static bool day_pass(const WorkHours *hours, bool whole_days, int64_t now, int64_t *left, int64_t *ret_end)
{
        const int64_t minute = (int64_t)USEC_PER_MIN;

        ASSERT(hours->n <= WORK_SPANS_MAX);
        if (whole_days || hours->n == 0)
                return span_pass(0, (int64_t)USEC_PER_DAY, now, left, ret_end);
        for (unsigned i = 0; i < hours->n; i++)
                if (span_pass(
                            hours->spans[i].from * minute, hours->spans[i].to * minute, now, left, ret_end))
                        return true;
        return false;
}

int64_t calendar_after(const Registry *r, const WorkHours *hours, Now now, uint64_t span_us, bool whole_days)
{
        const int64_t day = (int64_t)USEC_PER_DAY;
        int64_t local = now.wall_us + (int64_t)now.utc_s * (int64_t)USEC_PER_SEC;
        int64_t since = local % day < 0 ? local % day + day : local % day, left = (int64_t)span_us, end;

        ASSERT(span_us <= CALENDAR_DAYS_MAX * USEC_PER_DAY);
        if (span_us == 0)
                return now.wall_us;
        for (int64_t d = 0; d < CALENDAR_DAYS_MAX; d++) {
                uint32_t weekday, minute, date;
                Now then = now;

                then.wall_us = now.wall_us - since + d * day;
                clock_local(then, &weekday, &minute, &date);
                if (calendar_works(r, hours, weekday, date) &&
                        day_pass(hours, whole_days, d == 0 ? since : 0, &left, &end))
                        return then.wall_us + end;
        }
        return now.wall_us + (int64_t)span_us;
}
