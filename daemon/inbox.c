/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool of events and the order in which they came.
 *
 * The key (who sent it, under which id) and the digest (what it says) are made here, once, because the
 * engine is pure and because everything that enters passes here. They are cut SHA-256 values: a device can
 * choose its ids, and must not be able to choose one that hides another device's press.
 */
#include "inbox.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

struct Inbox {
        Event *events;   /* the pool */
        uint32_t *free;  /* a stack of free slots */
        uint32_t *queue; /* a ring of slots in arrival order */
        uint32_t n_free, first, n, max;
        EVP_MD_CTX *sha;
        EVP_MD *sha256;
};

int inbox_new(Inbox **ret, uint32_t events_max)
{
        Inbox *in = calloc(1, sizeof(Inbox));

        ASSERT(ret);
        ASSERT(events_max > 0);
        if (!in)
                return error_origin(-ENOMEM);
        in->max = in->n_free = events_max;
        in->events = calloc(events_max, sizeof(Event));
        in->free = calloc(events_max, sizeof(uint32_t));
        in->queue = calloc(events_max, sizeof(uint32_t));
        in->sha = EVP_MD_CTX_new();
        in->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
        if (!in->events || !in->free || !in->queue || !in->sha || !in->sha256) {
                inbox_free(in);
                return error_origin(-ENOMEM);
        }
        /* The lowest slot on top: a quiet gateway touches one slot's memory and no more. */
        for (uint32_t i = 0; i < events_max; i++)
                in->free[i] = events_max - 1 - i;
        *ret = in;
        return 0;
}

static void content_free(Event *e)
{
        free(e->body);
        free(e->whole);
        e->body = e->whole = NULL;
}

Inbox *inbox_free(Inbox *in)
{
        if (!in)
                return NULL;
        for (uint32_t i = 0; in->events && i < in->max; i++)
                content_free(&in->events[i]);
        EVP_MD_CTX_free(in->sha);
        EVP_MD_free(in->sha256);
        free(in->events);
        free(in->free);
        free(in->queue);
        free(in);
        return NULL;
}

Event *inbox_event(Inbox *in)
{
        Event *e;

        if (in->n_free == 0)
                return NULL;
        e = &in->events[in->free[--in->n_free]];
        ASSERT(!e->body && !e->whole);
        memset(e, 0, sizeof(*e));
        return e;
}

int inbox_body(Event *e, const void *bytes, size_t n)
{
        char *body = malloc(n + 1);

        ASSERT(!e->body);
        ASSERT(n <= UINT32_MAX);
        if (!body)
                return error_origin(-ENOMEM);
        if (n > 0)
                memcpy(body, bytes, n);
        body[n] = 0;
        e->body = body;
        e->body_size = (uint32_t)n;
        return 0;
}

static void slot_free(Inbox *in, Event *e)
{
        ASSERT(e >= in->events && e < in->events + in->max);
        ASSERT(in->n_free < in->max);
        content_free(e);
        in->free[in->n_free++] = (uint32_t)(e - in->events);
}

typedef struct Part {
        const void *bytes;
        size_t n;
} Part;

static void sha_parts(Inbox *in, const Part *parts, size_t n_parts, uint8_t ret[16])
{
        uint8_t h[32];
        int ok = EVP_DigestInit_ex2(in->sha, in->sha256, NULL);

        for (size_t i = 0; ok && i < n_parts; i++)
                ok = EVP_DigestUpdate(in->sha, parts[i].bytes, parts[i].n);
        ok = ok && EVP_DigestFinal_ex(in->sha, h, NULL);
        ASSERT(ok);
        memcpy(ret, h, 16);
}

void inbox_push(Inbox *in, Event *e)
{
        uint8_t type = (uint8_t)e->type;

        ASSERT(e >= in->events && e < in->events + in->max);
        ASSERT(in->n < in->max);
        if (e->type == EVENT_ALARM || e->type == EVENT_ACTION) {
                const char *word = e->type == EVENT_ALARM ? e->alarm.word : e->action.word;
                uint8_t kind = (uint8_t)(e->type == EVENT_ALARM ? (int)e->alarm.kind : (int)e->action.kind);

                if (e->id[0])
                        sha_parts(in,
                                (Part[]){{&type, 1}, {e->source, strlen(e->source) + 1},
                                        {e->id, strlen(e->id)}},
                                3, e->key);
                sha_parts(in,
                        (Part[]){{&kind, 1}, {word, strlen(word) + 1},
                                {e->body ? e->body : "", e->body_size}},
                        3, e->digest);
        }
        in->queue[(in->first + in->n++) % in->max] = (uint32_t)(e - in->events);
}

void inbox_discard(Inbox *in, Event *e)
{
        slot_free(in, e);
}

Event *inbox_first(Inbox *in)
{
        return in->n > 0 ? &in->events[in->queue[in->first]] : NULL;
}

void inbox_done(Inbox *in, Event *first)
{
        ASSERT(in->n > 0);
        ASSERT(first == &in->events[in->queue[in->first]]);
        in->first = (in->first + 1) % in->max;
        in->n--;
        slot_free(in, first);
}
