/* SPDX-License-Identifier: Apache-2.0 */
/* The reader and the table of settings: defaults against SEMANTICS.md section 5, huyingd.conf, and every
 * refusal. */
#include "config/settings.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "engine/internal.h"
#include "limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define ROLE(x) (1u << ROLE_##x)
#define T2      (ROLE(BACKUP) | ROLE(BUILDING_HEAD) | ROLE(FAMILY))
#define NONE    UINT64_MAX
#define MIN     60ull
#define HOUR    3600ull
#define DAY     86400ull

/* SEMANTICS.md section 5, in seconds. */
static const struct {
        Class class;
        uint8_t priority;
        uint64_t tiers[TIERS_MAX];
        uint32_t roles[TIERS_MAX];
        uint64_t renotify, receipt, loop, arrive_by, handle_by, arrive_max, reopen;
} table[] = {
        {CLASS_SOS, 1, {0, 30, 60, 150, 300},
                {ROLE(WORKER), T2, ROLE(COMMUNITY), ROLE(STREET), ROLE(DISTRICT)}, 20, 10, 120, 15 * MIN,
                30 * MIN, 30 * MIN, 15 * MIN},
        {CLASS_SMOKE, 1, {0, 0, 30, 90, 180},
                {ROLE(WORKER) | ROLE(NEIGHBOUR), T2, ROLE(COMMUNITY), ROLE(STREET), ROLE(DISTRICT)}, 15, 10,
                120, 10 * MIN, 30 * MIN, 30 * MIN, 15 * MIN},
        {CLASS_GAS, 1, {0, 0, 30, 90, 180},
                {ROLE(WORKER) | ROLE(NEIGHBOUR), T2, ROLE(COMMUNITY), ROLE(STREET), ROLE(DISTRICT)}, 15, 10,
                120, 10 * MIN, 30 * MIN, 30 * MIN, 15 * MIN},
        {CLASS_FALL, 2, {0, 60, 180, 600, 1200},
                {ROLE(WORKER), T2, ROLE(COMMUNITY), ROLE(STREET), ROLE(DISTRICT)}, 60, 10, 120, 30 * MIN,
                60 * MIN, 60 * MIN, 5 * MIN},
        {CLASS_VITAL_CRITICAL, 2, {0, 60, 180, 600, 1200},
                {ROLE(WORKER), T2, ROLE(COMMUNITY), ROLE(STREET), ROLE(DISTRICT)}, 60, 10, 120, 30 * MIN,
                60 * MIN, 60 * MIN, 5 * MIN},
        {CLASS_VITAL_URGENT, 3, {0, 600, 1800, 3600, NONE},
                {ROLE(WORKER), T2, ROLE(COMMUNITY), ROLE(STREET), 0}, 300, 10, 30 * MIN, HOUR, 4 * HOUR,
                2 * HOUR, 5 * MIN},
        {CLASS_INACTIVITY, 3, {0, 600, 1800, 3600, NONE},
                {ROLE(WORKER), T2, ROLE(COMMUNITY), ROLE(STREET), 0}, 300, 10, 30 * MIN, HOUR, 4 * HOUR,
                2 * HOUR, 5 * MIN},
        {CLASS_WANDERING, 2, {0, 60, 180, 600, 1200},
                {ROLE(WORKER) | ROLE(FAMILY), ROLE(BACKUP) | ROLE(BUILDING_HEAD), ROLE(COMMUNITY),
                        ROLE(STREET), ROLE(DISTRICT)},
                60, 10, 120, 30 * MIN, 60 * MIN, 60 * MIN, 5 * MIN},
        {CLASS_CHECK, 3, {0, 600, 1800, 3600, NONE}, {ROLE(WORKER), T2, ROLE(COMMUNITY), ROLE(STREET), 0},
                300, 10, 30 * MIN, HOUR, 4 * HOUR, 2 * HOUR, 5 * MIN},
        {CLASS_FAULT, 4, {0, 4 * HOUR, 24 * HOUR, 48 * HOUR, NONE},
                {ROLE(WORKER), T2, ROLE(COMMUNITY), ROLE(STREET), 0}, 2 * HOUR, 0, DAY, DAY, 2 * DAY,
                2 * DAY, 5 * MIN},
        {CLASS_BATTERY, 5, {0, 7 * DAY, 14 * DAY, NONE, NONE}, {ROLE(WORKER), T2, ROLE(COMMUNITY), 0, 0}, 0,
                0, DAY, 0, 0, 0, 5 * MIN},
        {CLASS_SYSTEM, 2, {0, 60, 300, NONE, NONE}, {ROLE(OPERATOR), ROLE(COMMUNITY), ROLE(DISTRICT), 0, 0},
                60, 10, 120, 0, 0, 0, 5 * MIN},
        {CLASS_REQUEST, 5, {0, 2 * DAY, 5 * DAY, NONE, NONE},
                {ROLE(WORKER) | ROLE(COMMUNITY), ROLE(STREET), ROLE(DISTRICT), 0, 0}, 0, 0, DAY, 0, 0, 0,
                5 * MIN},
        {CLASS_REQUEST_KEY, 5, {0, 2 * DAY, 5 * DAY, NONE, NONE},
                {ROLE(WORKER) | ROLE(COMMUNITY), ROLE(STREET), ROLE(DISTRICT), 0, 0}, 0, 0, DAY, 0, 0, 0,
                5 * MIN},
        {CLASS_REQUEST_HARD, 5, {0, 2 * DAY, 5 * DAY, NONE, NONE},
                {ROLE(WORKER) | ROLE(COMMUNITY), ROLE(STREET), ROLE(DISTRICT), 0, 0}, 0, 0, DAY, 0, 0, 0,
                5 * MIN},
};

static void test_defaults_are_the_table(void **state)
{
        static Config c;
        uint32_t seen = 0;

        config_defaults(&c);
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                const ClassPolicy *p = &c.policy.classes[table[i].class];

                seen |= 1u << table[i].class;
                assert_int_equal(p->priority, table[i].priority);
                for (unsigned k = 0; k < TIERS_MAX; k++) {
                        assert_int_equal(p->tiers[k].present, table[i].tiers[k] != NONE);
                        assert_int_equal(p->tiers[k].roles, table[i].roles[k]);
                        if (p->tiers[k].present)
                                assert_int_equal(p->tiers[k].delay_us, table[i].tiers[k] * USEC_PER_SEC);
                }
                assert_int_equal(p->renotify_us, table[i].renotify * USEC_PER_SEC);
                assert_int_equal(p->receipt_us, table[i].receipt * USEC_PER_SEC);
                assert_int_equal(p->loop_us, table[i].loop * USEC_PER_SEC);
                assert_int_equal(p->arrive_by_us, table[i].arrive_by * USEC_PER_SEC);
                assert_int_equal(p->handle_by_us, table[i].handle_by * USEC_PER_SEC);
                assert_int_equal(p->arrive_max_us, table[i].arrive_max * USEC_PER_SEC);
                assert_int_equal(p->reopen_us, table[i].reopen * USEC_PER_SEC);
                assert_int_equal(p->outcomes, 0x7f);
        }
        assert_int_equal(seen, (1u << CLASS_MAX) - 1);
        assert_string_equal(c.policy.outcomes[0], "helped");
        assert_string_equal(c.policy.outcomes[6], "other");
        assert_int_equal(c.policy.presence_lost_us, 180 * USEC_PER_SEC);
        assert_int_equal(c.policy.presence_grace_us, 60 * USEC_PER_SEC);
        assert_int_equal(c.incidents_max, LIMIT_INCIDENTS);
        assert_int_equal(c.n_channels, 0);
        assert_int_equal(c.policy.exec_channels, 0);
}

/* ---- huyingd.conf says what the defaults are ---- */

static bool is_setting(const char *line)
{
        size_t n = strspn(line + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");

        return line[0] == '#' && n > 0 && line[1 + n] == '=';
}

/* huyingd.conf with every setting taken as it stands; the example of a channel is left out unless wanted. */
static void uncomment(Str *to, bool channels)
{
        _cleanup_(fclosep) FILE *f = fopen(CONF, "re");
        bool in_channel = false;
        char line[512];

        assert_non_null(f);
        while (fgets(line, sizeof(line), f)) {
                if (line[0] == '[')
                        in_channel = false;
                if (str_starts(line, "#[Channel"))
                        in_channel = true;
                if (in_channel && !channels)
                        continue;
                str_add(to, is_setting(line) || str_starts(line, "#[") ? line + 1 : line);
        }
        assert_false(to->full);
}

static void test_conf_is_the_defaults(void **state)
{
        static char text[65536];
        static Config c, standard;
        Str s = STR_BUFFER(text);
        ConfigError e = {0};

        config_defaults(&standard);
        assert_int_equal(config_read(&c, CONF, &e), 0);
        assert_memory_equal(&c, &standard, sizeof(c));

        uncomment(&s, false);
        if (config_read_text(&c, text, s.n, "/etc/huyingd", &e) != 0)
                fail_msg("%u: %s", e.line, e.text);
        assert_memory_equal(&c, &standard, sizeof(c));

        s = (Str)STR_BUFFER(text);
        uncomment(&s, true);
        assert_int_equal(config_read_text(&c, text, s.n, "/etc/huyingd", &e), 0);
        assert_int_equal(c.n_channels, 1);
        assert_int_equal(c.channels[0].priority, 2);
        assert_int_equal(c.channels[0].timeout_us, 30 * USEC_PER_SEC);
}

/* Every row of the table stands in its section of huyingd.conf, in every ladder, with the help above it. */
static void test_conf_is_complete(void **state)
{
        static char text[65536], rows[65536];
        Str s = STR_BUFFER(text);
        _cleanup_(fclosep) FILE *f = fmemopen(rows, sizeof(rows), "w");
        unsigned n = 0;

        assert_non_null(f);
        config_print_table(f);
        assert_int_equal(fflush(f), 0);
        uncomment(&s, true);
        for (char *row = rows, *end; (end = strchr(row, '\n')); row = end + 1) {
                char *section = row, *key = strchr(section, '\t') + 1, *standard = strchr(key, '\t') + 1;
                char *help = strchr(standard, '\t') + 1, needle[128], *at = text;
                unsigned found = 0, wanted = str_starts(section, "Ladder") ? CLASS_MAX : 1;
                Str n1 = STR_BUFFER(needle);

                key[-1] = standard[-1] = help[-1] = *end = '\0';
                assert_true(help[0] != '\0');
                section[strcspn(section, " ")] = '\0';
                str_addf(&n1, "\n[%s", section);
                while ((at = strstr(at, needle))) {
                        char *next = strstr(++at, "\n["), k[64], *hit;
                        Str n2 = STR_BUFFER(k);

                        str_addf(&n2, "\n%s=", key);
                        hit = strstr(at, k);
                        found += hit && (!next || hit < next);
                }
                assert_int_equal(found, wanted);
                n++;
        }
        assert_true(n > 30);
}

/* ---- what is refused, where, and in what words ---- */

typedef struct Refusal {
        const char *text;
        unsigned line;
        const char *says; /* part of the error */
} Refusal;

static const Refusal refusals[] = {
        {"x", 1, "neither [Section] nor Key=Value"},
        {"[Gateway]\n=x", 2, "neither [Section]"},
        {"Site=a", 1, "before the first section"},
        {"[Gateway\nSite=a", 1, "name in brackets"},
        {"[", 1, "name in brackets"},
        {"[]", 1, "unknown section \"\""},
        {"\n\n[Gatway]", 3, "did you mean \"Gateway\"?"},
        {"[mqtt]", 1, "did you mean \"MQTT\"?"},
        {"[Broker]", 1,
                "there are Gateway, MQTT, CoAP, HTTP, Presence, Supervision, Vitals, Visits, Readings, "
                "Requests, Channel, Ladder"},
        {"[MQTT x]", 1, "[MQTT] stands alone"},
        {"[MQTT]\nPrt=1883", 2, "unknown key in [MQTT] \"Prt\"; did you mean \"Port\"?"},
        {"[MQTT]\nport=1883", 2, "did you mean \"Port\"?"},
        {"[MQTT]\nColour=red", 2, "there are Host, Port, User"},
        {"[HTTP]\nPort=1", 2, "there are Listen, App, Broker"},
        {"[HTTP]\nBroker=mqtt://gw", 2, "wss://gw.example/mqtt"},
        {"[HTTP]\nBroker=wss://", 2, "wss://gw.example/mqtt"},
        {"[HTTP]\nBroker=ws://gw:9001 x", 2, "wss://gw.example/mqtt"},
        {"[Ladder sos]\nTier6=1s worker", 2, "did you mean \"Tier"},
        {"[Ladder SOS]", 1, "did you mean \"sos\"?"},
        {"[Ladder vital]", 1, "there are sos, smoke"},
        {"[Ladder]", 1, "unknown class of ladder \"\""},
        {"[Channel]", 1, "a channel has a short name"},
        {"[Channel a/b]", 1, "a channel has a short name"},
        {"[Gateway]\nSite=", 2, "is no code"},
        {"[Gateway]\nSite=a/b", 2, "is no code"},
        {"[Gateway]\nSite=a b", 2, "is no code"},
        {"[Gateway]\nDefaultGrid=g+", 2, "is no code"},
        {"[Gateway]\nStateDirectory=", 2, "needs a path"},
        {"[Gateway]\nIncidentsMax=63", 2, "from 64 to 100000"},
        {"[Gateway]\nIncidentsMax=100001", 2, "from 64 to 100000"},
        {"[Gateway]\nIncidentsMax=0x100", 2, "a whole number"},
        {"[MQTT]\nPort=0", 2, "from 1 to 65535"},
        {"[MQTT]\nPort=65536", 2, "from 1 to 65535"},
        {"[MQTT]\nPort=1883 # the usual", 2, "a whole number"},
        {"[MQTT]\nPort=-1", 2, "a whole number"},
        {"[MQTT]\nPort=", 2, "a whole number"},
        {"[MQTT]\nHost=mqtt://gw", 2, "a name alone"},
        {"[MQTT]\nHost=gw 1883", 2, "a name alone"},
        {"[MQTT]\nCertFile=c.pem", 2, "KeyFile is missing"},
        {"[MQTT]\nKeyFile=c.pem", 2, "CertFile is missing"},
        {"[MQTT]\nCertFile=c\nKeyFile=k", 2, "over TLS only"},
        {"[CoAP]\nListen=5683", 2, "is no address with a port"},
        {"[CoAP]\nListen=localhost:5683", 2, "is no address with a port"},
        {"[CoAP]\nListen=::1:5683", 2, "is no address with a port"},
        {"[CoAP]\nListen=[::1]5683", 2, "is no address with a port"},
        {"[CoAP]\nListen=[127.0.0.1]:5683", 2, "is no address with a port"},
        {"[CoAP]\nListen=:5683", 2, "is no address with a port"},
        {"[CoAP]\nListen=127.0.0.1:", 2, "the port is 1 to 65535"},
        {"[CoAP]\nListen=127.0.0.1:70000", 2, "the port is 1 to 65535"},
        {"[CoAP]\nListen=127.0.0.1:0", 2, "the port is 1 to 65535"},
        {"[CoAP]\nListenDTLS=127.0.0.1:5684", 2, "needs PSKFile"},
        {"[CoAP]\nListen=[::]:1\nListenDTLS=[::]:1\nPSKFile=x", 3, "are the same"},
        {"[Presence]\nLost=180", 2, "is no time"},
        {"[Presence]\nLost=1s", 2, "a time from 30s to 1h is right"},
        {"[Presence]\nGrace=0", 2, "a time from 1s to 10min is right"},
        {"[Channel siren]\nPriority=1", 2, "has no Exec"},
        {"[Channel siren]\nExec=", 2, "needs a path"},
        {"[Channel siren]\nExec=/bin/true\nPriority=6", 3, "from 1 to 5"},
        {"[Channel sms]\nExec=/bin/true\nTo=named grid", 3, "role"},
        {"[Channel sms]\nExec=/bin/true\nBatch=65", 3, "from 1 to 64"},
        {"[Channel group]\nExec=/usr/bin/huying-webhook wecom x\nTo=worker", 3, "reaches nobody in person"},
        {"[MQTT]\nHost=\n[Channel group]\nExec=/usr/bin/huying-webhook wecom x", 4, "the only way"},
        {"[Ladder sos]\nPriority=0", 2, "from 1 to 5"},
        {"[Ladder sos]\nPriority=6", 2, "from 1 to 5"},
        {"[Ladder sos]\nTier1=worker", 2, "\"worker\" is no time"},
        {"[Ladder sos]\nTier1=0s", 2, "names nobody"},
        {"[Ladder sos]\nTier1=0s workers", 2, "unknown role \"workers\"; did you mean \"worker\"?"},
        {"[Ladder sos]\nTier1=0s mayor", 2, "unknown role \"mayor\"; there are worker, backup"},
        {"[Ladder sos]\nTier1=31d worker", 2, "no time up to 30d"},
        {"[Ladder sos]\nTier1=1s worker", 2, "one tier must start at 0s"},
        {"[Ladder fall]\nTier1=1s worker", 2, "one tier must start at 0s"},
        {"[Ladder sos]\nTier2=31s backup", 2,
                "[Ladder sos] Tier2: starts too late for priority 1; at most 30s"},
        {"[Ladder sos]\nTier3=61s community", 2, "at most 60s"},
        {"[Ladder gas]\nTier4=181s street\nTier5=200s district", 2, "at most 180s"},
        {"[Ladder vital-urgent]\nPriority=1\n", 2, "[Ladder vital-urgent] Tier2: starts too late"},
        {"[Ladder fall]\nTier3=50s community", 2, "Tier3: starts before the tier above"},
        {"[Ladder fall]\nTier2=200s backup", 2, "starts before the tier above"},
        {"[Ladder battery]\nTier1=\nTier2=\nTier3=", 2, "calls nobody"},
        {"[Ladder battery]\nTier1=0s family\nTier2=\nTier3=", 2, "nobody on this ladder may accept"},
        {"[Ladder sos]\nLoop=0", 2, "a time from 1s to 7d is right"},
        {"[Ladder sos]\nLoop=", 2, "is no time"},
        {"[Ladder sos]\nReopen=0", 2, "a time from 1s to 1d"},
        {"[Ladder sos]\nRenotify=0", 2, "called again until somebody accepts"},
        {"[Ladder sos]\nRenotify=8d", 2, "a time from 1s to 7d, or 0, is right"},
        {"[Ladder sos]\nArriveBy=0", 2, "priority 1 has a time to arrive"},
        {"[Ladder sos]\nHandleBy=0", 2, "priority 1 has a time to be resolved"},
        {"[Ladder sos]\nArriveMax=0", 2, "priority 1 has such a limit"},
        {"[Ladder sos]\nOutcomes=", 2, "needs at least one word"},
        {"[Ladder sos]\nOutcomes=helped no_contact", 2, "is no outcome"},
        {"[Ladder sos]\nOutcomes=a/b", 2, "is no word"},
        {"[Ladder sos]\nOutcomes=a234567890123456789012345678901234", 2, "is no word"},
        {"[Ladder sos]\nOutcomes=a b c d e f g h i j k l m n o p q r s t u v w x y z", 2,
                "more than 32 different"},
        {"[Requests]\nHours=08:30", 2, "Hours: \"08:30\" is no span"},
        {"[Requests]\nHours=12:00-08:30", 2, "Hours: \"12:00-08:30\" is no span of a day"},
        {"[Requests]\nHours=08:30-08:30", 2, "\"08:30-08:30\" is no span"},
        {"[Requests]\nHours=22:00-06:00", 2, "\"22:00-06:00\" is no span"},
        {"[Requests]\n\nHours=08:30-12:00 11:59-17:30", 3,
                "\"11:59-17:30\" is no span of a day after the one before"},
        {"[Requests]\nHours=14:00-17:30 08:30-12:00", 2, "\"08:30-12:00\" is no span"},
        {"[Requests]\nHours=08:30-12:00, 08:30-12:00", 2, "\"08:30-12:00\" is no span"},
        {"[Requests]\nHours=24:00-24:00", 2, "\"24:00-24:00\" is no span"},
        {"[Requests]\nHours=08:30-24:01", 2, "\"08:30-24:01\" is no span"},
        {"[Requests]\nHours=08:30-25:00", 2, "is no span"},
        {"[Requests]\nHours=08:60-12:00", 2, "is no span"},
        {"[Requests]\nHours=8:30-12:00", 2, "\"8:30-12:00\" is no span"},
        {"[Requests]\nHours=008:30-12:00", 2, "is no span"},
        {"[Requests]\nHours=-", 2, "\"-\" is no span"},
        {"[Requests]\nHours=08:30 - 12:00", 2, "\"08:30\" is no span"},
        {"[Requests]\nHours=08:30-12:00-14:00", 2, "is no span"},
        {"[Requests]\nHours=08：30-12：00", 2, "is no span"},
        {"[Requests]\nHours=all", 2, "\"all\" is no span"},
        {"[Requests]\nHours=01:00-02:00 03:00-04:00 05:00-06:00 07:00-08:00 09:00-10:00", 2,
                "Hours: more than 4 spans in a day"},
        {"[Requests]\nDays=", 2, "Days needs at least one day"},
        {"[Requests]\nDays= , ,", 2, "Days needs at least one day"},
        {"[Requests]\nDays=mon-fri holiday", 2, "Days: \"holiday\": write days as in"},
        {"[Requests]\nDays=monday", 2, "\"monday\": write"},
        {"[Requests]\nDays=Mon", 2, "\"Mon\": write"},
        {"[Requests]\nDays=mo", 2, "\"mo\": write"},
        {"[Requests]\nDays=mon-", 2, "\"mon-\": write"},
        {"[Requests]\nDays=-fri", 2, "\"-fri\": write"},
        {"[Requests]\nDays=mon-wed-fri", 2, "\"mon-wed-fri\": write"},
        {"[Requests]\nDays=mon - fri", 2, "\"-\": write"},
        {"[Requests]\nDays=1-5", 2, "\"1-5\": write"},
        {"[Requests]\nDays=周一", 2, "\"周一\": write"},
        {"[Requests]\n\n\nLevels=work", 4, "Levels=work: write \"calendar\" or \"working\""},
        {"[Requests]\nLevels=", 2, "Levels=: write"},
        {"[Gateway]\nSite=\x01", 2, "control character 0x01"},
        {"# \xff\n", 1, "not UTF-8"},
        {"[Gateway]\nSite=\xc0\xaf", 2, "not UTF-8"},
        {"\xef\xbb\xbf[Gateway]\nX=1", 2, "unknown key"},
        {"[Gateway]\r\nX=1\r\n", 2, "unknown key in [Gateway] \"X\""},
};

static void test_refusals(void **state)
{
        static Config c, untouched;

        memset(&c, 0x5a, sizeof(c));
        memset(&untouched, 0x5a, sizeof(untouched));
        for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
                const Refusal *f = &refusals[i];
                ConfigError e = {0};

                if (config_read_text(&c, f->text, strlen(f->text), "/", &e) != CONFIG_E_INVALID)
                        fail_msg("taken: %s", f->text);
                if (e.line != f->line || !strstr(e.text, f->says))
                        fail_msg("%s\n says %u: %s\n not %u: %s", f->text, e.line, e.text, f->line, f->says);
                if (strchr(e.text, '\n'))
                        fail_msg("more than one line: %s", e.text);
                assert_memory_equal(&c, &untouched, sizeof(c)); /* nothing is taken */
        }
}

static void read_ok(Config *c, const char *text)
{
        ConfigError e = {0};

        if (config_read_text(c, text, strlen(text), "/etc/huyingd", &e) != 0)
                fail_msg("%s\n%u: %s", text, e.line, e.text);
}

static void test_values(void **state)
{
        static Config c;

        read_ok(&c, "\xef\xbb\xbf# with a mark, CR LF, spaces and no newline at the end\r\n"
                    "  [ Gateway ]  \r\n\tSite = 示范-1 \r\n; a comment\r\nStateDirectory=state\r\n"
                    "[CoAP]\r\nListen=[::1]:5683\r\n[CoAP]\r\nListenDTLS=127.0.0.1:5684\r\nPSKFile=/keys\r\n"
                    "[MQTT]\r\nHost=\r\nHost=a.example\r\nPort=8883\r\nHost=");
        assert_string_equal(c.site, "示范-1");
        assert_string_equal(c.state_directory, "/etc/huyingd/state");
        assert_string_equal(c.coap_listen, "[::1]:5683");
        assert_string_equal(c.coap_listen_dtls, "127.0.0.1:5684");
        assert_string_equal(c.coap_psk_file, "/keys");
        assert_string_equal(c.mqtt_host, ""); /* the later value wins */
        assert_int_equal(c.mqtt_port, 8883);

        read_ok(&c, "[Ladder smoke]\nTier5=\nTier2=0s nurse  fire-station\nArriveBy=12min\nOutcomes=helped "
                    "drill\n"
                    "[Ladder fall]\nArriveBy=20min\n[Ladder sos]\nArriveMax=1h 30min");
        assert_false(c.policy.classes[CLASS_SMOKE].tiers[4].present);
        assert_int_equal(c.policy.classes[CLASS_SMOKE].tiers[1].roles, ROLE(NURSE) | ROLE(FIRE_STATION));
        assert_int_equal(c.policy.classes[CLASS_SMOKE].arrive_max_us, 30 * USEC_PER_MIN);
        assert_int_equal(c.policy.classes[CLASS_SMOKE].outcomes, 1u | 1u << 7);
        assert_string_equal(c.policy.outcomes[7], "drill");
        assert_int_equal(c.policy.classes[CLASS_FALL].arrive_max_us, 40 * USEC_PER_MIN);
        assert_int_equal(c.policy.classes[CLASS_SOS].arrive_max_us, 90 * USEC_PER_MIN);

        read_ok(&c, "[Channel siren]\nExec=siren --loud 3\n[Channel sms]\nExec=/usr/bin/sms\nPriority=3\n"
                    "[Channel siren]\nTimeout=5s\nPriority=1");
        assert_int_equal(c.n_channels, 2);
        assert_string_equal(c.channels[0].name, "siren");
        assert_string_equal(c.channels[0].exec, "/etc/huyingd/siren --loud 3");
        assert_int_equal(c.channels[0].timeout_us, 5 * USEC_PER_SEC);
        assert_string_equal(c.channels[1].exec, "/usr/bin/sms");
        assert_int_equal(c.policy.exec_channels, 2);
        assert_int_equal(c.policy.exec_priority, 3);
        assert_false(c.policy.channels[0].personal);
        read_ok(&c, "[Channel group]\nExec=/usr/bin/huying-webhook wecom x\nBatch=20\n");
        assert_int_equal(c.channels[0].batch, 20);
        read_ok(&c, "[MQTT]\nHost=\n[Channel group]\nExec=huying-webhook wecom x\n[Channel s]\nExec=/x\n");
        read_ok(&c, "[Channel siren]\nExec=/x\nPriority=1\n[Channel sms]\nExec=/y\nPriority=3\nTo=worker "
                    "named\nGap=0");
        assert_int_equal(c.policy.exec_channels, 1);
        assert_int_equal(c.policy.exec_priority, 1);
        assert_true(c.policy.channels[1].personal && c.policy.channels[1].priority == 3);
        assert_string_equal(c.policy.channels[1].name, "sms");
        assert_int_equal(c.policy.channels[1].roles, 1u << ROLE_WORKER);
        assert_int_equal(c.policy.channels[1].receipt_us, 30 * USEC_PER_SEC);
        assert_int_equal(c.policy.channels[1].gap_us, 0);
}

/* Minutes of the day; days with bit 0 for Sunday. */
static void test_working_week(void **state)
{
        static const struct {
                const char *text;
                uint16_t days;
                uint8_t n;
                uint16_t spans[WORK_SPANS_MAX][2];
        } weeks[] = {{"", 0x3e, 2, {{510, 720}, {840, 1050}}}, {"Hours=", 0x3e, 0, {{0}}},
                {"Hours=00:00-24:00", 0x3e, 1, {{0, 1440}}},
                {"Hours=08:00-12:00,12:00-12:01", 0x3e, 2, {{480, 720}, {720, 721}}},
                {"Hours= 01:00-02:00\t03:00-04:00 , 05:00-06:00  23:59-24:00 ", 0x3e, 4,
                        {{60, 120}, {180, 240}, {300, 360}, {1439, 1440}}},
                {"Hours=01:00-02:00 03:00-04:00\nHours=09:00-17:00", 0x3e, 1,
                        {{540, 1020}}}, /* the later one */
                {"Hours=\nDays=sat-mon", 0x43, 0, {{0}}}, {"Hours=\nDays=sun-sat", 0x7f, 0, {{0}}},
                {"Hours=\nDays=tue-mon", 0x7f, 0, {{0}}}, {"Hours=\nDays=mon-mon", 0x02, 0, {{0}}},
                {"Hours=\nDays=mon,wed sat", 0x4a, 0, {{0}}},
                {"Hours=\nDays=sun sun fri-sun thu", 0x71, 0, {{0}}},
                {"Hours=\nDays=mon-fri\nDays=sun", 0x01, 0, {{0}}}};
        static Config c;

        for (size_t i = 0; i < sizeof(weeks) / sizeof(weeks[0]); i++) {
                const WorkHours *h = &c.policy.requests.hours;
                char text[256];
                Str s = STR_BUFFER(text);

                str_addf(&s, "[Requests]\n%s", weeks[i].text);
                read_ok(&c, text);
                assert_int_equal(h->days, weeks[i].days);
                assert_int_equal(h->n, weeks[i].n);
                for (unsigned k = 0; k < WORK_SPANS_MAX; k++) {
                        assert_int_equal(h->spans[k].from, weeks[i].spans[k][0]);
                        assert_int_equal(h->spans[k].to, weeks[i].spans[k][1]);
                }
        }
}

static void test_words_of_an_emergency(void **state)
{
        static Config c;
        char text[2048], words[URGENT_SIZE];
        ConfigError e = {0};

        read_ok(&c, "");
        assert_non_null(strstr(c.policy.requests.urgent, "救命 "));
        read_ok(&c, "[Requests]\nUrgent=");
        assert_string_equal(c.policy.requests.urgent, "");
        read_ok(&c, "[Requests]\nUrgent=  救命 \t SOS  ");
        assert_string_equal(c.policy.requests.urgent, "救命 SOS");
        memset(words, 'x', sizeof(words) - 1);
        words[sizeof(words) - 1] = '\0';
        (void)snprintf(text, sizeof(text), "[Requests]\nUrgent=%s", words);
        read_ok(&c, text);
        assert_string_equal(c.policy.requests.urgent, words);
        (void)snprintf(text, sizeof(text), "[Requests]\n\nUrgent=%sx", words);
        assert_int_equal(config_read_text(&c, text, strlen(text), "/", &e), CONFIG_E_INVALID);
        assert_int_equal(e.line, 3);
        assert_string_equal(e.text, "Urgent is longer than 1023 bytes");
}

/* The words that are there when nobody has chosen any, as the engine looks for them. */
static void test_who_is_in_danger_by_default(void **state)
{
        static const struct {
                const char *text;
                bool urgent;
        } texts[] = {{"救命", true}, {"快来！我摔倒了，起不来", true}, {"厨房着火了", true},
                {"廚房著火了", true}, {"楼道冒烟", true}, {"樓道冒煙", true}, {"有煤气味", true},
                {"有煤氣味", true}, {"燃 气 漏了", true}, {"老伴晕倒了", true}, {"老伴暈倒了", true},
                {"我喘不过气", true}, {"我喘不過氣", true}, {"呼吸困难", true}, {"呼吸困難", true},
                {"他触电了", true}, {"他觸電了", true}, {"可能中风", true}, {"ＳＯＳ", true}, {"SoS!", true},
                {"请发 sos 按钮", true}, /* whoever writes it is called: better once too often */
                {"水龙头漏水", false}, {"灯坏了，请人来换", false}, {"想请人陪着去医院", false},
                {"空调不制冷", false}, {"命好苦，救济金没到", false}, {"so so", false}, {"", false}};
        const Limits limits = {.incidents_max = 64, .keys_max = 64};
        _cleanup_(freep) void *memory = NULL;
        static Config c;
        size_t size = engine_size(&limits);
        Engine *e;

        config_defaults(&c);
        memory = aligned_alloc(64, (size + 63) / 64 * 64);
        assert_non_null(memory);
        memset(memory, 0, size);
        e = engine_init(memory, size, &limits, &c.policy);
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                if (request_urgent(e, texts[i].text) != texts[i].urgent)
                        fail_msg("%s", texts[i].text);
        c.policy.requests.urgent[0] = '\0';
        e = engine_init(memory, size, &limits, &c.policy);
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                assert_false(request_urgent(e, texts[i].text));
}

static void test_bytes(void **state)
{
        static const char nul[] = "[Gateway]\nSite=a\0b\n";
        static Config c;
        char text[4096];
        ConfigError e = {0};

        assert_int_equal(config_read_text(&c, "", 0, "/", &e), 0);
        assert_int_equal(config_read_text(&c, nul, sizeof(nul) - 1, "/", &e), CONFIG_E_INVALID);
        assert_int_equal(e.line, 2);
        assert_non_null(strstr(e.text, "control character 0x00"));

        memset(text, 'x', sizeof(text)); /* a comment of the longest line that is read, and one byte more */
        text[0] = '#';
        assert_int_equal(config_read_text(&c, text, 2048, "/", &e), 0);
        assert_int_equal(config_read_text(&c, text, 2049, "/", &e), CONFIG_E_INVALID);
        assert_int_equal(e.line, 1);
        assert_non_null(strstr(e.text, "a line of 2049 bytes"));

        (void)snprintf(text, sizeof(text), "[Gateway]\nRegistry=/%0511d",
                0); /* a value that its field cannot hold */
        assert_int_equal(config_read_text(&c, text, strlen(text), "/", &e), CONFIG_E_INVALID);
        assert_non_null(strstr(e.text, "Registry is longer than 511 bytes"));
        (void)snprintf(text, sizeof(text), "[Gateway]\nRegistry=/%0510d", 0);
        assert_int_equal(config_read_text(&c, text, strlen(text), "/", &e), 0);

        text[0] = '\0'; /* nine channels */
        for (unsigned i = 0; i <= CONFIG_CHANNELS_MAX; i++)
                (void)snprintf(
                        text + strlen(text), sizeof(text) - strlen(text), "[Channel c%u]\nExec=/x\n", i);
        assert_int_equal(config_read_text(&c, text, strlen(text), "/", &e), CONFIG_E_INVALID);
        assert_int_equal(e.line, 17);
}

/* ---- files ---- */

static void write_file(const char *folder, const char *name, const char *text)
{
        char path[256];
        FILE *f;

        (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
        f = fopen(path, "we");
        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
}

static void test_drop_ins(void **state)
{
        static Config c;
        char folder[] = "/tmp/huying-config-XXXXXX", path[64], dir[64], wanted[128];
        const char *const names[] = {"c.conf", "c.conf.d/20-b.conf", "c.conf.d/10-a.conf",
                "c.conf.d/30-c.txt", "c.conf.d/.40.conf"};
        ConfigError e = {0};

        assert_non_null(mkdtemp(folder));
        (void)snprintf(path, sizeof(path), "%s/c.conf", folder);
        (void)snprintf(dir, sizeof(dir), "%s/c.conf.d", folder);
        assert_int_equal(config_read(&c, path, &e), CONFIG_E_INVALID);
        assert_string_equal(e.file, path);
        assert_int_equal(e.line, 0);
        assert_non_null(strstr(e.text, "No such file"));

        write_file(folder, names[0], "[Gateway]\nSite=one\nRegistry=reg\n[MQTT]\nPort=1000\n");
        assert_int_equal(config_read(&c, path, &e), 0);
        assert_int_equal(mkdir(dir, 0700), 0);
        write_file(folder, names[1], "[MQTT]\nPort=1002\n");
        write_file(folder, names[2], "[MQTT]\nPort=1001\n[Gateway]\nStateDirectory=st\n");
        write_file(folder, names[3], "not a configuration");
        write_file(folder, names[4], "not a configuration");
        assert_int_equal(config_read(&c, path, &e), 0);
        assert_string_equal(c.site, "one");
        assert_int_equal(c.mqtt_port, 1002);
        (void)snprintf(wanted, sizeof(wanted), "%s/reg", folder);
        assert_string_equal(c.registry, wanted);
        (void)snprintf(wanted, sizeof(wanted), "%s/st", folder); /* drop-ins count from the same folder */
        assert_string_equal(c.state_directory, wanted);

        write_file(folder, names[1], "Port=1002\n"); /* a file does not go on in another's section */
        assert_int_equal(config_read(&c, path, &e), CONFIG_E_INVALID);
        write_file(folder, names[1],
                "# x\n[Ladder sos]\nTier2=45s backup\n"); /* a cross-check names the drop-in */
        assert_int_equal(config_read(&c, path, &e), CONFIG_E_INVALID);
        (void)snprintf(wanted, sizeof(wanted), "%s/20-b.conf", dir);
        assert_string_equal(e.file, wanted);
        assert_int_equal(e.line, 3);
        assert_int_equal(c.mqtt_port, 1002);

        for (size_t i = sizeof(names) / sizeof(names[0]); i-- > 0;) {
                (void)snprintf(wanted, sizeof(wanted), "%s/%s", folder, names[i]);
                assert_int_equal(remove(wanted), 0);
        }
        assert_int_equal(config_read(&c, folder, &e), CONFIG_E_INVALID); /* a folder is no file */
        assert_int_equal(remove(dir), 0);
        assert_int_equal(remove(folder), 0);
}

/* A reload says what it cannot take, and nothing of what it has taken. */
static void test_what_needs_a_restart(void **state)
{
        Config *before = calloc(1, sizeof(Config)), *after = calloc(1, sizeof(Config));
        char text[200] = "";
        Str s = STR_BUFFER(text);

        assert_true(before && after);
        config_defaults(before);
        *after = *before;
        config_differences(before, after, &s);
        assert_string_equal(text, "");
        (void)str_copy(after->coap_psk_file, sizeof(after->coap_psk_file), "/keys");
        (void)str_copy(after->mqtt_password_file, sizeof(after->mqtt_password_file), "/password");
        after->policy.classes[CLASS_SOS].renotify_us++;
        after->policy.presence_lost_us++;
        (void)str_copy(after->policy.default_grid, CODE_SIZE, "g2");
        config_differences(before, after, &s);
        assert_string_equal(text, "");
        (void)str_copy(after->http_listen, sizeof(after->http_listen), "[::1]:8080");
        after->mqtt_keepalive_s++;
        after->n_channels = 1;
        config_differences(before, after, &s);
        assert_string_equal(text, "[MQTT] KeepAlive, [HTTP] Listen, [Channel]");
        free(before);
        free(after);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults_are_the_table),
                cmocka_unit_test(test_conf_is_the_defaults),
                cmocka_unit_test(test_conf_is_complete),
                cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_values),
                cmocka_unit_test(test_working_week),
                cmocka_unit_test(test_words_of_an_emergency),
                cmocka_unit_test(test_who_is_in_danger_by_default),
                cmocka_unit_test(test_bytes),
                cmocka_unit_test(test_drop_ins),
                cmocka_unit_test(test_what_needs_a_restart),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
