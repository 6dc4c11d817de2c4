/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sorted.h"

#include "base/assert.h"

#include <string.h>

uint32_t sorted_first(const void *rows, uint32_t n, size_t size, uint32_t least)
{
        uint32_t low = 0, high = n, number;

        ASSERT(size >= sizeof(number));
        while (low < high) {
                uint32_t middle = low + (high - low) / 2;

                memcpy(&number, (const char *)rows + middle * size, sizeof(number));
                if (number < least)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}
