/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/huyingctl/sheet.h"

#include "base/assert.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

void sheet_init(Sheet *s, const SheetColumn *columns, unsigned n_columns, const char *title)
{
        *s = (Sheet){.columns = columns, .n_columns = n_columns};
        (void)str_copy(s->title, sizeof(s->title), title); /* cut is fine */
        ASSERT(n_columns <= SHEET_COLUMNS_MAX);
        for (unsigned c = 0; c < n_columns; c++) {
                Str head = STR_BUFFER(s->heads[c]);

                str_addf(&head, "%s\"%s\":", c > 0 ? "," : "", columns[c].key);
                ASSERT(!head.full);
                s->head_sizes[c] = head.n;
        }
}

void sheet_deinit(Sheet *s)
{
        free(s->cells);
        free(s->text);
        s->cells = NULL;
        s->text = NULL;
        s->n_rows = s->cap = s->n_text = s->text_cap = 0;
}

/* Where it stands in the text from now on. */
static size_t text_take(Sheet *s, const char *cell)
{
        size_t size = strlen(cell) + 1, at;

        if (s->text_cap - s->n_text < size + 1) {
                s->text_cap = 2 * s->text_cap + size + 4096;
                s->text = realloc(s->text, s->text_cap);
                ASSERT(s->text);
                if (s->n_text == 0)
                        s->text[s->n_text++] = 0; /* what is nothing stands here */
        }
        at = s->n_text;
        memcpy(s->text + at, cell, size);
        s->n_text += size;
        return at;
}

void sheet_row(Sheet *s, const char *const *cells)
{
        if (s->n_rows == s->cap) {
                s->cap = s->cap ? 2 * s->cap : 64;
                s->cells = realloc(s->cells, s->cap * s->n_columns * sizeof(s->cells[0]));
                ASSERT(s->cells);
        }
        for (unsigned c = 0; c < s->n_columns; c++)
                s->cells[s->n_rows * s->n_columns + c] =
                        cells[c] && cells[c][0] ? text_take(s, cells[c]) : 0;
        s->n_rows++;
}

const char *sheet_cell(const Sheet *s, size_t row, unsigned column)
{
        size_t at = s->cells[row * s->n_columns + column];

        return at ? s->text + at : "";
}

static void csv_cell(FILE *f, const char *text, bool number)
{
        (void)fputc('"', f);
        if (!number && text[0] && strchr("=+-@\t\r\n", text[0]))
                (void)fputc('\'', f); /* no spreadsheet takes it for a formula */
        for (; *text; text++) {
                if (*text == '"')
                        (void)fputc('"', f);
                (void)fputc(*text, f);
        }
        (void)fputc('"', f);
}

void sheet_csv(const Sheet *s, FILE *f)
{
        (void)fputs("\xef\xbb\xbf", f);
        for (unsigned c = 0; c < s->n_columns; c++) {
                (void)fputs(c > 0 ? "," : "", f);
                csv_cell(f, s->columns[c].zh, false);
        }
        (void)fputs("\r\n", f);
        for (size_t r = 0; r < s->n_rows; r++) {
                for (unsigned c = 0; c < s->n_columns; c++) {
                        (void)fputs(c > 0 ? "," : "", f);
                        csv_cell(f, sheet_cell(s, r, c), s->columns[c].number);
                }
                (void)fputs("\r\n", f);
        }
}

static bool number_is(const char *cell)
{
        return (cell[0] >= '0' && cell[0] <= '9') || cell[0] == '-';
}

#define CELL_MAX 65536u /* one that is longer is null */

static void json_row(const Sheet *s, size_t row, FILE *f)
{
        char text[2 * CELL_MAX];
        Str str = STR_BUFFER(text);

        str_addn(&str, "{", 1);
        for (unsigned c = 0; c < s->n_columns; c++) {
                const char *cell = sheet_cell(s, row, c);
                size_t begin;

                if (str.n > CELL_MAX) {
                        (void)fwrite(text, 1, str.n, f); /* sheet_print() looks whether all came out */
                        str.n = 0;
                }
                str_addn(&str, s->heads[c],
                        s->head_sizes[c]); /* formatted once: a third of a long answer's work */
                begin = str.n;
                if (!cell[0] || (s->columns[c].number && !number_is(cell)))
                        str_addn(&str, "null", 4); /* ∞ too: "never" tells */
                else if (s->columns[c].number)
                        str_add(&str, cell);
                else
                        str_json(&str, cell);
                if (str.full) {
                        str.n = begin;
                        str.full = false;
                        str_addn(&str, "null", 4);
                }
        }
        str_addn(&str, "}", 1);
        (void)fwrite(text, 1, str.n, f); /* likewise */
}

void sheet_jsonl(const Sheet *s, FILE *f)
{
        for (size_t r = 0; r < s->n_rows; r++) {
                json_row(s, r, f);
                (void)fputc('\n', f);
        }
}

void html_text(FILE *f, const char *text)
{
        for (; *text; text++)
                switch (*text) {
                case '<': (void)fputs("&lt;", f); break;
                case '>': (void)fputs("&gt;", f); break;
                case '&': (void)fputs("&amp;", f); break;
                case '"': (void)fputs("&quot;", f); break;
                default: (void)fputc(*text, f);
                }
}

void sheet_html(const Sheet *s, FILE *f)
{
        (void)fputs("<table><thead><tr>", f);
        for (unsigned c = 0; c < s->n_columns; c++) {
                (void)fprintf(f, "<th%s>", s->columns[c].number ? " class=n" : "");
                html_text(f, s->columns[c].zh);
                (void)fputs("</th>", f);
        }
        (void)fputs("</tr></thead><tbody>\n", f);
        for (size_t r = 0; r < s->n_rows; r++) {
                (void)fputs("<tr>", f);
                for (unsigned c = 0; c < s->n_columns; c++) {
                        (void)fprintf(f, "<td%s>", s->columns[c].number ? " class=n" : "");
                        html_text(f, sheet_cell(s, r, c));
                        (void)fputs("</td>", f);
                }
                (void)fputs("</tr>\n", f);
        }
        (void)fputs("</tbody></table>\n", f);
        if (s->n_rows == 0)
                (void)fputs("<p class=none>（无）</p>\n", f);
}

/* $PAGER (a program without arguments) or less; the end of its pipe, NULL when there is none. */
static FILE *pager_start(pid_t *ret)
{
        static char less[] = "less", options[] = "-FRSXMK";
        char *given = getenv("PAGER");
        char *argv[] = {given && given[0] ? given : less, given && given[0] ? NULL : options, NULL};
        posix_spawn_file_actions_t actions;
        int fds[2];
        FILE *f = NULL;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return NULL;
        if (posix_spawn_file_actions_init(&actions) == 0) {
                if (posix_spawn_file_actions_adddup2(&actions, fds[0], STDIN_FILENO) == 0 &&
                        posix_spawnp(ret, argv[0], &actions, NULL, argv, environ) == 0)
                        f = fdopen(fds[1], "w");
                (void)posix_spawn_file_actions_destroy(&actions); /* cannot fail */
        }
        (void)close(fds[0]); /* the pager has its own */
        if (!f)
                (void)close(fds[1]); /* nothing was written */
        return f;
}

static Exit print_table(const Ctl *ctl, const Sheet *s)
{
        struct libscols_table *t = scols_new_table();
        FILE *out = NULL;
        pid_t pager = 0;
        int r;

        ASSERT(t);
        for (unsigned c = 0; c < s->n_columns; c++) {
                char title[128];

                (void)snprintf(title, sizeof(title), "%s %s", s->columns[c].zh, s->columns[c].en); /* fits */
                ASSERT(scols_table_new_column(t, title, 0, s->columns[c].number ? SCOLS_FL_RIGHT : 0));
        }
        for (size_t row = 0; row < s->n_rows; row++) {
                struct libscols_line *line = scols_table_new_line(t, NULL);

                ASSERT(line);
                for (unsigned c = 0; c < s->n_columns; c++)
                        ASSERT(scols_line_set_data(line, c, sheet_cell(s, row, c)) == 0);
        }
        if (isatty(STDOUT_FILENO) && !ctl->option[OPTION_NO_PAGER])
                out = pager_start(&pager);
        if (out)
                (void)signal(SIGPIPE, SIG_IGN); /* likewise */
        if (out)
                (void)scols_table_set_stream(t, out);
        r = scols_print_table(t);
        if (out) {
                (void)fclose(out); /* a reader who leaves early is no failure */
                while (waitpid(pager, NULL, 0) < 0 && errno == EINTR)
                        ;
        }
        scols_unref_table(t);
        return r < 0 ? EXIT_ERROR : EXIT_OK;
}

Exit sheet_print(const Ctl *ctl, const Sheet *s)
{
        if (ctl->option[OPTION_CSV])
                sheet_csv(s, stdout);
        else if (ctl->option[OPTION_JSONL])
                sheet_jsonl(s, stdout);
        else if (ctl->json) {
                (void)fputc('[', stdout);
                for (size_t r = 0; r < s->n_rows; r++) {
                        (void)fputs(r > 0 ? "," : "", stdout);
                        json_row(s, r, stdout);
                }
                (void)puts("]");
        } else if (s->n_rows == 0)
                (void)puts("没有这样的记录 / nothing of the kind is recorded");
        else
                return print_table(ctl, s);
        return fflush(stdout) == 0 ? EXIT_OK : EXIT_ERROR;
}
