/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Who looks at what is stored about a person: a worker who was called (on his own topics), and the control socket. That
 * somebody looked is in the journal, on the disk, before anything is shown.
 */
#include "control.h"
#include "store/store.h"
#include "turn.h"

#define LOOKS_WAITING_MAX 8

typedef struct Looks {
        Turn *turn;
        Store *store;
        const Registry *registry;
        Control *control;
        const Port *ports;
        size_t n_ports;
        struct {
                StoreLook *look; /* begins when this row is committed */
                uint64_t seq;
        } waiting[LOOKS_WAITING_MAX];
        uint32_t n;
        uint64_t looked, removed, erased, dropped; /* of the store's, taken note of */
} Looks;

/* The worker's row is committed. */
void looks_view(Looks *, const Effect *view);
/* ControlHost's function. */
int looks_person(Looks *, uint32_t uid, const ControlVitals *, uint64_t hold, char **ret_json);
/* The disk has come to `seq`. */
void looks_committed(Looks *, uint64_t seq);
/* The store may have something to say: looks that have ended; files of readings that were taken away, for the journal. */
void looks_store(Looks *);
void looks_end(Looks *);
