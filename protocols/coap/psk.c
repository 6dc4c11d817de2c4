/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/coap/psk.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

static int hex(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* NULL, or what is wrong. */
static const char *read_key(const char *text, PskRow *row)
{
        size_t n = strlen(text);

        if (n % 2 != 0)
                return "the key has an odd number of hexadecimal digits";
        if (n / 2 < PSK_KEY_MIN || n / 2 > PSK_KEY_MAX)
                return "the key must have 16 to 64 bytes, that is 32 to 128 hexadecimal digits";
        for (size_t i = 0; i < n / 2; i++) {
                int high = hex(text[2 * i]), low = hex(text[2 * i + 1]);

                if (high < 0 || low < 0)
                        return "the key is not hexadecimal";
                row->key[i] = (uint8_t)(high << 4 | low);
        }
        row->key_size = n / 2;
        return NULL;
}

static const char *read_line(char *line, PskRow *row)
{
        char *colon = strrchr(line, ':');

        if (!colon)
                return "expected device:key";
        *colon = 0;
        if (!str_code(line))
                return "the device is not a registry code";
        (void)str_copy(row->device, sizeof(row->device), line); /* a code fits */
        return read_key(colon + 1, row);
}

static int row_compare(const void *a, const void *b)
{
        return strcmp(((const PskRow *)a)->device, ((const PskRow *)b)->device);
}

static int rows_grow(Psk *psk, size_t *cap)
{
        if (psk->n < *cap)
                return 0;
        /* Not realloc(): that would leave keys behind in memory. */
        size_t more = *cap ? *cap * 2 : 64;
        PskRow *rows = calloc(more, sizeof(PskRow));

        if (!rows)
                return error_origin(-ENOMEM);
        if (psk->n > 0) {
                memcpy(rows, psk->rows, psk->n * sizeof(PskRow));
                explicit_bzero(psk->rows, psk->n * sizeof(PskRow));
        }
        free(psk->rows);
        psk->rows = rows;
        *cap = more;
        return 0;
}

static int read_file(FILE *file, Psk *psk, unsigned *ret_line, const char **ret_reason)
{
        _cleanup_(freep) char *line = NULL;
        size_t line_cap = 0, cap = 0;
        ssize_t n;
        int r = 0;

        *ret_line = 0;
        while (r == 0 && (n = getline(&line, &line_cap, file)) >= 0) {
                ++*ret_line;
                while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
                        line[--n] = 0;
                if (n == 0 || line[0] == '#')
                        continue;
                r = rows_grow(psk, &cap);
                if (r < 0)
                        break;
                *ret_reason = strlen(line) == (size_t)n ? read_line(line, &psk->rows[psk->n]) : "a NUL byte";
                psk->rows[psk->n++].line = *ret_line;
                if (*ret_reason)
                        r = PSK_E_INVALID;
        }
        if (line)
                explicit_bzero(line, line_cap);
        if (r == 0 && ferror(file))
                return error_origin(-EIO);
        return r < 0 ? error_trace(r) : r;
}

int psk_read(Psk *ret, const char *path, unsigned *ret_line, const char **ret_reason)
{
        _cleanup_(psk_deinit) Psk psk = {0};
        _cleanup_(fclosep) FILE *file = fopen(path, "re");
        int r;

        if (!file) {
                *ret_line = 0;
                *ret_reason = strerror(errno);
                return PSK_E_INVALID;
        }
        r = read_file(file, &psk, ret_line, ret_reason);
        if (r != 0)
                return r;
        if (psk.n > 1)
                qsort(psk.rows, psk.n, sizeof(PskRow), row_compare);
        for (size_t i = 1; i < psk.n; i++)
                if (row_compare(&psk.rows[i - 1], &psk.rows[i]) == 0) {
                        const PskRow *row = &psk.rows[i];

                        *ret_line = row[-1].line > row->line ? row[-1].line : row->line;
                        *ret_reason = "the device already has a key";
                        return PSK_E_INVALID;
                }
        *ret = psk;
        psk = (Psk){0};
        return 0;
}

void psk_deinit(Psk *psk)
{
        if (psk->rows)
                explicit_bzero(psk->rows, psk->n * sizeof(PskRow));
        free(psk->rows);
        *psk = (Psk){0};
}

PskRow *psk_find(const Psk *psk, const char *device)
{
        PskRow key = {0};

        if (psk->n == 0 || !str_copy(key.device, sizeof(key.device), device))
                return NULL;
        return bsearch(&key, psk->rows, psk->n, sizeof(PskRow), row_compare);
}

bool psk_is(const Psk *psk, const char *device, const uint8_t *key, size_t size)
{
        const PskRow *row = psk_find(psk, device);

        return row && row->key_size == size && CRYPTO_memcmp(row->key, key, size) == 0;
}

void psk_carry(Psk *psk, const Psk *old)
{
        ASSERT(psk && old);
        for (size_t i = 0; i < old->n; i++) {
                const PskRow *from = &old->rows[i];
                PskRow *to = psk_find(psk, from->device);

                if (!to || !psk_is(psk, from->device, from->key, from->key_size))
                        continue;
                to->last = from->last;
                to->window = from->window;
        }
}
