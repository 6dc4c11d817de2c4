/* SPDX-License-Identifier: Apache-2.0 */
/* See twin.h. */
#include "twin.h"

#include "base/assert.h"
#include "base/str.h"
#include "limits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t blanks(const char *p, size_t n, size_t i)
{
        while (i < n && (p[i] == ' ' || p[i] == '\t' || p[i] == '\r' || p[i] == '\n'))
                i++;
        return i;
}

char *twin_of(const char *body, size_t n, size_t *ret_n)
{
        static const char member[] = "\"\\u005f\":0,";
        size_t from = n >= 3 && memcmp(body, "\xef\xbb\xbf", 3) == 0 ? 3 : 0, size = sizeof(member) - 1,
               next;
        char *p;

        from = blanks(body, n, from);
        if (from < n && body[from] == '[')
                from = blanks(body, n, from + 1);
        if (from == n || body[from] != '{' || n + size > LIMIT_BODY)
                return NULL;
        from++;
        next = blanks(body, n, from);
        size -= next < n && body[next] == '}'; /* without its comma */
        p = malloc(n + size);
        ASSERT(p);
        memcpy(p, body, from);
        memcpy(p + from, member, size);
        memcpy(p + from + size, body + from, n - from);
        *ret_n = n + size;
        return p;
}

/* SQLite's decimal fractions are right to the last bit but one. */
static bool near(double a, double b)
{
        return a == b || fabs(a - b) <= 1e-15 * fmax(fabs(a), fabs(b));
}

static bool signs_equal(const SignEvent *a, const SignEvent *b)
{
        return memcmp(a->said, b->said, sizeof(a->said)) == 0 && a->located == b->located &&
               (!a->located || (near(a->lat, b->lat) && near(a->lon, b->lon) &&
                                       near((double)a->accuracy_m, (double)b->accuracy_m)));
}

static bool vitals_equal(const VitalsEvent *a, const VitalsEvent *b)
{
        if (a->has != b->has)
                return false;
        for (unsigned i = 0; i < VITAL_MAX; i++)
                if ((a->has & 1u << i) && !near(a->value[i], b->value[i]))
                        return false;
        return true;
}

static bool status_equal(const StatusEvent *a, const StatusEvent *b)
{
        return a->battery == b->battery && a->rssi == b->rssi && a->mains == b->mains &&
               a->worn == b->worn && a->tamper == b->tamper && a->gone == b->gone && a->fault == b->fault;
}

static bool action_equal(const ActionEvent *a, const ActionEvent *b)
{
        return a->kind == b->kind && str_equal(a->word, b->word) && a->incident == b->incident &&
               a->seq == b->seq && a->eta_us == b->eta_us && str_equal(a->outcome, b->outcome) &&
               str_equal(a->to, b->to) && str_equal(a->agency, b->agency) &&
               str_equal(a->target, b->target) && str_equal(a->mode, b->mode) && a->span_us == b->span_us &&
               a->visit == b->visit && a->service == b->service && a->rating == b->rating &&
               a->has_note == b->has_note && a->proof == b->proof && a->yes == b->yes &&
               a->bare == b->bare && a->open == b->open && a->score == b->score &&
               str_equal(a->class, b->class) && str_equal(a->text, b->text);
}

bool twin_equal(const Event *a, const Event *b)
{
        if (a->type != b->type || !str_equal(a->id, b->id) || !str_equal(a->why, b->why) ||
                a->device_us != b->device_us || a->body_json != b->body_json ||
                !signs_equal(&a->signs, &b->signs))
                return false;
        switch (a->type) {
        case EVENT_ALARM:
                return a->alarm.kind == b->alarm.kind && str_equal(a->alarm.word, b->alarm.word) &&
                       str_equal(a->alarm.text, b->alarm.text);
        case EVENT_VITALS: return vitals_equal(&a->vitals, &b->vitals);
        case EVENT_STATUS: return status_equal(&a->status, &b->status);
        case EVENT_ACTION: return action_equal(&a->action, &b->action);
        case EVENT_PRESENCE:
        case EVENT_ATTEMPT:
        case EVENT_SYSTEM:
        case EVENT_ROSTER: break;
        }
        return false;
}
