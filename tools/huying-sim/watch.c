/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `huying-sim watch`: what passes by on the broker, one line each in plain words, so that a newcomer sees
 * the story.
 *
 * It knows nothing that the topics do not say. An alert that is only encoded again (somebody else was told,
 * a new sequence number) is not news to a person: what was printed for (worker, incident) last is
 * remembered.
 */
#include "tools/huying-sim/sim.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/idmap.h"
#include "base/parse.h"
#include "engine/effect.h"
#include "protocols/codec/codec.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#define TOLD_MAX 4096

struct Watch {
        char prefix[96];
        void *memory;
        IdMap told; /* (worker, incident) → what was said */
        void *calls_memory;
        IdMap called; /* incident → number of the newest call */
};

typedef struct Word {
        const char *word, *zh, *en;
} Word;

static const Word lamp_words[] = {
        {"idle", "熄灭（无事）", "idle"},
        {"received", "已收到，正在叫人", "received"},
        {"accepted", "有人接单，正在赶来", "accepted, somebody is coming"},
        {"arrived", "人已到", "arrived"},
        {"resolved", "已办结", "resolved"},
        {"failed", "故障", "failed"},
        {0},
};

static const Word action_words[] = {
        {"delivered", "手机已收到", "delivered"},
        {"seen", "手机已显示", "seen"},
        {"accept", "接单", "accept"},
        {"coming", "在路上", "coming"},
        {"decline", "拒绝", "decline"},
        {"arrived", "到达", "arrived"},
        {"resolve", "办结", "resolve"},
        {"release", "退单", "release"},
        {"handoff", "移交", "handoff"},
        {"reopen", "重开", "reopen"},
        {"on", "在岗", "on duty"},
        {"off", "离岗", "off duty"},
        {0},
};

static const Word result_words[] = {
        {"ok", "好", "ok"},
        {"stale", "已过时", "stale"},
        {"refused", "不行", "refused"},
        {"recorded", "已记录在案", "recorded"},
        {"unparsed", "看不懂，已原样记录并叫人", "unparsed, recorded as bytes, somebody is called"},
        {0},
};

static const Word state_words[] = {
        {"alerting", "等人接单", "alerting"},
        {"accepted", "已接单", "accepted"},
        {"on_scene", "人已到场", "on scene"},
        {"resolved", "已办结", "resolved"},
        {"closed", "已归档", "closed"},
        {0},
};

static const Word *word_of(const Word *words, const char *word)
{
        for (; words->word; words++)
                if (str_equal(words->word, word))
                        return words;
        return NULL;
}

static const char *zh(const Word *words, const char *word)
{
        const Word *w = word_of(words, word);

        return w ? w->zh : word;
}

static const char *en(const Word *words, const char *word)
{
        const Word *w = word_of(words, word);

        return w ? w->en : word;
}

static bool map_new(IdMap *map, void **ret_memory)
{
        *ret_memory = aligned_alloc(64, (idmap_size(TOLD_MAX) + 63) / 64 * 64);
        if (!*ret_memory)
                return false;
        memset(*ret_memory, 0, idmap_size(TOLD_MAX));
        idmap_init(map, *ret_memory, TOLD_MAX);
        return true;
}

/* A full map forgets everything: a line is repeated rather than left out. */
static void map_set(IdMap *map, void *memory, uint64_t key, uint32_t value)
{
        if (idmap_set(map, key, value))
                return;
        memset(memory, 0, idmap_size(TOLD_MAX));
        idmap_init(map, memory, TOLD_MAX);
        (void)idmap_set(map, key, value); /* an empty map has room */
}

int watch_new(Watch **ret, const char *site)
{
        _cleanup_(watch_freep) Watch *w = calloc(1, sizeof(Watch));
        Str s;

        if (!w || !map_new(&w->told, &w->memory) || !map_new(&w->called, &w->calls_memory))
                return error_origin(-ENOMEM);
        s = STR_BUFFER(w->prefix);
        str_addf(&s, "huying/%s/", site);
        *ret = TAKE_PTR(w);
        return 0;
}

Watch *watch_free(Watch *w)
{
        if (w) {
                free(w->memory);
                free(w->calls_memory);
        }
        free(w);
        return NULL;
}

/* The member, or "" when there is none. */
static const char *member(const char *json, size_t size, const char *path, char *buffer, size_t cap)
{
        if (!json_text(json, size, path, buffer, cap))
                buffer[0] = 0;
        return buffer;
}

#define MEMBER(path) member(payload, size, (path), (char[256]){0}, 256)

static bool line_up(const char *device, const char *what, const char *payload, size_t size, Str *s)
{
        const char *kind = MEMBER("$.kind"), *id = MEMBER("$.id");

        if (str_equal(what, "alarm")) {
                str_addf(s, "设备 %s 报警：%s（%s） | device %s: alarm %s (%s)", device,
                        kind[0] ? kind : "?", id[0] ? id : "-", device, kind[0] ? kind : "?",
                        id[0] ? id : "-");
                return true;
        }
        if (!str_equal(what, "vitals"))
                return false; /* heartbeats are no story */
        str_addf(s, "设备 %s 读数 | device %s: readings ", device, device);
        str_addn(s, payload, size < 120 ? size : 120);
        return true;
}

static bool line_down(const char *device, const char *what, const char *payload, size_t size, Str *s)
{
        char word[32];

        if (str_equal(what, "receipt")) {
                const char *result = MEMBER("$.result"), *incident = MEMBER("$.incident");

                str_addf(s, "回执给 %s：%s，%s 号 | receipt to %s: %s, incident %s", device,
                        zh(result_words, result), incident[0] ? incident : "无", device,
                        en(result_words, result), incident[0] ? incident : "none");
                return true;
        }
        if (!str_equal(what, "lamp") || size == 0 || !str_copyn(word, sizeof(word), payload, size))
                return false;
        str_addf(s, "床边灯 %s：%s | lamp of %s: %s", device, zh(lamp_words, word), device,
                en(lamp_words, word));
        return true;
}

/* True when this was not the last thing that was said about (worker, incident). */
static bool news(Watch *w, const char *worker, uint64_t incident, const char *signature)
{
        uint64_t key = idmap_mix(idmap_hash(worker, strlen(worker)), incident);
        uint32_t value = (uint32_t)idmap_hash(signature, strlen(signature)), old;

        if (idmap_get(&w->told, key, &old) && old == value)
                return false;
        map_set(&w->told, w->memory, key, value);
        return true;
}

static bool is_call(Watch *w, uint64_t incident, uint64_t seq)
{
        uint32_t newest;

        if (idmap_get(&w->called, incident, &newest) && seq <= newest)
                return false;
        map_set(&w->called, w->calls_memory, incident, (uint32_t)seq);
        return true;
}

static const char *reason_text(const char *word, bool english)
{
        for (unsigned i = 1; i < REASON_MAX; i++)
                if (str_equal(word, reason_word((Reason)i)))
                        return notice_reason((Reason)i, english);
        return word;
}

static bool line_call(
        Watch *w, const char *worker, uint64_t incident, const char *payload, size_t size, Str *s)
{
        const char *tier = MEMBER("$.tier"), *round = MEMBER("$.round"), *reason = MEMBER("$.reason"),
                   *kind = MEMBER("$.kind");
        uint64_t seq = 0;

        (void)json_u64(payload, size, "$.seq", &seq); /* none: no call of ours */
        if (!is_call(w, incident, seq))
                return false;
        str_addf(s,
                "呼叫 %s（%s；第 %s 轮 %s 级）：%s | calling %s (%s; round %s, tier %s): %s, incident "
                "%" PRIu64,
                worker, reason_text(reason, false), round, tier, MEMBER("$.text"), worker,
                reason_text(reason, true), round, tier, kind, incident);
        return true;
}

static bool line_alert(
        Watch *w, const char *worker, const char *number, const char *payload, size_t size, Str *s)
{
        char signature[512];
        Str sig = STR_BUFFER(signature);
        const char *state, *needs, *owner;
        uint64_t incident;

        if (!parse_u64(number, &incident))
                return false;
        if (size == 0) {
                str_addf(s, "%s 的 %s 号呼叫已撤下 | alert %s at %s is cleared", worker, number, number,
                        worker);
                return news(w, worker, incident, "");
        }
        state = MEMBER("$.state");
        needs = MEMBER("$.needs");
        owner = MEMBER("$.owner");
        str_addf(&sig, "%s/%s/%s", state, needs, owner);
        if (str_equal(needs, "accept")) {
                (void)news(w, worker, incident, signature); /* so that what follows is news again */
                return line_call(w, worker, incident, payload, size, s);
        }
        str_addf(s, "告知 %s：%s 号 %s，%s | telling %s: incident %s is %s, %s", worker, number,
                zh(state_words, state), owner, worker, number, en(state_words, state), owner);
        /* The owner knows: the reply says it. */
        return news(w, worker, incident, signature) && !str_equal(owner, worker);
}

static bool line_worker(
        Watch *w, const char *worker, const char *what, const char *payload, size_t size, Str *s)
{
        char word[128];

        if (str_starts(what, "alert/"))
                return line_alert(w, worker, what + strlen("alert/"), payload, size, s);
        if (str_equal(what, "act")) {
                const char *action = MEMBER("$.action"), *incident = MEMBER("$.incident");

                str_addf(s, "%s 说：%s %s | %s: %s %s", worker, zh(action_words, action), incident, worker,
                        en(action_words, action), incident);
                return true;
        }
        if (str_equal(what, "reply")) {
                const char *result = MEMBER("$.result"), *state = MEMBER("$.state"),
                           *reason = MEMBER("$.reason");

                if (str_equal(result, "ok") && (str_equal(state, "") || str_equal(state, "alerting")))
                        return false; /* delivered, seen */
                str_addf(s, "答复 %s：%s，%s %s | reply to %s: %s, %s %s", worker, zh(result_words, result),
                        zh(state_words, state), reason_text(reason, false), worker, en(result_words, result),
                        en(state_words, state), reason_text(reason, true));
                return true;
        }
        if (!str_copyn(word, sizeof(word), payload, size))
                return false;
        if (str_equal(what, "do"))
                str_addf(s, "%s 说：%s | %s: %s", worker, word, worker, word);
        else if (str_equal(what, "presence"))
                str_addf(s, "%s %s | %s is %s", worker, str_equal(word, "online") ? "在线" : "离线", worker,
                        word);
        else
                return false; /* text and count repeat what the alert says */
        return true;
}

bool watch_line(
        Watch *w, const char *topic, const char *payload, size_t size, bool retained, char *ret, size_t cap)
{
        Str s = {.p = ret, .cap = cap};
        char code[64];
        const char *rest, *slash;
        size_t n;

        if (!str_starts(topic, w->prefix))
                return false;
        rest = topic + strlen(w->prefix);
        if (str_equal(rest, "status")) {
                bool online = size == strlen("online");

                str_addf(&s, "网关%s | the gateway is %s", online ? "在线" : "离线",
                        online ? "online" : "offline");
                return true;
        }
        slash = strchr(rest, '/');
        if (!slash)
                return false;
        n = strcspn(slash + 1, "/");
        if (!slash[1 + n] || !str_copyn(code, sizeof(code), slash + 1, n))
                return false;
        if (str_starts(rest, "up/"))
                return !retained && line_up(code, slash + 2 + n, payload, size, &s);
        if (str_starts(rest, "down/"))
                return line_down(code, slash + 2 + n, payload, size, &s);
        if (str_starts(rest, "worker/"))
                return line_worker(w, code, slash + 2 + n, payload, size, &s);
        return false;
}

static void on_message(void *userdata, const char *topic, const char *payload, size_t size, bool retained)
{
        char line[2048], when[13];

        if (!watch_line(userdata, topic, payload, size, retained, line, sizeof(line)))
                return;
        sim_time_text(when);
        sim_print("%s  %s", when, line);
}

int cmd_watch(int argc, char **argv)
{
        static const struct option options[] = {
                {"mqtt", required_argument, NULL, 'm'}, {"site", required_argument, NULL, 's'}, {0}};
        _cleanup_(watch_freep) Watch *watch = NULL;
        _cleanup_(link_freep) Link *link = NULL;
        Sim sim = {0};
        char host[128] = "127.0.0.1", filter[96];
        const char *site = "demo";
        uint32_t port = 1883;
        Str s = STR_BUFFER(filter);
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (c) {
                case 'm':
                        if (!endpoint_parse(optarg, 1883, host, sizeof(host), &port))
                                return 2;
                        break;
                case 's': site = optarg; break;
                default: return 2;
                }
        if (optind < argc || strlen(site) > 63)
                return 2;
        str_addf(&s, "huying/%s/#", site);
        sim_signals();
        if (watch_new(&watch, site) < 0 || link_new(&link, &sim,
                                                   &(LinkConfig){.host = host,
                                                           .port = port,
                                                           .filters = {filter},
                                                           .message = on_message,
                                                           .userdata = watch}) < 0)
                return 1;
        while (!sim_interrupted())
                if (sim_step(&sim, SIM_NEVER) < 0)
                        return 1;
        return 0;
}
