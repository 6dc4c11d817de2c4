/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs as channels.
 *
 * A channel is one program, of which at most one runs at a time. What comes meanwhile waits in slots, one an
 * incident and person (programs that reach a person: SMS, voice): a newer notice takes the place of the older one of the same incident, because a siren or an SMS
 * should say what is true now, and a storm must not line up a hundred runs. When the slots are full, the
 * least urgent notice gives way.
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

enum { PROGRAM_E_FULL = 1 /* everything that waits is more urgent */ };

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
        Notice now;              /* IDLE: empty, or one that could not be started */
        Notice slots[SLOTS_MAX]; /* in order of arrival */
        uint32_t n_slots;
        int pidfd;
        PortWatch *watch;
        PortTimer *timer;
        bool overrun, failing;
} Program;

struct Exec {
        PortHost *host;
        Program programs[CONFIG_CHANNELS_MAX];
        uint32_t n_programs;
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

/* The notice as a file at its beginning. */
static int notice_open(const Notice *n)
{
        int fd = memfd_create("notice", MFD_CLOEXEC);

        if (fd < 0)
                return error_origin(-errno);
        for (size_t done = 0; done < n->json_size;) {
                ssize_t k = write(fd, n->json + done, n->json_size - done);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0) {
                        close(fd);
                        return error_origin(-EIO);
                }
                done += (size_t)k;
        }
        if (lseek(fd, 0, SEEK_SET) < 0) {
                close(fd);
                return error_origin(-EIO);
        }
        return fd;
}

static void on_child(void *userdata, uint32_t revents);

static int program_run(Program *p)
{
        _cleanup_(closep) int notice = notice_open(&p->now);
        pid_t pid;
        int r;

        if (notice < 0)
                return error_trace(notice);
        pid = fork();
        if (pid < 0)
                return error_origin(-errno);
        if (pid == 0)
                child_run(p, notice);
        p->pidfd = pidfd_open(pid, 0);
        if (p->pidfd < 0) { /* cannot be watched, so it must not run */
                r = -errno;
                (void)kill(pid, SIGKILL);
                (void)waitpid(pid, NULL, 0);
                return error_origin(r);
        }
        p->state = PROGRAM_RUNNING;
        p->overrun = false;
        r = p->exec->host->watch(
                p->exec->host, &p->watch, p->pidfd, EPOLLIN, PORT_PRIORITY_OUT, on_child, p);
        if (r >= 0)
                r = p->exec->host->timer_set(p->timer, p->timeout_us);
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
        if (p->state != PROGRAM_IDLE || p->now.json || p->exec->stopped || !slots_take(p, &p->now))
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

static void program_done(Program *p, bool ok, const char *why, int status)
{
        Exec *x = p->exec;

        program_close(p);
        if (!ok) {
                log_err("channel %s: %s %d, incident %llu", p->name, why, status,
                        (unsigned long long)p->now.incident);
                x->host->count(x->host, "exec.failed");
        }
        p->failing = !ok;
        x->host->sent(x->host, p->now.incident, p->now.worker, p->now.channel, p->now.seq, ok);
        exec_health(x);
        notice_clear(&p->now);
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
                if (!p->watch) { /* it runs, but its end cannot be seen */
                        (void)pidfd_send_signal(p->pidfd, SIGKILL, NULL, 0);
                        program_done(p, false, "cannot be watched: error", 0);
                        break;
                }
                p->state = PROGRAM_ENDING;
                p->overrun = true;
                (void)pidfd_send_signal(p->pidfd, SIGTERM, NULL, 0); /* fails only when it has just ended */
                (void)p->exec->host->timer_set(p->timer, GRACE_US);
                break;
        case PROGRAM_ENDING:
                (void)pidfd_send_signal(p->pidfd, SIGKILL, NULL, 0);
                (void)p->exec->host->timer_set(
                        p->timer, GRACE_US); /* a process in the kernel's hands dies late */
                break;
        }
}

/* What comes in */

/* The place for a notice of this incident, or NULL: full. */
static Notice *slots_place(Program *p, const PortAlert *a)
{
        uint32_t worst = 0;

        for (uint32_t i = 0; i < p->n_slots; i++)
                if (p->slots[i].incident == a->incident && p->slots[i].worker == a->worker)
                        return &p->slots[i];
        if (p->n_slots < SLOTS_MAX)
                return &p->slots[p->n_slots++];
        p->exec->host->count(p->exec->host, "exec.dropped");
        for (uint32_t i = 1; i < p->n_slots; i++)
                if (p->slots[i].priority > p->slots[worst].priority)
                        worst = i;
        return p->slots[worst].priority < a->priority ? NULL : &p->slots[worst];
}

static void slots_forget(Program *p, uint64_t incident, uint32_t worker)
{
        for (uint32_t i = 0; i < p->n_slots; i++)
                if (p->slots[i].incident == incident && p->slots[i].worker == worker) {
                        Notice n = slots_cut(p, i);

                        notice_clear(&n);
                        return;
                }
}

/* 0, PROGRAM_E_FULL, or a negative errno. */
static int program_alert(Program *p, const PortAlert *a)
{
        _cleanup_(freep) char *json = malloc(a->json_size + 1);
        Notice *n;

        if (!json)
                return error_origin(-ENOMEM);
        memcpy(json, a->json, a->json_size);
        json[a->json_size] = '\n'; /* so that a script can read a line */
        n = slots_place(p, a);
        if (!n)
                return PROGRAM_E_FULL;
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
 * An alert that is gone is not called out again, but a program that runs is let run. No program, or none for
 * this priority: PORT_E_ADDRESS, and no sent() will come.
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
                        slots_forget(p, a->incident, a->worker);
                        continue;
                }
                if (a->priority > p->priority)
                        continue;
                r = program_alert(p, a);
                if (r < 0)
                        return error_trace(r);
                taken |= r == 0;
        }
        return taken || !a->json ? 0 : PORT_E_ADDRESS;
}

static void exec_stop(void *port)
{
        Exec *x = port;

        x->stopped = true; /* what runs goes on: a siren must not fall silent because we restart */
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
                notice_clear(&p->now);
                while (p->n_slots > 0)
                        notice_clear(&p->slots[--p->n_slots]);
        }
        if (x->null >= 0)
                close(x->null);
        free(x);
        return NULL;
}
