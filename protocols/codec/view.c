/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/codec/view.h"

#include "base/str.h"
#include "protocols/codec/codec.h"
#include "protocols/codec/words.h"

#include <inttypes.h>
#include <math.h>

static void limits_add(Str *s, const VitalLimits *limits)
{
        bool first = true;

        str_add(s, ",\"limits\":{");
        for (unsigned v = 0; limits && v < VITAL_MAX; v++) {
                if (isnan(limits->min[v]) && isnan(limits->max[v]))
                        continue;
                str_addf(s, "%s\"%s\":[", first ? "" : ",", vital_word((Vital)v));
                str_number(s, limits->min[v]);
                str_add(s, ",");
                str_number(s, limits->max[v]);
                str_add(s, "]");
                first = false;
        }
        str_add(s, "}");
}

/* False: there is nothing of this vital. */
static bool curve_add(Str *s, const VitalsView *v, Vital vital, bool first)
{
        bool any = false;

        for (uint32_t i = 0; i < v->n_steps; i++) {
                VitalsCell c;

                if (!v->cell(v->userdata, i, vital, &c))
                        continue;
                if (any)
                        str_add(s, ",");
                else
                        str_addf(s, "%s\"%s\":[", first ? "" : ",", vital_word(vital));
                any = true;
                str_addf(s, "[%" PRId64 ",", v->from_s + (int64_t)i * v->step_s);
                str_number(s, c.min);
                str_add(s, ",");
                str_number(s, round(c.mean * 10) / 10);
                str_add(s, ",");
                str_number(s, c.max);
                str_add(s, "]");
        }
        if (any)
                str_add(s, "]");
        return any;
}

bool vitals_json(const VitalsView *v, char *ret, size_t cap, size_t *ret_size)
{
        Str s = {.p = ret, .cap = cap};
        bool first = true;

        str_add(&s, "{");
        if (v->incident)
                str_addf(&s, "\"incident\":%" PRIu64 ",", v->incident);
        if (v->resident) {
                str_add(&s, "\"resident\":");
                str_json(&s, v->resident);
                str_add(&s, ",");
        }
        str_addf(&s, "\"from\":%" PRId64 ",\"to\":%" PRId64 ",\"step\":%" PRIu32 "%s,\"series\":{",
                v->from_s, v->to_s, v->step_s, v->hours ? ",\"hours\":true" : "");
        for (unsigned i = 0; i < VITAL_MAX; i++)
                if (curve_add(&s, v, (Vital)i, first))
                        first = false;
        str_add(&s, "}");
        limits_add(&s, v->limits);
        str_add(&s, "}");
        *ret_size = s.n;
        return !s.full;
}

/* What has happened */

static const char *known(const char *text)
{
        return text ? text : "";
}

static void part(Str *s, const char *name, const char *text)
{
        if (known(text)[0])
                str_addf(s, "，%s%s", name, text);
}

static void reason_add(Str *s, const char *word)
{
        for (unsigned i = 1; i < REASON_MAX; i++)
                if (str_equal(known(word), reason_word((Reason)i)))
                        part(s, "", notice_reason((Reason)i, false));
}

static void vital_add(Str *s, const TimelineRow *row)
{
        for (unsigned v = 0; v < VITAL_MAX; v++) {
                const char *unit, *name;

                if (!str_equal(known(row->vital), vital_word((Vital)v)))
                        continue;
                name = words_vital((Vital)v, false, &unit);
                str_addf(s, "，%s ", name);
                str_number(s, row->value);
                str_addf(s, " %s", unit);
                if (!isnan(row->limit)) {
                        str_add(s, "（限 ");
                        str_number(s, row->limit);
                        str_add(s, "）");
                }
        }
}

static void alarm_add(Str *s, const char *word)
{
        AlarmKind kind;

        if (known(word)[0] && alarm_kind_parse(word, &kind))
                part(s, "", words_alarm(kind, false));
}

static void what(const TimelineRow *row, char *ret, size_t cap)
{
        Str s = {.p = ret, .cap = cap};

        str_add(&s, notice_journal_kind(row->kind, false));
        if (row->erased) {
                str_add(&s, "，内容已依法删除");
                return;
        }
        if (row->kind == JOURNAL_TIER || row->kind == JOURNAL_NOTIFIED || row->kind == JOURNAL_SKIPPED)
                str_addf(&s, "，第 %" PRIu32 " 级", row->tier);
        alarm_add(&s, row->alarm);
        reason_add(&s, row->reason);
        vital_add(&s, row);
        if (known(row->outcome)[0])
                part(&s, "结果：", words_outcome(row->outcome));
        part(&s, "移交 ", row->agency);
        part(&s, "交给 ", row->to);
        if (row->kind == JOURNAL_NOTIFIED || row->kind == JOURNAL_ATTEMPT)
                part(&s, "经 ", row->channel);
        part(&s, "备注：", row->note);
}

static void row_add(Str *s, const TimelineRow *row, bool first)
{
        char who[192] = "", text[1024];
        Str w = STR_BUFFER(who);

        if (known(row->worker)[0])
                str_addf(&w, "%s%s%s", row->worker, known(row->worker_name)[0] ? " " : "",
                        known(row->worker_name));
        else
                str_add(&w, known(row->source));
        what(row, text, sizeof(text));
        str_addf(s, "%s{\"seq\":%" PRIu64 ",\"at\":%.3f,\"kind\":\"%s\",\"who\":", first ? "" : ",",
                row->seq, (double)row->at_us / 1e6, journal_kind_word(row->kind));
        str_json(s, who);
        str_add(s, ",\"what\":");
        str_json(s, text);
        str_add(s, "}");
}

bool timeline_json(uint64_t incident, bool more, bool (*row)(void *userdata, uint32_t n, TimelineRow *ret),
        void *userdata, char *ret, size_t cap, size_t *ret_size)
{
        uint32_t first = 0, end = 0;
        TimelineRow r;

        while (row(userdata, end, &r))
                end++;
        for (;;) {
                Str s = {.p = ret, .cap = cap};

                str_addf(&s, "{\"incident\":%" PRIu64 "%s,\"rows\":[", incident,
                        more || first > 0 ? ",\"more\":true" : "");
                for (uint32_t n = first; n < end && row(userdata, n, &r); n++)
                        row_add(&s, &r, n == first);
                str_add(&s, "]}");
                *ret_size = s.n;
                if (!s.full || first + 1 >= end)
                        return !s.full;
                first += (end - first) / 8 + ((end - first) < 8); /* the newest say the most */
        }
}
