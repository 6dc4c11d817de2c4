/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one setting means for another. An error is reported at the line that caused it: the setting's own,
 * else the newest line of its section (Priority=1 may make a default tier too late), else the whole file.
 */
#include "config/settings.h"
#include "base/str.h"

#include <string.h>

#define P1_ARRIVE_MAX_US (30 * USEC_PER_MIN)

/* SEMANTICS.md section 5: "97.5 % answered in 60 s" and "99 % in 180 s" need the next tier before that; 0:
 * none. */
static const struct {
        const char *key;
        uint32_t latest_s;
} tier_rules[TIERS_MAX] = {{"Tier1", 0}, {"Tier2", 30}, {"Tier3", 60}, {"Tier4", 180}, {"Tier5", 0}};

static int fail_ladder(Reader *r, unsigned class, const char *key, const char *text)
{
        return reader_fail_at(r, settings_origin(r, SECTION_LADDER, class, key), "[Ladder %s] %s: %s",
                class_word((Class) class), key, text);
}

static int check_tiers(Reader *r, unsigned class, const ClassPolicy *p)
{
        uint64_t before = 0;
        uint32_t roles = 0;
        bool any = false, at_once = false, accept = false;

        for (unsigned i = 0; i < TIERS_MAX; i++) {
                const Tier *t = &p->tiers[i];

                if (!t->present)
                        continue;
                if (t->delay_us < before)
                        return fail_ladder(r, class, tier_rules[i].key,
                                "starts before the tier above it; times must not fall from tier to tier");
                if (p->priority == 1 && tier_rules[i].latest_s > 0 &&
                        t->delay_us > tier_rules[i].latest_s * USEC_PER_SEC)
                        return reader_fail_at(r,
                                settings_origin(r, SECTION_LADDER, class, tier_rules[i].key),
                                "[Ladder %s] %s: starts too late for priority 1; at most %us is right here",
                                class_word((Class) class), tier_rules[i].key, tier_rules[i].latest_s);
                before = t->delay_us;
                roles |= t->roles;
                any = true;
                at_once = at_once || t->delay_us == 0;
        }
        for (unsigned i = 0; i < ROLE_MAX; i++)
                accept = accept || ((roles & (1u << i)) && (role_rights((Role)i) & RIGHT_ACCEPT));
        if (!any)
                return fail_ladder(
                        r, class, "Tier1", "a ladder without a tier calls nobody; write \"0s worker\"");
        if (p->priority <= 2 && !at_once)
                return fail_ladder(r, class, "Tier1",
                        "priority 1 and 2 call somebody at once; one tier must start at 0s");
        if (!accept)
                return fail_ladder(r, class, "Tier1",
                        "nobody on this ladder may accept; add worker, backup, community or another such "
                        "role");
        return 0;
}

static int check_ladder(Reader *r, unsigned class)
{
        ClassPolicy *p = &r->config->policy.classes[class];
        int k = check_tiers(r, class, p);

        if (k != 0)
                return k;
        if (p->arrive_max_us == UINT64_MAX)
                p->arrive_max_us = p->priority == 1 ? P1_ARRIVE_MAX_US : 2 * p->arrive_by_us;
        if (p->priority > 1)
                return 0;
        if (p->renotify_us == 0)
                return fail_ladder(
                        r, class, "Renotify", "priority 1 is called again until somebody accepts; not 0");
        if (p->arrive_by_us == 0)
                return fail_ladder(r, class, "ArriveBy", "priority 1 has a time to arrive; not 0");
        if (p->handle_by_us == 0)
                return fail_ladder(r, class, "HandleBy", "priority 1 has a time to be resolved; not 0");
        if (p->arrive_max_us == 0)
                return fail_ladder(r, class, "ArriveMax", "priority 1 has such a limit; not 0");
        return 0;
}

/* Member by member: padding stays zero, so that equal policies are equal bytes. */
static void channel_take(Policy *policy, unsigned i, const ConfigChannel *c)
{
        PersonChannel *p = &policy->channels[i];

        (void)str_copy(p->name, sizeof(p->name), c->name); /* same sizes */
        p->personal = c->to != 0;
        p->roles = c->to & ~CHANNEL_TO_NAMED;
        p->priority = (uint8_t)c->priority;
        p->receipt_us = c->receipt_us;
        p->gap_us = c->gap_us;
}

/* By the name of the program. */
static bool is_webhook(const ConfigChannel *c)
{
        size_t n = strcspn(c->exec, " ");
        const char *slash = memrchr(c->exec, '/', n), *name = slash ? slash + 1 : c->exec;

        return str_starts(name, "huying-webhook") && name + strlen("huying-webhook") == c->exec + n;
}

/* A chat is read by who looks at it, and its server's word is no receipt of a person. */
static int check_webhooks(Reader *r)
{
        const Config *c = r->config;
        unsigned n = 0;

        for (unsigned i = 0; i < c->n_channels; i++) {
                if (!is_webhook(&c->channels[i]))
                        continue;
                n++;
                if (c->channels[i].to)
                        return reader_fail_at(r, settings_origin(r, SECTION_CHANNEL, i, "To"),
                                "[Channel %s] To: a chat reaches nobody in person, and its server's word would be "
                                "taken for that person's receipt; leave To out",
                                c->channels[i].name);
        }
        if (n > 0 && n == c->n_channels && c->mqtt_host[0] == '\0')
                return reader_fail_at(r, settings_origin(r, SECTION_CHANNEL, 0, "Exec"),
                        "[Channel %s] would be the only way to call anybody, and a chat is read by who looks at it; "
                        "add [MQTT] Host, or a siren or text messages as a channel",
                        c->channels[0].name);
        return 0;
}

static int check_channels(Reader *r)
{
        Config *c = r->config;

        _Static_assert(CONFIG_CHANNELS_MAX <= PERSON_CHANNELS_MAX, "each has a place in the policy");

        c->policy.exec_channels = 0;
        for (unsigned i = 0; i < c->n_channels; i++) {
                if (c->channels[i].exec[0] == '\0')
                        return reader_fail_at(r, settings_origin(r, SECTION_CHANNEL, i, "Exec"),
                                "[Channel %s] has no Exec; write the program, as in "
                                "\"Exec=/usr/local/bin/siren\"",
                                c->channels[i].name);
                channel_take(&c->policy, i, &c->channels[i]);
                if (c->channels[i].to)
                        continue;
                c->policy.exec_channels++;
                if (c->channels[i].priority > c->policy.exec_priority)
                        c->policy.exec_priority = (uint8_t)c->channels[i].priority;
        }
        return check_webhooks(r);
}

static int check_adapters(Reader *r)
{
        const Config *c = r->config;
        bool cert = c->mqtt_cert_file[0] != '\0', key = c->mqtt_key_file[0] != '\0',
             ca = c->mqtt_ca_file[0] != '\0';

        if (cert != key)
                return reader_fail_at(r, settings_origin(r, SECTION_MQTT, 0, cert ? "CertFile" : "KeyFile"),
                        "[MQTT] CertFile and KeyFile go together; %s is missing",
                        cert ? "KeyFile" : "CertFile");
        if (cert && !ca)
                return reader_fail_at(r, settings_origin(r, SECTION_MQTT, 0, "CertFile"),
                        "[MQTT] CertFile without CAFile: a certificate is shown over TLS only");
        if (c->coap_listen_dtls[0] != '\0' && c->coap_psk_file[0] == '\0')
                return reader_fail_at(r, settings_origin(r, SECTION_COAP, 0, "ListenDTLS"),
                        "[CoAP] ListenDTLS needs PSKFile, the keys of the devices");
        if (c->coap_listen[0] != '\0' && str_equal(c->coap_listen, c->coap_listen_dtls))
                return reader_fail_at(r, settings_origin(r, SECTION_COAP, 0, "ListenDTLS"),
                        "[CoAP] Listen and ListenDTLS are the same; DTLS has a port of its own, as a rule "
                        "5684");
        return 0;
}

static int check_visits(Reader *r)
{
        const Policy *p = &r->config->policy;

        if (p->visit_min_us >= p->visit_max_us || p->visit_remind_us >= p->visit_max_us)
                return reader_fail_at(r, settings_origin(r, SECTION_VISITS, 0, "Maximum"),
                        "[Visits] Maximum must be above Minimum and Remind");
        return 0;
}

int settings_check(Reader *r)
{
        int k = check_adapters(r);

        if (k == 0)
                k = check_channels(r);
        if (k == 0)
                k = check_visits(r);
        for (unsigned class = 0; k == 0 && class < CLASS_MAX; class ++)
                k = check_ladder(r, class);
        return k;
}
