/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals of devices, and of the gateway about itself: where they come from, what they mean, which matter they
 * belong to. Nothing is refused here: what is unknown or cannot be read calls a human being as well.
 *
 * The key (whose matter it is): a device that has a resident in the registry belongs to that person, worn or
 * not, so that two people of one dwelling never merge; a fixed device without one to the sole resident of its
 * dwelling, else to the dwelling; an unknown one to the name under which it came. Faults belong to the device.
 */
#include "base/str.h"
#include "engine/internal.h"

#include <string.h>

enum { LEVEL_SMOKE = 1 << 0, LEVEL_HEAT = 1 << 1, LEVEL_GAS = 1 << 2, LEVEL_CO = 1 << 3 };

static uint64_t source_hash(const char *source)
{
        return idmap_hash(source, strlen(source));
}

static uint32_t default_grid(const Engine *e)
{
        return registry_grid_id(e->registry, e->policy.default_grid);
}

void device_place(const Engine *e, const char *source, Place *ret)
{
        const Registry *r = e->registry;
        uint32_t id = registry_device_id(r, source);
        const Device *device = registry_device(r, id);
        const Dwelling *dwelling;
        Place p = {.device = id};

        ASSERT(source && ret);
        if (!device) {
                *ret = (Place){
                        .grid = default_grid(e), .key_type = KEY_SOURCE, .key_id = source_hash(source)};
                return;
        }
        p.known = true;
        p.resident = registry_resident(r, device->resident) ? device->resident : 0;
        p.dwelling = registry_dwelling(r, device->dwelling) ? device->dwelling : 0;
        if (p.resident && !p.dwelling)
                p.dwelling = registry_resident(r, p.resident)->dwelling;
        if (!p.resident)
                p.resident = roster_sole_resident(r, p.dwelling);
        dwelling = registry_dwelling(r, p.dwelling);
        p.grid = dwelling ? dwelling->grid : default_grid(e);
        if (p.resident) {
                p.key_type = KEY_RESIDENT;
                p.key_id = p.resident;
        } else if (p.dwelling) {
                p.key_type = KEY_DWELLING;
                p.key_id = p.dwelling;
        } else { /* in the registry, but bound to nobody */
                p.key_type = KEY_DEVICE;
                p.key_id = id;
        }
        *ret = p;
}

static void key_to_device(Place *p)
{
        if (p->known) {
                p->key_type = KEY_DEVICE;
                p->key_id = p->device;
        }
}

/* What kind of matter an alarm kind is, from a device that we know. */
static void matter_of_kind(Matter *m, AlarmKind kind)
{
        m->kind = (uint8_t)kind;
        switch (kind) {
        case ALARM_SOS:
                m->group = GROUP_HELP;
                m->class = CLASS_SOS;
                m->button = true;
                return;
        case ALARM_FALL:
                m->group = GROUP_HELP;
                m->class = CLASS_FALL;
                return;
        case ALARM_SMOKE:
        case ALARM_HEAT:
                m->group = GROUP_FIRE;
                m->class = CLASS_SMOKE;
                m->level = kind == ALARM_SMOKE ? LEVEL_SMOKE : LEVEL_HEAT;
                return;
        case ALARM_GAS:
        case ALARM_CO:
                m->group = GROUP_FIRE;
                m->class = CLASS_GAS;
                m->level = kind == ALARM_GAS ? LEVEL_GAS : LEVEL_CO;
                return;
        case ALARM_TAMPER:
        case ALARM_FAULT:
                m->group = GROUP_FAULT;
                m->class = CLASS_FAULT;
                m->level = kind == ALARM_TAMPER ? LEVEL_TAMPER : LEVEL_FAULT;
                return;
        case ALARM_REQUEST:
                m->group = GROUP_REQUEST;
                m->class = CLASS_REQUEST;
                return;
        case ALARM_UNKNOWN:
        case ALARM_UNPARSED:
                m->group = GROUP_UNKNOWN;
                m->class = CLASS_SOS;
                m->button = true;
                if (kind == ALARM_UNPARSED)
                        m->reason = REASON_UNPARSED;
                return;
        case ALARM_CANCEL:
        case ALARM_SMOKE_CLEAR:
        case ALARM_HEAT_CLEAR:
        case ALARM_GAS_CLEAR:
        case ALARM_CO_CLEAR:
        case ALARM_TEST:
        case ALARM_KIND_MAX: break;
        }
        ASSERT(!"not an alarm");
}

/*
 * SEMANTICS.md section 5, last paragraph. Known device, unreadable or unknown kind: its place, the SOS plan.
 * Unknown device, known kind: that kind's plan with the community desk as T1. Neither: the FALL plan.
 */
static void matter_of_alarm(const Engine *e, const Event *ev, Matter *m)
{
        const AlarmKind kind = ev->alarm.kind;

        *m = (Matter){.event = ev, .reason = REASON_OPENED, .word = ev->alarm.word};
        device_place(e, ev->source, &m->place);
        matter_of_kind(m, kind);
        if (m->group == GROUP_FAULT)
                key_to_device(&m->place);
        if (!m->place.known) {
                m->group = GROUP_UNKNOWN;
                if (kind == ALARM_UNKNOWN || kind == ALARM_UNPARSED)
                        m->class = CLASS_FALL;
                else if (kind == ALARM_REQUEST && request_urgent_event(e, ev))
                        m->class = CLASS_SOS;
                else
                        m->community_first = true;
                if (kind != ALARM_UNPARSED)
                        m->reason = REASON_UNKNOWN_SOURCE;
        }
        if (ev->retained && m->group != GROUP_FAULT && m->group != GROUP_REQUEST) {
                m->class = CLASS_CHECK;
                m->reason = REASON_STALE;
                m->button = false;
                m->level = 0;
        }
        m->quiet = ev->retained;
}

static uint8_t cleared_level(AlarmKind kind)
{
        switch ((int)kind) {
        case ALARM_SMOKE_CLEAR: return LEVEL_SMOKE;
        case ALARM_HEAT_CLEAR: return LEVEL_HEAT;
        case ALARM_GAS_CLEAR: return LEVEL_GAS;
        case ALARM_CO_CLEAR: return LEVEL_CO;
        }
        return 0;
}

/* Of many people at once: what one of them says is not true of the others. */
static bool is_shared(const Incident *in)
{
        return (in->overflow || in->key_type == KEY_FLOOD) && in->n_sources > 1;
}

/*
 * The group's matter of this place that is not closed; those of sources that we cannot place are in UNKNOWN. Else the
 * flood's or the full table's, when it remembers the source, or has had more than it remembers.
 */
static Incident *held(const Engine *e, const char *source, const Place *p, Group group)
{
        Incident *in, *shared;

        if (!p->known)
                group = GROUP_UNKNOWN;
        in = table_find(e, group, (KeyType)p->key_type, p->key_id);
        shared = in || p->known ? NULL : table_find(e, GROUP_UNKNOWN, KEY_FLOOD, 1);
        if (!in && !shared)
                shared = table_overflow(e, group);
        if (shared && (source_find(shared, source) || shared->n_sources == SOURCES_MAX))
                return shared;
        return in;
}

void device_row(Engine *e, const Event *ev, JournalKind kind, const Place *p, Reason reason)
{
        JournalRow *row = emit_journal(e, NULL, kind);

        row->event = ev;
        row->device = p->device;
        row->dwelling = p->dwelling;
        row->resident = p->resident;
        row->grid = p->grid;
        row->reason = (uint8_t)reason;
}

/* cancel, …_clear, test: they belong to what is open, and open nothing. Returns the incident, NULL: none. */
static Incident *device_calm(Engine *e, const Event *ev, uint64_t *ret_seq)
{
        const AlarmKind kind = ev->alarm.kind;
        Incident *in = NULL;
        Place p;

        device_place(e, ev->source, &p);
        if (kind == ALARM_CANCEL && !ev->retained)
                (void)fall_cancelled(e, &p); /* then it is open, and cancelled like any other */
        if (kind != ALARM_TEST)
                in = held(e, ev->source, &p, kind == ALARM_CANCEL ? GROUP_HELP : GROUP_FIRE);
        if (!in) {
                device_row(e, ev, kind == ALARM_TEST ? JOURNAL_TEST : JOURNAL_EVENT, &p,
                        kind == ALARM_TEST ? REASON_TEST : REASON_NO_INCIDENT);
                *ret_seq = e->next_seq - 1;
                if (kind == ALARM_TEST && !ev->retained)
                        testbox_proof(e, p.device);
                return NULL;
        }
        incident_append(e, in, ev, ret_seq);
        if (ev->retained)
                return in; /* what was once, not what is */
        if (kind == ALARM_CANCEL && !is_shared(in))
                incident_cancel(e, in, ev);
        else if (kind != ALARM_CANCEL)
                incident_condition(e, in, ev->source, cleared_level(kind), ev);
        return in;
}

/*
 * More than FLOOD_KEYS new unknown sources in FLOOD_US are one matter: a misconfigured neighbour network must
 * not bury the real ones, and must not be silent either.
 */
void device_flood(Engine *e, Matter *m)
{
        if (m->place.known || table_find(e, (Group)m->group, (KeyType)m->place.key_type, m->place.key_id))
                return;
        for (unsigned i = 0; i < FLOOD_KEYS; i++)
                if (e->flood_us[i] == NEVER || e->at - e->flood_us[i] > FLOOD_US) {
                        e->flood_us[i] = e->at;
                        return;
                }
        m->place.key_type = KEY_FLOOD;
        m->place.key_id = 1;
}

/* Without an id, only a retained message needs one: the broker repeats it at each connection. */
static bool key_of(const Event *ev, uint8_t ret[16])
{
        static const uint8_t none[16];
        uint64_t source;

        ASSERT(sizeof(ev->key) == 16 && sizeof(ev->digest) == 16);
        memcpy(ret, ev->key, 16);
        if (memcmp(ev->key, none, 16) != 0)
                return true;
        if (!ev->retained)
                return false;
        source = source_hash(ev->source) | 1;
        memcpy(ret, ev->digest, 16);
        for (unsigned i = 0; i < 8; i++)
                ret[8 + i] ^= (uint8_t)(source >> (8 * i));
        return true;
}

static void key_remember(Engine *e, const Event *ev, const uint8_t key[16], ReceiptResult result,
        uint64_t incident, uint64_t seq)
{
        Effect *effect = emit_effect(e, EFFECT_KEY, URGENCY_RECORD);
        KeyRow *row = &effect->key;

        memcpy(row->key, key, 16);
        memcpy(row->digest, ev->digest, 16);
        row->wall_us = e->now.wall_us;
        row->incident = incident;
        row->seq = seq;
        row->result = (uint8_t)result;
        effect->incident = incident;
        effect->seq = seq;
        keys_add(e, row, e->at);
}

/* An id that was used before for something else: the device counts wrong, or had its battery changed. */
static void reused_id(Engine *e, const Event *ev)
{
        Place p;

        device_place(e, ev->source, &p);
        device_row(e, NULL, JOURNAL_DEVICE, &p, REASON_TWICE);
        e->list->effects[e->list->n - 1].journal.priority = 5;
}

static bool is_calm(AlarmKind kind)
{
        return kind == ALARM_CANCEL || kind == ALARM_TEST || cleared_level(kind);
}

/*
 * The same event again. Where nobody knows how old the first is: what opens nothing is no loss, an alarm is a
 * repeat while its incident is in memory, and else rather a call too many than one too few.
 */
static bool is_repeat(const Engine *e, const Event *ev, const KeyRow *known, KeyAge age)
{
        if (!known || age == KEY_OLD || memcmp(known->digest, ev->digest, sizeof(known->digest)) != 0)
                return false;
        return age == KEY_FRESH || is_calm(ev->alarm.kind) || table_get(e, known->incident);
}

void device_alarm(Engine *e, const Event *ev)
{
        ReceiptResult result = ev->alarm.kind == ALARM_UNPARSED ? RECEIPT_UNPARSED : RECEIPT_RECORDED;
        uint8_t key[16];
        bool keyed = key_of(ev, key);
        KeyAge age = KEY_OLD;
        const KeyRow *known = keyed ? keys_find(e, key, &age) : NULL;
        bool reused = known != NULL;
        Incident *in;
        uint64_t seq;

        ASSERT(ev->type == EVENT_ALARM);
        ASSERT(ev->alarm.kind < ALARM_KIND_MAX);
        if (is_repeat(e, ev, known, age)) {
                emit_receipt(e, ev, (ReceiptResult)known->result, known->incident, known->seq);
                return;
        }
        if (is_calm(ev->alarm.kind)) {
                in = device_calm(e, ev, &seq);
        } else {
                Matter m;

                matter_of_alarm(e, ev, &m);
                device_flood(e, &m);
                if (m.group == GROUP_HELP && fall_waits(e, &m, &seq))
                        in = NULL;
                else
                        in = incident_alarm(e, &m, &seq);
                if (m.group == GROUP_REQUEST && request_urgent_event(e, ev))
                        in = request_emergency(e, &m);
        }
        emit_receipt(e, ev, result, in ? in->id : 0, seq);
        if (reused)
                reused_id(e, ev);
        if (keyed)
                key_remember(e, ev, key, result, in ? in->id : 0, seq);
}

/* The gateway about itself */

static void system_matter(Engine *e, const Event *ev, SystemCause cause)
{
        Matter m = {.event = ev,
                .group = GROUP_SYSTEM,
                .class = CLASS_SYSTEM,
                .kind = ALARM_FAULT,
                .level = 1,
                .reason = REASON_OPENED,
                .cause = (uint8_t)cause,
                .word = ""};
        Incident *in;
        uint64_t seq;

        ASSERT(cause < SYSTEM_CAUSE_MAX);
        m.place = (Place){.grid = default_grid(e),
                .known = true,
                .key_type = KEY_CAUSE,
                .key_id = (uint64_t)cause + 1};
        in = table_find(e, GROUP_SYSTEM, KEY_CAUSE, m.place.key_id);
        if (in && source_at(in, 0)->active && state_open(in->state))
                return; /* it goes on: no news */
        (void)incident_alarm(e, &m, &seq);
}

void system_event(Engine *e, const Event *ev)
{
        Incident *in;

        ASSERT(ev->type == EVENT_SYSTEM);
        ASSERT(ev->system.cause < SYSTEM_CAUSE_MAX);
        if (ev->system.raise) {
                if (ev->system.cause == SYSTEM_BROKER)
                        supervision_deaf(e, true);
                system_matter(e, ev, ev->system.cause);
                return;
        }
        if (ev->system.cause == SYSTEM_BROKER) {
                people_forget(e);
                supervision_deaf(e, false);
        }
        in = table_find(e, GROUP_SYSTEM, KEY_CAUSE, (uint64_t)ev->system.cause + 1);
        if (in && source_at(in, 0)->active)
                incident_condition(e, in, "", 1, ev);
}

/* Found by the engine itself: one incident for each cause, and for a roster with a gap one a shift. */
void system_raise(Engine *e, SystemCause cause)
{
        ASSERT(cause < SYSTEM_CAUSE_MAX);
        if (table_find(e, GROUP_SYSTEM, KEY_CAUSE, (uint64_t)cause + 1))
                return;
        if (cause == SYSTEM_ROSTER) {
                if (e->roster_raised_us != NEVER && e->at - e->roster_raised_us < SHIFT_US)
                        return;
                e->roster_raised_us = e->at;
        }
        system_matter(e, NULL, cause);
}
