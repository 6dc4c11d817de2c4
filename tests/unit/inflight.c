/* SPDX-License-Identifier: Apache-2.0 */
/* A message that ends two processes is known to the third; a kill that only happened then is forgiven. */
#include "inflight.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inbox.h"
#include "limits.h"
#include "tests/lib/unit.h"

static char folder[64];

static int setup(void **state)
{
        (void)snprintf(folder, sizeof(folder), "/tmp/huying-inflight-XXXXXX"); /* fits */
        return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
        char path[96];

        (void)snprintf(path, sizeof(path), "%s/inflight", folder); /* fits */
        (void)unlink(path);
        return rmdir(folder);
}

static Inflight *open_good(void)
{
        Inflight *in = NULL;

        assert_int_equal(inflight_open(&in, folder), 0);
        return in;
}

/* A process that ends in the middle. False: it was not let in. */
static bool end_with(InflightStage stage, const char *bytes)
{
        pid_t pid = fork();
        int status;

        assert_true(pid >= 0);
        if (pid == 0) {
                Inflight *in = open_good();

                _exit(inflight_begin(in, stage, VIA_MQTT, "sos-101", bytes, strlen(bytes)) ? 9 : 0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WEXITSTATUS(status) == 9;
}

static bool found(Inflight *in, const char *bytes)
{
        Inbox *inbox = NULL;
        bool yes;

        assert_int_equal(inbox_new(&inbox, 1), 0);
        yes = inflight_report(in, inbox);
        assert_int_equal(yes, inbox_first(inbox) != NULL);
        if (yes) {
                const Event *e = inbox_first(inbox);

                assert_int_equal(e->type, EVENT_ALARM);
                assert_int_equal(e->alarm.kind, ALARM_UNPARSED);
                assert_int_equal(e->via, VIA_MQTT);
                assert_string_equal(e->source, "sos-101");
                assert_string_equal(e->body, bytes);
        }
        inbox_free(inbox);
        return yes;
}

static void test_third_start(InflightStage stage)
{
        Inflight *in;

        assert_true(end_with(stage, "poison"));
        assert_true(end_with(stage, "poison"));
        in = open_good();
        assert_true(found(in, "poison"));
        assert_false(inflight_begin(in, stage, VIA_MQTT, "sos-101", "poison", 6));
        /* Others are not meant: other bytes, another sender, another way. */
        assert_true(inflight_begin(in, stage, VIA_MQTT, "sos-101", "poisoN", 6));
        inflight_end(in);
        assert_false(found(in, ""));
        assert_true(inflight_begin(in, stage, VIA_MQTT, "sos-102", "poison", 6));
        inflight_end(in);
        assert_true(inflight_begin(in, stage, VIA_COAP, "sos-101", "poison", 6));
        inflight_end(in);
        inflight_free(in);
        /* It stays known, and is told once. */
        in = open_good();
        assert_false(found(in, ""));
        assert_false(inflight_begin(in, stage, VIA_MQTT, "sos-101", "poison", 6));
        inflight_free(in);
}

static void test_decode(void **state)
{
        test_third_start(INFLIGHT_DECODE);
}

static void test_step(void **state)
{
        test_third_start(INFLIGHT_STEP);
}

static void test_forgiven(void **state)
{
        Inflight *in;

        assert_true(end_with(INFLIGHT_STEP, "{}"));
        in = open_good();
        assert_true(inflight_begin(in, INFLIGHT_STEP, VIA_MQTT, "sos-101", "{}", 2));
        inflight_end(in);
        inflight_free(in);
        assert_true(end_with(INFLIGHT_STEP, "{}"));
        in = open_good();
        assert_true(inflight_begin(in, INFLIGHT_STEP, VIA_MQTT, "sos-101", "{}", 2));
        inflight_end(in);
        /* Harmless to read, harmful to act on: not forgiven for the one by the other. */
        inflight_free(in);
        for (int n = 0; n < 2; n++) {
                in = open_good();
                assert_true(inflight_begin(in, INFLIGHT_DECODE, VIA_MQTT, "sos-101", "x", 1));
                inflight_end(in);
                inflight_free(in);
                assert_true(end_with(INFLIGHT_STEP, "x"));
        }
        assert_false(end_with(INFLIGHT_STEP, "x"));
}

static void test_nested(void **state)
{
        Inflight *in = open_good();

        assert_true(inflight_begin(in, INFLIGHT_DECODE, VIA_MQTT, "a", "1", 1));
        assert_true(inflight_begin(in, INFLIGHT_STEP, VIA_COAP, "b", "2", 1));
        inflight_end(in);
        inflight_end(in);
        assert_true(inflight_begin(in, INFLIGHT_DECODE, VIA_MQTT, "a", "1", 1));
        inflight_end(in);
        inflight_free(in);
}

static void test_long(void **state)
{
        static char body[LIMIT_BODY + 100];
        Inflight *in = open_good();

        memset(body, 'x', sizeof(body));
        assert_true(inflight_begin(in, INFLIGHT_DECODE, VIA_MQTT,
                "huying/demo/up/a-topic-that-is-far-longer-than-any-code-of-the-registry-may-be/alarm", body,
                sizeof(body)));
        inflight_end(in);
        inflight_free(in);
}

static void test_numbers(void **state)
{
        Inflight *in = open_good();

        assert_int_equal(inflight_number(in), 0);
        inflight_number_set(in, 7);
        inflight_number_set(in, 5);
        inflight_free(in);
        in = open_good();
        assert_int_equal(inflight_number(in), 7);
        inflight_free(in);
}

/* Garbage, or a file of another version: begun anew. */
static void test_garbage(void **state)
{
        char path[96], byte = 'g';
        Inflight *in = open_good();
        int fd;

        inflight_number_set(in, 7);
        inflight_free(in);
        (void)snprintf(path, sizeof(path), "%s/inflight", folder); /* fits */
        fd = open(path, O_WRONLY);
        assert_true(fd >= 0 && write(fd, &byte, 1) == 1);
        (void)close(fd);
        in = open_good();
        assert_int_equal(inflight_number(in), 0);
        inflight_free(in);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {TEST(test_decode), TEST(test_step), TEST(test_forgiven),
                TEST(test_nested), TEST(test_long), TEST(test_numbers), TEST(test_garbage)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
