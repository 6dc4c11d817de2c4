/* SPDX-License-Identifier: Apache-2.0 */
/* The end of the process when it contradicts itself. */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void assert_fail(const char *expr, const char *file, int line, const char *func)
{
        /* Straight to the descriptor: stdio's buffers and the log's sink may be what is broken. */
        dprintf(2, "%s:%d: %s: assertion failed: %s\n", file, line, func, expr);
        abort();
}

void memory_fail(const char *file, int line, const char *func)
{
        dprintf(2, "%s:%d: %s: no memory: ends, to be started again\n", file, line, func);
        abort();
}
