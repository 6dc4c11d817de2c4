/* SPDX-License-Identifier: Apache-2.0 */
/* visit: check in and out at a bed, correct a visit. visits: what there was, with the rows that prove it. */
#include "tools/huyingctl/visits.h"
#include "tools/huyingctl/filter.h"

#include "base/assert.h"
#include "base/parse.h"
#include "base/str.h"

#include <inttypes.h>
#include <string.h>

static void member(Str *s, const char *name, const char *value)
{
        if (!value)
                return;
        str_addf(s, ",\"%s\":", name);
        str_json(s, value);
}

static Exit usage(void)
{
        complain("用法", "usage: visit in RESIDENT [--service S] [--worker W] · visit out [--rating N] "
                         "[--worker W] · "
                         "visit fix NUMBER TIME --reason R");
        return EXIT_USAGE;
}

typedef struct Found {
        char resident[CODE_SIZE], worker[CODE_SIZE];
        bool any;
} Found;

static bool found_row(void *userdata, const AuditCell *c)
{
        Found *f = userdata;

        f->any = !c[0].null && !c[1].null && str_copy(f->resident, sizeof(f->resident), c[0].text) &&
                 str_copy(f->worker, sizeof(f->worker), c[1].text);
        return false;
}

/* The desk says how long it was; whose and where is what the record says. */
static Exit fix(const Ctl *ctl, const char *number, const char *time)
{
        _cleanup_(audit_freep) Audit *audit = NULL;
        Found found = {.any = false};
        char more[1024];
        Str s = STR_BUFFER(more);
        uint64_t n = 0, us = 0;
        AuditCell arg;
        Exit e;

        if (!parse_u64(number, &n) || (!str_equal(time, "0") && !parse_duration(time, &us)))
                return usage();
        if (!ctl->option[OPTION_REASON]) {
                complain("更正必须写明理由", "a correction needs --reason");
                return EXIT_USAGE;
        }
        e = journal_open(ctl, &audit);
        if (e != EXIT_OK)
                return e;
        arg = (AuditCell){.number = (int64_t)n};
        if (audit_query(audit,
                    "SELECT r.code, w.code FROM visit v LEFT JOIN resident r ON r.id = v.resident"
                    " LEFT JOIN worker w ON w.id = v.worker WHERE v.n = ?1",
                    &arg, 1, found_row, &found) < 0 ||
                !found.any) {
                complain("没有这次上门", "there is no visit %" PRIu64, n);
                return EXIT_ERROR;
        }
        member(&s, "resident", found.resident);
        member(&s, "to", found.worker);
        str_addf(&s, ",\"visit\":%" PRIu64 ",\"for\":%" PRIu64, n, (uint64_t)(us / USEC_PER_SEC));
        member(&s, "note", ctl->option[OPTION_REASON]);
        if (s.full) {
                complain("理由过长", "the reason is too long");
                return EXIT_USAGE;
        }
        return act_as(ctl, "visit_fix", more);
}

int verb_visit(Ctl *ctl, int argc, char **argv)
{
        const char *what = argv[1];
        char more[1024];
        Str s = STR_BUFFER(more);
        uint64_t rating = 0;

        if (str_equal(what, "fix"))
                return argc == 4 ? fix(ctl, argv[2], argv[3]) : usage();
        if (ctl->option[OPTION_RATING] &&
                (!parse_u64(ctl->option[OPTION_RATING], &rating) || rating < 1 || rating > 5)) {
                complain("评价是 1 到 5", "the rating is 1 to 5");
                return EXIT_USAGE;
        }
        if (str_equal(what, "in") && argc == 3) {
                member(&s, "resident", argv[2]);
                member(&s, "service", ctl->option[OPTION_SERVICE]);
        } else if (!str_equal(what, "out") || argc != 2)
                return usage();
        member(&s, "to", ctl->option[OPTION_WORKER]);
        if (rating)
                str_addf(&s, ",\"rating\":%" PRIu64, rating);
        member(&s, "note", ctl->option[OPTION_REASON]);
        if (s.full) {
                complain("内容过长", "too long");
                return EXIT_USAGE;
        }
        return act_as(ctl, str_equal(what, "in") ? "visit_in" : "visit_out", more);
}

/* ---- what there was ---- */

static const SheetColumn columns[] = {{"visit", "编号", "N", true}, {"since", "上门", "SINCE", false},
        {"until", "离开", "UNTIL", false}, {"minutes", "分钟", "MIN", true},
        {"counts", "计次", "COUNTS", false}, {"state", "状态", "STATE", false},
        {"service", "服务", "SERVICE", false}, {"resident", "老人", "RESIDENT", false},
        {"resident_name", "姓名", "NAME", false}, {"grid", "网格", "GRID", false},
        {"worker", "人员", "WORKER", false}, {"worker_name", "人员姓名", "WORKER NAME", false},
        {"rating", "评价", "RATING", true}, {"proof", "凭证", "PROOF", false},
        {"in_seq", "签到记录", "IN SEQ", true}, {"out_seq", "签离记录", "OUT SEQ", true},
        {"fix_seq", "更正记录", "FIX SEQ", true}};

void visits_sheet(Sheet *ret, const char *title)
{
        sheet_init(ret, columns, sizeof(columns) / sizeof(columns[0]), title);
}

typedef struct Listing {
        const Ctl *ctl;
        Sheet *sheet;
        bool plain;
} Listing;

static const char *text_of(const AuditCell *c)
{
        return c->null ? "" : c->text;
}

const char *service_zh(const char *service)
{
        static const char *const words[][2] = {{"clean", "助洁"}, {"meals", "助餐"}, {"bath", "助浴"},
                {"medical", "助医"}, {"company", "陪伴"}, {"errand", "代办"}, {"other", "其他"}};

        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (str_equal(service, words[i][0]))
                        return words[i][1];
        return service;
}

static const char *state_of(const AuditCell *c, bool plain)
{
        if (!c[15].null)
                return plain ? "fixed" : "已更正";
        if (c[2].null)
                return plain ? "open" : "进行中";
        return c[5].number ? (plain ? "forgotten" : "未签离") : plain ? "over" : "已签离";
}

static bool visit_row(void *userdata, const AuditCell *c)
{
        const Listing *l = userdata;
        char since[20], until[20] = "", minutes[24], name[64], worker[64];

        clock_format_local(c[1].number, since);
        if (!c[2].null)
                clock_format_local(c[2].number, until);
        (void)snprintf(minutes, sizeof(minutes), "%" PRId64, c[3].number / 60);
        sheet_row(l->sheet,
                (const char *[]){c[0].text, since, until, minutes,
                        c[4].number ? l->plain ? "yes" : "是"
                        : l->plain  ? "no"
                                    : "否",
                        state_of(c, l->plain), l->plain ? text_of(&c[6]) : service_zh(text_of(&c[6])),
                        text_of(&c[7]), name_shown(l->ctl, text_of(&c[8]), name, sizeof(name)),
                        text_of(&c[9]), text_of(&c[10]),
                        name_shown(l->ctl, text_of(&c[11]), worker, sizeof(worker)), text_of(&c[12]),
                        c[13].number ? l->plain ? "yes" : "有"
                        : l->plain   ? "no"
                                     : "无",
                        text_of(&c[14]), text_of(&c[16]), text_of(&c[15])});
        return true;
}

int visits_collect(const Ctl *ctl, Audit *audit, Sheet *sheet, int64_t from_us, int64_t to_us)
{
        const char *resident = ctl->option[OPTION_RESIDENT], *worker = ctl->option[OPTION_WORKER],
                   *grid = ctl->option[OPTION_GRID];
        const AuditCell args[] = {{.number = from_us}, {.number = to_us},
                {.text = resident ? resident : "", .n = resident ? strlen(resident) : 0},
                {.text = worker ? worker : "", .n = worker ? strlen(worker) : 0},
                {.text = grid ? grid : "", .n = grid ? strlen(grid) : 0}};
        static const char sql[] =
                "SELECT v.n, v.since, v.until, v.seconds, v.counts, v.forgotten, v.service, r.code, r.name, "
                "g.code,"
                " w.code, w.name, v.rating, v.proof, v.in_seq, v.fix_seq, v.out_seq FROM visit v"
                " LEFT JOIN resident r ON r.id = v.resident LEFT JOIN dwelling d ON d.id = r.dwelling"
                " LEFT JOIN grid g ON g.id = d.grid LEFT JOIN worker w ON w.id = v.worker"
                " WHERE v.since >= ?1 AND v.since < ?2 AND (?3 = '' OR v.resident IN (SELECT id FROM "
                "resident"
                " WHERE code = ?3)) AND (?4 = '' OR w.code = ?4) AND (?5 = '' OR g.code = ?5) ORDER BY "
                "v.since, v.n";

        return audit_query(audit, sql, args, 5, visit_row,
                &(Listing){ctl, sheet, ctl->json || ctl->option[OPTION_CSV] || ctl->option[OPTION_JSONL]});
}

/* The period of --month, or --since and --until; everything without. */
static bool period(const Ctl *ctl, int64_t *ret_from, int64_t *ret_to)
{
        *ret_from = 0;
        *ret_to = INT64_MAX;
        if (ctl->option[OPTION_MONTH])
                return month_parse(ctl->option[OPTION_MONTH], ret_from, ret_to);
        return (!ctl->option[OPTION_SINCE] || time_parse(ctl->option[OPTION_SINCE], ret_from)) &&
               (!ctl->option[OPTION_UNTIL] || time_parse(ctl->option[OPTION_UNTIL], ret_to));
}

int verb_visits(Ctl *ctl, int argc, char **argv)
{
        _cleanup_(audit_freep) Audit *audit = NULL;
        int64_t from, to;
        Sheet sheet;
        Exit e;
        int r;

        if (!period(ctl, &from, &to)) {
                complain("时间有误", "--month YYYY-MM, --since and --until take a day or a duration");
                return EXIT_USAGE;
        }
        e = journal_open(ctl, &audit);
        if (e == EXIT_OK)
                e = unmask(ctl, "visits", ctl->option[OPTION_RESIDENT] ? ctl->option[OPTION_RESIDENT] : "");
        if (e != EXIT_OK)
                return e;
        visits_sheet(&sheet, "");
        r = visits_collect(ctl, audit, &sheet, from, to);
        e = r == 0 ? sheet_print(ctl, &sheet) : EXIT_ERROR;
        if (r < 0)
                complain("读不了记录", "%s", strerror(-r));
        sheet_deinit(&sheet);
        return e;
}
