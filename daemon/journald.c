/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal's native protocol: one datagram a line, FIELD=value each ended by a newline.
 *
 * sd_journal_sendv() waits while the socket of a journald that has stalled is full, and with it would wait every
 * alarm behind it. Here a line that does not fit is let go and counted, and the first one that fits again is preceded
 * by one that says how many are missing.
 */
#include "journald.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "log-ids.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define DATAGRAM_SIZE 4096
#define VALUE_MAX     256

static _Atomic uint64_t dropped, told; /* lines; of those, what the journal has been told */

/* False: it is not there, or has no room. */
static bool send_to(const char *path, const Str *s)
{
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        _cleanup_(closep) int fd = -1;

        if (!str_copy(to.sun_path, sizeof(to.sun_path), path))
                return false;
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        return fd >= 0 &&
               sendto(fd, s->p, s->n, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&to,
                       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1)) >= 0;
}

/* What would end a field early, or has no room, is left out. */
static void field_add(Str *s, const char *name, const char *value)
{
        if (strlen(value) < VALUE_MAX && !strchr(value, '\n'))
                str_addf(s, "%s=%s\n", name, value);
}

/* True: nothing is missing any more that the journal has not been told. */
static bool tell_dropped(const char *path)
{
        uint64_t n = atomic_load(&dropped), before = atomic_load(&told);
        char buffer[512];
        Str s = STR_BUFFER(buffer);

        if (n == before)
                return true;
        str_addf(&s,
                "PRIORITY=%d\nMESSAGE_ID=" LOG_ID_JOURNAL_STALLED "\nHUYING_COUNT=%" PRIu64
                "\nMESSAGE=%" PRIu64 " lines are missing here: the journal did not take them\n",
                (int)LOG_LEVEL_WARNING, n - before, n - before);
        if (!send_to(path, &s))
                return false;
        atomic_store(&told, n);
        return true;
}

void journald_sink(void *path, LogLevel level, const char *id, const char *text, const LogField *fields,
        size_t n_fields)
{
        char buffer[DATAGRAM_SIZE];
        Str s = STR_BUFFER(buffer);

        str_addf(&s, "PRIORITY=%d\nSYSLOG_IDENTIFIER=huyingd\nMESSAGE=%s\n", (int)level, text);
        if (id)
                field_add(&s, "MESSAGE_ID", id);
        for (size_t i = 0; i < n_fields; i++)
                field_add(&s, fields[i].name, fields[i].value);
        if (!tell_dropped(path) || !send_to(path, &s))
                atomic_fetch_add(&dropped, 1);
}

uint64_t journald_dropped(void)
{
        return atomic_load(&dropped);
}
