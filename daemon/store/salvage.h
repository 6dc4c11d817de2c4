/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What can be read of a damaged journal.db, page by page, without SQLite; each row proved by its hash. */
#include "store/journal.h"

typedef struct SalvagedRow {
        JournalRecord record; /* body NULL: lawfully erased */
        bool salted;
        uint8_t salt[SALT_SIZE], bh[HASH_SIZE], h[HASH_SIZE];
        bool proved; /* its hash continues that of the row before, which was read too */
} SalvagedRow;

typedef struct Salvage {
        SalvagedRow *rows; /* in order; bodies belong to it */
        size_t n, cap;
        uint64_t pages, bad_pages; /* looked at; that are no page */
} Salvage;

/* path, and path-wal where there is one. 0 or a negative errno. */
int salvage_read(Salvage *ret, const char *path);
void salvage_free(Salvage *);
