/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Reads the journal of a live or stopped gateway for auditors and operators, and proves it.
 *
 * For another process than huyingd: opens journal.db with mode=ro, which can neither write nor checkpoint (a second
 * writer can corrupt a WAL database in SQLite before 3.51.3). Reads in slices of 20,000 rows, because one long read
 * would keep the write-ahead log from being reused.
 */
#include "base/cleanup.h"
#include "engine/engine.h"

typedef struct Audit Audit;

enum { AUDIT_E_NONE = 1 }; /* there is no journal.db, or it cannot be read: see *ret_why */

/* ret_why: one English line, at least 128 bytes; filled with AUDIT_E_NONE. */
int audit_open(Audit **ret, const char *state_directory, char ret_why[128]);
/* Any file of ours: a backup, an archive. */
int audit_open_file(Audit **ret, const char *path, char ret_why[128]);
Audit *audit_free(Audit *); /* NULL */
DEFINE_CLEANUP(Audit *, audit_free)

/* One row of the journal. Pointers are valid during the call. */
typedef struct AuditRow {
        uint64_t seq, incident; /* incident 0: none */
        JournalKind kind;
        int64_t t_us;
        uint64_t tb_us;
        uint32_t boot;
        uint8_t time_quality;
        const char *body; /* UTF-8 JSON; NULL: lawfully erased */
        size_t body_size;
} AuditRow;

/* Rows of one incident (0: of all) with first <= seq <= last, in order. fn returns false to stop. */
int audit_rows(Audit *, uint64_t incident, uint64_t first, uint64_t last,
        bool (*fn)(void *userdata, const AuditRow *), void *userdata);
/* State rows of incidents, newest first: all, or those not closed. The blob is left out. */
int audit_incidents(Audit *, bool all, bool (*fn)(void *userdata, const StateRow *), void *userdata);
/* One incident's state row. False: no such incident. */
bool audit_incident(Audit *, uint64_t incident, StateRow *ret);
/* The registry as the database holds it; one reference. */
int audit_registry(Audit *, Registry **ret);

/* A value of a query; what a number is not is 0, what is no text has its spelling. */
typedef struct AuditCell {
        bool null;
        int64_t number;
        double real;
        const char *text; /* NULL in an argument: the number counts */
        size_t n;
} AuditCell;

/* Whether numbers get their spelling too (at first they do): for a million rows it is what costs most. */
void audit_spell(Audit *, bool spell);
/* Any reading SQL, in one transaction: for what touches few rows. fn returns false to stop. 0 or a negative errno. */
int audit_query(Audit *, const char *sql, const AuditCell *args, unsigned n_args,
        bool (*fn)(void *userdata, const AuditCell *cells), void *userdata);
/* The same for numbers from … to, which the SQL takes as BETWEEN ?1 AND ?2 (the arguments are ?3 …), one transaction
 * for each 20,000 of them, so that the writer's log can be reused in between. */
int audit_query_slices(Audit *, const char *sql, uint64_t from, uint64_t to, const AuditCell *args,
        unsigned n_args, bool (*fn)(void *userdata, const AuditCell *cells), void *userdata);

typedef struct AuditVerdict {
        bool good;
        uint64_t first, last; /* rows looked at */
        uint64_t erased;      /* of them without a body */
        uint64_t bad;         /* !good: the first row that does not fit */
        char why[128];        /* … and why, one English line */
        char head[65];        /* hash of the last row, hexadecimal */
} AuditVerdict;

/* Recomputes the chain of rows first … last (UINT64_MAX: the last one there is). */
int audit_verify(Audit *, uint64_t first, uint64_t last, AuditVerdict *ret);
