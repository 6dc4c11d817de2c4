/* SPDX-License-Identifier: Apache-2.0 */
/* A report as a printable page (no script, charts as SVG), CSV, JSON lines and XLSX. */
#include "tools/huyingctl/report.h"

#include "base/parse.h"
#include "base/str.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <xlsxwriter.h>

#define CHART_WIDTH  720.0
#define CHART_HEIGHT 190.0
#define CHART_BASE   160.0
#define CHART_TOP    24.0
#define CHART_LEFT   44.0

static const char style[] =
        "body{font:14px/1.5 'Noto Sans CJK SC','Source Han Sans SC','WenQuanYi Micro Hei','Droid Sans "
        "Fallback',sans-serif;"
        "margin:24px auto;max-width:1120px;color:#1c2733}"
        "h1{font-size:22px;margin:0}h2{font-size:16px;margin:26px 0 6px;border-left:4px solid "
        "#1f6f8b;padding-left:8px}"
        ".sub{color:#5b6b7a;margin:2px 0 14px}table{border-collapse:collapse;width:100%;font-size:12px}"
        "th,td{border:1px solid #cfd8e0;padding:3px 6px;text-align:left;vertical-align:top}"
        "td:first-child{white-space:nowrap}th{background:#eef3f6;white-space:nowrap}.n{text-align:right;"
        "font-variant-numeric:tabular-nums}"
        "tbody tr:nth-child(even){background:#fafcfd}.none{color:#5b6b7a}"
        ".gaps{background:#fff8e6;border:1px solid #ecd9a3;padding:8px 14px 8px 30px;margin:8px 0}"
        ".sign{margin-top:34px;display:flex;gap:48px}.sign span{flex:1;border-top:1px solid "
        "#90a0ad;padding-top:4px}"
        "svg{width:100%;height:auto}"
        "@media "
        "print{body{margin:0;max-width:none}h2{break-after:avoid}tr{break-inside:avoid}thead{display:table-"
        "header-group}}"
        "@page{size:A4 landscape;margin:12mm}";

static double chart_top(const ReportChart *c)
{
        double top = isnan(c->standard) ? 1 : c->standard;
        double step = 1;

        for (unsigned i = 0; i < c->n; i++)
                if (c->bars[i].value > top)
                        top = c->bars[i].value;
        if (str_equal(c->unit, "%"))
                return 100;
        while (step * 10 < top)
                step *= 10;
        return ceil(top / step) * step;
}

static void chart_html(const ReportChart *c, FILE *f)
{
        const double top = chart_top(c), scale = (CHART_BASE - CHART_TOP) / top;
        const double step = (CHART_WIDTH - CHART_LEFT - 8) / (c->n > 0 ? c->n : 1);
        const unsigned every = c->n > 16 ? 3 : 1;

        (void)fputs("<h2>", f);
        html_text(f, c->title);
        (void)fprintf(f, "</h2>\n<svg viewBox='0 0 %g %g' role=img font-size=10 fill='#5b6b7a'>",
                CHART_WIDTH, CHART_HEIGHT);
        for (int line = 0; line <= 4; line++) {
                double value = top * line / 4, y = CHART_BASE - value * scale;

                (void)fprintf(f,
                        "<path d='M%g %gH%g' stroke='%s'/><text x='%g' y='%g' text-anchor=end>%g%s</text>",
                        CHART_LEFT, y, CHART_WIDTH - 8, line ? "#e3e9ee" : "#90a0ad", CHART_LEFT - 4, y + 3,
                        value, c->unit);
        }
        for (unsigned i = 0; i < c->n; i++) {
                const ReportBar *b = &c->bars[i];
                double x = CHART_LEFT + step * i, height = isnan(b->value) ? 0 : b->value * scale;
                bool below = !isnan(c->standard) && b->value < c->standard;

                (void)fprintf(f, "<rect x='%.1f' y='%.1f' width='%.1f' height='%.1f' fill='%s'><title>",
                        x + step * 0.15, CHART_BASE - height, step * 0.7, height,
                        below ? "#c8553d" : "#1f6f8b");
                html_text(f, b->label);
                (void)fprintf(f, " %g%s</title></rect>", isnan(b->value) ? 0 : b->value, c->unit);
                if (i % every == 0) {
                        (void)fprintf(f, "<text x='%.1f' y='%g' text-anchor=middle>", x + step / 2,
                                CHART_BASE + 14);
                        html_text(f, b->label);
                        (void)fputs("</text>", f);
                }
        }
        if (!isnan(c->standard)) {
                double y = CHART_BASE - c->standard * scale;

                (void)fprintf(f,
                        "<path d='M%g %gH%g' stroke='#c8553d' stroke-dasharray='4 3'/><text x='%g' y='%g' "
                        "text-anchor=end "
                        "fill='#c8553d'>标准 %g%s</text>",
                        CHART_LEFT, y, CHART_WIDTH - 8, CHART_WIDTH - 8, y - 4, c->standard, c->unit);
        }
        (void)fputs("</svg>\n", f);
}

/* Closes; what could not be written shows here at the latest. */
static int file_end(FILE *f, int r)
{
        if (r == 0 && (fflush(f) != 0 || ferror(f)))
                r = -EIO;
        return fclose(f) != 0 && r == 0 ? -EIO : r;
}

int report_html(const Report *rp, const char *path)
{
        FILE *f = fopen(path, "we");

        if (!f)
                return -errno;
        (void)fputs("<!doctype html><html lang=zh-CN><meta charset=utf-8><title>", f);
        html_text(f, rp->title);
        (void)fprintf(f, "</title><style>%s</style>\n<h1>", style);
        html_text(f, rp->title);
        (void)fputs("</h1><p class=sub>", f);
        html_text(f, rp->period);
        (void)fputs("　社区 ", f);
        html_text(f, rp->site);
        (void)fputs("　生成于 ", f);
        html_text(f, rp->made);
        (void)fputs("</p>\n", f);
        for (unsigned i = 0; i < rp->n_charts; i++)
                chart_html(&rp->charts[i], f);
        for (unsigned i = 0; i < rp->n_sheets; i++) {
                (void)fputs("<h2>", f);
                html_text(f, rp->sheets[i].title);
                (void)fputs("</h2>\n", f);
                sheet_html(&rp->sheets[i], f);
        }
        (void)fputs("<h2>本报告的依据与未知</h2><ul class=gaps>", f);
        for (unsigned i = 0; i < rp->n_notes; i++) {
                (void)fputs("<li>", f);
                html_text(f, rp->notes[i]);
        }
        (void)fputs("</ul><div "
                    "class=sign><span>填报人</span><span>审核人</span><span>日期</span></div></html>\n",
                f);
        return file_end(f, 0);
}

/* One file: the sheets one behind the other, each with its title; the first is what the form asks for. */
int report_csv(const Report *rp, const char *path)
{
        FILE *f = fopen(path, "we");

        if (!f)
                return -errno;
        if (rp->n_sheets > 0)
                sheet_csv(&rp->sheets[0], f);
        return file_end(f, 0);
}

int report_jsonl(const Report *rp, const char *path)
{
        FILE *f = fopen(path, "we");
        char text[2048];

        if (!f)
                return -errno;
        for (unsigned i = 0; i < rp->n_sheets; i++) {
                Str s = STR_BUFFER(text);

                str_json(&s, rp->sheets[i].title);
                (void)fprintf(f, "{\"sheet\":%s,\"rows\":%zu}\n", text, rp->sheets[i].n_rows);
                sheet_jsonl(&rp->sheets[i], f);
        }
        for (unsigned i = 0; i < rp->n_notes; i++) {
                Str s = STR_BUFFER(text);

                str_json(&s, rp->notes[i]);
                (void)fprintf(f, "{\"note\":%s}\n", text);
        }
        return file_end(f, 0);
}

/* Everything but figures is a text cell: long numbers of people must not become floats. */
static void xlsx_sheet(lxw_workbook *book, const Sheet *s, unsigned n, lxw_format *head, lxw_format *title)
{
        char name[32];
        lxw_worksheet *w;

        (void)snprintf(name, sizeof(name), "%u", n + 1); /* titles may be too long for a tab */
        w = workbook_add_worksheet(book, str_copy(name, sizeof(name), s->title) ? name : NULL);
        if (!w)
                return;
        (void)worksheet_write_string(w, 0, 0, s->title, title);
        for (unsigned c = 0; c < s->n_columns; c++) {
                (void)worksheet_write_string(w, 1, (lxw_col_t)c, s->columns[c].zh, head);
                (void)worksheet_set_column(
                        w, (lxw_col_t)c, (lxw_col_t)c, s->columns[c].number ? 10 : 18, NULL);
        }
        for (size_t r = 0; r < s->n_rows; r++)
                for (unsigned c = 0; c < s->n_columns; c++) {
                        const char *cell = sheet_cell(s, r, c);
                        double value;

                        if (s->columns[c].number && parse_double(cell, &value))
                                (void)worksheet_write_number(w, (lxw_row_t)r + 2, (lxw_col_t)c, value, NULL);
                        else if (cell[0])
                                (void)worksheet_write_string(w, (lxw_row_t)r + 2, (lxw_col_t)c, cell, NULL);
                }
        worksheet_freeze_panes(w, 2, 0);
        worksheet_set_landscape(w);
        worksheet_fit_to_pages(w, 1, 0);
        (void)worksheet_repeat_rows(w, 1, 1);
}

int report_xlsx(const Report *rp, const char *path)
{
        lxw_workbook *book = workbook_new(path);
        lxw_format *head, *title;
        lxw_worksheet *w;

        if (!book)
                return -ENOMEM;
        head = workbook_add_format(book);
        format_set_bold(head);
        format_set_bg_color(head, 0xEEF3F6);
        format_set_border(head, LXW_BORDER_THIN);
        title = workbook_add_format(book);
        format_set_bold(title);
        format_set_font_size(title, 14);
        for (unsigned i = 0; i < rp->n_sheets; i++)
                xlsx_sheet(book, &rp->sheets[i], i, head, title);
        w = workbook_add_worksheet(book, "依据与未知");
        for (unsigned i = 0; w && i < rp->n_notes; i++)
                (void)worksheet_write_string(w, i, 0, rp->notes[i], NULL);
        return workbook_close(book) == LXW_NO_ERROR ? 0 : -EIO;
}
