/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `huying-sim profile NAME`: a device as it is sold, without owning one. The samples that a profile carries are real
 * messages of real products; they are published as their bridge would publish them, with the code of a device of
 * yours in the place of the sample's own.
 */
#include "tools/huying-sim/sim.h"

#include "base/assert.h"
#include "base/parse.h"
#include "config/config.h"
#include "protocols/codec/profile.h"

#include <getopt.h>
#include <string.h>

typedef struct ProfilePlay {
        Profiles *profiles;
        const char *name, *device;
        uint32_t only; /* number of the sample from 1; 0: all */
        uint64_t gap_us, due_us;
        size_t next;
        Link *link;
        bool done, failed;
} ProfilePlay;

/* Every `from` in the text becomes `to`. */
static bool replace(const char *text, const char *from, const char *to, char *ret, size_t cap)
{
        Str s = {.p = ret, .cap = cap};
        size_t n = strlen(from);

        str_add(&s, "");
        while (*text) {
                if (n > 0 && strncmp(text, from, n) == 0) {
                        str_add(&s, to);
                        text += n;
                } else
                        str_addn(&s, text++, 1);
        }
        return !s.full;
}

/* The time of the sample becomes now, as a text or a number, and a member of our own makes it another message: else the
 * gateway would take it, rightly, for the same press once more. */
static bool refresh(const char *payload, char *ret, size_t cap)
{
        Str s = {.p = ret, .cap = cap};
        Now now = clock_now();
        char utc[20];
        double ts;

        clock_format_local(now.wall_us - (int64_t)now.utc_s * (int64_t)USEC_PER_SEC, utc);
        utc[10] = 'T';
        str_add(&s, "");
        if (payload[0] == '{' && payload[1] == '"') {
                str_addf(&s, "{\"sim\":\"%llx\",", (unsigned long long)now.boot_us);
                payload++;
        }
        while (*payload) {
                size_t n = strcspn(payload + 1, "\"");

                if (*payload == '"' && profile_time_parse(payload + 1, n, &ts)) {
                        str_addf(&s, "\"%s.%03dZ\"", utc, (int)(now.wall_us / 1000 % 1000));
                        payload += n + 2;
                } else if (*payload == ':' && str_starts(payload + 1, "17723")) {
                        str_addf(&s, ":%.2f", (double)now.wall_us / 1e6);
                        payload += 1 + strspn(payload + 1, "0123456789.");
                } else
                        str_addn(&s, payload++, 1);
        }
        return !s.full;
}

static bool sample_send(ProfilePlay *p, const ProfileSample *sample)
{
        char topic[2 * PROFILE_TOPIC_SIZE], named[2 * PROFILE_PAYLOAD_SIZE],
                payload[3 * PROFILE_PAYLOAD_SIZE], means[512], own[CODE_SIZE] = "", when[13];
        const char *colon = strstr(sample->means, ": ");

        if (colon)
                (void)str_copyn(
                        own, sizeof(own), sample->means, (size_t)(colon - sample->means)); /* a code */
        if (!replace(
                    sample->topic, p->device ? own : "", p->device ? p->device : "", topic, sizeof(topic)) ||
                !replace(sample->payload, p->device ? own : "", p->device ? p->device : "", named,
                        sizeof(named)) ||
                !refresh(named, payload, sizeof(payload)) ||
                !replace(sample->means, p->device ? own : "", p->device ? p->device : "", means,
                        sizeof(means)))
                return false;
        if (!link_publish(p->link, topic, payload, strlen(payload), false))
                return false;
        sim_time_text(when);
        sim_print("%s  %s\n              %s %s\n              → %s", when, sample->text, topic, payload,
                means[0] ? means : "（无 nothing）");
        return true;
}

static void play_some(ProfilePlay *p)
{
        const ProfileSample *sample;

        if (!link_up(p->link) || sim_now_us() < p->due_us)
                return;
        sample = profiles_sample(p->profiles, p->name, p->only ? p->only - 1 : p->next);
        if (!sample || (p->only && p->next > 0)) {
                p->done = true;
                return;
        }
        if (!sample_send(p, sample))
                p->failed = true;
        p->next++;
        p->due_us = sim_now_us() + p->gap_us;
}

static int play(ProfilePlay *p, const char *host, uint32_t port)
{
        _cleanup_(link_freep) Link *link = NULL;
        Sim sim = {.n_sources = 0};
        int r = link_new(&link, &sim, &(LinkConfig){.host = host, .port = port});

        p->link = link;
        while (r >= 0 && !sim_interrupted() && !p->done && !p->failed) {
                play_some(p);
                r = sim_step(&sim, sim_now_us() + 50 * USEC_PER_MSEC);
        }
        for (unsigned i = 0; r >= 0 && i < 5 && p->done; i++) /* what is queued goes out */
                r = sim_step(&sim, sim_now_us() + 50 * USEC_PER_MSEC);
        return r < 0 || p->failed ? 1 : 0;
}

static bool known(const Profiles *profiles, const char *name)
{
        const char *text, *file, *found;
        bool named;

        for (size_t i = 0; (found = profiles_name(profiles, i, &text, &file, &named)); i++)
                if (str_equal(found, name))
                        return true;
        (void)fputs("huying-sim: no such profile; there are:\n", stderr);
        for (size_t i = 0; (found = profiles_name(profiles, i, &text, &file, &named)); i++)
                (void)fprintf(stderr, "  %-24s %s\n", found, text);
        return false;
}

int cmd_profile(int argc, char **argv)
{
        static const struct option options[] = {{"mqtt", required_argument, NULL, 'm'},
                {"profiles", required_argument, NULL, 'p'}, {"device", required_argument, NULL, 'd'},
                {"sample", required_argument, NULL, 's'}, {"every", required_argument, NULL, 'e'}, {0}};
        ProfilePlay p = {.gap_us = USEC_PER_SEC};
        char host[256] = "127.0.0.1";
        uint32_t port = 1883;
        ProfileError error = {0};
        static Config config;
        const char *folders;
        double every;
        int c, r;

        config_defaults(&config);
        folders = config.mqtt_profiles;
        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                bool ok = true;

                switch (c) {
                case 'm': ok = endpoint_parse(optarg, 1883, host, sizeof(host), &port); break;
                case 'p': folders = optarg; break;
                case 'd': p.device = optarg; break;
                case 's': ok = parse_u32(optarg, PROFILE_SAMPLES_MAX, &p.only) && p.only > 0; break;
                case 'e':
                        ok = parse_double(optarg, &every) && every >= 0 && every <= 86400;
                        p.gap_us = ok ? (uint64_t)(every * 1e6) : 0;
                        break;
                default: ok = false;
                }
                if (!ok)
                        return 2;
        }
        if (optind + 1 != argc || (p.device && !str_code(p.device)))
                return 2;
        p.name = argv[optind];
        sim_signals();
        r = profiles_new(&p.profiles);
        if (r == 0)
                r = profiles_load(p.profiles, folders, &error);
        if (r == PROFILE_E_INVALID)
                (void)fprintf(stderr, "huying-sim: %s:%u: %s\n", error.file, error.line, error.text);
        r = r == 0 && known(p.profiles, p.name) ? play(&p, host, port) : 1;
        profiles_free(p.profiles);
        return r;
}
