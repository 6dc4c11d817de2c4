/* SPDX-License-Identifier: Apache-2.0 */
/* `huying-sim device` and `huying-sim worker`: one of each, from the command line. */
#include "tools/huying-sim/sim.h"

#include "base/assert.h"
#include "base/parse.h"

#include <getopt.h>
#include <string.h>

/* Device. */

typedef struct DevicePlay {
        SimDevice device;
        const char *press, *id;
        char vitals[512];
        bool status, until_receipt, begun, done;
} DevicePlay;

static void device_on_news(void *userdata, SimDevice *d, DeviceNews news, const char *text)
{
        DevicePlay *p = userdata;
        char when[13];

        sim_time_text(when);
        switch (news) {
        case DEVICE_SAID:
                sim_print("%s  %s 第 %u 次说 %s（%s） | says %s, time %u", when, d->code, d->tries, text,
                        d->id, text, d->tries);
                break;
        case DEVICE_RECEIPT:
                sim_print("%s  %s 收到回执 | receipt %s", when, d->code, text);
                p->done = p->until_receipt;
                break;
        case DEVICE_LAMP: sim_print("%s  %s 灯 | lamp %s", when, d->code, text); break;
        }
}

static void device_begin(DevicePlay *p)
{
        if (p->begun)
                return;
        p->begun = true;
        if (p->status && !device_status(&p->device, "{}"))
                p->begun = false;
        if (p->vitals[0] && !device_vitals(&p->device, p->vitals))
                p->begun = false;
        if (p->press)
                device_press(&p->device, p->press, p->id);
        else if (p->until_receipt)
                p->done = p->begun; /* nothing to wait for */
}

static void device_on_connected(void *userdata, bool up)
{
        DevicePlay *p = userdata;

        if (!up)
                return;
        if (!p->begun)
                device_begin(p);
        else
                device_connected(&p->device);
}

static void device_on_message(
        void *userdata, const char *topic, const char *payload, size_t size, bool retained)
{
        DevicePlay *p = userdata;

        device_message(&p->device, strrchr(topic, '/') + 1, payload, size);
}

static void device_on_answer(void *userdata, const CoapAnswer *answer)
{
        DevicePlay *p = userdata;

        if (!answer->observed && !p->press) {
                sim_print("%u.%02u %.*s", answer->code / 100, answer->code % 100, (int)answer->size,
                        answer->payload);
                p->done = true;
        }
        device_answer(&p->device, answer);
}

static int device_play(DevicePlay *p, Sim *sim, bool coap, const char *host, uint32_t port)
{
        _cleanup_(link_freep) Link *link = NULL;
        _cleanup_(coap_link_freep) CoapLink *coap_link = NULL;
        char filter[192];
        Str s = STR_BUFFER(filter);
        int r;

        str_addf(&s, "huying/%s/down/%s/+", p->device.site, p->device.code);
        if (coap)
                r = coap_link_new(&coap_link, sim, host, port, device_on_answer, p);
        else
                r = link_new(&link, sim,
                        &(LinkConfig){.host = host,
                                .port = port,
                                .client_id = p->device.code,
                                .filters = {filter},
                                .connected = device_on_connected,
                                .message = device_on_message,
                                .userdata = p});
        p->device.link = link;
        p->device.coap = coap_link;
        if (r >= 0 && coap)
                device_begin(p);
        while (r >= 0 && !sim_interrupted() && !p->done)
                r = sim_step(sim, SIM_NEVER);
        if (r >= 0 && link && p->done) /* what is queued goes out */
                r = sim_step(sim, sim_now_us() + 100 * USEC_PER_MSEC);
        return r < 0 ? 1 : 0;
}

int cmd_device(int argc, char **argv)
{
        static const struct option options[] = {
                {"mqtt", required_argument, NULL, 'm'},
                {"coap", required_argument, NULL, 'c'},
                {"site", required_argument, NULL, 's'},
                {"device", required_argument, NULL, 'd'},
                {"press", required_argument, NULL, 'p'},
                {"id", required_argument, NULL, 'i'},
                {"vitals", required_argument, NULL, 'v'},
                {"status", no_argument, NULL, 'h'},
                {"until-receipt", no_argument, NULL, 'u'},
                {0},
        };
        DevicePlay play = {0};
        Sim sim = {0};
        char host[128];
        const char *site = "demo", *code = NULL;
        bool coap = false, mqtt = false;
        uint32_t port = 0;
        int c, r;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (c) {
                case 'm':
                case 'c':
                        *(c == 'm' ? &mqtt : &coap) = true;
                        if (!endpoint_parse(optarg, c == 'm' ? 1883 : 5683, host, sizeof(host), &port))
                                return 2;
                        break;
                case 's': site = optarg; break;
                case 'd': code = optarg; break;
                case 'p': play.press = optarg; break;
                case 'i': play.id = optarg; break;
                case 'v':
                        if (!device_vitals_parse(optarg, play.vitals, sizeof(play.vitals)))
                                return 2;
                        break;
                case 'h': play.status = true; break;
                case 'u': play.until_receipt = true; break;
                default: return 2;
                }
        if (optind < argc || coap == mqtt || !code || !str_code(code) || !str_code(site) ||
                (play.id && strlen(play.id) >= sizeof(play.device.id)))
                return 2;
        sim_signals();
        device_init(&play.device, &sim, site, code);
        play.device.news = device_on_news;
        play.device.userdata = &play;
        r = device_play(&play, &sim, coap, host, port);
        device_deinit(&play.device);
        return r;
}

/* Worker. */

#define ANSWERS_MAX 8
#define MATTERS_MAX 64

typedef struct Matter { /* one alert of this worker */
        uint64_t incident, seq, due_us;
        unsigned next; /* answer */
} Matter;

typedef struct WorkerPlay {
        SimWorker *worker;
        char answers[ANSWERS_MAX][32];
        unsigned n_answers;
        uint64_t after_us;
        Matter matters[MATTERS_MAX];
        SimSource timer;
} WorkerPlay;

static void worker_arm(WorkerPlay *p)
{
        p->timer.due_us = SIM_NEVER;
        for (unsigned i = 0; i < MATTERS_MAX; i++)
                if (p->matters[i].incident && p->matters[i].next < p->n_answers &&
                        p->matters[i].due_us < p->timer.due_us)
                        p->timer.due_us = p->matters[i].due_us;
}

static void worker_on_timer(void *userdata, short revents)
{
        WorkerPlay *p = userdata;
        uint64_t now_us = sim_now_us();

        for (unsigned i = 0; i < MATTERS_MAX; i++) {
                Matter *m = &p->matters[i];
                const char *action = p->answers[m->next];

                if (!m->incident || m->next >= p->n_answers || m->due_us > now_us)
                        continue;
                m->due_us = now_us + p->after_us;
                if (!worker_act(p->worker, m->incident, action, m->seq,
                            str_equal(action, "resolve") ? ",\"outcome\":\"helped\"" : ""))
                        continue; /* not connected: again after the same time */
                m->next++;
        }
        worker_arm(p);
}

static void worker_on_alert(void *userdata, SimWorker *w, uint64_t incident, const char *json, size_t size)
{
        WorkerPlay *p = userdata;
        Matter *m = NULL;
        char when[13], text[512] = "";

        sim_time_text(when);
        for (unsigned i = 0; i < MATTERS_MAX; i++)
                if (p->matters[i].incident == incident)
                        m = &p->matters[i];
        if (size == 0) {
                sim_print("%s  %s %llu 号撤下 | alert %llu cleared", when, worker_code(w),
                        (unsigned long long)incident, (unsigned long long)incident);
                if (m)
                        *m = (Matter){0};
                worker_arm(p);
                return;
        }
        for (unsigned i = 0; !m && i < MATTERS_MAX; i++)
                if (!p->matters[i].incident) {
                        m = &p->matters[i];
                        *m = (Matter){.incident = incident, .due_us = sim_now_us() + p->after_us};
                }
        (void)json_text(json, size, "$.text", text, sizeof(text)); /* none: the line says so */
        sim_print("%s  %s %s | alert %llu", when, worker_code(w), text, (unsigned long long)incident);
        if (m)
                (void)json_u64(json, size, "$.seq", &m->seq);
        worker_arm(p);
}

static void worker_on_reply(void *userdata, SimWorker *w, const char *json, size_t size)
{
        char when[13];

        sim_time_text(when);
        sim_print("%s  %s 答复 | reply %.*s", when, worker_code(w), (int)size, json);
}

static bool answers_parse(WorkerPlay *p, const char *text)
{
        while (*text) {
                size_t n = strcspn(text, ",");

                if (n == 0 || p->n_answers == ANSWERS_MAX ||
                        !str_copyn(p->answers[p->n_answers], sizeof(p->answers[0]), text, n))
                        return false;
                p->n_answers++;
                text += n + (text[n] == ',');
        }
        return true;
}

int cmd_worker(int argc, char **argv)
{
        static const struct option options[] = {
                {"mqtt", required_argument, NULL, 'm'},
                {"site", required_argument, NULL, 's'},
                {"worker", required_argument, NULL, 'w'},
                {"answer", required_argument, NULL, 'a'},
                {"after", required_argument, NULL, 't'},
                {"no-receipts", no_argument, NULL, 'n'},
                {0},
        };
        WorkerPlay play = {.after_us = 2 * USEC_PER_SEC};
        WorkerConfig config = {
                .site = "demo",
                .receipts = true,
                .alert = worker_on_alert,
                .reply = worker_on_reply,
                .userdata = &play,
        };
        Sim sim = {0};
        char host[128] = "";
        double after;
        int c, r;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (c) {
                case 'm':
                        if (!endpoint_parse(optarg, 1883, host, sizeof(host), &config.port))
                                return 2;
                        break;
                case 's': config.site = optarg; break;
                case 'w': config.code = optarg; break;
                case 'a':
                        if (!answers_parse(&play, optarg))
                                return 2;
                        break;
                case 't':
                        if (!parse_double(optarg, &after) || after < 0 || after > 86400)
                                return 2;
                        play.after_us = (uint64_t)(after * (double)USEC_PER_SEC);
                        break;
                case 'n': config.receipts = false; break;
                default: return 2;
                }
        if (optind < argc || !host[0] || !config.code || !str_code(config.code) || !str_code(config.site))
                return 2;
        config.host = host;
        sim_signals();
        play.timer = (SimSource){.fd = -1, .due_us = SIM_NEVER, .fn = worker_on_timer, .userdata = &play};
        sim_add(&sim, &play.timer);
        r = worker_new(&play.worker, &sim, &config);
        while (r >= 0 && !sim_interrupted())
                r = sim_step(&sim, SIM_NEVER);
        worker_free(play.worker);
        return r < 0 ? 1 : 0;
}
