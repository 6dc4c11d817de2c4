/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder of CSV files → a Registry, or the first error with its place.
 *
 * Four passes, because everything may refer to everything and ids must not move: read all files; give each code
 * its id (the old one, or one never used before); fill in what stands in the row itself; build the index of
 * codes and resolve the references through it. Nothing of a folder with an error is kept.
 */
#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/code-index.h"
#include "store/csv-table.h"
#include "store/registry-build.h"

/* Order of the columns in each table: the enumerations below and the tables of names must agree. */
enum { GRID_GRID, GRID_NAME, GRID_PARENT };
static const CsvColumn grid_columns[] = {{"grid"}, {"name"}, {"parent"}};

enum {
        DWELLING_DWELLING,
        DWELLING_GRID,
        DWELLING_BUILDING,
        DWELLING_FLOOR,
        DWELLING_ADDRESS,
        DWELLING_ACCESS
};
static const CsvColumn dwelling_columns[] = {
        {"dwelling"}, {"grid"}, {"building"}, {"floor"}, {"address"}, {"access", .lines = true}};

enum {
        RESIDENT_RESIDENT,
        RESIDENT_DWELLING,
        RESIDENT_NAME,
        RESIDENT_BIRTH,
        RESIDENT_PHONE,
        RESIDENT_NOTES,
        RESIDENT_LIMITS,
        RESIDENT_VISITS = RESIDENT_LIMITS + 2 * VITAL_MAX
};
static const CsvColumn resident_columns[] = {{"resident"}, {"dwelling"}, {"name"}, {"birth"}, {"phone"},
        {"notes", .lines = true}, /* then two for each Vital, in its order */
        {"hr_min", true}, {"hr_max", true}, {"spo2_min", true}, {"spo2_max", true}, {"sys_min", true},
        {"sys_max", true}, {"dia_min", true}, {"dia_max", true}, {"temp_min", true}, {"temp_max", true},
        {"resp_min", true}, {"resp_max", true}, {"visits", true}};
_Static_assert(
        sizeof(resident_columns) / sizeof(CsvColumn) == RESIDENT_VISITS + 1, "two limits each");

enum { DEVICE_DEVICE, DEVICE_CLASS, DEVICE_PROFILE, DEVICE_DWELLING, DEVICE_RESIDENT, DEVICE_BEAT };
static const CsvColumn device_columns[] = {
        {"device"}, {"class"}, {"profile"}, {"dwelling"}, {"resident"}, {"beat"}};

enum { WORKER_WORKER, WORKER_NAME, WORKER_PHONE, WORKER_ROLE, WORKER_SCOPE, WORKER_CLIENT, WORKER_CHANNELS };
static const CsvColumn worker_columns[] = {
        {"worker"}, {"name"}, {"phone"}, {"role"}, {"scope"}, {"client"}, {"channels", .optional = true}};

enum { DUTY_WORKER, DUTY_DAYS, DUTY_FROM, DUTY_TO, DUTY_VALID_FROM, DUTY_VALID_TO };
static const CsvColumn duty_columns[] = {
        {"worker"}, {"days"}, {"from"}, {"to"}, {"valid_from"}, {"valid_to"}};

enum { OVERRIDE_WORKER, OVERRIDE_FROM, OVERRIDE_TO, OVERRIDE_DUTY, OVERRIDE_INSTEAD };
static const CsvColumn override_columns[] = {{"worker"}, {"from"}, {"to"}, {"duty"}, {"instead"}};

enum { HOLIDAY_DATE, HOLIDAY_DAY };
static const CsvColumn holiday_columns[] = {{"date"}, {"day"}};

enum { RULE_RESIDENT, RULE_RULE, RULE_VALUE };
static const CsvColumn rule_columns[] = {{"resident"}, {"rule"}, {"value"}};

typedef enum TableName {
        TABLE_GRIDS,
        TABLE_DWELLINGS,
        TABLE_RESIDENTS,
        TABLE_DEVICES,
        TABLE_WORKERS,
        TABLE_DUTY,
        TABLE_OVERRIDES,
        TABLE_HOLIDAYS,
        TABLE_RULES,
        TABLE_MAX
} TableName;

#define COLUMNS(c) (c), sizeof(c) / sizeof((c)[0])
static const struct {
        const char *file;
        const CsvColumn *columns;
        unsigned n_columns;
        const char *noun;
} table_specs[TABLE_MAX] = {
        [TABLE_GRIDS] = {"grids.csv", COLUMNS(grid_columns), "grid"},
        [TABLE_DWELLINGS] = {"dwellings.csv", COLUMNS(dwelling_columns), "dwelling"},
        [TABLE_RESIDENTS] = {"residents.csv", COLUMNS(resident_columns), "resident"},
        [TABLE_DEVICES] = {"devices.csv", COLUMNS(device_columns), "device"},
        [TABLE_WORKERS] = {"workers.csv", COLUMNS(worker_columns), "worker"},
        [TABLE_DUTY] = {"duty.csv", COLUMNS(duty_columns), "duty"},
        [TABLE_OVERRIDES] = {"overrides.csv", COLUMNS(override_columns), "override"},
        [TABLE_HOLIDAYS] = {"holidays.csv", COLUMNS(holiday_columns), "holiday"},
        [TABLE_RULES] = {"rules.csv", COLUMNS(rule_columns), "rule"},
};

/* The tables that have codes stand first, in the order of CodeKind. */
_Static_assert((int)TABLE_GRIDS == (int)CODE_GRID && (int)TABLE_DWELLINGS == (int)CODE_DWELLING &&
                       (int)TABLE_RESIDENTS == (int)CODE_RESIDENT &&
                       (int)TABLE_DEVICES == (int)CODE_DEVICE && (int)TABLE_WORKERS == (int)CODE_WORKER &&
                       (int)TABLE_DUTY == (int)CODE_KIND_MAX,
        "one order");

typedef struct Build {
        CsvTable tables[TABLE_MAX];
        uint32_t *ids[CODE_KIND_MAX]; /* by row */
        uint32_t n_ids[CODE_KIND_MAX];
        Registry *registry;
        RegistryError *error;
} Build;

static void build_clear(Build *b)
{
        for (int i = 0; i < TABLE_MAX; i++)
                csv_table_clear(&b->tables[i]);
        for (int i = 0; i < CODE_KIND_MAX; i++)
                free(b->ids[i]);
        b->registry = registry_unref(b->registry);
}

static const char *text(const Build *b, TableName t, size_t row, unsigned column)
{
        return csv_cell(&b->tables[t], row, column)->text;
}

#define FAIL(b, t, row, col, ...)                                                                           \
        csv_error_at((b)->error, (b)->tables[t].file, csv_cell(&(b)->tables[t], (row), (col))->line,        \
                csv_cell(&(b)->tables[t], (row), (col))->column, __VA_ARGS__)

/* Codes and ids */

typedef struct CodeRow {
        const char *code;
        size_t row;
} CodeRow;

static int code_row_compare(const void *a, const void *b)
{
        const CodeRow *x = a, *y = b;
        int c = strcmp(x->code, y->code);

        return c != 0 ? c : (x->row > y->row) - (x->row < y->row);
}

/* The first row, in the order of the file, whose code stood before. */
static int doubles_check(Build *b, TableName t)
{
        size_t n = b->tables[t].n_rows, at = SIZE_MAX, first = 0;
        _cleanup_(freep) CodeRow *rows = calloc(n + 1, sizeof(*rows));

        NEED_MEMORY(rows);
        for (size_t i = 0; i < n; i++)
                rows[i] = (CodeRow){text(b, t, i, 0), i};
        qsort(rows, n, sizeof(*rows), code_row_compare);
        for (size_t i = 1; i < n; i++)
                if (strcmp(rows[i - 1].code, rows[i].code) == 0 && rows[i].row < at) {
                        at = rows[i].row;
                        first = rows[i - 1].row;
                }
        if (at == SIZE_MAX)
                return 0;
        return FAIL(b, t, at, 0, "%s \"%s\" stands here twice, first in line %u", table_specs[t].noun,
                text(b, t, at, 0), csv_cell(&b->tables[t], first, 0)->line);
}

static uint32_t previous_count(const Registry *p, CodeKind kind)
{
        if (!p)
                return 1;
        switch (kind) {
        case CODE_GRID: return p->n_grids;
        case CODE_DWELLING: return p->n_dwellings;
        case CODE_RESIDENT: return p->n_residents;
        case CODE_DEVICE: return p->n_devices;
        case CODE_WORKER: return p->n_workers;
        case CODE_KIND_MAX: break;
        }
        ASSERT(false);
        return 1;
}

static int ids_give(Build *b, TableName t, const Registry *previous)
{
        CodeKind kind = (CodeKind)t;
        uint32_t next = previous_count(previous, kind);
        size_t n = b->tables[t].n_rows;
        int r;

        ASSERT(next >= 1);
        for (size_t i = 0; i < n; i++) {
                const char *code = text(b, t, i, 0);

                if (!*code)
                        return FAIL(b, t, i, 0, "%s: a code is needed", table_specs[t].noun);
                if (!str_code(code))
                        return FAIL(b, t, i, 0,
                                "%s: not a code (1 to 63 bytes of letters, digits and - _ . : or Chinese; "
                                "no spaces / + # \" \\)",
                                table_specs[t].noun);
        }
        r = doubles_check(b, t);
        if (r != 0)
                return r;
        b->ids[kind] = calloc(n + 1, sizeof(uint32_t));
        ASSERT(b->ids[kind]);
        for (size_t i = 0; i < n; i++) {
                uint32_t id = previous ? code_index_find(previous, kind, text(b, t, i, 0)) : 0;

                if (id == 0 && next == REGISTRY_IDS_MAX)
                        return FAIL(b, t, i, 0, "%s: all %u ids have been used", table_specs[t].noun,
                                REGISTRY_IDS_MAX);
                b->ids[kind][i] = id ? id : next++;
        }
        b->n_ids[kind] = next;
        return 0;
}

/* What a cell must be */

static int need(Build *b, TableName t, size_t row, unsigned column)
{
        if (*text(b, t, row, column))
                return 0;
        return FAIL(b, t, row, column, "%s: may not be empty", b->tables[t].columns[column].name);
}

/* An empty cell refers to nothing. */
static int reference(Build *b, TableName t, size_t row, unsigned column, CodeKind kind, uint32_t *ret)
{
        const char *code = text(b, t, row, column);

        *ret = 0;
        if (!*code)
                return 0;
        *ret = code_index_find(b->registry, kind, code);
        if (*ret)
                return 0;
        return FAIL(b, t, row, column, "%s: there is no %s \"%.63s\" in %s",
                b->tables[t].columns[column].name, table_specs[kind].noun, code, table_specs[kind].file);
}

static int date(Build *b, TableName t, size_t row, unsigned column, uint32_t *ret)
{
        *ret = 0;
        if (!*text(b, t, row, column) || parse_date(text(b, t, row, column), ret))
                return 0;
        return FAIL(b, t, row, column, "%s: not a date, YYYY-MM-DD is wanted",
                b->tables[t].columns[column].name);
}

static int limits(Build *b, size_t row, const VitalLimits **ret)
{
        VitalLimits own;

        limits_clear(&own);
        for (unsigned i = 0; i < 2 * VITAL_MAX; i++) {
                unsigned column = RESIDENT_LIMITS + i;
                const char *s = text(b, TABLE_RESIDENTS, row, column);
                double value;

                if (!*s)
                        continue;
                if (!parse_double(s, &value) || value < 0 || value > 1000)
                        return FAIL(b, TABLE_RESIDENTS, row, column,
                                "%s: \"%.20s\" is not a number from 0 to 1000",
                                resident_columns[column].name, s);
                if (i % 2 == 0)
                        own.min[i / 2] = value;
                else
                        own.max[i / 2] = value;
                if (i % 2 == 1 && !limits_sane(&own))
                        return FAIL(b, TABLE_RESIDENTS, row, column, "%s: must be above %s",
                                resident_columns[column].name, resident_columns[column - 1].name);
        }
        *ret = registry_limits(b->registry, &own);
        return 0;
}

/* Duty */

static const char *const day_names[7] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

/* One day at *s (a digit or a name); moves *s. 0 to 7: 7 is Sunday too. */
static bool take_day(const char **s, unsigned *ret)
{
        if (**s >= '0' && **s <= '7') {
                *ret = (unsigned)(**s - '0');
                (*s)++;
                return true;
        }
        for (unsigned i = 0; i < 7; i++)
                if (strncasecmp(*s, day_names[i], 3) == 0) {
                        *ret = i;
                        *s += 3;
                        return true;
                }
        return false;
}

static void skip_blanks(const char **s)
{
        while (**s == ' ')
                (*s)++;
}

/* workdays or holidays at *s; moves *s. 0: neither. */
static uint16_t take_calendar(const char **s)
{
        if (strncasecmp(*s, "workdays", 8) == 0) {
                *s += 8;
                return DUTY_WORKDAYS;
        }
        if (strncasecmp(*s, "holidays", 8) == 0) {
                *s += 8;
                return DUTY_HOLIDAYS;
        }
        return 0;
}

/* registry.h describes the forms. Bit 0 is Sunday. */
static bool parse_days(const char *s, uint16_t *ret)
{
        uint16_t days = 0;

        if (strcasecmp(s, "daily") == 0) {
                *ret = 0x7f;
                return true;
        }
        for (;;) {
                unsigned from, to;
                uint16_t calendar;

                skip_blanks(&s);
                calendar = take_calendar(&s);
                if (calendar) {
                        days |= calendar;
                        skip_blanks(&s);
                        if (!*s)
                                break;
                        if (*s++ != ',')
                                return false;
                        continue;
                }
                if (!take_day(&s, &from))
                        return false;
                to = from;
                skip_blanks(&s);
                if (*s == '-') {
                        s++;
                        skip_blanks(&s);
                        if (!take_day(&s, &to))
                                return false;
                        skip_blanks(&s);
                        if (from == 0 && to == 7)
                                to = 6; /* Sunday to Sunday is the whole week */
                }
                for (unsigned d = from % 7;; d = (d + 1) % 7) {
                        days |= (uint16_t)(1u << d);
                        if (d == to % 7)
                                break;
                }
                if (!*s)
                        break;
                if (*s++ != ',')
                        return false;
        }
        *ret = days;
        return true;
}

static int duty_fill(Build *b, size_t row, Duty *d)
{
        uint32_t from, to;
        int r;

        if (!parse_days(text(b, TABLE_DUTY, row, DUTY_DAYS), &d->days))
                return FAIL(b, TABLE_DUTY, row, DUTY_DAYS,
                        "days: \"%.40s\" is no list of days (1-5, mon-fri, 1,3,5, sat,sun, daily, "
                        "workdays, holidays; 1 is Monday)",
                        text(b, TABLE_DUTY, row, DUTY_DAYS));
        if (!parse_minute(text(b, TABLE_DUTY, row, DUTY_FROM), &from) || from >= 1440)
                return FAIL(b, TABLE_DUTY, row, DUTY_FROM, "from: not a time of day, HH:MM is wanted");
        if (!parse_minute(text(b, TABLE_DUTY, row, DUTY_TO), &to))
                return FAIL(b, TABLE_DUTY, row, DUTY_TO, "to: not a time of day, HH:MM is wanted");
        d->from_minute = (uint16_t)from;
        d->to_minute = (uint16_t)to;
        r = date(b, TABLE_DUTY, row, DUTY_VALID_FROM, &d->valid_from);
        if (r == 0)
                r = date(b, TABLE_DUTY, row, DUTY_VALID_TO, &d->valid_to);
        if (r != 0)
                return r;
        if (d->valid_from && d->valid_to && d->valid_to < d->valid_from)
                return FAIL(b, TABLE_DUTY, row, DUTY_VALID_TO, "valid_to: lies before valid_from");
        r = need(b, TABLE_DUTY, row, DUTY_WORKER);
        return r != 0 ? r : reference(b, TABLE_DUTY, row, DUTY_WORKER, CODE_WORKER, &d->worker);
}

/* Overrides and holidays */

/* "YYYY-MM-DD HH:MM", or a date alone: its first minute, at the end of a time the first one after it. */
static int stamp(Build *b, size_t row, unsigned column, bool end, LocalStamp *ret)
{
        const char *s = text(b, TABLE_OVERRIDES, row, column), *blank = strchr(s, ' ');
        uint32_t day = 0, minute = end ? 1440 : 0;
        char only[16];

        if (!str_copyn(only, sizeof(only), s, blank ? (size_t)(blank - s) : strlen(s)) ||
                !parse_date(only, &day) || (blank && !parse_minute(blank + 1, &minute)))
                return FAIL(b, TABLE_OVERRIDES, row, column,
                        "%s: not a time, YYYY-MM-DD or YYYY-MM-DD HH:MM is wanted",
                        override_columns[column].name);
        *ret = (LocalStamp)day * 1440 + minute;
        return 0;
}

/* One row, and a second one for whoever stands in. */
static int override_fill(Build *b, size_t row, Override *ret, uint32_t *n)
{
        const Registry *r = b->registry;
        const char *duty = text(b, TABLE_OVERRIDES, row, OVERRIDE_DUTY);
        Override o = {.on = strcmp(duty, "on") == 0};
        uint32_t instead;
        int e = need(b, TABLE_OVERRIDES, row, OVERRIDE_WORKER);

        if (e == 0)
                e = reference(b, TABLE_OVERRIDES, row, OVERRIDE_WORKER, CODE_WORKER, &o.worker);
        if (e == 0)
                e = stamp(b, row, OVERRIDE_FROM, false, &o.from);
        if (e == 0)
                e = stamp(b, row, OVERRIDE_TO, true, &o.to);
        if (e == 0)
                e = reference(b, TABLE_OVERRIDES, row, OVERRIDE_INSTEAD, CODE_WORKER, &instead);
        if (e != 0)
                return e;
        if (o.to <= o.from)
                return FAIL(b, TABLE_OVERRIDES, row, OVERRIDE_TO, "to: does not lie after from");
        if (!o.on && strcmp(duty, "off") != 0)
                return FAIL(b, TABLE_OVERRIDES, row, OVERRIDE_DUTY, "duty: \"%.40s\" is neither on nor off",
                        duty);
        if (instead && (instead == o.worker || r->workers[instead].role != r->workers[o.worker].role))
                return FAIL(b, TABLE_OVERRIDES, row, OVERRIDE_INSTEAD,
                        "instead: must be somebody else of the same role (%s), or nobody would be called",
                        role_word(r->workers[o.worker].role));
        ret[(*n)++] = o;
        if (instead)
                ret[(*n)++] = (Override){.worker = instead, .on = !o.on, .from = o.from, .to = o.to};
        return 0;
}

static int holiday_fill(Build *b, size_t row, Holiday *h)
{
        const char *day = text(b, TABLE_HOLIDAYS, row, HOLIDAY_DAY);
        int e = need(b, TABLE_HOLIDAYS, row, HOLIDAY_DATE);

        if (e == 0)
                e = date(b, TABLE_HOLIDAYS, row, HOLIDAY_DATE, &h->date);
        if (e != 0)
                return e;
        h->work = strcmp(day, "work") == 0;
        if (!h->work && strcmp(day, "off") != 0)
                return FAIL(
                        b, TABLE_HOLIDAYS, row, HOLIDAY_DAY, "day: \"%.40s\" is neither off nor work", day);
        for (size_t i = 0; i < row; i++)
                if (b->registry->holidays[i].date == h->date)
                        return FAIL(b, TABLE_HOLIDAYS, row, HOLIDAY_DATE,
                                "date: stands here twice, first in line %u",
                                csv_cell(&b->tables[TABLE_HOLIDAYS], i, 0)->line);
        return 0;
}

/* Rules of persons */

static int rule_fill(Build *b, size_t row, PersonRule *rule)
{
        const char *word = text(b, TABLE_RULES, row, RULE_RULE), *wanted;
        RuleName name;
        int e = need(b, TABLE_RULES, row, RULE_RESIDENT);

        if (e == 0 && strcmp(text(b, TABLE_RULES, row, RULE_RESIDENT), "*") != 0)
                e = reference(b, TABLE_RULES, row, RULE_RESIDENT, CODE_RESIDENT, &rule->resident);
        if (e != 0)
                return e;
        if (!rule_parse(word, &name)) {
                char known[200];
                Str list = STR_BUFFER(known);

                for (int i = 0; i < RULE_MAX; i++)
                        if (i < RULE_BACK || i >= RULE_SCORE)
                                str_addf(&list, "%s ", rule_word((RuleName)i));
                return FAIL(b, TABLE_RULES, row, RULE_RULE,
                        "rule: there is no \"%.20s\"; there are %shr_back hr_rise hr_drop spo2_back …", word,
                        known);
        }
        rule->name = (uint8_t)name;
        wanted = rule_value_parse(name, text(b, TABLE_RULES, row, RULE_VALUE), rule->value);
        if (wanted)
                return FAIL(b, TABLE_RULES, row, RULE_VALUE, "value: %s wants %s", word, wanted);
        return 0;
}

typedef struct RuleRow {
        uint64_t key; /* of resident and name */
        size_t row;
} RuleRow;

static int rule_row_compare(const void *a, const void *b)
{
        const RuleRow *x = a, *y = b;

        if (x->key != y->key)
                return x->key < y->key ? -1 : 1;
        return (x->row > y->row) - (x->row < y->row);
}

/* The first row, in the order of the file, that stood before. */
static int rules_check(Build *b)
{
        size_t n = b->tables[TABLE_RULES].n_rows, at = SIZE_MAX, first = 0;
        _cleanup_(freep) RuleRow *rows = calloc(n + 1, sizeof(*rows));

        NEED_MEMORY(rows);
        for (size_t i = 0; i < n; i++)
                rows[i] = (RuleRow){
                        (uint64_t)b->registry->rules[i].resident << 8 | b->registry->rules[i].name, i};
        qsort(rows, n, sizeof(*rows), rule_row_compare);
        for (size_t i = 1; i < n; i++)
                if (rows[i - 1].key == rows[i].key && rows[i].row < at) {
                        at = rows[i].row;
                        first = rows[i - 1].row;
                }
        if (at == SIZE_MAX)
                return 0;
        return FAIL(b, TABLE_RULES, at, RULE_RULE,
                "rule: stands here twice for this person, first in line %u",
                csv_cell(&b->tables[TABLE_RULES], first, 0)->line);
}

/* Rows */

static int grid_fill(Build *b, size_t row, Grid *g)
{
        Registry *r = b->registry;
        int n = need(b, TABLE_GRIDS, row, GRID_NAME);

        g->name = registry_text(r, text(b, TABLE_GRIDS, row, GRID_NAME));
        return n != 0 ? n : reference(b, TABLE_GRIDS, row, GRID_PARENT, CODE_GRID, &g->parent);
}

static int grids_check(Build *b)
{
        const Registry *r = b->registry;

        for (size_t i = 0; i < b->tables[TABLE_GRIDS].n_rows; i++) {
                uint32_t steps = 0;

                for (uint32_t id = b->ids[CODE_GRID][i]; id != 0; id = r->grids[id].parent)
                        if (++steps > b->tables[TABLE_GRIDS].n_rows)
                                return FAIL(b, TABLE_GRIDS, i, GRID_PARENT,
                                        "parent: the grid lies within itself");
        }
        return 0;
}

static int dwelling_fill(Build *b, size_t row, Dwelling *d)
{
        Registry *r = b->registry;

        d->building = registry_common(r, text(b, TABLE_DWELLINGS, row, DWELLING_BUILDING));
        d->floor = registry_common(r, text(b, TABLE_DWELLINGS, row, DWELLING_FLOOR));
        d->address = registry_text(r, text(b, TABLE_DWELLINGS, row, DWELLING_ADDRESS));
        d->access = registry_common(r, text(b, TABLE_DWELLINGS, row, DWELLING_ACCESS));
        return reference(b, TABLE_DWELLINGS, row, DWELLING_GRID, CODE_GRID, &d->grid);
}

/* Agreed for a year; empty: as the site has it. */
static int visits(Build *b, size_t row, uint32_t *ret)
{
        const char *s = text(b, TABLE_RESIDENTS, row, RESIDENT_VISITS);
        uint64_t n = 0;

        if (!*s)
                return 0;
        if (!parse_u64(s, &n) || n > 3660)
                return FAIL(b, TABLE_RESIDENTS, row, RESIDENT_VISITS,
                        "visits: \"%.20s\" is not a number from 0 to 3660", s);
        *ret = n ? (uint32_t)n : VISITS_NONE;
        return 0;
}

static int resident_fill(Build *b, size_t row, Resident *p)
{
        Registry *r = b->registry;
        uint32_t birth;
        int n;

        p->name = registry_text(r, text(b, TABLE_RESIDENTS, row, RESIDENT_NAME));
        p->birth = registry_common(r, text(b, TABLE_RESIDENTS, row, RESIDENT_BIRTH));
        p->phone = registry_text(r, text(b, TABLE_RESIDENTS, row, RESIDENT_PHONE));
        p->notes = registry_common(r, text(b, TABLE_RESIDENTS, row, RESIDENT_NOTES));
        n = need(b, TABLE_RESIDENTS, row, RESIDENT_NAME);
        if (n == 0)
                n = date(b, TABLE_RESIDENTS, row, RESIDENT_BIRTH, &birth);
        if (n == 0)
                n = reference(b, TABLE_RESIDENTS, row, RESIDENT_DWELLING, CODE_DWELLING, &p->dwelling);
        if (n == 0)
                n = visits(b, row, &p->visits);
        return n != 0 ? n : limits(b, row, &p->limits);
}

static int device_fill(Build *b, size_t row, Device *d)
{
        const char *beat = text(b, TABLE_DEVICES, row, DEVICE_BEAT);
        const char *profile = text(b, TABLE_DEVICES, row, DEVICE_PROFILE);
        int n;

        if (!device_class_parse(text(b, TABLE_DEVICES, row, DEVICE_CLASS), &d->class)) {
                char known[128];
                Str list = STR_BUFFER(known);

                for (int c = 0; c < DEVICE_CLASS_MAX; c++)
                        str_addf(&list, "%s%s", c ? ", " : "", device_class_word((DeviceClass)c));
                return FAIL(b, TABLE_DEVICES, row, DEVICE_CLASS,
                        "class: there is no \"%.40s\"; there are %s",
                        text(b, TABLE_DEVICES, row, DEVICE_CLASS), known);
        }
        if (*profile && !str_code(profile))
                return FAIL(b, TABLE_DEVICES, row, DEVICE_PROFILE, "profile: not a name of a profile");
        d->profile = registry_common(b->registry, profile);
        n = reference(b, TABLE_DEVICES, row, DEVICE_DWELLING, CODE_DWELLING, &d->dwelling);
        if (n == 0)
                n = reference(b, TABLE_DEVICES, row, DEVICE_RESIDENT, CODE_RESIDENT, &d->resident);
        if (n != 0)
                return n;
        if (d->dwelling == 0 && d->resident != 0)
                d->dwelling = b->registry->residents[d->resident].dwelling;
        if (*beat && !parse_duration(beat, &d->beat_us))
                return FAIL(b, TABLE_DEVICES, row, DEVICE_BEAT,
                        "beat: \"%.40s\" is no duration (90s, 5min, 1h)", beat);
        return 0;
}

/* The building's name in the registry's texts; NULL: no dwelling is in it. */
static const char *building_find(const Registry *r, const char *name)
{
        for (uint32_t i = 1; i < r->n_dwellings; i++)
                if (r->dwellings[i].code && *name && strcmp(r->dwellings[i].building, name) == 0)
                        return r->dwellings[i].building;
        return NULL;
}

static int scope_fill(Build *b, size_t row, Worker *w)
{
        const Registry *r = b->registry;
        const char *s = text(b, TABLE_WORKERS, row, WORKER_SCOPE), *name = s, *building = NULL;
        bool any = true, as_grid = false, as_resident = false, as_building = false;
        uint32_t grid = 0, resident = 0;

        if (strcmp(s, "site") == 0) {
                w->scope = SCOPE_SITE;
                return 0;
        }
        if ((as_grid = str_starts(s, "grid:")) || (as_resident = str_starts(s, "resident:")) ||
                (as_building = str_starts(s, "building:"))) {
                any = false;
                name = strchr(s, ':') + 1;
        }
        if (any || as_grid)
                grid = code_index_find(r, CODE_GRID, name);
        if (any || as_resident)
                resident = code_index_find(r, CODE_RESIDENT, name);
        if (any || as_building)
                building = building_find(r, name);
        if ((grid != 0) + (resident != 0) + (building != NULL) > 1)
                return FAIL(b, TABLE_WORKERS, row, WORKER_SCOPE,
                        "scope: \"%.63s\" is more than one of grid, resident and building: write grid:, "
                        "resident: or building: before it",
                        name);
        if (!grid && !resident && !building)
                return FAIL(b, TABLE_WORKERS, row, WORKER_SCOPE,
                        "scope: \"%.63s\" is not site and no grid, resident or building", s);
        w->scope = grid ? SCOPE_GRID : resident ? SCOPE_RESIDENT : SCOPE_BUILDING;
        w->scope_id = grid ? grid : resident;
        w->scope_building = building;
        return 0;
}

/* Words: exec:NAME; app and plain say what client says, and are allowed for the reader. */
static int channels_fill(Build *b, size_t row, Worker *w)
{
        const char *s = text(b, TABLE_WORKERS, row, WORKER_CHANNELS);
        char copy[CHANNELS_SIZE], *rest = copy, *word;

        if (!str_copy(copy, sizeof(copy), s))
                return FAIL(b, TABLE_WORKERS, row, WORKER_CHANNELS, "channels: longer than %zu bytes",
                        sizeof(copy) - 1);
        while ((word = parse_word(&rest)))
                if (strcmp(word, "app") != 0 && strcmp(word, "plain") != 0 &&
                        !(str_starts(word, "exec:") && str_code(word + 5)))
                        return FAIL(b, TABLE_WORKERS, row, WORKER_CHANNELS,
                                "channels: \"%.40s\" is no channel; write exec:NAME for a [Channel NAME] of "
                                "the "
                                "configuration",
                                word);
        w->channels = registry_common(b->registry, s);
        return 0;
}

static int worker_fill(Build *b, size_t row, Worker *w)
{
        Registry *r = b->registry;
        const char *client = text(b, TABLE_WORKERS, row, WORKER_CLIENT);
        int n = need(b, TABLE_WORKERS, row, WORKER_NAME);

        if (n != 0)
                return n;
        w->name = registry_text(r, text(b, TABLE_WORKERS, row, WORKER_NAME));
        w->phone = registry_text(r, text(b, TABLE_WORKERS, row, WORKER_PHONE));
        if (!role_parse(text(b, TABLE_WORKERS, row, WORKER_ROLE), &w->role)) {
                char known[192];
                Str list = STR_BUFFER(known);

                for (int i = 0; i < ROLE_MAX; i++)
                        str_addf(&list, "%s%s", i ? " " : "", role_word((Role)i));
                return FAIL(b, TABLE_WORKERS, row, WORKER_ROLE, "role: there is no \"%.30s\"; there are %s",
                        text(b, TABLE_WORKERS, row, WORKER_ROLE), known);
        }
        if (*client && strcmp(client, "app") != 0 && strcmp(client, "plain") != 0)
                return FAIL(b, TABLE_WORKERS, row, WORKER_CLIENT,
                        "client: \"%.40s\" is neither app nor plain", client);
        w->client = strcmp(client, "plain") == 0 ? CLIENT_PLAIN : CLIENT_APP;
        n = channels_fill(b, row, w);
        return n != 0 ? n : scope_fill(b, row, w);
}

static void codes_fill(Build *b)
{
        Registry *r = b->registry;

        for (int t = 0; t < TABLE_DUTY; t++)
                for (size_t i = 0; i < b->tables[t].n_rows; i++) {
                        const char *code = registry_text(r, text(b, (TableName)t, i, 0));
                        uint32_t id = b->ids[t][i];

                        switch ((CodeKind)t) {
                        case CODE_GRID: r->grids[id].code = code; break;
                        case CODE_DWELLING: r->dwellings[id].code = code; break;
                        case CODE_RESIDENT: r->residents[id].code = code; break;
                        case CODE_DEVICE: r->devices[id].code = code; break;
                        case CODE_WORKER: r->workers[id].code = code; break;
                        case CODE_KIND_MAX: ASSERT(false);
                        }
                }
        registry_finish(r);
}

static int rows_fill(Build *b)
{
        Registry *r = b->registry;
        int n = 0;

        for (size_t i = 0; n == 0 && i < b->tables[TABLE_GRIDS].n_rows; i++)
                n = grid_fill(b, i, &r->grids[b->ids[CODE_GRID][i]]);
        if (n == 0)
                n = grids_check(b);
        for (size_t i = 0; n == 0 && i < b->tables[TABLE_DWELLINGS].n_rows; i++)
                n = dwelling_fill(b, i, &r->dwellings[b->ids[CODE_DWELLING][i]]);
        for (size_t i = 0; n == 0 && i < b->tables[TABLE_RESIDENTS].n_rows; i++)
                n = resident_fill(b, i, &r->residents[b->ids[CODE_RESIDENT][i]]);
        for (size_t i = 0; n == 0 && i < b->tables[TABLE_DEVICES].n_rows; i++)
                n = device_fill(b, i, &r->devices[b->ids[CODE_DEVICE][i]]);
        for (size_t i = 0; n == 0 && i < b->tables[TABLE_WORKERS].n_rows; i++)
                n = worker_fill(b, i, &r->workers[b->ids[CODE_WORKER][i]]);
        for (size_t i = 0; n == 0 && i < b->tables[TABLE_DUTY].n_rows; i++)
                n = duty_fill(b, i, &r->duties[i]);
        r->n_overrides = 0;
        for (size_t i = 0; n == 0 && i < b->tables[TABLE_OVERRIDES].n_rows; i++)
                n = override_fill(b, i, r->overrides, &r->n_overrides);
        for (size_t i = 0; n == 0 && i < b->tables[TABLE_HOLIDAYS].n_rows; i++)
                n = holiday_fill(b, i, &r->holidays[i]);
        for (size_t i = 0; n == 0 && i < b->tables[TABLE_RULES].n_rows; i++)
                n = rule_fill(b, i, &r->rules[i]);
        if (n == 0)
                n = rules_check(b);
        return n;
}

static int tables_read(Build *b, const char *folder)
{
        for (int t = 0; t < TABLE_MAX; t++) {
                int r = csv_table_read(&b->tables[t], folder, table_specs[t].file, table_specs[t].columns,
                        table_specs[t].n_columns, b->error);

                if (r == CSV_E_MISSING && t >= TABLE_DUTY)
                        continue; /* nobody is rostered by a table: everybody is always on */
                if (r == CSV_E_MISSING)
                        return REGISTRY_E_INVALID;
                if (r != 0)
                        return r;
        }
        return 0;
}

int registry_read_csv(Registry **ret, const Registry *previous, const char *folder, RegistryError *ret_error)
{
        _cleanup_(build_clear) Build b = {.error = ret_error};
        int r;

        ASSERT(folder && ret_error);
        r = tables_read(&b, folder);
        for (int t = 0; r == 0 && t < TABLE_DUTY; t++)
                r = ids_give(&b, (TableName)t, previous);
        if (r != 0)
                return r < 0 ? error_trace(r) : r;
        b.registry = registry_make(&(RegistryCounts){b.n_ids[CODE_GRID], b.n_ids[CODE_DWELLING],
                b.n_ids[CODE_RESIDENT], b.n_ids[CODE_DEVICE], b.n_ids[CODE_WORKER],
                (uint32_t)b.tables[TABLE_DUTY].n_rows, 2 * (uint32_t)b.tables[TABLE_OVERRIDES].n_rows,
                (uint32_t)b.tables[TABLE_HOLIDAYS].n_rows, (uint32_t)b.tables[TABLE_RULES].n_rows});
        codes_fill(&b);
        r = rows_fill(&b);
        if (r != 0)
                return r;
        registry_finish(b.registry);
        *ret = TAKE_PTR(b.registry);
        return 0;
}
