/* SPDX-License-Identifier: Apache-2.0 */
/* How often each sentence about the run has been judged: one that was never asked proves nothing. */
#include "tests/sim/sim.h"

#include "base/assert.h"
#include "base/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Count {
        const char *sentence;
        uint64_t n;
} Count;

static Count counts[48];

uint64_t *count_of(const char *sentence)
{
        Count *c = counts;

        while (c->sentence && !str_equal(c->sentence, sentence))
                c++;
        ASSERT(c < counts + sizeof(counts) / sizeof(counts[0]) - 1);
        c->sentence = sentence;
        return &c->n;
}

uint64_t watch_checks(void)
{
        uint64_t sum = 0;

        for (const Count *c = counts; c->sentence; c++)
                sum += c->n;
        return sum;
}

static int by_sentence(const void *a, const void *b)
{
        return strcmp(((const Count *)a)->sentence, ((const Count *)b)->sentence);
}

void watch_print(void)
{
        Count sorted[sizeof(counts) / sizeof(counts[0])];
        size_t n = 0;

        while (counts[n].sentence)
                n++;
        memcpy(sorted, counts, sizeof(counts));
        qsort(sorted, n, sizeof(Count), by_sentence);
        for (size_t i = 0; i < n; i++)
                printf("%14" PRIu64 "  %s\n", sorted[i].n, sorted[i].sentence);
}
