/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: what a peer may write, through a real socket and sd-bus's real parser, into the real methods. The
 * first byte says how far the peer is: even, the authentication is done and the rest are D-Bus messages; odd, it is all
 * the peer's.
 *
 * Held: the server lives, its other peers get their answers, and no peer's rubbish leaves an event in the inbox or a call
 * that nobody ends.
 */
#include "control.h"
#include "fuzz.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "tests/lib/port-host.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define STEPS 12

typedef struct World {
        TestHost *host;
        Control *control;
        Port port;
        char folder[64];
        unsigned n_holds;
        uint64_t holds[64];
} World;

static void hold_note(World *w, uint64_t hold)
{
        if (hold && w->n_holds < sizeof(w->holds) / sizeof(w->holds[0]))
                w->holds[w->n_holds++] = hold;
}

static int say(char **ret)
{
        *ret = strdup("{\"ok\":true}");
        return *ret ? 0 : -ENOMEM;
}

static int on_nothing(void *userdata, char **ret)
{
        return say(ret);
}

static int on_list(void *userdata, bool all, char **ret)
{
        return say(ret);
}

static int on_show(void *userdata, uint64_t incident, char **ret)
{
        return say(ret);
}

static int later(void *userdata, uint64_t hold, char **ret)
{
        hold_note(userdata, hold);
        *ret = NULL;
        return 0;
}

static int on_file(void *userdata, const char *folder, uint64_t hold, char **ret)
{
        ASSERT(strlen(folder) < 1u << 20);
        return later(userdata, hold, ret);
}

static int on_access(void *userdata, uint32_t uid, const char *role, const char *reason, const char *what,
        const char *resident, uint64_t hold, char **ret)
{
        ASSERT(role && reason && what && resident);
        return later(userdata, hold, ret);
}

static int on_erase(
        void *userdata, uint32_t uid, const char *resident, const char *reason, uint64_t hold, char **ret)
{
        ASSERT(resident && reason);
        return later(userdata, hold, ret);
}

static int on_backup(void *userdata, uint32_t uid, const char *file, uint64_t hold, char **ret)
{
        ASSERT(file);
        return later(userdata, hold, ret);
}

static int on_vitals(void *userdata, uint32_t uid, const ControlVitals *v, uint64_t hold, char **ret)
{
        ASSERT(v->resident && v->role && v->reason);
        return later(userdata, hold, ret);
}

static int on_bind(void *userdata, const char *device, const char *home, const char *class,
        const char *profile, uint64_t hold, char **ret)
{
        ASSERT(device && home && class && profile);
        return later(userdata, hold, ret);
}

static World *world(void)
{
        static World w;
        const ControlHost gateway = {.userdata = &w,
                .status = on_nothing,
                .list = on_list,
                .show = on_show,
                .workers = on_nothing,
                .unprotected = on_nothing,
                .unclaimed = on_nothing,
                .import = on_file,
                .access = on_access,
                .erase = on_erase,
                .backup = on_backup,
                .vitals = on_vitals,
                .bind = on_bind};

        if (w.host)
                return &w;
        (void)snprintf(w.folder, sizeof(w.folder), "/tmp/huying-fuzz-XXXXXX"); /* fits */
        ASSERT(mkdtemp(w.folder));
        w.host = test_host_new();
        ASSERT(control_new(&w.control, &w.host->host, w.host->codec, &gateway, w.folder, &w.port) == 0);
        return &w;
}

static void steps(World *w, unsigned n)
{
        while (n-- > 0)
                ASSERT(loop_step(w->host->loop, 0) >= 0);
        for (uint32_t i = 0; i < w->host->n_events; i++) {
                const Event *e = w->host->events[i];

                ASSERT(e->source[0] && memchr(e->source, 0, sizeof(e->source)));
                hold_note(w, e->hold);
        }
        test_host_forget(w->host);
        ASSERT(w->host->n_in_hand == 0);
        for (unsigned i = 0; i < w->n_holds; i++)
                control_answer(w->control, w->holds[i], "{}"); /* its peer may have left */
        w->n_holds = 0;
}

static int dial(const World *w)
{
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        ASSERT(fd >= 0);
        (void)snprintf(to.sun_path, sizeof(to.sun_path), "%s/control", w->folder); /* fits */
        ASSERT(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
        return fd;
}

static void tell(int fd, const void *bytes, size_t n)
{
        (void)!send(fd, bytes, n, MSG_NOSIGNAL); /* a peer that has been put out cannot be heard */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char hello[] = "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";
        World *w = world();
        char answer[64];
        int bad, good;

        if (size == 0)
                return 0;
        bad = dial(w);
        if (!(data[0] & 1))
                tell(bad, hello, sizeof(hello) - 1);
        tell(bad, data + 1, size - 1);
        steps(w, STEPS);
        good = dial(w); /* the neighbour is served */
        tell(good, hello, sizeof(hello) - 1);
        steps(w, STEPS);
        ASSERT(recv(good, answer, sizeof(answer), 0) > 0);
        close(good);
        close(bad);
        steps(w, STEPS);
        return 0;
}
