/* SPDX-License-Identifier: Apache-2.0 */
/* erase, backup, restore: what is done to the record, by the gateway that owns it. */
#include "tools/huyingctl/huyingctl.h"

#include "base/str.h"
#include "store/proof.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define BACKUP_US (3600 * USEC_PER_SEC)

static bool count_row(void *userdata, const AuditCell *cells)
{
        *(int64_t *)userdata = cells[0].number;
        return false;
}

static Exit ask(const Ctl *ctl, const char *json, Exit e)
{
        char result[32] = "", text[256] = "";

        if (e != EXIT_OK)
                return e;
        (void)json_text(json, strlen(json), "$.result", result, sizeof(result)); /* else it is no "ok" */
        (void)json_text(json, strlen(json), "$.text", text, sizeof(text));
        if (ctl->json)
                (void)puts(json);
        if (str_equal(result, "ok"))
                return EXIT_OK;
        if (!ctl->json)
                complain("网关拒绝", "the gateway: %s %s", result, text);
        return EXIT_ERROR;
}

int verb_erase(Ctl *ctl, int argc, char **argv)
{
        _cleanup_(audit_freep) Audit *audit = NULL;
        _cleanup_(freep) char *json = NULL;
        const AuditCell code = {.text = argv[1], .n = strlen(argv[1])};
        int64_t known = 0, before = 0, after = 0;
        Exit e;

        if (!ctl->option[OPTION_REASON] || !ctl->option[OPTION_REASON][0]) {
                complain("须写明 --reason（法律依据、申请编号）",
                        "say --reason: the legal ground, the number of the request");
                return EXIT_USAGE;
        }
        e = journal_open(ctl, &audit);
        if (e != EXIT_OK)
                return e;
        if (audit_query(audit, "SELECT count(*) FROM resident WHERE code = ?1", &code, 1, count_row,
                    &known) != 0 ||
                known == 0) {
                complain("没有这位老人", "no such resident: %s", argv[1]);
                return EXIT_ERROR;
        }
        (void)audit_query(
                audit, "SELECT count(*) FROM journal WHERE body IS NULL", NULL, 0, count_row, &before);
        ctl->answer_us = BACKUP_US; /* the row is answered when it is committed, with all that it erases */
        e = bus_ask(ctl, &json, "Erase", "ss", argv[1], ctl->option[OPTION_REASON]);
        e = ask(ctl, json, e);
        if (e != EXIT_OK || ctl->json)
                return e;
        (void)audit_query(
                audit, "SELECT count(*) FROM journal WHERE body IS NULL", NULL, 0, count_row, &after);
        (void)printf("已依法删除 %" PRId64 " 条记录的内容，散列链不变 / the content of %" PRId64
                     " rows is erased, the chain stays\n",
                after - before, after - before);
        if (json_bool(json, strlen(json), "$.registry"))
                (void)puts(
                        "！名册中仍有此人：请从名册删除并重新导入，再执行一次 / still in the registry: take "
                        "the person out, import, and erase again");
        (void)puts("  体征读数随后数分钟内从各日文件中删除，完成时记一条 readings_erased；备份与已导出的文件不在此列 / "
                   "readings go from the files of each day within minutes, a row readings_erased says when they "
                   "have; not in backups and exports");
        return EXIT_OK;
}

int verb_backup(Ctl *ctl, int argc, char **argv)
{
        _cleanup_(freep) char *json = NULL;
        char path[4096], folder[4096];
        Str s = STR_BUFFER(path);
        struct stat st;
        Exit e;

        if (argv[1][0] != '/') {
                if (!getcwd(folder, sizeof(folder)))
                        return EXIT_ERROR;
                str_addf(&s, "%s/", folder);
        }
        str_add(&s, argv[1]);
        ctl->answer_us = BACKUP_US;
        e = bus_ask(ctl, &json, "Backup", "s", path);
        e = ask(ctl, json, e);
        if (e == EXIT_OK && !ctl->json)
                (void)printf("已备份 / backed up: %s (%lld bytes)\n"
                             "  体征读数不在其中：另行复制 %s/readings，其中文件只增不改（依法删除除外） / readings are not "
                             "in it: copy %s/readings too, whose files only grow (but for an erasure)\n",
                        path, stat(path, &st) == 0 ? (long long)st.st_size : -1, ctl->config.state_directory,
                        ctl->config.state_directory);
        return e;
}

/* A drill: everything a restoration would do, but putting the file in its place. */
int verb_restore(Ctl *ctl, int argc, char **argv)
{
        _cleanup_(audit_freep) Audit *audit = NULL;
        ProofVerdict v;
        int64_t open = 0, incidents = 0;
        char why[128];
        int r;

        if (!ctl->option[OPTION_CHECK]) {
                complain("恢复：停止 huyingd，把文件放到 StateDirectory/journal.db，再启动；先用 --check "
                         "演练",
                        "to restore: stop huyingd, put the file in StateDirectory/journal.db, start; "
                        "--check tries it");
                return EXIT_USAGE;
        }
        r = audit_open_file(&audit, argv[1], why);
        if (r != 0) {
                complain("备份不可用", "%s", r > 0 ? why : strerror(-r));
                return EXIT_NOT_WELL;
        }
        r = proof_verify(audit, &(ProofRequest){.to = UINT64_MAX}, &v);
        if (r == 0)
                r = audit_query(audit, "SELECT count(*) FROM incident WHERE closed IS NULL", NULL, 0,
                        count_row, &open);
        if (r == 0)
                r = audit_query(audit, "SELECT count(*) FROM incident", NULL, 0, count_row, &incidents);
        if (r < 0) {
                complain("备份不可用", "%s", strerror(-r));
                return EXIT_NOT_WELL;
        }
        if (!v.good) {
                complain("备份不可用", "row %" PRIu64 ": %s", v.bad, v.why);
                return EXIT_NOT_WELL;
        }
        (void)printf("备份可用：%" PRIu64 " 条记录，%" PRId64 " 件警情，其中未结 %" PRId64
                     " / usable: %" PRIu64 " rows, %" PRId64 " incidents, %" PRId64
                     " not closed\n  链头 head %s\n",
                v.rows, incidents, open, v.rows, incidents, open, v.head);
        return EXIT_OK;
}
