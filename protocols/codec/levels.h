/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What is remembered of sensors that speak in levels ("smoke": true) rather than in events: see profile.c for why
 * each rule is as it is.
 *
 *                   says true                              says false
 *   not known       raise                                  fall, once
 *   false           raise                                  nothing
 *   true            nothing; after 10 minutes: stuck, once fall
 *   true, doubtful  identical message: nothing             fall
 *                   another message: raise
 *
 * A level is doubtful when messages may have been lost since: when the caller's count of such occasions has grown.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEVELS_MAX 32768u

typedef struct Levels Levels;

typedef enum LevelStep { LEVEL_NOTHING, LEVEL_RAISE, LEVEL_FALL, LEVEL_STUCK } LevelStep;

typedef struct LevelSaid {
        uint64_t key;     /* of (device, kind) */
        uint64_t payload; /* a hash of the message */
        uint32_t doubts;  /* how often messages may have been lost until now */
        uint32_t now_s;   /* CLOCK_BOOTTIME */
        bool on;
        bool held; /* somebody else (the engine) remembers this level as long as its matter is open: a doubtful one may
                      always be said again, and it is never stuck */
} LevelSaid;

int levels_new(Levels **ret);
Levels *levels_free(Levels *);

/* A full table forgets: then every true is a raise. */
LevelStep levels_step(Levels *, const LevelSaid *);
/* False: this is the newest stamp of this key again, within a minute: one press that is told more than once. Later
 * it is a counter that has begun anew. */
bool levels_stamp(Levels *, uint64_t key, uint64_t stamp, uint32_t now_s);
/* Messages about this one may have been lost. */
void levels_doubt(Levels *, uint64_t key);
/* Nothing is known any more. */
void levels_forget(Levels *);
/* Known to be true, doubtful or not. */
bool levels_on(const Levels *, uint64_t key);

/*
 * Memory over a restart, in `size` bytes of the caller (a mapped file), which may hold what an earlier process left
 * there; all of it comes back doubtful. Nothing is written to it but by levels_keep(): call that only when the alarms
 * of all messages so far are durable, else a crash could leave a level that is remembered and an alarm that is not.
 */
size_t levels_memory_size(void);
void levels_memory(Levels *, void *memory, size_t size);
void levels_keep(Levels *);
