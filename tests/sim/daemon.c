/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon under simulation: what gateway.c puts together, with a port that is the simulated network.
 *
 * Death is a longjmp out of whatever the daemon was doing; then its memory goes, and the disk keeps what it
 * had.
 */
#include "tests/sim/sim.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "engine/code-index.h"
#include "protocols/codec/codec.h"

#include <math.h>
#include <string.h>

#define ENGINE_BYTES_MAX (64u << 20)

static struct {
        Store *store;
        Engine *engine;
        void *memory;
        size_t bytes;
        Inbox *inbox;
        Outbox *outbox;
        Turn *turn;
        Codec *codec;
        Port ports[1];
        uint64_t armed_us, timer_serial;
        bool in_turn;
} d;

static const Limits limits = {.incidents_max = 256, .keys_max = 4096};
static Registry registry;
static Policy policy;
static StateRow row_living, row_restored;

/* The world's people and places: built once. */

static const char *const person_codes[] = {
        NULL, "w01", "w02", "b01", "f101", "n101", "d01", "s01", "c01", "o01"};
static const Role person_roles[] = {ROLE_MAX, ROLE_WORKER, ROLE_BACKUP, ROLE_BUILDING_HEAD, ROLE_FAMILY,
        ROLE_NEIGHBOUR, ROLE_COMMUNITY, ROLE_STREET, ROLE_DISTRICT, ROLE_OPERATOR};
static const char *const device_codes[] = {
        NULL, "sos-101", "sos-102", "smoke-101", "gas-102", "band-101", "band-102"};

const char *person_code(uint32_t i)
{
        return i + 1 < sizeof(person_codes) / sizeof(person_codes[0]) ? person_codes[i + 1] : NULL;
}

const char *device_code(uint32_t i)
{
        return i + 1 < sizeof(device_codes) / sizeof(device_codes[0]) ? device_codes[i + 1] : NULL;
}

static void build_registry(void)
{
        static Grid grids[] = {{0}, {.code = "c1"}, {.code = "s1", .parent = 1}, {.code = "d1", .parent = 2},
                {.code = "g1", .parent = 3}};
        static Dwelling dwellings[] = {{0}, {.code = "101", .building = "1", .grid = 4},
                {.code = "102", .building = "1", .grid = 4}};
        static Resident residents[] = {
                {0}, {.code = "r101", .dwelling = 1}, {.code = "r102", .dwelling = 2}};
        static Device devices[8] = {{0}};
        static Worker workers[16] = {{0}};
        static const DeviceClass classes[] = {DEVICE_CLASS_MAX, DEVICE_BUTTON, DEVICE_BUTTON, DEVICE_SMOKE,
                DEVICE_GAS, DEVICE_WRISTBAND, DEVICE_WRISTBAND};
        static void *index;

        if (index)
                return;
        for (uint32_t i = 1; i < 7; i++) {
                uint32_t home = i == 2 || i == 4 || i == 6 ? 2 : 1;

                devices[i] = (Device){.code = device_codes[i],
                        .class = classes[i],
                        .dwelling = home,
                        .resident = classes[i] == DEVICE_WRISTBAND ? home : 0};
        }
        for (uint32_t i = 1; i < 10; i++)
                workers[i] = (Worker){.code = person_codes[i],
                        .role = person_roles[i],
                        .client = i == 4 || i == 5 ? CLIENT_PLAIN : CLIENT_APP,
                        .scope = i < 4 ? SCOPE_GRID : SCOPE_SITE,
                        .scope_id = i < 4 ? 4 : 0};
        for (uint32_t r = 1; r < 3; r++)
                for (int v = 0; v < VITAL_MAX; v++)
                        residents[r].limits.min[v] = residents[r].limits.max[v] = (double)NAN;
        registry = (Registry){.n_ref = 1,
                .grids = grids,
                .dwellings = dwellings,
                .residents = residents,
                .devices = devices,
                .workers = workers,
                .n_grids = 5,
                .n_dwellings = 3,
                .n_residents = 3,
                .n_devices = 7,
                .n_workers = 10};
        index = calloc(1, code_index_size(&registry));
        ASSERT(index);
        registry.code_index = code_index_build(index, code_index_size(&registry), &registry);
}

#define TIER(delay_s, role_bits)                                                                            \
        {                                                                                                   \
                .present = true, .delay_us = (delay_s)*USEC_PER_SEC, .roles = (role_bits)                   \
        }
#define BIT(role) (1u << (role))
#define HELPERS   (BIT(ROLE_BACKUP) | BIT(ROLE_BUILDING_HEAD) | BIT(ROLE_FAMILY))

static void build_policy(void)
{
        const ClassPolicy sos = {.priority = 1,
                .tiers = {TIER(0, BIT(ROLE_WORKER)), TIER(30, HELPERS), TIER(60, BIT(ROLE_COMMUNITY)),
                        TIER(150, BIT(ROLE_STREET)), TIER(300, BIT(ROLE_DISTRICT))},
                .renotify_us = 20 * USEC_PER_SEC,
                .receipt_us = 10 * USEC_PER_SEC,
                .loop_us = 120 * USEC_PER_SEC,
                .arrive_by_us = 15 * USEC_PER_MIN,
                .handle_by_us = 30 * USEC_PER_MIN,
                .arrive_max_us = 30 * USEC_PER_MIN,
                .reopen_us = 15 * USEC_PER_MIN,
                .outcomes = 3};
        ClassPolicy other = sos;

        memset(&policy, 0, sizeof(policy));
        for (int c = 0; c < CLASS_MAX; c++)
                policy.classes[c] = sos;
        other.priority = 3;
        other.tiers[1].delay_us = 600 * USEC_PER_SEC;
        other.tiers[2].delay_us = 1800 * USEC_PER_SEC;
        other.tiers[3].delay_us = 3600 * USEC_PER_SEC;
        other.tiers[4].present = false;
        other.renotify_us = 300 * USEC_PER_SEC;
        other.loop_us = 30 * USEC_PER_MIN;
        other.arrive_by_us = USEC_PER_HOUR;
        other.handle_by_us = 4 * USEC_PER_HOUR;
        other.arrive_max_us = 2 * USEC_PER_HOUR;
        policy.classes[CLASS_CHECK] = policy.classes[CLASS_FAULT] = policy.classes[CLASS_REQUEST] = other;
        policy.classes[CLASS_VITAL_URGENT] = policy.classes[CLASS_BATTERY] = other;
        policy.classes[CLASS_SYSTEM] = (ClassPolicy){.priority = 2,
                .tiers = {TIER(0, BIT(ROLE_OPERATOR)), TIER(60, BIT(ROLE_COMMUNITY)),
                        TIER(300, BIT(ROLE_DISTRICT))},
                .renotify_us = 60 * USEC_PER_SEC,
                .receipt_us = 10 * USEC_PER_SEC,
                .loop_us = 120 * USEC_PER_SEC,
                .reopen_us = 5 * USEC_PER_MIN,
                .outcomes = 3};
        (void)str_copy(policy.outcomes[0], WORD_SIZE, "helped");
        (void)str_copy(policy.outcomes[1], WORD_SIZE, "other");
        (void)str_copy(policy.default_grid, CODE_SIZE, "g1");
        policy.presence_lost_us = 180 * USEC_PER_SEC;
        policy.presence_grace_us = 60 * USEC_PER_SEC;
        policy.exec_channels = 1;
        policy.exec_priority = 2;
}

/* The network port */

void maybe_die(double p)
{
        if (world.calm || !world.alive || !chance(p))
                return;
        trace("the daemon dies%s", d.in_turn ? " in the middle of a turn" : "");
        longjmp(world.death, 1);
}

static void sent_later(uint64_t arg);

typedef struct Sent {
        uint64_t incident, seq, serial;
        uint32_t worker;
        uint8_t channel;
} Sent;

static Sent sents[4096];
static uint64_t n_sents, life; /* life: callbacks of an earlier daemon mean nothing to the next */

static int net_alert(void *port, const PortAlert *a)
{
        maybe_die(world.faults.crash);
        if (a->channel == CHANNEL_EXEC || world.broker_up) {
                Sent *s = &sents[n_sents++ % 4096];

                world.alerts++;
                if (a->channel != CHANNEL_EXEC && !chance(world.faults.loss))
                        people_alert(a);
                *s = (Sent){.incident = a->incident,
                        .seq = a->seq,
                        .serial = life,
                        .worker = a->worker,
                        .channel = (uint8_t)a->channel};
                later(rnd_between(100, 50000), sent_later, (uint64_t)(s - sents));
                return 0;
        }
        return PORT_E_DOWN;
}

static void net_receipt(void *port, const PortReceipt *r)
{
        maybe_die(world.faults.crash);
        if (r->seq > disk_last_seq())
                broken("I8: a receipt implies a row that survives", "receipt %llu, disk %llu",
                        (unsigned long long)r->seq, (unsigned long long)disk_last_seq());
        if (r->event_id[0] && !disk_has_event(r->event_id))
                broken("I8: a receipt implies a row that survives", "%s of %s is not on the disk",
                        r->event_id, r->device);
        if (world.broker_up && !chance(world.faults.loss))
                devices_receipt(r->device, r->event_id, r->incident, r->seq);
}

static void net_reply(void *port, const PortReply *r)
{
        bool told_recorded = strstr(r->json, "\"recorded\":false") == NULL;
        const char *seq = strstr(r->json, "\"seq\":");
        unsigned long long n = 0;

        maybe_die(world.faults.crash);
        if (seq && sscanf(seq + 6, "%llu", &n) == 1 && told_recorded && n > disk_last_seq())
                broken("I9: no action is confirmed without its row", "%s, disk %llu", r->json,
                        (unsigned long long)disk_last_seq());
        if (world.broker_up && !chance(world.faults.loss))
                people_reply(r->worker_code, r->json);
}

static void net_lamp(void *port, const char *device, uint64_t incident, Lamp lamp, bool open)
{
        StateRow row;

        maybe_die(world.faults.crash);
        if ((lamp == LAMP_ACCEPTED || lamp == LAMP_ARRIVED) &&
                (!disk_state(incident, &row) || !row.accepted_us))
                broken("the lamp is lit only when it is true", "%s %s", device, lamp_word(lamp));
        if (world.broker_up)
                devices_lamp(device, lamp);
}

static const PortOps net_ops = {
        .name = "net", .alert = net_alert, .receipt = net_receipt, .reply = net_reply, .lamp = net_lamp};

/* The turn's host */

static void timer_due(uint64_t serial)
{
        if (world.alive && serial == d.timer_serial)
                daemon_turn();
}

static void host_arm(void *userdata, uint64_t boot_us)
{
        uint64_t now = clock_now().boot_us;

        if (boot_us == d.armed_us && boot_us > now)
                return;
        d.armed_us = boot_us;
        d.timer_serial++;
        if (boot_us != UINT64_MAX)
                later(boot_us > now ? boot_us - now : 0, timer_due, d.timer_serial);
}

static void system_event(SystemCause cause, bool raise)
{
        Event *e = inbox_event(d.inbox);

        ASSERT(e);
        e->type = EVENT_SYSTEM;
        e->system = (SystemEvent){.cause = cause, .raise = raise};
        inbox_push(d.inbox, e);
}

static void host_degraded(void *userdata, bool begins, const char *why)
{
        trace("degraded mode %s%s%s", begins ? "begins: " : "ends", begins ? why : "", "");
        if (!begins)
                (void)turn_note(d.turn, JOURNAL_STORAGE, "{}");
        system_event(SYSTEM_STORE, begins);
}

static void host_anew(void *userdata, const char *why)
{
}

static void host_journaled(void *userdata, const Effect *e)
{
        const Worker *w = registry_worker(&registry, e->journal.worker);

        trace("#%llu %s incident %llu tier %u round %u %s %s%s", (unsigned long long)e->seq,
                journal_kind_word(e->journal.kind), (unsigned long long)e->incident, e->journal.tier,
                e->journal.round, w ? w->code : "", reason_word((Reason)e->journal.reason),
                e->journal.late ? " (late)" : "");
}

Engine *daemon_engine(void)
{
        return d.engine;
}

const Registry *daemon_registry(void)
{
        return &registry;
}

static void outbox_row(void *userdata, uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq)
{
        outbox_restore(d.outbox, incident, worker, channel, seq);
}

void daemon_start(void)
{
        StoreStart start = {0};
        Event *e;

        build_registry();
        build_policy();
        life++;
        d.bytes = engine_size(&limits);
        d.memory = aligned_alloc(64, (d.bytes + 63) / 64 * 64);
        ASSERT(d.memory);
        memset(d.memory, 0, d.bytes);
        ASSERT(store_open(&d.store, &(StoreConfig){0}, &start) == 0);
        d.engine = engine_init(d.memory, d.bytes, &limits, &policy);
        engine_numbers_set(d.engine, start.next_incident, start.next_seq);
        engine_registry_set(d.engine, &registry);
        ASSERT(inbox_new(&d.inbox, 64) == 0);
        ASSERT(outbox_new(&d.outbox, d.engine, "sim") == 0);
        outbox_registry_set(d.outbox, &registry);
        ASSERT(store_restore(d.store, d.engine, clock_now(), outbox_row, NULL) == 0);
        if (!d.codec)
                ASSERT(codec_new(&d.codec) == 0);
        d.armed_us = 0;
        ASSERT(turn_new(&d.turn, d.engine, d.store, d.inbox, d.outbox,
                       &(TurnHost){.arm = host_arm,
                               .degraded = host_degraded,
                               .anew = host_anew,
                               .journaled = host_journaled}) == 0);
        d.ports[0] = (Port){.ops = &net_ops, .via = VIA_MQTT, .channels = ~0u};
        turn_ports_set(d.turn, d.ports, 1);
        outbox_ports_set(d.outbox, d.ports, 1);
        turn_registry_set(d.turn, &registry);
        world.alive = true;
        (void)turn_note(d.turn, JOURNAL_START, "{}");
        e = inbox_event(d.inbox);
        e->type = EVENT_ROSTER;
        inbox_push(d.inbox, e);
        outbox_adopt(d.outbox, clock_now());
        turn_adopt(d.turn);
        trace("the daemon starts: %u open", engine_open_count(d.engine));
        daemon_turn();
        outbox_resend(d.outbox, clock_now());
}

void daemon_wake(uint64_t arg)
{
        if (!world.alive)
                daemon_start();
}

void daemon_die(void)
{
        world.alive = false;
        world.deaths++;
        d.timer_serial++;
        d.in_turn = false;
        turn_free(d.turn);
        outbox_free(d.outbox);
        inbox_free(d.inbox);
        store_free(d.store);
        free(d.memory);
        d.turn = NULL;
        d.outbox = NULL;
        d.inbox = NULL;
        d.store = NULL;
        d.memory = NULL;
        disk_power_cut();
        if (chance(world.faults.reboot)) {
                /* A box without a clock chip: 1970, and nobody says what time it is. */
                world.boot++;
                world.boot_at_us = world.now_us;
                world.trusted = chance(0.5);
                world.wall_off_us = world.trusted ? 1790000000ll * 1000000 : -(int64_t)world.now_us;
        }
        later(chance(0.1) ? rnd_between(1, 20) * USEC_PER_MIN : rnd_between(50, 3000) * USEC_PER_MSEC,
                daemon_wake, 0);
}

/* The broker is back, and knows nothing. */
void daemon_connected(void)
{
        if (world.alive)
                outbox_resend(d.outbox, clock_now());
}

void daemon_check(void)
{
        Now now = clock_now();

        engine_check(d.engine);
        if (engine_deadline(d.engine) <= now.boot_us)
                broken("nothing that is due is left behind by a turn", "deadline %llu, now %llu",
                        (unsigned long long)engine_deadline(d.engine), (unsigned long long)now.boot_us);
        for (uint64_t id = engine_next_open(d.engine, 0); id; id = engine_next_open(d.engine, id)) {
                IncidentView v;

                ASSERT(engine_view(d.engine, id, now, &v));
                if (v.state == STATE_ALERTING && !v.next_tier_us)
                        broken("I2: every open incident has the timers of its state",
                                "incident %llu has no next tier", (unsigned long long)id);
        }
}

static void restore_one(const StateRow *row, void *userdata)
{
        if (row->state != STATE_CLOSED)
                ASSERT(engine_restore(userdata, row, clock_now()) == 0);
}

/* When everything is on the disk, what a restart would restore is what lives. */
static void compare_restored(void)
{
        void *memory;
        Engine *e;

        if (!turn_is_clean(d.turn) || !chance(0.02))
                return;
        memory = aligned_alloc(64, (d.bytes + 63) / 64 * 64);
        ASSERT(memory);
        memset(memory, 0, d.bytes);
        e = engine_init(memory, d.bytes, &limits, &policy);
        engine_numbers_set(e, engine_next_incident(d.engine), engine_next_seq(d.engine));
        engine_registry_set(e, &registry);
        disk_each_state(restore_one, e);
        for (uint64_t id = engine_next_held(d.engine, 0); id; id = engine_next_held(d.engine, id)) {
                memset(&row_living, 0, sizeof(row_living));
                memset(&row_restored, 0, sizeof(row_restored));
                ASSERT(engine_state_row(d.engine, id, clock_now(), &row_living));
                if (!engine_state_row(e, id, clock_now(), &row_restored))
                        broken("I6: restore(db) == engine", "incident %llu is not in the database",
                                (unsigned long long)id);
                if (row_living.blob_size != row_restored.blob_size ||
                        memcmp(row_living.blob, row_restored.blob, row_living.blob_size) != 0 ||
                        row_living.state != row_restored.state || row_living.tier != row_restored.tier ||
                        row_living.due_boot_us != row_restored.due_boot_us ||
                        row_living.owner != row_restored.owner)
                        broken("I6: restore(db) == engine",
                                "incident %llu: state %s/%s tier %u/%u due %llu/%llu",
                                (unsigned long long)id, state_word(row_living.state),
                                state_word(row_restored.state), row_living.tier, row_restored.tier,
                                (unsigned long long)row_living.due_boot_us,
                                (unsigned long long)row_restored.due_boot_us);
        }
        world.compared++;
        free(memory);
}

void daemon_turn(void)
{
        if (!world.alive)
                return;
        world.turns++;
        d.in_turn = true;
        (void)turn_run(d.turn);
        d.in_turn = false;
        daemon_check();
        compare_restored();
}

void daemon_store(void)
{
        if (!world.alive)
                return;
        turn_store(d.turn);
        compare_restored();
}

static void sent_later(uint64_t arg)
{
        const Sent *s = &sents[arg];

        if (!world.alive || s->serial != life)
                return;
        turn_sent(d.turn, s->incident, s->worker, s->channel, s->seq, true);
        daemon_turn();
}

bool daemon_alarm(const char *device, const char *id, const char *json, bool retained)
{
        Event *e;

        if (!world.alive || !world.broker_up || !(e = inbox_event(d.inbox)))
                return false;
        e->type = EVENT_ALARM;
        e->via = VIA_MQTT;
        e->retained = retained;
        (void)str_copy(e->source, sizeof(e->source), device);
        ASSERT(inbox_body(e, json, strlen(json)) == 0);
        codec_read_alarm(d.codec, e, NULL);
        inbox_push(d.inbox, e);
        daemon_turn();
        return true;
}

bool daemon_action(const char *worker, const char *json)
{
        Event *e;

        if (!world.alive || !world.broker_up || !(e = inbox_event(d.inbox)))
                return false;
        e->type = EVENT_ACTION;
        e->via = VIA_MQTT;
        (void)str_copy(e->source, sizeof(e->source), worker);
        ASSERT(inbox_body(e, json, strlen(json)) == 0);
        codec_read_action(d.codec, e);
        inbox_push(d.inbox, e);
        daemon_turn();
        return true;
}
