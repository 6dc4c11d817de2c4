/* SPDX-License-Identifier: Apache-2.0 */
/* What alerts and replies say of a request: every state, class and level, and the longest words that people write. */
#include "codec-test.h"

#define S 1000000ll
#define T (1790000000 * S)

static char json[NOTICE_JSON_MAX], line[NOTICE_TEXT_MAX];

static IncidentView view_request(void)
{
        return (IncidentView){.id = 1042,
                .last_seq = 88123,
                .group = GROUP_REQUEST,
                .class = CLASS_REQUEST,
                .kind = ALARM_REQUEST,
                .priority = 5,
                .state = STATE_ALERTING,
                .request = REQUEST_STATE_OPEN,
                .tier = 1,
                .tiers = 3,
                .round = 1,
                .presses = 1,
                .source = "band-101",
                .word = "request",
                .opened_us = T};
}

static NoticeContext context_request(void)
{
        return (NoticeContext){.site = "demo",
                .resident = "张虚构",
                .building = "1号楼",
                .worker_code = "w01",
                .owner_name = "李示例",
                .recorded = true,
                .needs = "accept",
                .now_us = T + 3600 * S,
                .notice_seq = 88130};
}

static void alert(const IncidentView *view, const NoticeContext *context)
{
        size_t n = 0;

        assert_true(notice_json(view, context, json, sizeof(json), &n));
        assert_int_equal(n, strlen(json));
        assert_true(is_json(json, n));
        assert_null(strchr(json, '\n'));
        assert_true(notice_text(view, context, line, sizeof(line)));
        assert_true(str_utf8(line, strlen(line)));
}

static void test_what_is_known(void **state)
{
        IncidentView view = view_request();
        NoticeContext context = context_request();

        alert(&view, &context);
        assert_json(json, "$.request",
                "{\"class\":\"easy\",\"state\":\"open\",\"level\":\"community\",\"by\":\"device\","
                "\"overdue\":false,"
                "\"public\":false}");
        context.words.text = ""; /* nothing was said */
        alert(&view, &context);
        assert_json(json, "$.request.text", "");
        view.class = CLASS_REQUEST_HARD;
        view.request = REQUEST_STATE_WAITING;
        view.tier = 3;
        view.by_desk = view.overdue = view.open_words = true;
        view.due_us = T + 7 * S;
        view.waiting_us = T + 5 * S + 500000;
        view.rating = 2;
        context.words = (NoticeWords){"水龙头漏水", "等\t配\"件\"\x7f", "电力\\公司", "换了\n垫片"};
        alert(&view, &context);
        assert_json(json, "$.request",
                "{\"class\":\"hard\",\"state\":\"waiting\",\"level\":\"district\",\"by\":\"desk\",\"due\":"
                "1790000007,"
                "\"waiting_until\":1790000005.5,\"rating\":2,\"overdue\":true,\"public\":true,\"text\":"
                "\"水龙头漏水\","
                "\"evidence\":\"等 配\\\"件\\\" \",\"reason\":\"电力\\\\公司\",\"note\":\"换了 垫片\"}");
        view.group = GROUP_HELP; /* an alarm has none */
        view.request = REQUEST_STATE_NONE;
        alert(&view, &context);
        assert_json(json, "$.request", "");
        assert_null(strstr(line, "水龙头"));
}

/* Each of the wire's words, and a line that says it in Chinese. */
static void test_words_of_the_wire(void **state)
{
        static const struct {
                RequestState request;
                State state;
                const char *word, *chinese;
        } states[] = {{REQUEST_STATE_OPEN, STATE_ALERTING, "\"open\"", "待受理"},
                {REQUEST_STATE_ASSIGNED, STATE_ACCEPTED, "\"assigned\"", "已指派 李示例"},
                {REQUEST_STATE_IN_PROGRESS, STATE_ON_SCENE, "\"in_progress\"", "办理中 李示例"},
                {REQUEST_STATE_WAITING, STATE_ACCEPTED, "\"waiting\"", "等待中 李示例"},
                {REQUEST_STATE_DONE, STATE_RESOLVED, "\"done\"", "已办完待回访"},
                {REQUEST_STATE_RATED, STATE_CLOSED, "\"rated\"", "已评价"},
                {REQUEST_STATE_NOT_ACCEPTED, STATE_CLOSED, "\"not_accepted\"", "不受理"}};
        static const struct {
                Class class;
                const char *word;
        } classes[] = {{CLASS_REQUEST, "\"easy\""}, {CLASS_REQUEST_KEY, "\"key\""},
                {CLASS_REQUEST_HARD, "\"hard\""}};
        static const char *const levels[] = {"\"community\"", "\"street\"", "\"district\""};
        IncidentView view = view_request();
        NoticeContext context = context_request();
        uint32_t seen = 0;

        for (size_t s = 0; s < sizeof(states) / sizeof(*states); s++)
                for (size_t c = 0; c < 3; c++)
                        for (uint8_t tier = 1; tier <= 3; tier++) {
                                view.request = states[s].request;
                                view.state = states[s].state;
                                view.class = classes[c].class;
                                view.tier = tier;
                                seen |= 1u << view.request;
                                alert(&view, &context);
                                assert_json(json, "$.request.state", states[s].word);
                                assert_json(json, "$.request.class", classes[c].word);
                                assert_json(json, "$.request.level", levels[tier - 1]);
                                assert_non_null(strstr(line, states[s].chinese));
                        }
        assert_int_equal(seen, (1u << REQUEST_STATE_MAX) - 2);
}

static void test_what_is_asked(void **state)
{
        static const char *const asks[][2] = {{"accept", "请受理或指派"}, {"start", "请办理"},
                {"done", "办完请报完成"}, {"rate", "请回访并评价"}};
        IncidentView view = view_request();
        NoticeContext context = context_request();

        for (size_t i = 0; i < sizeof(asks) / sizeof(*asks); i++) {
                context.needs = asks[i][0];
                alert(&view, &context);
                for (size_t k = 0; k < sizeof(asks) / sizeof(*asks); k++)
                        assert_int_equal(strstr(line, asks[k][1]) != NULL, i == k);
                assert_null(strstr(line, "已超时"));
        }
        context.needs = NULL;
        view.overdue = true;
        view.rating = 2;
        view.presses = 3;
        alert(&view, &context);
        for (size_t k = 0; k < sizeof(asks) / sizeof(*asks); k++)
                assert_null(strstr(line, asks[k][1]));
        assert_non_null(strstr(line, "已超时"));
        assert_non_null(strstr(line, "上次评价2分"));
        assert_non_null(strstr(line, "已按3次"));
}

/* As long as is kept: each of the four is cut between two characters, nothing else is lost. */
static void test_everything_at_its_longest(void **state)
{
        static const char *const letters[] = {
                "a", "\"", "\\", "字", "\xf0\x9f\x92\xa1", "\n", "\x01", "\x7f", "é"};
        static const char *const members[] = {
                "$.request.text", "$.request.evidence", "$.request.reason", "$.request.note"};
        static char text[TEXT_SIZE];
        IncidentView view = view_request();
        NoticeContext context = context_request();

        view.due_us = view.waiting_us = T;
        view.rating = 5;
        context.words = (NoticeWords){text, text, text, text};
        for (size_t i = 0; i < sizeof(letters) / sizeof(*letters); i++) {
                Str s = STR_BUFFER(text);
                size_t size = strlen(letters[i]),
                       shown = size == 1 && (letters[i][0] == '"' || letters[i][0] == '\\') ? 2 : size;

                while (s.n + size < sizeof(text))
                        str_add(&s, letters[i]);
                alert(&view, &context);
                for (size_t k = 0; k < 4; k++)
                        assert_int_equal(strlen(json_at(json, members[k])), 960 / size * shown + 2);
                assert_json(json, "$.request.rating", "5");
                for (const char *p = line; *p; p++)
                        assert_true((unsigned char)*p >= ' ' && *p != 0x7f);
        }
}

static void test_replies(void **state)
{
        static const char owner[CODE_SIZE] = "一二三四五六七八九十一二三四五六七八九十一";
        static char nonce[EVENT_ID_SIZE];
        size_t n = 0;

        assert_true(reply_json("x1", REPLY_OK, STATE_ACCEPTED, REASON_WAITING, "w07", 1042, 88124, true,
                REQUEST_STATE_WAITING, json, sizeof(json), &n));
        assert_string_equal(json, "{\"nonce\":\"x1\",\"result\":\"ok\",\"incident\":1042,\"state\":"
                                  "\"accepted\",\"request\":\"waiting\","
                                  "\"owner\":\"w07\",\"reason\":\"waiting\",\"seq\":88124,\"text\":\"好的: "
                                  "等待条件具备 编号1042 等待中\"}");
        memset(nonce, 1, sizeof(nonce) - 1);
        for (Reason reason = 0; reason < REASON_MAX; reason++)
                for (RequestState r = 1; r < REQUEST_STATE_MAX; r++) {
                        assert_true(reply_json(nonce, REPLY_REFUSED, STATE_ALERTING, reason, owner,
                                UINT64_MAX, UINT64_MAX, false, r, json, ANSWER_JSON_MAX, &n));
                        assert_true(is_json(json, n));
                        assert_true(json_at(json, "$.nonce")[0] != '\0');
                        assert_string_equal(
                                json_at(json, "$.request") + 1 + strlen(request_state_word(r)), "\"");
                }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_is_known),
                cmocka_unit_test(test_words_of_the_wire), cmocka_unit_test(test_what_is_asked),
                cmocka_unit_test(test_everything_at_its_longest), cmocka_unit_test(test_replies)};

        return cmocka_run_group_tests(tests, codec_setup, codec_teardown);
}
