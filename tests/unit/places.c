/* SPDX-License-Identifier: Apache-2.0 */
/* base/places.c against a plain array, above all what a deletion leaves behind. */
#include "base/places.h"

#include "tests/lib/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum { MAX = 24, WISHES = 60 };

/* What the numbers stand for: things[number - 1], 0 is nothing. */
typedef struct World {
        uint32_t things[MAX];
        uint64_t spread; /* of the hashes: how many different ones */
} World;

static uint64_t hash(const World *w, uint32_t thing)
{
        uint64_t h = (thing % w->spread) * 0x9e3779b97f4a7c15ull;

        return h ^ h >> 29;
}

static uint64_t hash_of(const void *context, uint32_t number)
{
        const World *w = context;

        assert_true(number >= 1 && number <= MAX && w->things[number - 1]);
        return hash(w, w->things[number - 1]);
}

static PlacesLook look_for(const Places *p, const World *w, uint32_t thing)
{
        PlacesLook l = places_look(p, hash(w, thing));

        while (places_next(p, &l))
                if (w->things[l.number - 1] == thing)
                        break;
        return l;
}

/* Every thing is found by its number, and what is not there is not. */
static void check(const Places *p, const World *w)
{
        uint32_t number_of[WISHES + 1] = {0};

        for (uint32_t n = 1; n <= MAX; n++)
                if (w->things[n - 1])
                        number_of[w->things[n - 1]] = n;
        for (uint32_t thing = 1; thing <= WISHES; thing++)
                assert_int_equal(look_for(p, w, thing).number, number_of[thing]);
}

static void walk(uint64_t spread, unsigned steps)
{
        _cleanup_(freep) void *memory = calloc(1, places_size(MAX));
        World w = {.spread = spread};
        uint32_t random = (uint32_t)spread;
        Places p;

        assert_non_null(memory);
        places_init(&p, memory, MAX);
        for (unsigned step = 0; step < steps; step++) {
                uint32_t number, thing;
                PlacesLook l;

                random = random * 1664525u + 1013904223u;
                number = 1 + (random >> 8) % MAX;
                thing = 1 + (random >> 16) % WISHES;
                l = look_for(&p, &w, thing);
                if (l.number) { /* leaves, or moves to a free number */
                        if (w.things[number - 1]) {
                                places_take(&p, &l, hash_of, &w);
                        } else {
                                places_put(&p, &l, number);
                                w.things[number - 1] = thing;
                        }
                        w.things[l.number - 1] = 0;
                } else if (!w.things[number - 1]) {
                        places_put(&p, &l, number);
                        w.things[number - 1] = thing;
                }
                check(&p, &w);
        }
        for (uint32_t n = 1; n <= MAX; n++) {
                PlacesLook l = look_for(&p, &w, w.things[n - 1] ? w.things[n - 1] : WISHES + 1);

                if (l.number)
                        places_take(&p, &l, hash_of, &w);
                w.things[n - 1] = 0;
        }
        for (size_t i = 0; i < places_size(MAX) / sizeof(uint32_t); i++)
                assert_int_equal(p.at[i], 0);
}

static void test_random(void **state)
{
        walk(1, 2000); /* all have one hash */
        walk(5, 4000);
        walk(1000, 8000);
}

/* As many as there are numbers; a run that goes round the end of the places. */
static void test_full(void **state)
{
        _cleanup_(freep) void *memory = calloc(1, places_size(MAX));
        Places p;

        assert_non_null(memory);
        places_init(&p, memory, MAX);
        for (uint32_t n = 1; n <= MAX; n++) {
                PlacesLook l = places_look(&p, UINT64_MAX - 1);

                while (places_next(&p, &l))
                        assert_true(l.number < n);
                places_put(&p, &l, n);
        }
        for (uint32_t n = 1; n <= MAX; n++) {
                PlacesLook l = places_look(&p, UINT64_MAX - 1);

                for (uint32_t k = 1; k <= n; k++)
                        assert_true(places_next(&p, &l));
                assert_int_equal(l.number, n);
        }
        {
                PlacesLook l =
                        places_look(&p, UINT64_C(5) << 32 | 0xfffffffe); /* the same place, another hash */

                assert_false(places_next(&p, &l));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_random), cmocka_unit_test(test_full)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
