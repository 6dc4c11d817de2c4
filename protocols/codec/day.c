/* SPDX-License-Identifier: Apache-2.0 */
#include "day.h"

#include "base/assert.h"
#include "base/str.h"
#include "protocols/codec/codec.h"

#include <inttypes.h>
#include <string.h>

#define TEXT_CUT   160
#define TAIL_ROOM  64                 /* ends, and "more" */
#define ENTRY_ROOM (DAY_JSON_MAX / 3) /* the register's share */

/* Two or three digits behind the point. */
static void add_part(Str *s, unsigned part, unsigned digits)
{
        char text[4] = {'.', (char)('0' + part / 100), (char)('0' + part / 10 % 10), (char)('0' + part % 10)};

        if (digits == 2) {
                text[1] = text[2];
                text[2] = text[3];
        }
        str_addn(s, text, digits + 1);
}

static void add_name(Str *s, const char *name)
{
        str_addn(s, ",\"", 2);
        str_add(s, name);
        str_addn(s, "\":", 2);
}

static void add_time(Str *s, const char *name, int64_t us)
{
        if (us <= 0)
                return;
        add_name(s, name);
        str_i64(s, us / 1000000);
        add_part(s, (unsigned)(us / 1000 % 1000), 3);
}

/* A JSON string, cut; control characters become spaces. */
static void add_text(Str *s, const char *name, const char *text)
{
        char cut[TEXT_CUT];

        (void)str_copy(cut, sizeof(cut), text ? text : ""); /* cut is what we want */
        for (char *p = cut; *p; p++)
                if ((unsigned char)*p < 0x20 || *p == 0x7f)
                        *p = ' ';
        add_name(s, name);
        str_json(s, cut);
}

/* There may be hundreds. */
static void add_bed(Str *s, const DayBed *b)
{
        str_add(s, "{\"plan\":");
        str_u64(s, b->plan);
        add_name(s, "done");
        str_u64(s, b->done);
        add_name(s, "hours");
        str_u64(s, b->seconds / 3600);
        add_part(s, (unsigned)(b->seconds % 3600 / 36), 2);
        add_text(s, "resident", b->resident);
        add_text(s, "name", b->name);
        add_text(s, "address", b->address);
        add_time(s, "last", b->last_us);
        str_add(s, "}");
}

static void add_entry(Str *s, const DayEntry *e, const char *name, const char *address)
{
        str_addf(s, "{\"incident\":%" PRIu64 ",\"kind\":\"%s\",\"state\":\"%s\"", e->incident, e->kind,
                state_word(e->state));
        add_text(s, "name", name);
        add_text(s, "address", address);
        if (e->outcome[0])
                add_text(s, "outcome", e->outcome);
        add_time(s, "opened", e->opened_us);
        add_time(s, "accepted", e->accepted_us);
        add_time(s, "resolved", e->resolved_us);
        str_add(s, "}");
}

static void add_visit(Str *s, const Day *d)
{
        if (!d->visiting) {
                str_add(s, ",\"visit\":null");
                return;
        }
        str_addf(s, ",\"visit\":{\"number\":%" PRIu64 ",\"service\":\"%s\",\"reminded\":%s", d->visit.number,
                service_word(d->visit.service), d->visit.reminded ? "true" : "false");
        add_text(s, "resident", d->visited.resident);
        add_text(s, "name", d->visited.name);
        add_text(s, "address", d->visited.address);
        add_time(s, "since", d->visit.since_us);
        add_time(s, "counts_from", d->counts_us);
        str_add(s, "}");
}

/* A piece that does not fit is taken back. False: it was. */
static bool fits(Str *s, size_t room, size_t before)
{
        if (!s->full && s->n + TAIL_ROOM < room)
                return true;
        s->n = before;
        s->p[before] = '\0';
        s->full = false;
        return false;
}

bool day_json(const Day *d, char *ret, size_t cap, size_t *ret_size)
{
        Str s = {.p = ret, .cap = cap};
        uint32_t i;

        ASSERT(cap >= 4096);
        str_addf(&s, "{\"at\":%" PRId64 ".%03u", d->at_us / 1000000, (unsigned)(d->at_us / 1000 % 1000));
        if (!d->recorded)
                str_add(&s, ",\"recorded\":false");
        add_visit(&s, d);
        str_add(&s, ",\"register\":[");
        for (i = 0; i < d->n_entries; i++) {
                size_t before = s.n;

                str_add(&s, i ? "," : "");
                add_entry(&s, &d->entries[i], d->names[i], d->addresses[i]);
                if (!fits(&s, cap < ENTRY_ROOM ? cap : ENTRY_ROOM, before))
                        break;
        }
        str_add(&s, "],\"beds\":[");
        for (i = 0; i < d->n_beds; i++) {
                size_t before = s.n;

                str_add(&s, i ? "," : "");
                add_bed(&s, &d->beds[i]);
                if (!fits(&s, cap, before))
                        break;
        }
        str_add(&s, "]");
        if (d->n_beds - i + d->n_more > 0)
                str_addf(&s, ",\"more\":%" PRIu32, d->n_beds - i + d->n_more);
        str_add(&s, "}");
        if (s.full)
                return false;
        *ret_size = s.n;
        return true;
}
