/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readings against the fixed limits of the resident in the registry.
 *
 * A vital that goes beyond its limit opens the person's VITAL matter at once, or calls again in it; back within
 * the limits is a condition, which stops nothing. Only edges are journaled: each reading goes to the readings
 * store.
 *
 * Urgent or critical: beyond the person's own limit AND in the range to which NEWS2 (Royal College of
 * Physicians, 2017) gives 3 points for one parameter alone is critical. The person's own limit must be broken
 * too, because a resident whose doctor has set another range lives there. NEWS2 has no row for the diastolic
 * pressure.
 */
#include "engine/internal.h"

#include <math.h>

static bool news2_three(Vital vital, double v)
{
        switch (vital) {
        case VITAL_HR: return v <= 40 || v >= 131;
        case VITAL_SPO2: return v <= 91;
        case VITAL_SYS: return v <= 90 || v >= 220;
        case VITAL_DIA: return false;
        case VITAL_TEMP: return v <= 35.0;
        case VITAL_RESP: return v <= 8 || v >= 25;
        case VITAL_MAX: break;
        }
        ASSERT(!"a vital outside its range");
        return false;
}

typedef struct Beyond {
        uint32_t bits;
        bool critical;
        Vital worst; /* a critical one, else the first */
        double value, limit;
} Beyond;

static void compare(const VitalLimits *limits, const VitalsEvent *v, uint32_t news, Beyond *ret)
{
        *ret = (Beyond){0};
        for (unsigned i = 0; i < VITAL_MAX; i++) {
                bool low, high, critical;

                if (!(v->has & BIT(i)))
                        continue;
                low = !isnan(limits->min[i]) && v->value[i] < limits->min[i];
                high = !isnan(limits->max[i]) && v->value[i] > limits->max[i];
                if (!low && !high)
                        continue;
                critical = news2_three((Vital)i, v->value[i]);
                if (!ret->bits || (critical && !ret->critical) ||
                        (critical == ret->critical && (news & BIT(i)) && !(news & BIT(ret->worst)))) {
                        ret->worst = (Vital)i;
                        ret->value = v->value[i];
                        ret->limit = low ? limits->min[i] : limits->max[i];
                }
                ret->critical = ret->critical || critical;
                ret->bits |= BIT(i);
        }
}

static uint8_t active_bits(const Incident *in)
{
        uint8_t bits = 0;

        for (unsigned i = 0; in && i < in->n_sources; i++)
                bits |= in->sources[i].active;
        return bits;
}

static void reading(Engine *e, const Event *ev, const Place *p)
{
        Effect *effect = emit_effect(e, EFFECT_READING, URGENCY_RECORD);
        int64_t age = e->now.wall_us - ev->device_us;
        bool plausible = ev->device_us && age > -(int64_t)(5 * USEC_PER_MIN) && age < (int64_t)USEC_PER_DAY;

        effect->reading.device = p->device;
        effect->reading.resident = p->resident;
        effect->reading.wall_us = plausible ? ev->device_us : e->now.wall_us;
        effect->reading.vitals = ev->vitals;
}

/* Beyond a limit: opens, or calls again for what is newly beyond, or newly critical. */
static void beyond_limit(Engine *e, const Event *ev, const Place *p, uint8_t active, const Beyond *b,
        Incident **in, uint64_t *ret_seq)
{
        bool newly_critical = b->critical && (!*in || !(*in)->critical);
        Matter m = {.event = ev,
                .place = *p,
                .group = GROUP_VITAL,
                .class = b->critical ? CLASS_VITAL_CRITICAL : CLASS_VITAL_URGENT,
                .kind = ALARM_UNKNOWN,
                .level = (uint8_t)b->bits,
                .reason = REASON_LIMIT,
                .vital = (uint8_t)b->worst,
                .value = b->value,
                .limit = b->limit,
                .word = vital_word(b->worst)};

        if (!(b->bits & ~(uint32_t)active) && !newly_critical)
                return;
        *in = incident_alarm(e, &m, ret_seq);
        (*in)->critical = (*in)->critical || b->critical;
}

void vitals_event(Engine *e, const Event *ev)
{
        const Resident *resident;
        uint64_t incident = 0, seq = 0;
        Incident *in;
        Beyond beyond;
        uint8_t active;
        Place p;

        ASSERT(ev->type == EVENT_VITALS);
        device_place(e, ev->source, &p);
        if (!p.known) {
                device_stranger(e, ev, &incident, &seq);
                if (ev->hold)
                        emit_receipt(e, ev, RECEIPT_RECORDED, incident, seq);
                return;
        }
        reading(e, ev, &p);
        device_well_formed(e, ev);
        resident = registry_resident(e->registry, p.resident);
        in = table_find(e, GROUP_VITAL, (KeyType)p.key_type, p.key_id);
        if (resident) {
                active = active_bits(in);
                compare(&resident->limits, &ev->vitals, ~(uint32_t)active, &beyond);
                if (beyond.bits)
                        beyond_limit(e, ev, &p, active, &beyond, &in, &seq);
                if (in && (active & ev->vitals.has & ~beyond.bits))
                        incident_condition(
                                e, in, ev->source, (uint8_t)(active & ev->vitals.has & ~beyond.bits), ev);
        }
        if (ev->hold)
                emit_receipt(e, ev, RECEIPT_RECORDED, in ? in->id : 0, seq);
}
