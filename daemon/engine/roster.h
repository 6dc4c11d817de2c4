/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The registry as the engine sees it: who lives where, with what devices, and who can be called when.
 *
 * A Registry is immutable once built; a change makes a new one (store/registry reads and writes it). Every
 * entity has a small stable id that is never used twice for another code: arrays are indexed by id, id 0 means
 * "none", and an entry whose code is NULL is an id that is no longer in use. The rows of an incident name
 * entities by these ids, so a new registry never moves an open incident.
 */
#include "base/clock.h"
#include "engine/rules.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHANNELS_SIZE 256 /* bytes of Worker.channels, with NUL */
#define VISITS_NONE   UINT32_MAX
#define CODE_SIZE 64 /* bytes of a registry code, with NUL; see str_code() */

/* Roles of SEMANTICS.md section 6. The words are those of the registry and of the ladder settings. */
typedef enum Role {
        ROLE_WORKER,         /* worker: grid worker 网格员 */
        ROLE_BACKUP,         /* backup */
        ROLE_BUILDING_HEAD,  /* building-head 楼栋长 */
        ROLE_PROPERTY_GUARD, /* property-guard 物业 */
        ROLE_FIRE_STATION,   /* fire-station 微型消防站 */
        ROLE_NURSE,          /* nurse 护理员 */
        ROLE_CARER,          /* carer: lives with the resident */
        ROLE_FAMILY,         /* family */
        ROLE_NEIGHBOUR,      /* neighbour */
        ROLE_COMMUNITY,      /* community desk 社区 */
        ROLE_NIGHT_DESK,     /* night-desk */
        ROLE_STREET,         /* street desk 街道 */
        ROLE_DISTRICT,       /* district desk 区 */
        ROLE_OPERATOR,       /* operator of the gateway */
        ROLE_SUPERVISOR,     /* supervisor */
        ROLE_MAX,
} Role;

typedef enum Right {
        RIGHT_ACCEPT = 1 << 0,
        RIGHT_ON_SITE = 1 << 1,
        RIGHT_RESOLVE = 1 << 2,
        RIGHT_SUPERVISE = 1 << 3, /* may resolve remotely, override, hand off */
} Right;

typedef enum ScopeKind { SCOPE_SITE, SCOPE_GRID, SCOPE_BUILDING, SCOPE_RESIDENT } ScopeKind;
typedef enum Client { CLIENT_APP, CLIENT_PLAIN } Client; /* plain: no receipts, no presence expected */

typedef enum Vital { VITAL_HR, VITAL_SPO2, VITAL_SYS, VITAL_DIA, VITAL_TEMP, VITAL_RESP, VITAL_MAX } Vital;

typedef struct VitalLimits {
        double min[VITAL_MAX], max[VITAL_MAX]; /* NAN: no limit. /min, %, mm[Hg], mm[Hg], Cel, /min */
} VitalLimits;

typedef enum DeviceClass { /* registry word */
        DEVICE_BUTTON,     /* button: SOS by the bed, in the bathroom */
        DEVICE_PENDANT,    /* pendant: worn */
        DEVICE_WRISTBAND,  /* wristband: worn, vitals */
        DEVICE_SMOKE,      /* smoke */
        DEVICE_GAS,        /* gas */
        DEVICE_SENSOR,     /* sensor: motion, bed, door, water */
        DEVICE_GATEWAY,    /* gateway: a hub of others */
        DEVICE_CLASS_MAX,
} DeviceClass;

typedef struct Grid {
        const char *code, *name;
        uint32_t parent; /* grid id, 0: top */
} Grid;

typedef struct Dwelling {
        const char *code, *building, *floor, *address, *access;
        uint32_t grid;
} Dwelling;

typedef struct Resident {
        const char *code, *name, *birth, *phone, *notes;
        uint32_t dwelling;
        uint32_t visits; /* a year, as agreed; 0: as the site has it; VISITS_NONE: none */
        const VitalLimits *limits; /* never NULL; one for all who have the same */
} Resident;

typedef struct Device {
        const char *code, *profile;
        DeviceClass class;
        uint32_t dwelling, resident; /* either may be 0 */
        uint64_t beat_us;            /* expected heartbeat, 0: none */
} Device;

typedef struct Worker {
        const char *code, *name, *phone;
        Role role;
        Client client;
        ScopeKind scope;
        uint32_t scope_id;          /* grid or resident id */
        const char *scope_building; /* SCOPE_BUILDING */
        const char *channels;       /* further ways to reach this person, in order: "app exec:sms"; NULL, "": none */
} Worker;

/* Duty.days beyond the days of the week: what the calendar says. */
#define DUTY_WORKDAYS (1u << 7) /* Monday to Friday but for holidays, and the days worked instead (调休) */
#define DUTY_HOLIDAYS (1u << 8) /* all the others */

typedef struct Duty {
        uint32_t worker;
        uint16_t days; /* bit 0 Sunday … bit 6 Saturday; DUTY_WORKDAYS, DUTY_HOLIDAYS */
        uint16_t from_minute, to_minute; /* to <= from: over midnight, belongs to the day it begins */
        uint32_t valid_from, valid_to;   /* yyyymmdd, both included; 0: open */
} Duty;

/* A minute of local time: yyyymmdd · 1440 + minute of the day. Orders as time does. */
typedef uint64_t LocalStamp;

/* What goes before the duty table for a time: a leave, a swap, a stand-in. Somebody is on where two disagree. */
typedef struct Override {
        uint32_t worker;
        bool on;
        LocalStamp from, to; /* `to` is not included */
} Override;

typedef struct Holiday {
        uint32_t date; /* yyyymmdd */
        bool work;     /* a weekend's day on which people work; else a day off */
} Holiday;

typedef struct Registry {
        unsigned n_ref;
        Grid *grids;           /* n_grids entries, [0] unused; so for each */
        Dwelling *dwellings;
        Resident *residents;
        Device *devices;
        Worker *workers;
        Duty *duties;         /* sorted by worker; from [0] */
        Override *overrides;  /* sorted by worker; from [0] */
        Holiday *holidays;    /* sorted by date; from [0] */
        PersonRule *rules;          /* sorted by resident and name; from [0] */
        uint32_t n_grids, n_dwellings, n_residents, n_devices, n_workers, n_duties, n_overrides, n_holidays, n_rules;
        void *code_index; /* store/registry: code → id */
        void *pool;       /* the texts, and sets of limits */
        void *shared;     /* store/registry, while it is put together: what stands in the pool and may be wanted again */
        struct Registry *under; /* lends the texts and every array but devices; NULL: all is its own */
} Registry;

/* Words of the registry and the configuration. False: no such word. */
bool role_parse(const char *word, Role *ret);
const char *role_word(Role);
uint32_t role_rights(Role); /* SEMANTICS.md section 6: family, neighbours and guards are helpers */
bool device_class_parse(const char *word, DeviceClass *ret);
const char *device_class_word(DeviceClass);
const char *vital_word(Vital); /* "hr", … as in the payload */

/* By id; NULL for 0, out of range, or no longer in use. */
const Grid *registry_grid(const Registry *, uint32_t id);
const Dwelling *registry_dwelling(const Registry *, uint32_t id);
const Resident *registry_resident(const Registry *, uint32_t id);
const Device *registry_device(const Registry *, uint32_t id);
const Worker *registry_worker(const Registry *, uint32_t id);
/* Of one grid, and both with the name of a building, which is the same. */
bool registry_same_building(const Dwelling *, const Dwelling *);

/* By code, through the index that registry_index() built; 0: unknown. */
uint32_t registry_device_id(const Registry *, const char *code);
uint32_t registry_worker_id(const Registry *, const char *code);
uint32_t registry_grid_id(const Registry *, const char *code);
uint32_t registry_dwelling_id(const Registry *, const char *code);
uint32_t registry_resident_id(const Registry *, const char *code);

/* True when the worker's scope covers this place. Any id may be 0. A grid covers the grids below it. */
bool roster_covers(const Registry *, const Worker *, uint32_t grid, uint32_t dwelling, uint32_t resident);
/* Those who may cover it, for a loop: the next above `after` (0: the first); 0: no more. In the order of their ids. */
uint32_t roster_near(const Registry *, uint32_t after, uint32_t dwelling, uint32_t resident);
/* True when the overrides, else the duty table, have this worker on duty now; without any row: always. */
bool roster_rostered(const Registry *, uint32_t worker, Now now);
/* True when the duty table has any row of this worker. */
bool roster_has_duty(const Registry *, uint32_t worker);
/* 1: an override has this worker on now, -1: off, 0: none says anything. */
int roster_override(const Registry *, uint32_t worker, Now now);
/* What the file of holidays says of a day: 1 worked instead (调休), -1 off, 0 nothing. */
int roster_holiday(const Registry *, uint32_t yyyymmdd);
/* False on holidays and on weekends that are not worked. */
bool roster_is_workday(const Registry *, uint32_t weekday, uint32_t yyyymmdd);
/*
 * Wall time of the next moment after `now` that lies `offset_us` from a shift's or an override's begin or end;
 * INT64_MAX: none in a week. O(rows).
 */
int64_t roster_next(const Registry *, Now now, int64_t offset_us);
/* The one resident of a dwelling; 0 when there is none or more than one. */
uint32_t roster_sole_resident(const Registry *, uint32_t dwelling);
