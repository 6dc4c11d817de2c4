/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The turn: takes what is in the inbox through the engine, out to the world, and to the disk. See turn.c. */
#include "inbox.h"
#include "inflight.h"
#include "outbox.h"

typedef struct Turn Turn;

typedef struct TurnHost {
        void *userdata;
        /* Arms the timer that calls turn_run(); CLOCK_BOOTTIME, UINT64_MAX: none. */
        void (*arm)(void *userdata, uint64_t boot_us);
        /* Degraded mode begins or ends: `why` is one English line. */
        void (*degraded)(void *userdata, bool begins, const char *why);
        /* The database was lost and begun anew while we ran. */
        void (*anew)(void *userdata, const char *why);
        /* For the log and the story: a row that was journaled (before its commit). */
        void (*journaled)(void *userdata, const Effect *journal);
        /* A worker may see what he asked for: that he did is on the disk. */
        void (*view)(void *userdata, const Effect *view);
} TurnHost;

int turn_new(Turn **ret, Engine *, Store *, Inbox *, Outbox *, const TurnHost *);
Turn *turn_free(Turn *);
void turn_ports_set(Turn *, const Port *ports, size_t n_ports); /* kept by reference */
void turn_registry_set(Turn *, const Registry *);
void turn_inflight_set(Turn *, Inflight *); /* NULL at first: a crash leaves no trace */

/*
 * One turn. Returns the journal number that must be committed before answers to these events may leave; 0: none.
 * Never recursive: an event that is pushed meanwhile is taken by the same turn.
 */
uint64_t turn_run(Turn *);
/* The store has something to say: releases what its commits allow, begins or ends degraded mode. */
void turn_store(Turn *);
/* Journal number up to which connections may be written: committed, in degraded mode all. */
uint64_t turn_released(const Turn *);
uint64_t turn_committed(const Turn *);
bool turn_is_degraded(const Turn *);
/* What has moved since the start, for the watchdog. */
typedef struct TurnProgress {
        uint64_t turns;  /* each of them carries out what is due */
        uint64_t events; /* taken through the engine */
        uint64_t pumps;  /* of the outbox */
        bool waiting;    /* an event is in the inbox */
} TurnProgress;
TurnProgress turn_progress(const Turn *);
/* Nothing waits: what the engine holds is what the database holds. */
bool turn_is_clean(const Turn *);

/* What the database knew has come into the engine, at a start or later: messages that waited, and a look at all. */
void turn_adopt(Turn *);
/* The next turn looks at everything again: the roster, the registry or the clock is another. */
void turn_look(Turn *);
/* A row of the gateway itself (start, stop, registry, configuration). Returns its number. */
uint64_t turn_note(Turn *, JournalKind, const char *json);
/* The erasure itself, in the same transaction as its note. */
void turn_note_erase(Turn *, const char *resident);
/* The registry itself, in the same transaction as its note. */
void turn_note_registry(Turn *, Registry *);
/* A port has taken a message for good, or never will. */
void turn_sent(Turn *, uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq, bool ok);
/* The engine's auditor; a turn should follow. False: state contradicts itself, and only a restart helps. */
bool turn_audit(Turn *);
/* Hands over what waits, also what is lazy. For the end. */
void turn_flush(Turn *);
