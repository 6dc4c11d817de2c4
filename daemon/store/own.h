/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between store.c (the thread and its queue) and start.c (how it begins and ends). */
#include "base/assert.h"
#include "base/clock.h"
#include "store/chores.h"
#include "store/database.h"
#include "store/numbers.h"
#include "store/queue.h"
#include "store/readings.h"
#include "store/registry.h"
#include "store/store.h"

#include <pthread.h>

#define PAUSE_MIN_MS 100
#define STOP_US      (4500 * USEC_PER_MSEC) /* within the 5 s that store_free() waits */
#define STOP_WAIT_MS 5000
#define BOOT_UNKNOWN   UINT32_MAX

#define STORE_LOOKS_MAX   16u
#define STORE_REMOVED_MAX 32u

struct Store {
        char *directory, *site, *export_path, *export_copy; /* the copy is in memory; NULL: none */
        char boot_id[33];
        int lock_fd, event_fd; /* event_fd: towards the loop */
        int wake_fd;           /* work has come */
        int urgent_fd;         /* stop, merged: ends a pause too */
        int done_fd;           /* the thread has ended */
        pthread_t thread;
        bool running;
        char open_why[DATABASE_WHY_SIZE]; /* with `opened`, of the thread that opens */
        char start_why[DATABASE_WHY_SIZE], export_why[DATABASE_WHY_SIZE];

        pthread_mutex_t mutex; /* guards from here … */
        Queue queue;
        StoreStatus status;               /* what store_status() tells, but for what it computes */
        uint64_t next_seq, next_incident; /* above all that was submitted */
        bool stopping, merge_wait, merge_failed;
        bool open_done, late;    /* start.c */
        int opened;              /* with open_done: what store_open() says */
        Registry *late_registry; /* the export of a late start; NULL: none was found */
        char note[NOTE_SIZE];    /* the newest signed checkpoint */
        char backup_path[sizeof((Chores){0}.path)], backup_why[CHORES_WHY_SIZE];
        uint64_t stop_us; /* when to give up */
        StoreLook *looks, *looked; /* asked for, and ended */
        uint32_t n_looks;          /* of both, and the one at work */
        StoreRemoved removed[STORE_REMOVED_MAX];
        uint32_t n_removed;
        /* … to here; the rest is the thread's */

        Database db;
        DatabaseOrigin origin;
        Registry *registry; /* what is committed (or was exported) */
        bool was_down;      /* started without a database, not found again yet */
        uint64_t down_seq, down_incident;
        uint32_t failures, corrupt_failures;
        uint32_t ails;      /* AILS_X */
        uint32_t set_aside; /* files given up by this process */
        char anew[192];     /* why history was left behind, until the loop has been told */
        int pause_ms;
        uint64_t incident_ceiling, seq_ceiling; /* in registry.export; 0: not written */
        uint64_t
                export_due_us; /* when the registry is to be written there; UINT64_MAX: it is as it should be */
        uint32_t ahead;       /* times as far as usual that the next ceilings lie ahead */
        uint64_t exported_us; /* when these were written */
        Chores chores;
        Readings *readings;
        StoreLook *looking; /* at work */
        ReadingsLook look;
        bool erasing_due;     /* whose readings are to be erased is to be read again */
        bool legacy;          /* the database may still have a table of readings, which move to files */
        uint64_t legacy_us;   /* next step of that; CLOCK_BOOTTIME */
        int64_t legacy_last, legacy_t, legacy_device; /* of the hour at work; 0: none. Where in it */
        int64_t legacy_until; /* wall_us: what is older is in memory or in a file */
        uint64_t export_us /* not before: it has failed */, checkpoint_us, checkpoint_not_before_us,
                prune_us; /* CLOCK_BOOTTIME */
};

static inline void store_lock(Store *s)
{
        ASSERT(pthread_mutex_lock(&s->mutex) == 0);
}

static inline void store_unlock(Store *s)
{
        ASSERT(pthread_mutex_unlock(&s->mutex) == 0);
}

/* Readings and looks, on the thread (store-readings.c). After a commit: what the transaction says of readings. */
void store_readings_take(Store *, const StoreTxn *);
/* When there is something to do; CLOCK_BOOTTIME. */
uint64_t store_readings_due(Store *);
/* A few milliseconds of it. */
void store_readings_step(Store *);
/* The end: writes what is in memory. */
void store_readings_end(Store *);
void store_readings_release(Store *);

/* The thread, from an open (or not yet open) database to the end. */
void store_thread(Store *);
/* Tells the loop that this part fails. */
void store_failed(Store *, const char *why);
/* Waits before the next attempt; false: give up, the process wants to end. */
bool store_pause(Store *);
/* What registry.export says, or an empty registry and numbers that nobody has seen. */
int store_export_take(Store *, bool database_exists, char why[static DATABASE_WHY_SIZE]);
void store_export_maybe(Store *);
/*
 * Opens what is there; what cannot be used for ever is set aside, and a new file begun. *ret_anew gets a text when
 * history was left behind. 0, DATABASE_E_DOWN, or a negative errno.
 */
int store_open_or_begin(Store *, char why[static DATABASE_WHY_SIZE], char *ret_anew, size_t cap);
