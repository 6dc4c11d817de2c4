/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/codec/bytes.h"

#include "base/assert.h"
#include "base/parse.h"

#include <string.h>

static int digit_of(char c)
{
        return c >= '0' && c <= '9'   ? c - '0'
               : c >= 'a' && c <= 'f' ? c - 'a' + 10
               : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                      : -1;
}

static bool hex_decode(const char *text, size_t n, uint8_t *ret, size_t cap, size_t *ret_n)
{
        int high = -1;
        size_t at = 0;

        for (size_t i = 0; i < n; i++) {
                int d = digit_of(text[i]);

                if (text[i] == ' ' && high < 0)
                        continue;
                if (d < 0 || at == cap)
                        return false;
                if (high >= 0)
                        ret[at++] = (uint8_t)(high << 4 | d);
                high = high < 0 ? d : -1;
        }
        *ret_n = at;
        return high < 0 && at > 0;
}

static int sextet_of(char c)
{
        return c >= 'A' && c <= 'Z'   ? c - 'A'
               : c >= 'a' && c <= 'z' ? c - 'a' + 26
               : c >= '0' && c <= '9' ? c - '0' + 52
               : c == '+'             ? 62
               : c == '/'             ? 63
                                      : -1;
}

/* RFC 4648 section 4, with its padding, and nothing else. */
static bool base64_decode(const char *text, size_t n, uint8_t *ret, size_t cap, size_t *ret_n)
{
        size_t at = 0, pad = n >= 1 && text[n - 1] == '=' ? 1 : 0;

        pad += pad && n >= 2 && text[n - 2] == '=';
        if (n == 0 || n % 4 != 0 || n / 4 * 3 - pad > cap)
                return false;
        for (size_t i = 0; i < n; i += 4) {
                uint32_t group = 0;
                unsigned bytes = i + 4 == n ? 3 - (unsigned)pad : 3;

                for (unsigned k = 0; k < 4; k++) {
                        int d = k > bytes ? 0 : sextet_of(text[i + k]);

                        if (d < 0)
                                return false;
                        group = group << 6 | (uint32_t)d;
                }
                for (unsigned k = 0; k < bytes; k++)
                        ret[at++] = (uint8_t)(group >> (16 - 8 * k));
                if (bytes < 3 && (group & (bytes == 1 ? 0xffffu : 0xffu)))
                        return false; /* bits that no encoder sets */
        }
        *ret_n = at;
        return true;
}

bool bytes_decode(BytesForm form, const char *text, size_t n, uint8_t ret[BYTES_MAX], size_t *ret_n)
{
        ASSERT(form != BYTES_NONE);
        return form == BYTES_HEX ? hex_decode(text, n, ret, BYTES_MAX, ret_n)
                                 : base64_decode(text, n, ret, BYTES_MAX, ret_n);
}

/* ---- fields ---- */

static bool name_fits(const char *name)
{
        for (const char *p = name; *p; p++)
                if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_'))
                        return false;
        return *name && strcmp(name, "length") != 0 && strcmp(name, "hex") != 0;
}

static bool type_parse(const char *word, BytesField *f)
{
        static const struct {
                const char *word;
                uint8_t width;
                bool sign;
        } types[] = {{"u8", 1, false}, {"i8", 1, true}, {"u16", 2, false}, {"i16", 2, true},
                {"u24", 3, false}, {"u32", 4, false}, {"i32", 4, true}};
        char plain[8];
        size_t n = word ? strlen(word) : 0;

        f->little = n > 3 && strcmp(word + n - 2, "le") == 0;
        if (!word || !str_copyn(plain, sizeof(plain), word, n - 2 * f->little))
                return false;
        for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
                if (str_equal(types[i].word, plain)) {
                        f->width = types[i].width;
                        f->sign = types[i].sign;
                        return true;
                }
        return false;
}

static bool offset_parse(const char *word, BytesField *f)
{
        int64_t offset;

        if (!word || !parse_i64(word, &offset) || offset <= -BYTES_MAX || offset >= BYTES_MAX)
                return false;
        f->offset = (int16_t)offset;
        return true;
}

static bool mark_parse(const char *word, BytesField *f)
{
        size_t n;

        if (!word || !hex_decode(word, strlen(word), f->mark, sizeof(f->mark), &n))
                return false;
        f->n_mark = (uint8_t)n;
        return true;
}

const char *bytes_field_parse(BytesField *ret, const char *name, char *text)
{
        static const char wanted[] =
                "a field is OFFSET TYPE, OFFSET bit N or after HEX TYPE, then \"/ NUMBER\" if need "
                "be; types are u8 i8 u16 i16 u24 u32 i32, little-endian with le";
        BytesField f = {.bit = -1, .divide = 1};
        char *word = parse_word(&text);
        uint32_t bit;

        if (!name_fits(name) || !str_copy(f.name, sizeof(f.name), name))
                return "the name of a field has small letters, digits and '_', at most 31; not length nor "
                       "hex";
        if (word && str_equal(word, "after") ? !mark_parse(parse_word(&text), &f) : !offset_parse(word, &f))
                return wanted;
        word = parse_word(&text);
        if (word && str_equal(word, "bit")) {
                word = parse_word(&text);
                if (!word || !parse_u32(word, 7, &bit))
                        return wanted;
                f.bit = (int8_t)bit;
                f.width = 1;
        } else if (!type_parse(word, &f))
                return wanted;
        word = parse_word(&text);
        if (word && (!str_equal(word, "/") || !(word = parse_word(&text)) ||
                            !parse_double(word, &f.divide) || f.divide == 0 || parse_word(&text)))
                return wanted;
        *ret = f;
        return NULL;
}

/* Where its first byte is; n: nowhere. */
static size_t field_at(const BytesField *f, const uint8_t *bytes, size_t n)
{
        const uint8_t *mark;

        if (f->n_mark) {
                mark = memmem(bytes, n, f->mark, f->n_mark);
                return mark ? (size_t)(mark - bytes) + f->n_mark : n;
        }
        if (f->offset >= 0)
                return (size_t)f->offset < n ? (size_t)f->offset : n;
        return (size_t)-f->offset <= n ? n - (size_t)-f->offset : n;
}

static bool field_value(const BytesField *f, const uint8_t *bytes, size_t n, double *ret)
{
        size_t at = field_at(f, bytes, n);
        uint32_t raw = 0;
        int64_t value;

        if (at >= n || n - at < f->width)
                return false;
        for (unsigned i = 0; i < f->width; i++)
                raw |= (uint32_t)bytes[at + i] << 8 * (f->little ? i : f->width - 1u - i);
        if (f->bit >= 0)
                raw = raw >> f->bit & 1;
        value = raw;
        if (f->sign && raw >> (8 * f->width - 1) & 1)
                value -= INT64_C(1) << 8 * f->width;
        *ret = (double)value / f->divide;
        return true;
}

void bytes_json(Str *s, const BytesField *fields, size_t n_fields, const uint8_t *bytes, size_t n)
{
        double value;

        str_addf(s, "{\"length\":%zu,\"hex\":\"", n);
        for (size_t i = 0; i < n; i++)
                str_addf(s, "%02x", bytes[i]);
        str_add(s, "\"");
        for (size_t i = 0; i < n_fields; i++)
                if (field_value(&fields[i], bytes, n, &value)) {
                        str_addf(s, ",\"%s\":", fields[i].name);
                        str_number(s, value);
                }
        str_add(s, "}");
}
