/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Silence: nobody has given a sign of life for longer than he does.
 *
 * Signs are motion, a bed that is got into or out of, water, a door that opens or closes, and a button. A pulse is
 * none: who lies on the floor has one. A home without any such sensor is not watched, for a button is pressed twice
 * a year. Rules (rules.h), each only where a sensor of its kind has ever spoken:
 *
 *   silence    no sign of any kind for 12 h         motion, water, door   no sign of that kind
 *   bed_exit   at 10:00 still in bed, and not out of it for three hours at least
 *
 * At night people sleep: a silence that becomes too long then waits for the morning, unless three quarters of it had
 * passed when the night began. Whoever stopped moving at nine in the morning is found at nine in the evening, and
 * nobody is rung up because somebody sleeps.
 *
 * What is not known is no silence. Only the time counts in which we could hear: while the broker was away, while the
 * machine slept, and while we were down (MARK_ALIVE, every quarter of an hour), the clock of every silence stands
 * still. The sum of what was never heard outlives a restart with MARK_ALIVE, what it was at a sign with the sign's
 * mark. Where all sensors
 * that could speak are lost, that is their fault, and nobody is called for silence. While the resident is away
 * nothing is judged, and it begins anew when he is back. Signs outlive a restart as marks, of each kind one in a
 * quarter of an hour at most, so that a restored one may be that much younger; it is taken for the younger.
 *
 * A shared sensor speaks for the dwelling, whose subject it is; a resident of it with sensors of his own is silent
 * only if the shared ones are too.
 *
 * A sign ends the condition of the matter, and nothing else: somebody must look.
 */
#include "base/str.h"
#include "engine/internal.h"

#define MARK_EVERY_US ((int64_t)(15 * USEC_PER_MIN))
#define RETRY_US      ((int64_t)USEC_PER_HOUR)
#define IN_BED_US     ((int64_t)(3 * USEC_PER_HOUR)) /* a nap before the hour is none */
#define DEAF_US       ((int64_t)(5 * USEC_PER_MIN))  /* so long, and he may have been up in it */
#define TOLD_AGAIN_US ((int64_t)USEC_PER_MIN)        /* a sign in the notices of an open call for help */
#define DAY_MIN       1440
#define DWELLING_MARK (UINT32_C(1) << 31) /* in the id of a mark */

static const struct {
        uint8_t sign; /* SIGN_MAX: any */
        RuleName rule;
        Reason reason;
} quiets[QUIETS] = {
        {SIGN_MAX, RULE_SILENCE, REASON_INACTIVE},
        {SIGN_MOTION, RULE_MOTION, REASON_NO_MOTION},
        {SIGN_WATER, RULE_WATER, REASON_NO_WATER},
        {SIGN_DOOR, RULE_DOOR, REASON_NO_DOOR},
        {SIGN_BED, RULE_BED_EXIT, REASON_IN_BED},
};

static size_t padded(size_t n)
{
        return (n + 63) & ~(size_t)63;
}

size_t activity_size(uint32_t n)
{
        return padded(2 * n * sizeof(Activity)) + padded(heap_size(2 * n));
}

void activity_init(Engine *e, char **memory, uint32_t n)
{
        char *p = *memory;

        e->act.n = n;
        e->act.subjects = (Activity *)(void *)p;
        p += padded(2 * n * sizeof(Activity));
        heap_init(&e->act.due, p, 2 * n);
        *memory = p + padded(heap_size(2 * n));
}

/* Subjects */

static uint32_t slot_of(const Engine *e, uint32_t resident, uint32_t dwelling)
{
        if (resident)
                return resident < e->act.n ? resident : NO_SLOT;
        return dwelling && dwelling < e->act.n ? e->act.n + dwelling : NO_SLOT;
}

Activity *activity_of(const Engine *e, uint32_t resident)
{
        uint32_t slot = slot_of(e, resident, 0);

        return slot == NO_SLOT ? NULL : &e->act.subjects[slot];
}

/* False: nobody of this number lives here any more. */
bool activity_place(const Engine *e, uint32_t slot, Place *ret)
{
        uint32_t resident = slot < e->act.n ? slot : 0;
        const Resident *who = registry_resident(e->registry, resident);
        uint32_t id = resident ? (who ? who->dwelling : 0) : slot - e->act.n;
        const Dwelling *at = registry_dwelling(e->registry, id);

        if (resident ? !who : !at)
                return false;
        *ret = (Place){.resident = resident,
                .dwelling = at ? id : 0,
                .grid = at ? at->grid : registry_grid_id(e->registry, e->policy.default_grid),
                .key_type = resident ? KEY_RESIDENT : KEY_DWELLING,
                .key_id = resident ? resident : id,
                .known = true};
        return true;
}

static bool is_away(const Engine *e, const Place *p)
{
        bool any = false;

        if (p->resident)
                return away_of(e, p->resident) != AWAY_HOME;
        for (uint32_t i = 1; i < e->registry->n_residents; i++) {
                if (!e->registry->residents[i].code || e->registry->residents[i].dwelling != p->dwelling)
                        continue;
                if (away_of(e, i) == AWAY_HOME)
                        return false;
                any = true;
        }
        return any;
}

/* When it is due */

static int64_t newest(const Activity *a, uint8_t sign)
{
        int64_t last = 0;

        for (unsigned k = 0; k < SIGN_MAX; k++)
                if ((sign == SIGN_MAX || sign == k) && a->last_us[k] && (!last || a->last_us[k] > last))
                        last = a->last_us[k];
        return last;
}

/* From when on this silence counts. */
static int64_t base_of(const Engine *e, const Activity *a, const Place *p, uint8_t sign)
{
        const ResidentState *r = supervision_resident(e, p->resident);
        int64_t base = newest(a, sign), home;

        if (a->from_us && a->from_us > base) /* what was before this boot is below 0 */
                base = a->from_us;
        if (p->resident && p->dwelling && p->dwelling < e->act.n) {
                int64_t shared = newest(&e->act.subjects[e->act.n + p->dwelling], sign);

                base = shared && shared > base ? shared : base;
        }
        if (r && r->until_wall && r->until_wall <= e->now.wall_us) {
                home = r->until_wall - e->now.wall_us + (int64_t)e->now.boot_us;
                base = home > base ? home : base;
        }
        return base;
}

/* The local minute of the day at `at`, and how far into it. */
static int64_t minute_at(const Engine *e, int64_t at, int64_t *ret_into_us)
{
        int64_t local = now_wall_of(e, at) + (int64_t)e->now.utc_s * (int64_t)USEC_PER_SEC;
        int64_t day_us = (int64_t)USEC_PER_DAY, in_day = (local % day_us + day_us) % day_us;

        *ret_into_us = in_day % (int64_t)USEC_PER_MIN;
        return in_day / (int64_t)USEC_PER_MIN;
}

/* The first time at or after `at` that the local clock shows this minute. */
static int64_t next_minute(const Engine *e, int64_t at, int64_t minute)
{
        int64_t into, now = minute_at(e, at, &into), left = (minute - now + DAY_MIN) % DAY_MIN;

        if (left == 0 && into > 0)
                left = DAY_MIN;
        return at - into + left * (int64_t)USEC_PER_MIN;
}

static int64_t by_night(const Engine *e, uint32_t resident, int64_t base, int64_t due, int64_t limit)
{
        const double *night = rule_of(e->registry, resident, RULE_NIGHT);
        int64_t from = (int64_t)night[0], to = (int64_t)night[1], into, minute = minute_at(e, due, &into);
        int64_t began;

        if (from == to || !e->now.trusted ||
                (from < to ? minute < from || minute >= to : minute < from && minute >= to))
                return due;
        began = due - into - (minute - from + DAY_MIN) % DAY_MIN * (int64_t)USEC_PER_MIN;
        return began - base >= limit * 3 / 4 ? due : next_minute(e, due, to);
}

static int64_t bed_due(const Engine *e, const Activity *a, const Place *p)
{
        int64_t minute = (int64_t)rule_of(e->registry, p->resident, RULE_BED_EXIT)[0], since = a->bed_us;

        if (!minute || !p->resident || a->bed != SAID_YES || !e->now.trusted)
                return NEVER;
        if (a->told_us[QUIETS - 1] >= since)
                return a->told_us[QUIETS - 1] + (int64_t)USEC_PER_DAY;
        since = a->from_us > since ? a->from_us : since;
        return next_minute(e, since + IN_BED_US, minute);
}

static int64_t quiet_due(const Engine *e, const Activity *a, const Place *p, unsigned q)
{
        int64_t limit = (int64_t)rule_of(e->registry, p->resident, quiets[q].rule)[0], base;

        if (q == QUIETS - 1)
                return bed_due(e, a, p);
        if (!limit || (quiets[q].sign == SIGN_MAX ? !a->kinds : !(a->kinds & BIT(quiets[q].sign))))
                return NEVER;
        base = base_of(e, a, p, quiets[q].sign);
        if (a->told_us[q] && a->told_us[q] >= base)
                base = a->told_us[q];
        return by_night(e, p->resident, base, base + limit, limit);
}

static int64_t next_due(const Engine *e, const Activity *a, const Place *p)
{
        int64_t due = NEVER;

        for (unsigned q = 0; a->kinds && q < QUIETS; q++)
                due = min_due(due, quiet_due(e, a, p, q));
        if (due < a->retry_us)
                due = a->retry_us;
        due = min_due(due, a->fall_due ? a->fall_due : NEVER);
        return min_due(due, a->outside_due ? a->outside_due : NEVER);
}

void activity_touch(Engine *e, uint32_t slot)
{
        Place p;
        int64_t due = activity_place(e, slot, &p)      ? next_due(e, &e->act.subjects[slot], &p)
                      : e->act.subjects[slot].fall_due ? e->act.subjects[slot].fall_due
                                                       : NEVER;

        if (due == NEVER)
                heap_unset(&e->act.due, slot);
        else
                heap_set(&e->act.due, slot,
                        (HeapKey){.due = (uint64_t)due + (UINT64_C(1) << 63), .rank = 9, .id = slot});
}

int64_t activity_due(const Engine *e)
{
        int64_t due = e->act.alive_us ? e->act.alive_us : NEVER;
        uint32_t slot;
        HeapKey key;

        if (heap_first(&e->act.due, &slot, &key))
                due = min_due(due, (int64_t)(key.due - (UINT64_C(1) << 63)));
        return due;
}

/* Marks */

static void mark(Engine *e, uint32_t slot, SignKind kind)
{
        Activity *a = &e->act.subjects[slot];
        uint32_t now_s = (uint32_t)(e->at / (int64_t)USEC_PER_SEC) | 1;

        if (!e->act.alive_us)
                e->act.alive_us = e->at;
        if (a->marked_s[kind] &&
                now_s - a->marked_s[kind] < (uint32_t)(MARK_EVERY_US / (int64_t)USEC_PER_SEC))
                return;
        a->marked_s[kind] = now_s;
        mark_put(e, (MarkKind)(MARK_MOTION + kind),
                slot < e->act.n ? slot : (slot - e->act.n) | DWELLING_MARK, e->act.unheard_s,
                a->device[kind], a->wall_us[kind]);
}

void activity_restore(Engine *e, const MarkRow *row)
{
        uint32_t id = row->id & ~DWELLING_MARK;
        uint32_t slot = row->id & DWELLING_MARK ? slot_of(e, 0, id) : slot_of(e, id, 0);
        unsigned kind = (unsigned)(row->kind - MARK_MOTION);
        Activity *a;

        if (row->kind == MARK_ALIVE) {
                if (!e->act.armed) {
                        e->act.alive_wall = row->wall_us;
                        e->act.unheard_s = row->worker;
                }
                return;
        }
        ASSERT(kind < SIGN_MAX);
        if (slot == NO_SLOT || e->act.armed)
                return; /* what is known in memory is newer */
        a = &e->act.subjects[slot];
        a->wall_us[kind] = row->wall_us;
        a->device[kind] = a->spoke[kind] = (uint32_t)row->value;
        a->marked_s[kind] = row->worker; /* until resume() */
        if (kind != SIGN_BUTTON)
                a->kinds |= (uint8_t)BIT(kind);
}

/* After a restart silence goes on where it was, without the time in which nobody listened. */
static void resume(Engine *e, Activity *a, bool known)
{
        for (unsigned k = 0; k < SIGN_MAX; k++) {
                int64_t unheard = ((int64_t)e->act.unheard_s - a->marked_s[k]) * (int64_t)USEC_PER_SEC;
                int64_t ago = e->now.wall_us - a->wall_us[k] - MARK_EVERY_US - unheard;

                a->marked_s[k] = 0;
                if (a->wall_us[k])
                        a->last_us[k] = !known || ago < 0 || unheard < 0 ? e->at : (e->at - ago) | 1;
        }
        e->act.alive_us = e->at;
}

/* The next slot of anybody in the registry. */
static uint32_t next_slot(const Engine *e, uint32_t slot)
{
        uint32_t residents = e->registry ? e->registry->n_residents : 0;

        return ++slot >= residents && slot < e->act.n ? e->act.n + 1 : slot;
}

static bool is_slot(const Engine *e, uint32_t slot)
{
        return slot < 2 * e->act.n && slot < e->act.n + (e->registry ? e->registry->n_dwellings : 0);
}

void activity_arm(Engine *e)
{
        int64_t down = e->now.wall_us - e->act.alive_wall;
        bool known = e->now.trusted && e->act.alive_wall && down >= 0;

        if (!e->act.armed && known)
                e->act.unheard_s += (uint32_t)(down / (int64_t)USEC_PER_SEC);
        for (uint32_t slot = next_slot(e, 0); is_slot(e, slot); slot = next_slot(e, slot)) {
                Activity *a = &e->act.subjects[slot];

                if (slot < e->act.n && !e->act.armed)
                        fall_arm(e, slot);
                if (a->kinds && !e->act.armed)
                        resume(e, a, known);
                if (a->kinds)
                        activity_touch(e, slot);
        }
        e->act.armed = true;
}

/* The sign that the alert tells of: the newest of those that the rule is about. */
static SignKind shown(const Activity *a, uint8_t sign)
{
        unsigned best = sign == SIGN_MAX ? SIGN_MOTION : sign;

        for (unsigned k = 0; sign == SIGN_MAX && k < SIGN_MAX; k++)
                if (a->wall_us[k] > a->wall_us[best])
                        best = k;
        return (SignKind)best;
}

/* What has been heard */

static void condition(Engine *e, const Event *ev, const Activity *a, const Place *p, SignKind kind)
{
        Incident *in = table_find(e, GROUP_INACTIVITY, (KeyType)p->key_type, p->key_id);
        uint16_t over = QUIET_ALL;

        for (unsigned q = 1; q < QUIETS; q++)
                if (quiets[q].sign == kind)
                        over |= (uint16_t)BIT(q);
        if (!in)
                return;
        for (unsigned i = 0; i < in->n_sources; i++)
                if (source_at(in, i)->active & over) {
                        in->sign = (uint8_t)kind;
                        in->sign_wall = a->wall_us[kind];
                        incident_condition(e, in, source_at(in, i)->code, source_at(in, i)->active & over, ev);
                }
}

/* He has called for help, or fallen: whoever goes there wants to know that he moves. */
static void help_note(Engine *e, const Activity *a, const Place *p, SignKind kind)
{
        Incident *in = table_find(e, GROUP_HELP, (KeyType)p->key_type, p->key_id);

        if (kind == SIGN_BUTTON || !in || !state_open(in->state) || in->event_us == e->at)
                return;
        if (in->sign_wall >= in->opened_wall && a->wall_us[kind] - in->sign_wall < TOLD_AGAIN_US)
                return;
        in->sign = (uint8_t)kind;
        in->sign_wall = a->wall_us[kind];
        emit_alert(e, in);
}

static void sign(Engine *e, const Event *ev, uint32_t slot, const Place *p, SignKind kind, uint32_t device)
{
        Activity *a = &e->act.subjects[slot];

        a->last_us[kind] = e->at;
        a->wall_us[kind] = e->now.wall_us;
        a->device[kind] = device;
        mark(e, slot, kind);
        condition(e, ev, a, p, kind);
        help_note(e, a, p, kind);
}

/* Whoever comes after a fall wants to know whether he has moved since: the newest sign before it is where that begins. */
static void fall_note(Engine *e, const Place *p)
{
        Incident *in = table_find(e, GROUP_HELP, (KeyType)p->key_type, p->key_id);
        uint32_t slot = slot_of(e, p->resident, p->dwelling);
        SignKind kind;

        if (slot == NO_SLOT || !in || in->sign_wall || !e->act.subjects[slot].kinds)
                return;
        kind = shown(&e->act.subjects[slot], SIGN_MAX);
        in->sign = (uint8_t)kind;
        in->sign_wall = e->act.subjects[slot].wall_us[kind];
        emit_state(e, in);
}

/* A change of what this very sensor says, where one is needed: a door that stands open is nobody's sign. */
static bool is_sign(DeviceState *d, SignKind kind, SignSaid said)
{
        uint8_t *state = kind == SIGN_BED ? &d->bed : &d->door, before;

        if (kind != SIGN_BED && kind != SIGN_DOOR)
                return said == SAID_YES;
        before = *state;
        *state = (uint8_t)said;
        return before != SAID_NOT && before != said;
}

static void said_by(
        Engine *e, const Event *ev, uint32_t slot, const Place *p, SignKind kind, bool is, SignSaid said)
{
        Activity *a = &e->act.subjects[slot];
        bool first = kind != SIGN_BUTTON && !(a->kinds & BIT(kind));

        if (kind == SIGN_BUTTON && !a->kinds)
                return;
        a->spoke[kind] = p->device;
        if (first)
                a->kinds |= (uint8_t)BIT(kind);
        if (is || first)
                sign(e, ev, slot, p, kind, p->device);
        if (kind == SIGN_BED && a->bed != said) {
                a->bed = (uint8_t)said;
                a->bed_us = e->at;
                first = true;
        }
        if (first)
                activity_touch(e, slot);
}

static void hear(Engine *e, const Event *ev, DeviceState *d, const Place *p, SignKind kind, SignSaid said)
{
        uint32_t slot = slot_of(e, p->resident, p->dwelling), home = slot_of(e, 0, p->dwelling);
        bool is = kind == SIGN_BUTTON || is_sign(d, kind, said);
        Place shared = *p;

        if (slot != NO_SLOT)
                said_by(e, ev, slot, p, kind, is, said);
        if (!p->resident || home == NO_SLOT || !is || !e->act.subjects[home].kinds)
                return;
        shared.resident = 0;
        shared.key_type = KEY_DWELLING;
        shared.key_id = p->dwelling;
        sign(e, ev, home, &shared, kind, p->device);
}

void activity_heard(Engine *e, const Event *ev, DeviceState *d)
{
        const AlarmKind kind = ev->type == EVENT_ALARM ? ev->alarm.kind : ALARM_UNKNOWN;
        bool pressed =
                kind == ALARM_SOS || kind == ALARM_CANCEL || kind == ALARM_REQUEST || kind == ALARM_TEST;
        bool any = pressed || kind == ALARM_FALL || ev->signs.located;
        Place p;

        ASSERT(!ev->retained && d);
        for (unsigned k = 0; k < SIGN_BUTTON; k++)
                any = any || ev->signs.said[k] != SAID_NOT;
        if (!any)
                return;
        device_place(e, ev->source, &p);
        for (unsigned k = 0; k < SIGN_BUTTON; k++)
                if (ev->signs.said[k] != SAID_NOT)
                        hear(e, ev, d, &p, (SignKind)k, (SignSaid)ev->signs.said[k]);
        if (kind == ALARM_FALL)
                fall_note(e, &p);
        if (pressed)
                hear(e, ev, d, &p, SIGN_BUTTON, SAID_YES);
        if (ev->signs.located)
                geofence_position(e, ev, &p);
}

static void alive(Engine *e)
{
        e->act.alive_us = e->at + MARK_EVERY_US;
        mark_put(e, MARK_ALIVE, 1, e->act.unheard_s, 1, e->now.wall_us);
}

/* What could not be heard so long is no silence. */
static void unheard(Engine *e, int64_t gap)
{
        e->act.unheard_s += (uint32_t)(gap / (int64_t)USEC_PER_SEC);
        for (uint32_t slot = next_slot(e, 0); is_slot(e, slot); slot = next_slot(e, slot)) {
                Activity *a = &e->act.subjects[slot];

                if (!a->kinds)
                        continue;
                for (unsigned k = 0; k < SIGN_MAX; k++)
                        if (a->last_us[k])
                                a->last_us[k] = (a->last_us[k] + gap) | 1;
                if (gap > DEAF_US)
                        a->bed = SAID_NOT;
                activity_touch(e, slot);
        }
        alive(e);
}

/* The broker is away, or back. */
void activity_deaf(Engine *e, bool deaf)
{
        int64_t gap = e->act.deaf_us ? e->at - e->act.deaf_us : 0;

        e->act.deaf_us = deaf ? e->at : 0;
        if (!deaf && gap > 0 && e->act.alive_us)
                unheard(e, gap);
}

/* He goes, or is back: what was before is no news. */
void activity_from_now(Engine *e, uint32_t resident)
{
        const Resident *who = registry_resident(e->registry, resident);
        uint32_t slots[2] = {slot_of(e, resident, 0), 0};

        ASSERT(who);
        slots[1] = slot_of(e, 0, who->dwelling);
        for (unsigned i = 0; i < 2; i++)
                if (slots[i] != NO_SLOT) {
                        e->act.subjects[slots[i]].from_us = e->at;
                        e->act.subjects[slots[i]].outside = 0;
                        activity_touch(e, slots[i]);
                }
}

/* What is due */

static bool is_lost(const Engine *e, uint32_t device)
{
        const DeviceState *d = supervision_of(e, device);

        return !registry_device(e->registry, device) || !d || (d->levels & LEVEL_LOST);
}

/* None of the sensors that could have given this sign lives. */
static bool is_unknown(const Engine *e, const Activity *a, uint8_t sign)
{
        for (unsigned k = 0; k < SIGN_BUTTON; k++)
                if ((sign == SIGN_MAX || sign == k) && (a->kinds & BIT(k)) && !is_lost(e, a->spoke[k]))
                        return false;
        return true;
}

static void call(Engine *e, Activity *a, Place *p, unsigned q, uint16_t levels)
{
        SignKind kind = shown(a, quiets[q].sign);
        const Device *device = registry_device(e->registry, a->device[kind]);
        Matter m = {.group = GROUP_INACTIVITY,
                .class = CLASS_INACTIVITY,
                .kind = ALARM_UNKNOWN,
                .level = levels,
                .reason = (uint8_t)quiets[q].reason,
                .source = device ? device->code : "",
                .word = ""};
        Incident *in;
        uint64_t seq;

        p->device = device ? a->device[kind] : 0;
        m.place = *p;
        in = incident_alarm(e, &m, &seq);
        in->sign = (uint8_t)kind;
        in->sign_wall = a->wall_us[kind];
        in->span_us = q == QUIETS - 1 ? e->at - a->bed_us : e->now.wall_us - a->wall_us[kind];
        emit_state(e, in);
}

/* Levels that are due now, and the first of their rules. */
static uint16_t levels_due(Engine *e, Activity *a, const Place *p, unsigned *ret_first)
{
        uint16_t levels = 0;

        for (unsigned q = QUIETS; q-- > 0;) {
                if (quiet_due(e, a, p, q) > e->at || is_unknown(e, a, quiets[q].sign))
                        continue;
                levels |= (uint16_t)BIT(q);
                a->told_us[q] = e->at;
                *ret_first = q;
        }
        return levels;
}

static void subject_expire(Engine *e, uint32_t slot)
{
        Activity *a = &e->act.subjects[slot];
        uint16_t levels;
        unsigned first;
        Place p;

        if (a->fall_due && a->fall_due <= e->at)
                fall_expire(e, slot);
        if (!activity_place(e, slot, &p)) {
                *a = (Activity){0};
                heap_unset(&e->act.due, slot);
                return;
        }
        if (a->outside_due && a->outside_due <= e->at)
                geofence_expire(e, &p);
        if (a->retry_us > e->at) {
                activity_touch(e, slot);
                return;
        }
        a->retry_us = 0;
        if (e->act.deaf_us) {
                a->retry_us = e->at + MARK_EVERY_US;
        } else if (is_away(e, &p)) {
                a->from_us = e->at;
        } else {
                levels = levels_due(e, a, &p, &first);
                if (levels)
                        call(e, a, &p, first, levels);
                else if (next_due(e, a, &p) <= e->at)
                        a->retry_us = e->at + RETRY_US;
        }
        activity_touch(e, slot);
}

void activity_expire(Engine *e)
{
        uint32_t slot;
        HeapKey key;

        ASSERT(activity_due(e) <= e->at);
        if (e->act.alive_us && e->act.alive_us <= e->at) {
                if (e->at - e->act.alive_us > DEAF_US && !e->act.deaf_us)
                        unheard(e, e->at - e->act.alive_us); /* the machine has slept */
                else
                        alive(e);
                return;
        }
        ASSERT(heap_first(&e->act.due, &slot, &key));
        ASSERT(slot < 2 * e->act.n);
        subject_expire(e, slot);
}
