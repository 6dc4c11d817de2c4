/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Rows as lines of JSON, and the options that verify, prove, export and archive share. */
#include "tools/huyingctl/huyingctl.h"
#include "store/proof.h"

#include "base/str.h"

#define LINE_SIZE (256u * 1024)

/* --key: a verifier key or a file with one; else the one beside the journal. "" when there is none. */
Exit key_get(const Ctl *, char ret[NOTE_KEY_SIZE]);
/* --checkpoint: a note whose signature fits, or what an alert carried. */
Exit checkpoint_get(const Ctl *, const char *key, Checkpoint *ret);
Exit number_option(const Ctl *, Option, uint64_t *ret);

/* ,"name":"hexadecimal" or null. */
void add_hex(Str *, const char *name, const uint8_t *bytes, size_t n);
/* The members of one row. */
void add_record(Str *, const ProofRow *, bool content);
/* Rows from … to, with head and checkpoints; both must be there. 0 or a negative errno. */
int export_write(const Ctl *, Audit *, const char *key, uint64_t from, uint64_t to, FILE *out);
/* --archive: proves the file, prints what was found. */
Exit archive_verify(const Ctl *, const char *path);
