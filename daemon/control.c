/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket's server: sd-bus peer to peer, as systemd does for its private socket.
 *
 * sd-bus is driven by hand through a watch and a timer of the loop (get_fd, get_events, get_timeout,
 * process), so that no second event loop exists. What holds always:
 *
 * - A call whose answer waits for the disk is a Call in its peer's table, named by a hold that is never used
 *   twice. When the peer leaves, its calls go with it; the answer that comes later finds no such hold and is
 * let go. Nothing else keeps a pointer to a peer or a message.
 * - A peer is freed only from the loop's own callbacks, never while sd-bus is on the stack.
 * - Events are put into the inbox while messages are read, and the turn runs once after that: an answer that
 * the turn gives at once never enters sd-bus recursively.
 * - Peers, calls of a peer, and messages of one wake-up are bounded; what goes beyond is answered with an
 * error, and the neighbour does not notice.
 *
 * Who may: root, the daemon's own user, members of its group. The socket's mode says it, and SO_PEERCRED and
 * SO_PEERGROUPS say it again, because the folder may have been made by somebody less careful.
 */
#include "control.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "limits.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>

#define CONTROL_PATH      "/org/huying/Gateway1"
#define CONTROL_INTERFACE "org.huying.Gateway1"
#define CONTROL_ERROR     "org.huying.Error."

#define PEERS_MAX     16
#define PEER_CALLS    16
#define PROCESS_DRAIN 64  /* messages of one peer in one wake-up */
#define GROUPS_MAX    256 /* supplementary groups of a peer that are looked at */
#define LOOK_AGAIN_US 1000000ull

typedef struct Call {
        sd_bus_message *message; /* NULL: free */
        uint64_t hold;
} Call;

typedef struct Peer {
        Control *control; /* NULL: free */
        sd_bus *bus;
        int fd; /* ours: sd-bus closes its own inside process(), and a watch must end before its descriptor
                 */
        PortWatch *watch;
        PortTimer *timer;
        Call calls[PEER_CALLS];
} Peer;

struct Control {
        PortHost *host;
        Codec *codec;
        ControlHost gateway;
        char path[sizeof((struct sockaddr_un){0}.sun_path)];
        int fd;
        PortWatch *watch;
        uint64_t holds; /* given out so far */
        sd_id128_t id;
        Peer peers[PEERS_MAX];
};

static void peer_drop(Peer *peer)
{
        Control *c = peer->control;

        ASSERT(c);
        for (unsigned i = 0; i < PEER_CALLS; i++)
                sd_bus_message_unref(peer->calls[i].message);
        if (peer->watch)
                c->host->watch_free(peer->watch);
        if (peer->timer)
                c->host->timer_free(peer->timer);
        sd_bus_close_unref(peer->bus); /* no flush: it would wait */
        if (peer->fd >= 0)
                close(peer->fd);
        *peer = (Peer){.fd = -1};
}

/* Tells the loop what sd-bus waits for. */
static int peer_arm(Peer *peer)
{
        PortHost *host = peer->control->host;
        uint64_t due_us;
        int events, r;

        events = sd_bus_get_events(peer->bus);
        if (events < 0)
                return events;
        r = sd_bus_get_timeout(peer->bus, &due_us);
        if (r < 0)
                return r;
        r = host->watch_set(
                peer->watch, ((events & EPOLLIN) ? EPOLLIN : 0u) | ((events & EPOLLOUT) ? EPOLLOUT : 0u));
        if (r < 0)
                return error_trace(r);
        /*
         * The deadline is in CLOCK_MONOTONIC, which nobody here reads. There are two kinds: 0 (a message
         * waits in memory) and the end of the authentication (90 s), for which a look every second is near
         * enough.
         */
        r = host->timer_set(peer->timer, due_us == UINT64_MAX ? UINT64_MAX
                                         : due_us == 0        ? 0
                                                              : LOOK_AGAIN_US);
        return r < 0 ? error_trace(r) : 0;
}

/* Reads what has come, runs the turn on it, and arms again. Ends the peer when it has left. */
static void peer_process(Peer *peer)
{
        Control *c = peer->control;
        int r = 1;

        ASSERT(c);
        for (unsigned i = 0; i < PROCESS_DRAIN && r > 0; i++)
                r = sd_bus_process(peer->bus, NULL);
        (void)c->host->run(c->host); /* the number is of no use: each call waits by its hold */
        if (r >= 0)
                r = peer_arm(peer);
        if (r < 0)
                peer_drop(peer);
}

static void peer_on_io(void *userdata, uint32_t revents)
{
        peer_process(userdata);
}

static void peer_on_timer(void *userdata)
{
        peer_process(userdata);
}

static Call *call_new(Peer *peer, sd_bus_message *message)
{
        Control *c = peer->control;

        for (unsigned i = 0; i < PEER_CALLS; i++) {
                Call *call = &peer->calls[i];

                if (call->message)
                        continue;
                call->message = sd_bus_message_ref(message);
                /* The place is in the hold, for a lookup without a search; the count makes it unique. */
                call->hold = ++c->holds << 16 | (uint64_t)(peer - c->peers) << 8 | i;
                return call;
        }
        return NULL;
}

static void call_end(Call *call)
{
        sd_bus_message_unref(call->message);
        *call = (Call){0};
}

static Call *call_find(Control *c, uint64_t hold, Peer **ret_peer)
{
        uint64_t peer = hold >> 8 & 0xff, slot = hold & 0xff;

        if (peer >= PEERS_MAX || slot >= PEER_CALLS)
                return NULL;
        if (!c->peers[peer].control || !c->peers[peer].calls[slot].message ||
                c->peers[peer].calls[slot].hold != hold)
                return NULL;
        *ret_peer = &c->peers[peer];
        return &c->peers[peer].calls[slot];
}

bool control_waits(Control *c, uint64_t hold)
{
        Peer *peer;

        ASSERT(c);
        return call_find(c, hold, &peer);
}

static void call_answer(Control *c, uint64_t hold, const char *json, size_t size)
{
        _cleanup_(freep) char *text = NULL;
        Peer *peer;
        Call *call;
        int r;

        ASSERT(json);
        call = call_find(c, hold, &peer);
        if (!call)
                return; /* the peer has left */
        text = strndup(json, size);
        r = text ? sd_bus_reply_method_return(call->message, "s", text) : -ENOMEM;
        call_end(call);
        if (r >= 0)
                r = peer_arm(peer); /* what the socket did not take at once */
        /* A broken peer is ended by its own watch: freeing it here could pull it from under sd-bus. */
        if (r < 0)
                log_debug("control: answer not sent: %s", strerror(-r));
}

static int answer_json(sd_bus_message *m, int r, char *json)
{
        _cleanup_(freep) char *text = json;

        if (r < 0)
                return sd_bus_reply_method_errorf(m, CONTROL_ERROR "Failed", "%s", strerror(-r));
        ASSERT(text);
        return sd_bus_reply_method_return(m, "s", text);
}

static int answer_busy(sd_bus_message *m)
{
        return sd_bus_reply_method_errorf(
                m, CONTROL_ERROR "Busy", "网关忙，请再试一次 / the gateway is busy, try again");
}

static int method_status(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        ControlHost *g = &((Peer *)userdata)->control->gateway;
        char *json = NULL;
        int r = g->status(g->userdata, &json);

        return answer_json(m, r, json);
}

static int method_workers(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        ControlHost *g = &((Peer *)userdata)->control->gateway;
        char *json = NULL;
        int r = g->workers(g->userdata, &json);

        return answer_json(m, r, json);
}

static int method_unprotected(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        ControlHost *g = &((Peer *)userdata)->control->gateway;
        char *json = NULL;
        int r = g->unprotected(g->userdata, &json);

        return answer_json(m, r, json);
}

static int method_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        ControlHost *g = &((Peer *)userdata)->control->gateway;
        char *json = NULL;
        int all, r;

        r = sd_bus_message_read(m, "b", &all);
        if (r < 0)
                return r;
        r = g->list(g->userdata, all, &json);
        return answer_json(m, r, json);
}

static int method_show(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        ControlHost *g = &((Peer *)userdata)->control->gateway;
        char *json = NULL;
        uint64_t incident;
        int r;

        r = sd_bus_message_read(m, "t", &incident);
        if (r < 0)
                return r;
        r = g->show(g->userdata, incident, &json);
        return answer_json(m, r, json);
}

static int method_unclaimed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        ControlHost *g = &((Peer *)userdata)->control->gateway;
        char *json = NULL;
        int r = g->unclaimed(g->userdata, &json);

        return answer_json(m, r, json);
}

/* The registry may change: answered now when refused, else after the commit. */
static int answer_later(sd_bus_message *m, Call *call, int r, char *json)
{
        if (r >= 0 && !json)
                return 1; /* answered after the commit, unless control_answer() has been called already */
        /* The registry may have been taken and answered in the same breath: then the call is over. */
        if (call->message != m) {
                free(json);
                return 1;
        }
        r = answer_json(m, r, json);
        call_end(call);
        return r;
}

static int method_import(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Peer *peer = userdata;
        ControlHost *g = &peer->control->gateway;
        char *json = NULL;
        const char *folder;
        Call *call;
        int r;

        r = sd_bus_message_read(m, "s", &folder);
        if (r < 0)
                return r;
        call = call_new(peer, m);
        if (!call)
                return answer_busy(m);
        r = g->import(g->userdata, folder, call->hold, &json);
        return answer_later(m, call, r, json);
}

static uint32_t peer_uid(const Peer *peer)
{
        struct ucred cred = {.uid = UINT32_MAX};
        socklen_t size = sizeof(cred);

        (void)getsockopt(peer->fd, SOL_SOCKET, SO_PEERCRED, &cred, &size); /* else nobody's */
        return cred.uid;
}

static int method_access(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Peer *peer = userdata;
        ControlHost *g = &peer->control->gateway;
        const char *role, *reason, *what, *resident;
        char *json = NULL;
        Call *call;
        int r;

        r = sd_bus_message_read(m, "ssss", &role, &reason, &what, &resident);
        if (r < 0)
                return r;
        call = call_new(peer, m);
        if (!call)
                return answer_busy(m);
        r = g->access(g->userdata, peer_uid(peer), role, reason, what, resident, call->hold, &json);
        return answer_later(m, call, r, json);
}

static int method_erase(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Peer *peer = userdata;
        ControlHost *g = &peer->control->gateway;
        const char *resident, *reason;
        char *json = NULL;
        Call *call;
        int r;

        r = sd_bus_message_read(m, "ss", &resident, &reason);
        if (r < 0)
                return r;
        call = call_new(peer, m);
        if (!call)
                return answer_busy(m);
        r = g->erase(g->userdata, peer_uid(peer), resident, reason, call->hold, &json);
        return answer_later(m, call, r, json);
}

static int method_vitals(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Peer *peer = userdata;
        ControlHost *g = &peer->control->gateway;
        ControlVitals what;
        char *json = NULL;
        Call *call;
        int r;

        r = sd_bus_message_read(m, "sxxuss", &what.resident, &what.from_s, &what.to_s, &what.step_s, &what.role,
                &what.reason);
        if (r < 0)
                return r;
        call = call_new(peer, m);
        if (!call)
                return answer_busy(m);
        r = g->vitals(g->userdata, peer_uid(peer), &what, call->hold, &json);
        return answer_later(m, call, r, json);
}

static int method_backup(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Peer *peer = userdata;
        ControlHost *g = &peer->control->gateway;
        const char *file;
        char *json = NULL;
        Call *call;
        int r;

        r = sd_bus_message_read(m, "s", &file);
        if (r < 0)
                return r;
        call = call_new(peer, m);
        if (!call)
                return answer_busy(m);
        r = g->backup(g->userdata, peer_uid(peer), file, call->hold, &json);
        return answer_later(m, call, r, json);
}

static int method_bind(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Peer *peer = userdata;
        ControlHost *g = &peer->control->gateway;
        const char *device, *home, *class, *profile;
        char *json = NULL;
        Call *call;
        int r;

        r = sd_bus_message_read(m, "ssss", &device, &home, &class, &profile);
        if (r < 0)
                return r;
        call = call_new(peer, m);
        if (!call)
                return answer_busy(m);
        r = g->bind(g->userdata, device, home, class, profile, call->hold, &json);
        return answer_later(m, call, r, json);
}

/*
 * An event for the inbox with its source and its body, or the answer why not: then *ret stays. Not by the result alone,
 * which is 0 too for an answer that the caller did not want (NO_REPLY_EXPECTED).
 */
static int event_begin(Peer *peer, sd_bus_message *m, EventType type, Event **ret, Call **ret_call)
{
        PortHost *host = peer->control->host;
        const char *source, *json;
        Event *event;
        Call *call;
        int r;

        r = sd_bus_message_read(m, "ss", &source, &json);
        if (r < 0)
                return r;
        if (!str_code(source))
                return sd_bus_reply_method_errorf(
                        m, SD_BUS_ERROR_INVALID_ARGS, "编号不合规 / not a registry code");
        if (strlen(json) > LIMIT_BODY)
                return sd_bus_reply_method_errorf(
                        m, SD_BUS_ERROR_INVALID_ARGS, "内容过长 / the text is too long");

        event = host->event_new(host);
        if (!event) {
                (void)host->run(host);
                event = host->event_new(host);
        }
        if (!event)
                return answer_busy(m);
        r = host->event_body(event, json, strlen(json));
        if (r < 0) {
                host->discard(host, event);
                return r;
        }
        call = call_new(peer, m);
        if (!call) {
                host->discard(host, event);
                return answer_busy(m);
        }
        event->type = type;
        event->via = VIA_CONTROL;
        event->hold = call->hold;
        (void)str_copy(event->source, sizeof(event->source), source); /* a code fits */
        *ret = event;
        *ret_call = call;
        return 0;
}

static int method_act(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Peer *peer = userdata;
        Event *event = NULL;
        Call *call;
        int r;

        r = event_begin(peer, m, EVENT_ACTION, &event, &call);
        if (r != 0 || !event)
                return r;
        codec_read_action(peer->control->codec, event);
        peer->control->host->push(peer->control->host, event);
        return 1;
}

static int method_alarm(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Peer *peer = userdata;
        Event *event = NULL;
        Call *call;
        int r;

        r = event_begin(peer, m, EVENT_ALARM, &event, &call);
        if (r != 0 || !event)
                return r;
        codec_read_alarm(peer->control->codec, event, NULL);
        peer->control->host->push(peer->control->host, event);
        return 1;
}

/* UNPRIVILEGED turns off a check that asks a bus daemon; ours is in peer_allowed(). */
static const sd_bus_vtable control_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Status", "", "s", method_status, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("List", "b", "s", method_list, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Show", "t", "s", method_show, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Workers", "", "s", method_workers, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Unprotected", "", "s", method_unprotected, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Act", "ss", "s", method_act, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Alarm", "ss", "s", method_alarm, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Import", "s", "s", method_import, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Access", "ssss", "s", method_access, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Erase", "ss", "s", method_erase, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Vitals", "sxxuss", "s", method_vitals, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Backup", "s", "s", method_backup, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Unclaimed", "", "s", method_unclaimed, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Bind", "ssss", "s", method_bind, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static bool peer_allowed(int fd)
{
        struct ucred cred;
        gid_t groups[GROUPS_MAX];
        socklen_t size = sizeof(cred);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
                return false;
        if (cred.uid == 0 || cred.uid == geteuid() || cred.gid == getegid())
                return true;
        size = sizeof(groups);
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
                return false;
        for (unsigned i = 0; i < size / sizeof(gid_t); i++)
                if (groups[i] == getegid())
                        return true;
        return false;
}

/* Takes the descriptor in any case. */
static int peer_open(Peer *peer, int accepted)
{
        Control *c = peer->control;
        _cleanup_(closep) int fd = accepted;
        int r;

        ASSERT(c && !peer->bus);
        peer->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (peer->fd < 0)
                return error_origin(-errno);
        r = sd_bus_new(&peer->bus);
        if (r < 0)
                return error_origin(r);
        r = sd_bus_set_fd(peer->bus, fd, fd);
        if (r < 0)
                return error_origin(r);
        fd = -1;
        r = sd_bus_set_server(peer->bus, true, c->id);
        if (r < 0)
                return error_origin(r);
        r = sd_bus_add_object_vtable(peer->bus, NULL, CONTROL_PATH, CONTROL_INTERFACE, control_vtable, peer);
        if (r < 0)
                return error_origin(r);
        r = sd_bus_start(peer->bus);
        if (r < 0)
                return error_origin(r);
        r = c->host->watch(c->host, &peer->watch, peer->fd, 0, PORT_PRIORITY_OUT, peer_on_io, peer);
        if (r < 0)
                return error_trace(r);
        r = c->host->timer(c->host, &peer->timer, PORT_PRIORITY_OUT, peer_on_timer, peer);
        if (r < 0)
                return error_trace(r);
        r = peer_arm(peer);
        return r < 0 ? error_trace(r) : 0;
}

static void control_on_accept(void *userdata, uint32_t revents)
{
        Control *c = userdata;
        Peer *peer = NULL;
        int fd, r;

        fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
                return; /* it has left again, or no descriptors: the next one may fare better */
        for (unsigned i = 0; i < PEERS_MAX && !peer; i++)
                if (!c->peers[i].control)
                        peer = &c->peers[i];
        if (!peer || !peer_allowed(fd)) {
                c->host->count(c->host, peer ? "control.denied" : "control.full");
                close(fd);
                return;
        }
        *peer = (Peer){.control = c, .fd = -1};
        r = peer_open(peer, fd);
        if (r < 0) {
                log_warning("control: peer not taken: %s", strerror(-r));
                peer_drop(peer);
        }
}

static void control_receipt(void *port, const PortReceipt *receipt)
{
        call_answer(port, receipt->hold, receipt->json, receipt->json_size);
}

static void control_reply(void *port, const PortReply *reply)
{
        call_answer(port, reply->hold, reply->json, reply->json_size);
}

void control_answer(Control *c, uint64_t hold, const char *json)
{
        ASSERT(c);
        call_answer(c, hold, json, strlen(json));
}

static void control_close(Control *c)
{
        for (unsigned i = 0; i < PEERS_MAX; i++)
                if (c->peers[i].control)
                        peer_drop(&c->peers[i]);
        if (c->watch)
                c->watch = c->host->watch_free(c->watch);
        if (c->fd >= 0) {
                close(c->fd);
                (void)unlink(c->path); /* a leftover is replaced at the next start */
        }
        c->fd = -1;
}

static void control_stop(void *port)
{
        control_close(port);
}

static const PortOps control_ops = {
        .name = "control",
        .receipt = control_receipt,
        .reply = control_reply,
        .stop = control_stop,
};

/*
 * Binds beside the place, sets the mode, listens, and only then moves the socket into place: a leftover of a
 * killed daemon is replaced in one step, and nobody ever connects with a wider mode.
 */
static int control_listen(Control *c)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        Str path = STR_BUFFER(address.sun_path);
        struct stat st;

        str_addf(&path, "%s.new", c->path);
        if (path.full)
                return error_origin(-ENAMETOOLONG);
        if (lstat(c->path, &st) == 0 && !S_ISSOCK(st.st_mode))
                return error_origin(-EEXIST); /* not ours to remove */
        (void)unlink(address.sun_path);
        c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (c->fd < 0)
                return error_origin(-errno);
        if (bind(c->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
                chmod(address.sun_path, 0660) < 0 || listen(c->fd, PEERS_MAX) < 0 ||
                rename(address.sun_path, c->path) < 0) {
                int r = -errno;

                (void)unlink(address.sun_path);
                return error_origin(r);
        }
        return 0;
}

int control_new(Control **ret, PortHost *host, Codec *codec, const ControlHost *gateway,
        const char *runtime_directory, Port *ret_port)
{
        Control *c;
        Str path;
        int r;

        ASSERT(host && codec && gateway && runtime_directory);
        c = calloc(1, sizeof(*c));
        if (!c)
                return error_origin(-ENOMEM);
        c->host = host;
        c->codec = codec;
        c->gateway = *gateway;
        c->fd = -1;
        for (unsigned i = 0; i < PEERS_MAX; i++)
                c->peers[i].fd = -1;
        path = STR_BUFFER(c->path);
        str_addf(&path, "%s/control", runtime_directory);
        r = path.full ? error_origin(-ENAMETOOLONG) : sd_id128_randomize(&c->id);
        if (r >= 0)
                r = control_listen(c);
        if (r >= 0)
                r = host->watch(host, &c->watch, c->fd, EPOLLIN, PORT_PRIORITY_OUT, control_on_accept, c);
        if (r < 0) {
                control_free(c);
                return error_trace(r);
        }
        *ret = c;
        *ret_port = (Port){.ops = &control_ops, .port = c, .via = VIA_CONTROL};
        return 0;
}

Control *control_free(Control *c)
{
        if (!c)
                return NULL;
        control_close(c);
        free(c);
        return NULL;
}

int control_refused(const char *text, char **ret_json)
{
        char json[256];
        Str s = STR_BUFFER(json);

        str_add(&s, "{\"result\":\"refused\",\"text\":");
        str_json(&s, text);
        str_add(&s, "}");
        ASSERT(!s.full);
        *ret_json = strdup(json);
        return *ret_json ? 0 : error_origin(-ENOMEM);
}
