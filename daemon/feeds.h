/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the gateway tells of itself without being asked: the board for all, and to each worker his day. One owner for
 * both, because they hear of the same things; and of what both and the alerts say of requests. */
#include "board.h"
#include "day.h"
#include "outbox.h"
#include "store/aside.h"
#include "texts.h"

typedef struct Feeds {
        PortHost *host;
        const Engine *engine;
        BoardFeed *board;
        DayFeed *day;
        Texts *texts;
        Codec *codec;
        const char *state_directory;
        PortTimer *past_timer;
        Aside *past; /* NULL: nothing is being read */
        PortWatch *past_watch;
} Feeds;

/* Before the store's thread runs. */
int feeds_new(Feeds *ret, PortHost *, const Engine *, Store *, const Policy *);
/* As board_new(); both ports are to be among the gateway's. */
int feeds_open(Feeds *, PortHost *, const Engine *, const Turn *, const char *site, bool events,
        Port *ret_board, Port *ret_day);
void feeds_start(Feeds *, const Turn *, const Port *ports, size_t n_ports);
/* What people wrote about requests, read back from the journal: at a start, and when a lost database is found. At once
 * for alerts; for the wall a second later and aside, because nobody's call may wait for that. `state_directory` stays
 * the caller's. */
void feeds_texts(Feeds *, Outbox *, Codec *, const char *state_directory);
/* A person's data are erased: nothing of him is told any more. */
void feeds_forget(Feeds *, uint32_t resident);
void feeds_free(Feeds *);
/* What the broker keeps of ours for one worker ("day", "text") was read back: cleared when it is nobody's any more. */
void feeds_read_back(Feeds *, Outbox *, const char *worker_code, const char *leaf);
void feeds_registry_set(Feeds *, const Registry *);
void feeds_journaled(Feeds *, const Effect *, Now now);
void feeds_touch(Feeds *);
