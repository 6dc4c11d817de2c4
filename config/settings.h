/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between the reader (config.c: lines and files) and the table (settings.c: what a line means). */
#include "config/config.h"

#include <stddef.h>

#define DROP_INS_MAX           64u
#define SETTINGS_ROWS_MAX      96
#define SETTINGS_INSTANCES_MAX 16 /* ladders, channels */

typedef enum Section {
        SECTION_NONE,
        SECTION_GATEWAY,
        SECTION_MQTT,
        SECTION_COAP,
        SECTION_HTTP,
        SECTION_PRESENCE,
        SECTION_SUPERVISION,
        SECTION_VITALS,
        SECTION_VISITS,
        SECTION_READINGS,
        SECTION_REQUESTS,
        SECTION_CHANNEL,
        SECTION_LADDER,
        SECTION_MAX,
} Section;

typedef struct Origin {
        const char *file; /* NULL: the default stands */
        unsigned line;
} Origin;

/* One reading of a file and its drop-ins. */
typedef struct Reader {
        Config *config;
        ConfigError *error;
        const char *folder; /* absolute: what relative paths count from */
        const char *file;   /* the one being read; outlives the reader */
        unsigned line;
        Section section;
        unsigned instance; /* class or channel */
        Origin newest[SECTION_MAX][SETTINGS_INSTANCES_MAX];
        Origin origins[SETTINGS_ROWS_MAX][SETTINGS_INSTANCES_MAX];
} Reader;

/* config.c. The text of one file, and path with its drop-ins, whose names stay in `names` (the caller frees
 * them) because origins point to them. 0, CONFIG_E_INVALID, or a negative errno. */
int reader_text(Reader *, const char *text, size_t n);
int reader_files(Reader *, const char *path, char *names[static DROP_INS_MAX]);

/* settings.c. Writes *reader->error for the present line; returns CONFIG_E_INVALID. */
int reader_fail(Reader *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int reader_fail_at(Reader *, Origin, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* week.c: the working week. 0 or CONFIG_E_INVALID. */
int week_hours(Reader *, const char *key, char *value, WorkHours *);
int week_days(Reader *, const char *key, char *value, WorkHours *);

/* "[name]" was read; writes a NUL into it. 0 or CONFIG_E_INVALID. */
int settings_section(Reader *, char *name);
/* "key=value" was read, in a section. 0 or CONFIG_E_INVALID. */
int settings_assign(Reader *, const char *key, const char *value);
/* At the end: derives what follows from other settings, and holds them against each other. 0 or
 * CONFIG_E_INVALID. */
int settings_check(Reader *); /* check.c */
/* Where a setting was last given; else the newest one of its section; else the whole file. */
Origin settings_origin(const Reader *, Section, unsigned instance, const char *key);

/* A configuration of one text (tests, fuzzing): over the defaults, without drop-ins. As config_read(). */
int config_read_text(Config *ret, const char *text, size_t n, const char *folder, ConfigError *ret_error);
