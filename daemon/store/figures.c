/* SPDX-License-Identifier: Apache-2.0 */
/* The figures of a closed incident, and lawful erasure: what is derived from rows, and what is taken out of them. */
#include "base/assert.h"
#include "engine/effect.h"
#include "store/checkpoint.h"

/*
 * The owner is who has first accepted. All from the journal, so that an auditor can derive the same by himself. Times are milliseconds from receiving
 * (opening), but device_ms: from the device's own event time to receiving, where the device of the event that opened it
 * said one that is plausible: a press that joined later, and was long on its way, is no measure of the others. NULL: it did not happen, or nobody can know. 10 EVENT, 20 OPENED, 21 TIER, 22 LOOP, 23 NOTIFIED,
 * 25 DELIVERED, 27 ACCEPTED, 30 ARRIVED, 33 RESOLVED, 34 REOPENED, 35 CLOSED (when the device's receipt left stands in
 * no row of its own), 60 TEST.
 */
static const char kpi_sql[] =
        "INSERT OR REPLACE INTO kpi(incident, opened, grid, class, priority, owner, resident, dwelling,"
        " device_ms, call_ms, delivered_ms, accept_ms, arrive_ms, resolve_ms, reopened, tiers, rounds,"
        " attempts, late_ms, test, outcome, receipt_ms)"
        " SELECT i.id, i.opened, i.grid, i.class, i.priority,"
        " coalesce((SELECT worker FROM journal WHERE incident = ?1 AND kind = 27 ORDER BY seq LIMIT 1),"
        " i.owner), i.resident, i.dwelling,"
        " CASE WHEN x_device BETWEEN i.opened / 1e6 - 86400 AND i.opened / 1e6"
        " THEN CAST((i.opened / 1e6 - x_device) * 1000 AS INTEGER) END,"
        " (x_called - i.opened) / 1000, (x_delivered - i.opened) / 1000,"
        " (x_accepted - i.opened) / 1000, (x_arrived - i.opened) / 1000,"
        " (x_resolved - i.opened) / 1000, coalesce(x_reopened, 0), coalesce(x_tiers, 0),"
        " coalesce(x_rounds, 0) + 1, coalesce(x_attempts, 0),"
        " CAST(coalesce(x_late, 0) AS INTEGER), coalesce(x_test, 0), i.outcome, x_receipt"
        " FROM incident i, (SELECT"
        " min(CASE WHEN kind = 10 AND seq < x_opening THEN json_extract(b, '$.device_time') END) AS "
        "x_device,"
        " min(CASE WHEN kind = 23 THEN t END) AS x_called,"
        " min(CASE WHEN kind = 25 THEN t END) AS x_delivered,"
        " min(CASE WHEN kind = 27 THEN t END) AS x_accepted,"
        " min(CASE WHEN kind = 30 THEN t END) AS x_arrived,"
        " max(CASE WHEN kind = 33 THEN t END) AS x_resolved,"
        " sum(kind = 34) AS x_reopened, sum(kind = 22) AS x_rounds,"
        " max(CASE WHEN kind BETWEEN 20 AND 23 THEN json_extract(b, '$.tier') END) AS x_tiers,"
        " sum(kind = 23) AS x_attempts,"
        " max(CASE WHEN kind IN (21, 22)"
        " THEN t / 1000.0 - json_extract(b, '$.due') * 1000 END) AS x_late,"
        " max(kind = 60) AS x_test,"
        " max(CASE WHEN kind = 35 THEN json_extract(b, '$.figures.receipt_ms') END) AS x_receipt"
        " FROM (SELECT seq, kind, t, CASE WHEN json_valid(body) THEN body END AS b,"
        " (SELECT min(seq) FROM journal WHERE incident = ?1 AND kind = 20) AS x_opening"
        " FROM journal WHERE incident = ?1)) WHERE i.id = ?1";

/* ?1 is the text, or the number when there is none. */
static int run(sqlite3 *db, const char *sql, uint64_t number, const char *text)
{
        sqlite3_stmt *s = NULL;
        int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);

        if (rc == SQLITE_OK)
                rc = text ? sqlite3_bind_text(s, 1, text, -1, SQLITE_STATIC)
                          : sqlite3_bind_int64(s, 1, (sqlite3_int64)number);
        if (rc == SQLITE_OK)
                rc = sqlite3_step(s);
        (void)sqlite3_finalize(s); /* repeats the error of the step */
        return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int kpi_note(sqlite3 *db, uint64_t incident)
{
        ASSERT(incident > 0);
        ASSERT(JOURNAL_NOTIFIED == 23 && JOURNAL_TEST == 60); /* the numbers in the text */
        return run(db, kpi_sql, incident, NULL);
}

int kpi_receipt(sqlite3 *db, uint64_t seq)
{
        static const char sql[] = "UPDATE kpi SET receipt_ms = r.ms FROM (SELECT incident, "
                                  "json_extract(CASE WHEN json_valid(body)"
                                  " THEN body END, '$.figures.receipt_ms') AS ms FROM journal WHERE seq = "
                                  "?1 AND kind = 35) AS r"
                                  " WHERE kpi.incident = r.incident";

        ASSERT(seq > 0 && JOURNAL_CLOSED == 35);
        return run(db, sql, seq, NULL);
}

/*
 * The person's incidents; what names him in the homes that were his, also where a visit found him before he moved; and
 * what has no home: a bed without an address, a request that was refused with all its words. What administrators did
 * (7) stays: it says who had what erased.
 */
int erase_resident(sqlite3 *db, const char *code)
{
#define PERSON "(SELECT id FROM resident WHERE code = ?1)"
        static const char rows[] =
                "UPDATE journal SET salt = NULL, body = NULL WHERE body IS NOT NULL AND seq IN ("
                "SELECT seq FROM journal WHERE incident IN (SELECT id FROM incident"
                " WHERE resident <> 0 AND resident IN " PERSON
                ") UNION SELECT j.seq FROM journal j WHERE j.dwelling IN ("
                "SELECT dwelling FROM resident WHERE code = ?1"
                " UNION SELECT dwelling FROM incident WHERE resident <> 0 AND resident IN " PERSON
                " UNION SELECT v.dwelling FROM visit x JOIN journal v ON v.seq = x.in_seq WHERE x.resident "
                "IN " PERSON ") AND json_valid(j.body) AND json_extract(j.body, '$.resident') = ?1"
                " UNION SELECT j.seq FROM journal j WHERE j.dwelling IS NULL AND j.incident IS NULL AND "
                "j.kind <> 7"
                " AND json_valid(j.body)"
                " AND ?1 IN (json_extract(j.body, '$.resident'), json_extract(j.body, "
                "'$.payload.resident')))";
        static const char registry[] = "UPDATE resident SET name = '', birth = '', phone = '', notes = ''"
                                       " WHERE code = ?1 AND retired = 1";
        static const char readings[] =
                "INSERT OR IGNORE INTO erasing(resident) SELECT id FROM resident WHERE code = ?1";
        int rc;

        ASSERT(code && code[0] && JOURNAL_ADMIN == 7);
        rc = run(db, rows, 0, code);
        if (rc == SQLITE_OK)
                rc = run(db, readings, 0, code);
        if (rc == SQLITE_OK) /* what no row proves any more */
                rc = run(db, "DELETE FROM visit WHERE resident IN " PERSON, 0, code);
        return rc == SQLITE_OK ? run(db, registry, 0, code) : rc;
}
