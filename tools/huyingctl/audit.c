/* SPDX-License-Identifier: Apache-2.0 */
/* audit: who was told, when, and what they did. Incidents, rows of the journal (--events), who looked (--access). */
#include "tools/huyingctl/filter.h"
#include "tools/huyingctl/sheet.h"

#include "base/assert.h"
#include "base/idmap.h"
#include "base/parse.h"
#include "base/str.h"
#include "protocols/codec/codec.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct Listing {
        const Ctl *ctl;
        Sheet *sheet;
} Listing;

static void time_cell(const AuditCell *cell, char ret[20])
{
        ret[0] = 0;
        if (!cell->null && cell->number > 0)
                clock_format_local(cell->number, ret);
}

static const char *text_cell(const AuditCell *cell)
{
        return cell->null ? "" : cell->text;
}

/* Seconds with one decimal from milliseconds, "" when unknown. */
static void seconds_cell(const AuditCell *cell, char ret[24])
{
        Str s = {.p = ret, .cap = 24};

        ret[0] = 0;
        if (!cell->null)
                str_addf(&s, "%.1f", (double)cell->number / 1000);
}

static const SheetColumn incident_columns[] = {{"incident", "编号", "N", true},
        {"opened", "立案", "OPENED", false}, {"class", "类别", "CLASS", false},
        {"priority", "级", "P", true}, {"state", "状态", "STATE", false}, {"grid", "网格", "GRID", false},
        {"dwelling", "住处", "HOME", false}, {"resident", "老人", "RESIDENT", false},
        {"resident_name", "姓名", "NAME", false}, {"device", "设备", "DEVICE", false},
        {"owner", "承办", "OWNER", false}, {"owner_name", "承办人", "OWNER NAME", false},
        {"tiers", "级数", "TIERS", true}, {"attempts", "呼叫", "CALLS", true},
        {"accept_s", "接单秒", "ACCEPT S", true}, {"arrive_s", "到达秒", "ARRIVE S", true},
        {"resolve_s", "办结秒", "RESOLVE S", true}, {"reopened", "重开", "REOPENED", true},
        {"outcome", "结果", "OUTCOME", false}};

#define INCIDENT_COLUMNS (sizeof(incident_columns) / sizeof(incident_columns[0]))

static const char incident_sql[] =
        "SELECT i.id, i.opened, i.class, i.priority, i.state, g.code, d.code, r.code, r.name, i.source, "
        "w.code, w.name,"
        " coalesce(k.tiers, i.tier), k.attempts,"
        " CASE WHEN k.incident IS NULL THEN (i.accepted - i.opened) / 1000 ELSE k.accept_ms END,"
        " CASE WHEN k.incident IS NULL THEN (i.arrived - i.opened) / 1000 ELSE k.arrive_ms END,"
        " CASE WHEN k.incident IS NULL THEN (i.resolved - i.opened) / 1000 ELSE k.resolve_ms END,"
        " k.reopened, i.outcome FROM incident i ";
static const char incident_joins[] =
        " LEFT JOIN kpi k ON k.incident = i.id"
        " LEFT JOIN grid g ON g.id = i.grid LEFT JOIN dwelling d ON d.id = i.dwelling"
        " LEFT JOIN resident r ON r.id = i.resident LEFT JOIN worker w ON w.id = coalesce(k.owner, i.owner) "
        "WHERE ";

static bool incident_row(void *userdata, const AuditCell *c)
{
        Listing *l = userdata;
        char opened[20], class_text[64], state[64], accept[24], arrive[24], resolve[24], name[64], owner[64];
        const char *word = class_word((Class)c[2].number), *state_text = state_word((State)c[4].number);
        bool plain = l->ctl->json || l->ctl->option[OPTION_CSV] || l->ctl->option[OPTION_JSONL];

        time_cell(&c[1], opened);
        (void)snprintf(class_text, sizeof(class_text), "%s", plain ? word : class_zh(word));
        (void)snprintf(state, sizeof(state), "%s", plain ? state_text : state_zh(state_text));
        seconds_cell(&c[14], accept);
        seconds_cell(&c[15], arrive);
        seconds_cell(&c[16], resolve);
        sheet_row(l->sheet,
                (const char *[]){c[0].text, opened, class_text, c[3].text, state, text_cell(&c[5]),
                        text_cell(&c[6]), text_cell(&c[7]),
                        name_shown(l->ctl, text_cell(&c[8]), name, sizeof(name)), text_cell(&c[9]),
                        text_cell(&c[10]), name_shown(l->ctl, text_cell(&c[11]), owner, sizeof(owner)),
                        text_cell(&c[12]), text_cell(&c[13]), accept, arrive, resolve, text_cell(&c[17]),
                        text_cell(&c[18])});
        return true;
}

static bool number_row(void *userdata, const AuditCell *cells)
{
        *(int64_t *)userdata = cells[0].null ? 0 : cells[0].number;
        return false;
}

static Exit incidents(const Ctl *ctl, Audit *audit)
{
        char sql[8192];
        Str s = STR_BUFFER(sql);
        int64_t last = 0;
        Sheet sheet;
        Filter f;
        Exit e = filter_incidents(ctl, &f);
        int r;

        if (e != EXIT_OK)
                return e;
        sheet_init(&sheet, incident_columns, INCIDENT_COLUMNS, "");
        r = audit_query(audit, "SELECT max(id) FROM incident", NULL, 0, number_row, &last);
        /* A unary + keeps the planner from the row number when an index does better. */
        str_addf(&s, "%s%s%s%si.id BETWEEN ?1 AND ?2%s ORDER BY i.id", incident_sql, f.by, incident_joins,
                f.indexed ? "+" : "", f.where);
        ASSERT(!s.full);
        if (r == 0 && f.indexed) {
                AuditCell args[FILTER_ARGS_MAX + 2] = {{.number = 0}, {.number = last}};

                memcpy(args + 2, f.args, sizeof(f.args));
                r = audit_query(audit, sql, args, f.n + 2, incident_row, &(Listing){ctl, &sheet});
        } else if (r == 0)
                r = audit_query_slices(
                        audit, sql, 1, (uint64_t)last, f.args, f.n, incident_row, &(Listing){ctl, &sheet});
        e = r == 0 ? sheet_print(ctl, &sheet) : EXIT_ERROR;
        if (r < 0)
                complain("读不了记录", "%s", strerror(-r));
        sheet_deinit(&sheet);
        return e;
}

/* ---- rows ---- */

static const SheetColumn event_columns[] = {{"seq", "序号", "SEQ", true}, {"time", "时间", "TIME", false},
        {"clock_trusted", "时钟可信", "TRUSTED", false}, {"kind", "事", "WHAT", false},
        {"incident", "警情", "INCIDENT", true}, {"grid", "网格", "GRID", false},
        {"dwelling", "住处", "HOME", false}, {"device", "设备", "DEVICE", false},
        {"worker", "人员", "WORKER", false}, {"tier", "级", "TIER", true},
        {"channel", "渠道", "CHANNEL", false}, {"reason", "原因", "REASON", false},
        {"outcome", "结果", "OUTCOME", false}, {"detail", "内容", "DETAIL", false}};

#define EVENT_COLUMNS (sizeof(event_columns) / sizeof(event_columns[0]))

/* What is shown of a row: what its body says in one piece, and the body itself where that may be shown too. */
#define EVENT_SQL                                                                                           \
        "SELECT j.seq, j.t, j.tq, j.kind, j.incident, j.grid, j.dwelling, j.device, j.worker,"              \
        " json_extract(j.body, '$.tier', '$.channel', '$.reason', '$.outcome', '$.kind'), %s FROM "
#define SAID 5 /* tier, channel, reason, outcome, kind */

/* Codes by id, of what is retired too. Each is looked up once: joined to every row they were a quarter of its work. */
typedef struct Codes {
        const char *sql;
        char **codes; /* by id; NULL: not looked up */
        size_t n;
} Codes;

#define CODES_MAX (1u << 20)

/* What bodies say, taken apart. Few different things are said, so what was seen lately is kept, by its hash. */
typedef struct Said {
        char *json, *texts[SAID]; /* json NULL: free; texts NULL: not said */
} Said;

#define SAID_KEPT 512u

typedef struct Events {
        const Ctl *ctl;
        Audit *audit;
        Sheet sheet;
        bool plain;
        Codes grids, dwellings, devices, workers;
        Said said[SAID_KEPT];
} Events;

static bool code_row(void *userdata, const AuditCell *cells)
{
        char **ret = userdata;

        *ret = strdup(text_cell(&cells[0]));
        return false;
}

static const char *code_of(Audit *audit, Codes *c, const AuditCell *id)
{
        size_t at = (size_t)id->number;

        if (id->null || id->number <= 0 || id->number >= CODES_MAX)
                return "";
        if (at >= c->n) {
                size_t n = at < 128 ? 256 : 2 * at;

                c->codes = realloc(c->codes, n * sizeof(char *));
                ASSERT(c->codes);
                memset(c->codes + c->n, 0, (n - c->n) * sizeof(char *));
                c->n = n;
        }
        if (!c->codes[at]) {
                (void)audit_query(
                        audit, c->sql, id, 1, code_row, &c->codes[at]); /* unknown ones have none */
                if (!c->codes[at])
                        c->codes[at] = strdup("");
                ASSERT(c->codes[at]);
        }
        return c->codes[at];
}

static void codes_free(Codes *c)
{
        for (size_t i = 0; i < c->n; i++)
                free(c->codes[i]);
        free(c->codes);
        *c = (Codes){0};
}

static void said_free(Said *said)
{
        free(said->json);
        for (unsigned i = 0; i < SAID; i++)
                free(said->texts[i]);
        *said = (Said){0};
}

typedef struct SaidFill {
        Said *said;
        unsigned n;
} SaidFill;

static void said_take(void *userdata, const char *key, const char *const *texts)
{
        SaidFill *fill = userdata;

        if (fill->n < SAID && texts[0])
                fill->said->texts[fill->n] = strdup(texts[0]);
        fill->n++;
}

static const Said *said_of(Events *e, const AuditCell *cell)
{
        static const char *const element[] = {"$"};
        static const Said nothing;
        Said *said;

        if (cell->null) /* lawfully erased */
                return &nothing;
        said = &e->said[idmap_hash(cell->text, cell->n) % SAID_KEPT];
        if (said->json && str_equal(said->json, cell->text))
                return said;
        said_free(said);
        said->json = strdup(cell->text);
        ASSERT(said->json);
        (void)json_each(
                cell->text, cell->n, "$", element, 1, said_take, &(SaidFill){said, 0}); /* SQLite made it */
        return said;
}

static bool event_row(void *userdata, const AuditCell *c)
{
        Events *e = userdata;
        const char *kind = kind_known(c[3].number) ? journal_kind_word((JournalKind)c[3].number) : "?";
        const Said *said = said_of(e, &c[9]);
        char when[20], seq[24], incident[24] = "";
        Str s = STR_BUFFER(seq), i = STR_BUFFER(incident);

        time_cell(&c[1], when);
        str_i64(&s, c[0].number);
        if (!c[4].null)
                str_i64(&i, c[4].number);
        sheet_row(&e->sheet,
                (const char *[]){seq, when, c[2].number ? "yes" : "no",
                        e->plain || kind[0] == '?' ? kind
                                                   : notice_journal_kind((JournalKind)c[3].number, false),
                        incident, code_of(e->audit, &e->grids, &c[5]),
                        code_of(e->audit, &e->dwellings, &c[6]), code_of(e->audit, &e->devices, &c[7]),
                        code_of(e->audit, &e->workers, &c[8]), said->texts[0], said->texts[1],
                        said->texts[2], said->texts[3],
                        /* what people wrote may name others */
                        e->ctl->unmasked ? text_cell(&c[10]) : said->texts[4]});
        return true;
}

/* The range of rows for --since and --until, from the table of days (UTC). */
static int event_range(const Ctl *ctl, Audit *audit, int64_t *ret_from, int64_t *ret_to)
{
        int64_t since = 0, until = 0;
        int r = audit_query(audit, "SELECT max(seq) FROM journal", NULL, 0, number_row, ret_to);

        *ret_from = 1;
        if (r == 0 && ctl->option[OPTION_SINCE] && time_parse(ctl->option[OPTION_SINCE], &since)) {
                const AuditCell day = {.number = since / (int64_t)USEC_PER_DAY - 1};

                r = audit_query(audit, "SELECT min(first_seq) FROM day WHERE day >= ?1", &day, 1, number_row,
                        ret_from);
        }
        if (r == 0 && ctl->option[OPTION_UNTIL] && time_parse(ctl->option[OPTION_UNTIL], &until)) {
                const AuditCell day = {.number = until / (int64_t)USEC_PER_DAY + 1};
                int64_t end = 0;

                /* the day after: a clock that was years ahead for a time had its later days before */
                r = audit_query(audit,
                        "SELECT min(first_seq) FROM day WHERE day > ?1 AND first_seq >"
                        " (SELECT first_seq FROM day WHERE day = ?1)",
                        &day, 1, number_row, &end);
                if (end > 0)
                        *ret_to = end;
        }
        return r;
}

/*
 * By an index rows come in its order: so their numbers alone are put in order (grouped, or the planner would make one
 * of both and sort whole rows), and the rows then read in the order of the file, in which those of one incident stand
 * together.
 */
static int events_read(Events *e, const Filter *f, int64_t from, int64_t to)
{
        AuditCell args[FILTER_ARGS_MAX + 2] = {{.number = from}, {.number = to}};
        const char *body = e->ctl->unmasked ? "j.body" : "NULL";
        char sql[8192];
        Str s = STR_BUFFER(sql);

        if (!f->indexed) {
                str_addf(&s, EVENT_SQL "journal j WHERE j.seq BETWEEN ?1 AND ?2%s ORDER BY j.seq", body,
                        f->where);
                ASSERT(!s.full);
                return audit_query_slices(
                        e->audit, sql, (uint64_t)from, (uint64_t)to, f->args, f->n, event_row, e);
        }
        str_addf(&s,
                EVENT_SQL
                "(SELECT j.seq AS n FROM journal j WHERE +j.seq BETWEEN ?1 AND ?2%s GROUP BY j.seq)"
                " CROSS JOIN journal j ON j.seq = n",
                body, f->where);
        ASSERT(!s.full);
        memcpy(args + 2, f->args, sizeof(f->args));
        return audit_query(e->audit, sql, args, f->n + 2, event_row, e);
}

static void events_free(Events *e)
{
        Codes *codes[] = {&e->grids, &e->dwellings, &e->devices, &e->workers};

        sheet_deinit(&e->sheet);
        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
                codes_free(codes[i]);
        for (size_t i = 0; i < SAID_KEPT; i++)
                said_free(&e->said[i]);
}

static Exit events(const Ctl *ctl, Audit *audit)
{
        Events events = {.ctl = ctl,
                .audit = audit,
                .plain = ctl->json || ctl->option[OPTION_CSV] || ctl->option[OPTION_JSONL],
                .grids = {.sql = "SELECT code FROM grid WHERE id = ?1"},
                .dwellings = {.sql = "SELECT code FROM dwelling WHERE id = ?1"},
                .devices = {.sql = "SELECT code FROM device WHERE id = ?1"},
                .workers = {.sql = "SELECT code FROM worker WHERE id = ?1"}};
        int64_t from = 1, to = 0;
        Filter f;
        Exit e = filter_events(ctl, &f);
        int r;

        if (e != EXIT_OK)
                return e;
        sheet_init(&events.sheet, event_columns, EVENT_COLUMNS, "");
        r = event_range(ctl, audit, &from, &to);
        audit_spell(audit, false);
        if (r == 0)
                r = events_read(&events, &f, from, to);
        audit_spell(audit, true);
        e = r == 0 ? sheet_print(ctl, &events.sheet) : EXIT_ERROR;
        if (r < 0)
                complain("读不了记录", "%s", strerror(-r));
        events_free(&events);
        return e;
}

/* ---- who looked ---- */

static const SheetColumn access_columns[] = {{"seq", "序号", "SEQ", true}, {"time", "时间", "TIME", false},
        {"act", "行为", "ACT", false}, {"uid", "系统用户", "UID", true}, {"role", "身份", "ROLE", false},
        {"reason", "理由", "REASON", false}, {"what", "查看", "WHAT", false},
        {"resident", "老人", "RESIDENT", false}};

static bool access_row(void *userdata, const AuditCell *c)
{
        Listing *l = userdata;
        char when[20];

        time_cell(&c[1], when);
        sheet_row(l->sheet, (const char *[]){c[0].text, when, text_cell(&c[2]), text_cell(&c[3]),
                                    text_cell(&c[4]), text_cell(&c[5]), text_cell(&c[6]), text_cell(&c[7])});
        return true;
}

static Exit accesses(const Ctl *ctl, Audit *audit)
{
        const char *resident = ctl->option[OPTION_RESIDENT];
        const AuditCell arg = {.text = resident ? resident : "", .n = resident ? strlen(resident) : 0};
        Sheet sheet;
        Exit e;
        int r;

        sheet_init(&sheet, access_columns, sizeof(access_columns) / sizeof(access_columns[0]), "");
        r = audit_query(audit,
                "SELECT seq, t, json_extract(body, '$.admin'), json_extract(body, '$.uid'),"
                " json_extract(body, '$.role'), json_extract(body, '$.reason'), json_extract(body, "
                "'$.what'),"
                " json_extract(body, '$.resident') FROM journal INDEXED BY journal_admin WHERE kind = 7"
                /* whoever saw a list of many saw this person too */
                " AND (?1 = '' OR coalesce(json_extract(body, '$.resident'), ?1) = ?1)"
                /* who was called, and asked to see readings or what has happened */
                " UNION ALL SELECT seq, t, 'viewed', NULL, json_extract(body, '$.worker'), 'incident ' || "
                "incident,"
                " json_extract(body, '$.action'), json_extract(body, '$.resident') FROM journal INDEXED BY "
                "journal_viewed WHERE kind = 61 AND (?1 = '' OR json_extract(body, '$.resident') = ?1) "
                "ORDER BY 1",
                &arg, 1, access_row, &(Listing){ctl, &sheet});
        e = r == 0 ? sheet_print(ctl, &sheet) : EXIT_ERROR;
        if (r < 0)
                complain("读不了记录", "%s", strerror(-r));
        sheet_deinit(&sheet);
        return e;
}

int verb_audit(Ctl *ctl, int argc, char **argv)
{
        _cleanup_(audit_freep) Audit *audit = NULL;
        const char *resident = ctl->option[OPTION_RESIDENT] ? ctl->option[OPTION_RESIDENT] : "";
        const char *what = ctl->option[OPTION_ACCESS]   ? "audit --access"
                           : ctl->option[OPTION_EVENTS] ? "audit --events"
                                                        : "audit";
        Exit e = journal_open(ctl, &audit);

        if (e == EXIT_OK)
                e = unmask(ctl, what, resident);
        if (e != EXIT_OK)
                return e;
        if (ctl->option[OPTION_ACCESS]) {
                if (!ctl->unmasked) /* who looked at whom, and why, is about people too */
                        access_note(ctl, what, resident);
                return accesses(ctl, audit);
        }
        return ctl->option[OPTION_EVENTS] ? events(ctl, audit) : incidents(ctl, audit);
}
