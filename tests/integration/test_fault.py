# SPDX-License-Identifier: Apache-2.0
"""What breaks around the gateway, and who hears of it. In each row of the table: presses by a device that repeats until
it has its receipt, the fault in the middle, its end; then nothing acknowledged is lost, nothing is doubled, and while it
lasted, people were called, or the fault itself called the operator.

`tests/fault/table` prints the table, of these and of the other test_fault_*.py and test_blocking.py.
"""

import contextlib
import json
import os
import random
import resource
import signal
import socket
import sqlite3
import threading
import time

import pytest

import net
from net import wait_for

PRELOADED = "preloaded calls (`tests/fault/disk-fault.c`)"
WORDS = {"full": "full", "enospc": "full, what is allocated can be written", "eio": "EIO on flush", "write-eio": "EIO on write",
         "erofs": "read-only", "torn": "writes half, then EIO", "hang": "flush does not come back"}
DISK_FAULT = net.BUILD / "tests" / "fault" / "libdisk-fault.so"


class Button(threading.Thread):
    """Presses, one after another, each repeated until its receipt."""

    def __init__(self, site, code="sos-101"):
        super().__init__(daemon=True)
        self.site, self.code = site, code
        self.client = site.device(code)
        self.receipts, self.sent, self.stopping = {}, [], threading.Event()

    def has(self, event):
        found = self.client.received(self.site.topic(f"down/{self.code}/receipt"), lambda m: m.json.get("id") == event)
        return found[0].json if found else None

    def press(self, event, stop=None):
        self.sent.append(event)
        while not (stop or self.stopping).is_set():
            self.client.publish(self.site.topic(f"up/{self.code}/alarm"), {"id": event, "kind": "sos"}, wait=False)
            end = time.monotonic() + 0.5
            while time.monotonic() < end:
                receipt = self.has(event)
                if receipt:
                    self.receipts[event] = receipt
                    return receipt
                time.sleep(0.02)
        return None

    def run(self):
        n = 0
        while not self.stopping.is_set():
            n += 1
            self.press(f"{self.code}-{n}")
            time.sleep(0.1)

    def end(self):
        """No new presses; the last one still gets its receipt."""
        self.stopping.set()
        self.join()
        for event in self.sent:
            if event not in self.receipts:
                self.sent.remove(event)
                assert self.press(event, threading.Event())


def rows(site, sql, *values):
    with contextlib.closing(sqlite3.connect(f"file:{site.daemon.journal}?mode=ro", uri=True)) as db:
        return db.execute(sql, values).fetchall()


def row(fault, how, sent, lost, doubled, told):
    """One of the table that tests/fault/table collects."""
    print(f"| {fault} | {how} | {sent} | {lost} | {doubled} | {told} |")


def account(site, fault, how, button, told):
    """The row of the table; fails when something was lost or doubled."""
    kept = [json.loads(body).get("id") for (body,) in rows(site, "select body from journal where kind = 10 and body is not null")]
    lost = [e for e in button.receipts if e not in kept]
    doubled = [e for e in button.receipts if kept.count(e) > 1]
    row(fault, how, len(button.sent), len(lost), len(doubled), told)
    assert not lost and not doubled, (lost, doubled)
    assert set(button.sent) <= set(button.receipts)


def system_alert(site, operator, cause=None):
    return site.alert(operator, "o01", where=lambda a: a["kind"] == "system" and (cause is None or a.get("cause") == cause))


@pytest.fixture
def disk(make_site, tmp_path):
    """A site whose disk does what site.disk(line) says."""
    if not DISK_FAULT.exists():
        pytest.skip("libdisk-fault.so is not built")
    control = tmp_path / "disk"
    control.write_text("")
    site = make_site(environment={"LD_PRELOAD": str(DISK_FAULT), "DISK_FAULT_PATH": "/state/",
                                  "DISK_FAULT_CONTROL": str(control)})
    site.disk = control.write_text
    return site


@pytest.mark.parametrize("fault", ["full", "enospc", "eio", "write-eio", "erofs", "torn", "hang"])
def test_the_disk_fails_and_is_well_again(disk, fault):
    phone, operator, button = disk.worker("w01"), disk.worker("o01"), Button(disk)
    assert button.press("before")
    disk.disk(fault)
    stop = threading.Event()
    presser = threading.Thread(target=button.press, args=("during", stop), daemon=True)
    presser.start()
    # the call leaves although nothing can be written, and says so
    incident = disk.alert(phone, "w01")["incident"]
    told = "w01 at once"
    if fault not in ("enospc", "erofs"):  # with those the log of the database still has the room it was given
        system_alert(disk, operator, "store")
        told += "; operator: store"
        assert not button.has("during"), "no receipt for what is not recorded"
        assert disk.alert(phone, "w01", incident, lambda a: a["recorded"] is False)
    disk.disk("")
    presser.join(net.PATIENCE)
    assert button.has("during")
    wait_for(lambda: "degraded" not in disk.daemon.ctl("--json", "status", check=False).stdout.split('"why"')[0],
             what="the end of degraded mode")
    account(disk, f"disk: {WORDS[fault]}, then well", PRELOADED, button, told)


@pytest.mark.parametrize("ms", [20, 500])
def test_a_slow_disk_delays_receipts_and_nothing_else(disk, ms):
    phone, button = disk.worker("w01"), Button(disk)
    disk.disk(f"slow {ms}")
    button.start()
    assert disk.alert(phone, "w01")
    wait_for(lambda: len(button.receipts) >= 4, what="receipts")
    button.end()
    disk.disk("")
    account(disk, f"disk: every flush {ms} ms slower", PRELOADED, button, "w01 at once")


def test_a_corrupt_database_is_set_aside_and_told(make_site):
    site = make_site()
    button = Button(site)
    first = button.press("before")
    site.daemon.stop()
    with open(site.daemon.journal, "r+b") as db:
        for page in range(1, 30):
            db.seek(page * 4096)
            db.write(os.urandom(4096))
    (site.daemon.state / "journal.db-wal").unlink(missing_ok=True)
    operator, phone = site.worker("o01"), site.worker("w01")
    site.daemon.start()
    system_alert(site, operator, "store")
    after = button.press("after")
    assert after["incident"] > first["incident"], "a number never means two matters"
    assert site.alert(phone, "w01", after["incident"])
    assert list(site.daemon.state.glob("journal.bad-*")), "what there was is kept"
    row("corrupted database at start", "30 pages of random bytes", len(button.sent), "0; what was before is kept aside", 0,
        "operator: store")


def test_the_state_folder_is_gone_at_start(make_site):
    site = make_site()
    button = Button(site)
    assert button.press("before")
    site.daemon.stop()
    site.daemon.state.rename(site.daemon.folder / "lost")
    site.daemon.start()
    phone = site.worker("w01")
    after = button.press("after")
    assert site.alert(phone, "w01", after["incident"])
    row("state folder missing at start", "renamed", 2, "0 after it", 0, "w01")


def test_descriptors_run_out(make_site):
    site = make_site()
    phone, button = site.worker("w01"), Button(site)
    assert button.press("before")
    used = len(os.listdir(f"/proc/{site.daemon.pid}/fd"))
    before = resource.prlimit(site.daemon.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(site.daemon.pid, resource.RLIMIT_NOFILE, (used, before[1]))
    try:
        # what is open goes on; what needs a new one waits, and nothing ends
        during = button.press("during")
        assert site.alert(phone, "w01", during["incident"])
        site.daemon.ctl("status", check=False)
        assert site.daemon.running()
        site.broker.restart()
        time.sleep(1)
        assert site.daemon.running()
    finally:
        resource.prlimit(site.daemon.pid, resource.RLIMIT_NOFILE, before)
    button.press("after")
    account(site, "no descriptors left, and the broker restarts", "`prlimit`", button, "w01; afterwards as before")


def test_a_broker_that_hangs_calls_by_other_ways(make_site, tmp_path):
    called = tmp_path / "siren"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ncat >>{called}\n")
    program.chmod(0o755)
    site = make_site(settings={"MQTT": {"KeepAlive": "5"}, "Channel siren": {"Exec": str(program), "Priority": "2"}})
    button = Button(site)
    assert button.press("before")
    seconds, began = int(os.environ.get("HUYING_HANG_S", "20")), time.monotonic()
    site.broker.pause()  # takes connections, answers nothing
    try:
        assert site.coap("v1/alarm/sos?d=smoke-101&id=during").code == "2.01", "CoAP goes on"
        wait_for(lambda: called.exists() and '"cause":"broker"' in called.read_text().replace(" ", ""),
                 what=lambda: f"the siren for the broker's sake\n{site.daemon.output()[-2000:]}")
        wait_for(lambda: site.daemon.output().count("the broker does not answer") >= 2, what="it to be dialled again")
        time.sleep(max(0, seconds - (time.monotonic() - began)))
        assert site.coap("v1/alarm/sos?d=smoke-101&id=later").code == "2.01", "and still"
    finally:
        site.broker.resume()
    site.wait_online()
    button.press("after")
    account(site, f"broker hangs for {seconds} s (accepts, answers nothing)", "SIGSTOP", button, "siren: broker, and the call that came by CoAP")


def test_a_broker_that_flaps(make_site):
    site = make_site()
    button = Button(site)
    button.start()
    for _ in range(4):
        time.sleep(2.2)  # three losses within 2 s look like somebody else with our client id: then a minute's pause
        site.broker.kill9()
        site.broker.start()
    wait_for(lambda: len(button.receipts) >= 3, seconds=2 * net.PATIENCE, what="receipts")
    button.end()
    account(site, "broker killed 4 times, each after 2 s", "SIGKILL", button, "w01 when it is back (retained)")


def test_a_broker_that_dies_right_after_each_connection_is_no_stranger(make_site):
    """Three losses within 2 s of a CONNACK would look like somebody else with our client id, and cost a minute's pause."""
    site = make_site()
    phone, button = site.worker("w01"), Button(site)
    assert button.press("before")
    for n in range(4):
        site.broker.kill9()
        time.sleep(1)  # a dial fails meanwhile
        site.broker.start()
        wait_for(lambda: site.daemon.output().count("MQTT alarm: connected") == n + 2, what="its next connection")
    assert button.press("after")
    assert site.alert(phone, "w01")
    assert "somebody else" not in site.daemon.output()
    account(site, "broker killed 4 times, each right after the connection", "SIGKILL", button, "w01 when it is back")


class BadNetwork:
    """A relay for datagrams that loses three of ten, sends one of ten twice, and delays each by up to 0.3 s, so that
    they overtake each other; `broken` = nothing passes."""

    def __init__(self, port, seed=3):
        self.rng, self.target, self.broken, self.dropped = random.Random(seed), ("127.0.0.1", port), False, 0
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind(("127.0.0.1", 0))
        self.port = self.front.getsockname()[1]
        self.peers = {}
        threading.Thread(target=self.forward, daemon=True).start()

    def send(self, sock, data, to):
        if self.broken or self.rng.random() < 0.3:
            self.dropped += 1
            return
        for _ in range(2 if self.rng.random() < 0.1 else 1):
            threading.Timer(self.rng.uniform(0, 0.3), sock.sendto, (data, to)).start()

    def forward(self):
        while True:
            data, peer = self.front.recvfrom(65536)
            if peer not in self.peers:
                self.peers[peer] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                threading.Thread(target=self.back, args=(peer,), daemon=True).start()
            self.send(self.peers[peer], data, self.target)

    def back(self, peer):
        while True:
            self.send(self.front, self.peers[peer].recv(65536), peer)


def test_a_network_that_loses_delays_reorders_doubles_and_breaks(make_site):
    site = make_site()
    network = BadNetwork(site.daemon.coap_port)
    receipts, tries = {}, 0

    def press(event):
        nonlocal tries
        while event not in receipts:
            tries += 1
            answer = net.coap(f"coap://127.0.0.1:{network.port}/v1/alarm/sos?d=sos-101&id={event}", seconds=5)
            if answer.code == "2.01":
                receipts[event] = answer.json
    presses = [threading.Thread(target=press, args=(f"e-{n}",), daemon=True) for n in range(12)]
    for n, thread in enumerate(presses):
        thread.start()
        network.broken = 4 <= n < 8  # a partition in the middle
        time.sleep(0.3)
    network.broken = False
    for thread in presses:
        thread.join(2 * net.PATIENCE)
    assert len(receipts) == 12 and network.dropped > 5
    kept = [json.loads(body)["id"] for (body,) in rows(site, "select body from journal where kind = 10")]
    assert sorted(kept) == sorted(receipts), "each once"
    row("network of a CoAP device: 30 % lost, 10 % doubled, reordered, broken for a while",
        f"a relay: {tries} tries, {network.dropped} datagrams lost", 12, 0, 0, "w01 with the first that comes through")


def test_the_configuration_is_gone_at_reload(make_site):
    site = make_site()
    button = Button(site)
    assert button.press("before")
    site.daemon.config.rename(site.daemon.folder / "away")
    site.daemon.signal(signal.SIGHUP)
    wait_for(lambda: "the old configuration stays" in site.daemon.output(), what="a word in the log")
    phone = site.worker("w01")
    after = button.press("after")
    assert site.alert(phone, "w01", after["incident"])
    (site.daemon.folder / "away").rename(site.daemon.config)
    account(site, "configuration deleted, then reload", "renamed", button, "log; the old one stays")


def test_the_configuration_is_gone_at_a_restart(make_site):
    site = make_site()
    watcher = site.client()
    watcher.subscribe(site.topic("status"))
    button = Button(site)
    assert button.press("before")
    site.daemon.config.rename(site.daemon.folder / "away")
    site.daemon.kill9()
    site.daemon.launch()
    assert site.daemon.process.wait(net.PATIENCE) == 1
    assert f"{site.daemon.config}" in site.daemon.output(), "it says which file it misses"
    watcher.wait(site.topic("status"), lambda m: m.payload == b"offline")
    stop = threading.Event()
    threading.Thread(target=button.press, args=("during", stop), daemon=True).start()
    (site.daemon.folder / "away").rename(site.daemon.config)
    site.daemon.start()  # as the service's manager does each second
    phone = site.worker("w01")
    wait_for(lambda: button.has("during"), what="the receipt")
    wait_for(lambda: "during" in button.receipts, what="the device to have it")
    assert site.alert(phone, "w01")
    account(site, "configuration deleted, then a restart", "renamed, SIGKILL", button,
            "whoever watches the retained `status`; w01 when it is back")


def test_a_second_daemon_is_refused_and_the_first_goes_on(make_site):
    site = make_site()
    button = Button(site)
    second = net.Process(site.daemon.folder)
    second.name = "second"
    second.log = site.daemon.folder / "second.log"
    second.command = site.daemon.command
    second.environment = lambda: {k: v for k, v in site.daemon.environment().items() if k != "NOTIFY_SOCKET"}
    second.launch()
    assert second.process.wait(net.PATIENCE) == 1
    assert "another huyingd has this state folder" in second.output()
    assert button.press("after")
    account(site, "two daemons", "a second one", button, "the second ends and says why")
