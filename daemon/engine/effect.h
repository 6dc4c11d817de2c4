/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What comes out of the engine: facts to record and messages to send, as plain data.
 *
 * The engine marks each effect: RAISE goes out at once, before the disk; CALM (whatever lets somebody stop
 * trying) only after every journal row up to its `seq` is committed; RECORD is for the store alone.
 */
#include "engine/event.h"

#define TIERS_MAX   5
#define EFFECTS_MAX 256 /* in one list */

typedef enum Group {
        GROUP_HELP,
        GROUP_FIRE,
        GROUP_VITAL,
        GROUP_INACTIVITY,
        GROUP_FAULT,
        GROUP_SYSTEM,
        GROUP_REQUEST,
        GROUP_UNKNOWN,
        GROUP_MAX,
} Group;

/* A class has a ladder of its own: [Ladder NAME] in the configuration, with these names. */
typedef enum Class {
        CLASS_SOS,
        CLASS_SMOKE,          /* smoke, heat */
        CLASS_GAS,            /* gas, co */
        CLASS_FALL,
        CLASS_VITAL_CRITICAL, /* vital-critical */
        CLASS_VITAL_URGENT,   /* vital-urgent */
        CLASS_INACTIVITY,
        CLASS_CHECK,          /* check: a stale alarm that may be none, P3 */
        CLASS_FAULT,
        CLASS_BATTERY,
        CLASS_SYSTEM,
        CLASS_REQUEST,      /* request: an everyday one, easy 易 */
        CLASS_WANDERING, /* has left the circle around his home, P2 */
        CLASS_REQUEST_KEY,  /* request-key: 重 */
        CLASS_REQUEST_HARD, /* request-hard: 难 */
        CLASS_MAX,
} Class;

typedef enum State { STATE_NONE, STATE_ALERTING, STATE_ACCEPTED, STATE_ON_SCENE, STATE_RESOLVED, STATE_CLOSED, STATE_MAX } State;
typedef enum Condition { CONDITION_NONE, CONDITION_ACTIVE, CONDITION_CLEARED, CONDITION_UNKNOWN } Condition;
typedef enum Lamp { LAMP_IDLE, LAMP_RECEIVED, LAMP_ACCEPTED, LAMP_ARRIVED, LAMP_RESOLVED, LAMP_FAILED, LAMP_MAX } Lamp;

/* What the states of a request are called (SEMANTICS.md section 9). */
typedef enum RequestState {
        REQUEST_STATE_NONE, /* no request */
        REQUEST_STATE_OPEN,
        REQUEST_STATE_ASSIGNED,
        REQUEST_STATE_IN_PROGRESS,
        REQUEST_STATE_WAITING, /* assigned or in progress, and something is waited for */
        REQUEST_STATE_DONE,
        REQUEST_STATE_RATED,
        REQUEST_STATE_NOT_ACCEPTED,
        REQUEST_STATE_MAX
} RequestState;

#define PERSON_CHANNELS_MAX 8

/* One append-only list. CHANNEL_PERSON + i is a person's further channel: the i-th [Channel NAME] of the policy. */
typedef enum Channel {
        CHANNEL_APP,
        CHANNEL_PLAIN,
        CHANNEL_EXEC, /* the programs that are called with the tiers */
        CHANNEL_PERSON,
        CHANNEL_MAX = CHANNEL_PERSON + PERSON_CHANNELS_MAX
} Channel;

/* Why somebody is told, or why something happened: one short word each in the journal and in the alert. */
typedef enum Reason {
        REASON_NONE,
        REASON_OPENED,        /* a new incident */
        REASON_TIER,          /* the tier's time has come */
        REASON_RENOTIFY,      /* still nobody */
        REASON_PRESSED,       /* pressed again */
        REASON_THREE_PRESSES, /* three presses in 60 s */
        REASON_UPGRADED,      /* an event of a higher class */
        REASON_LOOP,          /* the whole ladder again */
        REASON_EMPTY,         /* nobody of the tier can be reached */
        REASON_NO_RECEIPT,    /* no delivery receipt in time */
        REASON_ALL_DECLINED,
        REASON_JOINED,        /* became eligible: on duty, back */
        REASON_REMIND,        /* half of the time to arrive has gone */
        REASON_ARRIVE_LATE,   /* not there in time: ladder resumed */
        REASON_ARRIVE_MAX,    /* nobody on scene since it opened */
        REASON_RECONFIRM,     /* pressed again after acceptance, the owner did not answer */
        REASON_RELEASED,
        REASON_HANDLE_LATE,
        REASON_REOPENED,
        REASON_STILL_ACTIVE,  /* the sensor still says so */
        REASON_CANCELLED,     /* by the resident, to be confirmed by call or visit */
        REASON_CONDITION,     /* the sensor says something else now */
        REASON_BACKUP,
        REASON_HANDOVER,
        REASON_LEVEL_UP,
        REASON_FIRE119,
        REASON_HANDED_OFF,
        REASON_CATCH_UP,      /* due while the gateway was down */
        REASON_TEST,
        REASON_LIMIT,         /* a vital beyond its limit */
        REASON_UNKNOWN_SOURCE,
        REASON_UNPARSED,
        REASON_STALE,         /* a retained alarm without a known id */
        /* why an action is refused or stale */
        REASON_NO_INCIDENT,
        REASON_NOT_YOURS,      /* not in a tier that was called, or no right */
        REASON_WRONG_STATE,
        REASON_NO_PROOF,
        REASON_BAD_OUTCOME,
        REASON_STILL_BURNING,  /* FIRE is resolved only when cleared, or by a supervisor with a reason */
        REASON_SEVERAL,        /* a bare word, and not exactly one alert is open */
        REASON_TOO_EARLY,      /* a bare word within 5 s of a round's opening */
        REASON_RETAINED,
        REASON_OPEN_MATTERS,   /* off duty with open matters */
        REASON_OLD_ROUND,
        REASON_NOT_ARRIVED,    /* resolve without arrival */
        REASON_TWICE,
        REASON_UNKNOWN_ACTION,
        REASON_UNKNOWN_WORKER,
        REASON_BUSY,           /* accepted as a helper: owns another open P1 */
        REASON_HELPER,         /* accepted as a helper: somebody else owns it */
        REASON_BAD_REQUEST,    /* the payload was no action */
        /* why a device is not what it should be */
        REASON_LOST,           /* not heard for longer than its beat allows */
        REASON_BATTERY_LOW,    /* at most a month left */
        REASON_BATTERY_EMPTY,  /* at most a week left */
        REASON_MAINS,          /* runs on its battery */
        REASON_NOT_WORN,
        REASON_SIGNAL,         /* weak */
        REASON_SKEW,           /* its clock is wrong */
        REASON_NO_DATA,        /* it lives, and sends no readings */
        REASON_PROOF,          /* nobody has tried it for too long */
        REASON_AREA,           /* many of one place at once: visited as one matter */
        REASON_SHELVED,        /* a person has put its faults aside, until a time */
        REASON_BUSY_WORKER,    /* whoever would be called first has more than he can do */
        REASON_TRIED,          /* a test press from a test box */
        REASON_AWAY,           /* the resident is away */
        /* why a reading calls */
        REASON_SUSTAINED,      /* beyond the limit, and again */
        REASON_RATE,           /* changes faster than it should */
        REASON_SCORE,          /* NEWS2 */
        REASON_INACTIVE,       /* no sign of life at home */
        /* visits */
        REASON_VISIT_OPEN,     /* another one of this person is open */
        REASON_NO_VISIT,       /* none is */
        REASON_VISIT_SHORT,    /* shorter than what counts */
        REASON_VISIT_FORGOTTEN, /* nobody has checked out */
        REASON_CLOCK,          /* nobody can say how long it was */
        REASON_NO_NOTE,        /* a reason must be given */
        REASON_NO_MOTION,
        REASON_NO_WATER,
        REASON_NO_DOOR,
        REASON_IN_BED,         /* past the hour */
        REASON_LEFT,           /* outside of the circle around home */
        /* about requests */
        REASON_ASSIGNED,       /* given to this person */
        REASON_STARTED,        /* work has begun */
        REASON_ASSIGN_LATE,    /* given to nobody in time */
        REASON_LEVEL_LATE,     /* not done within the limit of this level */
        REASON_ESCALATED,      /* a person hands it up */
        REASON_WAITING,        /* for something that has been shown */
        REASON_WAIT_OVER,
        REASON_CALL_BACK,      /* done: ask the resident */
        REASON_RATED,
        REASON_DISSATISFIED,
        REASON_NOT_ACCEPTED,
        REASON_EMERGENCY,      /* its words, or an SOS, say that it cannot wait */
        REASON_NO_TEXT,        /* refused: what it is about, the evidence, the reason is missing */
        REASON_TOO_LONG,       /* refused: waiting has its limit */
        REASON_TOP_LEVEL,      /* refused: there is nobody further up */
        REASON_HELD,           /* waits for the resident to say that it was nothing */
        REASON_MAX,
} Reason;

/* Kinds of journal rows: numbers are for ever, append only. */
typedef enum JournalKind {
        JOURNAL_START = 1,      /* daemon started */
        JOURNAL_STOP = 2,
        JOURNAL_REGISTRY = 3,   /* registry replaced */
        JOURNAL_CONFIG = 4,
        JOURNAL_CLOCK = 5,
        JOURNAL_STORAGE = 6,    /* storage was degraded from … to */
        JOURNAL_ADMIN = 7,      /* an administrative act at the control socket */
        JOURNAL_SYSTEM = 8,     /* a cause began or ended */
        JOURNAL_EVENT = 10,     /* a device's event: what came, and the incident it belongs to (0: a rule says none) */
        JOURNAL_READING = 11,   /* a reading beyond a limit */
        JOURNAL_DEVICE = 12,    /* an edge of a device's supervision */
        JOURNAL_OPENED = 20,
        JOURNAL_TIER = 21,      /* ladder advanced */
        JOURNAL_LOOP = 22,      /* all tiers again, a new round */
        JOURNAL_NOTIFIED = 23,  /* an attempt: one message to one person on one channel */
        JOURNAL_ATTEMPT = 24,   /* what became of it: failed */
        JOURNAL_DELIVERED = 25,
        JOURNAL_SEEN = 26,
        JOURNAL_ACCEPTED = 27,
        JOURNAL_HELPER = 28,
        JOURNAL_DECLINED = 29,
        JOURNAL_ARRIVED = 30,
        JOURNAL_RESUMED = 31,   /* back to alerting above the tier that had accepted */
        JOURNAL_RELEASED = 32,
        JOURNAL_RESOLVED = 33,
        JOURNAL_REOPENED = 34,
        JOURNAL_CLOSED = 35,
        JOURNAL_CANCEL = 36,
        JOURNAL_CONDITION = 37,
        JOURNAL_PRESSED = 38,
        JOURNAL_UPGRADED = 39,
        JOURNAL_REMINDED = 40,
        JOURNAL_EXTENDED = 41,
        JOURNAL_HANDOVER = 42,
        JOURNAL_HANDOFF = 43,
        JOURNAL_CONFIRMED = 44,
        JOURNAL_BACKUP = 45,
        JOURNAL_FIRE119 = 46,
        JOURNAL_SKIPPED = 47,   /* a tier without anybody, and why */
        JOURNAL_REFUSED = 48,   /* a human action that was refused or stale, and why */
        JOURNAL_DUTY = 49,      /* on, off */
        JOURNAL_PRESENCE = 50,
        JOURNAL_ARRIVE_MAX = 51,
        JOURNAL_HANDLE_LATE = 52,
        JOURNAL_RECONFIRM = 53,
        JOURNAL_COMING = 54,
        JOURNAL_LINKED = 55,
        JOURNAL_AUDIT = 56,     /* the auditor found something missing, and mended it */
        JOURNAL_TEST = 60,
        JOURNAL_CANARY = 62,    /* the gateway's own alarm came home, or did not: daemon/canary.c */
        JOURNAL_VISIT_IN = 70,        /* a visit at a bed begins; the row's number is the visit's */
        JOURNAL_VISIT_OUT = 71,       /* … and ends */
        JOURNAL_VISIT_FORGOTTEN = 72, /* nobody has checked out: reminded (on), or ended without counting */
        JOURNAL_VISIT_FIXED = 73,     /* a desk says how long it was, and why */
        JOURNAL_VIEWED = 61,    /* somebody who was called asked to see readings, or what has happened */
        JOURNAL_REQUESTED = 80, /* a person has written down what a resident wants */
        JOURNAL_WAITING = 81,   /* on: something is waited for, with evidence; off: no longer */
        JOURNAL_RATED = 82,     /* what the resident says of it: `value` is 1 … 5 */
        JOURNAL_RECLASSED = 83,
        JOURNAL_NOT_ACCEPTED = 84,
        JOURNAL_ESCALATED = 85,
        JOURNAL_LAST = JOURNAL_ESCALATED
} JournalKind;

typedef enum ReplyResult { REPLY_OK, REPLY_STALE, REPLY_REFUSED } ReplyResult;
typedef enum ReceiptResult { RECEIPT_RECORDED, RECEIPT_UNPARSED } ReceiptResult;

typedef enum EffectType {
        EFFECT_JOURNAL, /* RECORD: append this row; seq is its number */
        EFFECT_STATE,   /* RECORD: the incident's row changed: engine_state_row() at hand-over */
        EFFECT_KEY,     /* RECORD: remember (source, id) for 24 h */
        EFFECT_DUTY,    /* RECORD: a worker checked in or out */
        EFFECT_READING, /* RECORD: a reading for the readings store */
        EFFECT_MARK,    /* RECORD: a fact about a device or a resident that outlives a restart */
        EFFECT_NOTIFY,  /* RAISE: call this person (or program) now */
        EFFECT_ALERT,   /* CALM: the alert of everybody told is to be encoded again (stand-down, refresh) or, when
                           the incident is no longer open, cleared */
        EFFECT_RECEIPT, /* CALM: to the device that waits */
        EFFECT_LAMP,    /* CALM: the incident's devices and its CoAP resource */
        EFFECT_REPLY,   /* CALM: to the worker (or the control socket) that waits */
        EFFECT_VIEW,    /* CALM: look up what a worker asked to see, and show it to him */
} EffectType;

typedef enum Urgency { URGENCY_RECORD, URGENCY_RAISE, URGENCY_CALM } Urgency;

/* One incident's times, in milliseconds from receiving its first event (SEMANTICS.md section 11). */
typedef enum Figure {
        FIGURE_DEVICE,    /* from the device's own event time to receiving */
        FIGURE_CALL,      /* first call */
        FIGURE_DELIVERED, /* first receipt of a person */
        FIGURE_ACCEPT,
        FIGURE_ARRIVE,
        FIGURE_RESOLVE, /* the last time, when it was reopened */
        FIGURE_RECEIPT, /* the device has its receipt: after the commit; the first time */
        FIGURE_MAX
} Figure;

#define NO_FIGURE UINT32_MAX /* it did not happen, or nobody can know */

typedef struct Figures {
        uint32_t ms[FIGURE_MAX];
        uint32_t late_ms; /* the latest step of the ladder, after its time */
        uint32_t attempts, rounds, reopened;
        uint8_t tiers; /* the highest reached */
        bool test;
} Figures;

typedef struct JournalRow {
        JournalKind kind;
        bool lazy;           /* delivered, seen: may wait LIMIT_LAZY_US */
        const Event *event;  /* the event that caused it, valid until the hand-over; NULL for timers */
        uint32_t device, dwelling, resident, grid, worker; /* registry ids, 0: none */
        uint32_t round;
        uint8_t tier;        /* 1 … 5, 0: none */
        uint8_t channel;     /* NOTIFIED, DELIVERED, SEEN */
        uint8_t state;       /* State after */
        uint8_t class, priority;
        uint8_t reason;      /* Reason */
        uint8_t result;      /* REFUSED: ReplyResult */
        uint8_t cause;       /* SYSTEM: SystemCause */
        bool late;           /* applied after its time because the gateway was down */
        int64_t due_wall_us; /* when it was due; 0: not by a timer */
        uint32_t to_worker;  /* HANDOVER */
        bool on;             /* DUTY: checked in; PRESENCE: online; SYSTEM: the cause began */
        uint8_t vital;       /* READING */
        double value, limit; /* RATED: value */
        char outcome[WORD_SIZE];
        uint64_t visit;        /* VISIT_…: its number; 0: this row's */
        int64_t since_wall_us; /* … when it began */
        uint32_t span_s;       /* … how long it was, whole seconds */
        uint8_t service, rating;
        bool counts;           /* … towards the plan of the bed */
        Figures figures; /* CLOSED */
} JournalRow;

/* What (source, id) was answered; also its row in the store. */
typedef struct KeyRow {
        uint8_t key[16], digest[16];
        int64_t wall_us;    /* first seen */
        uint64_t incident, seq;
        uint32_t owner;     /* replies: the owner's worker id at that time */
        uint8_t result;     /* ReceiptResult or ReplyResult */
        uint8_t state, reason; /* state: State, and a RequestState in the upper half */
        bool action;        /* a worker's nonce, else a device's event id */
} KeyRow;

/*
 * One fact about a device or a resident that must survive a restart and is no incident: the store keeps the newest
 * of each (kind, id), and forgets those whose value is 0. Numbers are for ever, append only.
 */
typedef enum MarkKind {
        MARK_LOST = 1,     /* device: silent since wall_us; value 1 */
        MARK_PROOF = 2,    /* device: last proof test at wall_us, or first heard; value 1 first heard, 2 tried */
        MARK_BATTERY = 3,  /* device: value percent at wall_us, from which the trend is reckoned */
        MARK_BOX = 4,      /* device: in a test box until wall_us; value 1, renewed 2; worker */
        MARK_SHELVED = 5,  /* device: its faults rest until wall_us; value 1; worker */
        MARK_AWAY = 6,     /* resident: until wall_us; value Away; worker */
        MARK_VISIT = 7,    /* worker: an open visit since wall_us; `worker` is the resident; value as in visit.c */
        MARK_MOTION = 8,   /* resident, or dwelling with bit 31: the newest sign at wall_us; value the device; worker
                              the seconds of MARK_ALIVE at that time. One for each SignKind, in its order */
        MARK_BED = 9,
        MARK_WATER = 10,
        MARK_DOOR = 11,
        MARK_BUTTON = 12,
        MARK_ALIVE = 13,   /* 1: we were listening at wall_us; worker: seconds, of all times, in which we were not */
        MARK_FALL = 14,    /* resident: a fall at wall_us waits `worker` seconds for its wearer; value the device */
        MARK_KIND_MAX,
} MarkKind;

typedef struct MarkRow {
        MarkKind kind;
        uint32_t id, worker;
        int64_t value, wall_us;
} MarkRow;

typedef struct Effect {
        EffectType type;
        Urgency urgency;
        uint64_t incident; /* 0: none */
        uint64_t seq;      /* JOURNAL: its number. NOTIFY: the number of its NOTIFIED row. CALM: needs this row committed */
        union {
                JournalRow journal;
                KeyRow key;
                struct {
                        uint32_t worker; /* id; 0: the program channels */
                        uint8_t channel, tier, reason;
                        bool late;
                } notify;
                struct {
                        uint64_t hold;
                        EventVia via;
                        ReceiptResult result;
                        char source[CODE_SIZE], id[EVENT_ID_SIZE];
                } receipt;
                struct {
                        Lamp lamp;
                        char source[CODE_SIZE]; /* the device's topic level */
                } lamp; /* one effect for each device of the incident */
                struct {
                        uint64_t hold;
                        EventVia via;
                        ReplyResult result;
                        State state;
                        Reason reason;
                        uint8_t request; /* RequestState */
                        uint32_t owner;
                        char source[CODE_SIZE], id[EVENT_ID_SIZE]; /* the worker's code and nonce */
                } reply;
                struct {
                        ActionKind what; /* VITALS, TIMELINE */
                        uint32_t resident;
                        char worker[CODE_SIZE];
                } view;
                struct {
                        uint32_t worker;
                        bool on;
                        int64_t wall_us;
                } duty;
                struct {
                        uint32_t device, resident;
                        int64_t wall_us;
                        VitalsEvent vitals;
                } reading;
                MarkRow mark;
        };
} Effect;

typedef struct EffectList {
        uint32_t n;
        Effect effects[EFFECTS_MAX];
} EffectList;

/* One incident as the world may see it: what notices, the wall and huyingctl are made from. Wall times in
 * microseconds, 0: none. */
typedef struct IncidentView {
        uint64_t id, last_seq;
        Group group;
        Class class;
        AlarmKind kind;      /* of the newest alarm event */
        uint8_t priority;    /* 1 … 5 */
        State state;
        Condition condition;
        uint8_t tier, tiers; /* reached, and how many the plan has */
        uint32_t round, presses, helpers;
        bool late, test, cancel_req, exhausted, unknown_source;
        uint8_t others;      /* other open incidents of the same dwelling */
        uint32_t device, resident, dwelling, grid, owner; /* registry ids */
        uint32_t successor;  /* to whom the owner hands it over; 0: nobody */
        uint64_t backup_seq; /* whoever is called from here on is asked to come as backup; 0: nobody is */
        bool everybody;      /* all were called though somebody has accepted: each is asked to come */
        char source[CODE_SIZE];    /* the device's topic level, known or not */
        char event_id[EVENT_ID_SIZE]; /* of the newest press */
        char word[WORD_SIZE];      /* the kind as the device wrote it */
        char outcome[WORD_SIZE];
        int64_t opened_us, accepted_us, arrived_us, resolved_us;
        int64_t next_tier_us, arrive_by_us, handle_by_us, reopen_until_us;
        Reason reason;             /* of the newest thing that happened */
        SystemCause cause;         /* GROUP_SYSTEM */
        uint8_t vital;             /* GROUP_VITAL */
        double value, limit;
        char handed_to[WORD_SIZE]; /* agency, "" none */
        Reason why;                /* of the newest event that is behind it: LIMIT, LOST, … */
        int64_t span_us;           /* for how long already; 0: not known */
        double trend;              /* change in an hour; NAN: not known */
        uint8_t score;             /* NEWS2; 0: not reckoned */
        bool partial;              /* … without all of its seven parts */
        bool area;                 /* many devices of one place */
        Away away;                 /* where the resident was when it opened */
        uint8_t sign;              /* SignKind of … */
        int64_t sign_us;           /* the newest sign of life; 0: none is known */
        bool located;              /* where he is: */
        double lat, lon, accuracy_m;
        RequestState request;      /* GROUP_REQUEST, else NONE, and what follows means nothing */
        bool overdue;              /* a level's limit has passed */
        bool open_words;           /* its words may stand on the public wall */
        bool by_desk;              /* written down by a person, not a key */
        uint8_t rating;            /* the newest; 0: none */
        int64_t due_us, waiting_us; /* this level's limit, or when the resident is to be asked; the end of waiting */
} IncidentView;

#define RECIPIENTS_MAX 168 /* of one incident: five tiers, and some who joined otherwise */

/* One person who was told of an incident. */
typedef struct RecipientView {
        uint32_t worker; /* 0: the program channels */
        uint8_t channel, tier;
        bool delivered, seen, declined, failed, helper, owner;
        uint64_t seq;    /* of the newest attempt */
        int64_t sent_us;
} RecipientView;

/* A visit that is open. */
typedef struct VisitView {
        uint64_t number; /* of the journal row that began it */
        uint32_t resident;
        Service service;
        int64_t since_us; /* wall */
        bool reminded;
} VisitView;

/* easy, key, hard. "": no request. */
const char *request_class_word(Class);
bool request_class_parse(const char *word, Class *ret);
/* community, street, district, of the tier that answers for it. */
const char *request_level_word(uint8_t tier);
const char *request_state_word(RequestState); /* open, assigned, in_progress, waiting, done, rated, not_accepted */
const char *group_word(Group);
bool class_parse(const char *word, Class *ret);
const char *class_word(Class);
const char *state_word(State);         /* alerting, accepted, on_scene, resolved, closed */
const char *lamp_word(Lamp);
Lamp state_lamp(State); /* what the devices of an incident show */
const char *channel_word(Channel);
const char *reason_word(Reason);       /* lower case with underscores; "" for NONE */
const char *journal_kind_word(JournalKind);
const char *reply_result_word(ReplyResult);
const char *receipt_result_word(ReceiptResult);
const char *condition_word(Condition);
