/* SPDX-License-Identifier: Apache-2.0 */
/* What the loop remembers of a person's readings: ten minutes, whatever the beat, and nothing that is older. */
#include "recent.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "tests/lib/unit.h"

#define T 1795867200ll

static void add(Recent *r, uint32_t resident, int64_t t_s, double hr)
{
        recent_add(r, resident, t_s * (int64_t)USEC_PER_SEC, t_s * (int64_t)USEC_PER_SEC,
                &(VitalsEvent){.has = 1u << VITAL_HR, .value = {hr}});
}

static const char *said(const Recent *r, uint32_t resident, int64_t t_s)
{
        static char json[2048];
        Str s = STR_BUFFER(json);

        json[0] = 0;
        if (!recent_json(r, resident, t_s * (int64_t)USEC_PER_SEC, &s))
                return NULL;
        assert_false(s.full);
        return json;
}

static void test_ten_minutes(void **state)
{
        Recent *r = recent_new();

        assert_null(said(r, 1, T));
        add(r, 1, T, 71);
        recent_add(r, 1, (T + 30) * (int64_t)USEC_PER_SEC, (T + 30) * (int64_t)USEC_PER_SEC,
                &(VitalsEvent){.has = 1u << VITAL_HR | 1u << VITAL_TEMP, .value = {72.5, 0, 0, 0, 36.6}});
        recent_add(r, 1, (T + 60) * (int64_t)USEC_PER_SEC, (T + 60) * (int64_t)USEC_PER_SEC,
                &(VitalsEvent){.has = 1u << VITAL_HR | 1u << VITAL_TEMP, .value = {NAN, 0, 0, 0, 36.7}});
        assert_string_equal(
                said(r, 1, T + 60), "{\"t\":[-60,-30,0],\"hr\":[71,72.5,null],\"temp\":[null,36.6,36.7]}");
        assert_null(said(r, 2, T + 60));
        assert_null(said(r, 1, T + 3600)); /* long ago */
        assert_string_equal(
                said(r, 1, T + 660), "{\"t\":[-630,-600],\"hr\":[72.5,null],\"temp\":[36.6,36.7]}");
        for (int i = 0; i < 100; i++)
                add(r, 1, T + 1000 + 30 * i, 100 + i);
        assert_non_null(strstr(said(r, 1, T + 1000 + 30 * 99), "{\"t\":[-570,"));
        assert_non_null(strstr(said(r, 1, T + 1000 + 30 * 99), ",199]}"));
        recent_free(r);
}

/* One a second has its ten minutes too, thinned out; the newest is always the newest. */
static void test_fast(void **state)
{
        Recent *r = recent_new();
        const char *json;

        for (int i = 0; i < 2000; i++)
                add(r, 7, T + i, 60 + i % 2);
        json = said(r, 7, T + 1999);
        assert_non_null(strstr(json, ",0],\"hr\":["));
        assert_true(strncmp(json, "{\"t\":[-1", 8) == 0 || strncmp(json, "{\"t\":[-2", 8) == 0 ||
                    strncmp(json, "{\"t\":[-3", 8) == 0);
        recent_free(r);
}

/* A clock that goes back begins again; a reading that comes late changes nothing. */
static void test_backwards(void **state)
{
        Recent *r = recent_new();

        add(r, 1, T, 70);
        add(r, 1, T + 60, 71);
        add(r, 1, T + 30, 99);
        recent_add(r, 1, (T - 7200) * (int64_t)USEC_PER_SEC, (T + 60) * (int64_t)USEC_PER_SEC,
                &(VitalsEvent){.has = 1u << VITAL_HR, .value = {98}}); /* kept for two hours */
        assert_string_equal(said(r, 1, T + 60), "{\"t\":[-60,0],\"hr\":[70,71]}");
        add(r, 1, T - 86400, 50);
        assert_string_equal(said(r, 1, T - 86400), "{\"t\":[0],\"hr\":[50]}");
        add(r, 0, T, 70);
        add(r, UINT32_MAX, T, 70);
        assert_null(said(r, 0, T));
        assert_null(said(r, UINT32_MAX, T));
        recent_free(r);
}

static void test_erased(void **state)
{
        Recent *r = recent_new();

        add(r, 1, T, 70);
        add(r, 2, T, 71);
        recent_forget(r, 1);
        recent_forget(r, 1);
        recent_forget(r, 0);
        recent_forget(r, UINT32_MAX);
        assert_null(said(r, 1, T));
        assert_non_null(said(r, 2, T));
        add(r, 1, T + 1, 72);
        assert_string_equal(said(r, 1, T + 1), "{\"t\":[0],\"hr\":[72]}");
        recent_free(r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_ten_minutes), cmocka_unit_test(test_fast),
                cmocka_unit_test(test_backwards), cmocka_unit_test(test_erased)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
