/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry as an object: one block for each array, one pool of texts, one count of references.
 *
 * Immutable once finished, so the loop and the store's thread may read one at the same time; only the count is
 * shared, and it is atomic. Allocation failure ends the process: sizes are bounded by the readers, and a gateway
 * without memory for its registry can only be started again.
 */
#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/idmap.h"
#include "base/str.h"
#include "engine/code-index.h"
#include "store/registry-build.h"

#define CHUNK_BYTES (64u << 10)

typedef struct Chunk {
        struct Chunk *next;
        size_t n, cap;
        _Alignas(8) char bytes[];
} Chunk;

typedef struct SharedEntry {
        const char *bytes; /* NULL: free */
        uint32_t n, hash;
} SharedEntry;

typedef struct Shared {
        SharedEntry *entries;
        uint32_t n, cap; /* a power of two */
} Shared;

static void *must_calloc(size_t n, size_t size)
{
        void *p = calloc(n, size);

        NEED_MEMORY(p);
        return p;
}

void limits_clear(VitalLimits *l)
{
        for (int i = 0; i < VITAL_MAX; i++)
                l->min[i] = l->max[i] = NAN;
}

bool limits_sane(const VitalLimits *l)
{
        for (int i = 0; i < VITAL_MAX; i++)
                if (!isnan(l->min[i]) && !isnan(l->max[i]) && !(l->min[i] < l->max[i]))
                        return false;
        return true;
}

Registry *registry_make(const RegistryCounts *n)
{
        Registry *r = must_calloc(1, sizeof(*r));
        VitalLimits none;

        ASSERT(n->grids && n->dwellings && n->residents && n->devices && n->workers);
        r->n_ref = 1;
        r->n_grids = n->grids;
        r->n_dwellings = n->dwellings;
        r->n_residents = n->residents;
        r->n_devices = n->devices;
        r->n_workers = n->workers;
        r->n_duties = n->duties;
        r->n_overrides = n->overrides;
        r->n_holidays = n->holidays;
        r->n_rules = n->rules;
        r->grids = must_calloc(n->grids, sizeof(Grid));
        r->dwellings = must_calloc(n->dwellings, sizeof(Dwelling));
        r->residents = must_calloc(n->residents, sizeof(Resident));
        r->devices = must_calloc(n->devices, sizeof(Device));
        r->workers = must_calloc(n->workers, sizeof(Worker));
        r->duties = must_calloc(n->duties + 1, sizeof(Duty));
        r->overrides = must_calloc(n->overrides + 1, sizeof(Override));
        r->holidays = must_calloc(n->holidays + 1, sizeof(Holiday));
        r->rules = must_calloc(n->rules + 1, sizeof(PersonRule));
        limits_clear(&none);
        r->residents[0].limits = registry_limits(r, &none);
        for (uint32_t i = 1; i < n->residents; i++)
                r->residents[i].limits = r->residents[0].limits;
        return r;
}

int registry_new(Registry **ret)
{
        Registry *r = registry_make(&(RegistryCounts){1, 1, 1, 1, 1, 0, 0, 0, 0});

        registry_finish(r);
        *ret = r;
        return 0;
}

Registry *registry_ref(Registry *r)
{
        ASSERT(r && __atomic_load_n(&r->n_ref, __ATOMIC_RELAXED) > 0);
        (void)__atomic_add_fetch(&r->n_ref, 1, __ATOMIC_RELAXED); /* the new count is of no interest */
        return r;
}

static void shared_free(Registry *r)
{
        Shared *s = r->shared;

        if (s)
                free(s->entries);
        free(s);
        r->shared = NULL;
}

Registry *registry_unref(Registry *r)
{
        if (!r)
                return NULL;
        ASSERT(__atomic_load_n(&r->n_ref, __ATOMIC_RELAXED) > 0);
        if (__atomic_sub_fetch(&r->n_ref, 1, __ATOMIC_ACQ_REL) > 0)
                return NULL;
        for (Chunk *c = r->pool, *next; c; c = next) {
                next = c->next;
                free(c);
        }
        if (!r->under) {
                free(r->grids);
                free(r->dwellings);
                free(r->residents);
                free(r->workers);
                free(r->duties);
                free(r->overrides);
                free(r->holidays);
                free(r->rules);
        }
        registry_unref(r->under);
        free(r->devices);
        free(r->code_index);
        shared_free(r);
        free(r);
        return NULL;
}

/* n bytes of the pool, at a multiple of `align`. */
static char *pool_take(Registry *r, size_t n, size_t align)
{
        Chunk *c = r->pool;
        size_t at = c ? (c->n + align - 1) / align * align : 0;

        if (!c || at + n > c->cap) {
                size_t cap = n > CHUNK_BYTES ? n : CHUNK_BYTES;

                c = must_calloc(1, sizeof(*c) + cap);
                c->cap = cap;
                c->next = r->pool;
                r->pool = c;
                at = 0;
        }
        c->n = at + n;
        ASSERT(c->n <= c->cap && (uintptr_t)(c->bytes + at) % align == 0);
        return c->bytes + at;
}

const char *registry_textn(Registry *r, const char *text, size_t n)
{
        char *to;

        ASSERT(text || n == 0);
        if (n == 0)
                return "";
        to = pool_take(r, n + 1, 1);
        memcpy(to, text, n);
        to[n] = 0;
        return to;
}

/* The entry of these bytes, or the free one where they belong. */
static SharedEntry *shared_entry(Shared *s, uint32_t hash, const void *bytes, size_t n)
{
        uint32_t at = hash & (s->cap - 1);

        ASSERT(s->n < s->cap);
        while (s->entries[at].bytes && (s->entries[at].hash != hash || s->entries[at].n != n ||
                                               memcmp(s->entries[at].bytes, bytes, n) != 0))
                at = (at + 1) & (s->cap - 1);
        return &s->entries[at];
}

/* Makes room: at most half of the places are taken. */
static Shared *shared_of(Registry *r)
{
        Shared *s = r->shared, old;

        if (!s)
                s = r->shared = must_calloc(1, sizeof(Shared));
        if (2 * s->n < s->cap)
                return s;
        old = *s;
        s->cap = old.cap ? old.cap * 2 : 64;
        s->entries = must_calloc(s->cap, sizeof(SharedEntry));
        for (uint32_t i = 0; i < old.cap; i++)
                if (old.entries[i].bytes)
                        *shared_entry(s, old.entries[i].hash, old.entries[i].bytes, old.entries[i].n) =
                                old.entries[i];
        free(old.entries);
        return s;
}

static const void *shared(Registry *r, const void *bytes, size_t n, size_t align)
{
        uint32_t hash = (uint32_t)idmap_hash(bytes, n);
        Shared *s = shared_of(r);
        SharedEntry *entry = shared_entry(s, hash, bytes, n);
        char *to;

        ASSERT(n > 0 && n <= UINT32_MAX);
        if (entry->bytes)
                return entry->bytes;
        to = pool_take(r, n, align);
        memcpy(to, bytes, n);
        *entry = (SharedEntry){.bytes = to, .n = (uint32_t)n, .hash = hash};
        s->n++;
        return to;
}

const char *registry_common(Registry *r, const char *text)
{
        return text && *text ? shared(r, text, strlen(text) + 1, 1) : "";
}

const VitalLimits *registry_limits(Registry *r, const VitalLimits *limits)
{
        return shared(r, limits, sizeof(*limits), _Alignof(VitalLimits));
}

const char *registry_text(Registry *r, const char *text)
{
        return registry_textn(r, text, text ? strlen(text) : 0);
}

static int duty_compare(const void *a, const void *b)
{
        const Duty *x = a, *y = b;

        if (x->worker != y->worker)
                return x->worker < y->worker ? -1 : 1;
        if (x->from_minute != y->from_minute)
                return x->from_minute < y->from_minute ? -1 : 1;
        return (x->days > y->days) - (x->days < y->days);
}

static int override_compare(const void *a, const void *b)
{
        const Override *x = a, *y = b;

        if (x->worker != y->worker)
                return x->worker < y->worker ? -1 : 1;
        if (x->from != y->from)
                return x->from < y->from ? -1 : 1;
        return (int)x->on - (int)y->on;
}

static int holiday_compare(const void *a, const void *b)
{
        const Holiday *x = a, *y = b;

        return (x->date > y->date) - (x->date < y->date);
}

static int rule_compare(const void *a, const void *b)
{
        const PersonRule *x = a, *y = b;

        if (x->resident != y->resident)
                return x->resident < y->resident ? -1 : 1;
        return (int)x->name - (int)y->name;
}

void registry_finish(Registry *r)
{
        size_t size = code_index_size(r);
        void *memory = NULL;

        ASSERT(r->n_ref == 1);
        shared_free(r);
        free(r->code_index);
        r->code_index = NULL;
        NEED_MEMORY(posix_memalign(&memory, 16, size) == 0);
        memset(memory, 0, size);
        r->code_index = code_index_build(memory, size, r);
        if (r->under)
                return; /* sorted already, and not ours to touch */
        qsort(r->duties, r->n_duties, sizeof(Duty), duty_compare);
        qsort(r->overrides, r->n_overrides, sizeof(Override), override_compare);
        qsort(r->holidays, r->n_holidays, sizeof(Holiday), holiday_compare);
        qsort(r->rules, r->n_rules, sizeof(PersonRule), rule_compare);
}

static int bind_refused(RegistryError *error, const char *what, const char *code)
{
        *error = (RegistryError){0};
        (void)snprintf(error->text, sizeof(error->text), "%s: %.64s", what, code);
        return REGISTRY_E_INVALID;
}

/* Everything as it was, with room for one device more. */
static Registry *registry_over(Registry *under, bool more)
{
        Registry *r = must_calloc(1, sizeof(*r));

        *r = *under;
        r->n_ref = 1;
        r->under = registry_ref(under);
        r->pool = r->shared = NULL;
        r->code_index = NULL;
        r->n_devices = under->n_devices + more;
        r->devices = must_calloc(r->n_devices, sizeof(Device));
        memcpy(r->devices, under->devices, under->n_devices * sizeof(Device));
        return r;
}

int registry_bind(Registry **ret, Registry *previous, const char *device, const char *class,
        const char *profile, const char *home, RegistryError *ret_error)
{
        uint32_t id = registry_device_id(previous, device), dwelling = registry_dwelling_id(previous, home),
                 resident = dwelling ? 0 : registry_resident_id(previous, home);
        bool is_new = !registry_device(previous, id);
        DeviceClass c = DEVICE_SENSOR;
        Registry *r;
        Device *d;

        if (!str_code(device))
                return bind_refused(ret_error, "no code of a device", device);
        if (!dwelling && !resident)
                return bind_refused(ret_error, "neither a dwelling nor a resident of the registry", home);
        if (class && class[0] && !device_class_parse(class, &c))
                return bind_refused(ret_error,
                        "no class of devices (button, pendant, wristband, smoke, gas, sensor, gateway)",
                        class);
        if (id == 0)
                id = previous->n_devices;
        r = registry_over(previous, id == previous->n_devices);
        d = &r->devices[id];
        if (is_new)
                *d = (Device){.code = registry_text(r, device),
                        .profile = registry_common(r, profile),
                        .class = c};
        else if (class && class[0])
                d->class = c;
        if (!is_new && profile && profile[0])
                d->profile = registry_common(r, profile);
        d->dwelling = dwelling;
        d->resident = resident;
        registry_finish(r);
        *ret = r;
        return 0;
}
