/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name server that does not answer, for LD_PRELOAD: looking up a name (an address is no name) does not come back to
 * the thread that asked. glibc's own getaddrinfo_a() does not pass here, and finds the name.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <unistd.h>

static int is_address(const char *text)
{
        unsigned char bytes[16];

        return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

__attribute__((visibility("default"))) int getaddrinfo(
        const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
        static int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

        if (!next)
                *(void **)&next = dlsym(RTLD_NEXT, "getaddrinfo");
        if (node && !is_address(node) && !(hints && hints->ai_flags & AI_NUMERICHOST)) {
                const char *path = getenv("NAME_HANG_NOTE");
                int fd = path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;

                if (fd >= 0)
                        close(fd);
                for (;;)
                        pause();
        }
        return next(node, service, hints, ret);
}
