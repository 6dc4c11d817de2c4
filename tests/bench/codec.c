/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What decoding costs: messages a second and core, for each codec, with messages of usual size.
 *
 *      bench-codec [PROFILES-FOLDER [HOST:PORT]]
 *
 * With a broker it also measures a bare subscriber of libmosquitto, which throws every message away, in the same run:
 * `of bare` is how many messages a subscriber that decodes gets through for each hundred of one that does not (CPU
 * time of this process; the publisher is another). Not part of the tests: figures depend on the machine.
 */
#include "base/assert.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/str.h"
#include "protocols/codec/codec.h"
#include "protocols/codec/ha.h"
#include "protocols/codec/profile.h"
#include "protocols/codec/senml.h"

#include <errno.h>
#include <mosquitto.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEASURE_US 1000000.0
#define BARE_N     200000

static Codec *codec;
static Profiles *profiles;
static Senml *senml;
static Ha *ha;
static unsigned long events;

static double cpu_us(void)
{
        struct rusage u;

        ASSERT(getrusage(RUSAGE_SELF, &u) == 0);
        return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
               (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static const char *on_profile(void *userdata, const char *device)
{
        return "";
}

static void on_event(void *userdata, const Event *e)
{
        events++;
}

static const ProfileHost host = {.profile_of = on_profile, .emit = on_event};

typedef struct Subject {
        const char *name, *topic, *payload;
        void (*decode)(const struct Subject *, Event *);
        size_t size; /* 0: a text */
} Subject;

static void decode_alarm(const Subject *s, Event *e)
{
        codec_read_alarm(codec, e, NULL);
}

static void decode_vitals(const Subject *s, Event *e)
{
        codec_read_vitals(codec, e);
}

static void decode_status(const Subject *s, Event *e)
{
        codec_read_status(codec, e);
}

static void decode_profile(const Subject *s, Event *e)
{
        (void)profiles_read(profiles, true, s->topic, e->body, e->body_size, false, &host);
}

static void decode_senml(const Subject *s, Event *e)
{
        const char *why;
        bool alarm;
        size_t n = senml_read(
                senml, senml_sniff(e->body, e->body_size), e->body, e->body_size, "band-1", &alarm, &why);

        ASSERT(n > 0);
        for (size_t i = 0; i < n; i++)
                senml_event(senml, i, e);
}

static void decode_ha(const Subject *s, Event *e)
{
        ASSERT(ha_read(ha, true, s->topic, e->body, e->body_size, false, &host) == 1);
}

static const char senml_cbor[] = "\x83\xa5\x21\x78\x1d\x75\x72\x6e\x3a\x64\x65\x76\x3a\x69\x6d\x65\x69\x3a"
                                 "\x38\x36\x31\x32\x33\x34\x35\x36"
                                 "\x37\x38\x39\x30\x31\x32\x33\x3a\x22\x1a\x69\xa3\x81\x80\x00\x62\x68\x72"
                                 "\x01\x68\x62\x65\x61\x74\x2f\x6d"
                                 "\x69\x6e\x02\x18\x47\xa3\x00\x64\x73\x70\x6f\x32\x01\x61\x25\x02\x18\x61"
                                 "\xa3\x00\x64\x74\x65\x6d\x70\x01"
                                 "\x61\x4b\x02\xfb\x40\x73\x5c\x00\x00\x00\x00\x00";

static const Subject subjects[] = {
        {"json alarm", NULL, "{\"id\":\"e-17\",\"kind\":\"sos\",\"ts\":1790000000,\"battery\":80}",
                decode_alarm},
        {"json vitals", NULL,
                "{\"hr\":72,\"spo2\":97,\"sys\":128,\"dia\":80,\"temp\":36.6,\"resp\":16,\"ts\":1790000000}",
                decode_vitals},
        {"json status", NULL, "{\"battery\":80,\"rssi\":-70,\"mains\":true,\"worn\":true}", decode_status},
        {"senml json", NULL,
                "[{\"bn\":\"urn:dev:imei:861234567890123:\",\"bt\":1772323200,\"n\":\"hr\",\"u\":\"beat/"
                "min\",\"v\":71},"
                "{\"n\":\"spo2\",\"u\":\"%\",\"v\":97},{\"n\":\"temp\",\"u\":\"K\",\"v\":309.75}]",
                decode_senml},
        {"senml cbor", NULL, senml_cbor, decode_senml, sizeof(senml_cbor) - 1},
        {"profile zigbee2mqtt", "zigbee2mqtt/smoke-1",
                "{\"battery\":78.5,\"battery_low\":false,\"smoke\":false,\"tamper\":false,\"test\":false,"
                "\"linkquality\":55}",
                decode_profile},
        {"profile chirpstack", "application/17c82e96/device/24e124535b316057/event/up",
                "{\"deduplicationId\":\"3ac7e3c4-4401-4b8d-9386-a5c902f9202d\",\"time\":\"2026-03-01T00:00:"
                "01.775023242+"
                "00:00\",\"deviceInfo\":{\"tenantId\":\"52f14cd4-c6f1-4fbd-8f87-4025e1d49242\","
                "\"tenantName\":"
                "\"ChirpStack\",\"applicationId\":\"17c82e96-be03-4f38-aef3-f83d48582d97\","
                "\"applicationName\":\"care\","
                "\"deviceProfileName\":\"GS524N\",\"deviceName\":\"kitchen\",\"devEui\":"
                "\"24e124535b316057\",\"tags\":{}},"
                "\"devAddr\":\"00189440\",\"adr\":true,\"dr\":5,\"fCnt\":131,\"fPort\":85,\"confirmed\":"
                "false,\"data\":"
                "\"AXVk\",\"rxInfo\":[{\"gatewayId\":\"0016c001f153a14c\",\"rssi\":-48,\"snr\":9.25}],"
                "\"object\":{\"type\":"
                "\"smoke "
                "sensor\",\"battery\":97,\"concentration\":0,\"temperature\":27,\"event\":\"heartbeat\"}}",
                decode_profile},
        {"profile shelly-gen2", "shellyplussmoke-80646fd0dc54/events/rpc",
                "{\"src\":\"shellyplussmoke-80646fd0dc54\",\"method\":\"NotifyStatus\",\"params\":{\"ts\":"
                "1772323201.62,"
                "\"smoke:0\":{\"id\":0,\"alarm\":false,\"mute\":false},\"devicepower:0\":{\"id\":0,"
                "\"battery\":{\"V\":2.93,"
                "\"percent\":78}}}}",
                decode_profile},
        {"profile esphome", "pullcord-3/binary_sensor/sos/state", "OFF", decode_profile},
        {"home assistant", "z/kitchen", "{\"smoke\":false,\"battery\":90}", decode_ha},
};

/* CPU time of one message, in microseconds. */
static double measure(const Subject *s)
{
        size_t size = s->size ? s->size : strlen(s->payload);
        Event e = {.via = VIA_MQTT, .body = (char *)(uintptr_t)s->payload, .body_size = (uint32_t)size};
        double start, now;
        unsigned long n = 0;

        for (unsigned i = 0; i < 100; i++) /* warm */
                s->decode(s, &e);
        start = now = cpu_us();
        while (now - start < MEASURE_US) {
                for (unsigned i = 0; i < 500; i++)
                        s->decode(s, &e);
                n += 500;
                now = cpu_us();
        }
        return (now - start) / (double)n;
}

/* ---- the bare subscriber ---- */

static unsigned received;

static void on_message(struct mosquitto *m, void *userdata, const struct mosquitto_message *message)
{
        received++;
}

static void on_connect(struct mosquitto *m, void *userdata, int rc)
{
        ASSERT(rc == 0);
        if (*(char *)userdata)
                ASSERT(mosquitto_subscribe(m, NULL, userdata, 0) == 0);
}

/* One turn of the socket. */
static void turn(struct mosquitto *m, int wait_ms)
{
        struct pollfd p = {.fd = mosquitto_socket(m), .events = POLLIN};

        if (mosquitto_want_write(m))
                p.events |= POLLOUT;
        if (poll(&p, 1, wait_ms) <= 0)
                return;
        if (p.revents & POLLIN)
                ASSERT(mosquitto_loop_read(m, 1) == 0);
        if (p.revents & POLLOUT)
                ASSERT(mosquitto_loop_write(m, 1) == 0);
}

static struct mosquitto *client(const char *address, int port, char *filter)
{
        struct mosquitto *m = mosquitto_new(NULL, true, filter);

        ASSERT(m);
        mosquitto_connect_callback_set(m, on_connect);
        mosquitto_message_callback_set(m, on_message);
        ASSERT(mosquitto_connect(m, address, port, 60) == 0);
        for (unsigned i = 0; i < 20; i++)
                turn(m, 50);
        return m;
}

static void publish_all(const char *address, int port)
{
        static const char payload[] =
                "{\"hr\":72,\"spo2\":97,\"sys\":128,\"dia\":80,\"temp\":36.6,\"resp\":16}";
        char none[] = "";
        struct mosquitto *m = client(address, port, none);

        for (unsigned i = 0; i < BARE_N; i++) {
                ASSERT(mosquitto_publish(m, NULL, "bench/x", sizeof(payload) - 1, payload, 0, false) == 0);
                while (mosquitto_want_write(m))
                        turn(m, 100);
        }
        (void)mosquitto_disconnect(m);
        mosquitto_destroy(m);
}

/* CPU time of one message that is received and thrown away; 0: too few came. */
static double measure_bare(const char *address, int port)
{
        char filter[] = "bench/x";
        struct mosquitto *m;
        double start, us;
        unsigned quiet = 0;
        pid_t child;

        (void)mosquitto_lib_init();
        m = client(address, port, filter);
        child = fork();
        ASSERT(child >= 0);
        if (child == 0) {
                publish_all(address, port);
                _exit(0);
        }
        start = cpu_us();
        while (received < BARE_N && quiet < 50) {
                unsigned before = received;

                turn(m, 100);
                quiet = received == before && received > 0 ? quiet + 1 : 0;
        }
        us = cpu_us() - start;
        (void)waitpid(child, NULL, 0);
        mosquitto_destroy(m);
        (void)mosquitto_lib_cleanup();
        return received > BARE_N / 10 ? us / received : 0;
}

static void setup(const char *folder)
{
        static const char announcement[] =
                "{\"device_class\":\"smoke\",\"payload_on\":true,\"payload_off\":false,\"state_topic\":\"z/"
                "kitchen\","
                "\"value_template\":\"{{ value_json[\\\"smoke\\\"] }}\",\"unique_id\":\"u1\"}";
        ProfileError error = {0};
        HaEntity *e;

        ASSERT(codec_new(&codec) == 0 && senml_new(&senml) == 0 && profiles_new(&profiles) == 0);
        if (profiles_load(profiles, folder, &error) != 0)
                (void)fprintf(stderr, "%s:%u: %s\n", error.file, error.line, error.text);
        ASSERT(ha_new(&ha, profiles_levels(profiles)) == 0);
        ASSERT(ha_config(ha, "p", "p/binary_sensor/k/config", announcement, sizeof(announcement) - 1, &e) ==
                HA_TAKEN);
}

int main(int argc, char **argv)
{
        char address[256] = "";
        uint32_t port = 1883;
        double bare = 0;

        setup(argc > 1 ? argv[1] : PROFILES);
        if (argc > 2) {
                const char *colon = strrchr(argv[2], ':');

                if (!colon || !str_copyn(address, sizeof(address), argv[2], (size_t)(colon - argv[2])) ||
                        !parse_u32(colon + 1, 65535, &port))
                        return 2;
                bare = measure_bare(address, (int)port);
                (void)printf(
                        "%-22s %8.2f us %10.0f /s\n", "bare subscriber", bare, bare > 0 ? 1e6 / bare : 0);
        }
        for (size_t i = 0; i < sizeof(subjects) / sizeof(*subjects); i++) {
                double us = measure(&subjects[i]);

                (void)printf("%-22s %8.2f us %10.0f /s", subjects[i].name, us, 1e6 / us);
                if (bare > 0)
                        (void)printf("   %3.0f %% of bare", 100 * bare / (bare + us));
                (void)printf("\n");
        }
        ha_free(ha);
        profiles_free(profiles);
        senml_free(senml);
        codec_free(codec);
        return 0;
}
