/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Figures of incidents against the standards (TSA, MASCOT; SEMANTICS.md section 11). */
#include "tools/huyingctl/huyingctl.h"

#define KPI_NEVER INT64_MAX /* answered, arrived: not at all; the worst value there is */

typedef struct KpiGroup {
        uint32_t key;   /* grid or worker id; 0: none */
        unsigned month; /* since the first */
        uint64_t n, tests;                        /* urgent incidents (P1, P2), without tests */
        uint64_t in60, in180, never;              /* answered, from the device's own time where it is known */
        uint64_t arrived15, arrived30, attended;  /* of those that somebody went to */
        uint64_t reopened, false_alarms, resolved, open;
        uint64_t all, faults;                     /* of every priority; device faults */
        int64_t down_ms;                          /* … within the month */
        int64_t fault_ms;                         /* how long devices were faulty: somebody unprotected */
        int64_t *accept_ms;                       /* n values, KPI_NEVER for never; sorted by kpi_collect() */
        int64_t *arrive_ms;                       /* n_arrive values, sorted */
        int64_t *receipt_ms;                      /* n_receipt values: the device has its receipt; sorted */
        size_t n_arrive, n_receipt, cap;
} KpiGroup;

typedef enum KpiBy { KPI_BY_ALL, KPI_BY_GRID, KPI_BY_WORKER } KpiBy;

typedef struct Kpi {
        KpiGroup *groups; /* by month, then key */
        unsigned n, cap;
        const int64_t *months; /* beginnings, n_months + 1 of them */
        unsigned n_months;
        KpiBy by;
        int64_t now_us;
} Kpi;

/* months: n_months + 1 beginnings, the last one is the end. 0 or a negative errno. */
int kpi_collect(Audit *, KpiBy, const int64_t *months, unsigned n_months, Kpi *ret);
void kpi_free(Kpi *);
/* Numbers of the first and the last incident that was opened in this time; 0 and -1 when there is none. */
int kpi_range(Audit *, bool closed, int64_t from_us, int64_t to_us, int64_t *ret_first, int64_t *ret_last);
/* Of sorted values; KPI_NEVER when it falls on one that never was. Nearest rank; n = 0: -1. */
int64_t kpi_percentile(const int64_t *sorted, size_t n, double percent);
/* "37.5" seconds, "∞", "". */
void kpi_seconds(int64_t ms, char ret[24]);
/* "97.5", "" without any. */
void kpi_share(uint64_t part, uint64_t of, char ret[16]);
/* What every table of groups has, in percent: answered within 60 and 180 s, there within 15 and 30 minutes, false alarms. */
typedef struct KpiShares {
        char in60[16], in180[16], arrived15[16], arrived30[16], false_alarms[16];
        char fault_hours[24];
} KpiShares;
KpiShares kpi_shares(const KpiGroup *);
/* Devices in use, and of them those that have shown no test in the 35 days before a time, by grid. */
#define KPI_OVERDUE_DAYS 35
typedef struct KpiDevices {
        struct {
                uint64_t devices, overdue;
        } all, *grids; /* by grid id */
        uint32_t cap;
} KpiDevices;
int kpi_devices(Audit *, int64_t at_us, KpiDevices *ret);
void kpi_devices_free(KpiDevices *);

typedef struct KpiCanary {
        uint64_t arrived, due;
        int64_t p50_ms, p99_ms; /* round the whole way; -1: none */
} KpiCanary;
int kpi_canary(Audit *, uint64_t every_us, int64_t from_us, int64_t to_us, KpiCanary *ret);
/* Hours without protection of each resident in a period, as a sheet. */
struct Sheet;
int kpi_residents(const Ctl *, Audit *, int64_t from_us, int64_t to_us, struct Sheet *ret);
