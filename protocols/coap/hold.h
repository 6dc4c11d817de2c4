/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Answers that wait, and the window of requests already seen: see hold.c. */
#include "protocols/coap/lib.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOLDS_ALARMS   4096u
#define HOLDS_READINGS 1024u
#define SEEN_ALARMS    65536u
#define SEEN_READINGS  16384u
#define SEEN_US        247000000ull /* EXCHANGE_LIFETIME, RFC 7252 section 4.8.2 */

/* An answer as it is sent, and sent again for a retransmission. */
typedef struct Answer {
        uint8_t code;
        uint64_t incident; /* Location-Path a/<incident>; 0: none */
        bool too_large;    /* Size1 says what would have fitted */
        char *json;        /* owned; NULL: no body */
        size_t json_size;
} Answer;

/* Who sent what: two requests are the same if all of it is equal. */
typedef struct SeenKey {
        uint8_t address[16];
        uint16_t port, mid;
        uint8_t proto;
        uint64_t digest;
} SeenKey;

typedef struct Seen {
        SeenKey key;
        bool answered; /* else the hold still waits */
        bool dead;     /* forgotten before its time; in no chain */
        uint64_t at_us;
        uint32_t next; /* in the chain: index + 1, 0 = end */
        Answer answer;
} Seen;

typedef struct Window {
        Seen *ring;
        uint32_t *heads;     /* index + 1 */
        uint32_t size;       /* a power of two */
        uint64_t first, end; /* numbers in use; the index is the number modulo size */
        uint64_t seed;
} Window;

typedef struct Hold {
        coap_session_t *session; /* referenced; NULL: nothing waits here */
        uint64_t number;
        uint8_t token[8], token_size;
        uint8_t type, no_response;
        bool too_large;
        uint16_t mid;
        Window *window;
        uint64_t seen; /* number in the window */
        uint64_t at_us;
} Hold;

typedef struct Holds {
        Hold *ring;
        uint32_t size;
        uint64_t first, last; /* the oldest that may wait, the newest; the index is the number modulo size */
} Holds;

int window_init(Window *, uint32_t size, uint64_t seed);
void window_deinit(Window *);
void seen_key(SeenKey *ret, const coap_session_t *, uint16_t mid, uint64_t digest);
/* NULL: not seen within SEEN_US. */
Seen *window_find(Window *, const SeenKey *, uint64_t now_us);
/* Remembers it as waiting; when full, the oldest goes. Returns its number. */
uint64_t window_add(Window *, const SeenKey *, uint64_t now_us);
void window_forget(Window *, uint64_t number);
/* Forgets what is older than SEEN_US; false: nothing left. */
bool window_expire(Window *, uint64_t now_us);

int holds_init(Holds *, uint32_t size);
void holds_deinit(Holds *); /* lets all go, unanswered */
/*
 * Keeps what is needed to answer; returns the handle, never 0. The one that came `size` holds ago is let go
 * and forgotten if it still waits, so that its retransmission counts as a request again.
 */
uint64_t holds_add(Holds *, coap_session_t *, const coap_pdu_t *, Window *, uint64_t seen, uint64_t now_us);
Hold *holds_get(Holds *, uint64_t handle); /* NULL: let go long ago */
/* Sends the answer, remembers it in the window (takes answer->json in any case) and lets go. False: not
 * sent. */
bool holds_answer(Hold *, Answer *);
void holds_release(Hold *);
/* Lets go and forgets all of a session. */
void holds_drop(Holds *, const coap_session_t *);
/* Lets go of those that no device waits for any more; false: none left. */
bool holds_expire(Holds *, uint64_t now_us);

/* Puts code, options and body of the answer into a response. False: it does not fit. */
bool answer_fill(coap_pdu_t *, const Answer *);
