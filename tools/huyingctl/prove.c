/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify, prove, export: the record for somebody who does not trust us.
 *
 * The export is JSON lines; tools/verify.py checks it with nothing but Python's standard library. First line:
 *   {"huying":"journal-1","origin":"huying/<site>","key":verifier key,"first":leaf 0's row,"from":first row here,
 *    "prev":h of the row before or null,"nodes":[[level,hash] …]}   the tree over the rows before, largest first
 * then a line for each row, hashes and salts in hexadecimal, body as a JSON string (its exact bytes are hashed):
 *   {"seq":1,"t":µs,"tb":µs,"boot":1,"tq":1,"kind":1,"incident":0,"salt":…,"body":…,"bh":…,"h":…}
 * and {"checkpoint":note} behind the row that completes it. An erased row has null for salt and body. With
 * --pseudonymise all of them have, and "shown" says what may be seen.
 */
#include "tools/huyingctl/huyingctl.h"

#include "base/assert.h"
#include "base/parse.h"
#include "base/str.h"
#include "protocols/codec/codec.h"
#include "store/hash.h"
#include "store/proof.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#define LINE_SIZE (256u * 1024)

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

/* --key: a verifier key or a file with one; else the one beside the journal. "" when there is none. */
static Exit key_get(const Ctl *ctl, char ret[NOTE_KEY_SIZE])
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

static Exit checkpoint_get(const Ctl *ctl, const char *key, Checkpoint *ret)
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

static Exit number_option(const Ctl *ctl, Option option, uint64_t *ret)
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

/* ---- lines ---- */

static void add_hex(Str *s, const char *name, const uint8_t *bytes, size_t n)
{
        static const char digits[] = "0123456789abcdef";

        str_addf(s, ",\"%s\":", name);
        if (!bytes) {
                str_add(s, "null");
                return;
        }
        str_add(s, "\"");
        for (size_t i = 0; i < n; i++)
                str_addn(s, (char[]){digits[bytes[i] >> 4], digits[bytes[i] & 15]}, 2);
        str_add(s, "\"");
}

static void add_record(Str *s, const ProofRow *row, bool content)
{
        const JournalRecord *j = &row->record;

        str_addf(s,
                "\"seq\":%" PRIu64 ",\"t\":%" PRId64 ",\"tb\":%" PRIu64 ",\"boot\":%" PRIu32
                ",\"tq\":%u,\"kind\":%d,\"incident\":%" PRIu64,
                j->seq, j->t_us, j->tb_us, j->boot, j->time_quality, (int)j->kind, j->incident);
        add_hex(s, "salt", content ? row->salt : NULL, SALT_SIZE);
        str_add(s, ",\"body\":");
        if (content && j->body)
                str_jsonn(s, j->body, j->body_size);
        else
                str_add(s, "null");
        add_hex(s, "bh", row->bh, HASH_SIZE);
        add_hex(s, "h", row->h, HASH_SIZE);
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

/* ---- export ---- */

typedef struct Export {
        Audit *audit;
        Str line;
        char *buffer;
        bool pseudonymise;
        uint8_t secret[32]; /* for pseudonyms: of this export, and then forgotten */
        uint64_t first, last, size;
} Export;

static void pseudonym(const Export *x, const char *code, char ret[20])
{
        uint8_t hash[HASH_SIZE];

        hash_sha256(x->secret, sizeof(x->secret), code, strlen(code), NULL, 0, hash);
        (void)snprintf(
                ret, 20, "p-%02x%02x%02x%02x%02x%02x", hash[0], hash[1], hash[2], hash[3], hash[4], hash[5]);
}

static void add_shown(Export *x, const ProofRow *row)
{
        static const char *const codes[] = {"device", "dwelling", "resident", "worker", "to", "source"};
        static const char *const plain[] = {"grid", "class", "priority", "state", "tier", "round", "channel",
                "reason", "result", "cause", "on", "due", "late", "outcome", "kind", "action", "via",
                "agency"};
        const JournalRecord *j = &row->record;
        char path[64], value[256], name[20];
        const char *comma = "";

        str_add(&x->line, ",\"shown\":{");
        for (size_t i = 0; j->body && i < sizeof(codes) / sizeof(codes[0]); i++) {
                (void)snprintf(path, sizeof(path), "$.%s", codes[i]);
                if (!json_text(j->body, j->body_size, path, value, sizeof(value)))
                        continue;
                pseudonym(x, value, name);
                str_addf(&x->line, "%s\"%s\":\"%s\"", comma, codes[i], name);
                comma = ",";
        }
        for (size_t i = 0; j->body && i < sizeof(plain) / sizeof(plain[0]); i++) {
                (void)snprintf(path, sizeof(path), "$.%s", plain[i]);
                if (!json_text(j->body, j->body_size, path, value, sizeof(value)))
                        continue;
                str_addf(&x->line, "%s\"%s\":", comma, plain[i]);
                str_json(&x->line, value);
                comma = ",";
        }
        str_add(&x->line, "}");
}

static bool export_note(void *userdata, uint64_t size, const char *note)
{
        Export *x = userdata;

        x->line.n = 0;
        str_add(&x->line, "{\"checkpoint\":");
        str_json(&x->line, note);
        str_add(&x->line, "}");
        return puts(x->buffer) >= 0;
}

/* Checkpoints stand behind the row that completes them; asked for by blocks of rows, most of which have none. */
static bool export_row(void *userdata, const ProofRow *row)
{
        Export *x = userdata;
        uint64_t leaf = row->record.seq - x->first;

        x->line.n = 0;
        str_add(&x->line, "{");
        add_record(&x->line, row, !x->pseudonymise);
        if (x->pseudonymise)
                add_shown(x, row);
        str_add(&x->line, "}");
        ASSERT(!x->line.full); /* a body is bounded */
        if (puts(x->buffer) < 0)
                return false;
        return proof_notes(x->audit, leaf, leaf + 1, export_note, x) == 0;
}

static int export_head(Export *x, const Ctl *ctl, const char *key, uint64_t from)
{
        Tree t = {0};
        char origin[NOTE_NAME_SIZE];
        bool any = false;
        int r = 0;

        if (from > x->first)
                r = proof_tree(x->audit, from - x->first, &t);
        if (r < 0)
                return r;
        str_add(&x->line, "{\"huying\":\"journal-1\",\"origin\":");
        (void)snprintf(origin, sizeof(origin), "huying/%s", ctl->config.site); /* cut is no match */
        str_json(&x->line, origin);
        str_add(&x->line, ",\"key\":");
        str_jsonn(&x->line, key, strcspn(key, "\n"));
        str_addf(&x->line, ",\"first\":%" PRIu64 ",\"from\":%" PRIu64 ",\"nodes\":[", x->first, from);
        for (uint32_t level = TREE_LEVELS; level-- > 0;)
                if (t.size & 1ull << level) {
                        char text[45];

                        note_hash(t.nodes[level], text);
                        str_addf(&x->line, "%s[%u,\"%s\"]", any ? "," : "", level, text);
                        any = true;
                }
        str_add(&x->line, "]");
        return 0;
}

static bool export_prev(void *userdata, const ProofRow *row)
{
        Export *x = userdata;

        add_hex(&x->line, "prev", row->has_prev ? row->prev : NULL, HASH_SIZE);
        return false;
}

int verb_export(Ctl *ctl, int argc, char **argv)
{
        _cleanup_(audit_freep) Audit *audit = NULL;
        _cleanup_(freep) char *line = malloc(LINE_SIZE);
        Export x = {.buffer = line,
                .line = {.p = line, .cap = LINE_SIZE},
                .pseudonymise = ctl->option[OPTION_PSEUDONYMISE] != NULL};
        char key[NOTE_KEY_SIZE];
        uint64_t from = 0, to = UINT64_MAX;
        Exit e;
        int r;

        if (!line || getrandom(x.secret, sizeof(x.secret), 0) != (ssize_t)sizeof(x.secret))
                return EXIT_ERROR;
        e = number_option(ctl, OPTION_FROM, &from);
        if (e == EXIT_OK)
                e = number_option(ctl, OPTION_TO, &to);
        if (e == EXIT_OK)
                e = key_get(ctl, key);
        if (e == EXIT_OK)
                e = journal_open(ctl, &audit);
        if (e != EXIT_OK)
                return e;
        if (!x.pseudonymise)
                access_note(ctl, "export");
        x.audit = audit;
        r = proof_extent(audit, &x.first, &x.size);
        if (r == 0 && (x.size == 0 || from >= x.first + x.size)) {
                complain("没有可导出的记录", "there are no such rows");
                return EXIT_ERROR;
        }
        from = from < x.first ? x.first : from;
        if (to > x.first + x.size - 1)
                to = x.first + x.size - 1; /* what comes meanwhile is for the next export */
        if (r == 0)
                r = export_head(&x, ctl, key, from);
        if (r == 0)
                r = proof_rows(audit, from, from, export_prev, &x);
        if (r == 0) {
                str_add(&x.line, "}");
                (void)puts(line);
                r = proof_rows(audit, from, to, export_row, &x);
        }
        if (r < 0 || fflush(stdout) != 0) {
                complain("导出没有完成", "the export is not complete: %s", strerror(r < 0 ? -r : errno));
                return EXIT_ERROR;
        }
        return EXIT_OK;
}
