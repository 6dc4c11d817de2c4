/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The store: the only thread beside the loop, and the only owner of the database connections.
 *
 * The loop builds transactions as plain data (StoreTxn) and submits them; the thread commits all that wait in
 * one group with synchronous=FULL, in order, and reports by an eventfd. A transaction is never lost and never
 * overtaken: when a commit fails, it and all behind it stay queued, the database is reopened with back-off, and
 * they are appended in order. The engine gives out all journal numbers, so the store invents no row: it reports
 * StoreStatus.recovered, and the loop submits the JOURNAL_STORAGE row that says from when to when. The queue is
 * bounded by LIMIT_STORE_BYTES, beyond which readings are let go (counted), never alarms.
 */
#include "engine/engine.h"

typedef struct Store Store;
typedef struct StoreTxn StoreTxn;

/* What is kept of readings (readings.h). */
typedef struct ReadingsConfig {
        uint64_t chunk_us;      /* they are in memory so long at most; 0: READINGS_STANDARD for all */
        uint64_t keep_us;       /* each of them; 0: until the quota */
        uint64_t keep_hours_us; /* minimum, mean and maximum of each hour; 0: until the quota */
        uint64_t quota;         /* bytes of both; 0: none */
} ReadingsConfig;

#define READINGS_STANDARD                                                                                   \
        {                                                                                                   \
                15 * USEC_PER_MIN, 30 * USEC_PER_DAY, 400 * USEC_PER_DAY, 4ull << 30                        \
        }

typedef struct StoreConfig {
        const char *state_directory; /* holds journal.db, registry.export, lock */
        const char *site;
        const char *runtime_directory; /* in memory, kept over restarts: a copy of registry.export; NULL: none */
        ReadingsConfig readings;
} StoreConfig;

enum {
        STORE_E_LOCKED = 1, /* another daemon has the state folder */
        STORE_E_DOWN = 2,   /* no usable database: started from registry.export, degraded; see store_why() */
        STORE_E_PARTIAL = 3, /* store_restore(), store_merge(): the engine did not take every row; see store_why() */
};

typedef struct StoreStart { /* what a start finds */
        uint32_t boot;          /* ordinal of this boot */
        uint64_t next_incident, next_seq;
        int64_t trusted_wall_us; /* last trusted journal time, 0: none: the floor of clock_trust() */
        Registry *registry;      /* one reference; empty but never NULL */
        bool hung;               /* with STORE_E_DOWN: the disk does not answer; the database keeps its registry */
        char anew[192];          /* not "": history was there and is not in this database (the file was corrupt and
                                    set aside as journal.bad-…, or it was gone): why, one English line. Raise SYSTEM. */
} StoreStart;

/*
 * Takes the lock (state_directory/lock), opens or creates journal.db, migrates, checks the end of the chain, and
 * reads what the engine needs. Waits for a disk that does not answer no longer than LIMIT_OPEN_MS. store_restore() may be
 * called any number of times before store_run().
 */
int store_open(Store **ret, const StoreConfig *, StoreStart *ret_start);
/* State rows of all incidents not closed, in id order; keys younger than 24 h, oldest first; duty; marks; outbox.
 * 0, STORE_E_PARTIAL, or a negative errno. After STORE_E_DOWN: nothing, 0. */
int store_restore(Store *, Engine *, Now now,
        void (*outbox)(void *userdata, uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq),
        void *userdata);
int store_run(Store *);          /* starts the thread */
Store *store_free(Store *);      /* commits what waits (5 s at most), joins, checkpoints, closes; NULL */

/* Transactions. Every call copies what it is given; allocation failure ends the process (NEED_MEMORY). */
StoreTxn *store_txn_new(void);
StoreTxn *store_txn_free(StoreTxn *);
bool store_txn_empty(const StoreTxn *);
size_t store_txn_bytes(const StoreTxn *);

typedef struct JournalRecord {
        uint64_t seq, incident;
        JournalKind kind;
        int64_t t_us;    /* wall */
        uint64_t tb_us;  /* CLOCK_BOOTTIME */
        uint32_t boot;
        uint8_t time_quality;  /* 0 untrusted, 1 trusted */
        uint32_t device, dwelling, worker, grid; /* for queries; 0: none */
        const char *body;      /* UTF-8 JSON */
        uint32_t body_size;
} JournalRecord;

void store_txn_journal(StoreTxn *, const JournalRecord *); /* seq contiguous over all transactions */
void store_txn_state(StoreTxn *, const StateRow *);
void store_txn_key(StoreTxn *, const KeyRow *);
void store_txn_duty(StoreTxn *, uint32_t worker, bool on, int64_t wall_us);
void store_txn_mark(StoreTxn *, const MarkRow *);
void store_txn_reading(StoreTxn *, uint32_t device, uint32_t resident, int64_t wall_us, const VitalsEvent *);
void store_txn_outbox_put(StoreTxn *, uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq);
/* Also drops what the message superseded: every row of this person and channel up to seq. */
void store_txn_outbox_drop(StoreTxn *, uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq);
/* Replaces the registry; takes a reference. registry.export is written after the commit. */
void store_txn_registry(StoreTxn *, Registry *);

/* The lawful erasure of what the journal and retired registry entries say of this person (checkpoint.h). */
void store_txn_erase(StoreTxn *, const char *resident);

/* Wakes the thread for nothing: StoreStatus.beats grows soon. For the watchdog. */
void store_poke(Store *);
/* Takes the transaction. Wakes the thread. */
void store_submit(Store *, StoreTxn *);

typedef struct StoreStatus {
        uint64_t committed_seq;    /* every journal row up to here is durable; only grows */
        uint64_t committed_txns, submitted_txns;
        uint64_t oldest_us;        /* CLOCK_BOOTTIME of the submission that waits longest; 0: none waits */
        bool failing;              /* the last attempt failed: reopening with back-off */
        uint64_t readings_dropped;
        uint64_t removed, erased;  /* files of readings, persons' readings: store_removed() */
        uint64_t looked;           /* looks that have ended: store_look_done() */
        char why[128];             /* of the failure, one English line */
        bool reopened;             /* a start without a database has found it again: call store_merge() */
        uint64_t recovered;        /* failures that are over. When it has grown: journal a JOURNAL_STORAGE row with … */
        int64_t failed_from_us, failed_to_us; /* … beginning and end (wall) of the newest, … */
        char failed_why[128];      /* … and its first cause */
        uint64_t anew;             /* when it has grown: the database had to be begun anew while running (corrupt or
                                      gone); submit the state row of every incident that is held, and raise SYSTEM */
        char anew_why[192];        /* … what became of the old one, one English line */
        bool locked;               /* a late start has found that another daemon has the state folder: end */
        bool ailing;               /* commits go on, but a checkpoint or registry.export fails: see why */
        uint64_t backups;          /* ended since the start, well or not: store_backup_why() */
        uint64_t checkpoints;      /* signed since the start; when it has grown: store_checkpoint() has a new one */
        uint64_t beats;            /* rounds of the thread: store_poke() makes one where nothing is to do … */
        bool resting;              /* … and a thread that rests and does not beat has been lost; else it is on the disk */
        int64_t seq_offset;        /* journal.seq in the database + this = the engine's numbers (store.c) */
} StoreStatus;

int store_fd(const Store *);                    /* readable after each change; store_status() drains it */
/* For who acts on every change. Whoever only wants to look uses store_peek(), which leaves the descriptor readable. */
void store_status(Store *, StoreStatus *ret);
void store_peek(Store *, StoreStatus *ret);
/* A start that could not wait for the disk has found that another daemon has the state folder: this one must end. */
bool store_locked(Store *);
/* The newest signed checkpoint (note.h), also that of an earlier run; at least 1024 bytes. False: there is none. */
bool store_checkpoint(Store *, char *ret_note, size_t cap);
/* Copies the database to a new file (an absolute name) while it is in use. False: one is under way, or no such name. */
bool store_backup(Store *, const char *path);
void store_backup_why(Store *, char *ret_why, size_t cap); /* of the last one that ended; "": it is whole */
/*
 * After `reopened`: rows of incidents that the database holds and the engine does not (numbers cannot clash), and
 * the keys. The loop calls it once; until then the thread commits nothing.
 */
int store_merge(Store *, Engine *, Now now);    /* 0, STORE_E_PARTIAL, STORE_E_DOWN (gone again: `reopened` will come
                                                   anew), or a negative errno */
/* Visits of each bed, for any thread (visits.h). */
struct Cares *store_cares(Store *);
/* Of the newest `most` incidents opened since then, those that somebody has had, in the order of their opening; without
 * blob and source. Before store_run(). 0 or -EIO. */
int store_today(Store *, int64_t from_us, uint32_t most, int (*fn)(void *userdata, const StateRow *),
        void *userdata);
const char *store_why(const Store *);           /* why store_open() said STORE_E_DOWN */

/* A file of readings that was taken away. False: no more. */
typedef struct StoreRemoved {
        uint32_t date;  /* yyyymmdd, UTC */
        bool hours;     /* hourly figures, else the readings themselves */
        bool quota;     /* there was no room, else its time was over */
        uint64_t bytes;
} StoreRemoved;

bool store_removed(Store *, StoreRemoved *ret);

/*
 * Looks: what is stored, read by the thread in small portions between commits. The asker's own members come back as they
 * were. store_look() takes the look; false: too many are under way (it is freed). Vitals come from the files and from
 * what is in memory; a timeline from the rows that are committed.
 */
typedef enum LookKind { LOOK_VITALS, LOOK_TIMELINE } LookKind;

typedef struct StoreStep { /* one row of an incident */
        uint64_t seq;          /* the engine's */
        int64_t t_us;
        JournalKind kind;
        bool erased;
        uint32_t tier;
        double value, limit; /* NAN: none */
        char worker[CODE_SIZE], source[CODE_SIZE], to[CODE_SIZE], reason[WORD_SIZE], vital[WORD_SIZE], alarm[WORD_SIZE],
                channel[WORD_SIZE], outcome[WORD_SIZE], agency[WORD_SIZE], note[256];
} StoreStep;

typedef struct StoreLook StoreLook;
struct StoreLook {
        LookKind kind;
        uint64_t incident; /* TIMELINE; else the asker's */
        uint32_t resident; /* VITALS; 0: `code` says who, in a registry of any time */
        char code[CODE_SIZE];
        int64_t from_s, to_s;
        uint32_t step_s;
        char who[CODE_SIZE]; /* the asker's */
        uint64_t hold;       /* the asker's */
        bool failed;         /* it could not be read … */
        bool unknown;        /* … as nobody was ever called so */
        bool more;           /* TIMELINE: older rows are left out */
        struct Series *series; /* VITALS */
        StoreStep *steps;      /* TIMELINE, in order */
        uint32_t n_steps;
        StoreLook *next; /* the store's */
};

StoreLook *store_look_new(LookKind);
StoreLook *store_look_free(StoreLook *);   /* NULL */
bool store_look(Store *, StoreLook *);
StoreLook *store_look_done(Store *);       /* one that has ended, the caller's now; NULL: none */
