/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/code-index.h"

#include "base/assert.h"
#include "base/idmap.h"
#include "base/places.h"
#include "base/sorted.h"

#include <string.h>

#define SEVERAL UINT32_MAX

typedef struct CodeIndex {
        Places maps[CODE_KIND_MAX];
        uint32_t *staff, n_staff; /* workers who are nobody's kin, by id */
        uint32_t *kin;   /* those of one resident: by the resident's dwelling (0: none), then by id … */
        uint32_t *first; /* … of dwelling d: from kin[first[d]] to before kin[first[d + 1]] */
        uint32_t *sole;  /* the one resident of each dwelling; SEVERAL */
} CodeIndex;

static size_t aligned(size_t n)
{
        return (n + 15) & ~(size_t)15;
}

static uint32_t kind_count(const Registry *r, CodeKind kind)
{
        switch (kind) {
        case CODE_GRID: return r->n_grids;
        case CODE_DWELLING: return r->n_dwellings;
        case CODE_RESIDENT: return r->n_residents;
        case CODE_DEVICE: return r->n_devices;
        case CODE_WORKER: return r->n_workers;
        case CODE_KIND_MAX: break;
        }
        ASSERT(false);
        return 0;
}

static const char *kind_code(const Registry *r, CodeKind kind, uint32_t id)
{
        ASSERT(id < kind_count(r, kind));
        switch (kind) {
        case CODE_GRID: return r->grids[id].code;
        case CODE_DWELLING: return r->dwellings[id].code;
        case CODE_RESIDENT: return r->residents[id].code;
        case CODE_DEVICE: return r->devices[id].code;
        case CODE_WORKER: return r->workers[id].code;
        case CODE_KIND_MAX: break;
        }
        return NULL;
}

/* Ends at the id of this code, or at the free place where it would be: number 0. An entry may have lost its code since. */
static PlacesLook look_for(const Places *map, const Registry *r, CodeKind kind, const char *code)
{
        PlacesLook l = places_look(map, idmap_hash(code, strlen(code)));

        while (places_next(map, &l)) {
                const char *other = kind_code(r, kind, l.number);

                if (other && strcmp(other, code) == 0)
                        break;
        }
        return l;
}

size_t code_index_size(const Registry *r)
{
        size_t size = aligned(sizeof(CodeIndex));

        ASSERT(r);
        for (CodeKind kind = 0; kind < CODE_KIND_MAX; kind++)
                size += aligned(places_size(kind_count(r, kind)));
        return size +
               aligned(sizeof(uint32_t) * (2 * (size_t)r->n_workers + 2 * ((size_t)r->n_dwellings + 2)));
}

/* Whose kin this worker is, as the number of a dwelling; false: nobody's. */
static bool kin_of(const Registry *r, const Worker *w, uint32_t *ret)
{
        const Resident *theirs;

        if (!w->code || w->scope != SCOPE_RESIDENT)
                return false;
        theirs = registry_resident(r, w->scope_id);
        *ret = theirs && theirs->dwelling < r->n_dwellings ? theirs->dwelling : 0;
        return true;
}

static void homes_build(CodeIndex *index, uint32_t *p, const Registry *r)
{
        uint32_t n = r->n_dwellings + 1, dwelling;

        index->staff = p;
        index->kin = index->staff + r->n_workers;
        index->first = index->kin + r->n_workers;
        index->sole = index->first + n + 1;
        for (uint32_t id = 1; id < r->n_workers; id++)
                if (kin_of(r, &r->workers[id], &dwelling))
                        index->first[dwelling + 2]++;
                else if (r->workers[id].code)
                        index->staff[index->n_staff++] = id;
        for (uint32_t i = 2; i <= n; i++)
                index->first[i] += index->first[i - 1];
        for (uint32_t id = 1; id < r->n_workers; id++)
                if (kin_of(r, &r->workers[id], &dwelling))
                        index->kin[index->first[dwelling + 1]++] = id;
        for (uint32_t id = 1; id < r->n_residents; id++) {
                uint32_t home = r->residents[id].dwelling;

                if (r->residents[id].code && home < r->n_dwellings)
                        index->sole[home] = index->sole[home] ? SEVERAL : id;
        }
}

void *code_index_build(void *memory, size_t size, const Registry *r)
{
        CodeIndex *index = memory;
        char *next = (char *)memory + aligned(sizeof(CodeIndex));

        ASSERT(memory && (uintptr_t)memory % 16 == 0);
        ASSERT(size >= code_index_size(r));
        for (CodeKind kind = 0; kind < CODE_KIND_MAX; kind++) {
                Places *map = &index->maps[kind];
                uint32_t n = kind_count(r, kind);

                places_init(map, next, n);
                next += aligned(places_size(n));
                for (uint32_t id = 1; id < n; id++) {
                        const char *code = kind_code(r, kind, id);
                        PlacesLook l;

                        if (!code)
                                continue;
                        l = look_for(map, r, kind, code);
                        if (!l.number)
                                places_put(map, &l, id);
                }
        }
        homes_build(index, (uint32_t *)(void *)next, r);
        ASSERT((char *)(index->sole + r->n_dwellings + 1) <= (char *)memory + size);
        return index;
}

uint32_t code_index_find(const Registry *r, CodeKind kind, const char *code)
{
        const CodeIndex *index;

        ASSERT(r && kind < CODE_KIND_MAX);
        ASSERT(r->code_index && code);
        index = r->code_index;
        return look_for(&index->maps[kind], r, kind, code).number;
}

/* The first above `after` in an ascending list; 0: none. */
static uint32_t above(const uint32_t *ids, uint32_t n, uint32_t after)
{
        uint32_t i = sorted_first(ids, n, sizeof(*ids), after + 1);

        return i < n ? ids[i] : 0;
}

static uint32_t lower(uint32_t a, uint32_t b)
{
        return !a || (b && b < a) ? b : a;
}

static uint32_t kin_above(const CodeIndex *index, const Registry *r, uint32_t dwelling, uint32_t after)
{
        if (dwelling >= r->n_dwellings)
                dwelling = 0;
        return above(index->kin + index->first[dwelling],
                index->first[dwelling + 1] - index->first[dwelling], after);
}

uint32_t code_index_near(const Registry *r, uint32_t after, uint32_t dwelling, uint32_t resident)
{
        const CodeIndex *index;
        const Resident *who;
        uint32_t next;

        ASSERT(r && r->code_index);
        index = r->code_index;
        who = registry_resident(r, resident);
        next = lower(above(index->staff, index->n_staff, after), kin_above(index, r, dwelling, after));
        return who && who->dwelling != dwelling ? lower(next, kin_above(index, r, who->dwelling, after))
                                                : next;
}

uint32_t code_index_sole(const Registry *r, uint32_t dwelling)
{
        const CodeIndex *index;

        ASSERT(r && r->code_index);
        index = r->code_index;
        return dwelling >= r->n_dwellings || index->sole[dwelling] == SEVERAL ? 0 : index->sole[dwelling];
}
