/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Restores the engine from the database. */
#include "store/database.h"
#include "store/queue.h"

typedef void (*FeedOutbox)(
        void *userdata, uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq);

/*
 * queue: NULL at a start; in a merge what waits. outbox may be NULL. 0; STORE_E_PARTIAL (some rows were not taken) or
 * STORE_E_DOWN (the database cannot be read) with ret_why.
 */
int feed_engine(const Database *, const Queue *queue, Engine *, Now now, FeedOutbox outbox, void *userdata,
        char ret_why[DATABASE_WHY_SIZE]);
