/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The journal as lines of JSON (format: tools/huyingctl/export.c), read and proved without any database: archives. */
#include "store/note.h"

typedef struct LinesVerdict {
        bool good;
        uint64_t from, last; /* rows in the file */
        uint64_t rows, erased;
        uint64_t size;        /* rows of the journal up to its last one */
        uint64_t checkpoints; /* signed ones that fit */
        uint64_t covered;     /* the newest of them covers so many; size: the whole file */
        uint64_t line;        /* !good: where */
        bool given_fits;
        char why[128], head[65];
} LinesVerdict;

/* key: the verifier key; NULL: the one in the file, which proves nothing against whoever made it. given: a witness's
 * checkpoint; NULL: none. 0 or a negative errno; what is found is in the verdict. */
int lines_verify(const char *path, const char *key, const Checkpoint *given, LinesVerdict *ret);
