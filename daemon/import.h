/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A registry that is being read from its folder, on a thread of its own: a USB stick may hang, and the loop must not. One
 * at a time. Whoever asked waits; if he leaves before the folder is read, nothing is changed.
 */
#include "control.h"
#include "loop.h"
#include "store/aside.h"
#include "store/registry.h"

typedef struct Import {
        Loop *loop;
        void *userdata;
        Registry *(*in_force)(void *userdata); /* that whose ids are kept */
        /* Owns the registry from here on. 0: answers `hold` after the commit; or REGISTRY_E_INVALID with the reason. */
        int (*take)(void *userdata, Registry *, uint64_t hold, RegistryError *ret_error);
        Control *control; /* set after the control socket is there */
        Aside *reading;   /* NULL: none */
        PortWatch *watch;
        uint64_t hold;
} Import;

/* ControlHost's function. */
int import_begin(Import *, const char *folder, uint64_t hold, char **ret_json);
/* The process ends: nobody waits for the disk. */
void import_end(Import *);
