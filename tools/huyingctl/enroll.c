/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enroll and revoke: the credential of a device or a worker.
 *
 * A secret is 24 random bytes, shown once, as text and as a QR code, and kept nowhere but with its owner: the broker's
 * password file gets a hash of it. A device gets a key for CoAP over DTLS besides, where this site has a file of keys.
 * Both files are replaced in one step, with the owner and the mode that they had, so that the broker never reads half
 * of one. To take effect the broker and, for a key, the gateway have to be told, by a command that is said at the end:
 * for forty devices it is needed once. A reload will do, except where the unit hands the keys over by LoadCredential=:
 * then the gateway has a copy of its start.
 *
 * With --cert a device gets a key and a certificate (certificate.c) instead of a password: two files, and no secret is
 * shown.
 *
 * The name in the broker is the code in the registry, and what the ACL gives a name stands on its being either a device
 * or a worker, never both: a code that is the other kind already is refused.
 */
#include "tools/huyingctl/certificate.h"

#include "base/cleanup.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/evp.h>
#include <spawn.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ACCOUNTS_DEFAULT "/etc/mosquitto/passwd"
#define SECRET_BYTES     24
#define KEY_BYTES        32
#define SALT_BYTES       12
#define HASH_BYTES       64
#define ITERATIONS                                                                                          \
        101 /* as mosquitto_passwd: the secret is random, and the broker computes this at each login */

static void hex(const uint8_t *bytes, size_t n, char *ret)
{
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < n; i++) {
                ret[2 * i] = digits[bytes[i] >> 4];
                ret[2 * i + 1] = digits[bytes[i] & 15];
        }
        ret[2 * n] = 0;
}

static bool secret_new(char *ret, size_t n_bytes)
{
        uint8_t bytes[64];

        if (n_bytes > sizeof(bytes) || getrandom(bytes, n_bytes, 0) != (ssize_t)n_bytes)
                return false;
        hex(bytes, n_bytes, ret);
        explicit_bzero(bytes, sizeof(bytes));
        return true;
}

/* A line of mosquitto's password file: name:$7$iterations$salt$PBKDF2-SHA512. */
static bool account_line(const char *code, const char *secret, char *ret, size_t cap)
{
        uint8_t salt[SALT_BYTES], hash[HASH_BYTES];
        char salt_text[32], hash_text[96];
        Str s = {.p = ret, .cap = cap};

        if (getrandom(salt, sizeof(salt), 0) != (ssize_t)sizeof(salt) ||
                PKCS5_PBKDF2_HMAC(secret, (int)strlen(secret), salt, sizeof(salt), ITERATIONS, EVP_sha512(),
                        sizeof(hash), hash) != 1 ||
                !str_base64(salt, sizeof(salt), salt_text, sizeof(salt_text)) ||
                !str_base64(hash, sizeof(hash), hash_text, sizeof(hash_text)))
                return false;
        str_addf(&s, "%s:$7$%d$%s$%s", code, ITERATIONS, salt_text, hash_text);
        return !s.full;
}

/* The old lines but `code`'s, then the new one. */
static int lines_copy(FILE *from, FILE *to, const char *code, const char *line, bool *ret_was)
{
        _cleanup_(freep) char *old = NULL;
        size_t cap = 0, n_code = strlen(code);
        ssize_t n;

        *ret_was = false;
        while (from && (n = getline(&old, &cap, from)) > 0) {
                if (strncmp(old, code, n_code) == 0 && old[n_code] == ':') {
                        *ret_was = true;
                        continue;
                }
                if (fwrite(old, 1, (size_t)n, to) != (size_t)n ||
                        (old[n - 1] != '\n' && fputc('\n', to) < 0))
                        return -EIO;
        }
        if (old)
                explicit_bzero(old, cap);
        if (from && ferror(from))
                return -EIO;
        if (line && fprintf(to, "%s\n", line) < 0)
                return -EIO;
        return fflush(to) == 0 ? 0 : -errno;
}

/* Replaces the line of `code` in the file (NULL: takes it out). 0 or a negative errno. */
static int line_set(const char *path, const char *code, const char *line, bool *ret_was)
{
        _cleanup_(freep) char *new = NULL;
        _cleanup_(fclosep) FILE *from = fopen(path, "re"), *to = NULL;
        struct stat st;
        int fd, r;

        if (!from && (errno != ENOENT || !line))
                return -errno;
        if (asprintf(&new, "%s.new", path) < 0) {
                new = NULL;
                return -ENOMEM;
        }
        fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        to = fdopen(fd, "we");
        if (!to) {
                r = -errno;
                close(fd);
                (void)unlink(new); /* nothing is in it */
                return r;
        }
        r = 0;
        if (from && (fstat(fileno(from), &st) < 0 || fchown(fd, st.st_uid, st.st_gid) < 0 ||
                            fchmod(fd, st.st_mode & 07777) < 0))
                r = -errno;
        if (r == 0)
                r = lines_copy(from, to, code, line, ret_was);
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        if (r == 0 && rename(new, path) < 0)
                r = -errno;
        if (r < 0)
                (void)unlink(new); /* r says what was wrong */
        return r;
}

static const char *accounts(const Ctl *ctl)
{
        return ctl->accounts ? ctl->accounts : ACCOUNTS_DEFAULT;
}

/* The gateway reads a copy that systemd has made at its start. */
static bool keys_copied(const Ctl *ctl)
{
        return str_starts(ctl->config.coap_psk_file, "/run/credentials/");
}

/* The file of keys for DTLS, where this site has one: the gateway's own, or what systemd copies for it. */
static const char *keys(const Ctl *ctl)
{
        static char path[600];

        if (ctl->keys)
                return ctl->keys;
        if (ctl->config.coap_psk_file[0] && !keys_copied(ctl))
                return access(ctl->config.coap_psk_file, F_OK) == 0 ? ctl->config.coap_psk_file : NULL;
        return access(credential_path(ctl, "coap-psk", path), F_OK) == 0 ? path : NULL;
}

static Exit file_failed(const char *path, int r)
{
        complain(r == -EEXIST ? "另一次登记正在进行，或曾中断：请查看后删除 .new 文件" : "写不了文件",
                r == -EEXIST
                        ? "%s.new is there: another enrolment is under way, or was cut short: look at it, "
                          "and remove it%.0s"
                        : "%s: %s",
                path, strerror(-r));
        return EXIT_ERROR;
}

/* The registry may still be empty, or the daemon may never have run: then nobody can be checked. */
static Exit check_code(const Ctl *ctl, const char *kind, const char *code)
{
        _cleanup_(audit_freep) Audit *audit = NULL;
        _cleanup_(registry_unrefp) Registry *registry = NULL;
        bool worker = str_equal(kind, "worker"), is_worker, is_device;
        char why[128];

        if (!worker && !str_equal(kind, "device")) {
                complain("用法：enroll device|worker 代码", "usage: huyingctl enroll device|worker CODE");
                return EXIT_USAGE;
        }
        if (!str_code(code) || str_starts(code, "huying-")) {
                complain("这不是登记表代码",
                        "%s: no code of the registry (or one of the gateway's own names)", code);
                return EXIT_USAGE;
        }
        if (audit_open(&audit, ctl->config.state_directory, why) != 0 ||
                audit_registry(audit, &registry) != 0)
                return EXIT_OK;
        is_worker = registry_worker_id(registry, code) != 0;
        is_device = registry_device_id(registry, code) != 0;
        if (worker ? is_device : is_worker) {
                complain("此代码已属另一类", "%s is a %s: one name must never be both", code,
                        worker ? "device" : "worker");
                return EXIT_ERROR;
        }
        if (worker ? !is_worker : !is_device)
                complain("登记表中没有此代码，凭证照发",
                        "%s is not in the registry; it gets its credential all the same", code);
        return EXIT_OK;
}

/* By the tool of that name where it is installed; the link goes by standard input, where no other user sees it. */
static void qr_print(const char *link)
{
        char *const args[] = {(char[]){"qrencode"}, (char[]){"-t"}, (char[]){"ANSIUTF8"}, (char[]){"-o"},
                (char[]){"-"}, NULL};
        posix_spawn_file_actions_t actions;
        int fds[2], status;
        pid_t pid;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return;
        (void)fflush(stdout);
        if (posix_spawn_file_actions_init(&actions) == 0) {
                if (posix_spawn_file_actions_adddup2(&actions, fds[0], STDIN_FILENO) == 0 &&
                        posix_spawnp(&pid, "qrencode", &actions, NULL, args, environ) == 0) {
                        close(fds[0]);
                        fds[0] = -1;
                        if (write(fds[1], link, strlen(link)) < 0)
                                complain("二维码未能生成", "no QR code: %s", strerror(errno));
                        close(fds[1]);
                        fds[1] = -1;
                        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                                ;
                } else
                        complain("未装 qrencode，故无二维码", "no QR code: qrencode is not installed");
                (void)posix_spawn_file_actions_destroy(&actions); /* cannot fail */
        }
        closep(&fds[0]);
        closep(&fds[1]);
}

static void host_name(char ret[256])
{
        if (gethostname(ret, 255) < 0)
                (void)str_copy(ret, 256, "localhost");
        ret[255] = 0;
}

static void link_text(const Ctl *ctl, bool worker, const char *code, const char *secret, Str *s)
{
        const char *port = strrchr(ctl->config.http_listen, ':');
        char host[256];

        host_name(host);
        if (!worker)
                str_addf(s, "mqtt://%s:%s@%s:%u/huying/%s/up/%s/alarm", code, secret, host,
                        ctl->config.mqtt_port, ctl->config.site, code);
        else if (ctl->app)
                str_addf(s, "%s#u=%s&t=%s&s=%s", ctl->app, code, secret, ctl->config.site);
        else
                str_addf(s, "http://%s%s/#u=%s&t=%s&s=%s", host, port ? port : "", code, secret,
                        ctl->config.site);
}

/* The one command with which all this counts. */
static void show_effect(const Ctl *ctl, bool certificate, bool key)
{
        const char *broker =
                certificate ? "restart" : "reload"; /* a reload ends no connection with a certificate */

        (void)printf("生效 to take effect: ");
        if (!key)
                (void)printf("systemctl %s mosquitto\n", broker);
        else if (keys_copied(ctl))
                (void)printf("systemctl %s mosquitto; systemctl restart huyingd\n"
                             "（此处密钥由 LoadCredential 在启动时复制，重载读不到新的 / the keys are a "
                             "copy of the unit's start, "
                             "LoadCredential: a reload would not see the new one)\n",
                        broker);
        else if (certificate)
                (void)printf("systemctl restart mosquitto; systemctl reload huyingd\n");
        else
                (void)printf("systemctl reload mosquitto huyingd\n");
}

static void show(const Ctl *ctl, bool worker, const char *code, const char *secret, const char *key)
{
        char text[1024];
        Str link = STR_BUFFER(text);

        link_text(ctl, worker, code, secret, &link);
        if (ctl->json) {
                (void)printf("{\"code\":\"%s\",\"password\":\"%s\"", code, secret);
                if (key)
                        (void)printf(",\"psk\":\"%s\"", key);
                (void)printf(",\"link\":\"%s\"}\n", text);
                return;
        }
        (void)printf("用户 user      %s\n密码 password  %s\n", code, secret);
        if (key)
                (void)printf("DTLS 密钥 key  %s  (身份 identity %s)\n", key, code);
        (void)printf("链接 link      %s\n\n", text);
        qr_print(text);
        (void)printf("只显示这一次；重发凭证即作废旧的。 / Shown this once; enrolling again makes this one "
                     "void.\n");
        show_effect(ctl, false, key);
        explicit_bzero(text, sizeof(text));
}

/* The file of keys gets a new one. 0, or a negative errno after a complaint. */
static int key_set(const char *key_file, const char *code, char key[static 2 * KEY_BYTES + 1])
{
        char line[CODE_SIZE + 256];
        Str s = STR_BUFFER(line);
        bool was;
        int r;

        if (!secret_new(key, KEY_BYTES)) {
                complain("没有随机数", "no random numbers: %s", strerror(errno));
                return -EIO;
        }
        str_addf(&s, "%s:%s", code, key);
        r = line_set(key_file, code, line, &was);
        explicit_bzero(line, sizeof(line));
        return r < 0 ? (file_failed(key_file, r), r) : 0;
}

static Exit enroll_certificate(Ctl *ctl, const char *code)
{
        const char *key_file = keys(ctl);
        char key[2 * KEY_BYTES + 1] = "", host[256], link[1024];
        Issued issued;
        bool was;
        int r;

        if (certificate_issue(ctl, code, &issued) < 0 || (key_file && key_set(key_file, code, key) < 0))
                return EXIT_ERROR;
        r = line_set(accounts(ctl), code, NULL, &was); /* a password that it had would still open the door */
        if (r < 0 && r != -ENOENT)
                return file_failed(accounts(ctl), r);
        host_name(host);
        (void)snprintf(link, sizeof(link), "mqtts://%s:8883/huying/%s/up/%s/alarm", host, ctl->config.site,
                code); /* fits */
        if (ctl->json) {
                (void)printf(
                        "{\"code\":\"%s\",\"certificate\":\"%s\",\"key\":\"%s\",\"authority\":\"%s/ca.crt\"",
                        code, issued.certificate, issued.key, certificate_folder(ctl));
                if (key_file)
                        (void)printf(",\"psk\":\"%s\"", key);
                (void)printf(",\"link\":\"%s\"}\n", link);
                return EXIT_OK;
        }
        (void)printf("证书 certificate  %s\n私钥 private key  %s\n信任 trusts       %s/ca.crt\n",
                issued.certificate, issued.key, certificate_folder(ctl));
        if (key_file)
                (void)printf("DTLS 密钥 key     %s  (身份 identity %s)\n", key, code);
        (void)printf("链接 link         %s\n\n", link);
        qr_print(link);
        (void)printf("私钥装入设备后请删除该文件；重发即吊销旧证书。 / Delete the private key once the "
                     "device has it; enrolling "
                     "again revokes this one.\n");
        show_effect(ctl, true, key_file);
        explicit_bzero(key, sizeof(key));
        return EXIT_OK;
}

int verb_enroll(Ctl *ctl, int argc, char **argv)
{
        bool worker = str_equal(argv[1], "worker"), was;
        const char *code = argv[2], *key_file = worker ? NULL : keys(ctl);
        char secret[2 * SECRET_BYTES + 1], key[2 * KEY_BYTES + 1], line[CODE_SIZE + 256];
        Exit e = check_code(ctl, argv[1], code);
        int r;

        if (e != EXIT_OK)
                return e;
        if (ctl->cert && worker) {
                complain("人员用密码登录", "a worker's app has a password; certificates are for devices");
                return EXIT_USAGE;
        }
        if (ctl->cert)
                return enroll_certificate(ctl, code);
        if (!secret_new(secret, SECRET_BYTES) || !account_line(code, secret, line, sizeof(line))) {
                complain("没有随机数", "no random numbers: %s", strerror(errno));
                return EXIT_ERROR;
        }
        r = line_set(accounts(ctl), code, line, &was);
        if (r < 0)
                return file_failed(accounts(ctl), r);
        if (key_file && key_set(key_file, code, key) < 0)
                return EXIT_ERROR;
        show(ctl, worker, code, secret, key_file ? key : NULL);
        explicit_bzero(secret, sizeof(secret));
        explicit_bzero(key, sizeof(key));
        explicit_bzero(line, sizeof(line));
        return EXIT_OK;
}

int verb_revoke(Ctl *ctl, int argc, char **argv)
{
        const char *code = argv[1], *key_file = keys(ctl);
        bool account = false, key = false, certificate = false;
        int r;

        if (!str_code(code) || str_starts(code, "huying-")) {
                complain("这不是登记表代码",
                        "%s: no code of the registry (or one of the gateway's own names)", code);
                return EXIT_USAGE;
        }
        r = line_set(accounts(ctl), code, NULL, &account);
        if (r < 0 && r != -ENOENT)
                return file_failed(accounts(ctl), r);
        if (key_file) {
                r = line_set(key_file, code, NULL, &key);
                if (r < 0)
                        return file_failed(key_file, r);
        }
        if (certificate_revoke(ctl, code, &certificate) < 0)
                return EXIT_ERROR;
        if (!account && !key && !certificate) {
                complain("此代码没有凭证", "%s has no credential", code);
                return EXIT_ERROR;
        }
        (void)printf("%s 的凭证已撤销 / revoked. ", code);
        show_effect(ctl, certificate, key);
        return EXIT_OK;
}
