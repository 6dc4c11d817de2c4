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
#include "protocols/codec/codec.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct {
        Store *store;
        Engine *engine;
        Inbox *inbox;
        Outbox *outbox;
        Turn *turn;
        Codec *codec;
        Port ports[1];
        uint64_t armed_us, timer_serial;
        bool in_turn, broker_raised, any_clean;
        uint32_t clean_n;
} d;

void (*row_listener)(const Effect *journal);

static Limits limits;
static StateRow row_living, row_restored;

/*
 * Memory of an engine, all zero, as the daemon's own: pages that are not touched cost nothing. A fresh mapping for each
 * life would be a fifth of a run's time in the kernel, so it is mapped once, and what the life before has touched, which
 * is what is resident, is cleared. What is not (never touched, or swapped out) is given back, and comes as zeros.
 */
#define ENGINE_PAGES 2048

typedef struct Memory {
        char *p;
        size_t bytes;
} Memory;

static Memory living, restored;

static void *memory_take(Memory *m, size_t bytes)
{
        static unsigned char resident[ENGINE_PAGES];
        const size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (bytes + page - 1) / page;

        ASSERT(pages <= ENGINE_PAGES);
        if (m->bytes != pages * page) {
                if (m->p)
                        (void)munmap(m->p, m->bytes); /* ours, whole */
                m->bytes = pages * page;
                m->p = mmap(NULL, m->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                ASSERT(m->p != MAP_FAILED);
                return m->p;
        }
        ASSERT(mincore(m->p, m->bytes, resident) == 0);
        for (size_t i = 0, n; i < pages; i += n) {
                for (n = 1; i + n < pages && (resident[i + n] & 1) == (resident[i] & 1); n++)
                        ;
                if (resident[i] & 1)
                        memset(m->p + i * page, 0, n * page);
                else
                        ASSERT(madvise(m->p + i * page, n * page, MADV_DONTNEED) == 0);
        }
        return m->p;
}

/* The network port */

void maybe_die(double p)
{
        if (!world.alive || !fault(FAULT_CRASH, p))
                return;
        trace("the daemon dies%s", d.in_turn ? " in the middle of a turn" : "");
        longjmp(world.death, 1);
}

typedef struct Sent {
        uint64_t incident, seq;
        uint32_t worker;
        uint8_t channel;
        bool ok;
} Sent;

/* Taken by a channel, not yet told: the reports of one moment come together. */
static Sent sents[4096];
static uint32_t n_sents;
static uint64_t life; /* callbacks of an earlier daemon mean nothing to the next */

/*
 * Encoding notices is most of a run's time, and the codec has tests of its own: most seeds send what their people
 * read and only the bodies that the disk is asked about, every sixteenth all of it.
 */
bool __real_notice_json(
        const IncidentView *, const NoticeContext *, char *ret, size_t cap, size_t *ret_size);
bool __wrap_notice_json(
        const IncidentView *, const NoticeContext *, char *ret, size_t cap, size_t *ret_size);
bool __real_notice_text(const IncidentView *, const NoticeContext *, char *ret, size_t cap);
bool __wrap_notice_text(const IncidentView *, const NoticeContext *, char *ret, size_t cap);

int __real_record_json(
        const JournalRow *, const RecordContext *, char **buffer, size_t *cap, size_t *ret_size);
int __wrap_record_json(
        const JournalRow *, const RecordContext *, char **buffer, size_t *cap, size_t *ret_size);

bool __wrap_notice_json(
        const IncidentView *v, const NoticeContext *c, char *ret, size_t cap, size_t *ret_size)
{
        const char *const parts[] = {
                "{\"state\":\"", state_word(v->state), "\",\"needs\":\"", c->needs, "\"}"};
        size_t n = 0;

        if (world_in_full())
                return __real_notice_json(v, c, ret, cap, ret_size);
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
                size_t m = strlen(parts[i]);

                ASSERT(n + m < cap);
                memcpy(ret + n, parts[i], m);
                n += m;
        }
        ret[n] = '\0';
        *ret_size = n;
        return true;
}

bool __wrap_notice_text(const IncidentView *v, const NoticeContext *c, char *ret, size_t cap)
{
        if (world_in_full())
                return __real_notice_text(v, c, ret, cap);
        ret[0] = '\0';
        return true;
}

int __wrap_record_json(
        const JournalRow *j, const RecordContext *c, char **buffer, size_t *cap, size_t *ret_size)
{
        if (world_in_full() || j->kind == JOURNAL_EVENT || j->kind == JOURNAL_TEST || !*buffer)
                return __real_record_json(j, c, buffer, cap, ret_size);
        (*buffer)[0] = '\0'; /* large enough since the first */
        *ret_size = 0;
        return 0;
}

static void sents_report(uint64_t serial)
{
        uint32_t n = n_sents;

        if (!world.alive || serial != life)
                return;
        n_sents = 0;
        for (uint32_t i = 0; i < n; i++) {
                const Sent *s = &sents[i];

                watch_sent(s->incident, s->worker, s->channel, s->seq);
                turn_sent(d.turn, s->incident, s->worker, s->channel, s->seq, s->ok);
        }
        daemon_turn();
}

/* A program's message has its turn when its end is reported; until then it can be withdrawn, or say something newer. */
static int program_change(const PortAlert *a)
{
        for (uint32_t i = 0; i < n_sents; i++)
                if (sents[i].incident == a->incident && sents[i].worker == a->worker &&
                        sents[i].channel == a->channel) {
                        if (!a->json)
                                sents[i] = sents[--n_sents];
                        return 0;
                }
        return PORT_E_ADDRESS;
}

static int net_alert(void *port, const PortAlert *a)
{
        bool program = a->channel == CHANNEL_EXEC, taken = program || world.broker_up;

        if (a->channel >= CHANNEL_EXEC && (a->refresh || !a->json))
                return program_change(a);
        maybe_die(CRASH_RARE);
        watch_call(a, taken);
        if (!taken)
                return PORT_E_DOWN;
        world.alerts++;
        if (program || !fault(FAULT_LOSS, 0.3))
                people_alert(a);
        if (!a->json || n_sents == sizeof(sents) / sizeof(sents[0]))
                return 0;
        if (n_sents == 0)
                later(rnd_between(STREAM_NET, 100, 50000), sents_report, life);
        sents[n_sents++] = (Sent){.incident = a->incident,
                .seq = a->seq,
                .worker = a->worker,
                .channel = (uint8_t)a->channel,
                .ok = !program || !fault(FAULT_LOSS, 0.1)};
        return 0;
}

static void net_receipt(void *port, const PortReceipt *r)
{
        maybe_die(CRASH_RARE);
        watch_receipt(r);
        trace("receipt to %s: %s incident %llu row %llu", r->device, r->event_id,
                (unsigned long long)r->incident, (unsigned long long)r->seq);
        if (world.broker_up && !fault(FAULT_LOSS, 0.3))
                devices_receipt(r);
}

static void net_reply(void *port, const PortReply *r)
{
        maybe_die(CRASH_RARE);
        watch_reply(r->json);
        if (world.broker_up && !fault(FAULT_LOSS, 0.3))
                people_reply(r->worker_code, r->json);
}

static void net_lamp(void *port, const char *device, uint64_t incident, Lamp lamp, bool open)
{
        maybe_die(CRASH_RARE);
        watch_lamp(device, incident, lamp);
        if (world.broker_up)
                devices_lamp(device, incident, lamp);
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

static void system_push(SystemCause cause, bool raise)
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
        system_push(SYSTEM_STORE, begins);
}

static void host_anew(void *userdata, const char *why)
{
        system_push(SYSTEM_STORE, true);
}

static void host_view(void *userdata, const Effect *e) /* nobody asks here */
{
}

static void host_journaled(void *userdata, const Effect *e)
{
        if (world.trace) {
                const Worker *w = registry_worker(sim_registry, e->journal.worker);

                trace("#%llu %s incident %llu %s tier %u round %u %s %s%s", (unsigned long long)e->seq,
                        journal_kind_word(e->journal.kind), (unsigned long long)e->incident,
                        e->incident ? class_word((Class)e->journal.class) : "", e->journal.tier,
                        e->journal.round, w ? w->code : "", reason_word((Reason)e->journal.reason),
                        e->journal.late ? " (late)" : "");
        }
        world.rows++;
        if (row_listener)
                row_listener(e);
        watch_row(e);
}

Engine *daemon_engine(void)
{
        return d.engine;
}

bool daemon_degraded(void)
{
        return world.alive && turn_is_degraded(d.turn);
}

static void outbox_row(void *userdata, uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq)
{
        outbox_restore(d.outbox, incident, worker, channel, seq);
}

static void parts_new(void)
{
        StoreStart start = {0};
        size_t bytes;

        limits = (Limits){.incidents_max = world.incidents_max, .keys_max = 4096};
        bytes = engine_size(&limits);
        (void)store_open(&d.store, &(StoreConfig){0}, &start); /* without a database it goes on, too */
        d.engine = engine_init(memory_take(&living, bytes), bytes, &limits, &sim_policy);
        engine_numbers_set(d.engine, start.next_incident, start.next_seq);
        engine_registry_set(d.engine, sim_registry);
        ASSERT(inbox_new(&d.inbox, 64) == 0);
        ASSERT(outbox_new(&d.outbox, d.engine, "sim") == 0);
        outbox_registry_set(d.outbox, sim_registry);
        ASSERT(store_restore(d.store, d.engine, clock_now(), outbox_row, NULL) == 0);
        if (!d.codec)
                ASSERT(codec_new(&d.codec) == 0);
}

void daemon_start(void)
{
        life++;
        n_sents = 0;
        parts_new();
        d.armed_us = 0;
        d.broker_raised = d.any_clean = false;
        ASSERT(turn_new(&d.turn, d.engine, d.store, d.inbox, d.outbox,
                       &(TurnHost){.arm = host_arm,
                               .degraded = host_degraded,
                               .anew = host_anew,
                               .journaled = host_journaled,
                               .view = host_view}) == 0);
        d.ports[0] = (Port){.ops = &net_ops, .via = VIA_MQTT, .channels = ~0u};
        turn_ports_set(d.turn, d.ports, 1);
        outbox_ports_set(d.outbox, d.ports, 1);
        turn_registry_set(d.turn, sim_registry);
        world.alive = true;
        trace("the daemon starts: %u open", engine_open_count(d.engine));
        watch_start();
        (void)turn_note(d.turn, JOURNAL_START, "{}");
        turn_adopt(d.turn);
        daemon_turn();
        outbox_resend(d.outbox, clock_now());
}

void daemon_merged(void)
{
        d.any_clean = false;
}

void daemon_wake(uint64_t arg)
{
        if (!world.alive)
                daemon_start();
}

void daemon_die(void)
{
        uint64_t after = rnd_between(STREAM_LIFE, 50, 3000) * USEC_PER_MSEC,
                 outage = rnd_between(STREAM_LIFE, 1, 180);
        bool reboot;

        if (rnd(STREAM_LIFE) % 4 == 0) /* long enough for a receipt or a tier to come due meanwhile */
                after *= 15;
        world.alive = false;
        world.deaths++;
        watch_death();
        d.timer_serial++;
        d.in_turn = false;
        turn_free(d.turn);
        outbox_free(d.outbox);
        inbox_free(d.inbox);
        store_free(d.store);
        d.turn = NULL;
        d.outbox = NULL;
        d.inbox = NULL;
        d.store = NULL;
        d.engine = NULL;
        disk_power_cut();
        if (world.by_hand)
                return;
        reboot = fault(FAULT_REBOOT, 0.5);
        daemon_restart(fault(FAULT_OUTAGE, 0.2) ? outage * USEC_PER_MIN : after, reboot,
                reboot && fault(FAULT_NO_CLOCK, 0.5));
}

static void broker_missed(uint64_t serial)
{
        if (!world.alive || world.broker_up || serial != life || d.broker_raised)
                return;
        d.broker_raised = true;
        system_push(SYSTEM_BROKER, true);
        daemon_turn();
}

void daemon_broker_gone(void)
{
        later(5 * USEC_PER_SEC, broker_missed, life);
}

void daemon_connected(void)
{
        if (!world.alive)
                return;
        if (d.broker_raised) {
                d.broker_raised = false;
                system_push(SYSTEM_BROKER, false);
                daemon_turn();
        }
        outbox_resend(d.outbox, clock_now());
}

void daemon_roster(void)
{
        if (world.alive)
                turn_look(d.turn);
}

void daemon_clock_stepped(void)
{
        if (!world.alive)
                return;
        (void)turn_note(d.turn, JOURNAL_CLOCK, "{}");
        daemon_roster();
        daemon_turn();
}

static void daemon_check(void)
{
        Now now = clock_now();

        engine_check(d.engine);
        if (engine_deadline(d.engine) > now.boot_us)
                watch_turn();
        else if (d.armed_us > now.boot_us) /* more than a turn's share is due: then the next one comes at once */
                broken("nothing that is due is left behind by a turn", "deadline %llu, now %llu, armed %llu",
                        (unsigned long long)engine_deadline(d.engine), (unsigned long long)now.boot_us,
                        (unsigned long long)d.armed_us);
}

static void restore_one(const StateRow *row, void *userdata)
{
        int r = row->state == STATE_CLOSED ? 0 : engine_restore(userdata, row, clock_now());

        if (row->state != STATE_CLOSED && row->boot != world.boot)
                broken("I6: what was restored is written down as it stands in this boot", "incident %llu",
                        (unsigned long long)row->id);
        if (r)
                broken("I6: what a restart would restore is what lives",
                        "incident %llu cannot be restored: %d", (unsigned long long)row->id, r);
}

static void compare_one(Engine *e, uint64_t id)
{
        memset(&row_restored, 0, offsetof(StateRow, blob));
        ASSERT(engine_state_row(d.engine, id, clock_now(), &row_living));
        (void)engine_state_row(e, id, clock_now(), &row_restored); /* not there: its id stays 0 */
        if (!row_restored.id)
                broken("I6: what a restart would restore is what lives",
                        "incident %llu is not in the database", (unsigned long long)id);
        if (row_living.blob_size != row_restored.blob_size ||
                memcmp(row_living.blob, row_restored.blob, row_living.blob_size) != 0 ||
                memcmp(&row_living, &row_restored, offsetof(StateRow, blob_size)) != 0)
                broken("I6: what a restart would restore is what lives",
                        "incident %llu: state %s/%s tier %u/%u due %llu/%llu", (unsigned long long)id,
                        state_word(row_living.state), state_word(row_restored.state), row_living.tier,
                        row_restored.tier, (unsigned long long)row_living.due_boot_us,
                        (unsigned long long)row_restored.due_boot_us);
}

/* When everything is on the disk, what a restart would restore is what lives. */
static void compare_restored(void)
{
        size_t bytes = engine_size(&limits);
        StoreStatus s;
        Engine *e;

        if (!turn_is_clean(d.turn))
                return;
        if (!world.history_lost && disk_outbox_count() != outbox_waiting(d.outbox))
                broken("I6: a restart would send what waits, and nothing else", "%u wait, %u on the disk",
                        outbox_waiting(d.outbox), disk_outbox_count());
        if (!d.any_clean)
                d.clean_n = 0; /* a start or a merge is looked at closely */
        d.any_clean = true;
        if (d.clean_n++ > 2 && !world.unsure && !chance(STREAM_CHECK, 0.005))
                return;
        e = engine_init(memory_take(&restored, bytes), bytes, &limits, &sim_policy);
        engine_numbers_set(e, engine_next_incident(d.engine), engine_next_seq(d.engine));
        engine_registry_set(e, sim_registry);
        memset(&row_living, 0, sizeof(row_living));
        memset(&row_restored, 0, sizeof(row_restored));
        disk_each_state(restore_one, e);
        for (uint64_t id = engine_next_held(d.engine, 0); id; id = engine_next_held(d.engine, id))
                compare_one(e, id);
        for (uint64_t id = engine_next_held(e, 0); id; id = engine_next_held(e, id))
                if (!engine_state_row(d.engine, id, clock_now(), &row_living))
                        broken("I6: what a restart would restore is what lives",
                                "incident %llu lives on the disk alone", (unsigned long long)id);
        world.compared++;
        store_peek(d.store, &s);
        if (world.unsure && !s.failing && !s.reopened) {
                world.unsure = false;
                watch_whole();
        }
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
        watch_store();
        compare_restored();
}

static Event *event_of(const char *source, EventType type, const char *body)
{
        Event *e;

        if (!world.alive || !world.broker_up || !(e = inbox_event(d.inbox)))
                return NULL;
        e->type = type;
        e->via = VIA_MQTT;
        (void)str_copy(e->source, sizeof(e->source), source);
        if (body)
                ASSERT(inbox_body(e, body, strlen(body)) == 0);
        return e;
}

static bool taken(Event *e)
{
        inbox_push(d.inbox, e);
        daemon_turn();
        return true;
}

bool daemon_alarm(const char *device, const char *id, const char *json, bool retained)
{
        Event *e = event_of(device, EVENT_ALARM, json);

        if (!e)
                return false;
        e->retained = retained;
        codec_read_alarm(d.codec, e, NULL);
        return taken(e);
}

bool daemon_vitals(const char *device, const char *json)
{
        Event *e = event_of(device, EVENT_VITALS, json);

        if (!e)
                return false;
        codec_read_vitals(d.codec, e);
        return taken(e);
}

bool daemon_status(const char *device, const char *json)
{
        Event *e = event_of(device, EVENT_STATUS, json);

        if (!e)
                return false;
        codec_read_status(d.codec, e);
        return taken(e);
}

/* What an app says, but for its numbers: read by the codec when it is said for the first time. */
typedef struct Said {
        char words[160];
        Event read;
} Said;

/* What follows `before` at p, and where it ends. NULL: it is something else. */

static const char *number_after(const char *p, const char *before, uint64_t *ret)
{
        const char *first = p + strlen(before);

        if (!str_starts(p, before))
                return NULL;
        *ret = 0;
        for (p = first; *p >= '0' && *p <= '9'; p++)
                *ret = 10 * *ret + (uint64_t)(*p - '0');
        return p > first && p - first < 20 ? p : NULL;
}

static const char *text_after(const char *p, const char *before, char *ret, size_t cap)
{
        size_t n;

        if (!str_starts(p, before))
                return NULL;
        p += strlen(before);
        n = strcspn(p, "\"\\");
        if (n == 0 || n >= cap)
                return NULL;
        (void)str_copyn(ret, cap, p, n); /* fits */
        return p + n;
}

/*
 * Decoding is a third of a run's time, and the codec has tests of its own. An app says some forty things, each with
 * other numbers: in most seeds only these numbers are read each time. Anything else goes the whole way.
 */
static void read_action(Event *e, const char *json)
{
        static Said said[128];
        static uint32_t n_said;
        char word[WORD_SIZE], nonce[64], words[160] = "";
        Str s = STR_BUFFER(words);
        uint64_t incident, seq;
        const char *p = json;
        uint32_t n;

        if (!world_in_full() && (p = number_after(p, "{\"incident\":", &incident)) &&
                (p = text_after(p, ",\"action\":\"", word, sizeof(word))) &&
                (p = text_after(p, "\",\"nonce\":\"", nonce, sizeof(nonce))) &&
                (p = number_after(p, "\",\"seq\":", &seq))) {
                str_add(&s, word);
                str_add(&s, p);
        }
        if (!words[0] || s.full) {
                codec_read_action(d.codec, e);
                return;
        }
        for (n = 0; n < n_said && !str_equal(said[n].words, words);)
                n++;
        if (n == n_said) {
                codec_read_action(d.codec, e);
                if (n_said == sizeof(said) / sizeof(said[0]))
                        return;
                n_said++;
                (void)str_copy(said[n].words, sizeof(said[n].words), words); /* fits */
                said[n].read = *e;
                return;
        }
        e->type = EVENT_ACTION;
        e->action = said[n].read.action;
        memcpy(e->why, said[n].read.why, sizeof(e->why));
        e->action.incident = incident;
        e->action.seq = seq;
        (void)str_copy(e->id, sizeof(e->id), nonce); /* as short as the codec asks */
}

bool daemon_action(const char *worker, const char *json, bool retained)
{
        Event *e = event_of(worker, EVENT_ACTION, json);

        if (!e)
                return false;
        e->retained = retained;
        read_action(e, json);
        return taken(e);
}

bool daemon_words(const char *worker, const char *text)
{
        Event *e = event_of(worker, EVENT_ACTION, text);

        if (!e)
                return false;
        codec_read_words(d.codec, e);
        return taken(e);
}

bool daemon_presence(const char *worker, bool online)
{
        Event *e = event_of(worker, EVENT_PRESENCE, NULL);

        if (!e)
                return false;
        e->presence.online = online;
        return taken(e);
}

void daemon_beats(bool (*alive)(uint32_t person))
{
        for (uint32_t i = 0; person_code(i); i++) {
                Event *e;

                if (person_is_plain(person_code(i)) || !alive(i))
                        continue;
                e = event_of(person_code(i), EVENT_PRESENCE, NULL);
                if (!e)
                        return;
                e->presence.online = true;
                inbox_push(d.inbox, e);
        }
        daemon_turn();
}
