/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes on topics of profiles; the levels remember from input to input, as in life. */
#include "fuzz.h"

#include "base/assert.h"
#include "base/str.h"
#include "protocols/codec/profile.h"

#include <stdlib.h>
#include <string.h>

static const char rules[] =
        "[Profile]\nBridge=b/+/state\n"
        "[Message]\nTopic=z/{device}\nIgnore=bridge\nTime=$.last_seen\nStamp=$.stamp\n"
        "Event sos=$.action in emergency,sos,panic | $.n > 3 & $.n < 7\nLevel fall=$.fall = fall_alarm\n"
        "Level smoke=$.smoke is true | $.smoke_state like %alarm%\nEvent test=$.test is present & $.b is "
        "absent\n"
        "Metric battery=$.battery\nMetric rssi=$.rssi\nMetric worn=$.worn\nMetric hr=$.hr\nMetric temp=$.t\n"
        "[Message]\nTopic=e/{device}/{kind}\nLevel {kind}=$ = ON\nMetric hr=$\n"
        "[Message]\nTopic=x/{device}\nBytes=base64 $.data\nField a=0 u8\nField b=after 0175 i16le / "
        "10\nField "
        "c=-1 bit 3\nEvent sos=@a = 1 | @hex like 4c%\nMetric battery=@b\nMetric door=!@c\nMetric "
        "lat=$.lat\n"
        "Metric lon=$.lon\n[Message]\nTopic=y/{device}\nBytes=hex $\nField a=0 u24\nEvent fall=@a > 9\n"
        "[Message]\nTopic=g\nEach=$.items\nId=$.mac\nEvent sos=$.button[0] != x\nMetric spo2=$.\"o 2\"\n";

typedef struct Input {
        const uint8_t *data;
        size_t size;
} Input;

static const char *on_profile(void *userdata, const char *device)
{
        return (device[0] & 1) ? "" : NULL;
}

/* With its body, it is as good as an event of our own. */
static void on_event(void *userdata, const Event *meant)
{
        const Input *in = userdata;
        Event e = *meant;
        char text[512];

        ASSERT(str_code(e.source) && !e.body && !e.hold);
        profile_event_text(meant, true, text, sizeof(text));
        ASSERT(str_utf8(text, strlen(text)));
        (void)str_copy(e.source, sizeof(e.source), "fuzz-1");
        e.body = malloc(in->size ? in->size : 1);
        ASSERT(e.body);
        if (in->size > 0)
                memcpy(e.body, in->data, in->size);
        e.body_size = (uint32_t)in->size;
        fuzz_check(&e, in->data, in->size, 1u << EVENT_ALARM | 1u << EVENT_VITALS | 1u << EVENT_STATUS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const topics[] = {"z/a", "z/b", "z/bridge", "e/a/sos", "e/a/gas", "e/a/motion",
                "g", "b/x/state", "x/a", "y/a"};
        static Profiles *ps;
        Input in = {data, size};
        const ProfileHost host = {.userdata = &in, .profile_of = on_profile, .emit = on_event};
        ProfileError error;

        if (!ps) {
                ASSERT(profiles_new(&ps) == 0);
                ASSERT(profiles_add(ps, "fuzz", "fuzz.conf", rules, sizeof(rules) - 1, &error) == 0);
        }
        for (size_t i = 0; i < sizeof(topics) / sizeof(*topics); i++) {
                (void)profiles_read(ps, true, topics[i], data, size, false, &host);
                (void)profiles_read(ps, true, topics[i], data, size, true, &host);
                (void)profiles_read_as(ps, "fuzz", topics[i], data, size, false, &host);
        }
        return 0;
}
