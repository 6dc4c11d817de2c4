/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/code-index.h"

#include "base/assert.h"
#include "base/idmap.h"

#include <string.h>

typedef struct CodeIndex {
        IdMap maps[CODE_KIND_MAX];
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

/* The n-th key under which a code may stand: the next one is tried when another code has the same hash. */
static uint64_t key_of(const char *code, uint32_t attempt)
{
        uint64_t hash = idmap_hash(code, strlen(code));

        return attempt == 0 ? hash : idmap_mix(hash, attempt);
}

size_t code_index_size(const Registry *r)
{
        size_t size = aligned(sizeof(CodeIndex));

        ASSERT(r);
        for (CodeKind kind = 0; kind < CODE_KIND_MAX; kind++)
                size += aligned(idmap_size(kind_count(r, kind) + 1));
        return size;
}

void *code_index_build(void *memory, size_t size, const Registry *r)
{
        CodeIndex *index = memory;
        char *next = (char *)memory + aligned(sizeof(CodeIndex));
        uint32_t other;

        ASSERT(memory && (uintptr_t)memory % 16 == 0);
        ASSERT(size >= code_index_size(r));
        for (CodeKind kind = 0; kind < CODE_KIND_MAX; kind++) {
                uint32_t n = kind_count(r, kind);

                idmap_init(&index->maps[kind], next, n + 1);
                next += aligned(idmap_size(n + 1));
                for (uint32_t id = 1; id < n; id++) {
                        const char *code = kind_code(r, kind, id);
                        uint32_t attempt = 0;

                        if (!code)
                                continue;
                        while (idmap_get(&index->maps[kind], key_of(code, attempt), &other))
                                attempt++;
                        ASSERT(idmap_set(&index->maps[kind], key_of(code, attempt), id));
                }
        }
        ASSERT(next <= (char *)memory + size);
        return index;
}

uint32_t code_index_find(const Registry *r, CodeKind kind, const char *code)
{
        const CodeIndex *index;
        uint32_t id;

        ASSERT(r && kind < CODE_KIND_MAX);
        index = r->code_index;
        if (!index || !code)
                return 0;
        for (uint32_t attempt = 0; idmap_get(&index->maps[kind], key_of(code, attempt), &id); attempt++)
                if (strcmp(kind_code(r, kind, id), code) == 0)
                        return id;
        return 0;
}
