/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays a scenario: a script stands where the simulator has devices and people, and every output must be expected.
 *
 *   scenario FILE.scn            silent and 0, or the first difference and 1
 *   scenario --record FILE.scn   the same file on standard output, with the outputs that came
 *
 * The engine, the turn, the outbox and the codecs are the daemon's; disk, clock and network are the simulator's, and
 * its invariants watch. A line is a command, an expected output ("> …") or a comment ("# …"); tests/README.md lists
 * the commands. What a person sees is told when it changes, so that the refresh after each commit is no output.
 */
#include "tests/sim/sim.h"

#include "base/assert.h"
#include "base/parse.h"
#include "base/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX 4096
#define LINE_MAX_ 512
#define SETTLE_US (200 * USEC_PER_MSEC)
#define SEES_MAX  1024

static char outputs[LINES_MAX][LINE_MAX_];
static size_t n_outputs, n_told;
static uint64_t command_us;
static unsigned nonce, event_id;
static bool phone_dead[PEOPLE_MAX], rows_told;

static struct {
        uint64_t incident;
        uint32_t worker;
        char what[192];
} sees[SEES_MAX];
static size_t n_sees;

static void output(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#include <stdarg.h>

static void output(const char *fmt, ...)
{
        uint64_t after = (world.now_us - command_us + 500 * USEC_PER_MSEC) / USEC_PER_SEC;
        char *line = outputs[n_outputs];
        va_list ap;
        int n = 0;

        ASSERT(n_outputs < LINES_MAX);
        if (after >= 1)
                n = snprintf(line, LINE_MAX_, "+%llus ", (unsigned long long)after);
        va_start(ap, fmt);
        (void)vsnprintf(line + n, (size_t)(LINE_MAX_ - n), fmt, ap); /* cut is seen as a difference */
        va_end(ap);
        n_outputs++;
}

/* The text or number of a member; "" when there is none. */
static const char *member(const char *json, const char *name, char *ret, size_t cap)
{
        char wanted[48];
        const char *p;
        size_t n;

        ret[0] = '\0';
        snprintf(wanted, sizeof(wanted), "\"%s\":", name);
        p = json ? strstr(json, wanted) : NULL;
        if (!p)
                return ret;
        p += strlen(wanted);
        if (*p == '"')
                n = strcspn(++p, "\"");
        else
                n = strcspn(p, ",}");
        if (n < cap && strncmp(p, "null", 4) != 0)
                (void)str_copyn(ret, cap, p, n); /* fits */
        return ret;
}

/* What the gateway says */

static bool sees_anew(uint64_t incident, uint32_t worker, const char *what)
{
        for (size_t i = 0; i < n_sees; i++)
                if (sees[i].incident == incident && sees[i].worker == worker) {
                        bool same = str_equal(sees[i].what, what);

                        (void)str_copy(sees[i].what, sizeof(sees[i].what), what);
                        return !same;
                }
        ASSERT(n_sees < SEES_MAX);
        sees[n_sees].incident = incident;
        sees[n_sees].worker = worker;
        (void)str_copy(sees[n_sees++].what, sizeof(sees[0].what), what);
        return true;
}

static void phone_answers(uint64_t arg)
{
        char json[96];

        snprintf(json, sizeof(json), "{\"incident\":%" PRIu64 ",\"action\":\"delivered\"}", arg >> 8);
        (void)daemon_action(person_code((uint32_t)(arg & 0xff)), json, false);
}

static uint32_t person_of(const char *code)
{
        for (uint32_t i = 0; person_code(i); i++)
                if (str_equal(person_code(i), code))
                        return i;
        return PEOPLE_MAX;
}

/* " = assigned at the street" of an everyday request; "" else. */
static void request_said(const char *json, char *ret, size_t cap)
{
        const char *request = strstr(json, "\"request\":{");
        char state[16], level[16];

        if (!request)
                return;
        (void)member(request, "state", state, sizeof(state));
        (void)member(request, "level", level, sizeof(level));
        snprintf(ret, cap, " = %s at the %s", state, level);
}

void people_alert(const PortAlert *a)
{
        char state[16], needs[16], owner[CODE_SIZE], reason[32], request[48] = "", what[192];
        const char *who = a->channel == CHANNEL_EXEC ? "siren" : a->worker_code;
        uint32_t person = person_of(a->worker_code);
        bool late;

        if (!a->json) {
                if (sees_anew(a->incident, a->worker, "gone"))
                        output("%s sees %" PRIu64 " gone", who, a->incident);
                return;
        }
        (void)member(a->json, "state", state, sizeof(state));
        (void)member(a->json, "needs", needs, sizeof(needs));
        (void)member(a->json, "owner", owner, sizeof(owner));
        (void)member(a->json, "reason", reason, sizeof(reason));
        late = strstr(a->json, "\"late\":true") != NULL;
        request_said(a->json, request, sizeof(request));
        snprintf(what, sizeof(what), "%s%s%s%s%s%s", state, request, owner[0] ? " by " : "", owner,
                needs[0] ? ", asks " : "", needs);
        if (a->raise) {
                (void)sees_anew(a->incident, a->worker, what);
                output("%s called about %" PRIu64 ": %s%s (%s)", who, a->incident, reason,
                        late ? ", late" : "", what);
                if (person < PEOPLE_MAX && !person_is_plain(a->worker_code) && !phone_dead[person])
                        later(USEC_PER_SEC, phone_answers, a->incident << 8 | person);
        } else if (sees_anew(a->incident, a->worker, what)) {
                output("%s sees %" PRIu64 " %s", who, a->incident, what);
        }
}

void people_reply(const char *worker, const char *json)
{
        char result[16], state[16], reason[32], request[16] = "";

        (void)member(json, "result", result, sizeof(result));
        (void)member(json, "state", state, sizeof(state));
        (void)member(json, "reason", reason, sizeof(reason));
        (void)member(json, "request", request, sizeof(request));
        output("%s is answered %s%s%s%s%s%s%s%s", worker, result, state[0] ? " " : "", state, request[0] ? " = " : "", request,
                reason[0] ? ": " : "", reason, strstr(json, "\"recorded\":false") ? ", not recorded" : "");
}

void devices_receipt(const PortReceipt *r)
{
        if (r->incident)
                output("%s has its receipt: %s, incident %" PRIu64, r->device,
                        receipt_result_word(r->result), r->incident);
        else
                output("%s has its receipt: %s", r->device, receipt_result_word(r->result));
}

void devices_lamp(const char *device, uint64_t incident, Lamp lamp)
{
        output("%s lamp %s", device, lamp_word(lamp));
}

static void script_row(const Effect *e)
{
        const Worker *w = registry_worker(sim_registry, e->journal.worker);
        const char *reason = reason_word((Reason)e->journal.reason);

        if (rows_told)
                output("row %s%s%s%s%s tier %u", journal_kind_word(e->journal.kind), w ? " " : "",
                        w ? w->code : "", reason[0] ? ": " : "", reason, e->journal.tier);
}

void people_begin(void)
{
}

void people_final_check(void)
{
}

/* What the script says */

typedef struct Words {
        char text[LINE_MAX_];
        char *word[32];
        size_t n;
} Words;

static bool split(Words *w, const char *line)
{
        char *p = w->text;

        w->n = 0;
        if (!str_copy(w->text, sizeof(w->text), line))
                return false;
        for (;;) {
                p += strspn(p, " \t\n");
                if (!*p || w->n == 32)
                        return !*p;
                w->word[w->n++] = p;
                p += strcspn(p, " \t\n");
                if (*p)
                        *p++ = '\0';
        }
}

static bool duration(const char *text, uint64_t *ret_us)
{
        static const struct {
                const char *unit;
                uint64_t us;
        } units[] = {{"ms", USEC_PER_MSEC}, {"s", USEC_PER_SEC}, {"min", USEC_PER_MIN}, {"h", USEC_PER_HOUR},
                {"d", USEC_PER_DAY}, {"y", 365 * USEC_PER_DAY}};
        char number[32];
        size_t n = strspn(text, "0123456789");
        uint64_t value;

        if (n == 0 || n >= sizeof(number))
                return false;
        (void)str_copyn(number, sizeof(number), text, n); /* fits */
        if (!parse_u64(number, &value))
                return false;
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
                if (str_equal(text + n, units[i].unit)) {
                        *ret_us = value * units[i].us;
                        return true;
                }
        return false;
}

static bool at_home(const char *code)
{
        for (uint32_t i = 0; device_code(i); i++)
                if (str_equal(device_code(i), code))
                        return true;
        return str_starts(code, "stranger");
}

/* DEVICE KIND [ID], DEVICE raw TEXT, DEVICE vitals JSON, DEVICE status JSON; before it "retained" */
static bool device_says(const Words *w, const char *line, bool retained)
{
        const char *device = w->word[0], *what = w->word[1];
        const char *rest = strstr(line, what) + strlen(what);
        char json[LINE_MAX_];

        rest += strspn(rest, " ");
        if (str_equal(what, "raw"))
                return daemon_alarm(device, "", rest, retained), true;
        if (str_equal(what, "vitals"))
                return daemon_vitals(device, rest), true;
        if (str_equal(what, "status"))
                return daemon_status(device, rest), true;
        if (w->n == 3 && str_equal(w->word[2], "unnumbered"))
                snprintf(json, sizeof(json), "{\"kind\":\"%s\"}", what);
        else if (w->n == 3)
                snprintf(json, sizeof(json), "{\"id\":\"%s\",\"kind\":\"%s\"}", w->word[2], what);
        else
                snprintf(json, sizeof(json), "{\"id\":\"x%u\",\"kind\":\"%s\"}", ++event_id, what);
        (void)daemon_alarm(device, "", json, retained); /* lost when the gateway is down */
        return true;
}

/* PERSON ACTION [INCIDENT] [NAME VALUE]…, PERSON says TEXT, PERSON online */
static bool person_does(const Words *w, const char *line)
{
        const char *person = w->word[0], *what = w->word[1];
        char json[LINE_MAX_];
        Str s = STR_BUFFER(json);
        size_t i = 2;

        if (str_equal(what, "says")) {
                const char *rest = strstr(line, "says") + 5;

                return daemon_words(person, rest), true;
        }
        if (str_equal(what, "online") || str_equal(what, "offline"))
                return daemon_presence(person, str_equal(what, "online")), true;
        str_addf(&s, "{\"action\":\"%s\",\"nonce\":\"n%u\"", what, ++nonce);
        if (i < w->n && w->word[i][0] >= '0' && w->word[i][0] <= '9')
                str_addf(&s, ",\"incident\":%s", w->word[i++]);
        for (; i + 1 < w->n; i += 2) {
                bool bare = str_equal(w->word[i], "eta") || str_equal(w->word[i], "seq") ||
                            str_equal(w->word[i], "for") || str_equal(w->word[i], "rating") || str_equal(w->word[i], "score") ||
                            str_equal(w->word[i + 1], "true") || str_equal(w->word[i + 1], "false");

                if (str_equal(w->word[i], "nonce")) {
                        char *at = strstr(json, "\"nonce\":\"") + 9;

                        ASSERT(strlen(w->word[i + 1]) == strcspn(at, "\""));
                        memcpy(at, w->word[i + 1], strlen(w->word[i + 1]));
                        continue;
                }
                str_addf(&s, ",\"%s\":%s%s%s", w->word[i], bare ? "" : "\"", w->word[i + 1],
                        bare ? "" : "\"");
        }
        str_addf(&s, "}");
        return i == w->n && (daemon_action(person, json, false), true);
}

static void clock_by(int64_t us)
{
        world.wall_off_us += us;
        world.clocks_wrong = true;
        daemon_clock_stepped();
}

/* For scripts of days: every device is heard, so that none is a matter of its own. */
static void devices_live(uint64_t arg)
{
        for (uint32_t i = 0; device_code(i); i++)
                (void)daemon_status(device_code(i), "{}"); /* lost when the gateway is down */
        later(20 * USEC_PER_MIN, devices_live, arg);
}

static bool gateway_does(const Words *w)
{
        const char *a = w->word[0], *b = w->n > 1 ? w->word[1] : "";
        uint64_t us;

        if (str_equal(a, "crash")) {
                if (world.alive)
                        daemon_die();
        } else if (str_equal(a, "devices") && str_equal(b, "live")) {
                devices_live(0);
        } else if (str_equal(a, "start")) {
                daemon_wake(0);
        } else if (str_equal(a, "reboot")) {
                if (world.alive)
                        daemon_die();
                daemon_restart(USEC_PER_SEC, true, str_equal(b, "no-clock"));
        } else if (str_equal(a, "broker") && str_equal(b, "down")) {
                world.broker_up = false;
                daemon_broker_gone();
        } else if (str_equal(a, "broker") && str_equal(b, "up")) {
                world.broker_up = true;
                daemon_connected();
        } else if (str_equal(a, "disk")) {
                disk_order(str_equal(b, "hangs")   ? DISK_HANGS
                           : str_equal(b, "fails") ? DISK_FAILS
                                                   : DISK_WELL);
        } else if (str_equal(a, "clock") && (b[0] == '+' || b[0] == '-') && duration(b + 1, &us)) {
                clock_by(b[0] == '+' ? (int64_t)us : -(int64_t)us);
        } else if (str_equal(a, "phone") && w->n == 3 && person_of(b) < PEOPLE_MAX) {
                phone_dead[person_of(b)] = str_equal(w->word[2], "dead");
        } else if (str_equal(a, "rows")) {
                rows_told = true;
        } else {
                return false;
        }
        return true;
}

/* The command is carried out, and its outputs are there. False: no such command. */
static bool command(const char *line)
{
        Words w;
        uint64_t us = SETTLE_US;

        if (!split(&w, line) || w.n == 0)
                return false;
        command_us = world.now_us;
        if (str_equal(w.word[0], "wait")) {
                if (w.n != 2 || !duration(w.word[1], &us))
                        return false;
        } else if (str_equal(w.word[0], "retained")) {
                Words rest;

                if (!split(&rest, line + 9) || rest.n < 2 || !device_says(&rest, line + 9, true))
                        return false;
        } else if (w.n >= 2 && at_home(w.word[0])) {
                if (!device_says(&w, line, false))
                        return false;
        } else if (w.n >= 2 && person_of(w.word[0]) < PEOPLE_MAX) {
                if (!person_does(&w, line))
                        return false;
        } else if (!gateway_does(&w)) {
                return false;
        }
        world_run_until(command_us + us);
        return true;
}

static int differs(const char *file, unsigned line, const char *wanted, const char *came)
{
        fprintf(stderr, "%s:%u: expected: %s\n%s:%u: came:     %s\n", file, line,
                wanted ? wanted : "nothing", file, line, came ? came : "nothing");
        return 1;
}

static bool phone_alive(uint32_t person)
{
        return !phone_dead[person];
}

static void beats(uint64_t arg)
{
        daemon_beats(phone_alive);
        later(USEC_PER_MIN, beats, 0);
}

static int play(const char *path, bool record)
{
        char line[LINE_MAX_];
        FILE *f = fopen(path, "re");
        unsigned n = 0;

        if (!f) {
                perror(path);
                return 2;
        }
        while (fgets(line, sizeof(line), f)) {
                const char *text = line + strspn(line, " ");

                n++;
                line[strcspn(line, "\n")] = '\0';
                if (text[0] == '>') {
                        if (record)
                                continue;
                        if (n_told == n_outputs || !str_equal(outputs[n_told], text + 2))
                                return differs(
                                        path, n, text + 2, n_told < n_outputs ? outputs[n_told] : NULL);
                        n_told++;
                        continue;
                }
                if (!record && n_told < n_outputs && text[0] != '#')
                        return differs(path, n, NULL, outputs[n_told]);
                if (record) {
                        for (; n_told < n_outputs; n_told++)
                                printf("> %s\n", outputs[n_told]);
                        puts(line);
                }
                if (!text[0] || text[0] == '#')
                        continue;
                if (!command(text)) {
                        fprintf(stderr, "%s:%u: no such command: %s\n", path, n, text);
                        return 2;
                }
        }
        for (; record && n_told < n_outputs; n_told++)
                printf("> %s\n", outputs[n_told]);
        (void)fclose(f);
        return n_told < n_outputs ? differs(path, n + 1, NULL, outputs[n_told]) : 0;
}

int main(int argc, char **argv)
{
        bool record = argc == 3 && str_equal(argv[1], "--record");
        int r;

        if (argc != 2 && !record) {
                fputs("usage: scenario [--record] FILE.scn\n", stderr);
                return 2;
        }
        world_begin(0);
        world.by_hand = true;
        row_listener = script_row;
        /* Monday, nine in the morning */
        world.wall_off_us = (1790000000ll - 1790000000ll % 86400 + 3600) * 1000000;
        daemon_start();
        beats(0);
        world_run_until(SETTLE_US);
        n_outputs = 0;
        r = play(argv[argc - 1], record);
        if (r == 0)
                world_end();
        return r;
}
