/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway.
 *
 * Order of the start: the store (it holds the lock), the clock (it needs the store's last trusted time), the
 * engine and what was open, the store's thread, and only then the adapters: no message is taken before the
 * state that it meets is complete. A database that cannot be used does not stop the start: the registry
 * comes from registry.export, and the store's failure is the first matter that people are called for.
 *
 * The adapters see the gateway as a PortHost (its first member), the control socket as a ControlHost, the
 * turn as a TurnHost.
 */
#include "gateway.h"

#include "admin.h"
#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "canary.h"
#include "control.h"
#include "devices.h"
#include "feeds.h"
#include "import.h"
#include "inflight.h"
#include "journald.h"
#include "lamps.h"
#include "limits.h"
#include "log-ids.h"
#include "looks.h"
#include "notify.h"
#include "protocols/coap/coap.h"
#include "protocols/codec/codec.h"
#include "protocols/exec/exec.h"
#include "protocols/http/http.h"
#include "protocols/mqtt/mqtt.h"
#include "report.h"
#include "roster-check.h"
#include "store/registry.h"
#include "story.h"
#include "turn.h"
#include "watches.h"
#include "watchdog.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#ifndef HUYING_VERSION
#define HUYING_VERSION "unknown"
#endif

#define PORTS_MAX  12
#define STOP_US    (2 * USEC_PER_SEC)
#define OVERDUE_US (5 * USEC_PER_SEC)

struct Gateway {
        PortHost host; /* first: a PortHost is its gateway */
        Config config;
        Loop *loop;
        Store *store;
        void *engine_memory;
        size_t engine_bytes;
        Engine *engine;
        Inbox *inbox;
        Outbox *outbox;
        Turn *turn;
        Inflight *inflight;
        Codec *codec;
        Devices *devices;
        Registry *registry;
        Port ports[PORTS_MAX];
        size_t n_ports;
        Mqtt *mqtt;
        CoapPort *coap;
        Exec *exec;
        Http *http;
        Feeds feeds;
        Control *control;
        PortWatch *store_watch;
        Watches *watches;
        Canary *canary;
        int64_t trusted_floor_us;
        PortTimer *timer;
        Watchdog *watchdog; /* NULL: nobody watches */
        Counters counters;
        Admin admin;
        Looks looks;
        Import import;
        int8_t system[SYSTEM_CAUSE_MAX]; /* what the inbox had no room for: 1 raise, -1 gone */
        bool anew;                       /* history was there and is not in this database */
        bool ailing;                     /* rows are recorded, but a part of the store fails */
        bool blind;                      /* started without the database, and it has not come back yet */
        char why[128];
        int64_t degraded_from_us;
        uint64_t started_us;
        NotifyStatus status;
};

/* What adapters ask for */

static Gateway *of_host(PortHost *host)
{
        return (Gateway *)host;
}

static int host_watch(PortHost *host, PortWatch **ret, int fd, uint32_t events, PortPriority priority,
        void (*fn)(void *, uint32_t), void *userdata)
{
        return loop_watch(of_host(host)->loop, ret, fd, events, priority, fn, userdata);
}

static int host_timer(
        PortHost *host, PortTimer **ret, PortPriority priority, void (*fn)(void *), void *userdata)
{
        return loop_timer(of_host(host)->loop, ret, priority, fn, userdata);
}

static const char *host_profile(PortHost *host, const char *device)
{
        const Registry *r = of_host(host)->registry;
        const Device *d = registry_device(r, registry_device_id(r, device));

        return d ? d->profile : NULL;
}

static void host_profiled(
        PortHost *host, const char *profile, void (*fn)(void *, const char *device), void *arg)
{
        devices_profiled(of_host(host)->registry, profile, fn, arg);
}

static Event *host_event_new(PortHost *host)
{
        return inbox_event(of_host(host)->inbox);
}

static void host_push(PortHost *host, Event *event)
{
        inbox_push(of_host(host)->inbox, event);
}

static void host_discard(PortHost *host, Event *event)
{
        inbox_discard(of_host(host)->inbox, event);
}

static void system_push(Gateway *g, SystemCause cause, bool raise)
{
        Event *e = inbox_event(g->inbox);

        if (!e) {
                g->system[cause] = raise ? 1 : -1; /* with the next turn, which makes room */
                return;
        }
        e->type = EVENT_SYSTEM;
        e->via = VIA_DAEMON;
        e->system = (SystemEvent){.cause = cause, .raise = raise};
        inbox_push(g->inbox, e);
}

static void status_tell(Gateway *g)
{
        notify_status(&g->status, engine_open_count(g->engine), outbox_waiting(g->outbox),
                turn_is_degraded(g->turn) ? g->why : NULL, clock_now().boot_us);
}

/* The newest signed checkpoint, for witnesses: whoever keeps it can later prove what was recorded by then. */
static void checkpoint_tell(Gateway *g)
{
        char note[1024];

        if (!store_checkpoint(g->store, note, sizeof(note)))
                return;
        outbox_checkpoint_set(g->outbox, note);
        for (size_t i = 0; i < g->n_ports; i++)
                if (g->ports[i].ops->tell)
                        g->ports[i].ops->tell(g->ports[i].port, "checkpoint", note);
}

/* Commits go on, but registry.export, a checkpoint or a signature fails: soon more will. */
static void ailing_look(Gateway *g)
{
        StoreStatus s;

        store_peek(g->store, &s);
        if (s.ailing == g->ailing)
                return;
        g->ailing = s.ailing;
        log_fields(s.ailing ? LOG_LEVEL_ERR : LOG_LEVEL_NOTICE, s.ailing ? LOG_ID_STORE_DEGRADED : LOG_ID_STORE_BACK,
                NULL, "%s", s.ailing ? s.why : "the store is well again");
        system_push(g, SYSTEM_STORE, s.ailing || turn_is_degraded(g->turn));
        (void)loop_timer_set(g->timer, 0);
}

static uint64_t gateway_turn(Gateway *g)
{
        uint64_t need;

        watches_before(g->watches);
        need = turn_run(g->turn);
        if (admin_store(&g->admin)) /* the turn has looked at the store, and its descriptor is quiet now */
                checkpoint_tell(g);
        looks_store(&g->looks);
        for (int c = 0; c < SYSTEM_CAUSE_MAX; c++)
                if (g->system[c]) {
                        bool raise = g->system[c] > 0;

                        g->system[c] = 0;
                        system_push(g, (SystemCause)c, raise);
                        (void)loop_timer_set(g->timer, 0); /* the turn has armed it without knowing of this one */
                }
        status_tell(g);
        feeds_touch(&g->feeds);
        watches_after(g->watches);
        canary_look(g->canary);
        return need;
}

static uint64_t host_run(PortHost *host)
{
        return gateway_turn(of_host(host));
}

static uint64_t host_committed(PortHost *host)
{
        return turn_released(of_host(host)->turn);
}

static void on_timer(void *userdata)
{
        (void)gateway_turn(userdata);
}

static void host_sent(
        PortHost *host, uint64_t incident, uint32_t worker, Channel channel, uint64_t seq, bool ok)
{
        Gateway *g = of_host(host);

        turn_sent(g->turn, incident, worker, (uint8_t)channel, seq, ok);
        (void)loop_timer_set(g->timer, 0); /* soon, not from inside an adapter's call */
}

static void host_system(PortHost *host, SystemCause cause, bool raise)
{
        Gateway *g = of_host(host);

        bool broker = cause == SYSTEM_BROKER;

        log_fields(raise ? LOG_LEVEL_ERR : LOG_LEVEL_NOTICE,
                !broker  ? LOG_ID_SYSTEM
                : raise ? LOG_ID_BROKER_LOST
                        : LOG_ID_BROKER_BACK,
                (LogField[]){{"HUYING_CAUSE", system_cause_word(cause)}, {0}}, "%s: %s",
                system_cause_word(cause), raise ? "failing" : "well again");
        system_push(g, cause, raise);
        (void)loop_timer_set(g->timer, 0);
}

static void host_connected(PortHost *host, bool forgotten)
{
        Gateway *g = of_host(host);

        day_resend(g->feeds.day);
        if (!forgotten)
                return;
        outbox_resend(g->outbox, clock_now());
        lamps_resend(g->engine, g->turn, g->ports, g->n_ports);
        checkpoint_tell(g);
        board_resend(g->feeds.board);
}

static void host_retained_alert(PortHost *host, const char *worker, uint64_t incident)
{
        Gateway *g = of_host(host);

        if (!g->blind) /* else it may well be open, and nobody may be told to stop */
                outbox_read_back(g->outbox, worker, incident);
}

static void host_retained_word(PortHost *host, const char *worker, const char *leaf)
{
        Gateway *g = of_host(host);

        if (!g->blind) /* likewise */
                feeds_read_back(&g->feeds, g->outbox, worker, leaf);
}

static bool host_decode(PortHost *host, EventVia via, const char *who, const void *bytes, size_t n)
{
        return inflight_begin(of_host(host)->inflight, INFLIGHT_DECODE, via, who, bytes, n);
}

static void host_decoded(PortHost *host)
{
        inflight_end(of_host(host)->inflight);
}

static void host_count(PortHost *host, const char *what)
{
        counters_add(&of_host(host)->counters, what);
}

/* What the turn tells */

static void turn_arm(void *userdata, uint64_t boot_us)
{
        Gateway *g = userdata;

        if (loop_timer_at(g->timer, boot_us) < 0)
                ASSERT(!"the timer of the ladder cannot be armed");
}

static void turn_degraded(void *userdata, bool begins, const char *why)
{
        Gateway *g = userdata;
        char json[512], error[256];
        Str s = STR_BUFFER(json), e = STR_BUFFER(error);

        if (begins) {
                (void)str_copy(g->why, sizeof(g->why), why);
                g->degraded_from_us = clock_now().wall_us;
                log_fields(LOG_LEVEL_ERR, LOG_ID_STORE_DEGRADED, NULL,
                        "not recorded for now: %s; alarms go on", why);
        } else {
                str_json(&e, g->why);
                str_addf(&s, "{\"from\":%.3f,\"to\":%.3f,\"error\":%s}", (double)g->degraded_from_us / 1e6,
                        (double)clock_now().wall_us / 1e6, error);
                (void)turn_note(g->turn, JOURNAL_STORAGE, json);
                g->why[0] = 0;
                if (g->blind)
                        feeds_texts(&g->feeds, g->outbox, g->codec, g->config.state_directory);
                g->blind = false;
                log_fields(LOG_LEVEL_NOTICE, LOG_ID_STORE_BACK, NULL, "recorded again, nothing is missing");
        }
        system_push(g, SYSTEM_STORE, begins || g->ailing);
}

static void turn_anew(void *userdata, const char *why)
{
        Gateway *g = userdata;

        log_fields(LOG_LEVEL_ERR, LOG_ID_STORE_DEGRADED, NULL, "the database was begun anew: %s", why);
        system_push(g, SYSTEM_STORE, true);
}

static void turn_journaled(void *userdata, const Effect *e)
{
        Gateway *g = userdata;

        feeds_journaled(&g->feeds, e, clock_now());
        canary_journaled(g->canary, e);
        story_tell(g->registry, e);
}

static void turn_view(void *userdata, const Effect *e)
{
        Gateway *g = userdata;

        looks_view(&g->looks, e);
}

static void on_store(void *userdata, uint32_t revents)
{
        Gateway *g = userdata;

        turn_store(g->turn);
        if (store_locked(g->store)) {
                log_err("%s: another huyingd has this state folder; one box has one", g->config.state_directory);
                loop_exit(g->loop, GATEWAY_E_REFUSED);
        }
        if (admin_store(&g->admin))
                checkpoint_tell(g);
        looks_store(&g->looks);
        ailing_look(g);
        status_tell(g);
        canary_look(g->canary);
}

/* Imports, erasures … are answered when they are on the disk (or, in degraded mode, in force). */
static void admin_on_committed(void *port, uint64_t seq)
{
        Gateway *g = port;

        admin_committed(&g->admin, seq);
        looks_committed(&g->looks, seq);
}

/* The registry */

static void registry_take(Gateway *g, Registry *registry)
{
        Registry *old = g->registry;

        g->registry = registry;
        g->admin.registry = g->looks.registry = registry;
        engine_registry_set(g->engine, registry);
        outbox_registry_set(g->outbox, registry);
        feeds_registry_set(&g->feeds, registry);
        registry_unref(old);
        if (!g->turn)
                return; /* the start looks at everything */
        turn_registry_set(g->turn, registry);
        turn_look(g->turn);
}

/* Another registry, in force at once; `json` is journaled, and answers `hold` when it is on the disk. */
static void registry_change(Gateway *g, Registry *registry, const char *json, uint64_t hold)
{
        uint64_t seq = turn_note(g->turn, JOURNAL_REGISTRY, json);

        ASSERT(admin_wait(&g->admin, hold, seq, json)); /* there was room */
        turn_note_registry(g->turn, registry);
        registry_take(g, registry);
        (void)loop_timer_set(g->timer, 0);
}

/* A ladder that ends with nobody is an alarm of its own; what is in force stays in force. */
static void roster_look(Gateway *g)
{
        char text[256];

        if (roster_can_serve(g->registry, &g->config.policy, clock_now(), text, sizeof(text)))
                return;
        log_fields(LOG_LEVEL_ERR, LOG_ID_REGISTRY, NULL, "the roster has a hole: %s", text);
        system_push(g, SYSTEM_ROSTER, true);
}

static Registry *import_in_force(void *userdata)
{
        return ((Gateway *)userdata)->registry;
}

static int import_take(void *userdata, Registry *registry, uint64_t hold, RegistryError *ret_error)
{
        Gateway *g = userdata;
        char buffer[sizeof(g->admin.waiting[0].json)];
        Str s = STR_BUFFER(buffer);
        bool serves = roster_can_serve(
                registry, &g->config.policy, clock_now(), ret_error->text, sizeof(ret_error->text));

        if (!serves)
                (void)str_copy(ret_error->file, sizeof(ret_error->file), "duty.csv"); /* fits */
        else if (g->admin.n == ADMIN_WAITING_MAX)
                (void)str_copy(ret_error->text, sizeof(ret_error->text), "the gateway is busy: try again"); /* fits */
        else {
                registry_counts(registry, &s);
                ASSERT(!s.full);
                registry_change(g, registry, buffer, hold);
                log_fields(LOG_LEVEL_NOTICE, LOG_ID_REGISTRY, NULL, "registry imported");
                return 0;
        }
        registry_unref(registry);
        return REGISTRY_E_INVALID;
}

static int control_import(void *userdata, const char *folder, uint64_t hold, char **ret_json)
{
        return import_begin(&((Gateway *)userdata)->import, folder, hold, ret_json);
}

static int control_unclaimed(void *userdata, char **ret_json)
{
        return devices_unclaimed(((Gateway *)userdata)->mqtt, ret_json);
}

static int control_bind(void *userdata, const char *device, const char *home, const char *class,
        const char *profile, uint64_t hold, char **ret_json)
{
        Gateway *g = userdata;
        Registry *registry = NULL;
        char json[sizeof(g->admin.waiting[0].json)];
        Str s = STR_BUFFER(json);
        int r = devices_bind(g->mqtt, &registry, g->registry, device, home, class, profile, &s);

        if (r == 0 && g->admin.n < ADMIN_WAITING_MAX) {
                registry_change(g, registry, json, hold);
                log_fields(LOG_LEVEL_NOTICE, LOG_ID_REGISTRY, (LogField[]){{"HUYING_DEVICE", device}, {0}},
                        "device %s bound", device);
                *ret_json = NULL;
                return 0;
        }
        registry_unref(registry);
        *ret_json = strdup(
                r == 0 ? "{\"result\":\"refused\",\"text\":\"other changes are under way: try again\"}"
                       : json);
        return *ret_json ? 0 : error_origin(-ENOMEM);
}

static Report report_of(Gateway *g)
{
        return (Report){.engine = g->engine,
                .registry = g->registry,
                .turn = g->turn,
                .outbox = g->outbox,
                .config = &g->config,
                .counters = &g->counters,
                .mqtt_up = !g->mqtt || mqtt_connected(g->mqtt),
                .why = g->why,
                .started_us = g->started_us};
}

static int control_status(void *userdata, char **ret_json)
{
        Report rp = report_of(userdata);

        return report_status(&rp, clock_now(), ret_json);
}

static int control_list(void *userdata, bool all, char **ret_json)
{
        Report rp = report_of(userdata);

        return report_list(&rp, clock_now(), all, ret_json);
}

static int control_show(void *userdata, uint64_t incident, char **ret_json)
{
        Report rp = report_of(userdata);

        return report_show(&rp, clock_now(), incident, ret_json);
}

static int control_workers(void *userdata, char **ret_json)
{
        Report rp = report_of(userdata);

        return report_workers(&rp, clock_now(), ret_json);
}

static int control_unprotected(void *userdata, char **ret_json)
{
        Report rp = report_of(userdata);

        return report_unprotected(&rp, clock_now(), ret_json);
}

static int control_access(void *userdata, uint32_t uid, const char *role, const char *reason,
        const char *what, const char *resident, uint64_t hold, char **ret_json)
{
        Gateway *g = userdata;

        (void)loop_timer_set(g->timer, 0); /* the note goes with the next turn */
        return admin_access(&g->admin, uid, role, reason, what, resident, hold, ret_json);
}

static int control_erase(void *userdata, uint32_t uid, const char *resident, const char *reason,
        uint64_t hold, char **ret_json)
{
        Gateway *g = userdata;

        (void)loop_timer_set(g->timer, 0); /* the note goes with the next turn */
        feeds_forget(&g->feeds, registry_resident_id(g->registry, resident));
        return admin_erase(&g->admin, uid, resident, reason, hold, ret_json);
}

static int control_backup(void *userdata, uint32_t uid, const char *file, uint64_t hold, char **ret_json)
{
        (void)loop_timer_set(((Gateway *)userdata)->timer, 0); /* the note goes with the next turn */
        return admin_backup(&((Gateway *)userdata)->admin, uid, file, hold, ret_json);
}

static int control_vitals(void *userdata, uint32_t uid, const ControlVitals *what, uint64_t hold, char **ret_json)
{
        (void)loop_timer_set(((Gateway *)userdata)->timer, 0); /* the note goes with the next turn */
        return looks_person(&((Gateway *)userdata)->looks, uid, what, hold, ret_json);
}

static void http_facts(void *userdata, HttpFacts *ret)
{
        Report rp = report_of(userdata);

        report_facts(&rp, clock_now(), ret);
}

static bool http_counter(void *userdata, uint32_t n, const char **ret_name, uint64_t *ret_count)
{
        Gateway *g = userdata;

        if (n == g->counters.n) {
                *ret_name = "log.dropped";
                *ret_count = journald_dropped();
                return true;
        }
        if (n > g->counters.n)
                return false;
        *ret_name = g->counters.items[n].name;
        *ret_count = g->counters.items[n].n;
        return true;
}

/* Start */

static int open_store(Gateway *g, StoreStart *ret_start)
{
        int r = store_open(&g->store,
                &(StoreConfig){.state_directory = g->config.state_directory,
                        .runtime_directory = g->config.runtime_directory,
                        .site = g->config.site,
                        .readings = {g->config.readings_chunk_us, g->config.readings_keep_us,
                                g->config.readings_keep_hours_us, (uint64_t)g->config.readings_quota_mb << 20}},
                ret_start);

        if (r == STORE_E_LOCKED) {
                log_err("%s: another huyingd has this state folder; one box has one",
                        g->config.state_directory);
                return GATEWAY_E_REFUSED;
        }
        if (r < 0)
                return error_trace(r);
        g->blind = r == STORE_E_DOWN;
        if (g->blind)
                log_fields(LOG_LEVEL_ERR, LOG_ID_STORE_DEGRADED, NULL, "started without the database: %s",
                        store_why(g->store));
        if (ret_start->anew[0]) {
                log_fields(LOG_LEVEL_ERR, LOG_ID_STORE_DEGRADED, NULL, "%s", ret_start->anew);
                g->anew = true;
        }
        clock_boot_set(ret_start->boot);
        g->trusted_floor_us = ret_start->trusted_wall_us;
        if (!clock_trust(ret_start->trusted_wall_us))
                log_warning("the wall clock cannot be trusted yet; deadlines go by the time since boot");
        return 0;
}

static int make_engine(Gateway *g, const StoreStart *start)
{
        Limits limits = {.incidents_max = g->config.incidents_max,
                .keys_max = LIMIT_KEYS,
                .devices_max = LIMIT_DEVICES};
        int r;

        g->engine_bytes = engine_size(&limits);
        /* Zeroed pages that cost nothing until they are used. */
        g->engine_memory =
                mmap(NULL, g->engine_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (g->engine_memory == MAP_FAILED) {
                g->engine_memory = NULL;
                return error_origin(-errno);
        }
        g->engine = engine_init(g->engine_memory, g->engine_bytes, &limits, &g->config.policy);
        r = inflight_open(&g->inflight, g->config.runtime_directory);
        if (r < 0)
                return error_trace(r);
        if (inflight_number(g->inflight) > start->next_incident)
                engine_numbers_set(g->engine, inflight_number(g->inflight), start->next_seq);
        else
                engine_numbers_set(g->engine, start->next_incident, start->next_seq);
        r = inbox_new(&g->inbox, LIMIT_INBOX);
        if (r == 0)
                r = outbox_new(&g->outbox, g->engine, g->config.site);
        return r < 0 ? error_trace(r) : 0;
}

/* The first registry comes from the folder in the configuration; later ones by huyingctl import. */
static int first_registry(Gateway *g, Registry *found, bool hung, bool *ret_import)
{
        _cleanup_(registry_unrefp) Registry *stored = found;
        Registry *registry = NULL;
        RegistryError error = {0};
        int r;

        *ret_import = false;
        if (stored->n_devices > 1 || stored->n_workers > 1 || !g->config.registry[0]) {
                registry_take(g, TAKE_PTR(stored));
                return 0;
        }
        r = registry_read_csv(&registry, stored, g->config.registry, &error);
        if (r < 0)
                return error_trace(r);
        if (r == REGISTRY_E_INVALID) {
                log_err("%s:%u:%u: %s", error.file, error.line, error.column, error.text);
                return GATEWAY_E_REFUSED;
        }
        registry_take(g, registry);
        *ret_import = !hung; /* else the database has its own, and keeps it */
        return 0;
}

static void outbox_row(void *userdata, uint64_t incident, uint32_t worker, uint8_t channel, uint64_t seq)
{
        outbox_restore(userdata, incident, worker, channel, seq);
}

static int make_state(Gateway *g, StoreStart *start)
{
        char json[512], boot_id[33] = "";
        Str s = STR_BUFFER(json);
        bool import;
        int r = first_registry(g, start->registry, start->hung, &import);

        if (r != 0)
                return r < 0 ? error_trace(r) : r;
        if (!registry_grid_id(g->registry, g->config.policy.default_grid))
                log_warning("DefaultGrid=%s is no grid of the registry: alarms of unknown devices go to "
                            "desks of the site",
                        g->config.policy.default_grid);
        r = store_restore(g->store, g->engine, clock_now(), outbox_row, g->outbox);
        if (r == STORE_E_PARTIAL) {
                log_err("not every open incident could be taken up: %s", store_why(g->store));
                g->anew = true;
                r = 0;
        }
        if (r == 0)
                r = feeds_new(&g->feeds, &g->host, g->engine, g->store, &g->config.policy);
        if (r == 0)
                r = store_run(g->store);
        if (r == 0)
                r = loop_timer(g->loop, &g->timer, PORT_PRIORITY_TIMER, on_timer, g);
        if (r == 0)
                r = turn_new(&g->turn, g->engine, g->store, g->inbox, g->outbox,
                        &(TurnHost){.userdata = g,
                                .arm = turn_arm,
                                .degraded = turn_degraded,
                                .anew = turn_anew,
                                .journaled = turn_journaled,
                                .view = turn_view});
        if (r == 0)
                r = loop_watch(g->loop, &g->store_watch, store_fd(g->store), EPOLLIN, PORT_PRIORITY_ALARM,
                        on_store, g);
        if (r < 0)
                return error_trace(r);
        turn_registry_set(g->turn, g->registry);
        turn_inflight_set(g->turn, g->inflight);
        g->admin = (Admin){.turn = g->turn, .store = g->store, .engine = g->engine, .registry = g->registry};
        g->import = (Import){.loop = g->loop, .userdata = g, .in_force = import_in_force, .take = import_take};
        g->looks = (Looks){.turn = g->turn, .store = g->store, .registry = g->registry};
        (void)clock_boot_id(boot_id); /* only for the reader of the row */
        str_addf(&s, "{\"version\":\"%s\",\"boot_id\":\"%s\",\"open\":%u}", HUYING_VERSION, boot_id,
                engine_open_count(g->engine));
        (void)turn_note(g->turn, JOURNAL_START, json);
        if (import) {
                char counts[256];
                Str c = STR_BUFFER(counts);

                registry_counts(g->registry, &c);
                (void)turn_note(g->turn, JOURNAL_REGISTRY, counts);
                turn_note_registry(g->turn, g->registry);
        }
        roster_look(g);
        return 0;
}

static Port *port_add(Gateway *g)
{
        ASSERT(g->n_ports < PORTS_MAX);
        return &g->ports[g->n_ports++];
}

static int make_ports(Gateway *g)
{
        static const PortOps admin = {.name = "admin", .committed = admin_on_committed};
        const ControlHost control = {.userdata = g,
                .status = control_status,
                .list = control_list,
                .show = control_show,
                .workers = control_workers,
                .unprotected = control_unprotected,
                .import = control_import,
                .access = control_access,
                .erase = control_erase,
                .backup = control_backup,
                .unclaimed = control_unclaimed,
                .bind = control_bind,
                .vitals = control_vitals};
        const HttpHost http = {.userdata = g, .facts = http_facts, .counter = http_counter};
        int r = codec_new(&g->codec);

        if (r < 0)
                return error_trace(r);
        *port_add(g) = (Port){.ops = &admin, .port = g, .via = VIA_DAEMON};
        turn_ports_set(g->turn, g->ports, 0);
        r = feeds_open(&g->feeds, &g->host, g->engine, g->turn, g->config.site,
                g->config.mqtt_announce[0] != '\0', port_add(g), port_add(g));
        if (r < 0)
                return error_trace(r);
        feeds_registry_set(&g->feeds, g->registry);
        if (!g->blind) /* else when it is found: a disk that does not answer must not be waited for here */
                feeds_texts(&g->feeds, g->outbox, g->codec, g->config.state_directory);
        r = watches_new(&g->watches, &(WatchesHost){&g->host, g->loop, g->turn, g->engine, &g->config, g->trusted_floor_us});
        if (r == 0)
                r = control_new(&g->control, &g->host, g->codec, &control, g->config.runtime_directory, port_add(g));
        g->admin.control = g->looks.control = g->import.control = g->control;
        if (r == 0 && g->config.n_channels > 0)
                r = exec_new(&g->exec, &g->host, &g->config, port_add(g));
        if (r == 0 && (g->config.coap_listen[0] || g->config.coap_listen_dtls[0]))
                r = cport_new(&g->coap, &g->host, &g->config, g->codec, port_add(g));
        if (r == 0 && g->config.http_listen[0])
                r = http_new(&g->http, &g->host, &g->config, &http, port_add(g));
        if (r == 0 && g->config.mqtt_host[0])
                r = mqtt_new(&g->mqtt, &g->host, &g->config, g->codec, port_add(g));
        if (r == 0 && g->mqtt && g->config.canary_us)
                r = canary_new(&g->canary, &g->host, g->turn, g->mqtt, g->config.canary_us);
        if (r == 0 && g->mqtt)
                r = devices_new(&g->devices, &g->config);
        if (r == 0 && g->mqtt)
                r = mqtt_profiles(g->mqtt, devices_profiles(g->devices));
        if (r != 0)
                return r < 0 ? error_trace(r) : GATEWAY_E_REFUSED;
        turn_ports_set(g->turn, g->ports, g->n_ports);
        outbox_ports_set(g->outbox, g->ports, g->n_ports);
        feeds_start(&g->feeds, g->turn, g->ports, g->n_ports);
        g->looks.ports = g->ports;
        g->looks.n_ports = g->n_ports;
        return 0;
}

int gateway_new(Gateway **ret, const Config *config, Loop *loop)
{
        Gateway *g = calloc(1, sizeof(Gateway));
        StoreStart start = {0};
        int r;

        ASSERT(ret && config && loop);
        if (!g)
                return error_origin(-ENOMEM);
        g->host = (PortHost){.watch = host_watch,
                .watch_set = loop_watch_set,
                .watch_free = loop_watch_free,
                .timer = host_timer,
                .timer_set = loop_timer_set,
                .timer_free = loop_timer_free,
                .event_new = host_event_new,
                .event_body = inbox_body,
                .push = host_push,
                .discard = host_discard,
                .run = host_run,
                .committed = host_committed,
                .sent = host_sent,
                .system = host_system,
                .connected = host_connected,
                .retained_alert = host_retained_alert,
                .retained_word = host_retained_word,
                .profile = host_profile,
                .profiled = host_profiled,
                .decode = host_decode,
                .decoded = host_decoded,
                .count = host_count};
        g->config = *config;
        g->loop = loop;
        g->started_us = clock_now().boot_us;
        g->status.open = UINT32_MAX;
        r = open_store(g, &start);
        if (r == 0)
                r = make_engine(g, &start);
        if (r == 0)
                r = make_state(g, &start);
        if (r == 0)
                r = make_ports(g);
        if (r != 0) {
                gateway_free(g);
                return r < 0 ? error_trace(r) : r;
        }
        if (g->anew)
                system_push(g, SYSTEM_STORE, true);
        if (inflight_report(g->inflight, g->inbox))
                counters_add(&g->counters, "gateway.crashed_on");
        checkpoint_tell(g); /* of the run before: what leaves now carries it */
        turn_adopt(g->turn);
        (void)gateway_turn(g);
        outbox_resend(g->outbox, clock_now()); /* programs; the broker's share comes with its connection */
        lamps_resend(g->engine, g->turn, g->ports, g->n_ports);
        *ret = g;
        return 0;
}

/* The service's watchdog */

static void watchdog_look(void *userdata, WatchdogView *ret)
{
        Gateway *g = userdata;
        TurnProgress p = turn_progress(g->turn);
        uint64_t due = engine_deadline(g->engine);
        StoreStatus s;

        store_peek(g->store, &s);
        *ret = (WatchdogView){.turns = p.turns,
                .events = p.events,
                .pumps = p.pumps,
                .beats = s.beats,
                .waiting = p.waiting,
                .overdue = due != UINT64_MAX && due + OVERDUE_US < clock_now().boot_us,
                .resting = s.resting};
}

static void watchdog_poke(void *userdata)
{
        Gateway *g = userdata;

        store_poke(g->store);
        (void)loop_timer_set(g->timer, 0);
}

static void watchdog_feed(void *userdata)
{
        notify_manager("WATCHDOG=1");
}

int gateway_watchdog(Gateway *g, uint64_t within_us)
{
        return watchdog_new(&g->watchdog, g->loop, within_us,
                &(WatchdogHost){
                        .userdata = g, .look = watchdog_look, .poke = watchdog_poke, .feed = watchdog_feed});
}

Gateway *gateway_free(Gateway *g)
{
        if (!g)
                return NULL;
        if (g->mqtt)
                mqtt_free(g->mqtt);
        if (g->coap)
                cport_free(g->coap);
        if (g->exec)
                exec_free(g->exec);
        if (g->http)
                http_free(g->http);
        import_end(&g->import);
        control_free(g->control);
        feeds_free(&g->feeds);
        codec_free(g->codec);
        devices_free(g->devices);
        loop_watch_free(g->store_watch);
        canary_free(g->canary);
        watches_free(g->watches);
        loop_timer_free(g->timer);
        watchdog_free(g->watchdog);
        turn_free(g->turn);
        looks_end(&g->looks);
        store_free(g->store);
        outbox_free(g->outbox);
        inflight_free(g->inflight);
        inbox_free(g->inbox);
        registry_unref(g->registry);
        if (g->engine_memory)
                (void)munmap(g->engine_memory, g->engine_bytes); /* whole mapping: cannot fail */
        free(g);
        return NULL;
}

void gateway_reload(Gateway *g, const Config *config, Secrets *secrets, Psk *keys)
{
        char changed[200] = "";
        Str s = STR_BUFFER(changed);

        config_differences(&g->config, config, &s);
        g->config.policy = config->policy;
        engine_policy_set(g->engine, &g->config.policy);
        if (g->mqtt && secrets)
                mqtt_secrets_set(g->mqtt, TAKE_PTR(secrets));
        secrets_free(secrets);
        if (g->coap)
                cport_keys_set(g->coap, keys);
        if (changed[0])
                log_warning("reloaded, but a restart is needed for %s%s", changed, s.full ? " …" : "");
        (void)turn_note(g->turn, JOURNAL_CONFIG, "{\"result\":\"ok\"}");
        roster_look(g);
        (void)gateway_turn(g);
}

void gateway_reload_failed(Gateway *g, const ConfigError *error)
{
        char json[1280];
        Str s = STR_BUFFER(json);

        str_add(&s, "{\"result\":\"refused\",\"file\":");
        str_json(&s, error->file);
        str_addf(&s, ",\"line\":%u,\"text\":", error->line);
        str_json(&s, error->text);
        str_add(&s, "}");
        (void)turn_note(g->turn, JOURNAL_CONFIG, s.full ? "{\"result\":\"refused\"}" : json);
        (void)gateway_turn(g);
}

void gateway_stop(Gateway *g)
{
        uint64_t until = clock_now().boot_us + STOP_US, seq;

        seq = turn_note(g->turn, JOURNAL_STOP, "{}");
        (void)gateway_turn(g);
        turn_flush(g->turn);
        while (turn_committed(g->turn) < seq && clock_now().boot_us < until) {
                struct pollfd p = {.fd = store_fd(g->store), .events = POLLIN};

                if (poll(&p, 1, 100) > 0)
                        turn_store(g->turn);
        }
        for (size_t i = 0; i < g->n_ports; i++)
                if (g->ports[i].ops->stop)
                        g->ports[i].ops->stop(g->ports[i].port);
}
