/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-writer FOLDER SECONDS [PHASES]: 50 commits a second through the store's thread, and how long each took to be
 * durable: milliseconds, one a line; a line with a dot ends each of the phases, which last SECONDS. What tools/bench/audit
 * does meanwhile, in every second phase, is what auditors cost the writer. The rows are of beds and incidents, so that
 * each touches the indexes that a call would.
 */
#include <poll.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/parse.h"
#include "base/str.h"
#include "store/store.h"

#define PERIOD_US 20000u /* 50 a second */
#define BEDS      800u

/* Sleeps until `until_us` (CLOCK_BOOTTIME), or until everything up to `seq` is durable. */
static bool await(Store *s, uint64_t seq, uint64_t until_us)
{
        StoreStatus status;

        for (;;) {
                uint64_t now = clock_now().boot_us;
                struct pollfd fd = {.fd = store_fd(s), .events = POLLIN};

                store_status(s, &status);
                if (seq > 0 && status.committed_seq >= seq)
                        return true;
                if (now >= until_us)
                        return false;
                (void)poll(&fd, 1, (int)((until_us - now) / 1000 + 1)); /* early is another look */
        }
}

/* One commit; how long it took, and then until the next one is due. */
static void commit(Store *s, const StoreStart *start, uint64_t n)
{
        Now now = clock_now();
        uint64_t seq = start->next_seq + n;
        StoreTxn *t = store_txn_new();
        char body[192];
        Str b = STR_BUFFER(body);
        uint32_t bed = 1 + (uint32_t)(n * 7919 % BEDS); /* another each time */

        str_addf(&b,
                "{\"device\":\"sos-%u\",\"dwelling\":\"h%u\",\"worker\":\"w1\",\"class\":\"sos\",\"tier\":1,"
                "\"round\":1,"
                "\"channel\":\"app\",\"reason\":\"opened\"}",
                bed, bed);
        ASSERT(!b.full);
        store_txn_journal(t, &(JournalRecord){.seq = seq,
                                     .incident = start->next_incident + n / 10,
                                     .kind = JOURNAL_NOTIFIED,
                                     .t_us = now.wall_us,
                                     .tb_us = now.boot_us,
                                     .boot = start->boot,
                                     .time_quality = 1,
                                     .dwelling = bed,
                                     .worker = 1,
                                     .grid = 1,
                                     .body = body,
                                     .body_size = (uint32_t)b.n});
        store_submit(s, t);
        (void)await(s, seq, now.boot_us + 10 * USEC_PER_SEC); /* the worst that is told */
        (void)printf("%.3f\n", (double)(clock_now().boot_us - now.boot_us) / 1000);
        (void)await(s, 0, now.boot_us + PERIOD_US);
}

int main(int argc, char **argv)
{
        uint32_t seconds, phases = 1;
        uint64_t n = 0;
        StoreStart start;
        Store *s;

        if (argc < 3 || argc > 4 || !parse_u32(argv[2], 3600, &seconds) || seconds == 0 ||
                (argc == 4 && !parse_u32(argv[3], 1000, &phases)))
                return 2;
        if (store_open(&s, &(StoreConfig){.state_directory = argv[1], .site = "demo"}, &start) != 0 ||
                store_run(s) != 0)
                return 1;
        for (uint32_t phase = 0; phase < phases; phase++) {
                for (uint32_t i = 0; i < seconds * 50; i++)
                        commit(s, &start, n++);
                (void)puts(".");
                (void)fflush(stdout);
        }
        store_free(s);
        return 0;
}
