/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kpi: who was answered in time.
 *
 * Urgent incidents (P1 and P2, no tests) count. "Answered" is the first acceptance by a human being, from the
 * device's own time where it said a plausible one, else from receiving. An incident that nobody has accepted counts
 * as infinite in every share and percentile, whether it is closed or still open: else the worst would vanish from the
 * figures. One that is open for less than 180 s is not judged yet.
 */
#include "tools/huyingctl/kpi.h"
#include "tools/huyingctl/filter.h"
#include "tools/huyingctl/sheet.h"

#include "base/assert.h"
#include "base/str.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MONTHS_MAX   36u
#define JUDGED_US    (180 * (int64_t)USEC_PER_SEC)

typedef struct Row {
        int64_t opened_us, accept_ms, arrive_ms, resolve_ms, receipt_ms; /* KPI_NEVER: not */
        uint32_t key;
        Class class;
        unsigned priority;
        bool reopened, test, open, false_alarm;
} Row;

static KpiGroup *group_of(Kpi *k, unsigned month, uint32_t key)
{
        unsigned at = 0, end = k->n;

        while (at < end) { /* the first that is not before it */
                unsigned middle = at + (end - at) / 2;
                const KpiGroup *g = &k->groups[middle];

                if (g->month < month || (g->month == month && g->key < key))
                        at = middle + 1;
                else
                        end = middle;
        }
        if (at < k->n && k->groups[at].month == month && k->groups[at].key == key)
                return &k->groups[at];
        if (k->n == k->cap) {
                k->cap = k->cap ? 2 * k->cap : 64;
                k->groups = realloc(k->groups, k->cap * sizeof(KpiGroup));
                ASSERT(k->groups);
        }
        memmove(&k->groups[at + 1], &k->groups[at], (k->n - at) * sizeof(KpiGroup));
        k->n++;
        k->groups[at] = (KpiGroup){.key = key, .month = month};
        return &k->groups[at];
}

static void group_values(KpiGroup *g, const Row *r)
{
        if (g->n == g->cap) {
                g->cap = g->cap ? 2 * g->cap : 64;
                g->accept_ms = realloc(g->accept_ms, g->cap * sizeof(int64_t));
                g->arrive_ms = realloc(g->arrive_ms, g->cap * sizeof(int64_t));
                g->receipt_ms = realloc(g->receipt_ms, g->cap * sizeof(int64_t));
                ASSERT(g->accept_ms && g->arrive_ms && g->receipt_ms);
        }
        g->accept_ms[g->n++] = r->accept_ms;
        if (r->arrive_ms != KPI_NEVER)
                g->arrive_ms[g->n_arrive++] = r->arrive_ms;
        if (r->receipt_ms != KPI_NEVER) /* no device asked for one, or it is not closed yet */
                g->receipt_ms[g->n_receipt++] = r->receipt_ms;
}

/* A fault may last into later months. */
static void row_down(Kpi *k, const Row *r)
{
        int64_t end = r->resolve_ms != KPI_NEVER ? r->opened_us + r->resolve_ms * 1000 : k->now_us;

        for (unsigned m = 0; m < k->n_months; m++) {
                int64_t from = r->opened_us > k->months[m] ? r->opened_us : k->months[m];
                int64_t to = end < k->months[m + 1] ? end : k->months[m + 1];

                if (to > from)
                        group_of(k, m, k->by == KPI_BY_ALL ? 0 : r->key)->down_ms += (to - from) / 1000;
        }
}

static void row_count(Kpi *k, const Row *r)
{
        unsigned month = 0;
        KpiGroup *g;

        while (month + 1 < k->n_months && r->opened_us >= k->months[month + 1])
                month++;
        g = group_of(k, month, k->by == KPI_BY_ALL ? 0 : r->key);
        if (r->test) {
                g->tests++;
                return;
        }
        g->all++;
        if (r->class == CLASS_FAULT) {
                row_down(k, r);
                g = group_of(k, month, k->by == KPI_BY_ALL ? 0 : r->key); /* they may have moved */
                g->faults++;
                g->fault_ms +=
                        r->resolve_ms != KPI_NEVER ? r->resolve_ms : (k->now_us - r->opened_us) / 1000;
        }
        if (r->priority > 2 ||
                (r->open && r->accept_ms == KPI_NEVER && k->now_us - r->opened_us < JUDGED_US))
                return;
        group_values(g, r);
        g->in60 += r->accept_ms <= 60000;
        g->in180 += r->accept_ms <= 180000;
        g->never += r->accept_ms == KPI_NEVER;
        g->arrived15 += r->arrive_ms <= 900000;
        g->arrived30 += r->arrive_ms <= 1800000;
        g->attended += r->arrive_ms != KPI_NEVER;
        g->reopened += r->reopened;
        g->resolved += r->resolve_ms != KPI_NEVER;
        g->false_alarms += r->false_alarm;
        g->open += r->open;
}

static int64_t or_never(const AuditCell *cell)
{
        return cell->null ? KPI_NEVER : cell->number;
}

/* A fault from before the first month: only how long it lasts on. */
static bool on_earlier(void *userdata, const AuditCell *c)
{
        const Row r = {.opened_us = c[0].number, .key = (uint32_t)c[1].number, .resolve_ms = or_never(&c[2])};

        row_down(userdata, &r);
        return true;
}

static bool on_row(void *userdata, const AuditCell *c)
{
        Row r = {.opened_us = c[0].number,
                .key = (uint32_t)c[1].number,
                .class = (Class)c[2].number,
                .priority = (unsigned)c[3].number,
                .accept_ms = or_never(&c[4]),
                .arrive_ms = or_never(&c[5]),
                .resolve_ms = or_never(&c[6]),
                .reopened = c[7].number > 0,
                .test = c[8].number != 0,
                .open = c[9].number != 0,
                .false_alarm = c[10].number != 0,
                .receipt_ms = or_never(&c[11])};

        row_count(userdata, &r);
        return true;
}

static int by_value(const void *a, const void *b)
{
        const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

        return (x > y) - (x < y);
}

static bool range_row(void *userdata, const AuditCell *cells)
{
        int64_t *range = userdata;

        if (!cells[0].null) {
                range[0] = cells[0].number;
                range[1] = cells[1].number;
        }
        return false;
}

int kpi_range(
        Audit *audit, bool closed, int64_t from_us, int64_t to_us, int64_t *ret_first, int64_t *ret_last)
{
        const AuditCell args[] = {{.number = from_us}, {.number = to_us}};
        int64_t range[2] = {0, -1};
        int r = audit_query(audit,
                closed ? "SELECT min(incident), max(incident) FROM kpi INDEXED BY kpi_opened"
                         " WHERE opened >= ?1 AND opened < ?2"
                       : "SELECT min(id), max(id) FROM incident INDEXED BY incident_opened"
                         " WHERE opened >= ?1 AND opened < ?2",
                args, 2, range_row, range);

        *ret_first = range[0];
        *ret_last = range[1];
        return r;
}

int kpi_collect(Audit *audit, KpiBy by, const int64_t *months, unsigned n_months, Kpi *ret)
{
        Kpi k = {.months = months, .n_months = n_months, .by = by, .now_us = clock_now().wall_us};
        const AuditCell args[] = {{.number = months[0]}, {.number = months[n_months]}};
        const char *key = by == KPI_BY_WORKER ? "owner" : "grid";
        char closed[768], open[768], earlier[768];
        int64_t first = 0, last = 0;
        int r;

        (void)snprintf(closed, sizeof(closed),
                "SELECT opened, %s, class, priority, accept_ms + coalesce(device_ms, 0), arrive_ms, "
                "resolve_ms, reopened,"
                " test, 0, outcome = 'false_alarm', receipt_ms FROM kpi"
                " WHERE incident BETWEEN ?1 AND ?2 AND opened >= ?3 AND opened < ?4",
                key);
        (void)snprintf(open, sizeof(open),
                "SELECT opened, %s, class, priority, (accepted - opened) / 1000, (arrived - opened) / 1000,"
                " (resolved - opened) / 1000, round > 1, 0, 1, outcome = 'false_alarm', NULL"
                " FROM incident INDEXED BY incident_open WHERE closed IS NULL AND opened >= ?1 AND opened < "
                "?2",
                key);
        (void)snprintf(earlier, sizeof(earlier),
                "SELECT opened, %s, resolve_ms FROM kpi INDEXED BY kpi_fault WHERE class = 8 AND test = 0 AND opened < ?1"
                " AND opened + resolve_ms * 1000 > ?1 UNION ALL SELECT opened, %s, (resolved - opened) / 1000 FROM"
                " incident INDEXED BY incident_open WHERE closed IS NULL AND class = 8 AND opened < ?1",
                key, key);
        r = kpi_range(audit, true, months[0], months[n_months], &first, &last);
        audit_spell(audit, false);
        if (r == 0 && last >= first)
                r = audit_query_slices(audit, closed, (uint64_t)first, (uint64_t)last, args, 2, on_row, &k);
        if (r == 0)
                r = audit_query(audit, open, args, 2, on_row, &k);
        if (r == 0)
                r = audit_query(audit, earlier, args, 1, on_earlier, &k);
        audit_spell(audit, true);
        for (unsigned i = 0; i < k.n; i++) {
                KpiGroup *g = &k.groups[i];

                if (g->n > 0)
                        qsort(g->accept_ms, g->n, sizeof(int64_t), by_value);
                if (g->n_arrive > 0)
                        qsort(g->arrive_ms, g->n_arrive, sizeof(int64_t), by_value);
                if (g->n_receipt > 0)
                        qsort(g->receipt_ms, g->n_receipt, sizeof(int64_t), by_value);
        }
        *ret = k;
        return r;
}

void kpi_free(Kpi *k)
{
        for (unsigned i = 0; i < k->n; i++) {
                free(k->groups[i].accept_ms);
                free(k->groups[i].arrive_ms);
                free(k->groups[i].receipt_ms);
        }
        free(k->groups);
        *k = (Kpi){0};
}

int64_t kpi_percentile(const int64_t *sorted, size_t n, double percent)
{
        size_t rank;

        if (n == 0)
                return -1;
        rank = (size_t)(percent / 100 * (double)n);
        if ((double)rank < percent / 100 * (double)n)
                rank++; /* nearest rank: the smallest value that covers the share */
        return sorted[rank > 0 ? rank - 1 : 0];
}

void kpi_seconds(int64_t ms, char ret[24])
{
        Str s = {.p = ret, .cap = 24};

        ret[0] = 0;
        if (ms == KPI_NEVER)
                str_add(&s, "∞");
        else if (ms >= 0)
                str_addf(&s, "%.1f", (double)ms / 1000);
}

void kpi_share(uint64_t part, uint64_t of, char ret[16])
{
        Str s = {.p = ret, .cap = 16};

        ret[0] = 0;
        if (of > 0)
                str_addf(&s, "%.1f", 100 * (double)part / (double)of);
}

KpiShares kpi_shares(const KpiGroup *g)
{
        KpiShares s;

        kpi_share(g->in60, g->n, s.in60);
        kpi_share(g->in180, g->n, s.in180);
        kpi_share(g->arrived15, g->n, s.arrived15);
        kpi_share(g->arrived30, g->n, s.arrived30);
        kpi_share(g->false_alarms, g->resolved, s.false_alarms);
        (void)snprintf(s.fault_hours, sizeof(s.fault_hours), "%.1f", (double)g->fault_ms / 3600000);
        return s;
}

/* ---- the verb ---- */

static const SheetColumn columns[] = {{"month", "月份", "MONTH", false}, {"who", "对象", "WHO", false},
        {"urgent", "紧急件", "URGENT", true}, {"in_60s", "60秒接单%", "IN 60 S", true},
        {"in_180s", "180秒接单%", "IN 180 S", true}, {"never", "无人接单", "NEVER", true},
        {"p50_s", "中位秒", "P50", true}, {"p90_s", "P90秒", "P90", true},
        {"p97_5_s", "P97.5秒", "P97.5", true}, {"p99_s", "P99秒", "P99", true},
        {"in_15min", "15分到达%", "IN 15 MIN", true}, {"in_30min", "30分到达%", "IN 30 MIN", true},
        {"not_attended", "未到场", "NOT ATTENDED", true}, {"reopened", "重开", "REOPENED", true},
        {"false_alarm", "误报%", "FALSE", true}, {"open", "未结", "OPEN", true},
        {"all", "全部件", "ALL", true}, {"faults", "设备故障", "FAULTS", true},
        {"unprotected_h", "失护小时", "UNPROTECTED H", true}, {"devices", "设备", "DEVICES", true},
        {"available", "设备可用%", "AVAILABLE", true}, {"tests_overdue", "测试逾期", "TESTS OVERDUE", true},
        {"canary", "自检成功%", "CANARY", true}, {"canary_p50_s", "自检中位秒", "CANARY P50", true},
        {"canary_p99_s", "自检P99秒", "CANARY P99", true},
        {"receipt_p50_ms", "回执中位毫秒", "RECEIPT P50 MS", true},
        {"receipt_p99_ms", "回执P99毫秒", "RECEIPT P99 MS", true}};

static bool name_row(void *userdata, const AuditCell *cells)
{
        (void)str_copy(userdata, CODE_SIZE, cells[0].null ? "" : cells[0].text); /* a code fits */
        return false;
}

typedef struct Care {
        char devices[24], available[16], overdue[24], canary[16], p50[24], p99[24];
} Care;

/* Devices as they are in the registry today; the canary is the whole gateway's. */
static void care_fill(const Ctl *ctl, Audit *audit, const Kpi *k, const KpiGroup *g, const KpiDevices *d, Care *ret)
{
        int64_t from = k->months[g->month], to = k->months[g->month + 1];
        bool here = k->by == KPI_BY_GRID && g->key < d->cap;
        uint64_t devices = here ? d->grids[g->key].devices : k->by == KPI_BY_ALL ? d->all.devices : 0;
        double all = (double)devices * (double)((to < k->now_us ? to : k->now_us) - from) / 1000;
        KpiCanary c;

        *ret = (Care){0};
        if (devices) {
                (void)snprintf(ret->devices, sizeof(ret->devices), "%" PRIu64, devices);
                if (all > 0)
                        (void)snprintf(ret->available, sizeof(ret->available), "%.2f",
                                100 - 100 * (double)g->down_ms / all);
                if (to > k->now_us)
                        (void)snprintf(ret->overdue, sizeof(ret->overdue), "%" PRIu64,
                                here ? d->grids[g->key].overdue : d->all.overdue);
        }
        if (k->by != KPI_BY_ALL || kpi_canary(audit, ctl->config.canary_us, from, to, &c) < 0 || !c.due)
                return;
        kpi_share(c.arrived, c.due, ret->canary);
        kpi_seconds(c.p50_ms, ret->p50);
        kpi_seconds(c.p99_ms, ret->p99);
}

static void milliseconds(int64_t ms, char ret[24])
{
        ret[0] = '\0';
        if (ms >= 0)
                (void)snprintf(ret, 24, "%" PRId64, ms);
}

static void kpi_row(const Ctl *ctl, Audit *audit, const Kpi *k, const KpiGroup *g, const KpiDevices *d, Sheet *sheet)
{
        static const double percents[] = {50, 90, 97.5, 99};
        const AuditCell id = {.number = g->key};
        char month[20], who[CODE_SIZE] = "", n[9][24], p[4][24], r50[24], r99[24];
        const KpiShares shares = kpi_shares(g);
        const uint64_t numbers[] = {
                g->n, g->never, g->n - g->attended, g->reopened, g->open, g->all, g->faults};
        Care care;

        clock_format_local(k->months[g->month], month);
        month[7] = 0;
        if (k->by == KPI_BY_GRID)
                (void)audit_query(audit, "SELECT code FROM grid WHERE id = ?1", &id, 1, name_row, who);
        else if (k->by == KPI_BY_WORKER)
                (void)audit_query(audit, "SELECT code FROM worker WHERE id = ?1", &id, 1, name_row, who);
        if (!who[0])
                (void)str_copy(who, sizeof(who), k->by == KPI_BY_ALL ? "全部" : "-"); /* fits */
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
                (void)snprintf(n[i], sizeof(n[i]), "%" PRIu64, numbers[i]);
        for (size_t i = 0; i < 4; i++)
                kpi_seconds(kpi_percentile(g->accept_ms, g->n, percents[i]), p[i]);
        milliseconds(kpi_percentile(g->receipt_ms, g->n_receipt, 50), r50);
        milliseconds(kpi_percentile(g->receipt_ms, g->n_receipt, 99), r99);
        care_fill(ctl, audit, k, g, d, &care);
        sheet_row(sheet, (const char *[]){month, who, n[0], shares.in60, shares.in180, n[1], p[0], p[1], p[2],
                                 p[3], shares.arrived15, shares.arrived30, n[2], n[3], shares.false_alarms, n[4],
                                 n[5], n[6], shares.fault_hours, care.devices, care.available, care.overdue, care.canary, care.p50, care.p99, r50, r99});
}

/* The months asked for: one, or the last twelve. */
static Exit months_get(const Ctl *ctl, int64_t months[MONTHS_MAX + 1], unsigned *ret_n)
{
        const char *month = ctl->option[OPTION_MONTH];
        int64_t from, to;
        char text[20];
        unsigned n = month ? 1 : 12;

        if (ctl->option[OPTION_SINCE] && !month) {
                if (!time_parse(ctl->option[OPTION_SINCE], &from)) {
                        complain("时间写作 2026-11-01", "not a time: %s", ctl->option[OPTION_SINCE]);
                        return EXIT_USAGE;
                }
                n = MONTHS_MAX;
        }
        clock_format_local(clock_now().wall_us, text);
        text[7] = 0;
        if (!month_parse(month ? month : text, &from, &to)) {
                complain("月份写作 2026-11", "not a month: %s", month);
                return EXIT_USAGE;
        }
        months[n] = to;
        for (unsigned i = n; i-- > 0; from = months[i] - 1) {
                clock_format_local(i + 1 == n ? from : months[i + 1] - 1, text);
                text[7] = 0;
                if (!month_parse(text, &months[i], &to))
                        return EXIT_ERROR;
        }
        *ret_n = n;
        return EXIT_OK;
}

/* Names of residents are asked for like anybody's. */
static Exit residents(Ctl *ctl, Audit *audit, const int64_t *months, unsigned n)
{
        int64_t now = clock_now().wall_us, to = months[n] < now ? months[n] : now;
        Sheet sheet;
        Exit e = unmask(ctl, "kpi", "");
        int r;

        if (e != EXIT_OK)
                return e;
        r = kpi_residents(ctl, audit, months[0], to, &sheet);
        if (r < 0)
                complain("读不了记录", "%s", strerror(-r));
        e = r < 0 ? EXIT_ERROR : sheet_print(ctl, &sheet);
        sheet_deinit(&sheet);
        return e;
}

int verb_kpi(Ctl *ctl, int argc, char **argv)
{
        _cleanup_(audit_freep) Audit *audit = NULL;
        const char *by = ctl->option[OPTION_BY];
        int64_t months[MONTHS_MAX + 1];
        KpiDevices devices = {0};
        unsigned n = 0;
        Sheet sheet;
        Kpi kpi;
        Exit e;
        int r;

        if (by && !str_equal(by, "grid") && !str_equal(by, "worker") && !str_equal(by, "resident")) {
                complain("--by grid、worker 或 resident", "--by grid, worker or resident: %s", by);
                return EXIT_USAGE;
        }
        e = months_get(ctl, months, &n);
        if (e == EXIT_OK)
                e = journal_open(ctl, &audit);
        if (e != EXIT_OK)
                return e;
        if (by && by[0] == 'r')
                return residents(ctl, audit, months, n);
        (void)kpi_devices(audit, clock_now().wall_us, &devices); /* else: no device is known */
        r = kpi_collect(audit,
                !by            ? KPI_BY_ALL
                : by[0] == 'g' ? KPI_BY_GRID
                               : KPI_BY_WORKER,
                months, n, &kpi);
        sheet_init(&sheet, columns, sizeof(columns) / sizeof(columns[0]), "");
        for (unsigned i = 0; i < kpi.n; i++)
                kpi_row(ctl, audit, &kpi, &kpi.groups[i], &devices, &sheet);
        if (r < 0)
                complain("读不了记录", "%s", strerror(-r));
        e = r < 0 ? EXIT_ERROR : sheet_print(ctl, &sheet);
        if (e == EXIT_OK && !ctl->json && !ctl->option[OPTION_CSV] && !ctl->option[OPTION_JSONL]) {
                (void)puts("标准 standards: 60 秒接单 ≥ 97.5%，180 秒 ≥ 99%；15 分到达 ≥ 90%，30 分 "
                           "100%；无人接单计为无穷大");
                (void)printf("%d 天内没有测试记录的设备 devices without a test on record: %" PRIu64 "/%" PRIu64 "\n",
                        KPI_OVERDUE_DAYS, devices.all.overdue, devices.all.devices);
        }
        kpi_devices_free(&devices);
        sheet_deinit(&sheet);
        kpi_free(&kpi);
        return e;
}
