/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The control socket: RUNTIME/control, sd-bus peer to peer (no bus daemon), for huyingctl on this machine.
 *
 * Interface org.huying.Gateway1 at /org/huying/Gateway1; every answer is one JSON text, so that the interface need
 * not change when the facts grow:
 *   Status() → s · List(b all) → s · Show(t incident) → s · Workers() → s
 *   Unprotected() → s            residents whose devices do not work, and tests that are overdue
 *   Act(s worker, s json) → s      the action of protocols/README.md as that worker (a desk, a drill); the reply as JSON
 *   Alarm(s device, s json) → s    a device's alarm (drill, tests); the receipt as JSON
 *   Import(s folder) → s           {"result":"ok","devices":…} or {"result":"refused","file":…,"line":…,"column":…,"text":…}
 *   Unclaimed() → s                devices that were heard and that the registry does not know
 *   Bind(s device, s home, s class, s profile) → s  one device more, or elsewhere: {"result":"ok",…} or {"result":"refused","text":…}
 *   Access(s role, s reason, s what, s resident) → s   journals that somebody looks at names (resident "": many)
 *   Erase(s resident, s reason) → s   lawful erasure of what is recorded about a person
 *   Vitals(s resident, x from, x to, u step, s role, s reason) → s   a person's readings as curves; the look is journaled
 *   Backup(s file) → s                a copy of the database, made while it is in use; answers when it is whole
 * The peer's credentials: root, the daemon's own user, or its group (mode 0660).
 */
#include "protocols/codec/codec.h"
#include "protocols/port.h"

typedef struct Control Control;

/* A look at a person's readings. Times in Unix seconds. */
typedef struct ControlVitals {
        const char *resident, *role, *reason;
        int64_t from_s, to_s;
        uint32_t step_s;
} ControlVitals;

/* What the gateway answers by itself. ret_json is malloc'd, the caller's. 0 or a negative errno. */
typedef struct ControlHost {
        void *userdata;
        int (*status)(void *userdata, char **ret_json);
        int (*list)(void *userdata, bool all, char **ret_json);
        int (*show)(void *userdata, uint64_t incident, char **ret_json); /* {"result":"unknown"} when not in memory */
        int (*workers)(void *userdata, char **ret_json);
        int (*unprotected)(void *userdata, char **ret_json);
        /* Answers now when refused; else after the commit through control_answer(hold). */
        int (*import)(void *userdata, const char *folder, uint64_t hold, char **ret_json);
        /* Likewise. uid is the caller's. */
        int (*access)(void *userdata, uint32_t uid, const char *role, const char *reason, const char *what,
                const char *resident, uint64_t hold, char **ret_json);
        int (*erase)(void *userdata, uint32_t uid, const char *resident, const char *reason, uint64_t hold,
                char **ret_json);
        int (*backup)(void *userdata, uint32_t uid, const char *file, uint64_t hold, char **ret_json);
        int (*vitals)(void *userdata, uint32_t uid, const ControlVitals *, uint64_t hold, char **ret_json);
        int (*unclaimed)(void *userdata, char **ret_json);
        /* As import. class, profile "": by what it was heard to be. */
        int (*bind)(void *userdata, const char *device, const char *home, const char *class, const char *profile,
                uint64_t hold, char **ret_json);
} ControlHost;

/* *ret_port gives VIA_CONTROL holds and takes receipt() and reply(). */
int control_new(Control **ret, PortHost *, Codec *, const ControlHost *, const char *runtime_directory, Port *ret_port);
Control *control_free(Control *);
void control_answer(Control *, uint64_t hold, const char *json);
/* What a ControlHost's function says at once to who may not, with the reason in one English line. 0 or -ENOMEM. */
int control_refused(const char *text, char **ret_json);
/* False: whoever made this call has left, or has had his answer. */
bool control_waits(Control *, uint64_t hold);
