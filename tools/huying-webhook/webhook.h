/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* huying-webhook: notices to a group chat. What is sent (message.c), how (post.c), and how often (main.c). */
#include "base/cleanup.h"
#include "base/str.h"

#define NOTICES_MAX  64
#define URL_SIZE     1024
#define HEADERS_MAX  4
#define MESSAGE_SIZE 65536

typedef enum Kind { KIND_WECOM, KIND_DINGTALK, KIND_NTFY, KIND_GENERIC, KIND_MAX } Kind;

typedef struct Line {
        char text[2048]; /* one line for a person */
        char kind[64], state[32];
        int64_t incident, priority, seq;
} Line;

typedef struct Message {
        char url[URL_SIZE + 256];
        char headers[HEADERS_MAX][512];
        size_t n_headers;
        char body[MESSAGE_SIZE];
} Message;

/* Notices as they stand on standard input: one JSON object a line. How many; 0: none that can be read. */
size_t lines_read(const char *text, size_t n, Line ret[static NOTICES_MAX]);
/* secret: "" or what this kind of server wants besides the address. wall_ms: now. False: it does not fit. */
bool message_make(
        Kind, const char *url, const char *secret, const Line *, size_t n, int64_t wall_ms, Message *ret);
/* Whether the server's answer (status 2xx) says that it has taken the message. */
bool answer_ok(Kind, const char *answer, size_t n);

typedef enum PostResult {
        POST_OK,
        POST_REFUSED, /* again would be the same */
        POST_LATER,   /* 429, 5xx, no connection: once more may help */
} PostResult;

typedef struct Post {
        char why[128];      /* one English line without the address, which is a secret */
        unsigned again_s;   /* POST_LATER: what the server asks for; 0: nothing */
        char answer[65536]; /* cut */
        size_t n_answer;
} Post;

/* Once, within so many seconds. ca_file NULL: the system's. */
PostResult post(const Message *, const char *ca_file, unsigned within_s, Post *ret);
