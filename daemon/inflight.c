/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message that crashes us must not come back for ever: a device sends again until it has its receipt, a broker
 * keeps what was not acknowledged, and so one bad message would keep everybody's alarms from being heard.
 *
 *      begin: copied into the file ──▶ decoded / stepped ──▶ end: cleared
 *                                           └─ crash: it stays
 *      start: found ──▶ counted in the list of suspects ── 2 ──▶ journaled as unparsed at once, and never read again
 *                                                       └─ 1 ──▶ read again: a kill in that moment proves nothing
 *
 * The file is mapped: a copy costs no system call, and what a process has written there outlives it. It lies in the
 * runtime folder, which is in memory: a mapped page of a disk that hangs would stop the loop at the next copy. A power cut
 * loses it, and then the count begins again. There is one slot, because there is one thread: only one message at a time
 * can be the one that crashes us. A suspect that was read well is forgiven.
 */
#include "inflight.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/idmap.h"
#include "base/log.h"
#include "base/str.h"
#include "limits.h"
#include "log-ids.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAGIC       0x32746867696c6668ull /* another layout or digest: another number */
#define SUSPECTS    32u
#define CRASHES_MAX 2u

typedef struct Suspect {
        uint64_t digest; /* 0: free */
        uint32_t crashes, age;
} Suspect;

typedef struct Page {
        uint64_t magic, next_incident;
        Suspect suspects[SUSPECTS];
        uint32_t busy; /* 1: what follows is in hand */
        uint32_t via, size;
        uint64_t digest;
        char who[CODE_SIZE];
        char bytes[LIMIT_BODY];
} Page;

struct Inflight {
        Page *page;
        uint64_t digest; /* in hand */
        uint32_t
                depth; /* a full inbox runs the turn from within an adapter: the outer message stands for both */
        uint32_t n_suspects; /* places of the page that may be taken */
        bool found; /* bytes hold what was found at the start, until the first begin */
};

/* Of the stage too: one that is decoded without harm may still crash the engine, and is not to be forgiven for it. */
static uint64_t message_digest(
        InflightStage stage, EventVia via, const char *who, const void *bytes, size_t n)
{
        uint64_t h = idmap_digest((uint64_t)via * 2 + (uint64_t)stage, who, strlen(who));

        return idmap_digest(h, bytes, n > LIMIT_BODY ? LIMIT_BODY : n) | 1;
}

/* Nearly always there are none, and this is asked for every message. */
static Suspect *suspect_find(const Inflight *in, uint64_t digest)
{
        for (uint32_t i = 0; i < in->n_suspects; i++)
                if (in->page->suspects[i].digest == digest)
                        return &in->page->suspects[i];
        return NULL;
}

/* A free place, or that of the one that was found longest ago. */
static Suspect *suspect_new(Page *p)
{
        Suspect *oldest = &p->suspects[0];

        for (uint32_t i = 0; i < SUSPECTS; i++) {
                if (p->suspects[i].digest == 0)
                        return &p->suspects[i];
                if (p->suspects[i].age > oldest->age)
                        oldest = &p->suspects[i];
        }
        return oldest;
}

static void suspects_count(Inflight *in)
{
        in->n_suspects = SUSPECTS;
        while (in->n_suspects > 0 && in->page->suspects[in->n_suspects - 1].digest == 0)
                in->n_suspects--;
}

/* What the last process left behind. */
static void page_look(Inflight *in)
{
        Page *p = in->page;
        Suspect *s;

        in->n_suspects = SUSPECTS;
        if (p->magic != MAGIC) {
                memset(p, 0, sizeof(*p));
                p->magic = MAGIC;
                return;
        }
        for (uint32_t i = 0; i < SUSPECTS; i++)
                p->suspects[i].age++;
        if (!p->busy || p->size > LIMIT_BODY || p->via >= VIA_MAX || memchr(p->who, 0, CODE_SIZE) == NULL) {
                p->busy = 0;
                return;
        }
        s = suspect_find(in, p->digest);
        if (!s) {
                s = suspect_new(p);
                *s = (Suspect){.digest = p->digest};
        }
        s->age = 0;
        s->crashes++;
        in->found = s->crashes == CRASHES_MAX;
        p->busy = 0;
}

int inflight_open(Inflight **ret, const char *directory)
{
        _cleanup_(freep) Inflight *in = calloc(1, sizeof(Inflight));
        _cleanup_(freep) char *path = NULL;
        _cleanup_(closep) int fd = -1;
        void *map = MAP_FAILED;

        ASSERT(ret && directory);
        if (!in)
                return error_origin(-ENOMEM);
        if (asprintf(&path, "%s/inflight", directory) < 0) {
                path = NULL;
                return error_origin(-ENOMEM);
        }
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        /* Every block is there before it is mapped: a full disk is an error here, not a signal later. */
        if (fd >= 0 && posix_fallocate(fd, 0, sizeof(Page)) == 0)
                map = mmap(NULL, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (map == MAP_FAILED)
                map = mmap(NULL, sizeof(Page), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (map == MAP_FAILED)
                return error_origin(-errno);
        in->page = map;
        page_look(in);
        suspects_count(in);
        *ret = TAKE_PTR(in);
        return 0;
}

Inflight *inflight_free(Inflight *in)
{
        if (!in)
                return NULL;
        (void)munmap(in->page, sizeof(Page)); /* a whole mapping: cannot fail */
        free(in);
        return NULL;
}

bool inflight_begin(
        Inflight *in, InflightStage stage, EventVia via, const char *who, const void *bytes, size_t n)
{
        Page *p = in->page;
        uint64_t digest = message_digest(stage, via, who, bytes, n);
        const Suspect *s = suspect_find(in, digest);

        ASSERT(via < VIA_MAX);
        ASSERT((in->depth > 0) == (p->busy != 0));
        if (s && s->crashes >= CRASHES_MAX)
                return false;
        if (in->depth++ > 0)
                return true;
        in->found = false;
        in->digest = p->digest = digest;
        p->via = (uint32_t)via;
        (void)str_copy(
                p->who, sizeof(p->who), who); /* a topic is cut: it is for a reader, the digest has all */
        p->size = (uint32_t)(n > LIMIT_BODY ? LIMIT_BODY : n);
        if (p->size > 0)
                memcpy(p->bytes, bytes, p->size);
        atomic_signal_fence(memory_order_seq_cst); /* a crash sees the whole message, or none */
        p->busy = 1;
        atomic_signal_fence(memory_order_seq_cst);
        return true;
}

void inflight_end(Inflight *in)
{
        Suspect *s;

        ASSERT(in->page->busy && in->depth > 0);
        if (--in->depth > 0)
                return;
        atomic_signal_fence(memory_order_seq_cst);
        in->page->busy = 0;
        s = suspect_find(in, in->digest);
        if (s)
                *s = (Suspect){0};
}

void inflight_blunt(Event *e)
{
        e->type = EVENT_ALARM;
        e->alarm = (AlarmEvent){.kind = ALARM_UNPARSED};
        e->device_us = 0;
        e->body_json = false; /* nobody has looked */
        (void)str_copy(e->why, sizeof(e->why), "the gateway crashed on this message"); /* fits */
}

bool inflight_report(Inflight *in, Inbox *inbox)
{
        const Page *p = in->page;
        Event *e;

        if (!in->found)
                return false;
        in->found = false;
        e = inbox_event(inbox);
        ASSERT(e); /* nothing was taken yet */
        e->via = (EventVia)p->via;
        (void)str_copy(e->source, sizeof(e->source), p->who); /* of equal size */
        if (inbox_body(e, p->bytes, p->size) < 0)
                log_err("no memory for the bytes of a message that crashed the gateway");
        inflight_blunt(e);
        log_fields(LOG_LEVEL_ERR, LOG_ID_UNPARSED, (LogField[]){{"HUYING_DEVICE", e->source}, {0}},
                "a message of %s has crashed the gateway twice: it is recorded and not read again",
                e->source);
        inbox_push(inbox, e);
        return true;
}

void inflight_number_set(Inflight *in, uint64_t next_incident)
{
        if (next_incident > in->page->next_incident)
                in->page->next_incident = next_incident;
}

uint64_t inflight_number(const Inflight *in)
{
        return in->page->next_incident;
}
