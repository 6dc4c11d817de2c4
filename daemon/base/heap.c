/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A binary heap that knows where each slot stands.
 *
 * keys[s] and pos[s] belong to slot s, slot[p] is the slot at heap position p. What always holds, for p < n:
 * pos[slot[p]] == p + 1, and no child is before its parent. The order is total as long as ids differ, so the
 * order of firing depends on what is in the heap and never on how it came there: a replay fires the same.
 */
#include "base/heap.h"

#include "base/assert.h"

static bool before(const Heap *h, uint32_t slot_a, uint32_t slot_b)
{
        const HeapKey *a = &h->keys[slot_a], *b = &h->keys[slot_b];

        if (a->due != b->due)
                return a->due < b->due;
        if (a->rank != b->rank)
                return a->rank < b->rank;
        if (a->id != b->id)
                return a->id < b->id;
        return slot_a < slot_b;
}

static void place(Heap *h, uint32_t at, uint32_t slot)
{
        h->slot[at] = slot;
        h->pos[slot] = at + 1;
}

static void rise(Heap *h, uint32_t at)
{
        uint32_t slot = h->slot[at];

        while (at > 0) {
                uint32_t parent = (at - 1) / 2;
                if (!before(h, slot, h->slot[parent]))
                        break;
                place(h, at, h->slot[parent]);
                at = parent;
        }
        place(h, at, slot);
}

static void sink(Heap *h, uint32_t at)
{
        uint32_t slot = h->slot[at];

        for (;;) {
                uint32_t child = 2 * at + 1;
                if (child >= h->n)
                        break;
                if (child + 1 < h->n && before(h, h->slot[child + 1], h->slot[child]))
                        child++;
                if (!before(h, h->slot[child], slot))
                        break;
                place(h, at, h->slot[child]);
                at = child;
        }
        place(h, at, slot);
}

static size_t padded(size_t n)
{
        return (n + 15) & ~(size_t)15;
}

size_t heap_size(uint32_t n_max)
{
        return padded(n_max * sizeof(HeapKey)) + 2 * padded(n_max * sizeof(uint32_t));
}

void heap_init(Heap *h, void *memory, uint32_t n_max)
{
        char *p = memory;

        ASSERT(n_max <= UINT32_MAX / 2 - 1); /* 2 * at + 1 stays in range */
        ASSERT(((uintptr_t)memory & 15) == 0);
        *h = (Heap){.n_max = n_max};
        h->keys = (HeapKey *)(void *)p;
        p += padded(n_max * sizeof(HeapKey));
        h->slot = (uint32_t *)(void *)p;
        p += padded(n_max * sizeof(uint32_t));
        h->pos = (uint32_t *)(void *)p;
}

void heap_set(Heap *h, uint32_t slot, HeapKey key)
{
        ASSERT(slot < h->n_max);
        h->keys[slot] = key;
        if (h->pos[slot] == 0) {
                ASSERT(h->n < h->n_max);
                place(h, h->n++, slot);
        }
        ASSERT(h->slot[h->pos[slot] - 1] == slot);
        rise(h, h->pos[slot] - 1);
        sink(h, h->pos[slot] - 1);
}

void heap_unset(Heap *h, uint32_t slot)
{
        ASSERT(slot < h->n_max);
        if (h->pos[slot] == 0)
                return;

        uint32_t at = h->pos[slot] - 1, last = h->slot[h->n - 1];
        ASSERT(at < h->n && h->slot[at] == slot);
        h->pos[slot] = 0;
        h->n--;
        if (last == slot)
                return;
        place(h, at, last);
        rise(h, at);
        sink(h, h->pos[last] - 1);
}

bool heap_first(const Heap *h, uint32_t *ret_slot, HeapKey *ret_key)
{
        if (h->n == 0)
                return false;
        *ret_slot = h->slot[0];
        *ret_key = h->keys[h->slot[0]];
        return true;
}
