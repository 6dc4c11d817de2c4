/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The event loop: sd-event behind the few calls that adapters and the daemon's top need (PortHost's first part). */
#include "protocols/port.h"

typedef struct Loop Loop;

int loop_new(Loop **ret);
Loop *loop_free(Loop *);
int loop_run(Loop *);                 /* until loop_exit() */
void loop_exit(Loop *, int code);     /* loop_run() returns it */
int loop_step(Loop *, uint64_t wait_us); /* one iteration, for tests; > 0 when something ran */
/* Signals arrive in the loop; they are blocked in the whole process. */
int loop_signal(Loop *, int signo, void (*fn)(void *userdata, int signo), void *userdata);

int loop_watch(Loop *, PortWatch **ret, int fd, uint32_t events, PortPriority, void (*fn)(void *, uint32_t), void *userdata);
int loop_watch_set(PortWatch *, uint32_t events);
PortWatch *loop_watch_free(PortWatch *);
int loop_timer(Loop *, PortTimer **ret, PortPriority, void (*fn)(void *), void *userdata);
int loop_timer_set(PortTimer *, uint64_t after_us); /* UINT64_MAX: off */
int loop_timer_at(PortTimer *, uint64_t boot_us);   /* CLOCK_BOOTTIME; UINT64_MAX: off */
PortTimer *loop_timer_free(PortTimer *);
