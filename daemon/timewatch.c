/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wall clock under watch (SEMANTICS.md section 4).
 *
 * Deadlines of this boot go by CLOCK_BOOTTIME, so a step moves none of them. What goes by the wall clock is looked
 * at again at once: the duty table, deadlines of an earlier boot, what is shown to people. The kernel tells of a
 * step by cancelling a timer on CLOCK_REALTIME; where it does not (a container's clock, a faked one), each turn
 * compares how far the wall clock is ahead of the time since boot. A clock that is slewed moves by half a
 * thousandth at most: less than twice that is no step.
 *
 * A step, or another judgement, is journaled (clock), and the engine looks at everything again (turn_look()): a
 * deadline of an earlier boot becomes the sooner of what it is and what was stored, when the clock is believed.
 *
 * While the clock cannot be believed it is asked every minute, and only then: a quiet gateway is not woken.
 */
#include "timewatch.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define STEP_US    ((int64_t)USEC_PER_SEC) /* less is told by the kernel only */
#define TELL_US    ((int64_t)(100 * USEC_PER_MSEC))
#define SLEW_SHARE 1000 /* of the time gone by */
#define ASK_US     USEC_PER_MIN
#define DOUBT_US   (10 * USEC_PER_MIN)

struct Timewatch {
        PortHost *host;
        Turn *turn;
        PortWatch *watch;
        PortTimer *timer;
        int fd;
        bool trusted, raised;
        uint64_t seen_us, doubt_us; /* since boot: last look; untrusted since */
        int64_t offset_us, floor_us;
};

/* A timer that never comes, and is cancelled when the clock is set. */
static int cancel_arm(Timewatch *w)
{
        struct itimerspec never = {.it_value = {.tv_sec = INT32_MAX}};

        if (sizeof(never.it_value.tv_sec) > 4)
                never.it_value.tv_sec = (time_t)(INT64_C(1) << 40);
        if (timerfd_settime(w->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0)
                return error_origin(-errno);
        return 0;
}

static void timer_arm(Timewatch *w)
{
        (void)w->host->timer_set(w->timer, w->trusted ? UINT64_MAX : ASK_US); /* a turn looks as well */
}

static void doubt_set(Timewatch *w, Now now)
{
        bool doubtful = !w->trusted && now.boot_us - w->doubt_us >= DOUBT_US;

        if (doubtful == w->raised)
                return;
        w->raised = doubtful;
        w->host->system(w->host, SYSTEM_CLOCK, doubtful);
}

static void changed(Timewatch *w, int64_t from_us, int64_t to_us)
{
        const char *trusted = w->trusted ? "true" : "false";
        char json[128];
        Str s = STR_BUFFER(json);

        str_addf(&s, "{\"from\":%.3f,\"to\":%.3f,\"trusted\":%s}", (double)from_us / 1e6,
                (double)to_us / 1e6, trusted);
        ASSERT(!s.full);
        (void)turn_note(w->turn, JOURNAL_CLOCK, json);
        log_warning("the clock was set from %.3f to %.3f, trusted: %s", (double)from_us / 1e6,
                (double)to_us / 1e6, trusted);
        turn_look(w->turn);
}

static void look(Timewatch *w, int64_t least_us, bool ask)
{
        Now now = clock_now();
        int64_t offset = now.wall_us - (int64_t)now.boot_us, step = offset - w->offset_us;
        int64_t slew = (int64_t)((now.boot_us - w->seen_us) / SLEW_SHARE);
        bool stepped = step > least_us + slew || step < -least_us - slew, before = w->trusted;
        int64_t from = (int64_t)now.boot_us + w->offset_us;

        ASSERT(now.boot_us >= w->seen_us);
        w->offset_us = offset;
        w->seen_us = now.boot_us;
        if (!stepped && !ask) {
                if (w->trusted && now.wall_us > w->floor_us)
                        w->floor_us = now.wall_us;
                return;
        }
        w->trusted = clock_trust(w->floor_us);
        if (before && !w->trusted)
                w->doubt_us = now.boot_us;
        if (stepped || before != w->trusted)
                changed(w, from, now.wall_us);
        if (before != w->trusted)
                timer_arm(w);
        doubt_set(w, now);
}

static void on_set(void *userdata, uint32_t revents)
{
        Timewatch *w = userdata;
        uint64_t n;

        if (read(w->fd, &n, sizeof(n)) < 0 && errno == EAGAIN)
                return;
        (void)cancel_arm(w); /* fails: turns still look */
        look(w, TELL_US, true);
        (void)w->host->run(w->host); /* no connection waits for this */
}

static void on_timer(void *userdata)
{
        Timewatch *w = userdata;

        look(w, STEP_US, true);
        timer_arm(w);
        (void)w->host->run(w->host);
}

void timewatch_look(Timewatch *w)
{
        look(w, STEP_US, false);
}

DEFINE_CLEANUP(Timewatch *, timewatch_free)

int timewatch_new(Timewatch **ret, PortHost *host, Turn *turn, int64_t floor_us)
{
        _cleanup_(timewatch_freep) Timewatch *w = calloc(1, sizeof(Timewatch));
        Now now = clock_now();
        int r;

        ASSERT(ret && host && turn);
        if (!w)
                return error_origin(-ENOMEM);
        *w = (Timewatch){.host = host,
                .turn = turn,
                .trusted = now.trusted,
                .seen_us = now.boot_us,
                .doubt_us = now.boot_us,
                .offset_us = now.wall_us - (int64_t)now.boot_us,
                .floor_us = floor_us,
                .fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC)};
        if (w->fd < 0)
                return error_origin(-errno);
        r = cancel_arm(w);
        if (r >= 0)
                r = host->watch(host, &w->watch, w->fd, EPOLLIN, PORT_PRIORITY_TIMER, on_set, w);
        if (r >= 0)
                r = host->timer(host, &w->timer, PORT_PRIORITY_TIMER, on_timer, w);
        if (r < 0)
                return error_trace(r);
        timer_arm(w);
        *ret = TAKE_PTR(w);
        return 0;
}

Timewatch *timewatch_free(Timewatch *w)
{
        if (!w)
                return NULL;
        if (w->watch)
                w->host->watch_free(w->watch);
        if (w->timer)
                w->host->timer_free(w->timer);
        if (w->fd >= 0)
                close(w->fd);
        free(w);
        return NULL;
}
