/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a target over files and folders: the corpora are tests, with any compiler. Exits 1 when nothing was run. */
#include "fuzz.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

DEFINE_CLEANUP(DIR *, closedir)

static int run_file(const char *path)
{
        _cleanup_(fclosep) FILE *f = fopen(path, "re");
        _cleanup_(freep) uint8_t *data = NULL;
        struct stat st;

        if (!f || fstat(fileno(f), &st) < 0)
                return -errno;
        data = malloc(st.st_size > 0 ? (size_t)st.st_size : 1);
        if (!data)
                return -ENOMEM;
        if (fread(data, 1, (size_t)st.st_size, f) != (size_t)st.st_size)
                return -EIO;
        (void)LLVMFuzzerTestOneInput(data, (size_t)st.st_size); /* always 0 */
        return 1;
}

/* The number of inputs that were run, or a negative errno. */
static int run(const char *path)
{
        _cleanup_(closedirp) DIR *dir = opendir(path);
        int n = 0;

        if (!dir)
                return errno == ENOTDIR ? run_file(path) : -errno;
        for (struct dirent *entry; (entry = readdir(dir));) {
                char file[PATH_MAX];
                int r;

                if (entry->d_name[0] == '.')
                        continue;
                (void)snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
                r = run_file(file);
                if (r < 0)
                        return r;
                n += r;
        }
        return n;
}

int main(int argc, char *argv[])
{
        int n = 0;

        for (int i = 1; i < argc; i++) {
                int r = run(argv[i]);

                if (r < 0) {
                        fprintf(stderr, "%s: %s\n", argv[i], strerror(-r));
                        return 1;
                }
                n += r;
        }
        printf("%d inputs\n", n);
        return n > 0 ? 0 : 1;
}
