/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the tools read out of JSON, by SQLite's functions on a private :memory: connection (as the codec
 * does). Paths are SQLite's: "$.incident", "$.limits.tier".
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool json_up(void); /* once; false: no memory */
void json_down(void);

/* The member as text (numbers and true or false too: 1, 0). False: no JSON, no such member, null, or too
 * long. */
bool json_text(const char *json, size_t size, const char *path, char *ret, size_t cap);
bool json_i64(const char *json, size_t size, const char *path, int64_t *ret);
bool json_u64(const char *json, size_t size, const char *path, uint64_t *ret);
bool json_double(const char *json, size_t size, const char *path, double *ret);
bool json_bool(const char *json, size_t size, const char *path); /* absent: false */

#define JSON_COLUMNS_MAX 16

/*
 * For each element of the array (or member of the object) at `path`: the members named by `columns` (paths
 * within the element, "$[0]" where that is an array; "$" is the element itself), texts or NULL, and with NULL columns the element's key.
 * Returns the number of elements, or -1 when this is no JSON.
 */
int json_each(const char *json, size_t size, const char *path, const char *const *columns,
        unsigned n_columns, void (*fn)(void *userdata, const char *key, const char *const *texts),
        void *userdata);
