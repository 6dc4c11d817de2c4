/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An auditor beside a gateway that lives: before each statement of his another row, and the checkpoint that signs it, are
 * committed. The record is whole all the time, and that is what he must find.
 */
#include "tests/lib/unit.h"

#include "base/str.h"
#include "store/audit-db.h"
#include "store/chores.h"
#include "store/database.h"
#include "store/proof.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct World {
        char folder[64];
        Database db;
        Signer *signer;
        Audit *audit;
        char key[NOTE_KEY_SIZE];
        uint64_t seq, began;
        bool living, cut;
} World;

static void rows_add(World *w, unsigned n, bool checkpoint)
{
        StoreTxn *t = store_txn_new();
        char note[NOTE_SIZE];

        for (unsigned i = 0; i < n; i++) {
                w->seq++;
                store_txn_journal(t, &(JournalRecord){.seq = w->seq,
                                             .incident = 1 + w->seq / 10,
                                             .kind = JOURNAL_NOTIFIED,
                                             .t_us = (int64_t)(w->seq * USEC_PER_SEC),
                                             .tb_us = w->seq,
                                             .boot = w->db.boot,
                                             .body = "{}",
                                             .body_size = 2});
        }
        assert_int_equal(database_begin(&w->db), SQLITE_OK);
        assert_int_equal(database_apply(&w->db, t), SQLITE_OK);
        if (checkpoint)
                assert_int_equal(checkpoint_write(w->db.db, w->signer, &w->db.tree, w->db.first_row,
                                         (int64_t)(w->seq * USEC_PER_SEC), note),
                        SQLITE_OK);
        assert_int_equal(database_commit(&w->db), SQLITE_OK);
        store_txn_free(t);
}

static int on_statement(unsigned type, void *userdata, void *statement, void *sql)
{
        World *w = userdata;

        if (w->living && sqlite3_get_autocommit(w->audit->db)) { /* none of his is under way */
                w->living = false;
                rows_add(w, 1, true);
                w->began++;
                w->living = true;
        }
        return 0;
}

static int setup(void **state)
{
        World *w = calloc(1, sizeof(World));
        char why[DATABASE_WHY_SIZE], path[96];
        Str s = STR_BUFFER(path);
        _cleanup_(fclosep) FILE *f = NULL;

        assert_non_null(w);
        (void)str_copy(w->folder, sizeof(w->folder), "/tmp/unit-proof-XXXXXX"); /* fits */
        assert_non_null(mkdtemp(w->folder));
        assert_int_equal(database_open(&w->db,
                                 &(DatabaseOrigin){.directory = w->folder,
                                         .boot_id = "00000000000000000000000000000001",
                                         .wall_us = 1,
                                         .first_seq = 1,
                                         .first_incident = 1,
                                         .site = "demo",
                                         .known = {.empty = true}},
                                 why),
                0);
        assert_int_equal(signer_open(&w->signer, w->folder, "demo"), 0);
        str_addf(&s, "%s/checkpoint.pub", w->folder);
        f = fopen(path, "re");
        assert_non_null(f);
        assert_non_null(fgets(w->key, sizeof(w->key), f));
        w->key[strcspn(w->key, "\n")] = 0;
        rows_add(w, 1000, true);
        assert_int_equal(audit_open(&w->audit, w->folder, why), 0);
        assert_int_equal(sqlite3_trace_v2(w->audit->db, SQLITE_TRACE_STMT, on_statement, w), SQLITE_OK);
        *state = w;
        return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
        return remove(path);
}

static int teardown(void **state)
{
        World *w = *state;

        audit_free(w->audit);
        signer_free(w->signer);
        database_close(&w->db);
        assert_int_equal(nftw(w->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
        free(w);
        return 0;
}

static void assert_whole(World *w, ProofRequest request)
{
        uint64_t size = w->seq;
        ProofVerdict v;

        request.key = w->key;
        w->living = true;
        assert_int_equal(proof_verify(w->audit, &request, &v), 0);
        w->living = false;
        assert_true(w->began > 2 && w->seq > size);
        assert_string_equal(v.why, "");
        assert_true(v.good && !v.truncated && v.checkpoints > 0 && v.covered >= size && v.covered <= v.size);
        w->began = 0;
}

static void test_a_gateway_that_lives_is_not_accused(void **state)
{
        World *w = *state;

        assert_whole(w, (ProofRequest){.to = UINT64_MAX});
        assert_whole(w, (ProofRequest){.from = 300, .to = 400});
        assert_whole(w, (ProofRequest){.to = UINT64_MAX, .incident = 20});
}

static void test_an_end_that_was_cut_off_is_found(void **state)
{
        World *w = *state;
        ProofVerdict v;

        assert_int_equal(
                sqlite3_exec(w->db.db, "DROP TRIGGER journal_delete; DELETE FROM journal WHERE seq > 990",
                        NULL, NULL, NULL),
                SQLITE_OK);
        for (int part = 0; part < 2; part++) {
                assert_int_equal(proof_verify(w->audit,
                                         &(ProofRequest){.from = part ? 300 : 0,
                                                 .to = part ? 400 : UINT64_MAX,
                                                 .key = w->key},
                                         &v),
                        0);
                assert_true(!v.good && v.truncated);
                assert_string_equal(v.why, "the end was cut off: a checkpoint has signed more rows (1000)");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_a_gateway_that_lives_is_not_accused, setup, teardown),
                cmocka_unit_test_setup_teardown(test_an_end_that_was_cut_off_is_found, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
