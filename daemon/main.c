/* SPDX-License-Identifier: Apache-2.0 */
/*
 * huyingd --config FILE [--check]: reads the configuration, runs the gateway in the foreground until
 * SIGTERM.
 */
#include "base/assert.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "config/config.h"
#include "gateway.h"
#include "journald.h"
#include "log-ids.h"
#include "loop.h"
#include "notify.h"
#include "protocols/coap/psk.h"
#include "protocols/mqtt/secrets.h"
#include "store/aside.h"

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#ifndef HUYING_VERSION
#define HUYING_VERSION "unknown"
#endif

/* One reading of the configuration and of what it names, on a thread of its own: the disk may hang. */
typedef struct Reading {
        const char *path; /* of the command line */
        Config config;
        ConfigError error;
        Secrets *secrets; /* NULL: no MQTT, or they could not be read */
        Psk keys;
        int result;
} Reading;

typedef struct Daemon {
        const char *config_path;
        Config config;
        Loop *loop;
        Gateway *gateway;
        Aside *reading; /* NULL: none is under way */
        PortWatch *reading_watch;
        bool again; /* asked once more meanwhile */
} Daemon;

/* Standard error goes to the journal: speak to it directly, with fields. */
static void log_open(void)
{
        static char journal[] = JOURNALD_SOCKET;
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long long device, inode;
        struct stat st;

        if (stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
                st.st_dev == device && st.st_ino == inode)
                log_sink_set(journald_sink, journal);
}

static void config_complain(const char *path, int r, const ConfigError *error)
{
        if (r == CONFIG_E_INVALID) {
                if (error->line)
                        log_err("%s:%u: %s", error->file, error->line, error->text);
                else
                        log_err("%s: %s", error->file, error->text);
        } else if (r < 0)
                log_err("%s: %s", path, strerror(-r));
}

static void on_end(void *userdata, int signo)
{
        Daemon *d = userdata;

        notify_manager("STOPPING=1\nSTATUS=stopping");
        gateway_stop(d->gateway);
        loop_exit(d->loop, 0);
}

static void reading_free(void *data)
{
        Reading *r = data;

        secrets_free(r->secrets);
        psk_deinit(&r->keys);
        free(r);
}

static void reading_refuse(Reading *r, const char *file, unsigned line, const char *why)
{
        r->result = CONFIG_E_INVALID;
        r->error.line = line;
        (void)str_copy(r->error.file, sizeof(r->error.file), file); /* cut is fine, here and below */
        (void)str_copy(r->error.text, sizeof(r->error.text), why);
}

static void reading_run(void *data)
{
        Reading *r = data;
        const Config *c = &r->config;
        const char *reason;
        char why[256];
        unsigned line;
        int k;

        r->result = config_read(&r->config, r->path, &r->error);
        if (r->result != 0)
                return;
        k = c->mqtt_host[0] ? secrets_read(&r->secrets, c, why) : 0;
        if (k != 0) {
                reading_refuse(r, r->path, 0, k < 0 ? strerror(-k) : why);
                return;
        }
        k = c->coap_psk_file[0] ? psk_read(&r->keys, c->coap_psk_file, &line, &reason) : 0;
        if (k != 0)
                reading_refuse(r, c->coap_psk_file, k < 0 ? 0 : line, k < 0 ? strerror(-k) : reason);
}

static void on_reload(void *userdata, int signo);

static void on_read(void *userdata, uint32_t revents)
{
        Daemon *d = userdata;
        Reading *r = aside_take(TAKE_PTR(d->reading));

        d->reading_watch = loop_watch_free(d->reading_watch);
        config_complain(d->config_path, r->result, &r->error);
        if (r->result == 0) {
                d->config = r->config;
                gateway_reload(d->gateway, &d->config, TAKE_PTR(r->secrets), &r->keys);
        } else if (r->result == CONFIG_E_INVALID)
                gateway_reload_failed(d->gateway, &r->error);
        log_fields(LOG_LEVEL_INFO, LOG_ID_CONFIG, NULL,
                r->result == 0 ? "configuration reloaded" : "the old configuration stays");
        reading_free(r);
        notify_manager("READY=1");
        if (d->again) {
                d->again = false;
                on_reload(d, SIGHUP);
        }
}

static void on_reload(void *userdata, int signo)
{
        Daemon *d = userdata;
        Reading *reading;
        int r;

        if (d->reading) {
                d->again = true;
                return;
        }
        reading = calloc(1, sizeof(Reading));
        NEED_MEMORY(reading);
        reading->path = d->config_path;
        notify_manager("RELOADING=1\nMONOTONIC_USEC=%llu",
                (unsigned long long)
                        clock_monotonic_us()); /* Type=notify-reload of later systemd wants both */
        r = aside_new(&d->reading, reading_run, reading_free, reading);
        if (r == 0)
                r = loop_watch(d->loop, &d->reading_watch, aside_fd(d->reading), EPOLLIN, PORT_PRIORITY_OUT,
                        on_read, d);
        if (r < 0) {
                log_err("cannot reload: %s", strerror(-r));
                d->reading = aside_drop(d->reading);
                notify_manager("READY=1");
        }
}

static int run(Daemon *d)
{
        uint64_t watchdog_us = 0;
        int r = loop_new(&d->loop);

        if (r == 0)
                r = loop_signal(d->loop, SIGTERM, on_end, d);
        if (r == 0)
                r = loop_signal(d->loop, SIGINT, on_end, d);
        if (r == 0)
                r = loop_signal(d->loop, SIGHUP, on_reload, d);
        if (r == 0)
                r = gateway_new(&d->gateway, &d->config, d->loop);
        if (r == 0 && sd_watchdog_enabled(false, &watchdog_us) > 0)
                r = gateway_watchdog(d->gateway, watchdog_us);
        if (r == 0) {
                log_fields(LOG_LEVEL_INFO, LOG_ID_STARTED, NULL, "huyingd %s: ready for site %s",
                        HUYING_VERSION, d->config.site);
                notify_manager("READY=1");
                r = loop_run(d->loop);
                log_fields(LOG_LEVEL_INFO, LOG_ID_STOPPED, NULL, "huyingd: stopped");
        } else if (r < 0)
                log_err("cannot start: %s", strerror(-r));
        d->reading_watch = loop_watch_free(d->reading_watch);
        d->reading = aside_drop(d->reading);
        gateway_free(d->gateway);
        loop_free(d->loop);
        return r;
}

static int usage(FILE *f, int code)
{
        fputs("用法 Usage: huyingd --config FILE [--check]\n"
              "  --config FILE  configuration (default /etc/huyingd/huyingd.conf) and its drop-ins "
              "FILE.d/*.conf\n"
              "  --check        read and check the configuration, then end\n"
              "  --settings     print every setting with its default\n"
              "  --version      print the version\n",
                f);
        return code;
}

int main(int argc, char **argv)
{
        static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                {"check", no_argument, NULL, 'n'}, {"settings", no_argument, NULL, 's'},
                {"version", no_argument, NULL, 'v'}, {"help", no_argument, NULL, 'h'}, {0}};
        static Daemon d = {.config_path = "/etc/huyingd/huyingd.conf"};
        ConfigError error = {0};
        bool check = false;
        int c, r;

        while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1)
                switch (c) {
                case 'c': d.config_path = optarg; break;
                case 'n': check = true; break;
                case 's': config_print_table(stdout); return 0;
                case 'v': printf("huyingd %s\n", HUYING_VERSION); return 0;
                case 'h': return usage(stdout, 0);
                default: return usage(stderr, 2);
                }
        if (optind < argc)
                return usage(stderr, 2);
        /*
         * Set once, these no longer move: else what is large and short-lived (the registry as it is read and written)
         * would be taken from the heap after the first time, and stay a hole in it. Large tables come as pages that
         * cost nothing until they are used.
         */
        (void)mallopt(M_MMAP_THRESHOLD, 64 * 1024); /* what it refuses, it only does less well */
        (void)mallopt(M_TRIM_THRESHOLD, 128 * 1024);
        umask(0077);
        (void)signal(
                SIGPIPE, SIG_IGN); /* a broker or a program that goes away is an error code, not our end */
        log_open();
        r = config_read(&d.config, d.config_path, &error);
        config_complain(d.config_path, r, &error);
        if (r != 0 || check)
                return r != 0;
        return run(&d) != 0;
}
