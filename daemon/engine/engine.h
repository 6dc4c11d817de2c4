/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The alarm engine: time and events go in, effects come out.
 *
 * Pure: no I/O, no clock, no allocation, no randomness. The same calls give the same effects and the same
 * state to the byte, which is what the simulator and the replay stand on. SEMANTICS.md is the specification;
 * engine.c dispatches, incident.c owns one incident's life, ladder.c owns tiers, rounds and notices, check.c
 * holds every invariant as an assertion.
 */
#include "engine/effect.h"

#define OUTCOMES_MAX   32
#define STATE_BLOB_MAX 4096

/* Results > 0 of engine_step() and engine_expire(): documented conditions. */
enum {
        ENGINE_E_MORE = 1, /* the list is full: hand it over, then call engine_expire() again */
};
/* Results > 0 of engine_restore(). */
enum {
        ENGINE_E_FULL = 1,    /* no room: the incident was not restored */
        ENGINE_E_VERSION = 2, /* the blob is of a later version */
        ENGINE_E_BROKEN = 3,  /* the blob contradicts itself */
};

typedef struct Limits {
        uint32_t incidents_max; /* open (and resolved, not yet closed) incidents */
        uint32_t keys_max;
        uint32_t devices_max; /* supervised, and residents; 0: 1,024 */
} Limits;

typedef struct Tier {
        bool present;
        uint64_t delay_us; /* from the start of the round */
        uint32_t roles;    /* bit Role */
} Tier;

/* One ladder. A copy is taken into each incident when it opens: a new configuration never alters a running one. */
typedef struct ClassPolicy {
        uint8_t priority; /* 1 … 5 */
        Tier tiers[TIERS_MAX];
        uint64_t renotify_us;   /* newest tier again; 0: never */
        uint64_t receipt_us;    /* delivery receipt awaited; 0: not */
        uint64_t loop_us;       /* all tiers again when the ladder is exhausted; never 0 */
        uint64_t arrive_by_us;  /* from acceptance; 0: no limit of its own, then a day */
        uint64_t handle_by_us;  /* from arrival; 0: no limit of its own, then a day */
        uint64_t arrive_max_us; /* from opening, moved by nothing; 0: none */
        uint64_t reopen_us;     /* after RESOLVED */
        uint32_t outcomes;      /* bit: index into Policy.outcomes */
} ClassPolicy;

/* A program that reaches one person: SMS, voice. Opened when the first way to him has not been confirmed. */
typedef struct PersonChannel {
        char name[32];       /* workers name it exec:NAME */
        bool personal;       /* false: one of the programs that are called with the tiers */
        uint32_t roles;      /* bit Role: theirs without being named */
        uint8_t priority;    /* for incidents of this priority or more urgent */
        uint64_t receipt_us; /* a receipt is awaited for so long */
        uint64_t gap_us;     /* between two to the same person, whatever for */
} PersonChannel;

#define WORK_SPANS_MAX 4
#define URGENT_SIZE    1024

/* When people work: for limits in working time. Holidays and days worked instead are the registry's. */
typedef struct WorkHours {
        uint16_t days; /* bit 0 Sunday … bit 6 Saturday: the usual week */
        uint8_t n;     /* spans of a day, in order; 0: the whole day */
        struct {
                uint16_t from, to; /* minutes of the day; `to` is not included */
        } spans[WORK_SPANS_MAX];
} WorkHours;

/* Everyday requests (request.c). Limits of the levels are the distances of the ladder's tiers. */
typedef struct RequestPolicy {
        WorkHours hours;
        uint64_t assign_us;   /* working time in which somebody must have it; 0: no such limit */
        uint64_t waiting_us;  /* may be waited for, in total */
        uint64_t call_back_us; /* after DONE the resident is to be asked within; then reminded as often */
        bool working_days;    /* the levels' limits pass on working days only */
        char urgent[URGENT_SIZE]; /* words, split at spaces, that make a request an SOS */
} RequestPolicy;

typedef struct Policy {
        ClassPolicy classes[CLASS_MAX];
        char outcomes[OUTCOMES_MAX][WORD_SIZE]; /* "" = unused */
        char default_grid[CODE_SIZE];           /* for sources that we cannot place */
        uint64_t presence_lost_us;              /* 180 s */
        uint64_t presence_grace_us;             /* 60 s after our or the broker's restart: unknown counts as present */
        uint32_t exec_channels;                 /* programs that are called with the tiers; 0: none */
        uint8_t exec_priority;                  /* … for incidents of this priority or more urgent */
        /* Supervision (supervision.c); 0: off. */
        uint64_t beat_us[DEVICE_CLASS_MAX]; /* where the registry gives none */
        uint64_t proof_us;                  /* between two proof tests */
        uint64_t not_worn_us;               /* a worn device may be off that long */
        uint64_t mains_us;                  /* … and a fed one without mains */
        uint64_t no_data_us;                /* a wristband that lives and sends no readings, at least */
        uint8_t battery_low, battery_empty; /* percent; 0: off */
        uint8_t signal_weak;                /* so many dBm below 0; 0: off */
        /* Readings (vitals.c): rules besides the person's own limits. */
        uint8_t vital_score, vital_rate; /* 0: off */
        PersonChannel channels[PERSON_CHANNELS_MAX]; /* by [Channel NAME], in the order of the file */
        /* Visits (visit.c) */
        uint64_t visit_min_us;    /* a shorter one does not count */
        uint64_t visit_remind_us; /* who has not checked out by then is reminded; 0: nobody is */
        uint64_t visit_max_us;    /* by then it is over, and does not count */
        uint32_t visits_year;     /* a bed's plan, where the registry gives none */
        RequestPolicy requests;
} Policy;

/* One incident's row in the store: the columns that queries need, and the rest as a versioned blob. */
typedef struct StateRow {
        uint64_t id, last_seq;
        uint8_t group, class, state, priority, tier;
        uint32_t round, device, resident, dwelling, grid, owner;
        int64_t opened_us, accepted_us, arrived_us, resolved_us, closed_us; /* wall; 0: not (yet) */
        int64_t due_wall_us;  /* the next deadline; 0: none (closed) */
        uint64_t due_boot_us; /* the same in CLOCK_BOOTTIME of … */
        uint32_t boot;        /* … this boot */
        char source[CODE_SIZE], outcome[WORD_SIZE];
        uint32_t blob_size;   /* 0 when closed */
        uint8_t blob[STATE_BLOB_MAX];
} StateRow;

/* A priority 1 ladder that at some hour ends with nobody (SEMANTICS.md section 6). */
typedef struct RosterProblem {
        Class class;
        uint8_t tier;
        uint32_t grid, roles; /* bit Role */
        int64_t wall_us;      /* the first such hour */
} RosterProblem;

/*
 * True: in every hour of the next 14 days the last tier of each priority 1 ladder has somebody on duty for each
 * grid where people live. Pure; for an import, a start and a reload.
 */
bool roster_check(const Registry *, const Policy *, Now, RosterProblem *ret);
/* Roles (bits) that some ladder calls, that may accept, and that nobody in the registry has. */
uint32_t roster_missing_roles(const Registry *, const Policy *);

typedef struct Engine Engine;

/* Bytes for these limits; the memory must be aligned to 64 and zeroed, and outlive the engine. */
size_t engine_size(const Limits *);
Engine *engine_init(void *memory, size_t size, const Limits *, const Policy *);

/* A new configuration: for incidents opened from now on. */
void engine_policy_set(Engine *, const Policy *);
/* The registry to look people and places up in; it must outlive its use. An EVENT_ROSTER should follow. */
void engine_registry_set(Engine *, const Registry *);
/* Numbering goes on from these (both at least 1). Only ever upwards. */
void engine_numbers_set(Engine *, uint64_t next_incident, uint64_t next_seq);
uint64_t engine_next_incident(const Engine *);
uint64_t engine_next_seq(const Engine *);

/*
 * Rows in id order at start; also merges into a running engine after degraded mode. Deadlines of this boot keep
 * their CLOCK_BOOTTIME; those of another boot are converted by the wall clock if trusted, else treated as
 * SEMANTICS.md section 4 says. Overdue ones fire at the next engine_expire(), marked late.
 */
int engine_restore(Engine *, const StateRow *, Now);
void engine_restore_key(Engine *, const KeyRow *); /* oldest first */
void engine_restore_duty(Engine *, uint32_t worker, bool on, int64_t wall_us);

/*
 * Steps one event. Everything due by `now` should have been expired before; with more overdue than one may wait for,
 * whom the event makes us call is called first. The list is cleared first.
 * 0, or ENGINE_E_MORE: there is more to send, now due, which engine_expire() gives.
 */
int engine_step(Engine *, const Event *, Now now, EffectList *ret);
/* Everything due by now, in the order (due, priority, id). The list is cleared first. */
int engine_expire(Engine *, Now now, EffectList *ret);
/*
 * Proves that every open incident has the timers of its state and that priority 1 ladders call, and mends what it can;
 * for every 5 s while something is open, after engine_expire(), and again soon while engine_audit_more() says that not
 * all have been looked at: one call looks at a few hundred. outbox_us: how long the oldest message to a person,
 * SYSTEM apart, has not been taken; 0: none waits. The list is cleared first. False: state contradicts itself.
 */
bool engine_audit(Engine *, Now now, uint64_t outbox_us, EffectList *ret);
bool engine_audit_more(const Engine *);
/* CLOCK_BOOTTIME of the next deadline; UINT64_MAX: none. */
uint64_t engine_deadline(const Engine *);

/* The receipt with this number has left for a device. True: its incident's row has changed, for the figures. */
bool engine_receipted(Engine *, uint64_t incident, uint64_t seq, Now now);
/* The incident's row as it is now. False: no such incident in memory. */
bool engine_state_row(const Engine *, uint64_t incident, Now now, StateRow *ret);
bool engine_view(const Engine *, uint64_t incident, Now now, IncidentView *ret);
/* The same without its texts and the other matters of its dwelling: for whoever counts. */
bool engine_view_numbers(const Engine *, uint64_t incident, Now now, IncidentView *ret);
/* The n-th person told (from 0); false: there is no n-th. */
bool engine_recipient(const Engine *, uint64_t incident, uint32_t n, Now now, RecipientView *ret);
/* All of them, in the same order. Returns how many; 0 also where there is no such incident in memory. */
uint32_t engine_recipients(const Engine *, uint64_t incident, RecipientView ret[RECIPIENTS_MAX]);
/* The n-th device of the incident whose lamp is to follow it (from 0). NULL: there is no n-th. */
const char *engine_device(const Engine *, uint64_t incident, uint32_t n);
/* Open incidents (ALERTING, ACCEPTED, ON_SCENE) in id order: the first above `after`; 0: none. */
uint64_t engine_next_open(const Engine *, uint64_t after);
/* Also those RESOLVED and not closed. */
uint64_t engine_next_held(const Engine *, uint64_t after);
uint32_t engine_open_count(const Engine *);
/* True: the worker is on duty (rostered or checked in) and, where a presence is expected, not lost. */
bool engine_worker_on(const Engine *, uint32_t worker, Now now);

/* What outlived the restart; any order. Ids of another registry are ignored. */
void engine_restore_mark(Engine *, const MarkRow *);

/* What supervision knows of one device. Wall times, 0: none or never. */
typedef struct DeviceView {
        bool supervised, lost, not_worn, in_area, no_data;
        int64_t heard_us, lost_us, proof_us, shelved_us, boxed_us;
        int8_t battery;      /* percent; -1: never said */
        int16_t battery_days; /* at this rate; -1: not known */
        bool proof_overdue;
} DeviceView;
/* False: no such device in the registry. */
bool engine_device_view(const Engine *, uint32_t device, Now now, DeviceView *ret);

/* False: this worker is at no bed. */
bool engine_visit(const Engine *, uint32_t worker, VisitView *ret);

/* Every invariant of SEMANTICS.md section 10 that one state can show, as assertions. O(incidents). */
void engine_check(const Engine *);
