# SPDX-License-Identifier: Apache-2.0
"""Devices between their alarms: a test press, faults put aside, a resident who is away, the list of those without
protection, and what of it outlives a restart."""

import json
import time

from net import wait_for


def ctl(site, *arguments, **options):
    return json.loads(site.daemon.ctl("--json", *arguments, check=False, **options).stdout)


def test_a_press_in_a_test_box_is_confirmed_and_calls_nobody_else(site):
    w01, w02 = site.worker("w01"), site.worker("w02")
    assert ctl(site, "testbox", "sos-101", worker="w01")["result"] == "ok"
    bed = site.device("sos-101")
    site.press(bed, "sos-101", "t-1")
    incident = site.receipt(bed, "sos-101", "t-1")["incident"]
    alert = site.alert(w01, "w01", incident)
    assert alert["test"] is True and alert["reason"] == "tried"
    site.daemon.restart()  # kill -9, and the test goes on
    assert ctl(site, "testok", incident, worker="w01")["result"] == "ok"
    assert ctl(site, "list") == []
    assert not w02.received(site.topic("worker/w02/alert/+"), where=lambda m: m.payload)
    rows = json.loads(site.daemon.ctl("--json", "show", incident).stdout)["rows"]
    assert rows[-1]["kind"] == "closed"


def test_away_and_shelf_are_actions_like_others(site):
    assert ctl(site, "away", "r101", "hospital", "3d", worker="d01")["result"] == "ok"
    assert ctl(site, "away", "r101", "hospital", worker="d01")["result"] == "refused", "it must have an end"
    assert ctl(site, "shelve", "band-101", "2h", worker="w01")["result"] == "ok"
    assert ctl(site, "shelve", "band-101", "3d", worker="w01")["result"] == "refused"
    site.daemon.restart()
    d01 = site.worker("d01")
    bed = site.device("sos-101")
    site.press(bed, "sos-101", "a-1")
    alert = site.alert(d01, "d01")
    assert alert["kind"] == "sos" and "住院" in alert["text"]


def test_a_silent_device_is_a_fault_and_on_the_list(make_site):
    site = make_site(settings={"Supervision": {"Button": "10s"}})  # lost after three of them
    bed = site.device("sos-101")

    def fault():
        bed.publish(site.topic("up/sos-101/status"), b"{}")
        time.sleep(0.5)
        return [i for i in ctl(site, "list") if i["class"] == "fault"]

    faults = wait_for(fault, seconds=120, what="a fault")
    assert "sos-101" not in {i["device"] for i in faults}
    listed = ctl(site, "unprotected")["residents"]
    down = {d["device"] for r in listed for d in r["down"]}
    assert down and "sos-101" not in down
    assert [r["risk"] for r in listed] == sorted((r["risk"] for r in listed), reverse=True)
    shown = site.daemon.ctl("unprotected", check=False)
    assert shown.returncode == 3 and sorted(down)[0] in shown.stdout
