/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ceiling: what the disk can take. Appends records and flushes each group with fdatasync().
 *
 *   bench-append FILE RECORDS BYTES GROUP   prints records per second
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"

int main(int argc, char **argv)
{
        static char record[65536];
        uint32_t n, size, group;
        uint64_t from;
        int fd;

        if (argc != 5 || !parse_u32(argv[2], 100000000, &n) || !parse_u32(argv[3], sizeof(record), &size) ||
                !parse_u32(argv[4], 1000000, &group) || group == 0)
                return 2;
        memset(record, 'x', sizeof(record));
        fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0)
                return 1;
        from = clock_now().boot_us;
        for (uint32_t i = 0; i < n; i++) {
                if (write(fd, record, size) != (ssize_t)size)
                        return 1;
                if ((i + 1) % group == 0 && fdatasync(fd) < 0)
                        return 1;
        }
        (void)printf("%.1f\n", n / ((double)(clock_now().boot_us - from) / 1e6));
        (void)close(fd);
        return 0;
}
