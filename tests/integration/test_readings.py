# SPDX-License-Identifier: Apache-2.0
"""Readings: curves for those who were called, what survives kill -9, what huyingctl shows, and what an erasure leaves."""

import json
import shutil
import time

import pytest

from net import DEMO, wait_for

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


@pytest.mark.sanitized
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
    assert [json.loads(x)["what"] for x in looks] == ["vitals", "timeline", "audit --access"]
    assert [json.loads(x)["role"] for x in looks] == ["w01", "w01", "-"]
    # the reading beyond its limit is in the journal with those before it
    around = next(r["body"]["around"] for r in rows if r["kind"] == "reading")
    assert around["hr"][:3] == [71, 72, 73] and around["hr"][-1] == 190 and around["t"][0] < around["t"][-1]


def vitals(site, *more):
    return json.loads(site.daemon.ctl("--json", "vitals", "r101", *more).stdout)


def known(curve, vital="hr"):
    return sum(1 for c in curve["series"].get(vital, [])), [x for c in curve["series"].get(vital, []) for x in (c[1], c[3])]


def test_a_curve_from_memory_and_from_files_and_after_kill_9(make_site):
    site = make_site(settings=FAST)
    band = site.device("band-101")
    send(site, band, [60 + n for n in range(20)])
    w01 = listen(site, "w01")
    curve = wait_for(lambda: (v := vitals(site)) and max(known(v)[1], default=0) == 79 and v, what="what was sent")
    assert curve["resident"] == "r101" and min(known(curve)[1]) == 60 and curve["series"]["temp"]
    chart = site.daemon.ctl("vitals", "r101").stdout
    assert "心率" in chart and "36.5" in chart
    lines = chart.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert any(set(line[7:].strip()) == {"="} for line in lines), "a step with readings, between gaps"
    looks = [json.loads(x) for x in
             site.daemon.ctl("--jsonl", "audit", "--access", "--resident", "r101").stdout.splitlines()]
    assert looks[:-1] and all(x["what"] == "vitals" and x["uid"] == 0 for x in looks[:-1])
    # a press now: acknowledged, so it is there after kill -9; and so is what was measured more than `Chunk` ago
    bed = site.device("sos-101")
    time.sleep(2.5)
    send(site, band, [99])
    site.press(bed, "sos-101", "k-1")
    incident = site.receipt(bed, "sos-101", "k-1")["incident"]
    site.daemon.kill9()
    down = site.daemon.ctl("--json", "vitals", "r101")
    assert min(known(json.loads(down.stdout))[1]) == 60 and "没有记录" in down.stderr
    site.daemon.start()
    assert incident in [i["incident"] for i in json.loads(site.daemon.ctl("--json", "list").stdout)]
    curve = vitals(site)
    assert min(known(curve)[1]) == 60 and max(known(curve)[1]) >= 79
    assert site.daemon.ctl("--json", "vitals", "nobody", check=False).returncode == 1
    assert w01


def test_who_has_left_is_looked_at_with_a_reason(make_site):
    """An auditor asks a year later."""
    site = make_site(settings=FAST)
    send(site, site.device("band-101"), [60 + n for n in range(20)])
    wait_for(lambda: known(vitals(site))[0] > 0, what="readings")
    folder = site.daemon.folder / "registry"
    shutil.copytree(DEMO, folder, dirs_exist_ok=True)
    for table in ("residents", "devices", "workers"):
        rows = (folder / f"{table}.csv").read_text(encoding="utf-8").splitlines()
        kept = [row for row in rows if "r101" not in row]
        (folder / f"{table}.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    assert site.daemon.ctl("import", folder).returncode == 0
    without = site.daemon.ctl("--json", "vitals", "r101", check=False)
    assert without.returncode == 1 and "--reason" in without.stderr
    why = ("--role", "auditor", "--reason", "核查")
    assert known(vitals(site, *why))[0] > 0
    assert "心率" in site.daemon.ctl("vitals", "r101", *why).stdout
    assert "no such resident" in site.daemon.ctl("--json", "vitals", "nobody", *why, check=False).stderr
    looks = [json.loads(x) for x in
             site.daemon.ctl("--jsonl", "audit", "--access", "--resident", "r101").stdout.splitlines()]
    assert "核查" in [x.get("reason") for x in looks]
    site.daemon.kill9()
    assert site.daemon.ctl("--json", "vitals", "r101", check=False).returncode == 0


def test_an_erasure_reaches_the_files(make_site):
    site = make_site(settings=FAST)
    band = site.device("band-101")
    send(site, band, [60 + n for n in range(20)])
    folder = site.daemon.folder / "state" / "readings"
    wait_for(lambda: list(folder.glob("*.day")), what="a file of readings")
    assert known(vitals(site))[0] > 0
    assert site.daemon.ctl("erase", "r101", "--reason", "申请 7").returncode == 0
    wait_for(lambda: known(vitals(site))[0] == 0, what="the erasure")
    acts = [json.loads(x)["act"] for x in site.daemon.ctl("--jsonl", "audit", "--access").stdout.splitlines()]
    assert "erase" in acts
    wait_for(lambda: "readings_erased" in site.daemon.ctl("--jsonl", "audit", "--access").stdout, what="a row that says so")
    assert site.daemon.ctl("verify").returncode == 0
    # a day whose time is over goes by itself, and the journal says so
    (folder / "20200101.day").write_bytes(b"long ago")
    wait_for(lambda: not (folder / "20200101.day").exists(), what="the end of an old day")
    site.daemon.restart()
    assert known(vitals(site))[0] == 0
    rows = site.daemon.ctl("--jsonl", "audit", "--events", "--kind", "storage").stdout.splitlines()
    assert len(rows) == 1
