/* SPDX-License-Identifier: Apache-2.0 */
/* Devices as they are sold: profile list, profile test, devices --unclaimed, bind. */
#include "tools/huyingctl/huyingctl.h"

#include "base/clock.h"
#include "base/str.h"
#include "limits.h"
#include "protocols/codec/profile.h"

#include <errno.h>
#include <string.h>

static Exit profiles_open(const Ctl *ctl, Profiles **ret)
{
        ProfileError error = {0};
        int r = profiles_new(ret);

        if (r == 0)
                r = profiles_load(*ret, ctl->config.mqtt_profiles, &error);
        if (r == PROFILE_E_INVALID)
                complain("设备规则有误", "%s:%u: %s", error.file, error.line, error.text);
        else if (r < 0)
                complain("读不了设备规则", "profiles cannot be read: %s", strerror(-r));
        return r == 0 ? EXIT_OK : EXIT_ERROR;
}

static Exit profile_list(const Profiles *profiles)
{
        static const char *const titles[] = {
                "规则 PROFILE", "设备 DEVICES", ">样例 SAMPLES", "说明 TEXT", "文件 FILE", NULL};
        const char *name, *text, *file;
        Table *t = table_new(titles);
        bool named;

        for (size_t i = 0; (name = profiles_name(profiles, i, &text, &file, &named)); i++) {
                char count[24];
                Str s = STR_BUFFER(count);
                size_t n = 0;

                while (profiles_sample(profiles, name, n))
                        n++;
                str_addf(&s, "%zu", n);
                table_row(t, (const char *[]){name, named ? "指定 named" : "任何 any", count, text, file});
        }
        return table_print(t);
}

typedef struct Shown {
        char text[4096];
        unsigned n;
        bool print;
} Shown;

static void on_event(void *userdata, const Event *e)
{
        Shown *shown = userdata;
        Str s = {.p = shown->text, .cap = sizeof(shown->text), .n = strlen(shown->text)};
        char text[512], when[20] = "";

        profile_event_text(e, shown->n++ == 0, text, sizeof(text));
        str_add(&s, text);
        if (!shown->print)
                return;
        if (e->device_us)
                clock_format_local(e->device_us, when);
        profile_event_text(e, true, text, sizeof(text));
        (void)printf("%s%s%s%s%s%s%s\n", text, e->id[0] ? "  编号 id " : "", e->id,
                when[0] ? "  设备时间 device time " : "", when, e->why[0] ? "  " : "", e->why);
}

/* Each sample alone: nothing is known of any level. */
static Exit samples_test(const Ctl *ctl, const char *name)
{
        unsigned failed = 0, n = 0;
        const ProfileSample *s;
        Profiles *profiles = NULL;

        for (;; n++) {
                Shown shown = {.n = 0};
                const ProfileHost host = {.userdata = &shown, .emit = on_event};
                bool ok;

                if (profiles_open(ctl, &profiles) != EXIT_OK) {
                        profiles_free(profiles);
                        return EXIT_ERROR;
                }
                s = profiles_sample(profiles, name, n);
                if (!s)
                        break;
                (void)profiles_read_as(
                        profiles, name, s->topic, s->payload, strlen(s->payload), false, &host);
                ok = str_equal(shown.text, s->means);
                failed += !ok;
                (void)printf("%s  %s\n      %s\n", ok ? "好 ok  " : "错 FAIL", s->text,
                        shown.text[0] ? shown.text : "（无 nothing）");
                if (!ok)
                        (void)printf("      应为 should be: %s\n", s->means);
                profiles = profiles_free(profiles);
        }
        profiles_free(profiles);
        return failed ? EXIT_ERROR : EXIT_OK;
}

static Exit payload_test(Profiles *profiles, const char *name, const char *topic)
{
        char payload[LIMIT_BODY + 2];
        size_t n = fread(payload, 1, sizeof(payload) - 1, stdin);
        Shown shown = {.print = true};
        const ProfileHost host = {.userdata = &shown, .emit = on_event};

        while (n > 0 && (payload[n - 1] == '\n' || payload[n - 1] == '\r'))
                n--; /* echo adds one, a device none */
        if (profiles_read_as(profiles, name, topic, payload, n, false, &host) == 0) {
                complain("主题不符合这条规则", "the profile does not read this topic: %s", topic);
                return EXIT_ERROR;
        }
        if (shown.n == 0)
                (void)puts("（无：此消息不产生事件 / nothing: no event comes of this message）");
        return EXIT_OK;
}

/* profile list · profile test NAME · profile test NAME TOPIC < payload */
int verb_profile(Ctl *ctl, int argc, char **argv)
{
        const char *text, *file, *found;
        Profiles *profiles = NULL;
        bool named, list = str_equal(argv[1], "list");
        Exit e;

        if ((!list && !str_equal(argv[1], "test")) || (list ? argc != 2 : argc < 3)) {
                complain("用法", "usage: huyingctl profile list | test NAME [TOPIC < payload]");
                return EXIT_USAGE;
        }
        e = profiles_open(ctl, &profiles);
        if (e == EXIT_OK && list)
                e = profile_list(profiles);
        else if (e == EXIT_OK) {
                size_t i = 0;

                while ((found = profiles_name(profiles, i, &text, &file, &named)) &&
                        !str_equal(found, argv[2]))
                        i++;
                if (!found) {
                        complain("没有这条规则", "no such profile: %s (huyingctl profile list)", argv[2]);
                        e = EXIT_ERROR;
                } else
                        e = argc == 3 ? samples_test(ctl, argv[2])
                                      : payload_test(profiles, argv[2], argv[3]);
        }
        profiles_free(profiles);
        return e;
}

/* ---- what the gateway has heard ---- */

static void on_device(void *userdata, const char *key, const char *const *m)
{
        char heard[20];

        time_text(m[3], heard);
        table_row(userdata, (const char *[]){m[0], m[1], m[2], m[4], heard, m[5]});
}

int verb_devices(Ctl *ctl, int argc, char **argv)
{
        static const char *const titles[] = {"设备 DEVICE", "规则 PROFILE", "报过 KIND", ">消息 MESSAGES",
                "最近 HEARD", "型号 MODEL", NULL};
        static const char *const members[] = {
                "$.device", "$.profile", "$.kind", "$.heard", "$.messages", "$.model"};
        _cleanup_(freep) char *json = NULL;
        Table *t;
        Exit e;
        int n;

        if (!ctl->unclaimed) {
                complain("用法", "usage: huyingctl devices --unclaimed");
                return EXIT_USAGE;
        }
        e = bus_ask(ctl, &json, "Unclaimed", "");
        if (e != EXIT_OK)
                return e;
        if (ctl->json) {
                (void)puts(json);
                return EXIT_OK;
        }
        t = table_new(titles);
        n = json_each(json, strlen(json), "$", members, 6, on_device, t);
        if (n > 0)
                return table_print(t);
        scols_unref_table(t);
        if (n < 0)
                return EXIT_ERROR;
        (void)puts("没有未登记的设备 / no device was heard that is not registered");
        return EXIT_OK;
}

/* bind DEVICE HOME [CLASS [PROFILE]] */
int verb_bind(Ctl *ctl, int argc, char **argv)
{
        _cleanup_(freep) char *json = NULL;
        char result[32] = "", text[256] = "", class[32] = "", profile[CODE_SIZE] = "";
        Exit e = bus_ask(ctl, &json, "Bind", "ssss", argv[1], argv[2], argc > 3 ? argv[3] : "",
                argc > 4 ? argv[4] : "");

        if (e != EXIT_OK)
                return e;
        if (ctl->json)
                (void)puts(json);
        (void)json_text(json, strlen(json), "$.result", result, sizeof(result)); /* else it is no "ok" */
        if (!str_equal(result, "ok")) {
                (void)json_text(json, strlen(json), "$.text", text, sizeof(text)); /* there is one */
                if (!ctl->json)
                        complain("未登记", "%s", text);
                return EXIT_ERROR;
        }
        (void)json_text(json, strlen(json), "$.class", class, sizeof(class)); /* both are there */
        (void)json_text(json, strlen(json), "$.profile", profile, sizeof(profile));
        if (!ctl->json)
                (void)printf("已登记 / bound: %s → %s  类别 class %s  规则 profile %s\n", argv[1], argv[2],
                        class, profile[0] ? profile : "-");
        if (argc <= 3 && !profile[0])
                complain("还没有听到过它，类别是猜的；不对就再登记一次，写明类别",
                        "it has not been heard yet, so its class is a guess: bind it again with the class "
                        "if it is wrong");
        return EXIT_OK;
}
