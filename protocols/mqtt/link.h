/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One connection to the broker, over libmosquitto in deferred-acknowledgement mode. See link.c.
 *
 * The handler's message() and acked() run inside the library: they may push events, publish, and call run(),
 * but nothing leaves this connection before they have returned. ready() runs outside.
 */
#include "protocols/port.h"
#include "secrets.h"

typedef struct Link Link;

#define LINK_FILTERS_MAX 4

/* Texts are kept by reference and must outlive the link; "" or NULL: none. */
typedef struct LinkSettings {
        const char *name; /* for the log: alarm, vitals, out */
        const char *client_id, *user;
        const char *host;
        uint32_t port, keepalive_s;
        bool clean; /* no session at the broker */
        bool hold;  /* nothing leaves before what came in is durable */
        unsigned drain; /* messages in one visit; 0: LIMIT_DRAIN */
        PortPriority priority;
        Secrets *const *secrets; /* *secrets: those of the next dial; NULL: not there, nothing is dialled */
        const char *filters[LINK_FILTERS_MAX]; /* subscribed with QoS 1; NULL ends */
        const char *will_topic;                /* retained will "offline" */
} LinkSettings;

typedef struct LinkMessage {
        const char *topic;
        const void *payload;
        size_t size;
        bool retained;
} LinkMessage;

typedef struct LinkHandler {
        void (*message)(void *userdata, const LinkMessage *);
        void (*acked)(void *userdata, int mid); /* the broker has taken our message for good; may be NULL */
        void (*ready)(void *userdata);          /* connected, and every subscription granted; may be NULL */
        void *userdata;
} LinkHandler;

enum { LINK_E_DOWN = 1 /* not ready: nothing was taken */ };

/* Dials at once, and again for ever. */
int link_new(Link **ret, PortHost *, const LinkSettings *, const LinkHandler *);
/* Closes without farewell (the broker publishes the will). */
Link *link_free(Link *);

/* Queued behind what waits; leaves at the next link_flush(), or after link_wake() when the loop comes by. */
int link_publish(Link *, const char *topic, const void *payload, size_t n, bool retain, int *ret_mid);
int link_subscribe(
        Link *, const char *filter); /* beside the filters of the settings, for this connection only */
int link_unsubscribe(Link *, const char *filter);
/* More filters, subscribed with each session that is new, after those of the settings. A broker that refuses one is
 * complained about, and the connection goes on without it. The texts must outlive the link. Before it has dialled. */
void link_want(Link *, char *const *filters, unsigned n);
/* Writes to the socket now what may be written; never waits. */
void link_flush(Link *);
void link_wake(Link *);

/* A turn that was run inside message(): its answers wait for this journal number. */
void link_need(Link *, uint64_t seq);
/* Inside message(): this message cannot be taken; the connection is dropped and the broker sends it again.
 */
void link_condemn(Link *);
/* The disk has come further: what may go, goes, and reading goes on. */
void link_committed(Link *);
/* Once a second: keep-alive, time limits. Not from within a turn. */
void link_tick(Link *);
/* Says good-bye if it may write, waits for the socket no longer than 200 ms, and stays closed. */
void link_stop(Link *);

bool link_ready(const Link *);
/* Waits for the disk: not written, and after so many messages not read either. */
bool link_held(const Link *);
/* CLOCK_BOOTTIME since when it has not been ready; 0: it is. */
uint64_t link_down_since(const Link *);
/* Somebody else uses our client id. */
bool link_taken_over(const Link *);
