/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Profiles: what the messages of off-the-shelf devices mean, in rules instead of code. A profile is one file,
 * NAME.conf, in the manner of the configuration: strict, with file and line of what is wrong.
 *
 *   [Profile]
 *   Text=             one line for people
 *   Devices=any       any (default): also devices that the registry does not know, or lists without a profile
 *                     named: only those whose row in the registry names this profile
 *   Bridge=TOPIC      a message here says that the bridge has come or gone: levels become doubtful
 *
 *   [Message]         any number of them; one kind of topic each
 *   Topic=zigbee2mqtt/{device}     levels: a word, + (any), {device}, {kind} (an alarm's word)
 *   Ignore=bridge     values of {device} that are none, words split at spaces
 *   Each=$.list       the elements of this array or object are one message each; paths count from the element
 *   Id=$.mac          the device's code, where it is not {device}
 *   Time=$.last_seen  the device's own time: Unix seconds or milliseconds, or RFC 3339
 *   Bytes=base64 $.data            bytes that nobody has decoded: see bytes.h
 *   Field battery=after 0175 u8    a number in them, for rules as @battery
 *   Stamp=$.fCnt      differs from press to press: makes an event id, so that a message that comes twice is one press
 *   Event sos=$.action in emergency,sos | $.button = 1 & $.held is true
 *   Level smoke=$.smoke is true
 *   Metric battery=$.battery
 *   Gone=$.state = offline         somebody says that the device cannot be reached; without {device} and Id: none of
 *                     those whose row in the registry names this profile
 *
 * Paths are SQLite's JSON paths; a payload that is no JSON (ON) is a text whose path is $. Tests: = != < > in like
 * is (true, false, present, absent); & binds before |. `like` has % at the ends. Kinds: the words of alarms; metrics:
 * battery rssi mains worn tamper motion bed water door lat lon accuracy hr spo2 sys dia temp resp; flags may be
 * turned round, as in door=!$.contact. An Event is an edge: every message that fits is one. A
 * Level is a state: see profile.c.
 *
 *   [Sample]          a real message and what it means: tests, `huyingctl profile test`, huying-sim
 *   Text= Topic= Payload= Means=sos-1: sos; status battery=90
 */
#include "engine/event.h"
#include "protocols/codec/levels.h"

#include <stdio.h>

#define PROFILE_TOPIC_SIZE   192
#define PROFILE_FILTERS_MAX  128
#define PROFILE_SAMPLES_MAX  24
#define PROFILE_PAYLOAD_SIZE 2048

typedef struct Profiles Profiles; /* a set of them; one for a thread */

typedef struct ProfileError {
        char file[512];
        unsigned line; /* 0: the whole file */
        char text[256];
} ProfileError;

enum { PROFILE_E_INVALID = 1 };

int profiles_new(Profiles **ret);
Profiles *profiles_free(Profiles *);
/* One profile from its text. A profile of this name that is there is replaced. 0, PROFILE_E_INVALID, -ENOMEM. */
int profiles_add(Profiles *, const char *name, const char *file, const char *text, size_t n, ProfileError *);
/* All NAME.conf of the folders (split at spaces), the later ones over the earlier ones. A folder that is not there
 * is passed over. Reads files: at start only. */
int profiles_load(Profiles *, const char *folders, ProfileError *);

/* The MQTT filters of messages that can carry alarms, and of those that cannot; each once. */
size_t profiles_filters(const Profiles *, bool alarms, char filters[][PROFILE_TOPIC_SIZE], size_t max);
/* True: some profile reads this topic, for more than whether a device can be reached. */
bool profiles_know(const Profiles *, const char *topic);
/* Which device would be meant by a message on this topic, and by which profile for any device. */
bool profiles_topic_device(
        const Profiles *, const char *topic, char device[CODE_SIZE], char profile[CODE_SIZE]);
/* "NAME<TAB>any|named<TAB>file<TAB>text", for each, in order. */
const char *profiles_name(
        const Profiles *, size_t i, const char **ret_text, const char **ret_file, bool *ret_named);

typedef struct ProfileSample {
        char text[160], topic[PROFILE_TOPIC_SIZE], payload[PROFILE_PAYLOAD_SIZE], means[256];
} ProfileSample;

const ProfileSample *profiles_sample(const Profiles *, const char *name, size_t i); /* NULL: no more */

typedef struct ProfileHost {
        void *userdata;
        /* The profile that the registry names for this device: "" none, NULL: no such device. */
        const char *(*profile_of)(void *userdata, const char *device);
        /* type, source, id, device_us, retained, why, body_json and the typed part are filled; the rest is zero. The
         * event is valid during the call. */
        void (*emit)(void *userdata, const Event *);
        /* A device that the registry does not know has spoken. May be NULL. */
        void (*stranger)(void *userdata, const char *device, const char *profile);
        /* Calls fn with each device whose row in the registry names this profile. May be NULL. */
        void (*each)(void *userdata, const char *profile, void (*fn)(void *, const char *device), void *arg);
} ProfileHost;

/*
 * What a message means. alarms: read only what can carry alarms, or only what cannot (they come on two connections).
 * Returns how many kinds of message fitted the topic; 0: none of ours.
 */
unsigned profiles_read(Profiles *, bool alarms, const char *topic, const void *payload, size_t n,
        bool retained, const ProfileHost *);
/* Only with this profile, whatever the registry says (tests, huyingctl). */
unsigned profiles_read_as(Profiles *, const char *name, const char *topic, const void *payload, size_t n,
        bool retained, const ProfileHost *);

/* Messages may have been lost: this connection was down. */
void profiles_doubt(Profiles *);
Levels *profiles_levels(Profiles *);

/* "sos-1: sos id=…" on one line, as Means= has it; `first`: no "; " before it. */
void profile_event_text(const Event *, bool first, char *ret, size_t cap);

/* RFC 3339, strictly; seconds. For tests. */
bool profile_time_parse(const char *s, size_t n, double *ret);
