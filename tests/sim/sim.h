/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A seeded world around the real engine, turn, inbox, outbox and codecs.
 *
 * What is simulated: time (clock.c's functions), the disk (store.h, on a disk that commits late, hangs, fails, and
 * keeps only what it committed when the daemon dies), the network, devices that retransmit until their receipt, and
 * people who answer, decline, forget, sleep, or have no signal. The daemon may die between any two messages of a
 * turn. The same seed gives the same run to the byte.
 */
#include "engine/engine.h"
#include "protocols/port.h"
#include "store/store.h"
#include "turn.h"

#include <setjmp.h>

#define DEVICES_MAX 16
#define PEOPLE_MAX  16
#define PRESSES_MAX 4096

typedef struct Faults { /* drawn by each seed: swarm testing */
        double crash;         /* chance at each message that leaves, and at each commit */
        double crash_per_day; /* besides, at any time */
        double disk_slow, disk_hang, disk_fail; /* chance for a commit */
        double loss;          /* chance for a message between anybody and the gateway */
        double reboot;        /* of deaths: the box starts anew, without its wall clock */
        double broker_per_day;
} Faults;

typedef struct World {
        uint64_t seed, rng;
        uint64_t now_us;      /* true time since the start of the run */
        uint64_t boot_at_us;  /* true time of the box's boot */
        int64_t wall_off_us;  /* wall = true + this */
        uint32_t boot;
        bool trusted, calm;   /* calm: the faults have ended */
        bool trace;
        Faults faults;
        jmp_buf death;        /* the daemon dies here */
        bool alive, broker_up;
        uint64_t steps, deaths, presses, commits, alerts, receipts, accepts, turns, compared;
} World;

extern World world;

/* Randomness: splitmix64, the only source. */
uint64_t rnd(void);
double rnd_unit(void);
bool chance(double p);
uint64_t rnd_between(uint64_t low, uint64_t high);

/* The agenda: calls fn(arg) when the true time has come; equal times in the order of asking. */
void later(uint64_t after_us, void (*fn)(uint64_t arg), uint64_t arg);
void trace(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Ends the run: prints the invariant, the story's end and the command that repeats it. */
_Noreturn void broken(const char *invariant, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* daemon.c */
void daemon_start(void);
void daemon_wake(uint64_t arg); /* starts it unless it lives */
void daemon_connected(void);
void daemon_die(void);
void daemon_turn(void);   /* the timer or a message: one turn */
void daemon_store(void);  /* the disk reported */
void maybe_die(double p); /* a point where the daemon may die */
Engine *daemon_engine(void);
const Registry *daemon_registry(void);
/* Gives an event to the daemon as if it came from the network; false: it is down, the message is lost. */
bool daemon_alarm(const char *device, const char *id, const char *json, bool retained);
bool daemon_action(const char *worker, const char *json);
void daemon_check(void);

/* disk.c: store.h, and what is on the disk */
void disk_reset(void);
void disk_power_cut(void); /* what was not committed is gone */
uint64_t disk_last_seq(void);
bool disk_has_event(const char *id);
uint32_t disk_event_count(const char *id);
bool disk_state(uint64_t incident, StateRow *ret);
void disk_each_state(void (*fn)(const StateRow *, void *), void *userdata);

/* people.c: devices and people */
void people_reset(void);
void people_alert(const PortAlert *);
void people_reply(const char *worker, const char *json);
void devices_receipt(const char *device, const char *id, uint64_t incident, uint64_t seq);
void devices_lamp(const char *device, Lamp lamp);
void people_final_check(void);
const char *person_code(uint32_t i);
const char *device_code(uint32_t i);
