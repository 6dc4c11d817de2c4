/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pack is read in two steps. JSON (flat.h, or query.h for what is not plain) or CBOR (libcbor's decoder, one item at a time: it allocates nothing,
 * and a length that is a lie costs nothing) becomes plain records; the records are resolved (RFC 8428 section 4.1)
 * and sorted into what they mean.
 *
 * A pack is refused as a whole where the RFC asks for it: a version that we do not know, a field that must be
 * understood (its name ends with '_'). Otherwise what is wrong with one record is only that record's loss: an alarm
 * next to a bad reading is still an alarm.
 *
 * Alarms: true is always an event, also when it is said again, because somebody may wait for its receipt; a repeated
 * pack is folded by its id. False is an event only for fire, and only when it is news.
 */
#include "protocols/codec/senml.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/idmap.h"
#include "base/str.h"
#include "limits.h"
#include "protocols/codec/cbor-items.h"
#include "protocols/codec/common.h"
#include "protocols/codec/flat.h"
#include "protocols/codec/levels.h"
#include "protocols/codec/query.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE    128
#define UNIT_SIZE    16
#define VERSION_MAX  10
#define RELATIVE_MAX 268435456.0 /* below 2^28, a time counts from now */
#define ALARMS_MAX   8u

typedef enum Field {
        FIELD_BN,
        FIELD_BT,
        FIELD_BU,
        FIELD_BV,
        FIELD_BS,
        FIELD_BVER,
        FIELD_N,
        FIELD_U,
        FIELD_V,
        FIELD_VB,
        FIELD_S,
        FIELD_T,
        FIELD_MAX,
} Field;

typedef struct Record {
        uint32_t has; /* bit Field */
        double number[FIELD_MAX];
        bool vb;
        char bn[NAME_SIZE], n[NAME_SIZE], bu[UNIT_SIZE], u[UNIT_SIZE];
} Record;

typedef struct Resolved {
        char name[NAME_SIZE], unit[UNIT_SIZE];
        double time; /* absolute; 0: not said */
        double value;
        bool truth, is_bool;
} Resolved;

typedef struct Reading {
        int64_t us;
        uint8_t vital;
        double value;
} Reading;

typedef struct Alarm {
        AlarmKind kind;
        int64_t us;
        bool press;
} Alarm;

struct Senml {
        QueryBase *base;
        Query *query;
        Levels *levels;

        /* of the pack in hand */
        const char *source;
        double now;
        char bn[NAME_SIZE], bu[UNIT_SIZE];
        double bt, bv, bs;
        bool json;
        bool plain; /* the record in hand is in flat, else in query */
        Flat flat;
        const char *why;
        bool refused;
        Alarm alarms[ALARMS_MAX];
        unsigned n_alarms;
        double counter; /* 5501; NAN: none */
        Reading readings[SENML_RECORDS_MAX];
        unsigned n_readings, n_times;
        unsigned first[SENML_RECORDS_MAX]; /* reading that begins each time */
        StatusEvent status;
        SignEvent signs;
        int64_t status_us;
        bool has_status;
};

static const char *const paths[] = {[FIELD_BN] = "$.bn",
        [FIELD_BT] = "$.bt",
        [FIELD_BU] = "$.bu",
        [FIELD_BV] = "$.bv",
        [FIELD_BS] = "$.bs",
        [FIELD_BVER] = "$.bver",
        [FIELD_N] = "$.n",
        [FIELD_U] = "$.u",
        [FIELD_V] = "$.v",
        [FIELD_VB] = "$.vb",
        [FIELD_S] = "$.s",
        [FIELD_T] = "$.t",
        NULL};

int senml_new(Senml **ret)
{
        Senml *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return error_origin(-ENOMEM);
        r = query_base_new(&s->base);
        if (r == 0)
                r = query_new(&s->query, s->base, paths, FIELD_MAX, "$");
        if (r == 0)
                r = levels_new(&s->levels);
        if (r < 0) {
                senml_free(s);
                return error_trace(r);
        }
        *ret = s;
        return 0;
}

Senml *senml_free(Senml *s)
{
        if (!s)
                return NULL;
        query_free(s->query);
        query_base_free(s->base);
        levels_free(s->levels);
        free(s);
        return NULL;
}

SenmlForm senml_sniff(const void *bytes, size_t n)
{
        const uint8_t *p = bytes;

        while (n > 0 && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')) {
                p++;
                n--;
        }
        if (n == 0)
                return SENML_NONE;
        if (*p == '[')
                return SENML_JSON;
        return p == bytes && *p >= 0x80 && *p <= 0x9f ? SENML_CBOR : SENML_NONE;
}

static void complain(Senml *s, const char *why)
{
        if (!s->why)
                s->why = why;
}

static void refuse(Senml *s, const char *why)
{
        if (!s->refused)
                s->why = why;
        s->refused = true;
}

/* ---- what a record means ---- */

/* To our unit. False: not one of this vital's. No unit is taken for ours. */
static bool vital_unit(Vital vital, const char *unit, double *v)
{
        if (unit[0] == '\0')
                return true;
        switch (vital) {
        case VITAL_HR: return str_equal(unit, "beat/min") || str_equal(unit, "/min");
        case VITAL_RESP: return str_equal(unit, "/min") || str_equal(unit, "beat/min");
        case VITAL_SPO2:
                if (str_equal(unit, "/"))
                        *v *= 100;
                return str_equal(unit, "/") || str_equal(unit, "%");
        case VITAL_SYS:
        case VITAL_DIA:
                if (str_equal(unit, "Pa"))
                        *v /= 133.322387415;
                else if (str_equal(unit, "kPa"))
                        *v /= 0.133322387415;
                else if (str_equal(unit, "hPa"))
                        *v /= 1.33322387415;
                else
                        return str_equal(unit, "mm[Hg]") || str_equal(unit, "mmHg");
                return true;
        case VITAL_TEMP:
                if (str_equal(unit, "K"))
                        *v -= 273.15;
                else if (str_equal(unit, "[degF]") || str_equal(unit, "degF"))
                        *v = (*v - 32) / 1.8;
                else
                        return str_equal(unit, "Cel");
                return true;
        case VITAL_MAX: break;
        }
        return false;
}

static int64_t record_us(const Resolved *r)
{
        return r->time > 0 ? time_possible(r->time) : 0;
}

static void take_vital(Senml *s, Vital vital, const Resolved *r)
{
        double v = r->value;

        if (r->is_bool || !vital_unit(vital, r->unit, &v))
                complain(s, "a reading in a unit that is not its own");
        else if (!vital_possible(vital, v))
                complain(s, "a reading is outside what can be");
        else if (s->n_readings < SENML_RECORDS_MAX)
                s->readings[s->n_readings++] = (Reading){record_us(r), (uint8_t)vital, v};
}

static bool is_fire(AlarmKind kind)
{
        return kind == ALARM_SMOKE || kind == ALARM_HEAT || kind == ALARM_GAS || kind == ALARM_CO;
}

static void take_alarm(Senml *s, AlarmKind kind, const Resolved *r, bool press)
{
        LevelSaid said = {.key = idmap_mix(idmap_hash(s->source, strlen(s->source)), (uint64_t)kind + 1),
                .payload = 1,
                .on = r->truth,
                .held = true};
        LevelStep step = is_fire(kind) ? levels_step(s->levels, &said) : LEVEL_NOTHING;

        if (!r->truth && step != LEVEL_FALL)
                return;
        if (s->n_alarms == ALARMS_MAX) {
                complain(s, "more alarms than one pack can have");
                return;
        }
        s->alarms[s->n_alarms++] = (Alarm){.kind = r->truth ? kind : (AlarmKind)(kind + 1), /* its clear */
                .us = record_us(r),
                .press = press};
}

/* Signs of life, and a place. */
static bool take_sign(Senml *s, const char *word, const Resolved *r)
{
        for (unsigned k = 0; k < SIGN_BUTTON; k++)
                if (str_equal(word, sign_word((SignKind)k))) {
                        s->signs.said[k] = r->truth ? SAID_YES : SAID_NO;
                        return true;
                }
        if (r->is_bool)
                return false;
        if (str_equal(word, "lat"))
                s->signs.lat = r->value;
        else if (str_equal(word, "lon"))
                s->signs.lon = r->value;
        else if (str_equal(word, "accuracy") && r->value > 0 && r->value < 1e6)
                s->signs.accuracy_m = (float)r->value;
        else
                return false;
        s->signs.located =
                place_possible(s->signs.lat, s->signs.lon) && s->signs.lat != 0 && s->signs.lon != 0;
        return true;
}

static void take_status(Senml *s, const char *word, const Resolved *r)
{
        int8_t flag = r->truth;

        if (str_equal(word, "battery") && !r->is_bool && r->value >= 0 && r->value <= 100)
                s->status.battery = (int16_t)lround(r->value);
        else if (str_equal(word, "rssi") && !r->is_bool && r->value >= -200 && r->value <= 0)
                s->status.rssi = (int16_t)lround(r->value);
        else if (str_equal(word, "worn"))
                s->status.worn = flag;
        else if (str_equal(word, "mains"))
                s->status.mains = flag;
        else if (str_equal(word, "tamper"))
                s->status.tamper = flag;
        else if (!take_sign(s, word, r))
                return;
        s->status_us = record_us(r);
        s->has_status = true;
}

/* "…/3347/0/5500" ends with object/instance/resource; the instance may be any. */
static bool is_path(const char *name, const char *object, const char *resource)
{
        const char *end = strrchr(name, '/'), *instance, *start;
        size_t n = strlen(object);

        if (!end || end == name || !str_equal(end + 1, resource))
                return false;
        for (instance = end; instance > name && instance[-1] != '/'; instance--)
                ;
        if (instance == name || instance == end)
                return false;
        start = instance - 1;
        return (size_t)(start - name) >= n && memcmp(start - n, object, n) == 0 &&
               (start - n == name || start[-(ptrdiff_t)n - 1] == '/' || start[-(ptrdiff_t)n - 1] == ':');
}

static bool take_ipso(Senml *s, const Resolved *r)
{
        static const struct {
                const char *object, *resource, *word;
        } statuses[] = {{"3407", "6044", "battery"}, {"3407", "6045", "rssi"}, {"3", "9", "battery"},
                {"4", "2", "rssi"}};

        if (is_path(r->name, "3347", "5500"))
                take_alarm(s, ALARM_SOS, r, true);
        else if (is_path(r->name, "3347", "5501"))
                s->counter = r->value;
        else if (is_path(r->name, "3407", "6046") || is_path(r->name, "503", "5500"))
                take_alarm(s, ALARM_SMOKE, r, false);
        else {
                for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
                        if (is_path(r->name, statuses[i].object, statuses[i].resource)) {
                                take_status(s, statuses[i].word, r);
                                return true;
                        }
                return false;
        }
        return true;
}

static void take(Senml *s, const Resolved *r)
{
        const char *word = r->name + strlen(r->name);
        AlarmKind kind;

        if (take_ipso(s, r))
                return;
        while (word > r->name && word[-1] != '/' && word[-1] != ':')
                word--;
        for (unsigned i = 0; i < VITAL_MAX; i++)
                if (str_equal(word, vital_word((Vital)i))) {
                        take_vital(s, (Vital)i, r);
                        return;
                }
        if (str_equal(word, "tamper"))
                take_status(s, word, r);
        else if (alarm_kind_parse(word, &kind) && kind < ALARM_UNKNOWN)
                take_alarm(s, kind, r, false);
        else
                take_status(s, word, r);
}

/* ---- resolving ---- */

static bool name_ok(const char *name)
{
        if (!((*name >= '0' && *name <= '9') || (*name >= 'a' && *name <= 'z') ||
                    (*name >= 'A' && *name <= 'Z') ||
                    *name == '/')) /* some send IPSO paths with the slash first */
                return false;
        for (; *name; name++)
                if (!((*name >= '0' && *name <= '9') || (*name >= 'a' && *name <= 'z') ||
                            (*name >= 'A' && *name <= 'Z') || strchr("-:./_", *name)))
                        return false;
        return true;
}

static bool has(const Record *in, Field f)
{
        return in->has & 1u << f;
}

static void bases_take(Senml *s, const Record *in)
{
        if (has(in, FIELD_BN))
                (void)str_copy(s->bn, sizeof(s->bn), in->bn); /* same sizes */
        if (has(in, FIELD_BU))
                (void)str_copy(s->bu, sizeof(s->bu), in->bu);
        if (has(in, FIELD_BT))
                s->bt = in->number[FIELD_BT];
        if (has(in, FIELD_BV))
                s->bv = in->number[FIELD_BV];
        if (has(in, FIELD_BS))
                s->bs = in->number[FIELD_BS];
        if (has(in, FIELD_BVER) && in->number[FIELD_BVER] > VERSION_MAX)
                refuse(s, "a version of SenML that we do not know");
}

static void record_take(Senml *s, const Record *in)
{
        Resolved r = {.is_bool = has(in, FIELD_VB)};
        Str name = STR_BUFFER(r.name);

        bases_take(s, in);
        if (!has(in, FIELD_V) && !has(in, FIELD_VB) && !has(in, FIELD_S))
                return; /* bases alone, a text or bytes: nothing for us */
        str_addf(&name, "%s%s", s->bn, in->n);
        if (name.full || !name_ok(r.name)) {
                complain(s, "a record without a proper name");
                return;
        }
        (void)str_copy(r.unit, sizeof(r.unit), has(in, FIELD_U) ? in->u : s->bu); /* same sizes */
        r.time = s->bt + (has(in, FIELD_T) ? in->number[FIELD_T] : 0);
        if (r.time != 0 && r.time < RELATIVE_MAX)
                r.time += s->now;
        if (!has(in, FIELD_V) && !has(in, FIELD_VB))
                return; /* a sum: no quantity of ours is one */
        r.value = has(in, FIELD_V) ? s->bv + in->number[FIELD_V] : in->vb;
        r.truth = r.is_bool ? in->vb : r.value != 0;
        if (isfinite(r.value) && isfinite(r.time))
                take(s, &r);
}

/* ---- JSON ---- */

static ValueType field_type(const Senml *s, Field f)
{
        return s->plain ? s->flat.values[f].type : query_type(s->query, (size_t)f);
}

/* NULL: another type, or no UTF-8. */
static const char *field_text(const Senml *s, Field f, size_t *ret_size)
{
        if (!s->plain)
                return query_text(s->query, (size_t)f, ret_size);
        *ret_size = s->flat.values[f].size;
        return s->flat.values[f].type == VALUE_TEXT ? s->flat.values[f].text : NULL;
}

static bool field_number(const Senml *s, Field f, double *ret)
{
        const FlatValue *v = &s->flat.values[f];

        if (!s->plain)
                return query_number(s->query, (size_t)f, ret);
        if (v->type != VALUE_INTEGER && v->type != VALUE_REAL)
                return false;
        *ret = v->number;
        return true;
}

static void text_take(const Senml *s, Field f, Record *to, char *text, size_t cap)
{
        size_t n;
        const char *p = field_text(s, f, &n);

        if (p && str_copyn(text, cap, p, n))
                to->has |= 1u << f;
        else if (p)
                (void)str_copy(text, cap, "?"); /* too long to be a name or a unit of ours */
}

/* Fields that must be understood: their names end with '_'. */
static bool has_must_understand(const char *p, size_t n)
{
        for (size_t i = 0; i + 1 < n; i++) {
                size_t k = i + 2;

                if (p[i] != '_' || p[i + 1] != '"')
                        continue;
                while (k < n && (p[k] == ' ' || p[k] == '\t' || p[k] == '\r' || p[k] == '\n'))
                        k++;
                if (k < n && p[k] == ':')
                        return true;
        }
        return false;
}

static void json_record(Senml *s)
{
        static const Field numbers[] = {FIELD_BT, FIELD_BV, FIELD_BS, FIELD_BVER, FIELD_V, FIELD_S, FIELD_T};
        Record in = {.has = 0};

        text_take(s, FIELD_BN, &in, in.bn, sizeof(in.bn));
        text_take(s, FIELD_N, &in, in.n, sizeof(in.n));
        text_take(s, FIELD_BU, &in, in.bu, sizeof(in.bu));
        text_take(s, FIELD_U, &in, in.u, sizeof(in.u));
        for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
                if (field_number(s, numbers[i], &in.number[numbers[i]]))
                        in.has |= 1u << numbers[i];
        if (field_type(s, FIELD_VB) == VALUE_TRUE || field_type(s, FIELD_VB) == VALUE_FALSE) {
                in.has |= 1u << FIELD_VB;
                in.vb = field_type(s, FIELD_VB) == VALUE_TRUE;
        }
        record_take(s, &in);
}

static bool json_next(Senml *s, FlatArray *plain)
{
        return s->plain ? flat_next(&s->flat, plain, paths) : query_next(s->query);
}

static void json_read(Senml *s, const char *p, size_t n)
{
        unsigned records = 0;
        FlatArray plain;

        s->plain = n <= LIMIT_BODY && str_utf8(p, n) && flat_array(&s->flat, p, n, &plain);
        if (!s->plain && !query_open(s->query, p, n))
                refuse(s, "not JSON");
        else if (has_must_understand(p, n))
                refuse(s, "a field that has to be understood");
        else {
                s->json = json_inlines(p, n);
                while (records < SENML_RECORDS_MAX && json_next(s, &plain)) {
                        if (s->plain || query_whole(s->query) == VALUE_OBJECT)
                                json_record(s);
                        records++;
                }
                if (records == SENML_RECORDS_MAX && json_next(s, &plain))
                        complain(s, "more records than are read");
        }
        if (!s->plain)
                query_close(s->query);
}

/* ---- CBOR ---- */

/* RFC 8428 section 6, table 4. */
static bool label_field(int64_t label, Field *ret)
{
        static const struct {
                int label;
                Field field;
        } labels[] = {{-1, FIELD_BVER}, {-2, FIELD_BN}, {-3, FIELD_BT}, {-4, FIELD_BU}, {-5, FIELD_BV},
                {-6, FIELD_BS}, {0, FIELD_N}, {1, FIELD_U}, {2, FIELD_V}, {4, FIELD_VB}, {5, FIELD_S},
                {6, FIELD_T}};

        for (size_t i = 0; i < sizeof(labels) / sizeof(*labels); i++)
                if (labels[i].label == label) {
                        *ret = labels[i].field;
                        return true;
                }
        return false;
}

static void cbor_text(Record *in, Field f, const CborItem *item)
{
        char *to = f == FIELD_BN ? in->bn : f == FIELD_N ? in->n : f == FIELD_BU ? in->bu : in->u;
        size_t cap = f == FIELD_BN || f == FIELD_N ? NAME_SIZE : UNIT_SIZE;

        if (item->type != CBOR_ITEM_TEXT || !str_utf8((const char *)item->bytes, item->n))
                return;
        if (str_copyn(to, cap, (const char *)item->bytes, item->n))
                in->has |= 1u << f;
        else
                (void)str_copy(to, cap, "?");
}

static void cbor_field(Record *in, Field f, const CborItem *item)
{
        switch (f) {
        case FIELD_BN:
        case FIELD_N:
        case FIELD_BU:
        case FIELD_U: cbor_text(in, f, item); return;
        case FIELD_VB:
                if (item->type != CBOR_ITEM_BOOL)
                        return;
                in->vb = item->truth;
                break;
        case FIELD_BT:
        case FIELD_BV:
        case FIELD_BS:
        case FIELD_BVER:
        case FIELD_V:
        case FIELD_S:
        case FIELD_T:
                if (item->type != CBOR_ITEM_NUMBER || !isfinite(item->number))
                        return;
                in->number[f] = item->number;
                break;
        case FIELD_MAX: return;
        }
        in->has |= 1u << f;
}

/* One map. False: the bytes are no CBOR. */
static bool cbor_record(Senml *s, CborReader *reader, const CborItem *map)
{
        Record in = {.has = 0};
        CborItem key, value;

        for (uint64_t i = 0; map->open || i < map->count; i++) {
                Field f;

                if (!cbor_next(reader, &key))
                        return false;
                if (map->open && key.type == CBOR_ITEM_BREAK)
                        break;
                if (key.type == CBOR_ITEM_TEXT && key.n > 0 && key.bytes[key.n - 1] == '_')
                        refuse(s, "a field that has to be understood");
                if (key.type != CBOR_ITEM_TEXT && !key.is_integer)
                        return false;
                if (!cbor_next(reader, &value))
                        return false;
                if (key.is_integer && label_field(key.integer, &f))
                        cbor_field(&in, f, &value);
                if (!cbor_skip(reader, &value))
                        return false;
        }
        record_take(s, &in);
        return true;
}

static void cbor_read(Senml *s, const uint8_t *p, size_t n)
{
        CborReader reader = {.p = p, .n = n};
        CborItem array, item;
        unsigned records = 0;

        if (!cbor_next(&reader, &array) || array.type != CBOR_ITEM_ARRAY) {
                refuse(s, "not CBOR");
                return;
        }
        for (uint64_t i = 0; array.open || i < array.count; i++) {
                if (!cbor_next(&reader, &item)) {
                        refuse(s, "CBOR that ends too early, or is none");
                        return;
                }
                if (array.open && item.type == CBOR_ITEM_BREAK)
                        break;
                if (item.type != CBOR_ITEM_MAP || records++ == SENML_RECORDS_MAX ||
                        !cbor_record(s, &reader, &item)) {
                        refuse(s, "CBOR, but no SenML pack");
                        return;
                }
        }
        if (reader.n > 0)
                refuse(s, "something stands behind the pack");
}

/* ---- the pack ---- */

static int reading_compare(const void *a, const void *b)
{
        const Reading *x = a, *y = b;

        if (x->us != y->us)
                return x->us < y->us ? -1 : 1;
        return (x->vital > y->vital) - (x->vital < y->vital);
}

size_t senml_read(Senml *s, SenmlForm form, const void *bytes, size_t n, const char *source, bool *ret_alarm,
        const char **ret_why)
{
        ASSERT(form != SENML_NONE && source);
        s->source = source;
        s->now = (double)clock_now().wall_us / 1e6;
        s->bn[0] = s->bu[0] = '\0';
        s->bt = s->bv = s->bs = 0;
        s->json = s->refused = s->has_status = false;
        s->why = NULL;
        s->n_alarms = s->n_readings = s->n_times = 0;
        s->signs = (SignEvent){.located = false};
        s->counter = NAN;
        s->status = (StatusEvent){STATUS_UNSAID};
        if (n > LIMIT_BODY)
                refuse(s, "larger than 16384 bytes");
        else if (form == SENML_JSON)
                json_read(s, bytes, n);
        else
                cbor_read(s, bytes, n);
        if (s->refused) {
                s->n_alarms = s->n_readings = 0;
                s->has_status = false;
        }
        qsort(s->readings, s->n_readings, sizeof(*s->readings), reading_compare);
        for (unsigned i = 0; i < s->n_readings; i++)
                if (i == 0 || s->readings[i].us != s->readings[i - 1].us)
                        s->first[s->n_times++] = i;
        if (s->n_alarms + s->n_times + s->has_status == 0)
                complain(s, "nothing in the pack is known here");
        *ret_alarm = s->n_alarms > 0;
        *ret_why = s->why ? s->why : "";
        return s->n_alarms + s->n_times + s->has_status;
}

static void alarm_event(const Senml *s, const Alarm *a, Event *e)
{
        const char *word = alarm_kind_word(a->kind);
        Str id = {.p = e->id, .cap = sizeof(e->id)};

        e->type = EVENT_ALARM;
        e->alarm = (AlarmEvent){.kind = a->kind};
        (void)str_copy(e->alarm.word, sizeof(e->alarm.word), word); /* our words fit */
        e->device_us = a->us;
        if (a->press && !isnan(s->counter)) {
                str_add(&id, "5501-");
                str_number(&id, s->counter);
        } else if (a->us)
                str_addf(&id, "%s-%lld", word, (long long)a->us);
        if (id.full)
                e->id[0] = '\0';
}

void senml_event(const Senml *s, size_t i, Event *e)
{
        e->id[0] = e->why[0] = '\0';
        e->body_json = s->json;
        e->device_us = 0;
        e->signs = s->signs;
        if (s->why)
                event_why(e, s->why);
        if (i < s->n_alarms) {
                alarm_event(s, &s->alarms[i], e);
                return;
        }
        i -= s->n_alarms;
        if (i >= s->n_times) {
                ASSERT(s->has_status && i == s->n_times);
                e->type = EVENT_STATUS;
                e->status = s->status;
                e->device_us = s->status_us;
                return;
        }
        e->type = EVENT_VITALS;
        e->vitals = (VitalsEvent){.has = 0};
        e->device_us = s->readings[s->first[i]].us;
        for (unsigned k = s->first[i]; k < (i + 1 < s->n_times ? s->first[i + 1] : s->n_readings); k++) {
                e->vitals.has |= 1u << s->readings[k].vital;
                e->vitals.value[s->readings[k].vital] = s->readings[k].value;
        }
}
