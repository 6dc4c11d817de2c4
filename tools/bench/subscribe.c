/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ceiling: what a subscriber with libmosquitto can take at best.
 *
 *   bench-subscribe PORT SITE            takes readings with QoS 1 and does nothing
 *   bench-subscribe PORT SITE DATABASE   … with one insert each, one commit for what came together (FULL), and
 *                                        acknowledgements after the commit: the least that a recorder can do
 *
 * The reading that ends a burst, of a heart rate of 190, is answered like huyingd does: with an alert to w01.
 */
#include <errno.h>
#include <mosquitto.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

#define DRAIN_MAX 1000

static volatile sig_atomic_t ended;
static unsigned long long taken;
static bool marked, pending;
static sqlite3 *db;
static sqlite3_stmt *insert;
static char prefix[64], marker[32];

static void on_signal(int signo)
{
        ended = 1;
}

static void check(bool ok, const char *what)
{
        if (ok)
                return;
        (void)fprintf(stderr, "bench-subscribe: %s: %s\n", what, db ? sqlite3_errmsg(db) : "failed");
        _exit(1);
}

static void on_message(struct mosquitto *m, void *userdata, const struct mosquitto_message *message)
{
        taken++;
        if (message->payloadlen == 10 && memcmp(message->payload, "{\"hr\":190}", 10) == 0) {
                const char *device = message->topic + strlen(prefix) + strlen("up/");

                (void)snprintf(marker, sizeof(marker), "%.*s", (int)strcspn(device, "/"), device);
                marked = true;
        }
        if (db) {
                if (!pending)
                        check(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK, "begin");
                pending = true;
                (void)sqlite3_bind_text(insert, 1, message->topic, -1, SQLITE_STATIC);
                (void)sqlite3_bind_blob(insert, 2, message->payload, message->payloadlen, SQLITE_STATIC);
                check(sqlite3_step(insert) == SQLITE_DONE, "insert");
                (void)sqlite3_reset(insert);
        }
        errno = 0; /* the loop below tells "drained" by it */
}

static void on_connect(struct mosquitto *m, void *userdata, int rc)
{
        char filter[96];

        (void)snprintf(filter, sizeof(filter), "%sup/+/vitals", prefix);
        check(rc == 0 && mosquitto_subscribe(m, NULL, filter, 1) == MOSQ_ERR_SUCCESS, "subscribe");
        errno = 0;
}

static void on_subscribe(struct mosquitto *m, void *userdata, int mid, int n, const int *granted)
{
        (void)puts("ready");
        (void)fflush(stdout);
        errno = 0;
}

static void database_open(const char *path)
{
        check(sqlite3_open(path, &db) == SQLITE_OK, "open");
        check(sqlite3_exec(db,
                      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE message(n INTEGER "
                      "PRIMARY KEY,"
                      " topic TEXT NOT NULL, payload BLOB NOT NULL) STRICT",
                      NULL, NULL, NULL) == SQLITE_OK,
                "schema");
        check(sqlite3_prepare_v2(db, "INSERT INTO message(topic, payload) VALUES(?1, ?2)", -1, &insert,
                      NULL) == SQLITE_OK,
                "prepare");
}

static void visit(struct mosquitto *m, bool readable)
{
        for (unsigned i = 0; readable && i < DRAIN_MAX; i++) {
                errno = 0;
                check(mosquitto_loop_read(m, 1) == MOSQ_ERR_SUCCESS, "the connection");
                if (errno == EAGAIN)
                        break;
        }
        if (pending)
                check(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK, "commit");
        pending = false;
        if (marked) {
                char topic[96], alert[96];
                int n = snprintf(
                        alert, sizeof(alert), "{\"incident\":1,\"device\":\"%s\",\"tier\":0}", marker);

                (void)snprintf(topic, sizeof(topic), "%sworker/w01/alert/1", prefix);
                (void)mosquitto_publish(m, NULL, topic, n, alert, 1, false);
        }
        marked = false;
        if (mosquitto_want_write(m))
                (void)mosquitto_loop_write(m, 1); /* a loss shows at the next read */
}

int main(int argc, char **argv)
{
        const struct sigaction action = {.sa_handler = on_signal};
        struct mosquitto *m;
        uint32_t port;

        if (argc < 3 || argc > 4 || !parse_u32(argv[1], 65535, &port))
                return 2;
        (void)sigaction(SIGTERM, &action, NULL);
        (void)snprintf(prefix, sizeof(prefix), "huying/%s/", argv[2]);
        if (argc == 4)
                database_open(argv[3]);
        (void)mosquitto_lib_init();
        m = mosquitto_new("bench-subscribe", false, NULL);
        check(m != NULL, "memory");
        if (db)
                (void)mosquitto_threaded_set(m, true); /* acknowledgements only with loop_write() */
        (void)mosquitto_int_option(m, MOSQ_OPT_TCP_NODELAY, 1);
        mosquitto_connect_callback_set(m, on_connect);
        mosquitto_subscribe_callback_set(m, on_subscribe);
        mosquitto_message_callback_set(m, on_message);
        check(mosquitto_connect(m, "127.0.0.1", (int)port, 15) == MOSQ_ERR_SUCCESS, "connect");
        while (!ended) {
                struct pollfd p = {.fd = mosquitto_socket(m), .events = POLLIN};

                if (mosquitto_want_write(m))
                        p.events |= POLLOUT;
                if (poll(&p, 1, 1000) < 0 && errno != EINTR)
                        break;
                visit(m, p.revents & POLLIN);
                (void)mosquitto_loop_misc(m);
        }
        (void)printf("%llu\n", taken);
        mosquitto_destroy(m);
        (void)sqlite3_finalize(insert);
        (void)sqlite3_close(db);
        return 0;
}
