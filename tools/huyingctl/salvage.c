/* SPDX-License-Identifier: Apache-2.0 */
/*
 * salvage FILE OUT: what can be read of a damaged database, as lines; which rows are proved by their hash, which only read,
 * and which are lost. OUT is no export that verifies (there are gaps): it is what is left, each line with "proved".
 */
#include "tools/huyingctl/export.h"
#include "store/salvage.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

static bool line_write(const SalvagedRow *row, Str *s, FILE *out)
{
        const ProofRow p = {
                .record = row->record, .salt = row->salted ? row->salt : NULL, .bh = row->bh, .h = row->h};

        s->n = 0;
        str_addf(s, "{\"proved\":%s,", row->proved ? "true" : "false");
        add_record(s, &p, true);
        str_add(s, "}");
        return !s->full && fprintf(out, "%s\n", s->p) > 0;
}

/* Runs of rows that are proved, only read, or lost. */
static void ranges_print(const Ctl *ctl, const Salvage *v)
{
        uint64_t proved = 0, lost = 0, next = 1;
        const char *comma = "";

        if (ctl->json)
                (void)printf("{\"ranges\":[");
        for (size_t i = 0, k; i < v->n; i = k) {
                uint64_t from = v->rows[i].record.seq;

                if (from > next) {
                        lost += from - next;
                        if (ctl->json)
                                (void)printf("%s{\"from\":%" PRIu64 ",\"to\":%" PRIu64 ",\"is\":\"lost\"}",
                                        comma, next, from - 1);
                        else
                                (void)printf("  丢失 lost      %" PRIu64 "–%" PRIu64 "\n", next, from - 1);
                        comma = ",";
                }
                for (k = i + 1; k < v->n && v->rows[k].record.seq == v->rows[k - 1].record.seq + 1 &&
                                v->rows[k].proved == v->rows[i].proved;
                        k++)
                        ;
                next = v->rows[k - 1].record.seq + 1;
                if (v->rows[i].proved)
                        proved += next - from;
                if (ctl->json)
                        (void)printf("%s{\"from\":%" PRIu64 ",\"to\":%" PRIu64 ",\"is\":\"%s\"}", comma,
                                from, next - 1, v->rows[i].proved ? "proved" : "read");
                else
                        (void)printf("  %s %" PRIu64 "–%" PRIu64 "\n",
                                v->rows[i].proved ? "已证 proved    " : "仅读出 read    ", from, next - 1);
                comma = ",";
        }
        if (ctl->json)
                (void)printf(
                        "],\"rows\":%zu,\"proved\":%" PRIu64 ",\"lost\":%" PRIu64 "}\n", v->n, proved, lost);
        else
                (void)printf("读出 %zu 条，其中 %" PRIu64 " 条由散列证实；到最后一条为止丢失 %" PRIu64
                             " 条 / %zu rows read, %" PRIu64 " proved by their hash; %" PRIu64
                             " lost before the last\n",
                        v->n, proved, lost, v->n, proved, lost);
}

int verb_salvage(Ctl *ctl, int argc, char **argv)
{
        _cleanup_(freep) char *line = malloc(LINE_SIZE);
        Str s = {.p = line, .cap = LINE_SIZE};
        Salvage v;
        FILE *out;
        bool good = true;
        int r;

        if (!line)
                return EXIT_ERROR;
        (void)umask(0077); /* people are named in it */
        r = salvage_read(&v, argv[1]);
        if (r < 0) {
                complain("读不了文件", "%s: %s", argv[1], strerror(-r));
                return EXIT_ERROR;
        }
        out = fopen(argv[2], "wxe"); /* nothing is overwritten */
        if (!out) {
                complain("建不了文件", "%s: %s", argv[2], strerror(errno));
                salvage_free(&v);
                return EXIT_ERROR;
        }
        for (size_t i = 0; good && i < v.n; i++)
                good = line_write(&v.rows[i], &s, out);
        if (fclose(out) != 0 || !good) {
                complain("写不了文件", "%s: not everything could be written", argv[2]);
                salvage_free(&v);
                return EXIT_ERROR;
        }
        ranges_print(ctl, &v);
        salvage_free(&v);
        return EXIT_OK;
}
