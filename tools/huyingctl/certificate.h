/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Certificates of devices, by the site's own authority. See certificate.c. */
#include "tools/huyingctl/huyingctl.h"

typedef struct Issued {
        char certificate[600], key[600]; /* the files that were written */
} Issued;

/* A file of the folder of secrets, which lies beside the configuration. */
const char *credential_path(const Ctl *, const char *name, char ret[static 600]);
/* Folder of the authority: ca.crt, ca.key, issued, revoked. */
const char *certificate_folder(const Ctl *);
/* Makes FOLDER/CODE.crt and CODE.key; what was issued to this code before is revoked. 0, or a negative errno after a
 * complaint. */
int certificate_issue(const Ctl *, const char *code, Issued *ret);
/* Every certificate of this code goes onto the list. *ret_was: there was one. 0, or a negative errno after a complaint. */
int certificate_revoke(const Ctl *, const char *code, bool *ret_was);
