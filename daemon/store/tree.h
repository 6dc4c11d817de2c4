/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The Merkle tree over the journal's hashes (RFC 6962 section 2.1), without I/O. Leaf n is `h` of the n-th row of the
 * database, so that one hash is both the link of the chain and the leaf of the tree.
 *
 *   node = SHA256(0x01 ‖ left ‖ right)          the root of an empty tree is SHA256("")
 *
 * A Tree is the frontier: the roots of the complete subtrees that the size's binary digits name. Appending costs one
 * node hash on average.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_SIZE 32

#define TREE_LEVELS     48u
#define TREE_BLOCK_BITS 8u /* complete subtrees of this height are kept in the table `tree` */
#define TREE_BLOCK      (1u << TREE_BLOCK_BITS)
#define TREE_TRUNK_BITS                                                                                     \
        16u /* the roots of complete subtrees from this height on are kept as text: tree_trunk() */
#define TREE_TRUNK_SIZE ((TREE_LEVELS - TREE_TRUNK_BITS) * (2 * HASH_SIZE + 1) + 24u)
#define TREE_PROOF_MAX  96u /* hashes of a proof */

typedef struct Tree {
        uint64_t size;
        uint8_t nodes[TREE_LEVELS][HASH_SIZE]; /* [i] counts when bit i of size is set */
} Tree;

typedef struct TreeProof {
        uint32_t n;
        uint8_t hashes[TREE_PROOF_MAX][HASH_SIZE];
} TreeProof;

void tree_append(Tree *, const uint8_t leaf[HASH_SIZE]);
/* The same; true when this leaf completes a block of TREE_BLOCK leaves, whose root is then in ret_block. */
bool tree_append_leaf(Tree *, const uint8_t leaf[HASH_SIZE], uint8_t ret_block[HASH_SIZE]);
/* A complete subtree of 2^level leaves; size must be a multiple of that. */
void tree_append_node(Tree *, uint32_t level, const uint8_t node[HASH_SIZE]);
void tree_root(const Tree *, uint8_t ret[HASH_SIZE]);

/* How many leaves lie under the complete subtrees from TREE_TRUNK_BITS on. */
uint64_t tree_trunk_leaves(const Tree *);
/* These leaves and the subtrees' roots, the largest first, as one line of text. */
void tree_trunk(const Tree *, char ret[TREE_TRUNK_SIZE]);
/* The tree of such a line. False, and nothing is touched: it is none. */
bool tree_trunk_read(const char *text, Tree *ret);

/* The root of leaves [from, to): the caller's, from a database or from memory. False: it has them not. */
typedef bool (*TreeRange)(void *userdata, uint64_t from, uint64_t to, uint8_t ret[HASH_SIZE]);
/* That `leaf` is in a tree of `size`; from the leaf's sibling upwards. False: the range function said so. */
bool tree_prove_inclusion(uint64_t leaf, uint64_t size, TreeRange, void *userdata, TreeProof *ret);
/* That the tree of `size` continues the one of `before` (1 <= before <= size). */
bool tree_prove_consistency(uint64_t before, uint64_t size, TreeRange, void *userdata, TreeProof *ret);

/* RFC 9162 sections 2.1.3.2 and 2.1.4.2. */
bool tree_check_inclusion(const TreeProof *, uint64_t leaf, uint64_t size, const uint8_t hash[HASH_SIZE],
        const uint8_t root[HASH_SIZE]);
bool tree_check_consistency(const TreeProof *, uint64_t before, uint64_t size,
        const uint8_t root_before[HASH_SIZE], const uint8_t root[HASH_SIZE]);
