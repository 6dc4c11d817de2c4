/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay: the journal once more through the engine, and what comes out held against what is written.
 *
 * Each row carries the clocks of its turn, so time goes as it went. A row is either produced by the engine (then it is
 * compared), or it is an input (an alarm, a person's action, a cause, a failed attempt: then it is given to the
 * engine, which must produce that very row), or a note of the gateway itself. A START row restores the engine from the
 * rows that it had, as a restart does. At the end the state rows are compared, too.
 *
 * What is not in the journal cannot be replayed: heartbeats and beats of apps (taken as regular), readings within
 * their limits, registries and configurations of other days (today's are used). A row that nothing here produces is
 * counted as not reproducible, its incident is left out of the comparison of states, and the numbers go on behind it.
 * The database is opened read-only and never written.
 */
#include "tools/huyingctl/huyingctl.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/idmap.h"
#include "base/str.h"
#include "limits.h"
#include "protocols/codec/codec.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>

#define STEP_US    (60 * USEC_PER_SEC) /* between the beats that are assumed */
#define STATES_MAX 65536
#define SHOWN_MAX  20

typedef struct Made { /* a row that the engine produced */
        uint64_t seq, incident;
        JournalKind kind;
        uint32_t worker, round;
        uint8_t tier, reason, state;
} Made;

typedef struct Start {
        uint64_t seq, next_incident;
} Start;

typedef struct Replay {
        Engine *engine;
        void *memory;
        size_t bytes;
        Limits limits;
        const Policy *policy;
        Registry *registry;
        Event event; /* the one that is being given */
        Codec *codec;
        EffectList list;
        Made *made;
        size_t n_made, made_max, made_first;
        KeyRow *keys;
        size_t n_keys, keys_max;
        int8_t duty[16384];
        int64_t duty_us[16384];
        MarkRow visits[16384]; /* the open ones */
        bool away[16384]; /* the app has been lost: no beats */
        StateRow *rows;   /* of a restart */
        size_t n_rows;
        Start *starts;
        size_t n_starts, starts_max;
        uint64_t *tainted;
        size_t n_tainted, tainted_max;
        Now now;
        bool started, json;
        int32_t utc_s;
        uint64_t n, same, inputs, notes, unmade, different, states, states_different;
        uint64_t unmade_kinds[JOURNAL_LAST + 1];
} Replay;

/* Columns of the query, in this order. */
enum {
        C_SEQ,
        C_T,
        C_TB,
        C_BOOT,
        C_TQ,
        C_KIND,
        C_INCIDENT,
        C_WORKER,
        C_SOURCE,
        C_ID,
        C_VIA,
        C_RETAINED,
        C_DEVICE_TIME,
        C_PAYLOAD,
        C_BASE64,
        C_TIER,
        C_ROUND,
        C_REASON,
        C_STATE,
        C_ALARM,
        C_WORD,
        C_CAUSE,
        C_ON,
        C_CHANNEL
};

/* A start leaves a gap in the incidents' numbers: what the next one to open was called. */
static const char starts_query[] =
        "SELECT s.seq, coalesce((SELECT o.incident FROM journal o WHERE o.kind = 20 AND o.seq > s.seq"
        " ORDER BY o.seq LIMIT 1), 0) FROM journal s WHERE s.kind = 1 ORDER BY s.seq";

static const char query[] =
        "SELECT seq, t, tb, boot, tq, kind, coalesce(incident, 0), coalesce(worker, 0), body->>'$.source',"
        " body->>'$.id', body->>'$.via', coalesce(body->>'$.retained', 0),"
        " CAST(coalesce(body->>'$.device_time', 0) * 1000000 AS INTEGER), body->'$.payload',"
        " body->>'$.payload_base64', coalesce(body->>'$.tier', 0), coalesce(body->>'$.round', 0),"
        " coalesce(body->>'$.reason', ''), coalesce(body->>'$.state', ''), body->>'$.kind', body->>'$.word',"
        " body->>'$.cause', coalesce(body->>'$.on', 0), coalesce(body->>'$.channel', '')"
        " FROM journal WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq";

static void *grown(void *p, size_t *max, size_t n, size_t size)
{
        if (n < *max)
                return p;
        *max = *max ? *max * 2 : 256;
        p = realloc(p, *max * size);
        ASSERT(p); /* a tool: nothing sensible is left to do */
        return p;
}

static void take(Replay *r)
{
        for (uint32_t i = 0; i < r->list.n; i++) {
                const Effect *e = &r->list.effects[i];

                if (e->type == EFFECT_JOURNAL) {
                        r->made = grown(r->made, &r->made_max, r->n_made, sizeof(Made));
                        r->made[r->n_made++] = (Made){.seq = e->seq,
                                .incident = e->incident,
                                .kind = e->journal.kind,
                                .worker = e->journal.worker,
                                .round = e->journal.round,
                                .tier = e->journal.tier,
                                .reason = e->journal.reason,
                                .state = e->journal.state};
                } else if (e->type == EFFECT_KEY) {
                        r->keys = grown(r->keys, &r->keys_max, r->n_keys, sizeof(KeyRow));
                        r->keys[r->n_keys++] = e->key;
                } else if (e->type == EFFECT_MARK) {
                        if (e->mark.kind == MARK_VISIT && e->mark.id < 16384)
                                r->visits[e->mark.id] = e->mark;
                } else if (e->type == EFFECT_DUTY && e->duty.worker < 16384) {
                        r->duty[e->duty.worker] = e->duty.on ? 1 : -1;
                        r->duty_us[e->duty.worker] = e->duty.wall_us;
                }
        }
}

static void expire(Replay *r, Now now)
{
        int more;

        do {
                more = engine_expire(r->engine, now, &r->list);
                take(r);
        } while (more == ENGINE_E_MORE);
}

/* As the inbox makes them, but for the hash: they only have to be the same for the same, within one replay. */
static void marks_set(Event *e)
{
        const char *word = e->type == EVENT_ALARM ? e->alarm.word : e->action.word;
        uint64_t type = (uint64_t)e->type + 1, source = idmap_hash(e->source, strlen(e->source)),
                 id = idmap_hash(e->id, strlen(e->id)),
                 body = idmap_hash(e->body ? e->body : "", e->body_size),
                 kind = (uint64_t)(e->type == EVENT_ALARM ? (int)e->alarm.kind : (int)e->action.kind),
                 what = idmap_mix(kind, idmap_hash(word, strlen(word)));

        if (e->type != EVENT_ALARM && e->type != EVENT_ACTION)
                return;
        if (e->id[0]) {
                uint64_t key[2] = {idmap_mix(type, source) | 1, idmap_mix(id, source)};

                memcpy(e->key, key, sizeof(key));
        }
        memcpy(e->digest, &(uint64_t[2]){body, what}, 2 * sizeof(uint64_t));
}

static void body_copy(Event *e, const void *bytes, size_t n)
{
        free(e->body);
        e->body = malloc(n + 1);
        ASSERT(e->body); /* a tool: nothing sensible is left to do */
        if (n > 0)
                memcpy(e->body, bytes, n);
        e->body[n] = '\0';
        e->body_size = (uint32_t)n;
}

static void step(Replay *r, Event *e, Now now)
{
        int more;

        marks_set(e);
        more = engine_step(r->engine, e, now, &r->list);
        take(r);
        if (more == ENGINE_E_MORE)
                expire(r, now);
}

static Event *event_new(Replay *r, EventType type)
{
        Event *e = &r->event;

        free(e->body);
        free(e->whole);
        *e = (Event){.type = type};
        e->via = VIA_MQTT;
        return e;
}

/* What the journal does not hold, and everybody does all the time: apps and devices are alive. */
static void beat(Replay *r, Now now)
{
        for (uint32_t id = 1; id < r->registry->n_workers && id < 16384; id++) {
                const Worker *w = registry_worker(r->registry, id);
                Event *e;

                if (!w || w->client != CLIENT_APP || r->away[id])
                        continue;
                e = event_new(r, EVENT_PRESENCE);
                e->presence.online = true;
                (void)str_copy(e->source, sizeof(e->source), w->code); /* a code fits */
                step(r, e, now);
        }
        for (uint32_t id = 1; id < r->registry->n_devices; id++) {
                const Device *d = registry_device(r->registry, id);
                Event *e;

                if (!d)
                        continue;
                e = event_new(r, EVENT_STATUS);
                e->status = (StatusEvent){STATUS_UNSAID};
                (void)str_copy(e->source, sizeof(e->source), d->code); /* a code fits */
                step(r, e, now);
        }
}

/* Time goes on to the next row, a minute at a time. */
static void time_goes_on(Replay *r, Now now)
{
        while (r->started && r->now.boot == now.boot && r->now.boot_us + STEP_US < now.boot_us) {
                r->now.boot_us += STEP_US;
                r->now.wall_us += (int64_t)STEP_US;
                expire(r, r->now);
                beat(r, r->now);
        }
        r->now = now;
}

/* Restart */

static void engine_begin(Replay *r)
{
        free(r->memory);
        r->memory = aligned_alloc(64, (r->bytes + 63) / 64 * 64);
        ASSERT(r->memory);
        memset(r->memory, 0, r->bytes);
        r->engine = engine_init(r->memory, r->bytes, &r->limits, r->policy);
        engine_registry_set(r->engine, r->registry);
}

static void restart(Replay *r, Now now)
{
        uint64_t next_incident = 1, next_seq = 1;
        Event *e;

        r->n_rows = 0;
        if (r->engine) {
                next_incident = engine_next_incident(r->engine);
                next_seq = engine_next_seq(r->engine);
                for (uint64_t id = engine_next_held(r->engine, 0); id && r->n_rows < STATES_MAX;
                        id = engine_next_held(r->engine, id)) {
                        StateRow *rows = realloc(r->rows, (r->n_rows + 1) * sizeof(StateRow));

                        ASSERT(rows);
                        r->rows = rows;
                        ASSERT(engine_state_row(r->engine, id, r->now, &r->rows[r->n_rows++]));
                }
        }
        engine_begin(r);
        engine_numbers_set(r->engine, next_incident, next_seq);
        for (size_t i = 0; i < r->n_rows; i++)
                (void)engine_restore(
                        r->engine, &r->rows[i], now); /* a row that is refused shows as a difference */
        for (size_t i = 0; i < r->n_keys; i++)
                engine_restore_key(r->engine, &r->keys[i]);
        for (uint32_t id = 1; id < 16384; id++)
                if (r->duty[id])
                        engine_restore_duty(r->engine, id, r->duty[id] > 0, r->duty_us[id]);
        for (uint32_t id = 1; id < 16384; id++)
                if (r->visits[id].value)
                        engine_restore_mark(r->engine, &r->visits[id]);
        memset(r->away, 0, sizeof(r->away));
        r->now = now;
        r->started = true;
        for (size_t i = 0; i < r->n_starts; i++)
                if (r->starts[i].seq == next_seq && r->starts[i].next_incident > next_incident)
                        next_incident = r->starts[i].next_incident;
        engine_numbers_set(r->engine, next_incident, next_seq + 1); /* the row that says START */
        e = event_new(r, EVENT_ROSTER);
        step(r, e, now);
        beat(r, now);
}

/* Inputs */

static const char *text_of(const AuditCell *c)
{
        return c->null || !c->text ? "" : c->text;
}

static void body_set(Event *e, const AuditCell *cells)
{
        const AuditCell *json = &cells[C_PAYLOAD], *coded = &cells[C_BASE64];
        _cleanup_(freep) unsigned char *bytes = NULL;
        int n;

        if (!json->null) {
                e->body_json = true;
                body_copy(e, json->text, json->n);
                return;
        }
        if (coded->null || coded->n == 0)
                return;
        bytes = malloc(coded->n / 4 * 3 + 4);
        ASSERT(bytes);
        n = EVP_DecodeBlock(bytes, (const unsigned char *)coded->text, (int)coded->n);
        for (size_t i = coded->n; n > 0 && i > 0 && coded->text[i - 1] == '='; i--)
                n--;
        if (n >= 0)
                body_copy(e, bytes, (size_t)n);
}

static EventVia via_of(const char *word)
{
        for (int v = 0; v < VIA_MAX; v++)
                if (str_equal(event_via_word((EventVia)v), word))
                        return (EventVia)v;
        return VIA_MQTT;
}

static Event *outside(Replay *r, EventType type, const AuditCell *cells)
{
        Event *e = event_new(r, type);

        e->via = via_of(text_of(&cells[C_VIA]));
        e->retained = cells[C_RETAINED].number != 0;
        (void)str_copy(e->source, sizeof(e->source), text_of(&cells[C_SOURCE])); /* as it was written */
        body_set(e, cells);
        return e;
}

static Event *alarm_of(Replay *r, const AuditCell *cells)
{
        Event *e = outside(r, EVENT_ALARM, cells);
        const char *kind = text_of(&cells[C_ALARM]);

        if (!alarm_kind_parse(kind, &e->alarm.kind))
                e->alarm.kind = str_equal(kind, "unparsed") ? ALARM_UNPARSED : ALARM_UNKNOWN;
        if (e->alarm.kind != ALARM_UNPARSED)
                (void)str_copy(e->alarm.word, sizeof(e->alarm.word), /* cut as it was */
                        e->alarm.kind == ALARM_UNKNOWN ? text_of(&cells[C_WORD]) : kind);
        (void)str_copy(e->id, sizeof(e->id), text_of(&cells[C_ID])); /* fits */
        e->device_us = cells[C_DEVICE_TIME].number;
        return e;
}

static Event *action_of(Replay *r, const AuditCell *cells)
{
        Event *e = outside(r, EVENT_ACTION, cells);

        if (!cells[C_PAYLOAD].null && cells[C_PAYLOAD].text[0] == '{')
                codec_read_action(r->codec, e);
        else
                codec_read_words(r->codec, e);
        (void)str_copy(e->id, sizeof(e->id), text_of(&cells[C_ID])); /* fits */
        return e;
}

static Channel channel_of(const char *word)
{
        for (int c = 0; c < CHANNEL_MAX; c++)
                if (str_equal(channel_word((Channel)c), word))
                        return (Channel)c;
        return CHANNEL_EXEC;
}

/* NULL: this row is no input. */
static Event *input_of(Replay *r, const AuditCell *cells)
{
        JournalKind kind = (JournalKind)cells[C_KIND].number;
        bool has = !cells[C_PAYLOAD].null || !cells[C_BASE64].null;
        Event *e;

        if (kind == JOURNAL_EVENT || (kind == JOURNAL_TEST && !cells[C_ALARM].null))
                return alarm_of(r, cells);
        if (has && kind != JOURNAL_READING && kind != JOURNAL_DEVICE)
                return action_of(r, cells);
        if (kind == JOURNAL_SYSTEM) {
                e = event_new(r, EVENT_SYSTEM);
                e->via = VIA_DAEMON;
                for (int c = 0; c < SYSTEM_CAUSE_MAX; c++)
                        if (str_equal(system_cause_word((SystemCause)c), text_of(&cells[C_CAUSE])))
                                e->system.cause = (SystemCause)c;
                e->system.raise = cells[C_ON].number != 0;
                return e;
        }
        if (kind == JOURNAL_ATTEMPT || kind == JOURNAL_DELIVERED) {
                e = event_new(r, EVENT_ATTEMPT);
                e->via = VIA_DAEMON;
                e->attempt = (AttemptEvent){.incident = (uint64_t)cells[C_INCIDENT].number,
                        .seq = UINT64_MAX,
                        .worker = (uint32_t)cells[C_WORKER].number,
                        .channel = (uint8_t)channel_of(text_of(&cells[C_CHANNEL])),
                        .delivered = kind == JOURNAL_DELIVERED};
                return e;
        }
        return NULL;
}

static bool is_note(JournalKind kind)
{
        return kind == JOURNAL_STOP || kind == JOURNAL_REGISTRY || kind == JOURNAL_CONFIG ||
               kind == JOURNAL_CLOCK || kind == JOURNAL_STORAGE || kind == JOURNAL_ADMIN ||
               kind == JOURNAL_START || kind == JOURNAL_AUDIT;
}

/* Comparing */

static void taint(Replay *r, uint64_t incident)
{
        if (!incident)
                return;
        r->tainted = grown(r->tainted, &r->tainted_max, r->n_tainted, sizeof(uint64_t));
        r->tainted[r->n_tainted++] = incident;
}

static bool is_tainted(const Replay *r, uint64_t incident)
{
        for (size_t i = 0; i < r->n_tainted; i++)
                if (r->tainted[i] == incident)
                        return true;
        return false;
}

static const Made *made_at(const Replay *r, uint64_t seq)
{
        for (size_t i = r->n_made; i-- > 0;) {
                if (r->made[i].seq == seq)
                        return &r->made[i];
                if (r->made[i].seq < seq)
                        return NULL;
        }
        return NULL;
}

static void compare(Replay *r, const AuditCell *cells, const Made *m)
{
        const char *reason = reason_word((Reason)m->reason),
                   *state = m->state ? state_word((State)m->state) : "";
        JournalKind kind = (JournalKind)cells[C_KIND].number;
        bool same = m->kind == kind && m->incident == (uint64_t)cells[C_INCIDENT].number &&
                    m->worker == (uint32_t)cells[C_WORKER].number && m->tier == cells[C_TIER].number &&
                    m->round == (uint32_t)cells[C_ROUND].number &&
                    str_equal(reason, text_of(&cells[C_REASON])) &&
                    str_equal(state, text_of(&cells[C_STATE]));

        if (same) {
                r->same++;
                return;
        }
        r->different++;
        taint(r, (uint64_t)cells[C_INCIDENT].number);
        if (r->different <= SHOWN_MAX)
                printf("#%" PRIi64 " 记录 / journal: %s %" PRIi64 " %s T%" PRIi64 " R%" PRIi64 " %s"
                       " — 重演 / replay: %s %" PRIu64 " %s T%u R%u %s\n",
                        cells[C_SEQ].number, journal_kind_word(kind), cells[C_INCIDENT].number,
                        text_of(&cells[C_REASON]), cells[C_TIER].number, cells[C_ROUND].number,
                        text_of(&cells[C_STATE]), journal_kind_word(m->kind), m->incident, reason, m->tier,
                        m->round, state);
}

static void not_made(Replay *r, const AuditCell *cells)
{
        uint64_t seq = (uint64_t)cells[C_SEQ].number, incident = (uint64_t)cells[C_INCIDENT].number;
        size_t kind = (size_t)cells[C_KIND].number;

        if (is_note((JournalKind)kind)) {
                r->notes++;
        } else {
                r->unmade++;
                if (kind < sizeof(r->unmade_kinds) / sizeof(r->unmade_kinds[0]))
                        r->unmade_kinds[kind]++;
                taint(r, incident);
        }
        engine_numbers_set(r->engine,
                kind == JOURNAL_OPENED && incident >= engine_next_incident(r->engine)
                        ? incident + 1
                        : engine_next_incident(r->engine),
                seq + 1);
}

static bool row_take(void *userdata, const AuditCell *cells)
{
        Replay *r = userdata;
        uint64_t seq = (uint64_t)cells[C_SEQ].number;
        Now now = {.wall_us = cells[C_T].number,
                .boot_us = (uint64_t)cells[C_TB].number,
                .boot = (uint32_t)cells[C_BOOT].number,
                .trusted = cells[C_TQ].number != 0,
                .utc_s = r->utc_s};
        const Made *m;
        Event *e;

        r->n++;
        if (cells[C_KIND].number == JOURNAL_START || !r->engine) {
                if (!r->engine)
                        engine_begin(r);
                engine_numbers_set(r->engine, engine_next_incident(r->engine), seq);
                restart(r, now);
                if (cells[C_KIND].number == JOURNAL_START) {
                        r->notes++;
                        return true;
                }
        }
        if (cells[C_KIND].number == JOURNAL_PRESENCE && !cells[C_ON].number &&
                cells[C_WORKER].number < 16384)
                r->away[cells[C_WORKER].number] = true;
        m = made_at(r, seq);
        if (!m) {
                time_goes_on(r, now);
                expire(r, now);
                m = made_at(r, seq);
        }
        if (!m && (e = input_of(r, cells))) {
                if (engine_next_seq(r->engine) < seq)
                        engine_numbers_set(r->engine, engine_next_incident(r->engine), seq);
                step(r, e, now);
                r->inputs++;
                m = made_at(r, seq);
        }
        if (m)
                compare(r, cells, m);
        else
                not_made(r, cells);
        return true;
}

static bool start_take(void *userdata, const AuditCell *cells)
{
        Replay *r = userdata;

        r->starts = grown(r->starts, &r->starts_max, r->n_starts, sizeof(Start));
        r->starts[r->n_starts++] = (Start){(uint64_t)cells[0].number, (uint64_t)cells[1].number};
        return true;
}

static bool last_take(void *userdata, const AuditCell *cells)
{
        *(uint64_t *)userdata = (uint64_t)cells[0].number;
        return false;
}

static bool state_take(void *userdata, const StateRow *row)
{
        Replay *r = userdata;
        IncidentView v;

        if (is_tainted(r, row->id))
                return true;
        r->states++;
        if (engine_view(r->engine, row->id, r->now, &v) && (uint8_t)v.state == row->state &&
                v.tier == row->tier && v.round == row->round && v.owner == row->owner &&
                v.priority == row->priority)
                return true;
        r->states_different++;
        printf("%" PRIu64 " 状态不同 / its state differs\n", row->id);
        return true;
}

static void verdict_print(const Replay *r)
{
        if (r->json) {
                printf("{\"rows\":%" PRIu64 ",\"same\":%" PRIu64 ",\"inputs\":%" PRIu64 ",\"notes\":%" PRIu64
                       ",\"not_reproducible\":%" PRIu64 ",\"different\":%" PRIu64 ",\"states\":%" PRIu64
                       ",\"states_different\":%" PRIu64 "}\n",
                        r->n, r->same, r->inputs, r->notes, r->unmade, r->different, r->states,
                        r->states_different);
                return;
        }
        printf("%" PRIu64 " 条记录：%" PRIu64 " 条重演相同，%" PRIu64 " 条网关自身，%" PRIu64
               " 条无法重演，%" PRIu64 " 条不同；%" PRIu64 " 件未办结状态，%" PRIu64 " 件不同\n"
               "%" PRIu64 " rows: %" PRIu64 " the same in the replay, %" PRIu64
               " of the gateway itself, %" PRIu64 " not reproducible, %" PRIu64 " different; %" PRIu64
               " open states, %" PRIu64 " different\n",
                r->n, r->same, r->notes, r->unmade, r->different, r->states, r->states_different, r->n,
                r->same, r->notes, r->unmade, r->different, r->states, r->states_different);
        for (size_t k = 0; k < sizeof(r->unmade_kinds) / sizeof(r->unmade_kinds[0]); k++)
                if (r->unmade_kinds[k])
                        printf("  %s: %" PRIu64 "\n", journal_kind_word((JournalKind)k), r->unmade_kinds[k]);
}

static void replay_free(Replay **p)
{
        Replay *r = *p;

        if (!r)
                return;
        free(r->memory);
        free(r->made);
        free(r->keys);
        free(r->rows);
        free(r->tainted);
        free(r->starts);
        registry_unref(r->registry);
        free(r->event.body);
        free(r->event.whole);
        codec_free(r->codec);
        free(r);
}

int verb_replay(Ctl *ctl, int argc, char **argv)
{
        _cleanup_(audit_freep) Audit *audit = NULL;
        _cleanup_(replay_free) Replay *r = NULL;
        Exit e = journal_open(ctl, &audit);
        uint64_t last = 0;
        int failed;

        if (e != EXIT_OK)
                return e;
        r = calloc(1, sizeof(Replay));
        ASSERT(r); /* a tool: nothing sensible is left to do */
        r->policy = &ctl->config.policy;
        r->json = ctl->json;
        r->utc_s = clock_now().utc_s;
        r->limits = (Limits){.incidents_max = ctl->config.incidents_max,
                .keys_max = LIMIT_KEYS,
                .devices_max = LIMIT_DEVICES};
        r->bytes = engine_size(&r->limits);
        failed = audit_registry(audit, &r->registry);
        if (failed == 0)
                failed = codec_new(&r->codec);
        if (failed == 0)
                failed = audit_query(
                        audit, "SELECT coalesce(max(seq), 0) FROM journal", NULL, 0, last_take, &last);
        if (failed == 0)
                failed = audit_query(audit, starts_query, NULL, 0, start_take, r);
        if (failed == 0 && last > 0)
                failed = audit_query_slices(audit, query, 1, last, NULL, 0, row_take, r);
        if (failed == 0 && r->engine)
                failed = audit_incidents(audit, false, state_take, r);
        if (failed < 0) {
                complain("读不了记录", "%s", strerror(-failed));
                return EXIT_ERROR;
        }
        verdict_print(r);
        return r->different || r->states_different ? EXIT_NOT_WELL : EXIT_OK;
}
