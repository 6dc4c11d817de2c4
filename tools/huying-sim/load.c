/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `huying-sim load`: many beds and their workers, as fast as asked, measured from outside.
 *
 *   CONNECT ──everybody is up──▶ RUN ──time is up, or the burst is with the broker──▶ MARK ──▶ SETTLE ──▶ report
 *
 * Bands lb<n> send readings, buttons ls<n> press: each press has an id of its own, is said again until it has its
 * receipt (1, 2, 4 … 32 s), and is counted by that id: when it was first said, when the worker's own connection first
 * had an alert that names it, how many incidents it became. A press without an alert is lost, one of two incidents is
 * doubled.
 *
 * A burst is over when what was sent last has come through: the MARK is a reading beyond every limit from one
 * of the bands, another one each time, behind all others in the broker's queue, and the alert about it says that everything before it was taken.
 *
 * --direct measures the broker alone: the worker's connection takes the presses themselves.
 *
 * Rates are kept by the clock, not by answers: what could not be sent in time is sent late, as many at once as are due,
 * and its delay counts.
 */
#include "tools/huying-sim/sim.h"

#include "base/assert.h"
#include "base/idmap.h"
#include "base/parse.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#define CONNECTIONS_MAX 900
#define WORKERS_MAX     16
#define PRESSES_MAX     400000u
#define WINDOW          50   /* readings under way on one connection */
#define STEP_MAX        2000 /* messages in one round of the loop */
#define SETTLE_US       (200 * USEC_PER_MSEC)
#define GRACE_US        (15 * USEC_PER_SEC)

typedef enum Phase { PHASE_CONNECT, PHASE_RUN, PHASE_MARK, PHASE_SETTLE, PHASE_END } Phase;

typedef struct Press {
        uint64_t sent_us, alert_us, receipt_us, again_us, incident;
        uint32_t tries;
        bool doubled;
} Press;

/* What is known of an incident at the workers: when its next tier is due. */
typedef struct Matter {
        int64_t next_tier_us;
        uint8_t tier;
} Matter;

typedef struct Series {
        uint64_t *values;
        uint32_t n, max;
} Series;

struct Load;

typedef struct Sender {
        struct Load *load;
        Link *link;
        uint32_t under_way;
} Sender;

typedef struct Load {
        const char *site, *workers;
        char host[256], coap_host[256];
        uint32_t port, coap_port, devices, connections, seconds, burst, first, limit;
        double vitals_rate, presses_rate;
        bool answer, direct, coap_on;
        char marker[32];

        Sim sim;
        Phase phase;
        uint64_t phase_us, run_us, ran_us, mark_us, marked_us;
        Sender senders[CONNECTIONS_MAX];
        Link *receipts, *direct_link;
        SimWorker *people[WORKERS_MAX];
        unsigned n_people, next_sender, n_up;
        CoapLoad *coap;
        uint32_t tag;
        uint64_t vitals_sent, vitals_acked, alerts, replies, replies_ok;
        Press *presses;
        uint32_t n_presses, n_alerted, n_receipted, n_doubled, again_from;
        Matter *matters;
        void *matters_memory;
        IdMap by_incident;
        uint32_t n_matters;
        Series lateness;
} Load;

/* Results */

static void series_add(Series *s, uint64_t value)
{
        if (s->n < s->max)
                s->values[s->n++] = value;
}

static int compare(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return x < y ? -1 : x > y;
}

static void series_print(Str *json, const char *name, Series *s)
{
        static const struct {
                const char *name;
                double q;
        } points[] = {{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};

        qsort(s->values, s->n, sizeof(uint64_t), compare);
        str_addf(json, ",\"%s\":{\"n\":%" PRIu32, name, s->n);
        for (unsigned i = 0; s->n > 0 && i < 4; i++)
                str_addf(json, ",\"%s_us\":%" PRIu64, points[i].name,
                        s->values[(uint32_t)((double)(s->n - 1) * points[i].q)]);
        str_add(json, "}");
}

static void report(Load *l)
{
        _cleanup_(freep) uint64_t *alerts = calloc(PRESSES_MAX, sizeof(uint64_t)),
                                  *receipts = calloc(PRESSES_MAX, sizeof(uint64_t));
        Series a = {.values = alerts, .max = PRESSES_MAX}, r = {.values = receipts, .max = PRESSES_MAX};
        uint32_t retries = 0;
        char text[2048];
        Str s = STR_BUFFER(text);

        ASSERT(alerts && receipts);
        if (!l->ran_us) /* interrupted */
                l->ran_us = sim_now_us();
        for (uint32_t i = 0; i < l->n_presses; i++) {
                const Press *p = &l->presses[i];

                if (p->alert_us)
                        series_add(&a, p->alert_us - p->sent_us);
                if (p->receipt_us)
                        series_add(&r, p->receipt_us - p->sent_us);
                retries += p->tries - 1;
        }
        str_addf(&s, "{\"seconds\":%.3f,\"vitals_sent\":%" PRIu64 ",\"vitals_acked\":%" PRIu64,
                (double)(l->ran_us - l->run_us) / 1e6, l->vitals_sent, l->vitals_acked);
        if (l->marked_us)
                str_addf(&s, ",\"mark_seconds\":%.6f", (double)(l->marked_us - l->run_us) / 1e6);
        str_addf(&s,
                ",\"presses\":%u,\"alerted\":%u,\"receipted\":%u,\"lost\":%u,\"doubled\":%u,\"said_again\":%"
                "u"
                ",\"alerts\":%" PRIu64 ",\"replies\":%" PRIu64 ",\"replies_ok\":%" PRIu64,
                l->n_presses, l->n_alerted, l->n_receipted, l->n_presses - l->n_alerted, l->n_doubled,
                retries, l->alerts, l->replies, l->replies_ok);
        if (l->coap) {
                CoapLoadCounts c = coap_load_counts(l->coap);

                str_addf(&s,
                        ",\"coap\":{\"sent\":%" PRIu64 ",\"answered\":%" PRIu64 ",\"refused\":%" PRIu64
                        ",\"retransmitted\":%" PRIu64 ",\"given_up\":%" PRIu64 "}",
                        c.sent, c.answered, c.refused, c.retransmitted, c.given_up);
        }
        series_print(&s, "alert", &a);
        series_print(&s, "receipt", &r);
        series_print(&s, "lateness", &l->lateness);
        str_add(&s, "}");
        sim_print("%s", text);
}

/* What comes in */

/* The press of an id that is ours ("L<n>"), else NULL. */
static Press *press_of(Load *l, const char *json, size_t size, const char *path)
{
        char id[32];
        uint32_t n;

        if (!json_text(json, size, path, id, sizeof(id)) || id[0] != 'L' ||
                !parse_u32(id + 1, UINT32_MAX, &n) || n < l->first || n - l->first >= l->n_presses)
                return NULL;
        return &l->presses[n - l->first];
}

static void press_alerted(Load *l, Press *p, uint64_t incident, uint64_t now)
{
        if (!p->alert_us) {
                p->alert_us = now;
                p->incident = incident;
                l->n_alerted++;
        } else if (incident != p->incident && !p->doubled) {
                p->doubled = true;
                l->n_doubled++;
        }
}

/* How late a tier was called, by the time that the tier before it was told. */
static void tier_seen(Load *l, uint64_t incident, const char *json, size_t size)
{
        int64_t now = clock_now().wall_us;
        double next = 0;
        int64_t tier = 0;
        uint32_t i;

        if (!json_i64(json, size, "$.tier", &tier) || tier < 1)
                return;
        if (!idmap_get(&l->by_incident, incident, &i)) {
                if (l->n_matters == PRESSES_MAX)
                        return;
                i = l->n_matters++;
                ASSERT(idmap_set(&l->by_incident, incident, i));
        } else if (tier > l->matters[i].tier && l->matters[i].next_tier_us) {
                int64_t late = now - l->matters[i].next_tier_us;

                series_add(&l->lateness, late > 0 ? (uint64_t)late : 0);
        }
        if (tier > l->matters[i].tier) {
                l->matters[i].tier = (uint8_t)tier;
                l->matters[i].next_tier_us =
                        json_double(json, size, "$.limits.next_tier", &next) ? (int64_t)(next * 1e6) : 0;
        }
}

static void answer(Load *l, SimWorker *w, uint64_t incident, const char *json, size_t size)
{
        char needs[16];
        uint64_t seq = 0;

        if (!json_text(json, size, "$.needs", needs, sizeof(needs)) || !json_u64(json, size, "$.seq", &seq))
                return;
        if (str_equal(needs, "accept"))
                (void)worker_act(
                        w, incident, "accept", seq, ",\"eta\":300"); /* lost: the ladder calls others */
        else if (str_equal(needs, "arrive"))
                (void)worker_act(w, incident, "arrived", seq, "");
        else if (str_equal(needs, "resolve"))
                (void)worker_act(w, incident, "resolve", seq, ",\"outcome\":\"helped\"");
}

static void on_alert(void *userdata, SimWorker *w, uint64_t incident, const char *json, size_t size)
{
        Load *l = userdata;
        uint64_t now = sim_now_us();
        char device[64];
        Press *p;

        if (size == 0)
                return;
        l->alerts++;
        p = press_of(l, json, size, "$.event");
        if (p)
                press_alerted(l, p, incident, now);
        else if (l->phase == PHASE_MARK && json_text(json, size, "$.device", device, sizeof(device)) &&
                 str_equal(device, l->marker) && !l->marked_us)
                l->marked_us = now;
        tier_seen(l, incident, json, size);
        if (l->answer && w == l->people[0])
                answer(l, w, incident, json, size);
}

static void on_reply(void *userdata, SimWorker *w, const char *json, size_t size)
{
        Load *l = userdata;
        char result[16];

        l->replies++;
        if (json_text(json, size, "$.result", result, sizeof(result)) && str_equal(result, "ok"))
                l->replies_ok++;
}

static void on_receipt(void *userdata, const char *topic, const char *payload, size_t size, bool retained)
{
        Load *l = userdata;
        Press *p = press_of(l, payload, size, "$.id");

        if (!p || p->receipt_us)
                return;
        p->receipt_us = sim_now_us();
        l->n_receipted++;
}

/* The broker alone: what a device has said is what the worker gets. */
static void on_direct(void *userdata, const char *topic, const char *payload, size_t size, bool retained)
{
        Load *l = userdata;
        uint64_t now = sim_now_us();
        Press *p = press_of(l, payload, size, "$.id");

        if (!p)
                return;
        press_alerted(l, p, 1, now);
        if (!p->receipt_us) {
                p->receipt_us = now;
                l->n_receipted++;
        }
}

static void on_acked(void *userdata)
{
        Sender *s = userdata;

        if (s->under_way > 0)
                s->under_way--;
        s->load->vitals_acked++;
}

static void on_answered(void *userdata, uint32_t tag)
{
        Load *l = userdata;

        if (tag > 0 && !l->presses[tag - 1].receipt_us) {
                l->presses[tag - 1].receipt_us = sim_now_us();
                l->n_receipted++;
        }
}

/* What goes out */

static bool send_mqtt(Load *l, const char *device, const char *what, const char *json, size_t n)
{
        char topic[128];
        Str s = STR_BUFFER(topic);

        str_addf(&s, "huying/%s/up/%s/%s", l->site, device, what);
        for (unsigned i = 0; i < l->connections; i++) {
                Sender *sender = &l->senders[l->next_sender++ % l->connections];

                if (sender->under_way >= WINDOW && l->burst)
                        continue;
                if (!link_publish(sender->link, topic, json, n, false))
                        continue;
                sender->under_way++;
                return true;
        }
        return false;
}

static bool vitals_send(Load *l)
{
        uint64_t n = l->vitals_sent;
        char device[32], json[96];
        Str d = STR_BUFFER(device), s = STR_BUFFER(json);

        str_addf(&d, "lb%" PRIu64, n % l->devices);
        str_addf(&s, "{\"hr\":%u,\"spo2\":%u,\"sys\":%u,\"dia\":%u,\"temp\":36.%u}", 60 + (unsigned)(n % 30),
                95 + (unsigned)(n % 4), 110 + (unsigned)(n % 20), 70 + (unsigned)(n % 10),
                (unsigned)(n % 10));
        if (l->coap ? !coap_load_post(l->coap, "vitals", device, "", json, 0)
                    : !send_mqtt(l, device, "vitals", json, s.n))
                return false;
        l->vitals_sent++;
        return true;
}

static bool press_say(Load *l, uint32_t n)
{
        Press *p = &l->presses[n];
        char device[32], id[32], json[96];
        Str d = STR_BUFFER(device), i = STR_BUFFER(id), s = STR_BUFFER(json);
        bool said;

        str_addf(&d, "ls%" PRIu32, (l->first + n) % l->devices);
        str_addf(&i, "L%" PRIu32, l->first + n);
        str_addf(&s, "{\"id\":\"%s\",\"kind\":\"sos\"}", id);
        said = l->coap ? coap_load_post(l->coap, "alarm/sos", device, id, NULL, n + 1)
                       : send_mqtt(l, device, "alarm", json, s.n);
        if (!said)
                return false;
        p->again_us = sim_now_us() + (USEC_PER_SEC << (p->tries < 5 ? p->tries : 5));
        p->tries++;
        return true;
}

/* Presses without a receipt, again. CoAP does that in load-coap.c. */
static void presses_again(Load *l, uint64_t now)
{
        while (l->again_from < l->n_presses && l->presses[l->again_from].receipt_us)
                l->again_from++;
        for (uint32_t n = l->again_from; n < l->n_presses && !l->coap; n++)
                if (!l->presses[n].receipt_us && l->presses[n].again_us <= now && !press_say(l, n))
                        return;
}

static uint64_t due_at(const Load *l, uint64_t n, double rate)
{
        return rate > 0 ? l->run_us + (uint64_t)((double)(n + 1) / rate * 1e6) : SIM_NEVER;
}

/* What is due by now. */
static void send_due(Load *l, uint64_t now)
{
        double elapsed = (double)(now - l->run_us) / 1e6;
        uint64_t vitals = l->burst ? l->burst : (uint64_t)(elapsed * l->vitals_rate);
        uint32_t presses = (uint32_t)(elapsed * l->presses_rate), n = 0;

        while (l->n_presses < presses && l->n_presses < l->limit && n++ < STEP_MAX) {
                Press *p = &l->presses[l->n_presses];

                *p = (Press){.sent_us = due_at(l, l->n_presses, l->presses_rate)};
                if (now < p->sent_us || !press_say(l, l->n_presses))
                        break;
                l->n_presses++;
        }
        while (l->vitals_sent < vitals && n++ < STEP_MAX && vitals_send(l))
                ;
        presses_again(l, now);
}

/* When the next is to be sent, at most every millisecond. */
static uint64_t next_due(const Load *l, uint64_t now)
{
        uint64_t soon = now + USEC_PER_MSEC, late = now + 10 * USEC_PER_MSEC;
        uint64_t vitals = l->burst ? soon : due_at(l, l->vitals_sent, l->vitals_rate);
        uint64_t press = l->n_presses < l->limit ? due_at(l, l->n_presses, l->presses_rate) : SIM_NEVER;

        if (vitals < soon)
                vitals = soon;
        if (press < vitals)
                vitals = press;
        return vitals < late ? vitals : late;
}

/* The run */

static bool all_up(const Load *l)
{
        bool up = true;

        for (unsigned i = 0; i < l->connections && up; i++)
                up = link_up(l->senders[i].link);
        for (unsigned i = 0; i < l->n_people && up; i++)
                up = worker_up(l->people[i]);
        return up && (!l->receipts || link_up(l->receipts)) && (!l->direct_link || link_up(l->direct_link));
}

static void phase_set(Load *l, Phase phase, uint64_t now)
{
        l->phase = phase;
        l->phase_us = now;
}

/* Twice: of a band in the course of its readings a single one that far out may be a finger that slipped. */
static void mark(Load *l, uint64_t now)
{
        static const char *const json[] = {"{\"hr\":190}", "{\"hr\":191}"};

        l->mark_us = now;
        for (unsigned i = 0; i < 2; i++)
                if (l->coap)
                        (void)coap_load_post(l->coap, "vitals", l->marker, "", json[i], 0);
                else
                        (void)send_mqtt(l, l->marker, "vitals", json[i], strlen(json[i]));
}

static void run_over(Load *l, uint64_t now)
{
        uint64_t answered = l->coap ? coap_load_counts(l->coap).answered : l->vitals_acked;
        bool over = now >= l->run_us + l->seconds * USEC_PER_SEC;

        if (l->burst)
                over = over || (l->vitals_sent == l->burst && answered >= l->burst);
        if (!over)
                return;
        l->ran_us = now;
        if (l->burst && l->n_people > 0) {
                mark(l, now);
                phase_set(l, PHASE_MARK, now);
        } else {
                phase_set(l, PHASE_SETTLE, now);
        }
}

static void phases(Load *l, uint64_t now)
{
        switch (l->phase) {
        case PHASE_CONNECT:
                if (!all_up(l))
                        l->phase_us = now;
                else if (now - l->phase_us > 2 * SETTLE_US) { /* the subscriptions are in force */
                        l->run_us = now;
                        phase_set(l, PHASE_RUN, now);
                }
                return;
        case PHASE_RUN:
                send_due(l, now);
                run_over(l, now);
                return;
        case PHASE_MARK:
                if (l->marked_us || now - l->phase_us > 4 * GRACE_US)
                        phase_set(l, PHASE_SETTLE, now);
                return;
        case PHASE_SETTLE:
                presses_again(l, now);
                if (now - l->phase_us > GRACE_US ||
                        (l->n_alerted == l->n_presses && l->n_receipted == l->n_presses &&
                                now - l->phase_us > SETTLE_US))
                        phase_set(l, PHASE_END, now);
                return;
        case PHASE_END: return;
        }
}

static int connect_all(Load *l)
{
        char receipts[128], presses[128], list[256], *rest = list, *code;
        Str r = STR_BUFFER(receipts), p = STR_BUFFER(presses);
        LinkConfig c = {.host = l->host, .port = l->port, .userdata = l};
        int ret = 0;

        str_addf(&r, "huying/%s/down/+/receipt", l->site);
        str_addf(&p, "huying/%s/up/+/alarm", l->site);
        for (unsigned i = 0; i < l->connections && ret == 0; i++) {
                l->senders[i].load = l;
                c.acked = on_acked;
                c.userdata = &l->senders[i];
                ret = link_new(&l->senders[i].link, &l->sim, &c);
        }
        c = (LinkConfig){.host = l->host, .port = l->port, .userdata = l};
        if (ret == 0 && l->direct) {
                c.filters[0] = presses;
                c.message = on_direct;
                ret = link_new(&l->direct_link, &l->sim, &c);
        } else if (ret == 0 && l->presses_rate > 0 && !l->coap_on) {
                c.filters[0] = receipts;
                c.message = on_receipt;
                ret = link_new(&l->receipts, &l->sim, &c);
        }
        if (ret == 0 && l->coap_on)
                ret = coap_load_new(&l->coap, &l->sim, l->coap_host, l->coap_port,
                        l->devices < 64 ? l->devices : 64, 8, on_answered, l);
        (void)str_copy(list, sizeof(list), l->workers ? l->workers : "");
        while (ret == 0 && l->n_people < WORKERS_MAX && (code = strsep(&rest, ",")))
                if (*code)
                        ret = worker_new(&l->people[l->n_people++], &l->sim,
                                &(WorkerConfig){.site = l->site,
                                        .code = code,
                                        .host = l->host,
                                        .port = l->port,
                                        .receipts = l->answer,
                                        .alert = on_alert,
                                        .reply = on_reply,
                                        .userdata = l});
        return ret;
}

static void load_free(Load *l)
{
        for (unsigned i = 0; i < l->connections; i++)
                link_free(l->senders[i].link);
        for (unsigned i = 0; i < l->n_people; i++)
                worker_free(l->people[i]);
        link_free(l->receipts);
        link_free(l->direct_link);
        coap_load_free(l->coap);
        free(l->presses);
        free(l->matters);
        free(l->matters_memory);
        free(l->lateness.values);
        free(l);
}

static int load_run(Load *l)
{
        uint64_t now = sim_now_us();
        Str marker = STR_BUFFER(l->marker);
        int r;

        str_addf(&marker, "lb%u", (unsigned)getpid() % l->devices);
        l->presses = calloc(PRESSES_MAX, sizeof(Press));
        l->matters = calloc(PRESSES_MAX, sizeof(Matter));
        l->matters_memory = calloc(1, idmap_size(PRESSES_MAX));
        l->lateness = (Series){.values = calloc(PRESSES_MAX, sizeof(uint64_t)), .max = PRESSES_MAX};
        ASSERT(l->presses && l->matters && l->matters_memory && l->lateness.values);
        idmap_init(&l->by_incident, l->matters_memory, PRESSES_MAX);
        r = connect_all(l);
        l->phase_us = now;
        while (r == 0 && l->phase != PHASE_END && !sim_interrupted()) {
                now = sim_now_us();
                phases(l, now);
                r = sim_step(&l->sim, l->phase == PHASE_RUN ? next_due(l, now) : now + 10 * USEC_PER_MSEC);
        }
        report(l);
        return r;
}

static bool option(Load *l, int c, bool *ret_mqtt)
{
        switch (c) {
        case 'm': *ret_mqtt = true; return endpoint_parse(optarg, 1883, l->host, sizeof(l->host), &l->port);
        case 'c':
                l->coap_on = true;
                return endpoint_parse(optarg, 5683, l->coap_host, sizeof(l->coap_host), &l->coap_port);
        case 's': l->site = optarg; return true;
        case 'd': return parse_u32(optarg, 1000000, &l->devices) && l->devices > 0;
        case 'n': return parse_u32(optarg, CONNECTIONS_MAX, &l->connections) && l->connections > 0;
        case 'v': return parse_double(optarg, &l->vitals_rate);
        case 'f': return parse_u32(optarg, UINT32_MAX / 2, &l->first);
        case 'l': return parse_u32(optarg, PRESSES_MAX, &l->limit);
        case 'b': return parse_u32(optarg, 100000000, &l->burst);
        case 'p': return parse_double(optarg, &l->presses_rate);
        case 't': return parse_u32(optarg, 86400, &l->seconds);
        case 'w': l->workers = optarg; return true;
        case 'a': l->answer = true; return true;
        case 'D': l->direct = true; return true;
        }
        return false;
}

int cmd_load(int argc, char **argv)
{
        static const struct option options[] = {{"mqtt", required_argument, NULL, 'm'},
                {"coap", required_argument, NULL, 'c'}, {"site", required_argument, NULL, 's'},
                {"devices", required_argument, NULL, 'd'}, {"connections", required_argument, NULL, 'n'},
                {"vitals", required_argument, NULL, 'v'}, {"burst", required_argument, NULL, 'b'},
                {"presses", required_argument, NULL, 'p'}, {"first", required_argument, NULL, 'f'},
                {"limit", required_argument, NULL, 'l'}, {"seconds", required_argument, NULL, 't'},
                {"workers", required_argument, NULL, 'w'}, {"answer", no_argument, NULL, 'a'},
                {"direct", no_argument, NULL, 'D'}, {NULL, 0, NULL, 0}};
        Load *l = calloc(1, sizeof(Load));
        bool mqtt = false, ok = true;
        int c, r;

        ASSERT(l);
        *l = (Load){.site = "demo", .devices = 1000, .connections = 4, .seconds = 10, .limit = PRESSES_MAX};
        while (ok && (c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                ok = option(l, c, &mqtt);
        if (!ok || optind < argc || !mqtt) {
                free(l);
                return 2;
        }
        sim_signals();
        r = load_run(l);
        ok = r == 0 && l->n_alerted == l->n_presses && l->n_doubled == 0;
        load_free(l);
        return ok ? 0 : 1;
}
