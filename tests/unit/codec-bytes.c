/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in hex and base64, and the fields in them. */
#include "protocols/codec/bytes.h"

#include "base/str.h"
#include "tests/lib/unit.h"

#include <string.h>

static void decodes(BytesForm form, const char *text, const char *hex)
{
        uint8_t bytes[BYTES_MAX];
        char out[4 * BYTES_MAX];
        Str s = STR_BUFFER(out);
        size_t n = 0;
        bool ok = bytes_decode(form, text, strlen(text), bytes, &n);

        if (!hex) {
                assert_false(ok);
                return;
        }
        assert_true(ok);
        bytes_json(&s, NULL, 0, bytes, n);
        assert_non_null(strstr(out, hex));
        assert_int_equal(n, strlen(hex) / 2);
}

static void test_hex(void **state)
{
        char long_[2 * BYTES_MAX + 3];

        decodes(BYTES_HEX, "017510FF2e01", "017510ff2e01");
        decodes(BYTES_HEX, "01 75 10", "017510");
        decodes(BYTES_HEX, "0", NULL);
        decodes(BYTES_HEX, "0 1", NULL);
        decodes(BYTES_HEX, "0g", NULL);
        decodes(BYTES_HEX, "", NULL);
        memset(long_, '0', sizeof(long_) - 1);
        long_[sizeof(long_) - 1] = '\0';
        decodes(BYTES_HEX, long_, NULL);
        long_[2 * BYTES_MAX] = '\0';
        assert_true(bytes_decode(BYTES_HEX, long_, strlen(long_), (uint8_t[BYTES_MAX]){0}, &(size_t){0}));
}

static void test_base64(void **state)
{
        char long_[BYTES_MAX / 3 * 4 + 9];

        decodes(BYTES_BASE64, "AXUQ/y4B", "017510ff2e01");
        decodes(BYTES_BASE64, "AXU=", "0175");
        decodes(BYTES_BASE64, "AQ==", "01");
        decodes(BYTES_BASE64, "+/+/", "fbffbf");
        decodes(BYTES_BASE64, "", NULL);
        decodes(BYTES_BASE64, "AXU", NULL);
        decodes(BYTES_BASE64, "AXV=", NULL); /* bits that nobody sets */
        decodes(BYTES_BASE64, "AR==", NULL);
        decodes(BYTES_BASE64, "A===", NULL);
        decodes(BYTES_BASE64, "=AXU", NULL);
        decodes(BYTES_BASE64, "AX=U", NULL);
        decodes(BYTES_BASE64, "AX-_", NULL); /* the other alphabet */
        decodes(BYTES_BASE64, "AXUQ\n/y4B", NULL);
        memset(long_, 'A', sizeof(long_) - 1);
        long_[sizeof(long_) - 1] = '\0';
        decodes(BYTES_BASE64, long_, NULL);
}

static const uint8_t sample[] = {0x01, 0x75, 0x64, 0xff, 0xfe, 0x80, 0x00, 0x7f};

static void field_is(const char *text, const char *expected)
{
        char copy[64], out[256];
        Str s = STR_BUFFER(out);
        BytesField f;

        (void)str_copy(copy, sizeof(copy), text);
        assert_null(bytes_field_parse(&f, "x", copy));
        bytes_json(&s, &f, 1, sample, sizeof(sample));
        if (!expected)
                assert_null(strstr(out, "\"x\""));
        else if (!strstr(out, expected))
                fail_msg("%s gives %s, not %s", text, out, expected);
}

static void test_fields(void **state)
{
        field_is("0 u8", "\"x\":1}");
        field_is("3 i8", "\"x\":-1}");
        field_is("0 u16", "\"x\":373}");
        field_is("0 u16le", "\"x\":29953}");
        field_is("3 i16", "\"x\":-2}");
        field_is("4 i16le", "\"x\":-32514}");
        field_is("0 u24", "\"x\":95588}");
        field_is("3 u32", "\"x\":4294868992}");
        field_is("3 i32", "\"x\":-98304}");
        field_is("-1 u8", "\"x\":127}");
        field_is("-8 u8", "\"x\":1}");
        field_is("-9 u8", NULL);
        field_is("8 u8", NULL);
        field_is("7 u16", NULL);
        field_is("after 0175 u8", "\"x\":100}");
        field_is("after 007f u8", NULL);
        field_is("after aa u8", NULL);
        field_is("0 u16 / 10", "\"x\":37.3}");
        field_is("3 i16 / -2", "\"x\":1}");
        field_is("5 bit 7", "\"x\":1}");
        field_is("4 bit 0", "\"x\":0}");
        field_is("after 01 bit 4", "\"x\":1}");
}

static void test_fields_that_are_none(void **state)
{
        static const char *const bad[] = {"", "0", "x u8", "0 u12", "0 u8be", "0 le", "0 bit", "0 bit 8",
                "0 bit x", "after u8", "after 017 u8", "after 010203040506070809 u8", "after", "1024 u8",
                "-1024 u8", "0 u8 10", "0 u8 /", "0 u8 / 0", "0 u8 / x", "0 u8 / 2 x", "0 u99999999le"};
        static const char *const names[] = {
                "", "Battery", "a-b", "length", "hex", "a23456789012345678901234567890123"};
        char copy[64];
        BytesField f;

        for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
                (void)str_copy(copy, sizeof(copy), bad[i]);
                if (!bytes_field_parse(&f, "x", copy))
                        fail_msg("%s is taken", bad[i]);
        }
        for (size_t i = 0; i < N_ELEMENTS(names); i++) {
                (void)str_copy(copy, sizeof(copy), "0 u8");
                assert_non_null(bytes_field_parse(&f, names[i], copy));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_hex),
                cmocka_unit_test(test_base64),
                cmocka_unit_test(test_fields),
                cmocka_unit_test(test_fields_that_are_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
