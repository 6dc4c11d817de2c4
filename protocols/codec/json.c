/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON to events.
 *
 * The usual message is flat and plain, and is read by flat.c. All others are read by SQLite's JSON functions on a private
 * :memory: connection, which is the judge of what JSON is: one prepared statement a message shape reads a body in one
 * step. The WHERE clause is json_valid(), so that no other function ever sees malformed text; then type and value of each
 * member, by paths that are bound once. SQLite parses a text once a step, however many functions look at it. What SQLite
 * does not check is checked here:
 *  - UTF-8 of the whole body before (str_utf8, which also refuses NUL: SQLite would stop reading there);
 *  - UTF-8 of what comes out: "\ud800" is valid JSON but becomes bytes that are none, and "\u0000" cuts a
 * text.
 *
 * Readers never fail. An alarm that cannot be read is an alarm all the same (SEMANTICS.md section 5, UNKNOWN
 * sources); everything that was wrong is said in event->why.
 *
 * The connection can do nothing but this: see connection.h.
 */
#include "protocols/codec/codec.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"
#include "protocols/codec/common.h"
#include "protocols/codec/connection.h"
#include "protocols/codec/flat.h"
#include "protocols/codec/words.h"
#include "limits.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define PATHS_MAX FLAT_MEMBERS_MAX

typedef enum ShapeKind {
        SHAPE_ALARM,
        SHAPE_VITALS,
        SHAPE_STATUS,
        SHAPE_ACTION,
        SHAPE_SIGNS,
        SHAPE_MAX
} ShapeKind;

enum { ALARM_ID, ALARM_KIND, ALARM_TS, ALARM_TEXT };
enum { VITALS_HR, VITALS_TS = VITAL_MAX }; /* the members before ts are those of Vital */
enum { STATUS_BATTERY, STATUS_RSSI, STATUS_MAINS, STATUS_WORN, STATUS_TAMPER, STATUS_TS };
enum { SIGNS_LAT = SIGN_BUTTON, SIGNS_LON, SIGNS_ACCURACY }; /* the members before are those of SignKind */
enum {
        ACT_NONCE,
        ACT_ACTION,
        ACT_INCIDENT,
        ACT_SEQ,
        ACT_ETA,
        ACT_OUTCOME,
        ACT_TO,
        ACT_AGENCY,
        ACT_NOTE,
        ACT_PROOF,
        ACT_YES,
        ACT_TS,
        ACT_DEVICE,
        ACT_RESIDENT,
        ACT_MODE,
        ACT_FOR,
        ACT_SERVICE,
        ACT_RATING,
        ACT_VISIT,
        ACT_TEXT,
        ACT_EVIDENCE,
        ACT_REASON,
        ACT_CLASS,
        ACT_SCORE,
        ACT_PUBLIC,
};

static const char *const shapes[SHAPE_MAX][PATHS_MAX] = {
        [SHAPE_ALARM] = {"$.id", "$.kind", "$.ts", "$.text"},
        [SHAPE_VITALS] = {"$.hr", "$.spo2", "$.sys", "$.dia", "$.temp", "$.resp", "$.ts"},
        [SHAPE_STATUS] = {"$.battery", "$.rssi", "$.mains", "$.worn", "$.tamper", "$.ts"},
        [SHAPE_SIGNS] = {"$.motion", "$.bed", "$.water", "$.door", "$.lat", "$.lon", "$.accuracy"},
        [SHAPE_ACTION] = {"$.nonce", "$.action", "$.incident", "$.seq", "$.eta", "$.outcome", "$.to",
                "$.agency", "$.note", "$.proof", "$.yes", "$.ts", "$.device", "$.resident", "$.mode",
                "$.for", "$.service", "$.rating", "$.visit", "$.text", "$.evidence", "$.reason", "$.class", "$.score",
                "$.public"},
};

struct Codec {
        sqlite3 *db;
        sqlite3_stmt *shapes[SHAPE_MAX];
        sqlite3_stmt *literal; /* a member as it is written: integers beyond 64 bits */
        bool stepped[SHAPE_MAX]; /* body_close() has something to do */
        Flat flat;               /* the members of the message in hand, whoever has read them */
};

/* SELECT json_type(?1,'$'), json_type(?1,?2), json_extract(?1,?2), … WHERE json_valid(?1) */
static int shape_prepare(sqlite3 *db, const char *const *paths, sqlite3_stmt **ret)
{
        char sql[2048];
        Str s = STR_BUFFER(sql);

        str_add(&s, "SELECT json_type(?1,'$')");
        for (int i = 0; i < PATHS_MAX && paths[i]; i++)
                str_addf(&s, ",json_type(?1,?%d),json_extract(?1,?%d)", i + 2, i + 2);
        str_add(&s, " WHERE json_valid(?1)");
        ASSERT(!s.full);
        if (sqlite3_prepare_v3(db, s.p, (int)s.n, SQLITE_PREPARE_PERSISTENT, ret, NULL) != SQLITE_OK)
                return error_origin(-EIO);
        for (int i = 0; i < PATHS_MAX && paths[i]; i++)
                if (sqlite3_bind_text(*ret, i + 2, paths[i], -1, SQLITE_STATIC) != SQLITE_OK)
                        return error_origin(-EIO);
        return 0;
}

int codec_new(Codec **ret)
{
        Codec *codec = calloc(1, sizeof(*codec));
        int r;

        if (!codec)
                return error_origin(-ENOMEM);
        r = connection_open(&codec->db);
        for (int i = 0; r == 0 && i < SHAPE_MAX; i++)
                r = shape_prepare(codec->db, shapes[i], &codec->shapes[i]);
        if (r == 0 && sqlite3_prepare_v3(codec->db, "SELECT ?1 -> ?2 WHERE json_valid(?1)", -1,
                              SQLITE_PREPARE_PERSISTENT, &codec->literal, NULL) != SQLITE_OK)
                r = error_origin(-EIO);
        if (r < 0) {
                codec_free(codec);
                return error_trace(r);
        }
        *ret = codec;
        return 0;
}

Codec *codec_free(Codec *codec)
{
        if (!codec)
                return NULL;
        for (int i = 0; i < SHAPE_MAX; i++)
                (void)sqlite3_finalize(codec->shapes[i]); /* repeats an old error */
        (void)sqlite3_finalize(codec->literal);
        (void)sqlite3_close(codec->db); /* nothing left that could keep it open */
        free(codec);
        return NULL;
}

/* ---- members of the message in hand ---- */

/* What SQLite has found. Texts are valid until the statement moves. */
static void values_take(FlatValue *values, sqlite3_stmt *row, const char *const *paths)
{
        for (int i = 0; i < PATHS_MAX && paths[i]; i++) {
                FlatValue *v = &values[i];

                *v = (FlatValue){.type = value_type((const char *)sqlite3_column_text(row, 1 + 2 * i))};
                if (v->type == VALUE_INTEGER || v->type == VALUE_REAL) {
                        v->number = sqlite3_column_double(row, 2 + 2 * i);
                        v->large = v->type == VALUE_INTEGER && sqlite3_column_type(row, 2 + 2 * i) != SQLITE_INTEGER;
                        v->integer = v->type == VALUE_INTEGER && !v->large ? sqlite3_column_int64(row, 2 + 2 * i) : 0;
                } else if (v->type == VALUE_TEXT) {
                        v->text = (const char *)sqlite3_column_text(row, 2 + 2 * i);
                        v->size = (size_t)sqlite3_column_bytes(row, 2 + 2 * i);
                }
        }
}

/* A text in valid UTF-8, with its size; NULL: absent, another type, or no UTF-8. */
static const char *member_text(const FlatValue *row, int member, size_t *ret_size)
{
        const FlatValue *v = &row[member];

        if (v->type != VALUE_TEXT || !v->text || !str_utf8(v->text, v->size))
                return NULL;
        *ret_size = v->size;
        return v->text;
}

static bool member_number(const FlatValue *row, int member, double *ret)
{
        const FlatValue *v = &row[member];

        if ((v->type != VALUE_INTEGER && v->type != VALUE_REAL) || !isfinite(v->number))
                return false;
        *ret = v->number;
        return true;
}

/* A whole number above 0; also as text or as 1042.0, which some libraries make of it. */
static bool member_count(const FlatValue *row, int member, uint64_t *ret)
{
        const char *text;
        double value;
        size_t n;

        text = member_text(row, member, &n);
        if (text)
                return parse_u64(text, ret);
        if (row[member].type == VALUE_INTEGER && !row[member].large) {
                if (row[member].integer < 0)
                        return false;
                *ret = (uint64_t)row[member].integer;
                return true;
        }
        if (!member_number(row, member, &value) || value < 0 || value > 9007199254740992.0 ||
                value != floor(value))
                return false;
        *ret = (uint64_t)value;
        return true;
}

/* 1, 0, or -1: not said. Numbers count as C counts them: old firmware has no true. */
static int8_t member_flag(const FlatValue *row, int member)
{
        double value;

        switch (row[member].type) {
        case VALUE_TRUE: return 1;
        case VALUE_FALSE: return 0;
        case VALUE_INTEGER:
        case VALUE_REAL: return member_number(row, member, &value) ? value != 0 : -1;
        case VALUE_ABSENT:
        case VALUE_NULL:
        case VALUE_TEXT:
        case VALUE_ARRAY:
        case VALUE_OBJECT: return -1;
        }
        return -1;
}

/* ---- the body as a whole ---- */

/* The body without what stands around a message: a byte order mark, white space. */
static const char *body_text(const Event *e, size_t *ret_size)
{
        const char *p = e->body ? e->body : "";
        size_t n = e->body ? e->body_size : 0;

        if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
                p += 3;
                n -= 3;
        }
        while (n > 0 && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')) {
                p++;
                n--;
        }
        while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t' || p[n - 1] == '\r' || p[n - 1] == '\n'))
                n--;
        *ret_size = n;
        return p;
}

/* By SQLite. The members are in codec->flat until body_close(). */
static bool shape_step(Codec *codec, ShapeKind shape, const char *p, size_t n)
{
        sqlite3_stmt *row = codec->shapes[shape];

        codec->stepped[shape] = true;
        if (!json_names(p, n) || sqlite3_bind_text(row, 1, p, (int)n, SQLITE_STATIC) != SQLITE_OK ||
                connection_step(row) != SQLITE_ROW)
                return false;
        values_take(codec->flat.values, row, shapes[shape]);
        codec->flat.others = 1; /* nobody has counted */
        return true;
}

static bool is_object(Codec *codec, ShapeKind shape)
{
        return value_type((const char *)sqlite3_column_text(codec->shapes[shape], 0)) == VALUE_OBJECT;
}

/*
 * Reads the shape's members of the body. True: it is an object, and they are in codec->flat; body_close() ends that.
 * False: `why` says what came instead. Sets body_json in either case.
 */
static bool body_open(Codec *codec, ShapeKind shape, Event *e)
{
        const char *p;
        bool flat;
        size_t n;

        e->id[0] = e->why[0] = '\0';
        e->device_us = 0;
        e->signs = (SignEvent){.located = false};
        e->body_json = false;
        p = body_text(e, &n);
        if (n == 0) {
                event_why(e, "empty");
                return false;
        }
        if (e->body_size > LIMIT_BODY) {
                event_why(e, "larger than 16384 bytes");
                return false;
        }
        if (!str_utf8(p, n)) {
                event_why(e, "not UTF-8");
                return false;
        }
        flat = flat_read(&codec->flat, p, n, shapes[shape]);
        if (!flat && !shape_step(codec, shape, p, n)) {
                event_why(e, "not JSON");
                return false;
        }
        /* With a byte order mark it is no JSON text (RFC 8259, 8.1), though we read it. */
        e->body_json = *(unsigned char *)e->body != 0xef && (flat || json_inlines(p, n));
        if (!flat && !is_object(codec, shape)) {
                event_why(e, "JSON, but not an object");
                return false;
        }
        return true;
}

static void body_close(Codec *codec, ShapeKind shape)
{
        if (!codec->stepped[shape])
                return;
        codec->stepped[shape] = false;
        (void)sqlite3_reset(codec->shapes[shape]); /* repeats the error of the step */
        (void)sqlite3_bind_null(codec->shapes[shape], 1);
}

/* An integer as it is written, for those that do not fit in 64 bits. */
static void id_literal(Codec *codec, Event *e, const char *path)
{
        const char *text;
        size_t n;
        const char *p = body_text(e, &n);

        if (sqlite3_bind_text(codec->literal, 1, p, (int)n, SQLITE_STATIC) == SQLITE_OK &&
                sqlite3_bind_text(codec->literal, 2, path, -1, SQLITE_STATIC) == SQLITE_OK &&
                connection_step(codec->literal) == SQLITE_ROW) {
                text = (const char *)sqlite3_column_text(codec->literal, 0);
                if (text && !str_copy(e->id, sizeof(e->id), text)) {
                        e->id[0] = '\0';
                        event_why(e, "id too long");
                }
        }
        (void)sqlite3_reset(codec->literal);
        (void)sqlite3_bind_null(codec->literal, 1);
}

/*
 * The event id or nonce: a text, or an integer as its decimal text; 1 to 63 bytes. Anything else is no id:
 * every message is then a press, which calls too often rather than too seldom.
 */
static void id_read(Codec *codec, ShapeKind shape, Event *e)
{
        const FlatValue *row = codec->flat.values;
        Str id = STR_BUFFER(e->id); /* 20 digits fit */
        const char *text;
        size_t n = 0;

        switch (row[0].type) {
        case VALUE_ABSENT: return;
        case VALUE_INTEGER:
                if (row[0].large)
                        id_literal(codec, e, shapes[shape][0]);
                else
                        str_i64(&id, row[0].integer);
                return;
        case VALUE_TEXT:
                text = member_text(row, 0, &n);
                if (!text || memmem(e->body, e->body_size, "\\u0000", 6))
                        event_why(e, "id is no UTF-8 text");
                else if (n == 0)
                        event_why(e, "id is empty");
                else if (n >= sizeof(e->id))
                        event_why(e, "id too long");
                else
                        (void)str_copyn(e->id, sizeof(e->id), text, n); /* fits */
                return;
        case VALUE_NULL:
        case VALUE_TRUE:
        case VALUE_FALSE:
        case VALUE_REAL:
        case VALUE_ARRAY:
        case VALUE_OBJECT: event_why(e, "id is neither text nor integer"); return;
        }
}

static int64_t ts_read(const FlatValue *row, int member)
{
        double ts;

        return member_number(row, member, &ts) ? time_possible(ts) : 0;
}

/* ---- signs of life, and the place: in any message of a device ---- */

/* true, 1; of a bed also in and out, of a door open and closed. */
static SignSaid sign_said(const FlatValue *row, SignKind kind)
{
        const char *yes = kind == SIGN_BED ? "in" : "open", *no = kind == SIGN_BED ? "out" : "closed", *text;
        int8_t flag = member_flag(row, (int)kind);
        size_t n = 0;

        if (flag >= 0)
                return flag ? SAID_YES : SAID_NO;
        text = kind == SIGN_BED || kind == SIGN_DOOR ? member_text(row, (int)kind, &n) : NULL;
        if (!text)
                return SAID_NOT;
        return str_equal(text, yes) ? SAID_YES : str_equal(text, no) ? SAID_NO : SAID_NOT;
}

/* Of the message that was read last. */
static bool signs_likely(const Codec *codec, const char *p, size_t n)
{
        static const char *const names[] = {"\"motion\"", "\"bed\"", "\"water\"", "\"door\"", "\"lat\""};

        if (codec->flat.others == 0)
                return false;
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
                if (memmem(p, n, names[i], strlen(names[i])))
                        return true;
        return false;
}

/* After the message itself was read, and found to be an object: its members are gone then. Returns whether it says
 * anything. */
static bool signs_read(Codec *codec, Event *e)
{
        const FlatValue *row = codec->flat.values;
        size_t n;
        const char *p = body_text(e, &n);
        double accuracy = 0;
        bool any = false;

        if (!signs_likely(codec, p, n))
                return false;
        if (flat_read(&codec->flat, p, n, shapes[SHAPE_SIGNS]) || shape_step(codec, SHAPE_SIGNS, p, n)) {
                for (unsigned k = 0; k < SIGN_BUTTON; k++) {
                        e->signs.said[k] = (uint8_t)sign_said(row, (SignKind)k);
                        any = any || e->signs.said[k] != SAID_NOT;
                }
                (void)member_number(row, SIGNS_ACCURACY, &accuracy); /* it need not be said */
                if (member_number(row, SIGNS_LAT, &e->signs.lat) &&
                        member_number(row, SIGNS_LON, &e->signs.lon))
                        e->signs.located = place_possible(e->signs.lat, e->signs.lon);
                e->signs.accuracy_m = accuracy > 0 && accuracy < 1e6 ? (float)accuracy : 0;
        }
        body_close(codec, SHAPE_SIGNS);
        return any || e->signs.located;
}

/* ---- alarms ---- */

static bool kind_parse(const char *word, AlarmKind *ret)
{
        char lower[WORD_SIZE];
        AlarmKind kind;

        if (!str_copy(lower, sizeof(lower), word))
                return false;
        words_lower(lower);
        if (!alarm_kind_parse(lower, &kind) || kind >= ALARM_UNKNOWN)
                return false;
        *ret = kind;
        return true;
}

/* Sets kind and word from the word of a body or of a path. */
static void kind_set(Event *e, const char *word, size_t n)
{
        char text[WORD_SIZE];

        if (!str_copyn(text, sizeof(text), word, n) || !kind_parse(text, &e->alarm.kind))
                e->alarm.kind = ALARM_UNKNOWN;
        (void)str_copyn(
                e->alarm.word, sizeof(e->alarm.word), word, n); /* cut: nothing of ours is that long */
}

/* A body that is only a known word, as the simplest of buttons send it: sos, "sos". */
static bool kind_bare(Event *e)
{
        char word[WORD_SIZE];
        size_t n;
        const char *p = body_text(e, &n);

        if (n >= 2 && p[0] == '"' && p[n - 1] == '"') {
                p++;
                n -= 2;
        }
        if (n == 0 || n >= sizeof(word) || !str_utf8(p, n))
                return false;
        (void)str_copyn(word, sizeof(word), p, n); /* fits */
        if (!kind_parse(word, &e->alarm.kind))
                return false;
        (void)str_copy(e->alarm.word, sizeof(e->alarm.word), word); /* fits */
        e->why[0] = '\0';
        return true;
}

/* Words of a person, without white space before them; "": there are none. */
static const char *words_of(const FlatValue *row, int member, size_t *ret_n)
{
        size_t n = 0;
        const char *text = row[member].type == VALUE_TEXT ? member_text(row, member, &n) : NULL;

        while (text && n > 0 && (unsigned char)*text <= ' ') {
                text++;
                n--;
        }
        *ret_n = n;
        return text ? text : "";
}

/* … cut to what is kept beside the record, without white space around them, on one line. */
static void words_take(const FlatValue *row, int member, char to[TEXT_SIZE])
{
        size_t n;
        const char *text = words_of(row, member, &n);

        (void)str_copyn(to, TEXT_SIZE, text, n); /* cut: the record has all of it */
        for (char *p = to; *p; p++)
                if ((unsigned char)*p < ' ' || *p == 0x7f)
                        *p = ' ';
        for (n = strlen(to); n > 0 && to[n - 1] == ' '; n--)
                to[n - 1] = '\0';
}

/* … all of them where they are cut: an emergency may stand at their end. */
static void words_keep(const FlatValue *row, int member, Event *e)
{
        size_t n;
        const char *text = words_of(row, member, &n);

        ASSERT(!e->whole);
        if (n >= TEXT_SIZE)
                e->whole = strndup(text, n); /* NULL: then their beginning has to do */
}

void codec_read_alarm(Codec *codec, Event *e, const char *kind_hint)
{
        const FlatValue *row = codec->flat.values;
        const bool hint = kind_hint && kind_hint[0] != '\0' && str_utf8(kind_hint, strlen(kind_hint));
        const char *word;
        size_t n = 0;

        e->type = EVENT_ALARM;
        e->alarm = (AlarmEvent){.kind = ALARM_UNPARSED};
        if (body_open(codec, SHAPE_ALARM, e)) {
                id_read(codec, SHAPE_ALARM, e);
                e->device_us = ts_read(row, ALARM_TS);
                word = member_text(row, ALARM_KIND, &n);
                if (word && n > 0)
                        kind_set(e, word, n);
                else if (hint)
                        kind_set(e, kind_hint, strlen(kind_hint));
                else {
                        e->alarm.kind = ALARM_UNKNOWN;
                        event_why(e, row[ALARM_KIND].type == VALUE_ABSENT ? "no kind"
                                                                                   : "kind is no text");
                }
                if (e->alarm.kind == ALARM_REQUEST) {
                        words_take(row, ALARM_TEXT, e->alarm.text);
                        words_keep(row, ALARM_TEXT, e);
                }
                (void)signs_read(codec, e); /* an alarm all the same */
        } else if (hint && str_equal(e->why, "empty")) {
                kind_set(e, kind_hint, strlen(kind_hint));
                e->why[0] = '\0';
        } else
                (void)kind_bare(e); /* else it stays unparsed */
        body_close(codec, SHAPE_ALARM);
}

/* ---- vitals and status ---- */

void codec_read_vitals(Codec *codec, Event *e)
{
        const FlatValue *row = codec->flat.values;
        VitalsEvent vitals = {0};
        bool object, signs;

        e->type = EVENT_VITALS;
        object = body_open(codec, SHAPE_VITALS, e);
        if (object) {
                e->device_us = ts_read(row, VITALS_TS);
                for (int i = 0; i < VITAL_MAX; i++) {
                        double value;

                        if (row[i].type <= VALUE_NULL)
                                continue;
                        if (!member_number(row, i, &value))
                                event_why(e, "a reading is no number");
                        else if (!vital_possible((Vital)i, value))
                                event_why(e, "a reading is outside what can be");
                        else {
                                vitals.has |= 1u << i;
                                vitals.value[i] = value;
                        }
                }
                if (vitals.has == 0)
                        event_why(e, "no reading");
        }
        body_close(codec, SHAPE_VITALS);
        signs = object && signs_read(codec, e);
        if (vitals.has != 0) {
                e->vitals = vitals;
                return;
        }
        e->type = EVENT_STATUS;
        e->status = (StatusEvent){STATUS_UNSAID, .fault = !signs};
        if (signs)
                e->why[0] = '\0';
}

static int16_t status_number(const FlatValue *row, int member, double min, double max)
{
        double value;

        if (!member_number(row, member, &value) || value < min || value > max)
                return INT16_MIN;
        return (int16_t)lround(value);
}

void codec_read_status(Codec *codec, Event *e)
{
        const FlatValue *row = codec->flat.values;

        e->type = EVENT_STATUS;
        e->status = (StatusEvent){STATUS_UNSAID};
        if (body_open(codec, SHAPE_STATUS, e)) {
                e->device_us = ts_read(row, STATUS_TS);
                e->status.battery = status_number(row, STATUS_BATTERY, 0, 100);
                e->status.rssi = status_number(row, STATUS_RSSI, -200, 100);
                e->status.mains = member_flag(row, STATUS_MAINS);
                e->status.worn = member_flag(row, STATUS_WORN);
                e->status.tamper = member_flag(row, STATUS_TAMPER);
                (void)signs_read(codec, e); /* a heartbeat at least */
        } else if (str_equal(e->why, "empty"))
                e->why[0] = '\0'; /* whoever speaks on his own status topic is alive */
        else
                e->status.fault = true;
        body_close(codec, SHAPE_STATUS);
}

/* ---- actions ---- */

static void action_word(const FlatValue *row, Event *e)
{
        const char *word;
        size_t n = 0;

        word = member_text(row, ACT_ACTION, &n);
        if (!word || n == 0) {
                event_why(e,
                        row[ACT_ACTION].type == VALUE_ABSENT ? "no action" : "action is no text");
                return;
        }
        if (!str_copyn(e->action.word, sizeof(e->action.word), word, n) ||
                !action_kind_parse(e->action.word, &e->action.kind) || e->action.kind >= ACTION_UNKNOWN) {
                e->action.kind = ACTION_UNKNOWN;
                event_why(e, "unknown action");
        }
}

/* Copies a text member; one that does not fit is cut, so that nothing we know can equal it. */
static void action_text(const FlatValue *row, Event *e, int member, char *to, size_t cap, const char *complaint)
{
        const char *text;
        size_t n = 0;

        if (row[member].type <= VALUE_NULL)
                return;
        text = member_text(row, member, &n);
        if (!text || !str_copyn(to, cap, text, n))
                event_why(e, complaint);
}

/* test and shelve name a device, away a resident; shelve and away say for how long, in seconds. */
static void action_target(const FlatValue *row, Event *e)
{
        bool visit = e->action.kind == ACTION_VISIT_IN || e->action.kind == ACTION_VISIT_FIX;
        bool away = e->action.kind == ACTION_AWAY || e->action.kind == ACTION_REQUEST ||
                    (visit && row[ACT_RESIDENT].type > VALUE_NULL);
        double span;

        action_text(row, e, away ? ACT_RESIDENT : ACT_DEVICE, e->action.target, sizeof(e->action.target),
                away ? "resident is no code" : "device is no code");
        action_text(row, e, ACT_MODE, e->action.mode, sizeof(e->action.mode), "mode is no word");
        if (member_number(row, ACT_FOR, &span) && span > 0 && span <= 366 * 86400.0)
                e->action.span_us = (uint64_t)(span * 1e6);
        else if (row[ACT_FOR].type > VALUE_NULL)
                event_why(e, "for is no number of seconds");
}

static bool action_said(const FlatValue *row, int member)
{
        const char *text;
        size_t n = 0;

        switch (row[member].type) {
        case VALUE_TRUE:
        case VALUE_OBJECT:
        case VALUE_ARRAY: return true;
        case VALUE_INTEGER:
        case VALUE_REAL: return member_flag(row, member) == 1;
        case VALUE_TEXT:
                text = member_text(row, member, &n);
                return text && n > 0 && !str_equal(text, "no") && !str_equal(text, "false");
        case VALUE_ABSENT:
        case VALUE_NULL:
        case VALUE_FALSE: return false;
        }
        return false;
}

static void action_count(const FlatValue *row, Event *e, int member, uint64_t *to, const char *complaint)
{
        if (row[member].type <= VALUE_NULL)
                return;
        if (!member_count(row, member, to))
                event_why(e, complaint);
}

/* A word for the service that is not ours is what people do besides: other. */
static void action_visit(const FlatValue *row, Event *e)
{
        char word[WORD_SIZE] = "";
        Service service = SERVICE_OTHER;
        double rating;

        action_text(row, e, ACT_SERVICE, word, sizeof(word), "service is no word");
        if (word[0] && service_parse(word, &service))
                e->action.service = (uint8_t)service;
        if (member_number(row, ACT_RATING, &rating) && rating >= 1 && rating <= 5)
                e->action.rating = (uint8_t)rating;
        action_count(row, e, ACT_VISIT, &e->action.visit, "visit is no number");
}

/* What a wall may show to everybody must be said plainly: true, 1, yes. */
static bool action_public(const FlatValue *row)
{
        double value;
        const char *text;
        size_t n = 0;

        switch (row[ACT_PUBLIC].type) {
        case VALUE_TRUE: return true;
        case VALUE_INTEGER:
        case VALUE_REAL: return member_number(row, ACT_PUBLIC, &value) && value == 1;
        case VALUE_TEXT:
                text = member_text(row, ACT_PUBLIC, &n);
                return text && (str_equal(text, "true") || str_equal(text, "yes"));
        case VALUE_ABSENT:
        case VALUE_NULL:
        case VALUE_FALSE:
        case VALUE_ARRAY:
        case VALUE_OBJECT: return false;
        }
        return false;
}

/* The words that an action about a request needs have a name of their own; a note says it as well. */
static void action_request(const FlatValue *row, Event *e)
{
        const ActionKind kind = e->action.kind;
        double score;
        int member = kind == ACTION_REQUEST                                   ? ACT_TEXT
                     : kind == ACTION_WAITING                                 ? ACT_EVIDENCE
                     : kind == ACTION_NOT_ACCEPTED || kind == ACTION_ESCALATE ? ACT_REASON
                                                                              : ACT_NOTE;

        words_take(row, member, e->action.text);
        if (!e->action.text[0]) {
                member = ACT_NOTE;
                words_take(row, member, e->action.text);
        }
        if (kind == ACTION_REQUEST)
                words_keep(row, member, e);
        action_text(row, e, ACT_CLASS, e->action.class, sizeof(e->action.class), "class is no word");
        if (member_number(row, ACT_SCORE, &score) && (score == 1 || score == 2 || score == 3 || score == 4 || score == 5))
                e->action.score = (uint8_t)score;
        e->action.open = action_public(row);
}

void codec_read_action(Codec *codec, Event *e)
{
        const FlatValue *row = codec->flat.values;
        double eta;

        e->type = EVENT_ACTION;
        e->action = (ActionEvent){.kind = ACTION_UNKNOWN};
        if (body_open(codec, SHAPE_ACTION, e)) {
                id_read(codec, SHAPE_ACTION, e);
                e->device_us = ts_read(row, ACT_TS);
                action_word(row, e);
                action_count(row, e, ACT_INCIDENT, &e->action.incident, "incident is no number");
                action_count(row, e, ACT_SEQ, &e->action.seq, "seq is no number");
                if (member_number(row, ACT_ETA, &eta) && eta > 0 && eta <= 7 * 86400.0)
                        e->action.eta_us = (uint64_t)llround(eta * 1e6);
                action_text(row, e, ACT_OUTCOME, e->action.outcome, sizeof(e->action.outcome),
                        "outcome is no word");
                action_text(row, e, ACT_TO, e->action.to, sizeof(e->action.to), "to is no worker's code");
                action_text(
                        row, e, ACT_AGENCY, e->action.agency, sizeof(e->action.agency), "agency is no word");
                action_target(row, e);
                action_visit(row, e);
                e->action.has_note = action_said(row, ACT_NOTE);
                e->action.proof = action_said(row, ACT_PROOF);
                e->action.yes = action_said(row, ACT_YES);
                action_request(row, e);
        }
        body_close(codec, SHAPE_ACTION);
}
