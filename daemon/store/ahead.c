/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ahead.h"

#include <sqlite3.h>
#include <string.h>

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "store/registry.h"
#include "store/restore.h"

typedef struct Ahead {
        char *path;
        Registry *registry; /* NULL: not read, or not sound */
} Ahead;

static void ahead_free(void *data)
{
        Ahead *a = data;

        registry_unref(a->registry);
        free(a->path);
        free(a);
}

static void ahead_read(void *data)
{
        Ahead *a = data;
        sqlite3 *db = NULL;
        int rc = sqlite3_open_v2(
                a->path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

        if (rc == SQLITE_OK)
                rc = sqlite3_busy_timeout(db, 2000);
        if (rc == SQLITE_OK)
                rc = sqlite3_exec(db,
                        "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
                        " PRAGMA mmap_size = 0; BEGIN",
                        NULL, NULL, NULL);
        if (rc == SQLITE_OK)
                rc = restore_probe(db, &a->registry);
        if (rc != SQLITE_OK)
                a->registry = registry_unref(a->registry);
        (void)sqlite3_close_v2(db); /* read only: nothing to lose */
}

Aside *ahead_begin(const char *path)
{
        Ahead *a = calloc(1, sizeof(Ahead));
        Aside *aside = NULL;

        ASSERT(path);
        if (!a)
                return NULL;
        a->path = strdup(path);
        if (!a->path) {
                ahead_free(a);
                return NULL;
        }
        return aside_new(&aside, ahead_read, ahead_free, a) == 0 ? aside : NULL;
}

bool ahead_end(Aside *aside, Registry **ret)
{
        Ahead *a;
        bool sound;

        if (!aside)
                return false;
        while (!aside_wait(aside, USEC_PER_SEC))
                ; /* it hangs in the disk, as the caller would */
        a = aside_take(aside);
        sound = a->registry != NULL;
        if (sound)
                *ret = TAKE_PTR(a->registry);
        ahead_free(a);
        return sound;
}
