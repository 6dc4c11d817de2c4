/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * CBOR (RFC 8949) one item at a time, over libcbor's decoder. Nothing is allocated, whatever lengths the bytes claim.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum CborItemType {
        CBOR_ITEM_NUMBER, /* also what is_integer */
        CBOR_ITEM_BYTES,
        CBOR_ITEM_TEXT,
        CBOR_ITEM_ARRAY,
        CBOR_ITEM_MAP,
        CBOR_ITEM_TAG, /* its content follows */
        CBOR_ITEM_BOOL,
        CBOR_ITEM_OTHER, /* null, undefined, … */
        CBOR_ITEM_BREAK,
} CborItemType;

typedef struct CborItem {
        CborItemType type;
        bool is_integer; /* and fits */
        int64_t integer;
        double number;
        bool truth;
        const uint8_t *bytes; /* within the message */
        size_t n;
        uint64_t count; /* of an array or map */
        bool open;      /* without a length: ends with a BREAK */
} CborItem;

typedef struct CborReader {
        const uint8_t *p;
        size_t n;
} CborReader;

/* False: nothing left, or no CBOR. Texts and bytes in pieces are not read. */
bool cbor_next(CborReader *, CborItem *ret);
/* Whatever belongs to an item that was read and is not wanted. False: no CBOR, or deeper than 16 levels. */
bool cbor_skip(CborReader *, const CborItem *);
