/* SPDX-License-Identifier: Apache-2.0 */
/* huyingctl: the operator's and the auditor's tool. Options, the table of verbs, and the help made from it.
 */
#include "tools/huyingctl/huyingctl.h"

#include "base/str.h"

#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <string.h>

#define CONFIG_DEFAULT "/etc/huyingd/huyingd.conf"

#ifndef HUYING_VERSION
#define HUYING_VERSION "unknown"
#endif

typedef struct Verb {
        const char *word, *arguments, *zh, *en;
        int min, max; /* arguments */
        int (*fn)(Ctl *, int argc, char **argv);
} Verb;

static const Verb verbs[] = {
        {"status", "", "是否一切正常", "is all well? exit code 3 when not", 0, 0, verb_status},
        {"list", "[--all]", "未办结的警情；--all 含历史", "open incidents; --all: every one there ever was",
                0, 0, verb_list},
        {"show", "N", "一件警情的全过程", "one incident's whole timeline; works while the daemon is down", 1,
                1, verb_show},
        {"vitals", "RESIDENT [--day D]", "一位老人一天的体征曲线；查看会被记录",
                "a day of one person's readings as curves; the look is journaled", 1, 1, verb_vitals},
        {"verify", "[--from --to | --incident N]", "核对记录：散列链、树、签名",
                "checks chain, tree and signed checkpoints", 0, 0, verb_verify},
        {"replay", "", "重演：记录逐条再经引擎，对照状态与动作",
                "runs the journal through the engine again and compares; read-only", 0, 0, verb_replay},
        {"audit", "[--resident …]", "查询：按人、床、设备、人员、网格、时间、类别、结果",
                "queries; see below", 0, 0, verb_audit},
        {"kpi", "[--month M] [--by grid|worker|resident]", "时限指标", "figures against the standards", 0, 0,
                verb_kpi},
        {"report", "day|week|month|visits [WHEN] | list", "日登记、周汇总、月上报、上门服务", "the bureau's forms", 1, 2,
                verb_report},
        {"visit", "in RESIDENT | out | fix N TIME", "上门签到、签离、更正",
                "checks in and out at a bed; fix: a desk corrects, with --reason", 1, 3, verb_visit},
        {"visits", "[--resident --worker --month]", "上门记录，附可证明的记录号",
                "visits, with the rows that prove them", 0, 0, verb_visits},
        {"prove", "SEQ | --checkpoint F", "一条记录的证明；检查点的延续证明",
                "a proof of one row, or that a checkpoint's journal goes on in ours", 0, 1, verb_prove},
        {"export", "[--from --to]", "导出为 JSONL，供独立核验", "JSONL for an independent verifier", 0, 0,
                verb_export},
        {"archive", "YEAR", "一年的台账归档，可独立核验", "one year of the journal as a file that stays verifiable", 1, 1,
                verb_archive},
        {"salvage", "FILE OUT", "从损坏的数据库抢救记录", "reads what can be read of a damaged database", 2, 2,
                verb_salvage},
        {"erase", "RESIDENT --reason R", "依法删除某人的记录内容",
                "lawful erasure of what a person's rows say", 1, 1, verb_erase},
        {"backup", "FILE", "在线备份", "copies the database while it is in use", 1, 1, verb_backup},
        {"restore", "--check FILE", "备份演练：核对备份可用", "proves that a backup can be used", 1, 1,
                verb_restore},
        {"duty", "[--all] | on | off", "谁在岗；以 --as 上岗、离岗",
                "who is on; on, off: checks --as in or out", 0, 1, verb_duty},
        {"accept", "N", "接单", "accepts", 1, 1, verb_act},
        {"arrived", "N", "到达", "is on the scene", 1, 1, verb_act},
        {"resolve", "N OUTCOME [NOTE]", "办结", "resolves: helped, hospital, false_alarm, …", 2, 3,
                verb_act},
        {"decline", "N", "拒绝", "declines", 1, 1, verb_act},
        {"release", "N", "退单", "gives it back: the ladder goes on", 1, 1, verb_act},
        {"handoff", "N AGENCY [REF]", "移交 119、120 或上级（up）",
                "hands off to 119, 120, up; the ladder goes on", 2, 3, verb_act},
        {"reopen", "N", "重开", "opens it again", 1, 1, verb_act},
        {"requests", "[--all]", "诉求：待办的；--all 含已评价、不受理", "everyday requests; --all: also closed ones", 0, 0,
                verb_requests},
        {"request", "RESIDENT easy|key|hard TEXT", "登记诉求；--public 可上公示墙",
                "writes down what a resident wants; --public: its words may stand on the wall", 3, 3, verb_request},
        {"assign", "N WORKER", "指派", "gives a request to somebody", 2, 2, verb_request_act},
        {"start", "N", "开始办理", "work begins", 1, 1, verb_request_act},
        {"waiting", "N TIME EVIDENCE", "等待，须有凭据", "waits, with evidence, 5 days in all", 3, 3, verb_request_act},
        {"done", "N [NOTE]", "办完，待回访", "is done: the resident is to be asked", 1, 2, verb_request_act},
        {"not-accepted", "N REASON", "不受理，须有理由", "is not accepted, with a reason", 2, 2, verb_request_act},
        {"escalate", "N REASON", "上报一级", "hands it up one level", 2, 2, verb_request_act},
        {"rate", "N 1…5 [NOTE]", "回访评价；3 分以下上一级重办", "what the resident says; below 3 it is opened one level up",
                2, 3, verb_request_act},
        {"reclass", "N easy|key|hard", "改类别", "changes the class", 2, 2, verb_request_act},
        {"unprotected", "", "设备失效的老人，风险高的在前；超期未测试的设备",
                "residents whose devices do not work, by risk; devices not tried for too long", 0, 0,
                verb_unprotected},
        {"testbox", "DEVICE", "15 分钟内该设备的下一次报警是测试；60 秒内用 testok 确认",
                "for 15 minutes the device's next alarm is a test; confirm it in 60 s", 1, 1, verb_care},
        {"testok", "N", "测试报警已收到", "the test alarm has arrived", 1, 1, verb_care},
        {"shelve", "DEVICE [TIME]", "暂停该设备的故障告警（至多 24h）；无时长则恢复",
                "its faults rest, 24h at most, never its alarms; no time: no more", 1, 2, verb_care},
        {"away", "RESIDENT MODE [TIME]", "home 在家、away 外出、hospital 住院，须有期限",
                "home, away, hospital, until when; mutes no alarm", 2, 3, verb_care},
        {"import", "FOLDER", "换用新的登记表", "replaces the registry by a folder of CSV files", 1, 1,
                verb_import},
        {"profile", "list | test NAME [TOPIC]", "市售设备的规则；test 显示一条消息（标准输入）的含义",
                "rules of devices as sold; test: what a message on standard input means", 1, 3,
                verb_profile},
        {"devices", "--unclaimed", "听到过、尚未登记的设备",
                "devices that were heard and are not registered", 0, 0, verb_devices},
        {"bind", "DEVICE HOME [CLASS [PROFILE]]", "登记设备到住户或老人",
                "registers a device with a dwelling or a resident", 2, 4, verb_bind},
        {"enroll", "device|worker CODE", "发凭证：密码或证书（--cert）、链接、二维码",
                "gives a credential: password or certificate (--cert), link, QR code", 2, 2, verb_enroll},
        {"revoke", "CODE", "撤销凭证", "takes the credential away", 1, 1, verb_revoke},
        {"doctor", "", "体检：说明哪里不妥、该怎么办", "looks for what is wrong, and says what to do", 0, 0,
                verb_doctor},
        {"drill", "DEVICE [--call --yes]", "演练：默认只记录，不叫人", "a test of a device; see below", 1, 1,
                verb_drill},
};

#define OPTION_BASE 1000 /* beyond any character */

#define WITH(name, option)                                                                                  \
        {                                                                                                   \
                name, required_argument, NULL, OPTION_BASE + (option)                                       \
        }
#define FLAG(name, option)                                                                                  \
        {                                                                                                   \
                name, no_argument, NULL, OPTION_BASE + (option)                                             \
        }

#define AUDIT_OPTIONS                                                                                       \
        WITH("from", OPTION_FROM), WITH("to", OPTION_TO), WITH("incident", OPTION_INCIDENT),                \
                WITH("checkpoint", OPTION_CHECKPOINT), WITH("key", OPTION_KEY),                             \
                WITH("resident", OPTION_RESIDENT), WITH("dwelling", OPTION_DWELLING),                       \
                WITH("bed", OPTION_DWELLING), WITH("device", OPTION_DEVICE), WITH("worker", OPTION_WORKER), \
                WITH("grid", OPTION_GRID), WITH("community", OPTION_GRID), WITH("since", OPTION_SINCE),     \
                WITH("until", OPTION_UNTIL), WITH("kind", OPTION_KIND), WITH("outcome", OPTION_OUTCOME),    \
                FLAG("open", OPTION_OPEN), FLAG("late", OPTION_LATE), FLAG("events", OPTION_EVENTS),        \
                FLAG("access", OPTION_ACCESS), FLAG("csv", OPTION_CSV), FLAG("jsonl", OPTION_JSONL),        \
                FLAG("unmask", OPTION_UNMASK), WITH("reason", OPTION_REASON), WITH("role", OPTION_ROLE),    \
                FLAG("pseudonymise", OPTION_PSEUDONYMISE), WITH("month", OPTION_MONTH),                     \
                WITH("by", OPTION_BY), WITH("format", OPTION_FORMAT), WITH("output", OPTION_OUTPUT),        \
                FLAG("no-pager", OPTION_NO_PAGER), FLAG("check", OPTION_CHECK),                             \
                WITH("archive", OPTION_ARCHIVE), WITH("service", OPTION_SERVICE), WITH("rating", OPTION_RATING), \
                WITH("day", OPTION_DAY), FLAG("public", OPTION_PUBLIC)

#define VERBS (sizeof(verbs) / sizeof(*verbs))

void complain(const char *chinese, const char *english, ...)
{
        va_list ap;

        (void)fprintf(stderr, "huyingctl: %s / ", chinese);
        va_start(ap, english);
        (void)vfprintf(stderr, english, ap);
        va_end(ap);
        (void)fputc('\n', stderr);
}

#define HELP_COLUMNS 31 /* of a verb and its arguments */

static void print_help(FILE *f)
{
        (void)fputs("huyingctl [选项 options] 命令 VERB …    呼应网关的管理工具 / the tool of the Huying "
                    "gateway\n\n",
                f);
        for (size_t i = 0; i < VERBS; i++) {
                char form[64];
                int columns = 0;

                (void)snprintf(form, sizeof(form), "%-8s %s", verbs[i].word, verbs[i].arguments); /* fits */
                for (const char *p = form; *p; p++)
                        columns += ((unsigned char)*p & 0xc0) != 0x80; /* … is one */
                (void)fprintf(f, "  %s%*s %s / %s\n", form, columns < HELP_COLUMNS ? HELP_COLUMNS - columns : 0, "",
                        verbs[i].zh, verbs[i].en);
        }
        (void)fputs("\n  --config FILE  配置 / configuration [" CONFIG_DEFAULT "]\n"
                    "  --as WORKER    以谁的名义 / in whose name. accept … reopen: without it the one desk "
                    "(role\n"
                    "                 community or night-desk) of the registry; with several desks it must "
                    "be said\n"
                    "  --accounts F   MQTT 密码文件 / the broker's password file [/etc/mosquitto/passwd] "
                    "(enroll, "
                    "revoke)\n"
                    "  --keys F       CoAP 密钥文件 / keys for DTLS [PSKFile=, /etc/huyingd/credentials/coap-psk, "
                    "where there "
                    "is one]\n"
                    "  --app URL      App 网址，用于链接 / where the workers' app is, for the link\n"
                    "  --cert         发证书而非密码 / a certificate instead of a password (enroll device), into --output "
                    "[.]\n"
                    "  --authority F  签发证书的目录 / folder of the site's authority "
                    "[/etc/huyingd/credentials/ca]\n"
                    "  --crl F        吊销列表 / list of revoked certificates [/etc/mosquitto/certs/ca.crl]\n"
                    "  --json         原样输出 JSON / JSON as it comes\n"
                    "  --all          全部 / everything (list, duty)\n"
                    "  --version, --help\n\n"
                    "查证 auditors (audit, visits, kpi, report, verify, export, archive):\n"
                    "  --resident R, --bed H, --dwelling H, --device D, --worker W, --grid G, --community G\n"
                    "                 谁、哪里 / whose and where (audit; visits: resident, worker, grid)\n"
                    "  --kind K, --outcome O, --open, --late   类别、结果、未结、60 秒内无人接单 / not answered in 60 s\n"
                    "  --since T, --until T, --month YYYY-MM   2026-11-01、\"2026-11-01 08:30\"、7d\n"
                    "  --events, --access   逐条记录；谁看过 / each step a row; who has looked\n"
                    "  --by B         grid、worker、resident（kpi）\n"
                    "  --csv, --jsonl, --no-pager, --format F, --output FOLDER   输出 / forms (report: xlsx csv jsonl html)\n"
                    "  --unmask, --role R, --reason R   显示姓名，先记入台账 / show names; journaled first\n"
                    "  --pseudonymise 代号代替人员，不含备注 / codes of people replaced, notes left out (export, archive)\n"
                    "  --from N, --to N, --incident N   哪些记录 / which rows (verify, export)\n"
                    "  --checkpoint F, --key K, --archive F   外部检查点或警情 JSON；公钥；档案 / a witness's note or a saved\n"
                    "                 alert; the verifier key or its file; an archive to check\n"
                    "  --service S, --rating N   服务、评价 / what a visit is for; by the resident, 1 to 5 (visit)\n"
                    "  --public       内容可上公示墙 / its words may stand on the wall (request, done, …)\n"
                    "  --check        restore：只核对 / only proves the backup\n\n"
                    "drill DEVICE 以 DEVICE 的名义发一条测试报警（kind "
                    "test）：从网关到记录走一遍，不呼叫任何人。\n"
                    "加 --call 则发出真正的 SOS，会呼叫真人直到有人接单，所以还必须加 "
                    "--yes；事后请接单并办结。\n"
                    "drill DEVICE sends a test alarm in the name of DEVICE: through the gateway into the "
                    "record, and\n"
                    "nobody is called. With --call it is a real SOS that calls real people until somebody "
                    "accepts;\n"
                    "that needs --yes too, and has to be accepted and resolved afterwards.\n\n"
                    "退出码 / exit codes: 0 好 ok, 1 出错 error, 2 用法 usage, 3 不正常 not well\n",
                f);
}

/* Chinese needs a UTF-8 locale for its width; a minimal system has C.UTF-8 at least. */
static void locale_open(void)
{
        (void)setlocale(LC_ALL, "");
        if (!str_equal(nl_langinfo(CODESET), "UTF-8"))
                (void)setlocale(LC_CTYPE, "C.UTF-8");
}

static int config_load(Ctl *ctl)
{
        ConfigError error;
        int r = config_read(&ctl->config, ctl->config_path, &error);

        if (r == CONFIG_E_INVALID && error.line > 0)
                complain("配置有误", "%s:%u: %s", error.file, error.line, error.text);
        else if (r == CONFIG_E_INVALID)
                complain("配置有误", "%s: %s", error.file, error.text);
        else if (r < 0)
                complain("读不了配置", "%s: %s", ctl->config_path, strerror(-r));
        return r;
}

static int run(Ctl *ctl, int argc, char **argv)
{
        for (size_t i = 0; i < VERBS; i++) {
                if (!str_equal(verbs[i].word, argv[0]))
                        continue;
                if (argc - 1 < verbs[i].min || argc - 1 > verbs[i].max) {
                        complain("用法", "usage: huyingctl %s %s", verbs[i].word, verbs[i].arguments);
                        return EXIT_USAGE;
                }
                if (config_load(ctl) != 0)
                        return EXIT_ERROR;
                return verbs[i].fn(ctl, argc, argv);
        }
        complain("没有这个命令", "no such verb: %s (huyingctl --help)", argv[0]);
        return EXIT_USAGE;
}

int main(int argc, char **argv)
{
        static const struct option options[] = {
                {"config", required_argument, NULL, 'c'},
                {"as", required_argument, NULL, 'w'},
                {"accounts", required_argument, NULL, 'A'},
                {"keys", required_argument, NULL, 'K'},
                {"app", required_argument, NULL, 'L'},
                {"cert", no_argument, NULL, 'X'},
                {"authority", required_argument, NULL, 'B'},
                {"crl", required_argument, NULL, 'R'},
                {"json", no_argument, NULL, 'j'},
                {"all", no_argument, NULL, 'a'},
                {"yes", no_argument, NULL, 'y'},
                {"call", no_argument, NULL, 'C'},
                {"unclaimed", no_argument, NULL, 'u'},
                AUDIT_OPTIONS,
                {"version", no_argument, NULL, 'v'},
                {"help", no_argument, NULL, 'h'},
                {0},
        };
        Ctl ctl = {.config_path = CONFIG_DEFAULT};
        int c, r;

        locale_open();
        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (c) {
                case 'c': ctl.config_path = optarg; break;
                case 'w': ctl.as = optarg; break;
                case 'A': ctl.accounts = optarg; break;
                case 'K': ctl.keys = optarg; break;
                case 'L': ctl.app = optarg; break;
                case 'X': ctl.cert = true; break;
                case 'B': ctl.authority = optarg; break;
                case 'R': ctl.crl = optarg; break;
                case 'j': ctl.json = true; break;
                case 'a': ctl.all = true; break;
                case 'y': ctl.yes = true; break;
                case 'C': ctl.call = true; break;
                case 'u': ctl.unclaimed = true; break;
                case 'v': (void)puts("huyingctl " HUYING_VERSION); return EXIT_OK;
                case 'h': print_help(stdout); return EXIT_OK;
                default:
                        if (c < OPTION_BASE)
                                return EXIT_USAGE;
                        ctl.option[c - OPTION_BASE] = optarg ? optarg : "";
                }
        if (optind == argc) {
                print_help(stderr);
                return EXIT_USAGE;
        }
        if (!json_up())
                return EXIT_ERROR;
        r = run(&ctl, argc - optind, argv + optind);
        json_down();
        return r;
}
