/* SPDX-License-Identifier: Apache-2.0 */
#include "story.h"

#include "base/log.h"
#include "base/str.h"
#include "log-ids.h"

#include <inttypes.h>

void story_tell(const Registry *registry, const Effect *e)
{
        static const struct {
                JournalKind kind;
                const char *id, *text;
        } told[] = {
                {JOURNAL_OPENED, LOG_ID_OPENED, "opened"},
                {JOURNAL_TIER, LOG_ID_TIER, "next tier called"},
                {JOURNAL_LOOP, LOG_ID_TIER, "whole ladder called again"},
                {JOURNAL_ACCEPTED, LOG_ID_ACCEPTED, "accepted"},
                {JOURNAL_ARRIVED, LOG_ID_ARRIVED, "arrived"},
                {JOURNAL_RESUMED, LOG_ID_TIER, "ladder resumed"},
                {JOURNAL_REOPENED, LOG_ID_OPENED, "reopened"},
                {JOURNAL_RESOLVED, LOG_ID_RESOLVED, "resolved"},
                {JOURNAL_CLOSED, LOG_ID_CLOSED, "closed"},
        };
        const Worker *w = registry_worker(registry, e->journal.worker);
        char id[24], tier[8];
        Str s = STR_BUFFER(id), ts = STR_BUFFER(tier);

        for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
                if (told[i].kind != e->journal.kind)
                        continue;
                str_addf(&s, "%" PRIu64, e->incident);
                str_addf(&ts, "%u", e->journal.tier);
                log_fields(LOG_LEVEL_NOTICE, told[i].id,
                        (LogField[]){{"HUYING_INCIDENT", id},
                                {"HUYING_CLASS", class_word((Class)e->journal.class)}, {"HUYING_TIER", tier},
                                {"HUYING_WORKER", w ? w->code : ""}, {0}},
                        "incident %s (%s): %s%s%s%s%s", id, class_word((Class)e->journal.class),
                        told[i].text, e->journal.tier ? ", tier " : "", e->journal.tier ? tier : "",
                        w ? ", by " : "", w ? w->code : "");
                return;
        }
}
