/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What must have moved between two looks, so that the service manager may be told that we are alive. */
#include "loop.h"

typedef struct Watchdog Watchdog;

typedef struct WatchdogView {
        uint64_t turns, events, pumps, beats; /* counters: the turn, the inbox, the outbox, the store's thread */
        bool waiting;                         /* an event lies in the inbox */
        bool overdue;                         /* the ladder should have gone on long ago */
        bool resting;                         /* the store's thread is not on the disk */
} WatchdogView;

/* NULL: everything has moved. Else what has not: "inbox", "timer", "outbox", "store". */
const char *watchdog_stuck(const WatchdogView *before, const WatchdogView *now);

typedef struct WatchdogHost {
        void *userdata;
        void (*look)(void *userdata, WatchdogView *ret);
        void (*poke)(void *userdata); /* makes each part move that has nothing to do */
        void (*feed)(void *userdata); /* tells the manager that all is well */
} WatchdogHost;

/* Looks four times within that time, from now on; feeds at once. */
int watchdog_new(Watchdog **ret, Loop *, uint64_t within_us, const WatchdogHost *);
Watchdog *watchdog_free(Watchdog *);
