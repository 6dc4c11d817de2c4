/* SPDX-License-Identifier: Apache-2.0 */
/* Readings and heartbeats from bytes: what a body cannot have is left out, garbage is a fault and never an
 * alarm. */
#include "codec-test.h"

#define HR   (1u << VITAL_HR)
#define SPO2 (1u << VITAL_SPO2)
#define SYS  (1u << VITAL_SYS)
#define DIA  (1u << VITAL_DIA)
#define TEMP (1u << VITAL_TEMP)
#define RESP (1u << VITAL_RESP)

static void test_vitals(void **state)
{
        static const struct {
                const char *body;
                uint32_t has;
                double hr, temp;
                const char *why;
        } cases[] = {
                {"{\"hr\":72,\"spo2\":97,\"sys\":128,\"dia\":80,\"temp\":36.6,\"resp\":16}",
                        HR | SPO2 | SYS | DIA | TEMP | RESP, 72, 36.6, ""},
                {"{\"hr\":0}", HR, 0, 0, ""}, /* a heart can stand still */
                {"{\"hr\":350,\"spo2\":100,\"sys\":350,\"dia\":250,\"temp\":46,\"resp\":120}",
                        HR | SPO2 | SYS | DIA | TEMP | RESP, 350, 46, ""},
                {"{\"hr\":350.1,\"temp\":20}", TEMP, 0, 20, "a reading is outside what can be"},
                {"{\"hr\":-1,\"temp\":19.9,\"spo2\":0}", SPO2, 0, 0, "a reading is outside what can be"},
                {"{\"hr\":\"72\",\"spo2\":97}", SPO2, 0, 0, "a reading is no number"},
                {"{\"hr\":true,\"spo2\":97}", SPO2, 0, 0, "a reading is no number"},
                {"{\"hr\":[72],\"spo2\":{\"v\":97},\"temp\":37}", TEMP, 0, 37, "a reading is no number"},
                {"{\"hr\":null,\"temp\":37}", TEMP, 0, 37, ""},
                {"{\"hr\":1e999,\"temp\":37}", TEMP, 0, 37, "a reading is no number"},
                {"{\"hr\":7.2e1}", HR, 72, 0, ""},
                {"{\"hr\":60,\"hr\":190}", HR, 60, 0, ""},
                {"{\"hr\":60,\"unknown\":{\"x\":[1,2]}}", HR, 60, 0, ""},
                {"\xef\xbb\xbf{\"hr\":60}", HR, 60, 0, ""},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                Event e = event_of(cases[i].body, strlen(cases[i].body));

                print_message("%s\n", cases[i].body);
                codec_read_vitals(codec, &e);
                assert_int_equal(e.type, EVENT_VITALS);
                assert_int_equal(e.vitals.has, cases[i].has);
                assert_float_equal(e.vitals.value[VITAL_HR], cases[i].hr, 1e-9);
                assert_float_equal(e.vitals.value[VITAL_TEMP], cases[i].temp, 1e-9);
                assert_string_equal(e.why, cases[i].why);
                assert_string_equal(e.id, "");
                assert_int_equal(e.device_us, 0);
                event_done(&e);
        }
}

/* Signs of life and a place, in any message. */
static void test_signs(void **state)
{
        enum { N = SAID_NO, Y = SAID_YES };
        static const struct {
                const char *body;
                uint8_t said[SIGN_BUTTON];
                bool located, fault;
        } cases[] = {
                {"{\"motion\":true}", {Y}, false, false},
                {"{\"motion\":0,\"bed\":\"in\",\"water\":3.5,\"door\":\"closed\"}", {N, Y, Y, N}, false,
                        false},
                {"{\"bed\":false,\"door\":\"open\",\"motion\":\"yes\",\"water\":null}", {0, N, 0, Y}, false,
                        false},
                {"{\"bed\":\"out\",\"door\":true}", {0, N, 0, Y}, false, false},
                {"{\"door\":\"ajar\",\"water\":\"on\",\"x\":\"motion\"}", {0}, false, true},
                {"{\"lat\":34.2711,\"lon\":108.9402,\"accuracy\":15.5}", {0}, true, false},
                {"{\"lat\":34.2711}", {0}, false, true},
                {"{\"lat\":0,\"lon\":0}", {0}, false, true},
                {"{\"lat\":91,\"lon\":0}", {0}, false, true},
                {"{\"lat\":1,\"lon\":181,\"motion\":true}", {Y}, false, false},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                Event e = event_of(cases[i].body, strlen(cases[i].body));

                print_message("%s\n", cases[i].body);
                codec_read_status(codec, &e);
                assert_memory_equal(e.signs.said, cases[i].said, sizeof(e.signs.said));
                assert_int_equal(e.signs.located, cases[i].located);
                assert_false(e.status.fault);
                if (cases[i].located)
                        assert_true(e.signs.lat == 34.2711 && e.signs.lon == 108.9402 &&
                                    e.signs.accuracy_m == 15.5f);
                codec_read_vitals(codec, &e); /* on the topic of readings they are no fault either */
                assert_int_equal(e.type, EVENT_STATUS);
                assert_int_equal(e.status.fault, cases[i].fault);
                assert_memory_equal(e.signs.said, cases[i].said, sizeof(e.signs.said));
                codec_read_alarm(codec, &e, "fall");
                assert_int_equal(e.alarm.kind, ALARM_FALL);
                assert_int_equal(e.signs.located, cases[i].located);
                event_done(&e);
        }
}

static void test_signs_with_readings(void **state)
{
        static const char body[] = "{\"hr\":72,\"motion\":true}",
                          odd[] = "{\"hr\":\"72\",\"bed\":\"in\",\"spo2\":97}", none[] = "{\"hr\":72}",
                          word[] = "\"motion\"";
        Event e = event_of(body, sizeof(body) - 1);

        codec_read_vitals(codec, &e);
        assert_int_equal(e.type, EVENT_VITALS);
        assert_int_equal(e.signs.said[SIGN_MOTION], SAID_YES);
        event_done(&e);
        e = event_of(odd, sizeof(odd) - 1);
        codec_read_vitals(codec, &e);
        assert_int_equal(e.vitals.has, SPO2);
        assert_int_equal(e.signs.said[SIGN_BED], SAID_YES);
        event_done(&e);
        e = event_of(none, sizeof(none) - 1);
        e.signs.said[SIGN_BED] = SAID_YES; /* of a message before */
        codec_read_vitals(codec, &e);
        assert_int_equal(e.signs.said[SIGN_BED], SAID_NOT);
        event_done(&e);
        e = event_of(word, sizeof(word) - 1);
        codec_read_vitals(codec, &e);
        assert_true(e.status.fault);
        event_done(&e);
}

static void test_vitals_time(void **state)
{
        static const char body[] = "{\"hr\":72,\"ts\":1790000000.5,\"id\":\"band-101\"}";
        Event e = event_of(body, sizeof(body) - 1);

        codec_read_vitals(codec, &e);
        assert_int_equal(e.device_us, 1790000000500000);
        assert_string_equal(e.id, "");
        assert_true(e.body_json);
        event_done(&e);
}

static void assert_fault(const Event *e)
{
        assert_int_equal(e->type, EVENT_STATUS);
        assert_true(e->status.fault);
        assert_int_equal(e->status.battery, INT16_MIN);
        assert_int_equal(e->status.rssi, INT16_MIN);
        assert_int_equal(e->status.mains, -1);
        assert_int_equal(e->status.worn, -1);
        assert_int_equal(e->status.tamper, -1);
        assert_string_equal(e->id, "");
}

static void test_vitals_nothing(void **state)
{
        static const struct {
                const char *body, *why;
        } cases[] = {
                {"", "empty"},
                {"{}", "no reading"},
                {"{\"hr\":null}", "no reading"},
                {"{\"ts\":1790000000}", "no reading"},
                {"{\"hr\":\"72\"}", "a reading is no number"},
                {"{\"hr\":351}", "a reading is outside what can be"},
                {"72", "JSON, but not an object"},
        };
        Event e;

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                e = event_of(cases[i].body, strlen(cases[i].body));
                codec_read_vitals(codec, &e);
                assert_fault(&e);
                assert_string_equal(e.why, cases[i].why);
                event_done(&e);
        }
        for (size_t i = 0; i < N_GARBAGE; i++) {
                e = event_of(garbage[i].bytes, garbage[i].n);
                codec_read_vitals(codec, &e);
                assert_fault(&e);
                assert_string_equal(e.why, garbage[i].why);
                event_done(&e);
        }
}

static void test_status(void **state)
{
        static const struct {
                const char *body;
                int battery, rssi, mains, worn, tamper;
        } cases[] = {
                {"{\"battery\":80,\"rssi\":-70,\"mains\":true,\"worn\":true}", 80, -70, 1, 1, -1},
                {"{}", INT16_MIN, INT16_MIN, -1, -1, -1},
                {"", INT16_MIN, INT16_MIN, -1, -1, -1},
                {"\n", INT16_MIN, INT16_MIN, -1, -1, -1},
                {"{\"battery\":0,\"mains\":false,\"worn\":0,\"tamper\":1}", 0, INT16_MIN, 0, 0, 1},
                {"{\"battery\":79.6}", 80, INT16_MIN, -1, -1, -1},
                {"{\"battery\":101,\"rssi\":-300}", INT16_MIN, INT16_MIN, -1, -1, -1},
                {"{\"battery\":-1,\"rssi\":1e999}", INT16_MIN, INT16_MIN, -1, -1, -1},
                {"{\"battery\":\"80\",\"mains\":\"yes\",\"worn\":null,\"tamper\":[]}", INT16_MIN, INT16_MIN,
                        -1, -1, -1},
                {"{\"battery\":{},\"mains\":{},\"worn\":2}", INT16_MIN, INT16_MIN, -1, 1, -1},
                {"{\"id\":\"sos-101\",\"kind\":\"sos\"}", INT16_MIN, INT16_MIN, -1, -1, -1},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                Event e = event_of(cases[i].body, strlen(cases[i].body));

                print_message("%s\n", cases[i].body);
                codec_read_status(codec, &e);
                assert_int_equal(e.type, EVENT_STATUS);
                assert_false(e.status.fault);
                assert_int_equal(e.status.battery, cases[i].battery);
                assert_int_equal(e.status.rssi, cases[i].rssi);
                assert_int_equal(e.status.mains, cases[i].mains);
                assert_int_equal(e.status.worn, cases[i].worn);
                assert_int_equal(e.status.tamper, cases[i].tamper);
                assert_string_equal(e.id, "");
                assert_string_equal(e.why, "");
                event_done(&e);
        }
        for (size_t i = 0; i < N_GARBAGE; i++) {
                Event e = event_of(garbage[i].bytes, garbage[i].n);

                codec_read_status(codec, &e);
                assert_fault(&e);
                assert_string_equal(e.why, garbage[i].why);
                event_done(&e);
        }
}

static void test_presence(void **state)
{
        static const struct {
                const char *body;
                bool known, online;
        } cases[] = {
                {"online", true, true},
                {"offline", true, false},
                {" Online\n", true, true},
                {"", false, false},
                {"onlin", false, false},
                {"online offline", false, false},
                {"{\"online\":true}", false, false},
                {"\xff", false, false},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                Event e = event_of(cases[i].body, strlen(cases[i].body));

                e.type = EVENT_ROSTER;
                assert_int_equal(codec_read_presence(&e), cases[i].known);
                assert_int_equal(e.type, cases[i].known ? EVENT_PRESENCE : EVENT_ROSTER);
                if (cases[i].known)
                        assert_int_equal(e.presence.online, cases[i].online);
                event_done(&e);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_vitals),
                cmocka_unit_test(test_signs),
                cmocka_unit_test(test_signs_with_readings),
                cmocka_unit_test(test_vitals_time),
                cmocka_unit_test(test_vitals_nothing),
                cmocka_unit_test(test_status),
                cmocka_unit_test(test_presence),
        };

        return cmocka_run_group_tests(tests, codec_setup, codec_teardown);
}
