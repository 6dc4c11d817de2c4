# SPDX-License-Identifier: Apache-2.0
"""With nothing to do the daemon does nothing, and it is small."""

import os
import subprocess
import sys
import time

import net
from net import wait_for

sys.path.insert(0, str(net.SOURCE / "tools" / "bench"))

import community  # noqa: E402


def cpu_ticks(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def wakeups(pid):
    n = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        for line in open(f"/proc/{pid}/task/{task}/status"):
            if line.startswith("voluntary_ctxt_switches"):
                n += int(line.split()[1])
    return n


def rss_kib(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


def test_idle_and_small(site):
    bed = site.device("sos-101")
    site.press(bed, "sos-101", "e-1", kind="test")
    site.receipt(bed, "sos-101", "e-1")
    time.sleep(3)
    pid = site.daemon.pid
    ticks, woken = cpu_ticks(pid), wakeups(pid)
    time.sleep(10)
    used, woken = cpu_ticks(pid) - ticks, wakeups(pid) - woken
    print(f"10 s idle: {used} ticks of 10 ms CPU, {woken} wake-ups; RSS {rss_kib(pid)} KiB")
    assert used <= 1
    assert rss_kib(pid) < 16 * 1024


def test_ten_thousand_devices_are_small(make_site, tmp_path):
    site = make_site(registry=community.write(tmp_path / "c", 5000))
    sim = [str(net.BUILD / "tools" / "huying-sim" / "huying-sim"), "load", "--mqtt", f"127.0.0.1:{site.broker.port}"]
    subprocess.run([*sim, "--devices", "5000", "--burst", "5000", "--seconds", "60", "--workers", "w01"], check=True,
                   stdout=subprocess.DEVNULL)  # each person's band says something
    pid = site.daemon.pid
    wait_for(lambda: rss_kib(pid) < 24 * 1024, what=lambda: f"less than 24 MiB, now {rss_kib(pid)} KiB")


def test_no_descriptor_is_left_behind(site):
    folder = f"/proc/{site.daemon.pid}/fd"
    bed = site.device("sos-101")
    site.press(bed, "sos-101", "e-0")
    site.receipt(bed, "sos-101", "e-0")
    for n in range(3):
        site.wait_online()
        time.sleep(2.2)  # lost sooner, three times in a row, looks like somebody else with our client id
        site.broker.kill9()
        site.broker.start()
        wait_for(lambda n=n: bed.connections >= n + 2)
        event = f"e-{n + 1}"

        def receipt(event=event):
            site.press(bed, "sos-101", event)
            time.sleep(0.2)
            return bed.received(site.topic("down/sos-101/receipt"), lambda m: m.json.get("id") == event)
        wait_for(receipt)
        site.daemon.ctl("status", check=False)
        if n == 0:
            before = len(os.listdir(folder))  # with what is opened a while after the start
    wait_for(lambda: len(os.listdir(folder)) <= before, what=lambda: f"{before} descriptors, now {len(os.listdir(folder))}")
