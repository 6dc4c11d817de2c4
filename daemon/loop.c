/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop: a thin layer over sd-event, and the only file that knows it.
 *
 * A watch or a timer may be freed inside its own callback or another's: sd-event defers the free of a source
 * that is being dispatched, and our wrapper object is freed by the source's destroy callback, after the last
 * use.
 */
#include "loop.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>

struct Loop {
        sd_event *event;
};

struct PortWatch {
        sd_event_source *source;
        void (*fn)(void *userdata, uint32_t revents);
        void *userdata;
};

struct PortTimer {
        sd_event_source *source;
        void (*fn)(void *userdata);
        void *userdata;
};

typedef struct Signal {
        void (*fn)(void *userdata, int signo);
        void *userdata;
} Signal;

int loop_new(Loop **ret)
{
        _cleanup_(freep) Loop *loop = calloc(1, sizeof(Loop));
        int r;

        ASSERT(ret);
        if (!loop)
                return error_origin(-ENOMEM);
        r = sd_event_new(&loop->event);
        if (r < 0)
                return error_origin(r);
        *ret = TAKE_PTR(loop);
        return 0;
}

Loop *loop_free(Loop *loop)
{
        if (!loop)
                return NULL;
        sd_event_unref(loop->event);
        free(loop);
        return NULL;
}

int loop_run(Loop *loop)
{
        return sd_event_loop(loop->event);
}

void loop_exit(Loop *loop, int code)
{
        (void)sd_event_exit(loop->event, code); /* fails only after the loop has ended */
}

int loop_step(Loop *loop, uint64_t wait_us)
{
        return sd_event_run(loop->event, wait_us);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        Signal *s = userdata;

        s->fn(s->userdata, (int)info->ssi_signo);
        return 0;
}

int loop_signal(Loop *loop, int signo, void (*fn)(void *userdata, int signo), void *userdata)
{
        _cleanup_(freep) Signal *s = calloc(1, sizeof(Signal));
        sd_event_source *source = NULL;
        sigset_t set;
        int r;

        ASSERT(fn);
        if (!s)
                return error_origin(-ENOMEM);
        *s = (Signal){.fn = fn, .userdata = userdata};
        sigemptyset(&set);
        sigaddset(&set, signo);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return error_origin(-errno);
        r = sd_event_add_signal(loop->event, &source, signo, on_signal, s);
        if (r < 0)
                return error_origin(r);
        (void)sd_event_source_set_priority(source, SD_EVENT_PRIORITY_IMPORTANT * 2);
        (void)sd_event_source_set_destroy_callback(source, free);
        (void)sd_event_source_set_floating(source, true);
        sd_event_source_unref(source);
        (void)TAKE_PTR(s);
        return 0;
}

static int on_watch(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        PortWatch *w = userdata;

        w->fn(w->userdata, revents);
        return 0;
}

int loop_watch(Loop *loop, PortWatch **ret, int fd, uint32_t events, PortPriority priority,
        void (*fn)(void *, uint32_t), void *userdata)
{
        _cleanup_(freep) PortWatch *w = calloc(1, sizeof(PortWatch));
        int r;

        ASSERT(fn);
        ASSERT(fd >= 0);
        if (!w)
                return error_origin(-ENOMEM);
        w->fn = fn;
        w->userdata = userdata;
        r = sd_event_add_io(loop->event, &w->source, fd, events, on_watch, w);
        if (r < 0)
                return error_origin(r);
        (void)sd_event_source_set_priority(w->source, priority);
        (void)sd_event_source_set_destroy_callback(w->source, free);
        *ret = TAKE_PTR(w);
        return 0;
}

int loop_watch_set(PortWatch *w, uint32_t events)
{
        int r = sd_event_source_set_io_events(w->source, events);

        return r < 0 ? error_origin(r) : 0;
}

PortWatch *loop_watch_free(PortWatch *w)
{
        if (w)
                sd_event_source_disable_unref(w->source); /* frees w by the destroy callback */
        return NULL;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        PortTimer *t = userdata;

        t->fn(t->userdata);
        return 0;
}

int loop_timer(Loop *loop, PortTimer **ret, PortPriority priority, void (*fn)(void *), void *userdata)
{
        _cleanup_(freep) PortTimer *t = calloc(1, sizeof(PortTimer));
        int r;

        ASSERT(fn);
        if (!t)
                return error_origin(-ENOMEM);
        t->fn = fn;
        t->userdata = userdata;
        r = sd_event_add_time(loop->event, &t->source, CLOCK_BOOTTIME, 0, 1, on_timer, t);
        if (r < 0)
                return error_origin(r);
        (void)sd_event_source_set_priority(t->source, priority);
        (void)sd_event_source_set_enabled(t->source, SD_EVENT_OFF);
        (void)sd_event_source_set_destroy_callback(t->source, free);
        *ret = TAKE_PTR(t);
        return 0;
}

int loop_timer_at(PortTimer *t, uint64_t boot_us)
{
        int r;

        if (boot_us == UINT64_MAX)
                r = sd_event_source_set_enabled(t->source, SD_EVENT_OFF);
        else {
                r = sd_event_source_set_time(t->source, boot_us);
                if (r >= 0)
                        r = sd_event_source_set_enabled(t->source, SD_EVENT_ONESHOT);
        }
        return r < 0 ? error_origin(r) : 0;
}

int loop_timer_set(PortTimer *t, uint64_t after_us)
{
        if (after_us == UINT64_MAX)
                return loop_timer_at(t, UINT64_MAX);
        return loop_timer_at(t, clock_now().boot_us + after_us);
}

PortTimer *loop_timer_free(PortTimer *t)
{
        if (t)
                sd_event_source_disable_unref(t->source); /* frees t by the destroy callback */
        return NULL;
}
