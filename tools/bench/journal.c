/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills the journal of a state folder, for measuring how a start depends on its length.
 *
 *   bench-journal FOLDER ROWS
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/parse.h"
#include "store/store.h"

#define GROUP 1000u /* rows of one transaction */
#define AHEAD 8u    /* transactions that wait */

static void wait_for(Store *s, uint64_t behind)
{
        const struct timespec pause = {.tv_nsec = 1000000};
        StoreStatus status;

        for (;;) {
                store_peek(s, &status);
                if (status.submitted_txns - status.committed_txns <= behind || status.failing)
                        break;
                (void)nanosleep(&pause, NULL);
        }
}

int main(int argc, char **argv)
{
        static const char body[] = "{\"kind\":\"notified\",\"device\":\"ls1\",\"dwelling\":\"lh1\","
                                   "\"resident\":\"lr1\",\"grid\":\"g1\","
                                   "\"worker\":\"w01\",\"tier\":1,\"round\":1,\"channel\":\"app\",\"state\":"
                                   "\"alerting\",\"priority\":1}";
        StoreStart start;
        uint32_t rows;
        Store *s;
        Now now;

        if (argc != 3 || !parse_u32(argv[2], 100000000, &rows))
                return 2;
        if (store_open(&s, &(StoreConfig){.state_directory = argv[1], .site = "demo"}, &start) != 0)
                return 1;
        if (store_run(s) != 0)
                return 1;
        now = clock_now();
        for (uint64_t seq = start.next_seq, end = seq + rows; seq < end;) {
                StoreTxn *t = store_txn_new();

                for (unsigned i = 0; i < GROUP && seq < end; i++, seq++)
                        store_txn_journal(t, &(JournalRecord){.seq = seq,
                                                     .incident = seq / 10 + 1,
                                                     .kind = JOURNAL_NOTIFIED,
                                                     .t_us = now.wall_us,
                                                     .tb_us = now.boot_us,
                                                     .boot = start.boot,
                                                     .time_quality = 1,
                                                     .device = 1,
                                                     .dwelling = 1,
                                                     .worker = 1,
                                                     .grid = 1,
                                                     .body = body,
                                                     .body_size = sizeof(body) - 1});
                store_submit(s, t);
                wait_for(s, AHEAD);
        }
        wait_for(s, 0);
        (void)store_free(s);
        return 0;
}
