/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What people wrote about requests that are not closed: for alerts and walls. The journal has it; this is the copy in
 * memory, taken when a row is made, read back from the journal at a start, and gone when the request is closed.
 */
#include "protocols/codec/codec.h"

typedef struct Texts Texts;

int texts_new(Texts **ret);
Texts *texts_free(Texts *); /* NULL */
/* A row that has just been made (EFFECT_JOURNAL): the words that caused it, if it is about a request. */
void texts_take(Texts *, const Effect *);
void texts_drop(Texts *, uint64_t incident);
/* Members are NULL where nothing was said. Valid until the next call that changes. `texts` may be NULL. */
NoticeWords texts_words(const Texts *texts, uint64_t incident);

/* One request that was closed with a rating, for the echo wall. */
typedef struct TextsAnswer {
        uint64_t incident;
        uint32_t resident, grid;
        uint8_t class, tier, score;
        bool open_words;
        int64_t opened_us, resolved_us, closed_us;
        NoticeWords words; /* valid during the call */
} TextsAnswer;

/* From the journal of `state_directory`, at a start and when a lost database is found: the words of what is not closed.
 * What cannot be read is not there. */
void texts_load(Texts *, Codec *, const char *state_directory);

/*
 * The newest `n_answers` that were closed with a rating, of those opened since `since_us`. texts_past_read() looks
 * through all that were opened since, which takes a while, and may hang in a disk: it is for a thread of its own
 * (store/aside.h). texts_past_tell() says what it has found, oldest first.
 */
typedef struct TextsPast TextsPast;

int texts_past_new(TextsPast **ret, const char *state_directory, int64_t since_us, uint32_t n_answers);
void texts_past_free(void *past); /* takes NULL */
void texts_past_read(void *past);
void texts_past_tell(
        const TextsPast *, Codec *, void (*answer)(void *userdata, const TextsAnswer *), void *userdata);
