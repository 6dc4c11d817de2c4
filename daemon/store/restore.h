/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Reads out of the tables what a start needs. Results are SQLite's codes; what a callback returns other than SQLITE_OK
 * ends the reading and is returned. */
#include "store/database.h"

/* Rows not closed, in id order. The row is valid during the call. engine_boot stands in for this boot. */
int restore_states(const Database *, int (*fn)(void *userdata, const StateRow *), void *userdata);
/* Younger than 24 h, oldest first. */
int restore_keys(const Database *, Now now, int (*fn)(void *userdata, const KeyRow *), void *userdata);
int restore_duty(const Database *, int (*fn)(void *userdata, uint32_t worker, bool on, int64_t wall_us),
        void *userdata);
/* Of the newest `most` incidents opened since then, those that somebody has, or has had last; without blob and source. */
int restore_today(const Database *, int64_t from_us, uint32_t most,
        int (*fn)(void *userdata, const StateRow *), void *userdata);
int restore_marks(const Database *, int (*fn)(void *userdata, const MarkRow *), void *userdata);
int restore_outbox(const Database *,
        int (*fn)(void *userdata, uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq),
        void *userdata);
/* Reads through everything above and the registry, and keeps nothing. */
int restore_probe(sqlite3 *, Registry **ret);

/* The columns of one state row as restore_states() selects them: RESTORE_STATE_COLUMNS. The blob may be left out. */
#define RESTORE_STATE_COLUMNS                                                                               \
        "id, last_seq, \"group\", class, state, priority, tier, round, device, resident, dwelling, grid, "  \
        "owner, opened,"                                                                                    \
        " accepted, arrived, resolved, closed, due, due_tb, boot, source, outcome"
void restore_state_row(sqlite3_stmt *, StateRow *ret);
