/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Payloads that nobody has decoded: bytes in a member of a JSON text, as hex or base64, and fields in them.
 *
 *   Bytes=base64 $.data          hex or base64; with the path $ also a payload that is nothing but such a text
 *   Field battery=after 0175 u8  behind these bytes, wherever they stand
 *   Field temp=2 i16le / 10      at this offset; from the end where it is negative
 *   Field worn=3 bit 0
 *
 * Types: u8 i8 u16 i16 u24 u32 i32, big-endian, with le little-endian. A field that lies beyond the end is absent.
 * Rules name them @battery; @length is the number of bytes, and @hex all of them, in small letters.
 */
#include "base/str.h"

#include <stdint.h>

#define BYTES_FIELDS_MAX 24
#define BYTES_MAX        1024
#define BYTES_MARK_MAX   8

typedef enum BytesForm { BYTES_NONE, BYTES_HEX, BYTES_BASE64 } BytesForm;

typedef struct BytesField {
        char name[32];
        uint8_t mark[BYTES_MARK_MAX], n_mark; /* after these; 0: at the offset */
        int16_t offset;
        uint8_t width;
        bool sign, little;
        int8_t bit; /* -1: the number as a whole */
        double divide;
} BytesField;

/* NULL: taken. Else what would be right. `text` is written to. */
const char *bytes_field_parse(BytesField *ret, const char *name, char *text);
/* False: no such text, or more than BYTES_MAX bytes. Blanks between hex digits are passed over. */
bool bytes_decode(BytesForm, const char *text, size_t n, uint8_t ret[BYTES_MAX], size_t *ret_n);
/* {"length":…,"hex":…, and the fields}. */
void bytes_json(Str *, const BytesField *, size_t n_fields, const uint8_t *bytes, size_t n);
