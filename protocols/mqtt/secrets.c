/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SSL_CTX is ours and not the library's for two reasons. The library reads the files at each dial, in the loop. And
 * it compares the certificate with the text that it dials, so it would have to be given the broker's name, which it
 * looks up by itself, in the loop; a name server that does not answer would then stop every alarm. Here OpenSSL itself
 * compares the certificate with the configured name, and the library dials an address that was looked up aside.
 */
#include "secrets.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/str.h"
#include "resolve.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

static int invalid(char why[256], const char *file, const char *text)
{
        (void)snprintf(why, 256, "%.120s: %.100s", file, text); /* cut is fine */
        return SECRETS_E_INVALID;
}

static int password_read(Secrets *s, const char *path, char why[256])
{
        _cleanup_(fclosep) FILE *f = fopen(path, "re");

        if (!f)
                return invalid(why, path, strerror(errno));
        if (!fgets(s->password, sizeof(s->password), f))
                return invalid(why, path, "it is empty");
        s->password[strcspn(s->password, "\r\n")] = '\0';
        return 0;
}

/* The name for the handshake: the library would say the address that it has dialled. */
static void on_info(const SSL *ssl, int where, int ret)
{
        const char *name = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

        if (where &
                SSL_CB_HANDSHAKE_START) /* the text is ours, and only read; without it a server shows its default */
                (void)SSL_set_tlsext_host_name((SSL *)ssl, name);
}

static void name_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
        free(ptr);
}

/* The name that the certificate must have; goes with the SSL_CTX. */
static int name_expect(SSL_CTX *ctx, const char *host)
{
        X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
        static int owner = -1; /* a slot of its own: the application's data has no destructor */

        if (resolve_literal(host))
                return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1 ? 0 : error_origin(-EINVAL);
        if (owner < 0)
                owner = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, name_free);
        char *name = strdup(host);

        if (!name || owner < 0 || SSL_CTX_set_ex_data(ctx, owner, name) != 1) {
                free(name);
                return error_origin(-ENOMEM);
        }
        (void)SSL_CTX_set_app_data(ctx, name); /* its slot is always there */
        return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 ? 0 : error_origin(-ENOMEM);
}

static int tls_read(Secrets *s, const Config *c, char why[256])
{
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        int r;

        if (!ctx)
                return error_origin(-ENOMEM);
        s->tls = ctx;
        (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_info_callback(ctx, on_info);
        if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1)
                return error_origin(-EINVAL);
        if (SSL_CTX_load_verify_locations(ctx, c->mqtt_ca_file, NULL) != 1)
                return invalid(why, c->mqtt_ca_file, "no certificates (PEM) can be read from it");
        if (c->mqtt_cert_file[0] && SSL_CTX_use_certificate_chain_file(ctx, c->mqtt_cert_file) != 1)
                return invalid(why, c->mqtt_cert_file, "no certificate (PEM) can be read from it");
        if (c->mqtt_key_file[0] && SSL_CTX_use_PrivateKey_file(ctx, c->mqtt_key_file, SSL_FILETYPE_PEM) != 1)
                return invalid(why, c->mqtt_key_file, "no private key (PEM) that fits the certificate");
        r = name_expect(ctx, c->mqtt_host);
        return r < 0 ? error_trace(r) : 0;
}

int secrets_read(Secrets **ret, const Config *c, char ret_why[256])
{
        _cleanup_(secrets_freep) Secrets *s = calloc(1, sizeof(Secrets));
        int r = 0;

        ASSERT(ret && c && ret_why);
        if (!s)
                return error_origin(-ENOMEM);
        if (c->mqtt_password_file[0])
                r = password_read(s, c->mqtt_password_file, ret_why);
        if (r == 0 && c->mqtt_ca_file[0])
                r = tls_read(s, c, ret_why);
        ERR_clear_error();
        if (r != 0)
                return r < 0 ? error_trace(r) : r;
        *ret = TAKE_PTR(s);
        return 0;
}

Secrets *secrets_free(Secrets *s)
{
        if (!s)
                return NULL;
        SSL_CTX_free(s->tls); /* takes NULL; ours of several references */
        explicit_bzero(s->password, sizeof(s->password));
        free(s);
        return NULL;
}
