/* SPDX-License-Identifier: Apache-2.0 */
/* An announcement on each kind of topic; what was taken of it gets states, the input itself among them. */
#include "fuzz.h"

#include "base/assert.h"
#include "base/str.h"
#include "protocols/codec/ha.h"

#include <string.h>

static void on_event(void *userdata, const Event *e)
{
        ASSERT(str_code(e->source) && !e->body && e->type <= EVENT_STATUS);
}

static const char *on_profile(void *userdata, const char *device)
{
        return "";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const topics[] = {"p/binary_sensor/n/o/config", "p/sensor/o/config",
                "p/event/o/config", "p/device_automation/n/o/config"};
        static const char *const states[] = {"ON", "OFF", "{\"x\":true}", "emergency", "80"};
        const ProfileHost host = {.profile_of = on_profile, .emit = on_event};
        static Levels *levels;
        static Ha *ha;

        if (!ha)
                ASSERT(levels_new(&levels) == 0 && ha_new(&ha, levels) == 0);
        for (size_t i = 0; i < sizeof(topics) / sizeof(*topics); i++) {
                HaEntity *e;
                HaResult r = ha_config(ha, "p", topics[i], data, size, &e);

                ASSERT(r != HA_REFUSED || ha_why(ha)[0]);
                if (r != HA_TAKEN)
                        continue;
                ASSERT(str_code(e->device) && e->topic[0] && e->path[0] == '$' && !strpbrk(e->topic, "+#"));
                ASSERT(str_utf8(e->model, strlen(e->model)) && str_utf8(e->name, strlen(e->name)));
                for (size_t j = 0; j < sizeof(states) / sizeof(*states); j++)
                        ASSERT(ha_read(ha, e->alarm, e->topic, states[j], strlen(states[j]), false, &host) >
                                0);
                ASSERT(ha_read(ha, e->alarm, e->topic, data, size, false, &host) > 0);
                ASSERT(ha_config(ha, "p", topics[i], "", 0, &e) == HA_GONE);
                ASSERT(!ha_entity(ha, 0) || !ha_entity(ha, 0)->config);
        }
        return 0;
}
