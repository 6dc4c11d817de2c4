/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor: what is wrong on this box, and what to do about it.
 *
 * Each finding is one line of Chinese and English and, under it, the remedy. It looks at what the gateway cannot see
 * or cannot change itself: the broker's settings, the disk's health, who has credentials, hours with nobody on duty,
 * devices whose button nobody has ever pressed. Nothing is changed.
 */
#include "tools/huyingctl/huyingctl.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BROKER_CONFIG  "/etc/mosquitto/mosquitto.conf"
#define ACCOUNTS       "/etc/mosquitto/passwd"
#define FREE_BYTES_MIN (256ull << 20)
#define FILES_MIN      65536u
#define NAMES_SHOWN    8u


typedef struct Doctor {
        Ctl *ctl;
        Registry *registry; /* NULL: cannot be read */
        Audit *audit;       /* NULL: the same */
        unsigned findings;
} Doctor;

static void finding(Doctor *d, const char *zh, const char *en, const char *remedy)
{
        d->findings++;
        (void)printf("✗ %s / %s\n    → %s\n", zh, en, remedy);
}

static void well(const char *zh, const char *en)
{
        (void)printf("✓ %s / %s\n", zh, en);
}

/* The gateway itself */

static void look_gateway(Doctor *d)
{
        _cleanup_(freep) char *json = NULL;
        unsigned before = d->findings;
        char why[256] = "";
        uint64_t n = 0;

        if (bus_call(d->ctl, &json, "Status", "") != BUS_OK) {
                finding(d, "网关没有运行", "the gateway does not run",
                        "systemctl start huyingd; journalctl -u huyingd -n 50");
                return;
        }
        if (json_text(json, strlen(json), "$.state", why, sizeof(why)) && str_equal(why, "degraded"))
                finding(d, "记录写不进磁盘，呼叫照常", "alarms are not recorded",
                        "df -h; df -i; dmesg; huyingctl status. Do not stop the gateway before it is well "
                        "again.");
        if (!json_bool(json, strlen(json), "$.mqtt"))
                finding(d, "连不上消息服务器", "the broker cannot be reached",
                        "systemctl status mosquitto; journalctl -u mosquitto -n 50");
        if (!json_bool(json, strlen(json), "$.clock_trusted"))
                finding(d, "时钟不可信", "the wall clock is not synchronised",
                        "timedatectl; give the box a time server (systemd-timesyncd, chrony) and a "
                        "battery-backed clock");
        if (json_u64(json, strlen(json), "$.on_duty", &n) && n == 0)
                finding(d, "此刻无人在岗", "nobody is on duty now",
                        "huyingctl duty --all; huyingctl --as WORKER duty on");
        if (json_u64(json, strlen(json), "$.overdue", &n) && n > 0)
                finding(d, "有超时的警情", "there are overdue incidents", "huyingctl list");
        if (d->findings == before)
                well("网关运行正常", "the gateway is well");
}

/* The broker */

typedef struct BrokerConfig {
        unsigned listeners, bound; /* bound: with use_username_as_clientid */
        bool anonymous, accounts, acl, autosave_on_changes, size_limit, zero_inflight, zero_queued, nodelay;
        bool persistence, location;
        char acl_path[256];
} BrokerConfig;

/* "key value", or false. */
static bool setting(char *line, const char **ret_key, const char **ret_value)
{
        char *end = line + strlen(line), *space;

        while (end > line && isspace((unsigned char)end[-1]))
                *--end = 0;
        while (isspace((unsigned char)*line))
                line++;
        if (!*line || *line == '#')
                return false;
        space = strpbrk(line, " \t");
        if (space) {
                *space++ = 0;
                while (isspace((unsigned char)*space))
                        space++;
        }
        *ret_key = line;
        *ret_value = space ? space : "";
        return true;
}

static void broker_line(BrokerConfig *b, const char *key, const char *value)
{
        bool yes = str_equal(value, "true");

        if (str_equal(key, "listener"))
                b->listeners++;
        else if (str_equal(key, "use_username_as_clientid"))
                b->bound += yes;
        else if (str_equal(key, "allow_anonymous"))
                b->anonymous = yes;
        else if (str_equal(key, "password_file"))
                b->accounts = true;
        else if (str_equal(key, "acl_file")) {
                b->acl = true;
                (void)str_copy(b->acl_path, sizeof(b->acl_path), value); /* cut: then it is not found */
        } else if (str_equal(key, "autosave_on_changes"))
                b->autosave_on_changes = yes;
        else if (str_equal(key, "message_size_limit"))
                b->size_limit = true;
        else if (str_equal(key, "max_inflight_messages"))
                b->zero_inflight = str_equal(value, "0");
        else if (str_equal(key, "max_queued_messages"))
                b->zero_queued = str_equal(value, "0");
        else if (str_equal(key, "set_tcp_nodelay"))
                b->nodelay = yes;
        else if (str_equal(key, "persistence"))
                b->persistence = yes;
        else if (str_equal(key, "persistence_location"))
                b->location = value[0] == '/';
}

static int broker_read(BrokerConfig *b, const char *path)
{
        _cleanup_(fclosep) FILE *f = fopen(path, "re");
        _cleanup_(freep) char *line = NULL;
        const char *key, *value;
        size_t cap = 0;

        if (!f)
                return -errno;
        while (getline(&line, &cap, f) >= 0)
                if (setting(line, &key, &value))
                        broker_line(b, key, value);
        return 0;
}

static bool file_has(const char *path, const char *text)
{
        _cleanup_(fclosep) FILE *f = fopen(path, "re");
        _cleanup_(freep) char *line = NULL;
        size_t cap = 0;

        while (f && getline(&line, &cap, f) >= 0)
                if (strstr(line, text))
                        return true;
        return false;
}

static void broker_rules(Doctor *d, const BrokerConfig *b)
{
        char site[CODE_SIZE + 16], day[CODE_SIZE + 64];
        Str s = STR_BUFFER(site), t = STR_BUFFER(day);

        if (!b->acl || access(b->acl_path, R_OK) != 0)
                return;
        str_addf(&s, "huying/%s/", d->ctl->config.site);
        str_addf(&t, "topic write huying/%s/worker/+/day", d->ctl->config.site);
        if (!file_has(b->acl_path, site))
                finding(d, "权限表是别的站点的", "the ACL does not name this site",
                        "write it for this site: tools/install does");
        else if (file_has(b->acl_path, day))
                finding(d, "权限表是旧版的：离职人员的上门计划会留在消息服务器上",
                        "the ACL is of an older version: the day of whoever has left stays at the broker",
                        "topic readwrite for worker/+/text and worker/+/day of the gateway's user");
}

static void broker_settings(Doctor *d, const BrokerConfig *b)
{
        static const char shipped[] =
                "take config/mosquitto/mosquitto.conf of this project; systemctl restart mosquitto";

        if (b->anonymous || !b->accounts)
                finding(d, "消息服务器不要求密码", "the broker lets people in without a password", shipped);
        if (!b->acl)
                finding(d, "消息服务器没有权限表", "the broker has no ACL: anybody can speak as anybody",
                        shipped);
        if (b->listeners == 0 || b->bound < b->listeners)
                finding(d, "客户端号未与用户名绑定",
                        "a listener lacks use_username_as_clientid: a session, and the SOS that waits in "
                        "it, can be taken over",
                        shipped);
        if (!b->persistence || !b->location)
                finding(d, "消息服务器重启后什么都不记得",
                        "the broker forgets its sessions when it restarts, and with them the alarms that wait for the "
                        "gateway",
                        "persistence true; persistence_location /var/lib/mosquitto/");
        if (b->autosave_on_changes)
                finding(d, "消息服务器每条消息都写盘", "autosave_on_changes wears out flash",
                        "set it to false");
        if (b->size_limit)
                finding(d, "message_size_limit 会确认后丢弃", "message_size_limit acknowledges and drops",
                        "max_packet_size 65536 instead");
        if (b->zero_inflight || b->zero_queued)
                finding(d, "消息窗口或队列为 0", "max_inflight_messages or max_queued_messages is 0",
                        shipped);
        if (!b->nodelay)
                finding(d, "未设 set_tcp_nodelay", "set_tcp_nodelay is off: calls may wait 40 ms and more",
                        "set_tcp_nodelay true");
        broker_rules(d, b);
}

/* The hard number of descriptors of the running broker: each connection is one. */
static void broker_limit(Doctor *d)
{
        glob_t found = {0};

        if (glob("/proc/[0-9]*/comm", GLOB_NOSORT, NULL, &found) != 0)
                return;
        for (size_t i = 0; i < found.gl_pathc; i++) {
                char path[64];
                Str s = STR_BUFFER(path);
                _cleanup_(fclosep) FILE *f = NULL;
                _cleanup_(freep) char *line = NULL;
                unsigned long soft = 0;
                size_t cap = 0;

                if (!file_has(found.gl_pathv[i], "mosquitto\n"))
                        continue;
                str_addf(&s, "%.*slimits", (int)(strlen(found.gl_pathv[i]) - 4), found.gl_pathv[i]);
                f = fopen(path, "re");
                while (f && getline(&line, &cap, f) >= 0)
                        if (sscanf(line, "Max open files %lu", &soft) == 1 && soft < 16384)
                                finding(d, "消息服务器的文件数上限太低",
                                        "the broker may open too few files: each connection is one",
                                        "install systemd/mosquitto.service.d/huying.conf; systemctl "
                                        "daemon-reload; systemctl restart mosquitto");
        }
        globfree(&found);
}

static void look_broker(Doctor *d)
{
        const char *host = d->ctl->config.mqtt_host;
        unsigned before = d->findings;
        BrokerConfig b = {0};
        glob_t found = {0};
        int r;

        if (!host[0] ||
                !(str_starts(host, "127.") || str_equal(host, "localhost") || str_equal(host, "::1")))
                return; /* none, or on another box */
        r = broker_read(&b, BROKER_CONFIG);
        if (glob("/etc/mosquitto/conf.d/*.conf", 0, NULL, &found) == 0 &&
                file_has(BROKER_CONFIG, "include_dir"))
                for (size_t i = 0; i < found.gl_pathc; i++)
                        (void)broker_read(
                                &b, found.gl_pathv[i]); /* one that cannot be read hides nothing new */
        globfree(&found);
        if (r < 0) {
                finding(d, "读不了消息服务器的配置",
                        "the broker's configuration cannot be read: " BROKER_CONFIG, "run this as root");
                return;
        }
        broker_settings(d, &b);
        broker_limit(d);
        if (d->findings == before)
                well("消息服务器设置正确", "the broker's settings are right");
}

/* The disk */

static void flash_wear(Doctor *d)
{
        glob_t found = {0};

        if (glob("/sys/block/mmcblk*/device/life_time", 0, NULL, &found) != 0)
                return;
        for (size_t i = 0; i < found.gl_pathc; i++) {
                _cleanup_(fclosep) FILE *f = fopen(found.gl_pathv[i], "re");
                unsigned a = 0, b = 0;

                /* JESD84-B51: tenths of the life that is used up; 0x0b: beyond it */
                if (f && fscanf(f, "%x %x", &a, &b) == 2 && (a >= 8 || b >= 8))
                        finding(d, "存储芯片寿命将尽", "the flash chip has used up most of its life",
                                "copy the state (huyingctl backup) and replace the chip or the box within "
                                "weeks");
        }
        globfree(&found);
}

static void look_disk(Doctor *d)
{
        const char *path = d->ctl->config.state_directory;
        unsigned before = d->findings;
        struct statvfs fs;
        struct stat st;

        if (statvfs(path, &fs) < 0 || stat(path, &st) < 0) {
                finding(d, "状态文件夹不可用", "the state folder is not there",
                        "systemctl restart huyingd makes it; see StateDirectory=");
                return;
        }
        if (fs.f_flag & ST_RDONLY)
                finding(d, "磁盘成了只读", "the disk is read-only",
                        "dmesg says why; check the file system and mount it again");
        if ((uint64_t)fs.f_bavail * fs.f_frsize < FREE_BYTES_MIN)
                finding(d, "磁盘将满", "less than 256 MB are free",
                        "du -xh --max-depth=2 / | sort -h | tail; make room");
        if (fs.f_files > 0 && fs.f_favail < FILES_MIN && fs.f_favail < fs.f_files / 20)
                finding(d, "索引节点将尽", "few inodes are left", "df -i; find out who makes so many files");
        if (st.st_mode & 07)
                finding(d, "状态文件夹人人可读", "everybody may read the state folder", "chmod o= on it");
        flash_wear(d);
        if (d->findings == before)
                well("磁盘正常", "the disk is well");
}

/* Credentials */

static bool has_account(const char *path, const char *code)
{
        _cleanup_(fclosep) FILE *f = fopen(path, "re");
        _cleanup_(freep) char *line = NULL;
        size_t cap = 0, n = strlen(code);

        while (f && getline(&line, &cap, f) >= 0)
                if (strncmp(line, code, n) == 0 && line[n] == ':')
                        return true;
        return false;
}

static void name_add(Str *s, unsigned n, const char *name)
{
        if (n < NAMES_SHOWN)
                str_addf(s, "%s%s", n ? " " : "", name);
        else if (n == NAMES_SHOWN)
                str_add(s, " …");
}

static void look_accounts(Doctor *d, const char *path)
{
        char names[NAMES_SHOWN * CODE_SIZE], remedy[sizeof(names) + 96];
        Str s = STR_BUFFER(names), r = STR_BUFFER(remedy);
        unsigned n = 0;

        for (uint32_t i = 1; i < d->registry->n_workers; i++) {
                const Worker *w = registry_worker(d->registry, i);

                if (w && !has_account(path, w->code))
                        name_add(&s, n++, w->code);
        }
        if (n > 0) {
                str_addf(&r, "huyingctl enroll worker CODE: %s", names);
                finding(d, "有人员还没有凭证", "workers without a credential cannot be called by the app",
                        remedy);
        }
}

static void secret_mode(Doctor *d, const char *path)
{
        struct stat st;

        if (path[0] && stat(path, &st) == 0 && (st.st_mode & 07))
                finding(d, "密码文件人人可读", "everybody may read a file of secrets", path);
}

static void look_credentials(Doctor *d)
{
        const char *path = d->ctl->accounts ? d->ctl->accounts : ACCOUNTS;
        unsigned before = d->findings;

        secret_mode(d, d->ctl->config.mqtt_password_file);
        secret_mode(d, d->ctl->config.coap_psk_file);
        secret_mode(d, path);
        if (d->ctl->config.coap_listen_dtls[0] && !d->ctl->config.coap_psk_file[0])
                finding(d, "开了 DTLS 却没有密钥文件", "DTLS is on and there is no file of keys",
                        "[CoAP] PSKFile=, and huyingctl enroll device CODE");
        if (d->ctl->config.mqtt_host[0] && !d->ctl->config.mqtt_password_file[0])
                finding(d, "网关自己没有密码", "the gateway logs into the broker without a password",
                        "[MQTT] PasswordFile=; see huyingd.conf(5)");
        if (d->registry && access(path, R_OK) == 0)
                look_accounts(d, path);
        if (d->findings == before)
                well("凭证正常", "the credentials are in order");
}

/* People and devices */

static void look_roster(Doctor *d)
{
        RosterProblem p = {0};

        if (!d->registry)
                return;
        if (roster_check(d->registry, &d->ctl->config.policy, clock_now(), &p))
                well("两周内各时段末级均有人值班",
                        "in every hour of the next two weeks the last tier has somebody on duty");
        else
                finding(d, "值班表有空档", "there are hours in the next two weeks with nobody on duty",
                        "huyingctl duty --all; fill duty.csv, then huyingctl import FOLDER");
}

typedef struct Heard {
        const Registry *registry;
        uint8_t *heard; /* by id */
} Heard;

static bool on_row(void *userdata, const AuditRow *row)
{
        Heard *h = userdata;
        char code[CODE_SIZE], via[32] = "";
        uint32_t id;

        /* A test counts, but not a drill: that shows what the gateway does, and nothing of the device. */
        if ((row->kind != JOURNAL_EVENT && row->kind != JOURNAL_TEST) || !row->body ||
                !json_text(row->body, row->body_size, "$.device", code, sizeof(code)))
                return true;
        if (json_text(row->body, row->body_size, "$.via", via, sizeof(via)) && str_equal(via, event_via_word(VIA_CONTROL)))
                return true;
        id = registry_device_id(h->registry, code);
        if (id)
                h->heard[id] = 1;
        return true;
}

/* A device whose alarm nobody has ever seen arrive is a hope, not a protection. */
static void look_devices(Doctor *d)
{
        char names[NAMES_SHOWN * CODE_SIZE + 8], remedy[sizeof(names) + 96];
        Str s = STR_BUFFER(names), r = STR_BUFFER(remedy);
        _cleanup_(freep) uint8_t *heard = NULL;
        unsigned n = 0;
        Heard h;

        if (!d->registry || !d->audit)
                return;
        heard = calloc(d->registry->n_devices + 1, 1);
        h = (Heard){.registry = d->registry, .heard = heard};
        if (!heard || audit_rows(d->audit, 0, 1, UINT64_MAX, on_row, &h) < 0)
                return;
        for (uint32_t i = 1; i < d->registry->n_devices; i++) {
                const Device *device = registry_device(d->registry, i);

                if (device && !heard[i])
                        name_add(&s, n++, device->code);
        }
        if (n == 0) {
                well("每台设备都试过", "an alarm of every device has arrived at least once");
                return;
        }
        str_addf(&r, "press each once (huyingctl drill tries the gateway, not the device): %s", names);
        finding(d, "有设备从未试过", "devices of which no alarm has ever arrived", remedy);
}

int verb_doctor(Ctl *ctl, int argc, char **argv)
{
        _cleanup_(audit_freep) Audit *audit = NULL;
        _cleanup_(registry_unrefp) Registry *registry = NULL;
        Doctor d = {.ctl = ctl};
        char why[128];

        (void)clock_trust(0); /* for the roster: this process has no history to compare with */
        if (audit_open(&audit, ctl->config.state_directory, why) != 0)
                finding(&d, "读不了记录", why, "run this as root, or as a member of the daemon's group");
        else if (audit_registry(audit, &registry) != 0)
                registry = NULL;
        d.audit = audit;
        d.registry = registry;
        look_gateway(&d);
        look_broker(&d);
        look_disk(&d);
        look_credentials(&d);
        look_roster(&d);
        look_devices(&d);
        if (d.findings == 0)
                return EXIT_OK;
        (void)printf("\n%u 处需要处理 / to be seen to\n", d.findings);
        return EXIT_NOT_WELL;
}
