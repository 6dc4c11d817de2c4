/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What can be set for one person beyond the limits of his vitals: when readings call, how long silence may last, where
 * he may go. A row of the registry's table rules (resident, rule, value); a row for "*" is for everybody who has none
 * of his own; where there is neither, the default below holds.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct Registry;

typedef enum RuleName {
        RULE_DELAY,          /* a lone reading beyond a limit is believed after */
        RULE_SAMPLES,        /* … or when so many of the last so many are: "2/3" */
        RULE_BACK,           /* for each Vital: so far inside the limit is back; of pressures in percent of it */
        RULE_RISE = RULE_BACK + 6, /* … more than this up within ten minutes calls */
        RULE_DROP = RULE_RISE + 6, /* … or down */
        RULE_SCORE = RULE_DROP + 6, /* NEWS2 that calls */
        RULE_SCORE_CRITICAL, /* … as critical */
        RULE_REPEAT,         /* what somebody has dealt with calls again after */
        RULE_NIGHT,          /* "22:00-09:00": silence is no news, mostly */
        RULE_SILENCE,        /* no sign of life from any sensor of the home for so long */
        RULE_MOTION,         /* … from the motion sensors */
        RULE_WATER,          /* … no water used */
        RULE_DOOR,           /* … no door opened */
        RULE_BED_EXIT,       /* "10:00": in bed until then, without having got up */
        RULE_NOT_WORN,       /* the wristband may be off so long; no default: [Supervision] NotWorn= */
        RULE_GEOFENCE,       /* "34.27110 108.94020 500m": the circle around home, WGS 84; no default */
        RULE_GEOFENCE_DELAY, /* one position outside is believed after */
        RULE_FALL_CONFIRM,   /* a fall waits so long for its wearer to cancel it; off: people are called at once */
        RULE_MAX,
} RuleName;

/* What the three numbers of a rule are. Times in microseconds, minutes of the day, metres; 0 in [0]: off, where that
 * can be said. */
typedef enum RuleKind {
        RULE_DURATION, /* [0] */
        RULE_PAIR,     /* [0] of [1] */
        RULE_NUMBER,   /* [0] */
        RULE_SPAN,     /* [0] from, [1] to: minutes of the day */
        RULE_CLOCK,    /* [0]: minute of the day */
        RULE_CIRCLE,   /* [0] degrees north, [1] east, [2] metres */
} RuleKind;

typedef struct PersonRule {
        uint32_t resident; /* 0: everybody */
        uint8_t name;      /* RuleName */
        double value[3];
} PersonRule;

const char *rule_word(RuleName); /* "delay", "hr_back", … */
bool rule_parse(const char *word, RuleName *ret);
/* NULL: taken. Else what would be right, for people: "a duration from 0s to 10min". */
const char *rule_value_parse(RuleName, const char *text, double ret[3]);
/* What a stored value must be: the same bounds. */
bool rule_value_sane(RuleName, const double value[3]);

/* The person's own, else everybody's; NULL: neither. */
const double *rule_own(const struct Registry *, uint32_t resident, RuleName);
/* … else the default; never NULL. Rules without a default give zeros: off. */
const double *rule_of(const struct Registry *, uint32_t resident, RuleName);

/* All rules of one person at once, for whoever asks for many of them. */
typedef struct RuleSet {
        const double *value[RULE_MAX]; /* never NULL */
        uint64_t set;                  /* bit RuleName: it is the person's own, or everybody's, and no default */
} RuleSet;
void rule_set(const struct Registry *, uint32_t resident, RuleSet *ret);
