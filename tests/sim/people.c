/* SPDX-License-Identifier: Apache-2.0 */
/*
 * People who mostly help: they accept, arrive and resolve, or sleep, decline, forget, release, go off duty, say odd
 * things, and lose their signal. An app repeats what had no answer.
 *
 * When the faults have ended everybody answers, so every open matter must reach a human and an end: that is the
 * liveness half of a run (I12).
 */
#include "tests/sim/sim.h"

#include "base/assert.h"
#include "base/idmap.h"
#include "base/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ALERTS_MAX 96
#define BEAT_US    (85 * USEC_PER_SEC) /* half of what is needed: two in a row may be lost */

typedef struct Alert {
        uint64_t incident, seq;
        char needs[12];
        bool delivered;
        uint64_t stale_us; /* when an answer said first that it is over; 0: none has */
} Alert;

typedef struct Person {
        Alert alerts[ALERTS_MAX];
        uint32_t n_alerts;
        uint64_t nonce, silent_until_us; /* no signal */
        bool off, unanswered;            /* what was said of the duty had no reply yet, and is said again */
        char last[256];                  /* said once more now and then, as an app does that had no reply */
        char duty[128], duty_nonce[32];
} Person;

static Person people[PEOPLE_MAX];
static uint32_t n_people;

static uint32_t person_of(const char *code)
{
        for (uint32_t i = 0; i < n_people; i++)
                if (str_equal(person_code(i), code))
                        return i;
        return PEOPLE_MAX;
}

static Alert *alert_of(Person *p, uint64_t incident)
{
        for (uint32_t i = 0; i < p->n_alerts; i++)
                if (p->alerts[i].incident == incident)
                        return &p->alerts[i];
        return NULL;
}

static void alert_gone(Person *p, uint64_t incident)
{
        Alert *a = alert_of(p, incident);

        if (a)
                *a = p->alerts[--p->n_alerts];
}

void people_alert(const PortAlert *pa)
{
        uint32_t i = pa->worker ? pa->worker - 1 : PEOPLE_MAX; /* as places.c numbers them; 0: a program */
        const char *needs;
        Alert *a;

        if (i == PEOPLE_MAX)
                return;
        ASSERT(i < n_people && str_equal(person_code(i), pa->worker_code));
        if (!pa->json) {
                alert_gone(&people[i], pa->incident);
                return;
        }
        a = alert_of(&people[i], pa->incident);
        if (!a) {
                if (people[i].n_alerts == ALERTS_MAX)
                        return;
                a = &people[i].alerts[people[i].n_alerts++];
                *a = (Alert){.incident = pa->incident};
        }
        a->seq = pa->seq;
        needs = strstr(pa->json, "\"needs\":\"");
        ASSERT(needs);
        (void)str_copyn(a->needs, sizeof(a->needs), needs + 9, strcspn(needs + 9, "\""));
}

static void act(uint32_t i, uint64_t incident, uint64_t seq, const char *action, const char *more);

/* What a sensor says still burns only a supervisor can call an end of. */
static void supervisor_decides(uint64_t incident)
{
        act(person_of("v01"), incident, 0, "resolve",
                ",\"outcome\":\"helped\",\"note\":\"the sensor is wrong\"");
}

/* An app shows what an answer says of the matter, too: the alert that said so may have been lost. */
static void learn(Alert *a, const char *json)
{
        if (a && strstr(json, "\"request\":\"in_progress\"") && strstr(json, "\"reason\":\"twice\""))
                (void)str_copy(a->needs, sizeof(a->needs), "done"); /* fits */
}

/*
 * An answer says that it is over. While the faults last that is believed: the alert's end may have been lost. When they
 * have ended, what a gateway without its database said of a matter that it did not know is not the last word.
 */
static void alert_stale(Person *p, uint64_t incident)
{
        Alert *a = alert_of(p, incident);

        if (!a)
                return;
        if (a->stale_us == 0)
                a->stale_us = world.now_us;
        if (!world.calm || world.now_us - a->stale_us > 30 * USEC_PER_MIN)
                alert_gone(p, incident);
}

void people_reply(const char *worker, const char *json)
{
        uint32_t i = person_of(worker);
        uint64_t incident = number_in(json, "\"incident\":");

        if (i == PEOPLE_MAX)
                return;
        ASSERT(worker && json);
        trace("%s is answered %s", worker, json);
        if (strstr(json, "\"result\":\"ok\"") && strstr(json, "\"state\":\"accepted\""))
                world.accepts++;
        if (people[i].unanswered && strstr(json, people[i].duty_nonce))
                people[i].unanswered = false;
        if (strstr(json, "\"result\":\"stale\""))
                alert_stale(&people[i], incident);
        learn(alert_of(&people[i], incident), json);
        if (incident && strstr(json, "still_burning"))
                later(USEC_PER_MIN, supervisor_decides, incident);
}

static void say(uint32_t i, const char *json)
{
        if (world.now_us < people[i].silent_until_us || fault(FAULT_LOSS, 0.3))
                return;
        (void)daemon_action(person_code(i), json, false);
        if (fault(FAULT_TWICE, 0.1))
                (void)daemon_action(person_code(i), json, false);
}

static void compose(uint32_t i, uint64_t incident, uint64_t seq, const char *action, const char *more)
{
        Person *p = &people[i];

        snprintf(p->last, sizeof(p->last),
                "{\"incident\":%" PRIu64 ",\"action\":\"%s\",\"nonce\":\"%s-%" PRIu64 "\",\"seq\":%" PRIu64
                "%s}",
                incident, action, person_code(i), p->nonce++, seq, more);
        trace("%s: %s %" PRIu64 "%s", person_code(i), action, incident, more);
}

static void act(uint32_t i, uint64_t incident, uint64_t seq, const char *action, const char *more)
{
        compose(i, incident, seq, action, more);
        say(i, people[i].last);
}

/* Whatever else can be said, whether it makes sense or not. */
static void says_oddly(uint32_t i, const Alert *a)
{
        static const char *const words[][2] = {{"coming", ""}, {"extend", ",\"eta\":600"}, {"backup", ""},
                {"handover", ",\"to\":\"d01\""}, {"handover", ",\"to\":\"w02\""},
                {"handoff", ",\"agency\":\"119\""}, {"handoff", ",\"agency\":\"120\""},
                {"handoff", ",\"agency\":\"up\""}, {"confirm", ",\"ref\":\"r1\""},
                {"fire119", ",\"yes\":true"}, {"fire119", ",\"yes\":false"}, {"reopen", ""}, {"seen", ""},
                {"resolve", ",\"outcome\":\"helped\",\"note\":\"spoke to the resident\""}, {"arrived", ""},
                {"decline", ""}, {"test_confirm", ""}, {"assign", ",\"to\":\"w02\""},
                {"escalate", ",\"reason\":\"too much\""}, {"not_accepted", ",\"reason\":\"elsewhere\""},
                {"reclass", ",\"class\":\"hard\""}, {"dance", ""}};
        uint64_t w = rnd(STREAM_PERSON + i) % (sizeof(words) / sizeof(words[0]));
        static const char *const texts[] = {"接单", "accept", "到达", "办结", "resolve"};

        if (person_is_plain(person_code(i)) && chance(STREAM_PERSON + i, 0.5)) {
                (void)daemon_words(person_code(i), texts[rnd(STREAM_PERSON + i) % 5]);
                return;
        }
        act(i, a->incident, a->seq, words[w][0], words[w][1]);
}

/* What is asked about a request. False: nothing of the kind. */
static bool request_acts(uint32_t i, const Alert *a)
{
        if (str_equal(a->needs, "start"))
                act(i, a->incident, a->seq, fault(FAULT_RELEASE, 0.3) ? "release" : "start", "");
        else if (str_equal(a->needs, "done") && fault(FAULT_FORGET, 0.3))
                act(i, a->incident, a->seq, "waiting", ",\"for\":3600,\"evidence\":\"ordered\"");
        else if (str_equal(a->needs, "done"))
                act(i, a->incident, a->seq, "done", ",\"note\":\"mended\"");
        else if (str_equal(a->needs, "rate"))
                act(i, a->incident, a->seq, "rate",
                        fault(FAULT_DECLINE, 0.5) ? ",\"score\":2" : ",\"score\":5");
        else
                return false;
        return true;
}

/*
 * Requests that people leave alone until the faults end: one that nobody wants must go up by itself, one that waits for
 * something must be remembered when the time is over, and one that nobody asks about stays open.
 */
static bool left_alone(uint64_t incident)
{
        IncidentView v;

        if (world.calm || fault_dose(FAULT_FORGET) == 0 || !world.alive ||
                !engine_view(daemon_engine(), incident, clock_now(), &v) || v.request == REQUEST_STATE_NONE)
                return false;
        if (v.request == REQUEST_STATE_WAITING)
                return idmap_mix(incident, (uint64_t)v.waiting_us) % 4 != 0;
        if (v.request == REQUEST_STATE_DONE)
                return idmap_mix(incident, world.seed) % 3 == 0;
        return idmap_mix(world.seed, incident) % 3 == 0 && idmap_mix(incident, v.tier) % 3 != 0;
}

static void person_acts(uint32_t i, Alert a)
{
        bool eta = chance(STREAM_PERSON + i, 0.5);

        if (left_alone(a.incident))
                return;
        if (fault(FAULT_ODD, 0.1)) {
                says_oddly(i, &a);
        } else if (request_acts(i, &a)) {
                return;
        } else if (str_equal(a.needs, "accept")) {
                act(i, a.incident, a.seq, fault(FAULT_DECLINE, 0.3) ? "decline" : "accept",
                        eta ? ",\"eta\":300" : "");
        } else if (str_equal(a.needs, "arrive")) {
                if (!fault(FAULT_FORGET, 0.5))
                        act(i, a.incident, a.seq, fault(FAULT_RELEASE, 0.3) ? "release" : "arrived",
                                ",\"proof\":\"bed\"");
        } else if (str_equal(a.needs, "resolve") && chance(STREAM_PERSON + i, 0.3)) {
                act(i, a.incident, a.seq, "fire119", ",\"yes\":false");
        } else if (str_equal(a.needs, "resolve") && !fault(FAULT_FORGET, 0.5)) {
                act(i, a.incident, a.seq, "resolve", ",\"outcome\":\"helped\",\"note\":\"all is well\"");
        }
}

static void duty(uint32_t i, bool on)
{
        Person *p = &people[i];

        p->off = !on;
        p->unanswered = !person_is_plain(person_code(i));
        snprintf(p->duty_nonce, sizeof(p->duty_nonce), "\"%s-%" PRIu64 "\"", person_code(i), p->nonce);
        compose(i, 0, 0, on ? "on" : "off", "");
        (void)str_copy(p->duty, sizeof(p->duty), p->last);
        say(i, p->duty); /* last: the daemon may die of it */
}

static void person_looks(uint32_t i)
{
        Person *p = &people[i];

        if (p->n_alerts == 0)
                return;
        if (p->last[0] && chance(STREAM_PERSON + i, 0.2)) {
                say(i, p->last);
                return;
        }
        for (uint32_t n = 0; n < p->n_alerts; n++)
                if (!p->alerts[n].delivered && !person_is_plain(person_code(i))) {
                        p->alerts[n].delivered = true;
                        act(i, p->alerts[n].incident, p->alerts[n].seq, "delivered", "");
                        if (!world.calm)
                                return;
                }
        if (!world.calm) {
                person_acts(i, p->alerts[rnd(STREAM_PERSON + i) % p->n_alerts]);
                return;
        }
        for (uint32_t n = p->n_alerts; n-- > 0;)
                if (n < p->n_alerts)
                        person_acts(i, p->alerts[n]);
}

static void person_lives(uint64_t who)
{
        uint32_t i = (uint32_t)who;
        Person *p = &people[i];
        uint64_t silence = rnd_between(STREAM_PERSON + i, 1, 120) * USEC_PER_MIN;

        later(rnd_between(STREAM_PERSON + i, USEC_PER_SEC, 2 * USEC_PER_MIN), person_lives, i);
        if (fault(FAULT_SIGNAL, 0.003)) {
                trace("%s has no signal", person_code(i));
                p->silent_until_us = world.now_us + silence;
        }
        if (world.calm)
                p->silent_until_us = 0;
        if (p->unanswered && (world.calm || chance(STREAM_PERSON + i, 0.5))) {
                say(i, p->duty);
                return;
        }
        if (p->off ? world.calm || chance(STREAM_PERSON + i, 0.005) : fault(FAULT_OFF, 0.003)) {
                duty(i, p->off);
                return;
        }
        if (!fault(FAULT_SLEEP, 0.7))
                person_looks(i);
}

static bool has_signal(uint32_t i)
{
        return world.now_us >= people[i].silent_until_us;
}

static void beats(uint64_t arg)
{
        later(BEAT_US, beats, 0); /* first: the daemon may die of them */
        daemon_beats(has_signal);
}

void people_begin(void)
{
        memset(people, 0, sizeof(people));
        places_watch();
        for (n_people = 0; person_code(n_people); n_people++) {
                later(rnd_between(STREAM_PERSON + n_people, 0, USEC_PER_MIN), person_lives, n_people);
        }
        later(USEC_PER_SEC, beats, 0);
        devices_begin();
}

/* Whom nobody has told yet, because it is night: an everyday request waits for the morning. */
static bool waits_for_morning(const IncidentView *v, Now now)
{
        uint32_t weekday, minute, date;
        RecipientView rv;

        if (v->request == REQUEST_STATE_NONE)
                return false;
        for (uint32_t n = 0; engine_recipient(daemon_engine(), v->id, n, now, &rv); n++)
                if (rv.tier == v->tier && rv.seq)
                        return false;
        clock_local(now, &weekday, &minute, &date);
        return minute < 10 * 60 || minute >= 20 * 60;
}

void people_final_check(void)
{
        uint64_t open;

        devices_final_check();
        for (open = 0; world.alive && (open = engine_next_open(daemon_engine(), open));) {
                IncidentView v;

                ASSERT(engine_view(daemon_engine(), open, clock_now(), &v));
                if (waits_for_morning(&v, clock_now()))
                        continue;
                broken("I12: when faults end, every open incident reaches a human and an end",
                        "incident %" PRIu64 " of class %s is %s at tier %u, round %u", open,
                        class_word(v.class), state_word(v.state), v.tier, v.round);
        }
}
