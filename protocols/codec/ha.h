/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Home Assistant's MQTT discovery, consumed: devices that announce themselves on
 * PREFIX/COMPONENT/[NODE/]OBJECT/config are understood without a profile. Of an announcement we take
 *
 *   binary_sensor  device_class smoke gas carbon_monoxide heat, safety (a call for help), problem (a fault), tamper
 *                  motion, moving, occupancy, presence (a sign of life; of a bed, by its name, that somebody is in
 *                  it), door, opening (of the flat)
 *   sensor         device_class battery, signal_strength; a unit of bpm (heart rate)
 *   event          event_types emergency, sos, panic
 *   device_automation  a trigger whose subtype or type is emergency, sos, panic
 *
 * An availability topic that says that it is not available, and a state that is older than expire_after, are a device
 * that cannot be reached: no alarm and no sign of life, but it is lost five minutes later if it is not heard.
 *
 * All with full and abbreviated keys, and of its templates two forms: value_json.x and value_json["x"]. Anything else
 * is a program in a language that we do not speak: refused, and said so.
 */
#include "protocols/codec/profile.h"

#define HA_PROFILE      "home-assistant" /* the profile of such devices in the registry */
#define HA_ENTITIES_MAX 4096u
#define HA_TEXT_SIZE    96

typedef struct Ha Ha; /* one for a thread */

typedef struct HaEntity {
        char topic[PROFILE_TOPIC_SIZE]; /* where its state comes */
        char device[CODE_SIZE];         /* from its identifiers */
        char name[HA_TEXT_SIZE], model[HA_TEXT_SIZE];
        char path[128], on[WORD_SIZE], off[WORD_SIZE];
        uint8_t type, what;
        bool alarm;      /* can carry one */
        bool subscribed; /* the adapter's */
        uint64_t config; /* of the announcement's topic; 0: none */
        uint32_t next;   /* of the same state topic */
        uint32_t expire_s, last_s; /* a state holds that long, 0: for ever; the newest one, CLOCK_BOOTTIME */
} HaEntity;

typedef enum HaResult {
        HA_TAKEN,   /* *ret: new, or as it is now */
        HA_IGNORED, /* nothing of ours: a light, a thermometer */
        HA_REFUSED, /* one of ours, in a form that we do not understand: see ha_why() */
        HA_GONE,    /* taken back */
        HA_FULL,
} HaResult;

int ha_new(Ha **ret, Levels *);
Ha *ha_free(Ha *);

HaResult ha_config(
        Ha *, const char *prefix, const char *topic, const void *payload, size_t n, HaEntity **ret);
const char *ha_why(const Ha *);
/* All of them in order; NULL: no more. Those without `config` are free places. */
HaEntity *ha_entity(Ha *, size_t i);
/* "sos", "smoke", …, "battery": what an entity tells. */
const char *ha_word(const HaEntity *);

/* A message on some topic. Returns how many entities it is for. */
unsigned ha_read(Ha *, bool alarms, const char *topic, const void *payload, size_t n, bool retained,
        const ProfileHost *);
/* States that are too old by now; cheap, for every few seconds. */
void ha_expire(Ha *, const ProfileHost *);
/* Messages may have been lost. */
void ha_doubt(Ha *);
