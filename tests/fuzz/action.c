/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's JSON actions. */
#include "fuzz.h"

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        Event e = fuzz_event(data, size);

        codec_read_action(fuzz_codec(), &e);
        fuzz_twin(&e, codec_read_action);
        ASSERT(e.action.kind != ACTION_UNKNOWN || e.why[0] != '\0');
        ASSERT(!e.action.bare);
        fuzz_check(&e, data, size, 1u << EVENT_ACTION);
        return 0;
}
