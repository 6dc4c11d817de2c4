/* SPDX-License-Identifier: Apache-2.0 */
/* See notify.h. The protocol is that of sd_notify(3): one datagram of lines; '@' is an abstract address. */
#include "notify.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

void notify_manager(const char *fmt, ...)
{
        const char *path = getenv("NOTIFY_SOCKET");
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        _cleanup_(closep) int fd = -1;
        char text[512];
        va_list ap;
        size_t n;

        if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(to.sun_path))
                return;
        va_start(ap, fmt);
        (void)vsnprintf(text, sizeof(text), fmt, ap); /* cut at worst: only STATUS is long */
        va_end(ap);
        n = strlen(path);
        memcpy(to.sun_path, path, n);
        if (path[0] == '@')
                to.sun_path[0] = '\0';
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd >= 0)
                (void)sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&to,
                        (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
                                    n)); /* a deaf manager hears later words */
}

void notify_status(
        NotifyStatus *s, uint32_t open, uint32_t waiting, const char *not_recorded, uint64_t boot_us)
{
        if (open == s->open && waiting == s->waiting && !not_recorded == !s->degraded)
                return;
        if (boot_us < s->told_us + USEC_PER_SEC && !not_recorded == !s->degraded)
                return;
        *s = (NotifyStatus){
                .open = open, .waiting = waiting, .degraded = not_recorded != NULL, .told_us = boot_us};
        notify_manager("STATUS=%" PRIu32 " open, %" PRIu32 " waiting to be sent%s%s", open, waiting,
                not_recorded ? ", not recorded: " : "", not_recorded ? not_recorded : "");
}
