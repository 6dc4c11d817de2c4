/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Visits as a table. */
#include "tools/huyingctl/sheet.h"

void visits_sheet(Sheet *ret, const char *title);
/* Those that began in the period, by --resident, --worker, --grid. 0 or a negative errno. */
int visits_collect(const Ctl *, Audit *, Sheet *, int64_t from_us, int64_t to_us);
const char *service_zh(const char *service);
