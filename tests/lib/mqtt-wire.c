/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt-wire.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_US (30 * USEC_PER_SEC)

extern char **environ;

/* Sockets */

static struct sockaddr_in loopback(uint16_t port)
{
        return (struct sockaddr_in){
                .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

int wire_listen(uint16_t *ret_port)
{
        struct sockaddr_in a = loopback(0);
        socklen_t n = sizeof(a);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        ASSERT(fd >= 0 && bind(fd, (struct sockaddr *)&a, n) == 0 && listen(fd, 16) == 0);
        ASSERT(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
        *ret_port = ntohs(a.sin_port);
        return fd;
}

uint16_t wire_free_port(void)
{
        uint16_t port;

        close(wire_listen(&port));
        return port;
}

int wire_connect(uint16_t port)
{
        struct sockaddr_in a = loopback(port);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

        ASSERT(fd >= 0);
        if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
                close(fd);
                return -1;
        }
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        ASSERT(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
        return fd;
}

static void peer_fill(WirePeer *p)
{
        while (p->fd >= 0 && p->n < sizeof(p->in)) {
                ssize_t k = recv(p->fd, p->in + p->n, sizeof(p->in) - p->n, MSG_DONTWAIT);

                if (k <= 0)
                        break;
                p->n += (size_t)k;
        }
}

size_t wire_unread(WirePeer *p)
{
        peer_fill(p);
        return p->n;
}

bool wire_closed(WirePeer *p)
{
        char c;
        ssize_t k;

        if (p->fd < 0)
                return true;
        peer_fill(p);
        k = recv(p->fd, &c, 1, MSG_DONTWAIT | MSG_PEEK);
        return k == 0 || (k < 0 && errno != EAGAIN);
}

void wire_close(WirePeer *p)
{
        if (p->fd >= 0)
                close(p->fd);
        p->fd = -1;
        p->n = 0;
}

static void peer_put(WirePeer *p, const void *bytes, size_t n)
{
        const uint8_t *b = bytes;
        uint64_t end = clock_now().boot_us + WAIT_US;

        while (n > 0) {
                ssize_t k = send(p->fd, b, n, MSG_DONTWAIT | MSG_NOSIGNAL);

                if (k < 0 && errno == EAGAIN) {
                        ASSERT(clock_now().boot_us < end);
                        (void)poll(&(struct pollfd){.fd = p->fd, .events = POLLOUT}, 1, 100);
                        continue;
                }
                if (k < 0)
                        return; /* closed meanwhile: the test sees that */
                b += k;
                n -= (size_t)k;
        }
}

/* Packets */

bool wire_get(WirePeer *p, WirePacket *ret)
{
        size_t length = 0, i = 1, shift = 0;

        peer_fill(p);
        if (p->n < 2)
                return false;
        do {
                if (i >= p->n)
                        return false;
                length |= (size_t)(p->in[i] & 0x7f) << shift;
                shift += 7;
        } while (p->in[i++] & 0x80);
        if (p->n < i + length)
                return false;
        ASSERT(length <= sizeof(ret->body));
        ret->type = p->in[0] >> 4;
        ret->flags = p->in[0] & 0xf;
        ret->n = length;
        memcpy(ret->body, p->in + i, length);
        memmove(p->in, p->in + i + length, p->n - i - length);
        p->n -= i + length;
        ret->mid = 0;
        if (ret->type == WIRE_CONNECT) {
                size_t n = (size_t)ret->body[10] << 8 | ret->body[11];

                ASSERT(n < sizeof(p->id));
                memcpy(p->id, ret->body + 12, n);
                p->id[n] = '\0';
                p->flags = ret->body[7];
                p->keepalive = (uint16_t)(ret->body[8] << 8 | ret->body[9]);
        } else if (ret->type == WIRE_PUBLISH) {
                size_t n = (size_t)ret->body[0] << 8 | ret->body[1], at = n + 2;

                memcpy(ret->topic, ret->body + 2, n);
                ret->topic[n] = '\0';
                ret->retain = ret->flags & 1;
                ret->qos = ret->flags >> 1 & 3;
                if (ret->qos) {
                        ret->mid = (uint16_t)(ret->body[at] << 8 | ret->body[at + 1]);
                        at += 2;
                }
                ret->payload = ret->body + at;
                ret->payload_size = length - at;
        } else if (length >= 2)
                ret->mid = (uint16_t)(ret->body[0] << 8 | ret->body[1]);
        return true;
}

void wire_connack(WirePeer *p, bool session, uint8_t rc)
{
        peer_put(p, (uint8_t[]){WIRE_CONNACK << 4, 2, session, rc}, 4);
}

void wire_ack(WirePeer *p, uint8_t type, uint16_t mid)
{
        peer_put(p, (uint8_t[]){(uint8_t)(type << 4), 2, (uint8_t)(mid >> 8), (uint8_t)mid}, 4);
}

void wire_suback(WirePeer *p, const WirePacket *subscribe, uint8_t granted)
{
        uint8_t b[64] = {WIRE_SUBACK << 4, 2, (uint8_t)(subscribe->mid >> 8), (uint8_t)subscribe->mid};
        size_t at = 2;

        while (at < subscribe->n) {
                at += 2 + ((size_t)subscribe->body[at] << 8 | subscribe->body[at + 1]) + 1;
                b[2 + b[1]++] = granted;
        }
        peer_put(p, b, 2u + b[1]);
}

static size_t put_length(uint8_t *b, size_t n)
{
        size_t i = 0;

        do {
                b[i] = n & 0x7f;
                n >>= 7;
                if (n)
                        b[i] |= 0x80;
                i++;
        } while (n);
        return i;
}

static size_t put_text(uint8_t *b, const char *s)
{
        size_t n = strlen(s);

        b[0] = (uint8_t)(n >> 8);
        b[1] = (uint8_t)n;
        memcpy(b + 2, s, n);
        return n + 2;
}

void wire_publish(WirePeer *p, const char *topic, const void *payload, size_t n, uint8_t qos, bool retain,
        uint16_t mid)
{
        static uint8_t b[200000];
        size_t length = 2 + strlen(topic) + (qos ? 2 : 0) + n, at;

        ASSERT(length + 5 < sizeof(b));
        b[0] = (uint8_t)(WIRE_PUBLISH << 4 | qos << 1 | retain);
        at = 1 + put_length(b + 1, length);
        at += put_text(b + at, topic);
        if (qos) {
                b[at++] = (uint8_t)(mid >> 8);
                b[at++] = (uint8_t)mid;
        }
        memcpy(b + at, payload, n);
        peer_put(p, b, at + n);
}

/* A client */

static void client_await(WirePeer *p, uint8_t type, WirePacket *ret)
{
        uint64_t end = clock_now().boot_us + WAIT_US;

        for (;;) {
                while (wire_get(p, ret)) {
                        if (ret->type == type)
                                return;
                        ASSERT(ret->type != WIRE_PUBLISH); /* subscribe with a client of its own */
                }
                ASSERT(clock_now().boot_us < end);
                ASSERT(!wire_closed(p));
                (void)poll(&(struct pollfd){.fd = p->fd, .events = POLLIN}, 1, 100);
        }
}

void wire_client(WirePeer *ret, uint16_t port, const char *id, const char *user, const char *password)
{
        static WirePacket k;
        uint8_t b[512] = {WIRE_CONNECT << 4}, *body = b + 2;
        size_t n = put_text(body, "MQTT");

        *ret = (WirePeer){.fd = wire_connect(port)};
        ASSERT(ret->fd >= 0);
        body[n++] = 4;
        body[n++] = user ? 0xc2 : 0x02;
        body[n++] = 0;
        body[n++] = 60;
        n += put_text(body + n, id);
        if (user) {
                n += put_text(body + n, user);
                n += put_text(body + n, password);
        }
        ASSERT(n < 128);
        b[1] = (uint8_t)n;
        peer_put(ret, b, n + 2);
        client_await(ret, WIRE_CONNACK, &k);
        ASSERT(k.body[1] == 0);
}

void wire_client_subscribe(WirePeer *p, const char *filter)
{
        uint8_t b[512] = {WIRE_SUBSCRIBE << 4 | 2, 0, 0, 7};
        size_t n = 2 + put_text(b + 4, filter);
        uint64_t end = clock_now().boot_us + WAIT_US;

        b[2 + n++] = 1;
        ASSERT(n < 128);
        b[1] = (uint8_t)n;
        peer_put(p, b, n + 2);
        /* Retained messages may come before the SUBACK: they stay for wire_client_get(). */
        for (;;) {
                peer_fill(p);
                for (size_t i = 0; i + 3 < p->n; i++)
                        if (p->in[i] == WIRE_SUBACK << 4 && p->in[i + 1] == 3 && p->in[i + 2] == 0 &&
                                p->in[i + 3] == 7)
                                return;
                ASSERT(clock_now().boot_us < end);
                (void)poll(&(struct pollfd){.fd = p->fd, .events = POLLIN}, 1, 100);
        }
}

void wire_client_publish(WirePeer *p, const char *topic, const char *payload, uint8_t qos, bool retain)
{
        static WirePacket k;

        wire_publish(p, topic, payload, strlen(payload), qos, retain, 11);
        if (qos == 1)
                client_await(p, WIRE_PUBACK, &k);
}

bool wire_client_get(WirePeer *p, WirePacket *ret, int ms)
{
        uint64_t end = clock_now().boot_us + (uint64_t)ms * USEC_PER_MSEC;

        for (;;) {
                while (wire_get(p, ret))
                        if (ret->type == WIRE_PUBLISH) {
                                if (ret->qos == 1)
                                        wire_ack(p, WIRE_PUBACK, ret->mid);
                                return true;
                        }
                if (clock_now().boot_us >= end || wire_closed(p))
                        return false;
                (void)poll(&(struct pollfd){.fd = p->fd, .events = POLLIN}, 1, 20);
        }
}

/* The real broker */

bool wire_broker_init(WireBroker *b, const char *extra)
{
        char path[128];
        FILE *f;

        if (access("/usr/sbin/mosquitto", X_OK) < 0)
                return false;
        *b = (WireBroker){.folder = "/tmp/huying-broker-XXXXXX", .port = wire_free_port(), .pid = -1};
        ASSERT(mkdtemp(b->folder));
        (void)snprintf(path, sizeof(path), "%s/mosquitto.conf", b->folder);
        f = fopen(path, "we");
        ASSERT(f);
        fprintf(f, "listener %u 127.0.0.1\n%s\n", b->port, extra ? extra : "allow_anonymous true");
        ASSERT(fclose(f) == 0);
        return true;
}

void wire_broker_start(WireBroker *b)
{
        char path[128], *args[] = {(char[]){"mosquitto"}, (char[]){"-c"}, path, NULL};
        posix_spawn_file_actions_t actions;
        uint64_t end = clock_now().boot_us + WAIT_US;
        char log[128];
        int fd;

        (void)snprintf(path, sizeof(path), "%s/mosquitto.conf", b->folder);
        (void)snprintf(log, sizeof(log), "%s/log", b->folder);
        ASSERT(posix_spawn_file_actions_init(&actions) == 0);
        ASSERT(posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0600) == 0);
        ASSERT(posix_spawn_file_actions_adddup2(&actions, 1, 2) == 0);
        ASSERT(posix_spawn(&b->pid, "/usr/sbin/mosquitto", &actions, NULL, args, environ) == 0);
        posix_spawn_file_actions_destroy(&actions);
        while ((fd = wire_connect(b->port)) < 0) {
                int status;

                if (waitpid(b->pid, &status, WNOHANG) == b->pid) {
                        fprintf(stderr, "the broker did not start, see %s\n", log);
                        b->pid = -1;
                        ASSERT(!"the broker did not start");
                }
                ASSERT(clock_now().boot_us < end);
                (void)poll(NULL, 0, 20);
        }
        close(fd);
}

void wire_broker_stop(WireBroker *b, int signo)
{
        if (b->pid < 0)
                return;
        ASSERT(kill(b->pid, signo) == 0);
        ASSERT(waitpid(b->pid, NULL, 0) == b->pid);
        b->pid = -1;
}

void wire_broker_deinit(WireBroker *b)
{
        static const char *const files[] = {"mosquitto.conf", "log", "mosquitto.db", "passwd", "acl",
                "ca.crt", "server.crt", "server.key", "ca.key", "server.csr", "ca.srl", "secret",
                "mosquitto.pid"};
        char path[128];

        wire_broker_stop(b, SIGTERM);
        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                (void)snprintf(path, sizeof(path), "%s/%s", b->folder, files[i]);
                (void)unlink(path);
        }
        (void)rmdir(b->folder);
}
