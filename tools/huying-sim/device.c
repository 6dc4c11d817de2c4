/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device that keeps its part of the contract: it says a press again, with the same id, after 1, 2, 4 … 32
 * s and then every 32 s, until it has the receipt. Nothing else ends it: not the broker's PUBACK, not the
 * lamp.
 */
#include "tools/huying-sim/sim.h"

#include "base/assert.h"
#include "base/parse.h"

#include <string.h>

#define RETRY_FIRST_US USEC_PER_SEC
#define RETRY_MAX_US   (32 * USEC_PER_SEC)
#define REOBSERVE_US   (10 * USEC_PER_SEC) /* notifications are a hint: it looks again by itself */

static void device_news(SimDevice *d, DeviceNews news, const char *text)
{
        if (d->news)
                d->news(d->userdata, d, news, text);
}

static bool device_publish(SimDevice *d, const char *what, const char *json)
{
        char topic[256];
        Str s = STR_BUFFER(topic);

        str_addf(&s, "huying/%s/up/%s/%s", d->site, d->code, what);
        ASSERT(!s.full);
        return link_publish(d->link, topic, json, strlen(json), false);
}

static bool device_post(SimDevice *d, const char *path, const char *json, const char *id)
{
        char name[CODE_QUERY_MAX], event[CODE_QUERY_MAX];
        const char *query[] = {name, id ? event : NULL, NULL};
        Str n = STR_BUFFER(name), e = STR_BUFFER(event);

        str_addf(&n, "d=%s", d->code);
        if (id)
                str_addf(&e, "id=%s", id);
        return coap_link_post(d->coap, path, query, json) == 0;
}

static void device_say(SimDevice *d)
{
        char text[256];
        Str s = STR_BUFFER(text);
        uint64_t wait_us = RETRY_FIRST_US << (d->tries < 5 ? d->tries : 5);
        bool sent;

        if (d->coap) {
                str_addf(&s, "v1/alarm/%s", d->kind);
                sent = device_post(d, text, NULL, d->id);
        } else {
                str_add(&s, "{\"id\":");
                str_json(&s, d->id);
                str_add(&s, ",\"kind\":");
                str_json(&s, d->kind);
                str_add(&s, "}");
                sent = device_publish(d, "alarm", text);
        }
        if (sent || d->tries > 0)
                d->tries++;
        /* libcoap retransmits what was sent: a second exchange beside it would only add noise. */
        if (d->coap && sent)
                wait_us = RETRY_MAX_US;
        d->timer.due_us = sim_now_us() + (wait_us < RETRY_MAX_US ? wait_us : RETRY_MAX_US);
        if (sent)
                device_news(d, DEVICE_SAID, d->kind);
}

static void device_on_timer(void *userdata, short revents)
{
        SimDevice *d = userdata;

        d->timer.due_us = SIM_NEVER;
        if (d->id[0] && !d->receipted)
                device_say(d);
        else if (d->coap && d->observing && d->location[0]) {
                (void)coap_link_observe(d->coap, d->location); /* fails: again at the next look */
                d->timer.due_us = sim_now_us() + REOBSERVE_US;
        }
}

void device_init(SimDevice *d, Sim *sim, const char *site, const char *code)
{
        *d = (SimDevice){
                .sim = sim, .timer = {.fd = -1, .due_us = SIM_NEVER, .fn = device_on_timer, .userdata = d}};
        (void)str_copy(d->site, sizeof(d->site), site);
        (void)str_copy(d->code, sizeof(d->code), code);
        sim_add(sim, &d->timer);
}

void device_deinit(SimDevice *d)
{
        if (d->sim)
                sim_remove(d->sim, &d->timer);
        d->sim = NULL;
}

void device_press(SimDevice *d, const char *kind, const char *id)
{
        Str s = STR_BUFFER(d->id);

        /* A counter in flash on a real device; here the time, which is as unique on one machine. */
        if (id)
                str_add(&s, id);
        else
                str_addf(&s, "e-%lld", (long long)clock_now().wall_us);
        (void)str_copy(d->kind, sizeof(d->kind), kind);
        d->tries = 0;
        d->receipted = false;
        d->press_us = sim_now_us();
        device_say(d);
}

static bool device_send(SimDevice *d, const char *what, const char *json)
{
        char path[64];
        Str s = STR_BUFFER(path);

        str_addf(&s, "v1/%s", what);
        return d->coap ? device_post(d, path, json, NULL) : device_publish(d, what, json);
}

bool device_vitals(SimDevice *d, const char *json)
{
        return device_send(d, "vitals", json);
}

bool device_status(SimDevice *d, const char *json)
{
        return device_send(d, "status", json);
}

static void device_receipt(SimDevice *d, const char *json, size_t size)
{
        char id[sizeof(d->id)], text[512];

        if (!json_text(json, size, "$.id", id, sizeof(id)) || !str_equal(id, d->id))
                return; /* of an earlier press */
        d->receipted = true;
        d->receipt_us = sim_now_us();
        d->timer.due_us = SIM_NEVER;
        d->incident = d->seq = 0;
        (void)json_u64(json, size, "$.incident", &d->incident); /* none: recorded, and no call was needed */
        (void)json_u64(json, size, "$.seq", &d->seq);
        if (!json_text(json, size, "$.result", d->result, sizeof(d->result)))
                d->result[0] = 0;
        (void)str_copyn(text, sizeof(text), json, size);
        device_news(d, DEVICE_RECEIPT, text);
}

static void device_lamp(SimDevice *d, const char *word, size_t size)
{
        char lamp[sizeof(d->lamp)];

        if (!str_copyn(lamp, sizeof(lamp), word, size) || str_equal(lamp, d->lamp))
                return;
        (void)str_copy(d->lamp, sizeof(d->lamp), lamp);
        device_news(d, DEVICE_LAMP, d->lamp);
}

void device_message(SimDevice *d, const char *what, const char *payload, size_t size)
{
        if (str_equal(what, "receipt"))
                device_receipt(d, payload, size);
        else if (str_equal(what, "lamp"))
                device_lamp(d, payload, size);
}

void device_answer(SimDevice *d, const CoapAnswer *a)
{
        if (a->observed) {
                if (a->code == 205)
                        device_lamp(d, a->payload, a->size);
                else if (a->code == 404) { /* the incident is over, and its resource with it */
                        d->observing = false;
                        device_lamp(d, "idle", strlen("idle"));
                }
                return;
        }
        if (a->code == 0) { /* nobody answers: again soon, with the same id */
                uint64_t wait_us = RETRY_FIRST_US << (d->tries < 5 ? d->tries : 5);

                if (d->id[0] && !d->receipted)
                        d->timer.due_us = sim_now_us() + wait_us;
                return;
        }
        if (a->code != 201)
                return;
        device_receipt(d, a->payload, a->size);
        if (a->location[0] && d->receipted) {
                (void)str_copy(d->location, sizeof(d->location), a->location);
                d->observing = true;
                d->timer.due_us = sim_now_us(); /* not from inside libcoap's callback */
        }
}

void device_connected(SimDevice *d)
{
        if (d->id[0] && !d->receipted)
                d->timer.due_us = sim_now_us();
}

bool device_vitals_parse(const char *text, char *ret_json, size_t cap)
{
        Str s = {.p = ret_json, .cap = cap};
        char name[32], number[32];
        double value;

        str_add(&s, "{");
        while (*text) {
                size_t n = strcspn(text, "="), m = strcspn(text, ",");

                if (n == 0 || n >= m || !str_copyn(name, sizeof(name), text, n) ||
                        !str_copyn(number, sizeof(number), text + n + 1, m - n - 1) ||
                        !parse_double(number, &value))
                        return false;
                if (s.n > 1)
                        str_add(&s, ",");
                str_json(&s, name);
                str_add(&s, ":");
                str_number(&s, value);
                text += m + (text[m] == ',');
        }
        str_add(&s, "}");
        return !s.full && s.n > 2;
}
