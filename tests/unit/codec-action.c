/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's JSON actions. */
#include "codec-test.h"

static Event read_action(const char *body)
{
        Event e = event_of(body, strlen(body));

        codec_read_action(codec, &e);
        assert_int_equal(e.type, EVENT_ACTION);
        assert_memory_equal(e.body, body, strlen(body));
        event_done(&e);
        return e;
}

static void test_accept(void **state)
{
        Event e = read_action(
                "{\"incident\":1042,\"action\":\"accept\",\"nonce\":\"x1\",\"seq\":88123,\"eta\":300,"
                "\"ts\":1790000000}");

        assert_int_equal(e.action.kind, ACTION_ACCEPT);
        assert_string_equal(e.action.word, "accept");
        assert_int_equal(e.action.incident, 1042);
        assert_int_equal(e.action.seq, 88123);
        assert_int_equal(e.action.eta_us, 300000000);
        assert_string_equal(e.id, "x1");
        assert_string_equal(e.why, "");
        assert_int_equal(e.device_us, 1790000000000000);
        assert_true(e.body_json);
        assert_false(e.action.bare);
        assert_false(e.action.has_note);
}

static void test_every_kind(void **state)
{
        for (ActionKind kind = 0; kind < ACTION_UNKNOWN; kind++) {
                char body[64];

                (void)snprintf(body, sizeof(body), "{\"action\":\"%s\"}", action_kind_word(kind));
                assert_int_equal(read_action(body).action.kind, kind);
        }
}

static void test_members(void **state)
{
        Event e = read_action("{\"action\":\"resolve\",\"incident\":7,\"nonce\":5,\"outcome\":\"hospital\","
                              "\"note\":\"送医\"}");

        assert_string_equal(e.action.outcome, "hospital");
        assert_true(e.action.has_note);
        assert_string_equal(e.id, "5");

        e = read_action(
                "{\"action\":\"handover\",\"incident\":\"7\",\"seq\":\"9\",\"to\":\"w02\",\"note\":\"\"}");
        assert_string_equal(e.action.to, "w02");
        assert_int_equal(e.action.incident, 7);
        assert_int_equal(e.action.seq, 9);
        assert_false(e.action.has_note);

        e = read_action("{\"action\":\"handoff\",\"incident\":7.0,\"agency\":\"120\",\"ref\":\"A-1\"}");
        assert_string_equal(e.action.agency, "120");
        assert_int_equal(e.action.incident, 7);

        e = read_action("{\"action\":\"arrived\",\"incident\":7,\"proof\":{\"nfc\":\"bed-101\"}}");
        assert_true(e.action.proof);
        assert_false(read_action("{\"action\":\"arrived\",\"proof\":null}").action.proof);
        assert_false(read_action("{\"action\":\"arrived\",\"proof\":\"\"}").action.proof);
        assert_true(read_action("{\"action\":\"arrived\",\"proof\":\"bed-101\"}").action.proof);

        assert_true(read_action("{\"action\":\"fire119\",\"yes\":true}").action.yes);
        assert_true(read_action("{\"action\":\"fire119\",\"yes\":\"yes\"}").action.yes);
        assert_false(read_action("{\"action\":\"fire119\",\"yes\":false}").action.yes);
        assert_false(read_action("{\"action\":\"fire119\",\"yes\":\"no\"}").action.yes);
        assert_false(read_action("{\"action\":\"fire119\"}").action.yes);
}

static void test_eta(void **state)
{
        static const struct {
                const char *eta;
                uint64_t us;
        } cases[] = {
                {"300", 300000000},
                {"0.5", 500000},
                {"604800", 604800000000},
                {"604801", 0},
                {"0", 0},
                {"-5", 0},
                {"1e300", 0},
                {"1e999", 0},
                {"\"300\"", 0},
                {"true", 0},
                {"null", 0},
        };
        char body[128];

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                (void)snprintf(body, sizeof(body), "{\"action\":\"accept\",\"incident\":1,\"eta\":%s}",
                        cases[i].eta);
                assert_int_equal(read_action(body).action.eta_us, cases[i].us);
        }
}

/* What cannot be read becomes nothing or UNKNOWN, with the reason. */
static void test_wrong(void **state)
{
        static const struct {
                const char *body;
                ActionKind kind;
                const char *word, *why;
        } cases[] = {
                {"", ACTION_UNKNOWN, "", "empty"},
                {"{}", ACTION_UNKNOWN, "", "no action"},
                {"{\"action\":5}", ACTION_UNKNOWN, "", "action is no text"},
                {"{\"action\":\"\"}", ACTION_UNKNOWN, "", "action is no text"},
                {"{\"action\":\"explode\"}", ACTION_UNKNOWN, "explode", "unknown action"},
                {"{\"action\":\"unknown\"}", ACTION_UNKNOWN, "unknown", "unknown action"},
                {"{\"action\":\"Accept\"}", ACTION_UNKNOWN, "Accept", "unknown action"},
                {"{\"action\":\"accept\",\"incident\":-1}", ACTION_ACCEPT, "accept",
                        "incident is no number"},
                {"{\"action\":\"accept\",\"incident\":1.5}", ACTION_ACCEPT, "accept",
                        "incident is no number"},
                {"{\"action\":\"accept\",\"incident\":1e999}", ACTION_ACCEPT, "accept",
                        "incident is no number"},
                {"{\"action\":\"accept\",\"incident\":\"x\"}", ACTION_ACCEPT, "accept",
                        "incident is no number"},
                {"{\"action\":\"accept\",\"incident\":[1042]}", ACTION_ACCEPT, "accept",
                        "incident is no number"},
                {"{\"action\":\"accept\",\"incident\":12345678901234567890123}", ACTION_ACCEPT, "accept",
                        "incident is no number"},
                {"{\"action\":\"accept\",\"seq\":true}", ACTION_ACCEPT, "accept", "seq is no number"},
                {"{\"action\":\"accept\",\"nonce\":[]}", ACTION_ACCEPT, "accept",
                        "id is neither text nor integer"},
                {"{\"action\":\"resolve\",\"outcome\":7}", ACTION_RESOLVE, "resolve", "outcome is no word"},
                {"{\"action\":\"handover\",\"to\":{}}", ACTION_HANDOVER, "handover",
                        "to is no worker's code"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                Event e = read_action(cases[i].body);

                assert_int_equal(e.action.kind, cases[i].kind);
                assert_string_equal(e.action.word, cases[i].word);
                assert_string_equal(e.why, cases[i].why);
                assert_int_equal(e.action.incident, 0);
                assert_int_equal(e.action.seq, 0);
                assert_string_equal(e.id, "");
                assert_string_equal(e.action.outcome, "");
                assert_string_equal(e.action.to, "");
        }
        for (size_t i = 0; i < N_GARBAGE; i++) {
                Event e = event_of(garbage[i].bytes, garbage[i].n);

                codec_read_action(codec, &e);
                assert_int_equal(e.action.kind, ACTION_UNKNOWN);
                assert_string_equal(e.why, garbage[i].why);
                event_done(&e);
        }
}

static void test_long_words(void **state)
{
        Event e = read_action(
                "{\"action\":\"resolve\",\"outcome\":\"helped_helped_helped_helped_helped_helped\"}");

        assert_string_equal(e.action.outcome, "helped_helped_helped_helped_hel");
        e = read_action("{\"action\":\"accept_accept_accept_accept_accept_accept\"}");
        assert_int_equal(e.action.kind, ACTION_UNKNOWN);
        assert_string_equal(e.action.word, "accept_accept_accept_accept_acc");
}

static void test_two_codecs(void **state)
{
        Codec *other = NULL;
        Event e = event_of("{\"action\":\"on\"}", 15);

        assert_int_equal(codec_new(&other), 0);
        codec_read_action(other, &e);
        assert_int_equal(e.action.kind, ACTION_ON);
        other = codec_free(other);
        codec_read_action(codec, &e);
        assert_int_equal(e.action.kind, ACTION_ON);
        event_done(&e);
        assert_null(codec_free(NULL));
}

/* {"action":"request", …}: what is taken of each member. */
static const struct {
        const char *rest, *text, *class, *why;
        uint64_t span_us;
        uint8_t score;
        bool open;
} members[] = {
        {"request\",\"text\":\" 水龙头\\n漏水 \"", "水龙头 漏水", "", "", 0, 0, false},
        {"request\",\"note\":\"in a note\"", "in a note", "", "", 0, 0, false},
        {"request\",\"text\":\" \\t\",\"note\":\"in a note\"", "in a note", "", "", 0, 0, false},
        {"request\",\"text\":\"\",\"evidence\":\"x\",\"reason\":\"y\"", "", "", "", 0, 0, false},
        {"request\",\"text\":7", "", "", "", 0, 0, false},
        {"request\",\"text\":null", "", "", "", 0, 0, false},
        {"request\",\"text\":[\"x\"]", "", "", "", 0, 0, false},
        {"request\",\"text\":{\"x\":1}", "", "", "", 0, 0, false},
        {"request\",\"text\":\"a\\u0001\\u001f\\u007fb\\r\"", "a   b", "", "", 0, 0, false},
        {"request\",\"text\":\"a\\u0000b\"", "a", "", "", 0, 0, false},
        {"request\",\"text\":\"\\ud83d\\udca1\"", "\xf0\x9f\x92\xa1", "", "", 0, 0, false},
        {"request\",\"text\":\"first\",\"text\":\"second\"", "first", "", "", 0, 0, false},
        {"request\",\"class\":\"hard\"", "", "hard", "", 0, 0, false},
        {"request\",\"class\":5", "", "", "class is no word", 0, 0, false},
        {"request\",\"class\":[]", "", "", "class is no word", 0, 0, false},
        {"request\",\"class\":\"hard-and-longer-than-every-word-is\"", "", "hard-and-longer-than-every-word",
                "class is no word", 0, 0, false},
        {"waiting\",\"evidence\":\"part\",\"text\":\"x\",\"for\":86400", "part", "", "", 86400000000, 0,
                false},
        {"waiting\",\"note\":\"part\",\"for\":0.5", "part", "", "", 500000, 0, false},
        {"waiting\",\"for\":0", "", "", "for is no number of seconds", 0, 0, false},
        {"waiting\",\"for\":-1", "", "", "for is no number of seconds", 0, 0, false},
        {"waiting\",\"for\":\"86400\"", "", "", "for is no number of seconds", 0, 0, false},
        {"waiting\",\"for\":true", "", "", "for is no number of seconds", 0, 0, false},
        {"waiting\",\"for\":1e999", "", "", "for is no number of seconds", 0, 0, false},
        {"waiting\",\"for\":31622401", "", "", "for is no number of seconds", 0, 0, false},
        {"waiting\",\"for\":null", "", "", "", 0, 0, false},
        {"not_accepted\",\"reason\":\"why\",\"note\":\"x\"", "why", "", "", 0, 0, false},
        {"escalate\",\"reason\":false,\"note\":\"why\"", "why", "", "", 0, 0, false},
        {"done\",\"note\":\"mended\",\"text\":\"x\",\"reason\":\"y\"", "mended", "", "", 0, 0, false},
        {"resolve\",\"note\":\"mended\"", "mended", "", "", 0, 0, false},
        {"rate\",\"score\":5,\"note\":\"fine\"", "fine", "", "", 0, 5, false},
        {"rate\",\"score\":1.0", "", "", "", 0, 1, false},
        {"rate\",\"score\":0", "", "", "", 0, 0, false},
        {"rate\",\"score\":6", "", "", "", 0, 0, false},
        {"rate\",\"score\":2.5", "", "", "", 0, 0, false},
        {"rate\",\"score\":1e999", "", "", "", 0, 0, false},
        {"rate\",\"score\":261", "", "", "", 0, 0, false}, /* 5 in eight bits */
        {"rate\",\"score\":\"5\"", "", "", "", 0, 0, false},
        {"rate\",\"score\":true", "", "", "", 0, 0, false},
        {"rate\",\"score\":[5]", "", "", "", 0, 0, false},
        {"reclass\",\"class\":\"key\",\"public\":true", "", "key", "", 0, 0, true},
        {"done\",\"public\":1", "", "", "", 0, 0, true},
        {"done\",\"public\":\"true\"", "", "", "", 0, 0, true},
        {"done\",\"public\":\"yes\"", "", "", "", 0, 0, true},
        {"done\",\"public\":false", "", "", "", 0, 0, false},
        {"done\",\"public\":null", "", "", "", 0, 0, false},
        {"done\",\"public\":0", "", "", "", 0, 0, false},
        {"done\",\"public\":2", "", "", "", 0, 0, false},
        {"done\",\"public\":\"\"", "", "", "", 0, 0, false},
        {"done\",\"public\":\"0\"", "", "", "", 0, 0, false},
        {"done\",\"public\":\"never\"", "", "", "", 0, 0, false},
        {"done\",\"public\":{}", "", "", "", 0, 0, false},
        {"done\",\"public\":[true]", "", "", "", 0, 0, false},
};

static void test_request_members(void **state)
{
        for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
                char body[256];
                Event e;

                (void)snprintf(body, sizeof(body), "{\"action\":\"%s,\"incident\":7}", members[i].rest);
                print_message("%s\n", body);
                e = read_action(body);
                assert_true(e.action.kind != ACTION_UNKNOWN);
                assert_int_equal(e.action.incident, 7);
                assert_string_equal(e.action.text, members[i].text);
                assert_string_equal(e.action.class, members[i].class);
                assert_string_equal(e.why, members[i].why);
                assert_int_equal(e.action.span_us, members[i].span_us);
                assert_int_equal(e.action.score, members[i].score);
                assert_int_equal(e.action.open, members[i].open);
        }
}

/* Cut between two characters; what is no UTF-8 is no action at all. */
static void test_request_bytes(void **state)
{
        static const char *const texts[][2] = {{"request", "text"}, {"waiting", "evidence"},
                {"not_accepted", "reason"}, {"escalate", "reason"}, {"done", "note"}, {"rate", "note"}};
        static char body[8192];
        Event e;

        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
                for (unsigned lead = 0; lead < 4; lead++) {
                        Str s = STR_BUFFER(body);

                        str_addf(&s, "{\"action\":\"%s\",\"%s\":\"", texts[i][0], texts[i][1]);
                        str_addn(&s, "abc", lead);
                        while (s.n < 6000)
                                str_add(&s, "\xf0\x9f\x92\xa1");
                        str_add(&s, "\"}");
                        e = read_action(body);
                        assert_int_equal(strlen(e.action.text), lead + (TEXT_SIZE - 1 - lead) / 4 * 4);
                        assert_true(str_utf8(e.action.text, strlen(e.action.text)));
                        assert_string_equal(e.why, "");
                        if (i == 0) /* an emergency may stand at its end */
                                assert_int_equal(strlen(e.whole),
                                        strlen(body) - strlen("{'action':'request','text':''}"));
                        else
                                assert_null(e.whole);
                        free(e.whole);
                }
        e = read_action("{\"action\":\"request\",\"text\":\"\xe6\x95\"}");
        assert_int_equal(e.action.kind, ACTION_UNKNOWN);
        assert_string_equal(e.action.text, "");
        assert_string_equal(e.why, "not UTF-8");
        e = read_action("{\"action\":\"request\",\"text\":\"a\\ud83d\"}"); /* half of a character */
        assert_true(str_utf8(e.action.text, strlen(e.action.text)));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_accept),
                cmocka_unit_test(test_every_kind),
                cmocka_unit_test(test_members),
                cmocka_unit_test(test_eta),
                cmocka_unit_test(test_wrong),
                cmocka_unit_test(test_long_words),
                cmocka_unit_test(test_request_members),
                cmocka_unit_test(test_request_bytes),
                cmocka_unit_test(test_two_codecs),
        };

        return cmocka_run_group_tests(tests, codec_setup, codec_teardown);
}
