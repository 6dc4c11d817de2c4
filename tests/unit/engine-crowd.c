/* SPDX-License-Identifier: Apache-2.0 */
/* More people than a list, a tier or an incident can hold: everybody who acts counts all the same. */
#include "engine-kit.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { CROWD = 400, ROLES = 5 };

static Worker workers[CROWD];
static char codes[CROWD][16];
static uint32_t calls[CROWD];

static const Role crowd_roles[ROLES] = {
        ROLE_WORKER, ROLE_BACKUP, ROLE_COMMUNITY, ROLE_STREET, ROLE_DISTRICT};

/* x0, x5 … are workers, x1, x6 … backups, then the desks of three levels. */
static void crowd(Kit *k)
{
        kit_begin(k);
        k->unchecked_rows = true;
        k->phones_off = true;
        workers[0] = (Worker){0};
        for (int i = 1; i < CROWD; i++) {
                (void)snprintf(codes[i], 16, "x%d", i);
                workers[i] = (Worker){.code = codes[i],
                        .role = crowd_roles[i % ROLES],
                        .client = CLIENT_PLAIN,
                        .scope = SCOPE_SITE};
        }
        k->registry.workers = workers;
        k->registry.n_workers = CROWD;
        kit_index(k);
        engine_registry_set(k->engine, &k->registry);
        kit_policy(k);
}

static void everybody_at_once(Kit *k, Class class)
{
        for (unsigned i = 0; i < TIERS_MAX; i++)
                k->policy.classes[class].tiers[i].delay_us = 0;
        k->policy.classes[class].tiers[1].roles |= 1u << ROLE_BACKUP;
        kit_policy(k);
}

/* Lists until nothing is due; counts the calls of each person. Returns how many lists. */
static uint32_t drain(Kit *k, int r)
{
        uint32_t lists = 0;

        memset(calls, 0, sizeof(calls));
        for (;; r = engine_expire(k->engine, k->now, &k->list)) {
                engine_check(k->engine);
                lists++;
                assert_true(k->list.n <= EFFECTS_MAX);
                for (uint32_t i = 0; i < k->list.n; i++) {
                        if (k->list.effects[i].type == EFFECT_NOTIFY)
                                calls[k->list.effects[i].notify.worker]++;
                        if (k->list.effects[i].type == EFFECT_JOURNAL)
                                k->next_seq++;
                }
                if (r == 0)
                        return lists;
                assert_int_equal(r, ENGINE_E_MORE);
        }
}

static uint32_t people_called(uint32_t times)
{
        uint32_t n = 0;

        for (uint32_t i = 1; i < CROWD; i++)
                n += calls[i] == times;
        return n;
}

static void act_x(Kit *k, ActionKind kind, int x, uint64_t incident)
{
        act(k, kind, codes[x], incident);
}

/* 160 were called and eight more have joined: the incident remembers no others. */
static void fill(Kit *k)
{
        crowd(k);
        everybody_at_once(k, CLASS_SOS);
        press(k, "sos-101", "1");
        act_x(k, ACTION_ACCEPT, 5, 1);
        for (int i = 0; i < 8; i++) {
                act_x(k, ACTION_ACCEPT, 350 + 5 * i, 1);
                expect_reply(k, REPLY_OK, REASON_HELPER);
        }
        assert_int_equal(view(k, 1).helpers, 8);
}

static void test_who_is_not_remembered_may_act_all_the_same(void **state_)
{
        Event ev;
        RecipientView told;
        Kit k;

        fill(&k);
        act_x(&k, ACTION_VITALS, 395, 1); /* would have been told, and may look */
        assert_int_equal(count(&k, EFFECT_VIEW), 1);
        act_x(&k, ACTION_ACCEPT, 395, 1);
        expect_reply(&k, REPLY_OK, REASON_HELPER);
        assert_int_equal(rows(&k, JOURNAL_HELPER), 9);
        assert_int_equal(view(&k, 1).helpers, 8);
        act_x(&k, ACTION_DECLINE, 395, 1);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        act_x(&k, ACTION_ARRIVED, 395, 1);
        expect_reply(&k, REPLY_OK, REASON_HELPER);
        assert_int_equal(state(&k, 1), STATE_ACCEPTED);
        act_x(&k, ACTION_RELEASE, 5, 1);
        act_x(&k, ACTION_ACCEPT, 395, 1); /* the owner, although the incident has no room for his name */
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_int_equal(view(&k, 1).owner, 395);
        act_x(&k, ACTION_VITALS, 395, 1);
        assert_int_equal(count(&k, EFFECT_VIEW), 2);
        act_x(&k, ACTION_ARRIVED, 395, 1);
        assert_int_equal(state(&k, 1), STATE_ON_SCENE);
        act_x(&k, ACTION_RELEASE, 395, 1);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        act_x(&k, ACTION_ACCEPT, 390, 1);
        ev = action_of(ACTION_HANDOVER, codes[390], 1, NULL);
        (void)str_copy(
                ev.action.to, CODE_SIZE, codes[396]); /* who cannot be told of it, and may accept it */
        step(&k, &ev);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        act_x(&k, ACTION_ACCEPT, 396, 1);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_int_equal(view(&k, 1).owner, 396);
        act_x(&k, ACTION_ARRIVED, 396, 1);
        resolve(&k, codes[396], 1, "helped");
        assert_int_equal(state(&k, 1), STATE_RESOLVED);
        assert_true(engine_recipient(k.engine, 1, 0, k.now, &told));
        at(&k, 3600); /* it is closed, and of those who were told some are still known */
        act_x(&k, ACTION_TIMELINE, (int)told.worker, 1);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        act_x(&k, ACTION_TIMELINE, 396, 1);
        expect_reply(&k, REPLY_REFUSED, REASON_NO_INCIDENT);
        kit_end(&k);
}

/* A desk names somebody whom nobody can tell, in a matter that no tier of his has reached: his word counts. */
static void test_a_successor_who_was_never_told_may_accept(void **state_)
{
        Event ev;
        Kit k;

        fill(&k);
        workers[395].role = ROLE_NURSE; /* in no tier */
        ev = action_of(ACTION_ACCEPT, codes[395], 1, NULL);
        step(&k, &ev);
        expect_reply(&k, REPLY_REFUSED, REASON_NOT_YOURS);
        ev = action_of(ACTION_HANDOVER, codes[5], 1, NULL);
        (void)str_copy(ev.action.to, CODE_SIZE, codes[395]);
        step(&k, &ev);
        act_x(&k, ACTION_ACCEPT, 395, 1);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_int_equal(view(&k, 1).owner, 395);
        kit_end(&k);
}

/* Pressed while a flush is under way: everybody once more, those who have had a call and those who have not. */
static void test_pressed_again_between_two_lists_calls_everybody_again(void **state_)
{
        Event ev = device_event(ALARM_SOS, "sos-101", NULL);
        Kit k;
        int r;

        crowd(&k);
        everybody_at_once(&k, CLASS_SOS);
        r = engine_step(k.engine, &ev, k.now, &k.list);
        assert_int_equal(r, ENGINE_E_MORE);
        ev.digest[0] = 1;
        k.now.boot_us += 11 * USEC_PER_SEC;
        k.now.wall_us += 11 * (int64_t)USEC_PER_SEC;
        r = engine_step(k.engine, &ev, k.now, &k.list);
        assert_true(drain(&k, r) > 1);
        assert_int_equal(people_called(1), 160);
        kit_end(&k);
}

/* Two matters at once, of whose people nobody confirms: each is called on his second way once for each. */
static void test_second_channels_of_many_go_on_in_the_next_list(void **state_)
{
        const uint32_t people = 85;
        uint32_t lists;
        Kit k;

        crowd(&k);
        k.policy.channels[0] = (PersonChannel){.name = "sms",
                .personal = true,
                .roles = 0xffff,
                .priority = 2,
                .receipt_us = 30 * USEC_PER_SEC};
        for (uint32_t i = 1; i < CROWD; i++) {
                workers[i].client = CLIENT_APP;
                workers[i].role = i < people ? workers[i].role : ROLE_NURSE;
        }
        k.policy.classes[CLASS_FALL].priority = 1;
        k.policy.classes[CLASS_FALL].tiers[3].present = k.policy.classes[CLASS_FALL].tiers[4].present =
                false;
        everybody_at_once(&k, CLASS_FALL);
        everybody_at_once(&k, CLASS_SOS);
        alarm(&k, ALARM_FALL, "pend-102a", "1");
        press(&k, "sos-201", "1");
        k.now.boot_us += 10 * USEC_PER_SEC;
        k.now.wall_us += 10 * (int64_t)USEC_PER_SEC;
        lists = drain(&k, engine_expire(k.engine, k.now, &k.list));
        assert_true(lists > 1);
        assert_int_equal(people_called(2), 50); /* of the three lower roles: for both */
        assert_int_equal(people_called(1), 34);
        kit_end(&k);
}

/* As many ways as people, and no room: those who were called first keep theirs, and nobody is in doubt of it. */
static void test_where_an_incident_has_no_room_for_a_second_way_the_first_stands(void **state_)
{
        uint32_t second = 0;
        RecipientView v;
        Kit k;

        crowd(&k);
        k.policy.channels[0] = (PersonChannel){.name = "sms",
                .personal = true,
                .roles = 0xffff,
                .priority = 2,
                .receipt_us = 30 * USEC_PER_SEC};
        for (int i = 1; i < CROWD; i++)
                workers[i].client = CLIENT_APP;
        everybody_at_once(&k, CLASS_SOS);
        press(&k, "sos-101", "1");
        at(&k, 10);
        for (uint32_t n = 0; engine_recipient(k.engine, 1, n, k.now, &v); n++)
                second += v.channel >= CHANNEL_PERSON;
        assert_int_equal(second, 8);
        kit_end(&k);
}

/* All helpers and all desks are told: each once, however many lists it takes. */
static void test_many_helpers_and_desks_are_told_over_several_lists(void **state_)
{
        Kit k;
        int r;

        crowd(&k);
        everybody_at_once(&k, CLASS_SOS);
        press(&k, "sos-101", "1");
        act_x(&k, ACTION_ACCEPT, 5, 1);
        for (int i = 1; i < CROWD; i++)
                if (i != 5)
                        act_x(&k, ACTION_ACCEPT, i, 1);
        assert_int_equal(view(&k, 1).helpers, 167);
        act_x(&k, ACTION_ARRIVED, 5, 1);
        {
                Event ev = device_event(ALARM_SOS, "sos-101", "2");

                ev.key[0] = 1;
                r = engine_step(k.engine, &ev, k.now, &k.list);
        }
        assert_int_equal(r, ENGINE_E_MORE);
        assert_true(drain(&k, r) > 1);
        assert_int_equal(people_called(1), 168);
        kit_end(&k);
}

static void test_many_desks_of_a_fire_are_asked_about_119(void **state_)
{
        Kit k;
        int r;

        crowd(&k);
        for (int i = 1; i < CROWD; i++)
                workers[i].role = ROLE_COMMUNITY;
        kit_index(&k);
        roster_changed(&k);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        act_x(&k, ACTION_ACCEPT, 5, 1);
        k.now.boot_us += 60 * USEC_PER_SEC;
        k.now.wall_us += 60 * (int64_t)USEC_PER_SEC;
        r = engine_expire(k.engine, k.now, &k.list);
        assert_int_equal(r, ENGINE_E_MORE);
        assert_true(drain(&k, r) > 1);
        assert_true(people_called(1) >= 40);
        kit_end(&k);
}

static void go(Kit *k, double seconds)
{
        k->now.boot_us += (uint64_t)(seconds * 1e6);
        k->now.wall_us += (int64_t)(seconds * 1e6);
}

/* Two fires in a house: all tiers, all who help, the desks and the programs, over as many lists as it takes. */
static void test_a_house_on_fire_calls_helpers_tiers_and_programs_once(void **state_)
{
        Event ev = device_event(ALARM_SMOKE, "smoke-102", NULL);
        Kit k;
        int r;

        crowd(&k);
        k.policy.exec_channels = k.policy.exec_priority = 1;
        everybody_at_once(&k, CLASS_SMOKE);
        alarm(&k, ALARM_SMOKE, "smoke-101", "1");
        act_x(&k, ACTION_ACCEPT, 5, 1);
        for (int i = 1; i < CROWD; i++)
                if (i != 5)
                        act_x(&k, ACTION_ACCEPT, i, 1);
        go(&k, 30);
        r = engine_step(k.engine, &ev, k.now, &k.list);
        assert_int_equal(r, ENGINE_E_MORE);
        assert_true(drain(&k, r) > 2);
        assert_int_equal(calls[0], 2); /* the programs, for each of the two */
        for (int i = 1; i < CROWD; i++)
                assert_true(calls[i] <= 2);
        kit_end(&k);
}

/* Everybody comes on duty in one moment: each who belongs to a tier that was called is called, once. */
static void test_a_crowd_that_joins_is_called_once(void **state_)
{
        Event ev = {.type = EVENT_ROSTER};
        Kit k;

        crowd(&k);
        for (int i = 1; i < CROWD; i++)
                workers[i].role = i <= ROLES ? crowd_roles[i % ROLES] : ROLE_NURSE;
        everybody_at_once(&k, CLASS_SOS);
        press(&k, "sos-101", "1");
        for (int i = 1; i < CROWD; i++)
                workers[i].role = crowd_roles[i % ROLES];
        assert_true(drain(&k, engine_step(k.engine, &ev, k.now, &k.list)) > 1);
        assert_int_equal(people_called(1), 155); /* 32 of each tier, but those who know of it */
        kit_end(&k);
}

/* The previous owner has changed his office and belongs to no tier: at whichever point a list ends, he is called. */
static void test_the_previous_owner_is_called_however_full_the_list(void **state_)
{
        for (int people = 100; people < 140; people++) {
                Event ev = device_event(ALARM_SOS, "sos-101", NULL);
                Kit k;

                crowd(&k);
                for (int i = people; i < CROWD; i++)
                        workers[i].role = ROLE_CARER;
                everybody_at_once(&k, CLASS_SOS);
                press(&k, "sos-101", "1");
                act_x(&k, ACTION_ACCEPT, 5, 1);
                act_x(&k, ACTION_ARRIVED, 5, 1);
                resolve(&k, codes[5], 1, "helped");
                workers[5].role = ROLE_CARER;
                go(&k, 20);
                (void)drain(&k, engine_step(k.engine, &ev, k.now, &k.list));
                assert_int_equal(calls[5], 1);
                assert_int_equal(people_called(2), 0);
                kit_end(&k);
        }
}

/* An owner for whom the incident has no room loses his connection: he is asked, on the way that he has. */
static void test_an_owner_who_is_not_remembered_is_asked_when_he_is_lost(void **state_)
{
        Kit k;

        fill(&k);
        act_x(&k, ACTION_RELEASE, 5, 1);
        workers[395].client = CLIENT_APP;
        act_x(&k, ACTION_ACCEPT, 395, 1);
        assert_int_equal(view(&k, 1).owner, 395);
        presence(&k, codes[395], true);
        forget(&k);
        at(&k, 200);
        assert_int_equal(rows(&k, JOURNAL_RECONFIRM), 1);
        kit_end(&k);
}

/* The programs are called after those who help: at whichever point a list ends. */
static void test_the_programs_are_called_however_full_the_list(void **state_)
{
        for (int helpers = 100; helpers < 140; helpers++) {
                Event ev = device_event(ALARM_SMOKE, "smoke-102", NULL);
                Kit k;

                crowd(&k);
                k.policy.exec_channels = k.policy.exec_priority = 1;
                everybody_at_once(&k, CLASS_SMOKE);
                alarm(&k, ALARM_SMOKE, "smoke-101", "1");
                act_x(&k, ACTION_ACCEPT, 5, 1);
                for (int i = 1; i <= helpers; i++)
                        if (i != 5)
                                act_x(&k, ACTION_ACCEPT, i, 1);
                go(&k, 30);
                (void)drain(&k, engine_step(k.engine, &ev, k.now, &k.list));
                assert_int_equal(calls[0], 2);
                kit_end(&k);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_who_is_not_remembered_may_act_all_the_same),
                cmocka_unit_test(test_a_successor_who_was_never_told_may_accept),
                cmocka_unit_test(test_pressed_again_between_two_lists_calls_everybody_again),
                cmocka_unit_test(test_second_channels_of_many_go_on_in_the_next_list),
                cmocka_unit_test(test_where_an_incident_has_no_room_for_a_second_way_the_first_stands),
                cmocka_unit_test(test_many_helpers_and_desks_are_told_over_several_lists),
                cmocka_unit_test(test_many_desks_of_a_fire_are_asked_about_119),
                cmocka_unit_test(test_a_house_on_fire_calls_helpers_tiers_and_programs_once),
                cmocka_unit_test(test_a_crowd_that_joins_is_called_once),
                cmocka_unit_test(test_the_previous_owner_is_called_however_full_the_list),
                cmocka_unit_test(test_an_owner_who_is_not_remembered_is_asked_when_he_is_lost),
                cmocka_unit_test(test_the_programs_are_called_however_full_the_list),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
