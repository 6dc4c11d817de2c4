/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that fails on command, for an unmodified program: LD_PRELOAD=libdisk-fault.so.
 *
 *   DISK_FAULT_PATH     only files whose path contains this text (all of a state folder: its name)
 *   DISK_FAULT_CONTROL  a file that is read before each call, so that the disk fails and heals while the program runs
 *
 * The control file holds one line (absent or empty: all is well):
 *   hang [N]      flushes do not come back until the line changes
 *   dead [N]      no call at all comes back: opening, reading, writing, flushing, renaming, looking
 *   eio [N]       flushes fail with EIO (what was written stays in the page cache)
 *   write-eio [N] writes fail with EIO
 *   enospc [N]    writes that make a file larger, and new files, fail with ENOSPC
 *   full [N]      all writes fail with ENOSPC
 *   erofs [N]     opening for writing, renaming and removing fail with EROFS
 *   slow MS       every flush takes that much longer
 *   torn [N]      writes take only their first half, then fail with EIO
 * N: the first N calls that would be hit pass.
 *
 * To see where it is: DISK_FAULT_NOTE, a file to which each hit appends one letter (h hang, e error, s slow).
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

typedef enum Fault { NONE, HANG, DEAD, SYNC_EIO, WRITE_EIO, ENOSPC_GROW, FULL, READ_ONLY, SLOW, TORN } Fault;

static const struct {
        const char *word;
        Fault fault;
} words[] = {{"hang", HANG}, {"dead", DEAD}, {"eio", SYNC_EIO}, {"write-eio", WRITE_EIO}, {"enospc", ENOSPC_GROW},
        {"full", FULL}, {"erofs", READ_ONLY}, {"slow", SLOW}, {"torn", TORN}};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char last[64]; /* the line that `passed` counts for */
static unsigned long passed;

/* libc's own function behind ours. */
static void *real(const char *name)
{
        void *fn = dlsym(RTLD_NEXT, name);

        if (!fn)
                abort();
        return fn;
}

/* Without our own wrappers: the control file must be readable whatever it says. */
static size_t control_read(char *to, size_t cap)
{
        const char *path = getenv("DISK_FAULT_CONTROL");
        long fd = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
        long n = 0;

        if (fd >= 0) {
                n = syscall(SYS_read, fd, to, cap - 1);
                (void)syscall(SYS_close, fd); /* only read */
        }
        to[n > 0 ? n : 0] = 0;
        return n > 0 ? (size_t)n : 0;
}

static void note(char letter)
{
        const char *path = getenv("DISK_FAULT_NOTE");
        long fd = path ? syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)
                       : -1;

        if (fd >= 0) {
                (void)syscall(SYS_write, fd, &letter,
                        1L); /* a note lost is no failure of the program under test */
                (void)syscall(SYS_close, fd);
        }
}

static bool mine_path(const char *path)
{
        const char *part = getenv("DISK_FAULT_PATH");

        return part && path && strstr(path, part) != NULL;
}

static bool mine(int fd)
{
        char link[64], path[4096];
        ssize_t n;

        if (!getenv("DISK_FAULT_PATH"))
                return false;
        (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd); /* fits */
        n = readlink(link, path, sizeof(path) - 1);
        if (n < 0)
                return false;
        path[n] = 0;
        return mine_path(path);
}

/* What the control file says now, and its number. */
static Fault control(unsigned long *ret_number)
{
        char line[64], *end;
        size_t n = control_read(line, sizeof(line));

        *ret_number = 0;
        while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == ' '))
                line[--n] = 0;
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
                size_t length = strlen(words[i].word);

                if (strncmp(line, words[i].word, length) != 0 || (line[length] != 0 && line[length] != ' '))
                        continue;
                for (end = line + length; *end == ' '; end++)
                        ;
                for (; *end >= '0' && *end <= '9'; end++)
                        *ret_number = *ret_number * 10 + (unsigned long)(*end - '0');
                (void)pthread_mutex_lock(&mutex); /* a default mutex: cannot fail */
                if (strcmp(line, last) != 0) {
                        memcpy(last, line, sizeof(last));
                        passed = 0;
                }
                (void)pthread_mutex_unlock(&mutex);
                return words[i].fault;
        }
        return NONE;
}

/* True: this call is hit, after the first N were let through. */
static bool hit(unsigned long n)
{
        bool yes;

        (void)pthread_mutex_lock(&mutex); /* cannot fail */
        yes = passed >= n;
        passed += !yes;
        (void)pthread_mutex_unlock(&mutex);
        return yes;
}

static void pause_ms(unsigned long ms)
{
        struct timespec t = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000L};

        while (nanosleep(&t, &t) < 0 && errno == EINTR)
                ;
}

/* Does not come back while the disk is dead. */
static void dead_fault(void)
{
        unsigned long n;

        if (control(&n) != DEAD || !hit(n))
                return;
        note('h');
        while (control(&n) == DEAD)
                pause_ms(5);
}

/* 0, or -1 with errno. */
static int sync_fault(int fd)
{
        unsigned long n;
        Fault f;

        if (!mine(fd))
                return 0;
        dead_fault();
        f = control(&n);
        if (f == SLOW) {
                note('s');
                pause_ms(n);
        } else if (f == SYNC_EIO && hit(n)) {
                note('e');
                errno = EIO;
                return -1;
        } else if (f == HANG && hit(n)) {
                note('h');
                while (control(&n) == HANG)
                        pause_ms(5);
        }
        return 0;
}

EXPORT int fsync(int fd)
{
        static int (*next)(int);

        if (!next)
                next = (int (*)(int))real("fsync");
        return sync_fault(fd) < 0 ? -1 : next(fd);
}

EXPORT int fdatasync(int fd)
{
        static int (*next)(int);

        if (!next)
                next = (int (*)(int))real("fdatasync");
        return sync_fault(fd) < 0 ? -1 : next(fd);
}

static bool grows(int fd, off_t end)
{
        struct stat st;

        return fstat(fd, &st) == 0 && end > st.st_size;
}

/* How many of n bytes at `at` (-1: the file's position) may be written; less than n: -1 follows, with errno. */
static ssize_t write_fault(int fd, size_t n, off_t at)
{
        unsigned long number;
        Fault f;

        if (!mine(fd))
                return (ssize_t)n;
        dead_fault();
        f = control(&number);
        if (f == ENOSPC_GROW) {
                if (at < 0)
                        at = lseek(fd, 0, SEEK_CUR);
                if (!grows(fd, at + (off_t)n))
                        return (ssize_t)n;
        } else if (f != WRITE_EIO && f != FULL && f != TORN)
                return (ssize_t)n;
        if (!hit(number))
                return (ssize_t)n;
        note('e');
        errno = f == ENOSPC_GROW || f == FULL ? ENOSPC : EIO;
        return f == TORN ? (ssize_t)(n / 2) : 0;
}

EXPORT ssize_t write(int fd, const void *bytes, size_t n)
{
        static ssize_t (*next)(int, const void *, size_t);
        ssize_t allowed;

        if (!next)
                next = (ssize_t(*)(int, const void *, size_t))real("write");
        allowed = write_fault(fd, n, -1);
        if (allowed == (ssize_t)n)
                return next(fd, bytes, n);
        if (allowed > 0) {
                (void)next(fd, bytes, (size_t)allowed); /* the torn part; the failure is what counts */
                errno = EIO;
        }
        return -1;
}

static ssize_t pwrite_through(
        ssize_t (*next)(int, const void *, size_t, off_t), int fd, const void *bytes, size_t n, off_t at)
{
        ssize_t allowed = write_fault(fd, n, at);

        if (allowed == (ssize_t)n)
                return next(fd, bytes, n, at);
        if (allowed > 0) {
                (void)next(fd, bytes, (size_t)allowed, at); /* the torn part; the failure is what counts */
                errno = EIO;
        }
        return -1;
}

EXPORT ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t at)
{
        static ssize_t (*next)(int, const void *, size_t, off_t);

        if (!next)
                next = (ssize_t(*)(int, const void *, size_t, off_t))real("pwrite64");
        return pwrite_through(next, fd, bytes, n, at);
}

EXPORT int fallocate64(int fd, int mode, off_t at, off_t n)
{
        static int (*next)(int, int, off_t, off_t);

        if (!next)
                next = (int (*)(int, int, off_t, off_t))real("fallocate64");
        return write_fault(fd, (size_t)n, at) == n ? next(fd, mode, at, n) : -1;
}

EXPORT int posix_fallocate64(int fd, off_t at, off_t n)
{
        static int (*next)(int, off_t, off_t);

        if (!next)
                next = (int (*)(int, off_t, off_t))real("posix_fallocate64");
        return write_fault(fd, (size_t)n, at) == n ? next(fd, at, n) : errno;
}

EXPORT int ftruncate64(int fd, off_t n)
{
        static int (*next)(int, off_t);

        if (!next)
                next = (int (*)(int, off_t))real("ftruncate64");
        return !grows(fd, n) || write_fault(fd, 1, n) == 1 ? next(fd, n) : -1;
}

/* Opening, renaming and removing. 0, or -1 with errno. */
static int name_fault(const char *path, bool makes)
{
        unsigned long n;
        Fault f;

        if (!mine_path(path))
                return 0;
        dead_fault();
        f = control(&n);
        if (!(f == READ_ONLY || (makes && (f == ENOSPC_GROW || f == FULL))) || !hit(n))
                return 0;
        note('e');
        errno = f == READ_ONLY ? EROFS : ENOSPC;
        return -1;
}

static int open_through(int (*next)(const char *, int, ...), const char *path, int flags, mode_t mode)
{
        if (mine_path(path))
                dead_fault();

        bool writes = (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC);
        bool makes = flags & O_CREAT && access(path, F_OK) < 0;

        if (writes && name_fault(path, makes) < 0)
                return -1;
        return next(path, flags, mode);
}

EXPORT int open64(const char *path, int flags, ...)
{
        static int (*next)(const char *, int, ...);
        va_list ap;
        mode_t mode;

        va_start(ap, flags);
        mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
        va_end(ap);
        if (!next)
                next = (int (*)(const char *, int, ...))real("open64");
        return open_through(next, path, flags, mode);
}

EXPORT int stat64(const char *path, struct stat64 *st)
{
        static int (*next)(const char *, struct stat64 *);

        if (!next)
                next = (int (*)(const char *, struct stat64 *))real("stat64");
        if (mine_path(path))
                dead_fault();
        return next(path, st);
}

EXPORT int mkdir(const char *path, mode_t mode)
{
        static int (*next)(const char *, mode_t);

        if (!next)
                next = (int (*)(const char *, mode_t))real("mkdir");
        return name_fault(path, false) < 0 ? -1 : next(path, mode);
}

EXPORT ssize_t pread64(int fd, void *bytes, size_t n, off_t at)
{
        static ssize_t (*next)(int, void *, size_t, off_t);

        if (!next)
                next = (ssize_t(*)(int, void *, size_t, off_t))real("pread64");
        if (mine(fd))
                dead_fault();
        return next(fd, bytes, n, at);
}

EXPORT FILE *fopen64(const char *path, const char *how)
{
        static FILE *(*next)(const char *, const char *);

        if (!next)
                next = (FILE * (*)(const char *, const char *)) real("fopen64");
        if (mine_path(path))
                dead_fault();
        return next(path, how);
}

EXPORT int rename(const char *from, const char *to)
{
        static int (*next)(const char *, const char *);

        if (!next)
                next = (int (*)(const char *, const char *))real("rename");
        return name_fault(to, false) < 0 ? -1 : next(from, to);
}

EXPORT int unlink(const char *path)
{
        static int (*next)(const char *);

        if (!next)
                next = (int (*)(const char *))real("unlink");
        return name_fault(path, false) < 0 ? -1 : next(path);
}

/* The names without 64 are the same functions here; a library built otherwise calls them. */
EXPORT ssize_t pwrite(int, const void *, size_t, off_t) __attribute__((alias("pwrite64")));
EXPORT int ftruncate(int, off_t) __attribute__((alias("ftruncate64")));
EXPORT int fallocate(int, int, off_t, off_t) __attribute__((alias("fallocate64")));
EXPORT int posix_fallocate(int, off_t, off_t) __attribute__((alias("posix_fallocate64")));
EXPORT ssize_t pread(int, void *, size_t, off_t) __attribute__((alias("pread64")));
EXPORT FILE *fopen(const char *, const char *) __attribute__((alias("fopen64")));
EXPORT int open(const char *, int, ...) __attribute__((alias("open64")));
