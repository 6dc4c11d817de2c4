/* SPDX-License-Identifier: Apache-2.0 */
#include "store/wake.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include "base/assert.h"

void signal_fd(int fd)
{
        uint64_t one = 1;
        ssize_t n;

        do
                n = write(fd, &one, sizeof(one));
        while (n < 0 && errno == EINTR);
        ASSERT(n == (ssize_t)sizeof(one) || errno == EAGAIN); /* full: readable all the same */
}

void drain_fd(int fd)
{
        uint64_t count;

        while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
                ;
}
