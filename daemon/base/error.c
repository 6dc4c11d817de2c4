/* SPDX-License-Identifier: Apache-2.0 */
/* The trace of a fatal error on its way up, at debug level. */
#include "base/error.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

int error_note(int r, const char *file, int line, const char *func)
{
        if (r >= 0)
                return r;
        int saved = errno;
        const char *name = strerrorname_np(-r);
        log_debug("%s:%d: %s: %d (%s)", file, line, func, r, name ? name : "not an errno");
        errno = saved;
        return r;
}
