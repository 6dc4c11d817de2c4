/* SPDX-License-Identifier: Apache-2.0 */
#include "port-host.h"

#include "base/assert.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static TestHost *self(PortHost *host)
{
        return (TestHost *)host;
}

static int host_watch(PortHost *host, PortWatch **ret, int fd, uint32_t events, PortPriority priority,
        void (*fn)(void *userdata, uint32_t revents), void *userdata)
{
        return loop_watch(self(host)->loop, ret, fd, events, priority, fn, userdata);
}

static int host_timer(
        PortHost *host, PortTimer **ret, PortPriority priority, void (*fn)(void *userdata), void *userdata)
{
        return loop_timer(self(host)->loop, ret, priority, fn, userdata);
}

static Event *host_event_new(PortHost *host)
{
        TestHost *h = self(host);

        if (h->n_pending == h->room)
                return NULL;
        Event *e = calloc(1, sizeof(Event));

        ASSERT(e);
        h->n_in_hand++;
        return e;
}

static int host_event_body(Event *e, const void *bytes, size_t n)
{
        e->body = malloc(n + 1);
        ASSERT(e->body);
        if (n > 0)
                memcpy(e->body, bytes, n);
        e->body[n] = '\0';
        e->body_size = (uint32_t)n;
        return 0;
}

static void host_push(PortHost *host, Event *e)
{
        TestHost *h = self(host);

        ASSERT(h->n_events < TEST_EVENTS_MAX);
        h->events[h->n_events++] = e;
        h->n_pending++;
        h->n_in_hand--;
}

static void host_discard(PortHost *host, Event *e)
{
        free(e->body);
        free(e->whole);
        free(e);
        self(host)->n_in_hand--;
}

static uint64_t host_run(PortHost *host)
{
        TestHost *h = self(host);

        h->runs++;
        if (h->n_pending == 0)
                return 0;
        h->runs_with_events++;
        h->seq += h->n_pending;
        h->n_run += h->n_pending;
        h->n_pending = 0;
        if (h->durable)
                h->released = h->seq;
        return h->seq > h->released ? h->seq : 0;
}

static uint64_t host_committed(PortHost *host)
{
        return self(host)->released;
}

static void host_sent(
        PortHost *host, uint64_t incident, uint32_t worker, Channel channel, uint64_t seq, bool ok)
{
        TestHost *h = self(host);

        ASSERT(h->n_sent < TEST_LOG_MAX);
        h->sent[h->n_sent++] =
                (TestSent){.incident = incident, .seq = seq, .worker = worker, .channel = channel, .ok = ok};
}

static void host_system(PortHost *host, SystemCause cause, bool raise)
{
        TestHost *h = self(host);

        ASSERT(h->n_system < TEST_LOG_MAX);
        h->system[h->n_system++] = (TestSystem){.cause = cause, .raise = raise};
}

static void host_connected(PortHost *host, bool forgotten)
{
        TestHost *h = self(host);

        ASSERT(forgotten);
        h->n_connected++;
        if (h->connected)
                h->connected(h);
}

static void host_retained_alert(PortHost *host, const char *worker, uint64_t incident)
{
        TestHost *h = self(host);
        TestRetained *r = &h->retained[h->n_retained++];

        ASSERT(h->n_retained < TEST_LOG_MAX);
        r->incident = incident;
        ASSERT(str_copy(r->worker, sizeof(r->worker), worker));
}

static void host_retained_word(PortHost *host, const char *worker, const char *leaf)
{
        TestHost *h = self(host);

        ASSERT(snprintf(h->word, sizeof(h->word), "%s/%s", worker, leaf) < (int)sizeof(h->word));
        h->n_words++;
}

static void host_count(PortHost *host, const char *what)
{
        TestHost *h = self(host);

        if (h->n_counted < TEST_LOG_MAX)
                (void)str_copy(h->counted[h->n_counted++], sizeof(h->counted[0]), what);
}

TestHost *test_host_new(void)
{
        TestHost *h = calloc(1, sizeof(TestHost));

        ASSERT(h);
        h->host = (PortHost){
                .watch = host_watch,
                .watch_set = loop_watch_set,
                .watch_free = loop_watch_free,
                .timer = host_timer,
                .timer_set = loop_timer_set,
                .timer_free = loop_timer_free,
                .event_new = host_event_new,
                .event_body = host_event_body,
                .push = host_push,
                .discard = host_discard,
                .run = host_run,
                .committed = host_committed,
                .sent = host_sent,
                .system = host_system,
                .connected = host_connected,
                .retained_alert = host_retained_alert,
                .retained_word = host_retained_word,
                .count = host_count,
        };
        h->room = UINT32_MAX;
        h->durable = true;
        ASSERT(loop_new(&h->loop) == 0);
        ASSERT(codec_new(&h->codec) == 0);
        return h;
}

void test_host_forget(TestHost *h)
{
        for (uint32_t i = 0; i < h->n_events; i++) {
                free(h->events[i]->body);
                free(h->events[i]->whole);
                free(h->events[i]);
        }
        h->n_events = h->n_run = h->n_pending = 0;
}

TestHost *test_host_free(TestHost *h)
{
        if (!h)
                return NULL;
        test_host_forget(h);
        codec_free(h->codec);
        loop_free(h->loop);
        free(h);
        return NULL;
}

bool test_until(TestHost *h, bool (*done)(void *userdata), void *userdata)
{
        uint64_t end = clock_now().boot_us + TEST_WAIT_US;

        while (!done(userdata)) {
                if (clock_now().boot_us > end)
                        return false;
                ASSERT(loop_step(h->loop, 2000) >= 0);
        }
        return true;
}

void test_steps(TestHost *h, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                ASSERT(loop_step(h->loop, 10000) >= 0);
}

void test_commit(TestHost *h, uint64_t seq)
{
        h->released = seq;
        if (h->port.ops && h->port.ops->committed)
                h->port.ops->committed(h->port.port, seq);
}

bool test_counted(const TestHost *h, const char *what)
{
        for (uint32_t i = 0; i < h->n_counted; i++)
                if (str_equal(h->counted[i], what))
                        return true;
        return false;
}

bool test_system_is(const TestHost *h, SystemCause cause, bool raise)
{
        for (uint32_t i = h->n_system; i > 0; i--)
                if (h->system[i - 1].cause == cause)
                        return h->system[i - 1].raise == raise;
        return false;
}
