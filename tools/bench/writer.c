/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-writer FOLDER SECONDS: 50 commits a second through the store's thread, and how long each took to be durable.
 * Run it beside tools/bench/audit on the same folder, and alone, to see what auditors cost the writer.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/parse.h"
#include "store/store.h"

#define PERIOD_US 20000u /* 50 a second */

static int by_value(const void *a, const void *b)
{
        const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return (x > y) - (x < y);
}

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

int main(int argc, char **argv)
{
        uint64_t *spent;
        uint32_t seconds, n;
        StoreStart start;
        Store *s;

        if (argc != 3 || !parse_u32(argv[2], 3600, &seconds) || seconds == 0)
                return 2;
        if (store_open(&s, &(StoreConfig){.state_directory = argv[1], .site = "demo"}, &start) != 0 ||
                store_run(s) != 0)
                return 1;
        n = seconds * 50;
        spent = calloc(n, sizeof(*spent));
        ASSERT(spent);
        for (uint32_t i = 0; i < n; i++) {
                Now now = clock_now();
                uint64_t seq = start.next_seq + i;
                StoreTxn *t = store_txn_new();

                store_txn_journal(t, &(JournalRecord){.seq = seq,
                                             .kind = JOURNAL_NOTIFIED,
                                             .t_us = now.wall_us,
                                             .tb_us = now.boot_us,
                                             .boot = start.boot,
                                             .time_quality = 1,
                                             .body = "{\"bench\":true}",
                                             .body_size = 14});
                store_submit(s, t);
                (void)await(s, seq, now.boot_us + 10 * USEC_PER_SEC); /* the worst that is told */
                spent[i] = clock_now().boot_us - now.boot_us;
                (void)await(s, 0, now.boot_us + PERIOD_US);
        }
        qsort(spent, n, sizeof(*spent), by_value);
        (void)printf("%u commits: p50 %.2f ms, p99 %.2f ms, max %.2f ms\n", n, (double)spent[n / 2] / 1000,
                (double)spent[n * 99 / 100] / 1000, (double)spent[n - 1] / 1000);
        free(spent);
        store_free(s);
        return 0;
}
