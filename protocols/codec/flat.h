/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The usual message of a device or a worker's app, read without SQLite: see flat.c. */
#include "limits.h"
#include "protocols/codec/query.h"

#define FLAT_MEMBERS_MAX 32

/* What type and value SQLite's json_type() and json_extract() have for a member. */
typedef struct FlatValue {
        ValueType type;
        double number;    /* INTEGER, REAL */
        int64_t integer;  /* INTEGER, unless … */
        bool large;       /* … it does not fit */
        const char *text; /* TEXT: `size` bytes and a NUL */
        size_t size;
} FlatValue;

typedef struct Flat {
        FlatValue values[FLAT_MEMBERS_MAX];
        unsigned others; /* members that nobody has asked for */
        size_t n_texts;
        char texts[LIMIT_BODY];
} Flat;

/*
 * The members of an object by their paths ("$.name"), at most FLAT_MEMBERS_MAX of them; the list ends with NULL. The text
 * is UTF-8 without NUL, at most LIMIT_BODY bytes. True: values[i] is what stands at paths[i], until the next call. False:
 * this is not as simple as that, or no JSON; SQLite knows.
 */
bool flat_read(Flat *, const char *text, size_t n, const char *const *paths);

/* The elements of an array of such objects, one after the other: while (flat_next(f, &array, paths)) … */
typedef struct FlatArray {
        const char *p, *end;
} FlatArray;

/* False: it is no such array; the limits are those of flat_read(). */
bool flat_array(Flat *, const char *text, size_t n, FlatArray *ret);
bool flat_next(Flat *, FlatArray *, const char *const *paths);
