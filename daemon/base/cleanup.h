/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Ownership by scope, in the manner of systemd: every owned local has _cleanup_(), and is handed over with
 * TAKE_PTR().
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))

#define TAKE_PTR(ptr)                                                                                        \
        ({                                                                                                   \
                __typeof__(ptr) *_pptr = &(ptr);                                                             \
                __typeof__(ptr) _taken = *_pptr;                                                             \
                *_pptr = NULL;                                                                               \
                _taken;                                                                                      \
        })

/* DEFINE_CLEANUP(Thing *, thing_free) makes thing_freep() for use with _cleanup_(). */
#define DEFINE_CLEANUP(type, fn)                                                                             \
        static inline void fn##p(type *p)                                                                    \
        {                                                                                                    \
                if (*p)                                                                                      \
                        fn(*p);                                                                              \
        }

static inline void freep(void *p)
{
        free(*(void **)p);
}

static inline void closep(int *fd)
{
        if (*fd >= 0)
                close(*fd);
}

DEFINE_CLEANUP(FILE *, fclose)
