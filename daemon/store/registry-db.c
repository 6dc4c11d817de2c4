/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry in the database.
 *
 * A new registry retires everything and then writes what is in use: an id keeps its row and its meaning for ever,
 * because the journal names entities by id. Scope and client are numbers of their enumerations (append-only); roles and
 * classes are words.
 */
#include "store/registry-db.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "store/registry-build.h"

typedef int (*WriteRow)(sqlite3_stmt *, const Registry *, uint32_t id);

static void text(sqlite3_stmt *s, int column, const char *value)
{
        ASSERT(sqlite3_bind_text(s, column, value ? value : "", -1, SQLITE_STATIC) == SQLITE_OK);
}

static void number(sqlite3_stmt *s, int column, int64_t value)
{
        ASSERT(sqlite3_bind_int64(s, column, value) == SQLITE_OK);
}

static int step(sqlite3_stmt *s)
{
        int rc = sqlite3_step(s), reset = sqlite3_reset(s);

        return rc == SQLITE_DONE ? SQLITE_OK : reset != SQLITE_OK ? reset : rc;
}

static int grid_write(sqlite3_stmt *s, const Registry *r, uint32_t id)
{
        const Grid *g = &r->grids[id];

        if (!g->code)
                return SQLITE_OK;
        number(s, 1, id);
        text(s, 2, g->code);
        text(s, 3, g->name);
        number(s, 4, g->parent);
        return step(s);
}

static int dwelling_write(sqlite3_stmt *s, const Registry *r, uint32_t id)
{
        const Dwelling *d = &r->dwellings[id];

        if (!d->code)
                return SQLITE_OK;
        number(s, 1, id);
        text(s, 2, d->code);
        number(s, 3, d->grid);
        text(s, 4, d->building);
        text(s, 5, d->floor);
        text(s, 6, d->address);
        text(s, 7, d->access);
        return step(s);
}

static int resident_write(sqlite3_stmt *s, const Registry *r, uint32_t id)
{
        const Resident *p = &r->residents[id];

        if (!p->code)
                return SQLITE_OK;
        number(s, 1, id);
        text(s, 2, p->code);
        number(s, 3, p->dwelling);
        text(s, 4, p->name);
        text(s, 5, p->birth);
        text(s, 6, p->phone);
        text(s, 7, p->notes);
        for (int v = 0; v < 2 * VITAL_MAX; v++) {
                double value = v % 2 ? p->limits->max[v / 2] : p->limits->min[v / 2];

                /* NAN becomes NULL: no limit. */
                ASSERT(sqlite3_bind_double(s, 8 + v, value) == SQLITE_OK);
        }
        number(s, 8 + 2 * VITAL_MAX, p->visits);
        return step(s);
}

static int device_write(sqlite3_stmt *s, const Registry *r, uint32_t id)
{
        const Device *d = &r->devices[id];

        if (!d->code)
                return SQLITE_OK;
        number(s, 1, id);
        text(s, 2, d->code);
        text(s, 3, device_class_word(d->class));
        text(s, 4, d->profile);
        number(s, 5, d->dwelling);
        number(s, 6, d->resident);
        number(s, 7, (int64_t)d->beat_us);
        return step(s);
}

static int worker_write(sqlite3_stmt *s, const Registry *r, uint32_t id)
{
        const Worker *w = &r->workers[id];

        if (!w->code)
                return SQLITE_OK;
        number(s, 1, id);
        text(s, 2, w->code);
        text(s, 3, w->name);
        text(s, 4, w->phone);
        text(s, 5, role_word(w->role));
        number(s, 6, w->client);
        number(s, 7, w->scope);
        number(s, 8, w->scope_id);
        text(s, 9, w->scope_building);
        text(s, 10, w->channels);
        return step(s);
}

static int duty_write(sqlite3_stmt *s, const Registry *r, uint32_t i)
{
        const Duty *d = &r->duties[i];

        number(s, 1, d->worker);
        number(s, 2, d->days);
        number(s, 3, d->from_minute);
        number(s, 4, d->to_minute);
        number(s, 5, d->valid_from);
        number(s, 6, d->valid_to);
        return step(s);
}

static int override_write(sqlite3_stmt *s, const Registry *r, uint32_t i)
{
        const Override *o = &r->overrides[i];

        number(s, 1, o->worker);
        number(s, 2, o->on);
        number(s, 3, (int64_t)o->from);
        number(s, 4, (int64_t)o->to);
        return step(s);
}

static int holiday_write(sqlite3_stmt *s, const Registry *r, uint32_t i)
{
        number(s, 1, r->holidays[i].date);
        number(s, 2, r->holidays[i].work);
        return step(s);
}

static int rule_write(sqlite3_stmt *s, const Registry *r, uint32_t i)
{
        const PersonRule *rule = &r->rules[i];

        number(s, 1, rule->resident);
        text(s, 2, rule_word((RuleName)rule->name));
        for (int k = 0; k < 3; k++)
                ASSERT(sqlite3_bind_double(s, 3 + k, rule->value[k]) == SQLITE_OK);
        return step(s);
}

static int table_write(sqlite3 *db, const char *before, const char *sql, const Registry *r, uint32_t first,
        uint32_t n, WriteRow write)
{
        sqlite3_stmt *s = NULL;
        int rc = sqlite3_exec(db, before, NULL, NULL, NULL);

        if (rc == SQLITE_OK)
                rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
        for (uint32_t i = first; i < n && rc == SQLITE_OK; i++)
                rc = write(s, r, i);
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        return rc;
}

int registry_db_write(sqlite3 *db, const Registry *r)
{
        int rc;

        ASSERT(db && r && !sqlite3_get_autocommit(db));
        rc = table_write(db, "UPDATE grid SET retired = 1 WHERE retired = 0",
                "INSERT OR REPLACE INTO grid(id, code, name, parent) VALUES(?1, ?2, ?3, ?4)", r, 1,
                r->n_grids, grid_write);
        if (rc == SQLITE_OK)
                rc = table_write(db, "UPDATE dwelling SET retired = 1 WHERE retired = 0",
                        "INSERT OR REPLACE INTO dwelling(id, code, grid, building, floor, address, access)"
                        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                        r, 1, r->n_dwellings, dwelling_write);
        if (rc == SQLITE_OK)
                rc = table_write(db, "UPDATE resident SET retired = 1 WHERE retired = 0",
                        "INSERT OR REPLACE INTO resident(id, code, dwelling, name, birth, phone, notes, "
                        "hr_min, hr_max,"
                        " spo2_min, spo2_max, sys_min, sys_max, dia_min, dia_max, temp_min, temp_max, "
                        "resp_min, resp_max, visits)"
                        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, "
                        "?17, ?18, ?19, ?20)",
                        r, 1, r->n_residents, resident_write);
        if (rc == SQLITE_OK)
                rc = table_write(db, "UPDATE device SET retired = 1 WHERE retired = 0",
                        "INSERT OR REPLACE INTO device(id, code, class, profile, dwelling, resident, beat)"
                        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                        r, 1, r->n_devices, device_write);
        if (rc == SQLITE_OK)
                rc = table_write(db, "UPDATE worker SET retired = 1 WHERE retired = 0",
                        "INSERT OR REPLACE INTO worker(id, code, name, phone, role, client, scope, "
                        "scope_id, building, channels)"
                        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                        r, 1, r->n_workers, worker_write);
        if (rc == SQLITE_OK)
                rc = table_write(db, "DELETE FROM roster",
                        "INSERT INTO roster(worker, days, from_minute, to_minute, valid_from, valid_to)"
                        " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
                        r, 0, r->n_duties, duty_write);
        if (rc == SQLITE_OK)
                rc = table_write(db, "DELETE FROM roster_override",
                        "INSERT INTO roster_override(worker, on_duty, from_stamp, to_stamp)"
                        " VALUES(?1, ?2, ?3, ?4)",
                        r, 0, r->n_overrides, override_write);
        if (rc == SQLITE_OK)
                rc = table_write(db, "DELETE FROM holiday", "INSERT INTO holiday(date, work) VALUES(?1, ?2)",
                        r, 0, r->n_holidays, holiday_write);
        if (rc == SQLITE_OK)
                rc = table_write(db, "DELETE FROM person_rule",
                        "INSERT INTO person_rule(resident, rule, a, b, c) VALUES(?1, ?2, ?3, ?4, ?5)", r, 0,
                        r->n_rules, rule_write);
        return rc;
}

/* Reading. A table of its own for each kind: `read` fills the entry, and says false when the row makes no sense. */

typedef bool (*ReadRow)(sqlite3_stmt *, Registry *, uint32_t id);

static const char *column_text(sqlite3_stmt *s, Registry *r, int column)
{
        const char *value = (const char *)sqlite3_column_text(s, column);

        return registry_textn(r, value, (size_t)sqlite3_column_bytes(s, column));
}

/* What many have in common. */
static const char *column_common(sqlite3_stmt *s, Registry *r, int column)
{
        return registry_common(r, (const char *)sqlite3_column_text(s, column));
}

static uint32_t column_id(sqlite3_stmt *s, int column, uint32_t n)
{
        sqlite3_int64 id = sqlite3_column_int64(s, column);

        return id > 0 && id < n ? (uint32_t)id : 0;
}

static bool grid_read(sqlite3_stmt *s, Registry *r, uint32_t id)
{
        r->grids[id] = (Grid){.code = column_text(s, r, 1),
                .name = column_text(s, r, 2),
                .parent = column_id(s, 3, r->n_grids)};
        return true;
}

static bool dwelling_read(sqlite3_stmt *s, Registry *r, uint32_t id)
{
        r->dwellings[id] = (Dwelling){.code = column_text(s, r, 1),
                .grid = column_id(s, 2, r->n_grids),
                .building = column_common(s, r, 3),
                .floor = column_common(s, r, 4),
                .address = column_text(s, r, 5),
                .access = column_common(s, r, 6)};
        return true;
}

static bool resident_read(sqlite3_stmt *s, Registry *r, uint32_t id)
{
        Resident p = {.code = column_text(s, r, 1),
                .dwelling = column_id(s, 2, r->n_dwellings),
                .name = column_text(s, r, 3),
                .birth = column_common(s, r, 4),
                .phone = column_text(s, r, 5),
                .notes = column_common(s, r, 6),
                .visits = (uint32_t)sqlite3_column_int64(s, 7 + 2 * VITAL_MAX)};
        VitalLimits limits;

        for (int v = 0; v < 2 * VITAL_MAX; v++) {
                double value =
                        sqlite3_column_type(s, 7 + v) == SQLITE_NULL ? NAN : sqlite3_column_double(s, 7 + v);

                if (v % 2)
                        limits.max[v / 2] = value;
                else
                        limits.min[v / 2] = value;
        }
        p.limits = registry_limits(r, &limits);
        r->residents[id] = p;
        return true;
}

static bool device_read(sqlite3_stmt *s, Registry *r, uint32_t id)
{
        Device d = {.code = column_text(s, r, 1),
                .profile = column_common(s, r, 3),
                .dwelling = column_id(s, 4, r->n_dwellings),
                .resident = column_id(s, 5, r->n_residents),
                .beat_us = (uint64_t)sqlite3_column_int64(s, 6)};

        if (!device_class_parse((const char *)sqlite3_column_text(s, 2), &d.class))
                return false;
        r->devices[id] = d;
        return true;
}

static bool worker_read(sqlite3_stmt *s, Registry *r, uint32_t id)
{
        int client = sqlite3_column_int(s, 5), scope = sqlite3_column_int(s, 6);
        Worker w = {.code = column_text(s, r, 1),
                .name = column_text(s, r, 2),
                .phone = column_text(s, r, 3),
                .client = client == CLIENT_PLAIN ? CLIENT_PLAIN : CLIENT_APP};

        if (scope < SCOPE_SITE || scope > SCOPE_RESIDENT ||
                !role_parse((const char *)sqlite3_column_text(s, 4), &w.role))
                return false;
        w.scope = (ScopeKind)scope;
        if (w.scope == SCOPE_GRID)
                w.scope_id = column_id(s, 7, r->n_grids);
        else if (w.scope == SCOPE_RESIDENT)
                w.scope_id = column_id(s, 7, r->n_residents);
        else if (w.scope == SCOPE_BUILDING)
                w.scope_building = column_common(s, r, 8);
        w.channels = column_common(s, r, 9);
        r->workers[id] = w;
        return true;
}

static bool duty_read(sqlite3_stmt *s, Registry *r, uint32_t i)
{
        r->duties[i] = (Duty){.worker = column_id(s, 1, r->n_workers),
                .days = (uint16_t)sqlite3_column_int(s, 2),
                .from_minute = (uint16_t)sqlite3_column_int(s, 3),
                .to_minute = (uint16_t)sqlite3_column_int(s, 4),
                .valid_from = (uint32_t)sqlite3_column_int64(s, 5),
                .valid_to = (uint32_t)sqlite3_column_int64(s, 6)};
        return true;
}

static bool override_read(sqlite3_stmt *s, Registry *r, uint32_t i)
{
        r->overrides[i] = (Override){.worker = column_id(s, 1, r->n_workers),
                .on = sqlite3_column_int(s, 2) != 0,
                .from = (LocalStamp)sqlite3_column_int64(s, 3),
                .to = (LocalStamp)sqlite3_column_int64(s, 4)};
        return true;
}

static bool holiday_read(sqlite3_stmt *s, Registry *r, uint32_t i)
{
        r->holidays[i] = (Holiday){
                .date = (uint32_t)sqlite3_column_int64(s, 1), .work = sqlite3_column_int(s, 2) != 0};
        return true;
}

static bool rule_read(sqlite3_stmt *s, Registry *r, uint32_t i)
{
        sqlite3_int64 resident = sqlite3_column_int64(s, 1);
        PersonRule rule = {.resident = column_id(s, 1, r->n_residents)};
        RuleName name;

        if (!rule_parse((const char *)sqlite3_column_text(s, 2), &name) || (resident && !rule.resident))
                return false;
        rule.name = (uint8_t)name;
        for (int k = 0; k < 3; k++)
                rule.value[k] = sqlite3_column_double(s, 3 + k);
        r->rules[i] = rule;
        return rule_value_sane(name, rule.value);
}

/* by_id: the first column is the index; else rows are numbered as they come. */
static int table_read(sqlite3 *db, const char *sql, Registry *r, uint32_t n, bool by_id, ReadRow read)
{
        sqlite3_stmt *s = NULL;
        uint32_t i = 0;
        int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);

        while (rc == SQLITE_OK) {
                rc = sqlite3_step(s);
                if (rc != SQLITE_ROW)
                        break;
                if (by_id)
                        i = column_id(s, 0, n);
                rc = (by_id ? i > 0 : i < n) && read(s, r, i) ? SQLITE_OK : SQLITE_MISMATCH;
                i++;
        }
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int count_read(sqlite3 *db, const char *sql, uint32_t max, uint32_t *ret)
{
        sqlite3_stmt *s = NULL;
        int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);

        if (rc == SQLITE_OK)
                rc = sqlite3_step(s);
        if (rc == SQLITE_ROW) {
                sqlite3_int64 n = sqlite3_column_int64(s, 0);

                rc = n >= 0 && n <= max ? SQLITE_OK : SQLITE_MISMATCH;
                if (rc == SQLITE_OK)
                        *ret = (uint32_t)n;
        }
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        return rc;
}

/* What stands by number, not by code. */
static int lists_read(sqlite3 *db, Registry *r)
{
        int rc = table_read(db,
                "SELECT n, worker, days, from_minute, to_minute, valid_from, valid_to FROM roster "
                "ORDER BY n",
                r, r->n_duties, false, duty_read);
        if (rc == SQLITE_OK)
                rc = table_read(db,
                        "SELECT n, worker, on_duty, from_stamp, to_stamp FROM roster_override ORDER BY n", r,
                        r->n_overrides, false, override_read);
        if (rc == SQLITE_OK)
                rc = table_read(db, "SELECT date, date, work FROM holiday ORDER BY date", r, r->n_holidays,
                        false, holiday_read);
        if (rc == SQLITE_OK)
                rc = table_read(db, "SELECT n, resident, rule, a, b, c FROM person_rule ORDER BY n", r,
                        r->n_rules, false, rule_read);
        return rc;
}

int registry_db_read(sqlite3 *db, Registry **ret)
{
        _cleanup_(registry_unrefp) Registry *r = NULL;
        RegistryCounts n = {0};
        int rc = count_read(db, "SELECT coalesce(max(id), 0) + 1 FROM grid", REGISTRY_IDS_MAX, &n.grids);

        if (rc == SQLITE_OK)
                rc = count_read(
                        db, "SELECT coalesce(max(id), 0) + 1 FROM dwelling", REGISTRY_IDS_MAX, &n.dwellings);
        if (rc == SQLITE_OK)
                rc = count_read(
                        db, "SELECT coalesce(max(id), 0) + 1 FROM resident", REGISTRY_IDS_MAX, &n.residents);
        if (rc == SQLITE_OK)
                rc = count_read(
                        db, "SELECT coalesce(max(id), 0) + 1 FROM device", REGISTRY_IDS_MAX, &n.devices);
        if (rc == SQLITE_OK)
                rc = count_read(
                        db, "SELECT coalesce(max(id), 0) + 1 FROM worker", REGISTRY_IDS_MAX, &n.workers);
        if (rc == SQLITE_OK)
                rc = count_read(db, "SELECT count(*) FROM roster", REGISTRY_IDS_MAX, &n.duties);
        if (rc == SQLITE_OK)
                rc = count_read(db, "SELECT count(*) FROM roster_override", REGISTRY_IDS_MAX, &n.overrides);
        if (rc == SQLITE_OK)
                rc = count_read(db, "SELECT count(*) FROM holiday", REGISTRY_IDS_MAX, &n.holidays);
        if (rc == SQLITE_OK)
                rc = count_read(db, "SELECT count(*) FROM person_rule", REGISTRY_IDS_MAX, &n.rules);
        if (rc != SQLITE_OK)
                return rc;
        r = registry_make(&n);
        /* NOT INDEXED: else each row would be looked up behind the index of codes, in their order and not the file's. */
        rc = table_read(db, "SELECT id, code, name, parent FROM grid NOT INDEXED WHERE retired = 0", r,
                r->n_grids, true, grid_read);
        if (rc == SQLITE_OK)
                rc = table_read(db,
                        "SELECT id, code, grid, building, floor, address, access FROM dwelling NOT INDEXED "
                        "WHERE "
                        "retired = 0",
                        r, r->n_dwellings, true, dwelling_read);
        if (rc == SQLITE_OK)
                rc = table_read(db,
                        "SELECT id, code, dwelling, name, birth, phone, notes, hr_min, hr_max, spo2_min, "
                        "spo2_max, sys_min,"
                        " sys_max, dia_min, dia_max, temp_min, temp_max, resp_min, resp_max, visits FROM "
                        "resident "
                        "NOT INDEXED WHERE retired = 0",
                        r, r->n_residents, true, resident_read);
        if (rc == SQLITE_OK)
                rc = table_read(db,
                        "SELECT id, code, class, profile, dwelling, resident, beat FROM device NOT INDEXED "
                        "WHERE "
                        "retired = 0",
                        r, r->n_devices, true, device_read);
        if (rc == SQLITE_OK)
                rc = table_read(db,
                        "SELECT id, code, name, phone, role, client, scope, scope_id, building, channels "
                        "FROM worker "
                        "NOT INDEXED WHERE retired = 0",
                        r, r->n_workers, true, worker_read);
        if (rc == SQLITE_OK)
                rc = lists_read(db, r);
        if (rc != SQLITE_OK)
                return rc;
        registry_finish(r);
        *ret = TAKE_PTR(r);
        return SQLITE_OK;
}
