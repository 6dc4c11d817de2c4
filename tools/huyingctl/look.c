/* SPDX-License-Identifier: Apache-2.0 */
/* status, list, duty: how things are now. */
#include "tools/huyingctl/huyingctl.h"

#include "base/parse.h"
#include "base/str.h"

#include <inttypes.h>
#include <string.h>

static uint64_t number_of(const char *json, const char *path)
{
        uint64_t n = 0;

        (void)json_u64(json, strlen(json), path, &n); /* an older gateway does not say it */
        return n;
}

static void status_problems(const char *json)
{
        char why[256];

        if (number_of(json, "$.unanswered") > 0)
                (void)printf("  ！%" PRIu64 " 件紧急警情无人接单 / urgent and not accepted\n",
                        number_of(json, "$.unanswered"));
        if (number_of(json, "$.overdue") > 0)
                (void)printf("  ！%" PRIu64 " 件超时 / overdue\n", number_of(json, "$.overdue"));
        if (!json_bool(json, strlen(json), "$.mqtt"))
                (void)puts("  ！连不上消息服务器 / the broker cannot be reached");
        if (number_of(json, "$.on_duty") == 0)
                (void)puts("  ！无人在岗 / nobody is on duty");
        if (json_text(json, strlen(json), "$.why", why, sizeof(why)) && why[0])
                (void)printf("  ！存储 / storage: %s\n", why);
}

int verb_status(Ctl *ctl, int argc, char **argv)
{
        _cleanup_(freep) char *json = NULL;
        char state[32] = "", site[64] = "", version[32] = "";
        bool ok;
        Exit e;

        e = bus_ask(ctl, &json, "Status", "");
        if (e != EXIT_OK)
                return e;
        if (!json_text(json, strlen(json), "$.state", state, sizeof(state))) {
                complain("看不懂网关的回答", "the gateway's answer is not understood");
                return EXIT_ERROR;
        }
        ok = str_equal(state, "ok");
        if (ctl->json) {
                (void)puts(json);
                return ok ? EXIT_OK : EXIT_NOT_WELL;
        }
        (void)json_text(json, strlen(json), "$.site", site, sizeof(site));
        (void)json_text(json, strlen(json), "$.version", version, sizeof(version));
        (void)printf("%s / %s\n",
                ok                             ? "一切正常"
                : str_equal(state, "degraded") ? "降级运行：存储有故障，呼叫照常"
                                               : "需要有人处理",
                ok                             ? "all is well"
                : str_equal(state, "degraded") ? "degraded: storage fails, calls go on"
                                               : "needs attention");
        status_problems(json);
        (void)printf("  社区 site %s  未办结 open %" PRIu64 "  在岗 on duty %" PRIu64 "/%" PRIu64
                     "  设备 devices %" PRIu64 "\n",
                site, number_of(json, "$.open"), number_of(json, "$.on_duty"), number_of(json, "$.workers"),
                number_of(json, "$.devices"));
        (void)printf("  已落盘 recorded #%" PRIu64 "  待发 waiting %" PRIu64 "  运行 up %" PRIu64
                     " s  版本 version %s\n",
                number_of(json, "$.recorded_seq"), number_of(json, "$.waiting"), number_of(json, "$.uptime"),
                version);
        return ok ? EXIT_OK : EXIT_NOT_WELL;
}

/* ---- list ---- */

static const char *const list_titles[] = {">编号 N", ">P", "类别 CLASS", "状态 STATE", ">级 TIER",
        ">轮 ROUND", "立案 OPENED", "住处 HOME", "设备 DEVICE", "承办 OWNER", NULL};

static void list_row(Table *t, const char *n, const char *priority, const char *class, const char *state,
        const char *tier, const char *round, const char *opened, const char *home, const char *device,
        const char *owner)
{
        char class_text[64], state_text[64];
        Str c = STR_BUFFER(class_text), s = STR_BUFFER(state_text);

        str_addf(&c, "%s %s", class_zh(class), str_equal(class, "sos") ? "" : class);
        str_addf(&s, "%s %s", state_zh(state), state);
        table_row(t, (const char *[]){
                             n, priority, class_text, state_text, tier, round, opened, home, device, owner});
}

static void list_on_incident(void *userdata, const char *key, const char *const *m)
{
        char opened[20];

        time_text(m[6], opened);
        list_row(userdata, m[0], m[1], m[2] ? m[2] : "", m[3] ? m[3] : "", m[4], m[5], opened, m[7], m[8],
                m[9]);
}

static Exit list_open(const char *json)
{
        static const char *const members[] = {"$.incident", "$.priority", "$.class", "$.state", "$.tier",
                "$.round", "$.opened", "$.dwelling", "$.device", "$.owner"};
        Table *t = table_new(list_titles);
        int n = json_each(json, strlen(json), "$", members, 10, list_on_incident, t);

        if (n == 0) {
                scols_unref_table(t);
                (void)puts("没有未办结的警情 / no open incidents");
                return EXIT_OK;
        }
        return n < 0 ? (scols_unref_table(t), EXIT_ERROR) : table_print(t);
}

typedef struct ListRead {
        Table *table;
        const Registry *registry;
        unsigned n;
        bool json;
} ListRead;

static void list_print_json(const ListRead *l, const StateRow *row)
{
        const Worker *owner = registry_worker(l->registry, row->owner);
        const Dwelling *d = registry_dwelling(l->registry, row->dwelling);
        char line[1024];
        Str s = STR_BUFFER(line);

        str_addf(&s,
                "%s{\"incident\":%" PRIu64 ",\"class\":\"%s\",\"priority\":%u,\"state\":\"%s\",\"tier\":%u,"
                "\"round\":%u,\"opened\":%.3f",
                l->n > 0 ? "," : "[", row->id, class_word((Class)row->class), row->priority,
                state_word((State)row->state), row->tier, row->round,
                (double)row->opened_us / (double)USEC_PER_SEC);
        str_add(&s, ",\"dwelling\":");
        str_json(&s, d ? d->code : NULL);
        str_add(&s, ",\"device\":");
        str_json(&s, row->source[0] ? row->source : NULL);
        str_add(&s, ",\"owner\":");
        str_json(&s, owner ? owner->code : NULL);
        str_add(&s, ",\"outcome\":");
        str_json(&s, row->outcome[0] ? row->outcome : NULL);
        str_add(&s, "}");
        (void)fputs(line, stdout);
}

static bool list_on_row(void *userdata, const StateRow *row)
{
        ListRead *l = userdata;
        const Worker *owner = registry_worker(l->registry, row->owner);
        const Dwelling *d = registry_dwelling(l->registry, row->dwelling);
        char n[24], priority[8], tier[8], round[16], opened[20];
        Str a = STR_BUFFER(n), b = STR_BUFFER(priority), c = STR_BUFFER(tier), e = STR_BUFFER(round);

        if (l->json) {
                list_print_json(l, row);
                l->n++;
                return true;
        }
        str_addf(&a, "%" PRIu64, row->id);
        str_addf(&b, "%u", row->priority);
        str_addf(&c, "%u", row->tier);
        str_addf(&e, "%" PRIu32, row->round);
        clock_format_local(row->opened_us, opened);
        list_row(l->table, n, priority, class_word((Class)row->class), state_word((State)row->state), tier,
                round, opened, d ? d->code : NULL, row->source, owner ? owner->code : NULL);
        l->n++;
        return true;
}

/* From the database: everything that is on disk. */
static Exit list_recorded(const Ctl *ctl)
{
        _cleanup_(audit_freep) Audit *audit = NULL;
        _cleanup_(registry_unrefp) Registry *registry = NULL;
        ListRead l = {.json = ctl->json};
        char why[128];
        int r;

        r = audit_open(&audit, ctl->config.state_directory, why);
        if (r != 0) {
                complain("读不了记录", "%s", r > 0 ? why : strerror(-r));
                return EXIT_ERROR;
        }
        r = audit_registry(audit, &registry);
        if (r < 0)
                r = registry_new(&registry); /* codes stay empty; the list is what matters */
        if (r < 0)
                return EXIT_ERROR;
        l.registry = registry;
        l.table = table_new(list_titles);
        r = audit_incidents(audit, ctl->all, list_on_row, &l);
        if (ctl->json)
                (void)puts(l.n > 0 ? "]" : "[]");
        else if (r >= 0 && l.n == 0)
                (void)puts("没有警情 / no incidents");
        else if (r >= 0)
                return table_print(l.table);
        scols_unref_table(l.table);
        return r < 0 ? EXIT_ERROR : EXIT_OK;
}

int verb_list(Ctl *ctl, int argc, char **argv)
{
        _cleanup_(freep) char *json = NULL;

        if (ctl->all)
                return list_recorded(ctl);
        switch (bus_call(ctl, &json, "List", "b", 0)) {
        case BUS_FAILED: return EXIT_ERROR;
        case BUS_OK:
                if (!ctl->json)
                        return list_open(json);
                (void)puts(json);
                return EXIT_OK;
        case BUS_DOWN:
                complain(
                        "网关没有运行，以下是已落盘的", "the gateway does not run; this is what is on disk");
                return list_recorded(ctl);
        }
        return EXIT_ERROR;
}

/* ---- duty ---- */

typedef struct DutyList {
        Table *table;
        bool all;
        unsigned n;
} DutyList;

static void duty_on_worker(void *userdata, const char *key, const char *const *m)
{
        DutyList *d = userdata;
        bool on = m[4] && str_equal(m[4], "1");

        if (!on && !d->all)
                return;
        d->n++;
        table_row(d->table, (const char *[]){m[0], m[1] ? role_zh(m[1]) : "", m[1], m[2], m[3],
                                    on ? "在岗 on" : "不在 off"});
}

static Exit duty_list(const Ctl *ctl)
{
        static const char *const titles[] = {
                "代码 CODE", "角色", "ROLE", "范围 SCOPE", "终端 CLIENT", "在岗 DUTY", NULL};
        static const char *const members[] = {"$.worker", "$.role", "$.scope", "$.client", "$.on"};
        _cleanup_(freep) char *json = NULL;
        DutyList d = {.all = ctl->all};
        Exit e;

        e = bus_ask(ctl, &json, "Workers", "");
        if (e != EXIT_OK)
                return e;
        if (ctl->json) {
                (void)puts(json);
                return EXIT_OK;
        }
        d.table = table_new(titles);
        if (json_each(json, strlen(json), "$", members, 5, duty_on_worker, &d) >= 0 && d.n > 0)
                return table_print(d.table);
        scols_unref_table(d.table);
        (void)puts("无人在岗 / nobody is on duty");
        return EXIT_NOT_WELL;
}

int verb_duty(Ctl *ctl, int argc, char **argv)
{
        if (argc == 1)
                return duty_list(ctl);
        return verb_act(ctl, argc, argv);
}
