/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A table in memory with stable columns, and its forms: terminal (libsmartcols), JSON, JSON lines, CSV, HTML, XLSX.
 * CSV: UTF-8 with BOM, CRLF, every cell quoted; a cell that a spreadsheet would take for a formula gets a leading '.
 */
#include "tools/huyingctl/huyingctl.h"

typedef struct SheetColumn {
        const char *key, *zh, *en; /* key: stable, for programs */
        bool number;
} SheetColumn;

typedef struct Sheet {
        const SheetColumn *columns;
        unsigned n_columns;
        char **cells; /* row by row; NULL: nothing known */
        size_t n_rows, cap;
        char title[160];
} Sheet;

void sheet_init(Sheet *, const SheetColumn *columns, unsigned n_columns, const char *title);
void sheet_deinit(Sheet *);
/* As many as there are columns; copied. NULL or "": empty. */
void sheet_row(Sheet *, const char *const *cells);
const char *sheet_cell(const Sheet *, size_t row, unsigned column); /* "" when empty */

void sheet_csv(const Sheet *, FILE *);
void sheet_jsonl(const Sheet *, FILE *);
void sheet_html(const Sheet *, FILE *);
void html_text(FILE *, const char *text);
/* By the options: --json, --csv, --jsonl, or a table through a pager. Says so when there are no rows. */
Exit sheet_print(const Ctl *, const Sheet *);
