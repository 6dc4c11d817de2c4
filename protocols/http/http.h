/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The web server: the workers' app, /config.json for it, /healthz and /metrics for whoever watches the gateway.
 * It only ever answers GET and HEAD, and knows nobody's name. See http.c.
 */
#include "config/config.h"
#include "protocols/port.h"

typedef struct Http Http;

/* What the gateway says about itself. */
typedef struct HttpFacts {
        uint32_t open[6];    /* open incidents by priority, from [1] */
        uint32_t unanswered; /* of them: nobody has accepted */
        uint32_t overdue;    /* of them: somebody has, and is late */
        uint32_t waiting;    /* messages that no port has taken yet */
        uint32_t devices, workers, on_duty;
        uint64_t committed_seq, uptime_s;
        bool degraded,
                broker; /* not recorded for now; all connections to the broker are up (or none is configured) */
        char why[128]; /* of degraded, one line */
} HttpFacts;

typedef struct HttpHost {
        void *userdata;
        void (*facts)(void *userdata, HttpFacts *ret);
        /* The n-th counter of odd things, from 0; false: there is no n-th. */
        bool (*counter)(void *userdata, uint32_t n, const char **ret_name, uint64_t *ret_count);
} HttpHost;

/*
 * Keeps nothing of the Config. A port that is taken does not stop the start: it is tried again, for the alarms go on
 * without a web server. Nor does a folder without an app: the rest is served.
 */
int http_new(Http **ret, PortHost *, const Config *, const HttpHost *, Port *ret_port);
Http *http_free(Http *);
