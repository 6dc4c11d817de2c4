/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Figures of what protects people: devices that work, tests that were made, the canary, hours without protection.
 *
 * A resident is unprotected while every device with which he can call (his own, or of his dwelling) is in a fault: from
 * the fault's opening to its end. How long a device had been silent before it was missed is not in it.
 *
 * The canary's success is the share of its intervals in which one arrived, while this boot lasted: an interval in which
 * the gateway was stopped counts as missed, because nobody was protected then either.
 */
#include "tools/huyingctl/kpi.h"
#include "tools/huyingctl/sheet.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/str.h"

/* Devices, and those not tried, by grid */

static bool device_row(void *userdata, const AuditCell *c)
{
        KpiDevices *d = userdata;
        uint32_t grid = (uint32_t)c[0].number;

        if (grid >= d->cap) {
                uint32_t cap = grid + 16;

                d->grids = realloc(d->grids, cap * sizeof(d->grids[0]));
                ASSERT(d->grids);
                memset(d->grids + d->cap, 0, (cap - d->cap) * sizeof(d->grids[0]));
                d->cap = cap;
        }
        d->grids[grid].devices += (uint64_t)c[1].number;
        d->grids[grid].overdue += (uint64_t)(c[1].number - c[2].number);
        d->all.devices += (uint64_t)c[1].number;
        d->all.overdue += (uint64_t)(c[1].number - c[2].number);
        return true;
}

int kpi_devices(Audit *audit, int64_t at_us, KpiDevices *ret)
{
        const AuditCell args[] = {
                {.number = at_us - KPI_OVERDUE_DAYS * (int64_t)USEC_PER_DAY}, {.number = at_us}};

        *ret = (KpiDevices){0};
        return audit_query(audit,
                "SELECT coalesce(h.grid, e.grid, 0), count(*), sum(EXISTS (SELECT 1 FROM journal j INDEXED "
                "BY"
                " journal_test WHERE j.kind = 60 AND j.device = v.id AND j.t >= ?1 AND j.t < ?2))"
                " FROM device v LEFT JOIN dwelling h ON h.id = v.dwelling LEFT JOIN resident r ON r.id = "
                "v.resident"
                " LEFT JOIN dwelling e ON e.id = r.dwelling WHERE v.retired = 0 GROUP BY 1",
                args, 2, device_row, ret);
}

void kpi_devices_free(KpiDevices *d)
{
        free(d->grids);
        *d = (KpiDevices){0};
}

/* The canary */

typedef struct Flights {
        uint64_t every_us, n, due, home;
        int64_t *ms; /* of each */
        size_t cap;
        int64_t tb_us, boot;
} Flights;

static bool flight_row(void *userdata, const AuditCell *c)
{
        Flights *f = userdata;
        int64_t tb = c[0].number, boot = c[1].number;

        if (f->n > 0 && boot == f->boot && f->every_us)
                f->due += (uint64_t)llround(fmax(1, (double)(tb - f->tb_us) / (double)f->every_us));
        else
                f->due++;
        f->tb_us = tb;
        f->boot = boot;
        if (f->n == f->cap) {
                f->cap = f->cap ? 2 * f->cap : 256;
                f->ms = realloc(f->ms, f->cap * sizeof(int64_t));
                ASSERT(f->ms);
        }
        f->ms[f->n++] = c[2].null ? KPI_NEVER : c[2].number;
        f->home += !c[2].null;
        return true;
}

static int by_value(const void *a, const void *b)
{
        const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

        return (x > y) - (x < y);
}

int kpi_canary(Audit *audit, uint64_t every_us, int64_t from_us, int64_t to_us, KpiCanary *ret)
{
        const AuditCell args[] = {{.number = from_us}, {.number = to_us}};
        Flights f = {.every_us = every_us};
        int r = audit_query(audit,
                "SELECT tb, boot, body->>'$.total_ms' FROM journal INDEXED BY journal_canary WHERE kind = 62"
                " AND t >= ?1 AND t < ?2 AND json_valid(body) ORDER BY t",
                args, 2, flight_row, &f);

        if (f.n > 0)
                qsort(f.ms, f.n, sizeof(int64_t), by_value);
        ASSERT(JOURNAL_CANARY == 62); /* the number in the text, and in the index */
        *ret = (KpiCanary){.arrived = f.home,
                .due = f.due,
                .p50_ms = kpi_percentile(f.ms, f.n, 50),
                .p99_ms = kpi_percentile(f.ms, f.n, 99)};
        free(f.ms);
        return r;
}

/* Residents */

static const SheetColumn resident_columns[] = {{"resident", "老人", "RESIDENT", false},
        {"resident_name", "姓名", "NAME", false}, {"grid", "网格", "GRID", false},
        {"devices", "可呼叫设备", "DEVICES", true}, {"faults", "故障次数", "FAULTS", true},
        {"unprotected_h", "失护小时", "UNPROTECTED H", true}, {"protected", "受护率(%)", "PROTECTED", true}};

typedef struct Edge {
        int64_t at_us;
        int step; /* a device fails +1, works again -1 */
} Edge;

typedef struct Person {
        char code[CODE_SIZE], name[128], grid[CODE_SIZE];
        uint64_t devices, faults;
        Edge *edges;
        size_t n, cap;
        int64_t id;
} Person;

typedef struct People {
        const Ctl *ctl;
        Sheet *sheet;
        Person now;
        int64_t from_us, to_us;
        int64_t device; /* intervals of one device are made one where they overlap */
        int64_t down_from, down_to;
} People;

static int by_time(const void *a, const void *b)
{
        const Edge *x = a, *y = b;

        return x->at_us != y->at_us ? (x->at_us > y->at_us) - (x->at_us < y->at_us) : x->step - y->step;
}

static void edge_add(Person *p, int64_t at_us, int step)
{
        if (p->n == p->cap) {
                p->cap = p->cap ? 2 * p->cap : 16;
                p->edges = realloc(p->edges, p->cap * sizeof(Edge));
                ASSERT(p->edges);
        }
        p->edges[p->n++] = (Edge){at_us, step};
}

static void device_end(People *l)
{
        if (l->down_to > l->down_from) {
                edge_add(&l->now, l->down_from, 1);
                edge_add(&l->now, l->down_to, -1);
        }
        l->down_from = l->down_to = 0;
        l->device = 0;
}

/* Time in which all of them are down. */
static int64_t unprotected_us(Person *p)
{
        int64_t since = 0, total = 0, down = 0;

        qsort(p->edges, p->n, sizeof(Edge), by_time);
        for (size_t i = 0; i < p->n; i++) {
                if (down == (int64_t)p->devices)
                        total += p->edges[i].at_us - since;
                down += p->edges[i].step;
                since = p->edges[i].at_us;
        }
        return total;
}

static void person_end(People *l)
{
        Person *p = &l->now;
        char devices[24], faults[24], hours[24] = "", share[24] = "", name[128];
        int64_t us;

        if (!p->id)
                return;
        device_end(l);
        us = p->devices && p->n ? unprotected_us(p) : 0;
        (void)snprintf(devices, sizeof(devices), "%" PRIu64, p->devices);
        (void)snprintf(faults, sizeof(faults), "%" PRIu64, p->faults);
        if (p->devices) {
                (void)snprintf(hours, sizeof(hours), "%.1f", (double)us / 3.6e9);
                (void)snprintf(share, sizeof(share), "%.2f",
                        100.0 - 100.0 * (double)us / (double)(l->to_us - l->from_us));
        }
        sheet_row(l->sheet, (const char *[]){p->code, name_shown(l->ctl, p->name, name, sizeof(name)),
                                    p->grid, devices, faults, hours, share});
        free(p->edges);
        *p = (Person){0};
}

/* Rows by resident, then device, then time; a device without a fault has one without times. */
static bool person_row(void *userdata, const AuditCell *c)
{
        People *l = userdata;
        int64_t from = c[5].null ? 0 : c[5].number, to = c[6].null ? l->to_us : c[6].number;

        if (c[0].number != l->now.id) {
                person_end(l);
                l->now.id = c[0].number;
                (void)str_copy(l->now.code, sizeof(l->now.code), c[1].null ? "" : c[1].text); /* a code */
                (void)str_copy(
                        l->now.name, sizeof(l->now.name), c[2].null ? "" : c[2].text); /* cut is fine */
                (void)str_copy(l->now.grid, sizeof(l->now.grid), c[3].null ? "" : c[3].text); /* a code */
        }
        if (!c[4].null && c[4].number != l->device) {
                device_end(l);
                l->device = c[4].number;
                l->now.devices++;
        }
        if (c[5].null)
                return true;
        l->now.faults++;
        from = from < l->from_us ? l->from_us : from;
        to = to > l->to_us ? l->to_us : to;
        if (l->down_to && from <= l->down_to) {
                l->down_to = to > l->down_to ? to : l->down_to;
                return true;
        }
        if (l->down_to > l->down_from) {
                edge_add(&l->now, l->down_from, 1);
                edge_add(&l->now, l->down_to, -1);
        }
        l->down_from = from;
        l->down_to = to;
        return true;
}

int kpi_residents(const Ctl *ctl, Audit *audit, int64_t from_us, int64_t to_us, Sheet *ret)
{
        const AuditCell args[] = {{.number = from_us}, {.number = to_us}};
        People l = {.ctl = ctl, .sheet = ret, .from_us = from_us, .to_us = to_us};
        int r;

        sheet_init(ret, resident_columns, sizeof(resident_columns) / sizeof(resident_columns[0]), "");
        r = audit_query(audit,
                "WITH fault(device, a, b) AS (SELECT i.device, i.opened, CASE WHEN k.incident IS NOT NULL"
                " THEN k.opened + k.resolve_ms * 1000 ELSE i.resolved END FROM incident i LEFT JOIN kpi k"
                " ON k.incident = i.id WHERE i.class = 8 AND i.device <> 0 AND i.opened < ?2)"
                " SELECT r.id, r.code, r.name, g.code, v.id, f.a, f.b FROM resident r"
                " LEFT JOIN dwelling d ON d.id = r.dwelling LEFT JOIN grid g ON g.id = d.grid"
                " LEFT JOIN device v ON v.retired = 0 AND v.class IN ('button', 'pendant', 'wristband')"
                " AND (v.resident = r.id OR (v.resident = 0 AND v.dwelling = r.dwelling))"
                " LEFT JOIN fault f ON f.device = v.id AND (f.b IS NULL OR f.b > ?1)"
                " WHERE r.retired = 0 ORDER BY r.id, v.id, f.a",
                args, 2, person_row, &l);
        person_end(&l);
        return r;
}
