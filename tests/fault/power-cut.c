/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The power is cut at any moment: is everything there that was acknowledged?
 *
 * The store runs on a disk that writes down what it is told (every write, truncation and flush, and between them what
 * the store has reported as committed). From this log images are built as a cut at any point may leave them, and each
 * is opened by the store as at a start: it must open as what it was, every acknowledged row must be there, in order,
 * with a chain that holds, and no number of an incident may come again.
 *
 *   power-cut [IMAGES [SEED]]       a disk that keeps its word: nothing may be lost
 *   power-cut --no-flush [IMAGES]   one that says yes to a flush and does nothing: there must be losses, or this test
 *                                   sees nothing
 *
 * What a flush has covered is on the disk. Of the writes after it, any subset may be (the drive reorders), and a write
 * may be cut within, at a sector. A file is there from its first flush on (the store flushes the folder itself), and
 * gone when any flush has followed its deletion, as a journaling file system has it.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/parse.h"
#include "base/str.h"
#include "store/audit.h"
#include "store/registry.h"
#include "store/store.h"

#define FILES_MAX   16u
#define ENTRIES_MAX 200000u
#define SECTOR      512u
#define ROUNDS      400u

typedef enum EntryType { WRITE, TRUNCATE, FLUSH, DELETE, ACKNOWLEDGED } EntryType;

typedef struct Entry {
        EntryType type;
        uint32_t file;
        uint64_t at; /* offset, size, or the acknowledged number */
        uint32_t n;
        uint8_t *bytes;
} Entry;

typedef struct Image {
        uint8_t *bytes;
        size_t n, cap;
        bool there;
} Image;

static sqlite3_vfs *real_vfs;
static struct {
        const sqlite3_io_methods *real;
        sqlite3_io_methods ours;
} kinds[8]; /* of files: with and without locks and so on */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
        const sqlite3_file *handle;
        const sqlite3_io_methods *real;
        uint32_t file;
} open_files[64];
static char names[FILES_MAX][32];
static uint32_t n_names;
static Entry *entries;
static uint32_t n_entries;
static uint64_t told_incident; /* the highest that was submitted */
static bool no_flush;

/* The log */

static uint32_t file_of(const sqlite3_file *f)
{
        for (size_t i = 0; i < 64; i++)
                if (open_files[i].handle == f)
                        return open_files[i].file;
        return FILES_MAX;
}

static const sqlite3_io_methods *real_of(const sqlite3_file *f)
{
        const sqlite3_io_methods *real = NULL;

        ASSERT(pthread_mutex_lock(&mutex) == 0);
        for (size_t i = 0; i < 64; i++)
                if (open_files[i].handle == f)
                        real = open_files[i].real;
        ASSERT(pthread_mutex_unlock(&mutex) == 0);
        ASSERT(real);
        return real;
}

static void note(EntryType type, uint32_t file, uint64_t at, const void *bytes, uint32_t n)
{
        Entry *e;

        ASSERT(pthread_mutex_lock(&mutex) == 0);
        ASSERT(n_entries < ENTRIES_MAX && file < FILES_MAX);
        e = &entries[n_entries++];
        *e = (Entry){.type = type, .file = file, .at = at, .n = n};
        if (n > 0) {
                e->bytes = malloc(n);
                ASSERT(e->bytes);
                memcpy(e->bytes, bytes, n);
        }
        ASSERT(pthread_mutex_unlock(&mutex) == 0);
}

static int log_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
        note(WRITE, file_of(f), (uint64_t)at, from, (uint32_t)n);
        return real_of(f)->xWrite(f, from, n, at);
}

static int log_truncate(sqlite3_file *f, sqlite3_int64 size)
{
        note(TRUNCATE, file_of(f), (uint64_t)size, NULL, 0);
        return real_of(f)->xTruncate(f, size);
}

static int log_flush(sqlite3_file *f, int flags)
{
        int rc = real_of(f)->xSync(f, flags);

        if (!no_flush)
                note(FLUSH, file_of(f), 0, NULL, 0);
        return rc;
}

static int log_close(sqlite3_file *f)
{
        const sqlite3_io_methods *real = real_of(f);

        ASSERT(pthread_mutex_lock(&mutex) == 0);
        for (size_t i = 0; i < 64; i++)
                if (open_files[i].handle == f)
                        open_files[i].handle = NULL;
        ASSERT(pthread_mutex_unlock(&mutex) == 0);
        return real->xClose(f);
}

static uint32_t name_number(const char *path)
{
        const char *base = strrchr(path, '/');

        base = base ? base + 1 : path;
        for (uint32_t i = 0; i < n_names; i++)
                if (str_equal(names[i], base))
                        return i;
        ASSERT(n_names < FILES_MAX && str_copy(names[n_names], sizeof(names[0]), base));
        return n_names++;
}

/* Methods that look on, and are the real ones else. */
static const sqlite3_io_methods *watched(const sqlite3_io_methods *real)
{
        size_t i = 0;

        while (kinds[i].real && kinds[i].real != real)
                ASSERT(++i < sizeof(kinds) / sizeof(kinds[0]));
        if (!kinds[i].real) {
                kinds[i].real = real;
                kinds[i].ours = *real;
                kinds[i].ours.xWrite = log_write;
                kinds[i].ours.xTruncate = log_truncate;
                kinds[i].ours.xSync = log_flush;
                kinds[i].ours.xClose = log_close;
                if (real->iVersion > 2)
                        kinds[i].ours.iVersion = 2; /* no xFetch: writes through a map would not be seen */
        }
        return &kinds[i].ours;
}

static int log_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
        int rc = real_vfs->xOpen(real_vfs, name, f, flags, ret_flags);

        if (rc != SQLITE_OK || !name)
                return rc;
        ASSERT(pthread_mutex_lock(&mutex) == 0);
        for (size_t i = 0; i < 64; i++)
                if (!open_files[i].handle) {
                        open_files[i].handle = f;
                        open_files[i].real = f->pMethods;
                        open_files[i].file = name_number(name);
                        break;
                }
        ASSERT(file_of(f) < FILES_MAX);
        f->pMethods = watched(f->pMethods);
        ASSERT(pthread_mutex_unlock(&mutex) == 0);
        return rc;
}

static int log_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
        int rc = real_vfs->xDelete(real_vfs, name, sync);

        if (rc == SQLITE_OK)
                note(DELETE, name_number(name), sync != 0 && !no_flush, NULL, 0);
        return rc;
}

/* The history */

static void submit_event(Store *s, uint64_t seq, uint64_t incident)
{
        StoreTxn *t = store_txn_new();
        StateRow row = {.id = incident,
                .last_seq = seq,
                .class = CLASS_SMOKE,
                .state = seq % 3 ? STATE_ALERTING : STATE_CLOSED,
                .priority = 1,
                .opened_us = 1,
                .closed_us = seq % 3 ? 0 : 2};
        char body[256];
        int n = snprintf(
                body, sizeof(body), "{\"n\":%" PRIu64 ",\"pad\":\"%0*d\"}", seq, (int)(seq % 150) + 1, 0);

        store_txn_journal(t, &(JournalRecord){.seq = seq,
                                     .incident = incident,
                                     .kind = JOURNAL_EVENT,
                                     .t_us = 1790000000000000 + (int64_t)seq,
                                     .tb_us = seq,
                                     .boot = 1,
                                     .time_quality = 1,
                                     .body = body,
                                     .body_size = (uint32_t)n});
        store_txn_state(t, &row);
        store_txn_outbox_put(t, incident, 1, CHANNEL_APP, seq);
        if (seq % 3 == 0)
                store_txn_outbox_drop(t, incident, 1, CHANNEL_APP, seq - 1);
        store_submit(s, t);
}

static void acknowledge(Store *s, uint64_t *told)
{
        StoreStatus status;

        store_status(s, &status);
        if (status.committed_seq > *told) {
                *told = status.committed_seq;
                note(ACKNOWLEDGED, 0, *told, NULL, 0);
        }
}

/* Two runs, so that a start on an old file is among what is cut. */
static void live(const char *folder)
{
        uint64_t told = 0;

        for (int run = 0; run < 2; run++) {
                StoreStart start;
                Store *s = NULL;
                uint64_t seq, last;

                ASSERT(store_open(&s, &(StoreConfig){.state_directory = folder, .site = "demo"}, &start) ==
                        0);
                ASSERT(start.next_seq == told + 1);
                registry_unref(start.registry);
                ASSERT(store_run(s) == 0);
                last = start.next_seq + ROUNDS;
                for (seq = start.next_seq; seq < last; seq++) {
                        struct pollfd p = {.fd = store_fd(s), .events = POLLIN};

                        told_incident = start.next_incident + (seq - start.next_seq) / 3;
                        submit_event(s, seq, told_incident);
                        if (seq % 4 == 0)
                                (void)poll(&p, 1, 1000);
                        acknowledge(s, &told);
                }
                while (told < last - 1) {
                        struct pollfd p = {.fd = store_fd(s), .events = POLLIN};

                        (void)poll(&p, 1, 1000);
                        acknowledge(s, &told);
                }
                store_free(s);
        }
}

/* The images */

static uint64_t random_next(uint64_t *state)
{
        uint64_t z = (*state += 0x9e3779b97f4a7c15ull);

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        return z ^ (z >> 31);
}

static void image_reach(Image *im, size_t n)
{
        if (n > im->cap) {
                im->cap = n * 2;
                im->bytes = realloc(im->bytes, im->cap);
                ASSERT(im->bytes);
        }
        if (n > im->n) {
                memset(im->bytes + im->n, 0, n - im->n);
                im->n = n;
        }
}

static void image_apply(Image *im, const Entry *e, uint32_t n)
{
        im->there = e->type != DELETE;
        if (e->type == DELETE)
                im->n = 0;
        else if (e->type == TRUNCATE) {
                image_reach(im, e->at);
                im->n = e->at;
        } else if (n > 0) {
                image_reach(im, e->at + n);
                memcpy(im->bytes + e->at, e->bytes, n);
        }
}

/* What is after the last flush: all of it, none, or some, and of one perhaps a part. */
static void image_rest(Image *im, const Entry *e, unsigned model, uint64_t *random)
{
        switch (model) {
        case 0: return;
        case 1: image_apply(im, e, e->n); return;
        case 2:
                if (random_next(random) % 2)
                        image_apply(im, e, e->n);
                return;
        default:
                if (random_next(random) % 2)
                        image_apply(im, e,
                                e->type == TRUNCATE
                                        ? 0
                                        : (uint32_t)(random_next(random) % (e->n / SECTOR + 1)) * SECTOR);
        }
}

/* Returns what had been acknowledged by then. */
static uint64_t image_build(uint32_t cut, unsigned model, uint64_t *random, Image images[FILES_MAX])
{
        uint64_t acknowledged = 0;

        for (uint32_t f = 0; f < n_names; f++) {
                uint32_t covered = 0;

                images[f].n = 0;
                images[f].there = false;
                for (uint32_t i = 0, gone = 0; i < cut; i++) {
                        const Entry *e = &entries[i];

                        if (e->type == DELETE && e->file == f)
                                gone = i + 1;
                        if ((e->type == FLUSH && e->file == f) ||
                                (e->type == DELETE && e->file == f && e->at))
                                covered = i + 1;
                        else if (e->type == FLUSH && gone > covered)
                                covered = gone;
                }
                for (uint32_t i = 0; i < cut; i++) {
                        const Entry *e = &entries[i];

                        if (e->type == ACKNOWLEDGED || e->type == FLUSH || e->file != f)
                                continue;
                        if (i < covered)
                                image_apply(&images[f], e, e->n);
                        else
                                image_rest(&images[f], e, model, random);
                }
        }
        for (uint32_t i = 0; i < cut; i++)
                if (entries[i].type == ACKNOWLEDGED)
                        acknowledged = entries[i].at;
        return acknowledged;
}

static void image_write(const char *folder, const Image images[FILES_MAX])
{
        for (uint32_t f = 0; f < n_names; f++) {
                char path[160];
                FILE *file;

                if (!images[f].there)
                        continue;
                (void)snprintf(path, sizeof(path), "%s/%s", folder, names[f]);
                file = fopen(path, "we");
                ASSERT(file && fwrite(images[f].bytes, 1, images[f].n, file) == images[f].n);
                ASSERT(fclose(file) == 0);
        }
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        return remove(path);
}

static void folder_remove(const char *folder)
{
        (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS); /* what stays in /dev/shm is seen there */
}

/* NULL: as it must be; else what is wrong. */
static const char *image_check(const char *folder, uint64_t acknowledged)
{
        static char why[256];
        StoreStart start;
        Store *s = NULL;
        AuditVerdict v;
        Audit *a = NULL;
        int r = store_open(&s, &(StoreConfig){.state_directory = folder, .site = "demo"}, &start);

        why[0] = 0;
        if (r != 0) {
                (void)snprintf(why, sizeof(why), "does not open: %s", s ? store_why(s) : "");
                if (s) {
                        registry_unref(start.registry);
                        store_free(s);
                }
                return why;
        }
        registry_unref(start.registry);
        if (start.anew[0])
                (void)snprintf(why, sizeof(why), "%.200s", start.anew);
        else if (start.next_seq <= acknowledged)
                (void)snprintf(why, sizeof(why), "row %" PRIu64 " was acknowledged, %" PRIu64 " is the next",
                        acknowledged, start.next_seq);
        else if (start.next_seq > 1 &&
                 (audit_open(&a, folder, why) != 0 || audit_verify(a, 1, UINT64_MAX, &v) != 0 || !v.good ||
                         v.last + 1 != start.next_seq))
                (void)snprintf(why, sizeof(why), "the chain does not hold");
        audit_free(a);
        store_free(s);
        return why[0] ? why : NULL;
}

static unsigned cut_all(uint32_t n_images, uint64_t seed)
{
        static Image images[FILES_MAX];
        unsigned bad = 0;
        uint64_t random = seed;

        for (uint32_t n = 0; n < n_images; n++) {
                char folder[64] = "/dev/shm/huying-cut-XXXXXX";
                uint32_t cut = (uint32_t)(random_next(&random) % n_entries) + 1;
                unsigned model = n % 4;
                uint64_t acknowledged = image_build(cut, model, &random, images);
                const char *why;

                ASSERT(mkdtemp(folder));
                image_write(folder, images);
                why = image_check(folder, acknowledged);
                if (why) {
                        if (bad++ < 5)
                                (void)fprintf(stderr, "cut after %u of %u, model %u: %s\n", cut, n_entries,
                                        model, why);
                }
                folder_remove(folder);
        }
        for (uint32_t f = 0; f < FILES_MAX; f++)
                free(images[f].bytes);
        return bad;
}

int main(int argc, char **argv)
{
        char folder[64] = "/dev/shm/huying-live-XXXXXX";
        static sqlite3_vfs vfs;
        uint32_t n_images = 100;
        uint64_t seed = 1;
        unsigned bad;

        if (argc > 1 && str_equal(argv[1], "--no-flush")) {
                no_flush = true;
                argc--;
                argv++;
        }
        if ((argc > 1 && !parse_u32(argv[1], 1000000, &n_images)) ||
                (argc > 2 && !parse_u64(argv[2], &seed))) {
                (void)fputs("usage: power-cut [--no-flush] [IMAGES [SEED]]\n", stderr);
                return 2;
        }
        entries = calloc(ENTRIES_MAX, sizeof(Entry));
        real_vfs = sqlite3_vfs_find(NULL);
        ASSERT(entries && real_vfs && mkdtemp(folder));
        vfs = *real_vfs;
        vfs.pNext = NULL;
        vfs.zName = "log";
        vfs.xOpen = log_open;
        vfs.xDelete = log_delete;
        ASSERT(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK);
        live(folder);
        folder_remove(folder);
        ASSERT(sqlite3_vfs_register(real_vfs, 1) == SQLITE_OK);
        bad = cut_all(n_images, seed);
        (void)printf(
                "%u images of power cuts among %u writes and flushes: %u bad\n", n_images, n_entries, bad);
        for (uint32_t i = 0; i < n_entries; i++)
                free(entries[i].bytes);
        free(entries);
        return no_flush ? bad == 0 : bad != 0;
}
