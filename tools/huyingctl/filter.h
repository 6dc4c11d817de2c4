/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the auditor asks for, as SQL: the options --resident … --until, and periods. */
#include "tools/huyingctl/huyingctl.h"

#define FILTER_ARGS_MAX 12

typedef struct Filter {
        char where[4096]; /* " AND …", parameters from ?3 on */
        AuditCell args[FILTER_ARGS_MAX];
        unsigned n;
        bool indexed; /* touches few rows: one transaction is enough */
        const char *by; /* "INDEXED BY …" where the planner would not see it, "" */
} Filter;

/* "2026-11-01", "2026-11-01 08:30" in local time, or a duration ago ("7d"). */
bool time_parse(const char *text, int64_t *ret_us);
/* Beginning and end of a local "2026-11" month, "2026-11-01" day, or of the week that a day is in. */
bool month_parse(const char *text, int64_t *ret_from_us, int64_t *ret_to_us);
bool year_parse(const char *text, int64_t *ret_from_us, int64_t *ret_to_us);
bool day_parse(const char *text, int64_t *ret_from_us, int64_t *ret_to_us);
bool week_parse(const char *text, int64_t *ret_from_us, int64_t *ret_to_us);

/* A kind of row that this version knows; words of others would be none. */
bool kind_known(int64_t kind);
/* For `incident i LEFT JOIN kpi k`, or for `journal j`. EXIT_USAGE: a value is wrong, and it was said. */
Exit filter_incidents(const Ctl *, Filter *ret);
Exit filter_events(const Ctl *, Filter *ret);
