/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A seeded world around the real engine, turn, inbox, outbox and codecs.
 *
 * What is simulated: time (clock.c's functions), the disk (store.h, on a disk that commits late, hangs, fails, is begun
 * anew, and keeps only what it committed when the daemon dies), the network, devices that retransmit until their
 * receipt, and people who answer, decline, forget, sleep, or have no signal. The daemon may die between any two
 * messages of a turn. The same seed gives the same run to the byte.
 *
 *   world.c       time, chance, the agenda, one run
 *   faults.c      which faults happen: drawn by the seed, or named on the command line
 *   places.c      the registry and the ladders
 *   daemon.c      what gateway.c puts together, with a port that is the simulated network
 *   disk.c        store.h over a disk in memory; chain.c the journal that lies on it
 *   devices.c, wearers.c, people.c   who is around the gateway (tests/scenario has a script in their place)
 *   invariants.c  SEMANTICS.md section 10, each a function with a sentence for a name; count.c counts them
 *   requests.c    … section 9: what is said of everyday requests
 *   main.c        the command line, and the shrinker
 */
#include "engine/engine.h"
#include "protocols/port.h"
#include "store/store.h"
#include "turn.h"

#include <setjmp.h>

#define DEVICES_MAX   32
#define PEOPLE_MAX    24
#define PRESSES_MAX   8192
#define INCIDENTS_MAX 65536
#define WALL_START_US (1790000000ll * 1000000)

/* Everything that a seed may do to the gateway; each kind has its own stream of chance. */
typedef enum FaultKind {
        FAULT_CRASH,    /* dies between two messages of a turn, or between a commit and its learning of it */
        FAULT_KILL,     /* dies at any time */
        FAULT_OUTAGE,   /* of deaths: stays down for minutes or hours */
        FAULT_REBOOT,   /* of deaths: the whole box starts anew */
        FAULT_NO_CLOCK, /* of reboots: 1970, and nobody says what time it is */
        FAULT_CLOCK_STEP, /* the wall clock jumps, by seconds or by ten years, and is put right later */
        FAULT_DISK_SLOW,
        FAULT_DISK_HANG,
        FAULT_DISK_FAIL,
        FAULT_DISK_ANEW, /* the database is given up and begun anew */
        FAULT_DISK_DOWN, /* no database at the start; found again later */
        FAULT_LOSS,      /* a message is lost between anybody and the gateway */
        FAULT_TWICE,     /* … or comes twice */
        FAULT_BROKER,    /* the broker is away for a while */
        FAULT_SIGNAL,    /* a phone has no signal for a while */
        FAULT_SLEEP,     /* a person does not look */
        FAULT_DECLINE,
        FAULT_FORGET, /* accepted or arrived, and then nothing */
        FAULT_RELEASE,
        FAULT_ODD,   /* a person does anything else that can be said */
        FAULT_OFF,   /* a person goes off duty */
        FAULT_PRESS, /* a device has something to say */
        FAULT_MORE,  /* … and says it again */
        FAULT_GARBAGE,
        FAULT_REUSE, /* a counter that began anew: an old id with a new press */
        FAULT_STRANGER,
        FAULT_FLOOD,     /* many strangers */
        FAULT_VITALS,    /* readings beyond their limits */
        FAULT_SILENT,    /* a device misses its heartbeat */
        FAULT_WANDER,    /* a resident leaves the circle around home */
        FAULT_TAKEN_OFF, /* … or takes the wristband off */
        FAULT_STILL,     /* nothing moves at home */
        FAULT_MAX,
} FaultKind;

enum {
        STREAM_DISK = FAULT_MAX,
        STREAM_NET,
        STREAM_CLOCK,
        STREAM_CHECK,
        STREAM_LIFE,
        STREAM_WORLD,
        STREAM_DEVICE,
        STREAM_PERSON = STREAM_DEVICE + DEVICES_MAX,
        STREAM_MAX = STREAM_PERSON + PEOPLE_MAX
};

typedef struct World {
        uint64_t seed;
        uint64_t streams[STREAM_MAX];
        uint64_t now_us;     /* true time since the start of the run */
        uint64_t boot_at_us; /* true time of the box's boot */
        uint64_t calm_us;    /* true time at which the faults ended */
        int64_t wall_off_us; /* wall = true + this */
        int64_t drift_ppm;
        uint32_t boot, incidents_max;
        bool trusted, calm; /* calm: the faults have ended */
        bool clocks_wrong;  /* the wall clock has been wrong in this run */
        bool history_lost;  /* the database has been begun anew, or was not there */
        bool unsure;        /* … and since then nobody has found what is on the disk to be what lives */
        bool by_hand;       /* a script starts the daemon again */
        bool trace;
        jmp_buf death; /* the daemon dies here */
        bool alive, broker_up;
        uint64_t steps, deaths, presses, commits, alerts, receipts, accepts, turns, compared, rows, faults;
} World;

extern World world;
extern double world_days;

/* Randomness: splitmix64, one stream for each purpose, so that a fault that is left out does not shift the others. */
uint64_t rnd(unsigned stream);
double rnd_unit(unsigned stream);
bool chance(unsigned stream, double p);
uint64_t rnd_between(unsigned stream, uint64_t low, uint64_t high);

/* faults.c */
typedef struct FaultChoice { /* what may happen */
        bool named;          /* only what is named */
        bool all[FAULT_MAX];
        uint32_t *only; /* (kind << 24 | occurrence) */
        size_t n_only;
} FaultChoice;
extern FaultChoice fault_choice;
void faults_draw(void);
bool fault(FaultKind, double p); /* does it happen here? p is the most that a seed draws */
double fault_dose(FaultKind);    /* 0 … 1: how much of this kind this seed has */
const char *fault_word(FaultKind);
bool fault_parse(const char *word, FaultKind *ret);
/* Told of each fault that happens: for the shrinker. NULL: nobody listens. */
extern void (*fault_listener)(FaultKind, uint32_t occurrence);

/* The agenda: calls fn(arg) when the true time has come; equal times in the order of asking. */
void later(uint64_t after_us, void (*fn)(uint64_t arg), uint64_t arg);
uint64_t number_in(const char *json, const char *member); /* behind it ("\"seq\":"); 0: none, or null */
void trace(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Ends the run: prints the invariant and the command that repeats it. */
_Noreturn void broken(const char *invariant, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool world_in_full(void);               /* most seeds leave out what is only dear: a sixteenth does not */
extern void world_begin(uint64_t seed); /* everything but who is around */
void world_run_until(uint64_t end_us);
void world_run(uint64_t seed); /* one seed, from start to end */
void world_end(void);

/* places.c */
extern const Registry *sim_registry;
extern Policy sim_policy;
void places_build(void);
void places_watch(
        void); /* from now on with rules for residents, and a sensor at one's home; scenarios have none */
const char *person_code(uint32_t i); /* from 0; NULL: no more */
const char *device_code(uint32_t i);
bool person_is_plain(const char *code);

/* daemon.c */
extern void (*row_listener)(const Effect *journal); /* NULL: nobody listens */
void daemon_start(void);
void daemon_wake(uint64_t arg); /* starts it unless it lives */
void daemon_connected(void);    /* the broker is back, and knows nothing */
void daemon_broker_gone(void);
void daemon_die(void);
void daemon_restart(uint64_t after_us, bool reboot, bool no_clock);
void daemon_turn(void);  /* the timer or a message: one turn */
void daemon_store(void); /* the disk reported */
#define CRASH_RARE 0.0015
void maybe_die(double p); /* a point where the daemon may die */
void daemon_merged(void); /* the database has come into the running engine */
Engine *daemon_engine(void);
bool daemon_degraded(void);
void daemon_clock_stepped(void);
void daemon_roster(void);
/* Gives an event to the daemon as if it came from the network; false: it is down, the message is lost. */
bool daemon_alarm(const char *device, const char *id, const char *json, bool retained);
bool daemon_vitals(const char *device, const char *json);
bool daemon_status(const char *device, const char *json);
bool daemon_action(const char *worker, const char *json, bool retained);
bool daemon_words(const char *worker, const char *text);
bool daemon_presence(const char *worker, bool online);
/* The beats of all apps whose phone is alive, in one turn. */
void daemon_beats(bool (*alive)(uint32_t person));

/* disk.c: store.h, and what is on the disk */
void disk_reset(void);
void disk_power_cut(void); /* what was not committed is gone */
uint64_t disk_last_seq(void);
bool disk_has_event(const char *id);
uint32_t disk_event_count(const char *id);
bool disk_state(uint64_t incident, StateRow *ret);
void disk_each_state(void (*fn)(const StateRow *, void *), void *userdata);
uint32_t disk_outbox_count(void);
void disk_each_outbox(void (*fn)(uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq));
typedef enum DiskOrder { DISK_WELL, DISK_HANGS, DISK_FAILS } DiskOrder;
void disk_order(DiskOrder); /* for scenarios: from now on */

/* chain.c: the journal on the disk, of a seed in sixteen */
bool chain_is_kept(void);
JournalRecord *chain_copy(const JournalRecord *); /* with its body; free() it */
void chain_write(const JournalRecord *);
void chain_sync(void);
void chain_undo(void);   /* the transaction failed */
void chain_lost(void);   /* the daemon is dead: what is not synced is gone */
void chain_open(void);   /* by the next daemon */
void chain_anew(void);   /* the database is set aside */
void chain_forget(void); /* another world */
void chain_verify(void); /* every row */

/* devices.c and people.c, or tests/scenario/script.c: what the gateway's messages do */
void people_begin(void);
void people_alert(const PortAlert *);
void people_reply(const char *worker, const char *json);
void devices_receipt(const PortReceipt *);
void devices_lamp(const char *device, uint64_t incident, Lamp lamp);
void people_final_check(void);
/* people.c only */
void devices_begin(void);
void devices_final_check(void);
/* wearers.c: where people are, and whether they move */
void wearers_begin(void);
void wearer_beats(uint32_t device); /* of a wristband or a sensor */

/* count.c: how often each has been judged; a sentence that was never asked proves nothing */
uint64_t *count_of(const char *sentence);
#define CHECKED(sentence)                                                                                   \
        do {                                                                                                \
                static uint64_t *count;                                                                     \
                                                                                                            \
                if (!count)                                                                                 \
                        count = count_of(sentence);                                                         \
                (*count)++;                                                                                 \
        } while (0)
uint64_t watch_checks(void);
void watch_print(void); /* how often each invariant was judged */

/* requests.c: told by invariants.c */
void requests_begin(void);
void requests_row(const Effect *journal);
void requests_turn(uint64_t incident, const IncidentView *);
void requests_forget(uint64_t incident); /* what its rows said may be lost */

/* invariants.c */
void invariants_begin(void);
void watch_row(const Effect *journal);          /* a row was journaled */
void watch_call(const PortAlert *, bool taken); /* an alert has left, or found no way */
void watch_submit(void);                        /* the turn hands over to the disk */
void watch_turn(void);                          /* a turn is over */
void watch_store(void);                         /* … and the store has been asked */
void watch_whole(void);                         /* the disk has been found to hold what lives */
void watch_start(void);                         /* the daemon has started, its first turn is over */
void watch_death(void);
void watch_reply(const char *json);
void watch_receipt(const PortReceipt *);
void watch_lamp(const char *device, uint64_t incident, Lamp lamp);
void watch_drop(
        uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq); /* an outbox row is dropped */
void watch_sent(uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq);
void watch_committed(uint64_t seq, uint64_t before);
