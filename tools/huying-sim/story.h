/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* How a story is told and checked: an observer that keeps what it has seen, expectations, and a daemon to
 * kill. */
#include "config/config.h"
#include "tools/huying-sim/sim.h"

#include <sys/types.h>

#define MEMBERS_MAX 4

typedef struct Seen {
        uint64_t at_us;
        char *topic; /* below huying/SITE/ */
        char *payload;
        size_t size;
        bool retained; /* it was there before us */
} Seen;

typedef struct Expect {
        const char *topic; /* a last "+" stands for anything */
        bool empty;
        struct {
                const char *path, *value; /* value "": absent or empty */
        } members[MEMBERS_MAX];
} Expect;

typedef struct Story {
        Sim sim;
        Config config;
        Link *observer;
        Watch *watch;
        Seen *seen;
        size_t n_seen, cap_seen, mark;
        char prefix[96], filter[96], coap_host[128];
        uint32_t coap_port; /* 0: no CoAP */
        const char *pid_file, *coap_client;
        pid_t killed;
        unsigned n_steps;
        bool failed;
} Story;

int story_open(Story *, const char *config);
void story_close(Story *);
void story_end(Story *); /* the verdict */

/* Expectations look at what came after the mark. */
void story_mark(Story *);
/* Waits; NULL when it did not come. The result is valid until the next wait. */
const Seen *story_expect(Story *, const Expect *, uint64_t patience_us);
bool story_until(Story *, bool (*condition)(void *userdata), void *userdata, uint64_t patience_us);
/* Runs a program to its end (20 s at most) and keeps what it prints. False: it failed. */
bool story_run(Story *, const char *const *argv, char *ret_output, size_t cap);
bool story_kill(Story *);
/* Another process than the killed one has written its pid. */
bool story_reborn(Story *, uint64_t patience_us);

void story_title(Story *, const char *title);
/* Each takes a Chinese and an English text; "%s" in them stands for the arguments, the same in both. */
void story_say(Story *, const char *chinese, const char *english, ...);
void story_ok(Story *, const char *chinese, const char *english, ...);
/* The Chinese text with a Chinese tail, the English one with an English tail. */
void story_ok2(Story *, const char *chinese, const char *english, const char *chinese_tail,
        const char *english_tail);
/* Prints what was not seen, and what was; returns false. The arguments: one each, or one for both. */
bool story_fail(Story *, const char *chinese, const char *english, ...);
