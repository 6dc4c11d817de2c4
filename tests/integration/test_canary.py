# SPDX-License-Identifier: Apache-2.0
"""The canary: an alarm that nobody sees, and that is missed when it does not arrive."""

import json
import signal
import sqlite3

from net import wait_for

OFTEN = {"Gateway": {"Canary": "1s"}}


def status(site):
    return json.loads(site.daemon.ctl("--json", "status", check=False).stdout)


def rows(site, kind):
    with sqlite3.connect(f"file:{site.daemon.journal}?mode=ro", uri=True) as db:
        return db.execute("select incident, body from journal where kind = ? order by seq", (kind,)).fetchall()


def test_it_arrives_and_calls_nobody(make_site):
    site = make_site(settings=OFTEN)
    watch = site.client()
    watch.subscribe(site.topic("#"))
    wait_for(lambda: status(site)["counters"].get("canary.ok", 0) >= 3)
    site.daemon.stop()
    tests = rows(site, 60)
    assert len(tests) >= 3 and all(not incident and "huying-canary" in body for incident, body in tests)
    assert not rows(site, 20), "no incident"
    assert not any("/alert/" in m.topic for m in watch.messages)
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


def test_none_when_it_is_turned_off(make_site):
    site = make_site(settings={"Gateway": {"Canary": "0"}})
    bed = site.device("sos-101")
    site.press(bed, "sos-101", "e-1", kind="test")
    site.receipt(bed, "sos-101", "e-1")
    assert all("huying-canary" not in body for _, body in rows(site, 60))
