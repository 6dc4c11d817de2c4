/* SPDX-License-Identifier: Apache-2.0 */
#include "engine-kit.h"

#include "base/assert.h"
#include "base/idmap.h"
#include "base/str.h"
#include "engine/code-index.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS_MAX 4096
#define KEYS_MAX 4096
#define R(x)     (1u << ROLE_##x)

/* The community: two grids of a street, dwelling 102 has two residents, 201 is in the other grid. */
static Grid grids[] = {{0}, {"street", "街道", 0}, {"g1", "一号网格", 1}, {"g2", "二号网格", 1}};
static Dwelling dwellings[] = {{0}, {"101", "1", "1", "示例路1号101", "", 2},
        {"102", "1", "1", "示例路1号102", "", 2}, {"201", "2", "2", "示例路2号201", "", 3}};
static Resident residents[] = {{0}, {.code = "r101", .name = "张虚构", .dwelling = 1},
        {.code = "r102a", .name = "李示例", .dwelling = 2},
        {.code = "r102b", .name = "王示例", .dwelling = 2},
        {.code = "r201", .name = "赵虚构", .dwelling = 3}};
static Device devices[] = {{0}, {"sos-101", NULL, DEVICE_BUTTON, 1, 0, 0},
        {"smoke-101", NULL, DEVICE_SMOKE, 1, 0, 0}, {"gas-101", NULL, DEVICE_GAS, 1, 0, 0},
        {"band-101", NULL, DEVICE_WRISTBAND, 0, 1, 0}, {"sos-102", NULL, DEVICE_BUTTON, 2, 0, 0},
        {"pend-102a", NULL, DEVICE_PENDANT, 0, 2, 0}, {"pend-102b", NULL, DEVICE_PENDANT, 0, 3, 0},
        {"smoke-201", NULL, DEVICE_SMOKE, 3, 0, 0}, {"sos-201", NULL, DEVICE_BUTTON, 3, 0, 0},
        {"smoke-102", NULL, DEVICE_SMOKE, 2, 0, 0}, {"smoke2-101", NULL, DEVICE_SMOKE, 1, 0, 0}};
static const Worker workers_all[] = {{0},
        {"w01", "网格员一", "", ROLE_WORKER, CLIENT_APP, SCOPE_GRID, 2, NULL},
        {"w02", "后备", "", ROLE_BACKUP, CLIENT_APP, SCOPE_GRID, 2, NULL},
        {"f101", "家属", "", ROLE_FAMILY, CLIENT_APP, SCOPE_RESIDENT, 1, NULL},
        {"d01", "社区", "", ROLE_COMMUNITY, CLIENT_APP, SCOPE_GRID, 2, NULL},
        {"s01", "街道", "", ROLE_STREET, CLIENT_APP, SCOPE_GRID, 1, NULL},
        {"c01", "区", "", ROLE_DISTRICT, CLIENT_APP, SCOPE_SITE, 0, NULL},
        {"o01", "运维", "", ROLE_OPERATOR, CLIENT_APP, SCOPE_SITE, 0, NULL},
        {"w03", "网格员三", "", ROLE_WORKER, CLIENT_APP, SCOPE_GRID, 3, NULL},
        {"w04", "网格员四", "", ROLE_WORKER, CLIENT_PLAIN, SCOPE_GRID, 3, NULL}};
static Worker workers[sizeof(workers_all) / sizeof(workers_all[0])];

static void tier_set(ClassPolicy *p, unsigned tier_number, double seconds, uint32_t roles)
{
        p->tiers[tier_number - 1] =
                (Tier){.present = true, .delay_us = (uint64_t)(seconds * 1e6), .roles = roles};
}

static ClassPolicy class_policy(uint8_t priority, double renotify, double arrive, double handle)
{
        return (ClassPolicy){.priority = priority,
                .renotify_us = (uint64_t)(renotify * 1e6),
                .receipt_us = 10000000,
                .loop_us = priority <= 2   ? 120000000ull
                           : priority == 3 ? 1800000000ull
                                           : 86400000000ull,
                .arrive_by_us = (uint64_t)(arrive * 1e6),
                .handle_by_us = (uint64_t)(handle * 1e6),
                .arrive_max_us = priority == 1 ? 1800000000ull : (uint64_t)(2 * arrive * 1e6),
                .reopen_us = priority == 1 ? 900000000ull : 300000000ull,
                .outcomes = 0x7f};
}

/* The class defaults of SEMANTICS.md section 5. */
static const RequestPolicy request_policy = {
        .hours = {.days = 0x3e, .n = 2, .spans = {{510, 720}, {840, 1050}}},
        .assign_us = 4 * USEC_PER_HOUR,
        .waiting_us = 5 * USEC_PER_DAY,
        .call_back_us = USEC_PER_DAY,
        .urgent = "救命 着火 晕倒 SOS"};

static ClassPolicy request_ladder(void)
{
        ClassPolicy k = class_policy(5, 0, 0, 0);

        k.loop_us = USEC_PER_DAY;
        tier_set(&k, 1, 0, R(WORKER) | R(COMMUNITY));
        tier_set(&k, 2, 172800, R(STREET));
        tier_set(&k, 3, 432000, R(DISTRICT));
        return k;
}

static void policy_defaults(Policy *p)
{
        static const char *outcomes[] = {"helped", "hospital", "fire_service", "false_alarm",
                "no_help_needed", "device_fault", "other"};
        static const double sos[] = {0, 30, 60, 150, 300}, fire[] = {0, 0, 30, 90, 180},
                            fall[] = {0, 60, 180, 600, 1200}, urgent[] = {0, 600, 1800, 3600, 0},
                            fault[] = {0, 14400, 86400, 172800, 0}, digest[] = {0, 604800, 1209600, 0, 0};
        const uint32_t t2 = R(BACKUP) | R(BUILDING_HEAD) | R(FAMILY);

        *p = (Policy){.default_grid = "g1",
                .presence_lost_us = 180000000,
                .presence_grace_us = 1000000000000000 /* 31 years: most tests say nothing of presence */,
                .requests = request_policy};
        for (unsigned i = 0; i < 7; i++)
                (void)str_copy(p->outcomes[i], WORD_SIZE, outcomes[i]);
        for (Class c = 0; c < CLASS_MAX; c++) {
                ClassPolicy *k = &p->classes[c];
                const double *d = sos;

                switch (c) {
                case CLASS_SOS: *k = class_policy(1, 20, 900, 1800); break;
                case CLASS_SMOKE:
                case CLASS_GAS:
                        *k = class_policy(1, 15, 600, 1800);
                        d = fire;
                        break;
                case CLASS_FALL:
                case CLASS_VITAL_CRITICAL:
                case CLASS_WANDERING:
                        *k = class_policy(2, 60, 1800, 3600);
                        d = fall;
                        break;
                case CLASS_VITAL_URGENT:
                case CLASS_INACTIVITY:
                case CLASS_CHECK:
                        *k = class_policy(3, 300, 3600, 14400);
                        d = urgent;
                        break;
                case CLASS_FAULT:
                        *k = class_policy(4, 7200, 86400, 172800);
                        d = fault;
                        break;
                case CLASS_BATTERY:
                        *k = class_policy(5, 0, 0, 0);
                        d = digest;
                        break;
                case CLASS_REQUEST:
                case CLASS_REQUEST_KEY:
                case CLASS_REQUEST_HARD: *k = request_ladder(); continue;
                case CLASS_SYSTEM:
                        *k = class_policy(2, 60, 0, 0);
                        tier_set(k, 1, 0, R(OPERATOR));
                        tier_set(k, 3, 60, R(COMMUNITY) | R(NIGHT_DESK));
                        tier_set(k, 5, 300, R(DISTRICT));
                        continue;
                case CLASS_MAX: break;
                }
                tier_set(k, 1, d[0], R(WORKER));
                tier_set(k, 2, d[1], t2);
                tier_set(k, 3, d[2], R(COMMUNITY) | R(NIGHT_DESK));
                if (d[3] > 0)
                        tier_set(k, 4, d[3], R(STREET));
                if (d[4] > 0)
                        tier_set(k, 5, d[4], R(DISTRICT));
        }
}

static void limits_defaults(void)
{
        static const VitalLimits none = {{NAN, NAN, NAN, NAN, NAN, NAN}, {NAN, NAN, NAN, NAN, NAN, NAN}};
        static const VitalLimits some = {{50, 92, 90, 50, 35.5, NAN}, {120, NAN, 180, 110, 38.5, NAN}};

        for (unsigned i = 0; i < sizeof(residents) / sizeof(residents[0]); i++)
                residents[i].limits = &none;
        residents[1].limits = &some;
}

void kit_index(Kit *k)
{
        size_t size = code_index_size(&k->registry);

        free(k->index);
        k->index = calloc(1, size);
        assert_non_null(k->index);
        k->registry.code_index = code_index_build(k->index, size, &k->registry);
}

static void registry_begin(Kit *k)
{
        memcpy(workers, workers_all, sizeof(workers));
        limits_defaults();
        k->registry = (Registry){.n_ref = 1,
                .grids = grids,
                .dwellings = dwellings,
                .residents = residents,
                .devices = devices,
                .workers = workers,
                .n_grids = sizeof(grids) / sizeof(grids[0]),
                .n_dwellings = sizeof(dwellings) / sizeof(dwellings[0]),
                .n_residents = sizeof(residents) / sizeof(residents[0]),
                .n_devices = sizeof(devices) / sizeof(devices[0]),
                .n_workers = sizeof(workers) / sizeof(workers[0])};
        kit_index(k);
}

/* In the spare memory. */
static Engine *engine_begin(Kit *k)
{
        size_t size = (engine_size(&k->limits) + 63) / 64 * 64;
        Engine *e;

        if (k->spare_size != size) { /* new, or a test has changed the limits */
                free(k->spare);
                k->spare = aligned_alloc(64, size);
                k->spare_size = size;
        }
        assert_non_null(k->spare);
        memset(k->spare, 0, size);
        e = engine_init(k->spare, size, &k->limits, &k->policy);
        engine_registry_set(e, &k->registry);
        return e;
}

static void spare_take(Kit *k)
{
        void *other = k->memory;
        size_t other_size = k->memory_size;

        k->memory = k->spare;
        k->memory_size = k->spare_size;
        k->spare = other;
        k->spare_size = other_size;
}

void kit_begin_with(Kit *k, uint32_t incidents_max, uint32_t keys_max)
{
        memset(k, 0, sizeof(*k));
        k->limits = (Limits){.incidents_max = incidents_max, .keys_max = keys_max};
        policy_defaults(&k->policy);
        registry_begin(k);
        k->effects = calloc(KIT_EFFECTS, sizeof(Effect));
        k->rows = calloc(ROWS_MAX, sizeof(StateRow));
        k->keys = calloc(KEYS_MAX, sizeof(KeyRow));
        k->marks = calloc(KEYS_MAX, sizeof(MarkRow));
        assert_true(k->effects && k->rows && k->keys && k->marks);
        k->start_boot_us = 1000 * USEC_PER_SEC;
        k->start_wall_us = (int64_t)1764295200 * 1000000; /* 2025-11-28 02:00 UTC, 10:00 in China */
        k->now = (Now){.wall_us = k->start_wall_us,
                .boot_us = k->start_boot_us,
                .boot = 1,
                .trusted = true,
                .utc_s = 8 * 3600};
        k->next_seq = 1;
        k->engine = engine_begin(k);
        spare_take(k);
}

void kit_begin(Kit *k)
{
        kit_begin_with(k, 64, 256);
}

void kit_end(Kit *k)
{
        free(k->memory);
        free(k->spare);
        free(k->index);
        free(k->effects);
        free(k->rows);
        free(k->keys);
        free(k->marks);
}

static void restore_into(const Kit *k, Engine *e)
{
        engine_numbers_set(e, engine_next_incident(k->engine), k->next_seq);
        for (uint32_t id = 1; id < ROWS_MAX; id++)
                if (k->rows[id].id && k->rows[id].state != STATE_CLOSED)
                        assert_int_equal(engine_restore(e, &k->rows[id], k->now), 0);
        for (uint32_t i = 0; i < k->n_keys; i++)
                engine_restore_key(e, &k->keys[i]);
        for (uint32_t i = 0; i < k->n_marks; i++)
                if (k->marks[i].value)
                        engine_restore_mark(e, &k->marks[i]);
}

void kit_restart(Kit *k)
{
        Engine *e = engine_begin(k);

        restore_into(k, e);
        spare_take(k);
        k->engine = e;
        engine_check(e);
}

void kit_reboot(Kit *k, double down, bool trusted)
{
        k->now.wall_us += (int64_t)(down * 1e6);
        k->start_boot_us =
                5 * USEC_PER_SEC - (k->now.boot_us - k->start_boot_us) - (uint64_t)(int64_t)(down * 1e6);
        k->now.boot_us = 5 * USEC_PER_SEC;
        k->now.boot++;
        k->now.trusted = trusted;
        kit_restart(k);
        k->unchecked_rows = true;
}

uint32_t kit_worker(const Kit *k, const char *code)
{
        uint32_t id = registry_worker_id(&k->registry, code);

        if (!id)
                fail_msg("no worker %s", code);
        return id;
}

void kit_remove_worker(Kit *k, const char *code)
{
        workers[kit_worker(k, code)].code = NULL;
        kit_index(k);
}

void kit_set_client(Kit *k, const char *code, Client client)
{
        workers[kit_worker(k, code)].client = client;
}

/* What holds for every list */

static void take_state(Kit *k, const Effect *e)
{
        assert_true(e->incident < ROWS_MAX);
        if (!engine_state_row(k->engine, e->incident, k->now, &k->rows[e->incident]))
                fail_msg("no state row of incident %llu", (unsigned long long)e->incident);
}

static void take_mark(Kit *k, const MarkRow *mark)
{
        uint32_t i = 0;

        while (i < k->n_marks && (k->marks[i].kind != mark->kind || k->marks[i].id != mark->id))
                i++;
        assert_true(i < KEYS_MAX);
        k->marks[i] = *mark;
        if (i == k->n_marks)
                k->n_marks++;
}

static void check_list(Kit *k)
{
        const EffectList *l = &k->list;

        for (uint32_t i = 0; i < l->n; i++) {
                const Effect *e = &l->effects[i];

                switch (e->type) {
                case EFFECT_JOURNAL:
                        assert_int_equal(e->seq, k->next_seq);
                        k->next_seq++;
                        break;
                case EFFECT_NOTIFY:
                        assert_int_equal(e->urgency, URGENCY_RAISE);
                        assert_true(i > 0);
                        assert_int_equal(l->effects[i - 1].type == EFFECT_JOURNAL ||
                                                 l->effects[i - 1].type == EFFECT_STATE,
                                true);
                        assert_int_equal(e->seq, k->next_seq - 1);
                        break;
                case EFFECT_STATE:
                        for (uint32_t j = 0; j < i; j++)
                                assert_false(l->effects[j].type == EFFECT_STATE &&
                                             l->effects[j].incident == e->incident);
                        take_state(k, e);
                        break;
                case EFFECT_KEY:
                        assert_true(k->n_keys < KEYS_MAX);
                        k->keys[k->n_keys++] = e->key;
                        break;
                case EFFECT_ALERT:
                case EFFECT_RECEIPT:
                case EFFECT_LAMP:
                case EFFECT_REPLY:
                case EFFECT_VIEW:
                        assert_int_equal(e->urgency, URGENCY_CALM);
                        assert_true(e->seq < engine_next_seq(k->engine));
                        break;
                case EFFECT_MARK: take_mark(k, &e->mark); break;
                case EFFECT_DUTY:
                case EFFECT_READING: break;
                }
                assert_true(k->n < KIT_EFFECTS);
                k->effects[k->n++] = *e;
        }
        assert_int_equal(k->next_seq, engine_next_seq(k->engine));
}

static void assert_same_row(const StateRow *a, const StateRow *b)
{
        if (a->blob_size != b->blob_size || memcmp(a, b, offsetof(StateRow, blob)) != 0 ||
                memcmp(a->blob, b->blob, a->blob_size) != 0) {
                for (uint32_t i = 0; i < a->blob_size && i < b->blob_size; i++)
                        if (a->blob[i] != b->blob[i]) {
                                fail_msg("incident %llu: stored and real state differ at byte %u",
                                        (unsigned long long)a->id, i);
                        }
                fail_msg("incident %llu: stored and real columns differ", (unsigned long long)a->id);
        }
}

/* restore(database) == engine */
static void check_restore(Kit *k)
{
        Engine *e = engine_begin(k);
        StateRow real, restored;

        memset(&real, 0, sizeof(real));
        memset(&restored, 0, sizeof(restored));
        restore_into(k, e);
        engine_check(e);
        for (uint64_t id = engine_next_held(k->engine, 0); id; id = engine_next_held(k->engine, id)) {
                assert_true(engine_state_row(k->engine, id, k->now, &real));
                assert_same_row(&k->rows[id], &real);
                assert_true(engine_state_row(e, id, k->now, &restored));
                assert_same_row(&restored, &real);
        }
        assert_int_equal(engine_open_count(e), engine_open_count(k->engine));
}

static void checks(Kit *k)
{
        engine_check(k->engine);
        if (!k->unchecked_rows)
                check_restore(k);
}

static void settle(Kit *k, int r)
{
        check_list(k);
        while (r == ENGINE_E_MORE) {
                r = engine_expire(k->engine, k->now, &k->list);
                check_list(k);
        }
        assert_int_equal(r, 0);
        checks(k);
}

/* After a long wait the oldest effects are of no interest. Returns where the next ones will be. */
static uint32_t compact(Kit *k)
{
        if (k->n > KIT_EFFECTS / 2) {
                k->n -= KIT_EFFECTS / 4;
                memmove(k->effects, k->effects + KIT_EFFECTS / 4, k->n * sizeof(Effect));
        }
        return k->n;
}

/* The apps confirm what has reached them. */
static void phones(Kit *k, uint32_t from)
{
        uint32_t upto = k->n;

        for (uint32_t i = from; !k->phones_off && i < upto; i++) {
                const Effect *e = &k->effects[i];
                Event ev;

                if (e->type != EFFECT_NOTIFY || e->notify.channel != CHANNEL_APP)
                        continue;
                ev = action_of(ACTION_DELIVERED, workers[e->notify.worker].code, e->incident, NULL);
                ev.action.seq = e->seq;
                settle(k, engine_step(k->engine, &ev, k->now, &k->list));
        }
}

static void clock_to(Kit *k, uint64_t boot_us)
{
        assert_true(boot_us >= k->now.boot_us);
        k->now.wall_us += (int64_t)(boot_us - k->now.boot_us);
        k->now.boot_us = boot_us;
}

void at(Kit *k, double seconds)
{
        uint64_t target = k->start_boot_us + (uint64_t)(int64_t)llround(seconds * 1e6);
        uint32_t from;

        assert_true(target >= k->now.boot_us);
        for (;;) {
                uint64_t due = engine_deadline(k->engine);

                if (due > target)
                        break;
                if (due > k->now.boot_us)
                        clock_to(k, due);
                from = compact(k);
                settle(k, engine_expire(k->engine, k->now, &k->list));
                phones(k, from);
        }
        clock_to(k, target);
}

void sleep_until(Kit *k, double seconds)
{
        uint32_t from = compact(k);

        clock_to(k, k->start_boot_us + (uint64_t)(int64_t)llround(seconds * 1e6));
        settle(k, engine_expire(k->engine, k->now, &k->list));
        phones(k, from);
}

void step(Kit *k, Event *ev)
{
        /* As the inbox does it: a key of (type, source, id), a digest of the content. */
        uint64_t key =
                idmap_mix(idmap_hash(ev->source, strlen(ev->source)), idmap_hash(ev->id, strlen(ev->id)));
        uint64_t digest =
                ev->type == EVENT_ALARM ? idmap_mix(ev->alarm.kind, 7) : idmap_mix(ev->action.kind, 9);
        uint32_t from;

        if (ev->id[0]) {
                memcpy(ev->key, &key, sizeof(key));
                ev->key[15] = (uint8_t)(ev->type + 1);
        }
        memcpy(ev->digest, &digest, sizeof(digest));
        settle(k, engine_expire(k->engine, k->now, &k->list));
        from = compact(k);
        settle(k, engine_step(k->engine, ev, k->now, &k->list));
        phones(k, from);
}

/* Events */

Event device_event(AlarmKind kind, const char *device, const char *id)
{
        Event ev = {.type = EVENT_ALARM, .via = VIA_MQTT};

        ev.alarm.kind = kind;
        (void)str_copy(ev.alarm.word, WORD_SIZE, kind == ALARM_UNPARSED ? "" : alarm_kind_word(kind));
        (void)str_copy(ev.source, CODE_SIZE, device);
        (void)str_copy(ev.id, EVENT_ID_SIZE, id ? id : "");
        return ev;
}

Event action_of(ActionKind kind, const char *worker, uint64_t incident, const char *nonce)
{
        Event ev = {.type = EVENT_ACTION, .via = VIA_MQTT};

        ev.action.kind = kind;
        ev.action.incident = incident;
        (void)str_copy(ev.source, CODE_SIZE, worker);
        (void)str_copy(ev.id, EVENT_ID_SIZE, nonce ? nonce : "");
        return ev;
}

void alarm(Kit *k, AlarmKind kind, const char *device, const char *id)
{
        Event ev = device_event(kind, device, id);

        step(k, &ev);
}

void press(Kit *k, const char *device, const char *id)
{
        alarm(k, ALARM_SOS, device, id);
}

void act(Kit *k, ActionKind kind, const char *worker, uint64_t incident)
{
        Event ev = action_of(kind, worker, incident, NULL);

        step(k, &ev);
}

void resolve(Kit *k, const char *worker, uint64_t incident, const char *outcome)
{
        Event ev = action_of(ACTION_RESOLVE, worker, incident, NULL);

        (void)str_copy(ev.action.outcome, WORD_SIZE, outcome);
        step(k, &ev);
}

void vitals(Kit *k, const char *device, Vital vital, double value)
{
        Event ev = {.type = EVENT_VITALS, .via = VIA_MQTT};

        (void)str_copy(ev.source, CODE_SIZE, device);
        ev.vitals.has = 1u << vital;
        ev.vitals.value[vital] = value;
        step(k, &ev);
}

StatusEvent nothing_said(void)
{
        return (StatusEvent){STATUS_UNSAID};
}

void status_says(Kit *k, const char *device, StatusEvent says)
{
        Event ev = {.type = EVENT_STATUS, .via = VIA_MQTT};

        (void)str_copy(ev.source, CODE_SIZE, device);
        ev.status = says;
        step(k, &ev);
}

void status(Kit *k, const char *device)
{
        status_says(k, device, nothing_said());
}

void kit_policy(Kit *k)
{
        engine_policy_set(k->engine, &k->policy);
        roster_changed(k);
}

uint32_t kit_device(const Kit *k, const char *code)
{
        uint32_t id = registry_device_id(&k->registry, code);

        if (!id)
                fail_msg("no device %s", code);
        return id;
}

void presence(Kit *k, const char *worker, bool online)
{
        Event ev = {.type = EVENT_PRESENCE, .via = VIA_MQTT};

        (void)str_copy(ev.source, CODE_SIZE, worker);
        ev.presence.online = online;
        step(k, &ev);
}

void roster_changed(Kit *k)
{
        Event ev = {.type = EVENT_ROSTER};

        step(k, &ev);
}

/* What came out */

static uint32_t who(const Kit *k, const char *worker)
{
        return str_equal(worker, "exec") ? 0 : kit_worker(k, worker);
}

uint32_t notified(const Kit *k, const char *worker)
{
        uint32_t id = who(k, worker), n = 0;

        for (uint32_t i = 0; i < k->n; i++)
                n += k->effects[i].type == EFFECT_NOTIFY && k->effects[i].notify.worker == id;
        return n;
}

uint32_t notified_why(const Kit *k, const char *worker, Reason reason)
{
        uint32_t id = who(k, worker), n = 0;

        for (uint32_t i = 0; i < k->n; i++)
                n += k->effects[i].type == EFFECT_NOTIFY && k->effects[i].notify.worker == id &&
                     k->effects[i].notify.reason == reason;
        return n;
}

uint32_t rows(const Kit *k, JournalKind kind)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < k->n; i++)
                n += k->effects[i].type == EFFECT_JOURNAL && k->effects[i].journal.kind == kind;
        return n;
}

const JournalRow *row(const Kit *k, JournalKind kind)
{
        for (uint32_t i = k->n; i-- > 0;)
                if (k->effects[i].type == EFFECT_JOURNAL && k->effects[i].journal.kind == kind)
                        return &k->effects[i].journal;
        return NULL;
}

const Effect *newest(const Kit *k, EffectType type)
{
        for (uint32_t i = k->n; i-- > 0;)
                if (k->effects[i].type == type)
                        return &k->effects[i];
        return NULL;
}

uint32_t count(const Kit *k, EffectType type)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < k->n; i++)
                n += k->effects[i].type == type;
        return n;
}

void forget(Kit *k)
{
        k->n = 0;
}

void expect_notified(Kit *k, const char *worker, ...)
{
        bool expected[64] = {false};
        va_list args;

        va_start(args, worker);
        for (const char *w = worker; w; w = va_arg(args, const char *))
                expected[who(k, w)] = true;
        va_end(args);
        for (uint32_t i = 0; i < k->n; i++) {
                uint32_t id = k->effects[i].notify.worker;

                if (k->effects[i].type == EFFECT_NOTIFY && !expected[id])
                        fail_msg("%s was called, and should not have been", id ? workers[id].code : "exec");
        }
        for (uint32_t id = 0; id < 64; id++) {
                bool called = false;

                for (uint32_t i = 0; i < k->n; i++)
                        called = called ||
                                 (k->effects[i].type == EFFECT_NOTIFY && k->effects[i].notify.worker == id);
                if (expected[id] && !called)
                        fail_msg("%s was not called", id ? workers[id].code : "exec");
        }
        forget(k);
}

void expect_nobody(Kit *k)
{
        assert_int_equal(count(k, EFFECT_NOTIFY), 0);
        forget(k);
}

void expect_reply(const Kit *k, ReplyResult result, Reason reason)
{
        const Effect *e = newest(k, EFFECT_REPLY);

        assert_non_null(e);
        assert_string_equal(reply_result_word(e->reply.result), reply_result_word(result));
        assert_string_equal(reason_word(e->reply.reason), reason_word(reason));
}

Lamp lamp(const Kit *k, const char *device)
{
        for (uint32_t i = k->n; i-- > 0;)
                if (k->effects[i].type == EFFECT_LAMP && str_equal(k->effects[i].lamp.source, device))
                        return k->effects[i].lamp.lamp;
        return LAMP_MAX;
}

IncidentView view(const Kit *k, uint64_t incident)
{
        IncidentView v = {0};

        if (!engine_view(k->engine, incident, k->now, &v))
                fail_msg("no incident %llu", (unsigned long long)incident);
        return v;
}

State state(const Kit *k, uint64_t incident)
{
        return view(k, incident).state;
}

uint8_t tier(const Kit *k, uint64_t incident)
{
        return view(k, incident).tier;
}

Event request_of(const char *worker, const char *resident, const char *text)
{
        Event ev = action_of(ACTION_REQUEST, worker, 0, "");

        (void)str_copy(ev.action.target, CODE_SIZE, resident);
        (void)str_copy(ev.action.text, TEXT_SIZE, text);
        return ev;
}

void replied(Kit *k, Event ev, ReplyResult result, Reason reason)
{
        step(k, &ev);
        expect_reply(k, result, reason);
}
