/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcoap (4.3.1) keeps something of every ClientHello, also of one whose sender was forged and will never answer the
 * cookie, for 30 s, and at its limit ignores all new ones: seventeen forged datagrams a second, and no device can make
 * a handshake any more. So they are counted before libcoap sees them, in two purses:
 *
 *      strangers   addresses that have never shown a key: half of what libcoap can hold
 *      regulars    addresses that have: the other half, and an eighth of it for each
 *
 * Who completes a handshake is paid back, so that all devices at once after a power cut pay next to nothing. A purse
 * fills again as libcoap forgets. A community's devices call from few addresses, their own network's and the operators'
 * gateways', and were heard before a flood begins. A new device has to be lucky while one goes on; it repeats its
 * ClientHello, and over plain CoAP a signed call (sign.c) needs no handshake.
 */
#include "protocols/coap/gate.h"

#include "base/clock.h"
#include "base/idmap.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define PURSE  (240u * 1000) /* of DTLS_HANDSHAKES_MAX (side.c) half */
#define OWN    (30u * 1000)
#define FILL_S 8u /* PURSE in 30 s */

/* Of a DTLS record, RFC 6347 section 4.1 */
enum { TYPE = 0, EPOCH = 3, HANDSHAKE_TYPE = 13, PEEK };
enum { HANDSHAKE = 22, CLIENT_HELLO = 1 };

/* Without the port: a device takes a new one each time. */
static uint32_t address_hash(const coap_address_t *a)
{
        uint64_t h = a->addr.sa.sa_family == AF_INET ? idmap_hash(&a->addr.sin.sin_addr, 4)
                                                     : idmap_hash(&a->addr.sin6.sin6_addr, 16);

        return (uint32_t)(h >> 32) | 1;
}

static uint64_t peer_hash(const coap_address_t *a)
{
        uint64_t port = a->addr.sa.sa_family == AF_INET ? a->addr.sin.sin_port : a->addr.sin6.sin6_port;

        return idmap_mix(address_hash(a), port) | 1;
}

static uint32_t filled(uint32_t purse, uint32_t full, uint64_t since_us, uint64_t now_us)
{
        uint64_t more = (now_us - since_us) / USEC_PER_MSEC * FILL_S;

        return since_us == 0 || more > full || purse + (uint32_t)more > full ? full : purse + (uint32_t)more;
}

static bool pay(uint32_t *purse)
{
        if (*purse < 1000)
                return false;
        *purse -= 1000;
        return true;
}

static void give_back(uint32_t *purse, uint32_t full, uint32_t n)
{
        *purse = *purse + n * 1000 > full ? full : *purse + n * 1000;
}

static void note_paid(Gate *g, uint64_t peer, bool regular)
{
        unsigned slot = (unsigned)(peer >> 32) % GATE_PAID;

        if (g->paid[slot].peer != peer) {
                g->paid[slot].peer = peer; /* whoever was there has paid for good */
                g->paid[slot].n = 0;
        }
        g->paid[slot].n++;
        g->paid[slot].regular = regular;
}

/* A ClientHello of a handshake that begins. */
static bool is_hello(const uint8_t *record)
{
        return record[TYPE] == HANDSHAKE && record[EPOCH] == 0 && record[EPOCH + 1] == 0 &&
               record[HANDSHAKE_TYPE] == CLIENT_HELLO;
}

bool gate_admit(Gate *g, int fd, uint64_t now_us)
{
        uint8_t record[PEEK] = {0};
        coap_address_t from;
        socklen_t size = sizeof(from.addr);
        uint32_t hash, slot;
        bool regular;

        coap_address_init(&from);
        if (recvfrom(fd, record, sizeof(record), MSG_PEEK | MSG_DONTWAIT, &from.addr.sa, &size) <
                        (ssize_t)sizeof(record) ||
                !is_hello(record))
                return true;
        hash = address_hash(&from);
        slot = hash / 2 % GATE_KNOWN;
        regular = g->known[slot].address == hash;
        g->strangers = filled(g->strangers, PURSE, g->at_us, now_us);
        g->regulars = filled(g->regulars, PURSE, g->at_us, now_us);
        g->at_us = now_us;
        if (regular) {
                g->known[slot].left = filled(g->known[slot].left, OWN, g->known[slot].at_us, now_us);
                g->known[slot].at_us = now_us;
                if (!pay(&g->known[slot].left))
                        return false;
        }
        if (!pay(regular ? &g->regulars : &g->strangers))
                return false;
        note_paid(g, peer_hash(&from), regular);
        return true;
}

void gate_know(Gate *g, const coap_session_t *session)
{
        const coap_address_t *from = coap_session_get_addr_remote(session);
        uint32_t hash = address_hash(from), slot = hash / 2 % GATE_KNOWN;
        uint64_t peer = peer_hash(from);
        unsigned at = (unsigned)(peer >> 32) % GATE_PAID;

        if (g->known[slot].address != hash) {
                g->known[slot].address = hash;
                g->known[slot].at_us = 0;
        }
        if (g->paid[at].peer != peer)
                return;
        if (g->paid[at].regular) {
                give_back(&g->regulars, PURSE, g->paid[at].n);
                give_back(&g->known[slot].left, OWN, g->paid[at].n);
        } else
                give_back(&g->strangers, PURSE, g->paid[at].n);
        g->paid[at].peer = 0;
}
