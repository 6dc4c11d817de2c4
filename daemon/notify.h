/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Words to the service manager that never wait for it. sd_notify() blocks when the manager does not read its socket,
 * and the loop that calls people must not stand still because PID 1 does.
 */

#include <stdbool.h>
#include <stdint.h>

/* Sends one datagram ("READY=1", "STATUS=…") to NOTIFY_SOCKET; without a manager, or with a deaf one, nothing. */
void notify_manager(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* What was told last. */
typedef struct NotifyStatus {
        uint32_t open, waiting;
        bool degraded;
        uint64_t told_us;
} NotifyStatus;

/* STATUS=, when it has changed: at most once a second, since each is a message to somebody; the turn of the next second
 * tells the rest. not_recorded: why the disk does not answer, NULL: it does. */
void notify_status(NotifyStatus *, uint32_t open, uint32_t waiting, const char *not_recorded, uint64_t boot_us);
