/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Reads, checks and writes the registry: CSV folder ⇄ Registry ⇄ database, and registry.export.
 *
 * CSV: one file a table, UTF-8 (a BOM is accepted), the first line names the columns in any order; unknown or
 * missing columns, unknown codes, doubled codes and bad values are errors with file, line and column. Codes keep
 * their ids from `previous`; new codes get ids never used before. Texts of entries in use are never NULL.
 *
 *   grids.csv      grid,name,parent                      parent: a grid, or empty
 *   dwellings.csv  dwelling,grid,building,floor,address,access
 *   residents.csv  resident,dwelling,name,birth,phone,notes, and any of hr_min,hr_max,spo2_min,spo2_max,sys_min,
 *                  sys_max,dia_min,dia_max,temp_min,temp_max,resp_min,resp_max (empty: no limit); birth: YYYY-MM-DD;
 *                  and visits: how many a year the bed is promised (empty: as [Visits] Yearly says)
 *   devices.csv    device,class,profile,dwelling,resident,beat   beat: a duration ("90s"); empty: no heartbeat. A
 *                  device without a dwelling stands in that of its resident.
 *   workers.csv    worker,name,phone,role,scope,client, and channels   client: app (also when empty) or plain
 *                  scope: site, or the code of a grid or a resident, or a building's name; grid:CODE, resident:CODE,
 *                  building:NAME say which when it could be more than one, which is an error otherwise
 *                  channels: further ways to reach this person, in order: exec:NAME for [Channel NAME]
 *   duty.csv       worker,days,from,to,valid_from,valid_to   may be absent: then everybody is always on duty.
 *                  days: daily, or a list of days and ranges: 1-5  mon-fri  1,3,5  sat,sun  fri-mon; 1 or mon is
 *                  Monday, 7, 0 or sun is Sunday. from, to: HH:MM; to not after from: over midnight, belongs to the
 *                  day it begins. valid_from, valid_to: YYYY-MM-DD, both included; empty: open. workdays and
 *                  holidays in the list of days go by holidays.csv
 *   overrides.csv  worker,from,to,duty,instead   may be absent: leave, swaps, stand-ins. from, to: YYYY-MM-DD HH:MM,
 *                  or YYYY-MM-DD for whole days, the last included. duty: on or off; instead: somebody of the same
 *                  role, for whom the opposite holds
 *   holidays.csv   date,day   may be absent: days off are Saturday and Sunday. day: off, or work for a day that is
 *                  worked instead (调休)
 *   rules.csv      resident,rule,value   may be absent: the defaults of engine/rules.c. resident: a code, or * for
 *                  everybody without a row of his own
 */
#include "base/cleanup.h"
#include "engine/roster.h"

typedef struct RegistryError {
        char file[256];
        unsigned line, column; /* from 1, in characters; 0: the whole file, the whole line */
        char text[256];        /* what is wrong and what would be right, one English line */
} RegistryError;

enum {
        REGISTRY_E_INVALID = 1, /* *ret_error says what */
        REGISTRY_E_MISSING = 2, /* registry_export_read(): there is no such file */
};

int registry_new(Registry **ret); /* empty */
Registry *registry_ref(Registry *);
Registry *registry_unref(Registry *); /* thread-safe count; NULL */
DEFINE_CLEANUP(Registry *, registry_unref)
int registry_read_csv(Registry **ret, const Registry *previous, const char *folder, RegistryError *ret_error);

/*
 * The same registry with one device more, or with one that stands elsewhere now. home: a dwelling or a resident. class,
 * profile: NULL or "": as it was, for a new one sensor and none. Keeps a reference to `previous`, whose texts it lends.
 * 0 or REGISTRY_E_INVALID.
 */
int registry_bind(Registry **ret, Registry *previous, const char *device, const char *class, const char *profile,
        const char *home, RegistryError *ret_error);

/*
 * registry.export: the whole registry with ids, the site, and the number ceilings, in one text file (CSV sections),
 * written with fsync and rename. What a start without a usable database lives on.
 */
int registry_export_write(const Registry *, const char *path, const char *site, uint64_t incident_ceiling, uint64_t seq_ceiling);
/* Its text alone, for more than one file; the caller's. */
void registry_export_text(const Registry *, const char *site, uint64_t incident_ceiling,
        uint64_t seq_ceiling, char **ret, size_t *ret_size);
int registry_export_read(Registry **ret, const char *path, uint64_t *ret_incident_ceiling, uint64_t *ret_seq_ceiling,
        RegistryError *ret_error);
/* Only the ceilings, from its first row: the rest may be damaged. 0, REGISTRY_E_MISSING, REGISTRY_E_INVALID, or a negative errno. */
int registry_export_ceilings(const char *path, uint64_t *ret_incident_ceiling, uint64_t *ret_seq_ceiling);
