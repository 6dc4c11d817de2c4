/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signature: HMAC-SHA256 by the device's key over
 *
 *      "huying1" NUL target NUL device NUL kind NUL id NUL counter NUL body
 *
 * (target: alarm, vitals, status; what is missing is empty; the counter in decimal, as it is sent), the first 16 bytes
 * in hexadecimal. It needs no state of the network: whatever address and port the NAT has given today will do.
 *
 * The counter only grows. A window of 64 lets a device repeat an alarm that is still without an answer after it has
 * sent others; the same number again is the same request, which the engine folds by its id. The counters begin anew
 * with a restart of the gateway; then it is the engine's memory of 24 h of ids that knows a recording.
 */
#include "protocols/coap/sign.h"


#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "protocols/coap/coap.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <string.h>

#define WINDOW 64u

int signs_open(Signs *s, const char *path)
{
        const char *reason;
        unsigned line;
        int r;

        *s = (Signs){0};
        if (!path[0])
                return 0;
        r = psk_read(&s->psk, path, &line, &reason);
        if (r == PSK_E_INVALID) {
                if (line > 0)
                        log_err("%s:%u: %s", path, line, reason);
                else
                        log_err("%s: %s", path, reason);
                return error_origin(-EINVAL);
        }
        if (r < 0)
                return error_trace(r);
        s->counters = calloc(s->psk.n + 1, sizeof(SignCounter));
        if (!s->counters) {
                psk_deinit(&s->psk);
                return error_origin(-ENOMEM);
        }
        return 0;
}

void signs_close(Signs *s)
{
        psk_deinit(&s->psk);
        free(s->counters);
        s->counters = NULL;
}

static const char *target_word(RequestTarget target)
{
        switch (target) {
        case REQUEST_ALARM: return "alarm";
        case REQUEST_VITALS: return "vitals";
        case REQUEST_STATUS: return "status";
        case REQUEST_NONE: break;
        }
        return "";
}

static bool matches(const PskRow *row, const Request *r)
{
        const struct {
                const void *bytes;
                size_t n;
        } parts[] = {{"huying1", 8}, {target_word(r->target), strlen(target_word(r->target)) + 1},
                {r->source, strlen(r->source) + 1}, {r->kind, strlen(r->kind) + 1},
                {r->id, strlen(r->id) + 1}, {r->counter_text, strlen(r->counter_text) + 1},
                {r->body, r->body_size}};
        uint8_t mac[32], text[1024 + CPORT_BODY_MAX];
        unsigned size = 0;
        size_t n = 0;

        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
                if (n + parts[i].n > sizeof(text))
                        return false;
                if (parts[i].n > 0)
                        memcpy(text + n, parts[i].bytes, parts[i].n);
                n += parts[i].n;
        }
        if (!HMAC(EVP_sha256(), row->key, (int)row->key_size, text, n, mac, &size))
                return false;
        return CRYPTO_memcmp(mac, r->mac, REQUEST_MAC_SIZE) == 0;
}

/* False: too old. */
static bool count(SignCounter *c, uint64_t n)
{
        if (n > c->last) {
                uint64_t ahead = n - c->last;

                c->window = ahead < WINDOW ? c->window << ahead | 1 : 1;
                c->last = n;
                return true;
        }
        if (c->last - n >= WINDOW)
                return false;
        c->window |= UINT64_C(1) << (c->last - n);
        return true;
}

SignResult signs_check(Signs *s, const Request *r)
{
        const PskRow *row = psk_find(&s->psk, r->source);

        if (!row)
                return SIGN_NO_KEY;
        if (!r->signed_)
                return SIGN_NONE;
        if (!matches(row, r))
                return SIGN_BAD;
        return count(&s->counters[row - s->psk.rows], r->counter) ? SIGN_GOOD : SIGN_OLD;
}
