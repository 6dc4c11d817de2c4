/* SPDX-License-Identifier: Apache-2.0 */
/* Word commands, as people type them. */
#include "codec-test.h"

typedef struct Case {
        const char *text;
        ActionKind kind;
        uint64_t incident;
        bool bare;
        const char *outcome;
        bool note;
} Case;

#define NONE ACTION_UNKNOWN, 0, false, "", false

static const Case cases[] = {
        {"接单 1042", ACTION_ACCEPT, 1042, false, "", false},
        {"接单1042", ACTION_ACCEPT, 1042, false, "", false},
        {"接单　１０４２", ACTION_ACCEPT, 1042, false, "", false},
        {"接单#1042", ACTION_ACCEPT, 1042, false, "", false},
        {"接单 ＃1042", ACTION_ACCEPT, 1042, false, "", false},
        {"接单 编号1042", ACTION_ACCEPT, 1042, false, "", false},
        {"接单，编号：1042。", ACTION_ACCEPT, 1042, false, "", false},
        {"接单1042号", ACTION_ACCEPT, 1042, false, "", false},
        {"1042 接单", ACTION_ACCEPT, 1042, false, "", false},
        {"1042号接单", ACTION_ACCEPT, 1042, false, "", false},
        {"接单了", ACTION_ACCEPT, 0, true, "", false},
        {"接单!", ACTION_ACCEPT, 0, true, "", false},
        {" 接单 \r\n", ACTION_ACCEPT, 0, true, "", false},
        {"accept 1042", ACTION_ACCEPT, 1042, false, "", false},
        {"ACCEPT\t1042\n", ACTION_ACCEPT, 1042, false, "", false},
        {"ａｃｃｅｐｔ １", ACTION_ACCEPT, 1, false, "", false},
        {"Accept No. 1042", ACTION_ACCEPT, 1042, false, "", false},
        {"accept", ACTION_ACCEPT, 0, true, "", false},
        {"accept 18446744073709551615", ACTION_ACCEPT, UINT64_MAX, false, "", false},
        {"到达", ACTION_ARRIVED, 0, true, "", false},
        {"已到达 7", ACTION_ARRIVED, 7, false, "", false},
        {"arrived 007", ACTION_ARRIVED, 7, false, "", false},
        {"拒绝 7", ACTION_DECLINE, 7, false, "", false},
        {"decline", ACTION_DECLINE, 0, true, "", false},
        {"退单 7", ACTION_RELEASE, 7, false, "", false},
        {"release 7", ACTION_RELEASE, 7, false, "", false},
        {"重开 7", ACTION_REOPEN, 7, false, "", false},
        {"reopen 7", ACTION_REOPEN, 7, false, "", false},
        {"在路上", ACTION_COMING, 0, true, "", false},
        {"增援 7", ACTION_BACKUP, 7, false, "", false},
        {"在岗", ACTION_ON, 0, false, "", false},
        {"on", ACTION_ON, 0, false, "", false},
        {"ON\n", ACTION_ON, 0, false, "", false},
        {"离岗", ACTION_OFF, 0, false, "", false},
        {"off", ACTION_OFF, 0, false, "", false},
        /* resolve */
        {"办结", ACTION_RESOLVE, 0, true, "helped", false},
        {"办结 1042", ACTION_RESOLVE, 1042, false, "helped", false},
        {"办结 1042 送医", ACTION_RESOLVE, 1042, false, "hospital", false},
        {"办结1042送医", ACTION_RESOLVE, 1042, false, "hospital", false},
        {"办结送医", ACTION_RESOLVE, 0, true, "hospital", false},
        {"办结 送医 1042", ACTION_RESOLVE, 1042, false, "hospital", false},
        {"办结 1042 已送医 家属陪同", ACTION_RESOLVE, 1042, false, "hospital", true},
        {"办结 1042 已帮助", ACTION_RESOLVE, 1042, false, "helped", false},
        {"办结 1042 消防", ACTION_RESOLVE, 1042, false, "fire_service", false},
        {"办结 1042 误报", ACTION_RESOLVE, 1042, false, "false_alarm", false},
        {"办结 1042 无需帮助", ACTION_RESOLVE, 1042, false, "no_help_needed", false},
        {"办结 1042 设备故障", ACTION_RESOLVE, 1042, false, "device_fault", false},
        {"办结 1042 其他 3人在场 电话7", ACTION_RESOLVE, 1042, false, "other", true},
        {"办结 其他 3人在场", ACTION_RESOLVE, 0, true, "other", true},
        {"resolve 1042 false_alarm", ACTION_RESOLVE, 1042, false, "false_alarm", false},
        {"resolve 1042 no_help_needed", ACTION_RESOLVE, 1042, false, "no_help_needed", false},
        {"resolve no_help_needed", ACTION_RESOLVE, 0, true, "no_help_needed", false},
        {"resolve 1042 other with a note", ACTION_RESOLVE, 1042, false, "other", true},
        {"办结 1042 已上报城管", ACTION_RESOLVE, 1042, false, "已上报城管", false},
        /* not commands: a refusal is answered, a false acceptance would stop the ladder */
        {"", NONE},
        {" 　\n", NONE},
        {"hello", NONE},
        {"接单不了", NONE},
        {"接单 1042 不了", NONE},
        {"不接单", NONE},
        {"未到达", NONE},
        {"到达不了 1042", NONE},
        {"接单 1042 1043", NONE},
        {"1042 接单 1043", NONE},
        {"接单 0", NONE},
        {"接单 18446744073709551616", NONE},
        {"接单 99999999999999999999999999999999", NONE},
        {"接单 -5", NONE},
        {"acceptable", NONE},
        {"accept-no", NONE},
        {"onward", NONE},
        {"on 5", NONE},
        {"offline", NONE},
        {"在岗 5", NONE},
        {"1042", NONE},
        {"{\"action\":\"accept\",\"incident\":1042}", NONE},
        {"接\xff", NONE},
        {"\xe6\x8e", NONE},
};

static void test_cases(void **state)
{
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                const Case *c = &cases[i];
                Event e = event_of(c->text, strlen(c->text));

                print_message("%s\n", c->text);
                codec_read_words(codec, &e);
                assert_int_equal(e.type, EVENT_ACTION);
                assert_int_equal(e.action.kind, c->kind);
                assert_int_equal(e.action.incident, c->incident);
                assert_int_equal(e.action.bare, c->bare);
                assert_string_equal(e.action.outcome, c->outcome);
                assert_int_equal(e.action.has_note, c->note);
                assert_string_equal(e.id, "");
                assert_int_equal(e.action.seq, 0);
                assert_int_equal(e.why[0] != '\0', c->kind == ACTION_UNKNOWN);
                assert_true(str_utf8(e.action.word, strlen(e.action.word)));
                assert_memory_equal(e.body, c->text, strlen(c->text));
                event_done(&e);
        }
}

static void test_bytes(void **state)
{
        static char long_text[LIMIT_BODY];
        Event e = event_of("接单\0 1042", 12);

        codec_read_words(codec, &e);
        assert_int_equal(e.action.kind, ACTION_UNKNOWN);
        event_done(&e);

        memset(long_text, ' ', sizeof(long_text)); /* only white space is folded away, however much */
        memcpy(long_text, "accept", 6);
        memcpy(long_text + sizeof(long_text) - 2, "42", 2);
        e = event_of(long_text, sizeof(long_text));
        codec_read_words(codec, &e);
        assert_int_equal(e.action.kind, ACTION_ACCEPT);
        assert_int_equal(e.action.incident, 42);
        event_done(&e);

        memset(long_text + 6, '1', sizeof(long_text) - 6);
        e = event_of(long_text, sizeof(long_text));
        codec_read_words(codec, &e);
        assert_int_equal(e.action.kind, ACTION_UNKNOWN);
        assert_string_equal(e.why, "no short text in UTF-8");
        event_done(&e);

        for (size_t i = 0; i < N_GARBAGE; i++) {
                e = event_of(garbage[i].bytes, garbage[i].n);
                codec_read_words(codec, &e);
                assert_int_equal(e.action.kind, ACTION_UNKNOWN);
                event_done(&e);
        }
}

static void test_visits(void **state)
{
        static const struct {
                const char *text, *target;
                ActionKind kind;
                Service service;
                uint8_t rating;
        } visits[] = {{"上门 r101", "r101", ACTION_VISIT_IN, SERVICE_OTHER, 0},
                {"上门 R-101 助洁", "R-101", ACTION_VISIT_IN, SERVICE_CLEAN, 0},
                {"上门：r101，做饭", "r101", ACTION_VISIT_IN, SERVICE_MEALS, 0},
                {"visit V", "V", ACTION_VISIT_IN, SERVICE_OTHER, 0},
                {"上门ｒ１０１ 助浴", "r101", ACTION_VISIT_IN, SERVICE_BATH, 0},
                {"visit sos-101 bath", "sos-101", ACTION_VISIT_IN, SERVICE_BATH, 0},
                {"离开", "", ACTION_VISIT_OUT, SERVICE_OTHER, 0},
                {"离开了 5", "", ACTION_VISIT_OUT, SERVICE_OTHER, 5},
                {"leave 3分。", "", ACTION_VISIT_OUT, SERVICE_OTHER, 3},
                {"上门", "", ACTION_UNKNOWN, SERVICE_OTHER, 0},
                {"上门 r101 理发", "", ACTION_UNKNOWN, SERVICE_OTHER, 0},
                {"离开 6", "", ACTION_UNKNOWN, SERVICE_OTHER, 0},
                {"离开不了", "", ACTION_UNKNOWN, SERVICE_OTHER, 0},
                {"12 离开", "", ACTION_UNKNOWN, SERVICE_OTHER, 0}};

        for (size_t i = 0; i < sizeof(visits) / sizeof(visits[0]); i++) {
                Event e = event_of(visits[i].text, strlen(visits[i].text));

                codec_read_words(codec, &e);
                assert_int_equal(e.action.kind, visits[i].kind);
                assert_string_equal(e.action.target, visits[i].target);
                assert_int_equal(e.action.service, visits[i].service);
                assert_int_equal(e.action.rating, visits[i].rating);
                event_done(&e);
        }
}

typedef struct Said {
        const char *text;
        ActionKind kind;
        uint64_t incident;
        bool bare;
        const char *to, *words;
        uint8_t score;
        uint64_t span_h;
} Said;

#define NO ACTION_UNKNOWN, 0, false, "", "", 0, 0

static const Said requests[] = {
        {"受理 1042", ACTION_ACCEPT, 1042, false, "", "", 0, 0},
        {"受理１０４２", ACTION_ACCEPT, 1042, false, "", "", 0, 0},
        {"1042受理了", ACTION_ACCEPT, 1042, false, "", "", 0, 0},
        {"受理", ACTION_ACCEPT, 0, true, "", "", 0, 0},
        {"受理不了 1042", NO},
        {"受理 1042 加急", NO},
        {"指派 1042 w01", ACTION_ASSIGN, 1042, false, "w01", "", 0, 0},
        {"1042 指派 w01。", ACTION_ASSIGN, 1042, false, "w01", "", 0, 0},
        {"指派1042，Grid-W01", ACTION_ASSIGN, 1042, false, "Grid-W01", "", 0, 0},
        {"指派 1042 Ｗ０１", ACTION_ASSIGN, 1042, false, "W01", "", 0, 0},
        {"ASSIGN 1042 A", ACTION_ASSIGN, 1042, false, "A", "", 0, 0},
        {"assign 1042 a", ACTION_ASSIGN, 1042, false, "a", "", 0, 0},
        {"指派 w01", ACTION_ASSIGN, 0, true, "w01", "", 0, 0},
        {"指派 王示例", ACTION_ASSIGN, 0, true, "王示例", "", 0, 0},
        {"指派", NO},
        {"指派 1042", NO},
        {"指派 1042 w01 w02", NO},
        {"指派 0 w01", NO},
        {"指派 1042 w0123456789012345678901234567890123456789012345678901234567890123456789", NO},
        {"办理中 1042", ACTION_START, 1042, false, "", "", 0, 0},
        {"开始办理", ACTION_START, 0, true, "", "", 0, 0},
        {"start １０４２", ACTION_START, 1042, false, "", "", 0, 0},
        {"办理中 1042 马上", NO},
        {"办理中不了", NO},
        {"started", NO},
        {"等待 1042 3天 配件已下单", ACTION_WAITING, 1042, false, "", "配件已下单", 0, 72},
        {"等待1042３天，配件", NO}, /* 10423 */
        {"等待1042，３天，配件", ACTION_WAITING, 1042, false, "", "配件", 0, 72},
        {"等待 3天 配件", ACTION_WAITING, 0, true, "", "配件", 0, 72},
        {"1042 等待 12小时：Part No. AB-12 ", ACTION_WAITING, 1042, false, "", "Part No. AB-12", 0, 12},
        {"等待 3 3天 3天后来", ACTION_WAITING, 3, false, "", "3天后来", 0, 72},
        {"waiting 1042 3 days part\nordered\r\n", ACTION_WAITING, 1042, false, "", "part ordered", 0, 72},
        {"waiting 1042 12h", ACTION_WAITING, 1042, false, "", "", 0, 12},
        {"waiting 1042 1 hour", ACTION_WAITING, 1042, false, "", "", 0, 1},
        {"等待 1042 999天", ACTION_WAITING, 1042, false, "", "", 0, 999 * 24},
        {"等待 1042 0天", ACTION_WAITING, 1042, false, "", "", 0, 0},
        {"等待 1042 1000天", NO},
        {"等待 1042 99999999999999999999天", NO},
        {"等待 1042", NO},
        {"等待 1042 配件", NO},
        {"等待 1042 3", NO},
        {"waiting 1042 3 dozen", NO},
        {"等待不了 3天", NO},
        {"完成", ACTION_DONE, 0, true, "", "", 0, 0},
        {"完成了！", ACTION_DONE, 0, true, "", "", 0, 0},
        {"完成 1042", ACTION_DONE, 1042, false, "", "", 0, 0},
        {"完成1042换了Ａ型垫片", ACTION_DONE, 1042, false, "", "换了Ａ型垫片", 0, 0},
        {"完成, 换了垫片", ACTION_DONE, 0, true, "", "换了垫片", 0, 0},
        {"Done 1042: New Washer", ACTION_DONE, 1042, false, "", "New Washer", 0, 0},
        {"完成不了", NO},
        {"完成不了 1042", NO},
        {"完成 不了", NO},
        {"完成 1042 不了", NO},
        {"1042 完成不成", NO},
        {"完成一半 1042", NO},
        {"未完成 1042", NO},
        {"完成 0", NO},
        {"不受理 1042 不属本社区", ACTION_NOT_ACCEPTED, 1042, false, "", "不属本社区", 0, 0},
        {"不受理", ACTION_NOT_ACCEPTED, 0, true, "", "", 0, 0}, /* the engine asks for a reason */
        {"not_accepted 1042 Why", ACTION_NOT_ACCEPTED, 1042, false, "", "Why", 0, 0},
        {"不 受理 1042", NO},
        {"上报 1042 电力公司管", ACTION_ESCALATE, 1042, false, "", "电力公司管", 0, 0},
        {"上报不成", NO},
        {"评价 1042 5", ACTION_RATE, 1042, false, "", "", 5, 0},
        {"评价　１０４２　５分　很好", ACTION_RATE, 1042, false, "", "很好", 5, 0},
        {"1042号评价1分", ACTION_RATE, 1042, false, "", "", 1, 0},
        {"rate 1042 2 Too slow", ACTION_RATE, 1042, false, "", "Too slow", 2, 0},
        {"评价 5 4", ACTION_RATE, 5, false, "", "", 4, 0},
        {"评价 5", ACTION_RATE, 0, true, "", "", 5, 0},
        {"评价５分，满意", ACTION_RATE, 0, true, "", "满意", 5, 0},
        {"评价", NO},
        {"评价 1042", NO},
        {"评价 编号5", NO},
        {"评价 1 6", NO}, /* of request 1, and not a 1 */
        {"评价 1 -1", NO},
        {"评价 1，10", NO},
        {"评价 1042 0", NO},
        {"评价 1042 6", NO},
        {"评价 1042 55", NO},
        {"评价 1042 4.5", NO},
        {"评价 1042 -5", NO},
        {"评价 1042 满意", NO},
        {"评价 0 5", NO},
};

static void test_requests(void **state)
{
        for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
                const Said *c = &requests[i];
                Event e = event_of(c->text, strlen(c->text));

                print_message("%s\n", c->text);
                codec_read_words(codec, &e);
                assert_int_equal(e.type, EVENT_ACTION);
                assert_int_equal(e.action.kind, c->kind);
                assert_int_equal(e.action.incident, c->incident);
                assert_int_equal(e.action.bare, c->bare);
                assert_string_equal(e.action.to, c->to);
                assert_string_equal(e.action.text, c->words);
                assert_int_equal(e.action.has_note, c->words[0] != '\0');
                assert_int_equal(e.action.score, c->score);
                assert_int_equal(e.action.span_us, c->span_h * 3600000000ull);
                assert_int_equal(e.why[0] != '\0', c->kind == ACTION_UNKNOWN);
                assert_false(e.action.open); /* a word makes nothing public */
                event_done(&e);
        }
}

/* As much as is read; a byte more is no command. White space costs nothing, and the text is what came, cut. */
static void test_long_words(void **state)
{
        static char text[3000];
        char *p = text + sizeof("done 1 ") - 1;
        Event e;

        (void)snprintf(text, sizeof(text), "done 1 ");
        memset(p, 'A', 504);
        e = event_of(text, 511);
        codec_read_words(codec, &e);
        assert_int_equal(e.action.kind, ACTION_DONE);
        assert_int_equal(strlen(e.action.text), 504);
        event_done(&e);
        p[504] = 'A';
        e = event_of(text, 512);
        codec_read_words(codec, &e);
        assert_int_equal(e.action.kind, ACTION_UNKNOWN);
        assert_string_equal(e.action.text, "");
        event_done(&e);
        memset(p, ' ', 2000); /* the cut comes in the middle of a character */
        p[0] = 'A';
        memcpy(p + TEXT_SIZE - 2, "字B", 4);
        e = event_of(text, (size_t)(p - text) + TEXT_SIZE + 2);
        codec_read_words(codec, &e);
        assert_int_equal(e.action.kind, ACTION_DONE);
        assert_string_equal(e.action.text, "A");
        event_done(&e);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cases),
                cmocka_unit_test(test_visits),
                cmocka_unit_test(test_requests),
                cmocka_unit_test(test_long_words),
                cmocka_unit_test(test_bytes),
        };

        return cmocka_run_group_tests(tests, codec_setup, codec_teardown);
}
