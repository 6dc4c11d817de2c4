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
 * with a restart of the gateway, not with a reload of the keys; then it is the engine's memory of 24 h of ids that knows
 * a recording.
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
static bool count(PskRow *c, uint64_t n)
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

SignResult signs_check(const Psk *psk, const Request *r)
{
        PskRow *row = psk_find(psk, r->source);

        if (!row)
                return SIGN_NO_KEY;
        if (!r->signed_)
                return SIGN_NONE;
        if (!matches(row, r))
                return SIGN_BAD;
        return count(row, r->counter) ? SIGN_GOOD : SIGN_OLD;
}
