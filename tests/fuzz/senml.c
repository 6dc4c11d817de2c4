/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include "base/assert.h"
#include "protocols/codec/senml.h"

/* A pack, in JSON or CBOR: the first byte tells. Bytes that are neither are read as both. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static Senml *senml;
        SenmlForm form = senml_sniff(data, size);

        if (!senml)
                ASSERT(senml_new(&senml) == 0);
        for (unsigned i = SENML_JSON; i <= SENML_CBOR; i++) {
                bool alarm;
                const char *why = NULL;
                size_t n;

                if (form != SENML_NONE && form != i)
                        continue;
                n = senml_read(senml, (SenmlForm)i, data, size, "fuzz-1", &alarm, &why);
                ASSERT(why && (n > 0 || why[0]) && n <= SENML_RECORDS_MAX + 9);
                for (size_t k = 0; k < n; k++) {
                        Event e = fuzz_event(data, size);

                        senml_event(senml, k, &e);
                        ASSERT(k > 0 || alarm == (e.type == EVENT_ALARM));
                        fuzz_check(
                                &e, data, size, 1u << EVENT_ALARM | 1u << EVENT_VITALS | 1u << EVENT_STATUS);
                }
        }
        return 0;
}
