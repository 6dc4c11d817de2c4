/* SPDX-License-Identifier: Apache-2.0 */
/* One MQTT connection on libmosquitto, driven by the poll loop; dials again by itself, half a second after it broke. */
#include "tools/huying-sim/sim.h"

#include "base/assert.h"
#include "base/error.h"

#include <errno.h>
#include <mosquitto.h>
#include <string.h>

#define KEEPALIVE_S 15
#define REDIAL_US   (500 * USEC_PER_MSEC)
#define MISC_US     USEC_PER_SEC
#define READ_DRAIN  200 /* packets in one wake-up: mosquitto_loop_read() takes one at a time */

struct Link {
        Sim *sim;
        LinkConfig config;
        struct mosquitto *mosq;
        SimSource source;
        bool dialled, up;
};

static void link_arm(Link *l)
{
        l->source.fd = mosquitto_socket(l->mosq);
        l->source.events = (short)(POLLIN | (mosquitto_want_write(l->mosq) ? POLLOUT : 0));
}

static void link_down(Link *l)
{
        bool was_up = l->up;

        l->up = false;
        l->source.fd = -1;
        l->source.due_us = sim_now_us() + REDIAL_US;
        if (was_up && l->config.connected)
                l->config.connected(l->config.userdata, false);
}

static void on_connect(struct mosquitto *mosq, void *userdata, int code)
{
        Link *l = userdata;

        if (code != 0)
                return;
        for (unsigned i = 0; i < 4 && l->config.filters[i]; i++)
                (void)mosquitto_subscribe(
                        mosq, NULL, l->config.filters[i], 1); /* fails: the link is down again */
        l->up = true;
        if (l->config.connected)
                l->config.connected(l->config.userdata, true);
}

static void on_message(struct mosquitto *mosq, void *userdata, const struct mosquitto_message *m)
{
        Link *l = userdata;

        if (l->config.message)
                l->config.message(l->config.userdata, m->topic, m->payload ? m->payload : "",
                        (size_t)m->payloadlen, m->retain);
        errno = 0; /* the loop below tells "drained" by it */
}

static void on_publish(struct mosquitto *mosq, void *userdata, int mid)
{
        Link *l = userdata;

        if (l->config.acked)
                l->config.acked(l->config.userdata);
        errno = 0;
}

static void link_dial(Link *l)
{
        int r;

        r = l->dialled ? mosquitto_reconnect_async(l->mosq)
                       : mosquitto_connect_async(l->mosq, l->config.host, (int)l->config.port, KEEPALIVE_S);
        l->dialled = true;
        l->source.due_us = sim_now_us() + (r == MOSQ_ERR_SUCCESS ? MISC_US : REDIAL_US);
}

static void link_on_io(void *userdata, short revents)
{
        Link *l = userdata;
        int r = MOSQ_ERR_SUCCESS;

        if (mosquitto_socket(l->mosq) < 0) {
                link_dial(l);
                link_arm(l);
                return;
        }
        if (revents & POLLOUT)
                r = mosquitto_loop_write(l->mosq, 1);
        if (r == MOSQ_ERR_SUCCESS && (revents & ~POLLOUT)) {
                for (unsigned i = 0; i < READ_DRAIN && r == MOSQ_ERR_SUCCESS; i++) {
                        errno = 0;
                        r = mosquitto_loop_read(l->mosq, 1);
                        if (errno == EAGAIN || errno == EWOULDBLOCK)
                                break;
                }
        }
        if (r == MOSQ_ERR_SUCCESS && sim_now_us() >= l->source.due_us) {
                r = mosquitto_loop_misc(l->mosq);
                l->source.due_us = sim_now_us() + MISC_US;
        }
        if (r != MOSQ_ERR_SUCCESS || mosquitto_socket(l->mosq) < 0)
                link_down(l);
        else
                link_arm(l);
}

int link_new(Link **ret, Sim *sim, const LinkConfig *config)
{
        _cleanup_(link_freep) Link *l = calloc(1, sizeof(Link));
        static bool ready;

        if (!l)
                return error_origin(-ENOMEM);
        if (!ready)
                (void)mosquitto_lib_init(); /* always succeeds in 2.x */
        ready = true;
        l->sim = sim;
        l->config = *config;
        l->source = (SimSource){.fd = -1, .due_us = sim_now_us(), .fn = link_on_io, .userdata = l};
        l->mosq = mosquitto_new(config->client_id, true, l);
        if (!l->mosq)
                return error_origin(-ENOMEM);
        (void)mosquitto_int_option(l->mosq, MOSQ_OPT_TCP_NODELAY, 1);
        if (config->user &&
                mosquitto_username_pw_set(l->mosq, config->user, config->password) != MOSQ_ERR_SUCCESS)
                return error_origin(-ENOMEM);
        if (config->will_topic && mosquitto_will_set(l->mosq, config->will_topic, (int)strlen(config->will),
                                          config->will, 1, true) != MOSQ_ERR_SUCCESS)
                return error_origin(-EINVAL);
        mosquitto_connect_callback_set(l->mosq, on_connect);
        mosquitto_message_callback_set(l->mosq, on_message);
        mosquitto_publish_callback_set(l->mosq, on_publish);
        /* How much is under way is for the caller to bound. */
        (void)mosquitto_int_option(l->mosq, MOSQ_OPT_SEND_MAXIMUM, UINT16_MAX);
        sim_add(sim, &l->source);
        *ret = TAKE_PTR(l);
        return 0;
}

Link *link_free(Link *l)
{
        if (!l)
                return NULL;
        sim_remove(l->sim, &l->source);
        if (l->mosq) {
                (void)mosquitto_disconnect(l->mosq); /* says goodbye where it can */
                mosquitto_destroy(l->mosq);
        }
        free(l);
        return NULL;
}

bool link_up(const Link *l)
{
        return l->up;
}

bool link_publish(Link *l, const char *topic, const char *payload, size_t size, bool retain)
{
        int r;

        if (!l->up)
                return false;
        r = mosquitto_publish(l->mosq, NULL, topic, (int)size, payload, 1, retain);
        if (mosquitto_socket(l->mosq) < 0)
                link_down(l);
        else
                link_arm(l);
        return r == MOSQ_ERR_SUCCESS;
}
