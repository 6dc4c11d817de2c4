/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcsv does the syntax; this file does what libcsv does not: where each field stands, which columns there are,
 * and what no text of ours may hold.
 *
 * libcsv is fed one byte at a time. A field ends during the byte behind it, so the callback knows where it began
 * (`begin`, set at its first byte that is no space) without libcsv's help. Columns are counted in characters,
 * as editors do.
 */
#include "store/csv-table.h"

#include <csv.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/str.h"
#include "store/registry-build.h"

#define FILE_BYTES_MAX (64u << 20)
#define ROWS_MAX       1000000u
#define TEXT_BYTES_MAX 1024u
#define UNKNOWN        UINT32_MAX

typedef struct Place {
        unsigned line, column;
} Place;

typedef struct Reader {
        CsvTable *table;
        RegistryError *error;
        bool failed;
        Place at, begin;
        bool in_field, in_row;
        unsigned n_fields; /* of the row so far */
        bool has_header;
        uint32_t meaning[CSV_COLUMNS_MAX]; /* by position in the file: our column */
        unsigned n_positions;
        CsvCell row[CSV_COLUMNS_MAX];
} Reader;

int csv_error_at(RegistryError *e, const char *file, unsigned line, unsigned column, const char *fmt, ...)
{
        va_list ap;

        *e = (RegistryError){.line = line, .column = column};
        (void)str_copy(e->file, sizeof(e->file), file); /* cut is fine: it is to be read by a person */
        va_start(ap, fmt);
        (void)vsnprintf(e->text, sizeof(e->text), fmt, ap); /* likewise */
        va_end(ap);
        /* Cut texts end between characters. */
        for (size_t n = strlen(e->text); n > 0 && !str_utf8(e->text, n); n--)
                e->text[n - 1] = 0;
        return REGISTRY_E_INVALID;
}

#define FAIL(reader, place, ...)                                                                            \
        do {                                                                                                \
                if (!(reader)->failed)                                                                      \
                        (void)csv_error_at((reader)->error, (reader)->table->file, (place).line,            \
                                (place).column, __VA_ARGS__);                                               \
                (reader)->failed = true;                                                                    \
        } while (0)

/* False: the field cannot be taken. Never quotes the text itself: it may be a name or a phone. */
static bool text_check(Reader *r, const char *s, size_t n, const CsvColumn *column)
{
        const char *name = column ? column->name : "header";

        if (!str_utf8(s, n)) {
                FAIL(r, r->begin, "%s: not valid UTF-8 (save the file as UTF-8, not as GBK)", name);
                return false;
        }
        if (n > TEXT_BYTES_MAX) {
                FAIL(r, r->begin, "%s: %zu bytes, at most %u are allowed", name, n, TEXT_BYTES_MAX);
                return false;
        }
        for (size_t i = 0; i < n; i++) {
                bool line_break = s[i] == '\n' || s[i] == '\r' || s[i] == '\t';

                if ((unsigned char)s[i] >= 0x20 && s[i] != 0x7f)
                        continue;
                if (line_break && column && column->lines)
                        continue;
                FAIL(r, r->begin, "%s: %s", name,
                        line_break ? "a line break or tab is not allowed here"
                                   : "control characters are not allowed");
                return false;
        }
        return true;
}

static void header_field(Reader *r, const char *s, size_t n)
{
        CsvTable *t = r->table;
        uint32_t meaning = UNKNOWN;

        if (!text_check(r, s, n, NULL))
                return;
        if (r->n_fields >= CSV_COLUMNS_MAX) {
                FAIL(r, r->begin, "more than %u columns", CSV_COLUMNS_MAX);
                return;
        }
        for (unsigned i = 0; i < t->n_columns; i++)
                if (strcmp(t->columns[i].name, s) == 0)
                        meaning = i;
        if (meaning == UNKNOWN) {
                char known[192];
                Str list = STR_BUFFER(known);

                for (unsigned i = 0; i < t->n_columns; i++)
                        str_addf(&list, "%s%s", i ? "," : "", t->columns[i].name);
                FAIL(r, r->begin, "unknown column \"%.40s\"; there are %s", s, known);
                return;
        }
        for (unsigned i = 0; i < r->n_fields; i++)
                if (r->meaning[i] == meaning) {
                        FAIL(r, r->begin, "column \"%s\" stands here twice", s);
                        return;
                }
        r->meaning[r->n_fields++] = meaning;
}

static void field_end(void *bytes, size_t n, void *userdata)
{
        Reader *r = userdata;
        CsvTable *t = r->table;

        r->in_field = false;
        if (r->failed)
                return;
        if (!r->has_header) {
                header_field(r, bytes ? bytes : "", n);
                return;
        }
        if (r->n_fields < r->n_positions) {
                uint32_t meaning = r->meaning[r->n_fields];

                if (!text_check(r, bytes ? bytes : "", n, &t->columns[meaning]))
                        return;
                r->row[meaning] =
                        (CsvCell){registry_textn(t->pool, bytes, n), r->begin.line, r->begin.column};
        }
        r->n_fields++;
}

static void header_end(Reader *r)
{
        CsvTable *t = r->table;

        r->n_positions = r->n_fields;
        r->has_header = true;
        for (unsigned i = 0; i < t->n_columns && !r->failed; i++) {
                bool there = false;

                for (unsigned k = 0; k < r->n_positions; k++)
                        there |= r->meaning[k] == i;
                if (!there && !t->columns[i].optional)
                        FAIL(r, ((Place){r->begin.line, 0}), "column \"%s\" is missing", t->columns[i].name);
        }
}

static void row_end(int terminator, void *userdata)
{
        Reader *r = userdata;
        CsvTable *t = r->table;
        unsigned n_fields = r->n_fields;

        r->in_field = r->in_row = false;
        if (!r->failed && !r->has_header)
                header_end(r);
        else if (!r->failed && n_fields != r->n_positions)
                FAIL(r, ((Place){r->begin.line, 0}), "%u fields, but the first line names %u columns",
                        n_fields, r->n_positions);
        else if (!r->failed && t->n_rows == ROWS_MAX)
                FAIL(r, ((Place){r->begin.line, 0}), "more than %u rows", ROWS_MAX);
        else if (!r->failed) {
                if (t->n_rows == t->cap) {
                        t->cap = t->cap ? 2 * t->cap : 64;
                        t->cells = reallocarray(t->cells, t->cap, t->n_columns * sizeof(CsvCell));
                        NEED_MEMORY(t->cells);
                }
                memcpy(&t->cells[t->n_rows++ * t->n_columns], r->row, t->n_columns * sizeof(CsvCell));
        }
        r->n_fields = 0;
        for (unsigned i = 0; i < t->n_columns; i++)
                r->row[i] = (CsvCell){.text = "", .line = r->at.line};
}

static bool blank(char c)
{
        return c == ' ' || c == '\t';
}

static void feed(Reader *r, struct csv_parser *parser, const char *p, size_t n)
{
        for (size_t i = 0; i < n && !r->failed; i++) {
                char c = p[i];
                bool breaks = c == '\n' || (c == '\r' && !(i + 1 < n && p[i + 1] == '\n'));
                bool ends = c == '\n' || c == '\r';

                if (c == 0) {
                        FAIL(r, r->at, "a NUL byte (save the file as UTF-8, not as UTF-16)");
                        return;
                }
                if (!r->in_field && !blank(c) && (r->in_row || !ends)) {
                        r->in_field = r->in_row = true;
                        r->begin = r->at;
                }
                if (csv_parse(parser, &c, 1, field_end, row_end, r) != 1) {
                        ASSERT(csv_error(parser) == CSV_EPARSE);
                        FAIL(r, r->at,
                                "a quote within a field: quote the whole field, and double the quotes in "
                                "it");
                }
                if (breaks)
                        r->at = (Place){r->at.line + 1, 1};
                else if (((unsigned char)c & 0xc0) != 0x80)
                        r->at.column++;
        }
}

static int parse(CsvTable *t, const char *bytes, size_t n, RegistryError *error)
{
        Reader reader = {.table = t, .error = error, .at = {1, 1}, .begin = {1, 1}};
        struct csv_parser parser;

        if (n >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
                bytes += 3;
                n -= 3;
        }
        ASSERT(csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL) == 0);
        for (unsigned i = 0; i < t->n_columns; i++)
                reader.row[i].text = "";
        feed(&reader, &parser, bytes, n);
        if (!reader.failed && csv_fini(&parser, field_end, row_end, &reader) != 0)
                FAIL(&reader, reader.begin, "the quotes that begin here do not end");
        csv_free(&parser);
        if (!reader.failed && !reader.has_header)
                FAIL(&reader, ((Place){0, 0}), "empty: the first line must name the columns");
        return reader.failed ? REGISTRY_E_INVALID : 0;
}

int csv_file_read(char **ret, size_t *ret_size, const char *folder, const char *file, RegistryError *error)
{
        _cleanup_(freep) char *path = NULL;
        _cleanup_(freep) char *bytes = NULL;
        _cleanup_(closep) int fd = -1;
        struct stat st;
        size_t n = 0;

        if (asprintf(&path, "%s%s%s", folder ? folder : "", folder ? "/" : "", file) < 0) {
                path = NULL;
                return error_origin(-ENOMEM);
        }
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0) {
                int why = errno;

                (void)csv_error_at(error, file, 0, 0, "cannot be opened: %s", strerrordesc_np(why));
                return why == ENOENT ? CSV_E_MISSING : REGISTRY_E_INVALID;
        }
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return csv_error_at(error, file, 0, 0, "is not a file");
        if (st.st_size > (off_t)FILE_BYTES_MAX)
                return csv_error_at(error, file, 0, 0, "more than %u bytes", FILE_BYTES_MAX);
        bytes = malloc((size_t)st.st_size + 1);
        if (!bytes)
                return error_origin(-ENOMEM);
        while (n < (size_t)st.st_size) {
                ssize_t got = read(fd, bytes + n, (size_t)st.st_size - n);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return csv_error_at(error, file, 0, 0, "cannot be read: %s", strerrordesc_np(errno));
                if (got == 0)
                        break; /* became shorter meanwhile */
                n += (size_t)got;
        }
        bytes[n] = 0;
        *ret_size = n;
        *ret = TAKE_PTR(bytes);
        return 0;
}

int csv_table_read(CsvTable *ret, const char *folder, const char *file, const CsvColumn *columns,
        unsigned n_columns, RegistryError *error)
{
        _cleanup_(freep) char *bytes = NULL;
        CsvTable t = {.file = file, .columns = columns, .n_columns = n_columns};
        size_t n;
        int r;

        ASSERT(n_columns > 0 && n_columns <= CSV_COLUMNS_MAX);
        r = csv_file_read(&bytes, &n, folder, file, error);
        if (r != 0)
                return r;
        r = registry_new(&t.pool);
        if (r < 0)
                return error_trace(r);
        r = parse(&t, bytes, n, error);
        if (r != 0) {
                csv_table_clear(&t);
                return r;
        }
        *ret = t;
        return 0;
}

void csv_table_clear(CsvTable *t)
{
        free(t->cells);
        t->pool = registry_unref(t->pool);
        *t = (CsvTable){0};
}
