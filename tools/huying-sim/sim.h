/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Simulated beds and workers: the pieces.
 *
 * A Sim is one poll loop. A Link is one MQTT connection, a CoapLink one CoAP peer; each owns a SimSource. A
 * SimDevice or a Worker is a small state machine without a descriptor of its own: it is told what arrived
 * for it and asked when it is due, so that one link can carry many of them.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "tools/json.h"

#include <poll.h>

#define SIM_SOURCES_MAX 1024
#define SIM_NEVER       UINT64_MAX
#define SIM_TEXT_MAX    16384
#define CODE_QUERY_MAX  128

/* The loop (sim.c). Times are CLOCK_BOOTTIME in microseconds. */
typedef struct SimSource {
        int fd;                                    /* -1: a timer alone */
        short events;                              /* POLLIN, POLLOUT */
        uint64_t due_us;                           /* SIM_NEVER: none */
        void (*fn)(void *userdata, short revents); /* revents 0: it is due */
        void *userdata;
} SimSource;

typedef struct Sim {
        SimSource *sources[SIM_SOURCES_MAX];
        unsigned n_sources;
} Sim;

uint64_t sim_now_us(void);
void sim_add(Sim *, SimSource *); /* the caller's memory, until sim_remove() */
void sim_remove(Sim *, SimSource *);
/* Waits for something, at most until `until_us`, and handles it. 0 or a negative errno. */
int sim_step(Sim *, uint64_t until_us);
/* True after SIGINT or SIGTERM. */
bool sim_interrupted(void);
void sim_signals(void);
/* "12:03:04.123" in local time. */
void sim_time_text(char ret_text[13]);
/* One line to standard output, at once: somebody reads along. */
void sim_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* One MQTT connection (link.c); dials again by itself, subscribes again after each CONNACK. */
typedef struct Link Link;

typedef struct LinkConfig {
        const char *host;
        uint32_t port;
        const char *client_id;         /* NULL: the broker makes one */
        const char *user, *password;   /* NULL: none */
        const char *will_topic, *will; /* retained, QoS 1; NULL: none */
        const char *filters[4];        /* QoS 1; NULL ends */
        void (*connected)(void *userdata, bool up);
        void (*message)(void *userdata, const char *topic, const char *payload, size_t size, bool retained);
        void (*acked)(void *userdata); /* the broker has one more of ours; may be NULL */
        void *userdata;
} LinkConfig;

int link_new(Link **ret, Sim *, const LinkConfig *);
Link *link_free(Link *);
bool link_up(const Link *);
/* QoS 1. False: not connected (nothing is kept: the caller says it again, or not). */
bool link_publish(Link *, const char *topic, const char *payload, size_t size, bool retain);
DEFINE_CLEANUP(Link *, link_free)

/* One CoAP server as a client sees it (coap.c). */
typedef struct CoapLink CoapLink;

typedef struct CoapAnswer {
        bool observed;     /* of coap_link_observe(), else of coap_link_post() */
        unsigned code;     /* 201, 205, 404 …; 0: no answer, say it again */
        char location[64]; /* "a/1042" */
        const char *payload;
        size_t size;
} CoapAnswer;

int coap_link_new(CoapLink **ret, Sim *, const char *host, uint32_t port,
        void (*answer)(void *userdata, const CoapAnswer *), void *userdata);
CoapLink *coap_link_free(CoapLink *);
/* query: NULL ends. A new exchange; what an older one still brings is let go. */
int coap_link_post(CoapLink *, const char *path, const char *const *query, const char *json);
int coap_link_observe(CoapLink *, const char *path);
DEFINE_CLEANUP(CoapLink *, coap_link_free)

/* A device (device.c): says an alarm until it has the receipt. */
typedef enum DeviceNews { DEVICE_SAID, DEVICE_RECEIPT, DEVICE_LAMP } DeviceNews;

typedef struct SimDevice {
        char site[64], code[64];
        Link *link; /* one of the two */
        CoapLink *coap;
        void (*news)(void *userdata, struct SimDevice *, DeviceNews, const char *text);
        void *userdata;
        SimSource timer;
        Sim *sim;

        char id[64], kind[32]; /* what is being said; id "" = nothing */
        unsigned tries;
        uint64_t press_us, receipt_us;
        bool receipted, observing;
        uint64_t incident, seq; /* of the newest receipt */
        char result[32], lamp[32], location[64];
} SimDevice;

void device_init(SimDevice *, Sim *, const char *site, const char *code);
void device_deinit(SimDevice *);
/* Presses now and again (1, 2, 4 … 32 s, the same id) until the receipt. id NULL: a new one. */
void device_press(SimDevice *, const char *kind, const char *id);
/* One pack of readings or a heartbeat, once: `json` as on the wire. False: it could not be sent. */
bool device_vitals(SimDevice *, const char *json);
bool device_status(SimDevice *, const char *json);
/* What came for it: `what` is the topic's last level. */
void device_message(SimDevice *, const char *what, const char *payload, size_t size);
void device_answer(SimDevice *, const CoapAnswer *);
/* The link is up (again). */
void device_connected(SimDevice *);
/* "hr=190,spo2=97" to JSON. False: not of this form. */
bool device_vitals_parse(const char *text, char *ret_json, size_t cap);

/* A worker's app (worker.c): receipts by itself, answers when told. */
typedef struct SimWorker SimWorker;

typedef struct WorkerConfig {
        const char *site, *code, *host;
        uint32_t port;
        const char *user, *password;
        bool receipts; /* sends delivered and seen */
        void (*alert)(void *userdata, SimWorker *, uint64_t incident, const char *json,
                size_t size); /* size 0: gone */
        void (*reply)(void *userdata, SimWorker *, const char *json, size_t size);
        void *userdata;
} WorkerConfig;

int worker_new(SimWorker **ret, Sim *, const WorkerConfig *);
SimWorker *worker_free(SimWorker *);
const char *worker_code(const SimWorker *);
bool worker_up(const SimWorker *);
/* extra: more members, `,"outcome":"helped"`, or "". */
bool worker_act(SimWorker *, uint64_t incident, const char *action, uint64_t seq, const char *extra);
DEFINE_CLEANUP(SimWorker *, worker_free)

/*
 * CoAP devices in numbers (load-coap.c): confirmable requests from many ports, each retransmitted (2, 4, 8, 16 s)
 * until it is answered. Written by hand, so that it costs less than the server that it measures.
 */
typedef struct CoapLoad CoapLoad;
typedef struct CoapLoadCounts {
        uint64_t sent, answered, refused, retransmitted, given_up; /* refused: an answer that is no 2.xx */
} CoapLoadCounts;

/* `answered` is told the tag of each request that has its 2.xx. */
int coap_load_new(CoapLoad **ret, Sim *, const char *host, uint32_t port, unsigned peers, unsigned window,
        void (*answered)(void *userdata, uint32_t tag), void *userdata);
CoapLoad *coap_load_free(CoapLoad *);
/* id "": none. False: as many as the windows hold are under way. */
bool coap_load_post(
        CoapLoad *, const char *kind, const char *device, const char *id, const char *json, uint32_t tag);
CoapLoadCounts coap_load_counts(const CoapLoad *);
DEFINE_CLEANUP(CoapLoad *, coap_load_free)

/* What passes by, in words (watch.c). Returns false when there is nothing to tell a person. */
typedef struct Watch Watch;
int watch_new(Watch **ret, const char *site);
Watch *watch_free(Watch *);
bool watch_line(
        Watch *, const char *topic, const char *payload, size_t size, bool retained, char *ret, size_t cap);
DEFINE_CLEANUP(Watch *, watch_free)

/* A subcommand: its own options, an exit code. */
int cmd_device(int argc, char **argv);
int cmd_worker(int argc, char **argv);
int cmd_watch(int argc, char **argv);
int cmd_story(int argc, char **argv);
int cmd_profile(int argc, char **argv);
int cmd_load(int argc, char **argv);
/* "127.0.0.1:1883", "[::1]:5683", "localhost" (then the default port). */
bool endpoint_parse(const char *text, uint32_t port_default, char *ret_host, size_t cap, uint32_t *ret_port);
