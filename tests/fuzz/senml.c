/* SPDX-License-Identifier: Apache-2.0 */
/* Packs of readings and alarms, in JSON or CBOR. */
#include "fuzz.h"

#include "base/assert.h"
#include "base/str.h"
#include "protocols/codec/senml.h"
#include "tests/lib/twin.h"

#include <stdlib.h>

/* Of the event `k` of a pack that was read a moment ago, and of the same one of its twin. */
static void compare(const Event *e, Event *other)
{
        ASSERT(llabs(e->device_us - other->device_us) < 60 * 1000000ll); /* it may count from now … */
        ASSERT((e->id[0] == '\0') == (other->id[0] == '\0'));            /* … and the id with it */
        other->device_us = e->device_us;
        (void)str_copy(other->id, sizeof(other->id), e->id); /* same size */
        ASSERT(twin_equal(e, other));
}

/* JSON is read once more by SQLite, with a memory of its own of what was said: it must be the same. */
static void check_twin(
        const Senml *senml, SenmlForm form, const uint8_t *data, size_t size, size_t n, bool alarm, const char *why)
{
        static Senml *second;
        size_t twin_size;
        char *twin = form == SENML_JSON ? twin_of((const char *)data, size, &twin_size) : NULL;
        const char *other_why = NULL;
        bool other_alarm;

        if (!second)
                ASSERT(senml_new(&second) == 0);
        ASSERT(senml_read(second, form, twin ? (const void *)twin : data, twin ? twin_size : size, "fuzz-1",
                       &other_alarm, &other_why) == n);
        ASSERT(alarm == other_alarm && str_equal(why, other_why));
        for (size_t k = 0; k < n; k++) {
                Event e = fuzz_event(data, size), other = fuzz_event(data, size);

                senml_event(senml, k, &e);
                senml_event(second, k, &other);
                compare(&e, &other);
                free(e.body);
                free(other.body);
        }
        free(twin);
}

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
                check_twin(senml, (SenmlForm)i, data, size, n, alarm, why);
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
