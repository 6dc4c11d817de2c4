/* SPDX-License-Identifier: Apache-2.0 */
/* The registry's CSV files. The first byte says which of them the rest is; the others are a small sound registry. */
#include "store/registry.h"

#include "fuzz.h"

#include "base/assert.h"
#include "base/str.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
        const char *name, *text;
} files[] = {
        {"grids.csv", "grid,name,parent\ng1,示例,\n"},
        {"dwellings.csv", "dwelling,grid,building,floor,address,access\nh1,g1,1号楼,1,示例路1号,\n"},
        {"residents.csv",
                "resident,dwelling,name,birth,phone,notes\nr1,h1,张虚构,1940-01-01,000-0000-0101,\n"},
        {"devices.csv", "device,class,profile,dwelling,resident,beat\nd1,button,,h1,r1,\n"},
        {"workers.csv", "worker,name,phone,role,scope,client\nw1,示例,000-0000-1001,worker,g1,app\n"},
        {"duty.csv", "worker,days,from,to,valid_from,valid_to\nw1,daily,00:00,24:00,,\n"},
        {"overrides.csv", NULL},
        {"holidays.csv", NULL},
        {"rules.csv", NULL},
};

#define FILES (sizeof(files) / sizeof(files[0]))

static void file_write(const char *folder, const char *name, const void *bytes, size_t n)
{
        char path[128];
        FILE *f;

        (void)snprintf(path, sizeof(path), "%s/%s", folder, name); /* fits */
        f = fopen(path, "we");
        ASSERT(f && fwrite(bytes, 1, n, f) == n);
        ASSERT(fclose(f) == 0);
}

static void folder_remove(const char *folder)
{
        char path[128];

        for (size_t i = 0; i < FILES; i++) {
                (void)snprintf(path, sizeof(path), "%s/%s", folder, files[i].name);
                (void)unlink(path); /* not all are there */
        }
        ASSERT(rmdir(folder) == 0);
}

/* Taken whole, or refused with a place and one line of UTF-8. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char folder[] = "/tmp/huying-fuzz-registry-XXXXXX";
        RegistryError error = {0};
        Registry *r = NULL;
        int result;

        if (size == 0)
                return 0;
        ASSERT(mkdtemp(folder));
        for (size_t i = 0; i < FILES; i++)
                if (i == data[0] % FILES)
                        file_write(folder, files[i].name, data + 1, size - 1);
                else if (files[i].text)
                        file_write(folder, files[i].name, files[i].text, strlen(files[i].text));
        result = registry_read_csv(&r, NULL, folder, &error);
        ASSERT(result == 0 || result == REGISTRY_E_INVALID);
        if (result == REGISTRY_E_INVALID) {
                ASSERT(!r && error.text[0]);
                ASSERT(memchr(error.text, 0, sizeof(error.text)) && !strchr(error.text, '\n'));
                ASSERT(str_utf8(error.text, strlen(error.text)));
        } else
                for (uint32_t i = 1; i < r->n_devices; i++)
                        ASSERT(!registry_device(r, i) || str_code(r->devices[i].code));
        registry_unref(r);
        folder_remove(folder);
        return 0;
}
