/* SPDX-License-Identifier: Apache-2.0 */
/* Readings in our own JSON. */
#include "fuzz.h"

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        Event e = fuzz_event(data, size);

        codec_read_vitals(fuzz_codec(), &e);
        ASSERT(e.type != EVENT_STATUS || e.status.fault);
        ASSERT(e.type != EVENT_STATUS || e.why[0] != '\0');
        fuzz_check(&e, data, size, 1u << EVENT_VITALS | 1u << EVENT_STATUS);
        return 0;
}
