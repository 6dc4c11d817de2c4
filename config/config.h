/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The configuration: a strict reader (config.c) and one table of settings (settings.c).
 *
 * systemd manner: [Section], Key=Value, '#' and ';' comments, drop-ins FILE.d/(*).conf in name order, later
 * values win, relative paths count from the file's folder. Unknown section or key, bad value, or a failed
 * cross-check: file, line, what is wrong and what would be right; nothing is taken.
 */
#include "base/cleanup.h"
#include "base/str.h"
#include "engine/engine.h"

#define CONFIG_CHANNELS_MAX 8

typedef struct ConfigChannel {
        char name[32];     /* [Channel NAME] */
        char exec[1024];   /* program and arguments, split at spaces */
        uint32_t priority; /* called for this priority or more urgent */
        uint64_t timeout_us;
        uint32_t batch; /* notices that one run gets at most */
        uint32_t to; /* bit Role: reaches one person at a time, of these roles; CHANNEL_TO_NAMED; 0: with the tiers */
        uint64_t receipt_us, gap_us;
} ConfigChannel;

#define CHANNEL_TO_NAMED (1u << 31) /* those whom workers.csv gives exec:NAME */

typedef struct Config {
        /* [Gateway] */
        char site[CODE_SIZE], state_directory[512], runtime_directory[512], registry[512];
        uint32_t incidents_max;
        uint64_t canary_us; /* 0: none */
        /* [MQTT]; host empty: no MQTT */
        char mqtt_host[256], mqtt_user[128], mqtt_password_file[512], mqtt_ca_file[512], mqtt_cert_file[512],
                mqtt_key_file[512];
        uint32_t mqtt_port, mqtt_keepalive_s;
        char mqtt_profiles[1024]; /* folders, split at spaces */
        char mqtt_discovery[128]; /* prefix; empty: none */
        char mqtt_announce[128];  /* the same */
        /* [CoAP]; empty: none. "127.0.0.1:5683", "[::]:5683" */
        char coap_listen[128], coap_listen_dtls[128], coap_psk_file[512];
        uint32_t coap_sessions_max;
        /* [HTTP] */
        char http_listen[128], http_app[512], http_broker[256];
        uint64_t readings_chunk_us, readings_keep_us, readings_keep_hours_us; /* [Readings] */
        uint32_t readings_quota_mb;
        ConfigChannel channels[CONFIG_CHANNELS_MAX];
        uint32_t n_channels;
        Policy policy; /* [Gateway] DefaultGrid, [Presence], [Ladder CLASS], all with the defaults of
                          SEMANTICS.md section 5 */
} Config;

typedef struct ConfigError {
        char file[512];
        unsigned line; /* 0: the whole file */
        char text[512];
} ConfigError;

enum { CONFIG_E_INVALID = 1 };

/* Defaults alone. */
void config_defaults(Config *ret);
/* Reads path and its drop-ins over the defaults. 0, CONFIG_E_INVALID with *ret_error, or a negative errno.
 */
int config_read(Config *ret, const char *path, ConfigError *ret_error);
/*
 * The settings table as text: "Section<TAB>Key<TAB>default<TAB>help" a line; for tests/tidy and huyingd
 * --settings. Sections with a name are "Channel NAME" and "Ladder CLASS", whose defaults are shown for sos
 * (all: huyingd.conf).
 */
void config_print_table(FILE *);
/* "[CoAP] Listen, [HTTP] Listen": the settings that differ and that a reload does not take. */
void config_differences(const Config *, const Config *, Str *ret);
