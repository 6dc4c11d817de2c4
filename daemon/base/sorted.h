/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Rows in ascending order of the uint32_t that each of them begins with. */
#include <stddef.h>
#include <stdint.h>

/* Of n rows of `size` bytes the first whose number is at least `least`; n: there is none. */
uint32_t sorted_first(const void *rows, uint32_t n, size_t size, uint32_t least);
