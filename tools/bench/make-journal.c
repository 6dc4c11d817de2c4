/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make-journal FOLDER [--rows N] [--beds N] [--months N] [--seed N]: a state folder with a long invented history.
 *
 * For measurements and for reports of a community that does not exist: the registry (CSV files under FOLDER/registry),
 * and incidents spread over the months up to now, ten journal rows each, written through the store's own code, so
 * that chain, tree, figures and indexes are what the gateway would have written. The first bed of each grid has a
 * restless device and calls four times as often as another. Names are obviously invented. The same seed gives the same
 * story; salts differ.
 */
#include "base/assert.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "base/str.h"
#include "store/chores.h"
#include "store/database.h"
#include "store/registry.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#define GROUP_INCIDENTS 1500u /* in one transaction */
#define BEDS_PER_GRID   40u
#define ROWS_PER_CASE   10u
#define RESTLESS        4u /* calls of the first bed of a grid, for each of another */

typedef struct Make {
        const char *folder;
        uint64_t rows, beds, months, random, seq, incident;
        uint32_t grids;
        Registry *registry;
        Database db;
        int64_t start_us, end_us;
} Make;

static double uniform(Make *m)
{
        uint64_t z = (m->random += 0x9e3779b97f4a7c15ull);

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

/* Log-normal by the sum of twelve: skewed as human answers are. */
static double skewed(Make *m, double median, double spread)
{
        double sum = -6;

        for (int i = 0; i < 12; i++)
                sum += uniform(m);
        return median * exp(spread * sum);
}

static FILE *table(const Make *m, const char *name, const char *head)
{
        char path[4096];
        FILE *f;

        (void)snprintf(path, sizeof(path), "%s/registry/%s.csv", m->folder, name);
        f = fopen(path, "w");
        ASSERT(f);
        (void)fprintf(f, "%s\n", head);
        return f;
}

static void registry_write(Make *m)
{
        FILE *grids = table(m, "grids", "grid,name,parent");
        FILE *dwellings = table(m, "dwellings", "dwelling,grid,building,floor,address,access");
        FILE *residents = table(m, "residents", "resident,dwelling,name,birth,phone,notes");
        FILE *devices = table(m, "devices", "device,class,profile,dwelling,resident,beat");
        FILE *workers = table(m, "workers", "worker,name,phone,role,scope,client");

        m->grids = (uint32_t)((m->beds + BEDS_PER_GRID - 1) / BEDS_PER_GRID);
        (void)fputs("d1,示范社区,\n", grids);
        for (uint32_t g = 1; g <= m->grids; g++) {
                (void)fprintf(grids, "g%u,第%u网格,d1\n", g, g);
                (void)fprintf(workers, "w%u,赵示例%u,000-0000-%04u,worker,g%u,app\n", g, g, g, g);
                (void)fprintf(workers, "b%u,钱示例%u,000-0001-%04u,backup,g%u,app\n", g, g, g, g);
        }
        (void)fputs("d01,示范社区值班台,000-0000-2001,community,site,plain\n"
                    "c01,示范区值班台,000-0000-4001,district,site,plain\n",
                workers);
        for (uint32_t b = 1; b <= m->beds; b++) {
                uint32_t g = 1 + (b - 1) / BEDS_PER_GRID;

                (void)fprintf(dwellings, "h%u,g%u,%u号楼,%u,示范路1号示范小区%u号楼%u室,\n", b, g, g,
                        b % 18 + 1, g, b);
                (void)fprintf(residents, "r%u,h%u,张虚构%u,1940-01-01,000-1000-%04u,独居\n", b, b, b, b);
                (void)fprintf(devices,
                        "sos-%u,button,,h%u,,\nsmoke-%u,smoke,,h%u,,\nband-%u,wristband,,,r%u,\n", b, b, b,
                        b, b, b);
        }
        (void)fclose(grids); /* a full disk shows when it is read */
        (void)fclose(dwellings);
        (void)fclose(residents);
        (void)fclose(devices);
        (void)fclose(workers);
}

static int registry_load(Make *m)
{
        char path[4096];
        RegistryError error;
        int r;

        (void)mkdir(m->folder, 0750); /* may be there */
        (void)snprintf(path, sizeof(path), "%s/registry", m->folder);
        (void)mkdir(path, 0750); /* may be there */
        registry_write(m);
        r = registry_read_csv(&m->registry, NULL, path, &error);
        if (r == REGISTRY_E_INVALID)
                (void)fprintf(stderr, "%s:%u: %s\n", error.file, error.line, error.text);
        return r;
}

/* One incident's facts. */
typedef struct Case {
        uint64_t id;
        Class class;
        uint32_t bed, grid, device, dwelling, resident, worker;
        char source[CODE_SIZE], worker_code[CODE_SIZE];
        const char *outcome;
        int64_t opened_us, accepted_us, arrived_us, resolved_us, closed_us; /* 0: not */
        unsigned tier;
        bool test;
        uint8_t priority;
} Case;

/* As the gateway writes it: what came from outside stands in it as it came. */
static void row(
        Make *m, StoreTxn *t, const Case *c, JournalKind kind, int64_t t_us, State state, const char *more)
{
        const bool worker = c->accepted_us && kind >= JOURNAL_NOTIFIED && kind <= JOURNAL_RESOLVED;
        char body[1024];
        Str s = STR_BUFFER(body);

        str_addf(&s, "{\"device\":\"%s\",\"dwelling\":\"h%u\",\"resident\":\"r%u\",\"grid\":\"g%u\"",
                c->source, c->bed, c->bed, c->grid);
        if (worker || kind == JOURNAL_NOTIFIED || kind == JOURNAL_DELIVERED)
                str_addf(&s, ",\"worker\":\"%s\"", c->worker_code);
        str_addf(&s, ",\"class\":\"%s\",\"priority\":%u,\"state\":\"%s\",\"tier\":%u,\"round\":1%s}",
                class_word(c->class), c->priority, state_word(state), c->tier, more);
        ASSERT(!s.full);
        store_txn_journal(t,
                &(JournalRecord){.seq = ++m->seq,
                        .incident = c->id,
                        .kind = kind,
                        .t_us = t_us,
                        .tb_us = (uint64_t)(t_us - m->start_us) + 1,
                        .boot = m->db.boot,
                        .time_quality = 1,
                        .device = c->device,
                        .dwelling = c->dwelling,
                        .worker = worker || kind == JOURNAL_NOTIFIED || kind == JOURNAL_DELIVERED ? c->worker
                                                                                                  : 0,
                        .grid = registry_dwelling(m->registry, c->dwelling)->grid,
                        .body = body,
                        .body_size = (uint32_t)s.n});
}

static void row_act(
        Make *m, StoreTxn *t, const Case *c, JournalKind kind, int64_t t_us, State state, const char *action)
{
        char more[512];
        Str s = STR_BUFFER(more);
        const char *who = c->accepted_us ? c->worker_code : "d01"; /* the desk, by telephone */
        const char *nonce = kind == JOURNAL_ACCEPTED ? "a" : kind == JOURNAL_ARRIVED ? "b" : "c";

        if (kind == JOURNAL_RESOLVED)
                str_addf(&s, ",\"outcome\":\"%s\"", c->outcome);
        str_addf(&s,
                ",\"action\":\"%s\"%s,\"source\":\"%s\",\"id\":\"n%s%" PRIu64
                "\",\"via\":\"mqtt\",\"payload\":"
                "{\"incident\":%" PRIu64 ",\"action\":\"%s\",\"nonce\":\"n%s%" PRIu64 "\"",
                action, kind == JOURNAL_ACCEPTED ? ",\"eta\":300" : "", who, nonce, c->id, c->id, action,
                nonce, c->id);
        str_add(&s, kind == JOURNAL_ACCEPTED ? ",\"eta\":300}" : "}");
        ASSERT(!s.full);
        row(m, t, c, kind, t_us, state, more);
}

static uint32_t bed_pick(Make *m)
{
        const uint64_t all = m->beds + (RESTLESS - 1) * (uint64_t)m->grids;
        const uint64_t share = (uint64_t)(uniform(m) * (double)all);

        return 1 + (uint32_t)(share < m->beds ? share : (share - m->beds) / (RESTLESS - 1) * BEDS_PER_GRID);
}

static void case_make(Make *m, Case *c, int64_t opened_us)
{
        const double kind = uniform(m), result = uniform(m);
        const int64_t second = (int64_t)USEC_PER_SEC;

        *c = (Case){.id = ++m->incident, .bed = bed_pick(m), .opened_us = opened_us};
        c->class = kind < 0.55   ? CLASS_SOS
                   : kind < 0.60 ? CLASS_SMOKE
                   : kind < 0.70 ? CLASS_FALL
                   : kind < 0.90 ? CLASS_VITAL_URGENT
                                 : CLASS_FAULT;
        c->priority = c->class == CLASS_FAULT          ? 4
                      : c->class == CLASS_VITAL_URGENT ? 3
                      : c->class == CLASS_FALL         ? 2
                                                       : 1;
        c->test = c->class == CLASS_SOS && uniform(m) < 0.1;
        (void)snprintf(c->source, sizeof(c->source), "%s-%u",
                c->class == CLASS_SMOKE || c->class == CLASS_FAULT ? "smoke"
                : c->class == CLASS_VITAL_URGENT                   ? "band"
                                                                   : "sos",
                c->bed);
        c->device = registry_device_id(m->registry, c->source);
        c->dwelling = registry_device(m->registry, c->device)->dwelling;
        c->resident = roster_sole_resident(m->registry, c->dwelling);
        c->grid = 1 + (c->bed - 1) / BEDS_PER_GRID;
        c->tier = uniform(m) < 0.85 ? 1 : 2;
        (void)snprintf(c->worker_code, sizeof(c->worker_code), "%s%u", c->tier == 1 ? "w" : "b", c->grid);
        c->worker = registry_worker_id(m->registry, c->worker_code);
        c->outcome = result < 0.55   ? "helped"
                     : result < 0.65 ? "hospital"
                     : result < 0.85 ? "false_alarm"
                     : result < 0.95 ? "no_help_needed"
                                     : "device_fault";
        if (uniform(m) < 0.004) { /* nobody came; the desk closed it by telephone, hours later */
                c->resolved_us = opened_us + 3 * 3600 * second;
                c->outcome = "other";
        } else {
                c->accepted_us = opened_us + (int64_t)(skewed(m, 22, 0.55) * 1e6);
                c->arrived_us = c->accepted_us + (int64_t)(skewed(m, 360, 0.5) * 1e6);
                c->resolved_us = c->arrived_us + (int64_t)(skewed(m, 600, 0.6) * 1e6);
        }
        c->closed_us = c->resolved_us + 900 * second;
}

static void case_rows(Make *m, StoreTxn *t, const Case *c)
{
        const char *kind = c->class == CLASS_VITAL_URGENT ? "vital" : class_word(c->class);
        char more[512];

        (void)snprintf(more, sizeof(more),
                ",\"reason\":\"opened\",\"kind\":\"%s\",\"source\":\"%s\",\"id\":\"e-%" PRIu64
                "\",\"via\":\"mqtt\",\"device_time\":%.6f,\"payload\":{\"id\":\"e-%" PRIu64
                "\",\"kind\":\"%s\"}",
                kind, c->source, c->id, (double)c->opened_us / 1e6 - 0.2, c->id, kind);
        row(m, t, c, JOURNAL_EVENT, c->opened_us, STATE_ALERTING, more);
        row(m, t, c, JOURNAL_OPENED, c->opened_us, STATE_ALERTING, ",\"reason\":\"opened\"");
        row(m, t, c, JOURNAL_NOTIFIED, c->opened_us, STATE_ALERTING,
                ",\"channel\":\"app\",\"reason\":\"opened\"");
        row(m, t, c, JOURNAL_DELIVERED, c->opened_us + 700000, STATE_ALERTING, ",\"channel\":\"app\"");
        if (c->accepted_us) {
                row(m, t, c, JOURNAL_SEEN, c->opened_us + 5000000, STATE_ALERTING, ",\"channel\":\"app\"");
                row_act(m, t, c, JOURNAL_ACCEPTED, c->accepted_us, STATE_ACCEPTED, "accept");
                row_act(m, t, c, JOURNAL_ARRIVED, c->arrived_us, STATE_ON_SCENE, "arrived");
        } else
                for (int i = 1; i <= 3; i++)
                        row(m, t, c, JOURNAL_LOOP, c->opened_us + i * 120000000LL, STATE_ALERTING,
                                ",\"reason\":\"loop\"");
        row_act(m, t, c, JOURNAL_RESOLVED, c->resolved_us, STATE_RESOLVED, "resolve");
        row(m, t, c, c->test ? JOURNAL_TEST : JOURNAL_CONDITION, c->resolved_us, STATE_RESOLVED, "");
        (void)snprintf(more, sizeof(more),
                ",\"outcome\":\"%s\",\"figures\":{\"attempts\":1,\"tiers\":%u,\"receipt_ms\":%u}",
                c->outcome, c->tier, (unsigned)skewed(m, 12, 0.6));
        row(m, t, c, JOURNAL_CLOSED, c->closed_us, STATE_CLOSED, more);
}

static void case_write(Make *m, StoreTxn *t, const Case *c)
{
        StateRow state = {.id = c->id,
                .group = c->class == CLASS_SMOKE   ? GROUP_FIRE
                         : c->class == CLASS_FAULT ? GROUP_FAULT
                                                   : GROUP_HELP,
                .class = c->class,
                .state = STATE_CLOSED,
                .priority = c->priority,
                .tier = (uint8_t)c->tier,
                .round = 1,
                .device = c->device,
                .resident = c->resident,
                .dwelling = c->dwelling,
                .grid = registry_dwelling(m->registry, c->dwelling)->grid,
                .owner = c->accepted_us ? c->worker : 0,
                .opened_us = c->opened_us,
                .accepted_us = c->accepted_us,
                .arrived_us = c->arrived_us,
                .resolved_us = c->resolved_us,
                .closed_us = c->closed_us,
                .boot = m->db.boot};

        case_rows(m, t, c);
        (void)str_copy(state.source, sizeof(state.source), c->source);    /* as long */
        (void)str_copy(state.outcome, sizeof(state.outcome), c->outcome); /* fits */
        store_txn_state(t, &state);
}

static int group_write(Make *m, uint64_t n, uint64_t total)
{
        StoreTxn *t = store_txn_new();
        int rc;

        for (uint64_t i = 0; i < n; i++) {
                double at = (double)m->incident / (double)total;
                Case c;

                case_make(m, &c, m->start_us + (int64_t)(at * (double)(m->end_us - m->start_us)));
                case_write(m, t, &c);
        }
        rc = database_begin(&m->db);
        if (rc == SQLITE_OK)
                rc = database_apply(&m->db, t);
        if (rc == SQLITE_OK)
                rc = database_commit(&m->db);
        store_txn_free(t);
        return rc == SQLITE_OK ? database_checkpoint(&m->db) : rc;
}

static int history_write(Make *m)
{
        uint64_t total = m->rows / ROWS_PER_CASE, done = 0;
        char note[NOTE_SIZE];
        _cleanup_(signer_freep) Signer *signer = NULL;
        int rc = database_begin(&m->db);

        if (rc == SQLITE_OK)
                rc = database_registry(&m->db, m->registry);
        if (rc == SQLITE_OK)
                rc = database_commit(&m->db);
        if (rc == SQLITE_OK && signer_open(&signer, m->folder, "demo") != 0)
                rc = SQLITE_CANTOPEN;
        while (rc == SQLITE_OK && done < total) {
                uint64_t n = total - done < GROUP_INCIDENTS ? total - done : GROUP_INCIDENTS;

                rc = group_write(m, n, total);
                done += n;
                if (rc == SQLITE_OK)
                        rc = database_begin(&m->db);
                if (rc == SQLITE_OK)
                        rc = checkpoint_write(m->db.db, signer, &m->db.tree, m->db.first_row,
                                m->start_us + (int64_t)((double)done / (double)total *
                                                        (double)(m->end_us - m->start_us)),
                                note);
                if (rc == SQLITE_OK)
                        rc = database_commit(&m->db);
                if (done % (GROUP_INCIDENTS * 20) == 0)
                        (void)fprintf(stderr, "%" PRIu64 " rows\n", m->seq);
        }
        return rc;
}

int main(int argc, char **argv)
{
        Make m = {.rows = 10000, .beds = 803, .months = 1, .random = 1};
        const struct {
                const char *name;
                uint64_t *value;
        } options[] = {
                {"--rows", &m.rows}, {"--beds", &m.beds}, {"--months", &m.months}, {"--seed", &m.random}};
        DatabaseOrigin origin = {.boot_id = "00000000000000000000000000000001",
                .first_seq = 1,
                .first_incident = 1,
                .site = "demo",
                .known = {.empty = true}};
        char why[DATABASE_WHY_SIZE];
        int rc;

        for (int i = 1; i < argc; i++) {
                bool known = false;

                for (size_t o = 0; o < sizeof(options) / sizeof(options[0]); o++)
                        if (str_equal(argv[i], options[o].name) && i + 1 < argc)
                                known = parse_u64(argv[++i], options[o].value);
                if (!known && !m.folder && argv[i][0] != '-')
                        m.folder = argv[i];
                else if (!known) {
                        (void)fprintf(stderr, "usage: make-journal FOLDER [--rows N] [--beds N] [--months "
                                              "N] [--seed N]\n");
                        return 2;
                }
        }
        if (!m.folder || m.beds == 0 || m.beds > 60000 || registry_load(&m) != 0)
                return 2;
        m.end_us = clock_now().wall_us - 3 * 3600 * (int64_t)USEC_PER_SEC;
        m.start_us = m.end_us - (int64_t)(m.months * 30 * USEC_PER_DAY);
        origin.directory = m.folder;
        origin.wall_us = m.start_us;
        if (database_open(&m.db, &origin, why) != 0) {
                (void)fprintf(stderr, "%s\n", why);
                return 1;
        }
        if (!m.db.head.empty) {
                (void)fprintf(stderr, "%s has a journal already\n", m.folder);
                return 1;
        }
        rc = history_write(&m);
        if (rc != SQLITE_OK)
                (void)fprintf(stderr, "%s\n", sqlite3_errmsg(m.db.db));
        database_close(&m.db);
        registry_unref(m.registry);
        (void)printf("%" PRIu64 " rows, %" PRIu64 " incidents, %" PRIu64 " beds in %s\n", m.seq, m.incident,
                m.beds, m.folder);
        return rc == SQLITE_OK ? 0 : 1;
}
