/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The topics of protocols/README.md: huying/<site>/… taken apart and put together. */
#include "engine/roster.h"

#define TOPIC_PREFIX_SIZE (sizeof("huying//") + CODE_SIZE)
#define TOPIC_SIZE        320 /* any topic that we write, with NUL */

typedef enum TopicKind {
        TOPIC_ALARM,    /* up/<device>/alarm */
        TOPIC_VITALS,   /* up/<device>/vitals */
        TOPIC_STATUS,   /* up/<device>/status */
        TOPIC_ACT,      /* worker/<w>/act */
        TOPIC_DO,       /* worker/<w>/do */
        TOPIC_PRESENCE, /* worker/<w>/presence */
        TOPIC_ALERT,    /* worker/<w>/alert/<incident>: our own */
        TOPIC_DAY,      /* worker/<w>/day: our own */
        TOPIC_TEXT,     /* worker/<w>/text: our own */
        TOPIC_OTHER,
} TopicKind;

typedef struct Topic {
        TopicKind kind;
        bool valid;             /* the level is a registry code */
        char source[CODE_SIZE]; /* the level; if not valid see topic_source() */
        uint64_t incident;      /* TOPIC_ALERT */
} Topic;

/* topic is NUL-terminated and may be of any length. */
void topic_read(const char *prefix, const char *topic, Topic *ret);
/*
 * What stands for a level that is no registry code, so that an alarm on it is not lost: "?", then what can
 * be shown of it, and when it had to be cut, a hash of the whole. No device or worker can have such a code.
 */
void topic_source(const char *level, size_t n, char ret[CODE_SIZE]);
/* prefix + group + code + leaf, "worker/" + "w01" + "/reply". False: the code cannot stand in a topic. */
bool topic_write(
        char ret[TOPIC_SIZE], const char *prefix, const char *group, const char *code, const char *leaf);
