/* SPDX-License-Identifier: Apache-2.0 */
/* Everyday requests: written down, dealt with, asked about, and looked at. What people wrote is in `show N`. */
#include "tools/huyingctl/huyingctl.h"

#include "base/parse.h"
#include "base/str.h"

#include <inttypes.h>
#include <string.h>

static const char *zh(const char *word)
{
        static const char *const words[][2] = {{"open", "待受理"}, {"assigned", "已指派"},
                {"in_progress", "办理中"}, {"waiting", "等待中"}, {"done", "待回访"}, {"rated", "已评价"},
                {"not_accepted", "不受理"}, {"community", "社区"}, {"street", "街道"}, {"district", "区"},
                {"easy", "易"}, {"key", "重"}, {"hard", "难"}};

        for (size_t i = 0; word && i < sizeof(words) / sizeof(*words); i++)
                if (str_equal(words[i][0], word))
                        return words[i][1];
        return "";
}

static void member(Str *s, const char *name, const char *value)
{
        str_addf(s, ",\"%s\":", name);
        str_json(s, value);
}

static Exit say(const Ctl *ctl, const char *action, const Str *more)
{
        if (!more->full)
                return act_as(ctl, action, more->p);
        complain("内容过长", "too long");
        return EXIT_USAGE;
}

/* request RESIDENT easy|key|hard TEXT [--public] */
int verb_request(Ctl *ctl, int argc, char **argv)
{
        char text[3072];
        Str s = STR_BUFFER(text);
        Class class;

        if (!request_class_parse(argv[2], &class)) {
                complain("类别是 easy 易、key 重、hard 难", "the class is easy, key or hard: %s", argv[2]);
                return EXIT_USAGE;
        }
        member(&s, "resident", argv[1]);
        member(&s, "class", argv[2]);
        member(&s, "text", argv[3]);
        str_add(&s, ctl->option[OPTION_PUBLIC] ? ",\"public\":true" : "");
        return say(ctl, "request", &s);
}

typedef struct Act {
        const char *verb, *action;
        const char *members[2]; /* what the arguments after the number are */
        int needed;             /* of them */
} Act;

/* assign N WORKER · start N · waiting N TIME EVIDENCE · done N [NOTE] · not-accepted N REASON · escalate N REASON ·
 * rate N SCORE [NOTE] · reclass N CLASS */
int verb_request_act(Ctl *ctl, int argc, char **argv)
{
        static const Act acts[] = {{"assign", "assign", {"to"}, 1}, {"start", "start", {NULL}, 0},
                {"waiting", "waiting", {"for", "evidence"}, 2}, {"done", "done", {"note"}, 0},
                {"not-accepted", "not_accepted", {"reason"}, 1}, {"escalate", "escalate", {"reason"}, 1},
                {"rate", "rate", {"score", "note"}, 1}, {"reclass", "reclass", {"class"}, 1}};
        const Act *a = acts;
        char text[3072];
        Str s = STR_BUFFER(text);
        uint64_t incident = 0, us = 0;
        uint32_t score = 0;

        while (!str_equal(a->verb, argv[0]))
                a++; /* the table of verbs has no others */
        if (!parse_u64(argv[1], &incident) || incident == 0) {
                complain("编号是一个数", "the incident is a number: %s", argv[1]);
                return EXIT_USAGE;
        }
        str_addf(&s, ",\"incident\":%" PRIu64, incident);
        for (int i = 0; i < 2 && a->members[i] && i + 2 < argc; i++)
                if (str_equal(a->members[i], "for")) {
                        if (!parse_duration(argv[2], &us) || us < USEC_PER_SEC) {
                                complain("时长写作 4h、3d", "a time is wanted, as in 4h, 3d: %s", argv[2]);
                                return EXIT_USAGE;
                        }
                        str_addf(&s, ",\"for\":%" PRIu64, (uint64_t)(us / USEC_PER_SEC));
                } else if (str_equal(a->members[i], "score")) {
                        if (!parse_u32(argv[2], 5, &score) || score == 0) {
                                complain("评价是 1 到 5", "a score is 1 to 5: %s", argv[2]);
                                return EXIT_USAGE;
                        }
                        str_addf(&s, ",\"score\":%" PRIu32, score);
                } else {
                        member(&s, a->members[i], argv[i + 2]);
                }
        str_add(&s, ctl->option[OPTION_PUBLIC] ? ",\"public\":true" : "");
        return say(ctl, a->action, &s);
}

/* ---- requests ---- */

static const char *const titles[] = {">编号 N", "类别 CLASS", "状态 STATE", "层级 LEVEL", "立案 OPENED",
        "限时 DUE", "住处 HOME", "承办 OWNER", ">评价 SCORE", NULL};

static void row_add(Table *t, const char *n, const char *class, const char *state, const char *level,
        const char *opened, const char *due, const char *home, const char *owner, const char *score)
{
        char texts[3][64];
        const char *const words[3] = {class, state, level};

        for (unsigned i = 0; i < 3; i++)
                (void)snprintf(texts[i], sizeof(texts[i]), "%s %s", zh(words[i]), words[i] ? words[i] : "");
        table_row(t, (const char *[]){n, texts[0], texts[1], texts[2], opened, due, home, owner, score});
}

typedef struct List {
        Table *table; /* NULL: JSON */
        unsigned n;
} List;

static void on_item(void *userdata, const char *key, const char *const *m)
{
        char opened[20], due[20], late[40];
        List *l = userdata;

        if (!m[1])
                return; /* no request */
        l->n++;
        if (!l->table) {
                (void)printf("%s%s", l->n > 1 ? "," : "", m[9]);
                return;
        }
        time_text(m[4], opened);
        time_text(m[5], due);
        (void)snprintf(late, sizeof(late), "%s%s", due, m[10] && str_equal(m[10], "1") ? " 超时" : "");
        row_add(l->table, m[0], m[1], m[2], m[3], opened, late, m[6], m[7], m[8]);
}

static bool on_closed(void *userdata, const AuditCell *c)
{
        bool rated = c[5].text && str_starts(c[5].text, "rated_");
        char opened[20], closed[20], number[24];
        List *l = userdata;

        l->n++;
        clock_format_local(c[3].number, opened);
        clock_format_local(c[4].number, closed);
        (void)snprintf(number, sizeof(number), "%" PRId64, c[0].number);
        if (l->table)
                row_add(l->table, number, request_class_word((Class)c[1].number),
                        rated ? "rated" : "not_accepted", request_level_word((uint8_t)c[2].number), opened,
                        closed, c[6].null ? "" : c[6].text, "", rated ? c[5].text + 6 : "");
        else
                (void)printf("%s{\"incident\":%s,\"group\":\"request\",\"state\":\"closed\",\"opened\":%.3f,"
                             "\"closed\":%.3f,"
                             "\"request\":{\"class\":\"%s\",\"state\":\"%s\",\"level\":\"%s\"%s%s}}",
                        l->n > 1 ? "," : "", number, (double)c[3].number / 1e6, (double)c[4].number / 1e6,
                        request_class_word((Class)c[1].number), rated ? "rated" : "not_accepted",
                        request_level_word((uint8_t)c[2].number), rated ? ",\"rating\":" : "",
                        rated ? c[5].text + 6 : "");
        return true;
}

/* What is over stands in the database only. */
static Exit closed_list(const Ctl *ctl, List *l)
{
        _cleanup_(audit_freep) Audit *audit = NULL;
        Exit e = journal_open(ctl, &audit);
        int r;

        if (e != EXIT_OK)
                return e;
        r = audit_query(audit,
                "SELECT i.id, i.class, i.tier, i.opened, i.closed, i.outcome, d.code FROM incident i LEFT "
                "JOIN dwelling d"
                " ON d.id = i.dwelling WHERE i.\"group\" = 6 AND i.closed IS NOT NULL ORDER BY i.id",
                NULL, 0, on_closed, l);
        return r < 0 ? EXIT_ERROR : EXIT_OK;
}

int verb_requests(Ctl *ctl, int argc, char **argv)
{
        static const char *const members[] = {"$.incident", "$.request.class", "$.request.state",
                "$.request.level", "$.opened", "$.request.due", "$.dwelling", "$.owner", "$.request.rating",
                "$", "$.request.overdue"};
        _cleanup_(freep) char *json = NULL;
        List l = {0};
        Exit e = bus_ask(ctl, &json, "List", "b", true);

        if (e != EXIT_OK)
                return e;
        l.table = ctl->json ? NULL : table_new(titles);
        if (ctl->json)
                (void)putchar('[');
        if (ctl->all)
                e = closed_list(ctl, &l);
        if (e == EXIT_OK && json_each(json, strlen(json), "$", members, 11, on_item, &l) < 0)
                e = EXIT_ERROR;
        if (ctl->json) {
                (void)puts("]");
                return e;
        }
        if (l.n == 0) {
                scols_unref_table(l.table);
                (void)puts("没有诉求 / no requests");
                return e;
        }
        return e == EXIT_OK ? table_print(l.table) : (scols_unref_table(l.table), e);
}
