/* SPDX-License-Identifier: Apache-2.0 */
/* The window of requests already seen, against a plain list; how lamps go; and the file of keys. */
#include "tests/lib/unit.h"

#include "base/cleanup.h"
#include "protocols/coap/hold.h"
#include "protocols/coap/lamp.h"
#include "protocols/coap/psk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static SeenKey key_of(uint64_t n)
{
        SeenKey key = {.port = (uint16_t)(n >> 4), .mid = (uint16_t)(n & 7), .proto = 1, .digest = n & 3};

        memcpy(key.address, &n, sizeof(n));
        return key;
}

static void every_part_counts(void **state)
{
        Window w;
        SeenKey key = key_of(77), other;

        assert_int_equal(window_init(&w, 16, 1), 0);
        (void)window_add(&w, &key, 10);
        assert_non_null(window_find(&w, &key, 10));
        other = key, other.mid++;
        assert_null(window_find(&w, &other, 10));
        other = key, other.port++;
        assert_null(window_find(&w, &other, 10));
        other = key, other.proto++;
        assert_null(window_find(&w, &other, 10));
        other = key, other.digest++;
        assert_null(window_find(&w, &other, 10));
        other = key, other.address[15]++;
        assert_null(window_find(&w, &other, 10));
        window_deinit(&w);
}

static void lasts_its_time(void **state)
{
        Window w;
        SeenKey key = key_of(1);

        assert_int_equal(window_init(&w, 16, 1), 0);
        (void)window_add(&w, &key, 1000);
        assert_non_null(window_find(&w, &key, 1000 + SEEN_US - 1));
        assert_null(window_find(&w, &key, 1000 + SEEN_US));
        assert_true(window_expire(&w, 1000 + SEEN_US - 1));
        assert_false(window_expire(&w, 1000 + SEEN_US));
        window_deinit(&w);
}

/* Random adds, forgets and expiries: the window finds exactly what a list of the newest `size` would. */
static void agrees_with_a_list(void **state)
{
        enum { SIZE = 32, STEPS = 20000 };
        struct {
                uint64_t n, at, number;
                bool gone;
        } list[STEPS];
        uint64_t random = 42, now = 1000, in_list = 0;
        Window w;

        assert_int_equal(window_init(&w, SIZE, 7), 0);
        for (unsigned step = 0; step < STEPS; step++) {
                uint64_t n = random_below(&random, 64);
                SeenKey key = key_of(n);
                bool expected = false;

                now += random_below(&random, 10) == 0 ? SEEN_US / 8 : 1;
                for (uint64_t i = in_list; i > 0 && in_list - i < SIZE; i--)
                        if (list[i - 1].n == n && !list[i - 1].gone) {
                                expected = now - list[i - 1].at < SEEN_US;
                                break;
                        }
                assert_int_equal(window_find(&w, &key, now) != NULL, expected);
                if (!expected) {
                        list[in_list].n = n;
                        list[in_list].at = now;
                        list[in_list].gone = false;
                        list[in_list].number = window_add(&w, &key, now);
                        Seen *seen = window_find(&w, &key, now);
                        seen->answer.json = malloc(8); /* the window owns it: the sanitizer would tell */
                        in_list++;
                } else if (random_below(&random, 4) == 0) {
                        for (uint64_t i = in_list; i > 0; i--)
                                if (list[i - 1].n == n && !list[i - 1].gone) {
                                        list[i - 1].gone = true;
                                        window_forget(&w, list[i - 1].number);
                                        break;
                                }
                }
                if (random_below(&random, 50) == 0)
                        (void)window_expire(&w, now);
        }
        window_deinit(&w);
}

static bool lamp_there(const Lamps *l, const char *path)
{
        coap_str_const_t uri = {.length = strlen(path), .s = (const uint8_t *)path};

        return coap_get_resource_from_uri_path(l->contexts[0], &uri) != NULL;
}

/* Idle means gone after a while, and resolved does not; reopened means there again. */
static void lamps_go(void **state)
{
        Lamps *l = calloc(1, sizeof(Lamps));

        assert_non_null(l);
        l->contexts[0] = coap_new_context(NULL);
        assert_non_null(l->contexts[0]);
        assert_true(lamps_set(l, 1, LAMP_RECEIVED, true, false, 100));
        assert_true(lamps_set(l, 2, LAMP_RECEIVED, true, false, 100));
        assert_true(lamps_set(l, 1, LAMP_RESOLVED, false, false, 200));
        assert_false(lamps_reap(l, 200 + 2 * LAMP_LINGER_US));
        assert_true(lamp_there(l, "a/1"));
        assert_true(lamps_set(l, 1, LAMP_IDLE, false, false, 300));
        assert_true(lamps_reap(l, 300 + LAMP_LINGER_US - 1));
        assert_true(lamps_set(l, 1, LAMP_RECEIVED, true, false, 400));
        assert_false(lamps_reap(l, 400 + 2 * LAMP_LINGER_US));
        assert_true(lamp_there(l, "a/1"));
        assert_true(lamps_set(l, 1, LAMP_IDLE, false, false, 500));
        assert_false(lamps_reap(l, 500 + LAMP_LINGER_US));
        assert_false(lamp_there(l, "a/1"));
        assert_true(lamp_there(l, "a/2"));
        lamps_silence(l);
        assert_false(lamp_there(l, "a/2"));
        coap_free_context(l->contexts[0]);
        free(l);
}

typedef struct KeyFile {
        char path[64];
} KeyFile;

static KeyFile key_file(const char *text, size_t n)
{
        KeyFile f = {.path = "/tmp/huying-psk-XXXXXX"};
        int fd = mkstemp(f.path);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, n), (ssize_t)n);
        close(fd);
        return f;
}

static void keys(void **state)
{
        static const char text[] = "# comment\n\nsos-101:000102030405060708090a0b0c0d0e0F\r\n"
                                   "aa:bb:cc:FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00";
        KeyFile f = key_file(text, sizeof(text) - 1);
        unsigned line;
        const char *reason;
        Psk psk;

        assert_int_equal(psk_read(&psk, f.path, &line, &reason), 0);
        assert_int_equal(psk.n, 2);
        const PskRow *row = psk_find(&psk, "sos-101");
        assert_non_null(row);
        assert_int_equal(row->key_size, 16);
        assert_int_equal(row->key[15], 15);
        row = psk_find(&psk, "aa:bb:cc");
        assert_non_null(row);
        assert_int_equal(row->key_size, 17);
        assert_null(psk_find(&psk, "aa"));
        assert_null(psk_find(&psk, ""));
        psk_deinit(&psk);
        assert_null(psk_find(&psk, "aa:bb:cc"));
        unlink(f.path);
}

static void keys_refused(void **state)
{
#define KEY "000102030405060708090a0b0c0d0e0f"
        static const struct {
                const char *text;
                unsigned line;
        } cases[] = {
                {"sos-101\n", 1},
                {"\n\n" KEY "\n", 3},
                {"sos-101:" KEY "0\n", 1},
                {"sos-101:0001\n", 1},
                {"sos-101:" KEY KEY KEY KEY KEY "\n", 1},
                {"sos-101:" KEY "gg\n", 1},
                {"sos-101: " KEY "0\n", 1},
                {"sos/101:" KEY "\n", 1},
                {":" KEY "\n", 1},
                {"# x\na:" KEY "\nb:" KEY "\na:" KEY "\n", 4},
        };
        unsigned line;
        const char *reason;
        Psk psk;

        for (unsigned i = 0; i < N_ELEMENTS(cases); i++) {
                KeyFile f = key_file(cases[i].text, strlen(cases[i].text));

                reason = NULL;
                assert_int_equal(psk_read(&psk, f.path, &line, &reason), PSK_E_INVALID);
                assert_int_equal(line, cases[i].line);
                assert_non_null(reason);
                unlink(f.path);
        }
        KeyFile nul = key_file("a\0b:" KEY "\n", 37);
        assert_int_equal(psk_read(&psk, nul.path, &line, &reason), PSK_E_INVALID);
        unlink(nul.path);
        assert_int_equal(psk_read(&psk, nul.path, &line, &reason), PSK_E_INVALID);
        assert_int_equal(line, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_part_counts),
                cmocka_unit_test(lasts_its_time),
                cmocka_unit_test(agrees_with_a_list),
                cmocka_unit_test(lamps_go),
                cmocka_unit_test(keys),
                cmocka_unit_test(keys_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
