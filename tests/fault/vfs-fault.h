/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A VFS for SQLite over the default one, which fails as it is told while the program runs. */
#include <stdbool.h>

typedef enum VfsFault {
        VFS_FAULT_NONE,
        VFS_FAULT_SYNC_EIO,  /* a flush fails; what was written stays in the page cache, as in Linux */
        VFS_FAULT_SYNC_HANG, /* a flush does not come back until the fault is taken away */
        VFS_FAULT_WRITE_EIO,
        VFS_FAULT_WRITE_FULL,
        VFS_FAULT_OPEN_EIO, /* nothing can be opened */
        VFS_FAULT_READONLY, /* what is opened is read-only */
        VFS_FAULT_READ_EIO,
        VFS_FAULT_LOCK_EIO, /* no transaction can begin, not even to read what is cached */
        VFS_FAULT_CORRUPT,  /* reads succeed with garbage */
} VfsFault;

/* Becomes the default VFS of the process. */
void vfs_fault_register(void);
/* From the next call on; n > 0: only after n calls that it would have hit. */
void vfs_fault_set(VfsFault, unsigned after);
/* Flushes that wait in VFS_FAULT_SYNC_HANG. */
unsigned vfs_fault_hanging(void);
/* Flushes that were asked for since the start. */
unsigned vfs_fault_syncs(void);
