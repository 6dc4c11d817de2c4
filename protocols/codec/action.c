/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person types: word commands and presence.
 *
 * The grammar, after folding (full width to ASCII, capitals to small letters, runs of white space to one
 * space):
 *
 *      command = [number] verb ["了"] [number] [outcome [number | note]]       outcome and note: resolve
 *      visit   = ("上门" | "visit") bed [service] | ("离开" | "leave") [rating]
 *              | [number] verb [number] [worker | days | score] [words]        about requests
 * only number  = ["#" | "编号" | "单号" | "no" ["."] | "号"] digits ["号"]
 *
 * Text that is left over makes the command unknown, except the note of a resolve: "接单不了" must never
 * count as an acceptance. A refused command is answered and the ladder goes on; a wrongly accepted one would
 * stop it. The words about a request stand apart from its verb for the same reason: "完成不了" is not done.
 */
#include "protocols/codec/codec.h"

#include "base/clock.h"
#include "base/parse.h"
#include "base/str.h"
#include "limits.h"
#include "protocols/codec/words.h"

#include <string.h>

#define FOLDED_SIZE 512 /* more than that is no command */

/* Longer before shorter where one begins the other. */
static const struct {
        const char *word;
        ActionKind kind;
} verbs[] = {
        {"接单", ACTION_ACCEPT},
        {"接警", ACTION_ACCEPT},
        {"accept", ACTION_ACCEPT},
        {"已到达", ACTION_ARRIVED},
        {"到达", ACTION_ARRIVED},
        {"已到场", ACTION_ARRIVED},
        {"到场", ACTION_ARRIVED},
        {"arrived", ACTION_ARRIVED},
        {"已办结", ACTION_RESOLVE},
        {"办结", ACTION_RESOLVE},
        {"resolve", ACTION_RESOLVE},
        {"在岗", ACTION_ON},
        {"上岗", ACTION_ON},
        {"离岗", ACTION_OFF},
        {"下岗", ACTION_OFF},
        {"on", ACTION_ON},
        {"off", ACTION_OFF},
        {"拒绝", ACTION_DECLINE},
        {"拒单", ACTION_DECLINE},
        {"decline", ACTION_DECLINE},
        {"退单", ACTION_RELEASE},
        {"release", ACTION_RELEASE},
        {"重开", ACTION_REOPEN},
        {"reopen", ACTION_REOPEN},
        {"正在赶来", ACTION_COMING},
        {"在路上", ACTION_COMING},
        {"coming", ACTION_COMING},
        {"上门", ACTION_VISIT_IN},
        {"visit", ACTION_VISIT_IN},
        {"离开", ACTION_VISIT_OUT},
        {"leave", ACTION_VISIT_OUT},
        {"增援", ACTION_BACKUP},
        {"backup", ACTION_BACKUP},
        {"受理", ACTION_ACCEPT},
        {"指派", ACTION_ASSIGN},
        {"assign", ACTION_ASSIGN},
        {"开始办理", ACTION_START},
        {"办理中", ACTION_START},
        {"start", ACTION_START},
        {"等待", ACTION_WAITING},
        {"waiting", ACTION_WAITING},
        {"完成", ACTION_DONE},
        {"done", ACTION_DONE},
        {"不受理", ACTION_NOT_ACCEPTED},
        {"not_accepted", ACTION_NOT_ACCEPTED},
        {"上报", ACTION_ESCALATE},
        {"escalate", ACTION_ESCALATE},
        {"评价", ACTION_RATE},
        {"rate", ACTION_RATE},
};

/* ---- folding ---- */

static uint32_t fold_char(uint32_t c)
{
        if (c >= 0xff01 && c <= 0xff5e) /* full-width forms of ASCII */
                c = c - 0xff01 + 0x21;
        if (c < 0x20 || c == 0x7f || c == 0xa0 || c == 0x3000)
                return ' ';
        if (c == 0x3001) /* 、 */
                return ',';
        if (c == 0x3002) /* 。 */
                return '.';
        if (c >= 'A' && c <= 'Z')
                return c - 'A' + 'a';
        return c;
}

/* The character at p (valid UTF-8) and its bytes. */
static uint32_t decode(const char *p, size_t *ret_size)
{
        const unsigned char *u = (const unsigned char *)p;

        *ret_size = u[0] < 0x80 ? 1 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
        switch (*ret_size) {
        case 1: return u[0];
        case 2: return (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu);
        case 3: return (u[0] & 0x0fu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
        default: return 0x10000; /* beyond the first plane nothing is folded */
        }
}

/* What a message says, and where in it each byte of that came from: codes and texts keep their capitals. */
typedef struct Folded {
        char text[FOLDED_SIZE];
        uint16_t from[FOLDED_SIZE];
        const char *body;
        size_t size;
} Folded;

_Static_assert(LIMIT_BODY <= UINT16_MAX, "a place in a body");

/* False: does not fit, or is no UTF-8. */
static bool fold(const char *body, size_t n, Folded *ret)
{
        Str s = {.p = ret->text, .cap = FOLDED_SIZE};

        *ret = (Folded){.body = body, .size = n};
        if (n > LIMIT_BODY || !str_utf8(body, n))
                return false;
        for (size_t i = 0, size; i < n; i += size) {
                uint32_t c = decode(body + i, &size), folded = fold_char(c);
                char ascii = (char)folded;
                size_t before = s.n;

                if (c == 0xfeff || c == 0x200b) /* byte order mark, zero-width space */
                        continue;
                if (folded >= 0x80)
                        str_addn(&s, body + i, size);
                else if (folded != ' ' || (s.n > 0 && s.p[s.n - 1] != ' '))
                        str_addn(&s, &ascii, 1);
                for (size_t k = before; k < s.n; k++)
                        ret->from[k] = (uint16_t)(i + (k - before));
        }
        if (s.n > 0 && s.p[s.n - 1] == ' ')
                s.p[--s.n] = '\0';
        return !s.full;
}

/* ---- tokens: each moves *p over what it has read ---- */

static bool take(const char **p, const char *word)
{
        if (!str_starts(*p, word))
                return false;
        *p += strlen(word);
        return true;
}

static void skip(const char **p, const char *characters)
{
        while (**p != '\0' && strchr(characters, **p))
                (*p)++;
}

/* False and *p unmoved: no number here. A number of 0 or beyond 64 bits: *ret is 0. */
static bool take_number(const char **p, uint64_t *ret)
{
        static const char *const marks[] = {"#", "编号", "单号", "no", "号"};
        const char *q = *p, *digits;
        char text[24];

        skip(&q, " ,.:;");
        for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
                if (take(&q, marks[i]))
                        break;
        skip(&q, " .:#");
        digits = q;
        skip(&q, "0123456789");
        if (q == digits)
                return false;
        if (!str_copyn(text, sizeof(text), digits, (size_t)(q - digits)) || !parse_u64(text, ret))
                *ret = 0;
        (void)take(&q, "号");
        *p = q;
        return true;
}

/* 办结 送医 1042: a number that ends the text. In "其他 3人受伤" it is part of the note. */
static bool take_last_number(const char **p, uint64_t *ret)
{
        const char *q = *p;
        uint64_t number;

        if (!take_number(&q, &number) || *q != '\0')
                return false;
        *p = q;
        *ret = number;
        return true;
}

static bool take_verb(const char **p, ActionKind *ret)
{
        for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
                const char *q = *p;

                if (!take(&q, verbs[i].word))
                        continue;
                if ((unsigned char)verbs[i].word[0] < 0x80 &&
                        ((*q >= 'a' && *q <= 'z') || *q == '_' || *q == '-'))
                        continue; /* "onward" is not "on" */
                (void)take(&q, "了");
                *p = q;
                *ret = verbs[i].kind;
                return true;
        }
        return false;
}

/* What became of it: a Chinese word for one of the defaults, or the site's own word up to the next space. */
static void take_outcome(const char **p, char ret[WORD_SIZE])
{
        const char *outcome;
        size_t n;

        skip(p, " ,.:;");
        outcome = words_outcome_parse(*p, &n);
        if (outcome)
                (void)str_copy(ret, WORD_SIZE, outcome); /* ours fit */
        else {
                n = strcspn(*p, " ,");
                (void)str_copyn(ret, WORD_SIZE, *p, n); /* cut: then it is no outcome of the site's */
        }
        *p += n;
}

/* ---- as it was written ---- */

/* A code of n bytes at p. False: none, or too long for one. */
static bool take_code(const Folded *f, const char *p, size_t n, char ret[CODE_SIZE])
{
        const uint16_t *from = &f->from[p - f->text];

        if (n == 0 || !str_copyn(ret, CODE_SIZE, p, n))
                return false;
        for (size_t i = 0; i < n; i++) {
                const unsigned char *u = (const unsigned char *)f->body + from[i];

                if (u[0] >= 'A' && u[0] <= 'Z')
                        ret[i] = (char)u[0];
                else if (p[i] >= 'a' && p[i] <= 'z' && u[0] == 0xef &&
                         u[1] == 0xbc) /* full-width capitals */
                        ret[i] = (char)('A' + u[2] - 0xa1);
        }
        return true;
}

/* What a person wrote from p on: cut to what is kept beside the record, on one line. */
static void take_text(const Folded *f, const char *p, char ret[TEXT_SIZE])
{
        size_t from, n;

        if (*p == '\0')
                return;
        from = f->from[p - f->text];
        (void)str_copyn(ret, TEXT_SIZE, f->body + from, f->size - from); /* cut: the record has all of it */
        for (char *q = ret; *q; q++)
                if ((unsigned char)*q < ' ' || *q == 0x7f)
                        *q = ' ';
        for (n = strlen(ret); n > 0 && ret[n - 1] == ' '; n--)
                ret[n - 1] = '\0';
}

/* ---- visits ---- */

static const char *visit_in_read(ActionEvent *a, const Folded *f, const char *p)
{
        size_t n;
        Service service = SERVICE_OTHER;

        skip(&p, " ,.:;#");
        n = strcspn(p, " ,;");
        if (!take_code(f, p, n, a->target))
                return "no bed is named";
        p += n;
        skip(&p, " ,.:;");
        if (*p != '\0' && !words_service_parse(p, &service))
                return "text after the command";
        a->service = (uint8_t)service;
        return NULL;
}

static const char *visit_out_read(ActionEvent *a, const char *p)
{
        skip(&p, " ,.:;!");
        if (*p >= '1' && *p <= '5') {
                a->rating = (uint8_t)(*p++ - '0');
                (void)take(&p, "分");
        }
        skip(&p, " ,.:;!");
        return *p == '\0' ? NULL : "text after the command";
}

/* 3天, 3日, 3d, 12小时, 12h. False and *p unmoved: no such time. */
static bool take_span(const char **p, uint64_t *ret_us)
{
        static const struct {
                const char *word;
                uint64_t us;
        } units[] = {{"天", USEC_PER_DAY}, {"日", USEC_PER_DAY}, {"小时", USEC_PER_HOUR},
                {"days", USEC_PER_DAY}, {"day", USEC_PER_DAY}, {"d", USEC_PER_DAY}, {"hours", USEC_PER_HOUR},
                {"hour", USEC_PER_HOUR}, {"h", USEC_PER_HOUR}};
        const char *q = *p, *digits;
        char text[8];
        uint32_t number;

        skip(&q, " ,.:;");
        digits = q;
        skip(&q, "0123456789");
        if (!str_copyn(text, sizeof(text), digits, (size_t)(q - digits)) || !parse_u32(text, 999, &number))
                return false;
        skip(&q, " ");
        for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
                if (take(&q, units[i].word)) {
                        if (q[-1] >= 'a' && q[-1] <= 'z' && *q >= 'a' && *q <= 'z')
                                return false; /* 3 dozen */
                        *p = q;
                        *ret_us = number * units[i].us;
                        return true;
                }
        return false;
}

/* 5, 5分. False and *p unmoved: none from 1 to 5, or a part of more, as in 4.5. */
static bool take_score(const char **p, uint8_t *ret)
{
        const char *q = *p;
        char score;

        skip(&q, " ,.:;");
        score = *q;
        if (score < '1' || score > '5')
                return false;
        q++;
        if ((*q >= '0' && *q <= '9') || (q[0] == '.' && q[1] >= '0' && q[1] <= '9'))
                return false;
        (void)take(&q, "分");
        *p = q;
        *ret = (uint8_t)(score - '0');
        return true;
}

/* What follows the verb, which ended at `verb`, and its number in a command about a request. NULL, or what is wrong. */
static const char *request_read(ActionEvent *a, const Folded *f, const char *p, const char *verb)
{
        const bool glued = p == verb && *p != '\0' && !strchr(" ,.:;!", *p);
        size_t n;

        skip(&p, " ,.:;!");
        switch ((int)a->kind) {
        case ACTION_ASSIGN:
                n = strcspn(p, " ,.:;!");
                if (!take_code(f, p, n, a->to))
                        return "no worker's code";
                p += n;
                break;
        case ACTION_WAITING:
                if (!take_span(&p, &a->span_us))
                        return "no time to wait";
                break;
        case ACTION_RATE:
                if (!take_score(&p, &a->score))
                        return "no score from 1 to 5";
                break;
        default:
                if (glued)
                        return "text at the verb"; /* 完成不了 */
        }
        skip(&p, " ,.:;!");
        if (str_starts(p, "不了"))
                return "text after the command";
        take_text(f, p, a->text);
        a->has_note = *p != '\0';
        return (a->kind == ACTION_START || a->kind == ACTION_ASSIGN) && *p ? "text after the command" : NULL;
}

/* 等待 3天 and 评价 5 without a number: the one at the verb is what they need, and not an incident's. In 评价 1 6 it is. */
static bool takes_number(ActionKind kind, const char *p)
{
        uint64_t us;
        uint8_t score;

        if (kind == ACTION_WAITING)
                return !take_span(&p, &us);
        if (kind != ACTION_RATE || !take_score(&p, &score))
                return true;
        skip(&p, " ,.:;#-");
        return *p >= '0' && *p <= '9';
}

/* ---- commands ---- */

static const char *command_read(ActionEvent *a, const Folded *f)
{
        const char *p = f->text, *verb;
        bool numbered = take_number(&p, &a->incident);

        skip(&p, " ,.:;");
        if (!take_verb(&p, &a->kind)) {
                a->kind = ACTION_UNKNOWN;
                return "unknown word";
        }
        verb = p;
        if (a->kind == ACTION_VISIT_IN || a->kind == ACTION_VISIT_OUT) {
                if (numbered)
                        return "a visit has no number";
                return a->kind == ACTION_VISIT_IN ? visit_in_read(a, f, p) : visit_out_read(a, p);
        }
        if (!numbered && takes_number(a->kind, p))
                numbered = take_number(&p, &a->incident);
        if (numbered && a->incident == 0)
                return "no such number";
        if (a->kind == ACTION_ON || a->kind == ACTION_OFF) {
                if (numbered)
                        return "on and off take no number";
        } else
                a->bare = !numbered;
        if (a->kind == ACTION_RESOLVE) {
                take_outcome(&p, a->outcome);
                if (a->bare && take_last_number(&p, &a->incident)) {
                        a->bare = false;
                        if (a->incident == 0)
                                return "no such number";
                }
                skip(&p, " ,.:;!");
                a->has_note = *p != '\0';
                if (a->outcome[0] == '\0')
                        (void)str_copy(a->outcome, sizeof(a->outcome), "helped"); /* fits */
                return NULL;
        }
        if (a->kind >= ACTION_ASSIGN && a->kind <= ACTION_RATE)
                return request_read(a, f, p, verb);
        skip(&p, " ,.:;!");
        return *p == '\0' ? NULL : "text after the command";
}

void codec_read_words(Codec *codec, Event *e)
{
        const char *wrong;
        Folded folded;

        e->type = EVENT_ACTION;
        e->action = (ActionEvent){.kind = ACTION_UNKNOWN};
        e->id[0] = e->why[0] = '\0';
        e->device_us = 0;
        e->body_json = false;
        if (!fold(e->body ? e->body : "", e->body ? e->body_size : 0, &folded))
                wrong = "no short text in UTF-8";
        else if (folded.text[0] == '\0')
                wrong = "empty";
        else {
                (void)str_copyn(e->action.word, sizeof(e->action.word), folded.text,
                        strcspn(folded.text, " ")); /* for show */
                wrong = command_read(&e->action, &folded);
        }
        if (wrong) {
                char word[WORD_SIZE];

                (void)str_copy(word, sizeof(word), e->action.word); /* same size */
                e->action = (ActionEvent){.kind = ACTION_UNKNOWN};
                (void)str_copy(e->action.word, sizeof(e->action.word), word); /* same size */
                (void)str_copy(e->why, sizeof(e->why), wrong);                /* fits */
        }
}

bool codec_read_presence(Event *e)
{
        Folded folded;
        bool online;

        if (!fold(e->body ? e->body : "", e->body ? e->body_size : 0, &folded))
                return false;
        online = str_equal(folded.text, "online");
        if (!online && !str_equal(folded.text, "offline"))
                return false;
        e->type = EVENT_PRESENCE;
        e->id[0] = e->why[0] = '\0';
        e->device_us = 0;
        e->body_json = false;
        e->presence.online = online;
        return true;
}
