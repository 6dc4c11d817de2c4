/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report: the forms that the bureau asks for. 日登记 (each case of a day), 周汇总 and 月上报 (figures of each grid, what is
 * not closed, devices), in four formats under StateDirectory/reports, and what the report could not know.
 *
 * "Overdue": not answered within 60 s. Satisfaction and the class (易, 重, 难) are columns that only requests fill; for an
 * alarm nothing records them: they stay empty, and the report says so.
 */
#include "tools/huyingctl/report.h"
#include "tools/huyingctl/filter.h"
#include "tools/huyingctl/kpi.h"
#include "store/proof.h"

#include "base/assert.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

typedef enum ReportKind { REPORT_DAY, REPORT_WEEK, REPORT_MONTH, REPORT_VISITS } ReportKind;

typedef struct Work {
        Ctl *ctl;
        Audit *audit;
        Report *report;
        ReportKind kind;
        int64_t from_us, to_us;
        uint64_t days[REPORT_BARS_MAX]; /* cases of each day */
} Work;

static Sheet *sheet_add(Report *rp, const SheetColumn *columns, size_t n, const char *title)
{
        Sheet *s = &rp->sheets[rp->n_sheets++];

        ASSERT(rp->n_sheets <= REPORT_SHEETS_MAX);
        sheet_init(s, columns, (unsigned)n, title);
        return s;
}

void report_note(Report *rp, const char *fmt, ...)
{
        va_list ap;

        if (rp->n_notes == REPORT_NOTES_MAX)
                return;
        va_start(ap, fmt);
        (void)vsnprintf(rp->notes[rp->n_notes++], sizeof(rp->notes[0]), fmt, ap); /* cut is fine */
        va_end(ap);
}

static const char *text_cell(const AuditCell *cell)
{
        return cell->null ? "" : cell->text;
}

static bool number_row(void *userdata, const AuditCell *cells)
{
        *(int64_t *)userdata = cells[0].null ? 0 : cells[0].number;
        return false;
}

static int64_t number(Work *w, const char *sql)
{
        const AuditCell args[] = {{.number = w->from_us}, {.number = w->to_us}};
        int64_t n = 0;

        return audit_query(w->audit, sql, args, 2, number_row, &n) == 0 ? n : 0;
}

/* ---- cases ---- */

static const SheetColumn case_columns[] = {{"n", "序号", "N", true},
        {"incident", "警情编号", "INCIDENT", true}, {"time", "时间", "TIME", false},
        {"source", "来源", "SOURCE", false}, {"resident", "老人", "RESIDENT", false},
        {"address", "住址", "ADDRESS", false}, {"grid", "网格", "GRID", false},
        {"class", "类别(易/重/难)", "CLASS", false}, {"what", "内容", "WHAT", false},
        {"owner", "接单人", "OWNER", false}, {"accept_s", "接单用时(秒)", "ACCEPT S", true},
        {"arrive_s", "到达用时(秒)", "ARRIVE S", true}, {"done", "处置", "DONE", false},
        {"outcome", "结果", "OUTCOME", false}, {"satisfaction", "满意度", "SATISFACTION", false},
        {"note", "备注", "NOTE", false}};

#define CASE_COLUMNS (sizeof(case_columns) / sizeof(case_columns[0]))

static const char case_sql[] =
        "SELECT i.id, i.opened, i.class, i.priority, i.state, i.source, r.name, d.address, g.name, w.name, "
        "i.outcome,"
        " CASE WHEN k.incident IS NULL THEN (i.accepted - i.opened) / 1000 ELSE k.accept_ms + "
        "coalesce(k.device_ms, 0) END,"
        " CASE WHEN k.incident IS NULL THEN (i.arrived - i.opened) / 1000 ELSE k.arrive_ms END,"
        " k.test, coalesce(k.reopened, 0), coalesce(k.tiers, i.tier), v.class"
        " FROM incident i LEFT JOIN kpi k ON k.incident = i.id LEFT JOIN resident r ON r.id = i.resident"
        " LEFT JOIN dwelling d ON d.id = i.dwelling LEFT JOIN grid g ON g.id = i.grid"
        " LEFT JOIN worker w ON w.id = coalesce(k.owner, i.owner) LEFT JOIN device v ON v.id = i.device"
        " WHERE i.id BETWEEN ?1 AND ?2 AND i.opened >= ?3 AND i.opened < ?4";

static const char *source_zh(const AuditCell *word)
{
        DeviceClass class;

        if (word->null || !device_class_parse(word->text, &class))
                return "其他";
        switch (class) {
        case DEVICE_BUTTON:
        case DEVICE_PENDANT: return "呼叫";
        case DEVICE_SMOKE: return "烟感";
        case DEVICE_GAS: return "燃气";
        case DEVICE_WRISTBAND: return "手环";
        case DEVICE_SENSOR: return "感应";
        case DEVICE_GATEWAY:
        case DEVICE_CLASS_MAX: break;
        }
        return "其他";
}

static const char *outcome_zh(const char *word)
{
        static const char *const words[][2] = {{"helped", "已帮助"}, {"hospital", "送医"},
                {"fire_service", "消防处置"}, {"false_alarm", "误报"}, {"no_help_needed", "无需帮助"},
                {"device_fault", "设备故障"}, {"other", "其他"}, {"done", "已办完"}, {"not_accepted", "不受理"}};

        if (str_starts(word, "rated_"))
                return "已办完";

        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (str_equal(word, words[i][0]))
                        return words[i][1];
        return word;
}

static const char *request_zh(Class class)
{
        const char *word = request_class_word(class);

        return str_equal(word, "easy") ? "易" : str_equal(word, "key") ? "重" : str_equal(word, "hard") ? "难" : "";
}

static bool case_row(void *userdata, const AuditCell *c)
{
        Work *w = userdata;
        Sheet *s = &w->report->sheets[0];
        char n[24], when[20], accept[24], arrive[24], resident[64], owner[64], remark[96] = "";
        Str text = STR_BUFFER(remark);
        State state = (State)c[4].number;
        bool request = request_zh((Class)c[2].number)[0] != '\0';

        (void)snprintf(n, sizeof(n), "%zu", s->n_rows + 1);
        clock_format_local(c[1].number, when);
        kpi_seconds(c[11].null ? -1 : c[11].number, accept);
        kpi_seconds(c[12].null ? -1 : c[12].number, arrive);
        if (!c[13].null && c[13].number)
                str_add(&text, "测试 ");
        if (c[14].number > 0)
                str_addf(&text, "重开%" PRId64 "次 ", c[14].number);
        if (c[11].null)
                str_add(&text, "无人接单 ");
        else if (c[11].number > 60000 && c[3].number <= 2)
                str_add(&text, "超时 ");
        if (c[15].number >= (request ? 2 : 4))
                str_add(&text, "已上呼街道以上");
        sheet_row(
                s, (const char *[]){n, c[0].text, when, request ? "诉求" : source_zh(&c[16]),
                           name_shown(w->ctl, text_cell(&c[6]), resident, sizeof(resident)),
                           text_cell(&c[7]), text_cell(&c[8]), request_zh((Class)c[2].number),
                           class_zh(class_word((Class)c[2].number)),
                           name_shown(w->ctl, text_cell(&c[9]), owner, sizeof(owner)), accept, arrive,
                           state_zh(state_word(state)), outcome_zh(text_cell(&c[10])),
                           str_starts(text_cell(&c[10]), "rated_") ? c[10].text + 6 : "", remark});
        return true;
}

static int cases(Work *w, const char *title, bool open_only)
{
        const AuditCell args[] = {{.number = w->from_us}, {.number = w->to_us}};
        char sql[2048];
        int64_t first, last;
        int r = kpi_range(w->audit, false, w->from_us, w->to_us, &first, &last);

        (void)sheet_add(w->report, case_columns, CASE_COLUMNS, title);
        (void)snprintf(sql, sizeof(sql), "%s%s ORDER BY i.id", case_sql,
                open_only ? " AND i.state BETWEEN 1 AND 3" : "");
        if (r < 0 || last < first)
                return r;
        return audit_query_slices(w->audit, sql, (uint64_t)first, (uint64_t)last, args, 2, case_row, w);
}

/* ---- grids ---- */

static const SheetColumn grid_columns[] = {{"grid", "网格", "GRID", false}, {"all", "受理", "ALL", true},
        {"closed", "办结", "CLOSED", true}, {"urgent", "紧急件", "URGENT", true},
        {"overdue", "超时", "OVERDUE", true}, {"never", "无人接单", "NEVER", true},
        {"p50_s", "接单中位(秒)", "P50", true}, {"p90_s", "接单P90(秒)", "P90", true},
        {"p97_5_s", "接单P97.5(秒)", "P97.5", true}, {"in_60s", "60秒内(%)", "IN 60 S", true},
        {"in_180s", "180秒内(%)", "IN 180 S", true}, {"in_15min", "15分钟到达(%)", "IN 15 MIN", true},
        {"in_30min", "30分钟到达(%)", "IN 30 MIN", true}, {"false_alarm", "误报率(%)", "FALSE", true},
        {"reopened", "重开", "REOPENED", true}, {"faults", "设备故障", "FAULTS", true},
        {"unprotected_h", "失护小时", "UNPROTECTED H", true}, {"tests", "测试", "TESTS", true}};

#define GRID_COLUMNS (sizeof(grid_columns) / sizeof(grid_columns[0]))

static bool name_row(void *userdata, const AuditCell *cells)
{
        (void)str_copy(userdata, 64, text_cell(&cells[0])); /* cut is fine */
        return false;
}

static void grid_row(Work *w, const KpiGroup *g, const char *name, Sheet *s)
{
        const uint64_t numbers[] = {
                g->all, g->all - g->open, g->n, g->n - g->in60, g->never, g->reopened, g->faults, g->tests};
        char n[8][24], p50[24], p90[24], p97[24];
        const KpiShares shares = kpi_shares(g);

        for (size_t i = 0; i < 8; i++)
                (void)snprintf(n[i], sizeof(n[i]), "%" PRIu64, numbers[i]);
        kpi_seconds(kpi_percentile(g->accept_ms, g->n, 50), p50);
        kpi_seconds(kpi_percentile(g->accept_ms, g->n, 90), p90);
        kpi_seconds(kpi_percentile(g->accept_ms, g->n, 97.5), p97);
        sheet_row(s, (const char *[]){name, n[0], n[1], n[2], n[3], n[4], p50, p90, p97, shares.in60,
                             shares.in180, shares.arrived15, shares.arrived30, shares.false_alarms, n[5], n[6],
                             shares.fault_hours, n[7]});
}

static ReportChart *chart_add(Report *rp, const char *title, double standard, const char *unit)
{
        ReportChart *c = &rp->charts[rp->n_charts++];

        *c = (ReportChart){.standard = standard, .unit = unit};
        (void)str_copy(c->title, sizeof(c->title), title); /* fits */
        return c;
}

static int grids(Work *w)
{
        const int64_t months[] = {w->from_us, w->to_us};
        Sheet *s = sheet_add(w->report, grid_columns, GRID_COLUMNS, "各网格汇总");
        ReportChart *c = chart_add(w->report, "各网格 60 秒内接单（%）", 97.5, "%");
        Kpi all, kpi;
        int r = kpi_collect(w->audit, KPI_BY_GRID, months, 1, &kpi);

        for (unsigned i = 0; i < kpi.n; i++) {
                const AuditCell id = {.number = kpi.groups[i].key};
                char name[64] = "";

                (void)audit_query(w->audit, "SELECT name FROM grid WHERE id = ?1", &id, 1, name_row, name);
                grid_row(w, &kpi.groups[i], name[0] ? name : "未定", s);
                if (c->n < REPORT_BARS_MAX) {
                        ReportBar *b = &c->bars[c->n++];

                        (void)str_copy(
                                b->label, sizeof(b->label), name[0] ? name : "未定"); /* cut is fine */
                        b->value = kpi.groups[i].n ? round(1000.0 * (double)kpi.groups[i].in60 /
                                                             (double)kpi.groups[i].n) /
                                                             10
                                                   : NAN;
                }
        }
        kpi_free(&kpi);
        if (r == 0)
                r = kpi_collect(w->audit, KPI_BY_ALL, months, 1, &all);
        if (r == 0 && all.n > 0)
                grid_row(w, &all.groups[0], "合计", s);
        if (r == 0)
                kpi_free(&all);
        return r;
}

static bool day_row(void *userdata, const AuditCell *c)
{
        Work *w = userdata;
        int64_t day = (c[0].number - w->from_us) / (int64_t)USEC_PER_DAY;

        if (day >= 0 && day < REPORT_BARS_MAX)
                w->days[day]++;
        return true;
}

static int days(Work *w)
{
        const AuditCell args[] = {{.number = w->from_us}, {.number = w->to_us}};
        ReportChart *c = chart_add(w->report, "每日受理件数", NAN, "");
        int64_t first, last;
        int r = kpi_range(w->audit, false, w->from_us, w->to_us, &first, &last);

        audit_spell(w->audit, false);
        if (r == 0 && last >= first)
                r = audit_query_slices(w->audit,
                        "SELECT opened FROM incident WHERE id BETWEEN ?1 AND ?2 AND opened >= ?3 AND opened "
                        "< ?4",
                        (uint64_t)first, (uint64_t)last, args, 2, day_row, w);
        audit_spell(w->audit, true);
        for (int64_t day = 0; w->from_us + day * (int64_t)USEC_PER_DAY < w->to_us && day < REPORT_BARS_MAX;
                day++) {
                char text[20];

                clock_format_local(w->from_us + day * (int64_t)USEC_PER_DAY, text);
                c->bars[c->n].value = (double)w->days[day];
                (void)str_copyn(c->bars[c->n++].label, sizeof(c->bars[0].label), text + 5, 5); /* MM-DD */
        }
        return r;
}

/* ---- devices ---- */

static const SheetColumn device_columns[] = {{"what", "项目", "WHAT", false},
        {"value", "数值", "VALUE", true}, {"unit", "单位", "UNIT", false}, {"how", "口径", "HOW", false}};

static void fact(Sheet *s, const char *what, const char *unit, const char *how, double value)
{
        char text[32];

        (void)snprintf(text, sizeof(text), "%.1f", value);
        sheet_row(s, (const char *[]){what, isnan(value) ? "" : text, unit, how});
}

/* By rows of the journal: what a rating says is erased with it. */
#define IN_PERIOD                                                                                           \
        " t >= ?1 AND t < ?2 AND seq >= coalesce((SELECT first_seq FROM day WHERE day >= ?1 / 86400000000 - 1 LIMIT 1), 0)"

static void requests(Work *w, Sheet *s)
{
        int64_t ratings = number(w, "SELECT count(*) FROM journal WHERE kind = 82 AND body->>'$.score' > 0 AND" IN_PERIOD);
        int64_t good = number(w, "SELECT count(*) FROM journal WHERE kind = 82 AND body->>'$.score' >= 3 AND" IN_PERIOD);

        fact(s, "诉求受理", "件", "按键与登记的诉求（民呼必应）",
                (double)number(w, "SELECT count(*) FROM incident WHERE \"group\" = 6 AND opened >= ?1 AND opened < ?2"));
        fact(s, "诉求办结", "件", "其中已回访评价",
                (double)number(w, "SELECT count(*) FROM incident WHERE \"group\" = 6 AND outcome LIKE 'rated%'"
                                  " AND opened >= ?1 AND opened < ?2"));
        fact(s, "诉求不受理", "件", "其中有理由不受理",
                (double)number(w, "SELECT count(*) FROM incident WHERE \"group\" = 6 AND outcome = 'not_accepted'"
                                  " AND opened >= ?1 AND opened < ?2"));
        fact(s, "诉求超时", "件", "时段内因超时上报一级",
                (double)number(w, "SELECT count(DISTINCT incident) FROM journal WHERE kind = 21 AND body->>'$.reason' IN"
                                  " ('level_late', 'assign_late') AND" IN_PERIOD));
        fact(s, "满意度", "%", ratings ? "时段内诉求回访评价 3 分及以上" : "未采集",
                ratings ? 100.0 * (double)good / (double)ratings : NAN);
}

static void devices(Work *w)
{
        Sheet *s = sheet_add(w->report, device_columns, 4, "设备与时限");
        KpiDevices known;
        KpiCanary canary;
        uint64_t count, overdue;
        double hours = (double)(w->to_us - w->from_us) / 3.6e9, faulty;

        (void)kpi_devices(w->audit, w->to_us, &known); /* zero devices when it fails */
        count = known.all.devices;
        overdue = known.all.overdue;
        kpi_devices_free(&known);
        faulty =
                (double)number(w, "SELECT coalesce(sum(coalesce(resolve_ms, 0)), 0) FROM kpi WHERE class = 8"
                                  " AND opened >= ?1 AND opened < ?2") /
                3.6e6;
        fact(s, "在册设备", "台", "名册中在用", (double)count);
        fact(s, "在线率", "%", "1 - 故障小时 / (设备 × 时段小时)",
                count ? 100 * (1 - faulty / ((double)count * hours)) : NAN);
        fact(s, "月度测试完成率", "%", "35 天内有测试记录的设备",
                count ? 100.0 * (double)(count - overdue) / (double)count : NAN);
        if (kpi_canary(w->audit, w->ctl->config.canary_us, w->from_us, w->to_us, &canary) == 0) {
                fact(s, "端到端自检成功率", "%", "按自检周期，自检报警到达并落盘的比例",
                        canary.due ? 100.0 * (double)canary.arrived / (double)canary.due : NAN);
                fact(s, "端到端自检 P99", "秒", "发出到落盘",
                        canary.p99_ms < 0 || canary.p99_ms == KPI_NEVER ? NAN : (double)canary.p99_ms / 1000);
        }
        fact(s, "上门服务计次", "次", "满时长且签离，明细见上门服务报告",
                (double)number(w, "SELECT count(*) FROM visit WHERE counts = 1 AND since >= ?1 AND since < ?2"));
        fact(s, "上门服务时长", "小时", "计次的上门",
                (double)number(w, "SELECT coalesce(sum(seconds), 0) FROM visit WHERE counts = 1 AND since >= ?1"
                                  " AND since < ?2") / 3600);
        fact(s, "低电工单", "件", "电量低警情",
                (double)number(w,
                        "SELECT count(*) FROM incident WHERE class = 9 AND opened >= ?1 AND opened < ?2"));
        fact(s, "上呼街道、区", "件", "呼叫到第四级以上",
                (double)number(
                        w, "SELECT count(*) FROM kpi WHERE tiers >= 4 AND opened >= ?1 AND opened < ?2"));
        fact(s, "两日办结率", "%", "立案两日内办结",
                100.0 *
                        (double)number(w, "SELECT sum(resolve_ms <= 172800000) FROM kpi WHERE opened >= ?1 "
                                          "AND opened < ?2") /
                        (double)number(
                                w, "SELECT count(*) FROM incident WHERE opened >= ?1 AND opened < ?2"));
        requests(w, s);
}

/* ---- what it stands on ---- */

static void notes_journal(Work *w)
{
        int64_t storage = number(w,
                /* the end of an old day's readings is a row of this kind too, and no fault */
                "SELECT count(*) FROM journal WHERE kind = 6 AND json_extract(body, '$.readings') IS NULL"
                " AND t >= ?1 AND t < ?2 AND seq >="
                " coalesce((SELECT first_seq FROM day WHERE day >= ?1 / 86400000000 - 1 LIMIT 1), 0)");
        int64_t starts = number(w,
                "SELECT count(*) FROM journal WHERE kind = 1 AND t >= ?1 AND t < ?2 AND seq >="
                " coalesce((SELECT first_seq FROM day WHERE day >= ?1 / 86400000000 - 1 LIMIT 1), 0)");
        int64_t doubtful = number(w,
                "SELECT count(*) FROM journal WHERE tq = 0 AND t >= ?1 AND t < ?2 AND seq >="
                " coalesce((SELECT first_seq FROM day WHERE day >= ?1 / 86400000000 - 1 LIMIT 1), 0)");
        int64_t erased = number(w,
                "SELECT count(*) FROM journal WHERE body IS NULL AND t >= ?1 AND t < ?2 AND seq >="
                " coalesce((SELECT first_seq FROM day WHERE day >= ?1 / 86400000000 - 1 LIMIT 1), 0)");

        report_note(w->report,
                "数据取自台账（散列链），未接单的一律按无穷大计入时限与百分位。网关停机期间发生而设"
                "备没有重发的呼叫，台账里没有。");
        report_note(w->report,
                "时段内网关启动 %" PRId64 " 次，存储降级 %" PRId64 " 次，时钟不可信的记录 %" PRId64
                " 条，依法删除内容的记录 %" PRId64 " 条。",
                starts, storage, doubtful, erased);
        report_note(w->report, "满意度、易/重/难只有诉求采集，报警的留空；电话与走访未登记的不在其中。");
        report_note(w->report, "没有心跳的设备（不报在线）是否完好，只有月度测试能说明。");
}

static void notes(Work *w)
{
        char checkpoint[NOTE_SIZE];

        if (w->kind != REPORT_VISITS) /* a year's rows are not looked through for it */
                notes_journal(w);
        if (proof_checkpoint(w->audit, 0, checkpoint)) {
                for (char *p = checkpoint; *p; p++)
                        if (*p == '\n' && (strchr(p, ' ') == p + 1 || p[1] == '\n')) {
                                *p = 0; /* the signature is for machines */
                                break;
                        }
                for (char *p = checkpoint; *p; p++)
                        if (*p == '\n')
                                *p = ' ';
                report_note(w->report, "生成时的签名检查点：%.200s。核对：huyingctl verify --checkpoint。",
                        checkpoint);
        }
        if (!w->ctl->unmasked)
                report_note(w->report, "姓名已脱敏；--unmask 须写明身份与理由，并记入台账。");
}

/* ---- the verb ---- */

static bool period_get(Work *w, const char *when)
{
        char text[20];
        int64_t before = clock_now().wall_us - (int64_t)USEC_PER_DAY;

        /* The last one that is over. */
        clock_format_local(before, text);
        text[10] = 0;
        switch (w->kind) {
        case REPORT_DAY: return day_parse(when ? when : text, &w->from_us, &w->to_us);
        case REPORT_WEEK:
                if (when)
                        return week_parse(when, &w->from_us, &w->to_us);
                clock_format_local(clock_now().wall_us - 7 * (int64_t)USEC_PER_DAY, text);
                text[10] = 0;
                return week_parse(text, &w->from_us, &w->to_us);
        case REPORT_MONTH:
                if (when)
                        return month_parse(when, &w->from_us, &w->to_us);
                clock_format_local(clock_now().wall_us, text);
                text[7] = 0;
                if (!month_parse(text, &w->from_us, &w->to_us))
                        return false;
                clock_format_local(w->from_us - 1, text);
                text[7] = 0;
                return month_parse(text, &w->from_us, &w->to_us);
        case REPORT_VISITS:
                clock_format_local(clock_now().wall_us, text);
                text[4] = 0;
                return year_parse(when ? when : text, &w->from_us, &w->to_us) ||
                       (when && month_parse(when, &w->from_us, &w->to_us));
        }
        return false;
}

static int fill(Work *w)
{
        static const char *const titles[] = {"日登记", "周汇总", "月上报", "上门服务"};
        Report *rp = w->report;
        char from[20], to[20];
        int r = 0;

        clock_format_local(w->from_us, from);
        clock_format_local(w->to_us - 1, to);
        from[10] = to[10] = 0;
        (void)snprintf(rp->title, sizeof(rp->title), "呼应 家庭养老床位 %s", titles[w->kind]);
        (void)snprintf(rp->period, sizeof(rp->period), "%s 至 %s%s", from, to,
                w->to_us > clock_now().wall_us ? "（未完，截至生成时）" : "");
        (void)str_copy(rp->site, sizeof(rp->site), w->ctl->config.site); /* cut is fine */
        clock_format_local(clock_now().wall_us, rp->made);
        switch (w->kind) {
        case REPORT_DAY: r = cases(w, "日登记", false); break;
        case REPORT_VISITS: r = report_visits(w->ctl, w->audit, rp, w->from_us, w->to_us); break;
        case REPORT_WEEK:
        case REPORT_MONTH:
                r = days(w);
                if (r == 0)
                        r = grids(w);
                break;
        }
        if (r == 0 && w->kind == REPORT_MONTH)
                devices(w);
        notes(w);
        return r;
}

/* Cases that are not closed go behind the figures; case_row() writes into the first sheet. */
static int unclosed(Work *w)
{
        Report extra = {.n_sheets = 0}, *main_report = w->report;
        int r;

        w->report = &extra;
        r = cases(w, "未闭环清单", true);
        w->report = main_report;
        ASSERT(main_report->n_sheets < REPORT_SHEETS_MAX);
        main_report->sheets[main_report->n_sheets++] = extra.sheets[0];
        return r;
}

static Exit save(const Work *w, const char *name)
{
        static const struct {
                const char *format;
                int (*write)(const Report *, const char *);
        } formats[] = {
                {"xlsx", report_xlsx}, {"csv", report_csv}, {"jsonl", report_jsonl}, {"html", report_html}};
        const char *only = w->ctl->option[OPTION_FORMAT], *output = w->ctl->option[OPTION_OUTPUT];
        char folder[2048], path[4096];
        bool any = false;

        (void)snprintf(folder, sizeof(folder), "%s/reports", w->ctl->config.state_directory);
        if (output && !str_copy(folder, sizeof(folder), output)) {
                complain("文件夹名太长", "the folder's name is too long");
                return EXIT_ERROR;
        }
        if (mkdir(folder, 0750) < 0 && errno != EEXIST) {
                complain("建不了文件夹", "%s: %s", folder, strerror(errno));
                return EXIT_ERROR;
        }
        for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
                char temporary[4200];
                int r;

                if (only && !str_equal(only, formats[i].format))
                        continue;
                any = true;
                (void)snprintf(path, sizeof(path), "%s/%s.%s", folder, name, formats[i].format);
                (void)snprintf(temporary, sizeof(temporary), "%s.new", path);
                r = formats[i].write(w->report, temporary);
                if (r == 0 && rename(temporary, path) < 0)
                        r = -errno;
                if (r < 0) {
                        complain("写不了报告", "%s: %s", path, strerror(-r));
                        return EXIT_ERROR;
                }
                (void)puts(path);
        }
        if (!any)
                complain("没有这种格式", "--format xlsx, csv, jsonl or html: %s", only);
        return any ? EXIT_OK : EXIT_USAGE;
}

static int by_name(const struct dirent *e)
{
        return e->d_name[0] != '.' && !strstr(e->d_name, ".new");
}

static Exit list(const Ctl *ctl)
{
        struct dirent **entries;
        char folder[2048];
        int n;

        (void)snprintf(folder, sizeof(folder), "%s/reports", ctl->config.state_directory);
        n = scandir(folder, &entries, by_name, alphasort);
        if (n <= 0) {
                (void)puts("还没有报告 / no reports yet");
                return n < 0 && errno != ENOENT ? EXIT_ERROR : EXIT_OK;
        }
        for (int i = 0; i < n; i++) {
                (void)printf("%s/%s\n", folder, entries[i]->d_name);
                free(entries[i]);
        }
        free(entries);
        return EXIT_OK;
}

int verb_report(Ctl *ctl, int argc, char **argv)
{
        static const char *const words[] = {"day", "week", "month", "visits"};
        _cleanup_(audit_freep) Audit *audit = NULL;
        Report report = {.n_sheets = 0};
        Work w = {.ctl = ctl, .report = &report};
        char name[64], from[20];
        unsigned kind = 0;
        Exit e;
        int r;

        if (str_equal(argv[1], "list"))
                return list(ctl);
        while (kind < 4 && !str_equal(argv[1], words[kind]))
                kind++;
        w.kind = (ReportKind)kind;
        if (kind == 4 || !period_get(&w, argc > 2 ? argv[2] : NULL)) {
                complain("用法", "usage: report day|week [YYYY-MM-DD], report month [YYYY-MM], report visits "
                        "[YYYY[-MM]], report list");
                return EXIT_USAGE;
        }
        e = journal_open(ctl, &audit);
        if (e == EXIT_OK)
                e = unmask(ctl, "report", "");
        if (e != EXIT_OK)
                return e;
        w.audit = audit;
        r = fill(&w);
        if (r == 0 && (w.kind == REPORT_WEEK || w.kind == REPORT_MONTH))
                r = unclosed(&w);
        clock_format_local(w.from_us, from);
        from[w.kind == REPORT_VISITS && (!argv[2] || strlen(argv[2]) == 4)  ? 4
                : w.kind == REPORT_MONTH || w.kind == REPORT_VISITS ? 7
                                                                    : 10] = 0;
        (void)snprintf(name, sizeof(name), "%s-%s", words[kind], from);
        if (r < 0)
                complain("读不了记录", "%s", strerror(-r));
        e = r < 0 ? EXIT_ERROR : save(&w, name);
        for (unsigned i = 0; i < report.n_sheets; i++)
                sheet_deinit(&report.sheets[i]);
        return e;
}
