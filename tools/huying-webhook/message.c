/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the servers want.
 *
 *   wecom     {"msgtype":"text","text":{"content":…}}, at most 2,048 bytes of content; answers 200 and errcode
 *   dingtalk  the same, 20,000 bytes; with a secret the address gets timestamp and sign (HMAC-SHA256, base64)
 *   ntfy      the text as it is, Priority: in a header, which makes the phone ring for 1
 *   generic   {"text":…,"notices":[{"incident","kind","priority","state","seq"}]}
 *
 * The lines go together in one message; the newest matter most, so the oldest give way. No telephone numbers, and no more of
 * a notice than the line that people are shown: a chat is read by more people than an alert.
 */
#include "webhook.h"

#include "base/assert.h"
#include "protocols/codec/query.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

enum { FIELD_INCIDENT, FIELD_PRIORITY, FIELD_SEQ, FIELD_TEXT, FIELD_KIND, FIELD_STATE, FIELD_MAX };

static const char *const paths[FIELD_MAX] = {
        "$.incident", "$.priority", "$.seq", "$.text", "$.kind", "$.state"};

static int64_t whole(Query *q, size_t i)
{
        double n;

        return query_number(q, i, &n) && n >= -9e15 && n <= 9e15 ? (int64_t)n : 0;
}

static void text(Query *q, size_t i, char *ret, size_t cap)
{
        size_t n;
        const char *s = query_text(q, i, &n);

        (void)str_copyn(ret, cap, s ? s : "", s ? n : 0); /* cut is fine */
}

static bool line_read(Query *q, const char *json, size_t n, Line *ret)
{
        bool ok = query_open(q, json, n) && query_next(q);

        if (ok) {
                *ret = (Line){.incident = whole(q, FIELD_INCIDENT),
                        .priority = whole(q, FIELD_PRIORITY),
                        .seq = whole(q, FIELD_SEQ)};
                text(q, FIELD_TEXT, ret->text, sizeof(ret->text));
                text(q, FIELD_KIND, ret->kind, sizeof(ret->kind));
                text(q, FIELD_STATE, ret->state, sizeof(ret->state));
                if (!ret->text[0]) {
                        Str s = STR_BUFFER(ret->text);

                        str_addf(&s, "%s %" PRId64, ret->kind, ret->incident);
                }
        }
        query_close(q);
        return ok;
}

size_t lines_read(const char *input, size_t n, Line ret[static NOTICES_MAX])
{
        QueryBase *base = NULL;
        Query *q = NULL;
        size_t n_lines = 0;

        if (query_base_new(&base) < 0 || query_new(&q, base, paths, FIELD_MAX, NULL) < 0) {
                query_base_free(base);
                return 0;
        }
        for (const char *end = input + n; input < end && n_lines < NOTICES_MAX;) {
                const char *stop = memchr(input, '\n', (size_t)(end - input));
                size_t size = (size_t)((stop ? stop : end) - input);

                n_lines += size > 0 && line_read(q, input, size, &ret[n_lines]);
                input += size + 1;
        }
        query_free(q);
        query_base_free(base);
        return n_lines;
}

/* The newest lines that have room, in their order. */
static void content(const Line *lines, size_t n, size_t most, Str *s)
{
        size_t first = n, size = 64; /* for how many are left out */

        while (first > 0 && (first == n || size + strlen(lines[first - 1].text) + 1 <= most))
                size += strlen(lines[--first].text) + 1;
        if (first > 0)
                str_addf(s, "（另有 %zu 条）\n", first);
        for (size_t i = first; i < n; i++)
                str_addf(s, "%s%s", lines[i].text, i + 1 < n ? "\n" : "");
}

static void header(Message *m, const char *name, const char *value)
{
        Str s = STR_BUFFER(m->headers[m->n_headers]);

        ASSERT(m->n_headers < HEADERS_MAX);
        str_addf(&s, "%s: %s", name, value);
        ASSERT(!s.full); /* main.c bounds the secret */
        m->n_headers++;
}

/* DingTalk: &timestamp=…&sign=…, over "timestamp\nsecret". */
static bool dingtalk_sign(Message *m, const char *secret, int64_t wall_ms)
{
        Str url = {.p = m->url, .cap = sizeof(m->url), .n = strlen(m->url)};
        char said[512], sign[64];
        uint8_t mac[32];
        unsigned size = 0;
        Str s = STR_BUFFER(said);

        str_addf(&s, "%" PRId64 "\n%s", wall_ms, secret);
        if (s.full ||
                !HMAC(EVP_sha256(), secret, (int)strlen(secret), (const uint8_t *)said, s.n, mac, &size) ||
                !str_base64(mac, size, sign, sizeof(sign)))
                return false;
        str_addf(&url, "%ctimestamp=%" PRId64 "&sign=", strchr(m->url, '?') ? '&' : '?', wall_ms);
        for (const char *c = sign; *c; c++)
                if (*c == '+' || *c == '/' || *c == '=')
                        str_addf(&url, "%%%02X", (unsigned)*c);
                else
                        str_addn(&url, c, 1);
        return !url.full;
}

static void generic(const Line *lines, size_t n, const char *said, Str *s)
{
        str_add(s, "{\"text\":");
        str_json(s, said);
        str_add(s, ",\"notices\":[");
        for (size_t i = 0; i < n; i++) {
                str_addf(s, "%s{\"incident\":%" PRId64 ",\"kind\":", i ? "," : "", lines[i].incident);
                str_json(s, lines[i].kind);
                str_addf(s, ",\"priority\":%" PRId64 ",\"state\":", lines[i].priority);
                str_json(s, lines[i].state);
                str_addf(s, ",\"seq\":%" PRId64 "}", lines[i].seq);
        }
        str_add(s, "]}");
}

bool message_make(Kind kind, const char *url, const char *secret, const Line *lines, size_t n,
        int64_t wall_ms, Message *ret)
{
        static const size_t most[KIND_MAX] = {
                [KIND_WECOM] = 2048, [KIND_DINGTALK] = 20000, [KIND_NTFY] = 4096, [KIND_GENERIC] = 20000};
        Str s = STR_BUFFER(ret->body);
        int64_t urgent = 5;
        char said[20001];
        Str line = {.p = said, .cap = most[kind]};

        ASSERT(n > 0);
        ret->n_headers = 0;
        if (!str_copy(ret->url, sizeof(ret->url), url))
                return false;
        content(lines, n, most[kind], &line); /* a single line that is too long is cut */
        for (size_t i = 0; i < n; i++)
                if (lines[i].priority > 0 && lines[i].priority < urgent)
                        urgent = lines[i].priority;
        header(ret, "Content-Type",
                kind == KIND_NTFY ? "text/plain; charset=utf-8" : "application/json; charset=utf-8");
        switch (kind) {
        case KIND_WECOM:
        case KIND_DINGTALK:
                str_add(&s, "{\"msgtype\":\"text\",\"text\":{\"content\":");
                str_json(&s, said);
                str_add(&s, "}}");
                if (kind == KIND_DINGTALK && secret[0] && !dingtalk_sign(ret, secret, wall_ms))
                        return false;
                return !s.full;
        case KIND_NTFY:
                str_add(&s, said);
                header(ret, "Priority", urgent == 1 ? "urgent" : "high");
                break;
        case KIND_GENERIC: generic(lines, n, said, &s); break;
        case KIND_MAX: ASSERT(!"no such kind");
        }
        if (secret[0]) {
                char bearer[512];
                Str b = STR_BUFFER(bearer);

                str_addf(&b, "Bearer %s", secret);
                header(ret, "Authorization", bearer);
        }
        return !s.full;
}

bool answer_ok(Kind kind, const char *answer, size_t n)
{
        static const char *const path[] = {"$.errcode"};
        QueryBase *base = NULL;
        Query *q = NULL;
        double code = -1;

        if (kind != KIND_WECOM && kind != KIND_DINGTALK)
                return true;
        /* They answer 200 to what they refuse. */
        if (query_base_new(&base) == 0 && query_new(&q, base, path, 1, NULL) == 0) {
                if (query_open(q, answer, n) && query_next(q) && !query_number(q, 0, &code))
                        code = -1;
                query_close(q);
        }
        query_free(q);
        query_base_free(base);
        return code == 0;
}
