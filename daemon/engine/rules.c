/* SPDX-License-Identifier: Apache-2.0 */
/* One table: a row a rule, with what it may be and what holds where nobody has set it. */
#include "base/assert.h"
#include "base/parse.h"
#include "base/sorted.h"
#include "base/str.h"
#include "engine/roster.h"

#include <math.h>
#include <string.h>

_Static_assert(VITAL_MAX == 6, "six rules each for the vitals");

#define S(n)   ((n) * (double)USEC_PER_SEC)
#define MIN(n) ((n) * (double)USEC_PER_MIN)
#define H(n)   ((n) * (double)USEC_PER_HOUR)

static const struct {
        const char *word;
        RuleKind kind;
        bool off;        /* "off" can be said */
        double min, max; /* of [0]; of a circle the metres */
        double value[3];
        const char *wanted;
} specs[RULE_MAX] = {
        [RULE_DELAY] = {"delay", RULE_DURATION, false, 0, MIN(10), {S(30)}, "a duration from 0 to 10min"},
        [RULE_SAMPLES] = {"samples", RULE_PAIR, false, 1, 8, {2, 3},
                "so many of so many, as 2/3; of 8 at most"},
        [RULE_BACK +
                VITAL_HR] = {"hr_back", RULE_NUMBER, false, 0, 50, {5}, "a number from 0 to 50, per minute"},
        [RULE_BACK + VITAL_SPO2] = {"spo2_back", RULE_NUMBER, false, 0, 20, {1},
                "a number from 0 to 20, percent"},
        [RULE_BACK + VITAL_SYS] = {"sys_back", RULE_NUMBER, false, 0, 50, {5},
                "a number from 0 to 50, percent of the limit"},
        [RULE_BACK + VITAL_DIA] = {"dia_back", RULE_NUMBER, false, 0, 50, {5},
                "a number from 0 to 50, percent of the limit"},
        [RULE_BACK + VITAL_TEMP] = {"temp_back", RULE_NUMBER, false, 0, 3, {0.2},
                "a number from 0 to 3, degrees"},
        [RULE_BACK + VITAL_RESP] = {"resp_back", RULE_NUMBER, false, 0, 20, {2},
                "a number from 0 to 20, per minute"},
        [RULE_RISE +
                VITAL_HR] = {"hr_rise", RULE_NUMBER, true, 5, 200, {50}, "a number from 5 to 200, or off"},
        [RULE_RISE + VITAL_SPO2] = {"spo2_rise", RULE_NUMBER, true, 2, 100, {0},
                "a number from 2 to 100, or off"},
        [RULE_RISE +
                VITAL_SYS] = {"sys_rise", RULE_NUMBER, true, 5, 200, {60}, "a number from 5 to 200, or off"},
        [RULE_RISE +
                VITAL_DIA] = {"dia_rise", RULE_NUMBER, true, 5, 200, {40}, "a number from 5 to 200, or off"},
        [RULE_RISE + VITAL_TEMP] = {"temp_rise", RULE_NUMBER, true, 0.3, 10, {1.2},
                "a number from 0.3 to 10, or off"},
        [RULE_RISE +
                VITAL_RESP] = {"resp_rise", RULE_NUMBER, true, 2, 50, {10}, "a number from 2 to 50, or off"},
        [RULE_DROP +
                VITAL_HR] = {"hr_drop", RULE_NUMBER, true, 5, 200, {40}, "a number from 5 to 200, or off"},
        [RULE_DROP + VITAL_SPO2] = {"spo2_drop", RULE_NUMBER, true, 2, 100, {5},
                "a number from 2 to 100, or off"},
        [RULE_DROP +
                VITAL_SYS] = {"sys_drop", RULE_NUMBER, true, 5, 200, {40}, "a number from 5 to 200, or off"},
        [RULE_DROP +
                VITAL_DIA] = {"dia_drop", RULE_NUMBER, true, 5, 200, {30}, "a number from 5 to 200, or off"},
        [RULE_DROP + VITAL_TEMP] = {"temp_drop", RULE_NUMBER, true, 0.3, 10, {1.5},
                "a number from 0.3 to 10, or off"},
        [RULE_DROP +
                VITAL_RESP] = {"resp_drop", RULE_NUMBER, true, 2, 50, {10}, "a number from 2 to 50, or off"},
        [RULE_SCORE] = {"score", RULE_NUMBER, true, 1, 20, {5}, "a NEWS2 from 1 to 20, or off"},
        [RULE_SCORE_CRITICAL] = {"score_critical", RULE_NUMBER, true, 1, 20, {7},
                "a NEWS2 from 1 to 20, or off"},
        [RULE_REPEAT] = {"repeat", RULE_DURATION, false, MIN(10), H(24), {H(4)},
                "a duration from 10min to 24h"},
        [RULE_NIGHT] = {"night", RULE_SPAN, true, 0, 1440, {22 * 60, 9 * 60},
                "two times of day, as 22:00-09:00, or off"},
        [RULE_SILENCE] = {"silence", RULE_DURATION, true, H(1), H(168), {H(12)},
                "a duration from 1h to 7d, or off"},
        [RULE_MOTION] = {"motion", RULE_DURATION, true, H(1), H(168), {0},
                "a duration from 1h to 7d, or off"},
        [RULE_WATER] = {"water", RULE_DURATION, true, H(1), H(168), {H(24)},
                "a duration from 1h to 7d, or off"},
        [RULE_DOOR] = {"door", RULE_DURATION, true, H(1), H(720), {0}, "a duration from 1h to 30d, or off"},
        [RULE_BED_EXIT] = {"bed_exit", RULE_CLOCK, true, 1, 1439, {10 * 60},
                "a time of day, as 10:00, or off"},
        [RULE_NOT_WORN] = {"not_worn", RULE_DURATION, true, MIN(1), H(168), {0},
                "a duration from 1min to 7d, or off"},
        [RULE_GEOFENCE] = {"geofence", RULE_CIRCLE, true, 50, 50000, {0},
                "degrees north, east and a radius, as 34.27110 108.94020 500m; 50m to 50000m, or off"},
        [RULE_GEOFENCE_DELAY] = {"geofence_delay", RULE_DURATION, false, 0, H(1), {MIN(2)},
                "a duration from 0 to 1h"},
        [RULE_FALL_CONFIRM] = {"fall_confirm", RULE_DURATION, true, 5e6, 120e6, {0},
                "a duration from 5s to 2min, or off"},
};

const char *rule_word(RuleName name)
{
        ASSERT(name < RULE_MAX);
        return specs[name].word;
}

bool rule_parse(const char *word, RuleName *ret)
{
        for (unsigned i = 0; i < RULE_MAX; i++)
                if (str_equal(specs[i].word, word)) {
                        *ret = (RuleName)i;
                        return true;
                }
        return false;
}

/* "A-B", "A/B": two words. */
static bool halves(const char *text, char sign, char a[16], char b[16])
{
        const char *at = strchr(text, sign);

        return at && str_copyn(a, 16, text, (size_t)(at - text)) && str_copy(b, 16, at + 1);
}

static bool pair_read(const char *text, double v[3])
{
        char a[16], b[16];
        uint32_t k, n;

        if (!halves(text, '/', a, b) || !parse_u32(a, 8, &k) || !parse_u32(b, 8, &n))
                return false;
        v[0] = k;
        v[1] = n;
        return true;
}

static bool span_read(const char *text, double v[3])
{
        char a[16], b[16];
        uint32_t from, to;

        if (!halves(text, '-', a, b) || !parse_minute(a, &from) || !parse_minute(b, &to))
                return false;
        v[0] = from % 1440;
        v[1] = to % 1440;
        return true;
}

static bool circle_read(const char *text, double v[3])
{
        char copy[64], *rest = copy, *word[4] = {NULL};
        size_t n;

        if (!str_copy(copy, sizeof(copy), text))
                return false;
        for (unsigned i = 0; i < 4; i++)
                word[i] = parse_word(&rest);
        if (!word[2] || word[3])
                return false;
        n = strlen(word[2]);
        if (n < 2 || word[2][n - 1] != 'm')
                return false;
        word[2][n - 1] = '\0';
        return parse_double(word[0], &v[0]) && parse_double(word[1], &v[1]) && parse_double(word[2], &v[2]);
}

bool rule_value_sane(RuleName name, const double v[3])
{
        const double min = specs[name].min, max = specs[name].max;

        for (unsigned i = 0; i < 3; i++)
                if (!isfinite(v[i]))
                        return false;
        switch (specs[name].kind) {
        case RULE_PAIR: return v[0] >= min && v[1] <= max && v[0] <= v[1];
        case RULE_SPAN: return v[0] >= 0 && v[0] < max && v[1] >= 0 && v[1] < max; /* equal: no night */
        case RULE_CIRCLE:
                if (v[2] == 0)
                        return true;
                return fabs(v[0]) <= 90 && fabs(v[1]) <= 180 && v[2] >= min && v[2] <= max;
        case RULE_DURATION:
        case RULE_NUMBER:
        case RULE_CLOCK: break;
        }
        return (specs[name].off && v[0] == 0) || (v[0] >= min && v[0] <= max);
}

const char *rule_value_parse(RuleName name, const char *text, double ret[3])
{
        double v[3] = {0};
        uint64_t us;
        uint32_t minute;
        bool read = false;

        ASSERT(name < RULE_MAX && text);
        if (specs[name].off && str_equal(text, "off")) {
                ret[0] = ret[1] = ret[2] = 0;
                return NULL;
        }
        switch (specs[name].kind) {
        case RULE_DURATION:
                read = parse_duration(text, &us);
                v[0] = read ? (double)us : 0;
                break;
        case RULE_PAIR: read = pair_read(text, v); break;
        case RULE_NUMBER: read = parse_double(text, &v[0]); break;
        case RULE_SPAN: read = span_read(text, v); break;
        case RULE_CLOCK:
                read = parse_minute(text, &minute);
                v[0] = read ? minute : 0;
                break;
        case RULE_CIRCLE: read = circle_read(text, v) && v[2] != 0; break;
        }
        if (!read || !rule_value_sane(name, v))
                return specs[name].wanted;
        for (unsigned i = 0; i < 3; i++)
                ret[i] = v[i];
        return NULL;
}

/* The rows of one person stand together: the first of them, or of whoever comes next. */
static uint32_t rules_from(const Registry *r, uint32_t resident)
{
        return sorted_first(r->rules, r->n_rules, sizeof(PersonRule), resident);
}

static const PersonRule *find(const Registry *r, uint32_t resident, RuleName name)
{
        if (!r)
                return NULL;
        for (uint32_t i = rules_from(r, resident); i < r->n_rules && r->rules[i].resident == resident; i++)
                if (r->rules[i].name == name)
                        return &r->rules[i];
        return NULL;
}

const double *rule_own(const Registry *r, uint32_t resident, RuleName name)
{
        const PersonRule *rule = find(r, resident, name);

        ASSERT(name < RULE_MAX);
        if (!rule && resident)
                rule = find(r, 0, name);
        return rule ? rule->value : NULL;
}

const double *rule_of(const Registry *r, uint32_t resident, RuleName name)
{
        const double *own = rule_own(r, resident, name);

        return own ? own : specs[name].value;
}

_Static_assert(RULE_MAX <= 64, "a bit for each rule");

static void set_from(const Registry *r, uint32_t resident, RuleSet *set)
{
        for (uint32_t i = rules_from(r, resident); i < r->n_rules && r->rules[i].resident == resident; i++) {
                ASSERT(r->rules[i].name < RULE_MAX);
                set->value[r->rules[i].name] = r->rules[i].value;
                set->set |= UINT64_C(1) << r->rules[i].name;
        }
}

void rule_set(const Registry *r, uint32_t resident, RuleSet *ret)
{
        ASSERT(r && ret);
        ret->set = 0;
        for (unsigned name = 0; name < RULE_MAX; name++)
                ret->value[name] = specs[name].value;
        set_from(r, 0, ret);
        if (resident)
                set_from(r, resident, ret);
}
