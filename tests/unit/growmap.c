/* SPDX-License-Identifier: Apache-2.0 */
/* base/growmap.c against a plain array, while it grows and while it is emptied. */
#include "base/growmap.h"

#include "tests/lib/unit.h"

#include <string.h>

#define KEYS 20000u

static uint32_t shadow[KEYS + 1]; /* value + 1; 0: absent */

static void check(const GrowMap *m, uint64_t key)
{
        uint32_t value = 0;

        assert_int_equal(growmap_get(m, key, &value), shadow[key] != 0);
        if (shadow[key])
                assert_int_equal(value, shadow[key] - 1);
}

static void set(GrowMap *m, uint64_t key, uint32_t value)
{
        growmap_set(m, key, value);
        shadow[key] = value + 1;
}

static void unset(GrowMap *m, uint64_t key)
{
        growmap_unset(m, key);
        shadow[key] = 0;
}

/* Changes at random, of keys that are new, that were moved, and that still stand in the old table. */
static void test_random(void **state)
{
        uint64_t random = 7;
        unsigned halves = 0;
        GrowMap m;

        memset(shadow, 0, sizeof(shadow));
        assert_int_equal(growmap_init(&m, 4), 0);
        for (uint32_t i = 0; i < 100000; i++) {
                uint64_t key;

                random = random * 6364136223846793005u + 1442695040888963407u;
                key = 1 + (random >> 33) % (1 + i % KEYS);
                if ((random >> 20) % 4 == 0)
                        unset(&m, key);
                else
                        set(&m, key, i);
                check(&m, key);
                check(&m, 1 + (random >> 40) % KEYS);
                halves += m.old.entries != NULL;
        }
        assert_true(halves > 1000); /* it was caught while it grew */
        for (uint64_t key = 1; key <= KEYS; key++)
                check(&m, key);
        for (uint64_t key = 1; key <= KEYS; key++)
                unset(&m, key);
        assert_int_equal(m.now.n + (m.old.entries ? m.old.n : 0), 0);
        growmap_deinit(&m);
}

/* What is added and nothing else: no change moves more than a few, and the old table is empty in time. */
static void test_growth(void **state)
{
        GrowMap m;

        memset(shadow, 0, sizeof(shadow));
        assert_int_equal(growmap_init(&m, 3), 0);
        for (uint64_t key = 1; key <= KEYS; key++) {
                uint32_t before = m.now.n;
                bool grown = m.now.n == m.now.n_max;

                set(&m, key, (uint32_t)key);
                assert_true(grown || m.now.n - before <= 20);
        }
        for (uint64_t key = 1; key <= KEYS; key++)
                check(&m, key);
        growmap_deinit(&m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_random), cmocka_unit_test(test_growth)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
