/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's day: JSON that fits, whatever the registry holds. */
#include "protocols/codec/day.h"

#include "base/str.h"
#include "tests/unit/codec-test.h"

#include <string.h>

#define T 1790000000000000

static char json[DAY_JSON_MAX];

static bool valid(size_t n)
{
        sqlite3_stmt *s = NULL;
        sqlite3 *db = NULL;
        bool good;

        assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(db, "SELECT json_valid(?1)", -1, &s, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_bind_text(s, 1, json, (int)n, SQLITE_STATIC), SQLITE_OK);
        assert_int_equal(sqlite3_step(s), SQLITE_ROW);
        good = sqlite3_column_int(s, 0);
        (void)sqlite3_finalize(s);
        (void)sqlite3_close(db);
        return good;
}

static void test_a_quiet_day(void **state)
{
        DayBed bed = {.resident = "r101",
                .name = "张虚构",
                .address = "示例路1号",
                .plan = 30,
                .done = 2,
                .seconds = 9000,
                .last_us = T};
        size_t n;

        assert_true(day_json(
                &(Day){.at_us = T, .recorded = true, .beds = &bed, .n_beds = 1}, json, sizeof(json), &n));
        assert_string_equal(json, "{\"at\":1790000000.000,\"visit\":null,\"register\":[],\"beds\":[{"
                                  "\"plan\":30,\"done\":2,\"hours\":"
                                  "2.50,\"resident\":\"r101\",\"name\":\"张虚构\",\"address\":\"示例路1号\","
                                  "\"last\":1790000000.000}]}");
        assert_int_equal(n, strlen(json));
}

static void test_too_much_is_left_out_and_said(void **state)
{
        static DayBed beds[512];
        static DayEntry entries[64];
        static const char *names[64];
        static char wild[400];
        size_t n;

        memset(wild, '"', sizeof(wild) - 1);
        for (size_t i = 0; i < 512; i++)
                beds[i] = (DayBed){.resident = wild, .name = wild, .address = wild, .plan = 1};
        for (size_t i = 0; i < 64; i++) {
                entries[i] = (DayEntry){.incident = UINT64_MAX, .state = STATE_ON_SCENE, .opened_us = T};
                (void)str_copyn(entries[i].outcome, sizeof(entries[i].outcome), wild, WORD_SIZE - 1);
                names[i] = wild;
        }
        assert_true(day_json(&(Day){.at_us = T,
                                     .visiting = true,
                                     .visited = beds[0],
                                     .beds = beds,
                                     .n_beds = 512,
                                     .entries = entries,
                                     .names = names,
                                     .addresses = names,
                                     .n_entries = 64},
                json, sizeof(json), &n));
        assert_true(n < DAY_JSON_MAX && valid(n));
        assert_non_null(strstr(json, "\"more\":"));
        assert_non_null(strstr(json, "\"recorded\":false"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_quiet_day),
                cmocka_unit_test(test_too_much_is_left_out_and_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
