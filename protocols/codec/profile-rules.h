/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A profile in memory: between its reader (profile-read.c) and its use (profile.c). */
#include "protocols/codec/bytes.h"
#include "protocols/codec/profile.h"
#include "protocols/codec/query.h"

#define MESSAGES_MAX 8u
#define RULES_MAX    32u
#define CLAUSES_MAX  64u
#define PROFILES_MAX 64u
#define NO_PATH      UINT8_MAX
#define KIND_CAPTURE ALARM_KIND_MAX /* the kind is the topic's {kind} */

typedef enum Test { TEST_EQUAL, TEST_UNEQUAL, TEST_LESS, TEST_MORE, TEST_IN, TEST_LIKE, TEST_IS } Test;
typedef enum Is { IS_TRUE, IS_FALSE, IS_PRESENT, IS_ABSENT } Is;

typedef struct Clause {
        uint8_t test, path;
        uint8_t is;
        bool or ; /* begins an alternative */
        double number;
        char literal[QUERY_SCALAR_SIZE]; /* in: with NULs instead of commas, and two at the end */
} Clause;

typedef enum RuleType { RULE_EVENT, RULE_LEVEL, RULE_METRIC, RULE_GONE } RuleType;

typedef enum Metric { /* after the vitals */
        METRIC_BATTERY = VITAL_MAX,
        METRIC_RSSI,
        METRIC_MAINS,
        METRIC_WORN,
        METRIC_TAMPER,
        METRIC_SIGNS, /* one for each SignKind but the button */
        METRIC_LAT = METRIC_SIGNS + SIGN_BUTTON,
        METRIC_LON,
        METRIC_ACCURACY,
        METRIC_MAX,
} Metric;

typedef struct Rule {
        uint8_t type;
        uint8_t what; /* AlarmKind, KIND_CAPTURE, or Vital and Metric */
        uint8_t path; /* of a metric */
        bool not ;    /* … that says the opposite */
        uint8_t clause, n_clauses;
} Rule;

typedef struct Message {
        char topic[PROFILE_TOPIC_SIZE], filter[PROFILE_TOPIC_SIZE];
        char ignore[PROFILE_TOPIC_SIZE], each[QUERY_SCALAR_SIZE];
        unsigned line;
        bool alarms, bare; /* bare: some path is $, so a payload that is no JSON is a text */
        bool gone, all;    /* says whether a device can be reached; all: every one that has this profile */
        uint8_t id, time, stamp;
        uint8_t n_paths, n_rules, n_clauses;
        char paths[QUERY_PATHS_MAX][QUERY_SCALAR_SIZE];
        Rule rules[RULES_MAX];
        Clause clauses[CLAUSES_MAX];
        Query *query;
        uint8_t form; /* BytesForm */
        uint8_t n_fields;
        char bytes[QUERY_SCALAR_SIZE]; /* the path of the text */
        BytesField fields[BYTES_FIELDS_MAX];
        Query *bytes_query;
} Message;

typedef struct Profile {
        char name[CODE_SIZE], file[512], text[160], bridge[PROFILE_TOPIC_SIZE];
        bool named;
        uint32_t doubts; /* of its bridge alone */
        Message *messages[MESSAGES_MAX];
        unsigned n_messages;
        ProfileSample *samples;
        unsigned n_samples;
} Profile;

const char *metric_word(unsigned metric);

/* The topic's parts; device and kind "" when the pattern has none. False: does not fit. */
typedef struct Captures {
        const char *device, *kind; /* not NUL-terminated */
        size_t n_device, n_kind;
} Captures;
bool topic_fits(const char *pattern, const char *topic, Captures *ret);

/* profile-read.c. *ret is the caller's to free, also the queries in it. */
int profile_read(Profile **ret, QueryBase *, const char *name, const char *file, const char *text, size_t n,
        ProfileError *);
Profile *profile_free(Profile *);
