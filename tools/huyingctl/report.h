/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A report in memory, and its forms. */
#include "tools/huyingctl/sheet.h"

#define REPORT_SHEETS_MAX 6
#define REPORT_NOTES_MAX  16
#define REPORT_BARS_MAX   64

/* One bar of a chart; value NAN: unknown. */
typedef struct ReportBar {
        char label[32];
        double value;
} ReportBar;

typedef struct ReportChart {
        char title[128];
        ReportBar bars[REPORT_BARS_MAX];
        unsigned n;
        double standard; /* a line across; NAN: none */
        const char *unit;
} ReportChart;

typedef struct Report {
        char title[128], period[128], site[64], made[20];
        Sheet sheets[REPORT_SHEETS_MAX];
        unsigned n_sheets;
        ReportChart charts[2];
        unsigned n_charts;
        char notes[REPORT_NOTES_MAX][512]; /* what it could not know, and what it stands on */
        unsigned n_notes;
} Report;

void report_note(Report *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The sheets and notes of the report on visits. 0 or a negative errno. */
int report_visits(const Ctl *, Audit *, Report *, int64_t from_us, int64_t to_us);
/* Each writes one file whole; 0 or a negative errno. */
int report_html(const Report *, const char *path);
int report_csv(const Report *, const char *path);
int report_jsonl(const Report *, const char *path);
int report_xlsx(const Report *, const char *path);
