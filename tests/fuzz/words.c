/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include "base/assert.h"

#include <stdlib.h>

/* Word commands, and presence on the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        Event e = fuzz_event(data, size);

        codec_read_words(fuzz_codec(), &e);
        ASSERT((e.action.kind == ACTION_UNKNOWN) == (e.why[0] != '\0'));
        ASSERT(e.action.kind != ACTION_RESOLVE || e.action.outcome[0] != '\0');
        ASSERT(!e.body_json && e.id[0] == '\0');
        fuzz_check(&e, data, size, 1u << EVENT_ACTION);

        e = fuzz_event(data, size);
        e.type = EVENT_ROSTER;
        if (codec_read_presence(&e))
                fuzz_check(&e, data, size, 1u << EVENT_PRESENCE);
        else {
                ASSERT(e.type == EVENT_ROSTER);
                free(e.body);
        }
        return 0;
}
