/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of configuration files: bytes to lines to settings_section() and settings_assign().
 *
 * Strict, because a setting that is silently dropped shows only in the night it was meant for: whatever is
 * not a comment, a section or an assignment ends the reading with its file and line, and nothing is taken.
 * Values are read into a copy over the defaults, checked as a whole, and only then handed out. CR LF and a
 * byte order mark are accepted, because files come from all kinds of editors.
 */
#include "config/settings.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#define FILE_BYTES_MAX (256u << 10)
#define LINE_BYTES_MAX 2048u

static char *strip(char *s)
{
        s += strspn(s, " \t");
        for (size_t n = strlen(s); n > 0 && strchr(" \t", s[n - 1]); n--)
                s[n - 1] = '\0';
        return s;
}

static int line_read(Reader *r, char *s)
{
        char *equals = strchr(s, '=');

        if (*s == '\0' || *s == '#' || *s == ';')
                return 0;
        if (*s == '[') {
                if (s[strlen(s) - 1] != ']')
                        return reader_fail(
                                r, "a section is a name in brackets and nothing else, as in \"[MQTT]\"");
                s[strlen(s) - 1] = '\0';
                return settings_section(r, strip(s + 1));
        }
        if (!equals || equals == s)
                return reader_fail(r, "neither [Section] nor Key=Value nor a comment that begins with '#'");
        if (r->section == SECTION_NONE)
                return reader_fail(r,
                        "a setting before the first section; write \"[Gateway]\" or another one above it");
        *equals = '\0';
        return settings_assign(r, strip(s), strip(equals + 1));
}

int reader_text(Reader *r, const char *text, size_t n)
{
        r->section = SECTION_NONE;
        r->line = 0;
        if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
                text += 3, n -= 3;
        while (n > 0) {
                const char *end = memchr(text, '\n', n);
                size_t size = end ? (size_t)(end - text) : n;
                char line[LINE_BYTES_MAX + 1];
                int k;

                r->line++;
                if (size > LINE_BYTES_MAX)
                        return reader_fail(
                                r, "a line of %zu bytes; at most %u are read", size, LINE_BYTES_MAX);
                memcpy(line, text, size);
                text += size + (end ? 1 : 0);
                n -= size + (end ? 1 : 0);
                if (size > 0 && line[size - 1] == '\r')
                        size--;
                line[size] = '\0';
                for (size_t i = 0; i < size; i++)
                        if ((unsigned char)line[i] < 0x20 && line[i] != '\t')
                                return reader_fail(
                                        r, "byte %zu is the control character 0x%02x", i + 1, line[i]);
                if (!str_utf8(line, size))
                        return reader_fail(r, "the text is not UTF-8");
                k = line_read(r, strip(line));
                if (k != 0)
                        return k;
        }
        return 0;
}

static int file_read(Reader *r, const char *path)
{
        _cleanup_(freep) char *text = malloc(FILE_BYTES_MAX + 1);
        _cleanup_(fclosep) FILE *f = fopen(path, "re");
        Origin whole = {path, 0};
        size_t n;

        if (!text)
                return error_origin(-ENOMEM);
        n = f ? fread(text, 1, FILE_BYTES_MAX + 1, f) : 0;
        if (!f || ferror(f))
                return reader_fail_at(r, whole, "cannot be read: %s", strerror(errno));
        if (n > FILE_BYTES_MAX)
                return reader_fail_at(r, whole, "longer than %u bytes", FILE_BYTES_MAX);
        r->file = path;
        return reader_text(r, text, n);
}

static int is_drop_in(const struct dirent *d)
{
        size_t n = strlen(d->d_name);

        return n > 5 && d->d_name[0] != '.' && str_equal(d->d_name + n - 5, ".conf");
}

int reader_files(Reader *r, const char *path, char *names[static DROP_INS_MAX])
{
        _cleanup_(freep) char *folder = NULL;
        struct dirent **found = NULL;
        int n, k = file_read(r, path);

        if (k != 0)
                return k;
        if (asprintf(&folder, "%s.d", path) < 0)
                return error_origin(-ENOMEM);
        n = scandir(folder, &found, is_drop_in, alphasort);
        if (n < 0 && errno == ENOENT)
                return 0;
        if (n < 0)
                k = reader_fail_at(r, (Origin){folder, 0}, "cannot be read: %s", strerror(errno));
        else if (n > (int)DROP_INS_MAX)
                k = reader_fail_at(
                        r, (Origin){folder, 0}, "%d drop-ins; at most %u are read", n, DROP_INS_MAX);
        for (int i = 0; i < n; i++) {
                if (k == 0 && asprintf(&names[i], "%s/%s", folder, found[i]->d_name) < 0) {
                        names[i] = NULL;
                        k = error_origin(-ENOMEM);
                }
                if (k == 0)
                        k = file_read(r, names[i]);
                free(found[i]);
        }
        free(found);
        return k;
}
