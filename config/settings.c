/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of settings: one row a setting, with section, key, parser, default, range and help. What a
 * configuration file may say, `huyingd --settings`, the table in the README and huyingd.conf all follow from
 * it; the tests hold them together.
 *
 * Defaults go through the same parsers as the lines of a file, so that a default can be copied into a file
 * as it stands. A ladder has the same keys for every class, and its defaults in a table of their own
 * (SEMANTICS.md section 5). What one setting means for another is held in check.c.
 */
#include "config/settings.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"
#include "limits.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

typedef struct Setting Setting;
typedef int (*SettingParser)(Reader *, const Setting *, void *field, char *value);

struct Setting {
        Section section;
        const char *key;
        SettingParser parse;
        size_t offset, size; /* in Config, ConfigChannel or ClassPolicy */
        uint64_t min, max;   /* numbers; durations in microseconds, where 0 is allowed besides when `off` */
        bool off;
        const char *standard; /* the default; NULL: ladder_defaults */
        const char *help;
};

static int parse_site(Reader *, const Setting *, void *, char *);
static int parse_grid(Reader *, const Setting *, void *, char *);
static int parse_name(Reader *, const Setting *, void *, char *);
static int parse_path(Reader *, const Setting *, void *, char *);
static int parse_paths(Reader *, const Setting *, void *, char *);
static int parse_address(Reader *, const Setting *, void *, char *);
static int parse_websocket(Reader *, const Setting *, void *, char *);
static int parse_number(Reader *, const Setting *, void *, char *);
static int parse_time(Reader *, const Setting *, void *, char *);
static int parse_time_or_auto(Reader *, const Setting *, void *, char *);
static int parse_tier(Reader *, const Setting *, void *, char *);
static int parse_outcomes(Reader *, const Setting *, void *, char *);
static int parse_to(Reader *, const Setting *, void *, char *);
static int parse_hours(Reader *, const Setting *, void *, char *);
static int parse_days(Reader *, const Setting *, void *, char *);
static int parse_levels(Reader *, const Setting *, void *, char *);
static int parse_urgent(Reader *, const Setting *, void *, char *);

#define FIELD(type, member) offsetof(type, member), sizeof(((type *)NULL)->member)
#define GATEWAY(key, parse, member, min, max, standard, help)                                               \
        {                                                                                                   \
                SECTION_GATEWAY, key, parse, FIELD(Config, member), min, max, false, standard, help         \
        }
#define MQTT(key, parse, member, min, max, standard, help)                                                  \
        {                                                                                                   \
                SECTION_MQTT, key, parse, FIELD(Config, member), min, max, false, standard, help            \
        }
#define COAP(key, parse, member, min, max, standard, help)                                                  \
        {                                                                                                   \
                SECTION_COAP, key, parse, FIELD(Config, member), min, max, false, standard, help            \
        }
#define HTTP(key, parse, member, standard, help)                                                            \
        {                                                                                                   \
                SECTION_HTTP, key, parse, FIELD(Config, member), 0, 0, false, standard, help                \
        }
#define PRESENCE(key, member, min, max, standard, help)                                                     \
        {                                                                                                   \
                SECTION_PRESENCE, key, parse_time, FIELD(Config, member), min, max, false, standard, help   \
        }
#define SUPERVISION(key, parse, member, min, max, standard, help)                                           \
        {                                                                                                   \
                SECTION_SUPERVISION, key, parse, FIELD(Config, policy.member), min, max, true, standard,    \
                        help                                                                                \
        }
#define BEAT(key, member, standard, help)                                                                   \
        SUPERVISION(key, parse_time, member, 10 * USEC_PER_SEC, 30 * USEC_PER_DAY, standard, help)
#define VITALS(key, member, standard, help)                                                                 \
        {                                                                                                   \
                SECTION_VITALS, key, parse_number, FIELD(Config, policy.member), 0, 1, false, standard,     \
                        help                                                                                \
        }
#define VISITS(key, parse, member, min, max, off, standard, help)                                           \
        {                                                                                                   \
                SECTION_VISITS, key, parse, FIELD(Config, policy.member), min, max, off, standard, help     \
        }
#define READINGS(key, parse, member, min, max, off, standard, help)                                         \
        {                                                                                                   \
                SECTION_READINGS, key, parse, FIELD(Config, member), min, max, off, standard, help          \
        }
#define REQUESTS(key, parse, member, min, max, off, standard, help)                                         \
        {                                                                                                   \
                SECTION_REQUESTS, key, parse, FIELD(Config, policy.requests.member), min, max, off,         \
                        standard, help                                                                      \
        }
#define CHANNEL(key, parse, member, min, max, standard, help)                                               \
        {                                                                                                   \
                SECTION_CHANNEL, key, parse, FIELD(ConfigChannel, member), min, max, false, standard, help  \
        }
#define CHANNEL_TIME(key, member, max, off, standard, help)                                                  \
        {                                                                                                   \
                SECTION_CHANNEL, key, parse_time, FIELD(ConfigChannel, member), USEC_PER_SEC, max, off, standard,  \
                        help                                                                                \
        }
#define LADDER(key, parse, member, min, max, off, help)                                                     \
        {                                                                                                   \
                SECTION_LADDER, key, parse, FIELD(ClassPolicy, member), min, max, off, NULL, help           \
        }

/* clang-format off */
static const Setting settings[] = {
        GATEWAY("Site", parse_site, site, 0, 0, "demo", "code of this community: the second level of every MQTT topic, huying/SITE/…"),
        GATEWAY("StateDirectory", parse_path, state_directory, 1, 0, "/var/lib/huyingd", "journal, state and registry; one daemon a folder"),
        GATEWAY("RuntimeDirectory", parse_path, runtime_directory, 1, 0, "/run/huyingd", "the control socket for huyingctl"),
        GATEWAY("Registry", parse_path, registry, 0, 0, "/etc/huyingd/registry", "folder of CSV files that fills an empty registry; later: huyingctl import"),
        GATEWAY("DefaultGrid", parse_grid, policy.default_grid, 0, 0, "", "grid whose people are called for sources that nobody can place; empty: those of the whole site"),
        GATEWAY("IncidentsMax", parse_number, incidents_max, 64, LIMIT_INCIDENTS_MAX, "16384", "open incidents that are told apart; 64 to 100000"),
        {SECTION_GATEWAY, "Canary", parse_time, FIELD(Config, canary_us), USEC_PER_SEC, USEC_PER_DAY, true, "5min", "a synthetic alarm travels this often from a device's topic through engine and disk to a worker's topic and back as his receipt, and is an incident of the gateway when it is lost twice; 0: never"},

        MQTT("Host", parse_name, mqtt_host, 0, 0, "127.0.0.1", "broker; empty: no MQTT"),
        MQTT("Port", parse_number, mqtt_port, 1, 65535, "1883", "port of the broker"),
        MQTT("User", parse_name, mqtt_user, 0, 0, "", "client ids and user names are this with -alarm, -vitals, -out; empty: huying-SITE-alarm … and a user name only with PasswordFile"),
        MQTT("PasswordFile", parse_path, mqtt_password_file, 0, 0, "", "file whose first line is the password of all three connections; empty: none"),
        MQTT("CAFile", parse_path, mqtt_ca_file, 0, 0, "", "certificates (PEM) that sign the broker's; empty: no TLS"),
        MQTT("CertFile", parse_path, mqtt_cert_file, 0, 0, "", "our certificate (PEM), where the broker asks for one"),
        MQTT("KeyFile", parse_path, mqtt_key_file, 0, 0, "", "the private key of CertFile (PEM)"),
        MQTT("KeepAlive", parse_number, mqtt_keepalive_s, 5, 300, "15", "seconds; a silent broker is noticed after about twice this; 5 to 300"),
        MQTT("Profiles", parse_paths, mqtt_profiles, 0, 0, "/usr/share/huying/profiles /etc/huyingd/profiles", "folders with profiles of devices, split at spaces; a later file takes the place of an earlier one of its name; a missing folder is empty"),
        MQTT("Discovery", parse_name, mqtt_discovery, 0, 0, "homeassistant", "prefix under which devices announce themselves in Home Assistant's manner; empty: not listened to"),
        MQTT("Announce", parse_name, mqtt_announce, 0, 0, "", "prefix under which this gateway announces itself to Home Assistant, usually homeassistant; empty: not announced"),

        COAP("Listen", parse_address, coap_listen, 0, 0, "", "UDP address and port, as in [::]:5683; empty: none"),
        COAP("ListenDTLS", parse_address, coap_listen_dtls, 0, 0, "", "DTLS address and port, as in [::]:5684; empty: none"),
        COAP("PSKFile", parse_path, coap_psk_file, 0, 0, "",
                "pre-shared keys of the devices for DTLS; a reload reads them again"),
        COAP("SessionsMax", parse_number, coap_sessions_max, 16, 100000, "2000", "DTLS sessions at once; 16 to 100000"),

        HTTP("Listen", parse_address, http_listen, "", "address and port of the web server, as in 127.0.0.1:8080; empty: none"),
        HTTP("App", parse_path, http_app, "", "folder of the workers' app; empty: the installed one"),
        HTTP("Broker", parse_websocket, http_broker, "", "the broker's WebSocket for the app, as in wss://gw.example/mqtt; empty: port 9001 of the same host, over TLS its /mqtt"),

        PRESENCE("Lost", policy.presence_lost_us, 30 * USEC_PER_SEC, USEC_PER_HOUR, "180s", "a worker's app that is silent for this long cannot be reached"),
        PRESENCE("Grace", policy.presence_grace_us, USEC_PER_SEC, 10 * USEC_PER_MIN, "60s", "after a restart of the gateway or the broker everybody counts as present for this long"),

        BEAT("Button", beat_us[DEVICE_BUTTON], "24h", "a button lives if it is heard this often, where the registry gives no beat (mains-fed ones: give 60s there); lost after 3 of them, above 30min after one and an hour; 0: not supervised"),
        BEAT("Pendant", beat_us[DEVICE_PENDANT], "24h", "the same for pendants"),
        BEAT("Wristband", beat_us[DEVICE_WRISTBAND], "5min", "the same for wristbands"),
        BEAT("Smoke", beat_us[DEVICE_SMOKE], "24h", "the same for smoke alarms"),
        BEAT("Gas", beat_us[DEVICE_GAS], "24h", "the same for gas alarms"),
        BEAT("Sensor", beat_us[DEVICE_SENSOR], "24h", "the same for sensors"),
        BEAT("Hub", beat_us[DEVICE_GATEWAY], "5min", "the same for gateways of other devices"),
        SUPERVISION("ProofTest", parse_time, proof_us, USEC_PER_DAY, 366 * USEC_PER_DAY, "35d", "a button, pendant, smoke or gas alarm that nobody has tried for this long is on a list; 0: never"),
        SUPERVISION("NotWorn", parse_time, not_worn_us, USEC_PER_MIN, 30 * USEC_PER_DAY, "4h", "a worn device may be off for this long; 0: for ever"),
        SUPERVISION("MainsLost", parse_time, mains_us, USEC_PER_SEC, 30 * USEC_PER_DAY, "1h", "a mains-fed device may run on its battery for this long; 0: for ever"),
        SUPERVISION("NoData", parse_time, no_data_us, USEC_PER_MIN, 30 * USEC_PER_DAY, "15min", "a device that lives and has sent readings may send none for this long, or three of its intervals; 0: for ever"),
        SUPERVISION("BatteryLow", parse_number, battery_low, 0, 90, "15", "percent, or 30 days left at its rate: its replacement is planned; 0: never"),
        SUPERVISION("BatteryEmpty", parse_number, battery_empty, 0, 50, "5", "percent, or 7 days left at its rate: a fault; 0: never"),
        SUPERVISION("SignalWeak", parse_number, signal_weak, 0, 150, "115", "a signal of minus so many dBm in three reports is weak; 0: never"),

        VITALS("Score", vital_score, "1", "call for a NEWS2 of 5 or more, or 3 points of one vital for which the person has no limit; 0: only for the person's own limits"),
        VITALS("Rate", vital_rate, "1", "call for a vital that changes much within ten minutes; 0: not"),

        VISITS("Minimum", parse_time, visit_min_us, USEC_PER_SEC, 8 * USEC_PER_HOUR, false, "1h", "a visit at the bed that was shorter does not count"),
        VISITS("Remind", parse_time, visit_remind_us, USEC_PER_SEC, USEC_PER_DAY, true, "3h", "who has not checked out of a visit by then is reminded; 0: nobody is"),
        VISITS("Maximum", parse_time, visit_max_us, USEC_PER_SEC, USEC_PER_DAY, false, "8h", "a visit out of which nobody has checked by then is over and does not count, until a desk corrects it"),
        VISITS("Yearly", parse_number, visits_year, 0, 3660, false, "30", "visits that a bed is promised a year, where residents.csv (visits) does not say; 30 is an assumption, no norm: set what your contract or subsidy asks for"),
        REQUESTS("Hours", parse_hours, hours, 0, 0, false, "08:30-12:00 14:00-17:30", "working hours of a day; empty: all of it"),
        REQUESTS("Days", parse_days, hours, 0, 0, false, "mon-fri", "working days of the week; holidays.csv goes before it: days off, and days worked instead"),
        REQUESTS("Assign", parse_time, assign_us, USEC_PER_MIN, 30 * USEC_PER_DAY, true, "4h", "working time in which somebody must have a request, else the next level; 0: only the level's limit"),
        REQUESTS("Levels", parse_levels, working_days, 0, 0, false, "calendar", "the limits of the levels (tiers of the ladders request, request-key, request-hard) pass every day (calendar) or on working days only (working)"),
        REQUESTS("Waiting", parse_time, waiting_us, USEC_PER_HOUR, 30 * USEC_PER_DAY, true, "5d", "a request may wait this long in total, with evidence; 0: not at all"),
        REQUESTS("CallBack", parse_time, call_back_us, USEC_PER_MIN, 30 * USEC_PER_DAY, false, "24h", "when it is done the desk asks the resident; without a rating it is reminded this often"),
        REQUESTS("Urgent", parse_urgent, urgent, 0, 0, false, "救命 着火 起火 失火 冒烟 煤气 燃气 摔倒 跌倒 晕倒 昏迷 昏倒 胸痛 喘不上气 喘不过气 呼吸困难 大出血 中风 触电 中毒 急救 著火 冒煙 煤氣 燃氣 暈倒 喘不上氣 喘不過氣 呼吸困難 中風 觸電 sos", "words that make a request an SOS besides; empty: none"),

        READINGS("Chunk", parse_time, readings_chunk_us, 2 * USEC_PER_SEC, 15 * USEC_PER_MIN, false, "15min", "readings are in memory for so long at most: what a crash may lose of them; 2s to 15min"),
        READINGS("Keep", parse_time, readings_keep_us, USEC_PER_DAY, 3660 * USEC_PER_DAY, true, "30d", "each reading is kept for so long; 0: as long as there is room"),
        READINGS("KeepHours", parse_time, readings_keep_hours_us, USEC_PER_DAY, 36600 * USEC_PER_DAY, true, "400d", "minimum, mean and maximum of each hour are kept for so long; 0: as long as there is room"),
        READINGS("QuotaMB", parse_number, readings_quota_mb, 0, 16777216, false, "4096", "megabytes for both; beyond them the oldest day goes first; 0: no bound"),

        CHANNEL("Exec", parse_path, exec, 2, 0, "", "program and arguments, split at spaces; gets the notice as JSON on standard input"),
        CHANNEL("Priority", parse_number, priority, 1, 5, "2", "called for incidents of this priority or more urgent; 1 to 5"),
        CHANNEL("Batch", parse_number, batch, 1, 64, "1", "notices that one run may get, a line of JSON each: for a group chat; 1 to 64"),
        CHANNEL("Timeout", parse_time, timeout_us, USEC_PER_SEC, 10 * USEC_PER_MIN, "30s", "a program that runs longer is ended and has failed"),

        CHANNEL("To", parse_to, to, 0, 0, "", "reaches one person when his first way is not confirmed: roles, or named for those with exec:NAME in workers.csv; empty: called with the tiers"),
        CHANNEL_TIME("Receipt", receipt_us, USEC_PER_HOUR, false, "30s", "To: so long a receipt (the program's success) is awaited before the person's next channel, then the next tier"),
        CHANNEL_TIME("Gap", gap_us, USEC_PER_DAY, true, "2min", "To: not sooner again to the same person, whatever for; 0: at once"),

        LADDER("Priority", parse_number, priority, 1, 5, false, "1 is the most urgent"),
        LADDER("Tier1", parse_tier, tiers[0], 0, 0, false, "when and whom: time from the start of a round, then roles; empty: no such tier"),
        LADDER("Tier2", parse_tier, tiers[1], 0, 0, false, "the same; a tier adds people, earlier ones stay in"),
        LADDER("Tier3", parse_tier, tiers[2], 0, 0, false, "the same"),
        LADDER("Tier4", parse_tier, tiers[3], 0, 0, false, "the same"),
        LADDER("Tier5", parse_tier, tiers[4], 0, 0, false, "the same"),
        LADDER("Renotify", parse_time, renotify_us, USEC_PER_SEC, 7 * USEC_PER_DAY, true, "the newest tier is called again this often; 0: never"),
        LADDER("Receipt", parse_time, receipt_us, USEC_PER_SEC, USEC_PER_HOUR, true, "no delivery receipt by then: the next tier is called too (plain clients send none: after the first tier only); 0: never"),
        LADDER("Loop", parse_time, loop_us, USEC_PER_SEC, 7 * USEC_PER_DAY, false, "after the last tier everybody is called again this often, without end"),
        LADDER("ArriveBy", parse_time, arrive_by_us, USEC_PER_SEC, 30 * USEC_PER_DAY, true, "from acceptance to arrival, else the ladder goes on; 0: no limit"),
        LADDER("HandleBy", parse_time, handle_by_us, USEC_PER_SEC, 30 * USEC_PER_DAY, true, "from arrival to the reminder to resolve; 0: no limit"),
        LADDER("ArriveMax", parse_time_or_auto, arrive_max_us, USEC_PER_SEC, 60 * USEC_PER_DAY, true, "from opening to somebody on scene, moved by nothing; empty: 30min for priority 1, else twice ArriveBy"),
        LADDER("Reopen", parse_time, reopen_us, USEC_PER_SEC, USEC_PER_DAY, false, "a resolved incident can be reopened for this long"),
        LADDER("Outcomes", parse_outcomes, outcomes, 0, 0, false, "what resolve may say, words split at spaces"),
};

#define OUTCOMES "helped hospital fire_service false_alarm no_help_needed device_fault other"
#define LADDER_KEYS 14

/* SEMANTICS.md section 5; the tiers' roles are those of its column heads. */
static const char *const ladder_defaults[CLASS_MAX][LADDER_KEYS] = {
        [CLASS_SOS] = {"1", "0s worker", "30s backup building-head family", "60s community", "150s street", "300s district",
                "20s", "10s", "120s", "15min", "30min", "", "15min", OUTCOMES},
        [CLASS_SMOKE] = {"1", "0s worker neighbour", "0s backup building-head family", "30s community", "90s street", "180s district",
                "15s", "10s", "120s", "10min", "30min", "", "15min", OUTCOMES},
        [CLASS_GAS] = {"1", "0s worker neighbour", "0s backup building-head family", "30s community", "90s street", "180s district",
                "15s", "10s", "120s", "10min", "30min", "", "15min", OUTCOMES},
        [CLASS_FALL] = {"2", "0s worker", "60s backup building-head family", "180s community", "10min street", "20min district",
                "60s", "10s", "120s", "30min", "60min", "", "5min", OUTCOMES},
        [CLASS_VITAL_CRITICAL] = {"2", "0s worker", "60s backup building-head family", "180s community", "10min street", "20min district",
                "60s", "10s", "120s", "30min", "60min", "", "5min", OUTCOMES},
        [CLASS_VITAL_URGENT] = {"3", "0s worker", "10min backup building-head family", "30min community", "60min street", "",
                "5min", "10s", "30min", "60min", "4h", "", "5min", OUTCOMES},
        [CLASS_INACTIVITY] = {"3", "0s worker", "10min backup building-head family", "30min community", "60min street", "",
                "5min", "10s", "30min", "60min", "4h", "", "5min", OUTCOMES},
        [CLASS_WANDERING] = {"2", "0s worker family", "60s backup building-head", "180s community", "10min street", "20min district",
                "60s", "10s", "120s", "30min", "60min", "", "5min", OUTCOMES},
        [CLASS_CHECK] = {"3", "0s worker", "10min backup building-head family", "30min community", "60min street", "",
                "5min", "10s", "30min", "60min", "4h", "", "5min", OUTCOMES},
        [CLASS_FAULT] = {"4", "0s worker", "4h backup building-head family", "24h community", "48h street", "",
                "2h", "0", "24h", "24h", "48h", "", "5min", OUTCOMES},
        [CLASS_BATTERY] = {"5", "0s worker", "7d backup building-head family", "14d community", "", "",
                "0", "0", "24h", "0", "0", "", "5min", OUTCOMES},
        [CLASS_SYSTEM] = {"2", "0s operator", "60s community", "300s district", "", "",
                "60s", "10s", "120s", "0", "0", "", "5min", OUTCOMES},
        [CLASS_REQUEST] = {"5", "0s worker community", "48h street", "5d district", "", "",
                "0", "0", "24h", "0", "0", "", "5min", OUTCOMES},
        [CLASS_REQUEST_KEY] = {"5", "0s worker community", "48h street", "5d district", "", "",
                "0", "0", "24h", "0", "0", "", "5min", OUTCOMES},
        [CLASS_REQUEST_HARD] = {"5", "0s worker community", "48h street", "5d district", "", "",
                "0", "0", "24h", "0", "0", "", "5min", OUTCOMES},
};
/* clang-format on */

#define N_SETTINGS (sizeof(settings) / sizeof(settings[0]))
_Static_assert(N_SETTINGS <= SETTINGS_ROWS_MAX, "Reader.origins is too small");
_Static_assert(CLASS_MAX <= SETTINGS_INSTANCES_MAX && CONFIG_CHANNELS_MAX <= SETTINGS_INSTANCES_MAX,
        "Reader.origins is too small");

static const char *const section_words[SECTION_MAX] = {
        [SECTION_NONE] = "",
        [SECTION_GATEWAY] = "Gateway",
        [SECTION_MQTT] = "MQTT",
        [SECTION_COAP] = "CoAP",
        [SECTION_HTTP] = "HTTP",
        [SECTION_PRESENCE] = "Presence",
        [SECTION_SUPERVISION] = "Supervision",
        [SECTION_VITALS] = "Vitals",
        [SECTION_VISITS] = "Visits",
        [SECTION_READINGS] = "Readings",
        [SECTION_REQUESTS] = "Requests",
        [SECTION_CHANNEL] = "Channel",
        [SECTION_LADDER] = "Ladder",
};

/* ---- errors that help ---- */

static char lower(char c)
{
        return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Edits (insert, delete, replace; case is free) from a to b; long words are never near. */
static unsigned distance(const char *a, const char *b)
{
        unsigned row[33];
        size_t na = strlen(a), nb = strlen(b);

        if (na > 32 || nb > 32)
                return UINT32_MAX;
        for (unsigned j = 0; j <= nb; j++)
                row[j] = j;
        for (unsigned i = 1; i <= na; i++) {
                unsigned corner = row[0];

                row[0] = i;
                for (unsigned j = 1; j <= nb; j++) {
                        unsigned best = corner + (lower(a[i - 1]) != lower(b[j - 1]));

                        corner = row[j];
                        best = corner + 1 < best ? corner + 1 : best;
                        row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
                }
        }
        return row[nb];
}

/* "unknown WHAT "word"; did you mean "x"?" or, when nothing is near, "…; there are a, b, c". */
static int fail_unknown(Reader *r, const char *what, const char *word, const char *const *known, size_t n)
{
        char list[400] = "";
        Str s = STR_BUFFER(list);
        const char *near = NULL;
        unsigned least = strlen(word) <= 4 ? 1 : 2;

        for (size_t i = 0; i < n; i++) {
                unsigned d = distance(word, known[i]);

                if (d <= least && (!near || d < least)) {
                        near = known[i];
                        least = d;
                }
                str_addf(&s, "%s%s", i > 0 ? ", " : "", known[i]);
        }
        if (near)
                return reader_fail(r, "unknown %s \"%.64s\"; did you mean \"%s\"?", what, word, near);
        return reader_fail(r, "unknown %s \"%.64s\"; there are %s", what, word, list);
}

static void fail_write(Reader *r, Origin at, const char *fmt, va_list ap)
        __attribute__((format(printf, 3, 0)));
static void fail_write(Reader *r, Origin at, const char *fmt, va_list ap)
{
        char *to = r->error->text;

        (void)str_copy(r->error->file, sizeof(r->error->file), at.file);
        r->error->line = at.line;
        (void)vsnprintf(to, sizeof(r->error->text), fmt, ap);
        /* Quoted values are cut at a number of bytes: what is left of a cut character goes. */
        for (const char *from = to; *from != '\0';) {
                size_t n = 1;

                while (n < 4 && from[n] != '\0' && !str_utf8(from, n))
                        n++;
                if (str_utf8(from, n)) {
                        memmove(to, from, n);
                        to += n;
                        from += n;
                } else
                        from++;
        }
        *to = '\0';
}

int reader_fail(Reader *r, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        fail_write(r, (Origin){r->file, r->line}, fmt, ap);
        va_end(ap);
        return CONFIG_E_INVALID;
}

int reader_fail_at(Reader *r, Origin at, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        fail_write(r, at.file ? at : (Origin){r->file, 0}, fmt, ap);
        va_end(ap);
        return CONFIG_E_INVALID;
}

/* ---- parsers ---- */

static int parse_site(Reader *r, const Setting *s, void *field, char *value)
{
        if (!str_code(value))
                return reader_fail(r,
                        "%s=%.80s is no code: 1 to 63 letters, digits, '-', '_', '.', ':', as in \"demo\"",
                        s->key, value);
        (void)str_copy(field, s->size, value);
        return 0;
}

static int parse_grid(Reader *r, const Setting *s, void *field, char *value)
{
        if (*value != '\0')
                return parse_site(r, s, field, value);
        *(char *)field = '\0';
        return 0;
}

static int parse_name(Reader *r, const Setting *s, void *field, char *value)
{
        if (value[strcspn(value, " \t/")] != '\0')
                return reader_fail(
                        r, "%s=%.80s: a name alone, without spaces, scheme or '/'", s->key, value);
        if (!str_copy(field, s->size, value))
                return reader_fail(r, "%s is longer than %zu bytes", s->key, s->size - 1);
        return 0;
}

/* min 1: needed; min 2: arguments may follow. */
static int parse_path(Reader *r, const Setting *s, void *field, char *value)
{
        Str text = {.p = field, .cap = s->size};

        if (*value == '\0' && s->min > 0)
                return reader_fail(r, "%s needs a path", s->key);
        if (*value != '\0' && *value != '/')
                str_addf(&text, "%s/", str_equal(r->folder, "/") ? "" : r->folder);
        str_add(&text, value);
        if (text.full)
                return reader_fail(r, "%s is longer than %zu bytes", s->key, s->size - 1);
        return 0;
}

static int parse_websocket(Reader *r, const Setting *s, void *field, char *value)
{
        size_t scheme = str_starts(value, "wss://") ? 6 : str_starts(value, "ws://") ? 5 : 0;

        if (*value != '\0' && (scheme == 0 || value[scheme] == '\0' || value[strcspn(value, " \t\"\\")] != '\0'))
                return reader_fail(r, "%s=%.80s: write as in \"wss://gw.example/mqtt\" or \"ws://10.0.0.1:9001\"",
                        s->key, value);
        if (!str_copy(field, s->size, value))
                return reader_fail(r, "%s is longer than %zu bytes", s->key, s->size - 1);
        return 0;
}

/* Several, split at spaces. */
static int parse_paths(Reader *r, const Setting *s, void *field, char *value)
{
        Str text = {.p = field, .cap = s->size};
        char *word;

        *(char *)field = '\0';
        while ((word = parse_word(&value))) {
                str_add(&text, text.n > 0 ? " " : "");
                if (*word != '/')
                        str_addf(&text, "%s/", str_equal(r->folder, "/") ? "" : r->folder);
                str_add(&text, word);
        }
        if (text.full)
                return reader_fail(r, "%s is longer than %zu bytes", s->key, s->size - 1);
        return 0;
}

static int parse_address(Reader *r, const Setting *s, void *field, char *value)
{
        char host[INET6_ADDRSTRLEN];
        unsigned char binary[sizeof(struct in6_addr)];
        char *colon = strrchr(value, ':');
        bool six = value[0] == '[';
        size_t n = colon ? (size_t)(colon - value) : 0;
        uint32_t port;

        if (*value == '\0') {
                *(char *)field = '\0';
                return 0;
        }
        if (six && n > 2 && value[n - 1] == ']')
                n = str_copyn(host, sizeof(host), value + 1, n - 2) ? n : 0;
        else if (!six && n > 0)
                n = str_copyn(host, sizeof(host), value, n) ? n : 0;
        else
                n = 0;
        if (n == 0 || inet_pton(six ? AF_INET6 : AF_INET, host, binary) != 1)
                return reader_fail(r,
                        "%s=%.80s is no address with a port; write as in \"127.0.0.1:5683\" or "
                        "\"[::]:5683\"",
                        s->key, value);
        if (!parse_u32(colon + 1, 65535, &port) || port == 0)
                return reader_fail(r, "%s=%.80s: the port is 1 to 65535", s->key, value);
        (void)str_copy(field, s->size, value);
        return 0;
}

static int parse_number(Reader *r, const Setting *s, void *field, char *value)
{
        uint32_t number;

        if (!parse_u32(value, UINT32_MAX, &number) || number < s->min || number > s->max)
                return reader_fail(r, "%s=%.80s: a whole number from %llu to %llu is right here", s->key,
                        value, (unsigned long long)s->min, (unsigned long long)s->max);
        if (s->size == sizeof(uint8_t))
                *(uint8_t *)field = (uint8_t)number;
        else
                *(uint32_t *)field = number;
        return 0;
}

static void print_time(uint64_t us, char *ret, size_t cap)
{
        static const struct {
                const char *word;
                uint64_t us;
        } units[] = {{"d", USEC_PER_DAY}, {"h", USEC_PER_HOUR}, {"min", USEC_PER_MIN}, {"s", USEC_PER_SEC}};
        unsigned i = 0;

        while (i < 3 && us % units[i].us != 0)
                i++;
        (void)snprintf(ret, cap, "%llu%s", (unsigned long long)(us / units[i].us), units[i].word);
}

static int parse_time(Reader *r, const Setting *s, void *field, char *value)
{
        char min[32], max[32];
        uint64_t us;

        if (!parse_duration(value, &us))
                return reader_fail(r,
                        "%s=%.80s is no time; write a number with its unit, as in \"30s\", \"15min\", "
                        "\"4h\"",
                        s->key, value);
        if (!(us == 0 && s->off) && (us < s->min || us > s->max)) {
                print_time(s->min, min, sizeof(min));
                print_time(s->max, max, sizeof(max));
                return reader_fail(r, "%s=%.80s: a time from %s to %s%s is right here", s->key, value, min,
                        max, s->off ? ", or 0," : "");
        }
        *(uint64_t *)field = us;
        return 0;
}

static int parse_time_or_auto(Reader *r, const Setting *s, void *field, char *value)
{
        if (*value != '\0')
                return parse_time(r, s, field, value);
        *(uint64_t *)field = UINT64_MAX; /* settings_check() works it out */
        return 0;
}

static int parse_tier(Reader *r, const Setting *s, void *field, char *value)
{
        Tier *to = field, tier = {0};
        char *word;
        Role role;

        if (*value == '\0') {
                to->present = false;
                to->delay_us = 0;
                to->roles = 0;
                return 0;
        }
        word = parse_word(&value);
        if (!word || !parse_duration(word, &tier.delay_us) || tier.delay_us > 30 * USEC_PER_DAY)
                return reader_fail(r,
                        "%s: \"%.64s\" is no time up to 30d; a tier is a time and roles, as in \"30s backup "
                        "family\"",
                        s->key, word ? word : "");
        while ((word = parse_word(&value))) {
                if (!role_parse(word, &role)) {
                        const char *known[ROLE_MAX];

                        for (unsigned i = 0; i < ROLE_MAX; i++)
                                known[i] = role_word((Role)i);
                        return fail_unknown(r, "role", word, known, ROLE_MAX);
                }
                tier.roles |= 1u << role;
        }
        if (tier.roles == 0)
                return reader_fail(r,
                        "%s names nobody; a tier is a time and roles, as in \"30s backup family\"", s->key);
        to->present =
                true; /* member by member: padding stays zero, so that equal policies are equal bytes */
        to->delay_us = tier.delay_us;
        to->roles = tier.roles;
        return 0;
}

/* Outcomes are interned in the policy: an incident keeps bits, and a word keeps its place while the daemon
 * runs. */
static int parse_outcomes(Reader *r, const Setting *s, void *field, char *value)
{
        char(*words)[WORD_SIZE] = r->config->policy.outcomes;
        uint32_t bits = 0;
        char *word;

        while ((word = parse_word(&value))) {
                unsigned i = 0;

                if (!str_code(word) || strlen(word) >= WORD_SIZE)
                        return reader_fail(r,
                                "%s: \"%.64s\" is no word of at most %d bytes without quotes, '/', '+' and "
                                "'#'",
                                s->key, word, WORD_SIZE - 1);
                if (str_equal(word, "no_contact") || str_equal(word, "no-contact"))
                        return reader_fail(r,
                                "%s: \"%s\" is no outcome: somebody must have seen or spoken to the "
                                "resident",
                                s->key, word);
                while (i < OUTCOMES_MAX && words[i][0] != '\0' && !str_equal(words[i], word))
                        i++;
                if (i == OUTCOMES_MAX)
                        return reader_fail(
                                r, "%s: more than %d different words in all ladders", s->key, OUTCOMES_MAX);
                (void)str_copy(words[i], WORD_SIZE, word);
                bits |= 1u << i;
        }
        if (bits == 0)
                return reader_fail(r,
                        "%s needs at least one word, as in \"helped hospital false_alarm other\"", s->key);
        *(uint32_t *)field = bits;
        return 0;
}

static int parse_to(Reader *r, const Setting *s, void *field, char *value)
{
        const char *known[ROLE_MAX + 1] = {"named"};
        uint32_t bits = 0;
        char *word;
        Role role;

        for (unsigned i = 0; i < ROLE_MAX; i++)
                known[i + 1] = role_word((Role)i);
        while ((word = parse_word(&value))) {
                if (str_equal(word, "named"))
                        bits |= CHANNEL_TO_NAMED;
                else if (role_parse(word, &role))
                        bits |= 1u << role;
                else
                        return fail_unknown(r, "role", word, known, ROLE_MAX + 1);
        }
        ASSERT(s->size == sizeof(bits));
        *(uint32_t *)field = bits;
        return 0;
}

static int parse_hours(Reader *r, const Setting *s, void *field, char *value)
{
        return week_hours(r, s->key, value, field);
}

static int parse_days(Reader *r, const Setting *s, void *field, char *value)
{
        return week_days(r, s->key, value, field);
}

static int parse_levels(Reader *r, const Setting *s, void *field, char *value)
{
        bool working = str_equal(value, "working");

        if (!working && !str_equal(value, "calendar"))
                return reader_fail(r, "%s=%.80s: write \"calendar\" or \"working\"", s->key, value);
        *(bool *)field = working;
        return 0;
}

static int parse_urgent(Reader *r, const Setting *s, void *field, char *value)
{
        Str text = {.p = field, .cap = s->size};
        char *word;

        memset(field, 0, s->size);
        while ((word = parse_word(&value)))
                str_addf(&text, "%s%s", text.n > 0 ? " " : "", word);
        if (text.full)
                return reader_fail(r, "%s is longer than %zu bytes", s->key, s->size - 1);
        return 0;
}

/* ---- the table at work ---- */

static void *settings_base(Config *config, Section section, unsigned instance)
{
        ASSERT(section != SECTION_CHANNEL || instance < CONFIG_CHANNELS_MAX);
        ASSERT(section != SECTION_LADDER || instance < CLASS_MAX);
        if (section == SECTION_CHANNEL)
                return &config->channels[instance];
        if (section == SECTION_LADDER)
                return &config->policy.classes[instance];
        return config;
}

static int settings_apply(Reader *r, const Setting *s, unsigned instance, const char *value)
{
        char *base = settings_base(r->config, s->section, instance);
        char copy[2049];

        ASSERT(str_copy(copy, sizeof(copy), value)); /* lines are shorter */
        return s->parse(r, s, base + s->offset, copy);
}

static void settings_standard(Reader *r, Section section, unsigned instance)
{
        const Setting *first = NULL;

        for (const Setting *s = settings; s < settings + N_SETTINGS; s++) {
                if (s->section != section)
                        continue;
                first = first ? first : s;
                if (s->section == SECTION_CHANNEL && s->min == 2)
                        continue; /* Exec has no default: check.c asks for it */
                ASSERT(settings_apply(r, s, instance,
                               s->standard ? s->standard : ladder_defaults[instance][s - first]) == 0);
        }
        ASSERT(first);
}

static int section_channel(Reader *r, char *name)
{
        Config *c = r->config;
        unsigned i = 0;

        if (!str_code(name) || strlen(name) >= sizeof(c->channels[0].name))
                return reader_fail(r, "a channel has a short name, as in \"[Channel siren]\"");
        while (i < c->n_channels && !str_equal(c->channels[i].name, name))
                i++;
        if (i == CONFIG_CHANNELS_MAX)
                return reader_fail(r, "more than %d channels", CONFIG_CHANNELS_MAX);
        if (i == c->n_channels) {
                settings_standard(r, SECTION_CHANNEL, i);
                (void)str_copy(c->channels[i].name, sizeof(c->channels[i].name), name);
                c->n_channels++;
        }
        r->instance = i;
        return 0;
}

static int section_ladder(Reader *r, const char *name)
{
        const char *known[CLASS_MAX];
        Class class;

        if (class_parse(name, &class)) {
                r->instance = class;
                return 0;
        }
        for (unsigned i = 0; i < CLASS_MAX; i++)
                known[i] = class_word((Class)i);
        return fail_unknown(r, "class of ladder", name, known, CLASS_MAX);
}

int settings_section(Reader *r, char *name)
{
        size_t n = strcspn(name, " \t");
        char *rest = name + n + strspn(name + n, " \t");
        unsigned section = SECTION_NONE + 1;
        int k = 0;

        name[n] = '\0';
        while (section < SECTION_MAX && !str_equal(name, section_words[section]))
                section++;
        if (section == SECTION_MAX)
                return fail_unknown(r, "section", name, section_words + 1, SECTION_MAX - 1);
        r->section = (Section)section;
        r->instance = 0;
        if (section == SECTION_CHANNEL)
                k = section_channel(r, rest);
        else if (section == SECTION_LADDER)
                k = section_ladder(r, rest);
        else if (*rest != '\0')
                k = reader_fail(r, "[%s] stands alone, without \"%.64s\"", name, rest);
        if (k == 0)
                r->newest[r->section][r->instance] = (Origin){r->file, r->line};
        return k;
}

int settings_assign(Reader *r, const char *key, const char *value)
{
        const char *known[SETTINGS_ROWS_MAX];
        char what[64];
        size_t n = 0;

        for (const Setting *s = settings; s < settings + N_SETTINGS; s++) {
                if (s->section != r->section)
                        continue;
                if (str_equal(s->key, key)) {
                        int k = settings_apply(r, s, r->instance, value);

                        r->newest[r->section][r->instance] = (Origin){r->file, r->line};
                        r->origins[s - settings][r->instance] = (Origin){r->file, r->line};
                        return k;
                }
                known[n++] = s->key;
        }
        (void)snprintf(what, sizeof(what), "key in [%s%s]", section_words[r->section],
                r->section == SECTION_CHANNEL  ? " NAME"
                : r->section == SECTION_LADDER ? " CLASS"
                                               : "");
        return fail_unknown(r, what, key, known, n);
}

Origin settings_origin(const Reader *r, Section section, unsigned instance, const char *key)
{
        for (const Setting *s = settings; s < settings + N_SETTINGS; s++)
                if (s->section == section && str_equal(s->key, key) &&
                        r->origins[s - settings][instance].file)
                        return r->origins[s - settings][instance];
        return r->newest[section][instance];
}

static void reader_init(Reader *r, Config *config, ConfigError *error, const char *file, const char *folder)
{
        *r = (Reader){.config = config, .error = error, .file = file, .folder = folder};
        memset(config, 0, sizeof(*config)); /* padding too: equal configurations are equal bytes */
        for (unsigned section = SECTION_NONE + 1; section < SECTION_CHANNEL; section++)
                settings_standard(r, (Section)section, 0);
        for (unsigned class = 0; class < CLASS_MAX; class ++)
                settings_standard(r, SECTION_LADDER, class);
}

void config_defaults(Config *ret)
{
        ConfigError error;
        Reader r;

        reader_init(&r, ret, &error, "", "/");
        ASSERT(settings_check(&r) == 0);
}

int config_read_text(Config *ret, const char *text, size_t n, const char *folder, ConfigError *ret_error)
{
        _cleanup_(freep) Config *config = malloc(sizeof(Config));
        Reader r;
        int k;

        if (!config)
                return error_origin(-ENOMEM);
        reader_init(&r, config, ret_error, "text", folder);
        k = reader_text(&r, text, n);
        if (k == 0)
                k = settings_check(&r);
        if (k == 0)
                memcpy(ret, config, sizeof(*ret));
        return k;
}

/* The absolute folder of a path, malloc'd; "/" when there is no such folder (then the file is not there
 * either). */
static char *folder_of(const char *path)
{
        _cleanup_(freep) char *copy = strdup(path);
        char *slash = copy ? strrchr(copy, '/') : NULL, *folder;

        if (!copy)
                return NULL;
        if (slash)
                slash[slash == copy ? 1 : 0] = '\0';
        folder = realpath(slash ? copy : ".", NULL);
        return folder ? folder : strdup("/");
}

int config_read(Config *ret, const char *path, ConfigError *ret_error)
{
        _cleanup_(freep) Config *config = malloc(sizeof(Config));
        _cleanup_(freep) char *folder = folder_of(path);
        char *names[DROP_INS_MAX] = {0};
        Reader r;
        int k;

        if (!config || !folder)
                return error_origin(-ENOMEM);
        reader_init(&r, config, ret_error, path, folder);
        k = reader_files(&r, path, names);
        if (k == 0) {
                r.file = path;
                k = settings_check(&r);
        }
        for (unsigned i = 0; i < DROP_INS_MAX; i++)
                free(names[i]);
        if (k == 0)
                memcpy(ret, config, sizeof(*ret));
        return k;
}

void config_print_table(FILE *f)
{
        const Setting *first = settings;

        for (const Setting *s = settings; s < settings + N_SETTINGS; s++) {
                first = s->section == first->section ? first : s;
                (void)fprintf(f, "%s%s\t%s\t%s\t%s\n", section_words[s->section],
                        s->section == SECTION_CHANNEL  ? " NAME"
                        : s->section == SECTION_LADDER ? " CLASS"
                                                       : "",
                        s->key, s->standard ? s->standard : ladder_defaults[CLASS_SOS][s - first], s->help);
        }
}

/* What a reload takes: files with secrets are read again, and the policy is in force at once. */
static bool is_reloaded(const Setting *s)
{
        static const size_t files[] = {offsetof(Config, mqtt_password_file), offsetof(Config, mqtt_ca_file),
                offsetof(Config, mqtt_cert_file), offsetof(Config, mqtt_key_file), offsetof(Config, coap_psk_file)};

        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
                if (s->offset == files[i])
                        return true;
        return s->section == SECTION_LADDER ||
               (s->offset >= offsetof(Config, policy) && s->offset < offsetof(Config, policy) + sizeof(Policy));
}

void config_differences(const Config *before, const Config *after, Str *ret)
{
        for (const Setting *s = settings; s < settings + N_SETTINGS; s++)
                if (s->section != SECTION_CHANNEL && !is_reloaded(s) &&
                        memcmp((const char *)before + s->offset, (const char *)after + s->offset, s->size) != 0)
                        str_addf(ret, "%s[%s] %s", ret->n ? ", " : "", section_words[s->section], s->key);
        if (before->n_channels != after->n_channels ||
                memcmp(before->channels, after->channels, sizeof(before->channels)) != 0)
                str_addf(ret, "%s[Channel]", ret->n ? ", " : "");
}
