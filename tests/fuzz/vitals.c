/* SPDX-License-Identifier: Apache-2.0 */
/* Readings in our own JSON. */
#include "fuzz.h"

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        Event e = fuzz_event(data, size);
        bool signs;

        codec_read_vitals(fuzz_codec(), &e);
        fuzz_twin(&e, codec_read_vitals);
        signs = e.signs.located;
        for (unsigned k = 0; k < SIGN_BUTTON; k++)
                signs = signs || e.signs.said[k] != SAID_NOT;
        ASSERT(e.type != EVENT_STATUS || e.status.fault != signs); /* no readings: signs of life, or a fault */
        ASSERT(e.type != EVENT_STATUS || e.status.fault == (e.why[0] != '\0'));
        fuzz_check(&e, data, size, 1u << EVENT_VITALS | 1u << EVENT_STATUS);
        return 0;
}
