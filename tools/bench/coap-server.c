/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ceiling: libcoap's own server, which answers every POST with 2.01 and does nothing else.
 *
 *   bench-coap PORT
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/epoll.h>
#include <syslog.h>
#include <coap3/coap.h>

#include "base/parse.h"

#define EVENTS_MAX 16

static volatile sig_atomic_t ended;

static void on_signal(int signo)
{
        ended = 1;
}

static void on_post(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
        const coap_string_t *query, coap_pdu_t *response)
{
        coap_pdu_set_code(response, COAP_RESPONSE_CODE_CREATED);
}

/* Room for a burst, as huyingd makes it: libcoap shows its socket to nobody. */
static void make_room(void)
{
        const int bytes = 4 << 20;

        for (int fd = 3; fd < 64; fd++) {
                int type = 0;
                socklen_t n = sizeof(type);

                if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_DGRAM &&
                        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
                        (void)setsockopt(
                                fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)); /* what is allowed */
        }
}

int main(int argc, char **argv)
{
        const struct sigaction action = {.sa_handler = on_signal};
        coap_context_t *context;
        coap_resource_t *any;
        coap_address_t address;
        uint32_t port;

        if (argc != 2 || !parse_u32(argv[1], 65535, &port))
                return 2;
        (void)sigaction(SIGTERM, &action, NULL);
        coap_startup();
        coap_set_log_level((coap_log_t)LOG_EMERG);
        context = coap_new_context(NULL);
        coap_address_init(&address);
        address.size = sizeof(address.addr.sin);
        address.addr.sin.sin_family = AF_INET;
        address.addr.sin.sin_port = htons((uint16_t)port);
        address.addr.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (!context || !coap_new_endpoint(context, &address, COAP_PROTO_UDP))
                return 1;
        coap_context_set_max_idle_sessions(context, 256);
        make_room();
        any = coap_resource_unknown_init(NULL);
        coap_register_handler(any, COAP_REQUEST_POST, on_post);
        coap_add_resource(context, any);
        (void)puts("ready");
        (void)fflush(stdout);
        while (!ended) {
                struct epoll_event events[EVENTS_MAX];
                int n = epoll_wait(coap_context_get_coap_fd(context), events, EVENTS_MAX, 1000);

                if (n > 0)
                        coap_io_do_epoll(context, events, (size_t)n);
        }
        coap_free_context(context);
        return 0;
}
