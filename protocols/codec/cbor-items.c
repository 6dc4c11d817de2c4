/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/codec/cbor-items.h"

#include <cbor.h>

#define DEPTH_MAX 16

static void on_integer(CborItem *item, bool negative, uint64_t value)
{
        item->type = CBOR_ITEM_NUMBER;
        item->number = negative ? -1.0 - (double)value : (double)value;
        item->is_integer = value <= INT64_MAX;
        if (item->is_integer)
                item->integer = negative ? -1 - (int64_t)value : (int64_t)value;
}

static void on_uint8(void *item, uint8_t value)
{
        on_integer(item, false, value);
}

static void on_uint16(void *item, uint16_t value)
{
        on_integer(item, false, value);
}

static void on_uint32(void *item, uint32_t value)
{
        on_integer(item, false, value);
}

static void on_uint64(void *item, uint64_t value)
{
        on_integer(item, false, value);
}

static void on_negint8(void *item, uint8_t value)
{
        on_integer(item, true, value);
}

static void on_negint16(void *item, uint16_t value)
{
        on_integer(item, true, value);
}

static void on_negint32(void *item, uint32_t value)
{
        on_integer(item, true, value);
}

static void on_negint64(void *item, uint64_t value)
{
        on_integer(item, true, value);
}

static void on_float(void *item, float value)
{
        *(CborItem *)item = (CborItem){.type = CBOR_ITEM_NUMBER, .number = (double)value};
}

static void on_double(void *item, double value)
{
        *(CborItem *)item = (CborItem){.type = CBOR_ITEM_NUMBER, .number = value};
}

static void on_bytes(void *item, cbor_data bytes, size_t n)
{
        *(CborItem *)item = (CborItem){.type = CBOR_ITEM_BYTES, .bytes = bytes, .n = n};
}

static void on_text(void *item, cbor_data bytes, size_t n)
{
        *(CborItem *)item = (CborItem){.type = CBOR_ITEM_TEXT, .bytes = bytes, .n = n};
}

static void on_array(void *item, size_t n)
{
        *(CborItem *)item = (CborItem){.type = CBOR_ITEM_ARRAY, .count = n};
}

static void on_map(void *item, size_t n)
{
        *(CborItem *)item = (CborItem){.type = CBOR_ITEM_MAP, .count = n};
}

static void on_open_array(void *item)
{
        *(CborItem *)item = (CborItem){.type = CBOR_ITEM_ARRAY, .open = true};
}

static void on_open_map(void *item)
{
        *(CborItem *)item = (CborItem){.type = CBOR_ITEM_MAP, .open = true};
}

static void on_tag(void *item, uint64_t value)
{
        *(CborItem *)item = (CborItem){.type = CBOR_ITEM_TAG};
}

static void on_bool(void *item, bool value)
{
        *(CborItem *)item = (CborItem){.type = CBOR_ITEM_BOOL, .truth = value};
}

static void on_break(void *item)
{
        *(CborItem *)item = (CborItem){.type = CBOR_ITEM_BREAK};
}

static void on_pieces(void *item)
{
        *(CborItem *)item = (CborItem){.type = CBOR_ITEM_OTHER, .open = true};
}

static void on_other(void *item)
{
        *(CborItem *)item = (CborItem){.type = CBOR_ITEM_OTHER};
}

bool cbor_next(CborReader *r, CborItem *ret)
{
        static const struct cbor_callbacks callbacks = {
                .uint8 = on_uint8,
                .uint16 = on_uint16,
                .uint32 = on_uint32,
                .uint64 = on_uint64,
                .negint8 = on_negint8,
                .negint16 = on_negint16,
                .negint32 = on_negint32,
                .negint64 = on_negint64,
                .byte_string_start = on_pieces,
                .byte_string = on_bytes,
                .string = on_text,
                .string_start = on_pieces,
                .indef_array_start = on_open_array,
                .array_start = on_array,
                .indef_map_start = on_open_map,
                .map_start = on_map,
                .tag = on_tag,
                .float2 = on_float,
                .float4 = on_float,
                .float8 = on_double,
                .undefined = on_other,
                .null = on_other,
                .boolean = on_bool,
                .indef_break = on_break,
        };
        struct cbor_decoder_result result;

        *ret = (CborItem){.type = CBOR_ITEM_OTHER};
        if (r->n == 0)
                return false;
        result = cbor_stream_decode(r->p, r->n, &callbacks, ret);
        if (result.status != CBOR_DECODER_FINISHED || result.read == 0 || result.read > r->n)
                return false;
        r->p += result.read;
        r->n -= result.read;
        return !(ret->type == CBOR_ITEM_OTHER && ret->open);
}

/* Iterative: what is left to read at each level, UINT64_MAX for one that ends with a BREAK. */
bool cbor_skip(CborReader *r, const CborItem *item)
{
        uint64_t left[DEPTH_MAX];
        unsigned depth = 0;
        CborItem next = *item;

        for (;;) {
                bool container = next.type == CBOR_ITEM_ARRAY || next.type == CBOR_ITEM_MAP ||
                                 next.type == CBOR_ITEM_TAG;

                if (container) {
                        if (depth == DEPTH_MAX || next.count > UINT32_MAX)
                                return false; /* more items than bytes */
                        left[depth++] = next.open                    ? UINT64_MAX
                                        : next.type == CBOR_ITEM_TAG ? 1
                                        : next.type == CBOR_ITEM_MAP ? 2 * next.count
                                                                     : next.count;
                } else if (next.type == CBOR_ITEM_BREAK) {
                        if (depth == 0 || left[depth - 1] != UINT64_MAX)
                                return false;
                        depth--;
                }
                while (depth > 0 && left[depth - 1] == 0)
                        depth--;
                if (depth == 0)
                        return true;
                if (left[depth - 1] != UINT64_MAX)
                        left[depth - 1]--;
                if (!cbor_next(r, &next))
                        return false;
        }
}
