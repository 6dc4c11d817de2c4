/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daily list: residents whose call devices do not work, those at the highest risk first, and devices that nobody
 * has tried for too long. It is also the visit list of an outage.
 *
 * A resident is unprotected when none of the devices with which he can call (button, pendant, wristband; his own, or
 * of his dwelling) works. Risk, to sort by and nothing else: 1000 when unprotected, 100 when a smoke or gas alarm of
 * the dwelling is down, 50 when he lives alone, and his age.
 */
#include "report.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"

#include <errno.h>
#include <stdlib.h>

typedef struct Person {
        uint32_t resident, risk, down; /* down: the first of his in List.down, 0: none */
        uint32_t call_ok, call_down, alarm_down;
} Person;

typedef struct Down {
        uint32_t device, next;
        DeviceView view;
} Down;

typedef struct List {
        Person *people;       /* by resident id; then those to be listed, from [0] */
        uint32_t *home_first; /* by dwelling id: its first resident */
        uint32_t *home_next;  /* by resident id */
        Down *down;           /* from [1] */
        uint32_t n_down, cap_down;
} List;

static void list_clear(List *l)
{
        free(l->people);
        free(l->home_first);
        free(l->home_next);
        free(l->down);
}

static bool calls(DeviceClass c)
{
        return c == DEVICE_BUTTON || c == DEVICE_PENDANT || c == DEVICE_WRISTBAND;
}

static const char *why_down(const DeviceView *v)
{
        if (v->lost)
                return reason_word(v->in_area ? REASON_AREA : REASON_LOST);
        if (v->not_worn)
                return reason_word(REASON_NOT_WORN);
        return v->battery == 0 ? reason_word(REASON_BATTERY_EMPTY) : NULL;
}

static uint32_t age_of(const Resident *r, Now now)
{
        uint32_t weekday, minute, today, born;

        if (!r->birth || !parse_date(r->birth, &born))
                return 0;
        clock_local(now, &weekday, &minute, &today);
        return today > born && today - born < 1300000 ? (today - born) / 10000 : 0;
}

/* False: no memory. */
static bool note(List *l, const Device *d, uint32_t id, uint32_t resident, const DeviceView *v)
{
        Person *p = &l->people[resident];
        bool down = why_down(v) != NULL;

        if (calls(d->class))
                *(down ? &p->call_down : &p->call_ok) += 1;
        else
                p->alarm_down += down;
        if (!down)
                return true;
        if (l->n_down + 1 >= l->cap_down) {
                uint32_t cap = l->cap_down ? 2 * l->cap_down : 64;
                Down *grown = realloc(l->down, cap * sizeof(*grown));

                if (!grown)
                        return false;
                l->down = grown;
                l->cap_down = cap;
        }
        l->down[++l->n_down] = (Down){.device = id, .next = p->down, .view = *v};
        p->down = l->n_down;
        return true;
}

static bool count(const Report *rp, Now now, List *l)
{
        const Registry *reg = rp->registry;

        for (uint32_t id = 1; id < reg->n_residents; id++) {
                const Resident *r = registry_resident(reg, id);

                if (!r || !registry_dwelling(reg, r->dwelling))
                        continue;
                l->home_next[id] = l->home_first[r->dwelling];
                l->home_first[r->dwelling] = id;
        }
        for (uint32_t id = 1; id < reg->n_devices; id++) {
                const Device *d = registry_device(reg, id);
                DeviceView v;

                if (!d || !engine_device_view(rp->engine, id, now, &v))
                        continue;
                if (registry_resident(reg, d->resident)) {
                        if (!note(l, d, id, d->resident, &v))
                                return false;
                        continue;
                }
                if (!registry_dwelling(reg, d->dwelling))
                        continue;
                for (uint32_t r = l->home_first[d->dwelling]; r; r = l->home_next[r])
                        if (!note(l, d, id, r, &v))
                                return false;
        }
        return true;
}

static int by_risk(const void *a, const void *b)
{
        const Person *x = a, *y = b;

        return x->risk != y->risk ? (x->risk < y->risk ? 1 : -1)
                                  : (x->resident > y->resident) - (x->resident < y->resident);
}

static void text(FILE *f, const char *name, const char *value, bool first)
{
        char buffer[512];
        Str s = STR_BUFFER(buffer);

        str_json(&s, value);
        fprintf(f, "%s\"%s\":%s", first ? "" : ",", name, buffer);
}

static void when(FILE *f, const char *name, int64_t us)
{
        if (us)
                fprintf(f, ",\"%s\":%lld", name, (long long)(us / 1000000));
}

static void place(FILE *f, const Report *rp, uint32_t dwelling)
{
        const Dwelling *d = registry_dwelling(rp->registry, dwelling);
        const Grid *g = d ? registry_grid(rp->registry, d->grid) : NULL;

        text(f, "dwelling", d ? d->code : NULL, false);
        text(f, "grid", g ? g->code : NULL, false);
}

static void person_print(const Report *rp, const List *l, const Person *p, FILE *f)
{
        const Resident *r = registry_resident(rp->registry, p->resident);

        fputc('{', f);
        text(f, "resident", r->code, true);
        place(f, rp, r->dwelling);
        fprintf(f, ",\"unprotected\":%s,\"risk\":%u,\"working\":%u,\"down\":[",
                p->call_ok == 0 ? "true" : "false", p->risk, p->call_ok);
        for (uint32_t i = p->down; i; i = l->down[i].next) {
                const Device *d = registry_device(rp->registry, l->down[i].device);

                fputs(i == p->down ? "{" : ",{", f);
                text(f, "device", d->code, true);
                text(f, "class", device_class_word(d->class), false);
                text(f, "why", why_down(&l->down[i].view), false);
                when(f, "since", l->down[i].view.lost_us);
                fputc('}', f);
        }
        fputs("]}", f);
}

static void proofs_print(const Report *rp, Now now, FILE *f)
{
        bool first = true;

        for (uint32_t id = 1; id < rp->registry->n_devices; id++) {
                const Device *d = registry_device(rp->registry, id);
                DeviceView v;

                if (!d || !engine_device_view(rp->engine, id, now, &v) || !v.proof_overdue)
                        continue;
                fputs(first ? "{" : ",{", f);
                first = false;
                text(f, "device", d->code, true);
                place(f, rp, d->dwelling);
                when(f, "tried", v.proof_us);
                fputc('}', f);
        }
}

/* The people to be listed, by risk. Returns how many. */
static uint32_t choose(const Report *rp, Now now, Person *people)
{
        uint32_t n = 0;

        for (uint32_t id = 1; id < rp->registry->n_residents; id++) {
                const Resident *r = registry_resident(rp->registry, id);
                Person p = people[id];

                if (!r || (!p.call_down && !p.alarm_down))
                        continue;
                p.resident = id;
                p.risk = (p.call_ok ? 0 : 1000) + (p.alarm_down ? 100 : 0) +
                         (roster_sole_resident(rp->registry, r->dwelling) == id ? 50 : 0) + age_of(r, now);
                people[n++] = p; /* n <= id */
        }
        qsort(people, n, sizeof(*people), by_risk);
        return n;
}

/* False: no memory; the list is to be cleared in any case. */
static bool list_make(const Report *rp, Now now, List *l)
{
        *l = (List){.people = calloc((size_t)rp->registry->n_residents + 1, sizeof(Person)),
                .home_first = calloc((size_t)rp->registry->n_dwellings + 1, sizeof(uint32_t)),
                .home_next = calloc((size_t)rp->registry->n_residents + 1, sizeof(uint32_t))};
        return l->people && l->home_first && l->home_next && count(rp, now, l);
}

uint32_t report_unprotected_people(const Report *rp, Now now, uint32_t *ret, uint32_t cap)
{
        _cleanup_(list_clear) List l = {0};
        uint32_t n, bare = 0;

        ASSERT(ret || cap == 0);
        if (!list_make(rp, now, &l))
                return 0;
        n = choose(rp, now, l.people);
        for (uint32_t i = 0; i < n; i++) { /* by risk: those without protection first */
                if (l.people[i].call_ok)
                        continue;
                if (bare < cap)
                        ret[bare] = l.people[i].resident;
                bare++;
        }
        return bare;
}

int report_unprotected(const Report *rp, Now now, char **ret_json)
{
        _cleanup_(list_clear) List l = {0};
        char *json = NULL;
        size_t size;
        uint32_t n;
        FILE *f;

        ASSERT(ret_json);
        if (!list_make(rp, now, &l))
                return error_origin(-ENOMEM);
        f = open_memstream(&json, &size);
        if (!f)
                return error_origin(-ENOMEM);
        n = choose(rp, now, l.people);
        fputs("{\"residents\":[", f);
        for (uint32_t i = 0; i < n; i++) {
                if (i)
                        fputc(',', f);
                person_print(rp, &l, &l.people[i], f);
        }
        fputs("],\"proof_overdue\":[", f);
        proofs_print(rp, now, f);
        fputs("]}", f);
        if (fclose(f) != 0) {
                free(json);
                return error_origin(-ENOMEM);
        }
        *ret_json = json;
        return 0;
}
