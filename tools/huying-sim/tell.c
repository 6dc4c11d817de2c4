/* SPDX-License-Identifier: Apache-2.0 */
/* The telling half of the story: what was seen, what is awaited, what is printed, and the processes around it. */
#include "tools/huying-sim/story.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>

#define FAIL_LINES 40
#define RUN_MAX_US (40 * USEC_PER_SEC)

static void on_message(void *userdata, const char *topic, const char *payload, size_t size, bool retained)
{
        Story *s = userdata;
        Seen *seen;

        if (!str_starts(topic, s->prefix))
                return;
        if (s->n_seen == s->cap_seen) {
                size_t cap = s->cap_seen ? 2 * s->cap_seen : 256;
                Seen *grown = reallocarray(s->seen, cap, sizeof(Seen));

                ASSERT(grown);
                s->seen = grown;
                s->cap_seen = cap;
        }
        seen = &s->seen[s->n_seen++];
        *seen = (Seen){.at_us = sim_now_us(), .size = size, .retained = retained};
        seen->topic = strdup(topic + strlen(s->prefix));
        seen->payload = strndup(payload, size);
        ASSERT(seen->topic && seen->payload);
}

int story_open(Story *s, const char *config)
{
        ConfigError error;
        Str prefix = STR_BUFFER(s->prefix), filter = STR_BUFFER(s->filter);
        int r;

        r = config_read(&s->config, config, &error);
        if (r != 0) {
                (void)fprintf(stderr, "huying-sim: %s: %s\n", config, r > 0 ? error.text : strerror(-r));
                return r < 0 ? error_trace(r) : error_origin(-EINVAL);
        }
        if (s->config.coap_listen[0] && !endpoint_parse(s->config.coap_listen, 5683, s->coap_host,
                                                sizeof(s->coap_host), &s->coap_port))
                return error_origin(-EINVAL);
        str_addf(&prefix, "huying/%s/", s->config.site);
        str_addf(&filter, "huying/%s/#", s->config.site);
        r = watch_new(&s->watch, s->config.site);
        if (r >= 0)
                r = link_new(&s->observer, &s->sim,
                        &(LinkConfig){.host = s->config.mqtt_host,
                                .port = s->config.mqtt_port,
                                .filters = {s->filter},
                                .message = on_message,
                                .userdata = s});
        return r < 0 ? error_trace(r) : 0;
}

void story_close(Story *s)
{
        link_free(s->observer);
        watch_free(s->watch);
        for (size_t i = 0; i < s->n_seen; i++) {
                free(s->seen[i].topic);
                free(s->seen[i].payload);
        }
        free(s->seen);
        s->seen = NULL;
}

void story_mark(Story *s)
{
        s->mark = s->n_seen;
}

static bool topic_matches(const char *wanted, const char *topic)
{
        size_t n = strlen(wanted);

        return n > 0 && wanted[n - 1] == '+' ? strncmp(wanted, topic, n - 1) == 0 : str_equal(wanted, topic);
}

static bool seen_matches(const Seen *seen, const Expect *e)
{
        char value[512];

        if (!topic_matches(e->topic, seen->topic) || (seen->size == 0) != e->empty)
                return false;
        for (unsigned i = 0; i < MEMBERS_MAX && e->members[i].path; i++) {
                if (!json_text(seen->payload, seen->size, e->members[i].path, value, sizeof(value)))
                        value[0] = 0;
                if (!str_equal(value, e->members[i].value))
                        return false;
        }
        return true;
}

const Seen *story_expect(Story *s, const Expect *e, uint64_t patience_us)
{
        uint64_t until_us = sim_now_us() + patience_us;

        for (size_t i = s->mark;;) {
                for (; i < s->n_seen; i++)
                        if (seen_matches(&s->seen[i], e))
                                return &s->seen[i];
                if (sim_interrupted() || sim_now_us() >= until_us || sim_step(&s->sim, until_us) < 0)
                        return NULL;
        }
}

bool story_until(Story *s, bool (*condition)(void *userdata), void *userdata, uint64_t patience_us)
{
        uint64_t until_us = sim_now_us() + patience_us;

        while (!condition(userdata))
                if (sim_interrupted() || sim_now_us() >= until_us || sim_step(&s->sim, until_us) < 0)
                        return false;
        return true;
}

static pid_t spawn(const char *const *argv, int *ret_fd)
{
        posix_spawn_file_actions_t actions;
        int pipe_fds[2], r;
        pid_t pid;

        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return -1;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
        r = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        close(pipe_fds[1]);
        if (r != 0) {
                close(pipe_fds[0]);
                return -1;
        }
        *ret_fd = pipe_fds[0];
        return pid;
}

bool story_run(Story *s, const char *const *argv, char *ret_output, size_t cap)
{
        _cleanup_(closep) int fd = -1;
        uint64_t until_us = sim_now_us() + RUN_MAX_US;
        size_t n = 0;
        ssize_t got;
        int status;
        pid_t pid = spawn(argv, &fd);

        if (pid < 0)
                return false;
        /* The workers' phones stay alive meanwhile: short steps of the loop, no blocking wait. */
        for (;;) {
                if (waitpid(pid, &status, WNOHANG) == pid)
                        break;
                if (sim_now_us() >= until_us || sim_interrupted()) {
                        (void)kill(pid, SIGKILL);
                        (void)waitpid(pid, &status, 0);
                        break;
                }
                (void)sim_step(
                        &s->sim, sim_now_us() + 10 * USEC_PER_MSEC); /* a failing poll: the next wait says */
        }
        while (n + 1 < cap && (got = read(fd, ret_output + n, cap - 1 - n)) > 0)
                n += (size_t)got;
        while (n > 0 && (ret_output[n - 1] == '\n' || ret_output[n - 1] == '\r'))
                n--;
        ret_output[n] = 0;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static pid_t pid_read(const char *path)
{
        _cleanup_(fclosep) FILE *f = fopen(path, "re");
        char line[32] = "";
        uint32_t pid;

        if (!f || !fgets(line, sizeof(line), f))
                return 0;
        line[strcspn(line, "\n")] = 0;
        return parse_u32(line, INT32_MAX, &pid) ? (pid_t)pid : 0;
}

bool story_kill(Story *s)
{
        s->killed = pid_read(s->pid_file);
        return s->killed > 1 && kill(s->killed, SIGKILL) == 0;
}

static bool reborn(void *userdata)
{
        Story *s = userdata;
        pid_t pid = pid_read(s->pid_file);

        return pid > 1 && pid != s->killed && kill(pid, 0) == 0;
}

bool story_reborn(Story *s, uint64_t patience_us)
{
        uint64_t until_us = sim_now_us() + patience_us;

        while (!reborn(s))
                if (sim_interrupted() || sim_now_us() >= until_us ||
                        sim_step(&s->sim, sim_now_us() + 50 * USEC_PER_MSEC) < 0)
                        return false;
        return true;
}

void story_title(Story *s, const char *title)
{
        sim_print("%s── %s ──", s->n_steps > 0 ? "\n" : "", title);
}

static void tell(const char *sign, const char *chinese, const char *english, const char *a, const char *b)
{
        char when[13];

        sim_time_text(when);
        sim_print("%s %s %s%s%s  |  %s%s%s", when, sign, chinese, a[0] ? " " : "", a, english,
                b[0] ? " " : "", b);
}

/* Fills in "%s": each text gets the arguments from the first on. */
static void fill(char *ret, size_t cap, const char *text, const char *const *args)
{
        Str s = {.p = ret, .cap = cap};

        while (*text) {
                const char *hole = strstr(text, "%s");

                str_addn(&s, text, hole ? (size_t)(hole - text) : strlen(text));
                if (!hole)
                        return;
                str_add(&s, *args ? *args++ : "?");
                text = hole + 2;
        }
}

static unsigned holes(const char *text)
{
        unsigned n = 0;

        while ((text = strstr(text, "%s"))) {
                n++;
                text += 2;
        }
        return n;
}

static void tell_args(const char *sign, const char *chinese, const char *english, bool shared, va_list ap)
{
        char zh[1024] = "", en[1024] = "";
        const char *args[8] = {0};
        unsigned n = holes(chinese), m = holes(english), first = shared ? 0 : n;

        ASSERT(first + m < 8 && n < 8);
        for (unsigned i = 0; i < (first + m > n ? first + m : n); i++)
                args[i] = va_arg(ap, const char *);
        fill(zh, sizeof(zh), chinese, args);
        fill(en, sizeof(en), english, args + first);
        tell(sign, zh, en, "", "");
}

void story_say(Story *s, const char *chinese, const char *english, ...)
{
        va_list ap;

        va_start(ap, english);
        tell_args(" ", chinese, english, true, ap);
        va_end(ap);
}

void story_ok(Story *s, const char *chinese, const char *english, ...)
{
        va_list ap;

        s->n_steps++;
        va_start(ap, english);
        tell_args("✔", chinese, english, true, ap);
        va_end(ap);
}

void story_ok2(Story *s, const char *chinese, const char *english, const char *chinese_tail,
        const char *english_tail)
{
        s->n_steps++;
        tell("✔", chinese, english, chinese_tail, english_tail);
}

bool story_fail(Story *s, const char *chinese, const char *english, ...)
{
        va_list ap;

        s->failed = true;
        va_start(ap, english);
        tell_args("✘", chinese, english, false, ap);
        va_end(ap);
        sim_print("   看到的最后 %u 条 | the last messages seen:", FAIL_LINES);
        for (size_t i = s->n_seen > FAIL_LINES ? s->n_seen - FAIL_LINES : 0; i < s->n_seen; i++)
                sim_print("   %s%s %s %s", i >= s->mark ? "" : "(before) ",
                        s->seen[i].retained ? "(retained)" : "", s->seen[i].topic, s->seen[i].payload);
        return false;
}

void story_end(Story *s)
{
        if (s->failed)
                sim_print("\n✘ 故事没有走完：看到 %u 步 | the story did not come to its end: %u steps seen",
                        s->n_steps, s->n_steps);
        else
                sim_print("\n✔ 全部看到：%u 步 | all was seen: %u steps", s->n_steps, s->n_steps);
}
