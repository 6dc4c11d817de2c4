/* SPDX-License-Identifier: Apache-2.0 */
/* Each part that stands still is noticed, and none that has only nothing to do. */
#include "watchdog.h"

#include "tests/lib/unit.h"

static const WatchdogView before = {.turns = 5, .events = 7, .pumps = 9, .beats = 11, .resting = true};
static const WatchdogView after = {.turns = 6, .events = 7, .pumps = 10, .beats = 12, .resting = true};

static void test_quiet(void **state)
{
        assert_null(watchdog_stuck(&before, &after));
}

static void test_inbox(void **state)
{
        WatchdogView b = before, a = after;

        b.waiting = a.waiting = true;
        assert_string_equal(watchdog_stuck(&b, &a), "inbox");
        a.events++;
        assert_null(watchdog_stuck(&b, &a));
        b.waiting = false;
        a.events--; /* it has just come */
        assert_null(watchdog_stuck(&b, &a));
}

static void test_timer(void **state)
{
        WatchdogView b = before, a = after;

        a.turns = b.turns;
        assert_string_equal(watchdog_stuck(&b, &a), "timer");
        a = after;
        a.overdue = true; /* a moment ago */
        assert_null(watchdog_stuck(&b, &a));
        b.overdue = true;
        assert_string_equal(watchdog_stuck(&b, &a), "timer");
}

static void test_outbox(void **state)
{
        WatchdogView a = after;

        a.pumps = before.pumps;
        assert_string_equal(watchdog_stuck(&before, &a), "outbox");
}

static void test_store(void **state)
{
        WatchdogView b = before, a = after;

        a.beats = b.beats;
        assert_string_equal(watchdog_stuck(&b, &a), "store");
        a.resting = false; /* on the disk: degraded mode calls people */
        assert_null(watchdog_stuck(&b, &a));
        a.resting = true;
        b.resting = false; /* it has just come back */
        assert_null(watchdog_stuck(&b, &a));
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_quiet), cmocka_unit_test(test_inbox),
                cmocka_unit_test(test_timer), cmocka_unit_test(test_outbox), cmocka_unit_test(test_store)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
