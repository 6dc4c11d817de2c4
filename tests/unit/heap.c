/* SPDX-License-Identifier: Apache-2.0 */
/* base/heap.c against a model that looks at every slot. */
#include "base/heap.h"

#include "tests/lib/unit.h"

#include <stdlib.h>

#include "base/cleanup.h"

typedef struct Model {
        bool in;
        HeapKey key;
} Model;

static void *memory_for(uint32_t n)
{
        void *memory = calloc(1, heap_size(n)); /* malloc aligns to 16 */

        assert_non_null(memory);
        return memory;
}

static bool key_before(HeapKey a, HeapKey b)
{
        if (a.due != b.due)
                return a.due < b.due;
        if (a.rank != b.rank)
                return a.rank < b.rank;
        return a.id < b.id;
}

static uint32_t model_first(const Model *model, uint32_t n)
{
        uint32_t best = n;

        for (uint32_t i = 0; i < n; i++)
                if (model[i].in && (best == n || key_before(model[i].key, model[best].key)))
                        best = i;
        return best;
}

static void assert_same_first(const Heap *heap, const Model *model, uint32_t n)
{
        uint32_t slot = UINT32_MAX, want = model_first(model, n);
        HeapKey key = {0};

        assert_int_equal(heap_first(heap, &slot, &key), want < n);
        if (want == n)
                return;
        assert_int_equal(slot, want);
        assert_int_equal(key.due, model[want].key.due);
        assert_int_equal(key.rank, model[want].key.rank);
        assert_int_equal(key.id, model[want].key.id);
}

static void assert_ordered(const Heap *heap)
{
        for (uint32_t at = 0; at < heap->n; at++) {
                uint32_t slot = heap->slot[at];
                assert_int_equal(heap->pos[slot], at + 1);
                if (at > 0)
                        assert_false(key_before(heap->keys[slot], heap->keys[heap->slot[(at - 1) / 2]]));
        }
}

static void test_empty(void **state)
{
        _cleanup_(freep) void *memory = memory_for(4);
        Heap heap;
        uint32_t slot = 77;
        HeapKey key = {.due = 77};

        heap_init(&heap, memory, 4);
        assert_false(heap_first(&heap, &slot, &key));
        assert_int_equal(slot, 77);
        assert_int_equal(key.due, 77);
        heap_unset(&heap, 3);
        assert_false(heap_first(&heap, &slot, &key));
        assert_int_equal(heap.n, 0);
}

static void test_no_slots(void **state)
{
        _cleanup_(freep) void *memory = memory_for(1);
        Heap heap;
        uint32_t slot;
        HeapKey key;

        assert_int_equal(heap_size(0), 0);
        heap_init(&heap, memory, 0);
        assert_false(heap_first(&heap, &slot, &key));
}

static void test_order(void **state)
{
        _cleanup_(freep) void *memory = memory_for(5);
        static const uint32_t want[] = {3, 1, 4, 0, 2};
        Heap heap;
        uint32_t slot;
        HeapKey key;

        heap_init(&heap, memory, 5);
        heap_set(&heap, 0, (HeapKey){.due = 20, .rank = 2, .id = 1});
        heap_set(&heap, 1, (HeapKey){.due = 10, .rank = 9, .id = 9}); /* due decides first */
        heap_set(&heap, 2, (HeapKey){.due = UINT64_MAX, .rank = 0, .id = 0});
        heap_set(&heap, 3, (HeapKey){.due = 0, .rank = UINT32_MAX, .id = UINT64_MAX});
        heap_set(&heap, 4, (HeapKey){.due = 20, .rank = 1, .id = 5}); /* then the rank */
        for (unsigned i = 0; i < N_ELEMENTS(want); i++) {
                assert_true(heap_first(&heap, &slot, &key));
                assert_int_equal(slot, want[i]);
                heap_unset(&heap, slot);
        }
        assert_false(heap_first(&heap, &slot, &key));
}

static void test_id_breaks_ties(void **state)
{
        _cleanup_(freep) void *memory = memory_for(3);
        Heap heap;
        uint32_t slot;
        HeapKey key;

        heap_init(&heap, memory, 3);
        heap_set(&heap, 0, (HeapKey){.due = 7, .rank = 1, .id = 30});
        heap_set(&heap, 1, (HeapKey){.due = 7, .rank = 1, .id = 10});
        heap_set(&heap, 2, (HeapKey){.due = 7, .rank = 1, .id = 20});
        assert_true(heap_first(&heap, &slot, &key));
        assert_int_equal(key.id, 10);
        heap_unset(&heap, 1);
        assert_true(heap_first(&heap, &slot, &key));
        assert_int_equal(key.id, 20);
}

static void test_set_again_moves(void **state)
{
        _cleanup_(freep) void *memory = memory_for(3);
        Heap heap;
        uint32_t slot;
        HeapKey key;

        heap_init(&heap, memory, 3);
        for (uint32_t i = 0; i < 3; i++)
                heap_set(&heap, i, (HeapKey){.due = 10 * (i + 1), .id = i});
        heap_set(&heap, 2, (HeapKey){.due = 1, .id = 2}); /* up */
        assert_int_equal(heap.n, 3);
        assert_true(heap_first(&heap, &slot, &key));
        assert_int_equal(slot, 2);
        heap_set(&heap, 2, (HeapKey){.due = 99, .id = 2}); /* down */
        assert_int_equal(heap.n, 3);
        assert_true(heap_first(&heap, &slot, &key));
        assert_int_equal(slot, 0);
        assert_ordered(&heap);
}

static void test_against_model(void **state)
{
        enum { N = 61, STEPS = 30000 };
        _cleanup_(freep) void *memory = memory_for(N);
        Model model[N] = {0};
        uint64_t seed = 1;
        uint32_t n = 0;
        Heap heap;

        heap_init(&heap, memory, N);
        for (unsigned step = 0; step < STEPS; step++) {
                uint32_t slot = random_below(&seed, N);
                /* phases that mostly fill and phases that mostly empty */
                if (random_below(&seed, 10) < (step / 1000 % 2 ? 3u : 7u)) {
                        n += !model[slot].in;
                        /* few dues and ranks, so that ties are common; the slot makes the id unique */
                        model[slot] = (Model){true, {random_below(&seed, 8), random_below(&seed, 3),
                                                            random_below(&seed, 5) * (uint64_t)N + slot}};
                        heap_set(&heap, slot, model[slot].key);
                } else {
                        n -= model[slot].in;
                        model[slot].in = false;
                        heap_unset(&heap, slot);
                }
                assert_int_equal(heap.n, n);
                assert_same_first(&heap, model, N);
                if (step % 97 == 0)
                        assert_ordered(&heap);
        }
}

static void test_order_is_free_of_history(void **state)
{
        enum { N = 40 };
        _cleanup_(freep) void *memory_a = memory_for(N);
        _cleanup_(freep) void *memory_b = memory_for(N);
        Heap a, b;

        heap_init(&a, memory_a, N);
        heap_init(&b, memory_b, N);
        for (uint32_t i = 0; i < N; i++) {
                HeapKey key = {.due = i % 3, .rank = i % 2, .id = 5}; /* even equal ids */
                heap_set(&a, i, key);
                heap_set(&b, N - 1 - i, (HeapKey){.due = (N - 1 - i) % 3, .rank = (N - 1 - i) % 2, .id = 5});
        }
        for (uint32_t i = 0; i < N; i++) {
                uint32_t slot_a, slot_b;
                HeapKey key_a, key_b;
                assert_true(heap_first(&a, &slot_a, &key_a));
                assert_true(heap_first(&b, &slot_b, &key_b));
                assert_int_equal(slot_a, slot_b);
                heap_unset(&a, slot_a);
                heap_unset(&b, slot_b);
        }
}

static void set_beyond(void *heap)
{
        heap_set(heap, 4, (HeapKey){0});
}

static void test_slot_beyond_is_a_bug(void **state)
{
        _cleanup_(freep) void *memory = memory_for(4);
        Heap heap;

        heap_init(&heap, memory, 4);
        assert_int_equal(signal_of(set_beyond, &heap), SIGABRT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_empty),
                cmocka_unit_test(test_no_slots),
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_id_breaks_ties),
                cmocka_unit_test(test_set_again_moves),
                cmocka_unit_test(test_against_model),
                cmocka_unit_test(test_order_is_free_of_history),
                cmocka_unit_test(test_slot_beyond_is_a_bug),
        };

        return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
