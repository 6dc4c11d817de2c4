/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles: what is shipped, what is refused, and levels that neither shout nor keep silent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "limits.h"
#include "protocols/codec/profile.h"

typedef struct World {
        Profiles *profiles;
        ProfileHost host;
        char said[2048]; /* every event since world_read() */
        Event events[16];
        unsigned n, strangers;
        const char *profile; /* what the registry says of every device; NULL: knows none */
} World;

static const char *world_profile(void *userdata, const char *device)
{
        return ((World *)userdata)->profile;
}

static void world_emit(void *userdata, const Event *e)
{
        World *w = userdata;
        Str s = {.p = w->said, .cap = sizeof(w->said), .n = strlen(w->said)};
        char text[256];

        profile_event_text(e, w->said[0] == '\0', text, sizeof(text));
        str_add(&s, text);
        assert_true(w->n < 16);
        w->events[w->n++] = *e;
        assert_null(e->body);
        assert_int_equal(e->hold, 0);
}

static void world_stranger(void *userdata, const char *device, const char *profile)
{
        ((World *)userdata)->strangers++;
}

static void world_each(
        void *userdata, const char *profile, void (*fn)(void *, const char *device), void *arg)
{
        if (!str_equal(profile, "zigbee2mqtt"))
                return;
        fn(arg, "a");
        fn(arg, "b");
}

static void world_begin(World *w)
{
        ProfileError error;

        *w = (World){.profile = ""};
        w->host = (ProfileHost){
                .userdata = w, .profile_of = world_profile, .emit = world_emit, .stranger = world_stranger};
        assert_int_equal(profiles_new(&w->profiles), 0);
        if (profiles_load(w->profiles, PROFILES, &error) != 0)
                fail_msg("%s:%u: %s", error.file, error.line, error.text);
}

static void world_end(World *w)
{
        w->profiles = profiles_free(w->profiles);
        assert_null(w->profiles);
}

static const char *world_read(World *w, const char *topic, const char *payload)
{
        w->said[0] = '\0';
        w->n = 0;
        (void)profiles_read(w->profiles, true, topic, payload, strlen(payload), false, &w->host);
        return w->said;
}

static const char *world_read_retained(World *w, const char *topic, const char *payload)
{
        w->said[0] = '\0';
        w->n = 0;
        (void)profiles_read(w->profiles, true, topic, payload, strlen(payload), true, &w->host);
        return w->said;
}

/* A world that has only this profile. */
static void world_of(World *w, const char *text)
{
        ProfileError error;

        *w = (World){.profile = ""};
        w->host = (ProfileHost){.userdata = w, .profile_of = world_profile, .emit = world_emit};
        assert_int_equal(profiles_new(&w->profiles), 0);
        if (profiles_add(w->profiles, "test", "test.conf", text, strlen(text), &error) != 0)
                fail_msg("%s:%u: %s", error.file, error.line, error.text);
}

/* Bytes in a member, in the whole payload, and none. */
static void test_bytes(void **state)
{
        World w;

        world_of(&w, "[Profile]\n[Message]\nTopic=t/{device}\nBytes=hex $.data\nField alarm=0 u8\nField "
                     "level=1 u8\n"
                     "Event sos=@alarm = 1\nEvent fall=@hex like 02% & @length = 2\nMetric battery=@level\n"
                     "[Message]\nTopic=b/{device}\nBytes=hex $\nField alarm=0 u8\nEvent sos=@alarm = 1\n");
        w.profile = "test";
        assert_string_equal(world_read(&w, "t/d", "{\"data\":\"0164\"}"), "d: sos; d: status battery=100");
        assert_string_equal(
                world_read(&w, "t/d", " {\"data\":\"02 32\"} "), "d: fall; d: status battery=50");
        assert_string_equal(world_read(&w, "t/d", "{\"data\":\"0232ff\"}"), "d: status battery=50");
        assert_string_equal(world_read(&w, "t/d", "{}"), "d: status"); /* about something else */
        assert_string_equal(world_read(&w, "t/d", "[\"0164\"]"), "d: status");
        assert_string_equal(world_read(&w, "t/d", "{\"data\":5}"), "d: status");
        assert_string_equal(world_read(&w, "t/d", "{\"data\":\"016\"}"), "d: unparsed");
        assert_string_equal(world_read(&w, "t/d", "1164"), "d: status"); /* a number, and no text */
        assert_string_equal(world_read(&w, "t/d", "no JSON"), "d: unparsed");
        assert_string_equal(world_read(&w, "b/d", "01ff"), "d: sos");
        assert_string_equal(world_read(&w, "b/d", "\"01ff\""), "d: sos");
        assert_string_equal(world_read(&w, "b/d", "00ff"), "d: status");
        assert_string_equal(world_read(&w, "b/d", "0164"), "d: sos");
        assert_string_equal(world_read(&w, "b/d", "1264"), "d: status"); /* JSON by accident */
        assert_string_equal(world_read(&w, "b/d", "10"), "d: status");
        assert_string_equal(world_read(&w, "b/d", "126"), "d: unparsed");
        assert_string_equal(world_read(&w, "b/d", "zz"), "d: unparsed");
        world_end(&w);
}

/* ---- what is shipped ---- */

static void test_samples(void **state)
{
        const char *name, *text, *file;
        unsigned samples = 0, profiles = 0;
        World all;
        bool named;

        world_begin(&all);
        for (size_t i = 0; (name = profiles_name(all.profiles, i, &text, &file, &named)); i++) {
                const ProfileSample *s;

                profiles++;
                assert_true(text[0]);
                for (size_t j = 0; (s = profiles_sample(all.profiles, name, j)); j++) {
                        World w; /* each sample stands alone: nothing is known of any level */

                        world_begin(&w);
                        assert_true(profiles_read_as(w.profiles, name, s->topic, s->payload,
                                            strlen(s->payload), false, &w.host) > 0);
                        if (!str_equal(w.said, s->means))
                                fail_msg(
                                        "%s, %s: means \"%s\", not \"%s\"", name, s->text, w.said, s->means);
                        world_end(&w);
                        samples++;
                }
        }
        assert_true(profiles >= 11 && samples >= 30);
        world_end(&all);
}

/* Topics that carry no alarm are read on the other connection. */
static const char *world_read_calm(World *w, const char *topic, const char *payload, bool retained)
{
        w->said[0] = '\0';
        w->n = 0;
        (void)profiles_read(w->profiles, false, topic, payload, strlen(payload), retained, &w->host);
        return w->said;
}

static void test_availability(void **state)
{
        World w;

        world_begin(&w);
        assert_string_equal(world_read(&w, "zigbee2mqtt/a", "{\"sos\":true}"), "a: sos");
        assert_string_equal(
                world_read(&w, "zigbee2mqtt/a", "{\"sos\":true,\"battery\":9}"), "a: status battery=9");
        assert_string_equal(
                world_read_calm(&w, "zigbee2mqtt/a/availability", "{\"state\":\"offline\"}", false),
                "a: status gone");
        /* It may have been released and pressed again meanwhile. */
        assert_string_equal(world_read(&w, "zigbee2mqtt/a", "{\"sos\":true}"), "a: sos");
        /* What the broker has kept is how it stands; but it is no sign of life. */
        assert_string_equal(
                world_read_calm(&w, "zigbee2mqtt/a/availability", "offline", true), "a: status gone");
        assert_string_equal(
                world_read_calm(&w, "zigbee2mqtt/a/availability", "online", true), "a: status back");
        assert_string_equal(world_read_calm(&w, "zigbee2mqtt/a/availability", "online", false), "a: status");
        assert_string_equal(world_read_calm(&w, "zigbee2mqtt/a/availability", "", true), "");
        assert_true(w.events[0].type == EVENT_STATUS && !w.events[0].retained);
        w.profile = NULL; /* a lamp of somebody's: neither a device nor a stranger */
        w.strangers = 0;
        assert_string_equal(world_read_calm(&w, "zigbee2mqtt/l/availability", "offline", false), "");
        assert_string_equal(world_read_calm(&w, "zigbee2mqtt/l/availability", "online", false), "");
        assert_int_equal(w.strangers, 0);
        world_end(&w);
}

/* The bridge has gone: so have all that the registry lists with its profile. */
static void test_a_bridge_is_gone(void **state)
{
        World w;

        world_begin(&w);
        assert_string_equal(
                world_read_calm(&w, "zigbee2mqtt/bridge/state", "{\"state\":\"offline\"}", false), "");
        w.host.each = world_each;
        assert_string_equal(
                world_read_calm(&w, "zigbee2mqtt/bridge/state", "{\"state\":\"offline\"}", false),
                "a: status gone; b: status gone");
        assert_string_equal(world_read_calm(&w, "zigbee2mqtt/bridge/state", "{\"state\":\"online\"}", true),
                "a: status back; b: status back");
        assert_string_equal(world_read_calm(&w, "zigbee2mqtt/bridge/state", "", false), "");
        world_end(&w);
}

static void test_filters(void **state)
{
        char filters[PROFILE_FILTERS_MAX][PROFILE_TOPIC_SIZE];
        bool z2m = false, status = false;
        World w;
        size_t n;

        world_begin(&w);
        n = profiles_filters(w.profiles, true, filters, PROFILE_FILTERS_MAX);
        for (size_t i = 0; i < n; i++) {
                z2m = z2m || str_equal(filters[i], "zigbee2mqtt/+");
                assert_false(str_equal(filters[i], "application/+/device/+/event/status"));
                for (size_t j = 0; j < i; j++)
                        assert_string_not_equal(filters[i], filters[j]);
        }
        assert_true(z2m);
        n = profiles_filters(w.profiles, false, filters, PROFILE_FILTERS_MAX);
        for (size_t i = 0; i < n; i++)
                status = status || str_equal(filters[i], "application/+/device/+/event/status");
        assert_true(status);
        assert_true(profiles_know(w.profiles, "zigbee2mqtt/bed-101"));
        assert_false(profiles_know(w.profiles, "zigbee2mqtt/bed-101/availability"));
        world_end(&w);
}

/* ---- who is meant ---- */

static void test_the_registry_selects(void **state)
{
        World w;

        world_begin(&w);
        w.profile = "zigbee2mqtt-anybutton";
        assert_string_equal(world_read(&w, "zigbee2mqtt/b", "{\"action\":\"single\"}"), "b: sos");
        w.profile = "";
        assert_string_equal(world_read(&w, "zigbee2mqtt/b", "{\"action\":\"single\"}"), "b: status");
        w.profile = "shelly-gen2";
        assert_string_equal(world_read(&w, "zigbee2mqtt/b", "{\"action\":\"emergency\"}"), "");
        world_end(&w);
}

static void test_strangers(void **state)
{
        World w;

        world_begin(&w);
        w.profile = NULL;
        assert_string_equal(
                world_read(&w, "zigbee2mqtt/b", "{\"action\":\"emergency\",\"battery\":3}"), "b: sos");
        assert_int_equal(w.strangers, 1);
        assert_string_equal(world_read(&w, "zigbee2mqtt/b", "{\"battery\":3}"), "");
        assert_string_equal(world_read(&w, "zigbee2mqtt/b", "{\"action\":\"single\"}"), "");
        world_end(&w);
}

static void test_unreadable(void **state)
{
        char *big = malloc(LIMIT_BODY + 2);
        World w;

        assert_non_null(big);
        memset(big, ' ', LIMIT_BODY + 1);
        big[LIMIT_BODY + 1] = '\0';
        world_begin(&w);
        w.profile = "zigbee2mqtt";
        assert_string_equal(world_read(&w, "zigbee2mqtt/b", "{\"action\":"), "b: unparsed");
        assert_string_equal(world_read(&w, "zigbee2mqtt/b", "\xff"), "b: unparsed");
        assert_string_equal(world_read(&w, "zigbee2mqtt/b", big), "b: unparsed");
        assert_string_equal(world_read(&w, "zigbee2mqtt/b", ""), "");
        w.profile = ""; /* somebody else's network: noise */
        assert_string_equal(world_read(&w, "zigbee2mqtt/b", "{\"action\":"), "");
        free(big);
        world_end(&w);
}

static void test_topics_that_do_not_fit(void **state)
{
        static const char *const topics[] = {"zigbee2mqtt", "zigbee2mqtt/", "zigbee2mqtt/a/b",
                "zigbee2mqttt/a", "/a", "", "zigbee2mqtt/bridge", "zigbee2mqtt/a b", "zigbee2mqtt/\"",
                "tele/x/SENSOR/y"};
        World w;

        world_begin(&w);
        for (size_t i = 0; i < sizeof(topics) / sizeof(*topics); i++)
                assert_string_equal(world_read(&w, topics[i], "{\"action\":\"emergency\"}"), "");
        world_end(&w);
}

/* ---- edges ---- */

static void test_edges(void **state)
{
        char first[EVENT_ID_SIZE];
        World w;

        world_begin(&w);
        /* No stamp: every message is a press, also an equal one. */
        for (unsigned i = 0; i < 3; i++) {
                assert_string_equal(world_read(&w, "zigbee2mqtt/b", "{\"action\":\"sos\"}"), "b: sos");
                assert_string_equal(w.events[0].id, "");
        }
        /* With one: what comes again is the same press, within a minute not even said; another stamp is another. */
        assert_string_equal(
                world_read(&w, "zigbee2mqtt/b", "{\"action\":\"sos\",\"last_seen\":1772323201000}"),
                "b: sos");
        (void)str_copy(first, sizeof(first), w.events[0].id);
        assert_true(first[0] && str_starts(first, "sos-"));
        assert_int_equal(w.events[0].device_us, 1772323201000000);
        assert_string_equal(
                world_read(&w, "zigbee2mqtt/b", "{\"action\":\"sos\",\"last_seen\":1772323201000}"),
                "b: status");
        assert_string_equal(
                world_read(&w, "zigbee2mqtt/b", "{\"action\":\"sos\",\"last_seen\":1772323202000}"),
                "b: sos");
        assert_string_not_equal(w.events[0].id, first);
        world_end(&w);
        /* In another process the id is the same: the engine folds what the broker delivers again. */
        world_begin(&w);
        (void)world_read(&w, "zigbee2mqtt/b", "{\"action\":\"sos\",\"last_seen\":1772323201000}");
        assert_string_equal(w.events[0].id, first);
        world_end(&w);
}

static void test_retained_edge(void **state)
{
        World w;

        world_begin(&w);
        assert_string_equal(
                world_read_retained(&w, "zigbee2mqtt/b", "{\"action\":\"sos\",\"battery\":50}"), "b: sos");
        assert_true(w.events[0].retained); /* the engine makes a call to check of it */
        world_end(&w);
}

/* ---- levels ---- */

#define PRESSED  "{\"sos\":true,\"battery\":90}"
#define RELEASED "{\"sos\":false,\"battery\":90}"
#define CACHED   PRESSED

static void test_level_is_one_press(void **state)
{
        World w;

        world_begin(&w);
        assert_string_equal(world_read(&w, "zigbee2mqtt/b", PRESSED), "b: sos; b: status battery=90");
        assert_string_equal(world_read(&w, "zigbee2mqtt/b", PRESSED), "b: status battery=90");
        assert_string_equal(
                world_read(&w, "zigbee2mqtt/b", "{\"sos\":true,\"battery\":89}"), "b: status battery=89");
        assert_string_equal(world_read(&w, "zigbee2mqtt/b", "{\"battery\":89}"), "b: status battery=89");
        assert_string_equal(world_read(&w, "zigbee2mqtt/b", RELEASED), "b: status battery=90");
        assert_string_equal(world_read(&w, "zigbee2mqtt/b", PRESSED), "b: sos; b: status battery=90");
        world_end(&w);
}

/* The bridge is restarted and publishes what it remembers, for every device. */
static void test_bridge_restart_opens_no_phantom(void **state)
{
        World w;

        world_begin(&w);
        (void)world_read(&w, "zigbee2mqtt/b", PRESSED); /* and its release was never told */
        (void)world_read(&w, "zigbee2mqtt/c", PRESSED);
        (void)world_read(&w, "zigbee2mqtt/c", RELEASED);
        (void)world_read(&w, "zigbee2mqtt/bridge/state", "{\"state\":\"offline\"}");
        (void)world_read(&w, "zigbee2mqtt/bridge/state", "{\"state\":\"online\"}");
        assert_string_equal(world_read(&w, "zigbee2mqtt/b", CACHED), "b: status battery=90");
        assert_string_equal(world_read(&w, "zigbee2mqtt/c", RELEASED), "c: status battery=90");
        world_end(&w);
}

/* … and must not hide who pressed while it was away, or presses now. */
static void test_bridge_restart_swallows_no_press(void **state)
{
        World w;

        world_begin(&w);
        (void)world_read(&w, "zigbee2mqtt/b", PRESSED);
        (void)world_read(&w, "zigbee2mqtt/bridge/state", "{\"state\":\"online\"}");
        (void)world_read(&w, "zigbee2mqtt/b", CACHED);
        assert_string_equal(
                world_read(&w, "zigbee2mqtt/b", "{\"sos\":true,\"battery\":90,\"linkquality\":7}"),
                "b: sos; b: status battery=90");
        /* The same when it was our own connection that was down. */
        profiles_doubt(w.profiles);
        assert_string_equal(
                world_read(&w, "zigbee2mqtt/b", "{\"sos\":true,\"battery\":90,\"linkquality\":8}"),
                "b: sos; b: status battery=90");
        /* A release that was heard makes everything certain again. */
        profiles_doubt(w.profiles);
        (void)world_read(&w, "zigbee2mqtt/b", RELEASED);
        assert_string_equal(world_read(&w, "zigbee2mqtt/b", PRESSED), "b: sos; b: status battery=90");
        world_end(&w);
}

/* Our own restart: what was kept comes back, and is doubtful. */
static void test_restart(void **state)
{
        size_t size = levels_memory_size();
        void *memory = calloc(1, size);
        World w;

        assert_non_null(memory);
        world_begin(&w);
        levels_memory(profiles_levels(w.profiles), memory, size);
        (void)world_read(&w, "zigbee2mqtt/b", PRESSED);
        world_end(&w); /* killed before the alarm was durable: nothing is kept, the alarm comes again */
        world_begin(&w);
        levels_memory(profiles_levels(w.profiles), memory, size);
        assert_string_equal(world_read(&w, "zigbee2mqtt/b", PRESSED), "b: sos; b: status battery=90");
        levels_keep(profiles_levels(w.profiles));
        world_end(&w);
        world_begin(&w);
        levels_memory(profiles_levels(w.profiles), memory, size);
        assert_string_equal(world_read(&w, "zigbee2mqtt/b", CACHED), "b: status battery=90");
        assert_string_equal(world_read(&w, "zigbee2mqtt/b", "{\"sos\":true,\"battery\":91}"),
                "b: sos; b: status battery=91");
        world_end(&w);
        memset(memory, 0xa5, size); /* not ours: begins anew */
        world_begin(&w);
        levels_memory(profiles_levels(w.profiles), memory, size);
        assert_string_equal(world_read(&w, "zigbee2mqtt/b", PRESSED), "b: sos; b: status battery=90");
        world_end(&w);
        free(memory);
}

static void test_smoke_falls(void **state)
{
        World w;

        world_begin(&w);
        assert_string_equal(
                world_read(&w, "zigbee2mqtt/s", "{\"smoke\":false}"), "s: smoke_clear"); /* once */
        assert_string_equal(world_read(&w, "zigbee2mqtt/s", "{\"smoke\":false}"), "s: status");
        assert_string_equal(world_read(&w, "zigbee2mqtt/s", "{\"smoke\":true}"), "s: smoke");
        assert_string_equal(
                world_read(&w, "zigbee2mqtt/s", "{\"smoke\":true,\"battery\":70}"), "s: status battery=70");
        /* The engine remembers this one: after a gap it is said again, and the engine knows whether that is news. */
        profiles_doubt(w.profiles);
        assert_string_equal(world_read(&w, "zigbee2mqtt/s", "{\"smoke\":true,\"battery\":70}"),
                "s: smoke; s: status battery=70");
        assert_string_equal(world_read(&w, "zigbee2mqtt/s", "{\"smoke\":false}"), "s: smoke_clear");
        world_end(&w);
}

static void test_retained_level(void **state)
{
        World w;

        world_begin(&w);
        assert_string_equal(world_read_retained(&w, "c/binary_sensor/sos/state", "ON"), "c: sos");
        assert_true(w.events[0].retained);
        assert_string_equal(
                world_read(&w, "c/binary_sensor/sos/state", "ON"), "c: sos"); /* now it is news */
        assert_false(w.events[0].retained);
        assert_string_equal(world_read_retained(&w, "c/binary_sensor/sos/state", "ON"), ""); /* known */
        assert_string_equal(world_read_retained(&w, "c/binary_sensor/sos/state", "OFF"), "");
        world_end(&w);
}

static void test_levels_by_time(void **state)
{
        LevelSaid said = {.key = 7, .payload = 1, .now_s = 1000, .on = true};
        Levels *l;

        assert_int_equal(levels_new(&l), 0);
        assert_int_equal(levels_step(l, &said), LEVEL_RAISE);
        said.now_s = 1599;
        assert_int_equal(levels_step(l, &said), LEVEL_NOTHING);
        said.now_s = 1600; /* ten minutes: said once */
        assert_int_equal(levels_step(l, &said), LEVEL_STUCK);
        said.now_s = 9999;
        assert_int_equal(levels_step(l, &said), LEVEL_NOTHING);
        said.on = false;
        assert_int_equal(levels_step(l, &said), LEVEL_FALL);
        said.on = true;
        assert_int_equal(levels_step(l, &said), LEVEL_RAISE);
        said = (LevelSaid){.key = 8, .payload = 1, .on = true, .held = true};
        assert_int_equal(levels_step(l, &said), LEVEL_RAISE);
        said.now_s = 9999; /* the engine watches over smoke */
        assert_int_equal(levels_step(l, &said), LEVEL_NOTHING);
        /* A counter that has begun anew hides no press. */
        assert_true(levels_stamp(l, 9, 17, 1000));
        assert_false(levels_stamp(l, 9, 17, 1060));
        assert_true(levels_stamp(l, 9, 17, 1061));
        assert_true(levels_stamp(l, 9, 18, 1061));
        levels_free(l);
}

static void test_levels_full(void **state)
{
        LevelSaid said = {.payload = 1, .on = true};
        Levels *l;

        assert_int_equal(levels_new(&l), 0);
        for (uint64_t i = 1; i <= LEVELS_MAX; i++) {
                said.key = i;
                assert_int_equal(levels_step(l, &said), LEVEL_RAISE);
        }
        said.key = LEVELS_MAX + 1;
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(levels_step(l, &said), LEVEL_RAISE); /* nothing is swallowed */
        assert_true(levels_stamp(l, LEVELS_MAX + 2, 1, 0));
        assert_true(levels_stamp(l, LEVELS_MAX + 2, 1, 0));
        levels_free(l);
}

/* ---- the language ---- */

static void rule_is(const char *rule, const char *payload, bool expected)
{
        char text[1024];
        Str s = STR_BUFFER(text);
        World w;

        str_addf(&s, "[Profile]\n[Message]\nTopic=t/{device}\nEvent sos=%s\n", rule);
        world_of(&w, text);
        if ((strstr(world_read(&w, "t/d", payload), "sos") != NULL) != expected)
                fail_msg("%s on %s is not %s", rule, payload, expected ? "true" : "false");
        world_end(&w);
}

static void test_rules(void **state)
{
        rule_is("$.a = 1", "{\"a\":1}", true);
        rule_is("$.a = 1", "{\"a\":\"1\"}", true);
        rule_is("$.a = 1", "{\"a\":1.5}", false);
        rule_is("$.a = true", "{\"a\":true}", true);
        rule_is("$.a is true", "{\"a\":1}", false);
        rule_is("$.a is true", "{\"a\":\"true\"}", false);
        rule_is("$.a is false", "{\"a\":false}", true);
        rule_is("$.a is false", "{}", false);
        rule_is("$.a is present", "{\"a\":0}", true);
        rule_is("$.a is present", "{\"a\":null}", false);
        rule_is("$.a is absent", "{}", true);
        rule_is("$.a != x", "{\"a\":\"y\"}", true);
        rule_is("$.a != x", "{}", false);
        rule_is("$.a<15", "{\"a\":14.9}", true);
        rule_is("$.a < 15", "{\"a\":15}", false);
        rule_is("$.a > -3", "{\"a\":\"-2\"}", true);
        rule_is("$.a > 0", "{\"a\":\"many\"}", false);
        rule_is("$.a in x, y z ,3", "{\"a\":\"y z\"}", true);
        rule_is("$.a in x,3", "{\"a\":3}", true);
        rule_is("$.a in x,3", "{\"a\":\"x,3\"}", false);
        rule_is("$.a like %sos%", "{\"a\":\"lowBattery,sos\"}", true);
        rule_is("$.a like sos%", "{\"a\":\"lowBattery,sos\"}", false);
        rule_is("$.a like %sos", "{\"a\":\"lowBattery,sos\"}", true);
        rule_is("$.a like %", "{\"a\":\"\"}", true);
        rule_is("$.a = 1 & $.b = 2", "{\"a\":1,\"b\":2}", true);
        rule_is("$.a = 1 & $.b = 2", "{\"a\":1}", false);
        rule_is("$.a = 1 & $.b = 2 | $.c = 3", "{\"c\":3}", true);
        rule_is("$.c = 3 | $.a = 1 & $.b = 2", "{\"a\":1,\"b\":1}", false);
        rule_is("$.\"x|y & z\".v = 1", "{\"x|y & z\":{\"v\":1}}", true);
        rule_is("$.a[1].b = q", "{\"a\":[0,{\"b\":\"q\"}]}", true);
        rule_is("$ = ON", "ON", true);
        rule_is("$ = ON", "\"ON\"", true);
        rule_is("$ = ON", "OFF", false);
        rule_is("$.a = \xe7\x83\x9f", "{\"a\":\"\\u70df\"}", true);
        rule_is("$.a != x", "{\"a\":\"\\ud800\"}", false); /* no UTF-8 comes out of it */
}

static void refused(const char *text, unsigned line, const char *why)
{
        ProfileError error = {.line = 999};
        Profiles *ps;

        assert_int_equal(profiles_new(&ps), 0);
        assert_int_equal(profiles_add(ps, "x", "x.conf", text, strlen(text), &error), PROFILE_E_INVALID);
        assert_string_equal(error.file, "x.conf");
        if (error.line != line || !strstr(error.text, why))
                fail_msg("\"%s\" is refused in line %u with \"%s\", not in %u with \"%s\"", text, error.line,
                        error.text, line, why);
        assert_null(profiles_name(ps, 0, &(const char *){0}, &(const char *){0}, &(bool){0}));
        profiles_free(ps);
}

#define M "[Profile]\n[Message]\nTopic=t/{device}\n"

static void test_refusals(void **state)
{
        refused("", 0, "at least one [Message]");
        refused("Topic=x\n", 1, "before the first section");
        refused("[Profil]\n", 1, "unknown section [Profil]");
        refused("[Profile\n", 1, "in brackets");
        refused("[Profile]\n[Profile]\n", 2, "twice");
        refused("[Profile]\nname=x\n", 2, "unknown key \"name\"");
        refused("[Profile]\nDevices=some\n", 2, "any and named");
        refused("[Profile]\n[Message]\nEvent sos=$ = 1\n", 3, "Topic= comes first");
        refused("[Profile]\n[Message]\n", 2, "no Topic=");
        refused("[Profile]\n[Message]\nTopic=a/b\nEvent sos=$ = 1\n", 2, "which device");
        refused("[Profile]\n[Message]\nTopic=a/{thing}\n", 3, "{thing}");
        refused("[Profile]\n[Message]\nTopic=a/#\n", 3, "#");
        refused(M "Event help=$.a = 1\n", 4, "\"help\" is no kind of alarm; there are sos");
        refused(M "Event {kind}=$.a = 1\n", 4, "{kind} does not stand");
        refused(M "Metric pulse=$.a\n", 4, "no metric");
        refused(M "Metric hr=a\n", 4, "paths begin with '$'");
        refused(M "Event sos=$.a[ = 1\n", 4, "no JSON path");
        refused(M "Event sos=a = 1\n", 4, "paths begin with '$'");
        refused(M "Event sos=$.a\n", 4, "one of = != <");
        refused(M "Event sos=$.a is maybe\n", 4, "true, false, present, absent");
        refused(M "Event sos=$.a < ten\n", 4, "no number");
        refused(M "Event sos=$.a =\n", 4, "without a value");
        refused(M "Event sos=$.a in x,,y\n", 4, "commas");
        refused(M "Event sos=$.a = 1 |\n", 4, "paths begin with '$'");
        refused(M "Event sos=$.a like a%b%c\n", 4, "beginning and the end");
        refused(M "Each=list\n", 4, "no path");
        refused(M "Bytes=raw $.a\n", 4, "hex or base64 and a path");
        refused(M "Bytes=hex\n", 4, "hex or base64 and a path");
        refused(M "Bytes=\n", 4, "hex or base64 and a path");
        refused(M "Bytes=hex list\n", 4, "hex or base64 and a path");
        refused(M "Field a=0 u8\n", 4, "Bytes= comes before");
        refused(M "Bytes=hex $.a\nField a=0\n", 5, "a field is OFFSET TYPE");
        refused(M "Bytes=hex $.a\nField A=0 u8\n", 5, "the name of a field");
        refused(M "Bytes=hex $.a\nField a=0 u8\nField a=1 u8\n", 6, "stands here twice");
        refused(M "Event sos=@hex = 01\n", 4, "there is no Field \"hex\"");
        refused(M "Bytes=hex $.a\nEvent sos=@a = 1\n", 5, "there is no Field \"a\"");
        refused(M "Each=$.l\nBytes=hex $.a\n", 2, "cannot stand in one");
        refused(M "Sound=loud\n", 4, "unknown key \"Sound\"");
        refused(M "what\n", 4, "neither [Section]");
        refused(M "# \xff\n", 4, "not UTF-8");
        refused(M "[Sample]\nText=x\n", 0, "has no Topic=");
}

static void test_bounds_of_a_file(void **state)
{
        char *text = malloc(70000);
        Str s = {.p = text, .cap = 70000};

        assert_non_null(text);
        str_add(&s, M);
        for (unsigned i = 0; i < 65; i++)
                str_addf(&s, "%s$.p%u = 1", i ? " | " : "Event sos=", i);
        refused(text, 4, "more than");
        s.n = 0;
        str_add(&s, M);
        for (unsigned i = 0; i < 33; i++)
                str_addf(&s, "Metric hr=$.a\n");
        refused(text, 36, "more than 32 rules");
        s.n = 0;
        str_add(&s, "[Profile]\n");
        for (unsigned i = 0; i < 9; i++)
                str_add(&s, "[Message]\nTopic=t/{device}\n");
        refused(text, 18, "more than 8 messages");
        s.n = 0;
        str_add(&s, "[Profile]\n# ");
        for (unsigned i = 0; i < 5000; i++)
                str_add(&s, "x");
        refused(text, 2, "at most 4096");
        free(text);
}

static void test_each(void **state)
{
        World w;

        world_of(&w, "[Profile]\n[Message]\nTopic=gw\nEach=$.items\nId=$.mac\nEvent sos=$.k = 1\nMetric "
                     "rssi=$.r\n");
        assert_string_equal(
                world_read(&w, "gw",
                        "{\"items\":[{\"mac\":\"a\",\"k\":1},7,{\"k\":1},{\"mac\":\"b\",\"r\":-4}]}"),
                "a: sos; b: status rssi=-4");
        assert_string_equal(world_read(&w, "gw", "{\"items\":{\"x\":{\"mac\":\"c\",\"k\":1}}}"), "c: sos");
        assert_string_equal(world_read(&w, "gw", "{\"items\":5}"), "");
        assert_string_equal(world_read(&w, "gw", "[]"), "");
        world_end(&w);
}

static void test_metrics(void **state)
{
        World w;

        world_of(&w, "[Profile]\n[Message]\nTopic=t/{device}\nMetric hr=$.hr\nMetric temp=$.t\nMetric "
                     "battery=$.b\n"
                     "Metric mains=$.m\nMetric worn=$.w\nEvent sos=$.s = 1\n");
        assert_string_equal(
                world_read(&w, "t/d", "{\"hr\":72,\"t\":\"36.6\",\"b\":50.4,\"m\":1,\"w\":false}"),
                "d: status battery=50 mains=1 worn=0; d: hr=72 temp=36.6");
        assert_string_equal(
                world_read(&w, "t/d", "{\"hr\":900,\"t\":200,\"b\":101,\"m\":\"x\"}"), "d: status");
        assert_string_equal(world_read_retained(&w, "t/d", "{\"hr\":72}"), "");
        world_end(&w);
}

static void test_times(void **state)
{
        static const struct {
                const char *text;
                double ts; /* 0: refused */
        } times[] = {{"2026-03-01T00:00:00Z", 1772323200}, {"2026-03-01T08:00:00+08:00", 1772323200},
                {"2026-03-01T00:00:00.250Z", 1772323200.25}, {"2026-02-28T19:00:00.000-05:00", 1772323200},
                {"2026-03-01 00:00:00Z", 1772323200}, {"2026-03-01T00:00:00", 0},
                {"2026-13-01T00:00:00Z", 0}, {"2026-03-01T25:00:00Z", 0}, {"2026-03-01T00:00:00+0800", 0},
                {"", 0}, {"20260301T000000Z", 0}, {"2026-03-01T00:00:00.Z", 1772323200},
                {"2026-03-01T00:00:00Zx", 0}};

        for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
                double ts = 0;

                assert_int_equal(
                        profile_time_parse(times[i].text, strlen(times[i].text), &ts), times[i].ts != 0);
                assert_true(ts == times[i].ts);
        }
}

/* As test_often in codec-alarm.c. */
static void test_often(void **state)
{
        World w;

        world_begin(&w);
        for (unsigned i = 0; i < 5000; i++)
                assert_string_equal(world_read(&w, "zigbee2mqtt/b", "{\"action\":\"sos\"}"), "b: sos");
        world_end(&w);
}

/* A later folder's file takes the place of an earlier one's; a missing folder is none. */
static void test_folders(void **state)
{
        const char *text, *file;
        ProfileError error;
        Profiles *ps;
        bool named;
        static const char mine[] = "[Profile]\nText=mine\n[Message]\nTopic=z/{device}\nEvent sos=$.a = 1\n";

        assert_int_equal(profiles_new(&ps), 0);
        assert_int_equal(profiles_load(ps, "/nonexistent/profiles " PROFILES, &error), 0);
        assert_true(profiles_know(ps, "zigbee2mqtt/b"));
        assert_int_equal(profiles_add(ps, "zigbee2mqtt", "mine.conf", mine, strlen(mine), &error), 0);
        assert_true(profiles_know(ps, "z/b"));
        for (size_t i = 0;; i++) {
                const char *name = profiles_name(ps, i, &text, &file, &named);

                assert_non_null(name);
                if (str_equal(name, "zigbee2mqtt"))
                        break;
        }
        assert_string_equal(text, "mine");
        assert_int_equal(profiles_add(ps, "a/b", "x", mine, strlen(mine), &error), PROFILE_E_INVALID);
        profiles_free(ps);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_samples),
                cmocka_unit_test(test_bytes),
                cmocka_unit_test(test_availability),
                cmocka_unit_test(test_a_bridge_is_gone),
                cmocka_unit_test(test_filters),
                cmocka_unit_test(test_the_registry_selects),
                cmocka_unit_test(test_strangers),
                cmocka_unit_test(test_unreadable),
                cmocka_unit_test(test_topics_that_do_not_fit),
                cmocka_unit_test(test_edges),
                cmocka_unit_test(test_retained_edge),
                cmocka_unit_test(test_level_is_one_press),
                cmocka_unit_test(test_bridge_restart_opens_no_phantom),
                cmocka_unit_test(test_bridge_restart_swallows_no_press),
                cmocka_unit_test(test_restart),
                cmocka_unit_test(test_smoke_falls),
                cmocka_unit_test(test_retained_level),
                cmocka_unit_test(test_levels_by_time),
                cmocka_unit_test(test_levels_full),
                cmocka_unit_test(test_rules),
                cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_bounds_of_a_file),
                cmocka_unit_test(test_each),
                cmocka_unit_test(test_metrics),
                cmocka_unit_test(test_times),
                cmocka_unit_test(test_folders),
                cmocka_unit_test(test_often),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
