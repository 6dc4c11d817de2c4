# SPDX-License-Identifier: Apache-2.0
"""CoAP with a client that shares no line with libcoap: node-coap, from npm."""

import json

import pytest

from net import NodeCoap, wait_for

pytestmark = pytest.mark.skipif(not NodeCoap.available(), reason="node-coap is not there (tools/test gets it from npm)")


@pytest.fixture
def node(site):
    clients = []

    def request(method, path, payload=None):
        client = NodeCoap(method, f"coap://127.0.0.1:{site.daemon.coap_port}/{path}", payload)
        clients.append(client)
        return client

    yield request
    for client in clients:
        client.clean()


def test_press_and_its_repeat(site, node):
    w01 = site.worker("w01")
    first = node("post", "v1/alarm/sos?d=sos-101&id=n-1").wait()
    receipt = json.loads(first["payload"])
    assert first["code"] == "2.01" and first["location"] == ["a", str(receipt["incident"])]
    assert receipt["id"] == "n-1" and receipt["result"] == "recorded"
    assert site.alert(w01, "w01", receipt["incident"])["event"] == "n-1"
    again = node("post", "v1/alarm/sos?d=sos-101&id=n-1").wait()
    assert again["code"] == "2.01" and json.loads(again["payload"]) == receipt


def test_body_and_vitals(site, node):
    w01 = site.worker("w01")
    answer = node("post", "v1/alarm/smoke?d=smoke-101", '{"id":"n-2","battery":80}').wait()
    assert answer["code"] == "2.01" and json.loads(answer["payload"])["id"] == "n-2"
    assert site.alert(w01, "w01", where=lambda a: a["kind"] == "smoke")["event"] == "n-2"
    assert node("post", "v1/vitals?d=band-101", '{"hr":72,"spo2":97}').wait()["code"].startswith("2.")
    assert node("post", "v1/status?d=band-101", '{"battery":80}').wait()["code"].startswith("2.")


def test_the_lamp_is_observed(site, node):
    w01 = site.worker("w01")
    incident = json.loads(node("post", "v1/alarm/sos?d=sos-101&id=n-3").wait()["payload"])["incident"]
    lamp = node("observe", f"a/{incident}")
    lamp.wait(lambda a: a["payload"] == "received")
    site.act(w01, "w01", incident, "accept")
    lamp.wait(lambda a: a["payload"] == "accepted")
    site.act(w01, "w01", incident, "arrived")
    lamp.wait(lambda a: a["payload"] == "arrived")
    wait_for(lambda: [a["payload"] for a in lamp.answers] == ["received", "accepted", "arrived"])
