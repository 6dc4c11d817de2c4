/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that answers its manager while nobody is called is worse than one that has ended: it looks well. So the
 * manager hears of us only when each part that an alarm passes through has moved since the last look:
 *
 *      inbox    an event that lay there has been taken, or none did
 *      timer    a turn has run (the gateway asks for one by its timer at each look), and nothing is long overdue
 *      outbox   it was pumped
 *      store    its thread came round, or is on the disk: a disk that hangs is degraded mode's affair, in which people
 *               are called all the same, and a new process would hang on it before it calls anybody
 */
#include "watchdog.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "log-ids.h"

#include <errno.h>
#include <stdlib.h>

struct Watchdog {
        WatchdogHost host;
        WatchdogView view;
        PortTimer *timer;
        uint64_t every_us;
};

const char *watchdog_stuck(const WatchdogView *before, const WatchdogView *now)
{
        if (before->waiting && now->waiting && now->events == before->events)
                return "inbox";
        if (now->turns == before->turns || (before->overdue && now->overdue))
                return "timer";
        if (now->pumps == before->pumps)
                return "outbox";
        if (now->resting && before->resting && now->beats == before->beats)
                return "store";
        return NULL;
}

static void on_timer(void *userdata)
{
        Watchdog *w = userdata;
        const char *stuck;
        WatchdogView now;

        w->host.look(w->host.userdata, &now);
        stuck = watchdog_stuck(&w->view, &now);
        w->view = now;
        if (stuck)
                log_fields(LOG_LEVEL_ERR, LOG_ID_SYSTEM, (LogField[]){{"HUYING_CAUSE", stuck}, {0}},
                        "the watchdog is not fed: no progress of the %s", stuck);
        else
                w->host.feed(w->host.userdata);
        w->host.poke(w->host.userdata);
        (void)loop_timer_set(w->timer, w->every_us); /* fails only when the loop has ended */
}

int watchdog_new(Watchdog **ret, Loop *loop, uint64_t within_us, const WatchdogHost *host)
{
        _cleanup_(freep) Watchdog *w = calloc(1, sizeof(Watchdog));
        int r;

        ASSERT(ret && host);
        if (!w)
                return error_origin(-ENOMEM);
        w->host = *host;
        w->every_us = within_us / 4;
        /* With the alarms, so that a flood of them does not look like a hang. */
        r = loop_timer(loop, &w->timer, PORT_PRIORITY_ALARM, on_timer, w);
        if (r < 0)
                return error_trace(r);
        host->feed(host->userdata);
        host->look(host->userdata, &w->view);
        host->poke(host->userdata);
        r = loop_timer_set(w->timer, w->every_us);
        if (r < 0) {
                loop_timer_free(w->timer);
                return error_trace(r);
        }
        *ret = TAKE_PTR(w);
        return 0;
}

Watchdog *watchdog_free(Watchdog *w)
{
        if (w)
                loop_timer_free(w->timer);
        free(w);
        return NULL;
}
