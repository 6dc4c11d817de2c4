/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log's front: level, text, sink.
 *
 * A line is built in a fixed buffer on the stack and handed over with one call, so that lines of the loop
 * and of the store's thread never mix, and so that a log line costs no memory when memory is what has run
 * out. Control characters become spaces: a device id with a newline in it must not forge a line.
 */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "base/str.h"

#define LINE_SIZE 1024

static _Atomic int level_max = LOG_LEVEL_INFO;
static LogSink sink_fn; /* set by main before there is a second thread */
static void *sink_userdata;

/* systemd.exec(5): JOURNAL_STREAM holds device and inode of the stream that goes to the journal. */
static bool stderr_is_journal(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        struct stat st;
        char text[64];

        if (!stream || fstat(STDERR_FILENO, &st) < 0 || !str_copy(text, sizeof text, stream))
                return false;
        for (char *p = text; *p; p++) {
                uint64_t device, inode;
                if (*p != ':')
                        continue;
                *p = '\0';
                return parse_u64(text, &device) && parse_u64(p + 1, &inode) &&
                       device == (uint64_t)st.st_dev && inode == (uint64_t)st.st_ino;
        }
        return false;
}

static void sink_stderr(LogLevel level, const char *text)
{
        struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
        char line[LINE_SIZE + 8];
        Str out = STR_BUFFER(line);

        if (stderr_is_journal())
                str_addf(&out, "<%d>", (int)level);
        str_add(&out, text);
        str_add(&out, "\n");
        /* A log that cannot be written has nowhere to say so; one that nobody empties must not stop the alarms. */
        if (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT))
                return;
        (void)!write(STDERR_FILENO, out.p, out.n);
}

static void emit(LogLevel level, const char *id, const LogField *fields, const char *fmt, va_list ap)
        __attribute__((format(printf, 4, 0)));

static void emit(LogLevel level, const char *id, const LogField *fields, const char *fmt, va_list ap)
{
        if ((int)level > atomic_load_explicit(&level_max, memory_order_relaxed))
                return;

        int saved = errno;
        char text[LINE_SIZE];
        Str line = STR_BUFFER(text);
        size_t n_fields = 0;

        str_addv(&line, fmt, ap);
        for (char *p = text; *p; p++)
                if ((unsigned char)*p < 0x20 || *p == 0x7f)
                        *p = ' ';
        while (fields && fields[n_fields].name)
                n_fields++;
        if (sink_fn)
                sink_fn(sink_userdata, level, id, text, fields, n_fields);
        else
                sink_stderr(level, text);
        errno = saved;
}

void log_level_set(LogLevel max)
{
        atomic_store_explicit(&level_max, (int)max, memory_order_relaxed);
}

void log_sink_set(LogSink sink, void *userdata)
{
        sink_userdata = userdata;
        sink_fn = sink;
}

void log_line(LogLevel level, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        emit(level, NULL, NULL, fmt, ap);
        va_end(ap);
}

void log_fields(LogLevel level, const char *id, const LogField *fields, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        emit(level, id, fields, fmt, ap);
        va_end(ap);
}

int log_limit(LogLimit *limit)
{
        uint64_t now_us = clock_now().boot_us;

        if (limit->began_us == 0 || now_us - limit->began_us >= limit->interval_s * USEC_PER_SEC) {
                unsigned dropped = limit->dropped;
                limit->began_us = now_us;
                limit->n = 0;
                limit->dropped = 0;
                if (dropped > 0)
                        log_warning("%u lines of the following kind were left out", dropped);
        }
        if (limit->n >= limit->burst) {
                limit->dropped++;
                return 0;
        }
        limit->n++;
        return 1;
}
