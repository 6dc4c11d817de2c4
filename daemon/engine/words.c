/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the wire, the journal and the configuration. One table for each enumeration, indexed by it. */
#include "base/assert.h"
#include "base/str.h"
#include "engine/effect.h"

#define N(table) (sizeof(table) / sizeof((table)[0]))

static const char *word_of(const char *const *table, size_t n, unsigned index)
{
        ASSERT(index < n);
        ASSERT(table[index]);
        return table[index];
}

/* The first `n` words of the table; false: none of them. */
static bool word_find(const char *const *table, size_t n, const char *word, unsigned *ret)
{
        ASSERT(table && ret);
        for (unsigned i = 0; word && i < n; i++)
                if (str_equal(table[i], word)) {
                        *ret = i;
                        return true;
                }
        return false;
}

static const char *const role_words[ROLE_MAX] = {
        [ROLE_WORKER] = "worker",
        [ROLE_BACKUP] = "backup",
        [ROLE_BUILDING_HEAD] = "building-head",
        [ROLE_PROPERTY_GUARD] = "property-guard",
        [ROLE_FIRE_STATION] = "fire-station",
        [ROLE_NURSE] = "nurse",
        [ROLE_CARER] = "carer",
        [ROLE_FAMILY] = "family",
        [ROLE_NEIGHBOUR] = "neighbour",
        [ROLE_COMMUNITY] = "community",
        [ROLE_NIGHT_DESK] = "night-desk",
        [ROLE_STREET] = "street",
        [ROLE_DISTRICT] = "district",
        [ROLE_OPERATOR] = "operator",
        [ROLE_SUPERVISOR] = "supervisor",
};

static const char *const device_class_words[DEVICE_CLASS_MAX] = {
        [DEVICE_BUTTON] = "button",
        [DEVICE_PENDANT] = "pendant",
        [DEVICE_WRISTBAND] = "wristband",
        [DEVICE_SMOKE] = "smoke",
        [DEVICE_GAS] = "gas",
        [DEVICE_SENSOR] = "sensor",
        [DEVICE_GATEWAY] = "gateway",
};

static const char *const vital_words[VITAL_MAX] = {
        [VITAL_HR] = "hr",
        [VITAL_SPO2] = "spo2",
        [VITAL_SYS] = "sys",
        [VITAL_DIA] = "dia",
        [VITAL_TEMP] = "temp",
        [VITAL_RESP] = "resp",
};

static const char *const sign_words[SIGN_MAX] = {
        [SIGN_MOTION] = "motion",
        [SIGN_BED] = "bed",
        [SIGN_WATER] = "water",
        [SIGN_DOOR] = "door",
        [SIGN_BUTTON] = "button",
};

static const char *const alarm_words[ALARM_KIND_MAX] = {
        [ALARM_SOS] = "sos",
        [ALARM_CANCEL] = "cancel",
        [ALARM_FALL] = "fall",
        [ALARM_SMOKE] = "smoke",
        [ALARM_SMOKE_CLEAR] = "smoke_clear",
        [ALARM_HEAT] = "heat",
        [ALARM_HEAT_CLEAR] = "heat_clear",
        [ALARM_GAS] = "gas",
        [ALARM_GAS_CLEAR] = "gas_clear",
        [ALARM_CO] = "co",
        [ALARM_CO_CLEAR] = "co_clear",
        [ALARM_TAMPER] = "tamper",
        [ALARM_FAULT] = "fault",
        [ALARM_REQUEST] = "request",
        [ALARM_TEST] = "test",
        [ALARM_UNKNOWN] = "unknown",
        [ALARM_UNPARSED] = "unparsed",
};

static const char *const action_words[ACTION_KIND_MAX] = {
        [ACTION_DELIVERED] = "delivered",
        [ACTION_SEEN] = "seen",
        [ACTION_ACCEPT] = "accept",
        [ACTION_COMING] = "coming",
        [ACTION_DECLINE] = "decline",
        [ACTION_ARRIVED] = "arrived",
        [ACTION_RESOLVE] = "resolve",
        [ACTION_RELEASE] = "release",
        [ACTION_EXTEND] = "extend",
        [ACTION_BACKUP] = "backup",
        [ACTION_HANDOVER] = "handover",
        [ACTION_HANDOFF] = "handoff",
        [ACTION_CONFIRM] = "confirm",
        [ACTION_FIRE119] = "fire119",
        [ACTION_REOPEN] = "reopen",
        [ACTION_TEST_CONFIRM] = "test_confirm",
        [ACTION_ON] = "on",
        [ACTION_OFF] = "off",
        [ACTION_TEST] = "test",
        [ACTION_SHELVE] = "shelve",
        [ACTION_AWAY] = "away",
        [ACTION_VISIT_IN] = "visit_in",
        [ACTION_VISIT_OUT] = "visit_out",
        [ACTION_VISIT_FIX] = "visit_fix",
        [ACTION_VITALS] = "vitals",
        [ACTION_TIMELINE] = "timeline",
        [ACTION_REQUEST] = "request",
        [ACTION_ASSIGN] = "assign",
        [ACTION_START] = "start",
        [ACTION_WAITING] = "waiting",
        [ACTION_DONE] = "done",
        [ACTION_NOT_ACCEPTED] = "not_accepted",
        [ACTION_ESCALATE] = "escalate",
        [ACTION_RATE] = "rate",
        [ACTION_RECLASS] = "reclass",
        [ACTION_UNKNOWN] = "unknown",
};

static const char *const service_words[SERVICE_MAX] = {
        [SERVICE_OTHER] = "other",
        [SERVICE_CLEAN] = "clean",
        [SERVICE_MEALS] = "meals",
        [SERVICE_BATH] = "bath",
        [SERVICE_MEDICAL] = "medical",
        [SERVICE_COMPANY] = "company",
        [SERVICE_ERRAND] = "errand",
};

static const char *const system_words[SYSTEM_CAUSE_MAX] = {
        [SYSTEM_BROKER] = "broker",
        [SYSTEM_STORE] = "store",
        [SYSTEM_ROSTER] = "roster",
        [SYSTEM_TAKEOVER] = "takeover",
        [SYSTEM_CHANNEL] = "channel",
        [SYSTEM_TABLE] = "table",
        [SYSTEM_CLOCK] = "clock",
        [SYSTEM_CANARY] = "canary",
        [SYSTEM_DRILL] = "drill",
};

static const char *const via_words[VIA_MAX] = {
        [VIA_DAEMON] = "daemon",
        [VIA_MQTT] = "mqtt",
        [VIA_COAP] = "coap",
        [VIA_DTLS] = "dtls",
        [VIA_CONTROL] = "control",
};

static const char *const group_words[GROUP_MAX] = {
        [GROUP_HELP] = "help",
        [GROUP_FIRE] = "fire",
        [GROUP_VITAL] = "vital",
        [GROUP_INACTIVITY] = "inactivity",
        [GROUP_FAULT] = "fault",
        [GROUP_SYSTEM] = "system",
        [GROUP_REQUEST] = "request",
        [GROUP_UNKNOWN] = "unknown",
};

static const char *const class_words[CLASS_MAX] = {
        [CLASS_SOS] = "sos",
        [CLASS_SMOKE] = "smoke",
        [CLASS_GAS] = "gas",
        [CLASS_FALL] = "fall",
        [CLASS_VITAL_CRITICAL] = "vital-critical",
        [CLASS_VITAL_URGENT] = "vital-urgent",
        [CLASS_INACTIVITY] = "inactivity",
        [CLASS_WANDERING] = "wandering",
        [CLASS_CHECK] = "check",
        [CLASS_FAULT] = "fault",
        [CLASS_BATTERY] = "battery",
        [CLASS_SYSTEM] = "system",
        [CLASS_REQUEST] = "request",
        [CLASS_REQUEST_KEY] = "request-key",
        [CLASS_REQUEST_HARD] = "request-hard",
};

static const char *const state_words[STATE_MAX] = {
        [STATE_NONE] = "none",
        [STATE_ALERTING] = "alerting",
        [STATE_ACCEPTED] = "accepted",
        [STATE_ON_SCENE] = "on_scene",
        [STATE_RESOLVED] = "resolved",
        [STATE_CLOSED] = "closed",
};

static const char *const lamp_words[LAMP_MAX] = {
        [LAMP_IDLE] = "idle",
        [LAMP_RECEIVED] = "received",
        [LAMP_ACCEPTED] = "accepted",
        [LAMP_ARRIVED] = "arrived",
        [LAMP_RESOLVED] = "resolved",
        [LAMP_FAILED] = "failed",
};

static const char *const channel_words[CHANNEL_MAX] = {
        [CHANNEL_APP] = "app",
        [CHANNEL_PLAIN] = "plain",
        [CHANNEL_EXEC] = "exec",
        [CHANNEL_PERSON] = "exec1",
        [CHANNEL_PERSON + 1] = "exec2",
        [CHANNEL_PERSON + 2] = "exec3",
        [CHANNEL_PERSON + 3] = "exec4",
        [CHANNEL_PERSON + 4] = "exec5",
        [CHANNEL_PERSON + 5] = "exec6",
        [CHANNEL_PERSON + 6] = "exec7",
        [CHANNEL_PERSON + 7] = "exec8",
};

static const char *const condition_words[] = {
        [CONDITION_NONE] = "none",
        [CONDITION_ACTIVE] = "active",
        [CONDITION_CLEARED] = "cleared",
        [CONDITION_UNKNOWN] = "unknown",
};

static const char *const reply_words[] = {
        [REPLY_OK] = "ok",
        [REPLY_STALE] = "stale",
        [REPLY_REFUSED] = "refused",
};

static const char *const receipt_words[] = {
        [RECEIPT_RECORDED] = "recorded",
        [RECEIPT_UNPARSED] = "unparsed",
};

static const char *const reason_words[REASON_MAX] = {
        [REASON_NONE] = "",
        [REASON_OPENED] = "opened",
        [REASON_TIER] = "tier",
        [REASON_RENOTIFY] = "renotify",
        [REASON_PRESSED] = "pressed",
        [REASON_THREE_PRESSES] = "three_presses",
        [REASON_UPGRADED] = "upgraded",
        [REASON_LOOP] = "loop",
        [REASON_EMPTY] = "empty",
        [REASON_NO_RECEIPT] = "no_receipt",
        [REASON_ALL_DECLINED] = "all_declined",
        [REASON_JOINED] = "joined",
        [REASON_REMIND] = "remind",
        [REASON_ARRIVE_LATE] = "arrive_late",
        [REASON_ARRIVE_MAX] = "arrive_max",
        [REASON_RECONFIRM] = "reconfirm",
        [REASON_RELEASED] = "released",
        [REASON_HANDLE_LATE] = "handle_late",
        [REASON_REOPENED] = "reopened",
        [REASON_STILL_ACTIVE] = "still_active",
        [REASON_CANCELLED] = "cancelled",
        [REASON_CONDITION] = "condition",
        [REASON_BACKUP] = "backup",
        [REASON_HANDOVER] = "handover",
        [REASON_LEVEL_UP] = "level_up",
        [REASON_FIRE119] = "fire119",
        [REASON_HANDED_OFF] = "handed_off",
        [REASON_CATCH_UP] = "catch_up",
        [REASON_TEST] = "test",
        [REASON_LIMIT] = "limit",
        [REASON_UNKNOWN_SOURCE] = "unknown_source",
        [REASON_UNPARSED] = "unparsed",
        [REASON_STALE] = "stale",
        [REASON_NO_INCIDENT] = "no_incident",
        [REASON_NOT_YOURS] = "not_yours",
        [REASON_WRONG_STATE] = "wrong_state",
        [REASON_NO_PROOF] = "no_proof",
        [REASON_BAD_OUTCOME] = "bad_outcome",
        [REASON_STILL_BURNING] = "still_burning",
        [REASON_SEVERAL] = "several",
        [REASON_TOO_EARLY] = "too_early",
        [REASON_RETAINED] = "retained",
        [REASON_OPEN_MATTERS] = "open_matters",
        [REASON_OLD_ROUND] = "old_round",
        [REASON_NOT_ARRIVED] = "not_arrived",
        [REASON_TWICE] = "twice",
        [REASON_UNKNOWN_ACTION] = "unknown_action",
        [REASON_UNKNOWN_WORKER] = "unknown_worker",
        [REASON_BUSY] = "busy",
        [REASON_HELPER] = "helper",
        [REASON_BAD_REQUEST] = "bad_request",
        [REASON_LOST] = "lost",
        [REASON_BATTERY_LOW] = "battery_low",
        [REASON_BATTERY_EMPTY] = "battery_empty",
        [REASON_MAINS] = "mains",
        [REASON_NOT_WORN] = "not_worn",
        [REASON_SIGNAL] = "signal",
        [REASON_SKEW] = "skew",
        [REASON_NO_DATA] = "no_data",
        [REASON_PROOF] = "proof",
        [REASON_AREA] = "area",
        [REASON_SHELVED] = "shelved",
        [REASON_BUSY_WORKER] = "busy_worker",
        [REASON_TRIED] = "tried",
        [REASON_AWAY] = "away",
        [REASON_SUSTAINED] = "sustained",
        [REASON_RATE] = "rate",
        [REASON_SCORE] = "score",
        [REASON_INACTIVE] = "inactive",
        [REASON_VISIT_OPEN] = "visit_open",
        [REASON_NO_VISIT] = "no_visit",
        [REASON_VISIT_SHORT] = "visit_short",
        [REASON_VISIT_FORGOTTEN] = "visit_forgotten",
        [REASON_CLOCK] = "clock",
        [REASON_NO_NOTE] = "no_note",
        [REASON_NO_MOTION] = "no_motion",
        [REASON_NO_WATER] = "no_water",
        [REASON_NO_DOOR] = "no_door",
        [REASON_IN_BED] = "in_bed",
        [REASON_LEFT] = "left_home",
        [REASON_HELD] = "held",
        [REASON_ASSIGNED] = "assigned",
        [REASON_STARTED] = "started",
        [REASON_ASSIGN_LATE] = "assign_late",
        [REASON_LEVEL_LATE] = "level_late",
        [REASON_ESCALATED] = "escalated",
        [REASON_WAITING] = "waiting",
        [REASON_WAIT_OVER] = "wait_over",
        [REASON_CALL_BACK] = "call_back",
        [REASON_RATED] = "rated",
        [REASON_DISSATISFIED] = "dissatisfied",
        [REASON_NOT_ACCEPTED] = "not_accepted",
        [REASON_EMERGENCY] = "emergency",
        [REASON_NO_TEXT] = "no_text",
        [REASON_TOO_LONG] = "too_long",
        [REASON_TOP_LEVEL] = "top_level",
};

static const char *const request_state_words[REQUEST_STATE_MAX] = {
        [REQUEST_STATE_NONE] = "",
        [REQUEST_STATE_OPEN] = "open",
        [REQUEST_STATE_ASSIGNED] = "assigned",
        [REQUEST_STATE_IN_PROGRESS] = "in_progress",
        [REQUEST_STATE_WAITING] = "waiting",
        [REQUEST_STATE_DONE] = "done",
        [REQUEST_STATE_RATED] = "rated",
        [REQUEST_STATE_NOT_ACCEPTED] = "not_accepted",
};

static const char *const request_class_words[] = {"easy", "key", "hard"};
static const Class request_classes[] = {CLASS_REQUEST, CLASS_REQUEST_KEY, CLASS_REQUEST_HARD};
static const char *const request_level_words[] = {"community", "street", "district"};

/* Numbers are for ever, and there are gaps. */
static const char *const journal_words[] = {
        [0] = "none",
        [JOURNAL_START] = "start",
        [JOURNAL_STOP] = "stop",
        [JOURNAL_REGISTRY] = "registry",
        [JOURNAL_CONFIG] = "config",
        [JOURNAL_CLOCK] = "clock",
        [JOURNAL_STORAGE] = "storage",
        [JOURNAL_ADMIN] = "admin",
        [JOURNAL_SYSTEM] = "system",
        [JOURNAL_EVENT] = "event",
        [JOURNAL_READING] = "reading",
        [JOURNAL_DEVICE] = "device",
        [JOURNAL_OPENED] = "opened",
        [JOURNAL_TIER] = "tier",
        [JOURNAL_LOOP] = "loop",
        [JOURNAL_NOTIFIED] = "notified",
        [JOURNAL_ATTEMPT] = "attempt",
        [JOURNAL_DELIVERED] = "delivered",
        [JOURNAL_SEEN] = "seen",
        [JOURNAL_ACCEPTED] = "accepted",
        [JOURNAL_HELPER] = "helper",
        [JOURNAL_DECLINED] = "declined",
        [JOURNAL_ARRIVED] = "arrived",
        [JOURNAL_RESUMED] = "resumed",
        [JOURNAL_RELEASED] = "released",
        [JOURNAL_RESOLVED] = "resolved",
        [JOURNAL_REOPENED] = "reopened",
        [JOURNAL_CLOSED] = "closed",
        [JOURNAL_CANCEL] = "cancel",
        [JOURNAL_CONDITION] = "condition",
        [JOURNAL_PRESSED] = "pressed",
        [JOURNAL_UPGRADED] = "upgraded",
        [JOURNAL_REMINDED] = "reminded",
        [JOURNAL_EXTENDED] = "extended",
        [JOURNAL_HANDOVER] = "handover",
        [JOURNAL_HANDOFF] = "handoff",
        [JOURNAL_CONFIRMED] = "confirmed",
        [JOURNAL_BACKUP] = "backup",
        [JOURNAL_FIRE119] = "fire119",
        [JOURNAL_SKIPPED] = "skipped",
        [JOURNAL_REFUSED] = "refused",
        [JOURNAL_DUTY] = "duty",
        [JOURNAL_PRESENCE] = "presence",
        [JOURNAL_ARRIVE_MAX] = "arrive_max",
        [JOURNAL_HANDLE_LATE] = "handle_late",
        [JOURNAL_RECONFIRM] = "reconfirm",
        [JOURNAL_COMING] = "coming",
        [JOURNAL_LINKED] = "linked",
        [JOURNAL_AUDIT] = "audit",
        [JOURNAL_TEST] = "test",
        [JOURNAL_CANARY] = "canary",
        [JOURNAL_VISIT_IN] = "visit_in",
        [JOURNAL_VISIT_OUT] = "visit_out",
        [JOURNAL_VISIT_FORGOTTEN] = "visit_forgotten",
        [JOURNAL_VISIT_FIXED] = "visit_fixed",
        [JOURNAL_VIEWED] = "viewed",
        [JOURNAL_REQUESTED] = "requested",
        [JOURNAL_WAITING] = "waiting",
        [JOURNAL_RATED] = "rated",
        [JOURNAL_RECLASSED] = "reclassed",
        [JOURNAL_NOT_ACCEPTED] = "not_accepted",
        [JOURNAL_ESCALATED] = "escalated",
};

bool role_parse(const char *word, Role *ret)
{
        unsigned i;

        if (!word_find(role_words, ROLE_MAX, word, &i))
                return false;
        *ret = (Role)i;
        return true;
}

const char *role_word(Role role)
{
        return word_of(role_words, N(role_words), role);
}

bool device_class_parse(const char *word, DeviceClass *ret)
{
        unsigned i;

        if (!word_find(device_class_words, DEVICE_CLASS_MAX, word, &i))
                return false;
        *ret = (DeviceClass)i;
        return true;
}

const char *device_class_word(DeviceClass class)
{
        return word_of(device_class_words, N(device_class_words), class);
}

const char *vital_word(Vital vital)
{
        return word_of(vital_words, N(vital_words), vital);
}

const char *sign_word(SignKind kind)
{
        return word_of(sign_words, N(sign_words), kind);
}

/* "unknown" and "unparsed" are ours: a device that writes them means something that we do not know. */
bool alarm_kind_parse(const char *word, AlarmKind *ret)
{
        unsigned i;

        if (!word_find(alarm_words, ALARM_UNKNOWN, word, &i))
                return false;
        *ret = (AlarmKind)i;
        return true;
}

const char *alarm_kind_word(AlarmKind kind)
{
        return word_of(alarm_words, N(alarm_words), kind);
}

bool action_kind_parse(const char *word, ActionKind *ret)
{
        unsigned i;

        if (!word_find(action_words, ACTION_UNKNOWN, word, &i))
                return false;
        *ret = (ActionKind)i;
        return true;
}

const char *action_kind_word(ActionKind kind)
{
        return word_of(action_words, N(action_words), kind);
}

bool service_parse(const char *word, Service *ret)
{
        unsigned i;

        if (!word_find(service_words, SERVICE_MAX, word, &i))
                return false;
        *ret = (Service)i;
        return true;
}

const char *service_word(Service service)
{
        return word_of(service_words, N(service_words), service);
}

const char *system_cause_word(SystemCause cause)
{
        return word_of(system_words, N(system_words), cause);
}

const char *event_via_word(EventVia via)
{
        return word_of(via_words, N(via_words), via);
}

const char *request_class_word(Class class)
{
        for (unsigned i = 0; i < N(request_classes); i++)
                if (request_classes[i] == class)
                        return request_class_words[i];
        return "";
}

bool request_class_parse(const char *word, Class *ret)
{
        unsigned i;

        if (!word_find(request_class_words, N(request_class_words), word, &i))
                return false;
        *ret = request_classes[i];
        return true;
}

const char *request_level_word(uint8_t tier)
{
        return request_level_words[tier <= 1 ? 0 : tier == 2 ? 1 : 2];
}

const char *request_state_word(RequestState state)
{
        return word_of(request_state_words, N(request_state_words), state);
}

const char *group_word(Group group)
{
        return word_of(group_words, N(group_words), group);
}

bool class_parse(const char *word, Class *ret)
{
        unsigned i;

        if (!word_find(class_words, CLASS_MAX, word, &i))
                return false;
        *ret = (Class)i;
        return true;
}

const char *class_word(Class class)
{
        return word_of(class_words, N(class_words), class);
}

const char *state_word(State state)
{
        return word_of(state_words, N(state_words), state);
}

const char *lamp_word(Lamp lamp)
{
        return word_of(lamp_words, N(lamp_words), lamp);
}

const char *channel_word(Channel channel)
{
        return word_of(channel_words, N(channel_words), channel);
}

const char *reason_word(Reason reason)
{
        return word_of(reason_words, N(reason_words), reason);
}

const char *journal_kind_word(JournalKind kind)
{
        return word_of(journal_words, N(journal_words), kind);
}

const char *reply_result_word(ReplyResult result)
{
        return word_of(reply_words, N(reply_words), result);
}

const char *receipt_result_word(ReceiptResult result)
{
        return word_of(receipt_words, N(receipt_words), result);
}

const char *condition_word(Condition condition)
{
        return word_of(condition_words, N(condition_words), condition);
}
