/* SPDX-License-Identifier: Apache-2.0 */
#include "topic.h"

#include "base/assert.h"
#include "base/idmap.h"
#include "base/parse.h"
#include "base/str.h"

#include <string.h>

static const struct {
        const char *group, *leaf;
        TopicKind kind;
} leaves[] = {
        {"up/", "alarm", TOPIC_ALARM},
        {"up/", "vitals", TOPIC_VITALS},
        {"up/", "status", TOPIC_STATUS},
        {"worker/", "act", TOPIC_ACT},
        {"worker/", "do", TOPIC_DO},
        {"worker/", "presence", TOPIC_PRESENCE},
        {"worker/", "day", TOPIC_DAY},
        {"worker/", "text", TOPIC_TEXT},
};

void topic_source(const char *level, size_t n, char ret[CODE_SIZE])
{
        Str s = {.p = ret, .cap = CODE_SIZE};
        bool utf8 = str_utf8(level, n), cut = n > CODE_SIZE - 2;
        size_t room = cut ? CODE_SIZE - 2 - 9 : n;

        str_add(&s, "?");
        if (utf8)
                while (room > 0 && room < n && ((unsigned char)level[room] & 0xc0) == 0x80)
                        room--; /* cut between characters */
        for (size_t i = 0; i < room; i++) {
                unsigned char c = (unsigned char)level[i];
                bool plain = c > 0x20 && c < 0x7f && !strchr("/+#\"\\", c);

                str_addn(&s, plain || (c >= 0x80 && utf8) ? &level[i] : "_", 1);
        }
        if (cut)
                str_addf(&s, "~%08x", (unsigned)idmap_hash(level, n));
}

static void topic_level(const char *level, size_t n, Topic *t)
{
        char code[CODE_SIZE] = "";

        if (n > 0 && n < CODE_SIZE) {
                memcpy(code, level, n);
                code[n] = '\0';
                if (str_code(code)) {
                        memcpy(t->source, code, sizeof(code));
                        t->valid = true;
                        return;
                }
        }
        topic_source(level, n, t->source);
}

void topic_read(const char *prefix, const char *topic, Topic *ret)
{
        const char *rest, *level, *leaf;

        ASSERT(prefix && topic && ret);
        *ret = (Topic){.kind = TOPIC_OTHER};
        if (!str_starts(topic, prefix))
                return;
        rest = topic + strlen(prefix);
        level = strchr(rest, '/');
        leaf = level ? strchr(level + 1, '/') : NULL;
        if (!leaf)
                return;
        level++;
        topic_level(level, (size_t)(leaf - level), ret);
        leaf++;
        for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++)
                if (str_starts(rest, leaves[i].group) && str_equal(leaf, leaves[i].leaf))
                        ret->kind = leaves[i].kind;
        if (str_starts(rest, "worker/") && str_starts(leaf, "alert/") && parse_u64(leaf + 6, &ret->incident))
                ret->kind = TOPIC_ALERT;
}

bool topic_write(
        char ret[TOPIC_SIZE], const char *prefix, const char *group, const char *code, const char *leaf)
{
        Str s = {.p = ret, .cap = TOPIC_SIZE};

        ASSERT(ret && prefix && group && leaf);
        if (!code || !str_code(code))
                return false;
        str_add(&s, prefix);
        str_add(&s, group);
        str_add(&s, code);
        str_add(&s, leaf);
        return !s.full;
}
