/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody who was called gets to see: curves with their gaps, and what has happened in words. */
#include "protocols/codec/view.h"

#include "tests/unit/codec-test.h"

#define T 1790000100

static char json[VIEW_JSON_MAX];

static bool cell(void *userdata, uint32_t step, Vital vital, VitalsCell *ret)
{
        if (step == 2 || (vital != VITAL_HR && vital != VITAL_TEMP))
                return false; /* a gap; never measured */
        *ret = vital == VITAL_HR ? (VitalsCell){60 + step, 70.04 + step, 80 + step}
                                 : (VitalsCell){36.5, 36.55, 36.7};
        return true;
}

static void test_curves(void **state)
{
        VitalLimits limits;
        size_t n;
        VitalsView v = {.incident = 1042,
                .from_s = T,
                .to_s = T + 4 * 900,
                .step_s = 900,
                .n_steps = 4,
                .limits = &limits,
                .cell = cell};

        for (unsigned i = 0; i < VITAL_MAX; i++)
                limits.min[i] = limits.max[i] = NAN;
        limits.min[VITAL_HR] = 50;
        limits.max[VITAL_HR] = 120;
        limits.min[VITAL_SPO2] = 90;
        assert_true(vitals_json(&v, json, sizeof(json), &n));
        assert_int_equal(n, strlen(json));
        assert_string_equal(json,
                "{\"incident\":1042,\"from\":1790000100,\"to\":1790003700,\"step\":900,\"series\":{"
                "\"hr\":[[1790000100,60,70,80],[1790001000,61,71,81],[1790002800,63,73,83]],"
                "\"temp\":[[1790000100,36.5,36.6,36.7],[1790001000,36.5,36.6,36.7],[1790002800,36.5,36.6,36."
                "7]]},"
                "\"limits\":{\"hr\":[50,120],\"spo2\":[90,null]}}");
        assert_false(vitals_json(&v, json, 100, &n));
        v = (VitalsView){
                .resident = "r\"1", .from_s = 0, .to_s = 900, .step_s = 900, .hours = true, .cell = cell};
        assert_true(vitals_json(&v, json, sizeof(json), &n));
        assert_string_equal(json, "{\"resident\":\"r\\\"1\",\"from\":0,\"to\":900,\"step\":900,\"hours\":"
                                  "true,\"series\":{},\"limits\":{}}");
}

static bool row(void *userdata, uint32_t n, TimelineRow *ret)
{
        static const TimelineRow rows[] = {{.seq = 7,
                                                   .at_us = 1790000100123456,
                                                   .kind = JOURNAL_READING,
                                                   .value = 190,
                                                   .limit = 120,
                                                   .vital = "hr",
                                                   .source = "band-101",
                                                   .reason = "limit"},
                {.seq = 9,
                        .at_us = 1790000100200000,
                        .kind = JOURNAL_NOTIFIED,
                        .tier = 1,
                        .worker = "w01",
                        .worker_name = "王示例",
                        .channel = "app",
                        .value = NAN,
                        .limit = NAN},
                {.seq = 12,
                        .at_us = 1790000160000000,
                        .kind = JOURNAL_RESOLVED,
                        .worker = "w01",
                        .outcome = "helped",
                        .note = "扶起 \"无碍\"",
                        .value = NAN,
                        .limit = NAN},
                {.seq = 13,
                        .at_us = 1790000170000000,
                        .kind = JOURNAL_CLOSED,
                        .erased = true,
                        .note = "张虚构",
                        .value = NAN,
                        .limit = NAN}};

        if (n >= sizeof(rows) / sizeof(rows[0]))
                return false;
        *ret = rows[n];
        return true;
}

static void test_timeline(void **state)
{
        size_t n;

        assert_true(timeline_json(1042, true, row, NULL, json, sizeof(json), &n));
        assert_non_null(strstr(json, "{\"incident\":1042,\"more\":true,\"rows\":[{\"seq\":7,\"at\":"
                                     "1790000100.123,\"kind\":\"reading\","
                                     "\"who\":\"band-101\",\"what\":\"体征超限读数"));
        assert_non_null(strstr(json, "心率 190 次/分（限 120）"));
        assert_non_null(strstr(json, "\"who\":\"w01 王示例\",\"what\":\""));
        assert_non_null(strstr(json, "第 1 级，经 app"));
        assert_non_null(strstr(json, "备注：扶起 \\\"无碍\\\""));
        assert_non_null(strstr(json, "依法删除"));
        assert_null(strstr(json, "张虚构")); /* what was erased is not told */
        assert_false(timeline_json(1042, false, row, NULL, json, 60, &n));
        assert_true(timeline_json(1042, false, row, NULL, json, 300, &n)); /* the newest has room */
        assert_true(is_json(json, n));
        assert_non_null(strstr(json, "{\"incident\":1042,\"more\":true,\"rows\":[{\"seq\":"));
        assert_non_null(strstr(json, "{\"seq\":13,"));
        assert_null(strstr(json, "{\"seq\":7,"));
}

static bool long_row(void *userdata, uint32_t n, TimelineRow *ret)
{
        static char note[256], name[128];

        memset(note, '"', sizeof(note) - 1);
        memset(name, '\\', sizeof(name) - 1);
        *ret = (TimelineRow){.seq = n + 1,
                .kind = JOURNAL_RESOLVED,
                .worker = "w01",
                .worker_name = name,
                .note = note,
                .value = NAN,
                .limit = NAN};
        return n < 300;
}

/* The broker ends the connection of whoever sends more than its max_packet_size, and with it every call. */
static void test_a_timeline_fits_into_a_message(void **state)
{
        size_t n;

        assert_true(timeline_json(UINT64_MAX, false, long_row, NULL, json, VIEW_SHOW_MAX, &n));
        assert_true(n < VIEW_SHOW_MAX && n > VIEW_SHOW_MAX / 2);
        assert_true(is_json(json, n));
        assert_non_null(strstr(json, ",\"more\":true,"));
        assert_non_null(strstr(json, "{\"seq\":300,"));
        assert_true(VIEW_SHOW_MAX + 1024 < 65536);
}

static bool every_cell(void *userdata, uint32_t step, Vital vital, VitalsCell *ret)
{
        *ret = (VitalsCell){-3276.7, -3276.7, -3276.7};
        return true;
}

static void test_two_thousand_steps_of_everything(void **state)
{
        size_t n;

        assert_true(vitals_json(&(VitalsView){.resident = "r101",
                                        .from_s = 1790000000,
                                        .to_s = 1790000000 + 2000 * 1728,
                                        .step_s = 1728,
                                        .n_steps = 2000,
                                        .cell = every_cell},
                json, sizeof(json), &n));
        assert_true(is_json(json, n));
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_curves), cmocka_unit_test(test_timeline),
                cmocka_unit_test(test_a_timeline_fits_into_a_message),
                cmocka_unit_test(test_two_thousand_steps_of_everything)};

        return cmocka_run_group_tests(tests, codec_setup, codec_teardown);
}
