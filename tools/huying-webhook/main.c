/* SPDX-License-Identifier: Apache-2.0 */
/*
 * huying-webhook KIND WHERE: a channel that posts to a group chat.
 *
 *   [Channel group]
 *   Exec=/usr/bin/huying-webhook wecom credential:group
 *   Batch=20
 *   Timeout=60s
 *
 * These servers refuse who calls too often (WeCom and DingTalk 20 times a minute). So a call waits until its time has
 * come, and what comes meanwhile waits in the gateway, which gives it to the next run as a whole (Batch=): many notices go
 * as few messages. The time of the last call stands in a file of the runtime folder, whose lock also keeps two channels
 * with one address apart.
 *
 * Exit status 0: the server has taken the message. Anything else, and the channel has failed, which opens the next. The
 * address is a secret (whoever has it can write into the chat), so it comes from a credential and is told nobody.
 */
#include "webhook.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <openssl/evp.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>

#ifndef HUYING_VERSION
#define HUYING_VERSION "unknown"
#endif

#define INPUT_MAX  (4u << 20)
#define WITHIN_S   20 /* one request */
#define AGAIN_S    2  /* before the second, where the server asks for nothing */
#define AGAIN_MAX  15 /* … and what it may ask for */
#define SECRET_MAX 256

typedef struct Hook {
        Kind kind;
        char url[URL_SIZE], secret[SECRET_MAX];
        const char *ca_file;
        uint64_t per_minute;
} Hook;

static int usage(FILE *f, int code)
{
        fputs("用法 Usage: huying-webhook [选项 options] wecom|dingtalk|ntfy|generic WHERE\n"
              "  WHERE              https://…, file:PATH, or credential:NAME (systemd's LoadCredential=); a "
              "file holds "
              "the address\n"
              "                     and, on a second line, a secret (dingtalk: 加签; ntfy and generic: a "
              "bearer "
              "token)\n"
              "  --per-minute N     at most so many calls a minute (15)\n"
              "  --ca FILE          certificates (PEM) that sign the server's; the system's without it\n"
              "Notices come on standard input, one JSON object a line. Exit status 0: the server has taken "
              "them.\n",
                f);
        return code;
}

static bool line_get(FILE *f, char *ret, size_t cap)
{
        if (!fgets(ret, (int)cap, f))
                return false;
        if (!strchr(ret, '\n') && !feof(f))
                return false; /* longer than there is room */
        ret[strcspn(ret, "\r\n")] = '\0';
        return true;
}

/* NULL, or what is wrong. */
static const char *where_read(Hook *h, const char *where)
{
        const char *folder = getenv("CREDENTIALS_DIRECTORY");
        char path[1024];
        Str s = STR_BUFFER(path);

        if (str_starts(where, "https://") || str_starts(where, "http://"))
                return str_copy(h->url, sizeof(h->url), where) ? NULL : "the address is too long";
        if (str_starts(where, "credential:") && !folder)
                return "there is no CREDENTIALS_DIRECTORY: LoadCredential= is missing in the unit";
        if (str_starts(where, "credential:"))
                str_addf(&s, "%s/%s", folder, where + strlen("credential:"));
        else if (str_starts(where, "file:"))
                str_add(&s, where + strlen("file:"));
        else
                return "neither https://…, file:… nor credential:…";

        _cleanup_(fclosep) FILE *f = s.full ? NULL : fopen(path, "re");

        if (!f)
                return "the file with the address cannot be read";
        if (!line_get(f, h->url, sizeof(h->url)) ||
                !(str_starts(h->url, "https://") || str_starts(h->url, "http://")))
                return "the file does not begin with an address";
        return line_get(f, h->secret, sizeof(h->secret)) || feof(f) ? NULL : "the secret is too long";
}

static char *input_read(size_t *ret_n)
{
        char *text = malloc(INPUT_MAX);

        *ret_n = text ? fread(text, 1, INPUT_MAX, stdin) : 0;
        return text;
}

static void wait_ms(uint64_t ms)
{
        (void)poll(NULL, 0, (int)ms); /* an interruption is an early look, by a little */
}

/* The file that says when this address was called last, locked; -1: there is none, then nobody keeps us. */
static int turn_open(const Hook *h)
{
        const char *folder = getenv("RUNTIME_DIRECTORY");
        uint8_t hash[32];
        char path[512];
        Str s = STR_BUFFER(path);
        int fd;

        if (EVP_Digest(h->url, strlen(h->url), hash, NULL, EVP_sha256(), NULL) != 1)
                return -1;
        str_addn(&s, folder ? folder : "/tmp", folder ? strcspn(folder, ":") : 4);
        str_addf(&s, "/webhook-%u-", (unsigned)getuid());
        for (size_t i = 0; i < 8; i++)
                str_addf(&s, "%02x", hash[i]);
        fd = s.full ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        while (fd >= 0 && flock(fd, LOCK_EX) < 0 && errno == EINTR)
                ;
        return fd;
}

/* Waits until a call is allowed, and notes it. Both by the time since boot; a file of another boot is as good as none. */
static void turn_take(const Hook *h, int fd)
{
        uint64_t pause_us = 60 * USEC_PER_SEC / h->per_minute, last = 0, now = clock_now().boot_us;

        if (fd < 0)
                return;
        if (pread(fd, &last, sizeof(last), 0) == (ssize_t)sizeof(last) && last <= now &&
                last + pause_us > now)
                wait_ms((last + pause_us - now) / USEC_PER_MSEC + 1);
        now = clock_now().boot_us;
        (void)!pwrite(fd, &now, sizeof(now),
                0); /* fails: the next one comes too soon, and is told so by the server */
}

static bool send_lines(const Hook *h, const Line *lines, size_t n)
{
        static Message m;
        static Post p;
        _cleanup_(closep) int turn = turn_open(h);

        for (unsigned attempt = 0;; attempt++) {
                PostResult result;

                turn_take(h, turn);
                if (!message_make(h->kind, h->url, h->secret, lines, n,
                            clock_now().wall_us / (int64_t)USEC_PER_MSEC, &m)) {
                        log_err("huying-webhook: the message does not fit");
                        return false;
                }
                result = post(&m, h->ca_file, WITHIN_S, &p);
                if (result == POST_OK) {
                        if (answer_ok(h->kind, p.answer, p.n_answer))
                                return true;
                        log_err("huying-webhook: the server has refused the message");
                        return false;
                }
                log_err("huying-webhook: %s", p.why);
                if (result == POST_REFUSED || attempt > 0 || p.again_s > AGAIN_MAX)
                        return false;
                wait_ms((p.again_s ? p.again_s : AGAIN_S) * 1000);
        }
}

int main(int argc, char **argv)
{
        static const struct option options[] = {{"per-minute", required_argument, NULL, 'm'},
                {"ca", required_argument, NULL, 'a'}, {"version", no_argument, NULL, 'v'},
                {"help", no_argument, NULL, 'h'}, {0}};
        static const char *const kinds[KIND_MAX] = {"wecom", "dingtalk", "ntfy", "generic"};
        static Line lines[NOTICES_MAX];
        _cleanup_(freep) char *input = NULL;
        Hook h = {.kind = KIND_MAX, .per_minute = 15};
        const char *why;
        size_t n;
        int c;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
                switch (c) {
                case 'm':
                        if (!parse_u64(optarg, &h.per_minute) || h.per_minute < 1 || h.per_minute > 6000)
                                return usage(stderr, 2);
                        break;
                case 'a': h.ca_file = optarg; break;
                case 'v': printf("huying-webhook %s\n", HUYING_VERSION); return 0;
                case 'h': return usage(stdout, 0);
                default: return usage(stderr, 2);
                }
        if (argc - optind != 2)
                return usage(stderr, 2);
        for (unsigned k = 0; k < KIND_MAX; k++)
                if (str_equal(argv[optind], kinds[k]))
                        h.kind = (Kind)k;
        if (h.kind == KIND_MAX)
                return usage(stderr, 2);
        why = where_read(&h, argv[optind + 1]);
        if (why) {
                log_err("huying-webhook: %s", why);
                return 2;
        }
        input = input_read(&n);
        n = input ? lines_read(input, n, lines) : 0;
        if (n == 0) {
                log_err("huying-webhook: no notice on standard input");
                return 1;
        }
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return 1;
        c = send_lines(&h, lines, n) ? 0 : 1;
        curl_global_cleanup();
        return c;
}
