/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/coap/request.h"

#include "base/assert.h"
#include "base/idmap.h"
#include "base/parse.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <string.h>

/* Text of a peer for the journal: cut to fit and at a NUL; control characters and what is no UTF-8 become
 * '_'. */
static void clean_text(char *ret, size_t cap, const uint8_t *s, size_t n)
{
        (void)str_copyn(ret, cap, (const char *)s, n); /* cut is what is wanted */
        bool utf8 = str_utf8(ret, strlen(ret));

        for (char *p = ret; *p; p++)
                if ((unsigned char)*p < 0x20 || *p == 0x7f || (!utf8 && (unsigned char)*p >= 0x80))
                        *p = '_';
}

/* A registry code, or the nearest thing to it. True: it was one as it came. */
static bool clean_code(char ret[CODE_SIZE], const uint8_t *s, size_t n)
{
        clean_text(ret, CODE_SIZE, s, n);
        if (strlen(ret) == n && memcmp(ret, s, n) == 0 && str_code(ret))
                return true;
        for (char *p = ret; *p; p++) {
                bool letter =
                        (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
                if (!letter && (unsigned char)*p < 0x80 && !strchr("-_.:", *p))
                        *p = '_';
        }
        return false;
}

static bool usable_id(const uint8_t *s, size_t n)
{
        if (n == 0 || n >= EVENT_ID_SIZE || !str_utf8((const char *)s, n))
                return false;
        for (size_t i = 0; i < n; i++)
                if (s[i] < 0x20 || s[i] == 0x7f)
                        return false;
        return true;
}

static void read_query(Request *r, const uint8_t *s, size_t n)
{
        if (n > 2 && s[0] == 'd' && s[1] == '=') {
                if (r->source[0]) {
                        r->why = "d is given twice";
                        return;
                }
                r->source_bad = !clean_code(r->source, s + 2, n - 2);
                if (r->source_bad)
                        r->why = "d is not a device code";
        } else if (n > 3 && s[0] == 'i' && s[1] == 'd' && s[2] == '=') {
                if (r->id[0] || !usable_id(s + 3, n - 3)) {
                        r->id[0] = 0;
                        if (!r->why)
                                r->why = "id is not usable";
                        return;
                }
                memcpy(r->id, s + 3, n - 3);
                r->id[n - 3] = 0;
        }
}

static bool read_mac(uint8_t ret[REQUEST_MAC_SIZE], const uint8_t *s, size_t n)
{
        static const char digits[] = "0123456789abcdef";

        if (n != 2 * REQUEST_MAC_SIZE)
                return false;
        for (size_t i = 0; i < n; i++) {
                const char *d = s[i] ? strchr(digits, (char)s[i] | 0x20) : NULL;

                if (!d || s[i] < '0')
                        return false;
                ret[i / 2] = (uint8_t)(ret[i / 2] << 4 | (d - digits));
        }
        return true;
}

/* n=COUNTER and h=MAC (sign.c). */
static void read_signature(Request *r, const uint8_t *s, size_t n)
{
        if (n < 3 || s[1] != '=')
                return;
        if (s[0] == 'h')
                r->has_mac = read_mac(r->mac, s + 2, n - 2);
        else if (s[0] == 'n' && n - 2 < sizeof(r->counter_text)) {
                memcpy(r->counter_text, s + 2, n - 2);
                r->counter_text[n - 2] = 0;
                if (!parse_u64(r->counter_text, &r->counter))
                        r->counter_text[0] = 0;
        }
        r->signed_ = r->has_mac && r->counter_text[0];
}

typedef struct Path {
        uint32_t segments;
        bool v1;
        char kind[WORD_SIZE * 2];
        Str rest;
} Path;

static bool segment_is(const uint8_t *s, size_t n, const char *word)
{
        return n == strlen(word) && memcmp(s, word, n) == 0;
}

static void read_path(Request *r, Path *path, const uint8_t *s, size_t n)
{
        uint32_t at = path->segments++;

        if (at == 0) {
                path->v1 = segment_is(s, n, "v1");
        } else if (at == 1 && path->v1) {
                if (segment_is(s, n, "alarm"))
                        r->target = REQUEST_ALARM;
                else if (segment_is(s, n, "vitals"))
                        r->target = REQUEST_VITALS;
                else if (segment_is(s, n, "status"))
                        r->target = REQUEST_STATUS;
        } else if (r->target == REQUEST_ALARM) {
                char word[WORD_SIZE];

                clean_text(word, sizeof(word), s, n);
                if (at > 2)
                        str_add(&path->rest, "/");
                str_add(&path->rest, word);
        } else {
                r->target = REQUEST_NONE;
        }
}

static void read_option(Request *r, Path *path, coap_option_num_t number, const uint8_t *s, size_t n)
{
        switch (number) {
        case COAP_OPTION_URI_PATH: read_path(r, path, s, n); break;
        case COAP_OPTION_URI_QUERY:
                read_query(r, s, n);
                read_signature(r, s, n);
                break;
        case COAP_OPTION_CONTENT_FORMAT: r->format = coap_decode_var_bytes(s, n); break;
        case COAP_OPTION_BLOCK1: r->block = true; break;
        case CPORT_OPTION_NO_RESPONSE:
                if (n <= 1)
                        r->no_response = (uint8_t)coap_decode_var_bytes(s, n);
                break;
        default: break;
        }
}

void request_read(const coap_pdu_t *pdu, uint64_t seed, Request *ret)
{
        Path path = {.rest = STR_BUFFER(path.kind)};
        coap_bin_const_t token = coap_pdu_get_token(pdu);
        coap_opt_iterator_t it;
        coap_opt_t *option;

        *ret = (Request){.format = CPORT_FORMAT_NONE};
        ret->digest = idmap_digest(seed + (uint64_t)coap_pdu_get_code(pdu), token.s, token.length);
        if (coap_option_iterator_init(pdu, &it, COAP_OPT_ALL))
                while ((option = coap_option_next(&it))) {
                        const uint8_t *value = coap_opt_value(option);
                        size_t n = coap_opt_length(option);

                        ret->digest = idmap_digest(ret->digest + it.number, value, n);
                        read_option(ret, &path, it.number, value, n);
                }
        (void)str_copy(ret->kind, sizeof(ret->kind), path.kind); /* cut: then it is no kind of ours anyway */
        if (!coap_get_data(pdu, &ret->body_size, &ret->body))
                ret->body_size = 0;
        ret->digest = idmap_digest(ret->digest, ret->body, ret->body_size);
}

void request_peer(const coap_session_t *session, char ret[CODE_SIZE])
{
        const coap_address_t *a = coap_session_get_addr_remote(session);
        const char *text;

        if (a->addr.sa.sa_family == AF_INET)
                text = inet_ntop(AF_INET, &a->addr.sin.sin_addr, ret, CODE_SIZE);
        else if (IN6_IS_ADDR_V4MAPPED(&a->addr.sin6.sin6_addr))
                text = inet_ntop(AF_INET, &a->addr.sin6.sin6_addr.s6_addr[12], ret, CODE_SIZE);
        else
                text = inet_ntop(AF_INET6, &a->addr.sin6.sin6_addr, ret, CODE_SIZE);
        ASSERT(text);
}
