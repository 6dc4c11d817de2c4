/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/huyingctl/huyingctl.h"

#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>

/* An answer that waits for the disk may take long; the gateway's own watch over the disk is 2 s. */
#define ANSWER_US (25 * USEC_PER_SEC)

/* A connected socket, or a negative errno. */
static int dial(const Ctl *ctl)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        Str path = STR_BUFFER(address.sun_path);
        int fd, r;

        str_addf(&path, "%s/control", ctl->config.runtime_directory);
        if (path.full)
                return -ENAMETOOLONG;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
                return fd;
        r = -errno;
        close(fd);
        return r;
}

static BusResult bus_open(const Ctl *ctl, sd_bus **ret)
{
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        int fd = dial(ctl), r;

        if (fd == -ENOENT || fd == -ECONNREFUSED)
                return BUS_DOWN;
        if (fd == -EACCES) {
                complain("无权访问：须是 root、守护进程的用户或其组成员",
                        "not allowed: root, the daemon's user, or its group");
                return BUS_FAILED;
        }
        if (fd < 0) {
                complain("连不上网关", "%s/control: %s", ctl->config.runtime_directory, strerror(-fd));
                return BUS_FAILED;
        }
        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_fd(bus, fd, fd);
        if (r < 0)
                close(fd);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r < 0) {
                complain("连不上网关", "%s", strerror(-r));
                return BUS_FAILED;
        }
        *ret = TAKE_PTR(bus);
        return BUS_OK;
}

static void complain_call(int r, const sd_bus_error *error)
{
        if (r == -ETIMEDOUT)
                complain("没有答复：可能没有记录下来，请用 show 核对",
                        "no answer: perhaps not recorded, look with show");
        else if (sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY) || r == -ECONNRESET || r == -ENOTCONN)
                complain("网关断开了连接", "the gateway has closed the connection");
        else
                complain("网关拒绝", "%s", error->message ? error->message : strerror(-r));
}

static BusResult call(const Ctl *ctl, char **ret_json, const char *method, const char *signature, va_list ap)
{
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *answer = NULL;
        sd_bus_error error = SD_BUS_ERROR_NULL;
        BusResult result;
        const char *text;
        int r;

        result = bus_open(ctl, &bus);
        if (result != BUS_OK)
                return result;
        r = sd_bus_message_new_method_call(
                bus, &m, NULL, "/org/huying/Gateway1", "org.huying.Gateway1", method);
        if (r >= 0 && signature[0])
                r = sd_bus_message_appendv(m, signature, ap);
        if (r >= 0)
                r = sd_bus_call(bus, m, ctl->answer_us ? ctl->answer_us : ANSWER_US, &error, &answer);
        if (r >= 0)
                r = sd_bus_message_read(answer, "s", &text);
        if (r >= 0) {
                *ret_json = strdup(text);
                r = *ret_json ? 0 : -ENOMEM;
        }
        if (r < 0)
                complain_call(r, &error);
        sd_bus_error_free(&error);
        return r < 0 ? BUS_FAILED : BUS_OK;
}

BusResult bus_call(const Ctl *ctl, char **ret_json, const char *method, const char *signature, ...)
{
        BusResult result;
        va_list ap;

        va_start(ap, signature);
        result = call(ctl, ret_json, method, signature, ap);
        va_end(ap);
        return result;
}

Exit bus_ask(const Ctl *ctl, char **ret_json, const char *method, const char *signature, ...)
{
        BusResult result;
        va_list ap;

        va_start(ap, signature);
        result = call(ctl, ret_json, method, signature, ap);
        va_end(ap);
        if (result == BUS_DOWN)
                complain("网关没有运行", "the gateway does not run (nobody at %s/control)",
                        ctl->config.runtime_directory);
        return result == BUS_OK ? EXIT_OK : EXIT_ERROR;
}
