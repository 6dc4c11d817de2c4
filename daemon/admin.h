/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What an auditor or an administrator asks of the running gateway: an access to names that is journaled, a lawful
 * erasure, a backup; and the signed checkpoints that go out to witnesses. Each request is answered when its row in
 * the journal is committed; one request of each caller at a time.
 */
#include "control.h"
#include "store/store.h"
#include "turn.h"

#define ADMIN_WAITING_MAX 16

typedef struct AdminWait {
        uint64_t hold, seq; /* seq 0: a backup that is under way */
        char json[256];
} AdminWait;

typedef struct Admin {
        Turn *turn;
        Store *store;
        Engine *engine;
        const Registry *registry;
        Control *control; /* set after the control socket is there */
        AdminWait waiting[ADMIN_WAITING_MAX];
        uint32_t n;
        uint64_t checkpoints, backups; /* told so far */
} Admin;

/* ControlHost's functions, with the Admin instead of the userdata. */
int admin_access(Admin *, uint32_t uid, const char *role, const char *reason, const char *what,
        const char *resident, uint64_t hold, char **ret_json);
int admin_erase(
        Admin *, uint32_t uid, const char *resident, const char *reason, uint64_t hold, char **ret_json);
int admin_backup(Admin *, uint32_t uid, const char *file, uint64_t hold, char **ret_json);

/* Answers when this row is committed. False: too many wait. */
bool admin_wait(Admin *, uint64_t hold, uint64_t seq, const char *json);
/* The disk has come to `seq`. */
void admin_committed(Admin *, uint64_t seq);
/* The store may have ended a backup, or signed a checkpoint: true when there is a new one for the witnesses. */
bool admin_store(Admin *);
