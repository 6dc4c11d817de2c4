/* SPDX-License-Identifier: Apache-2.0 */
#include "board.h"

#include "base/assert.h"
#include "base/str.h"
#include "protocols/codec/codec.h"
#include "protocols/codec/common.h"

#include <inttypes.h>
#include <string.h>

#define NAME_CUT  64
#define TAIL_ROOM 512 /* what stands between and after the lists */

static size_t letter_size(const char *p)
{
        size_t n = 1;

        while (((unsigned char)p[n] & 0xc0) == 0x80)
                n++;
        return n;
}

void board_mask(const char *name, char *ret, size_t cap)
{
        char cut[NAME_CUT];
        Str s = {.p = ret, .cap = cap};
        size_t letters = 0, at = 0;

        ASSERT(cap > 0);
        ret[0] = '\0';
        if (!name || !str_utf8(name, strlen(name)))
                return;
        (void)str_copy(cut, sizeof(cut), name); /* cut is what we want */
        for (const char *p = cut; *p; p += letter_size(p))
                letters++;
        for (const char *p = cut; *p; p += letter_size(p), at++) {
                bool shown = (at == 0 && letters > 1) || (at + 1 == letters && letters > 2);

                if (shown)
                        str_addn(&s, p, letter_size(p));
                else
                        str_add(&s, "*");
        }
}

static void add_time(Str *s, const char *name, int64_t us)
{
        if (us > 0)
                str_addf(s, ",\"%s\":%" PRId64 ".%03u", name, us / 1000000, (unsigned)(us / 1000 % 1000));
}

/* A JSON string, cut; control characters become spaces, so that it never grows more than twofold. */
static void add_string(Str *s, const char *text)
{
        char cut[NAME_CUT];

        (void)str_copy(cut, sizeof(cut), text); /* cut is what we want */
        for (char *p = cut; *p; p++)
                if ((unsigned char)*p < 0x20 || *p == 0x7f)
                        *p = ' ';
        str_json(s, cut);
}

static void add_text(Str *s, const char *name, const char *text)
{
        if (!text || text[0] == '\0')
                return;
        str_addf(s, ",\"%s\":", name);
        add_string(s, text);
}

static void add_masked(Str *s, const char *name, const char *text)
{
        char masked[NAME_CUT];

        board_mask(text, masked, sizeof(masked));
        add_text(s, name, masked);
}

static void add_item(Str *s, const BoardItem *i)
{
        const IncidentView *v = &i->view;

        str_addf(s,
                "{\"incident\":%" PRIu64
                ",\"group\":\"%s\",\"kind\":\"%s\",\"priority\":%u,\"state\":\"%s\"",
                v->id, group_word(v->group), notice_kind(v), v->priority, state_word(v->state));
        str_addf(s,
                ",\"tier\":%u,\"tiers\":%u,\"round\":%" PRIu32 ",\"told\":%" PRIu32 ",\"received\":%" PRIu32,
                v->tier, v->tiers, v->round, i->told, i->received);
        if (v->group == GROUP_SYSTEM)
                str_addf(s, ",\"cause\":\"%s\"", system_cause_word(v->cause));
        add_time(s, "opened", v->opened_us);
        add_time(s, "next_tier", v->next_tier_us);
        add_time(s, "arrive_by", v->arrive_by_us);
        add_time(s, "handle_by", v->handle_by_us);
        add_masked(s, "name", i->resident);
        add_text(s, "building", i->building);
        add_text(s, "grid", i->grid);
        add_masked(s, "owner", i->owner);
        if (v->late)
                str_add(s, ",\"late\":true");
        if (v->test)
                str_add(s, ",\"test\":true");
        str_add(s, "}");
}

static void add_echo(Str *s, const BoardEcho *e)
{
        str_addf(s, "{\"incident\":%" PRIu64 ",\"kind\":\"%s\",\"priority\":%u", e->incident, e->kind,
                e->priority);
        add_text(s, "outcome", e->outcome);
        add_masked(s, "name", e->resident);
        add_time(s, "opened", e->opened_us);
        add_time(s, "resolved", e->resolved_us);
        if (e->accepted_us > 0)
                str_addf(s, ",\"accept\":%" PRId64, (e->accepted_us - e->opened_us) / 1000000);
        str_add(s, "}");
}

static void add_problem(Str *s, const BoardProblem *p)
{
        const IncidentView *v = &p->view;

        str_addf(s,
                "{\"incident\":%" PRIu64
                ",\"class\":\"%s\",\"level\":\"%s\",\"state\":\"%s\",\"overdue\":%s",
                v->id, request_class_word(v->class), request_level_word(v->tier),
                request_state_word(v->request), v->overdue ? "true" : "false");
        add_time(s, "opened", v->opened_us);
        add_time(s, "due", v->due_us);
        add_time(s, "waiting_until", v->waiting_us);
        add_masked(s, "name", p->resident);
        add_text(s, "building", p->building);
        add_text(s, "grid", p->grid);
        add_masked(s, "owner", p->owner);
        if (v->open_words)
                words_json(s, "text", p->text, BOARD_WORDS_SIZE - 1);
        str_add(s, "}");
}

static void add_answer(Str *s, const BoardAnswer *a)
{
        str_addf(s,
                "{\"incident\":%" PRIu64
                ",\"class\":\"%s\",\"level\":\"%s\",\"result\":\"rated\",\"score\":%u",
                a->incident, request_class_word((Class)a->class), request_level_word(a->tier), a->score);
        add_masked(s, "name", a->resident);
        words_json(s, "question", a->question, BOARD_WORDS_SIZE - 1);
        words_json(s, "done", a->note, BOARD_WORDS_SIZE - 1);
        add_time(s, "opened", a->opened_us);
        add_time(s, "resolved", a->resolved_us);
        add_time(s, "closed", a->closed_us);
        str_add(s, "}");
}

/*
 * What the registry and people have written never ends the gateway: an entry that does not fit is taken back, and the
 * list ends before it. The counts tell that there is more. False: it was.
 */
static bool fits(Str *s, size_t before)
{
        if (!s->full && s->n + TAIL_ROOM < s->cap)
                return true;
        s->n = before;
        s->p[before] = '\0';
        s->full = false;
        return false;
}

static void add_items(Str *s, const Board *b)
{
        for (uint32_t i = 0; i < b->n_items; i++) {
                size_t before = s->n;

                str_add(s, i > 0 ? "," : "");
                add_item(s, &b->items[i]);
                if (!fits(s, before))
                        return;
        }
}

static void add_echoes(Str *s, const Board *b)
{
        for (uint32_t i = 0; i < b->n_echoes; i++) {
                size_t before = s->n;

                str_add(s, i > 0 ? "," : "");
                add_echo(s, &b->echoes[i]);
                if (!fits(s, before))
                        return;
        }
}

static void add_problems(Str *s, const Board *b)
{
        for (uint32_t i = 0; i < b->n_problems; i++) {
                size_t before = s->n;

                str_add(s, i > 0 ? "," : "");
                add_problem(s, &b->problems[i]);
                if (!fits(s, before))
                        return;
        }
}

static void add_answers(Str *s, const Board *b)
{
        for (uint32_t i = 0; i < b->n_answers; i++) {
                size_t before = s->n;

                str_add(s, i > 0 ? "," : "");
                add_answer(s, &b->answers[i]);
                if (!fits(s, before))
                        return;
        }
}

static void add_bare(Str *s, const Board *b)
{
        for (uint32_t i = 0; i < b->n_bare; i++) {
                size_t before = s->n;

                str_add(s, i > 0 ? ",{" : "{");
                str_addf(s, "\"rank\":%" PRIu32, i + 1);
                add_masked(s, "name", b->bare[i].resident);
                add_text(s, "building", b->bare[i].building);
                add_text(s, "grid", b->bare[i].grid);
                str_add(s, "}");
                if (!fits(s, before))
                        return;
        }
}

static void add_duty(Str *s, const Board *b)
{
        const char *comma = "";

        str_add(s, ",\"on_duty\":{");
        for (unsigned r = 0; r < ROLE_MAX; r++) {
                if (b->on_duty[r] == 0)
                        continue;
                str_addf(s, "%s\"%s\":%" PRIu32, comma, role_word((Role)r), b->on_duty[r]);
                comma = ",";
        }
        str_add(s, "},\"gaps\":[");
        for (uint32_t i = 0; i < b->n_gaps; i++) {
                str_add(s, i > 0 ? "," : "");
                add_string(s, b->gaps[i]);
        }
        str_add(s, "]");
}

bool board_json(const Board *b, char *ret, size_t cap, size_t *ret_size)
{
        Str s = {.p = ret, .cap = cap};

        ASSERT(b->n_items <= BOARD_ITEMS_MAX && b->n_echoes <= BOARD_ECHOES_MAX &&
                b->n_gaps <= BOARD_GAPS_MAX);
        ASSERT(b->n_problems <= BOARD_PROBLEMS_MAX && b->n_answers <= BOARD_ANSWERS_MAX);
        str_add(&s, "{\"site\":");
        str_json(&s, b->site);
        add_time(&s, "at", b->at_us);
        str_addf(&s,
                ",\"seq\":%" PRIu64 ",\"degraded\":%s,\"open\":%" PRIu32 ",\"unanswered\":%" PRIu32
                ",\"overdue\":%" PRIu32,
                b->seq, b->degraded ? "true" : "false", b->open, b->unanswered, b->overdue);
        add_duty(&s, b);
        str_addf(&s, ",\"figures\":{\"opened\":%" PRIu32 ",\"resolved\":%" PRIu32, b->opened, b->resolved);
        add_time(&s, "since", b->since_us);
        if (b->accepted > 0)
                str_addf(&s, ",\"accept_mean\":%" PRId64, b->accept_us / 1000000 / b->accepted);
        str_add(&s, "},\"items\":[");
        if (s.full)
                return false;
        add_items(&s, b);
        str_add(&s, "],\"echoes\":[");
        add_echoes(&s, b);
        str_addf(&s, "],\"requests\":%" PRIu32 ",\"problems\":[", b->requests);
        add_problems(&s, b);
        str_add(&s, "],\"answers\":[");
        add_answers(&s, b);
        str_addf(&s, "],\"unprotected_count\":%" PRIu32 ",\"unprotected\":[", b->unprotected);
        add_bare(&s, b);
        str_add(&s, "]}");
        if (s.full)
                return false;
        *ret_size = s.n;
        return true;
}
