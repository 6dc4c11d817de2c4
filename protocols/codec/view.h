/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What somebody who was called may ask to see: readings as curves, and what has happened in an incident. */
#include "engine/effect.h"

#include <stddef.h>

#define VIEW_JSON_MAX (512u << 10) /* of 2,000 steps of all vitals */
#define VIEW_SHOW_MAX 57344u /* to a worker: below the broker's max_packet_size, which ends the connection */

typedef struct VitalsCell {
        double min, mean, max;
} VitalsCell;

typedef struct VitalsView {
        uint64_t incident;    /* 0: it is about a person */
        const char *resident; /* NULL: it is about an incident */
        int64_t from_s, to_s;
        uint32_t step_s, n_steps;
        bool hours;                /* some of it is from hourly figures */
        const VitalLimits *limits; /* NULL: none are known */
        /* False: no readings in this step. */
        bool (*cell)(void *userdata, uint32_t step, Vital, VitalsCell *ret);
        void *userdata;
} VitalsView;

/* {"incident":…,"from":…,"to":…,"step":900,"series":{"hr":[[t,min,mean,max],…]},"limits":{"hr":[50,120]}}: steps without
 * readings are left out, and so are vitals without any; a limit that is not set is null. False: did not fit. */
bool vitals_json(const VitalsView *, char *ret, size_t cap, size_t *ret_size);

typedef struct TimelineRow {
        uint64_t seq;
        int64_t at_us;
        JournalKind kind;
        bool erased;
        uint32_t tier;
        double value, limit;                       /* NAN: none */
        const char *worker, *worker_name, *source; /* "" or NULL: none; so for all of these */
        const char *to, *reason, *vital, *alarm, *channel, *outcome, *agency, *note;
} TimelineRow;

/* {"incident":…,"rows":[{"seq":…,"at":…,"kind":…,"who":…,"what":…}]}; `what` is one line in Chinese. more: older rows are
 * left out, as they are where not all have room. row returns false at the end. False: not even one row has. */
bool timeline_json(uint64_t incident, bool more, bool (*row)(void *userdata, uint32_t n, TimelineRow *ret),
        void *userdata, char *ret, size_t cap, size_t *ret_size);
