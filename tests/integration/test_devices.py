# SPDX-License-Identifier: Apache-2.0
"""Devices as they are sold: profiles, strangers that are claimed, and what happens when everything is restarted."""

import json
import shutil
import subprocess

import pytest

from net import BUILD, DEMO, SOURCE, coap, wait_for

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
    zigbee.publish("zigbee2mqtt/bridge/state", {"state": "offline"}, qos=0)  # says that none of them can be reached
    zigbee.publish("zigbee2mqtt/click-1/availability", {"state": "offline"}, qos=0)
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
    wait_for(lambda: any((home.daemon.folder / "run" / "levels").read_bytes()[16:4096]), what="the level to be kept")
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


# hr 190 in CBOR: [{0: "hr", 1: "beat/min", 2: 190}]
CBOR_HR = bytes.fromhex("81a3006268720168626561742f6d696e0218be")
# [{-2: "/3347/0/", 0: "5500", 4: true}, {0: "5501", 2: 17}]
CBOR_BUTTON = bytes.fromhex("82a321682f333334372f302f00643535303004f5a20064353530310211")


@pytest.mark.sanitized
def test_senml_over_mqtt(site):
    w01, band = site.worker("w01"), site.device("band-101")
    band.publish(site.topic("up/band-101/vitals"), [{"bn": "urn:dev:imei:861234567890123:", "n": "hr", "u": "beat/min",
                                                     "v": 71}, {"n": "spo2", "u": "%", "v": 97}])
    band.publish(site.topic("up/band-101/vitals"), CBOR_HR)
    alert = w01.wait(site.topic("worker/w01/alert/+"), lambda m: m.json.get("kind") == "vital").json
    assert alert["vital"] == "hr" and alert["value"] == 190
    # an alarm among the readings, and on the topic where it belongs
    band.publish(site.topic("up/band-101/vitals"), [{"n": "sos", "vb": True}])
    w01.wait(site.topic("worker/w01/alert/+"), lambda m: m.json.get("kind") == "sos")
    button = site.device("sos-102")
    button.publish(site.topic("up/sos-102/alarm"), CBOR_BUTTON)
    assert site.receipt(button, "sos-102", "5501-17")["result"] == "recorded"


@pytest.mark.sanitized
def test_senml_over_coap(site):
    w01, base = site.worker("w01"), f"coap://127.0.0.1:{site.daemon.coap_port}/v1"
    answer = coap(f"{base}/vitals?d=band-101", payload='[{"n":"hr","v":71},{"n":"temp","u":"K","v":309.65}]',
                  content_format=110)
    assert answer.code == "2.04", answer
    answer = coap(f"{base}/vitals?d=band-101", payload=CBOR_HR, content_format=112)
    assert answer.code == "2.04", answer
    w01.wait(site.topic("worker/w01/alert/+"), lambda m: m.json.get("vital") == "hr")
    # an alarm is answered as one, also on the path of the readings: after the commit, with its receipt
    answer = coap(f"{base}/vitals?d=sos-102", payload=CBOR_BUTTON, content_format=112)
    assert answer.code == "2.01" and answer.json["id"] == "5501-17" and answer.location.startswith("a/"), answer
    answer = coap(f"{base}/alarm/smoke?d=smoke-102", payload='[{"n":"3407/0/6046","v":1}]', content_format=110)
    assert answer.code == "2.01", answer
    w01.wait(site.topic("worker/w01/alert/+"), lambda m: m.json.get("kind") == "smoke")
    answer = coap(f"{base}/vitals", payload='[{"n":"hr","v":71}]', content_format=110)
    assert answer.code == "4.00", answer
    answer = coap(f"{base}/vitals?d=band-102", payload=b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", content_format=112)
    assert answer.code == "2.04", "garbage is a fault of the device, which it cannot mend"


def test_a_device_that_announces_itself(home):
    desk, w01, node = home.worker("d01"), home.worker("w01"), home.client()
    config = {"dev_cla": "safety", "stat_t": "~/pull/state", "~": "cord-9/switch", "uniq_id": "cord9",
              "dev": {"ids": "a0b1c2d3e4f5", "name": "cord-9", "mdl": "esp32dev"}}
    node.publish("homeassistant/binary_sensor/cord-9/pull/config", config, retain=True)
    node.publish("homeassistant/light/lamp-9/x/config", {"state_topic": "lamp-9/state", "unique_id": "l9"}, retain=True)
    # announced by a bridge whose messages a profile reads: the profile's name counts
    node.publish("homeassistant/binary_sensor/0x00158d/smoke/config",
                 {"device_class": "smoke", "state_topic": "zigbee2mqtt/kitchen", "payload_on": True, "payload_off": False,
                  "value_template": '{{ value_json["smoke"] }}',
                  "device": {"identifiers": ["zigbee2mqtt_0x00158d"], "model": "HS1SA"}}, retain=True)
    wait_for(lambda: {"a0b1c2d3e4f5", "kitchen"} <= set(unclaimed(home)), what="both among the unclaimed")
    known = unclaimed(home)
    assert known["a0b1c2d3e4f5"]["profile"] == "home-assistant" and known["a0b1c2d3e4f5"]["model"] == "esp32dev"
    assert known["kitchen"]["profile"] == "zigbee2mqtt" and known["kitchen"]["kind"] == "smoke"
    assert set(known) == {"a0b1c2d3e4f5", "kitchen"}
    # subscribed within a second or two: said again until it is heard, as a person would press again
    def heard():
        node.publish("cord-9/switch/pull/state", "OFF")
        node.publish("cord-9/switch/pull/state", "ON")
        return desk.received(home.topic("worker/d01/alert/+"), lambda m: m.json.get("device") == "a0b1c2d3e4f5")
    alert = wait_for(heard, what="the desk to be called")[0].json
    assert alert["kind"] == "sos"
    assert bind(home, "a0b1c2d3e4f5", "r101")["profile"] == "home-assistant"
    node.publish("cord-9/switch/pull/state", "OFF")
    node.publish("cord-9/switch/pull/state", "ON")
    w01.wait(home.topic("worker/w01/alert/+"), lambda m: m.json.get("device") == "a0b1c2d3e4f5" and "101" in
             (m.json.get("address") or ""))
    # after a restart it is learned again from what the broker keeps
    home.daemon.kill9()
    home.daemon.start()
    home.wait_online()
    wait_for(lambda: "kitchen" in unclaimed(home), what="kitchen, learned again")
    zigbee_mark = desk.mark()
    node.publish("zigbee2mqtt/kitchen", {"smoke": True})
    alert = desk.wait(home.topic("worker/d01/alert/+"), lambda m: m.json.get("kind") == "smoke", since=zigbee_mark).json
    assert alert["device"] == "kitchen", "once, by the profile, under the name that the bridge gives it"
    assert "zigbee2mqtt_0x00158d" not in unclaimed(home)


def test_carriers_and_bytes(home):
    """NB-IoT by a carrier's push, and a LoRaWAN button that nobody decodes; the simulator plays them by their samples."""
    bind(home, "smoke-nb", "h101", "smoke", "ctwing")
    bind(home, "raw-1", "h101", "button", "milesight-ws101-raw")
    w01, sim = home.worker("w01"), [BUILD / "tools/huying-sim/huying-sim", "profile"]
    broker = ["--mqtt", f"127.0.0.1:{home.broker.port}", "--profiles", SOURCE / "config/profiles", "--sample", "1"]
    subprocess.run([*sim, "milesight-ws101-raw", *broker, "--device", "raw-1"], check=True, timeout=60)
    w01.wait(home.topic("worker/w01/alert/+"), lambda m: m.json.get("device") == "raw-1" and m.json["kind"] == "sos")
    subprocess.run([*sim, "ctwing", *broker, "--device", "smoke-nb"], check=True, timeout=60)
    w01.wait(home.topic("worker/w01/alert/+"), lambda m: m.json.get("device") == "smoke-nb" and m.json["kind"] == "smoke")


def test_a_wristband_leaves_the_circle_around_home(home, tmp_path):
    folder = tmp_path / "registry"
    shutil.copytree(DEMO, folder)
    (folder / "rules.csv").write_text("resident,rule,value\nr101,geofence,34.27110 108.94020 500m\nr101,geofence_delay,0\n")
    home.daemon.ctl("import", folder)
    w01, f101, band = home.worker("w01"), home.worker("f101"), home.device("band-101")
    band.publish(home.topic("up/band-101/status"), {"lat": 34.2711, "lon": 108.9402, "accuracy": 10})
    band.publish(home.topic("up/band-101/status"), {"lat": 34.2811, "lon": 108.9402, "accuracy": 10, "battery": 70})
    alert = home.alert(w01, "w01", where=lambda a: a["kind"] == "wandering")
    assert alert["priority"] == 2 and alert["why"] == "left_home" and alert["radius"] == 500
    assert 1000 < alert["distance"] < 1200 and alert["place"] == {"lat": 34.2811, "lon": 108.9402, "accuracy": 10}
    assert "34.2811" in alert["map"] and "离开安全范围" in alert["text"]
    assert home.alert(f101, "f101", alert["incident"])["kind"] == "wandering", "the family may know where he is"
    band.publish(home.topic("up/band-101/status"), {"lat": 34.2711, "lon": 108.9402, "accuracy": 10})
    assert home.alert(w01, "w01", alert["incident"], lambda a: a.get("condition") == "cleared")["state"] == "alerting"
    home.daemon.kill9()
    home.daemon.start()
    home.wait_online()
    w01 = home.worker("w01")
    assert home.alert(w01, "w01", alert["incident"])["place"]["lat"] == 34.2711, "it is known over a restart"


def test_a_newcomer_sees_a_device_work_without_owning_one(home):
    bind(home, "bed-7", "h101")
    bind(home, "smoke-9", "h201", "smoke", "chirpstack")
    w01, sim = home.worker("w01"), [BUILD / "tools/huying-sim/huying-sim", "profile"]
    broker = ["--mqtt", f"127.0.0.1:{home.broker.port}", "--profiles", SOURCE / "config/profiles", "--sample", "1"]
    subprocess.run([*sim, "zigbee2mqtt", *broker, "--device", "bed-7"], check=True, timeout=60)
    w01.wait(home.topic("worker/w01/alert/+"), lambda m: m.json.get("device") == "bed-7" and m.json["kind"] == "sos")
    w11 = home.worker("w11")
    subprocess.run([*sim, "chirpstack", *broker, "--device", "smoke-9"], check=True, timeout=60)
    w11.wait(home.topic("worker/+/alert/+"), lambda m: m.json.get("device") == "smoke-9" and m.json["kind"] == "smoke")
    subprocess.run([*sim, "zigbee2mqtt", *broker, "--device", "bed-7"], check=True, timeout=60)  # a press is a new one
    w01.wait(home.topic("worker/w01/alert/+"), lambda m: m.json.get("device") == "bed-7" and m.json["presses"] == 2)
