/* SPDX-License-Identifier: Apache-2.0 */
/* Alarms, as buttons and detectors send them. */
#include "fuzz.h"

#include "base/assert.h"

#include <string.h>

static void read_plain(Codec *codec, Event *e)
{
        codec_read_alarm(codec, e, NULL);
}

/* Without a word in the path, with one of ours, and with the input itself as the word: it comes from the network too. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char hint[64] = "";
        const char *const hints[] = {NULL, "smoke", hint};

        if (size > 0)
                memcpy(hint, data, size < sizeof(hint) ? size : sizeof(hint) - 1);
        for (size_t i = 0; i < sizeof(hints) / sizeof(*hints); i++) {
                Event e = fuzz_event(data, size);

                codec_read_alarm(fuzz_codec(), &e, hints[i]);
                if (!hints[i])
                        fuzz_twin(&e, read_plain);
                ASSERT(e.alarm.kind != ALARM_UNPARSED || e.alarm.word[0] == '\0');
                ASSERT(e.alarm.kind >= ALARM_UNKNOWN || e.alarm.word[0] != '\0');
                ASSERT(e.alarm.kind != ALARM_UNPARSED || e.why[0] != '\0');
                fuzz_check(&e, data, size, 1u << EVENT_ALARM);
        }
        return 0;
}
