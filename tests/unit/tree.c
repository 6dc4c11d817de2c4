/* SPDX-License-Identifier: Apache-2.0 */
/* The Merkle tree against the definition of RFC 6962 and the vectors of certificate transparency; signed notes. */
#include "tests/lib/unit.h"

#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "store/checkpoint.h"
#include "store/hash.h"
#include "store/note.h"
#include "store/tree.h"

#define LEAVES 300u

static uint8_t leaves[LEAVES][HASH_SIZE];

/* MTH(D[from:to]) exactly as section 2.1 defines it. */
static void definition(uint64_t from, uint64_t to, uint8_t ret[HASH_SIZE])
{
        static const uint8_t node = 1;
        uint8_t left[HASH_SIZE], right[HASH_SIZE];
        uint64_t k = 1;

        if (to - from == 1) {
                memcpy(ret, leaves[from], HASH_SIZE);
                return;
        }
        while (k * 2 < to - from)
                k *= 2;
        definition(from, from + k, left);
        definition(from + k, to, right);
        hash_sha256(&node, 1, left, HASH_SIZE, right, HASH_SIZE, ret);
}

static bool range(void *userdata, uint64_t from, uint64_t to, uint8_t ret[HASH_SIZE])
{
        definition(from, to, ret);
        return true;
}

static void leaf(const void *bytes, size_t n, uint8_t ret[HASH_SIZE])
{
        static const uint8_t zero = 0;

        hash_sha256(&zero, 1, bytes, n, NULL, 0, ret);
}

static void hex(const uint8_t hash[HASH_SIZE], char ret[65])
{
        for (unsigned i = 0; i < HASH_SIZE; i++)
                (void)snprintf(ret + 2 * i, 3, "%02x", hash[i]); /* always two digits */
}

static void test_vectors(void **state)
{
        static const struct {
                size_t n;
                const char *bytes, *root;
        } vectors[] = {
                {0, "", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
                {1, "\x00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
                {1, "\x10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
                {2, "\x20\x21", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
                {2, "\x30\x31", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
                {4, "\x40\x41\x42\x43", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
                {8, "\x50\x51\x52\x53\x54\x55\x56\x57",
                        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
                {16, "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
                        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
        };
        uint8_t hash[HASH_SIZE];
        char text[65];
        Tree t = {0};

        tree_root(&t, hash);
        hex(hash, text);
        assert_string_equal(text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
                leaf(vectors[i].bytes, vectors[i].n, hash);
                tree_append(&t, hash);
                tree_root(&t, hash);
                hex(hash, text);
                assert_string_equal(text, vectors[i].root);
        }
}

static void test_definition(void **state)
{
        Tree t = {0}, blocks = {0};

        for (uint32_t i = 0; i < LEAVES; i++) {
                uint8_t root[HASH_SIZE], expected[HASH_SIZE], block[HASH_SIZE];

                leaf(&i, sizeof(i), leaves[i]);
                if (tree_append_leaf(&t, leaves[i], block)) {
                        assert_int_equal(i, TREE_BLOCK - 1);
                        tree_append_node(&blocks, TREE_BLOCK_BITS, block);
                } else if (i >= TREE_BLOCK)
                        tree_append(&blocks, leaves[i]);
                tree_root(&t, root);
                definition(0, i + 1, expected);
                assert_memory_equal(root, expected, HASH_SIZE);
        }
        assert_memory_equal(&t.nodes[TREE_BLOCK_BITS], &blocks.nodes[TREE_BLOCK_BITS], HASH_SIZE);
        assert_int_equal(t.size, blocks.size);
}

static void test_proofs(void **state)
{
        TreeProof p;
        uint8_t root[HASH_SIZE], before[HASH_SIZE];

        for (uint64_t n = 1; n <= 70; n++) {
                definition(0, n, root);
                for (uint64_t m = 0; m < n; m++) {
                        assert_true(tree_prove_inclusion(m, n, range, NULL, &p));
                        assert_true(tree_check_inclusion(&p, m, n, leaves[m], root));
                        assert_false(tree_check_inclusion(&p, m, n, leaves[m + 1], root));
                        definition(0, m + 1, before);
                        assert_true(tree_prove_consistency(m + 1, n, range, NULL, &p));
                        assert_true(tree_check_consistency(&p, m + 1, n, before, root));
                        before[3] ^= 1;
                        assert_false(tree_check_consistency(&p, m + 1, n, before, root));
                        before[3] ^= 1;
                        if (p.n > 0) {
                                p.hashes[p.n - 1][5] ^= 1;
                                assert_false(tree_check_consistency(&p, m + 1, n, before, root));
                        }
                }
        }
}

static void read_file(const char *directory, const char *name, char *ret, size_t cap)
{
        char path[256];
        FILE *f;

        (void)snprintf(path, sizeof(path), "%s/%s", directory, name); /* fits */
        f = fopen(path, "r");
        assert_non_null(f);
        ret[fread(ret, 1, cap - 1, f)] = 0;
        (void)fclose(f); /* read only */
}

static void test_note(void **state)
{
        char directory[] = "/tmp/huying-note-XXXXXX", note[NOTE_SIZE], again[NOTE_SIZE], key[NOTE_KEY_SIZE],
             other[NOTE_KEY_SIZE], path[256];
        Checkpoint c = {.size = 4711, .first = 1, .time_s = 1795833600}, found;
        struct stat st;
        Signer *s;

        assert_non_null(mkdtemp(directory));
        memcpy(c.root, leaves[7], HASH_SIZE);
        assert_int_equal(signer_open(&s, directory, "demo"), 0);
        assert_true(signer_sign(s, &c, note, sizeof(note)));
        assert_false(signer_sign(s, &c, again, 64));
        signer_free(s);
        (void)snprintf(path, sizeof(path), "%s/checkpoint.key", directory); /* fits */
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        read_file(directory, "checkpoint.pub", key, sizeof(key));
        assert_int_equal(note_open(note, key, &found), 0);
        assert_string_equal(found.origin, "huying/demo");
        assert_int_equal(found.size, 4711);
        assert_int_equal(found.time_s, c.time_s);
        assert_memory_equal(found.root, c.root, HASH_SIZE);
        /* Another start has the same key, and Ed25519 signs alike. */
        assert_int_equal(signer_open(&s, directory, "demo"), 0);
        assert_true(signer_sign(s, &c, again, sizeof(again)));
        assert_string_equal(note, again);
        signer_free(s);
        assert_int_equal(signer_open(&s, directory, "elsewhere"), NOTE_E_FORM);
        /* Any other text, signature or key is found out. */
        for (size_t i = 0; note[i]; i++) {
                (void)str_copy(again, sizeof(again), note);
                again[i] = note[i] == 'B' ? 'C' : 'B';
                if (i + 1 < strlen(note)) /* what ends the last line is no part of anything */
                        assert_int_not_equal(note_open(again, key, &found), 0);
        }
        assert_int_equal(unlink(path), 0);
        assert_int_equal(signer_open(&s, directory, "demo"), 0);
        signer_free(s);
        read_file(directory, "checkpoint.pub", other, sizeof(other));
        assert_int_equal(note_open(note, other, &found), NOTE_E_KEY);
        assert_int_equal(note_open("", key, &found), NOTE_E_FORM);
        assert_int_equal(note_open(note, "", &found), NOTE_E_KEY);
        assert_int_equal(unlink(path), 0);
        (void)snprintf(path, sizeof(path), "%s/checkpoint.pub", directory); /* fits */
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rmdir(directory), 0);
}

/* What a database keeps of the tree */

static void sql(sqlite3 *db, const char *text)
{
        if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
                fail_msg("%s: %s", text, sqlite3_errmsg(db));
}

static void rows_add(sqlite3 *db, Tree *t, uint64_t n)
{
        sqlite3_stmt *s = NULL;

        sql(db, "BEGIN");
        assert_int_equal(
                sqlite3_prepare_v2(db, "INSERT INTO journal VALUES(?1, ?2)", -1, &s, NULL), SQLITE_OK);
        for (uint64_t end = t->size + n; t->size < end;) {
                uint8_t hash[HASH_SIZE];

                leaf(&t->size, sizeof(t->size), hash);
                assert_int_equal(sqlite3_bind_int64(s, 1, (sqlite3_int64)t->size + 5), SQLITE_OK);
                assert_int_equal(sqlite3_bind_blob(s, 2, hash, HASH_SIZE, SQLITE_STATIC), SQLITE_OK);
                assert_int_equal(sqlite3_step(s), SQLITE_DONE);
                assert_int_equal(sqlite3_reset(s), SQLITE_OK);
                assert_int_equal(tree_note(db, t, hash), SQLITE_OK);
        }
        assert_int_equal(sqlite3_finalize(s), SQLITE_OK);
        sql(db, "COMMIT");
}

/* A start finds the tree as it is. */
static void loads(sqlite3 *db, const Tree *t)
{
        uint8_t expected[HASH_SIZE], root[HASH_SIZE];
        uint64_t first = 0;
        Tree found;

        assert_int_equal(tree_load(db, &found, &first), SQLITE_OK);
        assert_int_equal(first, 5);
        assert_int_equal(found.size, t->size);
        tree_root(t, expected);
        tree_root(&found, root);
        assert_memory_equal(root, expected, HASH_SIZE);
}

static void trunk_of(sqlite3 *db, char ret[TREE_TRUNK_SIZE])
{
        sqlite3_stmt *s = NULL;

        ret[0] = 0;
        assert_int_equal(sqlite3_prepare_v2(db, "SELECT value FROM meta WHERE name = 'trunk'", -1, &s, NULL),
                SQLITE_OK);
        if (sqlite3_step(s) == SQLITE_ROW)
                assert_true(str_copy(ret, TREE_TRUNK_SIZE, (const char *)sqlite3_column_text(s, 0)));
        assert_int_equal(sqlite3_finalize(s), SQLITE_OK);
}

static void test_kept(void **state)
{
        static const char *const spoilt[] = {"''", "'65536'", "'x'", "substr(value, 1, length(value) - 1)",
                "value || ' '", "replace(value, '131072', '131073')", "replace(value, '131072', '262144')",
                "replace(value, '131072', '196608')", "replace(value, ' ', '  ')", "upper(value) || 'G'",
                "'281474976710656 ' || substr(value, 8)"};
        char trunk[TREE_TRUNK_SIZE], again[TREE_TRUNK_SIZE];
        const uint64_t whole = 1u << TREE_TRUNK_BITS;
        Tree t = {0};
        sqlite3 *db;

        assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
        sql(db, "CREATE TABLE journal(seq INTEGER PRIMARY KEY, h BLOB); CREATE TABLE tree(n INTEGER PRIMARY "
                "KEY, h BLOB);"
                "CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT)");
        rows_add(db, &t, whole - 1);
        loads(db, &t);
        trunk_of(db, trunk);
        assert_string_equal(trunk, "");
        rows_add(db, &t, 1);
        loads(db, &t);
        rows_add(db, &t, whole + 600);
        trunk_of(db, trunk);
        assert_memory_equal(trunk, "131072 ", 7);
        loads(db, &t);
        /* What lies under the trunk is not read. */
        sql(db, "CREATE TABLE aside AS SELECT * FROM tree; DELETE FROM tree WHERE n < 512");
        loads(db, &t);
        sql(db, "DELETE FROM tree; INSERT INTO tree SELECT * FROM aside");
        for (size_t i = 0; i < sizeof(spoilt) / sizeof(spoilt[0]); i++) {
                char text[160];

                (void)snprintf(
                        text, sizeof(text), "UPDATE meta SET value = %s WHERE name = 'trunk'", spoilt[i]);
                sql(db, text);
                loads(db, &t);
                assert_int_equal(tree_fill(db, &t, 5), SQLITE_OK);
                trunk_of(db, again);
                assert_string_equal(again, trunk);
        }
        /* Nothing is kept: a file from before the tree, and one from before the trunk. */
        sql(db, "DELETE FROM meta; DELETE FROM tree");
        loads(db, &t);
        assert_int_equal(tree_fill(db, &t, 5), SQLITE_OK);
        trunk_of(db, again);
        assert_string_equal(again, trunk);
        loads(db, &t);
        sql(db, "INSERT INTO tree SELECT * FROM aside WHERE (n, h) NOT IN (SELECT n, h FROM tree)"); /* the same ones */
        sql(db, "DELETE FROM journal WHERE seq = 131072 + 5 + 520");
        assert_int_equal(tree_load(db, &t, &(uint64_t){0}), SQLITE_CORRUPT);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors), cmocka_unit_test(test_definition),
                cmocka_unit_test(test_proofs), cmocka_unit_test(test_note), cmocka_unit_test(test_kept)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
