/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The incidents in memory: slots, the ways to find one, and the heap of deadlines.
 *
 * Slots from `high` on were never touched, so a quiet gateway uses the memory of the incidents that it has had
 * at one time, not of the table. Whom an incident is told to stands in blocks of a pool that has enough of them for
 * every slot, and is used from its beginning in the same way. The last GROUP_MAX slots are the overflow incidents, one a group: when the
 * table is full, events of that group attach to it, and it calls people like any other.
 *
 * Lists: all incidents in id order (next, prev), those of one dwelling (place_next, place_prev). Maps: id, key
 * (what opens or attaches), dwelling (head of its list). A closed incident has no key and no place, and leaves
 * the memory a minute later, or at once when its slot is needed.
 */
#include "base/str.h"
#include "engine/internal.h"

#include <string.h>

#define BLOCKS_MAX (RECIPIENTS_MAX / BLOCK_RECIPIENTS)

_Static_assert(RECIPIENTS_MAX % BLOCK_RECIPIENTS == 0, "a part of a block would not be used");

static size_t padded(size_t n)
{
        return (n + 63) & ~(size_t)63;
}

static uint32_t slot_count(const Limits *limits)
{
        ASSERT(limits->incidents_max > 0);
        ASSERT(limits->incidents_max < UINT32_MAX / 8);
        return limits->incidents_max + OVERFLOWS;
}

size_t table_size(const Limits *limits)
{
        uint32_t n = slot_count(limits);

        return padded(n * sizeof(Incident)) + padded(n * sizeof(IncidentRare)) +
               padded(n * BLOCKS_MAX * sizeof(RecipientBlock)) + 3 * padded(places_size(n)) +
               padded(heap_size(n));
}

void table_init(Engine *e, char **memory)
{
        uint32_t n = slot_count(&e->limits);
        char *p = *memory;

        e->n_slots = n;
        e->slots = (Incident *)(void *)p;
        p += padded(n * sizeof(Incident));
        e->rares = (IncidentRare *)(void *)p;
        p += padded(n * sizeof(IncidentRare));
        e->blocks = (RecipientBlock *)(void *)p;
        p += padded(n * BLOCKS_MAX * sizeof(RecipientBlock));
        places_init(&e->by_id, p, n);
        p += padded(places_size(n));
        places_init(&e->by_key, p, n);
        p += padded(places_size(n));
        places_init(&e->by_dwelling, p, n);
        p += padded(places_size(n));
        heap_init(&e->heap, p, n);
        p += padded(heap_size(n));
        e->free = e->first = e->last = NO_SLOT;
        ASSERT((size_t)(p - *memory) == table_size(&e->limits));
        *memory = p;
}

static Incident *slot_at(const Engine *e, uint32_t slot)
{
        ASSERT(slot < e->n_slots);
        return &e->slots[slot];
}

/* What the maps find an incident by: none of it changes while it is there. */

static uint64_t id_hash(uint64_t id)
{
        return idmap_mix(id, 0);
}

static uint64_t key_hash(Group group, uint8_t type, uint64_t key_id)
{
        return idmap_mix(((uint64_t)type << 8) | (uint64_t)group, key_id);
}

static uint64_t id_hash_of(const void *engine, uint32_t number)
{
        return id_hash(slot_at(engine, number - 1)->id);
}

static uint64_t key_hash_of(const void *engine, uint32_t number)
{
        const Incident *in = slot_at(engine, number - 1);

        return key_hash(in->group, in->key_type, in->key_id);
}

static uint64_t dwelling_hash_of(const void *engine, uint32_t number)
{
        return id_hash(slot_at(engine, number - 1)->dwelling);
}

/* Each ends at the one that is found, or at the free place where it would be: number 0. */

static PlacesLook look_id(const Engine *e, uint64_t id)
{
        PlacesLook l = places_look(&e->by_id, id_hash(id));

        while (places_next(&e->by_id, &l))
                if (slot_at(e, l.number - 1)->id == id)
                        break;
        return l;
}

static PlacesLook look_key(const Engine *e, Group group, uint8_t type, uint64_t key_id)
{
        PlacesLook l = places_look(&e->by_key, key_hash(group, type, key_id));

        while (places_next(&e->by_key, &l)) {
                const Incident *in = slot_at(e, l.number - 1);

                if (in->group == group && in->key_type == type && in->key_id == key_id)
                        break;
        }
        return l;
}

static PlacesLook look_dwelling(const Engine *e, uint32_t dwelling)
{
        PlacesLook l = places_look(&e->by_dwelling, id_hash(dwelling));

        while (places_next(&e->by_dwelling, &l))
                if (slot_at(e, l.number - 1)->dwelling == dwelling)
                        break;
        return l;
}

/* Appends in id order: new numbers go to the end, restored ones may belong further up. */
static void order_insert(Engine *e, Incident *in)
{
        uint32_t after = e->last;

        while (after != NO_SLOT && slot_at(e, after)->id > in->id)
                after = slot_at(e, after)->prev;
        in->prev = after;
        in->next = after == NO_SLOT ? e->first : slot_at(e, after)->next;
        if (in->next == NO_SLOT)
                e->last = in->slot;
        else
                slot_at(e, in->next)->prev = in->slot;
        if (after == NO_SLOT)
                e->first = in->slot;
        else
                slot_at(e, after)->next = in->slot;
}

static void order_remove(Engine *e, Incident *in)
{
        if (in->prev == NO_SLOT)
                e->first = in->next;
        else
                slot_at(e, in->prev)->next = in->next;
        if (in->next == NO_SLOT)
                e->last = in->prev;
        else
                slot_at(e, in->next)->prev = in->prev;
}

static RecipientBlock **block_place(Incident *in, uint32_t b)
{
        ASSERT(b < BLOCKS_MAX);
        return b < TOLD_BLOCKS ? &in->told[b] : &in->rare->told[b - TOLD_BLOCKS];
}

Recipient *recipient_push(Engine *e, Incident *in)
{
        uint32_t n = in->n_recipients;

        ASSERT(in->id);
        if (n == RECIPIENTS_MAX)
                return NULL;
        if (n % BLOCK_RECIPIENTS == 0) {
                RecipientBlock **block = block_place(in, n / BLOCK_RECIPIENTS);

                *block = e->block_free;
                if (*block)
                        e->block_free = (*block)->next;
                else
                        *block = &e->blocks[e->blocks_high++];
                ASSERT(e->blocks_high <= e->n_slots * BLOCKS_MAX);
        }
        in->n_recipients++;
        *recipient_at(in, n) = (Recipient){0};
        return recipient_at(in, n);
}

static void recipients_drop(Engine *e, Incident *in)
{
        uint32_t n = (in->n_recipients + BLOCK_RECIPIENTS - 1u) / BLOCK_RECIPIENTS;

        ASSERT(n <= BLOCKS_MAX);
        while (n-- > 0) {
                RecipientBlock *block = *block_place(in, n);

                block->next = e->block_free;
                e->block_free = block;
        }
        in->n_recipients = 0;
}

static void bury_one(Engine *e)
{
        for (Incident *in = table_first(e); in; in = table_next(e, in))
                /* Not one that was closed just now: its row is still to be written. */
                if (in->state == STATE_CLOSED && !in->overflow &&
                        !(e->list && in->state_list == e->list_number)) {
                        table_free(e, in);
                        return;
                }
}

static uint32_t slot_take(Engine *e)
{
        uint32_t slot;

        if (e->free == NO_SLOT && e->high == e->limits.incidents_max)
                bury_one(e);
        if (e->free != NO_SLOT) {
                slot = e->free;
                e->free = slot_at(e, slot)->next;
                return slot;
        }
        if (e->high < e->limits.incidents_max)
                return e->high++;
        return NO_SLOT;
}

static Incident *slot_begin(Engine *e, uint32_t slot, uint64_t id, Group group)
{
        Incident *in = slot_at(e, slot);
        PlacesLook found;

        ASSERT(id > 0 && group < GROUP_MAX);
        memset(in, 0, sizeof(*in));
        in->id = id;
        in->slot = slot;
        in->rare = &e->rares[slot];
        in->group = (uint8_t)group;
        in->place_next = in->place_prev = NO_SLOT;
        for (unsigned t = 0; t < TIMER_MAX; t++)
                in->due[t] = NEVER;
        for (unsigned i = 0; i < 3; i++)
                in->press_us[i] = NEVER;
        in->reopened_us = in->notified_us = in->event_us = NEVER;
        kpi_clear(in);
        found = look_id(e, id);
        ASSERT(!found.number);
        places_put(&e->by_id, &found, slot + 1);
        order_insert(e, in);
        e->n_used++;
        return in;
}

static Incident *overflow_begin(Engine *e, uint64_t id, Group group)
{
        uint32_t slot = NO_SLOT;
        Incident *in;

        if (table_overflow(e, group))
                return NULL;
        for (uint32_t k = 0; k < OVERFLOWS; k += GROUP_MAX) {
                in = slot_at(e, e->limits.incidents_max + (uint32_t)group + k);
                /* Closed in this very list: its row is still to be written, so the other one is taken. */
                if (in->id && !(e->list && in->state_list == e->list_number))
                        table_free(e, in);
                if (!in->id)
                        slot = e->limits.incidents_max + (uint32_t)group + k;
        }
        ASSERT(slot != NO_SLOT);
        in = slot_begin(e, slot, id, group);
        in->overflow = true;
        return in;
}

Incident *table_new(Engine *e, uint64_t id, Group group)
{
        uint32_t slot = slot_take(e);

        ASSERT(!table_get(e, id));
        return slot == NO_SLOT ? overflow_begin(e, id, group) : slot_begin(e, slot, id, group);
}

Incident *table_restore(Engine *e, uint64_t id, bool overflow, Group group)
{
        uint32_t slot;

        ASSERT(!table_get(e, id));
        if (overflow)
                return overflow_begin(e, id, group);
        slot = slot_take(e);
        return slot == NO_SLOT ? NULL : slot_begin(e, slot, id, group);
}

void table_place(Engine *e, Incident *in)
{
        PlacesLook l;

        ASSERT(in->id && in->key_type);
        ASSERT(in->place_next == NO_SLOT && in->place_prev == NO_SLOT);
        if (!in->overflow) {
                l = look_key(e, in->group, in->key_type, in->key_id);
                e->twins = e->twins || l.number;
                places_put(&e->by_key, &l, in->slot + 1);
        }
        if (!in->dwelling)
                return;
        l = look_dwelling(e, in->dwelling);
        if (l.number) {
                in->place_next = l.number - 1;
                slot_at(e, in->place_next)->place_prev = in->slot;
        }
        places_put(&e->by_dwelling, &l, in->slot + 1);
}

/* Of two matters of one key (what a database knew came into a running engine) the other is found again. */
static void twin_key(Engine *e, const Incident *gone)
{
        for (Incident *in = table_first(e); in; in = table_next(e, in))
                if (in != gone && in->state != STATE_CLOSED && !in->overflow && in->group == gone->group &&
                        in->key_type == gone->key_type && in->key_id == gone->key_id) {
                        PlacesLook l = look_key(e, in->group, in->key_type, in->key_id);

                        ASSERT(!l.number);
                        places_put(&e->by_key, &l, in->slot + 1);
                        return;
                }
}

void table_unkey(Engine *e, Incident *in)
{
        PlacesLook l = look_key(e, in->group, in->key_type, in->key_id);

        if (!in->overflow && l.number == in->slot + 1) {
                places_take(&e->by_key, &l, key_hash_of, e);
                if (e->twins)
                        twin_key(e, in);
        }
        if (in->dwelling) {
                l = look_dwelling(e, in->dwelling);
                ASSERT(l.number);
                if (l.number == in->slot + 1 && in->place_next == NO_SLOT)
                        places_take(&e->by_dwelling, &l, dwelling_hash_of, e);
                else if (l.number == in->slot + 1)
                        places_put(&e->by_dwelling, &l, in->place_next + 1);
        }
        if (in->place_next != NO_SLOT)
                slot_at(e, in->place_next)->place_prev = in->place_prev;
        if (in->place_prev != NO_SLOT)
                slot_at(e, in->place_prev)->place_next = in->place_next;
        in->place_next = in->place_prev = NO_SLOT;
}

void table_free(Engine *e, Incident *in)
{
        PlacesLook l = look_id(e, in->id);

        ASSERT(in->id && e->n_used > 0);
        ASSERT(in->state == STATE_CLOSED); /* neither key nor place any more */
        people_own(e, in, 0);
        heap_unset(&e->heap, in->slot);
        ASSERT(l.number == in->slot + 1);
        places_take(&e->by_id, &l, id_hash_of, e);
        order_remove(e, in);
        recipients_drop(e, in);
        in->id = 0;
        e->n_used--;
        if (in->overflow)
                return;
        in->next = e->free;
        e->free = in->slot;
}

Incident *table_get(const Engine *e, uint64_t id)
{
        PlacesLook l = look_id(e, id);

        return id && l.number ? slot_at(e, l.number - 1) : NULL;
}

Incident *table_find(const Engine *e, Group group, KeyType type, uint64_t key_id)
{
        PlacesLook l = look_key(e, group, (uint8_t)type, key_id);

        ASSERT(!l.number || slot_at(e, l.number - 1)->id);
        return l.number ? slot_at(e, l.number - 1) : NULL;
}

Incident *table_overflow(const Engine *e, Group group)
{
        for (uint32_t k = 0; k < OVERFLOWS; k += GROUP_MAX) {
                Incident *in = slot_at(e, e->limits.incidents_max + (uint32_t)group + k);

                if (in->id && in->state != STATE_CLOSED)
                        return in;
        }
        return NULL;
}

Incident *table_first(const Engine *e)
{
        return e->first == NO_SLOT ? NULL : slot_at(e, e->first);
}

Incident *table_next(const Engine *e, const Incident *in)
{
        ASSERT(in->id);
        return in->next == NO_SLOT ? NULL : slot_at(e, in->next);
}

Incident *place_first(const Engine *e, uint32_t dwelling)
{
        PlacesLook l = look_dwelling(e, dwelling);

        return dwelling && l.number ? slot_at(e, l.number - 1) : NULL;
}

Incident *place_next(const Engine *e, const Incident *in)
{
        ASSERT(in->id);
        return in->place_next == NO_SLOT ? NULL : slot_at(e, in->place_next);
}

int64_t timers_first(const Incident *in, Timer *ret)
{
        int64_t due = NEVER;

        ASSERT(in && ret);
        *ret = TIMER_MAX;
        for (unsigned t = 0; t < TIMER_MAX; t++)
                if (in->due[t] < due && t != TIMER_NOTIFY) { /* of equal ones the first … */
                        due = in->due[t];
                        *ret = (Timer)t;
                }
        if (in->due[TIMER_NOTIFY] < due) { /* … and NOTIFY the last */
                due = in->due[TIMER_NOTIFY];
                *ret = TIMER_NOTIFY;
        }
        return due;
}

void timers_rekey(Engine *e, Incident *in)
{
        Timer first;
        int64_t due = timers_first(in, &first);

        ASSERT(in->id);
        if (due == NEVER)
                heap_unset(&e->heap, in->slot);
        else
                heap_set(&e->heap, in->slot,
                        (HeapKey){.due = (uint64_t)due + (UINT64_C(1) << 63),
                                .rank = in->priority,
                                .id = in->id});
}

void timer_set(Engine *e, Incident *in, Timer t, int64_t due)
{
        ASSERT(t < TIMER_MAX);
        ASSERT(in->id);
        if (in->due[t] == due)
                return;
        in->due[t] = due;
        timers_rekey(e, in);
        if (t != TIMER_LOOK && t != TIMER_BURY)
                emit_state(e, in);
}
