/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the database into the engine: at a start everything; in a merge (a start without a database has found it
 * again) only what the engine cannot know. What waits in the queue is newer than the database, and what the engine
 * holds is its own: both win.
 */
#include "store/feed.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/str.h"
#include "store/restore.h"

typedef struct Feed {
        const Queue *queue; /* merging: what waits is newer than the database; NULL: a start */
        Engine *engine;
        Now now;
        void (*outbox)(void *userdata, uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq);
        void *userdata;
        uint32_t n_refused;
        uint64_t refused; /* the first incident that the engine did not take */
        int why;
} Feed;

/* True: some transaction that waits has an operation of this type that `same` says is about `what`. */
static bool waits(
        const Queue *q, OpType type, bool (*same)(const void *content, const void *what), const void *what)
{
        for (const StoreTxn *t = q->first; t; t = t->next)
                for (const Op *op = txn_next(t, NULL); op; op = txn_next(t, op))
                        if (op->type == type && same(op_content(op), what))
                                return true;
        return false;
}

static bool same_state(const void *content, const void *what)
{
        return ((const StateRow *)content)->id == *(const uint64_t *)what;
}

static bool same_key(const void *content, const void *what)
{
        return memcmp(((const KeyRow *)content)->key, what, sizeof(((const KeyRow *)content)->key)) == 0;
}

static bool same_duty(const void *content, const void *what)
{
        return ((const OpDuty *)content)->worker == *(const uint32_t *)what;
}

static bool same_mark(const void *content, const void *what)
{
        const MarkRow *a = content, *b = what;

        return a->kind == b->kind && a->id == b->id;
}

static int feed_state(void *userdata, const StateRow *row)
{
        Feed *f = userdata;
        IncidentView view;
        int r;

        if (f->queue && (engine_view(f->engine, row->id, f->now, &view) ||
                                waits(f->queue, OP_STATE, same_state, &row->id)))
                return SQLITE_OK; /* the engine's own, or merged before the database went away again */
        r = engine_restore(f->engine, row, f->now);
        ASSERT(r >= 0);
        if (r > 0 && f->n_refused++ == 0) {
                f->refused = row->id;
                f->why = r;
        }
        return SQLITE_OK;
}

static int feed_key(void *userdata, const KeyRow *key)
{
        Feed *f = userdata;

        if (!f->queue || !waits(f->queue, OP_KEY, same_key, key->key))
                engine_restore_key(f->engine, key);
        return SQLITE_OK;
}

static int feed_duty(void *userdata, uint32_t worker, bool on, int64_t wall_us)
{
        Feed *f = userdata;

        if (!f->queue || !waits(f->queue, OP_DUTY, same_duty, &worker))
                engine_restore_duty(f->engine, worker, on, wall_us);
        return SQLITE_OK;
}

static int feed_mark(void *userdata, const MarkRow *mark)
{
        Feed *f = userdata;

        if (!f->queue || !waits(f->queue, OP_MARK, same_mark, mark))
                engine_restore_mark(f->engine, mark);
        return SQLITE_OK;
}

static int feed_outbox(void *userdata, uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq)
{
        Feed *f = userdata;

        f->outbox(f->userdata, incident, worker, channel, seq);
        return SQLITE_OK;
}

int feed_engine(const Database *d, const Queue *queue, Engine *engine, Now now, FeedOutbox outbox,
        void *userdata, char ret_why[DATABASE_WHY_SIZE])
{
        Feed f = {.queue = queue, .engine = engine, .now = now, .outbox = outbox, .userdata = userdata};
        Str why = {.p = ret_why, .cap = DATABASE_WHY_SIZE};
        int rc;

        ASSERT(d->db && engine);
        rc = restore_states(d, feed_state, &f);
        if (rc == SQLITE_OK)
                rc = restore_keys(d, now, feed_key, &f);
        if (rc == SQLITE_OK)
                rc = restore_duty(d, feed_duty, &f);
        if (rc == SQLITE_OK)
                rc = restore_marks(d, feed_mark, &f);
        if (rc == SQLITE_OK && outbox)
                rc = restore_outbox(d, feed_outbox, &f);
        if (rc != SQLITE_OK) {
                database_why(d, rc, "state", ret_why);
                return STORE_E_DOWN;
        }
        if (f.n_refused == 0)
                return 0;
        str_addf(
                &why, "%" PRIu32 " incidents not restored, the first %" PRIu64 ": ", f.n_refused, f.refused);
        str_add(&why, f.why == ENGINE_E_FULL      ? "no room"
                      : f.why == ENGINE_E_VERSION ? "written by a later version"
                                                  : "its row contradicts itself");
        return STORE_E_PARTIAL;
}
