/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the store begins and ends.
 *
 * The database is opened on the thread, because a disk may hang in any call, and the caller waits for that only so long:
 *
 *   store_open() ─▶ thread: lock, open, read ──in time──▶ the thread ends; the caller has all, and store_run() begins anew
 *        │                                   ──OPEN_US──▶ `late`: STORE_E_DOWN with the registry and the numbers of the
 *        └─ waits                                         last export; when the disk comes back, the thread goes on as
 *                                                         one that has lost its database, and merges
 *
 * The export of a late start is read from the runtime folder, which is in memory, and only then from the state folder,
 * on yet another thread. Without either the registry stays with the caller (an empty one), and the database keeps its
 * own.
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "limits.h"
#include "store/aside.h"
#include "store/own.h"
#include "store/registry-db.h"
#include "store/wake.h"

#define EXPORT_US      USEC_PER_SEC       /* a late start waits that long for registry.export */
#define EXPORT_LATE_US (2 * USEC_PER_SEC) /* so long after a start it is written again: see store.c */

static int lock_take(const char *directory, int *ret)
{
        _cleanup_(freep) char *path = NULL;
        _cleanup_(closep) int fd = -1;

        if (asprintf(&path, "%s/lock", directory) < 0) {
                path = NULL;
                return error_origin(-ENOMEM);
        }
        if (mkdir(directory, 0750) < 0 && errno != EEXIST && errno != EROFS)
                return error_origin(-errno);
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        /* A full or read-only disk is no reason not to start: the lock is not on the content. */
        if (fd < 0)
                fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return error_origin(-errno);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? STORE_E_LOCKED : error_origin(-errno);
        *ret = fd;
        fd = -1;
        return 0;
}

static int store_new(Store **ret, const StoreConfig *config)
{
        Store *s = calloc(1, sizeof(*s));

        NEED_MEMORY(s);
        s->lock_fd = -1;
        s->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        s->urgent_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        s->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        s->directory = strdup(config->state_directory);
        s->site = strdup(config->site);
        chores_init(&s->chores, s->directory, s->site);
        s->readings = readings_new(s->directory, &config->readings);
        s->legacy = s->erasing_due = true;
        s->origin.directory = s->directory;
        s->origin.site = s->site;
        s->origin.boot_id = s->boot_id;
        s->origin.known = (JournalHead){.empty = true}; /* nothing is known yet */
        s->origin.first_incident = s->origin.first_seq = 1;
        s->checkpoint_us = UINT64_MAX;
        s->export_due_us = 0;
        s->pause_ms = PAUSE_MIN_MS;
        s->ahead = 1;
        ASSERT(s->directory && s->site);
        ASSERT(asprintf(&s->export_path, "%s/registry.export", config->state_directory) > 0);
        if (config->runtime_directory)
                ASSERT(asprintf(&s->export_copy, "%s/registry.export", config->runtime_directory) > 0);
        ASSERT(pthread_mutex_init(&s->mutex, NULL) == 0);
        *ret = s;
        if (s->event_fd < 0 || s->wake_fd < 0 || s->urgent_fd < 0 || s->done_fd < 0)
                return error_origin(-EMFILE);
        return clock_boot_id(s->boot_id);
}

/* Everything but what the thread may still use. */
static Store *store_release(Store *s)
{
        if (s->db.db)                                          /* it never ran */
                (void)database_rest(&s->db, s->next_incident); /* else: a gap in the numbers */
        database_close(&s->db);
        queue_clear(&s->queue);
        registry_unref(s->registry);
        chores_deinit(&s->chores);
        store_readings_release(s);
        closep(&s->event_fd);
        closep(&s->wake_fd);
        closep(&s->urgent_fd);
        closep(&s->done_fd);
        closep(&s->lock_fd);
        (void)pthread_mutex_destroy(&s->mutex); /* nobody holds it */
        free(s->directory);
        free(s->site);
        free(s->export_path);
        free(s->export_copy);
        registry_unref(s->late_registry);
        free(s);
        return NULL;
}

static void start_up(Store *s, StoreStart *ret)
{
        if (!s->db.created) {
                registry_unref(s->registry);
                s->registry = TAKE_PTR(s->db.registry);
        }
        s->db.registry = registry_unref(s->db.registry);
        if (checkpoint_newest(s->db.db, s->note) != SQLITE_OK)
                s->note[0] = 0; /* the next one will say the same and more */
        ret->boot = s->db.boot;
        ret->next_incident = s->db.next_incident;
        ret->next_seq = s->db.next_seq;
        ret->trusted_wall_us = s->db.trusted_us;
        s->origin.known = s->db.committed;
        s->origin.engine_boot = s->db.boot;
        s->status.seq_offset = s->db.seq_offset;
        s->status.committed_seq = s->db.next_seq - 1;
}

static void start_down(Store *s, const char *why, StoreStart *ret)
{
        ret->boot = s->origin.engine_boot = BOOT_UNKNOWN;
        ret->next_incident = s->down_incident = s->origin.first_incident;
        ret->next_seq = s->down_seq = s->origin.first_seq;
        s->was_down = true;
        s->status.committed_seq = ret->next_seq - 1;
        (void)str_copy(s->start_why, sizeof(s->start_why), why); /* as long */
        store_failed(s, why);
}

/* On the thread. As store_open(). */
static int open_all(Store *s)
{
        char path[512];
        struct stat st;
        int r = lock_take(s->directory, &s->lock_fd);

        if (r != 0)
                return r < 0 ? error_trace(r) : r;
        (void)snprintf(path, sizeof(path), "%s/journal.db", s->directory); /* cut: then it does not exist */
        if (stat(path, &st) < 0 || st.st_size == 0)
                r = store_export_take(s, access(path, F_OK) == 0, s->export_why);
        else if (registry_export_ceilings(s->export_path, &s->incident_ceiling, &s->seq_ceiling) != 0)
                s->incident_ceiling = s->seq_ceiling = 0; /* it is written at once */
        if (r < 0)
                return error_trace(r);
        s->origin.wall_us = clock_now().wall_us;
        r = store_open_or_begin(s, s->open_why, s->anew, sizeof(s->anew));
        if (r < 0)
                return error_trace(r);
        return r == 0 ? 0 : STORE_E_DOWN;
}

/* The caller has not waited: what was opened is closed, and found again as after any failure. */
static void late_run(Store *s)
{
        int r = s->opened;

        database_close(&s->db);
        s->anew[0] = 0; /* it is told at the reopening */
        registry_unref(s->registry);
        s->registry = TAKE_PTR(s->late_registry);
        s->origin.engine_boot = BOOT_UNKNOWN;
        s->origin.known = (JournalHead){.empty = true};
        s->was_down = true;
        while (s->lock_fd < 0) { /* the disk came back with an error */
                if (r == STORE_E_LOCKED) {
                        store_lock(s);
                        s->status.locked = true;
                        store_unlock(s);
                        store_failed(s, "another huyingd has this state folder");
                        return;
                }
                store_failed(s, "the state folder cannot be used");
                if (!store_pause(s))
                        return;
                r = lock_take(s->directory, &s->lock_fd);
        }
        store_thread(s);
}

static void *open_main(void *userdata)
{
        Store *s = userdata;
        int r = open_all(s);
        bool late;

        store_lock(s);
        s->opened = r;
        s->open_done = true;
        late = s->late;
        store_unlock(s);
        if (late)
                late_run(s);
        signal_fd(s->done_fd);
        return NULL;
}

static void *run_main(void *userdata)
{
        Store *s = userdata;

        store_thread(s);
        signal_fd(s->done_fd);
        return NULL;
}

/* Signals are the loop's. */
static int thread_start(Store *s, void *(*fn)(void *))
{
        sigset_t all, before;
        int r;

        (void)sigfillset(&all); /* cannot fail */
        ASSERT(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
        r = pthread_create(&s->thread, NULL, fn, s);
        ASSERT(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
        return r != 0 ? error_origin(-r) : 0;
}

/* The end of the thread, so long at most. */
static bool thread_ended(Store *s, int ms)
{
        struct pollfd done = {.fd = s->done_fd, .events = POLLIN};
        uint64_t until = clock_now().boot_us + (uint64_t)ms * USEC_PER_MSEC, now;
        int n;

        do {
                now = clock_now().boot_us;
                n = poll(&done, 1, now >= until ? 0 : (int)((until - now) / USEC_PER_MSEC + 1));
        } while ((n < 0 && errno == EINTR) || (n == 0 && clock_now().boot_us < until));
        if (n != 1)
                return false;
        ASSERT(pthread_join(s->thread, NULL) == 0);
        drain_fd(s->done_fd);
        return true;
}

/* What a late start lives on */

typedef struct Export {
        char path[512];
        Registry *registry; /* NULL: not found */
        uint64_t incident, seq;
} Export;

static void export_free(void *data)
{
        Export *e = data;

        registry_unref(e->registry);
        free(e);
}

static void export_read(void *data)
{
        Export *e = data;
        RegistryError error;

        if (registry_export_read(&e->registry, e->path, &e->incident, &e->seq, &error) != 0)
                e->registry = NULL;
}

static Export *export_find(Store *s)
{
        Export *e = calloc(1, sizeof(Export));
        Aside *aside = NULL;

        NEED_MEMORY(e);
        if (s->export_copy && str_copy(e->path, sizeof(e->path), s->export_copy))
                export_read(e); /* in memory */
        if (e->registry || !str_copy(e->path, sizeof(e->path), s->export_path))
                return e;
        if (aside_new(&aside, export_read, export_free, e) == 0) {
                if (aside_wait(aside, EXPORT_US))
                        return aside_take(aside);
                (void)aside_drop(aside);
        }
        e = calloc(1, sizeof(Export));
        NEED_MEMORY(e);
        return e;
}

/* True: the start is late, and `ret` says what it has. False: the thread has come back after all. */
static bool start_late(Store *s, StoreStart *ret)
{
        Export *e = export_find(s);
        bool done;

        store_lock(s);
        done = s->open_done;
        if (!done) {
                ret->boot = BOOT_UNKNOWN;
                ret->next_incident = s->down_incident = s->next_incident =
                        e->registry ? e->incident : INCIDENT_BLIND;
                ret->next_seq = s->down_seq = s->next_seq = e->registry ? e->seq : SEQ_BLIND;
                s->late_registry = TAKE_PTR(e->registry);
                ret->registry = s->late_registry ? registry_ref(s->late_registry) : NULL;
                s->status.committed_seq = ret->next_seq - 1;
                s->late = s->running = true;
        }
        store_unlock(s);
        export_free(e);
        return !done;
}

static int opened_in_time(Store *s, StoreStart *ret)
{
        int r = s->opened;

        if (r < 0 || r == STORE_E_LOCKED)
                return r;
        if (r == 0)
                start_up(s, ret);
        else
                start_down(s, s->open_why, ret);
        if (r == 0 && s->db.created && s->export_why[0] && !s->anew[0])
                (void)str_copy(s->anew, sizeof(s->anew), s->export_why); /* shorter */
        if (r == 0) {                                                  /* else it is told at the reopening */
                (void)str_copy(ret->anew, sizeof(ret->anew), s->anew); /* as long */
                s->anew[0] = 0;
        }
        s->next_seq = ret->next_seq;
        s->next_incident = ret->next_incident;
        ret->registry = registry_ref(s->registry);
        s->export_due_us = clock_now().boot_us + EXPORT_LATE_US;
        return r == 0 ? 0 : STORE_E_DOWN;
}

int store_open(Store **ret, const StoreConfig *config, StoreStart *ret_start)
{
        StoreStart start = {0};
        Store *s = NULL;
        bool in_time;
        int r;

        ASSERT(config->state_directory && config->site);
        r = store_new(&s, config);
        if (r == 0)
                r = thread_start(s, open_main);
        if (r < 0) {
                store_release(s);
                return error_trace(r);
        }
        in_time = thread_ended(s, LIMIT_OPEN_MS);
        if (!in_time && start_late(s, &start)) {
                static const char why[] = "the disk does not answer";

                (void)str_copy(s->start_why, sizeof(s->start_why), why); /* shorter */
                store_failed(s, why);
                if (!start.registry)
                        r = registry_new(&start.registry);
                if (r < 0) {
                        store_free(s);
                        return error_trace(r);
                }
                start.hung = true;
                *ret_start = start;
                *ret = s;
                return STORE_E_DOWN;
        }
        if (!in_time) { /* it has just come back */
                ASSERT(pthread_join(s->thread, NULL) == 0);
                drain_fd(s->done_fd);
        }
        r = opened_in_time(s, &start);
        if (r < 0 || r == STORE_E_LOCKED) {
                store_release(s);
                return r < 0 ? error_trace(r) : r;
        }
        *ret_start = start;
        *ret = s;
        return r;
}

const char *store_why(const Store *s)
{
        return s->start_why;
}

int store_run(Store *s)
{
        int r;

        if (s->late)
                return 0; /* it has never stopped */
        ASSERT(!s->running);
        r = thread_start(s, run_main);
        if (r < 0)
                return error_trace(r);
        s->running = true;
        return 0;
}

Store *store_free(Store *s)
{
        if (!s)
                return NULL;
        if (!s->running)
                return store_release(s);
        store_lock(s);
        s->stopping = true;
        s->stop_us = clock_now().boot_us + STOP_US;
        store_unlock(s);
        signal_fd(s->urgent_fd);
        if (!thread_ended(s, STOP_WAIT_MS)) {
                /* It hangs in the disk. The process is about to end; its memory and its lock end with it. */
                (void)pthread_detach(s->thread); /* nothing to join any more */
                return NULL;
        }
        return store_release(s);
}
