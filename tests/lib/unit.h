/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What every unit test includes: cmocka with the headers it wants, a repeatable random source, death tests.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

/* splitmix64: the same numbers for the same seed, on every machine. */
static inline uint64_t random_next(uint64_t *state)
{
        uint64_t z = (*state += 0x9e3779b97f4a7c15ull);

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        return z ^ (z >> 31);
}

static inline uint32_t random_below(uint64_t *state, uint32_t n)
{
        return (uint32_t)(random_next(state) % n);
}

/* The signal that ends fn() in a process of its own; 0 when it returns. Its standard error is thrown away.
 */
static inline int signal_of(void (*fn)(void *), void *userdata)
{
        int status = 0;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                struct rlimit no_core = {0};
                setrlimit(RLIMIT_CORE, &no_core);
                signal(SIGABRT, SIG_DFL); /* cmocka and the sanitizers have handlers of their own */
                close(STDERR_FILENO);
                fn(userdata);
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}
