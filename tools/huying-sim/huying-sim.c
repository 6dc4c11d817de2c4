/* SPDX-License-Identifier: Apache-2.0 */
/* huying-sim: simulated beds and workers. One program; the first argument says what it plays. */
#include "tools/huying-sim/sim.h"

#include <getopt.h>
#include <string.h>

static const char help[] =
        "huying-sim 模拟床位与网格员 / simulated beds and workers\n"
        "\n"
        "huying-sim device --mqtt HOST:PORT | --coap HOST:PORT  [--site demo] --device CODE\n"
        "        [--press KIND] [--id ID] [--vitals hr=190,spo2=97] [--status] [--until-receipt]\n"
        "    一台设备：按下后以同一编号重发，直到收到回执 / says a press again (1, 2, 4 … 32 s, the same "
        "id)\n"
        "    until it has the receipt; prints the receipt and the lamp. --until-receipt: ends then.\n"
        "huying-sim worker --mqtt HOST:PORT [--site demo] --worker CODE\n"
        "        [--answer accept,arrived,resolve] [--after SECONDS] [--no-receipts]\n"
        "    一名网格员的手机 / a worker's app: presence, receipts, and the answers, each SECONDS after the "
        "last\n"
        "huying-sim profile NAME --mqtt HOST:PORT [--profiles FOLDER] [--device CODE] [--sample N] [--every "
        "SECONDS]\n"
        "    一台市售设备：按规则文件里的真实样例发消息 / a device as it is sold: publishes the samples of "
        "a\n"
        "    profile as its bridge would, under the name of your device\n"
        "huying-sim watch --mqtt HOST:PORT [--site demo]\n"
        "    逐行讲述经过 / tells what happens, line by line\n"
        "huying-sim story --config FILE --daemon-pid FILE [--protocol mqtt|coap|both] [--coap-client "
        "PROGRAM]\n"
        "    从按下到办结的全过程，逐步核对 / plays the whole story and checks every step; the daemon must "
        "be\n"
        "    supervised (started again when killed). Exit code 0 only when every step was seen.\n"
        "huying-sim load --mqtt HOST:PORT [--coap HOST:PORT] [--site demo] [--devices N] [--connections N]\n"
        "        [--vitals RATE] [--burst N] [--presses RATE] [--first N] [--limit N] [--seconds S] "
        "[--workers w01,…] "
        "[--answer] "
        "[--direct]\n"
        "    压测：设备 lb<n>、ls<n> 发送体征与呼叫，按编号核对 / many devices (bands lb<n>, buttons "
        "ls<n>): "
        "readings\n"
        "    and presses at a rate; prints latencies, lost and doubled ids as JSON (tools/bench/run makes "
        "the "
        "registry)\n"
        "\n"
        "Exit codes: 0 ok, 1 error or a step that was not seen, 2 usage\n";

int main(int argc, char **argv)
{
        static const struct {
                const char *word;
                int (*fn)(int argc, char **argv);
        } commands[] = {{"device", cmd_device}, {"worker", cmd_worker}, {"watch", cmd_watch},
                {"story", cmd_story}, {"profile", cmd_profile}, {"load", cmd_load}};
        int r = 2;

        if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
                (void)fputs(help, stdout);
                return 0;
        }
        if (!json_up())
                return 1;
        for (unsigned i = 0; argc > 1 && i < sizeof(commands) / sizeof(*commands); i++)
                if (strcmp(argv[1], commands[i].word) == 0)
                        r = commands[i].fn(argc - 1, argv + 1);
        json_down();
        if (r == 2)
                (void)fputs(help, stderr);
        return r;
}
