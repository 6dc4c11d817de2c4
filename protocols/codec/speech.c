/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/codec/speech.h"

#include "base/assert.h"
#include "base/idmap.h"
#include "base/str.h"
#include "protocols/codec/common.h"

#include <string.h>

enum { KEY_EDGE = 1, KEY_LEVEL = 2 };

static bool is_fire(AlarmKind kind)
{
        return kind == ALARM_SMOKE || kind == ALARM_HEAT || kind == ALARM_GAS || kind == ALARM_CO;
}

static AlarmKind clear_of(AlarmKind kind)
{
        ASSERT(is_fire(kind));
        return (AlarmKind)(kind + 1); /* each clear stands behind its alarm */
}

void speech_emit(Speech *s, Event *e)
{
        s->said = true;
        s->host->emit(s->host->userdata, e);
}

static void emit_alarm(Speech *s, AlarmKind kind, const char *id, const char *why)
{
        Event e = s->base;

        e.type = EVENT_ALARM;
        e.alarm.kind = kind;
        (void)str_copy(e.alarm.word, sizeof(e.alarm.word), alarm_kind_word(kind)); /* our words fit */
        (void)str_copy(e.id, sizeof(e.id), id);                                    /* made here, fits */
        if (why)
                event_why(&e, why);
        speech_emit(s, &e);
}

static uint64_t key_of(const Speech *s, AlarmKind kind, unsigned type)
{
        return idmap_mix(idmap_hash(s->base.source, strlen(s->base.source)), (uint64_t)kind + 256 * type);
}

/* With a stamp, a message that comes twice is one press: within a minute also over two paths, with other signal
 * strengths; later, and over a restart, as long as its bytes are the same. */
void speech_edge(Speech *s, AlarmKind kind, const char *stamp)
{
        char id[EVENT_ID_SIZE] = "";
        Str text = STR_BUFFER(id);

        if (stamp) {
                if (!levels_stamp(s->levels, key_of(s, kind, KEY_EDGE), idmap_hash(stamp, strlen(stamp)),
                            s->now_s))
                        return;
                str_addf(&text, "%s-%016llx", alarm_kind_word(kind), (unsigned long long)s->payload);
        }
        emit_alarm(s, kind, id, NULL);
}

void speech_level(Speech *s, AlarmKind kind, bool on)
{
        LevelSaid said = {.key = key_of(s, kind, KEY_LEVEL),
                .payload = s->payload,
                .doubts = s->doubts,
                .now_s = s->now_s,
                .on = on,
                .held = is_fire(kind) || kind == ALARM_TAMPER || kind == ALARM_FAULT};

        if (s->base.retained) {
                if (on && !levels_on(s->levels, said.key))
                        emit_alarm(s, kind, "", NULL);
                return;
        }
        switch (levels_step(s->levels, &said)) {
        case LEVEL_RAISE: emit_alarm(s, kind, "", NULL); break;
        case LEVEL_FALL:
                if (is_fire(kind))
                        emit_alarm(s, clear_of(kind), "", NULL);
                break;
        case LEVEL_STUCK:
                emit_alarm(s, ALARM_FAULT, "", "pressed for 10 minutes: the next press cannot be told");
                break;
        case LEVEL_NOTHING: break;
        }
}

void speech_doubt(Speech *s)
{
        for (AlarmKind kind = 0; kind < ALARM_KIND_MAX; kind++)
                levels_doubt(s->levels, key_of(s, kind, KEY_LEVEL));
}

static void reach(Speech *s, bool known, StatusEvent says)
{
        Event e = s->base;

        speech_doubt(s);
        if (!known)
                return;
        e.retained = false; /* it is kept so that whoever comes knows what is */
        e.type = EVENT_STATUS;
        e.status = says;
        speech_emit(s, &e);
}

void speech_gone(Speech *s, bool known)
{
        reach(s, known, (StatusEvent){STATUS_UNSAID, .gone = true});
}

void speech_back(Speech *s, bool known)
{
        reach(s, known, (StatusEvent){STATUS_UNSAID, .back = true});
}
