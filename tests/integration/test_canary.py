# SPDX-License-Identifier: Apache-2.0
"""The canary: an alarm that nobody sees, and that is missed when it does not come home."""

import json
import signal
import sqlite3

import net
import pytest
from net import wait_for

OFTEN = {"Gateway": {"Canary": "1s"}}


def status(site):
    return json.loads(site.daemon.ctl("--json", "status", check=False).stdout)


def rows(site, kind):
    with sqlite3.connect(f"file:{site.daemon.journal}?mode=ro", uri=True) as db:
        return db.execute("select incident, body from journal where kind = ? order by seq", (kind,)).fetchall()


def kpi(site):
    return json.loads(site.daemon.ctl("--json", "kpi", check=False).stdout)[-1]


def test_it_arrives_and_calls_nobody(make_site):
    site = make_site(settings=OFTEN)
    watch = site.client()
    watch.subscribe(site.topic("#"))
    wait_for(lambda: status(site)["counters"].get("canary.ok", 0) >= 3)
    site.daemon.stop()
    tests = rows(site, 60)
    assert len(tests) >= 3 and all(not incident and "huying-canary" in body for incident, body in tests)
    assert not rows(site, 20), "no incident"
    alerts = [m for m in watch.messages if "/alert/" in m.topic]
    assert alerts and all(m.topic.startswith(site.topic("worker/huying-canary/alert/")) and not m.retain for m in alerts)
    said = [m.json for m in watch.messages if m.topic == site.topic("worker/huying-canary/act")]
    assert said and all(m["action"] == "delivered" for m in said)
    assert not any(m.topic == site.topic("worker/huying-canary/reply") for m in watch.messages), "the engine knows no such worker"
    home = [json.loads(body) for _, body in rows(site, 62)]
    assert len(home) >= 3 and all(h["result"] == "ok" for h in home)
    assert all(h["total_ms"] == h["device_ms"] + h["worker_ms"] + h["receipt_ms"] < 10000 for h in home)
    flown = [m for m in watch.messages if m.topic == site.topic("up/huying-canary/alarm")]
    assert flown and not any(m.retain for m in flown)
    assert any(m.topic == site.topic("down/huying-canary/receipt") for m in watch.messages)


def test_lost_twice_is_an_incident_of_the_gateway_until_one_arrives(make_site):
    site = make_site(settings={**OFTEN, "MQTT": {"KeepAlive": "60"}})
    wait_for(lambda: status(site)["counters"].get("canary.ok", 0) >= 1)
    site.broker.signal(signal.SIGSTOP)  # takes what is sent, and passes nothing on
    try:
        wait_for(lambda: status(site)["counters"].get("canary.lost", 0) >= 2)
        wait_for(lambda: any(json.loads(body).get("cause") == "canary" for _, body in rows(site, 8)))
    finally:
        site.broker.signal(signal.SIGCONT)
    wait_for(lambda: any(json.loads(body).get("cause") == "canary" and json.loads(body).get("on") is False
                         for _, body in rows(site, 8)))
    shown = kpi(site)
    assert 0 < shown["canary"] < 100 and 0 <= shown["canary_p50_s"]


@pytest.fixture
def shipped(make_site):
    """shipped(LINE): a site on the broker as we ship it, with this line of its ACL taken out."""
    brokers = []

    def make(line):
        broker = net.ShippedBroker()
        brokers.append(broker)
        acl = broker.folder / "acl"
        text = acl.read_text()
        assert line + "\n" in text
        acl.write_text(text.replace(line + "\n", ""))
        broker.start()
        site = make_site(broker, start=False, settings={
            **OFTEN, "MQTT": {"PasswordFile": str(broker.folder / "gateway-password")}})
        site.daemon.start()
        return site

    yield make
    for broker in brokers:
        broker.clean()


def lost_legs(site):
    return [json.loads(body)["leg"] for _, body in rows(site, 62) if json.loads(body)["result"] == "lost"]


def begun(site):
    wait_for(lambda: any(json.loads(body).get("cause") == "canary" for _, body in rows(site, 8)))


def test_a_broker_that_passes_no_call_or_no_answer_on_is_an_incident(shipped):
    """What is said to workers, or by them, does not get through, and nothing else shows it: presses come, receipts go."""
    no_call = shipped("topic readwrite huying/demo/worker/+/alert/+")
    no_answer = shipped("topic read huying/demo/worker/+/act")
    begun(no_call)
    begun(no_answer)
    assert set(lost_legs(no_call)) == {"worker"} and set(lost_legs(no_answer)) == {"receipt"}
    assert kpi(no_call)["canary"] == 0


def test_none_when_it_is_turned_off(make_site):
    site = make_site(settings={"Gateway": {"Canary": "0"}})
    bed = site.device("sos-101")
    site.press(bed, "sos-101", "e-1", kind="test")
    site.receipt(bed, "sos-101", "e-1")
    assert all("huying-canary" not in body for _, body in rows(site, 60))
