/* SPDX-License-Identifier: Apache-2.0 */
/* base/str.c: cutting at characters, JSON text, codes. */
#include "base/str.h"

#include "tests/lib/unit.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void test_add(void **state)
{
        char buffer[32];
        Str s = STR_BUFFER(buffer);

        str_add(&s, "");
        assert_string_equal(buffer, "");
        str_add(&s, "abc");
        str_addn(&s, "defgh", 2);
        str_addf(&s, "-%d-%s", 42, "x");
        str_add(&s, NULL);
        assert_string_equal(buffer, "abcde-42-x");
        assert_int_equal(s.n, strlen(buffer));
        assert_false(s.full);
}

static void test_exact_fit(void **state)
{
        char buffer[6];
        Str s = STR_BUFFER(buffer);

        str_add(&s, "12345");
        assert_false(s.full);
        assert_string_equal(buffer, "12345");
        str_add(&s, "");
        assert_false(s.full);
        str_add(&s, "6");
        assert_true(s.full);
        assert_string_equal(buffer, "12345");

        s = (Str)STR_BUFFER(buffer);
        str_addf(&s, "%d", 54321);
        assert_false(s.full);
        assert_string_equal(buffer, "54321");
        s = (Str)STR_BUFFER(buffer);
        str_addf(&s, "%d", 654321);
        assert_true(s.full);
        assert_string_equal(buffer, "65432");
}

/* Once cut, nothing more is added: the result is a beginning of what was wanted, never a text with a hole.
 */
static void test_full_stays_full(void **state)
{
        char buffer[4];
        Str s = STR_BUFFER(buffer);

        str_add(&s, "a呼应"); /* 1 + 3 + 3 bytes */
        assert_true(s.full);
        assert_string_equal(buffer, "a");
        str_add(&s, "b");
        str_addf(&s, "%s", "c");
        assert_string_equal(buffer, "a");
}

static void test_no_room_at_all(void **state)
{
        char buffer[1] = {'x'};
        Str none = {0}, one = STR_BUFFER(buffer);

        str_add(&none, "a");
        str_addf(&none, "%d", 1);
        assert_true(none.full);
        assert_int_equal(none.n, 0);
        str_add(&one, "a");
        assert_true(one.full);
        assert_int_equal(buffer[0], '\0');
        one = (Str)STR_BUFFER(buffer);
        str_addf(&one, "%s", "呼");
        assert_true(one.full);
        assert_int_equal(buffer[0], '\0');
}

/* Every capacity cuts every text between two characters, by add as by format. */
static void test_cut_at_characters(void **state)
{
        static const char text[] = "aé呼𠮷b应"; /* 1, 2, 3, 4, 1, 3 bytes */
        static const size_t ends[] = {0, 1, 3, 6, 10, 11, 14};

        for (size_t cap = 1; cap <= sizeof text + 1; cap++) {
                char buffer[32];
                size_t want = 0;
                for (size_t i = 0; i < N_ELEMENTS(ends); i++)
                        if (ends[i] <= cap - 1)
                                want = ends[i];
                Str s = {.p = buffer, .cap = cap};
                str_add(&s, text);
                assert_int_equal(s.n, want);
                assert_int_equal(strlen(buffer), want);
                assert_int_equal(s.full, want < sizeof text - 1);
                s = (Str){.p = buffer, .cap = cap};
                str_addf(&s, "%s", text);
                assert_int_equal(s.n, want);
                assert_int_equal(strlen(buffer), want);
                assert_int_equal(s.full, want < sizeof text - 1);
                assert_int_equal(str_copy(buffer, cap, text), want == sizeof text - 1);
                assert_int_equal(strlen(buffer), want);
                assert_memory_equal(buffer, text, want);
        }
}

static void test_cut_of_broken_text(void **state)
{
        char buffer[8];

        /* nothing but continuation bytes: cut somewhere, but cut, and stay in the buffer */
        assert_false(str_copy(buffer, sizeof buffer, "\x80\x80\x80\x80\x80\x80\x80\x80\x80"));
        assert_true(strlen(buffer) <= 7);
        Str s = STR_BUFFER(buffer);
        str_addf(&s, "%s", "\x80\x80\x80\x80\x80\x80\x80\x80\x80");
        assert_true(s.full);
        assert_int_equal(strlen(buffer), s.n);
        assert_true(s.n <= 7);
}

static void test_copyn(void **state)
{
        char buffer[8];

        assert_true(str_copyn(buffer, sizeof buffer, "abcdef", 3));
        assert_string_equal(buffer, "abc");
        assert_true(str_copyn(buffer, sizeof buffer, "1234567", 7));
        assert_string_equal(buffer, "1234567");
        assert_false(str_copyn(buffer, sizeof buffer, "12345678", 8));
        assert_string_equal(buffer, "1234567");
        assert_true(str_copyn(buffer, sizeof buffer, NULL, 0));
        assert_string_equal(buffer, "");
        /* an id that hides something behind a NUL is not the id before it */
        assert_false(str_copyn(buffer, sizeof buffer, "ab\0cd", 5));
        assert_string_equal(buffer, "ab");
}

static const char *json_of(const char *text, size_t n)
{
        static char buffer[256];
        Str s = STR_BUFFER(buffer);

        str_jsonn(&s, text, n);
        assert_false(s.full);
        return buffer;
}

static void test_json(void **state)
{
        char buffer[64];
        Str s = STR_BUFFER(buffer);

        assert_string_equal(json_of("", 0), "\"\"");
        assert_string_equal(json_of("a\"b\\c/d", 7), "\"a\\\"b\\\\c/d\"");
        assert_string_equal(json_of("张虚构", 9), "\"张虚构\"");
        assert_string_equal(json_of("a\nb\tc\x01\x1f\x7f", 8), "\"a\\nb\\u0009c\\u0001\\u001f\\u007f\"");
        assert_string_equal(json_of("a\0b", 3), "\"a\\u0000b\"");
        assert_string_equal(json_of("𠮷", 4), "\"𠮷\"");
        str_json(&s, NULL);
        str_add(&s, ",");
        str_json(&s, "x");
        assert_string_equal(buffer, "null,\"x\"");
}

#define BAD "\xef\xbf\xbd"

static void test_json_of_broken_text(void **state)
{
        assert_string_equal(json_of("\xff", 1), "\"" BAD "\"");
        assert_string_equal(json_of("a\x80z", 3), "\"a" BAD "z\"");
        assert_string_equal(json_of("\xc0\x80", 2), "\"" BAD BAD "\"");         /* overlong NUL */
        assert_string_equal(json_of("\xed\xa0\x80", 3), "\"" BAD BAD BAD "\""); /* surrogate */
        assert_string_equal(json_of("\xe5\x91", 2), "\"" BAD BAD "\"");         /* cut short */
        assert_string_equal(
                json_of("\xe5\x91\"", 3), "\"" BAD BAD "\\\"\""); /* the quote is not swallowed */
}

static void test_json_full(void **state)
{
        for (size_t cap = 1; cap < 16; cap++) {
                char buffer[16];
                Str s = {.p = buffer, .cap = cap};
                str_json(&s, "呼应\"应");
                assert_int_equal(s.full, cap < 14); /* 9 bytes, an escaped quote, two quotes, NUL */
                assert_int_equal(strlen(buffer), s.n);
                assert_true(str_utf8(buffer, s.n));
        }
}

/* What is plain is written in one go, when it fits with its quotes and NUL. */
static void test_json_plain_full(void **state)
{
        for (size_t cap = 1; cap < 12; cap++) {
                char buffer[12];
                Str s = {.p = buffer, .cap = cap};
                str_json(&s, "abc-123");
                assert_int_equal(s.full, cap < 10);
                assert_int_equal(strlen(buffer), s.n);
                assert_memory_equal(buffer, "\"abc-123\"", s.n);
                str_json(&s, "");
                assert_int_equal(s.full, cap < 12);
                assert_int_equal(strlen(buffer), s.n);
        }
}

static void assert_number(double value, const char *want)
{
        char buffer[512];
        Str s = STR_BUFFER(buffer);

        str_number(&s, value);
        assert_string_equal(buffer, want);
}

static void test_number(void **state)
{
        assert_number(0, "0");
        assert_number(-0.0, "0");
        assert_number(36.6, "36.6");
        assert_number(-36.6, "-36.6");
        assert_number(72, "72");
        assert_number(0.1, "0.1");
        assert_number(0.000001, "0.000001");
        assert_number(0.0000001, "0");
        assert_number(-0.0000001, "0");
        assert_number(-0.5, "-0.5");
        assert_number(0.9999999, "1");
        assert_number(-1.9999999, "-2");
        assert_number(1.050, "1.05");
        assert_number(1795835000.25, "1795835000.25");
        assert_number(9007199254740993.0, "9007199254740992");
        assert_number(1e22, "10000000000000000000000");
        assert_number(NAN, "null");
        assert_number(INFINITY, "null");
        assert_number(-INFINITY, "null");
}

static void test_number_ignores_the_locale(void **state)
{
        /* where the machine has no such locale the C locale stays, and the test says nothing new */
        (void)setlocale(LC_ALL, "de_DE.UTF-8");
        assert_number(36.6, "36.6");
        assert_number(1234567.25, "1234567.25");
        (void)setlocale(LC_ALL, "C");
}

static void test_equal_starts(void **state)
{
        assert_true(str_equal("a", "a"));
        assert_false(str_equal("a", "ab"));
        assert_false(str_equal(NULL, ""));
        assert_true(str_equal(NULL, NULL));
        assert_true(str_starts("huying/demo", "huying/"));
        assert_true(str_starts("x", ""));
        assert_false(str_starts("hu", "huying/"));
        assert_false(str_starts("", "h"));
}

static void test_utf8(void **state)
{
        static const struct {
                const char *text;
                bool valid;
        } cases[] = {
                {"", true},
                {"plain", true},
                {"呼应", true},
                {"\x7f", true},
                {"\xc2\x80", true},          /* U+0080, the first of two bytes */
                {"\xdf\xbf", true},          /* U+07FF */
                {"\xe0\xa0\x80", true},      /* U+0800 */
                {"\xed\x9f\xbf", true},      /* U+D7FF */
                {"\xee\x80\x80", true},      /* U+E000 */
                {"\xef\xbf\xbf", true},      /* U+FFFF */
                {"\xf0\x90\x80\x80", true},  /* U+10000 */
                {"\xf4\x8f\xbf\xbf", true},  /* U+10FFFF */
                {"\x80", false},             /* alone */
                {"\xc1\xbf", false},         /* overlong */
                {"\xe0\x9f\xbf", false},     /* overlong */
                {"\xf0\x8f\xbf\xbf", false}, /* overlong */
                {"\xed\xa0\x80", false},     /* U+D800 */
                {"\xed\xbf\xbf", false},     /* U+DFFF */
                {"\xf4\x90\x80\x80", false}, /* U+110000 */
                {"\xf5\x80\x80\x80", false},
                {"\xfe", false},
                {"\xc2", false},
                {"\xe5\x91", false},
                {"\xf0\xa0\xae", false},
                {"a\xe5\x91z", false},
                {"\xc2\xc2\x80", false},
        };

        for (size_t i = 0; i < N_ELEMENTS(cases); i++)
                if (str_utf8(cases[i].text, strlen(cases[i].text)) != cases[i].valid)
                        fail_msg("case %zu", i);
        assert_false(str_utf8("a\0b", 3));
        assert_true(str_utf8("\xe5\x91\xbc\xe5", 3)); /* only n bytes are looked at */
}

static void test_code(void **state)
{
        static const char *const good[] = {
                "w01", "sos-101", "g1", "a.b:c_d", "A", "楼栋3", "00:11:22:33:44:55"};
        static const char *const bad[] = {"", "a b", "a/b", "+", "#", "a\"b", "a\\b", "a\tb", "a\n", "\x7f",
                "a,b", "\xff", "a'b", "<a>"};
        char text[65];

        for (size_t i = 0; i < N_ELEMENTS(good); i++)
                if (!str_code(good[i]))
                        fail_msg("%s", good[i]);
        for (size_t i = 0; i < N_ELEMENTS(bad); i++)
                if (str_code(bad[i]))
                        fail_msg("%s", bad[i]);
        assert_false(str_code(NULL));
        memset(text, 'x', sizeof text);
        text[63] = '\0';
        assert_true(str_code(text));
        text[63] = 'x';
        text[64] = '\0';
        assert_false(str_code(text));
}

static void test_base64(void **state)
{
        /* RFC 4648 section 10 */
        static const char *const cases[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"},
                {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
        char text[16];

        for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
                size_t n = strlen(cases[i][0]), want = strlen(cases[i][1]);
                assert_true(str_base64(cases[i][0], n, text, want + 1));
                assert_string_equal(text, cases[i][1]);
                assert_false(str_base64(cases[i][0], n, text, want));
        }
        assert_true(str_base64("\xff\xfe\xfb\x00", 4, text, sizeof text));
        assert_string_equal(text, "//77AA==");
        assert_false(str_base64("x", SIZE_MAX, text, sizeof text));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_add),
                cmocka_unit_test(test_exact_fit),
                cmocka_unit_test(test_full_stays_full),
                cmocka_unit_test(test_no_room_at_all),
                cmocka_unit_test(test_cut_at_characters),
                cmocka_unit_test(test_cut_of_broken_text),
                cmocka_unit_test(test_copyn),
                cmocka_unit_test(test_json),
                cmocka_unit_test(test_json_of_broken_text),
                cmocka_unit_test(test_json_full),
                cmocka_unit_test(test_json_plain_full),
                cmocka_unit_test(test_number),
                cmocka_unit_test(test_number_ignores_the_locale),
                cmocka_unit_test(test_equal_starts),
                cmocka_unit_test(test_utf8),
                cmocka_unit_test(test_code),
                cmocka_unit_test(test_base64),
        };

        return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
