/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CoAP client on libcoap: one exchange and one observation at a time.
 *
 * A confirmable request is retransmitted by libcoap (2, 4, 8, 16 s); when that ends, or the port is closed,
 * the answer has code 0 and the caller says it again with the same event id. The session is made anew for
 * each such try, outside libcoap's callbacks: a device that reboots has a new port too, and a session that
 * met an ICMP error is of no more use.
 */
#include "tools/huying-sim/sim.h"

#include "base/assert.h"
#include "base/error.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <syslog.h>
#include <coap3/coap.h>

#define RESULT(code) (((code) >> 5) * 100u + ((code)&0x1fu))

enum { TOKEN_POST = 'p', TOKEN_OBSERVE = 'o' };

struct CoapLink {
        Sim *sim;
        SimSource source;
        coap_context_t *context;
        coap_session_t *session;
        coap_address_t peer;
        bool broken;            /* the session is to be made anew */
        uint32_t post, observe; /* numbers of the newest of each kind */
        void (*answer)(void *userdata, const CoapAnswer *);
        void *userdata;
};

static void on_log(coap_log_t level, const char *text)
{
        /* What matters arrives as an answer or as its absence. */
}

/* The kind and number in the token; false when it is not one of the newest two. */
static bool token_known(const CoapLink *l, const coap_pdu_t *pdu, bool *ret_observed)
{
        coap_bin_const_t token = coap_pdu_get_token(pdu);
        uint32_t number;

        if (token.length != 5)
                return false;
        memcpy(&number, token.s + 1, sizeof(number));
        *ret_observed = token.s[0] == TOKEN_OBSERVE;
        return number == (*ret_observed ? l->observe : l->post);
}

static coap_response_t on_response(
        coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *received, const coap_mid_t mid)
{
        CoapLink *l = coap_session_get_app_data(session);
        CoapAnswer answer = {.code = RESULT(coap_pdu_get_code(received))};
        Str location = STR_BUFFER(answer.location);
        coap_opt_iterator_t it;
        coap_opt_filter_t filter;
        coap_opt_t *option;
        const uint8_t *data;

        if (!token_known(l, received, &answer.observed))
                return COAP_RESPONSE_FAIL; /* a reset ends an observation that nobody follows any more */
        coap_option_filter_clear(&filter);
        coap_option_filter_set(&filter, COAP_OPTION_LOCATION_PATH);
        coap_option_iterator_init(received, &it, &filter);
        while ((option = coap_option_next(&it))) {
                if (location.n > 0)
                        str_add(&location, "/");
                str_addn(&location, (const char *)coap_opt_value(option), coap_opt_length(option));
        }
        answer.payload = "";
        if (coap_get_data(received, &answer.size, &data))
                answer.payload = (const char *)data;
        l->answer(l->userdata, &answer);
        return COAP_RESPONSE_OK;
}

static void on_nack(coap_session_t *session, const coap_pdu_t *sent, const coap_nack_reason_t reason,
        const coap_mid_t mid)
{
        CoapLink *l = coap_session_get_app_data(session);
        CoapAnswer answer = {.payload = ""};

        if (reason != COAP_NACK_RST)
                l->broken = true;
        if (sent && token_known(l, sent, &answer.observed))
                l->answer(l->userdata, &answer);
}

static void link_on_io(void *userdata, short revents)
{
        CoapLink *l = userdata;

        (void)coap_io_process(l->context, COAP_IO_NO_WAIT); /* errors come as nacks */
}

int coap_link_new(CoapLink **ret, Sim *sim, const char *host, uint32_t port,
        void (*answer)(void *userdata, const CoapAnswer *), void *userdata)
{
        _cleanup_(coap_link_freep) CoapLink *l = calloc(1, sizeof(CoapLink));
        const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
        struct addrinfo *found = NULL;
        char service[8];
        Str s = STR_BUFFER(service);

        if (!l)
                return error_origin(-ENOMEM);
        *l = (CoapLink){.sim = sim, .answer = answer, .userdata = userdata};
        str_addf(&s, "%u", port);
        if (getaddrinfo(host, service, &hints, &found) != 0)
                return error_origin(-EHOSTUNREACH);
        coap_address_init(&l->peer);
        l->peer.size = found->ai_addrlen;
        memcpy(&l->peer.addr.sa, found->ai_addr, found->ai_addrlen);
        freeaddrinfo(found);

        coap_startup();
        coap_set_log_handler(on_log);
        l->context = coap_new_context(NULL);
        if (!l->context)
                return error_origin(-ENOMEM);
        coap_register_response_handler(l->context, on_response);
        coap_register_nack_handler(l->context, on_nack);
        l->source = (SimSource){
                .fd = coap_context_get_coap_fd(l->context),
                .events = POLLIN,
                .due_us = SIM_NEVER,
                .fn = link_on_io,
                .userdata = l,
        };
        sim_add(sim, &l->source);
        *ret = TAKE_PTR(l);
        return 0;
}

CoapLink *coap_link_free(CoapLink *l)
{
        if (!l)
                return NULL;
        sim_remove(l->sim, &l->source);
        if (l->session)
                coap_session_release(l->session);
        if (l->context)
                coap_free_context(l->context);
        free(l);
        return NULL;
}

static int session_ready(CoapLink *l)
{
        if (l->session && l->broken) {
                coap_session_release(l->session);
                l->session = NULL;
        }
        if (!l->session) {
                l->session = coap_new_client_session(l->context, NULL, &l->peer, COAP_PROTO_UDP);
                if (!l->session)
                        return error_origin(-ENOMEM);
                coap_session_set_app_data(l->session, l);
        }
        l->broken = false;
        return 0;
}

static bool add_path(coap_pdu_t *pdu, const char *path)
{
        while (*path) {
                size_t n = strcspn(path, "/");

                if (n > 0 && !coap_add_option(pdu, COAP_OPTION_URI_PATH, n, (const uint8_t *)path))
                        return false;
                path += n + (path[n] == '/');
        }
        return true;
}

static coap_pdu_t *request_new(CoapLink *l, coap_pdu_code_t code, uint8_t kind, uint32_t number)
{
        coap_pdu_t *pdu = coap_new_pdu(COAP_MESSAGE_CON, code, l->session);
        uint8_t token[5] = {kind};

        memcpy(token + 1, &number, sizeof(number));
        if (pdu && !coap_add_token(pdu, sizeof(token), token)) {
                coap_delete_pdu(pdu);
                pdu = NULL;
        }
        return pdu;
}

int coap_link_post(CoapLink *l, const char *path, const char *const *query, const char *json)
{
        const uint8_t format[] = {COAP_MEDIATYPE_APPLICATION_JSON};
        coap_pdu_t *pdu;
        bool ok;
        int r;

        r = session_ready(l);
        if (r < 0)
                return error_trace(r);
        pdu = request_new(l, COAP_REQUEST_CODE_POST, TOKEN_POST, ++l->post);
        if (!pdu)
                return error_origin(-ENOMEM);
        ok = add_path(pdu, path);
        if (json)
                ok = ok && coap_add_option(pdu, COAP_OPTION_CONTENT_FORMAT, sizeof(format), format);
        for (; *query; query++)
                ok = ok &&
                     coap_add_option(pdu, COAP_OPTION_URI_QUERY, strlen(*query), (const uint8_t *)*query);
        if (json)
                ok = ok && coap_add_data(pdu, strlen(json), (const uint8_t *)json);
        if (!ok) {
                coap_delete_pdu(pdu);
                return error_origin(-EMSGSIZE);
        }
        return coap_send(l->session, pdu) == COAP_INVALID_MID ? error_origin(-EIO) : 0;
}

int coap_link_observe(CoapLink *l, const char *path)
{
        coap_pdu_t *pdu;
        int r;

        r = session_ready(l);
        if (r < 0)
                return error_trace(r);
        pdu = request_new(l, COAP_REQUEST_CODE_GET, TOKEN_OBSERVE, ++l->observe);
        if (!pdu)
                return error_origin(-ENOMEM);
        if (!coap_add_option(pdu, COAP_OPTION_OBSERVE, 0, NULL) || !add_path(pdu, path)) {
                coap_delete_pdu(pdu);
                return error_origin(-EMSGSIZE);
        }
        return coap_send(l->session, pdu) == COAP_INVALID_MID ? error_origin(-EIO) : 0;
}
