/* SPDX-License-Identifier: Apache-2.0 */
/* The board: masked names, and whatever the registry holds it is JSON that fits. */
#include "protocols/codec/board.h"

#include "base/str.h"
#include "tests/unit/codec-test.h"

#include <string.h>

#define T 1790000000000000

static char json[BOARD_JSON_MAX];

static void test_names_are_masked(void **state)
{
        static const struct {
                const char *name, *masked;
        } rows[] = {{"王秀兰", "王*兰"}, {"李四", "李*"}, {"欧阳修远", "欧**远"}, {"王", "*"}, {"", ""},
                {NULL, ""}, {"Li Si", "L***i"}, {"\xff\xfe", ""}};
        char masked[64];

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                board_mask(rows[i].name, masked, sizeof(masked));
                assert_string_equal(masked, rows[i].masked);
        }
}

static void test_an_open_matter_on_the_wall(void **state)
{
        BoardItem item = {.view = {.id = 1042,
                                  .group = GROUP_HELP,
                                  .kind = ALARM_SOS,
                                  .priority = 1,
                                  .state = STATE_ALERTING,
                                  .tier = 2,
                                  .tiers = 5,
                                  .round = 1,
                                  .opened_us = T,
                                  .next_tier_us = T + 60000000},
                .resident = "张虚构",
                .building = "1号楼",
                .grid = "第一网格",
                .told = 3,
                .received = 2};
        BoardEcho echo = {.incident = 1041,
                .kind = "fall",
                .priority = 2,
                .outcome = "helped",
                .resident = "李示例",
                .opened_us = T,
                .accepted_us = T + 40000000,
                .resolved_us = T + 900000000};
        Board board = {.site = "demo",
                .at_us = T + 1500000,
                .seq = 88123,
                .open = 1,
                .unanswered = 1,
                .gaps = {"第二网格"},
                .n_gaps = 1,
                .since_us = T,
                .opened = 2,
                .resolved = 1,
                .accepted = 2,
                .accept_us = 50000000,
                .items = &item,
                .n_items = 1,
                .echoes = &echo,
                .n_echoes = 1};
        size_t n = 0;

        board.on_duty[ROLE_WORKER] = 2;
        assert_true(board_json(&board, json, sizeof(json), &n));
        assert_int_equal(n, strlen(json));
        assert_true(is_json(json, n));
        assert_json(json, "$.at", "1790000001.500");
        assert_json(json, "$.on_duty", "{\"worker\":2}");
        assert_json(json, "$.gaps[0]", "\"第二网格\"");
        assert_json(json, "$.figures.accept_mean", "25");
        assert_json(json, "$.items[0].name", "\"张*构\"");
        assert_json(json, "$.items[0].kind", "\"sos\"");
        assert_json(json, "$.items[0].next_tier", "1790000060.000");
        assert_json(json, "$.items[0].received", "2");
        assert_json(json, "$.items[0].owner", "");
        assert_json(json, "$.echoes[0].accept", "40");
        assert_json(json, "$.echoes[0].name", "\"李*例\"");
        assert_null(strstr(json, "张虚构"));
}

static void full_matters(BoardItem *items, BoardEcho *echoes, const char *huge)
{
        for (uint32_t i = 0; i < BOARD_ITEMS_MAX; i++)
                items[i] = (BoardItem){.view = {.id = UINT64_MAX,
                                               .group = GROUP_VITAL,
                                               .priority = 5,
                                               .state = STATE_ON_SCENE,
                                               .round = UINT32_MAX,
                                               .opened_us = T,
                                               .next_tier_us = T,
                                               .arrive_by_us = T,
                                               .handle_by_us = T,
                                               .late = true,
                                               .test = true},
                        .resident = huge,
                        .building = huge,
                        .grid = huge,
                        .owner = huge,
                        .told = UINT32_MAX,
                        .received = UINT32_MAX};
        for (uint32_t i = 0; i < BOARD_ECHOES_MAX; i++)
                echoes[i] = (BoardEcho){.incident = UINT64_MAX,
                        .kind = "inactivity",
                        .priority = 5,
                        .outcome = "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"",
                        .resident = huge,
                        .opened_us = T,
                        .accepted_us = T,
                        .resolved_us = T};
}

static void full_requests(BoardProblem *problems, BoardAnswer *answers, BoardBare *bare, const char *huge)
{
        for (uint32_t i = 0; i < BOARD_PROBLEMS_MAX; i++)
                problems[i] = (BoardProblem){.view = {.id = UINT64_MAX,
                                                     .class = CLASS_REQUEST,
                                                     .tier = 3,
                                                     .request = REQUEST_STATE_WAITING,
                                                     .open_words = true,
                                                     .opened_us = T,
                                                     .due_us = T,
                                                     .waiting_us = T},
                        .resident = huge,
                        .building = huge,
                        .grid = huge,
                        .owner = huge,
                        .text = huge};
        for (uint32_t i = 0; i < BOARD_ANSWERS_MAX; i++) {
                answers[i] = (BoardAnswer){.incident = UINT64_MAX,
                        .class = CLASS_REQUEST,
                        .tier = 3,
                        .score = 5,
                        .resident = huge,
                        .opened_us = T,
                        .resolved_us = T,
                        .closed_us = T};
                (void)str_copy(answers[i].question, sizeof(answers[i].question), huge);
                (void)str_copy(answers[i].note, sizeof(answers[i].note), huge);
        }
        for (uint32_t i = 0; i < BOARD_BARE_MAX; i++)
                bare[i] = (BoardBare){.resident = huge, .building = huge, .grid = huge};
}

static void test_a_full_board_fits(void **state)
{
        static char huge[8000];
        static BoardItem items[BOARD_ITEMS_MAX];
        static BoardEcho echoes[BOARD_ECHOES_MAX];
        static BoardProblem problems[BOARD_PROBLEMS_MAX];
        static BoardAnswer answers[BOARD_ANSWERS_MAX];
        static BoardBare bare[BOARD_BARE_MAX];
        Board board = {.site = "demo",
                .requests = UINT32_MAX,
                .problems = problems,
                .n_problems = BOARD_PROBLEMS_MAX,
                .answers = answers,
                .n_answers = BOARD_ANSWERS_MAX,
                .unprotected = UINT32_MAX,
                .bare = bare,
                .n_bare = BOARD_BARE_MAX,
                .at_us = INT64_MAX,
                .seq = UINT64_MAX,
                .degraded = true,
                .items = items,
                .n_items = BOARD_ITEMS_MAX,
                .echoes = echoes,
                .n_echoes = BOARD_ECHOES_MAX,
                .n_gaps = BOARD_GAPS_MAX};
        const char *const texts[] = {"字", "\"", "\x01", "\x7f", "\xff", "\xf0\x9f\x86\x98"};
        size_t n = 0;

        for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++) {
                size_t size = strlen(texts[t]);

                for (size_t i = 0; i + size < sizeof(huge); i += size)
                        memcpy(huge + i, texts[t], size + 1);
                for (unsigned r = 0; r < ROLE_MAX; r++)
                        board.on_duty[r] = UINT32_MAX;
                for (uint32_t i = 0; i < BOARD_GAPS_MAX; i++)
                        board.gaps[i] = huge;
                full_matters(items, echoes, huge);
                full_requests(problems, answers, bare, huge);
                assert_true(board_json(&board, json, sizeof(json), &n));
                assert_true(is_json(json, n));
                print_message("%zu of %u bytes\n", n, BOARD_JSON_MAX);
                /* With less room there is less on the wall, and it is JSON all the same. */
                assert_true(board_json(&board, json, 20000, &n));
                assert_true(n < 20000 && is_json(json, n));
                assert_json(json, "$.requests", "4294967295");
        }
        n = 7;
        assert_false(board_json(&board, json, 100, &n));
        assert_int_equal(n, 7);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names_are_masked),
                cmocka_unit_test(test_an_open_matter_on_the_wall),
                cmocka_unit_test(test_a_full_board_fits),
        };

        return cmocka_run_group_tests(tests, codec_setup, codec_teardown);
}
