/* SPDX-License-Identifier: Apache-2.0 */
#include "store/hash.h"

#include <openssl/evp.h>
#include <pthread.h>

#include "base/assert.h"

/* Fetched once: looking the algorithm up by name costs more than hashing a record. */
static EVP_MD *algorithm;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fetch(void)
{
        algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
        ASSERT(algorithm);
}

/* A digest can only fail for want of memory or of SHA-256 itself: nothing to go on with. */
void hash_sha256(
        const void *a, size_t n_a, const void *b, size_t n_b, const void *c, size_t n_c, uint8_t ret[32])
{
        EVP_MD_CTX *ctx;

        ASSERT(pthread_once(&once, fetch) == 0);
        ctx = EVP_MD_CTX_new();
        NEED_MEMORY(ctx);
        ASSERT(EVP_DigestInit_ex(ctx, algorithm, NULL) == 1);
        ASSERT(n_a == 0 || EVP_DigestUpdate(ctx, a, n_a) == 1);
        ASSERT(n_b == 0 || EVP_DigestUpdate(ctx, b, n_b) == 1);
        ASSERT(n_c == 0 || EVP_DigestUpdate(ctx, c, n_c) == 1);
        ASSERT(EVP_DigestFinal_ex(ctx, ret, NULL) == 1);
        EVP_MD_CTX_free(ctx);
}
