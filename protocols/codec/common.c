/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/codec/common.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/str.h"

#include <math.h>

/* A record puts the body one level deeper; SQLite's own bound is 2,000, and 1,000 from 3.45 on. */
#define INLINE_DEPTH_MAX 500u
#define NAMES_DEPTH_MAX  2048u

bool vital_possible(Vital vital, double value)
{
        static const struct {
                double min, max;
        } ranges[VITAL_MAX] = {
                [VITAL_HR] = {0, 350},
                [VITAL_SPO2] = {0, 100},
                [VITAL_SYS] = {0, 350},
                [VITAL_DIA] = {0, 250},
                [VITAL_TEMP] = {20, 46},
                [VITAL_RESP] = {0, 120},
        };

        ASSERT(vital < VITAL_MAX);
        return value >= ranges[vital].min && value <= ranges[vital].max;
}

int64_t time_possible(double ts)
{
        const double first = 1577836800.0, release = 1767225600.0; /* 2020-01-01, 2026-01-01 */
        double now;

        if (ts > 1e11)
                ts /= 1e3;
        now = fmax((double)clock_now().wall_us / 1e6, release); /* a clock that was lost says 1970 */
        if (!(ts >= first && ts <= now + 10 * 366 * 86400.0))
                return 0;
        return (int64_t)llround(ts * 1e3) * 1000;
}

void event_why(Event *e, const char *text)
{
        if (e->why[0] == '\0')
                (void)str_copy(e->why, sizeof(e->why), text); /* cut is fine: the body tells the rest */
}

bool place_possible(double lat, double lon)
{
        return lat >= -90 && lat <= 90 && lon >= -180 && lon <= 180 && !(lat == 0 && lon == 0);
}

/* At most as deep as the number of brackets in it, whatever stands in strings. */
bool json_inlines(const char *p, size_t n)
{
        size_t open = 0;

        for (size_t i = 0; i < n; i++)
                open += p[i] == '[' || p[i] == '{';
        return open <= INLINE_DEPTH_MAX;
}

/* Past the string whose first quote is at i. */
static size_t string_end(const char *p, size_t n, size_t i)
{
        for (i++; i < n && p[i] != '"'; i++)
                i += p[i] == '\\';
        return i;
}

bool json_names(const char *p, size_t n)
{
        uint8_t object[NAMES_DEPTH_MAX / 8] = {0}; /* a bit a level */
        unsigned depth = 0;
        bool name = false; /* a name comes next, or the object's end */

        for (size_t i = 0; i < n; i++) {
                bool in_object = depth > 0 && object[(depth - 1) / 8] & 1u << (depth - 1) % 8;

                if (p[i] == ' ' || p[i] == '\t' || p[i] == '\r' || p[i] == '\n')
                        continue;
                if (name && p[i] != '"' && p[i] != '}')
                        return false;
                name = p[i] == '{' || (p[i] == ',' && in_object);
                if (p[i] == '"')
                        i = string_end(p, n, i);
                else if (p[i] == '{' || p[i] == '[') {
                        if (depth == NAMES_DEPTH_MAX)
                                return false; /* nor would SQLite read it */
                        object[depth / 8] &= (uint8_t) ~(1u << depth % 8);
                        object[depth / 8] |= (uint8_t)((p[i] == '{') << depth % 8);
                        depth++;
                } else if ((p[i] == '}' || p[i] == ']') && depth > 0)
                        depth--;
        }
        return true;
}

void words_json(Str *s, const char *name, const char *words, size_t most)
{
        char cut[TEXT_SIZE];

        ASSERT(most < sizeof(cut));
        if (!words || words[0] == '\0')
                return;
        (void)str_copy(cut, most + 1, words); /* cut is what we want */
        for (char *p = cut; *p; p++)
                if ((unsigned char)*p < ' ' || *p == 0x7f)
                        *p = ' '; /* six bytes each in JSON, and nothing to people */
        str_addf(s, ",\"%s\":", name);
        str_json(s, cut);
}
