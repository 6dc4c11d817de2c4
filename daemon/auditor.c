/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The auditor's clockwork. The audit itself is the engine's (engine/auditor.c).
 *
 * State in memory that contradicts itself is given up for what is on the disk: the process ends and its manager
 * starts it again. Not in degraded mode, where the memory is all there is, and at most once in ten minutes, so that
 * a contradiction in the rows does not become a ring of restarts: then the ladder goes on as it is, and the operator
 * is told by the log. The time of the last end stands in a file of the runtime folder, by boot and time since boot.
 */
#include "auditor.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define AUDIT_US (5 * USEC_PER_SEC)
#define MORE_US  (10 * USEC_PER_MSEC) /* between two steps, when it takes several to see all */
#define AGAIN_US (10 * USEC_PER_MIN)

struct Auditor {
        PortHost *host;
        Loop *loop;
        Turn *turn;
        const Engine *engine;
        PortTimer *timer;
        bool armed, more;
        char path[512];
};

/* "BOOT MICROSECONDS" of the last end for this reason. Unreadable: there was none. */
static bool ended_lately(const Auditor *a, Now now)
{
        _cleanup_(closep) int fd = open(a->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        char text[64] = "", *rest = text, *boot, *at;
        uint64_t boot_number, at_us;
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

        if (n <= 0)
                return false;
        text[n] = 0;
        boot = parse_word(&rest);
        at = parse_word(&rest);
        return boot && at && parse_u64(boot, &boot_number) && parse_u64(at, &at_us) &&
               boot_number == now.boot && now.boot_us >= at_us && now.boot_us - at_us < AGAIN_US;
}

/* False: it cannot be remembered, so it must not be done. */
static bool end_note(const Auditor *a, Now now)
{
        _cleanup_(closep) int fd =
                open(a->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        char text[64];
        Str s = STR_BUFFER(text);

        str_addf(&s, "%" PRIu32 " %" PRIu64, now.boot, now.boot_us);
        ASSERT(!s.full);
        return fd >= 0 && write(fd, text, s.n) == (ssize_t)s.n && fsync(fd) == 0;
}

static void contradiction(Auditor *a)
{
        Now now = clock_now();

        if (turn_is_degraded(a->turn) || ended_lately(a, now) || !end_note(a, now)) {
                log_err("state in memory contradicts itself; a restart is not possible now");
                return;
        }
        log_err("state in memory contradicts itself: ends, to start again from the disk");
        loop_exit(a->loop, EXIT_FAILURE);
}

static void on_timer(void *userdata)
{
        Auditor *a = userdata;

        a->armed = false;
        if (!turn_audit(a->turn))
                contradiction(a);
        a->more = engine_audit_more(a->engine);
        (void)a->host->run(a->host); /* no connection waits for this; arms again while something is open */
}

void auditor_look(Auditor *a)
{
        bool wanted = engine_open_count(a->engine) > 0;

        if (wanted == a->armed)
                return;
        a->armed = wanted;
        (void)a->host->timer_set(
                a->timer, !wanted ? UINT64_MAX : a->more ? MORE_US : AUDIT_US); /* fails: the next turn tries again */
}

DEFINE_CLEANUP(Auditor *, auditor_free)

int auditor_new(Auditor **ret, PortHost *host, Loop *loop, Turn *turn, const Engine *engine,
        const char *directory)
{
        _cleanup_(auditor_freep) Auditor *a = calloc(1, sizeof(Auditor));
        Str s;
        int r;

        ASSERT(ret && host && loop);
        ASSERT(turn && engine && directory);
        if (!a)
                return error_origin(-ENOMEM);
        *a = (Auditor){.host = host, .loop = loop, .turn = turn, .engine = engine};
        s = STR_BUFFER(a->path);
        str_addf(&s, "%s/audit-end", directory);
        if (s.full)
                return error_origin(-ENAMETOOLONG);
        r = host->timer(host, &a->timer, PORT_PRIORITY_TIMER, on_timer, a);
        if (r < 0)
                return error_trace(r);
        *ret = TAKE_PTR(a);
        return 0;
}

Auditor *auditor_free(Auditor *a)
{
        if (!a)
                return NULL;
        if (a->timer)
                a->host->timer_free(a->timer);
        free(a);
        return NULL;
}
