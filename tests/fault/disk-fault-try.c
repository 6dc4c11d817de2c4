/* SPDX-License-Identifier: Apache-2.0 */
/* Does what it is told to a file, one word an argument, and prints the result of each: "ok" or the error's name. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
        int fd = -1;

        if (argc < 3)
                return 2;
        for (int i = 2; i < argc; i++) {
                const char *what = argv[i];
                int r = -1;

                if (strcmp(what, "open") == 0)
                        r = fd = open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
                else if (strcmp(what, "append") == 0)
                        r = lseek(fd, 0, SEEK_END) < 0 ? -1 : (int)write(fd, "0123456789", 10) - 10;
                else if (strcmp(what, "rewrite") == 0)
                        r = (int)pwrite(fd, "abcdefghij", 10, 0) - 10;
                else if (strcmp(what, "fsync") == 0)
                        r = fsync(fd);
                else if (strcmp(what, "fdatasync") == 0)
                        r = fdatasync(fd);
                else if (strcmp(what, "truncate") == 0)
                        r = ftruncate(fd, 0);
                else if (strcmp(what, "unlink") == 0)
                        r = unlink(argv[1]);
                (void)printf("%s %s\n", what, r >= 0 ? "ok" : strerrorname_np(errno));
        }
        return fflush(stdout) == 0 ? 0 : 1;
}
