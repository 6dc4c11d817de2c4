/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkpoints and backups, on the writer's own connection.
 *
 * A checkpoint is a commit of its own, some seconds after the alarm or the answer that asks for it: none of them waits
 * for it. Its failure never stops the journal; it is tried again.
 *
 * A backup is stepped between commits: what is committed meanwhile through the same connection goes into the copy too,
 * so that it never has to start again, as it would from any other connection. The copy has its name only when it is
 * whole and flushed.
 */
#include "store/chores.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"

#define SIGN_SOON_US (5 * USEC_PER_SEC) /* after an alarm or an answer: witnesses have it within 10 s */
#define SIGN_LATE_US (5 * USEC_PER_MIN)
#define RETRY_US     (5 * USEC_PER_SEC)
#define STEP_PAGES   500 /* 2 MB: a commit waits a few milliseconds for them at most */

void chores_init(Chores *c, const char *directory, const char *site)
{
        *c = (Chores){.directory = directory, .site = site, .sign_us = UINT64_MAX, .cares = cares_new()};
}

static void temporary_name(const Chores *c, char ret[600])
{
        (void)snprintf(ret, 600, "%s.new", c->path); /* longer than any path here */
}

/* Ends the copying; the file without its name goes. */
static void copy_drop(Chores *c)
{
        char name[600];

        if (c->backup)
                (void)sqlite3_backup_finish(c->backup); /* repeats the error of the step */
        c->backup = NULL;
        (void)sqlite3_close(c->copy); /* nothing was prepared */
        c->copy = NULL;
        temporary_name(c, name);
        (void)unlink(name); /* gone already when it has its name */
}

void chores_deinit(Chores *c)
{
        if (c->copy)
                copy_drop(c);
        c->signer = signer_free(c->signer);
        c->cares = cares_free(c->cares);
}

unsigned chores_closed(Chores *c)
{
        if (!c->path[0])
                return 0;
        if (c->copy)
                copy_drop(c);
        c->path[0] = 0;
        (void)str_copy(c->why, sizeof(c->why), "the database had to be closed"); /* fits */
        return CHORES_BACKED_UP;
}

static int sign_now(Chores *c, Database *d)
{
        int rc;

        if (!c->signer && signer_open(&c->signer, c->directory, c->site) != 0)
                return SQLITE_CANTOPEN;
        rc = database_begin(d);
        if (rc == SQLITE_OK)
                rc = checkpoint_write(
                        d->db, c->signer, &d->tree, d->first_row, clock_now().wall_us, c->note);
        if (rc == SQLITE_OK)
                rc = database_commit(d);
        if (rc != SQLITE_OK)
                database_rollback(d); /* the next commit finds out what it was */
        return rc;
}

static unsigned sign(Chores *c, Database *d)
{
        ASSERT(d->db);
        c->sign_us = UINT64_MAX;
        if (d->first_row == 0) /* begun anew since it was planned */
                return 0;
        c->failing = sign_now(c, d) != SQLITE_OK;
        if (c->failing) {
                c->sign_us = clock_now().boot_us + RETRY_US;
                return 0;
        }
        d->matter = false;
        return CHORES_SIGNED;
}

void chores_committed(Chores *c, const Database *d, uint64_t rows_before)
{
        uint64_t at = clock_now().boot_us + (d->matter ? SIGN_SOON_US : SIGN_LATE_US);

        if (d->tree.size > rows_before && at < c->sign_us)
                c->sign_us = at;
}

uint64_t chores_due(const Chores *c)
{
        return c->path[0] ? 0 : c->sign_us;
}

void chores_backup(Chores *c, const char *path)
{
        ASSERT(!c->path[0] && path[0]);
        (void)str_copy(c->path, sizeof(c->path), path); /* its length was checked */
        c->why[0] = 0;
}

static int copy_open(Chores *c, Database *d)
{
        char name[600];
        int rc, fd;

        temporary_name(c, name);
        if (access(c->path, F_OK) == 0)
                return SQLITE_CONSTRAINT;
        fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return SQLITE_CANTOPEN;
        (void)close(fd); /* empty */
        rc = sqlite3_open_v2(name, &c->copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_EXRESCODE, NULL);
        if (rc == SQLITE_OK) /* flushed once, at its end, and of no use before */
                rc = sqlite3_exec(
                        c->copy, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL, NULL);
        if (rc != SQLITE_OK)
                return rc;
        c->backup = sqlite3_backup_init(c->copy, "main", d->db, "main");
        return c->backup ? SQLITE_OK : sqlite3_extended_errcode(c->copy);
}

static int flush(const char *path, int flags)
{
        _cleanup_(closep) int fd = open(path, flags | O_CLOEXEC);

        return fd >= 0 && fsync(fd) == 0 ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

/* The copy is whole: it gets its name. */
static int copy_finish(Chores *c)
{
        char name[600], folder[512];
        char *slash;
        int rc = sqlite3_backup_finish(c->backup);

        c->backup = NULL;
        if (rc == SQLITE_OK)
                rc = sqlite3_close(c->copy);
        if (rc != SQLITE_OK)
                return rc;
        c->copy = NULL;
        temporary_name(c, name);
        (void)str_copy(folder, sizeof(folder), c->path); /* as long */
        slash = strrchr(folder, '/');
        ASSERT(slash); /* an absolute name */
        slash[slash == folder] = 0;
        rc = flush(name, O_RDONLY);
        if (rc == SQLITE_OK && rename(name, c->path) < 0)
                rc = SQLITE_IOERR;
        return rc == SQLITE_OK ? flush(folder, O_RDONLY | O_DIRECTORY) : rc;
}

static unsigned backup_step(Chores *c, Database *d)
{
        int rc = c->copy ? SQLITE_OK : copy_open(c, d);

        if (rc == SQLITE_OK)
                rc = sqlite3_backup_step(c->backup, STEP_PAGES);
        if (rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED)
                return 0; /* there is more */
        if (rc == SQLITE_DONE)
                rc = copy_finish(c);
        if (rc == SQLITE_CONSTRAINT)
                (void)str_copy(c->why, sizeof(c->why), "the file exists"); /* fits */
        else if (rc != SQLITE_OK)
                (void)snprintf(c->why, sizeof(c->why), "%s (%d)", sqlite3_errstr(rc), rc); /* fits */
        copy_drop(c);
        c->path[0] = 0;
        return CHORES_BACKED_UP;
}

unsigned chores_run(Chores *c, Database *d)
{
        unsigned done = 0;

        ASSERT(d->db && sqlite3_get_autocommit(d->db));
        if (c->sign_us <= clock_now().boot_us)
                done |= sign(c, d);
        if (c->path[0])
                done |= backup_step(c, d);
        return done;
}

unsigned chores_end(Chores *c, Database *d)
{
        unsigned done = chores_closed(c);

        return c->sign_us != UINT64_MAX ? done | sign(c, d) : done;
}
