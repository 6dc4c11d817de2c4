# SPDX-License-Identifier: Apache-2.0
"""What the gateway says to everybody at the site: the board for walls and desks, and Home Assistant's announcements."""

import json

import pytest


def resolve(site, worker, code, incident):
    for action, more in (("accept", {}), ("arrived", {}), ("resolve", {"outcome": "helped"})):
        assert site.act(worker, code, incident, action, **more)["result"] == "ok"


@pytest.mark.sanitized
def test_the_board_hides_who_it_is(site):
    wall, bed, w01 = site.client().subscribe(site.topic("board")), site.device("sos-101"), site.worker("w01")
    site.press(bed, "sos-101", "e-1")
    incident = site.receipt(bed, "sos-101", "e-1")["incident"]
    board = wall.wait(site.topic("board"), lambda m: m.json.get("open") == 1)
    assert board.json["items"][0]["incident"] == incident and board.json["items"][0]["name"] == "张*构"
    for secret in ("张虚构", "000-0000", "高血压", "示范路", "钥匙"):
        assert secret not in board.text
    assert board.json["on_duty"]["worker"] >= 1 and board.json["unanswered"] == 1
    resolve(site, w01, "w01", incident)
    after = wall.wait(site.topic("board"), lambda m: m.json.get("open") == 0 and m.json.get("echoes")).json
    assert after["echoes"][0]["incident"] == incident and after["echoes"][0]["outcome"] == "helped"
    assert after["figures"]["opened"] == 1 and after["figures"]["resolved"] == 1
    late = site.client().subscribe(site.topic("board"))
    late.wait(site.topic("board"), lambda m: m.retain and m.json.get("open") == 0)


def test_the_board_comes_back_with_a_broker_that_has_forgotten(site):
    bed = site.device("sos-101")
    site.press(bed, "sos-101", "e-1")
    site.receipt(bed, "sos-101", "e-1")
    site.broker.kill9()
    site.broker.start()
    wall = site.client().subscribe(site.topic("board"))
    wall.wait(site.topic("board"), lambda m: m.json.get("open") == 1)


def test_the_most_urgent_stand_first_on_the_board(site):
    wall, source = site.client().subscribe(site.topic("board")), site.client()
    for n in range(3):
        site.press(source, "smoke-101" if n == 0 else f"sos-{n}01", "e-1", kind="smoke" if n == 0 else "sos")
    board = wall.wait(site.topic("board"), lambda m: m.json.get("open", 0) >= 3).json
    assert [i["priority"] for i in board["items"]] == sorted(i["priority"] for i in board["items"])


def test_home_assistant_finds_the_gateway_and_hears_each_step(make_site):
    site = make_site(settings={"MQTT": {"Announce": "homeassistant"}})
    ha = site.client().subscribe("homeassistant/+/huying-demo/+/config")
    for component, name in (("binary_sensor", "status"), ("sensor", "open"), ("sensor", "unanswered"), ("event", "alert")):
        config = ha.wait(f"homeassistant/{component}/huying-demo/{name}/config").json
        assert config["unique_id"] == f"huying-demo-{name}" and config["state_topic"].startswith("huying/demo/")
        assert config["device"]["identifiers"] == ["huying-demo"]
    types = ha.wait("homeassistant/event/huying-demo/alert/config").json["event_types"]
    events, bed, w01 = site.client().subscribe(site.topic("event")), site.device("sos-101"), site.worker("w01")
    site.press(bed, "sos-101", "e-1")
    incident = site.receipt(bed, "sos-101", "e-1")["incident"]
    events.wait(site.topic("event"), lambda m: m.json.get("event_type") == "opened" and m.json["incident"] == incident)
    resolve(site, w01, "w01", incident)
    events.wait(site.topic("event"), lambda m: m.json.get("event_type") == "resolved")
    said = [m.json["event_type"] for m in events.received(site.topic("event"))]
    assert said == ["opened", "accepted", "arrived", "resolved"] and set(said) <= set(types)
    assert "discovery_refused" not in json.dumps(json.loads(site.daemon.ctl("--json", "status").stdout)), "not its own device"


def test_without_the_setting_nothing_is_announced(site):
    client = site.client().subscribe("#")
    bed = site.device("sos-101")
    site.press(bed, "sos-101", "e-1")
    client.wait(site.topic("board"), lambda m: m.json.get("open") == 1)
    assert not client.received("homeassistant/#") and not client.received(site.topic("event"))
