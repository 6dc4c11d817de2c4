# SPDX-License-Identifier: Apache-2.0
"""An attacker against the shipped broker configuration and ACL, with a credential of his own: a device that somebody
has opened, a worker who means ill. Credentials come from huyingctl enroll, as in life.

The broker acknowledges what its ACL drops, so "nothing happened" is shown by something that came later and did.
"""

import json
import sqlite3

import pytest

import net


@pytest.fixture
def site(make_site):
    broker = net.ShippedBroker()
    for device in "sos-101", "sos-102", "smoke-101":
        broker.enroll("device", device)
    for worker in "w01", "w02":
        broker.enroll("worker", worker)
    try:
        broker.start()
        made = make_site(broker, start=False,
                         settings={"MQTT": {"PasswordFile": str(broker.folder / "gateway-password")}})
        made.daemon.start()
        net.wait_for(lambda: "mqtt\":true" in made.daemon.ctl("--json", "status", check=False).stdout.replace(" ", ""),
                     what=lambda: made.daemon.output())
        yield made
    finally:
        broker.clean()


def events(site, device):
    with sqlite3.connect(f"file:{site.daemon.journal}?mode=ro", uri=True) as db:
        rows = db.execute("select body from journal where kind = 10").fetchall()
    return [body for (body,) in rows if json.loads(body).get("device") == device]


def as_device(site, code):
    client = site.broker.client(code)
    site.clients.append(client)
    return client.subscribe(site.topic(f"down/{code}/#"))


def as_worker(site, code):
    client = site.broker.client(code)
    site.clients.append(client)
    for rest in "alert/+", "reply":
        client.subscribe(site.topic(f"worker/{code}/{rest}"))
    client.publish(site.topic(f"worker/{code}/presence"), "online", retain=True)
    return client


def proof(site, bed, event):
    """A true press that came after the attack: what the broker let through before it has been seen by now."""
    site.press(bed, "sos-101", event)
    return site.receipt(bed, "sos-101", event)


def test_without_a_credential_nobody_comes_in(site):
    broker = site.broker
    assert broker.knock() != "0"
    assert broker.knock("sos-101", "sos-101", "guess") != "0"
    assert broker.knock("w01", "w01", broker.passwords["w02"]) != "0"
    assert broker.knock("w01", "w01", broker.passwords["w01"]) == "0"


def test_a_device_speaks_for_no_other_device(site):
    bed = as_device(site, "sos-101")
    bed.publish(site.topic("up/smoke-101/alarm"), {"id": "forged", "kind": "smoke"})
    bed.publish(site.topic("up/smoke-101/status"), {"battery": 1})
    bed.publish(site.topic("up/sos-101/../smoke-101/alarm"), {"id": "forged", "kind": "smoke"})
    proof(site, bed, "e-1")
    assert events(site, "smoke-101") == []
    # nor does the JSON make it another
    bed.publish(site.topic("up/sos-101/alarm"), {"id": "e-2", "kind": "sos", "device": "smoke-101", "d": "smoke-101"})
    site.receipt(bed, "sos-101", "e-2")
    assert events(site, "smoke-101") == []


def test_a_device_acts_for_no_worker_and_a_worker_for_no_other(site):
    bed, first, second = as_device(site, "sos-101"), as_worker(site, "w01"), as_worker(site, "w02")
    incident = proof(site, bed, "e-1")["incident"]
    site.alert(first, "w01", incident)
    forged = {"incident": incident, "action": "accept", "nonce": "forged"}
    bed.publish(site.topic("worker/w01/act"), forged)
    bed.publish(site.topic("worker/sos-101/act"), forged)
    second.publish(site.topic("worker/w01/act"), forged)
    second.publish(site.topic("worker/w01/do"), f"accept {incident}")
    proof(site, bed, "e-2")
    assert json.loads(site.daemon.ctl("--json", "show", incident).stdout)["state"] == "alerting"
    # who acts is who the broker says, whatever the JSON says
    reply = site.act(first, "w01", incident, "accept", who="w02", by="w02", source="w02")
    assert (reply["result"], reply["owner"]) == ("ok", "w01")


def test_nobody_hears_what_is_not_for_him(site):
    bed, spy, worker = as_device(site, "sos-101"), as_device(site, "sos-102"), as_worker(site, "w02")
    for topic in "#", "huying/#", site.topic("worker/+/alert/+"), site.topic("down/sos-101/#"), "$SYS/#":
        spy.subscribe(topic)
        worker.subscribe(topic)
    incident = proof(site, bed, "e-1")["incident"]
    first = as_worker(site, "w01")
    site.alert(first, "w01", incident)
    # "online" is everybody's
    for client, own in (spy, "down/sos-102/"), (worker, "worker/w02/"):
        assert [m for m in client.received() if not m.topic.startswith(site.topic(own)) and
                m.topic != site.topic("status")] == []


def test_what_the_gateway_says_cannot_be_forged_or_wiped(site):
    bed, first, second = as_device(site, "sos-101"), as_worker(site, "w01"), as_worker(site, "w02")
    incident = proof(site, bed, "e-1")["incident"]
    site.alert(first, "w01", incident)
    alert = site.topic(f"worker/w01/alert/{incident}")
    since_first, since_bed = first.mark(), bed.mark()
    second.publish(alert, b"", retain=True)
    second.publish(site.topic("worker/w01/presence"), "offline", retain=True)
    second.publish(site.topic("status"), "offline", retain=True)
    second.publish(site.topic("down/sos-101/lamp"), "arrived", retain=True)
    bed.publish(alert, b"", retain=True)
    as_device(site, "sos-102").publish(site.topic("down/sos-101/receipt"), {"id": "e-9", "result": "recorded"})
    proof(site, bed, "e-2")
    assert [m for m in first.received(alert, since=since_first) if m.payload == b""] == []
    assert [m for m in bed.received(since=since_bed) if m.payload == b"arrived" or m.json.get("id") == "e-9"] == []
    status = site.broker.client("w02")
    site.clients.append(status.subscribe(site.topic("status")))
    assert status.wait(site.topic("status")).payload == b"online"


def test_the_gateways_session_cannot_be_taken_or_wiped(site):
    bed = as_device(site, "sos-101")
    proof(site, bed, "e-1")
    for name in "huying-demo-alarm", "huying-demo-out", "huying-demo-vitals":
        # with a credential of one's own and the gateway's client id: the broker puts the user's name in its place
        assert site.broker.knock(name, "sos-102", site.broker.passwords["sos-102"], clean=True) == "0"
        assert site.broker.knock(name, name, "guess", clean=True) != "0"
    proof(site, bed, "e-2")
    assert "connection lost" not in site.daemon.output()
    # and what waits in the session while the gateway is away is there when it comes back
    site.daemon.kill9()
    site.press(bed, "sos-101", "e-3")
    site.broker.knock("huying-demo-alarm", "sos-102", site.broker.passwords["sos-102"], clean=True)
    site.daemon.start()
    assert site.receipt(bed, "sos-101", "e-3")["result"] == "recorded"


def test_retained_junk_is_no_new_alarm_at_each_start(site):
    bed = as_device(site, "sos-101")
    bed.publish(site.topic("up/sos-101/alarm"), {"id": "e-1", "kind": "sos"}, retain=True)
    incident = site.receipt(bed, "sos-101", "e-1")["incident"]
    as_device(site, "sos-102").publish(site.topic("up/sos-102/status"), b"\xff" * 3000, retain=True)
    for n in range(2):
        site.daemon.restart()
        since = bed.mark()
        proof(site, bed, f"after-{n}")
        again = bed.received(site.topic("down/sos-101/receipt"), lambda m: m.json.get("id") == "e-1", since)
        assert all(m.json["incident"] == incident for m in again)
    assert len([e for e in events(site, "sos-101") if json.loads(e).get("id") == "e-1"]) == 1


def test_a_replayed_accept_takes_nothing(site):
    bed, first = as_device(site, "sos-101"), as_worker(site, "w01")
    incident = proof(site, bed, "e-1")["incident"]
    site.alert(first, "w01", incident)
    once = site.act(first, "w01", incident, "accept", nonce="n-1")
    assert once["result"] == "ok"
    site.act(first, "w01", incident, "release", nonce="n-2")
    again = site.act(first, "w01", incident, "accept", nonce="n-1")
    assert again == once, "the answer of then"
    assert json.loads(site.daemon.ctl("--json", "show", incident).stdout)["state"] == "alerting"


def test_a_flood_of_one_does_not_drown_another(site):
    flood, bed = as_device(site, "sos-102"), as_device(site, "sos-101")
    for n in range(4000):
        flood.publish(site.topic("up/sos-102/alarm"), {"id": f"f-{n}", "kind": "sos"}, wait=False)
        flood.publish(site.topic("up/sos-102/vitals"), {"hr": 70}, wait=False)
    assert proof(site, bed, "e-1")["result"] == "recorded"
    first = as_worker(site, "w01")
    assert site.alert(first, "w01", where=lambda a: a["device"] == "sos-101")
    # the flood is one matter, not four thousand
    listed = json.loads(site.daemon.ctl("--json", "list").stdout)
    mine = [i for i in (listed if isinstance(listed, list) else listed.get("incidents", [])) if i.get("device") == "sos-102"]
    assert len(mine) <= 1, mine


def test_an_oversize_message_ends_its_own_connection_only(site):
    big, bed = as_device(site, "sos-102"), as_device(site, "sos-101")
    connections = big.connections
    big.publish(site.topic("up/sos-102/alarm"), b"x" * 200000, wait=False)
    net.wait_for(lambda: big.connections > connections, what="the disconnection of who sent it")
    assert proof(site, bed, "e-1")["result"] == "recorded"
    assert site.daemon.running()


def test_who_is_revoked_is_out(site):
    bed, second = as_device(site, "sos-101"), as_worker(site, "w02")
    connections = second.connections
    site.daemon.ctl("--accounts", site.broker.accounts, "revoke", "w02")
    site.broker.reload()
    net.wait_for(lambda: not second.paho.is_connected(), what="the revoked worker's connection to end")
    assert site.broker.knock("w02", "w02", site.broker.passwords["w02"]) != "0"
    assert second.connections == connections
    assert site.daemon.ctl("--accounts", site.broker.accounts, "revoke", "w02", check=False).returncode == 1
    assert proof(site, bed, "e-1")["result"] == "recorded"


def test_what_enroll_refuses(site):
    def enroll(*arguments):
        return site.daemon.ctl("--accounts", site.broker.accounts, "enroll", *arguments, check=False)
    proof(site, as_device(site, "sos-101"), "e-0")  # recorded: then the registry is as well
    before = site.broker.accounts.read_text()
    assert enroll("device", "w01").returncode == 1, "a worker's code"
    assert enroll("worker", "sos-101").returncode == 1, "a device's code"
    assert enroll("device", "huying-demo-alarm").returncode == 2
    assert enroll("device", "a/b").returncode == 2
    assert enroll("nurse", "w01").returncode == 2
    assert site.broker.accounts.read_text() == before
    # enrolling again makes the old secret void, and leaves one line
    old = site.broker.passwords["w01"]
    new = site.broker.enroll("worker", "w01")
    site.broker.reload()
    net.wait_for(lambda: site.broker.knock("w01", "w01", old) != "0", what="the old password to be refused")
    assert site.broker.knock("w01", "w01", new) == "0"
    assert site.broker.accounts.read_text().count("w01:") == 1
    assert oct(site.broker.accounts.stat().st_mode)[-3:] == "600"


def test_a_day_is_for_its_worker_alone(site):
    w01, w02 = as_worker(site, "w01"), as_worker(site, "w02")
    for client in w01, w02:
        client.subscribe(site.topic("worker/+/day"))
        client.subscribe(site.topic("worker/w01/day"))
    w01.wait(site.topic("worker/w01/day"), lambda m: m.json["beds"])
    w02.publish(site.topic("worker/w01/day"), {"beds": []}, retain=True)
    bed = as_device(site, "sos-101")
    proof(site, bed, "e-1")
    w02.subscribe(site.topic("worker/w02/day"))
    w02.wait(site.topic("worker/w02/day"), lambda m: m.json["beds"])
    assert not w02.received(site.topic("worker/w01/day"))
    assert all(m.json["beds"] for m in w01.received(site.topic("worker/w01/day"))), "nobody writes it but the gateway"
