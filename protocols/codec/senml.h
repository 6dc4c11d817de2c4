/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * SenML packs (RFC 8428) to events: JSON (content-format 110) and CBOR (112).
 *
 * Base fields are resolved, times may be relative. What we know by the end of a name (after the last '/' or ':'):
 * hr, spo2, sys, dia, temp, resp, battery, rssi, worn, mains, tamper; sos, fall, smoke, heat, gas, co, fault as a
 * boolean or a number that is not 0. IPSO objects by their path: 3347/N/5500 a push button (5501, its counter, makes
 * the event's id), 3407/N/6046 a smoke alarm with 6044 battery and 6045 signal, 503/N/5500 a fire alarm, 3/0/9 battery,
 * 4/0/2 signal. Everything else is passed over.
 */
#include "engine/event.h"

#include <stddef.h>

#define SENML_RECORDS_MAX 256u

typedef struct Senml Senml; /* one for a thread */

typedef enum SenmlForm { SENML_NONE, SENML_JSON, SENML_CBOR } SenmlForm;

int senml_new(Senml **ret);
Senml *senml_free(Senml *);

/* By the first byte: an array, in JSON or in CBOR. */
SenmlForm senml_sniff(const void *bytes, size_t n);

/*
 * Reads a pack; the events wait to be taken. Returns how many there are: alarms first, then readings by time, then one
 * status. 0: nothing of ours, and *ret_why says what was wrong. *ret_alarm: the first of them is an alarm. source: whose
 * levels these are.
 */
size_t senml_read(Senml *, SenmlForm, const void *bytes, size_t n, const char *source, bool *ret_alarm,
        const char **ret_why);
/* Number i of the pack that was read last: type, id, device_us, why, body_json and the typed part; source, via, hold,
 * retained and the body stay as they are. */
void senml_event(const Senml *, size_t i, Event *);
