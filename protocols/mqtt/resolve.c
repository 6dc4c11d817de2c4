/* SPDX-License-Identifier: Apache-2.0 */
#include "resolve.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

struct Resolve {
        Resolve *next; /* of those left behind */
        struct gaicb request;
        struct addrinfo hints;
        char host[256];
};

/* glibc's helper still writes into these: they go when it has. */
static Resolve *left;

static void resolve_end(Resolve *r)
{
        if (r->request.ar_result)
                freeaddrinfo(r->request.ar_result);
        free(r);
}

static void left_sweep(void)
{
        for (Resolve **at = &left; *at;) {
                Resolve *r = *at;

                if (gai_error(&r->request) == EAI_INPROGRESS) {
                        at = &r->next;
                        continue;
                }
                *at = r->next;
                resolve_end(r);
        }
}

bool resolve_literal(const char *host)
{
        struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *list = NULL;

        ASSERT(host);
        if (getaddrinfo(host, NULL, &hints, &list) != 0)
                return false;
        freeaddrinfo(list);
        return true;
}

int resolve_new(Resolve **ret, const char *host)
{
        _cleanup_(freep) Resolve *r = calloc(1, sizeof(Resolve));
        struct gaicb *list[1];

        ASSERT(ret && host);
        left_sweep();
        if (!r)
                return error_origin(-ENOMEM);
        if (!str_copy(r->host, sizeof(r->host), host))
                return error_origin(-ENAMETOOLONG);
        r->hints.ai_socktype = SOCK_STREAM;
        r->request.ar_name = r->host;
        r->request.ar_request = &r->hints;
        list[0] = &r->request;
        if (getaddrinfo_a(GAI_NOWAIT, list, 1, &(struct sigevent){.sigev_notify = SIGEV_NONE}) != 0)
                return error_origin(-EAGAIN);
        *ret = TAKE_PTR(r);
        return 0;
}

Resolve *resolve_free(Resolve *r)
{
        if (!r)
                return NULL;
        if (gai_cancel(&r->request) == EAI_NOTCANCELED) {
                r->next = left;
                left = r;
        } else
                resolve_end(r);
        return NULL;
}

int resolve_get(Resolve *r, unsigned n, char ret[RESOLVE_TEXT_SIZE])
{
        struct addrinfo *a;
        unsigned count = 0;
        int e;

        ASSERT(r && ret);
        e = gai_error(&r->request);
        if (e == EAI_INPROGRESS)
                return RESOLVE_E_PENDING;
        if (e != 0)
                return RESOLVE_E_FAILED;
        for (a = r->request.ar_result; a; a = a->ai_next)
                count++;
        if (count == 0)
                return RESOLVE_E_FAILED;
        a = r->request.ar_result;
        for (n %= count; n > 0; n--)
                a = a->ai_next;
        if (getnameinfo(a->ai_addr, a->ai_addrlen, ret, RESOLVE_TEXT_SIZE, NULL, 0, NI_NUMERICHOST) != 0)
                return RESOLVE_E_FAILED;
        return 0;
}
