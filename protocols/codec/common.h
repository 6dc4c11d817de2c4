/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the readers of this folder share. */
#include "base/str.h"
#include "engine/event.h"

/* What a body, or its corpse, can have; outside of it the sensor is wrong. */
bool vital_possible(Vital, double value);
/* Degrees that can be a place; both 0 is a receiver without a fix. */
bool place_possible(double lat, double lon);
/* Unix seconds, or milliseconds when above 1e11, to microseconds; 0 when it cannot be the time of a message: before
 * 2020, or more than ten years ahead. */
int64_t time_possible(double ts);
/* Notes what was wrong, where nothing is noted yet. */
void event_why(Event *, const char *text);
/* ,"NAME":"words of a person", at most `most` bytes of them on one line; nothing where there are none. */
void words_json(Str *, const char *name, const char *words, size_t most);
/*
 * False: an object in this text has a name that is no string, as in {["a"]:1}. SQLite 3.40 takes that for valid JSON,
 * and a look into it ends the process: to be asked of every text from outside before it comes to SQLite. It is no
 * parser: what else is wrong with the text, SQLite finds.
 */
bool json_names(const char *p, size_t n);
/* These bytes can stand in a journal row as they are, given that they are valid JSON. */
bool json_inlines(const char *p, size_t n);
