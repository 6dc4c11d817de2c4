/* SPDX-License-Identifier: Apache-2.0 */
#include "feeds.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"

#include "protocols/codec/board.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#define ANSWERS_US (90 * (int64_t)USEC_PER_DAY) /* requests opened before are no news on the wall */
#define PAST_US    USEC_PER_SEC                 /* the wall has time */

static void past_drop(Feeds *f)
{
        if (f->past_watch)
                f->past_watch = f->host->watch_free(f->past_watch);
        f->past = aside_drop(f->past);
}

static void on_past(void *userdata, uint32_t revents)
{
        Feeds *f = userdata;
        TextsPast *past = aside_take(TAKE_PTR(f->past));

        f->past_watch = f->host->watch_free(f->past_watch);
        texts_past_tell(past, f->codec, board_answer, f->board);
        texts_past_free(past);
        board_resend(f->board);
}

static void on_past_timer(void *userdata)
{
        Feeds *f = userdata;
        TextsPast *past = NULL;
        int r;

        past_drop(f);
        r = texts_past_new(&past, f->state_directory, clock_now().wall_us - ANSWERS_US, BOARD_ANSWERS_MAX);
        if (r == 0)
                r = aside_new(&f->past, texts_past_read, texts_past_free, past);
        if (r == 0)
                r = f->host->watch(f->host, &f->past_watch, aside_fd(f->past), EPOLLIN, PORT_PRIORITY_VITALS,
                        on_past, f);
        if (r < 0) {
                log_warning("the wall begins without what was answered before: %s", strerror(-r));
                past_drop(f);
        }
}

int feeds_new(Feeds *ret, PortHost *host, const Engine *engine, Store *store, const Policy *policy)
{
        int r;

        ret->host = host;
        ret->engine = engine;
        r = day_new(&ret->day, host, engine, store, policy);
        if (r == 0)
                r = texts_new(&ret->texts);
        if (r == 0)
                r = host->timer(host, &ret->past_timer, PORT_PRIORITY_VITALS, on_past_timer, ret);
        return r < 0 ? error_trace(r) : 0;
}

int feeds_open(Feeds *f, PortHost *host, const Engine *engine, const Turn *turn, const char *site,
        bool events, Port *ret_board, Port *ret_day)
{
        int r = board_new(&f->board, host, engine, turn, site, events, ret_board);

        *ret_day = day_port(f->day);
        return r < 0 ? error_trace(r) : 0;
}

void feeds_start(Feeds *f, const Turn *turn, const Port *ports, size_t n_ports)
{
        board_ports_set(f->board, ports, n_ports);
        day_start(f->day, turn, ports, n_ports);
}

void feeds_free(Feeds *f)
{
        if (f->past_timer) {
                past_drop(f);
                f->past_timer = f->host->timer_free(f->past_timer);
        }
        f->board = board_free(f->board);
        f->day = day_free(f->day);
        f->texts = texts_free(f->texts);
}

static bool has_requests(const Engine *engine)
{
        Now now = clock_now();
        IncidentView v;

        for (uint64_t id = engine_next_held(engine, 0); id; id = engine_next_held(engine, id))
                if (engine_view_numbers(engine, id, now, &v) && v.request != REQUEST_STATE_NONE)
                        return true;
        return false;
}

void feeds_texts(Feeds *f, Outbox *outbox, Codec *codec, const char *state_directory)
{
        f->codec = codec;
        f->state_directory = state_directory;
        outbox_texts_set(outbox, f->texts);
        board_texts_set(f->board, f->texts);
        if (has_requests(f->engine))
                texts_load(f->texts, codec, state_directory);
        (void)f->host->timer_set(f->past_timer, PAST_US); /* fails only when the loop has ended */
}

void feeds_forget(Feeds *f, uint32_t resident)
{
        board_forget(f->board, resident);
        if (f->past)                                              /* what is being read may hold him */
                (void)f->host->timer_set(f->past_timer, PAST_US); /* as above */
        past_drop(f);
}

void feeds_read_back(Feeds *f, Outbox *outbox, const char *worker_code, const char *leaf)
{
        if (str_equal(leaf, "day"))
                day_read_back(f->day, worker_code);
        else
                outbox_read_back_text(outbox, worker_code);
}

void feeds_registry_set(Feeds *f, const Registry *registry)
{
        if (f->board)
                board_registry_set(f->board, registry);
        if (f->day)
                day_registry_set(f->day, registry);
}

void feeds_journaled(Feeds *f, const Effect *e, Now now)
{
        if (f->board)
                board_journaled(f->board, e, now);
        if (f->texts && e->journal.kind == JOURNAL_CLOSED) /* what is on the wall has its own copy */
                texts_drop(f->texts, e->incident);
        if (f->day)
                day_journaled(f->day, e, now);
}

void feeds_touch(Feeds *f)
{
        board_touch(f->board);
        day_touch(f->day);
}
