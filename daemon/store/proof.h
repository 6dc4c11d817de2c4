/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Verification of the journal on a read-only handle: chain, tree, signed checkpoints; and proofs for others. */
#include "store/audit.h"
#include "store/journal.h"
#include "store/note.h"

typedef struct ProofRequest {
        uint64_t from, to;       /* rows; 0, UINT64_MAX: all there are */
        uint64_t incident;       /* instead: the rows of this one; 0: not */
        const char *key;         /* verifier key; NULL: signatures and roots of checkpoints are not checked */
        const Checkpoint *given; /* a witness's, already checked by note_open(); NULL: none */
} ProofRequest;

typedef struct ProofVerdict {
        bool good;
        bool truncated;       /* rows are gone at the end: a checkpoint knows more */
        uint64_t first, last; /* rows whose content was recomputed */
        uint64_t rows, erased;
        uint64_t size;        /* rows there are */
        uint64_t bad;         /* !good: the first row that does not fit; 0: no single row */
        char why[160];
        char head[65], root[45]; /* of all rows (whole) or those under the checkpoint that was used */
        uint64_t checkpoints;    /* signed ones of the database that were checked and fit */
        uint64_t covered;        /* the newest checkpoint that fits covers so many rows; rows behind it stand on the chain alone */
        int64_t covered_s;       /* and was signed then (Unix) */
        bool given_fits;
} ProofVerdict;

/* 0 or a negative errno; what is found is in the verdict. */
int proof_verify(Audit *, const ProofRequest *, ProofVerdict *ret);

/* Everything of one row that enters its hash. Pointers are valid during the call. */
typedef struct ProofRow {
        JournalRecord record; /* body NULL: lawfully erased */
        const uint8_t *salt;  /* NULL: erased */
        const uint8_t *bh, *h;
        bool has_prev;
        uint8_t prev[HASH_SIZE];
} ProofRow;

/* Rows from … to in order, in slices. fn returns false to stop. */
int proof_rows(Audit *, uint64_t from, uint64_t to, bool (*fn)(void *userdata, const ProofRow *), void *userdata);
/* First row and number of rows; 0, 0 when there is none. */
int proof_extent(Audit *, uint64_t *ret_first, uint64_t *ret_size);
/* The newest checkpoint, or (with size) the oldest that covers `size` rows. False: there is none. */
bool proof_checkpoint(Audit *, uint64_t size, char ret_note[NOTE_SIZE]);
/* Notes with from < size <= to, in order. */
int proof_notes(Audit *, uint64_t from, uint64_t to, bool (*fn)(void *userdata, uint64_t size, const char *note),
        void *userdata);
int proof_inclusion(Audit *, uint64_t leaf, uint64_t size, TreeProof *ret);
int proof_consistency(Audit *, uint64_t before, uint64_t size, TreeProof *ret);
/* The tree over the first `size` rows, from the blocks: to go on from there. */
int proof_tree(Audit *, uint64_t size, Tree *ret);
/* The root over the first `size` rows, from the blocks. */
int proof_root(Audit *, uint64_t size, uint8_t ret[HASH_SIZE]);
