/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vitals: one person's readings as a chart of 80 columns.
 *
 * The running gateway is asked, because the newest quarter of an hour is only in its memory, and because it journals who
 * looked. When it is down the files are read as they are; then nobody can write down that somebody looked, and that is
 * said.
 *
 *   130┤- - - - - - - -      dots: from the lowest to the highest of a step, and beside them the mean
 *      │⢠⣄  ⣠⣄              - the person's limits
 *    45┤- - - - - - - -      the last line: = there are readings, ^ v beyond a limit, blank: none came
 *      └==  ==^
 */
#include "tools/huyingctl/filter.h"

#include "base/parse.h"
#include "protocols/codec/view.h"
#include "store/readings-look.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define COLUMNS    72
#define ROWS       5
#define LEVELS     (4 * ROWS)
#define STEP_CHART 1200
#define STEP_JSON  900
#define SPAN_S     86400

typedef struct Curve {
        double min[COLUMNS], mean[COLUMNS], max[COLUMNS]; /* NAN: a gap */
        double low, high;                                 /* limits; NAN: none */
        int64_t from_s, step_s;
        unsigned n; /* steps with readings */
} Curve;

/* ---- where it comes from ---- */

static bool cell_of(void *userdata, uint32_t step, Vital vital, VitalsCell *ret)
{
        return series_step(userdata, step, vital, &ret->min, &ret->mean, &ret->max);
}

static bool id_row(void *userdata, const AuditCell *cells)
{
        *(int64_t *)userdata = cells[0].number;
        return false;
}

/* From the files alone. */
static Exit read_files(
        const Ctl *ctl, const char *person, int64_t from_s, int64_t to_s, uint32_t step_s, char **ret_json)
{
        _cleanup_(audit_freep) Audit *audit = NULL;
        _cleanup_(registry_unrefp) Registry *registry = NULL;
        _cleanup_(freep) Series *series = NULL;
        _cleanup_(freep) char *json = malloc(VIEW_JSON_MAX);
        const Resident *r;
        int64_t id = 0;
        size_t n;
        Exit e = journal_open(ctl, &audit);

        if (e != EXIT_OK || !json)
                return e != EXIT_OK ? e : EXIT_ERROR;
        if (audit_registry(audit, &registry) != 0)
                return EXIT_ERROR;
        (void)audit_query(audit, "SELECT id FROM resident WHERE code = ?1 ORDER BY retired, id DESC LIMIT 1",
                &(AuditCell){.text = person, .n = strlen(person)}, 1, id_row, &id); /* else he is unknown */
        r = registry_resident(registry, (uint32_t)id);                              /* NULL: he has left */
        if (id == 0) {
                complain("没有这位老人", "no such resident: %s", person);
                return EXIT_ERROR;
        }
        series = series_new(from_s, to_s, step_s);
        if (look_all(ctl->config.state_directory, (uint32_t)id, series) < 0) {
                complain("读不了体征文件", "the files of readings cannot be read");
                return EXIT_ERROR;
        }
        if (!vitals_json(&(VitalsView){.resident = person,
                                 .from_s = series->from_s,
                                 .to_s = series->to_s,
                                 .step_s = series->step_s,
                                 .n_steps = series->n_steps,
                                 .hours = series->hours,
                                 .limits = r ? r->limits : NULL,
                                 .cell = cell_of,
                                 .userdata = series},
                    json, VIEW_JSON_MAX, &n))
                return EXIT_ERROR;
        *ret_json = TAKE_PTR(json);
        complain("网关没有运行：最近一刻钟可能不全，这次查看没有记录",
                "the gateway does not run: the last quarter of an hour may be missing, and this look is not "
                "journaled");
        return EXIT_OK;
}

static Exit fetch(
        Ctl *ctl, const char *person, int64_t from_s, int64_t to_s, uint32_t step_s, char **ret_json)
{
        const char *role = ctl->option[OPTION_ROLE] ? ctl->option[OPTION_ROLE] : "operator",
                   *reason = ctl->option[OPTION_REASON] ? ctl->option[OPTION_REASON] : "";
        char result[32] = "", text[128] = "";

        switch (bus_call(ctl, ret_json, "Vitals", "sxxuss", person, from_s, to_s, step_s, role, reason)) {
        case BUS_OK: break;
        case BUS_DOWN: return read_files(ctl, person, from_s, to_s, step_s, ret_json);
        case BUS_FAILED: return EXIT_ERROR;
        }
        if (!json_text(*ret_json, strlen(*ret_json), "$.result", result, sizeof(result)))
                return EXIT_OK;
        (void)json_text(
                *ret_json, strlen(*ret_json), "$.text", text, sizeof(text)); /* else it says no more */
        complain("网关拒绝", "the gateway: %s %s", result, text);
        return EXIT_ERROR;
}

/* ---- the chart ---- */

static double number_of(const char *text)
{
        double v = NAN;

        return text && parse_double(text, &v) ? v : NAN;
}

static void on_step(void *userdata, const char *key, const char *const *texts)
{
        Curve *c = userdata;
        int64_t column = ((int64_t)number_of(texts[0]) - c->from_s) / c->step_s;

        if (column < 0 || column >= COLUMNS)
                return;
        c->min[column] = number_of(texts[1]);
        c->mean[column] = number_of(texts[2]);
        c->max[column] = number_of(texts[3]);
        c->n++;
}

static bool curve_read(const char *json, Vital vital, Curve *ret)
{
        static const char *const columns[] = {"$[0]", "$[1]", "$[2]", "$[3]"};
        char path[48];
        size_t size = strlen(json);

        for (unsigned i = 0; i < COLUMNS; i++)
                ret->min[i] = ret->mean[i] = ret->max[i] = NAN;
        ret->low = ret->high = NAN;
        ret->n = 0;
        if (!json_i64(json, size, "$.from", &ret->from_s) || !json_i64(json, size, "$.step", &ret->step_s) ||
                ret->step_s < 1)
                return false;
        (void)snprintf(path, sizeof(path), "$.series.%s", vital_word(vital)); /* fits */
        (void)json_each(json, size, path, columns, 4, on_step, ret);          /* none: an empty curve */
        (void)snprintf(path, sizeof(path), "$.limits.%s[0]", vital_word(vital));
        (void)json_double(json, size, path, &ret->low);
        (void)snprintf(path, sizeof(path), "$.limits.%s[1]", vital_word(vital));
        (void)json_double(json, size, path, &ret->high);
        return ret->n > 0;
}

typedef struct Scale {
        double low, high;
} Scale;

static int level_of(const Scale *s, double v)
{
        int level = (int)floor((v - s->low) / (s->high - s->low) * (LEVELS - 1) + 0.5);

        return level < 0 ? 0 : level >= LEVELS ? LEVELS - 1 : level;
}

/* The person's limits are always in the picture. */
static Scale scale_of(const Curve *c)
{
        Scale s = {INFINITY, -INFINITY};

        for (unsigned i = 0; i < COLUMNS; i++)
                if (!isnan(c->mean[i])) {
                        s.low = fmin(s.low, c->min[i]);
                        s.high = fmax(s.high, c->max[i]);
                }
        s.low = fmin(s.low, isnan(c->low) ? s.low : c->low);
        s.high = fmax(s.high, isnan(c->high) ? s.high : c->high);
        if (s.high - s.low < 1)
                s = (Scale){s.low - 0.5, s.high + 0.5};
        return s;
}

/* A character of 2 × 4 dots: its left column the range, the right one the mean. Row 0 is the lowest. */
static unsigned dots(const Curve *c, const Scale *s, unsigned column, unsigned row)
{
        static const unsigned left[4] = {0x40, 0x04, 0x02, 0x01}, right[4] = {0x80, 0x20, 0x10, 0x08};
        unsigned cell = 0;

        if (isnan(c->mean[column]))
                return 0;
        for (unsigned i = 0; i < 4; i++) {
                int level = (int)(4 * row + i);

                if (level >= level_of(s, c->min[column]) && level <= level_of(s, c->max[column]))
                        cell |= left[i];
                if (level == level_of(s, c->mean[column]))
                        cell |= right[i];
        }
        return cell;
}

static void row_print(const Curve *c, const Scale *s, unsigned row)
{
        int low = isnan(c->low) ? -1 : level_of(s, c->low) / 4,
            high = isnan(c->high) ? -1 : level_of(s, c->high) / 4;
        bool limit = (int)row == low || (int)row == high;

        if (limit)
                (void)printf("%6.4g|", (int)row == high ? c->high : c->low);
        else if (row == 0 || row == ROWS - 1)
                (void)printf("%6.4g|", row == 0 ? s->low : s->high);
        else
                (void)printf("      |");
        for (unsigned i = 0; i < COLUMNS; i++) {
                unsigned cell = dots(c, s, i, row);

                if (cell == 0)
                        (void)putchar(limit ? '-' : ' ');
                else /* U+2800 and the dots, as UTF-8 */
                        (void)printf("\xe2%c%c", (char)(0xa0 | cell >> 6), (char)(0x80 | (cell & 0x3f)));
        }
        (void)putchar('\n');
}

static char mark_of(const Curve *c, unsigned column)
{
        if (isnan(c->mean[column]))
                return ' ';
        if (!isnan(c->high) && c->max[column] > c->high)
                return '^';
        return !isnan(c->low) && c->min[column] < c->low ? 'v' : '=';
}

static void head_print(const Curve *c, Vital vital)
{
        static const char *const names[VITAL_MAX] = {"心率 heart rate /min", "血氧 oxygen saturation %",
                "收缩压 systolic mmHg", "舒张压 diastolic mmHg", "体温 temperature °C",
                "呼吸 respiration /min"};
        double low = INFINITY, high = -INFINITY, sum = 0;

        for (unsigned i = 0; i < COLUMNS; i++)
                if (!isnan(c->mean[i])) {
                        low = fmin(low, c->min[i]);
                        high = fmax(high, c->max[i]);
                        sum += c->mean[i];
                }
        (void)printf("%s  %.4g … %.4g … %.4g", names[vital], low, sum / c->n, high);
        if (!isnan(c->low) || !isnan(c->high))
                (void)printf("  限 limits");
        if (!isnan(c->low))
                (void)printf(" ≥%.4g", c->low);
        if (!isnan(c->high))
                (void)printf(" ≤%.4g", c->high);
        (void)putchar('\n');
}

static void curve_print(const Curve *c, Vital vital)
{
        const Scale s = scale_of(c);

        head_print(c, vital);
        for (unsigned row = ROWS; row-- > 0;)
                row_print(c, &s, row);
        (void)printf("      +");
        for (unsigned i = 0; i < COLUMNS; i++)
                (void)putchar(mark_of(c, i));
        (void)printf("\n       ");
        for (unsigned i = 0; i < COLUMNS; i += COLUMNS / 4) {
                char local[20];

                clock_format_local((c->from_s + (int64_t)i * c->step_s) * (int64_t)USEC_PER_SEC, local);
                (void)printf("%-*.5s", COLUMNS / 4, local + 11);
        }
        (void)printf("\n");
}

static void chart_print(const char *json, const char *person, int64_t from_s)
{
        char local[20];
        bool any = false;

        clock_format_local(from_s * (int64_t)USEC_PER_SEC, local);
        (void)printf("%s  %.16s 起 24 小时 / 24 h from there%s\n", person, local,
                json_bool(json, strlen(json), "$.hours") ? "（每小时的最低、平均、最高 / hourly figures）"
                                                         : "");
        for (unsigned v = 0; v < VITAL_MAX; v++) {
                Curve c;

                if (!curve_read(json, (Vital)v, &c))
                        continue;
                curve_print(&c, (Vital)v);
                any = true;
        }
        if (!any)
                (void)puts("没有体征数据 / no readings");
}

int verb_vitals(Ctl *ctl, int argc, char **argv)
{
        _cleanup_(freep) char *json = NULL;
        const char *day = ctl->option[OPTION_DAY];
        uint32_t step_s = ctl->json ? STEP_JSON : STEP_CHART;
        int64_t from_us, to_us;
        Exit e;

        if (day && !day_parse(day, &from_us, &to_us)) {
                complain("日期如 2026-11-28", "a day is as in 2026-11-28: %s", day);
                return EXIT_USAGE;
        }
        if (!day) {
                int64_t grid = (int64_t)step_s * (int64_t)USEC_PER_SEC;

                to_us = (clock_now().wall_us / grid + 1) * grid;
                from_us = to_us - SPAN_S * (int64_t)USEC_PER_SEC;
        }
        e = fetch(
                ctl, argv[1], from_us / (int64_t)USEC_PER_SEC, to_us / (int64_t)USEC_PER_SEC, step_s, &json);
        if (e != EXIT_OK)
                return e;
        if (ctl->json)
                (void)puts(json);
        else
                chart_print(json, argv[1], from_us / (int64_t)USEC_PER_SEC);
        return EXIT_OK;
}
