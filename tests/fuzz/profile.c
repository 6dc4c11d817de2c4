/* SPDX-License-Identifier: Apache-2.0 */
/* A profile's file: taken whole, or refused with one line that names a line of it. What was taken is used. */
#include "fuzz.h"

#include "base/assert.h"
#include "base/str.h"
#include "protocols/codec/profile.h"

#include <string.h>

static const char *on_profile(void *userdata, const char *device)
{
        return "";
}

static void on_event(void *userdata, const Event *e)
{
        ASSERT(str_code(e->source) && !e->body);
}

static void on_each(void *userdata, const char *profile, void (*fn)(void *, const char *device), void *arg)
{
        fn(arg, "bed-7");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const payloads[] = {
                "{\"action\":\"sos\",\"a\":1,\"list\":[{\"a\":1,\"mac\":\"x\"}]}", "ON", "[1]", "offline"};
        const ProfileHost host = {.profile_of = on_profile, .emit = on_event, .each = on_each};
        char filters[PROFILE_FILTERS_MAX][PROFILE_TOPIC_SIZE];
        ProfileError error = {0};
        size_t lines = 1;
        Profiles *ps;
        int r;

        ASSERT(profiles_new(&ps) == 0);
        r = profiles_add(ps, "fuzz", "fuzz.conf", (const char *)data, size, &error);
        ASSERT(r == 0 || r == PROFILE_E_INVALID);
        for (size_t i = 0; i < size; i++)
                lines += data[i] == '\n';
        if (r == PROFILE_E_INVALID) {
                ASSERT(error.text[0] && error.line <= lines && str_equal(error.file, "fuzz.conf"));
                ASSERT(!strchr(error.text, '\n') && str_utf8(error.text, strlen(error.text)));
                profiles_free(ps);
                return 0;
        }
        for (unsigned alarms = 0; alarms < 2; alarms++) {
                size_t n = profiles_filters(ps, alarms, filters, PROFILE_FILTERS_MAX);

                for (size_t i = 0; i < n; i++)
                        for (size_t j = 0; j < sizeof(payloads) / sizeof(*payloads); j++)
                                for (unsigned retained = 0; retained < 2; retained++)
                                        (void)profiles_read(ps, alarms, filters[i], payloads[j],
                                                strlen(payloads[j]), retained, &host);
        }
        profiles_free(ps);
        return 0;
}
