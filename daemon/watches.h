/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What looks at the gateway from the side: the wall clock's steps and the auditor. */
#include "config/config.h"
#include "loop.h"
#include "turn.h"

typedef struct Watches Watches;

typedef struct WatchesHost {
        PortHost *host;
        Loop *loop;
        Turn *turn;
        const Engine *engine;
        const Config *config;
        int64_t trusted_floor_us; /* the last trusted journal time, 0: none */
} WatchesHost;

int watches_new(Watches **ret, const WatchesHost *);
Watches *watches_free(Watches *); /* takes NULL; NULL */
/* Before and after every turn; both take NULL (the gateway is not whole yet). */
void watches_before(Watches *);
void watches_after(Watches *);
