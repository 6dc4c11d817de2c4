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

#define SHEET_COLUMNS_MAX 40u

typedef struct Sheet {
        const SheetColumn *columns;
        unsigned n_columns;
        size_t *cells; /* row by row: where in text; 0: nothing known */
        size_t n_rows, cap;
        char *text; /* of all cells, one behind the other */
        size_t n_text, text_cap;
        char title[160];
        char heads[SHEET_COLUMNS_MAX][32]; /* what stands before each cell in JSON */
        size_t head_sizes[SHEET_COLUMNS_MAX];
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
