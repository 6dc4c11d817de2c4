/* SPDX-License-Identifier: Apache-2.0 */
#include "feeds.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/str.h"

#include "protocols/codec/board.h"

#include <errno.h>

#define ANSWERS_US (90 * (int64_t)USEC_PER_DAY) /* requests opened before are no news on the wall */

int feeds_new(Feeds *ret, PortHost *host, const Engine *engine, Store *store, const Policy *policy)
{
        int r = day_new(&ret->day, host, engine, store, policy);

        if (r == 0)
                r = texts_new(&ret->texts);
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
        f->board = board_free(f->board);
        f->day = day_free(f->day);
        f->texts = texts_free(f->texts);
}

void feeds_texts(Feeds *f, Outbox *outbox, Codec *codec, const char *state_directory)
{
        outbox_texts_set(outbox, f->texts);
        board_texts_set(f->board, f->texts);
        texts_load(f->texts, codec, state_directory, clock_now().wall_us - ANSWERS_US, BOARD_ANSWERS_MAX, board_answer,
                f->board);
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
