/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the gateway says over MQTT: alerts, text and count of workers, replies, receipts, lamps. See out.c.
 */
#include "link.h"
#include "topic.h"

#define OUT_TICKETS_MAX 4096 /* alerts that the broker has not acknowledged */
#define OUT_LAMPS_MAX   4096 /* lamps that are lit, or not yet acknowledged */

typedef struct OutTicket {
        int mid; /* 0: acknowledged */
        uint32_t worker;
        uint64_t incident, seq;
        Channel channel;
} OutTicket;

typedef struct OutLamp {
        char device[CODE_SIZE];
        Lamp lamp;
        bool open; /* of an incident that is not over: said again on each new connection */
        int mid;   /* 0: acknowledged, or not sent on this connection */
} OutLamp;

typedef struct Out {
        PortHost *host;
        Link *link;
        const char *prefix, *announce, *site;
        OutTicket *tickets; /* a ring in the order of publishing */
        uint32_t first, n_tickets;
        OutLamp *lamps;
        uint32_t n_lamps;
        bool reading_back;
        uint64_t read_back_us; /* when the last retained alert came */
} Out;

/* announce: prefix of announcements for Home Assistant, "" none; site: our code. Both must outlive it. */
int out_init(Out *, PortHost *, const LinkSettings *, const char *prefix, const char *announce, const char *site);
void out_deinit(Out *);
/* Once a second. */
void out_tick(Out *);

/* 0, PORT_E_X or a negative errno; see PortOps. */
int out_alert(Out *, const PortAlert *);
void out_receipt(Out *, const PortReceipt *);
void out_reply(Out *, const PortReply *);
void out_tell(Out *, const char *topic, const char *text);
void out_say(Out *, const char *topic, const char *text); /* not kept by the broker */
void out_lamp(Out *, const char *device, Lamp, bool open);
