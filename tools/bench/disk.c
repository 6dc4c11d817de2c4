/* SPDX-License-Identifier: Apache-2.0 */
/*
 * To be loaded before a program (LD_PRELOAD): counts what it asks of the disk, and makes the disk slower.
 *
 * BENCH_DISK names a file of four numbers, u64: bytes written, flushes, and two that the reader sets while the
 * program runs: microseconds that each flush takes longer, and zero.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))

typedef struct Disk {
        uint64_t bytes, flushes, slower_us, zero;
} Disk;

static Disk own, *disk = &own;

__attribute__((constructor)) static void begin(void)
{
        const char *path = getenv("BENCH_DISK");
        int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
        void *p;

        if (fd < 0)
                return;
        p = mmap(NULL, sizeof(Disk), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (p != MAP_FAILED)
                disk = p;
        (void)close(fd);
}

static void written(int fd, ssize_t n)
{
        struct stat st;

        if (n > 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
                (void)__atomic_fetch_add(&disk->bytes, (uint64_t)n, __ATOMIC_RELAXED);
}

static void flushed(void)
{
        uint64_t us = __atomic_load_n(&disk->slower_us, __ATOMIC_RELAXED);
        struct timespec t = {.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};

        (void)__atomic_fetch_add(&disk->flushes, 1, __ATOMIC_RELAXED);
        if (us > 0)
                (void)nanosleep(&t, NULL);
}

typedef ssize_t (*WriteFn)(int fd, const void *bytes, size_t n, off_t at);

/* By its symbol, because the C name stands for another one where files are large. */
PUBLIC ssize_t disk_pwrite(int fd, const void *bytes, size_t n, off_t at) __asm__("pwrite");
PUBLIC ssize_t disk_pwrite64(int fd, const void *bytes, size_t n, off_t at) __asm__("pwrite64");

static void *next(const char *symbol)
{
        return dlsym(RTLD_NEXT, symbol);
}

int PUBLIC fsync(int fd)
{
        int r = ((int (*)(int))next("fsync"))(fd);

        flushed();
        return r;
}

int PUBLIC fdatasync(int fd)
{
        int r = ((int (*)(int))next("fdatasync"))(fd);

        flushed();
        return r;
}

ssize_t disk_pwrite(int fd, const void *bytes, size_t n, off_t at)
{
        ssize_t r = ((WriteFn)next("pwrite"))(fd, bytes, n, at);

        written(fd, r);
        return r;
}

ssize_t disk_pwrite64(int fd, const void *bytes, size_t n, off_t at)
{
        ssize_t r = ((WriteFn)next("pwrite64"))(fd, bytes, n, at);

        written(fd, r);
        return r;
}
