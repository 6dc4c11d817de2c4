/* SPDX-License-Identifier: Apache-2.0 */
/*
 * huyingd --config FILE [--check]: reads the configuration, runs the gateway in the foreground until
 * SIGTERM.
 */
#include "base/cleanup.h"
#include "base/log.h"
#include "config/config.h"
#include "gateway.h"
#include "log-ids.h"
#include "loop.h"
#include "notify.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#ifndef HUYING_VERSION
#define HUYING_VERSION "unknown"
#endif

typedef struct Daemon {
        const char *config_path;
        Config config;
        Loop *loop;
        Gateway *gateway;
} Daemon;

/* With all fields; log_fields() passes only ids. */
static void journal_sink(void *userdata, LogLevel level, const char *id, const char *text,
        const LogField *fields, size_t n_fields)
{
        char lines[12][256];
        struct iovec iov[12];
        int n = 0;

        snprintf(lines[n++], sizeof(lines[0]), "PRIORITY=%d", (int)level);
        snprintf(lines[n++], sizeof(lines[0]), "MESSAGE=%s", text);
        if (id)
                snprintf(lines[n++], sizeof(lines[0]), "MESSAGE_ID=%s", id);
        for (size_t i = 0; i < n_fields && n < 12; i++)
                snprintf(lines[n++], sizeof(lines[0]), "%s=%s", fields[i].name, fields[i].value);
        for (int i = 0; i < n; i++)
                iov[i] = (struct iovec){.iov_base = lines[i], .iov_len = strlen(lines[i])};
        (void)sd_journal_sendv(iov, n); /* no journal: nobody to tell */
}

/* Standard error goes to the journal: speak to it directly, with fields. */
static void log_open(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long long device, inode;
        struct stat st;

        if (stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
                st.st_dev == device && st.st_ino == inode)
                log_sink_set(journal_sink, NULL);
}

static int config_load(Config *ret, const char *path, ConfigError *error)
{
        int r = config_read(ret, path, error);

        if (r == CONFIG_E_INVALID) {
                if (error->line)
                        log_err("%s:%u: %s", error->file, error->line, error->text);
                else
                        log_err("%s: %s", error->file, error->text);
        } else if (r < 0)
                log_err("%s: %s", path, strerror(-r));
        return r;
}

static void on_end(void *userdata, int signo)
{
        Daemon *d = userdata;

        notify_manager("STOPPING=1\nSTATUS=stopping");
        gateway_stop(d->gateway);
        loop_exit(d->loop, 0);
}

static void on_reload(void *userdata, int signo)
{
        Daemon *d = userdata;
        ConfigError error = {0};
        int r;

        notify_manager("RELOADING=1\nMONOTONIC_USEC=%llu",
                (unsigned long long)
                        clock_monotonic_us()); /* Type=notify-reload of later systemd wants both */
        r = config_load(&d->config, d->config_path, &error);
        if (r == 0)
                gateway_reload(d->gateway, &d->config);
        else if (r == CONFIG_E_INVALID)
                gateway_reload_failed(d->gateway, &error);
        log_fields(LOG_LEVEL_INFO, LOG_ID_CONFIG, NULL,
                r == 0 ? "configuration reloaded" : "the old configuration stays");
        notify_manager("READY=1");
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
        umask(0077);
        (void)signal(
                SIGPIPE, SIG_IGN); /* a broker or a program that goes away is an error code, not our end */
        log_open();
        r = config_load(&d.config, d.config_path, &error);
        if (r != 0 || check)
                return r != 0;
        return run(&d) != 0;
}
