/* SPDX-License-Identifier: Apache-2.0 */
/* The devices of an incident, and what they say of its condition. */
#include "base/str.h"
#include "engine/internal.h"

Source *source_find(Incident *in, const char *code)
{
        ASSERT(in->n_sources <= SOURCES_MAX);
        for (unsigned i = 0; i < in->n_sources; i++)
                if (str_equal(source_at(in, i)->code, code))
                        return source_at(in, i);
        return NULL;
}

/*
 * NULL: more devices than are remembered. Their level then keeps the condition ACTIVE, because a clear of one that
 * was forgotten could not be told from the clear of another: until source_forget().
 */
Source *source_add(Engine *e, Incident *in, const char *code, uint32_t device)
{
        Source *s = source_find(in, code);

        if (s || in->n_sources == SOURCES_MAX)
                return s;
        s = source_at(in, in->n_sources++);
        *s = (Source){.device = device};
        (void)str_copy(s->code, sizeof(s->code), code);
        emit_state(e, in);
        return s;
}

static bool any_active(const Incident *in)
{
        bool active = in->more_active;

        for (unsigned i = 0; i < in->n_sources; i++)
                active = active || source_at(in, i)->active;
        return active;
}

void source_level(Engine *e, Incident *in, Source *s, uint16_t level)
{
        if (!level)
                return;
        if (s)
                s->active |= level;
        else
                in->more_active = true;
        in->cond = CONDITION_ACTIVE;
        emit_state(e, in);
}

/*
 * A human has said that it is over, and was called once more because of those that are not remembered. Nobody can
 * ask them, so from now on it is not known whether they burn, and the next end is one.
 */
void source_forget(Engine *e, Incident *in)
{
        if (!in->more_active)
                return;
        in->more_active = false;
        if (!any_active(in))
                in->cond = CONDITION_UNKNOWN;
        emit_state(e, in);
}

void incident_condition(Engine *e, Incident *in, const char *source, uint16_t cleared, const Event *ev)
{
        Source *s = source_find(in, source);
        JournalRow *row;

        ASSERT(cleared);
        if (!s || !(s->active & cleared))
                return; /* the same level again is no news */
        s->active &= (uint16_t)~cleared;
        in->cond = any_active(in) ? CONDITION_ACTIVE : CONDITION_CLEARED;
        row = emit_journal(e, in, in->group == GROUP_SYSTEM ? JOURNAL_SYSTEM : JOURNAL_CONDITION);
        row->reason = REASON_CONDITION;
        row->cause = in->cause;
        row->vital = in->vital;
        if (in->group == GROUP_SYSTEM)
                row->event = ev;
        if (in->cond == CONDITION_CLEARED)
                in->reason = REASON_CONDITION;
        emit_alert(e, in);
}
