/* SPDX-License-Identifier: Apache-2.0 */
#include "recent.h"

#include "base/assert.h"
#include "limits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of three rows within NEAR_S the middle one goes: a fast device has its ten minutes too. */
#define ROWS      20u
#define ROWS_STEP 4u
#define SPAN_S    630 /* ten minutes, and the one before */
#define AHEAD_S   300 /* a device's clock may be so much ahead */
#define NEAR_S    20

typedef struct Row {
        uint16_t after_s; /* after the base */
        uint8_t has;
        int16_t tenths[VITAL_MAX];
} Row;

typedef struct Person {
        int64_t base_s;
        uint16_t n, cap;
        Row rows[]; /* up to ROWS: as many as the pace of his device has asked for */
} Person;

struct Recent {
        Person **persons;
        uint32_t n;
};

Recent *recent_new(void)
{
        Recent *r = calloc(1, sizeof(*r));

        NEED_MEMORY(r);
        return r;
}

Recent *recent_free(Recent *r)
{
        if (!r)
                return NULL;
        for (uint32_t i = 0; i < r->n; i++)
                free(r->persons[i]);
        free(r->persons);
        free(r);
        return NULL;
}

static Person *person_of(Recent *r, uint32_t resident)
{
        if (resident == 0 || resident >= LIMIT_DEVICES)
                return NULL;
        if (resident >= r->n) {
                uint32_t n = (resident / 1024 + 1) * 1024;

                r->persons = realloc(r->persons, n * sizeof(r->persons[0]));
                ASSERT(r->persons);
                memset(r->persons + r->n, 0, (n - r->n) * sizeof(r->persons[0]));
                r->n = n;
        }
        if (!r->persons[resident])
                r->persons[resident] = calloc(1, sizeof(Person));
        ASSERT(r->persons[resident]);
        return r->persons[resident];
}

/* Room for one row more. */
static Person *person_grow(Recent *r, uint32_t resident)
{
        Person *p = r->persons[resident];

        ASSERT(p->n < ROWS);
        if (p->n == p->cap) {
                p->cap = (uint16_t)(p->cap + ROWS_STEP);
                p = r->persons[resident] = realloc(p, sizeof(*p) + p->cap * sizeof(p->rows[0]));
                NEED_MEMORY(p);
        }
        return p;
}

/* Keeps what is not older than SPAN_S before t_s, and makes room. */
static void person_advance(Person *p, int64_t t_s)
{
        uint32_t drop = 0;

        if (p->n > 0 && t_s < p->base_s) /* older than all */
                return;
        while (drop < p->n && p->base_s + p->rows[drop].after_s < t_s - SPAN_S)
                drop++;
        if (drop == 0 && p->n == ROWS)
                drop = 1;
        p->n = (uint16_t)(p->n - drop);
        memmove(p->rows, p->rows + drop, p->n * sizeof(Row));
        if (p->n == 0)
                p->base_s = t_s;
        else if (p->rows[0].after_s > 0) {
                uint16_t first = p->rows[0].after_s;

                p->base_s += first;
                for (uint32_t i = 0; i < p->n; i++)
                        p->rows[i].after_s = (uint16_t)(p->rows[i].after_s - first);
        }
}

void recent_add(Recent *r, uint32_t resident, int64_t wall_us, int64_t now_us, const VitalsEvent *v)
{
        Person *p = person_of(r, resident);
        int64_t t_s = wall_us / (int64_t)USEC_PER_SEC, now_s = now_us / (int64_t)USEC_PER_SEC;
        Row row = {.has = (uint8_t)(v->has & ((1u << VITAL_MAX) - 1))};

        if (!p || t_s < now_s - SPAN_S)
                return; /* what a device had kept for later is in the store */
        if (p->n > 0 && p->base_s + p->rows[p->n - 1].after_s > now_s + AHEAD_S)
                p->n = 0; /* the clock went backwards */
        person_advance(p, t_s);
        if (t_s < p->base_s || (p->n > 0 && t_s - p->base_s < p->rows[p->n - 1].after_s))
                return; /* out of order: the store has it */
        row.after_s = (uint16_t)(t_s - p->base_s);
        for (unsigned i = 0; i < VITAL_MAX; i++)
                if (row.has & 1u << i) {
                        if (!(fabs(v->value[i]) < 3000))
                                row.has &= (uint8_t) ~(1u << i);
                        else
                                row.tenths[i] = (int16_t)round(v->value[i] * 10);
                }
        if (p->n >= 2 && row.after_s - p->rows[p->n - 2].after_s < NEAR_S)
                p->n--;
        p = person_grow(r, resident);
        p->rows[p->n++] = row;
        ASSERT(p->n <= p->cap);
}

void recent_forget(Recent *r, uint32_t resident)
{
        if (resident >= r->n)
                return;
        free(r->persons[resident]);
        r->persons[resident] = NULL;
}

bool recent_json(const Recent *r, uint32_t resident, int64_t now_us, Str *s)
{
        const Person *p = resident < r->n ? r->persons[resident] : NULL;
        int64_t now_s = now_us / (int64_t)USEC_PER_SEC;
        uint32_t first = 0, all = 0;

        while (p && first < p->n && p->base_s + p->rows[first].after_s < now_s - SPAN_S)
                first++;
        if (!p || first == p->n)
                return false;
        str_add(s, "{\"t\":[");
        for (uint32_t i = first; i < p->n; i++) {
                str_addf(s, "%s%d", i > first ? "," : "", (int)(p->base_s + p->rows[i].after_s - now_s));
                all |= p->rows[i].has;
        }
        for (unsigned v = 0; v < VITAL_MAX; v++) {
                if (!(all & 1u << v))
                        continue;
                str_addf(s, "],\"%s\":[", vital_word((Vital)v));
                for (uint32_t i = first; i < p->n; i++) {
                        if (i > first)
                                str_add(s, ",");
                        str_number(s, p->rows[i].has & 1u << v ? p->rows[i].tenths[v] / 10.0 : NAN);
                }
        }
        str_add(s, "]}");
        return true;
}
