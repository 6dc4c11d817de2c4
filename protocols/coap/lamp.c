/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One observable resource for each open incident, a/<incident>, which holds the lamp's word.
 *
 *      (none) ──open──▶ received, accepted, arrived … ──over──▶ resolved, failed
 *                                  ▲                                   │     │
 *                                  ├─────────────reopened──────────────┘    idle
 *                                  └─────────────reopened──────────── idle ◀─┘ ──60 s──▶ deleted: 4.04
 *
 * One for each incident and not for each bed, because libcoap walks all resources for every acknowledged
 * notification, every registration and every reset: open incidents are tens, beds are thousands. Deleting
 * the resource is also the only way to be rid of observers that have vanished.
 *
 * Rules that come from libcoap 4.3.1:
 *  - the handler answers 2.05 in every notification: anything above 2.xx there is a use after free;
 *  - no resource is deleted inside a handler, since the library may be walking the list;
 *  - notifications are confirmable: with the default only every sixth would be;
 *  - a resource that is freed tells its observers 4.04, also when the whole context is freed. At the end of
 *    the process that would be a lie, so observing is switched off before.
 */
#include "protocols/coap/lamp.h"

#include "base/assert.h"
#include "protocols/coap/sessions.h"

#include <stdio.h>
#include <string.h>

static void lamp_get(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
        const coap_string_t *query, coap_pdu_t *response)
{
        const LampRow *row = coap_resource_get_userdata(resource);
        const char *word = lamp_word(row->lamp);
        coap_opt_iterator_t it;
        uint8_t bytes[4];

        /*
         * Confirmable is what only notifications are, and those answer 2.05 in any case. An observer's session is never
         * closed for idleness, so somebody who forges source addresses could fill the memory with them.
         */
        if (coap_pdu_get_type(response) != COAP_MESSAGE_CON && sessions_standing() > LAMP_SESSIONS_MAX &&
                coap_check_option(request, COAP_OPTION_OBSERVE, &it)) {
                coap_pdu_set_code(response, COAP_RESPONSE_CODE_SERVICE_UNAVAILABLE);
                return;
        }
        coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
        (void)coap_add_option(response, COAP_OPTION_CONTENT_FORMAT,
                coap_encode_var_safe(bytes, sizeof(bytes), CPORT_FORMAT_TEXT),
                bytes); /* an empty message has room */
        (void)coap_add_option(response, COAP_OPTION_MAXAGE,
                coap_encode_var_safe(bytes, sizeof(bytes), LAMP_MAX_AGE_S), bytes);
        (void)coap_add_data(response, strlen(word), (const uint8_t *)word);
}

static coap_resource_t *resource_new(coap_context_t *context, LampRow *row)
{
        char path[32];
        int n = snprintf(path, sizeof(path), "a/%llu", (unsigned long long)row->incident);
        coap_str_const_t *uri = coap_new_str_const((const uint8_t *)path, (size_t)n);
        coap_resource_t *resource;

        if (!uri)
                return NULL;
        resource = coap_resource_init(uri, COAP_RESOURCE_FLAGS_RELEASE_URI | COAP_RESOURCE_FLAGS_NOTIFY_CON);
        if (!resource) {
                coap_delete_str_const(uri);
                return NULL;
        }
        coap_register_handler(resource, COAP_REQUEST_GET, lamp_get);
        coap_resource_set_get_observable(resource, 1);
        coap_resource_set_userdata(resource, row);
        coap_add_resource(context, resource);
        return resource;
}

static void row_free(Lamps *l, LampRow *row)
{
        for (unsigned side = 0; side < LAMP_SIDES; side++)
                if (row->resources[side])
                        coap_delete_resource(l->contexts[side], row->resources[side]);
        *row = (LampRow){0};
}

/* The row of the incident, else a free one, else (outside a handler) one whose incident is over. */
static LampRow *row_for(Lamps *l, uint64_t incident, bool create, bool inside)
{
        LampRow *unused = NULL, *over = NULL;

        for (LampRow *row = l->rows; row < l->rows + l->n; row++) {
                if (row->incident == incident)
                        return row;
                if (row->incident == 0) {
                        if (!unused)
                                unused = row;
                } else if (!row->open && (!over || row->incident < over->incident)) {
                        over = row;
                }
        }
        if (!create)
                return NULL;
        if (!unused && l->n < LAMPS_MAX)
                unused = &l->rows[l->n++];
        if (!unused && over && !inside) {
                row_free(l, over);
                unused = over;
        }
        return unused;
}

bool lamps_set(Lamps *l, uint64_t incident, Lamp lamp, bool open, bool inside, uint64_t now_us)
{
        LampRow *row;

        ASSERT(incident != 0);
        row = row_for(l, incident, open, inside);
        if (!row)
                return !open; /* over before anybody could look: nothing to show */
        bool fresh = row->incident == 0;
        bool changed = fresh || row->lamp != lamp;

        row->incident = incident;
        row->lamp = lamp;
        row->open = open;
        row->gone_us = !open && lamp == LAMP_IDLE ? now_us + LAMP_LINGER_US : 0;
        for (unsigned side = 0; side < LAMP_SIDES; side++) {
                if (!l->contexts[side])
                        continue;
                if (fresh)
                        row->resources[side] = resource_new(l->contexts[side], row);
                else if (changed && row->resources[side])
                        coap_resource_notify_observers(row->resources[side], NULL);
        }
        return true;
}

bool lamps_reap(Lamps *l, uint64_t now_us)
{
        bool waiting = false;

        for (LampRow *row = l->rows; row < l->rows + l->n; row++) {
                if (row->incident == 0 || row->gone_us == 0)
                        continue;
                if (now_us >= row->gone_us)
                        row_free(l, row);
                else
                        waiting = true;
        }
        return waiting;
}

void lamps_silence(Lamps *l)
{
        for (LampRow *row = l->rows; row < l->rows + l->n; row++) {
                for (unsigned side = 0; side < LAMP_SIDES; side++)
                        if (row->resources[side])
                                coap_resource_set_get_observable(row->resources[side], 0);
                row_free(l, row);
        }
        sessions_forget(); /* 4.3.1 reports no end of those that go with their context */
}
