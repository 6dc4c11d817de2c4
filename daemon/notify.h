/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Words to the service manager that never wait for it. sd_notify() blocks when the manager does not read its socket,
 * and the loop that calls people must not stand still because PID 1 does.
 */

/* Sends one datagram ("READY=1", "STATUS=…") to NOTIFY_SOCKET; without a manager, or with a deaf one, nothing. */
void notify_manager(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
