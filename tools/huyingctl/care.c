/* SPDX-License-Identifier: Apache-2.0 */
/* Devices and residents between alarms: unprotected, testbox, testok, shelve, away. */
#include "tools/huyingctl/huyingctl.h"

#include "base/parse.h"
#include "base/str.h"

#include <inttypes.h>
#include <string.h>

static void on_resident(void *userdata, const char *key, const char *const *m)
{
        char since[20];

        time_text(m[6], since);
        table_row(userdata, (const char *[]){m[0], m[1], m[2],
                                    str_equal(m[3], "1") || str_equal(m[3], "true") ? "无保护 unprotected"
                                                                                    : "部分 in part",
                                    m[4], m[5], since});
}

static void on_proof(void *userdata, const char *key, const char *const *m)
{
        char tried[20];

        time_text(m[3], tried);
        table_row(userdata, (const char *[]){m[0], m[1], m[2], tried[0] ? tried : "从未 never"});
}

/* Those at the highest risk first: whom to visit. Exit code 3 when there is anybody. */
int verb_unprotected(Ctl *ctl, int argc, char **argv)
{
        static const char *const titles[] = {"老人 RESIDENT", "住户 HOME", "网格 GRID", "状态 STATE",
                "设备 DEVICE", "原因 WHY", "自 SINCE", NULL};
        static const char *const proof_titles[] = {
                "设备 DEVICE", "住户 HOME", "网格 GRID", "上次测试 TESTED", NULL};
        static const char *const members[] = {"$.resident", "$.dwelling", "$.grid", "$.unprotected",
                "$.down[0].device", "$.down[0].why", "$.down[0].since"};
        static const char *const proof_members[] = {"$.device", "$.dwelling", "$.grid", "$.tried"};
        _cleanup_(freep) char *json = NULL;
        Table *people, *proofs;
        int n, overdue;
        Exit e = bus_ask(ctl, &json, "Unprotected", "");

        if (e != EXIT_OK)
                return e;
        people = table_new(titles);
        proofs = table_new(proof_titles);
        n = json_each(json, strlen(json), "$.residents", members, 7, on_resident, people);
        overdue = json_each(json, strlen(json), "$.proof_overdue", proof_members, 4, on_proof, proofs);
        if (ctl->json) {
                (void)puts(json);
                scols_unref_table(people);
                scols_unref_table(proofs);
                return n > 0 ? EXIT_NOT_WELL : EXIT_OK;
        }
        (void)printf("设备失效的老人：%d / residents with devices that do not work: %d\n", n, n);
        (void)table_print(people);
        (void)printf(
                "超期未测试的设备：%d / devices that nobody has tried for too long: %d\n", overdue, overdue);
        (void)table_print(proofs);
        return n > 0 ? EXIT_NOT_WELL : EXIT_OK;
}

/* testbox DEVICE · testok N · shelve DEVICE [TIME] · away RESIDENT home|away|hospital [TIME] */
int verb_care(Ctl *ctl, int argc, char **argv)
{
        bool away = str_equal(argv[0], "away"), ok = str_equal(argv[0], "testok");
        const char *span = away                                       ? (argc > 3 ? argv[3] : NULL)
                           : str_equal(argv[0], "shelve") && argc > 2 ? argv[2]
                                                                      : NULL;
        char more[512];
        Str s = STR_BUFFER(more);
        uint64_t us = 0, incident = 0;

        if (span && (!parse_duration(span, &us) || us < USEC_PER_SEC)) {
                complain("时长写作 30min、4h、3d", "a time is wanted, as in 30min, 4h, 3d: %s", span);
                return EXIT_USAGE;
        }
        if (ok && (!parse_u64(argv[1], &incident) || incident == 0)) {
                complain("编号是一个数", "the incident is a number: %s", argv[1]);
                return EXIT_USAGE;
        }
        if (ok) {
                str_addf(&s, ",\"incident\":%" PRIu64, incident);
        } else {
                str_addf(&s, ",\"%s\":", away ? "resident" : "device");
                str_json(&s, argv[1]);
        }
        if (away) {
                str_add(&s, ",\"mode\":");
                str_json(&s, argv[2]);
        }
        if (us)
                str_addf(&s, ",\"for\":%" PRIu64, (uint64_t)(us / USEC_PER_SEC));
        if (s.full) {
                complain("内容过长", "too long");
                return EXIT_USAGE;
        }
        return act_as(ctl, ok ? "test_confirm" : str_equal(argv[0], "testbox") ? "test" : argv[0], more);
}
