/* SPDX-License-Identifier: Apache-2.0 */
#include "announce.h"

#include "base/assert.h"
#include "base/str.h"
#include "topic.h"

#include <string.h>

#define NODE "huying-"

/* In each %s stands the site's code, which needs no escape in JSON (str_code()). */
static const struct {
        const char *component, *object, *body;
} entities[] = {
        {"binary_sensor", "status",
                "\"name\":\"网关 Gateway\",\"state_topic\":\"huying/%s/status\",\"payload_on\":\"online\","
                "\"payload_off\":\"offline\",\"device_class\":\"connectivity\""},
        {"sensor", "open",
                "\"name\":\"未结警报 Open alerts\",\"state_topic\":\"huying/%s/board\",\"value_template\":"
                "\"{{ value_json.open }}\",\"state_class\":\"measurement\",\"icon\":\"mdi:alarm-light\""},
        {"sensor", "unanswered",
                "\"name\":\"无人接单 Unanswered\",\"state_topic\":\"huying/%s/board\",\"value_template\":"
                "\"{{ value_json.unanswered "
                "}}\",\"state_class\":\"measurement\",\"icon\":\"mdi:account-alert\""},
        {"event", "alert",
                "\"name\":\"警报 "
                "Alert\",\"state_topic\":\"huying/%s/event\",\"event_types\":[\"opened\",\"accepted\","
                "\"arrived\",\"resumed\",\"reopened\",\"resolved\"],\"icon\":\"mdi:bell-ring\""},
};

void announce(Link *link, const char *prefix, const char *site)
{
        ASSERT(link && prefix && site);
        for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
                char topic[TOPIC_SIZE], json[1024], body[512];
                Str t = STR_BUFFER(topic), b = STR_BUFFER(body), s = STR_BUFFER(json);

                for (const char *p = entities[i].body; *p; p++)
                        if (str_starts(p, "%s")) {
                                str_add(&b, site);
                                p++;
                        } else
                                str_addn(&b, p, 1);
                str_addf(&t, "%s/%s/" NODE "%s/%s/config", prefix, entities[i].component, site,
                        entities[i].object);
                str_addf(&s, "{%s,\"unique_id\":\"" NODE "%s-%s\"", body, site, entities[i].object);
                if (!str_equal(entities[i].object, "status"))
                        str_addf(&s, ",\"availability_topic\":\"huying/%s/status\"", site);
                str_addf(&s,
                        ",\"device\":{\"identifiers\":[\"" NODE
                        "%s\"],\"name\":\"呼应 Huying %s\",\"manufacturer\":"
                        "\"Huying\",\"model\":\"huyingd\"},\"origin\":{\"name\":\"huyingd\"}}",
                        site, site);
                if (!t.full && !b.full &&
                        !s.full) /* a prefix that is too long was refused with the settings */
                        (void)link_publish(
                                link, topic, json, s.n, true, NULL); /* down: with the next connection */
        }
}

bool announce_is_ours(const char *prefix, const char *topic)
{
        const char *p = topic + strlen(prefix) + 1, *node;

        if (!str_starts(topic, prefix) || p[-1] != '/')
                return false;
        node = strchr(p, '/');
        return node && str_starts(node + 1, NODE);
}
