/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox before a port that takes only so much: who goes first, what replaces what, and that nothing is lost. */
#include "outbox.h"

#include "base/str.h"
#include "engine-kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SAID_MAX 4096

typedef struct Said {
        uint64_t incident;
        char who[CODE_SIZE], state[16];
        bool raise, gone, recorded;
} Said;

typedef struct World {
        Kit k;
        Outbox *outbox;
        StoreTxn *txn;
        Port port;
        unsigned room, calls; /* messages that the port still takes; calls beyond them */
        Said said[SAID_MAX];
        unsigned n_said, n_flushes;
        uint64_t committed;
} World;

static bool port_room(void *port, bool raise)
{
        const World *w = port;

        return w->room + (raise ? w->calls : 0) > 0;
}

static int port_alert(void *port, const PortAlert *a)
{
        World *w = port;
        Said *s = &w->said[w->n_said++];

        assert_true(w->n_said <= SAID_MAX);
        assert_true(port_room(port, a->raise));
        if (w->room > 0)
                w->room--;
        else
                w->calls--;
        *s = (Said){.incident = a->incident, .raise = a->raise, .gone = !a->json};
        (void)str_copy(s->who, sizeof(s->who), a->worker_code);
        if (a->json) {
                s->recorded = strstr(a->json, "\"recorded\":true") != NULL;
                (void)str_copy(s->state, sizeof(s->state),
                        strstr(a->json, "\"state\":\"accepted\"") ? "accepted" : "alerting");
        }
        return 0;
}

static void port_flush(void *port)
{
        World *w = port;

        w->n_flushes++;
}

static const PortOps ops = {.name = "test", .alert = port_alert, .room = port_room, .flush = port_flush};

static int set_up(void **state)
{
        World *w = calloc(1, sizeof(World));

        kit_begin(&w->k);
        w->k.phones_off = true;
        assert_int_equal(outbox_new(&w->outbox, w->k.engine, "test"), 0);
        w->port = (Port){.ops = &ops,
                .port = w,
                .via = VIA_MQTT,
                .channels = 1u << CHANNEL_APP | 1u << CHANNEL_PLAIN};
        outbox_ports_set(w->outbox, &w->port, 1);
        outbox_registry_set(w->outbox, &w->k.registry);
        w->txn = store_txn_new();
        w->room = 1000;
        *state = w;
        return 0;
}

static int tear_down(void **state)
{
        World *w = *state;

        outbox_free(w->outbox);
        store_txn_free(w->txn);
        kit_end(&w->k);
        free(w);
        return 0;
}

/* What the turn does with the effects since the last time. */
static void take(World *w)
{
        for (uint32_t i = 0; i < w->k.n; i++)
                if (w->k.effects[i].urgency == URGENCY_RAISE)
                        outbox_notify(w->outbox, &w->k.effects[i], w->k.now, w->txn);
        outbox_raised(w->outbox);
        for (uint32_t i = 0; i < w->k.n; i++)
                if (w->k.effects[i].type == EFFECT_ALERT)
                        outbox_refresh(w->outbox, w->k.effects[i].incident, w->k.effects[i].seq, true);
        forget(&w->k);
}

static void pump(World *w, bool commit)
{
        if (commit)
                w->committed = w->k.next_seq - 1;
        (void)outbox_pump(w->outbox, w->committed, w->committed, w->k.now, w->txn);
}

static unsigned said(const World *w, unsigned from, const char *who, uint64_t incident)
{
        unsigned n = 0;

        for (unsigned i = from; i < w->n_said; i++)
                n += w->said[i].incident == incident && str_equal(w->said[i].who, who);
        return n;
}

/* A call is with the port before the disk is asked, a copy that says "recorded" after it, and both in one write. */
static void test_call_and_copy(void **state)
{
        World *w = *state;

        press(&w->k, "sos-101", "1");
        take(w);
        assert_int_equal(w->n_said, 1);
        assert_true(w->said[0].raise && !w->said[0].recorded);
        assert_string_equal(w->said[0].who, "w01");
        assert_int_equal(w->n_flushes, 1);
        pump(w, false);
        assert_int_equal(w->n_said, 1);
        pump(w, true);
        assert_int_equal(w->n_said, 2);
        assert_true(!w->said[1].raise && w->said[1].recorded);
        assert_int_equal(w->n_flushes, 2);
        pump(w, true);
        assert_int_equal(w->n_said, 2);
}

/* However much has happened, each person gets one message of it, and that is the newest. */
static void test_replaced(void **state)
{
        World *w = *state;

        press(&w->k, "sos-101", "1");
        take(w);
        pump(w, true);
        w->room = 0;
        for (unsigned i = 2; i < 40; i++) {
                char id[16];

                (void)snprintf(id, sizeof(id), "%u", i);
                at(&w->k, i / 10.0); /* too soon after the call for another */
                press(&w->k, "sos-101", id);
                forget(&w->k);
                outbox_refresh(w->outbox, 1, w->k.next_seq - 1, true);
                pump(w, true);
        }
        assert_int_equal(w->n_said, 2);
        act(&w->k, ACTION_ACCEPT, "w01", 1);
        take(w);
        pump(w, false);
        w->room = 10;
        pump(w, false); /* not yet on the disk: nobody is shown it, nor what it replaced */
        assert_int_equal(said(w, 2, "w01", 1), 0);
        pump(w, true);
        assert_int_equal(said(w, 2, "w01", 1), 1);
        assert_string_equal(w->said[w->n_said - 1].state, "accepted");
}

/* Calls do not wait behind what changes, nor that behind copies; and the more urgent ones go first. */
static void test_order(void **state)
{
        World *w = *state;
        unsigned from, i, p1 = 0;

        press(&w->k, "sos-101", "1");
        press(&w->k, "sos-102", "1");
        take(w);
        pump(w, true);
        w->room = 0;
        from = w->n_said;
        outbox_refresh(w->outbox, 1, 1, true);
        outbox_refresh(w->outbox, 2, 1, true);
        pump(w, true);
        alarm(&w->k, ALARM_FALL, "band-102", "1"); /* priority 2, or raised to 1 by what is open */
        alarm(&w->k, ALARM_SMOKE, "smoke-101", "1");
        take(w); /* no room for them either */
        assert_int_equal(w->n_said, from);
        w->calls = 1000;
        pump(w, true);
        assert_true(w->n_said > from);
        for (i = from; i < w->n_said; i++)
                assert_true(w->said[i].raise);
        for (i = from; i < w->n_said; i++) {
                IncidentView v = view(&w->k, w->said[i].incident);

                assert_true(v.priority >= p1);
                p1 = v.priority;
        }
        from = w->n_said;
        w->room = 1000;
        pump(w, true);
        assert_true(w->n_said > from);
        for (i = from; i < w->n_said; i++)
                assert_false(w->said[i].raise);
        assert_int_equal(said(w, from, "w01", 1), 1);
}

/* A call with room goes out although a hundred refreshes wait. */
static void test_call_passes(void **state)
{
        World *w = *state;
        unsigned from;

        press(&w->k, "sos-101", "1");
        take(w);
        pump(w, true);
        w->room = 0;
        w->calls = 100;
        outbox_refresh(w->outbox, 1, 1, true);
        pump(w, true);
        from = w->n_said;
        press(&w->k, "sos-102", "1");
        take(w);
        assert_true(w->n_said > from);
        assert_true(w->said[from].raise);
        assert_int_equal(w->said[from].incident, 2);
}

/* Who knows nothing of a matter is called before those who have been called about theirs before. */
static void test_new_before_again(void **state)
{
        World *w = *state;
        unsigned from, last = 0;

        w->k.phones_off = false; /* it has arrived, so that no tier is called */
        press(&w->k, "sos-101", "1");
        take(w);
        pump(w, true);
        w->room = w->calls = 0;
        at(&w->k, 15);
        take(w);
        press(&w->k, "sos-101", "2");
        take(w);
        press(&w->k, "sos-102", "1");
        take(w);
        from = w->n_said;
        w->calls = 1000;
        pump(w, true);
        assert_true(w->n_said >= from + 2);
        assert_int_equal(w->said[from].incident, 2);
        for (unsigned i = from; i < w->n_said; i++)
                if (w->said[i].incident == 2 && w->said[i].raise)
                        last = i;
        for (unsigned i = from; i < w->n_said; i++)
                if (w->said[i].incident == 1 && w->said[i].raise && str_equal(w->said[i].who, "w01"))
                        assert_true(i > last);
        assert_int_equal(said(w, from, "w01", 1), 1);
}

/* What is over is cleared when there is room; called again before that, it is called and not cleared. */
static void test_over_and_again(void **state)
{
        World *w = *state;
        unsigned from;

        press(&w->k, "sos-101", "1");
        take(w);
        act(&w->k, ACTION_ACCEPT, "w01", 1);
        act(&w->k, ACTION_ARRIVED, "w01", 1);
        take(w);
        pump(w, true);
        resolve(&w->k, "w01", 1, "helped");
        take(w);
        w->room = 0;
        from = w->n_said;
        pump(w, true);
        assert_int_equal(w->n_said, from);
        assert_int_equal(outbox_waiting(w->outbox), 0);
        w->room = 1;
        pump(w, true);
        assert_int_equal(w->n_said, from + 1);
        assert_true(w->said[from].gone);

        act(&w->k, ACTION_REOPEN, "w01", 1);
        take(w);
        w->room = 100;
        pump(w, true);
        act(&w->k, ACTION_ACCEPT, "w01", 1);
        act(&w->k, ACTION_ARRIVED, "w01", 1);
        take(w);
        pump(w, true);
        resolve(&w->k, "w01", 1, "helped");
        take(w);
        w->room = 0;
        pump(w, true);
        from = w->n_said;
        press(&w->k, "sos-101", "2");
        take(w);
        w->room = 100;
        pump(w, true);
        pump(w, true);
        assert_true(said(w, from, "w01", 1) > 0);
        for (unsigned i = from; i < w->n_said; i++)
                assert_false(w->said[i].gone);
}

/* A connection that comes again: everything goes out once more, as there is room, calls that nobody took first. */
static void test_resend(void **state)
{
        World *w = *state;
        unsigned from, n = 0;

        press(&w->k, "sos-101", "1");
        press(&w->k, "sos-102", "1");
        take(w);
        pump(w, true);
        assert_true(outbox_waiting(w->outbox) >= 2);
        from = w->n_said;
        w->room = 1;
        outbox_resend(w->outbox, w->k.now);
        assert_int_equal(w->n_said, from + 1);
        assert_true(w->said[from].raise);
        while (w->n_said == from + ++n) {
                w->room = 1;
                pump(w, true);
        }
        assert_int_equal(said(w, from, "w01", 1), 1);
        assert_int_equal(said(w, from, "w01", 2), 1);
}

/* More entries than one step of a new connection looks at: it says so, and in the end everybody has everything. */
static void test_resend_in_steps(void **state)
{
        World *w = *state;
        unsigned from, steps = 0;

        press(&w->k, "sos-101", "1");
        for (uint64_t n = 1; n <= 3000; n++) /* as a start finds them in the store */
                outbox_restore(w->outbox, n == 2999 ? 1 : 5000 + n, kit_worker(&w->k, "w01"), CHANNEL_APP, 1);
        from = w->n_said;
        outbox_resend(w->outbox, w->k.now);
        assert_int_equal(said(w, from, "w01", 1), 0);
        while (outbox_busy(w->outbox)) {
                pump(w, true);
                assert_true(++steps < 100);
        }
        assert_true(steps > 3);
        assert_int_equal(said(w, from, "w01", 1), 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {T(test_call_and_copy), T(test_replaced), T(test_order),
                T(test_call_passes), T(test_over_and_again), T(test_resend), T(test_new_before_again), T(test_resend_in_steps)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
