/* SPDX-License-Identifier: Apache-2.0 */
#include "files.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <string.h>
#include <sys/stat.h>

DEFINE_CLEANUP(DIR *, closedir)

static const char *type_of(const char *name)
{
        static const struct {
                const char *suffix, *type;
        } types[] = {
                {".html", "text/html; charset=utf-8"},
                {".js", "text/javascript; charset=utf-8"},
                {".css", "text/css; charset=utf-8"},
                {".json", "application/json"},
                {".webmanifest", "application/manifest+json"},
                {".svg", "image/svg+xml"},
                {".png", "image/png"},
                {".txt", "text/plain; charset=utf-8"},
                {".wav", "audio/wav"},
                {".woff2", "font/woff2"},
        };
        size_t n = strlen(name);

        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
                size_t k = strlen(types[i].suffix);

                if (n > k && str_equal(name + n - k, types[i].suffix))
                        return types[i].type;
        }
        return NULL;
}

static bool name_is_plain(const char *name)
{
        size_t n = strlen(name);

        return n > 0 && n < FILE_NAME_SIZE && name[0] != '.' &&
               strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n;
}

static int file_load(int folder, const char *name, size_t most, char **ret, size_t *ret_size)
{
        _cleanup_(closep) int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        _cleanup_(freep) char *bytes = NULL;
        struct stat st;
        size_t n = 0;

        if (fd < 0 || fstat(fd, &st) < 0)
                return error_origin(-errno);
        if (!S_ISREG(st.st_mode))
                return error_origin(-EINVAL);
        if ((uint64_t)st.st_size > most)
                return error_origin(-EFBIG);
        bytes = malloc((size_t)st.st_size + 1);
        if (!bytes)
                return error_origin(-ENOMEM);
        while (n < (size_t)st.st_size) {
                ssize_t k = read(fd, bytes + n, (size_t)st.st_size - n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        return error_origin(k < 0 ? -errno : -EIO);
                n += (size_t)k;
        }
        *ret_size = n;
        *ret = TAKE_PTR(bytes);
        return 0;
}

static void tag_write(File *f)
{
        unsigned char hash[SHA256_DIGEST_LENGTH];
        Str tag = STR_BUFFER(f->tag), gzip = STR_BUFFER(f->gzip_tag);

        SHA256((const unsigned char *)f->bytes, f->size, hash);
        str_add(&tag, "\"");
        str_add(&gzip, "\"");
        for (size_t i = 0; i < 12; i++) {
                str_addf(&tag, "%02x", hash[i]);
                str_addf(&gzip, "%02x", hash[i]);
        }
        str_add(&tag, "\"");
        str_add(&gzip, "-gz\"");
        ASSERT(!tag.full && !gzip.full);
}

static int file_add(Files *files, int folder, const char *name)
{
        File *f = &files->items[files->n];
        char gzip[FILE_NAME_SIZE + 4];
        Str s = STR_BUFFER(gzip);
        int r = file_load(folder, name, FILES_BYTES - files->bytes, &f->bytes, &f->size);

        if (r < 0)
                return error_trace(r);
        files->n++;
        files->bytes += f->size;
        (void)str_copy(f->name, sizeof(f->name), name); /* name_is_plain(): it fits */
        f->type = type_of(name);
        tag_write(f);
        str_addf(&s, "%s.gz", name);
        if (file_load(folder, gzip, FILES_BYTES - files->bytes, &f->gzip, &f->gzip_size) < 0)
                f->gzip_size = 0; /* there need be none */
        files->bytes += f->gzip_size;
        return 0;
}

int files_read(Files *ret, const char *folder)
{
        _cleanup_(closedirp) DIR *dir = opendir(folder);
        struct dirent *entry;

        ASSERT(ret && folder);
        *ret = (Files){0};
        if (!dir)
                return error_origin(-errno);
        while ((entry = readdir(dir))) {
                if (!name_is_plain(entry->d_name) || !type_of(entry->d_name))
                        continue; /* also the compressed forms, which are looked for by name */
                if (ret->n == FILES_MAX) {
                        log_warning("%s: more than %d files; the rest is not served", folder, FILES_MAX);
                        break;
                }
                if (file_add(ret, dirfd(dir), entry->d_name) < 0)
                        log_warning(
                                "%s/%s: cannot be read, or is too large; not served", folder, entry->d_name);
        }
        return 0;
}

void files_clear(Files *files)
{
        for (uint32_t i = 0; i < files->n; i++) {
                free(files->items[i].bytes);
                free(files->items[i].gzip);
        }
        *files = (Files){0};
}

const File *files_find(const Files *files, const char *name)
{
        for (uint32_t i = 0; i < files->n; i++)
                if (str_equal(files->items[i].name, name))
                        return &files->items[i];
        return NULL;
}
