/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sorted.h"

#include "tests/lib/unit.h"

/* Every number that is asked for, against a look at each row. */
static void test_first(void **state)
{
        const struct {
                uint32_t number, other;
        } rows[] = {{2, 9}, {2, 8}, {5, 7}, {6, 6}, {6, 5}, {6, 4}, {UINT32_MAX, 3}};
        const uint32_t most = sizeof(rows) / sizeof(rows[0]), asked[] = {0, 1, 2, 3, 5, 6, 7, UINT32_MAX};

        for (uint32_t n = 0; n <= most; n++)
                for (size_t k = 0; k < sizeof(asked) / sizeof(asked[0]); k++) {
                        uint32_t want = 0;

                        while (want < n && rows[want].number < asked[k])
                                want++;
                        assert_int_equal(sorted_first(rows, n, sizeof(rows[0]), asked[k]), want);
                }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_first)};

        return cmocka_run_group_tests_name("sorted", tests, NULL, NULL);
}
