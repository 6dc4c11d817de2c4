/* SPDX-License-Identifier: Apache-2.0 */
/* The working week of a configuration: "08:30-12:00 14:00-17:30", "mon-fri". */
#include "base/parse.h"
#include "base/str.h"
#include "config/settings.h"

#include <string.h>

/* The word stays as it is: an error shows it. */
static bool span_read(const char *word, uint16_t before, uint16_t *ret_from, uint16_t *ret_to)
{
        const char *dash = strchr(word, '-');
        char first[sizeof("08:30")];
        uint32_t from, to;

        if (!dash || !str_copyn(first, sizeof(first), word, (size_t)(dash - word)))
                return false;
        if (!parse_minute(first, &from) || !parse_minute(dash + 1, &to) || from >= to || from < before)
                return false;
        *ret_from = (uint16_t)from;
        *ret_to = (uint16_t)to;
        return true;
}

int week_hours(Reader *r, const char *key, char *value, WorkHours *hours)
{
        uint16_t before = 0;
        char *word;

        hours->n = 0;
        for (unsigned i = 0; i < WORK_SPANS_MAX; i++)
                hours->spans[i].from = hours->spans[i].to = 0;
        for (char *p = value; *p; p++)
                if (*p == ',')
                        *p = ' ';
        while ((word = parse_word(&value))) {
                if (hours->n == WORK_SPANS_MAX)
                        return reader_fail(r, "%s: more than %d spans in a day", key, WORK_SPANS_MAX);
                if (!span_read(word, before, &hours->spans[hours->n].from, &hours->spans[hours->n].to))
                        return reader_fail(r,
                                "%s: \"%.32s\" is no span of a day after the one before it; write as in "
                                "\"08:30-12:00 14:00-17:30\"",
                                key, word);
                before = hours->spans[hours->n++].to;
        }
        return 0;
}

static bool day_find(const char *word, size_t n, unsigned *ret)
{
        static const char *const names[7] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

        for (unsigned i = 0; i < 7; i++)
                if (n == strlen(names[i]) && memcmp(word, names[i], n) == 0) {
                        *ret = i;
                        return true;
                }
        return false;
}

int week_days(Reader *r, const char *key, char *value, WorkHours *hours)
{
        uint16_t days = 0;
        char *word;

        for (char *p = value; *p; p++)
                if (*p == ',')
                        *p = ' ';
        while ((word = parse_word(&value))) {
                const char *dash = strchr(word, '-'), *last = dash ? dash + 1 : word;
                unsigned from, to;

                if (!day_find(word, dash ? (size_t)(dash - word) : strlen(word), &from) ||
                        !day_find(last, strlen(last), &to))
                        return reader_fail(r,
                                "%s: \"%.32s\": write days as in \"mon-fri\" or \"mon wed sat\"", key, word);
                for (days |= (uint16_t)(1u << from); from != to; days |= (uint16_t)(1u << from))
                        from = (from + 1) % 7;
        }
        if (days == 0)
                return reader_fail(r, "%s needs at least one day, as in \"mon-fri\"", key);
        hours->days = days;
        return 0;
}
