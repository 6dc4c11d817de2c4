/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/codec/ha.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/idmap.h"
#include "base/str.h"
#include "limits.h"
#include "protocols/codec/common.h"
#include "protocols/codec/profile-rules.h"
#include "protocols/codec/speech.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NO_ENTITY   UINT32_MAX
#define METRIC_GONE METRIC_MAX /* of an entity that is a device's availability */

typedef enum Key {
        KEY_TOPIC,
        KEY_CLASS,
        KEY_TEMPLATE,
        KEY_ON,
        KEY_OFF,
        KEY_UNIT,
        KEY_UNIQUE,
        KEY_ID_FIRST, /* of the device's identifiers */
        KEY_ID,
        KEY_MODEL,
        KEY_NAME,
        KEY_ENTITY_NAME,
        KEY_PAYLOAD,
        KEY_SUBTYPE,
        KEY_TYPE,
        KEY_TRIGGER_TOPIC,
        KEY_BASE,
        KEY_EVENT_0,
        KEY_EVENT_1,
        KEY_EVENT_2,
        KEY_EVENT_3,
        KEY_AVAILABLE, /* these three in this order, each before its template */
        KEY_AVAILABLE_TEMPLATE,
        KEY_AVAILABLE_0,
        KEY_AVAILABLE_0_TEMPLATE,
        KEY_AVAILABLE_1,
        KEY_AVAILABLE_1_TEMPLATE,
        KEY_AVAILABLE_ON,
        KEY_AVAILABLE_OFF,
        KEY_EXPIRE,
        KEY_MAX,
} Key;

_Static_assert(2 * KEY_MAX <= QUERY_PATHS_MAX, "one query for all");

/* In full, and abbreviated. */
static const char *const keys[KEY_MAX][2] = {
        [KEY_TOPIC] = {"$.state_topic", "$.stat_t"},
        [KEY_CLASS] = {"$.device_class", "$.dev_cla"},
        [KEY_TEMPLATE] = {"$.value_template", "$.val_tpl"},
        [KEY_ON] = {"$.payload_on", "$.pl_on"},
        [KEY_OFF] = {"$.payload_off", "$.pl_off"},
        [KEY_UNIT] = {"$.unit_of_measurement", "$.unit_of_meas"},
        [KEY_UNIQUE] = {"$.unique_id", "$.uniq_id"},
        [KEY_ID_FIRST] = {"$.device.identifiers[0]", "$.dev.ids[0]"},
        [KEY_ID] = {"$.device.identifiers", "$.dev.ids"},
        [KEY_MODEL] = {"$.device.model", "$.dev.mdl"},
        [KEY_NAME] = {"$.device.name", "$.dev.name"},
        [KEY_ENTITY_NAME] = {"$.name", "$.name"},
        [KEY_PAYLOAD] = {"$.payload", "$.pl"},
        [KEY_SUBTYPE] = {"$.subtype", "$.stype"},
        [KEY_TYPE] = {"$.type", "$.type"},
        [KEY_TRIGGER_TOPIC] = {"$.topic", "$.t"},
        [KEY_BASE] = {"$.\"~\"", "$.\"~\""},
        [KEY_EVENT_0] = {"$.event_types[0]", "$.evt_typ[0]"},
        [KEY_EVENT_1] = {"$.event_types[1]", "$.evt_typ[1]"},
        [KEY_EVENT_2] = {"$.event_types[2]", "$.evt_typ[2]"},
        [KEY_EVENT_3] = {"$.event_types[3]", "$.evt_typ[3]"},
        [KEY_AVAILABLE] = {"$.availability_topic", "$.avty_t"},
        [KEY_AVAILABLE_TEMPLATE] = {"$.availability_template", "$.avty_tpl"},
        [KEY_AVAILABLE_0] = {"$.availability[0].topic", "$.avty[0].t"},
        [KEY_AVAILABLE_0_TEMPLATE] = {"$.availability[0].value_template", "$.avty[0].val_tpl"},
        [KEY_AVAILABLE_1] = {"$.availability[1].topic", "$.avty[1].t"},
        [KEY_AVAILABLE_1_TEMPLATE] = {"$.availability[1].value_template", "$.avty[1].val_tpl"},
        [KEY_AVAILABLE_ON] = {"$.payload_available", "$.pl_avail"},
        [KEY_AVAILABLE_OFF] = {"$.payload_not_available", "$.pl_not_avail"},
        [KEY_EXPIRE] = {"$.expire_after", "$.exp_aft"},
};

struct Ha {
        QueryBase *base;
        Query *config, *state;
        Levels *levels;
        HaEntity *entities;
        uint32_t n;
        void *map;
        IdMap by_topic; /* → first entity of a state topic */
        uint32_t doubts;
        const char *why;
};

int ha_new(Ha **ret, Levels *levels)
{
        static const char *const one[] = {"$"};
        const char *paths[2 * KEY_MAX];
        Ha *h = calloc(1, sizeof(*h));
        int r;

        if (!h)
                return error_origin(-ENOMEM);
        h->levels = levels;
        h->entities = calloc(HA_ENTITIES_MAX, sizeof(*h->entities)); /* costs nothing until used */
        h->map = calloc(1, idmap_size(HA_ENTITIES_MAX));
        for (unsigned i = 0; i < KEY_MAX; i++) {
                paths[2 * i] = keys[i][0];
                paths[2 * i + 1] = keys[i][1];
        }
        r = h->entities && h->map ? query_base_new(&h->base) : error_origin(-ENOMEM);
        if (r == 0)
                r = query_new(&h->config, h->base, paths, 2 * KEY_MAX, NULL);
        if (r == 0)
                r = query_new(&h->state, h->base, one, 1, NULL);
        if (r < 0) {
                ha_free(h);
                return error_trace(r);
        }
        idmap_init(&h->by_topic, h->map, HA_ENTITIES_MAX);
        *ret = h;
        return 0;
}

Ha *ha_free(Ha *h)
{
        if (!h)
                return NULL;
        query_free(h->config);
        query_free(h->state);
        query_base_free(h->base);
        free(h->entities);
        free(h->map);
        free(h);
        return NULL;
}

const char *ha_why(const Ha *h)
{
        return h->why ? h->why : "";
}

void ha_doubt(Ha *h)
{
        h->doubts++;
}

HaEntity *ha_entity(Ha *h, size_t i)
{
        return i < h->n ? &h->entities[i] : NULL;
}

const char *ha_word(const HaEntity *e)
{
        if (e->type == RULE_METRIC && e->what == METRIC_GONE)
                return "availability";
        return e->type == RULE_METRIC ? metric_word(e->what) : alarm_kind_word((AlarmKind)e->what);
}

/* ---- an announcement ---- */

/* The member in either spelling. False: not there, or no word. */
static bool key_get(const Ha *h, Key key, char ret[QUERY_SCALAR_SIZE])
{
        return query_scalar(h->config, 2 * (size_t)key, ret) ||
               query_scalar(h->config, 2 * (size_t)key + 1, ret);
}

static bool key_is(const Ha *h, Key key, const char *word)
{
        char text[QUERY_SCALAR_SIZE];

        return key_get(h, key, text) && str_equal(text, word);
}

static bool is_call(const char *word)
{
        return str_equal(word, "emergency") || str_equal(word, "sos") || str_equal(word, "panic");
}

static const char *skip(const char *s)
{
        return s + strspn(s, " \t");
}

static bool name_fits(const char *name, size_t n)
{
        if (n == 0 || n > 60)
                return false;
        for (size_t i = 0; i < n; i++)
                if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z') ||
                            (name[i] >= '0' && name[i] <= '9') || name[i] == '_' || name[i] == '-' ||
                            (name[i] == ' ' && i > 0)))
                        return false;
        return true;
}

/* {{ value_json.x }} and {{ value_json["x"] }} to $."x"; {{ value }} and none to $. */
static bool template_path(const char *t, char ret[128])
{
        Str path = {.p = ret, .cap = 128};
        const char *name;
        size_t n;

        t = skip(t);
        if (*t == '\0') {
                str_add(&path, "$");
                return true;
        }
        if (!str_starts(t, "{{"))
                return false;
        t = skip(t + 2);
        if (str_starts(t, "value_json.")) {
                name = t + 11;
                n = strcspn(name, " .|[(}+-*/");
                t = skip(name + n);
        } else if (str_starts(t, "value_json[\"") || str_starts(t, "value_json['")) {
                char quote[2] = {t[11], '\0'};

                name = t + 12;
                n = strcspn(name, quote);
                t = name + n;
                if (t[0] == '\0' || t[1] != ']')
                        return false;
                t = skip(t + 2);
        } else if (str_starts(t, "value") && str_equal(skip(t + 5), "}}")) {
                str_add(&path, "$");
                return true;
        } else
                return false;
        if (!name_fits(name, n) || !str_starts(t, "}}") || *skip(t + 2))
                return false;
        str_add(&path, "$.\"");
        str_addn(&path, name, n);
        str_add(&path, "\"");
        return !path.full;
}

static bool sensor_of(const Ha *h, HaEntity *e)
{
        e->type = RULE_METRIC;
        if (key_is(h, KEY_CLASS, "battery"))
                e->what = METRIC_BATTERY;
        else if (key_is(h, KEY_CLASS, "signal_strength"))
                e->what = METRIC_RSSI;
        else if (key_is(h, KEY_UNIT, "bpm"))
                e->what = VITAL_HR;
        else
                return false;
        return true;
}

/* There is no class for beds. */
static bool is_bed(const Ha *h)
{
        char text[QUERY_SCALAR_SIZE];

        if (!key_get(h, KEY_ENTITY_NAME, text) && !key_get(h, KEY_NAME, text))
                return false;
        for (char *p = text; *p; p++)
                *p = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
        return strstr(text, "bed ") || strstr(text, "bed_") || str_equal(text, "bed") || strstr(text, "床");
}

/* A metric that is on or off. */
static bool is_flag(const HaEntity *e)
{
        return e->type == RULE_METRIC &&
               (e->what == METRIC_TAMPER || (e->what >= METRIC_SIGNS && e->what < METRIC_LAT));
}

static bool binary_of(const Ha *h, HaEntity *e)
{
        static const struct {
                const char *class;
                AlarmKind kind;
        } classes[] = {{"smoke", ALARM_SMOKE}, {"gas", ALARM_GAS}, {"carbon_monoxide", ALARM_CO},
                {"heat", ALARM_HEAT}, {"safety", ALARM_SOS}, {"problem", ALARM_FAULT}};
        static const struct {
                const char *class;
                SignKind kind;
        } signs[] = {{"motion", SIGN_MOTION}, {"moving", SIGN_MOTION}, {"occupancy", SIGN_MOTION},
                {"presence", SIGN_MOTION}, {"door", SIGN_DOOR}, {"opening", SIGN_DOOR}};

        if (key_is(h, KEY_CLASS, "tamper")) {
                e->type = RULE_METRIC;
                e->what = METRIC_TAMPER;
                return true;
        }
        for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
                if (key_is(h, KEY_CLASS, signs[i].class)) {
                        e->type = RULE_METRIC;
                        e->what = (uint8_t)(METRIC_SIGNS + (signs[i].kind == SIGN_MOTION && is_bed(h)
                                                                           ? SIGN_BED
                                                                           : signs[i].kind));
                        return true;
                }
        for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++)
                if (key_is(h, KEY_CLASS, classes[i].class)) {
                        e->type = RULE_LEVEL;
                        e->what = (uint8_t)classes[i].kind;
                        return true;
                }
        return false;
}

/* A trigger that calls for help: its payload, as it comes on the topic, is in `on`. */
static bool trigger_of(const Ha *h, HaEntity *e)
{
        char word[QUERY_SCALAR_SIZE];

        e->type = RULE_EVENT;
        e->what = ALARM_SOS;
        if (!(key_get(h, KEY_SUBTYPE, word) && is_call(word)) &&
                !(key_get(h, KEY_TYPE, word) && is_call(word)))
                return false;
        return key_get(h, KEY_PAYLOAD, word) && str_copy(e->on, sizeof(e->on), word);
}

static bool event_of(const Ha *h, HaEntity *e)
{
        char word[QUERY_SCALAR_SIZE];

        e->type = RULE_EVENT;
        e->what = ALARM_SOS;
        for (Key k = KEY_EVENT_0; k <= KEY_EVENT_3; k++)
                if (key_get(h, k, word) && is_call(word))
                        return true;
        return false;
}

static bool entity_of(const Ha *h, const char *component, size_t n, HaEntity *e)
{
        static const struct {
                const char *word;
                bool (*of)(const Ha *, HaEntity *);
        } components[] = {{"binary_sensor", binary_of}, {"sensor", sensor_of}, {"event", event_of},
                {"device_automation", trigger_of}};

        for (size_t i = 0; i < sizeof(components) / sizeof(*components); i++)
                if (strlen(components[i].word) == n && memcmp(components[i].word, component, n) == 0)
                        return components[i].of(h, e);
        return false;
}

/* "~" at the beginning or the end stands for the base topic. */
static bool topic_get(const Ha *h, Key key, char ret[PROFILE_TOPIC_SIZE])
{
        char text[QUERY_SCALAR_SIZE], base[QUERY_SCALAR_SIZE] = "";
        Str s = {.p = ret, .cap = PROFILE_TOPIC_SIZE};
        size_t n;

        if (!key_get(h, key, text) || !text[0])
                return false;
        (void)key_get(h, KEY_BASE, base); /* there may be none */
        n = strlen(text);
        if (text[0] == '~')
                str_addf(&s, "%s%s", base, text + 1);
        else if (text[n - 1] == '~') {
                str_addn(&s, text, n - 1);
                str_add(&s, base);
        } else
                str_add(&s, text);
        return !s.full && s.n > 0 && !strpbrk(ret, "+#");
}

/* Its identifiers, else the entity's: as a registry code. */
static void device_get(const Ha *h, const char *object, HaEntity *e)
{
        char text[QUERY_SCALAR_SIZE];

        if (!(key_get(h, KEY_ID_FIRST, text) && text[0]) && !(key_get(h, KEY_ID, text) && text[0]) &&
                !(key_get(h, KEY_UNIQUE, text) && text[0]))
                (void)str_copy(text, sizeof(text), object); /* cut is fine: it is a name */
        (void)str_copy(e->device, sizeof(e->device), text);
        for (char *p = e->device; *p; p++)
                if ((unsigned char)*p <= 0x20 || *p == 0x7f || strchr("/+#\"\\?", *p))
                        *p = '_';
        if (!str_code(e->device))
                for (char *p = e->device; *p; p++)
                        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                                    (*p >= '0' && *p <= '9')))
                                *p = '_';
        if (key_get(h, KEY_MODEL, text))
                (void)str_copy(e->model, sizeof(e->model), text); /* cut is fine: for people */
        if (key_get(h, KEY_NAME, text))
                (void)str_copy(e->name, sizeof(e->name), text);
}

static HaResult refuse(Ha *h, const char *why)
{
        h->why = why;
        return HA_REFUSED;
}

static uint32_t expire_get(const Ha *h)
{
        double seconds;

        if (!query_number_loose(h->config, 2 * KEY_EXPIRE, &seconds) &&
                !query_number_loose(h->config, 2 * KEY_EXPIRE + 1, &seconds))
                return 0;
        return seconds >= 1 && seconds < 1e6 ? (uint32_t)seconds : 0;
}

static HaResult entity_read(Ha *h, const char *component, size_t n, const char *object, HaEntity *e)
{
        char text[QUERY_SCALAR_SIZE] = "";

        if (!entity_of(h, component, n, e))
                return HA_IGNORED;
        if (!topic_get(h, e->type == RULE_EVENT && e->on[0] ? KEY_TRIGGER_TOPIC : KEY_TOPIC, e->topic))
                return refuse(h, "no state topic, or one that is too long");
        if (query_type(h->config, 2 * KEY_TEMPLATE) > VALUE_NULL ||
                query_type(h->config, 2 * KEY_TEMPLATE + 1) > VALUE_NULL)
                if (!key_get(h, KEY_TEMPLATE, text))
                        return refuse(h, "its template is too long");
        if (!template_path(text, e->path))
                return refuse(h, "a template that is neither value_json.x nor value_json[\"x\"]");
        if (e->type == RULE_EVENT && !e->on[0] && str_equal(e->path, "$"))
                (void)str_copy(e->path, sizeof(e->path), "$.event_type");
        if (e->type == RULE_LEVEL || is_flag(e)) {
                if (!key_get(h, KEY_ON, text))
                        (void)str_copy(text, sizeof(text), "ON");
                if (!str_copy(e->on, sizeof(e->on), text))
                        return refuse(h, "payload_on is too long");
                if (!key_get(h, KEY_OFF, text))
                        (void)str_copy(text, sizeof(text), "OFF");
                if (!str_copy(e->off, sizeof(e->off), text))
                        return refuse(h, "payload_off is too long");
        }
        e->alarm = e->type != RULE_METRIC;
        e->expire_s = expire_get(h);
        device_get(h, object, e);
        return e->device[0] ? HA_TAKEN : refuse(h, "nothing names the device");
}

/* ---- the entities ---- */

static uint64_t hash_of(const char *text)
{
        return idmap_hash(text, strlen(text)) | 1;
}

static void topic_unlink(Ha *h, HaEntity *e)
{
        uint32_t self = (uint32_t)(e - h->entities), first, *at;

        if (!idmap_get(&h->by_topic, hash_of(e->topic), &first))
                return;
        if (first == self) {
                if (e->next == NO_ENTITY)
                        idmap_unset(&h->by_topic, hash_of(e->topic));
                else
                        ASSERT(idmap_set(&h->by_topic, hash_of(e->topic), e->next));
                return;
        }
        for (at = &h->entities[first].next; *at != NO_ENTITY; at = &h->entities[*at].next)
                if (*at == self) {
                        *at = e->next;
                        return;
                }
}

static void topic_link(Ha *h, HaEntity *e)
{
        uint32_t first;

        e->next = idmap_get(&h->by_topic, hash_of(e->topic), &first) ? first : NO_ENTITY;
        ASSERT(idmap_set(&h->by_topic, hash_of(e->topic), (uint32_t)(e - h->entities)));
}

static HaEntity *entity_place(Ha *h, uint64_t config)
{
        HaEntity *free_one = NULL;

        for (uint32_t i = 0; i < h->n; i++) {
                if (h->entities[i].config == config)
                        return &h->entities[i];
                if (h->entities[i].config == 0 && !free_one)
                        free_one = &h->entities[i];
        }
        if (free_one || h->n == HA_ENTITIES_MAX)
                return free_one;
        return &h->entities[h->n++];
}

static void entity_drop(Ha *h, uint64_t config)
{
        for (uint32_t i = 0; i < h->n; i++)
                if (h->entities[i].config == config) {
                        topic_unlink(h, &h->entities[i]);
                        h->entities[i] = (HaEntity){.config = 0};
                }
}

/* The topic on which somebody says whether the device is there: an entity of its own, once for each device. */
static void availability_add(Ha *h, const HaEntity *of, Key key)
{
        HaEntity a = {.type = RULE_METRIC, .what = METRIC_GONE}, *place;
        char text[QUERY_SCALAR_SIZE] = "";

        if (!topic_get(h, key, a.topic))
                return;
        (void)key_get(h, key + 1, text);                        /* there may be none */
        (void)str_copy(a.device, sizeof(a.device), of->device); /* same size */
        a.config = idmap_mix(hash_of(a.topic), hash_of(a.device)) | 1;
        if (!template_path(text, a.path))
                return;
        if (!key_get(h, KEY_AVAILABLE_ON, text))
                (void)str_copy(text, sizeof(text), "online");
        (void)str_copy(a.on, sizeof(a.on), text); /* a cut one equals nothing */
        if (!key_get(h, KEY_AVAILABLE_OFF, text))
                (void)str_copy(text, sizeof(text), "offline");
        (void)str_copy(a.off, sizeof(a.off), text);
        place = entity_place(h, a.config);
        if (!place || place->config)
                return; /* full, or known */
        *place = a;
        topic_link(h, place);
}

HaResult ha_config(
        Ha *h, const char *prefix, const char *topic, const void *payload, size_t n, HaEntity **ret)
{
        const char *component = topic + strlen(prefix) + 1, *object, *end;
        HaEntity read = {.config = hash_of(topic)}, *e;
        char name[CODE_SIZE];
        HaResult result;

        h->why = NULL;
        end = strrchr(topic, '/');
        if (!str_starts(topic, prefix) || topic[strlen(prefix)] != '/' || !end || !str_equal(end, "/config"))
                return HA_IGNORED;
        object = strchr(component, '/');
        if (!object || object >= end)
                return HA_IGNORED;
        if (n == 0) {
                entity_drop(h, read.config);
                return HA_GONE;
        }
        (void)str_copyn(
                name, sizeof(name), object + 1, (size_t)(end - object - 1)); /* cut is fine: a name */
        if (n > LIMIT_BODY || !query_open(h->config, payload, n) || !query_next(h->config))
                result = refuse(h, "not JSON");
        else
                result = entity_read(h, component, (size_t)(object - component), name, &read);
        for (Key k = KEY_AVAILABLE; result == HA_TAKEN && k <= KEY_AVAILABLE_1; k += 2)
                availability_add(h, &read, k);
        query_close(h->config);
        if (result != HA_TAKEN) {
                entity_drop(h, read.config); /* what it was before holds no longer */
                return result;
        }
        e = entity_place(h, read.config);
        if (!e)
                return HA_FULL;
        if (e->config) {
                read.subscribed = e->subscribed && str_equal(e->topic, read.topic) && e->alarm == read.alarm;
                topic_unlink(h, e);
        }
        *e = read;
        topic_link(h, e);
        *ret = e;
        return HA_TAKEN;
}

/* ---- a state ---- */

/* *quoted: the caller's to free. ret_json: the payload was JSON as it came. */
static bool state_open(
        Ha *h, const HaEntity *e, const char *payload, size_t n, char **quoted, bool *ret_json)
{
        Str s = {.cap = 6 * n + 3};

        *ret_json = false;
        if (!query_path_set(h->state, 0, e->path))
                return false;
        if (query_open(h->state, payload, n)) {
                *ret_json = json_inlines(payload, n);
                return query_next(h->state);
        }
        query_close(h->state);
        if (!str_equal(e->path, "$") || !str_utf8(payload, n)) /* ON */
                return query_open(h->state, "null", 4) && query_next(h->state);
        s.p = *quoted = malloc(s.cap);
        if (!s.p)
                return query_open(h->state, "null", 4) && query_next(h->state);
        str_jsonn(&s, payload, n);
        return query_open(h->state, s.p, s.n) && query_next(h->state);
}

/* Nothing of it holds any more that would expire. */
static void device_expired(Ha *h, const char *device)
{
        for (uint32_t i = 0; i < h->n; i++)
                if (h->entities[i].config && str_equal(h->entities[i].device, device))
                        h->entities[i].last_s = 0;
}

static void gone_say(Ha *h, const HaEntity *e, Speech *s, bool known)
{
        Event event = s->base;
        char text[QUERY_SCALAR_SIZE];

        if (!query_scalar(h->state, 0, text))
                return;
        if (str_equal(text, e->off)) {
                device_expired(h, e->device);
                speech_gone(s, known);
        } else if (str_equal(text, e->on) && s->base.retained) {
                speech_back(s, known);
        } else if (str_equal(text, e->on) && known) {
                event.type = EVENT_STATUS;
                event.status = (StatusEvent){STATUS_UNSAID};
                speech_emit(s, &event);
        }
}

static void metric_say(Ha *h, const HaEntity *e, Speech *s, bool known)
{
        Event event = s->base;
        double number;
        char text[QUERY_SCALAR_SIZE];

        if (!known || s->base.retained)
                return;
        event.type = EVENT_STATUS;
        event.status = (StatusEvent){STATUS_UNSAID};
        if (is_flag(e)) {
                int8_t flag = !query_scalar(h->state, 0, text) ? -1
                              : str_equal(text, e->on)         ? 1
                              : str_equal(text, e->off)        ? 0
                                                               : -1;

                if (e->what == METRIC_TAMPER)
                        event.status.tamper = flag;
                else if (flag >= 0)
                        event.signs.said[e->what - METRIC_SIGNS] = flag ? SAID_YES : SAID_NO;
        } else if (query_number_loose(h->state, 0, &number)) {
                if (e->what == METRIC_BATTERY && number >= 0 && number <= 100)
                        event.status.battery = (int16_t)lround(number);
                else if (e->what == METRIC_RSSI && number >= -200 && number <= 0)
                        event.status.rssi = (int16_t)lround(number);
                else if (e->what < VITAL_MAX && vital_possible((Vital)e->what, number)) {
                        event.type = EVENT_VITALS;
                        event.vitals = (VitalsEvent){.has = 1u << e->what};
                        event.vitals.value[e->what] = number;
                }
        }
        speech_emit(s, &event);
}

static void entity_say(Ha *h, const HaEntity *e, Speech *s, bool known)
{
        char text[QUERY_SCALAR_SIZE];

        if (e->type == RULE_METRIC && e->what == METRIC_GONE) {
                gone_say(h, e, s, known);
                return;
        }
        if (e->type == RULE_METRIC) {
                metric_say(h, e, s, known);
                return;
        }
        if (!query_scalar(h->state, 0, text))
                return;
        if (e->type == RULE_EVENT) {
                if (e->on[0] ? str_equal(text, e->on) : is_call(text))
                        speech_edge(s, (AlarmKind)e->what, NULL);
        } else if (str_equal(text, e->on))
                speech_level(s, (AlarmKind)e->what, true);
        else if (str_equal(text, e->off))
                speech_level(s, (AlarmKind)e->what, false);
}

static void entity_read_state(
        Ha *h, const HaEntity *e, const void *payload, size_t n, bool retained, const ProfileHost *host)
{
        _cleanup_(freep) char *quoted = NULL;
        const char *profile = host->profile_of ? host->profile_of(host->userdata, e->device) : NULL;
        Speech s = {.levels = h->levels,
                .host = host,
                .payload = idmap_hash(payload, n) | 1,
                .doubts = h->doubts,
                .now_s = (uint32_t)(clock_now().boot_us / USEC_PER_SEC),
                .base = {.retained = retained}};

        if (profile && profile[0] && !str_equal(profile, HA_PROFILE))
                return;
        (void)str_copy(s.base.source, sizeof(s.base.source), e->device); /* same size */
        if (state_open(h, e, payload, n, &quoted, &s.base.body_json))
                entity_say(h, e, &s, profile != NULL);
        query_close(h->state);
        if (!profile && host->stranger && !retained)
                host->stranger(host->userdata, e->device, HA_PROFILE);
}

unsigned ha_read(Ha *h, bool alarms, const char *topic, const void *payload, size_t n, bool retained,
        const ProfileHost *host)
{
        unsigned fitted = 0;
        uint32_t i;

        if (!idmap_get(&h->by_topic, hash_of(topic), &i))
                return 0;
        for (; i != NO_ENTITY; i = h->entities[i].next) {
                HaEntity *e = &h->entities[i];

                if (e->alarm != alarms || !str_equal(e->topic, topic))
                        continue;
                fitted++;
                if (e->expire_s && n > 0 && !retained)
                        e->last_s = (uint32_t)(clock_now().boot_us / USEC_PER_SEC) + 1; /* 0 is never */
                if (n > 0 && n <= LIMIT_BODY)
                        entity_read_state(h, e, payload, n, retained, host);
        }
        return fitted;
}

void ha_expire(Ha *h, const ProfileHost *host)
{
        uint32_t now_s = (uint32_t)(clock_now().boot_us / USEC_PER_SEC);

        for (uint32_t i = 0; i < h->n; i++) {
                const HaEntity *e = &h->entities[i];
                Speech s = {.levels = h->levels, .host = host};
                const char *profile;

                if (!e->config || !e->expire_s || !e->last_s || now_s <= e->last_s + e->expire_s)
                        continue;
                (void)str_copy(s.base.source, sizeof(s.base.source), e->device); /* same size */
                device_expired(h, e->device);
                profile = host->profile_of ? host->profile_of(host->userdata, e->device) : NULL;
                speech_gone(&s, profile && (!profile[0] || str_equal(profile, HA_PROFILE)));
        }
}
