/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Transactions that wait, in order. Not locked: the store's mutex guards it. */
#include "store/txn.h"

typedef struct Queue {
        StoreTxn *first, *last;
        uint32_t n, n_urgent; /* n_urgent: transactions with more than readings */
        uint32_t in_flight;   /* of the first: the thread works on them */
        size_t bytes;
        uint64_t readings_dropped;
} Queue;

/* Takes the transaction. Above bytes_max readings are let go, the oldest first, until it fits or none are left. */
void queue_add(Queue *, StoreTxn *, size_t bytes_max);
/* How many from the front make the next group. */
uint32_t queue_group(const Queue *, uint32_t txns_max, size_t bytes_max, const StoreTxn **ret_first);
/* The first n leave, as a list. */
StoreTxn *queue_take(Queue *, uint32_t n);
/* Number of the first journal row that waits; `otherwise` when none does. */
uint64_t queue_first_seq(const Queue *, uint64_t otherwise);
void queue_clear(Queue *);
