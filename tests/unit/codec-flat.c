/* SPDX-License-Identifier: Apache-2.0 */
/* Plain messages, which SQLite does not see: what is read of them, what is left to it, and that both say the same. */
#include "codec-test.h"
#include "protocols/codec/flat.h"
#include "tests/lib/twin.h"
#include "tests/lib/unit.h"

#define ROUNDS 8000

static const char *const paths[] = {"$.a", "$.ab", "$.b", NULL};
static Flat flat;

static bool reads(const char *text)
{
        return flat_read(&flat, text, strlen(text), paths);
}

static void test_values(void **state)
{
        static const struct {
                const char *text;
                ValueType type;
                double number;
                const char *string;
        } cases[] = {
                {"{\"a\":72}", VALUE_INTEGER, 72, NULL},
                {" {\t\"x\" : null ,\r\n\"a\" : -72 } ", VALUE_INTEGER, -72, NULL},
                {"{\"a\":0}", VALUE_INTEGER, 0, NULL},
                {"{\"a\":123456789012345678}", VALUE_INTEGER, 123456789012345678., NULL},
                {"{\"a\":36.6}", VALUE_REAL, 36.6, NULL},
                {"{\"a\":-0.5}", VALUE_REAL, -0.5, NULL},
                {"{\"a\":1764323044.123456}", VALUE_REAL, 1764323044.123456, NULL},
                {"{\"a\":0.000000000000001}", VALUE_REAL, 1e-15, NULL},
                {"{\"a\":true}", VALUE_TRUE, 0, NULL},
                {"{\"a\":false}", VALUE_FALSE, 0, NULL},
                {"{\"a\":null}", VALUE_NULL, 0, NULL},
                {"{\"a\":\"\"}", VALUE_TEXT, 0, ""},
                {"{\"a\":\"张虚构 e-17\"}", VALUE_TEXT, 0, "张虚构 e-17"},
                {"{\"a\":1,\"a\":2}", VALUE_INTEGER, 1, NULL},
                {"{}", VALUE_ABSENT, 0, NULL},
                {"{\"\":1,\"A\":2,\"aa\":3,\"a \":4}", VALUE_ABSENT, 0, NULL},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                const FlatValue *v = &flat.values[0];

                print_message("%s\n", cases[i].text);
                assert_true(reads(cases[i].text));
                assert_int_equal(v->type, cases[i].type);
                if (v->type == VALUE_INTEGER || v->type == VALUE_REAL)
                        assert_true(v->number == cases[i].number);
                if (v->type == VALUE_INTEGER) {
                        assert_false(v->large);
                        assert_true((double)v->integer == cases[i].number);
                }
                if (v->type == VALUE_TEXT) {
                        assert_string_equal(v->text, cases[i].string);
                        assert_int_equal(v->size, strlen(cases[i].string));
                }
        }
        assert_true(reads("{\"b\":\"two\",\"ab\":\"one\"}"));
        assert_int_equal(flat.values[0].type, VALUE_ABSENT);
        assert_string_equal(flat.values[1].text, "one");
        assert_string_equal(flat.values[2].text, "two");
}

/* No JSON, or none that is plain: SQLite's. */
static void test_left(void **state)
{
        static const char *const texts[] = {"", " ", "{", "}", "[]", "[{}]", "72", "null", "{}x", "{} {}",
                "{,}", "{\"a\":1,}", "{\"a\":1 \"b\":2}", "{\"a\" 1}", "{\"a\":}", "{\"a\":1", "{\"a",
                "{\"a\"", "{\"a\":", "{a:1}", "{1:1}", "{[\"a\"]:1}", "{\"a\":[1]}", "{\"a\":{}}",
                "{\"x\":{\"a\":1}}", "{\"a\":01}", "{\"a\":-}", "{\"a\":-01}", "{\"a\":+1}", "{\"a\":.5}",
                "{\"a\":1.}", "{\"a\":1.e1}", "{\"a\":1e1}", "{\"a\":1.5E+1}", "{\"a\":1234567890123456789}",
                "{\"a\":0.0000000000000001}", "{\"a\":9007199254740993.5}", "{\"a\":1e999}", "{\"a\":NaN}",
                "{\"a\":Infinity}", "{\"a\":0x10}", "{\"a\":tru}", "{\"a\":truex}", "{\"a\":True}",
                "{\"a\":nul", "{\"a\":\"\\u0061\"}", "{\"\\u0061\":1}", "{\"a\":\"\t\"}", "{\"a\":\"\x01\"}",
                "{\"a\":\"b}", "{\"a\":'b'}", "\xef\xbb\xbf{}"};

        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
                print_message("%s\n", texts[i]);
                assert_false(reads(texts[i]));
        }
}

/* One string that fills the longest body. */
static void test_longest(void **state)
{
        char *text = malloc(LIMIT_BODY);
        size_t n = LIMIT_BODY - sizeof("{\"a\":\"\"}") + 1;

        assert_non_null(text);
        memset(text, 'x', LIMIT_BODY);
        memcpy(text, "{\"a\":\"", 6);
        memcpy(text + LIMIT_BODY - 2, "\"}", 2);
        assert_true(flat_read(&flat, text, LIMIT_BODY, paths));
        assert_int_equal(flat.values[0].size, n);
        assert_int_equal(strlen(flat.values[0].text), n);
        free(text);
}

static void test_arrays(void **state)
{
        static const char *const left[] = {"", "[", "]", "{}", "[1]", "[[]]", "[{}", "[{},]", "[,{}]",
                "[{} {}]", "[{}]x", "[{},{\"a\":[1]}]", "[{},{\"\\u0061\":1}]", "[{\"a\":1e1}]",
                "[{},\"a\"]", "[null]"};
        const char *text = " [ {\"a\":1,\"b\":\"x\"} , {} ,{\"ab\":\"y\",\"other\":\"z\"}]\r\n";
        FlatArray array;

        assert_true(flat_array(&flat, text, strlen(text), &array));
        assert_true(flat_next(&flat, &array, paths));
        assert_int_equal(flat.values[0].integer, 1);
        assert_string_equal(flat.values[2].text, "x");
        assert_int_equal(flat.others, 0);
        assert_true(flat_next(&flat, &array, paths));
        for (size_t i = 0; paths[i]; i++)
                assert_int_equal(flat.values[i].type, VALUE_ABSENT);
        assert_true(flat_next(&flat, &array, paths));
        assert_string_equal(flat.values[1].text, "y");
        assert_int_equal(flat.others, 1);
        assert_false(flat_next(&flat, &array, paths));
        assert_false(flat_next(&flat, &array, paths));
        assert_true(flat_array(&flat, "[ ]", 3, &array));
        assert_false(flat_next(&flat, &array, paths));
        for (size_t i = 0; i < sizeof(left) / sizeof(*left); i++) {
                print_message("%s\n", left[i]);
                assert_false(flat_array(&flat, left[i], strlen(left[i]), &array));
        }
}

static void read_alarm(Codec *c, Event *e)
{
        codec_read_alarm(c, e, "smoke");
}

typedef struct Reader {
        void (*read)(Codec *, Event *);
        const char *names[16];
} Reader;

static const Reader readers[] = {
        {codec_read_vitals,
                {"hr", "spo2", "sys", "dia", "temp", "resp", "ts", "lat", "lon", "motion", "bed"}},
        {codec_read_status, {"battery", "rssi", "mains", "worn", "tamper", "ts", "door", "water"}},
        {read_alarm, {"id", "kind", "ts", "text", "lat", "lon", "accuracy", "motion"}},
        {codec_read_action, {"nonce", "action", "incident", "seq", "eta", "note", "proof", "ts", "resident",
                                    "for", "rating", "class", "score", "public", "text", "mode"}},
};

static const char *const values[] = {"0", "1", "72", "97", "-3", "-0", "36.6", "36.60", "128.25", "1042",
        "00", "1.", "0.1", "35.999999999999999", "1764323044", "1764323044.123456", "1764323044123",
        "123456789012345678", "1234567890123456789", "18446744073709551615", "99999999999999999999", "7.2e1",
        "1e999", "-1.5e-3", "true", "false", "null", "\"\"", "\"e-17\"", "\"sos\"", "\"fall\"",
        "\"request\"", "\"accept\"", "\"away\"", "\"open\"", "\"in\"", "\"yes\"", "\"1042\"", "\" 买菜 \"",
        "\"a\\nb\"", "\"\\ud800\"", "\"\\u0000\"", "\"\x7f\"", "[1,2]", "{\"a\":1}", "[]", "tru", "-",
        "\"x"};

static void blank(Str *s, uint64_t *seed)
{
        static const char *const blanks[] = {"", "", "", "", " ", "\n", "\t ", "\r\n"};

        str_add(s, blanks[random_below(seed, N_ELEMENTS(blanks))]);
}

static void random_body(Str *s, const Reader *r, uint64_t *seed)
{
        uint32_t n = random_below(seed, 7), names = 0;

        while (names < N_ELEMENTS(r->names) && r->names[names])
                names++;
        blank(s, seed);
        str_add(s, "{");
        for (uint32_t i = 0; i < n; i++) {
                blank(s, seed);
                str_addf(s, "%s\"%s\"", i > 0 ? "," : "",
                        random_below(seed, 8) ? r->names[random_below(seed, names)] : "other");
                blank(s, seed);
                str_add(s, ":");
                blank(s, seed);
                str_add(s, values[random_below(seed, random_below(seed, 4) ? 38 : N_ELEMENTS(values))]);
                blank(s, seed);
        }
        str_add(s, "}");
        blank(s, seed);
        if (random_below(seed, 8) == 0 && s->n > 0) /* a byte that fell over */
                s->p[random_below(seed, (uint32_t)s->n)] = "{}[]\",:0-. x\\"[random_below(seed, 13)];
}

static void test_twins(void **state)
{
        uint64_t seed = 20261128;
        unsigned plain = 0;

        for (unsigned i = 0; i < ROUNDS; i++) {
                const Reader *r = &readers[i % N_ELEMENTS(readers)];
                char body[1024];
                Str s = STR_BUFFER(body);
                Event a, b;
                size_t n;
                char *twin;

                random_body(&s, r, &seed);
                assert_false(s.full);
                twin = twin_of(body, s.n, &n);
                if (!twin)
                        continue;
                a = event_of(body, s.n);
                b = event_of(twin, n);
                r->read(codec, &a);
                r->read(codec, &b);
                if (!twin_equal(&a, &b))
                        fail_msg("%s", body);
                plain += reads(body);
                event_done(&a);
                event_done(&b);
                free(twin);
        }
        print_message("%u of %u plain\n", plain, ROUNDS);
        assert_true(plain > ROUNDS / 5 && plain < ROUNDS * 4 / 5); /* both ways were gone */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_values),
                cmocka_unit_test(test_left),
                cmocka_unit_test(test_longest),
                cmocka_unit_test(test_arrays),
                cmocka_unit_test(test_twins),
        };

        return cmocka_run_group_tests(tests, codec_setup, codec_teardown);
}
