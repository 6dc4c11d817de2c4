/* SPDX-License-Identifier: Apache-2.0 */
/* See fuzz.h. */
#include "fuzz.h"

#include "base/assert.h"
#include "base/str.h"
#include "limits.h"
#include "tests/lib/twin.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define ASSERT_TEXT(text) ASSERT(memchr((text), 0, sizeof(text)) && str_utf8((text), strlen(text)))

Codec *fuzz_codec(void)
{
        static Codec *codec;

        if (!codec)
                ASSERT(codec_new(&codec) == 0);
        return codec;
}

Event fuzz_event(const uint8_t *data, size_t size)
{
        Event e;

        memset(&e, 0xa5, sizeof(e));
        e.via = VIA_MQTT;
        e.retained = false;
        e.hold = 0;
        (void)str_copy(e.source, sizeof(e.source), "fuzz-1"); /* fits */
        e.body = malloc(size ? size : 1);
        ASSERT(e.body);
        if (size > 0)
                memcpy(e.body, data, size);
        e.body_size = (uint32_t)size;
        e.whole = NULL;
        return e;
}

/* Judged by SQLite on a connection of its own, not by the codec. */
static void check_json(const char *text, size_t n)
{
        static sqlite3_stmt *valid;

        if (!valid) {
                sqlite3 *db = NULL;

                ASSERT(sqlite3_open(":memory:", &db) == SQLITE_OK);
                ASSERT(sqlite3_prepare_v2(db, "SELECT json_valid(?1)", -1, &valid, NULL) == SQLITE_OK);
        }
        ASSERT(str_utf8(text, n) && !memchr(text, '\n', n));
        ASSERT(sqlite3_bind_text(valid, 1, text, (int)n, SQLITE_STATIC) == SQLITE_OK);
        ASSERT(sqlite3_step(valid) == SQLITE_ROW && sqlite3_column_int(valid, 0) == 1);
        ASSERT(sqlite3_reset(valid) == SQLITE_OK);
}

static void check_event(const Event *e)
{
        ASSERT_TEXT(e->id);
        ASSERT_TEXT(e->why);
        ASSERT(str_equal(e->source, "fuzz-1"));
        ASSERT(e->device_us >= 0);
        if (e->whole)
                ASSERT(str_utf8(e->whole, strlen(e->whole)));
        ASSERT(!e->body_json || (e->body_size <= LIMIT_BODY && str_utf8(e->body, e->body_size)));
        switch (e->type) {
        case EVENT_ALARM:
                ASSERT(e->alarm.kind < ALARM_KIND_MAX);
                ASSERT_TEXT(e->alarm.word);
                break;
        case EVENT_VITALS:
                ASSERT(e->vitals.has != 0 && e->vitals.has < 1u << VITAL_MAX);
                for (int i = 0; i < VITAL_MAX; i++)
                        ASSERT(e->vitals.value[i] >= 0 && e->vitals.value[i] <= 350);
                break;
        case EVENT_STATUS:
                ASSERT(e->status.battery == INT16_MIN ||
                        (e->status.battery >= 0 && e->status.battery <= 100));
                ASSERT(e->status.mains >= -1 && e->status.mains <= 1);
                break;
        case EVENT_ACTION:
                ASSERT(e->action.kind < ACTION_KIND_MAX);
                ASSERT_TEXT(e->action.word);
                ASSERT_TEXT(e->action.outcome);
                ASSERT_TEXT(e->action.to);
                ASSERT_TEXT(e->action.agency);
                ASSERT(!e->action.bare || e->action.incident == 0);
                break;
        case EVENT_PRESENCE: break;
        case EVENT_ATTEMPT:
        case EVENT_SYSTEM:
        case EVENT_ROSTER: ASSERT(false); break;
        }
}

/* The alert that would follow from it. */
static void check_notice(const Event *e)
{
        static char json[NOTICE_JSON_MAX];
        IncidentView view = {
                .id = 1, .priority = 1, .state = STATE_ALERTING, .presses = 1, .unknown_source = true};
        NoticeContext context = {.recorded = true, .needs = "accept", .now_us = 1, .reason = REASON_OPENED};
        size_t n = 0;

        if (e->type == EVENT_ALARM) {
                view.kind = e->alarm.kind;
                (void)str_copy(view.word, sizeof(view.word), e->alarm.word); /* same size */
        }
        if (e->type == EVENT_ACTION)
                (void)str_copy(view.outcome, sizeof(view.outcome), e->action.outcome); /* same size */
        (void)str_copy(view.event_id, sizeof(view.event_id), e->id);                   /* same size */
        ASSERT(notice_json(&view, &context, json, sizeof(json), &n));
        check_json(json, n);
        ASSERT(receipt_json(e->id, RECEIPT_RECORDED, 1, 2, json, ANSWER_JSON_MAX, &n));
        check_json(json, n);
        ASSERT(reply_json(
                e->id, REPLY_OK, STATE_ALERTING, REASON_NONE, NULL, 1, 2, true, REQUEST_STATE_NONE, json, ANSWER_JSON_MAX, &n));
        check_json(json, n);
}

/* The rows that would be written of it. */
static void check_record(const Event *e)
{
        static const JournalKind kinds[] = {
                JOURNAL_EVENT, JOURNAL_READING, JOURNAL_DEVICE, JOURNAL_RESOLVED, JOURNAL_REFUSED};
        static const RecordContext context = {.device = "fuzz-1"};
        static char *buffer;
        static size_t cap;
        size_t n = 0;

        for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
                JournalRow row = {.kind = kinds[i], .event = e};

                if (e->type == EVENT_ACTION)
                        (void)str_copy(row.outcome, sizeof(row.outcome), e->action.outcome); /* same size */
                ASSERT(record_json(&row, &context, &buffer, &cap, &n) == 0);
                check_json(buffer, n);
        }
}

void fuzz_twin(const Event *e, void (*read)(Codec *, Event *))
{
        size_t n;
        char *body = twin_of(e->body, e->body_size, &n);
        Event other;

        if (!body)
                return;
        other = fuzz_event((const uint8_t *)body, n);
        read(fuzz_codec(), &other);
        ASSERT(twin_equal(e, &other));
        free(other.body);
        free(other.whole);
        free(body);
}

void fuzz_check(Event *e, const uint8_t *data, size_t size, uint32_t types)
{
        ASSERT(types & 1u << e->type);
        ASSERT(e->body_size == size && (size == 0 || memcmp(e->body, data, size) == 0));
        check_event(e);
        check_notice(e);
        check_record(e);
        free(e->body);
        free(e->whole);
        e->body = e->whole = NULL;
}
