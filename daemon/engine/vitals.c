/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readings: which of them call, and which are noise. Every number below is a rule that can be set for one person
 * (rules.h).
 *
 * A reading is beyond when it is outside the person's own limits in the registry. It is gross when NEWS2 gives it 3
 * points as well: the own limit must be broken too, because a resident whose doctor has set another range lives
 * there.
 *
 *   gross                 calls at once (P2). In a course (five readings, the last one a minute ago at most) it takes
 *                         two of three, or that nothing contradicts it: a loose strap gives one such reading, an
 *                         irregular heart another one every few minutes, and who is really ill has it again at once
 *   beyond                calls (P3) when 2 of the last 3 readings are beyond, or when nothing has contradicted it
 *                         for 30 s (or one and a half of the device's intervals, 5 min at most): a lone reading
 *                         is believed in the end, so that a cuff that is used once a day is heard
 *   NEWS2 (news2.c)       5 points call (P3), 7 (P2), and 3 for one part for which the person has no limit (P3); by
 *                         the same two of three. A part within the own limits counts 2 at most
 *   rate                  changes within ten minutes by more than the rule, and by three times what it scatters
 *                         from reading to reading besides (P3); the same
 *   back                  inside the limit by a margin (5/min, 5 %, 1 % SpO2, 0.2 °C) and held for 60 s: the
 *                         condition of the matter is CLEARED, which stops nothing
 *
 * One matter, and not one call for each time that a value that scatters around its limit crosses it: what has called
 * calls again when it had been over (not beyond for half an hour), on the other side, or after four hours; and when it
 * is gross and was not, or is so eight times in a row. Until then it is recorded, and stands in the alert of the open matter, but nobody's telephone rings: a chart
 * that rings every five minutes is switched off in the end. The same holds after somebody has resolved it.
 *
 * While the wristband is not worn, readings are kept and not judged. No readings at all are a fault of the device
 * (supervision.c), never a vital. What is known of the course is in memory only, 330 bytes a resident.
 */
#include "engine/internal.h"

#include <math.h>

#define DS_PER_SEC   10u /* times here are tenths of a second since CLOCK_BOOTTIME began, as 32 bits */
#define DELAY_MAX_DS (300u * DS_PER_SEC)
#define CLEAR_DS     (60u * DS_PER_SEC)
#define JUMP_DS      (60u * DS_PER_SEC)
#define WINDOW_DS    (600u * DS_PER_SEC)
#define TREND_DS     (120u * DS_PER_SEC)
#define FRESH_DS     (3600u * DS_PER_SEC) /* older readings are no part of a score */
#define REST_DS      (3600u * DS_PER_SEC) /* a score or a change calls once in it, if it is not worse */
#define OVER_DS      (1800u * DS_PER_SEC) /* not beyond for so long: the next time is another time */
#define EVERY        0xff                 /* of eight readings */
#define COURSE       5                    /* readings; fewer, and it is the first thing we hear */
#define BIT_RATE     BIT(VITAL_MAX)
#define BIT_SCORE    BIT(VITAL_MAX + 1)
#define BIT_STAYS    BIT(VITAL_MAX + 2) /* what was hushed goes on, and is news */
#define PARTIAL      0x80u              /* of a score: always, see news2.c */

static const struct {
        double jump;  /* further than a body changes within a minute */
        bool percent; /* "back" is in percent of the limit */
} courses[VITAL_MAX] = {
        [VITAL_HR] = {60, false},
        [VITAL_SPO2] = {10, false},
        [VITAL_SYS] = {60, true},
        [VITAL_DIA] = {40, true},
        [VITAL_TEMP] = {1.5, false},
        [VITAL_RESP] = {15, false},
};

/* What one step has found, all vitals together. */
typedef struct Found {
        uint32_t fired, cleared; /* bits of Source.active */
        uint32_t repeated;       /* of those: it has called lately, and is only recorded */
        bool critical;
        Reason reason;
        Vital worst; /* a critical one, else the first */
        double value, limit, trend;
        int64_t span_us;
        uint8_t score;
} Found;

typedef struct Judge {
        Engine *e;
        const VitalLimits *limits;
        ResidentState *person;
        RuleSet rules;
        uint32_t now, wait; /* wait: how long a lone reading may go uncontradicted */
        uint8_t k, n;       /* so many of the last so many */
        uint32_t active;    /* bits of the open matter */
        bool was_critical;
        Found found;
} Judge;

static uint32_t now_ds(const Engine *e)
{
        return (uint32_t)(e->at / (int64_t)(USEC_PER_SEC / DS_PER_SEC)) | 1; /* 0 is never */
}

static bool is_beyond(const VitalLimits *limits, unsigned i, double v, double *ret_limit)
{
        if (!isnan(limits->min[i]) && v < limits->min[i]) {
                *ret_limit = limits->min[i];
                return true;
        }
        if (!isnan(limits->max[i]) && v > limits->max[i]) {
                *ret_limit = limits->max[i];
                return true;
        }
        return false;
}

/* Inside each limit by the margin, or as far inside as two limits that lie close allow. */
static bool is_back(const VitalLimits *limits, unsigned i, double v, double band)
{
        double min = limits->min[i], max = limits->max[i], mid = (min + max) / 2;
        double low = courses[i].percent ? min * (1 + band / 100) : min + band;
        double high = courses[i].percent ? max * (1 - band / 100) : max - band;

        if (!isnan(mid) && low > high)
                low = high = mid;
        return (isnan(min) || v >= low || (i == VITAL_SPO2 && v >= 100)) && (isnan(max) || v <= high);
}

static double rule(const Judge *j, unsigned name)
{
        return j->rules.value[name][0];
}

/* A rule that the configuration can switch off for all who have none of their own. */
static double rule_if(const Judge *j, unsigned name, bool on)
{
        return on || (j->rules.set & UINT64_C(1) << name) ? rule(j, name) : 0;
}

/* So many of the newest n. */
static bool said(const Judge *j, uint8_t recent)
{
        unsigned count = 0;

        for (unsigned i = 0; i < j->n; i++)
                count += recent >> i & 1u;
        return count >= j->k;
}

static double trend_of(const VitalTrack *t, uint32_t now, double v)
{
        uint32_t span = now - t->ref_ds;

        ASSERT(t->ref_ds); /* something was taken */
        return span >= TREND_DS ? (v - t->ref) * 3600 * DS_PER_SEC / span : NAN;
}

static void fire(Judge *j, uint32_t bit, Reason reason, bool critical, unsigned i, double limit)
{
        const VitalTrack *t = &j->person->vitals[i];
        Found *f = &j->found;

        if (!f->fired || (critical && !f->critical)) {
                f->worst = (Vital)i;
                f->value = t->last;
                f->limit = limit;
                f->trend = trend_of(t, j->now, t->last);
                f->reason = reason;
                f->span_us = t->since_ds
                                     ? (int64_t)(j->now - t->since_ds) * (int64_t)(USEC_PER_SEC / DS_PER_SEC)
                                     : 0;
        }
        f->fired |= bit;
        f->critical = f->critical || critical;
}

/* True: this rule has called for it before, and it has not been over since. */
static bool is_dealt_with(const Judge *j, uint32_t bit)
{
        const ResidentState *p = j->person;

        return (p->latched & bit) && j->now - p->told_ds < rule(j, RULE_REPEAT) / 1e5;
}

static void latch(Judge *j, uint32_t bit, bool critical)
{
        j->person->latched |= (uint16_t)bit;
        j->person->told_ds = j->now;
        j->person->told_critical = j->person->told_critical || critical;
}

static void pend(Judge *j, uint32_t due)
{
        if (!j->person->due_ds || due < j->person->due_ds)
                j->person->due_ds = due;
}

/* Beyond its limit: now, twice of three, uncontradicted, or not yet. */
static void judge_beyond(Judge *j, unsigned i, double limit, bool doubtful)
{
        VitalTrack *t = &j->person->vitals[i];
        bool twice = said(j, t->recent), long_enough = j->now - t->since_ds >= j->wait;
        bool gross = t->gross & 1, above = t->last > limit, same, dealt, stays;
        ResidentState *p = j->person;

        if (gross && doubtful && !said(j, t->gross) && !long_enough) {
                gross = false; /* so far; what waits is decided as it is then */
                pend(j, t->since_ds + j->wait);
        }
        if (!twice && !long_enough && !gross) {
                pend(j, t->since_ds + j->wait);
                return;
        }
        stays = (p->hushed & BIT(i)) && t->gross == EVERY;
        same = j->active & BIT(i) ? !gross || j->was_critical
                                  : (p->noted & BIT(i)) && (!gross || p->told_critical);
        if (same && !stays)
                return;
        dealt = is_dealt_with(j, BIT(i)) && (p->told_above >> i & 1) == above;
        p->noted |= (uint16_t)BIT(i);
        p->hushed &= (uint8_t)~BIT(i);
        if (dealt && (!gross || (p->told_critical && doubtful && t->gross != EVERY))) {
                j->found.repeated |= BIT(i);
                p->hushed |= (uint8_t)BIT(i);
        } else {
                latch(j, BIT(i), gross);
                p->told_above = (uint8_t)((p->told_above & ~BIT(i)) | (unsigned)above << i);
        }
        fire(j, BIT(i) | (stays ? BIT_STAYS : 0), twice || long_enough ? REASON_SUSTAINED : REASON_LIMIT,
                gross, i, limit);
}

static void judge_back(Judge *j, unsigned i)
{
        VitalTrack *t = &j->person->vitals[i];
        ResidentState *p = j->person;

        if ((p->latched & BIT(i)) && j->now - t->beyond_ds >= OVER_DS)
                p->latched &= (uint16_t)~BIT(i);
        if (!((j->active | p->noted) & BIT(i)))
                return;
        if (!is_back(j->limits, i, t->last, rule(j, RULE_BACK + i))) {
                t->clear_ds = 0;
                return;
        }
        if (!t->clear_ds)
                t->clear_ds = j->now;
        if (j->now - t->clear_ds < CLEAR_DS) {
                pend(j, t->clear_ds + CLEAR_DS);
                return;
        }
        j->found.cleared |= BIT(i) | BIT_STAYS;
        p->noted &= (uint16_t)~BIT(i);
}

static void judge(Judge *j, unsigned i, bool doubtful)
{
        VitalTrack *t = &j->person->vitals[i];
        double limit;

        if (is_beyond(j->limits, i, t->last, &limit)) {
                t->clear_ds = 0;
                judge_beyond(j, i, limit, doubtful);
        } else {
                judge_back(j, i);
        }
}

/* A new reading. Bits of the vitals: `course`, it belongs to one; `jumps`, it leaves it further than a body does. */
static void take(Judge *j, unsigned i, double v, uint32_t *course, uint32_t *jumps)
{
        VitalTrack *t = &j->person->vitals[i];
        bool in_course = t->n >= COURSE && j->now - t->last_ds <= JUMP_DS;
        double step = t->last_ds ? fabs(v - t->last) : 0, limit;
        bool beyond = is_beyond(j->limits, i, v, &limit);

        *course |= in_course ? BIT(i) : 0;
        *jumps |= in_course && step > courses[i].jump ? BIT(i) : 0;
        t->scatter += ((float)fmin(step, courses[i].jump) - t->scatter) / (float)(t->n < 1   ? 1
                                                                                  : t->n < 8 ? t->n
                                                                                             : 8);
        t->recent = (uint8_t)(t->recent << 1 | beyond);
        t->gross = (uint8_t)(t->gross << 1 | (beyond && news2_points((Vital)i, v) == 3));
        if (beyond)
                t->beyond_ds = j->now;
        if (!beyond)
                t->since_ds = 0;
        else if (!t->since_ds)
                t->since_ds = j->now;
        if (!t->ref_ds || j->now - t->ref_ds > WINDOW_DS) {
                t->ref = t->last_ds ? t->last : v;
                t->ref_ds = t->last_ds ? t->last_ds : j->now;
        }
        if (j->now - t->ref_ds > WINDOW_DS) { /* the last one is old too */
                t->ref = v;
                t->ref_ds = j->now;
        }
        t->last = v;
        t->last_ds = j->now;
        t->n += t->n < UINT8_MAX;
}

/* Twice of three, for rules over more than a limit. */
static bool rule_holds(Judge *j, uint8_t *recent, bool now)
{
        *recent = (uint8_t)((*recent << 1 | now) & (BIT(j->n) - 1));
        if (!now && !*recent && j->now - j->person->told_ds >= REST_DS)
                j->person->latched &= (uint16_t) ~(recent == &j->person->rate_recent ? BIT_RATE : BIT_SCORE);
        return now && said(j, *recent);
}

/* What is scatter and no change: more of it than any device has. */
static double noise_of(const VitalTrack *t, double least)
{
        return 3 * fmax(0, (double)t->scatter - least / 8);
}

static void judge_rate(Judge *j, uint32_t has)
{
        bool any = false, on = j->e->policy.vital_rate;
        unsigned which = 0;

        for (unsigned i = 0; i < VITAL_MAX; i++) {
                const VitalTrack *t = &j->person->vitals[i];
                double change = t->last - t->ref, up, down;

                if (!(has & BIT(i)) || t->ref_ds == t->last_ds || t->since_ds || (j->active & BIT(i)))
                        continue; /* beyond its limit: that has called, or will */
                up = rule_if(j, RULE_RISE + i, on);
                down = rule_if(j, RULE_DROP + i, on);
                if (!(up > 0 && change >= up + noise_of(t, up)) &&
                        !(down > 0 && -change >= down + noise_of(t, down)))
                        continue;
                which = any ? which : i;
                any = true;
        }
        if (!rule_holds(j, &j->person->rate_recent, any) || (j->active & BIT_RATE) ||
                is_dealt_with(j, BIT_RATE))
                return;
        fire(j, BIT_RATE, REASON_RATE, false, which, j->person->vitals[which].ref);
        latch(j, BIT_RATE, false);
}

/* The sum over fresh readings. A part inside the person's own limits counts 2 at most. */
static unsigned score_of(const Judge *j, bool *ret_three, unsigned *ret_which)
{
        unsigned sum = 0, most = 0;

        *ret_three = false;
        *ret_which = 0;
        for (unsigned i = 0; i < VITAL_MAX; i++) {
                const VitalTrack *t = &j->person->vitals[i];
                unsigned points;
                bool own = !isnan(j->limits->min[i]) || !isnan(j->limits->max[i]);
                double limit;

                if (!t->last_ds || j->now - t->last_ds > FRESH_DS)
                        continue;
                points = news2_points((Vital)i, t->last);
                if (points == 3 && own && !is_beyond(j->limits, i, t->last, &limit))
                        points = 2;
                *ret_three = *ret_three || (points == 3 && !own);
                if (points > most) {
                        most = points;
                        *ret_which = i;
                }
                sum += points;
        }
        return sum;
}

static void judge_score(Judge *j)
{
        double least = rule_if(j, RULE_SCORE, j->e->policy.vital_score);
        double most = rule_if(j, RULE_SCORE_CRITICAL, least > 0);
        unsigned which, score;
        bool three, urgent, critical;

        if (!(least > 0))
                return;
        score = score_of(j, &three, &which);
        critical = most > 0 && score >= most;
        urgent = critical || three || score >= least;
        j->found.score = (uint8_t)(score ? score | PARTIAL : 0);
        if (!rule_holds(j, &j->person->score_recent, urgent))
                return;
        if (j->active || j->found.fired
                        ? !critical || j->was_critical || j->found.critical
                        : is_dealt_with(j, BIT_SCORE) && !(critical && !j->person->told_critical))
                return;
        fire(j, BIT_SCORE, REASON_SCORE, critical, which, NAN);
        latch(j, BIT_SCORE, critical);
}

/* From here on: the matter */

static uint32_t active_bits(const Incident *in)
{
        uint32_t bits = 0;

        for (unsigned i = 0; in && i < in->n_sources; i++)
                bits |= source_at(in, i)->active;
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

/* It has called lately: recorded, with the open matter or, where there is none, by itself. */
static void repeat(Engine *e, const Event *ev, const Place *p, const Found *f)
{
        JournalRow *row;

        device_row(e, ev, JOURNAL_READING, p, f->reason);
        row = &e->list->effects[e->list->n - 1].journal;
        row->vital = (uint8_t)f->worst;
        row->value = f->value;
        row->limit = f->limit;
}

static Incident *call(
        Engine *e, const Event *ev, const char *source, const Place *p, const Found *f, uint64_t *ret_seq)
{
        Matter m = {.event = ev,
                .place = *p,
                .group = GROUP_VITAL,
                .class = f->critical ? CLASS_VITAL_CRITICAL : CLASS_VITAL_URGENT,
                .kind = ALARM_UNKNOWN,
                .level = (uint16_t)f->fired,
                .reason = (uint8_t)f->reason,
                .vital = (uint8_t)f->worst,
                .value = f->value,
                .limit = f->limit,
                .trend = f->trend,
                .span_us = f->span_us,
                .score = f->score,
                .source = source,
                .repeat = f->fired == f->repeated,
                .word = vital_word(f->worst)};
        Incident *in;

        ASSERT(f->fired);
        in = incident_alarm(e, &m, ret_seq);
        in->critical = in->critical || f->critical;
        return in;
}

/* A shelved device's urgent readings are kept; critical ones always call. */
static bool is_shelved(const Engine *e, uint32_t device, const Found *f)
{
        const DeviceState *d = supervision_of(e, device);

        return d && supervision_shelved(e, d) && !f->critical;
}

static void begin(
        Judge *j, Engine *e, const Place *p, ResidentState *person, const Resident *resident, const Incident *in)
{
        const DeviceState *d = supervision_of(e, p->device);
        uint32_t wait = d ? d->interval_s * DS_PER_SEC * 3 / 2 : 0, delay;

        *j = (Judge){.e = e,
                .limits = resident->limits,
                .person = person,
                .now = now_ds(e),
                .active = active_bits(in),
                .was_critical = in && in->critical,
                .found = {.trend = NAN, .limit = NAN}};
        rule_set(e->registry, p->resident, &j->rules);
        j->k = (uint8_t)j->rules.value[RULE_SAMPLES][0];
        j->n = (uint8_t)j->rules.value[RULE_SAMPLES][1];
        delay = (uint32_t)(rule(j, RULE_DELAY) / 1e5);
        wait = wait > DELAY_MAX_DS ? DELAY_MAX_DS : wait;
        j->wait = wait < delay ? delay : wait;
}

/* Tells what was found, and when to look again. */
static Incident *end(Engine *e, const Event *ev, const char *source, const Place *p, Judge *j, Incident *in,
        uint64_t *ret_seq)
{
        DeviceState *d = supervision_of(e, p->device);
        bool repeated = j->found.fired == j->found.repeated;

        if (j->found.fired && repeated && !(in && state_open(in->state)))
                repeat(e, ev, p, &j->found);
        else if (j->found.fired && !is_shelved(e, p->device, &j->found))
                in = call(e, ev, source, p, &j->found, ret_seq);
        if (!(j->person->latched & ((1u << VITAL_MAX) - 1)))
                j->person->told_critical = false;
        if (in && (j->active & j->found.cleared))
                incident_condition(e, in, source, (uint16_t)(j->active & j->found.cleared), ev);
        if (in && (j->active & BIT_RATE) && !j->person->rate_recent)
                incident_condition(e, in, source, BIT_RATE, ev);
        if (in && (j->active & BIT_SCORE) && !j->person->score_recent)
                incident_condition(e, in, source, BIT_SCORE, ev);
        if (d) {
                d->vital_due_us = j->person->due_ds
                                          ? (int64_t)j->person->due_ds * (int64_t)(USEC_PER_SEC / DS_PER_SEC)
                                          : 0;
                supervision_touch(e, p->device);
        }
        return in;
}

/* Nothing has come that contradicts what waits: it is true. */
void vitals_expire(Engine *e, uint32_t device)
{
        const Device *who = registry_device(e->registry, device);
        const Resident *resident;
        ResidentState *person;
        Incident *in;
        uint64_t seq;
        Judge j;
        Place p;

        ASSERT(who);
        device_place(e, who->code, &p);
        resident = registry_resident(e->registry, p.resident);
        person = supervision_resident(e, p.resident);
        if (!resident || !person)
                return;
        in = table_find(e, GROUP_VITAL, (KeyType)p.key_type, p.key_id);
        begin(&j, e, &p, person, resident, in);
        person->due_ds = 0;
        for (unsigned i = 0; i < VITAL_MAX; i++)
                if (person->vitals[i].last_ds && (person->vitals[i].since_ds || person->vitals[i].clear_ds))
                        judge(&j, i, true);
        (void)end(e, NULL, who->code, &p, &j, in, &seq);
}

static Incident *judge_all(Engine *e, const Event *ev, const Place *p, const Resident *resident,
        ResidentState *person, uint64_t *ret_seq)
{
        Incident *in = table_find(e, GROUP_VITAL, (KeyType)p->key_type, p->key_id);
        uint32_t has = ev->vitals.has;
        uint32_t course = 0, jumps = 0;
        Judge j;

        begin(&j, e, p, person, resident, in);
        person->due_ds = 0;
        for (unsigned i = 0; i < VITAL_MAX; i++)
                if (has & BIT(i))
                        take(&j, i, ev->vitals.value[i], &course, &jumps);
        for (unsigned i = 0; i < VITAL_MAX; i++)
                if (person->vitals[i].last_ds)
                        judge(&j, i, !(has & BIT(i)) || (course & BIT(i)));
        judge_rate(&j, has & ~jumps);
        judge_score(&j);
        return end(e, ev, ev->source, p, &j, in, ret_seq);
}

void vitals_event(Engine *e, const Event *ev)
{
        const Resident *resident;
        const DeviceState *d;
        ResidentState *person;
        uint64_t incident = 0, seq = 0;
        Incident *in = NULL;
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
        person = supervision_resident(e, p.resident);
        d = supervision_of(e, p.device);
        if (resident && person && !(d && d->off_us) && !ev->retained)
                in = judge_all(e, ev, &p, resident, person, &seq);
        if (ev->hold)
                emit_receipt(e, ev, RECEIPT_RECORDED, in ? in->id : 0, seq);
}
