/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * huyingctl: what the verbs share. A verb gets its own arguments (argv[0] is the verb) and returns an exit
 * code.
 *
 * Texts that people read are Chinese first, English second; --json prints what the gateway or the journal
 * says as it is.
 */
#include "config/config.h"
#include "store/audit.h"
#include "store/registry.h"
#include "tools/json.h"

#include <libsmartcols.h>

typedef enum Exit {
        EXIT_OK = 0,
        EXIT_ERROR = 1,
        EXIT_USAGE = 2,
        EXIT_NOT_WELL = 3, /* the answer is known, and it is not good */
} Exit;

typedef struct Ctl {
        const char *config_path;
        Config config;
        const char *as; /* worker code; NULL: not said */
        bool json, all, yes, call, unclaimed;
} Ctl;

/* "消息 / message" to standard error. */
void complain(const char *chinese, const char *english, ...) __attribute__((format(printf, 2, 3)));

/* The control socket (bus.c). */
typedef enum BusResult {
        BUS_OK,
        BUS_DOWN,
        BUS_FAILED
} BusResult; /* DOWN: nobody listens; FAILED: said why */
BusResult bus_call(const Ctl *, char **ret_json, const char *method, const char *signature, ...);
/* The same, and complains when nobody listens. */
Exit bus_ask(const Ctl *, char **ret_json, const char *method, const char *signature, ...);

/* Tables (table.c). Titles are "中文 ENGLISH"; right-aligned when they begin with '>'. */
typedef struct libscols_table Table;
Table *table_new(const char *const *titles);
void table_row(Table *, const char *const *cells); /* as many as there are titles; NULL: empty */
Exit table_print(Table *);                         /* frees it */

/* Words. */
const char *role_zh(const char *role);
const char *state_zh(const char *state);
const char *class_zh(const char *class);
/* Unix seconds as text to local time, "" when absent. */
void time_text(const char *seconds, char ret[20]);

int verb_status(Ctl *, int argc, char **argv);
int verb_list(Ctl *, int argc, char **argv);
int verb_show(Ctl *, int argc, char **argv);
int verb_verify(Ctl *, int argc, char **argv);
int verb_import(Ctl *, int argc, char **argv);
int verb_duty(Ctl *, int argc, char **argv);
int verb_act(Ctl *, int argc, char **argv);
int verb_drill(Ctl *, int argc, char **argv);
int verb_profile(Ctl *, int argc, char **argv);
int verb_devices(Ctl *, int argc, char **argv);
int verb_bind(Ctl *, int argc, char **argv);
