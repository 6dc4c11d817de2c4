/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What an adapter is: a Port speaks one protocol. It turns bytes into events with a codec, puts them into the inbox
 * through its PortHost, and carries out what the gateway asks through its PortOps. It never calls the engine, never
 * knows a store, and never waits.
 *
 * The rule that every adapter keeps: an answer that lets somebody stop trying (PUBACK, CoAP ACK) leaves the process
 * only when the host says so. For MQTT that is per connection: run() returns the journal number that must be durable
 * before the connection may be written again, and committed() says how far the disk has come. For CoAP it is per
 * request: event.hold comes back in ops->receipt().
 */
#include "engine/effect.h"

#include <stddef.h>

typedef struct PortHost PortHost;
typedef struct PortWatch PortWatch; /* a descriptor in the loop */
typedef struct PortTimer PortTimer; /* a one-shot timer in the loop */

/* Lower numbers are served first: alarm (and the connection that calls people), timer, out, vitals (so that a flood of
 * readings delays no alarm). Those of one number take turns. */
typedef enum PortPriority { PORT_PRIORITY_ALARM = -20, PORT_PRIORITY_TIMER = -10, PORT_PRIORITY_OUT = 0, PORT_PRIORITY_VITALS = 10 } PortPriority;

struct PortHost {
        /* Watches fd for epoll events (EPOLLIN …, 0: none for now). fn may change or end its own watch. */
        int (*watch)(PortHost *, PortWatch **ret, int fd, uint32_t events, PortPriority, void (*fn)(void *userdata, uint32_t revents), void *userdata);
        int (*watch_set)(PortWatch *, uint32_t events);
        PortWatch *(*watch_free)(PortWatch *); /* before the fd is closed; takes NULL; NULL */
        int (*timer)(PortHost *, PortTimer **ret, PortPriority, void (*fn)(void *userdata), void *userdata); /* off at first */
        int (*timer_set)(PortTimer *, uint64_t after_us); /* CLOCK_BOOTTIME from now, once; UINT64_MAX: off */
        PortTimer *(*timer_free)(PortTimer *);

        /*
         * A free event, zeroed, or NULL when the inbox is full (then run() first). push() takes it with a body set by
         * event_body(). Key and digest are computed by push().
         */
        Event *(*event_new)(PortHost *);
        int (*event_body)(Event *, const void *bytes, size_t n);
        void (*push)(PortHost *, Event *);
        void (*discard)(PortHost *, Event *); /* instead of push() */
        /*
         * Runs the turn on all that is in the inbox. Returns the journal number that must be committed before the
         * answers of these events may leave; 0: nothing to wait for.
         */
        uint64_t (*run)(PortHost *);
        uint64_t (*committed)(PortHost *); /* journal number up to which everything is durable (in degraded mode: released) */

        /* A program or person channel has taken the message for good, or never will. */
        void (*sent)(PortHost *, uint64_t incident, uint32_t worker, Channel, uint64_t seq, bool ok);
        /* The adapter's own health: raises or ends a SYSTEM cause (an event goes to the engine). */
        void (*system)(PortHost *, SystemCause, bool raise);
        /* A connection to the workers is up; `forgotten` = the broker has lost its memory: send every open alert again. */
        void (*connected)(PortHost *, bool forgotten);
        /* A retained alert of ours was read back: (worker code, incident number). */
        void (*retained_alert)(PortHost *, const char *worker, uint64_t incident);
        /* Something else of ours for one worker was read back: the leaf of his topics, "day" or "text". */
        void (*retained_word)(PortHost *, const char *worker, const char *leaf);
        /* The profile that the registry names for a device: "" none, NULL: no such device. Valid until the next turn.
         * The member may be NULL: nobody is known. */
        const char *(*profile)(PortHost *, const char *device);
        /* Calls fn with each device whose row in the registry names this profile. May be NULL: there is none. */
        void (*profiled)(PortHost *, const char *profile, void (*fn)(void *, const char *device), void *arg);
        /*
         * Before a message is decoded: `who` is the device or worker, or where that is not known, the topic. False: it
         * has crashed the gateway before and is not to be decoded; it becomes ALARM_UNPARSED. After true comes
         * decoded(), when its events are in the inbox. Members may be NULL: nothing is remembered.
         */
        bool (*decode)(PortHost *, EventVia, const char *who, const void *bytes, size_t n);
        void (*decoded)(PortHost *);
        /* Counts something odd, for status and metrics: "mqtt.unparsed". */
        void (*count)(PortHost *, const char *what);
};

/* An alert to one person, encoded once. Pointers are valid during the call. */
typedef struct PortAlert {
        uint64_t incident, seq;
        uint32_t worker;         /* id, for sent() */
        const char *worker_code;
        Channel channel;
        const char *json;        /* NULL: gone, clear it */
        size_t json_size;
        const char *text;        /* one line in Chinese for plain clients; NULL: unchanged */
        uint32_t count;          /* open alerts of this person */
        uint8_t priority;        /* 1 … 5, of the incident: programs have a threshold */
        bool raise;              /* urgent: before anything else */
        bool refresh;            /* programs: only in the place of one that still waits, no call of its own */
} PortAlert;

typedef struct PortReceipt {
        uint64_t hold;
        const char *device, *event_id; /* event_id "" when there was none */
        ReceiptResult result;
        uint64_t incident, seq;  /* incident 0: recorded, no incident (a cancel without a call, a test) */
        const char *json;        /* {"id":…,"result":…,"incident":…,"seq":…} */
        size_t json_size;
} PortReceipt;

typedef struct PortReply {
        uint64_t hold;
        const char *worker_code;
        const char *json;
        size_t json_size;
} PortReply;

/* Results > 0 of ops->alert(): nothing was taken and no sent() will come for it. */
enum {
        PORT_E_DOWN = 1,    /* no connection now: host->connected() will ask for it again */
        PORT_E_ADDRESS = 2, /* the person's code cannot be an address of this protocol */
};

typedef struct PortOps {
        const char *name;
        /* Any may be NULL: the adapter has no use for it. None of them calls run() or anything else of the host that
         * steps the engine: they may be called from within a turn. */
        int (*alert)(void *port, const PortAlert *);
        /* False: so much is under way, or the connection is down, that an alert should wait, a call (raise) as well.
         * After an acknowledgement the host's run() is called and it may be different. NULL: there is always room. */
        bool (*room)(void *port, bool raise);
        /* The alerts of this step have all been handed over: they leave now. */
        void (*flush)(void *port);
        void (*receipt)(void *port, const PortReceipt *);
        void (*reply)(void *port, const PortReply *);
        /* What a worker asked to see, on a leaf of his own topics ("vitals", "timeline"); not kept for later. */
        void (*show)(void *port, const char *worker_code, const char *leaf, const char *json, size_t json_size);
        /* The lamp of a device, and with incident != 0 its observable resource; open = false: the incident is over. */
        void (*lamp)(void *port, const char *device, uint64_t incident, Lamp, bool open);
        /* A word for everybody who listens, kept by the broker: huying/<site>/<topic>. After connected() it is asked for
         * again. */
        void (*tell)(void *port, const char *topic, const char *text);
        /* The disk has come to `seq`: what was held up to there may go. */
        void (*committed)(void *port, uint64_t seq);
        /* Ends within the second: flush what may go, close. */
        void (*stop)(void *port);
} PortOps;

typedef struct Port {
        const PortOps *ops;
        void *port;
        EventVia via;      /* whose holds it gives out */
        uint32_t channels; /* bit Channel: whose alerts it carries */
} Port;
