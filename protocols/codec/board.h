/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The board: what a wall display and a desk may see of the whole site, as one JSON text (retained on huying/SITE/board).
 * Names are masked here, so that no caller can forget it; there is no phone, no address, no illness in it.
 */
#include "engine/effect.h"

#include <stddef.h>

#define BOARD_ITEMS_MAX    50
#define BOARD_ECHOES_MAX   12
#define BOARD_BARE_MAX     8
#define BOARD_GAPS_MAX     16
#define BOARD_PROBLEMS_MAX 10
#define BOARD_ANSWERS_MAX  6
#define BOARD_WORDS_SIZE   160
#define BOARD_JSON_MAX     61440 /* always suffices; below the broker's max_packet_size */

/* One open matter. Names as they stand in the registry, or NULL. */
typedef struct BoardItem {
        IncidentView view;
        const char *resident, *building, *grid, *owner;
        uint32_t told, received; /* people */
} BoardItem;

/* One that was resolved. */
typedef struct BoardEcho {
        uint64_t incident;
        const char *kind; /* notice_kind() */
        uint8_t priority;
        char outcome[WORD_SIZE];
        const char *resident;
        int64_t opened_us, accepted_us, resolved_us; /* accepted 0: by nobody */
} BoardEcho;

/* Somebody none of whose call devices works. */
typedef struct BoardBare {
        const char *resident, *building, *grid;
} BoardBare;

/* The problem wall: one request that is not closed. */
typedef struct BoardProblem {
        IncidentView view;
        const char *resident, *building, *grid, *owner, *text; /* text: only what may be public, or NULL */
} BoardProblem;

/* The echo wall: one request that the resident has rated. */
typedef struct BoardAnswer {
        uint64_t incident;
        uint8_t class, tier, score;
        uint32_t resident_id;
        const char *resident;
        char question[BOARD_WORDS_SIZE], note[BOARD_WORDS_SIZE]; /* "": not public */
        int64_t opened_us, resolved_us, closed_us;
} BoardAnswer;

typedef struct Board {
        const char *site;
        int64_t at_us;
        uint64_t seq; /* newest journal number that it tells */
        bool degraded;
        uint32_t open, unanswered, overdue;
        uint32_t on_duty[ROLE_MAX];
        const char *gaps[BOARD_GAPS_MAX]; /* grids with nobody on duty */
        uint32_t n_gaps;
        int64_t since_us; /* the figures count from here */
        uint32_t opened, resolved, accepted;
        int64_t accept_us;      /* sum over `accepted`: from opening to acceptance */
        const BoardItem *items; /* most urgent first */
        uint32_t n_items;
        const BoardEcho *echoes; /* newest first */
        uint32_t n_echoes;
        uint32_t requests;            /* not closed */
        const BoardProblem *problems; /* overdue first, then by their limits */
        uint32_t n_problems;
        const BoardAnswer *answers; /* newest first */
        uint32_t n_answers;
        uint32_t unprotected;  /* residents */
        const BoardBare *bare; /* the first of them, those at the highest risk first */
        uint32_t n_bare;
} Board;

/* One line of JSON. False: did not fit (never with BOARD_JSON_MAX). */
bool board_json(const Board *, char *ret, size_t cap, size_t *ret_size);
/* "王秀兰" → "王*兰", "李四" → "李*", "Li Si" → "L***i". Never the whole name. NULL and "" → "". */
void board_mask(const char *name, char *ret, size_t cap);
