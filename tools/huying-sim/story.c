/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `huying-sim story`: the main story, from the button to a human being and back, played against a real
 * gateway and a real broker and checked step by step. It is the newcomer's proof, so it says what it sees in
 * plain words.
 *
 * An observer subscribes to everything below huying/SITE/ and keeps what passes by; a step waits until
 * something that it expects has been seen since the story's mark. Nothing is expected to be fast: every wait
 * has a generous bound. The one thing about time that is checked is that no tier is called before its limit,
 * which holds on a slow machine too. The workers' phones confirm delivery by themselves, as an app does, and
 * nobody answers until told.
 *
 * The daemon is killed in the middle (SIGKILL, by the pid that its supervisor wrote) and must be started
 * again by that supervisor: the ladder has to go on where it was, and the press that came while nobody was
 * there must count.
 */
#include "tools/huying-sim/story.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

/* The demo community: who is called by which tier for home 101. */
static const struct {
        unsigned tier;
        const char *worker, *zh, *en;
} people[] = {
        {1, "w01", "网格员 w01", "grid worker w01"},
        {2, "w02", "替班 w02", "backup w02"},
        {2, "f101", "家属 f101", "family f101"},
        {3, "d01", "社区 d01", "community desk d01"},
        {4, "s01", "街道 s01", "street desk s01"},
        {5, "c01", "区 c01", "district desk c01"},
};

#define PEOPLE (sizeof(people) / sizeof(*people))

/* Both clocks are ours, but the gateway's is read before the message leaves, and JSON has milliseconds. */
#define EARLY_US (250 * USEC_PER_MSEC)

typedef struct Parts {
        Story story;
        SimWorker *workers[PEOPLE];
        SimDevice button, band;
        Link *beds;
        CoapLink *button_coap, *band_coap;
        uint64_t incident, opened_us;
        bool coap;
} Parts;

static const Tier *tier_of(const Parts *p, Class class, unsigned tier)
{
        return &p->story.config.policy.classes[class].tiers[tier - 1];
}

static uint64_t patience_us(uint64_t limit_us)
{
        return limit_us + 30 * USEC_PER_SEC;
}

/* ---- the parts ---- */

static void on_beds_message(
        void *userdata, const char *topic, const char *payload, size_t size, bool retained)
{
        Parts *p = userdata;
        SimDevice *d = strstr(topic, "/band-101/") ? &p->band : &p->button;

        device_message(d, strrchr(topic, '/') + 1, payload, size);
}

static void on_beds_connected(void *userdata, bool up)
{
        Parts *p = userdata;

        if (up && !p->coap) {
                device_connected(&p->button);
                device_connected(&p->band);
        }
}

static void on_button_answer(void *userdata, const CoapAnswer *answer)
{
        device_answer(&((Parts *)userdata)->button, answer);
}

static void on_band_answer(void *userdata, const CoapAnswer *answer)
{
        device_answer(&((Parts *)userdata)->band, answer);
}

static int parts_open(Parts *p)
{
        Story *s = &p->story;
        static char filters[2][128];
        Str button = STR_BUFFER(filters[0]), band = STR_BUFFER(filters[1]);
        int r = 0;

        for (unsigned i = 0; i < PEOPLE && r >= 0; i++)
                r = worker_new(&p->workers[i], &s->sim,
                        &(WorkerConfig){.site = s->config.site,
                                .code = people[i].worker,
                                .host = s->config.mqtt_host,
                                .port = s->config.mqtt_port,
                                .receipts = true});
        device_init(&p->button, &s->sim, s->config.site, "sos-101");
        device_init(&p->band, &s->sim, s->config.site, "band-101");
        str_addf(&button, "huying/%s/down/sos-101/+", s->config.site);
        str_addf(&band, "huying/%s/down/band-101/+", s->config.site);
        if (r >= 0)
                r = link_new(&p->beds, &s->sim,
                        &(LinkConfig){.host = s->config.mqtt_host,
                                .port = s->config.mqtt_port,
                                .filters = {filters[0], filters[1]},
                                .connected = on_beds_connected,
                                .message = on_beds_message,
                                .userdata = p});
        if (r >= 0 && s->coap_port)
                r = coap_link_new(&p->button_coap, &s->sim, s->coap_host, s->coap_port, on_button_answer, p);
        if (r >= 0 && s->coap_port)
                r = coap_link_new(&p->band_coap, &s->sim, s->coap_host, s->coap_port, on_band_answer, p);
        return r < 0 ? error_trace(r) : 0;
}

static void parts_close(Parts *p)
{
        for (unsigned i = 0; i < PEOPLE; i++)
                worker_free(p->workers[i]);
        device_deinit(&p->button);
        device_deinit(&p->band);
        link_free(p->beds);
        coap_link_free(p->button_coap);
        coap_link_free(p->band_coap);
}

static void parts_use(Parts *p, bool coap)
{
        p->coap = coap;
        p->button.link = p->band.link = coap ? NULL : p->beds;
        p->button.coap = coap ? p->button_coap : NULL;
        p->band.coap = coap ? p->band_coap : NULL;
        p->button.lamp[0] = 0;
        p->incident = 0;
}

/* ---- conditions ---- */

static bool all_up(void *userdata)
{
        Parts *p = userdata;

        for (unsigned i = 0; i < PEOPLE; i++)
                if (!worker_up(p->workers[i]))
                        return false;
        return link_up(p->beds) && link_up(p->story.observer);
}

static bool button_receipted(void *userdata)
{
        return ((Parts *)userdata)->button.receipted;
}

static bool button_received(void *userdata)
{
        return str_equal(((Parts *)userdata)->button.lamp, "received");
}

static bool button_accepted(void *userdata)
{
        return str_equal(((Parts *)userdata)->button.lamp, "accepted");
}

static bool button_arrived(void *userdata)
{
        return str_equal(((Parts *)userdata)->button.lamp, "arrived");
}

static bool button_resolved(void *userdata)
{
        return str_equal(((Parts *)userdata)->button.lamp, "resolved");
}

static bool button_idle(void *userdata)
{
        return str_equal(((Parts *)userdata)->button.lamp, "idle");
}

/* ---- the steps ---- */

static const char *number(uint64_t n, char ret[24])
{
        Str s = {.p = ret, .cap = 24};

        str_addf(&s, "%" PRIu64, n);
        return ret;
}

#define NUMBER(n) number((n), (char[24]){0})

/* A stock client presses; the receipt comes after the commit. */
static bool step_press(Parts *p, const char *id)
{
        Story *s = &p->story;
        char topic[128], text[256], out[1024] = "", port[24];
        Str t = STR_BUFFER(topic), m = STR_BUFFER(text);
        const Seen *seen;

        story_mark(s);
        if (p->coap) {
                str_addf(&m, "coap://%s:%u/v1/alarm/sos?d=sos-101&id=%s", s->coap_host, s->coap_port, id);
                story_say(s, "老人按下床头 SOS（%s -m post '%s'）",
                        "the resident presses SOS (%s -m post '%s')", s->coap_client, text);
                if (!story_run(s, (const char *[]){s->coap_client, "-m", "post", "-B", "20", text, NULL},
                            out, sizeof(out)))
                        return story_fail(s, "CoAP 客户端出错", "the CoAP client failed");
                if (!json_u64(out, strlen(out), "$.incident", &p->incident))
                        return story_fail(s, "CoAP 回答里没有回执", "no receipt in the CoAP answer");
        } else {
                str_addf(&t, "huying/%s/up/sos-101/alarm", s->config.site);
                str_addf(&m, "{\"id\":\"%s\",\"kind\":\"sos\"}", id);
                story_say(s, "老人按下床头 SOS（mosquitto_pub -t %s -m '%s'）",
                        "the resident presses SOS (mosquitto_pub -t %s -m '%s')", topic, text);
                if (!story_run(s,
                            (const char *[]){"mosquitto_pub", "-h", s->config.mqtt_host, "-p",
                                    number(s->config.mqtt_port, port), "-q", "1", "-t", topic, "-m", text,
                                    NULL},
                            out, sizeof(out)))
                        return story_fail(s, "mosquitto_pub 出错", "mosquitto_pub failed");
                seen = story_expect(s,
                        &(Expect){.topic = "down/sos-101/receipt",
                                .members = {{"$.id", id}, {"$.result", "recorded"}}},
                        patience_us(0));
                if (!seen || !json_u64(seen->payload, seen->size, "$.incident", &p->incident))
                        return story_fail(s, "没有回执", "no receipt");
        }
        story_ok(s, "回执：已记录在案，%s 号", "receipt after the commit: recorded, incident %s",
                NUMBER(p->incident));
        return true;
}

/* The device itself says it again, as a device does that has missed the receipt. */
static bool step_repeat(Parts *p, const char *id)
{
        Story *s = &p->story;

        device_press(&p->button, "sos", id);
        if (!story_until(s, button_receipted, p, patience_us(0)))
                return story_fail(s, "重发没有回执", "no receipt for the repeat");
        if (p->button.incident != p->incident)
                return story_fail(s, "重发成了另一件事", "the repeat became another incident");
        story_ok(s, "同一编号重发：同一回执，不重复立案",
                "the same id again: the same receipt, nothing doubled");
        if (!story_until(s, button_received, p, patience_us(0)))
                return story_fail(s, "床边灯没有变成“已收到”", "the lamp does not say received");
        story_ok(s, "床边灯：已收到", "the lamp at the bed: received");
        return true;
}

static bool step_tier(Parts *p, unsigned tier)
{
        Story *s = &p->story;
        uint64_t delay_us = tier_of(p, CLASS_SOS, tier)->delay_us;
        char topic[128];

        for (unsigned i = 0; i < PEOPLE; i++) {
                Str t = STR_BUFFER(topic);
                const Seen *seen;

                if (people[i].tier != tier)
                        continue;
                str_addf(&t, "worker/%s/alert/%s", people[i].worker, NUMBER(p->incident));
                seen = story_expect(s,
                        &(Expect){
                                .topic = topic, .members = {{"$.state", "alerting"}, {"$.needs", "accept"}}},
                        patience_us(delay_us));
                if (!seen)
                        return story_fail(s, "没有呼叫 %s", "not called: %s", people[i].zh, people[i].en);
                if (tier == 1) {
                        p->opened_us = seen->at_us;
                } else if (seen->at_us + EARLY_US < p->opened_us + delay_us)
                        return story_fail(
                                s, "%s 叫得太早", "called before the limit: %s", people[i].zh, people[i].en);
                story_ok2(s, tier == 1 ? "立即呼叫" : "无人接单，到时限呼叫",
                        tier == 1 ? "called at once:" : "nobody answers, called at the limit:", people[i].zh,
                        people[i].en);
        }
        return true;
}

static bool step_kill(Parts *p, const char *id)
{
        Story *s = &p->story;

        if (!story_kill(s))
                return story_fail(s, "杀不掉守护进程", "the daemon cannot be killed");
        story_ok(s, "kill -9 守护进程", "kill -9 of the daemon");
        device_press(&p->button, "sos", id);
        story_say(s, "没有人在的时候，老人又按了一次", "the resident presses again while nobody is there");
        if (!story_reborn(s, patience_us(30 * USEC_PER_SEC)))
                return story_fail(s, "守护进程没有回来", "the daemon did not come back");
        story_ok(s, "守护进程又起来了", "the daemon is back");
        if (!story_until(s, button_receipted, p, patience_us(32 * USEC_PER_SEC)))
                return story_fail(s, "这次按下没有回执", "no receipt for this press");
        if (p->button.incident != p->incident)
                return story_fail(s, "这次按下成了另一件事", "this press became another incident");
        story_ok(s, "这次按下也有回执，仍是同一件事：不丢，不重",
                "this press has its receipt too, and it is the same incident: none lost, none doubled");
        return true;
}

static bool step_loop(Parts *p)
{
        Story *s = &p->story;
        char topic[128];
        Str t = STR_BUFFER(topic);

        str_addf(&t, "worker/w01/alert/%s", NUMBER(p->incident));
        if (!story_expect(s, &(Expect){.topic = topic, .members = {{"$.round", "2"}, {"$.needs", "accept"}}},
                    patience_us(tier_of(p, CLASS_SOS, 5)->delay_us +
                                s->config.policy.classes[CLASS_SOS].loop_us)))
                return story_fail(s, "没有从头再叫", "the ladder did not begin again");
        story_ok(s, "全部叫过仍无人接单：从第一级重新呼叫，不会停",
                "all were called, nobody answered: all again, without end");
        return true;
}

/* The worker's answer: JSON on `act` over MQTT, or the words on `do` by a stock client. */
static bool answer(Parts *p, uint64_t incident, const char *action, const char *words, const char *extra)
{
        Story *s = &p->story;
        char topic[128], text[128], port[24], out[256];
        Str t = STR_BUFFER(topic), m = STR_BUFFER(text);

        story_mark(s);
        if (!p->coap)
                return worker_act(p->workers[0], incident, action, 0, extra);
        str_addf(&t, "huying/%s/worker/w01/do", s->config.site);
        str_addf(&m, "%s %" PRIu64, words, incident);
        return story_run(s,
                (const char *[]){"mosquitto_pub", "-h", s->config.mqtt_host, "-p",
                        number(s->config.mqtt_port, port), "-q", "1", "-t", topic, "-m", text, NULL},
                out, sizeof(out));
}

static bool step_answer(
        Parts *p, const char *action, const char *words, const char *extra, const char *state)
{
        Story *s = &p->story;

        if (!answer(p, p->incident, action, words, extra))
                return story_fail(s, "答不出去", "the answer could not be sent");
        if (!story_expect(s,
                    &(Expect){.topic = "worker/w01/reply",
                            .members = {{"$.result", "ok"}, {"$.incident", NUMBER(p->incident)},
                                    {"$.state", state}}},
                    patience_us(0)))
                return story_fail(s, "“%s”没有答复", "no reply to %s", words, action);
        story_ok2(s, "w01 答并得到答复：", "w01 answers and is answered:", words, action);
        return true;
}

static bool step_stood_down(Parts *p)
{
        Story *s = &p->story;
        char topic[128];

        for (unsigned i = 1; i < PEOPLE; i++) {
                Str t = STR_BUFFER(topic);

                str_addf(&t, "worker/%s/alert/%s", people[i].worker, NUMBER(p->incident));
                if (!story_expect(s,
                            &(Expect){.topic = topic,
                                    .members = {{"$.state", "accepted"}, {"$.owner", "w01"},
                                            {"$.needs", ""}}},
                            patience_us(0)))
                        return story_fail(
                                s, "没有告知 %s", "not stood down: %s", people[i].zh, people[i].en);
        }
        story_ok(s, "其余五人都被告知：w01 已接单，不必再去", "the five others are stood down: w01 has it");
        return true;
}

static bool step_cleared(Parts *p, uint64_t incident)
{
        Story *s = &p->story;
        char topic[128];

        for (unsigned i = 0; i < PEOPLE; i++) {
                Str t = STR_BUFFER(topic);

                if (p->incident != incident && people[i].tier > 1)
                        continue;
                str_addf(&t, "worker/%s/alert/%s", people[i].worker, NUMBER(incident));
                if (!story_expect(s, &(Expect){.topic = topic, .empty = true}, patience_us(0)))
                        return story_fail(s, "%s 的呼叫没有撤下", "the alert is still there: %s",
                                people[i].zh, people[i].en);
        }
        story_ok(s, "呼叫全部撤下", "the alerts are cleared");
        return true;
}

static bool step_lamp(
        Parts *p, bool (*lit)(void *), const char *chinese, const char *english, uint64_t limit_us)
{
        if (!story_until(&p->story, lit, p, patience_us(limit_us)))
                return story_fail(
                        &p->story, "床边灯没有变成“%s”", "the lamp does not say %s", chinese, english);
        story_ok2(&p->story, "床边灯：", "the lamp at the bed:", chinese, english);
        return true;
}

static bool play_sos(Parts *p)
{
        Story *s = &p->story;
        char first[64], second[64];
        Str a = STR_BUFFER(first), b = STR_BUFFER(second);

        str_addf(&a, "e-%" PRId64, clock_now().wall_us / 1000);
        str_addf(&b, "f-%" PRId64, clock_now().wall_us / 1000);
        return step_press(p, first) && step_tier(p, 1) && step_repeat(p, first) && step_tier(p, 2) &&
               step_kill(p, second) && step_tier(p, 3) && step_tier(p, 4) && step_tier(p, 5) &&
               step_loop(p) && step_answer(p, "accept", "接单", "", "accepted") && step_stood_down(p) &&
               step_lamp(p, button_accepted, "有人接单", "accepted", 0) &&
               step_answer(p, "arrived", "到达", "", "on_scene") &&
               step_lamp(p, button_arrived, "人已到", "arrived", 0) &&
               step_answer(p, "resolve", "办结", ",\"outcome\":\"helped\"", "resolved") &&
               step_cleared(p, p->incident) && step_lamp(p, button_resolved, "已办结", "resolved", 0) &&
               step_lamp(p, button_idle, "熄灭", "idle", s->config.policy.classes[CLASS_SOS].reopen_us);
}

/* Three samples a second apart: a single one may be an artefact. */
static const Seen *vitals_alert(Parts *p)
{
        Story *s = &p->story;
        const Seen *seen = NULL;

        for (unsigned i = 0; i < 30 && !seen && !s->failed; i++) {
                if (!device_vitals(&p->band, "{\"hr\":190,\"spo2\":95}"))
                        return NULL;
                seen = story_expect(s,
                        &(Expect){.topic = "worker/w01/alert/+",
                                .members = {{"$.vital", "hr"}, {"$.needs", "accept"}}},
                        USEC_PER_SEC);
        }
        return seen;
}

static bool play_vitals(Parts *p)
{
        Story *s = &p->story;
        uint64_t incident;
        char text[512] = "", reason[64] = "";
        const Seen *seen;

        story_mark(s);
        story_say(s, "手环 band-101：心率 190", "wristband band-101: heart rate 190");
        seen = vitals_alert(p);
        if (!seen || !json_u64(seen->payload, seen->size, "$.incident", &incident))
                return story_fail(s, "读数超限没有叫人", "nobody was called for the reading");
        (void)json_text(seen->payload, seen->size, "$.text", text, sizeof(text)); /* the check below says */
        (void)json_text(seen->payload, seen->size, "$.reason", reason, sizeof(reason));
        if (!strstr(text, "190"))
                return story_fail(s, "呼叫里没有读数", "the alert does not give the reading");
        story_ok2(s, "呼叫网格员 w01 并说明原因：", "grid worker w01 is called with the reason:", text,
                reason);
        if (!answer(p, incident, "accept", "接单", "") ||
                !story_expect(s,
                        &(Expect){.topic = "worker/w01/reply",
                                .members = {{"$.result", "ok"}, {"$.state", "accepted"}}},
                        patience_us(0)) ||
                !answer(p, incident, "arrived", "到达", "") ||
                !story_expect(s,
                        &(Expect){.topic = "worker/w01/reply",
                                .members = {{"$.result", "ok"}, {"$.state", "on_scene"}}},
                        patience_us(0)) ||
                !answer(p, incident, "resolve", "办结", ",\"outcome\":\"helped\"") ||
                !story_expect(s,
                        &(Expect){.topic = "worker/w01/reply",
                                .members = {{"$.result", "ok"}, {"$.state", "resolved"}}},
                        patience_us(0)))
                return story_fail(s, "读数的事没有办结", "the matter of the reading was not resolved");
        story_ok(s, "接单、到达、办结", "accepted, arrived, resolved");
        return step_cleared(p, incident);
}

static bool play(Parts *p, bool coap)
{
        Story *s = &p->story;

        parts_use(p, coap);
        story_title(s, coap ? "CoAP" : "MQTT");
        return play_sos(p) && play_vitals(p);
}

static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"daemon-pid", required_argument, NULL, 'd'},
        {"protocol", required_argument, NULL, 'p'},
        {"coap-client", required_argument, NULL, 'o'},
        {0},
};

int cmd_story(int argc, char **argv)
{
        Parts p = {.story = {.coap_client = "coap-client-notls"}};
        Story *s = &p.story;
        const char *config = NULL, *protocol = "both";
        int c, r;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (c) {
                case 'c': config = optarg; break;
                case 'd': s->pid_file = optarg; break;
                case 'p': protocol = optarg; break;
                case 'o': s->coap_client = optarg; break;
                default: return 2;
                }
        if (optind < argc || !config || !s->pid_file ||
                !(str_equal(protocol, "mqtt") || str_equal(protocol, "coap") || str_equal(protocol, "both")))
                return 2;
        sim_signals();
        r = story_open(s, config);
        if (r >= 0)
                r = parts_open(&p);
        if (r >= 0) {
                if (!story_until(s, all_up, &p, patience_us(0)))
                        (void)story_fail(s, "连不上消息服务器", "no connection to the broker");
                if (!s->failed && !str_equal(protocol, "coap"))
                        (void)play(&p, false); /* story->failed says it */
                if (!s->failed && !str_equal(protocol, "mqtt"))
                        (void)play(&p, true);
                story_end(s);
        }
        parts_close(&p);
        story_close(s);
        return r < 0 || s->failed ? 1 : 0;
}
