/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Signed checkpoints: C2SP signed-note with a C2SP tlog-checkpoint in it, Ed25519.
 *
 *   huying/<site>            origin, and name of the key
 *   4711                     number of leaves
 *   <base64 of the root>
 *   first 1                  journal row that is leaf 0
 *   time 1795833600          Unix seconds when it was signed, by the gateway's clock
 *   <empty line>
 *   — huying/<site> <base64 of key id[4] ‖ signature[64]>
 *
 * The signature is over everything before the empty line, with its line breaks. The key id is
 * SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key)[0..3]. A verifier key is "<name>+<key id, hex>+<base64 of 0x01 ‖ key>".
 */
#include "base/cleanup.h"
#include "store/tree.h"

#define NOTE_SIZE      1024 /* bytes of a note with NUL */
#define NOTE_KEY_SIZE  256  /* of a verifier key with NUL */
#define NOTE_NAME_SIZE 80

typedef struct Signer Signer;

typedef struct Checkpoint {
        char origin[NOTE_NAME_SIZE];
        uint64_t size, first;
        int64_t time_s;
        uint8_t root[HASH_SIZE];
} Checkpoint;

enum {
        NOTE_E_FORM = 1,      /* not a note of this kind */
        NOTE_E_KEY = 2,       /* not signed by this key */
        NOTE_E_SIGNATURE = 3, /* the signature does not fit the text */
};

/*
 * The signing key of this site: from $CREDENTIALS_DIRECTORY/checkpoint.key, else directory/checkpoint.key, which is
 * made (mode 0600) when there is none; directory/checkpoint.pub is written beside it. A negative errno, or
 * NOTE_E_FORM: the file holds no key for this site.
 */
int signer_open(Signer **ret, const char *directory, const char *site);
Signer *signer_free(Signer *); /* NULL */
DEFINE_CLEANUP(Signer *, signer_free)
/* One note. False: it does not fit (never with NOTE_SIZE). */
bool signer_sign(const Signer *, const Checkpoint *, char *ret, size_t cap);

/* Reads a note of our own, without a look at its signature. False: not a note of this kind. */
bool note_read(const char *note, Checkpoint *ret);
/* Reads a note and checks its signature. 0 or NOTE_E_X. */
int note_open(const char *note, const char *verifier_key, Checkpoint *ret);
/* Base64 of one hash, 45 bytes with NUL; and back. */
void note_hash(const uint8_t hash[HASH_SIZE], char ret[45]);
bool note_hash_read(const char *text, uint8_t ret[HASH_SIZE]);
