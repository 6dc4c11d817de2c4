/* SPDX-License-Identifier: Apache-2.0 */
/* The CSV reader: what it takes, and where and how it refuses. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "store/registry.h"
#include "tests/lib/unit.h"

#define WORKERS_MORE "worker,name,phone,role,scope,client,channels\n"

static char folder[64];

static const char *const good[][2] = {
        {"grids.csv", "grid,name,parent\ng1,一号网格,\ng2,二号网格,g1\n"},
        {"dwellings.csv",
                "dwelling,grid,building,floor,address,access\n101,g1,1号楼,1,示例路1号101,钥匙箱1234\n"
                "102,g2,2号楼,1,示例路1号102,\n"},
        {"residents.csv",
                "resident,dwelling,name,birth,phone,notes,hr_min,hr_max,spo2_min,spo2_max,temp_max\n"
                "r101,101,张虚构,1940-02-29,10000000001,\"独居, 听力弱\",50,120,90,,38.5\n"
                "r102,102,李示例,,,,,,,,\n"},
        {"devices.csv", "device,class,profile,dwelling,resident,beat\nsos-101,button,,101,,1h\n"
                        "band-101,wristband,acme,,r101,90s\nhub-1,gateway,,,,\n"},
        {"workers.csv", "worker,name,phone,role,scope,client\nw01,王示例,10000000002,worker,g1,app\n"
                        "f101,张子虚,,family,resident:r101,plain\nb01,楼栋长,,building-head,1号楼,\nc01,"
                        "区平台,,district,site,app\n"},
        {"duty.csv", "worker,days,from,to,valid_from,valid_to\nw01,1-5,08:00,20:00,2026-01-01,2026-12-31\n"
                     "w01,\"sat,sun\",20:00,08:00,,\n"},
};

static void write_bytes(const char *name, const char *bytes, size_t n)
{
        char path[128];
        FILE *f;

        (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
        f = fopen(path, "we");
        assert_non_null(f);
        assert_int_equal(fwrite(bytes, 1, n, f), n);
        assert_int_equal(fclose(f), 0);
}

static void write_text(const char *name, const char *text)
{
        write_bytes(name, text, strlen(text));
}

static void remove_file(const char *name)
{
        char path[128];

        (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
        assert_true(unlink(path) == 0 || errno == ENOENT);
}

static int setup(void **state)
{
        (void)snprintf(folder, sizeof(folder), "/tmp/huying-registry-XXXXXX");
        assert_non_null(mkdtemp(folder));
        for (size_t i = 0; i < N_ELEMENTS(good); i++)
                write_text(good[i][0], good[i][1]);
        return 0;
}

static int teardown(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(good); i++)
                remove_file(good[i][0]);
        return rmdir(folder);
}

static Registry *read_good(const Registry *previous)
{
        RegistryError error;
        Registry *r = NULL;
        int e = registry_read_csv(&r, previous, folder, &error);

        if (e != 0)
                fail_msg("%s:%u:%u: %s", error.file, error.line, error.column, error.text);
        return r;
}

static void test_good(void **state)
{
        Registry *r = read_good(NULL);
        const Resident *p;
        const Worker *w;
        uint32_t id;

        assert_int_equal(r->n_grids, 3);
        assert_string_equal(r->grids[1].code, "g1");
        assert_int_equal(r->grids[2].parent, 1);
        assert_int_equal(registry_grid_id(r, "g2"), 2);
        assert_int_equal(registry_grid_id(r, "g3"), 0);
        assert_string_equal(r->dwellings[1].access, "钥匙箱1234");
        p = registry_resident(r, registry_resident_id(r, "r101"));
        assert_non_null(p);
        assert_string_equal(p->notes, "独居, 听力弱");
        assert_string_equal(p->birth, "1940-02-29");
        assert_true(p->limits->min[VITAL_HR] == 50 && p->limits->max[VITAL_HR] == 120);
        assert_true(p->limits->min[VITAL_SPO2] == 90 && isnan(p->limits->max[VITAL_SPO2]));
        assert_true(isnan(p->limits->min[VITAL_TEMP]) && p->limits->max[VITAL_TEMP] == 38.5);
        assert_true(isnan(p->limits->min[VITAL_RESP]) && isnan(p->limits->max[VITAL_RESP]));
        assert_string_equal(registry_resident(r, registry_resident_id(r, "r102"))->phone, "");

        id = registry_device_id(r, "band-101");
        assert_int_equal(r->devices[id].class, DEVICE_WRISTBAND);
        assert_int_equal(r->devices[id].dwelling, registry_dwelling_id(r, "101")); /* its resident's */
        assert_int_equal(r->devices[id].beat_us, 90 * USEC_PER_SEC);
        assert_string_equal(r->devices[id].profile, "acme");
        assert_int_equal(r->devices[registry_device_id(r, "hub-1")].dwelling, 0);

        w = &r->workers[registry_worker_id(r, "w01")];
        assert_true(w->scope == SCOPE_GRID && w->scope_id == 1 && w->role == ROLE_WORKER);
        w = &r->workers[registry_worker_id(r, "f101")];
        assert_true(w->scope == SCOPE_RESIDENT && w->scope_id == 1 && w->client == CLIENT_PLAIN);
        w = &r->workers[registry_worker_id(r, "b01")];
        assert_true(w->scope == SCOPE_BUILDING && w->client == CLIENT_APP);
        assert_string_equal(w->scope_building, "1号楼");
        assert_int_equal(r->workers[registry_worker_id(r, "c01")].scope, SCOPE_SITE);

        assert_int_equal(r->n_duties, 2);
        assert_int_equal(r->duties[0].days, 0x3e);
        assert_int_equal(r->duties[0].from_minute, 480);
        assert_int_equal(r->duties[0].valid_to, 20261231);
        assert_int_equal(r->duties[1].days, 0x41);
        assert_int_equal(r->duties[1].valid_from, 0);
        registry_unref(r);
}

/* Columns in any order, BOM, CRLF, blank lines, no newline at the end, quotes. */
static void test_forms(void **state)
{
        Registry *r;

        write_text("grids.csv",
                "\xef\xbb\xbfname,parent,grid\r\n\r\n\"一号 \"\"甲\"\"\",,g1\r\n  \r\n二号,\"g1\",g2");
        remove_file("duty.csv");
        r = read_good(NULL);
        assert_string_equal(r->grids[registry_grid_id(r, "g1")].name, "一号 \"甲\"");
        assert_int_equal(r->grids[registry_grid_id(r, "g2")].parent, registry_grid_id(r, "g1"));
        assert_int_equal(r->n_duties, 0);
        registry_unref(r);
}

/* Ids stay with their codes; what went keeps its id from others; what comes back is new. */
static void test_ids(void **state)
{
        Registry *a = read_good(NULL), *b, *c;
        uint32_t band = registry_device_id(a, "band-101"), hub = registry_device_id(a, "hub-1");

        write_text("devices.csv", "device,class,profile,dwelling,resident,beat\nnew-1,smoke,,101,,\nband-"
                                  "101,wristband,,,r101,\n");
        b = read_good(a);
        assert_int_equal(registry_device_id(b, "band-101"), band);
        assert_int_equal(registry_device_id(b, "new-1"), 4);
        assert_int_equal(registry_device_id(b, "hub-1"), 0);
        assert_null(registry_device(b, hub));
        assert_int_equal(b->n_devices, 5);
        write_text("devices.csv", good[3][1]);
        c = read_good(b);
        assert_int_equal(registry_device_id(c, "band-101"), band);
        assert_int_equal(registry_device_id(c, "sos-101"), 5);
        assert_int_equal(registry_device_id(c, "hub-1"), 6);
        registry_unref(a);
        registry_unref(b);
        registry_unref(c);
}

static void test_days(void **state)
{
        static const struct {
                const char *text;
                uint8_t days; /* 0: refused */
        } rows[] = {{"daily", 0x7f}, {"1-5", 0x3e}, {"mon-fri", 0x3e}, {"0-6", 0x7f}, {"1-7", 0x7f},
                {"0-7", 0x7f}, {"1,3,5", 0x2a}, {"sat,sun", 0x41}, {"6-7", 0x41}, {"fri-mon", 0x63},
                {"7", 0x01}, {"0", 0x01}, {"Mon , WED - Thu", 0x1a}, {"sun-sun", 0x01}, {"", 0}, {"8", 0},
                {"1-", 0}, {"1,,2", 0}, {"1,", 0}, {"monday", 0}, {"1-3-5", 0}, {"weekdays", 0}, {"-1", 0},
                {"1;2", 0}};

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                char text[128];
                RegistryError error;
                Registry *r = NULL;
                int e;

                (void)snprintf(text, sizeof(text),
                        "worker,days,from,to,valid_from,valid_to\nw01,\"%s\",08:00,08:00,,\n", rows[i].text);
                write_text("duty.csv", text);
                e = registry_read_csv(&r, NULL, folder, &error);
                if (e != (rows[i].days ? 0 : REGISTRY_E_INVALID) || (r && r->duties[0].days != rows[i].days))
                        fail_msg("days \"%s\": %d, %02x", rows[i].text, e, r ? r->duties[0].days : 0);
                registry_unref(r);
        }
}

/* Leave, swaps, days off: optional tables. */
static void test_calendar(void **state)
{
        Registry *r;

        write_text("workers.csv", WORKERS_MORE "w01,王示例,,worker,g1,app,exec:sms exec:voice\n"
                                               "w02,李示例,,worker,g1,app,\n");
        write_text("duty.csv",
                "worker,days,from,to,valid_from,valid_to\nw01,\"workdays,sat\",08:00,20:00,,\n"
                "w02,Holidays,20:00,08:00,,\n");
        write_text("overrides.csv", "worker,from,to,duty,instead\nw01,2026-02-17,2026-02-18,off,w02\n"
                                    "w02,2026-02-20 08:00,2026-02-20 12:30,on,\n");
        write_text("holidays.csv", "date,day\n2026-02-28,work\n2026-02-17,off\n");
        r = read_good(NULL);
        assert_string_equal(r->workers[registry_worker_id(r, "w01")].channels, "exec:sms exec:voice");
        assert_int_equal(r->n_duties, 2);
        assert_int_equal(r->duties[0].days, DUTY_WORKDAYS | 0x40);
        assert_int_equal(r->duties[1].days, DUTY_HOLIDAYS);
        assert_int_equal(r->n_overrides, 3);
        assert_true(!r->overrides[0].on && r->overrides[0].worker == 1);
        assert_true(r->overrides[0].from == 20260217ull * 1440 &&
                    r->overrides[0].to == 20260218ull * 1440 + 1440);
        assert_true(r->overrides[1].on && r->overrides[1].worker == 2);
        assert_true(r->overrides[2].to == 20260220ull * 1440 + 750);
        assert_int_equal(r->n_holidays, 2);
        assert_true(r->holidays[0].date == 20260217 && !r->holidays[0].work && r->holidays[1].work);
        registry_unref(r);
        remove_file("overrides.csv");
        remove_file("holidays.csv");
}

static void test_rules(void **state)
{
        const double *v;
        Registry *r;

        write_text("rules.csv",
                "value,resident,rule\n9min,r102,delay\n3/5,r101,samples\noff,*,silence\n8h,r101,silence\n"
                "34.2711 108.9402 500m,r101,geofence\n23:30-06:00,r101,night\noff,r102,night\n"
                "11:00,*,bed_exit\n7.5,r101,hr_back\noff,r101,temp_rise\noff,r102,geofence\n");
        r = read_good(NULL);
        assert_int_equal(r->n_rules, 11);
        v = rule_of(r, 1, RULE_SAMPLES);
        assert_true(v[0] == 3 && v[1] == 5);
        v = rule_of(r, 2, RULE_SAMPLES); /* nobody's */
        assert_true(v[0] == 2 && v[1] == 3);
        assert_true(rule_of(r, 2, RULE_DELAY)[0] == 540e6 && rule_of(r, 1, RULE_DELAY)[0] == 30e6);
        assert_true(rule_of(r, 1, RULE_SILENCE)[0] == 8 * 3600e6);
        assert_true(rule_of(r, 2, RULE_SILENCE)[0] == 0); /* everybody's */
        assert_true(rule_of(r, 0, RULE_SILENCE)[0] == 0);
        v = rule_own(r, 1, RULE_GEOFENCE);
        assert_true(v && v[0] == 34.2711 && v[1] == 108.9402 && v[2] == 500);
        v = rule_of(r, 1, RULE_NIGHT);
        assert_true(v[0] == 1410 && v[1] == 360);
        assert_true(rule_of(r, 2, RULE_NIGHT)[0] == 0 && rule_of(r, 2, RULE_NIGHT)[1] == 0);
        assert_true(rule_of(r, 1, RULE_BED_EXIT)[0] == 660);
        assert_true(rule_of(r, 1, RULE_BACK + VITAL_HR)[0] == 7.5);
        assert_true(rule_of(r, 1, RULE_RISE + VITAL_TEMP)[0] == 0);
        assert_null(rule_own(r, 2, RULE_RISE + VITAL_TEMP));
        assert_true(rule_of(NULL, 2, RULE_SCORE)[0] == 5);
        for (uint32_t resident = 0; resident < 4; resident++) { /* all at once: the same */
                RuleSet set;

                rule_set(r, resident, &set);
                for (RuleName name = 0; name < RULE_MAX; name++) {
                        assert_ptr_equal(set.value[name], rule_of(r, resident, name));
                        assert_int_equal(set.set >> name & 1, rule_own(r, resident, name) != NULL);
                }
        }
        registry_unref(r);
        remove_file("rules.csv");
}

/* What a database or an export may say. */
static void test_rule_values(void **state)
{
        static const struct {
                RuleName name;
                double v[3];
                bool sane;
        } cases[] = {
                {RULE_DELAY, {30e6}, true},
                {RULE_DELAY, {-1}, false},
                {RULE_DELAY, {NAN}, false},
                {RULE_SILENCE, {0}, true},
                {RULE_SILENCE, {1}, false},
                {RULE_SILENCE, {1e15}, false},
                {RULE_SAMPLES, {2, 3}, true},
                {RULE_SAMPLES, {0, 3}, false},
                {RULE_SAMPLES, {2, 9}, false},
                {RULE_SAMPLES, {3, 2}, false},
                {RULE_NIGHT, {0, 0}, true},
                {RULE_NIGHT, {1440, 0}, false},
                {RULE_NIGHT, {-1, 0}, false},
                {RULE_NIGHT, {0, 1440}, false},
                {RULE_NIGHT, {0, -1}, false},
                {RULE_GEOFENCE, {0, 0, 0}, true},
                {RULE_GEOFENCE, {90, 180, 50}, true},
                {RULE_GEOFENCE, {91, 0, 50}, false},
                {RULE_GEOFENCE, {0, 181, 50}, false},
                {RULE_GEOFENCE, {0, 0, 49}, false},
                {RULE_GEOFENCE, {0, 0, 50001}, false},
                {RULE_GEOFENCE, {0, INFINITY, 50}, false},
                {RULE_BED_EXIT, {600}, true},
                {RULE_BED_EXIT, {1440}, false},
                {RULE_BACK + VITAL_HR, {0}, true},
        };
        double v[3];

        for (size_t i = 0; i < N_ELEMENTS(cases); i++)
                if (rule_value_sane(cases[i].name, cases[i].v) != cases[i].sane)
                        fail_msg("case %zu", i);
        assert_non_null(rule_value_parse(RULE_NIGHT, "22:00-09:00-and-so-on-and-on", v));
        assert_non_null(rule_value_parse(RULE_NIGHT, "0123456789012345678-09:00", v));
        assert_non_null(rule_value_parse(RULE_GEOFENCE, "x 1 50m", v));
        assert_non_null(rule_value_parse(RULE_GEOFENCE, "1 x 50m", v));
        assert_non_null(rule_value_parse(RULE_GEOFENCE, "1 1 xm", v));
        assert_non_null(rule_value_parse(RULE_GEOFENCE, "1 1 m", v));
}

typedef struct Bad {
        const char *file, *text;
        unsigned line, column;
        const char *says; /* part of the text */
} Bad;

#define GRIDS     "grid,name,parent\n"
#define DWELLINGS "dwelling,grid,building,floor,address,access\n"
#define RESIDENTS "resident,dwelling,name,birth,phone,notes"
#define DEVICES   "device,class,profile,dwelling,resident,beat\n"
#define WORKERS   "worker,name,phone,role,scope,client\n"
#define DUTY      "worker,days,from,to,valid_from,valid_to\n"

static const Bad bad[] = {
        /* the file */
        {"grids.csv", NULL, 0, 0, "cannot be opened"},
        {"workers.csv", NULL, 0, 0, "cannot be opened"},
        {"grids.csv", "", 0, 0, "empty"},
        {"grids.csv", "\n \n", 0, 0, "empty"},
        {"grids.csv", "grid,name\ng1,x\n", 1, 0, "column \"parent\" is missing"},
        {"grids.csv", "grid,nom,parent\n", 1, 6, "unknown column \"nom\"; there are grid,name,parent"},
        {"grids.csv", "grid,名称,nom,parent\n", 1, 6, "unknown column \"名称\""},
        {"grids.csv", "grid,name,parent,name\n", 1, 18, "column \"name\" stands here twice"},
        {"grids.csv", "grid,name,parent,\n", 1, 18, "unknown column \"\""},
        {"grids.csv", GRIDS "g1,x\n", 2, 0, "2 fields, but the first line names 3 columns"},
        {"grids.csv", GRIDS "g1,x,,y\n", 2, 0, "4 fields"},
        {"grids.csv", GRIDS "g1,\"x\n", 2, 4, "the quotes that begin here do not end"},
        {"grids.csv", GRIDS "g1,x\"y,\n", 2, 5, "a quote within a field"},
        {"grids.csv", GRIDS "g1,\"x\"y,\n", 2, 7, "a quote within a field"},
        {"grids.csv", GRIDS "g1,\xff,\n", 2, 4, "not valid UTF-8"},
        {"grids.csv", GRIDS "g1,\xd2\xbb\xba\xc5,\n", 2, 4, "GBK"},
        {"grids.csv", GRIDS "g1,x\ty,\n", 2, 4, "a line break or tab"},
        {"grids.csv", GRIDS "g1,\"x\ny\",\n", 2, 4, "a line break or tab"},
        {"grids.csv", GRIDS "g1,x\001y,\n", 2, 4, "control characters"},
        /* codes */
        {"grids.csv", GRIDS ",x,\n", 2, 1, "a code is needed"},
        {"grids.csv", GRIDS "g/1,x,\n", 2, 1, "not a code"},
        {"grids.csv", GRIDS "g 1,x,\n", 2, 1, "not a code"},
        {"grids.csv", GRIDS "g+,x,\n", 2, 1, "not a code"},
        {"grids.csv", GRIDS "g#,x,\n", 2, 1, "not a code"},
        {"grids.csv", GRIDS "\"g\\1\",x,\n", 2, 1, "not a code"},
        {"grids.csv", GRIDS "0123456789012345678901234567890123456789012345678901234567890123,x,\n", 2, 1,
                "not a code"},
        {"grids.csv", GRIDS "g1,x,\ng2,y,\ng1,z,\ng2,z,\n", 4, 1,
                "\"g1\" stands here twice, first in line 2"},
        {"devices.csv", DEVICES "d,smoke,,,,\nd,smoke,,,,\n", 3, 1, "device \"d\" stands here twice"},
        /* grids */
        {"grids.csv", GRIDS "g1,,\n", 2, 4, "name: may not be empty"},
        {"grids.csv", GRIDS "g1,x,g9\n", 2, 6, "parent: there is no grid \"g9\" in grids.csv"},
        {"grids.csv", GRIDS "g1,x,g1\n", 2, 6, "lies within itself"},
        {"grids.csv", GRIDS "g1,x,g2\ng2,y,g3\ng3,z,g1\n", 2, 6, "lies within itself"},
        /* dwellings, residents */
        {"dwellings.csv", DWELLINGS "101,g9,,,,\n", 2, 5, "grid: there is no grid \"g9\""},
        {"residents.csv", RESIDENTS "\nr101,109,张虚构,,,\n", 2, 6,
                "dwelling: there is no dwelling \"109\""},
        {"residents.csv", RESIDENTS "\nr101,101,,,,\n", 2, 10, "name: may not be empty"},
        {"residents.csv", RESIDENTS "\nr101,101,张虚构,1940-13-01,,\n", 2, 14, "birth: not a date"},
        {"residents.csv", RESIDENTS "\nr101,101,张虚构,1941-02-29,,\n", 2, 14, "birth: not a date"},
        {"residents.csv", RESIDENTS ",hr_max\nr101,101,张虚构,,,,fast\n", 2, 17,
                "hr_max: \"fast\" is not a number"},
        {"residents.csv", RESIDENTS ",hr_max\nr101,101,张虚构,,,,0x20\n", 2, 17,
                "hr_max: \"0x20\" is not a number"},
        {"residents.csv", RESIDENTS ",hr_max\nr101,101,张虚构,,,,-1\n", 2, 17, "hr_max"},
        {"residents.csv", RESIDENTS ",hr_max\nr101,101,张虚构,,,,1e9\n", 2, 17, "hr_max"},
        {"residents.csv", RESIDENTS ",hr_min,hr_max\nr101,101,张虚构,,,,90,90\n", 2, 20,
                "hr_max: must be above hr_min"},
        {"residents.csv", RESIDENTS ",pulse_max\nr101,101,张虚构,,,,1\n", 1, 42,
                "unknown column \"pulse_max\""},
        /* leave, swaps, days off, channels */
        {"overrides.csv", "worker,from,to,duty,instead\nw09,2026-01-01,2026-01-02,off,\n", 2, 1,
                "no worker \"w09\""},
        {"overrides.csv", "worker,from,to,duty,instead\nw01,2026-01-01 8,2026-01-02,off,\n", 2, 5,
                "from: not a time"},
        {"overrides.csv", "worker,from,to,duty,instead\nw01,2026-01-03,2026-01-02,off,\n", 2, 16,
                "to: does not lie after from"},
        {"overrides.csv", "worker,from,to,duty,instead\nw01,2026-01-01,2026-01-02,away,\n", 2, 27,
                "neither on nor off"},
        {"overrides.csv", "worker,from,to,duty,instead\nw01,2026-01-01,2026-01-02,off,c01\n", 2, 31,
                "same role (worker)"},
        {"holidays.csv", "date,day\n2026-02-30,off\n", 2, 1, "date: not a date"},
        {"holidays.csv", "date,day\n2026-02-01,rest\n", 2, 12, "neither off nor work"},
        {"holidays.csv", "date,day\n2026-02-01,off\n2026-02-01,work\n", 3, 1,
                "stands here twice, first in line 2"},
        {"workers.csv", WORKERS_MORE "w01,王示例,,worker,g1,app,sms\n", 2, 24, "write exec:NAME"},
        /* rules of persons */
        {"rules.csv", "resident,rule,value\n,delay,1min\n", 2, 1, "resident: may not be empty"},
        {"rules.csv", "resident,rule,value\nr9,delay,1min\n", 2, 1, "resident: there is no resident \"r9\""},
        {"rules.csv", "resident,rule,value\nr101,dealy,1min\n", 2, 6,
                "rule: there is no \"dealy\"; there are delay samples score"},
        {"rules.csv", "resident,rule,value\nr101,delay,\n", 2, 12, "delay wants a duration from 0 to 10min"},
        {"rules.csv", "resident,rule,value\nr101,delay,11min\n", 2, 12, "delay wants"},
        {"rules.csv", "resident,rule,value\nr101,delay,off\n", 2, 12, "delay wants"},
        {"rules.csv", "resident,rule,value\nr101,samples,4/3\n", 2, 14, "samples wants so many of so many"},
        {"rules.csv", "resident,rule,value\nr101,samples,2/9\n", 2, 14, "samples wants"},
        {"rules.csv", "resident,rule,value\nr101,samples,0/3\n", 2, 14, "samples wants"},
        {"rules.csv", "resident,rule,value\nr101,samples,2\n", 2, 14, "samples wants"},
        {"rules.csv", "resident,rule,value\nr101,samples,x/3\n", 2, 14, "samples wants"},
        {"rules.csv", "resident,rule,value\nr101,hr_rise,fast\n", 2, 14, "hr_rise wants a number from 5"},
        {"rules.csv", "resident,rule,value\nr101,hr_rise,4\n", 2, 14, "hr_rise wants"},
        {"rules.csv", "resident,rule,value\nr101,night,22:00\n", 2, 12, "night wants two times of day"},
        {"rules.csv", "resident,rule,value\nr101,night,22:00-25:00\n", 2, 12, "night wants"},
        {"rules.csv", "resident,rule,value\nr101,night,x-09:00\n", 2, 12, "night wants"},
        {"rules.csv", "resident,rule,value\nr101,bed_exit,10\n", 2, 15, "bed_exit wants a time of day"},
        {"rules.csv", "resident,rule,value\nr101,geofence,34.2 108.9\n", 2, 15, "geofence wants degrees"},
        {"rules.csv", "resident,rule,value\nr101,geofence,34.2 108.9 500\n", 2, 15, "geofence wants"},
        {"rules.csv", "resident,rule,value\nr101,geofence,34.2 108.9 0m\n", 2, 15, "geofence wants"},
        {"rules.csv", "resident,rule,value\nr101,geofence,34.2 108.9 500m x\n", 2, 15, "geofence wants"},
        {"rules.csv", "resident,rule,value\nr101,geofence,91 108.9 500m\n", 2, 15, "geofence wants"},
        {"rules.csv", "resident,rule,value\nr101,geofence,34.2 181 500m\n", 2, 15, "geofence wants"},
        {"rules.csv", "resident,rule,value\nr101,geofence,34.2 108.9 49m\n", 2, 15, "geofence wants"},
        {"rules.csv", "resident,rule,value\nr101,geofence,34.2 108.9 x\n", 2, 15, "geofence wants"},
        {"rules.csv",
                "resident,rule,value\nr101,geofence,34.2000000000000000000000000000000000000 108.9 "
                "50000000000000000000m\n",
                2, 15, "geofence wants"},
        {"rules.csv", "resident,rule,value\nr101,delay,1min\n*,delay,1min\nr101,delay,2min\n*,delay,0\n", 4,
                6, "stands here twice for this person, first in line 2"},
        /* devices */
        {"devices.csv", DEVICES "d,toaster,,,,\n", 2, 3,
                "class: there is no \"toaster\"; there are button, pendant"},
        {"devices.csv", DEVICES "d,,,,,\n", 2, 3, "class: there is no \"\""},
        {"devices.csv", DEVICES "d,smoke,a b,,,\n", 2, 9, "profile: not a name"},
        {"devices.csv", DEVICES "d,smoke,,999,,\n", 2, 10, "dwelling: there is no dwelling \"999\""},
        {"devices.csv", DEVICES "d,smoke,,,r9,\n", 2, 11, "resident: there is no resident \"r9\""},
        {"devices.csv", DEVICES "d,smoke,,,,90\n", 2, 12, "beat: \"90\" is no duration"},
        {"devices.csv", DEVICES "d,smoke,,,,soon\n", 2, 12, "beat: \"soon\" is no duration"},
        /* workers */
        {"workers.csv", WORKERS "w,,,worker,site,\n", 2, 3, "name: may not be empty"},
        {"workers.csv", WORKERS "w,王示例,,boss,site,\n", 2, 8,
                "role: there is no \"boss\"; there are worker"},
        {"workers.csv", WORKERS "w,王示例,,worker,site,phone\n", 2, 20,
                "client: \"phone\" is neither app nor plain"},
        {"workers.csv", WORKERS "w,王示例,,worker,,\n", 2, 15, "scope: \"\""},
        {"workers.csv", WORKERS "w,王示例,,worker,g9,\n", 2, 15, "scope: \"g9\" is not site and no grid"},
        {"workers.csv", WORKERS "w,王示例,,worker,grid:r101,\n", 2, 15, "scope: \"grid:r101\""},
        {"workers.csv", WORKERS "w,王示例,,worker,building:9号楼,\n", 2, 15, "scope: \"building:9号楼\""},
        /* duty */
        {"duty.csv", DUTY ",1-5,08:00,20:00,,\n", 2, 1, "worker: may not be empty"},
        {"duty.csv", DUTY "w99,1-5,08:00,20:00,,\n", 2, 1, "worker: there is no worker \"w99\""},
        {"duty.csv", DUTY "w01,1-9,08:00,20:00,,\n", 2, 5, "days: \"1-9\" is no list of days"},
        {"duty.csv", DUTY "w01,1-5,8,20:00,,\n", 2, 9, "from: not a time of day"},
        {"duty.csv", DUTY "w01,1-5,24:00,20:00,,\n", 2, 9, "from: not a time of day"},
        {"duty.csv", DUTY "w01,1-5,08:00,20:60,,\n", 2, 15, "to: not a time of day"},
        {"duty.csv", DUTY "w01,1-5,08:00,20:00,2026-02-30,\n", 2, 21, "valid_from: not a date"},
        {"duty.csv", DUTY "w01,1-5,08:00,20:00,2026-05-01,2026-04-30\n", 2, 32,
                "valid_to: lies before valid_from"},
};

static void expect_bad(const Bad *b)
{
        RegistryError error = {0};
        Registry *r = NULL;
        int e = registry_read_csv(&r, NULL, folder, &error);

        if (e != REGISTRY_E_INVALID || r || strcmp(error.file, b->file) != 0 || error.line != b->line ||
                error.column != b->column || !strstr(error.text, b->says))
                fail_msg("%s: %s\n wanted %u:%u: … %s …\n got %d %s:%u:%u: %s", b->file,
                        b->text ? b->text : "(none)", b->line, b->column, b->says, e, error.file, error.line,
                        error.column, error.text);
        assert_true(str_utf8(error.text, strlen(error.text)));
        assert_null(strstr(error.text, "张虚构")); /* no names in what may be logged */
}

static void test_bad(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
                if (bad[i].text)
                        write_text(bad[i].file, bad[i].text);
                else
                        remove_file(bad[i].file);
                expect_bad(&bad[i]);
                remove_file(bad[i].file);
                for (size_t k = 0; k < N_ELEMENTS(good); k++)
                        if (strcmp(good[k][0], bad[i].file) == 0)
                                write_text(good[k][0], good[k][1]);
        }
        registry_unref(read_good(NULL));
}

static void test_nul(void **state)
{
        static const char bytes[] = GRIDS "g1,x\0y,\n";
        static const char utf16[] = "\xff\xfeg\0r\0i\0d\0";

        write_bytes("grids.csv", bytes, sizeof(bytes) - 1);
        expect_bad(&(Bad){"grids.csv", bytes, 2, 5, "a NUL byte"});
        write_bytes("grids.csv", utf16, sizeof(utf16) - 1);
        expect_bad(&(Bad){"grids.csv", "(UTF-16)", 1, 4, "UTF-16"});
}

static void test_ambiguous(void **state)
{
        Registry *r;

        write_text("dwellings.csv", DWELLINGS "101,g1,g1,1,,\n102,g2,g1,1,,\n");
        write_text("workers.csv", WORKERS "w01,王示例,,worker,g1,\n");
        expect_bad(&(Bad){"workers.csv", "g1", 2, 17, "more than one of grid, resident and building"});
        write_text("workers.csv", WORKERS "w01,王示例,,worker,grid:g1,\nw02,赵示例,,worker,building:g1,\n");
        r = read_good(NULL);
        assert_int_equal(r->workers[1].scope, SCOPE_GRID);
        assert_int_equal(r->workers[2].scope, SCOPE_BUILDING);
        registry_unref(r);
}

static void test_long(void **state)
{
        static char text[70000];
        Str s = STR_BUFFER(text);

        str_add(&s, GRIDS "g1,");
        for (int i = 0; i < 1025; i++)
                str_add(&s, "x");
        str_add(&s, ",\n");
        write_text("grids.csv", text);
        expect_bad(&(Bad){"grids.csv", "1025 bytes", 2, 4, "name: 1025 bytes, at most 1024"});
}

/* Two codes with the same name in different tables, many entries, and the index finds each. */
static void test_many(void **state)
{
        static char text[1 << 20];
        Str s = STR_BUFFER(text);
        Registry *r;

        str_add(&s, DEVICES);
        for (int i = 0; i < 20000; i++)
                str_addf(&s, "d%d,smoke,,101,,\n", i);
        assert_false(s.full);
        write_text("devices.csv", text);
        r = read_good(NULL);
        for (int i = 0; i < 20000; i++) {
                char code[16];

                (void)snprintf(code, sizeof(code), "d%d", i);
                assert_int_equal(registry_device_id(r, code), i + 1);
        }
        assert_int_equal(registry_device_id(r, "d20000"), 0);
        assert_int_equal(registry_device_id(r, ""), 0);
        registry_unref(r);
}

/* What many have in common stands once; what is one person's own is his, whatever stands beside it. */
static void test_common(void **state)
{
        static char text[1 << 18];
        Str s = STR_BUFFER(text);
        const Resident *last = NULL;
        Registry *r;

        str_add(&s, "resident,dwelling,name,birth,phone,notes,hr_min,hr_max\nr101,101,张虚构,,,,,\n");
        for (int i = 0; i < 2000; i++)
                if (i % 2)
                        str_addf(&s, "p%d,101,张虚构,,,独居,50,120\n", i);
                else
                        str_addf(&s, "p%d,101,张虚构,,,独居 %d,%d,\n", i, i, 1 + i % 100);
        assert_false(s.full);
        write_text("residents.csv", text);
        r = read_good(NULL);
        for (int i = 0; i < 2000; i++) {
                char code[16], notes[32];
                const Resident *p;

                (void)snprintf(code, sizeof(code), "p%d", i);
                (void)snprintf(notes, sizeof(notes), i % 2 ? "独居" : "独居 %d", i);
                p = registry_resident(r, registry_resident_id(r, code));
                assert_non_null(p);
                assert_string_equal(p->notes, notes);
                assert_true(p->limits->min[VITAL_HR] == (i % 2 ? 50 : 1 + i % 100));
                assert_true(i % 2 ? p->limits->max[VITAL_HR] == 120 : isnan(p->limits->max[VITAL_HR]));
                if (i % 2 && last)
                        assert_true(p->limits == last->limits && p->notes == last->notes);
                if (i % 2)
                        last = p;
        }
        registry_unref(r);
}

static void refused_bind(
        Registry *r, const char *device, const char *class, const char *home, const char *why)
{
        RegistryError error = {.line = 9};
        Registry *bound = NULL;

        assert_int_equal(registry_bind(&bound, r, device, class, "", home, &error), REGISTRY_E_INVALID);
        assert_null(bound);
        assert_int_equal(error.line, 0);
        assert_non_null(strstr(error.text, why));
}

/* One device more, one that stands elsewhere; the old registry may go first. */
static void test_bind(void **state)
{
        Registry *first = NULL, *second = NULL, *third = NULL, *fourth = NULL;
        RegistryError error;
        const Device *d;
        uint32_t n, sos;

        assert_int_equal(registry_read_csv(&first, NULL, folder, &error), 0);
        n = first->n_devices;
        sos = registry_device_id(first, "sos-101");
        refused_bind(first, "a/b", "", "101", "no code of a device");
        refused_bind(first, "bed-7", "", "nowhere", "neither a dwelling nor a resident");
        refused_bind(first, "bed-7", "teapot", "101", "no class of devices");

        assert_int_equal(registry_bind(&second, first, "bed-7", "button", "zigbee2mqtt", "r102", &error), 0);
        assert_int_equal(second->n_devices, n + 1);
        d = registry_device(second, registry_device_id(second, "bed-7"));
        assert_int_equal(registry_device_id(second, "bed-7"), n); /* an id that nobody had */
        assert_int_equal(d->class, DEVICE_BUTTON);
        assert_string_equal(d->profile, "zigbee2mqtt");
        assert_int_equal(d->resident, registry_resident_id(first, "r102"));
        assert_int_equal(d->dwelling, 0);
        assert_int_equal(registry_device_id(first, "bed-7"), 0); /* a registry never changes */

        assert_int_equal(registry_bind(&third, second, "sos-101", "", "", "102", &error), 0);
        assert_int_equal(third->n_devices, n + 1);
        assert_int_equal(registry_device_id(third, "sos-101"), sos);
        d = registry_device(third, sos);
        assert_int_equal(d->class, DEVICE_BUTTON);
        assert_int_equal(d->dwelling, registry_dwelling_id(third, "102"));

        assert_null(registry_unref(first));
        assert_null(registry_unref(second));
        assert_int_equal(
                registry_bind(&fourth, third, "bed-7", "pendant", "shelly-button", "101", &error), 0);
        assert_null(registry_unref(third));
        d = registry_device(fourth, registry_device_id(fourth, "bed-7"));
        assert_string_equal(d->code, "bed-7"); /* from the second, through the third */
        assert_int_equal(d->class, DEVICE_PENDANT);
        assert_string_equal(d->profile, "shelly-button");
        assert_int_equal(d->resident, 0);
        assert_string_equal(registry_resident(fourth, registry_resident_id(fourth, "r101"))->name, "张虚构");
        assert_null(registry_unref(fourth));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_good, setup, teardown),
                cmocka_unit_test_setup_teardown(test_forms, setup, teardown),
                cmocka_unit_test_setup_teardown(test_ids, setup, teardown),
                cmocka_unit_test_setup_teardown(test_days, setup, teardown),
                cmocka_unit_test_setup_teardown(test_calendar, setup, teardown),
                cmocka_unit_test_setup_teardown(test_rules, setup, teardown),
                cmocka_unit_test(test_rule_values),
                cmocka_unit_test_setup_teardown(test_bad, setup, teardown),
                cmocka_unit_test_setup_teardown(test_nul, setup, teardown),
                cmocka_unit_test_setup_teardown(test_ambiguous, setup, teardown),
                cmocka_unit_test_setup_teardown(test_long, setup, teardown),
                cmocka_unit_test_setup_teardown(test_many, setup, teardown),
                cmocka_unit_test_setup_teardown(test_common, setup, teardown),
                cmocka_unit_test_setup_teardown(test_bind, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
