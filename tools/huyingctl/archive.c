/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive YEAR: one year of the journal as a file of lines that stays verifiable by itself, by huyingctl verify --archive and by
 * tools/verify.py.
 *
 * A year's file ends at the first signed checkpoint behind the year's last row, and the next year's begins behind it:
 * so the files follow one another without a gap, and everything in them is signed. The file is read back and proved
 * before it gets its name, and a file that is there is never written again. The journal is not pruned: rows stay in the
 * database, and the archive is the copy that may leave the machine.
 */
#include "tools/huyingctl/export.h"
#include "tools/huyingctl/filter.h"
#include "store/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Numbers {
        uint64_t first;
        bool any;
} Numbers;

static bool numbers_row(void *userdata, const AuditCell *c)
{
        Numbers *n = userdata;

        n->any = !c[0].null;
        n->first = c[0].null ? 0 : (uint64_t)c[0].number;
        return false;
}

/* The first row from this time on; 0: none yet. The table of days leads near it. */
static uint64_t row_since(Audit *audit, int64_t from_us)
{
        const AuditCell args[] = {{.number = from_us}, {.number = from_us / (int64_t)USEC_PER_DAY - 1}};
        Numbers n = {0};

        (void)audit_query(audit,
                "SELECT min(seq) FROM journal WHERE t >= ?1 AND seq >="
                " coalesce((SELECT min(first_seq) FROM day WHERE day >= ?2), 0)",
                args, 2, numbers_row, &n); /* else: none */
        return n.first;
}

/* The last row of the file that holds everything before `until`: where a checkpoint has signed it. 0: none has. */
static uint64_t file_end(Audit *audit, uint64_t first, uint64_t until)
{
        const AuditCell arg = {.number = (int64_t)(until - first)};
        Numbers n = {0};

        (void)audit_query(audit, "SELECT min(size) FROM checkpoint WHERE size >= ?1", &arg, 1, numbers_row,
                &n); /* else: none */
        return n.any ? first + n.first - 1 : 0;
}

static int file_sync(const char *path)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC), r = 0;

        if (fd < 0)
                return -errno;
        if (fsync(fd) < 0)
                r = -errno;
        (void)close(fd); /* it was only flushed */
        return r;
}

static void verdict_print(const Ctl *ctl, const LinesVerdict *v, const char *path)
{
        if (ctl->json) {
                (void)printf("{\"good\":%s,\"from\":%" PRIu64 ",\"last\":%" PRIu64 ",\"rows\":%" PRIu64
                             ",\"erased\":%" PRIu64 ",\"checkpoints\":%" PRIu64 ",\"covered\":%" PRIu64
                             ",\"size\":%" PRIu64 ",\"witness\":%s,\"line\":%" PRIu64
                             ",\"why\":\"%s\",\"head\":\"%s\"}\n",
                        v->good ? "true" : "false", v->from, v->last, v->rows, v->erased, v->checkpoints,
                        v->covered, v->size, v->given_fits ? "true" : "false", v->good ? 0 : v->line, v->why,
                        v->head);
                return;
        }
        if (!v->good) {
                (void)printf("！第 %" PRIu64 " 行不符 / line %" PRIu64 " does not fit: %s\n", v->line,
                        v->line, v->why);
                return;
        }
        (void)printf("%s：%" PRIu64 "–%" PRIu64 "，%" PRIu64 " 条，%" PRIu64 " 个签名检查点 / rows %" PRIu64
                     " to %" PRIu64 ", %" PRIu64 " signed checkpoints; head %s\n",
                path, v->from, v->last, v->rows, v->checkpoints, v->from, v->last, v->checkpoints, v->head);
        if (v->covered < v->size)
                (void)printf("  末尾 %" PRIu64 " 条只有散列链 / the last %" PRIu64
                             " rows stand on the chain alone\n",
                        v->size - v->covered, v->size - v->covered);
}

Exit archive_verify(const Ctl *ctl, const char *path)
{
        char key[NOTE_KEY_SIZE];
        Checkpoint given;
        LinesVerdict v;
        Exit e = key_get(ctl, key);
        int r;

        key[strcspn(key, "\n")] = '\0';
        if (e == EXIT_OK && ctl->option[OPTION_CHECKPOINT])
                e = checkpoint_get(ctl, key, &given);
        if (e != EXIT_OK)
                return e;
        if (!key[0])
                complain("没有公钥：用档案自带的，防不住造档案的人",
                        "no key: the archive's own is taken, which proves little");
        r = lines_verify(path, key[0] ? key : NULL, ctl->option[OPTION_CHECKPOINT] ? &given : NULL, &v);
        if (r < 0) {
                complain("读不了档案", "%s: %s", path, strerror(-r));
                return EXIT_ERROR;
        }
        verdict_print(ctl, &v, path);
        return v.good ? EXIT_OK : EXIT_NOT_WELL;
}

/* Writes, proves, and gives it its name. */
static Exit archive_write(
        const Ctl *ctl, Audit *audit, const char *key, const char *path, uint64_t from, uint64_t to)
{
        char temporary[4200];
        FILE *f;
        LinesVerdict v;
        int r;

        (void)snprintf(temporary, sizeof(temporary), "%s.new", path); /* longer than any path here */
        f = fopen(temporary, "we");
        r = f ? 0 : -errno;
        if (r == 0) {
                r = export_write(ctl, audit, key, from, to, f);
                if (fclose(f) != 0 && r == 0)
                        r = -EIO;
        }
        if (r == 0)
                r = file_sync(temporary);
        if (r == 0)
                r = lines_verify(temporary, key, NULL, &v);
        if (r == 0 && (!v.good || v.covered != v.size)) {
                complain("档案未通过核对，没有保存",
                        "the archive does not verify and is not kept: %s (line %" PRIu64 ")",
                        v.good ? "its end is not signed" : v.why, v.line);
                (void)unlink(temporary); /* has no name */
                return EXIT_NOT_WELL;
        }
        if (r == 0 && rename(temporary, path) < 0)
                r = -errno;
        if (r < 0) {
                complain("写不了档案", "%s: %s", path, strerror(-r));
                (void)unlink(temporary); /* has no name */
                return EXIT_ERROR;
        }
        verdict_print(ctl, &v, path);
        return EXIT_OK;
}

/* From and to of the year's file. EXIT_NOT_WELL: not yet. */
static Exit range_get(Audit *audit, int64_t from_us, int64_t to_us, uint64_t *ret_from, uint64_t *ret_to)
{
        uint64_t first, size, begin, next;

        if (proof_extent(audit, &first, &size) != 0 || size == 0)
                return EXIT_ERROR;
        begin = row_since(audit, from_us);
        next = row_since(audit, to_us);
        if (!begin || begin == next) {
                complain("这一年没有记录", "there are no rows of this year");
                return EXIT_ERROR;
        }
        if (!next) {
                complain("这一年还没有过完：过完并有下一年的签名检查点后再归档",
                        "the year is not over: archive it when a checkpoint of the next one is there");
                return EXIT_NOT_WELL;
        }
        *ret_from = begin > first ? file_end(audit, first, begin) + 1 : first;
        *ret_to = file_end(audit, first, next);
        if (*ret_to)
                return EXIT_OK;
        complain("还没有覆盖到年末的签名检查点", "no signed checkpoint covers the end of the year yet");
        return EXIT_NOT_WELL;
}

int verb_archive(Ctl *ctl, int argc, char **argv)
{
        _cleanup_(audit_freep) Audit *audit = NULL;
        const char *output = ctl->option[OPTION_OUTPUT];
        char key[NOTE_KEY_SIZE], folder[2048], path[4096];
        int64_t from_us, to_us;
        uint64_t from = 0, to = 0;
        Exit e;

        (void)umask(0077); /* people are named in it */
        if (!year_parse(argv[1], &from_us, &to_us)) {
                complain("年份写作 2026", "not a year: %s", argv[1]);
                return EXIT_USAGE;
        }
        e = key_get(ctl, key);
        key[strcspn(key, "\n")] = '\0';
        if (e == EXIT_OK)
                e = journal_open(ctl, &audit);
        if (e == EXIT_OK)
                e = range_get(audit, from_us, to_us, &from, &to);
        if (e != EXIT_OK)
                return e;
        (void)snprintf(folder, sizeof(folder), "%s/archive", ctl->config.state_directory);
        if (!output && mkdir(folder, 0750) < 0 && errno != EEXIST) {
                complain("建不了文件夹", "%s: %s", folder, strerror(errno));
                return EXIT_ERROR;
        }
        (void)snprintf(path, sizeof(path), "%s/journal-%s.jsonl", output ? output : folder, argv[1]);
        if (access(path, F_OK) == 0) {
                complain("已有这一年的档案，不覆盖", "%s is there, and is not written again", path);
                return EXIT_ERROR;
        }
        if (!ctl->option[OPTION_PSEUDONYMISE])
                access_note(ctl, "archive", "");
        return archive_write(ctl, audit, key, path, from, to);
}
