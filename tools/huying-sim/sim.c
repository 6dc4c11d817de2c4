/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/huying-sim/sim.h"

#include "base/assert.h"
#include "base/parse.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

static volatile sig_atomic_t interrupted;

static void on_signal(int signo)
{
        interrupted = 1;
}

void sim_signals(void)
{
        const struct sigaction action = {.sa_handler = on_signal};

        (void)sigaction(SIGINT, &action, NULL);
        (void)sigaction(SIGTERM, &action, NULL);
        (void)signal(SIGPIPE, SIG_IGN);
}

bool sim_interrupted(void)
{
        return interrupted != 0;
}

uint64_t sim_now_us(void)
{
        return clock_now().boot_us;
}

void sim_add(Sim *sim, SimSource *source)
{
        ASSERT(sim->n_sources < SIM_SOURCES_MAX);
        ASSERT(source->fn);
        sim->sources[sim->n_sources++] = source;
}

void sim_remove(Sim *sim, SimSource *source)
{
        for (unsigned i = 0; i < sim->n_sources; i++)
                if (sim->sources[i] == source) {
                        sim->sources[i] = sim->sources[--sim->n_sources];
                        return;
                }
}

static bool sim_has(const Sim *sim, const SimSource *source)
{
        for (unsigned i = 0; i < sim->n_sources; i++)
                if (sim->sources[i] == source)
                        return true;
        return false;
}

int sim_step(Sim *sim, uint64_t until_us)
{
        struct pollfd fds[SIM_SOURCES_MAX];
        SimSource *polled[SIM_SOURCES_MAX];
        unsigned n = sim->n_sources;
        uint64_t now_us = sim_now_us(), due_us = until_us;
        struct timespec wait;

        for (unsigned i = 0; i < n; i++) {
                polled[i] = sim->sources[i];
                fds[i] = (struct pollfd){.fd = polled[i]->fd, .events = polled[i]->events};
                if (polled[i]->due_us < due_us)
                        due_us = polled[i]->due_us;
        }
        due_us = due_us > now_us ? due_us - now_us : 0;
        if (due_us > USEC_PER_HOUR)
                due_us = USEC_PER_HOUR;
        wait = (struct timespec){
                .tv_sec = (time_t)(due_us / USEC_PER_SEC), .tv_nsec = (long)(due_us % USEC_PER_SEC) * 1000};
        if (ppoll(fds, n, &wait, NULL) < 0)
                return errno == EINTR ? 0 : -errno;
        now_us = sim_now_us();
        for (unsigned i = 0; i < n; i++) {
                SimSource *s = polled[i];

                if (!sim_has(sim, s)) /* ended by one before it */
                        continue;
                if (fds[i].revents && s->fd == fds[i].fd)
                        s->fn(s->userdata, fds[i].revents);
                else if (s->due_us <= now_us)
                        s->fn(s->userdata, 0);
        }
        return 0;
}

void sim_time_text(char ret_text[13])
{
        int64_t wall_us = clock_now().wall_us;
        char local[20];
        Str s = {.p = ret_text, .cap = 13};

        clock_format_local(wall_us, local);
        str_addf(&s, "%s.%03u", local + 11, (unsigned)(wall_us / 1000 % 1000));
}

void sim_print(const char *fmt, ...)
{
        char line[SIM_TEXT_MAX];
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(line, sizeof(line), fmt, ap);
        va_end(ap);
        (void)puts(line);
        (void)fflush(stdout);
}

bool endpoint_parse(const char *text, uint32_t port_default, char *ret_host, size_t cap, uint32_t *ret_port)
{
        const char *host = text, *end, *port = NULL;

        if (text[0] == '[') {
                host = text + 1;
                end = strchr(host, ']');
                if (!end || (end[1] && end[1] != ':'))
                        return false;
                if (end[1])
                        port = end + 2;
        } else {
                end = strchr(text, ':');
                if (end)
                        port = end + 1;
                else
                        end = text + strlen(text);
        }
        if (end == host || !str_copyn(ret_host, cap, host, (size_t)(end - host)))
                return false;
        *ret_port = port_default;
        return !port || (parse_u32(port, 65535, ret_port) && *ret_port > 0);
}
