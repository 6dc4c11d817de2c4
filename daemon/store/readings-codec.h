/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Readings ⇄ bytes, without I/O: an open chunk in memory (one device on one person, rows as they come), and a block of
 * the readings store (many chunks, in columns, compressed). Bytes of a block are input: nothing about them is asserted.
 */
#include "engine/event.h"

#define CHUNK_BYTES_MAX  4096u /* then the chunk is closed early */
#define CHUNK_ROWS_MAX   1024u
#define BLOCK_CHUNKS_MAX 32u
#define BLOCK_INPUT_MAX  (32u << 10)  /* bytes of the chunks that make a block */
#define BLOCK_RAW_MAX    (256u << 10) /* before compression */
#define BLOCK_BYTES_MAX  (260u << 10) /* after it, at worst */
#define TENTHS_MAX       32767

/* What was measured in one moment. To the second, and to a tenth of the unit. */
typedef struct ReadingRow {
        int64_t t_s;               /* Unix seconds */
        uint32_t has;              /* bit Vital */
        int16_t tenths[VITAL_MAX]; /* where `has` says so */
} ReadingRow;

void reading_row(ReadingRow *ret, int64_t wall_us, const VitalsEvent *);

/* zigzag varints: time and values as differences from the row before. */
typedef struct Chunk {
        uint32_t resident, device;
        int64_t first_s, last_s;
        uint8_t *bytes;
        uint16_t n_bytes, cap, n_rows;
        int16_t last[VITAL_MAX];
} Chunk;

Chunk *chunk_new(uint32_t resident, uint32_t device);
Chunk *chunk_free(Chunk *); /* NULL */
/* False: it is full, and as it was. */
bool chunk_add(Chunk *, const ReadingRow *);

typedef struct ChunkCursor {
        size_t at;
        ReadingRow row; /* the newest that was read */
} ChunkCursor;

/* The first row after `cursor` was zeroed, then the next ones; false at the end. */
bool chunk_next(const Chunk *, ChunkCursor *);

typedef struct BlockCoder BlockCoder; /* the memory of the compression, for one thread */

BlockCoder *block_coder_new(void);
BlockCoder *block_coder_free(BlockCoder *); /* NULL */

/* Chunks in order of (resident, device), as many as fit: BLOCK_CHUNKS_MAX, BLOCK_INPUT_MAX. Valid until the next call. */
size_t block_encode(
        BlockCoder *, Chunk *const *chunks, uint32_t n, const uint8_t **ret_bytes, uint32_t *ret_raw_size);
/* How many of the chunks, from the first, make the next block; at least 1. */
uint32_t block_fill(Chunk *const *chunks, uint32_t n);

/*
 * The rows of one person (resident UINT32_MAX: of all) in the order they were written. False: these bytes are no block;
 * rows that came before are as good as any. fn returns false to stop, which is no error.
 */
typedef bool (*BlockRow)(void *userdata, uint32_t resident, uint32_t device, const ReadingRow *);
bool block_decode(BlockCoder *, const uint8_t *bytes, size_t n, uint32_t raw_size, uint32_t resident,
        BlockRow fn, void *userdata);

/* CRC-32C (RFC 3720, appendix B.4). */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t n);
