/* SPDX-License-Identifier: Apache-2.0 */
/* verify, prove: the record for somebody who does not trust us. What is exported: export.c. */
#include "tools/huyingctl/export.h"

#include "base/assert.h"
#include "base/parse.h"
#include "base/str.h"
#include "protocols/codec/codec.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static bool file_text(const char *path, char *ret, size_t cap)
{
        _cleanup_(fclosep) FILE *f = fopen(path, "re");
        size_t n;

        if (!f)
                return false;
        n = fread(ret, 1, cap - 1, f);
        ret[n] = 0;
        return !ferror(f) && n < cap - 1;
}

Exit key_get(const Ctl *ctl, char ret[NOTE_KEY_SIZE])
{
        const char *given = ctl->option[OPTION_KEY];
        char path[4096];
        Str s = STR_BUFFER(path);

        ret[0] = 0;
        if (given && str_equal(given, "none"))
                return EXIT_OK; /* the chain alone */
        if (given && strchr(given, '+')) {
                (void)str_copy(ret, NOTE_KEY_SIZE, given); /* a key that is cut is no key */
                return EXIT_OK;
        }
        str_addf(&s, "%s/checkpoint.pub", ctl->config.state_directory);
        if (file_text(given ? given : path, ret, NOTE_KEY_SIZE) || !given)
                return EXIT_OK;
        complain("读不了公钥", "%s: %s", given, strerror(errno));
        return EXIT_ERROR;
}

/* What an alert carries: {"size":…,"root":…,"first":…,"time":…}, alone or as the alert's member. It is not signed: who kept
 * the alert is the witness. */
static bool checkpoint_of_alert(const char *json, Checkpoint *ret)
{
        static const char *const paths[][4] = {
                {"$.checkpoint.size", "$.checkpoint.first", "$.checkpoint.time", "$.checkpoint.root"},
                {"$.size", "$.first", "$.time", "$.root"}};
        size_t n = strlen(json);
        uint64_t time_s = 0;
        char root[64];

        *ret = (Checkpoint){.first = 1};
        for (size_t i = 0; i < 2; i++)
                if (json_u64(json, n, paths[i][0], &ret->size) && json_u64(json, n, paths[i][1], &ret->first) &&
                        json_u64(json, n, paths[i][2], &time_s) &&
                        json_text(json, n, paths[i][3], root, sizeof(root)) && note_hash_read(root, ret->root)) {
                        ret->time_s = (int64_t)time_s;
                        return ret->size > 0 && ret->first > 0;
                }
        return false;
}

Exit checkpoint_get(const Ctl *ctl, const char *key, Checkpoint *ret)
{
        const char *path = ctl->option[OPTION_CHECKPOINT];
        char note[NOTICE_JSON_MAX];
        int r;

        if (file_text(path, note, sizeof(note)) && note[0] == '{' && checkpoint_of_alert(note, ret))
                return EXIT_OK;
        if (!file_text(path, note, sizeof(note))) {
                complain("读不了检查点", "%s: %s", path, errno ? strerror(errno) : "too long");
                return EXIT_ERROR;
        }
        r = note_open(note, key, ret);
        if (r == 0)
                return EXIT_OK;
        complain("检查点未由这把密钥签名", "%s: %s", path,
                r == NOTE_E_FORM  ? "not a checkpoint"
                : r == NOTE_E_KEY ? "not signed by this key"
                                  : "its signature does not fit");
        return EXIT_NOT_WELL;
}

Exit number_option(const Ctl *ctl, Option option, uint64_t *ret)
{
        const char *text = ctl->option[option];

        if (!text || parse_u64(text, ret))
                return EXIT_OK;
        complain("应是一个数", "not a number: %s", text);
        return EXIT_USAGE;
}

static void verdict_print(const Ctl *ctl, const ProofRequest *q, const ProofVerdict *v)
{
        char when[20] = "";

        if (ctl->json) {
                (void)printf("{\"good\":%s,\"first\":%" PRIu64 ",\"last\":%" PRIu64 ",\"erased\":%" PRIu64
                             ",\"bad\":%" PRIu64 ",\"why\":\"%s\",\"head\":\"%s\",\"size\":%" PRIu64
                             ",\"checkpoints\":%" PRIu64 ",\"covered\":%" PRIu64 ",\"witness\":%s}\n",
                        v->good ? "true" : "false", v->first, v->last, v->erased, v->bad, v->why, v->head,
                        v->size, v->checkpoints, v->covered, v->given_fits ? "true" : "false");
                return;
        }
        if (!v->good) {
                if (v->bad)
                        (void)printf("！第 %" PRIu64 " 条不符 / row %" PRIu64 " does not fit: %s\n", v->bad,
                                v->bad, v->why);
                else
                        (void)printf("！记录不符 / the record does not fit: %s\n", v->why);
                return;
        }
        (void)printf("记录完好：%" PRIu64 "–%" PRIu64 "，依法删除 %" PRIu64
                     " 条 / the journal is whole: rows %" PRIu64 " to %" PRIu64 ", %" PRIu64
                     " lawfully erased\n",
                v->first, v->last, v->erased, v->first, v->last, v->erased);
        (void)printf("  链头 head %s\n", v->head);
        if (!q->key)
                (void)puts("  ！没有公钥，未核对签名 / no key: signatures were not checked");
        else if (v->checkpoints == 0)
                (void)puts("  尚无签名检查点：只有散列链 / no signed checkpoint yet: the chain alone");
        else {
                clock_format_local(v->covered_s * (int64_t)USEC_PER_SEC, when);
                (void)printf("  签名检查点 %" PRIu64 " 个，最近一个覆盖 %" PRIu64 " 条（%s），其后 %" PRIu64
                             " 条只有散列链 / %" PRIu64 " signed checkpoints, the newest covers %" PRIu64
                             " rows (%s); %" PRIu64 " rows behind it stand on the chain alone\n",
                        v->checkpoints, v->covered, when, v->size - v->covered, v->checkpoints, v->covered,
                        when, v->size - v->covered);
        }
        if (v->given_fits)
                (void)printf("  与外部检查点一致：前 %" PRIu64
                             " 条在它签发时已是这样 / agrees with the given checkpoint: the "
                             "first %" PRIu64 " rows are as they were when it was signed\n",
                        q->given->size, q->given->size);
        else
                (void)puts("  本机的检查点防不住掌握本机的人：请用外部保存的检查点核对（--checkpoint）/ "
                           "whoever owns "
                           "this machine could forge all of this: compare with a checkpoint kept elsewhere");
}

int verb_verify(Ctl *ctl, int argc, char **argv)
{
        _cleanup_(audit_freep) Audit *audit = NULL;
        ProofRequest q = {.to = UINT64_MAX};
        char key[NOTE_KEY_SIZE];
        Checkpoint given;
        ProofVerdict v;
        Exit e;
        int r;

        if (ctl->option[OPTION_ARCHIVE])
                return archive_verify(ctl, ctl->option[OPTION_ARCHIVE]);
        e = number_option(ctl, OPTION_FROM, &q.from);
        if (e == EXIT_OK)
                e = number_option(ctl, OPTION_TO, &q.to);
        if (e == EXIT_OK)
                e = number_option(ctl, OPTION_INCIDENT, &q.incident);
        if (e == EXIT_OK)
                e = key_get(ctl, key);
        if (e == EXIT_OK && ctl->option[OPTION_CHECKPOINT]) {
                e = checkpoint_get(ctl, key, &given);
                q.given = &given;
        }
        if (e == EXIT_OK)
                e = journal_open(ctl, &audit);
        if (e != EXIT_OK)
                return e;
        q.key = key[0] ? key : NULL;
        r = proof_verify(audit, &q, &v);
        if (r < 0) {
                complain("读不了记录", "%s", strerror(-r));
                return EXIT_ERROR;
        }
        verdict_print(ctl, &q, &v);
        return v.good ? EXIT_OK : EXIT_NOT_WELL;
}

static void add_path(Str *s, const TreeProof *p)
{
        str_add(s, ",\"path\":[");
        for (uint32_t i = 0; i < p->n; i++) {
                char text[45];

                note_hash(p->hashes[i], text);
                str_addf(s, "%s\"%s\"", i > 0 ? "," : "", text);
        }
        str_add(s, "]");
}

/* ---- prove ---- */

static bool prove_row(void *userdata, const ProofRow *row)
{
        Str *s = userdata;

        add_record(s, row, true);
        add_hex(s, "prev", row->has_prev ? row->prev : NULL, HASH_SIZE);
        return false;
}

static Exit prove_seq(Audit *audit, uint64_t seq, Str *s)
{
        uint64_t first, size;
        char note[NOTE_SIZE];
        const char *line;
        uint64_t covered = 0;
        char text[24];
        TreeProof p;

        if (proof_extent(audit, &first, &size) != 0 || size == 0 || seq < first || seq - first >= size) {
                complain("没有这条记录", "no such row: %" PRIu64, seq);
                return EXIT_ERROR;
        }
        if (!proof_checkpoint(audit, seq - first + 1, note)) {
                complain("尚无检查点覆盖它，请过几分钟再试",
                        "no checkpoint covers it yet: try again in some minutes");
                return EXIT_NOT_WELL;
        }
        line = strchr(note, '\n');
        if (line && str_copyn(text, sizeof(text), line + 1, strcspn(line + 1, "\n")))
                (void)parse_u64(text, &covered); /* else the proof fails below */
        if (covered <= seq - first || proof_inclusion(audit, seq - first, covered, &p) != 0)
                return EXIT_ERROR;
        str_add(s, "{\"huying\":\"proof-1\",");
        if (proof_rows(audit, seq, seq, prove_row, s) != 0)
                return EXIT_ERROR;
        str_addf(s, ",\"index\":%" PRIu64 ",\"size\":%" PRIu64, seq - first, covered);
        add_path(s, &p);
        str_add(s, ",\"checkpoint\":");
        str_json(s, note);
        str_add(s, "}");
        return EXIT_OK;
}

static Exit prove_consistency(const Ctl *ctl, Audit *audit, Str *s)
{
        char key[NOTE_KEY_SIZE], note[NOTE_SIZE];
        Checkpoint before, now;
        TreeProof p;
        Exit e = key_get(ctl, key);

        if (e == EXIT_OK)
                e = checkpoint_get(ctl, key, &before);
        if (e != EXIT_OK)
                return e;
        if (!proof_checkpoint(audit, 0, note) || note_open(note, key, &now) != 0 || now.size < before.size) {
                complain("本机没有更新的检查点",
                        "there is no later checkpoint here: perhaps the end was cut off");
                return EXIT_NOT_WELL;
        }
        if (before.size == 0 || proof_consistency(audit, before.size, now.size, &p) != 0)
                return EXIT_ERROR;
        if (!tree_check_consistency(&p, before.size, now.size, before.root, now.root)) {
                complain("不是同一份记录的延续",
                        "ours is no continuation of what this checkpoint has signed");
                return EXIT_NOT_WELL;
        }
        str_addf(s, "{\"huying\":\"consistency-1\",\"before\":%" PRIu64 ",\"size\":%" PRIu64, before.size,
                now.size);
        add_path(s, &p);
        str_add(s, ",\"checkpoint\":");
        str_json(s, note);
        str_add(s, "}");
        return EXIT_OK;
}

int verb_prove(Ctl *ctl, int argc, char **argv)
{
        _cleanup_(audit_freep) Audit *audit = NULL;
        _cleanup_(freep) char *line = malloc(LINE_SIZE);
        Str s = {.p = line, .cap = LINE_SIZE};
        uint64_t seq = 0;
        Exit e;

        if (!line)
                return EXIT_ERROR;
        if ((argc == 2) == (ctl->option[OPTION_CHECKPOINT] != NULL) ||
                (argc == 2 && !parse_u64(argv[1], &seq))) {
                complain("用法", "usage: huyingctl prove SEQ, or prove --checkpoint FILE");
                return EXIT_USAGE;
        }
        e = journal_open(ctl, &audit);
        if (e == EXIT_OK)
                e = argc == 2 ? prove_seq(audit, seq, &s) : prove_consistency(ctl, audit, &s);
        if (e == EXIT_OK)
                (void)puts(line);
        return e;
}
