/* SPDX-License-Identifier: Apache-2.0 */
/*
 * export: the journal as lines, for somebody who does not trust us, and for the archive.
 *
 * The export is JSON lines; tools/verify.py checks it with nothing but Python's standard library. First line:
 *   {"huying":"journal-1","origin":"huying/<site>","key":verifier key,"first":leaf 0's row,"from":first row here,
 *    "prev":h of the row before or null,"nodes":[[level,hash] …]}   the tree over the rows before, largest first
 * then a line for each row, hashes and salts in hexadecimal, body as a JSON string (its exact bytes are hashed):
 *   {"seq":1,"t":µs,"tb":µs,"boot":1,"tq":1,"kind":1,"incident":0,"salt":…,"body":…,"bh":…,"h":…}
 * and {"checkpoint":note} behind the row that completes it. An erased row has null for salt and body. With
 * --pseudonymise all of them have, and "shown" says what may be seen.
 */
#include "tools/huyingctl/export.h"

#include "base/assert.h"
#include "base/str.h"
#include "store/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

void add_hex(Str *s, const char *name, const uint8_t *bytes, size_t n)
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

void add_record(Str *s, const ProofRow *row, bool content)
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

typedef struct Export {
        Audit *audit;
        FILE *out;
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
        return fprintf(x->out, "%s\n", x->buffer) > 0;
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
        if (fprintf(x->out, "%s\n", x->buffer) < 0)
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

int export_write(const Ctl *ctl, Audit *audit, const char *key, uint64_t from, uint64_t to, FILE *out)
{
        _cleanup_(freep) char *line = malloc(LINE_SIZE);
        Export x = {.audit = audit,
                .out = out,
                .buffer = line,
                .line = {.p = line, .cap = LINE_SIZE},
                .pseudonymise = ctl->option[OPTION_PSEUDONYMISE] != NULL};
        int r;

        if (!line || getrandom(x.secret, sizeof(x.secret), 0) != (ssize_t)sizeof(x.secret))
                return -ENOMEM;
        r = proof_extent(audit, &x.first, &x.size);
        if (r == 0)
                r = export_head(&x, ctl, key, from);
        if (r == 0)
                r = proof_rows(audit, from, from, export_prev, &x);
        if (r == 0) {
                str_add(&x.line, "}");
                (void)fprintf(out, "%s\n", line); /* a failure shows at the end */
                r = proof_rows(audit, from, to, export_row, &x);
        }
        return r == 0 && (fflush(out) != 0 || ferror(out)) ? -EIO : r;
}

int verb_export(Ctl *ctl, int argc, char **argv)
{
        _cleanup_(audit_freep) Audit *audit = NULL;
        char key[NOTE_KEY_SIZE];
        uint64_t from = 0, to = UINT64_MAX, first, size;
        Exit e = number_option(ctl, OPTION_FROM, &from);
        int r;

        if (e == EXIT_OK)
                e = number_option(ctl, OPTION_TO, &to);
        if (e == EXIT_OK)
                e = key_get(ctl, key);
        if (e == EXIT_OK)
                e = journal_open(ctl, &audit);
        if (e != EXIT_OK)
                return e;
        if (!ctl->option[OPTION_PSEUDONYMISE])
                access_note(ctl, "export", "");
        r = proof_extent(audit, &first, &size);
        if (r == 0 && (size == 0 || from >= first + size)) {
                complain("没有可导出的记录", "there are no such rows");
                return EXIT_ERROR;
        }
        from = from < first ? first : from;
        if (to > first + size - 1)
                to = first + size - 1; /* what comes meanwhile is for the next export */
        if (r == 0)
                r = export_write(ctl, audit, key, from, to, stdout);
        if (r < 0) {
                complain("导出没有完成", "the export is not complete: %s", strerror(-r));
                return EXIT_ERROR;
        }
        return EXIT_OK;
}
