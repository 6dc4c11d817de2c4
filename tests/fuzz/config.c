/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include "base/assert.h"
#include "base/str.h"
#include "config/settings.h"

#include <string.h>

/* Taken whole, or refused with one line of UTF-8 that names a line of the file (0: the file) and leaves the rest alone. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static Config config;
        ConfigError error = {0};
        size_t lines = 1;
        int r;

        memset(&config, 0xa5, sizeof(config));
        r = config_read_text(&config, (const char *)data, size, "/etc/huyingd", &error);
        ASSERT(r == 0 || r == CONFIG_E_INVALID);
        for (size_t i = 0; i < size; i++)
                lines += data[i] == '\n';
        if (r == CONFIG_E_INVALID) {
                ASSERT(error.text[0] != '\0' && error.line <= lines);
                ASSERT(memchr(error.text, '\0', sizeof(error.text)) && !strchr(error.text, '\n'));
                ASSERT(str_utf8(error.text, strlen(error.text)));
                ASSERT((unsigned char)config.site[0] == 0xa5);
                return 0;
        }
        ASSERT(str_code(config.site) && config.n_channels <= CONFIG_CHANNELS_MAX);
        for (unsigned class = 0; class < CLASS_MAX; class ++) {
                const ClassPolicy *p = &config.policy.classes[class];

                ASSERT(p->priority >= 1 && p->priority <= 5 && p->loop_us > 0 && p->reopen_us > 0 &&
                        p->outcomes != 0);
                ASSERT(p->arrive_max_us != UINT64_MAX);
                for (unsigned i = 0; i < TIERS_MAX; i++)
                        ASSERT(!p->tiers[i].present || p->tiers[i].roles != 0);
        }
        return 0;
}
