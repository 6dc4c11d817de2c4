/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Messages of devices that know nothing of us: profiles read them (protocols/codec/profile.h), or the announcements
 * that they make of themselves (protocols/codec/ha.h). */
#include "base/str.h"
#include "link.h"
#include "protocols/codec/ha.h"
#include "protocols/codec/profile.h"

#define INTAKE_FILTERS_MAX PROFILE_FILTERS_MAX
#define INTAKE_HEARD_MAX   1024u

typedef struct Intake Intake;

/* Makes the links want the profiles' topics: those that can carry alarms on the alarm connection. Before they dial.
 * discovery: prefix of announcements, "" none. The profiles and the prefix must outlive it. */
int intake_new(Intake **ret, PortHost *, Profiles *, const char *discovery, Link *alarm, Link *vitals);
Intake *intake_free(Intake *);

/* False: nothing of ours. */
bool intake_message(Intake *, Link *, bool alarms, const LinkMessage *);
/* A connection is up again: messages may have been lost. */
void intake_connected(Intake *, bool alarms);
/* Once a second. */
void intake_tick(Intake *);

/* Devices that the registry does not know and that have been heard, as a JSON array. */
void intake_unclaimed(const Intake *, Str *);
/* What has been heard of one of them. */
bool intake_known_as(const Intake *, const char *device, char profile[CODE_SIZE], char kind[WORD_SIZE]);
