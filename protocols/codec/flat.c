/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flat object of plain members: {"hr":72,"temp":36.6,"worn":true,"id":"e-17"}; or an array of them, as SenML has it.
 *
 * Nearly all that devices and apps send is that, and SQLite takes twenty times as long for it: it parses into a tree, and
 * looks into that by a path for each member's type and again for its value. What is not plain is left to SQLite, which
 * stays the judge of what JSON is: anything nested, an escape or a control character in a string, a number with an
 * exponent or with so many digits that it is not exact. So there is nothing here to get wrong but what is read, and that
 * is compared with SQLite for every input of the fuzzer (tests/fuzz) and at random (tests/unit/codec-flat.c).
 *
 * Of two members of one name the first counts, as with SQLite.
 */
#include "protocols/codec/flat.h"

#include "base/assert.h"

#include <string.h>

#define EXACT_MAX    (UINT64_C(1) << 53) /* a whole number up to here is a double … */
#define FRACTION_MAX 15u /* … and so is the power of ten that it is divided by: correctly rounded */
#define INTEGER_MAX  18u /* digits that always fit in 64 bits */

typedef struct Cursor {
        const char *p, *end;
} Cursor;

static void blanks(Cursor *c)
{
        while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\t' || *c->p == '\r'))
                c->p++;
}

static bool take(Cursor *c, char wanted)
{
        if (c->p == c->end || *c->p != wanted)
                return false;
        c->p++;
        return true;
}

/* A string in quotes. */
static bool take_string(Cursor *c, const char **ret, size_t *ret_n)
{
        const char *p = c->p + 1;

        if (!take(c, '"'))
                return false;
        while (c->p < c->end && *c->p != '"') {
                if ((unsigned char)*c->p < 0x20 || *c->p == '\\')
                        return false;
                c->p++;
        }
        *ret = p;
        *ret_n = (size_t)(c->p - p);
        return take(c, '"');
}

static unsigned take_digits(Cursor *c, uint64_t *value)
{
        unsigned n = 0;

        for (; c->p < c->end && *c->p >= '0' && *c->p <= '9' && n <= INTEGER_MAX; c->p++, n++)
                *value = *value * 10 + (uint64_t)(*c->p - '0');
        return n;
}

static bool take_number(Cursor *c, FlatValue *v)
{
        static const double powers[FRACTION_MAX + 1] = {
                1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
        bool minus = take(c, '-'), zero = c->p < c->end && *c->p == '0';
        uint64_t digits = 0;
        unsigned n = take_digits(c, &digits), fraction;

        if (n == 0 || n > INTEGER_MAX || (zero && n > 1))
                return false;
        if (!take(c, '.')) {
                v->type = VALUE_INTEGER;
                v->large = false;
                v->integer = minus ? -(int64_t)digits : (int64_t)digits;
                v->number = (double)v->integer;
                return true;
        }
        if (digits > EXACT_MAX / 10)
                return false;
        fraction = take_digits(c, &digits);
        if (fraction == 0 || n + fraction > INTEGER_MAX || fraction > FRACTION_MAX || digits > EXACT_MAX)
                return false;
        v->type = VALUE_REAL;
        v->number = (double)digits / powers[fraction];
        v->number = minus ? -v->number : v->number;
        return true;
}

static bool take_word(Cursor *c, const char *word, size_t n)
{
        if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n) != 0)
                return false;
        c->p += n;
        return true;
}

static bool take_text(Flat *f, Cursor *c, FlatValue *v)
{
        const char *text;

        if (!take_string(c, &text, &v->size))
                return false;
        ASSERT(f->n_texts + v->size < sizeof(f->texts)); /* the quotes have more room than the NUL */
        v->type = VALUE_TEXT;
        v->text = f->texts + f->n_texts;
        memcpy(f->texts + f->n_texts, text, v->size);
        f->texts[f->n_texts + v->size] = '\0';
        f->n_texts += v->size + 1;
        return true;
}

static bool take_value(Flat *f, Cursor *c, FlatValue *v)
{
        if (c->p == c->end)
                return false;
        switch (*c->p) {
        case '"': return take_text(f, c, v);
        case 't': v->type = VALUE_TRUE; return take_word(c, "true", 4);
        case 'f': v->type = VALUE_FALSE; return take_word(c, "false", 5);
        case 'n': v->type = VALUE_NULL; return take_word(c, "null", 4);
        default: return take_number(c, v);
        }
}

/* Where a member of this name goes; the last place is for those that nobody asks for. */
static FlatValue *place_of(
        Flat *f, const char *name, size_t n, const char *const *paths, FlatValue *elsewhere)
{
        for (size_t i = 0; i < FLAT_MEMBERS_MAX && paths[i]; i++) {
                const char *wanted = paths[i] + 2;

                if (n > 0 && wanted[0] == name[0] && strncmp(wanted, name, n) == 0 && wanted[n] == '\0')
                        return f->values[i].type == VALUE_ABSENT ? &f->values[i] : elsewhere;
        }
        f->others++;
        return elsewhere;
}

static bool take_object(Flat *f, Cursor *c, const char *const *paths)
{
        FlatValue elsewhere;

        for (size_t i = 0; i < FLAT_MEMBERS_MAX && paths[i]; i++)
                f->values[i].type = VALUE_ABSENT;
        f->n_texts = 0;
        f->others = 0;
        if (!take(c, '{'))
                return false;
        blanks(c);
        if (take(c, '}'))
                return true;
        do {
                const char *name;
                size_t size;

                blanks(c);
                if (!take_string(c, &name, &size))
                        return false;
                blanks(c);
                if (!take(c, ':'))
                        return false;
                blanks(c);
                if (!take_value(f, c, place_of(f, name, size, paths, &elsewhere)))
                        return false;
                blanks(c);
        } while (take(c, ','));
        return take(c, '}');
}

bool flat_read(Flat *f, const char *text, size_t n, const char *const *paths)
{
        Cursor c = {.p = text, .end = text + n};

        ASSERT(n <= sizeof(f->texts));
        blanks(&c);
        if (!take_object(f, &c, paths))
                return false;
        blanks(&c);
        return c.p == c.end;
}

bool flat_array(Flat *f, const char *text, size_t n, FlatArray *ret)
{
        static const char *const nothing[] = {NULL};
        Cursor c = {.p = text, .end = text + n};

        ASSERT(n <= sizeof(f->texts));
        blanks(&c);
        if (!take(&c, '['))
                return false;
        *ret = (FlatArray){.p = c.p, .end = c.end};
        blanks(&c);
        if (!take(&c, ']')) {
                do {
                        blanks(&c);
                        if (!take_object(f, &c, nothing))
                                return false;
                        blanks(&c);
                } while (take(&c, ','));
                if (!take(&c, ']'))
                        return false;
        }
        blanks(&c);
        return c.p == c.end;
}

bool flat_next(Flat *f, FlatArray *a, const char *const *paths)
{
        Cursor c = {.p = a->p, .end = a->end};

        blanks(&c);
        (void)take(&c, ','); /* not before the first */
        blanks(&c);
        if (!take_object(f, &c, paths))
                return false; /* the end: all of it was read before */
        a->p = c.p;
        return true;
}
