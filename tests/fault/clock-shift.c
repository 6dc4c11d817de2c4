/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A wall clock that can be set while a program runs, for LD_PRELOAD: CLOCK_REALTIME is shifted by the microseconds
 * that stand in the file $CLOCK_SHIFT (eight bytes, the machine's order), as when somebody sets the clock of the
 * machine. Eight bytes more, and CLOCK_BOOTTIME is shifted by them: so much time has gone by. No timer is touched.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shift; /* wall clock, since boot */
static int (*real_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void)
{
        const char *path = getenv("CLOCK_SHIFT");
        int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        void *p = fd < 0 ? MAP_FAILED : mmap(NULL, 2 * sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);

        if (fd >= 0)
                close(fd);
        if (p != MAP_FAILED)
                shift = p;
        *(void **)&real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t id, struct timespec *ret)
{
        int r;

        if (!real_gettime)
                *(void **)&real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
        r = real_gettime(id, ret);
        if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_BOOTTIME) && shift) {
                int64_t by = shift[id == CLOCK_BOOTTIME]; /* behind the end of the file stand zeros */
                int64_t ns = ret->tv_nsec + by % 1000000 * 1000, s = ret->tv_sec + by / 1000000;

                s += ns / 1000000000 - (ns % 1000000000 < 0);
                ns = (ns % 1000000000 + 1000000000) % 1000000000;
                ret->tv_sec = (time_t)s;
                ret->tv_nsec = (long)ns;
        }
        return r;
}
