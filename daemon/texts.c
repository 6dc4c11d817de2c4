/* SPDX-License-Identifier: Apache-2.0 */
#include "texts.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "store/audit.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

typedef enum Part { PART_TEXT, PART_EVIDENCE, PART_REASON, PART_NOTE, PART_MAX } Part;

typedef struct Entry {
        uint64_t incident;
        char *parts[PART_MAX];
        bool open;
} Entry;

struct Texts {
        Entry *entries; /* in the order of their incidents */
        size_t n, max;
};

int texts_new(Texts **ret)
{
        Texts *t = calloc(1, sizeof(Texts));

        ASSERT(ret);
        if (!t)
                return error_origin(-ENOMEM);
        *ret = t;
        return 0;
}

static void entry_clear(Entry *e)
{
        for (unsigned i = 0; i < PART_MAX; i++)
                free(e->parts[i]);
        *e = (Entry){0};
}

Texts *texts_free(Texts *t)
{
        if (!t)
                return NULL;
        for (size_t i = 0; i < t->n; i++)
                entry_clear(&t->entries[i]);
        free(t->entries);
        free(t);
        return NULL;
}

/* Where it stands, or would. */
static size_t place_of(const Texts *t, uint64_t incident)
{
        size_t low = 0, high = t->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (t->entries[middle].incident < incident)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static Entry *entry_find(const Texts *t, uint64_t incident)
{
        size_t at = place_of(t, incident);

        return at < t->n && t->entries[at].incident == incident ? &t->entries[at] : NULL;
}

/* NULL: no memory. The alert then says less, and is a call all the same. */
static Entry *entry_add(Texts *t, uint64_t incident)
{
        size_t at = place_of(t, incident);

        ASSERT(incident > 0);
        if (at < t->n && t->entries[at].incident == incident)
                return &t->entries[at];
        if (t->n == t->max) {
                size_t max = t->max ? t->max * 2 : 64;
                Entry *entries = realloc(t->entries, max * sizeof(Entry));

                if (!entries)
                        return NULL;
                t->entries = entries;
                t->max = max;
        }
        memmove(&t->entries[at + 1], &t->entries[at], (t->n - at) * sizeof(Entry));
        t->entries[at] = (Entry){.incident = incident};
        t->n++;
        return &t->entries[at];
}

static void part_put(Texts *t, uint64_t incident, Part part, const char *text, bool open)
{
        Entry *e = text[0] || open ? entry_add(t, incident) : NULL;
        char *copy;

        ASSERT(part < PART_MAX);
        if (!e)
                return;
        e->open = e->open || open;
        copy = text[0] ? strdup(text) : NULL;
        if (!copy)
                return;
        free(e->parts[part]);
        e->parts[part] = copy;
}

static void event_take(Texts *t, uint64_t incident, const Event *ev)
{
        const ActionEvent *a = &ev->action;

        if (ev->type == EVENT_ALARM)
                part_put(t, incident, PART_TEXT, ev->alarm.text, false);
        if (ev->type != EVENT_ACTION)
                return;
        switch ((int)a->kind) {
        case ACTION_REQUEST: part_put(t, incident, PART_TEXT, a->text, a->open); return;
        case ACTION_WAITING: part_put(t, incident, PART_EVIDENCE, a->text, false); return;
        case ACTION_NOT_ACCEPTED:
        case ACTION_ESCALATE:
        case ACTION_RATE: part_put(t, incident, PART_REASON, a->text, a->open); return;
        case ACTION_RESOLVE:
        case ACTION_DONE: part_put(t, incident, PART_NOTE, a->text, a->open); return;
        case ACTION_ASSIGN:
        case ACTION_RECLASS: part_put(t, incident, PART_TEXT, "", a->open); return;
        }
}

static bool is_about(JournalKind kind)
{
        return kind == JOURNAL_EVENT || kind == JOURNAL_ACCEPTED || kind == JOURNAL_RESOLVED ||
               (kind >= JOURNAL_REQUESTED && kind <= JOURNAL_ESCALATED);
}

void texts_take(Texts *t, const Effect *e)
{
        const JournalRow *j = &e->journal;

        ASSERT(t && e->type == EFFECT_JOURNAL);
        if (e->incident && j->event && request_class_word((Class)j->class)[0] && is_about(j->kind))
                event_take(t, e->incident, j->event);
}

void texts_drop(Texts *t, uint64_t incident)
{
        Entry *e = entry_find(t, incident);
        size_t at;

        if (!e)
                return;
        at = (size_t)(e - t->entries);
        entry_clear(e);
        memmove(e, e + 1, (t->n - at - 1) * sizeof(Entry));
        t->n--;
}

NoticeWords texts_words(const Texts *t, uint64_t incident)
{
        const Entry *e = t ? entry_find(t, incident) : NULL;

        if (!e)
                return (NoticeWords){0};
        return (NoticeWords){.text = e->parts[PART_TEXT],
                .evidence = e->parts[PART_EVIDENCE],
                .reason = e->parts[PART_REASON],
                .note = e->parts[PART_NOTE]};
}

/* From the journal */

/* json_valid: a damaged body would end the whole query, and with it everybody else's words. */
#define ABOUT "j.kind IN (10, 27, 33, 80, 81, 82, 83, 84, 85) AND json_valid(j.body)"
#define WORDS                                                                                               \
        "SELECT j.incident, j.kind, j.body->'$.payload', j.body->>'$.payload_base64' FROM journal j WHERE " \
        "j.incident"

static const char open_query[] = WORDS
        " IN (SELECT id FROM incident WHERE closed IS NULL AND \"group\" = 6) AND " ABOUT " ORDER BY j.seq";
static const char closed_query[] = WORDS " = ?1 AND " ABOUT " ORDER BY j.seq";
static const char answers_query[] = "SELECT id, resident, grid, class, tier, opened, resolved, closed, "
                                    "CAST(substr(outcome, 7) AS INTEGER)"
                                    " FROM incident WHERE opened >= ?1 AND \"group\" = 6 AND closed IS NOT "
                                    "NULL AND outcome LIKE 'rated\\__' ESCAPE"
                                    " '\\' ORDER BY closed DESC LIMIT ?2";

/* What a row holds of the message that made it, with room for a zero; NULL: nothing that can be read. */
static char *body_of(const AuditCell *json, const AuditCell *coded, uint32_t *ret_n)
{
        _cleanup_(freep) char *body = calloc(1, (json->null ? coded->n : json->n) + 4);
        int n = 0;

        if (!body)
                return NULL;
        if (!json->null) {
                memcpy(body, json->text, json->n);
                n = (int)json->n;
        } else if (!coded->null && coded->n > 0) {
                n = EVP_DecodeBlock(
                        (unsigned char *)body, (const unsigned char *)coded->text, (int)coded->n);
                for (size_t i = coded->n; n > 0 && i > 0 && coded->text[i - 1] == '='; i--)
                        n--;
        }
        if (n <= 0)
                return NULL;
        *ret_n = (uint32_t)n;
        return TAKE_PTR(body);
}

/* An event as it came. Where the message does not say its kind, CoAP's path has said it. */
static void body_read(Texts *t, Codec *codec, uint64_t incident, JournalKind kind, char *body, uint32_t n)
{
        _cleanup_(freep) Event *ev = calloc(1, sizeof(Event));

        if (!ev)
                return;  /* the alert then says less, and is a call all the same */
        ev->body = body; /* the caller's */
        ev->body_size = n;
        if (kind == JOURNAL_EVENT)
                codec_read_alarm(codec, ev, alarm_kind_word(ALARM_REQUEST));
        else {
                codec_read_action(codec, ev);
                if (ev->action.kind == ACTION_UNKNOWN)
                        codec_read_words(codec, ev);
        }
        event_take(t, incident, ev);
        free(ev->whole);
}

typedef struct Load {
        Texts *texts;
        Codec *codec;
} Load;

static bool words_row(void *userdata, const AuditCell *cells)
{
        Load *l = userdata;
        uint32_t n;
        _cleanup_(freep) char *body = body_of(&cells[2], &cells[3], &n);

        if (body)
                body_read(l->texts, l->codec, (uint64_t)cells[0].number, (JournalKind)cells[1].number, body,
                        n);
        return true;
}

void texts_load(Texts *t, Codec *codec, const char *state_directory)
{
        _cleanup_(audit_freep) Audit *audit = NULL;
        Load l = {.texts = t, .codec = codec};
        char why[128];

        ASSERT(t && codec);
        if (audit_open(&audit, state_directory, why) == 0)
                (void)audit_query(
                        audit, open_query, NULL, 0, words_row, &l); /* what was read by then stays */
}

/* What has been answered */

typedef struct Said {
        struct Said *next;
        uint64_t incident;
        JournalKind kind;
        uint32_t n;
        char *body;
} Said;

struct TextsPast {
        char *directory;
        int64_t since_us;
        uint32_t n, max;
        TextsAnswer *answers; /* newest first */
        Said *said, **end;    /* in the order of their rows, those of one request together */
};

int texts_past_new(TextsPast **ret, const char *state_directory, int64_t since_us, uint32_t n_answers)
{
        TextsPast *p = calloc(1, sizeof(TextsPast));

        ASSERT(ret && state_directory && n_answers > 0);
        if (!p)
                return error_origin(-ENOMEM);
        *p = (TextsPast){.directory = strdup(state_directory),
                .since_us = since_us,
                .max = n_answers,
                .answers = calloc(n_answers, sizeof(TextsAnswer)),
                .end = &p->said};
        if (!p->directory || !p->answers) {
                texts_past_free(p);
                return error_origin(-ENOMEM);
        }
        *ret = p;
        return 0;
}

void texts_past_free(void *past)
{
        TextsPast *p = past;

        if (!p)
                return;
        for (Said *said = p->said, *next; said; said = next) {
                next = said->next;
                free(said->body);
                free(said);
        }
        free(p->answers);
        free(p->directory);
        free(p);
}

static bool answer_row(void *userdata, const AuditCell *c)
{
        TextsPast *p = userdata;

        ASSERT(p->n < p->max);
        p->answers[p->n++] = (TextsAnswer){.incident = (uint64_t)c[0].number,
                .resident = (uint32_t)c[1].number,
                .grid = (uint32_t)c[2].number,
                .class = (uint8_t)c[3].number,
                .tier = (uint8_t)c[4].number,
                .opened_us = c[5].number,
                .resolved_us = c[6].number,
                .closed_us = c[7].number,
                .score = (uint8_t)c[8].number};
        return p->n < p->max;
}

static bool said_row(void *userdata, const AuditCell *cells)
{
        TextsPast *p = userdata;
        Said *said = calloc(1, sizeof(Said));

        if (!said)
                return false;
        said->body = body_of(&cells[2], &cells[3], &said->n);
        if (!said->body) {
                free(said);
                return true;
        }
        said->incident = (uint64_t)cells[0].number;
        said->kind = (JournalKind)cells[1].number;
        *p->end = said;
        p->end = &said->next;
        return true;
}

void texts_past_read(void *past)
{
        TextsPast *p = past;
        const AuditCell args[] = {{.number = p->since_us}, {.number = p->max}};
        _cleanup_(audit_freep) Audit *audit = NULL;
        char why[128];

        if (audit_open(&audit, p->directory, why) != 0)
                return;
        (void)audit_query(audit, answers_query, args, 2, answer_row, p); /* what was read by then stays */
        for (uint32_t i = 0; i < p->n; i++) {
                const AuditCell id = {.number = (int64_t)p->answers[i].incident};

                (void)audit_query(audit, closed_query, &id, 1, said_row, p); /* then without words */
        }
}

void texts_past_tell(const TextsPast *p, Codec *codec, void (*answer)(void *userdata, const TextsAnswer *),
        void *userdata)
{
        Texts t = {0}; /* of those that are told, and not of those that are open */

        ASSERT(p && codec && answer);
        for (Said *said = p->said; said; said = said->next)
                body_read(&t, codec, said->incident, said->kind, said->body, said->n);
        for (uint32_t i = p->n; i-- > 0;) {
                TextsAnswer a = p->answers[i];
                const Entry *e = entry_find(&t, a.incident);

                a.open_words = e && e->open;
                a.words = texts_words(&t, a.incident);
                answer(userdata, &a);
        }
        while (t.n > 0)
                texts_drop(&t, t.entries[t.n - 1].incident);
        free(t.entries);
}
