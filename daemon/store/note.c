/* SPDX-License-Identifier: Apache-2.0 */
#include "store/note.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"
#include "store/hash.h"

#define KEY_BYTES       32u
#define SIGNATURE_BYTES 64u
#define ID_BYTES        4u
#define ED25519         0x01 /* the algorithm's byte in C2SP signed-note */
#define SECRET_PREFIX   "PRIVATE+KEY+"
#define PATH_SIZE       4096

static const char signature_mark[] = "\xe2\x80\x94 "; /* an em dash */

struct Signer {
        EVP_PKEY *key;
        char name[NOTE_NAME_SIZE];
        uint8_t id[ID_BYTES];
};

static void key_id(const char *name, const uint8_t public_key[KEY_BYTES], uint8_t ret[ID_BYTES])
{
        static const uint8_t tail[] = {0x0a, ED25519};
        uint8_t hash[HASH_SIZE];

        hash_sha256(name, strlen(name), tail, sizeof(tail), public_key, KEY_BYTES, hash);
        memcpy(ret, hash, ID_BYTES);
}

void note_hash(const uint8_t hash[HASH_SIZE], char ret[45])
{
        ASSERT(str_base64(hash, HASH_SIZE, ret, 45));
}

/* Exactly `want` bytes of standard base64 with padding, in the one form that is written: the last character has bits to
 * spare, and a note with others in them would be another text that is as good. */
static bool base64_read(const char *text, size_t n, uint8_t *ret, size_t want)
{
        uint8_t bytes[96];
        char again[132];
        size_t size = n / 4 * 3;

        if (n % 4 != 0 || n == 0 || size > sizeof(bytes) || memchr(text, '\n', n))
                return false;
        size -= (text[n - 1] == '=') + (text[n - 2] == '=');
        if (size != want || EVP_DecodeBlock(bytes, (const uint8_t *)text, (int)n) < 0 ||
                !str_base64(bytes, size, again, sizeof(again)) || memcmp(text, again, n) != 0)
                return false;
        memcpy(ret, bytes, want);
        return true;
}

/* "<prefix><name>+<id>+<base64 of 0x01 ‖ 32 bytes>", as verifier keys and secret keys are written. */
static bool key_read(const char *text, const char *prefix, char ret_name[NOTE_NAME_SIZE],
        uint8_t ret_id[ID_BYTES], uint8_t ret_bytes[KEY_BYTES])
{
        size_t n = strcspn(text, "\r\n");
        const char *end = text + n, *name, *id, *bytes;
        uint8_t raw[1 + KEY_BYTES];

        if (!str_starts(text, prefix))
                return false;
        name = text + strlen(prefix);
        id = memchr(name, '+', (size_t)(end - name));
        bytes = id ? memchr(id + 1, '+', (size_t)(end - id - 1)) : NULL;
        if (!bytes || bytes - id != 9 || id - name >= NOTE_NAME_SIZE)
                return false;
        for (unsigned i = 0; i < ID_BYTES; i++) {
                unsigned byte = 0;

                for (unsigned d = 0; d < 2; d++) {
                        static const char digits[] = "0123456789abcdef";
                        const char *at = memchr(digits, id[1 + 2 * i + d], 16);

                        if (!at)
                                return false;
                        byte = byte << 4 | (unsigned)(at - digits);
                }
                ret_id[i] = (uint8_t)byte;
        }
        if (!base64_read(bytes + 1, (size_t)(end - bytes - 1), raw, sizeof(raw)) || raw[0] != ED25519)
                return false;
        memcpy(ret_bytes, raw + 1, KEY_BYTES);
        return str_copyn(ret_name, NOTE_NAME_SIZE, name, (size_t)(id - name));
}

static void key_write(
        Str *s, const char *prefix, const Signer *signer, const uint8_t id[ID_BYTES], const uint8_t *bytes)
{
        uint8_t raw[1 + KEY_BYTES] = {ED25519};
        char text[64];

        memcpy(raw + 1, bytes, KEY_BYTES);
        ASSERT(str_base64(raw, sizeof(raw), text, sizeof(text)));
        str_addf(s, "%s%s+%02x%02x%02x%02x+%s\n", prefix, signer->name, id[0], id[1], id[2], id[3], text);
        ASSERT(!s->full);
}

/* Whole, flushed, and in one step in its place. */
static int file_write(const char *path, const char *text, mode_t mode)
{
        _cleanup_(closep) int fd = -1;
        char temporary[PATH_SIZE];
        size_t n = strlen(text);

        if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary))
                return error_origin(-ENAMETOOLONG);
        (void)unlink(temporary); /* a leftover; most often there is none */
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        if (fd < 0)
                return error_origin(-errno);
        if (write(fd, text, n) != (ssize_t)n)
                return error_origin(errno ? -errno : -EIO);
        if (fsync(fd) < 0 || rename(temporary, path) < 0)
                return error_origin(-errno);
        return 0;
}

/* 0, -ENOENT, or another errno. */
static int file_read(const char *directory, const char *name, char *ret, size_t cap)
{
        _cleanup_(closep) int fd = -1;
        char path[PATH_SIZE];
        ssize_t n;

        if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path))
                return -ENAMETOOLONG;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        n = read(fd, ret, cap - 1);
        if (n < 0)
                return -errno;
        ret[n] = 0;
        return 0;
}

static int public_write(const Signer *s, const char *directory)
{
        uint8_t public_key[KEY_BYTES];
        size_t n = sizeof(public_key);
        char path[PATH_SIZE], text[NOTE_KEY_SIZE], found[NOTE_KEY_SIZE];
        Str str = STR_BUFFER(text);

        ASSERT(EVP_PKEY_get_raw_public_key(s->key, public_key, &n) == 1 && n == KEY_BYTES);
        key_write(&str, "", s, s->id, public_key);
        if (file_read(directory, "checkpoint.pub", found, sizeof(found)) == 0 && str_equal(found, text))
                return 0;
        if (snprintf(path, sizeof(path), "%s/checkpoint.pub", directory) >= (int)sizeof(path))
                return error_origin(-ENAMETOOLONG);
        return file_write(path, text, 0644);
}

static int secret_make(Signer *s, const char *directory)
{
        uint8_t secret[KEY_BYTES], public_key[KEY_BYTES];
        size_t n = sizeof(secret);
        char path[PATH_SIZE], text[NOTE_KEY_SIZE];
        Str str = STR_BUFFER(text);
        int r;

        s->key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        if (!s->key)
                return error_origin(-ENOMEM);
        ASSERT(EVP_PKEY_get_raw_private_key(s->key, secret, &n) == 1 && n == KEY_BYTES);
        ASSERT(EVP_PKEY_get_raw_public_key(s->key, public_key, &n) == 1 && n == KEY_BYTES);
        key_id(s->name, public_key, s->id);
        key_write(&str, SECRET_PREFIX, s, s->id, secret);
        if (snprintf(path, sizeof(path), "%s/checkpoint.key", directory) >= (int)sizeof(path))
                return error_origin(-ENAMETOOLONG);
        r = file_write(path, text, 0600);
        explicit_bzero(text, sizeof(text));
        explicit_bzero(secret, sizeof(secret));
        return r;
}

static int secret_take(Signer *s, char *text)
{
        uint8_t secret[KEY_BYTES], public_key[KEY_BYTES], id[ID_BYTES];
        char name[NOTE_NAME_SIZE];
        size_t n = sizeof(public_key);
        bool good = key_read(text, SECRET_PREFIX, name, id, secret) && str_equal(name, s->name);

        explicit_bzero(text, strlen(text));
        if (!good)
                return NOTE_E_FORM;
        s->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, sizeof(secret));
        explicit_bzero(secret, sizeof(secret));
        if (!s->key)
                return error_origin(-ENOMEM);
        ASSERT(EVP_PKEY_get_raw_public_key(s->key, public_key, &n) == 1 && n == KEY_BYTES);
        key_id(s->name, public_key, s->id);
        return memcmp(id, s->id, ID_BYTES) == 0 ? 0 : NOTE_E_FORM;
}

int signer_open(Signer **ret, const char *directory, const char *site)
{
        _cleanup_(signer_freep) Signer *s = calloc(1, sizeof(*s));
        const char *credentials = getenv("CREDENTIALS_DIRECTORY");
        char text[NOTE_KEY_SIZE];
        int r = -ENOENT;

        ASSERT(s && directory && site);
        if (snprintf(s->name, sizeof(s->name), "huying/%s", site) >= (int)sizeof(s->name))
                return error_origin(-ENAMETOOLONG);
        if (credentials)
                r = file_read(credentials, "checkpoint.key", text, sizeof(text));
        if (r == -ENOENT)
                r = file_read(directory, "checkpoint.key", text, sizeof(text));
        if (r == -ENOENT)
                r = secret_make(s, directory);
        else if (r == 0)
                r = secret_take(s, text);
        if (r == 0)
                r = public_write(s, directory);
        if (r != 0)
                return r < 0 ? error_trace(r) : r;
        *ret = TAKE_PTR(s);
        return 0;
}

Signer *signer_free(Signer *s)
{
        if (!s)
                return NULL;
        EVP_PKEY_free(s->key);
        free(s);
        return NULL;
}

bool signer_sign(const Signer *s, const Checkpoint *c, char *ret, size_t cap)
{
        Str str = {.p = ret, .cap = cap};
        uint8_t raw[ID_BYTES + SIGNATURE_BYTES];
        size_t n = SIGNATURE_BYTES;
        char text[128];
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();

        ASSERT(ctx && s->key);
        note_hash(c->root, text);
        str_addf(&str, "%s\n%" PRIu64 "\n%s\nfirst %" PRIu64 "\ntime %" PRId64 "\n", s->name, c->size, text,
                c->first, c->time_s);
        memcpy(raw, s->id, ID_BYTES);
        ASSERT(EVP_DigestSignInit(ctx, NULL, NULL, NULL, s->key) == 1);
        ASSERT(EVP_DigestSign(ctx, raw + ID_BYTES, &n, (const uint8_t *)ret, str.n) == 1 &&
                n == SIGNATURE_BYTES);
        EVP_MD_CTX_free(ctx);
        ASSERT(str_base64(raw, sizeof(raw), text, sizeof(text)));
        str_addf(&str, "\n%s%s %s\n", signature_mark, s->name, text);
        return !str.full;
}

/* The next line without its break; NULL when the text ends within it. */
static const char *line_next(const char **at, size_t *ret_n)
{
        const char *line = *at, *end = strchr(line, '\n');

        if (!end)
                return NULL;
        *ret_n = (size_t)(end - line);
        *at = end + 1;
        return line;
}

static bool line_number(const char **at, const char *prefix, uint64_t *ret)
{
        char text[32];
        size_t n = 0;
        const char *line = line_next(at, &n);

        return line && str_copyn(text, sizeof(text), line, n) && str_starts(text, prefix) &&
               parse_u64(text + strlen(prefix), ret);
}

static bool text_read(const char *note, Checkpoint *c)
{
        uint64_t time_s;
        const char *at = note, *line;
        size_t n = 0;

        line = line_next(&at, &n);
        if (!line || n == 0 || !str_copyn(c->origin, sizeof(c->origin), line, n) ||
                !line_number(&at, "", &c->size))
                return false;
        line = line_next(&at, &n);
        if (!line || !base64_read(line, n, c->root, HASH_SIZE))
                return false;
        if (!line_number(&at, "first ", &c->first) || !line_number(&at, "time ", &time_s) ||
                time_s > INT64_MAX)
                return false;
        c->time_s = (int64_t)time_s;
        return c->first > 0 && *at == '\n';
}

bool note_read(const char *note, Checkpoint *ret)
{
        Checkpoint c = {0};

        if (!text_read(note, &c))
                return false;
        *ret = c;
        return true;
}

static bool signature_good(
        const char *note, size_t n, const uint8_t key[KEY_BYTES], const uint8_t *signature)
{
        EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, KEY_BYTES);
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        bool good = false;

        NEED_MEMORY(ctx);
        if (pkey)
                good = EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
                       EVP_DigestVerify(ctx, signature, SIGNATURE_BYTES, (const uint8_t *)note, n) == 1;
        EVP_MD_CTX_free(ctx);
        EVP_PKEY_free(pkey);
        return good;
}

int note_open(const char *note, const char *verifier_key, Checkpoint *ret)
{
        uint8_t id[ID_BYTES], named[ID_BYTES], key[KEY_BYTES], raw[ID_BYTES + SIGNATURE_BYTES];
        char name[NOTE_NAME_SIZE], mark[NOTE_NAME_SIZE + 8];
        const char *body_end = strstr(note, "\n\n"), *at, *line;
        Checkpoint c = {0};
        size_t n = 0, n_mark;

        if (!body_end || !text_read(note, &c))
                return NOTE_E_FORM;
        if (!key_read(verifier_key, "", name, named, key))
                return NOTE_E_KEY;
        key_id(name, key, id);
        if (memcmp(id, named, ID_BYTES) != 0 || !str_equal(name, c.origin))
                return NOTE_E_KEY;
        n_mark = (size_t)snprintf(mark, sizeof(mark), "%s%s ", signature_mark, name); /* fits */
        at = body_end + 2;
        while ((line = line_next(&at, &n))) { /* cosignatures of witnesses may stand beside ours */
                if (n <= n_mark || memcmp(line, mark, n_mark) != 0 ||
                        !base64_read(line + n_mark, n - n_mark, raw, sizeof(raw)) ||
                        memcmp(raw, id, ID_BYTES) != 0)
                        continue;
                if (!signature_good(note, (size_t)(body_end + 1 - note), key, raw + ID_BYTES))
                        return NOTE_E_SIGNATURE;
                *ret = c;
                return 0;
        }
        return NOTE_E_KEY;
}

bool note_hash_read(const char *text, uint8_t ret[HASH_SIZE])
{
        return base64_read(text, strlen(text), ret, HASH_SIZE);
}
