/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs as channels.
 *
 * A channel is one program, of which at most one runs at a time. What comes meanwhile waits in slots, one an
 * incident and person (programs that reach a person: SMS, voice): a newer notice takes the place of the older one of the same incident, because a siren or an SMS
 * should say what is true now, and a storm must not line up a hundred runs. When the slots are full, the
 * least urgent notice gives way, and has failed: whoever waits for it is called in another way.
 *
 * Batch= gives a run all that waits, up to so many, a line each: a group chat that may be written to only so often. They
 * succeed and fail together.
 *
 *   IDLE ──start──▶ RUNNING ──timeout──▶ ENDING (SIGTERM) ──2 s──▶ (SIGKILL)
 *     ▲                │ exit                │ exit                    │ exit
 *     └────────────────┴──── sent(ok?) ──────┴─────────────────────────┘   then the most urgent slot
 *
 * The loop is never blocked: the notice is in a memfd before the program starts, the child's end comes
 * through a pidfd (no SIGCHLD handler, no race about numbers that are used again), and fork() is used rather
 * than posix_spawn(), which waits until the program's file has been read, from a disk that may be what has
 * failed.
 *
 * A program inherits nothing but /dev/null, its notice and the environment: no descriptors, default signals,
 * a process group of its own. No shell is involved.
 *
 * sent() and system() are called only from the loop, never from within exec_alert(), which runs inside a
 * turn.
 */
#include "exec.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#define SLOTS_MAX 64
#define ARGS_MAX  64
#define GRACE_US  (2 * USEC_PER_SEC)
#define REAP_US   (20 * USEC_PER_MSEC)

typedef enum ProgramState { PROGRAM_IDLE, PROGRAM_RUNNING, PROGRAM_ENDING } ProgramState;

typedef struct Notice {
        uint64_t incident, seq;
        uint32_t worker;
        Channel channel;
        uint8_t priority;
        char *json;
        size_t json_size;
} Notice;

typedef struct Program {
        Exec *exec;
        char name[32];
        char line[1024]; /* args point into it */
        char *args[ARGS_MAX + 1];
        uint32_t priority;
        bool personal; /* reaches one person: CHANNEL_PERSON + its place */
        uint64_t timeout_us;
        ProgramState state;
        pid_t pid;               /* not IDLE */
        Notice now[SLOTS_MAX];   /* of the run; IDLE: none, or those that could not be started */
        uint32_t n_now, batch;   /* at most so many in one run */
        Notice slots[SLOTS_MAX]; /* in order of arrival */
        uint32_t n_slots;
        int pidfd;
        PortWatch *watch;
        PortTimer *timer;
        bool overrun, failing;
        bool unseen; /* ENDING: no descriptor for it, so it was killed and is asked for by its number */
} Program;

/* One that gave way: its sent() comes from the loop. */
typedef struct Lost {
        uint64_t incident, seq;
        uint32_t worker;
        Channel channel;
} Lost;

struct Exec {
        PortHost *host;
        Program programs[CONFIG_CHANNELS_MAX];
        uint32_t n_programs;
        Lost *lost;
        size_t n_lost, lost_max;
        PortTimer *lost_timer;
        int null;
        bool raised, stopped;
};

static void notice_clear(Notice *n)
{
        free(n->json);
        *n = (Notice){0};
}

/* The child between fork and exec: another thread may hold any lock, so only what is safe in a signal
 * handler. */
static _Noreturn void child_run(const Program *p, int notice)
{
        struct sigaction standard = {.sa_handler = SIG_DFL};
        sigset_t none;

        sigemptyset(&none);
        for (int s = 1; s < NSIG; s++)
                (void)sigaction(s, &standard, NULL); /* some cannot be set */
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        (void)setpgid(0, 0);
        if (dup2(notice, STDIN_FILENO) < 0 || dup2(p->exec->null, STDOUT_FILENO) < 0 ||
                dup2(p->exec->null, STDERR_FILENO) < 0)
                _exit(126);
        (void)close_range(3, ~0u, 0); /* all of ours are close-on-exec anyway */
        (void)execvp(p->args[0], p->args);
        _exit(127);
}

static bool notice_write(int fd, const Notice *n)
{
        for (size_t done = 0; done < n->json_size;) {
                ssize_t k = write(fd, n->json + done, n->json_size - done);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        return false;
                done += (size_t)k;
        }
        return true;
}

/* The notices as a file at its beginning, a line each. */
static int notices_open(const Program *p)
{
        int fd = memfd_create("notice", MFD_CLOEXEC);
        bool ok = true;

        if (fd < 0)
                return error_origin(-errno);
        for (uint32_t i = 0; i < p->n_now; i++)
                ok = ok && notice_write(fd, &p->now[i]);
        if (!ok || lseek(fd, 0, SEEK_SET) < 0) {
                close(fd);
                return error_origin(-EIO);
        }
        return fd;
}

static void on_child(void *userdata, uint32_t revents);

static int program_run(Program *p)
{
        _cleanup_(closep) int notice = notices_open(p);
        pid_t pid;
        int r;

        if (notice < 0)
                return error_trace(notice);
        pid = fork();
        if (pid < 0)
                return error_origin(-errno);
        if (pid == 0)
                child_run(p, notice);
        p->pid = pid;
        p->state = PROGRAM_RUNNING;
        p->overrun = p->unseen = false;
        p->pidfd = pidfd_open(pid, 0);
        r = p->pidfd < 0 ? -errno
                         : p->exec->host->watch(p->exec->host, &p->watch, p->pidfd, EPOLLIN,
                                   PORT_PRIORITY_OUT, on_child, p);
        if (r < 0) { /* cannot be watched, so it must not run; until it is reaped the number is its own */
                (void)kill(pid, SIGKILL);
                p->state = PROGRAM_ENDING;
                p->unseen = true;
        }
        r = p->exec->host->timer_set(p->timer, p->unseen ? REAP_US : p->timeout_us);
        return r < 0 ? error_trace(r) : 0;
}

/* Takes the i-th out; the place behind the last is empty again. */
static Notice slots_cut(Program *p, uint32_t i)
{
        Notice n = p->slots[i];

        ASSERT(i < p->n_slots);
        memmove(&p->slots[i], &p->slots[i + 1], (--p->n_slots - i) * sizeof(Notice));
        p->slots[p->n_slots] = (Notice){0};
        return n;
}

/* Takes the most urgent of the slots, the oldest of those. False: nothing waits. */
static bool slots_take(Program *p, Notice *ret)
{
        uint32_t best = 0;

        if (p->n_slots == 0)
                return false;
        for (uint32_t i = 1; i < p->n_slots; i++)
                if (p->slots[i].priority < p->slots[best].priority)
                        best = i;
        *ret = slots_cut(p, best);
        return true;
}

/* Starts what waits, if nothing runs. A failure is told from the timer: we may be inside a turn. */
static void program_start(Program *p)
{
        if (p->state != PROGRAM_IDLE || p->n_now > 0 || p->exec->stopped)
                return;
        while (p->n_now < p->batch && slots_take(p, &p->now[p->n_now]))
                p->n_now++;
        if (p->n_now == 0)
                return;
        if (program_run(p) < 0)
                (void)p->exec->host->timer_set(p->timer, 0);
}

/* One cause for all channels: it ends when each of them works again. */
static void exec_health(Exec *x)
{
        bool failing = false;

        for (uint32_t i = 0; i < x->n_programs; i++)
                failing |= x->programs[i].failing;
        if (failing != x->raised) {
                x->raised = failing;
                x->host->system(x->host, SYSTEM_CHANNEL, failing);
        }
}

static void program_close(Program *p)
{
        p->watch = p->exec->host->watch_free(p->watch);
        if (p->pidfd >= 0)
                close(p->pidfd);
        p->pidfd = -1;
        p->state = PROGRAM_IDLE;
        (void)p->exec->host->timer_set(p->timer, UINT64_MAX);
}

static void notices_clear(Program *p)
{
        while (p->n_now > 0)
                notice_clear(&p->now[--p->n_now]);
}

static void program_done(Program *p, bool ok, const char *why, int status)
{
        Exec *x = p->exec;

        program_close(p);
        if (!ok) {
                log_err("channel %s: %s %d, incident %llu", p->name, why, status,
                        (unsigned long long)p->now[0].incident);
                x->host->count(x->host, "exec.failed");
        }
        p->failing = !ok;
        for (uint32_t i = 0; i < p->n_now; i++)
                x->host->sent(
                        x->host, p->now[i].incident, p->now[i].worker, p->now[i].channel, p->now[i].seq, ok);
        exec_health(x);
        notices_clear(p);
        program_start(p);
        (void)x->host->run(x->host); /* no connection waits for these events */
}

static void on_child(void *userdata, uint32_t revents)
{
        Program *p = userdata;
        siginfo_t info = {0};

        if (waitid(P_PIDFD, (id_t)p->pidfd, &info, WEXITED | WNOHANG) < 0) {
                if (errno != EINTR)
                        program_done(p, false, "cannot wait for it: error", errno);
                return;
        }
        if (info.si_pid == 0)
                return;
        if (p->overrun)
                program_done(p, false, "ran too long and was ended with", info.si_status);
        else if (info.si_code == CLD_EXITED)
                program_done(p, info.si_status == 0, "failed with status", info.si_status);
        else
                program_done(p, false, "was ended by signal", info.si_status);
}

/* Timeout, grace, or a start that failed. Signals go to that very process: the pidfd names no other. */
static void on_timer(void *userdata)
{
        Program *p = userdata;

        switch (p->state) {
        case PROGRAM_IDLE: program_done(p, false, "cannot be started: error", 0); break;
        case PROGRAM_RUNNING:
                p->state = PROGRAM_ENDING;
                p->overrun = true;
                (void)pidfd_send_signal(p->pidfd, SIGTERM, NULL, 0); /* fails only when it has just ended */
                (void)p->exec->host->timer_set(p->timer, GRACE_US);
                break;
        case PROGRAM_ENDING:
                if (p->unseen) {
                        if (waitpid(p->pid, NULL, WNOHANG) == 0)
                                (void)p->exec->host->timer_set(p->timer, REAP_US);
                        else
                                program_done(p, false, "cannot be watched: error", 0);
                        break;
                }
                (void)pidfd_send_signal(p->pidfd, SIGKILL, NULL, 0);
                (void)p->exec->host->timer_set(
                        p->timer, GRACE_US); /* a process in the kernel's hands dies late */
                break;
        }
}

/* What comes in */

static Notice *slots_find(Program *p, uint64_t incident, uint32_t worker)
{
        for (uint32_t i = 0; i < p->n_slots; i++)
                if (p->slots[i].incident == incident && p->slots[i].worker == worker)
                        return &p->slots[i];
        return NULL;
}

/* Has failed, without having run. Told from the loop: we may be inside a turn. */
static void exec_lost(Exec *x, Lost lost)
{
        x->host->count(x->host, "exec.dropped");
        if (x->n_lost == x->lost_max) {
                size_t max = x->lost_max ? 2 * x->lost_max : SLOTS_MAX;
                Lost *more = realloc(x->lost, max * sizeof(Lost));

                if (!more)
                        return; /* its row waits, and is called again with the next start */
                x->lost = more;
                x->lost_max = max;
        }
        x->lost[x->n_lost++] = lost;
        (void)x->host->timer_set(x->lost_timer, 0); /* fails only when the loop has ended */
}

static void on_lost(void *userdata)
{
        Exec *x = userdata;

        for (size_t i = 0; i < x->n_lost; i++)
                x->host->sent(x->host, x->lost[i].incident, x->lost[i].worker, x->lost[i].channel,
                        x->lost[i].seq, false);
        x->n_lost = 0;
        (void)x->host->run(x->host); /* no connection waits for these events */
}

/* The place for a notice of this incident, or NULL: full. */
static Notice *slots_place(Program *p, const PortAlert *a)
{
        Notice *n = slots_find(p, a->incident, a->worker);
        uint32_t worst = 0;

        if (n)
                return n;
        if (p->n_slots < SLOTS_MAX)
                return &p->slots[p->n_slots++];
        for (uint32_t i = 1; i < p->n_slots; i++)
                if (p->slots[i].priority > p->slots[worst].priority)
                        worst = i;
        n = &p->slots[worst];
        if (n->priority < a->priority)
                return NULL;
        exec_lost(p->exec,
                (Lost){.incident = n->incident, .seq = n->seq, .worker = n->worker, .channel = n->channel});
        return n;
}

/* False: none waits. */
static bool slots_forget(Program *p, uint64_t incident, uint32_t worker)
{
        Notice *n = slots_find(p, incident, worker), gone;

        if (!n)
                return false;
        gone = slots_cut(p, (uint32_t)(n - p->slots));
        notice_clear(&gone);
        return true;
}

/* Taken: sent() will come. */
static int program_alert(Program *p, const PortAlert *a)
{
        _cleanup_(freep) char *json = malloc(a->json_size + 1);
        Notice *n;

        if (!json)
                return error_origin(-ENOMEM);
        memcpy(json, a->json, a->json_size);
        json[a->json_size] = '\n'; /* so that a script can read a line */
        n = slots_place(p, a);
        if (!n) {
                exec_lost(p->exec, (Lost){.incident = a->incident,
                                           .seq = a->seq,
                                           .worker = a->worker,
                                           .channel = a->channel});
                return 0;
        }
        notice_clear(n);
        *n = (Notice){.incident = a->incident,
                .seq = a->seq,
                .worker = a->worker,
                .channel = a->channel,
                .priority = a->priority,
                .json = TAKE_PTR(json),
                .json_size = a->json_size + 1};
        program_start(p);
        return 0;
}

/*
 * An alert that is gone is not called out again, but a program that runs is let run. No program, none for this
 * priority, or nothing to clear or to refresh: PORT_E_ADDRESS, and no sent() will come.
 */
static int exec_alert(void *port, const PortAlert *a)
{
        Exec *x = port;
        bool taken = false;

        if (a->channel < CHANNEL_EXEC || x->stopped)
                return PORT_E_ADDRESS;
        for (uint32_t i = 0; i < x->n_programs; i++) {
                Program *p = &x->programs[i];
                int r;

                if (a->channel == CHANNEL_EXEC ? p->personal
                                               : a->channel != CHANNEL_PERSON + i || !p->personal)
                        continue;
                if (!a->json) {
                        taken |= slots_forget(p, a->incident, a->worker);
                        continue;
                }
                if (a->priority > p->priority || (a->refresh && !slots_find(p, a->incident, a->worker)))
                        continue;
                r = program_alert(p, a);
                if (r < 0)
                        return error_trace(r);
                taken = true;
        }
        return taken ? 0 : PORT_E_ADDRESS;
}

static void exec_stop(void *port)
{
        Exec *x = port;

        x->stopped =
                true; /* what runs is ended by exec_free(): its row stays, and the next start runs it again */
}

static const PortOps exec_ops = {.name = "exec", .alert = exec_alert, .stop = exec_stop};

static int program_init(Program *p, Exec *x, const ConfigChannel *c)
{
        char *rest = p->line, *word;
        size_t n = 0;

        p->exec = x;
        p->pidfd = -1;
        (void)str_copy(p->name, sizeof(p->name), c->name); /* same sizes */
        (void)str_copy(p->line, sizeof(p->line), c->exec);
        p->priority = c->priority;
        p->batch = c->batch > 1 ? c->batch : 1;
        p->personal = c->to != 0;
        p->timeout_us = c->timeout_us;
        while ((word = parse_word(&rest))) {
                if (n == ARGS_MAX)
                        return error_origin(-E2BIG);
                p->args[n++] = word;
        }
        if (n == 0)
                return error_origin(-EINVAL);
        return x->host->timer(x->host, &p->timer, PORT_PRIORITY_TIMER, on_timer, p);
}

DEFINE_CLEANUP(Exec *, exec_free)

int exec_new(Exec **ret, PortHost *host, const Config *config, Port *ret_port)
{
        _cleanup_(exec_freep) Exec *x = calloc(1, sizeof(Exec));

        ASSERT(ret && host && config && ret_port);
        ASSERT(config->n_channels <= CONFIG_CHANNELS_MAX);
        if (!x)
                return error_origin(-ENOMEM);
        x->host = host;
        x->null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (x->null < 0)
                return error_origin(-errno);
        if (host->timer(host, &x->lost_timer, PORT_PRIORITY_TIMER, on_lost, x) < 0)
                return error_origin(-ENOMEM);
        for (uint32_t i = 0; i < config->n_channels; i++) {
                int r = program_init(&x->programs[x->n_programs++], x, &config->channels[i]);

                if (r < 0)
                        return error_trace(r);
        }
        *ret_port = (Port){.ops = &exec_ops,
                .port = x,
                .via = VIA_DAEMON,
                .channels = ((1u << CHANNEL_MAX) - 1) & ~((1u << CHANNEL_EXEC) - 1)};
        *ret = TAKE_PTR(x);
        return 0;
}

Exec *exec_free(Exec *x)
{
        if (!x)
                return NULL;
        for (uint32_t i = 0; i < x->n_programs; i++) {
                Program *p = &x->programs[i];

                if (p->pidfd >= 0)
                        (void)pidfd_send_signal(p->pidfd, SIGTERM, NULL, 0);
                if (p->timer)
                        program_close(p);
                x->host->timer_free(p->timer);
                notices_clear(p);
                while (p->n_slots > 0)
                        notice_clear(&p->slots[--p->n_slots]);
        }
        x->host->timer_free(x->lost_timer);
        free(x->lost);
        if (x->null >= 0)
                close(x->null);
        free(x);
        return NULL;
}
