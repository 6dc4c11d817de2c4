/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Answers for the control socket, made from the engine's state: one JSON text each, malloc'd, the caller's. */
#include "config/config.h"
#include "outbox.h"
#include "protocols/http/http.h"
#include "turn.h"

#define REPORT_COUNTERS_MAX 64

/* Odd things, counted by name: "mqtt.unparsed". */
typedef struct Counters {
        struct {
                char name[48];
                uint64_t n;
        } items[REPORT_COUNTERS_MAX];
        uint32_t n;
} Counters;

void counters_add(Counters *, const char *name);

typedef struct Report {
        const Engine *engine;
        const Registry *registry;
        const Turn *turn;
        const Outbox *outbox;
        const Config *config;
        const Counters *counters;
        bool mqtt_up;        /* or no MQTT is configured */
        const char *why;     /* of degraded mode; "" */
        uint64_t started_us; /* CLOCK_BOOTTIME */
} Report;

/* Open incidents, and who is there for them. */
typedef struct ReportNumbers {
        uint32_t open[6];    /* by priority, from [1] */
        uint32_t unanswered; /* P1 or P2 that nobody has accepted */
        uint32_t overdue;    /* it has looped, or the owner is late */
        uint32_t devices, workers, on_duty;
        uint64_t uptime_s;
} ReportNumbers;

void report_numbers(const Report *, Now, ReportNumbers *ret);
/* For the web server. */
void report_facts(const Report *, Now, HttpFacts *ret);

/*
 * {"site":…,"version":…,"state":"ok|attention|degraded","open":…,"overdue":…,"waiting":…,"mqtt":…,"recorded_seq":…,
 * "uptime":…,"devices":…,"workers":…,"on_duty":…,"why":…,"counters":{…}}
 * attention: an open P1 or P2 that nobody has accepted, the broker away, or nobody on duty.
 */
int report_status(const Report *, Now, char **ret_json);
/* [{"incident":…,"kind":…,"class":…,"priority":…,"state":…,"tier":…,"tiers":…,"round":…,"opened":…,"dwelling":…,
 * "grid":…,"device":…,"owner":…,"presses":…,"next_tier":…,"late":…}, …]; all: also resolved, not yet closed. */
int report_list(const Report *, Now, bool all, char **ret_json);
/* One of these, with "recipients": [{"worker":…,"role":…,"channel":…,"tier":…,"sent":…,"state":…}, …]. */
int report_show(const Report *, Now, uint64_t incident, char **ret_json);
/* [{"worker":…,"role":…,"scope":…,"client":…,"on":…}, …] */
int report_workers(const Report *, Now, char **ret_json);
/* The daily list and the visit list of an outage, by risk: {"residents":[{"resident":…,"dwelling":…,"grid":…,
 * "unprotected":…,"risk":…,"working":…,"down":[{"device":…,"class":…,"why":…,"since":…}]}],"proof_overdue":[{"device":…,
 * "dwelling":…,"grid":…,"tried":…}]} */
int report_unprotected(const Report *, Now, char **ret_json);
/* Registry ids of residents none of whose call devices works, by risk. Returns how many there are, also beyond cap;
 * 0 without memory. Only engine and registry are looked at. */
uint32_t report_unprotected_people(const Report *, Now, uint32_t *ret, uint32_t cap);
