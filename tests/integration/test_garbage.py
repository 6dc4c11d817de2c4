# SPDX-License-Identifier: Apache-2.0
"""What is no message of ours: recorded, counted, answered; what may be an alarm still reaches a human."""

import json
import random
import socket
import sqlite3

import pytest

from net import wait_for

GARBAGE = {
    "empty": b"",
    "no JSON": b"sos!!",
    "truncated": b'{"id":"e-1","kind":"so',
    "array": b"[1,2,3]",
    "number": b"42",
    "null": b"null",
    "deep": b"[" * 12000 + b"]" * 12000,
    "invalid UTF-8": b'{"id":"e-\xff\xfe","kind":"sos"}',
    "NUL": b'{"id":"a\x00b","kind":"sos"}',
    "BOM": b'\xef\xbb\xbf{"id":"b","kind":"sos"}',
    "wrong types": b'{"id":{"a":1},"kind":[],"ts":"yesterday"}',
    "huge number": b'{"id":"h","kind":"sos","ts":1e999}',
    "long id": b'{"id":"' + b"x" * 500 + b'","kind":"sos"}',
    "oversize": b'{"id":"o","kind":"sos","pad":"' + b"y" * 40000 + b'"}',
    "binary": bytes(range(256)) * 4,
}


def kinds(site, kind):
    with sqlite3.connect(f"file:{site.daemon.journal}?mode=ro", uri=True) as db:
        return [json.loads(body) for body, in db.execute("select body from journal where kind = ?", (kind,))]


@pytest.mark.sanitized
def test_garbage_of_a_known_device_calls_as_an_sos_would(site):
    bed, w01 = site.device("sos-101"), site.worker("w01")
    for payload in GARBAGE.values():
        bed.publish(site.topic("up/sos-101/alarm"), payload)
    wait_for(lambda: len(kinds(site, 10)) >= len(GARBAGE), what="every message in the journal")
    alert = site.alert(w01, "w01")
    assert alert["priority"] == 1 and "101" in alert["address"]
    assert all(body.get("device") == "sos-101" for body in kinds(site, 10))


@pytest.mark.sanitized
def test_garbage_everywhere_else_leaves_the_daemon_up(site):
    client, w01 = site.client(), site.worker("w01")
    for payload in GARBAGE.values():
        for topic in ("up/band-101/vitals", "up/band-101/status", "worker/w01/act", "worker/w01/do",
                      "worker/w01/presence", "worker/nobody/act"):
            client.publish(site.topic(topic), payload)
    reply = w01.wait(site.topic("worker/w01/reply"), lambda m: m.json.get("result") == "refused")
    assert reply.json["reason"]
    bed = site.device("sos-101")
    site.press(bed, "sos-101", "after")
    assert site.receipt(bed, "sos-101", "after")["result"] == "recorded"


def test_an_unknown_device_reaches_the_community_desk(site):
    stranger, d01 = site.client(), site.worker("d01")
    stranger.subscribe(site.topic("down/stranger-7/receipt"))
    site.press(stranger, "stranger-7", "u-1")
    assert site.receipt(stranger, "stranger-7", "u-1")["result"] == "recorded"
    alert = site.alert(d01, "d01", where=lambda a: a["device"] == "stranger-7")
    assert alert["needs"] == "accept"


def test_an_unknown_kind_is_an_alarm(site):
    bed, w01 = site.device("sos-101"), site.worker("w01")
    site.press(bed, "sos-101", "k-1", kind="dance")
    receipt = site.receipt(bed, "sos-101", "k-1")
    assert site.alert(w01, "w01", receipt["incident"])["needs"] == "accept"


def test_unparsed_bytes_are_answered_as_unparsed(site):
    bed = site.device("sos-101")
    bed.publish(site.topic("up/sos-101/alarm"), b"\x01\x02\x03")
    bed.wait(site.topic("down/sos-101/receipt"), lambda m: m.json.get("result") == "unparsed")


@pytest.mark.sanitized
def test_coap_garbage(site):
    w01 = site.worker("w01")
    for payload in GARBAGE.values():
        if len(payload) < 1000:
            assert site.coap("v1/alarm/sos?d=sos-101", payload=payload or b" ").code == "2.01"
    assert site.coap("v1/alarm/dance?d=sos-101&id=k").code == "2.01"
    assert site.coap("v1/alarm/sos").code == "2.01", "without a device: from the peer's address, still an alarm"
    assert site.coap("v1/alarm/sos?d=sos-101&id=big", payload=b"z" * 4000).code == "4.13"
    assert site.alert(w01, "w01")["priority"] == 1
    rng = random.Random(5)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _ in range(3000):
            sock.sendto(rng.randbytes(rng.randrange(1, 60)), ("127.0.0.1", site.daemon.coap_port))
    assert site.coap("v1/alarm/sos?d=sos-101&id=alive").code == "2.01"


def test_retained_alarm_without_an_id_is_a_check_call(make_site):
    site = make_site(start=False)
    old = site.client()
    old.publish(site.topic("up/sos-101/alarm"), {"kind": "sos"}, retain=True)
    site.daemon.start()
    w01 = site.worker("w01")
    assert site.alert(w01, "w01")["priority"] == 3


def test_a_retained_action_is_never_obeyed(make_site):
    site = make_site()
    bed, w01 = site.device("sos-101"), site.worker("w01")
    site.press(bed, "sos-101", "e-1")
    incident = site.receipt(bed, "sos-101", "e-1")["incident"]
    site.daemon.kill9()
    w01.publish(site.topic("worker/w01/act"), {"incident": incident, "action": "accept", "nonce": "r"}, retain=True)
    broker_forgets = site.broker
    broker_forgets.kill9()
    broker_forgets.start()
    wait_for(lambda: w01.connections >= 2)
    w01.publish(site.topic("worker/w01/act"), {"incident": incident, "action": "accept", "nonce": "r"}, retain=True)
    site.daemon.start()
    site.wait_online()
    refused = wait_for(lambda: [b for b in kinds(site, 48) if b.get("reason") == "retained"])
    assert refused
    assert json.loads(site.daemon.ctl("--json", "list").stdout)[0]["state"] == "alerting"
