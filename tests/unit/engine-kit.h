/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A small community in memory, an engine, and sentences to write its tests in.
 *
 * Every call that gives the engine something also proves what must always hold: engine_check(), contiguous
 * journal numbers, one NOTIFIED row for each call, one state row for each incident and list, and that an engine
 * restored from the rows so far is the same to the byte.
 *
 * Time is in seconds since the kit began; at() lives through every deadline on the way, sleep_until() does not
 * (the gateway was down).
 */
#include "engine/engine.h"

#define KIT_EFFECTS 8192

typedef struct Kit {
        Engine *engine;
        void *memory, *spare; /* the engine's, and that of the next one: mapped once, not for each step */
        size_t memory_size, spare_size;
        Limits limits;
        Policy policy;
        Registry registry;
        void *index;
        Now now;
        uint64_t start_boot_us;
        int64_t start_wall_us;
        EffectList list;
        Effect *effects; /* since the last forget() */
        uint32_t n;
        StateRow *rows; /* the "database": one for each incident number */
        KeyRow *keys;
        MarkRow *marks; /* the newest of each (kind, id) */
        uint32_t n_rows, n_keys, n_marks;
        uint64_t next_seq;
        bool phones_off;     /* else every app confirms at once what reaches it */
        bool unchecked_rows; /* clocks were set by hand: stored offsets differ */
} Kit;

void kit_index(Kit *); /* after a change of the registry's codes or workers */
void kit_begin(Kit *);
void kit_begin_with(Kit *, uint32_t incidents_max, uint32_t keys_max);
void kit_end(Kit *);
/* The process was killed and is started again: a fresh engine from the rows. The clock goes on. */
void kit_restart(Kit *);
/* Also another boot: CLOCK_BOOTTIME begins anew, `down` seconds later by the wall. */
void kit_reboot(Kit *, double down, bool trusted);
/* The people of the registry that are no more, by code. */
void kit_remove_worker(Kit *, const char *code);
void kit_set_client(Kit *, const char *code, Client);
uint32_t kit_worker(const Kit *, const char *code);

void at(Kit *, double seconds);
void sleep_until(Kit *, double seconds);
void step(Kit *, Event *);

Event device_event(AlarmKind, const char *device, const char *id);
Event action_of(ActionKind, const char *worker, uint64_t incident, const char *nonce);
void alarm(Kit *, AlarmKind, const char *device, const char *id);
void press(Kit *, const char *device, const char *id);
void act(Kit *, ActionKind, const char *worker, uint64_t incident);
void resolve(Kit *, const char *worker, uint64_t incident, const char *outcome);
void vitals(Kit *, const char *device, Vital, double value);
void status(Kit *, const char *device); /* {} */
StatusEvent nothing_said(void);
void status_says(Kit *, const char *device, StatusEvent);
/* The policy was changed: in force from now on. */
void kit_policy(Kit *);
uint32_t kit_device(const Kit *, const char *code);
void presence(Kit *, const char *worker, bool online);
void roster_changed(Kit *);

/* What came out since the last forget(), which these do not do. */
uint32_t notified(const Kit *, const char *worker); /* calls of this person; "exec": the programs */
uint32_t notified_why(const Kit *, const char *worker, Reason);
uint32_t rows(const Kit *, JournalKind);
const JournalRow *row(const Kit *, JournalKind); /* the newest, or NULL */
const Effect *newest(const Kit *, EffectType);
uint32_t count(const Kit *, EffectType);
void forget(Kit *);
/* Exactly these were called since the last forget(), however often; then forgets. Ends with NULL. */
void expect_notified(Kit *, const char *worker, ...) __attribute__((sentinel));
void expect_nobody(Kit *);
void expect_reply(const Kit *, ReplyResult, Reason);
Lamp lamp(const Kit *, const char *device); /* the newest lamp word */
IncidentView view(const Kit *, uint64_t incident);
State state(const Kit *, uint64_t incident);
uint8_t tier(const Kit *, uint64_t incident);
/* What a desk writes down, cut where it is longer than an event keeps. */
Event request_of(const char *worker, const char *resident, const char *text);
/* A step, and its reply. */
void replied(Kit *, Event, ReplyResult, Reason);
