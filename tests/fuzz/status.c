/* SPDX-License-Identifier: Apache-2.0 */
/* Heartbeats. */
#include "fuzz.h"

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        Event e = fuzz_event(data, size);

        codec_read_status(fuzz_codec(), &e);
        fuzz_twin(&e, codec_read_status);
        ASSERT(e.status.fault == (e.why[0] != '\0'));
        fuzz_check(&e, data, size, 1u << EVENT_STATUS);
        return 0;
}
