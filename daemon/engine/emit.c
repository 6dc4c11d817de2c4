/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Effects are written here and nowhere else.
 *
 * What always holds: rows have contiguous numbers; whatever changes an incident also asks for its state row,
 * once a list; a calming effect carries the number of the newest row that it depends on, also when that row
 * is written after it in the same list.
 */
#include "base/str.h"
#include "engine/internal.h"

#include <string.h>

uint32_t emit_room(const Engine *e)
{
        ASSERT(e->list);
        ASSERT(e->list->n <= EFFECTS_MAX);
        return EFFECTS_MAX - e->list->n;
}

Effect *emit_effect(Engine *e, EffectType type, Urgency urgency)
{
        Effect *effect;

        ASSERT(e->list);
        ASSERT(e->list->n < EFFECTS_MAX);
        effect = &e->list->effects[e->list->n++];
        memset(effect, 0, sizeof(*effect));
        effect->type = type;
        effect->urgency = urgency;
        return effect;
}

/* Attempts and receipts are about people, not about the incident: they do not make its notices out of date. */
static bool changes_facts(JournalKind kind)
{
        return kind != JOURNAL_NOTIFIED && kind != JOURNAL_ATTEMPT && kind != JOURNAL_DELIVERED &&
               kind != JOURNAL_SEEN && kind != JOURNAL_VIEWED;
}

JournalRow *emit_journal(Engine *e, Incident *in, JournalKind kind)
{
        Effect *effect = emit_effect(e, EFFECT_JOURNAL, URGENCY_RECORD);
        JournalRow *row = &effect->journal;

        ASSERT(e->next_seq > 0);
        ASSERT(!in || in->id);
        effect->seq = e->next_seq++;
        row->kind = kind;
        if (!in)
                return row;
        effect->incident = in->id;
        row->device = in->device;
        row->dwelling = in->dwelling;
        row->resident = in->resident;
        row->grid = in->grid;
        row->round = in->round;
        row->tier = in->tier;
        row->state = in->state;
        row->class = in->class;
        row->priority = in->priority;
        if (changes_facts(kind)) {
                in->last_seq = effect->seq;
                if (in->alert_list == e->list_number)
                        e->list->effects[in->alert_index].seq = effect->seq;
        }
        kpi_step(e, in, kind);
        if (kind == JOURNAL_CLOSED)
                kpi_tell(in, row);
        emit_state(e, in);
        return row;
}

JournalRow *emit_timed(Engine *e, Incident *in, JournalKind kind, int64_t at)
{
        JournalRow *row = emit_journal(e, in, kind);

        ASSERT(at != NEVER);
        row->due_wall_us = now_wall_of(e, at);
        row->late = is_late(e, at);
        if (!in)
                return row;
        kpi_late(e, in, kind, at);
        in->late = in->late || row->late;
        return row;
}

void emit_state(Engine *e, Incident *in)
{
        ASSERT(e->list && in && in->id);
        if (in->state_list == e->list_number)
                return;
        in->state_list = e->list_number;
        emit_effect(e, EFFECT_STATE, URGENCY_RECORD)->incident = in->id;
}

void emit_alert(Engine *e, Incident *in)
{
        Effect *effect;

        ASSERT(in && in->id);
        emit_state(e, in);
        if (in->alert_list == e->list_number) {
                e->list->effects[in->alert_index].seq = in->last_seq;
                return;
        }
        in->alert_list = e->list_number;
        in->alert_index = e->list->n;
        effect = emit_effect(e, EFFECT_ALERT, URGENCY_CALM);
        effect->incident = in->id;
        effect->seq = in->last_seq;
}

Lamp state_lamp(State state)
{
        switch (state) {
        case STATE_ALERTING: return LAMP_RECEIVED;
        case STATE_ACCEPTED: return LAMP_ACCEPTED;
        case STATE_ON_SCENE: return LAMP_ARRIVED;
        case STATE_RESOLVED: return LAMP_RESOLVED;
        case STATE_NONE:
        case STATE_CLOSED:
        case STATE_MAX: break;
        }
        return LAMP_IDLE;
}

static void lamp_effect(Engine *e, const Incident *of, const char *source, uint64_t seq)
{
        Effect *effect = emit_effect(e, EFFECT_LAMP, URGENCY_CALM);

        ASSERT(seq < e->next_seq);
        effect->incident = of->id;
        effect->seq = seq;
        effect->lamp.lamp = state_lamp((State)of->state);
        (void)str_copy(effect->lamp.source, CODE_SIZE, source);
}

/* A device of two matters (a wristband after a fall, and its vitals) then shows the one that is still open. */
void emit_lamp_source(Engine *e, Incident *in, const Source *s)
{
        ASSERT(in && s);
        if (!s->code[0])
                return;
        lamp_effect(e, in, s->code, in->last_seq);
        if (state_open(in->state))
                return;
        for (const Incident *other = place_first(e, in->dwelling); other; other = place_next(e, other))
                for (unsigned i = 0; other != in && state_open(other->state) && i < other->n_sources; i++)
                        if (str_equal(source_at(other, i)->code, s->code)) {
                                lamp_effect(e, other, s->code, in->last_seq);
                                return;
                        }
}

void emit_lamp(Engine *e, Incident *in)
{
        ASSERT(in->n_sources <= SOURCES_MAX);
        for (unsigned i = 0; i < in->n_sources && in->group != GROUP_SYSTEM; i++)
                emit_lamp_source(e, in, source_at(in, i));
}

void emit_receipt(Engine *e, const Event *ev, ReceiptResult result, uint64_t incident, uint64_t seq)
{
        Effect *effect = emit_effect(e, EFFECT_RECEIPT, URGENCY_CALM);

        ASSERT(ev);
        ASSERT(seq < e->next_seq);
        effect->incident = incident;
        effect->seq = seq;
        effect->receipt.hold = ev->hold;
        effect->receipt.via = ev->via;
        effect->receipt.result = result;
        (void)str_copy(effect->receipt.source, CODE_SIZE, ev->source);
        (void)str_copy(effect->receipt.id, EVENT_ID_SIZE, ev->id);
}

uint8_t state_packed(const Incident *in)
{
        ASSERT(!in || in->state <= STATE_MASK);
        return in ? (uint8_t)(in->state | request_state(in) << STATE_BITS) : STATE_NONE;
}

void emit_reply(Engine *e, const Event *ev, ReplyResult result, Reason reason, uint64_t incident,
        uint8_t state, uint32_t owner, uint64_t seq)
{
        Effect *effect = emit_effect(e, EFFECT_REPLY, URGENCY_CALM);

        ASSERT(ev);
        ASSERT(seq < e->next_seq);
        effect->incident = incident;
        effect->seq = seq;
        effect->reply.hold = ev->hold;
        effect->reply.via = ev->via;
        effect->reply.result = result;
        effect->reply.state = (State)(state & STATE_MASK);
        effect->reply.request = (uint8_t)(state >> STATE_BITS);
        effect->reply.reason = reason;
        effect->reply.owner = owner;
        (void)str_copy(effect->reply.source, CODE_SIZE, ev->source);
        (void)str_copy(effect->reply.id, EVENT_ID_SIZE, ev->id);
}

void emit_notify(Engine *e, Incident *in, uint32_t worker, Channel channel, uint8_t tier, Reason reason,
        bool late, uint64_t seq)
{
        Effect *effect = emit_effect(e, EFFECT_NOTIFY, URGENCY_RAISE);

        ASSERT(seq + 1 == e->next_seq);
        effect->incident = in->id;
        effect->seq = seq;
        effect->notify.worker = worker;
        effect->notify.channel = channel;
        effect->notify.tier = tier;
        effect->notify.reason = reason;
        effect->notify.late = late;
}
