/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The board of the site.
 *
 * It calms ("accepted", "resolved" on a wall let people stop worrying), so it keeps the promise of the disk: a picture is
 * taken, held until every journal row that it may tell is committed, and only then said; a new one is taken after that.
 * In degraded mode the host releases everything, and the picture says that it is degraded.
 *
 *   touched ──timer, at most 1/s──▶ matters ──▶ duty ──▶ taken, held ──committed──▶ said ──▶ touched meanwhile?
 *
 * It is a port without channels, because that is how one is told of commits. Gathering is work in the loop: so it goes in
 * steps, between which alarms are taken. A picture of so many matters that one step does not see them all counts each as
 * it was when its turn came; what it shows is as it is at the end. With very many it is said more rarely, 50 of them are
 * shown in any case.
 *
 * The figures count from midnight, or from our start when that was later; `since` says from when.
 */
#include "board.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "protocols/codec/board.h"
#include "protocols/codec/codec.h"
#include "report.h"

#include <errno.h>
#include <string.h>

#define BEAT_US (30 * USEC_PER_SEC) /* said again, so that a wall knows that we live */
#define BARE_US                                                                                             \
        (60 * USEC_PER_SEC) /* looking at every device is work, and nobody's device dies in a minute */
#define EVENTS_HELD_MAX 64
#define STEP_MATTERS    512u  /* looked at in one step */
#define STEP_PEOPLE     4096u /* … a worker, or a worker for a grid */

typedef enum Phase { PHASE_REST, PHASE_MATTERS, PHASE_PEOPLE, PHASE_GRIDS } Phase;

typedef struct BoardEvent {
        uint64_t incident, seq;
        const char *type, *kind;
        uint8_t priority;
} BoardEvent;

struct BoardFeed {
        PortHost *host;
        const Engine *engine;
        const Turn *turn;
        const Registry *registry;
        const Port *ports;
        size_t n_ports;
        PortTimer *timer;
        char site[CODE_SIZE];
        uint64_t said_seq,
                said_us; /* journal number that was newest in the last picture, and when it was taken */
        uint64_t need;   /* of the picture that is held; 0: none is */
        bool waiting;    /* the timer will take one within a second, or go on with it */
        Phase phase;     /* of the one that is being gathered */
        uint64_t matter; /* … the last that was looked at */
        uint32_t person, grid;  /* … the next ones */
        uint32_t *sent, n_sent; /* workers of grids: ids, and (IS_ON) whether they are on duty */
        Board board;
        BoardItem items[BOARD_ITEMS_MAX];
        BoardEcho echoes[BOARD_ECHOES_MAX];
        const Texts *texts;
        BoardProblem problems[BOARD_PROBLEMS_MAX];
        BoardAnswer answers[BOARD_ANSWERS_MAX];
        BoardBare bare[BOARD_BARE_MAX];
        uint32_t bare_ids[BOARD_BARE_MAX]; /* as looked up at bare_us; 0: not yet */
        uint64_t bare_us;
        uint32_t day; /* yyyymmdd of the figures */
        bool events;
        BoardEvent steps[EVENTS_HELD_MAX]; /* that wait for the disk, oldest first */
        uint32_t n_steps;
        char json[BOARD_JSON_MAX];
        size_t json_size;
};

static const char *resident_name(const BoardFeed *b, uint32_t id)
{
        const Resident *r = registry_resident(b->registry, id);

        return r ? r->name : NULL;
}

/* True: x stands above y. */
static bool is_more_urgent(const IncidentView *x, const IncidentView *y)
{
        bool waits = x->state == STATE_ALERTING, other = y->state == STATE_ALERTING;

        if (x->priority != y->priority)
                return x->priority < y->priority;
        if (waits != other)
                return waits;
        return x->opened_us < y->opened_us;
}

static void item_fill(const BoardFeed *b, BoardItem *item)
{
        const IncidentView *v = &item->view;
        const Dwelling *d = registry_dwelling(b->registry, v->dwelling);
        const Grid *g = registry_grid(b->registry, v->grid);
        const Worker *w = registry_worker(b->registry, v->owner);
        RecipientView rv;

        item->resident = resident_name(b, v->resident);
        item->building = d ? d->building : NULL;
        item->grid = g ? g->name : NULL;
        item->owner = w ? w->name : NULL;
        item->told = item->received = 0;
        for (uint32_t n = 0; engine_recipient(b->engine, v->id, n, (Now){0}, &rv); n++) {
                item->told += rv.worker != 0;
                item->received +=
                        rv.worker != 0 && (rv.delivered || rv.seen || rv.owner || rv.helper || rv.declined);
        }
}

#define IS_ON (UINT32_C(1) << 31)

/* The most urgent ones, in order. */
static void item_insert(BoardFeed *b, const IncidentView *v)
{
        uint32_t at = b->board.n_items;

        while (at > 0 && is_more_urgent(v, &b->items[at - 1].view))
                at--;
        if (at == BOARD_ITEMS_MAX)
                return;
        if (b->board.n_items < BOARD_ITEMS_MAX)
                b->board.n_items++;
        memmove(&b->items[at + 1], &b->items[at], (b->board.n_items - 1 - at) * sizeof(BoardItem));
        b->items[at].view = *v;
}

/* True: x stands above y on the problem wall. */
static bool is_more_late(const IncidentView *x, const IncidentView *y)
{
        return x->overdue != y->overdue ? x->overdue : x->due_us < y->due_us;
}

static void problem_insert(BoardFeed *b, const IncidentView *v)
{
        uint32_t at = b->board.n_problems;

        while (at > 0 && is_more_late(v, &b->problems[at - 1].view))
                at--;
        if (at == BOARD_PROBLEMS_MAX)
                return;
        if (b->board.n_problems < BOARD_PROBLEMS_MAX)
                b->board.n_problems++;
        memmove(&b->problems[at + 1], &b->problems[at],
                (b->board.n_problems - 1 - at) * sizeof(BoardProblem));
        b->problems[at] = (BoardProblem){.view = *v};
}

static bool is_open(const IncidentView *v)
{
        return v->state == STATE_ALERTING || v->state == STATE_ACCEPTED || v->state == STATE_ON_SCENE;
}

static void matter_count(BoardFeed *b, const IncidentView *v, Now now)
{
        Board *board = &b->board;

        if (v->request != REQUEST_STATE_NONE) { /* what is not closed */
                board->requests++;
                problem_insert(b, v);
                return;
        }
        if (!is_open(v))
                return;
        board->open++;
        board->unanswered += v->state == STATE_ALERTING;
        board->overdue += v->exhausted || (v->arrive_by_us && v->arrive_by_us < now.wall_us) ||
                          (v->handle_by_us && v->handle_by_us < now.wall_us);
        item_insert(b, v);
}

/* True: all have been looked at. */
static bool matters_step(BoardFeed *b, Now now)
{
        for (uint32_t n = 0; n < STEP_MATTERS; n++) {
                IncidentView v;

                b->matter = engine_next_held(b->engine, b->matter);
                if (b->matter == 0)
                        return true;
                if (engine_view_numbers(b->engine, b->matter, now, &v))
                        matter_count(b, &v, now);
        }
        return false;
}

/* What is shown, as it is now; what was over before its turn came does not stand here any more. */
static void items_fill(BoardFeed *b, Now now)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < b->board.n_items; i++) {
                BoardItem *item = &b->items[n];

                if (!engine_view(b->engine, b->items[i].view.id, now, &item->view) || !is_open(&item->view))
                        continue;
                item_fill(b, item);
                n++;
        }
        b->board.n_items = n;
}

static void problems_fill(BoardFeed *b, Now now)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < b->board.n_problems; i++) {
                BoardProblem *p = &b->problems[n];
                const Dwelling *d;
                const Grid *g;
                const Worker *w;

                if (!engine_view(b->engine, b->problems[i].view.id, now, &p->view))
                        continue;
                d = registry_dwelling(b->registry, p->view.dwelling);
                g = registry_grid(b->registry, p->view.grid);
                w = registry_worker(b->registry, p->view.owner);
                p->resident = resident_name(b, p->view.resident);
                p->building = d ? d->building : NULL;
                p->grid = g ? g->name : NULL;
                p->owner = w ? w->name : NULL;
                p->text = texts_words(b->texts, p->view.id).text;
                n++;
        }
        b->board.n_problems = n;
        for (uint32_t i = 0; i < b->board.n_answers; i++)
                b->answers[i].resident = resident_name(b, b->answers[i].resident_id);
}

void board_answer(void *board, const TextsAnswer *a)
{
        BoardFeed *b = board;
        BoardAnswer *to;
        uint32_t at = 0;

        for (uint32_t i = 0; i < b->board.n_answers; i++)
                if (b->answers[i].incident == a->incident)
                        return;
        while (at < b->board.n_answers && b->answers[at].closed_us > a->closed_us)
                at++;
        if (at == BOARD_ANSWERS_MAX)
                return;
        to = &b->answers[at];
        memmove(to + 1, to, (BOARD_ANSWERS_MAX - 1 - at) * sizeof(BoardAnswer));
        *to = (BoardAnswer){.incident = a->incident,
                .class = a->class,
                .tier = a->tier,
                .score = a->score,
                .resident_id = a->resident,
                .opened_us = a->opened_us,
                .resolved_us = a->resolved_us,
                .closed_us = a->closed_us};
        if (a->open_words && a->words.text)
                (void)str_copy(to->question, sizeof(to->question), a->words.text); /* cut */
        if (a->open_words && a->words.note)
                (void)str_copy(to->note, sizeof(to->note), a->words.note); /* cut */
        if (b->board.n_answers < BOARD_ANSWERS_MAX)
                b->board.n_answers++;
}

static void answer_add(BoardFeed *b, const IncidentView *v, Now now)
{
        board_answer(b, &(TextsAnswer){.incident = v->id,
                                .resident = v->resident,
                                .grid = v->grid,
                                .class = (uint8_t)v->class,
                                .tier = v->tier,
                                .score = v->rating,
                                .open_words = v->open_words,
                                .opened_us = v->opened_us,
                                .resolved_us = v->resolved_us,
                                .closed_us = now.wall_us,
                                .words = texts_words(b->texts, v->id)});
}

void board_forget(BoardFeed *b, uint32_t resident)
{
        uint32_t kept = 0;

        ASSERT(b);
        for (uint32_t i = 0; i < b->board.n_answers; i++)
                if (b->answers[i].resident_id != resident)
                        b->answers[kept++] = b->answers[i];
        b->board.n_answers = kept;
}

static void gather_bare(BoardFeed *b, Now now)
{
        const Report rp = {.engine = b->engine, .registry = b->registry};
        Board *board = &b->board;

        if (b->bare_us == 0 || now.boot_us - b->bare_us >= BARE_US) {
                board->unprotected = report_unprotected_people(&rp, now, b->bare_ids, BOARD_BARE_MAX);
                b->bare_us = now.boot_us;
        }
        board->n_bare = board->unprotected < BOARD_BARE_MAX ? board->unprotected : BOARD_BARE_MAX;
        for (uint32_t i = 0; i < board->n_bare; i++) {
                const Resident *r = registry_resident(b->registry, b->bare_ids[i]);
                const Dwelling *d = registry_dwelling(b->registry, r ? r->dwelling : 0);
                const Grid *g = registry_grid(b->registry, d ? d->grid : 0);

                b->bare[i] = (BoardBare){.resident = r ? r->name : NULL,
                        .building = d ? d->building : NULL,
                        .grid = g ? g->name : NULL};
        }
}

/* Who is on duty. True: all have been looked at. */
static bool people_step(BoardFeed *b, Now now)
{
        const Registry *r = b->registry;

        for (uint32_t n = 0; n < STEP_PEOPLE && b->person < r->n_workers; n++, b->person++) {
                const Worker *w = registry_worker(r, b->person);
                bool on = w && engine_worker_on(b->engine, b->person, now);

                if (on)
                        b->board.on_duty[w->role]++;
                if (w && w->role == ROLE_WORKER)
                        b->sent[b->n_sent++] = b->person | (on ? IS_ON : 0);
        }
        return b->person >= r->n_workers;
}

/* Which grids have workers, and none of them on duty. True: all have been looked at. */
static bool grids_step(BoardFeed *b)
{
        const Registry *r = b->registry;
        Board *board = &b->board;

        for (uint32_t n = 0; n < STEP_PEOPLE; b->grid++) {
                bool expected = false, there = false;

                if (b->grid >= r->n_grids || board->n_gaps == BOARD_GAPS_MAX)
                        return true;
                n++;
                for (uint32_t i = 0; i < b->n_sent && registry_grid(r, b->grid) && !there; i++, n++)
                        if (roster_covers(r, registry_worker(r, b->sent[i] & ~IS_ON), b->grid, 0, 0)) {
                                expected = true;
                                there = b->sent[i] & IS_ON;
                        }
                if (expected && !there)
                        board->gaps[board->n_gaps++] = registry_grid(r, b->grid)->name;
        }
        return false;
}

static void figures_begin(BoardFeed *b, Now now)
{
        uint32_t weekday, minute, day;

        clock_local(now, &weekday, &minute, &day);
        if (day == b->day)
                return;
        b->board.since_us =
                b->day ? now.wall_us - (int64_t)minute * 60 * (int64_t)USEC_PER_SEC : now.wall_us;
        b->day = day;
        b->board.opened = b->board.resolved = b->board.accepted = 0;
        b->board.accept_us = 0;
}

static void tell_all(BoardFeed *b, const char *name, const char *text)
{
        for (size_t i = 0; i < b->n_ports; i++)
                if (b->ports[i].ops->tell)
                        b->ports[i].ops->tell(b->ports[i].port, name, text);
}

static void say(BoardFeed *b)
{
        b->need = 0;
        tell_all(b, "board", b->json);
}

static void steps_say(BoardFeed *b, uint64_t seq)
{
        uint32_t n = 0;

        for (; n < b->n_steps && b->steps[n].seq <= seq; n++) {
                const BoardEvent *e = &b->steps[n];
                char json[256];
                Str s = STR_BUFFER(json);

                str_addf(&s,
                        "{\"event_type\":\"%s\",\"incident\":%llu,\"kind\":\"%s\",\"priority\":%u,\"seq\":%"
                        "llu}",
                        e->type, (unsigned long long)e->incident, e->kind, e->priority,
                        (unsigned long long)e->seq);
                tell_all(b, "event", json);
        }
        b->n_steps -= n;
        memmove(b->steps, b->steps + n, b->n_steps * sizeof(BoardEvent));
}

static void board_committed(void *port, uint64_t seq)
{
        BoardFeed *b = port;

        steps_say(b, seq);
        if (b->need && seq >= b->need) {
                say(b);
                board_touch(b);
        }
}

static uint64_t pause_us(const BoardFeed *b)
{
        return USEC_PER_SEC * (1 + engine_open_count(b->engine) / 500);
}

static void gather_begin(BoardFeed *b)
{
        Now now = clock_now();
        Board *board = &b->board;

        figures_begin(b, now);
        board->open = board->unanswered = board->overdue = board->n_items = 0;
        board->requests = board->n_problems = board->n_gaps = 0;
        memset(board->on_duty, 0, sizeof(board->on_duty));
        b->said_us = now.boot_us;
        b->matter = 0;
        b->person = b->grid = 1;
        b->n_sent = 0;
        b->phase = PHASE_MATTERS;
}

static void take(BoardFeed *b, Now now)
{
        items_fill(b, now);
        problems_fill(b, now);
        gather_bare(b, now);
        b->board.at_us = now.wall_us;
        b->board.seq = b->said_seq = engine_next_seq(b->engine) - 1;
        b->board.degraded = turn_is_degraded(b->turn);
        ASSERT(board_json(&b->board, b->json, sizeof(b->json), &b->json_size)); /* fits: BOARD_JSON_MAX */
        b->need = b->said_seq;
        if (turn_released(b->turn) >= b->need)
                say(b);
}

/* On a small site one step is all. True: the picture is taken. */
static bool gather_step(BoardFeed *b)
{
        Now now = clock_now();

        if (b->phase == PHASE_MATTERS) {
                if (!matters_step(b, now))
                        return false;
                b->phase = PHASE_PEOPLE;
        }
        if (b->phase == PHASE_PEOPLE) {
                if (!people_step(b, now))
                        return false;
                b->phase = PHASE_GRIDS;
        }
        if (!grids_step(b))
                return false;
        b->phase = PHASE_REST;
        take(b, now);
        return true;
}

static void on_timer(void *userdata)
{
        BoardFeed *b = userdata;

        b->waiting = false;
        if (b->need == 0) {
                if (b->phase == PHASE_REST)
                        gather_begin(b);
                b->waiting = !gather_step(b);
        }
        if (b->waiting)
                (void)b->host->timer_set(b->timer, 0); /* what came meanwhile goes first */
        else
                (void)b->host->timer_set(b->timer, BEAT_US); /* fails only when the loop has ended */
}

void board_touch(BoardFeed *b)
{
        uint64_t now, next = b->said_us + pause_us(b);

        if (b->waiting || b->need || engine_next_seq(b->engine) - 1 == b->said_seq)
                return;
        now = clock_now().boot_us;
        b->waiting = true;
        (void)b->host->timer_set(
                b->timer, next > now ? next - now : 0); /* fails only when the loop has ended */
}

void board_resend(BoardFeed *b)
{
        if (b->need || b->waiting)
                return; /* about to be said in any case */
        b->said_seq = 0;
        board_touch(b);
}

/* NULL: not for others. */
static const char *event_type(JournalKind kind)
{
        static const struct {
                JournalKind kind;
                const char *type;
        } types[] = {{JOURNAL_OPENED, "opened"}, {JOURNAL_ACCEPTED, "accepted"},
                {JOURNAL_ARRIVED, "arrived"}, {JOURNAL_RESUMED, "resumed"}, {JOURNAL_REOPENED, "reopened"},
                {JOURNAL_RESOLVED, "resolved"}};

        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
                if (types[i].kind == kind)
                        return types[i].type;
        return NULL;
}

static void step_add(BoardFeed *b, const Effect *e, const IncidentView *v, const char *type)
{
        if (!b->events)
                return;
        if (b->n_steps ==
                EVENTS_HELD_MAX) { /* a dashboard may miss one; the alerts themselves do not go this way */
                memmove(b->steps, b->steps + 1, (EVENTS_HELD_MAX - 1) * sizeof(BoardEvent));
                b->n_steps--;
        }
        b->steps[b->n_steps++] = (BoardEvent){.incident = v->id,
                .seq = e->seq,
                .type = type,
                .kind = notice_kind(v),
                .priority = v->priority};
}

static void echo_add(BoardFeed *b, const IncidentView *v)
{
        memmove(&b->echoes[1], &b->echoes[0], (BOARD_ECHOES_MAX - 1) * sizeof(BoardEcho));
        b->echoes[0] = (BoardEcho){.incident = v->id,
                .kind = notice_kind(v),
                .priority = v->priority,
                .resident = resident_name(b, v->resident),
                .opened_us = v->opened_us,
                .accepted_us = v->accepted_us,
                .resolved_us = v->resolved_us};
        (void)str_copy(b->echoes[0].outcome, sizeof(b->echoes[0].outcome), v->outcome); /* same sizes */
        if (b->board.n_echoes < BOARD_ECHOES_MAX)
                b->board.n_echoes++;
}

void board_journaled(BoardFeed *b, const Effect *e, Now now)
{
        JournalKind kind = e->journal.kind;
        const char *type = event_type(kind);
        IncidentView v;

        ASSERT(e->type == EFFECT_JOURNAL);
        if (kind == JOURNAL_CLOSED && engine_view(b->engine, e->incident, now, &v) &&
                v.request == REQUEST_STATE_RATED)
                answer_add(b, &v, now);
        if (!type || !engine_view(b->engine, e->incident, now, &v) || v.test)
                return;
        figures_begin(b, now);
        step_add(b, e, &v, type);
        if (v.request != REQUEST_STATE_NONE)
                return; /* takes days: the figures are those of alarms */
        if (kind == JOURNAL_OPENED)
                b->board.opened++;
        if (kind == JOURNAL_ACCEPTED && v.accepted_us >= v.opened_us) {
                b->board.accepted++;
                b->board.accept_us += v.accepted_us - v.opened_us;
        }
        if (kind == JOURNAL_RESOLVED) {
                b->board.resolved++;
                echo_add(b, &v);
        }
}

void board_registry_set(BoardFeed *b, const Registry *registry)
{
        uint32_t *sent = realloc(b->sent, (registry->n_workers + 1) * sizeof(uint32_t));

        NEED_MEMORY(sent);
        b->sent = sent;
        b->registry = registry;
        if (b->phase != PHASE_REST)
                gather_begin(b);
        b->bare_us = 0;
        b->board.n_bare = 0;
        for (uint32_t i = 0; i < b->board.n_echoes; i++)
                b->echoes[i].resident = NULL; /* pointed into the old one */
        for (uint32_t i = 0; i < b->board.n_items; i++)
                b->items[i] = (BoardItem){0};
        for (uint32_t i = 0; i < b->board.n_answers; i++)
                b->answers[i].resident = NULL;
        b->board.n_items = b->board.n_problems = 0;
}

void board_texts_set(BoardFeed *b, const Texts *texts)
{
        b->texts = texts;
}

void board_ports_set(BoardFeed *b, const Port *ports, size_t n_ports)
{
        b->ports = ports;
        b->n_ports = n_ports;
}

static void board_stop(void *port)
{
        BoardFeed *b = port;

        (void)b->host->timer_set(b->timer, UINT64_MAX);
}

static const PortOps board_ops = {.name = "board", .committed = board_committed, .stop = board_stop};

int board_new(BoardFeed **ret, PortHost *host, const Engine *engine, const Turn *turn, const char *site,
        bool events, Port *ret_port)
{
        BoardFeed *b = calloc(1, sizeof(BoardFeed));
        int r;

        ASSERT(ret && host && engine && turn && site && ret_port);
        if (!b)
                return error_origin(-ENOMEM);
        b->host = host;
        b->engine = engine;
        b->turn = turn;
        b->events = events;
        (void)str_copy(b->site, sizeof(b->site), site); /* a code: it fits */
        b->board.site = b->site;
        b->board.items = b->items;
        b->board.echoes = b->echoes;
        b->board.problems = b->problems;
        b->board.bare = b->bare;
        b->board.answers = b->answers;
        r = host->timer(host, &b->timer, PORT_PRIORITY_VITALS, on_timer, b);
        if (r < 0) {
                free(b);
                return error_trace(r);
        }
        *ret_port = (Port){.ops = &board_ops, .port = b, .via = VIA_DAEMON};
        *ret = b;
        return 0;
}

BoardFeed *board_free(BoardFeed *b)
{
        if (!b)
                return NULL;
        b->host->timer_free(b->timer);
        free(b->sent);
        free(b);
        return NULL;
}
