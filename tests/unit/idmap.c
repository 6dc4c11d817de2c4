/* SPDX-License-Identifier: Apache-2.0 */
/* base/idmap.c against a plain array, above all what a deletion leaves behind. */
#include "base/idmap.h"

#include "tests/lib/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static void *memory_for(uint32_t n)
{
        void *memory = calloc(1, idmap_size(n));

        assert_non_null(memory);
        return memory;
}

static void test_get_set_unset(void **state)
{
        _cleanup_(freep) void *memory = memory_for(8);
        IdMap map;
        uint32_t value = 77;

        idmap_init(&map, memory, 8);
        assert_false(idmap_get(&map, 5, &value));
        assert_int_equal(value, 77);
        assert_true(idmap_set(&map, 5, 50));
        assert_true(idmap_set(&map, UINT64_MAX, 60));
        assert_true(idmap_get(&map, 5, &value));
        assert_int_equal(value, 50);
        assert_true(idmap_get(&map, UINT64_MAX, &value));
        assert_int_equal(value, 60);
        assert_true(idmap_set(&map, 5, 0)); /* 0 is a value like any other */
        assert_int_equal(map.n, 2);
        assert_true(idmap_get(&map, 5, &value));
        assert_int_equal(value, 0);
        idmap_unset(&map, 5);
        idmap_unset(&map, 5);
        idmap_unset(&map, 6);
        assert_int_equal(map.n, 1);
        assert_false(idmap_get(&map, 5, &value));
        assert_true(idmap_get(&map, UINT64_MAX, &value));
}

static void test_full(void **state)
{
        enum { N = 100 };
        _cleanup_(freep) void *memory = memory_for(N);
        IdMap map;
        uint32_t value;

        idmap_init(&map, memory, N);
        for (uint64_t key = 1; key <= N; key++)
                assert_true(idmap_set(&map, key, (uint32_t)key));
        assert_false(idmap_set(&map, N + 1, 1));
        assert_true(idmap_set(&map, N, 4242)); /* replacing needs no room */
        assert_true(idmap_get(&map, N, &value));
        assert_int_equal(value, 4242);
        assert_false(idmap_get(&map, N + 1, &value)); /* and a miss in a full map ends */
        idmap_unset(&map, 1);
        assert_true(idmap_set(&map, N + 1, 1));
}

static void test_small_sizes(void **state)
{
        for (uint32_t n = 0; n <= 9; n++) {
                _cleanup_(freep) void *memory = memory_for(n);
                IdMap map;
                uint32_t value;
                idmap_init(&map, memory, n);
                assert_true(map.mask + 1 >= 2 * n);
                for (uint64_t key = 1; key <= n; key++)
                        assert_true(idmap_set(&map, key << 32, (uint32_t)key));
                assert_false(idmap_set(&map, 12345, 0));
                for (uint64_t key = 1; key <= n; key++) {
                        assert_true(idmap_get(&map, key << 32, &value));
                        assert_int_equal(value, key);
                }
                assert_false(idmap_get(&map, 12345, &value));
        }
}

/* Runs grow, merge and wrap around the end here: the map stays full to the brim, with keys from a small
 * range. */
static void test_against_model(void **state)
{
        enum { KEYS = 300, N = 64, STEPS = 60000 };
        _cleanup_(freep) void *memory = memory_for(N);
        uint32_t model[KEYS + 1] = {0}; /* value + 1, 0 = absent */
        uint32_t n = 0, value;
        uint64_t seed = 2;
        IdMap map;

        idmap_init(&map, memory, N);
        for (unsigned step = 0; step < STEPS; step++) {
                uint64_t key = 1 + random_below(&seed, KEYS);
                if (random_below(&seed, 2)) {
                        uint32_t next = random_below(&seed, 1000);
                        bool want = model[key] || n < N;
                        assert_int_equal(idmap_set(&map, key, next), want);
                        n += want && !model[key];
                        if (want)
                                model[key] = next + 1;
                } else {
                        n -= model[key] != 0;
                        model[key] = 0;
                        idmap_unset(&map, key);
                }
                assert_int_equal(map.n, n);
                if (step % 50)
                        continue;
                for (key = 1; key <= KEYS; key++) {
                        value = UINT32_MAX;
                        assert_int_equal(idmap_get(&map, key, &value), model[key] != 0);
                        assert_int_equal(value, model[key] ? model[key] - 1 : UINT32_MAX);
                }
        }
}

/* A table that has seen everything come and go is the same as a fresh one: no tombstones. */
static void test_no_trace_of_the_dead(void **state)
{
        enum { N = 1000 };
        _cleanup_(freep) void *memory = memory_for(N);
        IdMap map;

        idmap_init(&map, memory, N);
        for (unsigned round = 0; round < 20; round++) {
                for (uint64_t i = 1; i <= N; i++)
                        assert_true(idmap_set(&map, round * 100000 + i, 1));
                for (uint64_t i = 1; i <= N; i++)
                        idmap_unset(&map, round * 100000 + i);
        }
        assert_int_equal(map.n, 0);
        for (uint32_t i = 0; i <= map.mask; i++)
                assert_int_equal(map.entries[i].key, 0);
}

static void test_mix_and_hash(void **state)
{
        uint64_t seed = 3;

        for (unsigned i = 0; i < 1000; i++)
                assert_true(idmap_mix(random_next(&seed), random_next(&seed)) != 0);
        assert_true(idmap_mix(0, 0) != 0);
        assert_true(idmap_mix(1, 2) != idmap_mix(2, 1));
        assert_true(idmap_mix(1, 2) == idmap_mix(1, 2));
        assert_true(idmap_hash("", 0) != 0);
        assert_true(idmap_hash("sos-101", 7) != idmap_hash("sos-102", 7));
        assert_true(idmap_hash("a\0", 2) != idmap_hash("a", 1));
        assert_true(idmap_hash("sos-101", 7) == idmap_hash("sos-101x", 7));
}

/* Every bit of every length counts, and so do the length and the secret; where the bytes stand does not. */
static void test_digest(void **state)
{
        unsigned char bytes[34] = {0};
        uint64_t seen[40], digest;

        for (size_t n = 0; n <= 32; n++) {
                digest = seen[n] = idmap_digest(7, bytes, n);
                for (size_t k = 0; k < n; k++)
                        assert_true(seen[k] != digest);
                assert_true(idmap_digest(8, bytes, n) != digest);
                assert_true(idmap_digest(7, bytes + 1, n) == digest);
                for (size_t bit = 0; bit < 8 * n; bit++) {
                        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
                        assert_true(idmap_digest(7, bytes, n) != digest);
                        bytes[bit / 8] = 0;
                }
        }
}

static void set_zero(void *map)
{
        (void)idmap_set(map, 0, 1);
}

static void test_key_zero_is_a_bug(void **state)
{
        _cleanup_(freep) void *memory = memory_for(4);
        IdMap map;

        idmap_init(&map, memory, 4);
        assert_int_equal(signal_of(set_zero, &map), SIGABRT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_get_set_unset),
                cmocka_unit_test(test_full),
                cmocka_unit_test(test_small_sizes),
                cmocka_unit_test(test_against_model),
                cmocka_unit_test(test_no_trace_of_the_dead),
                cmocka_unit_test(test_mix_and_hash),
                cmocka_unit_test(test_digest),
                cmocka_unit_test(test_key_zero_is_a_bug),
        };

        return cmocka_run_group_tests_name("idmap", tests, NULL, NULL);
}
