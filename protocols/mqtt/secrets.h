/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the connections to the broker need from files: the password, and for TLS the authorities and our certificate.
 * Read at the start and at a reload, by whoever may wait for a disk; a connection that dials needs none of the files.
 */
#include "config/config.h"

typedef struct Secrets {
        char password[256]; /* "": none */
        void *tls;          /* SSL_CTX; NULL: no TLS */
} Secrets;

/* On any thread. 0; SECRETS_E_INVALID with the reason, one English line; or a negative errno. */
enum { SECRETS_E_INVALID = 1 };
int secrets_read(Secrets **ret, const Config *, char ret_why[256]);
Secrets *secrets_free(Secrets *); /* wipes; NULL. Connections keep a reference on the SSL_CTX */
DEFINE_CLEANUP(Secrets *, secrets_free)
