/* SPDX-License-Identifier: Apache-2.0 */
#include "devices.h"

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

struct Devices {
        Profiles *profiles;
        void *map;
        size_t size;
};

/*
 * Without it everything works, only that after a restart a level that was known is not: then it is raised again. In the
 * runtime folder, because a mapped page of a disk that hangs would stop the loop: a reboot forgets.
 */
static void levels_map(Devices *d, const char *directory)
{
        _cleanup_(closep) int fd = -1;
        char path[600];
        Str s = STR_BUFFER(path);
        void *map;

        str_addf(&s, "%s/levels", directory);
        ASSERT(!s.full);
        d->size = levels_memory_size();
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        /* Allocated now: a page that finds no room later would end us. */
        if (fd < 0 || ftruncate(fd, (off_t)d->size) < 0 || posix_fallocate(fd, 0, (off_t)d->size) != 0) {
                log_warning("%s cannot be used: levels will not be remembered over a restart", path);
                return;
        }
        map = mmap(NULL, d->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (map == MAP_FAILED) {
                log_warning("%s cannot be mapped: levels will not be remembered over a restart", path);
                return;
        }
        d->map = map;
        levels_memory(profiles_levels(d->profiles), map, d->size);
        /* A new file was written whole. Its pages are the cache's; only those that change are ours to hold. */
        (void)madvise(map, d->size, MADV_DONTNEED);
        (void)madvise(map, d->size, MADV_RANDOM);
}

int devices_new(Devices **ret, const Config *config)
{
        Devices *d = calloc(1, sizeof(*d));
        ProfileError error = {0};
        int r;

        if (!d)
                return error_origin(-ENOMEM);
        r = profiles_new(&d->profiles);
        if (r == 0)
                r = profiles_load(d->profiles, config->mqtt_profiles, &error);
        if (r == PROFILE_E_INVALID) {
                if (error.line)
                        log_err("%s:%u: %s", error.file, error.line, error.text);
                else
                        log_err("%s: %s", error.file, error.text);
        }
        if (r != 0) {
                devices_free(d);
                return r < 0 ? error_trace(r) : DEVICES_E_REFUSED;
        }
        levels_map(d, config->runtime_directory);
        *ret = d;
        return 0;
}

Devices *devices_free(Devices *d)
{
        if (!d)
                return NULL;
        profiles_free(d->profiles);
        if (d->map)
                (void)munmap(d->map, d->size); /* whole mapping: cannot fail */
        free(d);
        return NULL;
}

void devices_profiled(
        Registry *registry, const char *profile, void (*fn)(void *, const char *device), void *arg)
{
        _cleanup_(registry_unrefp) Registry *r = registry_ref(registry); /* fn may run turns */

        for (uint32_t id = 1; id < r->n_devices; id++) {
                const Device *d = registry_device(r, id);

                if (d && str_equal(d->profile, profile))
                        fn(arg, d->code);
        }
}

Profiles *devices_profiles(Devices *d)
{
        return d->profiles;
}

int devices_unclaimed(const Mqtt *mqtt, char **ret_json)
{
        const size_t cap = 2u << 20; /* a thousand of them, every letter escaped */
        Str s = {.p = malloc(cap), .cap = cap};

        if (!s.p)
                return error_origin(-ENOMEM);
        if (mqtt)
                mqtt_unclaimed(mqtt, &s);
        else
                str_add(&s, "[]");
        ASSERT(!s.full);
        *ret_json = s.p;
        return 0;
}

/* What a device that raises this kind of alarm is, as a rule. */
static const char *class_of(const char *kind)
{
        static const char *const classes[][2] = {{"sos", "button"}, {"cancel", "button"}, {"smoke", "smoke"},
                {"smoke_clear", "smoke"}, {"heat", "smoke"}, {"heat_clear", "smoke"}, {"gas", "gas"},
                {"gas_clear", "gas"}, {"co", "gas"}, {"co_clear", "gas"}};

        for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++)
                if (str_equal(classes[i][0], kind))
                        return classes[i][1];
        return "sensor";
}

int devices_bind(const Mqtt *mqtt, Registry **ret, Registry *registry, const char *device, const char *home,
        const char *class, const char *profile, Str *json)
{
        char heard[CODE_SIZE] = "", kind[WORD_SIZE] = "";
        bool known = registry_device(registry, registry_device_id(registry, device)) != NULL;
        RegistryError error;
        const Device *d;

        if (mqtt && !known)
                (void)mqtt_heard(
                        mqtt, device, heard, kind); /* nor need it have been: it may come tomorrow */
        if (!class[0] && !known)
                class = class_of(kind);
        if (!profile[0])
                profile = heard;
        if (registry_bind(ret, registry, device, class, profile, home, &error) != 0) {
                str_add(json, "{\"result\":\"refused\",\"text\":");
                str_json(json, error.text);
                str_add(json, "}");
                return DEVICES_E_REFUSED;
        }
        d = registry_device(*ret, registry_device_id(*ret, device));
        str_add(json, "{\"result\":\"ok\",\"device\":");
        str_json(json, device);
        str_addf(json, ",\"class\":\"%s\",\"profile\":", device_class_word(d->class));
        str_json(json, d->profile);
        str_add(json, ",\"home\":");
        str_json(json, home);
        str_add(json, "}");
        return 0;
}
