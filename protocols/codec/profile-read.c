/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of profiles: text to rules.
 *
 * Strict for the same reason as the configuration's: a rule that is silently dropped shows only in the night it was
 * meant for. Whatever is not understood ends the reading with its file and line, paths that SQLite does not know
 * included. Every message type gets one statement with all of its paths, prepared once; the literals never become
 * SQL, they are compared here (profile.c).
 */
#include "protocols/codec/profile-rules.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 4096u

typedef enum Part { PART_NONE, PART_PROFILE, PART_MESSAGE, PART_SAMPLE } Part;

typedef struct Reader {
        Profile *profile;
        QueryBase *base;
        ProfileError *error;
        unsigned line;
        Part part;
        bool seen_profile;
} Reader;

static int fail(Reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int fail(Reader *r, const char *fmt, ...)
{
        Str s = {.p = r->error->text, .cap = sizeof(r->error->text)};
        va_list ap;

        (void)str_copy(r->error->file, sizeof(r->error->file), r->profile->file); /* same size */
        r->error->line = r->line;
        va_start(ap, fmt);
        str_addv(&s, fmt, ap);
        va_end(ap);
        if (!str_utf8(r->error->text, strlen(r->error->text)))
                for (char *p = r->error->text; *p; p++)
                        if ((unsigned char)*p >= 0x80)
                                *p = '?';
        return PROFILE_E_INVALID;
}

static char *strip(char *s)
{
        s += strspn(s, " \t");
        for (size_t n = strlen(s); n > 0 && strchr(" \t", s[n - 1]); n--)
                s[n - 1] = '\0';
        return s;
}

const char *metric_word(unsigned metric)
{
        static const char *const words[] = {"battery", "rssi", "mains", "worn", "tamper", "motion", "bed",
                "water", "door", "lat", "lon", "accuracy"};

        _Static_assert(sizeof(words) / sizeof(*words) == METRIC_MAX - VITAL_MAX, "a word for each");

        ASSERT(metric < METRIC_MAX);
        return metric < VITAL_MAX ? vital_word((Vital)metric) : words[metric - VITAL_MAX];
}

/* ---- paths and tests ---- */

static bool field_known(const Message *m, const char *name)
{
        if (m->form != BYTES_NONE && (str_equal(name, "length") || str_equal(name, "hex")))
                return true;
        for (unsigned i = 0; i < m->n_fields; i++)
                if (str_equal(m->fields[i].name, name))
                        return true;
        return false;
}

/* The index of a path of this message; the same path is read once. Negative: failed. */
static int path_add(Reader *r, Message *m, const char *path)
{
        char field[QUERY_SCALAR_SIZE];

        if (path[0] == '@') {
                Str s = STR_BUFFER(field);

                if (!field_known(m, path + 1))
                        return -fail(r, "there is no Field \"%.32s\" before this line", path + 1);
                str_addf(&s, "$.\"@\".%s", path + 1);
                path = field;
        }
        if (path[0] != '$')
                return -fail(r, "\"%.64s\" is no path; paths begin with '$', as in \"$.smoke\"", path);
        for (unsigned i = 0; i < m->n_paths; i++)
                if (str_equal(m->paths[i], path))
                        return (int)i;
        if (!str_copy(m->paths[m->n_paths == QUERY_PATHS_MAX ? 0 : m->n_paths], sizeof(m->paths[0]), path) ||
                m->n_paths == QUERY_PATHS_MAX)
                return -fail(r, "more than %d paths in one message, or one of more than %zu bytes",
                        QUERY_PATHS_MAX, sizeof(m->paths[0]) - 1);
        if (!query_path_ok(r->base, path))
                return -fail(r,
                        "\"%.64s\" is no JSON path of SQLite; names with points or signs in quotes, as in "
                        "$.\"smoke:0\".alarm",
                        path);
        if (str_equal(path, "$"))
                m->bare = true;
        return m->n_paths++;
}

/* The end of the path at s: a blank, an operator or a sign outside of quotes. */
static size_t path_length(const char *s)
{
        bool quoted = false;
        size_t n = 0;

        for (; s[n]; n++) {
                if (s[n] == '"')
                        quoted = !quoted;
                else if (!quoted && strchr(" \t=!<>&|", s[n]))
                        break;
        }
        return n;
}

static bool test_parse(char **text, Test *ret)
{
        static const struct {
                const char *word;
                Test test;
        } tests[] = {{"!=", TEST_UNEQUAL}, {"=", TEST_EQUAL}, {"<", TEST_LESS}, {">", TEST_MORE},
                {"in ", TEST_IN}, {"like ", TEST_LIKE}, {"is ", TEST_IS}};

        for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
                if (str_starts(*text, tests[i].word)) {
                        *text = strip(*text + strlen(tests[i].word));
                        *ret = tests[i].test;
                        return true;
                }
        return false;
}

static int literal_in(Reader *r, Clause *c, char *text)
{
        size_t at = 0;
        char *word;

        while ((word = strsep(&text, ","))) {
                size_t n;

                word = strip(word);
                n = strlen(word);
                if (n == 0 || at + n + 2 > sizeof(c->literal))
                        return fail(r, "`in` takes words with commas between them, %zu bytes at most",
                                sizeof(c->literal) - 2);
                memcpy(c->literal + at, word, n + 1);
                at += n + 1;
        }
        c->literal[at] = '\0';
        return 0;
}

static int literal_read(Reader *r, Clause *c, char *text)
{
        static const char *const words[] = {"true", "false", "present", "absent"};

        if (*text == '\0')
                return fail(r, "a test without a value; to test for a member as such: \"is present\"");
        switch ((Test)c->test) {
        case TEST_IN: return literal_in(r, c, text);
        case TEST_LESS:
        case TEST_MORE:
                if (!parse_double(text, &c->number))
                        return fail(r, "\"%.64s\" is no number; < and > compare numbers", text);
                return 0;
        case TEST_IS:
                for (unsigned i = 0; i < 4; i++)
                        if (str_equal(text, words[i])) {
                                c->is = (uint8_t)i;
                                return 0;
                        }
                return fail(r, "\"is %.64s\": there are true, false, present, absent", text);
        case TEST_LIKE:
                if (strchr(text + 1, '%') && strchr(text + 1, '%')[1] != '\0')
                        return fail(r, "`like` has '%%' at the beginning and the end only");
                break;
        case TEST_EQUAL:
        case TEST_UNEQUAL: break;
        }
        if (!str_copy(c->literal, sizeof(c->literal), text))
                return fail(r, "a value of more than %zu bytes", sizeof(c->literal) - 1);
        return 0;
}

static int clause_read(Reader *r, Message *m, char *text, bool or)
{
        size_t n;
        Clause *c;
        char *rest, sign;
        int path;
        Test test;

        text = strip(text);
        n = path_length(text);
        if (m->n_clauses == CLAUSES_MAX)
                return fail(r, "more than %u tests in one message", CLAUSES_MAX);
        c = &m->clauses[m->n_clauses];
        *c = (Clause){.or = or };
        rest = text + n;
        sign = *rest;
        *rest = '\0';
        path = path_add(r, m, text);
        if (path < 0)
                return -path;
        *rest = sign;
        rest = strip(rest);
        if (!test_parse(&rest, &test))
                return fail(r, "after a path comes one of = != < > in like is; here is \"%.64s\"", rest);
        c->path = (uint8_t)path;
        c->test = (uint8_t)test;
        m->n_clauses++;
        return literal_read(r, c, rest);
}

/* The next & or | outside of quotes that belong to a path, as its place; the end of the text if none. */
static char *sign_find(char *s)
{
        bool quoted = false;

        for (; *s; s++) {
                if (*s == '"')
                        quoted = !quoted;
                else if (!quoted && (*s == '&' || *s == '|'))
                        return s;
        }
        return s;
}

static int rule_tests(Reader *r, Message *m, Rule *rule, char *text)
{
        bool or = true;

        rule->clause = m->n_clauses;
        for (;;) {
                char *end = sign_find(text), sign = *end;
                int k;

                *end = '\0';
                k = clause_read(r, m, text, or);
                if (k != 0)
                        return k;
                if (sign == '\0')
                        break;
                or = sign == '|';
                text = end + 1;
        }
        rule->n_clauses = (uint8_t)(m->n_clauses - rule->clause);
        return 0;
}

/* ---- settings of a message ---- */

static bool kind_of_word(const char *word, uint8_t *ret)
{
        AlarmKind kind;

        if (str_equal(word, "{kind}")) {
                *ret = KIND_CAPTURE;
                return true;
        }
        if (!alarm_kind_parse(word, &kind) || kind >= ALARM_UNKNOWN)
                return false;
        *ret = (uint8_t)kind;
        return true;
}

static int fail_kind(Reader *r, const char *word)
{
        char list[200] = "";
        Str s = STR_BUFFER(list);

        for (unsigned i = 0; i < ALARM_UNKNOWN; i++)
                str_addf(&s, "%s%s", i ? ", " : "", alarm_kind_word((AlarmKind)i));
        return fail(r, "\"%.32s\" is no kind of alarm; there are %s", word, list);
}

static int rule_read(Reader *r, Message *m, RuleType type, const char *word, char *value)
{
        Rule *rule = &m->rules[m->n_rules];
        int path;

        if (m->n_rules == RULES_MAX)
                return fail(r, "more than %u rules in one message", RULES_MAX);
        *rule = (Rule){.type = (uint8_t)type, .path = NO_PATH};
        if (type == RULE_GONE) {
                m->gone = true;
                m->n_rules++;
                return rule_tests(r, m, rule, value);
        }
        if (type != RULE_METRIC) {
                if (!kind_of_word(word, &rule->what))
                        return fail_kind(r, word);
                if (rule->what == KIND_CAPTURE && !strstr(m->topic, "{kind}"))
                        return fail(r, "{kind} does not stand in Topic=%s", m->topic);
                m->alarms = true;
                m->n_rules++;
                return rule_tests(r, m, rule, value);
        }
        for (unsigned i = 0; i < METRIC_MAX; i++)
                if (str_equal(word, metric_word(i))) {
                        rule->not = *value == '!';
                        path = path_add(r, m, rule->not ? strip(value + 1) : value);
                        if (path < 0)
                                return -path;
                        rule->what = (uint8_t)i;
                        rule->path = (uint8_t)path;
                        m->n_rules++;
                        return 0;
                }
        return fail(r,
                "\"%.32s\" is no metric; there are battery, rssi, mains, worn, tamper, motion, bed, water, "
                "door, "
                "lat, lon, accuracy, hr, spo2, sys, dia, temp, resp",
                word);
}

static int topic_read_pattern(Reader *r, Message *m, const char *value)
{
        const char *level = value;
        Str filter = {.p = m->filter, .cap = sizeof(m->filter)};

        if (!str_copy(m->topic, sizeof(m->topic), value) || !*value)
                return fail(r, "a topic has 1 to %zu bytes", sizeof(m->topic) - 1);
        for (;;) {
                size_t n = strcspn(level, "/");
                bool any = (n == 1 && *level == '+') || (n == 8 && memcmp(level, "{device}", 8) == 0) ||
                           (n == 6 && memcmp(level, "{kind}", 6) == 0);

                if (!any && (memchr(level, '{', n) || memchr(level, '}', n) || memchr(level, '+', n) ||
                                    memchr(level, '#', n)))
                        return fail(r,
                                "a level of a topic is a word, +, {device} or {kind}; here is "
                                "\"%.*s\"",
                                (int)(n > 64 ? 64 : n), level);
                if (any)
                        str_add(&filter, "+");
                else
                        str_addn(&filter, level, n);
                if (!level[n])
                        break;
                str_add(&filter, "/");
                level += n + 1;
        }
        return 0;
}

static int path_setting(Reader *r, Message *m, uint8_t *to, const char *value)
{
        int path = path_add(r, m, value);

        if (path < 0)
                return -path;
        *to = (uint8_t)path;
        return 0;
}

/* Bytes=base64 $.data */
static int bytes_read(Reader *r, Message *m, char *value)
{
        char *path = value;
        const char *form = parse_word(&path);

        m->form = form && str_equal(form, "hex")      ? BYTES_HEX
                  : form && str_equal(form, "base64") ? BYTES_BASE64
                                                      : BYTES_NONE;
        path = path ? strip(path) : NULL;
        if (m->form == BYTES_NONE || !path || !query_path_ok(r->base, path) ||
                !str_copy(m->bytes, sizeof(m->bytes), path))
                return fail(r, "Bytes= is hex or base64 and a path, as in \"base64 $.data\"");
        return 0;
}

static int field_read(Reader *r, Message *m, const char *name, char *value)
{
        const char *wanted;

        if (m->form == BYTES_NONE)
                return fail(r, "Bytes= comes before the fields");
        if (m->n_fields == BYTES_FIELDS_MAX)
                return fail(r, "more than %d fields in one message", BYTES_FIELDS_MAX);
        if (field_known(m, name))
                return fail(r, "Field %.32s stands here twice", name);
        wanted = bytes_field_parse(&m->fields[m->n_fields], name, value);
        if (wanted)
                return fail(r, "%s", wanted);
        m->n_fields++;
        return 0;
}

static int message_assign(Reader *r, char *key, char *value)
{
        Message *m = r->profile->messages[r->profile->n_messages - 1];

        if (str_equal(key, "Topic"))
                return topic_read_pattern(r, m, value);
        if (!m->topic[0])
                return fail(r, "Topic= comes first in [Message]");
        if (str_equal(key, "Ignore"))
                return str_copy(m->ignore, sizeof(m->ignore), value) ? 0 : fail(r, "Ignore= is too long");
        if (str_equal(key, "Each")) {
                if (!query_path_ok(r->base, value) || !str_copy(m->each, sizeof(m->each), value))
                        return fail(r, "Each=%.64s is no path, as in \"$.list\"", value);
                return 0;
        }
        if (str_equal(key, "Id"))
                return path_setting(r, m, &m->id, value);
        if (str_equal(key, "Time"))
                return path_setting(r, m, &m->time, value);
        if (str_equal(key, "Stamp"))
                return path_setting(r, m, &m->stamp, value);
        if (str_equal(key, "Bytes"))
                return bytes_read(r, m, value);
        if (str_starts(key, "Field "))
                return field_read(r, m, strip(key + 6), value);
        if (str_equal(key, "Gone"))
                return rule_read(r, m, RULE_GONE, "", value);
        if (str_starts(key, "Event "))
                return rule_read(r, m, RULE_EVENT, strip(key + 6), value);
        if (str_starts(key, "Level "))
                return rule_read(r, m, RULE_LEVEL, strip(key + 6), value);
        if (str_starts(key, "Metric "))
                return rule_read(r, m, RULE_METRIC, strip(key + 7), value);
        return fail(r,
                "unknown key \"%.64s\" in [Message]; there are Topic, Ignore, Each, Id, Time, Stamp, Bytes, "
                "Field NAME, Gone, Event KIND, Level KIND, Metric NAME",
                key);
}

/* ---- the other sections ---- */

static int profile_assign(Reader *r, const char *key, const char *value)
{
        Profile *p = r->profile;

        if (str_equal(key, "Text"))
                return str_copy(p->text, sizeof(p->text), value)
                               ? 0
                               : fail(r, "Text= has at most %zu bytes", sizeof(p->text) - 1);
        if (str_equal(key, "Bridge")) {
                if (!str_copy(p->bridge, sizeof(p->bridge), value) || strpbrk(value, "#{}"))
                        return fail(r, "Bridge= is a topic, with + for any level");
                return 0;
        }
        if (str_equal(key, "Devices")) {
                p->named = str_equal(value, "named");
                return p->named || str_equal(value, "any")
                               ? 0
                               : fail(r, "Devices=%.64s: there are any and named", value);
        }
        return fail(r, "unknown key \"%.64s\" in [Profile]; there are Text, Devices, Bridge", key);
}

static int sample_assign(Reader *r, const char *key, const char *value)
{
        ProfileSample *s = &r->profile->samples[r->profile->n_samples - 1];
        const struct {
                const char *key;
                char *to;
                size_t cap;
        } texts[] = {{"Text", s->text, sizeof(s->text)}, {"Topic", s->topic, sizeof(s->topic)},
                {"Payload", s->payload, sizeof(s->payload)}, {"Means", s->means, sizeof(s->means)}};

        for (size_t i = 0; i < 4; i++)
                if (str_equal(key, texts[i].key))
                        return str_copy(texts[i].to, texts[i].cap, value)
                                       ? 0
                                       : fail(r, "%s= has at most %zu bytes", key, texts[i].cap - 1);
        return fail(r, "unknown key \"%.64s\" in [Sample]; there are Text, Topic, Payload, Means", key);
}

static int message_begin(Reader *r)
{
        Message *m;

        if (r->profile->n_messages == MESSAGES_MAX)
                return fail(r, "more than %u messages in one profile", MESSAGES_MAX);
        m = calloc(1, sizeof(*m));
        if (!m)
                return error_origin(-ENOMEM);
        m->id = m->time = m->stamp = NO_PATH;
        m->line = r->line;
        r->profile->messages[r->profile->n_messages++] = m;
        r->part = PART_MESSAGE;
        return 0;
}

static int sample_begin(Reader *r)
{
        Profile *p = r->profile;
        ProfileSample *grown;

        if (p->n_samples == PROFILE_SAMPLES_MAX)
                return fail(r, "more than %d samples in one profile", PROFILE_SAMPLES_MAX);
        grown = realloc(p->samples, (p->n_samples + 1) * sizeof(*grown));
        if (!grown)
                return error_origin(-ENOMEM);
        p->samples = grown;
        p->samples[p->n_samples++] = (ProfileSample){0};
        r->part = PART_SAMPLE;
        return 0;
}

static int section_begin(Reader *r, const char *name)
{
        if (str_equal(name, "Message"))
                return message_begin(r);
        if (str_equal(name, "Sample"))
                return sample_begin(r);
        if (!str_equal(name, "Profile"))
                return fail(r, "unknown section [%.64s]; there are [Profile], [Message], [Sample]", name);
        if (r->seen_profile)
                return fail(r, "[Profile] stands twice");
        r->seen_profile = true;
        r->part = PART_PROFILE;
        return 0;
}

static int line_read(Reader *r, char *s)
{
        char *equals = strchr(s, '='), *key;

        if (*s == '\0' || *s == '#' || *s == ';')
                return 0;
        if (*s == '[') {
                if (s[strlen(s) - 1] != ']')
                        return fail(r, "a section is a name in brackets and nothing else");
                s[strlen(s) - 1] = '\0';
                return section_begin(r, s + 1);
        }
        if (!equals || equals == s)
                return fail(r, "neither [Section] nor Key=Value nor a comment that begins with '#'");
        *equals = '\0';
        key = strip(s);
        switch (r->part) {
        case PART_NONE: return fail(r, "a setting before the first section");
        case PART_PROFILE: return profile_assign(r, key, strip(equals + 1));
        case PART_MESSAGE: return message_assign(r, key, strip(equals + 1));
        case PART_SAMPLE: return sample_assign(r, key, strip(equals + 1));
        }
        return 0;
}

static int text_read(Reader *r, const char *text, size_t n)
{
        while (n > 0) {
                const char *end = memchr(text, '\n', n);
                size_t size = end ? (size_t)(end - text) : n;
                char line[LINE_MAX_BYTES + 1];
                int k;

                r->line++;
                if (size > LINE_MAX_BYTES)
                        return fail(r, "a line of %zu bytes; at most %u are read", size, LINE_MAX_BYTES);
                memcpy(line, text, size);
                text += size + (end ? 1 : 0);
                n -= size + (end ? 1 : 0);
                if (size > 0 && line[size - 1] == '\r')
                        size--;
                line[size] = '\0';
                if (!str_utf8(line, size))
                        return fail(r, "the text is not UTF-8, or has a NUL");
                k = line_read(r, strip(line));
                if (k != 0)
                        return k;
        }
        return 0;
}

static int profile_check(Reader *r)
{
        Profile *p = r->profile;

        for (unsigned i = 0; i < p->n_messages; i++) {
                Message *m = p->messages[i];
                const char *paths[QUERY_PATHS_MAX];
                int k;

                r->line = m->line;
                if (!m->topic[0])
                        return fail(r, "this [Message] has no Topic=");
                m->all = m->id == NO_PATH && !strstr(m->topic, "{device}");
                for (unsigned j = 0; m->all && j < m->n_rules; j++)
                        if (m->rules[j].type != RULE_GONE)
                                return fail(r, "nothing says which device it is: {device} in Topic=, or "
                                               "Id=; without "
                                               "them only Gone= can stand here");
                if (m->all && !m->gone)
                        return fail(r, "nothing says which device it is: {device} in Topic=, or Id=");
                for (unsigned j = 0; j < m->n_paths; j++)
                        paths[j] = m->paths[j];
                k = query_new(&m->query, r->base, paths, m->n_paths, m->each[0] ? m->each : NULL);
                if (k == 0 && m->form != BYTES_NONE && m->each[0])
                        return fail(r, "Each= and Bytes= cannot stand in one [Message]");
                paths[0] = m->bytes;
                if (k == 0 && m->form != BYTES_NONE)
                        k = query_new(&m->bytes_query, r->base, paths, 1, NULL);
                if (k < 0)
                        return error_trace(k);
        }
        r->line = 0;
        if (!r->seen_profile || p->n_messages == 0)
                return fail(r, "a profile has a section [Profile] and at least one [Message]");
        for (unsigned i = 0; i < p->n_samples; i++)
                if (!p->samples[i].topic[0])
                        return fail(r, "sample %u has no Topic=", i + 1);
        return 0;
}

Profile *profile_free(Profile *p)
{
        if (!p)
                return NULL;
        for (unsigned i = 0; i < p->n_messages; i++) {
                query_free(p->messages[i]->query);
                query_free(p->messages[i]->bytes_query);
                free(p->messages[i]);
        }
        free(p->samples);
        free(p);
        return NULL;
}

int profile_read(Profile **ret, QueryBase *base, const char *name, const char *file, const char *text,
        size_t n, ProfileError *error)
{
        Profile *p = calloc(1, sizeof(*p));
        Reader r = {.profile = p, .base = base, .error = error};
        int k = 0;

        if (!p)
                return error_origin(-ENOMEM);
        (void)str_copy(p->file, sizeof(p->file), file); /* for people */
        if (!str_code(name) || !str_copy(p->name, sizeof(p->name), name))
                k = fail(&r, "the file's name is the profile's: 1 to 63 letters, digits, '-', '_', '.'");
        if (k == 0)
                k = text_read(&r, text, n);
        if (k == 0)
                k = profile_check(&r);
        if (k != 0) {
                profile_free(p);
                return k < 0 ? error_trace(k) : k;
        }
        *ret = p;
        return 0;
}
