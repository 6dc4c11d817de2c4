/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Structured log: a level, a message id with an entry in systemd/huyingd.catalog, ids as fields.
 *
 * Never names, phones or vitals. Standard error by default ("<level>text", the prefix only when the stream
 * goes to the journal); main installs a sink that writes to the journal with all fields.
 */
#include <stddef.h>

typedef enum LogLevel {
        LOG_LEVEL_ERR = 3,     /* needs a person */
        LOG_LEVEL_WARNING = 4, /* odd but handled */
        LOG_LEVEL_NOTICE = 5,  /* domain events */
        LOG_LEVEL_INFO = 6,    /* start, stop, reload */
        LOG_LEVEL_DEBUG = 7,
} LogLevel;

typedef struct LogField {
        const char *name;  /* "HUYING_INCIDENT" */
        const char *value; /* never NULL */
} LogField;

/* id: 32 hex digits of the message id, or NULL. text: one line without a newline. */
typedef void (*LogSink)(void *userdata, LogLevel level, const char *id, const char *text, const LogField *fields,
        size_t n_fields);

/* Everything above `max` is dropped (LOG_LEVEL_INFO at start). */
void log_level_set(LogLevel max);
void log_sink_set(LogSink sink, void *userdata); /* NULL: standard error again */

void log_line(LogLevel level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* fields end with a NULL name: log_fields(LOG_LEVEL_NOTICE, LOG_ID_X, (LogField[]){{"HUYING_DEVICE", d}, {0}}, "…") */
void log_fields(LogLevel level, const char *id, const LogField *fields, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));

#define log_err(...)     log_line(LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

/*
 * At most `burst` lines in `interval_s` seconds for one source; returns 0 when the caller should stay silent.
 * The first line after silence is preceded by one that says how many were left out.
 */
typedef struct LogLimit {
        unsigned burst, interval_s;
        unsigned n, dropped;
        unsigned long long began_us;
} LogLimit;
int log_limit(LogLimit *limit);
