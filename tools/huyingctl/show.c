/* SPDX-License-Identifier: Apache-2.0 */
/* show, verify: what the journal says, read from the database itself, so that it works while the daemon is
 * down. */
#include "tools/huyingctl/huyingctl.h"

#include "base/parse.h"
#include "base/str.h"
#include "protocols/codec/codec.h"

#include <inttypes.h>
#include <string.h>

Exit journal_open(const Ctl *ctl, Audit **ret)
{
        char why[128];
        int r = audit_open(ret, ctl->config.state_directory, why);

        if (r == 0)
                return EXIT_OK;
        complain("读不了记录", "%s", r > 0 ? why : strerror(-r));
        return EXIT_ERROR;
}

#define PEOPLE_MAX 64

/* Whom the timeline names. The whole registry would be most of the work, and nobody asks for it. */
typedef struct Person {
        char code[CODE_SIZE], name[128];
} Person;

typedef struct Timeline {
        Table *table;
        const Ctl *ctl;
        Person people[PEOPLE_MAX], owner;
        unsigned n_people;
        char dwelling[CODE_SIZE], resident[CODE_SIZE];
        bool json;
        unsigned n;
} Timeline;

/* The member, or "" when there is none. */
static const char *body(const AuditRow *row, const char *path, char *buffer, size_t cap)
{
        if (!row->body || !json_text(row->body, row->body_size, path, buffer, cap))
                buffer[0] = 0;
        return buffer;
}

#define BODY(path) body(row, (path), (char[256]){0}, 256)

static void add_pair(Str *s, const char *name, const char *value)
{
        if (value[0])
                str_addf(s, "%s%s %s", s->n > 0 ? "  " : "", name, value);
}

static void add_reason(Str *s, const char *word)
{
        for (unsigned i = 1; i < REASON_MAX; i++)
                if (str_equal(word, reason_word((Reason)i))) {
                        str_addf(s, "%s%s / %s", s->n > 0 ? "  " : "", notice_reason((Reason)i, false),
                                notice_reason((Reason)i, true));
                        return;
                }
}

static void detail(const AuditRow *row, Str *s)
{
        const char *vital = BODY("$.vital");

        if (!row->body) {
                str_add(s, "依法删除 / lawfully erased");
                return;
        }
        add_reason(s, BODY("$.reason"));
        if (vital[0])
                str_addf(s, "%s%s %s (%s)", s->n > 0 ? "  " : "", vital, BODY("$.value"), BODY("$.limit"));
        add_pair(s, "警 alarm", BODY("$.kind"));
        add_pair(s, "经 via", BODY("$.via"));
        add_pair(s, "号 id", BODY("$.id"));
        add_pair(s, "渠道 channel", BODY("$.channel"));
        add_pair(s, "结果 outcome", BODY("$.outcome"));
        add_pair(s, "移交 to", BODY("$.agency"));
        add_pair(s, "交 to", BODY("$.to"));
        add_pair(s, "备注 note", BODY("$.payload.note"));
        add_pair(s, "!", BODY("$.why"));
}

/* The person or the device, with the person's name as the registry has it now. */
static void who(const Timeline *t, const AuditRow *row, Str *s)
{
        const char *worker = BODY("$.worker"), *source = BODY("$.source"), *device = BODY("$.device");
        char name[128];

        if (worker[0]) {
                unsigned i = 0;

                while (i < t->n_people && !str_equal(t->people[i].code, worker))
                        i++;
                str_addf(s, "%s%s%s", worker, i < t->n_people ? " " : "",
                        i < t->n_people ? name_shown(t->ctl, t->people[i].name, name, sizeof(name)) : "");
        } else if (BODY("$.via")[0]) /* a device's own doing; else it was a timer's */
                str_add(s, source[0] ? source : device);
}

static void lateness(const AuditRow *row, Str *s)
{
        double due;

        if (!row->body || !json_double(row->body, row->body_size, "$.due", &due))
                return;
        if (json_bool(row->body, row->body_size, "$.late"))
                str_addf(s, "%.0f s", (double)row->t_us / (double)USEC_PER_SEC - due);
}

static void row_json(const Timeline *t, const AuditRow *row)
{
        (void)printf("%s{\"seq\":%" PRIu64
                     ",\"time\":%.6f,\"clock_trusted\":%s,\"kind\":\"%s\",\"body\":%.*s}",
                t->n > 0 ? "," : "", row->seq, (double)row->t_us / (double)USEC_PER_SEC,
                row->time_quality ? "true" : "false", journal_kind_word(row->kind),
                row->body ? (int)row->body_size : 4, row->body ? row->body : "null");
}

static bool on_row(void *userdata, const AuditRow *row)
{
        Timeline *t = userdata;
        char seq[24], when[32], what[128], whom[160] = "", tier[16] = "", details[1024] = "", late[32] = "";
        Str a = STR_BUFFER(seq), b = STR_BUFFER(when), c = STR_BUFFER(what), d = STR_BUFFER(whom),
            e = STR_BUFFER(tier), f = STR_BUFFER(details), g = STR_BUFFER(late);
        char local[20];

        if (t->json) {
                row_json(t, row);
                t->n++;
                return true;
        }
        clock_format_local(row->t_us, local);
        str_addf(&a, "%" PRIu64, row->seq);
        str_addf(&b, "%s.%03u%s", local, (unsigned)(row->t_us / 1000 % 1000), row->time_quality ? "" : "?");
        str_addf(&c, "%s %s", notice_journal_kind(row->kind, false), notice_journal_kind(row->kind, true));
        who(t, row, &d);
        if (BODY("$.tier")[0])
                str_addf(&e, "%s/%s", BODY("$.tier"), BODY("$.round"));
        detail(row, &f);
        lateness(row, &g);
        table_row(t->table, (const char *[]){seq, when, what, whom, tier, late, details});
        t->n++;
        return true;
}

static void text_take(const AuditCell *c, char *ret, size_t cap)
{
        (void)str_copy(ret, cap, c->null ? "" : c->text); /* cut is fine: a code fits */
}

static bool person_row(void *userdata, const AuditCell *c)
{
        Timeline *t = userdata;
        Person *p = &t->people[t->n_people++];

        text_take(&c[0], p->code, sizeof(p->code));
        text_take(&c[1], p->name, sizeof(p->name));
        return t->n_people < PEOPLE_MAX;
}

static bool place_row(void *userdata, const AuditCell *c)
{
        Timeline *t = userdata;

        text_take(&c[0], t->dwelling, sizeof(t->dwelling));
        text_take(&c[1], t->resident, sizeof(t->resident));
        text_take(&c[2], t->owner.code, sizeof(t->owner.code));
        text_take(&c[3], t->owner.name, sizeof(t->owner.name));
        return false;
}

/* Unknown ones stay without a name. */
static void names_get(Timeline *t, Audit *audit, uint64_t incident)
{
        const AuditCell id = {.number = (int64_t)incident};

        (void)audit_query(audit,
                "SELECT d.code, r.code, w.code, w.name FROM incident i LEFT JOIN dwelling d ON d.id = i.dwelling"
                " LEFT JOIN resident r ON r.id = i.resident LEFT JOIN worker w ON w.id = i.owner WHERE i.id = ?1",
                &id, 1, place_row, t);
        (void)audit_query(audit,
                "SELECT DISTINCT w.code, w.name FROM journal j CROSS JOIN worker w ON w.id = j.worker"
                " WHERE j.incident = ?1 AND w.retired = 0",
                &id, 1, person_row, t);
}

static void head_print(const Timeline *t, const StateRow *row)
{
        char name[128];
        const char *class = class_word((Class)row->class), *state = state_word((State)row->state);

        (void)printf("%" PRIu64 " 号 / incident %" PRIu64
                     "  %s %s  P%u  %s %s  住处 home %s  设备 device %s",
                row->id, row->id, class_zh(class), class, row->priority, state_zh(state), state,
                t->dwelling[0] ? t->dwelling : "-", row->source[0] ? row->source : "-");
        if (t->owner.code[0])
                (void)printf("  承办 owner %s %s", t->owner.code,
                        name_shown(t->ctl, t->owner.name, name, sizeof(name)));
        if (row->outcome[0])
                (void)printf("  结果 outcome %s", row->outcome);
        (void)putchar('\n');
}

static Exit timeline_print(Timeline *t, Audit *audit, const StateRow *row)
{
        static const char *const titles[] = {
                ">序号 SEQ", "时间 TIME", "事 WHAT", "谁 WHO", "级/轮 TIER", "晚 LATE", "说明 DETAIL", NULL};
        int r;

        t->table = table_new(titles);
        if (t->json)
                (void)printf("{\"incident\":%" PRIu64
                             ",\"class\":\"%s\",\"priority\":%u,\"state\":\"%s\",\"rows\":[",
                        row->id, class_word((Class)row->class), row->priority,
                        state_word((State)row->state));
        else
                head_print(t, row);
        r = audit_rows(audit, row->id, 0, UINT64_MAX, on_row, t);
        if (r < 0) {
                scols_unref_table(t->table);
                complain("读不了记录", "%s", strerror(-r));
                return EXIT_ERROR;
        }
        if (!t->json)
                return table_print(t->table);
        scols_unref_table(t->table);
        (void)puts("]}");
        return EXIT_OK;
}

int verb_show(Ctl *ctl, int argc, char **argv)
{
        _cleanup_(audit_freep) Audit *audit = NULL;
        Timeline t = {.ctl = ctl, .json = ctl->json};
        uint64_t incident;
        char what[40];
        StateRow row;
        Exit e;

        (void)snprintf(what, sizeof(what), "show %.20s", argv[1]);
        if (!parse_u64(argv[1], &incident) || incident == 0) {
                complain("编号是一个数", "the incident is a number: %s", argv[1]);
                return EXIT_USAGE;
        }
        e = journal_open(ctl, &audit);
        if (e != EXIT_OK)
                return e;
        if (!audit_incident(audit, incident, &row)) {
                complain("没有这件警情", "no such incident: %s", argv[1]);
                return EXIT_ERROR;
        }
        names_get(&t, audit, incident);
        e = unmask(ctl, what, t.resident);
        if (e != EXIT_OK)
                return e;
        return timeline_print(&t, audit, &row);
}
