/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What goes into the engine: one Event is one raw signal from a device, a person, or the gateway itself.
 *
 * Codecs fill it from bytes, the inbox owns it, the engine reads it. Device events are never refused, so a
 * codec never fails: what it cannot read becomes ALARM_UNPARSED with the reason in `why`.
 */
#include "engine/roster.h"

#define EVENT_ID_SIZE 64 /* bytes of a device's event id or a worker's nonce, with NUL */
#define WORD_SIZE     32
#define TEXT_SIZE     1024 /* bytes of what a person wrote, cut, with NUL */

typedef enum EventType {
        EVENT_ALARM,    /* a device's alarm topic or resource */
        EVENT_VITALS,   /* readings of a person */
        EVENT_STATUS,   /* heartbeat with battery and so on; also what makes a device known to be alive */
        EVENT_ACTION,   /* a human being acts (act, do, control socket) */
        EVENT_PRESENCE, /* a worker's app is online or offline */
        EVENT_ATTEMPT,  /* a channel says what became of a message */
        EVENT_SYSTEM,   /* the gateway about itself */
        EVENT_ROSTER,   /* the registry, the roster or the clock changed: look at every open incident again */
} EventType;

typedef enum EventVia { VIA_DAEMON, VIA_MQTT, VIA_COAP, VIA_DTLS, VIA_CONTROL, VIA_MAX } EventVia;

typedef enum AlarmKind { /* wire words: sos, cancel, … ; unknown words are ALARM_UNKNOWN */
        ALARM_SOS,
        ALARM_CANCEL,
        ALARM_FALL,
        ALARM_SMOKE,
        ALARM_SMOKE_CLEAR,
        ALARM_HEAT,
        ALARM_HEAT_CLEAR,
        ALARM_GAS,
        ALARM_GAS_CLEAR,
        ALARM_CO,
        ALARM_CO_CLEAR,
        ALARM_TAMPER,
        ALARM_FAULT,
        ALARM_REQUEST,
        ALARM_TEST,
        ALARM_UNKNOWN,  /* well-formed, but the kind is not ours: an alarm all the same */
        ALARM_UNPARSED, /* bytes that are no message of ours: an alarm all the same */
        ALARM_KIND_MAX,
} AlarmKind;

typedef enum ActionKind { /* wire words, SEMANTICS.md section 3 */
        ACTION_DELIVERED,
        ACTION_SEEN,
        ACTION_ACCEPT,
        ACTION_COMING,
        ACTION_DECLINE,
        ACTION_ARRIVED,
        ACTION_RESOLVE,
        ACTION_RELEASE,
        ACTION_EXTEND,
        ACTION_BACKUP,
        ACTION_HANDOVER,
        ACTION_HANDOFF,
        ACTION_CONFIRM,
        ACTION_FIRE119,
        ACTION_REOPEN,
        ACTION_TEST_CONFIRM,
        ACTION_ON,
        ACTION_OFF,
        ACTION_TEST,   /* a test box for a device: its next alarm is a test */
        ACTION_SHELVE, /* a device's faults rest for a time */
        ACTION_AWAY,   /* a resident is away, or back */
        ACTION_VISIT_IN,  /* begins a visit at a bed */
        ACTION_VISIT_OUT, /* ends it */
        ACTION_VISIT_FIX, /* a desk says how long a visit was, with a reason */
        ACTION_VITALS,   /* asks for the curves of the person of an incident */
        ACTION_TIMELINE, /* asks for the rows of an incident */
        ACTION_REQUEST,      /* a desk writes down what a resident wants; the others are about such a matter */
        ACTION_ASSIGN,
        ACTION_START,
        ACTION_WAITING,
        ACTION_DONE,
        ACTION_NOT_ACCEPTED,
        ACTION_ESCALATE,
        ACTION_RATE,
        ACTION_RECLASS,
        ACTION_UNKNOWN, /* answered "refused" */
        ACTION_KIND_MAX,
} ActionKind;

typedef enum SystemCause { /* one open SYSTEM incident for each */
        SYSTEM_BROKER,   /* the broker cannot be reached */
        SYSTEM_STORE,    /* the database fails or does not answer */
        SYSTEM_ROSTER,   /* a tier has nobody who can be called */
        SYSTEM_TAKEOVER, /* somebody else uses our client id */
        SYSTEM_CHANNEL,  /* a program channel fails */
        SYSTEM_TABLE,    /* a table of the engine is full */
        SYSTEM_CLOCK,    /* the wall clock cannot be trusted */
        SYSTEM_CANARY,   /* the synthetic alarm did not come back */
        SYSTEM_DRILL,    /* the operator tries the path */
        SYSTEM_CAUSE_MAX,
} SystemCause;

typedef struct AlarmEvent {
        AlarmKind kind;
        char word[WORD_SIZE]; /* the kind as the device wrote it, cut; "" when unparsed */
        char text[TEXT_SIZE]; /* REQUEST: what is wanted, in words */
} AlarmEvent;

typedef struct VitalsEvent {
        uint32_t has; /* bit Vital */
        double value[VITAL_MAX];
} VitalsEvent;

typedef struct StatusEvent {
        int16_t battery, rssi;     /* percent, dBm; INT16_MIN: not said */
        int8_t mains, worn, tamper; /* 0, 1, -1: not said */
        bool gone;                 /* somebody else says that it cannot be reached: no sign of life */
        bool back;                 /* … that what said so holds no longer: no sign of life either */
        bool fault;                /* the payload was no status of ours (P4, never an alarm) */
} StatusEvent;

#define STATUS_UNSAID .battery = INT16_MIN, .rssi = INT16_MIN, .mains = -1, .worn = -1, .tamper = -1

/* Where a resident is. Numbers are kept: append only. */
typedef enum Away { AWAY_HOME, AWAY_OUT, AWAY_HOSPITAL, AWAY_MAX } Away;

/* What a visit at a bed is for. Numbers are kept: append only. */
typedef enum Service {
        SERVICE_OTHER,
        SERVICE_CLEAN,
        SERVICE_MEALS,
        SERVICE_BATH,
        SERVICE_MEDICAL,
        SERVICE_COMPANY,
        SERVICE_ERRAND,
        SERVICE_MAX,
} Service;
const char *service_word(Service);
bool service_parse(const char *word, Service *ret);

typedef struct ActionEvent {
        ActionKind kind;
        char word[WORD_SIZE];   /* as written, for the reply to an unknown one */
        uint64_t incident;      /* 0: not said (a bare word, or "on" and "off") */
        uint64_t seq;           /* of the notice that is answered; 0: not said */
        uint64_t eta_us;        /* 0: not said or invalid */
        char outcome[WORD_SIZE];
        char to[CODE_SIZE];     /* handover, assign: worker code; visit_…: whose visit it is, where a desk says so */
        char agency[WORD_SIZE]; /* handoff: 119, 120, up */
        char target[CODE_SIZE]; /* test, shelve: device; away, request: resident; visit_in, visit_fix: resident or device */
        char mode[WORD_SIZE];   /* away: home, away, hospital */
        uint64_t span_us;       /* shelve, away, waiting: for how long; visit_fix: how long it was; 0: not said */
        uint64_t visit;         /* visit_fix: number of the visit */
        uint8_t service;        /* visit_in: Service */
        uint8_t rating;         /* visit_out: by the resident, 1 … 5; 0: not said */
        bool has_note, proof, yes, bare; /* bare: a word command without a number */
        bool open;              /* the words of this request may stand on the public wall */
        uint8_t score;          /* rate: 1 … 5; 0: none of these */
        char class[WORD_SIZE];  /* request, reclass: easy, key, hard */
        char text[TEXT_SIZE];   /* about a request: its text, evidence, reason or note */
} ActionEvent;

typedef struct AttemptEvent {
        uint64_t incident, seq;
        uint32_t worker;
        uint8_t channel; /* Channel of effect.h */
        bool delivered;  /* else it failed for good */
} AttemptEvent;

typedef struct SystemEvent {
        SystemCause cause;
        bool raise; /* false: the cause has gone (a condition, it stops nothing) */
} SystemEvent;

/* Signs of somebody being about. Numbers are kept (MarkKind): append only, the button stays the last. */
typedef enum SignKind { SIGN_MOTION, SIGN_BED, SIGN_WATER, SIGN_DOOR, SIGN_BUTTON, SIGN_MAX } SignKind;
typedef enum SignSaid { SAID_NOT, SAID_NO, SAID_YES } SignSaid;
const char *sign_word(SignKind); /* motion, bed, water, door, button */

/* What any message of a device may say besides; all zero: nothing. */
typedef struct SignEvent {
        uint8_t said[SIGN_BUTTON]; /* SignSaid; of a bed: somebody is in it, of a door: it is open */
        bool located;
        double lat, lon;  /* degrees, WGS 84 */
        float accuracy_m; /* 0: not said */
} SignEvent;

typedef struct Event {
        EventType type;
        EventVia via;
        bool retained;         /* came with MQTT's retain flag */
        uint64_t hold;         /* the adapter's handle of the answer that waits; 0: nobody waits */
        char source[CODE_SIZE]; /* device or worker code: the topic level that the broker checked, the PSK
                                   identity, or what the query says */
        char id[EVENT_ID_SIZE]; /* the device's event id or the worker's nonce; "" = none */
        uint8_t key[16];       /* of (type, source, id), all zero without an id; made by the inbox */
        uint8_t digest[16];    /* of the content; made by the inbox */
        int64_t device_us;     /* the device's own wall time; 0: not said */
        char why[WORD_SIZE * 2]; /* unparsed, refused: what was wrong, one English line */
        char *body;            /* the payload as it came; owned by the inbox; may be NULL */
        char *whole;           /* the words of a request, where they are longer than TEXT_SIZE; owned like the body */
        uint32_t body_size;
        SignEvent signs;
        bool body_json;        /* the body is valid JSON in UTF-8 and can stand in the journal as it is */
        union {
                AlarmEvent alarm;
                VitalsEvent vitals;
                StatusEvent status;
                ActionEvent action;
                AttemptEvent attempt;
                SystemEvent system;
                struct {
                        bool online;
                } presence;
        };
} Event;

bool alarm_kind_parse(const char *word, AlarmKind *ret);
const char *alarm_kind_word(AlarmKind); /* "unknown" and "unparsed" for the last two */
bool action_kind_parse(const char *word, ActionKind *ret);
const char *action_kind_word(ActionKind);
const char *system_cause_word(SystemCause);
const char *event_via_word(EventVia);
