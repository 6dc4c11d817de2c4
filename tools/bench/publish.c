/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ceiling: what the broker alone carries of calls.
 *
 *   bench-publish PORT N BYTES    N retained messages with QoS 1, each on a topic of its own, as alerts are, with as many
 *                                 under way as huyingd allows; a subscriber takes them. Prints how many a second.
 */
#include <errno.h>
#include <mosquitto.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"

#define WINDOW  256u /* OUT_CALLS_MAX of protocols/mqtt/out.h */
#define READS   200
#define WAIT_US (120 * USEC_PER_SEC)

static unsigned n_acked, n_taken;
static bool ready;

static void check(bool ok, const char *what)
{
        if (ok)
                return;
        (void)fprintf(stderr, "bench-publish: %s failed\n", what);
        _exit(1);
}

static void on_message(struct mosquitto *m, void *userdata, const struct mosquitto_message *message)
{
        n_taken++;
        errno = 0; /* the loop below tells "drained" by it */
}

static void on_publish(struct mosquitto *m, void *userdata, int mid)
{
        n_acked++;
        errno = 0;
}

static void on_connect(struct mosquitto *m, void *userdata, int rc)
{
        check(rc == 0 &&
                        mosquitto_subscribe(m, NULL, "huying/bench/worker/+/alert/+", 1) == MOSQ_ERR_SUCCESS,
                "subscribe");
        errno = 0;
}

static void on_subscribe(struct mosquitto *m, void *userdata, int mid, int n, const int *granted)
{
        ready = true;
        errno = 0;
}

static struct mosquitto *client(unsigned port, bool subscribes)
{
        struct mosquitto *m = mosquitto_new(NULL, true, NULL);

        check(m && mosquitto_int_option(m, MOSQ_OPT_TCP_NODELAY, 1) == MOSQ_ERR_SUCCESS &&
                        mosquitto_int_option(m, MOSQ_OPT_SEND_MAXIMUM, UINT16_MAX) == MOSQ_ERR_SUCCESS,
                "the library");
        mosquitto_publish_callback_set(m, on_publish);
        mosquitto_message_callback_set(m, on_message);
        mosquitto_subscribe_callback_set(m, on_subscribe);
        if (subscribes)
                mosquitto_connect_callback_set(m, on_connect);
        check(mosquitto_connect(m, "127.0.0.1", (int)port, 60) == MOSQ_ERR_SUCCESS, "connect");
        return m;
}

static void visit(struct mosquitto *m, short revents)
{
        if (revents & POLLOUT)
                check(mosquitto_loop_write(m, 1) == MOSQ_ERR_SUCCESS, "write");
        for (unsigned i = 0; (revents & POLLIN) && i < READS; i++) {
                errno = 0;
                check(mosquitto_loop_read(m, 1) == MOSQ_ERR_SUCCESS, "read");
                if (errno == EAGAIN)
                        break;
        }
}

static void turn(struct mosquitto *const clients[2])
{
        struct pollfd fds[2];

        for (unsigned i = 0; i < 2; i++)
                fds[i] = (struct pollfd){.fd = mosquitto_socket(clients[i]),
                        .events = (short)(POLLIN | (mosquitto_want_write(clients[i]) ? POLLOUT : 0))};
        (void)poll(fds, 2, 1000);
        for (unsigned i = 0; i < 2; i++)
                visit(clients[i], fds[i].revents);
}

int main(int argc, char **argv)
{
        uint32_t port, n, size, sent = 0;
        struct mosquitto *clients[2];
        uint64_t begin;
        char *body;

        if (argc != 4 || !parse_u32(argv[1], UINT16_MAX, &port) || !parse_u32(argv[2], 10000000, &n) ||
                !parse_u32(argv[3], 65536, &size))
                return 2;
        body = malloc(size + 1);
        check(body != NULL, "memory");
        memset(body, 'x', size);
        (void)mosquitto_lib_init(); /* always succeeds in 2.x */
        clients[0] = client(port, false);
        clients[1] = client(port, true);
        while (!ready)
                turn(clients);
        begin = clock_now().boot_us;
        while ((n_taken < n || n_acked < n) && clock_now().boot_us < begin + WAIT_US) {
                for (; sent < n && sent - n_acked < WINDOW; sent++) {
                        char topic[96];

                        (void)snprintf(
                                topic, sizeof(topic), "huying/bench/worker/w%u/alert/%u", sent % 4, sent);
                        check(mosquitto_publish(clients[0], NULL, topic, (int)size, body, 1, true) ==
                                        MOSQ_ERR_SUCCESS,
                                "publish");
                }
                turn(clients);
        }
        check(n_taken >= n, "to take all");
        (void)printf("%.0f\n", (double)n / ((double)(clock_now().boot_us - begin) / 1e6));
        free(body);
        return 0;
}
