/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One CSV file as rows of cells, each with the place where it stood; strict (RFC 4180 by libcsv). */
#include "store/registry.h"

#define CSV_COLUMNS_MAX 24

typedef struct CsvColumn {
        const char *name;
        bool optional; /* the column may be missing */
        bool lines;    /* line breaks are allowed in it */
} CsvColumn;

typedef struct CsvCell {
        const char *text; /* valid UTF-8; "" when empty, or when the column is not there */
        unsigned line, column;
} CsvCell;

typedef struct CsvTable {
        const char *file; /* base name, for errors */
        const CsvColumn *columns;
        unsigned n_columns;
        CsvCell *cells; /* n_rows × n_columns */
        size_t n_rows, cap;
        Registry *pool; /* owns the texts */
} CsvTable;

enum { CSV_E_MISSING = 2 }; /* no such file; *ret_error says so too */

/* 0, REGISTRY_E_INVALID or CSV_E_MISSING with *ret_error, or a negative errno. */
int csv_table_read(CsvTable *ret, const char *folder, const char *file, const CsvColumn *columns,
        unsigned n_columns, RegistryError *ret_error);
void csv_table_clear(CsvTable *);
/* The whole file, NUL-terminated. 0, REGISTRY_E_INVALID or CSV_E_MISSING with *ret_error, or a negative errno. */
int csv_file_read(
        char **ret, size_t *ret_size, const char *folder, const char *file, RegistryError *ret_error);

static inline const CsvCell *csv_cell(const CsvTable *t, size_t row, unsigned column)
{
        return &t->cells[row * t->n_columns + column];
}

/* Fills *ret_error and returns REGISTRY_E_INVALID. */
int csv_error_at(RegistryError *ret_error, const char *file, unsigned line, unsigned column, const char *fmt,
        ...) __attribute__((format(printf, 5, 6)));
