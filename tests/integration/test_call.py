# SPDX-License-Identifier: Apache-2.0
"""The main job by hand: a press, its receipt, its lamp, its alert, and a human being's answer; MQTT and CoAP."""

import json

import pytest

from net import wait_for

# The whole ladder in seconds.
FAST = {"Ladder sos": {"Tier2": "1s backup building-head family", "Tier3": "2s community", "Tier4": "3s street",
                       "Tier5": "4s district", "Loop": "3s", "Renotify": "20s"}}


def everybody(site, *codes):
    client = site.client()
    for code in codes:
        client.subscribe(site.topic(f"worker/{code}/#"))
    return client


@pytest.mark.sanitized
def test_press_over_mqtt_is_answered_and_resolved(site):
    bed, w01, w02 = site.device("sos-101"), site.worker("w01"), site.worker("w02")
    site.press(bed, "sos-101", "e-1")
    receipt = site.receipt(bed, "sos-101", "e-1")
    assert receipt["result"] == "recorded" and receipt["incident"] > 0 and receipt["seq"] > 0
    bed.wait(site.topic("down/sos-101/lamp"), lambda m: m.payload == b"received")
    alert = site.alert(w01, "w01", receipt["incident"])
    assert alert["needs"] == "accept" and alert["kind"] == "sos" and alert["state"] == "alerting"
    assert alert["priority"] == 1 and alert["tier"] == 1 and alert["event"] == "e-1" and alert["device"] == "sos-101"
    assert "101" in alert["address"] and alert["text"]
    site.alert(w01, "w01", receipt["incident"], lambda a: a["recorded"] is True)
    incident = receipt["incident"]
    reply = site.act(w01, "w01", incident, "accept", nonce="x1", eta=300)
    assert reply["result"] == "ok" and reply["state"] == "accepted" and reply["owner"] == "w01"
    bed.wait(site.topic("down/sos-101/lamp"), lambda m: m.payload == b"accepted")
    assert site.alert(w01, "w01", incident, lambda a: a["needs"] == "arrive")["owner"] == "w01"
    assert site.act(w01, "w01", incident, "accept", nonce="x1", eta=300) == reply, "the same nonce, the same reply"
    assert site.act(w01, "w01", incident, "arrived")["state"] == "on_scene"
    bed.wait(site.topic("down/sos-101/lamp"), lambda m: m.payload == b"arrived")
    refused = site.act(w01, "w01", incident, "resolve", outcome="no contact")
    assert refused["result"] == "refused" and refused["reason"] == "bad_outcome"
    assert site.act(w01, "w01", incident, "resolve", outcome="helped", note="ok")["state"] == "resolved"
    bed.wait(site.topic("down/sos-101/lamp"), lambda m: m.payload == b"resolved")
    w01.wait(site.topic(f"worker/w01/alert/{incident}"), lambda m: m.payload == b"")
    assert not w02.received(site.topic(f"worker/w02/alert/{incident}"), lambda m: m.json.get("needs") == "accept")


@pytest.mark.sanitized
def test_press_over_coap_is_answered_after_the_commit(site):
    w01 = site.worker("w01")
    answer = site.coap("v1/alarm/sos?d=sos-101&id=c-1")
    assert answer.code == "2.01" and answer.kind == "ACK", answer
    assert answer.json["result"] == "recorded" and answer.location == f"a/{answer.json['incident']}"
    alert = site.alert(w01, "w01", answer.json["incident"])
    assert alert["kind"] == "sos" and alert["event"] == "c-1"
    again = site.coap("v1/alarm/sos?d=sos-101&id=c-1")
    assert again.json == answer.json, "a retransmission changes nothing"
    assert site.coap(answer.location, method="get").payload == b"received"
    site.act(w01, "w01", answer.json["incident"], "accept")
    wait_for(lambda: site.coap(answer.location, method="get").payload == b"accepted")


def test_nobody_answers_and_the_whole_ladder_is_called_without_end(make_site):
    site = make_site(settings=FAST)
    people = ["w01", "w02", "f101", "d01", "s01", "c01"]
    client = everybody(site, *people)
    bed = site.device("sos-101")
    site.press(bed, "sos-101", "e-1")
    incident = site.receipt(bed, "sos-101", "e-1")["incident"]
    for tier, code in enumerate(["w01", "w02", "d01", "s01", "c01"], 1):
        alert = site.alert(client, code, incident)
        assert alert["tier"] == tier, f"{code} is called with tier {tier}"
    for loop in (2, 3):
        for code in people:
            site.alert(client, code, incident, lambda a, loop=loop: a["round"] >= loop)
    order = [m.topic.split("/")[3] for m in client.received("#", lambda m: m.json.get("incident") == incident)]
    firsts = [code for i, code in enumerate(order) if code not in order[:i]]
    assert [c for c in firsts if c != "f101"] == ["w01", "w02", "d01", "s01", "c01"]


def test_accept_stands_the_others_down(make_site):
    site = make_site(settings=FAST)
    client, bed, w02 = everybody(site, "w01", "d01"), site.device("sos-101"), site.worker("w02")
    site.press(bed, "sos-101", "e-1")
    incident = site.receipt(bed, "sos-101", "e-1")["incident"]
    site.alert(client, "d01", incident)
    assert site.act(w02, "w02", incident, "accept")["result"] == "ok"
    for code in ("w01", "d01"):
        down = site.alert(client, code, incident, lambda a: a["needs"] == "")
        assert down["owner"] == "w02" and down["state"] == "accepted"


def test_words_of_a_plain_client(site):
    bed, w01 = site.device("sos-101"), site.worker("w01")
    site.press(bed, "sos-101", "e-1")
    incident = site.receipt(bed, "sos-101", "e-1")["incident"]
    text = w01.wait(site.topic("worker/w01/text"), lambda m: str(incident) in m.text)
    assert "101" in text.text
    w01.wait(site.topic("worker/w01/count"), lambda m: m.payload == b"1")
    for words, state in ((f"接单 {incident}", "accepted"), (f"到达 {incident}", "on_scene"), (f"办结 {incident} 送医", "resolved")):
        mark = w01.mark()
        w01.publish(site.topic("worker/w01/do"), words.encode())
        reply = w01.wait(site.topic("worker/w01/reply"), since=mark).json
        assert reply["result"] == "ok" and reply["state"] == state, reply
    w01.wait(site.topic("worker/w01/count"), lambda m: m.payload == b"0")


def test_vitals_beyond_the_persons_limits_call_with_the_reason(site):
    band, w01 = site.device("band-101"), site.worker("w01")
    band.publish(site.topic("up/band-101/vitals"), {"hr": 72, "spo2": 97, "temp": 36.6})
    band.publish(site.topic("up/band-101/vitals"), {"hr": 190, "spo2": 97, "temp": 36.6})
    alert = site.alert(w01, "w01", where=lambda a: a.get("vital") == "hr")
    assert alert["value"] == 190 and alert["limit"] == 120 and "190" in alert["text"] and "120" in alert["text"]


def test_vitals_over_coap(site):
    w01 = site.worker("w01")
    assert site.coap("v1/vitals?d=band-101", payload={"spo2": 80}).code == "2.04"
    alert = site.alert(w01, "w01", where=lambda a: a.get("vital") == "spo2")
    assert alert["value"] == 80 and alert["limit"] == 90


@pytest.mark.sanitized
def test_a_new_press_calls_again_and_the_third_within_a_minute_advances(make_site):
    site = make_site(settings={"Ladder sos": {"Receipt": "0"}})
    bed, w01, w02 = site.device("sos-101"), site.worker("w01"), site.worker("w02")
    site.press(bed, "sos-101", "e-1")
    first = site.receipt(bed, "sos-101", "e-1")
    site.alert(w01, "w01", first["incident"])
    site.press(bed, "sos-101", "e-1")
    wait_for(lambda: len(bed.received(site.topic("down/sos-101/receipt"))) == 2)
    assert bed.latest(site.topic("down/sos-101/receipt")).json == first, "the same receipt for a retransmission"
    assert not w01.received(site.topic("worker/w01/alert/+"), lambda m: m.json.get("presses") != 1)
    site.press(bed, "sos-101", "e-2")
    assert site.receipt(bed, "sos-101", "e-2")["incident"] == first["incident"]
    site.press(bed, "sos-101", "e-3")
    alert = site.alert(w02, "w02", first["incident"])
    assert alert["tier"] == 2 and alert["presses"] == 3


def test_the_handover_story_is_in_the_journal(site):
    bed, w01 = site.device("sos-101"), site.worker("w01")
    site.press(bed, "sos-101", "e-1")
    incident = site.receipt(bed, "sos-101", "e-1")["incident"]
    site.act(w01, "w01", incident, "accept")
    site.act(w01, "w01", incident, "arrived")
    site.act(w01, "w01", incident, "resolve", outcome="helped")
    listed = json.loads(site.daemon.ctl("--json", "list", "--all").stdout)
    assert [i["state"] for i in listed if i["incident"] == incident] == ["resolved"]
    shown = site.daemon.ctl("show", incident).stdout
    for word in ("sos-101", "w01", "e-1"):
        assert word in shown
    verified = site.daemon.ctl("verify")
    assert verified.returncode == 0


def test_a_siren_sounds_without_a_broker(make_site, tmp_path):
    program, out = tmp_path / "siren", tmp_path / "out"
    program.write_text(f"#!/bin/sh\ncat >> {out}\necho >> {out}\n")
    program.chmod(0o755)
    site = make_site(settings={"Channel siren": {"Exec": str(program)}}, start=False)
    site.broker.stop()
    site.daemon.start()
    assert site.coap("v1/alarm/sos?d=sos-101&id=c-1").code == "2.01"
    wait_for(lambda: out.exists() and '"kind":"sos"' in out.read_text())
    notice = json.loads(out.read_text().splitlines()[0])
    assert notice["incident"] > 0 and notice["address"]
    site.broker.start()  # the fixture's end asks for an orderly stop


def test_a_text_message_that_waits_is_withdrawn_when_somebody_accepts(make_site, tmp_path):
    program, out, gate = tmp_path / "program", tmp_path / "out", tmp_path / "gate"
    program.write_text(f"#!/bin/sh\nwhile ! test -e {gate}; do sleep 0.05; done\ncat >>{out}\n")
    program.chmod(0o755)
    ladder = {"Tier2": "1s backup", "Receipt": "1s"}
    site = make_site(settings={"Channel sms": {"Exec": str(program), "Priority": "1", "To": "backup", "Gap": "0",
                                               "Timeout": "60s"}, "Ladder sos": ladder, "Ladder smoke": ladder})
    beds, phone = {c: site.device(c) for c in ("sos-101", "smoke-101", "sos-102")}, site.worker("w01", online=False)

    def press(device, kind):  # nobody's app says that it has come, so w02 gets a text message
        site.press(beds[device], device, "e-1", kind=kind)
        incident = site.receipt(beds[device], device, "e-1")["incident"]
        wait_for(lambda: "exec1" in site.daemon.ctl("--json", "show", incident).stdout, what="a text message")
        return incident
    first, second = press("sos-101", "sos"), press("smoke-101", "smoke")
    assert not out.exists(), "the first runs, the second waits"
    assert site.act(phone, "w01", second, "accept")["result"] == "ok"
    gate.touch()
    wait_for(lambda: out.exists() and out.read_text(), what="the one that ran")
    third = press("sos-102", "sos")
    wait_for(lambda: any(json.loads(line)["incident"] == third for line in out.read_text().splitlines()), what="the next")
    assert {json.loads(line)["incident"] for line in out.read_text().splitlines()} == {first, third}
