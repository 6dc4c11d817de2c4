/* SPDX-License-Identifier: Apache-2.0 */
#include "store/aside.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "store/wake.h"

struct Aside {
        void (*fn)(void *data);
        void (*free_data)(void *data);
        void *data;
        int done_fd;
        pthread_mutex_t mutex; /* guards: */
        bool done, dropped;
};

static void aside_free(Aside *a)
{
        if (a->data)
                a->free_data(a->data);
        closep(&a->done_fd);
        (void)pthread_mutex_destroy(&a->mutex); /* nobody holds it */
        free(a);
}

static void *thread_main(void *userdata)
{
        Aside *a = userdata;
        bool dropped;

        a->fn(a->data);
        ASSERT(pthread_mutex_lock(&a->mutex) == 0);
        a->done = true;
        dropped = a->dropped;
        if (!dropped)
                signal_fd(a->done_fd);
        ASSERT(pthread_mutex_unlock(&a->mutex) == 0);
        if (dropped)
                aside_free(a);
        return NULL;
}

/* Signals are the loop's. */
static int thread_start(Aside *a)
{
        sigset_t all, before;
        pthread_t thread;
        int r;

        (void)sigfillset(&all); /* cannot fail */
        ASSERT(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
        r = pthread_create(&thread, NULL, thread_main, a);
        ASSERT(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
        if (r != 0)
                return error_origin(-r);
        (void)pthread_detach(thread); /* it may never come back */
        return 0;
}

int aside_new(Aside **ret, void (*fn)(void *data), void (*free_data)(void *data), void *data)
{
        Aside *a = calloc(1, sizeof(Aside));
        int r;

        ASSERT(ret && fn && free_data);
        ASSERT(data);
        if (!a) {
                free_data(data);
                return error_origin(-ENOMEM);
        }
        *a = (Aside){.fn = fn, .free_data = free_data, .data = data};
        ASSERT(pthread_mutex_init(&a->mutex, NULL) == 0);
        a->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r = a->done_fd < 0 ? error_origin(-errno) : thread_start(a);
        if (r < 0) {
                aside_free(a);
                return error_trace(r);
        }
        *ret = a;
        return 0;
}

int aside_fd(const Aside *a)
{
        return a->done_fd;
}

bool aside_wait(const Aside *a, uint64_t us)
{
        uint64_t until = clock_now().boot_us + us, now;
        struct pollfd p = {.fd = a->done_fd, .events = POLLIN};

        while ((now = clock_now().boot_us) < until)
                if (poll(&p, 1, (int)((until - now) / USEC_PER_MSEC + 1)) > 0)
                        return true;
        return poll(&p, 1, 0) > 0;
}

void *aside_take(Aside *a)
{
        void *data;

        ASSERT(a);
        ASSERT(pthread_mutex_lock(&a->mutex) == 0);
        ASSERT(a->done && !a->dropped);
        data = TAKE_PTR(a->data);
        ASSERT(pthread_mutex_unlock(&a->mutex) ==
                0); /* the thread has let go of it: it unlocked after `done` */
        aside_free(a);
        return data;
}

Aside *aside_drop(Aside *a)
{
        bool done;

        if (!a)
                return NULL;
        ASSERT(pthread_mutex_lock(&a->mutex) == 0);
        done = a->done;
        a->dropped = true;
        ASSERT(pthread_mutex_unlock(&a->mutex) == 0);
        if (done)
                aside_free(a);
        return NULL;
}
