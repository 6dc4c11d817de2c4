/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the store's thread does between commits for auditors: signing checkpoints, and a backup when one is asked for. */
#include "store/database.h"
#include "store/note.h"
#include "store/visits.h"

#define CHORES_WHY_SIZE 160

typedef struct Chores {
        const char *directory, *site;
        Signer *signer;
        uint64_t sign_us; /* CLOCK_BOOTTIME; UINT64_MAX: nothing to sign */
        bool failing;     /* the last attempt to sign failed */
        char note[NOTE_SIZE];

        Cares *cares; /* NULL: nobody asks */

        sqlite3 *copy; /* NULL: no backup is under way */
        sqlite3_backup *backup;
        char path[512];            /* of the backup; "" when nobody asked */
        char why[CHORES_WHY_SIZE]; /* "": the backup is whole and on disk */
} Chores;

enum { CHORES_SIGNED = 1 << 0, CHORES_BACKED_UP = 1 << 1 }; /* the latter also when it failed: see why */

void chores_init(Chores *, const char *directory, const char *site);
void chores_deinit(Chores *);
/* The database was closed: what was under way on it ends. */
unsigned chores_closed(Chores *);
/* A group was committed; rows_before is what the tree had before it. */
void chores_committed(Chores *, const Database *, uint64_t rows_before);
/* CLOCK_BOOTTIME when chores_run() has something to do; 0: now. */
uint64_t chores_due(const Chores *);
/* Does what is due, for a few milliseconds at most. Outside a transaction. Bits of CHORES_X. */
unsigned chores_run(Chores *, Database *);
/* The last checkpoint before the database is closed for good. */
unsigned chores_end(Chores *, Database *);
/* From the next chores_run() on. */
void chores_backup(Chores *, const char *path);
