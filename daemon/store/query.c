/* SPDX-License-Identifier: Apache-2.0 */
/* The auditor's queries: any reading SQL on the read-only handle, whole or in bounded transactions. */
#include <inttypes.h>

#include "base/assert.h"
#include "store/audit-db.h"

#define COLUMNS_MAX 32

static int bind_arg(sqlite3_stmt *s, int n, const AuditCell *arg)
{
        if (arg->text)
                return sqlite3_bind_text64(s, n, arg->text, arg->n, SQLITE_STATIC, SQLITE_UTF8);
        return arg->null ? sqlite3_bind_null(s, n) : sqlite3_bind_int64(s, n, arg->number);
}

void audit_spell(Audit *a, bool spell)
{
        a->terse = !spell;
}

static void cell_read(const Audit *a, sqlite3_stmt *s, int column, AuditCell *cell)
{
        int type = sqlite3_column_type(s, column);

        *cell = (AuditCell){.null = type == SQLITE_NULL};
        if (cell->null)
                return;
        if (type == SQLITE_INTEGER) {
                cell->number = sqlite3_column_int64(s, column);
                cell->real = (double)cell->number;
                if (a->terse)
                        return;
        } else if (type == SQLITE_FLOAT) {
                cell->real = sqlite3_column_double(s, column);
                cell->number = sqlite3_column_int64(s, column);
        } /* a text is no number, and trying costs more than the rest */
        cell->text = (const char *)sqlite3_column_text(s, column);
        cell->n = (size_t)sqlite3_column_bytes(s, column);
}

int audit_query(Audit *a, const char *sql, const AuditCell *args, unsigned n_args,
        bool (*fn)(void *, const AuditCell *), void *userdata)
{
        AuditCell cells[COLUMNS_MAX];
        sqlite3_stmt *s = NULL;
        int rc = sqlite3_prepare_v2(a->db, sql, -1, &s, NULL), n = 0;

        if (rc == SQLITE_OK) {
                n = sqlite3_column_count(s);
                ASSERT(n <= COLUMNS_MAX && sqlite3_stmt_readonly(s));
        }
        for (unsigned i = 0; i < n_args && rc == SQLITE_OK; i++)
                if ((int)i < sqlite3_bind_parameter_count(s))
                        rc = bind_arg(s, (int)i + 1, &args[i]);
        while (rc == SQLITE_OK) {
                rc = sqlite3_step(s);
                if (rc != SQLITE_ROW)
                        break;
                for (int i = 0; i < n; i++)
                        cell_read(a, s, i, &cells[i]);
                rc = fn(userdata, cells) ? SQLITE_OK : SQLITE_DONE;
        }
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        return audit_failed(rc);
}

typedef struct Slice {
        bool (*fn)(void *, const AuditCell *);
        void *userdata;
        bool stopped;
} Slice;

static bool slice_row(void *userdata, const AuditCell *cells)
{
        Slice *s = userdata;

        s->stopped = !s->fn(s->userdata, cells);
        return !s->stopped;
}

int audit_query_slices(Audit *a, const char *sql, uint64_t from, uint64_t to, const AuditCell *args,
        unsigned n_args, bool (*fn)(void *, const AuditCell *), void *userdata)
{
        Slice slice = {.fn = fn, .userdata = userdata};
        AuditCell all[16];
        int r = 0;

        ASSERT(n_args + 2 <= sizeof(all) / sizeof(all[0]));
        if (to > INT64_MAX)
                to = INT64_MAX;
        for (unsigned i = 0; i < n_args; i++)
                all[i + 2] = args[i];
        for (uint64_t at = from; r == 0 && at <= to && !slice.stopped; at += AUDIT_SLICE_ROWS) {
                uint64_t last = to - at < AUDIT_SLICE_ROWS ? to : at + AUDIT_SLICE_ROWS - 1;

                all[0] = (AuditCell){.number = (int64_t)at};
                all[1] = (AuditCell){.number = (int64_t)last};
                r = audit_query(a, sql, all, n_args + 2, slice_row, &slice);
        }
        return r;
}
