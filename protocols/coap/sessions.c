/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which sessions there are. libcoap tells of their beginning and their end, to a handler without a pointer of ours; it
 * has no call that walks them.
 *
 * All are counted. Those with an identity are in a list besides, so that a key that is taken back ends them. They come
 * into it when the library asks for the key and not when they begin: a session whose handshake cannot even be set up
 * is freed (4.3.1) without a word, one that has come as far as its key is not, but for the end of the whole context.
 */
#include "protocols/coap/sessions.h"

#include "base/assert.h"

#include <stdlib.h>

struct Keyed {
        coap_session_t *session; /* its app data is this */
        Keyed **from, *next;     /* what points here, and what comes after */
};

static unsigned standing;

static void keyed_free(Keyed *k)
{
        *k->from = k->next;
        if (k->next)
                k->next->from = k->from;
        free(k);
}

static int on_event(coap_session_t *session, const coap_event_t event)
{
        if (event == COAP_EVENT_SERVER_SESSION_NEW)
                standing++;
        else if (event == COAP_EVENT_SERVER_SESSION_DEL) {
                Keyed *k = coap_session_get_app_data(session);

                if (standing > 0)
                        standing--;
                coap_session_set_app_data(session, NULL);
                if (k)
                        keyed_free(k);
        }
        return 0;
}

void sessions_watch(coap_context_t *context)
{
        coap_register_event_handler(context, on_event);
}

unsigned sessions_standing(void)
{
        return standing;
}

bool sessions_add(Sessions *s, coap_session_t *session)
{
        Keyed *k;

        ASSERT(s && session);
        if (coap_session_get_app_data(session))
                return true;
        k = malloc(sizeof(Keyed));
        if (!k)
                return false;
        *k = (Keyed){.session = session, .from = &s->first, .next = s->first};
        if (k->next)
                k->next->from = &k->next;
        s->first = k;
        coap_session_set_app_data(session, k);
        return true;
}

void sessions_each(Sessions *s, void (*fn)(void *userdata, coap_session_t *), void *userdata)
{
        for (Keyed *k = s->first, *next; k; k = next) {
                next = k->next;
                fn(userdata, k->session);
        }
}

void sessions_deinit(Sessions *s)
{
        while (s->first)
                keyed_free(s->first);
}

void sessions_forget(void)
{
        standing = 0;
}
