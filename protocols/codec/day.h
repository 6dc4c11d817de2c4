/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A worker's day: the visit that he is at, the beds of his grid with what they have had this year, and his register of
 * today, as one JSON text (retained on huying/SITE/worker/W/day). Names are not masked: it is for him alone.
 */
#include "engine/effect.h"

#include <stddef.h>

#define DAY_JSON_MAX 49152 /* below the broker's max_packet_size */

typedef struct DayBed {
        const char *resident, *name, *address;
        uint32_t plan, done; /* visits a year */
        uint64_t seconds;
        int64_t last_us; /* 0: none this year */
} DayBed;

typedef struct DayEntry {
        uint64_t incident;
        uint32_t owner, resident, dwelling; /* ids */
        State state;
        char kind[WORD_SIZE]; /* as in alerts */
        char outcome[WORD_SIZE];
        int64_t opened_us, accepted_us, resolved_us;
} DayEntry;

typedef struct Day {
        int64_t at_us;
        bool recorded;
        bool visiting;
        VisitView visit;
        int64_t counts_us; /* from then on the visit counts */
        DayBed visited;    /* resident, name, address of the visit's */
        const DayBed *beds;
        uint32_t n_beds, n_more; /* more: others, for which there would be no room anyway */
        const DayEntry *entries;                     /* newest first */
        const char *const *names, *const *addresses; /* of the entries */
        uint32_t n_entries;
} Day;

/* One line of JSON; beds and entries that find no room are left out, and "more" says how many beds. False: not even
 * the rest did fit (never with DAY_JSON_MAX). */
bool day_json(const Day *, char *ret, size_t cap, size_t *ret_size);
