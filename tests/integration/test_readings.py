# SPDX-License-Identifier: Apache-2.0
"""Readings: curves for those who were called, what survives kill -9, what huyingctl shows, and what an erasure leaves."""

import json
import time

from net import wait_for

FAST = {"Readings": {"Chunk": "2s"}}


def shown(worker, site, name, leaf, since):
    return worker.wait(site.topic(f"worker/{name}/{leaf}"), since=since).json


def listen(site, name):
    worker = site.worker(name)
    worker.subscribe(site.topic(f"worker/{name}/vitals"))
    worker.subscribe(site.topic(f"worker/{name}/timeline"))
    return worker


def send(site, band, values, **more):
    for i, hr in enumerate(values):
        band.publish(site.topic("up/band-101/vitals"),
                     {"hr": hr, "temp": 36.5, "ts": int(time.time()) - 20 * (len(values) - i), **more})


def test_who_was_called_sees_the_curve_and_what_has_happened(site):
    w01, w02 = listen(site, "w01"), listen(site, "w02")
    band = site.device("band-101")
    send(site, band, [71, 72, 73])
    send(site, band, [190], spo2=70)
    incident = site.alert(w01, "w01", where=lambda a: a["kind"] == "vital")["incident"]
    mark = w01.mark()
    assert site.act(w01, "w01", incident, "vitals")["result"] == "ok"
    curve = shown(w01, site, "w01", "vitals", mark)
    assert curve["incident"] == incident and curve["step"] == 900
    assert curve["to"] - curve["from"] == 86400
    hr = curve["series"]["hr"]
    assert min(c[1] for c in hr) == 71 and max(c[3] for c in hr) == 190
    assert all(c[1] <= c[2] <= c[3] and curve["from"] <= c[0] < curve["to"] for c in hr)
    assert curve["limits"]["hr"][0] < 71 < curve["limits"]["hr"][1] < 190
    mark = w01.mark()
    assert site.act(w01, "w01", incident, "timeline")["result"] == "ok"
    story = shown(w01, site, "w01", "timeline", mark)
    assert story["incident"] == incident
    kinds = [r["kind"] for r in story["rows"]]
    assert "opened" in kinds and "notified" in kinds and "viewed" in kinds
    assert all(r["what"] and r["seq"] and r["at"] for r in story["rows"])
    assert [r["seq"] for r in story["rows"]] == sorted(r["seq"] for r in story["rows"])
    # whoever was not called sees nothing, and all looks are in the journal
    assert site.act(w02, "w02", incident, "vitals")["result"] == "refused"
    assert not w02.received(site.topic("worker/w02/vitals"))
    rows = json.loads(site.daemon.ctl("--json", "show", incident).stdout)["rows"]
    assert [r["body"]["action"] for r in rows if r["kind"] == "viewed"] == ["vitals", "timeline"]
    looks = site.daemon.ctl("--jsonl", "audit", "--access", "--resident", "r101").stdout.splitlines()
    assert [json.loads(x)["what"] for x in looks] == ["vitals", "timeline"]
    assert [json.loads(x)["role"] for x in looks] == ["w01", "w01"]
    # the reading beyond its limit is in the journal with those before it
    around = next(r["body"]["around"] for r in rows if r["kind"] == "reading")
    assert around["hr"][:3] == [71, 72, 73] and around["hr"][-1] == 190 and around["t"][0] < around["t"][-1]
