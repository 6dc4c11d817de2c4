/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry.export: what a start without a usable database lives on.
 *
 * One CSV file (written and read by libcsv, every field quoted), whose first field names what the row is:
 *
 *   "huying-registry","1",SITE,INCIDENT_CEILING,SEQ_CEILING
 *   "ids",GRIDS,DWELLINGS,RESIDENTS,DEVICES,WORKERS      highest id + 1 of each: ids are never used again
 *   "rule",RESIDENT,RULE,A,B,C
 *   "grid",ID,CODE,…  "dwelling",…  "resident",…  "device",…  "worker",…  "duty",…  "override",…  "holiday",…      the fields of roster.h
 *   "end",ROWS,SHA-256 of every byte before this line
 *
 * The last line tells a whole file from a torn one. It is written to a file of its own, flushed, and renamed over
 * the old one, so a crash leaves the one or the other. Ceilings change more often than the registry: numbers.h.
 */
#include <csv.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"
#include "store/csv-table.h"
#include "store/numbers.h"
#include "store/registry-build.h"

#define FIELDS_MAX 24

static void digest_hex(const void *bytes, size_t n, char ret[65])
{
        unsigned char digest[32];

        ASSERT(EVP_Digest(bytes, n, digest, NULL, EVP_sha256(), NULL) == 1);
        for (int i = 0; i < 32; i++)
                (void)snprintf(ret + 2 * i, 3, "%02x", digest[i]); /* always two digits */
}

/* Writing */

/* In memory, and with libcsv's function for that: the file is as large as the registry, it is written by the thread that
 * commits, and character by character into a stream it was half of all that a start costs. */
typedef struct Writer {
        char *bytes;
        size_t n, cap;
        bool begun; /* within a row */
        uint64_t rows;
} Writer;

/* Room for so many bytes more. A gateway without memory for its registry can only be started again (registry.c). */
static char *writer_room(Writer *w, size_t n)
{
        if (w->cap - w->n < n) {
                w->cap = 2 * w->cap + n + 4096;
                w->bytes = realloc(w->bytes, w->cap);
                ASSERT(w->bytes);
        }
        return w->bytes + w->n;
}

static void put_bytes(Writer *w, const char *text, size_t n)
{
        size_t most = 2 * n + 2; /* each may be a quote */
        char *to = writer_room(w, most + 1);

        if (w->begun) {
                *to++ = ',';
                w->n++;
        }
        w->n += csv_write(to, most, text, n);
        w->begun = true;
}

static void put(Writer *w, const char *text)
{
        put_bytes(w, text, strlen(text));
}

static void put_number(Writer *w, uint64_t n)
{
        char text[20]; /* as many digits at most */
        size_t at = sizeof(text);

        do {
                text[--at] = (char)('0' + n % 10);
                n /= 10;
        } while (n > 0);
        put_bytes(w, text + at, sizeof(text) - at);
}

static void put_limit(Writer *w, double value)
{
        char text[40] = "";

        if (!isnan(value))
                (void)snprintf(text, sizeof(text), "%.17g", value); /* 24 characters at most */
        put(w, text);
}

static void end_row(Writer *w)
{
        *writer_room(w, 1) = '\n';
        w->n++;
        w->begun = false;
        w->rows++;
}

static void put_places(Writer *w, const Registry *r)
{
        for (uint32_t i = 1; i < r->n_grids; i++) {
                const Grid *g = &r->grids[i];

                if (!g->code)
                        continue;
                put(w, "grid");
                put_number(w, i);
                put(w, g->code);
                put(w, g->name);
                put_number(w, g->parent);
                end_row(w);
        }
        for (uint32_t i = 1; i < r->n_dwellings; i++) {
                const Dwelling *d = &r->dwellings[i];

                if (!d->code)
                        continue;
                put(w, "dwelling");
                put_number(w, i);
                put(w, d->code);
                put(w, d->building);
                put(w, d->floor);
                put(w, d->address);
                put(w, d->access);
                put_number(w, d->grid);
                end_row(w);
        }
}

static void put_residents(Writer *w, const Registry *r)
{
        for (uint32_t i = 1; i < r->n_residents; i++) {
                const Resident *p = &r->residents[i];

                if (!p->code)
                        continue;
                put(w, "resident");
                put_number(w, i);
                put(w, p->code);
                put(w, p->name);
                put(w, p->birth);
                put(w, p->phone);
                put(w, p->notes);
                put_number(w, p->dwelling);
                for (int v = 0; v < VITAL_MAX; v++) {
                        put_limit(w, p->limits->min[v]);
                        put_limit(w, p->limits->max[v]);
                }
                put_number(w, p->visits);
                end_row(w);
        }
        for (uint32_t i = 1; i < r->n_devices; i++) {
                const Device *d = &r->devices[i];

                if (!d->code)
                        continue;
                put(w, "device");
                put_number(w, i);
                put(w, d->code);
                put(w, d->profile);
                put(w, device_class_word(d->class));
                put_number(w, d->dwelling);
                put_number(w, d->resident);
                put_number(w, d->beat_us);
                end_row(w);
        }
}

static const char *const scope_words[] = {[SCOPE_SITE] = "site",
        [SCOPE_GRID] = "grid",
        [SCOPE_BUILDING] = "building",
        [SCOPE_RESIDENT] = "resident"};

static void put_workers(Writer *w, const Registry *r)
{
        for (uint32_t i = 1; i < r->n_workers; i++) {
                const Worker *p = &r->workers[i];

                if (!p->code)
                        continue;
                put(w, "worker");
                put_number(w, i);
                put(w, p->code);
                put(w, p->name);
                put(w, p->phone);
                put(w, role_word(p->role));
                put(w, p->client == CLIENT_PLAIN ? "plain" : "app");
                put(w, scope_words[p->scope]);
                put_number(w, p->scope_id);
                put(w, p->scope_building ? p->scope_building : "");
                put(w, p->channels ? p->channels : "");
                end_row(w);
        }
        for (uint32_t i = 0; i < r->n_duties; i++) {
                const Duty *d = &r->duties[i];

                put(w, "duty");
                put_number(w, d->worker);
                put_number(w, d->days);
                put_number(w, d->from_minute);
                put_number(w, d->to_minute);
                put_number(w, d->valid_from);
                put_number(w, d->valid_to);
                end_row(w);
        }
}

static void put_calendar(Writer *w, const Registry *r)
{
        for (uint32_t i = 0; i < r->n_overrides; i++) {
                const Override *o = &r->overrides[i];

                put(w, "override");
                put_number(w, o->worker);
                put_number(w, o->on);
                put_number(w, o->from);
                put_number(w, o->to);
                end_row(w);
        }
        for (uint32_t i = 0; i < r->n_holidays; i++) {
                put(w, "holiday");
                put_number(w, r->holidays[i].date);
                put_number(w, r->holidays[i].work);
                end_row(w);
        }
        for (uint32_t i = 0; i < r->n_rules; i++) {
                put(w, "rule");
                put_number(w, r->rules[i].resident);
                put(w, rule_word((RuleName)r->rules[i].name));
                for (unsigned k = 0; k < 3; k++)
                        put_limit(w, r->rules[i].value[k]);
                end_row(w);
        }
}

void registry_export_text(const Registry *r, const char *site, uint64_t incident_ceiling,
        uint64_t seq_ceiling, char **ret, size_t *ret_size)
{
        char digest[65];
        Writer w = {0};

        ASSERT(r && site && ret && ret_size);
        put(&w, "huying-registry");
        put(&w, "1");
        put(&w, site);
        put_number(&w, incident_ceiling);
        put_number(&w, seq_ceiling);
        end_row(&w);
        put(&w, "ids");
        put_number(&w, r->n_grids);
        put_number(&w, r->n_dwellings);
        put_number(&w, r->n_residents);
        put_number(&w, r->n_devices);
        put_number(&w, r->n_workers);
        end_row(&w);
        put_places(&w, r);
        put_residents(&w, r);
        put_workers(&w, r);
        put_calendar(&w, r);
        digest_hex(w.bytes, w.n, digest);
        put(&w, "end");
        put_number(&w, w.rows);
        put(&w, digest);
        end_row(&w);
        *ret = w.bytes;
        *ret_size = w.n;
}

int registry_export_write(const Registry *r, const char *path, const char *site, uint64_t incident_ceiling,
        uint64_t seq_ceiling)
{
        _cleanup_(freep) char *text = NULL;
        size_t n;
        int e;

        ASSERT(path);
        registry_export_text(r, site, incident_ceiling, seq_ceiling, &text, &n);
        e = file_replace(path, text, n);
        return e < 0 ? error_trace(e) : 0;
}

/* Reading */

typedef struct Reader {
        const char *file;
        RegistryError *error;
        bool failed, ended;
        unsigned line;
        char *fields[FIELDS_MAX];
        unsigned n_fields;
        bool has_head;
        uint64_t incident_ceiling, seq_ceiling, rows;
        RegistryCounts counts;
        Registry *registry;
        Duty *duties; /* the counts are known only at the end */
        Override *overrides;
        Holiday *holidays;
        PersonRule *rules;
        uint32_t duties_cap, overrides_cap, holidays_cap, rules_cap;
        char digest[65];
} Reader;

static void reader_clear(Reader *r)
{
        for (unsigned i = 0; i < r->n_fields && i < FIELDS_MAX; i++)
                free(r->fields[i]);
        free(r->duties);
        free(r->overrides);
        free(r->holidays);
        free(r->rules);
        r->registry = registry_unref(r->registry);
}

static void fail(Reader *r, const char *what)
{
        if (!r->failed)
                (void)csv_error_at(r->error, r->file, r->line, 0, "%s", what); /* the flag says it */
        r->failed = true;
}

static uint64_t number(Reader *r, unsigned field, uint64_t max)
{
        uint64_t n = 0;

        if (!parse_u64(r->fields[field], &n) || n > max)
                fail(r, "a number is wrong or out of range");
        return r->failed ? 0 : n;
}

static double limit(Reader *r, unsigned field)
{
        double value = NAN;

        if (*r->fields[field] && !parse_double(r->fields[field], &value))
                fail(r, "a limit is no number");
        return value;
}

static const char *text(Reader *r, unsigned field)
{
        return registry_text(r->registry, r->fields[field]);
}

/* What many have in common. */
static const char *common(Reader *r, unsigned field)
{
        return registry_common(r->registry, r->fields[field]);
}

/* The id and the code that each entry begins with. */
static uint32_t entry(Reader *r, uint32_t n, const char **ret_code)
{
        uint32_t id = (uint32_t)number(r, 1, n - 1);

        if (!r->failed && (id == 0 || !str_code(r->fields[2])))
                fail(r, "an id or a code is wrong");
        *ret_code = r->failed ? NULL : text(r, 2);
        return r->failed ? 0 : id;
}

static void row_resident(Reader *r)
{
        Registry *g = r->registry;
        const char *code;
        uint32_t id = entry(r, g->n_residents, &code);
        Resident *p = &g->residents[id];
        Resident q = {.code = code,
                .name = text(r, 3),
                .birth = common(r, 4),
                .phone = text(r, 5),
                .notes = common(r, 6),
                .dwelling = (uint32_t)number(r, 7, g->n_dwellings - 1)};
        VitalLimits limits;

        for (unsigned v = 0; v < VITAL_MAX; v++) {
                limits.min[v] = limit(r, 8 + 2 * v);
                limits.max[v] = limit(r, 9 + 2 * v);
        }
        q.limits = registry_limits(g, &limits);
        if (r->n_fields > 8 + 2 * VITAL_MAX) /* an older export has none */
                q.visits = (uint32_t)number(r, 8 + 2 * VITAL_MAX, VISITS_NONE);
        if (!r->failed)
                *p = q;
}

static void row_worker(Reader *r)
{
        Registry *g = r->registry;
        const char *code;
        uint32_t id = entry(r, g->n_workers, &code);
        Worker w = {.code = code, .name = text(r, 3), .phone = text(r, 4)};
        unsigned scope = 0;

        if (!role_parse(r->fields[5], &w.role))
                fail(r, "there is no such role");
        w.client = str_equal(r->fields[6], "plain") ? CLIENT_PLAIN : CLIENT_APP;
        while (scope < sizeof(scope_words) / sizeof(scope_words[0]) &&
                !str_equal(scope_words[scope], r->fields[7]))
                scope++;
        if (scope == sizeof(scope_words) / sizeof(scope_words[0]))
                fail(r, "there is no such scope");
        w.scope = (ScopeKind)scope;
        if (w.scope == SCOPE_GRID)
                w.scope_id = (uint32_t)number(r, 8, g->n_grids - 1);
        else if (w.scope == SCOPE_RESIDENT)
                w.scope_id = (uint32_t)number(r, 8, g->n_residents - 1);
        else if (w.scope == SCOPE_BUILDING)
                w.scope_building = common(r, 9);
        if (r->n_fields > 10) /* an export of an earlier version has none */
                w.channels = common(r, 10);
        if (!r->failed)
                g->workers[id] = w;
}

static void row_place(Reader *r, bool grid)
{
        Registry *g = r->registry;
        const char *code;
        uint32_t id = entry(r, grid ? g->n_grids : g->n_dwellings, &code);

        if (grid) {
                Grid p = {
                        .code = code, .name = text(r, 3), .parent = (uint32_t)number(r, 4, g->n_grids - 1)};

                if (!r->failed)
                        g->grids[id] = p;
        } else {
                Dwelling d = {.code = code,
                        .building = common(r, 3),
                        .floor = common(r, 4),
                        .address = text(r, 5),
                        .access = common(r, 6),
                        .grid = (uint32_t)number(r, 7, g->n_grids - 1)};

                if (!r->failed)
                        g->dwellings[id] = d;
        }
}

static void row_device(Reader *r)
{
        Registry *g = r->registry;
        const char *code;
        uint32_t id = entry(r, g->n_devices, &code);
        Device d = {.code = code,
                .profile = common(r, 3),
                .dwelling = (uint32_t)number(r, 5, g->n_dwellings - 1),
                .resident = (uint32_t)number(r, 6, g->n_residents - 1),
                .beat_us = number(r, 7, UINT64_MAX)};

        if (!device_class_parse(r->fields[4], &d.class))
                fail(r, "there is no such class");
        if (!r->failed)
                g->devices[id] = d;
}

/* Room for one more. */
static void *room(void *rows, uint32_t n, uint32_t *cap, size_t size)
{
        if (n < *cap)
                return rows;
        *cap = *cap ? 2 * *cap : 64;
        rows = reallocarray(rows, *cap, size);
        NEED_MEMORY(rows);
        return rows;
}

static void row_duty(Reader *r)
{
        Registry *g = r->registry;
        Duty d = {.worker = (uint32_t)number(r, 1, g->n_workers - 1),
                .days = (uint16_t)number(r, 2, 0x1ff),
                .from_minute = (uint16_t)number(r, 3, 1440),
                .to_minute = (uint16_t)number(r, 4, 1440),
                .valid_from = (uint32_t)number(r, 5, 99991231),
                .valid_to = (uint32_t)number(r, 6, 99991231)};

        if (r->failed)
                return;
        r->duties = room(r->duties, r->counts.duties, &r->duties_cap, sizeof(Duty));
        r->duties[r->counts.duties++] = d;
}

static void row_override(Reader *r)
{
        Override o = {.worker = (uint32_t)number(r, 1, r->registry->n_workers - 1),
                .on = number(r, 2, 1) != 0,
                .from = number(r, 3, UINT64_MAX),
                .to = number(r, 4, UINT64_MAX)};

        if (r->failed)
                return;
        r->overrides = room(r->overrides, r->counts.overrides, &r->overrides_cap, sizeof(Override));
        r->overrides[r->counts.overrides++] = o;
}

static void row_holiday(Reader *r)
{
        Holiday h = {.date = (uint32_t)number(r, 1, 99991231), .work = number(r, 2, 1) != 0};

        if (r->failed)
                return;
        r->holidays = room(r->holidays, r->counts.holidays, &r->holidays_cap, sizeof(Holiday));
        r->holidays[r->counts.holidays++] = h;
}

static void row_rule(Reader *r)
{
        PersonRule rule = {.resident = (uint32_t)number(r, 1, r->registry->n_residents - 1)};
        RuleName name = RULE_MAX;

        for (unsigned k = 0; k < 3; k++)
                rule.value[k] = limit(r, 3 + k);
        if (!rule_parse(r->fields[2], &name) || !rule_value_sane(name, rule.value))
                fail(r, "a rule is wrong");
        if (r->failed)
                return;
        rule.name = (uint8_t)name;
        r->rules = room(r->rules, r->counts.rules, &r->rules_cap, sizeof(PersonRule));
        r->rules[r->counts.rules++] = rule;
}

static void row_head(Reader *r)
{
        if (!str_equal(r->fields[0], "huying-registry") || r->n_fields != 5 ||
                !str_equal(r->fields[1], "1")) {
                fail(r, "no registry export of a version that is known here");
                return;
        }
        r->incident_ceiling = number(r, 3, UINT64_MAX);
        r->seq_ceiling = number(r, 4, UINT64_MAX);
        r->has_head = true;
}

static void row_ids(Reader *r)
{
        if (r->registry) {
                fail(r, "the counts of ids stand here twice");
                return;
        }
        r->counts = (RegistryCounts){(uint32_t)number(r, 1, REGISTRY_IDS_MAX),
                (uint32_t)number(r, 2, REGISTRY_IDS_MAX), (uint32_t)number(r, 3, REGISTRY_IDS_MAX),
                (uint32_t)number(r, 4, REGISTRY_IDS_MAX), (uint32_t)number(r, 5, REGISTRY_IDS_MAX), 0, 0, 0,
                0};
        if (!r->counts.grids || !r->counts.dwellings || !r->counts.residents || !r->counts.devices ||
                !r->counts.workers)
                fail(r, "a count of ids is wrong");
        if (!r->failed)
                r->registry = registry_make(&r->counts);
}

static void row_end_mark(Reader *r)
{
        if (number(r, 1, UINT64_MAX) != r->rows)
                fail(r, "rows are missing");
        (void)str_copy(r->digest, sizeof(r->digest), r->fields[2]); /* a longer one is a wrong one */
        r->ended = true;
}

static void row_take(Reader *r)
{
        static const struct {
                const char *word;
                unsigned n_fields;
        } rows[] = {{"ids", 6}, {"grid", 5}, {"dwelling", 8}, {"resident", 9 + 2 * VITAL_MAX}, {"device", 8},
                {"worker", 11}, {"duty", 7}, {"end", 3}, {"override", 5}, {"holiday", 3}, {"rule", 6}};
        unsigned i = 0;

        if (r->ended) {
                fail(r, "rows after the end");
                return;
        }
        if (!r->has_head) {
                row_head(r);
                return;
        }
        while (i < sizeof(rows) / sizeof(rows[0]) && !str_equal(rows[i].word, r->fields[0]))
                i++;
        if (i == sizeof(rows) / sizeof(rows[0]) ||
                (r->n_fields != rows[i].n_fields && !(i == 5 && r->n_fields == 10) &&
                        !(i == 3 && r->n_fields == 8 + 2 * VITAL_MAX)) ||
                (i > 0 && !r->registry)) {
                fail(r, "not a row of a registry export");
                return;
        }
        switch (i) {
        case 0: row_ids(r); break;
        case 1: row_place(r, true); break;
        case 2: row_place(r, false); break;
        case 3: row_resident(r); break;
        case 4: row_device(r); break;
        case 5: row_worker(r); break;
        case 6: row_duty(r); break;
        case 8: row_override(r); break;
        case 9: row_holiday(r); break;
        case 10: row_rule(r); break;
        default: row_end_mark(r); break;
        }
}

static void field_end(void *bytes, size_t n, void *userdata)
{
        Reader *r = userdata;

        if (r->n_fields < FIELDS_MAX && !r->failed) {
                if (!str_utf8(bytes ? bytes : "", n))
                        fail(r, "not UTF-8");
                r->fields[r->n_fields] = strndup(bytes ? bytes : "", n);
                ASSERT(r->fields[r->n_fields]);
                r->n_fields++;
        } else
                fail(r, "too many fields");
}

static void row_end(int terminator, void *userdata)
{
        Reader *r = userdata;

        r->line++; /* rows, really: texts with line breaks are one */
        if (!r->failed)
                row_take(r);
        r->rows++;
        for (unsigned i = 0; i < r->n_fields; i++)
                free(r->fields[i]);
        r->n_fields = 0;
}

/* The digest covers every byte before the last line. */
static bool digest_fits(const Reader *r, const char *bytes, size_t n)
{
        char digest[65];
        size_t at = n;

        if (at > 0 && bytes[at - 1] == '\n')
                at--;
        while (at > 0 && bytes[at - 1] != '\n')
                at--;
        digest_hex(bytes, at, digest);
        return str_equal(digest, r->digest);
}

/* Those beside it are newer. If they cannot be read, nobody knows how far they were: then numbers that nobody has seen. */
static void ceilings_raise(const char *path, uint64_t *incident, uint64_t *seq)
{
        uint64_t newer_incident = *incident + INCIDENT_BLIND, newer_seq = *seq + SEQ_BLIND;

        if (numbers_read(path, &newer_incident, &newer_seq) == NUMBERS_E_MISSING)
                return;
        *incident = newer_incident > *incident ? newer_incident : *incident;
        *seq = newer_seq > *seq ? newer_seq : *seq;
}

int registry_export_read(Registry **ret, const char *path, uint64_t *ret_incident_ceiling,
        uint64_t *ret_seq_ceiling, RegistryError *ret_error)
{
        _cleanup_(freep) char *bytes = NULL;
        _cleanup_(reader_clear) Reader reader = {.file = "registry.export", .error = ret_error};
        struct csv_parser parser;
        size_t n = 0;
        int r;

        ASSERT(path && ret_error);
        r = csv_file_read(&bytes, &n, NULL, path, ret_error);
        if (r != 0)
                return r == CSV_E_MISSING ? REGISTRY_E_MISSING : r < 0 ? error_trace(r) : r;
        ASSERT(csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL) == 0);
        if (csv_parse(&parser, bytes, n, field_end, row_end, &reader) != n ||
                csv_fini(&parser, field_end, row_end, &reader) != 0)
                fail(&reader, "not CSV");
        csv_free(&parser);
        if (!reader.failed && (!reader.ended || !reader.registry))
                fail(&reader, "torn: the end is missing");
        if (!reader.failed && !digest_fits(&reader, bytes, n))
                fail(&reader, "damaged: the digest does not fit");
        if (reader.failed)
                return REGISTRY_E_INVALID;
        free(reader.registry->duties);
        reader.registry->duties = reader.duties ? TAKE_PTR(reader.duties) : calloc(1, sizeof(Duty));
        ASSERT(reader.registry->duties);
        reader.registry->n_duties = reader.counts.duties;
        if (reader.overrides) {
                free(reader.registry->overrides);
                reader.registry->overrides = TAKE_PTR(reader.overrides);
        }
        if (reader.holidays) {
                free(reader.registry->holidays);
                reader.registry->holidays = TAKE_PTR(reader.holidays);
        }
        if (reader.rules) {
                free(reader.registry->rules);
                reader.registry->rules = TAKE_PTR(reader.rules);
        }
        reader.registry->n_rules = reader.counts.rules;
        reader.registry->n_overrides = reader.counts.overrides;
        reader.registry->n_holidays = reader.counts.holidays;
        registry_finish(reader.registry);
        ceilings_raise(path, &reader.incident_ceiling, &reader.seq_ceiling);
        *ret_incident_ceiling = reader.incident_ceiling;
        *ret_seq_ceiling = reader.seq_ceiling;
        *ret = TAKE_PTR(reader.registry);
        return 0;
}

/* Its first row, and no more. */

typedef struct Head {
        unsigned field;
        bool ended, bad;
        uint64_t numbers[2];
} Head;

static void head_field(void *bytes, size_t n, void *userdata)
{
        Head *h = userdata;

        if (!h->ended && (h->field == 3 || h->field == 4) &&
                !parse_u64(bytes ? bytes : "", &h->numbers[h->field - 3]))
                h->bad = true;
        h->field++;
}

static void head_end(int terminator, void *userdata)
{
        Head *h = userdata;

        h->bad = h->bad || (!h->ended && h->field < 5);
        h->ended = true;
}

int registry_export_ceilings(const char *path, uint64_t *ret_incident_ceiling, uint64_t *ret_seq_ceiling)
{
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        struct csv_parser parser;
        char bytes[1024]; /* the site's name is short */
        Head head = {0};
        ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));

        if (n < 0)
                return errno == ENOENT ? REGISTRY_E_MISSING : error_origin(-errno);
        ASSERT(csv_init(&parser, CSV_STRICT | CSV_APPEND_NULL) == 0);
        if (csv_parse(&parser, bytes, (size_t)n, head_field, head_end, &head) != (size_t)n)
                head.bad = head.bad || !head.ended;
        csv_free(&parser);
        if (head.bad || !head.ended)
                return REGISTRY_E_INVALID;
        ceilings_raise(path, &head.numbers[0], &head.numbers[1]);
        *ret_incident_ceiling = head.numbers[0];
        *ret_seq_ceiling = head.numbers[1];
        return 0;
}
