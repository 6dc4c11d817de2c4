/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The site's own authority, of which tools/install makes the key:
 *
 *   ca.crt, ca.key   the authority; who has the key can be any device
 *   issued           a line "CODE SERIAL" for each certificate, the serial in hexadecimal
 *   revoked          the same, of those that count no more
 *
 * The list of revoked certificates is made anew from `revoked` each time, for the broker (crlfile). It says that it is good
 * for ten years: a broker refuses everybody when the list has expired, and a community without alarms because nobody has
 * made a list is worse than a list that is only as new as the last revocation. Certificates, too, last ten years: a button
 * on a wall has no clock, and nobody comes by to renew it.
 */
#include "tools/huyingctl/certificate.h"

#include "base/cleanup.h"
#include "base/parse.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CRL_DEFAULT  "/etc/mosquitto/certs/ca.crl"
#define DAYS         3650
#define SERIAL_BYTES 16

DEFINE_CLEANUP(X509 *, X509_free)
DEFINE_CLEANUP(X509_CRL *, X509_CRL_free)
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(BIGNUM *, BN_free)

typedef struct Authority {
        X509 *certificate;
        EVP_PKEY *key;
} Authority;

static void authority_deinit(Authority *a)
{
        X509_free(a->certificate);
        EVP_PKEY_free(a->key);
}

const char *credential_path(const Ctl *ctl, const char *name, char ret[static 600])
{
        const char *slash = strrchr(ctl->config_path, '/');
        Str s = {.p = ret, .cap = 600};

        str_addn(&s, slash ? ctl->config_path : ".", slash ? (size_t)(slash - ctl->config_path) : 1);
        str_addf(&s, "/credentials/%s", name); /* cut: then there is no such file */
        return ret;
}

const char *certificate_folder(const Ctl *ctl)
{
        static char path[600];

        return ctl->authority ? ctl->authority : credential_path(ctl, "ca", path);
}

static const char *path_of(const Ctl *ctl, const char *name, char ret[600])
{
        (void)snprintf(
                ret, 600, "%s/%s", certificate_folder(ctl), name); /* cut: then there is no such file */
        return ret;
}

static int failed(const char *what, const char *path, int r)
{
        complain("证书操作失败", "%s: %s: %s", what, path, strerror(-r));
        return r;
}

static int authority_open(const Ctl *ctl, Authority *ret)
{
        char path[600];
        _cleanup_(fclosep) FILE *crt = fopen(path_of(ctl, "ca.crt", path), "re"), *key = NULL;

        if (!crt)
                return failed("no authority (tools/install makes one)", path, -errno);
        key = fopen(path_of(ctl, "ca.key", path), "re");
        if (!key)
                return failed("no authority's key", path, -errno);
        ret->certificate = PEM_read_X509(crt, NULL, NULL, NULL);
        ret->key = PEM_read_PrivateKey(key, NULL, NULL, NULL);
        if (!ret->certificate || !ret->key || X509_check_private_key(ret->certificate, ret->key) != 1)
                return failed("the authority's key does not fit its certificate", path, -EINVAL);
        return 0;
}

/* A new file for its owner alone. */
static FILE *file_new(const char *path, mode_t mode)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
        FILE *f = fd < 0 ? NULL : fdopen(fd, "we");

        if (fd >= 0 && !f)
                close(fd);
        return f;
}

static bool extension_add(X509 *x, const Authority *a, int nid, const char *value)
{
        X509V3_CTX context;
        X509_EXTENSION *e;
        bool ok;

        X509V3_set_ctx_nodb(&context);
        X509V3_set_ctx(&context, a->certificate, x, NULL, NULL, 0);
        e = X509V3_EXT_conf_nid(NULL, &context, nid, value);
        ok = e && X509_add_ext(x, e, -1) == 1;
        X509_EXTENSION_free(e);
        return ok;
}

/* The device's certificate; *ret_serial in hexadecimal, for the caller to OPENSSL_free(). */
static X509 *certificate_make(const Authority *a, EVP_PKEY *key, const char *code, char **ret_serial)
{
        _cleanup_(X509_freep) X509 *x = X509_new();
        _cleanup_(BN_freep) BIGNUM *serial = NULL;
        uint8_t bytes[SERIAL_BYTES];
        X509_NAME *name = x ? X509_get_subject_name(x) : NULL;

        if (!x || RAND_bytes(bytes, sizeof(bytes)) != 1)
                return NULL;
        bytes[0] &= 0x7f; /* positive */
        serial = BN_bin2bn(bytes, sizeof(bytes), NULL);
        if (!serial || !BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x)) ||
                X509_set_version(x, 2) != 1 ||
                X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)code, -1, -1, 0) !=
                        1 ||
                X509_set_issuer_name(x, X509_get_subject_name(a->certificate)) != 1 ||
                /* A day back: the clocks of two boxes never agree. */
                !X509_gmtime_adj(X509_getm_notBefore(x), -86400) ||
                !X509_time_adj_ex(X509_getm_notAfter(x), DAYS, 0, NULL) || X509_set_pubkey(x, key) != 1 ||
                !extension_add(x, a, NID_basic_constraints, "critical,CA:FALSE") ||
                !extension_add(x, a, NID_key_usage, "critical,digitalSignature") ||
                !extension_add(x, a, NID_ext_key_usage, "clientAuth") ||
                X509_sign(x, a->key, EVP_sha256()) == 0)
                return NULL;
        *ret_serial = BN_bn2hex(serial);
        return *ret_serial ? TAKE_PTR(x) : NULL;
}

static int line_append(const char *path, const char *code, const char *serial)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
        _cleanup_(fclosep) FILE *f = fd < 0 ? NULL : fdopen(fd, "ae");

        if (!f)
                return -errno;
        return fprintf(f, "%s %s\n", code, serial) > 0 && fflush(f) == 0 && fsync(fd) == 0 ? 0 : -EIO;
}

static bool crl_add(X509_CRL *crl, const char *serial_text)
{
        _cleanup_(BN_freep) BIGNUM *serial = NULL;
        ASN1_TIME *now = X509_gmtime_adj(NULL, 0);
        X509_REVOKED *revoked = X509_REVOKED_new();
        ASN1_INTEGER *number = BN_hex2bn(&serial, serial_text) > 0 ? BN_to_ASN1_INTEGER(serial, NULL) : NULL;
        bool ok = revoked && number && now && X509_REVOKED_set_serialNumber(revoked, number) == 1 &&
                  X509_REVOKED_set_revocationDate(revoked, now) == 1 &&
                  X509_CRL_add0_revoked(crl, revoked) == 1;

        if (!ok)
                X509_REVOKED_free(revoked);
        ASN1_INTEGER_free(number);
        ASN1_TIME_free(now);
        return ok;
}

/* Every serial of `revoked`, onto the list. */
static bool crl_fill(X509_CRL *crl, const char *path)
{
        _cleanup_(fclosep) FILE *f = fopen(path, "re");
        char line[CODE_SIZE + 64];
        bool ok = true;

        if (!f)
                return errno == ENOENT;
        while (ok && fgets(line, sizeof(line), f)) {
                char *rest, *code, *serial;

                line[strcspn(line, "\n")] = '\0';
                rest = line;
                code = parse_word(&rest);
                serial = parse_word(&rest);
                ok = code && serial && crl_add(crl, serial);
        }
        return ok && !ferror(f);
}

/* The list for the broker, in one step. */
static int crl_write(const Ctl *ctl, const Authority *a)
{
        const char *path = ctl->crl ? ctl->crl : CRL_DEFAULT;
        _cleanup_(X509_CRL_freep) X509_CRL *crl = X509_CRL_new();
        _cleanup_(fclosep) FILE *f = NULL;
        ASN1_TIME *from = X509_gmtime_adj(NULL, -86400), *to = X509_time_adj_ex(NULL, DAYS, 0, NULL);
        char new[600], revoked[600];
        struct stat st;
        bool ok;

        ok = crl && from && to && X509_CRL_set_version(crl, 1) == 1 &&
             X509_CRL_set_issuer_name(crl, X509_get_subject_name(a->certificate)) == 1 &&
             X509_CRL_set1_lastUpdate(crl, from) == 1 && X509_CRL_set1_nextUpdate(crl, to) == 1 &&
             crl_fill(crl, path_of(ctl, "revoked", revoked)) && X509_CRL_sort(crl) == 1 &&
             X509_CRL_sign(crl, a->key, EVP_sha256()) > 0;
        ASN1_TIME_free(from);
        ASN1_TIME_free(to);
        if (!ok)
                return failed("no list of revoked certificates can be made", revoked, -EINVAL);
        (void)snprintf(new, sizeof(new), "%s.new", path); /* cut: then it cannot be renamed */
        f = file_new(new, 0644);
        if (!f || PEM_write_X509_CRL(f, crl) != 1 || fflush(f) != 0 || fsync(fileno(f)) < 0)
                return failed("cannot write the list of revoked certificates", new, f ? -EIO : -errno);
        if (stat(path, &st) == 0) /* the broker's, as it was */
                (void)!fchown(fileno(f), st.st_uid, st.st_gid);
        if (rename(new, path) < 0)
                return failed("cannot replace the list of revoked certificates", path, -errno);
        return 0;
}

/* Those of `code` that are issued and not revoked yet are. */
static int revoke_all(const Ctl *ctl, const char *code, bool *ret_was)
{
        char issued[600], revoked[600], line[CODE_SIZE + 64];
        _cleanup_(fclosep) FILE *f = fopen(path_of(ctl, "issued", issued), "re");
        _cleanup_(freep) char *known = calloc(1, 1u << 20);
        _cleanup_(fclosep) FILE *old = fopen(path_of(ctl, "revoked", revoked), "re");
        size_t n = old && known ? fread(known, 1, (1u << 20) - 1, old) : 0;

        *ret_was = false;
        if (!known)
                return -ENOMEM;
        known[n] = '\0';
        while (f && fgets(line, sizeof(line), f)) {
                char *rest, *whose, *serial;
                int r;

                line[strcspn(line, "\n")] = '\0';
                rest = line;
                whose = parse_word(&rest);
                serial = parse_word(&rest);
                if (!whose || !serial || !str_equal(whose, code) || strstr(known, serial))
                        continue;
                r = line_append(revoked, code, serial);
                if (r < 0)
                        return failed("cannot note what is revoked", revoked, r);
                *ret_was = true;
        }
        return 0;
}

int certificate_revoke(const Ctl *ctl, const char *code, bool *ret_was)
{
        _cleanup_(authority_deinit) Authority a = {0};
        char path[600];
        int r;

        *ret_was = false;
        if (access(path_of(ctl, "issued", path), F_OK) < 0)
                return 0;
        r = revoke_all(ctl, code, ret_was);
        if (r < 0 || !*ret_was)
                return r;
        r = authority_open(ctl, &a);
        return r < 0 ? r : crl_write(ctl, &a);
}

int certificate_issue(const Ctl *ctl, const char *code, Issued *ret)
{
        _cleanup_(authority_deinit) Authority a = {0};
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(X509_freep) X509 *x = NULL;
        _cleanup_(fclosep) FILE *crt = NULL, *pem = NULL;
        const char *folder = ctl->option[OPTION_OUTPUT];
        char *serial = NULL, path[600];
        bool was;
        int r = authority_open(ctl, &a);

        if (r < 0)
                return r;
        key = EVP_EC_gen("P-256");
        x = key ? certificate_make(&a, key, code, &serial) : NULL;
        if (!x)
                return failed("no certificate can be made", code, -EINVAL);
        (void)snprintf(ret->certificate, sizeof(ret->certificate), "%s/%s.crt", folder ? folder : ".",
                code); /* cut: … */
        (void)snprintf(
                ret->key, sizeof(ret->key), "%s/%s.key", folder ? folder : ".", code); /* … no such folder */
        pem = file_new(ret->key, 0600);
        crt = file_new(ret->certificate, 0644);
        if (!pem || !crt)
                r = failed("cannot write", ret->key, -errno);
        else if (PEM_write_PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL) != 1 ||
                 PEM_write_X509(crt, x) != 1 || fflush(pem) != 0 || fflush(crt) != 0)
                r = failed("cannot write", ret->key, -EIO);
        if (r == 0)
                r = revoke_all(ctl, code, &was);
        if (r == 0) {
                r = line_append(path_of(ctl, "issued", path), code, serial);
                if (r < 0)
                        (void)failed("cannot note what is issued", path, r);
        }
        if (r == 0)
                r = crl_write(ctl, &a);
        OPENSSL_free(serial);
        return r;
}
