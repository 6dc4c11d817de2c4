/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The one read-write connection to journal.db: opening with every check, groups of transactions, checkpoints. */
#include "store/checkpoint.h"
#include "store/journal.h"
#include "store/txn.h"
#include "store/visits.h"

#define DATABASE_WHY_SIZE 128

/* Prepared once for each connection; the texts stand in database.c. */
typedef enum Statement {
        STATEMENT_BEGIN,
        STATEMENT_COMMIT,
        STATEMENT_JOURNAL,
        STATEMENT_JOURNAL_ROW,
        STATEMENT_DAY,
        STATEMENT_STATE,
        STATEMENT_KEY,
        STATEMENT_DUTY,
        STATEMENT_MARK,
        STATEMENT_UNMARK,
        STATEMENT_OUTBOX_PUT,
        STATEMENT_OUTBOX_DROP,
        STATEMENT_META,
        STATEMENT_RENUMBER,
        STATEMENT_PRUNE_KEYS,
        STATEMENT_MAX,
} Statement;

/* What opening needs to know. */
typedef struct DatabaseOrigin {
        const char *directory, *site;
        const char *boot_id; /* of the kernel */
        int64_t wall_us;
        uint32_t engine_boot; /* ordinal that the engine uses for this boot; 0: take the database's */
        uint64_t first_seq, first_incident; /* where numbering begins in a new database */
        JournalHead known;                  /* what was committed before; empty: nothing is known */
} DatabaseOrigin;

typedef struct Database {
        sqlite3 *db; /* NULL: closed */
        sqlite3_stmt *statements[STATEMENT_MAX];
        bool created;     /* the file was made by this opening */
        JournalHead head; /* with the rows of an open group */
        JournalHead committed;
        Tree tree, committed_tree; /* over the rows */
        uint64_t first_row;        /* the row that is leaf 0; 0: none yet */
        bool matter;               /* since the last checkpoint: an alarm or an answer was journaled */
        uint64_t revived_seq; /* rows up to here were found at opening, though never reported committed */
        int64_t day, committed_day;
        int64_t seq_offset;                /* journal.seq + this = the engine's number */
        bool renumber, committed_renumber; /* seq_offset is not in the table yet */
        uint32_t boot, engine_boot;        /* this boot in the database; what the engine calls it */
        Registry *registry;                /* what the opening has found, until somebody takes it */
        uint64_t next_incident, next_seq;  /* the engine's numbers go on from here */
        uint64_t ceiling, committed_ceiling; /* incident numbers below may have been given out (database.c) */
        int64_t trusted_us;
        VisitsTouched visits;
        int frames; /* in the write-ahead log, not checkpointed */
        int error;  /* SQLite's extended code of the last failure */
} Database;

enum {
        DATABASE_E_DOWN = 1, /* cannot be used now; may come back: why */
        DATABASE_E_BAD = 2,  /* corrupt, or not what was committed: to be set aside: why */
};

/* 0 or DATABASE_E_X with ret_why filled (and everything closed). */
int database_open(Database *ret, const DatabaseOrigin *, char ret_why[DATABASE_WHY_SIZE]);
void database_close(Database *);
/* Renames journal.db and what belongs to it to journal.bad-<t>; the new name. 0 or a negative errno. */
int database_set_aside(const char *directory, int64_t wall_us, char *ret_name, size_t cap);

/*
 * One group: begin, any number of applies, commit. After any result but SQLITE_OK: database_rollback(); then the same
 * group may be tried again. A group that was applied twice (see database.c) leaves the same state as once.
 */
int database_begin(Database *);
int database_apply(Database *, const StoreTxn *);
int database_registry(Database *, const Registry *);
int database_commit(Database *);
void database_rollback(Database *);
/* Before an orderly close: no number from `next_incident` on was given out, so the next start leaves no gap. */
int database_rest(Database *, uint64_t next_incident);
/* journal.seq + offset = the engine's number, from the next row on; noted in the table renumber with that row. */
void database_offset_set(Database *, int64_t offset);
/* True: what is wrong with this code does not go away by waiting. */
bool database_corrupt(int rc);
/* "SQLITE_FULL (13): database or disk is full". */
void database_why(const Database *, int rc, const char *what, char ret_why[DATABASE_WHY_SIZE]);

/* Gives back the pages that have filled the cache; after what reads or writes many of them and then none. */
void database_slim(Database *);
/* PASSIVE. frames becomes 0 when everything was moved. */
int database_checkpoint(Database *);
/* Keys after 24 h, at most `rows`. *ret_more: there are more. */
int database_prune(Database *, Now now, uint32_t rows, bool *ret_more);

int statement_get(Database *, Statement, sqlite3_stmt **ret);
/* Steps to the end and resets. */
int statement_run(sqlite3_stmt *);
