/* SPDX-License-Identifier: Apache-2.0 */
/* Names are shown to those who say why, and the journal remembers that they did. */
#include "tools/huyingctl/huyingctl.h"

#include "base/str.h"

#include <string.h>

/* Bytes of the character at s; malformed bytes count one each. */
static size_t character(const char *s)
{
        size_t n = 1;

        while (((unsigned char)s[n] & 0xc0) == 0x80)
                n++;
        return n;
}

void mask_name(const char *name, char *ret, size_t cap)
{
        Str s = {.p = ret, .cap = cap};
        size_t n, last = 0, count = 0;

        ret[0] = 0;
        if (!name || !name[0])
                return;
        for (size_t at = 0; name[at]; at += character(name + at)) {
                last = at;
                count++;
        }
        n = character(name);
        str_addn(&s, name, n);
        str_add(&s, "*");
        if (count > 2)
                str_add(&s, name + last);
}

const char *name_shown(const Ctl *ctl, const char *name, char *buffer, size_t cap)
{
        if (ctl->unmasked)
                return name ? name : "";
        mask_name(name, buffer, cap);
        return buffer;
}

Exit unmask(Ctl *ctl, const char *what, const char *resident)
{
        _cleanup_(freep) char *json = NULL;
        const char *role = ctl->option[OPTION_ROLE], *reason = ctl->option[OPTION_REASON];
        char result[32] = "";
        Exit e;

        if (!ctl->option[OPTION_UNMASK])
                return EXIT_OK;
        if (!role || !role[0] || !reason || !reason[0]) {
                complain("--unmask 须同时写明 --role 与 --reason", "--unmask needs --role and --reason");
                return EXIT_USAGE;
        }
        e = bus_ask(ctl, &json, "Access", "ssss", role, reason, what, resident);
        if (e != EXIT_OK)
                return e; /* what cannot be recorded is not shown */
        (void)json_text(json, strlen(json), "$.result", result, sizeof(result)); /* else it is no "ok" */
        if (!str_equal(result, "ok")) {
                complain("未获准", "not granted: %s", json);
                return EXIT_ERROR;
        }
        ctl->unmasked = true;
        return EXIT_OK;
}

void access_note(const Ctl *ctl, const char *what, const char *resident)
{
        _cleanup_(freep) char *json = NULL;
        const char *role = ctl->option[OPTION_ROLE], *reason = ctl->option[OPTION_REASON];

        if (bus_call(ctl, &json, "Access", "ssss", role && role[0] ? role : "-", reason && reason[0] ? reason : "-",
                    what, resident) != BUS_OK)
                complain("网关没有运行，这次查看没有记入台账", "the gateway does not run: that this was read is not recorded");
}
