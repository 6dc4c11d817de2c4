/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is sent to people and devices: alerts, receipts, replies.
 *
 * An alert says where the matter stands now, not what has changed: receivers fold by (incident, seq), and
 * whoever joins late reads one message. Its text line must be understood in two seconds by somebody who is
 * on a ladder or a scooter: what, who, where, how long ago, number, what to do; in this order, because the
 * end is what a small screen cuts. How to get in (access) is told only to who has accepted.
 *
 * Texts of the registry are cut before they are written, so that an alert always fits in NOTICE_JSON_MAX: a
 * notice that does not fit would be a call that is not made.
 */
#include "protocols/codec/codec.h"

#include "base/assert.h"
#include "base/parse.h"
#include "base/str.h"
#include "protocols/codec/notice.h"
#include "protocols/codec/words.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Bytes of a text of the registry in an alert, without NUL. */
#define CUT_SHORT 128
#define CUT_LONG  1000

#define S_US 1000000

/* ---- pieces ---- */

/* One printf() a notice costs more than the rest of it: what stands in every notice is put together by hand. */
static void add_count(Str *s, const char *before, uint64_t n, const char *after)
{
        str_add(s, before);
        str_u64(s, n);
        str_add(s, after);
}

static void add_word(Str *s, const char *before, const char *word, const char *after)
{
        str_add(s, before);
        str_add(s, word);
        str_add(s, after);
}

/* Unix seconds with up to three decimals. */
void notice_time(Str *s, int64_t us)
{
        int64_t ms = (us > 0 ? us : 0) / 1000;
        unsigned part = (unsigned)(ms % 1000);
        char digits[] = {
                '.', (char)('0' + part / 100), (char)('0' + part / 10 % 10), (char)('0' + part % 10)};
        size_t n = sizeof(digits);

        str_i64(s, ms / 1000);
        if (part == 0)
                return;
        while (digits[n - 1] == '0')
                n--;
        str_addn(s, digits, n);
}

/* A name and a text; null when there is none. */
static void add_member(Str *s, const char *name, const char *text, size_t max)
{
        char cut[CUT_LONG + 1];

        ASSERT(max < sizeof(cut));
        add_word(s, ",\"", name, "\":");
        if (text)
                (void)str_copy(cut, max + 1, text); /* cut is what we want */
        str_json(s, text ? cut : NULL);
}

/* A piece of the text line: one space before it, control characters (a line break in a CSV cell) become
 * spaces. */
void notice_piece(Str *s, const char *text, size_t max)
{
        char cut[CUT_LONG + 1];

        ASSERT(max < sizeof(cut));
        if (!text || text[0] == '\0')
                return;
        (void)str_copy(cut, max + 1, text); /* cut is what we want */
        if (!str_utf8(cut, strlen(cut)))
                return;
        for (char *p = cut; *p; p++)
                if ((unsigned char)*p < 0x20 || *p == 0x7f)
                        *p = ' ';
        if (s->n > 0)
                str_add(s, " ");
        str_add(s, cut);
}

void notice_span(Str *s, int64_t us)
{
        int64_t seconds = us > 0 ? us / S_US : 0;

        if (seconds < 120)
                add_count(s, "", (uint64_t)seconds, "秒");
        else if (seconds < 120 * 60)
                add_count(s, "", (uint64_t)(seconds / 60), "分钟");
        else if (seconds < 48 * 3600)
                add_count(s, "", (uint64_t)(seconds / 3600), "小时");
        else
                add_count(s, "", (uint64_t)(seconds / 86400), "天");
}

static bool is_vital(const IncidentView *view)
{
        return view->group == GROUP_VITAL && view->vital < VITAL_MAX;
}

/* Whole years at `now`; -1: not known. "1941-03-02", "1941-03" and "1941" are found in registries. */
static int age_of(const char *birth, int64_t now_us)
{
        /* A day's error around a birthday does not matter: so UTC will do. */
        uint32_t weekday, minute, today, born, year;
        char text[5];
        int age;

        if (!birth)
                return -1;
        clock_local((Now){.wall_us = now_us}, &weekday, &minute, &today);
        if (parse_date(birth, &born)) {
                age = (int)(today / 10000) - (int)(born / 10000);
                age -= today % 10000 < born % 10000;
        } else {
                (void)str_copyn(text, sizeof(text), birth, 4); /* a shorter one fails below */
                if (strlen(text) != 4 || !parse_u32(text, 9999, &year) ||
                        (birth[4] != '\0' && birth[4] != '-'))
                        return -1;
                age = (int)(today / 10000) - (int)year;
        }
        return age >= 0 && age <= 130 ? age : -1;
}

/* The wire word of what happened: that of the device, where a device's word says it. */
const char *notice_kind(const IncidentView *view)
{
        switch (view->group) {
        case GROUP_VITAL: return "vital";
        case GROUP_INACTIVITY: return view->class == CLASS_WANDERING ? "wandering" : "inactivity";
        case GROUP_SYSTEM: return "system";
        case GROUP_FAULT:
                if (view->class == CLASS_BATTERY)
                        return "battery";
                return view->kind == ALARM_TAMPER ? "tamper" : "fault";
        case GROUP_HELP:
        case GROUP_FIRE:
        case GROUP_REQUEST:
        case GROUP_UNKNOWN: return alarm_kind_word(view->kind);
        case GROUP_MAX: break;
        }
        return "unknown";
}

/* ---- what happened ---- */

static void what_vital(Str *s, const IncidentView *view, bool english)
{
        const bool above = view->value > view->limit;
        const char *unit, *name = words_vital(view->vital, english, &unit);

        str_add(s, name);
        str_add(s, " ");
        str_number(s, view->value);
        if (!english || unit[0] != '/')
                str_add(s, " ");
        str_add(s, unit);
        if (view->why == REASON_SCORE || isnan(view->limit)) {
                str_addf(s, english ? ", NEWS2 %u%s" : ", NEWS2评分%u%s", view->score,
                        !view->partial ? ""
                        : english      ? " or more"
                                       : "分以上");
                return;
        }
        if (view->why == REASON_RATE) {
                str_add(s, english ? ", ten minutes ago at most " : ", 十分钟内原为 ");
                str_number(s, view->limit);
                return;
        }
        str_add(s, english ? (above ? " above " : " below ") : (above ? ", 高于上限 " : ", 低于下限 "));
        str_number(s, view->limit);
        if (view->span_us >= 30 * (int64_t)S_US) {
                str_add(s, english ? " for " : ", 已持续");
                if (english)
                        str_addf(s, "%" PRId64 " s", view->span_us / (int64_t)S_US);
                else
                        notice_span(s, view->span_us);
        }
}

/* How long already, what was the last sign of life; how far from home. */
static void what_inactivity(Str *s, const IncidentView *view, bool english)
{
        str_add(s, notice_reason(view->why >= REASON_NO_MOTION && view->why <= REASON_LEFT ? view->why
                                                                                           : REASON_INACTIVE,
                           english));
        if (view->why == REASON_LEFT) {
                str_add(s, english ? ", " : ", 距住处");
                str_number(s, view->value);
                str_add(s, english ? " m from it" : "米");
                return;
        }
        if (view->span_us > 0) {
                str_add(s, english ? ", " : ", 已");
                if (english)
                        str_addf(s, "%" PRId64 " min", view->span_us / (60 * (int64_t)S_US));
                else
                        notice_span(s, view->span_us);
        }
        if (view->why == REASON_INACTIVE && view->sign_us > 0 && view->sign < SIGN_MAX) {
                str_add(s, english ? ", last sign: " : ", 最后迹象: ");
                str_add(s, words_sign(view->sign, english));
        }
}

static void what_fault(Str *s, const IncidentView *view, bool english)
{
        if (view->why >= REASON_LOST && view->why < REASON_MAX)
                str_add(s, notice_reason(view->why, english));
        else if (view->class == CLASS_BATTERY)
                str_add(s, english ? "battery low" : "设备电量低");
        else
                str_add(s, words_alarm(view->kind == ALARM_TAMPER ? ALARM_TAMPER : ALARM_FAULT, english));
}

static void what_alarm(Str *s, const IncidentView *view, bool english)
{
        AlarmKind meant;

        if (view->class == CLASS_CHECK)
                str_add(s, english ? "check: " : "请核实: ");
        str_add(s, words_alarm(view->kind, english));
        if (view->kind == ALARM_UNKNOWN)
                notice_piece(s, view->word, WORD_SIZE);
        else if (view->kind == ALARM_UNPARSED) /* the word of a CoAP path, whose body was garbage */
                notice_piece(s,
                        alarm_kind_parse(view->word, &meant) ? words_alarm(meant, english) : view->word,
                        CUT_SHORT);
}

void notice_what(const IncidentView *view, bool english, char *ret, size_t cap)
{
        Str s = {.p = ret, .cap = cap};

        ASSERT(cap > 0);
        ret[0] = '\0';
        switch (view->group) {
        case GROUP_VITAL:
                if (is_vital(view))
                        what_vital(&s, view, english);
                else
                        str_add(&s, english ? "vital sign" : "体征异常");
                break;
        case GROUP_INACTIVITY: what_inactivity(&s, view, english); break;
        case GROUP_SYSTEM:
                str_add(&s, english ? "system: " : "系统: ");
                str_add(&s, words_cause(view->cause, english));
                break;
        case GROUP_FAULT: what_fault(&s, view, english); break;
        case GROUP_HELP:
        case GROUP_FIRE:
        case GROUP_REQUEST:
        case GROUP_UNKNOWN: what_alarm(&s, view, english); break;
        case GROUP_MAX: break;
        }
}

/* ---- the text line ---- */

const char *notice_owner(const NoticeContext *context)
{
        if (context->owner_name && context->owner_name[0] != '\0')
                return context->owner_name;
        return context->owner_code ? context->owner_code : "";
}

/*
 * The address from its building on: a worker knows his streets, and the whole of it stands in the alert. "1号楼" must
 * not be found in "11号楼", nor "一号楼" in "十一号楼".
 */
static const char *near_address(const char *address, const char *building)
{
        static const char *const numerals = "零一二三四五六七八九十百";

        if (!building || building[0] == '\0')
                return address;
        for (const char *p = address; (p = strstr(p, building)); p++) {
                char before[4] = "";

                if (p == address)
                        return p;
                if ((unsigned char)p[-1] < 0x80) {
                        if (p[-1] == ' ' || p[-1] == ',' || p[-1] == '-')
                                return p;
                        continue;
                }
                if (p - address >= 3)
                        memcpy(before, p - 3, 3);
                if (before[0] == '\0' || !strstr(numerals, before))
                        return p;
        }
        return address;
}

static void text_where(Str *s, const IncidentView *view, const NoticeContext *context)
{
        if (view->group == GROUP_SYSTEM)
                return;
        notice_piece(s, context->resident, 64);
        if (context->address && context->address[0] != '\0')
                notice_piece(s, near_address(context->address, context->building), 160);
        else if (context->building && context->building[0] != '\0') {
                notice_piece(s, context->building, 64);
                notice_piece(s, context->floor, 32);
        }
        if (view->unknown_source || (!context->resident && !context->address && !context->building)) {
                notice_piece(s, view->unknown_source ? "未登记设备" : "设备", 32);
                notice_piece(s, context->device ? context->device : view->source, 63);
        }
}

static void text_state(Str *s, const IncidentView *view, const NoticeContext *context)
{
        if (view->request != REQUEST_STATE_NONE) {
                request_text_state(s, view, context);
                return;
        }
        switch (view->state) {
        case STATE_ALERTING:
                str_add(s, " 已等待");
                notice_span(s, context->now_us - view->opened_us);
                break;
        case STATE_ACCEPTED:
        case STATE_ON_SCENE:
                str_add(s, " ");
                notice_span(s, context->now_us - view->opened_us);
                str_add(s, "前");
                notice_piece(s, notice_owner(context), 64);
                str_add(s, words_state(view->state, false));
                break;
        case STATE_RESOLVED:
        case STATE_CLOSED:
                notice_piece(s, words_state(view->state, false), 32);
                notice_piece(s, words_outcome(view->outcome), WORD_SIZE);
                break;
        case STATE_NONE:
        case STATE_MAX: break;
        }
        if (view->presses > 1)
                add_count(s, " 已按", view->presses, "次");
        if (view->group == GROUP_FIRE && view->condition == CONDITION_CLEARED)
                str_add(s, " 探测器已恢复, 仍需核实");
        if (view->sign_us >= view->opened_us && view->sign_us > 0 && view->group != GROUP_FIRE) {
                str_addf(s, " 其后有%s", words_sign(view->sign, false));
                if (context->now_us - view->sign_us >= 60 * (int64_t)S_US) {
                        str_add(s, "(");
                        notice_span(s, context->now_us - view->sign_us);
                        str_add(s, "前)");
                }
                str_add(s, ", 仍需核实");
        } else if (view->class == CLASS_FALL && view->sign_us > 0)
                str_add(s, " 跌倒后未见活动");
        if (view->group == GROUP_INACTIVITY && view->why == REASON_LEFT &&
                view->condition == CONDITION_CLEARED)
                str_add(s, " 已回到范围内, 仍需核实");
        if (view->away == AWAY_HOSPITAL)
                str_add(s, " 登记为住院");
        else if (view->away == AWAY_OUT)
                str_add(s, " 登记为外出");
        if (view->others > 0)
                str_addf(s, " 同户另有%u起报警", view->others);
}

/* Reasons that change what the reader should do; the others only explain the call. */
static bool reason_matters(Reason reason)
{
        return reason == REASON_ARRIVE_MAX || reason == REASON_STILL_ACTIVE || reason == REASON_FIRE119 ||
               reason == REASON_HANDLE_LATE || reason == REASON_RECONFIRM || reason == REASON_STALE;
}

/* What is asked of the reader. */
static void text_ask(Str *s, const IncidentView *view, const NoticeContext *context)
{
        const char *needs = context->needs ? context->needs : "";
        int64_t left = view->arrive_by_us - context->now_us;

        if (view->request != REQUEST_STATE_NONE) {
                request_text_ask(s, view, context);
                return;
        }
        if (view->cancel_req && view->state == STATE_ALERTING)
                str_add(s, " 住户已取消, 请电话或上门核实");
        if (reason_matters(context->reason))
                notice_piece(s, notice_reason(context->reason, false), CUT_SHORT);
        if (str_equal(needs, "accept"))
                str_add(s, view->state == STATE_ALERTING ? " 请接单" : " 请增援");
        else if (str_equal(needs, "arrive") && view->arrive_by_us > 0 && left >= 60 * (int64_t)S_US)
                str_addf(s, " 请在%" PRId64 "分钟内到场", left / (60 * (int64_t)S_US));
        else if (str_equal(needs, "arrive"))
                str_add(s, " 请立即到场");
        else if (str_equal(needs, "resolve"))
                str_add(s, " 处置后请办结");
        else if (view->state == STATE_ALERTING)
                str_add(s, " 请知悉");
        else if (view->state == STATE_ACCEPTED || view->state == STATE_ON_SCENE)
                str_add(s, " 您无需前往");
}

bool notice_text(const IncidentView *view, const NoticeContext *context, char *ret, size_t cap)
{
        Str s = {.p = ret, .cap = cap};
        char what[192];

        ASSERT(cap > 0);
        ret[0] = '\0';
        if (view->test)
                str_add(&s, "【测试】");
        if (view->late)
                str_add(&s, "【迟到】");
        notice_what(view, false, what, sizeof(what));
        str_add(&s, what);
        text_where(&s, view, context);
        text_state(&s, view, context);
        add_count(&s, " 编号", view->id, "");
        text_ask(&s, view, context);
        return !s.full;
}

/* ---- the alert ---- */

static void add_degrees(Str *s, double degrees)
{
        str_number(s, round(degrees * 1e6) / 1e6); /* a tenth of a metre */
}

/* Where he is, and a map of it: Chinese maps are shifted, so the link says that these are the degrees of GPS. */
static void json_place(Str *s, const IncidentView *view)
{
        str_add(s, ",\"place\":{\"lat\":");
        add_degrees(s, view->lat);
        str_add(s, ",\"lon\":");
        add_degrees(s, view->lon);
        if (view->accuracy_m > 0) {
                str_add(s, ",\"accuracy\":");
                str_number(s, round(view->accuracy_m));
        }
        str_add(s, "},\"map\":\"https://uri.amap.com/marker?position=");
        add_degrees(s, view->lon);
        str_add(s, ",");
        add_degrees(s, view->lat);
        str_add(s, "&coordinate=wgs84\"");
}

static void json_what(Str *s, const IncidentView *view)
{
        add_count(s, "\"incident\":", view->id, ",\"kind\":");
        str_json(s, notice_kind(view));
        add_count(s, ",\"priority\":", view->priority, ",\"state\":\"");
        str_add(s, state_word(view->state));
        add_count(s, "\",\"tier\":", view->tier, "");
        add_count(s, ",\"round\":", view->round, ",\"opened\":");
        notice_time(s, view->opened_us);
        if (view->condition != CONDITION_NONE)
                str_addf(s, ",\"condition\":\"%s\"", condition_word(view->condition));
        if (is_vital(view)) {
                str_addf(s, ",\"vital\":\"%s\",\"value\":", vital_word((Vital)view->vital));
                str_number(s, view->value);
                if (!isnan(view->limit)) {
                        str_add(s, ",\"limit\":");
                        str_number(s, view->limit);
                }
                str_addf(s, ",\"why\":\"%s\"", reason_word(view->why));
                if (view->span_us > 0)
                        str_addf(s, ",\"span\":%" PRId64, view->span_us / (int64_t)S_US);
                if (!isnan(view->trend) && fabs(view->trend) < 1e6) {
                        str_add(s, ",\"trend\":"); /* in an hour */
                        str_number(s, round(view->trend * 10) / 10);
                }
                if (view->score)
                        str_addf(s, ",\"news2\":%u,\"news2_partial\":%s", view->score,
                                view->partial ? "true" : "false");
        }
        if (view->group == GROUP_INACTIVITY) {
                str_addf(s, ",\"why\":\"%s\"", reason_word(view->why));
                if (view->why == REASON_LEFT) {
                        str_add(s, ",\"distance\":");
                        str_number(s, view->value);
                        str_add(s, ",\"radius\":");
                        str_number(s, view->limit);
                } else if (view->span_us > 0)
                        str_addf(s, ",\"span\":%" PRId64, view->span_us / (int64_t)S_US);
        }
        if (view->sign_us > 0 && view->sign < SIGN_MAX) {
                str_addf(s, ",\"sign\":{\"kind\":\"%s\",\"at\":", sign_word((SignKind)view->sign));
                notice_time(s, view->sign_us);
                str_add(s, "}");
        }
        if (view->located)
                json_place(s, view);
        if (view->group == GROUP_SYSTEM)
                str_addf(s, ",\"cause\":\"%s\"", system_cause_word(view->cause));
}

static void json_where(Str *s, const IncidentView *view, const NoticeContext *context)
{
        const char *device = context->device ? context->device : view->source;
        int age = age_of(context->birth, context->now_us);

        add_member(s, "device", device[0] != '\0' ? device : NULL, CODE_SIZE);
        add_member(s, "event", view->event_id[0] != '\0' ? view->event_id : NULL, EVENT_ID_SIZE);
        add_count(s, ",\"presses\":", view->presses, "");
        add_member(s, "name", context->resident, CUT_SHORT);
        if (age >= 0)
                add_count(s, ",\"age\":", (uint64_t)age, "");
        add_member(s, "address", context->address, CUT_LONG);
        add_member(s, "grid", context->grid, CUT_SHORT);
        add_member(s, "phone", context->phone, CUT_SHORT);
        add_member(s, "notes", context->notes, CUT_LONG);
        if (context->accessible && context->access)
                add_member(s, "access", context->access, CUT_LONG);
}

static void json_limits(Str *s, const IncidentView *view)
{
        const struct {
                const char *name;
                int64_t us;
        } limits[] = {
                {"next_tier", view->next_tier_us},
                {"arrive_by", view->arrive_by_us},
                {"handle_by", view->handle_by_us},
                {"reopen_until", view->reopen_until_us},
        };
        const char *comma = "";

        str_add(s, ",\"limits\":{");
        for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
                if (limits[i].us <= 0)
                        continue;
                str_add(s, comma);
                add_word(s, "\"", limits[i].name, "\":");
                notice_time(s, limits[i].us);
                comma = ",";
        }
        str_add(s, "}");
}

static void json_contacts(Str *s, const NoticeContext *context)
{
        ASSERT(context->n_contacts <= NOTICE_CONTACTS_MAX);
        for (uint32_t i = 0; i < context->n_contacts; i++) {
                add_word(s, i > 0 ? ",{\"role\":\"" : ",\"contacts\":[{\"role\":\"",
                        role_word(context->contacts[i].role), "\"");
                add_member(s, "name", context->contacts[i].name, 64);
                add_member(s, "phone", context->contacts[i].phone, 40);
                str_add(s, "}");
        }
        if (context->n_contacts > 0)
                str_add(s, "]");
}

static void json_told(Str *s, const NoticeContext *context)
{
        ASSERT(context->n_told <= NOTICE_TOLD_MAX);
        for (uint32_t i = 0; i < context->n_told; i++) {
                const char *name = context->told[i].name;

                add_word(s, i > 0 ? ",{\"state\":\"" : ",\"told\":[{\"state\":\"", context->told[i].state,
                        "\"");
                add_member(s, "name", name && name[0] != '\0' ? name : context->told[i].code, 64);
                str_add(s, "}");
        }
        if (context->n_told > 0)
                str_add(s, "]");
}

static const char *flag(bool value)
{
        return value ? "true" : "false";
}

bool notice_json(
        const IncidentView *view, const NoticeContext *context, char *ret, size_t cap, size_t *ret_size)
{
        Str s = {.p = ret, .cap = cap};
        Reason reason = context->reason != REASON_NONE ? context->reason : view->reason;
        char text[NOTICE_TEXT_MAX];

        (void)notice_text(view, context, text, sizeof(text)); /* a cut line is still a call */
        str_add(&s, "{");
        json_what(&s, view);
        json_where(&s, view, context);
        add_member(&s, "needs", context->needs ? context->needs : "", WORD_SIZE);
        add_member(&s, "owner", context->owner_code, CODE_SIZE);
        if (context->owner_name && context->owner_name[0] != '\0')
                add_member(&s, "owner_name", context->owner_name, 64);
        json_contacts(&s, context);
        json_told(&s, context);
        json_limits(&s, view);
        if (view->request != REQUEST_STATE_NONE)
                request_json(&s, view, &context->words);
        add_count(&s, ",\"links\":", view->others, "");
        add_member(&s, "reason", reason_word(reason), WORD_SIZE);
        add_word(&s, ",\"late\":", flag(view->late), "");
        add_word(&s, ",\"test\":", flag(view->test), "");
        add_word(&s, ",\"recorded\":", flag(context->recorded), ",\"seq\":");
        str_i64(&s, context->notice_seq);
        str_add(&s, ",\"sent\":");
        notice_time(&s, context->now_us);
        if (context->checkpoint)
                str_addf(&s, ",\"checkpoint\":%s", context->checkpoint);
        if (context->to_phone) {
                str_add(&s, ",\"to\":{\"worker\":");
                str_json(&s, context->worker_code ? context->worker_code : "");
                add_member(&s, "phone", context->to_phone, CUT_SHORT);
                str_add(&s, "}");
        }
        add_member(&s, "text", text, NOTICE_TEXT_MAX);
        str_add(&s, "}");
        if (s.full)
                return false;
        *ret_size = s.n;
        return true;
}

/* ---- answers ---- */

bool receipt_json(const char *event_id, ReceiptResult result, uint64_t incident, uint64_t seq, char *ret,
        size_t cap, size_t *ret_size)
{
        Str s = {.p = ret, .cap = cap};

        str_add(&s, "{");
        if (event_id && event_id[0] != '\0') {
                str_add(&s, "\"id\":");
                str_json(&s, event_id);
                str_add(&s, ",");
        }
        str_addf(&s, "\"result\":\"%s\"", receipt_result_word(result));
        if (incident > 0)
                str_addf(&s, ",\"incident\":%" PRIu64, incident);
        str_addf(&s, ",\"seq\":%" PRIu64 "}", seq);
        if (s.full)
                return false;
        *ret_size = s.n;
        return true;
}

/* The answer as a person reads it who typed a word command. */
static void reply_text(ReplyResult result, State state, RequestState request, Reason reason,
        uint64_t incident, char *ret, size_t cap)
{
        Str s = {.p = ret, .cap = cap};

        ret[0] = '\0';
        switch (result) {
        case REPLY_OK: str_add(&s, "好的"); break;
        case REPLY_STALE: str_add(&s, "已过时, 未执行"); break;
        case REPLY_REFUSED: str_add(&s, "未执行"); break;
        }
        if (reason != REASON_NONE)
                str_addf(&s, ": %s", notice_reason(reason, false));
        if (incident > 0)
                str_addf(&s, " 编号%" PRIu64, incident);
        if (incident > 0 && state != STATE_NONE)
                str_addf(&s, " %s",
                        request != REQUEST_STATE_NONE ? words_request(request, false)
                                                      : words_state(state, false));
}

static void reply_write(Str *s, const char *nonce, ReplyResult result, State state, RequestState request,
        Reason reason, const char *owner, uint64_t incident, uint64_t seq, bool recorded)
{
        str_add(s, "{");
        if (nonce && nonce[0] != '\0') {
                str_add(s, "\"nonce\":");
                str_json(s, nonce);
                str_add(s, ",");
        }
        str_addf(s, "\"result\":\"%s\"", reply_result_word(result));
        if (incident > 0)
                str_addf(s, ",\"incident\":%" PRIu64, incident);
        if (state != STATE_NONE)
                str_addf(s, ",\"state\":\"%s\"", state_word(state));
        if (request != REQUEST_STATE_NONE)
                str_addf(s, ",\"request\":\"%s\"", request_state_word(request));
        if (owner && owner[0] != '\0')
                add_member(s, "owner", owner, CODE_SIZE - 1);
        if (reason != REASON_NONE)
                add_member(s, "reason", reason_word(reason), WORD_SIZE);
        if (!recorded)
                str_add(s, ",\"recorded\":false");
        if (seq > 0)
                str_addf(s, ",\"seq\":%" PRIu64, seq);
}

bool reply_json(const char *nonce, ReplyResult result, State state, Reason reason, const char *owner,
        uint64_t incident, uint64_t seq, bool recorded, RequestState request, char *ret, size_t cap,
        size_t *ret_size)
{
        Str s = {.p = ret, .cap = cap}, before;
        char text[256];

        reply_text(result, state, request, reason, incident, text, sizeof(text));
        reply_write(&s, nonce, result, state, request, reason, owner, incident, seq, recorded);
        before = s;
        add_member(&s, "text", text, sizeof(text));
        str_add(&s, "}");
        if (s.full) { /* a nonce full of control characters: better no text than no answer */
                s = before;
                str_add(&s, "}");
        }
        if (s.full)
                return false;
        *ret_size = s.n;
        return true;
}
