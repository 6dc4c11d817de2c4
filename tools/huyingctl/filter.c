/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/huyingctl/filter.h"

#include "base/assert.h"
#include "base/parse.h"
#include "base/str.h"

#include <string.h>
#include <time.h>

static int64_t local_us(int year, int month, int day, int minute)
{
        struct tm tm = {.tm_year = year - 1900,
                .tm_mon = month - 1,
                .tm_mday = day,
                .tm_min = minute,
                .tm_isdst = -1};

        return (int64_t)mktime(&tm) * (int64_t)USEC_PER_SEC;
}

bool time_parse(const char *text, int64_t *ret_us)
{
        char date[11];
        uint32_t day, minute = 0;
        uint64_t ago;

        if (parse_duration(text, &ago)) {
                *ret_us = clock_now().wall_us - (int64_t)ago;
                return true;
        }
        if (strlen(text) < 10)
                return false;
        (void)str_copyn(date, sizeof(date), text, 10);
        if (!parse_date(date, &day) ||
                (text[10] && ((text[10] != ' ' && text[10] != 'T') || !parse_minute(text + 11, &minute))))
                return false;
        *ret_us = local_us((int)(day / 10000), (int)(day / 100 % 100), (int)(day % 100), (int)minute);
        return true;
}

bool month_parse(const char *text, int64_t *ret_from_us, int64_t *ret_to_us)
{
        char date[16];
        uint32_t day;

        if (strlen(text) != 7 || snprintf(date, sizeof(date), "%s-01", text) != 10 ||
                !parse_date(date, &day))
                return false;
        *ret_from_us = local_us((int)(day / 10000), (int)(day / 100 % 100), 1, 0);
        *ret_to_us = local_us((int)(day / 10000), (int)(day / 100 % 100) + 1, 1, 0);
        return true;
}

bool year_parse(const char *text, int64_t *ret_from_us, int64_t *ret_to_us)
{
        uint64_t year;

        if (strlen(text) != 4 || !parse_u64(text, &year) || year < 1970)
                return false;
        *ret_from_us = local_us((int)year, 1, 1, 0);
        *ret_to_us = local_us((int)year + 1, 1, 1, 0);
        return true;
}

bool day_parse(const char *text, int64_t *ret_from_us, int64_t *ret_to_us)
{
        uint32_t day;

        if (!parse_date(text, &day))
                return false;
        *ret_from_us = local_us((int)(day / 10000), (int)(day / 100 % 100), (int)(day % 100), 0);
        *ret_to_us = local_us((int)(day / 10000), (int)(day / 100 % 100), (int)(day % 100) + 1, 0);
        return true;
}

bool week_parse(const char *text, int64_t *ret_from_us, int64_t *ret_to_us)
{
        uint32_t day;
        struct tm tm = {.tm_isdst = -1};

        if (!parse_date(text, &day))
                return false;
        tm.tm_year = (int)(day / 10000) - 1900;
        tm.tm_mon = (int)(day / 100 % 100) - 1;
        tm.tm_mday = (int)(day % 100);
        (void)mktime(&tm); /* fills in the weekday */
        day = day - day % 100 + (uint32_t)tm.tm_mday;
        *ret_from_us = local_us(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday - (tm.tm_wday + 6) % 7, 0);
        *ret_to_us = local_us(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday - (tm.tm_wday + 6) % 7 + 7, 0);
        return true;
}

/* fmt has one %u for the parameter's number. */
static void add(Filter *f, const char *fmt, AuditCell arg)
{
        Str s = {.p = f->where, .n = strlen(f->where), .cap = sizeof(f->where)};
        const char *at = strstr(fmt, "%u");

        ASSERT(f->n < FILTER_ARGS_MAX && at);
        f->args[f->n++] = arg;
        str_addn(&s, fmt, (size_t)(at - fmt));
        str_addf(&s, "%u", f->n + 2);
        str_add(&s, at + 2);
        ASSERT(!s.full);
}

static void add_text(Filter *f, const Ctl *ctl, Option option, const char *fmt)
{
        const char *text = ctl->option[option];

        if (text)
                add(f, fmt, (AuditCell){.text = text, .n = strlen(text)});
}

static Exit add_time(Filter *f, const Ctl *ctl, Option option, const char *fmt)
{
        int64_t us;

        if (!ctl->option[option])
                return EXIT_OK;
        if (!time_parse(ctl->option[option], &us)) {
                complain("时间写作 2026-11-01、2026-11-01 08:30 或 7d", "not a time: %s",
                        ctl->option[option]);
                return EXIT_USAGE;
        }
        add(f, fmt, (AuditCell){.number = us});
        return EXIT_OK;
}

#define GRIDS                                                                                               \
        "(WITH RECURSIVE below(id) AS (SELECT id FROM grid WHERE code = ?%u UNION SELECT g.id FROM grid g " \
        "JOIN below ON g.parent = below.id) SELECT id FROM below)"

Exit filter_incidents(const Ctl *ctl, Filter *f)
{
        const char *kind = ctl->option[OPTION_KIND];
        Exit e;
        Class class;

        *f = (Filter){.indexed = ctl->option[OPTION_RESIDENT] || ctl->option[OPTION_DWELLING] ||
                                 ctl->option[OPTION_OPEN],
                /* without statistics it looks through all that were ever closed */
                .by = ctl->option[OPTION_OPEN] && !ctl->option[OPTION_RESIDENT] && !ctl->option[OPTION_DWELLING]
                              ? "INDEXED BY incident_open"
                              : ""};
        if (kind && !class_parse(kind, &class)) {
                complain("没有这个类别", "no such kind of incident: %s (sos, smoke, fall, …)", kind);
                return EXIT_USAGE;
        }
        if (kind)
                add(f, " AND i.class = ?%u", (AuditCell){.number = class});
        add_text(f, ctl, OPTION_RESIDENT, " AND i.resident IN (SELECT id FROM resident WHERE code = ?%u)");
        add_text(f, ctl, OPTION_DWELLING, " AND i.dwelling IN (SELECT id FROM dwelling WHERE code = ?%u)");
        add_text(f, ctl, OPTION_DEVICE, " AND i.source = ?%u");
        add_text(f, ctl, OPTION_WORKER,
                " AND EXISTS (SELECT 1 FROM journal j WHERE j.incident = i.id AND j.worker IN"
                " (SELECT id FROM worker WHERE code = ?%u))");
        add_text(f, ctl, OPTION_GRID, " AND i.grid IN " GRIDS);
        add_text(f, ctl, OPTION_OUTCOME, " AND i.outcome = ?%u");
        e = add_time(f, ctl, OPTION_SINCE, " AND i.opened >= ?%u");
        if (e == EXIT_OK)
                e = add_time(f, ctl, OPTION_UNTIL, " AND i.opened < ?%u");
        if (ctl->option[OPTION_OPEN])
                add(f, " AND i.closed IS NULL AND i.state BETWEEN 1 AND ?%u",
                        (AuditCell){.number = STATE_ON_SCENE});
        if (ctl->option[OPTION_LATE]) /* not answered within 60 s, by the first acceptance where it is known */
                add(f,
                        " AND coalesce(CASE WHEN k.incident IS NULL THEN (i.accepted - i.opened) / 1000"
                        " ELSE k.accept_ms END, ?%u) > 60000",
                        (AuditCell){.number = INT64_MAX});
        return e;
}

bool kind_known(int64_t kind)
{
        return (kind >= JOURNAL_START && kind <= JOURNAL_SYSTEM) ||
               (kind >= JOURNAL_EVENT && kind <= JOURNAL_DEVICE) ||
               (kind >= JOURNAL_OPENED && kind <= JOURNAL_AUDIT) || kind == JOURNAL_TEST ||
               kind == JOURNAL_VIEWED || kind == JOURNAL_CANARY || (kind >= JOURNAL_VISIT_IN && kind <= JOURNAL_VISIT_FIXED);
}

Exit filter_events(const Ctl *ctl, Filter *f)
{
        const char *kind = ctl->option[OPTION_KIND];
        Exit e;

        *f = (Filter){.indexed = ctl->option[OPTION_DWELLING] || ctl->option[OPTION_RESIDENT] ||
                                 ctl->option[OPTION_INCIDENT]};
        if (kind) {
                int n = 1;

                while (n < 256 && (!kind_known(n) || !str_equal(journal_kind_word((JournalKind)n), kind)))
                        n++;
                if (n == 256) {
                        complain("没有这种记录", "no such kind of row: %s (event, accepted, notified, …)",
                                kind);
                        return EXIT_USAGE;
                }
                add(f, " AND j.kind = ?%u", (AuditCell){.number = n});
        }
        add_text(f, ctl, OPTION_INCIDENT, " AND j.incident = CAST(?%u AS INTEGER)");
        add_text(f, ctl, OPTION_DWELLING, " AND j.dwelling IN (SELECT id FROM dwelling WHERE code = ?%u)");
        add_text(f, ctl, OPTION_RESIDENT,
                " AND j.incident IN (SELECT id FROM incident WHERE resident IN"
                " (SELECT id FROM resident WHERE code = ?%u))");
        add_text(f, ctl, OPTION_DEVICE, " AND j.device IN (SELECT id FROM device WHERE code = ?%u)");
        add_text(f, ctl, OPTION_WORKER, " AND j.worker IN (SELECT id FROM worker WHERE code = ?%u)");
        add_text(f, ctl, OPTION_GRID, " AND j.grid IN " GRIDS);
        add_text(f, ctl, OPTION_OUTCOME, " AND json_extract(j.body, '$.outcome') = ?%u");
        e = add_time(f, ctl, OPTION_SINCE, " AND j.t >= ?%u");
        return e == EXIT_OK ? add_time(f, ctl, OPTION_UNTIL, " AND j.t < ?%u") : e;
}
