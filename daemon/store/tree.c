/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tree.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/parse.h"
#include "base/str.h"
#include "store/hash.h"

static void node_hash(const uint8_t *left, const uint8_t *right, uint8_t ret[HASH_SIZE])
{
        static const uint8_t node = 0x01; /* RFC 6962 section 2.1: a node is never taken for a leaf */

        hash_sha256(&node, 1, left, HASH_SIZE, right, HASH_SIZE, ret);
}

static bool append(Tree *t, uint32_t level, const uint8_t *node, uint8_t *ret_block)
{
        uint8_t carry[HASH_SIZE];
        bool block = false;
        uint32_t i = level;

        ASSERT(level < TREE_LEVELS);
        ASSERT((t->size & ((1ull << level) - 1)) == 0);
        memcpy(carry, node, HASH_SIZE);
        for (;; i++) {
                if (i == TREE_BLOCK_BITS && ret_block) {
                        memcpy(ret_block, carry, HASH_SIZE);
                        block = true;
                }
                if (!(t->size & 1ull << i))
                        break;
                node_hash(t->nodes[i], carry, carry);
        }
        ASSERT(i < TREE_LEVELS);
        memcpy(t->nodes[i], carry, HASH_SIZE);
        t->size += 1ull << level;
        return block;
}

void tree_append_node(Tree *t, uint32_t level, const uint8_t node[HASH_SIZE])
{
        (void)append(t, level, node, NULL); /* nobody asked */
}

void tree_append(Tree *t, const uint8_t leaf[HASH_SIZE])
{
        (void)append(t, 0, leaf, NULL); /* nobody asked */
}

bool tree_append_leaf(Tree *t, const uint8_t leaf[HASH_SIZE], uint8_t ret_block[HASH_SIZE])
{
        return append(t, 0, leaf, ret_block);
}

void tree_root(const Tree *t, uint8_t ret[HASH_SIZE])
{
        bool any = false;

        if (t->size == 0)
                hash_sha256(NULL, 0, NULL, 0, NULL, 0, ret);
        for (uint32_t i = 0; i < TREE_LEVELS; i++) {
                if (!(t->size & 1ull << i))
                        continue;
                if (any)
                        node_hash(t->nodes[i], ret, ret);
                else
                        memcpy(ret, t->nodes[i], HASH_SIZE);
                any = true;
        }
}

uint64_t tree_trunk_leaves(const Tree *t)
{
        return t->size >> TREE_TRUNK_BITS << TREE_TRUNK_BITS;
}

void tree_trunk(const Tree *t, char ret[TREE_TRUNK_SIZE])
{
        Str s = {.p = ret, .cap = TREE_TRUNK_SIZE};
        uint64_t leaves = tree_trunk_leaves(t);

        str_addf(&s, "%" PRIu64, leaves);
        for (uint32_t i = TREE_LEVELS; i-- > TREE_TRUNK_BITS;) {
                if (!(leaves & 1ull << i))
                        continue;
                str_add(&s, " ");
                for (uint32_t k = 0; k < HASH_SIZE; k++)
                        str_addf(&s, "%02x", t->nodes[i][k]);
        }
        ASSERT(!s.full);
}

static bool hex_read(const char *text, uint8_t ret[HASH_SIZE])
{
        for (uint32_t i = 0; i < 2 * HASH_SIZE; i++) {
                const char *digit = text[i] ? strchr("0123456789abcdef", text[i]) : NULL;

                if (!digit)
                        return false;
                ret[i / 2] = (uint8_t)(ret[i / 2] << 4 | (digit - "0123456789abcdef"));
        }
        return true;
}

bool tree_trunk_read(const char *text, Tree *ret)
{
        const char *p = strchr(text, ' ');
        char number[24];
        Tree t = {0};
        uint64_t leaves;

        if (!p || (size_t)(p - text) >= sizeof(number))
                return false;
        memcpy(number, text, (size_t)(p - text));
        number[p - text] = 0;
        if (!parse_u64(number, &leaves) || leaves == 0 || leaves >> TREE_LEVELS ||
                (leaves & ((1ull << TREE_TRUNK_BITS) - 1)))
                return false;
        for (uint32_t i = TREE_LEVELS; i-- > TREE_TRUNK_BITS;) {
                if (!(leaves & 1ull << i))
                        continue;
                if (*p++ != ' ' || !hex_read(p, t.nodes[i]))
                        return false;
                p += 2 * HASH_SIZE;
        }
        if (*p)
                return false;
        t.size = leaves;
        *ret = t;
        return true;
}

/* The largest power of two below n. */
static uint64_t split(uint64_t n)
{
        uint64_t k = 1;

        ASSERT(n > 1);
        while (k << 1 < n)
                k <<= 1;
        return k;
}

static bool proof_add(TreeProof *p, TreeRange range, void *userdata, uint64_t from, uint64_t to)
{
        ASSERT(p->n < TREE_PROOF_MAX);
        return range(userdata, from, to, p->hashes[p->n++]);
}

static void proof_reverse(TreeProof *p)
{
        for (uint32_t i = 0; i + 1 < p->n - i; i++) {
                uint8_t h[HASH_SIZE];

                memcpy(h, p->hashes[i], HASH_SIZE);
                memcpy(p->hashes[i], p->hashes[p->n - 1 - i], HASH_SIZE);
                memcpy(p->hashes[p->n - 1 - i], h, HASH_SIZE);
        }
}

/* PATH(m, D[n]) of RFC 6962 section 2.1.1, from the top down, then turned round. */
bool tree_prove_inclusion(uint64_t leaf, uint64_t size, TreeRange range, void *userdata, TreeProof *ret)
{
        uint64_t from = 0, to = size;

        ASSERT(leaf < size && range);
        ret->n = 0;
        while (to - from > 1) {
                uint64_t middle = from + split(to - from);

                if (leaf < middle) {
                        if (!proof_add(ret, range, userdata, middle, to))
                                return false;
                        to = middle;
                } else {
                        if (!proof_add(ret, range, userdata, from, middle))
                                return false;
                        from = middle;
                }
        }
        proof_reverse(ret);
        return true;
}

/* SUBPROOF(m, D[n], b) of RFC 6962 section 2.1.2, likewise. */
bool tree_prove_consistency(uint64_t before, uint64_t size, TreeRange range, void *userdata, TreeProof *ret)
{
        uint64_t from = 0, to = size;

        ASSERT(before >= 1 && before <= size && range);
        ret->n = 0;
        while (to != before) {
                uint64_t middle = from + split(to - from);

                if (before <= middle) {
                        if (!proof_add(ret, range, userdata, middle, to))
                                return false;
                        to = middle;
                } else {
                        if (!proof_add(ret, range, userdata, from, middle))
                                return false;
                        from = middle;
                }
        }
        /* A subtree that the verifier has not seen as a whole; the whole tree is its root, which it has. */
        if (from > 0 && !proof_add(ret, range, userdata, from, to))
                return false;
        proof_reverse(ret);
        return true;
}

bool tree_check_inclusion(const TreeProof *p, uint64_t leaf, uint64_t size, const uint8_t hash[HASH_SIZE],
        const uint8_t root[HASH_SIZE])
{
        uint64_t fn = leaf, sn = size - 1;
        uint8_t r[HASH_SIZE];

        if (leaf >= size)
                return false;
        memcpy(r, hash, HASH_SIZE);
        for (uint32_t i = 0; i < p->n; i++) {
                if (sn == 0)
                        return false;
                if (fn & 1 || fn == sn) {
                        node_hash(p->hashes[i], r, r);
                        while (!(fn & 1) && fn != 0) {
                                fn >>= 1;
                                sn >>= 1;
                        }
                } else
                        node_hash(r, p->hashes[i], r);
                fn >>= 1;
                sn >>= 1;
        }
        return sn == 0 && memcmp(r, root, HASH_SIZE) == 0;
}

bool tree_check_consistency(const TreeProof *p, uint64_t before, uint64_t size,
        const uint8_t root_before[HASH_SIZE], const uint8_t root[HASH_SIZE])
{
        uint64_t fn = before - 1, sn = size - 1;
        uint8_t fr[HASH_SIZE], sr[HASH_SIZE];
        const uint8_t *first = root_before;
        uint32_t i = 0;

        if (before < 1 || before > size)
                return false;
        if (before == size)
                return p->n == 0 && memcmp(root_before, root, HASH_SIZE) == 0;
        if (before & (before - 1)) { /* else its root is a node of the larger tree, and stands for itself */
                if (p->n == 0)
                        return false;
                first = p->hashes[i++];
        }
        while (fn & 1) {
                fn >>= 1;
                sn >>= 1;
        }
        memcpy(fr, first, HASH_SIZE);
        memcpy(sr, first, HASH_SIZE);
        for (; i < p->n; i++) {
                if (sn == 0)
                        return false;
                if (fn & 1 || fn == sn) {
                        node_hash(p->hashes[i], fr, fr);
                        node_hash(p->hashes[i], sr, sr);
                        while (!(fn & 1) && fn != 0) {
                                fn >>= 1;
                                sn >>= 1;
                        }
                } else
                        node_hash(sr, p->hashes[i], sr);
                fn >>= 1;
                sn >>= 1;
        }
        return sn == 0 && memcmp(fr, root_before, HASH_SIZE) == 0 && memcmp(sr, root, HASH_SIZE) == 0;
}
