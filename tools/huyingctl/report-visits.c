/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report on visits (上门服务): what each bed was promised and has had, then each visit with the numbers of the rows that
 * prove it. Money is paid by it, so what does not count is shown with its reason, and what nobody can know is said.
 */
#include "tools/huyingctl/report.h"
#include "tools/huyingctl/visits.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/str.h"

static const SheetColumn bed_columns[] = {{"resident", "老人", "RESIDENT", false},
        {"resident_name", "姓名", "NAME", false}, {"address", "住址", "ADDRESS", false},
        {"grid", "网格", "GRID", false}, {"plan", "计划(次)", "PLAN", true},
        {"done", "计次(次)", "DONE", true}, {"hours", "计次时长(小时)", "HOURS", true},
        {"share", "完成率(%)", "SHARE", true}, {"missing", "欠(次)", "MISSING", true},
        {"short", "时长不足(次)", "SHORT", true}, {"forgotten", "未签离(次)", "FORGOTTEN", true},
        {"fixed", "更正(次)", "FIXED", true}, {"unproved", "无凭证(次)", "NO PROOF", true},
        {"rating", "评价均分", "RATING", true}, {"last", "最近一次", "LAST", false}};

typedef struct Beds {
        const Ctl *ctl;
        Report *report;
        Sheet *sheet;
        double year; /* share of a year that the period is */
        uint64_t beds, served, plan, done, seconds, unproved, forgotten;
} Beds;

static const char sql[] =
        "SELECT r.code, r.name, d.address, g.name, r.visits, coalesce(sum(v.counts), 0),"
        " coalesce(sum(v.counts * v.seconds), 0), coalesce(sum(v.counts = 0 AND v.until IS NOT NULL AND "
        "v.forgotten = 0), 0),"
        " coalesce(sum(v.forgotten = 1 AND v.fix_seq IS NULL), 0), coalesce(sum(v.fix_seq IS NOT NULL), 0),"
        " coalesce(sum(v.counts = 1 AND v.proof = 0), 0), CAST(round(avg(v.rating) * 10) AS INTEGER),"
        " coalesce(max(CASE WHEN v.counts THEN v.since END), 0)"
        " FROM resident r LEFT JOIN dwelling d ON d.id = r.dwelling LEFT JOIN grid g ON g.id = d.grid"
        " LEFT JOIN visit v ON v.resident = r.id AND v.since >= ?1 AND v.since < ?2"
        " WHERE r.retired = 0 OR v.n IS NOT NULL GROUP BY r.id ORDER BY g.code, r.code";

static uint64_t plan_of(const Beds *b, int64_t agreed)
{
        uint64_t year = agreed == VISITS_NONE ? 0
                        : agreed              ? (uint64_t)agreed
                                              : b->ctl->config.policy.visits_year;

        return (uint64_t)llround((double)year * b->year);
}

static void number_cell(char ret[24], uint64_t n)
{
        (void)snprintf(ret, 24, "%" PRIu64, n); /* 20 digits at most */
}

static bool bed_row(void *userdata, const AuditCell *c)
{
        Beds *b = userdata;
        uint64_t plan = plan_of(b, c[4].number), done = (uint64_t)c[5].number,
                 seconds = (uint64_t)c[6].number;
        char n[7][24], hours[24], share[24] = "", rating[24] = "", last[20] = "", name[64];

        number_cell(n[0], plan);
        number_cell(n[1], done);
        number_cell(n[2], plan > done ? plan - done : 0);
        for (size_t i = 0; i < 4; i++)
                number_cell(n[3 + i], (uint64_t)c[7 + i].number);
        (void)snprintf(hours, sizeof(hours), "%.2f", (double)seconds / 3600);
        if (plan)
                (void)snprintf(share, sizeof(share), "%.1f", 100.0 * (double)done / (double)plan);
        if (!c[11].null)
                (void)snprintf(rating, sizeof(rating), "%.1f", (double)c[11].number / 10);
        if (c[12].number)
                clock_format_local(c[12].number, last);
        sheet_row(b->sheet, (const char *[]){c[0].text,
                                    name_shown(b->ctl, c[1].null ? "" : c[1].text, name, sizeof(name)),
                                    c[2].null ? "" : c[2].text, c[3].null ? "" : c[3].text, n[0], n[1],
                                    hours, share, n[2], n[3], n[4], n[5], n[6], rating, last});
        b->beds++;
        b->served += done > 0;
        b->plan += plan;
        b->done += done;
        b->seconds += seconds;
        b->forgotten += (uint64_t)c[8].number;
        b->unproved += (uint64_t)c[10].number;
        return true;
}

static bool number_row(void *userdata, const AuditCell *c)
{
        *(int64_t *)userdata = c[0].null ? 0 : c[0].number;
        return false;
}

static int64_t count(Audit *audit, const char *text, int64_t from_us, int64_t to_us)
{
        const AuditCell args[] = {{.number = from_us}, {.number = to_us}};
        int64_t n = 0;

        return audit_query(audit, text, args, 2, number_row, &n) == 0 ? n : 0;
}

static void notes(const Beds *b, Audit *audit, int64_t from_us, int64_t to_us)
{
        const Policy *p = &b->ctl->config.policy;
        int64_t open =
                count(audit, "SELECT count(*) FROM visit WHERE since >= ?1 AND since < ?2 AND until IS NULL",
                        from_us, to_us);
        int64_t together = count(audit,
                "SELECT count(*) FROM visit a WHERE a.since >= ?1 AND a.since < ?2 AND a.counts = 1 AND "
                "EXISTS"
                " (SELECT 1 FROM visit b WHERE b.resident = a.resident AND b.n < a.n AND b.counts = 1"
                " AND b.until > a.since AND b.since < a.until)",
                from_us, to_us);

        report_note(b->report,
                "共 %" PRIu64 " 张床位，%" PRIu64 " 张有计次上门；计划 %" PRIu64 " 次，计次 %" PRIu64
                " 次，%.1f 小时。每次须满 %" PRIu64 " 分钟且由本人签离才计次。",
                b->beds, b->served, b->plan, b->done, (double)b->seconds / 3600,
                (uint64_t)(p->visit_min_us / USEC_PER_MIN));
        report_note(b->report,
                "未签离 %" PRIu64 " 次、进行中 %" PRId64
                " 次，均未计次；社区更正须写明理由，更正记录号在明细中。",
                b->forgotten, open);
        report_note(b->report,
                "%" PRIu64 " 次计次上门没有到场凭证（床位码、NFC、定位）；%" PRId64
                " 次与同一床位的另一次上门时间重叠。是否按次补贴由民政部门认定。",
                b->unproved, together);
        report_note(b->report,
                "计划次数取自名册（visits），未写的按每年 %" PRIu32 " 次；不足一年的按时段折算。",
                p->visits_year);
}

int report_visits(const Ctl *ctl, Audit *audit, Report *report, int64_t from_us, int64_t to_us)
{
        const AuditCell args[] = {{.number = from_us}, {.number = to_us}};
        Beds b = {.ctl = ctl,
                .report = report,
                .sheet = &report->sheets[report->n_sheets],
                .year = (double)(to_us - from_us) / (365.0 * (double)USEC_PER_DAY)};
        int r;

        ASSERT(report->n_sheets + 2 <= REPORT_SHEETS_MAX);
        if (b.year > 0.99) /* a year, leap or not */
                b.year = 1;
        sheet_init(b.sheet, bed_columns, sizeof(bed_columns) / sizeof(bed_columns[0]), "床位上门服务");
        report->n_sheets++;
        r = audit_query(audit, sql, args, 2, bed_row, &b);
        if (r == 0) {
                visits_sheet(&report->sheets[report->n_sheets], "上门明细与证明记录");
                r = visits_collect(ctl, audit, &report->sheets[report->n_sheets++], from_us, to_us);
        }
        if (r == 0)
                notes(&b, audit, from_us, to_us);
        return r;
}
