/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of journal rows: valid JSON, whatever came in, and all that an auditor needs. */
#include "codec-test.h"

static char *buffer;
static size_t buffer_cap;

static const char *record(const JournalRow *row, const RecordContext *context)
{
        static const RecordContext nobody;
        size_t n = 0;

        assert_int_equal(record_json(row, context ? context : &nobody, &buffer, &buffer_cap, &n), 0);
        assert_int_equal(n, strlen(buffer));
        assert_true(n < buffer_cap);
        assert_true(is_json(buffer, n));
        assert_null(strchr(buffer, '\n'));
        return buffer;
}

static void test_event(void **state)
{
        static const char body[] =
                "{\"id\":\"e-17\",\n\"kind\":\"sos\",\r\n \"battery\":80, \"text\":\"a\\nb\"}";
        const RecordContext context = {
                .device = "sos-101", .dwelling = "d-101", .resident = "r-101", .grid = "g1"};
        Event e = event_of(body, sizeof(body) - 1);
        JournalRow row = {.kind = JOURNAL_EVENT, .event = &e};

        codec_read_alarm(codec, &e, NULL);
        (void)str_copy(e.source, sizeof(e.source), "sos-101");
        e.device_us = 1790000000250000;
        e.retained = true;
        assert_string_equal(record(&row, &context),
                "{\"device\":\"sos-101\",\"dwelling\":\"d-101\",\"resident\":\"r-101\",\"grid\":\"g1\","
                "\"kind\":\"sos\","
                "\"source\":\"sos-101\",\"id\":\"e-17\",\"via\":\"mqtt\",\"retained\":true,"
                "\"device_time\":1790000000.250000,\"payload\":{\"id\":\"e-17\", \"kind\":\"sos\",   "
                "\"battery\":80, "
                "\"text\":\"a\\nb\"}}");
        event_done(&e);
}

static void test_payload_once(void **state)
{
        static const char body[] = "{\"id\":\"e-17\",\"kind\":\"sos\"}";
        static const JournalKind others[] = {JOURNAL_OPENED, JOURNAL_NOTIFIED, JOURNAL_PRESSED, JOURNAL_TIER,
                JOURNAL_CANCEL, JOURNAL_UPGRADED};
        Event e = event_of(body, sizeof(body) - 1);
        JournalRow row = {.event = &e};

        codec_read_alarm(codec, &e, NULL);
        for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
                row.kind = others[i];
                assert_json(record(&row, NULL), "$.payload", "");
                assert_json(buffer, "$.id", "\"e-17\"");
        }
        event_done(&e);
}

static void test_bytes(void **state)
{
        static const struct {
                const char *bytes;
                size_t n;
                const char *base64;
        } cases[] = {
                {BYTES("\0\xff"), "\"AP8=\""},
                {BYTES("{"), "\"ew==\""},
                {BYTES("sos"), "\"c29z\""},
                {BYTES("\xef\xbb\xbf{}"), "\"77u/e30=\""},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                Event e = event_of(cases[i].bytes, cases[i].n);
                JournalRow row = {.kind = JOURNAL_EVENT, .event = &e};

                codec_read_alarm(codec, &e, NULL);
                assert_json(record(&row, NULL), "$.payload_base64", cases[i].base64);
                assert_json(buffer, "$.payload", "");
                assert_json(buffer, "$.cut", "");
                event_done(&e);
        }
        for (size_t i = 0; i < N_GARBAGE; i++) {
                Event e = event_of(garbage[i].bytes, garbage[i].n);
                JournalRow row = {.kind = JOURNAL_EVENT, .event = &e};

                codec_read_alarm(codec, &e, NULL);
                assert_json(record(&row, NULL), "$.kind", "\"unparsed\"");
                assert_true(json_at(buffer, "$.payload")[0] != '\0' ||
                            json_at(buffer, "$.payload_base64")[0] != '\0');
                assert_true(json_at(buffer, "$.why")[0] != '\0');
                event_done(&e);
        }
}

static void test_no_body(void **state)
{
        Event e = {.type = EVENT_ALARM, .via = VIA_COAP, .source = "sos-101", .body_size = 5};
        JournalRow row = {.kind = JOURNAL_EVENT, .event = &e};

        assert_string_equal(
                record(&row, NULL), "{\"kind\":\"sos\",\"source\":\"sos-101\",\"via\":\"coap\"}");
        row.event = NULL;
        row.kind = JOURNAL_START;
        assert_string_equal(record(&row, NULL), "{}");
}

static void test_cut(void **state)
{
        static char body[LIMIT_BODY + 100];
        Event e;
        JournalRow row = {.kind = JOURNAL_EVENT, .event = &e};

        memset(body, 0xee, sizeof(body));
        e = event_of(body, sizeof(body));
        codec_read_alarm(codec, &e, NULL);
        assert_json(record(&row, NULL), "$.cut", "true");
        assert_int_equal(strlen(json_at(buffer, "$.payload_base64")), 2 + (LIMIT_BODY + 2) / 3 * 4);
        event_done(&e);

        e = event_of(body, LIMIT_BODY);
        codec_read_alarm(codec, &e, NULL);
        assert_json(record(&row, NULL), "$.cut", "");
        event_done(&e);
}

/* JSON that is almost too deep must not make a record that is. */
static void test_deep(void **state)
{
        for (size_t depth = 400; depth <= 2000; depth += 100) {
                size_t n;
                _cleanup_(freep) char *deep = nested(depth, "[", "]", &n);
                Event e = event_of(deep, n);
                JournalRow row = {.kind = JOURNAL_EVENT, .event = &e};

                codec_read_alarm(codec, &e, NULL);
                record(&row, NULL);
                assert_int_equal(json_at(buffer, "$.payload")[0] != '\0', depth <= 500);
                event_done(&e);
        }
}

static void test_action(void **state)
{
        static const char body[] =
                "{\"incident\":7,\"action\":\"resolve\",\"nonce\":\"x1\",\"seq\":5,\"outcome\":\"other\","
                "\"note\":\"说明\"}";
        const RecordContext context = {.worker = "w01", .grid = "g1"};
        Event e = event_of(body, sizeof(body) - 1);
        JournalRow row = {.kind = JOURNAL_RESOLVED,
                .event = &e,
                .outcome = "other",
                .state = STATE_RESOLVED,
                .round = 1,
                .tier = 2,
                .priority = 1,
                .class = CLASS_SOS};

        codec_read_action(codec, &e);
        (void)str_copy(e.source, sizeof(e.source), "w01");
        record(&row, &context);
        assert_json(buffer, "$.worker", "\"w01\"");
        assert_json(buffer, "$.action", "\"resolve\"");
        assert_json(buffer, "$.outcome", "\"other\"");
        assert_json(buffer, "$.state", "\"resolved\"");
        assert_json(buffer, "$.answers", "5");
        assert_json(buffer, "$.payload.note", "\"说明\"");
        assert_json(buffer, "$.class", "\"sos\"");
        assert_json(buffer, "$.priority", "1");

        row.kind = JOURNAL_REFUSED;
        row.result = REPLY_STALE;
        row.reason = REASON_OLD_ROUND;
        record(&row, &context);
        assert_json(buffer, "$.result", "\"stale\"");
        assert_json(buffer, "$.reason", "\"old_round\"");
        assert_json(buffer, "$.payload.note", "\"说明\"");
        event_done(&e);

        e = event_of("办结 7 送医", strlen("办结 7 送医"));
        codec_read_words(codec, &e);
        row.kind = JOURNAL_RESOLVED;
        record(&row, &context);
        assert_json(buffer, "$.action", "\"resolve\"");
        assert_true(json_at(buffer, "$.payload_base64")[0] != '\0');
        event_done(&e);
}

static void test_figures(void **state)
{
        JournalRow row = {
                .kind = JOURNAL_CLOSED, .figures = {.late_ms = 20, .attempts = 9, .rounds = 2, .tiers = 3}};

        for (int i = 0; i < FIGURE_MAX; i++)
                row.figures.ms[i] = i == FIGURE_ACCEPT ? 41250 : NO_FIGURE;
        row.figures.test = true;
        assert_string_equal(record(&row, NULL),
                "{\"figures\":{\"attempts\":9,\"tiers\":3,\"rounds\":2,\"reopened\":0,\"late_ms\":20,"
                "\"accept_ms\":41250,\"test\":true}}");
}

static void test_timer(void **state)
{
        const RecordContext context = {.worker = "w02", .to_worker = "w03"};
        JournalRow row = {.kind = JOURNAL_NOTIFIED,
                .tier = 2,
                .round = 3,
                .channel = CHANNEL_APP,
                .reason = REASON_TIER,
                .due_wall_us = 1790000000000001,
                .late = true,
                .state = STATE_ALERTING,
                .priority = 1};

        assert_string_equal(record(&row, &context), "{\"worker\":\"w02\",\"to\":\"w03\",\"class\":\"sos\","
                                                    "\"priority\":1,\"state\":\"alerting\",\"tier\":2,"
                                                    "\"round\":3,\"channel\":\"app\",\"reason\":\"tier\","
                                                    "\"due\":1790000000.000001,\"late\":true}");
}

static void test_edges(void **state)
{
        JournalRow row = {.kind = JOURNAL_PRESENCE};

        assert_string_equal(
                record(&row, &(RecordContext){.worker = "w11"}), "{\"worker\":\"w11\",\"on\":false}");
        row.kind = JOURNAL_SYSTEM;
        row.cause = SYSTEM_STORE;
        row.on = true;
        assert_string_equal(record(&row, NULL), "{\"cause\":\"store\",\"on\":true}");
        row.kind = JOURNAL_NOTIFIED;
        assert_json(record(&row, NULL), "$.cause", "");
        row.kind = JOURNAL_OPENED;
        assert_string_equal(record(&row, NULL), "{}");
        row.class = CLASS_SYSTEM;
        assert_string_equal(record(&row, NULL), "{\"cause\":\"store\"}");
}

static void test_reading(void **state)
{
        static const char body[] = "{\"hr\":190}";
        Event e = event_of(body, sizeof(body) - 1);
        JournalRow row = {
                .kind = JOURNAL_READING, .event = &e, .vital = VITAL_HR, .value = 190, .limit = 120.5};

        codec_read_vitals(codec, &e);
        record(&row, NULL);
        assert_json(buffer, "$.vital", "\"hr\"");
        assert_json(buffer, "$.value", "190");
        assert_json(buffer, "$.limit", "120.5");
        assert_json(buffer, "$.payload", "{\"hr\":190}");
        row.value = INFINITY;
        row.limit = NAN;
        record(&row, NULL);
        assert_json(buffer, "$.value", "null");
        event_done(&e);
}

/* Every kind of row with every kind of event, and texts at their longest. */
static void test_all(void **state)
{
        static char longest[EVENT_ID_SIZE];
        const RecordContext context = {longest, longest, longest, longest, longest, longest};
        Event e = event_of("{}", 2);

        memset(longest, 1, sizeof(longest) - 1);
        memset(e.source, 1, sizeof(e.source) - 1);
        memset(e.id, 1, sizeof(e.id) - 1);
        e.body_json = true;
        for (int kind = JOURNAL_START; kind <= JOURNAL_TEST; kind++)
                for (int type = EVENT_ALARM; type <= EVENT_ROSTER; type++) {
                        JournalRow row = {.kind = (JournalKind)kind,
                                .event = &e,
                                .tier = 5,
                                .round = UINT32_MAX,
                                .priority = 5,
                                .state = STATE_CLOSED,
                                .class = CLASS_VITAL_URGENT,
                                .reason = REASON_BAD_REQUEST,
                                .due_wall_us = INT64_MAX,
                                .late = true,
                                .value = -DBL_MAX,
                                .limit = DBL_MAX,
                                .cause = SYSTEM_DRILL};

                        memset(row.outcome, 1, sizeof(row.outcome) - 1);
                        memset(&e.action, 0, sizeof(e.action));
                        e.type = (EventType)type;
                        e.device_us = INT64_MAX;
                        record(&row, &context);
                }
        event_done(&e);
}

static int teardown(void **state)
{
        free(buffer);
        return codec_teardown(state);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_event),
                cmocka_unit_test(test_payload_once),
                cmocka_unit_test(test_bytes),
                cmocka_unit_test(test_no_body),
                cmocka_unit_test(test_cut),
                cmocka_unit_test(test_deep),
                cmocka_unit_test(test_action),
                cmocka_unit_test(test_figures),
                cmocka_unit_test(test_timer),
                cmocka_unit_test(test_edges),
                cmocka_unit_test(test_reading),
                cmocka_unit_test(test_all),
        };

        return cmocka_run_group_tests(tests, codec_setup, teardown);
}
