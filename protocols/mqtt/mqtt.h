/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The MQTT adapter: three connections to one broker (protocols/README.md).
 *
 *   alarm   kept session, acknowledgements held until the disk has the events: up/+/alarm, worker/+/act, do,
 * presence; its will is the retained "offline" on huying/<site>/status vitals  a kept session of its own, so
 * that a flood of readings can never push out an alarm: up/+/vitals, status out     everything that the
 * gateway says
 *
 * Names: the client id is PREFIX-alarm, PREFIX-vitals, PREFIX-out, where PREFIX is [MQTT] User=, and when
 * that is empty huying-<site>. With User= or PasswordFile= set, the user name equals the client id (a broker
 * that binds client ids to user names then refuses anybody else's attempt to take ours), and the first line
 * of PasswordFile= is the password of all three.
 */
#include "base/str.h"
#include "config/config.h"
#include "protocols/codec/codec.h"
#include "protocols/codec/profile.h"
#include "protocols/port.h"
#include "secrets.h"

typedef struct Mqtt Mqtt;

typedef struct MqttStatus {
        bool alarm, vitals, out; /* connected and subscribed */
        bool held;               /* the alarm connection waits for the disk */
        bool taken_over;         /* somebody else uses one of our client ids */
} MqttStatus;

/* Dials at once. Keeps nothing of the Config. config->mqtt_host must not be empty. */
int mqtt_new(Mqtt **ret, PortHost *, const Config *, Codec *, Port *ret_port);
/* After a reload: what the next dials use; takes them over. Connections that are there stay. */
void mqtt_secrets_set(Mqtt *, Secrets *);
/* Right after mqtt_new(): devices as they are sold. The profiles must outlive it. */
int mqtt_profiles(Mqtt *, Profiles *);
/* Devices that were heard and that the registry does not know, as a JSON array. */
void mqtt_unclaimed(const Mqtt *, Str *);
/* The profile and the newest kind of alarm that one of them was heard with. */
bool mqtt_heard(const Mqtt *, const char *device, char profile[CODE_SIZE], char kind[WORD_SIZE]);
Mqtt *mqtt_free(Mqtt *);
/* All three. */
bool mqtt_connected(const Mqtt *);
/* Publishes huying/<site>/<leaf> once, not retained, by the connection that calls people. */
void mqtt_say(Mqtt *, const char *leaf, const char *text);
MqttStatus mqtt_status(const Mqtt *);
/*
 * One worker who is nobody: what is said to him comes back to us, and what he says ends here, before the engine.
 * ALERT: the bytes of a message on worker/<code>/alert/<n>; DELIVERED: the nonce of such an action on worker/<code>/act.
 * Retained ones are nobody's. Call it once, with a code that outlives the adapter.
 */
typedef enum MqttEcho { MQTT_ECHO_ALERT, MQTT_ECHO_DELIVERED } MqttEcho;
void mqtt_echo_set(Mqtt *, const char *code,
        void (*heard)(void *userdata, MqttEcho, const void *bytes, size_t n), void *userdata);
