/* SPDX-License-Identifier: Apache-2.0 */
/* SenML packs: the RFC's rules, IPSO objects, and bytes that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "limits.h"
#include "protocols/codec/profile.h"
#include "protocols/codec/senml.h"

/* Made by an encoder that shares nothing with the decoder. */
#define CBOR_VITALS                                                                                         \
        "\x83\xa5\x21\x78\x1d\x75\x72\x6e\x3a\x64\x65\x76\x3a\x69\x6d\x65\x69\x3a\x38\x36\x31\x32\x33\x34"  \
        "\x35\x36\x37\x38\x39\x30\x31\x32\x33\x3a\x22\x1a\x69\xa3\x81\x80\x00\x62\x68\x72\x01\x68\x62\x65"  \
        "\x61\x74\x2f\x6d\x69\x6e\x02\x18\x47\xa3\x00\x64\x73\x70\x6f\x32\x01\x61\x25\x02\x18\x61\xa3\x00"  \
        "\x64\x74\x65\x6d\x70\x01\x61\x4b\x02\xfb\x40\x73\x5c\x00\x00\x00\x00\x00"
#define CBOR_BUTTON                                                                                         \
        "\x82\xa4\x21\x68\x2f\x33\x33\x34\x37\x2f\x30\x2f\x22\x1a\x69\xa3\x81\x80\x00\x64\x35\x35\x30\x30"  \
        "\x04\xf5\xa2\x00\x64\x35\x35\x30\x31\x02\x11"
#define CBOR_SMOKE                                                                                          \
        "\x82\xa2\x00\x6b\x33\x34\x30\x37\x2f\x30\x2f\x36\x30\x34\x36\x02\x01\xa2\x00\x6b\x33\x34\x30\x37"  \
        "\x2f\x30\x2f\x36\x30\x34\x34\x02\x18\x50"
#define CBOR_MUST   "\x81\xa3\x00\x62\x68\x72\x02\x18\x47\x62\x78\x5f\x01"
#define CBOR_NESTED "\x81\xa3\x00\x62\x68\x72\x02\x18\x47\x61\x78\x82\xa1\x01\x82\x02\x03\x80"
#define CBOR_OPEN   "\x9f\xbf\x00\x62\x68\x72\x02\x18\x47\xff\xff"
#define CBOR_HALF   "\x81\xa2\x00\x62\x68\x72\x02\xf9\x54\x70"
#define CBOR_CUT    "\x81\xa2\x00\x62\x68\x72\x02\x18"
#define CBOR_LIE    "\x9b\xff\xff\xff\xff\xff\xff\xff\xff"
#define CBOR_LIEMAP "\x81\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x00"
#define CBOR_TRAIL  "\x81\xa2\x00\x62\x68\x72\x02\x18\x47\x00"
#define CBOR_DEEP                                                                                           \
        "\x81\xa1\x61\x78\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81"  \
        "\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x00"
#define CBOR_PIECES "\x81\xa1\x00\x7f\x61\x68\x61\x72\xff"
#define CBOR_NOMAP  "\x82\x01\x02"
#define CBOR_TAGGED "\x81\xa3\x00\x62\x68\x72\x02\x18\x47\x07\xc4\x82\x01\x02"

static Senml *senml;
static Event events[64];
static size_t n_events;
static char said[4096];
static bool has_alarm;
static const char *why;

static int setup(void **state)
{
        return senml_new(&senml);
}

static int teardown(void **state)
{
        senml = senml_free(senml);
        return senml != NULL;
}

/* "dev: sos; dev: hr=71; …", as profiles have it. */
static const char *read_bytes(const void *bytes, size_t n)
{
        char *exact = malloc(n ? n : 1); /* so that a sanitizer sees any step beyond */
        Str s = STR_BUFFER(said);

        assert_non_null(exact);
        memcpy(exact, bytes, n);
        said[0] = '\0';
        assert_int_not_equal(senml_sniff(exact, n), SENML_NONE);
        n_events = senml_read(senml, senml_sniff(exact, n), exact, n, "dev", &has_alarm, &why);
        assert_true(n_events <= 64);
        free(exact);
        for (size_t i = 0; i < n_events; i++) {
                Event *e = &events[i];
                char text[256];

                memset(e, 0xa5, sizeof(*e));
                (void)str_copy(e->source, sizeof(e->source), "dev");
                senml_event(senml, i, e);
                profile_event_text(e, i == 0, text, sizeof(text));
                str_add(&s, text);
        }
        assert_int_equal(has_alarm, n_events > 0 && events[0].type == EVENT_ALARM);
        return said;
}

static const char *read_json(const char *json)
{
        return read_bytes(json, strlen(json));
}

#define read_cbor(bytes) read_bytes(bytes, sizeof(bytes) - 1)

static void test_sniff(void **state)
{
        assert_int_equal(senml_sniff("[", 1), SENML_JSON);
        assert_int_equal(senml_sniff(" \n[", 3), SENML_JSON);
        assert_int_equal(senml_sniff("\x81", 1), SENML_CBOR);
        assert_int_equal(senml_sniff("\x9f", 1), SENML_CBOR);
        assert_int_equal(senml_sniff(" \x81", 2), SENML_NONE);
        assert_int_equal(senml_sniff("{}", 2), SENML_NONE);
        assert_int_equal(senml_sniff("", 0), SENML_NONE);
        assert_int_equal(senml_sniff("  ", 2), SENML_NONE);
        assert_int_equal(senml_sniff("\xa0", 1), SENML_NONE);
}

static void test_bases(void **state)
{
        assert_string_equal(
                read_json("[{\"bn\":\"urn:dev:imei:861234567890123:\",\"bt\":1772323200,\"n\":\"hr\",\"u\":"
                          "\"beat/min\",\"v\":71},{\"n\":\"spo2\",\"u\":\"%\",\"v\":97}]"),
                "dev: hr=71 spo2=97");
        assert_int_equal(events[0].device_us, 1772323200000000);
        assert_true(events[0].body_json);
        /* A base lasts until the next one; a base value is added; a base unit stands in. */
        assert_string_equal(
                read_json("[{\"bn\":\"a/\",\"bu\":\"Cel\",\"bv\":30,\"n\":\"temp\",\"v\":6.5},{\"bn\":\"b/"
                          "\",\"bv\":0,\"bu\":\"/min\",\"n\":\"hr\",\"v\":72}]"),
                "dev: hr=72 temp=36.5");
        assert_string_equal(read_json("[{\"bn\":\"hr\",\"v\":70}]"), "dev: hr=70");
        assert_string_equal(read_json("[{\"bver\":10,\"n\":\"hr\",\"v\":70}]"), "dev: hr=70");
}

static void test_times(void **state)
{
        const int64_t now = clock_now().wall_us;

        assert_string_equal(
                read_json("[{\"bt\":1772323200,\"n\":\"hr\",\"v\":3,\"t\":60},{\"n\":\"hr\",\"v\":1,\"t\":-"
                          "60},{\"n\":\"hr\",\"v\":2},{\"n\":\"spo2\",\"v\":96}]"),
                "dev: hr=1; dev: hr=2 spo2=96; dev: hr=3");
        assert_int_equal(events[0].device_us, 1772323140000000);
        assert_int_equal(events[2].device_us, 1772323260000000);
        assert_string_equal(read_json("[{\"n\":\"hr\",\"v\":1,\"t\":-120}]"), "dev: hr=1");
        if (now > 1772323200000000) { /* a machine without a clock has no relative times */
                assert_true(llabs(events[0].device_us - (now - 120000000)) < 60000000);
        }
        assert_string_equal(read_json("[{\"n\":\"hr\",\"v\":1}]"), "dev: hr=1");
        assert_int_equal(events[0].device_us, 0);
}

static void test_units(void **state)
{
        assert_string_equal(read_json("[{\"n\":\"temp\",\"u\":\"K\",\"v\":309.65}]"), "dev: temp=36.5");
        assert_string_equal(read_json("[{\"n\":\"temp\",\"u\":\"degF\",\"v\":98.6}]"), "dev: temp=37");
        assert_string_equal(read_json("[{\"n\":\"spo2\",\"u\":\"/\",\"v\":0.95}]"), "dev: spo2=95");
        assert_string_equal(
                read_json("[{\"n\":\"sys\",\"u\":\"kPa\",\"v\":16},{\"n\":\"dia\",\"u\":\"mm[Hg]\",\"v\":80}"
                          "]"),
                "dev: sys=120.009852 dia=80");
        assert_string_equal(read_json("[{\"n\":\"resp\",\"u\":\"/min\",\"v\":16}]"), "dev: resp=16");
        assert_string_equal(read_json("[{\"n\":\"hr\",\"u\":\"Hz\",\"v\":1.2}]"), "");
        assert_non_null(strstr(why, "unit"));
        assert_string_equal(read_json("[{\"n\":\"temp\",\"u\":\"Cel\",\"v\":300}]"), "");
        assert_non_null(strstr(why, "outside"));
        assert_string_equal(read_json("[{\"n\":\"hr\",\"vb\":true}]"), "");
}

static void test_alarms(void **state)
{
        assert_string_equal(
                read_json("[{\"bn\":\"urn:dev:imei:86:\",\"bt\":1772323200,\"n\":\"hr\",\"v\":150},{\"n\":"
                          "\"sos\",\"vb\":true},{\"n\":\"battery\",\"v\":64}]"),
                "dev: sos; dev: hr=150; dev: status battery=64");
        assert_string_equal(events[0].id, "sos-1772323200000000"); /* said again: the same press */
        assert_string_equal(read_json("[{\"n\":\"sos\",\"vb\":true}]"), "dev: sos");
        assert_string_equal(events[0].id, "");
        assert_string_equal(
                read_json("[{\"n\":\"sos\",\"vb\":false},{\"n\":\"hr\",\"v\":60}]"), "dev: hr=60");
        assert_string_equal(read_json("[{\"n\":\"fall\",\"v\":1}]"), "dev: fall");
        assert_string_equal(read_json("[{\"n\":\"tamper\",\"vb\":true}]"), "dev: status tamper=1");
        assert_string_equal(read_json("[{\"n\":\"sos\",\"vs\":\"true\"}]"), "");
        /* An alarm beside nonsense is an alarm. */
        assert_string_equal(
                read_json("[7,{\"n\":\"\",\"v\":1},{\"n\":\"hr\",\"v\":9999},{\"n\":\"sos\",\"vb\":true}]"),
                "dev: sos");
        assert_true(events[0].why[0]);
}

static void test_fire_clears_once(void **state)
{
        assert_string_equal(read_json("[{\"n\":\"gas\",\"vb\":false}]"),
                "dev: gas_clear"); /* may have been on before us */
        assert_string_equal(read_json("[{\"n\":\"gas\",\"vb\":false}]"), "");
        assert_string_equal(read_json("[{\"n\":\"gas\",\"vb\":true}]"), "dev: gas");
        assert_string_equal(
                read_json("[{\"n\":\"gas\",\"vb\":true}]"), "dev: gas"); /* somebody waits for its receipt */
        assert_string_equal(read_json("[{\"n\":\"gas\",\"vb\":false}]"), "dev: gas_clear");
}

static void test_ipso(void **state)
{
        assert_string_equal(
                read_json("[{\"bn\":\"/3347/0/\",\"n\":\"5500\",\"vb\":true},{\"n\":\"5501\",\"v\":17}]"),
                "dev: sos");
        assert_string_equal(events[0].id, "5501-17");
        assert_string_equal(
                read_json("[{\"n\":\"urn:dev:ow:10e2073a01080063/3347/2/5500\",\"v\":1}]"), "dev: sos");
        assert_string_equal(
                read_json("[{\"n\":\"3347/0/5501\",\"v\":18}]"), ""); /* a count alone is no press */
        assert_string_equal(
                read_json("[{\"n\":\"3407/0/6046\",\"v\":1},{\"n\":\"3407/0/6044\",\"v\":80},{\"n\":\"3407/"
                          "0/6045\",\"v\":-71}]"),
                "dev: smoke; dev: status battery=80 rssi=-71");
        assert_string_equal(read_json("[{\"n\":\"13347/0/5500\",\"vb\":true}]"), "");
        assert_string_equal(read_json("[{\"n\":\"3347/5500\",\"vb\":true}]"), "");
        assert_string_equal(read_json("[{\"n\":\"3347//5500\",\"vb\":true}]"), "");
        assert_string_equal(read_json("[{\"n\":\"3/0/9\",\"v\":55}]"), "dev: status battery=55");
        assert_string_equal(read_json("[{\"n\":\"motion\",\"vb\":true},{\"n\":\"bed\",\"vb\":false},{\"n\":"
                                      "\"water\",\"v\":2},"
                                      "{\"n\":\"lat\",\"u\":\"lat\",\"v\":34.2711},{\"n\":\"lon\",\"u\":"
                                      "\"lon\",\"v\":108.9402},"
                                      "{\"n\":\"accuracy\",\"u\":\"m\",\"v\":15}]"),
                "dev: status motion=1 bed=0 water=1 lat=34.2711 lon=108.9402 accuracy=15");
        assert_string_equal(read_json("[{\"n\":\"lat\",\"v\":34.2711},{\"n\":\"accuracy\",\"v\":-1},{\"n\":"
                                      "\"lon\",\"vb\":true}]"),
                "dev: status");
}

static void test_refused(void **state)
{
        static const char *const packs[] = {"[", "[]", "[{}]", "[{\"n\":\"hr\"}]",
                "[{\"bver\":11,\"n\":\"sos\",\"vb\":true}]", "[{\"n\":\"sos\",\"vb\":true,\"x_\":1}]",
                "[{\"n\":\"sos\",\"vb\":true,\"x_\" :1}]", "[[1]]", "[null]", "[{\"n\":\"-hr\",\"v\":1}]",
                "[{\"n\":\"h r\",\"v\":1}]", "[{\"v\":1}]", "[{\"n\":\"hr\",\"v\":\"71\"}]",
                "[{\"n\":\"hr\",\"v\":1e999}]", "[{\"n\":\"hr\",\"s\":71}]", "[{\"n\":\"hr\xff\",\"v\":1}]"};

        for (size_t i = 0; i < sizeof(packs) / sizeof(*packs); i++) {
                assert_string_equal(read_json(packs[i]), "");
                assert_true(why[0]);
        }
        assert_string_equal(read_json("[{\"n\":\"hr\",\"v\":71,\"vs\":\"x_\",\"x_y\":1}]"), "dev: hr=71");
}

static void test_cbor(void **state)
{
        assert_string_equal(read_cbor(CBOR_VITALS), "dev: hr=71 spo2=97 temp=36.6");
        assert_int_equal(events[0].device_us, 1772323200000000);
        assert_false(events[0].body_json);
        assert_string_equal(read_cbor(CBOR_BUTTON), "dev: sos");
        assert_string_equal(events[0].id, "5501-17");
        assert_string_equal(read_cbor(CBOR_SMOKE), "dev: smoke; dev: status battery=80");
        assert_string_equal(read_cbor(CBOR_NESTED), "dev: hr=71");
        assert_string_equal(read_cbor(CBOR_OPEN), "dev: hr=71");
        assert_string_equal(read_cbor(CBOR_HALF), "dev: hr=71");
        assert_string_equal(read_cbor(CBOR_TAGGED), "dev: hr=71");
}

static void test_cbor_refused(void **state)
{
        assert_string_equal(read_cbor(CBOR_MUST), "");
        assert_non_null(strstr(why, "understood"));
        assert_string_equal(read_cbor(CBOR_CUT), "");
        assert_string_equal(read_cbor(CBOR_LIE), ""); /* and nothing was allocated for it */
        assert_string_equal(read_cbor(CBOR_LIEMAP), "");
        assert_string_equal(read_cbor(CBOR_TRAIL), "");
        assert_non_null(strstr(why, "behind"));
        assert_string_equal(read_cbor(CBOR_DEEP), "");
        assert_string_equal(read_cbor(CBOR_PIECES), "");
        assert_string_equal(read_cbor(CBOR_NOMAP), "");
        assert_true(why[0]);
}

/* Every prefix of a good pack, and every byte of it turned: nothing but an answer comes of it. */
static void test_cbor_damaged(void **state)
{
        static const char good[] = CBOR_BUTTON;
        char bad[sizeof(good) - 1];

        for (size_t n = 1; n < sizeof(bad); n++)
                assert_string_equal(read_bytes(good, n), "");
        for (size_t i = 1; i < sizeof(bad); i++)
                for (unsigned bit = 0; bit < 8; bit++) {
                        memcpy(bad, good, sizeof(bad));
                        bad[i] = (char)(bad[i] ^ (1 << bit));
                        (void)read_bytes(bad, sizeof(bad));
                }
}

static void test_many_records(void **state)
{
        char *pack = malloc(LIMIT_BODY + 100);
        Str s = {.p = pack, .cap = LIMIT_BODY + 100};

        assert_non_null(pack);
        str_add(&s, "[");
        for (unsigned i = 0; i < 300; i++)
                str_addf(&s, "%s{\"n\":\"hr\",\"v\":60}", i ? "," : "");
        str_add(&s, "]");
        assert_string_equal(read_json(pack), "dev: hr=60");
        assert_non_null(strstr(why, "more records"));
        while (s.n <= LIMIT_BODY)
                str_add(&s, " ");
        assert_string_equal(read_json(pack), "");
        assert_non_null(strstr(why, "larger"));
        free(pack);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sniff),
                cmocka_unit_test(test_bases),
                cmocka_unit_test(test_times),
                cmocka_unit_test(test_units),
                cmocka_unit_test(test_alarms),
                cmocka_unit_test(test_fire_clears_once),
                cmocka_unit_test(test_ipso),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_cbor),
                cmocka_unit_test(test_cbor_refused),
                cmocka_unit_test(test_cbor_damaged),
                cmocka_unit_test(test_many_records),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
