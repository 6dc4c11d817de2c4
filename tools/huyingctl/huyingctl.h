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

/* Options of the auditor's verbs; a flag without a value is "". */
typedef enum Option {
        OPTION_FROM,
        OPTION_TO,
        OPTION_INCIDENT,
        OPTION_CHECKPOINT,
        OPTION_KEY,
        OPTION_RESIDENT,
        OPTION_DWELLING,
        OPTION_DEVICE,
        OPTION_WORKER,
        OPTION_GRID,
        OPTION_SINCE,
        OPTION_UNTIL,
        OPTION_KIND,
        OPTION_OUTCOME,
        OPTION_OPEN,
        OPTION_LATE,
        OPTION_EVENTS,
        OPTION_ACCESS,
        OPTION_CSV,
        OPTION_JSONL,
        OPTION_UNMASK,
        OPTION_REASON,
        OPTION_ROLE,
        OPTION_PSEUDONYMISE,
        OPTION_MONTH,
        OPTION_BY,
        OPTION_FORMAT,
        OPTION_OUTPUT,
        OPTION_NO_PAGER,
        OPTION_CHECK,
        OPTION_ARCHIVE,
        OPTION_SERVICE,
        OPTION_RATING,
        OPTION_DAY,
        OPTION_PUBLIC,
        OPTION_MAX,
} Option;

typedef struct Ctl {
        const char *config_path;
        Config config;
        const char *as; /* worker code; NULL: not said */
        const char *option[OPTION_MAX]; /* NULL: not given */
        uint64_t answer_us;             /* how long to wait for the gateway's answer; 0: as usual */
        bool unmasked;                  /* names may be shown: journaled by unmask() */
        const char *accounts, *keys, *app; /* enroll, revoke; NULL: not said */
        const char *authority, *crl;       /* the same, for certificates */
        bool cert;                         /* enroll: a certificate, no password */
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

/* What auditors do not get to see unasked (mask.c): "张虚构" → "张*构". */
void mask_name(const char *name, char *ret, size_t cap);
/* The name, masked unless ctl->unmasked. */
const char *name_shown(const Ctl *, const char *name, char *buffer, size_t cap);
/* With --unmask: has the access journaled by the gateway, with --role and --reason, before anything is shown.
 * resident: whose data, "" when many. Without: EXIT_OK, and names stay masked. */
Exit unmask(Ctl *, const char *what, const char *resident);
/* What may name people was read without names being asked for (notes, in an export; who has looked): journaled where the
 * gateway runs. resident: whose data, "" when many. */
void access_note(const Ctl *, const char *what, const char *resident);
/* The journal, or a complaint. */
Exit journal_open(const Ctl *, Audit **ret);

/* Tables (table.c). Titles are "中文 ENGLISH"; right-aligned when they begin with '>'. */
typedef struct libscols_table Table;
#define table_new column_table_new /* the engine has a function of this name */
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
int verb_replay(Ctl *, int argc, char **argv);
/* An action in the name of --as, or of the one desk; `more` are members of its JSON, each with a comma before it. */
Exit act_as(const Ctl *, const char *action, const char *more);
int verb_unprotected(Ctl *, int argc, char **argv);
int verb_care(Ctl *, int argc, char **argv);
int verb_import(Ctl *, int argc, char **argv);
int verb_duty(Ctl *, int argc, char **argv);
int verb_act(Ctl *, int argc, char **argv);
int verb_drill(Ctl *, int argc, char **argv);
int verb_request(Ctl *, int argc, char **argv);
int verb_request_act(Ctl *, int argc, char **argv);
int verb_requests(Ctl *, int argc, char **argv);
int verb_visit(Ctl *, int argc, char **argv);
int verb_visits(Ctl *, int argc, char **argv);
int verb_audit(Ctl *, int argc, char **argv);
int verb_kpi(Ctl *, int argc, char **argv);
int verb_report(Ctl *, int argc, char **argv);
int verb_prove(Ctl *, int argc, char **argv);
int verb_archive(Ctl *, int argc, char **argv);
int verb_salvage(Ctl *, int argc, char **argv);
int verb_export(Ctl *, int argc, char **argv);
int verb_erase(Ctl *, int argc, char **argv);
int verb_backup(Ctl *, int argc, char **argv);
int verb_restore(Ctl *, int argc, char **argv);
int verb_profile(Ctl *, int argc, char **argv);
int verb_devices(Ctl *, int argc, char **argv);
int verb_bind(Ctl *, int argc, char **argv);
int verb_enroll(Ctl *, int argc, char **argv);
int verb_revoke(Ctl *, int argc, char **argv);
int verb_vitals(Ctl *, int argc, char **argv);
int verb_doctor(Ctl *, int argc, char **argv);
