/* SPDX-License-Identifier: Apache-2.0 */
/* Words that people write and read, in Chinese and English. Switches have no default: a new value needs its
 * words. */
#include "protocols/codec/codec.h"

#include "base/assert.h"
#include "base/str.h"
#include "protocols/codec/words.h"

#include <string.h>

#define PICK(chinese, english_text) (english ? (english_text) : (chinese))

void words_lower(char *text)
{
        for (; *text; text++)
                if (*text >= 'A' && *text <= 'Z')
                        *text = (char)(*text - 'A' + 'a');
}

/* The first of an outcome is what readers see; the others are what people write as well. Longer before
 * shorter. */
static const struct {
        const char *outcome, *chinese;
} outcomes[] = {
        {"helped", "已帮助"},
        {"hospital", "送医"},
        {"fire_service", "消防"},
        {"false_alarm", "误报"},
        {"no_help_needed", "无需帮助"},
        {"device_fault", "设备故障"},
        {"other", "其他"},
        {"helped", "已帮扶"},
        {"helped", "帮助"},
        {"helped", "已处理"},
        {"helped", "已处置"},
        {"hospital", "已送医"},
        {"hospital", "医院"},
        {"fire_service", "已交消防"},
        {"false_alarm", "误触"},
        {"false_alarm", "误按"},
        {"no_help_needed", "不需要帮助"},
        {"no_help_needed", "不需帮助"},
        {"no_help_needed", "无需"},
        {"device_fault", "故障"},
        {"other", "其它"},
};

const char *words_outcome_parse(const char *text, size_t *ret_size)
{
        for (size_t i = 0; i < sizeof(outcomes) / sizeof(*outcomes); i++)
                if (str_starts(text, outcomes[i].chinese)) {
                        *ret_size = strlen(outcomes[i].chinese);
                        return outcomes[i].outcome;
                }
        return NULL;
}

const char *words_outcome(const char *outcome)
{
        for (size_t i = 0; i < sizeof(outcomes) / sizeof(*outcomes); i++)
                if (str_equal(outcome, outcomes[i].outcome))
                        return outcomes[i].chinese;
        return outcome;
}

const char *words_alarm(AlarmKind kind, bool english)
{
        switch (kind) {
        case ALARM_SOS: return PICK("SOS 呼救", "SOS call");
        case ALARM_CANCEL: return PICK("住户取消", "cancelled by the resident");
        case ALARM_FALL: return PICK("跌倒", "fall");
        case ALARM_SMOKE: return PICK("烟雾报警", "smoke alarm");
        case ALARM_SMOKE_CLEAR: return PICK("烟雾已消散", "smoke cleared");
        case ALARM_HEAT: return PICK("高温报警", "heat alarm");
        case ALARM_HEAT_CLEAR: return PICK("高温已恢复", "heat cleared");
        case ALARM_GAS: return PICK("燃气泄漏报警", "gas alarm");
        case ALARM_GAS_CLEAR: return PICK("燃气已恢复", "gas cleared");
        case ALARM_CO: return PICK("一氧化碳报警", "carbon monoxide alarm");
        case ALARM_CO_CLEAR: return PICK("一氧化碳已恢复", "carbon monoxide cleared");
        case ALARM_TAMPER: return PICK("设备被拆动", "device tampered with");
        case ALARM_FAULT: return PICK("设备故障", "device fault");
        case ALARM_REQUEST: return PICK("服务请求", "request");
        case ALARM_TEST: return PICK("设备测试", "device test");
        case ALARM_UNKNOWN: return PICK("未知类型报警", "alarm of an unknown kind");
        case ALARM_UNPARSED: return PICK("无法识别的报警", "unreadable alarm");
        case ALARM_KIND_MAX: break;
        }
        return PICK("报警", "alarm");
}

static const struct {
        Service service;
        const char *chinese, *english;
} services[] = {
        {SERVICE_CLEAN, "助洁", "cleaning"},
        {SERVICE_MEALS, "助餐", "meals"},
        {SERVICE_BATH, "助浴", "bathing"},
        {SERVICE_MEDICAL, "助医", "medical care"},
        {SERVICE_COMPANY, "陪伴", "company"},
        {SERVICE_ERRAND, "代办", "errands"},
        {SERVICE_OTHER, "其他", "other"},
        {SERVICE_CLEAN, "保洁", ""},
        {SERVICE_CLEAN, "打扫", ""},
        {SERVICE_MEALS, "做饭", ""},
        {SERVICE_MEALS, "送餐", ""},
        {SERVICE_BATH, "洗澡", ""},
        {SERVICE_MEDICAL, "护理", ""},
        {SERVICE_MEDICAL, "康复", ""},
        {SERVICE_COMPANY, "助聊", ""},
        {SERVICE_COMPANY, "探访", ""},
        {SERVICE_ERRAND, "助行", ""},
        {SERVICE_ERRAND, "代购", ""},
};

bool words_service_parse(const char *text, Service *ret)
{
        if (service_parse(text, ret))
                return true;
        for (size_t i = 0; i < sizeof(services) / sizeof(*services); i++)
                if (str_equal(text, services[i].chinese)) {
                        *ret = services[i].service;
                        return true;
                }
        return false;
}

const char *words_cause(SystemCause cause, bool english)
{
        switch (cause) {
        case SYSTEM_BROKER: return PICK("消息服务器连不上", "the broker cannot be reached");
        case SYSTEM_STORE: return PICK("数据库故障或无响应", "the database fails or does not answer");
        case SYSTEM_ROSTER: return PICK("有一级无人可呼叫", "a tier has nobody who can be called");
        case SYSTEM_TAKEOVER:
                return PICK("网关的连接被别人占用", "somebody else uses the gateway's connection");
        case SYSTEM_CHANNEL: return PICK("外呼通道故障", "a program channel fails");
        case SYSTEM_TABLE: return PICK("内部登记表已满", "a table is full");
        case SYSTEM_CLOCK: return PICK("时钟不可信", "the clock cannot be trusted");
        case SYSTEM_CANARY: return PICK("自检报警没有返回", "the synthetic alarm did not come back");
        case SYSTEM_DRILL: return PICK("演练", "drill");
        case SYSTEM_CAUSE_MAX: break;
        }
        return PICK("故障", "failure");
}

const char *words_vital(Vital vital, bool english, const char **ret_unit)
{
        switch (vital) {
        case VITAL_HR: *ret_unit = PICK("次/分", "/min"); return PICK("心率", "heart rate");
        case VITAL_SPO2: *ret_unit = "%"; return PICK("血氧", "oxygen saturation");
        case VITAL_SYS: *ret_unit = "mmHg"; return PICK("收缩压", "systolic pressure");
        case VITAL_DIA: *ret_unit = "mmHg"; return PICK("舒张压", "diastolic pressure");
        case VITAL_TEMP: *ret_unit = "℃"; return PICK("体温", "temperature");
        case VITAL_RESP: *ret_unit = PICK("次/分", "/min"); return PICK("呼吸", "respiration");
        case VITAL_MAX: break;
        }
        *ret_unit = "";
        return PICK("体征", "vital sign");
}

const char *words_state(State state, bool english)
{
        switch (state) {
        case STATE_NONE: return "";
        case STATE_ALERTING: return PICK("待接单", "alerting");
        case STATE_ACCEPTED: return PICK("已接单", "accepted");
        case STATE_ON_SCENE: return PICK("已到场", "on scene");
        case STATE_RESOLVED: return PICK("已办结", "resolved");
        case STATE_CLOSED: return PICK("已关闭", "closed");
        case STATE_MAX: break;
        }
        return "";
}

const char *words_request(RequestState state, bool english)
{
        switch (state) {
        case REQUEST_STATE_NONE: return "";
        case REQUEST_STATE_OPEN: return PICK("待受理", "open");
        case REQUEST_STATE_ASSIGNED: return PICK("已指派", "assigned");
        case REQUEST_STATE_IN_PROGRESS: return PICK("办理中", "in progress");
        case REQUEST_STATE_WAITING: return PICK("等待中", "waiting");
        case REQUEST_STATE_DONE: return PICK("已办完待回访", "done, to be rated");
        case REQUEST_STATE_RATED: return PICK("已评价", "rated");
        case REQUEST_STATE_NOT_ACCEPTED: return PICK("不受理", "not accepted");
        case REQUEST_STATE_MAX: break;
        }
        return "";
}

/* Why somebody is told, and why an action was not carried out, or not as it was meant. */
static const struct {
        const char *chinese, *english;
} reasons[REASON_MAX] = {
        [REASON_NONE] = {"", ""},
        [REASON_OPENED] = {"新报警", "new"},
        [REASON_TIER] = {"前一级未应答, 逐级呼叫", "the tier before has not answered"},
        [REASON_RENOTIFY] = {"仍无人接单", "still nobody has accepted"},
        [REASON_PRESSED] = {"再次呼叫", "pressed again"},
        [REASON_THREE_PRESSES] = {"一分钟内连按三次", "three presses in a minute"},
        [REASON_UPGRADED] = {"情况升级", "upgraded by a more urgent event"},
        [REASON_LOOP] = {"各级都未应答, 重新呼叫所有人", "nobody has answered: everybody is called again"},
        [REASON_EMPTY] = {"这一级无人可呼叫", "nobody of the tier can be reached"},
        [REASON_NO_RECEIPT] = {"消息没有送达", "the message was not delivered"},
        [REASON_ALL_DECLINED] = {"这一级都拒绝了", "everybody of the tier has declined"},
        [REASON_JOINED] = {"现在可以呼叫到", "can be called now"},
        [REASON_REMIND] = {"提醒: 到场时限已过半", "reminder: half of the time to arrive has gone"},
        [REASON_ARRIVE_LATE] = {"未按时到场", "did not arrive in time"},
        [REASON_ARRIVE_MAX] = {"长时间无人到场, 考虑拨打120",
                "nobody on scene for long: consider calling 120"},
        [REASON_RECONFIRM] = {"接单后再次呼叫, 未确认", "pressed again after acceptance, no answer"},
        [REASON_RELEASED] = {"接单人退单", "released by the person who had accepted"},
        [REASON_HANDLE_LATE] = {"处置超时", "not resolved in time"},
        [REASON_REOPENED] = {"重新打开", "reopened"},
        [REASON_STILL_ACTIVE] = {"探测器仍在报警", "the sensor still reports it"},
        [REASON_CANCELLED] = {"住户已取消, 请电话或上门核实",
                "cancelled by the resident: confirm by call or visit"},
        [REASON_CONDITION] = {"探测器状态变化", "the sensor says something else now"},
        [REASON_BACKUP] = {"请求增援", "backup is asked for"},
        [REASON_HANDOVER] = {"请求转交", "handover is asked for"},
        [REASON_LEVEL_UP] = {"上报一级", "raised by one level"},
        [REASON_FIRE119] = {"请决定是否拨打119", "decide whether to call 119"},
        [REASON_HANDED_OFF] = {"已转外部机构", "handed to an agency"},
        [REASON_CATCH_UP] = {"网关停机期间到期, 补发", "due while the gateway was down"},
        [REASON_TEST] = {"测试", "test"},
        [REASON_LIMIT] = {"体征超限", "a vital sign beyond its limit"},
        [REASON_UNKNOWN_SOURCE] = {"来源未登记", "an unregistered source"},
        [REASON_UNPARSED] = {"内容无法识别", "an unreadable message"},
        [REASON_STALE] = {"可能是旧消息, 请核实", "possibly an old message: check"},
        [REASON_LOST] = {"设备失联", "the device is silent"},
        [REASON_BATTERY_LOW] = {"电量低, 请安排更换", "battery low: plan its replacement"},
        [REASON_BATTERY_EMPTY] = {"电量即将耗尽", "the battery is nearly empty"},
        [REASON_MAINS] = {"市电断开", "runs on its battery"},
        [REASON_NOT_WORN] = {"设备未佩戴", "not worn"},
        [REASON_SIGNAL] = {"信号弱", "the signal is weak"},
        [REASON_SKEW] = {"设备时钟不准", "the device's clock is wrong"},
        [REASON_NO_DATA] = {"没有体征数据", "no readings come"},
        [REASON_PROOF] = {"超期未做按键测试", "not tried for too long"},
        [REASON_AREA] = {"片区多台设备同时失联", "many devices of one place are silent"},
        [REASON_SHELVED] = {"已暂停告警", "put aside for a time"},
        [REASON_BUSY_WORKER] = {"网格员手上报警过多, 同时呼叫上级",
                "the worker has too many: more are called at once"},
        [REASON_TRIED] = {"按键测试", "a test press"},
        [REASON_AWAY] = {"住户外出", "the resident is away"},
        [REASON_SUSTAINED] = {"体征持续超限", "a vital sign beyond its limit, and again"},
        [REASON_RATE] = {"体征变化过快", "a vital sign changes too fast"},
        [REASON_SCORE] = {"早期预警评分(NEWS2)升高", "the early warning score (NEWS2) is high"},
        [REASON_VISIT_OPEN] = {"另有一次上门未签离, 请先签离", "another visit is open: check out first"},
        [REASON_NO_VISIT] = {"没有进行中的上门", "no visit is open"},
        [REASON_VISIT_SHORT] = {"时长不足, 不计次", "too short: does not count"},
        [REASON_VISIT_FORGOTTEN] = {"上门后没有签离: 请签离; 超时的不计次, 由社区更正",
                "nobody has checked out: do so now; after the limit it does not count, and a desk corrects it"},
        [REASON_CLOCK] = {"时钟不可信, 时长不明, 由社区更正",
                "the clock could not be believed: how long it was, a desk must say"},
        [REASON_NO_NOTE] = {"请写明理由", "a reason must be given"},
        [REASON_INACTIVE] = {"长时间无活动迹象", "no sign of life for long"},
        [REASON_NO_MOTION] = {"长时间未见走动", "no motion for long"},
        [REASON_NO_WATER] = {"长时间未用水", "no water used for long"},
        [REASON_NO_DOOR] = {"长时间未开门", "the door was not opened for long"},
        [REASON_IN_BED] = {"到点仍未起床", "still in bed"},
        [REASON_HELD] = {"等待本人取消", "waits for the resident to cancel it"},
        [REASON_LEFT] = {"离开安全范围", "has left the circle around home"},
        [REASON_ASSIGNED] = {"指派给您", "assigned to you"},
        [REASON_STARTED] = {"开始办理", "work has begun"},
        [REASON_ASSIGN_LATE] = {"限时内无人受理, 上报一级", "taken by nobody in time: raised by one level"},
        [REASON_LEVEL_LATE] = {"本级限时已过, 督办", "the limit of this level has passed"},
        [REASON_ESCALATED] = {"本级办不了, 已上报", "handed up by a person"},
        [REASON_WAITING] = {"等待条件具备", "waits for something"},
        [REASON_WAIT_OVER] = {"等待期满, 请继续办理", "the time of waiting is over: go on"},
        [REASON_CALL_BACK] = {"已办完, 请回访老人并评价", "done: call the resident and ask"},
        [REASON_RATED] = {"已回访评价", "rated by the resident"},
        [REASON_DISSATISFIED] = {"老人不满意, 上一级重办", "the resident is not satisfied: again, one level up"},
        [REASON_NOT_ACCEPTED] = {"不受理", "not accepted"},
        [REASON_EMERGENCY] = {"内容紧急, 已转 SOS 呼救", "an emergency: an SOS is called besides"},
        [REASON_NO_TEXT] = {"请写明内容、凭据或理由", "say what it is about, the evidence or the reason"},
        [REASON_TOO_LONG] = {"等待时间累计超限", "waiting has a limit in total"},
        [REASON_TOP_LEVEL] = {"已是最高一级", "there is nobody further up"},
        [REASON_NO_INCIDENT] = {"没有这个编号", "no such incident"},
        [REASON_NOT_YOURS] = {"没有呼叫您, 或没有权限", "you were not called, or have no right to this"},
        [REASON_WRONG_STATE] = {"当前状态不能这样操作", "not possible in this state"},
        [REASON_NO_PROOF] = {"缺少到场凭证", "proof of arrival is missing"},
        [REASON_BAD_OUTCOME] = {"没有这个办结结果", "no such outcome"},
        [REASON_STILL_BURNING] = {"火情未解除, 不能办结", "the fire is not cleared"},
        [REASON_SEVERAL] = {"没有或不止一条未结报警, 请带编号", "not exactly one is open: give its number"},
        [REASON_TOO_EARLY] = {"刚有新呼叫, 请带编号重发", "a call has just come: give its number"},
        [REASON_RETAINED] = {"保留消息不执行", "retained actions are not obeyed"},
        [REASON_OPEN_MATTERS] = {"还有未办结的报警, 请先转交或退单",
                "open matters: hand over or release them first"},
        [REASON_OLD_ROUND] = {"回答的是旧的一轮呼叫", "answers an older round"},
        [REASON_NOT_ARRIVED] = {"未到达, 不能办结", "resolve needs an arrival first"},
        [REASON_TWICE] = {"已经做过一次", "already done once"},
        [REASON_UNKNOWN_ACTION] = {"看不懂的操作", "unknown action"},
        [REASON_UNKNOWN_WORKER] = {"人员未登记", "unknown worker"},
        [REASON_BUSY] = {"您手上另有紧急报警, 记为协助",
                "you own another urgent incident: counted as helper"},
        [REASON_HELPER] = {"已有人接单, 记为协助", "somebody else has it: counted as helper"},
        [REASON_BAD_REQUEST] = {"请求无法识别", "the request cannot be read"},
};

const char *words_sign(uint8_t sign, bool english)
{
        static const struct {
                const char *chinese, *english;
        } words[SIGN_MAX] = {[SIGN_MOTION] = {"走动", "motion"},
                [SIGN_BED] = {"起卧", "the bed"},
                [SIGN_WATER] = {"用水", "water"},
                [SIGN_DOOR] = {"开关门", "the door"},
                [SIGN_BUTTON] = {"按键", "a button"}};

        ASSERT(sign < SIGN_MAX);
        return PICK(words[sign].chinese, words[sign].english);
}

const char *notice_reason(Reason reason, bool english)
{
        ASSERT(reason < REASON_MAX);
        ASSERT(reasons[reason].chinese); /* a test goes through all of them */
        return PICK(reasons[reason].chinese, reasons[reason].english);
}

const char *notice_journal_kind(JournalKind kind, bool english)
{
        switch (kind) {
        case JOURNAL_START: return PICK("网关启动", "gateway started");
        case JOURNAL_STOP: return PICK("网关停止", "gateway stopped");
        case JOURNAL_REGISTRY: return PICK("登记资料更新", "registry replaced");
        case JOURNAL_CONFIG: return PICK("配置更新", "configuration changed");
        case JOURNAL_CLOCK: return PICK("时钟变化", "clock changed");
        case JOURNAL_STORAGE: return PICK("存储降级期", "storage was degraded");
        case JOURNAL_ADMIN: return PICK("管理操作", "administration");
        case JOURNAL_SYSTEM: return PICK("系统故障变化", "system cause");
        case JOURNAL_EVENT: return PICK("收到设备消息", "device message");
        case JOURNAL_READING: return PICK("体征超限读数", "reading beyond a limit");
        case JOURNAL_DEVICE: return PICK("设备监护变化", "device supervision");
        case JOURNAL_OPENED: return PICK("报警打开", "opened");
        case JOURNAL_TIER: return PICK("呼叫下一级", "next tier");
        case JOURNAL_LOOP: return PICK("新一轮呼叫所有级", "all tiers again");
        case JOURNAL_NOTIFIED: return PICK("已呼叫", "notified");
        case JOURNAL_ATTEMPT: return PICK("呼叫失败", "attempt failed");
        case JOURNAL_DELIVERED: return PICK("已送达", "delivered");
        case JOURNAL_SEEN: return PICK("已看到", "seen");
        case JOURNAL_ACCEPTED: return PICK("接单", "accepted");
        case JOURNAL_HELPER: return PICK("协助", "helper");
        case JOURNAL_DECLINED: return PICK("拒绝", "declined");
        case JOURNAL_ARRIVED: return PICK("到达", "arrived");
        case JOURNAL_RESUMED: return PICK("恢复呼叫", "calling resumed");
        case JOURNAL_RELEASED: return PICK("退单", "released");
        case JOURNAL_RESOLVED: return PICK("办结", "resolved");
        case JOURNAL_REOPENED: return PICK("重新打开", "reopened");
        case JOURNAL_CLOSED: return PICK("关闭", "closed");
        case JOURNAL_CANCEL: return PICK("住户取消", "cancelled by the resident");
        case JOURNAL_CONDITION: return PICK("探测器状态变化", "sensor condition");
        case JOURNAL_PRESSED: return PICK("再次呼叫", "pressed again");
        case JOURNAL_UPGRADED: return PICK("情况升级", "upgraded");
        case JOURNAL_REMINDED: return PICK("提醒", "reminded");
        case JOURNAL_EXTENDED: return PICK("延长到场时限", "time to arrive extended");
        case JOURNAL_HANDOVER: return PICK("请求转交", "handover asked for");
        case JOURNAL_HANDOFF: return PICK("转外部机构", "handed to an agency");
        case JOURNAL_CONFIRMED: return PICK("外部机构已确认", "agency has confirmed");
        case JOURNAL_BACKUP: return PICK("请求增援", "backup asked for");
        case JOURNAL_FIRE119: return PICK("119 决定", "decision about 119");
        case JOURNAL_SKIPPED: return PICK("跳过无人的一级", "empty tier skipped");
        case JOURNAL_REFUSED: return PICK("操作未执行", "action refused");
        case JOURNAL_DUTY: return PICK("在岗离岗", "duty");
        case JOURNAL_PRESENCE: return PICK("手机在线变化", "presence");
        case JOURNAL_ARRIVE_MAX: return PICK("长时间无人到场", "nobody on scene for long");
        case JOURNAL_HANDLE_LATE: return PICK("处置超时", "not resolved in time");
        case JOURNAL_RECONFIRM: return PICK("请接单人确认", "owner asked to confirm");
        case JOURNAL_COMING: return PICK("正在赶来", "coming");
        case JOURNAL_LINKED: return PICK("关联", "linked");
        case JOURNAL_AUDIT: return PICK("自查补救", "found and mended by the auditor");
        case JOURNAL_TEST: return PICK("测试", "test");
        case JOURNAL_CANARY: return PICK("通路自检", "canary");
        case JOURNAL_VISIT_IN: return PICK("上门", "visit began");
        case JOURNAL_VISIT_OUT: return PICK("离开", "visit ended");
        case JOURNAL_VISIT_FORGOTTEN: return PICK("上门未签离", "visit without check-out");
        case JOURNAL_VISIT_FIXED: return PICK("上门更正", "visit corrected");
        case JOURNAL_VIEWED: return PICK("查看", "looked at");
        case JOURNAL_REQUESTED: return PICK("登记诉求", "request written down");
        case JOURNAL_WAITING: return PICK("等待", "waiting");
        case JOURNAL_RATED: return PICK("回访评价", "rated");
        case JOURNAL_RECLASSED: return PICK("改难易类别", "class changed");
        case JOURNAL_NOT_ACCEPTED: return PICK("不受理", "not accepted");
        case JOURNAL_ESCALATED: return PICK("上报", "handed up");
        }
        return "";
}
