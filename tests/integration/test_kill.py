# SPDX-License-Identifier: Apache-2.0
"""kill -9 and broker deaths, while devices repeat until they have their receipt: nothing lost, nothing doubled.

20 kills here; HUYING_KILLS=500 tools/test kill for the long run (tests/README.md).
"""

import json
import os
import random
import sqlite3
import threading
import time

import pytest

from net import coap, wait_for

KILLS = int(os.environ.get("HUYING_KILLS", "20"))

# Presses of one home belong to one incident; so that every press has one of its own there is one home for each device.
HOMES = 40


def make_registry(folder):
    folder.mkdir()
    (folder / "grids.csv").write_text("grid,name,parent\ng1,示例网格,\n")
    (folder / "dwellings.csv").write_text("dwelling,grid,building,floor,address,access\n" + "".join(
        f"h{n},g1,1号楼,1,示例路{n}号,\n" for n in range(HOMES)))
    (folder / "residents.csv").write_text("resident,dwelling,name,birth,phone,notes\n" + "".join(
        f"r{n},h{n},示例{n},1940-01-01,000-0000-{n:04d},\n" for n in range(HOMES)))
    (folder / "devices.csv").write_text("device,class,profile,dwelling,resident,beat\n" + "".join(
        f"d{n},button,,h{n},r{n},\n" for n in range(HOMES)))
    (folder / "workers.csv").write_text("worker,name,phone,role,scope,client\n"
                                        "w01,示例,000-0000-9001,worker,g1,plain\n"
                                        "d01,值班台,000-0000-9002,community,site,plain\n")
    return folder


class Device(threading.Thread):
    """Repeats each press after 1, 2, 4 … 32 s (here a tenth of it) until its receipt, as protocols/README.md asks."""

    def __init__(self, site, n, over_coap, stop):
        super().__init__(daemon=True)
        self.site, self.code, self.over_coap, self.stopping = site, f"d{n}", over_coap, stop
        self.receipts = {}
        self.client = None if over_coap else site.device(self.code)

    def attempt(self, event):
        if self.over_coap:
            answer = coap(f"coap://127.0.0.1:{self.site.daemon.coap_port}/v1/alarm/sos?d={self.code}&id={event}", seconds=2)
            return answer.json if answer.code == "2.01" else None
        self.client.publish(self.site.topic(f"up/{self.code}/alarm"), {"id": event, "kind": "sos"}, wait=False)
        return None

    def received(self, event):
        found = self.client.received(self.site.topic(f"down/{self.code}/receipt"), lambda m: m.json.get("id") == event)
        return found[0].json if found else None

    def run(self):
        number = 0
        while not self.stopping.is_set():
            number += 1
            event, pause = f"{self.code}-{number}", 0.1
            while event not in self.receipts:
                receipt = self.attempt(event)
                until = time.monotonic() + pause
                while not receipt and not self.over_coap and time.monotonic() < until:
                    receipt = self.received(event)
                    time.sleep(0.01)
                if receipt:
                    self.receipts[event] = receipt
                elif self.over_coap:
                    time.sleep(pause)
                pause = min(3.2, 2 * pause)
            time.sleep(random.uniform(0.2, 1.0))


def rows(site, sql):
    with sqlite3.connect(f"file:{site.daemon.journal}?mode=ro", uri=True) as db:
        return db.execute(sql).fetchall()


def start_devices(site, n_mqtt, n_coap):
    stop = threading.Event()
    devices = [Device(site, n, n >= n_mqtt, stop) for n in range(n_mqtt + n_coap)]
    for device in devices:
        device.start()
    return devices, stop


def check(site, devices):
    """Every press that has its receipt is on the disk exactly once, and no home has two open incidents."""
    recorded = {}
    for incident, body in rows(site, "select incident, body from journal where kind = 10"):
        event = json.loads(body).get("id")
        recorded.setdefault(event, []).append(incident)
    receipts = {event: r for device in devices for event, r in device.receipts.items()}
    lost = [e for e in receipts if e not in recorded]
    doubled = [e for e, incidents in recorded.items() if len(incidents) != 1]
    wrong = [e for e, r in receipts.items() if e in recorded and r["incident"] != recorded[e][0]]
    assert not lost and not doubled and not wrong, (lost, doubled, wrong)
    twice = rows(site, "select dwelling, count(*) from incident where state between 1 and 3 and \"group\" = 0"
                       " group by dwelling having count(*) > 1")
    assert not twice, f"two open incidents of one home: {twice}"
    return len(receipts)


def check_numbers(listener):
    """A number that was called out for one home never comes again for another."""
    homes = {}
    for message in listener.received():
        if message.json.get("device"):
            homes.setdefault(message.json["incident"], set()).add(message.json["device"])
    assert homes
    twice = {incident: devices for incident, devices in homes.items() if len(devices) > 1}
    assert not twice, f"one number, two matters: {twice}"


def test_kill_9_loses_and_doubles_nothing(make_site, tmp_path):
    site = make_site(registry=make_registry(tmp_path / "registry"))
    listener = site.client().subscribe(site.topic("worker/+/alert/+"))
    devices, stop = start_devices(site, 6, 2)
    for _ in range(KILLS):
        time.sleep(random.uniform(0.05, 0.8))
        site.daemon.kill9()
        site.daemon.start()
    stop.set()
    for device in devices:
        device.join(60)
        assert not device.is_alive(), f"{device.code} waits for a receipt for ever"
    n = check(site, devices)
    check_numbers(listener)
    print(f"{KILLS} kills, {n} presses with a receipt, 0 lost, 0 doubled")
    assert n >= KILLS


@pytest.mark.parametrize("persistence", [True, False])
def test_broker_deaths_lose_nothing_and_alerts_come_back(make_broker, make_site, tmp_path, persistence):
    broker = make_broker(persistence=persistence)
    site = make_site(broker, registry=make_registry(tmp_path / "registry"))
    devices, stop = start_devices(site, 6, 0)
    for number in range(4):
        # three connections that are lost within 2 s look like somebody else with our client id
        site.wait_online()
        time.sleep(2.2)
        if number % 2:
            broker.stop()
        else:
            broker.kill9()
        broker.start()
    stop.set()
    for device in devices:
        device.join(90)
        assert not device.is_alive(), f"{device.code} waits for a receipt for ever"
    assert check(site, devices) > 0
    # what is open is on the workers' topics, for a phone that was not there before
    open_now = {i for i, in rows(site, "select id from incident where state = 1 and device > 0")}
    phone = site.worker("w01")
    wait_for(lambda: open_now <= {m.json.get("incident") for m in
                                  phone.received(site.topic("worker/w01/alert/+"), lambda m: m.retain and m.json)})
