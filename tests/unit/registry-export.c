/* SPDX-License-Identifier: Apache-2.0 */
/* registry.export: there and back, and no damage that goes unseen. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store/numbers.h"
#include "store/registry-build.h"
#include "tests/lib/unit.h"

static char folder[64], path[96];

static int setup(void **state)
{
        (void)snprintf(folder, sizeof(folder), "/tmp/huying-export-XXXXXX");
        assert_non_null(mkdtemp(folder));
        (void)snprintf(path, sizeof(path), "%s/registry.export", folder);
        return 0;
}

static int teardown(void **state)
{
        char numbers[112];

        (void)snprintf(numbers, sizeof(numbers), "%s.numbers", path);
        (void)unlink(path); /* not every test leaves one */
        (void)unlink(numbers);
        return rmdir(folder);
}

/* With ids that are out of use, awkward texts, and every kind of scope. */
static Registry *sample(void)
{
        Registry *r = registry_make(&(RegistryCounts){4, 3, 3, 4, 6, 2, 2, 1, 2});
        VitalLimits limits;

        r->grids[1] = (Grid){"g1", "一号\n\"网格\", 甲", 0};
        r->grids[3] = (Grid){"g3", "x", 1};
        r->dwellings[2] = (Dwelling){.code = "101",
                .building = "1号楼",
                .floor = " 5 ",
                .address = "示例路",
                .access = "",
                .grid = 3};
        r->residents[1] = (Resident){.code = "r1",
                .name = "张虚构",
                .birth = "1940-02-29",
                .phone = "1",
                .notes = "a,b",
                .dwelling = 2};
        limits_clear(&limits);
        limits.min[VITAL_TEMP] = 35.1;
        limits.max[VITAL_HR] = 1.0 / 3;
        r->residents[1].limits = registry_limits(r, &limits);
        r->devices[3] = (Device){.code = "sos-1",
                .profile = "",
                .class = DEVICE_SMOKE,
                .dwelling = 2,
                .resident = 1,
                .beat_us = UINT64_C(1) << 62};
        r->workers[1] = (Worker){.code = "a",
                .name = "王示例",
                .phone = "",
                .role = ROLE_WORKER,
                .client = CLIENT_PLAIN,
                .scope = SCOPE_GRID,
                .scope_id = 3};
        r->workers[2] = (Worker){.code = "b",
                .name = "n",
                .phone = "2",
                .role = ROLE_FAMILY,
                .scope = SCOPE_RESIDENT,
                .scope_id = 1};
        r->workers[3] = (Worker){.code = "c",
                .name = "n",
                .phone = "3",
                .role = ROLE_BUILDING_HEAD,
                .scope = SCOPE_BUILDING,
                .scope_building = "1号楼"};
        r->workers[4] = (Worker){
                .code = "d", .name = "n", .phone = "4", .role = ROLE_SUPERVISOR, .scope = SCOPE_SITE};
        r->duties[0] = (Duty){.worker = 4, .days = 0x7f, .from_minute = 0, .to_minute = 1440};
        r->duties[1] = (Duty){.worker = 1,
                .days = 0x3e,
                .from_minute = 480,
                .to_minute = 60,
                .valid_from = 20260101,
                .valid_to = 20261231};
        r->duties[1].days |= DUTY_HOLIDAYS;
        r->workers[1].channels = "exec:sms exec:voice";
        r->overrides[0] = (Override){
                .worker = 4, .on = true, .from = 20260101ull * 1440, .to = 20260102ull * 1440 + 1};
        r->overrides[1] = (Override){.worker = 1, .from = 20260101ull * 1440, .to = 20260102ull * 1440};
        r->holidays[0] = (Holiday){.date = 20260101, .work = true};
        r->rules[0] = (PersonRule){1, RULE_GEOFENCE, {34.2711, 108.9402, 500}};
        r->rules[1] = (PersonRule){0, RULE_BACK + VITAL_TEMP, {1.0 / 3}};
        registry_finish(r);
        return r;
}

static void same_text(const char *a, const char *b)
{
        assert_int_equal(a == NULL, b == NULL);
        if (a)
                assert_string_equal(a, b);
}

static void same_limit(double a, double b)
{
        assert_true((isnan(a) && isnan(b)) || a == b);
}

static void same_calendar(const Registry *a, const Registry *b)
{
        assert_int_equal(a->n_overrides, b->n_overrides);
        assert_int_equal(a->n_holidays, b->n_holidays);
        for (uint32_t i = 0; i < a->n_overrides; i++) {
                assert_int_equal(a->overrides[i].worker, b->overrides[i].worker);
                assert_int_equal(a->overrides[i].on, b->overrides[i].on);
                assert_true(a->overrides[i].from == b->overrides[i].from);
                assert_true(a->overrides[i].to == b->overrides[i].to);
        }
        for (uint32_t i = 0; i < a->n_holidays; i++) {
                assert_int_equal(a->holidays[i].date, b->holidays[i].date);
                assert_int_equal(a->holidays[i].work, b->holidays[i].work);
        }
}

static void same_rules(const Registry *a, const Registry *b)
{
        assert_int_equal(a->n_rules, b->n_rules);
        for (uint32_t i = 0; i < a->n_rules; i++) {
                assert_int_equal(a->rules[i].resident, b->rules[i].resident);
                assert_int_equal(a->rules[i].name, b->rules[i].name);
                for (unsigned k = 0; k < 3; k++)
                        assert_true(a->rules[i].value[k] == b->rules[i].value[k]);
        }
}

static void same(const Registry *a, const Registry *b)
{
        assert_int_equal(a->n_grids, b->n_grids);
        assert_int_equal(a->n_dwellings, b->n_dwellings);
        assert_int_equal(a->n_residents, b->n_residents);
        assert_int_equal(a->n_devices, b->n_devices);
        assert_int_equal(a->n_workers, b->n_workers);
        assert_int_equal(a->n_duties, b->n_duties);
        same_calendar(a, b);
        same_rules(a, b);
        for (uint32_t i = 1; i < a->n_grids; i++) {
                same_text(a->grids[i].code, b->grids[i].code);
                same_text(a->grids[i].name, b->grids[i].name);
                assert_int_equal(a->grids[i].parent, b->grids[i].parent);
        }
        for (uint32_t i = 1; i < a->n_dwellings; i++) {
                same_text(a->dwellings[i].code, b->dwellings[i].code);
                same_text(a->dwellings[i].building, b->dwellings[i].building);
                same_text(a->dwellings[i].floor, b->dwellings[i].floor);
                same_text(a->dwellings[i].address, b->dwellings[i].address);
                same_text(a->dwellings[i].access, b->dwellings[i].access);
                assert_int_equal(a->dwellings[i].grid, b->dwellings[i].grid);
        }
        for (uint32_t i = 1; i < a->n_residents; i++) {
                const Resident *p = &a->residents[i], *q = &b->residents[i];

                same_text(p->code, q->code);
                same_text(p->name, q->name);
                same_text(p->birth, q->birth);
                same_text(p->phone, q->phone);
                same_text(p->notes, q->notes);
                assert_int_equal(p->dwelling, q->dwelling);
                for (int v = 0; v < VITAL_MAX; v++) {
                        same_limit(p->limits->min[v], q->limits->min[v]);
                        same_limit(p->limits->max[v], q->limits->max[v]);
                }
        }
        for (uint32_t i = 1; i < a->n_devices; i++) {
                same_text(a->devices[i].code, b->devices[i].code);
                same_text(a->devices[i].profile, b->devices[i].profile);
                assert_int_equal(a->devices[i].class, b->devices[i].class);
                assert_int_equal(a->devices[i].dwelling, b->devices[i].dwelling);
                assert_int_equal(a->devices[i].resident, b->devices[i].resident);
                assert_true(a->devices[i].beat_us == b->devices[i].beat_us);
        }
        for (uint32_t i = 1; i < a->n_workers; i++) {
                const Worker *p = &a->workers[i], *q = &b->workers[i];

                same_text(p->code, q->code);
                same_text(p->name, q->name);
                same_text(p->phone, q->phone);
                assert_string_equal(p->channels ? p->channels : "", q->channels ? q->channels : "");
                same_text(p->scope_building, q->scope_building);
                assert_true(p->role == q->role && p->client == q->client && p->scope == q->scope &&
                            p->scope_id == q->scope_id);
        }
        for (uint32_t i = 0; i < a->n_duties; i++) {
                const Duty *p = &a->duties[i], *q = &b->duties[i];

                assert_true(
                        p->worker == q->worker && p->days == q->days && p->from_minute == q->from_minute);
                assert_true(p->to_minute == q->to_minute && p->valid_from == q->valid_from &&
                            p->valid_to == q->valid_to);
        }
}

static int read_it(Registry **ret, uint64_t *incident, uint64_t *seq)
{
        RegistryError error = {0};
        int r = registry_export_read(ret, path, incident, seq, &error);

        assert_true(r <= 0 || error.text[0]);
        return r;
}

static void test_round(void **state)
{
        Registry *a = sample(), *b = NULL, *empty = NULL;
        uint64_t incident = 0, seq = 0;
        struct stat st;

        assert_int_equal(registry_export_write(a, path, "示例, \"demo\"", 1042, UINT64_MAX), 0);
        assert_int_equal(read_it(&b, &incident, &seq), 0);
        assert_int_equal(incident, 1042);
        assert_true(seq == UINT64_MAX);
        incident = seq = 0;
        assert_int_equal(registry_export_ceilings(path, &incident, &seq), 0);
        assert_true(incident == 1042 && seq == UINT64_MAX);
        same(a, b);
        assert_int_equal(registry_worker_id(b, "c"), 3);
        assert_int_equal(registry_grid_id(b, "g2"), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 077, 0); /* phones and notes are nobody else's */

        /* Replaced as a whole, also by an empty one. */
        assert_int_equal(registry_new(&empty), 0);
        assert_int_equal(registry_export_write(empty, path, "demo", 1, 2), 0);
        registry_unref(b);
        assert_int_equal(read_it(&b, &incident, &seq), 0);
        same(empty, b);
        assert_int_equal(incident, 1);
        registry_unref(a);
        registry_unref(b);
        registry_unref(empty);
}

static char *content(size_t *ret_n)
{
        FILE *f = fopen(path, "re");
        char *bytes = malloc(1 << 16);

        assert_non_null(f);
        assert_non_null(bytes);
        *ret_n = fread(bytes, 1, 1 << 16, f);
        assert_true(*ret_n > 100 && *ret_n < 1 << 16);
        assert_int_equal(fclose(f), 0);
        return bytes;
}

static void replace(const char *bytes, size_t n)
{
        FILE *f = fopen(path, "we");

        assert_non_null(f);
        assert_int_equal(fwrite(bytes, 1, n, f), n);
        assert_int_equal(fclose(f), 0);
}

/* Torn at any byte, and any byte another one: refused. */
static void test_damage(void **state)
{
        Registry *a = sample(), *b = NULL;
        uint64_t incident, seq;
        size_t n, head;
        char *bytes;

        assert_int_equal(registry_export_write(a, path, "demo", 1042, 88123), 0);
        bytes = content(&n);
        head = (size_t)((char *)memchr(bytes, '\n', n) - bytes);
        for (size_t cut = 0; cut + 1 < n; cut++) { /* without its last newline it is still whole */
                replace(bytes, cut);
                incident = seq = 0;
                if (cut <= head)
                        assert_int_equal(
                                registry_export_ceilings(path, &incident, &seq), REGISTRY_E_INVALID);
                else
                        assert_int_equal(registry_export_ceilings(path, &incident, &seq), 0);
                assert_true(cut <= head ? incident == 0 && seq == 0 : incident == 1042 && seq == 88123);
                if (read_it(&b, &incident, &seq) != REGISTRY_E_INVALID)
                        fail_msg("torn at %zu of %zu: not seen", cut, n);
        }
        for (size_t at = 0; at + 1 < n; at++) {
                bytes[at] ^= 0x04;
                replace(bytes, n);
                if (read_it(&b, &incident, &seq) != REGISTRY_E_INVALID)
                        fail_msg("byte %zu of %zu: not seen", at, n);
                bytes[at] ^= 0x04;
        }
        replace(bytes, n);
        assert_int_equal(read_it(&b, &incident, &seq), 0);
        free(bytes);
        registry_unref(a);
        registry_unref(b);
}

/* Newer ceilings beside it raise its own, older ones do not; damaged ones, at any byte, mean that nobody knows. */
static void test_numbers(void **state)
{
        Registry *a = sample(), *b = NULL;
        uint64_t incident = 0, seq = 0;
        char name[160], text[256];
        FILE *f;
        size_t n;

        assert_int_equal(registry_export_write(a, path, "demo", 1042, 88123), 0);
        assert_int_equal(numbers_read(path, &incident, &seq), NUMBERS_E_MISSING);
        assert_int_equal(numbers_write(path, 2000, 90000), 0);
        assert_int_equal(read_it(&b, &incident, &seq), 0);
        registry_unref(b);
        assert_true(incident == 2000 && seq == 90000);
        assert_int_equal(registry_export_write(a, path, "demo", 3000, 89000), 0);
        assert_int_equal(read_it(&b, &incident, &seq), 0);
        registry_unref(b);
        assert_true(incident == 3000 && seq == 90000);

        (void)snprintf(name, sizeof(name), "%s.numbers", path);
        f = fopen(name, "r+e");
        assert_non_null(f);
        n = fread(text, 1, sizeof(text), f);
        assert_true(n > 64 && n < sizeof(text));
        for (size_t at = 0; at < n; at++) {
                text[at] ^= 0x04;
                rewind(f);
                assert_int_equal(fwrite(text, 1, n, f), n);
                assert_int_equal(fflush(f), 0);
                assert_int_equal(numbers_read(path, &incident, &seq), NUMBERS_E_DAMAGED);
                text[at] ^= 0x04;
        }
        assert_int_equal(fclose(f), 0);
        assert_int_equal(truncate(name, (off_t)n - 1), 0);
        assert_int_equal(numbers_read(path, &incident, &seq), NUMBERS_E_DAMAGED);
        assert_int_equal(read_it(&b, &incident, &seq), 0);
        assert_true(incident == 3000 + INCIDENT_BLIND && seq == 89000 + SEQ_BLIND);
        registry_unref(a);
        registry_unref(b);
}

static void test_missing(void **state)
{
        Registry *a = sample(), *b = NULL;
        uint64_t incident = 5, seq = 6;
        char nowhere[128];

        assert_int_equal(read_it(&b, &incident, &seq), REGISTRY_E_MISSING);
        assert_null(b);
        assert_int_equal(registry_export_ceilings(path, &incident, &seq), REGISTRY_E_MISSING);
        assert_true(incident == 5 && seq == 6);
        (void)snprintf(nowhere, sizeof(nowhere), "%s/no/such/folder", folder);
        assert_true(registry_export_write(a, nowhere, "demo", 1, 1) < 0);
        registry_unref(a);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_round, setup, teardown),
                cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
                cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
                cmocka_unit_test_setup_teardown(test_missing, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
