/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/codec/levels.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/idmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC   UINT64_C(0x324c56454c59)
#define STUCK_S 600u
#define STAMP_S 60u
#define UNKNOWN 2u

#define DOUBTFUL UINT32_MAX /* whatever the caller's count is */

typedef struct Level {
        uint64_t key; /* 0: none */
        uint64_t payload;
        uint32_t doubts; /* how many there had been when it was last certain */
        uint32_t at_s;   /* raised, or stamped */
        uint8_t on;      /* 0, 1, UNKNOWN */
        uint8_t dirty, stuck;
        uint8_t pad[5];
} Level;

typedef struct Kept {
        uint64_t magic;
        uint32_t n, pad;
        Level levels[LEVELS_MAX];
} Kept;

struct Levels {
        Level *levels;
        uint32_t n, n_dirty;
        uint32_t *dirty; /* indices */
        void *map;
        IdMap index;
        Kept *kept;
};

int levels_new(Levels **ret)
{
        Levels *l = calloc(1, sizeof(*l));

        if (!l)
                return error_origin(-ENOMEM);
        /* Zeroed pages that cost nothing until they are used. */
        l->levels = calloc(LEVELS_MAX, sizeof(Level));
        l->dirty = calloc(LEVELS_MAX, sizeof(uint32_t));
        l->map = calloc(1, idmap_size(LEVELS_MAX));
        if (!l->levels || !l->dirty || !l->map) {
                levels_free(l);
                return error_origin(-ENOMEM);
        }
        idmap_init(&l->index, l->map, LEVELS_MAX);
        *ret = l;
        return 0;
}

Levels *levels_free(Levels *l)
{
        if (!l)
                return NULL;
        free(l->levels);
        free(l->dirty);
        free(l->map);
        free(l);
        return NULL;
}

static Level *level_of(Levels *l, uint64_t key)
{
        uint32_t i;

        ASSERT(key);
        if (idmap_get(&l->index, key, &i))
                return &l->levels[i];
        if (l->n == LEVELS_MAX)
                return NULL;
        i = l->n++;
        l->levels[i] = (Level){.key = key, .on = UNKNOWN};
        ASSERT(idmap_set(&l->index, key, i));
        return &l->levels[i];
}

static void level_mark(Levels *l, Level *v)
{
        if (v->dirty)
                return;
        v->dirty = 1;
        l->dirty[l->n_dirty++] = (uint32_t)(v - l->levels);
}

static LevelStep level_said_again(Levels *l, Level *v, const LevelSaid *s)
{
        if (v->doubts != s->doubts) {
                if (!s->held && v->payload == s->payload)
                        return LEVEL_NOTHING; /* and it stays doubtful */
                v->at_s = s->now_s;
                v->stuck = 0;
        } else if (!s->held && !v->stuck && s->now_s - v->at_s >= STUCK_S) {
                v->stuck = 1;
        } else if (v->payload == s->payload)
                return LEVEL_NOTHING;
        else {
                v->payload = s->payload; /* what a copy of its newest state would look like */
                level_mark(l, v);
                return LEVEL_NOTHING;
        }
        v->payload = s->payload;
        level_mark(l, v);
        if (v->doubts == s->doubts)
                return LEVEL_STUCK;
        v->doubts = s->doubts;
        return LEVEL_RAISE;
}

LevelStep levels_step(Levels *l, const LevelSaid *s)
{
        Level *v = level_of(l, s->key ? s->key : 1);

        if (!v)
                return s->on ? LEVEL_RAISE : LEVEL_NOTHING;
        if (s->on && v->on == 1)
                return level_said_again(l, v, s);
        if (!s->on && v->on == 0)
                return LEVEL_NOTHING;
        *v = (Level){.key = v->key,
                .payload = s->payload,
                .doubts = s->doubts,
                .at_s = s->now_s,
                .on = s->on,
                .dirty = v->dirty};
        level_mark(l, v);
        return s->on ? LEVEL_RAISE : LEVEL_FALL;
}

bool levels_stamp(Levels *l, uint64_t key, uint64_t stamp, uint32_t now_s)
{
        Level *v = level_of(l, key ? key : 1);
        bool again;

        if (!v)
                return true;
        again = v->on != UNKNOWN && v->payload == stamp && now_s - v->at_s <= STAMP_S;
        v->payload = stamp;
        v->on = 0;
        if (!again)
                v->at_s = now_s;
        return !again; /* not kept: after a restart the event's id has to do */
}

void levels_doubt(Levels *l, uint64_t key)
{
        uint32_t i;

        if (idmap_get(&l->index, key ? key : 1, &i))
                l->levels[i].doubts = DOUBTFUL;
}

void levels_forget(Levels *l)
{
        memset(l->map, 0, idmap_size(LEVELS_MAX));
        idmap_init(&l->index, l->map, LEVELS_MAX);
        memset(l->levels, 0, l->n * sizeof(Level));
        l->n = l->n_dirty = 0;
        if (l->kept)
                l->kept->n = 0;
}

bool levels_on(const Levels *l, uint64_t key)
{
        uint32_t i;

        return idmap_get(&l->index, key ? key : 1, &i) && l->levels[i].on == 1;
}

size_t levels_memory_size(void)
{
        return sizeof(Kept);
}

void levels_memory(Levels *l, void *memory, size_t size)
{
        Kept *kept = memory;

        ASSERT(size >= sizeof(Kept) && l->n == 0);
        if (kept->magic != MAGIC || kept->n > LEVELS_MAX)
                memset(kept, 0, sizeof(*kept));
        for (uint32_t i = 0; i < kept->n; i++) {
                const Level *k = &kept->levels[i];
                Level *v;

                if (k->key == 0 || k->on > 1)
                        continue; /* torn by a power cut: not known, which raises */
                v = level_of(l, k->key);
                if (!v)
                        break;
                v->on = k->on;
                v->payload = k->payload;
                v->doubts = DOUBTFUL;
                v->stuck = k->stuck;
        }
        /* Numbers of places count from this process: write all of it anew. */
        kept->magic = MAGIC;
        kept->n = l->n;
        memcpy(kept->levels, l->levels, l->n * sizeof(Level));
        l->kept = kept;
}

void levels_keep(Levels *l)
{
        if (!l->kept) {
                for (uint32_t i = 0; i < l->n_dirty; i++)
                        l->levels[l->dirty[i]].dirty = 0;
                l->n_dirty = 0;
                return;
        }
        for (uint32_t i = 0; i < l->n_dirty; i++) {
                Level *v = &l->levels[l->dirty[i]];

                v->dirty = 0;
                l->kept->levels[l->dirty[i]] = *v;
        }
        l->kept->n = l->n;
        l->n_dirty = 0;
}
