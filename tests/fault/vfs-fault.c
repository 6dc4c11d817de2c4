/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fault/vfs-fault.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <string.h>

#include "base/assert.h"

typedef struct FaultFile {
        sqlite3_file base;
        sqlite3_io_methods methods;
        sqlite3_file *real; /* behind this struct */
} FaultFile;

static sqlite3_vfs *real_vfs;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static VfsFault fault;
static unsigned skip, hanging;
static atomic_uint syncs;

void vfs_fault_set(VfsFault f, unsigned after)
{
        ASSERT(pthread_mutex_lock(&mutex) == 0);
        fault = f;
        skip = after;
        ASSERT(pthread_cond_broadcast(&changed) == 0);
        ASSERT(pthread_mutex_unlock(&mutex) == 0);
}

unsigned vfs_fault_hanging(void)
{
        unsigned n;

        ASSERT(pthread_mutex_lock(&mutex) == 0);
        n = hanging;
        ASSERT(pthread_mutex_unlock(&mutex) == 0);
        return n;
}

unsigned vfs_fault_syncs(void)
{
        return atomic_load(&syncs);
}

/* True: this call is hit by one of the faults of the set. */
static bool hit(unsigned set)
{
        bool yes;

        ASSERT(pthread_mutex_lock(&mutex) == 0);
        yes = set & 1u << fault;
        if (yes && skip > 0) {
                skip--;
                yes = false;
        }
        ASSERT(pthread_mutex_unlock(&mutex) == 0);
        return yes;
}

static FaultFile *file(sqlite3_file *f)
{
        return (FaultFile *)(void *)f;
}

static int fault_close(sqlite3_file *f)
{
        return file(f)->real->pMethods->xClose(file(f)->real);
}

static int fault_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
        int rc;

        if (hit(1u << VFS_FAULT_READ_EIO))
                return SQLITE_IOERR_READ;
        rc = file(f)->real->pMethods->xRead(file(f)->real, to, n, at);
        if (rc == SQLITE_OK && hit(1u << VFS_FAULT_CORRUPT))
                memset(to, 0xa5, (size_t)n);
        return rc;
}

static int fault_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
        if (hit(1u << VFS_FAULT_WRITE_EIO))
                return SQLITE_IOERR_WRITE;
        if (hit(1u << VFS_FAULT_WRITE_FULL))
                return SQLITE_FULL;
        return file(f)->real->pMethods->xWrite(file(f)->real, from, n, at);
}

static int fault_truncate(sqlite3_file *f, sqlite3_int64 size)
{
        if (hit(1u << VFS_FAULT_WRITE_EIO))
                return SQLITE_IOERR_TRUNCATE;
        return file(f)->real->pMethods->xTruncate(file(f)->real, size);
}

static int fault_sync(sqlite3_file *f, int flags)
{
        atomic_fetch_add(&syncs, 1);
        if (hit(1u << VFS_FAULT_SYNC_EIO))
                return SQLITE_IOERR_FSYNC;
        ASSERT(pthread_mutex_lock(&mutex) == 0);
        hanging++;
        while (fault == VFS_FAULT_SYNC_HANG)
                ASSERT(pthread_cond_wait(&changed, &mutex) == 0);
        hanging--;
        ASSERT(pthread_mutex_unlock(&mutex) == 0);
        return file(f)->real->pMethods->xSync(file(f)->real, flags);
}

static int fault_size(sqlite3_file *f, sqlite3_int64 *ret)
{
        return file(f)->real->pMethods->xFileSize(file(f)->real, ret);
}

static int fault_lock(sqlite3_file *f, int level)
{
        return file(f)->real->pMethods->xLock(file(f)->real, level);
}

static int fault_unlock(sqlite3_file *f, int level)
{
        return file(f)->real->pMethods->xUnlock(file(f)->real, level);
}

static int fault_reserved(sqlite3_file *f, int *ret)
{
        return file(f)->real->pMethods->xCheckReservedLock(file(f)->real, ret);
}

static int fault_control(sqlite3_file *f, int op, void *arg)
{
        return file(f)->real->pMethods->xFileControl(file(f)->real, op, arg);
}

static int fault_sector(sqlite3_file *f)
{
        return file(f)->real->pMethods->xSectorSize(file(f)->real);
}

static int fault_device(sqlite3_file *f)
{
        return file(f)->real->pMethods->xDeviceCharacteristics(file(f)->real);
}

static int fault_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
        return file(f)->real->pMethods->xShmMap(file(f)->real, page, size, extend, ret);
}

static int fault_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
        if (flags & SQLITE_SHM_LOCK && hit(1u << VFS_FAULT_LOCK_EIO))
                return SQLITE_IOERR_SHMLOCK;
        return file(f)->real->pMethods->xShmLock(file(f)->real, offset, n, flags);
}

static void fault_shm_barrier(sqlite3_file *f)
{
        file(f)->real->pMethods->xShmBarrier(file(f)->real);
}

static int fault_shm_unmap(sqlite3_file *f, int delete)
{
        return file(f)->real->pMethods->xShmUnmap(file(f)->real, delete);
}

static const sqlite3_io_methods fault_methods = {
        .iVersion = 2,
        .xClose = fault_close,
        .xRead = fault_read,
        .xWrite = fault_write,
        .xTruncate = fault_truncate,
        .xSync = fault_sync,
        .xFileSize = fault_size,
        .xLock = fault_lock,
        .xUnlock = fault_unlock,
        .xCheckReservedLock = fault_reserved,
        .xFileControl = fault_control,
        .xSectorSize = fault_sector,
        .xDeviceCharacteristics = fault_device,
        .xShmMap = fault_shm_map,
        .xShmLock = fault_shm_lock,
        .xShmBarrier = fault_shm_barrier,
        .xShmUnmap = fault_shm_unmap,
};

static int fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
        FaultFile *ours = file(f);
        int out = 0, rc;

        f->pMethods = NULL;
        if (hit(1u << VFS_FAULT_OPEN_EIO))
                return SQLITE_IOERR;
        if (hit(1u << VFS_FAULT_READONLY)) {
                flags &= ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
                flags |= SQLITE_OPEN_READONLY;
        }
        ours->real = (sqlite3_file *)(void *)(ours + 1);
        rc = real_vfs->xOpen(real_vfs, name, ours->real, flags, &out);
        if (rc != SQLITE_OK)
                return rc;
        if (ret_flags)
                *ret_flags = out;
        ours->methods = fault_methods;
        if (ours->real->pMethods->iVersion < 2)
                ours->methods.iVersion = 1;
        f->pMethods = &ours->methods;
        return SQLITE_OK;
}

void vfs_fault_register(void)
{
        static sqlite3_vfs vfs;

        if (real_vfs)
                return;
        real_vfs = sqlite3_vfs_find(NULL);
        ASSERT(real_vfs);
        vfs = *real_vfs; /* everything else goes to the real one with its own data */
        vfs.pNext = NULL;
        vfs.zName = "fault";
        vfs.szOsFile = (int)sizeof(FaultFile) + real_vfs->szOsFile;
        vfs.xOpen = fault_open;
        ASSERT(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK);
}
