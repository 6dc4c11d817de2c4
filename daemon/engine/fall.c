/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Falls of a person whose detector errs: only where the registry says so (rule fall_confirm), the fall waits so long
 * for its wearer to say that it was none. It is recorded at once, and the device has its receipt.
 *
 *   he says nothing            the matter opens, with the fall's own time
 *   he cancels                 it opens too, as one that its resident has cancelled: somebody confirms, in less of a
 *                              hurry. Nothing that a machine hears keeps people away
 *   he falls again, or calls   it opens at once
 *
 * By default nothing waits: who has fallen lies on the floor. What waits outlives a restart (MARK_FALL); where the
 * clock cannot be trusted, it opens then.
 */
#include "base/str.h"
#include "engine/internal.h"

static void forget(Engine *e, uint32_t resident, Activity *a)
{
        a->fall_due = a->fall_wall = 0;
        mark_put(e, MARK_FALL, resident, 0, 0, e->now.wall_us);
        activity_touch(e, resident);
}

static Incident *fall_open(Engine *e, uint32_t resident, Activity *a, uint64_t *ret_seq)
{
        const Device *device = registry_device(e->registry, a->fall_device);
        Matter m = {.group = GROUP_HELP,
                .class = CLASS_FALL,
                .kind = ALARM_FALL,
                .reason = REASON_OPENED,
                .source = device ? device->code : "",
                .since_wall = a->fall_wall,
                .word = alarm_kind_word(ALARM_FALL)};

        forget(e, resident, a);
        if (device)
                device_place(e, device->code, &m.place);
        else if (!activity_place(e, resident, &m.place)) /* both taken out of the registry in this minute */
                m.place = (Place){.grid = registry_grid_id(e->registry, e->policy.default_grid),
                        .known = true,
                        .key_type = KEY_RESIDENT,
                        .key_id = resident};
        return incident_alarm(e, &m, ret_seq);
}

bool fall_waits(Engine *e, const Matter *m, uint64_t *ret_seq)
{
        Activity *a = activity_of(e, m->place.resident);
        int64_t wait = (int64_t)rule_of(e->registry, m->place.resident, RULE_FALL_CONFIRM)[0];
        uint64_t seq;

        if (!a || m->event->retained) /* nobody's, of somebody beyond the table, or old */
                return false;
        ASSERT(m->place.known && m->place.resident);
        if (a->fall_due) { /* once more, or a call: that is no mistake */
                if (m->class == CLASS_FALL)
                        forget(e, m->place.resident, a);
                else
                        (void)fall_open(e, m->place.resident, a, &seq);
                return false;
        }
        if (m->class != CLASS_FALL || !wait || testbox_tester(e, m->place.device) ||
                table_find(e, GROUP_HELP, (KeyType)m->place.key_type, m->place.key_id))
                return false;
        device_row(e, m->event, JOURNAL_EVENT, &m->place, REASON_HELD);
        *ret_seq = e->next_seq - 1;
        a->fall_due = e->at + wait;
        a->fall_wall = e->now.wall_us;
        a->fall_device = m->place.device;
        mark_put(e, MARK_FALL, m->place.resident, (uint32_t)(wait / (int64_t)USEC_PER_SEC), m->place.device,
                a->fall_wall);
        activity_touch(e, m->place.resident);
        return true;
}

Incident *fall_cancelled(Engine *e, const Place *p)
{
        Activity *a = activity_of(e, p->resident);
        uint64_t seq;

        return a && a->fall_due ? fall_open(e, p->resident, a, &seq) : NULL;
}

void fall_expire(Engine *e, uint32_t resident)
{
        Activity *a = activity_of(e, resident);
        uint64_t seq;

        ASSERT(a && a->fall_due);
        (void)fall_open(e, resident, a, &seq);
}

void fall_restore(Engine *e, const MarkRow *row)
{
        Activity *a = activity_of(e, row->id);

        if (!a || !row->value || e->act.armed)
                return;
        a->fall_wall = row->wall_us;
        a->fall_device = (uint32_t)row->value;
        a->fall_wait_s = row->worker;
}

void fall_arm(Engine *e, uint32_t resident)
{
        Activity *a = activity_of(e, resident);
        int64_t due = a->fall_wall + (int64_t)a->fall_wait_s * (int64_t)USEC_PER_SEC - e->now.wall_us;

        if (!a->fall_wall)
                return;
        a->fall_due = e->now.trusted && due > 0 && due <= (int64_t)USEC_PER_HOUR ? e->at + due : e->at;
        activity_touch(e, resident);
}
