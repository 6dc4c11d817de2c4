/* SPDX-License-Identifier: Apache-2.0 */
/* Announcements in Home Assistant's manner, and the states that follow them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "protocols/codec/ha.h"

static Levels *levels;
static Ha *ha;
static char said[2048];
static const char *registry; /* the profile of every device there; NULL: none is known */
static unsigned strangers;

static int setup(void **state)
{
        registry = "";
        strangers = 0;
        return levels_new(&levels) < 0 || ha_new(&ha, levels) < 0;
}

static int teardown(void **state)
{
        ha = ha_free(ha);
        levels = levels_free(levels);
        return 0;
}

static const char *on_profile(void *userdata, const char *device)
{
        return registry;
}

static void on_emit(void *userdata, const Event *e)
{
        Str s = {.p = said, .cap = sizeof(said), .n = strlen(said)};
        char text[256];

        profile_event_text(e, said[0] == '\0', text, sizeof(text));
        str_add(&s, text);
}

static void on_stranger(void *userdata, const char *device, const char *profile)
{
        assert_string_equal(profile, HA_PROFILE);
        strangers++;
}

static const char *state_is(bool alarms, const char *topic, const char *payload, bool retained)
{
        const ProfileHost host = {.profile_of = on_profile, .emit = on_emit, .stranger = on_stranger};

        said[0] = '\0';
        (void)ha_read(ha, alarms, topic, payload, strlen(payload), retained, &host);
        return said;
}

static HaResult announce(const char *topic, const char *config, HaEntity **ret)
{
        return ha_config(ha, "homeassistant", topic, config, strlen(config), ret);
}

/* Zigbee2MQTT: full keys, quoted template, JSON's true as payload. */
#define SMOKE                                                                                               \
        "{\"device_class\":\"smoke\",\"payload_on\":true,\"payload_off\":false,\"state_topic\":\"z/"        \
        "kitchen\","                                                                                        \
        "\"value_template\":\"{{ value_json[\\\"smoke\\\"] "                                                \
        "}}\",\"device\":{\"identifiers\":[\"zigbee2mqtt_0x00158d\"],"                                      \
        "\"model\":\"Smoke alarm (HS1SA)\",\"name\":\"kitchen\"},\"unique_id\":\"u1\"}"
/* ESPHome: abbreviated keys, plain ON and OFF. */
#define CORD                                                                                                \
        "{\"~\":\"cord-3/binary_sensor\",\"dev_cla\":\"safety\",\"stat_t\":\"~/pull/"                       \
        "state\",\"uniq_id\":\"cord3pull\","                                                                \
        "\"dev\":{\"ids\":\"a0b1c2d3e4f5\",\"name\":\"cord-3\",\"mdl\":\"esp32dev\"}}"

static void test_binary_sensor(void **state)
{
        HaEntity *e;

        assert_int_equal(announce("homeassistant/binary_sensor/0x00158d/smoke/config", SMOKE, &e), HA_TAKEN);
        assert_string_equal(e->topic, "z/kitchen");
        assert_string_equal(e->device, "zigbee2mqtt_0x00158d");
        assert_string_equal(e->model, "Smoke alarm (HS1SA)");
        assert_string_equal(ha_word(e), "smoke");
        assert_true(e->alarm);
        assert_string_equal(
                state_is(true, "z/kitchen", "{\"smoke\":true}", false), "zigbee2mqtt_0x00158d: smoke");
        assert_string_equal(state_is(true, "z/kitchen", "{\"smoke\":true,\"x\":1}", false), "");
        assert_string_equal(state_is(true, "z/kitchen", "{\"battery\":1}", false), "");
        assert_string_equal(state_is(true, "z/kitchen", "{\"smoke\":false}", false),
                "zigbee2mqtt_0x00158d: smoke_clear");
        assert_string_equal(state_is(true, "z/kitchen", "no JSON", false), "");
        assert_string_equal(state_is(true, "z/kitchen", "", false), "");
        assert_string_equal(state_is(false, "z/kitchen", "{\"smoke\":true}", false), "");
        assert_string_equal(state_is(true, "z/bath", "{\"smoke\":true}", false), "");
}

/* Signs of life: no alarms, but levels all the same. */
static void test_signs(void **state)
{
        static const struct {
                const char *class, *name, *word, *on, *off;
        } cases[] = {
                {"motion", "Hall", "motion", "d: status motion=1", "d: status motion=0"},
                {"moving", "Hall", "motion", "d: status motion=1", "d: status motion=0"},
                {"occupancy", "Bedroom", "motion", "d: status motion=1", "d: status motion=0"},
                {"occupancy", "Bed sensor", "bed", "d: status bed=1", "d: status bed=0"},
                {"presence", "床垫", "bed", "d: status bed=1", "d: status bed=0"},
                {"door", "Front", "door", "d: status door=1", "d: status door=0"},
                {"opening", "bed", "door", "d: status door=1", "d: status door=0"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                char config[256];
                HaEntity *e;

                (void)snprintf(config, sizeof(config),
                        "{\"device_class\":\"%s\",\"name\":\"%s\",\"state_topic\":\"s/"
                        "%zu\",\"device\":{\"identifiers\":\"d\"}}",
                        cases[i].class, cases[i].name, i);
                assert_int_equal(announce("homeassistant/binary_sensor/d/s/config", config, &e), HA_TAKEN);
                assert_string_equal(ha_word(e), cases[i].word);
                assert_false(e->alarm);
                assert_string_equal(state_is(false, e->topic, "ON", false), cases[i].on);
                assert_string_equal(state_is(false, e->topic, "OFF", false), cases[i].off);
                assert_string_equal(state_is(false, e->topic, "unavailable", false), "d: status");
                assert_string_equal(state_is(false, e->topic, "ON", true), "");
        }
}

/* Who cannot be reached gives no sign of life, and what he said before is doubtful. */
static void test_availability(void **state)
{
        HaEntity *e;

        assert_int_equal(announce("homeassistant/binary_sensor/d/pull/config",
                                 "{\"dev_cla\":\"safety\",\"stat_t\":\"d/pull\",\"avty_t\":\"d/"
                                 "status\",\"dev\":{\"ids\":\"d\"}}",
                                 &e),
                HA_TAKEN);
        assert_int_equal(announce("homeassistant/sensor/d/battery/config",
                                 "{\"device_class\":\"battery\",\"state_topic\":\"d/"
                                 "battery\",\"availability_topic\":\"d/status\","
                                 "\"device\":{\"identifiers\":\"d\"}}",
                                 &e),
                HA_TAKEN);
        assert_string_equal(state_is(true, "d/pull", "ON", false), "d: sos");
        assert_string_equal(
                state_is(false, "d/status", "offline", false), "d: status gone"); /* once for both */
        assert_string_equal(state_is(true, "d/pull", "ON", false), ""); /* the same bytes: its memory */
        assert_string_equal(state_is(false, "d/status", "online", false), "d: status");
        assert_string_equal(state_is(false, "d/status", "online", true), "d: status back"); /* no sign of life */
        assert_string_equal(state_is(false, "d/status", "offline", true), "d: status gone");
        assert_string_equal(state_is(false, "d/status", "asleep", false), "");
        assert_string_equal(state_is(false, "d/status", "{}", false), "");
        registry = NULL;
        assert_string_equal(state_is(false, "d/status", "offline", false), "");
        registry = "";
        assert_int_equal(announce("homeassistant/binary_sensor/z/smoke/config",
                                 "{\"device_class\":\"smoke\",\"state_topic\":\"z/"
                                 "1\",\"payload_available\":\"yes\",\"payload_not_available\":\"no\","
                                 "\"availability\":[{\"topic\":\"bridge/state\",\"value_template\":\"{{ "
                                 "value_json.state }}\"},"
                                 "{\"topic\":\"z/1/availability\"}],\"device\":{\"identifiers\":\"z\"}}",
                                 &e),
                HA_TAKEN);
        assert_string_equal(state_is(false, "bridge/state", "{\"state\":\"no\"}", false), "z: status gone");
        assert_string_equal(state_is(false, "z/1/availability", "no", false), "z: status gone");
        assert_string_equal(state_is(false, "z/1/availability", "yes", false), "z: status");
        assert_int_equal(announce("homeassistant/binary_sensor/y/smoke/config",
                                 "{\"device_class\":\"smoke\",\"state_topic\":\"y/"
                                 "1\",\"availability_topic\":\"y/a\",\"availability_template\":"
                                 "\"{{ value_json.a | int }}\",\"device\":{\"identifiers\":\"y\"}}",
                                 &e),
                HA_TAKEN); /* understood but for that */
        assert_string_equal(state_is(false, "y/a", "offline", false), "");
}

static void expired(char out[128])
{
        const ProfileHost host = {.profile_of = on_profile, .emit = on_emit};

        said[0] = '\0';
        ha_expire(ha, &host);
        (void)str_copy(out, 128, said);
}

static void test_expire_after(void **state)
{
        HaEntity *e;
        char out[128];

        assert_int_equal(announce("homeassistant/binary_sensor/d/m/config",
                                 "{\"device_class\":\"motion\",\"state_topic\":\"d/"
                                 "m\",\"expire_after\":60,\"device\":{\"identifiers\":\"d\"}}",
                                 &e),
                HA_TAKEN);
        assert_int_equal(e->expire_s, 60);
        expired(out);
        assert_string_equal(out, ""); /* never heard */
        (void)state_is(false, "d/m", "ON", true);
        assert_int_equal(e->last_s, 0);
        (void)state_is(false, "d/m", "ON", false);
        assert_true(e->last_s > 0);
        expired(out);
        assert_string_equal(out, "");
        e->last_s -= 70;
        expired(out);
        assert_string_equal(out, "d: status gone");
        expired(out);
        assert_string_equal(out, ""); /* once */
        (void)state_is(false, "d/m", "ON", false);
        e->last_s -= 70;
        registry = "esphome"; /* somebody else reads it */
        expired(out);
        assert_string_equal(out, "");
        registry = "";
        assert_int_equal(announce("homeassistant/binary_sensor/d/m/config",
                                 "{\"device_class\":\"motion\",\"state_topic\":\"d/"
                                 "m\",\"exp_aft\":\"90\",\"device\":{\"identifiers\":\"d\"}}",
                                 &e),
                HA_TAKEN);
        assert_int_equal(e->expire_s, 90);
        assert_int_equal(announce("homeassistant/binary_sensor/d/m/config",
                                 "{\"device_class\":\"motion\",\"state_topic\":\"d/"
                                 "m\",\"expire_after\":-1,\"device\":{\"identifiers\":\"d\"}}",
                                 &e),
                HA_TAKEN);
        assert_int_equal(e->expire_s, 0);
}

static void test_abbreviated(void **state)
{
        HaEntity *e;

        assert_int_equal(announce("homeassistant/binary_sensor/cord-3/pull/config", CORD, &e), HA_TAKEN);
        assert_string_equal(e->topic, "cord-3/binary_sensor/pull/state");
        assert_string_equal(e->device, "a0b1c2d3e4f5");
        assert_string_equal(
                state_is(true, e->topic, "ON", true), "a0b1c2d3e4f5: sos"); /* retained: a call to check */
        assert_string_equal(state_is(true, e->topic, "ON", false), "a0b1c2d3e4f5: sos");
        assert_string_equal(state_is(true, e->topic, "OFF", false), "");
        assert_string_equal(state_is(true, e->topic, "ON", false), "a0b1c2d3e4f5: sos");
        /* The node is away and comes again, and publishes what it was. */
        ha_doubt(ha);
        assert_string_equal(state_is(true, e->topic, "ON", false), "");
        registry = NULL;
        assert_string_equal(state_is(true, e->topic, "OFF", false), "");
        assert_string_equal(
                state_is(true, e->topic, "ON", false), "a0b1c2d3e4f5: sos"); /* a stranger is heard */
        assert_int_equal(strangers, 2);
        registry = "esphome"; /* somebody else reads it */
        assert_string_equal(state_is(true, e->topic, "OFF", false), "");
        assert_string_equal(state_is(true, e->topic, "ON", false), "");
}

static void test_sensors(void **state)
{
        HaEntity *e;

        assert_int_equal(
                announce("homeassistant/sensor/x/battery/config",
                        "{\"device_class\":\"battery\",\"state_topic\":\"b/x\",\"value_template\":\"{{ "
                        "value_json.battery }}\",\"device\":{\"identifiers\":[\"x\"]}}",
                        &e),
                HA_TAKEN);
        assert_false(e->alarm);
        assert_int_equal(
                announce("homeassistant/sensor/x/hr/config",
                        "{\"unit_of_measurement\":\"bpm\",\"state_topic\":\"b/x\",\"value_template\":\"{{"
                        "value_json['heart rate']}}\",\"device\":{\"identifiers\":[\"x\"]}}",
                        &e),
                HA_TAKEN);
        assert_int_equal(announce("homeassistant/binary_sensor/x/tamper/config",
                                 "{\"device_class\":\"tamper\",\"state_topic\":\"b/x/"
                                 "t\",\"device\":{\"identifiers\":["
                                 "\"x\"]}}",
                                 &e),
                HA_TAKEN);
        assert_string_equal(state_is(false, "b/x", "{\"battery\":81,\"heart rate\":64}", false),
                "x: hr=64; x: status battery=81");
        assert_string_equal(state_is(false, "b/x/t", "ON", false), "x: status tamper=1");
        assert_string_equal(state_is(false, "b/x", "{\"battery\":81}", true), "");
        registry = NULL;
        assert_string_equal(state_is(false, "b/x", "{\"battery\":81,\"heart rate\":64}", false), "");
}

static void test_triggers(void **state)
{
        HaEntity *e;

        assert_int_equal(
                announce("homeassistant/device_automation/0x1/action_emergency/config",
                        "{\"automation_type\":\"trigger\",\"type\":\"action\",\"subtype\":\"emergency\","
                        "\"payload\":\"emergency\",\"topic\":\"q/bed/"
                        "action\",\"device\":{\"identifiers\":[\"q1\"]}}",
                        &e),
                HA_TAKEN);
        assert_string_equal(state_is(true, "q/bed/action", "emergency", false), "q1: sos");
        assert_string_equal(state_is(true, "q/bed/action", "emergency", false), "q1: sos"); /* an edge */
        assert_string_equal(state_is(true, "q/bed/action", "single", false), "");
        assert_int_equal(announce("homeassistant/event/q2/config",
                                 "{\"event_types\":[\"single\",\"sos\"],\"state_topic\":\"q/"
                                 "2\",\"unique_id\":\"q2\"}",
                                 &e),
                HA_TAKEN);
        assert_string_equal(state_is(true, "q/2", "{\"event_type\":\"sos\"}", false), "q2: sos");
        assert_string_equal(state_is(true, "q/2", "{\"event_type\":\"single\"}", false), "");
        assert_int_equal(
                announce("homeassistant/device_automation/0x1/action_single/config",
                        "{\"subtype\":\"single\",\"payload\":\"single\",\"topic\":\"q/bed/action\"}", &e),
                HA_IGNORED);
}

static HaResult template_is(const char *template)
{
        char config[512], text[256];
        Str s = STR_BUFFER(config), t = STR_BUFFER(text);
        HaEntity *e;

        str_json(&t, template);
        str_addf(&s, "{\"dev_cla\":\"gas\",\"stat_t\":\"t\",\"uniq_id\":\"u\",\"val_tpl\":%s}", text);
        return announce("homeassistant/binary_sensor/u/config", config, &e);
}

static void test_templates(void **state)
{
        assert_int_equal(template_is("{{ value_json.gas }}"), HA_TAKEN);
        assert_int_equal(template_is("{{value_json.gas}}"), HA_TAKEN);
        assert_int_equal(template_is("  {{ value_json[\"gas leak\"] }}  "), HA_TAKEN);
        assert_int_equal(template_is("{{ value_json['gas'] }}"), HA_TAKEN);
        assert_int_equal(template_is("{{ value }}"), HA_TAKEN);
        assert_int_equal(template_is(""), HA_TAKEN);
        assert_int_equal(template_is("{{ value_json.gas | is_defined }}"), HA_REFUSED);
        assert_non_null(strstr(ha_why(ha), "template"));
        assert_int_equal(template_is("{% if value_json.gas %}ON{% endif %}"), HA_REFUSED);
        assert_int_equal(template_is("{{ value_json.a.b }}"), HA_REFUSED);
        assert_int_equal(template_is("{{ value_json[\"a\"][\"b\"] }}"), HA_REFUSED);
        assert_int_equal(template_is("{{ value_json[\"a\\\"] }}"), HA_REFUSED);
        assert_int_equal(template_is("{{ value_json[\"\"] }}"), HA_REFUSED);
        assert_int_equal(template_is("{{ value_json. }}"), HA_REFUSED);
        assert_int_equal(template_is("{{ value_json.gas }} }}"), HA_REFUSED);
        assert_int_equal(template_is("{{ value_json.gas"), HA_REFUSED);
        assert_int_equal(template_is("{{ value * 2 }}"), HA_REFUSED);
        assert_int_equal(template_is("value_json.gas"), HA_REFUSED);
}

static void test_not_ours(void **state)
{
        static const struct {
                const char *topic, *config;
                HaResult result;
        } cases[] = {
                {"homeassistant/light/a/config", "{\"state_topic\":\"t\"}", HA_IGNORED},
                {"homeassistant/binary_sensor/a/config",
                        "{\"device_class\":\"light\",\"state_topic\":\"t\"}", HA_IGNORED},
                {"homeassistant/sensor/a/config", "{\"device_class\":\"temperature\",\"state_topic\":\"t\"}",
                        HA_IGNORED},
                {"homeassistant/binary_sensor/config", "{\"device_class\":\"smoke\"}", HA_IGNORED},
                {"other/binary_sensor/a/config", "{\"device_class\":\"smoke\"}", HA_IGNORED},
                {"homeassistant/binary_sensor/a/state", "{\"device_class\":\"smoke\"}", HA_IGNORED},
                {"homeassistant/binary_sensor/a/config", "{", HA_REFUSED},
                {"homeassistant/binary_sensor/a/config", "\xff", HA_REFUSED},
                {"homeassistant/binary_sensor/a/config", "[]", HA_IGNORED},
                {"homeassistant/binary_sensor/a/config", "{\"device_class\":\"smoke\"}", HA_REFUSED},
                {"homeassistant/binary_sensor/a/config",
                        "{\"device_class\":\"smoke\",\"state_topic\":\"#\"}", HA_REFUSED},
                {"homeassistant/binary_sensor/a/config",
                        "{\"device_class\":\"smoke\",\"state_topic\":\"t\"}", HA_TAKEN},
        };
        HaEntity *e;

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                assert_int_equal(announce(cases[i].topic, cases[i].config, &e), cases[i].result);
        assert_string_equal(e->device, "a"); /* nothing else names it */
}

static void test_changed_and_gone(void **state)
{
        HaEntity *e;

        assert_int_equal(announce("homeassistant/binary_sensor/k/smoke/config", SMOKE, &e), HA_TAKEN);
        e->subscribed = true;
        assert_int_equal(announce("homeassistant/binary_sensor/k/smoke/config", SMOKE, &e), HA_TAKEN);
        assert_true(e->subscribed); /* nothing to subscribe to anew */
        assert_int_equal(announce("homeassistant/binary_sensor/k/smoke/config",
                                 "{\"device_class\":\"smoke\",\"state_topic\":\"elsewhere\"}", &e),
                HA_TAKEN);
        assert_false(e->subscribed);
        assert_string_equal(state_is(true, "z/kitchen", "{\"smoke\":true}", false), "");
        assert_string_equal(state_is(true, "elsewhere", "ON", false), "k_smoke: smoke");
        assert_int_equal(announce("homeassistant/binary_sensor/k/smoke/config", "", &e), HA_GONE);
        assert_string_equal(state_is(true, "elsewhere", "OFF", false), "");
        assert_int_equal(announce("homeassistant/binary_sensor/k/smoke/config", SMOKE, &e), HA_TAKEN);
        assert_ptr_equal(ha_entity(ha, 0), e); /* the free place */
        assert_null(ha_entity(ha, 1));
        /* Two of one topic. */
        assert_int_equal(
                announce("homeassistant/binary_sensor/k/gas/config",
                        "{\"device_class\":\"gas\",\"state_topic\":\"z/kitchen\",\"unique_id\":\"g\"}", &e),
                HA_TAKEN);
        assert_string_equal(state_is(true, "z/kitchen", "ON", false), "g: gas");
        assert_int_equal(announce("homeassistant/binary_sensor/k/gas/config", "", &e), HA_GONE);
        assert_string_equal(
                state_is(true, "z/kitchen", "{\"smoke\":true}", false), "zigbee2mqtt_0x00158d: smoke");
}

static void test_full(void **state)
{
        HaEntity *e;

        for (unsigned i = 0; i <= HA_ENTITIES_MAX; i++) {
                char topic[128], config[256];
                Str t = STR_BUFFER(topic), c = STR_BUFFER(config);

                str_addf(&t, "homeassistant/binary_sensor/d%u/config", i);
                str_addf(&c, "{\"dev_cla\":\"smoke\",\"stat_t\":\"s/%u\"}", i);
                assert_int_equal(announce(topic, config, &e), i < HA_ENTITIES_MAX ? HA_TAKEN : HA_FULL);
        }
        assert_string_equal(state_is(true, "s/4000", "ON", false), "d4000: smoke");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_binary_sensor, setup, teardown),
                cmocka_unit_test_setup_teardown(test_signs, setup, teardown),
                cmocka_unit_test_setup_teardown(test_availability, setup, teardown),
                cmocka_unit_test_setup_teardown(test_expire_after, setup, teardown),
                cmocka_unit_test_setup_teardown(test_abbreviated, setup, teardown),
                cmocka_unit_test_setup_teardown(test_sensors, setup, teardown),
                cmocka_unit_test_setup_teardown(test_triggers, setup, teardown),
                cmocka_unit_test_setup_teardown(test_templates, setup, teardown),
                cmocka_unit_test_setup_teardown(test_not_ours, setup, teardown),
                cmocka_unit_test_setup_teardown(test_changed_and_gone, setup, teardown),
                cmocka_unit_test_setup_teardown(test_full, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
