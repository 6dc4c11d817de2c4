/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The host of an adapter under test: a real loop, an inbox that only records, and a disk that does what the
 * test says.
 */
#include "loop.h"
#include "protocols/codec/codec.h"

#define TEST_EVENTS_MAX 4096
#define TEST_LOG_MAX    256
#define TEST_WAIT_US    (30 * USEC_PER_SEC) /* generous: what must happen has this long */

typedef struct TestSent {
        uint64_t incident, seq;
        uint32_t worker;
        Channel channel;
        bool ok;
} TestSent;

typedef struct TestSystem {
        SystemCause cause;
        bool raise;
} TestSystem;

typedef struct TestRetained {
        char worker[CODE_SIZE];
        uint64_t incident;
} TestRetained;

typedef struct TestHost {
        PortHost host; /* first: the adapter's pointer is ours */
        Loop *loop;
        Codec *codec;
        Port port; /* under test; its committed() is called by test_commit() */

        uint32_t room;     /* events between two runs; then event_new() says full */
        bool durable;      /* every run commits at once: nothing is ever held */
        uint64_t seq;      /* the journal: one row an event */
        uint64_t released; /* what committed() answers */

        Event *events[TEST_EVENTS_MAX]; /* pushed, with bodies, in order */
        uint32_t n_events, n_run, n_pending;
        uint32_t n_in_hand; /* made, and neither pushed nor discarded */
        uint32_t runs, runs_with_events;
        TestSent sent[TEST_LOG_MAX];
        uint32_t n_sent;
        TestSystem system[TEST_LOG_MAX];
        uint32_t n_system;
        TestRetained retained[TEST_LOG_MAX];
        uint32_t n_retained;
        char word[CODE_SIZE + 8]; /* the last other word that was read back: "w01/day" */
        uint32_t n_words;
        char counted[TEST_LOG_MAX][64];
        uint32_t n_counted;
        uint32_t n_connected;
        void (*connected)(struct TestHost *); /* what the gateway would do; may be NULL */
} TestHost;

/* Durable, room for everything. Aborts on failure, as all of this file does. */
TestHost *test_host_new(void);
TestHost *test_host_free(TestHost *);
/* The events so far have been looked at. */
void test_host_forget(TestHost *);
/* Runs the loop until done(userdata), at most TEST_WAIT_US. False: it was not done. */
bool test_until(TestHost *, bool (*done)(void *userdata), void *userdata);
/* So many iterations of at most 10 ms each. */
void test_steps(TestHost *, unsigned n);
/* The disk has come to seq. */
void test_commit(TestHost *, uint64_t seq);
bool test_counted(const TestHost *, const char *what);
/* The newest word about a cause; false when there was none. */
bool test_system_is(const TestHost *, SystemCause, bool raise);
