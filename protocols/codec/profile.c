/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles at work: a message of a device that knows nothing of us becomes events.
 *
 * Edges and levels. A button that is pressed is an edge: each message is a press, two within the same second are
 * two. "smoke": true is a level: it is said again with every message, and once more, for every device, when the
 * bridge is restarted and publishes what it remembers. So:
 *
 *  - A level is raised when it goes from false to true, or when it is true and nothing was known. It is not raised
 *    again while it stays true (SEMANTICS.md section 3: the same level repeated does not count as an event).
 *  - But "stays true" must not hide a press. Where messages can have been lost (our connection was down, the bridge
 *    was restarted, we were), a level that is remembered as true is doubtful: it may have fallen and risen again
 *    unheard. Then a message that equals the last one to the byte is the bridge's memory and nothing new; any other
 *    that says true is a raise. In doubt we call: a doubled call is safe, a swallowed one is not.
 *  - A button whose level stays true for ten minutes has lost its release, or never tells it. Its next press could not
 *    be told from its state: that is a fault of the device, said once, so that somebody releases it, or lists it with
 *    a profile that takes every message for a press.
 *  - Smoke, gas, heat, CO, tamper and fault are levels of the engine too, which remembers them on the disk as long
 *    as their matter is open. Of these a doubtful one is always said again: the engine knows whether it is news. When
 *    they fall, the engine hears of it, and once when they are first heard of, because they may have fallen while we
 *    were not there.
 *  - An edge has an event id where the message says something that differs from press to press (Stamp=): then a
 *    message that the broker delivers twice is one press. Without it there is no id: the same bytes may well be
 *    somebody's second press.
 *  - A retained message says what was once, not what is: it never changes what is remembered of a level, counts as no
 *    heartbeat, and has no readings. A retained alarm that is not known goes to the engine as retained, which makes a
 *    call to check of it (SEMANTICS.md section 4).
 *
 * Whoever the registry does not know is heard all the same where an alarm is concerned; his readings are nobody's.
 */
#include "protocols/codec/profile.h"

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

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FILE_BYTES_MAX (128u << 10)

struct Profiles {
        QueryBase *base;
        Levels *levels;
        Profile *items[PROFILES_MAX];
        size_t n;
        uint32_t doubts; /* of our own connection */
};

int profiles_new(Profiles **ret)
{
        Profiles *ps = calloc(1, sizeof(*ps));
        int r;

        if (!ps)
                return error_origin(-ENOMEM);
        r = query_base_new(&ps->base);
        if (r == 0)
                r = levels_new(&ps->levels);
        if (r < 0) {
                profiles_free(ps);
                return error_trace(r);
        }
        *ret = ps;
        return 0;
}

Profiles *profiles_free(Profiles *ps)
{
        if (!ps)
                return NULL;
        for (size_t i = 0; i < ps->n; i++)
                profile_free(ps->items[i]);
        levels_free(ps->levels);
        query_base_free(ps->base);
        free(ps);
        return NULL;
}

Levels *profiles_levels(Profiles *ps)
{
        return ps->levels;
}

void profiles_doubt(Profiles *ps)
{
        ps->doubts++;
}

static int fail_file(ProfileError *error, const char *file, const char *text)
{
        (void)str_copy(error->file, sizeof(error->file), file); /* for people */
        error->line = 0;
        (void)str_copy(error->text, sizeof(error->text), text);
        return PROFILE_E_INVALID;
}

int profiles_add(
        Profiles *ps, const char *name, const char *file, const char *text, size_t n, ProfileError *error)
{
        Profile *p;
        size_t i = 0;
        int r = profile_read(&p, ps->base, name, file, text, n, error);

        if (r != 0)
                return r < 0 ? error_trace(r) : r;
        while (i < ps->n && strcmp(ps->items[i]->name, name) < 0)
                i++;
        if (i < ps->n && str_equal(ps->items[i]->name, name)) {
                profile_free(ps->items[i]);
                ps->items[i] = p;
                return 0;
        }
        if (ps->n == PROFILES_MAX) {
                profile_free(p);
                return fail_file(error, file, "one profile too many; 64 are read");
        }
        memmove(&ps->items[i + 1], &ps->items[i], (ps->n - i) * sizeof(*ps->items));
        ps->items[i] = p;
        ps->n++;
        return 0;
}

static int is_profile(const struct dirent *d)
{
        size_t n = strlen(d->d_name);

        return n > 5 && d->d_name[0] != '.' && str_equal(d->d_name + n - 5, ".conf");
}

static int file_load(Profiles *ps, const char *path, const char *base, ProfileError *error)
{
        _cleanup_(freep) char *text = malloc(FILE_BYTES_MAX + 1);
        _cleanup_(fclosep) FILE *f = fopen(path, "re");
        char name[256];
        size_t n;

        if (!text)
                return error_origin(-ENOMEM);
        n = f ? fread(text, 1, FILE_BYTES_MAX + 1, f) : 0;
        if (!f || ferror(f))
                return fail_file(error, path, strerror(errno));
        if (n > FILE_BYTES_MAX)
                return fail_file(error, path, "longer than 131072 bytes");
        (void)str_copyn(name, sizeof(name), base, strlen(base) - 5); /* a file's name has at most 255 */
        return profiles_add(ps, name, path, text, n, error);
}

static int folder_load(Profiles *ps, const char *folder, ProfileError *error)
{
        struct dirent **found = NULL;
        int n = scandir(folder, &found, is_profile, alphasort), r = 0;

        if (n < 0)
                return errno == ENOENT ? 0 : fail_file(error, folder, strerror(errno));
        for (int i = 0; i < n; i++) {
                char path[1024];
                Str s = STR_BUFFER(path);

                str_addf(&s, "%s/%s", folder, found[i]->d_name);
                if (r == 0)
                        r = s.full ? fail_file(error, folder, "its name is too long")
                                   : file_load(ps, path, found[i]->d_name, error);
                free(found[i]);
        }
        free(found);
        return r;
}

int profiles_load(Profiles *ps, const char *folders, ProfileError *error)
{
        int r = 0;

        while (r == 0 && *(folders += strspn(folders, " "))) {
                size_t n = strcspn(folders, " ");
                char folder[768];

                if (!str_copyn(folder, sizeof(folder), folders, n))
                        return fail_file(error, "", "the name of a folder is too long");
                r = folder_load(ps, folder, error);
                folders += n;
        }
        return r;
}

/* ---- what there is ---- */

size_t profiles_filters(const Profiles *ps, bool alarms, char filters[][PROFILE_TOPIC_SIZE], size_t max)
{
        size_t n = 0;

        for (size_t i = 0; i < ps->n; i++)
                for (unsigned j = 0; j <= ps->items[i]->n_messages; j++) {
                        bool bridge = j == ps->items[i]->n_messages;
                        const Message *m = bridge ? NULL : ps->items[i]->messages[j];
                        const char *filter = bridge ? ps->items[i]->bridge : m->filter;
                        size_t k = 0;

                        if (!filter[0] || (bridge ? true : m->alarms) != alarms)
                                continue;
                        while (k < n && !str_equal(filters[k], filter))
                                k++;
                        if (k == n && n < max)
                                (void)str_copy(filters[n++], PROFILE_TOPIC_SIZE, filter); /* same size */
                }
        return n;
}

bool profiles_know(const Profiles *ps, const char *topic)
{
        Captures captures;

        for (size_t i = 0; i < ps->n; i++)
                for (unsigned j = 0; j < ps->items[i]->n_messages; j++)
                        if (!ps->items[i]->messages[j]->gone &&
                                topic_fits(ps->items[i]->messages[j]->topic, topic, &captures))
                                return true;
        return false;
}

const char *profiles_name(
        const Profiles *ps, size_t i, const char **ret_text, const char **ret_file, bool *ret_named)
{
        if (i >= ps->n)
                return NULL;
        *ret_text = ps->items[i]->text;
        *ret_file = ps->items[i]->file;
        *ret_named = ps->items[i]->named;
        return ps->items[i]->name;
}

bool profiles_topic_device(
        const Profiles *ps, const char *topic, char device[CODE_SIZE], char profile[CODE_SIZE])
{
        Captures c;

        for (size_t i = 0; i < ps->n; i++)
                for (unsigned j = 0; j < ps->items[i]->n_messages && !ps->items[i]->named; j++)
                        if (!ps->items[i]->messages[j]->gone &&
                                topic_fits(ps->items[i]->messages[j]->topic, topic, &c) && c.n_device > 0 &&
                                str_copyn(device, CODE_SIZE, c.device, c.n_device) && str_code(device)) {
                                (void)str_copy(profile, CODE_SIZE, ps->items[i]->name); /* same size */
                                return true;
                        }
        return false;
}

static Profile *profile_find(const Profiles *ps, const char *name)
{
        for (size_t i = 0; i < ps->n; i++)
                if (str_equal(ps->items[i]->name, name))
                        return ps->items[i];
        return NULL;
}

const ProfileSample *profiles_sample(const Profiles *ps, const char *name, size_t i)
{
        const Profile *p = profile_find(ps, name);

        return p && i < p->n_samples ? &p->samples[i] : NULL;
}

/* ---- topics and times ---- */

bool topic_fits(const char *pattern, const char *topic, Captures *ret)
{
        *ret = (Captures){.device = "", .kind = ""};
        for (;;) {
                size_t np = strcspn(pattern, "/"), nt = strcspn(topic, "/");

                if (np == 8 && memcmp(pattern, "{device}", 8) == 0) {
                        ret->device = topic;
                        ret->n_device = nt;
                } else if (np == 6 && memcmp(pattern, "{kind}", 6) == 0) {
                        ret->kind = topic;
                        ret->n_kind = nt;
                } else if (!(np == 1 && *pattern == '+') && (np != nt || memcmp(pattern, topic, np) != 0))
                        return false;
                if (!pattern[np] || !topic[nt])
                        return pattern[np] == topic[nt];
                pattern += np + 1;
                topic += nt + 1;
        }
}

static bool digits(const char *s, size_t n, int *ret)
{
        int value = 0;

        for (size_t i = 0; i < n; i++) {
                if (s[i] < '0' || s[i] > '9')
                        return false;
                value = value * 10 + (s[i] - '0');
        }
        *ret = value;
        return true;
}

/* "Z", "+08:00" to seconds. */
static bool zone_parse(const char *s, size_t n, double *ret)
{
        int hours, minutes;

        if (n == 1 && (*s == 'Z' || *s == 'z')) {
                *ret = 0;
                return true;
        }
        if (n != 6 || (*s != '+' && *s != '-') || s[3] != ':' || !digits(s + 1, 2, &hours) ||
                !digits(s + 4, 2, &minutes) || hours > 23 || minutes > 59)
                return false;
        *ret = (*s == '-' ? -1 : 1) * (hours * 3600.0 + minutes * 60.0);
        return true;
}

bool profile_time_parse(const char *s, size_t n, double *ret)
{
        struct tm tm = {0};
        double fraction = 0, unit = 0.1, zone;

        if (n < 20 || s[4] != '-' || s[7] != '-' || (s[10] != 'T' && s[10] != 't' && s[10] != ' ') ||
                s[13] != ':' || s[16] != ':')
                return false;
        if (!digits(s, 4, &tm.tm_year) || !digits(s + 5, 2, &tm.tm_mon) || !digits(s + 8, 2, &tm.tm_mday) ||
                !digits(s + 11, 2, &tm.tm_hour) || !digits(s + 14, 2, &tm.tm_min) ||
                !digits(s + 17, 2, &tm.tm_sec))
                return false;
        if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 ||
                tm.tm_min > 59 || tm.tm_sec > 60)
                return false;
        s += 19;
        n -= 19;
        if (*s == '.') {
                for (s++, n--; n > 0 && *s >= '0' && *s <= '9'; s++, n--, unit /= 10)
                        fraction += (*s - '0') * unit;
        }
        if (n == 0 || !zone_parse(s, n, &zone))
                return false;
        tm.tm_year -= 1900;
        tm.tm_mon--;
        *ret = (double)timegm(&tm) + fraction - zone;
        return true;
}

/* ---- tests ---- */

static bool like(const char *pattern, const char *text)
{
        size_t np = strlen(pattern), nt = strlen(text);
        bool front = np > 0 && pattern[0] == '%', back = np > 1 && pattern[np - 1] == '%';
        char middle[QUERY_SCALAR_SIZE];

        np -= (size_t)front + (size_t)back;
        pattern += front;
        if (np > nt)
                return false;
        (void)str_copyn(middle, sizeof(middle), pattern, np); /* fits */
        if (front && back)
                return strstr(text, middle) != NULL;
        if (front)
                return str_equal(text + nt - np, middle);
        return back ? str_starts(text, middle) : str_equal(text, middle);
}

static bool is_in(const char *list, const char *text)
{
        for (; *list; list += strlen(list) + 1)
                if (str_equal(list, text))
                        return true;
        return false;
}

static bool clause_holds(const Query *q, const Clause *c)
{
        ValueType type = query_type(q, c->path);
        char text[QUERY_SCALAR_SIZE];
        double number;

        switch ((Test)c->test) {
        case TEST_IS:
                switch ((Is)c->is) {
                case IS_TRUE: return type == VALUE_TRUE;
                case IS_FALSE: return type == VALUE_FALSE;
                case IS_PRESENT: return type > VALUE_NULL;
                case IS_ABSENT: return type <= VALUE_NULL;
                }
                return false;
        case TEST_LESS: return query_number_loose(q, c->path, &number) && number < c->number;
        case TEST_MORE: return query_number_loose(q, c->path, &number) && number > c->number;
        case TEST_EQUAL: return query_scalar(q, c->path, text) && str_equal(text, c->literal);
        case TEST_UNEQUAL: return query_scalar(q, c->path, text) && !str_equal(text, c->literal);
        case TEST_IN: return query_scalar(q, c->path, text) && is_in(c->literal, text);
        case TEST_LIKE: return query_scalar(q, c->path, text) && like(c->literal, text);
        }
        return false;
}

/* Whether the rule holds; and whether the message says anything about it at all: what is absent is unchanged. */
static bool rule_holds(const Message *m, const Rule *rule, bool *ret_said)
{
        bool any = false, all = false;

        *ret_said = false;
        for (unsigned i = 0; i < rule->n_clauses; i++) {
                const Clause *c = &m->clauses[rule->clause + i];

                if (c->or) {
                        any = any || (i > 0 && all);
                        all = true;
                }
                all = all && clause_holds(m->query, c);
                *ret_said = *ret_said || query_type(m->query, c->path) > VALUE_NULL;
        }
        return any || all;
}

/* ---- one message of one device ---- */

typedef struct Reading { /* what one call is about */
        Profiles *set;
        Profile *profile;
        Message *message;
        Captures captures;
        Speech speech;
        bool known;
} Reading;

static void edge(Reading *r, AlarmKind kind)
{
        const Message *m = r->message;
        char stamp[QUERY_SCALAR_SIZE];
        bool stamped = m->stamp != NO_PATH && query_scalar(m->query, m->stamp, stamp);

        speech_edge(&r->speech, kind, stamped ? stamp : NULL);
}

/* The word of {kind}; false: no kind of alarm, so that this message is about something else. */
static bool kind_of(const Reading *r, const Rule *rule, AlarmKind *ret)
{
        char word[WORD_SIZE];

        if (rule->what != KIND_CAPTURE) {
                *ret = (AlarmKind)rule->what;
                return true;
        }
        return str_copyn(word, sizeof(word), r->captures.kind, r->captures.n_kind) &&
               alarm_kind_parse(word, ret) && *ret < ALARM_UNKNOWN;
}

static void alarms_read(Reading *r)
{
        const Message *m = r->message;

        for (unsigned i = 0; i < m->n_rules; i++) {
                const Rule *rule = &m->rules[i];
                AlarmKind kind;
                bool said, holds;

                if (rule->type == RULE_METRIC || rule->type == RULE_GONE || !kind_of(r, rule, &kind))
                        continue;
                holds = rule_holds(m, rule, &said);
                if (rule->type == RULE_EVENT && holds)
                        edge(r, kind);
                else if (rule->type == RULE_LEVEL && (holds || said))
                        speech_level(&r->speech, kind, holds);
        }
}

/* 1, 0, -1: not said. */
static int8_t flag_of(const Query *q, unsigned path)
{
        double number;

        switch (query_type(q, path)) {
        case VALUE_TRUE: return 1;
        case VALUE_FALSE: return 0;
        default: return query_number(q, path, &number) ? number != 0 : -1;
        }
}

static bool metric_read(const Query *q, const Rule *rule, StatusEvent *status, VitalsEvent *vitals)
{
        int8_t flag = flag_of(q, rule->path);
        double number;

        flag = rule->not &&flag >= 0 ? !flag : flag;
        if (rule->what == METRIC_MAINS || rule->what == METRIC_WORN || rule->what == METRIC_TAMPER) {
                if (rule->what == METRIC_MAINS)
                        status->mains = flag;
                else if (rule->what == METRIC_WORN)
                        status->worn = flag;
                else
                        status->tamper = flag;
                return flag >= 0;
        }
        if (!query_number_loose(q, rule->path, &number))
                return false;
        if (rule->what == METRIC_BATTERY && number >= 0 && number <= 100) {
                status->battery = (int16_t)lround(number);
                return true;
        }
        if (rule->what == METRIC_RSSI && number >= -200 && number <= 0) {
                status->rssi = (int16_t)lround(number);
                return true;
        }
        if (rule->what < VITAL_MAX && vital_possible((Vital)rule->what, number)) {
                vitals->has |= 1u << rule->what;
                vitals->value[rule->what] = number;
        }
        return false;
}

/* Signs of life and the place go with every event of this message. Returns whether there are any. */
static bool signs_read(Reading *r)
{
        const Message *m = r->message;
        SignEvent *s = &r->speech.base.signs;
        bool any = false, lat = false, lon = false;
        double number;

        *s = (SignEvent){.located = false};
        for (unsigned i = 0; i < m->n_rules && !r->speech.base.retained; i++) {
                const Rule *rule = &m->rules[i];

                if (rule->type != RULE_METRIC || rule->what < METRIC_SIGNS)
                        continue;
                if (rule->what < METRIC_LAT) {
                        int8_t flag = flag_of(m->query, rule->path);

                        if (flag >= 0)
                                s->said[rule->what - METRIC_SIGNS] =
                                        (flag != rule->not ) ? SAID_YES : SAID_NO;
                        any = any || flag >= 0;
                } else if (query_number_loose(m->query, rule->path, &number)) {
                        if (rule->what == METRIC_LAT)
                                s->lat = number;
                        else if (rule->what == METRIC_LON)
                                s->lon = number;
                        else if (number > 0 && number < 1e6)
                                s->accuracy_m = (float)number;
                        lat = lat || rule->what == METRIC_LAT;
                        lon = lon || rule->what == METRIC_LON;
                }
        }
        s->located = lat && lon && place_possible(s->lat, s->lon);
        return any || s->located;
}

/* Any message of a known device is a heartbeat at least. */
static void metrics_read(Reading *r, bool signs)
{
        const Message *m = r->message;
        Event status = r->speech.base, vitals = r->speech.base;
        bool any = signs;

        if (r->speech.base.retained || !r->known)
                return;
        status.type = EVENT_STATUS;
        status.status = (StatusEvent){STATUS_UNSAID};
        vitals.type = EVENT_VITALS;
        vitals.vitals = (VitalsEvent){0};
        for (unsigned i = 0; i < m->n_rules; i++)
                if (m->rules[i].type == RULE_METRIC && m->rules[i].what < METRIC_SIGNS)
                        any = metric_read(m->query, &m->rules[i], &status.status, &vitals.vitals) || any;
        if (any || (!r->speech.said && !vitals.vitals.has))
                speech_emit(&r->speech, &status);
        if (vitals.vitals.has)
                speech_emit(&r->speech, &vitals);
}

static bool ignored(const Message *m, const char *device)
{
        size_t n = strlen(device);

        for (const char *p = m->ignore; *p; p += strspn(p, " ")) {
                size_t k = strcspn(p, " ");

                if (k == n && memcmp(p, device, n) == 0)
                        return true;
                p += k;
        }
        return false;
}

/* Who it is, and whether this profile is for it. */
static bool device_of(Reading *r, const char *as)
{
        const Message *m = r->message;
        char text[QUERY_SCALAR_SIZE] = "";
        const char *profile;

        if (m->id != NO_PATH && query_scalar(m->query, m->id, text) && text[0])
                ;
        else if (r->captures.n_device == 0 ||
                 !str_copyn(text, sizeof(text), r->captures.device, r->captures.n_device))
                return false;
        if (ignored(m, text) || !str_copy(r->speech.base.source, sizeof(r->speech.base.source), text) ||
                !str_code(r->speech.base.source))
                return false;
        if (as) {
                r->known = true;
                return true;
        }
        profile = r->speech.host->profile_of
                          ? r->speech.host->profile_of(r->speech.host->userdata, r->speech.base.source)
                          : NULL;
        r->known = profile != NULL;
        if (profile && profile[0])
                return str_equal(profile, r->profile->name);
        return !r->profile->named;
}

static int64_t time_of(const Message *m)
{
        const char *text;
        double ts;
        size_t n;

        if (m->time == NO_PATH)
                return 0;
        text = query_text(m->query, m->time, &n);
        if (text)
                return profile_time_parse(text, n, &ts) ? time_possible(ts) : 0;
        return query_number(m->query, m->time, &ts) ? time_possible(ts) : 0;
}

/* Of a device that is known to use this profile, what cannot be read calls somebody; anybody else's noise does not. */
static void unreadable(Reading *r, const char *as, const char *why)
{
        Event e;
        const char *profile = NULL;

        if (r->message->id != NO_PATH || !r->message->alarms || r->captures.n_device == 0 ||
                !str_copyn(r->speech.base.source, sizeof(r->speech.base.source), r->captures.device,
                        r->captures.n_device) ||
                !str_code(r->speech.base.source) || ignored(r->message, r->speech.base.source))
                return;
        if (!as && r->speech.host->profile_of)
                profile = r->speech.host->profile_of(r->speech.host->userdata, r->speech.base.source);
        if (!as && (!profile || !str_equal(profile, r->profile->name)))
                return;
        e = r->speech.base;
        e.type = EVENT_ALARM;
        e.alarm.kind = ALARM_UNPARSED;
        event_why(&e, why);
        speech_emit(&r->speech, &e);
}

typedef enum Reach { REACH_UNSAID, REACH_GONE, REACH_THERE } Reach;

static Reach reach_of(const Message *m)
{
        bool any = false, said;

        for (unsigned i = 0; i < m->n_rules && m->gone; i++) {
                if (m->rules[i].type != RULE_GONE)
                        continue;
                if (rule_holds(m, &m->rules[i], &said))
                        return REACH_GONE;
                any = any || said;
        }
        return any ? REACH_THERE : REACH_UNSAID;
}

static void bridge_gone(void *userdata, const char *device)
{
        Speech *s = userdata;

        if (str_copy(s->base.source, sizeof(s->base.source), device))
                speech_gone(s, true);
}

static void bridge_back(void *userdata, const char *device)
{
        Speech *s = userdata;

        if (str_copy(s->base.source, sizeof(s->base.source), device))
                speech_back(s, true);
}

/* What is said of the bridge of all of them. */
static void bridge_read(Reading *r)
{
        const ProfileHost *host = r->speech.host;
        Reach reach = reach_of(r->message);

        if (reach != REACH_UNSAID && host->each)
                host->each(host->userdata, r->profile->name, reach == REACH_GONE ? bridge_gone : bridge_back,
                        &r->speech);
}

/* True: that it cannot be reached, or an old word that it can: nothing of it is new. */
static bool reach_read(Reading *r)
{
        Reach reach = reach_of(r->message);

        if (reach == REACH_GONE)
                speech_gone(&r->speech, r->known);
        else if (reach == REACH_THERE && r->speech.base.retained)
                speech_back(&r->speech, r->known);
        else if (reach == REACH_THERE)
                speech_doubt(&r->speech);
        return reach == REACH_GONE || (reach == REACH_THERE && r->speech.base.retained);
}

static void element_read(Reading *r, const char *as)
{
        bool signs;

        r->speech.base.source[0] = '\0';
        r->speech.said = r->known = false;
        if (r->message->all) {
                bridge_read(r);
                return;
        }
        if (!device_of(r, as) || reach_read(r))
                return;
        r->speech.base.device_us = time_of(r->message);
        signs = signs_read(r);
        alarms_read(r);
        metrics_read(r, signs);
        if (!r->known && r->speech.host->stranger && !r->speech.base.retained && !r->message->gone)
                r->speech.host->stranger(r->speech.host->userdata, r->speech.base.source, r->profile->name);
}

/*
 * The text with the fields of its bytes as one more member, "@"; or only that, where the payload is nothing but such a
 * text. NULL: it has none. *ret_bad: it has one that cannot be read.
 */
static char *bytes_text(const Message *m, const char *payload, size_t n, size_t *ret_n, bool *ret_bad)
{
        uint8_t bytes[BYTES_MAX];
        Str s = {.cap = n + 2 * BYTES_MAX + 128 + 64 * BYTES_FIELDS_MAX};
        bool json = query_open(m->bytes_query, payload, n) && query_next(m->bytes_query);
        bool object = json && query_whole(m->bytes_query) == VALUE_OBJECT, number;
        size_t n_text = 0, n_bytes = 0;
        const char *text = json ? query_text(m->bytes_query, 0, &n_text) : NULL;

        number = json &&
                 (query_whole(m->bytes_query) == VALUE_INTEGER || query_whole(m->bytes_query) == VALUE_REAL);
        if ((!json || number) && str_equal(m->bytes, "$") &&
                str_utf8(payload, n)) { /* 0164, and also 1164 */
                text = payload;
                n_text = n;
        }
        *ret_bad = text && !bytes_decode((BytesForm)m->form, text, n_text, bytes, &n_bytes);
        query_close(m->bytes_query);
        if (!text || *ret_bad || !(s.p = malloc(s.cap)))
                return NULL;
        while (object && payload[n - 1] != '}') /* white space behind it */
                n--;
        if (object)
                str_addn(&s, payload, n - 1);
        str_add(&s, !object ? "{\"@\":" : s.p[strspn(s.p, " \t\r\n{")] ? ",\"@\":" : "\"@\":");
        bytes_json(&s, m->fields, m->n_fields, bytes, n_bytes);
        str_add(&s, "}");
        ASSERT(!s.full);
        *ret_n = s.n;
        return s.p;
}

static void message_read(Reading *r, const char *payload, size_t n, const char *as)
{
        Query *q = r->message->query;
        _cleanup_(freep) char *with_bytes = NULL;
        char *quoted = NULL;
        bool open, bad = false;
        size_t n_with = 0;

        if (n > LIMIT_BODY) {
                unreadable(r, as, "larger than 16384 bytes");
                return;
        }
        r->speech.payload = idmap_hash(payload, n) | 1;
        r->speech.doubts = r->set->doubts + r->profile->doubts;
        r->speech.now_s = (uint32_t)(clock_now().boot_us / USEC_PER_SEC);
        open = query_open(q, payload, n);
        r->speech.base.body_json = open && json_inlines(payload, n);
        if (r->message->form != BYTES_NONE)
                with_bytes = bytes_text(r->message, payload, n, &n_with, &bad);
        if (with_bytes) {
                query_close(q);
                open = query_open(q, with_bytes, n_with);
        } else if (bad) {
                query_close(q);
                unreadable(r, as, "bytes that cannot be read");
                return;
        }
        if (!open && r->message->bare && str_utf8(payload, n)) { /* ON */
                Str s = {.p = malloc(6 * n + 3), .cap = 6 * n + 3};

                quoted = s.p;
                query_close(q);
                if (quoted) {
                        str_jsonn(&s, payload, n);
                        open = query_open(q, s.p, s.n);
                }
        }
        if (!open)
                unreadable(r, as, "not JSON");
        while (open && query_next(q))
                element_read(r, as);
        query_close(q);
        free(quoted);
}

static unsigned read_with(Profiles *ps, Profile *p, bool all, bool alarms, const char *topic,
        const char *payload, size_t n, bool retained, const char *as, const ProfileHost *host)
{
        unsigned fitted = 0;
        Captures captures;

        if (p->bridge[0] && (all || alarms) && topic_fits(p->bridge, topic, &captures) && !retained) {
                p->doubts++;
                fitted++;
        }
        for (unsigned i = 0; i < p->n_messages; i++) {
                Reading r = {.set = ps,
                        .profile = p,
                        .message = p->messages[i],
                        .speech = {.levels = ps->levels, .host = host, .base = {.retained = retained}}};

                if ((!all && r.message->alarms != alarms) ||
                        !topic_fits(r.message->topic, topic, &r.captures))
                        continue;
                fitted++;
                if (n > 0) /* an empty one takes a retained message back */
                        message_read(&r, payload, n, as);
        }
        return fitted;
}

unsigned profiles_read(Profiles *ps, bool alarms, const char *topic, const void *payload, size_t n,
        bool retained, const ProfileHost *host)
{
        unsigned fitted = 0;

        ASSERT(ps && topic && host && host->emit);
        for (size_t i = 0; i < ps->n; i++)
                fitted +=
                        read_with(ps, ps->items[i], false, alarms, topic, payload, n, retained, NULL, host);
        return fitted;
}

unsigned profiles_read_as(Profiles *ps, const char *name, const char *topic, const void *payload, size_t n,
        bool retained, const ProfileHost *host)
{
        Profile *p = profile_find(ps, name);

        ASSERT(topic && host && host->emit);
        return p ? read_with(ps, p, true, true, topic, payload, n, retained, name, host) : 0;
}

static void signs_text(Str *s, const SignEvent *signs)
{
        for (unsigned k = 0; k < SIGN_BUTTON; k++)
                if (signs->said[k] != SAID_NOT)
                        str_addf(s, " %s=%d", sign_word((SignKind)k), signs->said[k] == SAID_YES);
        if (!signs->located)
                return;
        str_add(s, " lat=");
        str_number(s, signs->lat);
        str_add(s, " lon=");
        str_number(s, signs->lon);
        if (signs->accuracy_m > 0) {
                str_add(s, " accuracy=");
                str_number(s, (double)signs->accuracy_m);
        }
}

void profile_event_text(const Event *e, bool first, char *ret, size_t cap)
{
        Str s = {.p = ret, .cap = cap};
        const StatusEvent *st = &e->status;

        str_addf(&s, "%s%s:", first ? "" : "; ", e->source);
        if (e->type == EVENT_ALARM) {
                str_addf(&s, " %s", alarm_kind_word(e->alarm.kind));
        } else if (e->type == EVENT_VITALS) {
                for (unsigned i = 0; i < VITAL_MAX; i++)
                        if (e->vitals.has & 1u << i) {
                                str_addf(&s, " %s=", vital_word((Vital)i));
                                str_number(&s, e->vitals.value[i]);
                        }
        } else {
                str_add(&s, " status");
                if (st->battery != INT16_MIN)
                        str_addf(&s, " battery=%d", st->battery);
                if (st->rssi != INT16_MIN)
                        str_addf(&s, " rssi=%d", st->rssi);
                if (st->mains >= 0)
                        str_addf(&s, " mains=%d", st->mains);
                if (st->worn >= 0)
                        str_addf(&s, " worn=%d", st->worn);
                if (st->tamper >= 0)
                        str_addf(&s, " tamper=%d", st->tamper);
                if (st->gone || st->back)
                        str_add(&s, st->gone ? " gone" : " back");
                signs_text(&s, &e->signs);
        }
}
