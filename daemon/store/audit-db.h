/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What audit.c, query.c and proof.c share: the handle. */
#include "store/audit.h"

#include <sqlite3.h>

#define AUDIT_SLICE_ROWS 20000u /* rows looked at in one transaction */

struct Audit {
        sqlite3 *db;
        bool terse; /* numbers have no text */
};

/* SQLite's code as ours: 0, -ENOMEM or -EIO. */
int audit_failed(int rc);
