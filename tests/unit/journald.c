/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's datagrams, and a journal that takes none. */
#include "journald.h"

#include "base/str.h"
#include "tests/lib/unit.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

typedef struct World {
        char path[64];
        int fd;
} World;

static int set_up(void **state)
{
        static World w;
        struct sockaddr_un at = {.sun_family = AF_UNIX};

        (void)snprintf(w.path, sizeof(w.path), "/tmp/huying-journald-%d", (int)getpid()); /* fits */
        (void)str_copy(at.sun_path, sizeof(at.sun_path), w.path);
        w.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_true(w.fd >= 0);
        (void)unlink(w.path); /* of a run that was ended */
        assert_int_equal(bind(w.fd, (struct sockaddr *)&at, sizeof(at)), 0);
        *state = &w;
        return 0;
}

static int tear_down(void **state)
{
        World *w = *state;

        close(w->fd);
        return unlink(w->path);
}

/* The next datagram, or "". */
static const char *next(World *w)
{
        static char text[8192];
        ssize_t n = recv(w->fd, text, sizeof(text) - 1, 0);

        text[n > 0 ? n : 0] = 0;
        return text;
}

static void say(World *w, const char *text)
{
        journald_sink(w->path, LOG_LEVEL_NOTICE, "0123456789abcdef0123456789abcdef", text,
                (LogField[]){{"HUYING_DEVICE", "sos-101"}, {"HUYING_BAD", "a\nPRIORITY=0"}}, 2);
}

static void test_fields(void **state)
{
        say(*state, "incident 1 (sos): opened");
        assert_string_equal(next(*state),
                "PRIORITY=5\nSYSLOG_IDENTIFIER=huyingd\nMESSAGE=incident 1 (sos): opened\n"
                "MESSAGE_ID=0123456789abcdef0123456789abcdef\nHUYING_DEVICE=sos-101\n");
        assert_int_equal(journald_dropped(), 0);
}

/* Nobody reads: every line comes back at once, is counted, and the gap is told when there is room again. */
static void test_stalled(void **state)
{
        World *w = *state;
        unsigned taken = 0;
        char gap[128];
        const char *text;

        for (unsigned i = 0; i < 20000 && journald_dropped() < 100; i++)
                say(w, "a line");
        assert_int_equal(journald_dropped(), 100);
        while (*next(w))
                taken++;
        assert_true(taken > 0);
        say(w, "after");
        text = next(w);
        (void)snprintf(gap, sizeof(gap), "HUYING_COUNT=100\n"); /* fits */
        assert_non_null(strstr(text, gap));
        assert_non_null(strstr(text, "MESSAGE=100 lines are missing here"));
        assert_non_null(strstr(next(w), "MESSAGE=after\n"));
        say(w, "and on");
        assert_non_null(strstr(next(w), "MESSAGE=and on\n"));
        assert_int_equal(journald_dropped(), 100);
}

static void test_gone(void **state)
{
        World *w = *state;
        uint64_t before = journald_dropped();

        assert_int_equal(unlink(w->path), 0);
        say(w, "nobody is there");
        assert_int_equal(journald_dropped(), before + 1);
        close(w->fd);
        assert_int_equal(set_up(state), 0);
        say(w, "back");
        assert_non_null(strstr(next(w), "MESSAGE=1 lines are missing here"));
        assert_non_null(strstr(next(w), "MESSAGE=back\n"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {T(test_fields), T(test_stalled), T(test_gone)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
