/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text and count of each worker, at most one of each waiting. A worker whose lines wait stands once in the queue, in
 * the order in which they began to; whatever comes meanwhile replaces what waits.
 */
#include "lines.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/idmap.h"
#include "base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

typedef struct Line {
        char code[CODE_SIZE];
        char *text; /* waits; NULL: none does */
        uint32_t count, next;
        int64_t said_count; /* by this connection; below zero: nothing yet */
        uint64_t said_hash; /* of the text; 0: nothing yet */
        bool queued;
} Line;

struct Lines {
        Line **all; /* by worker id */
        uint32_t n_all, first, last;
        char *said; /* the text that lines_next() has given out */
};

int lines_new(Lines **ret)
{
        Lines *l = calloc(1, sizeof(Lines));

        ASSERT(ret);
        if (!l)
                return error_origin(-ENOMEM);
        l->first = l->last = NONE;
        *ret = l;
        return 0;
}

Lines *lines_free(Lines *l)
{
        if (!l)
                return NULL;
        for (uint32_t i = 0; i < l->n_all; i++)
                if (l->all[i]) {
                        free(l->all[i]->text);
                        free(l->all[i]);
                }
        free(l->all);
        free(l->said);
        free(l);
        return NULL;
}

/* The line of this person; NULL: no memory, and then it is not said. */
static Line *line_of(Lines *l, uint32_t worker, const char *code)
{
        if (worker >= l->n_all) {
                uint32_t n = worker < 512 ? 1024 : worker * 2;
                Line **all = realloc(l->all, n * sizeof(Line *));

                if (!all)
                        return NULL;
                memset(all + l->n_all, 0, (n - l->n_all) * sizeof(Line *));
                l->all = all;
                l->n_all = n;
        }
        if (!l->all[worker]) {
                l->all[worker] = calloc(1, sizeof(Line));
                if (!l->all[worker])
                        return NULL;
        }
        if (!str_equal(l->all[worker]->code, code)) { /* the registry has been imported anew */
                (void)str_copy(l->all[worker]->code, CODE_SIZE, code); /* a code: it fits */
                l->all[worker]->said_count = -1;
                l->all[worker]->said_hash = 0;
        }
        return l->all[worker];
}

void lines_note(Lines *l, const PortAlert *a)
{
        Line *line = line_of(l, a->worker, a->worker_code);
        const char *text = a->count == 0 ? "" : a->text;

        if (!line)
                return;
        line->count = a->count;
        if (text) {
                free(line->text);
                line->text = idmap_hash(text, strlen(text)) != line->said_hash ? strdup(text) : NULL;
        }
        if (line->queued || (!line->text && line->said_count == line->count))
                return;
        line->queued = true;
        line->next = NONE;
        if (l->last == NONE)
                l->first = a->worker;
        else
                l->all[l->last]->next = a->worker;
        l->last = a->worker;
}

void lines_forget(Lines *l, uint32_t worker)
{
        Line *line = worker < l->n_all ? l->all[worker] : NULL;

        if (!line)
                return;
        free(line->text);
        line->text = NULL;
        line->said_hash = 0;
        line->said_count = -1;
}

bool lines_next(Lines *l, const char **ret_code, const char **ret_text, int64_t *ret_count)
{
        Line *line;

        free(l->said);
        l->said = NULL;
        if (l->first == NONE)
                return false;
        line = l->all[l->first];
        ASSERT(line && line->queued);
        line->queued = false;
        l->first = line->next;
        if (l->first == NONE)
                l->last = NONE;
        l->said = TAKE_PTR(line->text);
        *ret_code = line->code;
        *ret_text = l->said;
        *ret_count = line->said_count == line->count ? -1 : (int64_t)line->count;
        line->said_count = line->count;
        if (l->said)
                line->said_hash = idmap_hash(l->said, strlen(l->said));
        return true;
}

void lines_reset(Lines *l)
{
        const char *code, *text;
        int64_t count;

        while (lines_next(l, &code, &text, &count))
                ;
        for (uint32_t i = 0; i < l->n_all; i++)
                if (l->all[i]) {
                        l->all[i]->said_count = -1;
                        l->all[i]->said_hash = 0;
                }
}
