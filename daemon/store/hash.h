/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* SHA-256 of a ‖ b ‖ c. Parts of length 0 may be NULL. */
void hash_sha256(const void *a, size_t n_a, const void *b, size_t n_b, const void *c, size_t n_c,
        uint8_t ret[32]);
