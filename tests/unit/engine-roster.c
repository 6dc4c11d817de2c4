/* SPDX-License-Identifier: Apache-2.0 */
/* Duty, presence, scope, rights: SEMANTICS.md section 6. */
#include "engine-kit.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static Duty duty_row(const Kit *k, const char *worker, uint16_t from_hour, uint16_t to_hour)
{
        return (Duty){.worker = kit_worker(k, worker),
                .days = 0x7f,
                .from_minute = (uint16_t)(from_hour * 60),
                .to_minute = (uint16_t)(to_hour * 60)};
}

static void test_a_worker_without_a_roster_is_always_on_duty(void **state_)
{
        Kit k;

        kit_begin(&k);
        assert_true(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        assert_false(engine_worker_on(k.engine, 0, k.now));
        assert_false(engine_worker_on(k.engine, 999, k.now));
        kit_end(&k);
}

static void test_the_weekly_pattern_over_midnight(void **state_)
{
        Kit k;
        Duty night;

        kit_begin(&k); /* Friday 10:00 */
        night = duty_row(&k, "w01", 22, 6);
        night.days = 1 << 5; /* begins on Fridays */
        k.registry.duties = &night;
        k.registry.n_duties = 1;
        assert_false(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        k.now.wall_us += (int64_t)(12 * USEC_PER_HOUR); /* Friday 22:00 */
        assert_true(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        k.now.wall_us += (int64_t)(7 * USEC_PER_HOUR); /* Saturday 5:00 */
        assert_true(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        k.now.wall_us +=
                (int64_t)(2 * USEC_PER_HOUR); /* 7:00: also the hour until a successor comes is over */
        assert_false(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        k.now.wall_us += (int64_t)(16 * USEC_PER_HOUR); /* Saturday 23:00 */
        assert_false(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        night.days = 0x7f;
        assert_true(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        night.valid_to = 20251128;
        assert_false(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        kit_end(&k);
}

static void test_checking_out_and_in(void **state_)
{
        Kit k;

        kit_begin(&k);
        act(&k, ACTION_OFF, "w01", 0);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        assert_int_equal(count(&k, EFFECT_DUTY), 1);
        assert_false(newest(&k, EFFECT_DUTY)->duty.on);
        assert_int_equal(rows(&k, JOURNAL_DUTY), 1);
        assert_false(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        press(&k, "sos-101", "1");
        assert_int_equal(tier(&k, 1), 2);
        forget(&k);
        act(&k, ACTION_ON, "w01", 0);
        assert_int_equal(notified_why(&k, "w01", REASON_JOINED), 1); /* at once, with the history */
        assert_int_equal(notified(&k, "w02"), 0);
        kit_end(&k);
}

static void test_off_with_open_matters_is_refused(void **state_)
{
        Kit k;

        kit_begin(&k);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_OFF, "w01", 0);
        expect_reply(&k, REPLY_REFUSED, REASON_OPEN_MATTERS);
        assert_true(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        act(&k, ACTION_ARRIVED, "w01", 1);
        resolve(&k, "w01", 1, "helped");
        act(&k, ACTION_OFF, "w01", 0);
        expect_reply(&k, REPLY_OK, REASON_NONE);
        kit_end(&k);
}

static void test_an_off_of_yesterday_does_not_silence_todays_shift(void **state_)
{
        Kit k;
        Duty day;

        kit_begin(&k);
        day = duty_row(&k, "w01", 8, 18);
        k.registry.duties = &day;
        k.registry.n_duties = 1;
        engine_restore_duty(k.engine, kit_worker(&k, "w01"), false, k.now.wall_us - (int64_t)USEC_PER_HOUR);
        assert_false(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        engine_restore_duty(
                k.engine, kit_worker(&k, "w01"), false, k.now.wall_us - (int64_t)(17 * USEC_PER_HOUR));
        assert_true(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        kit_end(&k);
}

static void test_who_comes_on_duty_by_the_table_is_called_with_the_next_call(void **state_)
{
        Kit k;
        Duty late;

        kit_begin(&k);
        late = duty_row(&k, "w01", 10, 12);
        late.from_minute = 10 * 60 + 5;
        k.registry.duties = &late;
        k.registry.n_duties = 1;
        press(&k, "sos-101", "1");
        assert_int_equal(tier(&k, 1), 2);
        at(&k, 299);
        assert_int_equal(notified(&k, "w01"), 0);
        at(&k, 320);
        assert_int_equal(notified_why(&k, "w01", REASON_JOINED), 1);
        kit_end(&k);
}

static void test_a_new_registry_calls_who_has_become_eligible(void **state_)
{
        Kit k;

        kit_begin(&k);
        act(&k, ACTION_OFF, "w01", 0);
        press(&k, "sos-101", "1");
        engine_restore_duty(k.engine, kit_worker(&k, "w01"), true, k.now.wall_us);
        forget(&k);
        roster_changed(&k);
        expect_notified(&k, "w01", NULL);
        kit_end(&k);
}

static void test_presence_lost_counts_as_not_reachable_but_is_still_called(void **state_)
{
        Kit k;

        kit_begin(&k);
        presence(&k, "w01", true);
        at(&k, 170);
        press(&k, "sos-101", "1");
        assert_int_equal(tier(&k, 1), 1);
        at(&k, 180); /* three minutes without a beat */
        assert_int_equal(rows(&k, JOURNAL_PRESENCE), 1);
        assert_int_equal(tier(&k, 1), 2);
        at(&k, 181);
        forget(&k);
        press(&k, "pend-102a", "1");
        assert_int_equal(notified(&k, "w01"), 1);
        assert_int_equal(tier(&k, view(&k, engine_next_open(k.engine, 2)).id), 2);
        kit_end(&k);
}

static void test_beats_keep_a_person_present(void **state_)
{
        Kit k;

        kit_begin(&k);
        for (int t = 0; t < 600; t += 60) {
                at(&k, t);
                presence(&k, "w01", true);
        }
        at(&k, 600);
        assert_true(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        at(&k, 800);
        assert_false(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        presence(&k, "w01", true);
        assert_true(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        kit_end(&k);
}

static void test_the_will_counts_from_the_last_beat_and_a_retained_copy_not_at_all(void **state_)
{
        Kit k;
        Event ev = {.type = EVENT_PRESENCE, .retained = true};

        kit_begin(&k);
        presence(&k, "w01", true);
        at(&k, 100);
        presence(&k, "w01", false);
        (void)str_copy(ev.source, CODE_SIZE, "w01");
        ev.presence.online = true;
        step(&k, &ev);
        assert_true(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        at(&k, 180);
        assert_false(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        kit_end(&k);
}

static void test_presence_is_not_expected_of_plain_clients_and_unknown_before_the_first_beat(void **state_)
{
        Kit k;

        kit_begin(&k);
        presence(&k, "w04", true);
        at(&k, 1000);
        assert_true(engine_worker_on(k.engine, kit_worker(&k, "w04"), k.now));
        assert_true(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        kit_end(&k);
}

static void test_after_the_brokers_return_everybody_is_unknown_again(void **state_)
{
        Kit k;
        Event ev = {.type = EVENT_SYSTEM, .system = {.cause = SYSTEM_BROKER, .raise = true}};

        kit_begin(&k);
        presence(&k, "w01", true);
        at(&k, 200);
        step(&k, &ev);
        ev.system.raise = false;
        step(&k, &ev);
        assert_true(engine_worker_on(k.engine, kit_worker(&k, "w01"), k.now));
        kit_end(&k);
}

static void test_the_owner_lost_before_arrival_is_asked_once(void **state_)
{
        Kit k;

        kit_begin(&k);
        presence(&k, "w01", true);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        forget(&k);
        at(&k, 180);
        assert_int_equal(rows(&k, JOURNAL_RECONFIRM), 1);
        assert_int_equal(notified_why(&k, "w01", REASON_RECONFIRM), 1);
        at(&k, 239);
        assert_int_equal(state(&k, 1), STATE_ACCEPTED);
        at(&k, 240);
        assert_int_equal(state(&k, 1), STATE_ALERTING);
        assert_int_equal(tier(&k, 1), 2);
        kit_end(&k);
}

static void test_the_owner_lost_on_scene_has_ten_minutes(void **state_)
{
        Kit k;

        kit_begin(&k);
        presence(&k, "w01", true);
        press(&k, "sos-101", "1");
        act(&k, ACTION_ACCEPT, "w01", 1);
        act(&k, ACTION_ARRIVED, "w01", 1);
        at(&k, 181);
        assert_int_equal((view(&k, 1).handle_by_us - k.start_wall_us) / 1000000, 780);
        kit_end(&k);
}

static void test_scopes(void **state_)
{
        Kit k;
        const Registry *r;

        kit_begin(&k);
        r = &k.registry;
        assert_true(roster_covers(r, registry_worker(r, kit_worker(&k, "w01")), 2, 1, 1));
        assert_false(roster_covers(r, registry_worker(r, kit_worker(&k, "w01")), 3, 3, 4));
        assert_true(roster_covers(r, registry_worker(r, kit_worker(&k, "s01")), 3, 3, 4)); /* grids below */
        assert_true(roster_covers(r, registry_worker(r, kit_worker(&k, "c01")), 0, 0, 0));
        assert_true(roster_covers(r, registry_worker(r, kit_worker(&k, "f101")), 2, 1, 1));
        assert_false(roster_covers(r, registry_worker(r, kit_worker(&k, "f101")), 2, 2, 2));
        assert_false(roster_covers(r, registry_worker(r, kit_worker(&k, "f101")), 2, 0, 0));
        assert_int_equal(roster_sole_resident(r, 1), 1);
        assert_int_equal(roster_sole_resident(r, 2), 0); /* two */
        assert_int_equal(roster_sole_resident(r, 0), 0);
        kit_end(&k);
}

static void test_rights(void **state_)
{
        assert_int_equal(role_rights(ROLE_FAMILY), 0);
        assert_int_equal(role_rights(ROLE_NEIGHBOUR), 0);
        assert_int_equal(role_rights(ROLE_PROPERTY_GUARD), 0);
        assert_int_equal(role_rights(ROLE_WORKER), RIGHT_ACCEPT | RIGHT_ON_SITE | RIGHT_RESOLVE);
        for (Role r = ROLE_COMMUNITY; r < ROLE_MAX; r++)
                assert_true(role_rights(r) & RIGHT_SUPERVISE);
}

static void test_words_go_both_ways(void **state_)
{
        Role role;
        Class class;
        AlarmKind kind;
        ActionKind action;
        DeviceClass device;

        for (Role r = 0; r < ROLE_MAX; r++)
                assert_true(role_parse(role_word(r), &role) && role == r);
        for (Class c = 0; c < CLASS_MAX; c++)
                assert_true(class_parse(class_word(c), &class) && class == c);
        for (DeviceClass d = 0; d < DEVICE_CLASS_MAX; d++)
                assert_true(device_class_parse(device_class_word(d), &device) && device == d);
        for (AlarmKind a = 0; a < ALARM_UNKNOWN; a++)
                assert_true(alarm_kind_parse(alarm_kind_word(a), &kind) && kind == a);
        for (ActionKind a = 0; a < ACTION_UNKNOWN; a++)
                assert_true(action_kind_parse(action_kind_word(a), &action) && action == a);
        for (Reason r = 0; r < REASON_MAX; r++)
                assert_non_null(reason_word(r));
        assert_false(role_parse("", &role) || role_parse("x", &role) || role_parse(NULL, &role));
        assert_false(alarm_kind_parse("unknown", &kind));
        assert_false(device_class_parse("x", &device) || action_kind_parse("x", &action) || class_parse("x", &class));
        for (Group g = 0; g < GROUP_MAX; g++)
                assert_true(group_word(g)[0] != 0);
        assert_string_equal(reason_word(REASON_NONE), "");
        assert_string_equal(state_word(STATE_ON_SCENE), "on_scene");
        assert_string_equal(journal_kind_word(JOURNAL_TEST), "test");
}

/* Everybody who covers a place is found near it, in the order of the ids, whatever the place. */
static void test_near(void **state_)
{
        Kit k;
        const Registry *r = &k.registry;

        kit_begin(&k);
        for (uint32_t dwelling = 0; dwelling < r->n_dwellings; dwelling++)
                for (uint32_t resident = 0; resident < r->n_residents; resident++) {
                        uint32_t near = 0, before = 0;

                        for (uint32_t id = 1; id < r->n_workers; id++) {
                                const Worker *w = registry_worker(r, id);

                                if (!w || !roster_covers(r, w, 0, dwelling, resident))
                                        continue;
                                while (near < id) {
                                        near = roster_near(r, near, dwelling, resident);
                                        assert_true(near > before);
                                        before = near;
                                }
                                assert_int_equal(near, id);
                        }
                }
        assert_int_equal(roster_near(r, r->n_workers, 1, 1), 0);
        kit_end(&k);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_near),
                cmocka_unit_test(test_a_worker_without_a_roster_is_always_on_duty),
                cmocka_unit_test(test_the_weekly_pattern_over_midnight),
                cmocka_unit_test(test_checking_out_and_in),
                cmocka_unit_test(test_off_with_open_matters_is_refused),
                cmocka_unit_test(test_an_off_of_yesterday_does_not_silence_todays_shift),
                cmocka_unit_test(test_who_comes_on_duty_by_the_table_is_called_with_the_next_call),
                cmocka_unit_test(test_a_new_registry_calls_who_has_become_eligible),
                cmocka_unit_test(test_presence_lost_counts_as_not_reachable_but_is_still_called),
                cmocka_unit_test(test_beats_keep_a_person_present),
                cmocka_unit_test(test_the_will_counts_from_the_last_beat_and_a_retained_copy_not_at_all),
                cmocka_unit_test(
                        test_presence_is_not_expected_of_plain_clients_and_unknown_before_the_first_beat),
                cmocka_unit_test(test_after_the_brokers_return_everybody_is_unknown_again),
                cmocka_unit_test(test_the_owner_lost_before_arrival_is_asked_once),
                cmocka_unit_test(test_the_owner_lost_on_scene_has_ten_minutes),
                cmocka_unit_test(test_scopes),
                cmocka_unit_test(test_rights),
                cmocka_unit_test(test_words_go_both_ways),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
