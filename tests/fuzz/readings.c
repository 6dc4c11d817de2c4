/* SPDX-License-Identifier: Apache-2.0 */
/* A block of the readings store, before compression and after: any bytes are a block or are refused, and what was given
 * out can be written again. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "store/readings-codec.h"

#include <zstd.h>

__attribute__((visibility("default"))) int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Seen {
        uint32_t last, n;
        Chunk *chunk;
} Seen;

static bool on_row(void *userdata, uint32_t resident, uint32_t device, const ReadingRow *row)
{
        Seen *s = userdata;

        ASSERT((row->has & ~((1u << VITAL_MAX) - 1)) == 0);
        for (unsigned v = 0; v < VITAL_MAX; v++)
                ASSERT(!(row->has & 1u << v) ||
                        (row->tenths[v] >= -TENTHS_MAX && row->tenths[v] <= TENTHS_MAX));
        (void)chunk_add(s->chunk, row); /* a full one says so */
        s->last = resident;
        ASSERT(++s->n <= BLOCK_CHUNKS_MAX * CHUNK_ROWS_MAX);
        return true;
}

static void try_block(BlockCoder *k, const uint8_t *bytes, size_t n, uint32_t raw_size)
{
        Seen s = {.chunk = chunk_new(1, 1)};
        ChunkCursor cursor = {0};
        uint32_t rows = 0;

        (void)block_decode(k, bytes, n, raw_size, UINT32_MAX, on_row, &s);
        (void)block_decode(k, bytes, n, raw_size, s.last, on_row, &(Seen){.chunk = s.chunk});
        while (chunk_next(s.chunk, &cursor))
                rows++;
        ASSERT(rows == s.chunk->n_rows);
        chunk_free(s.chunk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        BlockCoder *k = block_coder_new();
        size_t cap = ZSTD_compressBound(size), n;
        uint8_t *packed = malloc(cap);

        ASSERT(packed);
        try_block(k, data, size, (uint32_t)size);
        n = ZSTD_compress(packed, cap, data, size, 1);
        ASSERT(!ZSTD_isError(n));
        if (size > 0 && size <= BLOCK_RAW_MAX)
                try_block(k, packed, n, (uint32_t)size);
        free(packed);
        block_coder_free(k);
        return 0;
}
