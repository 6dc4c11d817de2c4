/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the files of the engine share: the Engine, an Incident, and the calls between them.
 *
 * Time inside is CLOCK_BOOTTIME as a signed number of microseconds: what was due before this boot is negative,
 * so that overdue steps keep their order. Wall times are only shown and stored.
 *
 * An incident owns a fixed set of timers, due[TIMER_x]. It stands once in the heap, at the earliest of them.
 * Whoever changes due[] calls timer_set(); nobody else touches the heap.
 *
 * Nobody is called from the middle of a step. Steps mark whom to call (Incident.pending) and set TIMER_NOTIFY
 * due now; notice.c sends when nothing else of the incident is overdue. So a catch-up over many missed steps
 * calls each person once, and a list that is full goes on where it stopped.
 */
#include "base/assert.h"
#include "base/heap.h"
#include "base/idmap.h"
#include "base/places.h"
#include "engine/activity.h"
#include "engine/engine.h"
#include "engine/supervise.h"

#define NEVER            INT64_MAX
#define NO_SLOT          UINT32_MAX
#define SOURCES_MAX      4   /* devices that an incident remembers */
#define TIER_PEOPLE_MAX  32  /* called in one tier */
#define OVERFLOWS       (2 * GROUP_MAX) /* one open for each group, and the one closed in the same list */
#define BLOCK_RECIPIENTS 8  /* most incidents are told to no more */
#define WORKERS_MAX      16384
#define FLOOD_KEYS       5                              /* new unknown sources … */
#define FLOOD_US         ((int64_t)(10 * USEC_PER_MIN)) /* … in this time, then one flood incident */
#define LATE_US          ((int64_t)(5 * USEC_PER_SEC))  /* applied later than that: the gateway was away */
#define PRESS_GAP_US     ((int64_t)(10 * USEC_PER_SEC)) /* between two calls because of presses */
#define THREE_PRESSES_US ((int64_t)(60 * USEC_PER_SEC))
#define ECHO_US          ((int64_t)(2 * USEC_PER_SEC)) /* the same bytes without an id: not a press */
#define RECONFIRM_US     ((int64_t)(60 * USEC_PER_SEC))
#define ETA_MIN_US       ((int64_t)(60 * USEC_PER_SEC))
#define EARLY_US         ((int64_t)(5 * USEC_PER_SEC)) /* a bare word so soon after a round's opening */
#define HANDLE_GRACE_US  ((int64_t)(10 * USEC_PER_MIN))
#define FIRE119_ASK_US   ((int64_t)(60 * USEC_PER_SEC))
#define FIRE119_ALL_US   ((int64_t)(90 * USEC_PER_SEC))
#define BUILDING_FIRE_US ((int64_t)(5 * USEC_PER_MIN))
#define CONFIRM_BY_US    ((int64_t)(10 * USEC_PER_MIN))
#define FOLLOWUP_US      ((int64_t)(30 * USEC_PER_MIN))
#define REOPEN_AGAIN_US  ((int64_t)USEC_PER_HOUR)
#define KEY_US           ((int64_t)USEC_PER_DAY)
#define YEARS_10_US      ((int64_t)(3652 * USEC_PER_DAY))
#define FORGOTTEN_US     USEC_PER_DAY
#define LOOP_DEFAULT_US  (120 * USEC_PER_SEC)
#define SHIFT_US         ((int64_t)(8 * USEC_PER_HOUR)) /* one SYSTEM per shift and cause */
#define DUTY_HOLDS_US    ((int64_t)(16 * USEC_PER_HOUR)) /* a check-in or check-out, where there is a roster */
#define HOLD_OVER_US    ((int64_t)USEC_PER_HOUR) /* after a shift, until the successor is there */
#define GAP_GRIDS_MAX   4096                     /* grids whose duty is looked at ahead of time */
#define GAP_RENOTIFY_US  (300 * USEC_PER_SEC)
#define GAP_LOOP_US      (30 * USEC_PER_MIN)
#define BURY_US          ((int64_t)(60 * USEC_PER_SEC)) /* a closed incident can be looked at that long */
#define COVERS_MAX       8                              /* incidents that one acceptance covers */
#define LIST_ROOM        112 /* effects that any one step may need, calls to people apart */

typedef enum Timer {
        TIMER_TIER,     /* ALERTING, or a backup ladder: the next tier */
        TIMER_LOOP,     /* … all of them again */
        TIMER_RECEIPT,  /* … nobody of the newest tier has received it */
        TIMER_RENOTIFY, /* … the newest tier again */
        TIMER_OLDER,    /* … the earlier tiers again */
        TIMER_REMIND,   /* ACCEPTED */
        TIMER_ARRIVE_BY,
        TIMER_RECONFIRM,    /* ACCEPTED, ON_SCENE: pressed again, the owner must say something */
        TIMER_HANDLE_BY,    /* ON_SCENE */
        TIMER_REOPEN_UNTIL, /* RESOLVED */
        TIMER_ARRIVE_MAX,   /* any open state */
        TIMER_FIRE119,
        TIMER_CONFIRM_BY, /* handed off, not confirmed */
        TIMER_FOLLOWUP,   /* handed off and confirmed */
        TIMER_BURY,       /* CLOSED: leave the memory */
        TIMER_LOOK,       /* look at the roster again */
        TIMER_NOTIFY,     /* people are to be called: always the last of what is due */
        TIMER_LEVEL,      /* a request, any open state: the limit of the level that answers for it */
        TIMER_WAIT,       /* a request: what it waits for should be there */
        TIMER_MAX,
} Timer;

#define BIT(n) (1u << (n))

/* Whom to call: bits 0 … 4 are tiers 1 … 5. */
#define PENDING_TIER(k)   BIT((k)-1)
#define PENDING_TIERS     0x1fu
#define PENDING_OWNER     BIT(5)
#define PENDING_HELPERS   BIT(6)
#define PENDING_DESK      BIT(7)  /* who supervises */
#define PENDING_JOINED    BIT(8)  /* only who has become eligible */
#define PENDING_EXEC      BIT(9)  /* the program channels */
#define PENDING_FORMER    BIT(10) /* the previous owner of a reopened incident */
#define PENDING_SUCCESSOR BIT(11) /* to whom the owner wants to hand over */
#define PENDING_CHANNEL   BIT(12) /* who has TOLD_NEXT, on his next channel */

typedef enum KeyType {
        KEY_RESIDENT = 1,
        KEY_DWELLING,
        KEY_DEVICE,
        KEY_SOURCE,
        KEY_CAUSE,
        KEY_FLOOD,
        KEY_OVERFLOW,
        KEY_AREA,  /* a grid, or a building of it: hash */
        KEY_PROOF, /* a grid */
        KEY_REQUEST, /* a request that no key's next press belongs to: its own number */
        KEY_LAST = KEY_REQUEST
} KeyType;

enum {                           /* Recipient.flags */
        TOLD_DELIVERED = 1 << 0, /* this round */
        TOLD_SEEN = 1 << 1,
        TOLD_DECLINED = 1 << 2,
        TOLD_FAILED = 1 << 3,
        TOLD_HELPER = 1 << 4,
        TOLD_ON_SITE = 1 << 5, /* has arrived */
        TOLD_FORMER = 1 << 6,  /* accepted once and did not arrive: his next accept makes him a helper */
        TOLD_NEXT = 1 << 7,    /* is to be called on his next channel */
};

typedef struct Recipient {
        uint64_t seq;    /* of the newest attempt; 0: never called, acts all the same */
        int64_t sent_us; /* wall, whole milliseconds */
        uint32_t worker; /* 0: the program channels */
        uint8_t channel, tier, flags;
} Recipient;

typedef union RecipientBlock {
        Recipient recipients[BLOCK_RECIPIENTS];
        union RecipientBlock *next; /* free */
} RecipientBlock;

typedef struct Source {
        char code[CODE_SIZE];
        uint32_t device;
        uint16_t active; /* FIRE: bit 0 smoke, 1 heat, 2 gas, 3 co; VITAL: bit Vital; SYSTEM: bit 0; FAULT: LEVEL_x */
} Source;

/* What came of a (source, id), or of a (worker, nonce). */
typedef struct KeyEntry {
        KeyRow row;
        int64_t boot_us; /* seen in this boot; NEVER: restored */
} KeyEntry;

typedef struct OpenVisit {
        uint64_t number;  /* 0: none */
        int64_t wall_us;  /* begin */
        int64_t begin_us; /* CLOCK_BOOTTIME; NEVER: begun before our start */
        int64_t due_us;   /* reminder, or end; NEVER: neither */
        uint32_t resident;
        uint8_t service;
        bool trusted, reminded; /* the wall clock was believed when it began */
} OpenVisit;

typedef struct WorkerState {
        int64_t beat_us; /* presence: the last sign of life; valid with `seen` */
        int64_t duty_wall_us;
        int64_t acted_us; /* did something while nothing was known of him; 0: nothing */
        int64_t channel_us[PERSON_CHANNELS_MAX]; /* when he was last called there; 0: never */
        int8_t duty; /* checked in 1, out -1, 0: never said */
        bool seen, lost;
        uint32_t owned; /* the first of those that this person owns or has owned last: slot + 1; 0: none */
        OpenVisit visit;
} WorkerState;

/* What few incidents need, in a table beside that of the slots: never touched but for those. */
#define TOLD_BLOCKS 2 /* sixteen people */
typedef struct IncidentRare {
        int64_t due_wall[TIMER_MAX]; /* `undated`: what the row said, until the clock can be trusted */
        RecipientBlock *told[RECIPIENTS_MAX / BLOCK_RECIPIENTS - TOLD_BLOCKS];
        Source sources[SOURCES_MAX - 1];
} IncidentRare;

typedef struct Incident {
        uint64_t id;                     /* 0: the slot is free */
        uint64_t last_seq;               /* newest row that changed what the incident says */
        uint64_t round_seq;              /* row that opened the round */
        uint64_t opening_seq;            /* row that opened or reopened it: older answers are stale */
        uint64_t flush_seq;              /* calls since here belong to the flush that is going on; 0: none */
        uint32_t slot, next, prev;       /* list in id order; the free list uses next */
        uint32_t place_next, place_prev; /* others of the dwelling */
        uint32_t owner_next, owner_prev; /* others of the owner: slot + 1; 0: none */
        int64_t due[TIMER_MAX];
        ClassPolicy plan;            /* the snapshot */
        uint64_t slow_us[TIERS_MAX]; /* delays while cancel_req */
        uint64_t key_id;
        uint8_t key_type, group, class, priority, kind, state, cond;
        uint8_t tier, newest;               /* reached; first tier of the newest group */
        uint8_t backup_tier, backup_newest; /* ladder for a backup; 0: none runs */
        uint8_t accept_tier, cause, vital, reason, pending_reason, n_sources;
        uint8_t receipt_done, skip_done; /* bit tier - 1: once per tier and round */
        uint8_t why;                     /* Reason of the newest event that is behind it */
        uint8_t score;                   /* NEWS2; bit 7: not all parts */
        uint8_t away;                    /* Away, when it opened */
        uint8_t fire119;                 /* 0 undecided, 1 asked, 2 all called, 3 yes, 4 no */
        bool late, test, cancel_req, cancelled_once, exhausted, unknown_source, pending_late;
        bool desk, open_words, overdue;  /* requests */
        uint8_t rating;
        uint64_t waited_us;              /* of what a request may wait in total */
        bool extended, handle_reminded, presence_told, more_active, overflow, undated, critical,
                building_fire;
        uint16_t pending, n_recipients;
        uint32_t round, presses, reopenings;
        uint32_t device, resident, dwelling, grid, owner, former, successor;
        int64_t opened_wall, accepted_wall, arrived_wall, resolved_wall, closed_wall;
        int64_t entered_us;  /* tier */
        int64_t round_us;    /* round */
        int64_t notified_us; /* the reached tiers were last called */
        int64_t press_us[3]; /* newest first; NEVER: none */
        int64_t event_us, reopened_us;
        int64_t opened_us; /* for the figures */
        Figures figures;
        double value, limit, trend;
        int64_t span_us; /* the reading is beyond since so long */
        int64_t sign_wall, located_wall; /* newest sign of life; newest place that people were told */
        double lat, lon;
        float accuracy_m;
        bool located;
        uint8_t sign;
        uint8_t digest[16];     /* of the newest alarm event */
        char source[CODE_SIZE]; /* of the newest alarm event */
        char event_id[EVENT_ID_SIZE], word[WORD_SIZE], outcome[WORD_SIZE], handed_to[WORD_SIZE];
        /* of the running list */
        uint64_t state_list, alert_list;
        uint32_t alert_index;
        RecipientBlock *told[TOLD_BLOCKS]; /* recipient_at() */
        Source source_0;                   /* source_at() */
        IncidentRare *rare;
} Incident;

#define PASTS_MAX     128
#define PAST_TOLD_MAX 24

typedef struct Past { /* past.c */
        uint64_t incident; /* 0: none */
        int64_t until;     /* CLOCK_BOOTTIME */
        uint32_t device, dwelling, resident, grid;
        uint32_t told[PAST_TOLD_MAX], n; /* workers; one with several channels stands there for each */
} Past;

struct Engine {
        Limits limits;
        Policy policy;
        const Registry *registry;
        uint64_t next_incident, next_seq;
        Now now;
        int64_t at; /* now, CLOCK_BOOTTIME */
        bool started, trusted;
        const Event *event; /* being stepped; NULL in engine_expire() */
        EffectList *list;
        uint64_t list_number;

        Incident *slots;
        IncidentRare *rares; /* of each slot */
        uint32_t n_slots, high; /* slots from `high` on were never used */
        uint32_t free;          /* first free slot below `high` */
        uint32_t first, last;   /* in id order */
        uint32_t open, n_used;
        RecipientBlock *blocks, *block_free; /* blocks from `blocks_high` on were never used */
        uint32_t blocks_high;
        bool twins; /* two incidents may have one key: after a merge */
        Places by_id, by_key, by_dwelling; /* slots + 1 */
        Heap heap;

        KeyEntry *keys; /* a ring */
        uint32_t keys_first, keys_n;
        Places by_nonce; /* numbers of entries */

        WorkerState *workers;
        Heap presence;
        int64_t grace_until, grace_due; /* until then who has never been heard counts as present; NEVER: it is over */
        int64_t roster_due;           /* the duty table changes, or a gap of it is to be told; NEVER: no table */
        int64_t ahead_us;             /* of the wall clock before the time since boot, when it was last looked at */
        bool ahead_known, clock_moved; /* … and it has moved since: what waits for the day is looked at again */
        bool outbox_raised;           /* by the auditor */
        uint32_t audit_slot;          /* the auditor's next one */
        bool stepping;                /* an event is at work */
        uint32_t marked;              /* … and people are to be called of this incident now: slot + 1; 0: none */
        bool roster_anew;             /* the whole day ahead is to be looked at */
        uint32_t gap_point, gap_grid; /* how far the look at gaps has come */
        uint32_t *gap_maps;           /* by grid, GAP_MAPS times; [0]: the whole site */
        int64_t flood_us[FLOOD_KEYS]; /* when the last new unknown sources came; NEVER: none */
        int64_t roster_raised_us;
        int64_t visit_due; /* the next of the open visits; NEVER: none */
        Past pasts[PASTS_MAX]; /* a ring */
        uint32_t past_next;
        bool visits_anew;  /* some were restored, and have no deadlines yet */
        Supervision sup;
        Activities act;
};

/* engine.c: effects and timers */
static inline int64_t now_wall_of(const Engine *e, int64_t at)
{
        return at - (int64_t)e->now.boot_us + e->now.wall_us;
}
static inline bool is_late(const Engine *e, int64_t at)
{
        return e->at - at > LATE_US;
}
static inline bool state_open(uint8_t state)
{
        return state == STATE_ALERTING || state == STATE_ACCEPTED || state == STATE_ON_SCENE;
}

/* emit.c */
uint32_t emit_room(const Engine *);
/* A row of the journal with what the incident (or NULL) says; the caller fills in the rest. */
JournalRow *emit_journal(Engine *, Incident *, JournalKind);
/* The same for a step that was due at `at`. */
JournalRow *emit_timed(Engine *, Incident *, JournalKind, int64_t at);
void emit_state(Engine *, Incident *);
void emit_alert(Engine *, Incident *); /* also state */
void emit_lamp(Engine *, Incident *);
void emit_lamp_source(Engine *, Incident *, const Source *);
void emit_receipt(Engine *, const Event *, ReceiptResult, uint64_t incident, uint64_t seq);
/* What an answer says of an incident's state: State, and the RequestState above it. NULL: nothing. */
#define STATE_BITS 4
#define STATE_MASK 0x0fu
uint8_t state_packed(const Incident *);
void emit_reply(Engine *, const Event *, ReplyResult, Reason, uint64_t incident, uint8_t state_packed, uint32_t owner,
        uint64_t seq);
void emit_notify(
        Engine *, Incident *, uint32_t worker, Channel, uint8_t tier, Reason, bool late, uint64_t seq);
Effect *emit_effect(Engine *, EffectType, Urgency);

/* table.c: the incidents in memory */
size_t table_size(const Limits *);
void table_init(Engine *, char **memory);
Incident *table_new(Engine *, uint64_t id,
        Group group); /* of the overflow of the group when full, NULL when that is in use */
Incident *table_restore(
        Engine *, uint64_t id, bool overflow, Group group); /* the number is free; NULL: no room */
void table_free(Engine *, Incident *);
void table_place(Engine *, Incident *); /* its key and dwelling are set: can be found */
void table_unkey(Engine *, Incident *);
Incident *table_get(const Engine *, uint64_t id);
Incident *table_find(const Engine *, Group, KeyType, uint64_t key_id);
Incident *table_overflow(const Engine *, Group); /* NULL: not in use */
Incident *table_first(const Engine *);
Incident *table_next(const Engine *, const Incident *);
Incident *place_first(const Engine *, uint32_t dwelling);
Incident *place_next(const Engine *, const Incident *);
Recipient *recipient_push(Engine *, Incident *); /* one more, all zero; NULL: full */
static inline Recipient *recipient_at(const Incident *in, unsigned i)
{
        unsigned b = i / BLOCK_RECIPIENTS;
        RecipientBlock *block;

        ASSERT(i < in->n_recipients);
        block = b < TOLD_BLOCKS ? in->told[b] : in->rare->told[b - TOLD_BLOCKS];
        return &block->recipients[i % BLOCK_RECIPIENTS];
}
void timer_set(Engine *, Incident *, Timer, int64_t due);
static inline void timer_off(Engine *e, Incident *in, Timer t)
{
        timer_set(e, in, t, NEVER);
}
void timers_rekey(Engine *, Incident *); /* due[] or the priority was changed by hand */
int64_t timers_first(const Incident *, Timer *ret);

/* keys.c: what has been answered */
typedef enum KeyAge {
        KEY_FRESH, /* younger than 24 h */
        KEY_OLD,
        KEY_UNSURE, /* of another boot, and the clocks cannot be compared */
} KeyAge;
KeyRow *keys_find(Engine *, const uint8_t key[16], KeyAge *ret_age); /* NULL: unknown */
void keys_add(Engine *, const KeyRow *, int64_t boot_us);
size_t keys_size(const Limits *);
void keys_init(Engine *, char **memory);

/* people.c */
size_t people_size(void);
void people_init(Engine *, char **memory);
WorkerState *people_state(const Engine *, uint32_t worker); /* NULL: an id beyond the table */
uint32_t people_end(const Engine *);                        /* of the registry and of the table: the first id of nobody */
bool people_on_duty(const Engine *, uint32_t worker);
bool people_reachable(const Engine *, uint32_t worker);
/* … at another time than that of the step. */
bool people_on_duty_at(const Engine *, uint32_t worker, Now now, int64_t at);
bool people_reachable_at(const Engine *, uint32_t worker, int64_t at);
void people_own(Engine *, Incident *, uint32_t worker); /* 0: nobody; the only way to set the owner */
bool people_owns(const Engine *, uint32_t worker, bool p1_only, uint32_t but_dwelling);
void people_presence(Engine *, const Event *);
void people_expire(Engine *); /* one loss of presence, which is due */
void people_forget(Engine *);
void people_grace_begin(Engine *);
void people_grace_due(Engine *);
void people_acts(Engine *, uint32_t worker); /* a sign of life that is no beat */
void people_look_at_all(Engine *); /* every open incident is due a look at the roster */
void people_duty(Engine *, uint32_t worker, bool on);
void people_roster_anew(Engine *); /* the roster, the registry or the clock is another one */
void people_roster_due(Engine *);

/* gaps.c: hours in which nobody of a tier is on duty */
size_t gaps_size(void);
void gaps_init(Engine *, char **memory);
bool gaps_look(Engine *, int64_t wall_us); /* false: the list is full, the look goes on with the next one */
bool people_in_tier(const Engine *, const Incident *, const Worker *, uint8_t tier);
Recipient *recipient_get(Incident *, uint32_t worker, uint8_t channel);
Recipient *recipient_of(Incident *, uint32_t worker);                          /* on any channel */
Recipient *recipient_add(Engine *, Incident *, uint32_t worker, uint8_t tier); /* NULL: full */
uint32_t recipients_helping(const Incident *);

/* channels.c: a person's further channels. A person has a recipient for each; the first is the app's or plain. */
bool channel_left(const Engine *, Incident *, uint32_t worker); /* one that was not used in this round */
bool channel_call(Engine *, Incident *, Recipient *, Reason);   /* his next one now; false: the list is full */
void channel_mark(Engine *, Incident *, Recipient *, Reason);   /* … with the next flush */
bool recipient_delivered(const Incident *, uint32_t worker);    /* on any channel */
bool recipient_failed(const Incident *, uint32_t worker);       /* on all of his */
int64_t channel_receipt(const Engine *);                        /* the longest time that a receipt may take */
void channel_stop(Incident *);
/* After a restart: when its people were last called there. ahead_us: of the wall clock, when the row was written. */
void channel_restore(Engine *, const Incident *, int64_t ahead_us);

/* request.c */
struct Matter;
static inline bool is_request(const Incident *in)
{
        return in->group == GROUP_REQUEST;
}
static inline bool is_waiting(const Incident *in)
{
        return in->due[TIMER_WAIT] != NEVER;
}
RequestState request_state(const Incident *);
void request_snapshot(const Engine *, Incident *); /* its plan, after ladder_snapshot() */
void request_begin(Engine *, Incident *, Reason);  /* it has just been opened */
/* The incident has just been closed: who was told of it may look at it for a day. */
void past_add(Engine *, const Incident *);
/* NULL: it was not closed within a day, or he was not told of it. */
const Past *past_find(const Engine *, uint64_t incident, uint32_t worker);
JournalRow *past_journal(Engine *, const Past *, JournalKind);

/* The words of an emergency are in this text, or in what a device or a desk has said of a request. */
bool request_urgent(const Engine *, const char *text);
bool request_urgent_event(const Engine *, const Event *);
Incident *request_emergency(Engine *, const struct Matter *); /* its words cannot wait: an SOS besides */
void request_press(Engine *, Incident *);
void request_link(Engine *, Incident *sos); /* an SOS of somebody who has a request open */
bool request_timer(Engine *, Incident *, Timer, int64_t due); /* false: as any other incident */
void request_reopen(Engine *, Incident *, int64_t at, Reason);
int64_t request_full_time(const Engine *, const Incident *, Timer);
bool request_contradicts(const Incident *);

/* kpi.c */
void kpi_clear(Incident *);
void kpi_begin(Engine *, Incident *, const Event *);
void kpi_step(Engine *, Incident *, JournalKind);
void kpi_late(Engine *, Incident *, JournalKind, int64_t due);
void kpi_tell(const Incident *, JournalRow *);

/* auditor.c */
bool incidents_audit(Engine *, uint64_t outbox_us); /* false: something contradicts itself */

/* notice.c: who is called */
bool notice_call(Engine *, Incident *, Recipient *, Reason);
void notice_mark(Engine *, Incident *, uint32_t pending, Reason, int64_t at);
void notice_mark_after(Engine *, Incident *, uint32_t pending, Reason, int64_t due);
void notice_flush(Engine *, Incident *);
void notice_redate(Engine *, Incident *); /* the clock was set: calls that wait for the day */

/* ladder.c */
bool ladder_runs(const Incident *);
uint8_t plan_first(const ClassPolicy *);
uint8_t plan_last(const ClassPolicy *);
uint8_t plan_next(const ClassPolicy *, uint8_t tier); /* 0: it is the last */
void plan_complete(ClassPolicy *);
int64_t ladder_distance(const Incident *, uint8_t tier);
int64_t ladder_by_day(const Engine *, const Incident *, int64_t due);
int64_t ladder_digest(const Engine *, int64_t due); /* the next 9 o'clock */
void ladder_redate(Engine *, Incident *);              /* the clock was set: what waits for the day */
void ladder_snapshot(const Engine *, Incident *, Class);
void ladder_round(Engine *, Incident *, int64_t at, uint64_t seq);
void ladder_start(Engine *, Incident *, uint8_t upto, int64_t at, Reason);
void ladder_advance(
        Engine *, Incident *, int64_t at, Reason);         /* one tier now; at the last: all reached again */
void ladder_all(Engine *, Incident *, int64_t at, Reason); /* every tier is called, without a new round */
void ladder_resume(Engine *, Incident *, uint8_t tier, int64_t at, Reason);
void ladder_stop(Engine *, Incident *);
void ladder_backup(Engine *, Incident *, uint8_t from, int64_t at, Reason);
void ladder_backup_end(Engine *, Incident *);
void ladder_check_empty(Engine *, Incident *, int64_t at, Reason);
void ladder_timer(Engine *, Incident *, Timer, int64_t due);
uint32_t ladder_reached(const Incident *); /* PENDING_TIER bits up to the tier reached */

/* device.c */
typedef struct Place {
        uint32_t device, resident, dwelling, grid;
        uint8_t key_type;
        uint64_t key_id;
        bool known;
} Place;
void device_place(const Engine *, const char *source, Place *ret);
void device_alarm(Engine *, const Event *);
struct Matter;
void device_flood(Engine *, struct Matter *); /* one of many new unknown sources: to the flood's matter */
void device_row(Engine *, const Event *, JournalKind, const Place *, Reason); /* a row without an incident */
void system_event(Engine *, const Event *);
void system_raise(Engine *, SystemCause); /* by the engine itself */

/* supervision.c */
size_t supervision_size(const Limits *);
void supervision_init(Engine *, char **memory);
void supervision_arm(Engine *);                       /* the registry is another */
void supervision_heard(Engine *, const Event *);      /* after the event itself */
void supervision_deaf(Engine *, bool deaf);
int64_t supervision_due(const Engine *);              /* NEVER: nothing */
void supervision_expire(Engine *);                    /* one step of what is due */
void supervision_touch(Engine *, uint32_t device);    /* its next deadline may be another */
void supervision_returns(Engine *, uint32_t device);  /* what is wrong with it is a matter again */
DeviceState *supervision_of(const Engine *, uint32_t device); /* NULL: beyond the table */
uint64_t supervision_limit(const Engine *, const Device *);   /* silent that long: lost; 0: not supervised */
bool supervision_shelved(const Engine *, const DeviceState *);
void device_status(Engine *, const Event *);
void device_stranger(
        Engine *, const Event *, uint64_t *ret_incident, uint64_t *ret_seq); /* readings of an unknown one */
void device_well_formed(Engine *, const Event *); /* what it sends can be read again */
void mark_put(Engine *, MarkKind, uint32_t id, uint32_t worker, int64_t value, int64_t wall_us);

/* testbox.c */
void testbox_restore(Engine *, const MarkRow *);
uint32_t testbox_tester(const Engine *, uint32_t device); /* 0: in no box */
int64_t testbox_until(const Engine *, uint32_t device);   /* wall; 0: in no box */
void testbox_begin(Engine *, Incident *, uint32_t tester);
void testbox_real(Engine *, Incident *, Reason);
void testbox_proof(Engine *, uint32_t device);
Reason testbox_confirm(Engine *, Incident *, uint32_t worker, bool supervisor); /* NONE: done */
ResidentState *supervision_resident(const Engine *, uint32_t resident); /* NULL: beyond the table */
Away away_of(const Engine *, uint32_t resident);
void away_restore(Engine *, const MarkRow *);
void away_plan(const Engine *, Incident *);
Reason device_action(Engine *, const Event *, uint32_t worker); /* NONE: done */

/* visit.c */
Reason visit_action(Engine *, const Event *, uint32_t worker, Reason *ret_remark); /* NONE: done, with a remark */
void visit_restore(Engine *, const MarkRow *);
void visits_arm(Engine *);
void visit_expire(Engine *); /* the one that is due */

/* area.c */
bool area_takes(Engine *, uint32_t device);   /* a loss is part of an outage: no fault of its own */
void area_back(Engine *, uint32_t device);
int64_t area_due(const Engine *);
void area_expire(Engine *);

/* activity.c */
size_t activity_size(uint32_t n);
void activity_init(Engine *, char **memory, uint32_t n);
void activity_arm(Engine *);
void activity_restore(Engine *, const MarkRow *);
void activity_heard(Engine *, const Event *, DeviceState *);
void activity_deaf(Engine *, bool deaf);
void activity_from_now(Engine *, uint32_t resident); /* he goes, or is back */
int64_t activity_due(const Engine *);
void activity_expire(Engine *); /* one step of what is due */
bool activity_place(const Engine *, uint32_t slot, Place *ret); /* false: nobody of this number lives here any more */
void activity_touch(Engine *, uint32_t slot); /* a resident's id is his slot */
Activity *activity_of(const Engine *, uint32_t resident); /* NULL: beyond the table */

/* geofence.c */
void geofence_position(Engine *, const Event *, const Place *);
void geofence_expire(Engine *, const Place *);

/* fall.c */
struct Matter;
bool fall_waits(Engine *, const struct Matter *, uint64_t *ret_seq); /* an alarm; true: recorded, and that is all for now */
Incident *fall_cancelled(Engine *, const Place *); /* the one that waited, open now; NULL: none did */
void fall_expire(Engine *, uint32_t resident);
void fall_restore(Engine *, const MarkRow *);
void fall_arm(Engine *, uint32_t resident);

/* vitals.c */
void vitals_event(Engine *, const Event *);
void vitals_expire(Engine *, uint32_t device);

/* news2.c */
uint8_t news2_points(Vital, double value); /* 0 to 3 */

/* incident.c */
typedef struct Matter {     /* an alarm event, placed and understood */
        const Event *event; /* NULL: the engine itself */
        Place place;
        uint8_t group, class, kind;
        uint16_t level; /* bits for Source.active; 0: an edge, not a level */
        uint8_t reason; /* REASON_OPENED, UNKNOWN_SOURCE, UNPARSED, STALE, LIMIT */
        uint8_t cause, vital;
        uint8_t priority; /* 0: that of the class */
        bool button, quiet; /* counts for three presses; appended without calling anybody again */
        bool repeat;        /* nobody is called again, but the open matter's notices say so */
        bool community_first;
        double value, limit, trend;
        int64_t span_us;
        uint8_t score;
        int64_t since_wall; /* when it began, if before now; 0: now */
        const char *source; /* the device's code, where there is no event */
        const char *word;
} Matter;
Incident *incident_alarm(Engine *, const Matter *, uint64_t *ret_seq); /* opens, attaches or reopens */
void incident_append(Engine *, Incident *, const Event *, uint64_t *ret_seq);
void incident_condition(Engine *, Incident *, const char *source, uint16_t cleared, const Event *);
void incident_fold(Engine *, Incident *, Reason, uint32_t worker); /* closed by a named rule: AREA, TEST */
void incident_close(Engine *, Incident *, int64_t at, Reason, uint32_t worker); /* nobody owns it, and the outcome is set */
void incident_owner(Engine *, Incident *, uint32_t worker); /* 0: nobody */
void incident_cancel(Engine *, Incident *, const Event *);
void incident_timer(Engine *, Incident *, Timer, int64_t due);
/* source.c */
/* The first is there, if empty. That the incident is const says nothing of it, as nothing of the others. */
static inline Source *source_at(const Incident *in, unsigned i)
{
        ASSERT(i < SOURCES_MAX);
        return i ? &in->rare->sources[i - 1] : (Source *)(uintptr_t)&in->source_0;
}
Source *source_find(Incident *, const char *code);
Source *source_add(Engine *, Incident *, const char *code, uint32_t device);
void source_level(Engine *, Incident *, Source *, uint16_t level); /* 0: none */
void source_forget(Engine *, Incident *); /* the active ones that are not remembered */
void incident_state(Engine *, Incident *, State);
void incident_accept(Engine *, Incident *, uint32_t worker, uint64_t eta_us, Reason);
void incident_arrive(Engine *, Incident *, uint32_t worker);
void incident_resume(Engine *, Incident *, int64_t at, JournalKind, Reason);
void incident_resolve(Engine *, Incident *, uint32_t worker, const char *outcome, bool remote);
void incident_reopen(Engine *, Incident *, int64_t at, Reason);
void incident_handover(Engine *, Incident *, uint32_t worker, uint64_t eta_us);
void incident_owner_acts(Engine *, Incident *);
void incident_owner_lost(Engine *, Incident *);
int64_t min_due(int64_t a, int64_t b);

/* action.c */
typedef struct Act { /* one person's action about one incident */
        const Event *event;
        const ActionEvent *action;
        Incident *in;
        const Worker *who;
        Recipient *told; /* NULL: was never told of it */
        uint32_t worker, rights;
        bool entitled, owner, helper;
} Act;

typedef struct Answer {
        ReplyResult result;
        Reason reason;
} Answer;

static inline Answer refused(Reason reason)
{
        return (Answer){REPLY_REFUSED, reason};
}
static inline bool can(const Act *a, Right right)
{
        return (a->rights & right) != 0;
}
JournalRow *action_row(Engine *, const Act *, JournalKind);
Answer action_helper(Engine *, const Act *, Reason); /* helps, while somebody else owns it */
Answer request_act(Engine *, const Act *);           /* request.c */
Answer request_write(Engine *, const Event *, uint32_t worker, Incident **ret);
void action_event(Engine *, const Event *);
void action_attempt(Engine *, const Event *);

/* state.c */
void state_encode(const Engine *, const Incident *, Now, StateRow *ret);
bool state_contradicts(const Incident *); /* what no incident of ours can be; not for closed ones */
int state_decode(Engine *, const StateRow *, Incident **ret); /* e->now is set */
void state_redate(Engine *);                                  /* the wall clock has become trusted */
