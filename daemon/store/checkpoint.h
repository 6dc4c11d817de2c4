/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the database keeps beside the journal so that it can be proved: the tree's blocks, signed checkpoints, one row
 * of figures for each closed incident, and lawful erasure. Results are SQLite's codes. */
#include "store/note.h"

#include <sqlite3.h>

/* The tree as the rows are, for a handle that has just been opened: from the trunk, the table `tree` and the rows behind
 * its last block. *ret_first is the number of the first row, 0 when there is none. Blocks that are missing (a file from
 * before the tree) are left to tree_fill(). SQLITE_CORRUPT: rows are missing. */
int tree_load(sqlite3 *, Tree *ret, uint64_t *ret_first);
/* All (number, hash) of a query, whose numbers follow one another from *next; SQLITE_CORRUPT: they do not. */
int hashes_append(sqlite3_stmt *, uint32_t level, uint64_t *next, Tree *);
/* Writes the blocks that are missing, and the trunk, in a transaction of its own; nothing when all is there. For the writer. */
int tree_fill(sqlite3 *, const Tree *, uint64_t first);
/* Within the transaction of the row whose hash it is. */
int tree_note(sqlite3 *, Tree *, const uint8_t leaf[HASH_SIZE]);

/* Signs the tree and writes the note, in a transaction of its own. */
int checkpoint_write(
        sqlite3 *, const Signer *, const Tree *, uint64_t first, int64_t wall_us, char ret_note[NOTE_SIZE]);
/* The newest note; "" when there is none. */
int checkpoint_newest(sqlite3 *, char ret_note[NOTE_SIZE]);

/* The incident's row of figures (SEMANTICS.md section 11), from its journal rows, within the transaction that closes it.
 * Applied twice it leaves the same row. */
int kpi_note(sqlite3 *, uint64_t incident);
/* What only the CLOSED row with this number says, when it comes behind the incident's own row. */
int kpi_receipt(sqlite3 *, uint64_t seq);

/*
 * The lawful erasure of what is recorded about one person, within the transaction of the journal row that says so: salt
 * and body of every row of the person's incidents, and of rows of the dwellings that name the person, become NULL; the
 * chain stays valid because the body entered it by its salted hash. Of registry entries no longer in use the personal
 * fields are emptied.
 */
int erase_resident(sqlite3 *, const char *code);
