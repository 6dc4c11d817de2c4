/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device that restarts and uses its old port says ClientHello into the session that we still have of it. libcoap
 * (4.3.1 to 4.3.5) hands that to the old session, which drops it, and counts it as a sign of life: the device gets no
 * answer for as long as it tries. So each datagram is looked at first:
 *
 *      ClientHello for an established session ──▶ remembered ──again, ≥ 0.9 s later, nothing else between──▶ ended
 *                                                     └──application data, or 60 s──▶ forgotten
 *
 * One alone ends nothing, so that a single forged datagram cannot; two can, and the true device then shakes hands
 * again. A handshake that is still going on is GnuTLS's affair.
 */
#include "protocols/coap/restart.h"

#include "base/idmap.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define HELLO_AGAIN_US  900000ull /* devices repeat it after 1 s (RFC 6347 section 4.2.4.1) */
#define HELLO_FORGET_US 60000000ull

/* Of a DTLS record, RFC 6347 section 4.1 */
enum { RECORD_TYPE = 0, RECORD_EPOCH = 3, RECORD_HANDSHAKE_TYPE = 13, RECORD_PEEK };
enum { TYPE_HANDSHAKE = 22, TYPE_APPLICATION = 23, HANDSHAKE_CLIENT_HELLO = 1 };

static uint64_t peer_hash(const coap_address_t *a)
{
        if (a->addr.sa.sa_family == AF_INET)
                return idmap_mix(idmap_hash(&a->addr.sin.sin_addr, 4), a->addr.sin.sin_port);
        return idmap_mix(idmap_hash(&a->addr.sin6.sin6_addr, 16), a->addr.sin6.sin6_port);
}

static int interface_of(struct msghdr *m)
{
        for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
                if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
                        return ((struct in_pktinfo *)(void *)CMSG_DATA(c))->ipi_ifindex;
                if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
                        return (int)((struct in6_pktinfo *)(void *)CMSG_DATA(c))->ipi6_ifindex;
        }
        return 0;
}

coap_session_t *restart_peek(Restarts *r, coap_context_t *context, int fd, uint64_t now_us)
{
        uint8_t record[RECORD_PEEK] = {0}, control[128];
        coap_address_t from;
        struct iovec io = {.iov_base = record, .iov_len = sizeof(record)};
        struct msghdr m = {.msg_name = &from.addr,
                .msg_namelen = sizeof(from.addr),
                .msg_iov = &io,
                .msg_iovlen = 1,
                .msg_control = control,
                .msg_controllen = sizeof(control)};

        coap_address_init(&from);
        if (recvmsg(fd, &m, MSG_PEEK | MSG_DONTWAIT) < (ssize_t)sizeof(record))
                return NULL;
        from.size = m.msg_namelen;
        uint64_t peer = peer_hash(&from);
        unsigned slot = (unsigned)(peer >> 32) % RESTART_PEERS;

        if (record[RECORD_TYPE] == TYPE_APPLICATION && r->hellos[slot].peer == peer)
                r->hellos[slot].peer = 0;
        if (record[RECORD_TYPE] != TYPE_HANDSHAKE || record[RECORD_EPOCH] != 0 ||
                record[RECORD_EPOCH + 1] != 0 || record[RECORD_HANDSHAKE_TYPE] != HANDSHAKE_CLIENT_HELLO)
                return NULL;
        coap_session_t *session = coap_session_get_by_peer(context, &from, interface_of(&m));
        if (!session || coap_session_get_state(session) != COAP_SESSION_STATE_ESTABLISHED)
                return NULL;
        if (r->hellos[slot].peer != peer || now_us - r->hellos[slot].at_us > HELLO_FORGET_US) {
                r->hellos[slot].peer = peer;
                r->hellos[slot].at_us = now_us;
                return NULL;
        }
        if (now_us - r->hellos[slot].at_us < HELLO_AGAIN_US)
                return NULL;
        r->hellos[slot].peer = 0;
        return session;
}
