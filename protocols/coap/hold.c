/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that wait for the disk, and the window of requests already seen.
 *
 * libcoap removes no duplicates on the server's side: a device that retransmits calls the handler each time.
 * A request goes through these states, in the window for EXCHANGE_LIFETIME (RFC 7252 section 4.8.2) from its
 * arrival:
 *
 *      (new) ──▶ waiting ──answer──▶ answered ──247 s──▶ (forgotten)
 *                  │  ▲ again: silence    ▲ again: the same answer, code, options and body
 *                  └──hold let go──▶ (forgotten): the next retransmission is a new request
 *
 * Silence while waiting is the point: an empty ACK would tell the device to stop retransmitting before its
 * alarm is on the disk. If this process dies meanwhile, the retransmission reaches the next one.
 *
 * A request is the same only if peer, message id and content (token, options, body) are: a device that
 * restarts and counts its message ids from the beginning again must not have its new alarm taken for an old
 * one. There is no event id made up from message id and token for the same reason.
 *
 * Both are rings, so that nothing is searched for the oldest and nothing grows: the memory is touched only
 * as far as it is used. A window that is full forgets its oldest request early, a full ring of holds lets
 * its oldest go; both only make the device's next retransmission a new request, which the engine knows by
 * its event id.
 */
#include "protocols/coap/hold.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/idmap.h"
#include "protocols/coap/coap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static uint64_t key_hash(const Window *w, const SeenKey *k)
{
        uint64_t ports = (uint64_t)k->port << 32 | (uint64_t)k->mid << 8 | k->proto;

        return idmap_digest(w->seed ^ k->digest ^ ports, k->address, sizeof(k->address));
}

static bool key_equal(const SeenKey *a, const SeenKey *b)
{
        return a->mid == b->mid && a->port == b->port && a->proto == b->proto && a->digest == b->digest &&
               memcmp(a->address, b->address, sizeof(a->address)) == 0;
}

int window_init(Window *w, uint32_t size, uint64_t seed)
{
        ASSERT(size > 0 && (size & (size - 1)) == 0);
        *w = (Window){.size = size, .seed = seed};
        w->ring = calloc(size, sizeof(Seen));
        w->heads = calloc(size, sizeof(uint32_t));
        if (!w->ring || !w->heads)
                return error_origin(-ENOMEM);
        return 0;
}

static uint32_t *chain(Window *w, const SeenKey *k)
{
        return &w->heads[key_hash(w, k) & (w->size - 1)];
}

static void unchain(Window *w, uint64_t number)
{
        uint32_t index = (uint32_t)(number & (w->size - 1));
        Seen *seen = &w->ring[index];

        if (!seen->dead) {
                uint32_t *link = chain(w, &seen->key);

                while (*link != index + 1) {
                        ASSERT(*link != 0);
                        link = &w->ring[*link - 1].next;
                }
                *link = seen->next;
        }
        seen->dead = true;
        free(seen->answer.json);
        seen->answer = (Answer){0};
}

void window_deinit(Window *w)
{
        for (; w->ring && w->first < w->end; w->first++)
                free(w->ring[w->first & (w->size - 1)].answer.json);
        free(w->ring);
        free(w->heads);
        *w = (Window){0};
}

void seen_key(SeenKey *ret, const coap_session_t *session, uint16_t mid, uint64_t digest)
{
        const coap_address_t *a = coap_session_get_addr_remote(session);

        *ret = (SeenKey){.mid = mid, .digest = digest, .proto = (uint8_t)coap_session_get_proto(session)};
        ret->port = coap_address_get_port(a);
        if (a->addr.sa.sa_family == AF_INET)
                memcpy(ret->address, &a->addr.sin.sin_addr, 4);
        else
                memcpy(ret->address, &a->addr.sin6.sin6_addr, 16);
}

Seen *window_find(Window *w, const SeenKey *key, uint64_t now_us)
{
        for (uint32_t at = *chain(w, key); at != 0; at = w->ring[at - 1].next)
                if (key_equal(&w->ring[at - 1].key, key))
                        return now_us - w->ring[at - 1].at_us < SEEN_US ? &w->ring[at - 1] : NULL;
        return NULL;
}

uint64_t window_add(Window *w, const SeenKey *key, uint64_t now_us)
{
        if (w->end - w->first == w->size)
                unchain(w, w->first++);

        uint64_t number = w->end++;
        Seen *seen = &w->ring[number & (w->size - 1)];
        uint32_t *link = chain(w, key);

        *seen = (Seen){.key = *key, .at_us = now_us, .next = *link};
        *link = (uint32_t)(number & (w->size - 1)) + 1; /* in front: the newest of equal keys is found */
        return number;
}

static Seen *window_get(Window *w, uint64_t number)
{
        Seen *seen = &w->ring[number & (w->size - 1)];

        return number >= w->first && number < w->end && !seen->dead ? seen : NULL;
}

void window_forget(Window *w, uint64_t number)
{
        if (window_get(w, number))
                unchain(w, number);
}

bool window_expire(Window *w, uint64_t now_us)
{
        while (w->first < w->end && now_us - w->ring[w->first & (w->size - 1)].at_us >= SEEN_US)
                unchain(w, w->first++);
        return w->first < w->end;
}

int holds_init(Holds *h, uint32_t size)
{
        *h = (Holds){.size = size, .first = 1};
        h->ring = calloc(size, sizeof(Hold));
        return h->ring ? 0 : error_origin(-ENOMEM);
}

void holds_release(Hold *hold)
{
        ASSERT(hold->session);
        coap_session_release(hold->session);
        hold->session = NULL;
}

static void let_go(Hold *hold)
{
        if (!hold->session)
                return;
        window_forget(hold->window, hold->seen);
        holds_release(hold);
}

void holds_drop(Holds *h, const coap_session_t *session)
{
        for (uint32_t i = 0; i < h->size; i++)
                if (h->ring[i].session == session)
                        let_go(&h->ring[i]);
}

void holds_deinit(Holds *h)
{
        for (uint32_t i = 0; h->ring && i < h->size; i++)
                if (h->ring[i].session)
                        holds_release(&h->ring[i]);
        free(h->ring);
        *h = (Holds){0};
}

uint64_t holds_add(Holds *h, coap_session_t *session, const coap_pdu_t *request, Window *w, uint64_t seen,
        uint64_t now_us)
{
        coap_bin_const_t token = coap_pdu_get_token(request);
        uint64_t number = ++h->last;
        Hold *hold = &h->ring[number % h->size];

        let_go(hold);
        *hold = (Hold){.number = number, .window = w, .seen = seen, .at_us = now_us};
        hold->session = coap_session_reference(session);
        hold->mid = (uint16_t)coap_pdu_get_mid(request);
        hold->type = (uint8_t)coap_pdu_get_type(request);
        ASSERT(token.length <= sizeof(hold->token)); /* the library refuses longer ones */
        hold->token_size = (uint8_t)token.length;
        if (token.length > 0)
                memcpy(hold->token, token.s, token.length);
        return number;
}

Hold *holds_get(Holds *h, uint64_t handle)
{
        Hold *hold = &h->ring[handle % h->size];

        return handle != 0 && hold->number == handle && hold->session ? hold : NULL;
}

bool holds_expire(Holds *h, uint64_t now_us)
{
        if (h->last >= h->size && h->first < h->last - h->size + 1)
                h->first = h->last - h->size + 1;
        for (; h->first <= h->last; h->first++) {
                Hold *hold = &h->ring[h->first % h->size];

                if (hold->session && now_us - hold->at_us < SEEN_US)
                        return true;
                let_go(hold);
        }
        return false;
}

static bool add_uint(coap_pdu_t *pdu, coap_option_num_t number, unsigned value)
{
        uint8_t bytes[4];

        return coap_add_option(pdu, number, coap_encode_var_safe(bytes, sizeof(bytes), value), bytes) != 0;
}

/* Options stand in rising order: Location-Path 8, Content-Format 12, Size1 60. */
bool answer_fill(coap_pdu_t *pdu, const Answer *a)
{
        coap_pdu_set_code(pdu, (coap_pdu_code_t)a->code);
        if (a->incident != 0 && COAP_RESPONSE_CLASS(a->code) == 2) {
                char number[24];
                int n = snprintf(number, sizeof(number), "%llu", (unsigned long long)a->incident);

                if (!coap_add_option(pdu, COAP_OPTION_LOCATION_PATH, 1, (const uint8_t *)"a") ||
                        !coap_add_option(pdu, COAP_OPTION_LOCATION_PATH, (size_t)n, (const uint8_t *)number))
                        return false;
        }
        if (a->json && !add_uint(pdu, COAP_OPTION_CONTENT_FORMAT, CPORT_FORMAT_JSON))
                return false;
        if (a->too_large && !add_uint(pdu, COAP_OPTION_SIZE1, CPORT_BODY_MAX))
                return false;
        return !a->json || coap_add_data(pdu, a->json_size, (const uint8_t *)a->json);
}

static void delete_pdup(coap_pdu_t **pdu)
{
        coap_delete_pdu(*pdu); /* takes NULL */
}

/*
 * A CON is answered by its ACK with the answer in it, a NON by a NON. No-Response (RFC 7967) is the
 * library's affair only for what a handler answers at once, so it is kept here: a CON then gets its bare
 * ACK, a NON gets nothing.
 */
static bool hold_send(const Hold *hold, const Answer *a)
{
        bool unwanted = hold->no_response & 1u << (COAP_RESPONSE_CLASS(a->code) - 1);
        bool con = hold->type == COAP_MESSAGE_CON;
        _cleanup_(delete_pdup) coap_pdu_t *pdu = NULL;

        if (unwanted && !con)
                return true;
        pdu = coap_pdu_init(con ? COAP_MESSAGE_ACK : COAP_MESSAGE_NON, COAP_EMPTY_CODE,
                con ? hold->mid : coap_new_message_id(hold->session),
                coap_session_max_pdu_size(hold->session));
        if (!pdu)
                return false;
        if (!unwanted && (!coap_add_token(pdu, hold->token_size, hold->token) || !answer_fill(pdu, a)))
                return false;
        return coap_send(hold->session, TAKE_PTR(pdu)) != COAP_INVALID_MID; /* frees it in any case */
}

bool holds_answer(Hold *hold, Answer *a)
{
        Seen *seen = window_get(hold->window, hold->seen);
        bool sent = hold_send(hold, a);

        if (seen) {
                ASSERT(!seen->answered);
                seen->answered = true;
                seen->answer = *a;
        } else {
                free(a->json);
        }
        *a = (Answer){0};
        holds_release(hold);
        return sent;
}
