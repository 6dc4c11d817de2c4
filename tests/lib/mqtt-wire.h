/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * MQTT 3.1.1 on the wire for tests, independent of libmosquitto: packets in and out of a socket, a broker
 * that the test plays itself, a client, and the real broker as a child.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
        WIRE_CONNECT = 1,
        WIRE_CONNACK = 2,
        WIRE_PUBLISH = 3,
        WIRE_PUBACK = 4,
        WIRE_SUBSCRIBE = 8,
        WIRE_SUBACK = 9,
        WIRE_UNSUBSCRIBE = 10,
        WIRE_UNSUBACK = 11,
        WIRE_PINGREQ = 12,
        WIRE_DISCONNECT = 14,
};

typedef struct WirePacket {
        uint8_t type, flags;
        uint8_t body[70000];
        size_t n;
        /* PUBLISH and acknowledgements */
        uint16_t mid;
        /* PUBLISH */
        char topic[70000];
        const uint8_t *payload;
        size_t payload_size;
        bool retain;
        uint8_t qos;
} WirePacket;

typedef struct WirePeer {
        int fd; /* -1: none */
        uint8_t in[200000];
        size_t n;
        char id[128];  /* of its CONNECT */
        uint8_t flags; /* of its CONNECT */
        uint16_t keepalive;
} WirePeer;

/* A socket that listens on a free port of loopback. */
int wire_listen(uint16_t *ret_port);
int wire_connect(uint16_t port);
/* One packet if a whole one has come. Never waits. */
bool wire_get(WirePeer *, WirePacket *ret);
/* Bytes that have come and are not yet taken, after reading what the socket has. */
size_t wire_unread(WirePeer *);
/* True: the other side has closed. */
bool wire_closed(WirePeer *);
void wire_close(WirePeer *);

void wire_connack(WirePeer *, bool session, uint8_t rc);
void wire_suback(WirePeer *, const WirePacket *subscribe, uint8_t granted);
void wire_ack(WirePeer *, uint8_t type, uint16_t mid);
void wire_publish(WirePeer *, const char *topic, const void *payload, size_t n, uint8_t qos, bool retain,
        uint16_t mid);

/* A client of a real broker; each call waits for the broker's answer. Aborts when it is refused. */
/* user NULL: none. */
void wire_client(WirePeer *ret, uint16_t port, const char *id, const char *user, const char *password);
void wire_client_subscribe(WirePeer *, const char *filter);
void wire_client_publish(WirePeer *, const char *topic, const char *payload, uint8_t qos, bool retain);
/* Waits for one PUBLISH at most `ms`. */
bool wire_client_get(WirePeer *, WirePacket *ret, int ms);

/* The real broker, in a folder of its own under /tmp, on loopback. */
typedef struct WireBroker {
        char folder[64];
        uint16_t port;
        pid_t pid;
} WireBroker;

/* False: there is no mosquitto on this machine. extra: further lines of configuration. */
bool wire_broker_init(WireBroker *, const char *extra);
void wire_broker_start(WireBroker *);           /* waits until it answers */
void wire_broker_stop(WireBroker *, int signo); /* waits until it has gone */
void wire_broker_deinit(WireBroker *);
uint16_t wire_free_port(void);
