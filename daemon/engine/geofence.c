/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a resident is: the circle around his home that he should not leave alone, and the place in his alerts.
 *
 * Only who has a circle in the registry (rule geofence) is judged; he has one because he gets lost, so leaving it is
 * urgent (P2, class wandering). A position is outside when it is so by more than its own uncertainty, and inside when
 * it is so by a tenth of the radius (25 m at least); in between it says nothing. One position jumps: it takes two
 * outside in a row, geofence_delay apart, or that nothing contradicts one for ten minutes. Back inside is a condition,
 * which stops nothing; so is a wristband that is taken off, with its own rule (not_worn).
 *
 * Whoever is registered as away, or does not wear his wristband, is not judged. Outside for longer than `repeat` after
 * somebody has dealt with it calls again.
 *
 * Coordinates are personal data: they stand in the alerts of those who are called, and in no log.
 */
#include "base/str.h"
#include "engine/internal.h"

#include <math.h>

#define EARTH_M           6371008.8
#define ACCURACY_M        30.0 /* of a position that does not say */
#define MARGIN_M          25.0
#define UNCONTRADICTED_US ((int64_t)(10 * USEC_PER_MIN))
#define TOLD_AGAIN_US     ((int64_t)USEC_PER_MIN)
#define DEGREE            (M_PI / 180)

/* Great circle, by the haversine formula. */
static double distance_m(double lat_a, double lon_a, double lat_b, double lon_b)
{
        double s = sin((lat_b - lat_a) * DEGREE / 2), t = sin((lon_b - lon_a) * DEGREE / 2);
        double h = s * s + cos(lat_a * DEGREE) * cos(lat_b * DEGREE) * t * t;

        return 2 * EARTH_M * asin(fmin(1, sqrt(h)));
}

static void place_note(Engine *e, Incident *in, const Activity *a)
{
        bool told = in->located && e->now.wall_us - in->located_wall < TOLD_AGAIN_US;

        in->located = true;
        in->lat = a->lat;
        in->lon = a->lon;
        in->accuracy_m = a->accuracy_m;
        in->located_wall = told ? in->located_wall : e->now.wall_us;
        if (told)
                emit_state(e, in);
        else
                emit_alert(e, in);
}

/* Whoever looks for him, or is on the way to him, sees where he is now. */
static void places_note(Engine *e, const Activity *a, const Place *p)
{
        static const Group groups[] = {GROUP_HELP, GROUP_INACTIVITY, GROUP_UNKNOWN};

        for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
                Incident *in = table_find(e, groups[i], (KeyType)p->key_type, p->key_id);

                if (in && state_open(in->state))
                        place_note(e, in, a);
        }
}

static void left(Engine *e, const Event *ev, const Place *p, Activity *a)
{
        const Device *band = registry_device(e->registry, a->band);
        Matter m = {.event = ev,
                .group = GROUP_INACTIVITY,
                .class = CLASS_WANDERING,
                .kind = ALARM_UNKNOWN,
                .level = LEFT_HOME,
                .reason = REASON_LEFT,
                .source = band ? band->code : "",
                .word = ""};
        Incident *in;
        uint64_t seq;

        m.place = *p;
        m.place.device = band ? a->band : 0;
        a->outside = 2;
        a->outside_us = e->at;
        a->outside_due = 0;
        in = incident_alarm(e, &m, &seq);
        in->value = round(a->far_m);
        in->limit = rule_of(e->registry, p->resident, RULE_GEOFENCE)[2];
        place_note(e, in, a);
}

static void back(Engine *e, const Event *ev, const Place *p, Activity *a)
{
        Incident *in = table_find(e, GROUP_INACTIVITY, (KeyType)p->key_type, p->key_id);

        a->outside = 0;
        a->outside_due = 0;
        for (unsigned i = 0; in && i < in->n_sources; i++)
                if (source_at(in, i)->active & LEFT_HOME)
                        incident_condition(e, in, source_at(in, i)->code, LEFT_HOME, ev);
}

static bool is_judged(const Engine *e, const Activity *a, const Place *p)
{
        const DeviceState *d = supervision_of(e, a->band);

        ASSERT(d); /* what said where he is has been heard */
        return away_of(e, p->resident) == AWAY_HOME && !d->off_us;
}

static void outside(Engine *e, const Event *ev, const Place *p, Activity *a)
{
        int64_t delay = (int64_t)rule_of(e->registry, p->resident, RULE_GEOFENCE_DELAY)[0];
        int64_t again = (int64_t)rule_of(e->registry, p->resident, RULE_REPEAT)[0];

        if (a->outside == 2) {
                if (e->at - a->outside_us >= again)
                        left(e, ev, p, a);
                return;
        }
        if (!a->outside) {
                a->outside = 1;
                a->outside_us = e->at;
                a->outside_due = e->at + (delay > UNCONTRADICTED_US ? delay : UNCONTRADICTED_US);
        } else if (e->at - a->outside_us >= delay) {
                left(e, ev, p, a);
                return;
        }
        if (!delay)
                left(e, ev, p, a);
        else
                activity_touch(e, p->resident);
}

void geofence_position(Engine *e, const Event *ev, const Place *p)
{
        const double *home = rule_own(e->registry, p->resident, RULE_GEOFENCE);
        Activity *a = activity_of(e, p->resident);
        double sure;

        if (!a) /* nobody's */
                return;
        a->lat = ev->signs.lat;
        a->lon = ev->signs.lon;
        a->accuracy_m = ev->signs.accuracy_m;
        a->band = p->device;
        places_note(e, a, p);
        if (!home || home[2] == 0 || !is_judged(e, a, p))
                return;
        a->far_m = distance_m(home[0], home[1], a->lat, a->lon);
        sure = ev->signs.accuracy_m > 0 ? (double)ev->signs.accuracy_m : ACCURACY_M;
        if (a->far_m - sure > home[2])
                outside(e, ev, p, a);
        else if (a->far_m <= home[2] - fmax(MARGIN_M, home[2] / 10) && sure <= fmax(home[2], 2 * ACCURACY_M))
                back(e, ev, p, a);
}

/* Nothing has contradicted the one position outside. */
void geofence_expire(Engine *e, const Place *p)
{
        Activity *a = activity_of(e, p->resident);

        ASSERT(a && a->outside_due);
        a->outside_due = 0;
        if (a->outside == 1 && is_judged(e, a, p))
                left(e, NULL, p, a);
        else
                a->outside = 0;
}
