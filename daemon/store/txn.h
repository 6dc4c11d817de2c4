/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A transaction as plain data: operations one behind the other in one growing block, in the order they were given.
 * The public calls are in store.h; this is what the store's thread sees.
 */
#include "store/store.h"

typedef enum OpType {
        OP_JOURNAL,     /* OpJournal, then the body */
        OP_STATE,       /* StateRow up to blob[blob_size] */
        OP_KEY,         /* KeyRow */
        OP_DUTY,        /* OpDuty */
        OP_MARK,        /* MarkRow */
        OP_READING,     /* OpReading */
        OP_OUTBOX_PUT,  /* OpOutbox */
        OP_OUTBOX_DROP, /* OpOutbox */
        OP_ERASE,       /* OpErase */
        OP_REGISTRY,    /* nothing: StoreTxn.registry */
} OpType;

typedef struct Op {          /* multiples of 8 bytes; the content follows */
        uint32_t type, size; /* size with this head */
} Op;

typedef struct OpJournal {
        JournalRecord record; /* its body pointer is void: the body follows */
} OpJournal;

typedef struct OpDuty {
        int64_t wall_us;
        uint32_t worker;
        bool on;
} OpDuty;

typedef struct OpReading {
        uint32_t device, resident;
        int64_t wall_us;
        VitalsEvent vitals;
} OpReading;

typedef struct OpErase {
        char code[CODE_SIZE]; /* of the resident */
} OpErase;

typedef struct OpOutbox {
        uint64_t incident, seq;
        uint32_t worker;
        uint8_t channel;
} OpOutbox;

struct StoreTxn {
        StoreTxn *next;
        char *bytes;
        size_t n, cap;
        size_t readings_bytes;         /* of n: what txn_readings_drop() would free */
        uint32_t n_readings, n_urgent; /* n_urgent: everything but readings */
        bool erases;
        uint64_t first_seq, last_seq;  /* journal rows; 0: none */
        uint64_t incident_max;         /* highest number named; 0: none */
        uint64_t submitted_us;         /* CLOCK_BOOTTIME, set by store_submit() */
        Registry *registry;
};

/* The operation behind `op` (NULL: the first); NULL at the end. */
const Op *txn_next(const StoreTxn *, const Op *op);
static inline const void *op_content(const Op *op)
{
        return op + 1;
}
/* Lets all readings go; returns how many. */
uint32_t txn_readings_drop(StoreTxn *);
