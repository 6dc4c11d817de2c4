/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The number ceilings, beside registry.export and newer than those in it: PATH.numbers. The registry may be as large as a
 * city, and these change with every few hundred incidents, in a storm within a second: whoever writes them then must not
 * write all of that again.
 *
 *   huying-numbers 1 INCIDENT_CEILING SEQ_CEILING SHA-256 of what stands before
 */
#include <stddef.h>
#include <stdint.h>

/* No database and no export: numbers that nobody can have seen yet, instead of 1. */
#define INCIDENT_BLIND 1000000u
#define SEQ_BLIND      1000000000u

enum {
        NUMBERS_E_MISSING = 1,
        NUMBERS_E_DAMAGED = 2,
};

/* path: of registry.export. 0 or a negative errno: what was there is there still. */
int numbers_write(const char *path, uint64_t incident_ceiling, uint64_t seq_ceiling);
void numbers_drop(const char *path);
int numbers_read(const char *path, uint64_t *ret_incident_ceiling, uint64_t *ret_seq_ceiling);

/* A file gets this content, or keeps what it has: a draft beside it, flushed, and renamed. */
int file_replace(const char *path, const void *bytes, size_t n);
