# SPDX-License-Identifier: Apache-2.0
"""A message that crashes the gateway each time it is read: the third start survives it, and people are called."""

import signal

import pytest

import net

CRASH_ON = net.BUILD / "tests" / "fault" / "libcrash-on.so"
MARK = "this-crashes-the-decoder"
NOTE = [MARK]  # what is nested is SQLite's to read, and there the planted bug is


@pytest.fixture
def site(make_broker, make_site):
    if not CRASH_ON.exists():
        pytest.skip("libcrash-on.so is not built")
    return make_site(make_broker(persistence=True),
                     environment={"LD_PRELOAD": str(CRASH_ON), "CRASH_ON": MARK})


def end_of(site):
    net.wait_for(lambda: not site.daemon.running(), what="the crash")
    return -site.daemon.process.returncode


def test_the_third_start_survives_and_calls_a_human(site):
    bed, phone = site.device("sos-101"), site.worker("w01")
    # The broker keeps what was not acknowledged, and gives it to every new process.
    bed.publish(site.topic("up/sos-101/alarm"), {"id": "e-1", "kind": "sos", "note": NOTE})
    assert end_of(site) == signal.SIGABRT
    site.daemon.start(wait=False)
    assert end_of(site) == signal.SIGABRT
    site.daemon.start()
    alert = site.alert(phone, "w01", where=lambda a: a["device"] == "sos-101")
    assert alert["kind"] in ("unparsed", "unknown"), alert
    # It is taken from the broker, and what comes after it is heard.
    site.press(bed, "sos-101", "e-2")
    assert site.receipt(bed, "sos-101", "e-2")["result"] == "recorded"
    # The device repeats it, as it must: no crash, and an answer.
    since = bed.mark()
    bed.publish(site.topic("up/sos-101/alarm"), {"id": "e-1", "kind": "sos", "note": NOTE})
    answer = bed.wait(site.topic("down/sos-101/receipt"), lambda m: m.json.get("result") == "unparsed", since)
    assert answer.json["incident"]
    assert site.daemon.running()


def test_over_coap_as_well(site):
    def send():
        return site.coap("v1/alarm/sos?d=sos-101&id=e-1", payload={"note": NOTE}, seconds=2)
    for _ in range(2):
        assert send().code is None
        assert end_of(site) == signal.SIGABRT
        site.daemon.start()
    phone = site.worker("w01")
    assert site.alert(phone, "w01", where=lambda a: a["device"] == "sos-101")
    answer = site.coap("v1/alarm/sos?d=sos-101&id=e-1", payload={"note": NOTE}, seconds=30)
    assert answer.code == "2.01", answer
    assert answer.json["result"] == "unparsed"
    assert site.daemon.running()


def test_a_kill_alone_condemns_nothing(site):
    bed = site.device("sos-101")
    for n in range(3):
        site.press(bed, "sos-101", "e-same")
        site.daemon.kill9()
        site.daemon.start()
    assert site.receipt(bed, "sos-101", "e-same")["result"] == "recorded"


def test_one_that_crashes_the_engine(make_broker, make_site):
    """It is read without harm, and ends the process when it is acted upon: a row of that kind is a loop of restarts."""
    if not CRASH_ON.exists():
        pytest.skip("libcrash-on.so is not built")
    site = make_site(make_broker(persistence=True), environment={"LD_PRELOAD": str(CRASH_ON), "CRASH_STEP": MARK})
    bed, phone = site.device("sos-101"), site.worker("w01")
    phone.publish(site.topic("worker/w01/act"), {"action": "away", "resident": "r101", "mode": MARK, "for": 3600, "nonce": "n-1"})
    assert end_of(site) == signal.SIGABRT
    site.daemon.start(wait=False)
    assert end_of(site) == signal.SIGABRT
    site.daemon.start()
    assert site.alert(phone, "w01", where=lambda a: a["kind"] == "unparsed" or a["device"] == "w01")
    site.press(bed, "sos-101", "e-2")
    assert site.receipt(bed, "sos-101", "e-2")["result"] == "recorded"
    assert site.daemon.running()
