/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts, the text line, receipts and replies: always valid JSON, always readable. */
#include "codec-test.h"

#define S 1000000ll
#define T (1790000000 * S)

static IncidentView view_sos(void)
{
        return (IncidentView){
                .id = 1042,
                .last_seq = 88123,
                .group = GROUP_HELP,
                .class = CLASS_SOS,
                .kind = ALARM_SOS,
                .priority = 1,
                .state = STATE_ALERTING,
                .tier = 2,
                .tiers = 5,
                .round = 1,
                .presses = 1,
                .source = "sos-101",
                .event_id = "e-17",
                .word = "sos",
                .opened_us = T,
                .next_tier_us = T + 102500000,
                .reason = REASON_TIER,
        };
}

static NoticeContext context_sos(void)
{
        return (NoticeContext){
                .site = "demo",
                .resident = "张虚构",
                .birth = "1941-03-02",
                .phone = "000-0101",
                .notes = "独居, 听力差",
                .grid = "g1",
                .address = "示例路1号1号楼501",
                .building = "1号楼",
                .floor = "5",
                .access = "钥匙在物业",
                .device = "sos-101",
                .worker_code = "w01",
                .recorded = true,
                .needs = "accept",
                .now_us = T + 72 * S,
                .notice_seq = 88130,
                .reason = REASON_TIER,
        };
}

static char json[NOTICE_JSON_MAX];

static const char *alert(const IncidentView *view, const NoticeContext *context)
{
        size_t n = 0;

        assert_true(notice_json(view, context, json, sizeof(json), &n));
        assert_int_equal(n, strlen(json));
        assert_true(is_json(json, n));
        assert_null(strchr(json, '\n'));
        return json;
}

static void test_alert(void **state)
{
        IncidentView view = view_sos();
        NoticeContext context = context_sos();

        assert_string_equal(alert(&view, &context),
                "{\"incident\":1042,\"kind\":\"sos\",\"priority\":1,\"state\":\"alerting\",\"tier\":2,"
                "\"round\":1,"
                "\"opened\":1790000000,\"device\":\"sos-101\",\"event\":\"e-17\",\"presses\":1,\"name\":"
                "\"张虚构\","
                "\"age\":85,\"address\":\"示例路1号1号楼501\",\"grid\":\"g1\",\"phone\":\"000-0101\","
                "\"notes\":\"独居, "
                "听力差\",\"needs\":\"accept\",\"owner\":null,\"limits\":{\"next_tier\":1790000102.5},"
                "\"links\":0,\"reason\":\"tier\",\"late\":false,\"test\":false,\"recorded\":true,\"seq\":"
                "88130,\"sent\":1790000072,"
                "\"text\":\"SOS 呼救 张虚构 1号楼501 已等待72秒 编号1042 请接单\"}");
}

static void test_alert_access(void **state)
{
        IncidentView view = view_sos();
        NoticeContext context = context_sos();

        assert_json(alert(&view, &context), "$.access", "");
        assert_null(strstr(json, "钥匙"));
        context.accessible = true;
        assert_json(alert(&view, &context), "$.access", "\"钥匙在物业\"");
}

static void test_alert_members(void **state)
{
        IncidentView view = view_sos();
        NoticeContext context = context_sos();

        view.state = STATE_ACCEPTED;
        view.next_tier_us = 0;
        view.arrive_by_us = T + 900 * S;
        view.others = 2;
        view.late = view.test = true;
        context.recorded = false;
        context.owner_code = "w01";
        context.needs = NULL;
        context.reason = REASON_NONE;
        view.reason = REASON_OPENED;
        alert(&view, &context);
        assert_json(json, "$.limits", "{\"arrive_by\":1790000900}");
        assert_json(json, "$.links", "2");
        assert_json(json, "$.late", "true");
        assert_json(json, "$.test", "true");
        assert_json(json, "$.recorded", "false");
        assert_json(json, "$.owner", "\"w01\"");
        assert_json(json, "$.owner_name", "");
        assert_json(json, "$.contacts", "");
        assert_json(json, "$.needs", "\"\"");
        assert_json(json, "$.reason", "\"opened\"");
        assert_json(json, "$.condition", "");
        assert_json(json, "$.vital", "");
        assert_json(json, "$.cause", "");

        view.handle_by_us = T + 1;
        view.reopen_until_us = T + 1000;
        assert_json(alert(&view, &context), "$.limits",
                "{\"arrive_by\":1790000900,\"handle_by\":1790000000,\"reopen_until\":1790000000.001}");
}

static void test_alert_unknown_place(void **state)
{
        IncidentView view = view_sos();
        NoticeContext context = {.recorded = true, .needs = "accept", .now_us = T, .notice_seq = 1};

        view.group = GROUP_UNKNOWN;
        view.kind = ALARM_UNPARSED;
        view.unknown_source = true;
        view.event_id[0] = view.word[0] = '\0';
        (void)str_copy(view.source, sizeof(view.source), "stray-9");
        alert(&view, &context);
        assert_json(json, "$.kind", "\"unparsed\"");
        assert_json(json, "$.device", "\"stray-9\"");
        assert_json(json, "$.event", "null");
        assert_json(json, "$.name", "null");
        assert_json(json, "$.address", "null");
        assert_json(json, "$.age", "");
        assert_json(json, "$.text", "\"无法识别的报警 未登记设备 stray-9 已等待0秒 编号1042 请接单\"");
}

static void test_alert_vital_and_system(void **state)
{
        IncidentView view = view_sos();
        NoticeContext context = context_sos();

        view.group = GROUP_VITAL;
        view.class = CLASS_VITAL_URGENT;
        view.vital = VITAL_HR;
        view.value = 190;
        view.limit = 120;
        alert(&view, &context);
        assert_json(json, "$.kind", "\"vital\"");
        assert_json(json, "$.vital", "\"hr\"");
        assert_json(json, "$.value", "190");
        assert_json(json, "$.limit", "120");
        assert_json(json, "$.text",
                "\"心率 190 次/分, 高于上限 120 张虚构 1号楼501 已等待72秒 编号1042 请接单\"");

        view.group = GROUP_SYSTEM;
        view.class = CLASS_SYSTEM;
        view.cause = SYSTEM_STORE;
        alert(&view, &context);
        assert_json(json, "$.kind", "\"system\"");
        assert_json(json, "$.cause", "\"store\"");
        assert_json(json, "$.vital", "");
        assert_json(json, "$.text", "\"系统: 数据库故障或无响应 已等待72秒 编号1042 请接单\"");

        view = view_sos();
        view.group = GROUP_FIRE;
        view.kind = ALARM_SMOKE;
        view.condition = CONDITION_CLEARED;
        alert(&view, &context);
        assert_json(json, "$.kind", "\"smoke\"");
        assert_json(json, "$.condition", "\"cleared\"");
        assert_non_null(strstr(json, "探测器已恢复, 仍需核实"));
}

static void test_alert_silence_and_place(void **state)
{
        IncidentView view = view_sos();
        NoticeContext context = {
                .now_us = view.opened_us + 300000000, .needs = "accept", .resident = "张虚构"};

        view.group = GROUP_INACTIVITY;
        view.class = CLASS_INACTIVITY;
        view.why = REASON_INACTIVE;
        view.span_us = 43200000000;
        view.sign = SIGN_WATER;
        view.sign_us = view.opened_us - 43200000000;
        assert_non_null(strstr(alert(&view, &context), "\"kind\":\"inactivity\""));
        assert_non_null(
                strstr(json, "\"why\":\"inactive\",\"span\":43200,\"sign\":{\"kind\":\"water\",\"at\":"));
        assert_null(strstr(json, "\"place\""));
        assert_null(strstr(json, "其后有"));
        view.sign = SIGN_MOTION;
        view.sign_us = view.opened_us + 60000000;
        view.condition = CONDITION_CLEARED;
        assert_non_null(strstr(alert(&view, &context), "其后有走动(4分钟前), 仍需核实"));
        view.sign_us = context.now_us;
        assert_non_null(strstr(alert(&view, &context), "其后有走动, 仍需核实"));
        view.sign_us = 0;
        view.class = CLASS_WANDERING;
        view.why = REASON_LEFT;
        view.value = 812;
        view.limit = 500;
        view.located = true;
        view.lat = 34.27110049;
        view.lon = 108.9402;
        view.accuracy_m = 15.2;
        assert_non_null(strstr(alert(&view, &context), "\"kind\":\"wandering\""));
        assert_non_null(strstr(json,
                "\"distance\":812,\"radius\":500,\"place\":{\"lat\":34.2711,\"lon\":108.9402,"
                "\"accuracy\":15},\"map\":\"https://uri.amap.com/marker?position=108.9402,34.2711"
                "&coordinate=wgs84\""));
        assert_non_null(strstr(json, "离开安全范围, 距住处812米"));
        assert_non_null(strstr(json, "已回到范围内, 仍需核实"));
        view.accuracy_m = 0;
        assert_null(strstr(alert(&view, &context), "accuracy"));
}

static void test_alert_after_a_fall(void **state)
{
        IncidentView view = view_sos();
        NoticeContext context = {
                .now_us = view.opened_us + 300000000, .needs = "accept", .resident = "张虚构"};

        view.kind = ALARM_FALL;
        view.class = CLASS_FALL;
        assert_null(strstr(alert(&view, &context), "活动")); /* nobody knows */
        view.sign = SIGN_MOTION;
        view.sign_us = view.opened_us - 60000000;
        assert_non_null(strstr(alert(&view, &context), "跌倒后未见活动"));
        view.sign_us = view.opened_us + 60000000;
        assert_non_null(strstr(alert(&view, &context), "其后有走动(4分钟前), 仍需核实"));
        view.class = CLASS_SOS;
        view.sign_us = view.opened_us - 60000000;
        assert_null(strstr(alert(&view, &context), "活动"));
}

static void test_age(void **state)
{
        static const struct {
                const char *birth, *age;
        } cases[] = {
                {"1941-09-21", "85"}, /* T is 2026-09-21 */
                {"1941-09-22", "84"},
                {"1941", "85"},
                {"1941-03", "85"},
                {"2026-09-21", "0"},
                {"2027-01-01", ""},
                {"1850-01-01", ""},
                {"194", ""},
                {"19410302", ""},
                {"unknown", ""},
                {"", ""},
        };
        IncidentView view = view_sos();
        NoticeContext context = context_sos();

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                context.birth = cases[i].birth;
                assert_json(alert(&view, &context), "$.age", cases[i].age);
        }
        context.birth = NULL;
        assert_json(alert(&view, &context), "$.age", "");
}

/* Whatever the registry holds: it fits, it is JSON, and the text is one line of UTF-8. */
static void test_alert_hostile(void **state)
{
        static char huge[20000], quotes[2000], checkpoint[1025];
        IncidentView view = view_sos();
        NoticeContext context = context_sos();
        const char *const texts[] = {
                "\x01", "\x7f", "\"", "\\", "字", "\xf0\x9f\x86\x98", "\xff", "\n", "\xe5"};

        memset(quotes, '"', sizeof(quotes) - 1);
        memset(checkpoint, '1', sizeof(checkpoint) - 1);
        for (size_t t = 0; t < sizeof(texts) / sizeof(*texts); t++) {
                const size_t size = strlen(texts[t]);

                for (size_t i = 0; i + size < sizeof(huge); i += size)
                        memcpy(huge + i, texts[t], size + 1);
                context.resident = context.birth = context.phone = context.notes = context.grid = huge;
                context.address = context.building = context.floor = context.access = context.device = huge;
                context.owner_code = context.owner_name = context.needs = huge;
                context.worker_code = "w01"; /* a code: str_code() */
                context.accessible = true;
                context.to_phone = huge;
                context.words = (NoticeWords){
                        .text = t % 2 ? quotes : huge, .evidence = quotes, .reason = quotes, .note = quotes};
                context.checkpoint = checkpoint;
                view.overdue = view.open_words = view.by_desk = true;
                view.due_us = view.waiting_us = INT64_MAX;
                view.rating = 5;
                view.tier = 3;
                for (context.n_contacts = 0; context.n_contacts < NOTICE_CONTACTS_MAX; context.n_contacts++)
                        context.contacts[context.n_contacts] =
                                (NoticeContact){.role = ROLE_PROPERTY_GUARD, .name = huge, .phone = huge};
                for (context.n_told = 0; context.n_told < NOTICE_TOLD_MAX; context.n_told++)
                        context.told[context.n_told] =
                                (NoticeTold){.code = huge, .name = huge, .state = "delivered"};
                (void)str_copy(view.event_id, sizeof(view.event_id), huge);
                (void)str_copy(view.source, sizeof(view.source), huge);
                (void)str_copy(view.word, sizeof(view.word), huge);
                (void)str_copy(view.outcome, sizeof(view.outcome), huge);
                view.id = view.last_seq = UINT64_MAX;
                view.presses = view.round = UINT32_MAX;
                view.opened_us = -5;
                view.next_tier_us = view.arrive_by_us = view.handle_by_us = view.reopen_until_us = INT64_MAX;
                for (State s = STATE_ALERTING; s < STATE_MAX; s++) {
                        char text[NOTICE_TEXT_MAX];

                        view.state = s;
                        view.kind = ALARM_UNKNOWN;
                        view.group = s % 2 ? GROUP_REQUEST : GROUP_UNKNOWN;
                        view.request = s % 2 ? REQUEST_STATE_WAITING : REQUEST_STATE_NONE;
                        alert(&view, &context);
                        assert_true(notice_text(&view, &context, text, sizeof(text)));
                        assert_true(str_utf8(text, strlen(text)));
                        for (const char *p = text; *p; p++)
                                assert_true((unsigned char)*p >= 0x20);
                }
        }
}

static void test_alert_names_whom_to_ring(void **state)
{
        IncidentView view = view_sos();
        NoticeContext context = context_sos();

        context.owner_name = "钱示例";
        context.contacts[0] =
                (NoticeContact){.role = ROLE_FAMILY, .name = "张样例", .phone = "000-0000-1101"};
        context.contacts[1] =
                (NoticeContact){.role = ROLE_BUILDING_HEAD, .name = NULL, .phone = "000-0000-1202"};
        context.n_contacts = 2;
        context.told[0] = (NoticeTold){.code = "w02", .name = "钱示例", .state = "seen"};
        context.n_told = 1;
        alert(&view, &context);
        assert_json(json, "$.owner_name", "\"钱示例\"");
        assert_json(json, "$.contacts[0]",
                "{\"role\":\"family\",\"name\":\"张样例\",\"phone\":\"000-0000-1101\"}");
        assert_json(json, "$.contacts[1].role", "\"building-head\"");
        assert_json(json, "$.contacts[1].name", "null");
        assert_json(json, "$.told", "[{\"state\":\"seen\",\"name\":\"钱示例\"}]");
}

static void test_alert_does_not_fit(void **state)
{
        IncidentView view = view_sos();
        NoticeContext context = context_sos();
        size_t n = 7, full = strlen(alert(&view, &context));

        for (size_t cap = 1; cap <= full; cap += 13) {
                char *small = malloc(cap);

                assert_false(notice_json(&view, &context, small, cap, &n));
                assert_int_equal(n, 7);
                (void)notice_text(&view, &context, small, cap);
                assert_true(strlen(small) < cap);
                assert_true(str_utf8(small, strlen(small)));
                free(small);
        }
}

static void assert_text(const IncidentView *view, const NoticeContext *context, const char *expected)
{
        char text[NOTICE_TEXT_MAX];

        assert_true(notice_text(view, context, text, sizeof(text)));
        assert_string_equal(text, expected);
}

static void test_text(void **state)
{
        IncidentView view = view_sos();
        NoticeContext context = context_sos();

        context.address = "1号楼501";
        assert_text(&view, &context, "SOS 呼救 张虚构 1号楼501 已等待72秒 编号1042 请接单");
        context.address = NULL;
        context.now_us = T + 300 * S;
        view.presses = 3;
        assert_text(&view, &context, "SOS 呼救 张虚构 1号楼 5 已等待5分钟 已按3次 编号1042 请接单");
        view.others = 1;
        assert_text(&view, &context,
                "SOS 呼救 张虚构 1号楼 5 已等待5分钟 已按3次 同户另有1起报警 编号1042 请接单");
        view.others = 0;
        view.presses = 1;
        view.cancel_req = true;
        assert_text(&view, &context,
                "SOS 呼救 张虚构 1号楼 5 已等待5分钟 编号1042 住户已取消, 请电话或上门核实 请接单");
        view.cancel_req = false;
        view.late = true;
        context.now_us = T + 5 * 3600 * S;
        assert_text(&view, &context, "【迟到】SOS 呼救 张虚构 1号楼 5 已等待5小时 编号1042 请接单");
        view.late = false;
        view.test = true;
        context.now_us = T + 72 * 3600 * S;
        context.needs = "";
        assert_text(&view, &context, "【测试】SOS 呼救 张虚构 1号楼 5 已等待3天 编号1042 请知悉");
        view.test = false;
        context.now_us = T - 5 * S; /* a clock that was set back */
        assert_text(&view, &context, "SOS 呼救 张虚构 1号楼 5 已等待0秒 编号1042 请知悉");
}

static void test_text_after_acceptance(void **state)
{
        IncidentView view = view_sos();
        NoticeContext context = context_sos();

        context.address = "1号楼501";
        context.owner_code = "w01";
        context.owner_name = "李示例";
        view.state = STATE_ACCEPTED;
        view.arrive_by_us = T + 900 * S;
        context.needs = "arrive";
        assert_text(
                &view, &context, "SOS 呼救 张虚构 1号楼501 72秒前 李示例已接单 编号1042 请在13分钟内到场");
        context.now_us = T + 880 * S;
        assert_text(&view, &context, "SOS 呼救 张虚构 1号楼501 14分钟前 李示例已接单 编号1042 请立即到场");
        context.needs = "";
        context.owner_name = NULL;
        assert_text(&view, &context, "SOS 呼救 张虚构 1号楼501 14分钟前 w01已接单 编号1042 您无需前往");
        context.needs = "accept";
        context.reason = REASON_BACKUP;
        assert_text(&view, &context, "SOS 呼救 张虚构 1号楼501 14分钟前 w01已接单 编号1042 请增援");
        view.state = STATE_ON_SCENE;
        context.needs = "resolve";
        context.reason = REASON_HANDLE_LATE;
        assert_text(&view, &context,
                "SOS 呼救 张虚构 1号楼501 14分钟前 w01已到场 编号1042 处置超时 处置后请办结");
        view.state = STATE_RESOLVED;
        context.needs = "";
        context.reason = REASON_NONE;
        (void)str_copy(view.outcome, sizeof(view.outcome), "hospital");
        assert_text(&view, &context, "SOS 呼救 张虚构 1号楼501 已办结 送医 编号1042");
        (void)str_copy(view.outcome, sizeof(view.outcome), "own_word");
        assert_text(&view, &context, "SOS 呼救 张虚构 1号楼501 已办结 own_word 编号1042");
}

static void test_text_place(void **state)
{
        static const struct {
                const char *address, *building, *place;
        } cases[] = {
                {"示范区示范路1号示范小区1号楼1单元101室", "1号楼", "1号楼1单元101室"},
                {"示范小区11号楼101室", "1号楼", "示范小区11号楼101室"},
                {"示范小区十一号楼101室", "一号楼", "示范小区十一号楼101室"},
                {"11号楼东侧 1号楼101室", "1号楼", "1号楼101室"},
                {"1号楼101室", "1号楼", "1号楼101室"},
                {"Demo Rd 1, B2 101", "B2", "B2 101"},
                {"示范路1号", "7号楼", "示范路1号"},
                {"示范路1号", "", "示范路1号"},
                {"示范路1号", NULL, "示范路1号"},
                {"é1号楼", "1号楼", "1号楼"},
        };
        IncidentView view = view_sos();
        NoticeContext context = context_sos();

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                char expected[256];

                context.address = cases[i].address;
                context.building = cases[i].building;
                (void)snprintf(expected, sizeof(expected), "SOS 呼救 张虚构 %s 已等待72秒 编号1042 请接单",
                        cases[i].place);
                assert_text(&view, &context, expected);
                assert_non_null(strstr(alert(&view, &context), cases[i].address));
        }
}

static void test_what(void **state)
{
        static const struct {
                IncidentView view;
                const char *chinese, *english;
        } cases[] = {
                {{.group = GROUP_HELP, .kind = ALARM_SOS}, "SOS 呼救", "SOS call"},
                {{.group = GROUP_HELP, .kind = ALARM_FALL}, "跌倒", "fall"},
                {{.group = GROUP_HELP, .class = CLASS_CHECK}, "请核实: SOS 呼救", "check: SOS call"},
                {{.group = GROUP_FIRE, .kind = ALARM_SMOKE}, "烟雾报警", "smoke alarm"},
                {{.group = GROUP_FIRE, .kind = ALARM_CO}, "一氧化碳报警", "carbon monoxide alarm"},
                {{.group = GROUP_UNKNOWN, .kind = ALARM_UNKNOWN, .word = "flood"}, "未知类型报警 flood",
                        "alarm of an unknown kind flood"},
                {{.group = GROUP_HELP, .kind = ALARM_UNPARSED}, "无法识别的报警", "unreadable alarm"},
                {{.group = GROUP_HELP, .kind = ALARM_UNPARSED, .word = "gas"}, "无法识别的报警 燃气泄漏报警",
                        "unreadable alarm gas alarm"},
                {{.group = GROUP_VITAL, .vital = VITAL_HR, .value = 190, .limit = 120},
                        "心率 190 次/分, 高于上限 120", "heart rate 190/min above 120"},
                {{.group = GROUP_VITAL, .vital = VITAL_SPO2, .value = 84.5, .limit = 90},
                        "血氧 84.5 %, 低于下限 90", "oxygen saturation 84.5 % below 90"},
                {{.group = GROUP_VITAL, .vital = VITAL_TEMP, .value = 39.25, .limit = 38},
                        "体温 39.25 ℃, 高于上限 38", "temperature 39.25 ℃ above 38"},
                {{.group = GROUP_VITAL, .vital = VITAL_MAX}, "体征异常", "vital sign"},
                {{.group = GROUP_INACTIVITY}, "长时间无活动迹象", "no sign of life for long"},
                {{.group = GROUP_INACTIVITY,
                         .why = REASON_INACTIVE,
                         .span_us = 13 * 3600000000ll,
                         .sign = SIGN_WATER,
                         .sign_us = 1},
                        "长时间无活动迹象, 已13小时, 最后迹象: 用水",
                        "no sign of life for long, 780 min, last sign: water"},
                {{.group = GROUP_INACTIVITY, .why = REASON_IN_BED, .span_us = 11 * 3600000000ll},
                        "到点仍未起床, 已11小时", "still in bed, 660 min"},
                {{.group = GROUP_INACTIVITY,
                         .class = CLASS_WANDERING,
                         .why = REASON_LEFT,
                         .value = 812,
                         .limit = 500},
                        "离开安全范围, 距住处812米", "has left the circle around home, 812 m from it"},
                {{.group = GROUP_FAULT, .class = CLASS_BATTERY}, "设备电量低", "battery low"},
                {{.group = GROUP_FAULT, .class = CLASS_FAULT}, "设备故障", "device fault"},
                {{.group = GROUP_FAULT, .class = CLASS_FAULT, .kind = ALARM_TAMPER}, "设备被拆动",
                        "device tampered with"},
                {{.group = GROUP_SYSTEM, .cause = SYSTEM_BROKER}, "系统: 消息服务器连不上",
                        "system: the broker cannot be reached"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                char text[128];

                notice_what(&cases[i].view, false, text, sizeof(text));
                assert_string_equal(text, cases[i].chinese);
                notice_what(&cases[i].view, true, text, sizeof(text));
                assert_string_equal(text, cases[i].english);
        }
}

/* Every value has words of its own in both languages. */
static void test_words(void **state)
{
        for (int english = 0; english < 2; english++) {
                for (Reason a = REASON_NONE + 1; a < REASON_MAX; a++) {
                        assert_true(notice_reason(a, english)[0] != '\0');
                        for (Reason b = a + 1; b < REASON_MAX; b++)
                                assert_string_not_equal(
                                        notice_reason(a, english), notice_reason(b, english));
                }
                for (int kind = JOURNAL_START; kind <= JOURNAL_TEST; kind++)
                        if (kind != 9 && kind != 56 && kind != 57 && kind != 58 && kind != 59 &&
                                (kind < 13 || kind > 19))
                                assert_true(notice_journal_kind((JournalKind)kind, english)[0] != '\0');
        }
        assert_string_equal(notice_reason(REASON_NONE, false), "");
}

static void test_receipt(void **state)
{
        size_t n = 0;

        assert_true(receipt_json("e-17", RECEIPT_RECORDED, 1042, 88123, json, sizeof(json), &n));
        assert_string_equal(
                json, "{\"id\":\"e-17\",\"result\":\"recorded\",\"incident\":1042,\"seq\":88123}");
        assert_int_equal(n, strlen(json));
        assert_true(receipt_json("", RECEIPT_UNPARSED, 0, 9, json, sizeof(json), &n));
        assert_string_equal(json, "{\"result\":\"unparsed\",\"seq\":9}");
        assert_true(receipt_json(NULL, RECEIPT_RECORDED, 1, 2, json, sizeof(json), &n));
        assert_true(is_json(json, n));
        assert_true(receipt_json(
                "a\"\\\n\x01张", RECEIPT_RECORDED, UINT64_MAX, UINT64_MAX, json, ANSWER_JSON_MAX, &n));
        assert_json(json, "$.id", "\"a\\\"\\\\\\n\\u0001张\"");
        assert_false(receipt_json("e-17", RECEIPT_RECORDED, 1042, 88123, json, 20, &n));
}

static void test_reply(void **state)
{
        static const char owner[CODE_SIZE] = "一二三四五六七八九十一二三四五六七八九十一";
        static char nonce[EVENT_ID_SIZE];
        size_t n = 0;

        assert_true(reply_json("x1", REPLY_OK, STATE_ACCEPTED, REASON_NONE, "w07", 1042, 88124, true,
                REQUEST_STATE_NONE, json, sizeof(json), &n));
        assert_string_equal(json,
                "{\"nonce\":\"x1\",\"result\":\"ok\",\"incident\":1042,\"state\":\"accepted\","
                "\"owner\":\"w07\",\"seq\":88124,\"text\":\"好的 编号1042 已接单\"}");
        assert_int_equal(n, strlen(json));
        assert_true(reply_json("", REPLY_REFUSED, STATE_NONE, REASON_SEVERAL, NULL, 0, 0, true,
                REQUEST_STATE_NONE, json, sizeof(json), &n));
        assert_json(json, "$.nonce", "");
        assert_json(json, "$.state", "");
        assert_json(json, "$.seq", "");
        assert_json(json, "$.reason", "\"several\"");
        assert_json(json, "$.text", "\"未执行: 没有或不止一条未结报警, 请带编号\"");
        assert_true(reply_json("x", REPLY_OK, STATE_ACCEPTED, REASON_HELPER, "w01", 5, 6, false,
                REQUEST_STATE_NONE, json, sizeof(json), &n));
        assert_json(json, "$.recorded", "false");
        assert_json(json, "$.text", "\"好的: 已有人接单, 记为协助 编号5 已接单\"");
        assert_false(reply_json("x1", REPLY_OK, STATE_ACCEPTED, REASON_NONE, "w07", 1, 2, true,
                REQUEST_STATE_NONE, json, 30, &n));

        memset(nonce, 1, sizeof(nonce) - 1);
        for (Reason reason = 0; reason < REASON_MAX; reason++)
                for (State s = 0; s < STATE_MAX; s++)
                        for (ReplyResult result = REPLY_OK; result <= REPLY_REFUSED; result++) {
                                assert_true(reply_json(nonce, result, s, reason, owner, UINT64_MAX,
                                        UINT64_MAX, false, REQUEST_STATE_NONE, json, ANSWER_JSON_MAX, &n));
                                assert_true(is_json(json, n));
                                assert_true(json_at(json, "$.nonce")[0] != '\0');
                        }
        assert_true(reply_json("x", REPLY_OK, STATE_ACCEPTED, REASON_HELPER, owner, 5, 6, false,
                REQUEST_STATE_NONE, json, 240, &n));
        assert_json(json, "$.text", "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_alert),
                cmocka_unit_test(test_alert_access),
                cmocka_unit_test(test_alert_members),
                cmocka_unit_test(test_alert_unknown_place),
                cmocka_unit_test(test_alert_vital_and_system),
                cmocka_unit_test(test_alert_silence_and_place),
                cmocka_unit_test(test_alert_after_a_fall),
                cmocka_unit_test(test_age),
                cmocka_unit_test(test_alert_hostile),
                cmocka_unit_test(test_alert_names_whom_to_ring),
                cmocka_unit_test(test_alert_does_not_fit),
                cmocka_unit_test(test_text),
                cmocka_unit_test(test_text_after_acceptance),
                cmocka_unit_test(test_text_place),
                cmocka_unit_test(test_what),
                cmocka_unit_test(test_words),
                cmocka_unit_test(test_receipt),
                cmocka_unit_test(test_reply),
        };

        return cmocka_run_group_tests(tests, codec_setup, codec_teardown);
}
