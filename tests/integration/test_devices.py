# SPDX-License-Identifier: Apache-2.0
"""Devices as they are sold: profiles, strangers that are claimed, and what happens when everything is restarted."""

import json

import pytest

from net import SOURCE, wait_for

PROFILES = {"MQTT": {"Profiles": SOURCE / "config" / "profiles"}}
PRESSED = {"action": "emergency", "battery": 100, "linkquality": 132}


@pytest.fixture
def home(make_site):
    return make_site(settings=PROFILES)


def unclaimed(site):
    return {d["device"]: d for d in json.loads(site.daemon.ctl("--json", "devices", "--unclaimed").stdout)}


def bind(site, *arguments):
    answer = json.loads(site.daemon.ctl("--json", "bind", *arguments).stdout)
    assert answer["result"] == "ok"
    return answer


@pytest.mark.sanitized
def test_a_stranger_is_heard_and_can_be_claimed(home):
    desk, w01 = home.worker("d01"), home.worker("w01")
    zigbee = home.client()
    zigbee.publish("zigbee2mqtt/bed-7", PRESSED, qos=0)
    alert = desk.wait(home.topic("worker/d01/alert/+"), lambda m: m.json.get("device") == "bed-7").json
    assert alert["kind"] == "sos" and alert["reason"] in ("unknown_source", "opened")
    wait_for(lambda: "bed-7" in unclaimed(home), what="bed-7 among the unclaimed")
    assert unclaimed(home)["bed-7"]["profile"] == "zigbee2mqtt" and unclaimed(home)["bed-7"]["kind"] == "sos"
    answer = bind(home, "bed-7", "r101")
    assert answer["class"] == "button" and answer["profile"] == "zigbee2mqtt"
    assert "bed-7" not in unclaimed(home)
    mark = w01.mark()
    zigbee.publish("zigbee2mqtt/bed-7", PRESSED, qos=0)
    alert = w01.wait(home.topic("worker/w01/alert/+"), lambda m: m.json.get("device") == "bed-7" and "101" in
                     (m.json.get("address") or ""), since=mark).json
    assert alert["kind"] == "sos" and alert["priority"] == 1
    home.daemon.kill9()
    home.daemon.start()
    home.wait_online()
    assert home.daemon.ctl("--json", "bind", "bed-7", "h201").returncode == 0, "the registry has it over a restart"
    assert home.daemon.ctl("bind", "bed-7", "nowhere", check=False).returncode == 1
    assert home.daemon.ctl("bind", "bed-7", "h101", "teapot", check=False).returncode == 1


def test_the_registry_says_which_profile(home):
    bind(home, "click-1", "h101", "button", "zigbee2mqtt-anybutton")
    w01, zigbee = home.worker("w01"), home.client()
    zigbee.publish("zigbee2mqtt/click-2", {"action": "single"}, qos=0)  # some light switch
    zigbee.publish("zigbee2mqtt/click-1", {"action": "single"}, qos=0)
    w01.wait(home.topic("worker/w01/alert/+"), lambda m: m.json.get("device") == "click-1")
    assert not w01.received(home.topic("worker/w01/alert/+"), lambda m: m.json.get("device") == "click-2")


@pytest.mark.sanitized
def test_what_the_bridge_remembers_is_no_alarm_and_hides_none(home):
    bind(home, "cord-1", "r101", "button", "zigbee2mqtt")
    w01, zigbee = home.worker("w01"), home.client()
    state = {"sos": True, "battery": 90, "linkquality": 70}
    zigbee.publish("zigbee2mqtt/cord-1", state)
    first = w01.wait(home.topic("worker/w01/alert/+"), lambda m: m.json.get("device") == "cord-1").json["incident"]
    home.act(w01, "w01", first, "accept")
    home.act(w01, "w01", first, "arrived")
    assert home.act(w01, "w01", first, "resolve", outcome="helped")["state"] == "resolved"
    presses = json.loads(home.daemon.ctl("--json", "show", first).stdout)
    # the release was lost; then the gateway is killed, and the bridge publishes what it remembers. What is known of
    # levels is written within a second after the commit: wait for the file
    wait_for(lambda: any((home.daemon.state / "levels").read_bytes()[16:4096]), what="the level to be kept")
    home.daemon.kill9()
    home.daemon.start()
    home.wait_online()
    mark = w01.mark()
    zigbee.publish("zigbee2mqtt/bridge/state", {"state": "online"})
    zigbee.publish("zigbee2mqtt/cord-1", state)
    zigbee.publish(home.topic("up/sos-102/alarm"), {"id": "e-1", "kind": "sos"})  # what came before it has been read
    w01.wait(home.topic("worker/w01/alert/+"), lambda m: m.json.get("device") == "sos-102", since=mark)
    assert not w01.received(home.topic("worker/w01/alert/+"), lambda m: m.json.get("device") == "cord-1" and
                            m.json.get("state") == "alerting", since=mark), presses
    # a real press: another message, though the level is the same
    zigbee.publish("zigbee2mqtt/cord-1", dict(state, linkquality=71))
    w01.wait(home.topic("worker/w01/alert/+"), lambda m: m.json.get("device") == "cord-1" and
             m.json.get("state") == "alerting", since=mark)


def test_a_wrong_profile_is_refused_with_its_line(make_site, tmp_path):
    (tmp_path / "mine.conf").write_text("[Profile]\n[Message]\nTopic=x/{device}\nEvent help=$.a = 1\n")
    site = make_site(start=False, settings={"MQTT": {"Profiles": tmp_path}})
    site.daemon.start(wait=False)
    wait_for(lambda: not site.daemon.running(), what="the daemon to refuse")
    assert f"{tmp_path}/mine.conf:4:" in site.daemon.output() and "no kind of alarm" in site.daemon.output()
    site.daemon.process = None
