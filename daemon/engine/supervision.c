/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device between its alarms: does it live, is its battery good, is it worn, did anybody try it?
 *
 * What always holds: silence is judged by CLOCK_BOOTTIME, and last-heard lives in memory alone: after a restart
 * each device has one full interval, and so has each after the broker was away (silence then says nothing about
 * it). A device is lost after three beats, one longer than half an hour after one beat and an hour: 60 s → 180 s,
 * 5 min → 15 min, 24 h → 25 h. Its fault keeps the time at which it was lost, also across
 * restarts and outages of an area.
 *
 * What is wrong with it now (DeviceState.levels) and what people are told (its FAULT incident) are two things: a
 * level that ends makes the incident's condition CLEARED, and closes nothing, because only a human being knows why
 * a bed was without protection. While its faults are shelved or its area is dark the level stands without an
 * incident, and becomes one again afterwards, with its original time; so it does, once a day, if somebody closed
 * the matter and the device is still silent.
 *
 * P4 (a resident unprotected): lost, empty, tampered with, not worn, no mains, no readings, garbage. P5 (plan it):
 * battery low, weak signal, wrong clock, proof test overdue; that one is one ticket for each grid, because on
 * the day when it is due it is due for hundreds.
 */
#include "base/str.h"
#include "engine/internal.h"

#include <string.h>

#define DEVICES_DEFAULT 1024
#define AGAIN_US        ((int64_t)USEC_PER_DAY)
#define WANDERER_OFF_US (15 * USEC_PER_MIN)
#define GONE_US         ((int64_t)(5 * USEC_PER_MIN))
#define LONG_BEAT_US    (30 * USEC_PER_MIN)
#define SKEW_US         ((int64_t)(5 * USEC_PER_MIN))
#define IN_A_ROW        3 /* weak or skewed reports */
#define SIGNAL_BAND     5 /* dBm */
#define BATTERY_BAND    5 /* percent */
#define BATTERY_RISE    20
#define TREND_MIN_US    ((int64_t)(3 * USEC_PER_DAY))
#define TREND_DROP      5 /* percent, before a rate is believed */
#define MONTH_DAYS      30
#define WEEK_DAYS       7
#define INTERVAL_MAX_S  1800u /* between readings */

static size_t padded(size_t n)
{
        return (n + 63) & ~(size_t)63;
}

static uint32_t capacity(const Limits *limits)
{
        ASSERT(limits->devices_max < UINT32_MAX / 128);
        return limits->devices_max ? limits->devices_max : DEVICES_DEFAULT;
}

size_t supervision_size(const Limits *limits)
{
        uint32_t n = capacity(limits);

        return padded(n * sizeof(DeviceState)) + padded(n * sizeof(ResidentState)) + padded(heap_size(n)) +
               activity_size(n);
}

void supervision_init(Engine *e, char **memory)
{
        uint32_t n = capacity(&e->limits);
        char *p = *memory;

        e->sup.devices = (DeviceState *)(void *)p;
        p += padded(n * sizeof(DeviceState));
        e->sup.residents = (ResidentState *)(void *)p;
        p += padded(n * sizeof(ResidentState));
        heap_init(&e->sup.due, p, n);
        for (unsigned i = 0; i < 5; i++)
                e->sup.losses_us[i] = NEVER;
        *memory = p + padded(heap_size(n));
        activity_init(e, memory, n);
}

DeviceState *supervision_of(const Engine *e, uint32_t device)
{
        return device > 0 && device < capacity(&e->limits) ? &e->sup.devices[device] : NULL;
}

ResidentState *supervision_resident(const Engine *e, uint32_t resident)
{
        return resident > 0 && resident < capacity(&e->limits) ? &e->sup.residents[resident] : NULL;
}

uint64_t supervision_limit(const Engine *e, const Device *device)
{
        uint64_t beat = device->beat_us ? device->beat_us : e->policy.beat_us[device->class];

        ASSERT(device->class < DEVICE_CLASS_MAX);
        if (!beat || beat > 366 * USEC_PER_DAY)
                return 0;
        return beat <= LONG_BEAT_US ? 3 * beat : beat + USEC_PER_HOUR;
}

void mark_put(Engine *e, MarkKind kind, uint32_t id, uint32_t worker, int64_t value, int64_t wall_us)
{
        Effect *effect = emit_effect(e, EFFECT_MARK, URGENCY_RECORD);

        ASSERT(id > 0 && kind < MARK_KIND_MAX);
        effect->seq = e->next_seq - 1;
        effect->mark =
                (MarkRow){.kind = kind, .id = id, .worker = worker, .value = value, .wall_us = wall_us};
}

bool supervision_shelved(const Engine *e, const DeviceState *d)
{
        return d->shelved_wall && e->now.wall_us < d->shelved_wall;
}

/* Deadlines */

static int64_t from_wall(const Engine *e, int64_t wall_us)
{
        return wall_us - e->now.wall_us + (int64_t)e->now.boot_us;
}

static int64_t no_data_limit(const Engine *e, const DeviceState *d)
{
        int64_t learned = 3 * (int64_t)d->interval_s * (int64_t)USEC_PER_SEC;

        return learned > (int64_t)e->policy.no_data_us ? learned : (int64_t)e->policy.no_data_us;
}

static bool wants_proof(const Engine *e, const Device *device, const DeviceState *d)
{
        return e->policy.proof_us && d->proof_wall && e->now.trusted &&
               (device->class == DEVICE_BUTTON || device->class == DEVICE_PENDANT ||
                       device->class == DEVICE_SMOKE || device->class == DEVICE_GAS);
}

/* The wearer's own; who may get lost wears it, or we look for him without knowing where he is. */
static uint64_t not_worn_limit(const Engine *e, const Device *device)
{
        uint32_t who = registry_resident(e->registry, device->resident) ? device->resident
                                                                        : roster_sole_resident(e->registry, device->dwelling);
        const double *own = rule_own(e->registry, who, RULE_NOT_WORN);
        const double *circle = rule_own(e->registry, who, RULE_GEOFENCE);

        if (own)
                return (uint64_t)own[0];
        if (circle && circle[2] > 0 && (!e->policy.not_worn_us || e->policy.not_worn_us > WANDERER_OFF_US))
                return WANDERER_OFF_US;
        return e->policy.not_worn_us;
}

static int64_t next_due(const Engine *e, const Device *device, const DeviceState *d)
{
        uint64_t limit = supervision_limit(e, device);
        int64_t due = NEVER;

        if (limit && !(d->levels & LEVEL_LOST))
                due = d->heard_us + (int64_t)limit;
        else if (limit && !d->area)
                due = d->lost_us + AGAIN_US;
        if (d->data_us && e->policy.no_data_us &&
                !(d->levels & (LEVEL_NO_DATA | LEVEL_LOST | LEVEL_NOT_WORN)))
                due = min_due(due, d->data_us + no_data_limit(e, d));
        if (d->off_us && !(d->levels & LEVEL_NOT_WORN) && not_worn_limit(e, device))
                due = min_due(due, d->off_us + (int64_t)not_worn_limit(e, device));
        if (d->mains_off_us && e->policy.mains_us && !(d->levels & LEVEL_MAINS))
                due = min_due(due, d->mains_off_us + (int64_t)e->policy.mains_us);
        if (wants_proof(e, device, d) && !(d->levels & LEVEL_PROOF))
                due = min_due(due, from_wall(e, d->proof_wall + (int64_t)e->policy.proof_us));
        if (d->vital_due_us)
                due = min_due(due, d->vital_due_us);
        if (d->shelved_wall)
                due = min_due(due, from_wall(e, d->shelved_wall));
        return due;
}

void supervision_touch(Engine *e, uint32_t id)
{
        const Device *device = registry_device(e->registry, id);
        DeviceState *d = supervision_of(e, id);
        int64_t due;

        ASSERT(d);
        due = device ? next_due(e, device, d) : NEVER;
        if (due == NEVER)
                heap_unset(&e->sup.due, id);
        else
                heap_set(&e->sup.due, id,
                        (HeapKey){.due = (uint64_t)due + (UINT64_C(1) << 63), .rank = 9, .id = id});
}

/* Each device has its interval from now, if it has none running. */
void supervision_arm(Engine *e)
{
        uint32_t n = e->registry ? e->registry->n_devices : 0, most = capacity(&e->limits);

        ASSERT(e->at > 0);
        e->sup.armed = e->registry;
        for (uint32_t id = 1; id < n && id < most; id++) {
                DeviceState *d = &e->sup.devices[id];

                if (!registry_device(e->registry, id)) {
                        if (d->heard_us)
                                *d = (DeviceState){0};
                } else if (!d->heard_us) {
                        d->heard_us = e->at;
                }
                supervision_touch(e, id);
        }
        activity_arm(e);
}

/* Faults as matters */

typedef struct Level {
        uint16_t level;
        Class class;
        AlarmKind kind;
        Reason reason;
} Level;

static Level level_of(uint16_t level)
{
        switch (level) {
        case LEVEL_GARBAGE: return (Level){level, CLASS_FAULT, ALARM_FAULT, REASON_UNPARSED};
        case LEVEL_STRANGER: return (Level){level, CLASS_FAULT, ALARM_FAULT, REASON_UNKNOWN_SOURCE};
        case LEVEL_LOST: return (Level){level, CLASS_FAULT, ALARM_FAULT, REASON_LOST};
        case LEVEL_BATTERY: return (Level){level, CLASS_BATTERY, ALARM_FAULT, REASON_BATTERY_LOW};
        case LEVEL_EMPTY: return (Level){level, CLASS_FAULT, ALARM_FAULT, REASON_BATTERY_EMPTY};
        case LEVEL_MAINS: return (Level){level, CLASS_FAULT, ALARM_FAULT, REASON_MAINS};
        case LEVEL_NOT_WORN: return (Level){level, CLASS_FAULT, ALARM_FAULT, REASON_NOT_WORN};
        case LEVEL_SIGNAL: return (Level){level, CLASS_BATTERY, ALARM_FAULT, REASON_SIGNAL};
        case LEVEL_SKEW: return (Level){level, CLASS_BATTERY, ALARM_FAULT, REASON_SKEW};
        case LEVEL_NO_DATA: return (Level){level, CLASS_FAULT, ALARM_FAULT, REASON_NO_DATA};
        }
        ASSERT(level == LEVEL_TAMPER); /* proof tests have a ticket of their grid, and FAULT is said by an alarm */
        return (Level){level, CLASS_FAULT, ALARM_TAMPER, REASON_OPENED};
}

static Incident *fault_held(const Engine *e, const char *source, Place *ret)
{
        device_place(e, source, ret);
        if (ret->known) {
                ret->key_type = KEY_DEVICE;
                ret->key_id = ret->device;
        }
        return table_find(e, GROUP_FAULT, (KeyType)ret->key_type, ret->key_id);
}

static bool is_active(const Incident *in, uint16_t level)
{
        return in && (source_at(in, 0)->active & level); /* of a device's faults it is the one source */
}

/* Opens, or calls again for a level that is new; the same one is no news. Returns the incident, NULL: none. */
static Incident *fault(Engine *e, const Event *ev, const char *source, uint16_t level, int64_t since_wall,
        uint64_t *ret_seq)
{
        Level l = level_of(level);
        Matter m = {.event = ev,
                .group = GROUP_FAULT,
                .class = (uint8_t)l.class,
                .kind = (uint8_t)l.kind,
                .level = level,
                .reason = (uint8_t)l.reason,
                .source = source,
                .since_wall = since_wall,
                .word = ""};
        Incident *in = fault_held(e, source, &m.place);

        ASSERT(source && ret_seq);
        if (is_active(in, level) && (state_open(in->state) || level != LEVEL_LOST))
                return in;
        if (!in)
                device_flood(e, &m);
        return incident_alarm(e, &m, ret_seq);
}

/* A level begins. What is shelved, or part of a dark area, is recorded and stands; it is nobody's matter now. */
static Incident *wrong(Engine *e, const Event *ev, const char *source, uint16_t level, uint64_t *ret_seq)
{
        uint32_t id = registry_device_id(e->registry, source);
        DeviceState *d = supervision_of(e, id);
        bool news = d && !(d->levels & level);
        Place p;

        if (!d)
                return fault(e, ev, source, level, 0, ret_seq);
        d->levels |= level;
        if (!supervision_shelved(e, d))
                return fault(e, ev, source, level, 0, ret_seq);
        if (news) {
                device_place(e, source, &p);
                device_row(e, ev, JOURNAL_DEVICE, &p, REASON_SHELVED);
                *ret_seq = e->next_seq - 1;
        }
        return NULL;
}

static void right(Engine *e, const Event *ev, const char *source, uint16_t level)
{
        DeviceState *d = supervision_of(e, registry_device_id(e->registry, source));
        Incident *in;
        Place p;

        if (d)
                d->levels &= (uint16_t)~level;
        in = fault_held(e, source, &p);
        if (is_active(in, level))
                incident_condition(e, in, source, level, ev);
}

void supervision_returns(Engine *e, uint32_t id)
{
        const Device *device = registry_device(e->registry, id);
        DeviceState *d = supervision_of(e, id);
        uint64_t seq;

        ASSERT(device && d);
        for (uint16_t level = 1; level < LEVEL_END; level = (uint16_t)(level << 1))
                if ((d->levels & level) && level != LEVEL_PROOF)
                        (void)fault(
                                e, NULL, device->code, level, level == LEVEL_LOST ? d->lost_wall : 0, &seq);
        supervision_touch(e, id);
}

/* What a device says of itself */

/* Days that the battery still lasts at this rate; -1: nobody knows. */
static int days_left(const Engine *e, const DeviceState *d)
{
        int64_t span = e->now.wall_us - d->trend_wall, days;
        int dropped = d->trend - d->battery;

        if (!d->battery || dropped < TREND_DROP || span < TREND_MIN_US)
                return -1;
        days = (d->battery - 1) * span / dropped / (int64_t)USEC_PER_DAY;
        return days < 10000 ? (int)days : 10000;
}

static void battery_note(Engine *e, const Event *ev, uint32_t id, DeviceState *d)
{
        const Device *device = registry_device(e->registry, id);
        int percent = ev->status.battery, days;
        bool low, empty;
        uint64_t seq;

        ASSERT(device);
        if (percent < 0 || percent > 100)
                return;
        if (!d->trend || percent + 1 >= d->battery + BATTERY_RISE) { /* the first word, or a new battery */
                d->trend = (uint8_t)(percent + 1);
                d->trend_wall = e->now.wall_us;
                mark_put(e, MARK_BATTERY, id, 0, percent, e->now.wall_us);
        }
        d->battery = (uint8_t)(percent + 1);
        days = device->class == DEVICE_WRISTBAND ? -1
                                                 : days_left(e, d); /* those are charged every few days */
        empty = percent <= e->policy.battery_empty || (days >= 0 && days <= WEEK_DAYS);
        low = percent <= e->policy.battery_low || (days >= 0 && days <= MONTH_DAYS);
        if (e->policy.battery_low && low)
                (void)wrong(e, ev, ev->source, LEVEL_BATTERY, &seq);
        else if (percent > e->policy.battery_low + BATTERY_BAND)
                right(e, ev, ev->source, LEVEL_BATTERY);
        if (e->policy.battery_empty && empty)
                (void)wrong(e, ev, ev->source, LEVEL_EMPTY, &seq);
        else if (percent > e->policy.battery_empty + BATTERY_BAND)
                right(e, ev, ev->source, LEVEL_EMPTY);
}

/* One bad report is weather; three in a row are a fault. */
static void row_note(Engine *e, const Event *ev, uint8_t *count, bool bad, bool good, uint16_t level)
{
        uint64_t seq;

        if (bad && *count < IN_A_ROW && ++*count == IN_A_ROW)
                (void)wrong(e, ev, ev->source, level, &seq);
        if (good) {
                right(e, ev, ev->source, level);
                *count = 0;
        }
}

static void health_note(Engine *e, const Event *ev, uint32_t id, DeviceState *d)
{
        const StatusEvent *s = &ev->status;
        int64_t skew = e->now.wall_us - ev->device_us;

        battery_note(e, ev, id, d);
        if (s->worn == 1 || s->worn == 0) {
                if (s->worn == 1 || !d->off_us)
                        d->off_us = s->worn == 1 ? 0 : e->at;
                if (s->worn == 1)
                        right(e, ev, ev->source, LEVEL_NOT_WORN);
        }
        if (s->mains == 1 || s->mains == 0) {
                if (s->mains == 1 || !d->mains_off_us)
                        d->mains_off_us = s->mains == 1 ? 0 : e->at;
                if (s->mains == 1)
                        right(e, ev, ev->source, LEVEL_MAINS);
        }
        if (e->policy.signal_weak && s->rssi != INT16_MIN && s->rssi != 0)
                row_note(e, ev, &d->weak, s->rssi <= -(int)e->policy.signal_weak,
                        s->rssi > SIGNAL_BAND - (int)e->policy.signal_weak, LEVEL_SIGNAL);
        if (ev->device_us && e->now.trusted)
                row_note(e, ev, &d->skewed, skew > SKEW_US || skew < -SKEW_US,
                        skew <= SKEW_US && skew >= -SKEW_US, LEVEL_SKEW);
        supervision_touch(e, id);
}

/* Its bridge cannot reach it: it has five minutes to be heard, whatever its beat. */
static void device_gone(Engine *e, uint32_t id, DeviceState *d)
{
        const Device *device = registry_device(e->registry, id);
        uint64_t limit;
        int64_t soon;

        ASSERT(device); /* it has just been found by its code */
        limit = supervision_limit(e, device);
        soon = e->at + GONE_US - (int64_t)limit;
        if (!limit || (d->levels & LEVEL_LOST) || soon >= d->heard_us)
                return;
        d->heard_us = soon | 1;
        d->gone = !d->lost_wall; /* else it was lost before, and its bridge does not bring it back */
        supervision_touch(e, id);
}

/* It is not lost, or no longer. Its silence counts from now. */
static void found(Engine *e, const Event *ev, uint32_t id, DeviceState *d)
{
        d->heard_us = e->at; /* the heap learns of it when the old time comes */
        d->gone = false;
        if ((d->levels & LEVEL_LOST) || !d->heard)
                right(e, ev, ev->source, LEVEL_LOST);
        if (d->lost_wall) {
                d->lost_wall = 0;
                mark_put(e, MARK_LOST, id, 0, 0, e->now.wall_us);
                area_back(e, id);
        }
}

/* Its bridge is there again, which says nothing of a device that was silent before. */
static void device_back(Engine *e, const Event *ev, uint32_t id, DeviceState *d)
{
        if (!d->gone)
                return;
        found(e, ev, id, d);
        supervision_touch(e, id);
}

void device_status(Engine *e, const Event *ev)
{
        uint32_t id = registry_device_id(e->registry, ev->source);
        DeviceState *d = supervision_of(e, id);
        Incident *in = NULL;
        uint64_t seq = 0;

        ASSERT(ev->type == EVENT_STATUS);
        if (ev->status.gone) {
                if (d)
                        device_gone(e, id, d);
        } else if (ev->status.back) {
                if (d)
                        device_back(e, ev, id, d);
        } else if (ev->status.fault) {
                in = wrong(e, ev, ev->source, LEVEL_GARBAGE, &seq);
        } else {
                right(e, ev, ev->source, LEVEL_GARBAGE);
                if (ev->status.tamper == 1)
                        in = wrong(e, ev, ev->source, LEVEL_TAMPER, &seq);
                else if (ev->status.tamper == 0)
                        right(e, ev, ev->source, LEVEL_TAMPER);
                if (d && !ev->retained)
                        health_note(e, ev, id, d);
        }
        if (ev->hold)
                emit_receipt(
                        e, ev, ev->status.fault ? RECEIPT_UNPARSED : RECEIPT_RECORDED, in ? in->id : 0, seq);
}

void device_stranger(Engine *e, const Event *ev, uint64_t *ret_incident, uint64_t *ret_seq)
{
        Incident *in = wrong(e, ev, ev->source, LEVEL_STRANGER, ret_seq);

        ASSERT(in && ret_incident && ret_seq); /* who is unknown is not on the shelf */
        *ret_incident = in->id;
}

void device_well_formed(Engine *e, const Event *ev)
{
        right(e, ev, ev->source, LEVEL_GARBAGE);
}

/* Signs of life */

static void data_note(Engine *e, const Event *ev, DeviceState *d)
{
        int64_t since = d->data_us ? (e->at - d->data_us) / (int64_t)USEC_PER_SEC : 0;

        if (since > d->interval_s)
                d->interval_s = since < INTERVAL_MAX_S ? (uint32_t)since : INTERVAL_MAX_S;
        else
                d->interval_s = (7 * d->interval_s + (uint32_t)since) / 8;
        d->data_us = e->at;
        if (d->levels & LEVEL_NO_DATA)
                right(e, ev, ev->source, LEVEL_NO_DATA);
}

void supervision_heard(Engine *e, const Event *ev)
{
        uint32_t id;
        DeviceState *d;

        if ((ev->type != EVENT_ALARM && ev->type != EVENT_VITALS && ev->type != EVENT_STATUS) ||
                ev->retained)
                return;
        id = registry_device_id(e->registry, ev->source);
        d = supervision_of(e, id);
        if (!d)
                return;
        if (ev->type == EVENT_STATUS && (ev->status.gone || ev->status.back))
                return;
        found(e, ev, id, d);
        d->by_coap = ev->via == VIA_COAP || ev->via == VIA_DTLS;
        if (ev->type == EVENT_VITALS && ev->vitals.has)
                data_note(e, ev, d);
        if (!d->proof_wall && e->policy.proof_us) { /* it was put up today */
                d->proof_wall = e->now.wall_us;
                mark_put(e, MARK_PROOF, id, 0, 1, e->now.wall_us);
        }
        if (!d->heard || ev->type == EVENT_VITALS)
                supervision_touch(e, id);
        d->heard = true;
        activity_heard(e, ev, d);
}

/* The broker is away: nobody can be heard by it. It is back: each device has its interval anew. */
void supervision_deaf(Engine *e, bool deaf)
{
        uint32_t n = e->registry ? e->registry->n_devices : 0, most = capacity(&e->limits);

        if (e->sup.deaf == deaf)
                return;
        e->sup.deaf = deaf;
        activity_deaf(e, deaf);
        for (uint32_t id = 1; !deaf && id < n && id < most; id++) {
                DeviceState *d = &e->sup.devices[id];

                if (d->by_coap || (d->levels & LEVEL_LOST) || !d->heard_us)
                        continue;
                d->heard_us = e->at;
                d->data_us = d->data_us ? e->at : 0;
        }
}

/* What is due */

static void lost(Engine *e, uint32_t id, const Device *device, DeviceState *d)
{
        int64_t due = d->heard_us + (int64_t)supervision_limit(e, device);
        uint64_t seq;
        Place p;

        ASSERT(!(d->levels & LEVEL_LOST));
        d->levels |= LEVEL_LOST;
        d->lost_us = e->at;
        if (!d->lost_wall) {
                d->lost_wall = now_wall_of(e, due);
                mark_put(e, MARK_LOST, id, 0, 1, d->lost_wall);
        }
        if (supervision_shelved(e, d) || area_takes(e, id)) {
                device_place(e, device->code, &p);
                device_row(e, NULL, JOURNAL_DEVICE, &p,
                        supervision_shelved(e, d) ? REASON_SHELVED : REASON_AREA);
                return;
        }
        (void)fault(e, NULL, device->code, LEVEL_LOST, d->lost_wall, &seq);
}

/* One ticket for the grid: whoever takes it gets the list (huyingctl unprotected). */
static void proof_overdue(Engine *e, const Device *device, DeviceState *d)
{
        Matter m = {.group = GROUP_FAULT,
                .class = CLASS_BATTERY,
                .kind = ALARM_FAULT,
                .reason = REASON_PROOF,
                .level = 1,
                .quiet = false,
                .word = ""};
        Incident *in;
        uint64_t seq;

        d->levels |= LEVEL_PROOF;
        device_place(e, device->code, &m.place);
        m.source = "";
        m.place = (Place){.grid = m.place.grid,
                .known = true,
                .key_type = KEY_PROOF,
                .key_id = (uint64_t)m.place.grid + 1};
        in = table_find(e, GROUP_FAULT, KEY_PROOF, m.place.key_id);
        if (!in || !state_open(in->state))
                (void)incident_alarm(e, &m, &seq);
}

static bool past(int64_t since, uint64_t limit_us, int64_t now)
{
        return since && limit_us && since + (int64_t)limit_us <= now;
}

static void device_expire(Engine *e, uint32_t id, const Device *device, DeviceState *d)
{
        uint64_t limit = supervision_limit(e, device), seq;

        if (d->vital_due_us && d->vital_due_us <= e->at) {
                d->vital_due_us = 0;
                vitals_expire(e, id);
        } else if (d->shelved_wall && e->now.wall_us >= d->shelved_wall) {
                d->shelved_wall = 0;
                mark_put(e, MARK_SHELVED, id, 0, 0, e->now.wall_us);
                if (!d->area)
                        supervision_returns(e, id);
        } else if (limit && !(d->levels & LEVEL_LOST) && past(d->heard_us, limit, e->at)) {
                if (e->sup.deaf && !d->by_coap)
                        d->heard_us = e->at;
                else
                        lost(e, id, device, d);
        } else if ((d->levels & LEVEL_LOST) && !d->area && past(d->lost_us, (uint64_t)AGAIN_US, e->at)) {
                d->lost_us = e->at;
                if (!supervision_shelved(e, d))
                        (void)fault(e, NULL, device->code, LEVEL_LOST, d->lost_wall, &seq);
        } else if (!(d->levels & LEVEL_NOT_WORN) && past(d->off_us, not_worn_limit(e, device), e->at)) {
                (void)wrong(e, NULL, device->code, LEVEL_NOT_WORN, &seq);
        } else if (!(d->levels & LEVEL_MAINS) && past(d->mains_off_us, e->policy.mains_us, e->at)) {
                (void)wrong(e, NULL, device->code, LEVEL_MAINS, &seq);
        } else if (!(d->levels & (LEVEL_NO_DATA | LEVEL_LOST | LEVEL_NOT_WORN)) && e->policy.no_data_us &&
                   past(d->data_us, (uint64_t)no_data_limit(e, d), e->at)) {
                if (e->sup.deaf && !d->by_coap)
                        d->data_us = e->at;
                else
                        (void)wrong(e, NULL, device->code, LEVEL_NO_DATA, &seq);
        } else if (!(d->levels & LEVEL_PROOF) && wants_proof(e, device, d) &&
                   e->now.wall_us >= d->proof_wall + (int64_t)e->policy.proof_us) {
                proof_overdue(e, device, d);
        }
        supervision_touch(e, id);
}

int64_t supervision_due(const Engine *e)
{
        int64_t due = min_due(area_due(e), activity_due(e));
        uint32_t id;
        HeapKey key;

        if (heap_first(&e->sup.due, &id, &key))
                due = min_due(due, (int64_t)(key.due - (UINT64_C(1) << 63)));
        return due;
}

void supervision_expire(Engine *e)
{
        uint32_t id;
        HeapKey key;

        ASSERT(supervision_due(e) <= e->at);
        if (area_due(e) <= e->at) {
                area_expire(e);
                return;
        }
        if (activity_due(e) <= e->at) {
                activity_expire(e);
                return;
        }
        ASSERT(heap_first(&e->sup.due, &id, &key));
        ASSERT(id < capacity(&e->limits));
        if (registry_device(e->registry, id))
                device_expire(e, id, registry_device(e->registry, id), &e->sup.devices[id]);
        else
                heap_unset(&e->sup.due, id);
}

/* What outlived a restart, and what the world may see */

void engine_restore_mark(Engine *e, const MarkRow *row)
{
        DeviceState *d = supervision_of(e, row->id);

        ASSERT(e && row);
        if (row->kind == MARK_VISIT)
                visit_restore(e, row);
        if (row->kind >= MARK_MOTION && row->kind <= MARK_ALIVE) {
                activity_restore(e, row);
                return;
        }
        if (row->kind == MARK_FALL)
                fall_restore(e, row);
        if (!d)
                return; /* residents have the same room */
        switch (row->kind) {
        case MARK_LOST: d->lost_wall = row->value ? row->wall_us : 0; return;
        case MARK_PROOF:
                d->proof_wall = row->wall_us;
                d->tried = row->value == 2;
                return;
        case MARK_BATTERY:
                d->trend = (uint8_t)(row->value >= 0 && row->value <= 100 ? row->value + 1 : 0);
                d->trend_wall = row->wall_us;
                return;
        case MARK_SHELVED: d->shelved_wall = row->value ? row->wall_us : 0; return;
        case MARK_BOX: testbox_restore(e, row); return;
        case MARK_AWAY: away_restore(e, row); return;
        case MARK_VISIT:
        case MARK_MOTION:
        case MARK_BED:
        case MARK_WATER:
        case MARK_DOOR:
        case MARK_BUTTON:
        case MARK_ALIVE:
        case MARK_FALL:
        case MARK_KIND_MAX: return;
        }
}

bool engine_device_view(const Engine *e, uint32_t id, Now now, DeviceView *ret)
{
        const Device *device = registry_device(e->registry, id);
        const DeviceState *d = supervision_of(e, id);
        int64_t offset = now.wall_us - (int64_t)now.boot_us;

        ASSERT(ret);
        if (!device)
                return false;
        *ret = (DeviceView){
                .supervised = d && supervision_limit(e, device), .battery = -1, .battery_days = -1};
        if (!d)
                return true;
        ret->lost = d->levels & LEVEL_LOST;
        ret->not_worn = d->levels & LEVEL_NOT_WORN;
        ret->no_data = d->levels & LEVEL_NO_DATA;
        ret->in_area = d->area;
        ret->heard_us = d->heard ? d->heard_us + offset : 0;
        ret->lost_us = ret->lost ? d->lost_wall : 0;
        ret->proof_us = d->tried ? d->proof_wall : 0;
        ret->shelved_us = d->shelved_wall;
        ret->boxed_us = testbox_until(e, id);
        ret->battery = (int8_t)(d->battery - 1);
        ret->battery_days = (int16_t)days_left(e, d);
        ret->proof_overdue = d->levels & LEVEL_PROOF;
        return true;
}
