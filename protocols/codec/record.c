/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a journal row: what an auditor needs to judge the step without the registry of that day.
 *
 * A member that does not apply is left out. What came from outside stands once, in the row that took it in:
 * a device's bytes in EVENT, READING and DEVICE, a person's in the row of the action, and not again in the
 * rows that follow from it (OPENED, NOTIFIED, …). JSON is inlined, with its line breaks as spaces so that a
 * record is one line; everything else goes in base64. Bodies above LIMIT_BODY are cut, and say so.
 */
#include "protocols/codec/codec.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/str.h"
#include "limits.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Without the payload: codes at 6 bytes a byte at worst, words, numbers. Held by a test. */
#define RECORD_FIXED_MAX 8192u

static void add_name(Str *s, const char *name)
{
        str_add(s, s->n > 1 ? ",\"" : "\"");
        str_add(s, name);
        str_add(s, "\":");
}

static void add_text(Str *s, const char *name, const char *text)
{
        if (!text || text[0] == '\0')
                return;
        add_name(s, name);
        str_jsonn(s, text, strnlen(text, CODE_SIZE)); /* no code, id or word is longer */
}

static void add_number(Str *s, const char *name, uint64_t value)
{
        if (value == 0)
                return;
        add_name(s, name);
        str_u64(s, value);
}

static void add_real(Str *s, const char *name, double value)
{
        add_name(s, name);
        str_number(s, value);
}

static void add_true(Str *s, const char *name, bool value)
{
        if (!value)
                return;
        add_name(s, name);
        str_add(s, "true");
}

/* Unix seconds to the microsecond. */
static void add_time(Str *s, const char *name, int64_t us)
{
        if (us <= 0)
                return;
        str_addf(s, "%s\"%s\":%" PRId64 ".%06u", s->n > 1 ? "," : "", name, us / 1000000,
                (unsigned)(us % 1000000));
}

/* The row in which a person's action took effect, or was refused. */
static bool row_is_action(JournalKind kind)
{
        switch (kind) {
        case JOURNAL_DELIVERED:
        case JOURNAL_SEEN:
        case JOURNAL_ACCEPTED:
        case JOURNAL_HELPER:
        case JOURNAL_DECLINED:
        case JOURNAL_ARRIVED:
        case JOURNAL_RELEASED:
        case JOURNAL_RESOLVED:
        case JOURNAL_REOPENED:
        case JOURNAL_EXTENDED:
        case JOURNAL_HANDOVER:
        case JOURNAL_HANDOFF:
        case JOURNAL_CONFIRMED:
        case JOURNAL_BACKUP:
        case JOURNAL_FIRE119:
        case JOURNAL_REFUSED:
        case JOURNAL_DUTY:
        case JOURNAL_COMING:
        case JOURNAL_TEST:
        case JOURNAL_VISIT_IN:
        case JOURNAL_VISIT_OUT:
        case JOURNAL_VISIT_FIXED:
        case JOURNAL_VIEWED:
        case JOURNAL_REQUESTED:
        case JOURNAL_WAITING:
        case JOURNAL_RATED:
        case JOURNAL_RECLASSED:
        case JOURNAL_NOT_ACCEPTED:
        case JOURNAL_ESCALATED: return true;
        case JOURNAL_CANARY:
        case JOURNAL_START:
        case JOURNAL_STOP:
        case JOURNAL_REGISTRY:
        case JOURNAL_CONFIG:
        case JOURNAL_CLOCK:
        case JOURNAL_STORAGE:
        case JOURNAL_ADMIN:
        case JOURNAL_SYSTEM:
        case JOURNAL_EVENT:
        case JOURNAL_READING:
        case JOURNAL_DEVICE:
        case JOURNAL_OPENED:
        case JOURNAL_TIER:
        case JOURNAL_LOOP:
        case JOURNAL_NOTIFIED:
        case JOURNAL_ATTEMPT:
        case JOURNAL_RESUMED:
        case JOURNAL_CLOSED:
        case JOURNAL_CANCEL:
        case JOURNAL_CONDITION:
        case JOURNAL_PRESSED:
        case JOURNAL_UPGRADED:
        case JOURNAL_REMINDED:
        case JOURNAL_SKIPPED:
        case JOURNAL_PRESENCE:
        case JOURNAL_ARRIVE_MAX:
        case JOURNAL_HANDLE_LATE:
        case JOURNAL_RECONFIRM:
        case JOURNAL_LINKED:
        case JOURNAL_AUDIT:
        case JOURNAL_VISIT_FORGOTTEN: return false;
        }
        return false;
}

/* The row that takes a body in. */
static bool row_has_payload(JournalKind kind, EventType type)
{
        switch (type) {
        case EVENT_ALARM: return kind == JOURNAL_EVENT;
        case EVENT_VITALS:
        case EVENT_STATUS: return kind == JOURNAL_EVENT || kind == JOURNAL_READING || kind == JOURNAL_DEVICE;
        case EVENT_ACTION: return row_is_action(kind) || kind == JOURNAL_DEVICE;
        case EVENT_PRESENCE:
        case EVENT_ATTEMPT:
        case EVENT_SYSTEM:
        case EVENT_ROSTER: return false;
        }
        return false;
}

static void add_event(Str *s, const Event *e)
{
        switch (e->type) {
        case EVENT_ALARM:
                add_text(s, "kind", alarm_kind_word(e->alarm.kind));
                if (e->alarm.kind == ALARM_UNKNOWN || e->alarm.kind == ALARM_UNPARSED)
                        add_text(s, "word", e->alarm.word);
                break;
        case EVENT_ACTION:
                add_text(s, "action",
                        e->action.kind == ACTION_UNKNOWN ? e->action.word
                                                         : action_kind_word(e->action.kind));
                add_number(s, "answers", e->action.seq);
                add_number(s, "eta", e->action.eta_us / 1000000);
                add_text(s, "agency", e->action.agency);
                add_true(s, "proof", e->action.proof);
                if (e->action.kind == ACTION_FIRE119)
                        add_text(s, "decision", e->action.yes ? "yes" : "no");
                break;
        case EVENT_STATUS: add_true(s, "fault", e->status.fault); break;
        case EVENT_VITALS:
        case EVENT_PRESENCE:
        case EVENT_SYSTEM:
        case EVENT_ATTEMPT:
        case EVENT_ROSTER: break;
        }
        add_text(s, "source", e->source);
        add_text(s, "id", e->id);
        add_text(s, "via", event_via_word(e->via));
        add_true(s, "retained", e->retained);
        add_time(s, "device_time", e->device_us);
        add_text(s, "why", e->why);
}

static void add_payload(Str *s, const Event *e)
{
        const size_t n = e->body_size < LIMIT_BODY ? e->body_size : LIMIT_BODY;
        size_t size;

        if (!e->body || n == 0)
                return;
        if (e->body_json && n == e->body_size) {
                str_addf(s, "%s\"payload\":", s->n > 1 ? "," : "");
                size = s->n;
                str_addn(s, e->body, n);
                for (; size < s->n; size++) /* valid JSON has line breaks only between its tokens */
                        if (s->p[size] == '\n' || s->p[size] == '\r')
                                s->p[size] = ' ';
                return;
        }
        str_addf(s, "%s\"payload_base64\":\"", s->n > 1 ? "," : "");
        if (!s->full && str_base64(e->body, n, s->p + s->n, s->cap - s->n))
                s->n += strlen(s->p + s->n);
        else
                s->full = true;
        str_add(s, "\"");
        add_true(s, "cut", n < e->body_size);
}

static bool row_has_channel(JournalKind kind)
{
        return kind == JOURNAL_NOTIFIED || kind == JOURNAL_ATTEMPT || kind == JOURNAL_DELIVERED ||
               kind == JOURNAL_SEEN;
}

static bool row_has_value(const JournalRow *row)
{
        const bool vital = row->priority > 0 &&
                           (row->class == CLASS_VITAL_CRITICAL || row->class == CLASS_VITAL_URGENT);

        return row->vital < VITAL_MAX &&
               (row->kind == JOURNAL_READING || (row->kind == JOURNAL_OPENED && vital) ||
                       (row->kind == JOURNAL_UPGRADED && vital));
}

/* What did not happen is left out. */
static void add_figures(Str *s, const Figures *f)
{
        static const char *const names[FIGURE_MAX] = {"device_ms", "call_ms", "delivered_ms", "accept_ms",
                "arrive_ms", "resolve_ms", "receipt_ms"};

        str_addf(s,
                "%s\"figures\":{\"attempts\":%" PRIu32 ",\"tiers\":%u,\"rounds\":%" PRIu32
                ",\"reopened\":%" PRIu32 ",\"late_ms\":%" PRIu32,
                s->n > 1 ? "," : "", f->attempts, f->tiers, f->rounds, f->reopened, f->late_ms);
        for (unsigned i = 0; i < FIGURE_MAX; i++)
                if (f->ms[i] != NO_FIGURE)
                        str_addf(s, ",\"%s\":%" PRIu32, names[i], f->ms[i]);
        str_add(s, f->test ? ",\"test\":true}" : "}");
}

/* seconds and counts: what is over, or corrected. */
static void add_visit(Str *s, const JournalRow *row)
{
        if (row->kind < JOURNAL_VISIT_IN || row->kind > JOURNAL_VISIT_FIXED)
                return;
        add_number(s, "visit", row->visit);
        add_time(s, "since", row->since_wall_us);
        if (row->kind != JOURNAL_VISIT_FIXED)
                add_text(s, "service", service_word((Service)row->service));
        if (row->kind == JOURNAL_VISIT_FORGOTTEN)
                str_addf(s, ",\"on\":%s", row->on ? "true" : "false");
        if (row->kind == JOURNAL_VISIT_OUT || row->kind == JOURNAL_VISIT_FIXED)
                str_addf(s, ",\"seconds\":%" PRIu32 ",\"counts\":%s", row->span_s,
                        row->counts ? "true" : "false");
        add_number(s, "rating", row->rating);
}

static void add_row(Str *s, const JournalRow *row, const RecordContext *context)
{
        add_text(s, "device", context->device);
        add_text(s, "dwelling", context->dwelling);
        add_text(s, "resident", context->resident);
        add_text(s, "grid", context->grid);
        add_text(s, "worker", context->worker);
        add_text(s, "to", context->to_worker);
        if (row->priority > 0) {
                add_text(s, "class", class_word((Class)row->class));
                add_number(s, "priority", row->priority);
        }
        if (row->state != STATE_NONE)
                add_text(s, "state", state_word((State)row->state));
        add_number(s, "tier", row->tier);
        add_number(s, "round", row->round);
        if (row_has_channel(row->kind))
                add_text(s, "channel", channel_word((Channel)row->channel));
        add_text(s, "reason", reason_word((Reason)row->reason));
        if (row->kind == JOURNAL_REFUSED)
                add_text(s, "result", reply_result_word((ReplyResult)row->result));
        if (row->kind == JOURNAL_SYSTEM || (row->kind == JOURNAL_OPENED && row->class == CLASS_SYSTEM))
                add_text(s, "cause", system_cause_word((SystemCause)row->cause));
        if (row->kind == JOURNAL_RATED)
                add_number(s, "score", (uint64_t)row->value);
        if (row->kind == JOURNAL_DUTY || row->kind == JOURNAL_PRESENCE || row->kind == JOURNAL_SYSTEM ||
                row->kind == JOURNAL_WAITING)
                str_addf(s, "%s\"on\":%s", s->n > 1 ? "," : "", row->on ? "true" : "false");
        add_time(s, "due", row->due_wall_us);
        add_true(s, "late", row->late);
        if (row_has_value(row)) {
                add_text(s, "vital", vital_word((Vital)row->vital));
                add_real(s, "value", row->value);
                if (!isnan(row->limit)) /* a score has none */
                        add_real(s, "limit", row->limit);
        }
        if (row->kind == JOURNAL_READING && context->around)
                str_addf(s, "%s\"around\":%s", s->n > 1 ? "," : "", context->around);
        add_text(s, "outcome", row->outcome);
        add_visit(s, row);
        if (row->kind == JOURNAL_CLOSED && row->figures.rounds > 0)
                add_figures(s, &row->figures);
}

int record_json(
        const JournalRow *row, const RecordContext *context, char **buffer, size_t *cap, size_t *ret_size)
{
        const bool payload = row->event && row_has_payload(row->kind, row->event->type);
        size_t need = RECORD_FIXED_MAX;
        Str s;

        ASSERT(row->reason < REASON_MAX);
        ASSERT(*buffer || *cap == 0);
        if (payload && row->event->body)
                need += ((row->event->body_size < LIMIT_BODY ? row->event->body_size : LIMIT_BODY) + 2) / 3 *
                        4;
        if (context->around)
                need += strlen(context->around);
        if (*cap < need) {
                char *grown = realloc(*buffer, need);

                if (!grown)
                        return error_origin(-ENOMEM);
                *buffer = grown;
                *cap = need;
        }
        s = (Str){.p = *buffer, .cap = *cap};
        str_add(&s, "{");
        add_row(&s, row, context);
        if (row->event) {
                add_event(&s, row->event);
                if (payload)
                        add_payload(&s, row->event);
        }
        str_add(&s, "}");
        ASSERT(!s.full); /* codes, words and ids are bounded, and so is the payload */
        *ret_size = s.n;
        return 0;
}
