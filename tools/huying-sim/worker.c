/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's app as the contract wants it: presence with a will, receipts for what it shows, answers with a
 * nonce. */
#include "tools/huying-sim/sim.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/parse.h"

#include <errno.h>
#include <string.h>

#define BEAT_US    (60 * USEC_PER_SEC)
#define FILTER_MAX 192

struct SimWorker {
        Sim *sim;
        WorkerConfig config;
        char site[64], code[64], prefix[FILTER_MAX], will_topic[FILTER_MAX + 16], alerts[FILTER_MAX + 16],
                replies[FILTER_MAX + 16];
        Link *link;
        SimSource beat;
        uint64_t nonces;
        int64_t began_us;
};

static bool publish(SimWorker *w, const char *what, const char *payload, bool retain)
{
        char topic[FILTER_MAX + 16];
        Str s = STR_BUFFER(topic);

        str_addf(&s, "%s%s", w->prefix, what);
        return link_publish(w->link, topic, payload, strlen(payload), retain);
}

bool worker_act(SimWorker *w, uint64_t incident, const char *action, uint64_t seq, const char *extra)
{
        char json[1024];
        Str s = STR_BUFFER(json);

        str_addf(&s, "{\"action\":\"%s\",\"nonce\":\"%s-%llx-%llu\"", action, w->code,
                (unsigned long long)w->began_us, (unsigned long long)++w->nonces);
        if (incident > 0)
                str_addf(&s, ",\"incident\":%llu", (unsigned long long)incident);
        if (seq > 0)
                str_addf(&s, ",\"seq\":%llu", (unsigned long long)seq);
        str_add(&s, extra);
        str_add(&s, "}");
        ASSERT(!s.full);
        return publish(w, "act", json, false);
}

static void on_connected(void *userdata, bool up)
{
        SimWorker *w = userdata;

        w->beat.due_us = up ? sim_now_us() + BEAT_US : SIM_NEVER;
        if (up)
                (void)publish(w, "presence", "online", true); /* fails: the next connection says it */
}

static void on_beat(void *userdata, short revents)
{
        SimWorker *w = userdata;

        w->beat.due_us = sim_now_us() + BEAT_US;
        (void)publish(w, "presence", "online", true); /* fails: the next beat says it */
}

static void on_message(void *userdata, const char *topic, const char *payload, size_t size, bool retained)
{
        SimWorker *w = userdata;
        const char *what = topic + strlen(w->prefix);
        uint64_t incident, seq = 0;

        if (!str_starts(topic, w->prefix))
                return;
        if (str_equal(what, "reply")) {
                if (w->config.reply)
                        w->config.reply(w->config.userdata, w, payload, size);
                return;
        }
        if (!str_starts(what, "alert/") || !parse_u64(what + strlen("alert/"), &incident))
                return;
        if (size > 0 && w->config.receipts) {
                (void)json_u64(payload, size, "$.seq", &seq);
                (void)worker_act(w, incident, "delivered", seq, ""); /* lost: the gateway calls again */
                (void)worker_act(w, incident, "seen", seq, "");
        }
        if (w->config.alert)
                w->config.alert(w->config.userdata, w, incident, payload, size);
}

int worker_new(SimWorker **ret, Sim *sim, const WorkerConfig *config)
{
        _cleanup_(worker_freep) SimWorker *w = calloc(1, sizeof(SimWorker));
        LinkConfig link;
        int r;

        if (!w)
                return error_origin(-ENOMEM);
        w->sim = sim;
        w->config = *config;
        w->began_us = clock_now().wall_us;
        (void)str_copy(w->site, sizeof(w->site), config->site);
        (void)str_copy(w->code, sizeof(w->code), config->code);
        {
                Str prefix = STR_BUFFER(w->prefix), will = STR_BUFFER(w->will_topic),
                    alerts = STR_BUFFER(w->alerts), replies = STR_BUFFER(w->replies);

                str_addf(&prefix, "huying/%s/worker/%s/", w->site, w->code);
                str_addf(&will, "%spresence", w->prefix);
                str_addf(&alerts, "%salert/+", w->prefix);
                str_addf(&replies, "%sreply", w->prefix);
        }
        w->beat = (SimSource){.fd = -1, .due_us = SIM_NEVER, .fn = on_beat, .userdata = w};
        sim_add(sim, &w->beat);
        link = (LinkConfig){
                .host = config->host,
                .port = config->port,
                .client_id = w->code,
                .user = config->user,
                .password = config->password,
                .will_topic = w->will_topic,
                .will = "offline",
                .filters = {w->alerts, w->replies},
                .connected = on_connected,
                .message = on_message,
                .userdata = w,
        };
        r = link_new(&w->link, sim, &link);
        if (r < 0)
                return error_trace(r);
        *ret = TAKE_PTR(w);
        return 0;
}

SimWorker *worker_free(SimWorker *w)
{
        if (!w)
                return NULL;
        if (w->link && link_up(w->link))
                (void)publish(w, "presence", "offline", true); /* a goodbye sends no will */
        link_free(w->link);
        sim_remove(w->sim, &w->beat);
        free(w);
        return NULL;
}

const char *worker_code(const SimWorker *w)
{
        return w->code;
}

bool worker_up(const SimWorker *w)
{
        return link_up(w->link);
}
