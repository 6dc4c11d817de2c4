/* SPDX-License-Identifier: Apache-2.0 */
/*
 * huyingctl import: read aside, judge, take, answer.
 *
 *      (none) ──import──▶ reading ──read──▶ refused: answered with its place
 *                          ▲   │       ├──▶ taken: answered after the commit
 *                          └───┼───────┴──▶ read again, when another registry came into force meanwhile
 *                              └──▶ given up, when whoever asked has left
 *
 * A code keeps the id that it has in the registry in force, and what is new gets one that was never used: ids that were
 * given beside an older registry could mean two things (a device that was bound meanwhile). So such a folder is read
 * again. A reading that nobody waits for is no obstacle to the next: its thread comes back when the disk does, and
 * changes nothing.
 */
#include "import.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

typedef struct Folder {
        char path[4096];
        Registry *previous, *registry;
        RegistryError error;
        int result;
} Folder;

static void folder_free(void *data)
{
        Folder *f = data;

        registry_unref(f->previous);
        registry_unref(f->registry);
        free(f);
}

static void folder_read(void *data)
{
        Folder *f = data;

        f->result = registry_read_csv(&f->registry, f->previous, f->path, &f->error);
}

static int refusal(const RegistryError *error, char **ret_json)
{
        char buffer[4096]; /* all of it escaped */
        Str s = STR_BUFFER(buffer);

        str_add(&s, "{\"result\":\"refused\",\"file\":");
        str_json(&s, error->file);
        str_addf(&s, ",\"line\":%u,\"column\":%u,\"text\":", error->line, error->column);
        str_json(&s, error->text);
        str_add(&s, "}");
        ASSERT(!s.full);
        *ret_json = strdup(buffer);
        return *ret_json ? 0 : error_origin(-ENOMEM);
}

static int refuse(const char *why, char **ret_json)
{
        RegistryError error = {0};

        (void)str_copy(error.text, sizeof(error.text), why); /* cut is fine */
        return refusal(&error, ret_json);
}

static void on_read(void *userdata, uint32_t revents);

/* Takes the folder over. */
static int start(Import *i, Folder *f)
{
        int r;

        ASSERT(!i->reading && !i->watch);
        registry_unref(f->previous);
        f->previous = registry_ref(i->in_force(i->userdata));
        r = aside_new(&i->reading, folder_read, folder_free, f);
        if (r == 0)
                r = loop_watch(
                        i->loop, &i->watch, aside_fd(i->reading), EPOLLIN, PORT_PRIORITY_OUT, on_read, i);
        if (r == 0)
                return 0;
        import_end(i);
        return error_trace(r);
}

static void answer_refused(Import *i, const RegistryError *error)
{
        _cleanup_(freep) char *json = NULL;

        if (refusal(error, &json) < 0)
                return; /* whoever waits hears nothing, as of a gateway that is gone */
        control_answer(i->control, i->hold, json);
}

static void on_read(void *userdata, uint32_t revents)
{
        Import *i = userdata;
        Folder *f = aside_take(TAKE_PTR(i->reading));
        int r = f->result;

        i->watch = loop_watch_free(i->watch);
        if (!control_waits(i->control, i->hold)) {
                log_notice("import: whoever asked has left, nothing is changed");
                folder_free(f);
                return;
        }
        if (r == 0 && f->previous != i->in_force(i->userdata)) {
                f->registry = registry_unref(f->registry);
                r = start(i, f);
                if (r == 0)
                        return;
                f = NULL;
        } else if (r == 0)
                r = i->take(i->userdata, TAKE_PTR(f->registry), i->hold, &f->error);
        if (r < 0) {
                RegistryError error = {0};

                (void)str_copy(error.text, sizeof(error.text), strerror(-r)); /* cut is fine */
                answer_refused(i, &error);
        } else if (r > 0)
                answer_refused(i, &f->error);
        if (f)
                folder_free(f);
}

int import_begin(Import *i, const char *folder, uint64_t hold, char **ret_json)
{
        Folder *f;
        int r;

        ASSERT(i && folder && ret_json);
        if (i->reading && control_waits(i->control, i->hold))
                return refuse("another import is under way: when its disk hangs, end that command first",
                        ret_json);
        import_end(i);
        f = calloc(1, sizeof(Folder));
        if (!f)
                return error_origin(-ENOMEM);
        if (!str_copy(f->path, sizeof(f->path), folder)) {
                folder_free(f);
                return refuse("the folder's name is too long", ret_json);
        }
        i->hold = hold;
        r = start(i, f);
        if (r < 0)
                return error_trace(r);
        *ret_json = NULL;
        return 0;
}

void import_end(Import *i)
{
        if (i->watch)
                i->watch = loop_watch_free(i->watch);
        i->reading = aside_drop(i->reading);
}
