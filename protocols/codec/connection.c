/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/codec/connection.h"

#include "base/error.h"
#include "base/str.h"
#include "limits.h"

#include <errno.h>

static int authorize(
        void *userdata, int action, const char *a, const char *b, const char *database, const char *trigger)
{
        static const char *const functions[] = {"json_valid", "json_type", "json_extract", "->"};

        if (action == SQLITE_SELECT)
                return SQLITE_OK;
        if (action == SQLITE_READ && str_equal(a, "json_each"))
                return SQLITE_OK; /* a table of nothing but the text that is bound to it */
        if (action == SQLITE_FUNCTION)
                for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++)
                        if (str_equal(b, functions[i]))
                                return SQLITE_OK;
        return SQLITE_DENY;
}

static int interrupt(void *userdata)
{
        return 1;
}

int connection_open(sqlite3 **ret)
{
        const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
        sqlite3_stmt *declare = NULL;
        sqlite3 *db = NULL;

        if (sqlite3_open_v2(":memory:", &db, flags, NULL) != SQLITE_OK) {
                (void)sqlite3_close(db); /* nothing was prepared: cannot fail */
                return error_origin(-ENOMEM);
        }
        /* json_each() declares itself when it is first named, which the authorizer would deny. */
        (void)sqlite3_prepare_v2(db, "SELECT value FROM json_each('[]')", -1, &declare, NULL);
        (void)sqlite3_finalize(declare); /* whether it is there shows when it is needed */
        (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        (void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
        (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
        (void)sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
        (void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 8 * (int)LIMIT_BODY);
        (void)sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, 8192);
        (void)sqlite3_limit(db, SQLITE_LIMIT_COMPOUND_SELECT, 1);
        (void)sqlite3_limit(db, SQLITE_LIMIT_WORKER_THREADS, 0);
        (void)sqlite3_set_authorizer(db, authorize, NULL);
        sqlite3_progress_handler(
                db, 10000, interrupt, NULL); /* our statements take a few hundred operations */
        *ret = db;
        return 0;
}

int connection_step(sqlite3_stmt *statement)
{
        (void)sqlite3_stmt_status(
                statement, SQLITE_STMTSTATUS_VM_STEP, 1); /* only the count of this step matters */
        return sqlite3_step(statement);
}
