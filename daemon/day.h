/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What each worker sees of his day (worker/<w>/day): gathers it and says it. See day.c. */
#include "store/store.h"
#include "turn.h"

typedef struct DayFeed DayFeed;

/* Before the store's thread runs: reads today's register. The policy is looked at whenever a day is made. */
int day_new(DayFeed **ret, PortHost *, const Engine *, Store *, const Policy *);
DayFeed *day_free(DayFeed *);
/* From here on it speaks, through ports (kept by reference). */
void day_start(DayFeed *, const Turn *, const Port *ports, size_t n_ports);
void day_registry_set(DayFeed *, const Registry *);
/* A row was journaled. */
void day_journaled(DayFeed *, const Effect *, Now now);
/* After a turn. */
void day_touch(DayFeed *);
/* By which it is told of commits. */
Port day_port(DayFeed *);
/* A day was read back from the broker: cleared unless this person is in the registry, and has one. */
void day_read_back(DayFeed *, const char *worker_code);
/* Everybody's is said again. */
void day_resend(DayFeed *);
