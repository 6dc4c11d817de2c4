/* SPDX-License-Identifier: Apache-2.0 */
/* Programs as channels: well, badly, for too long, too often. */
#include "protocols/exec/exec.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "tests/lib/port-host.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct World {
        TestHost *h;
        Exec *exec;
        Config config;
        char folder[64];
        uint32_t number;
        char path[128];
} World;

static int set_up(void **state)
{
        World *w = calloc(1, sizeof(World));

        ASSERT(w);
        w->h = test_host_new();
        (void)str_copy(w->folder, sizeof(w->folder), "/tmp/huying-exec-XXXXXX");
        ASSERT(mkdtemp(w->folder));
        *state = w;
        return 0;
}

static int tear_down(void **state)
{
        World *w = *state;
        static const char *const files[] = {"program", "out", "gate", "pid"};

        exec_free(w->exec);
        test_host_free(w->h);
        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                (void)snprintf(w->path, sizeof(w->path), "%s/%s", w->folder, files[i]);
                (void)unlink(w->path);
        }
        (void)rmdir(w->folder);
        free(w);
        return 0;
}

static const char *in_folder(World *w, const char *name)
{
        (void)snprintf(w->path, sizeof(w->path), "%s/%s", w->folder, name);
        return w->path;
}

/* A channel that runs this shell text with the folder as its only argument. */
static void channel(World *w, const char *text, uint32_t priority, uint64_t timeout_us)
{
        ConfigChannel *c = &w->config.channels[w->config.n_channels++];
        FILE *f = fopen(in_folder(w, "program"), "we");

        ASSERT(f);
        fprintf(f, "#!/bin/sh\n%s\n", text);
        ASSERT(fchmod(fileno(f), 0700) == 0 && fclose(f) == 0);
        *c = (ConfigChannel){.name = "siren", .priority = priority, .timeout_us = timeout_us};
        (void)snprintf(c->exec, sizeof(c->exec), "  %s/program   %s two", w->folder, w->folder);
}

static void start(World *w)
{
        ASSERT(exec_new(&w->exec, &w->h->host, &w->config, &w->h->port) == 0);
}

static int call(World *w, uint64_t incident, uint64_t seq, uint8_t priority, const char *json)
{
        return w->h->port.ops->alert(w->exec, &(PortAlert){.incident = incident,
                                                      .seq = seq,
                                                      .channel = CHANNEL_EXEC,
                                                      .json = json,
                                                      .json_size = json ? strlen(json) : 0,
                                                      .priority = priority,
                                                      .raise = true});
}

static bool until_sent(void *userdata)
{
        World *w = userdata;

        return w->h->n_sent >= w->number;
}

static bool until_file(void *userdata)
{
        World *w = userdata;

        return access(w->path, F_OK) == 0;
}

static void await_sent(World *w, uint32_t n)
{
        w->number = n;
        assert_true(test_until(w->h, until_sent, w));
}

static void read_all(World *w, const char *name, char *ret, size_t cap)
{
        _cleanup_(closep) int fd = open(in_folder(w, name), O_RDONLY | O_CLOEXEC);
        ssize_t n;

        assert_true(fd >= 0);
        n = read(fd, ret, cap - 1);
        assert_true(n >= 0);
        ret[n] = 0;
}

static void test_ok(void **state)
{
        World *w = *state;
        char out[65536], big[40000], expected[40100], script[256];
        int leak = open("/dev/null", O_RDONLY); /* NOLINT: without close-on-exec, on purpose */

        assert_true(leak >= 0);
        (void)snprintf(script, sizeof(script),
                "cat > $1/out; echo $2 >> $1/out; [ -e /proc/$$/fd/%d ] && echo leaked >> $1/out; echo "
                "noise; "
                "echo noise >&2",
                leak);
        channel(w, script, 2, 20 * USEC_PER_SEC);
        start(w);
        assert_int_equal(w->h->port.channels, 0x1ffu << CHANNEL_EXEC);
        memset(big, 'x', sizeof(big) - 1);
        big[0] = '"';
        big[sizeof(big) - 2] = '"';
        big[sizeof(big) - 1] = 0;
        assert_int_equal(call(w, 1042, 7, 1, big), 0);
        assert_int_equal(w->h->n_sent, 0); /* never from within the call */
        await_sent(w, 1);
        assert_true(w->h->sent[0].ok);
        assert_int_equal(w->h->sent[0].incident, 1042);
        assert_int_equal(w->h->sent[0].seq, 7);
        assert_int_equal(w->h->sent[0].channel, CHANNEL_EXEC);
        assert_int_equal(w->h->n_system, 0);
        read_all(w, "out", out, sizeof(out));
        /* The notice, the argument, and none of our descriptors. */
        (void)snprintf(expected, sizeof(expected), "%s\ntwo\n", big);
        if (!str_equal(out, expected))
                assert_string_equal(out + sizeof(big) - 1, expected + sizeof(big) - 1);
        assert_string_equal(out, expected);
        close(leak);
}

static void test_priority(void **state)
{
        World *w = *state;

        channel(w, "true", 2, 20 * USEC_PER_SEC);
        start(w);
        assert_int_equal(call(w, 1, 1, 3, "{}"), PORT_E_ADDRESS); /* not urgent enough */
        assert_int_equal(call(w, 1, 1, 1, NULL), PORT_E_ADDRESS); /* gone: nothing to say */
        test_steps(w->h, 10);
        assert_int_equal(w->h->n_sent, 0);
        assert_int_equal(call(w, 1, 1, 2, "{}"), 0);
        await_sent(w, 1);
        assert_true(w->h->sent[0].ok);
}

static void test_no_channels(void **state)
{
        World *w = *state;

        start(w);
        assert_int_equal(call(w, 1, 1, 1, "{}"), PORT_E_ADDRESS);
}

/* It fails: told so, SYSTEM raised; it works again: SYSTEM ended. */
static void test_fail(void **state)
{
        World *w = *state;

        channel(w, "test -e $1/gate", 2, 20 * USEC_PER_SEC);
        start(w);
        assert_int_equal(call(w, 1, 1, 1, "{}"), 0);
        await_sent(w, 1);
        assert_false(w->h->sent[0].ok);
        assert_true(test_system_is(w->h, SYSTEM_CHANNEL, true));
        assert_int_equal(call(w, 1, 2, 1, "{}"), 0);
        await_sent(w, 2);
        assert_int_equal(w->h->n_system, 1); /* once */
        close(open(in_folder(w, "gate"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        assert_int_equal(call(w, 1, 3, 1, "{}"), 0);
        await_sent(w, 3);
        assert_true(w->h->sent[2].ok);
        assert_true(test_system_is(w->h, SYSTEM_CHANNEL, false));
}

static void test_missing(void **state)
{
        World *w = *state;

        channel(w, "true", 2, 20 * USEC_PER_SEC);
        (void)unlink(in_folder(w, "program"));
        start(w);
        assert_int_equal(call(w, 1, 1, 1, "{}"), 0);
        await_sent(w, 1);
        assert_false(w->h->sent[0].ok);
}

static void test_signal(void **state)
{
        World *w = *state;

        channel(w, "kill -9 $$", 2, 20 * USEC_PER_SEC);
        start(w);
        assert_int_equal(call(w, 1, 1, 1, "{}"), 0);
        await_sent(w, 1);
        assert_false(w->h->sent[0].ok);
}

/* It hangs and does not hear SIGTERM: killed, told so, and the next one gets its turn. */
static void test_hang(void **state)
{
        World *w = *state;
        char pid[32];

        channel(w,
                "test -e $1/gate && exit 0; trap '' TERM; touch $1/gate; echo $$ > $1/pid; while :; do "
                "sleep 1; done",
                2, USEC_PER_SEC / 2);
        start(w);
        assert_int_equal(call(w, 1, 1, 1, "{}"), 0);
        assert_int_equal(call(w, 2, 2, 1, "{}"), 0);
        await_sent(w, 2);
        assert_false(w->h->sent[0].ok);
        assert_int_equal(w->h->sent[0].incident, 1);
        assert_true(w->h->sent[1].ok);
        read_all(w, "pid", pid, sizeof(pid));
        (void)snprintf(w->path, sizeof(w->path), "/proc/%.*s", (int)strcspn(pid, "\n"), pid);
        assert_int_not_equal(access(w->path, F_OK), 0);
}

/* One at a time; the newest of each incident; the most urgent first. */
static void test_storm(void **state)
{
        World *w = *state;
        char out[16384];

        channel(w, "read line; echo \"$line\" >> $1/out; while ! test -e $1/gate; do sleep 0.05; done", 5,
                20 * USEC_PER_SEC);
        start(w);
        assert_int_equal(call(w, 1, 1, 2, "first"), 0); /* runs, and waits at the gate */
        for (uint64_t i = 0; i < 10; i++)
                assert_int_equal(call(w, 2, 10 + i, 2, i == 9 ? "newest" : "old"), 0);
        assert_int_equal(call(w, 3, 30, 1, "urgent"), 0);
        assert_int_equal(call(w, 4, 40, 2, "gone"), 0);
        assert_int_equal(call(w, 4, 41, 2, NULL), 0);
        (void)in_folder(w, "out");
        assert_true(test_until(w->h, until_file, w));
        test_steps(w->h, 20);
        assert_int_equal(w->h->n_sent, 0);
        close(open(in_folder(w, "gate"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        await_sent(w, 3);
        read_all(w, "out", out, sizeof(out));
        assert_string_equal(out, "first\nurgent\nnewest\n");
        assert_int_equal(w->h->sent[1].seq, 30);
        assert_int_equal(w->h->sent[2].seq, 19);
        test_steps(w->h, 5);
        assert_int_equal(w->h->n_sent, 3);
}

/* Full: the least urgent gives way, and the call says when nothing was taken. */
/* What gives way, and what finds no place, has failed, and is said so: whoever waits for it is called in another way. */
static void test_full(void **state)
{
        World *w = *state;
        unsigned failed = 0;

        channel(w, "while ! test -e $1/gate; do sleep 0.05; done", 5, 20 * USEC_PER_SEC);
        start(w);
        for (uint64_t i = 1; i <= 65; i++)
                assert_int_equal(call(w, i, i, 3, "{}"), 0);
        assert_int_equal(w->h->n_sent, 0);
        assert_int_equal(call(w, 81, 81, 4, "{}"), 0); /* less urgent than all that wait */
        assert_int_equal(call(w, 82, 82, 1, "{}"), 0); /* takes the place of one of them */
        assert_true(test_counted(w->h, "exec.dropped"));
        assert_int_equal(w->h->n_sent, 0); /* not from within a turn */
        await_sent(w, 2);
        assert_int_equal(w->h->sent[0].incident, 81);
        assert_int_equal(w->h->sent[1].incident, 2);
        assert_false(w->h->sent[0].ok || w->h->sent[1].ok);
        close(open(in_folder(w, "gate"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        await_sent(w, 67);
        assert_int_equal(w->h->sent[3].incident, 82);
        for (uint32_t i = 0; i < w->h->n_sent; i++)
                failed += !w->h->sent[i].ok;
        assert_int_equal(failed, 2);
}

/* A chat gets all that waits in one run. */
static void test_batch(void **state)
{
        World *w = *state;
        char out[256];

        channel(w, "while ! test -e $1/gate; do sleep 0.05; done; cat >> \"$1/out\"; echo . >> \"$1/out\"",
                5, 20 * USEC_PER_SEC);
        w->config.channels[0].batch = 3;
        start(w);
        for (uint64_t i = 1; i <= 6; i++) {
                char json[16];

                (void)snprintf(json, sizeof(json), "{%u}", (unsigned)i); /* fits */
                assert_int_equal(call(w, i, i, 3, json), 0);
        }
        close(open(in_folder(w, "gate"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        await_sent(w, 6);
        for (uint32_t i = 0; i < 6; i++)
                assert_true(w->h->sent[i].ok && w->h->sent[i].incident == i + 1);
        read_all(w, "out", out, sizeof(out));
        assert_string_equal(out, "{1}\n.\n{2}\n{3}\n{4}\n.\n{5}\n{6}\n.\n");
}

static int alert(World *w, uint64_t incident, uint64_t seq, const char *json, bool refresh)
{
        return w->h->port.ops->alert(w->exec, &(PortAlert){.incident = incident,
                                                      .seq = seq,
                                                      .channel = CHANNEL_EXEC,
                                                      .json = json,
                                                      .json_size = json ? strlen(json) : 0,
                                                      .priority = 1,
                                                      .refresh = refresh});
}

/* What is true now takes the place of what waits, and calls nobody by itself. */
static void test_refresh(void **state)
{
        World *w = *state;
        char out[256];

        channel(w, "while ! test -e $1/gate; do sleep 0.05; done; cat >> \"$1/out\"", 5, 20 * USEC_PER_SEC);
        start(w);
        assert_int_equal(alert(w, 1, 1, "{runs}", false), 0);
        assert_int_equal(alert(w, 2, 2, "{old}", false), 0);
        assert_int_equal(alert(w, 3, 3, "{withdrawn}", false), 0);
        assert_int_equal(alert(w, 1, 1, "{new}", true), PORT_E_ADDRESS); /* runs already */
        assert_int_equal(alert(w, 2, 2, "{new}", true), 0);
        assert_int_equal(alert(w, 4, 4, "{new}", true), PORT_E_ADDRESS); /* nobody has called */
        assert_int_equal(alert(w, 3, 3, NULL, false), 0);
        assert_int_equal(alert(w, 3, 3, NULL, false), PORT_E_ADDRESS);
        assert_int_equal(alert(w, 1, 1, NULL, false), PORT_E_ADDRESS);
        close(open(in_folder(w, "gate"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        await_sent(w, 2);
        read_all(w, "out", out, sizeof(out));
        assert_string_equal(out, "{runs}\n{new}\n");
}

/* No descriptor to watch it by: it is ended, has failed, and leaves no zombie. */
static void test_unseen(void **state)
{
        World *w = *state;
        struct rlimit before, now;
        int used;

        channel(w, "sleep 20", 5, 20 * USEC_PER_SEC);
        start(w);
        used = dup(STDERR_FILENO);
        close(used);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        now = before;
        now.rlim_cur = (rlim_t)used + 1; /* the notice has room, its program's descriptor has not */
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
        assert_int_equal(call(w, 1, 1, 1, "{}"), 0);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        await_sent(w, 1);
        assert_false(w->h->sent[0].ok);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
        assert_int_equal(call(w, 2, 2, 1, "{}"), 0); /* and on */
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static int call_person(World *w, uint64_t incident, uint32_t worker, Channel channel, const char *json)
{
        return w->h->port.ops->alert(w->exec, &(PortAlert){.incident = incident,
                                                      .seq = worker,
                                                      .worker = worker,
                                                      .channel = channel,
                                                      .json = json,
                                                      .json_size = json ? strlen(json) : 0,
                                                      .priority = 1,
                                                      .raise = true});
}

/* A program for persons is not called with the tiers, and the other way round; each person has a slot. */
static void test_person(void **state)
{
        World *w = *state;
        char out[256];

        channel(w, "cat >> \"$1/out\"", 2, 20 * USEC_PER_SEC);
        w->config.channels[w->config.n_channels++] = w->config.channels[0];
        w->config.channels[1].to = CHANNEL_TO_NAMED;
        start(w);
        assert_int_equal(call_person(w, 1, 7, CHANNEL_PERSON, "{}"), PORT_E_ADDRESS);
        assert_int_equal(call_person(w, 1, 7, CHANNEL_PERSON + 2, "{}"), PORT_E_ADDRESS);
        assert_int_equal(call_person(w, 1, 7, CHANNEL_PERSON + 1, "{7}"), 0);
        assert_int_equal(call_person(w, 1, 8, CHANNEL_PERSON + 1, "{8}"), 0);
        assert_int_equal(call_person(w, 1, 9, CHANNEL_PERSON + 1, "{9}"), 0);
        assert_int_equal(call_person(w, 1, 9, CHANNEL_PERSON + 1, NULL), 0); /* gone before its turn */
        await_sent(w, 2);
        assert_true(w->h->sent[0].ok && w->h->sent[1].ok);
        assert_int_equal(w->h->sent[0].channel, CHANNEL_PERSON + 1);
        assert_int_equal(w->h->sent[1].seq, 8);
        assert_int_equal(call(w, 2, 20, 1, "{siren}"), 0);
        await_sent(w, 3);
        assert_int_equal(w->h->sent[2].channel, CHANNEL_EXEC);
        read_all(w, "out", out, sizeof(out));
        assert_string_equal(out, "{7}\n{8}\n{siren}\n");
}

int main(void)
{
        const struct CMUnitTest tests[] = {T(test_ok), T(test_priority), T(test_person), T(test_no_channels),
                T(test_fail), T(test_missing), T(test_signal), T(test_hang), T(test_storm), T(test_full),
                T(test_batch), T(test_refresh), T(test_unseen)};

        log_level_set(0);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
