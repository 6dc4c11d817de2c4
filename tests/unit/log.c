/* SPDX-License-Identifier: Apache-2.0 */
/* base/log.c, error.c and assert.c: what reaches the sink, what standard error shows, limits. */
#include "base/log.h"

#include "tests/lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/str.h"

typedef struct Seen {
        unsigned n;
        LogLevel level;
        char id[64], text[2048], field[64];
        size_t n_fields;
} Seen;

static void take(
        void *userdata, LogLevel level, const char *id, const char *text, const LogField *fields, size_t n)
{
        Seen *seen = userdata;

        seen->n++;
        seen->level = level;
        seen->n_fields = n;
        (void)str_copy(seen->id, sizeof seen->id, id ? id : "");
        (void)str_copy(seen->text, sizeof seen->text, text);
        (void)str_copy(seen->field, sizeof seen->field, n > 0 ? fields[0].value : "");
        errno = EBADF;
}

static int set_up(void **state)
{
        static Seen seen;

        seen = (Seen){0};
        *state = &seen;
        log_level_set(LOG_LEVEL_INFO);
        log_sink_set(take, &seen);
        return 0;
}

static int tear_down(void **state)
{
        log_sink_set(NULL, NULL);
        log_level_set(LOG_LEVEL_INFO);
        return 0;
}

static void test_levels(void **state)
{
        Seen *seen = *state;

        log_debug("not at the start");
        assert_int_equal(seen->n, 0);
        log_info("one");
        log_err("two");
        assert_int_equal(seen->n, 2);
        assert_int_equal(seen->level, LOG_LEVEL_ERR);
        log_level_set(LOG_LEVEL_ERR);
        log_warning("no");
        log_notice("no");
        assert_int_equal(seen->n, 2);
        log_level_set(LOG_LEVEL_DEBUG);
        log_debug("%d of %s", 3, "three");
        assert_int_equal(seen->n, 3);
        assert_string_equal(seen->text, "3 of three");
}

static void test_fields(void **state)
{
        Seen *seen = *state;

        log_fields(LOG_LEVEL_NOTICE, "0123456789abcdef0123456789abcdef",
                (LogField[]){{"HUYING_INCIDENT", "1042"}, {"HUYING_DEVICE", "sos-101"}, {0}}, "incident %d",
                1042);
        assert_string_equal(seen->id, "0123456789abcdef0123456789abcdef");
        assert_int_equal(seen->n_fields, 2);
        assert_string_equal(seen->field, "1042");
        assert_string_equal(seen->text, "incident 1042");
        log_fields(LOG_LEVEL_NOTICE, NULL, NULL, "bare");
        assert_int_equal(seen->n_fields, 0);
        assert_string_equal(seen->id, "");
}

static void test_one_line(void **state)
{
        Seen *seen = *state;
        char text[5000];

        log_info("device %s", "a\nb\r\x1b[31m\x7f");
        assert_string_equal(seen->text, "device a b  [31m ");
        log_info("%s", "呼应");
        assert_string_equal(seen->text, "呼应");
        for (size_t i = 0; i + 3 < sizeof text; i += 3)
                memcpy(text + i, "呼", 4);
        log_info("%s", text);
        assert_true(strlen(seen->text) > 900 && strlen(seen->text) % 3 == 0); /* cut, between characters */
        assert_true(str_utf8(seen->text, strlen(seen->text)));
}

static void test_errno_survives(void **state)
{
        errno = ENOSPC;
        log_info("the sink has touched errno");
        assert_int_equal(errno, ENOSPC);
        (void)error_trace(-EIO);
        assert_int_equal(errno, ENOSPC);
}

static void test_error_note(void **state)
{
        Seen *seen = *state;

        log_level_set(LOG_LEVEL_DEBUG);
        assert_int_equal(error_trace(0), 0);
        assert_int_equal(error_trace(3), 3);
        assert_int_equal(seen->n, 0);
        assert_int_equal(error_origin(-ENOMEM), -ENOMEM);
        assert_int_equal(seen->n, 1);
        assert_int_equal(seen->level, LOG_LEVEL_DEBUG);
        assert_non_null(strstr(seen->text, "ENOMEM"));
        assert_non_null(strstr(seen->text, "log.c"));
        assert_int_equal(error_origin(-100000), -100000);
        assert_int_equal(seen->n, 2);
}

static void test_limit(void **state)
{
        Seen *seen = *state;
        LogLimit limit = {.burst = 3, .interval_s = 3600};
        unsigned passed = 0;

        for (unsigned i = 0; i < 10; i++)
                passed += (unsigned)log_limit(&limit);
        assert_int_equal(passed, 3);
        assert_int_equal(limit.dropped, 7);
        assert_int_equal(seen->n, 0);
        /* as if the interval had begun long ago; it can only be so on a machine that runs longer */
        limit.interval_s = 0;
        assert_int_equal(log_limit(&limit), 1);
        assert_int_equal(seen->n, 1);
        assert_non_null(strstr(seen->text, "7"));
        assert_int_equal(limit.dropped, 0);
        assert_int_equal(log_limit(&limit), 1);
        assert_int_equal(seen->n, 1); /* nothing was left out: nothing to say */
}

/* What "sos" at level err leaves in a file that is standard error; journal: as under systemd. */
static void read_back(bool journal, char *ret, size_t cap)
{
        char path[] = "/tmp/huying-log-XXXXXX", stream[64];
        int fd = mkstemp(path), saved = dup(STDERR_FILENO);
        struct stat st;

        assert_true(fd >= 0 && saved >= 0);
        unlink(path);
        assert_int_equal(fstat(fd, &st), 0);
        snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino + !journal);
        setenv("JOURNAL_STREAM", stream, 1);
        log_sink_set(NULL, NULL);
        assert_true(dup2(fd, STDERR_FILENO) >= 0);
        log_err("sos");
        assert_true(dup2(saved, STDERR_FILENO) >= 0);
        close(saved);
        ssize_t n = pread(fd, ret, cap - 1, 0);
        assert_true(n >= 0);
        ret[n] = '\0';
        close(fd);
        unsetenv("JOURNAL_STREAM");
}

static void test_standard_error(void **state)
{
        char text[64];

        read_back(false, text, sizeof text);
        assert_string_equal(text, "sos\n");
        read_back(true, text, sizeof text);
        assert_string_equal(text, "<3>sos\n");
}

/* A reader of standard error that has stopped reading: the line is let go, the caller goes on. */
static void test_nobody_reads(void **state)
{
        int fds[2], saved = dup(STDERR_FILENO);
        char byte = 0;

        assert_true(saved >= 0);
        assert_int_equal(pipe(fds), 0);
        assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
        while (write(fds[1], &byte, 1) == 1)
                ;
        assert_int_equal(fcntl(fds[1], F_SETFL, 0), 0); /* blocking again, as a service manager's is */
        log_sink_set(NULL, NULL);
        assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
        log_err("sos");
        assert_true(dup2(saved, STDERR_FILENO) >= 0);
        close(saved);
        close(fds[0]);
        close(fds[1]);
}

static void fail_on_purpose(void *truth)
{
        ASSERT(*(bool *)truth);
}

static void test_assert(void **state)
{
        bool truth = true;

        assert_int_equal(signal_of(fail_on_purpose, &truth), 0);
        truth = false;
        assert_int_equal(signal_of(fail_on_purpose, &truth), SIGABRT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_levels, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_fields, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_one_line, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_errno_survives, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_error_note, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_limit, set_up, tear_down),
                cmocka_unit_test(test_standard_error),
                cmocka_unit_test(test_nobody_reads),
                cmocka_unit_test(test_assert),
        };

        return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
