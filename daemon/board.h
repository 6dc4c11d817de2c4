/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The board of the site: gathers what a wall and a desk may see, and says it. See board.c. */
#include "texts.h"
#include "turn.h"

typedef struct BoardFeed BoardFeed;

/* ports: where it is said (those with tell()); kept by reference. */
/* events: each step of an incident is said on its own too ("event"), as Home Assistant wants it. */
int board_new(
        BoardFeed **ret, PortHost *, const Engine *, const Turn *, const char *site, bool events, Port *ret_port);
BoardFeed *board_free(BoardFeed *);
void board_ports_set(BoardFeed *, const Port *ports, size_t n_ports);
void board_registry_set(BoardFeed *, const Registry *);
void board_texts_set(BoardFeed *, const Texts *); /* NULL at first */
/* A request that was closed with a rating before this start. `board` is a BoardFeed. */
void board_answer(void *board, const TextsAnswer *);
/* What was said of this person is erased. */
void board_forget(BoardFeed *, uint32_t resident);
/* A row was journaled: for the figures of the day and the echoes. */
void board_journaled(BoardFeed *, const Effect *, Now now);
/* After a turn: says the board anew if something has happened, at most once a second. */
void board_touch(BoardFeed *);
/* The broker has forgotten. */
void board_resend(BoardFeed *);
