/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the gateway says over MQTT: alerts, text and count of workers, replies, receipts, lamps. See out.c.
 */
#include "base/idmap.h"
#include "lines.h"
#include "link.h"
#include "topic.h"

#define OUT_CALLS_MAX     256u    /* messages under way with which a call for help still goes out */
#define OUT_ANSWERS_MAX   128u    /* … and a receipt or a reply */
#define OUT_LAMPS_WAY_MAX 96u     /* … and a lamp */
#define OUT_REFRESHES_MAX 64u     /* … and anything else */
#define OUT_LINES_MAX     16u     /* … and a worker's text and count at once, with the alert */
#define OUT_LAMPS_MAX     131072u /* lamps that are lit, or not yet acknowledged */
#define OUT_QUEUE_MAX     65536u  /* answers that wait; then the oldest goes, and is asked for again */
#define OUT_DOWN_MAX      1024u   /* … while there is no connection */

typedef enum TicketKind { TICKET_ALERT, TICKET_LINE, TICKET_LAMP, TICKET_ANSWER } TicketKind;

/* Something that the broker has not acknowledged. */
typedef struct OutTicket {
        int mid; /* 0: acknowledged */
        TicketKind kind;
        uint32_t worker, lamp;
        uint64_t incident, seq;
        Channel channel;
} OutTicket;

typedef struct OutLamp {
        char device[CODE_SIZE]; /* "": free */
        Lamp lamp;
        bool open;     /* of an incident that is not over: said again on each new connection */
        bool unmapped; /* another device has its hash */
        bool queued;   /* to be said when there is room */
        int mid;       /* 0: acknowledged, or not sent on this connection */
        uint32_t next; /* of the free ones, or of the queue */
} OutLamp;

/* A receipt or a reply that waits for room. */
typedef struct OutAnswer {
        struct OutAnswer *next;
        size_t topic_size, json_size; /* topic_size: with its end */
        char bytes[];                 /* topic, JSON */
} OutAnswer;

typedef struct Out {
        PortHost *host;
        Link *link;
        const char *prefix, *announce, *site;
        OutTicket *tickets; /* a ring in the order of publishing */
        uint32_t first, n_tickets, tickets_max, n_flying;
        Lines *lines;
        OutLamp *lamps;
        IdMap by_device;
        void *by_device_memory;
        uint32_t lamps_max, lamp_free, n_unmapped;
        uint32_t lamp_first, lamp_last; /* the queue */
        OutAnswer *answer_first, *answer_last;
        uint32_t n_answers;
        bool reading_back;
        uint64_t read_back_us; /* when the last retained word came */
        const char *echo;      /* the worker whose alerts come back to us; NULL: none */
        void (*echo_heard)(void *userdata, const void *bytes, size_t n);
        void *echo_userdata;
} Out;

/* announce: prefix of announcements for Home Assistant, "" none; site: our code. Both must outlive it. */
int out_init(
        Out *, PortHost *, const LinkSettings *, const char *prefix, const char *announce, const char *site);
void out_deinit(Out *);
/* Once a second. */
void out_tick(Out *);

/* 0, PORT_E_X or a negative errno; see PortOps. */
int out_alert(Out *, const PortAlert *);
bool out_room(const Out *, bool raise);
void out_flush(Out *); /* what out_alert() has queued */
void out_receipt(Out *, const PortReceipt *);
void out_show(Out *, const char *worker_code, const char *leaf, const char *json, size_t n);
void out_reply(Out *, const PortReply *);
void out_tell(Out *, const char *topic, const char *text);
void out_say(Out *, const char *topic, const char *text); /* not kept by the broker */
void out_lamp(Out *, const char *device, Lamp, bool open);
/* What is said to this worker is heard here. Call it once. */
void out_echo_set(
        Out *, const char *code, void (*heard)(void *userdata, const void *bytes, size_t n), void *userdata);
