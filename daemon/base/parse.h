/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Strict parsers for numbers and durations: the whole text or nothing. Each returns false and leaves ret alone. */
#include <stdbool.h>
#include <stdint.h>

bool parse_u64(const char *s, uint64_t *ret);
bool parse_i64(const char *s, int64_t *ret);
bool parse_u32(const char *s, uint32_t max, uint32_t *ret);
bool parse_double(const char *s, double *ret); /* finite, the C locale's point */
/* "30s" "15min" "4h" "2d" "250ms", and sums as systemd has them ("1h 30min"). A unit is required, but for "0". */
bool parse_duration(const char *s, uint64_t *ret_us);
/* "HH:MM" to minutes of the day; "24:00" is 1440. */
bool parse_minute(const char *s, uint32_t *ret_minute);
/* "YYYY-MM-DD" to yyyymmdd. */
bool parse_date(const char *s, uint32_t *ret_yyyymmdd);
/* Splits off the next word at spaces; NULL at the end. Writes NULs into the text. */
char *parse_word(char **text);
