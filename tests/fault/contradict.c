/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State in memory that contradicts itself, in an unmodified program: LD_PRELOAD=libcontradict.so. The byte in the file
 * $CONTRADICT is an order to the program's first thread, done when it next reads a clock, which is between two steps of
 * the engine: '1' spoils the oldest incident (a cause that there is none), '2' mends it; '0' says that it is done.
 *
 * The engine's memory is known by its shape: of the anonymous mappings of the program, the one whose table of incidents
 * lies inside it.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "engine/internal.h"

#define EXPORT       __attribute__((visibility("default")))
#define MAPPINGS_MAX 64

static struct {
        char *p;
        size_t n;
} mappings[MAPPINGS_MAX];
static unsigned n_mappings;
static volatile char *order;
static uint8_t was;

static void note(void *p, size_t n, int flags)
{
        if (p == MAP_FAILED || !(flags & MAP_ANONYMOUS) || n < sizeof(Engine) || n_mappings == MAPPINGS_MAX)
                return;
        mappings[n_mappings].p = p;
        mappings[n_mappings++].n = n;
}

EXPORT void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
        void *p = (void *)syscall(SYS_mmap, at, n, protection, flags, fd, offset);

        note(p, n, flags);
        return p;
}

EXPORT void *mmap64(void *at, size_t n, int protection, int flags, int fd, off64_t offset)
{
        return mmap(at, n, protection, flags, fd, offset);
}

/* The program's; what is no longer mapped is never read, because the engine's mapping is the program's first. */
static Engine *engine_find(void)
{
        for (unsigned i = 0; i < n_mappings; i++) {
                Engine *e = (Engine *)(void *)mappings[i].p;
                char *slots = (char *)e->slots;

                if (slots > mappings[i].p && slots < mappings[i].p + mappings[i].n && e->n_slots > 0 &&
                        e->n_slots < mappings[i].n / sizeof(Incident) + 1)
                        return e;
        }
        return NULL;
}

static void obey(void)
{
        Engine *e = engine_find();
        Incident *in;

        if (!e || e->first == NO_SLOT)
                return;
        in = &e->slots[e->first];
        if (*order == '1') {
                was = in->cause;
                in->cause = SYSTEM_CAUSE_MAX;
        } else
                in->cause = was;
        *order = '0';
}

__attribute__((constructor)) static void begin(void)
{
        const char *path = getenv("CONTRADICT");
        int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
        void *p = fd < 0 ? MAP_FAILED : mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

        if (fd >= 0)
                close(fd);
        if (p != MAP_FAILED)
                order = p;
}

EXPORT int clock_gettime(clockid_t id, struct timespec *ret)
{
        static int (*real)(clockid_t, struct timespec *);

        if (!real)
                *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
        if (order && (*order == '1' || *order == '2') && id == CLOCK_BOOTTIME && gettid() == getpid())
                obey();
        return real(id, ret);
}
