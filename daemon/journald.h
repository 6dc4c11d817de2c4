/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Lines to the system's journal, with fields, without ever waiting for it. See journald.c. */
#include "base/log.h"

#include <stdint.h>

#define JOURNALD_SOCKET "/run/systemd/journal/socket"

/* A sink for log_sink_set(); the userdata is the path of the journal's socket, which must stay. */
void journald_sink(void *path, LogLevel level, const char *id, const char *text, const LogField *fields,
        size_t n_fields);
/* Lines that the journal had no room for, since the start. */
uint64_t journald_dropped(void);
