/* SPDX-License-Identifier: Apache-2.0 */
#include "store/numbers.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX 256

static int write_all(int fd, const char *p, size_t n)
{
        while (n > 0) {
                ssize_t done = write(fd, p, n);

                if (done < 0 && errno == EINTR)
                        continue;
                if (done < 0)
                        return error_origin(-errno);
                p += done;
                n -= (size_t)done;
        }
        return 0;
}

static int directory_sync(const char *path)
{
        _cleanup_(freep) char *folder = strdup(path);
        _cleanup_(closep) int fd = -1;
        char *slash;

        if (!folder)
                return error_origin(-ENOMEM);
        slash = strrchr(folder, '/');
        if (slash)
                slash[slash == folder ? 1 : 0] = 0;
        fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fsync(fd) < 0)
                return error_origin(-errno);
        return 0;
}

int file_replace(const char *path, const void *bytes, size_t n)
{
        _cleanup_(freep) char *draft = NULL;
        _cleanup_(closep) int fd = -1;
        int r;

        ASSERT(path && bytes);
        if (asprintf(&draft, "%s.new", path) < 0) {
                draft = NULL;
                return error_origin(-ENOMEM);
        }
        fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return error_origin(-errno);
        r = write_all(fd, bytes, n);
        if (r == 0 && (fsync(fd) < 0 || rename(draft, path) < 0))
                r = error_origin(-errno);
        if (r < 0) {
                (void)unlink(draft); /* a half draft is of no use; the next one replaces it anyway */
                return error_trace(r);
        }
        r = directory_sync(path);
        return r < 0 ? error_trace(r) : 0;
}

static void text_digest(Str *s)
{
        unsigned char digest[32];

        ASSERT(EVP_Digest(s->p, s->n, digest, NULL, EVP_sha256(), NULL) == 1);
        for (unsigned i = 0; i < sizeof(digest); i++)
                str_addf(s, "%02x", digest[i]);
        str_add(s, "\n");
}

static void text_make(Str *s, uint64_t incident_ceiling, uint64_t seq_ceiling)
{
        str_addf(s, "huying-numbers 1 %" PRIu64 " %" PRIu64 " ", incident_ceiling, seq_ceiling);
        text_digest(s);
        ASSERT(!s->full);
}

int numbers_write(const char *path, uint64_t incident_ceiling, uint64_t seq_ceiling)
{
        _cleanup_(freep) char *name = NULL;
        char text[TEXT_MAX];
        Str s = STR_BUFFER(text);
        int r;

        if (asprintf(&name, "%s.numbers", path) < 0) {
                name = NULL;
                return error_origin(-ENOMEM);
        }
        text_make(&s, incident_ceiling, seq_ceiling);
        r = file_replace(name, text, s.n);
        return r < 0 ? error_trace(r) : 0;
}

void numbers_drop(const char *path)
{
        _cleanup_(freep) char *name = NULL;

        if (asprintf(&name, "%s.numbers", path) < 0)
                name = NULL;
        else
                (void)unlink(name); /* there may be none; one that stays is older, and the greater counts */
}

int numbers_read(const char *path, uint64_t *ret_incident_ceiling, uint64_t *ret_seq_ceiling)
{
        _cleanup_(freep) char *name = NULL;
        _cleanup_(closep) int fd = -1;
        char text[TEXT_MAX] = "", again[TEXT_MAX], *rest = again, *words[4];
        uint64_t incident, seq;
        Str s = STR_BUFFER(again);
        ssize_t n;

        if (asprintf(&name, "%s.numbers", path) < 0) {
                name = NULL;
                return error_origin(-ENOMEM);
        }
        fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return errno == ENOENT ? NUMBERS_E_MISSING : error_origin(-errno);
        n = read(fd, text, sizeof(text) - 1);
        if (n < 0)
                return error_origin(-errno);
        (void)str_copy(again, sizeof(again), text); /* as long */
        for (unsigned i = 0; i < 4; i++)
                words[i] = parse_word(&rest);
        if (!words[3] || !parse_u64(words[2], &incident) || !parse_u64(words[3], &seq))
                return NUMBERS_E_DAMAGED;
        text_make(&s, incident, seq); /* there is one way to write them */
        if ((size_t)n != s.n || memcmp(text, again, s.n) != 0)
                return NUMBERS_E_DAMAGED;
        *ret_incident_ceiling = incident;
        *ret_seq_ceiling = seq;
        return 0;
}
