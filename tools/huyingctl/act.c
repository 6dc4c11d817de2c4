/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator or a desk does: answers, duty, import, drill. The gateway answers after the commit. */
#include "tools/huyingctl/huyingctl.h"

#include "base/parse.h"
#include "base/str.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#define IMPORT_US (300 * USEC_PER_SEC) /* from a slow stick */

/* 64 random bits: the gateway remembers a nonce for a day, and answers the same one the same way. */
static bool nonce_make(char ret[24])
{
        Str s = {.p = ret, .cap = 24};
        uint64_t random;

        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return false;
        str_addf(&s, "ctl-%016" PRIx64, random);
        return true;
}

typedef struct Desks {
        char code[CODE_SIZE];
        unsigned n;
} Desks;

static void on_worker(void *userdata, const char *key, const char *const *m)
{
        Desks *d = userdata;

        if (!m[0] || !m[1] || !(str_equal(m[1], "community") || str_equal(m[1], "night-desk")))
                return;
        d->n++;
        (void)str_copy(d->code, sizeof(d->code), m[0]); /* a code fits */
}

/* In whose name: --as, else the only desk there is. */
static Exit actor_find(const Ctl *ctl, char ret[CODE_SIZE])
{
        static const char *const members[] = {"$.worker", "$.role"};
        _cleanup_(freep) char *json = NULL;
        Desks d = {.n = 0};
        Exit e;

        if (ctl->as) {
                if (str_copy(ret, CODE_SIZE, ctl->as) && str_code(ret))
                        return EXIT_OK;
                complain("不是人员代码", "not a worker's code: %s", ctl->as);
                return EXIT_USAGE;
        }
        e = bus_ask(ctl, &json, "Workers", "");
        if (e != EXIT_OK)
                return e;
        if (json_each(json, strlen(json), "$", members, 2, on_worker, &d) >= 0 && d.n == 1) {
                (void)str_copy(ret, CODE_SIZE, d.code);
                return EXIT_OK;
        }
        complain("请用 --as 说明以谁的名义", "say in whose name with --as WORKER: there is %s desk",
                d.n == 0 ? "no" : "more than one");
        return EXIT_USAGE;
}

static void reply_print(const char *json, const char *actor, bool ok)
{
        char text[512] = "", state[32] = "", result[32] = "", reason[64] = "";

        if (!json_text(json, strlen(json), "$.text", text, sizeof(text)))
                (void)str_copy(text, sizeof(text), json);
        (void)json_text(json, strlen(json), "$.state", state, sizeof(state)); /* on and off have none */
        (void)json_text(json, strlen(json), "$.result", result, sizeof(result));
        (void)json_text(json, strlen(json), "$.reason", reason, sizeof(reason));
        if (ok)
                (void)printf("%s（%s）%s%s\n", text, actor, state[0] ? " / " : "", state);
        else
                complain(text, "%s: %s (%s)", result[0] ? result : "no result", reason, actor);
        if (strstr(json, "\"recorded\":false"))
                (void)puts("！尚未落盘：存储有故障 / not recorded yet: storage fails");
}

static Exit act(const Ctl *ctl, const char *actor, const char *request)
{
        _cleanup_(freep) char *json = NULL;
        char result[32] = "";
        bool ok;
        Exit e;

        e = bus_ask(ctl, &json, "Act", "ss", actor, request);
        if (e != EXIT_OK)
                return e;
        (void)json_text(json, strlen(json), "$.result", result, sizeof(result)); /* else it is no "ok" */
        ok = str_equal(result, "ok");
        if (ctl->json)
                (void)puts(json);
        else
                reply_print(json, actor, ok);
        return ok ? EXIT_OK : EXIT_ERROR;
}

static void member(Str *s, const char *name, const char *value)
{
        if (!value)
                return;
        str_addf(s, ",\"%s\":", name);
        str_json(s, value);
}

Exit act_as(const Ctl *ctl, const char *action, const char *more)
{
        char request[4096], nonce[24], actor[CODE_SIZE];
        Str s = STR_BUFFER(request);
        Exit e;

        if (!nonce_make(nonce))
                return EXIT_ERROR;
        e = actor_find(ctl, actor);
        if (e != EXIT_OK)
                return e;
        str_addf(&s, "{\"action\":\"%s\",\"nonce\":\"%s\"%s}", action, nonce, more);
        if (s.full) {
                complain("内容过长", "too long");
                return EXIT_USAGE;
        }
        return act(ctl, actor, request);
}

/* accept N · arrived N · resolve N OUTCOME [NOTE] · decline N · release N · reopen N · handoff N AGENCY
 * [REF] · duty on|off */
int verb_act(Ctl *ctl, int argc, char **argv)
{
        const char *verb = argv[0];
        bool duty = str_equal(verb, "duty");
        char request[4096], nonce[24], actor[CODE_SIZE];
        uint64_t incident = 0;
        Str s = STR_BUFFER(request);
        Exit e;

        if (duty && !str_equal(argv[1], "on") && !str_equal(argv[1], "off")) {
                complain("用法", "usage: huyingctl duty [on|off] --as WORKER");
                return EXIT_USAGE;
        }
        if (duty && !ctl->as) {
                complain("请用 --as 说明谁上岗或离岗", "say who with --as WORKER");
                return EXIT_USAGE;
        }
        if (!duty && (!parse_u64(argv[1], &incident) || incident == 0)) {
                complain("编号是一个数", "the incident is a number: %s", argv[1]);
                return EXIT_USAGE;
        }
        if (!nonce_make(nonce))
                return EXIT_ERROR;
        e = actor_find(ctl, actor);
        if (e != EXIT_OK)
                return e;
        str_addf(&s, "{\"action\":\"%s\",\"nonce\":\"%s\"", duty ? argv[1] : verb, nonce);
        if (incident)
                str_addf(&s, ",\"incident\":%" PRIu64, incident);
        if (str_equal(verb, "resolve")) {
                member(&s, "outcome", argv[2]);
                member(&s, "note", argc > 3 ? argv[3] : NULL);
        } else if (str_equal(verb, "handoff")) {
                member(&s, "agency", argv[2]);
                member(&s, "ref", argc > 3 ? argv[3] : NULL);
        }
        str_add(&s, "}");
        if (s.full) {
                complain("说明过长", "the note is too long");
                return EXIT_USAGE;
        }
        return act(ctl, actor, request);
}

int verb_import(Ctl *ctl, int argc, char **argv)
{
        _cleanup_(freep) char *folder = realpath(argv[1], NULL);
        _cleanup_(freep) char *json = NULL;
        char result[32] = "", file[256] = "", text[512] = "";
        uint64_t line = 0, column = 0, devices = 0;
        Exit e;

        if (!folder) {
                complain("没有这个文件夹", "%s: %s", argv[1], strerror(errno));
                return EXIT_ERROR;
        }
        ctl->answer_us = IMPORT_US;
        e = bus_ask(ctl, &json, "Import", "s", folder);
        if (e != EXIT_OK)
                return e;
        (void)json_text(json, strlen(json), "$.result", result, sizeof(result)); /* else it is no "ok" */
        if (ctl->json)
                (void)puts(json);
        if (str_equal(result, "ok")) {
                (void)json_u64(json, strlen(json), "$.devices", &devices);
                if (!ctl->json)
                        (void)printf("已换用：%" PRIu64 " 台设备 / imported: %" PRIu64 " devices\n", devices,
                                devices);
                return EXIT_OK;
        }
        (void)json_text(json, strlen(json), "$.file", file, sizeof(file));
        (void)json_text(json, strlen(json), "$.text", text, sizeof(text));
        (void)json_u64(json, strlen(json), "$.line", &line);
        (void)json_u64(json, strlen(json), "$.column", &column);
        if (!ctl->json)
                complain("登记表有误，未换用", "%s:%" PRIu64 ":%" PRIu64 ": %s", file, line, column, text);
        return EXIT_ERROR;
}

int verb_drill(Ctl *ctl, int argc, char **argv)
{
        _cleanup_(freep) char *json = NULL;
        char request[256], nonce[24], incident[24] = "", seq[24] = "";
        Str s = STR_BUFFER(request);
        Exit e;

        if (ctl->call && !ctl->yes) {
                complain("--call 会呼叫真人，直到有人接单；确要如此请加 --yes",
                        "--call calls real people until somebody accepts; add --yes if you mean it");
                return EXIT_USAGE;
        }
        if (!nonce_make(nonce))
                return EXIT_ERROR;
        str_addf(&s, "{\"id\":\"%s\",\"kind\":\"%s\",\"drill\":true}", nonce, ctl->call ? "sos" : "test");
        e = bus_ask(ctl, &json, "Alarm", "ss", argv[1], request);
        if (e != EXIT_OK)
                return e;
        if (ctl->json) {
                (void)puts(json);
                return EXIT_OK;
        }
        (void)json_text(
                json, strlen(json), "$.incident", incident, sizeof(incident)); /* none: nobody is called */
        (void)json_text(json, strlen(json), "$.seq", seq, sizeof(seq));
        if (incident[0])
                (void)printf("已立案 %s 号，正在呼叫真人；请接单并办结 / incident %s, people are being "
                             "called: accept and "
                             "resolve it\n",
                        incident, incident);
        else
                (void)printf("测试已记录（#%s），没有呼叫任何人 / the test is recorded, nobody was called\n",
                        seq);
        return EXIT_OK;
}
